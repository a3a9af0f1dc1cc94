//! Media ports: granted from one range, rested before they are granted again.
//!
//! A late packet of the last call must not be heard in the next one, so a freed port rests, and the one that has rested longest is
//! granted first. Invariant: a port is free, granted or resting, exactly one of the three.

use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// A port that has rested this long is preferred to one that was never used.
pub const RESTED: Duration = Duration::from_secs(30);
/// No port is granted again sooner than this; a call is refused instead.
pub const SHORTEST_REST: Duration = Duration::from_secs(2);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ports {
    /// The next even port that was never granted.
    fresh: u16,
    last: u16,
    granted: BTreeSet<u16>,
    /// Oldest first.
    resting: VecDeque<(Moment, u16)>,
}

impl Ports {
    /// The even ports of `first..=last`: RTP takes the even one, its control channel the odd one above (RFC 3550 section 11).
    pub fn new(first: u16, last: u16) -> Ports {
        Ports { fresh: first.saturating_add(first % 2), last, granted: BTreeSet::new(), resting: VecDeque::new() }
    }

    pub fn grant(&mut self, now: Moment) -> Option<u16> {
        let port =
            self.take_rested(now, RESTED).or_else(|| self.take_fresh()).or_else(|| self.take_rested(now, SHORTEST_REST))?;
        self.granted.insert(port);
        Some(port)
    }

    pub fn release(&mut self, port: u16, now: Moment) {
        if self.granted.remove(&port) {
            self.resting.push_back((now, port));
        }
    }

    pub fn granted(&self) -> &BTreeSet<u16> {
        &self.granted
    }

    pub fn resting(&self) -> usize {
        self.resting.len()
    }

    fn take_rested(&mut self, now: Moment, rest: Duration) -> Option<u16> {
        let (since, port) = *self.resting.front()?;
        if now.since(since) < rest {
            return None;
        }
        self.resting.pop_front();
        Some(port)
    }

    fn take_fresh(&mut self) -> Option<u16> {
        // The odd port above must lie in the range too.
        if self.fresh == 0 || self.fresh >= self.last {
            return None;
        }
        let port = self.fresh;
        self.fresh = self.fresh.checked_add(2).unwrap_or(0);
        Some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_small_range_rests_each_port_two_seconds_and_then_refuses() {
        let mut ports = Ports::new(16385, 16389);
        assert_eq!(ports.grant(at(0)), Some(16386));
        assert_eq!(ports.grant(at(0)), Some(16388));
        assert_eq!(ports.grant(at(0)), None);
        ports.release(16388, at(10));
        ports.release(16386, at(11));
        assert_eq!(ports.grant(at(11)), None, "one second is too short a rest");
        assert_eq!(ports.grant(at(12)), Some(16388), "the one that rested longest comes first");
    }

    #[test]
    fn a_large_range_rests_each_port_half_a_minute() {
        let mut ports = Ports::new(20000, 20100);
        let first = ports.grant(at(0)).expect("fresh");
        ports.release(first, at(0));
        assert_ne!(ports.grant(at(29)), Some(first));
        assert_eq!(ports.grant(at(30)), Some(first));
    }

    #[test]
    fn releasing_twice_does_not_make_two_of_one() {
        let mut ports = Ports::new(20000, 20100);
        let port = ports.grant(at(0)).expect("fresh");
        ports.release(port, at(0));
        ports.release(port, at(0));
        assert_eq!(ports.resting(), 1);
    }

    #[test]
    fn the_top_of_the_port_space_does_not_wrap() {
        let mut ports = Ports::new(65532, 65535);
        assert_eq!(ports.grant(at(0)), Some(65532));
        assert_eq!(ports.grant(at(0)), Some(65534));
        assert_eq!(ports.grant(at(0)), None);
    }
}
