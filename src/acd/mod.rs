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
//! | `settings`, `condition`, `skill` | queues and agents as configured; conditions of steps; what agents know |
//! | `line`, `desk`, `roster` | the state: queues, items, pools; agents; slots by name |
//! | `sets`, `steps`, `overflow` | requirement sets; what holds for an item now; what becomes of callers when there is too much to do |
//! | `strategy/` | which of the free agents, one strategy per file |
//! | `dispatch` | `may_take`, and the matching itself |
//! | `place`, `lease` | items in and out; offers |
//! | `presence`, `pause` | agents at work; their pauses |
//! | `estimate`, `rolling`, `announce` | the recent past, and what it says of the near future; what callers are told |
//! | `history`, `memory` | what is remembered of callers; what outlives the process |
//! | `view`, `explain` | what the command line shows, and why it is so |
//! | `watch` | figures for whoever watches: agents stuck, decisions late |
//! | `invariants` | what holds between any two events |
//! | `sample` | a large state, for benches |
//!
//! A decision never looks at waiting items one by one. Every agent who may take exactly the same items stands in the same
//! **requirement set**, beside those items: a set with a free agent and a waiting item is a decision to be made, and between
//! events there is none. A set is a queue's order, whose agents, after which delay, with which skills.
//!
//! Invariant: no agent stands free while an item that they may take waits, and no item is passed over for an agent by a later
//! key; an agent has at most one offer or call; every offer and every item ends exactly once.

mod announce;
mod condition;
mod configure;
mod desk;
mod dispatch;
mod estimate;
mod explain;
mod history;
mod invariants;
mod lease;
mod line;
mod memory;
mod overflow;
mod pause;
mod place;
mod presence;
mod rolling;
mod roster;
pub mod sample;
mod sets;
mod settings;
mod skill;
mod steps;
mod strategy;
#[cfg(test)]
mod tests;
mod view;
mod watch;
mod words;

pub use announce::MIN_EVERY;
pub use condition::{Clause, Comparison, Condition, MAX_CLAUSES, Measure, WrongCondition};
pub use dispatch::Obstacle;
pub use estimate::{AHT_PRIOR, SHARE_PRIOR};
pub use explain::{AgentExplanation, Candidacy, ItemExplanation, StepExplanation};
pub use history::MAX_CONTACTS;
pub use line::Tally;
pub use memory::{AgentMemory, Memory, PauseMemory, PlaceMemory, WrapUpMemory};
pub use overflow::MAX_MOVES;
pub use sets::MAX_DEMANDS;
pub use settings::*;
pub use skill::{Need, Skills};
pub use strategy::{Comparator, MAX_AGENT_WEIGHT, MAX_COMPARATORS, Order, RING_ALL_AT_ONCE, Strategy};
pub use view::{AgentView, ItemView, QueueView};
pub use words::*;

use crate::id::{Name, Rng};
use crate::time::{Duration, Moment, Now, Timers, pairs};
use desk::Desk;
use history::History;
use line::{Item, Lease, Line, Pool, Set, SetKey};
use roster::{DeskId, LineId, PoolId, Roster, SetId};
use serde::{Deserialize, Serialize};
use sets::Demands;
use std::collections::BTreeMap;
use std::sync::Arc;
use watch::Lag;

/// The engine: every queue, every agent, everything that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acd {
    settings: Arc<Settings>,
    lines: Roster<LineId, Line>,
    desks: Roster<DeskId, Desk>,
    pools: Vec<Pool>,
    pool_names: BTreeMap<Name, PoolId>,
    sets: Vec<Set>,
    #[serde(with = "pairs")]
    sets_by_key: BTreeMap<SetKey, SetId>,
    vacant_sets: Vec<SetId>,
    demands: Demands,
    #[serde(with = "pairs")]
    items: BTreeMap<ItemId, Box<Item>>,
    #[serde(with = "pairs")]
    offers: BTreeMap<OfferId, Lease>,
    history: History,
    lag: Lag,
    timers: Timers<Deadline>,
    /// The time of the event in hand.
    clock: Now,
    offers_made: u64,
    joins: u64,
    /// How far the draws of `weighted_random` have gone.
    drawn: u64,
    #[serde(skip)]
    rng: Rng,
    /// Sets in which something changed during this event, agents whose state may have, queues whose conditions may have, and agents
    /// for whom items wait who came or went. Empty between events.
    touched: Vec<SetId>,
    changed: Vec<DeskId>,
    stirred: Vec<LineId>,
    lapsed: Vec<DeskId>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Deadline {
    /// Nobody answered.
    Offer(OfferId),
    WrapUp(DeskId),
    /// The back-off is over.
    Rest(DeskId),
    /// The item has waited long enough for something to change.
    Step(ItemId),
    /// The caller is told something.
    Announce(ItemId),
    /// Conditions that time alone changes.
    Review(LineId),
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
            pools: Vec::new(),
            pool_names: BTreeMap::new(),
            sets: Vec::new(),
            sets_by_key: BTreeMap::new(),
            vacant_sets: Vec::new(),
            demands: Demands::default(),
            items: BTreeMap::new(),
            offers: BTreeMap::new(),
            history: History::default(),
            lag: Lag::default(),
            timers: Timers::new(),
            clock: Now::default(),
            offers_made: 0,
            joins: 0,
            drawn: 0,
            rng: Rng::default(),
            touched: Vec::new(),
            changed: Vec::new(),
            stirred: Vec::new(),
            lapsed: Vec::new(),
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
        self.clock = now;
        match event {
            Event::Join(join) => self.join(join, at, out),
            Event::Leave { item, why } => self.leave(item, why, at, out),
            Event::Move { item, queue } => self.shift(item, &queue, at, out),
            Event::Assign { item, agent } => self.assign(item, &agent, at, out),
            Event::CallEnded { item } => self.call_ended(item, at, out),
            Event::Requeue { item, why } => self.requeue(item, why, at, out),
            Event::Answered { offer } => self.answered(offer, at, out),
            Event::Refused { offer, why } => self.refused(offer, why, at, out),
            Event::AgentLogin { agent } => self.agent_login(&agent, at),
            Event::AgentLogout { agent } => self.agent_logout(&agent, at, out),
            Event::AgentPause { agent, reason } => self.agent_pause(agent, reason, at, out),
            Event::AgentResume { agent } => self.agent_resume(agent, at, out),
            Event::JudgePause { agent, approved } => self.judge_pause(agent, approved, at, out),
            Event::ForcePause { agent, reason } => self.force_pause(&agent, reason, at, out),
            Event::ReleaseAgent { agent } => self.release_agent(&agent, at),
            Event::Dispose { agent, code } => self.dispose(agent, code, out),
            Event::AgentReady { agent } => self.agent_ready(&agent, at),
            Event::ExtendWrapUp { agent, by } => self.extend_wrap_up(&agent, by, at),
            Event::AgentReachable { agent } => self.agent_reachable(&agent, at),
            Event::AgentUnreachable { agent } => self.agent_unreachable(&agent, at, out),
            Event::AgentBusyElsewhere { agent } => self.agent_busy_elsewhere(&agent, at, out),
            Event::AgentFreeElsewhere { agent } => self.agent_free_elsewhere(&agent, at),
            Event::Open { queue, open } => self.open(&queue, open),
            Event::Restore(memory) => self.restore(memory, now, out),
            Event::Configure(settings) => self.configure(settings, at, out),
        }
        self.settle(at, out);
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Action>) {
        let at = now.mono;
        self.clock = now;
        // All that is due first, then one matching: two agents whose wrap-ups end together are asked in their right order. It
        // ends, because a deadline set here is later than now (`MIN_RING`, `MIN_BACK_OFF`) or not set.
        self.lag.note(self.timers.next().map_or(Duration::ZERO, |due| at.since(due)), at);
        while let Some(deadline) = self.timers.pop(at) {
            match deadline {
                Deadline::Offer(offer) => self.expired(offer, at, out),
                Deadline::WrapUp(desk) => self.wrap_up_over(desk, at),
                Deadline::Rest(desk) => self.rest_over(desk, at),
                Deadline::Step(item) => self.advance(item, at, out),
                Deadline::Announce(item) => self.announce_to(item, at, out),
                Deadline::Review(line) => self.stirred.push(line),
            }
        }
        self.settle(at, out);
    }
}
