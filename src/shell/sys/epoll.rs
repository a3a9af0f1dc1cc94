//! Waiting for many descriptors at once (epoll(7)).
//!
//! Invariant: a wait returns within its timeout, rounded up to the next millisecond.

use super::checked;
use crate::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Unless asked otherwise, at most this many descriptors are told of by one wait; the others by the next.
const MAX_TOLD: usize = 64;

pub struct Epoll {
    fd: OwnedFd,
    told: Vec<libc::epoll_event>,
}

impl Epoll {
    pub fn new() -> io::Result<Epoll> {
        Epoll::with_room(MAX_TOLD)
    }

    /// Told of at most `room` descriptors by one wait.
    pub fn with_room(room: usize) -> io::Result<Epoll> {
        // SAFETY: no memory is passed; the descriptor returned is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Epoll { fd, told: vec![libc::epoll_event { events: 0, u64: 0 }; room] })
    }

    /// `token` is told whenever there is something to read at `fd`, until `fd` is closed: what was not read now is told again
    /// (level-triggered).
    pub fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        self.watch(fd, token, libc::EPOLLIN)
    }

    /// `token` is told once after something came to `fd`, and not again until more comes (edge-triggered): cheaper, for whoever
    /// remembers what was not read.
    pub fn add_for_news(&self, fd: RawFd, token: u64) -> io::Result<()> {
        self.watch(fd, token, libc::EPOLLIN | libc::EPOLLET)
    }

    fn watch(&self, fd: RawFd, token: u64, what: libc::c_int) -> io::Result<()> {
        // Truncated on purpose: the flags are 32 bits, of which C made the last one a sign.
        let mut event = libc::epoll_event { events: what as u32, u64: token };
        // SAFETY: `event` is valid for the call, which copies it; a bad `fd` is an error, not undefined.
        checked(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) })?;
        Ok(())
    }

    /// `fd` stays open, and nothing more is told of it.
    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        // SAFETY: no memory is passed; a bad `fd` is an error, not undefined.
        checked(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) })?;
        Ok(())
    }

    /// The tokens that have something to read; none when `timeout` has passed first. `None` waits for ever.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<impl Iterator<Item = u64> + '_> {
        let milliseconds = match timeout {
            None => -1,
            Some(timeout) => i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX),
        };
        let room = i32::try_from(self.told.len()).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most `room` events into a vector that long.
        let result = checked(unsafe { libc::epoll_wait(self.fd.as_raw_fd(), self.told.as_mut_ptr(), room, milliseconds) });
        let count = match result {
            Ok(count) => usize::try_from(count).unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(self.told.iter().take(count).map(|event| event.u64))
    }
}
