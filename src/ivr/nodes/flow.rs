//! `flow: {name: authorization, next: NODE}` walks another flow, and goes on at `next` when that one comes to a link to `return`.
//!
//! The caller keeps the language, the variables and the keys typed ahead, both ways: what the other flow found out, it leaves in
//! variables. A flow that ends the call ends it.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Flow {
    name: Name,
    next: Name,
}

impl Node for Flow {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Flow> {
        let name = fields.called_flow("name");
        let next = fields.link("next");
        Some(Flow { name: name?, next: next? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Call { flow: self.name.clone(), state: () }
    }

    fn hear(&self, state: (), heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Returned => Step::leave("next", Some(self.next.clone())),
            _ => Step::Stay(state),
        }
    }
}
