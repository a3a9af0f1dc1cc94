//! Hold music, made by arithmetic: nobody holds rights in it, and it is the same on every machine but for the last bit.
//!
//! Eight chords of 3.2 s, each a soft pad under slow bells; what rings on at the end is heard at the beginning. Invariant: a whole
//! number of frames, and no step between the last sample and the first.

use super::RATE;
use std::f64::consts::TAU;

/// The loudest sample: soft, beside a voice.
const PEAK: f64 = 0.3;
const CHORD_SECONDS: f64 = 3.2;
/// Bells in a chord.
const BELLS: usize = 8;

/// Notes of each chord as semitones above A at 220 Hz, from the lowest: what telephones carry begins at 300 Hz, so the pad's
/// overtones do part of the work.
const CHORDS: [[i32; 4]; 8] = [
    [3, 7, 10, 14],  // C major seventh
    [0, 7, 10, 15],  // A minor seventh
    [-4, 8, 12, 15], // F major seventh
    [-2, 5, 10, 14], // G major
    [-5, 7, 10, 14], // E minor seventh
    [0, 7, 12, 15],  // A minor
    [5, 8, 12, 15],  // D minor seventh
    [-2, 5, 8, 14],  // G seventh
];
/// The note of the chord that each bell strikes, an octave up.
const FIGURE: [usize; BELLS] = [0, 2, 1, 3, 2, 3, 1, 2];

/// 25.6 s at 8 kHz, full scale at -1 and 1, to be repeated without a gap.
pub fn hold_music() -> Vec<f32> {
    let chord_length = (CHORD_SECONDS * f64::from(RATE)) as usize;
    let mut sum = vec![0.0; CHORDS.len() * chord_length];
    for (index, chord) in CHORDS.iter().enumerate() {
        let start = index * chord_length;
        for note in chord {
            add(&mut sum, start, CHORD_SECONDS + 1.2, |time| pad(pitch(*note), time));
        }
        for (bell, note) in FIGURE.iter().enumerate() {
            let strike = start + bell * chord_length / BELLS;
            // Played by hand: the first of each chord a little louder, the others not all alike.
            let strength = [1.0, 0.55, 0.7, 0.6, 0.8, 0.5, 0.65, 0.45][bell];
            add(&mut sum, strike, 2.4, |time| strength * ring(2.0 * pitch(chord[*note]), time));
        }
    }
    let loudest = sum.iter().fold(0.0, |loudest: f64, sample| loudest.max(sample.abs()));
    sum.iter().map(|sample| (sample * PEAK / loudest) as f32).collect()
}

/// Adds a sound that begins at a sample; past the end it goes on at the beginning.
fn add(sum: &mut [f64], start: usize, seconds: f64, sound: impl Fn(f64) -> f64) {
    let length = sum.len();
    for n in 0..(seconds * f64::from(RATE)) as usize {
        sum[(start + n) % length] += sound(n as f64 / f64::from(RATE));
    }
}

fn pitch(semitones: i32) -> f64 {
    220.0 * (f64::from(semitones) / 12.0).exp2()
}

/// Swells for 0.8 s and fades for 1.2 s, under the swell of the next one.
fn pad(pitch: f64, time: f64) -> f64 {
    let swell = (time / 0.8).min(1.0);
    let fade = ((CHORD_SECONDS + 1.2 - time) / 1.2).clamp(0.0, 1.0);
    let level = smooth(swell) * smooth(fade) * (1.0 + 0.08 * (TAU * 0.31 * time).sin());
    level * 0.22 * (wave(pitch, time) + 0.35 * wave(2.0 * pitch, time) + 0.12 * wave(3.0 * pitch, time))
}

/// Struck, and rings for two seconds.
fn ring(pitch: f64, time: f64) -> f64 {
    let attack = smooth((time / 0.012).min(1.0));
    let end = smooth(((2.4 - time) / 0.2).clamp(0.0, 1.0));
    let body = (-2.4 * time).exp() * wave(pitch, time) + 0.3 * (-6.0 * time).exp() * wave(2.0 * pitch, time);
    0.5 * attack * end * body
}

fn wave(pitch: f64, time: f64) -> f64 {
    (TAU * (pitch * time).fract()).sin()
}

/// From 0 to 1 without a corner.
fn smooth(x: f64) -> f64 {
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::super::{FRAME, wav};
    use super::*;

    #[test]
    fn it_goes_round_in_whole_frames_without_a_click_and_never_loud_or_silent() {
        let samples = hold_music();
        assert_eq!(samples.len(), 1280 * FRAME);
        let steepest = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!((samples[0] - samples[samples.len() - 1]).abs() <= steepest && steepest < 0.25, "{steepest}");
        for (second, part) in samples.chunks(RATE as usize).enumerate() {
            let power = part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32;
            let level = 10.0 * power.log10();
            assert!((-30.0..=-14.0).contains(&level), "second {second}: {level} dBFS");
        }
    }

    #[test]
    fn the_file_that_is_shipped_is_what_is_computed() {
        let shipped = wav::read(include_bytes!("../../sounds/any/hold-music.wav")).expect("a WAV file");
        let samples = hold_music();
        assert_eq!((shipped.rate, shipped.samples.len()), (RATE, samples.len()));
        let off = shipped.samples.iter().zip(&samples).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 3.0 / 32768.0, "{off}");
    }
}
