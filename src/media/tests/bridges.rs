//! Two legs that hear each other.

use super::*;

const A: LegId = LEG;
const B: LegId = LegId(2);
const C: LegId = LegId(3);
const PEER_A: &str = PEER;
const PEER_B: &str = "192.0.2.20:4000";
/// What we send to B.
const B_SSRC: u32 = 0xb0b;

/// Somebody who speaks: a stream of packets of 20 ms.
pub(super) struct Speaker {
    leg: LegId,
    from: &'static str,
    pub(super) header: Header,
}

impl Speaker {
    pub(super) fn new(leg: LegId, from: &'static str) -> Speaker {
        let header = Header { marker: false, payload_type: 8, sequence: 65_530, timestamp: u32::MAX - 500, ssrc: 7 };
        Speaker { leg, from, header }
    }

    fn alice() -> Speaker {
        Speaker::new(A, PEER_A)
    }

    fn bob() -> Speaker {
        Speaker::new(B, PEER_B)
    }

    /// The next packet, filled with one byte.
    pub(super) fn say(&mut self, studio: &mut Studio, byte: u8) {
        self.send(studio, &[byte; FRAME]);
        self.header.timestamp = self.header.timestamp.wrapping_add(160);
    }

    pub(super) fn send(&mut self, studio: &mut Studio, payload: &[u8]) {
        studio.hear_at(self.leg, self.from, &[&self.header.to_bytes()[..], payload].concat());
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.marker = false;
    }

    /// So many packets, 20 ms apart.
    fn speak(&mut self, studio: &mut Studio, count: u8) {
        for byte in 0..count {
            self.say(studio, byte);
            studio.pass(ms(20));
        }
    }

    /// One that is a number of packets away from the next one.
    pub(super) fn say_at(&mut self, studio: &mut Studio, away: i16) {
        let header = self.header;
        self.header.sequence = header.sequence.wrapping_add_signed(away);
        self.header.timestamp = header.timestamp.wrapping_add_signed(i32::from(away) * 160);
        self.say(studio, away as u8);
        self.header = header;
    }

    /// A key for 60 ms, under another payload type.
    pub(super) fn press(&mut self, studio: &mut Studio, digit: char) {
        let audio = self.header;
        self.header = Header { payload_type: 96, marker: true, ..audio };
        for payload in events::Sender::new(digit, ms(60)).expect("a key") {
            self.send(studio, &payload.to_bytes());
            studio.pass(ms(20));
        }
        let timestamp = audio.timestamp.wrapping_add(800);
        self.header = Header { payload_type: 8, marker: true, timestamp, sequence: self.header.sequence, ..audio };
    }
}

fn to_b() -> Stream {
    Stream { remote: address(PEER_B), ssrc: B_SSRC, first_sequence: 40, first_timestamp: 1000, ..stream() }
}

/// Two legs, connected, after their opening frames.
fn two(a: Stream, b: Stream) -> Studio {
    let mut studio = Studio::connected(a);
    studio.open(B);
    studio.command(Command::Connect { leg: B, stream: b });
    studio.pass(ms(200));
    studio.sent.clear();
    studio
}

fn bridged(a: Stream, b: Stream) -> Studio {
    let mut studio = two(a, b);
    studio.command(Command::Bridge { a: A, b: B });
    studio
}

fn music(leg: LegId) -> Command {
    Command::Music { leg, sound: sound("long") }
}

impl Studio {
    pub(super) fn sent_to(&self, leg: LegId) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.leg == leg).collect()
    }

    /// First bytes of what was sent to a leg since the last time.
    pub(super) fn heard_at(&mut self, leg: LegId) -> Vec<u8> {
        let heard = self.sent_to(leg).iter().map(|sent| sent.payload[0]).collect();
        self.sent.retain(|sent| sent.leg != leg);
        heard
    }

    /// The keys that a telephone at a leg would report, told by the packets that it was sent.
    fn keys_at(&self, leg: LegId) -> String {
        let mut receiver = events::Receiver::default();
        let mut keys = String::new();
        for sent in self.sent_to(leg).iter().filter(|sent| sent.header.payload_type == 101) {
            let Header { ssrc, timestamp, .. } = sent.header;
            let event = events::Event { ssrc, timestamp, payload: &sent.payload, passed_on: false };
            receiver.receive(event, sent.at, |press| keys.push(press.digit));
        }
        receiver.tick(self.now + ms(1000), |press| keys.push(press.digit));
        keys
    }

    /// The keys reported, each with whether the other side got it.
    pub(super) fn relayed(&self) -> Vec<(char, bool)> {
        let digit = |report: &Report| match report {
            Report::Digit { digit, relayed, .. } => Some((*digit, *relayed)),
            _ => None,
        };
        self.reports.iter().filter_map(digit).collect()
    }
}

#[test]
fn what_one_says_the_other_is_sent_at_once_and_byte_for_byte() {
    let mut studio = bridged(stream(), to_b());
    let (mut alice, mut bob) = (Speaker::alice(), Speaker::bob());
    studio.now = studio.now + ms(3);
    for byte in 0..100 {
        alice.say(&mut studio, byte);
        bob.say(&mut studio, byte | 0x80);
        assert!(studio.sent[studio.sent.len() - 2..].iter().all(|sent| sent.at == studio.now), "no wait for a frame");
        studio.pass(ms(20));
    }
    let expected: Vec<u8> = (0..100).collect();
    let to_b = studio.sent_to(B);
    assert!(to_b.iter().all(|sent| (sent.to, sent.header.ssrc) == (address(PEER_B), B_SSRC) && sent.payload.len() == FRAME));
    // Its number goes on after the opening, and its clock too, whatever Alice's are.
    assert_eq!(to_b[0].header.sequence, 40 + u16::from(crate::media::leg::OPENING_FRAMES));
    assert_eq!(to_b.iter().filter(|sent| sent.header.marker).count(), 1, "at the beginning");
    assert!(to_b[0].header.marker);
    for pair in to_b.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence + 1);
        assert_eq!(pair[1].header.timestamp, pair[0].header.timestamp + 160);
    }
    assert_eq!(studio.heard_at(B), expected);
    assert_eq!(studio.heard_at(A), expected.iter().map(|byte| byte | 0x80).collect::<Vec<_>>());
    assert_eq!(studio.reports, []);
}

#[test]
fn a_stream_never_breaks_from_prompt_to_music_to_bridge_to_hold_and_back() {
    let mut studio = two(stream(), to_b());
    let mut alice = Speaker::alice();
    let played = |studio: &mut Studio| {
        let sounds = vec![sound("long"), sound("short")];
        studio.command(Command::Play { leg: B, play: PlayId(1), sounds, repeat: false });
        studio.pass(ms(120));
    };
    played(&mut studio);
    studio.command(music(B));
    studio.pass(ms(200));
    studio.command(Command::Bridge { a: A, b: B });
    alice.speak(&mut studio, 20);
    studio.command(music(B));
    alice.speak(&mut studio, 20);
    studio.command(Command::Stop { leg: B });
    alice.speak(&mut studio, 20);
    played(&mut studio);
    alice.speak(&mut studio, 5);
    studio.command(Command::Unbridge { leg: A });
    alice.speak(&mut studio, 5);
    played(&mut studio);
    let to_b = studio.sent_to(B);
    let mut markers = vec![0];
    for (n, pair) in (1..).zip(to_b.windows(2)) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence + 1, "packet {n}");
        let ticks = i64::from(pair[1].header.timestamp) - i64::from(pair[0].header.timestamp);
        let clock = pair[1].at.since(pair[0].at).as_millis() as i64 * 8;
        // Never before what was sent has ended; where somebody else takes over, up to a frame later than the clock says.
        assert!(ticks >= 160 && ticks >= clock && ticks <= clock.max(160) + 160, "packet {n}: {ticks} ticks in {clock}");
        if pair[1].header.marker {
            markers.push(n);
        }
    }
    // A prompt, music, Alice, the hold, Alice, a prompt, Alice, a prompt.
    assert_eq!(markers, [0, 4, 14, 34, 54, 74, 78, 83]);
    assert!(to_b.iter().all(|sent| sent.header.ssrc == B_SSRC));
    assert_eq!(to_b.last().map(|sent| sent.payload.len()), Some(FRAME));
}

#[test]
fn while_one_side_has_music_the_other_is_not_heard_there_and_goes_on_being_played_nothing() {
    let mut studio = bridged(stream(), to_b());
    let (mut alice, mut bob) = (Speaker::alice(), Speaker::bob());
    studio.command(music(B));
    for _ in 0..10 {
        alice.say(&mut studio, 1);
        bob.say(&mut studio, 2);
        studio.pass(ms(20));
    }
    assert_eq!(studio.heard_at(A), [2; 10], "who holds still hears");
    let heard = studio.heard_at(B);
    assert!(heard.len() == 10 && !heard.contains(&1), "{heard:?}");
    studio.command(Command::Stop { leg: B });
    alice.speak(&mut studio, 2);
    assert_eq!(studio.heard_at(B), [0, 1]);
    // A prompt to one side: the bridge goes on when it has been heard.
    studio.command(Command::Play { leg: B, play: PlayId(7), sounds: vec![sound("short")], repeat: false });
    alice.speak(&mut studio, 5);
    let heard = studio.heard_at(B);
    assert_eq!(heard[0], encoded(&["short"])[0]);
    assert_eq!(heard[heard.len() - 3..], [2, 3, 4]);
    assert_eq!(studio.reports, [Report::Played { leg: B, play: PlayId(7) }]);
}

#[test]
fn a_bridge_ends_music_within_a_frame_but_not_a_prompt() {
    let mut studio = two(stream(), to_b());
    studio.command(music(A));
    studio.play(1, &["long"], true);
    studio.command(music(B));
    studio.pass(ms(100));
    studio.sent.clear();
    studio.command(Command::Bridge { a: A, b: B });
    studio.pass(ms(100));
    assert_eq!(studio.sent_to(B), Vec::<&Sent>::new(), "no more music");
    assert_eq!(studio.sent_to(A).len(), 5, "the prompt goes on");
}

#[test]
fn what_was_lost_or_overtaken_is_so_behind_us_too() {
    let mut studio = bridged(stream(), to_b());
    let mut alice = Speaker::alice();
    let first = 40 + u16::from(crate::media::leg::OPENING_FRAMES);
    let order = [0, 1, 3, 2, 2, 7, 8, 6, 108, 9];
    for away in order {
        alice.say_at(&mut studio, away);
    }
    let numbers: Vec<u16> = studio.sent.iter().map(|sent| sent.header.sequence - first).collect();
    assert_eq!(numbers, order.map(|away| away as u16));
    let start = studio.sent[0].header.timestamp;
    let times: Vec<u32> = studio.sent.iter().map(|sent| (sent.header.timestamp - start) / 160).collect();
    assert_eq!(times, order.map(|away| away as u32));
    // After it, we go on behind the highest number and the newest time.
    studio.command(music(B));
    studio.pass(ms(20));
    let last = studio.sent.last().expect("music").header;
    assert_eq!((last.sequence - first, last.timestamp - start), (109, 109 * 160));
    // What is older than our own last packets has no number left.
    studio.command(Command::Stop { leg: B });
    alice.say_at(&mut studio, 200);
    studio.sent.clear();
    alice.say_at(&mut studio, 199);
    assert_eq!(studio.sent, []);
}

#[test]
fn a_new_stream_or_a_clock_set_anew_goes_on_in_ours_with_a_marker() {
    let check = |what: &str, change: fn(&mut Header), wait: Duration| {
        let mut studio = bridged(stream(), to_b());
        let mut alice = Speaker::alice();
        alice.speak(&mut studio, 3);
        let before = studio.sent.last().expect("three").clone();
        studio.pass(wait);
        change(&mut alice.header);
        studio.sent.clear();
        alice.say(&mut studio, 1);
        let after = &studio.sent[0].header;
        let passed = (studio.now.since(before.at).as_millis() * 8) as u32;
        assert_eq!(after.sequence, before.header.sequence + 1, "{what}");
        assert_eq!(after.timestamp, before.header.timestamp + passed, "{what}");
        assert!(after.marker, "{what}");
    };
    check("another SSRC", |header| header.ssrc = 8, ms(100));
    check("a far number", |header| header.sequence = header.sequence.wrapping_add(5000), ms(100));
    check("a number long gone", |header| header.sequence = header.sequence.wrapping_sub(5000), ms(100));
    check("a clock set forward", |header| header.timestamp = header.timestamp.wrapping_add(1_000_000), ms(100));
    check("a clock set back", |header| header.timestamp = header.timestamp.wrapping_sub(1_000_000), ms(100));
    check("a clock that stood still on hold", |_| (), ms(10_000));
}

#[test]
fn silence_between_words_keeps_the_time_of_who_was_silent() {
    let mut studio = bridged(stream(), to_b());
    let mut alice = Speaker::alice();
    alice.speak(&mut studio, 3);
    // A pause of a second, as with silence suppression: the numbers go on, the clock has advanced.
    alice.header.timestamp = alice.header.timestamp.wrapping_add(8000);
    alice.header.marker = true;
    studio.pass(ms(1000));
    alice.speak(&mut studio, 2);
    let (before, after) = (studio.sent[2].header, studio.sent[3].header);
    assert_eq!((after.sequence, after.timestamp), (before.sequence + 1, before.timestamp + 8160));
    assert!(after.marker && !studio.sent[4].header.marker);
}

#[test]
fn each_law_is_translated_into_the_other() {
    let mu = Stream { codec: Codec::Pcmu, send_payload_type: 0, receive: PayloadTypes::only(Codec::Pcmu, 0), ..to_b() };
    let mut studio = bridged(stream(), mu);
    let (mut alice, mut bob) = (Speaker::alice(), Speaker::bob());
    bob.header.payload_type = 0;
    let every_byte: Vec<u8> = (0..=255).collect();
    alice.send(&mut studio, &every_byte);
    bob.send(&mut studio, &every_byte);
    let to_b: Vec<i16> = studio.sent_to(B)[0].payload.iter().map(|byte| g711::ulaw_to_linear(*byte)).collect();
    let to_a: Vec<i16> = studio.sent_to(A)[0].payload.iter().map(|byte| g711::alaw_to_linear(*byte)).collect();
    for byte in 0..=255u8 {
        let near =
            |heard: i16, said: i16| (i32::from(heard) - i32::from(said)).abs() <= i32::from(said.unsigned_abs()) / 32 + 16;
        assert!(near(to_b[usize::from(byte)], g711::alaw_to_linear(byte)), "A-law {byte:#04x}");
        assert!(near(to_a[usize::from(byte)], g711::ulaw_to_linear(byte)), "mu-law {byte:#04x}");
    }
    assert_eq!((studio.sent_to(B)[0].header.payload_type, studio.sent_to(A)[0].header.payload_type), (0, 8));
}

#[test]
fn who_may_speak_both_laws_changes_between_them_with_any_packet() {
    let mu = Stream { codec: Codec::Pcmu, send_payload_type: 0, receive: PayloadTypes::only(Codec::Pcmu, 0), ..to_b() };
    for (b, passes) in [(to_b(), 8), (mu, 0)] {
        let mut studio = bridged(Stream { receive: both_laws(), ..stream() }, b);
        let mut alice = Speaker::alice();
        let every_byte: Vec<u8> = (0..=255).collect();
        let spoken = [0, 0, 8, 0, 8, 8, 0];
        for payload_type in spoken {
            alice.header.payload_type = payload_type;
            alice.send(&mut studio, &every_byte);
            alice.header.timestamp = alice.header.timestamp.wrapping_add(256);
            studio.pass(ms(32));
        }
        let to_b = studio.sent_to(B);
        assert_eq!(to_b.len(), spoken.len());
        for (payload_type, sent) in spoken.into_iter().zip(&to_b) {
            let translated = if passes == 8 { &g711::ULAW_TO_ALAW } else { &g711::ALAW_TO_ULAW };
            let expected = if payload_type == passes { every_byte.as_slice() } else { translated.as_slice() };
            assert_eq!((sent.header.payload_type, sent.payload.as_slice()), (passes, expected));
        }
        for pair in to_b.windows(2) {
            let (before, after) = (&pair[0].header, &pair[1].header);
            let steps = (after.sequence - before.sequence, after.timestamp - before.timestamp, after.marker);
            assert_eq!(steps, (1, 256, false), "one stream, whatever it came in");
        }
        // Only the other law for long, and that is no silence; what is played to her is in the one that was agreed first.
        studio.sent.clear();
        studio.play(1, &["short"], false);
        for _ in 0..300 {
            alice.say(&mut studio, 0x2a);
            studio.pass(ms(20));
        }
        assert_eq!(studio.heard_at(B).len(), 300);
        assert_eq!(studio.payloads(), encoded(&["short"]));
        let of_alice = studio.reports.iter().filter(|report| !matches!(report, Report::Silent { leg: B, .. }));
        assert!(of_alice.eq([&Report::Played { leg: A, play: PlayId(1) }]), "{:?}", studio.reports);
        let statistics = studio.close();
        assert_eq!((statistics.received, statistics.refused, statistics.lost), (307, 0, 0));
    }
}

#[test]
fn packets_of_any_length_pass_and_the_next_one_of_ours_begins_where_they_end() {
    let mut studio = bridged(stream(), to_b());
    let mut alice = Speaker::alice();
    for length in [80, 240, 480, 1600, 1601, 0] {
        alice.send(&mut studio, &vec![0x55; length]);
        alice.header.timestamp = alice.header.timestamp.wrapping_add(length as u32);
    }
    let lengths: Vec<usize> = studio.sent.iter().map(|sent| sent.payload.len()).collect();
    assert_eq!(lengths, [80, 240, 480, 1600, 0]);
    let end = studio.sent.last().expect("sent").header.timestamp;
    studio.command(music(B));
    studio.pass(ms(20));
    assert_eq!(studio.sent.last().expect("sent").header.timestamp, end + 160);
}

#[test]
fn on_hold_nothing_is_sent_to_who_may_not_hear_and_nothing_heard_from_who_may_not_speak() {
    let check = |what: &str, sending: bool, receiving: bool, at_a: usize, at_b: usize| {
        let mut studio = bridged(Stream { sending, receiving, ..stream() }, to_b());
        let (mut alice, mut bob) = (Speaker::alice(), Speaker::bob());
        for _ in 0..10 {
            alice.say(&mut studio, 1);
            alice.header.marker = true;
            bob.say(&mut studio, 2);
            studio.pass(ms(20));
        }
        alice.press(&mut studio, '5');
        assert_eq!((studio.heard_at(A).len(), studio.heard_at(B).len()), (at_a, at_b), "{what}");
        let heard = if receiving { vec![('5', true)] } else { vec![] };
        assert_eq!(studio.relayed(), heard, "{what}");
        studio.pass(ms(10_000));
        let silent = studio.reports.iter().any(|report| matches!(report, Report::Silent { leg: A, .. }));
        assert_eq!(silent, receiving, "{what}: not waited for while it may not speak");
    };
    check("both ways", true, true, 10, 15);
    check("sendonly", false, true, 0, 15);
    check("recvonly", true, false, 10, 0);
    check("inactive", false, false, 0, 0);
}

#[test]
fn a_key_is_reported_once_and_passed_on_once_where_that_was_agreed() {
    let no_keys = Stream { send_event_type: None, ..to_b() };
    let check = |what: &str, b: Stream, before: &[Command], at_b: &str, relayed: bool| {
        let mut studio = bridged(stream(), b);
        let mut alice = Speaker::alice();
        before.iter().for_each(|command| studio.command(command.clone()));
        alice.speak(&mut studio, 3);
        for digit in ['4', '2', '2', '#'] {
            alice.press(&mut studio, digit);
            alice.speak(&mut studio, 3);
        }
        assert_eq!(studio.keys_at(B), at_b, "{what}");
        let expected = ['4', '2', '2', '#'].map(|digit| (digit, relayed));
        assert_eq!(studio.relayed(), expected, "{what}");
        assert!(studio.sent_to(B).iter().all(|sent| sent.header.payload_type == 101 || sent.payload.len() == FRAME), "{what}");
    };
    check("both agreed", to_b(), &[], "422#", true);
    check("the other did not", no_keys, &[], "", false);
    check("the other hears nothing", Stream { sending: false, ..to_b() }, &[], "", false);
    check("the other has music", to_b(), &[music(B)], "", false);
    check("who presses has music", to_b(), &[music(A)], "422#", true);
    check("no bridge", to_b(), &[Command::Unbridge { leg: B }], "", false);
}

#[test]
fn a_key_keeps_its_number_and_time_in_our_stream() {
    let mut studio = bridged(stream(), to_b());
    let mut alice = Speaker::alice();
    alice.speak(&mut studio, 2);
    alice.press(&mut studio, '9');
    alice.speak(&mut studio, 2);
    let sent: Vec<_> = studio.sent_to(B).iter().map(|sent| sent.header).collect();
    let (first, start) = (sent[0].sequence, sent[0].timestamp);
    let numbers: Vec<_> =
        sent.iter().map(|header| (header.payload_type, header.sequence - first, header.timestamp - start)).collect();
    let expected = [
        (8, 0, 0),
        (8, 1, 160),
        (101, 2, 320),
        (101, 3, 320),
        (101, 4, 320),
        (101, 5, 320),
        (101, 6, 320),
        (8, 7, 1120),
        (8, 8, 1280),
    ];
    assert_eq!(numbers, expected);
    let markers: Vec<_> = sent.iter().map(|header| header.marker).collect();
    assert_eq!(markers, [true, false, true, false, false, false, false, true, false], "the marker begins a key too");
}

#[test]
fn what_is_left_out_of_a_stream_leaves_no_hole_in_it_and_what_was_lost_does() {
    // By the numbers that Alice gives: `k` a key that Bob did not agree to, `c` comfort noise that nobody did, `a` audio.
    let check = |what: &str, comes: &[(i16, char)], expected: &[(u16, u32)]| {
        let mut studio = bridged(stream(), Stream { send_event_type: None, ..to_b() });
        let mut alice = Speaker::alice();
        for (away, kind) in comes {
            alice.header.payload_type = match kind {
                'k' => 96,
                'c' => 13,
                _ => 8,
            };
            alice.say_at(&mut studio, *away);
        }
        let sent: Vec<_> = studio.sent_to(B).iter().map(|sent| sent.header).collect();
        let first = sent[0];
        let steps: Vec<_> = sent
            .iter()
            .map(|header| (header.sequence - first.sequence, header.timestamp.wrapping_sub(first.timestamp) / 160))
            .collect();
        assert_eq!(steps, expected, "{what}");
        // Ours go on behind them.
        studio.command(music(B));
        studio.pass(ms(20));
        let highest = expected.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let next = studio.sent.last().expect("music").header.sequence - first.sequence;
        assert!(next > highest, "{what}: {next} after {highest}");
    };
    check("a key", &[(0, 'a'), (1, 'k'), (2, 'k'), (3, 'k'), (4, 'a'), (5, 'a')], &[(0, 0), (1, 4), (2, 5)]);
    check("comfort noise", &[(0, 'a'), (1, 'c'), (2, 'a'), (3, 'c'), (4, 'a')], &[(0, 0), (1, 2), (2, 4)]);
    check("a loss", &[(0, 'a'), (1, 'k'), (3, 'a'), (4, 'a')], &[(0, 0), (2, 3), (3, 4)]);
    check("a key that overtook a key", &[(0, 'a'), (2, 'k'), (1, 'k'), (3, 'a')], &[(0, 0), (1, 3)]);
    check("a key that overtook audio", &[(0, 'a'), (2, 'k'), (1, 'a'), (3, 'a')], &[(0, 0), (1, 1), (2, 3)]);
    check("audio that overtook a key", &[(0, 'a'), (2, 'a'), (1, 'k'), (3, 'a')], &[(0, 0), (2, 2), (3, 3)]);
    check("a key that comes twice", &[(0, 'a'), (1, 'k'), (1, 'k'), (2, 'a')], &[(0, 0), (1, 2)]);
    check("numbers that were sent already", &[(0, 'a'), (1, 'a'), (1, 'k'), (2, 'a')], &[(0, 0), (1, 1), (2, 2)]);
    check(
        "much at once",
        &[(0, 'a'), (1, 'k'), (3, 'k'), (2, 'k'), (5, 'a'), (4, 'a'), (6, 'a'), (9, 'k'), (8, 'a'), (7, 'a'), (10, 'a')],
        &[(0, 0), (2, 5), (1, 4), (3, 6), (5, 8), (4, 7), (6, 10)],
    );
}

#[test]
fn a_key_that_is_told_by_info_costs_the_listener_no_packet() {
    let mut studio = bridged(stream(), Stream { send_event_type: None, ..to_b() });
    let mut alice = Speaker::alice();
    for _ in 0..3 {
        alice.speak(&mut studio, 3);
        alice.press(&mut studio, '5');
    }
    alice.speak(&mut studio, 3);
    assert_eq!(studio.relayed(), [('5', false); 3]);
    for pair in studio.sent_to(B).windows(2) {
        let (before, after) = (&pair[0].header, &pair[1].header);
        assert_eq!(after.sequence, before.sequence + 1);
        // The time of the key is in it, and the marker of the spurt that follows.
        assert_eq!(after.timestamp - before.timestamp, if after.marker { 160 + 800 } else { 160 });
    }
}

#[test]
fn a_key_under_another_ssrc_between_audio_is_one_key_behind_us() {
    let mut studio = bridged(stream(), to_b());
    let (mut alice, mut keypad) = (Speaker::alice(), Speaker::alice());
    keypad.header = Header { payload_type: 96, ssrc: 99, sequence: 7, timestamp: 5, marker: true };
    for digit in ['1', '1', '3'] {
        for payload in events::Sender::new(digit, ms(100)).expect("a key") {
            keypad.send(&mut studio, &payload.to_bytes());
            alice.say(&mut studio, 0xd5);
            studio.pass(ms(20));
        }
        keypad.header.timestamp += 4000;
        alice.speak(&mut studio, 5);
    }
    assert_eq!(studio.keys_at(B), "113");
    assert_eq!(studio.relayed(), [('1', true), ('1', true), ('3', true)]);
    for pair in studio.sent_to(B).windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence + 1);
    }
}

#[test]
fn a_stranger_is_heard_by_nobody() {
    let mut studio = bridged(stream(), to_b());
    let (mut alice, mut stranger) = (Speaker::alice(), Speaker::new(A, "203.0.113.9:4000"));
    for _ in 0..20 {
        alice.say(&mut studio, 1);
        stranger.say(&mut studio, 2);
        stranger.header.payload_type = 96;
        stranger.send(&mut studio, &[5, 0x80, 1, 0]);
        stranger.header.payload_type = 8;
        studio.pass(ms(20));
    }
    // Nor is a payload type that was not agreed, or what is no RTP.
    alice.header.payload_type = 18;
    alice.say(&mut studio, 3);
    studio.hear_at(A, PEER_A, b"not RTP");
    assert_eq!(studio.heard_at(B), [1; 20]);
    assert_eq!(studio.relayed(), []);
    assert_eq!(studio.close().refused, 42);
}

#[test]
fn a_bridge_joins_two_open_legs_until_either_is_elsewhere() {
    let mut studio = two(stream(), to_b());
    studio.open(C);
    studio.command(Command::Connect { leg: C, stream: Stream { remote: address("192.0.2.30:4000"), ..stream() } });
    studio.pass(ms(200));
    let mut alice = Speaker::alice();
    let mut heard = |studio: &mut Studio| {
        studio.sent.clear();
        alice.say(studio, 1);
        let legs: Vec<LegId> = studio.sent.iter().map(|sent| sent.leg).collect();
        (legs, studio.shard.bridges())
    };
    assert_eq!(heard(&mut studio), (vec![], 0));
    for (what, (a, b), expected) in [
        ("with itself", (A, A), (vec![], 0)),
        ("with nobody", (A, LegId(99)), (vec![], 0)),
        ("two", (B, A), (vec![B], 1)),
        ("again", (A, B), (vec![B], 1)),
        ("elsewhere", (C, A), (vec![C], 1)),
        ("away from it", (B, C), (vec![], 1)),
    ] {
        studio.command(Command::Bridge { a, b });
        assert_eq!(heard(&mut studio), expected, "{what}");
    }
    studio.command(Command::Bridge { a: A, b: B });
    studio.command(Command::Close { leg: B });
    assert_eq!(heard(&mut studio), (vec![], 0));
    studio.command(Command::Bridge { a: A, b: C });
    studio.command(Command::Unbridge { leg: C });
    studio.command(Command::Unbridge { leg: C });
    assert_eq!(heard(&mut studio), (vec![], 0));
}

#[test]
fn an_opening_in_the_middle_of_speech_puts_no_silence_between_it() {
    let mut studio = bridged(stream(), to_b());
    let mut alice = Speaker::alice();
    alice.speak(&mut studio, 5);
    studio.command(Command::Connect { leg: B, stream: to_b() });
    alice.speak(&mut studio, 10);
    assert_eq!(studio.heard_at(B), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Somebody bridged who says nothing at all does not let the path close.
    studio.pass(ms(16_000));
    assert_eq!(studio.heard_at(B), [g711::ALAW_SILENCE]);
}

/// What happens to a bridge in a random walk.
#[derive(Clone, Debug)]
enum Happening {
    Says,
    Loses,
    Presses,
    Pauses(u64),
    Command(Command),
}

fn happening() -> impl Strategy<Value = Happening> {
    let short = || vec![sound("short")];
    prop_oneof![
        8 => Just(Happening::Says),
        1 => Just(Happening::Loses),
        1 => Just(Happening::Presses),
        1 => (0u64..7000).prop_map(Happening::Pauses),
        4 => prop::sample::select(vec![
            Command::Bridge { a: A, b: B },
            Command::Unbridge { leg: A },
            music(B),
            Command::Stop { leg: B },
            Command::Play { leg: B, play: PlayId(1), sounds: short(), repeat: false },
            Command::SendDigit { leg: B, digit: '7', duration: ms(50) },
            Command::Connect { leg: B, stream: to_b() },
            Command::Connect { leg: B, stream: Stream { sending: false, ..to_b() } },
        ])
        .prop_map(Happening::Command),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_numbers_and_time_only_go_forward(
        happenings in proptest::collection::vec(happening(), 0..150), keys: bool,
    ) {
        let mut studio = bridged(stream(), Stream { send_event_type: keys.then_some(101), ..to_b() });
        let mut alice = Speaker::alice();
        for happening in happenings {
            match happening {
                Happening::Says => alice.speak(&mut studio, 1),
                Happening::Loses => alice.header.sequence = alice.header.sequence.wrapping_add(1),
                Happening::Presses => alice.press(&mut studio, '1'),
                Happening::Pauses(time) => studio.pass(ms(time)),
                Happening::Command(command) => studio.command(command),
            }
        }
        for pair in studio.sent_to(B).windows(2) {
            let (before, after) = (&pair[0].header, &pair[1].header);
            prop_assert!((1..=200).contains(&after.sequence.wrapping_sub(before.sequence)), "{before:?} {after:?}");
            let ticks = after.timestamp.wrapping_sub(before.timestamp) as i32;
            let same_key = before.payload_type == 101 && after.payload_type == 101;
            prop_assert!(ticks > 0 || (ticks == 0 && same_key), "{before:?} {after:?}");
        }
        // Ours never runs away from the clock: each change of speaker costs a frame at most.
        let to_b = studio.sent_to(B);
        if let (Some(first), Some(last)) = (to_b.first(), to_b.last()) {
            let ticks = i64::from(last.header.timestamp.wrapping_sub(first.header.timestamp));
            let clock = last.at.since(first.at).as_millis() as i64 * 8;
            prop_assert!(ticks - clock <= 160 * to_b.len() as i64, "{ticks} in {clock}");
        }
    }
}
