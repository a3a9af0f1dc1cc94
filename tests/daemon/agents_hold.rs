//! In the middle of a talk: keys reach the other side, and hold lets the other one hear music until both talk again.

use crate::agents::{stream, wav};
use crate::exchange::Exchange;
use crate::live::{DESK, Phone, Phrases, TRUNK, becomes, calls_support, music};
use crate::phones::{Capture, From, hears_a_part, sipp};
use serde_json::Value;
use std::path::Path;

/// First the agent, then the caller.
#[test]
fn baresip_holds_from_either_side_and_keys_reach_the_other() {
    let (exchange, phrases) = (Exchange::lab("hold-baresip"), Phrases::new());
    let capture = Capture::at(&exchange, &[TRUNK, DESK]);
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &["--accept-after", "0"]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    calls_support(&mut caller);
    anna.expect("CALL_ESTABLISHED");
    caller.say("press 5");
    assert_eq!(anna.expect("CALL_DTMF_START")["param"], "5");
    anna.say("press 7");
    assert_eq!(caller.expect("CALL_DTMF_START")["param"], "7");
    for holder in [&mut anna, &mut caller] {
        holder.say("hold");
        holder.stays("CALL_CLOSED", 3);
        holder.say("resume");
        holder.stays("CALL_CLOSED", 4);
    }
    caller.say("hangup");
    anna.expect("CALL_CLOSED");
    let streams = capture.streams();
    music_and_then(stream(&streams, "exchange", TRUNK), &phrases.agent);
    music_and_then(stream(&streams, "exchange", DESK), &phrases.caller);
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
    // Anna held for three seconds; that the caller held as well was talk to her.
    let report = exchange.ask(&["report", "agent"]);
    let held = report["rows"][0]["hold_s"].as_f64().unwrap_or_else(|| panic!("{report:#}"));
    assert!((2.0..6.5).contains(&held), "{report:#}");
}

/// A SIPp agent holds by re-INVITE, resumes, and presses keys in both ways that there are.
#[test]
fn sipp_holds_and_its_keys_reach_the_caller() {
    let (exchange, phrases) = (Exchange::lab("hold-sipp"), Phrases::new());
    let capture = Capture::at(&exchange, &[TRUNK, DESK]);
    let steps = format!("play={},dtmf=7,info=8,hold,wait=3,resume,wait=4,bye", phrases.agent.display());
    let anna = Phone::sipp(&exchange, "1001", &["--ring", "0.1", "--steps", &steps]);
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    calls_support(&mut caller);
    becomes(&exchange, "1001", "on_call");
    for key in ["7", "8"] {
        assert_eq!(caller.expect("CALL_DTMF_START")["param"], key);
    }
    caller.expect("CALL_CLOSED");
    anna.finished();
    let streams = capture.streams();
    music_and_then(stream(&streams, "exchange", TRUNK), &phrases.agent);
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
}

/// Two SIPps: the agent holds and resumes, then the caller does, from the trunk.
#[test]
fn sipp_holds_from_either_side() {
    let (exchange, phrases) = (Exchange::lab("hold-in-turn"), Phrases::new());
    let capture = Capture::at(&exchange, &[TRUNK, DESK]);
    let agent = format!("play={},wait=1,hold,wait=3,resume,wait_bye=30", phrases.agent.display());
    let anna = Phone::sipp(&exchange, "1001", &["--ring", "0.1", "--steps", &agent]);
    let caller = format!("play={},dtmf=2,wait=5,dtmf=5,hold,wait=3,resume,wait=4,bye", phrases.caller.display());
    let called = sipp(&exchange, "call", From::Trunk, "", "100", &["--steps", &caller]);
    assert_eq!(called["status"], 0, "{called}\n{}", exchange.log());
    anna.finished();
    let streams = capture.streams();
    music_and_then(stream(&streams, "exchange", TRUNK), &phrases.agent);
    let to_agent = stream(&streams, "exchange", DESK);
    music_and_then(to_agent, &phrases.caller);
    assert_eq!(to_agent["digits"], "5", "{to_agent:#}");
    assert_eq!(exchange.records(1)[0]["ended_by"], "caller");
}

/// Music while held, and more of the other's words when the talk went on than there were before.
fn music_and_then(heard: &Value, phrase: &Path) {
    let wav = wav(heard);
    hears_a_part(&wav, 1.5, &music()).unwrap_or_else(|why| panic!("{why}"));
    hears_a_part(&wav, 2.5, phrase).unwrap_or_else(|why| panic!("{why}"));
}
