//! `record: {name: complaint, prompt: speak-now, longest: 3m, silence: 5s, next: NODE, failed: NODE}` records what the caller says, as a
//! recording of that name that belongs to the call. Otherwise as `voicemail`.

use super::{Heard, Node, Step};
use crate::ivr::Keep;
use crate::ivr::reading::NodeFields;
use crate::ivr::recording::{Recorder, Recording};
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record(Recorder);

impl Node for Record {
    type State = Recording;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Record> {
        let name = fields.new_name("name");
        Recorder::read(fields, |longest, silence| Some(Keep::Recording { name: name?, longest, silence })).map(Record)
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
