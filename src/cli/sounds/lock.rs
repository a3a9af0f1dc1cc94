//! `sounds/<language>/prompts.lock`: of each prompt that was spoken here, the sum of its text and the sum of its sound.

use super::prompts::sum;
use crate::shell::files;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

const FILE: &str = "prompts.lock";
const HEAD: &str =
    "# Written by `centrala sounds build`: prompt, sum of its text, sum of its sound. What is not here was recorded.\n";

#[derive(Clone, Debug, Default)]
pub struct Lock {
    /// Prompt -> sums of text and sound.
    spoken: BTreeMap<String, (String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Missing,
    /// Spoken, but from another text, voice or speed.
    Changed,
    Good,
    /// Not spoken here: somebody's recording.
    Recorded,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Missing => "missing",
            State::Changed => "changed",
            State::Good => "spoken",
            State::Recorded => "recorded",
        })
    }
}

impl Lock {
    pub fn read(folder: &Path) -> Result<Lock, String> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Lock::default());
        }
        let bytes = files::read_sound(&path).map_err(|why| format!("could not read {}: {why}", path.display()))?;
        let mut lock = Lock::default();
        for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.starts_with('#')) {
            if let [name, text, sound] = line.split_whitespace().collect::<Vec<_>>()[..] {
                lock.spoken.insert(name.into(), (text.into(), sound.into()));
            }
        }
        Ok(lock)
    }

    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let mut text = HEAD.to_string();
        for (name, (words, sound)) in &self.spoken {
            text.push_str(&format!("{name} {words} {sound}\n"));
        }
        files::replace(&folder.join(FILE), text.as_bytes())
    }

    pub fn state(&self, name: &str, text: &str, sound: Option<&[u8]>) -> State {
        match (self.spoken.get(name), sound) {
            (_, None) => State::Missing,
            (Some((_, ours)), Some(sound)) if *ours != sum(sound) => State::Recorded,
            (Some((ours, _)), Some(_)) if *ours != text => State::Changed,
            (Some(_), Some(_)) => State::Good,
            (None, Some(_)) => State::Recorded,
        }
    }

    pub fn note(&mut self, name: &str, text: &str, sound: &[u8]) {
        self.spoken.insert(name.into(), (text.into(), sum(sound)));
    }

    pub fn forget_all_but(&mut self, keep: impl Fn(&str) -> bool) {
        self.spoken.retain(|name, _| keep(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_told_from_what_was_spoken_here() {
        let mut lock = Lock::default();
        lock.note("welcome", "text 1", b"sound 1");
        for (name, text, sound, state) in [
            ("welcome", "text 1", None, State::Missing),
            ("welcome", "text 1", Some(&b"sound 1"[..]), State::Good),
            ("welcome", "text 2", Some(b"sound 1"), State::Changed),
            ("welcome", "text 2", Some(b"a person's voice"), State::Recorded),
            ("goodbye", "text 1", Some(b"sound 1"), State::Recorded),
            ("goodbye", "text 1", None, State::Missing),
        ] {
            assert_eq!(lock.state(name, text, sound), state, "{name} {text}");
        }
    }
}
