//! `answer: {next: NODE}` answers the call and goes on; `answer: {stay: true}` holds the line, silent, until the caller hangs up.
//!
//! Every verb that speaks answers by itself; this one is for what comes before speech, or instead of it.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// `None`: stay.
    next: Option<Name>,
}

impl Node for Answer {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Answer> {
        let stay = fields.boolean("stay", false);
        let next = fields.next_unless("stay", stay);
        if stay {
            fields.waits();
        }
        Some(Answer { next })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Step<()> {
        match &self.next {
            Some(next) => Step::leave("next", Some(next.clone())),
            None => Step::Stay(()),
        }
    }

    fn hear(&self, state: (), _heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Stay(state)
    }
}
