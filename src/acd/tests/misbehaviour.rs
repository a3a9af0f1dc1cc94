//! Races, ghosts, and configurations that change under everybody's feet.

use super::*;

#[test]
fn two_agents_who_answer_at_once_are_one_talk_and_one_lost_race() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut house = House::new(two_agents(queue(Strategy::RingAll)));
        house.say("join 1 support");
        let mut out = house.tell(Event::Answered { offer: OfferId(first) });
        out.extend(house.tell(Event::Answered { offer: OfferId(second) }));
        let connected = out.iter().filter(|action| matches!(action, Action::Connect { .. })).count();
        assert_eq!(connected, 1, "{out:?}");
        let lost = Action::Withdraw { offer: OfferId(second), outcome: OfferOutcome::LostRace };
        assert_eq!(out.iter().filter(|action| **action == lost).count(), 1, "{out:?}");
    }
}

#[test]
fn an_answer_that_crosses_the_withdrawal_changes_nothing() {
    check(
        "late answers",
        two_agents(queue(Strategy::Linear)),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("at 20", "withdraw 1 no_answer, offer 2 of 1 to bob"),
            ("answers 1", ""),
            ("busy 1", ""),
            ("answers 2", "connect 1 bob"),
            ("answers 2", ""),
            ("rejects 2", ""),
            ("answers 77", ""),
        ],
    );
}

#[test]
fn an_answer_before_the_deadline_was_noticed_counts() {
    let mut house = House::new(two_agents(queue(Strategy::Linear)));
    house.say("join 1 support");
    // The answer and the deadline are in one batch, and the answer is looked at first.
    let late = now_at(20);
    let mut out = Vec::new();
    house.acd.handle(Event::Answered { offer: OfferId(1) }, late, &mut out);
    house.acd.handle_timeout(late, &mut out);
    assert_eq!(out.iter().filter(|action| !is_fact(action)).map(said).collect::<Vec<_>>(), ["connect 1 anna"]);
}

#[test]
fn a_caller_who_leaves_at_any_state_leaves_nothing_behind() {
    let steps = ["join 1 support", "busy 1", "answers 2", "lost 1", "at 60", "answers 3"];
    for leaves_after in 1..=steps.len() {
        let mut house = House::new(two_agents(queue(Strategy::Linear)));
        steps[..leaves_after].iter().for_each(|step| drop(house.say(step)));
        let told = house.say("hangs-up 1");
        assert!(told.ends_with("1 answered") || told.ends_with("1 abandoned"), "{leaves_after}: {told}");
        assert_eq!(house.say("hangs-up 1"), "");
        house.go_to(1000);
        assert_eq!((house.state("anna"), house.state("bob")), ("available".into(), "available".into()));
        assert!(house.acd.items("support").is_empty());
        assert_eq!(house.acd.poll_timeout(), None);
        assert_ne!(house.say("join 2 support"), "");
    }
}

#[test]
fn an_agent_who_vanishes_on_a_call_finishes_it_and_is_gone() {
    let mut registers = two_agents(Queue { wrap_up: secs(10), ..queue(Strategy::Linear) });
    registers.agents.get_mut("anna").expect("there").login = Login::ByRegistration;
    check_facts(
        "vanishes on a call",
        registers,
        &[
            ("anna registers", "anna available"),
            ("join 1 support", "offer 1 of 1 to anna, anna offered"),
            ("answers 1", "connect 1 anna, 1 was answered, anna on_call"),
            ("anna vanishes", ""),
            ("lost 1", "1 returned support from anna after 0, offer 2 of 1 to bob, anna offline, bob offered"),
            ("anna registers", "anna available"),
        ],
    );
}

#[test]
fn a_removed_queue_sends_its_callers_on_and_ends_its_talks_in_peace() {
    let all = settings(
        &[("sales", queue(Strategy::Linear)), ("support", Queue { wrap_up: secs(9), ..queue(Strategy::Linear) })],
        &[("anna", agent(1, &["sales", "support"])), ("bob", agent(2, &["support"]))],
    );
    let mut house = House::new(all.clone());
    for (sentence, expected) in [
        ("join 1 support", "offer 1 of 1 to anna"),
        ("answers 1", "connect 1 anna"),
        ("join 2 support", "offer 2 of 2 to bob"),
        ("join 3 support", ""),
        ("join 4 sales", ""),
    ] {
        assert_eq!(house.say(sentence), expected);
    }
    let mut without = all.clone();
    without.queues.remove("support");
    let told: Vec<_> = house.tell(Event::Configure(Arc::new(without.clone()))).iter().map(said).collect();
    assert_eq!(told, ["withdraw 2 cancelled", "2 was cancelled", "2 flowed_out", "3 flowed_out", "bob available"]);
    assert!(!house.acd.has_queue("support"));
    assert_eq!(house.say("join 5 support"), "5 no_such_queue");
    assert_eq!(house.acd.queues().len(), 2);
    // The wrap-up is the one of the queue from which the call came.
    assert_eq!(house.say("ends 1"), "1 answered");
    assert_eq!(house.state("anna"), "wrap_up");
    assert_eq!(house.acd.queues().len(), 1);
    assert_eq!(house.say("at 9"), "offer 3 of 4 to anna");
    house.tell(Event::Configure(Arc::new(all)));
    assert_eq!(house.say("join 6 support"), "offer 4 of 6 to bob");
}

#[test]
fn a_caller_whose_agent_is_lost_after_the_queue_is_gone_flows_out() {
    let mut house = House::new(two_agents(queue(Strategy::Linear)));
    house.say("join 1 support");
    house.say("answers 1");
    let nothing = settings(&[], &[("anna", agent(1, &["support"])), ("bob", agent(2, &["support"]))]);
    house.tell(Event::Configure(Arc::new(nothing)));
    assert_eq!(house.say("lost 1"), "1 returned support from anna after 0, 1 flowed_out");
    assert!(house.acd.queues().is_empty());
}

#[test]
fn a_removed_agent_leaves_after_the_call() {
    let all = two_agents(queue(Strategy::Linear));
    let mut only_bob = all.clone();
    only_bob.agents.remove("anna");
    let mut only_anna = all.clone();
    only_anna.agents.remove("bob");

    let mut house = House::new(all.clone());
    house.with_facts = true;
    house.say("join 1 support");
    house.say("answers 1");
    house.say("join 2 support");
    assert!(house.tell(Event::Configure(Arc::new(only_bob.clone()))).is_empty());
    assert_eq!(house.say("ends 1"), "anna offline, 1 answered");
    assert!(!house.acd.has_agent("anna"));
    // The phone of the removed one rings: it stops.
    let told: Vec<_> = house.tell(Event::Configure(Arc::new(only_anna))).iter().map(said).collect();
    assert_eq!(
        told,
        ["withdraw 2 cancelled", "2 was cancelled", "bob offline", "offer 3 of 2 to anna", "anna offered", "anna noted"],
        "the newcomer is asked at once"
    );
    // Removed and back again during a call.
    house.say("answers 3");
    house.tell(Event::Configure(Arc::new(only_bob)));
    house.tell(Event::Configure(Arc::new(all)));
    assert_eq!(house.say("ends 2"), "2 answered, anna available");
    assert_eq!(house.acd.agents().len(), 2);
}

#[test]
fn a_new_weight_reorders_those_who_wait_and_a_lost_membership_stops_the_ringing() {
    let all = settings(
        &[("sales", queue(Strategy::Linear)), ("support", queue(Strategy::Linear))],
        &[("anna", agent(1, &["sales", "support"]))],
    );
    let mut house = House::new(all.clone());
    house.say("join 1 sales");
    house.say("join 2 sales");
    house.say("join 3 support");
    let mut heavier = all.clone();
    heavier.queues.get_mut("support").expect("there").weight = 5;
    heavier.agents.get_mut("anna").expect("there").queues.remove("sales");
    let told: Vec<_> = house.tell(Event::Configure(Arc::new(heavier))).iter().filter(|one| !is_fact(one)).map(said).collect();
    assert_eq!(told, ["withdraw 1 cancelled", "offer 2 of 3 to anna"]);
    house.tell(Event::Configure(Arc::new(all)));
    assert_eq!(house.say("busy 2"), "");
    assert_eq!(house.say("at 5"), "offer 3 of 1 to anna");
}

#[test]
fn strangers_are_ignored() {
    let mut house = House::new(two_agents(queue(Strategy::Linear)));
    for sentence in [
        "zoe logs-in",
        "zoe logs-out",
        "zoe pauses x",
        "zoe resumes",
        "zoe ready",
        "zoe extends 3",
        "zoe registers",
        "zoe vanishes",
        "zoe dials",
        "zoe hangs-up-own",
        "hangs-up 5",
        "ends 5",
        "lost 5",
        "move 5 support",
        "answers 5",
        "busy 5",
    ] {
        assert_eq!(house.say(sentence), "", "{sentence}");
    }
}

#[test]
fn the_engine_survives_being_written_down() {
    let mut house = House::new(two_agents(Queue { wrap_up: secs(4), ..queue(Strategy::LongestIdle) }));
    for sentence in ["join 1 support", "answers 1", "join 2 support class 3", "at 2", "join 3 support ahead 60", "ends 1"] {
        house.say(sentence);
    }
    let text = serde_json::to_string(&house.acd).expect("plain data");
    let mut other = House {
        acd: serde_json::from_str(&text).expect("the same data"),
        now: house.now,
        kept: house.kept.clone(),
        with_facts: true,
    };
    // Chance is never written down: both are given fresh chance, the same.
    house.acd.reseed(crate::id::Rng::from_seed(1));
    other.acd.reseed(crate::id::Rng::from_seed(1));
    house.with_facts = true;
    for sentence in ["busy 2", "at 6", "answers 3", "join 4 support", "at 100", "hangs-up 4", "at 1000"] {
        assert_eq!(house.say(sentence), other.say(sentence), "{sentence}");
    }
    assert_eq!(serde_json::to_string(&house.acd).expect("plain data"), serde_json::to_string(&other.acd).expect("plain data"));
}

#[test]
fn a_large_house_stands() {
    let crowded = sample::house(5, 20, 300);
    assert_eq!(crowded.check_invariants(sample::at(300)), Ok(()));
    assert_eq!(
        crowded.queues().iter().map(|queue| (queue.waiting, queue.free)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
        (300, 0)
    );
    let quiet = sample::house(5, 20, 0);
    assert!(quiet.agents().iter().all(|agent| agent.state == State::Available));
}
