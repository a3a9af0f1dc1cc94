//! Panics contained: a fault of ours ends one call, a second within a minute ends the process, and systemd and the store bring
//! it back. Better a second of silence than an exchange that is wrong again and again.

use crate::time::{Duration, Moment};
use std::panic::{self, AssertUnwindSafe};
use tracing::error;

/// Two failures nearer to each other than this are one too many.
const APART: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Go on without the call.
    Condemn,
    /// The state cannot be trusted.
    Abort,
}

#[derive(Debug, Default)]
pub struct Guard {
    last: Option<Moment>,
}

impl Guard {
    /// Does it, and says what to do when it panicked.
    pub fn watch(&mut self, now: Moment, work: impl FnOnce()) -> Result<(), Verdict> {
        // What the work touches is judged by the caller afterwards: condemned, or the process ends.
        panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
            let before = self.last.replace(now);
            if before.is_some_and(|before| now.since(before) < APART) { Verdict::Abort } else { Verdict::Condemn }
        })
    }
}

/// Panics go to the log, with their place, instead of to the terminal.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let why = panic.payload_as_str().unwrap_or("a panic");
        error!(place, "a fault of ours: {why}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_contained_and_a_second_within_a_minute_is_not() {
        let mut guard = Guard::default();
        let at = |seconds| Moment::ZERO + Duration::from_secs(seconds);
        // `resume_unwind` panics without the message that would disturb the test's output.
        let fail = || panic::resume_unwind(Box::new("on purpose"));
        assert_eq!(guard.watch(at(1), || ()), Ok(()));
        assert_eq!(guard.watch(at(100), fail), Err(Verdict::Condemn));
        assert_eq!(guard.watch(at(161), fail), Err(Verdict::Condemn));
        assert_eq!(guard.watch(at(162), || ()), Ok(()));
        assert_eq!(guard.watch(at(220), fail), Err(Verdict::Abort));
    }
}
