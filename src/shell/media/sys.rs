//! What a media thread asks of the scheduler: its core, its priority, and to be woken on time.
//!
//! Invariant: nothing here fails the exchange; without permission the thread runs as any other, and says so.

use crate::time::{Duration, Moment};
use std::io;

/// Above everything ordinary, below the kernel's own threads.
const FIFO_PRIORITY: libc::c_int = 10;
const NICENESS: libc::c_int = -10;

/// The cores that this process may use.
pub fn cores() -> io::Result<Vec<usize>> {
    let mut mask = empty();
    // SAFETY: `mask` is ours, and as large as we say.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut mask) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the indices stay below CPU_SETSIZE, which is the size of the mask in bits.
    let cores = (0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &mask) });
    Ok(cores.collect())
}

/// Keeps the calling thread on one core; true when it was permitted.
pub fn pin(core: usize) -> bool {
    let mut mask = empty();
    if core >= libc::CPU_SETSIZE as usize {
        return false;
    }
    // SAFETY: `core` is below CPU_SETSIZE, and `mask` is ours and as large as we say.
    unsafe {
        libc::CPU_SET(core, &mut mask);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const mask) == 0
    }
}

/// Raises the calling thread as far as permitted; says what it came to, for the log.
pub fn prioritise() -> &'static str {
    // SAFETY: a structure of plain numbers, for which zero is a value.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = FIFO_PRIORITY;
    // SAFETY: `parameters` is valid for the call; 0 is the calling thread, and so it is for setpriority on Linux.
    unsafe {
        if libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters) == 0 {
            "real-time (SCHED_FIFO)"
        } else if libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) == 0 {
            "nice -10; real-time was not permitted"
        } else {
            "ordinary; neither real-time nor nice was permitted"
        }
    }
}

/// Sleeps until the monotonic clock shows `until`, or a signal comes.
pub fn sleep_until(until: Moment) {
    let since_zero = Duration::from_nanos(u64::try_from(until.as_nanos()).unwrap_or(0));
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(since_zero.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(since_zero.subsec_nanos()),
    };
    // SAFETY: `time` is valid for the call; no remainder is asked for, which an absolute sleep does not write anyway.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const time, std::ptr::null_mut()) };
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: a bit mask, for which zero is the empty one.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::sys::clock;

    #[test]
    fn a_thread_finds_its_cores_and_keeps_to_one() {
        let cores = cores().expect("every process has cores");
        let last = *cores.last().expect("at least one");
        let pinned = std::thread::spawn(move || (pin(last), super::cores().expect("cores"))).join().expect("no panic");
        assert_eq!(pinned, (true, vec![last]));
        assert!(!pin(usize::MAX));
    }

    #[test]
    fn a_sleep_ends_when_the_clock_shows_it_and_not_before() {
        let until = clock::now().mono + Duration::from_millis(2);
        sleep_until(until);
        assert!(clock::now().mono >= until);
        sleep_until(Moment::ZERO);
    }
}
