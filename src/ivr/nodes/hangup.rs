//! `hangup: {cause: normal}` ends the call. The other causes (`busy`, `rejected`, `unavailable`) tell the caller's side why when
//! the call was not answered yet.

use super::{Heard, Node, Step};
use crate::ivr::Cause;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hangup {
    cause: Cause,
}

const CAUSES: &[(&str, Cause)] =
    &[("normal", Cause::Normal), ("busy", Cause::Busy), ("rejected", Cause::Rejected), ("unavailable", Cause::Unavailable)];

impl Node for Hangup {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Hangup> {
        Some(Hangup { cause: fields.word("cause", CAUSES).unwrap_or(Cause::Normal) })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Hangup(self.cause)
    }

    fn hear(&self, _state: (), _heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Hangup(self.cause)
    }
}
