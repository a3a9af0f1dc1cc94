//! What the SIP room says, and what it means for the others.

use super::call::{Audio, Leg, Role, Wish, ending_words};
use super::leg::Farewell;
use super::route::{self, Lead};
use super::three_way::Typed;
use super::{Action, Call, EndedBy, Outcome, PATIENCE, Pbx, Phase, Purpose, Timer};
use crate::config::{Code, Destination};
use crate::id::{CallId, LegId};
use crate::media::{ShardId, Statistics};
use crate::sdp::Description;
use crate::sip::{Binding, Command, DialogId, Ending, Event, IncomingCall, Output, Rejection, Source, Status};
use crate::store::{BindingRow, What};
use crate::time::{Duration, Now};
use crate::{ask, ivr};
use std::collections::BTreeSet;

/// The longest caller name and number that are kept.
const LONGEST_PARTY: usize = 256;
/// Calls over `limits.calls` that are for help, or that take or fetch another.
const SPARE_CALLS: usize = 50;
/// So long the log is spared the next word of a full exchange.
const FULL_AGAIN: Duration = Duration::from_secs(60);
/// Hexadecimal digits of a call's reference.
const REFERENCE: usize = 16;

impl Pbx {
    pub(super) fn on_sip(&mut self, output: Output, now: Now, out: &mut Vec<Action>) {
        match output {
            Output::Transmit { path, bytes } => out.push(Action::Transmit { path, bytes }),
            Output::Close { connection } => out.push(Action::CloseConnection { connection }),
            Output::Resolve { query, host } => {
                self.ask(ask::Question::Resolve { host }, Purpose::Sip(query), PATIENCE, now, out)
            }
            Output::Event(event) => self.on_sip_event(event, now, out),
        }
    }

    fn on_sip_event(&mut self, event: Event, now: Now, out: &mut Vec<Action>) {
        match event {
            Event::Invite { dialog, call } => self.incoming(dialog, *call, now, out),
            Event::Confirmed { dialog, answer } => self.confirmed(dialog, answer, now, out),
            Event::Offer { dialog, offer } => self.renegotiate(dialog, offer, now, out),
            Event::Renegotiated { dialog, outcome } => self.renegotiated(dialog, outcome, now, out),
            Event::Digit { dialog, digit, duration } => {
                self.call_of(dialog);
                if let Some(leg) = self.dialogs.get(&dialog).copied() {
                    self.pressed(leg, digit, duration, false, now, out);
                }
            }
            Event::Progress { dialog, sdp, .. } => {
                self.call_of(dialog);
                if let Some(leg) = self.dialogs.get(&dialog).copied() {
                    self.phone_rings(leg, sdp.as_ref(), now, out);
                }
            }
            Event::Accepted { dialog, sdp } => {
                self.call_of(dialog);
                if let Some(leg) = self.dialogs.get(&dialog).copied() {
                    self.phone_answered(leg, sdp.as_ref(), now, out);
                }
            }
            Event::Alive { dialog } => {
                if let Some(leg) = self.dialogs.get(&dialog).copied() {
                    self.alive(leg, now);
                }
            }
            Event::Ended { dialog, ending } => self.session_ended(dialog, &ending, now, out),
            Event::Bound { binding } => {
                tracing::info!(user = %binding.user, address = %binding.path.remote, "phone registered");
                self.phones_changed(&binding.user, now);
                self.keep_binding(&binding, now, out);
            }
            Event::Renewed { binding } => self.keep_binding(&binding, now, out),
            Event::Unbound { user, contact } => {
                tracing::info!(%user, "phone no longer registered");
                self.phones_changed(&user, now);
                self.write(What::Unbound { user, contact: contact.to_string() }, now, out);
            }
            Event::Rejected { path, status, why } => {
                self.totals.rejected += 1;
                log_rejection(&path.remote.to_string(), status, &why);
            }
            Event::Registration { registration, outcome } => self.registration(registration, outcome, now),
            Event::Bearing { peer, bearing } => self.bearing(&peer, bearing, now, out),
            Event::Refer { dialog, referral, request } => self.refer(dialog, referral, &request, now, out),
            Event::Subscribe { subscription, request } => self.subscribe(subscription, &request, now),
            Event::Resubscribed { subscription } => self.resubscribed(subscription, now),
            Event::Unsubscribed { subscription } => self.unsubscribed(subscription),
            // The exchange refers nobody.
            Event::Referred { .. } | Event::ReferralProgress { .. } => {}
        }
    }

    /// A call arrives: a destination, a port, and then the flow.
    fn incoming(&mut self, dialog: DialogId, mut invite: IncomingCall, now: Now, out: &mut Vec<Action>) {
        self.totals.calls += 1;
        if route::is_for_account(&self.config, &invite.source, &invite.dialled, &invite.to) {
            invite.dialled.clone_from(&invite.to);
        }
        let destination = match invite.replaces {
            Some(other) => self.replaceable(&invite.source, other),
            None => route::route(&self.config, &invite.source, &invite.dialled),
        };
        if self.stopping || !self.has_room_for(destination.as_ref().ok(), now) {
            self.command_sip(Command::Refuse { dialog, status: Status(503) }, now);
            return;
        }
        let is_emergency = self.is_emergency(destination.as_ref().ok());
        let (id, leg) = self.new_call(dialog, invite, is_emergency, now);
        self.subject = Some(id);
        let opened = destination.and_then(|to| {
            if let Some(call) = self.calls.get_mut(&id) {
                call.phase = Phase::Routing { to };
            }
            self.open_audio(leg, 0, now, out)
        });
        if let Err(status) = opened {
            self.refuse(id, status, now, out);
        }
    }

    /// As many calls as the configuration allows; and a few more that are for help, or that make two calls one.
    fn has_room_for(&mut self, destination: Option<&Lead>, now: Now) -> bool {
        let most = self.config.limits.calls;
        let joins = matches!(destination, Some(Lead::PlaceOf(_) | Lead::Slot(_) | Lead::Code(Code::Pickup, _)));
        let spare = if joins || self.is_emergency(destination) { SPARE_CALLS } else { 0 };
        let has_room = self.calls.len() < most + spare;
        if !has_room {
            self.is_full("as many calls as `limits.calls` allows", now);
        }
        has_room
    }

    /// A phone of the house calls for help: only they are led outside.
    fn is_emergency(&self, destination: Option<&Lead>) -> bool {
        matches!(destination, Some(Lead::Outside(number)) if self.config.outbound.plan.is_emergency(number))
    }

    /// A call, or a leg of one, is refused for want of room: counted, and told now and then.
    pub(super) fn is_full(&mut self, what: &str, now: Now) {
        self.totals.full += 1;
        if self.totals.full_told.is_none_or(|told| now.mono.since(told) >= FULL_AGAIN) {
            self.totals.full_told = Some(now.mono);
            tracing::warn!(refused = self.totals.full, "the exchange is full: {what}; so many were refused since the start");
        }
    }

    /// A call with its caller's leg, entered into the books.
    fn new_call(&mut self, dialog: DialogId, invite: IncomingCall, is_emergency: bool, now: Now) -> (CallId, LegId) {
        self.next.call += 1;
        self.next.leg += 1;
        let (id, leg) = (CallId(self.next.call), LegId(self.next.leg));
        let from = self.caller_as_shown(&invite);
        let bind = invite.path.local.ip();
        let shard = ShardId(u16::try_from(id.0 % u64::from(self.shards)).unwrap_or(0));
        let caller = Leg {
            id: leg,
            call: id,
            role: Role::Caller,
            peer: invite.source.clone(),
            shard,
            dialog,
            session_open: true,
            party: from.clone(),
            carrier: match &invite.source {
                Source::Trunk(trunk) => Some(trunk.clone()),
                Source::Extension(_) => None,
            },
            sip_call_id: clipped(&invite.sip_call_id),
            target: None,
            attempt: None,
            permit: None,
            confirming: false,
            peer_host: invite.path.remote.ip(),
            audio: Audio::Closed { statistics: Statistics::default() },
            bind,
            advertised: self.config.sip.told.ip(bind, invite.path.remote.ip()),
            offer: invite.offer.map(Box::new),
            local: None,
            version: 1,
            agreed: None,
            silent: false,
            spoke: false,
            typed: Typed::default(),
            ssrc: self.rng.u32(),
            // Below 2^15, so that a receiver's first look never meets a wrap (RFC 3711 section 3.3.1).
            first_sequence: u16::try_from(self.rng.below(1 << 15)).unwrap_or(0),
            first_timestamp: self.rng.u32(),
            started: now.wall,
            answered: None,
            ended: None,
        };
        let call = Call {
            id,
            reference: self.rng.hex(REFERENCE),
            phase: Phase::Routing { to: Lead::Outside(String::new()) },
            source: invite.source.clone(),
            from,
            dialled: clipped(&invite.dialled),
            language: route::language(&self.config, &invite.source),
            session: None,
            flow: 0,
            shard,
            started: now.wall,
            began: now.mono,
            answered: None,
            caller: leg,
            is_emergency,
            legs: BTreeSet::from([leg]),
            queue: None,
            parted: None,
            carried: invite.carried,
            known_as: None,
            early: None,
            heard_early: false,
            transfer: None,
            parked_by: None,
            third: None,
            queued_since: None,
            wish: Wish::default(),
            gone: Vec::new(),
            path: Vec::new(),
        };
        tracing::info!(
            call = %call.reference,
            from = %shortened(&call.from.number),
            dialled = %shortened(&call.dialled),
            source = %source_words(&call.source),
            "call arrived"
        );
        self.dialogs.insert(dialog, leg);
        self.legs.insert(leg, Box::new(caller));
        self.calls.insert(id, Box::new(call));
        self.party_came(leg, now);
        self.touch(leg);
        self.timers.set(Timer::CallLimit(id), now.mono + self.config.limits.call_duration);
        (id, leg)
    }

    /// The acknowledgement has come: the caller hears us from now on.
    fn confirmed(&mut self, dialog: DialogId, answer: Option<Description>, now: Now, out: &mut Vec<Action>) {
        let (Some(id), Some(leg)) = (self.call_of(dialog), self.dialogs.get(&dialog).copied()) else { return };
        if let Some(answer) = answer {
            match self.accept_answer(leg, &answer) {
                Ok(()) => self.connect_audio(leg, out),
                Err(_) => {
                    self.hang_up(id, Outcome::Failed, now, out);
                    return;
                }
            }
        }
        match self.calls.get(&id).map(|call| call.phase.clone()) {
            Some(Phase::Routing { to: Lead::To(Destination::Queue(queue)) }) => self.enqueue(id, queue, now, out),
            Some(Phase::Told) => self.say_done(id, out),
            _ => self.tell_session(id, ivr::Event::Answered, now),
        }
    }

    /// The peer wants to talk otherwise: hold, resume, another address or codec.
    fn renegotiate(&mut self, dialog: DialogId, offer: Option<Description>, now: Now, out: &mut Vec<Action>) {
        self.call_of(dialog);
        let answer = match self.dialogs.get(&dialog).copied() {
            Some(leg) => {
                let was_held = self.legs.get(&leg).is_some_and(|leg| leg.is_held());
                let answer = self.describe(leg, offer.as_ref());
                if offer.is_some() && answer.is_ok() {
                    self.connect_audio(leg, out);
                    self.hold_changed(leg, was_held, now, out);
                }
                answer
            }
            None => Err(Status(481)),
        };
        self.command_sip(Command::Reply { dialog, answer }, now);
    }

    fn renegotiated(&mut self, dialog: DialogId, outcome: Result<Description, Status>, now: Now, out: &mut Vec<Action>) {
        self.call_of(dialog);
        let Some(leg) = self.dialogs.get(&dialog).copied() else { return };
        // A refusal leaves the session as it was (RFC 3261 section 14.1); so does an answer that fits nothing of ours.
        let was_held = self.legs.get(&leg).is_some_and(|leg| leg.is_held());
        if let Ok(answer) = outcome
            && self.accept_answer(leg, &answer).is_ok()
        {
            self.connect_audio(leg, out);
            self.hold_changed(leg, was_held, now, out);
        }
    }

    fn session_ended(&mut self, dialog: DialogId, ending: &Ending, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.call_of(dialog) else { return };
        let Some(leg) = self.dialogs.remove(&dialog) else { return };
        let clock = self.clock_of(id, now);
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.session_open = false;
            leg.end(clock.wall, ending_words(ending));
        }
        self.touch(leg);
        if self.calls.get(&id).is_some_and(|call| call.caller != leg) {
            return self.phone_ended(leg, ending, now, out);
        }
        if self.caller_left_two(id, leg, now, out) {
            return;
        }
        let answered = self.calls.get(&id).is_some_and(|call| call.answered.is_some());
        let (outcome, by) = match ending {
            Ending::Bye { .. } => (Outcome::Completed, EndedBy::Caller),
            Ending::Cancelled if answered => (Outcome::Completed, EndedBy::Caller),
            Ending::Cancelled => (Outcome::Cancelled, EndedBy::Caller),
            Ending::NoAck | Ending::Timeout | Ending::Gone | Ending::Unreachable | Ending::Expired => {
                (Outcome::Failed, EndedBy::Network)
            }
            Ending::Refused { .. } => (Outcome::Refused, EndedBy::Caller),
            Ending::Ours => (if answered { Outcome::Completed } else { Outcome::Refused }, EndedBy::Exchange),
        };
        self.finish(id, outcome, by, Farewell::HangUp, now, out);
    }

    fn keep_binding(&mut self, binding: &Binding, now: Now, out: &mut Vec<Action>) {
        // Plain data with string keys: writing it down cannot fail, and if it could, the phone would register again.
        if let Ok(body) = serde_json::to_string(binding) {
            let row =
                BindingRow { user: binding.user.clone(), contact: binding.contact.to_string(), expires: binding.expires, body };
            self.write(What::Bound(row), now, out);
        }
    }

    pub(super) fn call_of(&mut self, dialog: DialogId) -> Option<CallId> {
        let call = self.dialogs.get(&dialog).and_then(|leg| self.legs.get(leg)).map(|leg| leg.call);
        self.subject = self.subject.or(call);
        call
    }
}

/// A source as the record has it.
pub fn source_words(source: &Source) -> String {
    match source {
        Source::Extension(name) => format!("extension {name}"),
        Source::Trunk(name) => format!("trunk {name}"),
    }
}

/// The last three characters: enough to recognise a number in a log, not enough to keep it there.
pub fn shortened(number: &str) -> String {
    const SHOWN: usize = 3;
    let letters: Vec<char> = number.chars().collect();
    match letters.len().checked_sub(SHOWN) {
        None | Some(0) => one_line(number),
        Some(hidden) => format!("..{}", one_line(&letters[hidden..].iter().collect::<String>())),
    }
}

/// A log line is one line, whatever a stranger sends.
fn one_line(text: &str) -> String {
    text.chars().map(harmless).collect()
}

fn harmless(letter: char) -> char {
    if letter.is_control() { '?' } else { letter }
}

/// What is kept of a stranger's words, and told to others: not too long, and nothing in it that a screen or a file would obey.
pub(super) fn clipped(text: &str) -> String {
    text.chars().take(LONGEST_PARTY).map(harmless).collect()
}

fn log_rejection(peer: &str, status: Status, why: &Rejection) {
    match why {
        Rejection::Malformed(what) => tracing::debug!(peer, status = status.0, what = %one_line(what), "malformed message"),
        Rejection::BadCredentials { user } => tracing::info!(peer, user = %clipped(user), "wrong credentials"),
        Rejection::Replayed { user } => tracing::warn!(peer, user = %clipped(user), "credentials replayed"),
        Rejection::Limit(limit) => tracing::warn!(peer, status = status.0, %limit, "refused at a limit"),
        Rejection::Unsupported(what) => tracing::debug!(peer, status = status.0, what = %one_line(what), "not supported"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_three_digits_of_a_number_and_never_two_lines() {
        assert_eq!(shortened("+48221234567"), "..567");
        assert_eq!(shortened("100"), "100");
        assert_eq!(shortened("a\r\nb"), "..??b");
    }
}
