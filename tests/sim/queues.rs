//! Scenarios with a name, of queues: who waits, whose phone rings, who talks with whom, and what is heard meanwhile.

use super::scenarios::{MS, S, calm, lived, records};
use centrala::acd;
use centrala::calendar::{Calendar, Zone};
use centrala::config::Destination;
use centrala::ivr::{self, Flow};
use centrala::sim::{BEGINNING, Circumstances, Leaves, Life, Manner, Outcome, Plan, Quirk, Received, World, spoken};
use centrala::time::Duration;
use std::sync::Arc;

const CALLER: &str = "+48221234567";

fn answers(after: Duration, talks: Option<Duration>) -> Manner {
    Manner::Answers { after, talks }
}

/// Enters the queue `support` this long after the beginning; agents have registered by then.
fn enters(at: Duration, leaves: Leaves) -> Life {
    Life::stranger(CALLER, vec![Plan { at, leaves, ..Plan::to("600") }])
}

/// The calls that came to a person.
fn received(world: &World, who: usize) -> &[Received] {
    &world.people()[who].received
}

fn heard(world: &World, who: usize) -> Vec<String> {
    spoken(&world.people()[who].attempts[0].heard, &"pl".into())
}

fn outcome(world: &World, who: usize) -> Option<Outcome> {
    world.people()[who].attempts[0].outcome
}

#[test]
fn a_caller_presses_2_hears_music_and_talks_with_an_agent() {
    let caller = Life::stranger(CALLER, vec![Plan { at: S(1), presses: vec![(S(4), '2')], ..Plan::to("100") }]);
    let world = lived("key 2", vec![Life::agent("1001", vec![answers(S(2), Some(S(10)))]), caller], calm());
    assert_eq!(heard(&world, 1)[..3], ["welcome", "main-menu", "any/hold-music"]);
    let [call] = received(&world, 0) else { panic!("one call comes") };
    assert_eq!(call.from, CALLER);
    assert!(call.picked_up.is_some() && call.audio.is_some());
    assert_eq!(outcome(&world, 1), Some(Outcome::Released));
    let [record] = records(&world)[..] else { panic!("one record") };
    assert_eq!((record.outcome.as_str(), record.legs.len()), ("completed", 2));
}

/// The caller gives up at any moment from the INVITE to the talk: the agent's phone stops, and the following call is delivered.
#[test]
fn a_caller_may_give_up_at_any_of_a_thousand_instants_and_the_next_call_is_delivered() {
    let (mut cancelled, mut talked) = (0, 0);
    for instant in 0..1000u64 {
        // The phone rings within 10 ms and is picked up after 300: half of the instants are closely before and around that.
        let leaves = Leaves::AfterDialling(Duration::from_micros(if instant < 500 {
            40 * instant
        } else {
            310 * (instant - 400) + 200_000
        }));
        let agent = Life::agent("1001", vec![answers(MS(300), Some(S(3)))]);
        let world =
            lived(&format!("instant {instant}"), vec![agent, enters(S(1), leaves), enters(S(2), Leaves::Never)], calm());
        let calls = received(&world, 0);
        let last = calls.last().expect("the second caller is delivered");
        assert!(last.picked_up.is_some(), "instant {instant}: {calls:?}");
        assert!(calls.iter().all(|call| call.ended.is_some()), "instant {instant}: a phone rings for ever: {calls:?}");
        assert_eq!(outcome(&world, 2), Some(Outcome::Released), "instant {instant}");
        cancelled += usize::from(calls.len() == 2 && calls[0].picked_up.is_none());
        talked += usize::from(calls.len() == 2 && calls[0].picked_up.is_some());
    }
    assert!(cancelled > 100 && talked > 20, "{cancelled} gave up while it rang, {talked} had begun to talk");
}

#[test]
fn a_phone_that_rings_in_vain_is_followed_by_the_next_and_the_place_is_kept() {
    let lets_ring = Life::agent("1001", vec![Manner::LetsRing]);
    let second = Life { registers: Some(S(8)), ..Life::agent("1002", vec![answers(S(1), Some(S(30)))]) };
    let first_caller = enters(S(1), Leaves::Never);
    let later = Life::stranger("+48220000000", vec![Plan { at: S(3), ..Plan::to("600") }]);
    // 1001 rings from 1 s to 11 s; 1002 comes at 8 s and takes the later caller, who has no offer; then the first one is next.
    let world = lived("RONA", vec![lets_ring, second, first_caller, later], calm());
    assert_eq!(received(&world, 0)[0].from, CALLER);
    assert!(received(&world, 0).iter().all(|call| call.picked_up.is_none()));
    let order: Vec<&str> = received(&world, 1).iter().map(|call| call.from.as_str()).collect();
    assert_eq!(order, ["+48220000000", CALLER]);
    // With both there from the start the first caller, whose phone rang in vain, goes before the later one.
    let both = vec![
        Life::agent("1001", vec![Manner::LetsRing]),
        Life { registers: Some(MS(11_050)), ..Life::agent("1002", vec![answers(S(1), Some(S(5)))]) },
        enters(S(1), Leaves::Never),
        Life::stranger("+48220000000", vec![Plan { at: S(3), ..Plan::to("600") }]),
    ];
    let world = lived("place kept", both, calm());
    let order: Vec<&str> = received(&world, 1).iter().map(|call| call.from.as_str()).collect();
    assert_eq!(order, [CALLER, "+48220000000"]);
}

#[test]
fn every_way_not_to_answer_leads_to_the_next_agent() {
    for manner in [
        Manner::Refuses { after: MS(200), status: 486 },
        Manner::Refuses { after: MS(200), status: 603 },
        Manner::Refuses { after: MS(200), status: 302 },
        Manner::SpeaksUnknownCodec { after: S(1) },
        Manner::AnswersWithoutAudio { after: S(1) },
        Manner::LetsRing,
        Manner::KeepsSilent,
        Manner::AnswersAtCancel,
        Manner::DiesRinging { after: S(1) },
    ] {
        let agents = [
            Life::agent("1001", vec![manner]),
            Life { registers: Some(S(2)), ..Life::agent("1002", vec![answers(S(1), Some(S(5)))]) },
        ];
        let world = lived(manner.name(), agents.into_iter().chain([enters(S(1), Leaves::Never)]).collect(), calm());
        assert_eq!(received(&world, 0)[0].manner, manner);
        assert!(received(&world, 1)[0].picked_up.is_some(), "{}: the second agent talks", manner.name());
        assert_eq!(outcome(&world, 2), Some(Outcome::Released), "{}", manner.name());
        assert_eq!(records(&world).len(), 1, "{}", manner.name());
    }
}

#[test]
fn an_agent_who_vanishes_while_talking_leaves_nobody_in_silence() {
    let vanishes = Life::agent("1001", vec![Manner::DiesTalking { after: S(1), talks: S(4) }]);
    let second = Life { registers: Some(S(3)), ..Life::agent("1002", vec![answers(S(1), Some(S(5)))]) };
    let world = lived("vanishes", vec![vanishes, second, enters(S(1), Leaves::Never)], calm());
    assert!(heard(&world, 2).contains(&"connection-lost".to_string()), "{:?}", heard(&world, 2));
    let lost = received(&world, 0)[0].ended.expect("the phone died");
    let again = received(&world, 1)[0].came;
    assert!(again.since(lost) <= S(12), "back in the queue after {:?}", again.since(lost));
    assert_eq!(outcome(&world, 2), Some(Outcome::Released));
}

#[test]
fn a_caller_who_vanishes_while_waiting_is_no_ghost_in_the_line() {
    let busy = enters(S(1), Leaves::AfterDialling(S(90)));
    let mut vanishes = enters(S(2), Leaves::Never);
    vanishes.calls[0].quirk = Quirk::Vanishes(S(5));
    let world = lived("ghost", vec![Life::agent("1001", vec![answers(S(1), None)]), busy, vanishes], calm());
    let gone = records(&world).into_iter().find(|record| record.ended_by == "network").expect("the ghost has its record");
    let lasted = gone.ended.since(gone.started);
    // Five seconds of speech, thirty of silence, four for an answer.
    assert!(lasted > S(30) && lasted < S(50), "{lasted:?}");
    assert_eq!(received(&world, 0).len(), 1, "no agent was rung for them");
}

#[test]
fn of_two_phones_that_are_picked_up_at_once_one_has_the_call() {
    for lag in [0, 1, 2, 3] {
        let phone = |after| Life::agent("1001", vec![answers(after, Some(S(5)))]);
        let lives = vec![phone(S(2)), phone(S(2) + MS(lag)), enters(S(1), Leaves::Never)];
        let world = lived(&format!("{lag} ms apart"), lives, calm());
        let talked: Vec<_> = [0, 1]
            .map(|who| {
                let call = &received(&world, who)[0];
                call.picked_up.zip(call.ended).map_or(0, |(from, until)| until.since(from).as_millis())
            })
            .to_vec();
        assert_eq!(talked.iter().filter(|talked| **talked > 4_000).count(), 1, "{lag} ms apart: {talked:?}");
        let [record] = records(&world)[..] else { panic!("one record") };
        assert_eq!(record.legs.len(), 3);
    }
}

#[test]
fn extensions_the_trunk_and_a_family_are_reached() {
    for (number, callee) in [
        ("1003", Life::agent("1003", vec![answers(S(1), Some(S(4)))])),
        ("401", Life::desk(0, vec![answers(S(1), Some(S(4)))])),
        ("3005", Life::desk(1, vec![answers(S(1), Some(S(4)))])),
    ] {
        let caller = Life::stranger(CALLER, vec![Plan { at: S(1), ..Plan::to(number) }]);
        let world = lived(number, vec![callee, caller], calm());
        assert!(received(&world, 0)[0].picked_up.is_some(), "{number}");
        assert_eq!(outcome(&world, 1), Some(Outcome::Released), "{number}");
    }
    for status in [486, 603] {
        let callee = Life::agent("1003", vec![Manner::Refuses { after: S(1), status }]);
        let caller = Life::stranger(CALLER, vec![Plan { at: S(1), ..Plan::to("1003") }]);
        let world = lived("busy", vec![callee, caller], calm());
        assert_eq!(outcome(&world, 1), Some(Outcome::Refused(status)));
    }
}

/// The simulated exchange with other rules for its queue, another queue `sales`, and more to hear.
pub fn with_rules(rules: impl FnOnce(&mut acd::Settings)) -> Circumstances {
    let mut circumstances = calm();
    let config = Arc::make_mut(&mut circumstances.config);
    let settings = Arc::make_mut(&mut config.acd);
    let support = settings.queues["support"].clone();
    settings.queues.insert("sales".into(), support);
    rules(settings);
    config.queues.insert("sales".into(), config.queues["support"].clone());
    for sound in ["queue-position-1", "queue-position-2", "queue-wait-2", "queue-wait-3", "sorry"] {
        circumstances.sounds.insert(("pl".into(), sound.into()), S(3));
    }
    circumstances
}

#[test]
fn waiting_callers_are_told_their_place_and_the_wait_and_an_answer_ends_it() {
    let circumstances = with_rules(|settings| {
        let support = settings.queues.get_mut("support").expect("there");
        support.announce = acd::Announce {
            first: S(5),
            every: S(10),
            position: true,
            expected_wait: true,
            comfort: vec!["sorry".into()],
            comfort_first: true,
        };
        settings.agents.remove("1002");
    });
    let second = Life::stranger("+48220000000", vec![Plan { at: S(3), ..Plan::to("600") }]);
    let agent = Life::agent("1001", vec![answers(S(1), Some(S(16))), answers(S(1), Some(S(5)))]);
    let world = lived("announcements", vec![agent, enters(S(1), Leaves::Never), second], circumstances);
    let told = ["sorry", "queue-position-1", "queue-wait-2"];
    let heard = heard(&world, 2);
    assert_eq!(heard[0], "any/hold-music");
    assert_eq!(heard[1..4], told, "{heard:?}");
    assert_eq!(heard[4], "any/hold-music", "music goes on: {heard:?}");
    // The second announcement begins at 18 s, and at 19 or so the agent takes the call.
    assert!(received(&world, 0)[1].picked_up.is_some() && received(&world, 0)[1].audio.is_some());
    assert_eq!(outcome(&world, 2), Some(Outcome::Released));
}

#[test]
fn who_overflows_to_another_queue_keeps_the_place() {
    let mut circumstances = with_rules(|settings| {
        let to_sales = acd::OverflowAct::Move("sales".into());
        let rule = acd::Overflow { on: acd::Trigger::After(S(10)), act: to_sales };
        settings.queues.get_mut("support").expect("there").overflow = vec![rule];
        let sales = settings.agents["1002"].queues["support"].clone();
        settings.agents.get_mut("1002").expect("there").queues = [("sales".into(), sales)].into();
        settings.agents.remove("1001");
    });
    Arc::make_mut(&mut circumstances.config).numbers.insert("701".into(), Destination::Queue("sales".into()));
    // The last has waited in `sales` before the others come there, and came to us after them.
    let second = Life::stranger("+48220000000", vec![Plan { at: S(3), ..Plan::to("600") }]);
    let direct = Life::stranger("+48221111111", vec![Plan { at: S(5), ..Plan::to("701") }]);
    let agent = Life { registers: Some(S(20)), ..Life::agent("1002", vec![answers(S(1), Some(S(4))); 3]) };
    let world = lived("overflow", vec![agent, direct, second, enters(S(1), Leaves::Never)], circumstances);
    let order: Vec<&str> = received(&world, 0).iter().map(|call| call.from.as_str()).collect();
    assert_eq!(order, [CALLER, "+48220000000", "+48221111111"]);
}

/// The world begins at nine o'clock; the queue is closed for the second minute after it.
#[test]
fn who_waits_as_the_hours_end_and_who_comes_after_them_is_sent_away_until_they_begin_again() {
    let hang_up = acd::OverflowAct::Leave(acd::Destination::HangUp(acd::HangUp::Normal));
    let mut circumstances = with_rules(|settings| {
        let closed = acd::Condition::parse("closed").expect("a condition");
        let rule = acd::Overflow { on: acd::Trigger::Everybody(closed), act: hang_up };
        settings.queues.get_mut("support").expect("there").overflow = vec![rule];
    });
    let mut calendar = Calendar::new(Zone::utc());
    calendar.week[0] = ["00:00-09:01", "09:02-24:00"].map(|span| span.parse().expect("a span")).into();
    let config = Arc::make_mut(&mut circumstances.config);
    config.calendars.insert("office".into(), Arc::new(calendar));
    config.queues.get_mut("support").expect("there").hours = Some("office".into());
    let agent = Life { registers: Some(S(130)), ..Life::agent("1001", vec![answers(S(1), Some(S(4)))]) };
    let callers = [enters(S(30), Leaves::Never), enters(S(70), Leaves::Never), enters(S(121), Leaves::Never)];
    let world = lived("hours", [vec![agent], callers.into()].concat(), circumstances);
    let mut ends: Vec<_> = records(&world).iter().map(|record| record.ended.since(BEGINNING).as_secs()).collect();
    ends.sort_unstable();
    assert_eq!(ends[..2], [60, 70], "as the hours end, and as they are over");
    assert_eq!(received(&world, 0).len(), 1, "the third was let in again, and waited for the agent");
    assert!(ends[2] > 130, "{ends:?}");
}

/// A queue that one leaves by a key for a menu, and comes back to.
const WITH_A_KEY: &str = "
start: wait
nodes:
  wait:
    queue: {name: support, keys: {1: choose}, failed: bye}
  choose:
    menu: {prompt: main-menu, wait: 20s, tries: 1, keys: {1: wait}, no_input: bye, invalid: bye}
  bye:
    hangup: {cause: normal}
";

#[test]
fn who_leaves_by_a_key_and_comes_back_has_the_old_place() {
    let mut circumstances = with_rules(|_| {});
    let config = Arc::make_mut(&mut circumstances.config);
    let world = ivr::World {
        languages: config.languages.clone(),
        queues: ["support".into()].into(),
        sounds: config.languages.iter().map(|language| (language.clone(), ["main-menu".into()].into())).collect(),
        ..ivr::World::default()
    };
    let flow = Flow::parse("key.yaml", WITH_A_KEY.as_bytes(), &world).unwrap_or_else(|faults| panic!("{}", faults[0]));
    config.flows.insert("key".into(), Arc::new(flow));
    config.numbers.insert("501".into(), Destination::Flow("key".into()));
    for (stays_away, expected) in [(false, [CALLER, "+48220000000"]), (true, ["+48220000000", CALLER])] {
        let presses = if stays_away { vec![(S(4), '1'), (S(23), '1')] } else { vec![(S(4), '1'), (S(9), '1')] };
        let first = Life::stranger(CALLER, vec![Plan { at: S(1), presses, ..Plan::to("501") }]);
        let second = Life::stranger("+48220000000", vec![Plan { at: S(7), ..Plan::to("501") }]);
        let agent =
            Life { registers: Some(S(15)), ..Life::agent("1001", vec![answers(S(1), Some(S(4))), answers(S(1), Some(S(4)))]) };
        let world = lived("a key", vec![agent, first, second], circumstances.clone());
        let order: Vec<&str> = received(&world, 0).iter().map(|call| call.from.as_str()).collect();
        assert_eq!(order, expected, "away until the agent has come: {stays_away}");
    }
}

/// The caller holds from 1.2 s to 3.7 s after the beginning, the agent answers at about 2.1 s.
#[test]
fn who_holds_while_waiting_is_music_to_the_agent_who_answers() {
    let music = |holds: Quirk| {
        let caller = Plan { at: S(1), quirk: holds, leaves: Leaves::AfterAnswer(S(8)), ..Plan::to("600") };
        let lives = vec![Life::agent("1001", vec![answers(S(1), None)]), Life::stranger(CALLER, vec![caller])];
        let world = lived("holds while waiting", lives, Circumstances { transcript: Some(20_000), ..calm() });
        assert_eq!((received(&world, 0).len(), outcome(&world, 1)), (1, Some(Outcome::HungUp)));
        let audio = world.people()[0].own_audio(0).local;
        let heard = format!("{audio} hears any/hold-music");
        world.trace().lines().iter().filter(|line| line.ends_with(&heard)).count()
    };
    assert_eq!(music(Quirk::None), 0);
    assert_eq!(music(Quirk::Holds(MS(200))), 1, "as if the hold had begun in the talk");
    assert_eq!(music(Quirk::Holds(S(4))), 1, "it begins in the talk");
}
