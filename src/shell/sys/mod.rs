//! The system calls that neither std nor a crate wraps as we need them: the only unsafe code beside the media driver's.
//!
//! | file | what |
//! |---|---|
//! | `clock.rs` | both clocks at once, 256 bits of chance, the file mode mask |
//! | `epoll.rs` | waiting for many descriptors at once |
//! | `wake.rs` | one thread wakes another, at most once per drain (eventfd) |
//! | `signals.rs` | signals as something to wait for (signalfd) |
//! | `process.rs` | another process, waited for to its end (pidfd) |
//! | `datagrams.rs` | many datagrams per call, with the address of ours they came to |
//! | `routes.rs` | which address of ours a peer is reached from |
//!
//! Invariant: every unsafe block says what makes it sound.

pub mod clock;
pub mod datagrams;
pub mod epoll;
pub mod process;
pub mod routes;
pub mod signals;
pub mod wake;

use std::io;

/// The result of a system call that says -1 for failure.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
