//! Sounds by language and name, encoded once for each codec and shared by every leg that plays them.
//!
//! Invariant: a clip is whole frames long in both codecs.

use super::{FRAME, RATE, g711, resample, tone, wav};
use crate::time::Duration;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// At most so many sounds; a library of all numbers, dates and prompts in ten languages has a few thousand.
pub const MAX_SOUNDS: usize = 20_000;

/// Sounds without words are the same in every language, and stand in this folder: a sound that a language lacks is looked for here.
pub const ANY_LANGUAGE: &str = "any";

/// What is heard instead of a sound that is missing: short, and no tone that a telephone network uses.
const FALLBACK_HZ: f32 = 620.0;
const FALLBACK_LEVEL: f32 = 0.2;
const FALLBACK_LENGTH: Duration = Duration::from_millis(300);

/// One sound, encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

impl Clip {
    /// Encodes samples of 8 kHz, full scale at -1 and 1; the last frame is filled up with silence.
    pub fn encode(samples: &[f32]) -> Clip {
        let linear: Vec<i16> = samples.iter().map(|sample| (sample * 32767.0).round() as i16).collect();
        let encoded = |encode: fn(i16) -> u8, silence: u8| -> Box<[u8]> {
            let mut bytes: Vec<u8> = Vec::with_capacity(linear.len().next_multiple_of(FRAME));
            bytes.extend(linear.iter().map(|sample| encode(*sample)));
            bytes.resize(linear.len().next_multiple_of(FRAME), silence);
            bytes.into_boxed_slice()
        };
        Clip { alaw: encoded(g711::quick_alaw, g711::ALAW_SILENCE), ulaw: encoded(g711::quick_ulaw, g711::ULAW_SILENCE) }
    }

    /// The whole clip in A-law, one byte a sample.
    pub fn alaw(&self) -> &[u8] {
        &self.alaw
    }

    /// The whole clip in mu-law, one byte a sample.
    pub fn ulaw(&self) -> &[u8] {
        &self.ulaw
    }

    pub fn frames(&self) -> usize {
        self.alaw.len() / FRAME
    }

    pub fn length(&self) -> Duration {
        Duration::from_millis(20) * u32::try_from(self.frames()).unwrap_or(u32::MAX)
    }
}

/// A clip prints its length; nobody reads its bytes.
impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({:?})", self.length())
    }
}

/// The sounds of an exchange. Built once, then shared; a reload builds another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Library {
    languages: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<Clip>>>,
    fallback: Arc<Clip>,
}

impl Default for Library {
    fn default() -> Library {
        Library::new()
    }
}

impl Library {
    pub fn new() -> Library {
        let fallback = Clip::encode(&tone(FALLBACK_HZ, FALLBACK_LEVEL, FALLBACK_LENGTH));
        Library { languages: BTreeMap::new(), fallback: Arc::new(fallback) }
    }

    /// Reads a WAV file (any rate, channels, 8 to 32 bits or float), resamples it to 8 kHz and keeps it encoded; replaces a sound
    /// of the same name. The error finishes the sentence "could not load the sound because ...".
    pub fn insert(&mut self, language: Arc<str>, name: Arc<str>, wav: &[u8]) -> Result<(), String> {
        let wave = wav::read(wav)?;
        let samples = resample(wave.samples, wave.rate, RATE)?;
        self.insert_clip(language, name, Clip::encode(&samples))
    }

    /// Keeps a clip that is encoded already; replaces a sound of the same name.
    pub fn insert_clip(&mut self, language: Arc<str>, name: Arc<str>, clip: Clip) -> Result<(), String> {
        if self.len() >= MAX_SOUNDS && self.own(&language, &name).is_none() {
            return Err(format!("there are {MAX_SOUNDS} sounds already"));
        }
        self.languages.entry(language).or_default().insert(name, Arc::new(clip));
        Ok(())
    }

    /// The sound in this language, or else the one for any.
    pub fn get(&self, language: &str, name: &str) -> Option<&Arc<Clip>> {
        self.own(language, name).or_else(|| self.own(ANY_LANGUAGE, name))
    }

    fn own(&self, language: &str, name: &str) -> Option<&Arc<Clip>> {
        self.languages.get(language)?.get(name)
    }

    /// Every sound by the path of its file, `en/welcome`.
    pub fn by_path(&self) -> BTreeMap<String, &Arc<Clip>> {
        let all = self.languages.iter().flat_map(|(language, sounds)| sounds.iter().map(move |sound| (language, sound)));
        all.map(|(language, (name, clip))| (format!("{language}/{name}"), clip)).collect()
    }

    /// The short tone that stands for a missing sound.
    pub fn fallback(&self) -> &Arc<Clip> {
        &self.fallback
    }

    pub fn len(&self) -> usize {
        self.languages.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_encoded_byte_for_byte_and_filled_up_to_whole_frames() {
        let samples: Vec<i16> = (0..200).map(|n| (n - 100) * 300).collect();
        let mut library = Library::new();
        library.insert("pl".into(), "welcome".into(), &wav::write(RATE, &samples).expect("written")).expect("a good file");
        let clip = library.get("pl", "welcome").expect("just inserted");
        assert_eq!((clip.frames(), clip.length()), (2, Duration::from_millis(40)));
        for (n, sample) in samples.iter().enumerate() {
            let off = (i32::from(g711::alaw_to_linear(clip.alaw()[n])) - i32::from(*sample)).abs();
            assert!(off <= i32::from(sample.unsigned_abs()) / 16 + 16, "sample {n}: {sample} is off by {off}");
        }
        assert!(clip.alaw()[200..].iter().all(|byte| *byte == g711::ALAW_SILENCE));
        assert!(clip.ulaw()[200..].iter().all(|byte| *byte == g711::ULAW_SILENCE));
    }

    #[test]
    fn a_sound_of_another_rate_keeps_its_length() {
        let mut library = Library::new();
        library.insert("en".into(), "beep".into(), &wav::write(22_050, &[0; 22_050]).expect("written")).expect("a good file");
        assert_eq!(library.get("en", "beep").map(|clip| clip.length()), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_sound_that_a_language_lacks_is_the_one_for_any() {
        let mut library = Library::new();
        for (language, name, samples) in [("any", "hold", 160), ("any", "beep", 160), ("pl", "hold", 320)] {
            library.insert_clip(language.into(), name.into(), Clip::encode(&vec![0.1; samples])).expect("room for it");
        }
        let frames = |language, name| library.get(language, name).map(|clip| clip.frames());
        assert_eq!((frames("pl", "hold"), frames("en", "hold"), frames("en", "none")), (Some(2), Some(1), None));
        assert_eq!((frames("any", "hold"), library.len()), (Some(1), 3));
    }

    #[test]
    fn a_broken_sound_is_refused_and_the_others_stay() {
        let mut library = Library::new();
        let refused = library.insert("pl".into(), "bad".into(), b"RIFF????WAVE").expect_err("must be refused");
        assert!(!refused.is_empty());
        assert!(library.is_empty() && library.get("pl", "bad").is_none());
        assert!(library.fallback().frames() > 0);
    }
}
