//! Three who talk: each hears the sum of the others, and not itself.
//!
//! ```text
//!   A's Playout --+                +--> all - A --> A's Voice
//!   B's Playout --+--> all, a sum --+--> all - B --> B's Voice        once a frame, all in one millisecond
//!   C's Playout --+                +--> all - C --> C's Voice
//! ```
//!
//! Invariant: of a mix there are three parties at least; a pair is a bridge, and passes packets through.

use super::MAX_PARTIES;
use crate::audio::FRAME;
use crate::id::LegId;
use serde::{Deserialize, Serialize};

/// Who is in it, in the order in which they were named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mix {
    members: [Option<LegId>; MAX_PARTIES],
}

/// One frame of a mix: what everybody says in it.
#[derive(Clone, Debug)]
pub struct Sum {
    said: [[i16; FRAME]; MAX_PARTIES],
    all: [i32; FRAME],
}

impl Mix {
    /// Of those who are named; more than [`MAX_PARTIES`] have no place.
    pub fn of(legs: &[LegId]) -> Mix {
        let mut members = [None; MAX_PARTIES];
        members.iter_mut().zip(legs).for_each(|(place, leg)| *place = Some(*leg));
        Mix { members }
    }

    /// With their places.
    pub fn members(&self) -> impl Iterator<Item = (usize, LegId)> + use<> {
        self.members.into_iter().enumerate().filter_map(|(place, leg)| Some((place, leg?)))
    }

    pub fn has(&self, leg: LegId) -> bool {
        self.members.contains(&Some(leg))
    }

    pub fn remove(&mut self, leg: LegId) {
        self.members.iter_mut().filter(|place| **place == Some(leg)).for_each(|place| *place = None);
    }

    /// The two who are left, when there are no more.
    pub fn pair(&self) -> Option<(LegId, LegId)> {
        let mut members = self.members().map(|(_, leg)| leg);
        let pair = (members.next()?, members.next()?);
        members.next().is_none().then_some(pair)
    }
}

impl Sum {
    pub fn new() -> Sum {
        Sum { said: [[0; FRAME]; MAX_PARTIES], all: [0; FRAME] }
    }

    /// Adds what the party at this place says.
    pub fn add(&mut self, place: usize, say: impl FnOnce(&mut [i16; FRAME])) {
        say(&mut self.said[place]);
        self.all.iter_mut().zip(&self.said[place]).for_each(|(all, said)| *all += i32::from(*said));
    }

    /// What that party hears: what is too loud for a line is as loud as a line can be.
    pub fn heard_at(&self, place: usize) -> [i16; FRAME] {
        let mut heard = [0; FRAME];
        for (heard, (all, own)) in heard.iter_mut().zip(self.all.iter().zip(&self.said[place])) {
            // Within the bounds of a sample, so it is one.
            *heard = (all - i32::from(*own)).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_the_others_and_not_themselves_and_what_is_too_loud_is_cut() {
        for (said, heard) in [
            ([100, 20, 3], [23, 103, 120]),
            ([0, 0, 7], [7, 7, 0]),
            ([-100, 100, 5], [105, -95, 0]),
            ([30_000, 20_000, -1], [19_999, 29_999, i16::MAX]),
            ([i16::MIN, i16::MIN, 1], [-32_767, -32_767, i16::MIN]),
        ] {
            let mut sum = Sum::new();
            for (place, sample) in said.into_iter().enumerate() {
                sum.add(place, |frame| *frame = [sample; FRAME]);
            }
            for (place, sample) in heard.into_iter().enumerate() {
                assert_eq!(sum.heard_at(place), [sample; FRAME], "{said:?} at {place}");
            }
        }
    }

    #[test]
    fn who_leaves_leaves_a_pair() {
        let mut mix = Mix::of(&[LegId(1), LegId(2), LegId(3)]);
        assert_eq!(mix.pair(), None);
        mix.remove(LegId(2));
        assert_eq!((mix.pair(), mix.has(LegId(2))), (Some((LegId(1), LegId(3))), false));
    }
}
