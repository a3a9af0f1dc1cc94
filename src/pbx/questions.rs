//! What the exchange asks the world, and why.
//!
//! Invariant: every question has a deadline of our own, whatever the world does.

use super::{Action, Pbx, Timer};
use crate::id::{AskId, CallId, Name};
use crate::time::{Duration, Now};
use crate::{ask, sip};
use serde::{Deserialize, Serialize};

/// How long the world has to answer a question.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Why a question was asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    Sip(sip::QueryId),
    /// Where this trunk's host is.
    Trunk(Name),
    /// A flow asked, by its own count.
    Flow(CallId, u64),
}

impl Pbx {
    pub(super) fn ask(
        &mut self,
        mut question: ask::Question,
        purpose: Purpose,
        patience: Duration,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        // Who calls is the same in whatever form their provider writes it.
        if let ask::Question::LookupCustomer { number } | ask::Question::VerifyPin(ask::PinCheck { caller: number, .. }) =
            &mut question
        {
            *number = self.config.outbound.plan.telephone(number);
        }
        self.next.ask += 1;
        let id = AskId(self.next.ask);
        let deadline = now.mono + patience;
        self.asks.insert(id, purpose);
        if self.asks.len() > ask::MAX_OPEN {
            let reply = ask::Reply::Failed("too many questions are open".into());
            self.on_answer(ask::Answer { id, reply }, now, out);
            return;
        }
        if let ask::Question::VerifyPin(check) = &question
            && !self.admit(id, check, now, out)
        {
            let reply = ask::Reply::Pin(ask::PinVerdict::Locked);
            return self.on_answer(ask::Answer { id, reply }, now, out);
        }
        self.timers.set(Timer::Ask(id), deadline);
        out.push(Action::Ask(ask::Ask { id, question, deadline }));
    }
}
