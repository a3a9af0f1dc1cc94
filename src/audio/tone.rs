//! Tones made by arithmetic.
//!
//! Invariant: a tone begins and ends in silence, so that it does not click.

use super::RATE;
use crate::time::Duration;
use std::f32::consts::TAU;

/// Samples over which a tone swells and fades: 5 ms.
const FADE: usize = 40;

/// A sine of `frequency` Hz at `level` (1 is full scale), at 8 kHz.
pub fn tone(frequency: f32, level: f32, duration: Duration) -> Vec<f32> {
    let length = usize::try_from(duration.as_micros() * u128::from(RATE) / 1_000_000).unwrap_or(usize::MAX);
    (0..length)
        .map(|n| {
            let edge = n.min(length - 1 - n).min(FADE) as f32 / FADE as f32;
            // The phase is kept within one turn in whole arithmetic: floats lose it after minutes.
            let turns = (n as f64 * f64::from(frequency) / f64::from(RATE)).fract() as f32;
            (TAU * turns).sin() * level * edge
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_length_level_and_pitch_and_no_click() {
        let samples = tone(425.0, 0.25, Duration::from_millis(200));
        assert_eq!(samples.len(), 1600);
        assert_eq!((samples[0], samples[1599]), (0.0, 0.0));
        let loudest = samples.iter().copied().fold(0.0, f32::max);
        assert!((0.24..=0.25).contains(&loudest), "{loudest}");
        let rising = samples.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count();
        assert_eq!(rising, 85, "425 turns a second for a fifth of a second");
    }
}
