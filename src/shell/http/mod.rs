//! Web services, asked for flows: JSON over HTTP/1.1, plain or over TLS.
//!
//! ```text
//!   HttpRequest --address--> host allowed? circuit closed? --attempt (retries)--> resolve, fence, connect, TLS, exchange --> Reply::Http
//! ```
//!
//! | file | subject |
//! |---|---|
//! | here | which hosts, how often, when not at all |
//! | `address` | an address in its parts |
//! | `breaker` | the circuit breaker: a service that does not answer is left alone for a while |
//! | `exchange` | one request and its answer on one connection |
//! | `tls` | the way in where the address says `https` |
//!
//! A redirection is an answer like any other and is not followed. Invariant: nobody is asked who is not in the configuration, and
//! no answer takes more than [`exchange::MAX_BODY`].

mod address;
mod breaker;
mod exchange;
#[cfg(test)]
mod tests;
mod tls;

use super::fence::Fence;
use super::reactor::addresses;
use crate::ask::{HttpReply, HttpRequest, Reply};
use crate::config::{WebHost, WebHosts};
use crate::time::Duration;
use address::Address;
use breaker::Breakers;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Requests at once; others wait their turn until their time is up.
const AT_ONCE: usize = 64;
/// Host names resolved at once.
const NAMES_AT_ONCE: usize = 8;
/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 4;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// The hosts that may be asked, and how they have answered of late.
pub struct Web {
    hosts: RwLock<Arc<WebHosts>>,
    breakers: Mutex<Breakers>,
    roots: tls::Roots,
    turns: Semaphore,
    names: Semaphore,
    fence: Fence,
}

impl Web {
    pub fn new(hosts: Arc<WebHosts>, fence: Fence) -> Web {
        let (hosts, breakers) = (RwLock::new(hosts), Mutex::default());
        Web {
            hosts,
            breakers,
            roots: tls::Roots::default(),
            turns: Semaphore::new(AT_ONCE),
            names: Semaphore::new(NAMES_AT_ONCE),
            fence,
        }
    }

    /// A new configuration, for requests that come after it.
    pub fn configure(&self, hosts: Arc<WebHosts>) {
        *self.hosts.write().unwrap_or_else(PoisonError::into_inner) = hosts;
    }

    pub async fn ask(&self, request: &HttpRequest) -> Reply {
        match self.answered(request).await {
            Ok(reply) => Reply::Http(reply),
            Err(why) => Reply::Failed(why),
        }
    }

    /// One attempt, with headers of its own beside the host's; the status of the answer. The circuit breaker is for flows: who
    /// posts keeps a pace of their own.
    pub async fn post(&self, request: &HttpRequest, more: &[(String, String)]) -> Result<u16, String> {
        let (address, host) = self.allowed(request)?;
        Ok(self.attempt(&address, &host, request, more).await?.status)
    }

    fn allowed(&self, request: &HttpRequest) -> Result<(Address, WebHost), String> {
        let address: Address = request.url.parse()?;
        let host = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(address.host.as_str()).cloned();
        let host = host.ok_or_else(|| format!("the host {} may not be asked: it is not in `hosts`", address.host))?;
        Ok((address, host))
    }

    async fn answered(&self, request: &HttpRequest) -> Result<HttpReply, String> {
        let (address, host) = self.allowed(request)?;
        let Ok(_turn) = self.turns.acquire().await else { return Err("the exchange is stopping".into()) };
        let mut last = String::new();
        for attempt in 0..=request.retries {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            if !self.breakers().lets_through(&address.host, super::sys::clock::now().mono) {
                return Err(format!("{} has not answered of late and is left alone for a while", address.host));
            }
            let outcome = self.attempt(&address, &host, request, &[]).await;
            let served = matches!(&outcome, Ok(reply) if reply.status < 500);
            self.breakers().note(&address.host, served, super::sys::clock::now().mono);
            match outcome {
                Ok(reply) if served || attempt == request.retries => return Ok(reply),
                Ok(reply) => last = format!("{} answered {}", address.host, reply.status),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn breakers(&self) -> std::sync::MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(
        &self,
        address: &Address,
        host: &WebHost,
        request: &HttpRequest,
        more: &[(String, String)],
    ) -> Result<HttpReply, String> {
        let work = async {
            let stream = self.connect(address).await?;
            let head = exchange::head(address, host.headers.iter().chain(more), request.body.as_ref());
            match address.secure {
                false => exchange::exchange(stream, &head).await,
                true => exchange::exchange(self.roots.secure(stream, &address.host, host.ca.as_deref()).await?, &head).await,
            }
        };
        let timed = tokio::time::timeout(request.timeout, work).await;
        timed.unwrap_or_else(|_| Err("no answer in time".into())).map_err(|why| format!("{}: {why}", address.host))
    }

    async fn connect(&self, address: &Address) -> Result<TcpStream, String> {
        let found = match address.host.as_str() {
            // Also in the lab, which asks no name server.
            "localhost" => vec![[127, 0, 0, 1].into()],
            host => match addresses(host, self.fence, &self.names).await {
                Reply::Addresses(found) => found,
                Reply::Failed(why) => return Err(why),
                _ => Vec::new(),
            },
        };
        let mut last = "it has no address".to_string();
        for ip in found.into_iter().take(MAX_ADDRESSES) {
            if !self.fence.lets_through(ip) {
                last = "the lab reaches this machine only".into();
                continue;
            }
            match TcpStream::connect(SocketAddr::new(ip, address.port)).await {
                Ok(stream) => return Ok(stream),
                Err(fault) => last = format!("could not connect: {fault}"),
            }
        }
        Err(last)
    }
}
