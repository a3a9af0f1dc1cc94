//! Any rate to another, once, when a sound is loaded.
//!
//! Invariant: the length in time is kept, to within one sample.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler};

/// Input samples worked on at a time.
const CHUNK: usize = 1024;

/// `samples` at the rate `from`, as they sound at the rate `to`; nothing above half of the lower rate remains. The error
/// finishes the sentence "could not resample because ...".
pub fn resample(samples: Vec<f32>, from: u32, to: u32) -> Result<Vec<f32>, String> {
    if from == to || samples.is_empty() {
        return Ok(samples);
    }
    let mut resampler =
        Fft::<f32>::new(from as usize, to as usize, CHUNK, 1, FixedSync::Both).map_err(|error| error.to_string())?;
    let input = SequentialSlice::new(&samples, 1, samples.len()).map_err(|error| error.to_string())?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|error| error.to_string())?;
    Ok(output.take_data())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn sine(rate: u32, frequency: f32, seconds: f32) -> Vec<f32> {
        (0..(rate as f32 * seconds) as u32).map(|n| (TAU * frequency * n as f32 / rate as f32).sin()).collect()
    }

    fn loudness(samples: &[f32]) -> f32 {
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_keeps_its_pitch_its_length_and_its_level() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            let heard = resample(sine(rate, 440.0, 1.0), rate, 8000).expect("a sensible rate");
            assert!((7999..=8001).contains(&heard.len()), "{rate} Hz gives {} samples", heard.len());
            let expected = sine(8000, 440.0, 1.0);
            let difference: Vec<f32> = heard.iter().zip(&expected).map(|(a, b)| a - b).collect();
            // The ends ring; the middle must be the same tone, at most half a sample (0.17 of a radian) out of phase.
            assert!(loudness(&difference[400..7600]) < 0.125, "{rate} Hz: {}", loudness(&difference[400..7600]));
            assert!((loudness(&heard[400..7600]) - 0.707).abs() < 0.002, "{rate} Hz: {}", loudness(&heard[400..7600]));
        }
    }

    #[test]
    fn what_a_telephone_cannot_carry_does_not_come_back_as_another_tone() {
        let heard = resample(sine(48_000, 6_000.0, 1.0), 48_000, 8000).expect("a sensible rate");
        assert!(loudness(&heard[400..7600]) < 0.001);
    }
}
