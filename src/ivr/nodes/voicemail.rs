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
use crate::ivr::Keep;
use crate::ivr::reading::NodeFields;
use crate::ivr::recording::{Recorder, Recording};
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Voicemail(Recorder);

impl Node for Voicemail {
    type State = Recording;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Voicemail> {
        let mailbox = fields.mailbox("mailbox");
        Recorder::read(fields, |longest, silence| Some(Keep::Message { mailbox: mailbox?, longest, silence })).map(Voicemail)
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Recording> {
        self.0.begin(turn)
    }

    fn hear(&self, state: Recording, heard: Heard, turn: &mut Turn<'_>) -> Step<Recording> {
        self.0.hear(state, heard, turn)
    }
}
