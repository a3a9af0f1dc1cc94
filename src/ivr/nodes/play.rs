//! `play: {prompts: [welcome], next: NODE}` plays one prompt after the other and goes on; with `repeat: true` it plays them for
//! ever and goes nowhere.
//!
//! A key stops the prompts, is kept for the next menu, and the call goes on (so a caller who knows the menu types through the
//! welcome); a key that is already waiting skips them. With `barge_in: false` the prompts are heard to the end and keys pressed
//! meanwhile are ignored; those typed before are kept.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Play {
    prompts: Vec<Name>,
    /// `None`: repeat for ever.
    next: Option<Name>,
    barge_in: bool,
}

impl Node for Play {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Play> {
        let prompts = fields.prompts("prompts");
        let repeat = fields.boolean("repeat", false);
        let next = fields.next_unless("repeat", repeat);
        let barge_in = fields.boolean("barge_in", true);
        fields.waits();
        Some(Play { prompts: prompts?, next, barge_in })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        match &self.next {
            Some(next) if self.barge_in && turn.is_typed_ahead() => Step::leave("skipped", Some(next.clone())),
            next => {
                turn.play(&self.prompts, next.is_none());
                Step::Stay(())
            }
        }
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match (heard, &self.next) {
            (Heard::Played, Some(next)) => Step::leave("next", Some(next.clone())),
            (Heard::Key(key), Some(next)) if self.barge_in => {
                turn.keep(key);
                Step::leave("key", Some(next.clone()))
            }
            _ => Step::Stay(state),
        }
    }
}
