//! REFER, handled by us and never passed through: whoever refers is told of the progress, and is let go when it is done.
//!
//! | what is asked | what happens |
//! |---|---|
//! | blind, to a phone or outside | the other hears ringing; answered: the referrer is let go; else the two are together again |
//! | blind, to a flow or a queue | the other goes there, with the place of a caller who came as early as they did |
//! | blind, to a parking slot or the code for parking | the other waits there for whoever fetches them |
//! | either, by one of three who talk | refused (603): it is not clear whom they mean |
//! | attended (Replaces) | the parties of the referrer's two calls are joined, whatever the second one does: talk, ring, wait |
//!
//! Whoever is left alone because the referrer hung up meanwhile, and the transfer failed, is sent back to the referrer's phones once.
//!
//! Invariant: an accepted REFER gets exactly one last word.

use super::call::{AttemptId, Kept, Purpose, With};
use super::dial::{RING, Summons};
use super::leg::Farewell;
use super::on_sip::shortened;
use super::parties::How;
use super::policy::{Errand, Payer, Wanted, Way};
use super::route::{self, Lead};
use super::{Action, Outcome, Pbx, Phase, Timer};
use crate::config::{Code, Destination};
use crate::id::{CallId, LegId};
use crate::media::Command as Media;
use crate::sip::{Command, DialogId, Diverted, Referral, ReferralId, Source, Status};
use crate::store::queueing::TalkEnd;
use crate::time::{Duration, Now};
use serde::{Deserialize, Serialize};

/// How long a referrer has to hang up by itself.
const LET_GO: Duration = Duration::from_millis(500);

/// A transfer that is going on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    pub by: LegId,
    /// Whose phones are rung again when all else fails.
    pub back_to: Source,
    pub referral: ReferralId,
    /// What the two had with each other: they have it again when the transfer fails.
    pub with: With,
    /// The referrer has been told that it rings.
    pub rings: bool,
}

impl Pbx {
    /// A peer asks us to bring it, or whom it talks with, together with somebody else.
    pub(super) fn refer(&mut self, dialog: DialogId, referral: ReferralId, asked: &Referral, now: Now, out: &mut Vec<Action>) {
        let done = match (self.call_of(dialog), self.dialogs.get(&dialog).copied()) {
            (Some(call), Some(by)) => match asked.replaces {
                Some(other) => self.attended(call, by, other, referral, now, out),
                None => self.blind(call, by, asked, referral, now, out),
            },
            _ => Err(Status(481)),
        };
        if let Err(status) = done {
            tracing::info!(status = status.0, to = %shortened(&asked.dialled), "a transfer is refused");
            self.command_sip(Command::RefuseReferral { referral, status }, now);
        }
    }

    /// The one whom `by` talks with, and how; nobody where three talk.
    pub(super) fn other_of(&self, call: CallId, by: LegId) -> Option<(LegId, With)> {
        let call = self.calls.get(&call).filter(|call| call.third.is_none())?;
        match call.phase {
            Phase::Bridged { peer, with } if by == peer => Some((call.caller, with)),
            Phase::Bridged { peer, with } if by == call.caller => Some((peer, with)),
            _ => None,
        }
    }

    /// The one whom `by` may send on. A customer may not send an agent away; a person may send on whom they have called.
    fn sent_by(&self, id: CallId, by: LegId) -> Result<(LegId, With), Status> {
        let customer = self.calls.get(&id).is_some_and(|call| call.caller == by);
        let other = self.other_of(id, by).filter(|(_, with)| !customer || *with == With::Party);
        other.ok_or(Status(603))
    }

    fn blind(
        &mut self,
        id: CallId,
        by: LegId,
        asked: &Referral,
        referral: ReferralId,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Result<(), Status> {
        let (other, with) = self.sent_by(id, by)?;
        let source = self.legs.get(&by).map(|leg| leg.peer.clone()).ok_or(Status(481))?;
        let lead = route::route(&self.config, &source, &asked.dialled)?;
        let slot = self.slot_for(&lead)?;
        let errand = self.errand_of(by, &source);
        let wanted = wanted(&lead);
        if let Some(wanted) = &wanted {
            let plan = self.policy.plan(&self.config, wanted, &errand, now, &mut self.rng);
            plan.map_err(|refusal| {
                self.refused(id, wanted.words(), &errand, refusal);
                refusal.status()
            })?;
        }
        self.command_sip(Command::AcceptReferral { referral }, now);
        self.note(id, "transfer", &shortened(&asked.dialled), now);
        self.let_alone(id, other, now, out);
        let transfer = Transfer { by, back_to: source, referral, with, rings: false };
        match (wanted, slot, lead) {
            (Some(wanted), _, _) => self.ring_for(id, transfer, &wanted, errand, now, out),
            (_, Some(slot), _) => {
                self.transferred(id, transfer, now, out);
                self.park(id, slot, by, now, out);
            }
            (_, _, Lead::To(destination)) => {
                self.done_with(&transfer, now, out);
                match (destination, transfer.with) {
                    (Destination::Queue(queue), With::Agent { item }) => {
                        self.meanwhile(id);
                        self.goes_elsewhere(id, now);
                        self.enqueue_after(id, queue, Some(item), now, out);
                    }
                    (destination, with) => {
                        self.served(id, with, now);
                        self.goes_elsewhere(id, now);
                        self.lead(id, destination, now, out);
                    }
                }
            }
            // Refused above.
            _ => self.back_together(id, transfer, Status(480), now, out),
        }
        Ok(())
    }

    /// The number that was named, at the cost of whoever refers.
    fn errand_of(&self, by: LegId, source: &Source) -> Errand {
        let (payer, number) = match source {
            Source::Extension(extension) => (Payer::Extension(extension.clone()), extension.to_string()),
            Source::Trunk(trunk) => {
                let number = self.legs.get(&by).map(|leg| leg.party.number.clone()).unwrap_or_default();
                (Payer::Trunk(trunk.clone()), number)
            }
        };
        let fresh = Errand::new(payer.clone(), Way::Refer);
        fresh.onward(payer, Way::Refer, &format!("{number} (transfer)"), Diverted::Otherwise)
    }

    /// The free slot that is meant, where one is.
    fn slot_for(&self, lead: &Lead) -> Result<Option<u32>, Status> {
        match lead {
            Lead::Slot(slot) if self.parked.contains_key(slot) => Err(Status(486)),
            Lead::Slot(slot) => Ok(Some(*slot)),
            Lead::Code(Code::Park, _) => self.free_slot().map(Some).ok_or(Status(486)),
            Lead::Code(..) | Lead::PlaceOf(_) => Err(Status(603)),
            Lead::To(_) | Lead::Outside(_) => Ok(None),
        }
    }

    /// The one who stays is the caller from now on, and hears nobody for the moment.
    pub(super) fn let_alone(&mut self, id: CallId, other: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        out.push(Action::Media { shard: call.shard, command: Media::Unbridge { leg: other } });
        if call.caller != other {
            self.leave_flow(id, now);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.caller = other;
        }
    }

    fn ring_for(&mut self, id: CallId, transfer: Transfer, wanted: &Wanted, errand: Errand, now: Now, out: &mut Vec<Action>) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.transfer = Some(transfer);
        }
        let summons = Summons { wanted: wanted.clone(), errand, ring: RING };
        match self.attempt(id, Purpose::Referred, &summons, now, out) {
            Ok(attempt) => self.rings_for(id, attempt, now, out),
            Err(failure) => {
                self.transfer_failed(id, failure.why.status, now, out);
            }
        }
    }

    fn rings_for(&mut self, id: CallId, attempt: AttemptId, now: Now, out: &mut Vec<Action>) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.phase = Phase::Ringing { attempt };
        }
        self.ringback(id, now, out);
    }

    /// A phone rings for whom they were sent: the referrer is told, once.
    pub(super) fn transfer_rings(&mut self, id: CallId, now: Now) {
        let Some(transfer) = self.calls.get_mut(&id).and_then(|call| call.transfer.as_mut()) else { return };
        if !std::mem::replace(&mut transfer.rings, true) {
            let referral = transfer.referral;
            self.command_sip(Command::ReportReferral { referral, status: Status(180) }, now);
        }
    }

    /// Somebody has taken whom they were sent.
    pub(super) fn referred(&mut self, id: CallId, leg: LegId, now: Now, out: &mut Vec<Action>) {
        self.transfer_done(id, now, out);
        self.bridge(id, leg, With::Party, now, out);
    }

    pub(super) fn transfer_done(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(transfer) = self.calls.get_mut(&id).and_then(|call| call.transfer.take()) else { return };
        self.transferred(id, transfer, now, out);
        self.leave_flow(id, now);
    }

    /// The referrer hears that it is done, and is let go.
    fn transferred(&mut self, id: CallId, transfer: Transfer, now: Now, out: &mut Vec<Action>) {
        self.done_with(&transfer, now, out);
        self.served(id, transfer.with, now);
    }

    fn done_with(&mut self, transfer: &Transfer, now: Now, out: &mut Vec<Action>) {
        self.command_sip(Command::ReportReferral { referral: transfer.referral, status: Status(200) }, now);
        self.let_go(transfer.by, now, out);
    }

    /// A referrer hangs up by itself when it hears that it is done; one that does not is hung up on, a moment after the NOTIFY.
    fn let_go(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        if self.legs.get(&leg).is_some_and(|leg| leg.session_open) {
            self.timers.set(Timer::LetGo(leg), now.mono + LET_GO);
        } else {
            self.drop_leg(leg, Farewell::HangUp, now, out);
        }
    }

    /// The agent who has sent a caller on is done with them.
    fn served(&mut self, id: CallId, with: With, now: Now) {
        if let Some(call) = self.calls.get_mut(&id)
            && matches!((&call.phase, with), (Phase::Bridged { .. }, With::Agent { .. }))
        {
            call.phase = Phase::Joining;
        }
        self.item_over(with, Some(TalkEnd::BlindTransfer), now);
    }

    /// Nobody has: the two are together again, or, where the referrer has gone, the one who stayed is sent back.
    pub(super) fn transfer_failed(&mut self, id: CallId, status: Status, now: Now, out: &mut Vec<Action>) {
        let Some(transfer) = self.calls.get_mut(&id).and_then(|call| call.transfer.take()) else { return };
        if self.legs.get(&transfer.by).is_some_and(|leg| leg.session_open) {
            return self.back_together(id, transfer, status, now, out);
        }
        self.command_sip(Command::ReportReferral { referral: transfer.referral, status }, now);
        self.served(id, transfer.with, now);
        match transfer.back_to {
            Source::Extension(extension) => {
                tracing::info!(%extension, "a transfer failed; the caller is sent back");
                self.leave_flow(id, now);
                self.ring(id, &Wanted::Extension(extension), now, out);
            }
            Source::Trunk(_) => self.hang_up(id, Outcome::Completed, now, out),
        }
    }

    fn back_together(&mut self, id: CallId, transfer: Transfer, status: Status, now: Now, out: &mut Vec<Action>) {
        self.command_sip(Command::ReportReferral { referral: transfer.referral, status }, now);
        self.bridge(id, transfer.by, transfer.with, now, out);
    }

    /// The referrer hung up before it was done; it goes on without them.
    pub(super) fn referrer_left(&mut self, id: CallId, leg: LegId, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(transfer) = call.transfer.as_mut().filter(|transfer| transfer.by == leg) else { return };
        let with = std::mem::replace(&mut transfer.with, With::Party);
        self.served(id, with, now);
    }

    /// The caller is gone, or the call is ended: nothing is left to transfer.
    pub(super) fn abandon_transfer(&mut self, id: CallId, now: Now) {
        let Some(transfer) = self.calls.get_mut(&id).and_then(|call| call.transfer.take()) else { return };
        self.command_sip(Command::ReportReferral { referral: transfer.referral, status: Status(487) }, now);
        self.served(id, transfer.with, now);
    }

    /// The referrer brings the other party of this call together with that of another call of theirs.
    fn attended(
        &mut self,
        id: CallId,
        by: LegId,
        replaced: DialogId,
        referral: ReferralId,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Result<(), Status> {
        let (other, with) = self.sent_by(id, by)?;
        let second = self.dialogs.get(&replaced).copied().ok_or(Status(481))?;
        let same = |leg: &LegId| self.legs.get(leg).map(|leg| leg.peer.clone());
        let into = self.legs.get(&second).map(|leg| leg.call).ok_or(Status(481))?;
        // Nobody ends a call that is not theirs.
        if same(&by) != same(&second) || into == id {
            return Err(Status(603));
        }
        let call = self.calls.get(&into).ok_or(Status(481))?;
        let waits = second == call.caller;
        let phase = call.phase.clone();
        match phase {
            Phase::Bridged { .. } => {
                let (third, theirs) = self.other_of(into, second).ok_or(Status(603))?;
                self.accepted(id, referral, now);
                self.let_alone(id, other, now, out);
                self.let_alone(into, third, now, out);
                self.let_go(by, now, out);
                self.drop_leg(second, Farewell::HangUp, now, out);
                self.meanwhile(id);
                self.meanwhile(into);
                self.item_over(with, Some(TalkEnd::AttendedTransfer), now);
                self.leave_flow(id, now);
                self.hand_over(theirs, id);
                self.join(third, id, How::Peer(theirs), now, out);
                Ok(())
            }
            Phase::Ringing { .. } | Phase::Waiting { .. } | Phase::InFlow | Phase::Parked { .. } if waits => {
                self.accepted(id, referral, now);
                self.let_alone(id, other, now, out);
                self.let_go(by, now, out);
                self.meanwhile(id);
                self.item_over(with, Some(TalkEnd::AttendedTransfer), now);
                self.join(other, into, How::Caller, now, out);
                Ok(())
            }
            _ => Err(Status(603)),
        }
    }

    fn accepted(&mut self, id: CallId, referral: ReferralId, now: Now) {
        self.command_sip(Command::AcceptReferral { referral }, now);
        self.command_sip(Command::ReportReferral { referral, status: Status(200) }, now);
        self.note(id, "transfer", "attended", now);
    }

    /// Nobody is talked with until the other party is there.
    pub(super) fn meanwhile(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.phase = Phase::Joining;
        }
    }

    /// What the queue engine knows of an agent's talk is of this call now.
    pub(super) fn hand_over(&mut self, with: With, to: CallId) {
        if let With::Agent { item } = with {
            self.items.insert(item, to);
        }
    }

    /// Out of the flow that they walked. Whoever is sent on keeps the place that their first queue gave them.
    fn goes_elsewhere(&mut self, id: CallId, now: Now) {
        self.leave_flow(id, now);
        if let Some(call) = self.calls.get_mut(&id) {
            call.wish.place = call.queued_since.map(|arrival| Kept { queue: None, arrival });
        }
    }
}

/// What rings; `None` for what takes a caller by itself.
fn wanted(lead: &Lead) -> Option<Wanted> {
    match lead {
        Lead::To(Destination::Extension(extension)) => Some(Wanted::Extension(extension.clone())),
        Lead::To(Destination::Group(group)) => Some(Wanted::Group(group.clone())),
        Lead::To(Destination::Trunk { trunk, user, open }) => {
            Some(Wanted::Line { trunk: trunk.clone(), user: user.clone(), open: *open })
        }
        Lead::Outside(number) => Some(Wanted::Number(number.clone())),
        Lead::To(Destination::Flow(_) | Destination::Queue(_)) | Lead::Code(..) | Lead::Slot(_) | Lead::PlaceOf(_) => None,
    }
}
