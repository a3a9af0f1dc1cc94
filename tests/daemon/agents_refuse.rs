//! Agents' phones that refuse, answer with nothing that could be heard, or are not there; and two who answer at once. Each
//! offer has one outcome, and nobody is stuck.

use crate::agents::leg_of;
use crate::agents_lost::is_rung_by;
use crate::exchange::{Exchange, Folder};
use crate::lab::{Copy, with_queue};
use crate::line::{Call, Line};
use crate::live::{Phone, Phrases, SOON, agent, becomes, calls_support};
use crate::phones::From;
use serde_json::Value;
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

/// How each bad phone answers, and what the record must say of its leg. The good one is asked last.
const BAD: &[(&str, &str, &str)] = &[
    ("1001", "486", "refused 486"),
    ("1002", "603", "refused 603"),
    ("1003", "302", "refused 302"),
    ("1004", "488", "refused 488"),
    ("1005", "no-audio", "hung up"),
    ("1006", "unknown", "hung up"),
    ("1007", "silent", "cancelled"),
];
/// Its phone registered and went away without a word.
const NOBODY: &str = "1008";
const GOOD: &str = "1009";

/// One caller meets them all, one after the other, and ends up with the one good phone, in one call without a pause.
#[test]
fn whatever_an_agents_phone_does_the_next_agent_is_asked() {
    let folder = Folder::new("bad-phones");
    let lab = shop(&folder);
    let (exchange, phrases) = (Exchange::with("bad-phones", &lab.config), Phrases::new());
    let phones: Vec<Phone> = thread::scope(|scope| {
        let bad = |user, answer| Phone::sipp(&exchange, user, &["--ring", "0.2", "--answer", answer]);
        let phones: Vec<_> = BAD.iter().map(|(user, answer, _)| scope.spawn(move || bad(user, answer))).collect();
        phones.into_iter().map(|phone| phone.join().expect("no panic")).collect()
    });
    registers_and_vanishes(&exchange, NOBODY);
    let mut good = Phone::baresip(&exchange, From::Extension(GOOD), &phrases.agent, &[]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    calls_support(&mut caller);
    is_rung_by(&good, From::Trunk.user());
    good.say("accept");
    good.expect("CALL_ESTABLISHED");
    becomes(&exchange, GOOD, "on_call");
    for (user, ..) in BAD {
        assert_eq!(agent(&exchange, user)["state"], "available", "{user}");
    }
    good.say("hangup");
    caller.expect("CALL_CLOSED");
    let record = exchange.records(1).remove(0);
    let legs = record["legs"].as_array().into_iter().flatten().map(|leg| (leg["number"].as_str().unwrap_or_default(), leg));
    let legs: BTreeMap<&str, &Value> = legs.filter(|(_, leg)| leg["role"] == "agent").collect();
    for (user, answer, ending) in BAD {
        println!("{answer:8} -> {}", legs[user]["ending"]);
        assert_eq!(legs[user]["ending"], *ending, "{answer}: {record:#}");
    }
    assert_eq!(legs.len(), BAD.len() + 2, "{record:#}");
    assert_eq!(leg_of(&record, "caller")["packets_lost"], 0, "{record:#}");
    drop(phones);
}

/// Five extensions are in the lab; here there are nine, agents in this order.
fn shop(folder: &Folder) -> Copy {
    let users: Vec<&str> = BAD.iter().map(|(user, ..)| *user).chain([NOBODY, GOOD]).collect();
    let queue = "strategy: linear, ring: 2s, wrap_up: 0s, max_no_answer: 0, \
                 back_off: {no_answer: 30s, busy: 30s, rejected: 30s, unreachable: 30s}";
    let lab = with_queue(folder, queue, &users);
    let extensions: String = users.iter().map(|user| format!("  {user}: {{password: pw{user}}}\n")).collect();
    lab.write("extensions.yaml", &format!("extensions:\n{extensions}"));
    lab
}

/// A phone whose address nobody has any more, and whose registration has long to live.
fn registers_and_vanishes(exchange: &Exchange, user: &str) {
    let mut line = Line::udp("127.0.0.5", exchange.sip);
    let mut phone = Call::new(&line, user, "100", exchange.sip);
    assert_eq!(phone.registers(&mut line, &format!("pw{user}")), 200, "{user}");
}

/// Both phones ring for one caller, and both are picked up in the same moment, ten times.
#[test]
fn of_two_agents_who_answer_at_once_one_has_the_call_and_the_other_is_free() {
    let folder = Folder::new("at-once");
    let queue = "strategy: ring_all, ring: 5s, wrap_up: 0s, max_no_answer: 0";
    let lab = with_queue(&folder, queue, &["1001", "1002"]);
    let (exchange, phrases) = (Exchange::with("at-once", &lab.config), Phrases::new());
    let accept = ["--accept-after", "0.1"];
    let phones = ["1001", "1002"].map(|user| Phone::baresip(&exchange, From::Extension(user), &phrases.agent, &accept));
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    const CALLS: usize = 10;
    for number in 1..=CALLS {
        caller.say("dial 200");
        caller.expect("CALL_ESTABLISHED");
        let states = settled(&exchange);
        assert_eq!(states, ["available", "on_call"], "call {number}");
        caller.stays("CALL_CLOSED", 0);
        caller.say("hangup");
        caller.expect("CALL_CLOSED");
        for user in ["1001", "1002"] {
            becomes(&exchange, user, "available");
        }
    }
    let taken = ["1001", "1002"].map(|user| agent(&exchange, user)["calls"].as_u64().unwrap_or_default());
    let rang = phones.each_ref().map(|phone| (phone.count("CALL_INCOMING"), phone.count("CALL_CLOSED")));
    println!("taken {taken:?}; each phone rang and stopped {rang:?}");
    assert_eq!(taken[0] + taken[1], CALLS as u64);
    assert_eq!(rang, [(CALLS, CALLS); 2]);
    exchange.records(CALLS);
    exchange.becomes_quiet(Duration::from_secs(10), false);
}

/// The two agents' states once one of them talks, in alphabetical order.
fn settled(exchange: &Exchange) -> [String; 2] {
    let state = |user: &str| agent(exchange, user)["state"].as_str().unwrap_or_default().to_owned();
    let mut states = Default::default();
    crate::exchange::until(SOON, || {
        states = ["1001", "1002"].map(state);
        states.sort();
        (states == ["available", "on_call"]).then_some(())
    });
    states
}
