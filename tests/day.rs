//! Simulated days: the same seed gives the same day, and a steady line behaves as Erlang says, of patient and impatient callers.

use centrala::acd;
use centrala::config::{Day, Shift, Traffic};
use centrala::measure::Formula;
use centrala::measure::erlang::{Line, Load, Patient};
use centrala::sim::day::{Outlook, run};
use centrala::time::Duration;

const SUPPORT: &str = include_str!("day/support.yaml");

fn day(text: &str) -> Day {
    match Day::read(("day.yaml", text.as_bytes()), None) {
        Ok(day) => day,
        Err(faults) => panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// As the day says it.
fn called(day: &Day) -> u32 {
    day.calls.values().flat_map(|traffic| &traffic.arrivals).sum()
}

/// A hundred calls in half an hour, three minutes each, all day: one queue, so many agents.
fn steady(agents: u32, patience: Option<Duration>) -> Day {
    let traffic = Traffic { arrivals: vec![100; 48], drawn: true, handling: Duration::from_secs(180), patience };
    let queues = [("line".into(), acd::Membership::default())].into();
    Day {
        interval: Duration::from_secs(1800),
        calls: [("line".into(), traffic)].into(),
        shifts: vec![Shift { agents, queues, ..Shift::default() }],
        queues: [("line".into(), acd::Queue::default())].into(),
        ..Day::default()
    }
}

const STEADY: Load = Load { rate: 100.0 / 1800.0, aht: 180.0 };

#[test]
fn the_same_seed_gives_the_same_day_and_another_seed_another() {
    let day = day(SUPPORT);
    assert_eq!(run(&day, 7), run(&day, 7));
    assert_ne!(run(&day, 7), run(&day, 8));
}

#[test]
fn every_caller_has_one_ending_and_every_minute_of_an_agent_is_accounted_for() {
    let day = day(SUPPORT);
    let outlook = run(&day, 3);
    let counts = outlook.total.counts;
    let endings =
        [counts.answered, counts.abandoned, counts.flowed_out, counts.left_by_key, counts.ended_by_us, counts.waiting];
    assert_eq!(endings.iter().sum::<u64>(), counts.offered);
    // Chance draws how many call: about as many as the file says.
    let (offered, called) = (counts.offered as f64, f64::from(called(&day)));
    assert!((offered - called).abs() < 4.0 * called.sqrt(), "{offered} and {called}");
    let of_intervals: u64 = outlook.intervals.iter().map(|tally| tally.counts.answered).sum();
    let of_queues: u64 = outlook.queues.values().map(|tally| tally.counts.answered).sum();
    assert_eq!((of_intervals, of_queues), (counts.answered, counts.answered));
    let work = outlook.total.work;
    assert_eq!(work.handling() + work.available + work.away, work.logged_in);
    // Ten and five agents of eight hours, four of five; some finish their last call.
    let rostered = Duration::from_secs((15 * 8 + 4 * 5) * 3600);
    assert!(work.logged_in >= rostered && work.logged_in < rostered + Duration::from_secs(3600), "{:?}", work.logged_in);
    // Ten have half an hour of pause, which begins when the call in hand and its wrap-up are over.
    let pauses = Duration::from_secs(10 * 1800);
    assert!(work.away <= pauses && work.away > pauses / 2, "{:?}", work.away);
}

#[test]
fn with_more_agents_the_same_callers_are_answered_sooner() {
    let day = day(SUPPORT);
    let mut more = day.clone();
    more.shifts.iter_mut().for_each(|shift| shift.agents += 3);
    let level = |outlook: &Outlook| outlook.total.counts.service_level(Formula::ShortExcluded).expect("callers");
    let (as_it_is, what_if) = (run(&day, 5), run(&more, 5));
    assert_eq!(as_it_is.total.counts.offered, what_if.total.counts.offered);
    assert!(level(&what_if) > level(&as_it_is), "{} and {}", level(&what_if), level(&as_it_is));
    assert!(what_if.total.work.occupancy() < as_it_is.total.work.occupancy());
}

#[test]
fn a_steady_line_of_impatient_callers_behaves_as_erlang_a_says() {
    let steady = steady(13, Some(Duration::from_secs(300)));
    let (mut in_time, mut gave_up, mut offered) = (0, 0, 0);
    for seed in 0..40 {
        let counts = run(&steady, seed).total.counts;
        in_time += counts.answered_in_time;
        gave_up += counts.abandoned;
        offered += counts.offered;
    }
    let line = Line::new(STEADY, 13, 300.0, 20.0);
    let share = |part: u64| part as f64 / offered as f64;
    assert!((share(in_time) - line.service_level).abs() < 0.01, "{} and {}", share(in_time), line.service_level);
    assert!((share(gave_up) - line.abandons).abs() < 0.003, "{} and {}", share(gave_up), line.abandons);
}

/// A hundred and twenty half days of it are within 0.7 per cent of the service level and 0.7 s of the average wait; with a fixed number
/// of calls in each interval they would be three per cent and two and a half seconds away.
#[test]
fn a_steady_line_of_patient_callers_behaves_as_erlang_c_says() {
    let mut steady = steady(14, None);
    steady.calls.values_mut().for_each(|traffic| traffic.arrivals.truncate(24));
    let (mut in_time, mut answered, mut waited) = (0.0, 0.0, 0.0);
    for seed in 0..120 {
        let counts = run(&steady, seed).total.counts;
        // Who comes last may find that the agents have gone home.
        assert!(counts.abandoned == 0 && counts.waiting < 20, "seed {seed}: {counts:?}");
        in_time += counts.answered_in_time as f64;
        answered += counts.answered as f64;
        waited += counts.average_answer().expect("callers") * counts.answered as f64;
    }
    let line = Patient::new(STEADY, 14);
    let (level, wait) = (in_time / answered, waited / answered);
    assert!((level - line.service_level(20.0)).abs() < 0.007, "{level} and {}", line.service_level(20.0));
    assert!((wait - line.average_wait).abs() < 0.7, "{wait} and {}", line.average_wait);
}

#[test]
fn how_many_call_is_drawn_by_the_seed_unless_so_many_came_indeed() {
    let mut day = steady(14, None);
    let offered = |day: &Day, seed| run(day, seed).total.counts.offered;
    let drawn: Vec<u64> = (0..30).map(|seed| offered(&day, seed)).collect();
    let mean = drawn.iter().sum::<u64>() as f64 / drawn.len() as f64;
    let variance = drawn.iter().map(|count| (*count as f64 - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
    assert!((mean - 4800.0).abs() < 60.0 && variance > 1500.0, "{drawn:?}");
    day.calls.values_mut().for_each(|traffic| traffic.drawn = false);
    assert!((0..3).all(|seed| offered(&day, seed) == u64::from(called(&day))));
}

#[test]
fn what_is_wrong_with_a_day_is_said_with_its_place() {
    let check = |from: &str, to: &str, place: &str, part: &str| {
        assert!(SUPPORT.contains(from), "{from}");
        let faults = Day::read(("day.yaml", SUPPORT.replacen(from, to, 1).as_bytes()), None).expect_err(to);
        let told = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains(place) && told.contains(part), "{to}: {told}");
    };
    check("queues: [support], pauses", "queues: [suport], pauses", "day.yaml:16", "did you mean");
    check("handling: 3m ", "handling: 180 ", "day.yaml:9", "a time with its unit");
    check("arrivals: [60,", "arrivals: [-6,", "day.yaml:8", "whole number");
    check("\"08:00\"", "\"8 o'clock\"", "day.yaml:3", "time of day");
    check("english >= 3", "german >= 3", "day.yaml:21", "german");
    check("  shifts:\n", "  shift:\n", "day.yaml:15", "no field `shift`");
}
