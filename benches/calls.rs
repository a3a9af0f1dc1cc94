//! What one call costs the core: INVITE, 200, ACK, BYE through the whole exchange, in process, without sockets or threads.
//!
//! `cargo bench --bench calls -- [calls] [kilobytes]`. With `kilobytes` so much memory is touched between two messages, as other programs do
//! to a machine's caches while the exchange waits: the first figure is what the decisions cost, the second what a quiet line costs.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::config::{self, Overrides};
use centrala::id::Rng;
use centrala::media::{Command, Report, Statistics};
use centrala::pbx::{Action, Event, Pbx};
use centrala::shell::files;
use centrala::sip::{Input, Path, Transport};
use centrala::store::Committed;
use centrala::time::{Duration, Moment, Now, Wall};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration as Elapsed, Instant};

/// Calls a second of the line that is imitated: the rate of the load tool's first workload.
const RATE: u64 = 400;

/// Calls that are held at once to weigh one.
const HELD: usize = 2_000;
/// After this long no transaction of an answered call is left (RFC 3261 timers H, I and J: 32 s), in seconds.
const SETTLED: u64 = 40;

/// The system's allocator, counting what is in use.
struct Scales;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static SCALES: Scales = Scales;

// SAFETY: everything is the system's; only sums are kept.
unsafe impl GlobalAlloc for Scales {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

fn main() {
    weigh();

    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (calls, trash) = (numbers.next().unwrap_or(40_000), numbers.next().unwrap_or(0) * 1024);
    let mut line = Line::new(trash);
    (0..calls / 10).for_each(|number| line.call(number));
    line.spent = Elapsed::ZERO;
    (0..calls).for_each(|number| line.call(calls + number));
    println!(
        "{:.1} us per answered and released call, {} KiB touched before each message",
        line.spent.as_secs_f64() * 1e6 / calls as f64,
        trash / 1024
    );
}

/// What a call that is up and says nothing holds of the core's heap: tables that grew for it included, the allocator's own loss not.
fn weigh() {
    let mut line = Line::new(0);
    let empty = IN_USE.load(Ordering::Relaxed);
    for number in 0..HELD {
        line.answered(number);
        line.passes(Duration::from_nanos(1_000_000_000 / RATE));
    }
    for _ in 0..SETTLED {
        line.passes(Duration::from_secs(1));
    }
    let held = IN_USE.load(Ordering::Relaxed) - empty;
    println!("{:.1} KiB of heap per idle call", held as f64 / 1024.0 / HELD as f64);
}

/// The lab's exchange, and the trunk that calls it.
struct Line {
    pbx: Pbx,
    now: Now,
    path: Path,
    actions: Vec<Action>,
    spent: Elapsed,
    trash: Vec<u8>,
}

impl Line {
    fn new(trash: usize) -> Line {
        let local: SocketAddr = ([127, 0, 0, 1], 5060).into();
        let sources = files::gather("tests/lab".as_ref()).expect("the lab");
        let overrides = Overrides { sip: Some(local), trunk_uas: Some(([127, 0, 0, 3], 7100).into()) };
        let config = config::load(&sources, &overrides, &|_| Ok("secret".into())).expect("the lab is right");
        let now =
            Now { mono: Moment::ZERO + Duration::from_secs(1000), wall: Wall::from_unix_nanos(1_790_000_000_000_000_000) };
        let path = Path { transport: Transport::Udp, local, remote: ([127, 0, 0, 3], 7000).into(), connection: None };
        let pbx = Pbx::new(Arc::new(config), 1, Rng::from_entropy([7; 32]), now);
        Line { pbx, now, path, actions: Vec::new(), spent: Elapsed::ZERO, trash: vec![0; trash] }
    }

    /// Everything that the exchange does about one call, and what falls due meanwhile.
    fn call(&mut self, number: usize) {
        let tag = self.answered(number);
        let answers = self.send(message("BYE", number, &tag, ""));
        assert!(answers.iter().any(|answer| answer.starts_with("SIP/2.0 200")), "released");
        self.passes(Duration::from_nanos(1_000_000_000 / RATE));
    }

    /// The exchange's tag.
    fn answered(&mut self, number: usize) -> String {
        let answers = self.send(message("INVITE", number, "", OFFER));
        let answer = answers.iter().rfind(|answer| answer.starts_with("SIP/2.0 200")).expect("answered");
        let tag = answer
            .lines()
            .find(|line| line.starts_with("To:"))
            .and_then(|to| to.split("tag=").nth(1))
            .expect("a tag")
            .to_owned();
        self.send(message("ACK", number, &tag, ""));
        tag
    }

    fn passes(&mut self, pause: Duration) {
        self.now = Now { mono: self.now.mono + pause, wall: self.now.wall + pause };
        if self.pbx.poll_timeout().is_some_and(|at| at <= self.now.mono) {
            let before = Instant::now();
            self.pbx.handle_timeout(self.now, &mut self.actions);
            self.spent += before.elapsed();
            self.serve();
        }
    }

    fn send(&mut self, text: String) -> Vec<String> {
        self.trash.iter_mut().step_by(64).for_each(|byte| *byte = black_box(byte.wrapping_add(1)));
        self.handle(Event::Sip(Input::Received { path: self.path, bytes: text.into_bytes() }));
        self.serve()
    }

    fn handle(&mut self, event: Event) {
        let before = Instant::now();
        self.pbx.handle(event, self.now, &mut self.actions);
        self.spent += before.elapsed();
    }

    /// The shell's part: ports are bound, writes kept; what was sent is returned.
    fn serve(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        let mut actions: VecDeque<Action> = self.actions.drain(..).collect();
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Transmit { bytes, .. } => {
                    sent.push(String::from_utf8(bytes).expect("text"));
                    continue;
                }
                Action::Media { command: Command::Open { leg, .. }, .. } => Event::Media(Report::Opened { leg }),
                Action::Media { command: Command::Close { leg }, .. } => {
                    Event::Media(Report::Closed { leg, statistics: Statistics::default() })
                }
                Action::Write(write) => Event::Committed(Committed { id: write.id, outcome: Ok(()) }),
                _ => continue,
            };
            self.handle(event);
            actions.extend(self.actions.drain(..));
        }
        sent
    }
}

const OFFER: &str = "v=0\r\no=load 1 1 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

fn message(method: &str, number: usize, tag: &str, body: &str) -> String {
    let (branch, cseq) = (format!("z9hG4bK{method}{number}"), if method == "BYE" { 2 } else { 1 });
    let number_of = if method == "BYE" {
        "BYE"
    } else if method == "ACK" {
        "ACK"
    } else {
        "INVITE"
    };
    let to = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:101@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.3:7000;branch={branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:load@127.0.0.3:7000>;tag=f{number}\r\nTo: <sip:101@127.0.0.1:5060>{to}\r\nCall-ID: c{number}@127.0.0.3\r\n\
         CSeq: {cseq} {number_of}\r\nContact: <sip:load@127.0.0.3:7000>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
