//! `voicemail: {mailbox: support, prompt: leave-a-message, longest: 3m, silence: 5s, next: NODE, failed: NODE}` takes a message for a
//! mailbox: the prompt, then what the caller says until they press a key, hang up, are silent for `silence`, or `longest` is over.
//!
//! | what becomes of it | outcome | where to |
//! |---|---|---|
//! | it is kept | `next` | `next` |
//! | nothing was said | `empty` | `next` |
//! | it could not be kept | `failed` | `failed`, else `next` |
//!
//! A key during the prompt skips the rest of it.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::Keep;
use crate::ivr::reading::NodeFields;
use crate::ivr::recording::{Recorder, Recording};
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Voicemail {
    mailbox: Name,
    recorder: Recorder,
}

impl Node for Voicemail {
    type State = Recording;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Voicemail> {
        let mailbox = fields.mailbox("mailbox");
        let recorder = Recorder::read(fields);
        Some(Voicemail { mailbox: mailbox?, recorder: recorder? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Recording> {
        self.recorder.begin(self.what(), turn)
    }

    fn hear(&self, state: Recording, heard: Heard, turn: &mut Turn<'_>) -> Step<Recording> {
        self.recorder.hear(state, heard, self.what(), turn)
    }
}

impl Voicemail {
    fn what(&self) -> Keep {
        let Recorder { longest, silence, .. } = self.recorder;
        Keep::Message { mailbox: self.mailbox.clone(), longest, silence }
    }
}
