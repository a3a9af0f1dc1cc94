//! A wrong password opens nothing, and neither does a borrowed name.

use crate::exchange::Exchange;
use crate::line::{Call, Line};
use crate::phones::{From, baresip, sipp};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_wrong_password_neither_registers_nor_calls() {
    let exchange = Exchange::lab("wrong-password");
    let user = From::Extension("1001");
    for (what, password, mode, steps) in
        [("REGISTER", "wrong", "register", ""), ("INVITE", "wrong", "call", "wait=1"), ("INVITE", "pw1002", "call", "wait=1")]
    {
        let refused = sipp(&exchange, mode, user, password, "100", &["--steps", steps, "--seconds", "5"]);
        let answers: Vec<&str> =
            refused["answers"].as_array().into_iter().flatten().filter_map(|answer| answer.as_str()).collect();
        assert_ne!(refused["status"], 0, "{what}: {refused}");
        assert_eq!(
            answers.iter().filter(|answer| answer.starts_with("401") && answer.ends_with(what)).count(),
            2,
            "{what}: {refused}"
        );
        assert!(answers.iter().all(|answer| !answer.starts_with('2')), "{what}: {refused}");
    }
    // A phone that nobody here wrote agrees (it dials although it could not register).
    let stranger = baresip(&exchange, From::Extension("9999"), "100", "wait=1", &["--ring", "5"]);
    assert_eq!((&stranger["registered"], &stranger["answered"]), (&false.into(), &false.into()), "{stranger}");
    assert!(exchange.registrations().is_empty());
    nothing_happened(&exchange);
}

#[test]
fn the_right_password_is_let_in_where_the_wrong_one_was_not() {
    let exchange = Exchange::lab("right-password");
    for (password, expected) in [("pw1001", 200), ("pw1002", 401), ("", 401)] {
        let mut line = Line::udp("127.0.0.1", exchange.sip);
        let mut call = Call::new(&line, "1001", "100", exchange.sip);
        assert_eq!(call.registers(&mut line, password), expected, "{password}");
    }
    assert_eq!(exchange.registrations().len(), 1);
}

/// From the trunk's address no password is asked, but a caller who says he is 1001 is asked for it all the same.
#[test]
fn a_local_name_from_the_trunks_address_is_challenged() {
    let exchange = Exchange::lab("borrowed-name");
    for local in ["127.0.0.2", "127.0.0.3", "127.0.0.1"] {
        for transport in [Line::udp, Line::tcp] {
            let mut line = transport(local, exchange.sip);
            let mut call = Call::new(&line, "1001", "100", exchange.sip);
            line.send(call.invite(None));
            let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
            assert_eq!(answer.status(), 401, "{local}: {answer:?}");
            line.send(call.ack(&answer));
            let credentials = call.credentials("INVITE", &answer, "wrong");
            line.send(call.invite(Some(&credentials)));
            let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
            assert!(matches!(answer.status(), 401 | 403), "{local}: {answer:?}");
            line.send(call.ack(&answer));
        }
    }
    nothing_happened(&exchange);
}

/// Somebody who is neither an extension nor the trunk hears exactly what a known name hears.
#[test]
fn a_stranger_is_challenged_like_a_known_name() {
    let exchange = Exchange::lab("stranger");
    let asked = ["1001", "4711", "anonymous"].map(|user| {
        let mut line = Line::udp("127.0.0.1", exchange.sip);
        let mut call = Call::new(&line, user, "100", exchange.sip);
        line.send(call.invite(None));
        let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
        line.send(call.ack(&answer));
        let names: Vec<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        (answer.start, names)
    });
    assert_eq!(asked[0].0, "SIP/2.0 401 Unauthorized");
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[0], asked[2]);
    nothing_happened(&exchange);
}

/// No call came of it, not even a refused one that was answered first.
fn nothing_happened(exchange: &Exchange) {
    exchange.becomes_quiet(Duration::from_secs(10), false);
    assert_eq!(exchange.status()["answered_total"], 0);
    let records = exchange.ask(&["cdr"]);
    let answered: Vec<_> = records.as_array().into_iter().flatten().filter(|record| !record["answered"].is_null()).collect();
    assert!(answered.is_empty(), "{answered:#?}");
}
