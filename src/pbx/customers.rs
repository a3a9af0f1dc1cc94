//! Customers on their way into the store.
//!
//! Invariant: no PIN comes here: only its verifier.

use super::{Action, Pbx, Unkept};
use crate::control::{Customer, MAX_CUSTOMERS, Response, e164};
use crate::id::ReplyId;
use crate::store::What;
use crate::time::Now;

/// The longest text of a customer, in characters, and how many numbers and fields one has at most.
const MAX_TEXT: usize = 200;
const MAX_NUMBERS: usize = 20;
const MAX_FIELDS: usize = 50;

impl Pbx {
    /// All of them or none; answered when they are kept.
    pub(super) fn save_customers(&mut self, reply: ReplyId, mut list: Vec<Customer>, now: Now, out: &mut Vec<Action>) {
        let wrong = if list.len() > MAX_CUSTOMERS { Some(too_many()) } else { list.iter().find_map(wrong_with) };
        if let Some(why) = wrong {
            return out.push(Action::Reply { reply, response: Response::Failed(why) });
        }
        for customer in &mut list {
            customer.numbers = customer.numbers.iter().map(|number| e164(number)).collect();
        }
        self.write_then_reply(What::Customers(list), reply, Unkept::Unchanged, now, out);
    }

    pub(super) fn remove_customers(&mut self, reply: ReplyId, ids: Vec<String>, now: Now, out: &mut Vec<Action>) {
        if ids.len() > MAX_CUSTOMERS {
            return out.push(Action::Reply { reply, response: Response::Failed(too_many()) });
        }
        self.write_then_reply(What::CustomersGone(ids), reply, Unkept::Unchanged, now, out);
    }
}

fn too_many() -> String {
    format!("more than {MAX_CUSTOMERS} customers at once")
}

/// Why this is no customer; finishes no sentence of anybody else's.
fn wrong_with(customer: &Customer) -> Option<String> {
    let Customer { id, name, numbers, value, language, preferred_agent, pin, fields } = customer;
    let digits = (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
    let long = |text: &String| text.chars().count() > MAX_TEXT;
    let what = if !digits {
        "an id has 1 to 20 digits: it is typed on a telephone"
    } else if [name, language, preferred_agent, pin].into_iter().any(long) || fields.iter().any(|(a, b)| long(a) || long(b)) {
        "a text is longer than 200 characters"
    } else if numbers.len() > MAX_NUMBERS || fields.len() > MAX_FIELDS {
        "more than 20 numbers or 50 fields"
    } else if numbers.iter().any(|number| !(1..=32).contains(&e164(number).len())) {
        "a telephone number has 1 to 32 digits"
    } else if !value.is_finite() {
        "a value is a number"
    } else if !(pin.is_empty() || pin.starts_with("$argon2id$")) {
        "a PIN is not sent in the clear"
    } else {
        return None;
    };
    Some(format!("customer {id:?}: {what}"))
}
