//! Many datagrams per system call, each with the address of ours that it came to or leaves from.
//!
//! A listener on 0.0.0.0 must answer from the address that was asked, and tell the exchange which one that was: IP_PKTINFO
//! and IPV6_PKTINFO carry it beside each datagram. Invariant: no buffer outlives the call that filled it.

use super::checked;
use socket2::{SockAddr, SockAddrStorage};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;

/// Datagrams per call.
pub const BATCH: usize = 16;

/// A datagram longer than this is cut: one byte more than a SIP message may have, so that the parser sees that it is too long.
pub const LONGEST: usize = 16 * 1024 + 1;

/// Room for one pktinfo of either family; aligned as cmsghdr wants it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

/// One datagram received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub from: SocketAddr,
    /// The address of ours, when the socket was asked to tell.
    pub to: Option<IpAddr>,
    pub bytes: &'a [u8],
}

/// One datagram to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub to: SocketAddr,
    /// The address of ours to send from; `None` leaves it to the socket.
    pub from: Option<IpAddr>,
    pub bytes: &'a [u8],
}

/// Room for one batch of arriving datagrams: pages that are never filled are never taken.
pub struct Inlet {
    bytes: Vec<u8>,
}

impl Default for Inlet {
    fn default() -> Self {
        Inlet { bytes: vec![0; BATCH * LONGEST] }
    }
}

impl Inlet {
    /// Takes what waits at the socket, at most [`BATCH`], without blocking, and says how many that were.
    pub fn receive(&mut self, fd: RawFd, mut each: impl FnMut(Received<'_>)) -> io::Result<usize> {
        // SAFETY: these are plain data of C, for which all zeroes are a value.
        let (mut names, mut headers): ([libc::sockaddr_storage; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let mut controls = [Control([0; 64]); BATCH];
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        for (index, buffer) in self.bytes.chunks_exact_mut(LONGEST).enumerate() {
            vectors[index] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut names[index]).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut controls[index]).cast();
            header.msg_controllen = mem::size_of::<Control>();
        }
        // SAFETY: every header points at a name, a vector, a control block and a buffer that live until the end of this
        // function and are as long as the header says.
        let count = checked(unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), BATCH as libc::c_uint, libc::MSG_DONTWAIT as _, std::ptr::null_mut())
        })?;
        let count = usize::try_from(count).unwrap_or(0);
        for index in 0..count {
            let header = &headers[index];
            let length = (header.msg_len as usize).min(LONGEST);
            let Some(from) = address(&names[index], header.msg_hdr.msg_namelen) else { continue };
            let start = index * LONGEST;
            each(Received { from, to: told_address(&header.msg_hdr), bytes: &self.bytes[start..start + length] });
        }
        Ok(count)
    }
}

/// Sends in order, at most [`BATCH`], without blocking. Says how many went; an error is that of the first that did not.
pub fn send(fd: RawFd, outgoing: &[Outgoing<'_>]) -> Result<usize, io::Error> {
    let count = outgoing.len().min(BATCH);
    // SAFETY: plain data of C, for which all zeroes are a value.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let names: Vec<SockAddr> = outgoing[..count].iter().map(|datagram| datagram.to.into()).collect();
    let mut controls = [Control([0; 64]); BATCH];
    let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    for (index, datagram) in outgoing[..count].iter().enumerate() {
        vectors[index] = libc::iovec { iov_base: datagram.bytes.as_ptr().cast_mut().cast(), iov_len: datagram.bytes.len() };
        let header = &mut headers[index].msg_hdr;
        header.msg_name = names[index].as_ptr().cast_mut().cast();
        header.msg_namelen = names[index].len();
        header.msg_iov = &raw mut vectors[index];
        header.msg_iovlen = 1;
        if let Some(from) = datagram.from {
            header.msg_control = (&raw mut controls[index]).cast();
            header.msg_controllen = mem::size_of::<Control>();
            tell_address(header, from);
        }
    }
    // SAFETY: every header points at memory that lives until the end of this function; sendmmsg only reads it.
    let sent = checked(unsafe {
        libc::sendmmsg(fd, headers.as_mut_ptr(), count as libc::c_uint, (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _)
    })?;
    Ok(usize::try_from(sent).unwrap_or(0))
}

/// Asks the socket to tell, with each datagram, which address of ours it came to.
pub fn ask_for_local_address(fd: RawFd, family: &SocketAddr) -> io::Result<()> {
    match family {
        SocketAddr::V4(_) => set(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        SocketAddr::V6(_) => set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    }
}

/// A receive buffer past the system's limit; needs CAP_NET_ADMIN.
pub fn force_receive_buffer(fd: RawFd, bytes: usize) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX))
}

fn set(fd: RawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = mem::size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value is a C int that lives through the call, which reads `length` bytes of it.
    checked(unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) })?;
    Ok(())
}

fn address(name: &libc::sockaddr_storage, length: libc::socklen_t) -> Option<SocketAddr> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `view_as` gives the storage as the sockaddr_storage it is; the kernel filled `name` with an address of `length`.
    let address = unsafe {
        *storage.view_as::<libc::sockaddr_storage>() = *name;
        SockAddr::new(storage, length)
    };
    address.as_socket()
}

/// What a pktinfo beside the datagram says.
fn told_address(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the CMSG macros walk the control block within the length that the kernel wrote into the header; the payloads
    // are read unaligned, and only when level and type say what they are.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let payload = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let told = payload.cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(told.ipi_spec_dst.s_addr))));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let told = payload.cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(IpAddr::V6(Ipv6Addr::from(told.ipi6_addr.s6_addr)));
                }
                _ => message = libc::CMSG_NXTHDR(header, message),
            }
        }
    }
    None
}

/// Writes a pktinfo into the header's control block, and its length into the header.
fn tell_address(header: &mut libc::msghdr, from: IpAddr) {
    // SAFETY: the control block is zeroed, aligned and 64 bytes long; one header with either payload takes at most 40.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        let size = match from {
            IpAddr::V4(from) => {
                let told = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from(from).to_be() },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                (*message).cmsg_level = libc::IPPROTO_IP;
                (*message).cmsg_type = libc::IP_PKTINFO;
                libc::CMSG_DATA(message).cast::<libc::in_pktinfo>().write_unaligned(told);
                mem::size_of_val(&told)
            }
            IpAddr::V6(from) => {
                let told = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: from.octets() }, ipi6_ifindex: 0 };
                (*message).cmsg_level = libc::IPPROTO_IPV6;
                (*message).cmsg_type = libc::IPV6_PKTINFO;
                libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>().write_unaligned(told);
                mem::size_of_val(&told)
            }
        };
        (*message).cmsg_len = libc::CMSG_LEN(size as libc::c_uint) as _;
        header.msg_controllen = libc::CMSG_SPACE(size as libc::c_uint) as _;
    }
}
