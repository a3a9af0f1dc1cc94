//! What a call to an extension with five phones costs the core: all ring, one answers, four are cancelled, both hang up. In process,
//! without sockets or threads.
//!
//! `cargo bench --bench fork -- [calls]`; goal: 500 us of CPU for all of it.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::config::{self, Overrides};
use centrala::id::Rng;
use centrala::media::{Command, Report, Statistics};
use centrala::pbx::{Action, Event, Pbx};
use centrala::shell::files;
use centrala::sip::message::{Message, NameAddr, Request, Response, Uri, parse};
use centrala::sip::{Binding, Input, Path, Status, Transport};
use centrala::store::{BindingRow, Committed};
use centrala::time::{Duration, Moment, Now, Wall};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration as Elapsed, Instant};

const PHONES: u16 = 5;
const LOCAL: &str = "127.0.0.1:5060";
const CALLER: &str = "127.0.0.3:7000";
/// Between calls, in virtual time.
const PAUSE: Duration = Duration::from_secs(1);

fn main() {
    let calls = std::env::args().find_map(|argument| argument.parse::<u32>().ok()).unwrap_or(2_000);
    let mut office = Office::new();
    (0..calls / 10).for_each(|number| office.call(number));
    office.spent = Elapsed::ZERO;
    (0..calls).for_each(|number| office.call(calls + number));
    let each = office.spent.as_secs_f64() * 1e6 / f64::from(calls);
    println!("{each:.0} us for a call that rings at {PHONES} phones, is answered at one and hung up");
}

struct Office {
    pbx: Pbx,
    now: Now,
    spent: Elapsed,
}

fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

fn path(remote: SocketAddr) -> Path {
    Path { transport: Transport::Udp, local: at(LOCAL), remote, connection: None }
}

fn phone(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 4], 6000 + number))
}

impl Office {
    /// The lab, with five phones for extension 1001.
    fn new() -> Office {
        let sources = files::gather("tests/lab".as_ref()).expect("the lab");
        let overrides = Overrides { sip: Some(at(LOCAL)), trunk_uas: Some(at("127.0.0.3:7100")) };
        let config = config::load(&sources, &overrides, &|_| Ok("secret".into())).expect("the lab is right");
        let now =
            Now { mono: Moment::ZERO + Duration::from_secs(1000), wall: Wall::from_unix_nanos(1_790_000_000_000_000_000) };
        let mut office =
            Office { pbx: Pbx::new(Arc::new(config), 1, Rng::from_entropy([7; 32]), now), now, spent: Elapsed::ZERO };
        let expires = now.wall + Duration::from_secs(100_000);
        let row = |number: u16| {
            let contact = Uri::parse(format!("sip:1001@{}", phone(number))).expect("a URI");
            let binding = Binding {
                user: "1001".into(),
                contact: contact.clone(),
                path: path(phone(number)),
                expires,
                user_agent: String::new(),
                sip_call_id: number.to_string(),
                cseq: 1,
            };
            BindingRow {
                user: "1001".into(),
                contact: contact.to_string(),
                expires,
                body: serde_json::to_string(&binding).expect("plain data"),
            }
        };
        office.pbx.restore((0..PHONES).map(row).collect(), now, &mut Vec::new());
        office
    }

    fn call(&mut self, number: u32) {
        let answers = self.send(CALLER, message("INVITE", number, "", OFFER));
        let invites = requests(&answers, "INVITE");
        assert_eq!(invites.len(), usize::from(PHONES), "all ring");
        for (remote, invite) in &invites {
            self.send(&remote.to_string(), answer(invite, 180, "").to_bytes());
        }
        let (winner, invite) = &invites[0];
        let answers = self.send(&winner.to_string(), answer(invite, 200, OFFER).to_bytes());
        let tag = tag_of(&answers);
        for (remote, cancel) in requests(&answers, "CANCEL") {
            self.send(&remote.to_string(), answer(&cancel, 200, "").to_bytes());
            let (_, invite) = invites.iter().find(|(other, _)| *other == remote).expect("it rang there");
            self.send(&remote.to_string(), answer(invite, 487, "").to_bytes());
        }
        self.send(CALLER, message("ACK", number, &tag, ""));
        let answers = self.send(CALLER, message("BYE", number, &tag, ""));
        let byes = requests(&answers, "BYE");
        assert_eq!(byes.len(), 1, "who answered is told");
        for (remote, bye) in &byes {
            self.send(&remote.to_string(), answer(bye, 200, "").to_bytes());
        }
        self.now = Now { mono: self.now.mono + PAUSE, wall: self.now.wall + PAUSE };
        let mut out = Vec::new();
        let before = Instant::now();
        self.pbx.handle_timeout(self.now, &mut out);
        self.spent += before.elapsed();
        self.serve(out);
    }

    /// A message comes; what is sent because of it.
    fn send(&mut self, from: &str, bytes: Vec<u8>) -> Vec<(SocketAddr, Vec<u8>)> {
        let out = self.handle(Event::Sip(Input::Received { path: path(at(from)), bytes }));
        self.serve(out)
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        let before = Instant::now();
        self.pbx.handle(event, self.now, &mut out);
        self.spent += before.elapsed();
        out
    }

    /// The shell's part: ports are bound, writes kept; what was sent is returned.
    fn serve(&mut self, actions: Vec<Action>) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut sent, mut actions) = (Vec::new(), VecDeque::from(actions));
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
            actions.extend(self.handle(event));
        }
        sent
    }
}

/// Of what was sent the requests of this method, and where they went.
fn requests(sent: &[(SocketAddr, Vec<u8>)], method: &str) -> Vec<(SocketAddr, Request)> {
    let read = |bytes: &[u8]| match parse(bytes) {
        Ok(Message::Request(request)) if request.method.as_str() == method => Some(request),
        _ => None,
    };
    sent.iter().filter_map(|(remote, bytes)| Some((*remote, read(bytes)?))).collect()
}

/// The tag that the exchange gave the caller's call.
fn tag_of(sent: &[(SocketAddr, Vec<u8>)]) -> String {
    let answered = sent.iter().find_map(|(_, bytes)| match parse(bytes) {
        Ok(Message::Response(response)) if response.status == Status(200) => response.to_().tag().map(str::to_owned),
        _ => None,
    });
    answered.expect("the caller is answered")
}

/// A phone's answer.
fn answer(request: &Request, status: u16, body: &str) -> Response {
    let mut response = Response::to(request, Status(status));
    response.set_to_tag("phone");
    response.set_contact(&NameAddr::new(Uri::sip("1001", "127.0.0.4", None)));
    if !body.is_empty() {
        response.set_body("application/sdp", body.as_bytes().to_vec());
    }
    response
}

const OFFER: &str = "v=0\r\no=load 1 1 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// The caller's request.
fn message(method: &str, number: u32, tag: &str, body: &str) -> Vec<u8> {
    let (to, cseq) = (if tag.is_empty() { String::new() } else { format!(";tag={tag}") }, if method == "BYE" { 2 } else { 1 });
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:1001@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK{method}{number};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:load@127.0.0.3>;tag=f{number}\r\nTo: <sip:1001@127.0.0.1:5060>{to}\r\nCall-ID: f{number}@127.0.0.3\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:load@{CALLER}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
