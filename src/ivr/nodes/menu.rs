//! `menu: {prompt: main-menu, wait: 5s, tries: 3, keys: {1: NODE, ...}, no_input: NODE, invalid: NODE}` asks for one key.
//!
//! | state | a known key | an unknown key | the prompt ends | time is up |
//! |---|---|---|---|---|
//! | asking (prompt plays) | `key K` | next try, or `invalid` | waiting for `wait` | -- |
//! | waiting | `key K` | next try, or `invalid` | -- | next try, or `no_input` |
//!
//! A next try plays the prompt again; tries are counted together, whatever went wrong. Keys typed ahead are taken before the
//! prompt is played; an unknown one forgets the rest of them. With `barge_in: false` keys during the prompt are ignored.
//! `no_input` and `invalid` end the call where they are not given.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::entry::{DEFAULT_TRIES, DEFAULT_WAIT, MAX_TRIES};
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Menu {
    prompts: Vec<Name>,
    /// Silence after the prompt that counts as no answer.
    wait: Duration,
    tries: u32,
    keys: BTreeMap<char, Name>,
    no_input: Option<Name>,
    invalid: Option<Name>,
    barge_in: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trying {
    /// From 1.
    number: u32,
    asking: bool,
}

impl Node for Menu {
    type State = Trying;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Menu> {
        fields.waits();
        let prompts = fields.prompts("prompt");
        let wait = fields.patience("wait", DEFAULT_WAIT);
        let tries = fields.number("tries", DEFAULT_TRIES, 1..=MAX_TRIES);
        let keys = fields.keys("keys");
        let no_input = fields.optional_link("no_input");
        let invalid = fields.optional_link("invalid");
        let barge_in = fields.boolean("barge_in", true);
        Some(Menu { prompts: prompts?, wait, tries, keys: keys?, no_input, invalid, barge_in })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Trying> {
        match turn.typed() {
            Some(key) => self.take(key, 1, turn),
            None => self.ask(1, turn),
        }
    }

    fn hear(&self, state: Trying, heard: Heard, turn: &mut Turn<'_>) -> Step<Trying> {
        match heard {
            Heard::Key(_) if state.asking && !self.barge_in => Step::Stay(state),
            Heard::Key(key) => self.take(key, state.number, turn),
            Heard::Played => {
                turn.wait(self.wait);
                Step::Stay(Trying { asking: false, ..state })
            }
            Heard::TimeUp if state.number < self.tries => self.ask(state.number + 1, turn),
            Heard::TimeUp => Step::leave("no_input", self.no_input.clone()),
            _ => Step::Stay(state),
        }
    }
}

impl Menu {
    fn ask(&self, number: u32, turn: &mut Turn<'_>) -> Step<Trying> {
        turn.stop_waiting();
        turn.play(&self.prompts, false);
        Step::Stay(Trying { number, asking: true })
    }

    fn take(&self, key: char, number: u32, turn: &mut Turn<'_>) -> Step<Trying> {
        if let Some(next) = self.keys.get(&key) {
            return Step::leave(format!("key {key}"), Some(next.clone()));
        }
        turn.forget_typed();
        if number < self.tries {
            return self.ask(number + 1, turn);
        }
        Step::leave("invalid", self.invalid.clone())
    }
}
