//! Sounds one after the other, a frame at a time, without a gap.
//!
//! Invariant: `next` gives whole frames until the last sound has ended, and then none.

use super::{Codec, Sound};
use crate::audio::{Clip, FRAME, Library};
use crate::id::PlayId;
use std::sync::Arc;

/// Sounds in one play; the rest is not played. A long number spoken in a long prompt takes forty.
pub const MAX_SOUNDS: usize = 256;

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
        let bytes = match codec {
            Codec::Pcma => clip.alaw(),
            Codec::Pcmu => clip.ulaw(),
        };
        let start = self.frame * FRAME;
        self.frame += 1;
        if self.frame >= clip.frames() {
            self.frame = 0;
            self.clip += 1;
        }
        bytes.get(start..start + FRAME)
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
