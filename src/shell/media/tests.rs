//! The media threads with real sockets on the loopback. Every wait is for an event.

use super::*;
use crate::id::PlayId;
use crate::media::{Clip, Codec, Sound, SourceRule, Stream};
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
        let mut library = Library::new();
        library.insert_clip("en".into(), "welcome".into(), Clip::encode(&samples())).expect("room for it");
        let settings = MediaSettings { shards: Some(1), silent_after: PATIENCE * 2, fence: Fence { lab: true } };
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
        receive_payload_type: 8,
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
