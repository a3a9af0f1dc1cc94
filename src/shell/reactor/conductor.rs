//! Who is connected: streams by number and by peer, how many from whom, connecting out.
//!
//! A source may hold [`MAX_UNKNOWN`] connections over which nothing was proved yet; a connection is known once the exchange has
//! accepted a registration or a call over it, or calls over it itself. Invariant: everything that was counted in is counted
//! out, in `forget` and nowhere else.

use super::super::hooks;
use super::super::sys::routes;
use super::connection::{self, Outgoing};
use super::questions::Oracle;
use super::{Herald, News, Order, ReactorSettings, control};
use crate::config::{Plan, Webhooks};
use crate::sip::{ConnectionId, Input, Path, Transport};
use crate::time::Duration;
use memchr::memmem;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

/// Connections of one source (an IPv4 address, an IPv6 /64) that have proved nothing.
pub const MAX_UNKNOWN: u32 = 50;

/// Messages that wait for one connection to be made.
const MAX_WAITING: usize = 64;

/// A peer that does not take our connection in this time is unreachable.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Accepting goes on so long after the system had no descriptor left for it.
const BREATHER: Duration = Duration::from_millis(100);

/// How long the last bytes may take to leave when the exchange stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// Events between the tasks and the conductor.
const MAX_EVENTS: usize = 256;

struct Peer {
    path: Path,
    outgoing: Outgoing,
    known: bool,
}

/// How soon it is noticed that the machine has another address.
const LOOK_AT_ROUTES: Duration = Duration::from_secs(10);

/// Tells of addresses and routes when they have changed. Those of the start are known.
async fn routes_that_change(herald: Herald) {
    let look = || tokio::task::spawn_blocking(routes::read);
    let Ok(mut known) = look().await else { return };
    loop {
        tokio::time::sleep(LOOK_AT_ROUTES).await;
        let Ok(now) = look().await else { return };
        if now != known {
            known = now.clone();
            herald.tell(News::Routes(now)).await;
        }
    }
}

/// What the tasks tell the conductor.
enum Event {
    Accepted(TcpStream, SocketAddr),
    Connected { key: (SocketAddr, SocketAddr), result: io::Result<TcpStream> },
}

struct Conductor {
    settings: ReactorSettings,
    herald: Herald,
    peers: BTreeMap<ConnectionId, Peer>,
    /// The newest connection to each (our listener, peer).
    by_remote: BTreeMap<SocketAddr, ConnectionId>,
    unknown: BTreeMap<IpAddr, u32>,
    /// What waits for a connection that is being made, by (our listener, peer).
    connecting: BTreeMap<(SocketAddr, SocketAddr), Vec<Vec<u8>>>,
    next: u64,
    events: mpsc::Sender<Event>,
    ended: mpsc::Sender<ConnectionId>,
}

pub async fn run(
    mut settings: ReactorSettings,
    control_socket: UnixListenerBound,
    mut orders: mpsc::Receiver<Order>,
    herald: Herald,
    webhooks: watch::Receiver<Arc<Webhooks>>,
    plan: watch::Receiver<Arc<Plan>>,
) {
    let (events, mut events_in) = mpsc::channel(MAX_EVENTS);
    let (ended, mut ended_in) = mpsc::channel(MAX_EVENTS);
    for listener in std::mem::take(&mut settings.listeners) {
        match TcpListener::from_std(listener) {
            Ok(listener) => drop(tokio::spawn(accept(listener, events.clone()))),
            Err(error) => warn!(%error, "a TCP listener cannot be used"),
        }
    }
    let desk = control::Desk::new(&settings, herald.clone(), webhooks.clone());
    match UnixListener::from_std(control_socket.0) {
        Ok(listener) => drop(tokio::spawn(control::serve(listener, desk.clone()))),
        Err(error) => warn!(%error, "the control socket cannot be used"),
    }
    let oracle = Oracle::new(&settings, plan.clone());
    tokio::spawn(hooks::serve(settings.web.clone(), settings.outbox.clone(), webhooks, plan));
    tokio::spawn(routes_that_change(herald.clone()));
    let mut conductor = Conductor {
        settings,
        herald,
        peers: BTreeMap::new(),
        by_remote: BTreeMap::new(),
        unknown: BTreeMap::new(),
        connecting: BTreeMap::new(),
        next: 0,
        events,
        ended,
    };
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => break,
                Some(Order::Send { path, bytes }) => conductor.send(path, bytes).await,
                Some(Order::Close(connection)) => conductor.forget(connection).await,
                Some(Order::Ask { ask, patience }) => {
                    tokio::spawn(oracle.clone().answer(ask, patience, conductor.herald.clone()));
                }
                Some(Order::Reply { reply, response }) => desk.reply(reply, response),
            },
            Some(event) = events_in.recv() => match event {
                Event::Accepted(stream, remote) => conductor.accepted(stream, remote),
                Event::Connected { key, result } => conductor.connected(key, result).await,
            },
            Some(connection) = ended_in.recv() => conductor.forget(connection).await,
        }
    }
    conductor.farewell(&mut ended_in).await;
    desk.farewell().await;
}

/// The control socket, bound before the thread starts so that a fault is known at once.
pub struct UnixListenerBound(pub std::os::unix::net::UnixListener);

async fn accept(listener: TcpListener, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if events.send(Event::Accepted(stream, remote)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                debug!(%error, "accepting");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

impl Conductor {
    fn accepted(&mut self, stream: TcpStream, remote: SocketAddr) {
        let source = source(remote.ip());
        let held = self.unknown.get(&source).copied().unwrap_or(0);
        if held >= MAX_UNKNOWN || self.peers.len() >= self.settings.max_connections {
            debug!(%remote, held, "one connection too many");
            return;
        }
        let Ok(local) = stream.local_addr() else { return };
        *self.unknown.entry(source).or_insert(0) += 1;
        self.admit(stream, local, remote, false);
    }

    fn admit(&mut self, stream: TcpStream, local: SocketAddr, remote: SocketAddr, known: bool) -> ConnectionId {
        self.next += 1;
        let id = ConnectionId(self.next);
        let path = Path { transport: Transport::Tcp, local, remote, connection: Some(id) };
        let outgoing = connection::start(stream, path, self.herald.clone(), self.ended.clone());
        self.peers.insert(id, Peer { path, outgoing, known });
        self.by_remote.insert(remote, id);
        id
    }

    async fn send(&mut self, path: Path, bytes: Vec<u8>) {
        let id = path.connection.or_else(|| self.by_remote.get(&path.remote).copied());
        match id.filter(|id| self.peers.contains_key(id)) {
            Some(id) => self.send_over(id, bytes).await,
            None if path.connection.is_some() => self.unreachable(path).await,
            None => self.connect(path, bytes).await,
        }
    }

    async fn send_over(&mut self, id: ConnectionId, bytes: Vec<u8>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !peer.known && proves(&bytes) {
            peer.known = true;
            release(&mut self.unknown, peer.path.remote.ip());
        }
        let remote = peer.path.remote;
        if peer.outgoing.send(bytes).is_err() {
            warn!(peer = %remote.ip(), "a peer does not read what it is sent: disconnected");
            self.forget(id).await;
        }
    }

    async fn connect(&mut self, path: Path, bytes: Vec<u8>) {
        if path.transport != Transport::Tcp {
            return self.unreachable(path).await;
        }
        if !self.settings.fence.lets_through(path.remote.ip()) {
            warn!(to = %path.remote.ip(), "the lab connects to nothing outside this machine");
            return self.unreachable(path).await;
        }
        let key = (path.local, path.remote);
        if let Some(waiting) = self.connecting.get_mut(&key) {
            if waiting.len() < MAX_WAITING {
                return waiting.push(bytes);
            }
            return self.unreachable(path).await;
        }
        if self.peers.len() + self.connecting.len() >= self.settings.max_connections {
            return self.unreachable(path).await;
        }
        self.connecting.insert(key, vec![bytes]);
        let events = self.events.clone();
        tokio::spawn(async move {
            let result = match tokio::time::timeout(CONNECT_TIME, open(path)).await {
                Ok(result) => result,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            let _ = events.send(Event::Connected { key, result }).await;
        });
    }

    async fn connected(&mut self, key: (SocketAddr, SocketAddr), result: io::Result<TcpStream>) {
        let waiting = self.connecting.remove(&key).unwrap_or_default();
        let (local, remote) = key;
        match result {
            Ok(stream) => {
                // Whom we call ourselves has proved enough.
                let id = self.admit(stream, local, remote, true);
                for bytes in waiting {
                    self.send_over(id, bytes).await;
                }
            }
            Err(error) => {
                debug!(%remote, %error, "could not connect");
                for _ in waiting {
                    self.unreachable(Path { transport: Transport::Tcp, local, remote, connection: None }).await;
                }
            }
        }
    }

    /// A connection is over, or is to be: its tasks end when their sender goes.
    async fn forget(&mut self, id: ConnectionId) {
        let Some(peer) = self.peers.remove(&id) else { return };
        if !peer.known {
            release(&mut self.unknown, peer.path.remote.ip());
        }
        if self.by_remote.get(&peer.path.remote) == Some(&id) {
            self.by_remote.remove(&peer.path.remote);
        }
        self.herald.tell(News::Sip(Input::Disconnected { connection: id })).await;
    }

    async fn unreachable(&self, path: Path) {
        self.herald.tell(News::Sip(Input::Unreachable { path })).await;
    }

    /// Lets what was queued leave.
    async fn farewell(self, ended: &mut mpsc::Receiver<ConnectionId>) {
        let mut left = self.peers.len();
        drop(self);
        let all = async {
            while left > 0 && ended.recv().await.is_some() {
                left -= 1;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}

async fn open(path: Path) -> io::Result<TcpStream> {
    let socket = if path.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !path.local.ip().is_unspecified() && path.local.is_ipv4() == path.remote.is_ipv4() {
        socket.bind(SocketAddr::new(path.local.ip(), 0))?;
    }
    socket.connect(path.remote).await
}

/// Whose connection it is: a subscriber has a whole IPv6 /64.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

fn release(unknown: &mut BTreeMap<IpAddr, u32>, address: IpAddr) {
    let source = source(address);
    if let Some(held) = unknown.get_mut(&source) {
        *held = held.saturating_sub(1);
        if *held == 0 {
            unknown.remove(&source);
        }
    }
}

/// Does what we send over a connection show that the exchange knows who is there? A request of ours does, and the acceptance
/// of a registration or a call, which needed credentials or a trunk's address. OPTIONS is answered to everybody.
fn proves(bytes: &[u8]) -> bool {
    if !bytes.starts_with(b"SIP/2.0 ") {
        return true;
    }
    let head = memmem::find(bytes, b"\r\n\r\n").map_or(bytes, |end| &bytes[..end]);
    let Some(start) = memmem::find(head, b"\r\nCSeq:") else { return false };
    let line = head[start + 2..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    bytes.starts_with(b"SIP/2.0 2") && (line.ends_with(b" REGISTER") || line.ends_with(b" INVITE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needed_credentials_proves_a_peer() {
        let check = |text: &str| proves(text.replace('\n', "\r\n").as_bytes());
        assert!(check("SIP/2.0 200 OK\nCSeq: 1 REGISTER\nContent-Length: 0\n\n"));
        assert!(check("SIP/2.0 200 OK\nVia: x\nCSeq: 7 INVITE\n\nv=0\n"));
        assert!(check("INVITE sip:1001@192.0.2.1 SIP/2.0\nCSeq: 1 INVITE\n\n"));
        assert!(!check("SIP/2.0 200 OK\nCSeq: 1 OPTIONS\n\n"));
        assert!(!check("SIP/2.0 401 Unauthorized\nCSeq: 1 REGISTER\n\n"));
        assert!(!check("SIP/2.0 200 OK\n\nCSeq: 1 REGISTER\n"), "a body proves nothing");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_source() {
        let check = |address: &str| source(address.parse().expect("an address")).to_string();
        assert_eq!(check("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(check("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
