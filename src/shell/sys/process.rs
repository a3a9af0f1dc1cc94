//! The process at the other end of a Unix socket, waited for to its end (pidfd_open(2)).
//!
//! Invariant: it is held while it lives: whoever is given its number later is not taken for it.

use super::checked;
use crate::time::Duration;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

pub struct Process {
    fd: OwnedFd,
}

impl Process {
    /// Who listens at the other end. An error where it cannot be seen from here, as out of another container.
    pub fn at_the_other_end(stream: &UnixStream) -> io::Result<Process> {
        let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut size = libc::socklen_t::try_from(mem::size_of_val(&peer)).unwrap_or_default();
        // SAFETY: the kernel writes at most `size` bytes into `peer`, which is plain data of that size and outlives the call.
        let got = unsafe {
            let (into, size) = ((&raw mut peer).cast(), &raw mut size);
            libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, into, size)
        };
        checked(got)?;
        if peer.pid <= 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        // SAFETY: pidfd_open takes two integers; what it gives is a descriptor of ours, or -1.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, peer.pid, 0) };
        let fd = checked(libc::c_int::try_from(fd).unwrap_or(-1))?;
        // SAFETY: it was just opened, and nobody else has it.
        Ok(Process { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// True when it has ended, all its files closed, before `patience` is over.
    pub fn ends_within(&self, patience: Duration) -> io::Result<bool> {
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let millis = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: one entry, which outlives the call.
        let ready = checked(unsafe { libc::poll(&raw mut poll, 1, millis) })?;
        Ok(ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_the_other_end_is_known_and_lives() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let process = Process::at_the_other_end(&ours).expect("it is ourselves");
        assert!(!process.ends_within(Duration::ZERO).expect("polled"));
    }
}
