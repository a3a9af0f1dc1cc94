//! Signals as something to wait for (signalfd(2)), not as interruptions.
//!
//! Invariant: they are blocked before the first thread is started, so that every thread inherits that and only this
//! descriptor hears of them.

use super::checked;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// To be called while the process has one thread.
    pub fn take() -> io::Result<Signals> {
        // SAFETY: the set is initialised by sigemptyset before anything reads it, and outlives the calls.
        let fd = unsafe {
            let mut set: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
                libc::sigaddset(&raw mut set, signal);
            }
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            OwnedFd::from_raw_fd(checked(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?)
        };
        Ok(Signals { fd })
    }

    /// To wait for with epoll.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The next signal that came, if any.
    pub fn next(&self) -> Option<Signal> {
        // SAFETY: signalfd_siginfo is plain data, for which all zeroes are a value, and the kernel writes at most its size.
        let (got, told) = unsafe {
            let mut told: libc::signalfd_siginfo = mem::zeroed();
            let got = libc::read(self.fd.as_raw_fd(), (&raw mut told).cast(), mem::size_of_val(&told));
            (got, told)
        };
        if usize::try_from(got) != Ok(mem::size_of::<libc::signalfd_siginfo>()) {
            return None;
        }
        Some(if told.ssi_signo == libc::SIGHUP as u32 { Signal::Reload } else { Signal::Stop })
    }
}
