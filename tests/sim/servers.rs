//! Providers with several servers (RFC 3263): which is called first, and which when that one is dead.

use centrala::ask::{Answer, Question, Reply, Server};
use centrala::config::{Config, Destination, Trunk};
use centrala::control;
use centrala::id::{AskId, ReplyId, Rng};
use centrala::media::{Command, Report};
use centrala::pbx::{Action, Event, Pbx};
use centrala::sim;
use centrala::sip::message::{Message, Response, parse};
use centrala::sip::{Credentials, Input, Path, Status, Transport, TrunkSource};
use centrala::time::{Duration, Moment, Now, Wall};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// An exchange with one provider, known by name and asked now and then whether it is there.
pub struct Exchange {
    pub pbx: Pbx,
    pub now: Now,
    /// Probes that went out before: what comes again is a repetition.
    seen: BTreeSet<String>,
}

impl Exchange {
    fn new(send_to: &str) -> Exchange {
        Exchange::listening(sim::EXCHANGE, &[], send_to)
    }

    /// One that listens there; the provider's calls come from these networks.
    fn listening(own: SocketAddr, accept_from: &[&str], send_to: &str) -> Exchange {
        Exchange::of(own, accept_from, send_to, Some(Duration::from_secs(30)))
    }

    /// The provider is asked that often whether it lives.
    fn of(own: SocketAddr, accept_from: &[&str], send_to: &str, probe: Option<Duration>) -> Exchange {
        Exchange::with(own, accept_from, Trunk { send_to: Some(send_to.parse().expect("a host")), probe, ..Trunk::default() })
    }

    pub fn with(own: SocketAddr, accept_from: &[&str], trunk: Trunk) -> Exchange {
        let mut config = Config { trunks: [("carrier".into(), trunk)].into(), ..Config::clone(&sim::lab::config()) };
        config.accounts = Arc::new([("carrier".into(), Credentials::new("acct", "secret"))].into());
        let settings = Arc::make_mut(&mut config.sip);
        settings.listeners.iter_mut().for_each(|listener| listener.address = own);
        let addresses = accept_from.iter().map(|network| network.parse().expect("a network")).collect();
        settings.trunks.push(TrunkSource { name: "carrier".into(), addresses });
        let line = Destination::Trunk { trunk: "carrier".into(), user: "600".into(), open: true };
        config.numbers.insert("900".into(), line);
        let now = Now { mono: Moment::ZERO + Duration::from_secs(1), wall: Wall::from_unix_nanos(1_790_000_000_000_000_000) };
        Exchange { pbx: Pbx::new(Arc::new(config), 1, Rng::from_seed(1), now), now, seen: BTreeSet::new() }
    }

    /// Until a probe goes out, or a question; where it goes, or what it is.
    fn next(&mut self) -> Result<SocketAddr, (AskId, Question)> {
        for _ in 0..1000 {
            let mut out = Vec::new();
            self.pbx.handle_timeout(self.now, &mut out);
            if let Some(found) = out.into_iter().find_map(|action| self.interesting(action)) {
                return found;
            }
            let at = self.pbx.poll_timeout().expect("something is always due").max(self.now.mono);
            self.now = Now { mono: at, wall: self.now.wall + at.since(self.now.mono) };
        }
        panic!("nothing leaves")
    }

    fn told(&mut self, id: AskId, reply: Reply) -> Option<SocketAddr> {
        let mut out = Vec::new();
        self.pbx.handle(Event::Answer(Answer { id, reply }), self.now, &mut out);
        out.into_iter().find_map(|action| self.interesting(action)).and_then(Result::ok)
    }

    /// A new probe, or a question.
    fn interesting(&mut self, action: Action) -> Option<Result<SocketAddr, (AskId, Question)>> {
        match action {
            Action::Transmit { path, bytes } if bytes.starts_with(b"OPTIONS ") => {
                let text = String::from_utf8(bytes).expect("text");
                let branch = text.split("branch=").nth(1).and_then(|rest| rest.split(['\r', ';']).next()).expect("a branch");
                self.seen.insert(branch.to_owned()).then_some(Ok(path.remote))
            }
            Action::Ask(ask) => Some(Err((ask.id, ask.question))),
            _ => None,
        }
    }
}

impl Exchange {
    /// Where the provider is called, as an operator is told.
    fn address(&mut self) -> String {
        let mut out = Vec::new();
        let asked = Event::Control { reply: ReplyId(1), request: control::Request::Trunks };
        self.pbx.handle(asked, self.now, &mut out);
        let rows = out.into_iter().find_map(|action| match action {
            Action::Reply { response: control::Response::Trunks(rows), .. } => Some(rows),
            _ => None,
        });
        rows.expect("an answer").remove(0).address
    }

    /// A call to the provider, and the INVITE that leaves for it: where to, and its bytes.
    pub fn called(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.calls(0)
    }

    /// The same, one of several.
    fn calls(&mut self, number: u32) -> Option<(SocketAddr, Vec<u8>)> {
        let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n";
        let invite = format!(
            "INVITE sip:900@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKcall{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:48221234567@127.0.0.2>;tag=f\r\nTo: <sip:900@127.0.0.1>\r\nCall-ID: call{number}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:127.0.0.2>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.received("127.0.0.2:5060", invite.into_bytes())
    }

    /// A message comes; the INVITE that leaves because of it.
    fn received(&mut self, from: &str, bytes: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        let path = Path { transport: Transport::Udp, local: sim::EXCHANGE, remote: at(from)?, connection: None };
        self.serve(Event::Sip(Input::Received { path, bytes }))
    }

    /// The shell's part in it: ports are bound.
    fn serve(&mut self, event: Event) -> Option<(SocketAddr, Vec<u8>)> {
        let (mut events, mut invite) = (VecDeque::from([event]), None);
        while let Some(event) = events.pop_front() {
            let mut out = Vec::new();
            self.pbx.handle(event, self.now, &mut out);
            for action in out {
                match action {
                    Action::Media { command: Command::Open { leg, .. }, .. } => {
                        events.push_back(Event::Media(Report::Opened { leg }))
                    }
                    Action::Transmit { path, bytes } if bytes.starts_with(b"INVITE ") => invite = Some((path.remote, bytes)),
                    other => drop(self.interesting(other)),
                }
            }
        }
        invite
    }
}

/// The refusal of an INVITE.
fn refusal(invite: &[u8], status: u16) -> Vec<u8> {
    let Ok(Message::Request(request)) = parse(invite) else { panic!("no request") };
    let mut response = Response::to(&request, Status(status));
    response.set_to_tag("carrier");
    response.to_bytes()
}

fn server(priority: u16, weight: u16, address: &str) -> Server {
    Server { priority, weight, address: address.parse().expect("an address") }
}

fn at(address: &str) -> Option<SocketAddr> {
    Some(address.parse().expect("an address"))
}

#[test]
fn a_provider_s_servers_are_asked_for_by_srv_and_tried_in_their_order() {
    let mut exchange = Exchange::new("carrier.example");
    let Err((id, Question::Servers { host })) = exchange.next() else { panic!("another question") };
    assert_eq!(host, "carrier.example");
    let servers = vec![
        server(20, 0, "127.0.0.7:5070"),
        server(10, 0, "127.0.0.6:5060"),
        server(30, 9, "0.0.0.0:5060"),
        server(10, 5, "127.0.0.5:5080"),
    ];
    assert_eq!(exchange.told(id, Reply::Servers(servers)), at("127.0.0.5:5080"), "the heavier of the first priority");
    // Nobody answers: each is asked twice, and then the next one, round and round.
    let mut asked = vec![];
    while asked.len() < 9 {
        asked.extend(exchange.next());
    }
    let [first, second, third] =
        ["127.0.0.5:5080", "127.0.0.6:5060", "127.0.0.7:5070"].map(|address| at(address).expect("an address"));
    assert_eq!(asked, [first, second, second, third, third, first, first, second, second]);
}

#[test]
fn with_a_port_the_host_is_meant_itself() {
    let mut exchange = Exchange::new("carrier.example:5090");
    let Err((id, Question::Resolve { .. })) = exchange.next() else { panic!("another question") };
    let hosts = ["0.0.0.0", "127.0.0.9"].map(|host| host.parse().expect("an address"));
    assert_eq!(exchange.told(id, Reply::Addresses(hosts.to_vec())), at("127.0.0.9:5090"));
    let mut exchange = Exchange::new("127.0.0.8");
    assert_eq!(exchange.next().ok(), at("127.0.0.8:5060"), "an address is not asked for");
}

#[test]
fn a_server_of_no_use_is_passed_over_in_the_call_and_from_then_on() {
    let mut exchange = Exchange::new("carrier.example");
    let Err((id, _)) = exchange.next() else { panic!("no question") };
    let servers = vec![server(1, 0, "127.0.0.5:5060"), server(2, 0, "127.0.0.6:5060"), server(3, 0, "127.0.0.7:5060")];
    exchange.told(id, Reply::Servers(servers));
    let (first, invite) = exchange.called().expect("the call goes out");
    assert_eq!(Some(first), at("127.0.0.5:5060"));
    let (second, _) = exchange.received("127.0.0.5:5060", refusal(&invite, 503)).expect("another try");
    assert_eq!(Some(second), at("127.0.0.6:5060"));
    let path = Path { transport: Transport::Udp, local: sim::EXCHANGE, remote: second, connection: None };
    let (third, invite) = exchange.serve(Event::Sip(Input::Unreachable { path })).expect("another try");
    assert_eq!(Some(third), at("127.0.0.7:5060"));
    // A refusal that says something of the callee is no fault of the server; and each server is tried once.
    assert_eq!(exchange.received("127.0.0.7:5060", refusal(&invite, 486)), None);
    // It is the third that is asked from now on whether it lives.
    assert!((0..4).any(|_| exchange.next().ok() == at("127.0.0.7:5060")));
}

/// Both of a provider's servers have too many calls: they are not asked and registered at for each of them.
#[test]
fn probes_follow_the_calls_no_oftener_than_every_five_seconds() {
    let mut exchange = Exchange::new("carrier.example");
    let Err((id, _)) = exchange.next() else { panic!("no question") };
    exchange.told(id, Reply::Servers(vec![server(1, 0, "127.0.0.5:5060"), server(2, 0, "127.0.0.6:5060")]));
    exchange.now.mono = exchange.now.mono + Duration::from_secs(6);
    let probes = |exchange: &Exchange| exchange.seen.len();
    let before = probes(&exchange);
    for number in 0..4 {
        let (first, invite) = exchange.calls(number).unwrap_or_else(|| panic!("call {number} does not go out"));
        let (second, invite) = exchange.received(&first.to_string(), refusal(&invite, 503)).expect("another try");
        assert_ne!(first, second);
        assert_eq!(exchange.received(&second.to_string(), refusal(&invite, 503)), None);
    }
    let begun = exchange.now.mono;
    assert_eq!(probes(&exchange), before + 1, "it moved once");
    // After the last refusal calls go to the first again: it is asked as soon as the move has lasted.
    let first = at("127.0.0.5:5060").expect("an address");
    assert_eq!(exchange.address(), first.to_string());
    let asked = (0..4).find(|_| exchange.next() == Ok(first)).map(|_| exchange.now.mono.since(begun));
    assert_eq!(asked, Some(Duration::from_secs(5)));
}

#[test]
fn a_better_server_is_gone_back_to_when_it_had_time_to_recover() {
    let servers = || Reply::Servers(vec![server(1, 0, "127.0.0.5:5060"), server(2, 0, "127.0.0.6:5060")]);
    let mut exchange = Exchange::of(sim::EXCHANGE, &[], "carrier.example", None);
    let Err((id, _)) = exchange.next() else { panic!("no question") };
    let asked = exchange.now.mono;
    exchange.told(id, servers());
    let (first, invite) = exchange.called().expect("the call goes out");
    let (second, _) = exchange.received("127.0.0.5:5060", refusal(&invite, 503)).expect("another try");
    assert_eq!((Some(first), Some(second)), (at("127.0.0.5:5060"), at("127.0.0.6:5060")));
    assert_eq!(exchange.address(), second.to_string());
    let Err((id, _)) = exchange.next() else { panic!("the name is not asked for again") };
    assert!(exchange.now.mono.since(asked) >= Duration::from_secs(300));
    exchange.told(id, servers());
    assert_eq!(exchange.address(), first.to_string());
}

/// SIG-26.
#[test]
fn a_name_leads_neither_to_our_own_host_nor_into_a_network_of_ours() {
    let check = |own: &str, accept_from: &[&str], answers: &[&str], expected: &str| {
        let own = SocketAddr::new(own.parse().expect("an address"), 5060);
        let mut exchange = Exchange::listening(own, accept_from, "carrier.example");
        let Err((id, _)) = exchange.next() else { panic!("no question") };
        let servers = answers.iter().map(|address| server(1, 0, &format!("{address}:5060"))).collect();
        let probed = exchange.told(id, Reply::Servers(servers));
        assert_eq!(probed.map(|place| place.ip().to_string()).unwrap_or_default(), expected, "{answers:?}");
        let called = exchange.called().map(|(place, _)| place.ip().to_string());
        assert_eq!(called.unwrap_or_default(), expected, "{answers:?}");
    };
    for own in ["203.0.113.1", "10.0.0.1"] {
        check(own, &[], &["198.51.100.7"], "198.51.100.7");
        check(own, &[], &["127.0.0.1", "169.254.169.254", "198.51.100.7"], "198.51.100.7");
        for inside in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "224.0.0.1", "10.0.0.2", "172.31.1.1", "192.168.1.1", "169.254.1.1"]
        {
            check(own, &[], &[inside], "");
            check(own, &["198.51.100.0/24", "10.7.0.0/24"], &[inside], "");
        }
        check(own, &["10.7.0.0/24"], &["10.7.0.9"], "10.7.0.9");
    }
}

/// SIG-26: records that are never twice the same, and want to be asked for each time.
#[test]
fn a_name_that_leads_elsewhere_each_time_is_followed_and_asked_for_no_oftener_than_others() {
    let mut exchange = Exchange::new("carrier.example");
    let begun = exchange.now.mono;
    let mut asked = 0u8;
    while exchange.now.mono.since(begun) < Duration::from_secs(3600) {
        match exchange.next() {
            Ok(place) => assert_eq!(Some(place), at(&format!("127.0.1.{asked}:5060")), "only where it is now"),
            Err((id, _)) => {
                asked += 1;
                exchange.told(id, Reply::Servers(vec![server(1, 0, &format!("127.0.1.{asked}:5060"))]));
            }
        }
    }
    assert_eq!(asked, 13, "in an hour");
}
