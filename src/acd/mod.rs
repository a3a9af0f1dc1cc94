//! The queue engine (ACD): who waits, who is free, and who gets whom. Pure; it has never heard of SIP.
//!
//! ```text
//!   Join, Leave, Answered, AgentPause ...                       Offer, Withdraw, Connect, facts for the records
//!        |                                                                 ^
//!        v                                                                 |
//!   place.rs      items: in, out, back at the old key  ---+                |
//!   lease.rs      offers: each ends exactly once       ---+--> dispatch.rs: settle
//!   presence.rs   agents: login, pause, wrap-up        ---+       ^
//!   configure.rs  queues and agents as they are now    ---+       |
//!                                                            requirement sets (line.rs):
//!                                                            waiting items by key | free agents by rank
//! ```
//!
//! | file | one subject |
//! |---|---|
//! | `words` | events and actions |
//! | `settings` | queues and agents as configured |
//! | `line`, `desk`, `roster` | the state: queues, items, sets; agents; slots by name |
//! | `strategy/` | which of the free agents, one strategy per file |
//! | `dispatch` | `may_take`, and the matching itself |
//! | `view` | what the command line shows |
//! | `invariants` | what holds between any two events |
//! | `sample` | a large state, for benches |
//!
//! A decision never looks at waiting items one by one. Every agent who may take exactly the same items stands in the same
//! **requirement set**, beside those items: a set with a free agent and a waiting item is a decision to be made, and between
//! events there is none. Today a set is a queue after a delay; a boolean of skills will be one more kind of set.
//!
//! Invariant: no agent stands free while an item that they may take waits, and no item is passed over for an agent by a later
//! key; an agent has at most one offer or call; every offer and every item ends exactly once.

mod configure;
mod desk;
mod dispatch;
mod invariants;
mod lease;
mod line;
mod place;
mod presence;
mod roster;
pub mod sample;
mod settings;
mod strategy;
#[cfg(test)]
mod tests;
mod view;
mod words;

pub use dispatch::Obstacle;
pub use line::Tally;
pub use settings::*;
pub use strategy::{RING_ALL_AT_ONCE, Strategy};
pub use view::{AgentView, ItemView, QueueView};
pub use words::*;

use crate::id::Rng;
use crate::time::{Moment, Now, Timers, pairs};
use desk::Desk;
use line::{Item, Lease, Line, Set};
use roster::{DeskId, LineId, Roster, SetId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The engine: every queue, every agent, everything that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acd {
    settings: Arc<Settings>,
    lines: Roster<LineId, Line>,
    desks: Roster<DeskId, Desk>,
    sets: Vec<Set>,
    #[serde(with = "pairs")]
    items: BTreeMap<ItemId, Item>,
    #[serde(with = "pairs")]
    offers: BTreeMap<OfferId, Lease>,
    timers: Timers<Deadline>,
    offers_made: u64,
    joins: u64,
    #[serde(skip)]
    rng: Rng,
    /// Sets in which something changed during this event, and agents whose state may have. Empty between events.
    touched: Vec<SetId>,
    changed: Vec<DeskId>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Deadline {
    /// Nobody answered.
    Offer(OfferId),
    WrapUp(DeskId),
    /// The back-off is over.
    Rest(DeskId),
    /// The item has waited long enough for more agents.
    Widen(ItemId),
}

impl Acd {
    /// The engine with these queues and agents, at the origin of the clock and with reproducible chance ([`Acd::reseed`]).
    /// Nothing is said of the agents who are logged in from the start: for these facts begin with empty settings and say
    /// [`Event::Configure`].
    pub fn new(settings: Arc<Settings>) -> Acd {
        let mut acd = Acd {
            settings: Arc::default(),
            lines: Roster::default(),
            desks: Roster::default(),
            sets: Vec::new(),
            items: BTreeMap::new(),
            offers: BTreeMap::new(),
            timers: Timers::new(),
            offers_made: 0,
            joins: 0,
            rng: Rng::default(),
            touched: Vec::new(),
            changed: Vec::new(),
        };
        acd.handle(Event::Configure(settings), Now::default(), &mut Vec::new());
        acd
    }

    /// Fresh chance: at start in production, and after being restored.
    pub fn reseed(&mut self, rng: Rng) {
        self.rng = rng;
    }

    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Action>) {
        let at = now.mono;
        match event {
            Event::Join(join) => self.join(join, at, out),
            Event::Leave { item, why } => self.leave(item, why, at, out),
            Event::Move { item, queue } => self.shift(item, &queue, at, out),
            Event::CallEnded { item } => self.call_ended(item, at, out),
            Event::Requeue { item, why } => self.requeue(item, why, at, out),
            Event::Answered { offer } => self.answered(offer, at, out),
            Event::Refused { offer, why } => self.refused(offer, why, at, out),
            Event::AgentLogin { agent } => self.agent_login(&agent, at),
            Event::AgentLogout { agent } => self.agent_logout(&agent, at, out),
            Event::AgentPause { agent, reason } => self.agent_pause(&agent, reason, at, out),
            Event::AgentResume { agent } => self.agent_resume(&agent, at),
            Event::AgentReady { agent } => self.agent_ready(&agent, at),
            Event::ExtendWrapUp { agent, by } => self.extend_wrap_up(&agent, by, at),
            Event::AgentReachable { agent } => self.agent_reachable(&agent, at),
            Event::AgentUnreachable { agent } => self.agent_unreachable(&agent, at, out),
            Event::AgentBusyElsewhere { agent } => self.agent_busy_elsewhere(&agent, at, out),
            Event::AgentFreeElsewhere { agent } => self.agent_free_elsewhere(&agent, at),
            Event::Configure(settings) => self.configure(settings, at, out),
        }
        self.settle(at, out);
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Action>) {
        let at = now.mono;
        // All that is due first, then one matching: two agents whose wrap-ups end together are asked in their right order. It
        // ends, because a deadline set here is later than now (`MIN_RING`, `MIN_BACK_OFF`) or not set.
        while let Some(deadline) = self.timers.pop(at) {
            match deadline {
                Deadline::Offer(offer) => self.expired(offer, at, out),
                Deadline::WrapUp(desk) => self.wrap_up_over(desk, at),
                Deadline::Rest(desk) => self.rest_over(desk, at),
                Deadline::Widen(item) => self.widen(item, at),
            }
        }
        self.settle(at, out);
    }
}
