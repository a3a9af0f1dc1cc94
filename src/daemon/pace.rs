//! How busy the control thread is, and when it lets events gather before it looks again.
//!
//! A wake costs more than most decisions, and the caches are warm for the second event of a turn. So when turns follow one another
//! closely, the thread rests a moment after each, and what came meanwhile is one batch. A quiet exchange answers at once.
//! Invariant: nothing waits longer for its turn than [`GATHER`] because of this.

use crate::time::{Duration, Moment};

/// How long events gather on a busy line: far below what a person or a retransmission timer notices.
pub const GATHER: Duration = Duration::from_millis(4);
/// Over what time turns are counted.
const WINDOW: Duration = Duration::from_millis(100);
/// More turns than this in the last window: a busy line. Fewer than the turns of a line that gathers, or it would stop at once.
const BUSY: u32 = 15;

#[derive(Debug, Default)]
pub struct Pace {
    since: Moment,
    turns: u32,
    busy: bool,
}

impl Pace {
    /// A turn is over. Returns how long to rest before the next.
    pub fn turn(&mut self, now: Moment) -> Option<Duration> {
        self.turns += 1;
        let passed = now.since(self.since);
        if passed >= WINDOW {
            self.busy = self.turns > BUSY && passed < WINDOW * 2;
            (self.since, self.turns) = (now, 0);
        }
        self.busy.then_some(GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the turns of a second are followed by a rest, when events come so far apart.
    fn rests(apart: Duration) -> (u32, u32) {
        let (mut pace, mut now, mut event) = (Pace::default(), Moment::ZERO, Moment::ZERO);
        let (mut turns, mut rests) = (0, 0);
        while now < Moment::ZERO + Duration::from_secs(1) {
            event = event + apart;
            now = now.max(event);
            turns += 1;
            if let Some(rest) = pace.turn(now) {
                rests += 1;
                now = now + rest;
                while event + apart <= now {
                    event = event + apart;
                }
            }
        }
        (turns, rests)
    }

    #[test]
    fn a_quiet_line_is_answered_at_once_and_a_busy_one_in_batches() {
        let check = |apart: Duration, turns: std::ops::RangeInclusive<u32>, rested: std::ops::RangeInclusive<u32>| {
            let (all, rests) = rests(apart);
            assert!(turns.contains(&all), "{apart:?} apart: {all} turns");
            assert!(rested.contains(&rests), "{apart:?} apart: {rests} rests");
        };
        check(Duration::from_millis(100), 10..=10, 0..=0);
        check(Duration::from_millis(10), 100..=100, 0..=0);
        check(Duration::from_millis(1), 270..=310, 170..=240);
        check(Duration::from_micros(100), 1000..=1300, 200..=240);
    }

    #[test]
    fn a_line_that_falls_quiet_is_answered_at_once_again() {
        let (mut pace, mut now) = (Pace::default(), Moment::ZERO);
        let mut last = None;
        for _ in 0..400 {
            now = now + Duration::from_micros(500);
            last = pace.turn(now);
        }
        assert_eq!(last, Some(GATHER));
        pace.turn(now + Duration::from_secs(1));
        assert_eq!(pace.turn(now + Duration::from_millis(1001)), None);
    }
}
