//! Agents from login to logout, and what becomes of calls.

use super::*;

fn one_agent(queue: Queue, login: Login) -> Settings {
    settings(&[("support", queue)], &[("anna", Agent { login, ..agent(1, &["support"]) })])
}

#[test]
fn the_states_of_a_call_are_told_once_each() {
    let wraps_up = Queue { wrap_up: secs(10), ..queue(Strategy::LongestIdle) };
    check_facts(
        "a whole call",
        one_agent(wraps_up, Login::ByRegistration),
        &[
            ("join 1 support", ""),
            ("anna registers", "offer 1 of 1 to anna, anna offered"),
            ("anna registers", ""),
            ("at 3", ""),
            ("answers 1", "connect 1 anna, 1 was answered, anna on_call"),
            ("at 60", ""),
            ("ends 1", "1 answered, anna wrap_up"),
            ("join 2 support", ""),
            ("at 69", ""),
            ("at 70", "offer 2 of 2 to anna, anna offered"),
            ("answers 2", "connect 2 anna, 2 was answered, anna on_call"),
            ("hangs-up 2", "2 answered, anna wrap_up"),
            ("at 80", "anna available"),
            ("anna vanishes", "anna offline"),
        ],
    );
}

#[test]
fn waiting_and_talking_are_measured() {
    let mut house = House::new(two_agents(queue(Strategy::LongestIdle)));
    house.say("join 1 support waited 500");
    house.go_to(7);
    let connected = house.tell(Event::Answered { offer: OfferId(1) });
    assert!(matches!(connected[0], Action::Connect { waited, .. } if waited == secs(7)), "{connected:?}");
    assert!(matches!(connected[1], Action::OfferEnded { rang, .. } if rang == secs(7)), "{connected:?}");
    house.go_to(100);
    let ended = house.tell(Event::CallEnded { item: ItemId(1) });
    let outcome = ItemOutcome::Answered { agent: name("anna"), talked: secs(93) };
    let expected = Action::ItemOutcome { item: ItemId(1), queue: name("support"), outcome, waited: secs(7) };
    assert_eq!(ended[0], expected);
}

#[test]
fn each_login_policy_says_when_an_agent_is_there() {
    let check = |login, sentences: &[&str], expected: &str| {
        let mut house = House::new(one_agent(queue(Strategy::LongestIdle), login));
        sentences.iter().for_each(|sentence| drop(house.say(sentence)));
        assert_eq!(house.state("anna"), expected, "{login:?} {sentences:?}");
    };
    check(Login::Always, &[], "available");
    check(Login::Always, &["anna vanishes"], "available");
    check(Login::Always, &["anna logs-out"], "offline");
    check(Login::Always, &["anna logs-out", "anna registers"], "offline");
    check(Login::Always, &["anna logs-out", "anna logs-in"], "available");
    check(Login::ByRegistration, &[], "offline");
    check(Login::ByRegistration, &["anna registers"], "available");
    check(Login::ByRegistration, &["anna logs-in"], "offline");
    check(Login::ByRegistration, &["anna registers", "anna logs-out"], "offline");
    check(Login::ByRegistration, &["anna registers", "anna logs-out", "anna registers"], "offline");
    check(Login::ByRegistration, &["anna registers", "anna logs-out", "anna vanishes", "anna registers"], "available");
    check(Login::Manual, &["anna registers"], "offline");
    check(Login::Manual, &["anna registers", "anna logs-in"], "available");
    check(Login::Manual, &["anna logs-in", "anna registers"], "available");
    check(Login::Manual, &["anna logs-in", "anna registers", "anna vanishes"], "offline");
    check(Login::Manual, &["anna logs-in", "anna registers", "anna vanishes", "anna registers"], "available");
}

#[test]
fn a_pause_takes_effect_after_the_call_and_its_wrap_up() {
    let wraps_up = Queue { wrap_up: secs(10), ..queue(Strategy::LongestIdle) };
    check_facts(
        "pause during a call",
        one_agent(wraps_up, Login::Always),
        &[
            ("join 1 support", "offer 1 of 1 to anna, anna offered"),
            ("answers 1", "connect 1 anna, 1 was answered, anna on_call"),
            ("anna pauses lunch", ""),
            ("join 2 support", ""),
            ("ends 1", "1 answered, anna wrap_up"),
            ("at 10", "anna paused (lunch)"),
            ("anna pauses training", "anna paused (training)"),
            ("anna resumes", "offer 2 of 2 to anna, anna offered"),
        ],
    );
}

#[test]
fn who_pauses_or_leaves_while_the_phone_rings_is_not_rung_any_longer() {
    for (sentence, outcome, state) in [
        ("anna pauses lunch", "cancelled", "paused (lunch)"),
        ("anna logs-out", "cancelled", "offline"),
        ("anna vanishes", "unreachable", "offline"),
        ("anna dials", "busy", "busy"),
    ] {
        let mut both = two_agents(queue(Strategy::Linear));
        both.agents.get_mut("anna").expect("there").login = Login::Manual;
        check_facts(
            sentence,
            both,
            &[
                ("anna logs-in", ""),
                ("anna registers", "anna available"),
                ("join 1 support", "offer 1 of 1 to anna, anna offered"),
                (sentence, &format!("withdraw 1 {outcome}, 1 was {outcome}, offer 2 of 1 to bob, anna {state}, bob offered")),
                ("answers 1", ""),
                ("answers 2", "connect 1 bob, 2 was answered, bob on_call"),
            ],
        );
    }
}

#[test]
fn a_wrap_up_can_be_ended_and_extended() {
    let wraps_up = Queue { wrap_up: secs(10), ..queue(Strategy::LongestIdle) };
    check_facts(
        "wrap-up",
        one_agent(wraps_up, Login::Always),
        &[
            ("anna ready", ""),
            ("anna extends 5", ""),
            ("join 1 support", "offer 1 of 1 to anna, anna offered"),
            ("answers 1", "connect 1 anna, 1 was answered, anna on_call"),
            ("ends 1", "1 answered, anna wrap_up"),
            ("anna extends 5", ""),
            ("at 14", ""),
            ("at 15", "anna available"),
            ("join 2 support", "offer 2 of 2 to anna, anna offered"),
            ("answers 2", "connect 2 anna, 2 was answered, anna on_call"),
            ("ends 2", "2 answered, anna wrap_up"),
            ("anna ready", "anna available"),
            ("at 100", ""),
        ],
    );
}

#[test]
fn wrap_up_after_a_call_of_one_queue_holds_in_the_other() {
    let wraps_up = Queue { wrap_up: secs(10), ..queue(Strategy::LongestIdle) };
    check(
        "shared wrap-up",
        settings(
            &[("sales", wraps_up), ("support", queue(Strategy::LongestIdle))],
            &[("anna", agent(1, &["sales", "support"]))],
        ),
        &[
            ("join 1 sales", "offer 1 of 1 to anna"),
            ("answers 1", "connect 1 anna"),
            ("ends 1", "1 answered"),
            ("join 2 support", ""),
            ("at 10", "offer 2 of 2 to anna"),
        ],
    );
}

#[test]
fn an_agent_on_an_own_call_is_busy_everywhere() {
    check_facts(
        "own call",
        one_agent(queue(Strategy::LongestIdle), Login::Always),
        &[
            ("anna dials", "anna busy"),
            ("anna dials", ""),
            ("join 1 support", ""),
            ("anna hangs-up-own", "offer 1 of 1 to anna, anna offered"),
            ("answers 1", "connect 1 anna, 1 was answered, anna on_call"),
            ("anna dials", ""),
            ("ends 1", "1 answered, anna busy"),
            ("anna hangs-up-own", "anna available"),
        ],
    );
}

#[test]
fn every_outcome_has_its_own_back_off() {
    let back_off = BackOff {
        no_answer: secs(1),
        busy: secs(2),
        rejected: secs(3),
        unreachable: secs(4),
        lost_race: secs(5),
        cancelled: secs(6),
        caller_gone: secs(7),
    };
    let own = Queue { back_off, ..queue(Strategy::LongestIdle) };
    for (sentence, begins, rests) in [
        ("at 20", 20, 1),
        ("busy 1", 0, 2),
        ("rejects 1", 0, 3),
        ("unreachable 1", 0, 4),
        ("loses 1", 0, 5),
        ("cancelled 1", 0, 6),
        ("hangs-up 1", 0, 7),
    ] {
        let mut house = House::new(one_agent(own.clone(), Login::Always));
        house.say("join 1 support");
        house.say(sentence);
        house.say("join 2 support class 1");
        assert!(house.acd.may_take("anna", ItemId(2), now_at(begins + rests)), "{sentence}");
        house.go_to(begins + rests - 1);
        let rest = Some(Obstacle::AgentRests { until: now_at(begins + rests).mono });
        assert_eq!(house.acd.obstacle("anna", ItemId(2), house.now), rest, "{sentence}");
        assert_eq!(house.say(&format!("at {}", begins + rests)), "offer 2 of 2 to anna", "{sentence}");
    }
}

#[test]
fn a_phone_that_refuses_at_once_does_not_spin() {
    let eager = Queue {
        back_off: BackOff { busy: Duration::ZERO, no_answer: Duration::ZERO, ..BackOff::default() },
        ring: Duration::ZERO,
        ..queue(Strategy::LongestIdle)
    };
    let mut house = House::new(one_agent(eager, Login::Always));
    assert_eq!(house.say("join 1 support"), "offer 1 of 1 to anna");
    assert_eq!(house.say("busy 1"), "");
    assert_eq!(house.acd.poll_timeout(), Some(house.now.mono + MIN_BACK_OFF));
    assert_eq!(house.say("at 1"), "offer 2 of 1 to anna");
    assert_eq!(house.acd.poll_timeout(), Some(now_at(0).mono + MIN_BACK_OFF + MIN_RING));
}

#[test]
fn silence_in_a_row_pauses_the_agent_and_only_then() {
    let patient = Queue { max_no_answer: 2, ..queue(Strategy::LongestIdle) };
    check_facts(
        "RONA",
        one_agent(patient.clone(), Login::Always),
        &[
            ("join 1 support", "offer 1 of 1 to anna, anna offered"),
            ("at 20", "withdraw 1 no_answer, 1 was no_answer, anna available"),
            ("at 25", "offer 2 of 1 to anna, anna offered"),
            ("at 45", "withdraw 2 no_answer, 2 was no_answer, anna paused (no answer)"),
            ("at 500", ""),
            ("anna resumes", "offer 3 of 1 to anna, anna offered"),
            ("at 520", "withdraw 3 no_answer, 3 was no_answer, anna available"),
            ("at 525", "offer 4 of 1 to anna, anna offered"),
            ("answers 4", "connect 1 anna, 4 was answered, anna on_call"),
            ("ends 1", "1 answered, anna available"),
            ("join 2 support", "offer 5 of 2 to anna, anna offered"),
            ("at 545", "withdraw 5 no_answer, 5 was no_answer, anna available"),
            ("busy 5", ""),
        ],
    );
    let mut house = House::new(one_agent(Queue { max_no_answer: 0, ..patient }, Login::Always));
    house.say("join 1 support");
    house.go_to(10_000);
    assert!(house.acd.agents()[0].no_answers > 300);
    assert_ne!(house.state("anna"), "paused (no answer)");
}

#[test]
fn a_login_ends_the_pause_for_no_answer_and_no_other() {
    let impatient = Queue { max_no_answer: 1, ..queue(Strategy::LongestIdle) };
    let mut house = House::new(one_agent(impatient, Login::Always));
    house.say("join 1 support");
    house.go_to(20);
    assert_eq!(house.state("anna"), "paused (no answer)");
    house.say("anna logs-in");
    assert_eq!(house.state("anna"), "available");
    house.say("anna pauses lunch");
    house.say("anna logs-in");
    assert_eq!(house.state("anna"), "paused (lunch)");
}

#[test]
fn every_way_to_leave_is_its_own_outcome() {
    for (sentence, ringing, outcome) in [
        ("hangs-up 1", "caller_gone", "1 abandoned"),
        ("presses 1 5", "caller_gone", "1 left_by_key"),
        ("flows-out 1", "caller_gone", "1 flowed_out"),
        ("callback 1", "caller_gone", "1 callback_taken"),
        ("picked-up 1", "lost_race", "1 answered_elsewhere"),
        ("we-end 1", "cancelled", "1 ended_by_us"),
    ] {
        let free = || settings(&[("support", queue(Strategy::LongestIdle))], &[]);
        check("waiting", free(), &[("join 1 support", ""), (sentence, outcome), (sentence, "")]);
        check(
            "ringing",
            one_agent(queue(Strategy::LongestIdle), Login::Always),
            &[("join 1 support", "offer 1 of 1 to anna"), (sentence, &format!("withdraw 1 {ringing}, {outcome}"))],
        );
        check(
            "talking",
            one_agent(queue(Strategy::LongestIdle), Login::Always),
            &[
                ("join 1 support", "offer 1 of 1 to anna"),
                ("answers 1", "connect 1 anna"),
                (sentence, "1 answered"),
                ("ends 1", ""),
            ],
        );
    }
}

#[test]
fn a_full_queue_and_an_unknown_one_let_nobody_in() {
    let small = Queue { max_waiting: 2, ..queue(Strategy::LongestIdle) };
    check(
        "full",
        one_agent(small, Login::Always),
        &[
            ("join 9 nowhere", "9 no_such_queue"),
            ("join 1 support", "offer 1 of 1 to anna"),
            ("join 2 support", ""),
            ("join 3 support", "3 full"),
            ("join 2 support", ""),
            ("answers 1", "connect 1 anna"),
            ("join 3 support", ""),
            ("lost 1", "1 returned support from anna after 0"),
            ("join 4 support", "4 full"),
        ],
    );
    let mut house = House::new(settings(&[("support", Queue::default())], &[]));
    let full = (0..2001).filter(|id| house.say(&format!("join {id} support")).ends_with("full")).count();
    assert_eq!((full, house.acd.queues()[0].waiting), (1, 2000));
    assert_eq!(house.acd.queues()[0].tally.offered, 2000, "who is turned away was not offered");
}

#[test]
fn a_lost_connection_returns_the_caller_to_the_old_place() {
    check(
        "requeue",
        two_agents(queue(Strategy::Linear)),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("at 1", ""),
            ("join 2 support", "offer 2 of 2 to bob"),
            ("answers 1", "connect 1 anna"),
            ("answers 2", "connect 2 bob"),
            ("at 2", ""),
            ("join 3 support", ""),
            ("at 50", ""),
            ("lost 1", "1 returned support from anna after 49"),
            ("ends 2", "2 answered, offer 3 of 1 to bob"),
            ("at 55", "offer 4 of 3 to anna"),
            ("ghost 1", ""),
            ("answers 3", "connect 1 bob"),
            ("hangs-up 1", "1 answered"),
        ],
    );
}

#[test]
fn a_moved_call_keeps_its_arrival() {
    check(
        "move",
        settings(
            &[("sales", queue(Strategy::LongestIdle)), ("support", Queue { max_waiting: 2, ..queue(Strategy::LongestIdle) })],
            &[("anna", agent(1, &["sales"]))],
        ),
        &[
            ("join 1 sales", "offer 1 of 1 to anna"),
            ("at 5", ""),
            ("join 2 support", ""),
            ("move 1 nowhere", ""),
            ("move 1 sales", ""),
            ("move 1 support", "withdraw 1 cancelled, 1 moved sales support"),
            ("at 6", ""),
            ("join 3 sales", "offer 2 of 3 to anna"),
            ("move 3 support", ""),
            ("move 2 sales", "2 moved support sales"),
            ("answers 2", "connect 3 anna"),
            ("move 3 support", ""),
            ("move 1 sales", "1 moved support sales"),
            ("ends 3", "3 answered, offer 3 of 1 to anna"),
        ],
    );
}

#[test]
fn the_views_say_what_is() {
    let mut house = House::new(two_agents(queue(Strategy::Linear)));
    house.say("join 1 support");
    house.say("answers 1");
    house.say("join 2 support");
    house.go_to(3);
    house.say("join 3 support");
    let queues = house.acd.queues();
    let seen = (queues[0].waiting, queues[0].ringing, queues[0].talking, queues[0].agents, queues[0].logged_in, queues[0].free);
    assert_eq!(seen, (2, 1, 1, 2, 2, 0));
    assert_eq!(queues[0].waiting_since, Some(now_at(0).mono));
    let agents = house.acd.agents();
    assert_eq!((&*agents[0].name, &agents[0].state, agents[0].item), ("anna", &State::OnCall, Some(ItemId(1))));
    assert_eq!((&*agents[1].name, &agents[1].state, agents[1].offer), ("bob", &State::Offered, Some(OfferId(2))));
    let places: Vec<_> = house.acd.items("support").iter().map(|view| (view.item.0, view.position)).collect();
    assert_eq!(places, [(2, Some(1)), (3, Some(2)), (1, None)]);
}
