//! Who gets whom: `may_take`, the one definition of eligibility, and the matching that follows it.
//!
//! The matching works on requirement sets and never scans what waits. Invariant: when [`Acd::settle`] returns, no set has both
//! a free agent and a waiting item, and each choice made was the smallest key that any free agent might take.

use super::line::{Lease, Stage};
use super::roster::{DeskId, SetId, Slot};
use super::settings::{MAX_RING, MIN_RING};
use super::words::{Action, ItemId, OfferId, State};
use super::{Acd, Deadline, desk::Desk, desk::Duty};
use crate::time::{Moment, Now};
use serde::{Deserialize, Serialize};

/// Why an agent may not take an item now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Obstacle {
    NoSuchItem,
    NoSuchAgent,
    /// It talks to an agent.
    Talks,
    /// As many phones ring for it as its queue's strategy lets ring.
    RingsElsewhere,
    /// The agent does not serve the item's queue.
    OtherQueue,
    /// The agent serves this queue only from then on.
    TooEarly {
        until: Moment,
    },
    AgentIs(State),
    /// Left alone after an offer that came to nothing.
    AgentRests {
        until: Moment,
    },
}

impl Acd {
    /// True when this agent may be offered this item now. The dispatcher, the invariants and every explanation mean this.
    pub fn may_take(&self, agent: &str, item: ItemId, now: Now) -> bool {
        self.obstacle(agent, item, now).is_none()
    }

    /// What stands between them, if anything: the item's own reasons before the agent's.
    pub fn obstacle(&self, agent: &str, item: ItemId, now: Now) -> Option<Obstacle> {
        match self.desks.find(agent) {
            Some(desk) => self.obstacle_between(desk, item, now.mono),
            None => Some(Obstacle::NoSuchAgent),
        }
    }

    pub(super) fn obstacle_between(&self, desk: DeskId, item: ItemId, now: Moment) -> Option<Obstacle> {
        let Some(waiting) = self.items.get(&item) else {
            return Some(Obstacle::NoSuchItem);
        };
        let line = self.lines.at(waiting.line);
        if !waiting.waits() {
            return Some(Obstacle::Talks);
        }
        if !waiting.open(line.settings.strategy) {
            return Some(Obstacle::RingsElsewhere);
        }
        let desk = self.desks.at(desk);
        let Some(post) = desk.posts.iter().find(|post| post.line == waiting.line) else {
            return Some(Obstacle::OtherQueue);
        };
        let from = waiting.joined + self.sets[post.set.index()].after;
        if from > now {
            return Some(Obstacle::TooEarly { until: from });
        }
        desk.obstacle(now)
    }

    /// Makes every decision that this event made possible, then tells which agents changed.
    pub(super) fn settle(&mut self, now: Moment, out: &mut Vec<Action>) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        // Each round makes one offer, which takes a free agent out: as many rounds as there are free agents, at most. An offer
        // never makes a set ready that was not, so those that are not ready are forgotten.
        while let Some(item) = self.first_of(&mut touched) {
            self.offer(item, now, out);
        }
        touched.clear();
        self.touched = touched;
        self.announce(now, out);
    }

    /// The smallest key that waits in a set with somebody free.
    fn first_of(&self, touched: &mut Vec<SetId>) -> Option<ItemId> {
        let mut first = None;
        touched.retain(|set| {
            let set = &self.sets[set.index()];
            let head = if set.free.is_empty() { None } else { set.waiting.first() };
            if let Some(head) = head {
                first = Some(first.map_or(*head, |first| *head.min(&first)));
            }
            head.is_some()
        });
        first.map(|(_, item)| item)
    }

    /// Rings the best free agent for `item`, who waits in a set where somebody is free.
    fn offer(&mut self, item: ItemId, now: Moment, out: &mut Vec<Action>) {
        let waiting = &self.items[&item];
        let line = self.lines.at(waiting.line);
        let strategy = line.settings.strategy;
        let start = strategy.start(line.asked_last, &mut self.rng);
        let sets = line.sets[..waiting.level].iter();
        let choice = sets.filter_map(|set| self.sets[set.index()].free.choose(start, now)).min();
        let (_, _, rank, desk) = choice.expect("somebody is free");
        debug_assert!(self.is_first_for(desk, item, now), "{item:?} is not the first that {desk:?} may take");

        let waiting = self.items.get_mut(&item).expect("it waits");
        let line_id = waiting.line;
        let line = self.lines.at_mut(line_id);
        line.asked_last = Some((rank, desk));
        self.offers_made += 1;
        let offer = OfferId(self.offers_made);
        let ring = line.settings.ring.clamp(MIN_RING, MAX_RING);
        let deadline = now + ring;
        if let Stage::Waiting { offers } = &mut waiting.stage {
            offers.push(offer);
        }
        let (full, queue) = (!waiting.open(strategy), line.name.clone());
        if full {
            self.unlist_item(item);
        }
        self.offers.insert(offer, Lease { item, line: line_id, desk, made: now, deadline });
        self.timers.set(Deadline::Offer(offer), deadline);
        self.change(desk, now, |desk| desk.duty = Duty::Offered(offer));
        out.push(Action::Offer { offer, item, queue, agent: self.desks.at(desk).name.clone(), ring });
    }

    /// No earlier key waits that this agent might take instead.
    fn is_first_for(&self, desk: DeskId, item: ItemId, now: Moment) -> bool {
        let key = self.items[&item].key;
        let heads = self.desks.at(desk).posts.iter().filter_map(|post| self.sets[post.set.index()].waiting.first());
        self.obstacle_between(desk, item, now).is_none() && heads.min().is_some_and(|(first, _)| *first == key)
    }

    /// The only way in which anything about an agent changes: out of the sets, the change, and back into them if free.
    pub(super) fn change(&mut self, id: DeskId, now: Moment, alter: impl FnOnce(&mut Desk)) {
        let was_listed = self.unlist_desk(id);
        let desk = self.desks.at_mut(id);
        alter(desk);
        if desk.obstacle(now).is_none() {
            if !was_listed {
                desk.draw = self.rng.u64();
            }
            self.list_desk(id);
        }
        self.changed.push(id);
    }

    pub(super) fn list_desk(&mut self, id: DeskId) {
        let desk = self.desks.at_mut(id);
        desk.listed = true;
        for post in &desk.posts {
            let set = &mut self.sets[post.set.index()];
            set.free.insert(post.tier, &desk.candidate(post.position), id);
            self.touched.push(post.set);
        }
    }

    fn unlist_desk(&mut self, id: DeskId) -> bool {
        let desk = self.desks.at_mut(id);
        if !std::mem::take(&mut desk.listed) {
            return false;
        }
        for post in &desk.posts {
            let set = &mut self.sets[post.set.index()];
            set.free.remove(post.tier, &desk.candidate(post.position), id);
        }
        true
    }

    /// Puts the item into its sets if it is open and not there.
    pub(super) fn list_item(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let line = self.lines.at(item.line);
        if item.listed || !item.open(line.settings.strategy) {
            return;
        }
        item.listed = true;
        for set in &line.sets[..item.level] {
            self.sets[set.index()].waiting.insert((item.key, id));
            self.touched.push(*set);
        }
    }

    pub(super) fn unlist_item(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if !std::mem::take(&mut item.listed) {
            return;
        }
        for set in &self.lines.at(item.line).sets[..item.level] {
            self.sets[set.index()].waiting.remove(&(item.key, id));
        }
    }

    /// Lets the item into the sets that are open for it by now, and sets the time of the next one.
    pub(super) fn widen(&mut self, id: ItemId, now: Moment) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let line = self.lines.at(item.line);
        while let Some(set) = line.sets.get(item.level) {
            let opens = item.joined + self.sets[set.index()].after;
            if opens > now {
                self.timers.set(Deadline::Widen(id), opens);
                return;
            }
            item.level += 1;
            if item.listed {
                self.sets[set.index()].waiting.insert((item.key, id));
                self.touched.push(*set);
            }
        }
    }

    fn announce(&mut self, now: Moment, out: &mut Vec<Action>) {
        for id in self.changed.drain(..) {
            // An agent who was removed by this event has been told of.
            if self.desks.get(id).is_none() {
                continue;
            }
            let desk = self.desks.at_mut(id);
            let state = desk.state();
            if state != desk.shown {
                desk.shown = state.clone();
                desk.since = now;
                out.push(Action::AgentState { agent: desk.name.clone(), state });
            }
        }
    }
}
