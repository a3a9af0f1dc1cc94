//! The circuit breaker: a service that does not answer is left alone, so that callers do not wait for it in vain.
//!
//! | state | a request |
//! |---|---|
//! | closed | goes through; [`FAILURES`] failures in a row open it |
//! | open | fails at once, for [`REST`] |
//! | half open | one goes through; its outcome closes or opens the circuit |
//!
//! Invariant: hosts are those of the configuration, so there are few.

use crate::time::{Duration, Moment};
use std::collections::BTreeMap;

const FAILURES: u32 = 5;
const REST: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Breakers(BTreeMap<String, Breaker>);

#[derive(Default)]
struct Breaker {
    failures: u32,
    /// Not asked before.
    rests_until: Option<Moment>,
}

impl Breakers {
    /// Whether the host may be asked now.
    pub fn lets_through(&mut self, host: &str, now: Moment) -> bool {
        let Some(breaker) = self.0.get_mut(host) else { return true };
        match breaker.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                // Half open: this one is let through, others wait for what comes of it.
                breaker.rests_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    pub fn note(&mut self, host: &str, good: bool, now: Moment) {
        if good {
            self.0.remove(host);
            return;
        }
        let breaker = self.0.entry(host.to_string()).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures >= FAILURES {
            breaker.rests_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_fails_five_times_rests_and_is_then_tried_once() {
        let mut breakers = Breakers::default();
        let start = Moment::ZERO;
        for _ in 0..FAILURES {
            assert!(breakers.lets_through("crm", start));
            breakers.note("crm", false, start);
        }
        assert!(!breakers.lets_through("crm", start));
        assert!(breakers.lets_through("other", start));
        let later = start + REST;
        assert!(breakers.lets_through("crm", later));
        assert!(!breakers.lets_through("crm", later));
        breakers.note("crm", false, later);
        assert!(!breakers.lets_through("crm", later));
        assert!(breakers.lets_through("crm", later + REST));
        breakers.note("crm", true, later + REST);
        assert!(breakers.lets_through("crm", later + REST) && breakers.lets_through("crm", later + REST));
    }
}
