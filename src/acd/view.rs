//! What an operator sees: plain values, copied out.
//!
//! Moments are the process's own; whoever shows them turns them into wall time. Invariant: looking changes nothing.

use super::Acd;
use super::desk::Duty;
use super::line::{Item, Stage, Tally};
use super::roster::Slot;
use super::skill::Skills;
use super::strategy::Order;
use super::words::{ItemId, Kind, OfferId, State};
use crate::id::Name;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueView {
    pub name: Name,
    pub order: Order,
    /// Items that wait, and how many of them have a phone ringing for them.
    pub waiting: usize,
    pub ringing: usize,
    pub talking: usize,
    /// The item that entered first of those who wait entered then.
    pub waiting_since: Option<Moment>,
    pub agents: usize,
    /// Agents who are not offline, and those of them who could be offered a call now.
    pub logged_in: usize,
    pub free: usize,
    pub tally: Tally,
    /// Removed from the configuration; its last talks are ending.
    pub retired: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentView {
    pub name: Name,
    pub queues: Vec<Name>,
    pub skills: Skills,
    pub state: State,
    /// What was ordered to come after the present call.
    pub then: Option<State>,
    pub since: Moment,
    pub logged_in_since: Option<Moment>,
    pub reachable: bool,
    /// What rings or talks there.
    pub item: Option<ItemId>,
    pub offer: Option<OfferId>,
    /// The pause that holds, or will hold after the present call.
    pub pause: Option<Name>,
    /// By a supervisor, who alone may end it.
    pub forced: bool,
    /// The reason of a pause that a supervisor is to agree to.
    pub wish: Option<Name>,
    /// Available, but left alone until then.
    pub rests_until: Option<Moment>,
    pub wraps_up_until: Option<Moment>,
    pub calls: u32,
    pub talked: Duration,
    /// Offers in a row without an answer.
    pub no_answers: u32,
    pub idle_since: Moment,
}

/// One item that waits or talks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ItemView {
    pub item: ItemId,
    pub queue: Name,
    pub kind: Kind,
    pub class: u16,
    pub head_start: Duration,
    /// From 1 in the order of this queue; `None` once it talks.
    pub position: Option<usize>,
    pub joined: Moment,
    pub arrival: Moment,
    /// The agents at whom it rings, or who talks to it.
    pub agents: Vec<Name>,
    pub talking_since: Option<Moment>,
}

impl Acd {
    pub fn has_queue(&self, queue: &str) -> bool {
        self.lines.find(queue).is_some_and(|line| !self.lines.at(line).retired)
    }

    /// Its hours are over, as far as the engine was told.
    pub fn is_closed(&self, queue: &str) -> bool {
        self.lines.find(queue).is_some_and(|line| self.lines.at(line).closed)
    }

    pub fn any_closed(&self) -> bool {
        self.lines.iter().any(|(_, line)| line.closed)
    }

    pub fn has_agent(&self, agent: &str) -> bool {
        self.desks.find(agent).is_some()
    }

    /// True while the item waits, whether or not a phone rings for it.
    pub fn is_waiting(&self, item: ItemId) -> bool {
        self.items.get(&item).is_some_and(|item| item.waits())
    }

    /// What this agent is doing, as last told.
    pub fn agent_state(&self, agent: &str) -> Option<&State> {
        self.desks.find(agent).map(|desk| &self.desks.at(desk).shown)
    }

    /// Every queue, by name.
    pub fn queues(&self) -> Vec<QueueView> {
        let view = |line: &super::Line| QueueView {
            name: line.name.clone(),
            order: line.settings.order.clone(),
            waiting: line.waiting.len(),
            ringing: 0,
            talking: line.live - line.waiting.len(),
            waiting_since: line.by_entry.first().map(|(joined, _)| *joined),
            agents: 0,
            logged_in: 0,
            free: 0,
            tally: line.tally,
            retired: line.retired,
        };
        let mut views: Vec<_> = self.lines.iter().map(|(id, line)| (id, view(line))).collect();
        for (id, view) in &mut views {
            for item in self.items.values().filter(|item| item.line == *id && item.waits()) {
                view.ringing += usize::from(!item.offers().is_empty());
            }
            let pool = &self.pools[self.lines.at(*id).pool.index()];
            (view.agents, view.logged_in, view.free) = (pool.members.len(), pool.logged_in, pool.available);
        }
        let mut views: Vec<_> = views.into_iter().map(|(_, view)| view).collect();
        views.sort_by(|one, other| one.name.cmp(&other.name));
        views
    }

    pub fn agent(&self, name: &str) -> Option<AgentView> {
        self.desks.find(name).map(|desk| self.agent_view(self.desks.at(desk)))
    }

    /// Every agent, by name.
    pub fn agents(&self) -> Vec<AgentView> {
        let mut views: Vec<_> = self.desks.iter().map(|(_, desk)| self.agent_view(desk)).collect();
        views.sort_by(|one, other| one.name.cmp(&other.name));
        views
    }

    fn queues_of(&self, desk: &super::Desk) -> Vec<Name> {
        let lines = desk.seats.iter().filter_map(|seat| self.pools[seat.pool.index()].line);
        lines.map(|line| self.lines.at(line).name.clone()).collect()
    }

    fn agent_view(&self, desk: &super::Desk) -> AgentView {
        let (item, offer, wraps_up_until) = match desk.duty {
            Duty::Idle => (None, None, None),
            Duty::Offered(offer) => (self.offers.get(&offer).map(|lease| lease.item), Some(offer), None),
            Duty::OnCall(item) => (Some(item), None, None),
            Duty::WrapUp { until, .. } => (None, None, Some(until)),
        };
        AgentView {
            name: desk.name.clone(),
            queues: self.queues_of(desk),
            skills: desk.skills.clone(),
            state: desk.shown.clone(),
            then: desk.then(),
            since: desk.since,
            logged_in_since: desk.login,
            reachable: desk.reachable,
            item,
            offer,
            pause: desk.pause.as_ref().map(|pause| pause.reason.clone()),
            forced: desk.pause.as_ref().is_some_and(|pause| pause.forced),
            wish: desk.wish.clone(),
            rests_until: desk.rest_until,
            wraps_up_until,
            calls: desk.calls,
            talked: desk.talked,
            no_answers: desk.no_answers,
            idle_since: desk.idle_since,
        }
    }

    /// What is in one queue: those who wait in their order, then those who talk.
    pub fn items(&self, queue: &str) -> Vec<ItemView> {
        let Some(line) = self.lines.find(queue) else { return Vec::new() };
        let mut items: Vec<_> = self.items.iter().filter(|(_, item)| item.line == line).collect();
        items.sort_by_key(|(_, item)| (!item.waits(), item.key));
        items.into_iter().zip(1..).map(|((id, item), place)| self.item_view(*id, item, place)).collect()
    }

    fn item_view(&self, id: ItemId, item: &Item, place: usize) -> ItemView {
        let name = |desk| self.desks.at(desk).name.clone();
        let (agents, talking_since) = match &item.stage {
            Stage::Waiting { offers } => (offers.iter().map(|offer| name(self.offers[offer].desk)).collect(), None),
            Stage::Connected { desk, since } => (vec![name(*desk)], Some(*since)),
        };
        ItemView {
            item: id,
            queue: self.lines.at(item.line).name.clone(),
            kind: item.kind,
            class: item.class,
            head_start: item.head_start.min(self.lines.at(item.line).settings.max_head_start),
            position: item.waits().then_some(place),
            joined: item.joined,
            arrival: item.arrival,
            agents,
            talking_since,
        }
    }
}
