//! The two clocks, chance, and who may read new files.
//!
//! Invariant: `now` is the only place where the control thread learns what time it is.

use crate::time::{Duration, Moment, Now, Wall};
use std::io;

/// Both clocks, one after the other.
pub fn now() -> Now {
    Now { mono: Moment::from_nanos(read(libc::CLOCK_MONOTONIC)), wall: Wall::from_unix_nanos(read(libc::CLOCK_REALTIME)) }
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to. The call cannot fail: both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

/// Lets time pass.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// 256 bits from the operating system.
pub fn entropy() -> io::Result<[u8; 32]> {
    let mut bits = [0u8; 32];
    loop {
        // SAFETY: the buffer is ours and as long as we say. Up to 256 bytes come whole or not at all (getrandom(2)).
        let got = unsafe { libc::getrandom(bits.as_mut_ptr().cast(), bits.len(), 0) };
        if usize::try_from(got) == Ok(bits.len()) {
            return Ok(bits);
        }
        let error = io::Error::last_os_error();
        if got >= 0 || error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// From here on new files are readable by their owner only.
pub fn keep_files_private() {
    // SAFETY: umask(2) only sets a number of this process and cannot fail.
    unsafe { libc::umask(0o077) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_step_back_and_chance_differs() {
        let (first, second) = (now(), now());
        assert!(second.mono >= first.mono);
        assert!(first.wall.unix_seconds() > 1_700_000_000);
        assert_ne!(entropy().expect("the kernel has chance"), entropy().expect("the kernel has chance"));
    }
}
