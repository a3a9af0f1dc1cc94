//! UDP in batches: recvmmsg with the kernel's arrival stamps, sendmmsg for RTP, sendto for signalling.
//!
//! Invariant: the raw pointers in the message headers point into the same structure's own buffers, which never move after `new`.

use crate::clock::wall_nanos;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::raw::{c_int, c_void};

const BATCH: usize = 64;
const LARGEST: usize = 4096;
/// RTP header and 20 ms of PCMU.
pub const RTP_PACKET: usize = 172;
/// Marks our own packets; behind it the moment of sending and the call's tag.
pub const MARK: &[u8; 4] = b"SLd1";

/// A bound socket that never blocks; panics when the address cannot be had, for then there is nothing to measure.
pub fn bind(address: SocketAddrV4, buffer: i32, stamped: bool) -> c_int {
    let set = |fd: c_int, option: c_int, value: c_int| {
        // SAFETY: the option's value is an int and its length is said.
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const value).cast(), 4) == 0 }
    };
    // SAFETY: plain system calls on a descriptor of our own, with an address that lives through the call.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0, "no socket: {}", std::io::Error::last_os_error());
        if !set(fd, libc::SO_RCVBUFFORCE, buffer) {
            set(fd, libc::SO_RCVBUF, buffer);
        }
        set(fd, libc::SO_SNDBUF, buffer);
        if stamped {
            set(fd, libc::SO_TIMESTAMPNS, 1);
        }
        let raw = to_raw(address);
        let bound = libc::bind(fd, (&raw const raw).cast(), size_of::<libc::sockaddr_in>() as u32);
        assert!(bound == 0, "could not bind {address}: {}", std::io::Error::last_os_error());
        fd
    }
}

/// One datagram; a lost one is a lost one.
pub fn send(fd: c_int, bytes: &[u8], to: SocketAddrV4) {
    let raw = to_raw(to);
    // SAFETY: both pointers live through the call and their lengths are said.
    unsafe {
        libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), 0, (&raw const raw).cast(), size_of::<libc::sockaddr_in>() as u32)
    };
}

fn to_raw(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}

fn from_raw(raw: &libc::sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes()), u16::from_be(raw.sin_port))
}

/// A batch of datagrams received.
pub struct Inbox {
    buffers: Vec<u8>,
    addresses: Vec<libc::sockaddr_in>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    control: Vec<[u64; 16]>,
}

impl Inbox {
    pub fn new() -> Inbox {
        // SAFETY: all-zero is a valid value of each of these C structures.
        let mut inbox = unsafe {
            Inbox {
                buffers: vec![0; BATCH * LARGEST],
                addresses: vec![zeroed(); BATCH],
                vectors: vec![zeroed(); BATCH],
                headers: vec![zeroed(); BATCH],
                control: vec![[0; 16]; BATCH],
            }
        };
        for (vector, buffer) in inbox.vectors.iter_mut().zip(inbox.buffers.chunks_mut(LARGEST)) {
            *vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: LARGEST };
        }
        inbox
    }

    /// How many came; fewer than `is_full` says means that the socket is empty.
    pub fn receive(&mut self, fd: c_int) -> usize {
        for index in 0..BATCH {
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = self.control[index].as_mut_ptr().cast();
            header.msg_controllen = size_of::<[u64; 16]>();
            header.msg_flags = 0;
        }
        // SAFETY: every header points into our own buffers, which are as long as they say.
        let count =
            unsafe { libc::recvmmsg(fd, self.headers.as_mut_ptr(), BATCH as u32, libc::MSG_DONTWAIT, std::ptr::null_mut()) };
        usize::try_from(count).unwrap_or(0)
    }

    pub fn is_full(count: usize) -> bool {
        count == BATCH
    }

    pub fn bytes(&self, index: usize) -> &[u8] {
        &self.buffers[index * LARGEST..][..self.headers[index].msg_len as usize]
    }

    pub fn from(&self, index: usize) -> SocketAddrV4 {
        from_raw(&self.addresses[index])
    }

    /// When the kernel took it in, wall nanoseconds.
    pub fn arrived(&self, index: usize) -> u64 {
        let header = &self.headers[index].msg_hdr;
        // SAFETY: the kernel wrote these control messages; the macros walk them within msg_controllen.
        unsafe {
            let mut control = libc::CMSG_FIRSTHDR(header);
            while !control.is_null() {
                if (*control).cmsg_level == libc::SOL_SOCKET && (*control).cmsg_type == libc::SCM_TIMESTAMPNS {
                    let time = std::ptr::read_unaligned(libc::CMSG_DATA(control).cast::<libc::timespec>());
                    return time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
                }
                control = libc::CMSG_NXTHDR(header, control);
            }
        }
        wall_nanos()
    }
}

/// RTP packets waiting to be sent together.
pub struct Outbox {
    fd: c_int,
    waiting: usize,
    packets: Vec<[u8; RTP_PACKET]>,
    addresses: Vec<libc::sockaddr_in>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    pub sent: u64,
}

impl Outbox {
    pub fn new(fd: c_int) -> Outbox {
        // SAFETY: all-zero is a valid value of each of these C structures.
        unsafe {
            Outbox {
                fd,
                waiting: 0,
                packets: vec![[0xff; RTP_PACKET]; BATCH],
                addresses: vec![zeroed(); BATCH],
                vectors: vec![zeroed(); BATCH],
                headers: vec![zeroed(); BATCH],
                sent: 0,
            }
        }
    }

    /// A PCMU packet of silence that carries the moment of its sending and the call's tag.
    pub fn push(&mut self, to: SocketAddrV4, sequence: u16, timestamp: u32, ssrc: u32, tag: u32) {
        let packet = &mut self.packets[self.waiting];
        packet[0] = 0x80;
        packet[1] = 0;
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet[12..16].copy_from_slice(MARK);
        packet[16..24].copy_from_slice(&wall_nanos().to_be_bytes());
        packet[24..28].copy_from_slice(&tag.to_be_bytes());
        self.addresses[self.waiting] = to_raw(to);
        self.waiting += 1;
        if self.waiting == BATCH {
            self.flush();
        }
    }

    pub fn flush(&mut self) {
        for index in 0..self.waiting {
            self.vectors[index] =
                libc::iovec { iov_base: self.packets[index].as_mut_ptr().cast::<c_void>(), iov_len: RTP_PACKET };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
        }
        let mut done = 0;
        while done < self.waiting {
            // SAFETY: the headers point into our own buffers; `done` stays within them.
            let count =
                unsafe { libc::sendmmsg(self.fd, self.headers.as_mut_ptr().add(done), (self.waiting - done) as u32, 0) };
            // One that cannot be sent is passed over: it counts as lost where it was expected.
            let count = usize::try_from(count).unwrap_or(0);
            self.sent += count as u64;
            done += count.max(1);
        }
        self.waiting = 0;
    }
}
