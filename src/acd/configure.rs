//! Queues and agents as they are from now on.
//!
//! | what changed | what happens |
//! |---|---|
//! | a queue is gone | it takes no joins; its waiting items flow out; its talks end in peace |
//! | an agent is gone | an offer is withdrawn; a talk is finished first |
//! | an agent no longer serves the queue that rings at them | the offer is withdrawn |
//! | a queue's weight or cap | its waiting items get the key that belongs to it |
//! | ring, wrap-up, back-off | hold from the next one on |
//!
//! The sets are built anew; that is the one step whose cost grows with everything there is, and it happens once a reload.
//! Invariant: no item and no talk is lost by it.

use super::desk::{Desk, Duty, Seat};
use super::lease::EndedBy;
use super::line::{Lease, Line, Plan, Pool};
use super::roster::{DeskId, LineId, PoolId, Slot};
use super::settings::{Agent, Destination, Login, Membership, OverflowAct, Queue, Settings, Trigger};
use super::words::{Action, ItemId, ItemOutcome, OfferOutcome};
use super::{Acd, Condition, Deadline};
use crate::id::Name;
use crate::time::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Acd {
    pub(super) fn configure(&mut self, settings: Arc<Settings>, now: Moment, out: &mut Vec<Action>) {
        self.empty_sets();
        self.settings = settings.clone();
        self.configure_queues(&settings, now, out);
        self.configure_agents(&settings, now, out);
        self.seat_agents(&settings);
        self.plan(&settings);
        self.withdraw_from_strangers(now, out);
        self.fill_sets(now, out);
    }

    /// Until they are built anew there are no sets and no pools; who is free stays marked as such, with the rank that goes with it.
    fn empty_sets(&mut self) {
        let items: Vec<ItemId> = self.items.keys().copied().collect();
        for id in items {
            self.unlist_item(id);
            self.leave_sets(id);
            self.keep_in_mind(id, None);
            self.timers.cancel(&Deadline::Step(id));
        }
        self.forget_sets();
        self.pools.clear();
        self.stirred.clear();
        self.desks.iter_mut().for_each(|(_, desk)| desk.seats.clear());
    }

    fn configure_queues(&mut self, settings: &Settings, now: Moment, out: &mut Vec<Action>) {
        for (name, queue) in &settings.queues {
            if let Some(id) = self.lines.find(name) {
                let line = self.lines.at_mut(id);
                line.settings = queue.clone();
                line.retired = false;
                continue;
            }
            self.lines.enter(name.clone(), Line::new(name.clone(), queue.clone()));
        }
        let ids: Vec<ItemId> = self.items.keys().copied().collect();
        ids.into_iter().for_each(|id| self.rekey(id));
        for id in self.lines.ids() {
            self.timers.cancel(&Deadline::Review(id));
            let line = self.lines.at_mut(id);
            (line.plans, line.overflow_adds, line.watchers) = (Vec::new(), Vec::new(), Vec::new());
            if !settings.queues.contains_key(&line.name) {
                self.retire_line(id, now, out);
            }
        }
    }

    fn retire_line(&mut self, id: LineId, now: Moment, out: &mut Vec<Action>) {
        let line = self.lines.at_mut(id);
        line.retired = true;
        if line.live == 0 {
            let name = line.name.clone();
            self.lines.vacate(id, &name);
            return;
        }
        let waiting: Vec<ItemId> = line.waiting.iter().map(|(_, item)| *item).collect();
        for item in waiting {
            self.finish(item, ItemOutcome::FlowedOut(Destination::Flow), OfferOutcome::Cancelled, now, out);
        }
    }

    fn configure_agents(&mut self, settings: &Settings, now: Moment, out: &mut Vec<Action>) {
        for id in self.desks.ids() {
            if !settings.agents.contains_key(&self.desks.at(id).name) {
                self.change(id, now, |desk| desk.retired = true);
                self.end_offer_at(id, OfferOutcome::Cancelled, EndedBy::AgentState, now, out);
                if !matches!(self.desks.at(id).duty, Duty::OnCall(_)) {
                    self.dismiss(id, out);
                }
            }
        }
        for (name, agent) in &settings.agents {
            match self.desks.find(name) {
                Some(id) => self.configure_desk(id, agent, now, out),
                None => {
                    let id = self.desks.enter(name.clone(), Desk::new(name.clone(), agent, now));
                    self.change(id, now, |_| {});
                }
            }
        }
    }

    fn configure_desk(&mut self, id: DeskId, agent: &Agent, now: Moment, out: &mut Vec<Action>) {
        let was = self.desks.at(id).policy;
        self.change(id, now, |desk| {
            desk.retired = false;
            desk.policy = agent.login;
            desk.skills = agent.skills.clone();
        });
        match (was, agent.login) {
            (before, after) if before == after => {}
            (_, Login::Always) => self.change(id, now, |desk| {
                desk.reachable = true;
                desk.log_in(now);
            }),
            // From now on their phone is watched, and whoever watches says again which phones are there.
            (Login::Always, _) => {
                self.log_out(id, now);
                self.change(id, now, |desk| desk.reachable = false);
                self.end_offer_at(id, OfferOutcome::Cancelled, EndedBy::AgentState, now, out);
            }
            _ => {}
        }
    }

    /// The agents of every queue and every group.
    fn seat_agents(&mut self, settings: &Settings) {
        let mut named: BTreeMap<Name, PoolId> = BTreeMap::new();
        for id in self.lines.ids() {
            let line = self.lines.at_mut(id);
            line.pool = PoolId::new(self.pools.len());
            let own = (!line.retired).then_some(id);
            named.insert(line.name.clone(), line.pool);
            self.pools.push(Pool::new(line.name.clone(), own));
        }
        for (name, agent) in &settings.agents {
            let Some(desk) = self.desks.find(name) else { continue };
            let queues = agent.queues.iter().filter(|(queue, _)| settings.queues.contains_key(*queue));
            for (place, membership) in queues.chain(&agent.groups) {
                let pool = *named.entry(place.clone()).or_insert_with(|| {
                    self.pools.push(Pool::new(place.clone(), None));
                    PoolId::new(self.pools.len() - 1)
                });
                self.seat(desk, pool, membership);
            }
        }
        for pool in &mut self.pools {
            pool.delays.sort_unstable();
            pool.delays.dedup();
        }
        self.pool_names = named;
    }

    fn seat(&mut self, id: DeskId, pool: PoolId, membership: &Membership) {
        let &Membership { tier, position, delay, weight } = membership;
        let desk = self.desks.at_mut(id);
        if desk.seat(pool).is_some() {
            return;
        }
        desk.seats.push(Seat { pool, delay, tier, position, weight });
        let (present, free) = (desk.present(), desk.listed);
        let pool = &mut self.pools[pool.index()];
        pool.members.push(id);
        pool.delays.push(delay);
        pool.logged_in += usize::from(present);
        pool.available += usize::from(free);
    }

    /// Steps and overflows with pools for names, and who watches whom.
    fn plan(&mut self, settings: &Settings) {
        let mut watched: BTreeSet<(LineId, LineId)> = BTreeSet::new();
        for (name, queue) in &settings.queues {
            let Some(id) = self.lines.find(name) else { continue };
            let pools = |names: &[Name]| names.iter().filter_map(|name| self.pool_names.get(name).copied()).collect::<Vec<_>>();
            let plans = queue.steps.iter().map(|step| Plan { add: pools(&step.add), replace: pools(&step.replace) }).collect();
            let adds = |act: &OverflowAct| if let OverflowAct::Add(names) = act { pools(names) } else { Vec::new() };
            let overflow_adds = queue.overflow.iter().map(|rule| adds(&rule.act)).collect();
            for clause in conditions_of(queue).flat_map(Condition::clauses) {
                let asked = clause.queue.as_ref().map_or(Some(id), |queue| self.lines.find(queue));
                watched.extend(asked.map(|asked| (asked, id)));
            }
            let line = self.lines.at_mut(id);
            line.plans = plans;
            line.overflow_adds = overflow_adds;
            line.timed = conditions_of(queue).any(Condition::is_timed);
            (line.held, line.gates) = (0, u32::MAX);
        }
        for (asked, watcher) in watched {
            self.lines.at_mut(asked).watchers.push(watcher);
            self.stirred.push(watcher);
        }
    }

    fn withdraw_from_strangers(&mut self, now: Moment, out: &mut Vec<Action>) {
        let strange = |lease: &Lease| {
            let desk = self.desks.at(lease.desk);
            let terms = self.items.get(&lease.item).map(|item| self.terms(item, now));
            terms.is_none_or(|terms| !terms.sources.iter().any(|pool| desk.seat(*pool).is_some()))
        };
        let strange: Vec<_> = self.offers.iter().filter(|(_, lease)| strange(lease)).map(|(offer, _)| *offer).collect();
        for offer in strange {
            self.end_lease(offer, OfferOutcome::Cancelled, EndedBy::Engine, now, out);
        }
    }

    fn fill_sets(&mut self, now: Moment, out: &mut Vec<Action>) {
        for id in self.lines.ids() {
            if self.lines.at(id).retired {
                continue;
            }
            (self.lines.at_mut(id).held, self.lines.at_mut(id).gates) = self.conditions(id, now);
        }
        let items: Vec<ItemId> = self.items.keys().copied().collect();
        for id in items {
            let steps = self.items.get(&id).map_or(0, |item| self.lines.at(item.line).settings.steps.len());
            self.items.entry(id).and_modify(|item| item.begun.retain(|(step, _)| usize::from(*step) < steps));
            self.advance(id, now, out);
            self.begin_announcing_if_not(id, now);
        }
    }
}

fn conditions_of(queue: &Queue) -> impl Iterator<Item = &Condition> {
    let steps = queue.steps.iter().flat_map(|step| step.when.iter().chain(&step.only_if));
    let overflows = queue.overflow.iter().filter_map(|rule| match &rule.on {
        Trigger::Everybody(condition) => Some(condition),
        Trigger::After(_) | Trigger::Newcomers(_) => None,
    });
    steps.chain(overflows)
}
