//! Sums over the last while, in slots: what is older than all slots is forgotten, a slot at a time.
//!
//! Invariant: at most `slots` slots are kept, the newest last, and adding is of constant cost.

use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::AddAssign;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Rolling<T> {
    slot: Duration,
    slots: i64,
    /// The number of a slot since the origin of the clock, and its sum.
    kept: VecDeque<(i64, T)>,
}

impl<T: AddAssign + Default + Copy> Rolling<T> {
    pub fn new(slot: Duration, slots: i64) -> Rolling<T> {
        Rolling { slot, slots, kept: VecDeque::new() }
    }

    pub fn add(&mut self, what: T, now: Moment) {
        let number = self.number(now);
        while self.kept.front().is_some_and(|(oldest, _)| *oldest <= number - self.slots) {
            self.kept.pop_front();
        }
        match self.kept.back_mut() {
            Some((newest, sum)) if *newest >= number => *sum += what,
            _ => self.kept.push_back((number, what)),
        }
    }

    pub fn sum(&self, now: Moment) -> T {
        let oldest = self.number(now) - self.slots;
        let mut sum = T::default();
        self.kept.iter().filter(|(number, _)| *number > oldest).for_each(|(_, one)| sum += *one);
        sum
    }

    fn number(&self, now: Moment) -> i64 {
        now.as_nanos().div_euclid(i64::try_from(self.slot.as_nanos()).unwrap_or(i64::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_all_slots_is_forgotten() {
        let at = |minutes: u64| Moment::ZERO + Duration::from_secs(60 * minutes);
        let mut rolling = Rolling::<u64>::new(Duration::from_secs(60), 30);
        for minute in 0..100 {
            rolling.add(1, at(minute));
            assert_eq!(rolling.sum(at(minute)), (minute + 1).min(30));
        }
        assert_eq!((rolling.sum(at(110)), rolling.sum(at(500))), (19, 0));
    }
}
