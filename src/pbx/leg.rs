//! A leg's audio: its port, what is offered and answered, what the media plane is told of it.

use super::call::{Audio, Call, Leg};
use super::{Action, Pbx};
use crate::id::CallId;
use crate::media;
use crate::sdp::{self, Agreed, Capabilities, Description, Direction};
use crate::sip::Status;
use crate::time::Now;
use std::net::SocketAddr;

/// Ports that the system may refuse before the call is.
pub const MAX_BIND_TRIES: u8 = 8;

/// What `leg` can do, on the port that it holds, for the description it sends next.
pub fn capabilities(codecs: &[String], leg: &Leg, port: u16) -> Capabilities {
    Capabilities {
        local: leg.advertise(port),
        codecs: codecs.to_vec(),
        direction: Direction::SendRecv,
        session_id: u64::from(leg.ssrc),
        version: leg.version,
    }
}

impl Pbx {
    /// Binds a port for the caller's leg: the first, or the next one after the system refused one.
    pub(super) fn open_audio(&mut self, id: CallId, tries: u8, now: Now, out: &mut Vec<Action>) -> Result<(), Status> {
        let port = match self.ports.grant(now.mono) {
            Some(port) if tries < MAX_BIND_TRIES => port,
            granted => {
                if let Some(port) = granted {
                    self.ports.release(port, now.mono);
                }
                return Err(Status(503));
            }
        };
        let Some(call) = self.calls.get_mut(&id) else { return Ok(()) };
        call.caller.audio = Audio::Opening { port, tries };
        let local = SocketAddr::new(call.caller.bind, port);
        out.push(Action::Media { shard: call.shard, command: media::Command::Open { leg: call.caller.id, local } });
        Ok(())
    }

    /// Gives the caller's port back, when there is one; its audio is over.
    pub(super) fn free_audio(&mut self, id: CallId, statistics: media::Statistics, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(port) = call.caller.audio.port() {
            self.ports.release(port, now.mono);
        }
        call.caller.audio = Audio::Closed { statistics };
    }

    /// Answers `offer`, or makes our own offer when there is none, as the leg's next description.
    pub(super) fn describe(&mut self, id: CallId, offer: Option<&Description>) -> Result<Description, Status> {
        let codecs = &self.config.media.codecs;
        let Some(leg) = self.calls.get_mut(&id).map(|call| &mut call.caller) else { return Err(Status(481)) };
        let Audio::Open { port } = leg.audio else { return Err(Status(500)) };
        let capabilities = capabilities(codecs, leg, port);
        let (description, agreed) = match offer {
            Some(offer) => {
                let (description, agreed) = sdp::answer(offer, &capabilities).map_err(|_| Status(488))?;
                (description, Some(agreed))
            }
            None => (sdp::offer(&capabilities), None),
        };
        leg.version += 1;
        leg.local = Some(description.clone());
        if agreed.is_some() {
            leg.agreed = agreed;
        }
        Ok(description)
    }

    /// Takes the peer's answer to our offer.
    pub(super) fn accept_answer(&mut self, id: CallId, answer: &Description) -> Result<(), Status> {
        let Some(leg) = self.calls.get_mut(&id).map(|call| &mut call.caller) else { return Err(Status(481)) };
        let Some(offer) = &leg.local else { return Err(Status(500)) };
        leg.agreed = Some(sdp::accept(offer, answer).map_err(|_| Status(488))?);
        Ok(())
    }

    /// Tells the media plane what was agreed, at first and after each renegotiation.
    pub(super) fn connect_audio(&self, id: CallId, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(agreed) = &call.caller.agreed else { return };
        if let Some(stream) = stream(call, agreed) {
            self.command_media(call, media::Command::Connect { leg: call.caller.id, stream }, out);
        }
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

fn stream(call: &Call, agreed: &Agreed) -> Option<media::Stream> {
    let leg = &call.caller;
    Some(media::Stream {
        remote: agreed.remote,
        source: leg.source_rule(&call.source),
        codec: codec(&agreed.codec)?,
        send_payload_type: agreed.send_payload_type,
        receive_payload_type: agreed.receive_payload_type,
        send_event_type: agreed.send_event_type,
        receive_event_type: agreed.receive_event_type,
        sending: matches!(agreed.direction, Direction::SendRecv | Direction::SendOnly),
        receiving: matches!(agreed.direction, Direction::SendRecv | Direction::RecvOnly),
        ssrc: leg.ssrc,
        first_sequence: leg.first_sequence,
        first_timestamp: leg.first_timestamp,
    })
}
