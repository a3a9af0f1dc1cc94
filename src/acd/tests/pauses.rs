//! Pauses with rules, wrap-up codes, what outlives a restart, what callers are told.

use super::*;

fn with_pauses(rules: &[(&str, PauseRule)]) -> Settings {
    let pauses = rules.iter().map(|(reason, rule)| (name(reason), rule.clone())).collect();
    Settings { pauses, ..two_agents(queue(Strategy::Linear)) }
}

#[test]
fn a_reason_must_be_declared_once_any_is() {
    check_facts(
        "declared",
        with_pauses(&[("lunch", PauseRule::default())]),
        &[
            ("anna pauses lunch", "anna paused (lunch)"),
            ("bob pauses golf", "bob may not golf: there is no such reason"),
            ("anna resumes", "anna available"),
        ],
    );
}

#[test]
fn a_quota_is_for_one_shift_and_not_cut_short() {
    let lunch = PauseRule { quota: Some(secs(600)), ..PauseRule::default() };
    check_facts(
        "quota",
        with_pauses(&[("lunch", lunch)]),
        &[
            ("anna pauses lunch", "anna paused (lunch)"),
            ("at 400", ""),
            ("anna resumes", "anna available"),
            ("anna pauses lunch", "anna paused (lunch)"),
            ("at 700", ""),
            ("anna resumes", "anna available"),
            ("anna pauses lunch", "anna may not lunch: the 600 s of this shift are used up"),
            ("anna logs-out", "anna offline"),
            ("anna logs-in", "anna available"),
            ("anna pauses lunch", "anna may not lunch: the 600 s of this shift are used up"),
            ("anna logs-out", "anna offline"),
            ("at 16000", ""),
            ("anna logs-in", "anna available"),
            ("anna pauses lunch", "anna paused (lunch)"),
        ],
    );
}

#[test]
fn a_supervisor_agrees_or_not() {
    let training = PauseRule { approval: true, ..PauseRule::default() };
    check_facts(
        "approval",
        with_pauses(&[("training", training)]),
        &[
            ("anna pauses training", "anna asks for training"),
            ("anna pauses training", ""),
            ("join 1 support", "offer 1 of 1 to anna, anna offered"),
            (
                "anna may-pause",
                "withdraw 1 cancelled, 1 was cancelled, offer 2 of 1 to bob, anna paused (training), bob offered",
            ),
            ("anna may-pause", ""),
            ("anna resumes", "anna available"),
            ("anna pauses training", "anna asks for training"),
            ("anna may-not-pause", "anna may not training: a supervisor said no"),
            ("anna pauses training", "anna asks for training"),
            ("anna resumes", ""),
            ("anna may-pause", ""),
        ],
    );
}

#[test]
fn who_was_sent_away_comes_back_when_called() {
    check_facts(
        "forced",
        with_pauses(&[("lunch", PauseRule::default())]),
        &[
            ("anna sent-away audit", "anna paused (audit)"),
            ("anna resumes", "anna may not audit: a supervisor ordered the present pause, and ends it"),
            ("anna pauses lunch", "anna may not lunch: a supervisor ordered the present pause, and ends it"),
            ("anna called-back", "anna available"),
            ("anna resumes", ""),
        ],
    );
}

#[test]
fn a_pause_may_depend_on_the_service_level() {
    let only_if = Condition::parse("support.service_level >= 80%").ok();
    let lunch = PauseRule { only_if, ..PauseRule::default() };
    check(
        "service level",
        with_pauses(&[("lunch", lunch)]),
        &[
            ("anna pauses lunch", ""),
            ("anna resumes", ""),
            ("join 1 support", "offer 1 of 1 to anna"),
            ("at 10", ""),
            ("hangs-up 1", "withdraw 1 caller_gone, 1 abandoned"),
            ("anna pauses lunch", "anna may not lunch: only while support.service_level >= 80%"),
            ("at 1861", ""),
            ("anna pauses lunch", ""),
        ],
    );
}

#[test]
fn a_call_is_noted_while_it_lasts_and_while_it_is_wrapped_up() {
    let codes = [name("sale"), name("none")].into();
    let noted = Queue { dispositions: codes, wrap_up: secs(10), ..queue(Strategy::Linear) };
    check(
        "dispositions",
        two_agents(noted),
        &[
            ("anna notes sale", ""),
            ("join 1 support", "offer 1 of 1 to anna"),
            ("answers 1", "connect 1 anna"),
            ("anna notes sale", "anna notes sale of 1"),
            ("anna notes golf", ""),
            ("ends 1", "1 answered"),
            ("anna notes none", "anna notes none of 1"),
            ("anna ready", ""),
            ("anna notes none", ""),
        ],
    );
}

#[test]
fn what_people_decided_comes_back_after_a_restart() {
    let manual = |place| Agent { login: Login::Manual, ..agent(place, &["support"]) };
    let house = || {
        settings(
            &[("support", queue(Strategy::Linear))],
            &[("anna", manual(1)), ("bob", manual(2)), ("cyd", agent(3, &["support"])), ("dan", agent(4, &["support"]))],
        )
    };
    let mut before = House::new(house());
    let sentences = [
        "anna registers",
        "bob registers",
        "anna logs-in",
        "at 50",
        "anna pauses lunch",
        "cyd sent-away audit",
        "dan logs-out",
    ];
    sentences.iter().for_each(|sentence| drop(before.say(sentence)));
    before.go_to(100);
    let agents = ["anna", "bob", "cyd", "dan"].iter().filter_map(|agent| before.acd.memory_of(agent, before.now)).collect();
    let place = PlaceMemory { contact: name("48"), queue: name("support"), arrival: before.now.wall_of(now_at(10).mono) };
    let memory = Memory { agents, places: vec![place] };
    let written = serde_json::to_string(&memory).expect("plain data");

    // Another process, whose clock has another origin, 20 s later.
    let mut after = House::new(house());
    after.now = Now { mono: now_at(5000).mono, wall: before.now.wall + secs(20) };
    after.say("anna registers");
    after.say("bob registers");
    after.tell(Event::Restore(serde_json::from_str(&written).expect("the same data")));
    let states = ["anna", "bob", "cyd", "dan"].map(|agent| after.state(agent));
    assert_eq!(states, ["paused (lunch)", "offline", "paused (audit)", "offline"]);
    assert_eq!(after.say("cyd resumes"), "cyd may not audit: a supervisor ordered the present pause, and ends it");
    let anna = after.acd.agents().into_iter().find(|view| &*view.name == "anna").expect("she is there");
    assert_eq!(anna.logged_in_since.map(|since| after.now.mono.since(since)), Some(secs(120)));
    after.say("join 1 support");
    after.say("join 2 support from 48");
    assert_eq!(after.acd.items("support")[0].item, ItemId(2));
}

#[test]
fn what_is_ordered_while_an_agent_talks_is_seen_at_once_and_outlives_a_crash() {
    for (order, then) in [
        ("anna pauses lunch", "paused (lunch)"),
        ("anna sent-away audit", "paused (audit)"),
        ("anna logs-out", "offline"),
        ("anna notes sale", "available"),
    ] {
        let wraps_up = || two_agents(Queue { wrap_up: secs(10), ..queue(Strategy::Linear) });
        let mut house = House { with_facts: true, ..House::new(wraps_up()) };
        house.say("join 1 support");
        house.say("answers 1");
        let seen = |house: &House| house.acd.agent("anna").and_then(|view| view.then).map(|then| then.to_string());
        assert_eq!(seen(&house), None);
        house.say(order);
        assert_eq!(seen(&house), Some(then.to_string()).filter(|then| then != "available"), "{order}");
        let explained = house.acd.explain_agent("anna", house.now).and_then(|it| it.then);
        assert_eq!(explained, house.acd.agent("anna").and_then(|view| view.then), "{order}");
        assert_eq!(house.crash(wraps_up(), 1).state("anna"), then, "{order}");
        house.say("ends 1");
        house.go_to(20);
        assert_eq!((house.state("anna").as_str(), seen(&house)), (then, None), "{order}");
    }
}

#[test]
fn a_wish_and_its_answer_outlive_a_crash() {
    let training = PauseRule { approval: true, ..PauseRule::default() };
    let rules = || with_pauses(&[("training", training.clone())]);
    let mut house = House::new(rules());
    let wish = |house: &House| house.crash(rules(), 1).acd.agent("anna").and_then(|view| view.wish);
    for (sentence, kept) in [
        ("anna pauses training", Some("training")),
        ("anna may-not-pause", None),
        ("anna pauses training", Some("training")),
        ("anna resumes", None),
    ] {
        house.say(sentence);
        assert_eq!(wish(&house).as_deref(), kept, "{sentence}");
    }
}

#[test]
fn a_wrap_up_goes_on_after_a_restart_until_its_old_end() {
    let rules = || two_agents(Queue { wrap_up: secs(20), ..queue(Strategy::Linear) });
    let mut house = House { with_facts: true, ..House::new(rules()) };
    house.say("join 1 support");
    house.say("answers 1");
    assert_eq!(house.say("ends 1"), "1 answered, anna wrap_up");
    house.go_to(5);
    assert_eq!(house.say("anna extends 60"), "");
    let mut after = House { with_facts: true, ..house.crash(rules(), 15) };
    assert_eq!(after.state("anna"), "wrap_up");
    // 80 s from its beginning, of which 20 are over.
    assert_eq!(after.say("at 5059"), "");
    assert_eq!(after.say("at 5060"), "anna available");
    assert_eq!(house.crash(rules(), 75).state("anna"), "available", "it would be over by now");
    house.say("anna logs-out");
    assert_eq!(house.crash(rules(), 1).state("anna"), "offline");
}

#[test]
fn a_pause_that_was_ordered_during_a_call_takes_of_its_quota_only_once_it_holds() {
    let lunch = PauseRule { quota: Some(secs(600)), ..PauseRule::default() };
    check_facts(
        "ordered pause",
        with_pauses(&[("lunch", lunch)]),
        &[
            ("join 1 support", "offer 1 of 1 to anna, anna offered"),
            ("answers 1", "connect 1 anna, 1 was answered, anna on_call"),
            ("anna pauses lunch", ""),
            ("at 700", ""),
            ("anna resumes", ""),
            ("anna pauses lunch", ""),
            ("at 1400", ""),
            ("ends 1", "1 answered, anna paused (lunch)"),
            ("at 1900", ""),
            ("anna resumes", "anna available"),
            ("anna pauses lunch", "anna paused (lunch)"),
            ("at 2000", ""),
            ("anna resumes", "anna available"),
            ("anna pauses lunch", "anna may not lunch: the 600 s of this shift are used up"),
        ],
    );
}

#[test]
fn who_is_rung_as_they_come_back_is_kept_as_back() {
    let mut house = House { with_facts: true, ..House::new(two_agents(queue(Strategy::Linear))) };
    house.say("anna pauses lunch");
    house.say("bob logs-out");
    house.say("join 1 support");
    assert_eq!(house.say("anna resumes"), "offer 1 of 1 to anna, anna offered");
    assert_eq!(house.crash(two_agents(queue(Strategy::Linear)), 1).state("anna"), "available");
}

#[test]
fn callers_are_told_their_place_the_wait_and_a_word() {
    let announce = Announce {
        first: secs(10),
        every: secs(30),
        position: true,
        expected_wait: true,
        comfort: vec![name("sorry"), name("website")],
        comfort_first: false,
    };
    let told = Queue { announce, ..queue(Strategy::Linear) };
    check(
        "announcements",
        settings(&[("support", told)], &[("anna", agent(1, &["support"]))]),
        &[
            ("join 1 support", "offer 1 of 1 to anna"),
            ("answers 1", "connect 1 anna"),
            ("join 2 support", ""),
            ("at 5", ""),
            ("join 3 support", ""),
            // 90 s for each before them and for themselves, rounded up to minutes.
            ("at 10", "2 hears position 1 wait 120 sorry"),
            ("at 15", "3 hears position 2 wait 180 sorry"),
            ("at 40", "2 hears position 1 wait 120 website"),
            ("hangs-up 2", "2 abandoned"),
            ("at 45", "3 hears position 1 wait 120 website"),
            ("join 4 support class 1", ""),
            // Not longer than before, although somebody more important came.
            ("at 75", "4 hears position 1 wait 120 sorry, 3 hears position 2 wait 120 sorry"),
            ("ends 1", "1 answered, offer 2 of 4 to anna"),
        ],
    );
}

#[test]
fn a_wait_may_be_said_to_be_longer_only_when_agents_have_left() {
    let announce = Announce { first: secs(10), every: secs(10), expected_wait: true, ..Announce::default() };
    let told = Queue { announce, ..queue(Strategy::Linear) };
    check(
        "fewer agents",
        two_agents(told),
        &[
            ("anna dials", ""),
            ("bob dials", ""),
            ("join 1 support", ""),
            ("at 10", "1 hears wait 60"),
            ("bob pauses lunch", ""),
            ("at 20", "1 hears wait 120"),
            ("bob resumes", ""),
            ("at 30", "1 hears wait 60"),
            ("anna logs-out", ""),
            ("bob logs-out", ""),
            ("at 40", ""),
        ],
    );
}
