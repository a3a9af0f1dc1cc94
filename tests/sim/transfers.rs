//! Scenarios with a name, of transfers: who is sent on, who hears of it, who talks with whom in the end.

use super::scenarios::{MS, S, calm, lived, records};
use centrala::acd::PauseRule;
use centrala::sim::{Leaves, Life, Manner, Outcome, Plan, Quirk, Received, World, spoken};
use centrala::time::Duration;
use std::sync::Arc;

const CALLER: &str = "+48221234567";

fn answers(after: Duration, talks: Option<Duration>) -> Manner {
    Manner::Answers { after, talks }
}

fn transfers(talks: Duration, to: &'static str) -> Manner {
    Manner::Transfers { after: S(1), talks, to }
}

fn received(world: &World, who: usize) -> &[Received] {
    &world.people()[who].received
}

fn talked(call: &Received) -> u64 {
    let time = call.picked_up.zip(call.ended).map_or(Duration::ZERO, |(from, until)| until.since(from));
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A stranger calls this number a second after the beginning.
fn calls(number: &str) -> Life {
    Life::stranger(CALLER, vec![Plan { at: S(1), ..Plan::to(number) }])
}

#[test]
fn a_caller_who_is_sent_on_talks_with_the_second_and_the_first_is_let_go() {
    for (second, life) in [
        ("1004", Life::agent("1004", vec![answers(S(2), Some(S(5)))])),
        ("1002", Life::agent("1002", vec![answers(S(2), Some(S(5)))])),
    ] {
        let first = Life::agent("1003", vec![transfers(S(3), second)]);
        let world = lived(second, vec![first, life, calls("1003")], calm());
        let (first, next) = (&received(&world, 0)[0], &received(&world, 1)[0]);
        assert_eq!(next.from, CALLER, "{second} sees who calls, not who sends");
        assert!((4_900..5_200).contains(&talked(next)), "{second}: {next:?}");
        let gap = first.ended.expect("let go").since(next.picked_up.expect("picked up"));
        assert!(gap < MS(700), "{second}: let go {gap:?} later");
        assert_eq!(world.people()[2].attempts[0].outcome, Some(Outcome::Released), "{second}");
        let [record] = records(&world)[..] else { panic!("one record") };
        assert_eq!(record.legs.len(), 3, "{second}");
        assert!(record.path.iter().any(|step| step.verb == "transfer"), "{second}: {:?}", record.path);
    }
}

#[test]
fn a_transfer_that_nobody_takes_brings_the_two_together_again() {
    for (to, manner) in [
        ("1004", Manner::Refuses { after: S(1), status: 486 }),
        ("1004", Manner::SpeaksUnknownCodec { after: S(1) }),
        ("1005", answers(S(1), None)),
        ("9999", answers(S(1), None)),
    ] {
        let first = Life::agent("1003", vec![transfers(S(2), to)]);
        let world = lived(to, vec![first, Life::agent("1004", vec![manner]), calls("1003")], calm());
        let call = &received(&world, 0)[0];
        assert!(talked(call) > 20_000, "{to} {}: the first hangs up in the end: {}", manner.name(), talked(call));
        assert_eq!(world.people()[2].attempts[0].outcome, Some(Outcome::Released));
        assert_eq!(records(&world).len(), 1);
    }
}

#[test]
fn an_agent_sends_a_customer_on_and_is_free_again() {
    let first = Life::agent("1001", vec![transfers(S(2), "1004"), answers(S(1), Some(S(4)))]);
    let second = Life::agent("1004", vec![answers(S(1), Some(S(20)))]);
    let next = Life::stranger("+48220000000", vec![Plan { at: S(5), ..Plan::to("600") }]);
    let world = lived("an agent transfers", vec![first, second, calls("600"), next], calm());
    assert!(talked(&received(&world, 1)[0]) > 19_000);
    let calls = received(&world, 0);
    assert_eq!(calls.len(), 2, "the next customer is served by the agent who sent the first one on: {calls:?}");
    assert!(calls[1].came.since(calls[0].ended.expect("let go")) < S(4), "after the rest of two seconds");
    assert_eq!(records(&world).len(), 2);
}

#[test]
fn a_caller_who_is_sent_to_a_queue_or_a_flow_goes_on_there() {
    let sends = |to| Life::agent("1003", vec![transfers(S(2), to)]);
    let agent = Life::agent("1001", vec![answers(S(1), Some(S(5)))]);
    let world = lived("to a queue", vec![sends("600"), agent, calls("1003")], calm());
    assert!((4_900..5_300).contains(&talked(&received(&world, 1)[0])), "{:?}", received(&world, 1));
    let caller = Life::stranger(CALLER, vec![Plan { at: S(1), leaves: Leaves::AfterAnswer(S(12)), ..Plan::to("1003") }]);
    let world = lived("to a flow", vec![sends("100"), caller], calm());
    let heard: Vec<&str> = world.people()[1].attempts[0].heard.iter().map(|sound| &*sound.name).collect();
    assert!(heard.contains(&"welcome"), "{heard:?}");
    assert!(talked(&received(&world, 0)[0]) < 3_000);
}

#[test]
fn a_caller_may_give_up_at_any_instant_of_a_transfer_and_nothing_is_left() {
    for instant in 0..300u64 {
        let leaves = Leaves::AfterDialling(Duration::from_micros(1_000_000 + 20_000 * instant));
        let caller = Life::stranger(CALLER, vec![Plan { at: S(1), leaves, ..Plan::to("1003") }]);
        let first = Life::agent("1003", vec![transfers(S(1), "1004")]);
        let second = Life::agent("1004", vec![answers(S(2), Some(S(3)))]);
        let world = lived(&format!("instant {instant}"), vec![first, second, caller], calm());
        for call in received(&world, 0).iter().chain(received(&world, 1)) {
            assert!(call.ended.is_some(), "instant {instant}: {call:?}");
        }
        assert_eq!(records(&world).len(), 1, "instant {instant}");
    }
}

/// 1003 is called, calls this number, and joins the two.
fn consults(number: &str, manners: Vec<Manner>) -> Life {
    let second = Plan { at: S(4), quirk: Quirk::Joins(S(2)), ..Plan::to(number) };
    Life { manners, ..Life::extension("1003", vec![second]) }
}

#[test]
fn two_calls_of_one_phone_become_one_and_the_records_name_each_other() {
    for (number, other) in [
        ("1004", Life::agent("1004", vec![answers(S(1), Some(S(10)))])),
        ("600", Life::agent("1001", vec![answers(S(1), Some(S(10)))])),
        ("601234567", Life::desk(0, vec![answers(S(1), Some(S(10)))])),
    ] {
        let middle = consults(number, vec![answers(S(1), None)]);
        let world = lived(number, vec![middle, other, calls("1003")], calm());
        let (first, third) = (&received(&world, 0)[0], &received(&world, 1)[0]);
        // 1003 rings from 1 s, talks from 2 s, is answered at 5 s (by the queue at 4), and joins the two 2 s later; the third
        // hangs up at 15 s.
        assert!((3_900..5_700).contains(&talked(first)), "{number}: {}", talked(first));
        assert!((9_900..10_200).contains(&talked(third)), "{number}: {}", talked(third));
        assert_eq!(world.people()[2].attempts[0].outcome, Some(Outcome::Released), "{number}");
        let records = records(&world);
        assert_eq!(records.len(), 2, "{number}");
        for record in &records {
            let other = records.iter().find(|other| other.reference != record.reference).expect("the other one");
            let names = |step: &centrala::store::PathStep| step.outcome.contains(&other.reference);
            assert!(record.path.iter().any(names), "{number}: {:?}", record.path);
        }
    }
}

/// Each flow counts its plays from one; a leg that has heard one flow goes on in another.
#[test]
fn a_caller_who_is_joined_to_their_agents_own_call_goes_on_in_the_flow_that_it_walks() {
    let second = Plan { at: S(8), quirk: Quirk::Joins(S(1)), ..Plan::to("100") };
    let agent = Life { calls: vec![second], ..Life::agent("1001", vec![answers(S(1), None)]) };
    let caller =
        Plan { at: S(1), presses: vec![(S(4), '2'), (S(25), '#')], leaves: Leaves::AfterDialling(S(40)), ..Plan::to("100") };
    let world = lived("joins a flow", vec![agent, Life::stranger(CALLER, vec![caller])], calm());
    let heard = spoken(&world.people()[1].attempts[0].heard, &"pl".into());
    let menus = heard.iter().filter(|sound| *sound == "main-menu").count();
    assert!(menus >= 2, "the menu of either flow: {heard:?}");
}

#[test]
fn a_caller_is_joined_to_a_phone_that_still_rings_or_to_a_queue_that_waits() {
    let middle = |number| consults(number, vec![answers(S(1), None)]);
    let late = Life::agent("1004", vec![answers(S(20), Some(S(5)))]);
    let world = lived("still rings", vec![middle("1004"), late, calls("1003")], calm());
    assert!((4_900..5_200).contains(&talked(&received(&world, 1)[0])), "{:?}", received(&world, 1));
    let late = Life { registers: Some(S(30)), ..Life::agent("1001", vec![answers(S(1), Some(S(5)))]) };
    let world = lived("still waits", vec![middle("600"), late, calls("1003")], calm());
    let call = &received(&world, 1)[0];
    assert!((4_900..5_200).contains(&talked(call)) && call.from == CALLER, "{call:?}");
    let heard: Vec<&str> = world.people()[2].attempts[0].heard.iter().map(|sound| &*sound.name).collect();
    assert_eq!(heard.last(), Some(&"hold-music"));
}

#[test]
fn a_call_that_rings_elsewhere_is_picked_up() {
    for (rings_at, number) in [("1004", "1004"), ("1001", "600")] {
        let rings = Life::agent(rings_at, vec![Manner::LetsRing]);
        let code = format!("*8{rings_at}");
        let picks = Life::extension("1005", vec![Plan { at: S(4), leaves: Leaves::AfterAnswer(S(6)), ..Plan::to(&code) }]);
        let world = lived(number, vec![rings, picks, calls(number)], calm());
        let (rang, picked) = (&received(&world, 0)[0], &world.people()[1].attempts[0]);
        let stopped = rang.ended.expect("it rings no more").since(rang.came);
        assert!(stopped < S(4), "{number}: {stopped:?}");
        assert_eq!(picked.outcome, Some(Outcome::HungUp), "{number}");
        assert_eq!(world.people()[2].attempts[0].outcome, Some(Outcome::Released), "{number}");
        assert_eq!(records(&world).len(), 2, "{number}");
    }
    let nobody = Life::extension("1005", vec![Plan { at: S(1), ..Plan::to("*81003") }]);
    let world = lived("nothing rings", vec![nobody], calm());
    assert_eq!(world.people()[0].attempts[0].outcome, Some(Outcome::Refused(480)));
}

#[test]
fn a_caller_who_is_parked_hears_music_until_somebody_fetches_them() {
    for slot in ["702", "*5"] {
        let parks = Life::agent("1003", vec![transfers(S(2), slot)]);
        let dials = if slot == "*5" { "701" } else { slot };
        let fetches = Life::extension("1005", vec![Plan { at: S(8), leaves: Leaves::AfterAnswer(S(4)), ..Plan::to(dials) }]);
        let world = lived(slot, vec![parks, fetches, calls("1003")], calm());
        assert!(talked(&received(&world, 0)[0]) < 2_700, "{slot}: who parks is free");
        assert_eq!(world.people()[1].attempts[0].outcome, Some(Outcome::HungUp), "{slot}");
        let heard: Vec<&str> = world.people()[2].attempts[0].heard.iter().map(|sound| &*sound.name).collect();
        assert_eq!(heard.last(), Some(&"hold-music"), "{slot}");
        assert_eq!(world.people()[2].attempts[0].outcome, Some(Outcome::Released), "{slot}");
    }
    let parks = Life::agent("1003", vec![transfers(S(2), "702"), answers(S(1), Some(S(3)))]);
    let world = lived("nobody comes", vec![parks, calls("1003")], calm());
    let again = &received(&world, 0)[1];
    assert!((2_900..3_200).contains(&talked(again)), "who parked is rung: {again:?}");
}

#[test]
fn forwards_and_groups_lead_on() {
    let talks = |user: &str| Life::agent(user, vec![answers(S(1), Some(S(4)))]);
    for (number, who) in [("1006", "1003"), ("1007", "1001"), ("310", "1002"), ("311", "1002")] {
        let world = lived(number, vec![talks(who), calls(number)], calm());
        let [call] = received(&world, 0) else { panic!("{number}: one call comes") };
        assert!((3_900..4_200).contains(&talked(call)), "{number}: {call:?}");
    }
    let lets_ring = Life::agent("1001", vec![Manner::LetsRing]);
    let world = lived("in turn", vec![lets_ring, talks("1002"), calls("311")], calm());
    let waited = received(&world, 1)[0].came.since(received(&world, 0)[0].came);
    assert!((S(5)..S(5) + MS(200)).contains(&waited), "{waited:?}");
}

#[test]
fn a_phone_of_the_house_calls_outside_and_a_caller_from_outside_does_not() {
    let answered = Life::desk(0, vec![answers(S(1), Some(S(4)))]);
    let inside = Life::extension("1003", vec![Plan { at: S(1), ..Plan::to("601234567") }]);
    let world = lived("outside", vec![answered.clone(), inside], calm());
    assert_eq!(received(&world, 0)[0].from, "1003");
    let world = lived("not for callers", vec![answered.clone(), calls("601234567")], calm());
    assert!(received(&world, 0).is_empty());
    assert_eq!(world.people()[1].attempts[0].outcome, Some(Outcome::Refused(404)));
    let premium = Life::extension("1003", vec![Plan { at: S(1), ..Plan::to("701234567") }]);
    let world = lived("premium", vec![answered, premium], calm());
    assert!(received(&world, 0).is_empty());
    assert_eq!(world.people()[1].attempts[0].outcome, Some(Outcome::Refused(403)));
}

/// 1003 or whoever dials these codes, one after the other from the second second on.
fn dials_codes(user: &str, codes: &[(u64, &str)], manners: Vec<Manner>) -> Life {
    let calls = codes.iter().map(|(at, code)| Plan { at: S(*at), ..Plan::to(code) }).collect();
    Life { manners, ..Life::extension(user, calls) }
}

fn outcomes(world: &World, who: usize) -> Vec<Option<Outcome>> {
    world.people()[who].attempts.iter().map(|attempt| attempt.outcome).collect()
}

#[test]
fn an_agent_goes_to_lunch_by_a_code_and_comes_back_by_another() {
    let agent = dials_codes("1001", &[(1, "*13"), (12, "*10")], vec![answers(S(1), Some(S(3)))]);
    let caller = Life::stranger(CALLER, vec![Plan { at: S(4), ..Plan::to("600") }]);
    let world = lived("lunch", vec![agent, caller], calm());
    assert_eq!(outcomes(&world, 0), [Some(Outcome::Released); 2], "both codes are answered with a tone");
    let heard: Vec<&str> = world.people()[0].attempts[0].heard.iter().map(|sound| &*sound.name).collect();
    assert_eq!(heard, ["done"]);
    let [call] = received(&world, 0) else { panic!("one call comes") };
    assert!(call.came.as_nanos() > received_after(&world, 12), "not during lunch: {call:?}");
    let mut strict = calm();
    let settings = Arc::make_mut(&mut Arc::make_mut(&mut strict.config).acd);
    settings.pauses.insert("lunch".into(), PauseRule { quota: Some(S(2)), ..PauseRule::default() });
    let greedy = dials_codes("1001", &[(1, "*13"), (10, "*10"), (20, "*13")], Vec::new());
    let world = lived("a second lunch", vec![greedy], strict);
    let (done, refused) = (Some(Outcome::Released), Some(Outcome::Refused(403)));
    assert_eq!(outcomes(&world, 0), [done, done, refused], "no tone of success for a pause that is not");
    let nobody = dials_codes("1003", &[(1, "*13")], Vec::new());
    let world = lived("no agent", vec![nobody], calm());
    assert_eq!(outcomes(&world, 0), [Some(Outcome::Refused(403))]);
}

/// So many seconds after the beginning of a world, as its moments count.
fn received_after(world: &World, seconds: i64) -> i64 {
    let dialled = world.people()[0].attempts[0].dialled.expect("dialled in the first second");
    dialled.as_nanos() + (seconds - 1) * 1_000_000_000
}

#[test]
fn a_forward_is_made_by_a_code_judged_at_once_and_taken_back() {
    let away = dials_codes("1003", &[(1, "*211004"), (3, "*21701234567"), (14, "#21")], vec![answers(S(1), Some(S(2)))]);
    let other = Life::agent("1004", vec![answers(S(1), Some(S(2)))]);
    let callers = [6, 18].map(|at| Life::stranger(CALLER, vec![Plan { at: S(at), ..Plan::to("1003") }]));
    let world = lived("forwards", [away, other].into_iter().chain(callers).collect(), calm());
    let [made, premium, back] = outcomes(&world, 0)[..] else { panic!("three codes") };
    assert_eq!((made, back), (Some(Outcome::Released), Some(Outcome::Released)));
    assert_eq!(premium, Some(Outcome::Refused(403)), "what may not be dialled may not be forwarded to");
    assert_eq!((received(&world, 0).len(), received(&world, 1).len()), (1, 1), "the first call went to 1004, the second not");
}
