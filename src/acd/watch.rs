//! Figures for whoever watches the exchange: is an agent stuck, and are decisions late?
//!
//! Decisions are made in the event that makes them possible, so both are nought unless something is broken or the machine is too
//! slow. Invariant: looking changes nothing.

use super::desk::{Desk, Duty};
use super::line::Stage;
use super::roster::DeskId;
use super::{Acd, ItemId};
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};

/// An end is late, not missing, for so long: a turn of a busy exchange takes a moment.
const GRACE: Duration = Duration::from_secs(2);
/// The worst is remembered for this minute and the one before.
const MINUTE: i64 = 60_000_000_000;

/// How late deadlines were kept.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lag {
    minute: i64,
    now: Duration,
    before: Duration,
}

impl Lag {
    pub fn note(&mut self, late: Duration, at: Moment) {
        let minute = at.as_nanos().div_euclid(MINUTE);
        if minute != self.minute {
            self.before = if minute == self.minute + 1 { self.now } else { Duration::ZERO };
            (self.minute, self.now) = (minute, Duration::ZERO);
        }
        self.now = self.now.max(late);
    }

    fn worst(&self, at: Moment) -> Duration {
        match at.as_nanos().div_euclid(MINUTE) - self.minute {
            0 => self.now.max(self.before),
            1 => self.now,
            _ => Duration::ZERO,
        }
    }
}

impl Acd {
    /// Agents whose offer, talk, wrap-up or rest has no end, or should have ended before now; `is_there` knows the items whose
    /// callers are still there.
    pub fn agents_stuck(&self, now: Now, is_there: impl Fn(ItemId) -> bool) -> usize {
        self.desks.iter().filter(|(id, desk)| self.is_stuck(*id, desk, now.mono, &is_there)).count()
    }

    fn is_stuck(&self, id: DeskId, desk: &Desk, now: Moment, is_there: impl Fn(ItemId) -> bool) -> bool {
        let over = |end: Moment| end + GRACE < now;
        let stuck = match desk.duty {
            Duty::Idle => false,
            Duty::Offered(offer) => self.offers.get(&offer).is_none_or(|lease| lease.desk != id || over(lease.deadline)),
            Duty::OnCall(item) => {
                let theirs = |stage: &Stage| matches!(stage, Stage::Connected { desk, .. } if *desk == id);
                !is_there(item) || !self.items.get(&item).is_some_and(|item| theirs(&item.stage))
            }
            Duty::WrapUp { until, .. } => over(until),
        };
        stuck || desk.rest_until.is_some_and(over)
    }

    /// How late the latest deadline of the last minute or two was kept, or is by now.
    pub fn dispatch_lag(&self, now: Now) -> Duration {
        let overdue = self.timers.next().map_or(Duration::ZERO, |due| now.mono.since(due));
        self.lag.worst(now.mono).max(overdue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::sample;

    fn at(seconds: u64) -> Now {
        Now { mono: Moment::ZERO + Duration::from_secs(seconds), ..Now::default() }
    }

    #[test]
    fn a_deadline_that_is_kept_late_is_told_for_a_minute_or_two() {
        // A phone rings for ten minutes from the beginning on.
        let mut acd = sample::house(1, 1, 1);
        assert_eq!(acd.dispatch_lag(at(600)), Duration::ZERO);
        assert_eq!(acd.dispatch_lag(at(603)), Duration::from_secs(3), "it is overdue");
        acd.handle_timeout(at(605), &mut Vec::new());
        assert_eq!(acd.dispatch_lag(at(606)), Duration::from_secs(5), "and was kept late");
        // The agent has rested, and is rung again until 1,211 s.
        acd.handle_timeout(at(611), &mut Vec::new());
        assert_eq!(acd.dispatch_lag(at(800)), Duration::ZERO, "long ago");
    }

    #[test]
    fn an_agent_whose_offer_or_caller_is_gone_is_stuck() {
        let mut acd = sample::house(1, 1, 1);
        assert_eq!((acd.agents_stuck(at(601), |_| true), acd.agents_stuck(at(603), |_| true)), (0, 1), "it rings and rings");
        acd.handle(crate::acd::Event::Answered { offer: crate::acd::OfferId(1) }, at(5), &mut Vec::new());
        assert_eq!((acd.agents_stuck(at(9000), |_| true), acd.agents_stuck(at(9000), |_| false)), (0, 1), "nobody is there");
    }
}
