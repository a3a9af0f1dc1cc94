//! What agents do with their time.
//!
//! | word | formula |
//! |---|---|
//! | average handling time (AHT) | (talk + hold + wrap-up) / handled |
//! | occupancy | handling / (handling + available) |
//! | utilisation | handling / logged in |
//!
//! Invariant: `logged_in` is never less than the sum of the rest.

use super::{mean, ratio};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Work {
    /// Calls that were talked through.
    pub handled: u64,
    pub talk: Duration,
    pub hold: Duration,
    pub wrap_up: Duration,
    /// Free for a call, ringing included.
    pub available: Duration,
    /// Pauses, and calls of their own.
    pub away: Duration,
    pub logged_in: Duration,
}

impl Work {
    pub fn handling(&self) -> Duration {
        self.talk + self.hold + self.wrap_up
    }

    /// In seconds.
    pub fn average_handling(&self) -> Option<f64> {
        mean(self.handling(), self.handled)
    }

    pub fn occupancy(&self) -> Option<f64> {
        let handling = self.handling().as_secs_f64();
        ratio(handling, handling + self.available.as_secs_f64())
    }

    pub fn utilisation(&self) -> Option<f64> {
        ratio(self.handling().as_secs_f64(), self.logged_in.as_secs_f64())
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        self.handled += other.handled;
        self.talk += other.talk;
        self.hold += other.hold;
        self.wrap_up += other.wrap_up;
        self.available += other.available;
        self.away += other.away;
        self.logged_in += other.logged_in;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_which_half_was_handling_and_a_quarter_a_pause() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let mut work = Work { handled: 10, talk: minutes(20), hold: minutes(4), wrap_up: minutes(6), ..Work::default() };
        work += Work { available: minutes(15), away: minutes(15), logged_in: minutes(60), ..Work::default() };
        assert_eq!(work.average_handling(), Some(180.0));
        assert_eq!(work.utilisation(), Some(0.5));
        assert_eq!(work.occupancy(), Some(30.0 / 45.0));
        assert_eq!(Work::default().occupancy(), None);
    }
}
