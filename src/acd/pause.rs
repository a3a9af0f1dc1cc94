//! Pauses: reasons with rules, wishes that a supervisor answers, breaks that a supervisor orders.
//!
//! | who | may |
//! |---|---|
//! | the agent | pause for a declared reason within its quota, while its condition holds, or ask a supervisor first where the rule says so; resume, unless sent away |
//! | the supervisor | agree or not; send anybody away for any reason; call anybody back |
//! | the engine | pause after [`super::Queue::max_no_answer`] silences |
//!
//! A quota is judged as a pause begins; one that outlasts it is shown, and not cut short: a call to an empty chair helps nobody.
//! Invariant: a wish is answered once: agreed to, refused, or taken back.

use super::desk::Pause;
use super::lease::EndedBy;
use super::roster::DeskId;
use super::words::{Action, OfferOutcome, PauseRefusal};
use super::{Acd, Deadline, PauseRule};
use crate::id::Name;
use crate::time::Moment;

impl Acd {
    /// The agent's own wish.
    pub(super) fn agent_pause(&mut self, agent: Name, reason: Name, now: Moment, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(&agent) else { return };
        if self.desks.at(id).pause.as_ref().is_some_and(|pause| pause.reason == reason && !pause.forced) {
            // As it is already.
            return;
        }
        if let Err(why) = self.may_pause(id, &reason, now) {
            out.push(Action::PauseRefused { agent, reason, why });
        } else if self.rule_of(&reason).is_some_and(|rule| rule.approval) {
            let wish = self.desks.at_mut(id).wish.replace(reason.clone());
            self.changed.push(id);
            if wish.as_ref() != Some(&reason) {
                out.push(Action::PauseAsked { agent, reason });
            }
        } else {
            self.begin_pause(id, reason, false, now, out);
        }
    }

    fn rule_of(&self, reason: &str) -> Option<&PauseRule> {
        self.settings.pauses.get(reason)
    }

    fn may_pause(&mut self, id: DeskId, reason: &str, now: Moment) -> Result<(), PauseRefusal> {
        let settings = self.settings.clone();
        let desk = self.desks.at(id);
        if desk.pause.as_ref().is_some_and(|pause| pause.forced) {
            return Err(PauseRefusal::Forced);
        }
        let Some(rule) = settings.pauses.get(reason) else {
            return if settings.pauses.is_empty() { Ok(()) } else { Err(PauseRefusal::NoSuchReason) };
        };
        if let Some(quota) = rule.quota.filter(|quota| desk.paused_for(reason, now) >= *quota) {
            return Err(PauseRefusal::QuotaUsed(quota));
        }
        let unless = |condition: &&super::Condition| {
            !condition.holds(|queue, measure| {
                let line = self.lines.find(queue?)?;
                self.measure(line, None, measure, now)
            })
        };
        match rule.only_if.as_ref().filter(unless) {
            Some(condition) => Err(PauseRefusal::Unless(condition.to_string())),
            None => Ok(()),
        }
    }

    fn begin_pause(&mut self, id: DeskId, reason: Name, forced: bool, now: Moment, out: &mut Vec<Action>) {
        self.change(id, now, |desk| {
            desk.end_pause(now);
            desk.wish = None;
            desk.pause = Some(Pause { reason, forced, since: now });
        });
        self.end_offer_at(id, OfferOutcome::Cancelled, EndedBy::AgentState, now, out);
    }

    /// Who says that they are here again is asked at once, whatever their phone did before.
    pub(super) fn agent_resume(&mut self, agent: Name, now: Moment, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(&agent) else { return };
        self.desks.at_mut(id).wish = None;
        self.changed.push(id);
        match &self.desks.at(id).pause {
            Some(pause) if pause.forced => {
                let reason = pause.reason.clone();
                out.push(Action::PauseRefused { agent, reason, why: PauseRefusal::Forced });
            }
            _ => self.release_agent(&agent, now),
        }
    }

    pub(super) fn release_agent(&mut self, agent: &str, now: Moment) {
        let Some(id) = self.desks.find(agent) else { return };
        if self.desks.at(id).pause.is_none() {
            return;
        }
        self.timers.cancel(&Deadline::Rest(id));
        self.change(id, now, |desk| {
            desk.end_pause(now);
            desk.no_answers = 0;
            desk.rest_until = None;
        });
    }

    pub(super) fn judge_pause(&mut self, agent: Name, approved: bool, now: Moment, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(&agent) else { return };
        let Some(reason) = self.desks.at_mut(id).wish.take() else { return };
        self.changed.push(id);
        if approved {
            self.begin_pause(id, reason, false, now, out);
        } else {
            out.push(Action::PauseRefused { agent, reason, why: PauseRefusal::Denied });
        }
    }

    pub(super) fn force_pause(&mut self, agent: &str, reason: Name, now: Moment, out: &mut Vec<Action>) {
        if let Some(id) = self.desks.find(agent) {
            self.begin_pause(id, reason, true, now, out);
        }
    }
}
