//! Calls from the first INVITE to the last answer, as stories.

use super::outside::request;
use super::pair::{EXCHANGE, PASSWORD, PHONE, Pair, description, outgoing};
use crate::sip::message::{Method, Name as Header, Uri};
use crate::sip::*;
use crate::time::Duration;

const MOMENT: Duration = Duration::from_millis(50);

#[test]
fn a_call_is_answered_and_hung_up_by_either_side_over_either_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for who in [EXCHANGE, PHONE] {
            let mut pair = Pair::trunk(1, transport);
            let (theirs, ours) = pair.connect();
            let dialog = if who == EXCHANGE { theirs } else { ours };
            pair.command(who, Command::Hangup { dialog, reason: Some("Q.850;cause=16".to_string()) });
            pair.settle();
            let reason = Some("Q.850;cause=16".to_string());
            let other = if who == EXCHANGE { ours } else { theirs };
            assert_eq!(pair.endings(who), [(dialog, Ending::Ours)], "{transport:?}");
            assert_eq!(pair.endings(1 - who), [(other, Ending::Bye { reason })], "{transport:?}");
            pair.check_that_nothing_is_left();
        }
    }
}

#[test]
fn an_idle_call_has_no_timers_but_those_that_keep_it() {
    let mut pair = Pair::trunk(2, Transport::Udp);
    pair.connect();
    pair.run(Duration::from_secs(60));
    // Who called refreshes it; either side knows when it ends.
    for (side, timers) in [(EXCHANGE, 1), (PHONE, 2)] {
        assert_eq!(pair.sides[side].endpoint.census(), Census { dialogs: 1, timers, ..Census::default() });
    }
}

#[test]
fn ringing_and_early_audio_are_told() {
    let mut pair = Pair::trunk(3, Transport::Udp);
    pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Progress { dialog, status: Status(180), sdp: None });
    pair.command(EXCHANGE, Command::Progress { dialog, status: Status(183), sdp: Some(description(5000, 1)) });
    pair.run(MOMENT);
    let told: Vec<_> = pair.sides[PHONE]
        .events
        .iter()
        .map(|event| match event {
            Event::Progress { status, sdp, .. } => (status.0, sdp.is_some()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(180, false), (183, true)]);
    assert_eq!(pair.said(EXCHANGE), ["100", "180", "183"]);
}

#[test]
fn a_refusal_is_told_with_its_status() {
    let mut pair = Pair::trunk(4, Transport::Udp);
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    let theirs = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Refuse { dialog: theirs, status: Status(486) });
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Refused { status: Status(486), contacts: vec![], retry_after: None })]);
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Ours)]);
    assert_eq!(pair.said(PHONE), ["INVITE", "ACK"]);
    pair.check_that_nothing_is_left();
}

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut pair = Pair::trunk(5, Transport::Udp);
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    let theirs = pair.incoming(EXCHANGE);
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Ours)]);
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Cancelled)]);
    assert_eq!(pair.said(PHONE), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(pair.said(EXCHANGE), ["100", "200", "487"]);
    pair.check_that_nothing_is_left();
}

/// RFC 3261 section 9.1: no CANCEL before a provisional response.
#[test]
fn a_call_hung_up_before_any_answer_is_cancelled_once_one_comes() {
    let mut pair = Pair::trunk(6, Transport::Udp);
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    assert_eq!(pair.said(PHONE), ["INVITE"]);
    pair.settle();
    assert_eq!(pair.said(PHONE), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Ours)]);
    pair.check_that_nothing_is_left();
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_in_bye() {
    let mut pair = Pair::trunk(7, Transport::Udp);
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    let theirs = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Ours)]);
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Bye { reason: None })]);
    assert_eq!(pair.said(PHONE), ["INVITE", "CANCEL", "ACK", "BYE"]);
    pair.check_that_nothing_is_left();
}

#[test]
fn a_phone_that_rings_too_long_is_cancelled() {
    let mut pair = Pair::trunk(8, Transport::Udp);
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(Duration::from_secs(59));
    assert!(pair.endings(PHONE).is_empty());
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Timeout)]);
    assert!(matches!(pair.endings(EXCHANGE)[..], [(_, Ending::Cancelled)]));
    pair.check_that_nothing_is_left();
}
/// RFC 3261 section 13.3.1: the caller would have waited so long, and no longer.
#[test]
fn an_invite_that_expires_is_refused_with_487_unless_it_was_answered() {
    for (expires, answered) in [(Some(20), false), (Some(0), false), (Some(20), true), (None, false)] {
        let what = format!("Expires: {expires:?}, answered: {answered}");
        let mut pair = Pair::trunk(14, Transport::Udp);
        let mut invite = request(Method::Invite, "z9hG4bKexpires");
        invite.set_body("application/sdp", description(4000, 1).to_bytes());
        if let Some(seconds) = expires {
            invite.headers.push(Header::Expires, seconds.to_string());
        }
        pair.inject(EXCHANGE, &invite.to_bytes());
        let dialog = pair.incoming(EXCHANGE);
        pair.command(EXCHANGE, Command::Progress { dialog, status: Status(180), sdp: None });
        if answered {
            pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
        }
        // Not a moment before; no second at all counts as one.
        pair.run(Duration::from_millis(expires.map_or(50_000, |seconds: u64| seconds.max(1) * 1000 - 1)));
        assert!(!pair.said(EXCHANGE).iter().any(|said| said == "487") && pair.endings(EXCHANGE).is_empty(), "{what}");
        pair.run(Duration::from_millis(2));
        let ends = expires.is_some() && !answered;
        assert_eq!(pair.said(EXCHANGE).last().is_some_and(|said| said == "487"), ends, "{what}");
        assert_eq!(pair.endings(EXCHANGE) == [(dialog, Ending::Cancelled)], ends, "{what}");
    }
}

#[test]
fn an_answer_is_repeated_until_the_ack_and_the_call_ended_when_none_comes() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::trunk(9, transport);
        pair.dial("600100200", "100", Some(description(4000, 1)));
        pair.run(MOMENT);
        let theirs = pair.incoming(EXCHANGE);
        pair.is_cut = true;
        let start = pair.now.mono;
        pair.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
        pair.run(Duration::from_secs(31));
        let sent: Vec<u128> = pair.sides[EXCHANGE]
            .sent
            .iter()
            .filter(|(_, _, bytes)| bytes.starts_with(b"SIP/2.0 200"))
            .map(|(moment, ..)| moment.since(start).as_millis())
            .collect();
        assert_eq!(sent, [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500], "{transport:?}");
        assert!(pair.endings(EXCHANGE).is_empty());
        pair.run(Duration::from_secs(2));
        assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::NoAck)]);
        assert_eq!(pair.request(EXCHANGE, "BYE").method, Method::Bye);
        pair.settle();
        pair.check_that_nothing_is_left();
    }
}

/// RFC 3261 section 15: the callee does not say BYE before the ACK has come.
#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut pair = Pair::trunk(10, Transport::Udp);
    pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    let theirs = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    assert_eq!(pair.said(EXCHANGE), ["100", "200"]);
    pair.settle();
    assert_eq!(pair.said(EXCHANGE), ["100", "200", "BYE"]);
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Ours)]);
    assert!(!pair.sides[EXCHANGE].events.iter().any(|event| matches!(event, Event::Confirmed { .. })));
    pair.check_that_nothing_is_left();
}

#[test]
fn a_call_into_silence_times_out_and_an_unreachable_one_fails_at_once() {
    let mut pair = Pair::trunk(11, Transport::Udp);
    pair.is_cut = true;
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(Duration::from_secs(31));
    assert!(pair.endings(PHONE).is_empty());
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Timeout)]);
    assert_eq!(pair.said(PHONE).len(), 7, "sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    pair.check_that_nothing_is_left();

    let again = pair.dial("600100200", "100", Some(description(4000, 1)));
    let path = pair.path(PHONE);
    pair.input(PHONE, Input::Unreachable { path });
    assert_eq!(pair.endings(PHONE)[1..], [(again, Ending::Unreachable)]);
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_bye_into_silence_ends_all_the_same() {
    let mut pair = Pair::trunk(12, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.is_cut = true;
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.run(Duration::from_secs(33));
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Ours)]);
    pair.command(EXCHANGE, Command::Probe { dialog: theirs });
    pair.settle();
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Timeout)]);
    pair.check_that_nothing_is_left();
}

#[test]
fn a_probe_tells_whether_the_peer_is_still_there() {
    let mut pair = Pair::trunk(13, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(EXCHANGE, Command::Probe { dialog: theirs });
    pair.run(MOMENT);
    assert_eq!(*pair.last(EXCHANGE), Event::Alive { dialog: theirs });
    // The phone forgets the call without a word.
    pair.is_cut = true;
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.run(Duration::from_secs(40));
    pair.is_cut = false;
    pair.command(EXCHANGE, Command::Probe { dialog: theirs });
    pair.settle();
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Gone)]);
    pair.check_that_nothing_is_left();
}

#[test]
fn digits_travel_by_info() {
    let mut pair = Pair::trunk(14, Transport::Udp);
    let (theirs, ours) = pair.connect();
    let duration = Duration::from_millis(160);
    for digit in ['1', '*', 'D'] {
        pair.command(PHONE, Command::Digit { dialog: ours, digit, duration });
        pair.run(MOMENT);
        assert_eq!(*pair.last(EXCHANGE), Event::Digit { dialog: theirs, digit, duration });
    }
}

#[test]
fn a_forked_call_keeps_the_first_answer_and_hangs_up_on_the_others() {
    let mut pair = Pair::trunk(15, Transport::Udp);
    let (_, ours) = pair.connect();
    let mut other = pair.response(EXCHANGE);
    let to = format!(
        "{};tag=another",
        String::from_utf8_lossy(other.headers.get(Header::To).unwrap_or_default()).split(';').next().unwrap_or_default()
    );
    other.headers.set(Header::To, to);
    let before = pair.said(PHONE).len();
    pair.inject(PHONE, &other.to_bytes());
    assert_eq!(pair.said(PHONE)[before..], ["ACK", "BYE"]);
    assert_eq!(pair.request(PHONE, "BYE").to_().tag(), Some("another"));
    // It comes again: only the ACK does.
    pair.inject(PHONE, &other.to_bytes());
    assert_eq!(pair.said(PHONE)[before..], ["ACK", "BYE", "ACK"]);
    pair.run(Duration::from_secs(40));
    assert!(pair.endings(PHONE).is_empty());
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn an_old_request_inside_a_dialog_is_refused_and_a_stranger_is_not_heard() {
    let mut pair = Pair::trunk(16, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(PHONE, Command::Probe { dialog: ours });
    pair.run(MOMENT);
    let probe = pair.request(PHONE, "OPTIONS");
    let again = |change: &dyn Fn(&mut message::Request)| {
        let mut request = probe.clone();
        let via = message::Via::new("UDP", super::pair::at("10.0.0.2:5060"), "z9hG4bKanother");
        request.headers.set(Header::Via, via.to_string());
        change(&mut request);
        request.to_bytes()
    };
    pair.inject(EXCHANGE, &again(&|request| request.set_cseq(1)));
    assert_eq!(pair.response(EXCHANGE).status, Status(500));

    let bye = again(&|request| {
        request.method = Method::Bye;
        request.set_cseq(1 << 30);
    });
    let from_elsewhere = Path { remote: super::pair::at("10.0.0.2:5060"), ..pair.path(EXCHANGE) };
    let stranger = Path { remote: super::pair::at("192.0.2.66:5060"), ..from_elsewhere };
    let mut out = Vec::new();
    pair.sides[EXCHANGE].endpoint.handle(Input::Received { path: stranger, bytes: bye }, pair.now, &mut out);
    let refused = |output: &Output| matches!(output, Output::Transmit { path, bytes } if bytes.starts_with(b"SIP/2.0 481") && path.remote == stranger.remote);
    assert!(matches!(&out[..], [only] if refused(only)), "{out:?}");
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_call_that_nobody_takes_shows_life_each_minute() {
    let mut pair = Pair::trunk(17, Transport::Udp);
    pair.ring = Duration::from_secs(300);
    pair.dial("600100200", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Progress { dialog, status: Status(180), sdp: None });
    pair.run(Duration::from_secs(59));
    assert_eq!(pair.said(EXCHANGE), ["100", "180"]);
    pair.run(Duration::from_millis(960));
    assert_eq!(pair.said(EXCHANGE), ["100", "180", "180"]);
}

#[test]
fn an_extension_proves_itself_with_either_algorithm() {
    for algorithms in [&[Algorithm::Md5][..], &[Algorithm::Sha256, Algorithm::Md5], &[Algorithm::Sha256]] {
        let mut pair = Pair::extension(18, Transport::Udp, algorithms);
        let ours = pair.dial("1001", "100", Some(description(4000, 1)));
        pair.run(Duration::from_millis(100));
        let Event::Invite { dialog, call } = pair.last(EXCHANGE).clone() else { panic!("{:?}", pair.sides[EXCHANGE].events) };
        assert_eq!(call.source, Source::Extension("1001".into()));
        assert_eq!((call.from.display.as_str(), call.from.user.as_str(), call.dialled.as_str()), ("Ann", "1001", "100"));
        let challenges: Vec<_> =
            pair.sides[EXCHANGE].sent.iter().filter(|(_, _, bytes)| bytes.starts_with(b"SIP/2.0 401")).collect();
        assert_eq!(challenges.len(), 1);
        let proof = pair.request(PHONE, "INVITE").headers.text(Header::Authorization).map(|proof| proof.into_owned());
        pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
        pair.run(MOMENT);
        assert!(proof.is_some());
        let repeated = pair.request(PHONE, "ACK").headers.text(Header::Authorization).map(|proof| proof.into_owned());
        assert_eq!(repeated, proof, "RFC 3261 section 22.1");
        pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
        pair.settle();
        pair.check_that_nothing_is_left();
    }
}

#[test]
fn a_wrong_password_an_unknown_user_and_a_borrowed_name_are_refused() {
    for (user, password, status) in [("1001", "wrong", 401), ("4711", super::pair::PASSWORD, 401)] {
        let mut pair = Pair::extension(19, Transport::Udp, &[Algorithm::Md5]);
        let call = |pair: &mut Pair| pair.dial(user, "100", Some(description(4000, 1)));
        let ours = if password == "wrong" {
            let mut other = super::pair::settings(&[Algorithm::Md5], None);
            other.users.values_mut().for_each(|secret| secret.ha1_md5 = "0".repeat(32));
            pair.command(EXCHANGE, Command::Configure(std::sync::Arc::new(other)));
            call(&mut pair)
        } else {
            call(&mut pair)
        };
        pair.settle();
        assert_eq!(
            pair.endings(PHONE),
            [(ours, Ending::Refused { status: Status(status), contacts: vec![], retry_after: None })]
        );
        let why: Vec<_> = pair.sides[EXCHANGE].events.iter().collect();
        let is_bad = |event: &&Event| matches!(event, Event::Rejected { why: Rejection::BadCredentials { user: who }, .. } if who == user);
        assert!(!why.is_empty() && why.iter().all(is_bad), "{why:?}");
        pair.check_that_nothing_is_left();
    }
}

#[test]
fn a_phone_that_hides_its_number_is_known_by_its_credentials() {
    let mut pair = Pair::extension(21, Transport::Udp, &[Algorithm::Md5]);
    let dialog = pair.sides[PHONE].endpoint.reserve();
    let call = OutgoingCall {
        path: Some(pair.path(PHONE)),
        local: pair.sides[PHONE].address,
        from: Party { display: "Ann".to_string(), user: "1001".to_string() },
        sdp: Some(description(4000, 1)),
        credentials: Some(Credentials::new("1001", PASSWORD)),
        carried: Carried { withheld: true, ..Carried::default() },
        ..outgoing(Uri::sip("100", "10.0.0.1", Some(5060)))
    };
    pair.command(PHONE, Command::Invite { dialog, call: Box::new(call) });
    assert_eq!(pair.request(PHONE, "INVITE").from_().uri, Uri::sip("anonymous", "anonymous.invalid", None));
    pair.run(MOMENT);
    let Event::Invite { call, .. } = pair.last(EXCHANGE) else { panic!("{:?}", pair.last(EXCHANGE)) };
    assert_eq!((&call.source, call.carried.withheld), (&Source::Extension("1001".into()), true));
    assert_eq!(call.from, Party { display: String::new(), user: "1001".to_string() });
}

#[test]
fn a_local_user_is_challenged_also_from_a_trunks_address() {
    let mut pair = Pair::trunk(20, Transport::Udp);
    pair.dial("1001", "100", Some(description(4000, 1)));
    pair.run(MOMENT);
    assert_eq!(pair.said(EXCHANGE)[0], "401");
    let Event::Invite { call, .. } = pair.last(EXCHANGE) else { panic!("the right password was given") };
    assert_eq!(call.source, Source::Extension("1001".into()));
}

#[test]
fn an_endpoint_survives_being_written_down() {
    let mut pair = Pair::trunk(21, Transport::Udp);
    let (theirs, ours) = pair.connect();
    let text = serde_json::to_string(&pair.sides[EXCHANGE].endpoint).expect("plain data");
    assert!(!text.contains("ha1"), "secrets are not written down");
    let mut back: Endpoint = serde_json::from_str(&text).expect("the same data");
    back.reseed(crate::id::Rng::from_seed(99));
    pair.sides[EXCHANGE].endpoint = back;
    let settings = super::pair::settings(&[Algorithm::Md5], Some(super::pair::at("10.0.0.2:5060")));
    pair.command(EXCHANGE, Command::Configure(std::sync::Arc::new(settings)));
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Bye { reason: None })]);
    pair.check_that_nothing_is_left();
}

#[test]
fn a_redirection_is_told_with_where_to() {
    let mut pair = Pair::trunk(22, Transport::Udp);
    let ours = pair.dial("600100200", "100", Some(description(4000, 1)));
    let mut moved = message::Response::to(&pair.request(PHONE, "INVITE"), Status(302));
    moved.set_to_tag("elsewhere");
    moved.headers.push(Header::Contact, "<sip:a@10.9.9.9?Route=%3Csip:evil%3E>, <sip:b@10.9.9.9>");
    pair.inject(PHONE, &moved.to_bytes());
    let [(dialog, Ending::Refused { status: Status(302), contacts, .. })] = &pair.endings(PHONE)[..] else {
        panic!("{:?}", pair.endings(PHONE))
    };
    assert_eq!(*dialog, ours);
    let contacts: Vec<_> = contacts.iter().map(ToString::to_string).collect();
    assert_eq!(contacts, ["sip:a@10.9.9.9", "sip:b@10.9.9.9"]);
}

/// A request that the phone's hand wrote inside the dialog.
fn inside(pair: &Pair, method: Method, cseq: u32) -> message::Request {
    let mut request = pair.request(PHONE, "ACK");
    request.method = method;
    request.set_cseq(cseq);
    request.set_body("", Vec::new());
    let via = message::Via::new("UDP", pair.sides[PHONE].address, &format!("z9hG4bKinside{cseq}"));
    request.headers.set(Header::Via, via.to_string());
    request
}

#[test]
fn info_is_understood_in_two_forms_and_refused_in_others() {
    let check = |kind: &str, body: &str, status: u16, pressed: Option<(char, u64)>| {
        let mut pair = Pair::trunk(23, Transport::Udp);
        let (dialog, _) = pair.connect();
        let mut info = inside(&pair, Method::Info, 1 << 20);
        info.set_body(kind, body.as_bytes().to_vec());
        pair.inject(EXCHANGE, &info.to_bytes());
        assert_eq!(pair.response(EXCHANGE).status, Status(status), "{kind} {body:?}");
        let expected = pressed.map(|(digit, millis)| Event::Digit { dialog, digit, duration: Duration::from_millis(millis) });
        let last = Some(pair.last(EXCHANGE).clone()).filter(|event| matches!(event, Event::Digit { .. }));
        assert_eq!(last, expected, "{kind} {body:?}");
    };
    check("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 200, Some(('5', 160)));
    check("application/dtmf-relay", "Signal= *\nDuration= 250", 200, Some(('*', 250)));
    check("Application/DTMF-Relay; x=y", "signal=11", 200, Some(('#', 100)));
    check("application/dtmf-relay", "Signal=5\r\nDuration=999999999\r\n", 200, Some(('5', 10_000)));
    check("application/dtmf-relay", "Signal=banana\r\n", 400, None);
    check("application/dtmf-relay", "Duration=1\r\n", 400, None);
    check("application/dtmf", "d", 200, Some(('D', 100)));
    check("application/dtmf", "\r\n", 400, None);
    check("application/media_control+xml", "<x/>", 415, None);
    check("", "", 200, None);
}

#[test]
fn what_we_do_not_do_inside_a_call_is_refused_and_the_call_goes_on() {
    let mut pair = Pair::trunk(24, Transport::Udp);
    let (theirs, _) = pair.connect();
    let methods = [(Method::Refer, 400), (Method::Notify, 481), (Method::Message, 405), (Method::Other("DANCE".into()), 501)];
    for (place, (method, status)) in methods.into_iter().enumerate() {
        let request = inside(&pair, method, (1 << 20) + place as u32);
        pair.inject(EXCHANGE, &request.to_bytes());
        assert_eq!(pair.response(EXCHANGE).status, Status(status));
    }
    pair.run(Duration::from_secs(40));
    assert_eq!(pair.sides[EXCHANGE].endpoint.census(), Census { dialogs: 1, timers: 1, ..Census::default() });
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

/// A phone behind a NAT writes an address of its own network into its Contact.
#[test]
fn a_phone_behind_a_nat_is_reached_the_way_it_called() {
    let mut pair = Pair::extension(25, Transport::Udp, &[Algorithm::Md5]);
    pair.dial("1001", "100", Some(description(4000, 1)));
    pair.run(Duration::from_millis(100));
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
    pair.run(MOMENT);
    let mut update = inside(&pair, Method::Update, 1 << 20);
    update.headers.set(Header::Contact, "<sip:1001@192.168.178.20:49152>");
    pair.inject(EXCHANGE, &update.to_bytes());
    assert_eq!(pair.response(EXCHANGE).status, Status(200));
    pair.command(EXCHANGE, Command::Probe { dialog });
    assert_eq!(pair.request(EXCHANGE, "OPTIONS").uri.to_string(), "sip:1001@192.168.178.20:49152");
    assert_eq!(pair.sides[EXCHANGE].sent.last().map(|(_, path, _)| path.remote), Some(pair.sides[PHONE].address));
}
