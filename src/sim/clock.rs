//! The virtual clock: it moves only when the world takes its next step, and then at once.
//!
//! Invariant: the monotonic side never goes back; the civil side goes with it, except where a test sets it.

use crate::time::{Duration, Moment, Now, Wall};

/// When a simulated world begins: a Monday morning, 2026-11-23T09:00:00Z.
pub const BEGINNING: Wall = Wall::from_unix_nanos(1_795_424_400_000_000_000);

#[derive(Clone, Debug)]
pub struct Clock {
    mono: Moment,
    /// What the civil clock shows at `Moment::ZERO`.
    origin: Wall,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { mono: Moment::ZERO, origin: BEGINNING }
    }
}

impl Clock {
    pub fn now(&self) -> Now {
        Now { mono: self.mono, wall: self.origin + self.mono.since(Moment::ZERO) }
    }

    pub fn mono(&self) -> Moment {
        self.mono
    }

    /// Moves on to `moment`; one that has passed is now.
    pub fn advance(&mut self, moment: Moment) {
        self.mono = self.mono.max(moment);
    }

    /// Somebody sets the civil clock (or NTP steps it): forward by `seconds`, or back when negative.
    pub fn set_back_or_forward(&mut self, seconds: i64) {
        let nanos = self.origin.unix_nanos().saturating_add(seconds.saturating_mul(1_000_000_000));
        self.origin = Wall::from_unix_nanos(nanos);
    }

    /// How long the world has existed.
    pub fn age(&self) -> Duration {
        self.mono.since(Moment::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_civil_clock_can_be_set_and_the_monotonic_one_cannot_go_back() {
        let mut clock = Clock::default();
        clock.advance(Moment::from_nanos(5_000_000_000));
        clock.set_back_or_forward(-3600);
        clock.advance(Moment::from_nanos(1));
        assert_eq!(clock.mono(), Moment::from_nanos(5_000_000_000));
        assert_eq!(clock.now().wall.unix_seconds(), BEGINNING.unix_seconds() + 5 - 3600);
    }
}
