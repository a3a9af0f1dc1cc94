//! Scenarios with a name, of endings: what the phones that lost are told, and what Asterisk's `queue_log` tells of each end.

use super::queues::with_rules;
use super::scenarios::{S, calm, lived};
use centrala::acd::Strategy;
use centrala::id::WriteId;
use centrala::shell::store::{Book, facts};
use centrala::sim::{Circumstances, Leaves, Life, Manner, Plan, Quirk, World};
use centrala::store::{What, Write};
use centrala::time::{Duration, Wall};

const CALLER: &str = "+48221234567";
/// RFC 3326: a phone that is told so notes no missed call.
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

fn answers(after: Duration, talks: Option<Duration>) -> Manner {
    Manner::Answers { after, talks }
}

/// A stranger calls this number a second after the beginning.
fn calls(number: &str, leaves: Leaves) -> Life {
    Life::stranger(CALLER, vec![Plan { at: S(1), leaves, ..Plan::to(number) }])
}

fn lets_ring(user: &str) -> Life {
    Life::agent(user, vec![Manner::LetsRing])
}

#[test]
fn a_phone_is_told_that_its_call_was_taken_elsewhere_only_when_it_was() {
    // The first phone only rings. What its CANCEL says.
    let check = |what: &str, number: &str, others: Vec<Life>, leaves, circumstances: Circumstances, reason: &str| {
        let lives = [lets_ring("1001")].into_iter().chain(others).chain([calls(number, leaves)]).collect();
        let world = lived(what, lives, circumstances);
        let told: Vec<Option<&str>> = world.people()[0].received.iter().map(|call| call.cancelled.as_deref()).collect();
        assert_eq!(told.first(), Some(&Some(reason)), "{what}: {told:?}");
    };
    let takes = |user: &str| Life::agent(user, vec![answers(S(2), Some(S(3)))]);
    let picks =
        |code: &str| Life::extension("1005", vec![Plan { at: S(3), leaves: Leaves::AfterAnswer(S(2)), ..Plan::to(code) }]);
    let at_once = || with_rules(|rules| rules.queues.get_mut("support").expect("there").order = Strategy::RingAll.into());
    let gives_up = Leaves::AfterDialling(S(3));
    check("a ring group", "310", vec![takes("1002")], Leaves::Never, calm(), ELSEWHERE);
    check("a queue that rings all", "600", vec![takes("1002")], Leaves::Never, at_once(), ELSEWHERE);
    check("a pickup", "1001", vec![picks("*81001")], Leaves::Never, calm(), ELSEWHERE);
    check("the caller of a ring group gives up", "310", vec![lets_ring("1002")], gives_up, calm(), "");
    check("the caller of a queue gives up", "600", vec![], gives_up, calm(), "");
    check("nobody answers, and the next is rung", "311", vec![takes("1002")], Leaves::Never, calm(), "");
}

/// The lines of a world's queues, without the time and with `call` for its reference.
fn queue_log(name: &str, world: &World) -> Vec<String> {
    let path = std::env::temp_dir().join(format!("centrala-log-{}-{}.db", std::process::id(), name.replace(' ', "-")));
    let remove = || ["", "-wal", "-shm"].map(|end| std::fs::remove_file(format!("{}{end}", path.display())));
    let _ = remove();
    let mut book = Book::open(&path, 1).expect("a new book");
    let facts = world.ledger().queueing().iter().map(|(at, fact)| (*at, What::Queue(fact.clone())));
    let records = world.ledger().records().values().map(|record| (record.ended, What::CallEnded(record.clone())));
    let writes = facts.chain(records).zip(1..).map(|((at, what), id)| Write { id: WriteId(id), at, what });
    book.commit(&writes.collect::<Vec<_>>()).expect("kept");
    book.close().expect("closed");
    let lines = facts::queue_log(&path, Wall::from_unix_nanos(0), Wall::from_unix_nanos(i64::MAX)).expect("lines");
    let _ = remove();
    let references: Vec<&String> = world.ledger().records().keys().collect();
    let timeless = |line: &String| {
        let line = line.split_once('|').expect("a time").1.to_string();
        references.iter().fold(line, |line, reference| line.replace(reference.as_str(), "call"))
    };
    lines.iter().map(timeless).collect()
}

#[test]
fn the_queue_log_tells_each_end_of_a_stay_and_of_an_offer_by_its_own_event() {
    const ENTERS: &str = "NONE|ENTERQUEUE||+48221234567|1";
    const CONNECT: &str = "1001|CONNECT|2|call|2";
    let check = |name: &str, lives: Vec<Life>, expected: &[&str]| {
        let world = lived(name, lives, calm());
        let expected: Vec<String> = expected.iter().map(|line| format!("call|support|{line}")).collect();
        assert_eq!(queue_log(name, &world), expected, "{name}");
    };
    let talks = |user: &str| Life::agent(user, vec![answers(S(2), Some(S(10)))]);
    let later = |user: &str, at| Life { registers: Some(at), ..talks(user) };
    let waits = || calls("600", Leaves::Never);
    let gives_up = |after| calls("600", Leaves::AfterDialling(after));
    check("caller", vec![talks("1001"), gives_up(S(7))], &[ENTERS, CONNECT, "1001|COMPLETECALLER|2|4|1"]);
    check("agent", vec![talks("1001"), waits()], &[ENTERS, CONNECT, "1001|COMPLETEAGENT|2|10|1"]);
    let in_vain = [ENTERS, "1001|RINGCANCELED|3998", "NONE|ABANDON|1|1|3"];
    check("in vain", vec![lets_ring("1001"), gives_up(S(4))], &in_vain);
    let sends = |to| Life::agent("1001", vec![Manner::Transfers { after: S(2), talks: S(3), to }]);
    let sent_on = [ENTERS, CONNECT, "1001|BLINDTRANSFER|||2|5|1"];
    check("sent on", vec![sends("1004"), talks("1004"), waits()], &sent_on);
    let back_together = [ENTERS, CONNECT, "1001|COMPLETEAGENT|2|23|1"];
    check("sent to nobody", vec![sends("1005"), waits()], &back_together);
    let sent_back =
        [ENTERS, CONNECT, "1001|BLINDTRANSFER|||2|3|1", ENTERS, "1002|CONNECT|4|call|2", "1002|COMPLETEAGENT|4|10|1"];
    check("sent back", vec![sends("600"), later("1002", S(8)), waits()], &sent_back);
    let second = Plan { at: S(5), quirk: Quirk::Joins(S(2)), ..Plan::to("1004") };
    let consults = Life { manners: vec![answers(S(1), None)], ..Life::extension("1001", vec![second]) };
    let joined = [ENTERS, "1001|CONNECT|1|call|1", "1001|ATTENDEDTRANSFER|||1|7|1"];
    check("joined", vec![consults, talks("1004"), waits()], &joined);
    // The first talk ended without a line: its caller waited on, and talked on with another agent.
    let dies = Life::agent("1001", vec![Manner::DiesTalking { after: S(2), talks: S(3) }]);
    let lost = [ENTERS, CONNECT, "1002|CONNECT|4|call|2", "1002|COMPLETEAGENT|2|21|1"];
    check("phone lost", vec![dies, later("1002", S(10)), waits()], &lost);
}
