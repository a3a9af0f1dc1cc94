//! Items: in, out, to another queue, and back at the old key.
//!
//! Invariant: an item leaves the table in `finish`, nowhere else, with its one outcome.

use super::desk::Duty;
use super::history::Place;
use super::lease::EndedBy;
use super::line::{Item, Stage, Told};
use super::roster::{DeskId, LineId};
use super::settings::{Destination, MAX_WRAP_UP, MIN_BACK_OFF};
use super::words::{Action, ItemId, ItemOutcome, Join, Leaving, Lost, Merits, OfferOutcome};
use super::{Acd, Deadline, estimate};
use crate::calendar::Zone;
use crate::time::{Duration, Moment};

/// What an agent does after a talk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    WrapUp,
    /// Their phone was lost: it is left alone as an unreachable one is.
    Rest,
}

impl Acd {
    pub(super) fn join(&mut self, mut join: Join, now: Moment, out: &mut Vec<Action>) {
        let id = join.item;
        if self.items.contains_key(&id) {
            return;
        }
        let repeats = join.after.and_then(|before| self.items.get(&before)).map(|before| before.has_merit(Merits::RepeatCall));
        if let Some(before) = join.after {
            self.call_ended(before, now, out);
        }
        let queue = join.queue.clone();
        let turned_away = |outcome| Action::ItemOutcome { item: id, queue, outcome, waited: Duration::ZERO };
        let Some(line_id) = self.open_line(&join.queue) else {
            out.push(turned_away(ItemOutcome::NoSuchQueue));
            return;
        };
        let line = self.lines.at_mut(line_id);
        if line.is_full() {
            out.push(turned_away(ItemOutcome::Full));
            return;
        }
        line.tally.offered += 1;
        if let Some(place) = self.history.take_place(join.contact.as_ref(), &join.queue, now) {
            join.arrival = join.arrival.min(place.arrival);
        }
        let rules = self.rules_for_newcomers(line_id, now);
        let merits = self.merits(&join, repeats, line_id, now);
        self.joins += 1;
        let line = self.lines.at_mut(line_id);
        line.live += 1;
        let item = Item::new(&join, merits, line_id, &line.settings, self.joins, now);
        let (kind, class, head_start, arrival) = (item.kind, item.class, item.merits.clone(), item.arrival);
        self.items.insert(id, Box::new(item));
        out.push(Action::Joined { item: id, queue: join.queue, kind, class, head_start, arrival });
        self.enter(id, rules, now, out);
    }

    /// An item that is new in its queue begins to wait there.
    fn enter(&mut self, id: ItemId, rules: u16, now: Moment, out: &mut Vec<Action>) {
        let line = self.begin_waiting(id);
        self.overflow_newcomer(line, id, rules, now, out);
        self.advance(id, now, out);
        self.predict(id, now);
        self.begin_announcing(id, now);
    }

    fn begin_waiting(&mut self, id: ItemId) -> LineId {
        let item = self.items.get_mut(&id).expect("it begins to wait");
        item.last_agent = self.history.last_agent(item.contact.as_ref());
        let line = self.lines.at_mut(item.line);
        line.waiting.insert((item.key, id));
        line.by_entry.insert((item.joined, id));
        if line.timed && line.waiting.len() == 1 {
            self.stirred.push(item.line);
        }
        let line = item.line;
        self.stir(line);
        line
    }

    /// It waits no longer, or not here.
    pub(super) fn end_waiting(&mut self, id: ItemId) {
        self.unlist_item(id);
        self.leave_sets(id);
        self.keep_in_mind(id, None);
        self.timers.cancel(&Deadline::Step(id));
        self.timers.cancel(&Deadline::Announce(id));
        let Some(item) = self.items.get(&id) else { return };
        let id_of_line = item.line;
        let line = self.lines.at_mut(id_of_line);
        line.waiting.remove(&(item.key, id));
        line.by_entry.remove(&(item.joined, id));
        if line.waiting.is_empty() {
            self.timers.cancel(&Deadline::Review(id_of_line));
        }
        self.stir(id_of_line);
    }

    /// For what the item is treated as if it had waited longer.
    fn merits(&self, join: &Join, repeats: Option<bool>, line: LineId, now: Moment) -> Vec<(Merits, Duration)> {
        let line = self.lines.at(line);
        let rules = &line.settings.head_starts;
        let contact = self.history.of(join.contact.as_ref());
        let value = u64::from(rules.value).saturating_mul(join.value) / 1000;
        let repeats = rules.repeat_call.filter(|(within, _)| {
            repeats.unwrap_or_else(|| contact.is_some_and(|contact| contact.talked_within(&line.name, *within, now)))
        });
        let day = || {
            let zone = self.settings.zone.clone().unwrap_or_else(Zone::utc);
            zone.first_moment(zone.civil(self.clock.wall).date, 0).unwrap_or(self.clock.wall)
        };
        let gave_up = !rules.abandoned_today.is_zero() && contact.is_some_and(|one| one.gave_up_today(day(), self.clock));
        let merits = [
            (Merits::Given, join.head_start),
            (Merits::Value, Duration::from_millis(value)),
            (Merits::RepeatCall, repeats.map_or(Duration::ZERO, |(_, by)| by)),
            (Merits::AbandonedToday, if gave_up { rules.abandoned_today } else { Duration::ZERO }),
        ];
        merits.into_iter().filter(|(_, by)| !by.is_zero()).collect()
    }

    pub(super) fn leave(&mut self, id: ItemId, why: Leaving, now: Moment, out: &mut Vec<Action>) {
        match self.items.get(&id).map(|item| &item.stage) {
            Some(Stage::Connected { .. }) => {
                if why == Leaving::CutOff {
                    self.keep_place(id, now);
                }
                self.call_ended(id, now, out);
            }
            Some(Stage::Waiting { .. }) => {
                let ringing = match why {
                    Leaving::AnsweredElsewhere => OfferOutcome::LostRace,
                    Leaving::EndedByUs => OfferOutcome::Cancelled,
                    _ => OfferOutcome::CallerGone,
                };
                if why == Leaving::CutOff {
                    self.keep_place(id, now);
                }
                self.finish(id, why.into(), ringing, now, out);
            }
            None => {}
        }
    }

    /// Who was cut off may come back to it.
    fn keep_place(&mut self, id: ItemId, now: Moment) {
        let Some(item) = self.items.get(&id) else { return };
        let line = self.lines.at(item.line);
        let place = Place { queue: line.name.clone(), arrival: item.arrival, until: now + line.settings.redial };
        if let (Some(contact), false) = (&item.contact, line.settings.redial.is_zero()) {
            self.history.note(contact, now, |contact| contact.place = Some(place));
        }
    }

    /// A supervisor's will.
    pub(super) fn assign(&mut self, id: ItemId, agent: &str, now: Moment, out: &mut Vec<Action>) {
        let Some(desk) = self.desks.find(agent) else { return };
        let open = self.items.get(&id).is_some_and(|item| item.open(self.lines.at(item.line).settings.order.then));
        if open && self.desks.at(desk).obstacle(now).is_none() {
            self.ring(id, desk, None, now, out);
        }
    }

    /// The talk is over: the outcome for the item, wrap-up for the agent.
    pub(super) fn call_ended(&mut self, id: ItemId, now: Moment, out: &mut Vec<Action>) {
        let Some((line, desk, since)) = self.talk_of(id) else { return };
        let before = self.items.get(&id).map_or(Duration::ZERO, |item| item.talked);
        let outcome = ItemOutcome::Answered { agent: self.desks.at(desk).name.clone(), talked: before + now.since(since) };
        self.end_talk(line, desk, since, After::WrapUp, now, out);
        self.finish(id, outcome, OfferOutcome::CallerGone, now, out);
    }

    /// Back at the old key, past every limit: the place was theirs.
    pub(super) fn requeue(&mut self, id: ItemId, why: Lost, now: Moment, out: &mut Vec<Action>) {
        let Some((line, desk, since)) = self.talk_of(id) else { return };
        let (queue, agent) = (self.lines.at(line).name.clone(), self.desks.at(desk).name.clone());
        match why {
            Lost::ConnectionLost | Lost::Ghost => self.end_talk(line, desk, since, After::Rest, now, out),
        }
        let talked = now.since(since);
        if let Some(item) = self.items.get_mut(&id) {
            item.stage = Stage::Waiting { offers: Vec::new() };
            item.talked += talked;
            out.push(Action::Returned { item: id, queue, agent, talked, arrival: item.arrival });
        }
        self.begin_waiting(id);
        if self.lines.at(line).retired {
            self.finish(id, ItemOutcome::FlowedOut(Destination::Flow), OfferOutcome::Cancelled, now, out);
            return;
        }
        self.advance(id, now, out);
        self.begin_announcing(id, now);
    }

    /// To another queue, arrival and head start kept.
    pub(super) fn shift(&mut self, id: ItemId, queue: &str, now: Moment, out: &mut Vec<Action>) {
        let Some(item) = self.items.get(&id).filter(|item| item.waits()) else { return };
        let (from, Some(to)) = (item.line, self.open_line(queue)) else { return };
        if from == to || self.lines.at(to).is_full() {
            return;
        }
        let rules = self.rules_for_newcomers(to, now);
        self.end_waiting(id);
        let target = self.lines.at(to);
        let item = self.items.get_mut(&id).expect("it waits");
        let Stage::Waiting { offers } = std::mem::replace(&mut item.stage, Stage::Waiting { offers: Vec::new() }) else {
            return;
        };
        item.line = to;
        item.joined = now;
        item.answered = None;
        item.talked = Duration::ZERO;
        item.begun.clear();
        item.overflowed = 0;
        item.asked_last = None;
        item.told = Told::default();
        // Bumps were the steps' of the queue that it leaves.
        let bumps = item.merits.extract_if(.., |(merit, _)| matches!(merit, Merits::Step(_)));
        item.head_start -= bumps.map(|(_, by)| by).sum::<Duration>();
        item.key = item.key_in(&target.settings);
        let moved = Action::Moved { item: id, from: self.lines.at(from).name.clone(), to: target.name.clone() };
        let source = self.lines.at_mut(from);
        source.tally.count(&ItemOutcome::FlowedOut(Destination::Flow));
        source.live -= 1;
        let target = self.lines.at_mut(to);
        target.tally.offered += 1;
        target.live += 1;
        for offer in offers {
            self.end_lease(offer, OfferOutcome::Cancelled, EndedBy::Engine, now, out);
        }
        out.push(moved);
        self.enter(id, rules, now, out);
    }

    /// Takes the item out for good; whatever rings for it is withdrawn with `ringing` as the outcome.
    pub(super) fn finish(
        &mut self,
        id: ItemId,
        outcome: ItemOutcome,
        ringing: OfferOutcome,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        if self.items.get(&id).is_some_and(|item| item.waits()) {
            self.end_waiting(id);
        }
        let Some(item) = self.items.remove(&id) else { return };
        let line = self.lines.at_mut(item.line);
        line.live -= 1;
        line.tally.count(&outcome);
        let (queue, gone) = (line.name.clone(), line.retired && line.live == 0);
        let waited = item.waited(now);
        if outcome == ItemOutcome::Abandoned {
            line.estimate.abandoned(waited, line.settings.service_level, now);
            self.stir(item.line);
            if let Some(contact) = &item.contact {
                let wall = self.clock.wall;
                self.history.note(contact, now, |contact| contact.gave_up = Some(wall));
            }
        }
        if let Stage::Waiting { offers } = item.stage {
            for offer in offers {
                self.end_lease(offer, ringing, EndedBy::Engine, now, out);
            }
        }
        if gone {
            self.lines.vacate(item.line, &queue);
        }
        out.push(Action::ItemOutcome { item: id, queue, outcome, waited });
    }

    /// The agent's side of the end of a talk.
    fn end_talk(&mut self, line: LineId, desk: DeskId, since: Moment, after: After, now: Moment, out: &mut Vec<Action>) {
        let queue = &self.lines.at(line).settings;
        let wrap_up = queue.wrap_up.min(MAX_WRAP_UP);
        let rest = queue.back_off.unreachable.max(MIN_BACK_OFF);
        let wraps_up = after == After::WrapUp && !wrap_up.is_zero() && self.desks.at(desk).login.is_some();
        if wraps_up {
            self.timers.set(Deadline::WrapUp(desk), now + wrap_up);
        }
        if after == After::Rest {
            self.timers.set(Deadline::Rest(desk), now + rest);
        }
        let talked = now.since(since);
        self.lines.at_mut(line).estimate.talked(talked, now);
        self.change(desk, now, |desk| {
            desk.calls = desk.calls.saturating_add(1);
            desk.talked += talked;
            desk.handled.entry(line).or_insert_with(estimate::recent).add(talked, now);
            desk.idle_since = now;
            desk.duty = if wraps_up { Duty::WrapUp { since: now, until: now + wrap_up } } else { Duty::Idle };
            desk.rest_until = (after == After::Rest).then(|| now + rest);
        });
        if self.desks.at(desk).retired {
            self.dismiss(desk, out);
        }
    }

    fn talk_of(&self, id: ItemId) -> Option<(LineId, DeskId, Moment)> {
        let item = self.items.get(&id)?;
        match item.stage {
            Stage::Connected { desk, since } => Some((item.line, desk, since)),
            Stage::Waiting { .. } => None,
        }
    }

    /// A queue that takes joins.
    fn open_line(&self, queue: &str) -> Option<LineId> {
        self.lines.find(queue).filter(|line| !self.lines.at(*line).retired)
    }
}
