//! `language: {to: en, next: NODE}`: from here on the caller hears this language.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::session::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Language {
    to: Name,
    next: Name,
}

impl Node for Language {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Language> {
        let to = fields.language("to");
        let next = fields.link("next");
        Some(Language { to: to?, next: next? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        turn.speak(self.to.clone());
        Step::leave("next", Some(self.next.clone()))
    }

    fn hear(&self, state: (), _heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Stay(state)
    }
}
