//! The ears that judge every prompt: what they forgive, and what they do not.

use crate::exchange::Folder;
use crate::phones::{hears, hears_not, sound};
use std::path::{Path, PathBuf};

const RATE: usize = 8000;

fn samples(seconds: f64) -> usize {
    (seconds * RATE as f64) as usize
}

fn speech(prompt: &Path) -> Vec<i16> {
    let mut wav = hound::WavReader::open(prompt).expect("a shipped prompt");
    wav.samples().map(|sample| sample.expect("a sample")).collect()
}

/// A recording of these parts, after a moment of silence.
fn recording(parts: &[&[i16]]) -> (Folder, PathBuf) {
    let folder = Folder::new("hearing");
    let path = folder.join("heard.wav");
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE as u32, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(&path, spec).expect("a file");
    let silence = vec![0; samples(0.05)];
    for sample in silence.iter().chain(parts.iter().copied().flatten()) {
        wav.write_sample(*sample).expect("written");
    }
    wav.finalize().expect("written");
    (folder, path)
}

#[test]
fn a_prompt_may_pause_for_a_moment_and_lose_nothing() {
    let (first, second) = (sound("pl", "your-balance-is"), sound("pl", "enter-customer-number"));
    let (spoken, next) = (speech(&first), speech(&second));
    let (head, tail) = spoken.split_at(samples(0.6));
    let pause = |seconds| vec![0i16; samples(seconds)];
    let cases: [(&str, Vec<i16>, bool); 8] = [
        ("whole", spoken.clone(), true),
        ("paused for 100 ms", [head, &pause(0.1), tail].concat(), true),
        ("paused for 280 ms", [head, &pause(0.28), tail].concat(), true),
        ("paused for 400 ms", [head, &pause(0.4), tail].concat(), false),
        ("200 ms silenced", [head, &pause(0.2), &tail[samples(0.2)..]].concat(), false),
        ("100 ms cut out", [head, &tail[samples(0.1)..]].concat(), false),
        ("the end cut off", head.to_vec(), false),
        ("the beginning cut off", tail.to_vec(), false),
    ];
    for (case, heard, whole) in cases {
        let (_folder, heard) = recording(&[&heard, &next]);
        let judged = hears(&heard, &[first.clone(), second.clone()]);
        assert_eq!(judged.is_ok(), whole, "{case}: {judged:?}");
    }
}

#[test]
fn prompts_count_in_their_order_and_another_is_not_taken_for_one() {
    let (first, second, other) = (sound("pl", "your-balance-is"), sound("pl", "enter-customer-number"), sound("pl", "goodbye"));
    let (_folder, heard) = recording(&[&speech(&first), &speech(&second)]);
    hears(&heard, &[first.clone(), second.clone()]).expect("both in this order");
    hears(&heard, &[second.clone(), first.clone()]).expect_err("the other order");
    hears(&heard, std::slice::from_ref(&other)).expect_err("nobody said it");
    hears_not(&heard, std::slice::from_ref(&other)).expect("nobody said it");
    hears_not(&heard, std::slice::from_ref(&second)).expect_err("it was said");
}
