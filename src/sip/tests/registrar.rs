//! Registrations: ours at the exchange, and what the registrar makes of any REGISTER.

use super::pair::{EXCHANGE, PASSWORD, PHONE, Pair, REALM, at};
use crate::sip::message::{Challenge, Method, Name as Header, NameAddr, Request, Response, Uri, Via};
use crate::sip::*;
use crate::time::Duration;
use std::sync::Arc;

/// A phone that is written by hand: REGISTER after REGISTER with one Call-ID.
struct Script {
    pair: Pair,
    cseq: u32,
    challenge: Option<Challenge>,
    nc: u32,
    path: Path,
}

impl Script {
    fn new() -> Script {
        let pair = Pair::extension(1, Transport::Udp, &[Algorithm::Md5]);
        let path = pair.path(EXCHANGE);
        Script { pair, cseq: 0, challenge: None, nc: 0, path }
    }

    fn request(&mut self, contacts: &[&str], expires: Option<&str>) -> Request {
        self.cseq += 1;
        let mut request = Request::new(Method::Register, Uri::sip("", REALM, None));
        let branch = format!("z9hG4bKs{}{}", self.cseq, self.nc);
        request.push_via(&Via::new("UDP", at("10.0.0.2:5060"), &branch));
        let user = Uri::sip("1001", REALM, None);
        request.set_from(&NameAddr::new(user.clone()).with_tag("s"));
        request.set_to(&NameAddr::new(user));
        request.set_call_id("script");
        request.set_cseq(self.cseq);
        for contact in contacts {
            request.headers.push(Header::Contact, contact);
        }
        if let Some(expires) = expires {
            request.headers.set(Header::Expires, expires);
        }
        request
    }

    fn sign(&mut self, request: &mut Request) {
        if self.challenge.is_none() {
            let mut plain = request.clone();
            plain.headers.set(Header::Via, Via::new("UDP", at("10.0.0.2:5060"), "z9hG4bKplain").to_string());
            let refused = self.send(&plain);
            assert_eq!(refused.status, Status(401));
            self.challenge = refused.www_authenticate().pop();
        }
        self.nc += 1;
        let challenge = self.challenge.as_ref().expect("a challenge");
        let nc = format!("{:08x}", self.nc);
        let nonce = challenge.get("nonce").expect("a nonce");
        let uri = request.uri.to_string();
        let question = digest::Question { method: "REGISTER", uri: &uri, nonce, nc: &nc, cnonce: "c" };
        let ha1 = digest::ha1(Algorithm::Md5, "1001", REALM, PASSWORD);
        let credentials = message::Credentials::new("Digest")
            .with("username", "1001")
            .with("realm", REALM)
            .with("nonce", nonce)
            .with("uri", &uri)
            .with("response", &digest::answer(Algorithm::Md5, &ha1, question))
            .with("qop", "auth")
            .with("nc", &nc)
            .with("cnonce", "c");
        request.set_authorization(&credentials);
    }

    fn send(&mut self, request: &Request) -> Response {
        let path = self.path;
        self.pair.input(EXCHANGE, Input::Received { path, bytes: request.to_bytes() });
        self.pair.response(EXCHANGE)
    }

    fn register(&mut self, contacts: &[&str], expires: Option<&str>) -> Response {
        let mut request = self.request(contacts, expires);
        self.sign(&mut request);
        self.send(&request)
    }

    /// Contacts of the bindings.
    fn bound(&self) -> Vec<String> {
        self.pair.sides[EXCHANGE].endpoint.bindings("1001").map(|binding| binding.contact.to_string()).collect()
    }
}

fn contacts(response: &Response) -> Vec<String> {
    response.contacts().iter().map(ToString::to_string).collect()
}

#[test]
fn a_registration_is_kept_renewed_and_taken_back() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::extension(2, transport, &[Algorithm::Sha256, Algorithm::Md5]);
        let registration = RegistrationId(1);
        let account = Account {
            registrar: pair.path(PHONE),
            user: "1001".to_string(),
            domain: REALM.to_string(),
            credentials: Credentials::new("1001", PASSWORD),
            // Below what the registrar takes: 423, then 30 s.
            expires: Duration::from_secs(5),
        };
        pair.command(PHONE, Command::Register { registration, account: Box::new(account) });
        pair.run(Duration::from_secs(1));
        let life = Duration::from_secs(30);
        assert_eq!(*pair.last(PHONE), Event::Registration { registration, outcome: Ok(life) });
        assert_eq!(pair.said(EXCHANGE), ["401", "423", "401", "200"]);
        let Event::Bound { binding } = pair.last(EXCHANGE) else { panic!("{:?}", pair.sides[EXCHANGE].events) };
        assert_eq!((&*binding.user, binding.path), ("1001", pair.path(EXCHANGE)));
        pair.run(Duration::from_secs(300));
        let renewed = |event: &Event| matches!(event, Event::Renewed { .. });
        assert!(pair.sides[EXCHANGE].events.iter().skip(1).all(renewed), "never lost: {:?}", pair.sides[EXCHANGE].events);
        assert!(pair.sides[EXCHANGE].events.len() > 10);
        pair.command(PHONE, Command::Unregister { registration });
        pair.settle();
        assert!(matches!(pair.last(EXCHANGE), Event::Unbound { .. }));
        assert_eq!(pair.sides[EXCHANGE].endpoint.census().bindings, 0);
        pair.check_that_nothing_is_left();
    }
}

/// However a phone keeps its time, what was told of it lasts until it comes again.
#[test]
fn a_phone_that_comes_often_is_told_of_seldom_and_never_forgotten_over_a_restart() {
    // How long it asks to be kept, how often it comes, how often that is told in an hour.
    for (life, pause, told) in [(600, 40, 12), (3600, 60, 2), (600, 290, 7), (600, 310, 12), (600, 540, 7), (60, 40, 91)] {
        let mut script = Script::new();
        let contact = "<sip:1001@10.0.0.2>";
        let mut known = script.pair.now.wall;
        for time in (0..=3600).step_by(pause) {
            assert!(time == 0 || script.pair.now.wall < known, "{life} s, each {pause} s: lost after {time} s");
            script.register(&[contact], Some(&life.to_string()));
            if let Event::Bound { binding } | Event::Renewed { binding } = script.pair.last(EXCHANGE) {
                known = binding.expires;
            }
            // A nonce is not kept for so long.
            script.challenge = None;
            script.pair.run(Duration::from_secs(pause as u64));
        }
        let events = &script.pair.sides[EXCHANGE].events;
        assert!(matches!(events[0], Event::Bound { .. }));
        assert!(events.iter().skip(1).all(|event| matches!(event, Event::Renewed { .. })), "{events:?}");
        assert_eq!(events.len(), told, "{life} s, each {pause} s");
    }
}

#[test]
fn a_phone_that_moves_or_asks_for_less_time_is_told_of_at_once() {
    let mut script = Script::new();
    let contact = "<sip:1001@10.0.0.2>";
    let mut told = 0;
    let mut check = |script: &mut Script, seconds: &str, expected: Option<bool>| {
        script.register(&[contact], Some(seconds));
        let events = &script.pair.sides[EXCHANGE].events;
        let news = (events.len() > told).then(|| matches!(events[told], Event::Bound { .. }));
        told = events.len();
        assert_eq!(news, expected, "{seconds} s");
    };
    check(&mut script, "3600", Some(true));
    check(&mut script, "3600", None);
    check(&mut script, "600", Some(false));
    check(&mut script, "600", None);
    script.path.remote.set_port(40_000);
    check(&mut script, "600", Some(true));
    check(&mut script, "600", None);
}

#[test]
fn a_registration_that_fails_is_tried_again() {
    let mut pair = Pair::extension(3, Transport::Udp, &[Algorithm::Md5]);
    let account = Account {
        registrar: pair.path(PHONE),
        user: "1001".to_string(),
        domain: REALM.to_string(),
        credentials: Credentials::new("1001", "wrong"),
        expires: Duration::from_secs(60),
    };
    let registration = RegistrationId(1);
    pair.command(PHONE, Command::Register { registration, account: Box::new(account.clone()) });
    pair.run(Duration::from_secs(1));
    assert_eq!(*pair.last(PHONE), Event::Registration { registration, outcome: Err(Status(401)) });
    pair.is_cut = true;
    pair.run(Duration::from_secs(100));
    assert_eq!(*pair.last(PHONE), Event::Registration { registration, outcome: Err(Status(408)) });
    pair.is_cut = false;
    let right = Account { credentials: Credentials::new("1001", PASSWORD), ..account };
    pair.command(PHONE, Command::Register { registration, account: Box::new(right) });
    pair.run(Duration::from_secs(1));
    assert_eq!(*pair.last(PHONE), Event::Registration { registration, outcome: Ok(Duration::from_secs(60)) });
}

#[test]
fn every_binding_is_listed_with_what_remains_and_its_parameters_in_their_places() {
    let mut phone = Script::new();
    phone.register(&["<sip:1001@10.0.0.2>;unknownparam"], Some("100"));
    phone.pair.run(Duration::from_secs(40));
    let response = phone.register(&["<sip:1001@10.0.0.3;unknownparam>;expires=50"], Some("100"));
    assert_eq!(
        contacts(&response),
        ["<sip:1001@10.0.0.2>;unknownparam;expires=60", "<sip:1001@10.0.0.3;unknownparam>;expires=50"]
    );
    // Asking changes nothing.
    assert_eq!(contacts(&phone.register(&[], None)).len(), 2);
    // They expire by themselves, each at its time.
    phone.pair.run(Duration::from_secs(51));
    assert_eq!(phone.bound(), ["sip:1001@10.0.0.2"]);
    phone.pair.run(Duration::from_secs(10));
    assert!(phone.bound().is_empty());
    let unbound = |event: &&Event| matches!(event, Event::Unbound { .. });
    assert_eq!(phone.pair.sides[EXCHANGE].events.iter().filter(unbound).count(), 2);
}

#[test]
fn what_is_asked_for_is_bound_removed_or_refused() {
    let check = |what: &str, contacts: &[&str], expires: Option<&str>, status: u16, bound: &[&str]| {
        let mut phone = Script::new();
        phone.register(&["<sip:old@10.0.0.9>"], None);
        assert_eq!(phone.register(contacts, expires).status, Status(status), "{what}");
        assert_eq!(phone.bound(), bound, "{what}");
    };
    let (old, new) = ("sip:old@10.0.0.9", "sip:1001@10.0.0.2");
    check("a new contact", &["<sip:1001@10.0.0.2>"], None, 200, &[old, new]);
    check("too short", &["<sip:1001@10.0.0.2>;expires=10"], None, 423, &[old]);
    check("too short, by header", &["<sip:1001@10.0.0.2>"], Some("10"), 423, &[old]);
    check("longer than we keep", &["<sip:1001@10.0.0.2>"], Some("4294967296"), 200, &[old, new]);
    check("one removed", &["<sip:OLD@10.0.0.9>;expires=0", "<sip:old@10.0.0.9>;expires=0"], None, 200, &[]);
    check("removed by header", &["<sip:old@10.0.0.9>"], Some("0"), 200, &[]);
    check("an unknown one removed", &["<sip:who@10.0.0.9>"], Some("0"), 200, &[old]);
    check("all removed", &["*"], Some("0"), 200, &[]);
    check("a star that lasts", &["*"], Some("60"), 400, &[old]);
    check("a star without Expires", &["*"], None, 400, &[old]);
    check("one of them too short: none is bound", &["<sip:a@10.0.0.2>", "<sip:b@10.0.0.2>;expires=1"], None, 423, &[old]);
    check("a tel URI", &["<tel:+48221234567>"], None, 400, &[old]);
    check(
        "an escaped NUL is another phone",
        &["<sip:a%00@10.0.0.2>", "<sip:a%00%00@10.0.0.2>"],
        None,
        200,
        &[old, "sip:a%00@10.0.0.2", "sip:a%00%00@10.0.0.2"],
    );
}

#[test]
fn the_same_phone_renews_and_a_sixth_takes_the_place_of_the_oldest() {
    let mut phone = Script::new();
    for port in 1..=5 {
        phone.register(&[&format!("<sip:1001@10.0.0.2:{port}>")], None);
    }
    phone.register(&["<sip:1001@10.0.0.2:1>"], None);
    assert_eq!(phone.bound().len(), 5);
    phone.register(&["<sip:1001@10.0.0.2:6>"], None);
    let ports: Vec<_> = phone.bound().iter().map(|uri| uri.rsplit(':').next().unwrap_or_default().to_string()).collect();
    assert_eq!(ports, ["3", "4", "5", "1", "6"]);
}

#[test]
fn an_overtaken_register_changes_nothing() {
    let mut phone = Script::new();
    let mut early = phone.request(&["<sip:1001@10.0.0.2>;expires=0"], None);
    let late = phone.register(&["<sip:1001@10.0.0.2>"], None);
    assert_eq!(late.status, Status(200));
    early.headers.set(Header::Via, Via::new("UDP", at("10.0.0.2:5060"), "z9hG4bKearly").to_string());
    phone.sign(&mut early);
    assert_eq!(phone.send(&early).status, Status(500));
    assert_eq!(phone.bound().len(), 1);
}

#[test]
fn a_nonce_count_serves_once_and_a_nonce_for_its_life() {
    let mut phone = Script::new();
    assert_eq!(phone.register(&["<sip:1001@10.0.0.2>"], None).status, Status(200));
    phone.nc -= 1;
    let replayed = phone.register(&["<sip:1001@10.0.0.2>"], None);
    assert_eq!(replayed.status, Status(401));
    assert!(matches!(phone.pair.last(EXCHANGE), Event::Rejected { why: Rejection::Replayed { .. }, .. }));

    phone.challenge = None;
    assert_eq!(phone.register(&["<sip:1001@10.0.0.2>"], None).status, Status(200));
    // Out of order is fine, within the window.
    phone.nc += 10;
    assert_eq!(phone.register(&["<sip:1001@10.0.0.2>"], None).status, Status(200));
    phone.nc -= 5;
    assert_eq!(phone.register(&["<sip:1001@10.0.0.2>"], None).status, Status(200));

    phone.pair.run(Duration::from_secs(122));
    phone.nc += 100;
    let stale = phone.register(&["<sip:1001@10.0.0.2>"], None);
    assert_eq!(stale.status, Status(401));
    assert_eq!(stale.www_authenticate()[0].get("stale"), Some("true"));
}

#[test]
fn a_nonce_serves_only_the_address_that_was_given_it() {
    let mut phone = Script::new();
    phone.register(&["<sip:1001@10.0.0.2>"], None);
    phone.path.remote = at("10.0.0.77:5060");
    let request = {
        let mut request = phone.request(&["<sip:1001@10.0.0.2>"], None);
        phone.sign(&mut request);
        request
    };
    let mut out = Vec::new();
    let path = phone.path;
    phone.pair.sides[EXCHANGE].endpoint.handle(Input::Received { path, bytes: request.to_bytes() }, phone.pair.now, &mut out);
    assert!(matches!(&out[..], [Output::Transmit { bytes, .. }] if bytes.starts_with(b"SIP/2.0 401")), "{out:?}");
}

#[test]
fn a_register_in_another_name_is_forbidden() {
    let mut phone = Script::new();
    let mut request = phone.request(&["<sip:1001@10.0.0.2>"], None);
    request.set_to(&NameAddr::new(Uri::sip("1002", REALM, None)));
    phone.sign(&mut request);
    assert_eq!(phone.send(&request).status, Status(403));
    assert_eq!(phone.pair.sides[EXCHANGE].endpoint.all_bindings().count(), 0);
}

#[test]
fn a_closed_connection_leaves_the_binding_without_it() {
    let mut phone = Script::new();
    phone.path.transport = Transport::Tcp;
    phone.path.connection = Some(ConnectionId(1));
    phone.register(&["<sip:1001@10.0.0.2;transport=tcp>"], None);
    phone.pair.input(EXCHANGE, Input::Disconnected { connection: ConnectionId(1) });
    let bindings: Vec<_> = phone.pair.sides[EXCHANGE].endpoint.bindings("1001").collect();
    assert!(matches!(bindings[..], [Binding { path: Path { connection: None, .. }, .. }]));
}

#[test]
fn a_phone_is_called_where_its_contact_says_unless_somebody_on_the_way_has_changed_that() {
    let way = |came_from: &str, contact: &str| {
        let mut phone = Script::new();
        phone.path.remote = at(came_from);
        phone.register(&[contact], None);
        phone.pair.sides[EXCHANGE].endpoint.bindings("1001").map(|binding| binding.path.remote).next()
    };
    assert_eq!(way("10.0.0.2:5060", "<sip:1001@10.0.0.2:5099>"), Some(at("10.0.0.2:5099")));
    assert_eq!(way("10.0.0.2:5060", "<sip:1001@10.0.0.2>"), Some(at("10.0.0.2:5060")));
    // Behind a router: another address, or another port than its Via says.
    assert_eq!(way("10.0.0.2:5060", "<sip:1001@192.168.7.7:5099>"), Some(at("10.0.0.2:5060")));
    assert_eq!(way("10.0.0.2:40000", "<sip:1001@10.0.0.2:5060>"), Some(at("10.0.0.2:40000")));
    assert_eq!(way("10.0.0.2:5060", "<sip:1001@phone.example>"), Some(at("10.0.0.2:5060")), "a name is not asked for");
}

#[test]
fn whoever_is_no_user_any_more_has_no_phones_here() {
    let mut phone = Script::new();
    phone.register(&["<sip:1001@10.0.0.2>"], Some("100"));
    let kept: Vec<Binding> = phone.pair.sides[EXCHANGE].endpoint.all_bindings().cloned().collect();
    let mut settings = Settings::clone(&phone.pair.sides[EXCHANGE].endpoint.settings);
    phone.pair.command(EXCHANGE, Command::Configure(Arc::new(settings.clone())));
    assert_eq!(phone.bound(), ["sip:1001@10.0.0.2"], "nothing was changed");
    settings.users.clear();
    phone.pair.command(EXCHANGE, Command::Configure(Arc::new(settings)));
    assert!(matches!(phone.pair.last(EXCHANGE), Event::Unbound { user, .. } if &**user == "1001"));
    // Nor does it come back with what the store has kept of it.
    phone.pair.command(EXCHANGE, Command::Restore(kept));
    assert_eq!(phone.pair.sides[EXCHANGE].endpoint.census().bindings, 0);
}

#[test]
fn bindings_come_back_from_the_store() {
    let mut phone = Script::new();
    phone.register(&["<sip:1001@10.0.0.2>"], Some("100"));
    let kept: Vec<Binding> = phone.pair.sides[EXCHANGE].endpoint.all_bindings().cloned().collect();
    let mut restarted = Pair::extension(4, Transport::Udp, &[Algorithm::Md5]);
    restarted.now.wall = phone.pair.now.wall + Duration::from_secs(70);
    restarted.command(EXCHANGE, Command::Restore(kept));
    assert_eq!(restarted.sides[EXCHANGE].endpoint.census().bindings, 1);
    restarted.run(Duration::from_secs(31));
    assert!(matches!(restarted.last(EXCHANGE), Event::Unbound { .. }));
    assert_eq!(restarted.sides[EXCHANGE].endpoint.census(), Census::default());
}
