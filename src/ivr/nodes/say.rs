//! `say: {parts: [your-balance-is, {money: "{{ http.body.balance }} PLN"}], next: NODE, failed: NODE}` says prompts and values, one
//! after the other, as the caller's language does: see [`crate::ivr::speaking`] for what there is to say.
//!
//! Keys as with `play`. When a value is absent or cannot be said nothing is played, and the outcome is `failed`: on at `failed`, else at
//! `next`.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::reading::{Kind, NodeFields};
use crate::ivr::speaking::Speakable;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Say {
    parts: Vec<Speakable>,
    next: Name,
    failed: Name,
    barge_in: bool,
}

impl Node for Say {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Say> {
        let items = fields.list("parts", Kind::Parts, true);
        let parts: Vec<_> = items.iter().map(|item| Speakable::read(item, fields)).collect();
        let next = fields.link("next");
        let failed = fields.link_or("failed", &next);
        let barge_in = fields.boolean("barge_in", true);
        // Where a value cannot be said nothing is played.
        if !parts.iter().flatten().any(Speakable::may_fail) {
            fields.waits();
        }
        Some(Say { parts: parts.into_iter().collect::<Option<_>>()?, next: next?, failed: failed?, barge_in })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        if self.barge_in && turn.is_typed_ahead() {
            return Step::leave("skipped", Some(self.next.clone()));
        }
        match turn.spell_out(&self.parts) {
            Some(prompts) if !prompts.is_empty() => {
                turn.play(&prompts, false);
                Step::Stay(())
            }
            _ => Step::leave("failed", Some(self.failed.clone())),
        }
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Played => Step::leave("next", Some(self.next.clone())),
            Heard::Key(key) if self.barge_in => {
                turn.keep(key);
                Step::leave("key", Some(self.next.clone()))
            }
            _ => Step::Stay(state),
        }
    }
}
