//! What holds between any two events: checked after every step of a simulation, and cheap enough for it.
//!
//! The cost grows with what is there, not with its square: a set with a free agent and a waiting item is the only way to a
//! pair that should have met, once it is known that everybody stands in the sets they belong to. Small states are checked by
//! the definition itself as well. Invariant: a check never changes anything.

use super::desk::Duty;
use super::line::Stage;
use super::roster::Slot;
use super::{Acd, Deadline};
use crate::time::{Moment, Now};

/// Up to so many pairs of agent and item are tried with `may_take` itself.
const MOST_PAIRS: usize = 4096;

macro_rules! hold {
    ($holds:expr, $($broken:tt)+) => {
        if !$holds {
            return Err(format!($($broken)+));
        }
    };
}

impl Acd {
    /// `Err` says what is broken, and of whom. What is due by `now` must have been handled.
    pub fn check_invariants(&self, now: Now) -> Result<(), String> {
        let now = now.mono;
        let idle = self.touched.is_empty() && self.changed.is_empty() && self.stirred.is_empty() && self.lapsed.is_empty();
        hold!(idle, "an event left work behind");
        self.check_sets()?;
        self.check_agents(now)?;
        self.check_items(now)?;
        self.check_offers(now)?;
        self.check_queues()?;
        self.check_pools()?;
        self.check_pairs(now)
    }

    /// No agent free while an item that they may take waits.
    fn check_sets(&self) -> Result<(), String> {
        let mut items = vec![0; self.sets.len()];
        self.items.values().flat_map(|item| &item.sets).for_each(|set| items[set.index()] += 1);
        for ((set, index), items) in self.sets.iter().zip(0..).zip(items) {
            hold!(set.items == items, "set {index}: counts {} items of {items}", set.items);
            hold!(
                set.free.is_empty() || set.waiting.is_empty(),
                "set {index}: {:?} waits and {:?} is free",
                set.waiting,
                set.free
            );
        }
        Ok(())
    }

    /// An agent has one duty at most, stands in the right sets, and shows the right state.
    fn check_agents(&self, now: Moment) -> Result<(), String> {
        let mut places = 0;
        for (id, desk) in self.desks.iter() {
            let name = &desk.name;
            match desk.duty {
                Duty::Idle => {}
                Duty::Offered(offer) => {
                    hold!(self.offers.get(&offer).is_some_and(|lease| lease.desk == id), "{name}: {offer:?} is not theirs");
                }
                Duty::OnCall(item) => {
                    let stage = self.items.get(&item).map(|item| &item.stage);
                    let theirs = matches!(stage, Some(Stage::Connected { desk, .. }) if *desk == id);
                    hold!(theirs, "{name}: {item:?} does not talk to them");
                }
                Duty::WrapUp { until, .. } => {
                    hold!(until >= now, "{name}: stuck in wrap-up until {until:?} at {now:?}");
                    hold!(self.timers.deadline(&Deadline::WrapUp(id)) == Some(until), "{name}: wrap-up without its end");
                }
            }
            if let Some(until) = desk.rest_until {
                hold!(until >= now, "{name}: stuck at rest until {until:?} at {now:?}");
                hold!(self.timers.deadline(&Deadline::Rest(id)) == Some(until), "{name}: rest without its end");
            }
            for item in &desk.wanted_by {
                let waits_for = self.items.get(item).and_then(|item| item.waits_for).map(|(desk, _)| desk);
                hold!(waits_for == Some(id), "{name}: {item:?} waits for {waits_for:?}");
            }
            hold!(desk.shown == desk.state(), "{name}: shows {:?}, is {:?}", desk.shown, desk.state());
            hold!(!desk.retired || matches!(desk.duty, Duty::OnCall(_)), "{name}: removed, and still here");
            hold!(desk.listed == desk.obstacle(now).is_none(), "{name}: listed {}, {:?}", desk.listed, desk.obstacle(now));
            for post in desk.posts.iter().filter(|_| desk.listed) {
                let set = &self.sets[post.set.index()];
                let here = set.free.contains(&post.merit, &desk.candidate(), id);
                hold!(here, "{name}: is not in {:?}", post.set);
                places += 1;
            }
        }
        let held: usize = self.sets.iter().map(|set| set.free.len()).sum();
        hold!(held == places, "the sets hold {held} agents, {places} belong there");
        Ok(())
    }

    /// A waiting item stands in the sets that are open for it, exactly if one more agent may ring for it.
    fn check_items(&self, now: Moment) -> Result<(), String> {
        let mut places = 0;
        for (id, item) in &self.items {
            let line = self.lines.at(item.line);
            hold!(item.listed == item.open(line.settings.order.then), "{id:?}: listed {}, {:?}", item.listed, item.stage);
            hold!(item.key == item.key_in(&line.settings), "{id:?}: stands at {:?}", item.key);
            match &item.stage {
                Stage::Connected { desk, .. } => {
                    let duty = self.desks.get(*desk).map(|desk| desk.duty);
                    hold!(duty == Some(Duty::OnCall(*id)), "{id:?}: talks to one whose duty is {duty:?}");
                    continue;
                }
                Stage::Waiting { offers } => {
                    hold!(!line.retired, "{id:?}: waits in {}, which is gone", line.name);
                    for offer in offers {
                        hold!(
                            self.offers.get(offer).is_some_and(|lease| lease.item == *id),
                            "{id:?}: {offer:?} is not its own"
                        );
                    }
                }
            }
            let timer = self.timers.deadline(&Deadline::Step(*id));
            hold!(timer.is_none_or(|at| at >= now), "{id:?}: its next step was due at {timer:?}");
            hold!(line.waiting.contains(&(item.key, *id)), "{id:?}: is not in the order of {}", line.name);
            hold!(line.by_entry.contains(&(item.joined, *id)), "{id:?}: is not among those who came to {}", line.name);
            if let Some((desk, _)) = item.waits_for {
                let known = self.desks.get(desk).is_some_and(|desk| desk.wanted_by.contains(id));
                hold!(known, "{id:?}: waits for {desk:?}, who does not know");
            }
            for set in item.sets.iter().filter(|_| item.listed) {
                hold!(self.sets[set.index()].waiting.contains(&(item.key, *id)), "{id:?}: is not in {set:?}");
                places += 1;
            }
        }
        let held: usize = self.sets.iter().map(|set| set.waiting.len()).sum();
        hold!(held == places, "the sets hold {held} items, {places} belong there");
        Ok(())
    }

    /// Nobody waits with an offer past its deadline; both sides know of it.
    fn check_offers(&self, now: Moment) -> Result<(), String> {
        for (id, lease) in &self.offers {
            hold!(lease.deadline >= now, "{id:?}: past its deadline {:?} at {now:?}", lease.deadline);
            hold!(self.timers.deadline(&Deadline::Offer(*id)) == Some(lease.deadline), "{id:?}: without its deadline");
            let duty = self.desks.get(lease.desk).map(|desk| desk.duty);
            hold!(duty == Some(Duty::Offered(*id)), "{id:?}: the agent's duty is {duty:?}");
            let known = self.items.get(&lease.item).is_some_and(|item| item.offers().contains(id));
            hold!(known, "{id:?}: {:?} does not know of it", lease.item);
        }
        Ok(())
    }

    /// Every caller ends in exactly one outcome.
    fn check_queues(&self) -> Result<(), String> {
        for (id, line) in self.lines.iter() {
            let (name, tally) = (&line.name, &line.tally);
            let here = self.items.values().filter(|item| item.line == id);
            let (live, waiting) = here.fold((0, 0), |(live, waiting), item| (live + 1, waiting + usize::from(item.waits())));
            let counted = (line.live, line.waiting.len());
            hold!((live, waiting) == counted, "{name}: counts {counted:?}, there are {live} and {waiting}");
            hold!(line.by_entry.len() == waiting, "{name}: {} came, {waiting} wait", line.by_entry.len());
            hold!(tally.offered == tally.ended() + live as u64, "{name}: {live} are left of {tally:?}");
            hold!(!line.retired || live > 0, "{name}: removed, empty, and still here");
        }
        Ok(())
    }

    /// Agents of queues and groups are counted right, and every set has the agents that it should.
    fn check_pools(&self) -> Result<(), String> {
        for pool in &self.pools {
            let members = || pool.members.iter().filter_map(|desk| self.desks.get(*desk));
            let logged_in = members().filter(|desk| desk.present()).count();
            let available = members().filter(|desk| desk.listed).count();
            let counted = (pool.logged_in, pool.available);
            hold!((logged_in, available) == counted, "{}: counts {counted:?} agents of {logged_in}, {available}", pool.name);
        }
        Ok(())
    }

    /// The definition itself, where there are not too many to ask.
    fn check_pairs(&self, now: Moment) -> Result<(), String> {
        let free: Vec<_> = self.desks.iter().filter(|(_, desk)| desk.obstacle(now).is_none()).collect();
        let waiting: Vec<_> = self.items.iter().filter(|(_, item)| item.waits()).collect();
        if free.len() * waiting.len() > MOST_PAIRS {
            return Ok(());
        }
        if free.is_empty() {
            return Ok(());
        }
        for (id, item) in waiting {
            let terms = self.terms(item, now);
            for (desk, agent) in &free {
                hold!(
                    self.obstacle_to(*desk, item, &terms, now).is_some(),
                    "{} is free while {id:?} waits, which they may take",
                    agent.name
                );
            }
        }
        Ok(())
    }
}
