//! Which states the machines have been in: a test prints what no run has reached.
//!
//! Invariant: a bit once set stays set; merging is a union.

use super::session::Phase;
use super::transaction::{client, invite_client, invite_server, server};
use serde::{Deserialize, Serialize};

/// The states entered since the endpoint was made, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Visited {
    invite_client: u16,
    client: u16,
    invite_server: u16,
    server: u16,
    session: u16,
}

impl Visited {
    pub(super) fn invite_client(&mut self, state: invite_client::State) {
        self.invite_client |= 1 << (state as u16);
    }

    pub(super) fn client(&mut self, state: client::State) {
        self.client |= 1 << (state as u16);
    }

    pub(super) fn invite_server(&mut self, state: invite_server::State) {
        self.invite_server |= 1 << (state as u16);
    }

    pub(super) fn server(&mut self, state: server::State) {
        self.server |= 1 << (state as u16);
    }

    pub(super) fn session(&mut self, phase: Phase) {
        self.session |= 1 << (phase as u16);
    }

    /// What either has visited.
    pub fn merge(&mut self, other: Visited) {
        self.invite_client |= other.invite_client;
        self.client |= other.client;
        self.invite_server |= other.invite_server;
        self.server |= other.server;
        self.session |= other.session;
    }

    /// Every state of every machine, by machine and name, and whether it was entered.
    pub fn states(&self) -> Vec<(&'static str, &'static str, bool)> {
        let machines: [(&str, u16, &[&str]); 5] = [
            ("invite client", self.invite_client, &["Calling", "Proceeding", "Completed", "Accepted", "Terminated"]),
            ("client", self.client, &["Trying", "Proceeding", "Completed", "Terminated"]),
            ("invite server", self.invite_server, &["Proceeding", "Completed", "Confirmed", "Accepted", "Terminated"]),
            ("server", self.server, &["Trying", "Proceeding", "Completed", "Terminated"]),
            ("session", self.session, Phase::NAMES),
        ];
        let mut all = Vec::new();
        for (machine, bits, names) in machines {
            for (index, name) in names.iter().enumerate() {
                all.push((machine, *name, bits & (1 << index) != 0));
            }
        }
        all
    }

    /// The states that were never entered.
    pub fn missing(&self) -> Vec<(&'static str, &'static str)> {
        self.states().into_iter().filter(|(_, _, visited)| !visited).map(|(machine, state, _)| (machine, state)).collect()
    }

    /// True when every state of every machine was entered.
    pub fn all(&self) -> bool {
        self.missing().is_empty()
    }
}
