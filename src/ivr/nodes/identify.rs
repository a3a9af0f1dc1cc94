//! `identify: {by: caller.number, found: NODE, unknown: NODE, failed: NODE}` looks for the customer who has this number; found, they
//! are known as `customer.*` from here on.
//!
//! Without `failed` a customer who could not be looked for is an `unknown` one.

use super::{Heard, Node, Step};
use crate::ask::{Question, Reply};
use crate::expression::{Expression, Type};
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// How long the caller hears nothing meanwhile, at most.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Identify {
    by: Expression,
    found: Name,
    unknown: Name,
    failed: Name,
}

impl Node for Identify {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Identify> {
        let by = fields.expression_or("by", Type::Text, "caller.number");
        let found = fields.link("found");
        let unknown = fields.link("unknown");
        let failed = fields.link_or("failed", &unknown);
        Some(Identify { by: by?, found: found?, unknown: unknown?, failed: failed? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        let number = self.by.evaluate(&turn.known()).ok().and_then(|value| value.text()).unwrap_or_default();
        if number.is_empty() {
            turn.identify(None);
            return Step::leave("unknown", Some(self.unknown.clone()));
        }
        turn.ask(Question::LookupCustomer { number }, PATIENCE);
        Step::Stay(())
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Reply(Reply::Customer(found)) => {
                let (outcome, to) = if found.is_some() { ("found", &self.found) } else { ("unknown", &self.unknown) };
                turn.identify(found);
                Step::leave(outcome, Some(to.clone()))
            }
            Heard::Reply(_) => Step::leave("failed", Some(self.failed.clone())),
            Heard::Key(key) => {
                turn.keep(key);
                Step::Stay(state)
            }
            _ => Step::Stay(state),
        }
    }
}
