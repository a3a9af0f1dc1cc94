//! Queues over a crash, and a supervisor's orders, with the real daemon.

use crate::exchange::{Exchange, Folder, centrala, said, until};
use crate::lab::copied;
use crate::line::{Call, Line};
use serde_json::Value;
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

/// A crowded queue: five agents whose phones nobody registers, so that everybody waits.
const HOUSE: &str = "
queues:
  crowd: {redial: 5m, need: english, steps: [{after: 1h, bump: 1m}]}
  other: {}
agents:
  ann: {address: 'sip:ann@127.0.0.1:9', queues: [crowd], skills: {english: 5}}
  ben: {address: 'sip:ben@127.0.0.1:9', queues: [crowd], skills: {english: 3}}
  cat: {address: 'sip:cat@127.0.0.1:9', queues: [crowd, other], skills: {english: 3}}
  dan: {address: 'sip:dan@127.0.0.1:9', queues: [crowd], skills: {english: 3}}
  eve: {address: 'sip:eve@127.0.0.1:9', queues: [other]}
pauses:
  lunch: {quota: 30m}
  training: {approval: true}
  audit: {}
numbers:
  600: {queue: crowd}
  601: {queue: other}
";

fn crowded(test: &str) -> (Folder, Exchange) {
    let folder = Folder::new(&format!("{test}-config"));
    let copy = copied(&folder);
    fs::write(copy.config.join("crowd.yaml"), HOUSE).expect("our copy");
    let exchange = Exchange::with(test, &copy.config);
    (folder, exchange)
}

/// Somebody from the trunk who waits; the line and the call are theirs until they are dropped.
fn waits(exchange: &Exchange, number: &str, extension: &str) -> (Line, Call) {
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut call = Call::new(&line, number, extension, exchange.sip);
    line.send(call.invite(None));
    let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
    assert_eq!(answer.status(), 200, "{answer:?}");
    line.send(call.ack(&answer));
    (line, call)
}

fn rows(value: Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

fn order(exchange: &Exchange, queue: &str) -> Vec<String> {
    let rows = rows(exchange.ask(&["queue", "show", queue]));
    rows.iter().map(|row| row["from"].as_str().expect("a number").to_owned()).collect()
}

/// As `centrala agents` says it.
pub fn state(exchange: &Exchange, agent: &str) -> String {
    let agents = rows(exchange.ask(&["agents"]));
    let row = agents.iter().find(|row| row["name"] == agent).expect("the agent is there");
    row["state"].as_str().expect("a state").to_owned()
}

fn everything_is_on_the_disk(exchange: &Exchange) {
    until(SOON, || (exchange.status()["writes_open"] == 0).then_some(())).expect("everything on the disk");
}

#[test]
fn after_kill_9_agents_are_as_they_were_and_who_calls_again_has_the_old_place() {
    let (_folder, mut exchange) = crowded("crowd");
    exchange.ask(&["agent", "pause", "ann", "--reason", "lunch"]);
    exchange.ask(&["agent", "force", "ben", "--reason", "audit"]);
    exchange.ask(&["agent", "pause", "cat", "--reason", "training"]);
    exchange.ask(&["agent", "approve", "cat"]);
    exchange.ask(&["agent", "logout", "dan"]);
    let before = ["ann", "ben", "cat", "dan", "eve"].map(|agent| state(&exchange, agent));
    assert_eq!(before, ["paused (lunch)", "paused (audit)", "paused (training)", "offline", "available"]);
    let callers: Vec<String> = (1..=20).map(|number| format!("+4822000{number:04}")).collect();
    let lines: Vec<_> = callers.iter().map(|number| waits(&exchange, number, "600")).collect();
    until(SOON, || (order(&exchange, "crowd") == callers).then_some(())).expect("twenty wait in their order");
    everything_is_on_the_disk(&exchange);

    exchange.crash_and_restart();
    drop(lines);

    let after = ["ann", "ben", "cat", "dan", "eve"].map(|agent| state(&exchange, agent));
    assert_eq!(after, before);
    // A stranger is first, five of the twenty come back in another order, and one of them twice.
    let mut lines = vec![waits(&exchange, "+48229999999", "600")];
    for number in [17, 3, 11, 3, 20, 5] {
        lines.push(waits(&exchange, &format!("+4822000{number:04}"), "600"));
    }
    let expected =
        ["+48220000003", "+48220000005", "+48220000011", "+48220000017", "+48220000020", "+48229999999", "+48220000003"];
    let last = until(SOON, || Some(order(&exchange, "crowd")).filter(|order| order.len() == 7)).expect("seven wait");
    assert_eq!(last, expected, "{}", exchange.log());
}

#[test]
fn a_supervisor_explains_moves_picks_and_judges() {
    let (_folder, exchange) = crowded("orders");
    for agent in ["ann", "ben", "cat", "dan", "eve"] {
        exchange.ask(&["agent", "force", agent, "--reason", "audit"]);
    }
    let _first = waits(&exchange, "+48221110001", "600");
    let _second = waits(&exchange, "+48221110002", "600");
    until(SOON, || (order(&exchange, "crowd").len() == 2).then_some(())).expect("two wait");
    let rows = rows(exchange.ask(&["queue", "show", "crowd"]));
    let reference = rows[1]["call"].as_str().expect("a reference");
    let explained = exchange.ask(&["explain", "call", reference]);
    assert_eq!((&explained["position"], &explained["need"]), (&2.into(), &"english >= 1".into()), "{explained:#}");
    let agents = explained["agents"].as_array().expect("agents");
    assert_eq!(agents.len(), 4, "{explained:#}");
    let explained = exchange.ask(&["explain", "agent", "ann"]);
    assert_eq!(explained["would_get"], 1, "{explained:#}");
    exchange.ask(&["queue", "move", "crowd", reference, "other"]);
    assert_eq!((order(&exchange, "crowd").len(), order(&exchange, "other")), (1, vec!["+48221110002".to_string()]));
    // Nobody is at that phone: it is enough that it was rung.
    exchange.ask(&["agent", "release", "ann"]);
    let data = exchange.folder.join("data");
    let refused = centrala(&["agent", "resume", "eve", "--data", data.to_str().expect("a path")]);
    assert!(!refused.status.success() && said(&refused).contains("a supervisor"), "{}", said(&refused));
    assert_eq!(state(&exchange, "eve"), "paused (audit)", "only a supervisor calls her back");
}

#[test]
fn who_waits_as_an_operator_closes_is_sent_away_and_the_queue_stays_closed_over_kill_9() {
    let folder = Folder::new("closing-config");
    let copy = copied(&folder);
    let house = "
calendars: {office: {zone: Europe/Warsaw, hours: {daily: 00:00-24:00}}}
queues: {desk: {hours: office, overflow: [{when: closed, hang_up: normal}]}}
agents: {ann: {address: 'sip:ann@127.0.0.1:9', queues: [desk]}}
numbers: {600: {queue: desk}}
";
    fs::write(copy.config.join("desk.yaml"), house).expect("our copy");
    let mut exchange = Exchange::with("closing", &copy.config);
    exchange.ask(&["agent", "pause", "ann"]);
    let is_closed = |exchange: &Exchange| rows(exchange.ask(&["queues"])).iter().any(|row| row["closed"] == true);
    let (mut line, _call) = waits(&exchange, "+48221110001", "600");
    until(SOON, || (order(&exchange, "desk").len() == 1).then_some(())).expect("somebody waits");
    assert!(!is_closed(&exchange));
    exchange.ask(&["calendar", "close", "office", "for", "2h"]);
    line.expect(SOON, |message| message.is_request("BYE")).unwrap_or_else(|| panic!("{}", exchange.log()));
    exchange.crash_and_restart();
    assert!(is_closed(&exchange), "{}", exchange.log());
    let (mut line, _call) = waits(&exchange, "+48221110002", "600");
    line.expect(SOON, |message| message.is_request("BYE")).expect("who comes now is sent away as well");
    exchange.ask(&["calendar", "clear", "office"]);
    let _waits = waits(&exchange, "+48221110003", "600");
    until(SOON, || (order(&exchange, "desk") == ["+48221110003"]).then_some(())).expect("open again");
}
