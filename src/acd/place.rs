//! Items: in, out, to another queue, and back at the old key.
//!
//! Invariant: an item leaves the table in `finish`, nowhere else, with its one outcome.

use super::desk::Duty;
use super::lease::EndedBy;
use super::line::{Item, Stage};
use super::roster::{DeskId, LineId};
use super::settings::{MAX_WRAP_UP, MIN_BACK_OFF};
use super::words::{Action, ItemId, ItemOutcome, Join, Leaving, Lost, OfferOutcome};
use super::{Acd, Deadline};
use crate::time::{Duration, Moment};

/// What an agent does after a talk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    WrapUp,
    /// Their phone was lost: it is left alone as an unreachable one is.
    Rest,
}

impl Acd {
    pub(super) fn join(&mut self, join: Join, now: Moment, out: &mut Vec<Action>) {
        let id = join.item;
        if self.items.contains_key(&id) {
            return;
        }
        let queue = join.queue.clone();
        let turned_away = |outcome| Action::ItemOutcome { item: id, queue, outcome, waited: Duration::ZERO };
        let Some(line_id) = self.open_line(&join.queue) else {
            out.push(turned_away(ItemOutcome::NoSuchQueue));
            return;
        };
        let line = self.lines.at_mut(line_id);
        line.tally.offered += 1;
        if line.waiting >= line.settings.max_waiting.max(1) {
            line.tally.count(&ItemOutcome::Full);
            out.push(turned_away(ItemOutcome::Full));
            return;
        }
        line.waiting += 1;
        line.live += 1;
        self.joins += 1;
        let item = Item::new(&join, line_id, &line.settings, self.joins, now);
        self.items.insert(id, item);
        self.widen(id, now);
        self.list_item(id);
    }

    pub(super) fn leave(&mut self, id: ItemId, why: Leaving, now: Moment, out: &mut Vec<Action>) {
        match self.items.get(&id).map(|item| &item.stage) {
            Some(Stage::Connected { .. }) => self.call_ended(id, now, out),
            Some(Stage::Waiting { .. }) => {
                let ringing = match why {
                    Leaving::AnsweredElsewhere => OfferOutcome::LostRace,
                    Leaving::EndedByUs => OfferOutcome::Cancelled,
                    Leaving::HungUp | Leaving::Key(_) | Leaving::FlowedOut | Leaving::CallbackTaken => OfferOutcome::CallerGone,
                };
                self.finish(id, why.into(), ringing, now, out);
            }
            None => {}
        }
    }

    /// The talk is over: the outcome for the item, wrap-up for the agent.
    pub(super) fn call_ended(&mut self, id: ItemId, now: Moment, out: &mut Vec<Action>) {
        let Some((line, desk, since)) = self.talk_of(id) else { return };
        let outcome = ItemOutcome::Answered { agent: self.desks.at(desk).name.clone(), talked: now.since(since) };
        self.end_talk(line, desk, since, After::WrapUp, now, out);
        self.finish(id, outcome, OfferOutcome::CallerGone, now, out);
    }

    /// Back at the old key, past every limit: the place was theirs.
    pub(super) fn requeue(&mut self, id: ItemId, why: Lost, now: Moment, out: &mut Vec<Action>) {
        let Some((line_id, desk, since)) = self.talk_of(id) else { return };
        match why {
            Lost::ConnectionLost | Lost::Ghost => self.end_talk(line_id, desk, since, After::Rest, now, out),
        }
        let line = self.lines.at_mut(line_id);
        line.waiting += 1;
        if let Some(item) = self.items.get_mut(&id) {
            item.stage = Stage::Waiting { offers: Vec::new() };
        }
        if self.lines.at(line_id).retired {
            self.finish(id, ItemOutcome::FlowedOut, OfferOutcome::Cancelled, now, out);
            return;
        }
        self.widen(id, now);
        self.list_item(id);
    }

    /// To another queue, arrival and head start kept.
    pub(super) fn shift(&mut self, id: ItemId, queue: &str, now: Moment, out: &mut Vec<Action>) {
        let Some(item) = self.items.get(&id).filter(|item| item.waits()) else { return };
        let (from, Some(to)) = (item.line, self.open_line(queue)) else { return };
        let target = self.lines.at(to);
        if from == to || target.waiting >= target.settings.max_waiting.max(1) {
            return;
        }
        self.unlist_item(id);
        let target = self.lines.at(to);
        let item = self.items.get_mut(&id).expect("it waits");
        let Stage::Waiting { offers } = std::mem::replace(&mut item.stage, Stage::Waiting { offers: Vec::new() }) else {
            return;
        };
        item.line = to;
        item.joined = now;
        item.level = 0;
        item.key = item.key_in(&target.settings);
        let moved = Action::Moved { item: id, from: self.lines.at(from).name.clone(), to: target.name.clone() };
        for (line, entered) in [(from, false), (to, true)] {
            let line = self.lines.at_mut(line);
            if entered {
                line.tally.offered += 1;
                line.waiting += 1;
                line.live += 1;
            } else {
                line.tally.count(&ItemOutcome::FlowedOut);
                line.waiting -= 1;
                line.live -= 1;
            }
        }
        self.timers.cancel(&Deadline::Widen(id));
        self.widen(id, now);
        for offer in offers {
            self.end_lease(offer, OfferOutcome::Cancelled, EndedBy::Engine, now, out);
        }
        self.list_item(id);
        out.push(moved);
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
        self.unlist_item(id);
        self.timers.cancel(&Deadline::Widen(id));
        let Some(item) = self.items.remove(&id) else { return };
        let line = self.lines.at_mut(item.line);
        line.waiting -= usize::from(item.waits());
        line.live -= 1;
        line.tally.count(&outcome);
        let (queue, gone) = (line.name.clone(), line.retired && line.live == 0);
        let waited = item.waited(now);
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
        self.change(desk, now, |desk| {
            desk.calls = desk.calls.saturating_add(1);
            desk.talked += now.since(since);
            desk.idle_since = now;
            desk.duty = if wraps_up { Duty::WrapUp { until: now + wrap_up } } else { Duty::Idle };
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
