//! The audio of one call, as a telephone makes it: it speaks all the time, a frame every 20 ms, and listens.
//!
//! ```text
//!   play(clip) --> frames ----+                       +--> Tape: all that was heard
//!   speak(...) --> frames ----+--> packet every 20 ms |
//!   press(key) --> RFC 4733 --+                       +--> Ear: what it was
//!                                                     +--> live: what is heard now, for a speaker
//!                 datagrams --> RTP ------------------+--> keys
//! ```
//!
//! Invariant: one SSRC, whose sequence and timestamp go on whatever is played or pressed.

use super::ear::{Ear, Hearing, Memory};
use super::tape::Tape;
use crate::audio::{Clip, FRAME, g711};
use crate::id::Rng;
use crate::rtp::{CLOCK_RATE, Header, Packet, events};
use crate::sdp::Agreed;
use crate::time::{Duration, Moment};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// The name of A-law; the other codec is mu-law.
const ALAW: &str = "PCMA";
const TICK: Duration = Duration::from_millis(20);
/// How long a key is held.
const PRESS: Duration = Duration::from_millis(160);
/// Keys waiting to be pressed.
const MAX_KEYS: usize = 64;
/// What was said into it and has not left, at most, in samples: 200 ms.
const MAX_SPEECH: usize = 10 * FRAME;
/// How far behind the network a speaker is, so that what comes late is still heard.
const BEHIND: Duration = Duration::from_millis(60);
/// A tick so late (the machine slept) is not made up for.
const TOO_LATE: Duration = Duration::from_millis(200);

/// What happened on the audio of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sensation {
    Hears(Hearing),
    /// A key of the other side.
    Digit(char),
    /// All of the clip has been said.
    Said,
}

pub struct Talk {
    stream: Option<Agreed>,
    clip: Option<Arc<Clip>>,
    /// Frames of the clip that were said.
    said: usize,
    keys: VecDeque<events::Sender>,
    /// Of the key being pressed.
    key_timestamp: Option<u32>,
    /// Of the next packet.
    header: Header,
    next: Option<Moment>,
    events: events::Receiver,
    ear: Ear,
    tape: Tape,
    /// For whoever listens while it goes on.
    live: Option<Box<Live>>,
}

/// A person at the telephone.
#[derive(Default)]
struct Live {
    heard: Tape,
    speech: VecDeque<i16>,
}

impl Talk {
    pub fn new(memory: Arc<Memory>, rng: &mut Rng) -> Talk {
        // Random, so that two calls cannot be confounded (RFC 3550 section 5.1). Truncated on purpose.
        let sequence = (rng.u32() & 0x7fff) as u16;
        let header = Header { marker: true, payload_type: 0, sequence, timestamp: rng.u32(), ssrc: rng.u32() };
        Talk {
            stream: None,
            clip: None,
            said: 0,
            keys: VecDeque::new(),
            key_timestamp: None,
            header,
            next: None,
            events: events::Receiver::default(),
            ear: Ear::new(memory),
            tape: Tape::default(),
            live: None,
        }
    }

    /// What was negotiated, at first and after each change. From the first time on the tape runs.
    pub fn agree(&mut self, agreed: Agreed, now: Moment) {
        self.stream = Some(agreed);
        self.tape.start(now);
        self.next.get_or_insert(now);
    }

    /// Says the clip from its beginning, instead of what it is saying.
    pub fn play(&mut self, clip: Arc<Clip>) {
        self.clip = Some(clip);
        self.said = 0;
    }

    /// A person says this, at 8 kHz, and listens: what they hear now goes to `heard`. Of too much the oldest is not sent.
    pub fn live(&mut self, said: &[i16], now: Moment, heard: &mut Vec<i16>) {
        let live = self.live.get_or_insert_default();
        live.heard.start(now);
        live.speech.extend(said);
        let excess = live.speech.len().saturating_sub(MAX_SPEECH);
        live.speech.drain(..excess);
        live.heard.hear(BEHIND, now, heard);
    }

    /// False when the other side does not take keys in the audio, or there are too many: then it wants an INFO.
    pub fn press(&mut self, digit: char) -> bool {
        let taken = self.stream.as_ref().is_some_and(|stream| stream.send_event_type.is_some());
        match events::Sender::new(digit, PRESS) {
            Some(key) if taken && self.keys.len() < MAX_KEYS => {
                self.keys.push_back(key);
                true
            }
            _ => false,
        }
    }

    /// All that was heard, at 8 kHz.
    pub fn tape(&self) -> &[i16] {
        self.tape.samples()
    }

    pub fn receive(&mut self, bytes: &[u8], now: Moment, out: &mut Vec<Sensation>) {
        let (Ok(Packet { header, payload, .. }), Some(stream)) = (Packet::parse(bytes), &self.stream) else { return };
        if stream.receive_event_type == Some(header.payload_type) {
            let event = events::Event { ssrc: header.ssrc, timestamp: header.timestamp, payload, passed_on: false };
            self.events.receive(event, now, |press| out.push(Sensation::Digit(press.digit)));
        } else if let Some(format) = stream.receive.iter().find(|format| format.payload_type == header.payload_type) {
            let is_alaw = format.codec == ALAW;
            self.tape.record(&header, payload, is_alaw, now);
            if let Some(live) = &mut self.live {
                live.heard.record(&header, payload, is_alaw, now);
            }
            out.extend(self.ear.listen(payload, is_alaw).map(Sensation::Hears));
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.next
    }

    /// Every 20 ms: what to send, and where.
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Sensation>) -> Option<(SocketAddr, Vec<u8>)> {
        let due = self.next.filter(|due| *due <= now)?;
        let next = if now.since(due) > TOO_LATE { now + TICK } else { due + TICK };
        self.next = Some(next);
        self.events.tick(now, |press| out.push(Sensation::Digit(press.digit)));
        let stream = self.stream.as_ref()?;
        let remote = stream.remote;
        let is_sending = stream.direction.sends();
        let packet = if is_sending { self.key().or_else(|| self.frame(out)) } else { None };
        // The timestamp is a clock: it goes on while nothing is sent.
        self.header.timestamp = self.header.timestamp.wrapping_add(CLOCK_RATE / 50);
        self.header.marker |= !is_sending;
        packet.map(|packet| (remote, packet))
    }

    /// The next packet of a key that is pressed.
    fn key(&mut self) -> Option<Vec<u8>> {
        let payload_type = self.stream.as_ref()?.send_event_type?;
        let Some(payload) = self.keys.front_mut()?.next() else {
            self.keys.pop_front();
            self.key_timestamp = None;
            // Speech goes on with the marker of a new talk spurt.
            self.header.marker = true;
            return None;
        };
        let marker = self.key_timestamp.is_none();
        let timestamp = *self.key_timestamp.get_or_insert(self.header.timestamp);
        let header = Header { marker, payload_type, timestamp, ..self.header };
        Some(self.print(header, &payload.to_bytes()))
    }

    /// The next frame of the clip, of who speaks, or of silence.
    fn frame(&mut self, out: &mut Vec<Sensation>) -> Option<Vec<u8>> {
        let stream = self.stream.as_ref()?;
        let (is_alaw, payload_type) = (is_alaw(stream), stream.send_payload_type);
        let silence = [if is_alaw { g711::ALAW_SILENCE } else { g711::ULAW_SILENCE }; FRAME];
        let header = Header { payload_type, ..self.header };
        self.header.marker = false;
        let Some(clip) = self.clip.clone() else {
            let speech = self.speech(is_alaw).unwrap_or(silence);
            return Some(self.print(header, &speech));
        };
        let bytes = if is_alaw { clip.alaw() } else { clip.ulaw() };
        let frame = bytes.chunks_exact(FRAME).nth(self.said);
        self.said += 1;
        if self.said >= clip.frames() {
            self.clip = None;
            out.push(Sensation::Said);
        }
        Some(self.print(header, frame.unwrap_or(&silence)))
    }

    /// A whole frame of what was said, if there is one.
    fn speech(&mut self, is_alaw: bool) -> Option<[u8; FRAME]> {
        let speech = &mut self.live.as_mut()?.speech;
        let encode = if is_alaw { g711::linear_to_alaw } else { g711::linear_to_ulaw };
        let mut frame = [0; FRAME];
        for (byte, sample) in frame.iter_mut().zip(speech.drain(..(speech.len() >= FRAME).then_some(FRAME)?)) {
            *byte = encode(sample);
        }
        Some(frame)
    }

    fn print(&mut self, header: Header, payload: &[u8]) -> Vec<u8> {
        self.header.sequence = self.header.sequence.wrapping_add(1);
        [&header.to_bytes()[..], payload].concat()
    }
}

fn is_alaw(stream: &Agreed) -> bool {
    stream.codec == ALAW
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone;
    use crate::sdp::{Direction, Format};

    fn agreed(codec: &str, events: Option<u8>) -> Agreed {
        let payload_type = if codec == "PCMA" { 8 } else { 0 };
        Agreed {
            remote: SocketAddr::from(([127, 0, 0, 1], 4000)),
            codec: codec.into(),
            send_payload_type: payload_type,
            receive: vec![Format { codec: codec.into(), payload_type }],
            send_event_type: events,
            receive_event_type: events,
            direction: Direction::SendRecv,
            ptime_ms: 20,
        }
    }

    /// Two that talk to each other, for so many frames; what each noticed.
    fn run(pair: &mut [Talk; 2], from: u64, frames: u64) -> [Vec<Sensation>; 2] {
        let mut noticed = [Vec::new(), Vec::new()];
        for frame in from..from + frames {
            let now = Moment::ZERO + TICK * u32::try_from(frame).expect("few frames");
            for who in [0, 1] {
                if let Some((_, packet)) = pair[who].handle_timeout(now, &mut noticed[who]) {
                    pair[1 - who].receive(&packet, now, &mut noticed[1 - who]);
                }
            }
        }
        noticed
    }

    fn pair(codec: &str, events: Option<u8>) -> ([Talk; 2], Arc<Clip>) {
        let clip = Arc::new(Clip::encode(&tone(400.0, 0.5, Duration::from_millis(500))));
        let mut memory = Memory::default();
        memory.learn("hello".into(), &clip);
        let memory = Arc::new(memory);
        let mut pair = [1, 2].map(|seed| Talk::new(memory.clone(), &mut Rng::from_seed(seed)));
        for talk in &mut pair {
            talk.agree(agreed(codec, events), Moment::ZERO);
        }
        (pair, clip)
    }

    #[test]
    fn what_one_says_the_other_hears_records_and_knows() {
        for codec in ["PCMA", "PCMU"] {
            let (mut pair, clip) = pair(codec, None);
            pair[0].play(clip.clone());
            let [said, heard] = run(&mut pair, 0, 30);
            assert_eq!(said, [Sensation::Said]);
            assert_eq!(heard, [Sensation::Hears(Hearing::Sound("hello".into()))]);
            let expected: Vec<i16> = match codec {
                "PCMA" => clip.alaw().iter().map(|byte| g711::alaw_to_linear(*byte)).collect(),
                _ => clip.ulaw().iter().map(|byte| g711::ulaw_to_linear(*byte)).collect(),
            };
            assert_eq!(pair[1].tape()[..expected.len()], expected[..], "{codec}");
        }
    }

    #[test]
    fn keys_are_pressed_one_after_the_other_where_they_are_taken() {
        let (mut pair, _) = self::pair("PCMA", Some(101));
        assert!(pair[0].press('1') && pair[0].press('#'));
        let [_, heard] = run(&mut pair, 0, 40);
        assert_eq!(heard, [Sensation::Digit('1'), Sensation::Digit('#')]);
        let (mut without, _) = self::pair("PCMA", None);
        assert!(!without[0].press('1') && !pair[0].press('x'));
    }

    #[test]
    fn on_hold_nothing_is_sent_and_the_clock_goes_on() {
        let (mut pair, clip) = pair("PCMA", None);
        let held = Agreed { direction: Direction::RecvOnly, ..agreed("PCMA", None) };
        pair[0].agree(held, Moment::ZERO);
        pair[0].play(clip);
        assert_eq!(run(&mut pair, 0, 20)[1], []);
        pair[0].agree(agreed("PCMA", None), Moment::ZERO);
        assert_eq!(run(&mut pair, 20, 30)[1], [Sensation::Hears(Hearing::Sound("hello".into()))]);
        let start = pair[1].tape().iter().position(|sample| sample.unsigned_abs() > 1000).expect("it is on the tape");
        assert!((20 * FRAME..22 * FRAME).contains(&start), "{start}");
    }

    #[test]
    fn what_a_person_says_is_heard_live_and_of_too_much_only_the_newest() {
        let (mut pair, _) = pair("PCMU", None);
        let voice = tone(400.0, 0.5, Duration::from_secs(1));
        let voice: Vec<i16> = voice.iter().map(|sample| (sample * f32::from(i16::MAX)) as i16).collect();
        let mut heard = Vec::new();
        let mut loud_of = |said: &dyn Fn(usize) -> Vec<i16>, frames: std::ops::Range<usize>| {
            heard.clear();
            for frame in frames {
                let now = Moment::ZERO + TICK * u32::try_from(frame).expect("few frames");
                pair[0].live(&said(frame), now, &mut Vec::new());
                pair[1].live(&[], now, &mut heard);
                run(&mut pair, frame as u64, 1);
            }
            let is_loud = |frame: &&[i16]| frame.iter().any(|sample| sample.unsigned_abs() > 1000);
            (heard.len() / FRAME, heard.chunks(FRAME).filter(is_loud).count())
        };
        let speech = |frame: usize| voice.chunks(FRAME).nth(frame).map(<[i16]>::to_vec).unwrap_or_default();
        // 60 ms behind, and nothing of it lost.
        assert_eq!(loud_of(&speech, 0..100), (96, voice.len() / FRAME));
        let burst = |frame: usize| if frame == 100 { voice.clone() } else { Vec::new() };
        assert_eq!(loud_of(&burst, 100..150), (50, MAX_SPEECH / FRAME));
    }
}
