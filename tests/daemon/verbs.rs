//! Real phones walk every verb, with either kind of digit, and hear the right prompts in the right order.
//!
//! What this exchange does not keep yet (messages, recordings, callbacks, surveys) may be kept or take `failed`: both lead on.

use crate::exchange::{Exchange, Folder};
use crate::lab::copied;
use crate::live::{Phone, Phrases};
use crate::phones::{Capture, From, baresip, hears, seconds, sent, sipp, sound};
use crate::web::answers_once;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
/// Until what plays next has begun, and a key can be pressed into it.
const SLACK_S: f64 = 1.2;
/// The goal for a prompt to be silent after a key, on a machine that others use too.
const BARGE_IN_S: f64 = 0.5;

/// Who is it: a customer by their number, by what a web service says of them, and by their PIN.
const ACCOUNT: &str = "
start: pick-up
nodes:
  pick-up: {answer: {next: greet}}
  greet: {play: {prompts: [your-balance-is], next: order}}
  order: {collect: {prompt: enter-customer-number, into: order, digits: 2, next: note, no_input: end, invalid: end}}
  note: {set: {vars: {kind: gold}, next: judge}}
  judge: {branch: {if: vars.order == '12' and vars.kind == 'gold', then: who, else: end}}
  who: {identify: {found: hours, unknown: end}}
  hours: {calendar: {name: office, open: ask, closed: end}}
  ask: {http: {get: 'http://127.0.0.1:PORT/balance/{{ customer.id }}', ok: balance, failed: end}}
  balance: {say: {parts: [{money: '{{ http.body.balance }} PLN'}], next: account, failed: end}}
  account: {authorize: {ask: enter-pin, accepted: bye, refused: end}}
  bye: {play: {prompts: [goodbye], next: end}}
  end: {hangup: {}}
";

/// A key into the menu's prompt, another language, another flow and back, a queue without agents, a callback.
const COMPANY: &str = "
start: choose
nodes:
  choose: {menu: {prompt: main-menu, keys: {9: english}, no_input: end, invalid: end}}
  english: {language: {to: en, next: elsewhere}}
  elsewhere: {flow: {name: detour, next: wait}}
  wait: {queue: {name: support, keys: {5: book}, failed: end}}
  book: {callback: {queue: support, prompt: no-input, booked: bye, failed: bye, refused: end}}
  bye: {play: {prompts: [goodbye], next: end}}
  end: {hangup: {}}
";
const DETOUR: &str = "start: tell\nnodes:\n  tell: {play: {prompts: [announcement], next: return}}\n";

/// What a caller leaves behind, and extensions where nobody is.
const MESSAGES: &str = "
start: message
nodes:
  message: {voicemail: {mailbox: support, prompt: no-input, silence: 1s, next: complaint, failed: complaint}}
  complaint: {record: {name: complaint, prompt: enter-pin, silence: 1s, next: rating, failed: rating}}
  rating: {survey: {name: satisfaction, ask: [your-balance-is], next: ring, failed: ring}}
  ring: {dial: {to: 1002, unavailable: hand-over, failed: end}}
  hand-over: {transfer: {to: 1003, failed: bye}}
  bye: {play: {prompts: [goodbye], next: end}}
  end: {hangup: {}}
";

/// Speech that a key ends.
const TALKATIVE: &str = "
start: talk
nodes:
  talk: {menu: {prompt: ten-seconds, keys: {1: quiet}}}
  quiet: {answer: {stay: true}}
";

/// The lab with this flow at 600, and all that the flows here need.
fn exchange(test: &str, flow: &str) -> (Exchange, Folder) {
    let folder = Folder::new(test);
    let lab = copied(&folder);
    fs::write(lab.flow("tour"), flow).expect("our copy");
    fs::write(lab.flow("detour"), DETOUR).expect("our copy");
    lab.write(
        "more.yaml",
        "numbers: {600: {flow: tour}}\nhosts: {127.0.0.1: {}}\nmailboxes: {support: {name: Support}}\n\
         calendars: {office: {zone: Europe/Warsaw, hours: {daily: 00:00-24:00}}}\n",
    );
    (Exchange::with(test, &lab.config), folder)
}

/// What is heard before each press, and the keys; then the exchange speaks to the end and hangs up.
type Course<'a> = &'a [(&'a [PathBuf], &'a str)];

/// The steps of a caller who listens to the end of what they hear; `press` is how the phone sends a digit, `end` how it waits for the
/// exchange to hang up.
fn steps(course: Course<'_>, press: &str, end: &str) -> String {
    let mut steps = String::new();
    for (prompts, keys) in course {
        steps += &format!("wait={:.2},{press}={keys},", seconds(prompts) + SLACK_S);
    }
    steps + end
}

/// The caller of a trunk walks 600 with either kind of digit; what they heard.
fn walk(exchange: &Exchange, course: Course<'_>, by_info: bool) -> PathBuf {
    if !by_info {
        let call = baresip(exchange, From::Trunk, "600", &steps(course, "dtmf", "expect_bye=8"), &[]);
        assert_eq!((&call["answered"], &call["ended_by"]), (&true.into(), &"exchange".into()), "{call}\n{}", exchange.log());
        return PathBuf::from(call["recordings"][0].as_str().unwrap_or_else(|| panic!("no recording: {call}")));
    }
    let capture = Capture::of(exchange, From::Trunk);
    let walked = sipp(exchange, "call", From::Trunk, "", "600", &["--steps", &steps(course, "info", "wait_bye=8")]);
    assert_eq!(walked["status"], 0, "{walked}\n{}", exchange.log());
    let streams = capture.streams();
    let [stream] = sent(&streams)[..] else { panic!("one stream was expected: {streams:#?}") };
    PathBuf::from(stream["wav"].as_str().unwrap_or_else(|| panic!("no sound: {stream:#}")))
}

/// The path in the record: node and verb, in order; and no outcome is a node's last resort unless it may be.
fn judge_the_path(exchange: &Exchange, expected: &[(&str, &str)]) {
    let records = exchange.records(1);
    let steps: Vec<(&str, &str)> = records[0]["path"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| (step["verb"].as_str().unwrap_or_default(), step["outcome"].as_str().unwrap_or_default()))
        .collect();
    let as_expected = |((verb, outcome), (wanted, outcomes)): (&(&str, &str), &(&str, &str))| {
        verb == wanted && outcomes.split('|').any(|wanted| wanted == *outcome)
    };
    assert!(
        steps.len() == expected.len() && steps.iter().zip(expected).all(as_expected),
        "walked {steps:#?}\nexpected {expected:#?}\n{}",
        exchange.log()
    );
    exchange.becomes_quiet(SOON, false);
}

fn pl(name: &str) -> PathBuf {
    sound("pl", name)
}

fn en(name: &str) -> PathBuf {
    sound("en", name)
}

fn right_prompts(exchange: &Exchange, heard: &Path, prompts: &[PathBuf]) {
    hears(heard, prompts).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
}

fn walks_the_account(test: &str, by_info: bool) {
    let (port, asked) = answers_once(r#"{"balance": 120.1}"#);
    let (exchange, folder) = exchange(test, &ACCOUNT.replace("PORT", &port.to_string()));
    let customers = folder.join("customers.csv");
    fs::write(&customers, "id,name,numbers,pin\n7712,Ala,+48221234567 48221234567,4815\n").expect("a file");
    exchange.ask(&["customers", "import", &customers.display().to_string()]);
    let greeting = [pl("your-balance-is"), pl("enter-customer-number")];
    let amount = ["sto", "dwadzies_cia", "zl_otych", "i", "dziesie_c_", "groszy"].map(|word| pl(&format!("say.{word}")));
    let balance: Vec<PathBuf> = amount.into_iter().chain([pl("enter-pin")]).collect();
    let heard = walk(&exchange, &[(&greeting, "12"), (&balance, "4815#")], by_info);
    // A word as short as "i" proves nothing.
    let spoken = balance.iter().filter(|prompt| !prompt.ends_with("say.i.wav")).cloned();
    let prompts: Vec<PathBuf> = greeting.iter().cloned().chain(spoken).chain([pl("goodbye")]).collect();
    right_prompts(&exchange, &heard, &prompts);
    assert!(asked.join().expect("no panic").starts_with("GET /balance/7712 HTTP/1.1\r\n"));
    judge_the_path(
        &exchange,
        &[
            ("answer", "next"),
            ("play", "next"),
            ("collect", "next"),
            ("set", "next"),
            ("branch", "then"),
            ("identify", "found"),
            ("calendar", "open"),
            ("http", "ok"),
            ("say", "next"),
            ("authorize", "accepted"),
            ("play", "next"),
            ("hangup", "hangup"),
        ],
    );
}

fn walks_the_company(test: &str, by_info: bool) {
    let (exchange, _folder) = exchange(test, COMPANY);
    let announcement = [en("announcement")];
    // The first key is pressed into the menu's prompt.
    let course: Course<'_> = &[(&[], "9"), (&announcement, "5"), (&[en("no-input")], "1")];
    let heard = walk(&exchange, course, by_info);
    right_prompts(&exchange, &heard, &[en("announcement"), en("no-input"), en("goodbye")]);
    judge_the_path(
        &exchange,
        &[
            ("menu", "key 9"),
            ("language", "next"),
            ("flow", "called"),
            ("play", "next"),
            ("queue", "key 5"),
            ("callback", "booked|failed"),
            ("play", "next"),
            ("hangup", "hangup"),
        ],
    );
}

#[test]
fn baresip_walks_the_account() {
    walks_the_account("account", false);
}

#[test]
fn sipp_walks_the_account_with_info_digits() {
    walks_the_account("account-info", true);
}

#[test]
fn baresip_walks_the_company() {
    walks_the_company("company", false);
}

#[test]
fn sipp_walks_the_company_with_info_digits() {
    walks_the_company("company-info", true);
}

#[test]
fn baresip_leaves_messages_and_reaches_nobody() {
    let (exchange, _folder) = exchange("messages", MESSAGES);
    let prompts = [pl("no-input"), pl("enter-pin"), pl("your-balance-is")];
    let heard = walk(&exchange, &[(&prompts, "5")], false);
    right_prompts(&exchange, &heard, &prompts);
    right_prompts(&exchange, &heard, &[pl("your-balance-is"), pl("goodbye")]);
    judge_the_path(
        &exchange,
        &[
            ("voicemail", "next|empty|failed"),
            ("record", "next|empty|failed"),
            ("survey", "next|failed"),
            ("dial", "unavailable"),
            ("transfer", "unavailable"),
            ("play", "next"),
            ("hangup", "hangup"),
        ],
    );
}

/// A queue, an extension, and another that is given the call.
const TALKS: &str = "
start: line
nodes:
  line: {queue: {name: support, answered: ring, failed: end}}
  ring: {dial: {to: 1003, answered: give, failed: end}}
  give: {transfer: {to: 1004, failed: end}}
  end: {hangup: {}}
";

#[test]
fn a_caller_talks_to_an_agent_to_an_extension_and_is_given_to_another() {
    let (exchange, _folder) = exchange("talks", TALKS);
    let phrases = Phrases::new();
    let phones = ["1001", "1003", "1004"].map(|user| Phone::baresip(&exchange, From::Extension(user), &phrases.agent, &[]));
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    caller.say("dial 600");
    for (mut phone, hangs_up) in phones.into_iter().zip([true, true, false]) {
        phone.expect("CALL_INCOMING");
        phone.say("accept");
        phone.expect("CALL_ESTABLISHED");
        if hangs_up {
            phone.say("hangup");
        } else {
            caller.say("hangup");
        }
        phone.expect("CALL_CLOSED");
    }
    judge_the_path(&exchange, &[("queue", "answered"), ("dial", "answered"), ("transfer", "answered")]);
    let report = exchange.ask(&["report", "flow", "tour"]);
    assert_eq!((&report["calls"], &report["contained"]), (&1.into(), &0.into()), "{report:#}");
}

/// Between the key on the wire and the last packet of speech.
fn barge_in(test: &str, by_info: bool) -> f64 {
    let (exchange, _folder) = exchange(test, TALKATIVE);
    let capture = Capture::of(&exchange, From::Trunk);
    let walked = if by_info {
        sipp(&exchange, "call", From::Trunk, "", "600", &["--steps", "wait=3,info=1,wait=2"])["status"] == 0
    } else {
        baresip(&exchange, From::Trunk, "600", "wait=3,dtmf=1,wait=2", &[])["answered"] == true
    };
    assert!(walked, "{}", exchange.log());
    let streams = capture.streams();
    let [ours] = sent(&streams)[..] else { panic!("one stream was expected: {streams:#?}") };
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("no key, or no speech: {streams:#?}"));
    let pressed =
        number(streams.iter().map(|stream| &stream["pressed_at"][0]).find(|at| at.is_number()).unwrap_or(&Value::Null));
    assert!(pressed - number(&ours["began"]) > 2.0, "the key came before the speech: {streams:#?}");
    let silent_after = number(&ours["loud_until"]) - pressed;
    assert!(silent_after > -1.0, "the speech had ended before the key: {streams:#?}");
    // Its last packet may have left a moment before the key.
    silent_after.max(0.0)
}

#[test]
fn a_key_silences_a_prompt_within_half_a_second() {
    for (digits, by_info) in [("RFC 4733", false), ("INFO", true)] {
        let silent_after = barge_in(if by_info { "barge-info" } else { "barge" }, by_info);
        println!("barge-in by {digits}: the prompt is silent {:.0} ms after the key", silent_after * 1000.0);
        assert!(silent_after < BARGE_IN_S, "{digits}: {silent_after} s");
    }
}

/// One caller after the other with a real phone: presses nothing, everything, `#` without end, or hangs up in the midst of it.
#[test]
fn whatever_a_real_phone_presses_nothing_is_left_of_it() {
    let (exchange, _folder) = exchange("presses", COMPANY);
    let hashes = "#".repeat(20);
    let conducts =
        ["wait=2".to_string(), "wait=0.2,dtmf=1234567890*#".into(), format!("dtmf={hashes}"), "wait=1,dtmf=9,wait=3".into()];
    for steps in &conducts {
        let call = baresip(&exchange, From::Trunk, "600", steps, &[]);
        assert_eq!(call["answered"], true, "{call}\n{}", exchange.log());
    }
    let records = exchange.records(conducts.len());
    let visited: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| record["path"].as_array().into_iter().flatten())
        .filter_map(|step| step["node"].as_str())
        .collect();
    assert!(visited.contains("choose") && visited.contains("tell"), "{visited:?}");
    exchange.becomes_quiet(SOON, false);
}
