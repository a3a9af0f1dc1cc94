//! The formulas against numbers that others published or that were computed apart from us (`tests/data/acd_vectors.json`).

use centrala::measure::erlang::{Line, Load, Patient};
use centrala::measure::{Counts, Ended, Formula, Resolution, Threshold, Work};
use centrala::time::Duration;
use serde_json::Value;

const VECTORS: &str = include_str!("data/acd_vectors.json");

/// The vectors of one kind; there is at least one.
fn vectors(kind: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(VECTORS).expect("the vectors");
    let of_kind: Vec<Value> = all.into_iter().filter(|vector| vector["kind"] == kind).collect();
    assert!(!of_kind.is_empty(), "no vector is of kind {kind}");
    of_kind
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("no number `{name}` in {value}"))
}

fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no count `{name}` in {value}"))
}

fn agents(value: &Value) -> u32 {
    u32::try_from(count(value, "agents")).expect("not so many")
}

/// Each name's number in `out` must be the one found, to nine digits.
fn check(vector: &Value, found: &[(&str, f64)]) {
    for (name, found) in found {
        let expected = number(&vector["out"], name);
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{name}: {found}, not {expected}, of {vector}");
    }
}

fn some(value: Option<f64>) -> f64 {
    value.expect("something to divide by")
}

#[test]
fn service_levels_are_the_published_ones() {
    for vector in vectors("service_level") {
        let inp = &vector["inp"];
        let (answered_in_time, abandoned_in_time) = (count(inp, "answered_in"), count(inp, "abandoned_in"));
        // All others were answered late.
        let answered = count(inp, "offered") - abandoned_in_time;
        let counts = Counts {
            offered: count(inp, "offered"),
            answered,
            answered_in_time,
            abandoned: abandoned_in_time,
            abandoned_in_time,
            ..Counts::default()
        };
        let level = |formula| some(counts.service_level(formula));
        let found = [
            ("ignore", level(Formula::Ignore)),
            ("negative", level(Formula::Negative)),
            ("positive", level(Formula::Positive)),
        ];
        check(&vector, &found);
    }
}

#[test]
fn ten_calls_give_every_figure_of_a_report() {
    for vector in vectors("service_level_calls") {
        let seconds = |name| Duration::from_secs(count(&vector, name));
        let threshold = Threshold { within: seconds("T"), short: seconds("short") };
        let (mut counts, mut work) = (Counts::default(), Work::default());
        for call in vector["calls"].as_array().expect("calls") {
            let second = |place: usize| Duration::from_secs(call[place].as_u64().expect("seconds"));
            let ended = match call[1].as_str() {
                Some("A") => Ended::Answered,
                Some("X") => Ended::Abandoned,
                Some("O") => Ended::FlowedOut,
                Some("C") => Ended::CallbackTaken,
                other => panic!("what is {other:?}?"),
            };
            counts.add(Some(ended), second(0), threshold);
            if ended == Ended::Answered {
                work += Work { handled: 1, talk: second(2), hold: second(3), wrap_up: second(4), ..Work::default() };
            }
        }
        let levels = Formula::ALL.map(|formula| (formula.word(), some(counts.service_level(formula))));
        check(&vector, &levels);
        let found = [
            ("asa", some(counts.average_answer())),
            ("aht", some(work.average_handling())),
            ("tta", some(counts.time_to_abandon())),
            ("tta_no_short", some(counts.time_to_abandon_not_short())),
            ("abandon_all", some(counts.abandon_rate_all())),
            ("abandon_no_short", some(counts.abandon_rate())),
        ];
        check(&vector, &found);
        let sum = counts.answered + counts.abandoned + counts.flowed_out + counts.callback_taken;
        assert_eq!(counts.offered, sum, "every caller has one ending");
    }
}

#[test]
fn erlang_c_is_the_published_one() {
    for vector in vectors("erlang_c") {
        let inp = &vector["inp"];
        let load = Load { rate: number(inp, "calls") / number(inp, "period_s"), aht: number(inp, "aht_s") };
        let line = Patient::new(load, agents(inp));
        let found = [
            ("a", load.erlangs()),
            ("rho", line.occupancy),
            ("pw", line.waits),
            ("sl", line.service_level(number(inp, "T"))),
            ("asa", line.average_wait),
            ("imm", 1.0 - line.waits),
            ("lq", line.queue),
            ("asa_delayed", line.average_wait_of_waiting),
        ];
        check(&vector, &found);
    }
}

#[test]
fn erlang_a_is_exact() {
    for vector in vectors("erlang_a") {
        let inp = &vector["inp"];
        let load = Load { rate: number(inp, "lam_per_s"), aht: number(inp, "aht_s") };
        let line = Line::new(load, agents(inp), number(inp, "patience_s"), number(inp, "T"));
        let found = [
            ("pw", line.waits),
            ("eq", line.queue),
            ("pab", line.abandons),
            ("ew", line.average_wait),
            ("occ", line.occupancy),
            ("sl_all", line.service_level),
        ];
        check(&vector, &found);
    }
}

#[test]
fn contact_resolution_is_counted_in_chains() {
    for vector in vectors("fcr") {
        let lengths = vector["inp"].as_array().expect("lengths").iter().map(|length| length.as_u64().expect("a length"));
        let sum = Resolution::of(lengths);
        let found = [
            ("fcr", some(sum.first_contact())),
            ("cr2", some(sum.within_two())),
            ("cr3", some(sum.within_three())),
            ("repeat", some(sum.repeated())),
        ];
        check(&vector, &found);
    }
    for vector in vectors("fcr_per_call") {
        let calls = vector["inp"].as_object().expect("callers").values().map(|calls| calls.as_u64().expect("a number"));
        let sum = Resolution::of(calls);
        check(&vector, &[("per_call", some(sum.first_contact_per_call())), ("per_chain", some(sum.first_contact()))]);
    }
}
