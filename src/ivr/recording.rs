//! Recording what a caller says: a prompt, then their voice until a key, silence or the longest time. Used by `voicemail` and `record`.
//!
//! Invariant: the recording is begun once and ended by whoever keeps it; here it is only said that a key was pressed.

use super::nodes::{Heard, Step};
use super::reading::NodeFields;
use super::turn::Turn;
use super::{Keep, KeepEnd};
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

const DEFAULT_LONGEST: Duration = Duration::from_secs(180);
const LONGEST: Duration = Duration::from_secs(3600);
const DEFAULT_SILENCE: Duration = Duration::from_secs(5);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Recorder {
    prompts: Vec<Name>,
    what: Keep,
    next: Name,
    failed: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Recording {
    /// The prompt plays.
    Asking,
    Running,
}

impl Recorder {
    /// From the fields `prompt`, `longest`, `silence`, `next` and `failed`.
    /// `what` is kept, of the longest time and the silence that ends it.
    pub fn read(
        fields: &mut NodeFields<'_, '_, '_>,
        what: impl FnOnce(Duration, Duration) -> Option<Keep>,
    ) -> Option<Recorder> {
        fields.waits();
        let prompts = fields.optional_prompts("prompt");
        let longest = fields.duration("longest", DEFAULT_LONGEST, Duration::from_secs(1)..=LONGEST);
        let silence = fields.duration("silence", DEFAULT_SILENCE, Duration::from_secs(1)..=LONGEST);
        let next = fields.link_at_once("next");
        let failed = fields.link_at_once_or("failed", &next);
        Some(Recorder { prompts: prompts?, what: what(longest, silence)?, next: next?, failed: failed? })
    }

    pub fn begin(&self, turn: &mut Turn<'_>) -> Step<Recording> {
        turn.forget_typed();
        if self.prompts.is_empty() {
            turn.keep_for_later(self.what.clone());
            return Step::Stay(Recording::Running);
        }
        turn.play(&self.prompts, false);
        Step::Stay(Recording::Asking)
    }

    pub fn hear(&self, state: Recording, heard: Heard, turn: &mut Turn<'_>) -> Step<Recording> {
        match (state, heard) {
            (Recording::Asking, Heard::Played | Heard::Key(_)) => {
                turn.stop_playing();
                turn.keep_for_later(self.what.clone());
                Step::Stay(Recording::Running)
            }
            (Recording::Running, Heard::Key(_)) => {
                turn.stop_keeping();
                Step::Stay(state)
            }
            (Recording::Running, Heard::Kept(end)) => self.leave(end),
            _ => Step::Stay(state),
        }
    }

    fn leave(&self, end: KeepEnd) -> Step<Recording> {
        match end {
            KeepEnd::Kept => Step::leave("next", Some(self.next.clone())),
            KeepEnd::Empty => Step::leave("empty", Some(self.next.clone())),
            KeepEnd::Failed => Step::leave("failed", Some(self.failed.clone())),
        }
    }
}
