//! A leg's audio: its port, what is offered and answered, what the media plane is told of it; and the end of a leg.
//!
//! ```text
//! open_audio -> Opened -> describe -> connect_audio ... drop_leg -> Closed (or the timer) -> retire: its record stays with the call
//! ```
//!
//! Invariant: a leg is retired exactly once, when its port rests.

use super::call::{Audio, Leg, Role};
use super::policy::Permit;
use super::ports::Need;
use super::{Action, CLOSING, Pbx, Timer, cdr};
use crate::config::Class;
use crate::id::LegId;
use crate::media::{self, Statistics};
use crate::sdp::{self, Agreed, Capabilities, Description, Direction};
use crate::sip::{Command, Status};
use crate::time::Now;
use std::net::SocketAddr;

/// Ports that the system may refuse before the leg is given up.
pub const MAX_BIND_TRIES: u8 = 32;

/// How we take leave of the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
    /// An incoming call that was not answered.
    Refuse(Status),
    /// Whatever fits the state that the session is in.
    HangUp,
    /// The same, of a phone that rang: it need not say that it missed a call (RFC 3326).
    Elsewhere,
}

/// What a phone is told that rang for a call which somebody else has.
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Pbx {
    /// Binds a port for a leg: the first, or the next one after the system refused one.
    pub(super) fn open_audio(&mut self, id: LegId, tries: u8, now: Now, out: &mut Vec<Action>) -> Result<(), Status> {
        if tries >= MAX_BIND_TRIES {
            return Err(Status(503));
        }
        let Some(leg) = self.legs.get(&id) else { return Ok(()) };
        let need = match (leg.role, leg.permit.as_deref().map(Permit::class)) {
            (_, Some(Class::Emergency)) => Need::Emergency,
            (Role::Caller, _) if self.calls.get(&leg.call).is_some_and(|call| call.is_emergency) => Need::Emergency,
            (Role::Caller, _) => Need::Caller,
            _ => Need::Called,
        };
        let Some(port) = self.ports.grant(need, now.mono) else {
            self.is_full("no media port is free", now);
            return Err(Status(503));
        };
        let Some(leg) = self.legs.get_mut(&id) else { return Ok(()) };
        leg.audio = Audio::Opening { port, tries };
        let local = SocketAddr::new(leg.bind, port);
        out.push(Action::Media { shard: leg.shard, command: media::Command::Open { leg: id, local } });
        Ok(())
    }

    /// The leg's port rests; its audio is over.
    pub(super) fn free_audio(&mut self, id: LegId, statistics: Statistics, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(port) = leg.audio.port() {
            self.ports.release(port, now.mono);
        }
        leg.audio = Audio::Closed { statistics };
    }

    /// Answers `offer`, or makes our own offer when there is none, as the leg's next description.
    pub(super) fn describe(&mut self, id: LegId, offer: Option<&Description>) -> Result<Description, Status> {
        let codecs = self.codecs_for(id);
        let Some(leg) = self.legs.get_mut(&id) else { return Err(Status(481)) };
        let Audio::Open { port } = leg.audio else { return Err(Status(500)) };
        let capabilities = Capabilities {
            local: leg.advertise(port),
            codecs,
            direction: Direction::SendRecv,
            session_id: u64::from(leg.ssrc),
            version: leg.version,
        };
        let (description, agreed) = match offer {
            Some(offer) => {
                let suspended = leg.agreed.as_ref().and_then(|before| sdp::suspend(offer, &capabilities, before));
                let answered = suspended.map_or_else(|| sdp::answer(offer, &capabilities), Ok);
                let (description, agreed) = answered.map_err(|_| Status(488))?;
                (description, Some(agreed))
            }
            None => match &leg.local {
                Some(last) => (sdp::reoffer(&capabilities, last), None),
                None => (sdp::offer(&capabilities), None),
            },
        };
        leg.version += 1;
        leg.local = Some(description.clone());
        if agreed.is_some() {
            leg.agreed = agreed;
        }
        Ok(description)
    }

    /// Ours, the one that the caller speaks first: then nobody has to translate.
    fn codecs_for(&self, id: LegId) -> Vec<String> {
        let mut codecs = self.config.media.codecs.clone();
        let call = self.legs.get(&id).and_then(|leg| self.calls.get(&leg.call));
        let caller = call.filter(|call| call.caller != id).and_then(|call| self.legs.get(&call.caller));
        if let Some(spoken) = caller.and_then(|caller| caller.agreed.as_ref()).map(|agreed| &agreed.codec) {
            codecs.sort_by_key(|codec| codec != spoken);
        }
        codecs
    }

    /// Takes the peer's answer to our offer.
    pub(super) fn accept_answer(&mut self, id: LegId, answer: &Description) -> Result<(), Status> {
        let Some(leg) = self.legs.get_mut(&id) else { return Err(Status(481)) };
        let Some(offer) = &leg.local else { return Err(Status(500)) };
        leg.agreed = Some(sdp::accept(offer, answer).map_err(|_| Status(488))?);
        Ok(())
    }

    /// Tells the media plane what was agreed, at first and after each renegotiation.
    pub(super) fn connect_audio(&self, id: LegId, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get(&id) else { return };
        if let Some(stream) = leg.agreed.as_ref().and_then(|agreed| stream(leg, agreed)) {
            out.push(Action::Media { shard: leg.shard, command: media::Command::Connect { leg: id, stream } });
        }
    }

    /// Ends a leg: takes leave of the peer when the session still lives, closes the audio.
    pub(super) fn drop_leg(&mut self, id: LegId, farewell: Farewell, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.legs.get(&id).map(|leg| leg.call) else { return };
        let clock = self.clock_of(call, now);
        self.release_permit(id, now);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (dialog, shard) = (leg.dialog, leg.shard);
        if std::mem::take(&mut leg.session_open) {
            let (command, how) = match farewell {
                Farewell::Refuse(status) => (Command::Refuse { dialog, status }, format!("refused {}", status.0)),
                Farewell::HangUp | Farewell::Elsewhere => {
                    let how = if leg.answered.is_some() { "hung up" } else { "cancelled" };
                    let reason = (farewell == Farewell::Elsewhere).then(|| ELSEWHERE.to_string());
                    (Command::Hangup { dialog, reason }, how.into())
                }
            };
            leg.end(clock.wall, how);
            self.command_sip(command, now);
            self.touch(id);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match leg.audio {
            Audio::Open { port } | Audio::Opening { port, .. } => {
                leg.audio = Audio::Closing { port };
                out.push(Action::Media { shard, command: media::Command::Close { leg: id } });
                self.timers.set(Timer::Closing(id), now.mono + CLOSING);
            }
            Audio::Closing { .. } => {}
            Audio::Closed { .. } => self.retire_leg(id, now, out),
        }
    }

    /// The leg is gone: its record stays with the call, and with the last leg the call is recorded.
    pub(super) fn retire_leg(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.audio.port().is_some() {
            tracing::error!(leg = id.0, "the media plane did not close a leg in time");
            self.free_audio(id, Statistics::default(), now);
        }
        self.party_gone(id, now);
        self.release_permit(id, now);
        let joining = self.joining.remove(&id);
        if let Some(joining) = &joining {
            self.stranded(joining, now, out);
        }
        let Some(leg) = self.legs.remove(&id) else { return };
        self.timers.cancel(&Timer::Closing(id));
        self.timers.cancel(&Timer::Probe(id));
        self.timers.cancel(&Timer::AskAgain(id));
        self.timers.cancel(&Timer::Confirm(id));
        self.timers.cancel(&Timer::LetGo(id));
        if let Some(attempt) = leg.attempt.and_then(|attempt| self.attempts.get_mut(&attempt)) {
            attempt.legs.remove(&id);
        }
        self.dialogs.remove(&leg.dialog);
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.legs.remove(&id);
            call.gone.push(cdr::leg_record(&leg, call.clock(now)));
        }
        if joining.is_some() {
            self.end_when_left(leg.call, now, out);
        }
        self.record_when_over(leg.call, now, out);
    }
}

/// Both rooms name codecs in their own words; only these two are ever negotiated.
fn codec(name: &str) -> Option<media::Codec> {
    match name {
        "PCMA" => Some(media::Codec::Pcma),
        "PCMU" => Some(media::Codec::Pcmu),
        _ => None,
    }
}

fn receive_types(agreed: &Agreed) -> media::PayloadTypes {
    let mut types = media::PayloadTypes::default();
    for format in &agreed.receive {
        if let Some(codec) = codec(&format.codec) {
            types.set(codec, format.payload_type);
        }
    }
    types
}

fn stream(leg: &Leg, agreed: &Agreed) -> Option<media::Stream> {
    Some(media::Stream {
        remote: agreed.remote,
        source: leg.source_rule(),
        codec: codec(&agreed.codec)?,
        send_payload_type: agreed.send_payload_type,
        receive: receive_types(agreed),
        send_event_type: agreed.send_event_type,
        receive_event_type: agreed.receive_event_type,
        sending: matches!(agreed.direction, Direction::SendRecv | Direction::SendOnly),
        receiving: matches!(agreed.direction, Direction::SendRecv | Direction::RecvOnly),
        ssrc: leg.ssrc,
        first_sequence: leg.first_sequence,
        first_timestamp: leg.first_timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Format;

    #[test]
    fn every_codec_that_was_agreed_is_heard() {
        let offer = Capabilities {
            local: ([192, 0, 2, 1], 20000).into(),
            codecs: vec!["PCMA".into(), "PCMU".into()],
            direction: Direction::SendRecv,
            session_id: 1,
            version: 1,
        };
        let description = sdp::offer(&offer);
        let mut agreed = sdp::accept(&description, &description).expect("the same on both sides");
        let types = receive_types(&agreed);
        assert_eq!((types.codec(8), types.codec(0)), (Some(media::Codec::Pcma), Some(media::Codec::Pcmu)));
        assert_eq!((types.codec(101), types.codec(9)), (None, None));
        agreed.receive = vec![Format { codec: "PCMU".into(), payload_type: 96 }];
        assert_eq!(receive_types(&agreed), media::PayloadTypes::only(media::Codec::Pcmu, 96));
    }
}
