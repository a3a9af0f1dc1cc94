//! Scenarios with a name, of three who talk: how they come together, who leaves first, what becomes of the others.

use super::scenarios::{MS, S, calm, lived, records};
use centrala::sim::{Circumstances, Leaves, Life, Manner, Outcome, Plan, Quirk, Received, World};
use centrala::store::queueing::{QueueEvent, QueueFact};
use centrala::time::Duration;

const CALLER: &str = "+48221234567";
const CODE: &str = "*3";

fn answers(after: Duration, talks: Option<Duration>) -> Manner {
    Manner::Answers { after, talks }
}

/// A stranger calls this number a second after the beginning, and hangs up so long after the answer.
fn calls(number: &str, leaves: Leaves) -> Life {
    Life::stranger(CALLER, vec![Plan { at: S(1), leaves, ..Plan::to(number) }])
}

fn never() -> Leaves {
    Leaves::Never
}

/// `user` answers a second after the first ring, calls this number in the fourth second, brings the three together two seconds
/// after the answer, and leaves when they leave.
fn gathers(user: &str, number: &str, leaves: Leaves) -> Life {
    let second = Plan { at: S(4), leaves, quirk: Quirk::Gathers(S(2)), ..Plan::to(number) };
    Life { manners: vec![answers(S(1), None)], ..Life::extension(user, vec![second]) }
}

fn received(world: &World, who: usize) -> &[Received] {
    &world.people()[who].received
}

fn talked(call: &Received) -> u64 {
    let time = call.picked_up.zip(call.ended).map_or(Duration::ZERO, |(from, until)| until.since(from));
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn outcome(world: &World, who: usize) -> Option<Outcome> {
    world.people()[who].attempts[0].outcome
}

/// How often a caller heard hold music.
fn music(world: &World, who: usize) -> usize {
    world.people()[who].attempts[0].heard.iter().filter(|sound| &*sound.name == "hold-music").count()
}

/// The talks of agents, in the order in which they ended: the reference of the call, and milliseconds.
fn talks(world: &World) -> Vec<(&str, u64)> {
    fn talk(fact: &QueueFact) -> Option<(&str, u64)> {
        match &fact.event {
            QueueEvent::Left { talked_ms, .. } => Some((&fact.reference, *talked_ms)),
            _ => None,
        }
    }
    world.ledger().queueing().iter().filter_map(|(_, fact)| talk(fact)).collect()
}

/// The two records name each other.
fn linked(world: &World) {
    let records = records(world);
    assert_eq!(records.len(), 2);
    for (record, other) in [(records[0], records[1]), (records[1], records[0])] {
        let joined: Vec<_> = record.path.iter().filter(|step| step.verb == "joined").collect();
        let [step] = joined[..] else { panic!("{:?}", record.path) };
        assert!(step.outcome.contains(&other.reference), "{:?}", record.path);
    }
    assert_eq!(records.iter().filter(|record| record.path.iter().any(|step| step.verb == "three-way")).count(), 1);
}

#[test]
fn whoever_of_three_leaves_first_the_other_two_talk_on() {
    // 1003 talks with the caller from 2 s, with 1004 from 5 s, all together from 8.2 s.
    for (first, middle, caller, third) in [
        ("1003", Leaves::AfterAnswer(S(8)), never(), Some(S(20))),
        ("caller", Leaves::AfterAnswer(S(20)), Leaves::AfterAnswer(S(11)), Some(S(30))),
        ("1004", Leaves::AfterAnswer(S(20)), never(), Some(S(8))),
    ] {
        let other = Life::agent("1004", vec![answers(S(1), third)]);
        let world = lived(first, vec![gathers("1003", "1004", middle), other, calls("1003", caller)], calm());
        assert_eq!(world.ledger().company().mixes(), 1, "{first}");
        // The line that was on hold is let go as soon as the three talk.
        let held = &received(&world, 0)[0];
        assert!((6_000..6_600).contains(&talked(held)), "{first}: {}", talked(held));
        let lasted = talked(&received(&world, 1)[0]);
        let (at_1003, at_caller) = (outcome(&world, 0), outcome(&world, 2));
        match first {
            // 1004 hangs up at 25 s.
            "1003" => assert_eq!((at_1003, at_caller), (Some(Outcome::HungUp), Some(Outcome::Released))),
            // 1003 hangs up at 25 s.
            "caller" => assert_eq!((at_1003, at_caller), (Some(Outcome::HungUp), Some(Outcome::HungUp))),
            _ => assert_eq!((at_1003, at_caller), (Some(Outcome::HungUp), Some(Outcome::Released))),
        }
        let expected = if first == "1004" { 7_900..8_200 } else { 19_900..20_300 };
        assert!(expected.contains(&lasted), "{first}: {lasted}");
        assert_eq!(music(&world, 2), 1, "{first}: only while they waited for the others");
        linked(&world);
    }
}

#[test]
fn two_telephones_outside_are_not_left_together() {
    for (first, middle, caller, third) in [
        ("1003", Leaves::AfterAnswer(S(8)), never(), None),
        ("caller", Leaves::AfterAnswer(S(20)), Leaves::AfterAnswer(S(11)), None),
        ("outside", Leaves::AfterAnswer(S(20)), never(), Some(S(8))),
    ] {
        let outside = Life::desk(0, vec![answers(S(1), third)]);
        let world = lived(first, vec![gathers("1003", "601234567", middle), outside, calls("1003", caller)], calm());
        assert_eq!(world.ledger().company().mixes(), 1, "{first}");
        let lasted = talked(&received(&world, 1)[0]);
        let expected = match first {
            "1003" | "outside" => 7_900..8_200,
            _ => 19_900..20_300,
        };
        assert!(expected.contains(&lasted), "{first}: {lasted}");
        assert_eq!(outcome(&world, 0), Some(Outcome::HungUp), "{first}: with one of them 1003 talks on");
        linked(&world);
    }
}

#[test]
fn a_code_dialled_on_a_third_line_brings_the_two_others_together() {
    let plans = vec![
        Plan { at: S(4), leaves: never(), ..Plan::to("1004") },
        Plan { at: S(9), leaves: Leaves::AfterAnswer(S(5)), ..Plan::to(CODE) },
    ];
    let middle = Life { manners: vec![answers(S(1), None)], ..Life::extension("1003", plans) };
    let other = Life::agent("1004", vec![answers(S(1), Some(S(20)))]);
    let world = lived("dialled", vec![middle, other, calls("1003", never())], calm());
    assert!(world.ledger().company().mixes() >= 1);
    let lines: Vec<_> = world.people()[0].attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(lines, [Some(Outcome::Released), Some(Outcome::HungUp)], "both held lines are let go");
    assert!((6_900..7_500).contains(&talked(&received(&world, 0)[0])));
    assert!((19_900..20_200).contains(&talked(&received(&world, 1)[0])), "1004 talks on with the caller");
    assert_eq!(outcome(&world, 2), Some(Outcome::Released));
    assert_eq!(records(&world).len(), 3);
    let alone = Life::extension("1003", vec![Plan { at: S(1), ..Plan::to(CODE) }]);
    let world = lived("nobody to bring together", vec![alone], calm());
    assert_eq!(outcome(&world, 0), Some(Outcome::Refused(480)));
}

#[test]
fn who_puts_the_others_on_hold_leaves_them_talking_and_plays_them_no_music() {
    for (user, manner) in [("1004", Manner::Holds { after: S(1), talks: S(24) }), ("1003", answers(S(1), Some(S(24))))] {
        let presses = if user == "1003" { Quirk::Holds(S(1)) } else { Quirk::None };
        let other = Life::agent("1004", vec![manner]);
        let middle = gathers("1003", "1004", Leaves::AfterAnswer(S(22)));
        let caller = Life::stranger(CALLER, vec![Plan { at: S(1), quirk: presses, ..Plan::to("1003") }]);
        let world = lived(user, vec![middle, other, caller], calm());
        assert_eq!((world.ledger().company().mixes(), music(&world, 2)), (1, 1), "{user}");
    }
}

#[test]
fn a_transfer_of_one_of_three_is_refused_and_they_talk_on() {
    let other = Life::agent("1004", vec![Manner::Transfers { after: S(1), talks: S(6), to: "1005" }]);
    let fifth = Life::agent("1005", vec![answers(S(1), None)]);
    let middle = gathers("1003", "1004", Leaves::AfterAnswer(S(15)));
    let world = lived("refers", vec![middle, other, calls("1003", never()), fifth], calm());
    assert_eq!((world.ledger().company().mixes(), received(&world, 3).len()), (1, 0), "nobody rings");
    assert_eq!(outcome(&world, 0), Some(Outcome::HungUp), "1003 stays until they leave");
    assert_eq!(outcome(&world, 2), Some(Outcome::Released));
}

#[test]
fn an_agent_is_served_no_caller_until_they_have_left_the_three_and_is_then_at_once() {
    for (first, leaves, caller) in [
        ("agent", Leaves::AfterAnswer(S(8)), never()),
        // The agent and 1004 talk on until 25 s.
        ("caller", Leaves::AfterAnswer(S(20)), Leaves::AfterAnswer(S(11))),
    ] {
        let mut agent = gathers("1001", "1004", leaves);
        agent.manners.push(answers(S(1), Some(S(3))));
        let other = Life::agent("1004", vec![answers(S(1), Some(S(40)))]);
        let next = Life::stranger("+48220000000", vec![Plan { at: S(10), ..Plan::to("600") }]);
        let world = lived(first, vec![agent, other, calls("600", caller), next], calm());
        assert_eq!(world.ledger().company().mixes(), 1, "{first}");
        let [_, served] = received(&world, 0) else { panic!("{first}: two callers: {:?}", received(&world, 0)) };
        let left = world.people()[0].attempts[0].answered.expect("answered") + if first == "agent" { S(8) } else { S(20) };
        assert!(served.came > left && served.came.since(left) < S(4), "{first}: after the rest of two seconds: {served:?}");
        assert_eq!(outcome(&world, 3), Some(Outcome::Released), "{first}");
        let stays = outcome(&world, 2);
        assert_eq!(stays, Some(if first == "agent" { Outcome::Released } else { Outcome::HungUp }), "{first}");
        // Talked with the caller from 3 s on, and until the agent left: at 13 or at 25 s.
        let [(reference, talk), _] = talks(&world)[..] else { panic!("{first}: two talks") };
        let expected = if first == "agent" { 9_500..11_100 } else { 21_500..23_100 };
        assert!(expected.contains(&talk), "{first}: {talk}");
        let caller = records(&world).into_iter().find(|record| record.reference == reference).expect("its record");
        assert_eq!(caller.dialled, "600", "{first}: the queue's call is the one that goes on");
    }
}

#[test]
fn two_queues_may_meet_and_each_agent_is_free_when_they_have_left() {
    // 1003 called the queue's agent 1001, and calls a desk of the family 3005.
    for (first, leaves, talks) in [("1003", Leaves::AfterAnswer(S(8)), S(15)), ("desk", Leaves::AfterAnswer(S(20)), S(8))] {
        let plans = vec![
            Plan { at: S(1), leaves: never(), ..Plan::to("600") },
            Plan { at: S(5), leaves, quirk: Quirk::Gathers(S(2)), ..Plan::to("3001") },
        ];
        let middle = Life::extension("1003", plans);
        let agent = Life::agent("1001", vec![answers(S(1), Some(S(30))), answers(S(1), Some(S(2)))]);
        let desk = Life::desk(1, vec![answers(S(1), Some(talks))]);
        let next = Life::stranger(CALLER, vec![Plan { at: S(8), ..Plan::to("600") }]);
        let world = lived(first, vec![middle, agent, desk, next], calm());
        assert_eq!(world.ledger().company().mixes(), 1, "{first}");
        assert_eq!(received(&world, 1).len(), 2, "{first}: the agent is served the next caller, later");
        let (talk, next) = (&received(&world, 1)[0], &received(&world, 1)[1]);
        assert!(next.came >= talk.ended.expect("over"), "{first}");
    }
}

#[test]
fn nobody_is_brought_into_somebody_else_s_call() {
    // 1003 has the caller on hold; 1005 presses the code in a call of its own.
    let presses = vec![(S(4), '*'), (MS(4_500), '3')];
    let stranger = Plan { at: S(4), presses, leaves: Leaves::AfterAnswer(S(10)), ..Plan::to("1004") };
    let holds = Life::agent("1003", vec![Manner::Holds { after: S(1), talks: S(16) }]);
    let other = Life::agent("1004", vec![answers(S(1), None)]);
    let world = lived("theirs", vec![holds, other, calls("1003", never()), Life::extension("1005", vec![stranger])], calm());
    assert_eq!((world.ledger().company().mixes(), records(&world).len()), (0, 2));
    // From outside the code is only keys.
    let presses = vec![(S(4), '*'), (MS(4_500), '3')];
    let plan = Plan { at: S(1), presses, leaves: Leaves::AfterAnswer(S(10)), ..Plan::to("1004") };
    let other = Life::agent("1004", vec![answers(S(1), None)]);
    let world = lived("outside", vec![other, Life::stranger(CALLER, vec![plan])], calm());
    assert_eq!(world.ledger().company().mixes(), 0);
}

#[test]
fn of_two_calls_on_hold_none_is_chosen() {
    let manners = vec![answers(S(1), None), answers(S(1), None)];
    let middle = Life { manners, ..gathers("1003", "1004", Leaves::AfterAnswer(S(10))) };
    let other = Life::agent("1004", vec![answers(S(1), Some(S(20)))]);
    let second = Life::stranger("+48220000000", vec![Plan { at: S(2), ..Plan::to("1003") }]);
    let world = lived("two on hold", vec![middle, other, calls("1003", never()), second], calm());
    assert_eq!(world.ledger().company().mixes(), 0);
}

#[test]
fn a_phone_that_dies_among_three_leaves_the_other_two() {
    let dies = Manner::DiesTalking { after: S(1), talks: S(6) };
    let other = Life::agent("1004", vec![dies]);
    let middle = gathers("1003", "1004", Leaves::AfterAnswer(S(40)));
    let world = lived("a third dies", vec![middle, other, calls("1003", never())], calm());
    assert_eq!((world.ledger().company().mixes(), outcome(&world, 0)), (1, Some(Outcome::HungUp)));
    assert_eq!(outcome(&world, 2), Some(Outcome::Released));
    for (user, number) in [("1003", "1003"), ("1001", "600")] {
        let middle = Life { dies: Some(S(11)), ..gathers(user, "1004", never()) };
        let other = Life::agent("1004", vec![answers(S(1), Some(S(40)))]);
        let world = lived(number, vec![middle, other, calls(number, never())], calm());
        let talk = talked(&received(&world, 1)[0]);
        assert!((39_900..40_200).contains(&talk), "{number}: the caller is not sent back to the queue: {talk}");
        assert_eq!(outcome(&world, 2), Some(Outcome::Released), "{number}");
    }
}

/// Each call counts its own time from its start; who goes over from one to the other is counted by the other's clock.
#[test]
fn a_clock_that_is_set_between_the_two_calls_turns_no_time_around() {
    for (user, number) in [("1003", "1003"), ("1001", "600")] {
        let middle = gathers(user, "1004", Leaves::AfterAnswer(S(8)));
        let other = Life::agent("1004", vec![answers(S(1), Some(S(20)))]);
        let circumstances = Circumstances { clock_set: Some((S(3), 3600)), ..calm() };
        let world = lived(number, vec![middle, other, calls(number, never())], circumstances);
        for record in records(&world) {
            let lasted = record.ended.since(record.started);
            assert!(record.legs.iter().all(|leg| leg.started <= leg.ended && leg.ended.since(leg.started) <= lasted + S(5)));
            assert!(lasted < S(60), "{number}: {lasted:?}");
        }
    }
}

#[test]
fn anybody_may_leave_at_any_instant_and_nothing_is_left() {
    for instant in 0..120u64 {
        // Around the moment at which the three come together, 8.2 s.
        let at = MS(7_800) + Duration::from_micros(7_400 * instant);
        let since = |answered: Duration| Leaves::AfterAnswer(at.saturating_sub(answered));
        for (who, middle, caller, third) in [
            ("middle", since(S(5)), never(), S(20)),
            ("caller", Leaves::AfterAnswer(S(15)), since(S(2)), S(20)),
            ("third", Leaves::AfterAnswer(S(15)), never(), at.saturating_sub(S(5))),
        ] {
            let other = Life::agent("1004", vec![answers(S(1), Some(third))]);
            let number = if instant % 2 == 0 { "1001" } else { "600" };
            let agent = gathers("1001", "1004", middle);
            let what = format!("{who} leaves at {at:?}, {number}");
            let world = lived(&what, vec![agent, other, calls(number, caller)], calm());
            assert!(received(&world, 0).iter().chain(received(&world, 1)).all(|call| call.ended.is_some()), "{what}");
            assert_eq!(records(&world).len(), 2, "{what}");
        }
    }
}
