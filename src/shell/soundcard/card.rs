//! The system's usual microphone and speaker, by cpal.
//!
//! Invariant: a callback waits for nobody longer than it takes to copy a frame.

use super::rate::{Down, Up};
use super::ring::Ring;
use crate::audio::{FRAME, RATE};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{Device, FromSample, SampleFormat, SizedSample, Stream, StreamConfig, SupportedStreamConfig};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Half a second: what was said while nobody listened is not said later.
const MOST: usize = RATE as usize / 2;
/// Kept before the speaker begins: the phone brings a frame every 20 ms, and may be late.
const CUSHION: usize = 3 * FRAME;

/// What both sides of the callbacks share.
struct Shared {
    samples: Mutex<Ring>,
    fault: Mutex<Option<String>>,
}

impl Shared {
    fn new(cushion: usize) -> Arc<Shared> {
        Arc::new(Shared { samples: Mutex::new(Ring::new(MOST, cushion)), fault: Mutex::default() })
    }

    fn samples(&self) -> MutexGuard<'_, Ring> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A microphone and a speaker that run.
pub struct Card {
    microphone: Arc<Shared>,
    speaker: Arc<Shared>,
    /// They run for as long as they are held.
    _streams: (Stream, Stream),
}

impl Card {
    /// The error is a sentence.
    pub fn open() -> Result<Card, String> {
        // The library's own words, several lines for each thing that is not there, are kept from the terminal.
        let _unheard = alsa::Output::local_error_handler();
        let host = cpal::default_host();
        let microphone = host.default_input_device().and_then(|it| Some((it.default_input_config().ok()?, it)));
        let speaker = host.default_output_device().and_then(|it| Some((it.default_output_config().ok()?, it)));
        let (Some((heard, microphone)), Some((said, speaker))) = (&microphone, &speaker) else {
            return Err(lacking(microphone.is_some(), speaker.is_some()));
        };
        let (from, to) = (Shared::new(0), Shared::new(CUSHION));
        let failed = |what: &str, fault: cpal::Error| format!("the {what} could not be opened: {fault}");
        let input = listening(microphone, heard, &from).map_err(|fault| failed("microphone", fault))?;
        let output = speaking(speaker, said, &to).map_err(|fault| failed("speaker", fault))?;
        input.play().map_err(|fault| failed("microphone", fault))?;
        output.play().map_err(|fault| failed("speaker", fault))?;
        Ok(Card { microphone: from, speaker: to, _streams: (input, output) })
    }

    /// What was said since the last time, at 8 kHz.
    pub fn said(&self, into: &mut Vec<i16>) {
        self.microphone.samples().take(into);
    }

    /// What is to be heard next, at 8 kHz.
    pub fn hears(&self, samples: &[i16]) {
        self.speaker.samples().push(samples);
    }

    /// What went wrong since the last time: a sentence.
    pub fn fault(&self) -> Option<String> {
        self.microphone.fault().take().or_else(|| self.speaker.fault().take())
    }
}

/// What this machine has not.
fn lacking(microphone: bool, speaker: bool) -> String {
    let what = match (microphone, speaker) {
        (false, false) => "no sound card: neither a microphone nor a speaker",
        (false, true) => "no microphone",
        (_, _) => "no speaker",
    };
    format!("this machine has {what}; without --soundcard the phone plays and records WAV files")
}

fn listening(device: &Device, supported: &SupportedStreamConfig, to: &Arc<Shared>) -> Result<Stream, cpal::Error> {
    let config = supported.config();
    match supported.sample_format() {
        SampleFormat::I16 => input::<i16>(device, config, to),
        SampleFormat::I32 => input::<i32>(device, config, to),
        SampleFormat::U8 => input::<u8>(device, config, to),
        SampleFormat::U16 => input::<u16>(device, config, to),
        // The one that every backend can convert to.
        _ => input::<f32>(device, config, to),
    }
}

fn input<T>(device: &Device, config: StreamConfig, to: &Arc<Shared>) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels.max(1));
    let (shared, told) = (Arc::clone(to), Arc::clone(to));
    let mut down = Down::new(config.sample_rate);
    let mut ours = Vec::new();
    let take = move |theirs: &[T], _: &cpal::InputCallbackInfo| {
        ours.clear();
        for frame in theirs.chunks(channels) {
            let mean = frame.iter().map(|sample| f32::from_sample_(*sample)).sum::<f32>() / channels as f32;
            ours.extend(down.next(mean));
        }
        shared.samples().push(&ours);
    };
    let fail = move |fault: cpal::Error| *told.fault() = Some(format!("the microphone failed: {fault}"));
    device.build_input_stream(config, take, fail, None)
}

fn speaking(device: &Device, supported: &SupportedStreamConfig, from: &Arc<Shared>) -> Result<Stream, cpal::Error> {
    let config = supported.config();
    match supported.sample_format() {
        SampleFormat::I16 => output::<i16>(device, config, from),
        SampleFormat::I32 => output::<i32>(device, config, from),
        SampleFormat::U8 => output::<u8>(device, config, from),
        SampleFormat::U16 => output::<u16>(device, config, from),
        _ => output::<f32>(device, config, from),
    }
}

fn output<T>(device: &Device, config: StreamConfig, from: &Arc<Shared>) -> Result<Stream, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels.max(1));
    let (shared, told) = (Arc::clone(from), Arc::clone(from));
    let mut up = Up::new(config.sample_rate);
    let give = move |theirs: &mut [T], _: &cpal::OutputCallbackInfo| {
        let mut samples = shared.samples();
        for frame in theirs.chunks_mut(channels) {
            frame.fill(T::from_sample_(up.next(|| samples.pull())));
        }
    };
    let fail = move |fault: cpal::Error| *told.fault() = Some(format!("the speaker failed: {fault}"));
    device.build_output_stream(config, give, fail, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_one_sentence() {
        for (microphone, speaker, said) in [
            (false, false, "this machine has no sound card: neither a microphone nor a speaker"),
            (false, true, "this machine has no microphone"),
            (true, false, "this machine has no speaker"),
        ] {
            let why = lacking(microphone, speaker);
            assert!(why.starts_with(said) && why.lines().count() == 1, "{why}");
        }
    }
}
