//! Many at once: phones that all register in the same second, and peers that begin a message and never end it. Whoever calls
//! meanwhile is served as ever.

use crate::endings::{answered, hang_up};
use crate::exchange::{Exchange, Folder};
use crate::lab::copied;
use crate::line::{Call, Line};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

const S: fn(u64) -> Duration = Duration::from_secs;
const SLOW: usize = 1_000;
/// From one address: as many as may be there without having proved anything.
const FROM_ONE: usize = 50;

/// How long calls take to be answered, one after the other, the shortest first.
fn setups(exchange: &Exchange, calls: usize) -> Vec<Duration> {
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let begun = Instant::now();
            let mut call = answered(&mut line, exchange, "101");
            let took = begun.elapsed();
            hang_up(&mut line, &mut call);
            took
        })
        .collect();
    times.sort();
    times
}

/// SIG-10.
#[test]
fn a_thousand_streams_with_half_a_message_delay_no_call_and_are_closed() {
    let exchange = Exchange::lab("slow-streams");
    let before = setups(&exchange, 100)[98];
    let mut slow: Vec<Line> = (0..SLOW)
        .map(|number| {
            let mut line = Line::tcp(&format!("127.0.1.{}", 1 + number / FROM_ONE), exchange.sip);
            line.send("OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.1.1;branch=z9hG4bKsl");
            line
        })
        .collect();
    let during = setups(&exchange, 100)[98];
    println!("99 of 100 calls were answered within {before:?} before, and within {during:?} meanwhile");
    assert!(during < Duration::from_millis(100) + before, "{during:?}, before {before:?}");
    let begun = Instant::now();
    for line in &mut slow {
        assert!(line.closes(S(15)), "{}", exchange.log());
    }
    assert!(begun.elapsed() < S(15), "{:?}", begun.elapsed());
    assert_eq!(setups(&exchange, 1).len(), 1);
}

/// Fifty phones on one line: each asks, is challenged, and proves itself.
fn register_all(exchange: &Exchange, users: std::ops::Range<u32>) {
    let mut line = Line::udp("127.0.0.1", exchange.sip);
    let mut waiting = BTreeMap::new();
    for user in users {
        let mut call = Call::new(&line, &user.to_string(), &user.to_string(), exchange.sip);
        line.send(call.register(None, 600));
        waiting.insert(call.id.clone(), (user, call));
    }
    while !waiting.is_empty() {
        let answer = line.expect(S(5), |message| message.answers("REGISTER"));
        let answer = answer.unwrap_or_else(|| panic!("{} are not answered\n{}", waiting.len(), exchange.log()));
        let id = answer.header("Call-ID").unwrap_or_default().to_owned();
        match (answer.status(), waiting.get_mut(&id)) {
            (401, Some((user, call))) => {
                let credentials = call.credentials("REGISTER", &answer, &format!("pw{user}"));
                line.send(call.register(Some(&credentials), 600));
            }
            (200, Some(_)) => drop(waiting.remove(&id)),
            (status, _) => panic!("{status}: {answer:?}"),
        }
    }
}

/// SIG-28.
#[test]
fn five_hundred_phones_that_register_at_once_are_bound_within_five_seconds_and_delay_no_call() {
    let folder = Folder::new("storm");
    let lab = copied(&folder);
    let extensions: String = (2001..=2500).map(|user| format!("  {user}: {{password: pw{user}}}\n")).collect();
    lab.write("extensions.yaml", &format!("extensions:\n{extensions}"));
    lab.write("agents.yaml", "agents:\n  2001: {queues: [support]}\n");
    let exchange = Exchange::with("storm-daemon", &lab.config);
    let begun = Instant::now();
    let slowest = thread::scope(|scope| {
        let phones: Vec<_> = (0..10)
            .map(|line| {
                scope.spawn({
                    let exchange = &exchange;
                    move || register_all(exchange, 2001 + 50 * line..2051 + 50 * line)
                })
            })
            .collect();
        let slowest = setups(&exchange, 20)[18];
        phones.into_iter().for_each(|line| line.join().expect("all are bound"));
        slowest
    });
    let took = begun.elapsed();
    println!("all bound within {took:?}; 19 of 20 calls meanwhile were answered within {slowest:?}");
    assert!(took < S(5), "{took:?}");
    assert!(slowest < Duration::from_millis(200), "{slowest:?}");
    assert_eq!(exchange.registrations().len(), 500);
}
