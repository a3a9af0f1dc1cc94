//! The text-to-speech engine, and what is made of its sound: trimmed, 8 kHz, loud enough, exactly as long as asked for.

use super::prompts::{Prompt, Prompts};
use crate::audio::{RATE, resample, wav};
use crate::shell::files;
use crate::time::Duration;
use std::path::Path;
use std::process::{Command, Stdio};

pub const ESPEAK: &str = "espeak-ng -v {voice} -s {speed} -w {file} -- {text}";

/// Quieter than this, of full scale, is silence: -46 dB.
const SILENCE: f32 = 0.005;
/// Left before the first and after the last sound, in samples: 100 ms.
const MARGIN: usize = RATE as usize / 10;
/// The same of a word that others stand beside: 15 ms.
const TIGHT_MARGIN: usize = RATE as usize * 15 / 1000;
/// The loudest sample: -3 dB.
const PEAK: f32 = 0.707;

/// The prompt as a WAV file: 8 kHz, mono, 16 bits. `folder` takes the engine's own file for a moment.
pub fn speak(command: &str, prompts: &Prompts, prompt: &Prompt, folder: &Path) -> Result<Vec<u8>, String> {
    let raw = folder.join(".spoken.wav");
    let spoken = run(command, prompts, prompt, &raw).and_then(|()| files::read_sound(&raw));
    let _ = std::fs::remove_file(&raw);
    let wave = wav::read(&spoken?)?;
    let samples = resample(wave.samples, wave.rate, RATE)?;
    let samples = shape(&samples, prompt.length, if prompt.tight { TIGHT_MARGIN } else { MARGIN })?;
    wav::write(RATE, &samples)
}

fn run(command: &str, prompts: &Prompts, prompt: &Prompt, file: &Path) -> Result<(), String> {
    // A word alone is spoken slowly; among others it is not.
    let speed = if prompt.tight { prompts.speed * 4 / 3 } else { prompts.speed };
    let fill = |word: &str| {
        let filled = word.replace("{voice}", &prompts.voice).replace("{speed}", &speed.to_string());
        filled.replace("{file}", &file.display().to_string()).replace("{text}", &prompt.text)
    };
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else { return Err("--command is empty".into()) };
    let outcome = Command::new(program)
        .args(words.map(fill))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("could not start {program}: {error}"))?;
    if !outcome.status.success() {
        let said = String::from_utf8_lossy(&outcome.stderr);
        return Err(format!("{program} failed: {}", said.trim().lines().next().unwrap_or("it does not say why")));
    }
    Ok(())
}

fn shape(samples: &[f32], length: Option<Duration>, margin: usize) -> Result<Vec<i16>, String> {
    let loud = |sample: &f32| sample.abs() > SILENCE;
    let (Some(first), Some(last)) = (samples.iter().position(loud), samples.iter().rposition(loud)) else {
        return Err("the engine said nothing".into());
    };
    let samples = &samples[first.saturating_sub(margin)..(last + 1 + margin).min(samples.len())];
    let peak = samples.iter().fold(SILENCE, |peak, sample| peak.max(sample.abs()));
    let mut shaped: Vec<i16> = samples.iter().map(|sample| (sample / peak * PEAK * 32767.0).round() as i16).collect();
    if let Some(length) = length {
        let wanted = usize::try_from(length.as_millis() * u128::from(RATE) / 1000).unwrap_or(usize::MAX);
        if shaped.len() > wanted {
            let spoken = shaped.len() as f64 / f64::from(RATE);
            return Err(format!("the text takes {spoken:.1} s, longer than its `length`"));
        }
        shaped.resize(wanted, 0);
    }
    Ok(shaped)
}

/// How long a sound is.
pub fn length(wav: &[u8]) -> Option<Duration> {
    let wave = wav::read(wav).ok()?;
    Some(Duration::from_secs_f64(wave.samples.len() as f64 / f64::from(wave.rate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_is_trimmed_made_loud_and_filled_up() {
        let mut samples = vec![0.0; 8000];
        samples.extend([0.1, -0.2, 0.1]);
        samples.extend([0.0; 8000]);
        let shaped = shape(&samples, None, MARGIN).expect("there is something");
        assert_eq!(shaped.len(), MARGIN + 3 + MARGIN);
        assert_eq!(shaped.iter().map(|sample| sample.unsigned_abs()).max(), Some(23_166));
        assert_eq!(shape(&samples, Some(Duration::from_secs(10)), MARGIN).expect("it fits").len(), 80_000);
        assert!(shape(&samples, Some(Duration::from_millis(100)), MARGIN).is_err());
        assert!(shape(&[0.0; 100], None, MARGIN).is_err());
    }

    #[test]
    fn an_engine_that_is_not_there_is_one_sentence() {
        let prompts = Prompts { voice: "pl".into(), speed: 160, by_name: Default::default() };
        let prompt = Prompt { text: "x".into(), length: None, tight: false };
        let folder = std::env::temp_dir();
        let why = speak("no-such-engine {text}", &prompts, &prompt, &folder).expect_err("it cannot be there");
        assert!(why.starts_with("could not start no-such-engine: "), "{why}");
    }
}
