//! When a media thread wakes: on a grid that divides the frame of 20 ms, and sooner for a packet when few can come.
//!
//! | legs | wakes |
//! |---|---|
//! | none bridged | every 5 ms |
//! | some bridged | every 2.5 ms: what one says waits for the other so long at most |
//! | some bridged, of at most [`FEW`] | every 5 ms, and as soon as a packet comes |
//!
//! A wake costs as much as five packets, so the packets of many legs are waited for. The grid is the clock's: a thread that wakes a
//! little late still does what was due at the grid's moment, no more, so a frame is not early because the one before was late.
//! Invariant: whatever comes, and however fast, a thread wakes at most [`EARLY`] times between two moments of the grid.

use crate::time::{Duration, Moment};

/// Between two looks at the sockets.
pub const TICK: Duration = Duration::from_millis(5);
/// While somebody waits at the other end of a bridge for what comes in.
pub const BRIDGE_TICK: Duration = Duration::from_micros(2500);
/// Of so few legs, a packet comes less often than every millisecond: that costs little, and nobody need wait for another.
pub const FEW: usize = 16;
/// Wakes by a packet in 5 ms: twice what so few legs send.
pub const EARLY: u8 = 8;

/// Who is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audience {
    pub legs: usize,
    pub bridges: usize,
}

/// How the thread waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    Until(Moment),
    /// Or until a packet comes.
    Listening(Moment),
}

pub struct Rhythm {
    /// When the thread should wake at the latest.
    due: Moment,
    /// Wakes by a packet since the last moment of the grid.
    early: u8,
}

impl Rhythm {
    pub fn begin(now: Moment) -> Rhythm {
        Rhythm { due: now, early: 0 }
    }

    /// How late the thread woke.
    pub fn lateness(&self, now: Moment) -> Duration {
        now.since(self.due)
    }

    /// The moment of the grid that is being served.
    pub fn beat(audience: Audience, now: Moment) -> Moment {
        floor(now, grid(audience))
    }

    /// How to wait, now that everything is done. `unread`: something waits in a socket that was left for the next time.
    pub fn rest(&mut self, audience: Audience, unread: bool, now: Moment) -> Rest {
        let next = floor(now, grid(audience)) + grid(audience);
        if next != self.due {
            self.early = 0;
        }
        self.due = next;
        if audience.bridges == 0 || audience.legs > FEW || self.early >= EARLY {
            return Rest::Until(next);
        }
        if unread {
            // A flood: its next packets are read when others may have come as well.
            self.due = floor(now, BRIDGE_TICK) + BRIDGE_TICK;
            return Rest::Until(self.due);
        }
        self.early += 1;
        Rest::Listening(next)
    }
}

fn grid(audience: Audience) -> Duration {
    if audience.bridges > 0 && audience.legs > FEW { BRIDGE_TICK } else { TICK }
}

/// The last moment of the grid.
fn floor(now: Moment, tick: Duration) -> Moment {
    let tick = i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX);
    Moment::from_nanos(now.as_nanos() - now.as_nanos().rem_euclid(tick))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Moment {
        Moment::ZERO + Duration::from_micros(micros)
    }

    fn of(legs: usize, bridges: usize) -> Audience {
        Audience { legs, bridges }
    }

    #[test]
    fn the_grid_is_the_clocks_and_a_late_thread_comes_back_to_it() {
        let check = |what: &str, audience: Audience, now: u64, beat: u64, rest: Rest| {
            assert_eq!(Rhythm::beat(audience, at(now)), at(beat), "{what}");
            assert_eq!(Rhythm::begin(at(now)).rest(audience, false, at(now)), rest, "{what}");
        };
        check("nobody talks", of(200, 0), 1_000_000, 1_000_000, Rest::Until(at(1_005_000)));
        check("a little late", of(200, 0), 1_001_900, 1_000_000, Rest::Until(at(1_005_000)));
        check("two ticks late", of(200, 0), 1_011_000, 1_010_000, Rest::Until(at(1_015_000)));
        check("many talk", of(200, 1), 1_003_900, 1_002_500, Rest::Until(at(1_005_000)));
        check("few talk", of(FEW, 1), 1_003_900, 1_000_000, Rest::Listening(at(1_005_000)));
        check("few, and nobody talks", of(2, 0), 1_003_900, 1_000_000, Rest::Until(at(1_005_000)));
    }

    #[test]
    fn packets_wake_it_a_few_times_between_two_moments_of_the_grid_and_no_more() {
        let mut rhythm = Rhythm::begin(at(0));
        for tick in 0..3 {
            let listened = (0..100)
                .filter(|n| rhythm.rest(of(2, 1), false, at(tick * 5000 + n * 10)) == Rest::Listening(at(tick * 5000 + 5000)))
                .count();
            assert_eq!(listened, usize::from(EARLY));
        }
    }

    #[test]
    fn what_was_left_unread_is_read_soon_but_not_at_once() {
        let mut rhythm = Rhythm::begin(at(0));
        assert_eq!(rhythm.rest(of(2, 1), true, at(100)), Rest::Until(at(2500)));
        assert_eq!(rhythm.rest(of(2, 1), true, at(2600)), Rest::Until(at(5000)));
        assert_eq!(rhythm.rest(of(2, 1), false, at(5100)), Rest::Listening(at(10_000)));
    }

    #[test]
    fn lateness_is_counted_from_when_it_should_have_woken() {
        let mut rhythm = Rhythm::begin(at(0));
        rhythm.rest(of(20, 0), false, at(7000));
        assert_eq!(rhythm.lateness(at(9000)), Duration::ZERO);
        assert_eq!(rhythm.lateness(at(17_500)), Duration::from_micros(7500));
    }
}
