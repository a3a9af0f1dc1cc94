//! What somebody at the phone would say they hear: a known sound by its name, silence, or something else.
//!
//! A sound that was played from a file arrives as the very bytes of its frames, whatever exchange passed it on, as long as nobody
//! transcoded it. So frames are known by their bytes, without guessing. Invariant: the same thing is said once, until something
//! else is heard, or the sound begins again.

use crate::audio::{Clip, FRAME, g711};
use crate::id::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many frames in a row are needed to believe in a sound: 60 ms.
const SURE: u32 = 3;
/// So many frames that belong to no sound are something else: 200 ms.
const SURELY_ELSE: u32 = 10;
/// So many quiet frames are silence, and not a pause between two words: 1.2 s.
const SURELY_SILENT: u32 = 60;
/// Samples no louder than this are quiet: 40 dB below the loudest.
const QUIET: u16 = 328;
/// A sound that goes back by so many frames has begun again: half a second.
const AGAIN: usize = 25;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hearing {
    Sound(Name),
    /// Audio of no known sound: somebody speaks, or music that is not known.
    Else,
    Silence,
}

/// Sounds by the bytes of their frames, in both laws.
#[derive(Clone, Default)]
pub struct Memory {
    names: Vec<Name>,
    frames: BTreeMap<Box<[u8]>, Known>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    At {
        sound: usize,
        frame: usize,
    },
    /// More than once in one sound, as in a tone.
    Within {
        sound: usize,
    },
    /// In several sounds: it tells nothing.
    Anywhere,
}

impl Memory {
    pub fn learn(&mut self, name: Name, clip: &Clip) {
        let sound = self.names.len();
        self.names.push(name);
        self.learn_law(sound, clip.alaw(), g711::alaw_to_linear);
        self.learn_law(sound, clip.ulaw(), g711::ulaw_to_linear);
    }

    fn learn_law(&mut self, sound: usize, bytes: &[u8], decode: fn(u8) -> i16) {
        for (frame, bytes) in bytes.chunks_exact(FRAME).enumerate().filter(|(_, bytes)| !is_quiet(bytes, decode)) {
            let known = Known::At { sound, frame };
            self.frames.entry(bytes.into()).and_modify(|old| *old = old.or(known)).or_insert(known);
        }
    }
}

impl Known {
    fn sound(self) -> Option<usize> {
        match self {
            Known::At { sound, .. } | Known::Within { sound } => Some(sound),
            Known::Anywhere => None,
        }
    }

    fn or(self, other: Known) -> Known {
        match (self.sound(), other.sound()) {
            (Some(one), Some(two)) if one == two => Known::Within { sound: one },
            _ => Known::Anywhere,
        }
    }
}

/// One listener.
#[derive(Clone, Default)]
pub struct Ear {
    memory: Arc<Memory>,
    /// What was said last.
    said: Option<Hearing>,
    /// What the last frames were, and how many of them in a row.
    now: Option<Hearing>,
    frames: u32,
    /// Where in the sound.
    place: usize,
}

impl Ear {
    pub fn new(memory: Arc<Memory>) -> Ear {
        Ear { memory, ..Ear::default() }
    }

    /// Takes one frame; says what is heard when that is something new.
    pub fn listen(&mut self, payload: &[u8], is_alaw: bool) -> Option<Hearing> {
        let known = self.memory.frames.get(payload).copied();
        let heard = match known.map(Known::sound) {
            // A frame of several sounds belongs to whichever is playing.
            Some(None) => return None,
            Some(Some(sound)) => Hearing::Sound(self.memory.names.get(sound)?.clone()),
            None if is_quiet(payload, if is_alaw { g711::alaw_to_linear } else { g711::ulaw_to_linear }) => Hearing::Silence,
            None => Hearing::Else,
        };
        if let Some(Known::At { frame, .. }) = known {
            if frame + AGAIN < self.place && self.said.as_ref() == Some(&heard) {
                self.said = None;
            }
            self.place = frame;
        }
        self.frames = if self.now.as_ref() == Some(&heard) { self.frames.saturating_add(1) } else { 1 };
        let needed = match &heard {
            Hearing::Sound(_) => SURE,
            Hearing::Else => SURELY_ELSE,
            Hearing::Silence => SURELY_SILENT,
        };
        self.now = Some(heard.clone());
        if self.frames < needed || self.said.as_ref() == Some(&heard) {
            return None;
        }
        self.said = Some(heard.clone());
        Some(heard)
    }
}

fn is_quiet(bytes: &[u8], decode: fn(u8) -> i16) -> bool {
    bytes.iter().all(|byte| decode(*byte).unsigned_abs() <= QUIET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone;
    use crate::time::Duration;

    fn clip(hertz: f32) -> Clip {
        let second = Duration::from_secs(1);
        // A glide: no frame comes twice.
        let glide = tone(hertz, 0.5, second).into_iter().zip(tone(3.0, 1.0, second)).map(|(a, b)| a * b);
        Clip::encode(&glide.collect::<Vec<f32>>())
    }

    fn ear() -> (Ear, [Clip; 2]) {
        let clips = [clip(401.0), clip(733.0)];
        let mut memory = Memory::default();
        memory.learn("welcome".into(), &clips[0]);
        memory.learn("menu".into(), &clips[1]);
        (Ear::new(Arc::new(memory)), clips)
    }

    fn said(ear: &mut Ear, bytes: &[u8], is_alaw: bool) -> Vec<Hearing> {
        bytes.chunks(FRAME).filter_map(|frame| ear.listen(frame, is_alaw)).collect()
    }

    fn sound(name: &str) -> Hearing {
        Hearing::Sound(name.into())
    }

    #[test]
    fn sounds_are_known_by_their_bytes_and_said_once() {
        let (mut ear, [welcome, menu]) = ear();
        let heard = said(&mut ear, &[welcome.alaw(), menu.alaw()].concat(), true);
        assert_eq!(heard, [sound("welcome"), sound("menu")]);
        assert_eq!(said(&mut ear, &[0x55 ^ 0x80; FRAME * 70], true), [Hearing::Silence]);
        assert_eq!(said(&mut ear, menu.ulaw(), false), [sound("menu")]);
        assert_eq!(said(&mut ear, clip(555.0).ulaw(), false), [Hearing::Else]);
    }

    #[test]
    fn a_sound_that_begins_again_is_said_again() {
        let (mut ear, [welcome, _]) = ear();
        assert_eq!(said(&mut ear, &welcome.alaw().repeat(3), true), [sound("welcome"), sound("welcome"), sound("welcome")]);
    }

    #[test]
    fn what_several_sounds_share_is_no_proof_of_either() {
        let mut memory = Memory::default();
        memory.learn("one".into(), &clip(401.0));
        memory.learn("two".into(), &clip(401.0));
        let mut ear = Ear::new(Arc::new(memory));
        assert_eq!(said(&mut ear, clip(401.0).alaw(), true), []);
    }
}
