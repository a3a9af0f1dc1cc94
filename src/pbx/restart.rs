//! The exchange between two configurations, and between two runs: what is brought back, what is taken anew, how it ends.
//!
//! Invariant: a call keeps what it began with.

use super::{Action, Outcome, Pbx, Timer};
use crate::acd;
use crate::config::{Config, Phone};
use crate::id::CallId;
use crate::time::Now;
use crate::{sip, store};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Pbx {
    /// Brings back the bindings that the store kept over a restart. What cannot be read is left out: the phone registers again.
    pub fn restore(&mut self, rows: Vec<store::BindingRow>, now: Now, out: &mut Vec<Action>) {
        self.returning = Some(BTreeSet::new());
        let bindings = rows
            .iter()
            .filter_map(|row| match serde_json::from_str::<sip::Binding>(&row.body) {
                Ok(binding) => Some(binding),
                Err(error) => {
                    tracing::warn!(user = %row.user, %error, "a stored registration could not be read and is left out");
                    None
                }
            })
            .collect();
        self.tell_sip(sip::Input::Command(sip::Command::Restore(bindings)), now);
        self.settle(now, out);
        // Phones that are back are news to nobody but the agents' queues.
        self.announce_agents(now);
        self.settle(now, out);
    }

    /// Hangs every call up and takes no new ones.
    pub fn stop(&mut self, now: Now, out: &mut Vec<Action>) {
        self.stopping = true;
        self.leave_registrars(now);
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for call in calls {
            self.hang_up(call, Outcome::Completed, now, out);
        }
        self.settle(now, out);
    }

    /// No call is left, and everything that was to be kept is kept.
    pub fn is_quiet(&self) -> bool {
        self.calls.is_empty() && self.writes_open == 0 && self.trunks.has_left()
    }

    /// A new configuration for what comes after it; calls keep the flow and the prompts that they began with.
    pub(super) fn reload(&mut self, config: Arc<Config>, now: Now) {
        self.command_sip(sip::Command::Configure(config.sip.clone()), now);
        let before = std::mem::replace(&mut self.config, config);
        Arc::make_mut(&mut self.config).inherit(&before);
        if before.outbound.plan != self.config.outbound.plan {
            self.recount_attempts();
        }
        self.configure_queues(now);
        self.dismiss_watchers(now);
        self.soon_begin_trunks(now);
    }

    pub(super) fn soon_begin_trunks(&mut self, now: Now) {
        if self.has_trunks_to_begin() {
            self.timers.set(Timer::Trunks, now.mono);
        }
    }

    /// Queues and agents as the configuration has them now.
    pub(super) fn configure_queues(&mut self, now: Now) {
        self.agents_by_extension.clear();
        for (name, agent) in &self.config.agents {
            if let Phone::Extension(extension) = &agent.phone {
                self.agents_by_extension.entry(extension.clone()).or_default().push(name.clone());
            }
        }
        self.tell_acd(acd::Event::Configure(self.config.acd.clone()), now);
        self.open_and_close_queues(now);
        self.announce_agents(now);
    }
}
