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

/// Of the range so many are kept for the legs that we call: callers who wait must not take what an agent's phone needs.
const FOR_CALLED: u16 = 4;
/// And of it at most so many for emergency calls.
const FOR_EMERGENCY: u16 = 4;

/// Who wants a port. Each leaves some to those behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Need {
    Caller,
    Called,
    Emergency,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ports {
    /// The lowest even port, and how many there are.
    first: u16,
    count: u16,
    /// Which of them was granted first, and how many have been granted at least once: round the range from there.
    start: u16,
    fresh: u16,
    granted: BTreeSet<u16>,
    /// Oldest first.
    resting: VecDeque<(Moment, u16)>,
}

impl Ports {
    /// The even ports of `first..=last`: RTP takes the even one, its control channel the odd one above (RFC 3550 section 11).
    /// `start`, any number, says where to begin: by chance, so that two exchanges on one machine seldom want the same port and
    /// nobody outside knows which one the next call will have.
    pub fn new(first: u16, last: u16, start: u32) -> Ports {
        let first = first.saturating_add(first % 2);
        let count = (u32::from(last) + 1).saturating_sub(u32::from(first)) / 2;
        let start = start.checked_rem(count).unwrap_or(0);
        let [count, start] = [count, start].map(|n| u16::try_from(n).unwrap_or(0));
        Ports { first, count, start, fresh: 0, granted: BTreeSet::new(), resting: VecDeque::new() }
    }

    pub fn grant(&mut self, need: Need, now: Moment) -> Option<u16> {
        let emergency = (self.count / 8).min(FOR_EMERGENCY);
        let kept = match need {
            Need::Caller => emergency + self.count / FOR_CALLED,
            Need::Called => emergency,
            Need::Emergency => 0,
        };
        if self.granted.len() >= usize::from(self.count.saturating_sub(kept)) {
            return None;
        }
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
        if self.fresh >= self.count {
            return None;
        }
        let place = (u32::from(self.start) + u32::from(self.fresh)) % u32::from(self.count);
        self.fresh += 1;
        u16::try_from(u32::from(self.first) + 2 * place).ok()
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
        let mut ports = Ports::new(16385, 16389, 0);
        assert_eq!(ports.grant(Need::Emergency, at(0)), Some(16386));
        assert_eq!(ports.grant(Need::Emergency, at(0)), Some(16388));
        assert_eq!(ports.grant(Need::Emergency, at(0)), None);
        ports.release(16388, at(10));
        ports.release(16386, at(11));
        assert_eq!(ports.grant(Need::Emergency, at(11)), None, "one second is too short a rest");
        assert_eq!(ports.grant(Need::Emergency, at(12)), Some(16388), "the one that rested longest comes first");
    }

    #[test]
    fn a_large_range_rests_each_port_half_a_minute() {
        let mut ports = Ports::new(20000, 20100, 7);
        let first = ports.grant(Need::Emergency, at(0)).expect("fresh");
        ports.release(first, at(0));
        assert_ne!(ports.grant(Need::Emergency, at(29)), Some(first));
        assert_eq!(ports.grant(Need::Emergency, at(30)), Some(first));
    }

    #[test]
    fn the_range_is_gone_round_once_from_wherever_it_begins() {
        let mut ports = Ports::new(20000, 20007, 6);
        let granted: Vec<_> = std::iter::from_fn(|| ports.grant(Need::Emergency, at(0))).collect();
        assert_eq!(granted, [20004, 20006, 20000, 20002]);
        assert_eq!(Ports::new(20001, 20001, 9).grant(Need::Emergency, at(0)), None, "a range without a pair of ports");
    }

    #[test]
    fn callers_leave_ports_to_those_whom_we_call_and_all_to_an_emergency() {
        let mut ports = Ports::new(20000, 20063, 0);
        let mut take = |need: Need| std::iter::from_fn(|| ports.grant(need, at(0))).count();
        assert_eq!([Need::Caller, Need::Called, Need::Emergency].map(&mut take), [20, 8, 4]);
        assert_eq!(take(Need::Emergency), 0);
    }

    #[test]
    fn releasing_twice_does_not_make_two_of_one() {
        let mut ports = Ports::new(20000, 20100, 7);
        let port = ports.grant(Need::Emergency, at(0)).expect("fresh");
        ports.release(port, at(0));
        ports.release(port, at(0));
        assert_eq!(ports.resting(), 1);
    }

    #[test]
    fn the_top_of_the_port_space_does_not_wrap() {
        let mut ports = Ports::new(65532, 65535, 2);
        assert_eq!(ports.grant(Need::Emergency, at(0)), Some(65532));
        assert_eq!(ports.grant(Need::Emergency, at(0)), Some(65534));
        assert_eq!(ports.grant(Need::Emergency, at(0)), None);
    }
}
