//! Binds every listener of the configuration, or says in one sentence which one not and why.
//!
//! A port of 0 asks the system for one; listeners of one address that ask so get the same one, so that a phone that changes
//! from UDP to TCP finds us. Invariant: either all are bound or none is.

use super::udp::Door;
use crate::sip::{Listener, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// A chosen port may be taken on the other transport: so often is another chosen.
const TRIES: usize = 20;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

#[derive(Default)]
pub struct Bound {
    pub udp: Vec<Door>,
    pub tcp: Vec<TcpListener>,
    /// The listeners as given, with the ports that were chosen.
    pub listeners: Vec<Listener>,
}

/// Finishes no sentence: it is one.
#[derive(Debug, thiserror::Error)]
pub enum BindFault {
    #[error("could not listen on {transport} {address}: {why}")]
    Refused { transport: &'static str, address: SocketAddr, why: String, passes: bool },
    #[error("could not listen on {transport} {address}: this transport is not built yet")]
    NotBuilt { transport: &'static str, address: SocketAddr },
}

impl BindFault {
    /// Another try, later, may succeed: the port is let go, the address comes up. A privilege that we have not does not come.
    pub fn passes(&self) -> bool {
        matches!(self, BindFault::Refused { passes: true, .. })
    }
}

pub fn bind(listeners: &[Listener]) -> Result<Bound, BindFault> {
    let mut last = None;
    for _ in 0..TRIES {
        match bind_once(listeners) {
            Err((fault, true)) => last = Some(fault),
            Err((fault, false)) => return Err(fault),
            Ok(bound) => return Ok(bound),
        }
    }
    match last {
        Some(fault) => Err(fault),
        None => bind_once(listeners).map_err(|(fault, _)| fault),
    }
}

/// The flag beside the fault: another choice of port might do.
fn bind_once(listeners: &[Listener]) -> Result<Bound, (BindFault, bool)> {
    let mut bound = Bound::default();
    let mut chosen: BTreeMap<IpAddr, u16> = BTreeMap::new();
    for listener in listeners {
        let asked = listener.address;
        let known = chosen.get(&asked.ip()).copied();
        let mut address = asked;
        if asked.port() == 0 {
            address.set_port(known.unwrap_or(0));
        }
        let refused = |error: io::Error| {
            let retry = known.is_some() && asked.port() == 0 && error.kind() == io::ErrorKind::AddrInUse;
            let passes = error.kind() != io::ErrorKind::PermissionDenied;
            (BindFault::Refused { transport: name(listener.transport), address, why: reason(&error), passes }, retry)
        };
        let actual = match listener.transport {
            Transport::Udp => {
                let door = Door::bind(address).map_err(refused)?;
                let actual = door.address();
                bound.udp.push(door);
                actual
            }
            Transport::Tcp => {
                let socket = listen(address).map_err(refused)?;
                let actual = socket.local_addr().map_err(refused)?;
                bound.tcp.push(socket);
                actual
            }
            other => return Err((BindFault::NotBuilt { transport: name(other), address }, false)),
        };
        if asked.port() == 0 {
            chosen.insert(asked.ip(), actual.port());
        }
        bound.listeners.push(Listener { address: actual, ..listener.clone() });
    }
    Ok(bound)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // So that a restart need not wait until the old connections have died away.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use, perhaps by another centrala (see `ss -lptun`)".to_string(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_string(),
        io::ErrorKind::PermissionDenied => "permission denied (ports below 1024 need a privilege)".to_string(),
        _ => error.to_string(),
    }
}

/// As it is written in configuration and Via.
pub fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(transport: Transport, address: &str) -> Listener {
        Listener { address: address.parse().expect("an address"), transport, algorithms: Vec::new() }
    }

    #[test]
    fn udp_and_tcp_are_given_the_same_chosen_port() {
        let bound = bind(&[listener(Transport::Udp, "127.0.0.1:0"), listener(Transport::Tcp, "127.0.0.1:0")]).expect("room");
        let ports: Vec<u16> = bound.listeners.iter().map(|listener| listener.address.port()).collect();
        assert_ne!(ports[0], 0);
        assert_eq!(ports[0], ports[1]);
        assert_eq!((bound.udp.len(), bound.tcp.len()), (1, 1));
    }

    #[test]
    fn a_port_in_use_is_one_clear_sentence() {
        let first = bind(&[listener(Transport::Udp, "127.0.0.1:0")]).expect("room");
        let address = first.listeners[0].address;
        let Err(fault) = bind(&first.listeners) else { panic!("bound twice") };
        assert_eq!(
            fault.to_string(),
            format!("could not listen on udp {address}: the port is in use, perhaps by another centrala (see `ss -lptun`)")
        );
    }

    #[test]
    fn an_address_that_is_not_ours_is_one_clear_sentence() {
        let Err(fault) = bind(&[listener(Transport::Tcp, "192.0.2.1:5060")]) else { panic!("bound elsewhere") };
        assert_eq!(fault.to_string(), "could not listen on tcp 192.0.2.1:5060: this machine has no such address");
    }
}
