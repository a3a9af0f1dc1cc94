//! A caller who gives up at any instant of the ringing and of the answer: the phone stops, nothing is left, the next call comes
//! through.

use crate::endings::{cancelled, lasts};
use crate::exchange::{Exchange, Folder, until};
use crate::lab::with_queue;
use crate::live::{Phone, Phrases, SOON, Waiting, becomes};
use crate::phones::From;
use std::time::Duration;

const INSTANTS: usize = 30;
/// The phones here are picked up after this; the callers give up before, at, and after that.
const ANSWER_AFTER: &str = "0.15";
const STEP: Duration = Duration::from_millis(10);
/// 64*T1 and a margin: then a transaction that was answered late is forgotten too.
const QUIET: Duration = Duration::from_secs(10);

/// Thirty callers leave the queue, each at another instant after they joined.
#[test]
fn an_agents_phone_stops_whenever_the_caller_leaves() {
    let folder = Folder::new("leaves");
    let lab = with_queue(&folder, "ring: 5s, wrap_up: 0s, max_no_answer: 0", &["1001"]);
    let (exchange, phrases) = (Exchange::with("leaves", &lab.config), Phrases::new());
    let anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &["--accept-after", ANSWER_AFTER]);
    for number in 0..INSTANTS {
        let caller = Waiting::joins(&exchange, "48221230000");
        lasts(STEP * number as u32);
        caller.leaves();
        becomes(&exchange, "1001", "available");
    }
    let caller = Waiting::joins(&exchange, "48221230001");
    becomes(&exchange, "1001", "on_call");
    caller.leaves();
    becomes(&exchange, "1001", "available");
    rang_and_stopped(&anna);
    exchange.records(INSTANTS + 1);
    exchange.becomes_quiet(QUIET, false);
}

/// Thirty callers of an extension cancel; its phone is picked up in the midst of it.
#[test]
fn an_extensions_phone_stops_whenever_the_caller_cancels() {
    let (exchange, phrases) = (Exchange::lab("cancels"), Phrases::new());
    let celina = Phone::baresip(&exchange, From::Extension("1003"), &phrases.agent, &["--accept-after", ANSWER_AFTER]);
    let ends: Vec<_> = (0..INSTANTS).map(|number| cancelled(&exchange, "1003", STEP * number as u32).1).collect();
    let in_time = ends.iter().filter(|end| **end == "cancelled").count();
    println!("{in_time} cancelled in time, {} too late", INSTANTS - in_time);
    assert!((5..INSTANTS).contains(&in_time), "{ends:?}");
    // And one who does not.
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    caller.say("dial 1003");
    caller.expect("CALL_ESTABLISHED");
    caller.say("hangup");
    caller.expect("CALL_CLOSED");
    rang_and_stopped(&celina);
    exchange.records(INSTANTS + 1);
    exchange.becomes_quiet(QUIET, false);
}

/// SIPp counts more strictly than a person would: each INVITE was followed by its CANCEL, and each 487 by its ACK.
#[test]
fn a_phone_that_only_rings_is_cancelled_by_the_book() {
    let exchange = Exchange::lab("by-the-book");
    let calls = INSTANTS.to_string();
    let celina = Phone::sipp(&exchange, "1003", &["--ring", "30", "--calls", &calls, "--seconds", "30"]);
    for number in 0..INSTANTS {
        // Not before it rings: a CANCEL that overtakes the INVITE leaves SIPp without a call to count.
        let (_, end) = cancelled(&exchange, "1003", STEP * (5 + number as u32));
        assert_eq!(end, "cancelled", "{number}\n{}", exchange.log());
    }
    celina.finished();
    exchange.becomes_quiet(QUIET, false);
}

/// It stopped as often as it rang, which was for nearly every caller: who gives up before it was called never made it ring.
fn rang_and_stopped(phone: &Phone) {
    let mut counted = (0, 0);
    let stopped = until(SOON, || {
        counted = (phone.count("CALL_INCOMING"), phone.count("CALL_CLOSED"));
        (counted.0 == counted.1).then_some(())
    });
    println!("it rang and stopped {counted:?} times");
    assert!(stopped.is_some() && (INSTANTS - 5..=INSTANTS + 1).contains(&counted.0), "{counted:?}");
}
