//! Flows as an administrator writes them: what is complained about, and where; and what a caller then hears.

use centrala::fault::{Fault, Faults};
use centrala::id::{Name, PlayId, Rng};
use centrala::ivr::rehearsal::{self, Props};
use centrala::ivr::{Caller, Cause, Command, DialEnd, Event, Flow, QueueEnd, Session, World};
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
    World {
        languages: vec!["pl".into(), "en".into()],
        sounds,
        queues: names(&["support", "sales"]),
        extensions: names(&["1001", "1002"]),
        calendars: names(&["office"]),
        mailboxes: names(&["support"]),
        flows: names(&["test", "other"]),
        ..World::default()
    }
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

#[test]
fn every_mistake_of_a_flow_is_reported_at_its_place_at_once() {
    check(
        "
description: Everything wrong
langauge: pl
start: greet
nodes:
  greet:
    paly: {prompts: [welcome], next: menu}
  menu:
    menu: {prompt: main-menu, wait: 5, tries: none, keys: {1: sales, 12: bye, 9: englsh}}
  english:
    language: {to: eng, next: greet}
  two:
    play: {prompts: welcome, next: bye}
    hangup: {}
  none:
  bye:
    hangup: {cause: rude}
",
        &[
            "3:1 a flow has no field `langauge`; did you mean language?",
            "7:5 no verb `paly`; did you mean play?",
            "9:37 `wait` is a time with its unit (500ms, 5s, 2m, 1h, 7d), not `5`",
            "9:47 `tries` is a whole number from 1 to 100, not `none`",
            "9:63 no node `sales`",
            "9:70 `12` is not a key: one of 0123456789*# (`*` and `#` in quotes)",
            "9:82 no node `englsh`; did you mean english?",
            "11:20 no language `eng`; did you mean en?",
            "12:3 node `two` is never reached",
            "14:5 node `two` has a verb already, `play`; a node has exactly one",
            "15:3 node `none` has no verb: one of answer, authorize, branch, calendar, callback, collect, dial, flow, hangup, http, identify, language, menu, play, queue, record, say, set, survey, transfer, voicemail",
            "15:3 node `none` is never reached",
            "17:21 `cause` is one of normal, busy, rejected, unavailable, not `rude`",
        ],
    );
}

#[test]
fn the_fields_of_each_verb_are_judged() {
    for (verb, expected) in [
        ("answer: {next: m}", &[][..]),
        ("answer: {}", &["3:7 a dead end: it has neither `next` nor `stay: true`"]),
        ("play: {prompts: [welcome], nxt: m}", &["3:34 `play` has no field `nxt`; did you mean next?"]),
        ("play: {prompts: welcome, repeat: yes, next: m}", &["3:40 `repeat` is `true` or `false`, not `yes`"]),
        ("play: {prompts: welcome, repeat: true, next: m}", &["3:52 `next` is never reached with `repeat: true`"]),
        ("play: {prompts: [], next: m}", &["3:23 `prompts` names 1 to 100 prompts, not 0"]),
        ("play: {next: m}", &["3:7 `play` lacks `prompts`"]),
        ("play: {prompts: {a: b}, next: m}", &["3:23 a prompt is a text, not a mapping"]),
        (
            "play: {prompts: [../../etc/passwd], next: m}",
            &[
                "3:24 a prompt `../../etc/passwd` is not a name: letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64",
            ],
        ),
        ("play: {prompts: [welcom], next: m}", &["3:24 no sound `welcom` in en, pl; did you mean welcome?"]),
        ("play: {prompts: [only-polish], next: m}", &["3:24 no sound `only-polish` in en"]),
        ("play: [welcome]", &["3:13 `play` is a mapping (`name: value`), not a list"]),
        ("menu: {prompt: main-menu, keys: {}}", &["3:39 `keys` names no key"]),
        ("menu: {prompt: main-menu, keys: [1]}", &["3:39 `keys` is a mapping (`1: node`), not a list"]),
        ("menu: {prompt: main-menu, keys: {1: m, 1: n}}", &["3:46 `1` stands here twice; first on line 3"]),
        (
            "menu: {prompt: main-menu, wait: 0s, tries: 101, keys: {1: m}}",
            &["3:39 `wait` is from 1ms to 10m, not 0s", "3:50 `tries` is from 1 to 100, not 101"],
        ),
        ("language: {to: en}", &["3:7 `language` lacks `next`"]),
        ("language: {next: m}", &["3:7 `language` lacks `to`"]),
        ("queue: {name: suport, failed: m}", &["3:21 no queue `suport`; did you mean support?"]),
        (
            "queue: {name: support, value: abc, failed: m}",
            &["3:37 `value` is a number, or an expression that makes one (`{{ customer.value }}`)"],
        ),
        (
            "queue: {name: support, value: '{{ 1 < 2 }}', failed: m}",
            &["3:37 `value` is a number, or an expression that makes one (`{{ customer.value }}`)"],
        ),
        ("queue: {name: support, value: 12.5, failed: m}", &[]),
        ("queue: {name: support, value: '{{ customer.value }}', failed: m}", &[]),
        (
            "collect: {prompt: welcome, into: x, digits: 0-5, next: m}",
            &["3:51 `digits` is a number of digits from 1 to 32, as `4` or `1-10`"],
        ),
        ("queue: {name: support}", &["3:7 `queue` lacks `failed`"]),
        ("queue: {failed: m}", &["3:7 `queue` lacks `name`"]),
        (
            "queue: {name: support, keys: {12: m}, failed: m}",
            &["3:37 `12` is not a key: one of 0123456789*# (`*` and `#` in quotes)"],
        ),
        ("queue: {name: support, answerd: m, failed: m}", &["3:30 `queue` has no field `answerd`; did you mean answered?"]),
        ("queue: {name: support, failed: n}", &["3:3 a loop without the caller's input or a wait: n -> n"]),
        ("dial: {to: 1003, failed: m}", &["3:18 no extension `1003`; did you mean 1001?"]),
        ("dial: {to: 1001, ring: 0s}", &["3:7 `dial` lacks `failed`", "3:30 `ring` is from 1s to 10m, not 0s"]),
        ("dial: {to: 1001, no_answer: n, busy: n, failed: m}", &["3:3 a loop without the caller's input or a wait: n -> n"]),
        ("transfer: {to: anna, failed: m}", &["3:22 no extension `anna`"]),
        ("transfer: {to: 1001, answered: m, failed: m}", &["3:28 `transfer` has no field `answered`"]),
        ("hangup: {cause: [busy]}", &["3:23 `cause` is a text, not a list"]),
    ] {
        let yaml = format!(
            "start: n\nnodes:\n  n: {{{verb}}}\n  m: {{menu: {{prompt: main-menu, keys: {{1: n, 2: bye}}}}}}\n  bye: {{hangup: {{}}}}\n"
        );
        let mut found = faults("ivr-flows/test.yaml", yaml.as_bytes());
        // Where `n` leads nowhere, so does the rest of the flow; that is not the subject here.
        found.retain(|fault| !fault.ends_with(" is never reached"));
        assert_eq!(found, expected, "{verb}");
    }
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

/// A call in virtual time: answering takes 100 ms, each prompt 2 s. `caller` is what they do and when, or what befalls them: see
/// [`event`]. Ends after the last command, or after ten minutes.
fn call(yaml: &str, caller: &[(u64, char)]) -> (Vec<String>, Session) {
    let flow = Flow::parse("ivr-flows/test.yaml", yaml.as_bytes(), &world()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    call_flow(flow, caller)
}

fn call_flow(flow: Flow, caller: &[(u64, char)]) -> (Vec<String>, Session) {
    let mut session = Session::new(Arc::new(flow), "pl".into());
    let mut due: Vec<(u64, Event)> = vec![(0, Event::Begin)];
    due.extend(caller.iter().map(|(at, letter)| (*at, event(*letter))));
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

/// `x`: the caller hangs up; capitals: the queue; small letters: the extension dialled; `+` and `-`: the one it was given to.
fn event(letter: char) -> Event {
    match letter {
        'x' => Event::HungUp,
        'A' => Event::Queue(QueueEnd::Answered),
        'O' => Event::Queue(QueueEnd::Overflow),
        'F' => Event::Queue(QueueEnd::Failed),
        'a' => Event::Dial(DialEnd::Answered),
        'b' => Event::Dial(DialEnd::Busy),
        'n' => Event::Dial(DialEnd::NoAnswer),
        'r' => Event::Dial(DialEnd::Rejected),
        'u' => Event::Dial(DialEnd::Unavailable),
        'f' => Event::Dial(DialEnd::Failed),
        '+' => Event::Transfer(DialEnd::Answered),
        '-' => Event::Transfer(DialEnd::Busy),
        key => Event::Digit(key),
    }
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
        Command::Enqueue { queue, .. } => format!("enqueue {queue}"),
        Command::LeaveQueue { key, .. } => format!("leave the queue by {key}"),
        Command::Dial { to, ring } => format!("dial {to} for {} s", ring.as_secs_f64()),
        Command::Transfer { to, ring } => format!("transfer to {to} for {} s", ring.as_secs_f64()),
        Command::Keep(what) => format!("keep {what:?}"),
        Command::StopKeeping => "stop keeping".to_string(),
        Command::LookUpHours { calendar } => format!("look up {calendar}"),
        Command::LookAtQueues { queues } => format!("look at {}", queues.join(" ")),
        Command::Ask { question, .. } => format!("ask {question:?}"),
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

#[test]
fn what_only_the_whole_flow_can_tell_is_told() {
    for (what, yaml, expected) in [
        (
            "an unknown start",
            "start: grete\nnodes:\n  greet: {hangup: {}}\n",
            &["1:8 no node `grete`; did you mean greet?"][..],
        ),
        ("no start", "nodes:\n  greet: {hangup: {}}\n", &["1:1 a flow lacks `start`"]),
        ("no nodes", "start: greet\n", &["1:1 a flow lacks `nodes`", "1:8 no node `greet`"]),
        ("an empty file", "", &["1:1 the flow is empty: it needs `start` and `nodes`"]),
        (
            "a loop of one",
            "start: a\nnodes:\n  a: {language: {to: en, next: a}}\n",
            &["3:3 a loop without the caller's input or a wait: a -> a"],
        ),
        (
            "a loop of three, entered in the middle",
            "start: c\nnodes:\n  a: {language: {to: en, next: b}}\n  b: {answer: {next: c}}\n  c: {language: {to: pl, next: a}}\n",
            &["3:3 a loop without the caller's input or a wait: a -> b -> c -> a"],
        ),
        (
            "a way round through a menu is no loop",
            "start: a\nnodes:\n  a: {language: {to: en, next: b}}\n  b: {menu: {prompt: main-menu, keys: {1: a}}}\n",
            &[],
        ),
        (
            "two nodes that nothing leads to",
            "start: a\nnodes:\n  a: {hangup: {}}\n  b: {answer: {next: c}}\n  c: {hangup: {}}\n",
            &["4:3 node `b` is never reached", "5:3 node `c` is never reached"],
        ),
        (
            "a sound that is missing only where English is spoken",
            "language: pl\nstart: a\nnodes:\n  a: {play: {prompts: only-polish, next: b}}\n  b: {language: {to: en, next: c}}\n  c: {play: {prompts: only-polish, next: d}}\n  d: {hangup: {}}\n",
            &["6:23 no sound `only-polish` in en"],
        ),
        (
            "a sound that is Polish only, heard in Polish only",
            "language: pl\nstart: a\nnodes:\n  a: {play: {prompts: only-polish, repeat: true}}\n",
            &[],
        ),
        ("an unknown language", "language: de\nstart: a\nnodes:\n  a: {hangup: {}}\n", &["1:11 no language `de`"]),
        (
            "another name than the file's",
            "name: main\nstart: a\nnodes:\n  a: {hangup: {}}\n",
            &["1:7 the flow is named after its file, `test`, not `main`"],
        ),
        (
            "a node twice",
            "start: a\nnodes:\n  a: {hangup: {}}\n  a: {hangup: {}}\n",
            &["4:3 `a` stands here twice; first on line 3"],
        ),
    ] {
        assert_eq!(faults("ivr-flows/test.yaml", yaml.as_bytes()), expected, "{what}");
    }
}

#[test]
fn a_flow_is_named_after_its_file() {
    let good = b"start: a\nnodes:\n  a: {hangup: {}}\n";
    let flow = Flow::parse("any/folder/night-service.yaml", good, &world()).expect("a good flow");
    assert_eq!(&*flow.name, "night-service");
    assert_eq!(faults("ivr-flows/main.yml", good), ["0:0 a flow's file ends in `.yaml`"]);
    assert!(
        faults("ivr-flows/my flow.yaml", good)[0]
            .starts_with("0:0 a flow is named after its file, and `my flow` is not a name")
    );
}

/// What an attacker or an accident may put into a flow's file: one clear fault each, in well under a second (the test would hang).
#[test]
fn hostile_yaml_is_refused_clearly() {
    let bomb = (0..10).fold("a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_string(), |mut text, level| {
        let (own, last) = (char::from(b'b' + level), char::from(b'a' + level));
        let aliases = vec![format!("*{last}"); 10].join(",");
        writeln!(text, "{own}: &{own} [{aliases}]").expect("a string takes it");
        text
    });
    let many = "a: [".to_string() + &"b, ".repeat(300_000) + "]";
    let deep = (0..1000).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n");
    for (what, bytes, expected) in [
        (
            "an alias bomb",
            bomb.into_bytes(),
            "5:26 more than 100000 values in one file (aliases counted as what they stand for)",
        ),
        ("ten megabytes", vec![b'a'; 10_000_000], "0:0 the file is longer than 1048576 bytes"),
        (
            "very many values",
            many.into_bytes(),
            "1:299996 more than 100000 values in one file (aliases counted as what they stand for)",
        ),
        ("deep nesting", vec![b'['; 100_000], "1:25 lists and mappings nested deeper than 24"),
        ("deep nesting in blocks", deep.into_bytes(), "25:25 lists and mappings nested deeper than 24"),
        ("bad UTF-8", b"start: a\nnodes:\n  \xc5\x82\xff: {}\n".to_vec(), "3:4 byte 0xff is not UTF-8; save the file as UTF-8"),
        ("an alias inside itself", b"a: &a [*a]\n".to_vec(), "1:8 an alias inside its own anchor"),
        ("an unknown alias", b"a: *b\n".to_vec(), "1:4 not YAML: while parsing node, found unknown anchor"),
        ("a merge key", b"a: &a {b: c}\nc: {<<: *a}\n".to_vec(), "2:5 merge keys (`<<`) are not used here"),
        ("two documents", b"a: b\n---\nc: d\n".to_vec(), "2:1 a second document begins here; a file holds one"),
        ("a zero byte", b"start: \0\n".to_vec(), "1:8 not YAML: unexpected character: `\\u{0}'"),
        ("a list", b"- a\n".to_vec(), "1:1 a flow is a mapping (`name: value`), not a list"),
        ("a list as a key", b"? [a]\n: b\n".to_vec(), "1:3 a key is one word, not a list or a mapping"),
        ("a tag", b"start: !!binary a\nnodes: {a: {hangup: {}}}\n".to_vec(), "1:8 tags (`!...`) are not used here"),
        ("an open quote", b"start: \"a\n".to_vec(), "2:1 not YAML: invalid indentation in multiline quoted scalar"),
    ] {
        assert_eq!(faults("ivr-flows/test.yaml", &bytes), [expected], "{what}");
    }
}

#[test]
fn at_most_two_hundred_faults_are_printed_and_the_rest_are_counted() {
    let yaml = "start: a\nnodes:\n".to_string() + &"  a: {hangup: {}}\n".repeat(301);
    let found = faults("ivr-flows/test.yaml", yaml.as_bytes());
    assert_eq!((found.len(), found.last().map(String::as_str)), (201, Some("0:0 and 100 more")));
}

/// Changes the checked flow behind the checker's back, as a mistake of ours might: the run-time budget must end the call.
#[test]
fn a_loop_that_escaped_the_checks_ends_the_call() {
    let yaml = "start: a\nnodes:\n  a: {language: {to: en, next: b}}\n  b: {answer: {next: c}}\n  c: {hangup: {}}\n";
    let mut flow = Flow::parse("ivr-flows/test.yaml", yaml.as_bytes(), &world()).expect("a good flow");
    let again = flow.nodes["a"].clone();
    flow.nodes.insert("c".into(), again);
    let (said, session) = call_flow(flow, &[]);
    assert_eq!(said, ["   0.0 answer", "   0.1 hang up Loop"]);
    assert_eq!(session.visits().len(), 1000);
}

#[test]
fn music_without_end_is_no_loop_and_its_visits_stay_few() {
    let yaml = "start: a\nnodes:\n  a: {play: {prompts: welcome, next: b}}\n  b: {play: {prompts: goodbye, next: a}}\n";
    let mut session = Session::new(
        Arc::new(Flow::parse("ivr-flows/test.yaml", yaml.as_bytes(), &world()).expect("a good flow")),
        "pl".into(),
    );
    let mut out = Vec::new();
    session.handle(Event::Begin, now(0), &mut out);
    session.handle(Event::Answered, now(0), &mut out);
    for second in 1..5000 {
        let Some(Command::Play { play, .. }) = out.pop() else { panic!("it plays on and on") };
        session.handle(Event::Played { play }, now(second * 1000), &mut out);
    }
    assert!(!session.is_over());
    assert_eq!((session.visits().len(), session.visits_dropped()), (1000, 4000));
    assert_eq!(session.visits()[0].entered, now(0).wall);
    assert_eq!(session.visits().last().map(|visit| visit.entered), Some(now(4_999_000).wall));
}

#[test]
fn a_caller_who_leans_on_the_keys_is_remembered_for_thirty_two() {
    let keys: Vec<_> = (0..1000).map(|n| (n % 50, '1')).collect();
    let (_, session) = call(MAIN, &keys);
    let taken = session.visits().iter().filter(|visit| visit.outcome == "key 1").count();
    assert_eq!(taken, 32);
}

#[test]
fn the_end_of_a_prompt_that_was_replaced_means_nothing() {
    let flow = Flow::parse("ivr-flows/test.yaml", MAIN.as_bytes(), &world()).expect("a good flow");
    let mut session = Session::new(Arc::new(flow), "pl".into());
    let mut out = Vec::new();
    for event in [Event::Begin, Event::Answered] {
        session.handle(event, now(0), &mut out);
    }
    let Some(Command::Play { play: welcome, .. }) = out.pop() else { panic!("it plays the welcome") };
    session.handle(Event::Digit('1'), now(10), &mut out);
    let said = out.len();
    session.handle(Event::Played { play: welcome }, now(20), &mut out);
    session.handle(Event::Begin, now(30), &mut out);
    session.handle(Event::Answered, now(40), &mut out);
    session.handle_timeout(now(50), &mut out);
    assert_eq!(out.len(), said);
    session.handle(Event::HungUp, now(60), &mut out);
    session.handle(Event::Digit('1'), now(70), &mut out);
    assert_eq!((out.len(), session.is_over(), session.poll_timeout()), (said, true, None));
    assert!(session.visits().iter().all(|visit| visit.left.is_some()));
}

/// Any events in any order: the session answers once, plays only to who can hear it, and is silent after the end.
#[test]
fn no_order_of_events_makes_a_session_talk_out_of_turn() {
    let flows = [MAIN, OFFICE].map(|flow| Arc::new(Flow::parse("test.yaml", flow.as_bytes(), &world()).expect("a good flow")));
    for seed in 0..4000 {
        let flow = &flows[(seed % 2) as usize];
        let mut queued = false;
        let mut rng = Rng::from_seed(seed);
        let mut session = Session::new(flow.clone(), "en".into());
        let (mut answers, mut answered, mut over, mut last_play, mut millis) = (0, false, false, 0, 0);
        for _ in 0..60 {
            millis += u64::from(rng.below(4000));
            let mut out = Vec::new();
            match rng.below(16) {
                0..=1 => session.handle(Event::Begin, now(millis), &mut out),
                2..=3 => {
                    answered = true;
                    session.handle(Event::Answered, now(millis), &mut out);
                }
                4..=6 => session.handle(Event::Played { play: PlayId(last_play) }, now(millis), &mut out),
                7 => session.handle(Event::Played { play: PlayId(u64::from(rng.below(9))) }, now(millis), &mut out),
                8..=9 => {
                    let key = char::from_digit(rng.below(10), 10).expect("a digit");
                    session.handle(Event::Digit(key), now(millis), &mut out);
                }
                11..=13 => {
                    let letters = ['A', 'O', 'F', 'a', 'b', 'n', 'r', 'u', 'f', '+', '-', '*'];
                    let event = event(letters[rng.below(12) as usize]);
                    // The exchange says this only of one who is in a queue.
                    queued &= !matches!(event, Event::Queue(_));
                    session.handle(event, now(millis), &mut out);
                }
                10 if rng.chance(50) => session.handle(Event::HungUp, now(millis), &mut out),
                _ => session.handle_timeout(now(millis), &mut out),
            }
            assert!(!over || out.is_empty(), "seed {seed}: {out:?} after the end");
            for command in &out {
                assert!(!over, "seed {seed}: {command:?} after the end");
                match command {
                    Command::Answer => answers += 1,
                    Command::Play { play, .. } => {
                        assert!(answered && play.0 > last_play, "seed {seed}: {command:?}");
                        last_play = play.0;
                    }
                    Command::StopPlaying => assert!(last_play > 0, "seed {seed}: nothing plays"),
                    Command::Enqueue { .. } => {
                        assert!(answered && !queued, "seed {seed}: {command:?}");
                        queued = true;
                    }
                    Command::LeaveQueue { .. } => {
                        assert!(queued, "seed {seed}: {command:?}");
                        queued = false;
                    }
                    Command::Hangup { .. } => over = true,
                    _ => assert!(answered, "seed {seed}: {command:?} before the answer"),
                }
            }
            over |= session.is_over();
            assert!(answers <= 1, "seed {seed}: answered twice");
        }
    }
}

const OFFICE: &str = r##"
start: support
nodes:
  support:
    queue: {name: support, keys: {1: sales, "*": anna}, answered: bye, overflow: anna, failed: sorry}
  sales:
    queue: {name: sales, failed: sorry}
  anna:
    dial: {to: "1001", answered: bye, busy: bartek, no_answer: support, failed: sorry}
  bartek:
    transfer: {to: "1002", ring: 10s, failed: sorry}
  sorry:
    hangup: {cause: unavailable}
  bye:
    play: {prompts: goodbye, next: end}
  end:
    hangup: {}
"##;

#[test]
fn a_caller_waits_talks_and_is_the_flow_s_again() {
    for (caller, expected, path) in [
        (
            &[(5000, 'A')][..],
            &["0.1 enqueue support", "5.0 play pl goodbye", "7.0 hang up Normal"][..],
            "support:answered bye:next end:hangup",
        ),
        (&[(5000, 'F')], &["0.1 enqueue support", "5.0 hang up Unavailable"], "support:failed sorry:hangup"),
        (&[(5000, 'x')], &["0.1 enqueue support"], "support:hung-up"),
        (
            &[(4000, '5'), (5000, '1'), (6000, 'A')],
            &["0.1 enqueue support", "5.0 leave the queue by 1", "5.0 enqueue sales", "6.0 hang up Normal"],
            "support:key 1 sales:answered",
        ),
        // Typed ahead: what the queue knows is taken, what it does not is forgotten with the rest.
        (&[(50, '1'), (5000, 'x')], &["0.1 enqueue sales"], "support:key 1 sales:hung-up"),
        (&[(50, '2'), (60, '1'), (5000, 'x')], &["0.1 enqueue support"], "support:hung-up"),
        (
            &[(1000, 'O'), (3000, 'a')],
            &["0.1 enqueue support", "1.0 dial 1001 for 20 s", "3.0 play pl goodbye", "5.0 hang up Normal"],
            "support:overflow anna:answered bye:next end:hangup",
        ),
        (
            &[(1000, 'O'), (3000, 'n'), (4000, 'x')],
            &["0.1 enqueue support", "1.0 dial 1001 for 20 s", "3.0 enqueue support"],
            "support:overflow anna:no_answer support:hung-up",
        ),
        (
            &[(1000, '*'), (3000, 'r')],
            &["0.1 enqueue support", "1.0 leave the queue by *", "1.0 dial 1001 for 20 s", "3.0 hang up Unavailable"],
            "support:key * anna:rejected sorry:hangup",
        ),
        (
            &[(1000, 'O'), (3000, 'u')],
            &["0.1 enqueue support", "1.0 dial 1001 for 20 s", "3.0 hang up Unavailable"],
            "support:overflow anna:unavailable sorry:hangup",
        ),
        // Given away: the flow is over, without a word; whatever comes then is nobody's.
        (
            &[(1000, 'O'), (2000, 'b'), (3000, '+'), (4000, 'x')],
            &["0.1 enqueue support", "1.0 dial 1001 for 20 s", "2.0 transfer to 1002 for 10 s"],
            "support:overflow anna:busy bartek:answered",
        ),
        (
            &[(1000, 'O'), (2000, 'b'), (3000, '-')],
            &["0.1 enqueue support", "1.0 dial 1001 for 20 s", "2.0 transfer to 1002 for 10 s", "3.0 hang up Unavailable"],
            "support:overflow anna:busy bartek:busy sorry:hangup",
        ),
        // Ends of something that is not under way mean nothing.
        (&[(1000, 'a'), (1000, '+'), (2000, 'x')], &["0.1 enqueue support"], "support:hung-up"),
    ] {
        let mut said = vec!["0.0 answer"];
        said.extend(expected);
        hears(OFFICE, caller, &said, path);
    }
}

#[test]
fn a_queue_that_fails_at_once_again_and_again_does_not_keep_the_caller_going_round() {
    let flow = "start: q\nnodes:\n  q: {queue: {name: support, overflow: d, failed: end}}\n  d: {dial: {to: 1001, no_answer: q, failed: end}}\n  end: {hangup: {}}\n";
    let flow = Flow::parse("round.yaml", flow.as_bytes(), &world()).expect("a good flow");
    let mut session = Session::new(Arc::new(flow), "pl".into());
    let mut out = Vec::new();
    for event in [Event::Begin, Event::Answered] {
        session.handle(event, now(0), &mut out);
    }
    let mut rounds = 0;
    while !session.is_over() {
        session.handle(Event::Queue(QueueEnd::Overflow), now(0), &mut out);
        session.handle(Event::Dial(DialEnd::NoAnswer), now(0), &mut out);
        rounds += 1;
    }
    assert!(rounds <= 1000, "{rounds}");
    assert_eq!(out.last(), Some(&Command::Hangup { cause: Cause::Loop }));
}

#[test]
fn the_flow_in_the_documentation_is_a_good_one() {
    let text = include_str!("../docs/flows.md");
    let yaml = text.split("```yaml").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    assert_eq!(faults("ivr-flows/reception.yaml", yaml.as_bytes()), Vec::<String>::new());
}

/// What is wrong with the tests of `test`, as line and message.
fn faults_of_tests(yaml: &str) -> Vec<String> {
    let mut faults = Faults::new();
    rehearsal::read("test.test.yaml", yaml.as_bytes(), &"test".into(), &world(), &Caller::default(), &mut faults);
    let Err(faults) = faults.judge() else { return Vec::new() };
    let hint = |fault: &Fault| fault.suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    faults.iter().map(|fault| format!("{} {}{}", fault.place.line, fault.message, hint(fault))).collect()
}

#[test]
fn a_test_that_would_prove_nothing_is_a_fault() {
    let empty = "1 there is no test in this file: `- name: ...`";
    assert_eq!(faults_of_tests("[]\n"), [empty]);
    assert_eq!(faults_of_tests("# to come\n").len(), 1);
    let yaml = "- name: one\n  calendars: {ofice: open, office: open}\n  queues: {suport: {waiting: 3}}\n  steps: [{ends: hangup}]\n\
                - name: one\n  steps: [{ends: hangup}]\n";
    let expected = [
        "2 no calendar `ofice`; did you mean office?",
        "3 no queue `suport`; did you mean support?",
        "5 there is a test `one` already, in line 1",
    ];
    assert_eq!(faults_of_tests(yaml), expected);
}

#[test]
fn a_test_that_fails_says_in_words_what_was_expected_and_who_has_the_caller() {
    let flow = "start: a\nnodes:\n  a: {queue: {name: sales, failed: b}}\n  b: {hangup: {}}\n";
    let flow = Flow::parse("test.yaml", flow.as_bytes(), &world()).unwrap_or_else(|faults| panic!("{}", faults[0]));
    let flows = BTreeMap::from([(Name::from("test"), Arc::new(flow))]);
    let check = |steps: &str, expected: &str, why: &str| {
        let (yaml, mut faults) = (format!("- name: one\n  steps: [{steps}]\n"), Faults::new());
        let caller = Caller { language: "pl".into(), ..Caller::default() };
        let cases = rehearsal::read("test.test.yaml", yaml.as_bytes(), &"test".into(), &world(), &caller, &mut faults);
        assert_eq!(faults.judge(), Ok(Vec::new()), "{yaml}");
        let difference = rehearsal::play(&cases[0], &flows, &Props::default()).difference.expect("it differs");
        assert_eq!((difference.expected.as_str(), difference.why.as_str()), (expected, why), "{yaml}");
    };
    let waits = "the caller waits in queue sales: say how that ends (`queue: answered`)";
    check("{joins: support}", "the caller joins queue support", waits);
    check("{ends: hangup}", "the call ends: hangup", waits);
    check("{knows: {vars.order: 1}}", "vars.order is 1", "vars.order is nothing");
    check("{leaves: {message: support}}", "the caller leaves a message for support", waits);
}

#[test]
fn a_host_is_known_in_capitals_too_and_a_port_is_one_that_there_can_be() {
    let world = World { hosts: Some([Name::from("X.example")].into()), ..world() };
    let check = |url: &str, expected: Option<&str>| {
        let yaml = format!("start: a\nnodes:\n  a: {{http: {{get: '{url}', ok: b, failed: b}}}}\n  b: {{hangup: {{}}}}\n");
        let found = Flow::parse("test.yaml", yaml.as_bytes(), &world).err().unwrap_or_default();
        let found: Vec<_> = found.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{url}");
    };
    check("https://x.example:8443/a", None);
    check("https://X.Example/a", None);
    check("https://[::1]/a", Some("host `::1` may not be asked: it is not among the allowed ones"));
    for port in ["99999", "0", "x", ""] {
        check(&format!("https://x.example:{port}/a"), Some("`get`: a port is a number from 1 to 65535"));
    }
}
