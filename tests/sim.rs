//! The simulator at work: a thousand worlds of at least ten calls each under five per cent loss, in virtual time; and the
//! scenarios that have a name.
//!
//! `CENTRALA_SEEDS=20000 cargo test --test sim thousand` lives more worlds; `CENTRALA_SEED=123 cargo test --test sim replay --
//! --nocapture` lives one again and tells it.

// A test reads what its caller wants from the environment; the exchange never does.
#![allow(clippy::disallowed_methods)]

#[path = "sim/accounts.rs"]
mod accounts;
#[path = "sim/endings.rs"]
mod endings;
#[path = "sim/full.rs"]
mod full;
#[path = "sim/orders.rs"]
mod orders;
#[path = "sim/pins.rs"]
mod pins;
#[path = "sim/queues.rs"]
mod queues;
#[path = "sim/scenarios.rs"]
mod scenarios;
#[path = "sim/servers.rs"]
mod servers;
#[path = "sim/three_way.rs"]
mod three_way;
#[path = "sim/transfers.rs"]
mod transfers;
#[path = "sim/verbs.rs"]
mod verbs;
#[path = "sim/words.rs"]
mod words;

use centrala::pbx::Pbx;
use centrala::sim::{self, Failure, Tale, Variant};
use std::collections::BTreeMap;

/// Worlds lived by default.
const SEEDS: u64 = 1_000;
/// The first seed of the run; every run lives the same worlds, so a failure seen once is seen again.
const FIRST: u64 = 1;
/// Lines told of a world that is replayed.
const REPLAY_LINES: usize = 4_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number")))
}

/// Lives the worlds on every core there is; each world is one thread's from its first step to its last.
fn live(seeds: std::ops::Range<u64>, variant: Variant) -> Result<Vec<Tale>, Box<Failure>> {
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get()) as u64;
    let every = usize::try_from(workers).expect("a number of cores");
    std::thread::scope(|scope| {
        let mine = |worker| seeds.clone().skip(worker).step_by(every).map(|seed| sim::run(seed, variant)).collect();
        let threads: Vec<_> = (0..every).map(|worker| scope.spawn(move || mine(worker))).collect();
        let tales: Result<Vec<Vec<Tale>>, _> = threads.into_iter().map(|thread| thread.join().expect("a worker")).collect();
        tales.map(|tales| tales.into_iter().flatten().collect())
    })
}

fn told<T>(outcome: Result<T, Box<Failure>>) -> T {
    outcome.unwrap_or_else(|failure| panic!("\n{failure}\n"))
}

#[test]
fn a_thousand_worlds_keep_every_promise() {
    let seeds = number("CENTRALA_SEEDS").unwrap_or(SEEDS);
    let tales = told(live(FIRST..FIRST + seeds, Variant::Plain));
    let mut total = Tale::default();
    for tale in &tales {
        assert!(tale.calls >= sim::MIN_CALLS as u64, "seed {} makes {} calls", tale.seed, tale.calls);
        total.merge(tale);
    }
    print(&total, seeds);
    let missing = total.visited.missing();
    assert!(seeds < SEEDS || missing.is_empty(), "never visited: {missing:?}");
    assert!(seeds < SEEDS || total.mixes > 50, "three talked only {} times", total.mixes);
}

fn print(total: &Tale, seeds: u64) {
    println!("{seeds} worlds, {} calls, {} records, {} steps", total.calls, total.records, total.steps);
    println!("virtual time {:.0} h; network {:?}", total.age.as_secs_f64() / 3600.0, total.network);
    println!("became of the callers: {:?}", total.outcomes);
    println!("records:               {:?}", total.recorded);
    println!("misbehaviour:          {:?}", total.quirks);
    println!("three talked together: {} times", total.mixes);
    println!("phones that rang:      {} picked up; {:?}", total.picked_up, total.manners);
    let mut machines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (machine, state, visited) in total.visited.states() {
        let mark = if visited { "" } else { " (never)" };
        machines.entry(machine).or_default().push(format!("{state}{mark}"));
    }
    for (machine, states) in machines {
        println!("visited {machine:14} {}", states.join(", "));
    }
}

/// One seed again, with words: what `CENTRALA_SEED` names, or the first.
#[test]
fn replay() {
    let asked = number("CENTRALA_SEED");
    let seed = asked.unwrap_or(FIRST);
    let mut world = sim::world(seed, Variant::Plain, Some(REPLAY_LINES));
    let verdict = sim::live(&mut world);
    if asked.is_some() || verdict.is_err() {
        world.trace().lines().iter().for_each(|line| println!("{line}"));
        println!("{:#?}", sim::tale(&world));
    }
    assert_eq!(verdict, Ok(()), "seed {seed}");
}

#[test]
fn the_same_seed_leaves_the_same_trace_and_another_seed_another() {
    let hashes = |seeds| -> Vec<u64> { told(live(seeds, Variant::Plain)).iter().map(|tale| tale.hash).collect() };
    let (once, again) = (hashes(1..9), hashes(1..9));
    assert_eq!(once, again);
    let mut distinct = once.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), once.len());
}

/// The whole exchange as JSON, and back. Here rather than in the library: the daemon never needs the code for it.
fn as_json(pbx: &Pbx) -> Result<Pbx, String> {
    let text = serde_json::to_string(pbx).map_err(|fault| format!("the exchange cannot be written down: {fault}"))?;
    serde_json::from_str(&text).map_err(|fault| format!("the exchange cannot be read back: {fault}"))
}

#[test]
fn an_exchange_that_is_written_down_and_read_back_goes_on_the_same_way() {
    let every = 50;
    let hashes = |variant| -> Vec<u64> { told(live(100..112, variant)).iter().map(|tale| tale.hash).collect() };
    assert_eq!(hashes(Variant::Reseeded { every }), hashes(Variant::Rewritten { every, by: as_json }));
}
