//! The exchange alone, spoken to word by word: what no honest phone says.

use centrala::config::Config;
use centrala::id::Rng;
use centrala::media::{Command, Report};
use centrala::pbx::{Action, Event, Pbx};
use centrala::sim;
use centrala::sip::message::{Message, Method, Name, Request, Response, Uri, parse};
use centrala::sip::{Binding, Input, Path, Status, Transport};
use centrala::store::{BindingRow, CallRecord, PartyNumber, What};
use centrala::time::{Duration, Moment, Now, Wall};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tracing::subscriber::with_default;

const BODY: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n";
/// From where the provider of the lab calls.
const PROVIDER: &str = "127.0.0.2:5060";

/// An exchange, and all that it has said.
struct Exchange {
    pbx: Pbx,
    now: Now,
    sent: Vec<(SocketAddr, Vec<u8>)>,
    written: Vec<What>,
}

impl Exchange {
    fn new(config: Config) -> Exchange {
        let now = Now { mono: Moment::ZERO + Duration::from_secs(1), wall: Wall::from_unix_nanos(1_790_000_000_000_000_000) };
        let pbx = Pbx::new(Arc::new(config), 1, Rng::from_seed(1), now);
        Exchange { pbx, now, sent: Vec::new(), written: Vec::new() }
    }

    fn hears(&mut self, from: &str, bytes: Vec<u8>) {
        let remote = from.parse().expect("an address");
        let path = Path { transport: Transport::Udp, local: sim::EXCHANGE, remote, connection: None };
        let mut out = Vec::new();
        self.pbx.handle(Event::Sip(Input::Received { path, bytes }), self.now, &mut out);
        self.carry_out(out);
    }

    fn waits(&mut self, time: Duration) {
        let until = self.now.mono + time;
        while let Some(at) = self.pbx.poll_timeout().filter(|at| *at <= until) {
            self.now = Now { mono: at, wall: self.now.wall + at.since(self.now.mono) };
            let mut out = Vec::new();
            self.pbx.handle_timeout(self.now, &mut out);
            self.carry_out(out);
        }
        self.now = Now { mono: until, wall: self.now.wall + until.since(self.now.mono) };
    }

    /// The shell's part in it: ports are bound, and closed.
    fn carry_out(&mut self, actions: Vec<Action>) {
        let mut open: VecDeque<Action> = actions.into();
        while let Some(action) = open.pop_front() {
            let report = match action {
                Action::Media { command: Command::Open { leg, .. }, .. } => Report::Opened { leg },
                Action::Media { command: Command::Close { leg }, .. } => Report::Closed { leg, statistics: Default::default() },
                Action::Transmit { path, bytes } => {
                    self.sent.push((path.remote, bytes));
                    continue;
                }
                Action::Write(write) => {
                    self.written.push(write.what);
                    continue;
                }
                _ => continue,
            };
            let mut out = Vec::new();
            self.pbx.handle(Event::Media(report), self.now, &mut out);
            open.extend(out);
        }
    }

    /// The last request of that method that was sent.
    fn request(&self, method: &Method) -> Request {
        let found = self.sent.iter().rev().find_map(|(_, bytes)| match parse(bytes) {
            Ok(Message::Request(request)) if request.method == *method => Some(request),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {method} was sent"))
    }

    /// The INVITE that this phone was sent.
    fn invite_to(&self, user: &str) -> Request {
        let remote = phone(user).parse().expect("an address");
        let found = self.sent.iter().rev().find(|(to, bytes)| *to == remote && bytes.starts_with(b"INVITE "));
        match found.map(|(_, bytes)| parse(bytes)) {
            Some(Ok(Message::Request(request))) => request,
            _ => panic!("{user} is not called"),
        }
    }

    /// The last response to that method.
    fn response(&self, method: &Method) -> Response {
        let found = self.sent.iter().rev().find_map(|(_, bytes)| match parse(bytes) {
            Ok(Message::Response(response)) if response.cseq().method == *method => Some(response),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{method} was not answered"))
    }

    fn record(&self) -> &CallRecord {
        let records = self.written.iter().filter_map(|what| match what {
            What::CallEnded(record) => Some(record),
            _ => None,
        });
        let [record] = records.collect::<Vec<_>>()[..] else { panic!("not one record: {:?}", self.written) };
        record
    }
}

fn lab() -> Config {
    Config::clone(&sim::lab::config())
}

/// What the provider's caller says, with these lines besides.
fn invite(number: &str, from: &str, others: &str) -> Vec<u8> {
    let text = format!(
        "INVITE sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {PROVIDER};branch=z9hG4bKcall\r\nMax-Forwards: 70\r\n\
         From: {from};tag=f\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: call\r\nCSeq: 1 INVITE\r\n{others}\
         Contact: <sip:127.0.0.2>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    text.into_bytes()
}

const ANNA: &str = "\"Anna\" <sip:+48221234567@127.0.0.2>";

/// The caller's next request, within what the exchange's response has begun.
fn inside(method: Method, response: &Response, number: u32) -> Vec<u8> {
    let mut request = Request::new(method, Uri::parse("sip:127.0.0.1").expect("a URI"));
    request.headers.push(Name::Via, format!("SIP/2.0/UDP {PROVIDER};branch=z9hG4bK{number}"));
    request.set_max_forwards(70);
    request.set_from(response.from_());
    request.set_to(response.to_());
    request.set_call_id("call");
    request.set_cseq(number);
    request.to_bytes()
}

#[test]
fn how_a_caller_ends_a_call_that_nobody_has_answered_is_in_its_record() {
    // What the caller says after the 180, after how long, and what the record says then: of the call and of the caller's leg.
    let cancel = String::from_utf8(invite(sim::lab::PROVIDER, ANNA, "")).expect("text");
    let cancel = cancel.replacen("INVITE sip", "CANCEL sip", 1).replace("1 INVITE", "1 CANCEL");
    let cancel = cancel.split("Contact").next().expect("a beginning").to_string() + "Content-Length: 0\r\n\r\n";
    for (what, expires, says, outcome, ending) in [
        ("BYE", "", "BYE", "cancelled", "cancel"),
        ("CANCEL", "", cancel.as_str(), "cancelled", "cancel"),
        ("the INVITE expires", "Expires: 5\r\n", "", "cancelled", "cancel"),
    ] {
        let mut exchange = Exchange::new(lab());
        exchange.hears(PROVIDER, invite(sim::lab::PROVIDER, ANNA, expires));
        let ours = exchange.request(&Method::Invite);
        let mut rings = Response::to(&ours, Status(180));
        rings.set_to_tag("rings");
        exchange.hears("127.0.1.0:20000", rings.to_bytes());
        let heard = exchange.response(&Method::Invite);
        assert_eq!(heard.status, Status(180), "{what}");
        match says {
            "" => exchange.waits(Duration::from_secs(5)),
            "BYE" => exchange.hears(PROVIDER, inside(Method::Bye, &heard, 2)),
            says => exchange.hears(PROVIDER, says.as_bytes().to_vec()),
        }
        assert_eq!(exchange.response(&Method::Invite).status, Status(487), "{what}");
        assert_eq!(exchange.request(&Method::Cancel).call_id(), ours.call_id(), "{what}: the phone rings no more");
        let record = exchange.record();
        assert_eq!((record.outcome.as_str(), record.ended_by.as_str(), record.answered), (outcome, "caller", None), "{what}");
        let caller = record.legs.iter().find(|leg| leg.role == "caller").expect("a caller");
        assert_eq!(caller.ending, ending, "{what}");
    }
}

#[test]
fn an_answer_that_nobody_acknowledges_is_a_call_that_failed() {
    let mut exchange = Exchange::new(lab());
    exchange.hears(PROVIDER, invite("101", ANNA, ""));
    assert_eq!(exchange.response(&Method::Invite).status, Status(200));
    exchange.waits(Duration::from_secs(31));
    assert!(!exchange.written.iter().any(|what| matches!(what, What::CallEnded(_))), "64*T1 are not over");
    exchange.waits(Duration::from_secs(2));
    assert_eq!(exchange.request(&Method::Bye).to_().tag(), Some("f"));
    let record = exchange.record();
    assert_eq!((record.outcome.as_str(), record.ended_by.as_str()), ("failed", "network"));
    assert_eq!(record.legs[0].ending, "no ack");
}

/// A phone of the house that has registered, each at an address of its own.
fn binding(user: &str) -> BindingRow {
    let contact = format!("sip:{user}@{}", phone(user));
    let expires = Wall::from_unix_nanos(1_790_003_600_000_000_000);
    let remote = phone(user).parse().expect("an address");
    let binding = Binding {
        user: user.into(),
        contact: Uri::parse(&contact).expect("a URI"),
        path: Path { transport: Transport::Udp, local: sim::EXCHANGE, remote, connection: None },
        expires,
        user_agent: String::new(),
        sip_call_id: user.into(),
        cseq: 1,
    };
    let body = serde_json::to_string(&binding).expect("plain data");
    BindingRow { user: user.into(), contact, expires, body }
}

fn phone(user: &str) -> String {
    format!("127.0.9.{}:5060", &user[3..])
}

/// What these phones answer, one after the other: a status, and where they send their caller.
fn check_redirected(what: &str, dialled: &str, answers: &[(&str, u16, &str)], expected: u16) {
    let mut exchange = Exchange::new(lab());
    let mut out = Vec::new();
    exchange.pbx.restore(["1001", "1003", "1004"].map(binding).into(), exchange.now, &mut out);
    exchange.carry_out(out);
    exchange.hears(PROVIDER, invite(dialled, ANNA, ""));
    for (user, status, contacts) in answers {
        assert!(exchange.response(&Method::Invite).status.0 < 200, "{what}: before {user} answers");
        let mut response = Response::to(&exchange.invite_to(user), Status(*status));
        response.set_to_tag(user);
        if !contacts.is_empty() {
            response.headers.push(Name::Contact, contacts);
        }
        exchange.hears(&phone(user), response.to_bytes());
    }
    assert_eq!(exchange.response(&Method::Invite).status, Status(expected), "{what}");
}

#[test]
fn a_flow_or_a_queue_that_a_phone_names_takes_its_caller_after_all_others_and_before_none() {
    let to_queue = "<sip:600@127.0.0.1>";
    check_redirected("to a queue", "1003", &[("1003", 302, to_queue)], 200);
    check_redirected("to a flow", "1003", &[("1003", 302, "<sip:101@127.0.0.1>")], 200);
    let several = "<sip:1004@127.0.0.1>, <sip:600@127.0.0.1>, <sip:1001@127.0.0.1>";
    check_redirected("after a phone", "1003", &[("1003", 302, several), ("1004", 486, "")], 200);
    let group = [("1003", 302, to_queue), ("1001", 603, "")];
    check_redirected("while others of a group ring", "310", &group, 200);
    check_redirected("to nobody", "1003", &[("1003", 302, "<sip:9999@127.0.0.1>")], 480);
}

/// Where what is logged goes.
#[derive(Clone)]
struct Lines(Sender<Vec<u8>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A name and numbers that would ring a bell, clear the screen, begin a line.
#[test]
fn what_a_screen_or_a_file_would_obey_reaches_no_log_no_record_and_no_header() {
    let from = "\"An\u{7}na\u{1b}[2J\t\u{9b}1\" <sip:600%0D%0A100%1b%00200@127.0.0.2>";
    let asserted = "P-Asserted-Identity: \"Bo\u{1b}]0;b\u{7}\" <sip:700%0D%0AEvil:%20x@127.0.0.2>\r\n";
    let diverted = "Diversion: \"Di\u{1b}na\" <sip:800%0D%0A1@127.0.0.2>;reason=user-busy\r\n\
                    User-Agent: a\u{1b}b\r\nReason: SIP;text=\"a\u{1b}b\"\r\n";
    // Who is believed, what is dialled, and whether a phone rings for it.
    for (what, trusted, number, rings) in [
        ("From", false, sim::lab::PROVIDER, true),
        ("P-Asserted-Identity", true, sim::lab::PROVIDER, true),
        ("a number that nobody has", false, "60%0D%0A0%1b9", false),
    ] {
        let mut config = lab();
        config.trunks.get_mut("provider").expect("the lab's").identity.trusted = trusted;
        let (writer, lines) = channel();
        let (writer, mut exchange) = (Lines(writer), None);
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).without_time().with_ansi(false);
        with_default(log.with_writer(move || writer.clone()).finish(), || {
            let mut it = Exchange::new(config);
            it.hears(PROVIDER, invite(number, from, &format!("{asserted}{diverted}")));
            if rings {
                it.hears(PROVIDER, inside(Method::Bye, &it.response(&Method::Invite), 2));
            }
            it.waits(Duration::from_secs(40));
            exchange = Some(it);
        });
        let exchange = exchange.expect("it ran");
        let logged = String::from_utf8(lines.try_iter().flatten().collect()).expect("text");
        assert!(logged.contains("call arrived"), "{what}: {logged}");
        for line in logged.lines() {
            let level = line.trim_start().split(' ').next().unwrap_or_default();
            assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level), "{what}: a line of its own: {line:?}");
            assert!(!line.contains(char::is_control), "{what}: {line:?}");
        }
        let record = exchange.record();
        let parties = [&record.from].into_iter().chain(record.legs.iter().map(|leg| &leg.party));
        let words = parties.flat_map(|PartyNumber { number, name }| [number, name]).chain([&record.dialled]);
        for word in words {
            assert!(!word.contains(char::is_control), "{what}: {word:?}");
        }
        let name = if trusted { "Bo?]0;b?" } else { "An?na?[2J??1" };
        assert_eq!(record.from.name, name, "{what}: what is harmless is kept");
        if rings {
            let called = exchange.request(&Method::Invite);
            let text = String::from_utf8(called.to_bytes()).expect("text");
            let (head, _) = text.split_once("\r\n\r\n").expect("a body");
            for line in head.split("\r\n") {
                assert!(!line.contains(char::is_control), "{what}: {line:?}");
            }
            assert!(called.headers.text(Name::from("Evil")).is_none(), "{what}");
        }
    }
}
