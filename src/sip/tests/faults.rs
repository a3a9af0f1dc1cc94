//! What goes wrong on the wire, fault by fault: each is one story with one right end.

use super::outside::{answer, request};
use super::pair::{EXCHANGE, PASSWORD, PHONE, Pair, REALM, at, description, outgoing};
use crate::sip::message::{Method, Name as Header, NameAddr, Request, Response, Uri, Via};
use crate::sip::*;
use crate::time::Duration;

const MOMENT: Duration = Duration::from_millis(50);

fn calls(pair: &Pair) -> usize {
    pair.sides[EXCHANGE].events.iter().filter(|event| matches!(event, Event::Invite { .. })).count()
}

/// A request inside the call of the exchange's side, as its phone would write it.
fn inside(pair: &Pair, dialog: DialogId, method: Method, cseq: u32) -> Request {
    let endpoint = &pair.sides[EXCHANGE].endpoint;
    let (to_tag, from_tag) = endpoint.tags(dialog).expect("tags");
    let mut inside = request(method, &format!("z9hG4bKin{cseq}"));
    inside.headers.set(Header::To, format!("<sip:100@10.0.0.1>;tag={to_tag}"));
    inside.headers.set(Header::From, format!("<sip:600100200@10.0.0.2>;tag={from_tag}"));
    inside.set_call_id(endpoint.call_id(dialog).expect("a call"));
    inside.set_cseq(cseq);
    inside
}

/// SIG-01.
#[test]
fn an_invite_that_comes_ten_times_is_one_call_and_gets_its_last_answer_again() {
    let mut pair = Pair::trunk(1, Transport::Udp);
    let mut invite = request(Method::Invite, "z9hG4bKten");
    invite.set_body("application/sdp", description(4000, 1).to_bytes());
    pair.is_cut = true;
    for round in 0..10 {
        pair.inject(EXCHANGE, &invite.to_bytes());
        let dialog = pair.incoming(EXCHANGE);
        match round {
            3 => pair.command(EXCHANGE, Command::Progress { dialog, status: Status(180), sdp: None }),
            6 => pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) }),
            _ => {}
        }
        pair.run(MOMENT);
    }
    assert_eq!(calls(&pair), 1);
    // After the answer the core alone repeats it (RFC 6026 section 7.1).
    assert_eq!(pair.said(EXCHANGE), ["100", "100", "100", "100", "180", "180", "180", "180", "200"]);
}

/// SIG-04: at every millisecond around the answer, either way round.
#[test]
fn a_cancel_that_races_the_answer_leaves_one_outcome_and_no_half_open_call() {
    for millis in 0..=60 {
        for answers_first in [true, false] {
            let mut pair = Pair::trunk(2, Transport::Udp);
            let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
            pair.run(MOMENT);
            let theirs = pair.incoming(EXCHANGE);
            let accept = Command::Accept { dialog: theirs, sdp: description(5000, 1) };
            let cancel = Command::Hangup { dialog: ours, reason: None };
            let [first, second] =
                if answers_first { [(EXCHANGE, accept), (PHONE, cancel)] } else { [(PHONE, cancel), (EXCHANGE, accept)] };
            pair.command(first.0, first.1);
            pair.run(Duration::from_millis(millis));
            pair.command(second.0, second.1);
            pair.settle();
            assert_eq!((pair.endings(PHONE).len(), pair.endings(EXCHANGE).len()), (1, 1), "{millis} ms");
            let ending = &pair.endings(EXCHANGE)[0].1;
            assert!(matches!(ending, Ending::Cancelled | Ending::Bye { .. }), "{millis} ms: {ending:?}");
            pair.check_that_nothing_is_left();
        }
    }
}

/// SIG-05.
#[test]
fn both_hang_up_at_once_and_the_call_ends_once_at_either_side() {
    for loss in [0, 300] {
        let mut pair = Pair::trunk(3, Transport::Udp);
        let (theirs, ours) = pair.connect();
        pair.loss = loss;
        pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
        pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
        pair.settle();
        assert_eq!((pair.endings(PHONE).len(), pair.endings(EXCHANGE).len()), (1, 1));
        let answers = |side| pair.said(side).iter().filter(|said| ["200", "481"].contains(&said.as_str())).count();
        assert!(answers(PHONE) >= 1 && answers(EXCHANGE) >= 1);
        pair.check_that_nothing_is_left();
    }
}

/// SIG-07 (CVE-2021-31878).
#[test]
fn a_re_invite_without_a_description_after_our_bye_finds_nothing() {
    let mut pair = Pair::trunk(4, Transport::Udp);
    let (theirs, _) = pair.connect();
    let late = inside(&pair, theirs, Method::Invite, 1 << 20);
    pair.is_cut = true;
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    assert_eq!(answer(&mut pair, &late).status, Status(481));
    pair.run(Duration::from_secs(40));
    assert_eq!(pair.endings(EXCHANGE).len(), 1);
    // And when the BYE has been given up as well.
    let mut later = late.clone();
    later.headers.set(Header::Via, "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKlater");
    assert_eq!(answer(&mut pair, &later).status, Status(481));
}

/// SIG-08.
#[test]
fn what_belongs_to_no_dialog_is_refused_without_a_word_to_the_log_and_an_ack_is_not_answered() {
    let mut pair = Pair::trunk(5, Transport::Udp);
    let stranger = NameAddr::new(Uri::sip("100", "10.0.0.1", None)).with_tag("nobody");
    for (place, method) in [Method::Bye, Method::Cancel, Method::Info, Method::Update, Method::Prack].into_iter().enumerate() {
        let mut asked = request(method.clone(), &format!("z9hG4bK{place}"));
        asked.set_to(&stranger);
        assert_eq!(answer(&mut pair, &asked).status, Status(481), "{method}");
    }
    let before = pair.sides[EXCHANGE].sent.len();
    let mut ack = request(Method::Ack, "z9hG4bKack");
    ack.set_to(&stranger);
    for _ in 0..100 {
        pair.inject(EXCHANGE, &ack.to_bytes());
    }
    assert_eq!(pair.sides[EXCHANGE].sent.len(), before);
    assert!(pair.sides[EXCHANGE].events.is_empty(), "{:?}", pair.sides[EXCHANGE].events);
    pair.settle();
    pair.check_that_nothing_is_left();
}

/// SIG-13: the phone's stream dies; it registers over another, and what we say inside the call follows it.
#[test]
fn a_call_survives_the_death_of_its_stream() {
    let mut pair = Pair::extension(6, Transport::Tcp, &[Algorithm::Md5]);
    let account = Account {
        registrar: pair.path(PHONE),
        user: "1001".to_string(),
        domain: REALM.to_string(),
        credentials: Credentials::new("1001", PASSWORD),
        expires: Duration::from_secs(600),
    };
    let register = |pair: &mut Pair| {
        let account = Box::new(account.clone());
        pair.command(PHONE, Command::Register { registration: RegistrationId(1), account });
    };
    register(&mut pair);
    pair.run(MOMENT);
    let ours = pair.dial("1001", "100", Some(description(4000, 1)));
    pair.run(Duration::from_millis(100));
    let theirs = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
    pair.run(MOMENT);
    for side in [EXCHANGE, PHONE] {
        pair.input(side, Input::Disconnected { connection: ConnectionId(1) });
    }
    // The same phone, from another port of its address, over another stream.
    let fresh = Path { remote: at("10.0.0.2:40001"), connection: Some(ConnectionId(2)), ..pair.path(EXCHANGE) };
    register(&mut pair);
    let asked = pair.request(PHONE, "REGISTER");
    pair.input(EXCHANGE, Input::Received { path: fresh, bytes: asked.to_bytes() });
    let challenge = pair.response(EXCHANGE);
    pair.is_cut = true;
    pair.inject(PHONE, &challenge.to_bytes());
    let proved = pair.request(PHONE, "REGISTER");
    pair.input(EXCHANGE, Input::Received { path: fresh, bytes: proved.to_bytes() });
    assert_eq!(pair.response(EXCHANGE).status, Status(200));
    for command in [
        Command::Probe { dialog: theirs },
        Command::Reoffer { dialog: theirs, sdp: description(5000, 2) },
        Command::Hangup { dialog: theirs, reason: None },
    ] {
        pair.command(EXCHANGE, command);
        let (_, path, _) = pair.sides[EXCHANGE].sent.last().expect("a request");
        assert_eq!((path.remote, path.connection), (fresh.remote, fresh.connection));
    }
    assert!(pair.endings(PHONE).is_empty(), "{ours:?}");
}

/// SIG-16.
#[test]
fn an_answer_that_is_larger_than_a_packet_is_sent_whole() {
    let mut pair = Pair::trunk(7, Transport::Udp);
    let mut invite = request(Method::Invite, "z9hG4bK0");
    for number in 1..70 {
        invite.push_via(&Via::new("UDP", at("10.0.0.2:5060"), &format!("z9hG4bK{number:040}")));
    }
    invite.set_body("application/sdp", description(4000, 1).to_bytes());
    pair.is_cut = true;
    pair.inject(EXCHANGE, &invite.to_bytes());
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
    let accepted = pair.response(EXCHANGE);
    assert_eq!(accepted.vias().len(), 70);
    assert!(accepted.to_bytes().len() > 5000 && !accepted.body.is_empty());
    let (_, path, bytes) = pair.sides[EXCHANGE].sent.last().expect("an answer");
    assert_eq!((path.transport, bytes), (Transport::Udp, &accepted.to_bytes()));
    // One more, and it is refused, whole as well.
    invite.push_via(&Via::new("UDP", at("10.0.0.2:5060"), "z9hG4bK70"));
    pair.inject(EXCHANGE, &invite.to_bytes());
    let (_, _, bytes) = pair.sides[EXCHANGE].sent.last().expect("an answer");
    let refused = String::from_utf8_lossy(bytes);
    assert!(refused.starts_with("SIP/2.0 513 ") && refused.matches("\r\nVia: ").count() == 71, "{refused}");
}

/// SIG-26: the name of a peer leads to ourselves.
#[test]
fn a_name_never_leads_to_our_own_host() {
    let check = |addresses: &[&str], expected: Option<&str>| {
        let mut pair = Pair::trunk(8, Transport::Udp);
        let (now, mut out) = (pair.now, Vec::new());
        let endpoint = &mut pair.sides[EXCHANGE].endpoint;
        let dialog = endpoint.reserve();
        let call = OutgoingCall { ring: Duration::from_secs(30), ..outgoing(Uri::sip("600", "carrier.test", None)) };
        endpoint.handle(Input::Command(Command::Invite { dialog, call: Box::new(call) }), now, &mut out);
        let Some(Output::Resolve { query, .. }) = out.pop() else { panic!("{out:?}") };
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        endpoint.handle(Input::Resolved { query, addresses }, now, &mut out);
        let sent: Vec<_> = out
            .iter()
            .filter_map(|output| match output {
                Output::Transmit { path, .. } => Some(path.remote.ip().to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(sent, expected.into_iter().collect::<Vec<_>>());
    };
    check(&["127.0.0.1", "::1"], None);
    check(&["127.0.0.53", "192.0.2.7"], Some("192.0.2.7"));
    check(&["0.0.0.0"], None);
    check(&["255.255.255.255"], None);
}

/// SIG-25: names that nobody answers for hold up nothing.
#[test]
fn a_call_whose_name_is_not_found_in_time_holds_up_no_other() {
    let mut pair = Pair::trunk(9, Transport::Udp);
    let (now, mut out) = (pair.now, Vec::new());
    let dialog = pair.sides[EXCHANGE].endpoint.reserve();
    let call = OutgoingCall { ring: Duration::from_secs(4), ..outgoing(Uri::sip("600", "dead.test", None)) };
    // The answer never comes: not even an empty one.
    pair.sides[EXCHANGE].endpoint.handle(Input::Command(Command::Invite { dialog, call: Box::new(call) }), now, &mut out);
    pair.connect();
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.endings(EXCHANGE), [(dialog, Ending::Timeout)]);
}

/// SIG-23: fifty phones of one extension.
#[test]
fn a_call_to_an_extension_with_fifty_phones_rings_five() {
    let mut pair = Pair::trunk(10, Transport::Udp);
    let bindings = (0..50).map(|number| Binding {
        user: "1001".into(),
        contact: Uri::sip("1001", &format!("10.0.1.{number}"), None),
        path: pair.path(EXCHANGE),
        expires: pair.now.wall + Duration::from_secs(600),
        user_agent: String::new(),
        sip_call_id: format!("{number}"),
        cseq: 1,
    });
    let bindings = bindings.collect();
    pair.command(EXCHANGE, Command::Restore(bindings));
    assert_eq!(pair.sides[EXCHANGE].endpoint.bindings("1001").count(), 5);
}

#[test]
fn a_response_to_nothing_is_nothing() {
    let mut pair = Pair::trunk(11, Transport::Udp);
    for status in [100, 180, 200, 302, 401, 486, 503] {
        let stray = Response::to(&request(Method::Invite, "z9hG4bKstray"), Status(status));
        pair.inject(EXCHANGE, &stray.to_bytes());
    }
    assert!(pair.sides[EXCHANGE].sent.is_empty() && pair.sides[EXCHANGE].events.is_empty());
}
