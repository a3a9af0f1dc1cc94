//! Every verb, and callers who press nothing, everything, `#` a thousand times, or hang up at any moment: nothing is left behind.

use super::scenarios::{MS, S, calm, lived, records};
use centrala::config::Destination;
use centrala::fault::Faults;
use centrala::id::Name;
use centrala::ivr::{self, Flow, VERBS};
use centrala::sim::{Circumstances, Leaves, Life, Manner, Plan};
use centrala::speech::Language;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Each verb as the first node of a flow, with the fields that it must have and those that make it wait.
const NODES: &[(&str, &str)] = &[
    ("answer", "{stay: true}"),
    ("authorize", "{ask: [main-menu, main-menu], again: welcome, accepted: then, refused: end, failed: end}"),
    ("branch", "{if: caller.number == '', then: then, else: end}"),
    ("calendar", "{name: office, open: then, closed: end}"),
    ("callback", "{queue: support, prompt: main-menu, booked: then, refused: end, failed: end}"),
    ("collect", "{prompt: main-menu, into: order, digits: 4-8, secret: true, next: then, no_input: end, invalid: end}"),
    ("dial", "{to: 1001, ring: 5s, answered: then, failed: end}"),
    ("flow", "{name: other, next: then}"),
    ("hangup", "{cause: busy}"),
    ("http", "{get: 'http://127.0.0.1/{{ caller.number }}', ok: then, failed: end}"),
    ("identify", "{found: then, unknown: end}"),
    ("language", "{to: en, next: then}"),
    ("menu", "{prompt: main-menu, keys: {1: then, 2: verb, '#': verb}, no_input: end, invalid: end}"),
    ("play", "{prompts: [welcome, announcement], next: then}"),
    ("queue", "{name: support, keys: {5: then}, answered: then, failed: end}"),
    ("record", "{name: complaint, prompt: main-menu, next: then, failed: end}"),
    ("say", "{parts: [welcome, {money: '{{ 12.5 }} PLN'}], next: then, failed: end}"),
    ("set", "{vars: {order: '{{ 1 + 1 }}'}, next: then}"),
    ("survey", "{name: satisfaction, ask: [main-menu, welcome], next: then}"),
    ("transfer", "{to: 1002, ring: 5s, failed: end}"),
    ("voicemail", "{mailbox: support, prompt: main-menu, next: then, failed: end}"),
];

const OTHER: &str = "start: a\nnodes:\n  a: {play: {prompts: welcome, next: return}}\n";

/// What a caller may do while a verb has them.
struct Conduct {
    name: String,
    presses: Vec<(centrala::time::Duration, char)>,
    leaves: Leaves,
}

fn conducts() -> Vec<Conduct> {
    let keys = |count: u64, every: u64, keys: &str| {
        let keys: Vec<char> = keys.chars().collect();
        (0..count).map(|at| (MS(every * at), keys[at as usize % keys.len()])).collect()
    };
    let stays = |name: &str, presses| Conduct { name: name.into(), presses, leaves: Leaves::Never };
    let leaves = |name: String, leaves| Conduct { name, presses: keys(20, 700, "123456"), leaves };
    let mut conducts = vec![
        stays("presses nothing", Vec::new()),
        stays("presses everything", keys(300, 150, "1234567890*#")),
        stays("presses # a thousand times", keys(1000, 60, "#")),
    ];
    conducts.extend((0..8).map(|at| {
        let after = MS(1 + 60 * at);
        leaves(format!("leaves {after:?} after dialling"), Leaves::AfterDialling(after))
    }));
    conducts.extend([0, 300, 2_900, 3_100, 5_200, 9_000, 15_000].map(|at| {
        let after = MS(at);
        leaves(format!("leaves {after:?} after the answer"), Leaves::AfterAnswer(after))
    }));
    conducts
}

fn grammar() -> Arc<Language> {
    let mut faults = Faults::new();
    let read = Language::read("pl", "speech.yaml", include_bytes!("../../sounds/pl/speech.yaml"), &mut faults);
    Arc::new(read.expect("the shipped grammar"))
}

/// The simulated exchange, in which 501 leads to a flow that begins with this node.
fn exchange(verb: &str, fields: &str) -> Circumstances {
    let names = |names: &[&str]| -> BTreeSet<Name> { names.iter().map(|name| Name::from(*name)).collect() };
    let grammar = grammar();
    let mut sounds = names(&["welcome", "main-menu", "announcement"]);
    sounds.extend(grammar.fragments().keys().cloned());
    let mut circumstances = calm();
    let config = Arc::make_mut(&mut circumstances.config);
    config.speech = config.languages.iter().map(|language| (language.clone(), grammar.clone())).collect();
    let world = ivr::World {
        languages: config.languages.clone(),
        sounds: config.languages.iter().map(|language| (language.clone(), sounds.clone())).collect(),
        speech: config.speech.clone(),
        queues: names(&["support"]),
        extensions: names(&["1001", "1002"]),
        calendars: names(&["office"]),
        mailboxes: names(&["support"]),
        flows: names(&["verb", "other"]),
        ..ivr::World::default()
    };
    let mut yaml = format!("start: verb\nnodes:\n  verb: {{{verb}: {fields}}}\n");
    if fields.contains(": then") {
        yaml += "  then: {play: {prompts: welcome, next: end}}\n";
    }
    if fields.contains(": end") || fields.contains(": then") {
        yaml += "  end: {hangup: {}}\n";
    }
    let mut faults = Faults::new();
    let files = BTreeMap::from([("verb.yaml".to_string(), yaml.into_bytes()), ("other.yaml".to_string(), OTHER.into())]);
    let flows = Flow::read_all(&files, &world, &mut faults);
    assert_eq!(faults.judge(), Ok(Vec::new()), "{verb}");
    config.flows.extend(flows);
    config.numbers.insert("501".into(), Destination::Flow("verb".into()));
    circumstances
}

#[test]
fn whatever_a_caller_presses_and_whenever_they_leave_no_verb_leaves_anything_behind() {
    let named: Vec<&str> = NODES.iter().map(|(verb, _)| *verb).collect();
    assert_eq!(named, VERBS.iter().filter(|verb| **verb != "chime").copied().collect::<Vec<_>>(), "every verb has a row");
    for (verb, fields) in NODES {
        let circumstances = exchange(verb, fields);
        for conduct in conducts() {
            let Conduct { name, presses, leaves } = conduct;
            let caller = Life::stranger("+48221234567", vec![Plan { at: S(1), presses, leaves, ..Plan::to("501") }]);
            let agents = ["1001", "1002"].map(|user| Life::agent(user, vec![Manner::LetsRing; 4]));
            let lives = agents.into_iter().chain([caller]).collect();
            // What is left behind is judged there.
            let world = lived(&format!("{verb}: a caller {name}"), lives, circumstances.clone());
            let records = records(&world);
            assert!(records.len() <= 1, "{verb}: a caller {name}");
            let reached = records.iter().flat_map(|record| &record.path).any(|step| step.verb == *verb);
            assert!(reached || matches!(leaves, Leaves::AfterDialling(_)), "{verb}: a caller {name} was never there");
        }
    }
}
