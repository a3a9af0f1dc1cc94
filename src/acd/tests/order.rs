//! Who is next, and who gets them.

use super::*;

#[test]
fn a_head_start_counts_as_time_waited() {
    // Arrival and head start in seconds: C is treated as if it had come at -80, D as if at 70.
    let calls = [("A", 0, 0), ("B", 60, 0), ("C", 100, 180), ("D", 130, 60)];
    let mut house = House::new(settings(&[("support", queue(Strategy::LongestIdle))], &[]));
    for ((_, arrival, ahead), id) in calls.iter().zip(0..) {
        house.go_to(*arrival);
        house.say(&format!("join {id} support ahead {ahead}"));
    }
    let order: Vec<_> = house.acd.items("support").iter().map(|view| calls[view.item.0 as usize].0).collect();
    assert_eq!(order, ["C", "A", "B", "D"]);
}

#[test]
fn who_is_sent_back_by_their_agent_stands_before_those_who_came_later() {
    let head_starts = HeadStarts { repeat_call: Some((secs(3600), secs(300))), ..HeadStarts::default() };
    let support = Queue { head_starts, ..queue(Strategy::LongestIdle) };
    let mut house = House::new(settings(&[("support", support)], &[("anna", agent(1, &["support"]))]));
    let comes =
        |id, arrival: Now| Join { contact: Some(name("+48221234567")), ..Join::new(ItemId(id), name("support"), arrival.mono) };
    house.tell(Event::Join(comes(1, house.now)));
    house.say("answers 1");
    house.go_to(5);
    house.say("join 2 support");
    let back = Join { after: Some(ItemId(1)), ..comes(3, now_at(0)) };
    let told = house.tell(Event::Join(back));
    let offered = told.iter().find_map(|action| if let Action::Offer { item, .. } = action { Some(*item) } else { None });
    assert_eq!(offered, Some(ItemId(3)), "{told:?}");
    let joined =
        told.iter().find_map(|action| if let Action::Joined { head_start, .. } = action { Some(head_start) } else { None });
    assert_eq!(joined, Some(&vec![]), "the talk of a moment ago is no earlier call");
    let ended = told.iter().position(|action| matches!(action, Action::ItemOutcome { item: ItemId(1), .. }));
    let began = told.iter().position(|action| matches!(action, Action::Joined { .. }));
    assert!(ended < began, "the records tell of one stay after the other: {told:?}");
}

#[test]
fn calls_are_answered_in_the_order_of_their_keys() {
    let busy_anna = || settings(&[("support", queue(Strategy::LongestIdle))], &[("anna", agent(1, &["support"]))]);
    let check = |title, joins: &[&str], expected: &[u64]| {
        let mut house = House::new(busy_anna());
        house.say("join 99 support");
        house.say("answers 1");
        for (join, second) in joins.iter().zip(1..) {
            house.go_to(second);
            house.say(join);
        }
        let mut order = Vec::new();
        let mut talking = 99;
        for offer in 2.. {
            house.say(&format!("ends {talking}"));
            let Some(next) = house.acd.agents()[0].item else { break };
            talking = next.0;
            order.push(talking);
            house.say(&format!("answers {offer}"));
        }
        assert_eq!(order, expected, "{title}");
    };
    check("first come, first served", &["join 1 support", "join 2 support", "join 3 support"], &[1, 2, 3]);
    check("a class goes before", &["join 1 support", "join 2 support class 1", "join 3 support class 2"], &[3, 2, 1]);
    check("a head start overtakes", &["join 1 support", "join 2 support", "join 3 support ahead 60"], &[3, 1, 2]);
    check("but not a class", &["join 1 support ahead 600", "join 2 support class 1"], &[2, 1]);
    check("a place kept from before", &["join 1 support", "join 2 support waited 300"], &[2, 1]);
    check(
        "equal keys by arrival here",
        &["join 1 support ahead 1", "join 2 support ahead 2", "join 3 support ahead 3"],
        &[1, 2, 3],
    );
}

#[test]
fn a_head_start_is_capped_by_the_queue() {
    let capped = Queue { max_head_start: secs(30), ..queue(Strategy::LongestIdle) };
    let mut house = House::new(settings(&[("support", capped)], &[]));
    house.say("join 1 support");
    house.say("at 40");
    house.say("join 2 support ahead 3600");
    let order: Vec<_> = house.acd.items("support").iter().map(|view| view.item.0).collect();
    assert_eq!(order, [1, 2]);
}

#[test]
fn one_order_holds_across_the_queues_of_an_agent_and_weight_is_a_class() {
    let both = agent(1, &["sales", "support"]);
    let sales = queue(Strategy::LongestIdle);
    check(
        "equal weights: who came first",
        settings(&[("sales", sales.clone()), ("support", sales.clone())], &[("anna", both.clone())]),
        &[
            ("join 1 sales", "offer 1 of 1 to anna"),
            ("join 2 support", ""),
            ("join 3 sales", ""),
            ("answers 1", "connect 1 anna"),
            ("ends 1", "1 answered, offer 2 of 2 to anna"),
        ],
    );
    let heavy = Queue { weight: 1, ..sales.clone() };
    check(
        "a heavier queue first",
        settings(&[("sales", heavy), ("support", sales)], &[("anna", both)]),
        &[
            ("join 1 sales", "offer 1 of 1 to anna"),
            ("join 2 support", ""),
            ("join 3 sales", ""),
            ("answers 1", "connect 1 anna"),
            ("ends 1", "1 answered, offer 2 of 3 to anna"),
            ("answers 2", "connect 3 anna"),
            ("ends 3", "3 answered, offer 3 of 2 to anna"),
        ],
    );
}

#[test]
fn each_strategy_asks_agents_in_its_order() {
    let three = |strategy| {
        let agents = [("anna", agent(3, &["support"])), ("bob", agent(1, &["support"])), ("cyd", agent(2, &["support"]))];
        settings(&[("support", queue(strategy))], &agents)
    };
    let who_is_asked = |strategy, calls: u64| {
        let mut house = House::new(three(strategy));
        let mut asked = Vec::new();
        for id in 1..=calls {
            house.go_to(id * 100);
            house.tell(event(&format!("join {id} support"), house.now));
            let ringing = house.acd.items("support")[0].agents[0].to_string();
            house.say(&format!("answers {}", house.acd.agents().iter().find_map(|view| view.offer).expect("it rings").0));
            // The second call is a long one.
            house.go_to(id * 100 + if id == 2 { 50 } else { 10 });
            house.say(&format!("ends {id}"));
            asked.push(ringing);
        }
        asked.join(" ")
    };
    assert_eq!(who_is_asked(Strategy::LongestIdle, 5), "bob cyd anna bob cyd");
    assert_eq!(who_is_asked(Strategy::Linear, 3), "bob bob bob");
    assert_eq!(who_is_asked(Strategy::RoundRobin, 5), "bob cyd anna bob cyd");
    assert_eq!(who_is_asked(Strategy::FewestCalls, 5), "bob cyd anna bob cyd");
    assert_eq!(who_is_asked(Strategy::LeastTalk, 6), "bob cyd anna bob anna bob");
}

#[test]
fn random_asks_everybody_about_equally_often_and_a_seed_replays_it() {
    let run = |seed| {
        let agents: Vec<_> = ["anna", "bob", "cyd", "dan"].map(|one| (one, agent(0, &["support"]))).into();
        let mut house = House::new(settings(&[("support", queue(Strategy::Random))], &agents));
        house.acd.reseed(crate::id::Rng::from_seed(seed));
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        for id in 1..=4000 {
            house.go_to(id);
            house.tell(event(&format!("join {id} support"), house.now));
            *asked.entry(house.acd.items("support")[0].agents[0].to_string()).or_default() += 1;
            house.say(&format!("answers {id}"));
            house.say(&format!("ends {id}"));
        }
        asked
    };
    let asked = run(7);
    assert_eq!(asked, run(7));
    assert_ne!(asked, run(8));
    assert!(asked.len() == 4 && asked.values().all(|times| (900..1100).contains(times)), "{asked:?}");
}

#[test]
fn round_robin_remembers_an_agent_who_did_not_answer() {
    check(
        "round robin",
        two_agents(queue(Strategy::RoundRobin)),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("busy 1", "offer 2 of 1 to bob"),
            ("answers 2", "connect 1 bob"),
            ("at 10", ""),
            ("ends 1", "1 answered"),
            ("join 2 support", "offer 3 of 2 to anna"),
        ],
    );
}

#[test]
fn a_phone_that_nobody_picks_up_does_not_stay_first() {
    check(
        "longest idle counts from the last offer",
        two_agents(queue(Strategy::LongestIdle)),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("join 2 support", "offer 2 of 2 to bob"),
            ("answers 2", "connect 2 bob"),
            ("at 5", ""),
            ("bob pauses lunch", ""),
            ("ends 2", "2 answered"),
            ("at 20", "withdraw 1 no_answer"),
            ("hangs-up 1", "1 abandoned"),
            ("bob resumes", ""),
            ("at 30", ""),
            ("join 3 support", "offer 3 of 3 to bob"),
        ],
    );
}

#[test]
fn a_tier_is_asked_only_while_the_one_before_it_is_not_free() {
    let mut with_tiers = two_agents(queue(Strategy::LongestIdle));
    for (one, tier) in [("anna", 2), ("bob", 1)] {
        let anna = with_tiers.agents.get_mut(one).expect("there");
        anna.queues.get_mut("support").expect("there").tier = tier;
    }
    check(
        "tiers",
        with_tiers,
        &[
            ("join 1 support", "offer 1 of 1 to bob"),
            ("join 2 support", "offer 2 of 2 to anna"),
            ("answers 1", "connect 1 bob"),
            ("answers 2", "connect 2 anna"),
            ("at 5", ""),
            ("ends 2", "2 answered"),
            ("at 50", ""),
            ("ends 1", "1 answered"),
            ("join 3 support", "offer 3 of 3 to bob"),
        ],
    );
}

#[test]
fn an_agent_with_a_delay_serves_only_those_who_have_waited_so_long() {
    let mut later = settings(
        &[("support", queue(Strategy::LongestIdle)), ("sales", queue(Strategy::LongestIdle))],
        &[("anna", agent(1, &["support"])), ("bob", agent(2, &["support", "sales"]))],
    );
    later.agents.get_mut("bob").expect("there").queues.get_mut("support").expect("there").delay = secs(30);
    check(
        "delays",
        later,
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("join 2 support", ""),
            ("at 5", ""),
            ("join 3 sales", "offer 2 of 3 to bob"),
            ("answers 1", "connect 1 anna"),
            ("answers 2", "connect 3 bob"),
            ("at 10", ""),
            ("ends 3", "3 answered"),
            ("at 29", ""),
            ("at 30", "offer 3 of 2 to bob"),
        ],
    );
}

#[test]
fn ring_all_rings_everybody_and_the_first_answer_wins() {
    check_facts(
        "ring all",
        two_agents(queue(Strategy::RingAll)),
        &[
            ("join 1 support", "offer 1 of 1 to anna, offer 2 of 1 to bob, anna offered, bob offered"),
            ("join 2 support", ""),
            (
                "answers 2",
                "connect 1 bob, 2 was answered, withdraw 1 lost_race, 1 was lost_race, offer 3 of 2 to anna, bob on_call",
            ),
            ("answers 1", ""),
            ("ends 1", "1 answered, offer 4 of 2 to bob, bob offered"),
            ("busy 3", "3 was busy, anna available"),
            ("at 5", "offer 5 of 2 to anna, anna offered"),
            (
                "hangs-up 2",
                "withdraw 4 caller_gone, 4 was caller_gone, withdraw 5 caller_gone, 5 was caller_gone, 2 abandoned, bob available, anna available",
            ),
        ],
    );
}

#[test]
fn ring_all_rings_no_more_phones_than_its_limit() {
    let names: Vec<_> = (0..RING_ALL_AT_ONCE + 10).map(|number| format!("a{number}")).collect();
    let agents: Vec<_> = names.iter().map(|one| (one.as_str(), agent(0, &["support"]))).collect();
    let mut house = House::new(settings(&[("support", queue(Strategy::RingAll))], &agents));
    let join = event("join 1 support", house.now);
    assert_eq!(house.tell(join).iter().filter(|action| matches!(action, Action::Offer { .. })).count(), RING_ALL_AT_ONCE);
    let join = event("join 2 support", house.now);
    assert_eq!(house.tell(join).iter().filter(|action| matches!(action, Action::Offer { .. })).count(), 10);
}
