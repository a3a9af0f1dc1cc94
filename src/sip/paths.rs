//! Where bytes go: over the stream they belong to while it is open, else to an address (RFC 3261 section 18).
//!
//! Invariant: nothing is ever sent to a multicast, broadcast or unspecified address, whatever a message asks for.

use super::message::Request;
use super::{ConnectionId, Output, Path, Transport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The port of SIP when none is named (RFC 3261 section 19.1.2, RFC 7118 section 5).
pub fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 5060,
        Transport::Tls => 5061,
        Transport::Ws => 80,
        Transport::Wss => 443,
    }
}

impl Transport {
    /// Its name in a Via.
    pub fn token(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
}

/// The streams that are known to be open: those that something came over and that have not been reported closed.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Streams {
    open: BTreeSet<ConnectionId>,
}

impl Streams {
    pub fn heard(&mut self, path: Path) {
        if let Some(connection) = path.connection {
            self.open.insert(connection);
        }
    }

    pub fn closed(&mut self, connection: ConnectionId) {
        self.open.remove(&connection);
    }

    /// `path` as it can be used now: without its connection when that has gone.
    pub fn living(&self, mut path: Path) -> Path {
        path.connection = path.connection.filter(|connection| self.open.contains(connection));
        path
    }

    /// Sends over `path`; when its connection has gone, to `fallback` if there is one.
    pub fn transmit(&self, path: Path, fallback: Option<SocketAddr>, bytes: Vec<u8>, out: &mut Vec<Output>) {
        let mut living = self.living(path);
        if let (Some(_), None, Some(fallback)) = (path.connection, living.connection, fallback) {
            living.remote = fallback;
        }
        if is_somebody(living.remote.ip()) {
            out.push(Output::Transmit { path: living, bytes });
        }
    }
}

/// True for an address that belongs to one host.
pub fn is_somebody(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified(),
    }
}

/// Where the response to `request` goes over UDP (RFC 3261 section 18.2.2, RFC 3581 section 4): back to the source address,
/// and to the source port if the sender asked for it by `rport`, else to the port of its Via.
pub fn response_path(request: &Request, path: Path) -> Path {
    if path.transport.is_reliable() || request.via().rport().is_some() {
        return path;
    }
    Path { remote: SocketAddr::new(path.remote.ip(), request.via().port_or_default()), ..path }
}

/// Where the response goes when the stream that brought the request has gone.
pub fn response_fallback(request: &Request, path: Path) -> Option<SocketAddr> {
    path.connection?;
    Some(SocketAddr::new(path.remote.ip(), request.via().port_or_default()))
}

/// True when an address that `host` wrote about itself can be reached from where we are: it is the address that we see, or
/// at least of the same kind, so that a private address seen through a NAT is not believed.
pub fn is_plausible(written: IpAddr, seen: IpAddr) -> bool {
    let (written, seen) = (written.to_canonical(), seen.to_canonical());
    is_somebody(written) && (written == seen || scope(written) == scope(seen))
}

#[derive(PartialEq, Eq)]
enum Scope {
    Loopback,
    Private,
    Public,
}

fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(address) if address.is_loopback() => Scope::Loopback,
        // 100.64.0.0/10 is shared address space (RFC 6598).
        IpAddr::V4(address) => match address.octets() {
            [100, 64..=127, ..] => Scope::Private,
            _ if address.is_private() || address.is_link_local() => Scope::Private,
            _ => Scope::Public,
        },
        IpAddr::V6(address) if address.is_loopback() => Scope::Loopback,
        IpAddr::V6(address) if address.is_unique_local() || address.is_unicast_link_local() => Scope::Private,
        IpAddr::V6(_) => Scope::Public,
    }
}
