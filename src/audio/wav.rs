//! WAV files, in and out, as bytes: opening files is the shell's.
//!
//! Invariant: what is read is finite, mono, and no longer than [`LONGEST`].

use crate::time::Duration;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::io::{self, Cursor};

/// A prompt longer than this is a mistake, and would take 10 MB in two codecs.
pub const LONGEST: Duration = Duration::from_secs(600);

/// What recorders and synthesisers produce.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
const MOST_CHANNELS: u16 = 16;

#[derive(Clone, PartialEq, Debug)]
pub struct Wave {
    /// Samples in a second.
    pub rate: u32,
    /// One channel, full scale at -1 and 1.
    pub samples: Vec<f32>,
}

/// Reads PCM of 8, 16, 24 or 32 bits or 32-bit float; channels are mixed into one. The error finishes the sentence "could not read
/// the sound because ...".
pub fn read(bytes: &[u8]) -> Result<Wave, String> {
    let mut reader = WavReader::new(bytes).map_err(reason)?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) {
        return Err(format!("its rate of {} Hz is not between {} and {}", spec.sample_rate, RATES.start(), RATES.end()));
    }
    if spec.channels == 0 || spec.channels > MOST_CHANNELS {
        return Err(format!("it has {} channels, not 1 to {MOST_CHANNELS}", spec.channels));
    }
    if u64::from(reader.duration()) > LONGEST.as_secs() * u64::from(spec.sample_rate) {
        return Err(format!("it is longer than {} minutes", LONGEST.as_secs() / 60));
    }
    let interleaved: Vec<f32> = match spec.sample_format {
        SampleFormat::Int if spec.bits_per_sample == 16 => of_16_bits(reader),
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        SampleFormat::Int => {
            let scale = 1.0 / (1u64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|value| value as f32 * scale)).collect()
        }
    }
    .map_err(reason)?;
    if interleaved.iter().any(|sample| !sample.is_finite()) {
        return Err("it holds samples that are no numbers".to_string());
    }
    let channels = usize::from(spec.channels);
    let samples = match channels {
        1 => interleaved,
        _ => interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect(),
    };
    Ok(Wave { rate: spec.sample_rate, samples })
}

/// What nearly every prompt is, read at once: one sample at a time was half of a cold start.
fn of_16_bits(mut reader: WavReader<&[u8]>) -> Result<Vec<f32>, hound::Error> {
    const SCALE: f32 = 1.0 / (1 << 15) as f32;
    let more = reader.len().saturating_sub(1) as usize;
    // The library says by the first whether it can read them at all.
    let Some(first) = reader.samples::<i16>().next().transpose()? else { return Ok(Vec::new()) };
    let bytes = reader.into_inner().get(..more * 2).ok_or(hound::Error::IoError(io::ErrorKind::UnexpectedEof.into()))?;
    let samples = bytes.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]]));
    Ok(std::iter::once(first).chain(samples).map(|sample| f32::from(sample) * SCALE).collect())
}

/// A mono 16-bit WAV file of `samples`.
pub fn write(rate: u32, samples: &[i16]) -> Result<Vec<u8>, String> {
    let spec = WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let mut writer = WavWriter::new(&mut file, spec).map_err(reason)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(reason)?;
    }
    writer.finalize().map_err(reason)?;
    Ok(file.into_inner())
}

fn reason(error: hound::Error) -> String {
    match error {
        hound::Error::IoError(_) => "it ends too early".to_string(),
        hound::Error::FormatError(what) => format!("it is not a WAV file: {what}"),
        hound::Error::Unsupported => "its kind of WAV is not supported; PCM is".to_string(),
        other => format!("of this: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(spec: WavSpec, fill: impl Fn(&mut WavWriter<&mut Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, spec).expect("a sensible format");
        fill(&mut writer);
        writer.finalize().expect("memory does not fail");
        file.into_inner()
    }

    fn spec(channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels, sample_rate: 8000, bits_per_sample, sample_format }
    }

    #[test]
    fn every_width_is_read_to_the_same_scale() {
        for bits in [8u16, 16, 24, 32] {
            let half = 1i32 << (bits - 2);
            let bytes = written(spec(1, bits, SampleFormat::Int), |writer| {
                for sample in [0, half, -half] {
                    writer.write_sample(sample).expect("memory does not fail");
                }
            });
            assert_eq!(read(&bytes), Ok(Wave { rate: 8000, samples: vec![0.0, 0.5, -0.5] }), "{bits} bits");
        }
        let float = written(spec(1, 32, SampleFormat::Float), |writer| writer.write_sample(0.25f32).expect("written"));
        assert_eq!(read(&float).map(|wave| wave.samples), Ok(vec![0.25]));
    }

    #[test]
    fn channels_are_mixed_into_one() {
        let stereo = written(spec(2, 16, SampleFormat::Int), |writer| {
            for sample in [16384i16, 0, 16384, 16384] {
                writer.write_sample(sample).expect("memory does not fail");
            }
        });
        assert_eq!(read(&stereo).map(|wave| wave.samples), Ok(vec![0.25, 0.5]));
    }

    #[test]
    fn what_is_broken_is_refused_with_a_reason() {
        let good = write(8000, &[1; 800]).expect("written");
        let check = |bytes: &[u8], reason: &str| assert_eq!(read(bytes).expect_err("must be refused"), reason);
        check(b"", "it ends too early");
        check(b"hello, this is not audio at all", "it is not a WAV file: no RIFF tag found");
        check(&good[..good.len() - 3], "it ends too early");
        let not_a_number = written(spec(1, 32, SampleFormat::Float), |writer| writer.write_sample(f32::NAN).expect("written"));
        check(&not_a_number, "it holds samples that are no numbers");
        let mut slow = good.clone();
        slow[24..28].copy_from_slice(&100u32.to_le_bytes());
        slow[28..32].copy_from_slice(&200u32.to_le_bytes());
        check(&slow, "its rate of 100 Hz is not between 4000 and 384000");
        let long = write(4000, &vec![0; 4000 * 601]).expect("written");
        check(&long, "it is longer than 10 minutes");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN];
        let wave = read(&write(8000, &samples).expect("written")).expect("read");
        assert_eq!(wave.samples.iter().map(|sample| (sample * 32768.0) as i16).collect::<Vec<_>>(), samples);
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused_and_never_panics(
            damage in proptest::collection::vec((0usize..200, any::<u8>()), 0..8), end in 0usize..200,
        ) {
            let mut bytes = write(8000, &[7; 78]).expect("written");
            for (at, byte) in damage {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            bytes.truncate(end);
            let _ = read(&bytes);
        }
    }
}
