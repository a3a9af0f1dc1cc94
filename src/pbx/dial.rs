//! Making phones ring: attempts, the race between them, and what becomes of those who were too late.
//!
//! ```text
//! attempt -> a leg per phone -> audio opened -> INVITE ... Accepted: won -> the others are cancelled -> bridge
//!                                                   ... Ended: one fewer; the last one -> failed, with the best reason
//! ```
//!
//! Invariant: an attempt ends exactly once: won, failed, or withdrawn; a leg that answers afterwards is hung up.

use super::call::{Attempt, AttemptId, Audio, Leg, Purpose, Role, Target};
use super::leg::Farewell;
use super::{Action, Pbx, Phase, Timer};
use crate::acd;
use crate::config::Phone;
use crate::id::{CallId, LegId};
use crate::ivr::{self, DialEnd};
use crate::media::{ANY_LANGUAGE, Command as Media, Sound, Statistics};
use crate::sip::message::Uri;
use crate::sip::{Command, Ending, OutgoingCall, Party, Source, Status};
use crate::store::PartyNumber;
use crate::time::{Duration, Now};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Phones that ring together for one callee.
const MAX_TARGETS: usize = 5;
/// How long an extension rings when the flow does not say.
pub const RING: Duration = Duration::from_secs(60);
/// What a caller whom we have answered hears while somebody's phone rings.
const RINGBACK: &str = "ringback";

impl Pbx {
    /// Where the phones of an extension are.
    pub(super) fn phones_of(&self, extension: &str, role: Role) -> Vec<Target> {
        let name = self.config.extensions.get(extension).map(|it| it.name.clone()).unwrap_or_default();
        self.endpoint
            .bindings(extension)
            .take(MAX_TARGETS)
            .map(|binding| Target {
                uri: binding.contact.clone(),
                path: Some(binding.path),
                local: binding.path.local,
                peer: Source::Extension(binding.user.clone()),
                role,
                party: PartyNumber { number: extension.to_string(), name: name.clone() },
            })
            .collect()
    }

    /// The phones of an agent.
    pub(super) fn phones_of_agent(&self, agent: &str) -> Vec<Target> {
        match self.config.agents.get(agent).map(|agent| &agent.phone) {
            Some(Phone::Extension(extension)) => self.phones_of(extension, Role::Agent),
            Some(Phone::Address(uri)) => {
                let party = PartyNumber { number: agent.to_string(), name: String::new() };
                self.address(uri.clone(), Source::Trunk(agent.into()), Role::Agent, party).into_iter().collect()
            }
            None => Vec::new(),
        }
    }

    /// A number at a provider.
    pub(super) fn trunk(&self, trunk: &str, user: &str) -> Vec<Target> {
        let Some(host) = self.config.trunks.get(trunk).and_then(|trunk| trunk.send_to.as_ref()) else { return Vec::new() };
        let party = PartyNumber { number: user.to_string(), name: String::new() };
        let uri = Uri::parse(format!("sip:{user}@{host}")).ok();
        uri.and_then(|uri| self.address(uri, Source::Trunk(trunk.into()), Role::Trunk, party)).into_iter().collect()
    }

    /// A fixed address, reached from the first listener of its family.
    pub(super) fn address(&self, uri: Uri, peer: Source, role: Role, party: PartyNumber) -> Option<Target> {
        let host: Option<IpAddr> = uri.ip();
        let mut listeners = self.config.sip.listeners.iter().map(|listener| listener.address);
        let local = listeners.find(|local| host.is_none_or(|host| host.is_ipv4() == local.is_ipv4()))?;
        Some(Target { uri, path: None, local, peer, role, party })
    }

    /// Lets the phones ring for the call. `Err` when there is none that could.
    pub(super) fn attempt(
        &mut self,
        call: CallId,
        purpose: Purpose,
        targets: Vec<Target>,
        ring: Duration,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Result<AttemptId, DialEnd> {
        if targets.is_empty() {
            return Err(DialEnd::Unavailable);
        }
        self.next.attempt += 1;
        let id = AttemptId(self.next.attempt);
        let attempt = Attempt { id, call, purpose, legs: BTreeSet::new(), ring, refusal: None };
        self.attempts.insert(id, attempt);
        for target in targets.into_iter().take(MAX_TARGETS) {
            let leg = self.new_leg(call, id, target, now);
            if self.open_audio(leg, 0, now, out).is_err() {
                self.retire_leg(leg, now, out);
            }
        }
        if self.attempts.get(&id).is_some_and(|attempt| attempt.legs.is_empty()) {
            self.attempts.remove(&id);
            return Err(DialEnd::Failed);
        }
        Ok(id)
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

    /// The leg's port is bound: the phone is called, the caller's codec first.
    pub(super) fn call_phone(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let sdp = match self.describe(id, None) {
            Ok(sdp) => sdp,
            Err(_) => return self.drop_leg(id, Farewell::HangUp, now, out),
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(target) = leg.target.take() else { return };
        let ring = leg.attempt.and_then(|attempt| self.attempts.get(&attempt)).map_or(RING, |attempt| attempt.ring);
        leg.session_open = true;
        let dialog = leg.dialog;
        let from = self.calls.get(&leg.call).map(|call| call.from.clone()).unwrap_or_default();
        let call = OutgoingCall {
            target: target.uri,
            path: target.path,
            local: target.local,
            from: Party { display: from.name, user: from.number },
            to: Party { display: target.party.name, user: target.party.number },
            sdp: Some(sdp),
            credentials: None,
            // The attempt's own deadline comes first; this one is the net below it.
            ring: ring + RING,
        };
        self.command_sip(Command::Invite { dialog, call: Box::new(call) }, now);
        let sip_call_id = self.endpoint.call_id(dialog).unwrap_or_default().to_string();
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sip_call_id = sip_call_id;
        }
    }

    /// A phone rings or says something before it answers.
    pub(super) fn phone_rings(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.legs.get(&id).map(|leg| leg.call) else { return };
        let Some(call) = self.calls.get(&call) else { return };
        let dialled = matches!(call.phase, Phase::Ringing { .. });
        if dialled && call.answered.is_none() {
            let caller = self.legs.get(&call.caller).map(|leg| leg.dialog);
            if let Some(dialog) = caller {
                self.command_sip(Command::Progress { dialog, status: Status(180), sdp: None }, now);
            }
        } else if dialled {
            let sound = Sound { language: ANY_LANGUAGE.into(), name: RINGBACK.into() };
            out.push(Action::Media { shard: call.shard, command: Media::Music { leg: call.caller, sound } });
        }
    }

    /// A phone was picked up.
    pub(super) fn phone_answered(
        &mut self,
        id: LegId,
        answer: Option<&crate::sdp::Description>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(call) = self.legs.get(&id).map(|leg| leg.call) else { return };
        let clock = self.clock_of(call, now);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.answered = Some(clock.wall);
        let attempt = leg.attempt.take();
        let won = attempt.and_then(|attempt| self.attempts.get(&attempt)).cloned();
        let Some(won) = won else {
            // Withdrawn while the answer was on its way.
            return self.drop_leg(id, Farewell::HangUp, now, out);
        };
        let usable = answer.is_some_and(|answer| self.accept_answer(id, answer).is_ok());
        if !usable {
            self.phone_failed(won.id, id, DialEnd::Failed, now, out);
            return self.drop_leg(id, Farewell::HangUp, now, out);
        }
        self.connect_audio(id, out);
        self.end_attempt(won.id, Some(id), now, out);
        match won.purpose {
            Purpose::Offer { offer, .. } => {
                self.winners.insert(offer, id);
                self.tell_acd(acd::Event::Answered { offer }, now);
            }
            Purpose::Dial => self.bridge_dialled(won.call, id, now, out),
            Purpose::Transfer => {
                self.bridge_dialled(won.call, id, now, out);
                self.tell_session(won.call, ivr::Event::Transfer(DialEnd::Answered), now);
            }
        }
    }

    /// A phone that rang for an attempt will not answer any more.
    pub(super) fn phone_failed(&mut self, attempt: AttemptId, leg: LegId, why: DialEnd, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.get_mut(&attempt) else { return };
        it.legs.remove(&leg);
        it.refusal = Some(it.refusal.map_or(why, |before| better(before, why)));
        if !it.legs.is_empty() {
            return;
        }
        let Some(it) = self.attempts.remove(&attempt) else { return };
        self.timers.cancel(&Timer::Ring(attempt));
        self.attempt_failed(&it, it.refusal.unwrap_or(why), now, out);
    }

    /// Nobody picked up in time.
    pub(super) fn rang_out(&mut self, attempt: AttemptId, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.get(&attempt).cloned() else { return };
        self.end_attempt(attempt, None, now, out);
        self.attempt_failed(&it, DialEnd::NoAnswer, now, out);
    }

    /// The attempt is over: those that still ring are cancelled.
    pub(super) fn end_attempt(&mut self, attempt: AttemptId, winner: Option<LegId>, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.remove(&attempt) else { return };
        self.timers.cancel(&Timer::Ring(attempt));
        for leg in it.legs.into_iter().filter(|leg| Some(*leg) != winner) {
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.attempt = None;
            }
            self.drop_leg(leg, Farewell::HangUp, now, out);
        }
    }

    fn attempt_failed(&mut self, attempt: &Attempt, why: DialEnd, now: Now, out: &mut Vec<Action>) {
        match attempt.purpose {
            Purpose::Offer { offer, .. } => self.tell_acd(acd::Event::Refused { offer, why: refusal(why) }, now),
            Purpose::Dial | Purpose::Transfer => self.dial_ended(attempt.call, attempt.purpose, why, now, out),
        }
    }

    /// What a flow, or a caller who dialled an extension, asked to ring.
    pub(super) fn dial(
        &mut self,
        call: CallId,
        purpose: Purpose,
        targets: Vec<Target>,
        ring: Duration,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        match self.attempt(call, purpose, targets, ring, now, out) {
            Ok(attempt) => {
                self.timers.set(Timer::Ring(attempt), now.mono + ring);
                if let Some(call) = self.calls.get_mut(&call) {
                    call.phase = Phase::Ringing { attempt };
                }
            }
            Err(why) => self.dial_ended(call, purpose, why, now, out),
        }
    }

    /// Nobody was reached: the flow goes on, or the caller who has none is told.
    fn dial_ended(&mut self, id: CallId, purpose: Purpose, why: DialEnd, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if matches!(call.phase, Phase::Ended { .. }) {
            return;
        }
        if call.session.is_some() {
            call.phase = Phase::InFlow;
            let command = Media::Stop { leg: call.caller };
            out.push(Action::Media { shard: call.shard, command });
            let event = if purpose == Purpose::Transfer { ivr::Event::Transfer(why) } else { ivr::Event::Dial(why) };
            self.tell_session(id, event, now);
        } else if call.answered.is_some() {
            self.hang_up(id, super::Outcome::Completed, now, out);
        } else {
            self.refuse(id, status(why), now, out);
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

/// How a phone's refusal is told to the flow.
pub fn dial_end(ending: &Ending) -> DialEnd {
    match ending {
        Ending::Refused { status: Status(486 | 600), .. } => DialEnd::Busy,
        Ending::Refused { status: Status(603 | 607 | 608), .. } => DialEnd::Rejected,
        Ending::Refused { status: Status(480 | 408 | 487), .. } | Ending::Timeout => DialEnd::NoAnswer,
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
fn status(why: DialEnd) -> Status {
    Status(match why {
        DialEnd::Busy => 486,
        DialEnd::Rejected => 603,
        DialEnd::NoAnswer | DialEnd::Unavailable | DialEnd::Answered => 480,
        DialEnd::Failed => 502,
    })
}
