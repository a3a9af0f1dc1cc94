//! One party's audio: what was agreed with it, what it is played, what is heard from it.
//!
//! Invariant: before Connect nothing is sent or accepted; while the peer may not hear us, what is played waits.

use super::player::Player;
use super::shard::Outgoing;
use super::source::{Source, Verdict};
use super::voice::Voice;
use super::{Codec, Library, Report, Sound, Statistics, Stream};
use crate::audio::g711;
use crate::id::{LegId, PlayId};
use crate::rtp::{Packet, Reception, events};
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// Frames of silence after each Connect when nothing is played: they open NATs and firewalls on the way, and show the peer where
/// we send from.
pub const OPENING_FRAMES: u8 = 5;
/// A leg that is played nothing sends one frame of silence so often, in frames: every 15 s, half of the 30 s after which the
/// strictest NATs forget (RFC 4787 section 4.3 asks for two minutes, and is not heeded).
pub const COMFORT_FRAMES: i64 = 750;

const ALAW_SILENCE: [u8; crate::audio::FRAME] = [g711::ALAW_SILENCE; crate::audio::FRAME];
const ULAW_SILENCE: [u8; crate::audio::FRAME] = [g711::ULAW_SILENCE; crate::audio::FRAME];

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Leg {
    id: LegId,
    /// The library that was current at Open. Not saved, nor is the player: a restored leg is silent until it is played something.
    #[serde(skip)]
    library: Arc<Library>,
    #[serde(skip)]
    player: Option<Player>,
    line: Option<Line>,
    reception: Reception,
    digits: events::Receiver,
    hearing: Hearing,
    /// Packets that were no RTP, or from no peer of ours.
    refused: u64,
    /// Packets of the peer with a payload type that was not agreed: dropped, and counted among the refused.
    strange: u64,
}

/// What exists from the first Connect on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Line {
    agreed: Agreed,
    source: Source,
    voice: Voice,
    opening_left: u8,
}

/// What of a [`Stream`] is needed for each packet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Agreed {
    codec: Codec,
    send_payload_type: u8,
    receive_payload_type: u8,
    receive_event_type: Option<u8>,
    sending: bool,
    receiving: bool,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Hearing {
    /// Nothing is expected from the peer.
    Idle,
    /// Since when nothing was heard.
    Listening { since: Moment },
    /// Reported, until something is heard.
    Silent,
}

impl Leg {
    pub fn new(id: LegId, library: Arc<Library>) -> Leg {
        Leg {
            id,
            library,
            player: None,
            line: None,
            reception: Reception::default(),
            digits: events::Receiver::default(),
            hearing: Hearing::Idle,
            refused: 0,
            strange: 0,
        }
    }

    pub fn id(&self) -> LegId {
        self.id
    }

    pub fn connect(&mut self, stream: &Stream, now: Moment) {
        let agreed = Agreed {
            codec: stream.codec,
            send_payload_type: stream.send_payload_type,
            receive_payload_type: stream.receive_payload_type,
            receive_event_type: stream.receive_event_type,
            sending: stream.sending,
            receiving: stream.receiving,
        };
        self.line = Some(match self.line.take() {
            None => Line { agreed, source: Source::new(stream), voice: Voice::new(stream), opening_left: OPENING_FRAMES },
            Some(mut line) => {
                line.source.renew(stream);
                line.voice.renew(stream);
                Line { agreed, opening_left: OPENING_FRAMES, ..line }
            }
        });
        self.hearing = match self.hearing {
            // Somebody who was reported silent is so until heard.
            Hearing::Silent => Hearing::Silent,
            _ if stream.receiving => Hearing::Listening { since: now },
            _ => Hearing::Idle,
        };
    }

    pub fn play(&mut self, play: PlayId, sounds: Vec<Sound>, repeat: bool, out: &mut Vec<Report>) {
        let leg = self.id;
        let missing = |sound| out.push(Report::SoundMissing { leg, sound });
        self.player = Some(Player::new(play, sounds, repeat, &self.library, missing));
    }

    pub fn stop(&mut self) {
        self.player = None;
    }

    pub fn statistics(&self) -> Statistics {
        Statistics {
            sent: self.line.as_ref().map_or(0, |line| line.voice.sent()),
            received: self.reception.received() - self.strange,
            lost: self.reception.lost(),
            refused: self.refused + self.strange,
            jitter_ms: self.reception.jitter().as_secs_f32() * 1000.0,
        }
    }

    /// A datagram came to this leg's socket.
    pub fn receive(&mut self, from: SocketAddr, bytes: &[u8], now: Moment, out: &mut Vec<Report>) {
        let (Some(line), Ok(packet)) = (&mut self.line, Packet::parse(bytes)) else {
            self.refused += 1;
            return;
        };
        let header = &packet.header;
        match line.source.judge(from, header, self.reception.last(), now) {
            Verdict::Accepted => {}
            Verdict::Presented => return,
            Verdict::Refused => {
                self.refused += 1;
                return;
            }
        }
        let leg = self.id;
        let is_audio = header.payload_type == line.agreed.receive_payload_type;
        let is_event = Some(header.payload_type) == line.agreed.receive_event_type;
        self.reception.note(header, is_audio, now);
        if is_event && line.agreed.receiving {
            self.digits.receive(header.ssrc, header.timestamp, packet.payload, now, |press| out.push(digit(leg, press)));
        } else if !is_audio && !is_event {
            self.strange += 1;
        }
        if self.hearing == Hearing::Silent {
            out.push(Report::Heard { leg });
        }
        self.hearing = if line.agreed.receiving { Hearing::Listening { since: now } } else { Hearing::Idle };
    }

    /// The leg's frame is due: what it sends, and what time alone brings about.
    pub fn tick(
        &mut self,
        frame: i64,
        now: Moment,
        silent_after: Duration,
        out: &mut Vec<Outgoing>,
        reports: &mut Vec<Report>,
    ) {
        let leg = self.id;
        self.digits.tick(now, |press| reports.push(digit(leg, press)));
        if let Hearing::Listening { since } = self.hearing
            && now.since(since) >= silent_after
        {
            self.hearing = Hearing::Silent;
            reports.push(Report::Silent { leg });
        }
        if let Some(player) = &self.player
            && player.is_over()
        {
            // The last frame went out one frame ago, so this is when it has been heard.
            reports.push(Report::Played { leg, play: player.play() });
            self.player = None;
        }
        let Some(line) = &mut self.line else { return };
        if line.agreed.sending {
            line.send(leg, frame, self.player.as_mut(), out);
        }
    }
}

impl Line {
    fn send(&mut self, leg: LegId, frame: i64, player: Option<&mut Player>, out: &mut Vec<Outgoing>) {
        let codec = self.agreed.codec;
        let payload = match player.and_then(|player| player.next(codec)) {
            Some(payload) => payload,
            None if self.opening_left > 0 || self.is_quiet_for_long(frame) => match codec {
                Codec::Pcma => &ALAW_SILENCE,
                Codec::Pcmu => &ULAW_SILENCE,
            },
            None => return,
        };
        self.opening_left = self.opening_left.saturating_sub(1);
        let header = self.voice.header(frame, self.agreed.send_payload_type);
        out.push(Outgoing::new(leg, self.source.destination(), header, payload));
    }

    fn is_quiet_for_long(&self, frame: i64) -> bool {
        self.voice.last().is_none_or(|last| frame - last >= COMFORT_FRAMES)
    }
}

fn digit(leg: LegId, press: events::Press) -> Report {
    Report::Digit { leg, digit: press.digit, duration: press.duration, relayed: false }
}
