//! What the media plane reports, and what it means for the others.

use super::call::Audio;
use super::{Action, Pbx, Phase, on_sip};
use crate::id::{CallId, LegId};
use crate::media::{Report, Statistics};
use crate::sip::Status;
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
            // Nobody moves a leg yet.
            Report::Exported { .. } | Report::Imported { .. } => {}
            Report::Closed { leg, statistics } => self.closed(leg, statistics, now, out),
        }
    }

    /// The port is ours: the flow takes the call.
    fn opened(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.call_of_leg(id) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Audio::Opening { port, .. } = leg.audio else { return };
        leg.audio = Audio::Open { port };
        // Is there a codec in common? Known before anybody is told that we answer.
        let offer = leg.offer.take();
        if let Err(status) = self.describe(id, offer.as_ref()) {
            self.refuse(call, status, now, out);
            return;
        }
        self.begin_flow(call, now, out);
    }

    /// From here on a flow speaks with the caller, and the store knows of the call.
    fn begin_flow(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Phase::Routing { flow } = &call.phase else { return };
        let Some(flow) = self.config.flows.get(flow).cloned() else {
            // A reload took the flow away between the routing and the port.
            self.refuse(id, Status(500), now, out);
            return;
        };
        call.phase = Phase::InFlow { session: Box::new(ivr::Session::new(flow, call.language.clone())) };
        let started = store::CallStarted {
            reference: call.reference.clone(),
            started: call.started,
            from: call.from.clone(),
            dialled: call.dialled.clone(),
            source: on_sip::source_words(&call.source),
        };
        self.write(store::What::CallStarted(started), now, out);
        self.tell_session(id, ivr::Event::Begin, now);
    }

    /// Somebody else holds that port: another one, before any SDP has left.
    fn open_failed(&mut self, id: LegId, why: &str, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.call_of_leg(id) else { return };
        let Some(audio) = self.legs.get(&id).map(|leg| leg.audio) else { return };
        match audio {
            Audio::Opening { port, tries } => {
                tracing::debug!(port, why, "a media port could not be bound");
                self.free_audio(id, Statistics::default(), now);
                if let Err(status) = self.open_audio(id, tries + 1, now, out) {
                    tracing::warn!(why, "no media port could be bound; the call is refused");
                    self.refuse(call, status, now, out);
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
                self.hang_up(call, super::Outcome::InternalError, now, out);
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
        let call = self.legs.get(&leg).map(|leg| leg.call);
        self.subject = self.subject.or(call);
        call
    }
}
