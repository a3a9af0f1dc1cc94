//! What media costs: CPU time of one media thread while it plays to and listens to many legs, while it bridges them two by two,
//! while it mixes them three by three, and of opening and closing one; and how long a packet takes over a bridge.
//!
//! `cargo bench --bench media -- [legs] [seconds]`. The peers run in the same process; only the media thread's own CPU time (and,
//! for opening, the time that the control thread takes) is counted.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::audio::{Clip, FRAME, tone};
use centrala::id::{LegId, PlayId};
use centrala::media::{Codec, Command, Library, PayloadTypes, Report, ShardId, Sound, SourceRule, Stream};
use centrala::rtp::Header;
use centrala::shell::fence::Fence;
use centrala::shell::media::{Media, MediaSettings};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SHARD: ShardId = ShardId(0);
const FIRST_PORT: u16 = 20_000;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u16>().ok());
    let (legs, seconds) = (numbers.next().unwrap_or(200), u64::from(numbers.next().unwrap_or(5)));
    let mut library = Library::new();
    let clip = Clip::encode(&tone(440.0, 0.3, Duration::from_secs(10)));
    library.insert_clip("en".into(), "tone".into(), clip).expect("room for it");
    let settings = MediaSettings { shards: Some(1), silent_after: Duration::ZERO, fence: Fence { lab: true } };
    let mut media = Media::start(settings, Arc::new(library)).expect("a media thread");
    opening(&mut media, 2000);
    talking(&mut media, legs, seconds, Talk::Prompts);
    talking(&mut media, legs, seconds, Talk::Bridges);
    talking(&mut media, legs - legs % 3, seconds, Talk::Mixes);
    println!("{:?}", media.counters());
}

/// Opens, connects and closes `count` legs, a hundred at a time.
fn opening(media: &mut Media, count: u64) {
    let (mut control, thread) = (Duration::ZERO, cpu_of("media-0"));
    let mut closed = Vec::new();
    for hundred in 0..count / 100 {
        // The clock, because a running thread's CPU time is brought up to date only every few milliseconds.
        let before = Instant::now();
        for n in 0..100u16 {
            let leg = LegId(hundred * 100 + u64::from(n));
            open(media, leg, FIRST_PORT + 2 * n, SocketAddr::from(([127, 0, 0, 1], 9)));
            media.command(SHARD, Command::Close { leg });
        }
        control += before.elapsed();
        while closed.len() as u64 != (hundred + 1) * 100 {
            std::thread::yield_now();
            media.drain(&mut closed);
        }
    }
    let each = |spent: Duration| spent.as_secs_f64() * 1e6 / count as f64;
    let thread = each(cpu_of("media-0") - thread);
    println!("open, connect and close: {:.1} us on the control thread, {thread:.1} us on the media thread", each(control));
}

#[derive(Clone, Copy, PartialEq)]
enum Talk {
    Prompts,
    Bridges,
    Mixes,
}

/// Plays to `legs` legs, bridges or mixes them, each of which hears a peer, for `seconds`.
fn talking(media: &mut Media, legs: u16, seconds: u64, talk: Talk) {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a port");
    peer.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let remote = peer.local_addr().expect("an address");
    for n in 0..legs {
        let leg = LegId(1_000_000 + u64::from(n));
        open(media, leg, FIRST_PORT + 2 * n, remote);
        if talk == Talk::Prompts {
            let sounds = vec![Sound { language: "en".into(), name: "tone".into() }];
            media.command(SHARD, Command::Play { leg, play: PlayId(1), sounds, repeat: true });
        } else if talk == Talk::Mixes {
            if n % 3 == 2 {
                media.command(SHARD, Command::Mix { legs: vec![LegId(leg.0 - 2), LegId(leg.0 - 1), leg] });
            }
        } else if n % 2 == 1 {
            media.command(SHARD, Command::Bridge { a: LegId(leg.0 - 1), b: leg });
        }
    }
    let (running, heard, start) = (AtomicBool::new(true), AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| speak(&peer, legs, &running, start));
        scope.spawn(|| {
            let mut bytes = [0; 2000];
            let mut delays = Vec::new();
            while running.load(Ordering::Relaxed) {
                if peer.recv_from(&mut bytes).is_ok() {
                    heard.fetch_add(1, Ordering::Relaxed);
                    let sent = u64::from_be_bytes(bytes[12..20].try_into().expect("eight bytes"));
                    delays.push((start.elapsed().as_micros() as u64).saturating_sub(sent));
                }
            }
            // What is mixed carries no time of its own.
            if talk == Talk::Bridges {
                delays.sort_unstable();
                let at = |part: f64| delays.get((delays.len() as f64 * part) as usize).copied().unwrap_or(0);
                println!("a packet takes {} us over the bridge (p50), {} (p99), {} (p99.9)", at(0.5), at(0.99), at(0.999));
            }
        });
        std::thread::sleep(Duration::from_secs(1));
        let (before, packets) = (cpu_of("media-0"), heard.load(Ordering::Relaxed));
        std::thread::sleep(Duration::from_secs(seconds));
        let spent = (cpu_of("media-0") - before).as_secs_f64() * 1000.0;
        let packets = heard.load(Ordering::Relaxed) - packets;
        running.store(false, Ordering::Relaxed);
        let leg_seconds = f64::from(legs) * seconds as f64;
        let (what, cost) = match talk {
            Talk::Prompts => ("legs with a prompt, both ways: ms of CPU for a call-second:", spent / leg_seconds),
            Talk::Bridges => ("legs, bridged: ms of CPU for a pair-second:", 2.0 * spent / leg_seconds),
            Talk::Mixes => ("legs, mixed by threes: ms of CPU for a second of three:", 3.0 * spent / leg_seconds),
        };
        println!("{legs} {what} {cost:.3}; {:.1} packets a second to each leg's peer", packets as f64 / leg_seconds);
    });
    let mut reports = Vec::new();
    media.drain(&mut reports);
    for n in 0..legs {
        media.command(SHARD, Command::Close { leg: LegId(1_000_000 + u64::from(n)) });
    }
    let mut closed = Vec::new();
    while closed.len() < usize::from(legs) {
        std::thread::yield_now();
        media.drain(&mut closed);
    }
    let total = |count: fn(&centrala::media::Statistics) -> u64| -> u64 {
        closed
            .iter()
            .filter_map(|report| match report {
                Report::Closed { statistics, .. } => Some(count(statistics)),
                _ => None,
            })
            .sum()
    };
    println!("received {}, lost {}, refused {}", total(|s| s.received), total(|s| s.lost), total(|s| s.refused));
}

fn open(media: &mut Media, leg: LegId, port: u16, remote: SocketAddr) {
    let answer = media.command(SHARD, Command::Open { leg, local: SocketAddr::from(([127, 0, 0, 1], port)) });
    assert_eq!(answer, Some(Report::Opened { leg }));
    let stream = Stream {
        remote,
        source: SourceRule::Signalled,
        codec: Codec::Pcmu,
        send_payload_type: 0,
        receive: PayloadTypes::only(Codec::Pcmu, 0),
        send_event_type: None,
        receive_event_type: Some(101),
        sending: true,
        receiving: true,
        ssrc: 1,
        first_sequence: 1,
        first_timestamp: 1,
    };
    media.command(SHARD, Command::Connect { leg, stream });
}

/// A packet to every leg every 20 ms.
fn speak(peer: &UdpSocket, legs: u16, running: &AtomicBool, start: Instant) {
    for round in 0u32.. {
        if !running.load(Ordering::Relaxed) {
            return;
        }
        let header = Header { marker: false, payload_type: 0, sequence: round as u16, timestamp: round * 160, ssrc: 5 };
        let mut bytes = [&header.to_bytes()[..], &[0xff; FRAME]].concat();
        for n in 0..legs {
            // In four bursts, so that the peers are spread over the frame too.
            if n % legs.div_ceil(4).max(1) == 0 {
                let part = u32::from(n / legs.div_ceil(4).max(1));
                let due = Duration::from_millis(20) * round + Duration::from_millis(5) * part;
                std::thread::sleep(due.saturating_sub(start.elapsed()));
            }
            bytes[12..20].copy_from_slice(&(start.elapsed().as_micros() as u64).to_be_bytes());
            let _ = peer.send_to(&bytes, ("127.0.0.1".parse::<std::net::IpAddr>().expect("an address"), FIRST_PORT + 2 * n));
        }
    }
}

/// CPU time of the thread of this process with that name (schedstat counts nanoseconds).
fn cpu_of(name: &str) -> Duration {
    let read = |task: &Path, file: &str| std::fs::read_to_string(task.join(file)).unwrap_or_default();
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let task = tasks.flatten().map(|task| task.path()).find(|task| read(task, "comm").trim() == name);
    // A thread names itself when it begins to run: before that it has used nothing.
    let Some(task) = task else { return Duration::ZERO };
    Duration::from_nanos(read(&task, "schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}
