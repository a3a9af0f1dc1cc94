//! `queue: {name: support, need: "mac >= 2", value: "{{ customer.value }}", keys: {1: NODE}, answered: NODE, overflow: NODE,
//! failed: NODE}`: the caller waits for an agent and talks to them.
//!
//! | what happens | outcome | where to |
//! |---|---|---|
//! | the agent hangs up after the talk | `answered` | `answered`, else the call ends |
//! | the queue sends the caller on | `overflow` | `overflow`, else `failed` |
//! | the queue has given the caller to somebody for good | `overflow` | nowhere: the flow is over |
//! | the queue is full or cannot take them | `failed` | `failed` |
//! | the caller presses a key of `keys` while they wait | `key K` | its node |
//!
//! Whoever leaves by a key has their place kept: entering the queue again they are where they were, and a `callback` of it takes the
//! place over. With `keep_place: false` it is lost. `need` and `value` are for the queue to judge.
//!
//! What they hear meanwhile is the queue's. A key of `keys` that was typed ahead is taken at once, before they join; any other
//! forgets what was typed.

use super::{Heard, Node, Step};
use crate::expression::{Requirement, Template, Value};
use crate::id::Name;
use crate::ivr::QueueEnd;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queue {
    name: Name,
    need: Option<Requirement>,
    value: Option<Template>,
    keep_place: bool,
    keys: BTreeMap<char, Name>,
    answered: Option<Name>,
    overflow: Option<Name>,
    failed: Name,
}

impl Node for Queue {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Queue> {
        fields.waits();
        let name = fields.queue("name");
        let need = fields.requirement("need");
        let value = fields.optional_number("value");
        let keep_place = fields.boolean("keep_place", true);
        let keys = fields.optional_keys("keys");
        let answered = fields.optional_link("answered");
        let overflow = fields.optional_link_at_once("overflow");
        let failed = fields.link_at_once("failed");
        Some(Queue { name: name?, need: need?, value: value?, keep_place, keys: keys?, answered, overflow, failed: failed? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        if let Some((key, next)) = turn.typed().and_then(|key| Some((key, self.keys.get(&key)?))) {
            return Step::leave(format!("key {key}"), Some(next.clone()));
        }
        turn.forget_typed();
        turn.enqueue(&self.name, self.need.clone(), self.worth(turn));
        Step::Stay(())
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Queue(QueueEnd::Answered) => Step::leave("answered", self.answered.clone()),
            Heard::Queue(QueueEnd::GivenAway) => Step::GiveAway { outcome: "overflow".into() },
            Heard::Queue(QueueEnd::Overflow) => {
                let to = self.overflow.as_ref().unwrap_or(&self.failed);
                Step::leave("overflow", Some(to.clone()))
            }
            Heard::Queue(QueueEnd::Failed) => Step::leave("failed", Some(self.failed.clone())),
            Heard::Key(key) => match self.keys.get(&key) {
                Some(next) => {
                    turn.leave_queue(key, self.keep_place);
                    Step::leave(format!("key {key}"), Some(next.clone()))
                }
                None => Step::Stay(state),
            },
            _ => Step::Stay(state),
        }
    }
}

impl Queue {
    /// What the caller is worth, if that can be told: it is never a reason not to let somebody wait.
    fn worth(&self, turn: &Turn<'_>) -> Option<f64> {
        match self.value.as_ref()?.value(&turn.known()) {
            Ok(Value::Number(number)) => number.to_string().parse().ok(),
            Ok(Value::Text(text)) => text.parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        }
    }
}
