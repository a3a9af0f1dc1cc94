//! REFER, Replaces and what a call carries with it: the wire between a phone and the exchange.

use super::outside::{answer, request};
use super::pair::{EXCHANGE, PHONE, Pair, description, outgoing};
use crate::sip::message::{Method, Name as Header, Uri};
use crate::sip::*;
use crate::time::Duration;

const MOMENT: Duration = Duration::from_millis(50);

fn colleague() -> Uri {
    Uri::sip("1002", "10.0.0.1", None)
}

/// The phone asks to be replaced by 1002; the referral and what is asked.
fn referred(pair: &mut Pair, ours: DialogId) -> (ReferralId, Referral) {
    pair.command(PHONE, Command::Refer { dialog: ours, target: colleague(), replaces: None });
    pair.run(MOMENT);
    last_referral(pair)
}

fn last_referral(pair: &Pair) -> (ReferralId, Referral) {
    match pair.last(EXCHANGE) {
        Event::Refer { referral, request, .. } => (*referral, (**request).clone()),
        other => panic!("{other:?}"),
    }
}

/// What the phone has heard of the call that it asked for.
fn heard(pair: &Pair) -> Vec<u16> {
    let status = |event: &Event| match event {
        Event::Referred { outcome: Ok(()), .. } => Some(202),
        Event::Referred { outcome: Err(status), .. } => Some(status.0),
        Event::ReferralProgress { status, .. } => Some(status.0),
        _ => None,
    };
    pair.sides[PHONE].events.iter().filter_map(status).collect()
}

fn tell(pair: &mut Pair, referral: ReferralId, status: u16) {
    pair.command(EXCHANGE, Command::ReportReferral { referral, status: Status(status) });
    pair.run(MOMENT);
}

#[test]
fn who_transfers_is_told_how_it_goes_until_it_is_done() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::trunk(1, transport);
        let (theirs, ours) = pair.connect();
        let (referral, asked) = referred(&mut pair, ours);
        assert_eq!((asked.target, &*asked.dialled, asked.replaces), (colleague(), "1002", None));
        assert_eq!(asked.referred_by.map(|uri| uri.user().into_owned()).as_deref(), Some("600100200"));
        pair.command(EXCHANGE, Command::AcceptReferral { referral });
        pair.run(MOMENT);
        tell(&mut pair, referral, 180);
        tell(&mut pair, referral, 200);
        // Nothing is said after the last word.
        tell(&mut pair, referral, 180);
        assert_eq!(heard(&pair), [202, 100, 180, 200]);
        let last = pair.request(EXCHANGE, "NOTIFY");
        assert_eq!(last.headers.text(Header::SubscriptionState).as_deref(), Some("terminated;reason=noresource"));
        assert_eq!(last.headers.text(Header::Event).map(|it| it.starts_with("refer;id=")), Some(true));
        assert_eq!(last.body, b"SIP/2.0 200 OK\r\n");
        pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
        pair.settle();
        pair.check_that_nothing_is_left();
    }
}

#[test]
fn progress_that_comes_faster_than_the_network_is_told_by_its_last_word() {
    let mut pair = Pair::trunk(2, Transport::Udp);
    let (_, ours) = pair.connect();
    let (referral, _) = referred(&mut pair, ours);
    pair.command(EXCHANGE, Command::AcceptReferral { referral });
    for status in [180, 183, 486, 180] {
        pair.command(EXCHANGE, Command::ReportReferral { referral, status: Status(status) });
    }
    pair.run(Duration::from_secs(1));
    assert_eq!(heard(&pair), [202, 100, 486]);
}

#[test]
fn a_transfer_is_told_to_its_end_when_the_phone_hangs_up_at_once() {
    let mut pair = Pair::trunk(3, Transport::Udp);
    let (_, ours) = pair.connect();
    let (referral, _) = referred(&mut pair, ours);
    pair.command(EXCHANGE, Command::AcceptReferral { referral });
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.run(MOMENT);
    tell(&mut pair, referral, 200);
    // Its dialog is gone at the phone: 481, and nobody insists.
    assert_eq!(pair.response(PHONE).status, Status(481));
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_referral_that_is_refused_forgotten_or_outlived_leaves_the_call_or_ends_with_it() {
    let check = |what: &str, act: &dyn Fn(&mut Pair, ReferralId, DialogId), expected: &[u16]| {
        let mut pair = Pair::trunk(4, Transport::Udp);
        let (theirs, ours) = pair.connect();
        let (referral, _) = referred(&mut pair, ours);
        act(&mut pair, referral, theirs);
        pair.run(Duration::from_secs(30));
        assert_eq!(heard(&pair), expected, "{what}");
        pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
        pair.settle();
        pair.check_that_nothing_is_left();
    };
    check(
        "refused",
        &|pair, referral, _| pair.command(EXCHANGE, Command::RefuseReferral { referral, status: Status(403) }),
        &[403],
    );
    check("no decision", &|_, _, _| (), &[500]);
    // The phone's session has ended by then; nobody is told.
    check("hung up meanwhile", &|pair, _, dialog| pair.command(EXCHANGE, Command::Hangup { dialog, reason: None }), &[]);
}

#[test]
fn a_transfer_of_which_nothing_more_is_heard_ends_by_itself() {
    let mut pair = Pair::trunk(5, Transport::Udp);
    let (_, ours) = pair.connect();
    let (referral, _) = referred(&mut pair, ours);
    pair.command(EXCHANGE, Command::AcceptReferral { referral });
    pair.run(Duration::from_secs(301));
    assert_eq!(heard(&pair), [202, 100, 408]);
}

#[test]
fn one_referral_at_a_time() {
    let mut pair = Pair::trunk(6, Transport::Udp);
    let (_, ours) = pair.connect();
    referred(&mut pair, ours);
    pair.command(PHONE, Command::Refer { dialog: ours, target: colleague(), replaces: None });
    pair.run(MOMENT);
    assert_eq!(heard(&pair), [491]);
}

#[test]
fn an_attended_transfer_names_the_other_session() {
    let mut pair = Pair::trunk(7, Transport::Udp);
    let (_, caller) = pair.connect();
    let (consulted, consultation) = pair.connect();
    pair.command(PHONE, Command::Refer { dialog: caller, target: colleague(), replaces: Some(consultation) });
    pair.run(MOMENT);
    let (_, asked) = last_referral(&pair);
    assert_eq!((asked.replaces, asked.target), (Some(consulted), colleague()));
    // A session that does not live cannot be named.
    pair.command(PHONE, Command::Hangup { dialog: consultation, reason: None });
    pair.run(MOMENT);
    pair.command(PHONE, Command::Refer { dialog: caller, target: colleague(), replaces: Some(consultation) });
    assert_eq!(heard(&pair), [481]);
}

#[test]
fn a_refer_is_read_with_care() {
    let check = |what: &str, headers: &[(Header, &str)], expected: u16| {
        let mut pair = Pair::trunk(8, Transport::Udp);
        let (theirs, _) = pair.connect();
        let mut refer = request(Method::Refer, "z9hG4bKrefer");
        let (to_tag, from_tag) = pair.sides[EXCHANGE].endpoint.tags(theirs).expect("tags");
        refer.headers.set(Header::To, format!("<sip:100@10.0.0.1>;tag={to_tag}"));
        refer.headers.set(Header::From, format!("<sip:600100200@10.0.0.2>;tag={from_tag}"));
        refer.set_call_id(pair.sides[EXCHANGE].endpoint.call_id(theirs).expect("a call"));
        refer.set_cseq(1 << 20);
        headers.iter().for_each(|(name, value)| refer.headers.push(name.clone(), value));
        pair.inject(EXCHANGE, &refer.to_bytes());
        let status = match pair.last(EXCHANGE) {
            Event::Refer { referral, .. } => {
                let referral = *referral;
                pair.command(EXCHANGE, Command::AcceptReferral { referral });
                202
            }
            _ => pair.response(EXCHANGE).status.0,
        };
        assert_eq!(status, expected, "{what}");
        let notifies = pair.said(EXCHANGE).iter().filter(|said| *said == "NOTIFY").count();
        let is_quiet = headers.iter().any(|(name, _)| *name == Header::ReferSub);
        assert_eq!(notifies, usize::from(status == 202 && !is_quiet), "{what}");
    };
    let to = |value: &'static str| (Header::ReferTo, value);
    check("a number", &[to("<tel:+48221234567>")], 202);
    check("without reports", &[to("<sip:1002@10.0.0.1>"), (Header::ReferSub, "false")], 202);
    check("nobody", &[], 400);
    check("two", &[to("<sip:a@x>"), to("<sip:b@x>")], 400);
    check("a page of the web", &[to("<http://x/>")], 416);
    check("a BYE", &[to("<sip:1002@10.0.0.1;method=BYE>")], 501);
    check("somebody else's session", &[to("<sip:1002@10.0.0.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>")], 603);
    check("no session", &[to("<sip:1002@10.0.0.1?Replaces=nonsense>")], 603);
}

#[test]
fn a_new_call_replaces_one_that_lives_or_is_refused() {
    let check = |what: &str, is_answered: bool, change: &dyn Fn(String) -> String, expected: Result<(), u16>| {
        let mut pair = Pair::trunk(9, Transport::Udp);
        // The exchange's own call to the phone, still ringing or answered.
        let dialog = pair.sides[EXCHANGE].endpoint.reserve();
        let call = OutgoingCall {
            path: Some(pair.path(EXCHANGE)),
            from: Party { display: String::new(), user: "100".to_string() },
            sdp: Some(description(5000, 1)),
            ..outgoing(Uri::sip("600", "10.0.0.2", None))
        };
        pair.command(EXCHANGE, Command::Invite { dialog, call: Box::new(call) });
        pair.run(MOMENT);
        let phones = pair.incoming(PHONE);
        pair.command(PHONE, Command::Progress { dialog: phones, status: Status(180), sdp: None });
        if is_answered {
            pair.command(PHONE, Command::Accept { dialog: phones, sdp: description(4000, 1) });
        }
        pair.run(MOMENT);
        let endpoint = &pair.sides[EXCHANGE].endpoint;
        let (ours, peers) = endpoint.tags(dialog).expect("tags");
        let named = format!("{};to-tag={ours};from-tag={peers}", endpoint.call_id(dialog).expect("a call"));
        let mut invite = request(Method::Invite, "z9hG4bKpickup");
        invite.headers.push(Header::Require, "replaces");
        invite.headers.push(Header::Replaces, change(named));
        let response = answer(&mut pair, &invite);
        match expected {
            Ok(()) => {
                let Event::Invite { call, .. } = pair.last(EXCHANGE) else { panic!("{what}: {:?}", pair.last(EXCHANGE)) };
                assert_eq!(call.replaces, Some(dialog), "{what}");
            }
            Err(status) => assert_eq!(response.status, Status(status), "{what}"),
        }
    };
    check("picked up", false, &|named| named, Ok(()));
    check("taken over", true, &|named| named, Ok(()));
    check("picked up while it rings", false, &|named| named + ";early-only", Ok(()));
    check("picked up too late", true, &|named| named + ";early-only", Err(486));
    check("another's", true, &|named| named.replace("from-tag=", "from-tag=x"), Err(481));
    check("no name", true, &|_| "x".to_string(), Err(400));
}

#[test]
fn a_call_of_ours_that_comes_back_is_a_loop() {
    let mut pair = Pair::trunk(10, Transport::Udp);
    let dialog = pair.sides[EXCHANGE].endpoint.reserve();
    let call = OutgoingCall {
        path: Some(pair.path(EXCHANGE)),
        sdp: Some(description(5000, 1)),
        carried: Carried { hops: 5, ..Carried::default() },
        ..outgoing(Uri::sip("600", "10.0.0.2", None))
    };
    pair.command(EXCHANGE, Command::Invite { dialog, call: Box::new(call.clone()) });
    let mut back = pair.request(EXCHANGE, "INVITE");
    assert_eq!(back.max_forwards(), Some(4));
    back.push_via(&message::Via::new("UDP", super::pair::at("10.0.0.2:5060"), "z9hG4bKback"));
    assert_eq!(answer(&mut pair, &back).status, Status(482));
    // And one that has passed through too many hands goes no further.
    let spent = pair.sides[EXCHANGE].endpoint.reserve();
    let call = OutgoingCall { carried: Carried { hops: 0, ..Carried::default() }, ..call };
    pair.command(EXCHANGE, Command::Invite { dialog: spent, call: Box::new(call) });
    let refused = Ending::Refused { status: Status(483), contacts: vec![], retry_after: None };
    assert_eq!(*pair.last(EXCHANGE), Event::Ended { dialog: spent, ending: refused });
}

#[test]
fn who_does_not_want_to_be_known_is_named_to_the_provider_alone() {
    let mut pair = Pair::trunk(11, Transport::Udp);
    let dialog = pair.sides[EXCHANGE].endpoint.reserve();
    let asserted = Party { display: "Anna".to_string(), user: "+48221234567".to_string() };
    let call = OutgoingCall {
        path: Some(pair.path(EXCHANGE)),
        from: asserted.clone(),
        sdp: Some(description(5000, 1)),
        carried: Carried { withheld: true, asserted: Some(asserted.clone()), ..Carried::default() },
        ..outgoing(Uri::sip("600", "10.0.0.2", None))
    };
    pair.command(EXCHANGE, Command::Invite { dialog, call: Box::new(call) });
    let invite = pair.request(EXCHANGE, "INVITE");
    assert_eq!(invite.from_().uri, Uri::sip("anonymous", "anonymous.invalid", None));
    pair.run(MOMENT);
    let Event::Invite { call, .. } = pair.last(PHONE) else { panic!("{:?}", pair.last(PHONE)) };
    assert_eq!((call.carried.asserted.clone(), call.carried.withheld), (Some(asserted), true));
    let text = String::from_utf8_lossy(&invite.to_bytes()).into_owned();
    assert_eq!(text.matches("+48221234567").count(), 1, "{text}");
}
