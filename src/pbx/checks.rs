//! The exchange's own invariants, and the way out when one is broken.

use super::call::Audio;
use super::{Action, Outcome, Pbx, Phase};
use crate::time::Now;
use std::collections::BTreeSet;

impl Pbx {
    /// Whether the exchange's books agree with each other. The simulator asks after every step, the daemon after a contained panic.
    pub fn check(&self) -> Result<(), String> {
        let mut ports = BTreeSet::new();
        for call in self.calls.values() {
            let leg = &call.caller;
            if self.legs.get(&leg.id) != Some(&call.id) {
                return Err(format!("{:?} of {:?} is not in the table of legs", leg.id, call.id));
            }
            if leg.session_open && self.dialogs.get(&leg.dialog) != Some(&leg.id) {
                return Err(format!("{:?} has a session that nobody knows", leg.id));
            }
            if let Some(port) = leg.audio.port()
                && !ports.insert(port)
            {
                return Err(format!("port {port} is held by two legs"));
            }
            match (&call.phase, leg.audio) {
                (Phase::Ended { .. }, Audio::Open { .. }) => {
                    return Err(format!("{:?} is over and its audio is open", call.id));
                }
                (Phase::InFlow { .. }, Audio::Opening { .. } | Audio::Closing { .. }) => {
                    return Err(format!("{:?} is in a flow without audio", call.id));
                }
                _ => {}
            }
        }
        if self.legs.len() != self.calls.len() {
            return Err(format!("{} legs for {} calls", self.legs.len(), self.calls.len()));
        }
        if ports != *self.ports.granted() {
            return Err(format!("ports granted {:?} are not the ports held {ports:?}", self.ports.granted()));
        }
        if !self.said.is_empty() {
            return Err("a word was left unsaid".into());
        }
        Ok(())
    }

    /// After a panic: the call that the event was about is ended in every room; the others go on.
    pub fn condemn(&mut self, now: Now, out: &mut Vec<Action>) {
        self.totals.panics += 1;
        self.said.clear();
        let Some(id) = self.subject.take() else { return };
        if let Some(call) = self.calls.get(&id) {
            tracing::error!(call = %call.reference, "a fault of ours ended this call");
        }
        self.hang_up(id, Outcome::InternalError, now, out);
        self.settle(now, out);
    }
}
