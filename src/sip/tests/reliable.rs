//! Provisional answers that must arrive (100rel): scripts on either side.

use super::outside::request;
use super::pair::{EXCHANGE, PHONE, Pair, description};
use crate::sdp::{Description, parse};
use crate::sip::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use crate::sip::*;
use crate::time::Duration;

/// A caller that requires reliable answers; the network delivers nothing that the exchange sends.
fn demanding(with_offer: bool) -> (Pair, DialogId) {
    let mut pair = Pair::trunk(1, Transport::Udp);
    pair.is_cut = true;
    let mut invite = request(Method::Invite, "z9hG4bKrel");
    invite.headers.set(Header::Require, "100rel");
    if with_offer {
        invite.set_body("application/sdp", description(4000, 1).to_bytes());
    }
    pair.inject(EXCHANGE, &invite.to_bytes());
    let dialog = pair.incoming(EXCHANGE);
    (pair, dialog)
}

fn ring(pair: &mut Pair, dialog: DialogId, status: u16) {
    let sdp = (status == 183).then(|| description(5000, 1));
    pair.command(EXCHANGE, Command::Progress { dialog, status: Status(status), sdp });
}

/// The PRACK of the last provisional answer.
fn prack(pair: &Pair, cseq: u32) -> Request {
    let ringing = pair.response(EXCHANGE);
    let mut prack = request(Method::Prack, &format!("z9hG4bKprack{cseq}"));
    prack.set_to(ringing.to_());
    prack.set_cseq(cseq);
    let number = ringing.headers.text(Header::RSeq).unwrap_or_default().into_owned();
    prack.headers.set(Header::RAck, format!("{number} 1 INVITE"));
    prack
}

fn said(pair: &Pair) -> Vec<String> {
    let mut said = pair.said(EXCHANGE);
    said.dedup();
    said
}

#[test]
fn answers_follow_one_another_and_the_call_is_answered_after_the_last() {
    let (mut pair, dialog) = demanding(true);
    ring(&mut pair, dialog, 180);
    ring(&mut pair, dialog, 183);
    pair.run(Duration::from_secs(4));
    // The first is repeated, doubling its pauses, and the second waits.
    assert_eq!(pair.said(EXCHANGE), ["100", "180", "180", "180", "180"]);
    let first = pair.response(EXCHANGE);
    assert_eq!(first.require(), ["100rel"]);
    pair.inject(EXCHANGE, &prack(&pair, 2).to_bytes());
    assert_eq!(said(&pair), ["100", "180", "200", "183"]);
    let number = |response: &Response| response.headers.text(Header::RSeq).and_then(|it| it.parse::<u32>().ok()).expect("RSeq");
    assert_eq!(number(&pair.response(EXCHANGE)), number(&first) + 1);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
    assert_eq!(said(&pair).last().map(String::as_str), Some("183"), "not before its PRACK");
    let late = prack(&pair, 3);
    pair.inject(EXCHANGE, &late.to_bytes());
    assert_eq!(pair.response(EXCHANGE).cseq().method, Method::Invite);
    assert_eq!(pair.response(EXCHANGE).status, Status(200));
}

#[test]
fn an_acknowledgement_of_something_else_is_refused() {
    let (mut pair, dialog) = demanding(true);
    ring(&mut pair, dialog, 180);
    for wrong in ["1 1 INVITE", "x", ""] {
        let mut other = prack(&pair, 2);
        other.headers.set(Header::RAck, wrong);
        other.push_via(&message::Via::new("UDP", super::pair::at("10.0.0.2:5060"), &format!("z9hG4bK{}", wrong.len())));
        let before = pair.sides[EXCHANGE].sent.len();
        pair.inject(EXCHANGE, &other.to_bytes());
        assert_eq!(pair.sides[EXCHANGE].sent.len(), before + 1);
        assert_eq!(pair.response(EXCHANGE).status, Status(481), "{wrong}");
        // What the test reads next is the ringing again.
        pair.run(Duration::from_secs(5));
    }
}

/// The body of the exchange's last answer to this method, when it was a 200 with one.
fn answer_to(pair: &mut Pair, request: &Request) -> (u16, Option<Description>) {
    let before = pair.sides[EXCHANGE].events.len();
    pair.inject(EXCHANGE, &request.to_bytes());
    if let Some(Event::Offer { dialog, .. }) = pair.sides[EXCHANGE].events.get(before).cloned() {
        pair.command(EXCHANGE, Command::Reply { dialog, answer: Ok(description(5000, 2)) });
    }
    let response = pair.response(EXCHANGE);
    assert_eq!(response.cseq().method, request.method);
    (response.status.0, parse(&response.body).ok())
}

#[test]
fn a_caller_may_offer_anew_once_an_answer_has_arrived_and_not_before() {
    let update = |pair: &Pair, cseq: u32| {
        let mut update = prack(pair, cseq);
        update.method = Method::Update;
        update.set_cseq(cseq);
        update.headers.remove(Header::RAck);
        update.set_body("application/sdp", description(4000, cseq.into()).to_bytes());
        update
    };
    let (mut pair, dialog) = demanding(true);
    ring(&mut pair, dialog, 180);
    let ringing = pair.response(EXCHANGE);
    // Their offer in the INVITE has no answer yet: RFC 3311 section 5.2.
    let early = update(&pair, 2);
    assert_eq!(answer_to(&mut pair, &early).0, 500);
    assert!(pair.response(EXCHANGE).headers.has(Header::RetryAfter));
    let mut early = request(Method::Prack, "z9hG4bKprack3");
    early.set_to(ringing.to_());
    early.set_cseq(3);
    early.headers.set(Header::RAck, format!("{} 1 INVITE", ringing.headers.text(Header::RSeq).unwrap_or_default()));
    early.set_body("application/sdp", description(4000, 3).to_bytes());
    assert_eq!(answer_to(&mut pair, &early).0, 488, "the acknowledgement counts");
    assert!(pair.response(EXCHANGE).headers.has(Header::Warning));

    ring(&mut pair, dialog, 183);
    let mut offers = prack(&pair, 4);
    offers.set_body("application/sdp", description(4000, 4).to_bytes());
    let answered = (200, Some(description(5000, 2)));
    let before = pair.response(EXCHANGE);
    assert_eq!(answer_to(&mut pair, &offers), answered, "in the PRACK of the answer itself");
    let mut again = update(&pair, 5);
    again.set_to(before.to_());
    assert_eq!(answer_to(&mut pair, &again), answered);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 2) });
    assert_eq!((pair.response(EXCHANGE).status, pair.response(EXCHANGE).cseq().method), (Status(200), Method::Invite));
}

#[test]
fn a_caller_that_never_acknowledges_is_given_up() {
    let (mut pair, dialog) = demanding(true);
    ring(&mut pair, dialog, 180);
    pair.run(Duration::from_millis(31_900));
    assert!(pair.endings(EXCHANGE).is_empty());
    pair.run(Duration::from_millis(200));
    assert_eq!(pair.endings(EXCHANGE), [(dialog, Ending::Timeout)]);
    assert_eq!(pair.response(EXCHANGE).status, Status(504));
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_caller_without_an_offer_is_answered_at_once_or_not_at_all() {
    let (mut pair, dialog) = demanding(false);
    ring(&mut pair, dialog, 180);
    assert_eq!(pair.said(EXCHANGE), ["100"]);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
    assert_eq!(pair.said(EXCHANGE), ["100", "200"]);
}

#[test]
fn a_call_may_end_while_an_answer_is_under_way() {
    let (mut pair, dialog) = demanding(true);
    ring(&mut pair, dialog, 180);
    pair.command(EXCHANGE, Command::Refuse { dialog, status: Status(486) });
    assert_eq!(said(&pair), ["100", "180", "486"]);
    pair.settle();
    pair.check_that_nothing_is_left();
}

// ---- Our own calls.

/// A provisional answer to the phone's call, with this number.
fn answer(pair: &Pair, status: u16, number: u32, sdp: bool) -> Vec<u8> {
    let mut answer = Response::to(&pair.request(PHONE, "INVITE"), Status(status));
    answer.set_to_tag("far");
    answer.set_contact(&NameAddr::new(Uri::sip("far", "10.0.0.1", None)));
    if number > 0 {
        answer.headers.set(Header::Require, "100rel");
        answer.headers.set(Header::RSeq, number.to_string());
    }
    if sdp {
        answer.set_body("application/sdp", description(5000, 1).to_bytes());
    }
    answer.to_bytes()
}

#[test]
fn theirs_are_told_and_acknowledged_once_and_in_order() {
    let mut pair = Pair::trunk(2, Transport::Udp);
    pair.is_cut = true;
    pair.dial("600", "100", Some(description(4000, 1)));
    let told = |pair: &Pair| pair.sides[PHONE].events.len();
    let pracks = |pair: &Pair| {
        let mut numbers: Vec<String> = Vec::new();
        for (_, _, bytes) in &pair.sides[PHONE].sent {
            if let message::Message::Request(request) = super::pair::read(bytes)
                && let Some(rack) = request.headers.text(Header::RAck)
                && numbers.last().is_none_or(|last| *last != rack)
            {
                numbers.push(rack.into_owned());
            }
        }
        numbers
    };
    let cseq = pair.request(PHONE, "INVITE").cseq().number;
    for (status, number, told_then) in [(180, 7, 1), (180, 7, 1), (183, 9, 1), (183, 8, 2), (183, 9, 3)] {
        let bytes = answer(&pair, status, number, status == 183);
        pair.inject(PHONE, &bytes);
        assert_eq!(told(&pair), told_then, "{status} {number}");
    }
    assert_eq!(pracks(&pair), [7, 8, 9].map(|number| format!("{number} {cseq} INVITE")));
    // The 200 need not repeat the answer.
    let bytes = answer(&pair, 200, 0, false);
    pair.inject(PHONE, &bytes);
    assert!(matches!(pair.last(PHONE), Event::Accepted { sdp: Some(_), .. }), "{:?}", pair.last(PHONE));
    assert_eq!(pair.request(PHONE, "ACK").cseq().number, cseq);
}

#[test]
fn a_call_without_an_offer_does_not_ask_for_reliable_answers() {
    let mut pair = Pair::trunk(3, Transport::Udp);
    pair.dial("600", "100", None);
    assert!(!pair.request(PHONE, "INVITE").supported().contains(&"100rel".to_string()));
    pair.dial("600", "100", Some(description(4000, 1)));
    assert!(pair.request(PHONE, "INVITE").supported().contains(&"100rel".to_string()));
}

/// The UPDATE with an offer of whoever is called and has not answered yet; what is said to it.
fn offer_early(pair: &mut Pair, tag: &str, cseq: u32) -> u16 {
    let invite = pair.request(PHONE, "INVITE");
    let mut update = Request::new(Method::Update, invite.contacts()[0].uri.clone());
    update.push_via(&message::Via::new("UDP", super::pair::at("10.0.0.1:5060"), &format!("z9hG4bKup{tag}{cseq}")));
    update.set_from(&NameAddr::new(invite.to_().uri.clone()).with_tag(tag));
    update.set_to(invite.from_());
    update.set_call_id(invite.call_id());
    update.set_cseq(cseq);
    update.set_contact(&NameAddr::new(Uri::sip("far", "10.0.0.1", None)));
    update.set_body("application/sdp", description(6000, cseq.into()).to_bytes());
    let before = pair.sides[PHONE].events.len();
    pair.inject(PHONE, &update.to_bytes());
    if let Some(Event::Offer { dialog, offer: Some(_) }) = pair.sides[PHONE].events.get(before).cloned() {
        pair.command(PHONE, Command::Reply { dialog, answer: Ok(description(4000, 2)) });
    }
    pair.response(PHONE).status.0
}

#[test]
fn who_is_called_may_offer_anew_once_their_answer_has_arrived_and_not_before() {
    let mut pair = Pair::trunk(4, Transport::Udp);
    pair.is_cut = true;
    let dialog = pair.dial("600", "100", Some(description(4000, 1)));
    pair.inject(PHONE, &answer(&pair, 180, 0, false));
    assert_eq!(offer_early(&mut pair, "far", 7), 481, "nothing is settled");
    pair.inject(PHONE, &answer(&pair, 183, 1, true));
    assert_eq!(offer_early(&mut pair, "other", 8), 481, "another who rings has settled nothing");
    assert_eq!(offer_early(&mut pair, "far", 9), 200);
    assert_eq!(parse(&pair.response(PHONE).body).ok(), Some(description(4000, 2)));
    assert_eq!(offer_early(&mut pair, "far", 8), 500, "an older one");
    // Their 200 repeats the first answer; what they have offered since stands.
    let accepted = answer(&pair, 200, 0, true);
    pair.inject(PHONE, &accepted);
    assert_eq!(*pair.last(PHONE), Event::Accepted { dialog, sdp: Some(description(6000, 9)) });
}

#[test]
fn another_who_answers_begins_to_count_anew() {
    let mut pair = Pair::trunk(5, Transport::Udp);
    pair.is_cut = true;
    let dialog = pair.dial("600", "100", Some(description(4000, 1)));
    pair.inject(PHONE, &answer(&pair, 183, 1, true));
    assert_eq!(offer_early(&mut pair, "far", 100), 200);
    let mut accepted = Response::to(&pair.request(PHONE, "INVITE"), Status(200));
    accepted.set_to_tag("other");
    accepted.set_contact(&NameAddr::new(Uri::sip("other", "10.0.0.1", None)));
    accepted.set_body("application/sdp", description(5000, 1).to_bytes());
    pair.inject(PHONE, &accepted.to_bytes());
    assert_eq!(*pair.last(PHONE), Event::Accepted { dialog, sdp: Some(description(5000, 1)) });
    assert_eq!(offer_early(&mut pair, "other", 1), 200);
}
