//! `authorize: {ask: [enter-customer-number, enter-pin], tries: 3, lock: 15m, accepted: NODE, refused: NODE, locked: NODE, failed:
//! NODE}` asks who the caller is and for their PIN; accepted, they are known as `customer.*` from here on.
//!
//! With one prompt only the PIN is asked for, of the customer whom `identify` has found. Wrong ones are asked again (after `again`, a
//! prompt), `tries` times in this call; as many in a row, over however many calls, lock the customer and the calling number for `lock`. Nobody is
//! told whether the customer or the PIN was wrong. Digits are never written down. Silence counts as a wrong try.
//!
//! | the answer | outcome | where to |
//! |---|---|---|
//! | right | `accepted` | `accepted` |
//! | wrong, for the last time | `refused` | `refused` |
//! | too many were wrong before | `locked` | `locked`, else `refused` |
//! | nobody could tell | `failed` | `failed`, else `refused` |

use super::{Heard, Node, Step};
use crate::ask::{Digits, PinCheck, PinVerdict, Question, Reply};
use crate::id::Name;
use crate::ivr::entry::{Asking, DEFAULT_TRIES, Entered, Entry};
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

const DEFAULT_LOCK: Duration = Duration::from_secs(15 * 60);
const LONGEST_LOCK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Verifying is made slow on purpose, and others may be before us.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Authorize {
    /// The prompt that asks for the customer's number; `None`: it is known.
    ask_customer: Option<Name>,
    ask_pin: Name,
    again: Vec<Name>,
    customer: Asking,
    pin: Asking,
    tries: u32,
    lock: Duration,
    accepted: Name,
    refused: Name,
    locked: Name,
    failed: Name,
}

/// `number` counts the tries from 1.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trying {
    number: u32,
    stage: Stage,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Stage {
    Customer(Entry),
    Pin { customer: Digits, entry: Entry },
    Verifying,
}

impl Node for Authorize {
    type State = Trying;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Authorize> {
        fields.waits();
        let ask = fields.prompts("ask");
        let again = fields.optional_prompts("again");
        let customer_digits = fields.digits("customer_digits", (1, 20));
        let pin_digits = fields.digits("pin_digits", (4, 12));
        let asking = Asking::read(fields, DEFAULT_TRIES);
        // Counted here, for the number and the PIN together.
        let (tries, asking) = (asking.tries(), asking.once());
        let lock = fields.duration("lock", DEFAULT_LOCK, Duration::from_secs(1)..=LONGEST_LOCK);
        let accepted = fields.link("accepted");
        let refused = fields.link("refused");
        let locked = fields.link_at_once_or("locked", &refused);
        let failed = fields.link_at_once_or("failed", &refused);
        let spot = fields.fields.spot;
        let (ask_customer, ask_pin) = match ask?.as_slice() {
            [pin] => (None, pin.clone()),
            [customer, pin] => (Some(customer.clone()), pin.clone()),
            _ => {
                let message = "`ask` names two prompts, for the customer's number and for the PIN; or one, for the PIN";
                fields.reader.fault(spot, message);
                return None;
            }
        };
        Some(Authorize {
            ask_customer,
            ask_pin,
            again: again?,
            customer: asking.of_length(customer_digits),
            pin: asking.of_length(pin_digits),
            tries,
            lock,
            accepted: accepted?,
            refused: refused?,
            locked: locked?,
            failed: failed?,
        })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Trying> {
        self.ask(1, &[], turn)
    }

    fn hear(&self, Trying { number, stage }: Trying, heard: Heard, turn: &mut Turn<'_>) -> Step<Trying> {
        match (stage, heard) {
            (Stage::Customer(entry), heard) => {
                let entered = self.customer.hear(entry, &heard, &[], turn);
                self.took_customer(number, entered, turn)
            }
            (Stage::Pin { customer, entry }, heard) => {
                let entered = self.pin.hear(entry, &heard, &[], turn);
                self.took_pin(number, customer, entered, turn)
            }
            (Stage::Verifying, Heard::Reply(reply)) => self.verified(number, reply, turn),
            (Stage::Verifying, _) => Step::Stay(Trying { number, stage: Stage::Verifying }),
        }
    }
}

impl Authorize {
    /// `before` is played before what is asked.
    fn ask(&self, number: u32, before: &[Name], turn: &mut Turn<'_>) -> Step<Trying> {
        let with = |prompt: &Name| -> Vec<Name> { before.iter().chain([prompt]).cloned().collect() };
        match &self.ask_customer {
            Some(prompt) => {
                let entered = self.customer.begin(&with(prompt), turn);
                self.took_customer(number, entered, turn)
            }
            None => match turn.customer() {
                Some(customer) => {
                    let entered = self.pin.begin(&with(&self.ask_pin), turn);
                    self.took_pin(number, customer, entered, turn)
                }
                None => Step::leave("failed", Some(self.failed.clone())),
            },
        }
    }

    fn took_customer(&self, number: u32, entered: Entered, turn: &mut Turn<'_>) -> Step<Trying> {
        match entered {
            Entered::More(entry) => Step::Stay(Trying { number, stage: Stage::Customer(entry) }),
            Entered::Done(customer) => {
                let entered = self.pin.begin(std::slice::from_ref(&self.ask_pin), turn);
                self.took_pin(number, customer, entered, turn)
            }
            Entered::Silent | Entered::Wrong => self.wrong(number, turn),
        }
    }

    fn took_pin(&self, number: u32, customer: Digits, entered: Entered, turn: &mut Turn<'_>) -> Step<Trying> {
        match entered {
            Entered::More(entry) => Step::Stay(Trying { number, stage: Stage::Pin { customer, entry } }),
            Entered::Done(pin) => {
                turn.stop_playing();
                let caller = turn.calling_number();
                let check = PinCheck { customer, pin, caller, tries: self.tries, lock: self.lock };
                turn.ask(Question::VerifyPin(check), PATIENCE);
                Step::Stay(Trying { number, stage: Stage::Verifying })
            }
            Entered::Silent | Entered::Wrong => self.wrong(number, turn),
        }
    }

    fn wrong(&self, number: u32, turn: &mut Turn<'_>) -> Step<Trying> {
        if number < self.tries {
            turn.forget_typed();
            return self.ask(number + 1, &self.again, turn);
        }
        Step::leave("refused", Some(self.refused.clone()))
    }

    fn verified(&self, number: u32, reply: Reply, turn: &mut Turn<'_>) -> Step<Trying> {
        match reply {
            Reply::Pin(PinVerdict::Accepted(customer)) => {
                turn.identify(Some(customer));
                Step::leave("accepted", Some(self.accepted.clone()))
            }
            Reply::Pin(PinVerdict::Refused) => self.wrong(number, turn),
            Reply::Pin(PinVerdict::Locked) => Step::leave("locked", Some(self.locked.clone())),
            _ => Step::leave("failed", Some(self.failed.clone())),
        }
    }
}
