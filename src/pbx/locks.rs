//! What an operator does about wrong PINs: who is locked out, and their locks lifted.
//!
//! Invariant: an operator is told "done" when the forgiveness is on the disk, with a fact of it.

use super::attempts::Subject;
use super::{Action, Pbx, Unkept};
use crate::config::Plan;
use crate::control::{MAX_CUSTOMERS, Response};
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
        let numbers = numbers.iter().take(MAX_CUSTOMERS).map(|number| self.caller_by(number));
        let subjects: Vec<Subject> = customer.map(Subject::Customer).into_iter().chain(numbers).collect();
        let forgiven: Vec<Subject> = subjects.into_iter().filter(|subject| self.pins.forget(subject, now.wall)).collect();
        let Some((last, others)) = forgiven.split_last() else {
            let response = Response::Told("no wrong PINs were counted, and nothing was locked".into());
            return out.push(Action::Reply { reply, response });
        };
        for subject in others {
            self.write(unlocked(subject, &self.config.outbound.plan), now, out);
        }
        self.write_then_reply(unlocked(last, &self.config.outbound.plan), reply, Unkept::HoldsNow, now, out);
    }

    pub(super) fn locks(&self, now: Now) -> Response {
        Response::Locks(self.pins.locks(now.wall))
    }
}

/// The fact of it, and the count after it.
fn unlocked(subject: &Subject, plan: &Plan) -> What {
    let (customer, caller) = subject.names();
    let counts = vec![(subject.counted(), Tally::default())];
    let spellings = caller.as_deref().map(|number| plan.spellings(number)).unwrap_or_default();
    What::Attempt(AttemptNote { call: String::new(), customer, caller, spellings, verdict: "unlocked".into(), counts })
}
