//! The sockets of one media thread, one per leg: which has something to read, whose it is, and how to take what it has.
//!
//! A pool of shared ports can take the place of this file. Invariant: a leg has one socket, and one descriptor here is one leg's.

use crate::id::{LegId, Table};
use crate::shell::sys::epoll::Epoll;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

/// Datagrams taken from one socket at a time: what two legs send each other, after a hiccup of the network; not so many that one
/// peer's flood delays the others.
pub const DRAIN: usize = 4;
/// Nothing that we agree to is larger; what is gets cut, and then refused.
const DATAGRAM: usize = 2048;

/// By descriptor (for what comes) and by leg (for what goes).
#[derive(Default)]
pub struct Sockets {
    by_descriptor: Vec<Option<(LegId, UdpSocket)>>,
    by_leg: Table<LegId, usize>,
}

impl Sockets {
    /// From now on `epoll` tells of it, by its descriptor, whenever something comes; and now, if something has.
    pub fn insert(&mut self, leg: LegId, socket: UdpSocket, epoll: &Epoll) -> io::Result<()> {
        self.remove(leg);
        let index = descriptor(&socket);
        epoll.add_for_news(socket.as_raw_fd(), index as u64)?;
        if self.by_descriptor.len() <= index {
            self.by_descriptor.resize_with(index + 1, || None);
        }
        self.by_descriptor[index] = Some((leg, socket));
        self.by_leg.insert(leg, index);
        Ok(())
    }

    /// Closes the socket, and with it epoll's interest.
    pub fn remove(&mut self, leg: LegId) {
        if let Some(index) = self.by_leg.remove(&leg) {
            self.by_descriptor[index] = None;
        }
    }

    /// Gives the socket away, open, with all that waits in it.
    pub fn take(&mut self, leg: LegId, epoll: &Epoll) -> Option<UdpSocket> {
        let (_, socket) = self.by_descriptor[self.by_leg.remove(&leg)?].take()?;
        if let Err(error) = epoll.remove(socket.as_raw_fd()) {
            tracing::error!(?leg, %error, "could not stop watching a media socket");
        }
        Some(socket)
    }

    /// Whose descriptor it is.
    pub fn at(&self, token: u64) -> Option<(LegId, RawFd)> {
        let (leg, socket) = self.by_descriptor.get(usize::try_from(token).ok()?)?.as_ref()?;
        Some((*leg, socket.as_raw_fd()))
    }

    pub fn of(&self, leg: LegId) -> Option<&UdpSocket> {
        let index = *self.by_leg.get(&leg)?;
        self.by_descriptor.get(index)?.as_ref().map(|(_, socket)| socket)
    }
}

/// Room for what one socket has.
pub struct Inlet {
    bytes: Box<[u8]>,
}

impl Default for Inlet {
    fn default() -> Inlet {
        Inlet { bytes: vec![0; DRAIN * DATAGRAM].into() }
    }
}

impl Inlet {
    /// Takes at most [`DRAIN`] datagrams in one system call, without blocking. False when there is nothing more for now.
    pub fn receive(&mut self, fd: RawFd, mut each: impl FnMut(SocketAddr, &[u8])) -> bool {
        // SAFETY: these are plain data of C, for which all zeroes are a value.
        let (mut names, mut headers): ([libc::sockaddr_in6; DRAIN], [libc::mmsghdr; DRAIN]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; DRAIN];
        for (index, buffer) in self.bytes.chunks_exact_mut(DATAGRAM).enumerate() {
            vectors[index] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut names[index]).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
        }
        // SAFETY: every header points at a name, a vector and a buffer that live until the end of this function and are as long
        // as the header says.
        let result = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), DRAIN as libc::c_uint, libc::MSG_DONTWAIT as _, std::ptr::null_mut())
        };
        let count = usize::try_from(result).unwrap_or(0);
        for index in 0..count.min(DRAIN) {
            let length = (headers[index].msg_len as usize).min(DATAGRAM);
            if let Some(from) = address(&names[index]) {
                each(from, &self.bytes[index * DATAGRAM..][..length]);
            }
        }
        // An error other than emptiness stands in the way of what is behind it, once.
        count >= DRAIN || (result < 0 && io::Error::last_os_error().kind() != io::ErrorKind::WouldBlock)
    }
}

/// The address that the kernel wrote: of either family, the IPv6 one being the longer.
fn address(name: &libc::sockaddr_in6) -> Option<SocketAddr> {
    match i32::from(name.sin6_family) {
        libc::AF_INET => {
            // SAFETY: the family says which structure this is; it is shorter than the one it stands in, and aligned no stricter.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
            Some(SocketAddr::from((ip, u16::from_be(name.sin_port))))
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), name.sin6_flowinfo, name.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// A descriptor is a small number, never negative.
fn descriptor(socket: &UdpSocket) -> usize {
    usize::try_from(socket.as_raw_fd()).unwrap_or(usize::MAX)
}
