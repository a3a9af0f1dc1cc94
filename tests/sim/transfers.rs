//! Scenarios with a name, of transfers: who is sent on, who hears of it, who talks with whom in the end.

use super::scenarios::{MS, S, calm, lived, records};
use centrala::sim::{Leaves, Life, Manner, Outcome, Plan, Received, World};
use centrala::time::Duration;

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
        assert!(gap < MS(200), "{second}: let go {gap:?} later");
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
