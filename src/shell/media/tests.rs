//! The media threads with real sockets on the loopback. Every wait is for an event.

use super::*;
use crate::id::PlayId;
use crate::media::{Clip, Codec, PayloadTypes, Sound, SourceRule, Stream};
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::time::Moment;

/// Long after the slowest machine would have answered.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a packet's header, and of a frame of audio.
const HEADER: usize = 12;
const FRAME: usize = 160;

struct Exchange {
    media: Media,
    epoll: Epoll,
    reports: Vec<Report>,
}

/// A phone: a socket that media is sent to, and what came.
struct Phone {
    socket: UdpSocket,
}

fn now() -> Moment {
    clock::now().mono
}

fn samples() -> Vec<f32> {
    (0..5 * FRAME).map(|n| (n as f32 * 0.37).sin() * 0.5).collect()
}

fn sound() -> Sound {
    Sound { language: "en".into(), name: "welcome".into() }
}

impl Exchange {
    fn new() -> Exchange {
        Exchange::with_shards(1)
    }

    fn with_shards(shards: u16) -> Exchange {
        let mut library = Library::new();
        library.insert_clip("en".into(), "welcome".into(), Clip::encode(&samples())).expect("room for it");
        let settings = MediaSettings { shards: Some(shards), silent_after: PATIENCE * 2, fence: Fence { lab: true } };
        let media = Media::start(settings, Arc::new(library)).expect("threads and descriptors");
        let epoll = Epoll::new().expect("an epoll");
        epoll.add(media.reports_fd(), 1).expect("a descriptor of ours");
        Exchange { media, epoll, reports: Vec::new() }
    }

    fn command(&mut self, command: Command) -> Option<Report> {
        self.media.command(ShardId(0), command)
    }

    /// Opens a leg on a port that the system picks; the phone learns it from the first packet.
    fn connect(&mut self, leg: LegId, remote: SocketAddr) {
        let opened = self.command(Command::Open { leg, local: SocketAddr::from(([127, 0, 0, 1], 0)) });
        assert_eq!(opened, Some(Report::Opened { leg }));
        self.command(Command::Connect { leg, stream: stream(remote) });
    }

    fn play(&mut self, leg: LegId, play: u64) {
        self.command(Command::Play { leg, play: PlayId(play), sounds: vec![sound()], repeat: false });
    }

    /// A leg on a port that is known.
    fn connect_at(&mut self, leg: LegId, local: SocketAddr, remote: SocketAddr) {
        assert_eq!(self.command(Command::Open { leg, local }), Some(Report::Opened { leg }));
        self.command(Command::Connect { leg, stream: stream(remote) });
    }

    /// Waits for a report, which is taken out.
    fn await_report(&mut self, what: &str, is_it: impl Fn(&Report) -> bool) -> Report {
        let deadline = now() + PATIENCE;
        loop {
            if let Some(index) = self.reports.iter().position(&is_it) {
                return self.reports.remove(index);
            }
            let left = deadline.since(now());
            assert!(!left.is_zero(), "no report: {what}; there were {:?}", self.reports);
            let _ = self.epoll.wait(Some(left)).expect("a wait").count();
            self.media.drain(&mut self.reports);
        }
    }

    fn await_played(&mut self, leg: LegId, play: u64) {
        let played = Report::Played { leg, play: PlayId(play) };
        self.await_report("played", |report| *report == played);
    }

    fn await_closed(&mut self, leg: LegId) -> crate::media::Statistics {
        match self.await_report("closed", |report| matches!(report, Report::Closed { leg: closed, .. } if *closed == leg)) {
            Report::Closed { statistics, .. } => statistics,
            other => panic!("{other:?}"),
        }
    }
}

impl Phone {
    fn new() -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Phone { socket }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// The next packet: where it came from, its sequence number, its payload.
    fn hear(&self) -> (SocketAddr, u16, Vec<u8>) {
        let mut bytes = [0; 2000];
        let (length, from) = self.socket.recv_from(&mut bytes).expect("a packet in time");
        assert_eq!((length, bytes[0], &bytes[8..HEADER]), (HEADER + FRAME, 0x80, &77u32.to_be_bytes()[..]));
        (from, u16::from_be_bytes([bytes[2], bytes[3]]), bytes[HEADER..length].to_vec())
    }

    /// The next packet that is not silence.
    fn hear_speech(&self) -> (u16, Vec<u8>) {
        loop {
            let (_, sequence, payload) = self.hear();
            if payload.iter().any(|byte| *byte != 0xd5) {
                return (sequence, payload);
            }
        }
    }

    /// A packet of audio, each of its bytes the number's.
    fn say(&self, number: u8, to: SocketAddr) {
        let header = [0x80, 8, 0, number, 0, 0, number, 0, 0, 0, 0, 9];
        let bytes = [&header[..], &[number; FRAME]].concat();
        self.socket.send_to(&bytes, to).expect("sent");
    }

    /// A key held for 40 ms: its beginning, and three times its end (RFC 4733).
    fn press(&self, event: u8, to: SocketAddr) {
        for (sequence, end_and_volume, duration) in
            [(1, 10, 160u16), (2, 0x80 | 10, 320), (3, 0x80 | 10, 320), (4, 0x80 | 10, 320)]
        {
            let header = [0x80, 101, 0, sequence, 0, 0, 0, 1, 0, 0, 0, 3];
            let [high, low] = duration.to_be_bytes();
            let bytes = [&header[..], &[event, end_and_volume, high, low]].concat();
            self.socket.send_to(&bytes, to).expect("sent");
        }
    }
}

fn stream(remote: SocketAddr) -> Stream {
    Stream {
        remote,
        source: SourceRule::Signalled,
        codec: Codec::Pcma,
        send_payload_type: 8,
        receive: PayloadTypes::only(Codec::Pcma, 8),
        send_event_type: Some(101),
        receive_event_type: Some(101),
        sending: true,
        receiving: true,
        ssrc: 77,
        first_sequence: 1,
        first_timestamp: 1,
    }
}

#[test]
fn a_phone_hears_the_prompt_and_its_key_is_heard() {
    let (mut exchange, phone, leg) = (Exchange::new(), Phone::new(), LegId(1));
    exchange.connect(leg, phone.address());
    exchange.play(leg, 1);
    let expected = Clip::encode(&samples());
    let (mut heard, mut sequence) = (Vec::new(), 1);
    let mut exchange_at = None;
    while heard.len() < expected.alaw().len() {
        let (from, number, payload) = phone.hear();
        assert_eq!(number, sequence);
        sequence += 1;
        exchange_at = Some(from);
        // The leg may have begun with a frame of silence before it took the command to play.
        if !heard.is_empty() || payload == expected.alaw()[..FRAME] {
            heard.extend(payload);
        }
    }
    assert_eq!(heard, expected.alaw());
    exchange.await_played(leg, 1);
    phone.press(7, exchange_at.expect("a packet came"));
    exchange.await_report("the key", |report| matches!(report, Report::Digit { digit: '7', .. }));
    exchange.command(Command::Close { leg });
    let statistics = exchange.await_closed(leg);
    assert!(statistics.sent >= 5 && statistics.received > 0 && statistics.refused == 0, "{statistics:?}");
    // Without a leg the thread sleeps, and wakes again for the next one.
    let deadline = now() + PATIENCE;
    while !exchange.media.threads[0].shared.parked.load(Ordering::SeqCst) {
        assert!(now() < deadline, "still ticking without a leg");
        std::thread::yield_now();
    }
    exchange.connect(LegId(2), phone.address());
    exchange.play(LegId(2), 2);
    exchange.await_played(LegId(2), 2);
    exchange.media.stop();
}

#[test]
fn a_port_in_use_is_said_at_once() {
    let (mut exchange, other, leg) = (Exchange::new(), Phone::new(), LegId(1));
    let answer = exchange.command(Command::Open { leg, local: other.address() });
    assert!(matches!(&answer, Some(Report::OpenFailed { leg: LegId(1), why }) if why.contains("in use")), "{answer:?}");
}

#[test]
fn a_panic_costs_its_leg_and_nobody_else() {
    let (mut exchange, phone) = (Exchange::new(), Phone::new());
    exchange.connect(LegId(1), phone.address());
    exchange.connect(LegId(2), phone.address());
    exchange.media.threads[0].send(Order::Panic(LegId(1)));
    exchange.await_closed(LegId(1));
    exchange.play(LegId(2), 2);
    exchange.await_played(LegId(2), 2);
    assert_eq!(exchange.media.counters().panics, 1);
}

#[test]
fn the_lab_sends_nothing_off_the_machine() {
    let (mut exchange, leg) = (Exchange::new(), LegId(1));
    // TEST-NET-1: nobody, even if the fence had a hole.
    exchange.connect(leg, SocketAddr::from(([192, 0, 2, 1], 4000)));
    exchange.play(leg, 1);
    exchange.await_played(leg, 1);
    assert!(exchange.media.counters().unsent >= 5);
}

#[test]
fn more_commands_than_the_queue_holds_arrive_in_order() {
    let (mut exchange, phone, leg) = (Exchange::new(), Phone::new(), LegId(1));
    exchange.connect(leg, phone.address());
    let plays = 3 * COMMANDS as u64;
    for play in 0..plays {
        exchange.play(leg, play);
    }
    exchange.await_played(leg, plays - 1);
    assert_eq!(exchange.media.counters().dropped, 0);
}

#[test]
fn a_new_library_serves_the_legs_opened_after_it() {
    let (mut exchange, phone, leg) = (Exchange::new(), Phone::new(), LegId(1));
    exchange.media.set_library(Arc::new(Library::new()));
    exchange.connect(leg, phone.address());
    exchange.play(leg, 1);
    exchange.await_report("missing", |report| *report == Report::SoundMissing { leg, sound: sound() });
}

/// A free port of this machine; nobody else takes it within a test.
fn free_address() -> SocketAddr {
    Phone::new().address()
}

/// Alice at leg 1, Bob at leg 2, and their addresses at the exchange. Alice has been played something already.
fn bridged() -> (Exchange, Phone, SocketAddr, Phone, SocketAddr) {
    let (mut exchange, alice, bob) = (Exchange::new(), Phone::new(), Phone::new());
    let (at_a, at_b) = (free_address(), free_address());
    exchange.connect_at(LegId(1), at_a, alice.address());
    exchange.connect_at(LegId(2), at_b, bob.address());
    exchange.command(Command::Bridge { a: LegId(1), b: LegId(2) });
    // Wait for the bridge: orders are taken in order.
    exchange.play(LegId(1), 1);
    exchange.await_played(LegId(1), 1);
    (exchange, alice, at_a, bob, at_b)
}

#[test]
fn more_than_is_read_at_once_is_passed_on_whole_and_in_order() {
    let (_exchange, alice, at_a, bob, at_b) = bridged();
    for _ in 0..10 {
        for number in 0..10 * sockets::DRAIN as u8 {
            alice.say(number, at_a);
        }
        // Somebody else comes between them.
        bob.say(200, at_b);
        let heard: Vec<u8> = (0..10 * sockets::DRAIN).map(|_| bob.hear_speech().1[0]).collect();
        assert_eq!(heard, (0..10 * sockets::DRAIN as u8).collect::<Vec<_>>());
    }
}

#[test]
fn a_flood_at_a_port_does_not_silence_who_talks_there() {
    const FRAMES: u16 = 50;
    let (_exchange, alice, at_a, bob, _) = bridged();
    let (stranger, over) = (Phone::new(), AtomicBool::new(false));
    let heard = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                (0..40).for_each(|number| stranger.say(number, at_a));
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let heard = (0..FRAMES).filter(|number| {
            alice.say(*number as u8, at_a);
            // Listening for a frame is the waiting between two.
            bob.socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
            bob.socket.recv(&mut [0; 2000]).is_ok()
        });
        let heard = heard.count();
        over.store(true, Ordering::SeqCst);
        heard
    });
    assert!(
        heard > usize::from(FRAMES) * 3 / 4,
        "of {FRAMES} frames {heard} were heard through a flood of 8,000 packets a second"
    );
}

#[test]
fn two_phones_hear_each_other_and_each_ones_key_reaches_the_other() {
    let (mut exchange, alice, at_a, bob, at_b) = bridged();
    for (_, _, _) in (0..5).map(|_| alice.hear()) {}
    let mut sequences = Vec::new();
    // Several at once, too, as after a hiccup of the network.
    for number in 0..50 {
        alice.say(number, at_a);
        if number % 10 > 5 {
            continue;
        }
        bob.say(number, at_b);
        let (_, payload) = alice.hear_speech();
        assert_eq!(payload, [number; FRAME]);
    }
    for number in 0..50 {
        let (sequence, payload) = bob.hear_speech();
        assert_eq!(payload, [number; FRAME]);
        sequences.push(sequence);
    }
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
    alice.press(3, at_a);
    let key = exchange.await_report("the key", |report| matches!(report, Report::Digit { .. }));
    assert!(matches!(key, Report::Digit { leg: LegId(1), digit: '3', relayed: true, .. }), "{key:?}");
    let mut bytes = [0; 2000];
    let (length, _) = bob.socket.recv_from(&mut bytes).expect("the key");
    assert_eq!((length, bytes[1] & 0x7f, bytes[HEADER]), (HEADER + 4, 101, 3));
    exchange.command(Command::Close { leg: LegId(1) });
    assert!(exchange.await_closed(LegId(1)).received >= 54);
    exchange.command(Command::Close { leg: LegId(2) });
    let statistics = exchange.await_closed(LegId(2));
    assert!(statistics.sent >= 54 && statistics.refused == 0, "{statistics:?}");
}

impl Exchange {
    /// As the core does it: takes a leg off its shard, and imports it on the other when it is told that it has left. In between,
    /// something is said to it.
    fn moves(&mut self, leg: LegId, from: ShardId, to: ShardId, meanwhile: &[Command]) {
        self.media.command(from, Command::Export { leg });
        for command in meanwhile {
            assert_eq!(self.media.command(from, command.clone()), None);
        }
        let exported = self.await_report("exported", |report| matches!(report, Report::Exported { .. }));
        let Report::Exported { state, .. } = exported else { panic!("{exported:?}") };
        assert_eq!(self.media.command(to, Command::Import { state }), None);
        self.await_report("imported", |report| *report == Report::Imported { leg });
    }
}

#[test]
fn a_leg_moves_to_another_shard_with_its_socket_and_all_that_is_said_meanwhile() {
    let (mut exchange, alice, leg, at_a) = (Exchange::with_shards(2), Phone::new(), LegId(1), free_address());
    exchange.connect_at(leg, at_a, alice.address());
    let (_, mut last, _) = alice.hear();
    for number in 1..=30 {
        alice.say(number, at_a);
    }
    exchange.moves(
        leg,
        ShardId(0),
        ShardId(1),
        &[Command::Play { leg, play: PlayId(5), sounds: vec![sound()], repeat: false }],
    );
    exchange.await_played(leg, 5);
    exchange.media.command(ShardId(1), Command::Close { leg });
    let statistics = exchange.await_closed(leg);
    // What came before the move was heard on the old shard, what came after it on the new one.
    assert_eq!((statistics.received, statistics.lost, statistics.refused), (30, 0, 0));
    for _ in 1..statistics.sent {
        let (from, sequence, _) = alice.hear();
        assert_eq!((from, sequence), (at_a, last + 1));
        last = sequence;
    }
}

#[test]
fn a_prompt_is_heard_whole_however_often_its_leg_moves() {
    const MOVES: u16 = 20;
    let (mut exchange, alice, leg) = (Exchange::with_shards(2), Phone::new(), LegId(1));
    exchange.connect(leg, alice.address());
    exchange.command(Command::Play { leg, play: PlayId(1), sounds: vec![sound()], repeat: true });
    let ticks = 2 * MOVES;
    let mut heard = Vec::new();
    let (mut sequences, mut at) = (Vec::new(), Vec::new());
    for n in 0..ticks {
        if n % 2 == 1 {
            let from = ShardId(n / 2 % 2);
            exchange.moves(leg, from, ShardId(1 - from.0), &[]);
        }
        let (sequence, payload) = alice.hear_speech();
        heard.extend(payload);
        sequences.push(sequence);
        at.push(now());
    }
    let prompt = Clip::encode(&samples()).alaw().repeat(usize::from(ticks));
    assert_eq!(heard, prompt[..heard.len()], "not a frame of it is lost or said twice");
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
    // A busy machine delays some; the exact bound holds in virtual time.
    let mut gaps: Vec<_> = at.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    gaps.sort();
    println!("gaps between frames: median {:?}, longest {:?}", gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    assert!(gaps[gaps.len() / 2] <= Duration::from_millis(45), "{gaps:?}");
}

#[test]
fn a_leg_that_is_gone_is_not_moved_and_one_that_was_moved_is_not_moved_twice() {
    let (mut exchange, alice, leg) = (Exchange::with_shards(2), Phone::new(), LegId(1));
    exchange.connect(leg, alice.address());
    exchange.moves(leg, ShardId(0), ShardId(1), &[]);
    let state = Box::new(LegState::fresh(leg));
    let again = exchange.media.command(ShardId(1), Command::Import { state });
    assert!(matches!(again, Some(Report::OpenFailed { leg: LegId(1), .. })), "{again:?}");
    // It is not on shard 0 any more: what is given for it there in vain is forgotten when that is known.
    exchange.command(Command::Export { leg });
    exchange.play(leg, 1);
    exchange.connect(LegId(2), alice.address());
    exchange.play(LegId(2), 2);
    exchange.await_played(LegId(2), 2);
    exchange.media.command(ShardId(1), Command::Play { leg, play: PlayId(3), sounds: vec![sound()], repeat: false });
    exchange.await_played(leg, 3);
}
