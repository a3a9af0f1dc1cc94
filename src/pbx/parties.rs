//! Parties join and part: a leg goes over into another call, takes the place of another leg, or leaves two others together.
//!
//! ```text
//!  call 1:  A === B1            A === C          A keeps the call; C's leg goes over into it; both of B's legs are dropped
//!  call 2:  B2 === C     -->    (ended, linked)
//! ```
//!
//! All legs of a call live on one shard: one that comes from another shard is moved first (`Export`, `Import`), and joins when it is
//! there. Whoever is gone by then is not waited for.
//!
//! Invariant: a leg belongs to one call at every moment, and a call that has lost its last party ends, with its record linked to
//! the call that took the party.

use super::call::{AttemptId, Audio, Purpose, With};
use super::dial::Taken;
use super::leg::Farewell;
use super::route::Lead;
use super::{Action, EndedBy, Outcome, Pbx, Phase, cdr};
use crate::acd::{self, ItemId};
use crate::id::{CallId, LegId};
use crate::ivr::{self, DialEnd, Visit};
use crate::media::{Command as Media, LegState, ShardId};
use crate::sip::{DialogId, Source, Status};
use crate::time::Now;
use serde::{Deserialize, Serialize};

/// The flow that the exchange's own steps are written under in the path of a call.
const EXCHANGE: &str = "exchange";

/// What becomes of a leg as soon as it is on the other call's shard.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Joining {
    pub into: CallId,
    pub how: How,
    pub shard: ShardId,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum How {
    /// It talks with the caller of that call, in the place of whoever did.
    Peer(With),
    /// It becomes the caller of that call: waits, walks the flow, or hears ringing in the place of whoever did.
    Caller,
    /// It talks with the caller of that call and whoever does.
    Third(With),
}

impl Pbx {
    /// Lets a leg go over into another call.
    pub(super) fn join(&mut self, leg: LegId, into: CallId, how: How, now: Now, out: &mut Vec<Action>) {
        self.join_all(&[(leg, how)], into, now, out);
    }

    /// Lets some legs go over together: none is the last of its call before they all are there.
    pub(super) fn join_all(&mut self, legs: &[(LegId, How)], into: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(shard) = self.calls.get(&into).map(|call| call.shard) else { return };
        for (leg, how) in legs.iter().filter(|(leg, _)| self.legs.contains_key(leg)) {
            self.joining.insert(*leg, Joining { into, how: *how, shard });
        }
        for (leg, _) in legs {
            match self.legs.get(leg).map(|it| it.shard) {
                Some(from) if from != shard => out.push(Action::Media { shard: from, command: Media::Export { leg: *leg } }),
                _ => self.arrived(*leg, now, out),
            }
        }
    }

    fn arrived(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        if let Some(joining) = self.joining.remove(&leg) {
            self.joined(leg, joining, now, out);
        }
    }

    /// The leg is off its shard. It goes to the other one whatever has happened meanwhile: its socket must be closed somewhere.
    pub(super) fn exported(&mut self, leg: LegId, state: Box<LegState>, out: &mut Vec<Action>) {
        let Some(shard) = self.joining.get(&leg).map(|joining| joining.shard) else { return };
        if let Some(it) = self.legs.get_mut(&leg) {
            it.shard = shard;
        }
        out.push(Action::Media { shard, command: Media::Import { state } });
    }

    pub(super) fn imported(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(joining) = self.joining.remove(&leg) else { return };
        // One that was dropped on the way has been told to close, and is told so where it arrives.
        if self.legs.get(&leg).is_some_and(|it| matches!(it.audio, Audio::Open { .. })) {
            return self.joined(leg, joining, now, out);
        }
        self.stranded(&joining, now, out);
        if let Some(from) = self.legs.get(&leg).map(|leg| leg.call) {
            self.end_when_left(from, now, out);
        }
    }

    /// A leg that was to go over with the caller of its call will not: when that one has, nobody is left of it.
    pub(super) fn end_when_left(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let left = self.calls.get(&id).is_some_and(|call| call.phase == Phase::Joining && !call.legs.contains(&call.caller));
        if left && !self.is_leaving(id) {
            self.finish(id, Outcome::Completed, EndedBy::Exchange, Farewell::HangUp, now, out);
        }
    }

    /// Whoever was to come will not: the one who waited for them is let go.
    pub(super) fn stranded(&mut self, joining: &Joining, now: Now, out: &mut Vec<Action>) {
        if self.calls.get(&joining.into).is_some_and(|call| call.phase == Phase::Joining) {
            self.hang_up(joining.into, Outcome::Failed, now, out);
        }
    }

    fn joined(&mut self, leg: LegId, joining: Joining, now: Now, out: &mut Vec<Action>) {
        let Joining { into, how, .. } = joining;
        let open = self.calls.get(&into).is_some_and(|call| !matches!(call.phase, Phase::Ended { .. }));
        let Some(from) = self.legs.get(&leg).map(|it| it.call) else { return };
        if !open {
            // Whom it was to meet has gone: it has nobody any more.
            return self.hang_up(from, Outcome::Completed, now, out);
        }
        if from != into {
            if !self.is_leaving(from) {
                self.link(from, into, now);
            }
            self.go_over(leg, from, into, now);
        }
        match how {
            How::Peer(with) => self.joined_as_peer(leg, into, with, now, out),
            How::Caller => self.joined_as_caller(leg, into, now, out),
            How::Third(with) => self.joined_as_third(leg, into, with, now, out),
        }
        self.end_when_empty(from, into, now, out);
    }

    /// The books follow the leg; its part in the call that it leaves stays in that call's record.
    fn go_over(&mut self, leg: LegId, from: CallId, into: CallId, now: Now) {
        let (clock, theirs) = (self.clock_of(from, now), self.clock_of(into, now));
        let Some(it) = self.legs.get_mut(&leg) else { return };
        let mut part = it.clone();
        part.end(clock.wall, "joined");
        it.call = into;
        // The same moments as the other call counts them: the machine's clock may have been set between the two.
        let counted = |wall| theirs.wall_of(clock.moment_of(wall));
        (it.started, it.answered) = (counted(it.started), it.answered.map(counted));
        if let Some(call) = self.calls.get_mut(&from) {
            call.legs.remove(&leg);
            call.gone.push(cdr::leg_record(&part, clock));
        }
        if let Some(call) = self.calls.get_mut(&into) {
            call.legs.insert(leg);
        }
    }

    fn joined_as_peer(&mut self, leg: LegId, into: CallId, with: With, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&into) else { return };
        if let Phase::Bridged { peer, .. } = call.phase {
            self.drop_leg(peer, Farewell::HangUp, now, out);
        }
        self.answer(into, now, out);
        self.bridge(into, leg, with, now, out);
    }

    fn joined_as_caller(&mut self, leg: LegId, into: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&into) else { return };
        let before = std::mem::replace(&mut call.caller, leg);
        if let Some(party) = self.legs.get(&leg).map(|leg| leg.party.clone()) {
            call.from = party;
        }
        let answered = call.clock(now).wall;
        call.answered.get_or_insert(answered);
        call.heard_early = true;
        match call.phase.clone() {
            Phase::Waiting { .. } | Phase::Parked { .. } => self.music(into, leg, out),
            Phase::Ringing { .. } => self.ringback(into, now, out),
            Phase::Bridged { peer, with } => {
                self.unbridge(into, before, out);
                self.bridge(into, peer, with, now, out);
            }
            Phase::Routing { .. } | Phase::InFlow | Phase::Told | Phase::Joining | Phase::Ended { .. } => {}
        }
        self.drop_leg(before, Farewell::HangUp, now, out);
    }

    /// The call that a party has left for another ends; what is left of it is hung up.
    fn end_when_empty(&mut self, id: CallId, other: CallId, now: Now, out: &mut Vec<Action>) {
        if id != other && !self.is_leaving(id) {
            self.finish(id, Outcome::Completed, EndedBy::Exchange, Farewell::HangUp, now, out);
        }
    }

    /// One of its legs is still on the way to another call.
    fn is_leaving(&self, id: CallId) -> bool {
        self.joining.keys().any(|leg| self.legs.get(leg).is_some_and(|leg| leg.call == id))
    }

    /// Each of the two records names the other.
    pub(super) fn link(&mut self, one: CallId, other: CallId, now: Now) {
        let reference = |id| self.calls.get(&id).map(|call| call.reference.clone());
        let (Some(a), Some(b)) = (reference(one), reference(other)) else { return };
        self.note(one, "joined", &format!("to {b}"), now);
        self.note(other, "joined", &format!("with {a}"), now);
    }

    /// A step of the exchange's own in the path of a call.
    pub(super) fn note(&mut self, id: CallId, what: &str, outcome: &str, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let at = call.clock(now).wall;
        call.path.push(Visit {
            flow: EXCHANGE.into(),
            node: what.into(),
            verb: what.into(),
            entered: at,
            left: Some(at),
            outcome: outcome.to_string(),
        });
    }

    /// The flow that a call came through has nothing more to say to it; its path stays with the call.
    pub(super) fn leave_flow(&mut self, id: CallId, now: Now) {
        // What it would have done after a hang-up is not done: nobody has hung up.
        self.tell_session(id, ivr::Event::HungUp, now);
        self.tell_session(id, ivr::Event::HungUp, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(session) = call.session.take() {
            call.language = session.language().clone();
            call.path.extend_from_slice(session.visits());
        }
        self.timers.cancel(&super::Timer::Session(id));
    }

    /// The call that rings at an extension is taken by the caller of `id`.
    pub(super) fn pick_up(&mut self, id: CallId, extension: &str, now: Now, out: &mut Vec<Action>) {
        let ringing = self.attempts.values().find(|attempt| {
            let at =
                |leg: &LegId| self.legs.get(leg).is_some_and(|leg| &*leg.party.number == extension && leg.permit.is_some());
            attempt.call != id && attempt.legs.iter().any(at)
        });
        match ringing.map(|ringing| ringing.id) {
            Some(ringing) => self.take_ringing(id, ringing, now, out),
            None => self.nobody(id, now, out),
        }
    }

    /// Whether a call may take the place of that session: a phone that rings, or another phone of the same extension.
    pub(super) fn replaceable(&self, source: &Source, other: DialogId) -> Result<Lead, Status> {
        let leg = self.dialogs.get(&other).and_then(|leg| self.legs.get(leg)).ok_or(Status(481))?;
        let own = matches!(source, Source::Extension(_)) && leg.peer == *source;
        let rings = matches!(source, Source::Extension(_)) && leg.attempt.is_some() && leg.answered.is_none();
        if own || rings { Ok(Lead::PlaceOf(leg.id)) } else { Err(Status(403)) }
    }

    /// The caller of `id` takes the place of a leg: answers for a phone that rings, or goes on at another phone.
    pub(super) fn take_place(&mut self, id: CallId, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.legs.get(&leg).filter(|it| it.session_open) else { return self.nobody(id, now, out) };
        if let Some(attempt) = it.attempt {
            return self.take_ringing(id, attempt, now, out);
        }
        let into = it.call;
        let Some((own, call)) = self.calls.get(&id).map(|call| call.caller).zip(self.calls.get(&into)) else { return };
        let how = match call.phase {
            _ if call.caller == leg => How::Caller,
            Phase::Bridged { peer, with } if peer == leg => How::Peer(with),
            _ => return self.nobody(id, now, out),
        };
        self.answer(id, now, out);
        self.join(own, into, how, now, out);
    }

    /// The caller of `id` takes the call that rings by this attempt.
    fn take_ringing(&mut self, id: CallId, ringing: AttemptId, now: Now, out: &mut Vec<Action>) {
        let Some(ringing) = self.attempts.get(&ringing).cloned() else { return self.nobody(id, now, out) };
        let Some(leg) = self.calls.get(&id).map(|call| call.caller) else { return };
        self.answer(id, now, out);
        let item = match ringing.purpose {
            Purpose::Offer { item, .. } => Some(item),
            Purpose::Dial | Purpose::Transfer | Purpose::Overflow | Purpose::Referred => None,
        };
        if item.is_none() {
            self.end_attempt(ringing.id, Taken::Elsewhere, now, out);
            if let Some(call) = self.calls.get_mut(&ringing.call) {
                call.phase = Phase::Joining;
            }
            self.picked(ringing.call, ringing.purpose, now, out);
        }
        self.join(leg, ringing.call, How::Peer(With::Party), now, out);
        if let Some(item) = item {
            self.left_for_another(ringing.call, item, now);
        }
    }

    /// Whoever had sent the caller on, a flow or a person, has nothing more to wait for.
    fn picked(&mut self, call: CallId, purpose: Purpose, now: Now, out: &mut Vec<Action>) {
        match purpose {
            Purpose::Referred => self.transfer_done(call, now, out),
            _ => self.given_away(call, purpose, now),
        }
    }

    /// Somebody has the caller: a flow that had given them away has nothing more to wait for.
    pub(super) fn given_away(&mut self, call: CallId, purpose: Purpose, now: Now) {
        match purpose {
            Purpose::Transfer => self.tell_session(call, ivr::Event::Transfer(DialEnd::Answered), now),
            Purpose::Overflow => self.tell_session(call, ivr::Event::Queue(ivr::QueueEnd::GivenAway), now),
            Purpose::Offer { .. } | Purpose::Dial | Purpose::Referred => {}
        }
    }

    /// Somebody has the caller whom the queue engine has not chosen.
    fn left_for_another(&mut self, call: CallId, item: ItemId, now: Now) {
        if let Some(call) = self.calls.get_mut(&call)
            && matches!(call.phase, Phase::Waiting { .. })
        {
            call.phase = Phase::Joining;
        }
        self.tell_acd(acd::Event::Leave { item, why: acd::Leaving::AnsweredElsewhere }, now);
    }
}
