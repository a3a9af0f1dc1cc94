//! Offers are leases: an id, a deadline and one outcome. Expiry frees both sides, so nobody can be stuck with one.
//!
//! | the offer ends by | outcome | ringing must be stopped | the agent then |
//! |---|---|---|---|
//! | the agent's answer | answered | no | is on the call |
//! | its deadline | no_answer | yes | rests, or is paused at `max_no_answer` |
//! | the phone's refusal | busy, rejected, unreachable, lost_race, cancelled | no | rests |
//! | another's answer (`ring_all`, a pick-up) | lost_race | yes | rests as configured, mostly not at all |
//! | the caller's leaving | caller_gone | yes | rests as configured, mostly not at all |
//! | removal of the queue, a move, our end of the call | cancelled | yes | rests as configured, mostly not at all |
//! | pause, logout, own call, vanished phone | cancelled, busy, unreachable | yes | needs no rest: that state keeps calls away |
//!
//! Invariant: a lease leaves the table in `end_lease` or `answered`, nowhere else, with its one outcome.

use super::desk::{Duty, Pause};
use super::line::{Lease, Stage};
use super::roster::DeskId;
use super::settings::MIN_BACK_OFF;
use super::words::{Action, NO_ANSWER_PAUSE, OfferId, OfferOutcome, Refusal};
use super::{Acd, Deadline};
use crate::time::{Duration, Moment};

/// Who ended it: that decides about stopping the phone and about rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// Silence until the deadline: the phone still rings.
    Deadline,
    /// The phone itself: it rings no more.
    Phone,
    /// Something else than the agent.
    Engine,
    /// A state of the agent that keeps calls away by itself.
    AgentState,
}

impl Acd {
    /// The first answer wins; the phones that rang beside it lose the race in the same step.
    pub(super) fn answered(&mut self, offer: OfferId, now: Moment, out: &mut Vec<Action>) {
        let Some(lease) = self.forget_lease(offer) else { return };
        self.end_waiting(lease.item);
        let item = self.items.get_mut(&lease.item).expect("a lease has its item");
        let (line_id, waited, predicted) = (item.line, item.waited(now), item.told.predicted);
        let stage = std::mem::replace(&mut item.stage, Stage::Connected { desk: lease.desk, since: now });
        let is_first = item.answered.is_none();
        item.answered.get_or_insert(now);
        let line = self.lines.at_mut(line_id);
        let queue = line.name.clone();
        if is_first {
            line.estimate.answered(waited, line.settings.service_level, now);
            if let Some(predicted) = predicted {
                line.estimate.judge(predicted, waited);
            }
        }
        self.stir(line_id);
        self.change(lease.desk, now, |desk| {
            desk.duty = Duty::OnCall(lease.item);
            desk.no_answers = 0;
            desk.last_item = Some((lease.item, line_id));
        });
        let agent = self.desks.at(lease.desk).name.clone();
        if let Some(contact) = self.items.get(&lease.item).and_then(|item| item.contact.clone()) {
            self.history.note(&contact, now, |contact| {
                contact.talked.insert(queue.clone(), now);
                contact.last_agent = Some(agent.clone());
            });
        }
        let item = lease.item;
        let rang = now.since(lease.made);
        out.push(Action::Connect { offer, item, queue: queue.clone(), agent: agent.clone(), waited, rang, predicted });
        out.push(Action::OfferEnded { offer, item, queue, agent, outcome: OfferOutcome::Answered, rang });
        if let Stage::Waiting { offers } = stage {
            for other in offers.into_iter().filter(|other| *other != offer) {
                self.end_lease(other, OfferOutcome::LostRace, EndedBy::Engine, now, out);
            }
        }
    }

    pub(super) fn refused(&mut self, offer: OfferId, why: Refusal, now: Moment, out: &mut Vec<Action>) {
        self.end_lease(offer, why.into(), EndedBy::Phone, now, out);
    }

    pub(super) fn expired(&mut self, offer: OfferId, now: Moment, out: &mut Vec<Action>) {
        self.end_lease(offer, OfferOutcome::NoAnswer, EndedBy::Deadline, now, out);
    }

    /// Ends the offer that rings at this agent, if one does.
    pub(super) fn end_offer_at(
        &mut self,
        desk: DeskId,
        outcome: OfferOutcome,
        by: EndedBy,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        if let Duty::Offered(offer) = self.desks.at(desk).duty {
            self.end_lease(offer, outcome, by, now, out);
        }
    }

    /// Ends an offer without an answer. The item waits on at its key, the agent rests or is free.
    pub(super) fn end_lease(&mut self, offer: OfferId, outcome: OfferOutcome, by: EndedBy, now: Moment, out: &mut Vec<Action>) {
        let Some(lease) = self.forget_lease(offer) else { return };
        if by != EndedBy::Phone {
            out.push(Action::Withdraw { offer, outcome });
        }
        let (agent, rang) = (self.desks.at(lease.desk).name.clone(), now.since(lease.made));
        let queue = self.lines.at(lease.line).name.clone();
        out.push(Action::OfferEnded { offer, item: lease.item, queue, agent, outcome, rang });
        // The item first: it keeps its place against whatever the agent could take next.
        if let Some(Stage::Waiting { offers }) = self.items.get_mut(&lease.item).map(|item| &mut item.stage) {
            offers.retain(|one| *one != offer);
            self.list_item(lease.item);
        }
        let queue = &self.lines.at(lease.line).settings;
        let (mut rest, max_no_answer) = (queue.back_off.after(outcome), queue.max_no_answer);
        match by {
            EndedBy::Deadline | EndedBy::Phone => rest = rest.max(MIN_BACK_OFF),
            EndedBy::Engine => {}
            EndedBy::AgentState => rest = Duration::ZERO,
        }
        self.release(lease.desk, outcome, rest, max_no_answer, now);
    }

    /// The agent after an offer that came to nothing. *Idle* counts from here, so that a phone that nobody picks up does not
    /// stay first for ever.
    fn release(&mut self, id: DeskId, outcome: OfferOutcome, rest: Duration, max_no_answer: u32, now: Moment) {
        let until = (!rest.is_zero()).then(|| now + rest);
        if let Some(until) = until {
            self.timers.set(Deadline::Rest(id), until);
        }
        self.change(id, now, |desk| {
            desk.duty = Duty::Idle;
            desk.idle_since = now;
            desk.rest_until = until;
            if outcome == OfferOutcome::NoAnswer {
                desk.no_answers += 1;
                if max_no_answer > 0 && desk.no_answers >= max_no_answer {
                    desk.pause.get_or_insert_with(|| Pause { reason: NO_ANSWER_PAUSE.into(), forced: false, since: now });
                }
            }
        });
    }

    fn forget_lease(&mut self, offer: OfferId) -> Option<Lease> {
        self.timers.cancel(&Deadline::Offer(offer));
        self.offers.remove(&offer)
    }
}
