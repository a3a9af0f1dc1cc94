//! Toll fraud: what attackers dial, by every way out, at the real daemon; and a provider that counts what leaves.

use crate::exchange::{Exchange, Folder};
use crate::line::{Call, Line};
use crate::trunks::{dials, lab_with};
use std::net::UdpSocket;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const PROVIDER: &str = "127.0.0.5";

/// Heads, numbers and tails of what has been dialled at exchanges to make them call at somebody else's cost.
fn attacks() -> Vec<String> {
    let heads = ["00", "+", "000", "0011", "011", "9", "90", "900", "0", "*72", "*21*", "%2300", "%2b", "9%2c00", "tel:", "1"];
    let numbers = ["441234567890", "8821612345678", "37091234567", "2525551234", "48701234567", "88213", "5359999999"];
    let tails = ["", "%23", "*", ";phone-context=+44", "&PJSIP", "%00", "%0d%0aX:y", ";isub=1", "%3bext=1"];
    let all = heads.iter().flat_map(|head| numbers.iter().map(move |number| format!("{head}{number}")));
    all.flat_map(|begun| tails.iter().map(move |tail| format!("{begun}{tail}"))).collect()
}

/// INVITEs that have come to the provider.
fn invites(sink: &UdpSocket) -> Vec<String> {
    sink.set_read_timeout(Some(Duration::from_millis(700))).expect("our socket");
    let (mut buffer, mut found) = ([0; 4096], Vec::new());
    while let Ok(length) = sink.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.starts_with("INVITE ") {
            found.push(text.lines().next().unwrap_or_default().to_owned());
        }
    }
    found
}

#[test]
fn of_a_thousand_attack_strings_by_every_way_out_not_one_invite_leaves() {
    let folder = Folder::new("fraud");
    let sink = UdpSocket::bind((PROVIDER, 0)).expect("a loopback port");
    let trunks = format!(
        "  acme: {{send_to: \"{PROVIDER}:{}\", accept_from: [{PROVIDER}]}}\n",
        sink.local_addr().expect("bound").port()
    );
    let config = lab_with(&folder, &trunks, "outbound: {via: acme, classes: [national], minutes_per_day: 60}\n");
    let exchange = Exchange::with("fraud-daemon", &config);
    let attacks = attacks();
    assert!(attacks.len() >= 1000, "{}", attacks.len());
    let mut inside = Line::udp("127.0.0.1", exchange.sip);
    let mut outside = Line::udp("127.0.0.2", exchange.sip);
    for attack in &attacks {
        // Dialled by a phone that has proved its password, and by a caller from a provider.
        refused(&mut inside, "1001", attack, &exchange);
        refused(&mut outside, "48221234567", attack, &exchange);
    }
    // Through the provider no caller from outside reaches another telephone, however honest the number.
    refused(&mut outside, "48221234567", "221234567", &exchange);
    assert_eq!(invites(&sink), Vec::<String>::new(), "{}", exchange.log());
    // And the way is open at all: one honest call leaves.
    let (_line, _call, status) = dials(&exchange, "221234567", S(1));
    assert_eq!(status, None);
    assert!(!invites(&sink).is_empty(), "{}", exchange.log());
}

/// A call that must be refused; a `number` that cannot even be sent counts as refused.
fn refused(line: &mut Line, user: &str, number: &str, exchange: &Exchange) {
    let mut call = Call::new(line, user, number, exchange.sip);
    line.send(call.invite(None));
    let id = call.id.clone();
    let mine = |message: &crate::line::Message| message.answers("INVITE") && message.header("Call-ID") == Some(&id);
    let answer = line.expect(S(5), mine).unwrap_or_else(|| panic!("{number}: no answer\n{}", exchange.log()));
    line.send(call.ack(&answer));
    let mut status = answer.status();
    if status == 401 {
        let credentials = call.credentials("INVITE", &answer, "pw1001");
        line.send(call.invite(Some(&credentials)));
        let again =
            |message: &crate::line::Message| mine(message) && message.header("CSeq").is_some_and(|it| it.starts_with("2 "));
        let answer = line.expect(S(5), again).unwrap_or_else(|| panic!("{number}: no answer\n{}", exchange.log()));
        line.send(call.ack(&answer));
        status = answer.status();
    }
    assert!((400..700).contains(&status), "{number}: {status}");
}
