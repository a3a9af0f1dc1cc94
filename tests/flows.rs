//! Flows as an administrator writes them: what is complained about, and where; and what a caller then hears.

use centrala::id::Name;
use centrala::ivr::{Command, Event, Flow, Session, World};
use centrala::time::{Duration, Moment, Now, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Polish and English, with the same few prompts, and one that is recorded in Polish only.
fn world() -> World {
    let names = |list: &[&str]| -> BTreeSet<Name> { list.iter().map(|name| Name::from(*name)).collect() };
    let sounds = BTreeMap::from([
        (Name::from("pl"), names(&["welcome", "announcement", "main-menu", "goodbye", "only-polish"])),
        (Name::from("en"), names(&["welcome", "announcement", "main-menu", "goodbye"])),
    ]);
    World { languages: vec!["pl".into(), "en".into()], sounds }
}

/// Every fault as "line:column message", with the suggestion where there is one.
fn faults(file: &str, yaml: &[u8]) -> Vec<String> {
    let Err(faults) = Flow::parse(file, yaml, &world()) else { return Vec::new() };
    let print = |fault: &centrala::fault::Fault| {
        let mut line = format!("{}:{} {}", fault.place.line, fault.place.column, fault.message);
        if let Some(name) = &fault.suggestion {
            write!(line, "; did you mean {name}?").expect("a string takes it");
        }
        line
    };
    faults.iter().map(print).collect()
}

#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let found = faults("ivr-flows/test.yaml", yaml.as_bytes());
    assert_eq!(found, expected, "\n{yaml}");
}

#[test]
fn a_flow_without_mistakes_is_read() {
    check(MAIN, &[]);
}

const MAIN: &str = r##"
description: Main number
language: pl
start: greet
nodes:
  greet:
    play: {prompts: [welcome], next: menu}
  menu:
    menu:
      prompt: main-menu
      wait: 5s
      tries: 3
      keys: {1: announcement, 9: english, "#": bye, "0": hold}
      no_input: bye
      invalid: bye
  announcement:
    play: {prompts: announcement, next: menu}
  english:
    language: {to: en, next: greet}
  hold:
    play: {prompts: [announcement], repeat: true}
  bye:
    hangup: {cause: normal}
"##;

/// A call in virtual time: answering takes 100 ms, each prompt 2 s. `caller` is what they do and when: a key, or `x` to hang up.
/// Ends after the last command, or after ten minutes.
fn call(yaml: &str, caller: &[(u64, char)]) -> (Vec<String>, Session) {
    let flow = Flow::parse("ivr-flows/test.yaml", yaml.as_bytes(), &world()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    call_flow(flow, caller)
}

fn call_flow(flow: Flow, caller: &[(u64, char)]) -> (Vec<String>, Session) {
    let mut session = Session::new(Arc::new(flow), "pl".into());
    let mut due: Vec<(u64, Event)> = vec![(0, Event::Begin)];
    due.extend(caller.iter().map(|(at, key)| (*at, if *key == 'x' { Event::HungUp } else { Event::Digit(*key) })));
    let (mut said, mut millis) = (Vec::new(), 0);
    while millis < 600_000 && !session.is_over() {
        let timeout = session.poll_timeout().map(|at| u64::try_from(at.as_nanos() / 1_000_000).expect("after the start"));
        let next = (0..due.len()).min_by_key(|index| due[*index].0);
        let mut out = Vec::new();
        match (next, timeout) {
            (Some(index), timeout) if timeout.is_none_or(|timeout| due[index].0 <= timeout) => {
                let (at, event) = due.remove(index);
                millis = at;
                session.handle(event, now(millis), &mut out);
            }
            (_, Some(timeout)) => {
                millis = timeout;
                session.handle_timeout(now(millis), &mut out);
            }
            (_, None) => break,
        }
        for command in out {
            said.push(format!("{:>6.1} {}", millis as f64 / 1000.0, print(&command)));
            match command {
                Command::Answer => due.push((millis + 100, Event::Answered)),
                Command::Play { play, prompts, repeat: false, .. } => {
                    due.push((millis + 2000 * prompts.len() as u64, Event::Played { play }));
                }
                _ => {}
            }
        }
    }
    // What is written down and read again is the same session.
    let text = serde_json::to_string(&session).expect("plain data");
    assert_eq!(serde_json::from_str::<Session>(&text).expect("the same data"), session);
    (said, session)
}

fn now(millis: u64) -> Now {
    let nanos = i64::try_from(millis).expect("small") * 1_000_000;
    Now { mono: Moment::from_nanos(nanos), wall: Wall::from_unix_nanos(nanos) + Duration::from_secs(1_800_000_000) }
}

fn print(command: &Command) -> String {
    match command {
        Command::Answer => "answer".to_string(),
        Command::Play { language, prompts, repeat, .. } => {
            format!("play {language} {}{}", prompts.join(" "), if *repeat { " for ever" } else { "" })
        }
        Command::StopPlaying => "stop".to_string(),
        Command::Hangup { cause } => format!("hang up {cause:?}"),
    }
}

/// What the session says to a caller who does this, one command a line; then the path through the flow.
#[track_caller]
fn hears(yaml: &str, caller: &[(u64, char)], expected: &[&str], path: &str) {
    let (said, session) = call(yaml, caller);
    let said: Vec<_> = said.iter().map(|line| line.trim_start()).collect();
    assert_eq!(said, expected);
    let steps: Vec<_> = session.visits().iter().map(|visit| format!("{}:{}", visit.node, visit.outcome)).collect();
    assert_eq!(steps.join(" "), path);
}

#[test]
fn a_caller_hears_the_welcome_then_the_announcement_by_1_then_english_by_9() {
    hears(
        MAIN,
        &[(5000, '1'), (10_000, '9'), (15_000, '#')],
        &[
            "0.0 answer",
            "0.1 play pl welcome",
            "2.1 play pl main-menu",
            "5.0 play pl announcement",
            "7.0 play pl main-menu",
            "10.0 play en welcome",
            "12.0 play en main-menu",
            "15.0 hang up Normal",
        ],
        "greet:next menu:key 1 announcement:next menu:key 9 english:next greet:next menu:key # bye:hangup",
    );
}

#[test]
fn a_key_during_the_prompt_stops_it_and_counts() {
    hears(
        MAIN,
        &[(3000, '1'), (4000, 'x')],
        &["0.0 answer", "0.1 play pl welcome", "2.1 play pl main-menu", "3.0 stop", "3.0 play pl announcement"],
        "greet:next menu:key 1 announcement:hung-up",
    );
}

#[test]
fn a_caller_who_types_ahead_skips_the_welcome_and_the_menu() {
    hears(
        MAIN,
        &[(50, '9'), (1000, '1'), (1100, 'x')],
        &["0.0 answer", "0.1 play en welcome", "1.0 stop", "1.0 play en announcement"],
        "greet:skipped menu:key 9 english:next greet:key menu:key 1 announcement:hung-up",
    );
}

#[test]
fn a_caller_presses_8_thrice_and_leaves_by_invalid() {
    hears(
        MAIN,
        &[(5000, '8'), (8000, '8'), (8500, '8')],
        &[
            "0.0 answer",
            "0.1 play pl welcome",
            "2.1 play pl main-menu",
            "5.0 play pl main-menu",
            "8.0 play pl main-menu",
            "8.5 stop",
            "8.5 hang up Normal",
        ],
        "greet:next menu:invalid bye:hangup",
    );
}

#[test]
fn a_silent_caller_is_asked_three_times_and_leaves_by_no_input() {
    hears(
        MAIN,
        &[],
        &[
            "0.0 answer",
            "0.1 play pl welcome",
            "2.1 play pl main-menu",
            "9.1 play pl main-menu",
            "16.1 play pl main-menu",
            "23.1 hang up Normal",
        ],
        "greet:next menu:no_input bye:hangup",
    );
}

#[test]
fn a_caller_who_hangs_up_before_the_answer_leaves_nothing_open() {
    hears(MAIN, &[(50, 'x')], &["0.0 answer"], "greet:hung-up");
}

#[test]
fn a_prompt_without_barge_in_is_heard_to_the_end_and_keys_before_it_are_kept() {
    let yaml = "
start: welcome
nodes:
  welcome: {play: {prompts: welcome, next: notice}}
  notice: {play: {prompts: [announcement, goodbye], barge_in: false, next: menu}}
  menu: {menu: {prompt: main-menu, barge_in: false, tries: 1, keys: {1: busy, 2: busy}}}
  busy: {hangup: {cause: busy}}
";
    hears(
        yaml,
        &[(1000, '1'), (2000, '2')],
        &["0.0 answer", "0.1 play pl welcome", "1.0 stop", "1.0 play pl announcement goodbye", "5.0 hang up Busy"],
        "welcome:key notice:next menu:key 1 busy:hangup",
    );
    hears(
        yaml,
        &[(6000, '2'), (7000, '1')],
        &[
            "0.0 answer",
            "0.1 play pl welcome",
            "2.1 play pl announcement goodbye",
            "6.1 play pl main-menu",
            "13.1 hang up Normal",
        ],
        "welcome:next notice:next menu:no_input",
    );
}

mod configurations {
    use centrala::config::{Config, Destination, Overrides, SecretRef, load, secret_references};
    use centrala::shell::files;
    use centrala::sip::Transport;
    use std::path::Path;

    fn read(folder: &str, overrides: &Overrides) -> Config {
        let sources = files::gather(Path::new(folder)).expect("a folder of this repository");
        let made = |_: &SecretRef| Ok("a secret that was made".to_string());
        load(&sources, overrides, &made).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    #[test]
    fn the_shipped_configuration_has_no_fault() {
        let config = read("config", &Overrides::default());
        assert_eq!(config.warnings, []);
        assert!(!config.lab);
        assert_eq!(config.numbers["100"], Destination::Flow("main".into()));
        let sources = files::gather(Path::new("config")).expect("a folder of this repository");
        let secrets: Vec<_> = secret_references(&sources).iter().map(ToString::to_string).collect();
        assert_eq!(secrets, ["${file:1001}", "${file:1002}", "${file:1003}"]);
    }

    #[test]
    fn the_lab_is_what_the_tests_and_the_bench_call() {
        let at = "127.0.0.1:5070".parse().expect("an address");
        let uas = "127.0.0.3:7100".parse().expect("an address");
        let config = read("tests/lab", &Overrides { sip: Some(at), trunk_uas: Some(uas) });
        assert_eq!(config.warnings, []);
        assert!(config.lab);
        let listeners: Vec<_> = config.sip.listeners.iter().map(|listener| (listener.address, listener.transport)).collect();
        assert_eq!(listeners, [(at, Transport::Udp), (at, Transport::Tcp)]);
        let users: Vec<_> = config.sip.users.keys().map(|user| &**user).collect();
        assert_eq!(users, ["1001", "1002", "1003", "1004", "1005"]);
        // printf 1001:centrala:pw1001 | md5sum
        assert_eq!(config.sip.users["1001"].ha1_md5, "24e80240b92d2138042537c42ed0e4c2");
        assert_eq!(config.trunks["provider"].send_to, Some(uas));
        let addresses: Vec<_> = config.sip.trunks[0].addresses.iter().map(ToString::to_string).collect();
        assert_eq!(
            (&*config.sip.trunks[0].name, addresses),
            ("provider", vec!["127.0.0.2".to_string(), "127.0.0.3".to_string()])
        );
        let numbers: Vec<_> = config.numbers.iter().map(|(number, Destination::Flow(flow))| (&**number, &**flow)).collect();
        assert_eq!(numbers, [("100", "main"), ("101", "stay"), ("201", "loop"), ("501", "idle")]);
        assert_eq!(config.flows["main"].language.as_deref(), Some("pl"));
    }
}
