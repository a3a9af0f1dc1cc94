//! What an operator does about wrong PINs: who is locked out, and their locks lifted.
//!
//! Invariant: an operator is told "done" when the forgiveness is on the disk, with a fact of it.

use super::attempts::Subject;
use super::{Action, Pbx, Unkept};
use crate::control::{MAX_CUSTOMERS, Response, e164};
use crate::id::ReplyId;
use crate::store::{AttemptNote, Tally, What};
use crate::time::Now;

impl Pbx {
    /// Forgives a customer and these calling numbers.
    pub(super) fn unlock(
        &mut self,
        reply: ReplyId,
        customer: Option<String>,
        numbers: &[String],
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let numbers = numbers.iter().take(MAX_CUSTOMERS).map(|number| Subject::Caller(e164(number)));
        let subjects = customer.map(Subject::Customer).into_iter().chain(numbers);
        let forgiven: Vec<Subject> = subjects.filter(|subject| self.pins.forget(subject, now.wall)).collect();
        let Some((last, others)) = forgiven.split_last() else {
            let response = Response::Told("no wrong PINs were counted, and nothing was locked".into());
            return out.push(Action::Reply { reply, response });
        };
        for subject in others {
            self.write(unlocked(subject), now, out);
        }
        self.write_then_reply(unlocked(last), reply, Unkept::HoldsNow, now, out);
    }

    pub(super) fn locks(&self, now: Now) -> Response {
        Response::Locks(self.pins.locks(now.wall))
    }
}

/// The fact of it, and the count after it.
fn unlocked(subject: &Subject) -> What {
    let (customer, caller) = subject.names();
    let counts = vec![(subject.counted(), Tally::default())];
    What::Attempt(AttemptNote { call: String::new(), customer, caller, verdict: "unlocked".into(), counts })
}
