//! Offers and answers: delayed, repeated, crossing, cancelled.

use super::pair::{EXCHANGE, PHONE, Pair, description};
use crate::sip::message::Name as Header;
use crate::sip::*;
use crate::time::Duration;

const MOMENT: Duration = Duration::from_millis(50);

#[test]
fn a_delayed_offer_is_ours_and_the_answer_comes_with_the_ack() {
    let mut pair = Pair::trunk(1, Transport::Udp);
    let ours = pair.dial("600100200", "100", None);
    pair.run(MOMENT);
    let theirs = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
    pair.run(MOMENT);
    assert!(matches!(pair.last(PHONE), Event::Offer { offer: Some(_), .. }));
    pair.command(PHONE, Command::Reply { dialog: ours, answer: Ok(description(4000, 1)) });
    pair.run(MOMENT);
    assert_eq!(*pair.last(PHONE), Event::Accepted { dialog: ours, sdp: None });
    assert_eq!(*pair.last(EXCHANGE), Event::Confirmed { dialog: theirs, answer: Some(description(4000, 1)) });
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_delayed_offer_that_is_not_answered_ends_the_call() {
    let mut pair = Pair::trunk(2, Transport::Udp);
    let ours = pair.dial("600100200", "100", None);
    pair.run(MOMENT);
    let theirs = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
    pair.run(MOMENT);
    // The ACK goes without an answer, followed by BYE.
    pair.command(PHONE, Command::Reply { dialog: ours, answer: Err(Status(488)) });
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Ours)]);
    assert_eq!(pair.endings(EXCHANGE).len(), 1);
    pair.check_that_nothing_is_left();
}

/// RFC 3261 section 21.4.26: a refusal of a description says what is wrong with it.
const WARNING: &str = "305 centrala \"Incompatible media format\"";

#[test]
fn a_call_without_common_audio_is_refused_with_a_warning_and_a_busy_one_without() {
    for (status, warning) in [(488, Some(WARNING)), (486, None)] {
        let mut pair = Pair::trunk(4, Transport::Udp);
        pair.dial("600100200", "100", Some(description(4000, 1)));
        pair.run(MOMENT);
        let dialog = pair.incoming(EXCHANGE);
        pair.command(EXCHANGE, Command::Refuse { dialog, status: Status(status) });
        let refusal = pair.response(EXCHANGE);
        assert_eq!(refusal.status, Status(status));
        assert_eq!(refusal.headers.text(Header::Warning).as_deref(), warning);
    }
}

#[test]
fn hold_and_resume_go_both_ways() {
    for who in [EXCHANGE, PHONE] {
        let mut pair = Pair::trunk(3, Transport::Udp);
        let (theirs, ours) = pair.connect();
        let (mine, yours) = if who == EXCHANGE { (theirs, ours) } else { (ours, theirs) };
        for version in 2..4 {
            pair.command(who, Command::Reoffer { dialog: mine, sdp: description(4000, version) });
            pair.run(MOMENT);
            assert_eq!(*pair.last(1 - who), Event::Offer { dialog: yours, offer: Some(description(4000, version)) });
            pair.command(1 - who, Command::Reply { dialog: yours, answer: Ok(description(5000, version)) });
            pair.run(MOMENT);
            assert_eq!(*pair.last(who), Event::Renegotiated { dialog: mine, outcome: Ok(description(5000, version)) });
        }
        pair.command(who, Command::Reoffer { dialog: mine, sdp: description(4000, 9) });
        pair.run(MOMENT);
        pair.command(1 - who, Command::Reply { dialog: yours, answer: Err(Status(488)) });
        assert_eq!(pair.response(1 - who).headers.text(Header::Warning).as_deref(), Some(WARNING));
        pair.run(MOMENT);
        assert_eq!(*pair.last(who), Event::Renegotiated { dialog: mine, outcome: Err(Status(488)) });
        pair.run(Duration::from_secs(60));
        assert!(pair.endings(who).is_empty(), "a refused offer leaves the session as it was");
        pair.command(who, Command::Hangup { dialog: mine, reason: None });
        pair.settle();
        pair.check_that_nothing_is_left();
    }
}

#[test]
fn two_offers_at_once_are_made_one_after_the_other() {
    let mut pair = Pair::trunk(4, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(PHONE, Command::Reoffer { dialog: ours, sdp: description(4000, 2) });
    pair.command(EXCHANGE, Command::Reoffer { dialog: theirs, sdp: description(5000, 2) });
    pair.run(MOMENT);
    assert!(pair.said(PHONE).contains(&"491".to_string()) && pair.said(EXCHANGE).contains(&"491".to_string()));
    // The callee comes first, within two seconds; then the caller.
    for _ in 0..100 {
        pair.run(MOMENT);
        for (side, dialog) in [(PHONE, ours), (EXCHANGE, theirs)] {
            if matches!(pair.last(side), Event::Offer { .. }) {
                pair.command(side, Command::Reply { dialog, answer: Ok(description(6000, 3)) });
            }
        }
    }
    for side in [PHONE, EXCHANGE] {
        let settled = |event: &&Event| matches!(event, Event::Renegotiated { outcome: Ok(_), .. });
        assert_eq!(pair.sides[side].events.iter().filter(settled).count(), 1, "{:?}", pair.sides[side].events);
    }
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_call_that_ends_while_an_offer_waits_answers_it() {
    let mut pair = Pair::trunk(5, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(PHONE, Command::Reoffer { dialog: ours, sdp: description(4000, 2) });
    pair.run(MOMENT);
    assert!(matches!(pair.last(EXCHANGE), Event::Offer { .. }));
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    assert!(pair.said(EXCHANGE).contains(&"487".to_string()));
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Bye { reason: None })]);
    // The exchange answers too late, which does nothing.
    pair.command(EXCHANGE, Command::Reply { dialog: theirs, answer: Ok(description(1, 1)) });
    pair.check_that_nothing_is_left();
}

#[test]
fn an_update_is_an_offer_too() {
    let mut pair = Pair::trunk(6, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(PHONE, Command::Update { dialog: ours, sdp: description(4444, 5) });
    pair.run(MOMENT);
    assert_eq!(*pair.last(EXCHANGE), Event::Offer { dialog: theirs, offer: Some(description(4444, 5)) });
    // Whoever waits long is told to be patient (RFC 4320 section 4.1).
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.response(EXCHANGE).status, Status(100));
    pair.command(EXCHANGE, Command::Reply { dialog: theirs, answer: Ok(description(5555, 5)) });
    pair.run(MOMENT);
    assert_eq!(pair.response(EXCHANGE).cseq().method, message::Method::Update);
    assert_eq!(*pair.last(PHONE), Event::Renegotiated { dialog: ours, outcome: Ok(description(5555, 5)) });
    pair.command(PHONE, Command::Hangup { dialog: ours, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn an_offer_that_is_taken_back_leaves_the_session_as_it_was() {
    let mut pair = Pair::trunk(7, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(PHONE, Command::Reoffer { dialog: ours, sdp: description(4000, 2) });
    pair.run(MOMENT);
    let mut cancel = pair.request(PHONE, "INVITE");
    cancel.method = message::Method::Cancel;
    cancel.set_cseq(cancel.cseq().number);
    cancel.set_body("", Vec::new());
    pair.inject(EXCHANGE, &cancel.to_bytes());
    pair.run(MOMENT);
    assert_eq!(*pair.last(PHONE), Event::Renegotiated { dialog: ours, outcome: Err(Status(487)) });
    pair.command(EXCHANGE, Command::Reply { dialog: theirs, answer: Ok(description(5000, 2)) });
    pair.run(Duration::from_secs(60));
    assert!(pair.endings(PHONE).is_empty() && pair.endings(EXCHANGE).is_empty());
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_renegotiation_that_is_never_acknowledged_ends_the_call() {
    let mut pair = Pair::trunk(8, Transport::Udp);
    let (theirs, ours) = pair.connect();
    pair.command(PHONE, Command::Reoffer { dialog: ours, sdp: description(4000, 2) });
    pair.run(MOMENT);
    pair.is_cut = true;
    pair.command(EXCHANGE, Command::Reply { dialog: theirs, answer: Ok(description(5000, 2)) });
    pair.run(Duration::from_secs(33));
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::NoAck)]);
    pair.settle();
    assert_eq!(pair.endings(PHONE), [(ours, Ending::Timeout)]);
    pair.check_that_nothing_is_left();
}
