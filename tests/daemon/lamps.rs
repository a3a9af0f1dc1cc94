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
const LAMP: &str = "127.0.0.11";

/// What SIPp has been told so far.
fn shown(folder: &Folder) -> String {
    fs::read_to_string(folder.join("lamp.log")).unwrap_or_default()
}

/// Waits until the lamp shows this.
fn shows(folder: &Folder, state: &str, exchange: &Exchange) {
    let seen = until(SOON, || shown(folder).contains(&format!("<state>{state}</state>")).then_some(()));
    assert!(seen.is_some(), "the lamp does not show {state}, only:\n{}\n{}", shown(folder), exchange.log());
}

#[test]
fn sipp_has_a_lamp_that_shows_ringing_talk_and_its_end_and_goes_out_when_it_wants_no_more() {
    let (folder, exchange, phrases) = (Folder::new("blf"), Exchange::lab("blf-daemon"), Phrases::new());
    let free = "<dialog-info [^>]*state=\"full\" entity=\"sip:1001\">.*<state>terminated</state>";
    let call = |state: &str| format!("direction=\"recipient\"><state>{state}</state>.*<identity>sip:1002</identity>");
    let steps = [
        subscribes("1001"),
        is_told(free),
        is_told(&call("early")),
        is_told(&call("confirmed")),
        is_told(free),
        subscribes_again(3, 300),
        is_told(free),
        subscribes_again(4, 0),
        is_told_no_more(),
    ];
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    let mut bartek = Phone::baresip(&exchange, From::Extension("1002"), &phrases.caller, &[]);
    let mut lamp = Sipp::calls(&folder, "lamp", LAMP, &steps.concat(), "1003", &exchange);
    shows(&folder, "terminated", &exchange);
    bartek.say("dial 1001");
    anna.expect("CALL_INCOMING");
    shows(&folder, "early", &exchange);
    anna.say("accept");
    shows(&folder, "confirmed", &exchange);
    bartek.expect("CALL_ESTABLISHED");
    assert!(!shown(&folder).ends_with("terminated</state>\n"), "they talk");
    bartek.say("hangup");
    anna.expect("CALL_CLOSED");
    lamp.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}\n{}", shown(&folder), exchange.log()));
    let lines = shown(&folder);
    assert_eq!(lines.lines().filter(|line| line.contains("<state>")).count(), 5, "each once:\n{lines}");
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
    exchange.becomes_quiet(S(10), false);
}

#[test]
fn baresip_is_told_of_its_own_mailbox_by_its_own_module() {
    let folder = Folder::new("mwi");
    let lab = copied(&folder);
    lab.write("mailboxes.yaml", "mailboxes: {1003: {name: Celina}}\n");
    let (exchange, phrases) = (Exchange::with("mwi-daemon", &lab.config), Phrases::new());
    let phone = |user: &'static str| Phone::baresip(&exchange, From::Extension(user), &phrases.agent, &["--module", "mwi"]);
    let (celina, darek) = (phone("1003"), phone("1004"));
    let says = |phone: &Phone, words: &[&str]| {
        let told = until(SOON, || words.iter().all(|words| phone.log().contains(words)).then_some(()));
        assert!(told.is_some(), "{words:?} is not in what the phone says:\n{}\n{}", phone.log(), exchange.log());
    };
    says(&celina, &["MWI for sip:1003@", "Messages-Waiting: no", "Message-Account: sip:1003"]);
    // Who has no mailbox is told so, and tries no more.
    says(&darek, &["closed", "404 Not Found"]);
    assert!(!darek.log().contains("Messages-Waiting"), "{}", darek.log());
}
