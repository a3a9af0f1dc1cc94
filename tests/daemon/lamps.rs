//! Lamps on phones that nobody here wrote: SIPp is the desk phone with a lamp (RFC 4235), which reads what it is told by itself, while
//! two baresips make the call that it shows; baresip's own lamp for messages (RFC 3842).

use crate::exchange::{Exchange, Folder, until};
use crate::lab::copied;
use crate::live::{Phone, Phrases, SOON};
use crate::phones::From;
use crate::scenario::{Sipp, is_told, is_told_no_more, subscribes, subscribes_again};
use std::fs;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// SIPp as the desk phone of 1003 with a lamp for this extension. What it has been told is in a file of its name.
struct Lamp {
    folder: Folder,
    sipp: Sipp,
}

impl Lamp {
    /// The call goes through these states, as dialogs of this direction with this other one; then the lamp subscribes anew, and no more.
    fn of(whose: &str, address: &str, direction: &str, other: &str, states: &[&str], exchange: &Exchange) -> Lamp {
        let folder = Folder::new("lamp");
        let free =
            format!("<dialog-info [^>]*state=\"full\" entity=\"sip:{whose}@[0-9.]+:[0-9]+\">.*<state>terminated</state>");
        let call = |state: &&str| {
            is_told(&format!(
                "direction=\"{direction}\"><state>{state}</state>.*<remote><identity>sip:{other}@[0-9.]+:[0-9]+</identity>"
            ))
        };
        let steps = [
            subscribes(whose),
            is_told(&free),
            states.iter().map(call).collect(),
            is_told(&free),
            subscribes_again(3, 300),
            is_told(&free),
            subscribes_again(4, 0),
            is_told_no_more(),
        ];
        let sipp = Sipp::calls(&folder, "lamp", address, &steps.concat(), "1003", exchange);
        let lamp = Lamp { folder, sipp };
        lamp.shows("terminated", exchange);
        lamp
    }

    /// What SIPp has been told so far.
    fn shown(&self) -> String {
        fs::read_to_string(self.folder.join("lamp.log")).unwrap_or_default()
    }

    /// Waits until it has shown this.
    fn shows(&self, state: &str, exchange: &Exchange) {
        let seen = until(SOON, || self.shown().contains(&format!("<state>{state}</state>")).then_some(()));
        assert!(seen.is_some(), "the lamp does not show {state}, only:\n{}\n{}", self.shown(), exchange.log());
    }

    /// Everything went as SIPp expected it, and nothing was told twice.
    fn ends_well(mut self, told: usize, exchange: &Exchange) {
        self.sipp.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}\n{}", self.shown(), exchange.log()));
        let shown = self.shown();
        assert_eq!(shown.lines().filter(|line| line.contains("<state>")).count(), told, "{shown}");
    }
}

#[test]
fn sipp_has_lamps_that_show_ringing_talk_and_its_end_and_go_out_when_it_wants_no_more() {
    let (exchange, phrases) = (Exchange::lab("blf"), Phrases::new());
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    let mut bartek = Phone::baresip(&exchange, From::Extension("1002"), &phrases.caller, &[]);
    let called = Lamp::of("1001", "127.0.0.11", "recipient", "1002", &["trying", "early", "confirmed"], &exchange);
    let calls = Lamp::of("1002", "127.0.0.12", "initiator", "1001", &["trying", "early", "confirmed"], &exchange);
    let both = [&called, &calls];
    bartek.say("dial 1001");
    anna.expect("CALL_INCOMING");
    both.iter().for_each(|lamp| lamp.shows("early", &exchange));
    anna.say("accept");
    both.iter().for_each(|lamp| lamp.shows("confirmed", &exchange));
    bartek.expect("CALL_ESTABLISHED");
    bartek.say("hangup");
    anna.expect("CALL_CLOSED");
    called.ends_well(6, &exchange);
    calls.ends_well(6, &exchange);
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
    exchange.becomes_quiet(S(10), false);
}

#[test]
fn baresip_is_told_of_its_own_mailbox_by_its_own_module() {
    let folder = Folder::new("mwi");
    let lab = copied(&folder);
    lab.write("mailboxes.yaml", "mailboxes: {1003: {name: Celina}}\n");
    let (exchange, phrases) = (Exchange::with("mwi-daemon", &lab.config), Phrases::new());
    let celina = Phone::baresip(&exchange, From::Extension("1003"), &phrases.agent, &["--module", "mwi"]);
    let words = ["MWI for sip:1003@", "Messages-Waiting: no", "Message-Account: sip:1003"];
    let told = until(SOON, || words.iter().all(|words| celina.log().contains(words)).then_some(()));
    assert!(told.is_some(), "the phone says:\n{}\n{}", celina.log(), exchange.log());
    // It asked once, was told and believed it.
    let asked = celina.log().matches("mwi: subscribing").count();
    assert_eq!(asked, 1, "{}", celina.log());
}
