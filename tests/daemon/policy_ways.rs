//! Toll fraud by the ways that nobody dials: a transfer that names a call, the members of a ring group, a call-back that is booked.
//! What leaves is counted by SIPp (see `policy`).

use crate::exchange::{Exchange, Folder};
use crate::line::{Call, Line};
use crate::policy::{HONEST, PROVIDER, attacks, calls_honestly, dials_in, ended, guarded};
use crate::telephone::Telephone;
use std::fs;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Of a phone or of a caller from a provider; the answer.
fn refers(who: &mut Telephone, target: &str, named: &str, exchange: &Exchange) -> u16 {
    let escaped = named.replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
    let contact = format!("Contact: <sip:us@{}>\r\n", who.line.local());
    let headers = format!("Refer-To: <sip:{target}@{PROVIDER}?Replaces={escaped}>\r\n{contact}");
    who.line.send(who.call.inside("REFER", &headers, ""));
    let answer = who.line.expect(S(5), |message| message.answers("REFER"));
    answer.unwrap_or_else(|| panic!("{target}: no answer\n{}", exchange.log())).status()
}

/// 1001 talks with 1003 and with 1004, and somebody from a provider with 1002: each of them names calls of its own, of others and of
/// nobody.
#[test]
fn a_transfer_that_names_a_call_dials_nothing_whatever_number_it_bears() {
    let folder = Folder::new("fraud-attended");
    let (exchange, sink) = guarded(&folder, "fraud-attended-daemon", "");
    let talk = |user: &str, local: &str, number: &str, password: Option<&str>| {
        let mut called = Telephone::registered(&exchange, number);
        let mut caller = Telephone::new(&exchange, local, user, number);
        caller.dial(password);
        called.answered();
        caller.connected();
        (caller, called)
    };
    let (mut first, _celina) = talk("1001", "127.0.0.1", "1003", Some("pw1001"));
    let (second, _darek) = talk("1001", "127.0.0.1", "1004", Some("pw1001"));
    let (mut outside, _bartek) = talk("48601234567", "127.0.0.2", "1002", None);
    let nobody = crate::line::named("nobody@nowhere.example", "1", "2");
    // Each head and each number with some of the tails: four REFERs for each.
    for attack in attacks().into_iter().step_by(5) {
        // The provider's caller is nobody's to take, and takes nobody.
        for named in [&nobody, &outside.call.name()] {
            let status = refers(&mut first, &attack, named, &exchange);
            assert!((400..700).contains(&status), "{attack}: {status}");
        }
        for named in [&nobody, &first.call.name()] {
            let status = refers(&mut outside, &attack, named, &exchange);
            assert!((400..700).contains(&status), "{attack}, from outside: {status}");
        }
    }
    // A call of her own she may name: the two whom she talks with are together, and the number beside it is nobody's.
    assert_eq!(refers(&mut first, "00441234567890", &second.call.name(), &exchange), 202, "{}", exchange.log());
    first.let_go();
    assert_eq!(exchange.calls().len(), 2, "{:#?}\n{}", exchange.calls(), exchange.log());
    calls_honestly(&exchange, &sink);
}

/// Of three members of a group one may be called outside, and one may not.
#[test]
fn a_member_of_a_ring_group_is_called_outside_as_far_as_groups_may() {
    let folder = Folder::new("fraud-group");
    let groups = "ring_groups:\n  sales: {members: [1003, \"+442012345678\", \"+48221234567\"], strategy: all}\nnumbers:\n  300: {group: sales}\n";
    let (exchange, sink) = guarded(&folder, "fraud-group-daemon", groups);
    let mut phone = Telephone::registered(&exchange, "1003");
    let mut is_busy = || {
        let invite = phone.called();
        phone.line.send(invite.answered_by("486 Busy Here", "busy", "", ""));
    };
    // A caller from a provider, then a phone of the house.
    let mut outside = Line::udp("127.0.0.2", exchange.sip);
    let mut call = Call::new(&outside, "48601234567", "300", exchange.sip);
    outside.send(call.invite(None));
    is_busy();
    let first = answered(&mut outside, &mut call, &exchange);
    let mut inside = Line::udp("127.0.0.1", exchange.sip);
    let mut call = dials_in(&mut inside, "300", &exchange);
    is_busy();
    let second = ended(&mut inside, &mut call, "300", &exchange);
    assert!([first, second].iter().all(|status| (400..700).contains(status)), "{first}, {second}\n{}", exchange.log());
    sink.has_counted(&exchange, &[HONEST, HONEST]);
}

fn answered(line: &mut Line, call: &mut Call, exchange: &Exchange) -> u16 {
    let answer = line.expect(S(5), |message| message.answers("INVITE"));
    let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", exchange.log()));
    line.send(call.ack(&answer));
    answer.status()
}

const BOOKS: &str = "\
description: Books that whoever calls is called back
language: en
start: book

nodes:
  book:
    callback: {queue: support, number: caller.number, confirm: false, booked: end, refused: end, failed: end}

  end:
    hangup: {cause: normal}
";

/// Callers who name such a number as theirs, and want to be called back.
#[test]
fn a_call_back_to_a_number_that_a_caller_has_made_up_is_not_made() {
    let folder = Folder::new("fraud-callback");
    let (exchange, sink) = guarded(&folder, "fraud-callback-daemon", "");
    drop(exchange);
    let config = folder.join("lab");
    fs::write(config.join("flows/books.yaml"), BOOKS).expect("our copy");
    let numbers = fs::read_to_string(config.join("numbers.yaml")).expect("our copy");
    fs::write(config.join("numbers.yaml"), format!("{numbers}  310: {{flow: books}}\n")).expect("our copy");
    let exchange = Exchange::with("fraud-callback-books", &config);
    // An agent is there to be put through to whoever is called back.
    let _agent = Telephone::registered(&exchange, "1001");
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    for attack in attacks() {
        let mut call = Call::new(&line, &attack, "310", exchange.sip);
        line.send(call.invite(None));
        // Whatever becomes of it: a number that is none is not booked.
        let status = answered(&mut line, &mut call, &exchange);
        assert!((200..700).contains(&status), "{attack}: {status}");
    }
    let told = exchange.ask(&["queues"]);
    println!("after the bookings: {told}");
    calls_honestly(&exchange, &sink);
}
