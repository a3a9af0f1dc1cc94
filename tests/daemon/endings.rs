//! However a call ends, nothing of it is left, and its record says what happened.

use crate::exchange::{Exchange, centrala};
use crate::line::{Call, Line, Message};
use crate::phones::{From, baresip, sipp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(5);
/// 64*T1: how long a UDP transaction may linger.
const TIMER: Duration = Duration::from_secs(32);
const MARGIN: Duration = Duration::from_secs(12);

/// Sixty callers cancel, each at another moment after the INVITE: before it is read, while it rings, after it was answered.
#[test]
fn cancel_at_any_moment_leaves_nothing() {
    let exchange = Exchange::lab("cancel");
    let ends: Vec<(String, &str)> = thread::scope(|scope| {
        let callers: Vec<_> = (0..60u64)
            .map(|number| {
                let exchange = &exchange;
                // The first moments matter most: 0, 50, 100 us ... then in longer steps up to 100 ms.
                let delay = Duration::from_micros(50 * number + number * number * 25);
                scope.spawn(move || cancelled(exchange, "100", delay))
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    let records = by_call(&exchange.records(ends.len()));
    for (call, expected) in &ends {
        let record = &records[call];
        assert_eq!(record["outcome"], *expected, "{record:#}");
        assert_eq!(record["ended_by"], "caller", "{record:#}");
        assert_eq!(record["answered"].is_null(), *expected == "cancelled", "{record:#}");
    }
    println!(
        "{} cancelled in time, {} too late",
        ends.iter().filter(|(_, end)| *end == "cancelled").count(),
        ends.iter().filter(|(_, end)| *end == "completed").count()
    );
    exchange.becomes_quiet(TIMER + MARGIN, true);
}

/// One caller: INVITE, `delay`, CANCEL. Returns what the record must say.
pub fn cancelled(exchange: &Exchange, extension: &str, delay: Duration) -> (String, &'static str) {
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut call = Call::new(&line, "48221230000", extension, exchange.sip);
    line.send(call.invite(None));
    lasts(delay);
    line.send(call.cancel());
    let (mut cancel, mut invite) = (None, None::<Message>);
    let end = Instant::now() + SOON;
    while cancel.is_none() || invite.is_none() {
        let message =
            line.receive(end).unwrap_or_else(|| panic!("no answer to CANCEL {cancel:?} or INVITE {invite:?} after {delay:?}"));
        if message.answers("CANCEL") {
            cancel = Some(message);
        } else if message.answers("INVITE") && invite.is_none() {
            line.send(call.ack(&message));
            invite = Some(message);
        }
    }
    let (cancel, invite) = (cancel.expect("seen").status(), invite.expect("seen").status());
    assert_eq!(cancel, 200, "after {delay:?}");
    match invite {
        487 => (call.id, "cancelled"),
        200 => {
            hang_up(&mut line, &mut call);
            (call.id, "completed")
        }
        other => panic!("INVITE was answered {other} after {delay:?}"),
    }
}

/// A moment exactly as long as asked: finer than what a sleeping thread gets.
pub fn lasts(delay: Duration) {
    let from = Instant::now();
    while from.elapsed() < delay {
        thread::yield_now();
    }
}

/// The caller hangs up at forty moments of the welcome and the menu, over UDP and TCP.
#[test]
fn a_caller_who_hangs_up_at_any_moment_leaves_nothing() {
    let exchange = Exchange::lab("hangup");
    let ids: Vec<String> = thread::scope(|scope| {
        let callers: Vec<_> = (0..40u64)
            .map(|number| {
                let exchange = &exchange;
                scope.spawn(move || {
                    let mut line = if number % 2 == 0 {
                        Line::udp("127.0.0.2", exchange.sip)
                    } else {
                        Line::tcp("127.0.0.3", exchange.sip)
                    };
                    let mut call = answered(&mut line, exchange, "100");
                    // Listening for what must not come is the waiting: nobody else may end this call.
                    let early = line.expect(Duration::from_millis(number * number * 6), |message| message.is_request("BYE"));
                    assert!(early.is_none(), "{early:?}");
                    hang_up(&mut line, &mut call);
                    call.id
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    let records = by_call(&exchange.records(ids.len()));
    for id in &ids {
        let record = &records[id];
        assert_eq!((&record["outcome"], &record["ended_by"]), (&"completed".into(), &"caller".into()), "{record:#}");
        assert_eq!(record["legs"][0]["ending"], "bye", "{record:#}");
    }
    exchange.becomes_quiet(TIMER + MARGIN, true);
}

/// A caller whose ACK never comes is let go after 64*T1, and the phone that died is not called for ever.
#[test]
fn a_caller_who_never_acknowledges_is_let_go() {
    let exchange = Exchange::lab("no-ack");
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut call = Call::new(&line, "48221230000", "101", exchange.sip);
    line.send(call.invite(None));
    let mut answers = 0;
    let bye = line.expect(TIMER + MARGIN, |message| {
        answers += u32::from(message.answers("INVITE"));
        message.is_request("BYE")
    });
    let bye = bye.unwrap_or_else(|| panic!("no BYE after {answers} answers\n{}", exchange.log()));
    assert!((8..=12).contains(&answers), "{answers} answers: T1, doubling to T2, for 64*T1 makes eleven");
    line.send(bye.ok());
    let records = exchange.records(1);
    assert_eq!((&records[0]["outcome"], &records[0]["ended_by"]), (&"failed".into(), &"network".into()), "{:#}", records[0]);
    assert_eq!(records[0]["legs"][0]["ending"], "no ack", "{:#}", records[0]);
    exchange.becomes_quiet(MARGIN, false);
}

/// The exchange ends the call: a caller who only presses keys that mean nothing.
#[test]
fn the_exchange_hangs_up_on_a_caller_who_presses_nonsense() {
    let exchange = Exchange::lab("exchange-ends");
    thread::scope(|scope| {
        let real = scope
            .spawn(|| baresip(&exchange, From::Trunk, "100", "wait=6,dtmf=5,wait=3,dtmf=5,wait=3,dtmf=5,expect_bye=30", &[]));
        let scripted = scope.spawn(|| {
            sipp(
                &exchange,
                "call",
                From::Trunk,
                "",
                "100",
                &["--steps", "wait=6,info=5,wait=3,info=5,wait=3,info=5,wait_bye=30"],
            )
        });
        let (real, scripted) = (real.join().expect("no panic"), scripted.join().expect("no panic"));
        assert_eq!(real["ended_by"], "exchange", "{real}\n{}", exchange.log());
        assert_eq!(scripted["status"], 0, "{scripted}\n{}", exchange.log());
    });
    for record in exchange.records(2) {
        assert_eq!((&record["outcome"], &record["ended_by"]), (&"completed".into(), &"exchange".into()), "{record:#}");
    }
    exchange.becomes_quiet(MARGIN, false);
}

/// What is refused is recorded too, and a call in progress is listed while it lasts.
#[test]
fn a_live_call_is_listed_and_an_unknown_number_is_refused() {
    let mut exchange = Exchange::lab("live");
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut call = answered(&mut line, &exchange, "101");
    let calls = exchange.calls();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    for (field, expected) in [("dialled", "101"), ("from", "+48221230000"), ("phase", "in-flow"), ("source", "trunk provider")]
    {
        assert_eq!(calls[0][field], expected, "{calls:#?}");
    }
    let status = exchange.status();
    assert_eq!(
        (&status["calls"], &status["legs"], &status["ports_used"], &status["dialogs"]),
        (&1.into(), &1.into(), &1.into(), &1.into()),
        "{status:#}"
    );
    let mut other = Line::udp("127.0.0.2", exchange.sip);
    let mut nowhere = Call::new(&other, "48221230000", "999999", exchange.sip);
    other.send(nowhere.invite(None));
    let refused = other.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
    assert_eq!(refused.status(), 404, "{refused:?}");
    other.send(nowhere.ack(&refused));
    hang_up(&mut line, &mut call);
    let records = by_call(&exchange.records(2));
    assert_eq!(records[&nowhere.id]["outcome"], "refused", "{records:#?}");
    assert_eq!(records[&call.id]["outcome"], "completed", "{records:#?}");
    assert!(exchange.stop(), "{}", exchange.log());
}

/// SIGTERM ends the calls that are up, with BYE, and the records say so.
#[test]
fn stopping_the_exchange_says_goodbye_to_its_callers() {
    let mut exchange = Exchange::lab("stop");
    let mut line = Line::tcp("127.0.0.2", exchange.sip);
    answered(&mut line, &exchange, "101");
    let stopped = thread::scope(|scope| {
        let stopped = scope.spawn(|| exchange.stop());
        let bye = line.expect(SOON, |message| message.is_request("BYE")).expect("a BYE");
        line.send(bye.ok());
        stopped.join().expect("no panic")
    });
    assert!(stopped, "{}", exchange.log());
    exchange.crash_and_restart();
    let records = exchange.records(1);
    assert_eq!(records[0]["ended_by"], "exchange", "{records:#?}");
}

/// `cp -r data backup` right after `centrala stop` copies a whole database.
#[test]
fn who_has_told_the_exchange_to_stop_finds_it_gone_and_its_database_in_one_piece() {
    for _ in 0..3 {
        let mut exchange = Exchange::lab("gone");
        let mut line = Line::udp("127.0.0.2", exchange.sip);
        let mut call = answered(&mut line, &exchange, "101");
        hang_up(&mut line, &mut call);
        let data = exchange.folder.join("data");
        let stopped = centrala(&["stop", "--data", &data.display().to_string()]);
        let gone = exchange.is_gone();
        let left = ["centrala.db-wal", "centrala.db-shm"].map(|name| data.join(name).exists());
        assert!(stopped.status.success(), "{stopped:?}");
        assert!(gone, "the process lives on");
        assert_eq!(left, [false, false]);
    }
}

/// Calls from the trunk until it is answered and acknowledged.
pub fn answered(line: &mut Line, exchange: &Exchange, extension: &str) -> Call {
    let mut call = Call::new(line, "48221230000", extension, exchange.sip);
    line.send(call.invite(None));
    let answer =
        line.expect(SOON, |message| message.answers("INVITE")).unwrap_or_else(|| panic!("no answer\n{}", exchange.log()));
    line.send(call.ack(&answer));
    assert_eq!(answer.status(), 200, "{answer:?}");
    call
}

pub fn hang_up(line: &mut Line, call: &mut Call) {
    line.send(call.bye());
    let answer = line.expect(SOON, |message| message.answers("BYE")).expect("an answer to BYE");
    assert_eq!(answer.status(), 200, "{answer:?}");
}

/// The records by the caller's SIP Call-ID.
fn by_call(records: &[Value]) -> BTreeMap<String, Value> {
    records
        .iter()
        .map(|record| (record["legs"][0]["sip_call_id"].as_str().unwrap_or_default().to_owned(), record.clone()))
        .collect()
}
