//! The UDP doors of the signalling: read and written by the control thread itself, many datagrams per system call.
//!
//! What is sent is collected per socket and leaves when the batch of events has been decided. Invariant: a path's `local` is
//! always a concrete address of ours, also when the socket listens on every one.

use super::fence::Fence;
use super::sys::datagrams::{self, BATCH, Inlet, Outgoing};
use crate::sip::{Input, Path, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use tracing::{debug, warn};

/// What the kernel may hold for us while we are busy: 8 MB, about 8,000 INVITEs.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// At most this many datagrams wait in one door for the end of a batch; one more is dropped, and SIP repeats it.
const MAX_WAITING: usize = 16 * 1024;

/// One bound socket.
pub struct Door {
    socket: UdpSocket,
    address: SocketAddr,
    waiting: Vec<(Path, Vec<u8>)>,
}

impl Door {
    pub fn bind(address: SocketAddr) -> io::Result<Door> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // One family per socket: addresses are then what they look like, never ::ffff:1.2.3.4.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        if datagrams::force_receive_buffer(socket.as_raw_fd(), RECEIVE_BUFFER).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        if address.ip().is_unspecified() {
            datagrams::ask_for_local_address(socket.as_raw_fd(), &address)?;
        }
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        let address = socket.local_addr()?;
        Ok(Door { socket, address, waiting: Vec::new() })
    }

    /// Where it is bound; with the port that the system chose when it was asked for any.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn is_wild(&self) -> bool {
        self.address.ip().is_unspecified()
    }
}

/// What was lost here, for whoever watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lost {
    /// No door, a full door, or a full socket buffer.
    pub dropped: u64,
    /// Stopped by the lab's fence.
    pub fenced: u64,
}

pub struct Doors {
    doors: Vec<Door>,
    fence: Fence,
    inlet: Inlet,
    lost: Lost,
}

impl Doors {
    pub fn new(doors: Vec<Door>, fence: Fence) -> Doors {
        Doors { doors, fence, inlet: Inlet::default(), lost: Lost::default() }
    }

    /// To wait for with epoll; the place in the list is what `receive` wants.
    pub fn fds(&self) -> impl Iterator<Item = RawFd> + '_ {
        self.doors.iter().map(|door| door.socket.as_raw_fd())
    }

    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Takes one batch that waits at one door. True when there may be more.
    pub fn receive(&mut self, door: usize, into: &mut Vec<Input>) -> bool {
        let Some(Door { socket, address, .. }) = self.doors.get(door) else { return false };
        let bound = *address;
        let taken = self.inlet.receive(socket.as_raw_fd(), |datagram| {
            let local = SocketAddr::new(datagram.to.unwrap_or(bound.ip()), bound.port());
            let path = Path { transport: Transport::Udp, local, remote: datagram.from, connection: None };
            into.push(Input::Received { path, bytes: datagram.bytes.to_vec() });
        });
        match taken {
            Ok(count) => count == BATCH,
            // An ICMP error of something that we sent, at worst: the next read is about datagrams again.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                debug!(%error, "reading datagrams");
                false
            }
            Err(_) => false,
        }
    }

    /// Puts a datagram into its door; it leaves with [`Doors::flush`]. The path comes back when nothing can be sent there.
    pub fn send(&mut self, path: Path, bytes: Vec<u8>) -> Result<(), Path> {
        if !self.fence.lets_through(path.remote.ip()) {
            if self.lost.fenced == 0 {
                warn!(to = %path.remote.ip(), "the lab sends nothing outside this machine: dropped");
            }
            self.lost.fenced += 1;
            return Err(path);
        }
        let Some(door) = self.door_of(&path) else {
            debug!(from = %path.local, "no listener of ours to send from");
            self.lost.dropped += 1;
            return Err(path);
        };
        if door.waiting.len() >= MAX_WAITING {
            self.lost.dropped += 1;
            return Ok(());
        }
        door.waiting.push((path, bytes));
        Ok(())
    }

    /// The door bound to exactly that address, or the one that stands for every address with that port.
    fn door_of(&mut self, path: &Path) -> Option<&mut Door> {
        let exact = self.doors.iter().position(|door| door.address == path.local);
        let index = exact.or_else(|| {
            self.doors.iter().position(|door| {
                door.is_wild() && door.address.port() == path.local.port() && door.address.is_ipv4() == path.local.is_ipv4()
            })
        })?;
        self.doors.get_mut(index)
    }

    /// Sends what waits. What the system refuses to send is told as unreachable; what it has no room for is dropped.
    pub fn flush(&mut self, unreachable: &mut Vec<Input>) {
        for door in &mut self.doors {
            if !door.waiting.is_empty() {
                self.lost.dropped += flush(door, unreachable);
            }
        }
    }
}

fn flush(door: &mut Door, unreachable: &mut Vec<Input>) -> u64 {
    let mut done = 0;
    let mut dropped = 0;
    while done < door.waiting.len() {
        let end = door.waiting.len().min(done + BATCH);
        let batch: Vec<Outgoing<'_>> = door.waiting[done..end]
            .iter()
            .map(|(path, bytes)| Outgoing { to: path.remote, from: source(door, path), bytes })
            .collect();
        match datagrams::send(door.socket.as_raw_fd(), &batch) {
            Ok(sent) => done += sent.max(1),
            Err(error) => match fate(&error) {
                Fate::Again => {}
                Fate::DropOne => {
                    dropped += 1;
                    done += 1;
                }
                Fate::DropAll => {
                    dropped += (door.waiting.len() - done) as u64;
                    break;
                }
                Fate::Unreachable => {
                    let path = door.waiting[done].0;
                    debug!(to = %path.remote, %error, "could not send");
                    unreachable.push(Input::Unreachable { path });
                    done += 1;
                }
            },
        }
    }
    door.waiting.clear();
    dropped
}

/// What becomes of a datagram that the system did not take.
enum Fate {
    /// The call said something about an earlier one.
    Again,
    DropOne,
    /// There is no room, nor for those after it.
    DropAll,
    Unreachable,
}

fn fate(error: &io::Error) -> Fate {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused, _) => Fate::Again,
        (io::ErrorKind::WouldBlock, _) | (_, Some(libc::ENOBUFS | libc::ENOMEM)) => Fate::DropAll,
        // A packet filter ate it, as a network might: SIP repeats it.
        (io::ErrorKind::PermissionDenied, _) => Fate::DropOne,
        _ => Fate::Unreachable,
    }
}

/// The address to send from: said only where the socket itself does not.
fn source(door: &Door, path: &Path) -> Option<IpAddr> {
    (door.is_wild() && !path.local.ip().is_unspecified()).then_some(path.local.ip())
}

#[cfg(test)]
mod tests {
    use super::super::sys::epoll::Epoll;
    use super::*;
    use crate::time::Duration;

    /// Everything that arrives at door 0, waiting until there is as much as that.
    fn receive(doors: &mut Doors, count: usize) -> Vec<(Path, Vec<u8>)> {
        let mut epoll = Epoll::new().expect("an epoll");
        epoll.add(doors.fds().next().expect("a door"), 0).expect("a descriptor of ours");
        let mut inputs = Vec::new();
        while inputs.len() < count {
            let told = epoll.wait(Some(Duration::from_secs(5))).expect("a wait").count();
            assert_eq!(told, 1, "nothing came");
            doors.receive(0, &mut inputs);
        }
        let unwrap = |input| match input {
            Input::Received { path, bytes } => (path, bytes),
            other => panic!("{other:?}"),
        };
        inputs.into_iter().map(unwrap).collect()
    }

    fn check_round_trip(listen: &str, reach: &str) {
        let listener = Door::bind(listen.parse().expect("an address")).expect("a free port");
        let port = listener.address().port();
        let mut doors = Doors::new(vec![listener], Fence { lab: true });
        let reach: IpAddr = reach.parse().expect("an address");
        let phone = UdpSocket::bind((reach, 0)).expect("a free port");
        for text in ["one", "two"] {
            phone.send_to(text.as_bytes(), (reach, port)).expect("loopback");
        }
        let got = receive(&mut doors, 2);
        let path = got[0].0;
        assert_eq!(path.local, SocketAddr::new(reach, port), "the address that was asked");
        assert_eq!(path.remote, phone.local_addr().expect("bound"));
        assert_eq!([&got[0].1[..], &got[1].1[..]], [b"one", b"two"]);

        let mut unreachable = Vec::new();
        doors.send(path, b"three".to_vec()).expect("inside the fence");
        doors.flush(&mut unreachable);
        assert!(unreachable.is_empty());
        let mut buffer = [0; 16];
        phone.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let (length, from) = phone.recv_from(&mut buffer).expect("the answer");
        assert_eq!((&buffer[..length], from), (&b"three"[..], SocketAddr::new(reach, port)));
    }

    #[test]
    fn datagrams_come_and_go_by_the_address_that_was_asked() {
        check_round_trip("127.0.0.1:0", "127.0.0.1");
        check_round_trip("0.0.0.0:0", "127.0.0.9");
        check_round_trip("[::1]:0", "::1");
        check_round_trip("[::]:0", "::1");
    }

    #[test]
    fn the_fence_stops_a_datagram_and_says_so() {
        let door = Door::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let local = door.address();
        let mut doors = Doors::new(vec![door], Fence { lab: true });
        let remote = "192.0.2.1:5060".parse().expect("an address");
        let path = Path { transport: Transport::Udp, local, remote, connection: None };
        assert_eq!(doors.send(path, vec![1]), Err(path));
        assert_eq!(doors.lost(), Lost { dropped: 0, fenced: 1 });
    }

    #[test]
    fn a_datagram_that_the_system_refuses_does_not_stop_the_next() {
        let door = Door::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let local = door.address();
        let mut doors = Doors::new(vec![door], Fence { lab: false });
        let phone = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let path = |remote| Path { transport: Transport::Udp, local, remote, connection: None };
        // A socket bound to loopback cannot send into the world.
        let nowhere = path("192.0.2.1:5060".parse().expect("an address"));
        let good = path(phone.local_addr().expect("bound"));
        let mut unreachable = Vec::new();
        doors.send(nowhere, vec![1]).expect("no fence");
        doors.send(good, vec![2]).expect("no fence");
        doors.flush(&mut unreachable);
        assert!(matches!(unreachable[..], [Input::Unreachable { path }] if path == nowhere), "{unreachable:?}");
        phone.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let mut buffer = [0; 16];
        assert_eq!(phone.recv_from(&mut buffer).expect("the second").0, 1);
    }
}
