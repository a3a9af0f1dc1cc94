//! `callback: {queue: support, number: caller.number, confirm: true, prompt: callback-offer, booked: NODE, refused: NODE, failed:
//! NODE}` books that the caller is called back out of a queue, at the place that they have or had in it.
//!
//! With `confirm` the prompt is played and the caller presses 1 to book; 2 and silence are `refused`. A caller without a number
//! cannot be called back: `refused`.

use super::{Heard, Node, Step};
use crate::expression::{Expression, Type};
use crate::id::Name;
use crate::ivr::entry::{Asking, Entered, Entry};
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::ivr::{Keep, KeepEnd};
use serde::{Deserialize, Serialize};

/// What is said where the flow names no prompt: "press one to be called back at this number, two to go on waiting".
const USUAL_PROMPT: &str = "callback-offer";
const YES: &str = "1";
const NO: &str = "2";

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Callback {
    queue: Name,
    number: Expression,
    /// Empty: nothing is confirmed.
    prompts: Vec<Name>,
    asking: Asking,
    booked: Name,
    refused: Name,
    failed: Name,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Booking {
    Confirming(Entry),
    Running,
}

impl Node for Callback {
    type State = Booking;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Callback> {
        let queue = fields.queue("queue");
        let number = fields.expression_or("number", Type::Text, "caller.number");
        let confirm = fields.boolean("confirm", true);
        let prompts = if confirm { fields.prompts_or("prompt", USUAL_PROMPT) } else { fields.optional_prompts("prompt") };
        let asking = Asking::one_key(fields);
        let booked = fields.link("booked");
        let refused = fields.link_at_once("refused");
        let failed = fields.link_at_once("failed");
        if confirm {
            fields.waits();
        }
        let prompts = if confirm { prompts } else { prompts.map(|_| Vec::new()) };
        Some(Callback {
            queue: queue?,
            number: number?,
            prompts: prompts?,
            asking,
            booked: booked?,
            refused: refused?,
            failed: failed?,
        })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Booking> {
        if self.number_of(turn).is_empty() {
            return self.refuse();
        }
        if self.prompts.is_empty() {
            return self.book(turn);
        }
        let entered = self.asking.begin(&self.prompts, turn);
        self.go_on(entered, turn)
    }

    fn hear(&self, state: Booking, heard: Heard, turn: &mut Turn<'_>) -> Step<Booking> {
        match (state, heard) {
            (Booking::Confirming(entry), heard) => {
                let entered = self.asking.hear(entry, &heard, &self.prompts, turn);
                self.go_on(entered, turn)
            }
            (Booking::Running, Heard::Kept(KeepEnd::Kept)) => Step::leave("booked", Some(self.booked.clone())),
            (Booking::Running, Heard::Kept(_)) => Step::leave("failed", Some(self.failed.clone())),
            (state, _) => Step::Stay(state),
        }
    }
}

impl Callback {
    fn number_of(&self, turn: &Turn<'_>) -> String {
        self.number.evaluate(&turn.known()).ok().and_then(|value| value.text()).unwrap_or_default()
    }

    fn go_on(&self, entered: Entered, turn: &mut Turn<'_>) -> Step<Booking> {
        match entered {
            Entered::More(entry) => Step::Stay(Booking::Confirming(entry)),
            Entered::Done(key) if key.reveal() == YES => self.book(turn),
            Entered::Done(key) if key.reveal() == NO => self.refuse(),
            // A key that means nothing is asked again as silence is.
            Entered::Done(_) => {
                let entered = self.asking.once().begin(&self.prompts, turn);
                if let Entered::More(entry) = entered { Step::Stay(Booking::Confirming(entry)) } else { self.refuse() }
            }
            Entered::Silent | Entered::Wrong => self.refuse(),
        }
    }

    fn book(&self, turn: &mut Turn<'_>) -> Step<Booking> {
        turn.stop_playing();
        turn.keep_for_later(Keep::Callback { queue: self.queue.clone(), number: self.number_of(turn) });
        Step::Stay(Booking::Running)
    }

    fn refuse(&self) -> Step<Booking> {
        Step::leave("refused", Some(self.refused.clone()))
    }
}
