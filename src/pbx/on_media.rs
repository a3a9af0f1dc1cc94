//! What the media plane reports, and what it means for the others.

use super::call::Audio;
use super::{Action, Pbx, Phase};
use crate::id::{CallId, LegId};
use crate::media::{Report, Statistics};
use crate::time::Now;
use crate::{ivr, store};

impl Pbx {
    pub(super) fn on_media(&mut self, report: Report, now: Now, out: &mut Vec<Action>) {
        match report {
            Report::Opened { leg } => self.opened(leg, now, out),
            Report::OpenFailed { leg, why } => self.open_failed(leg, &why, now, out),
            Report::Digit { leg, digit, .. } => self.tell_leg(leg, ivr::Event::Digit(digit), now),
            Report::Played { leg, play } => self.tell_leg(leg, ivr::Event::Played { play }, now),
            Report::SoundMissing { sound, .. } => {
                tracing::warn!(language = %sound.language, sound = %sound.name, "a sound is missing; a tone was played");
            }
            // A flow's caller may well say nothing; what silence means between two people is the bridge's to decide.
            Report::Silent { .. } | Report::Heard { .. } => {}
            Report::Closed { leg, statistics } => self.closed(leg, statistics, now, out),
        }
    }

    /// The port is ours: the flow takes the call.
    fn opened(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.call_of_leg(leg) else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Audio::Opening { port, .. } = call.caller.audio else { return };
        call.caller.audio = Audio::Open { port };
        let Phase::Routing { flow: name } = &call.phase else { return };
        let Some(flow) = self.config.flows.get(name).cloned() else {
            self.refuse(id, crate::sip::Status(500), now, out);
            return;
        };
        // Is there a codec in common? Known before anybody is told that we answer.
        let offer = call.caller.offer.take();
        if let Err(status) = self.describe(id, offer.as_ref()) {
            self.refuse(id, status, now, out);
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        let session = ivr::Session::new(flow, call.language.clone());
        call.phase = Phase::InFlow { session: Box::new(session) };
        let started = store::CallStarted {
            reference: call.reference.clone(),
            started: call.started,
            from: call.from.clone(),
            dialled: call.dialled.clone(),
            source: super::on_sip::source_words(&call.source),
        };
        self.write(store::What::CallStarted(started), now, out);
        self.tell_session(id, ivr::Event::Begin, now);
    }

    /// Somebody else holds that port: another one, before any SDP has left.
    fn open_failed(&mut self, leg: LegId, why: &str, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.call_of_leg(leg) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        let Audio::Opening { port, tries } = call.caller.audio else { return };
        tracing::debug!(call = %call.reference, port, why, "a media port could not be bound");
        let over = matches!(call.phase, Phase::Ended { .. });
        self.free_audio(id, Statistics::default(), now);
        if over {
            self.record(id, now, out);
        } else if let Err(status) = self.open_audio(id, tries + 1, now, out) {
            tracing::warn!(why, "no media port could be bound; the call is refused");
            self.refuse(id, status, now, out);
        }
    }

    fn closed(&mut self, leg: LegId, statistics: Statistics, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.call_of_leg(leg) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        match call.caller.audio {
            Audio::Closing { .. } => {
                self.free_audio(id, statistics, now);
                self.record(id, now, out);
            }
            // The media plane gave the leg up by itself (a fault of ours, contained): without audio there is no call.
            Audio::Open { .. } | Audio::Opening { .. } => {
                self.free_audio(id, statistics, now);
                self.hang_up(id, super::Outcome::InternalError, now, out);
            }
            Audio::Closed { .. } => {}
        }
    }

    fn tell_leg(&mut self, leg: LegId, event: ivr::Event, now: Now) {
        if let Some(call) = self.call_of_leg(leg) {
            self.tell_session(call, event, now);
        }
    }

    fn call_of_leg(&mut self, leg: LegId) -> Option<CallId> {
        let call = self.legs.get(&leg).copied();
        self.subject = self.subject.or(call);
        call
    }
}
