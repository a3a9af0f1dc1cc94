//! Agents whose phone rings on, dies while it rings, or dies in the middle of a word: the caller is never left in silence, and
//! never loses the place.

use crate::agents::{STREAM_GAP_MS, stream, wav};
use crate::exchange::{Exchange, Folder, until};
use crate::lab::with_queue;
use crate::live::{DESK, Phone, Phrases, SOON, TRUNK, Waiting, agent, becomes, calls_support, music};
use crate::phones::{Capture, From, hears_a_part, sound};
use serde_json::Value;

const RING_3_S: &str = "ring: 3s, wrap_up: 1s, back_off: {no_answer: 5s}, max_no_answer: 0";
const FIRST_CALLER: &str = "+48221234567";
const LATER_CALLER: &str = "+48223330000";
/// From the last packet of a phone that died to the sentence that tells the caller so (RTP missed for 5 s, no answer for 4 s).
const LOST_S: f64 = 12.0;

/// While the first agent's phone rings a second caller joins, and nobody else is free; then a second agent is. The first
/// caller is the one who gets them.
#[test]
fn an_agent_who_lets_it_ring_is_followed_by_another_and_the_place_is_kept() {
    let folder = Folder::new("rings-on");
    let lab = with_queue(&folder, RING_3_S, &["1001", "1002"]);
    let (exchange, phrases) = (Exchange::with("rings-on", &lab.config), Phrases::new());
    let capture = Capture::at(&exchange, &[TRUNK]);
    let bartek = Phone::baresip(&exchange, From::Extension("1002"), &phrases.other, &[]);
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    exchange.ask(&["agent", "pause", "1001"]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    calls_support(&mut caller);
    bartek.expect("CALL_INCOMING");
    let later = Waiting::joins(&exchange, LATER_CALLER);
    bartek.expect("CALL_CLOSED");
    exchange.ask(&["agent", "resume", "1001"]);
    is_rung_by(&anna, FIRST_CALLER);
    anna.say("accept");
    anna.expect("CALL_ESTABLISHED");
    // Left alone for five seconds, Bartek is asked again: for the later caller, who is the first now.
    is_rung_by(&bartek, LATER_CALLER);
    assert_eq!(agent(&exchange, "1002")["no_answers"], 1);
    later.leaves();
    bartek.expect("CALL_CLOSED");
    caller.stays("CALL_CLOSED", 1);
    caller.say("hangup");
    anna.expect("CALL_CLOSED");
    let streams = capture.streams();
    let heard = stream(&streams, "exchange", TRUNK);
    println!("to the caller: {} packets, longest pause {} ms", heard["packets"], heard["gap_ms"]);
    assert!(heard["gap_ms"].as_f64().is_some_and(|gap| gap < STREAM_GAP_MS), "{heard:#}");
    assert_eq!(heard["lost"], 0, "{heard:#}");
    // Two phones rang for three seconds and more, and all that time there was music.
    hears_a_part(&wav(heard), 2.5, &music()).unwrap_or_else(|why| panic!("the caller: {why}"));
    hears_a_part(&wav(heard), 2.0, &phrases.agent).unwrap_or_else(|why| panic!("the caller: {why}"));
}

/// The first phone dies while it rings: the next agent has the call. That phone dies in the talk: the caller is told, returns
/// to the old place, before somebody who joined meanwhile, and gets the third agent.
#[test]
fn an_agents_phone_that_dies_leaves_nobody_in_silence() {
    let folder = Folder::new("dies");
    let lab = with_queue(&folder, &RING_3_S.replace("3s", "2s"), &["1001", "1002", "1003"]);
    let (exchange, phrases) = (Exchange::with("dies", &lab.config), Phrases::new());
    let capture = Capture::at(&exchange, &[TRUNK, DESK]);
    let bartek = Phone::baresip(&exchange, From::Extension("1002"), &phrases.other, &[]);
    becomes(&exchange, "1002", "available");
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.other, &[]);
    let mut celina = Phone::baresip(&exchange, From::Extension("1003"), &phrases.agent, &[]);
    exchange.ask(&["agent", "logout", "1003"]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    calls_support(&mut caller);
    is_rung_by(&bartek, FIRST_CALLER);
    drop(bartek);
    is_rung_by(&anna, FIRST_CALLER);
    exchange.ask(&["agent", "logout", "1002"]);
    anna.say("accept");
    anna.expect("CALL_ESTABLISHED");
    let later = Waiting::joins(&exchange, LATER_CALLER);
    caller.stays("CALL_CLOSED", 1);
    drop(anna);
    exchange.ask(&["agent", "logout", "1001"]);
    waits_again(&exchange);
    // An agent's first word would come before the end of the sentence.
    caller.stays("CALL_CLOSED", 5);
    exchange.ask(&["agent", "login", "1003"]);
    is_rung_by(&celina, FIRST_CALLER);
    celina.say("accept");
    celina.expect("CALL_ESTABLISHED");
    caller.stays("CALL_CLOSED", 4);
    caller.say("hangup");
    celina.expect("CALL_CLOSED");
    later.leaves();
    told_in_time(&capture.streams(), &phrases);
    let record = exchange.records(2).into_iter().find(|record| record["from"] == FIRST_CALLER).expect("recorded");
    let endings: Vec<_> = record["legs"].as_array().into_iter().flatten().map(|leg| (&leg["number"], &leg["ending"])).collect();
    println!("{endings:?}");
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"completed".into(), &"caller".into()), "{record:#}");
    assert!(endings.contains(&(&"1001".into(), &"lost".into())), "{record:#}");
}

/// The caller's phone dies in the talk: the agent, on TCP, is not left with a dead line, and the next caller is put through.
#[test]
fn a_callers_phone_that_dies_frees_the_agent() {
    let folder = Folder::new("caller-dies");
    let lab = with_queue(&folder, RING_3_S, &["1001"]);
    let (exchange, phrases) = (Exchange::with("caller-dies", &lab.config), Phrases::new());
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &["--transport", "tcp"]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    calls_support(&mut caller);
    is_rung_by(&anna, FIRST_CALLER);
    anna.say("accept");
    anna.expect("CALL_ESTABLISHED");
    caller.stays("CALL_CLOSED", 1);
    drop(caller);
    let later = Waiting::joins(&exchange, LATER_CALLER);
    anna.expect("CALL_CLOSED");
    let record = exchange.records(1).remove(0);
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"failed".into(), &"network".into()), "{record:#}");
    is_rung_by(&anna, LATER_CALLER);
    later.leaves();
    anna.expect("CALL_CLOSED");
}

/// The exchange has given the agent's leg up, and the caller waits.
fn waits_again(exchange: &Exchange) {
    let mut calls = Vec::new();
    let found = until(SOON, || {
        calls = exchange.calls();
        calls.iter().any(|call| call["from"] == FIRST_CALLER && call["holder"] == "queue support").then_some(())
    });
    assert!(found.is_some(), "{calls:#?}\n{}", exchange.log());
}

pub fn is_rung_by(phone: &Phone, number: &str) {
    let call = phone.expect("CALL_INCOMING");
    assert!(call["peeruri"].as_str().is_some_and(|uri| uri.contains(number)), "not {number}: {call}");
}

/// The sentence came soon enough after Anna's last packet, whole, and Celina was heard after it.
fn told_in_time(streams: &[Value], phrases: &Phrases) {
    let heard = stream(streams, "exchange", TRUNK);
    let told = hears_a_part(&wav(heard), 2.5, &sound("pl", "connection-lost"));
    let told = told.unwrap_or_else(|why| panic!("the caller was not told: {why}"));
    let desk = streams
        .iter()
        .filter(|stream| stream["by"] == "phone" && stream["source"].as_str().unwrap_or_default().starts_with(DESK));
    let moment = |stream: &Value, name: &str| stream[name].as_f64().unwrap_or_else(|| panic!("no {name}: {stream:#}"));
    let last = desk.map(|stream| moment(stream, "began") + moment(stream, "seconds")).fold(f64::INFINITY, f64::min);
    let after = moment(heard, "began") + told - last;
    println!("the caller was told {after:.1} s after the phone's last packet (bound {LOST_S})");
    // Nobody else sends while a phone is silent: the pause that the caller has is the time it takes to give the phone up.
    println!("longest pause {} ms", heard["gap_ms"]);
    assert!((0.0..LOST_S).contains(&after), "{streams:#?}");
    let again = hears_a_part(&wav(heard), 2.0, &phrases.agent).unwrap_or_else(|why| panic!("the caller: {why}"));
    assert!(told < again, "told at {told} s, spoken to at {again} s");
}
