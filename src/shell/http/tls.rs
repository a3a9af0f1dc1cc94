//! TLS to web services: 1.2 and 1.3, the server's certificate checked against the system's authorities or the host's own.
//!
//! Invariant: a certificate that cannot be checked ends the connection before a byte of the request has left.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// What is trusted, by the file of authorities; `None`: the system's. Read once.
#[derive(Default)]
pub struct Roots(Mutex<BTreeMap<Option<String>, Arc<ClientConfig>>>);

impl Roots {
    pub async fn secure(&self, stream: TcpStream, host: &str, ca: Option<&str>) -> Result<TlsStream<TcpStream>, String> {
        let config = self.config(ca)?;
        let name = ServerName::try_from(host.to_string()).map_err(|_| "its name cannot stand in a certificate".to_string())?;
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|fault| format!("no secure connection: {fault}"))
    }

    fn config(&self, ca: Option<&str>) -> Result<Arc<ClientConfig>, String> {
        let key = ca.map(str::to_string);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(&key) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(build(ca)?);
        known.insert(key, Arc::clone(&config));
        Ok(config)
    }
}

fn build(ca: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let unreadable = |fault: &dyn std::fmt::Display| format!("could not read the authorities of {file}: {fault}");
            for certificate in CertificateDer::pem_file_iter(file).map_err(|fault| unreadable(&fault))? {
                let certificate = certificate.map_err(|fault| unreadable(&fault))?;
                roots.add(certificate).map_err(|fault| unreadable(&fault))?;
            }
        }
        // Single ones that cannot be read are left out.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err("there are no authorities to check certificates against".into());
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|fault| format!("no TLS: {fault}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
