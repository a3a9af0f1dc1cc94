//! Skills, steps, preferences, overflow, head starts: what holds for whom, and from when.

use super::*;
use crate::time::Wall;

fn condition(text: &str) -> Condition {
    Condition::parse(text).unwrap_or_else(|wrong| panic!("{text}: {}", wrong.why))
}

fn skilled(place: u32, queues: &[&str], skills: &[(&str, u8)]) -> Agent {
    Agent { skills: skills.iter().map(|(skill, level)| (name(skill), *level)).collect(), ..agent(place, queues) }
}

fn in_group(place: u32, group: &str, queues: &[&str]) -> Agent {
    let groups = [(name(group), Membership { position: place, ..Membership::default() })].into();
    Agent { groups, ..agent(place, queues) }
}

fn with_steps(steps: Vec<Step>) -> Queue {
    Queue { steps, ..queue(Strategy::LongestIdle) }
}

fn overflowing(on: Trigger, act: OverflowAct) -> Queue {
    Queue { overflow: vec![Overflow { on, act }], ..queue(Strategy::LongestIdle) }
}

#[test]
fn only_agents_who_know_what_is_needed_are_asked() {
    let house = settings(
        &[("support", queue(Strategy::LongestIdle))],
        &[
            ("anna", skilled(1, &["support"], &[("english", 5)])),
            ("bob", skilled(2, &["support"], &[("mac", 2), ("english", 2)])),
        ],
    );
    check(
        "needs of calls",
        house,
        &[
            ("join 1 support needs mac", "offer 1 of 1 to bob"),
            ("join 2 support needs english>=4", "offer 2 of 2 to anna"),
            ("join 3 support needs linux", ""),
            ("join 4 support needs english>=2", ""),
            ("answers 1", "connect 1 bob"),
            ("at 5", ""),
            ("ends 1", "1 answered, offer 3 of 4 to bob"),
            ("answers 2", "connect 2 anna"),
            ("ends 2", "2 answered"),
        ],
    );
}

#[test]
fn who_lacks_a_skill_fails_every_comparison_with_it() {
    for (text, able) in
        [("english<3", false), ("english>=1", false), ("mac>=2|english", true), ("mac>=3", false), ("mac==2&mac<9", true)]
    {
        let mut house =
            House::new(settings(&[("support", queue(Strategy::Linear))], &[("anna", skilled(1, &["support"], &[("mac", 2)]))]));
        assert_eq!(!house.say(&format!("join 1 support needs {text}")).is_empty(), able, "{text}");
    }
}

#[test]
fn a_need_is_relaxed_as_time_passes() {
    let relaxed = |after, text| Step { after: secs(after), need: Some(need(text)), ..Step::default() };
    let support = Queue { need: need("english>=4"), ..with_steps(vec![relaxed(30, "english>=2"), relaxed(60, "english>=1")]) };
    let house = || {
        settings(
            &[("support", support.clone())],
            &[("anna", skilled(1, &["support"], &[("english", 1)])), ("bob", skilled(2, &["support"], &[("english", 2)]))],
        )
    };
    check(
        "bullseye",
        house(),
        &[
            ("join 1 support", ""),
            ("at 29", ""),
            ("at 30", "offer 1 of 1 to bob"),
            ("answers 1", "connect 1 bob"),
            ("join 2 support", ""),
            ("at 59", ""),
            ("join 3 support", ""),
            ("at 89", ""),
            ("at 90", "offer 2 of 2 to anna"),
        ],
    );
    // What the call itself needs is never relaxed.
    check("the call's own", house(), &[("join 1 support needs mac", ""), ("at 100", "")]);
}

#[test]
fn groups_and_queues_are_added_and_put_in_the_place_of_others() {
    let step = |after, add: &[&str], replace: &[&str]| Step {
        after: secs(after),
        add: add.iter().map(|one| name(one)).collect(),
        replace: replace.iter().map(|one| name(one)).collect(),
        ..Step::default()
    };
    let house = |steps| {
        settings(
            &[("support", with_steps(steps)), ("sales", queue(Strategy::LongestIdle))],
            &[("anna", agent(1, &["support"])), ("bob", in_group(2, "backup", &[])), ("cyd", agent(3, &["sales"]))],
        )
    };
    check(
        "add",
        house(vec![step(10, &["backup"], &[]), step(20, &["sales"], &[])]),
        &[
            ("anna dials", ""),
            ("join 1 support", ""),
            ("at 10", "offer 1 of 1 to bob"),
            ("join 2 support", ""),
            ("answers 1", "connect 1 bob"),
            ("at 29", ""),
            ("at 30", "offer 2 of 2 to cyd"),
        ],
    );
    check(
        "own agents are asked before those who were added",
        house(vec![step(0, &["backup", "sales"], &[])]),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("join 2 support", "offer 2 of 2 to bob"),
            ("join 3 support", "offer 3 of 3 to cyd"),
        ],
    );
    check(
        "replace",
        house(vec![step(10, &[], &["sales"])]),
        &[
            ("anna dials", ""),
            ("cyd dials", ""),
            ("join 1 support", ""),
            ("at 10", ""),
            ("anna hangs-up-own", ""),
            ("cyd hangs-up-own", "offer 1 of 1 to cyd"),
        ],
    );
}

#[test]
fn a_donor_lends_its_agents_only_while_it_can_spare_them() {
    let borrow = Step { add: vec![name("sales")], only_if: Some(condition("sales.service_level > 80%")), ..Step::default() };
    let sales = Queue { service_level: ServiceLevel { within: secs(10), short: secs(0) }, ..queue(Strategy::LongestIdle) };
    let house = settings(&[("support", with_steps(vec![borrow])), ("sales", sales)], &[("cyd", agent(3, &["sales"]))]);
    check(
        "service level of the donor",
        house,
        &[
            ("join 1 support", "offer 1 of 1 to cyd"),
            ("answers 1", "connect 1 cyd"),
            ("join 2 sales", ""),
            ("at 11", ""),
            // One of sales gives up: nothing was answered in time, 0 %.
            ("hangs-up 2", "2 abandoned"),
            ("join 3 support", ""),
            ("ends 1", "1 answered"),
            ("at 1799", ""),
            // The rolling half hour has forgotten it.
            ("at 1801", "offer 2 of 3 to cyd"),
        ],
    );
}

#[test]
fn a_step_begins_when_its_condition_holds() {
    let when = |text, step| Step { when: Some(condition(text)), ..step };
    let add = |group: &str| Step { add: vec![name(group)], ..Step::default() };
    let house = |text| {
        settings(
            &[("support", with_steps(vec![when(text, add("backup"))]))],
            &[("anna", agent(1, &["support"])), ("bob", in_group(2, "backup", &[]))],
        )
    };
    check(
        "nobody logged in",
        house("no_agent"),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("join 2 support", ""),
            ("anna logs-out", "withdraw 1 cancelled, offer 2 of 1 to bob"),
        ],
    );
    check(
        "more than two wait",
        house("waiting > 2"),
        &[
            ("anna dials", ""),
            ("join 1 support", ""),
            ("join 2 support", ""),
            ("join 3 support", "offer 1 of 1 to bob"),
            ("answers 1", "connect 1 bob"),
            ("ends 1", "1 answered, offer 2 of 2 to bob"),
        ],
    );
    check(
        "the longest wait",
        house("longest_wait >= 30s"),
        &[("anna dials", ""), ("join 1 support", ""), ("at 29", ""), ("at 30", "offer 1 of 1 to bob")],
    );
    // Handling takes 90 s until it is known better: the third waits two of them.
    check(
        "expected wait",
        house("ewt > 4m"),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("answers 1", "connect 1 anna"),
            ("join 2 support", ""),
            ("at 2", ""),
            ("join 3 support", "offer 2 of 2 to bob"),
        ],
    );
}

#[test]
fn a_bump_re_keys_once() {
    let bump = Step { after: secs(30), bump: secs(60), ..Step::default() };
    let house = settings(&[("support", with_steps(vec![bump])), ("sales", queue(Strategy::Linear))], &[]);
    let mut house = House::new(house);
    house.say("join 1 sales");
    house.say("join 2 support");
    house.say("at 20");
    house.say("join 3 support ahead 45");
    let order = |house: &House| house.acd.items("support").iter().map(|view| view.item.0).collect::<Vec<_>>();
    assert_eq!(order(&house), [3, 2]);
    house.say("at 30");
    assert_eq!(order(&house), [2, 3]);
    house.say("at 50");
    assert_eq!(order(&house), [3, 2]);
    house.say("at 5000");
    let explained = house.acd.explain_item(ItemId(2), house.now).expect("it waits");
    assert_eq!(explained.merits, [(Merits::Step(1), secs(60))]);
}

#[test]
fn a_caller_waits_for_the_agent_they_know_and_not_in_vain() {
    let keep = Step { prefer: Some(Prefer { whom: Whom::LastAgent, hold: secs(20) }), ..Step::default() };
    let house = || {
        settings(
            &[("support", with_steps(vec![keep.clone()]))],
            &[("anna", agent(1, &["support"])), ("bob", agent(2, &["support"]))],
        )
    };
    let known = [
        ("join 1 support from 48", "offer 1 of 1 to anna"),
        ("answers 1", "connect 1 anna"),
        ("at 5", ""),
        ("ends 1", "1 answered"),
        ("join 2 support", "offer 2 of 2 to bob"),
        ("answers 2", "connect 2 bob"),
        ("join 3 support", "offer 3 of 3 to anna"),
        ("answers 3", "connect 3 anna"),
        ("ends 2", "2 answered"),
    ];
    let check = |title, rest: &[(&str, &str)]| check(title, house(), &[&known[..], rest].concat());
    check(
        "anna becomes free in time",
        &[("join 4 support from 48", ""), ("at 20", ""), ("ends 3", "3 answered, offer 4 of 4 to anna")],
    );
    check("anna does not", &[("join 4 support from 48", ""), ("at 24", ""), ("at 25", "offer 4 of 4 to bob")]);
    check("anna goes away", &[("join 4 support from 48", ""), ("anna pauses lunch", "offer 4 of 4 to bob")]);
    check("anna is away", &[("anna pauses lunch", ""), ("join 4 support from 48", "offer 4 of 4 to bob")]);
    check("a stranger", &[("join 4 support from 49", "offer 4 of 4 to bob")]);
    check(
        "one kept for anna does not keep her from others",
        &[
            ("anna pauses lunch", ""),
            ("ends 3", "3 answered"),
            ("anna resumes", ""),
            ("bob dials", ""),
            ("join 4 support", "offer 4 of 4 to anna"),
            ("join 5 support from 48", ""),
        ],
    );
}

#[test]
fn nobody_waits_for_an_agent_who_was_removed() {
    let keep = Step { prefer: Some(Prefer { whom: Whom::Agent(name("anna")), hold: secs(600) }), ..Step::default() };
    let bob = ("bob", agent(2, &["support"]));
    let mut house = House::new(settings(&[("support", with_steps(vec![keep.clone()]))], &[("anna", agent(1, &["support"]))]));
    house.say("join 1 support");
    house.say("answers 1");
    house.tell(Event::Configure(Arc::new(settings(&[("support", with_steps(vec![keep.clone()]))], &[]))));
    house.say("join 2 support");
    house.say("ends 1");
    let hired = house.tell(Event::Configure(Arc::new(settings(&[("support", with_steps(vec![keep]))], &[bob]))));
    assert!(hired.iter().any(|action| matches!(action, Action::Offer { item: ItemId(2), .. })), "{hired:?}");
}

#[test]
fn an_explanation_takes_the_source_from_which_an_agent_may_be_asked_now() {
    // Anna serves the queue itself only later; until then she is one of those who were added, and bob comes first among them.
    let add = Step { add: vec![name("backup")], ..Step::default() };
    let late = Membership { delay: secs(60), ..Membership::default() };
    let anna = Agent { queues: [(name("support"), late)].into(), ..in_group(2, "backup", &[]) };
    let linear = Queue { steps: vec![add], ..queue(Strategy::Linear) };
    let mut house = House::new(settings(&[("support", linear)], &[("anna", anna), ("bob", in_group(1, "backup", &[]))]));
    assert_eq!(house.acd.would_ask(&Join::new(ItemId(1), name("support"), house.now.mono), house.now), Some(name("bob")));
    assert_eq!(house.say("join 1 support"), "offer 1 of 1 to bob");
}

#[test]
fn every_trigger_and_every_act_of_overflow() {
    let agents = || vec![("anna", agent(1, &["support"])), ("cyd", agent(2, &["sales"])), ("bob", in_group(3, "backup", &[]))];
    let house = |support: Queue| settings(&[("support", support), ("sales", queue(Strategy::LongestIdle))], &agents());
    let newcomers = |text| Trigger::Newcomers(condition(text));
    let everybody = |text| Trigger::Everybody(condition(text));
    let leave = |to| OverflowAct::Leave(to);
    let busy = ("anna dials", "");
    check(
        "each after its time, to another queue",
        house(overflowing(Trigger::After(secs(30)), OverflowAct::Move(name("sales")))),
        &[
            busy,
            ("join 1 support", ""),
            ("at 10", ""),
            ("join 2 support", ""),
            ("at 30", "1 moved support sales, offer 1 of 1 to cyd"),
            ("at 40", "2 moved support sales"),
        ],
    );
    check(
        "newcomers, when so many wait before them",
        house(overflowing(newcomers("waiting >= 1"), leave(Destination::Flow))),
        &[
            busy,
            ("join 1 support", ""),
            ("join 2 support", "2 flowed_out"),
            ("hangs-up 1", "1 abandoned"),
            ("join 3 support", ""),
        ],
    );
    check(
        "everybody, when there is nobody",
        house(overflowing(everybody("no_agent"), leave(Destination::Flow))),
        &[
            busy,
            ("join 1 support", ""),
            ("join 2 support", ""),
            ("anna logs-out", "1 flowed_out, 2 flowed_out"),
            ("join 3 support", "3 flowed_out"),
        ],
    );
    check(
        "everybody, when it closes",
        house(overflowing(everybody("closed"), leave(Destination::HangUp(HangUp::Normal)))),
        &[busy, ("join 1 support", ""), ("closes support", "1 flowed_out"), ("opens support", ""), ("join 2 support", "")],
    );
    check(
        "too many for each agent",
        house(overflowing(newcomers("ratio >= 2"), leave(Destination::Voicemail(name("box"))))),
        &[busy, ("join 1 support", ""), ("join 2 support", ""), ("join 3 support", "3 flowed_out")],
    );
    check(
        "too long a wait before them",
        house(overflowing(newcomers("longest_wait > 10s"), leave(Destination::Callback))),
        &[busy, ("join 1 support", ""), ("at 11", ""), ("join 2 support", "2 flowed_out")],
    );
    check(
        "too long an expected wait",
        house(overflowing(newcomers("ewt > 2m"), leave(Destination::Extension(name("1003"))))),
        &[busy, ("join 1 support", ""), ("join 2 support", "2 flowed_out")],
    );
    check(
        "nobody free",
        house(overflowing(newcomers("none_available"), OverflowAct::Add(vec![name("backup")]))),
        &[busy, ("join 1 support", "offer 1 of 1 to bob")],
    );
    check(
        "something is said",
        house(overflowing(Trigger::After(secs(5)), OverflowAct::Play(name("sorry")))),
        &[busy, ("join 1 support", ""), ("at 5", "1 hears sorry"), ("at 50", "")],
    );
}

#[test]
fn an_overflow_leaves_a_ringing_phone_alone_and_waits_for_room() {
    let on = Trigger::After(secs(10));
    let one_seat = Queue { max_waiting: 1, ..queue(Strategy::LongestIdle) };
    check(
        "rings, then is full",
        settings(
            &[("support", overflowing(on, OverflowAct::Move(name("sales")))), ("sales", one_seat)],
            &[("anna", agent(1, &["support"]))],
        ),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("join 2 sales", ""),
            ("at 19", ""),
            ("rejects 1", ""),
            ("at 21", ""),
            ("anna pauses lunch", ""),
            ("hangs-up 2", "2 abandoned"),
            ("at 22", "1 moved support sales"),
        ],
    );
}

#[test]
fn a_circle_of_overflows_ends() {
    let to = |queue: &str| overflowing(Trigger::Newcomers(condition("waiting >= 0")), OverflowAct::Move(name(queue)));
    let mut house = House::new(settings(&[("support", to("sales")), ("sales", to("support"))], &[]));
    let said = house.say("join 1 support");
    assert_eq!(said.matches("moved").count(), usize::from(MAX_MOVES), "{said}");
    assert!(house.acd.is_waiting(ItemId(1)));
}

#[test]
fn an_item_moved_keeps_arrival_and_head_start_but_not_bumps() {
    let bump = Step { bump: secs(60), ..Step::default() };
    let mut house = House::new(settings(&[("support", with_steps(vec![bump])), ("sales", queue(Strategy::Linear))], &[]));
    house.say("join 1 support ahead 40");
    house.say("at 100");
    house.say("move 1 sales");
    house.say("join 2 sales ahead 139");
    house.say("join 3 sales ahead 141");
    let order: Vec<_> = house.acd.items("sales").iter().map(|view| view.item.0).collect();
    assert_eq!(order, [3, 1, 2]);
}

#[test]
fn head_starts_come_from_value_repeated_calls_and_giving_up() {
    let rules = HeadStarts { value: 2000, repeat_call: Some((secs(3600), secs(120))), abandoned_today: secs(60) };
    let support = Queue { head_starts: rules, max_head_start: secs(200), ..queue(Strategy::LongestIdle) };
    let mut house = House::new(settings(&[("support", support)], &[("anna", agent(1, &["support"]))]));
    house.now.wall = Wall::from_unix_nanos(1_795_300_000_000_000_000);
    let merits = |house: &House, item| house.acd.explain_item(ItemId(item), house.now).map(|it| (it.merits, it.head_start));
    house.say("join 1 support from 48 value 30");
    assert_eq!(merits(&house, 1), Some((vec![(Merits::Value, secs(60))], secs(60))));
    house.say("answers 1");
    house.say("ends 1");
    house.say("anna dials");
    house.say("join 2 support from 48");
    assert_eq!(merits(&house, 2), Some((vec![(Merits::RepeatCall, secs(120))], secs(120))));
    house.say("hangs-up 2");
    house.say("join 3 support from 48 value 50 ahead 5");
    let all = vec![
        (Merits::Given, secs(5)),
        (Merits::Value, secs(100)),
        (Merits::RepeatCall, secs(120)),
        (Merits::AbandonedToday, secs(60)),
    ];
    assert_eq!(merits(&house, 3), Some((all, secs(200))));
    house.say("join 4 support value 1");
    assert_eq!(merits(&house, 4), Some((vec![(Merits::Value, secs(2))], secs(2))));
}

#[test]
fn who_was_cut_off_comes_back_to_their_place() {
    let mut house = House::new(settings(&[("support", queue(Strategy::Linear))], &[]));
    let order = |house: &House| house.acd.items("support").iter().map(|view| view.item.0).collect::<Vec<_>>();
    house.say("join 1 support from 48");
    house.say("at 10");
    house.say("join 2 support from 49");
    house.say("cut-off 1");
    house.say("at 60");
    house.say("join 3 support from 48");
    assert_eq!(order(&house), [3, 2]);
    // Once, in time, and only after a broken line.
    house.say("hangs-up 3");
    house.say("join 4 support from 48");
    assert_eq!(order(&house), [2, 4]);
    house.say("cut-off 2");
    house.say("at 181");
    house.say("join 5 support from 49");
    assert_eq!(order(&house), [4, 5]);
}

#[test]
fn who_was_cut_off_in_the_talk_comes_back_to_their_place_too() {
    let mut house = House::new(settings(&[("support", queue(Strategy::Linear))], &[("anna", agent(1, &["support"]))]));
    house.say("join 1 support from 48");
    house.say("answers 1");
    house.say("at 10");
    house.say("join 2 support from 49");
    house.say("join 3 support");
    house.say("cut-off 1");
    house.say("at 20");
    house.say("join 4 support from 48");
    let order: Vec<_> = house.acd.items("support").iter().map(|view| view.item.0).collect();
    assert_eq!(order, [4, 2, 3], "2 rings at anna's");
}

#[test]
fn a_supervisor_gives_a_call_to_whom_they_like() {
    check(
        "assign",
        settings(&[("support", queue(Strategy::Linear))], &[("anna", agent(1, &[])), ("bob", agent(2, &["support"]))]),
        &[
            ("bob dials", ""),
            ("join 1 support", ""),
            ("join 2 support needs mac", ""),
            ("assign 2 anna", "offer 1 of 2 to anna"),
            ("assign 1 anna", ""),
            ("assign 1 bob", ""),
            ("assign 7 bob", ""),
            ("answers 1", "connect 2 anna"),
        ],
    );
}

#[test]
fn more_needs_than_the_engine_keeps_apart_are_turned_away_and_places_are_reused() {
    let mut house = House::new(settings(&[("support", queue(Strategy::Linear))], &[("anna", agent(1, &["support"]))]));
    for id in 1..MAX_DEMANDS as u64 {
        assert_eq!(house.say(&format!("join {id} support needs skill{id}")), "");
    }
    assert_eq!(house.say("join 5000 support needs another"), "5000 too_many_needs");
    assert_eq!(house.say("join 5001 support needs skill7"), "");
    house.say("hangs-up 9");
    assert_eq!(house.say("join 5002 support needs another"), "");
}
