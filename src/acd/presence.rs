//! Agents: at work or not, paused or not, and the ends of wrap-up and rest.
//!
//! The change comes first and the withdrawal of a ringing offer after it, so that whoever pauses is never free in between.
//! Invariant: every change goes through [`Acd::change`], which keeps the sets right.

use super::desk::{Duty, Standing};
use super::lease::EndedBy;
use super::roster::DeskId;
use super::settings::{Login, MAX_WRAP_UP};
use super::words::{Action, NO_ANSWER_PAUSE, OfferOutcome, State};
use super::{Acd, Deadline};
use crate::id::Name;
use crate::time::{Duration, Moment};

impl Acd {
    pub(super) fn agent_login(&mut self, agent: &str, now: Moment) {
        let Some(id) = self.desks.find(agent) else { return };
        self.change(id, now, |desk| {
            desk.log_in(now);
            desk.no_answers = 0;
            if desk.pause.as_ref().is_some_and(|pause| &*pause.reason == NO_ANSWER_PAUSE) {
                desk.end_pause(now);
            }
        });
    }

    pub(super) fn agent_logout(&mut self, agent: &str, now: Moment, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(agent) else { return };
        self.log_out(id, now);
        self.end_offer_at(id, OfferOutcome::Cancelled, EndedBy::AgentState, now, out);
    }

    pub(super) fn agent_ready(&mut self, agent: &str, now: Moment) {
        let Some(id) = self.desks.find(agent) else { return };
        self.timers.cancel(&Deadline::WrapUp(id));
        self.end_wrap_up(id, now);
    }

    fn end_wrap_up(&mut self, id: DeskId, now: Moment) {
        let Some(Duty::WrapUp { since, .. }) = self.desks.get(id).map(|desk| desk.duty) else { return };
        self.count_wrap_up(id, now.since(since), now);
        self.change(id, now, |desk| desk.duty = Duty::Idle);
    }

    /// It is part of the handling time of the call before it.
    fn count_wrap_up(&mut self, id: DeskId, wrapped_up: Duration, now: Moment) {
        let Some((_, line)) = self.desks.at(id).last_item else { return };
        if let Some(line) = self.lines.get_mut(line) {
            line.estimate.wrapped_up(wrapped_up, now);
        }
        if let Some(handled) = self.desks.at_mut(id).handled.get_mut(&line) {
            handled.add(wrapped_up, now);
        }
    }

    pub(super) fn extend_wrap_up(&mut self, agent: &str, by: Duration, now: Moment) {
        let Some(id) = self.desks.find(agent) else { return };
        if let Duty::WrapUp { since, until } = self.desks.at(id).duty {
            let until = (until + by).min(now + MAX_WRAP_UP);
            self.timers.set(Deadline::WrapUp(id), until);
            self.change(id, now, |desk| desk.duty = Duty::WrapUp { since, until });
        }
    }

    /// A code that the queue knows, for the call that they are on or wrap up.
    pub(super) fn dispose(&mut self, agent: Name, code: Name, out: &mut Vec<Action>) {
        let Some(desk) = self.desks.find(&agent).map(|id| self.desks.at(id)) else { return };
        let about = desk.last_item.filter(|_| matches!(desk.duty, Duty::OnCall(_) | Duty::WrapUp { .. }));
        let Some((item, line)) = about.and_then(|(item, line)| Some((item, self.lines.get(line)?))) else { return };
        let known = &line.settings.dispositions;
        if known.is_empty() || known.contains(&code) {
            out.push(Action::Disposed { agent, item, queue: line.name.clone(), code });
        }
    }

    /// A phone that is back needs no rest for having been away.
    pub(super) fn agent_reachable(&mut self, agent: &str, now: Moment) {
        let Some(id) = self.desks.find(agent) else { return };
        if self.desks.at(id).reachable {
            return;
        }
        self.timers.cancel(&Deadline::Rest(id));
        self.change(id, now, |desk| {
            desk.reachable = true;
            desk.rest_until = None;
            if desk.policy == Login::ByRegistration {
                desk.log_in(now);
            }
        });
    }

    pub(super) fn agent_unreachable(&mut self, agent: &str, now: Moment, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(agent) else { return };
        match self.desks.at(id).policy {
            // A static contact is not watched: what becomes of an offer says whether it is there.
            Login::Always => return,
            Login::ByRegistration => self.log_out(id, now),
            Login::Manual => {}
        }
        self.change(id, now, |desk| desk.reachable = false);
        self.end_offer_at(id, OfferOutcome::Unreachable, EndedBy::AgentState, now, out);
    }

    pub(super) fn agent_busy_elsewhere(&mut self, agent: &str, now: Moment, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(agent) else { return };
        self.change(id, now, |desk| desk.own_call = true);
        self.end_offer_at(id, OfferOutcome::Busy, EndedBy::AgentState, now, out);
    }

    pub(super) fn agent_free_elsewhere(&mut self, agent: &str, now: Moment) {
        let Some(id) = self.desks.find(agent) else { return };
        self.change(id, now, |desk| desk.own_call = false);
    }

    pub(super) fn wrap_up_over(&mut self, id: DeskId, now: Moment) {
        self.end_wrap_up(id, now);
    }

    pub(super) fn rest_over(&mut self, id: DeskId, now: Moment) {
        if self.desks.get(id).is_some() {
            self.change(id, now, |desk| desk.rest_until = None);
        }
    }

    pub(super) fn log_out(&mut self, id: DeskId, now: Moment) {
        self.timers.cancel(&Deadline::WrapUp(id));
        self.change(id, now, |desk| desk.log_out(now));
    }

    /// A removed agent leaves for good; nothing of the engine's may be with them any more.
    pub(super) fn dismiss(&mut self, id: DeskId, out: &mut Vec<Action>) {
        self.timers.cancel(&Deadline::WrapUp(id));
        self.timers.cancel(&Deadline::Rest(id));
        let agent = self.desks.at(id).name.clone();
        let Some(desk) = self.desks.vacate(id, &agent) else { return };
        // Another may have the slot one day: nobody waits for whoever that is.
        for item in &desk.wanted_by {
            self.items.entry(*item).and_modify(|item| item.waits_for = None);
        }
        if desk.shown != State::Offline {
            out.push(Action::AgentState { agent, state: State::Offline });
        } else if desk.told != Standing::default() {
            out.push(Action::AgentNoted { agent });
        }
    }
}
