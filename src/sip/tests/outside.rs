//! What comes from outside a call: checks in their order, copies, limits, broken streams.

use super::pair::{EXCHANGE, Pair, REALM, at, description, outgoing};
use crate::sip::message::{Method, Name as Header, NameAddr, Request, Response, Uri, Via};
use crate::sip::*;
use crate::time::Duration;

pub(super) fn request(method: Method, branch: &str) -> Request {
    let mut request = Request::new(method, Uri::sip("100", "10.0.0.1", None));
    request.push_via(&Via::new("UDP", at("10.0.0.2:5060"), branch));
    request.set_max_forwards(70);
    request.set_from(&NameAddr::new(Uri::sip("600100200", "10.0.0.2", None)).with_tag("f"));
    request.set_to(&NameAddr::new(Uri::sip("100", "10.0.0.1", None)));
    request.set_call_id("outside");
    request.set_cseq(1);
    request.set_contact(&NameAddr::new(Uri::sip("", "10.0.0.2", None)));
    request
}

pub(super) fn answer(pair: &mut Pair, request: &Request) -> Response {
    pair.inject(EXCHANGE, &request.to_bytes());
    pair.response(EXCHANGE)
}

#[test]
fn each_request_gets_the_refusal_it_deserves() {
    let check = |what: &str, change: &dyn Fn(&mut Request), status: u16, header: Option<(Header, &str)>| {
        for from_trunk in [true, false] {
            let mut pair = match from_trunk {
                true => Pair::trunk(1, Transport::Udp),
                false => Pair::extension(1, Transport::Udp, &[Algorithm::Md5]),
            };
            let mut asked = request(Method::Options, "z9hG4bKx");
            change(&mut asked);
            asked.set_cseq(1);
            let response = answer(&mut pair, &asked);
            // A stranger's call is challenged before anything in it is judged.
            let expected = if !from_trunk && asked.method == Method::Invite && status != 416 { 401 } else { status };
            assert_eq!(response.status, Status(expected), "{what}");
            if let Some((name, value)) = header.clone().filter(|_| expected == status) {
                assert_eq!(response.headers.text(name).as_deref(), Some(value), "{what}");
            }
            if expected != 100 {
                assert!(response.to_().tag().is_some(), "{what}");
            }
            pair.settle();
            // An INVITE that was refused and one that is refused go alike: no ACK comes.
            if status != 100 {
                pair.check_that_nothing_is_left();
            }
        }
    };
    let allow = Some((Header::Allow, super::super::endpoint::ALLOW));
    let invite = |request: &mut Request| request.method = Method::Invite;
    check("a question", &|_| (), 200, allow.clone());
    check("a question that was on its way for long", &|it| it.set_max_forwards(0), 200, None);
    check("an unknown method", &|it| it.method = Method::Other("DANCE".to_string()), 501, allow.clone());
    for method in [Method::Message, Method::Publish] {
        check("a method that we know and do not allow", &|it| it.method = method.clone(), 405, allow.clone());
    }
    check("a transfer of no call", &|it| it.method = Method::Refer, 403, None);
    for method in [Method::Bye, Method::Info, Method::Update, Method::Prack, Method::Notify, Method::Cancel] {
        check("a method that needs a dialog", &|it| it.method = method.clone(), 481, None);
    }
    let gone = NameAddr::new(Uri::sip("100", "10.0.0.1", None)).with_tag("gone");
    for method in [Method::Bye, Method::Options, Method::Message] {
        check(
            "a dialog that is not there",
            &|it| {
                it.method = method.clone();
                it.set_to(&gone)
            },
            481,
            None,
        );
    }
    let sips = |it: &mut Request| it.uri = Uri::parse("sips:100@10.0.0.1").expect("a URI");
    check("an address that promises TLS, over UDP", &sips, 416, None);
    check(
        "a call of nobody who can be found again",
        &|it| {
            invite(it);
            it.headers.remove(Header::Contact)
        },
        400,
        None,
    );
    check("an unknown scheme", &|it| it.uri = Uri::parse("soap.beep://x").expect("a URI"), 416, None);
    let needs = |it: &mut Request| it.headers.push(Header::Require, "replaces, teleport, levitate");
    check("unknown extensions", &needs, 420, Some((Header::Unsupported, "teleport, levitate")));
    check(
        "a call with unknown extensions",
        &|it| {
            invite(it);
            needs(it)
        },
        420,
        None,
    );
    check(
        "a call",
        &|it| {
            invite(it);
            it.set_body("application/sdp", description(4000, 1).to_bytes())
        },
        100,
        None,
    );
    check("a call without an offer", &invite, 100, None);
    let text = |it: &mut Request| it.set_body("text/plain", b"hello".to_vec());
    check(
        "a call with a letter",
        &|it| {
            invite(it);
            text(it)
        },
        415,
        Some((Header::Accept, "application/sdp")),
    );
    let zipped = |it: &mut Request| {
        it.set_body("application/sdp", description(4000, 1).to_bytes());
        it.headers.push(Header::ContentEncoding, "gzip");
    };
    check(
        "a call with a compressed offer",
        &|it| {
            invite(it);
            zipped(it)
        },
        415,
        Some((Header::AcceptEncoding, "identity")),
    );
    check(
        "a caller that takes no SDP",
        &|it| {
            invite(it);
            it.headers.push(Header::Accept, "text/nobodyKnowsThis")
        },
        406,
        None,
    );
    check(
        "an offer that is none",
        &|it| {
            invite(it);
            it.set_body("application/sdp", b"v=1\r\n".to_vec())
        },
        400,
        None,
    );
}

#[test]
fn a_request_that_comes_again_gets_the_same_bytes_again() {
    let mut pair = Pair::extension(2, Transport::Udp, &[Algorithm::Md5]);
    let options = request(Method::Options, "z9hG4bKx").to_bytes();
    pair.inject(EXCHANGE, &options);
    pair.inject(EXCHANGE, &options);
    let sent: Vec<_> = pair.sides[EXCHANGE].sent.iter().map(|(_, _, bytes)| bytes.clone()).collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

/// RFC 4475 section 3.2.1: the bare cookie identifies nothing.
#[test]
fn two_requests_without_a_proper_branch_are_not_one() {
    for branch in ["z9hG4bK", "1", ""] {
        let mut pair = Pair::trunk(3, Transport::Udp);
        let mut first = request(Method::Options, "x");
        let via = if branch.is_empty() { String::new() } else { format!(";branch={branch}") };
        first.headers.set(Header::Via, format!("SIP/2.0/UDP 10.0.0.2{via}"));
        let mut second = first.clone();
        second.set_call_id("another");
        pair.inject(EXCHANGE, &first.to_bytes());
        pair.inject(EXCHANGE, &second.to_bytes());
        let answers: Vec<_> = pair.sides[EXCHANGE].sent.iter().map(|(_, _, bytes)| bytes.clone()).collect();
        assert_ne!(answers[0], answers[1], "{branch}");
        pair.inject(EXCHANGE, &first.to_bytes());
        assert_eq!(pair.sides[EXCHANGE].sent[2].2, answers[0], "{branch}");
    }
}

/// SIG-02.
#[test]
fn a_call_that_comes_by_two_ways_is_taken_once() {
    let mut pair = Pair::trunk(4, Transport::Udp);
    let invite = |branch: &str| request(Method::Invite, branch);
    pair.inject(EXCHANGE, &invite("z9hG4bKone").to_bytes());
    assert_eq!(answer(&mut pair, &invite("z9hG4bKtwo")).status, Status(482));
    let calls = pair.sides[EXCHANGE].events.iter().filter(|event| matches!(event, Event::Invite { .. })).count();
    assert_eq!(calls, 1);
}

#[test]
fn responses_go_where_the_request_came_from() {
    let check = |via: &str, port: u16, shown: &str| {
        let mut pair = Pair::trunk(5, Transport::Udp);
        let mut options = request(Method::Options, "x");
        options.headers.set(Header::Via, via);
        let path = Path { remote: at("10.0.0.2:3456"), ..pair.path(EXCHANGE) };
        pair.input(EXCHANGE, Input::Received { path, bytes: options.to_bytes() });
        assert_eq!(pair.sides[EXCHANGE].sent[0].1.remote, at(&format!("10.0.0.2:{port}")), "{via}");
        assert_eq!(pair.response(EXCHANGE).headers.text(Header::Via).as_deref(), Some(shown), "{via}");
    };
    let b = "branch=z9hG4bKx";
    check(&format!("SIP/2.0/UDP 10.0.0.2:7777;{b}"), 7777, &format!("SIP/2.0/UDP 10.0.0.2:7777;{b}"));
    check(&format!("SIP/2.0/UDP 10.0.0.2;{b}"), 5060, &format!("SIP/2.0/UDP 10.0.0.2;{b}"));
    let nat = format!("SIP/2.0/UDP 192.168.1.9:7777;{b};rport=3456;received=10.0.0.2");
    check(&format!("SIP/2.0/UDP 192.168.1.9:7777;{b};rport"), 3456, &nat);
    let elsewhere = format!("SIP/2.0/UDP 192.168.1.9;{b};maddr=224.0.1.75;received=10.0.0.2");
    check(&format!("SIP/2.0/UDP 192.168.1.9;{b};maddr=224.0.1.75"), 5060, &elsewhere);
}

#[test]
fn a_response_whose_stream_has_gone_goes_to_the_address_in_the_via() {
    let mut pair = Pair::trunk(6, Transport::Tcp);
    let path = Path { remote: at("10.0.0.2:40000"), ..pair.path(EXCHANGE) };
    pair.input(EXCHANGE, Input::Received { path, bytes: request(Method::Invite, "z9hG4bKx").to_bytes() });
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Progress { dialog, status: Status(180), sdp: None });
    pair.input(EXCHANGE, Input::Disconnected { connection: ConnectionId(1) });
    pair.command(EXCHANGE, Command::Refuse { dialog, status: Status(486) });
    let ways: Vec<_> = pair.sides[EXCHANGE].sent.iter().map(|(_, path, _)| (path.remote, path.connection)).collect();
    let open = (at("10.0.0.2:40000"), Some(ConnectionId(1)));
    assert_eq!(ways, [open, open, (at("10.0.0.2:5060"), None)]);
}

#[test]
fn a_broken_stream_is_answered_and_closed() {
    let mut pair = Pair::trunk(7, Transport::Tcp);
    let (path, now) = (pair.path(EXCHANGE), pair.now);
    let mut out = Vec::new();
    let endpoint = &mut pair.sides[EXCHANGE].endpoint;
    let bytes = request(Method::Options, "z9hG4bKx").to_bytes();
    endpoint.handle(Input::BadFrame { path, bytes, status: Status(400) }, now, &mut out);
    let [Output::Transmit { bytes, .. }, Output::Event(Event::Rejected { .. }), Output::Close { connection: ConnectionId(1) }] =
        &out[..]
    else {
        panic!("{out:?}")
    };
    assert!(bytes.starts_with(b"SIP/2.0 400"));
}

#[test]
fn more_than_can_be_remembered_is_refused_before_it_is_tried() {
    let mut pair = Pair::trunk(8, Transport::Udp);
    let (path, now) = (pair.path(EXCHANGE), pair.now);
    let endpoint = &mut pair.sides[EXCHANGE].endpoint;
    let mut out = Vec::new();
    for call in 0..20_000 {
        let mut invite = request(Method::Invite, &format!("z9hG4bK{call}"));
        invite.set_call_id(&format!("flood{call}"));
        endpoint.handle(Input::Received { path, bytes: invite.to_bytes() }, now, &mut out);
    }
    assert_eq!(endpoint.census().unfinished, 20_000);
    out.clear();
    endpoint.handle(Input::Received { path, bytes: request(Method::Invite, "z9hG4bKlast").to_bytes() }, now, &mut out);
    let [Output::Transmit { bytes, .. }, Output::Event(Event::Rejected { why: Rejection::Limit(_), .. })] = &out[..] else {
        panic!("{out:?}")
    };
    let text = String::from_utf8_lossy(bytes);
    assert!(text.starts_with("SIP/2.0 503") && text.contains("Retry-After: "), "{text}");
}

#[test]
fn an_unknown_user_and_a_known_one_are_answered_alike() {
    let ask = |user: &str| {
        let mut pair = Pair::extension(9, Transport::Udp, &[Algorithm::Sha256, Algorithm::Md5]);
        let mut register = request(Method::Register, "z9hG4bKx");
        register.uri = Uri::sip("", REALM, None);
        register.set_to(&NameAddr::new(Uri::sip(user, REALM, None)));
        register.set_from(&NameAddr::new(Uri::sip(user, REALM, None)).with_tag("f"));
        let response = answer(&mut pair, &register);
        let offered: Vec<_> = response.www_authenticate().iter().map(|it| it.get("algorithm").map(str::to_string)).collect();
        assert_eq!(offered, [Some("SHA-256".to_string()), Some("MD5".to_string())]);
        String::from_utf8_lossy(&response.to_bytes()).replace(user, "....")
    };
    assert_eq!(ask("1001"), ask("4711"));
}

#[test]
fn nothing_is_sent_to_many() {
    let mut pair = Pair::trunk(10, Transport::Udp);
    let now = pair.now;
    for target in ["sip:a@255.255.255.255", "sip:a@224.0.1.75", "sip:a@0.0.0.0", "sip:a@[ff02::1]"] {
        let endpoint = &mut pair.sides[EXCHANGE].endpoint;
        let dialog = endpoint.reserve();
        let call = OutgoingCall { sdp: None, ring: Duration::from_secs(1), ..outgoing(Uri::parse(target).expect("a URI")) };
        let mut out = Vec::new();
        endpoint.handle(Input::Command(Command::Invite { dialog, call: Box::new(call) }), now, &mut out);
        assert_eq!(out, [Output::Event(Event::Ended { dialog, ending: Ending::Unreachable })], "{target}");
    }
    // A Contact may name what it likes.
    let mut invite = request(Method::Invite, "z9hG4bKx");
    invite.headers.set(Header::Contact, "<sip:all@255.255.255.255>");
    pair.inject(EXCHANGE, &invite.to_bytes());
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
    pair.run(Duration::from_secs(40));
    assert!(pair.said(EXCHANGE).contains(&"BYE".to_string()), "to where the call came from");
}

#[test]
fn a_host_name_is_looked_up_before_the_call_and_inside_it() {
    let mut pair = Pair::trunk(11, Transport::Udp);
    let (now, mut out) = (pair.now, Vec::new());
    let endpoint = &mut pair.sides[EXCHANGE].endpoint;
    let call = |host: &str| Box::new(OutgoingCall { ring: Duration::from_secs(30), ..outgoing(Uri::sip("600", host, None)) });
    let dialog = endpoint.reserve();
    endpoint.handle(Input::Command(Command::Invite { dialog, call: call("carrier.test") }), now, &mut out);
    let [Output::Resolve { query, host }] = &out[..] else { panic!("{out:?}") };
    assert_eq!(host, "carrier.test");
    let (query, addresses) = (*query, vec![at("[::1]:1").ip(), at("10.0.0.2:1").ip()]);
    out.clear();
    endpoint.handle(Input::Resolved { query, addresses }, now, &mut out);
    assert!(matches!(&out[..], [Output::Transmit { path, .. }] if path.remote == at("10.0.0.2:5060")), "{out:?}");

    out.clear();
    let lost = endpoint.reserve();
    endpoint.handle(Input::Command(Command::Invite { dialog: lost, call: call("nowhere.test") }), now, &mut out);
    let Some(Output::Resolve { query, .. }) = out.first() else { panic!("{out:?}") };
    let query = *query;
    out.clear();
    endpoint.handle(Input::Resolved { query, addresses: vec![] }, now, &mut out);
    assert_eq!(out, [Output::Event(Event::Ended { dialog: lost, ending: Ending::Unreachable })]);
}
