//! `collect: {prompt: enter-order, into: order, digits: 4-8, end: "#", wait: 5s, between: 3s, tries: 3, next: NODE, no_input: NODE,
//! invalid: NODE}` asks for digits and keeps them as `vars.order`.
//!
//! Entering them is [`crate::ivr::entry`]'s business. With `secret: true` nobody but an expression ever sees them: not the log, not
//! the record of the call, not what is kept of the state. `no_input` and `invalid` end the call where they are not given.

use super::{Heard, Node, Step};
use crate::ask::Digits;
use crate::expression::Value;
use crate::id::Name;
use crate::ivr::entry::{Asking, DEFAULT_TRIES, Entered, Entry};
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Collect {
    prompts: Vec<Name>,
    into: Name,
    asking: Asking,
    secret: bool,
    next: Name,
    no_input: Option<Name>,
    invalid: Option<Name>,
}

impl Node for Collect {
    type State = Entry;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Collect> {
        fields.waits();
        let prompts = fields.prompts("prompt");
        let into = fields.variable("into");
        let digits = fields.digits("digits", (1, 20));
        let asking = Asking::read(fields, DEFAULT_TRIES).of_length(digits);
        let secret = fields.boolean("secret", false);
        let next = fields.link("next");
        let no_input = fields.optional_link("no_input");
        let invalid = fields.optional_link("invalid");
        Some(Collect { prompts: prompts?, into: into?, asking, secret, next: next?, no_input, invalid })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Entry> {
        let entered = self.asking.begin(&self.prompts, turn);
        self.go_on(entered, turn)
    }

    fn hear(&self, state: Entry, heard: Heard, turn: &mut Turn<'_>) -> Step<Entry> {
        let entered = self.asking.hear(state, &heard, &self.prompts, turn);
        self.go_on(entered, turn)
    }
}

impl Collect {
    fn go_on(&self, entered: Entered, turn: &mut Turn<'_>) -> Step<Entry> {
        match entered {
            Entered::More(entry) => Step::Stay(entry),
            Entered::Done(digits) => {
                self.store(digits, turn);
                Step::leave("next", Some(self.next.clone()))
            }
            Entered::Silent => Step::leave("no_input", self.no_input.clone()),
            Entered::Wrong => Step::leave("invalid", self.invalid.clone()),
        }
    }

    fn store(&self, digits: Digits, turn: &mut Turn<'_>) {
        if self.secret {
            turn.hide(&self.into, digits);
        } else {
            turn.set(&self.into, Value::from(digits.reveal()));
        }
    }
}
