//! `queue: {name: support, keys: {1: NODE}, answered: NODE, overflow: NODE, failed: NODE}`: the caller waits for an agent and
//! talks to them.
//!
//! | what happens | outcome | where to |
//! |---|---|---|
//! | the agent hangs up after the talk | `answered` | `answered`, else the call ends |
//! | the queue sends the caller on | `overflow` | `overflow`, else `failed` |
//! | the queue is full or cannot take them | `failed` | `failed` |
//! | the caller presses a key of `keys` while they wait | `key K` | its node; the place in the queue is lost |
//!
//! What they hear meanwhile is the queue's. A key of `keys` that was typed ahead is taken at once, before they join; any other
//! forgets what was typed.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::QueueEnd;
use crate::ivr::reading::NodeFields;
use crate::ivr::session::Turn;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queue {
    name: Name,
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
        let keys = fields.optional_keys("keys");
        let answered = fields.optional_link("answered");
        let overflow = fields.optional_link_at_once("overflow");
        let failed = fields.link_at_once("failed");
        Some(Queue { name: name?, keys: keys?, answered, overflow, failed: failed? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        if let Some((key, next)) = turn.typed().and_then(|key| Some((key, self.keys.get(&key)?))) {
            return Step::leave(format!("key {key}"), Some(next.clone()));
        }
        turn.forget_typed();
        turn.enqueue(&self.name);
        Step::Stay(())
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Queue(QueueEnd::Answered) => Step::leave("answered", self.answered.clone()),
            Heard::Queue(QueueEnd::Overflow) => {
                let to = self.overflow.as_ref().unwrap_or(&self.failed);
                Step::leave("overflow", Some(to.clone()))
            }
            Heard::Queue(QueueEnd::Failed) => Step::leave("failed", Some(self.failed.clone())),
            Heard::Key(key) => match self.keys.get(&key) {
                Some(next) => {
                    turn.leave_queue(key);
                    Step::leave(format!("key {key}"), Some(next.clone()))
                }
                None => Step::Stay(state),
            },
            _ => Step::Stay(state),
        }
    }
}
