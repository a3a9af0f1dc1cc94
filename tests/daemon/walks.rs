//! Real phones dial 100, hear the whole welcome, press 1 and 9, and hear the right prompts in order.
//!
//! The walk is a function that answers `Result`, so that a changed lab can be seen to fail it (`lab.rs`).

use crate::exchange::Exchange;
use crate::phones::{Capture, From, baresip, hears, hears_not, seconds, sent, sipp, sound};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::thread;

/// The slack after each prompt, in which the menu begins to speak.
const SLACK_S: f64 = 1.2;
/// A bound on what the wire saw: two frames. The goal (p99 of 1 ms) is the bench's to judge, on an idle machine.
const LATE_P99_MS: f64 = 40.0;

/// What a caller who presses 1 and then 9 must hear, in this order.
fn prompts() -> [PathBuf; 3] {
    [sound("pl", "welcome"), sound("pl", "announcement"), sound("en", "welcome")]
}

/// The steps of that caller; `press` is how the phone sends a digit.
fn steps(press: &str) -> String {
    let [welcome, announcement, english] = prompts().map(|prompt| seconds(&[prompt]) + SLACK_S);
    format!("wait={welcome:.2},{press}=1,wait={announcement:.2},{press}=9,wait={english:.2}")
}

fn right_prompts(heard: &Path) -> Result<(), String> {
    hears(heard, &prompts())?;
    hears_not(heard, &[sound("en", "announcement")])
}

/// baresip walks the menu; `Err` says what it did not hear.
pub fn walk(exchange: &Exchange, from: From) -> Result<Value, String> {
    let call = baresip(exchange, from, "100", &steps("dtmf"), &[]);
    if call["answered"] != true || call["ended_by"] != "caller" {
        return Err(format!("the call did not go its way: {call}"));
    }
    let recordings = call["recordings"].as_array().map(Vec::as_slice).unwrap_or_default();
    match recordings {
        [Value::String(heard)] => right_prompts(Path::new(heard))?,
        _ => return Err(format!("one recording was expected: {call}")),
    }
    Ok(call)
}

#[test]
fn baresip_walks_the_menu_from_the_trunk() {
    walked_by_baresip("walk-trunk", From::Trunk, "trunk provider");
}

#[test]
fn baresip_walks_the_menu_from_a_registered_extension() {
    walked_by_baresip("walk-extension", From::Extension("1001"), "extension 1001");
}

fn walked_by_baresip(test: &str, from: From, source: &str) {
    let exchange = Exchange::lab(test);
    let capture = Capture::of(&exchange, from);
    let call = walk(&exchange, from).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    if matches!(from, From::Extension(_)) {
        assert_eq!(call["registered"], true, "{call}");
    }
    judge_the_wire(&capture.streams(), "19");
    judge_the_record(&exchange, from, source);
    exchange.becomes_quiet(std::time::Duration::from_secs(10), false);
}

#[test]
fn sipp_walks_the_menu_with_info_digits() {
    let exchange = Exchange::lab("walk-info");
    let capture = Capture::of(&exchange, From::Trunk);
    let walked = sipp(&exchange, "call", From::Trunk, "", "100", &["--steps", &steps("info")]);
    assert_eq!(walked["status"], 0, "{walked}\n{}", exchange.log());
    let streams = capture.streams();
    judge_the_wire(&streams, "");
    judge_the_capture(&streams);
    judge_the_record(&exchange, From::Trunk, "trunk provider");
}

#[test]
fn sipp_walks_the_menu_as_an_extension_with_either_kind_of_digit() {
    let exchange = Exchange::lab("walk-sipp");
    let capture = Capture::of(&exchange, From::Extension("1002"));
    let registered = sipp(&exchange, "register", From::Extension("1002"), "pw1002", "", &[]);
    assert_eq!(registered["status"], 0, "{registered}\n{}", exchange.log());
    let walked = thread::scope(|scope| {
        let by_event = scope.spawn(|| {
            sipp(&exchange, "call", From::Extension("1002"), "pw1002", "100", &["--steps", &steps("dtmf"), "--codec", "PCMU"])
        });
        let by_info = scope.spawn(|| {
            sipp(
                &exchange,
                "call",
                From::Extension("1003"),
                "pw1003",
                "100",
                &["--steps", &steps("info"), "--transport", "tcp"],
            )
        });
        [by_event.join().expect("no panic"), by_info.join().expect("no panic")]
    });
    for call in walked {
        assert_eq!(call["status"], 0, "{call}\n{}", exchange.log());
    }
    // The capture sees SIP over UDP only, so one of the two calls.
    judge_the_capture(&capture.streams());
    for record in exchange.records(2) {
        assert_eq!(record["outcome"], "completed", "{record:#}");
    }
}

/// Not one packet lost, none late by much, and the digits were on the wire as they were pressed.
fn judge_the_wire(streams: &[Value], digits: &str) {
    let ours = sent(streams);
    assert_eq!(ours.len(), 1, "one stream from the exchange was expected: {streams:#?}");
    let stream = ours[0];
    println!("from the exchange: {} packets, lost {}, late {}", stream["packets"], stream["lost"], stream["late_ms"]);
    for fault in ["lost", "duplicated", "reordered"] {
        assert_eq!(stream[fault], 0, "{stream:#}");
    }
    assert!(stream["late_ms"]["p99"].as_f64().is_some_and(|late| late < LATE_P99_MS), "{stream:#}");
    let pressed: String =
        streams.iter().filter(|stream| stream["by"] == "phone").filter_map(|stream| stream["digits"].as_str()).collect();
    assert_eq!(pressed, digits, "{streams:#?}");
}

/// The right prompts, taken from the wire.
fn judge_the_capture(streams: &[Value]) {
    for stream in sent(streams) {
        let wav = stream["wav"].as_str().unwrap_or_else(|| panic!("no sound: {stream:#}"));
        right_prompts(Path::new(wav)).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// The record tells the truth of that walk.
fn judge_the_record(exchange: &Exchange, from: From, source: &str) {
    let records = exchange.records(1);
    let record = &records[0];
    // A provider's number in the one form that numbers have in the house.
    let caller = match from {
        From::Trunk => format!("+{}", from.user()),
        From::Extension(user) => user.to_string(),
    };
    for (field, expected) in
        [("from", caller.as_str()), ("dialled", "100"), ("source", source), ("outcome", "completed"), ("ended_by", "caller")]
    {
        assert_eq!(record[field], expected, "{field}: {record:#}");
    }
    let walked = prompts().map(|prompt| seconds(&[prompt]) + SLACK_S).iter().sum::<f64>();
    let talked = record["talk_s"].as_f64().unwrap_or_default();
    assert!(talked > walked && talked < walked + 4.0, "talked {talked} s, walked {walked} s: {record:#}");
    assert_eq!(record["legs"].as_array().map(Vec::len), Some(1), "{record:#}");
    let leg = &record["legs"][0];
    assert_eq!(leg["ending"], "bye", "{record:#}");
    assert!(leg["packets_sent"].as_u64().is_some_and(|packets| packets as f64 > walked * 25.0), "{record:#}");
    assert_eq!(leg["packets_lost"], 0, "{record:#}");
    let outcomes: Vec<&str> = path(record, "menu").iter().filter_map(|step| step["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["key 1", "key 9", "hung-up"], "{record:#}");
    assert_eq!(path(record, "language").len(), 1, "{record:#}");
}

/// The steps of a record's path with this verb.
fn path<'a>(record: &'a Value, verb: &str) -> Vec<&'a Value> {
    record["path"].as_array().into_iter().flatten().filter(|step| step["verb"] == verb).collect()
}
