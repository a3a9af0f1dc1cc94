//! Extensions call each other: every phone of one rings, the first to answer has the call, and who is not reached is said so.

use crate::agents::{stream, wav};
use crate::exchange::{Exchange, Folder, house};
use crate::lab::copied;
use crate::live::{DESK, Phone, Phrases, TRUNK};
use crate::phones::{Capture, From, hears_a_part, sound};
use std::path::PathBuf;
use std::time::Duration;

/// Celina has two baresips and a SIPp; all ring, she answers one, the others stop.
#[test]
fn all_phones_of_an_extension_ring_and_the_first_to_answer_has_the_call() {
    let (exchange, phrases) = (Exchange::lab("several"), Phrases::new());
    let capture = Capture::at(&exchange, &[DESK]);
    let desk = Phone::baresip(&exchange, From::Extension("1003"), &phrases.other, &[]);
    let mut pocket = Phone::baresip(&exchange, From::Extension("1003"), &phrases.agent, &[]);
    let wall = Phone::sipp(&exchange, "1003", &["--ring", "30", "--seconds", "30"]);
    let mut darek = Phone::baresip(&exchange, From::Extension("1004"), &phrases.caller, &[]);
    darek.say("dial 1003");
    darek.expect("CALL_RINGING");
    desk.expect("CALL_INCOMING");
    pocket.expect("CALL_INCOMING");
    pocket.say("accept");
    darek.expect("CALL_ESTABLISHED");
    desk.expect("CALL_CLOSED");
    wall.finished();
    darek.stays("CALL_CLOSED", 6);
    pocket.say("hangup");
    darek.expect("CALL_CLOSED");
    let streams = capture.streams();
    for (who, phrase) in [("Darek", &phrases.agent), ("Celina", &phrases.caller)] {
        let heard = streams.iter().filter(|stream| stream["by"] == "exchange").map(wav);
        let heard: Vec<PathBuf> = heard.filter(|heard| hears_a_part(heard, 2.0, phrase).is_ok()).collect();
        assert_eq!(heard.len(), 1, "{who} hears the other, and nobody else does: {streams:#?}");
    }
    let record = exchange.records(1).remove(0);
    let legs: Vec<_> = record["legs"].as_array().into_iter().flatten().collect();
    let ended = |ending: &str| legs.iter().filter(|leg| leg["number"] == "1003" && leg["ending"] == ending).count();
    assert_eq!((legs.len(), ended("bye"), ended("cancelled")), (4, 1, 2), "{record:#}");
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"completed".into(), &"callee".into()), "{record:#}");
    assert_eq!(record["source"], "extension 1004", "{record:#}");
    exchange.becomes_quiet(Duration::from_secs(10), false);
}

#[test]
fn an_extension_that_cannot_be_reached_says_why() {
    let (exchange, phrases) = (Exchange::lab("unreached"), Phrases::new());
    let busy = Phone::sipp(&exchange, "1003", &["--ring", "0.2", "--answer", "486"]);
    let declines = Phone::sipp(&exchange, "1005", &["--ring", "0.2", "--answer", "603"]);
    let mut darek = Phone::baresip(&exchange, From::Extension("1004"), &phrases.caller, &[]);
    for (number, reason) in [("1003", "486"), ("1005", "603"), ("1002", "480"), ("1999", "404")] {
        darek.say(&format!("dial {number}"));
        let closed = darek.expect("CALL_CLOSED");
        assert!(closed["param"].as_str().is_some_and(|why| why.starts_with(reason)), "{number}: {closed}");
    }
    busy.finished();
    declines.finished();
    let records = exchange.records(4);
    assert!(records.iter().all(|record| record["outcome"] == "refused"), "{records:#?}");
    exchange.becomes_quiet(Duration::from_secs(10), false);
}

const REACH: &str = "\
description: Rings Celina for two seconds, and says so when she does not answer
language: en
start: reach

nodes:
  reach:
    dial: {to: \"1003\", ring: 2s, no_answer: nobody, failed: end}

  nobody:
    play: {prompts: [all-agents-busy], next: end}

  end:
    hangup: {cause: normal}
";

/// A flow rings an extension that does not answer: the caller hears ringing and then what the flow has to say.
#[test]
fn a_flow_goes_on_when_an_extension_does_not_answer() {
    let folder = Folder::new("no-answer");
    let lab = copied(&folder);
    lab.write("flows/reach.yaml", REACH);
    lab.write("numbers.yaml", "numbers:\n  300: {flow: reach}\n");
    let (exchange, phrases) = (Exchange::with("no-answer", &lab.config), Phrases::new());
    let capture = Capture::at(&exchange, &[TRUNK]);
    let celina = Phone::sipp(&exchange, "1003", &["--ring", "30", "--seconds", "30"]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    caller.say("dial 300");
    caller.expect("CALL_ESTABLISHED");
    caller.expect("CALL_CLOSED");
    celina.finished();
    let streams = capture.streams();
    let heard = wav(stream(&streams, "exchange", TRUNK));
    hears_a_part(&heard, 2.0, &sound("en", "all-agents-busy")).unwrap_or_else(|why| panic!("{why}"));
    hears_a_part(&heard, 0.5, &house().join("sounds/any/ringback.wav")).unwrap_or_else(|why| panic!("{why}"));
    let record = exchange.records(1).remove(0);
    let outcomes: Vec<_> = record["path"].as_array().into_iter().flatten().map(|step| &step["outcome"]).collect();
    assert_eq!(outcomes.first(), Some(&&"no_answer".into()), "{record:#}");
}
