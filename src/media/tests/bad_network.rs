//! Keys and speech through networks that lose, delay, double and swap packets.

use super::*;
use crate::id::Rng;
use std::collections::BTreeMap;

const KEYS: &[u8; 16] = b"0123456789*#ABCD";
const BOB: LegId = LegId(2);
const AT_BOB: &str = "192.0.2.20:4000";
/// Frames between two keys: nobody dials faster.
const BETWEEN: u16 = 4;

/// A network in one direction.
#[derive(Clone, Copy)]
struct Weather {
    /// In a thousand.
    lost: u32,
    doubled: u32,
    /// Delayed by [`OVERTAKEN`] more than their neighbours.
    overtaken: u32,
    /// Each packet is delayed by chance, up to this.
    jitter_ms: u32,
}

const CALM: Weather = Weather { lost: 0, doubled: 0, overtaken: 0, jitter_ms: 0 };
const OVERTAKEN: Duration = Duration::from_millis(50);

struct Road {
    weather: Weather,
    rng: Rng,
    /// By the moment at which they arrive, and then in the order sent.
    under_way: BTreeMap<(Moment, u64), Vec<u8>>,
    sent: u64,
}

impl Road {
    fn new(weather: Weather, seed: u64) -> Road {
        Road { weather, rng: Rng::from_seed(seed), under_way: BTreeMap::new(), sent: 0 }
    }

    fn carry(&mut self, bytes: Vec<u8>, now: Moment) {
        if self.rng.chance(self.weather.lost) {
            return;
        }
        let copies = if self.rng.chance(self.weather.doubled) { 2 } else { 1 };
        for _ in 0..copies {
            let late = if self.rng.chance(self.weather.overtaken) { OVERTAKEN } else { Duration::ZERO };
            let delay = ms(self.rng.below(self.weather.jitter_ms + 1).into());
            self.sent += 1;
            self.under_way.insert((now + delay + late, self.sent), bytes.clone());
        }
    }

    fn arrived(&mut self, now: Moment) -> Vec<Vec<u8>> {
        let later = self.under_way.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.under_way, later).into_values().collect()
    }
}

/// A telephone that always sends something: speech, or the key that is held.
struct Telephone {
    header: Header,
    pressed: Option<events::Sender>,
    /// Says so at the beginning of a key.
    marks: bool,
}

impl Telephone {
    fn new(marks: bool) -> Telephone {
        let header = Header { marker: false, payload_type: 8, sequence: 65_500, timestamp: u32::MAX - 9000, ssrc: 9 };
        Telephone { header, pressed: None, marks }
    }

    fn press(&mut self, key: char, held: Duration) {
        self.pressed = events::Sender::new(key, held);
        self.header.marker = self.marks;
    }

    /// What it sends in this frame, and whether a key is being pressed.
    fn frame(&mut self) -> (Vec<u8>, bool) {
        let key = self.pressed.as_mut().and_then(Iterator::next);
        let sent = match key {
            Some(key) => [&Header { payload_type: 96, ..self.header }.to_bytes()[..], &key.to_bytes()].concat(),
            None => [&self.header.to_bytes()[..], &[0x55; FRAME]].concat(),
        };
        if key.is_none() {
            // The key's packets shared one timestamp; time went on nevertheless.
            let frames = self.pressed.take().map_or(1, |_| 20);
            self.header.timestamp = self.header.timestamp.wrapping_add(160 * frames);
        }
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.marker = false;
        (sent, key.is_some())
    }
}

/// What came of a conversation in which Alice pressed keys.
#[derive(Default)]
struct Outcome {
    pressed: String,
    /// Reported to the exchange, and heard at Bob's.
    reported: String,
    heard: String,
    /// Packets of Alice's that reached us, and that we sent to Bob.
    came: usize,
    passed_on: usize,
}

/// Alice presses so many keys, each held for a time by chance, and speaks in between; Bob listens.
fn conversation(weather: Weather, keys: usize, held: std::ops::Range<u32>, marks: bool) -> Outcome {
    let (mut studio, mut alice) = (Studio::connected(stream()), Telephone::new(marks));
    studio.open(BOB);
    studio.command(Command::Connect { leg: BOB, stream: Stream { remote: address(AT_BOB), ssrc: 0xb0b, ..stream() } });
    studio.command(Command::Bridge { a: LEG, b: BOB });
    let (mut to_us, mut to_bob) = (Road::new(weather, 1), Road::new(weather, 2));
    let (mut rng, mut outcome, mut bob) = (Rng::from_seed(3), Outcome::default(), events::Receiver::default());
    let mut idle = 0;
    while outcome.pressed.len() < keys || idle < 50 {
        if idle >= BETWEEN && outcome.pressed.len() < keys {
            let key = char::from(KEYS[rng.below(16) as usize]);
            alice.press(key, ms((held.start + rng.below(held.end - held.start)).into()));
            outcome.pressed.push(key);
        }
        let (packet, key) = alice.frame();
        idle = if key { 0 } else { idle + 1 };
        to_us.carry(packet, studio.now);
        for _ in 0..4 {
            studio.now = studio.now + ms(5);
            for bytes in to_us.arrived(studio.now) {
                outcome.came += 1;
                studio.hear_at(LEG, PEER, &bytes);
            }
            studio.tick();
            for sent in studio.sent.drain(..).filter(|sent| sent.leg == BOB && sent.payload[0] != g711::ALAW_SILENCE) {
                outcome.passed_on += 1;
                to_bob.carry([&sent.header.to_bytes()[..], &sent.payload].concat(), sent.at);
            }
            listen(&mut bob, &mut to_bob, studio.now, &mut outcome.heard);
        }
    }
    outcome.reported = studio.digits();
    let unknown_to_bob = studio.reports.iter().filter(|report| matches!(report, Report::Digit { relayed: false, .. })).count();
    assert_eq!(unknown_to_bob, 0, "keys of which no packet was passed on");
    outcome
}

/// Bob's telephone hears keys.
fn listen(bob: &mut events::Receiver, road: &mut Road, now: Moment, heard: &mut String) {
    for bytes in road.arrived(now) {
        let packet = Packet::parse(&bytes).expect("we print RTP");
        let Header { ssrc, timestamp, payload_type, .. } = packet.header;
        if payload_type == 101 {
            let event = events::Event { ssrc, timestamp, payload: packet.payload, passed_on: false };
            bob.receive(event, now, |press| heard.push(press.digit));
        }
    }
    bob.tick(now, |press| heard.push(press.digit));
}

/// Every key is heard once, by us and behind us, and what came is passed on.
fn check(what: &str, weather: Weather, held: std::ops::Range<u32>, marks: bool) {
    const KEYS: usize = 10_000;
    let outcome = conversation(weather, KEYS, held, marks);
    let wrong = |heard: &str| heard.chars().zip(outcome.pressed.chars()).filter(|(heard, pressed)| heard != pressed).count();
    assert_eq!((outcome.reported.len(), wrong(&outcome.reported)), (KEYS, 0), "{what}: heard by us");
    assert_eq!((outcome.heard.len(), wrong(&outcome.heard)), (KEYS, 0), "{what}: heard by Bob");
    // What was overtaken by the first packet of all has no number left in our stream.
    let missing = outcome.came - outcome.passed_on;
    assert!(missing <= 6, "{what}: {missing} of {} packets were not passed on", outcome.came);
}

/// MED-01.
#[test]
fn of_ten_thousand_keys_none_is_lost_or_doubled_where_one_packet_in_twenty_is_lost_on_both_ways() {
    check("loss", Weather { lost: 50, ..CALM }, 60..140, true);
}

/// MED-02.
#[test]
fn of_ten_thousand_keys_none_is_doubled_by_jitter_and_nothing_that_came_is_kept_back() {
    check("jitter", Weather { jitter_ms: 120, overtaken: 10, doubled: 10, ..CALM }, 60..140, true);
}

/// MED-13.
#[test]
fn of_ten_thousand_short_keys_without_a_marker_each_is_heard_once_though_its_ends_are_overtaken() {
    check("short", Weather { overtaken: 400, ..CALM }, 40..41, false);
}

#[test]
fn a_key_is_heard_once_while_a_prompt_is_played_which_it_does_not_disturb() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["long", "short"], true);
    let mut expected = String::new();
    for n in 0..1000u16 {
        let key = char::from(KEYS[usize::from(n % 16)]);
        expected.push(key);
        // 40 ms long, the end twice before the beginning, no marker, under an SSRC of its own.
        let payloads: Vec<_> = events::Sender::new(key, ms(40)).expect("a key").collect();
        for index in [1, 2, 0, 3] {
            let header = Header {
                marker: false,
                payload_type: 96,
                sequence: n.wrapping_mul(4).wrapping_add(index as u16),
                timestamp: u32::from(n) * 4000,
                ssrc: 77,
            };
            studio.hear(PEER, header, &payloads[index].to_bytes());
        }
        studio.pass(ms(100));
    }
    assert_eq!(studio.digits(), expected);
    for pair in studio.sent.windows(2) {
        assert_eq!((pair[1].at.since(pair[0].at), pair[1].header.sequence), (ms(20), pair[0].header.sequence.wrapping_add(1)));
    }
    assert_eq!(studio.sent.len(), 5000, "a frame for every 20 ms");
}

#[test]
fn a_phone_behind_nat_is_found_within_a_second_though_the_network_is_bad() {
    let weather = Weather { lost: 50, doubled: 10, overtaken: 10, jitter_ms: 120 };
    for seed in 0..50 {
        let (mut studio, mut phone) = (Studio::settled(sources::behind_nat()), Telephone::new(true));
        let mut road = Road::new(weather, seed);
        for _ in 0..50 {
            road.carry(phone.frame().0, studio.now);
            studio.pass(ms(20));
            for bytes in road.arrived(studio.now) {
                studio.hear_at(LEG, sources::BEHIND_NAT, &bytes);
            }
        }
        assert_eq!(studio.destination(), address(sources::BEHIND_NAT), "seed {seed}");
    }
}
