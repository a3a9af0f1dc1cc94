//! What the world answers, and whom it concerns.

use super::{Action, Pbx, Purpose, Timer};
use crate::ask::{Answer, Reply};
use crate::time::Now;
use crate::{ivr, sip};

impl Pbx {
    pub(super) fn on_answer(&mut self, answer: Answer, now: Now, out: &mut Vec<Action>) {
        if let Some(answer) = self.count_attempt(answer, now, out) {
            self.tell_answer(answer, now, out);
        }
    }

    /// To whoever asked. Until then the question keeps its deadline: an answer that waits to be kept waits no longer than that.
    pub(super) fn tell_answer(&mut self, answer: Answer, now: Now, out: &mut Vec<Action>) {
        // Only the first answer counts, and only while the question is open.
        let Some(purpose) = self.asks.remove(&answer.id) else { return };
        self.timers.cancel(&Timer::Ask(answer.id));
        match purpose {
            Purpose::Trunk(trunk) => {
                let servers = self.servers_of(&trunk, answer.reply);
                self.found(&trunk, servers, now);
            }
            Purpose::Sip(query) => {
                let addresses = match answer.reply {
                    Reply::Addresses(addresses) => addresses,
                    Reply::Failed(why) => {
                        tracing::debug!(why, "a host name could not be resolved");
                        Vec::new()
                    }
                    // Not an answer to that question.
                    _ => Vec::new(),
                };
                self.tell_sip(sip::Input::Resolved { query, addresses }, now);
            }
            Purpose::Flow(call, ask) => {
                self.forget_held(answer.id);
                if let Reply::Failed(why) = &answer.reply {
                    let reference = self.calls.get(&call).map(|call| call.reference.as_str()).unwrap_or_default();
                    tracing::warn!(call = reference, why, "a flow's question was not answered");
                }
                self.tell_session(call, ivr::Event::Reply { ask, reply: answer.reply }, now);
                self.end_flow(call, now, out);
            }
        }
    }
}
