//! Scenarios with a name, of PINs: what a caller is told, and when, while the disk does as it likes.

use super::scenarios::{MS, S, calm, lived, records};
use centrala::config::Destination;
use centrala::ivr::{self, Flow};
use centrala::sim::{Circumstances, Life, Outcome, Plan};
use centrala::time::Duration;
use std::sync::Arc;

/// In the simulated world everybody's number is their PIN.
const WHO: &str = "
start: who
nodes:
  who:
    authorize: {ask: [main-menu, main-menu], wait: 10s, tries: 1, accepted: known, refused: wrong, locked: wrong, failed: unknown}
  known: {hangup: {}}
  wrong: {hangup: {}}
  unknown: {hangup: {}}
";

fn asks_for_pins() -> Circumstances {
    let mut circumstances = calm();
    let config = Arc::make_mut(&mut circumstances.config);
    let world = ivr::World {
        languages: config.languages.clone(),
        sounds: config.languages.iter().map(|language| (language.clone(), ["main-menu".into()].into())).collect(),
        ..ivr::World::default()
    };
    let flow = Flow::parse("who.yaml", WHO.as_bytes(), &world).unwrap_or_else(|faults| panic!("{}", faults[0]));
    config.flows.insert("who".into(), Arc::new(flow));
    config.numbers.insert("501".into(), Destination::Flow("who".into()));
    circumstances
}

/// Types both numbers from the fifth second on, two keys a second, each ended by `#`; the last node, and when they were let go.
fn types(keys: &str, circumstances: Circumstances) -> (String, Duration) {
    let presses = keys.chars().zip(10..).map(|(key, at)| (MS(500) * at, key)).collect();
    let world = lived(keys, vec![Life::stranger("+48221234567", vec![Plan { presses, ..Plan::to("501") }])], circumstances);
    assert_eq!(world.people()[0].attempts[0].outcome, Some(Outcome::Released));
    let [record] = records(&world)[..] else { panic!("one record") };
    (record.path.last().expect("a path").node.clone(), record.ended.since(record.started))
}

#[test]
fn a_hung_disk_keeps_nobody_who_typed_a_wrong_pin_waiting_beyond_the_deadline() {
    // The last key is pressed after nine and a half seconds.
    for (keys, stalls, expected, within) in [
        ("1212#1212#", None, "known", 9..=11),
        ("1212#3434#", None, "wrong", 9..=11),
        // Who was right hears it at once; who was wrong when it is kept, and never after the five seconds of the question.
        ("1212#1212#", Some((S(7), S(60))), "known", 9..=11),
        ("1212#3434#", Some((S(7), S(13))), "wrong", 12..=13),
        ("1212#3434#", Some((S(7), S(60))), "unknown", 14..=16),
    ] {
        let (node, lasted) = types(keys, Circumstances { disk_stalls: stalls, ..asks_for_pins() });
        assert_eq!(node, expected, "{keys} with {stalls:?}");
        assert!(within.contains(&lasted.as_secs()), "{keys} with {stalls:?}: {lasted:?}");
    }
}
