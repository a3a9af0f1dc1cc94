//! Samples that wait between two clocks: the card's, and the phone's.
//!
//! Invariant: at most `most` samples wait, the newest ones; and after it has run dry nothing is given until `cushion` of them are there,
//! lest every small delay be a click.

use std::collections::VecDeque;

#[derive(Debug)]
pub struct Ring {
    samples: VecDeque<i16>,
    most: usize,
    cushion: usize,
    /// Nothing is given until the cushion is there.
    is_dry: bool,
}

impl Ring {
    pub fn new(most: usize, cushion: usize) -> Ring {
        Ring { samples: VecDeque::with_capacity(most), most, cushion: cushion.min(most), is_dry: true }
    }

    /// The oldest go when there are too many.
    pub fn push(&mut self, samples: &[i16]) {
        let samples = &samples[samples.len().saturating_sub(self.most)..];
        let excess = (self.samples.len() + samples.len()).saturating_sub(self.most);
        self.samples.drain(..excess);
        self.samples.extend(samples);
    }

    /// The next one; silence when there is none.
    pub fn pull(&mut self) -> i16 {
        if self.is_dry && self.samples.len() < self.cushion.max(1) {
            return 0;
        }
        let sample = self.samples.pop_front();
        self.is_dry = sample.is_none();
        sample.unwrap_or(0)
    }

    /// All that wait, without silence.
    pub fn take(&mut self, into: &mut Vec<i16>) {
        into.extend(self.samples.drain(..));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(ring: &mut Ring, count: usize) -> Vec<i16> {
        (0..count).map(|_| ring.pull()).collect()
    }

    #[test]
    fn what_is_too_much_is_dropped_from_the_old_end() {
        let mut ring = Ring::new(4, 0);
        ring.push(&[1, 2, 3]);
        ring.push(&[4, 5]);
        assert_eq!(pulled(&mut ring, 4), [2, 3, 4, 5]);
        ring.push(&[1, 2, 3, 4, 5, 6]);
        let mut all = Vec::new();
        ring.take(&mut all);
        assert_eq!(all, [3, 4, 5, 6]);
    }

    #[test]
    fn what_is_missing_is_silence_until_the_cushion_is_there_again() {
        let mut ring = Ring::new(10, 3);
        ring.push(&[1, 2]);
        assert_eq!(pulled(&mut ring, 2), [0, 0], "not enough yet");
        ring.push(&[3]);
        assert_eq!(pulled(&mut ring, 2), [1, 2]);
        ring.push(&[4]);
        assert_eq!(pulled(&mut ring, 3), [3, 4, 0], "run dry");
        ring.push(&[5, 6]);
        assert_eq!(pulled(&mut ring, 1), [0]);
        ring.push(&[7]);
        assert_eq!(pulled(&mut ring, 4), [5, 6, 7, 0]);
    }

    #[test]
    fn clocks_that_run_apart_for_an_hour_neither_fill_it_nor_delay_it() {
        // The phone brings 160 samples each 20 ms, the card takes one in a thousand less.
        let mut ring = Ring::new(1600, 480);
        let mut taken = 0_u32;
        for round in 0..180_000_u32 {
            ring.push(&[1; 160]);
            while taken < (round + 1) * 160 / 1000 * 999 {
                ring.pull();
                taken += 1;
            }
        }
        let mut left = Vec::new();
        ring.take(&mut left);
        assert!(left.len() <= 1600, "{}", left.len());
    }
}
