//! What a leg is played: sounds one after the other, a frame at a time, without a gap; or music that goes round for ever.
//!
//! Invariant: a [`Player`] gives whole frames until the last sound has ended, and then none; [`Music`] depends on nothing but the
//! number of the frame, so that all who listen hear the same.

use super::{Codec, Sound};
use crate::audio::{Clip, FRAME, Library, g711};
use crate::id::PlayId;
use std::sync::Arc;

/// Sounds in one play; the rest is not played. A long number spoken in a long prompt takes forty.
pub const MAX_SOUNDS: usize = 256;

/// When music is missing, the tone that stands for it sounds so often, in frames: every five seconds.
pub const TONE_FRAMES: usize = 250;

#[derive(Clone, PartialEq, Debug)]
pub struct Player {
    play: PlayId,
    clips: Box<[Arc<Clip>]>,
    repeat: bool,
    /// The clip that sounds, and the frames of it that are played.
    clip: usize,
    frame: usize,
}

impl Player {
    /// Finds the sounds; each one that the library lacks is told to `missing`, and the fallback tone stands for it.
    pub fn new(play: PlayId, sounds: Vec<Sound>, repeat: bool, library: &Library, mut missing: impl FnMut(Sound)) -> Player {
        let clips = sounds
            .into_iter()
            .take(MAX_SOUNDS)
            .map(|sound| match library.get(&sound.language, &sound.name) {
                Some(clip) => clip.clone(),
                None => {
                    missing(sound);
                    library.fallback().clone()
                }
            })
            .collect();
        Player { play, clips, repeat, clip: 0, frame: 0 }
    }

    pub fn play(&self) -> PlayId {
        self.play
    }

    /// Has nothing more to say, now or later. One that repeats nothing is never over: it was asked to go on for ever.
    pub fn is_over(&self) -> bool {
        !self.repeat && self.clip >= self.clips.len()
    }

    /// The next frame in `codec`.
    pub fn next(&mut self, codec: Codec) -> Option<&[u8]> {
        self.skip_ended();
        let clip = self.clips.get(self.clip)?;
        let frame = self.frame;
        self.frame += 1;
        if self.frame >= clip.frames() {
            self.frame = 0;
            self.clip += 1;
        }
        frame_of(clip, frame, codec)
    }

    /// Past empty clips, and from the end back to the beginning; at most once around.
    fn skip_ended(&mut self) {
        for _ in 0..=self.clips.len() {
            match self.clips.get(self.clip) {
                Some(clip) if clip.frames() > 0 => return,
                Some(_) => self.clip += 1,
                None if self.repeat => self.clip = 0,
                None => return,
            }
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Music {
    clip: Arc<Clip>,
    /// Frames of one round: the clip's, or more with silence at the end.
    round: usize,
}

impl Music {
    /// Finds the sound, or the tone that stands for it, and then `missing` is told.
    pub fn new(sound: Sound, library: &Library, missing: impl FnOnce(Sound)) -> Music {
        match library.get(&sound.language, &sound.name) {
            Some(clip) => Music { clip: clip.clone(), round: clip.frames() },
            None => {
                missing(sound);
                Music { clip: library.fallback().clone(), round: TONE_FRAMES }
            }
        }
    }

    /// What sounds in the frame with this number.
    pub fn frame(&self, number: i64, codec: Codec) -> &[u8] {
        let round = i64::try_from(self.round).unwrap_or(i64::MAX).max(1);
        let index = usize::try_from(number.rem_euclid(round)).unwrap_or(0);
        frame_of(&self.clip, index, codec).unwrap_or(silence(codec))
    }
}

/// A frame in which nothing is heard.
pub fn silence(codec: Codec) -> &'static [u8; FRAME] {
    match codec {
        Codec::Pcma => &[g711::ALAW_SILENCE; FRAME],
        Codec::Pcmu => &[g711::ULAW_SILENCE; FRAME],
    }
}

fn frame_of(clip: &Clip, index: usize, codec: Codec) -> Option<&[u8]> {
    let bytes = match codec {
        Codec::Pcma => clip.alaw(),
        Codec::Pcmu => clip.ulaw(),
    };
    bytes.get(index * FRAME..(index + 1) * FRAME)
}
