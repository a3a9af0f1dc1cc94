//! What the benches of whole calls have in common: the lab's exchange in process, without sockets or threads, and who serves it.
//!
//! Invariant: only what the exchange itself does is counted, as CPU time of this thread, so that a busy machine costs little.

use centrala::config::{self, Overrides};
use centrala::id::Rng;
use centrala::media::{Command, Report, Statistics};
use centrala::pbx::{Action, Event, Pbx};
use centrala::shell::files;
use centrala::sip::{Input, Path, Transport};
use centrala::store::Committed;
use centrala::time::{Duration, Moment, Now, Wall};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 5060);
/// The lab's trunk that may call without a password.
pub const CALLER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), 7000);
const AGENTS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), 7100);

pub const OFFER: &str = "v=0\r\no=load 1 1 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// What was sent, and where to.
pub type Sent = Vec<(SocketAddr, Vec<u8>)>;

pub struct Exchange {
    pub pbx: Pbx,
    pub now: Now,
    /// CPU time.
    pub spent: Duration,
    actions: Vec<Action>,
}

impl Exchange {
    pub fn lab() -> Exchange {
        let sources = files::gather("tests/lab".as_ref()).expect("the lab");
        let overrides = Overrides { sip: Some(LOCAL), trunk_uas: Some(AGENTS) };
        let config =
            config::load(&sources, &overrides, &|_: &config::SecretRef| Ok("secret".into())).expect("the lab is right");
        let now =
            Now { mono: Moment::ZERO + Duration::from_secs(1000), wall: Wall::from_unix_nanos(1_790_000_000_000_000_000) };
        let pbx = Pbx::new(Arc::new(config), 1, Rng::from_entropy([7; 32]), now);
        Exchange { pbx, now, spent: Duration::ZERO, actions: Vec::new() }
    }

    /// A message comes; what is sent because of it.
    pub fn received(&mut self, from: SocketAddr, bytes: Vec<u8>) -> Sent {
        self.handle(Event::Sip(Input::Received { path: path(from), bytes }));
        self.serve()
    }

    /// Time passes; what is sent because of it.
    pub fn passes(&mut self, pause: Duration) -> Sent {
        self.now = Now { mono: self.now.mono + pause, wall: self.now.wall + pause };
        if self.pbx.poll_timeout().is_some_and(|at| at <= self.now.mono) {
            let before = cpu();
            self.pbx.handle_timeout(self.now, &mut self.actions);
            self.spent += cpu() - before;
        }
        self.serve()
    }

    fn handle(&mut self, event: Event) {
        let before = cpu();
        self.pbx.handle(event, self.now, &mut self.actions);
        self.spent += cpu() - before;
    }

    /// The shell's part: ports are bound, writes kept; what was sent is returned.
    fn serve(&mut self) -> Sent {
        let mut sent = Vec::new();
        let mut actions: VecDeque<Action> = self.actions.drain(..).collect();
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Transmit { path, bytes } => {
                    sent.push((path.remote, bytes));
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

pub fn path(remote: SocketAddr) -> Path {
    Path { transport: Transport::Udp, local: LOCAL, remote, connection: None }
}

/// The caller's request in this call: a description makes it an offer, our tag puts it into the dialog.
pub fn request(method: &str, dialled: &str, call: usize, tag: Option<&str>, body: &str) -> Vec<u8> {
    let to = tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    let cseq = if method == "BYE" { 2 } else { 1 };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:{dialled}@{LOCAL} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK{method}{call};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:load@{CALLER}>;tag=f{call}\r\nTo: <sip:{dialled}@{LOCAL}>{to}\r\nCall-ID: c{call}@127.0.0.3\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:load@{CALLER}>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The tag that the exchange gave the call which it has answered.
pub fn tag_of(sent: &Sent) -> String {
    let answers = sent.iter().filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok());
    let answer = answers.rev().find(|text| text.starts_with("SIP/2.0 200")).expect("the call is answered");
    let to = answer.lines().find(|line| line.starts_with("To:")).expect("a To");
    to.split("tag=").nth(1).expect("a tag").to_owned()
}

/// CPU time of this thread.
pub fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is this thread's own, and the time lives through the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0;
    assert!(!failed, "every thread has this clock");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
