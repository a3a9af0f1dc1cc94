//! Calls that last: session timers between two user agents, and against a script.

use super::outside::{answer, request};
use super::pair::{EXCHANGE, PHONE, Pair, description, settings};
use crate::sip::message::{Method, Name as Header};
use crate::sip::*;
use crate::time::Duration;
use std::sync::Arc;

const MOMENT: Duration = Duration::from_millis(50);

/// Either side's wishes, in seconds.
fn pair(seed: u64, exchange: u64, phone: u64) -> Pair {
    let mut pair = Pair::trunk(seed, Transport::Udp);
    let timers = |interval| SessionTimers { interval: Duration::from_secs(interval), min: Duration::from_secs(90) };
    let ours = Settings { session: timers(exchange), ..settings(&[Algorithm::Md5], Some(super::pair::at("10.0.0.2:5060"))) };
    pair.command(EXCHANGE, Command::Configure(Arc::new(ours)));
    pair.command(PHONE, Command::Configure(Arc::new(Settings { session: timers(phone), ..Settings::default() })));
    pair
}

fn count(pair: &Pair, side: usize, method: &str) -> usize {
    pair.said(side).iter().filter(|said| *said == method).count()
}

#[test]
fn a_call_is_refreshed_for_as_long_as_it_lasts() {
    let mut pair = pair(1, 1800, 600);
    let (theirs, _) = pair.connect();
    pair.run(Duration::from_secs(3 * 3600));
    // The phone asked, so it refreshes: each 300 s.
    assert_eq!((count(&pair, PHONE, "UPDATE"), count(&pair, EXCHANGE, "UPDATE")), (35, 0));
    assert!(pair.endings(EXCHANGE).is_empty() && pair.endings(PHONE).is_empty());
    pair.command(EXCHANGE, Command::Hangup { dialog: theirs, reason: None });
    pair.settle();
    pair.check_that_nothing_is_left();
}

#[test]
fn a_phone_that_asks_for_nothing_is_refreshed_by_us() {
    let mut pair = pair(2, 1800, 0);
    pair.connect();
    pair.run(Duration::from_secs(1801));
    assert_eq!((count(&pair, PHONE, "UPDATE"), count(&pair, EXCHANGE, "UPDATE")), (0, 2));
}

#[test]
fn a_peer_without_update_is_refreshed_by_the_description_that_stands() {
    let mut pair = pair(3, 1800, 0);
    let mut invite = request(Method::Invite, "z9hG4bKold");
    invite.headers.set(Header::Allow, "INVITE, ACK, BYE, CANCEL");
    invite.set_body("application/sdp", description(4000, 1).to_bytes());
    pair.is_cut = true;
    pair.inject(EXCHANGE, &invite.to_bytes());
    let dialog = pair.incoming(EXCHANGE);
    pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
    let accepted = pair.response(EXCHANGE);
    assert_eq!(accepted.headers.text(Header::SessionExpires).as_deref(), Some("1800;refresher=uas"));
    assert!(accepted.require().is_empty(), "it does not know what that would be");
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    ack.set_cseq(1);
    ack.set_to(accepted.to_());
    ack.set_body("", Vec::new());
    pair.inject(EXCHANGE, &ack.to_bytes());
    pair.run(Duration::from_secs(901));
    let refresh = pair.request(EXCHANGE, "INVITE");
    assert_eq!(refresh.body, accepted.body);
    assert_eq!(refresh.headers.text(Header::SessionExpires).as_deref(), Some("1800;refresher=uac"));
}

/// SIG-29: whoever was to refresh has vanished; BYE at the end less min(32 s, a third of the interval).
#[test]
fn a_session_that_nobody_refreshes_ends_before_its_time() {
    for (interval, end) in [(90, 60), (96, 64), (120, 88), (600, 568)] {
        let mut pair = pair(4, 1800, interval);
        let (theirs, ours) = pair.connect();
        pair.is_cut = true;
        let answered = pair.now.mono;
        pair.run(Duration::from_secs(end) - Duration::from_millis(150));
        assert_eq!(count(&pair, EXCHANGE, "BYE"), 0, "{interval} s");
        pair.run(Duration::from_millis(200));
        assert_eq!(count(&pair, EXCHANGE, "BYE"), 1, "{interval} s");
        assert!(pair.now.mono.since(answered) >= Duration::from_secs(end));
        assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Expired)]);
        pair.run(Duration::from_secs(interval));
        assert_eq!(pair.endings(PHONE).len(), 1, "{ours:?}");
    }
}

#[test]
fn an_interval_that_is_too_short_is_refused_and_lengthened() {
    let check = |what: &str, supported: &str, expires: &str, refused: bool| {
        let mut pair = Pair::trunk(5, Transport::Udp);
        let mut invite = request(Method::Invite, "z9hG4bKshort");
        invite.headers.set(Header::Supported, supported);
        invite.headers.set(Header::SessionExpires, expires);
        let response = answer(&mut pair, &invite);
        assert_eq!(response.status == Status(422), refused, "{what}: {}", response.status);
        if refused {
            assert_eq!(response.headers.text(Header::MinSe).as_deref(), Some("90"), "{what}");
        }
    };
    check("too short", "timer", "89", true);
    check("just enough", "timer", "90;refresher=uac", false);
    check("too short from who cannot be told", "", "30", false);
    check("no number", "timer", "soon", false);

    // Our own INVITE is sent again with what the peer wants, once.
    let mut pair = pair(6, 1800, 120);
    pair.is_cut = true;
    pair.dial("600", "100", Some(description(4000, 1)));
    for (least, expected) in [("300", "300"), ("400", "300")] {
        let sent = pair.request(PHONE, "INVITE");
        let mut refusal = message::Response::to(&sent, Status(422));
        refusal.set_to_tag("x");
        refusal.headers.set(Header::MinSe, least);
        pair.inject(PHONE, &refusal.to_bytes());
        let again = pair.request(PHONE, "INVITE");
        assert_eq!(again.headers.text(Header::SessionExpires).as_deref(), Some(expected));
    }
    let [(_, Ending::Refused { status: Status(422), .. })] = pair.endings(PHONE)[..] else {
        panic!("{:?}", pair.endings(PHONE))
    };
}

#[test]
fn who_refreshes_is_agreed_as_the_rfc_says() {
    let check = |supported: &str, expires: Option<&str>, expected: &str| {
        let mut pair = pair(7, 1800, 0);
        let mut invite = request(Method::Invite, "z9hG4bKwho");
        invite.headers.set(Header::Supported, supported);
        if let Some(expires) = expires {
            invite.headers.set(Header::SessionExpires, expires);
        }
        pair.is_cut = true;
        pair.inject(EXCHANGE, &invite.to_bytes());
        let dialog = pair.incoming(EXCHANGE);
        pair.command(EXCHANGE, Command::Accept { dialog, sdp: description(5000, 1) });
        let accepted = pair.response(EXCHANGE);
        let said = accepted.headers.text(Header::SessionExpires).unwrap_or_default().into_owned();
        assert_eq!(said, expected, "{supported} {expires:?}");
        assert_eq!(accepted.require() == ["timer"], expected.ends_with("uac"), "{supported} {expires:?}");
    };
    check("timer", Some("600"), "600;refresher=uac");
    check("timer", Some("600;refresher=uac"), "600;refresher=uac");
    check("timer", Some("600;Refresher=UAS"), "600;refresher=uas");
    check("timer", Some("7200"), "1800;refresher=uac");
    check("timer", None, "1800;refresher=uas");
    check("", None, "1800;refresher=uas");
    check("", Some("600"), "600;refresher=uas");
}

#[test]
fn a_peer_that_knows_nothing_of_the_call_when_it_is_refreshed_has_lost_it() {
    let mut pair = pair(8, 1800, 0);
    let (theirs, _) = pair.connect();
    pair.is_cut = true;
    pair.run(Duration::from_secs(901));
    let update = pair.request(EXCHANGE, "UPDATE");
    pair.inject(EXCHANGE, &message::Response::to(&update, Status(481)).to_bytes());
    assert_eq!(pair.endings(EXCHANGE), [(theirs, Ending::Gone)]);
    pair.run(MOMENT);
}
