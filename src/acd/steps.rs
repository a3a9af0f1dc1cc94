//! What holds for a waiting item now: which steps have begun, whose agents may take it, what they must know, for whom it is kept.
//!
//! ```text
//!   the queue's agents -> step 1 -> step 2 ... -> overflows      each that has begun, as long as its donor agrees
//!        sources, need, preference                               adds sources, or replaces what was before it
//!            |
//!            v
//!   a requirement set for each source and delay, or the set of the one agent for whom it is kept
//! ```
//!
//! Invariant: [`Acd::terms`] is the definition; the sets of an item are brought in line with it whenever it may have changed.

use super::line::{Item, SetKey, Who};
use super::roster::{DeskId, LineId, PoolId, SetId, Slot};
use super::sets::NOTHING;
use super::settings::{Prefer, Trigger, Whom};
use super::skill::Need;
use super::words::{Action, ItemId, ItemOutcome, Merits, OfferOutcome};
use super::{Acd, Deadline};
use crate::time::{Duration, Moment};

/// What was due and could not be done is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// What holds for an item.
pub(super) struct Terms {
    /// Whose agents may take it, in the order in which they are asked.
    pub sources: Vec<PoolId>,
    /// What the queue needs, as its steps have it.
    pub need: Need,
    /// The agent for whom a step would keep it, and until when at most.
    pub preferred: Option<(DeskId, Moment)>,
    /// The same, if that agent is worth waiting for.
    pub kept_for: Option<(DeskId, Moment)>,
}

impl Acd {
    pub(super) fn terms(&self, item: &Item, now: Moment) -> Terms {
        let line = self.lines.at(item.line);
        let mut terms = Terms { sources: vec![line.pool], need: line.settings.need.clone(), preferred: None, kept_for: None };
        for (index, since) in &item.begun {
            let index = usize::from(*index);
            let (Some(step), Some(plan)) = (line.settings.steps.get(index), line.plans.get(index)) else { continue };
            if line.gates & (1 << index) == 0 {
                continue;
            }
            if !plan.replace.is_empty() {
                terms.sources.clear();
            }
            terms.sources.extend(plan.replace.iter().chain(&plan.add));
            terms.need = step.need.clone().unwrap_or(terms.need);
            if let Some(prefer) = &step.prefer {
                terms.preferred = self.preferred(item, prefer, *since).filter(|(_, until)| *until > now);
            }
        }
        for (index, pools) in line.overflow_adds.iter().enumerate() {
            if item.overflowed & (1 << index) != 0 {
                terms.sources.extend(pools);
            }
        }
        terms.kept_for = terms.preferred.filter(|(desk, _)| self.is_worth_waiting_for(*desk, &terms, item));
        terms
    }

    fn preferred(&self, item: &Item, prefer: &Prefer, since: Moment) -> Option<(DeskId, Moment)> {
        let name = match &prefer.whom {
            Whom::Agent(name) => Some(name),
            Whom::LastAgent => item.last_agent.as_ref(),
        };
        Some((self.desks.find(name?)?, since + prefer.hold))
    }

    /// There, not paused, and one who might take it.
    fn is_worth_waiting_for(&self, id: DeskId, terms: &Terms, item: &Item) -> bool {
        let desk = self.desks.at(id);
        let serves = terms.sources.iter().any(|pool| desk.seat(*pool).is_some());
        desk.is_awaited() && serves && self.is_able(id, &terms.need, &item.need)
    }

    /// Begins what is due for the item, and brings its sets in line.
    pub(super) fn advance(&mut self, id: ItemId, now: Moment, out: &mut Vec<Action>) {
        if !self.is_waiting(id) {
            return;
        }
        self.begin_steps(id, now);
        self.overflow_in_time(id, now, out);
        self.place_in_sets(id, now, out);
    }

    fn begin_steps(&mut self, id: ItemId, now: Moment) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let line = self.lines.at(item.line);
        let mut bumped = false;
        for (index, step) in line.settings.steps.iter().enumerate() {
            let number = u8::try_from(index).unwrap_or(u8::MAX);
            let holds = step.when.is_none() || line.held & (1 << index) != 0;
            if !item.has_begun(index) && holds && item.joined + step.after <= now {
                item.begun.push((number, now));
                item.begun.sort_unstable();
            }
            let merit = Merits::Step(number + 1);
            let open = line.gates & (1 << index) != 0 && item.has_begun(index);
            if open && !step.bump.is_zero() && !item.merits.iter().any(|(had, _)| *had == merit) {
                item.merits.push((merit, step.bump));
                item.head_start += step.bump;
                bumped = true;
            }
        }
        if bumped {
            self.rekey(id);
        }
    }

    /// Stands where what is known of it says.
    pub(super) fn rekey(&mut self, id: ItemId) {
        self.unlist_item(id);
        if let Some(item) = self.items.get_mut(&id) {
            let line = self.lines.at_mut(item.line);
            let key = item.key_in(&line.settings);
            let old = std::mem::replace(&mut item.key, key);
            if line.waiting.remove(&(old, id)) {
                line.waiting.insert((item.key, id));
            }
        }
        self.list_item(id);
    }

    fn overflow_in_time(&mut self, id: ItemId, now: Moment, out: &mut Vec<Action>) {
        let Some(item) = self.items.get(&id) else { return };
        let (line, joined, acted) = (item.line, item.joined, item.overflowed);
        let rules = self.lines.at(line).settings.overflow.iter().enumerate();
        let is_due = |on: &Trigger| matches!(on, Trigger::After(after) if joined + *after <= now);
        let due: Vec<usize> =
            rules.filter(|(index, rule)| acted & (1 << index) == 0 && is_due(&rule.on)).map(|(index, _)| index).collect();
        for index in due {
            // It may have left by the rule before.
            if self.items.get(&id).is_some_and(|item| item.line == line) {
                self.overflow(id, index, now, out);
            }
        }
    }

    /// Into the sets that are open for it by its terms, and out of the others.
    pub(super) fn place_in_sets(&mut self, id: ItemId, now: Moment, out: &mut Vec<Action>) {
        let Some(item) = self.items.get(&id).filter(|item| item.waits()) else { return };
        let terms = self.terms(item, now);
        let (line, joined, need) = (item.line, item.joined, item.need.clone());
        self.keep_in_mind(id, terms.preferred);
        let mut next = terms.preferred.map(|(_, until)| until);
        let sets = match terms.kept_for {
            Some((desk, _)) => {
                let key = SetKey { line, who: Who::One(desk), source: 0, delay: Duration::ZERO, demand: NOTHING };
                vec![self.set_of(key)]
            }
            None => {
                let Some(demand) = self.demand_of(&terms.need, &need) else {
                    self.finish(id, ItemOutcome::TooManyNeeds, OfferOutcome::Cancelled, now, out);
                    return;
                };
                let mut sets = Vec::new();
                for (pool, source) in terms.sources.iter().zip(0..) {
                    for index in 0..self.pools[pool.index()].delays.len() {
                        let delay = self.pools[pool.index()].delays[index];
                        if joined + delay > now {
                            next = Some(next.map_or(joined + delay, |next| next.min(joined + delay)));
                            break;
                        }
                        sets.push(self.set_of(SetKey { line, who: Who::Pool(*pool), source, delay, demand }));
                    }
                }
                sets
            }
        };
        self.move_to_sets(id, sets);
        self.set_next_step(id, next, now);
    }

    fn move_to_sets(&mut self, id: ItemId, sets: Vec<SetId>) {
        if self.items.get(&id).is_some_and(|item| item.sets != sets) {
            self.unlist_item(id);
            self.leave_sets(id);
            sets.iter().for_each(|set| self.sets[set.index()].items += 1);
            self.items.entry(id).and_modify(|item| item.sets = sets);
        }
        self.list_item(id);
    }

    /// Of one that is not listed in them.
    pub(super) fn leave_sets(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        for set in std::mem::take(&mut item.sets) {
            self.sets[set.index()].items -= 1;
        }
    }

    /// The agent whose coming and going matters to the item.
    pub(super) fn keep_in_mind(&mut self, id: ItemId, preferred: Option<(DeskId, Moment)>) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let before = std::mem::replace(&mut item.waits_for, preferred);
        if before.map(|(desk, _)| desk) == preferred.map(|(desk, _)| desk) {
            return;
        }
        if let Some(desk) = before.and_then(|(desk, _)| self.desks.get_mut(desk)) {
            desk.wanted_by.remove(&id);
        }
        if let Some((desk, _)) = preferred {
            self.desks.at_mut(desk).wanted_by.insert(id);
        }
    }

    /// When something changes for the item by the passing of time alone.
    fn set_next_step(&mut self, id: ItemId, next: Option<Moment>, now: Moment) {
        let Some(item) = self.items.get(&id) else { return };
        let queue = &self.lines.at(item.line).settings;
        let steps = queue.steps.iter().enumerate().filter(|(index, _)| !item.has_begun(*index));
        let steps = steps.map(|(_, step)| item.joined + step.after).filter(|at| *at > now);
        let rules = queue.overflow.iter().enumerate().filter(|(index, _)| item.overflowed & (1 << index) == 0);
        let rules = rules.filter_map(|(_, rule)| match rule.on {
            Trigger::After(after) => Some(item.joined + after),
            Trigger::Newcomers(_) | Trigger::Everybody(_) => None,
        });
        let rules = rules.map(|at| if at > now { at } else { now + AGAIN });
        match steps.chain(rules).chain(next).min() {
            Some(at) => self.timers.set(Deadline::Step(id), at),
            None => drop(self.timers.cancel(&Deadline::Step(id))),
        }
    }

    /// The agent came or went for whom items wait, or would.
    pub(super) fn reconsider_waiting_for(&mut self, desk: DeskId, now: Moment, out: &mut Vec<Action>) {
        let Some(wanted_by) = self.desks.get(desk).map(|desk| desk.wanted_by.clone()) else { return };
        for item in wanted_by {
            self.place_in_sets(item, now, out);
        }
    }

    /// Looks at the conditions of a queue again.
    pub(super) fn review(&mut self, id: LineId, now: Moment, out: &mut Vec<Action>) {
        if self.lines.get(id).is_none_or(|line| line.retired) {
            return;
        }
        let (held, gates) = self.conditions(id, now);
        let line = self.lines.at_mut(id);
        let changed = (held & !line.held) | (gates ^ line.gates);
        (line.held, line.gates) = (held, gates);
        if changed != 0 {
            let waiting: Vec<ItemId> = line.waiting.iter().map(|(_, item)| *item).collect();
            for item in waiting {
                self.advance(item, now, out);
            }
        }
        self.overflow_everybody(id, now, out);
        let line = self.lines.at(id);
        if line.timed && !line.waiting.is_empty() {
            self.timers.set(Deadline::Review(id), now + AGAIN);
        }
    }
}
