//! Two phones that nobody here wrote talk, and one of them holds, or sends the other one on:
//!
//! | who | holds | refers |
//! |---|---|---|
//! | SIPp that called | `sipp_that_called_holds` | `sipp_that_called_refers` |
//! | SIPp that was called | `sipp_that_was_called_holds` | `sipp_that_was_called_refers` |
//! | baresip that called | `baresip_that_called_holds` | `baresip_that_called_refers` |
//! | baresip that was called | `baresip_that_was_called_holds` | `baresip_that_was_called_refers` |
//!
//! The other one is a baresip, and whom it is sent to is a SIPp. What is heard is judged from the wire.

use crate::agents::{stream, wav};
use crate::exchange::Exchange;
use crate::live::{Phone, Phrases, music};
use crate::phones::{Capture, From, hears_a_part};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Desks of their own, so that a capture tells them apart.
const CALLER: &str = "127.0.0.8";
const CALLED: &str = "127.0.0.9";
const THIRD: &str = "127.0.0.10";
/// Seconds of talk at the end of a stream that are judged, and how much of them must be the other's voice.
const LAST: f64 = 3.0;
const VOICE: f64 = 2.0;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sipp,
    Baresip,
}

/// The one who holds or refers, and the baresip that it talks with.
struct Talk {
    exchange: Exchange,
    phrases: Phrases,
    capture: Capture,
    /// Called, or was called.
    calls: bool,
    acts: Phone,
    other: Phone,
}

impl Talk {
    /// 1001 calls 1002, and one of the two is of this kind and does as the steps say.
    fn begin(test: &str, kind: Kind, calls: bool, steps: &str) -> Talk {
        let (exchange, phrases) = (Exchange::lab(test), Phrases::new());
        let capture = Capture::at(&exchange, &[CALLER, CALLED, THIRD]);
        let steps = format!("play={},{steps}", phrases.caller.display());
        let baresip = |calls: bool, phrase: &Path| {
            let (local, user, options): (_, _, &[&str]) =
                if calls { (CALLER, "1001", &[]) } else { (CALLED, "1002", &["--accept-after", "0.3"]) };
            Phone::baresip_at(&exchange, local, From::Extension(user), phrase, options)
        };
        let (acts, other) = match (kind, calls) {
            (Kind::Sipp, true) => {
                let other = baresip(false, &phrases.agent);
                (Phone::sipp_calls(&exchange, CALLER, "1001", "1002", &["--steps", &steps]), other)
            }
            (Kind::Sipp, false) => {
                let acts = Phone::sipp_at(&exchange, CALLED, "1002", &["--ring", "0.3", "--steps", &steps]);
                (acts, baresip(true, &phrases.agent))
            }
            (Kind::Baresip, _) => (baresip(calls, &phrases.caller), baresip(!calls, &phrases.agent)),
        };
        let mut talk = Talk { exchange, phrases, capture, calls, acts, other };
        match (kind, calls) {
            (Kind::Sipp, true) => {}
            (Kind::Baresip, true) => talk.acts.say("dial 1002"),
            (_, false) => talk.other.say("dial 1002"),
        }
        talk.other.expect("CALL_ESTABLISHED");
        talk
    }

    /// Where the one who acts stands, and the other.
    fn places(&self) -> [&'static str; 2] {
        if self.calls { [CALLER, CALLED] } else { [CALLED, CALLER] }
    }
}

fn holds(test: &str, kind: Kind, calls: bool) {
    // Talk, music, and talk again.
    let mut talk = Talk::begin(test, kind, calls, "wait=2,hold,wait=2.5,resume,wait=3.5,bye");
    if kind == Kind::Baresip {
        for (then, seconds) in [("hold", 2), ("resume", 3), ("hangup", 3)] {
            talk.other.stays("CALL_CLOSED", seconds);
            talk.acts.say(then);
        }
    }
    talk.other.expect("CALL_CLOSED");
    let [place, other] = talk.places();
    let Talk { exchange, phrases, capture, acts, .. } = talk;
    if kind == Kind::Sipp {
        acts.finished();
    }
    let streams = capture.streams();
    let heard = wav(stream(&streams, "exchange", other));
    let held = hears_a_part(&heard, 1.5, &music()).unwrap_or_else(|why| panic!("who is held hears no music: {why}"));
    voice(&part(&heard, Some(held), "before"), 1.0, &phrases.caller, "who is held, before it");
    voice(&part(&heard, None, "after"), VOICE, &phrases.caller, "who is held, after it");
    let back = wav(stream(&streams, "exchange", place));
    voice(&part(&back, None, "after"), VOICE, &phrases.agent, "who held, after it");
    let record = &exchange.records(1)[0];
    let by = if calls { "caller" } else { "callee" };
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"completed".into(), &by.into()), "{record:#}");
    exchange.becomes_quiet(Duration::from_secs(10), false);
}

fn refers(test: &str, kind: Kind, calls: bool) {
    let mut talk = Talk::begin(test, kind, calls, "wait=2,refer=1003,wait_bye=5");
    let steps = format!("play={},wait=4,bye", talk.phrases.other.display());
    let third = Phone::sipp_at(&talk.exchange, THIRD, "1003", &["--ring", "0.5", "--steps", &steps]);
    if kind == Kind::Baresip {
        talk.other.stays("CALL_CLOSED", 1);
        talk.acts.say(&format!("transfer sip:1003@{}", talk.exchange.sip));
        // What baresip says when a NOTIFY has told it of the 200.
        let closed = talk.acts.expect("CALL_CLOSED");
        assert_eq!(closed["param"], "Call transfered", "{closed}\n{}", talk.exchange.log());
    }
    third.finished();
    talk.other.expect("CALL_CLOSED");
    let [place, other] = talk.places();
    let Talk { exchange, phrases, capture, acts, .. } = talk;
    if kind == Kind::Sipp {
        let end = acts.finished();
        let told = end["told"].as_array().cloned().unwrap_or_default();
        assert_eq!((told.first(), told.last()), (Some(&"100 Trying".into()), Some(&"200 OK".into())), "{end:#}");
    }
    let streams = capture.streams();
    let heard = wav(stream(&streams, "exchange", other));
    voice(&heard, 1.0, &phrases.caller, "who is sent on, of whoever sends");
    voice(&part(&heard, None, "after"), VOICE, &phrases.other, "who is sent on");
    let heard = wav(stream(&streams, "exchange", THIRD));
    voice(&part(&heard, None, "after"), VOICE, &phrases.agent, "whom they are sent to");
    voice(&wav(stream(&streams, "exchange", place)), 1.0, &phrases.agent, "who sends, before");
    let record = &exchange.records(1)[0];
    assert_eq!(record["legs"].as_array().map(Vec::len), Some(3), "{record:#}");
    let steps = record["path"].as_array().cloned().unwrap_or_default();
    assert!(record["outcome"] == "completed" && steps.iter().any(|step| step["verb"] == "transfer"), "{record:#}");
    exchange.becomes_quiet(Duration::from_secs(10), false);
}

fn voice(heard: &Path, seconds: f64, phrase: &Path, who: &str) {
    hears_a_part(heard, seconds, phrase).unwrap_or_else(|why| panic!("{who}: {why}"));
}

/// The beginning of a recording, as many seconds of it, or the last of it.
fn part(heard: &Path, beginning: Option<f64>, name: &str) -> PathBuf {
    let mut reader = hound::WavReader::open(heard).unwrap_or_else(|error| panic!("{}: {error}", heard.display()));
    let (spec, all) = (reader.spec(), reader.duration());
    let samples = |seconds: f64| (f64::from(spec.sample_rate) * seconds) as u32;
    let (from, length) = match beginning {
        Some(seconds) => (0, samples(seconds)),
        None => (all.saturating_sub(samples(LAST)), all),
    };
    reader.seek(from).expect("within it");
    let path = heard.with_extension(format!("{name}.wav"));
    let mut writer = hound::WavWriter::create(&path, spec).expect("a file of ours");
    for sample in reader.samples::<i16>().take(length as usize) {
        writer.write_sample(sample.expect("16-bit samples")).expect("a file of ours");
    }
    writer.finalize().expect("a file of ours");
    path
}

#[test]
fn sipp_that_called_holds_and_both_hear_each_other_again() {
    holds("sipp-called-holds", Kind::Sipp, true);
}

#[test]
fn sipp_that_was_called_holds_and_both_hear_each_other_again() {
    holds("sipp-holds", Kind::Sipp, false);
}

#[test]
fn baresip_that_called_holds_and_both_hear_each_other_again() {
    holds("baresip-called-holds", Kind::Baresip, true);
}

#[test]
fn baresip_that_was_called_holds_and_both_hear_each_other_again() {
    holds("baresip-holds", Kind::Baresip, false);
}

#[test]
fn sipp_that_called_refers_and_is_told_until_it_is_done() {
    refers("sipp-called-refers", Kind::Sipp, true);
}

#[test]
fn sipp_that_was_called_refers_and_is_told_until_it_is_done() {
    refers("sipp-refers", Kind::Sipp, false);
}

#[test]
fn baresip_that_called_refers_and_is_let_go() {
    refers("baresip-called-refers", Kind::Baresip, true);
}

#[test]
fn baresip_that_was_called_refers_and_is_let_go() {
    refers("baresip-refers", Kind::Baresip, false);
}
