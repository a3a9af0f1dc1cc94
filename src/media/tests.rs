//! A shard in virtual time: a driver that ticks every 5 ms, a peer that sends what it is told to.

use super::*;
use crate::audio::{FRAME, g711};
use crate::id::{LegId, PlayId};
use crate::rtp::{Header, Packet, events};
use crate::time::{Duration, Moment};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::sync::Arc;

mod bad_network;
mod bridges;
mod mixes;
mod moves;
mod sources;

const LEG: LegId = LegId(1);
const PEER: &str = "192.0.2.10:4000";
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// A packet that the shard sent, and when.
#[derive(Clone, PartialEq, Debug)]
struct Sent {
    at: Moment,
    leg: LegId,
    to: SocketAddr,
    header: Header,
    payload: Vec<u8>,
}

struct Studio {
    shard: Shard,
    now: Moment,
    out: Outbox,
    sent: Vec<Sent>,
    reports: Vec<Report>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Two sounds: `long` of 2.5 frames, and `short` of one.
fn library() -> Library {
    let mut library = Library::new();
    for (name, samples) in [("long", 400), ("short", 160)] {
        let wave: Vec<f32> = (0..samples).map(|n| (n as f32 / samples as f32) - 0.5).collect();
        library.insert_clip("en".into(), name.into(), Clip::encode(&wave)).expect("room for it");
    }
    library
}

fn sound(name: &str) -> Sound {
    Sound { language: "en".into(), name: name.into() }
}

fn stream() -> Stream {
    Stream {
        remote: address(PEER),
        source: SourceRule::Signalled,
        codec: Codec::Pcma,
        send_payload_type: 8,
        receive: PayloadTypes::only(Codec::Pcma, 8),
        send_event_type: Some(101),
        receive_event_type: Some(96),
        sending: true,
        receiving: true,
        ssrc: 0x5eed,
        first_sequence: 65_534,
        first_timestamp: u32::MAX - 200,
    }
}

/// A peer who may speak either law.
fn both_laws() -> PayloadTypes {
    let mut types = PayloadTypes::only(Codec::Pcma, 8);
    types.set(Codec::Pcmu, 0);
    types
}

impl Studio {
    fn new() -> Studio {
        let mut shard = Shard::new(ShardId(0), SILENT_AFTER);
        shard.set_library(Arc::new(library()));
        Studio { shard, now: Moment::ZERO + ms(1_234_567), out: Outbox::default(), sent: Vec::new(), reports: Vec::new() }
    }

    /// One leg, connected.
    fn connected(stream: Stream) -> Studio {
        let mut studio = Studio::new();
        studio.open(LEG);
        studio.command(Command::Connect { leg: LEG, stream });
        studio
    }

    /// One leg, connected, after its opening frames.
    fn settled(stream: Stream) -> Studio {
        let mut studio = Studio::connected(stream);
        studio.pass(ms(200));
        studio.sent.clear();
        studio
    }

    fn open(&mut self, leg: LegId) {
        self.command(Command::Open { leg, local: address("192.0.2.1:16384") });
    }

    fn command(&mut self, command: Command) {
        self.shard.command(command, self.now, &mut self.reports);
    }

    fn play(&mut self, play: u64, sounds: &[&str], repeat: bool) {
        let sounds = sounds.iter().map(|name| sound(name)).collect();
        self.command(Command::Play { leg: LEG, play: PlayId(play), sounds, repeat });
    }

    fn tick(&mut self) {
        self.shard.tick(self.now, &mut self.out, &mut self.reports);
        self.collect();
    }

    /// Notes what goes out.
    fn collect(&mut self) {
        for outgoing in self.out.packets() {
            let packet = Packet::parse(outgoing.bytes).expect("we print RTP");
            let (header, payload) = (packet.header, packet.payload.to_vec());
            self.sent.push(Sent { at: self.now, leg: outgoing.leg, to: outgoing.to, header, payload });
        }
        self.out.clear();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + ms(5);
            self.tick();
        }
    }

    fn hear(&mut self, from: &str, header: Header, payload: &[u8]) {
        self.hear_at(LEG, from, &[&header.to_bytes()[..], payload].concat());
    }

    /// A datagram to the socket of `leg`.
    fn hear_at(&mut self, leg: LegId, from: &str, bytes: &[u8]) {
        self.shard.receive(leg, address(from), bytes, self.now, &mut self.out, &mut self.reports);
        self.collect();
    }

    /// `count` packets of audio, 20 ms apart.
    fn hear_audio(&mut self, from: &str, ssrc: u32, first: u16, count: u16) {
        for n in 0..count {
            let header =
                Header { marker: false, payload_type: 8, sequence: first.wrapping_add(n), timestamp: u32::from(n) * 160, ssrc };
            self.hear(from, header, &[0xd5; FRAME]);
            self.pass(ms(20));
        }
    }

    /// A digit of 60 ms; its packets are numbered from `first`.
    fn hear_digit(&mut self, from: &str, ssrc: u32, first: u16, timestamp: u32, digit: char) {
        let press = events::Sender::new(digit, ms(60)).expect("a key");
        for (sequence, payload) in (first..).zip(press) {
            self.hear(
                from,
                Header { marker: sequence == first, payload_type: 96, sequence, timestamp, ssrc },
                &payload.to_bytes(),
            );
            self.pass(ms(20));
        }
    }

    fn payloads(&self) -> Vec<u8> {
        self.sent.iter().flat_map(|sent| sent.payload.clone()).collect()
    }

    fn digits(&self) -> String {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Digit { digit, .. } => Some(*digit),
                _ => None,
            })
            .collect()
    }

    fn close(&mut self) -> Statistics {
        self.command(Command::Close { leg: LEG });
        match self.reports.pop() {
            Some(Report::Closed { leg: LEG, statistics }) => statistics,
            other => panic!("closed, but reported {other:?}"),
        }
    }
}

/// What the library holds of these sounds, end to end.
fn encoded(names: &[&str]) -> Vec<u8> {
    let library = library();
    names.iter().flat_map(|name| library.get("en", name).expect("a sound").alaw().to_vec()).collect()
}

#[test]
fn a_prompt_is_sent_byte_for_byte_in_order_every_twenty_milliseconds() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["long", "short", "long"], false);
    studio.pass(ms(300));
    assert_eq!(studio.payloads(), encoded(&["long", "short", "long"]));
    for pair in studio.sent.windows(2) {
        assert_eq!(pair[1].at.since(pair[0].at), ms(20));
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
        assert_eq!(pair[1].header.timestamp, pair[0].header.timestamp.wrapping_add(160));
    }
    let markers: Vec<bool> = studio.sent.iter().map(|sent| sent.header.marker).collect();
    assert_eq!(markers, [true, false, false, false, false, false, false]);
    assert!(studio.sent.iter().all(|sent| sent.to == address(PEER) && sent.header.payload_type == 8));
    assert_eq!(studio.reports, [Report::Played { leg: LEG, play: PlayId(1) }]);
}

#[test]
fn the_codec_that_was_agreed_is_the_one_that_is_sent() {
    let mut studio = Studio::settled(Stream { codec: Codec::Pcmu, send_payload_type: 0, ..stream() });
    studio.play(1, &["long"], false);
    studio.pass(ms(100));
    assert_eq!(studio.payloads(), library().get("en", "long").expect("a sound").ulaw());
    assert_eq!(studio.sent[0].header.payload_type, 0);
}

#[test]
fn the_first_packet_is_numbered_as_asked_and_the_stream_never_breaks_over_pauses() {
    let mut studio = Studio::connected(stream());
    studio.pass(ms(1000));
    studio.play(1, &["short"], false);
    studio.pass(ms(500));
    studio.play(2, &["long"], false);
    studio.pass(ms(500));
    let first = studio.sent[0].clone();
    assert_eq!((first.header.sequence, first.header.timestamp), (65_534, u32::MAX - 200));
    for (n, sent) in (0..).zip(&studio.sent) {
        assert_eq!(sent.header.ssrc, 0x5eed);
        assert_eq!(sent.header.sequence, 65_534u16.wrapping_add(n));
        // Eight ticks of the RTP clock in every millisecond.
        let elapsed = u32::try_from(sent.at.since(first.at).as_millis()).expect("short") * 8;
        assert_eq!(sent.header.timestamp, first.header.timestamp.wrapping_add(elapsed));
    }
    let spurts = studio.sent.iter().filter(|sent| sent.header.marker).count();
    assert_eq!(spurts, 3, "the opening and two prompts");
}

#[test]
fn a_connected_leg_opens_with_silence_and_then_sends_a_frame_every_fifteen_seconds() {
    let mut studio = Studio::connected(stream());
    studio.pass(ms(14_000));
    assert_eq!(studio.sent.len(), usize::from(super::leg::OPENING_FRAMES));
    assert!(studio.payloads().iter().all(|byte| *byte == g711::ALAW_SILENCE));
    studio.pass(ms(60_000));
    let comfort: Vec<_> = studio.sent[usize::from(super::leg::OPENING_FRAMES) - 1..]
        .windows(2)
        .map(|pair| pair[1].at.since(pair[0].at))
        .collect();
    assert_eq!(comfort, [Duration::from_secs(15); 4]);
}

#[test]
fn a_new_play_replaces_the_old_one_which_is_never_reported() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["long", "long"], false);
    studio.pass(ms(40));
    studio.play(2, &["short"], false);
    studio.pass(ms(100));
    assert_eq!(studio.payloads(), [&encoded(&["long"])[..2 * FRAME], &encoded(&["short"])].concat());
    assert_eq!(studio.reports, [Report::Played { leg: LEG, play: PlayId(2) }]);
}

#[test]
fn a_repeated_play_goes_round_without_a_gap_until_it_is_stopped() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["long", "short"], true);
    studio.pass(ms(20 * 10));
    assert_eq!(studio.payloads(), encoded(&["long", "short", "long", "short", "long", "short"])[..10 * FRAME]);
    studio.command(Command::Stop { leg: LEG });
    studio.pass(ms(100));
    assert_eq!(studio.sent.len(), 10);
    assert_eq!(studio.reports, []);
}

#[test]
fn a_play_of_nothing_is_over_at_once_and_a_repeated_one_never() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &[], false);
    studio.pass(ms(20));
    studio.play(2, &[], true);
    studio.pass(ms(1000));
    assert_eq!(studio.reports, [Report::Played { leg: LEG, play: PlayId(1) }]);
    assert_eq!(studio.sent, []);
}

#[test]
fn a_missing_sound_is_a_short_tone_and_a_report() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["short", "lost"], false);
    studio.pass(ms(1000));
    let library = library();
    assert_eq!(studio.payloads(), [&encoded(&["short"])[..], library.fallback().alaw()].concat());
    assert_eq!(
        studio.reports,
        [Report::SoundMissing { leg: LEG, sound: sound("lost") }, Report::Played { leg: LEG, play: PlayId(1) }]
    );
}

#[test]
fn a_leg_keeps_the_library_it_was_opened_with() {
    let mut studio = Studio::settled(stream());
    studio.shard.set_library(Arc::new(Library::new()));
    studio.play(1, &["short"], false);
    studio.pass(ms(100));
    assert_eq!(studio.payloads(), encoded(&["short"]));
}

#[test]
fn what_is_played_waits_while_the_peer_may_not_hear_it() {
    let mut studio = Studio::new();
    studio.open(LEG);
    studio.play(1, &["long"], false);
    studio.pass(ms(500));
    assert_eq!(studio.sent, [], "nothing before Connect");
    studio.command(Command::Connect { leg: LEG, stream: stream() });
    studio.pass(ms(20));
    studio.command(Command::Connect { leg: LEG, stream: Stream { sending: false, ..stream() } });
    studio.pass(ms(500));
    assert_eq!(studio.sent.len(), 1, "nothing on hold");
    studio.command(Command::Connect { leg: LEG, stream: stream() });
    studio.pass(ms(40));
    assert_eq!(studio.payloads(), encoded(&["long"]));
    assert_eq!(studio.sent[1].header.sequence, studio.sent[0].header.sequence.wrapping_add(1));
}

#[test]
fn after_a_delay_a_few_frames_are_caught_up_and_the_timestamps_show_the_rest() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["long"], true);
    studio.pass(ms(20));
    let before = studio.sent.last().expect("one frame").clone();
    studio.now = studio.now + ms(500);
    studio.tick();
    assert_eq!(studio.sent.len(), 1 + 3);
    studio.pass(ms(20));
    let after = studio.sent.last().expect("five frames").clone();
    assert_eq!(studio.sent.len(), 1 + 3 + 1);
    assert_eq!(after.header.timestamp.wrapping_sub(before.header.timestamp), 26 * 160);
    assert_eq!(after.header.sequence.wrapping_sub(before.header.sequence), 4);
    assert!(studio.sent[1].header.marker && !studio.sent[2].header.marker);
    assert_eq!(studio.payloads(), encoded(&["long", "long"])[..5 * FRAME], "nothing of the prompt is left out");
}

#[test]
fn a_shard_that_was_empty_for_long_does_not_catch_up() {
    let mut studio = Studio::connected(stream());
    studio.play(1, &["long"], true);
    studio.tick();
    assert!(studio.sent.len() <= 1, "{:?}", studio.sent.len());
}

#[test]
fn legs_are_spread_over_the_frame() {
    let mut studio = Studio::new();
    for leg in 1..=200 {
        studio.open(LegId(leg));
        studio.command(Command::Connect { leg: LegId(leg), stream: stream() });
    }
    let start = studio.now;
    let mut per_millisecond = Vec::new();
    while studio.now.since(start) < ms(20) {
        studio.now = studio.now + ms(1);
        let before = studio.sent.len();
        studio.tick();
        per_millisecond.push(studio.sent.len() - before);
    }
    assert_eq!(per_millisecond.iter().skip(1).sum::<usize>() + per_millisecond[0], studio.sent.len());
    assert!(per_millisecond.iter().skip(1).all(|count| (7..=13).contains(count)), "{per_millisecond:?}");
}

#[test]
fn a_digit_is_reported_once_with_its_length() {
    let mut studio = Studio::settled(stream());
    studio.hear_digit(PEER, 9, 100, 5000, '5');
    studio.hear_digit(PEER, 9, 105, 6000, '5');
    studio.pass(ms(1000));
    let digit = Report::Digit { leg: LEG, digit: '5', duration: ms(60), relayed: false };
    assert_eq!(studio.reports, [digit.clone(), digit]);
}

#[test]
fn a_digit_without_an_end_is_reported_by_time() {
    let mut studio = Studio::settled(stream());
    let payload = events::Payload { event: 11, end: false, volume: 10, duration: 320 };
    studio.hear(PEER, Header { marker: true, payload_type: 96, sequence: 1, timestamp: 1, ssrc: 1 }, &payload.to_bytes());
    studio.pass(ms(100));
    assert_eq!(studio.digits(), "");
    studio.pass(ms(100));
    assert_eq!(studio.digits(), "#");
}

#[test]
fn digits_of_another_ssrc_from_the_peers_place_count() {
    let mut studio = Studio::settled(stream());
    studio.hear_audio(PEER, 9, 100, 5);
    studio.hear_digit(PEER, 777, 1, 100, '1');
    studio.hear_audio(PEER, 9, 105, 5);
    assert_eq!(studio.digits(), "1");
    let statistics = studio.close();
    assert_eq!((statistics.received, statistics.lost, statistics.refused), (15, 0, 0));
}

#[test]
fn nobody_but_the_signalled_peer_is_heard() {
    let mut studio = Studio::settled(stream());
    studio.hear_audio(PEER, 9, 100, 4);
    let strangers = ["192.0.2.10:4001", "192.0.2.66:4000", "[2001:db8::1]:4000"];
    for stranger in strangers {
        studio.hear_audio(stranger, 9, 104, 10);
        studio.hear_digit(stranger, 9, 114, 2000, '9');
    }
    studio.play(1, &["short"], false);
    studio.pass(ms(100));
    assert_eq!(studio.digits(), "");
    assert!(studio.sent.iter().all(|sent| sent.to == address(PEER)));
    let statistics = studio.close();
    assert_eq!((statistics.received, statistics.refused), (4, 3 * 15));
}

#[test]
fn a_peer_is_the_same_on_a_socket_of_either_family() {
    let mut studio = Studio::settled(stream());
    studio.hear_digit("[::ffff:192.0.2.10]:4000", 9, 1, 1, '1');
    assert_eq!(studio.digits(), "1");
}

#[test]
fn before_connect_nothing_is_heard() {
    let mut studio = Studio::new();
    studio.open(LEG);
    studio.hear_digit(PEER, 9, 1, 1, '1');
    assert_eq!(studio.reports, []);
    assert_eq!(studio.close().refused, 5);
}

#[test]
fn what_was_not_agreed_or_is_no_rtp_is_dropped_and_counted() {
    let mut studio = Studio::settled(stream());
    studio.hear_audio(PEER, 9, 1, 2);
    let header = Header { marker: false, payload_type: 101, sequence: 3, timestamp: 1, ssrc: 9 };
    studio.hear(PEER, header, &[1, 0x80, 1, 0]);
    studio.hear(PEER, Header { payload_type: 18, sequence: 4, ..header }, &[0; 20]);
    studio.hear_at(LEG, PEER, b"\0\0");
    assert_eq!(studio.digits(), "", "101 is what we send events with, 96 what we expect");
    let statistics = studio.close();
    assert_eq!((statistics.received, statistics.refused, statistics.lost), (2, 3, 0));
}

#[test]
fn silence_is_reported_once_and_so_is_its_end() {
    let mut studio = Studio::connected(stream());
    studio.pass(ms(4900));
    assert_eq!(studio.reports, []);
    studio.pass(ms(10_000));
    assert_eq!(studio.reports, [Report::Silent { leg: LEG, before: false }], "silent since Connect");
    studio.reports.clear();
    studio.hear_audio(PEER, 9, 1, 10);
    assert_eq!(studio.reports, [Report::Heard { leg: LEG }]);
    studio.reports.clear();
    studio.hear_audio("203.0.113.5:1", 9, 11, 500);
    assert_eq!(studio.reports, [Report::Silent { leg: LEG, before: true }], "a stranger is no sign of life");
}

#[test]
fn a_leg_on_hold_is_not_silent() {
    let mut studio = Studio::connected(Stream { receiving: false, ..stream() });
    studio.pass(ms(20_000));
    assert_eq!(studio.reports, []);
    studio.command(Command::Connect { leg: LEG, stream: stream() });
    studio.pass(ms(4900));
    assert_eq!(studio.reports, []);
    studio.pass(ms(200));
    assert_eq!(studio.reports, [Report::Silent { leg: LEG, before: false }]);
}

#[test]
fn a_shard_without_a_limit_never_reports_silence() {
    let mut shard = Shard::new(ShardId(0), Duration::ZERO);
    shard.set_library(Arc::new(library()));
    let mut studio = Studio { shard, ..Studio::new() };
    studio.open(LEG);
    studio.command(Command::Connect { leg: LEG, stream: stream() });
    studio.pass(ms(60_000));
    assert_eq!(studio.reports, []);
}

#[test]
fn a_closed_leg_says_what_passed_and_then_nothing() {
    let mut studio = Studio::connected(stream());
    studio.hear_audio(PEER, 9, 1, 10);
    studio.hear_audio(PEER, 9, 13, 10);
    studio.play(1, &["long"], true);
    studio.pass(ms(200));
    let sent = studio.sent.len() as u64;
    let statistics = studio.close();
    assert_eq!((statistics.sent, statistics.received, statistics.lost, statistics.refused), (sent, 20, 2, 0));
    assert_eq!(studio.shard.legs(), 0);
    studio.sent.clear();
    studio.reports.clear();
    studio.play(2, &["long"], false);
    studio.hear_audio(PEER, 9, 30, 2);
    studio.command(Command::Close { leg: LEG });
    studio.pass(ms(100));
    assert_eq!((studio.sent, studio.reports), (vec![], vec![]));
}

#[test]
fn a_shard_is_plain_data() {
    use sources::{BEHIND_NAT, behind_nat};
    let mut studio = Studio::connected(behind_nat());
    studio.hear_audio(BEHIND_NAT, 9, 1, 10);
    let text = serde_json::to_string(&studio.shard).expect("plain data");
    let shard: Shard = serde_json::from_str(&text).expect("the same data");
    assert_eq!(serde_json::to_string(&shard).expect("plain data"), text);
    studio.shard = shard;
    studio.shard.set_library(Arc::new(library()));
    studio.hear_digit(BEHIND_NAT, 9, 11, 1, '4');
    assert_eq!(studio.digits(), "4");
}

#[test]
fn a_leg_is_small() {
    let bytes = size_of::<super::leg::Leg>();
    assert!(bytes <= 640, "{bytes} bytes");
}

proptest! {
    #[test]
    fn whatever_the_peer_sends_nothing_panics_and_every_datagram_is_accounted_for(
        datagrams in proptest::collection::vec((any::<[u8; 12]>(), proptest::collection::vec(any::<u8>(), 0..20), 0u64..400), 0..60),
    ) {
        let mut studio = Studio::connected(stream());
        for (start, rest, wait) in &datagrams {
            // Mostly version 2, and often a payload type that was agreed, or everything would be refused at the door.
            let mut bytes = [start, &rest[..]].concat();
            bytes[0] = if bytes[0] < 0x80 { 0x80 } else { 0x80 | (bytes[0] & 0x3f) };
            bytes[1] = if bytes[1] & 1 == 0 { 96 } else { bytes[1] };
            studio.hear_at(LEG, PEER, &bytes);
            studio.pass(ms(*wait));
        }
        let statistics = studio.close();
        prop_assert_eq!(statistics.received + statistics.refused, datagrams.len() as u64);
    }
}
