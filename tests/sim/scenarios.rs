//! Scenarios with a name: one caller or a few, mostly in fair weather, and exactly what becomes of them.

use centrala::sim::{
    Attempt, Circumstances, Identity, Keys, Leaves, Life, Manner, Outcome, Plan, Quirk, Weather, World, lab, live, spoken,
};
use centrala::store::CallRecord;
use centrala::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

pub const S: fn(u64) -> Duration = Duration::from_secs;
pub const MS: fn(u64) -> Duration = Duration::from_millis;
const MANY_LINES: usize = 20_000;

pub fn calm() -> Circumstances {
    Circumstances::calm(lab::config(), lab::sounds())
}

/// Lives a world to its end; every promise is judged on the way.
#[track_caller]
pub fn lived(name: &str, lives: Vec<Life>, circumstances: Circumstances) -> World {
    let mut world = World::new(7, lives.clone(), circumstances.clone());
    if let Err(violation) = live(&mut world) {
        let mut again = World::new(7, lives, Circumstances { transcript: Some(80), ..circumstances });
        let _ = live(&mut again);
        panic!("{name}: {violation}\n{}", again.trace().lines().join("\n"));
    }
    world
}

fn attempt(world: &World) -> &Attempt {
    &world.people()[0].attempts[0]
}

pub fn records(world: &World) -> Vec<&CallRecord> {
    world.ledger().records().values().collect()
}

/// What a single caller is to experience.
struct Expected {
    hears: &'static [&'static str],
    outcome: Outcome,
    /// Outcome and "ended by" of the record; none when there is to be no call.
    record: Option<(&'static str, &'static str)>,
    path: &'static [&'static str],
}

#[track_caller]
fn check(name: &str, plan: Plan, expected: Expected) {
    let world = lived(name, vec![Life::stranger("+48221234567", vec![plan])], calm());
    let call = attempt(&world);
    assert_eq!(spoken(&call.heard, &"pl".into()), expected.hears, "{name}: heard");
    assert_eq!(call.outcome, Some(expected.outcome), "{name}: outcome");
    let records = records(&world);
    let told = records.first().map(|record| (record.outcome.as_str(), record.ended_by.as_str()));
    assert_eq!((records.len(), told), (usize::from(expected.record.is_some()), expected.record), "{name}: record");
    let path: Vec<_> = records.iter().flat_map(|record| &record.path).map(|step| step.node.as_str()).collect();
    assert_eq!(path, expected.path, "{name}: path");
}

#[test]
fn a_caller_hears_the_welcome_and_then_the_menu() {
    let plan = Plan { leaves: Leaves::AfterAnswer(S(5)), ..Plan::to("100") };
    let expected = Expected {
        hears: &["welcome", "main-menu"],
        outcome: Outcome::HungUp,
        record: Some(("completed", "caller")),
        path: &["greet", "choose"],
    };
    check("listens to the menu", plan, expected);
}

#[test]
fn a_caller_presses_9_and_then_1_and_hears_english() {
    let presses = vec![(S(4), '9'), (S(9), '1'), (S(15), '0')];
    let expected = || Expected {
        hears: &["welcome", "main-menu", "en/welcome", "en/main-menu", "en/announcement", "en/main-menu"],
        outcome: Outcome::Released,
        record: Some(("completed", "exchange")),
        path: &["greet", "choose", "english", "greet", "choose", "tell", "choose", "bye"],
    };
    check("by telephone-event", Plan { presses: presses.clone(), ..Plan::to("100") }, expected());
    check("by INFO", Plan { presses: presses.clone(), keys: Keys::Info, ..Plan::to("100") }, expected());
    check("with a delayed offer", Plan { presses, delayed: true, ..Plan::to("100") }, expected());
}

#[test]
fn a_caller_who_says_nothing_is_let_go_after_three_tries() {
    let expected = Expected {
        hears: &["welcome", "main-menu", "main-menu", "main-menu"],
        outcome: Outcome::Released,
        record: Some(("completed", "exchange")),
        path: &["greet", "choose", "bye"],
    };
    check("says nothing", Plan::to("100"), expected);
}

#[test]
fn a_number_that_nobody_has_is_refused() {
    let expected = Expected { hears: &[], outcome: Outcome::Refused(404), record: Some(("refused", "exchange")), path: &[] };
    check("dials 999", Plan::to("999"), expected);
}

#[test]
fn a_call_ends_when_it_has_lasted_as_long_as_calls_may() {
    let expected =
        Expected { hears: &[], outcome: Outcome::Released, record: Some(("completed", "exchange")), path: &["pick-up"] };
    check("stays on the line", Plan::to("101"), expected);
}

#[test]
fn an_invite_that_is_repeated_makes_one_call_and_one_record() {
    for after in (0..3000).step_by(150) {
        let plan = Plan { quirk: Quirk::Repeats(MS(after)), leaves: Leaves::AfterAnswer(S(2)), ..Plan::to("100") };
        let expected =
            Expected { hears: &["welcome"], outcome: Outcome::HungUp, record: Some(("completed", "caller")), path: &["greet"] };
        check(&format!("repeated after {after} ms"), plan, expected);
    }
}

#[test]
fn an_invite_that_comes_by_two_ways_makes_one_call_and_the_other_is_told_482() {
    let plan = Plan { quirk: Quirk::Forks, leaves: Leaves::AfterAnswer(S(2)), ..Plan::to("100") };
    let circumstances = Circumstances { transcript: Some(MANY_LINES), ..calm() };
    let world = lived("two ways", vec![Life::stranger("+48221234567", vec![plan])], circumstances);
    assert_eq!(records(&world).len(), 1);
    assert!(world.trace().lines().iter().any(|line| line.contains("SIP/2.0 482")), "482 Loop Detected is said");
}

#[test]
fn a_caller_who_never_acknowledges_is_let_go_and_the_record_says_so() {
    let plan = Plan { quirk: Quirk::NeverAcknowledges, ..Plan::to("101") };
    let world = lived("no ACK", vec![Life::stranger("+48221234567", vec![plan])], calm());
    assert_eq!(attempt(&world).outcome, Some(Outcome::Released));
    let [record] = records(&world)[..] else { panic!("one record") };
    let lasted = record.ended.since(record.started).as_secs();
    assert!((31..=34).contains(&lasted), "64*T1 pass, then BYE: {lasted} s");
    assert_eq!((record.outcome.as_str(), record.ended_by.as_str()), ("failed", "network"));
    assert_eq!(record.legs[0].ending, "no ack");
}

#[test]
fn a_wrong_password_opens_nothing() {
    let plans = || vec![Plan::to("100")];
    let wrong = Life {
        identity: Identity::Extension { user: "1001".into(), password: "guess".into() },
        ..Life::extension("1001", plans())
    };
    let claims = Life::stranger("1001", plans());
    for (name, life) in [("a guess", wrong), ("a claim through the trunk", claims)] {
        let world = lived(name, vec![life], calm());
        assert!(matches!(attempt(&world).outcome, Some(Outcome::Refused(401 | 403))), "{name}: {:?}", attempt(&world).outcome);
        assert!(records(&world).is_empty(), "{name}: no call");
        assert!(!world.people()[0].registered, "{name}: no registration");
    }
    let world = lived("the right password", vec![Life::extension("1001", plans())], calm());
    assert!(world.people()[0].registered);
    assert_eq!(records(&world)[0].source, "extension 1001");
}

/// The answer comes at once, so only a slow, uneven line lets a CANCEL fall between the 100 and the 200.
#[test]
fn a_cancel_at_any_of_a_thousand_instants_leaves_nothing() {
    let uneven = Weather { delay: MS(5), jitter: MS(60), ..Weather::CALM };
    let mut outcomes = BTreeSet::new();
    let mut recorded = BTreeSet::new();
    for instant in 0..1000u64 {
        let plan = Plan { leaves: Leaves::AfterDialling(Duration::from_micros(150 * instant)), ..Plan::to("100") };
        let circumstances = Circumstances { inbound: uneven, outbound: uneven, ..calm() };
        let lives = vec![Life::stranger("+48221234567", vec![plan])];
        let world = lived(&format!("instant {instant}"), lives, circumstances);
        outcomes.extend(attempt(&world).outcome);
        assert!(records(&world).len() <= 1);
        recorded.extend(records(&world).first().map(|record| record.outcome.clone()));
    }
    assert!(outcomes.is_subset(&BTreeSet::from([Outcome::Cancelled, Outcome::HungUp])), "{outcomes:?}");
    assert_eq!(outcomes.len(), 2, "before and after the answer");
    assert!(recorded.contains("completed"), "{recorded:?}");
}

#[test]
fn a_caller_may_hang_up_in_every_node() {
    let mut left_in = BTreeSet::new();
    for step in 0..80u64 {
        let presses = vec![(S(4), '1'), (S(9), '9'), (S(14), '1')];
        let plan = Plan { presses, leaves: Leaves::AfterAnswer(MS(250 * step)), ..Plan::to("100") };
        let world = lived(&format!("leaves after {} ms", 250 * step), vec![Life::stranger("+48221234567", vec![plan])], calm());
        let [record] = records(&world)[..] else { panic!("one record") };
        assert_eq!((record.outcome.as_str(), record.ended_by.as_str()), ("completed", "caller"));
        left_in.extend(record.path.last().map(|step| step.node.clone()));
    }
    let expected = ["choose", "greet", "tell"].map(String::from);
    assert_eq!(left_in, BTreeSet::from(expected), "`english` and `bye` take no time");
}

#[test]
fn a_phone_that_dies_leaves_nothing_once_calls_may_last_no_longer() {
    for after in [0, 1, 3, 10, 500, 4_000, 9_000] {
        let plan = Plan { quirk: Quirk::Vanishes(MS(after)), ..Plan::to("101") };
        let world = lived(&format!("dies after {after} ms"), vec![Life::stranger("+48221234567", vec![plan])], calm());
        assert_eq!(attempt(&world).outcome, Some(Outcome::Vanished));
    }
}

/// The refusal of a damaged copy names the transaction of the good one, so it may end the call; it never does more.
#[test]
fn a_damaged_copy_of_an_invite_ends_the_call_or_is_not_noticed() {
    let mut outcomes = BTreeSet::new();
    for at in 0..40 {
        let plan = Plan { quirk: Quirk::Mangles, at: MS(at), presses: vec![(S(6), '0')], ..Plan::to("100") };
        let strangers = (0..4).map(|_| Life::stranger("+48221234567", vec![plan.clone()])).collect();
        let world = lived(&format!("damaged at {at} ms"), strangers, calm());
        outcomes.extend(world.people().iter().filter_map(|person| person.attempts[0].outcome));
    }
    assert!(outcomes.contains(&Outcome::Released) && outcomes.contains(&Outcome::Refused(400)), "{outcomes:?}");
    let foreseen = |outcome: &Outcome| matches!(outcome, Outcome::Released | Outcome::Refused(400..=606));
    assert!(outcomes.iter().all(foreseen), "{outcomes:?}");
}

#[test]
fn a_call_survives_a_hold_a_probe_and_a_contact_that_is_a_name() {
    for quirk in
        [Quirk::Holds(MS(200)), Quirk::Probes(S(1)), Quirk::NamedContact, Quirk::Echoes, Quirk::Proxied, Quirk::Steered]
    {
        let plan = Plan { quirk, presses: vec![(S(6), '0')], ..Plan::to("100") };
        let expected = Expected {
            hears: &["welcome", "main-menu"],
            outcome: Outcome::Released,
            record: Some(("completed", "exchange")),
            path: &["greet", "choose", "bye"],
        };
        check(quirk.name(), plan, expected);
    }
}

#[test]
fn an_extension_that_has_a_name_is_called_by_it_whatever_its_phone_says() {
    let name = |configured: &str| {
        let mut circumstances = calm();
        let config = Arc::make_mut(&mut circumstances.config);
        config.extensions.get_mut("1003").expect("of the lab").name = configured.into();
        let callee = Life::agent("1004", vec![Manner::Answers { after: S(1), talks: Some(S(2)) }]);
        let caller = Life::extension("1003", vec![Plan { at: S(1), ..Plan::to("1004") }]);
        let world = lived(configured, vec![callee, caller], circumstances);
        let [record] = records(&world)[..] else { panic!("one record") };
        [record.from.number.clone(), record.from.name.clone()]
    };
    assert_eq!(name("Reception"), ["1003", "Reception"]);
    assert_eq!(name(""), ["1003", "Caller 1"], "what the phone says, where nothing is configured");
}

#[test]
fn who_calls_from_outside_is_shown_as_what_can_be_dialled() {
    for (written, shown) in [
        ("48600100200", "+48600100200"),
        ("0048600100200", "+48600100200"),
        ("600100200", "+48600100200"),
        ("+4930123456", "+4930123456"),
        ("5551", "5551"),
        ("anonymous", "anonymous"),
    ] {
        let callee = Life::agent("1004", vec![Manner::Answers { after: S(1), talks: Some(S(2)) }]);
        let caller = Life::stranger(written, vec![Plan { at: S(1), ..Plan::to("1004") }]);
        let world = lived(written, vec![callee, caller], calm());
        assert_eq!(world.people()[0].received[0].from, shown, "{written}");
        let [record] = records(&world)[..] else { panic!("{written}: one record") };
        assert_eq!(record.from.number, shown, "{written}");
    }
}

#[test]
fn a_record_says_which_provider_brought_and_carried_a_call() {
    let callee = Life::desk(0, vec![Manner::Answers { after: S(1), talks: Some(S(2)) }]);
    let caller = Life::extension("1003", vec![Plan { at: S(1), ..Plan::to("601234567") }]);
    let world = lived("carried", vec![callee, caller], calm());
    let [record] = records(&world)[..] else { panic!("one record") };
    let legs: Vec<_> = record.legs.iter().map(|leg| (&*leg.role, &*leg.party.number, &*leg.trunk)).collect();
    assert!(legs.contains(&("caller", "1003", "")) && legs.contains(&("trunk", "+48601234567", "provider")), "{legs:?}");
    let callee = Life::agent("1004", vec![Manner::Answers { after: S(1), talks: Some(S(2)) }]);
    let world =
        lived("brought", vec![callee, Life::stranger("+48600100200", vec![Plan { at: S(1), ..Plan::to("1004") }])], calm());
    let [record] = records(&world)[..] else { panic!("one record") };
    let legs: BTreeSet<_> = record.legs.iter().map(|leg| (&*leg.role, &*leg.trunk)).collect();
    assert_eq!(legs, BTreeSet::from([("caller", "provider"), ("extension", "")]));
}
