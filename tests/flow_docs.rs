//! Every example of docs/flows.md is what it says: flows pass `check`, nodes do inside a flow, tests pass.

// A test reads the shipped files.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::config::{self, Overrides, SecretRef};
use centrala::fault::Faults;
use centrala::id::Name;
use centrala::ivr::rehearsal::{self, Props};
use centrala::ivr::{Caller, Flow, World};
use centrala::shell::files;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

const DOCS: &str = include_str!("../docs/flows.md");
/// Where the examples lead: they stand in every example's flow.
const AROUND: &str = "
  menu: {menu: {prompt: main-menu, keys: {1: sorry, 2: bye}}}
  sorry: {play: {prompts: [welcome], next: bye}}
  bye: {hangup: {}}
";

fn names(list: &[&str]) -> BTreeSet<Name> {
    list.iter().map(|name| Name::from(*name)).collect()
}

fn world() -> World {
    let sounds = names(&[
        "welcome",
        "main-menu",
        "announcement",
        "your-balance-is",
        "enter-order",
        "enter-customer-number",
        "enter-pin",
        "not-recognized",
        "callback-offer",
        "leave-a-message",
        "rate-agent",
        "rate-company",
    ]);
    World {
        languages: vec!["en".into(), "pl".into()],
        sounds: BTreeMap::from([("en".into(), sounds.clone()), ("pl".into(), sounds)]),
        queues: names(&["support"]),
        extensions: names(&["1001"]),
        calendars: names(&["office"]),
        mailboxes: names(&["support"]),
        flows: names(&["reception", "other"]),
        ..World::default()
    }
}

/// Those of one text: of the whole, but for the chapter that changes a shipped flow, or of that chapter.
fn examples(text: &str) -> Vec<&str> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix("yaml\n")).filter(|block| !block.starts_with("voice:")).collect()
}

/// What stands before the chapter that changes a shipped flow, the chapter, and what stands after it.
fn first_change() -> (&'static str, &'static str, &'static str) {
    let (before, rest) = DOCS.split_once("## A first change").expect("that chapter");
    let (chapter, after) = rest.split_once("\n## ").expect("a chapter after it");
    (before, chapter, after)
}

/// The administrator's files as they are shipped, with the change that the chapter tells, and its test.
#[test]
fn the_first_change_of_the_documentation_does_what_it_says() {
    let (_, chapter, _) = first_change();
    let [node, case] = examples(chapter)[..] else { panic!("a node and a test") };
    let mut sources = files::gather(Path::new("config")).expect("the shipped files");
    let flow = sources.flows.get_mut("ivr-flows/reception.yaml").expect("the shipped flow");
    let text = String::from_utf8(flow.clone()).expect("text").replace("3: account, ", "3: account, 4: parking, ");
    let node: String = node.lines().map(|line| format!("  {line}\n")).collect();
    *flow = text.replace("  english:\n", &format!("{node}\n  english:\n")).into_bytes();
    let secrets = |_: &SecretRef| Ok("-".repeat(config::MIN_SECRET));
    let told = config::load(&sources, &Overrides::default(), &secrets).expect_err("there is no such sound yet");
    assert_eq!(told.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>(), ["no sound `where-to-park` in en, pl"]);
    assert!(chapter.contains(&told[0].message));
    for language in ["pl", "en"] {
        sources.sounds.get_mut(language).expect("a language").insert("where-to-park".into());
    }
    let config = config::load(&sources, &Overrides::default(), &secrets).expect("a good configuration");
    let world = World { languages: config.languages.clone(), sounds: sources.sounds.clone(), ..World::default() };
    let caller = Caller { language: config.language.clone(), zone: config.zone.clone(), ..Caller::default() };
    let mut faults = Faults::new();
    let cases = rehearsal::read("reception.test.yaml", case.as_bytes(), &"reception".into(), &world, &caller, &mut faults);
    assert_eq!(faults.judge(), Ok(Vec::new()));
    let props = Props { calendars: config.calendars.clone(), speech: config.speech.clone(), ..Props::default() };
    assert_eq!(rehearsal::play(&cases[0], &config.flows, &props).difference, None);
}

fn parse(yaml: &str) -> Flow {
    Flow::parse("reception.yaml", yaml.as_bytes(), &world()).unwrap_or_else(|faults| panic!("{}\n{yaml}", faults[0]))
}

/// A flow around some nodes, in which a key leads to each of them.
fn around(nodes: &str) -> String {
    let mut keys = String::new();
    let starts = nodes.lines().filter(|line| line.starts_with(|c: char| c.is_alphabetic()) && line.ends_with(':'));
    for (key, line) in starts.enumerate() {
        write!(keys, "{key}: {line}, ").expect("a string takes it");
    }
    let keys = keys.replace(":,", ",");
    let indented: String = nodes.lines().map(|line| format!("  {line}\n")).collect();
    format!("start: all\nnodes:\n  all: {{menu: {{prompt: welcome, keys: {{{keys}8: menu}}}}}}\n{indented}{AROUND}")
}

#[test]
fn every_example_of_the_documentation_is_right() {
    let mut kinds = [0; 3];
    let mut reception = None;
    let (before, chapter, after) = first_change();
    assert_eq!(examples(chapter).len(), 2, "a node and a test");
    for example in examples(before).into_iter().chain(examples(after)) {
        if example.starts_with("- name:") {
            kinds[0] += 1;
            let flow: Arc<Flow> = Arc::clone(reception.as_ref().expect("the flow stands before its tests"));
            let flows = BTreeMap::from([(Name::from("reception"), flow)]);
            let mut faults = Faults::new();
            let caller = Caller { language: "en".into(), ..Caller::default() };
            let cases =
                rehearsal::read("reception.test.yaml", example.as_bytes(), &"reception".into(), &world(), &caller, &mut faults);
            assert_eq!(faults.judge().map_err(|faults| faults[0].to_string()), Ok(Vec::new()), "{example}");
            for case in &cases {
                let verdict = rehearsal::play(case, &flows, &Props::default());
                assert_eq!(verdict.difference, None, "{}", case.name);
            }
        } else if example.starts_with("description:") {
            kinds[1] += 1;
            reception = Some(Arc::new(parse(example)));
        } else {
            kinds[2] += 1;
            parse(&around(example));
        }
    }
    assert_eq!(kinds, [2, 1, 13], "tests, flows, nodes");
}

#[test]
fn every_verb_has_a_chapter() {
    let chapters: Vec<&str> =
        DOCS.lines().filter_map(|line| line.strip_prefix("### ")).flat_map(|line| line.split(", ")).collect();
    let missing: Vec<_> = centrala::ivr::VERBS.iter().filter(|verb| !chapters.contains(verb)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
