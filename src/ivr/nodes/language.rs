//! `language: {to: en, next: NODE}`: from here on the caller hears this language. With a template (`to: "{{ customer.language }}"`)
//! what it makes must be one of the exchange's languages; otherwise nothing changes.

use super::{Heard, Node, Step};
use crate::expression::Template;
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Language {
    to: Template,
    /// Those that a template may make.
    known: Vec<Name>,
    next: Name,
}

impl Node for Language {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Language> {
        let to = fields.language("to");
        let next = fields.link("next");
        Some(Language { to: to?, known: fields.world.languages.clone(), next: next? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        let wanted = self.to.render(&turn.known()).unwrap_or_default();
        if let Some(language) = self.known.iter().find(|known| ***known == *wanted) {
            turn.speak(language.clone());
        }
        Step::leave("next", Some(self.next.clone()))
    }

    fn hear(&self, state: (), _heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Stay(state)
    }
}
