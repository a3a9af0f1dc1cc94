//! One party's audio: what was agreed with it, what it is played, what is heard from it, whom it talks with.
//!
//! | what is sent to it | when |
//! |---|---|
//! | a key that we press | before everything else |
//! | what it is played, or hold music | otherwise |
//! | what the other leg of its bridge hears, as soon as it came; in a mix, every frame, the sum of the others | otherwise |
//! | silence | after each Connect, and every 15 s when there is nothing else |
//!
//! Invariant: before Connect nothing is sent or accepted; while the peer may not hear us, what is played waits.

use super::keys::Keys;
use super::outbox::Outbox;
use super::player::{Music, Player, silence};
use super::playout::Playout;
use super::source::{Source, Verdict};
use super::voice::{Relayed, Voice};
use super::{Codec, Library, PayloadTypes, Report, Sound, Statistics, Stream};
use crate::audio::{FRAME, g711};
use crate::id::{LegId, PlayId};
use crate::rtp::{Header, Packet, Reception, events};
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// Frames of silence after each Connect when nothing is played: they open NATs and firewalls on the way, and show the peer where
/// we send from.
pub const OPENING_FRAMES: u8 = 5;
/// A leg that is played nothing sends one frame of silence so often: half of the 30 s after which the strictest NATs forget
/// (RFC 4787 section 4.3 asks for two minutes, and is not heeded).
pub const COMFORT: Duration = Duration::from_secs(15);
/// Somebody whose packets were passed on so recently is being listened to: no silence is put between them.
const SPEAKING: Duration = Duration::from_millis(100);
/// The longest payload that is passed on: 200 ms, the most that anybody need accept (RFC 3551 section 4.2).
pub const MAX_PAYLOAD: usize = 1600;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Leg {
    id: LegId,
    /// The library that was current at Open. Not saved, nor is what is played: a restored leg is silent until it is played something.
    #[serde(skip)]
    library: Arc<Library>,
    #[serde(skip)]
    playing: Playing,
    keys: Keys,
    company: Company,
    line: Option<Line>,
    reception: Reception,
    digits: events::Receiver,
    hearing: Hearing,
    /// The frame that was served last: none is served twice, on whatever shard.
    frame: Option<i64>,
    /// Packets that were no RTP, or from no peer of ours.
    refused: u64,
    /// Packets of the peer with a payload type that was not agreed: dropped, and counted among the refused.
    strange: u64,
}

#[derive(Clone, PartialEq, Debug, Default)]
enum Playing {
    #[default]
    Nothing,
    Sounds(Player),
    Music(Music),
}

/// Whom it talks with.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub enum Company {
    #[default]
    Nobody,
    One(LegId),
    /// In a mix that is served in this millisecond of the frame.
    Mix {
        at: usize,
        said: Playout,
    },
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
    receive: PayloadTypes,
    send_event_type: Option<u8>,
    receive_event_type: Option<u8>,
    sending: bool,
    receiving: bool,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Hearing {
    /// Since when nothing was heard, if something should be and its absence was not reported.
    nothing_since: Option<Moment>,
    /// Silence was reported: the next packet is worth a report too.
    missed: bool,
}

/// A frame whose time has come.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub frame: i64,
    pub now: Moment,
    /// How long nothing is heard before it is reported.
    pub silent_after: Duration,
}

/// An accepted packet that the leg may hear: for whoever it talks with.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    header: Header,
    payload: &'a [u8],
    kind: Kind,
}

/// What a packet holds, told by its payload type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Audio(Codec),
    Key,
    /// Nothing that was agreed.
    Strange,
}

impl Heard<'_> {
    pub fn is_key(&self) -> bool {
        self.kind == Kind::Key
    }
}

impl Leg {
    pub fn new(id: LegId, library: Arc<Library>) -> Leg {
        Leg {
            id,
            library,
            playing: Playing::Nothing,
            keys: Keys::default(),
            company: Company::Nobody,
            line: None,
            reception: Reception::default(),
            digits: events::Receiver::default(),
            hearing: Hearing::default(),
            frame: None,
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
            receive: stream.receive,
            send_event_type: stream.send_event_type,
            receive_event_type: stream.receive_event_type,
            sending: stream.sending,
            receiving: stream.receiving,
        };
        if agreed.keys().is_none() {
            self.keys = Keys::default();
        }
        self.line = Some(match self.line.take() {
            None => Line { agreed, source: Source::new(stream), voice: Voice::new(stream), opening_left: OPENING_FRAMES },
            Some(mut line) => {
                line.source.renew(stream);
                line.voice.renew(stream);
                Line { agreed, opening_left: OPENING_FRAMES, ..line }
            }
        });
        self.hearing.nothing_since = stream.receiving.then_some(now);
    }

    pub fn play(&mut self, play: PlayId, sounds: Vec<Sound>, repeat: bool, out: &mut Vec<Report>) {
        let leg = self.id;
        let missing = |sound| out.push(Report::SoundMissing { leg, sound });
        self.playing = Playing::Sounds(Player::new(play, sounds, repeat, &self.library, missing));
    }

    pub fn music(&mut self, sound: Sound, out: &mut Vec<Report>) {
        let leg = self.id;
        let missing = |sound| out.push(Report::SoundMissing { leg, sound });
        self.playing = Playing::Music(Music::new(sound, &self.library, missing));
    }

    pub fn stop(&mut self) {
        self.playing = Playing::Nothing;
    }

    pub fn press(&mut self, digit: char, duration: Duration) {
        if self.line.as_ref().is_some_and(|line| line.agreed.keys().is_some()) {
            self.keys.press(digit, duration);
        }
    }

    /// The one whom it talks with.
    pub fn other(&self) -> Option<LegId> {
        match self.company {
            Company::One(other) => Some(other),
            Company::Nobody | Company::Mix { .. } => None,
        }
    }

    /// Its frames are served with those of the others in its mix.
    pub fn is_mixed(&self) -> bool {
        matches!(self.company, Company::Mix { .. })
    }

    /// From now on it hears that company at once, not the end of a piece of music first.
    pub fn join(&mut self, company: Company) {
        self.company = company;
        if matches!(self.playing, Playing::Music(_)) {
            self.playing = Playing::Nothing;
        }
    }

    /// Whom it no longer hears.
    pub fn part(&mut self) -> Company {
        std::mem::take(&mut self.company)
    }

    /// Says to its mix what was heard from it. Who does not listen does not speak either: no phone's own hold music is passed on.
    pub fn say(&mut self, heard: &Heard<'_>) {
        let listens = self.line.as_ref().is_some_and(|line| line.agreed.sending);
        if let Company::Mix { said, .. } = &mut self.company
            && let Kind::Audio(codec) = heard.kind
            && heard.payload.len() <= MAX_PAYLOAD
        {
            match listens {
                true => said.put(&heard.header, heard.payload, codec),
                false => said.forget(),
            }
        }
    }

    /// What the others in its mix hear of it in the frame that is due.
    pub fn said(&mut self, frame: &mut [i16; FRAME]) {
        if let Company::Mix { said, .. } = &mut self.company {
            said.take(frame);
        }
    }

    /// Came from another shard, or was restored, and then it takes up the library that is current.
    pub fn arrive(&mut self, library: &Arc<Library>) {
        self.company = Company::Nobody;
        if self.library.is_empty() {
            self.library = library.clone();
        }
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

    /// A datagram came to this leg's socket. What may be heard is given back: it is for the other leg, if there is one, and a key
    /// then comes back to [`Leg::note_key`].
    pub fn receive<'a>(&mut self, from: SocketAddr, bytes: &'a [u8], now: Moment, out: &mut Vec<Report>) -> Option<Heard<'a>> {
        let (Some(line), Ok(packet)) = (&mut self.line, Packet::parse(bytes)) else {
            self.refused += 1;
            return None;
        };
        let header = packet.header;
        match line.source.judge(from, &header, self.reception.last(), now) {
            Verdict::Accepted => {}
            Verdict::Presented => return None,
            Verdict::Refused => {
                self.refused += 1;
                return None;
            }
        }
        let kind = line.agreed.kind(header.payload_type);
        self.reception.note(&header, matches!(kind, Kind::Audio(_)), now);
        if self.hearing.missed {
            out.push(Report::Heard { leg: self.id });
        }
        self.hearing = Hearing { nothing_since: line.agreed.receiving.then_some(now), missed: false };
        self.strange += u64::from(kind == Kind::Strange);
        line.agreed.receiving.then_some(Heard { header, payload: packet.payload, kind })
    }

    /// What the leg that this one talks with heard: sent at once, in its place. False when it is not sent: nothing may be, or
    /// something else is, or keys were not agreed.
    pub fn relay(&mut self, heard: &Heard<'_>, now: Moment, out: &mut Outbox) -> bool {
        let Some(line) = &mut self.line else { return false };
        let busy = !matches!(self.playing, Playing::Nothing) || self.keys.is_pressing();
        if busy || !line.agreed.sending || heard.payload.len() > MAX_PAYLOAD {
            return false;
        }
        line.relay(self.id, heard, now, out)
    }

    /// A key that was heard, once it is known whether the other leg was sent it.
    pub fn note_key(&mut self, heard: &Heard<'_>, passed_on: bool, now: Moment, out: &mut Vec<Report>) {
        let leg = self.id;
        let Header { ssrc, timestamp, .. } = heard.header;
        let event = events::Event { ssrc, timestamp, payload: heard.payload, passed_on };
        self.digits.receive(event, now, |press| out.push(digit(leg, press)));
    }

    /// The leg's frame is due: what it sends, and what time alone brings about. `others` is what the others in its mix say.
    pub fn tick(&mut self, due: Due, others: Option<&[i16; FRAME]>, out: &mut Outbox, reports: &mut Vec<Report>) {
        let Due { frame, now, silent_after } = due;
        let leg = self.id;
        self.digits.tick(now, |press| reports.push(digit(leg, press)));
        if self.hearing.nothing_since.is_some_and(|since| now.since(since) >= silent_after) {
            self.hearing = Hearing { nothing_since: None, missed: true };
            reports.push(Report::Silent { leg, before: self.reception.received() > self.strange });
        }
        if self.frame.is_some_and(|served| frame <= served) {
            return;
        }
        self.frame = Some(frame);
        if let Playing::Sounds(player) = &self.playing
            && player.is_over()
        {
            // The last frame went out one frame ago, so this is when it has been heard.
            reports.push(Report::Played { leg, play: player.play() });
            self.playing = Playing::Nothing;
        }
        if let Some(line) = &mut self.line
            && line.agreed.sending
        {
            line.send(leg, due, &mut self.keys, &mut self.playing, others, out);
        }
    }
}

impl Agreed {
    /// The payload type of the keys that we may press.
    fn keys(&self) -> Option<u8> {
        self.send_event_type.filter(|_| self.sending)
    }

    /// What a packet with this payload type holds.
    fn kind(&self, payload_type: u8) -> Kind {
        match self.receive.codec(payload_type) {
            Some(codec) => Kind::Audio(codec),
            None if Some(payload_type) == self.receive_event_type => Kind::Key,
            None => Kind::Strange,
        }
    }
}

impl Line {
    fn send(
        &mut self,
        leg: LegId,
        Due { frame, now, .. }: Due,
        keys: &mut Keys,
        playing: &mut Playing,
        others: Option<&[i16; FRAME]>,
        out: &mut Outbox,
    ) {
        let (codec, to) = (self.agreed.codec, self.source.destination());
        if let Some(payload_type) = self.agreed.keys()
            && let Some(press) = keys.next()
        {
            let header = match press.first {
                // A key always begins with the marker (RFC 4733 section 2.5.1.1).
                true => Header { marker: true, ..self.voice.own(frame, payload_type, now) },
                false => self.voice.same_key(payload_type, now),
            };
            out.put(leg, to, header, &press.payload.to_bytes());
            return;
        }
        let payload = match playing {
            Playing::Sounds(player) => player.next(codec),
            Playing::Music(music) => Some(music.frame(frame, codec)),
            Playing::Nothing => None,
        };
        if payload.is_none() && others.is_none() && !self.needs_silence(now) {
            return;
        }
        self.opening_left = self.opening_left.saturating_sub(1);
        let header = self.voice.own(frame, self.agreed.send_payload_type, now);
        match (payload, others) {
            (Some(payload), _) => out.put(leg, to, header, payload),
            (None, Some(others)) => out.put_encoded(leg, to, header, others, encoder(codec)),
            (None, None) => out.put(leg, to, header, silence(codec)),
        }
    }

    fn relay(&mut self, leg: LegId, heard: &Heard<'_>, now: Moment, out: &mut Outbox) -> bool {
        let key = self.agreed.send_event_type.filter(|_| heard.payload.len() >= events::PAYLOAD_LENGTH);
        let (what, payload_type) = match (heard.kind, key) {
            // Of G.711, a byte is a sample.
            (Kind::Audio(_), _) => (Relayed::Audio(heard.payload.len() as u32), self.agreed.send_payload_type),
            (Kind::Key, Some(payload_type)) => (Relayed::Key, payload_type),
            // Keys do not go out as audio: whoever agreed to none is told otherwise.
            (Kind::Key, None) | (Kind::Strange, _) => {
                self.voice.leave_out(&heard.header, now);
                return false;
            }
        };
        let Some(header) = self.voice.relay(&heard.header, what, payload_type, now) else { return false };
        self.opening_left = self.opening_left.saturating_sub(1);
        let to = self.source.destination();
        match (heard.kind, self.agreed.codec) {
            (Kind::Audio(Codec::Pcma), Codec::Pcmu) => out.put_translated(leg, to, header, heard.payload, &g711::ALAW_TO_ULAW),
            (Kind::Audio(Codec::Pcmu), Codec::Pcma) => out.put_translated(leg, to, header, heard.payload, &g711::ULAW_TO_ALAW),
            _ => out.put(leg, to, header, heard.payload),
        }
        true
    }

    fn needs_silence(&self, now: Moment) -> bool {
        let quiet_for = |long: Duration| self.voice.last_sent().is_none_or(|last| now.since(last) >= long);
        quiet_for(COMFORT) || self.opening_left > 0 && (!self.voice.is_relaying() || quiet_for(SPEAKING))
    }
}

fn encoder(codec: Codec) -> fn(i16) -> u8 {
    match codec {
        Codec::Pcma => g711::quick_alaw,
        Codec::Pcmu => g711::quick_ulaw,
    }
}

fn digit(leg: LegId, press: events::Press) -> Report {
    Report::Digit { leg, digit: press.digit, duration: press.duration, relayed: press.passed_on }
}
