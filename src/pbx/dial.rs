//! Making phones ring: attempts, their stages, and the phones of a stage. What is heard meanwhile is in `ringing`, who has won in
//! `answered`, what comes after those who do not answer in `unanswered`.
//!
//! ```text
//! attempt -> plan -> stage: a permit and a leg per phone -> audio opened -> INVITE ... Accepted: won -> the others are cancelled
//!                      ^                                                           ... Ended: one fewer; of the last one
//!                      +---- the next stage, a redirection, a forward <---------------+ else failed, with the best reason
//! ```
//!
//! Invariant: an attempt ends exactly once: won, failed, or withdrawn; a leg that answers afterwards is hung up.

use super::call::{Attempt, AttemptId, Audio, Leg, Purpose, Role, Target};
use super::leg::Farewell;
use super::on_sip::shortened;
use super::policy::{Errand, Goal, Refusal, Stage, Wanted};
use super::targets::MAX_TARGETS;
use super::three_way::Typed;
use super::unanswered::Unanswered;
use super::{Action, Pbx, Phase, Timer};
use crate::config::Destination;
use crate::id::{CallId, LegId};
use crate::ivr::{self, DialEnd};
use crate::media::{Command as Media, Statistics};
use crate::sip::Command;
use crate::time::{Duration, Now};
use std::collections::BTreeSet;

/// How long an extension rings when nobody says how long.
pub const RING: Duration = Duration::from_secs(60);

/// Who is to be rung, on whose behalf, for how long at most.
pub struct Summons {
    pub wanted: Wanted,
    pub errand: Errand,
    pub ring: Duration,
}

/// Who has the call for which phones ring no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    ByNobody,
    By(LegId),
    /// Somebody for whom these phones did not ring.
    Elsewhere,
}

/// Why nothing rings.
pub struct Failure {
    pub why: Unanswered,
    /// A flow or a queue takes the caller instead.
    pub instead: Option<Destination>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure { why: refusal.into(), instead: None }
    }
}

impl From<DialEnd> for Failure {
    fn from(why: DialEnd) -> Failure {
        Failure { why: why.into(), instead: None }
    }
}

impl Pbx {
    /// What a flow, or a caller who dialled, asked to ring.
    pub(super) fn dial(&mut self, call: CallId, purpose: Purpose, summons: &Summons, now: Now, out: &mut Vec<Action>) {
        match self.attempt(call, purpose, summons, now, out) {
            Ok(attempt) => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.phase = Phase::Ringing { attempt };
                }
            }
            Err(Failure { instead: Some(destination), .. }) => self.lead(call, destination, now, out),
            Err(failure) => self.dial_ended(call, purpose, failure.why, now, out),
        }
    }

    /// Lets phones ring for the call, as far as they may. `Err` when there is none that could.
    pub(super) fn attempt(
        &mut self,
        call: CallId,
        purpose: Purpose,
        summons: &Summons,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Result<AttemptId, Failure> {
        let Summons { wanted, errand, ring } = summons;
        let ring = *ring;
        let then = match self.policy.plan(&self.config, wanted, errand, now, &mut self.rng) {
            Ok(stages) => stages,
            Err(refusal) => {
                self.refused(call, wanted.words(), errand, refusal);
                return Err(refusal.into());
            }
        };
        self.next.attempt += 1;
        let id = AttemptId(self.next.attempt);
        let attempt = Attempt {
            id,
            call,
            purpose,
            legs: BTreeSet::new(),
            ring,
            rings: false,
            refusal: None,
            then,
            stage: Stage::default(),
        };
        self.attempts.insert(id, attempt);
        let Err(failure) = self.go_on(id, now, out) else { return Ok(id) };
        self.attempts.remove(&id);
        Err(failure)
    }

    /// The next stage rings, or, after the last one, where the callee sends their callers.
    pub(super) fn go_on(&mut self, id: AttemptId, now: Now, out: &mut Vec<Action>) -> Result<(), Failure> {
        let Err(failure) = self.next_stage(id, now, out) else { return Ok(()) };
        if let Some(it) = self.attempts.get_mut(&id) {
            it.refusal.get_or_insert(failure.why);
        }
        if failure.instead.is_some() || !self.forward_on(id, now) {
            return Err(failure);
        }
        // Why nobody answered was known before.
        self.next_stage(id, now, out).map_err(|last| Failure { instead: last.instead, ..failure })
    }

    /// The log, and the count that an administrator sees.
    pub(super) fn refused(&mut self, call: CallId, to: &str, errand: &Errand, refusal: Refusal) {
        let reference = self.calls.get(&call).map(|call| call.reference.as_str()).unwrap_or_default();
        let to = shortened(to);
        if refusal.is_alarming() {
            self.totals.not_permitted += 1;
            tracing::warn!(call = %reference, %to, payer = ?errand.payer, way = ?errand.way, %refusal, "not called");
        } else {
            tracing::info!(call = %reference, %to, payer = ?errand.payer, %refusal, "not called");
        }
    }

    /// The next phones of the attempt that can ring at all do.
    fn next_stage(&mut self, id: AttemptId, now: Now, out: &mut Vec<Action>) -> Result<(), Failure> {
        let mut failure = DialEnd::Unavailable.into();
        while let Some(it) = self.attempts.get_mut(&id) {
            let Some(mut stage) = it.then.pop_front() else { break };
            if let Some(taker) = stage.taker.take() {
                return Err(Failure { instead: Some(taker), ..failure });
            }
            it.stage = stage.clone();
            let (call, purpose, longest) = (it.call, it.purpose, it.ring);
            failure = self.ring_stage(id, call, purpose, &stage, now, out);
            if self.attempts.get(&id).is_some_and(|attempt| !attempt.legs.is_empty()) {
                let forward = stage.forward.as_ref().and_then(|it| self.policy.forward_of(&self.config, it));
                let patience = forward.filter(|forward| forward.no_answer.is_some()).map(|forward| forward.after);
                // An offer's deadline is the queue engine's.
                if !matches!(purpose, Purpose::Offer { .. }) {
                    self.timers.set(Timer::Ring(id), now.mono + stage.ring.or(patience).unwrap_or(longest).min(longest));
                }
                return Ok(());
            }
        }
        Err(failure)
    }

    /// Lets every phone of the stage ring that may. Returns why others did not.
    fn ring_stage(
        &mut self,
        id: AttemptId,
        call: CallId,
        purpose: Purpose,
        stage: &Stage,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Failure {
        let role = if matches!(purpose, Purpose::Offer { .. }) { Role::Agent } else { Role::Extension };
        let mut failure = DialEnd::Unavailable.into();
        let mut room = MAX_TARGETS.max(stage.goals.len());
        for goal in &stage.goals {
            match self.targets_of(goal, role, now) {
                Ok(targets) => {
                    for target in targets.into_iter().take(room) {
                        room -= 1;
                        let leg = self.new_leg(call, id, target, now);
                        if self.open_audio(leg, 0, now, out).is_err() {
                            failure = DialEnd::Failed.into();
                            self.retire_leg(leg, now, out);
                        }
                    }
                }
                Err(refusal) => {
                    self.refused(call, goal.words(), goal.errand(), refusal);
                    failure = refusal.into();
                }
            }
        }
        failure
    }

    /// Where a goal's phones are, each permitted by itself.
    fn targets_of(&mut self, goal: &Goal, role: Role, now: Now) -> Result<Vec<Target>, Refusal> {
        let permit = self.policy.permit(&self.config, goal, now)?;
        let targets = self.targets(&permit, role);
        if targets.is_empty() {
            self.policy.release(&permit, Duration::ZERO, now);
        }
        Ok(targets)
    }

    fn new_leg(&mut self, call: CallId, attempt: AttemptId, target: Target, now: Now) -> LegId {
        self.next.leg += 1;
        let id = LegId(self.next.leg);
        let shard = self.calls.get(&call).map(|call| call.shard).unwrap_or_default();
        let bind = target.local.ip();
        let peer_host = target.path.map(|path| path.remote.ip()).or_else(|| target.uri.ip()).unwrap_or(bind);
        let leg = Leg {
            id,
            call,
            role: target.role,
            peer: target.peer.clone(),
            shard,
            dialog: self.endpoint.reserve(),
            session_open: false,
            party: target.party.clone(),
            carrier: target.permit.trunk().cloned(),
            sip_call_id: String::new(),
            peer_host,
            permit: Some(Box::new(target.permit.clone())),
            confirming: false,
            target: Some(Box::new(target)),
            attempt: Some(attempt),
            audio: Audio::Closed { statistics: Statistics::default() },
            bind,
            advertised: self.config.sip.told.ip(bind, peer_host),
            offer: None,
            local: None,
            version: 1,
            agreed: None,
            silent: false,
            spoke: false,
            typed: Typed::default(),
            ssrc: self.rng.u32(),
            first_sequence: u16::try_from(self.rng.below(1 << 15)).unwrap_or(0),
            first_timestamp: self.rng.u32(),
            started: self.clock_of(call, now).wall,
            answered: None,
            ended: None,
        };
        self.dialogs.insert(leg.dialog, id);
        self.legs.insert(id, Box::new(leg));
        if let Some(call) = self.calls.get_mut(&call) {
            call.legs.insert(id);
        }
        if let Some(attempt) = self.attempts.get_mut(&attempt) {
            attempt.legs.insert(id);
        }
        self.party_came(id, now);
        id
    }

    /// What the leg was counted for is counted no longer.
    pub(super) fn release_permit(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (call, answered) = (leg.call, leg.answered);
        let Some(permit) = leg.permit.take() else { return };
        let clock = self.clock_of(call, now).wall;
        let talked = answered.map_or(Duration::ZERO, |answered| clock.since(answered));
        self.timers.cancel(&Timer::Allowance(id));
        self.policy.release(&permit, talked, now);
    }

    /// The leg's port is bound: the phone is called, the caller's codec first.
    pub(super) fn call_phone(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let sdp = match self.describe(id, None) {
            Ok(sdp) => sdp,
            Err(_) => return self.drop_leg(id, Farewell::HangUp, now, out),
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(target) = leg.target.take() else { return };
        leg.session_open = true;
        let (dialog, call, attempt) = (leg.dialog, leg.call, leg.attempt);
        let Some(call) = self.calls.get(&call) else { return };
        let ring = attempt.and_then(|attempt| self.attempts.get(&attempt)).map_or(RING, |attempt| attempt.ring);
        let mut outgoing = self.outgoing(call, *target);
        outgoing.sdp = Some(sdp);
        // The attempt's own deadline comes first; this one is the net below it.
        outgoing.ring = ring + RING;
        self.command_sip(Command::Invite { dialog, call: Box::new(outgoing) }, now);
        self.touch(id);
        let sip_call_id = self.endpoint.call_id(dialog).unwrap_or_default().to_string();
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sip_call_id = sip_call_id;
        }
    }

    /// The attempt is over: those that still ring are cancelled.
    pub(super) fn end_attempt(&mut self, attempt: AttemptId, taken: Taken, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.remove(&attempt) else { return };
        self.timers.cancel(&Timer::Ring(attempt));
        self.stop_ringing(it.legs, taken, now, out);
    }

    pub(super) fn stop_ringing(&mut self, legs: BTreeSet<LegId>, taken: Taken, now: Now, out: &mut Vec<Action>) {
        let farewell = if taken == Taken::ByNobody { Farewell::HangUp } else { Farewell::Elsewhere };
        for id in legs.into_iter().filter(|leg| taken != Taken::By(*leg)) {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.attempt = None;
                let call = leg.call;
                self.end_early(call, id, out);
            }
            self.drop_leg(id, farewell, now, out);
        }
    }

    /// Nobody was reached: the flow goes on, or the caller who has none is told.
    pub(super) fn dial_ended(&mut self, id: CallId, purpose: Purpose, why: Unanswered, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if matches!(call.phase, Phase::Ended { .. }) {
            return;
        }
        if call.session.is_some() {
            call.phase = Phase::InFlow;
            let command = Media::Stop { leg: call.caller };
            out.push(Action::Media { shard: call.shard, command });
            let event = match purpose {
                Purpose::Transfer => ivr::Event::Transfer(why.why),
                Purpose::Overflow => ivr::Event::Queue(ivr::QueueEnd::Overflow),
                _ => ivr::Event::Dial(why.why),
            };
            self.tell_session(id, event, now);
        } else if call.answered.is_some() {
            self.hang_up(id, super::Outcome::Completed, now, out);
        } else {
            self.refuse(id, why.status, now, out);
        }
    }

    /// The talk, or the ringing, that a flow asked for is over and the caller is still here.
    pub(super) fn back_to_flow(&mut self, id: CallId, event: ivr::Event, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.session.as_ref().is_some_and(|session| !session.is_over()) {
            call.phase = Phase::InFlow;
            self.tell_session(id, event, now);
        } else {
            self.hang_up(id, super::Outcome::Completed, now, out);
        }
    }
}
