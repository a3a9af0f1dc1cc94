//! Making phones ring: attempts, the race between them, and what becomes of those who were too late.
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
use super::policy::{self, Errand, Goal, Payer, Permit, Refusal, Stage, Wanted, Way};
use super::targets::MAX_TARGETS;
use super::{Action, Pbx, Phase, Timer};
use crate::acd;
use crate::config::{Config, Destination};
use crate::id::{CallId, LegId};
use crate::ivr::{self, DialEnd};
use crate::media::{ANY_LANGUAGE, Command as Media, Sound, Statistics};
use crate::sdp::Description;
use crate::sip::message::Uri;
use crate::sip::{Command, Diverted, Ending, Source, Status};
use crate::time::{Duration, Now};
use std::collections::BTreeSet;

/// How long an extension rings when nobody says how long.
pub const RING: Duration = Duration::from_secs(60);
/// What a caller whom we have answered hears while somebody's phone rings.
const RINGBACK: &str = "ringback";
/// What somebody hears who is called at a telephone outside, and must say that they are there; and the key that says so.
const PRESS_ONE: &str = "press-one";
const CONFIRMED: char = '1';
/// How long they have for it.
const CONFIRM: Duration = Duration::from_secs(15);

/// The longest that a trunk's Retry-After is believed.
const MAX_REST: Duration = Duration::from_secs(300);

/// Who is to be rung, on whose behalf, for how long at most.
pub struct Summons {
    pub wanted: Wanted,
    pub errand: Errand,
    pub ring: Duration,
}

/// Why nothing rings.
pub struct Failure {
    pub why: DialEnd,
    pub refusal: Option<Refusal>,
    /// A flow or a queue takes the caller instead.
    pub instead: Option<Destination>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure { why: refusal.dial_end(), refusal: Some(refusal), instead: None }
    }
}

impl From<DialEnd> for Failure {
    fn from(why: DialEnd) -> Failure {
        Failure { why, refusal: None, instead: None }
    }
}

impl Pbx {
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
        let Err(failure) = self.next_stage(id, now, out) else { return Ok(id) };
        if let Some(it) = self.attempts.get_mut(&id) {
            it.refusal = Some(failure.why);
        }
        if self.forward_on(id, now) && self.next_stage(id, now, out).is_ok() {
            return Ok(id);
        }
        let instead = self.forward_inside(id);
        self.attempts.remove(&id);
        Err(Failure { instead, ..failure })
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
            let Some(stage) = it.then.pop_front() else { break };
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
            sip_call_id: String::new(),
            peer_host,
            permit: Some(target.permit.clone()),
            confirming: false,
            target: Some(target),
            attempt: Some(attempt),
            audio: Audio::Closed { statistics: Statistics::default() },
            bind,
            advertised: self.advertised(bind, peer_host),
            offer: None,
            local: None,
            version: 1,
            agreed: None,
            silent: false,
            ssrc: self.rng.u32(),
            first_sequence: u16::try_from(self.rng.below(1 << 15)).unwrap_or(0),
            first_timestamp: self.rng.u32(),
            started: self.clock_of(call, now).wall,
            answered: None,
            ended: None,
        };
        self.dialogs.insert(leg.dialog, id);
        self.legs.insert(id, leg);
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
        let mut outgoing = self.outgoing(call, target);
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

    /// True for the first of an attempt's phones that rings.
    fn rings_first(&mut self, leg: LegId) -> bool {
        let attempt = self.legs.get(&leg).and_then(|leg| leg.attempt);
        let attempt = attempt.and_then(|attempt| self.attempts.get_mut(&attempt));
        attempt.is_some_and(|attempt| !std::mem::replace(&mut attempt.rings, true))
    }

    /// A phone rings or says something before it answers.
    pub(super) fn phone_rings(&mut self, id: LegId, early: Option<&Description>, now: Now, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, alone) = (leg.call, leg.attempt.and_then(|it| self.attempts.get(&it)).is_some_and(|it| it.legs.len() == 1));
        self.touch_caller(call);
        let Some(phase) = self.calls.get(&call).map(|call| &call.phase) else { return };
        // Who waits in a queue hears the queue's music while agents' phones ring.
        if !matches!(phase, Phase::Ringing { .. }) {
            return;
        }
        match early {
            Some(sdp) if alone && self.accept_answer(id, sdp).is_ok() => self.hear_early(call, id, now, out),
            // Several phones ring, and each may say so several times: the caller hears one ringing, from its beginning.
            _ if self.rings_first(id) => self.ringback(call, now, out),
            _ => {}
        }
    }

    /// The provider lets its own ringing, or its announcement, be heard: the caller is let listen, once.
    fn hear_early(&mut self, id: CallId, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.early == Some(leg) {
            return;
        }
        let (caller, shard, answered, heard) = (call.caller, call.shard, call.answered.is_some(), call.heard_early);
        let Some(description) = self.legs.get(&caller).filter(|caller| caller.agreed.is_some()).and_then(|it| it.local.clone())
        else {
            return self.ringback(id, now, out);
        };
        if let Some(call) = self.calls.get_mut(&id) {
            (call.early, call.heard_early) = (Some(leg), true);
        }
        self.connect_audio(leg, out);
        if !answered && !heard {
            self.connect_audio(caller, out);
            let dialog = self.legs.get(&caller).map(|leg| leg.dialog);
            if let Some(dialog) = dialog {
                self.command_sip(Command::Progress { dialog, status: Status(183), sdp: Some(description) }, now);
            }
        }
        out.push(Action::Media { shard, command: Media::Stop { leg: caller } });
        out.push(Action::Media { shard, command: Media::Bridge { a: caller, b: leg } });
    }

    /// The caller is told that it rings: by the phone's own tone, or by ours once the phone listens to us.
    pub(super) fn ringback(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.early.is_some() {
            return;
        }
        if call.answered.is_some() || call.heard_early {
            let sound = Sound { language: ANY_LANGUAGE.into(), name: RINGBACK.into() };
            out.push(Action::Media { shard: call.shard, command: Media::Music { leg: call.caller, sound } });
        } else if let Some(dialog) = self.legs.get(&call.caller).map(|leg| leg.dialog) {
            self.command_sip(Command::Progress { dialog, status: Status(180), sdp: None }, now);
        }
    }

    /// What was heard before an answer is heard no more.
    pub(super) fn end_early(&mut self, id: CallId, leg: LegId, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.early == Some(leg)) else { return };
        call.early = None;
        out.push(Action::Media { shard: call.shard, command: Media::Unbridge { leg: call.caller } });
    }

    /// A phone was picked up.
    pub(super) fn phone_answered(&mut self, id: LegId, answer: Option<&Description>, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.legs.get(&id).map(|leg| leg.call) else { return };
        let clock = self.clock_of(call, now);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.answered = Some(clock.wall);
        let (attempt, confirm) = (leg.attempt, leg.permit.as_ref().is_some_and(Permit::confirm));
        let longest = leg.permit.as_ref().and_then(Permit::longest);
        if !attempt.is_some_and(|attempt| self.attempts.contains_key(&attempt)) {
            // Withdrawn while the answer was on its way.
            return self.drop_leg(id, Farewell::HangUp, now, out);
        }
        if answer.is_none_or(|answer| self.accept_answer(id, answer).is_err()) {
            return self.give_up(id, DialEnd::Failed, now, out);
        }
        if let Some(longest) = longest {
            self.timers.set(Timer::Allowance(id), now.mono + longest);
        }
        self.connect_audio(id, out);
        self.touch(id);
        if confirm { self.ask_for_key(id, now, out) } else { self.won(id, now, out) }
    }

    /// The leg that answered, or was to ring, is of no use: the others go on.
    fn give_up(&mut self, id: LegId, why: DialEnd, now: Now, out: &mut Vec<Action>) {
        if let Some(attempt) = self.legs.get_mut(&id).and_then(|leg| leg.attempt.take()) {
            self.phone_failed(attempt, id, why, now, out);
        }
        self.drop_leg(id, Farewell::HangUp, now, out);
    }

    /// Somebody answered a telephone outside: a person presses 1, a voice mailbox does not.
    fn ask_for_key(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let play = self.own_play();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.confirming = true;
        let language = self.config.language.clone();
        let sounds = vec![Sound { language, name: PRESS_ONE.into() }];
        out.push(Action::Media { shard: leg.shard, command: Media::Play { leg: id, play, sounds, repeat: true } });
        self.timers.set(Timer::Confirm(id), now.mono + CONFIRM);
    }

    /// A key pressed at a phone that has to say that somebody is there.
    pub(super) fn confirm_pressed(&mut self, id: LegId, digit: char, now: Now, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.confirming && digit == CONFIRMED) else { return };
        leg.confirming = false;
        out.push(Action::Media { shard: leg.shard, command: Media::Stop { leg: id } });
        self.timers.cancel(&Timer::Confirm(id));
        self.won(id, now, out);
    }

    /// Nobody pressed it.
    pub(super) fn not_confirmed(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        self.give_up(id, DialEnd::Rejected, now, out);
    }

    /// The first of those that ring: it has the call.
    fn won(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(attempt) = self.legs.get_mut(&id).and_then(|leg| leg.attempt.take()) else { return };
        let Some(won) = self.attempts.get(&attempt).cloned() else { return };
        if let Some(call) = self.calls.get_mut(&won.call) {
            call.early = None;
        }
        self.end_attempt(won.id, Some(id), now, out);
        match won.purpose {
            Purpose::Offer { offer, .. } => {
                self.winners.insert(offer, id);
                self.tell_acd(acd::Event::Answered { offer }, now);
            }
            Purpose::Dial => self.bridge_dialled(won.call, id, now, out),
            Purpose::Transfer | Purpose::Overflow => {
                self.bridge_dialled(won.call, id, now, out);
                self.given_away(won.call, won.purpose, now);
            }
            Purpose::Referred => self.referred(won.call, id, now, out),
        }
    }

    /// A phone that rang for an attempt refused: it may know of a better place.
    pub(super) fn phone_refused(&mut self, attempt: AttemptId, leg: LegId, ending: &Ending, now: Now, out: &mut Vec<Action>) {
        if let Ending::Refused { status: Status(300..=399), contacts, .. } = ending {
            self.redirected(attempt, leg, contacts, now);
        }
        if let Ending::Refused { status: Status(503), retry_after: Some(pause), .. } = ending
            && let Some(trunk) = self.legs.get(&leg).and_then(|leg| leg.permit.as_ref()).and_then(Permit::trunk).cloned()
        {
            tracing::warn!(%trunk, seconds = pause.as_secs(), "the trunk wants no calls for a while");
            self.policy.trunk_rests(&trunk, (*pause).min(MAX_REST), now);
        }
        self.phone_failed(attempt, leg, dial_end(ending), now, out);
    }

    /// A phone sends its caller elsewhere (302): at its extension's cost, by what would be dialled there. Its host is not asked.
    fn redirected(&mut self, attempt: AttemptId, leg: LegId, contacts: &[Uri], now: Now) {
        let Some(it) = self.legs.get(&leg) else { return };
        let (Source::Extension(extension), Some(permit)) = (&it.peer, &it.permit) else { return };
        let Some(contact) = contacts.first() else { return };
        let payer = Payer::Extension(extension.clone());
        let errand = permit.errand().onward(payer, Way::Redirect, extension, Diverted::Otherwise);
        let wanted = Wanted::Number(contact.user().into_owned());
        // An offer is the agent's, not their phone's, to send on.
        if self.attempts.get(&attempt).is_some_and(|it| !matches!(it.purpose, Purpose::Offer { .. })) {
            self.send_on(attempt, &wanted, errand, now);
        }
    }

    /// The attempt goes on elsewhere, before what it would have tried next.
    fn send_on(&mut self, attempt: AttemptId, wanted: &Wanted, errand: Errand, now: Now) -> bool {
        let planned = self.policy.plan(&self.config, wanted, &errand, now, &mut self.rng);
        let Some(it) = self.attempts.get_mut(&attempt) else { return false };
        let call = it.call;
        match planned {
            Ok(stages) => {
                stages.into_iter().rev().for_each(|stage| it.then.push_front(stage));
                true
            }
            Err(refusal) => {
                self.refused(call, wanted.words(), &errand, refusal);
                false
            }
        }
    }

    /// A phone that rang for an attempt will not answer any more.
    pub(super) fn phone_failed(&mut self, attempt: AttemptId, leg: LegId, why: DialEnd, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.get_mut(&attempt) else { return };
        let call = it.call;
        it.legs.remove(&leg);
        it.refusal = Some(it.refusal.map_or(why, |before| better(before, why)));
        let others = !it.legs.is_empty();
        self.end_early(call, leg, out);
        if !others {
            self.stage_failed(attempt, now, out);
        }
    }

    /// Nobody picked up in time.
    pub(super) fn rang_out(&mut self, attempt: AttemptId, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.get_mut(&attempt) else { return };
        it.refusal = Some(it.refusal.map_or(DialEnd::NoAnswer, |before| better(before, DialEnd::NoAnswer)));
        let legs = std::mem::take(&mut it.legs);
        self.stop_ringing(legs, None, now, out);
        self.stage_failed(attempt, now, out);
    }

    /// None of these phones will answer: those that come after them, those that the callee has named instead, or the end.
    fn stage_failed(&mut self, attempt: AttemptId, now: Now, out: &mut Vec<Action>) {
        self.timers.cancel(&Timer::Ring(attempt));
        if self.next_stage(attempt, now, out).is_ok() {
            return;
        }
        if self.forward_on(attempt, now) && self.next_stage(attempt, now, out).is_ok() {
            return;
        }
        let inside = self.forward_inside(attempt);
        let Some(it) = self.attempts.remove(&attempt) else { return };
        let why = it.refusal.unwrap_or(DialEnd::Unavailable);
        if let Some(destination) = inside {
            return self.lead(it.call, destination, now, out);
        }
        match it.purpose {
            Purpose::Offer { offer, .. } => self.tell_acd(acd::Event::Refused { offer, why: refusal(why) }, now),
            Purpose::Dial | Purpose::Transfer | Purpose::Overflow => self.dial_ended(it.call, it.purpose, why.into(), now, out),
            Purpose::Referred => self.transfer_failed(it.call, status(why), now, out),
        }
    }

    /// A forward to a flow or a queue takes a caller who has no flow to go back to.
    fn forward_inside(&self, attempt: AttemptId) -> Option<Destination> {
        let it = self.attempts.get(&attempt).filter(|it| it.purpose == Purpose::Dial)?;
        self.calls.get(&it.call).filter(|call| call.session.is_none())?;
        let extension = it.stage.forward.as_ref()?;
        let (to, _) = self.forward_for(extension, it.refusal.unwrap_or(DialEnd::Unavailable))?;
        takes_callers(&self.config, &to)
    }

    /// Where all calls of an extension go, when that is a flow or a queue.
    pub(super) fn always_inside(&self, extension: &str) -> Option<Destination> {
        takes_callers(&self.config, self.policy.forward_of(&self.config, extension)?.always.as_ref()?)
    }

    fn forward_for(&self, extension: &str, refusal: DialEnd) -> Option<(String, Diverted)> {
        let forward = self.policy.forward_of(&self.config, extension)?;
        let (to, why) = match refusal {
            DialEnd::Busy | DialEnd::Rejected => (&forward.busy, Diverted::Busy),
            DialEnd::NoAnswer => (&forward.no_answer, Diverted::NoAnswer),
            _ => (&forward.no_answer, Diverted::Unavailable),
        };
        to.clone().map(|to| (to, why))
    }

    /// Where the calls of an extension go when it is busy, or nobody answers.
    fn forward_on(&mut self, attempt: AttemptId, now: Now) -> bool {
        let Some(it) = self.attempts.get(&attempt).filter(|it| !matches!(it.purpose, Purpose::Offer { .. })) else {
            return false;
        };
        let (Some(extension), Some(goal)) = (it.stage.forward.clone(), it.stage.goals.first()) else { return false };
        let refusal = it.refusal.unwrap_or(DialEnd::Unavailable);
        let Some((to, why)) = self.forward_for(&extension, refusal) else { return false };
        if takes_callers(&self.config, &to).is_some() {
            return false;
        }
        let errand = goal.errand().onward(Payer::Extension(extension.clone()), Way::Forward, &extension, why);
        self.send_on(attempt, &Wanted::Number(to), errand, now)
    }

    /// The attempt is over: those that still ring are cancelled.
    pub(super) fn end_attempt(&mut self, attempt: AttemptId, winner: Option<LegId>, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.remove(&attempt) else { return };
        self.timers.cancel(&Timer::Ring(attempt));
        self.stop_ringing(it.legs, winner, now, out);
    }

    fn stop_ringing(&mut self, legs: BTreeSet<LegId>, winner: Option<LegId>, now: Now, out: &mut Vec<Action>) {
        for id in legs.into_iter().filter(|leg| Some(*leg) != winner) {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.attempt = None;
                let call = leg.call;
                self.end_early(call, id, out);
            }
            self.drop_leg(id, Farewell::HangUp, now, out);
        }
    }

    /// What a flow, or a caller who dialled, asked to ring.
    pub(super) fn dial(&mut self, call: CallId, purpose: Purpose, summons: &Summons, now: Now, out: &mut Vec<Action>) {
        match self.attempt(call, purpose, summons, now, out) {
            Ok(attempt) => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.phase = Phase::Ringing { attempt };
                }
            }
            Err(Failure { instead: Some(destination), .. }) => self.lead(call, destination, now, out),
            Err(failure) => self.dial_ended(call, purpose, failure, now, out),
        }
    }

    /// Nobody was reached: the flow goes on, or the caller who has none is told.
    fn dial_ended(&mut self, id: CallId, purpose: Purpose, failure: Failure, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if matches!(call.phase, Phase::Ended { .. }) {
            return;
        }
        if call.session.is_some() {
            call.phase = Phase::InFlow;
            let command = Media::Stop { leg: call.caller };
            out.push(Action::Media { shard: call.shard, command });
            let Failure { why, .. } = failure;
            let event = match purpose {
                Purpose::Transfer => ivr::Event::Transfer(why),
                Purpose::Overflow => ivr::Event::Queue(ivr::QueueEnd::Overflow),
                _ => ivr::Event::Dial(why),
            };
            self.tell_session(id, event, now);
        } else if call.answered.is_some() {
            self.hang_up(id, super::Outcome::Completed, now, out);
        } else {
            let status = failure.refusal.map_or_else(|| status(failure.why), Refusal::status);
            self.refuse(id, status, now, out);
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

/// The flow or the queue that this number leads to.
fn takes_callers(config: &Config, to: &str) -> Option<Destination> {
    policy::internal(config, to).filter(|to| matches!(to, Destination::Flow(_) | Destination::Queue(_)))
}

/// How a phone's refusal is told to the flow.
pub fn dial_end(ending: &Ending) -> DialEnd {
    match ending {
        Ending::Refused { status: Status(486 | 600), .. } => DialEnd::Busy,
        Ending::Refused { status: Status(603 | 607 | 608), .. } => DialEnd::Rejected,
        Ending::Refused { status: Status(480 | 408 | 487), .. } | Ending::Timeout | Ending::Expired => DialEnd::NoAnswer,
        Ending::Refused { status: Status(404 | 410 | 502 | 503 | 504), .. } => DialEnd::Unavailable,
        Ending::Unreachable | Ending::Gone => DialEnd::Unavailable,
        Ending::Refused { .. } | Ending::Bye { .. } | Ending::Cancelled | Ending::NoAck | Ending::Ours => DialEnd::Failed,
    }
}

/// Of two phones' reasons the one that says more about the person: busy before rejected before no answer before the rest.
fn better(a: DialEnd, b: DialEnd) -> DialEnd {
    let rank = |end: DialEnd| match end {
        DialEnd::Answered => 0,
        DialEnd::Busy => 1,
        DialEnd::Rejected => 2,
        DialEnd::NoAnswer => 3,
        DialEnd::Failed => 4,
        DialEnd::Unavailable => 5,
    };
    if rank(b) < rank(a) { b } else { a }
}

fn refusal(why: DialEnd) -> acd::Refusal {
    match why {
        DialEnd::Busy => acd::Refusal::Busy,
        DialEnd::Rejected | DialEnd::NoAnswer => acd::Refusal::Rejected,
        DialEnd::Unavailable | DialEnd::Failed | DialEnd::Answered => acd::Refusal::Unreachable,
    }
}

/// How it is said to a caller who was never answered.
pub fn status(why: DialEnd) -> Status {
    Status(match why {
        DialEnd::Busy => 486,
        DialEnd::Rejected => 603,
        DialEnd::NoAnswer | DialEnd::Unavailable | DialEnd::Answered => 480,
        DialEnd::Failed => 502,
    })
}
