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

use super::desk::{Desk, Duty, Post};
use super::lease::EndedBy;
use super::line::{Line, Set, Tally};
use super::roster::{DeskId, LineId, SetId, Slot};
use super::settings::{Agent, Login, Settings};
use super::strategy::FreeAgents;
use super::words::{Action, ItemId, ItemOutcome, OfferOutcome};
use super::{Acd, Deadline};
use crate::time::{Duration, Moment};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Acd {
    pub(super) fn configure(&mut self, settings: Arc<Settings>, now: Moment, out: &mut Vec<Action>) {
        self.empty_sets();
        self.configure_queues(&settings, now, out);
        self.configure_agents(&settings, now, out);
        self.build_sets(&settings);
        self.settings = settings;
        self.withdraw_from_strangers(now, out);
        self.fill_sets(now);
    }

    /// Until they are built anew there are no sets; who is free stays marked as such, with the rank that goes with it.
    fn empty_sets(&mut self) {
        self.sets.clear();
        self.touched.clear();
        self.desks.iter_mut().for_each(|(_, desk)| desk.posts.clear());
        self.lines.iter_mut().for_each(|(_, line)| line.sets.clear());
        for (id, item) in &mut self.items {
            item.level = 0;
            self.timers.cancel(&Deadline::Widen(*id));
        }
    }

    fn configure_queues(&mut self, settings: &Settings, now: Moment, out: &mut Vec<Action>) {
        for id in self.lines.ids() {
            if !settings.queues.contains_key(&self.lines.at(id).name) {
                self.retire_line(id, now, out);
            }
        }
        for (name, queue) in &settings.queues {
            if let Some(id) = self.lines.find(name) {
                let line = self.lines.at_mut(id);
                line.settings = queue.clone();
                line.retired = false;
                continue;
            }
            let line = Line {
                name: name.clone(),
                settings: queue.clone(),
                sets: Vec::new(),
                asked_last: None,
                retired: false,
                waiting: 0,
                live: 0,
                tally: Tally::default(),
            };
            self.lines.enter(name.clone(), line);
        }
        for item in self.items.values_mut() {
            item.key = item.key_in(&self.lines.at(item.line).settings);
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
        let mut waiting: Vec<_> =
            self.items.iter().filter(|(_, item)| item.line == id && item.waits()).map(|(id, item)| (item.key, *id)).collect();
        waiting.sort_unstable();
        for (_, item) in waiting {
            self.finish(item, ItemOutcome::FlowedOut, OfferOutcome::Cancelled, now, out);
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

    /// A set for every queue and delay that some agent has.
    fn build_sets(&mut self, settings: &Settings) {
        let posts = settings.agents.iter().filter_map(|(name, agent)| Some((self.desks.find(name)?, agent)));
        let posts: Vec<(DeskId, LineId, &super::Membership)> = posts
            .flat_map(|(desk, agent)| agent.queues.iter().map(move |(queue, membership)| (desk, queue, membership)))
            .filter_map(|(desk, queue, membership)| Some((desk, self.lines.find(queue)?, membership)))
            .filter(|(_, line, _)| !self.lines.at(*line).retired)
            .collect();
        let mut sets: BTreeMap<(LineId, Duration), SetId> =
            posts.iter().map(|(_, line, membership)| ((*line, membership.delay), SetId(0))).collect();
        for ((line, after), set) in &mut sets {
            *set = SetId::new(self.sets.len());
            let line = self.lines.at_mut(*line);
            line.sets.push(*set);
            let free = FreeAgents::new(line.settings.strategy);
            self.sets.push(Set { after: *after, waiting: BTreeSet::new(), free });
        }
        for (desk, line, membership) in posts {
            let set = sets[&(line, membership.delay)];
            let post = Post { line, set, tier: membership.tier, position: membership.position };
            self.desks.at_mut(desk).posts.push(post);
        }
    }

    fn withdraw_from_strangers(&mut self, now: Moment, out: &mut Vec<Action>) {
        let serves = |desk, line| self.desks.at(desk).posts.iter().any(|post| post.line == line);
        let strange: Vec<_> =
            self.offers.iter().filter(|(_, lease)| !serves(lease.desk, lease.line)).map(|(offer, _)| *offer).collect();
        for offer in strange {
            self.end_lease(offer, OfferOutcome::Cancelled, EndedBy::Engine, now, out);
        }
    }

    fn fill_sets(&mut self, now: Moment) {
        for id in self.desks.ids() {
            if self.desks.at(id).listed {
                self.list_desk(id);
            }
        }
        let items: Vec<ItemId> = self.items.keys().copied().collect();
        for id in items {
            if let Some(item) = self.items.get_mut(&id) {
                item.listed = false;
            }
            self.widen(id, now);
            self.list_item(id);
        }
    }
}
