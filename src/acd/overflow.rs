//! Overflow: what becomes of callers when a queue has too much to do, and the measures by which that is judged.
//!
//! | trigger | whom it takes | when it is looked at |
//! |---|---|---|
//! | `after` | each item, once it has waited so long | at that moment |
//! | `when`, newcomers | whoever comes while it holds; they are not counted themselves | as they come |
//! | `when`, everybody | all who wait | whenever something it asks for changes, and each second if time alone changes it |
//!
//! An item for which a phone rings is left alone until the ringing is over. Invariant: a rule acts once on an item in a queue, and
//! an item is moved at most [`MAX_MOVES`] times.

use super::Acd;
use super::condition::{Condition, Measure};
use super::roster::{LineId, Slot};
use super::settings::{MAX_OVERFLOWS, OverflowAct, Queue, Trigger};
use super::words::{Action, ItemId, ItemOutcome, OfferOutcome};
use crate::id::Name;
use crate::time::{Duration, Moment};
use std::sync::Arc;

/// From queue to queue by overflow; after that an item stays where it is.
pub const MAX_MOVES: u8 = 16;

impl Acd {
    /// A measure of a queue, in thousandths; `None` when it is not known.
    pub(super) fn measure(&mut self, own: LineId, queue: Option<&Name>, measure: Measure, now: Moment) -> Option<u64> {
        let id = match queue {
            Some(name) => self.lines.find(name)?,
            None => own,
        };
        let line = self.lines.at(id);
        let pool = &self.pools[line.pool.index()];
        let count = |number: usize| u64::try_from(number).ok()?.checked_mul(1000);
        let millis = |time: Duration| u64::try_from(time.as_millis()).ok();
        match measure {
            Measure::Waiting => count(line.waiting.len()),
            Measure::LongestWait => millis(line.by_entry.first().map_or(Duration::ZERO, |(joined, _)| now.since(*joined))),
            Measure::LoggedIn => count(pool.logged_in),
            Measure::Available => count(pool.available),
            Measure::WaitingPerAgent => count(line.waiting.len())?.checked_div(pool.logged_in as u64).or(Some(u64::MAX)),
            Measure::ServiceLevel => Some(line.estimate.service_level(now)),
            Measure::Closed => Some(u64::from(line.closed) * 1000),
            Measure::ExpectedWait => {
                let ahead = line.waiting.len();
                self.expected_wait(id, ahead, now).and_then(millis)
            }
        }
    }

    /// The queue's hours began or ended.
    pub(super) fn open(&mut self, queue: &str, open: bool) {
        if let Some(line) = self.lines.find(queue) {
            self.lines.at_mut(line).closed = !open;
            self.stir(line);
        }
    }

    pub(super) fn holds(&mut self, own: LineId, condition: &Condition, now: Moment) -> bool {
        condition.holds(|queue, measure| self.measure(own, queue, measure, now))
    }

    /// Which `when` and which `only_if` of its steps hold, as bits; a step without either is as if it held.
    pub(super) fn conditions(&mut self, id: LineId, now: Moment) -> (u32, u32) {
        let Some(queue) = self.settings_of(id) else { return (0, u32::MAX) };
        let (mut held, mut gates) = (0, u32::MAX);
        for (index, step) in settings(&queue).steps.iter().enumerate() {
            if step.when.as_ref().is_some_and(|when| self.holds(id, when, now)) {
                held |= 1 << index;
            }
            if step.only_if.as_ref().is_some_and(|only_if| !self.holds(id, only_if, now)) {
                gates &= !(1 << index);
            }
        }
        (held, gates)
    }

    /// Those rules that take whoever comes now, as bits; asked before the newcomer is counted.
    pub(super) fn rules_for_newcomers(&mut self, line: LineId, now: Moment) -> u16 {
        if self.lines.at(line).settings.overflow.is_empty() {
            return 0;
        }
        let Some(queue) = self.settings_of(line) else { return 0 };
        let mut rules = 0;
        for (index, rule) in settings(&queue).overflow.iter().enumerate() {
            if matches!(&rule.on, Trigger::Newcomers(condition) if self.holds(line, condition, now)) {
                rules |= 1 << index;
            }
        }
        rules
    }

    /// They act on it, as long as it is in that queue.
    pub(super) fn overflow_newcomer(&mut self, line: LineId, id: ItemId, rules: u16, now: Moment, out: &mut Vec<Action>) {
        for index in (0..MAX_OVERFLOWS).filter(|index| rules & (1 << index) != 0) {
            if self.items.get(&id).is_some_and(|item| item.line == line) {
                self.overflow(id, index, now, out);
            }
        }
    }

    pub(super) fn overflow_everybody(&mut self, id: LineId, now: Moment, out: &mut Vec<Action>) {
        let Some(queue) = self.settings_of(id) else { return };
        for (index, rule) in settings(&queue).overflow.iter().enumerate() {
            let Trigger::Everybody(condition) = &rule.on else { continue };
            if self.lines.at(id).waiting.is_empty() || !self.holds(id, condition, now) {
                continue;
            }
            let waiting: Vec<ItemId> = self.lines.at(id).waiting.iter().map(|(_, item)| *item).collect();
            for item in waiting {
                self.overflow(item, index, now, out);
            }
        }
    }

    /// Rule `index` of its queue acts on the item.
    pub(super) fn overflow(&mut self, id: ItemId, index: usize, now: Moment, out: &mut Vec<Action>) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.overflowed & (1 << index) != 0 || !item.offers().is_empty() {
            return;
        }
        let Some(rule) = self.lines.at(item.line).settings.overflow.get(index) else { return };
        item.overflowed |= 1 << index;
        match rule.act.clone() {
            OverflowAct::Add(_) => self.place_in_sets(id, now, out),
            OverflowAct::Play(prompt) => out.push(Action::Play { item: id, prompt }),
            OverflowAct::Leave(to) => {
                self.finish(id, ItemOutcome::FlowedOut(to), OfferOutcome::Cancelled, now, out);
            }
            OverflowAct::Move(queue) if item.moves < MAX_MOVES => {
                let from = item.line;
                item.moves += 1;
                self.shift(id, &queue, now, out);
                // Not while that one is full: it is tried again.
                if let Some(item) = self.items.get_mut(&id).filter(|item| item.line == from) {
                    item.moves -= 1;
                    item.overflowed &= !(1 << index);
                }
            }
            OverflowAct::Move(_) => {}
        }
    }

    /// The settings of a queue, kept apart so that the engine can be asked while they are read.
    fn settings_of(&self, id: LineId) -> Option<(Arc<super::Settings>, Name)> {
        let name = self.lines.at(id).name.clone();
        self.settings.queues.contains_key(&name).then(|| (self.settings.clone(), name))
    }
}

fn settings((all, name): &(Arc<super::Settings>, Name)) -> &Queue {
    &all.queues[name]
}
