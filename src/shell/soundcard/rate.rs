//! The card's rate and the telephone's 8 kHz, sample by sample.
//!
//! Down by the mean of the samples between two of ours (what lies above 4 kHz is damped, which is enough for a voice), up along straight
//! lines. Invariant: over time exactly 8,000 samples stand for each second of the card's.

use crate::audio::RATE;

/// From the card's rate, which is no lower, to 8 kHz.
#[derive(Debug)]
pub struct Down {
    from: u32,
    phase: u32,
    sum: f32,
    count: f32,
}

impl Down {
    pub fn new(from: u32) -> Down {
        Down { from: from.max(RATE), phase: 0, sum: 0.0, count: 0.0 }
    }

    /// One sample of the card, from -1 to 1; sometimes one of ours.
    pub fn next(&mut self, sample: f32) -> Option<i16> {
        self.sum += sample;
        self.count += 1.0;
        self.phase += RATE;
        if self.phase < self.from {
            return None;
        }
        self.phase -= self.from;
        let mean = std::mem::take(&mut self.sum) / std::mem::take(&mut self.count);
        // Saturates: what is too loud is clipped.
        Some((mean * f32::from(i16::MAX)) as i16)
    }
}

/// From 8 kHz to the card's rate, which is no lower.
#[derive(Debug)]
pub struct Up {
    to: u32,
    phase: u32,
    last: f32,
    next: f32,
}

impl Up {
    pub fn new(to: u32) -> Up {
        Up { to: to.max(RATE), phase: 0, last: 0.0, next: 0.0 }
    }

    /// The card's next sample, from -1 to 1; `ours` gives one of ours when it is wanted.
    pub fn next(&mut self, mut ours: impl FnMut() -> i16) -> f32 {
        self.phase += RATE;
        if self.phase >= self.to {
            self.phase -= self.to;
            self.last = self.next;
            self.next = f32::from(ours()) / f32::from(i16::MAX);
        }
        self.last + (self.next - self.last) * (self.phase as f32 / self.to as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 6] = [8_000, 16_000, 22_050, 44_100, 48_000, 96_000];

    /// A second of 440 Hz.
    fn tone(rate: u32) -> impl Iterator<Item = f32> {
        (0..rate).map(move |place| (place as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin() * 0.5)
    }

    /// Times that it rises through nothing: its frequency.
    fn rises(samples: &[f32]) -> usize {
        samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count()
    }

    fn loudest(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |loudest, sample| sample.abs().max(loudest))
    }

    #[test]
    fn a_second_of_any_card_is_8000_samples_of_the_same_tone() {
        for rate in RATES {
            let mut down = Down::new(rate);
            let ours: Vec<f32> = tone(rate).filter_map(|sample| down.next(sample)).map(f32::from).collect();
            assert!((7_999..=8_000).contains(&ours.len()), "{rate}: {}", ours.len());
            assert!((438..=441).contains(&rises(&ours)), "{rate}: {} Hz", rises(&ours));
            let loudest = loudest(&ours) / f32::from(i16::MAX);
            assert!((0.4..=0.51).contains(&loudest), "{rate}: {loudest}");
        }
    }

    #[test]
    fn a_second_of_ours_is_the_same_tone_on_any_card() {
        for rate in RATES {
            let mut up = Up::new(rate);
            let mut taken = 0_u32;
            let mut ours = tone(RATE).map(|sample| (sample * f32::from(i16::MAX)) as i16);
            let mut give = || {
                taken += 1;
                ours.next().unwrap_or(0)
            };
            let theirs: Vec<f32> = (0..rate).map(|_| up.next(&mut give)).collect();
            assert!((7_999..=8_000).contains(&taken), "{rate}: {taken}");
            assert!((438..=441).contains(&rises(&theirs)), "{rate}: {} Hz", rises(&theirs));
            assert!((0.4..=0.51).contains(&loudest(&theirs)), "{rate}: {}", loudest(&theirs));
        }
    }

    #[test]
    fn what_is_too_loud_is_clipped() {
        let mut down = Down::new(RATE);
        assert_eq!((down.next(7.0), down.next(-7.0)), (Some(i16::MAX), Some(i16::MIN)));
    }
}
