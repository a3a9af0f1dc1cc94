//! What the world answers, and whom it concerns.

use super::{Pbx, Purpose, Timer};
use crate::ask::{Answer, Reply};
use crate::sip;
use crate::time::Now;

impl Pbx {
    pub(super) fn on_answer(&mut self, answer: Answer, now: Now) {
        self.timers.cancel(&Timer::Ask(answer.id));
        // Only the first answer counts, and only while the question is open.
        let Some(purpose) = self.asks.remove(&answer.id) else { return };
        match purpose {
            Purpose::Trunk(trunk) => {
                let hosts = match answer.reply {
                    Reply::Addresses(hosts) => hosts,
                    Reply::Failed(_) => Vec::new(),
                };
                self.found(&trunk, hosts, now);
            }
            Purpose::Sip(query) => {
                let addresses = match answer.reply {
                    Reply::Addresses(addresses) => addresses,
                    Reply::Failed(why) => {
                        tracing::debug!(why, "a host name could not be resolved");
                        Vec::new()
                    }
                };
                self.tell_sip(sip::Input::Resolved { query, addresses }, now);
            }
        }
    }
}
