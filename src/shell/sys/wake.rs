//! One thread wakes another: an eventfd that is written at most once between two drains.
//!
//! A wake costs a system call and 16 us of CPU at the sleeper, so the flag keeps the second and later ones of a burst free.
//! Invariant: what was put into a queue before `ring` is seen by whoever calls `clear` and then empties the queue.

use super::checked;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub struct Wake {
    fd: OwnedFd,
    rung: AtomicBool,
}

impl Wake {
    pub fn new() -> io::Result<Wake> {
        // SAFETY: no memory is passed; the descriptor returned is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(checked(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?) };
        Ok(Wake { fd, rung: AtomicBool::new(false) })
    }

    /// To wait for with epoll.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// After something was put into the queue.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            let one = 1u64;
            // SAFETY: eight bytes are read from a u64 of ours. It fails only when the counter is full: then it is rung already.
            unsafe { libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), 8) };
        }
    }

    /// Before the queue is emptied.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes are written to a u64 of ours. When it was not rung it fails with EAGAIN, which is as good.
        unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut count).cast(), 8) };
        self.rung.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::super::epoll::Epoll;
    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_burst_wakes_once_and_the_next_one_wakes_again() {
        let wake = Wake::new().expect("an eventfd");
        let mut epoll = Epoll::new().expect("an epoll");
        epoll.add(wake.fd(), 7).expect("a descriptor of ours");
        let told = |epoll: &mut Epoll| epoll.wait(Some(Duration::ZERO)).expect("a wait").collect::<Vec<_>>();
        assert!(told(&mut epoll).is_empty());
        for _ in 0..2 {
            wake.ring();
            wake.ring();
            assert_eq!(told(&mut epoll), [7]);
            wake.clear();
            assert!(told(&mut epoll).is_empty());
        }
    }
}
