//! Who gets whom: `may_take`, the one definition of eligibility, and the matching that follows it.
//!
//! The matching works on requirement sets and never scans what waits. Invariant: when [`Acd::settle`] returns, no set has both
//! a free agent and a waiting item, and each choice made was the smallest key that any free agent might take.

use super::line::{Item, Lease, Stage};
use super::roster::{DeskId, LineId, SetId, Slot};
use super::settings::{MAX_RING, MIN_RING};
use super::steps::Terms;
use super::strategy::{Beginnings, Rank, Strategy};
use super::words::{Action, ItemId, OfferId, State};
use super::{Acd, Deadline, desk::Desk, desk::Duty};
use crate::id::Name;
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};

/// Conditions are looked at again as often within one event, because of what they themselves have changed; what is left then
/// waits [`LATER`].
const MAX_REVIEWS: usize = 8;
const LATER: Duration = Duration::from_secs(1);

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
    /// It waits for another agent, at most until then.
    KeptFor {
        agent: Name,
        until: Moment,
    },
    /// The agent does not know what is needed.
    Lacks {
        need: Name,
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
        match self.items.get(&item) {
            Some(waiting) => self.obstacle_to(desk, waiting, &self.terms(waiting, now), now),
            None => Some(Obstacle::NoSuchItem),
        }
    }

    /// The same of an item with its terms, which need not be here yet.
    pub(super) fn obstacle_to(&self, desk: DeskId, waiting: &Item, terms: &Terms, now: Moment) -> Option<Obstacle> {
        let line = self.lines.at(waiting.line);
        if !waiting.waits() {
            return Some(Obstacle::Talks);
        }
        if !waiting.open(line.settings.order.then) {
            return Some(Obstacle::RingsElsewhere);
        }
        if let Some((other, until)) = terms.kept_for.filter(|(other, _)| *other != desk) {
            return Some(Obstacle::KeptFor { agent: self.desks.at(other).name.clone(), until });
        }
        let agent = self.desks.at(desk);
        let seats = terms.sources.iter().filter_map(|pool| agent.seat(*pool));
        let Some(delay) = seats.map(|seat| seat.delay).min() else {
            return Some(Obstacle::OtherQueue);
        };
        if !self.is_able(desk, &terms.need, &waiting.need) {
            return Some(Obstacle::Lacks { need: super::sets::together(&terms.need, &waiting.need) });
        }
        let from = waiting.joined + delay;
        if from > now && terms.kept_for.is_none() {
            return Some(Obstacle::TooEarly { until: from });
        }
        agent.obstacle(now)
    }

    /// Makes every decision that this event made possible, then tells which agents changed.
    pub(super) fn settle(&mut self, now: Moment, out: &mut Vec<Action>) {
        for _ in 0..MAX_REVIEWS {
            self.reconsider(now, out);
            self.match_up(now, out);
            if self.stirred.is_empty() && self.lapsed.is_empty() {
                break;
            }
        }
        for desk in std::mem::take(&mut self.lapsed) {
            self.reconsider_waiting_for(desk, now, out);
        }
        for line in std::mem::take(&mut self.stirred) {
            self.timers.set(Deadline::Review(line), now + LATER);
        }
        self.match_up(now, out);
        self.announce(now, out);
    }

    /// What conditions say now, and whom items wait for.
    fn reconsider(&mut self, now: Moment, out: &mut Vec<Action>) {
        for desk in std::mem::take(&mut self.lapsed) {
            self.reconsider_waiting_for(desk, now, out);
        }
        let mut stirred = std::mem::take(&mut self.stirred);
        stirred.sort_unstable();
        stirred.dedup();
        for line in stirred {
            self.review(line, now, out);
        }
    }

    /// Offers until no set has both a free agent and a waiting item.
    fn match_up(&mut self, now: Moment, out: &mut Vec<Action>) {
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
        let (by_queue, for_item) = (line.asked_last, waiting.asked_last);
        let begin = Beginnings { by_queue, for_item, by_chance: line.settings.order.then.draw(&mut self.rng) };
        let mut best = None;
        for set in &waiting.sets {
            let choice = self.sets[set.index()].free.choose(begin, now);
            best = best.into_iter().chain(choice).min();
        }
        let (_, _, rank, desk) = best.expect("somebody is free");
        debug_assert!(self.is_first_for(desk, item, now), "{item:?} is not the first that {desk:?} may take");
        self.ring(item, desk, Some(rank), now, out);
    }

    /// Leases the item to the agent, who is free. `rank` is their place in the queue's order.
    pub(super) fn ring(&mut self, item: ItemId, desk: DeskId, rank: Option<Rank>, now: Moment, out: &mut Vec<Action>) {
        let waiting = self.items.get_mut(&item).expect("it waits");
        let (line_id, kind) = (waiting.line, waiting.kind);
        let line = self.lines.at_mut(line_id);
        if let Some(rank) = rank {
            if line.settings.order.then == Strategy::WeightedRandom {
                self.drawn = self.drawn.max(rank.drawn());
            }
            line.asked_last = Some((rank, desk));
            waiting.asked_last = Some((rank, desk));
        }
        self.offers_made += 1;
        let offer = OfferId(self.offers_made);
        let ring = line.settings.ring.clamp(MIN_RING, MAX_RING);
        let deadline = now + ring;
        if let Stage::Waiting { offers } = &mut waiting.stage {
            offers.push(offer);
        }
        let (full, queue) = (!waiting.open(line.settings.order.then), line.name.clone());
        if full {
            self.unlist_item(item);
        }
        self.offers.insert(offer, Lease { item, line: line_id, desk, made: now, deadline });
        self.timers.set(Deadline::Offer(offer), deadline);
        self.change(desk, now, |desk| desk.duty = Duty::Offered(offer));
        out.push(Action::Offer { offer, item, kind, queue, agent: self.desks.at(desk).name.clone(), ring });
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
        let (was_present, was_awaited) = (desk.present(), desk.is_awaited());
        alter(desk);
        if desk.obstacle(now).is_none() {
            if !was_listed {
                (desk.draw, desk.drawn_from) = (self.rng.u64(), self.drawn);
            }
            self.list_desk(id);
        }
        let desk = self.desks.at(id);
        let (listed, present, awaited) = (desk.listed, desk.present(), desk.is_awaited());
        if (was_listed, was_present, was_awaited) != (listed, present, awaited) {
            self.count_staff(id, (was_present, was_listed, was_awaited), (present, listed, awaited));
        }
        self.changed.push(id);
    }

    /// Agents of queues are counted as they come and go: present, free, worth waiting for.
    fn count_staff(&mut self, id: DeskId, was: (bool, bool, bool), is: (bool, bool, bool)) {
        let desk = self.desks.at(id);
        if was.2 != is.2 && !desk.wanted_by.is_empty() {
            self.lapsed.push(id);
        }
        for seat in &desk.seats {
            let pool = &mut self.pools[seat.pool.index()];
            pool.logged_in = pool.logged_in + usize::from(is.0) - usize::from(was.0);
            pool.available = pool.available + usize::from(is.1) - usize::from(was.1);
            pool.departures += u64::from(was.2 && !is.2);
            if let Some(line) = pool.line {
                self.stirred.extend(&self.lines.at(line).watchers);
            }
        }
    }

    /// Something changed that conditions of queues may ask for.
    pub(super) fn stir(&mut self, line: LineId) {
        self.stirred.extend(&self.lines.at(line).watchers);
    }

    pub(super) fn list_desk(&mut self, id: DeskId) {
        let desk = self.desks.at_mut(id);
        desk.listed = true;
        for post in &desk.posts {
            let set = &mut self.sets[post.set.index()];
            set.free.insert(&post.merit, &desk.candidate(), id);
            self.touched.push(post.set);
        }
    }

    fn unlist_desk(&mut self, id: DeskId) -> bool {
        let desk = self.desks.at_mut(id);
        if !std::mem::take(&mut desk.listed) {
            return false;
        }
        for post in &desk.posts {
            self.sets[post.set.index()].free.remove(&post.merit, &desk.candidate(), id);
        }
        true
    }

    /// Puts the item into its sets if it is open and not there.
    pub(super) fn list_item(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.listed || !item.open(self.lines.at(item.line).settings.order.then) {
            return;
        }
        item.listed = true;
        for set in &item.sets {
            self.sets[set.index()].waiting.insert((item.key, id));
            self.touched.push(*set);
        }
    }

    pub(super) fn unlist_item(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if !std::mem::take(&mut item.listed) {
            return;
        }
        for set in &item.sets {
            self.sets[set.index()].waiting.remove(&(item.key, id));
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
            if matches!(state, State::Paused(_)) {
                desk.begin_ordered_pause(now);
            }
            let standing = desk.standing();
            // The records have a word for every state but ringing, which counts as available.
            let is_recorded = state != desk.shown && state != State::Offered;
            let is_news =
                standing != desk.told || state == State::Offered && !matches!(desk.shown, State::Available | State::Offered);
            desk.told = standing;
            if state != desk.shown {
                desk.shown = state.clone();
                desk.since = now;
                out.push(Action::AgentState { agent: desk.name.clone(), state });
            }
            if is_news && !is_recorded {
                out.push(Action::AgentNoted { agent: desk.name.clone() });
            }
        }
    }
}
