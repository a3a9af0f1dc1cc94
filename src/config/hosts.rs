//! `hosts:` -> the web services that flows may ask, and what each is told about us.
//!
//! ```yaml
//! hosts:
//!   crm.internal: {headers: {Authorization: "Bearer ${file:/etc/centrala/crm-token}"}, authorities: /etc/centrala/ca.pem}
//!   127.0.0.1: {}
//! ```
//!
//! Invariant: no header can end its line, and no secret is printed.

use super::secrets::{self, Secrets};
use super::sections::{Section, Sections, limited};
use crate::fault::Faults;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

const MAX_HOSTS: usize = 200;
const MAX_HEADERS: usize = 20;

/// By host, in small letters.
pub type WebHosts = BTreeMap<String, WebHost>;

#[derive(Clone, PartialEq, Eq, Default)]
pub struct WebHost {
    /// Sent with every request. Secrets are among them.
    pub headers: Vec<(String, String)>,
    /// A PEM file of the authorities that its certificate is checked against; `None`: the system's.
    pub ca: Option<String>,
}

/// Without the headers.
impl fmt::Debug for WebHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebHost({} headers)", self.headers.len())
    }
}

pub(super) fn read(sections: &Sections<'_>, secrets: Secrets<'_>, faults: &mut Faults) -> Arc<WebHosts> {
    let mut hosts = WebHosts::new();
    for section in limited(sections, "hosts", MAX_HOSTS, faults) {
        if let Some(host) = host(section, secrets, faults) {
            hosts.insert(section.entry.key.to_ascii_lowercase(), host);
        }
    }
    Arc::new(hosts)
}

fn host(section: Section<'_>, secrets: Secrets<'_>, faults: &mut Faults) -> Option<WebHost> {
    let mut reader = section.reader(faults);
    let name = &section.entry.key;
    if let Some((host, port)) = name.split_once(':')
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        let message = format!(
            "`{}` has a port: a host is named without one (`{}`), and stands for all of its ports",
            shorten(name),
            shorten(host)
        );
        reader.fault(section.entry.spot, message);
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_name = !name.is_empty() && name.len() <= 253 && name.chars().all(plain);
    if !is_name && name.parse::<std::net::Ipv6Addr>().is_err() {
        reader.fault(
            section.entry.spot,
            format!("`{}` is no host: a name or an address, without `https://` and port", shorten(name)),
        );
        return None;
    }
    let mut fields = reader.fields(format!("host `{name}`"), section.entry.spot, section.value())?;
    let mut headers = Vec::new();
    if let Some(node) = fields.value("headers")
        && let Some(mut entries) = reader.fields("`headers`", node.spot, node)
    {
        for entry in entries.rest() {
            if let Some(value) = header(&entry.key, entry, secrets, &mut reader) {
                headers.push((entry.key.clone(), value));
            }
        }
        if headers.len() > MAX_HEADERS {
            reader.fault(node.spot, format!("more than {MAX_HEADERS} headers"));
        }
    }
    let mut ca = None;
    if let Some(node) = fields.value("authorities")
        && let Some(path) = reader.text("`authorities`", node)
    {
        if let Err(why) = secrets.authorities(path) {
            reader.fault(node.spot, format!("could not read the authorities of `{path}`: {why}"));
        }
        ca = Some(path.to_string());
    }
    fields.finish(&mut reader);
    Some(WebHost { headers, ca })
}

fn header(name: &str, entry: &crate::fault::tree::Entry, secrets: Secrets<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(token) {
        reader.fault(entry.spot, format!("`{}` is no name of a header", shorten(name)));
        return None;
    }
    let Value::Text { text, .. } = &entry.value.value else {
        reader.fault(entry.value.spot, format!("the header `{name}` is a text"));
        return None;
    };
    match secrets::filled_in(text, secrets) {
        Ok(value) if value.len() <= 4096 && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => Some(value),
        Ok(_) => {
            secrets::fault(entry.value.spot, format!("the header `{name}` is one line of ASCII"), reader);
            None
        }
        Err(why) => {
            secrets::fault(entry.value.spot, why, reader);
            None
        }
    }
}
