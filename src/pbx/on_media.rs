//! What the media plane reports, and what it means for the others.

use super::call::{Audio, FLOWS, Purpose};
use super::dial::{RING, Summons};
use super::policy::{Errand, Payer, Wanted, Way};
use super::route::Lead;
use super::{Action, OWN_PLAYS, Pbx, Phase, on_sip};
use crate::config::Destination;
use crate::id::{CallId, LegId, PlayId};
use crate::media::{Report, Statistics};
use crate::sip::{Ending, Source, Status};
use crate::time::{Duration, Now};
use crate::{ivr, store};

impl Pbx {
    pub(super) fn on_media(&mut self, report: Report, now: Now, out: &mut Vec<Action>) {
        match report {
            Report::Opened { leg } => self.opened(leg, now, out),
            Report::OpenFailed { leg, why } => self.open_failed(leg, &why, now, out),
            Report::Digit { leg, digit, duration, relayed } => self.pressed(leg, digit, duration, relayed, now, out),
            Report::Played { leg, play } if play.0 > OWN_PLAYS => self.own_play_ended(leg, now, out),
            Report::Played { leg, play } => self.played(leg, play, now),
            Report::SoundMissing { sound, .. } => {
                tracing::warn!(language = %sound.language, sound = %sound.name, "a sound is missing; a tone was played");
            }
            Report::Silent { leg, before } => self.silent(leg, before, now),
            Report::Heard { leg } => self.heard(leg),
            Report::Exported { leg, state } => self.exported(leg, state, out),
            Report::Imported { leg } => self.imported(leg, now, out),
            Report::Closed { leg, statistics } => self.closed(leg, statistics, now, out),
        }
    }

    /// The port is ours: the flow takes the call.
    fn opened(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.call_of_leg(id) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Audio::Opening { port, .. } = leg.audio else { return };
        leg.audio = Audio::Open { port };
        if leg.target.is_some() {
            return self.call_phone(id, now, out);
        }
        // Is there a codec in common? Known before anybody is told that we answer.
        let offer = leg.offer.take();
        if let Err(status) = self.describe(id, offer.as_deref()) {
            self.refuse(call, status, now, out);
            return;
        }
        self.begin(call, now, out);
    }

    /// The caller's audio is ready: the destination takes the call, and the store knows of it.
    fn begin(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        let Phase::Routing { to } = call.phase.clone() else { return };
        let started = store::CallStarted {
            reference: call.reference.clone(),
            started: call.started,
            from: call.from.clone(),
            dialled: call.dialled.clone(),
            source: on_sip::source_words(&call.source),
        };
        self.write(store::What::CallStarted(started), now, out);
        match to {
            Lead::To(destination) => self.lead(id, destination, now, out),
            Lead::Outside(number) => self.ring(id, &Wanted::Number(number), now, out),
            Lead::Code(code, rest) => self.serve(id, code, &rest, now, out),
            Lead::Slot(slot) => self.fetch(id, slot, now, out),
            Lead::PlaceOf(leg) => self.take_place(id, leg, now, out),
        }
    }

    /// The destination takes the caller.
    pub(super) fn lead(&mut self, id: CallId, to: Destination, now: Now, out: &mut Vec<Action>) {
        match to {
            Destination::Flow(flow) => self.begin_flow(id, &flow, now, out),
            // Let in when the acknowledgement is here: who waits hears music.
            Destination::Queue(queue) => match self.calls.get_mut(&id) {
                Some(call) if call.answered.is_none() => {
                    call.phase = Phase::Routing { to: Lead::To(Destination::Queue(queue)) };
                    self.answer(id, now, out);
                }
                _ => self.enqueue(id, queue, now, out),
            },
            Destination::Extension(extension) => match self.always_inside(&extension) {
                Some(elsewhere) => self.lead(id, elsewhere, now, out),
                None => self.ring(id, &Wanted::Extension(extension), now, out),
            },
            Destination::Group(group) => self.ring(id, &Wanted::Group(group), now, out),
            Destination::Trunk { trunk, user, open } => self.ring(id, &Wanted::Line { trunk, user, open }, now, out),
        }
    }

    /// Phones ring for a caller who dialled, at the caller's cost.
    pub(super) fn ring(&mut self, id: CallId, wanted: &Wanted, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        let payer = match &call.source {
            Source::Extension(extension) => Payer::Extension(extension.clone()),
            Source::Trunk(trunk) => Payer::Trunk(trunk.clone()),
        };
        let summons = Summons { wanted: wanted.clone(), errand: Errand::new(payer, Way::Dialled), ring: RING };
        self.dial(id, Purpose::Dial, &summons, now, out);
    }

    /// From here on a flow speaks with the caller.
    pub(super) fn begin_flow(&mut self, id: CallId, flow: &str, now: Now, out: &mut Vec<Action>) {
        let Some(flow) = self.config.flows.get(flow).cloned() else {
            // A reload took the flow away between the routing and the port.
            self.refuse(id, Status(500), now, out);
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::InFlow;
        let caller = ivr::Caller {
            number: call.from.number.clone(),
            name: call.from.name.clone(),
            dialled: call.dialled.clone(),
            source: on_sip::source_words(&call.source),
            reference: call.reference.clone(),
            language: call.language.clone(),
            zone: self.config.zone.clone(),
        };
        self.next.flow = self.next.flow % FLOWS + 1;
        call.flow = self.next.flow;
        call.session = Some(Box::new(ivr::Session::begin(flow, &self.config.flows, &self.config.speech, caller)));
        if call.answered.is_some() {
            self.tell_session(id, ivr::Event::Answered, now);
        }
        self.tell_session(id, ivr::Event::Begin, now);
    }

    /// A key pressed: between two people it belongs to the other one, otherwise to the flow that the caller walks.
    pub(super) fn pressed(
        &mut self,
        leg: LegId,
        digit: char,
        duration: Duration,
        relayed: bool,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(id) = self.call_of_leg(leg) else { return };
        if self.legs.get(&leg).is_some_and(|leg| leg.confirming) {
            return self.confirm_pressed(leg, digit, now, out);
        }
        if self.types(leg, digit, now, out) {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        match call.phase {
            Phase::Bridged { .. } => self.relay_digit(leg, digit, duration, relayed, now, out),
            _ if call.caller == leg => self.tell_session(id, ivr::Event::Digit(digit), now),
            _ => {}
        }
    }

    /// What the exchange had to say itself has been said: who waits hears music again.
    fn own_play_ended(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.call_of_leg(leg) else { return };
        match self.calls.get(&id).map(|call| &call.phase) {
            Some(Phase::Waiting { .. }) => self.music(id, leg, out),
            Some(Phase::Told) => self.hang_up(id, super::Outcome::Completed, now, out),
            _ => {}
        }
    }

    /// Somebody else holds that port: another one, before any SDP has left.
    fn open_failed(&mut self, id: LegId, why: &str, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.call_of_leg(id) else { return };
        let Some(audio) = self.legs.get(&id).map(|leg| leg.audio) else { return };
        match audio {
            Audio::Opening { port, tries } => {
                tracing::debug!(port, why, "a media port could not be bound");
                self.free_audio(id, Statistics::default(), now);
                let Err(status) = self.open_audio(id, tries + 1, now, out) else { return };
                tracing::warn!(why, "no media port could be bound");
                if self.calls.get(&call).is_some_and(|call| call.caller == id) {
                    self.refuse(call, status, now, out);
                } else {
                    self.phone_ended(id, &Ending::Unreachable, now, out);
                }
            }
            Audio::Closing { .. } => {
                self.free_audio(id, Statistics::default(), now);
                self.retire_leg(id, now, out);
            }
            Audio::Open { .. } | Audio::Closed { .. } => {}
        }
    }

    fn closed(&mut self, id: LegId, statistics: Statistics, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.call_of_leg(id) else { return };
        let Some(audio) = self.legs.get(&id).map(|leg| leg.audio) else { return };
        match audio {
            Audio::Closing { .. } => {
                self.free_audio(id, statistics, now);
                self.retire_leg(id, now, out);
            }
            // The media plane gave the leg up by itself (a fault of ours, contained): without audio there is no call.
            Audio::Open { .. } | Audio::Opening { .. } => {
                self.free_audio(id, statistics, now);
                if self.caller_left_two(call, id, now, out) {
                    return;
                }
                if self.calls.get(&call).is_some_and(|call| call.caller == id) {
                    self.hang_up(call, super::Outcome::InternalError, now, out);
                } else {
                    self.phone_ended(id, &Ending::Unreachable, now, out);
                }
            }
            Audio::Closed { .. } => {}
        }
    }

    fn played(&mut self, leg: LegId, play: PlayId, now: Now) {
        let Some(call) = self.call_of_leg(leg) else { return };
        if let Some(play) = self.calls.get(&call).and_then(|call| call.own_play(play)) {
            self.tell_session(call, ivr::Event::Played { play }, now);
        }
    }

    fn call_of_leg(&mut self, leg: LegId) -> Option<CallId> {
        let call = self.legs.get(&leg).map(|leg| leg.call);
        self.subject = self.subject.or(call);
        call
    }
}
