//! One seed, from its cast to its verdict; and when the verdict is bad, the same seed again with words.
//!
//! Invariant: what a run reports depends on its seed and its variant, never on how often or beside what it is run.

use super::caller::Outcome;
use super::cast::cast;
use super::circumstances::{Circumstances, Copyist};
use super::lab;
use super::network::{Cut, Tally, draw};
use super::promises::{Invariant, Verdict, Violation};
use super::trace::TRANSCRIPT_LINES;
use super::world::World;
use crate::id::Rng;
use crate::sip::Visited;
use crate::time::{Duration, Moment};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One world in this many is cut off from its exchange for a while, per thousand.
const CUTS: u32 = 150;
/// The exchange is stopped while people call; somebody sets the civil clock forward. (Back is another matter: a record's times
/// are the civil clock's, and would stand in the wrong order.)
const STOPS: u32 = 60;
const CLOCKS_SET: u32 = 60;
const LONGEST_CUT: Duration = Duration::from_secs(12);

/// How a world is lived, beside its seed.
#[derive(Clone, Copy, Debug, Default)]
pub enum Variant {
    #[default]
    Plain,
    /// The exchange is given fresh chance every so many steps.
    Reseeded { every: u64 },
    /// The same, and it is written down and read back before each.
    Rewritten { every: u64, by: Copyist },
}

/// What a whole life of a world came to.
#[derive(Clone, Debug, Default)]
pub struct Tale {
    pub seed: u64,
    /// Of everything that happened, in order.
    pub hash: u64,
    pub steps: u64,
    pub age: Duration,
    pub calls: u64,
    pub records: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub quirks: BTreeMap<&'static str, u64>,
    /// What was done with the calls that came, and how many were picked up.
    pub manners: BTreeMap<&'static str, u64>,
    pub picked_up: u64,
    /// How often three were brought together.
    pub mixes: u64,
    pub recorded: BTreeMap<String, u64>,
    pub network: Tally,
    pub visited: Visited,
}

impl Tale {
    /// Adds another world's figures; the hash and the seed are those of the first.
    pub fn merge(&mut self, other: &Tale) {
        self.steps += other.steps;
        self.age += other.age;
        self.calls += other.calls;
        self.records += other.records;
        other.outcomes.iter().for_each(|(outcome, count)| *self.outcomes.entry(*outcome).or_default() += count);
        other.quirks.iter().for_each(|(quirk, count)| *self.quirks.entry(quirk).or_default() += count);
        other.manners.iter().for_each(|(manner, count)| *self.manners.entry(manner).or_default() += count);
        self.picked_up += other.picked_up;
        self.mixes += other.mixes;
        other.recorded.iter().for_each(|(word, count)| *self.recorded.entry(word.clone()).or_default() += count);
        self.network.add(&other.network);
        self.visited.merge(other.visited);
    }
}

/// A promise that was broken, when, and what came before.
#[derive(Clone, Debug)]
pub struct Failure {
    pub seed: u64,
    pub age: Duration,
    pub violation: Violation,
    pub transcript: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, after {:.6} s of its world: a promise is broken", self.seed, self.age.as_secs_f64())?;
        for line in &self.transcript {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "BROKEN: {}", self.violation)?;
        write!(f, "again: CENTRALA_SEED={} cargo test --test sim replay -- --nocapture", self.seed)
    }
}

/// The world of a seed: its cast, its weather, its cuts.
pub fn world(seed: u64, variant: Variant, transcript: Option<usize>) -> World {
    let mut rng = Rng::from_seed(seed ^ 0xca57_0000_0000_0000);
    let lives = cast(&mut rng);
    let mut circumstances = Circumstances::rough(lab::config(), lab::sounds());
    circumstances.transcript = transcript;
    if rng.chance(CUTS) {
        let from = Moment::ZERO + draw(Duration::from_secs(60), &mut rng);
        let until = from + draw(LONGEST_CUT, &mut rng);
        circumstances.cuts.push(Cut { from, until, whom: None });
    }
    if rng.chance(STOPS) {
        circumstances.stops = Some(draw(Duration::from_secs(60), &mut rng));
    }
    if rng.chance(CLOCKS_SET) {
        let by = if rng.chance(500) { 1 } else { 3600 };
        circumstances.clock_set = Some((draw(Duration::from_secs(60), &mut rng), by));
    }
    match variant {
        Variant::Plain => {}
        Variant::Reseeded { every } => circumstances.reseed_every = Some(every),
        Variant::Rewritten { every, by } => {
            circumstances.reseed_every = Some(every);
            circumstances.rewrite_every = Some((every, by));
        }
    }
    World::new(seed, lives, circumstances)
}

/// Lives one world; when a promise is broken, lives it again to tell how.
pub fn run(seed: u64, variant: Variant) -> Result<Tale, Box<Failure>> {
    let mut first = world(seed, variant, None);
    match live(&mut first) {
        Ok(()) => Ok(tale(&first)),
        Err(violation) => {
            let mut again = world(seed, variant, Some(TRANSCRIPT_LINES));
            let violation = live(&mut again).err().unwrap_or(violation);
            let transcript = again.trace().lines();
            Err(Box::new(Failure { seed, age: again.age(), violation, transcript }))
        }
    }
}

/// Lives a world; a panic is a broken promise too.
pub fn live(world: &mut World) -> Verdict {
    match catch_unwind(AssertUnwindSafe(|| world.run())) {
        Ok(verdict) => verdict,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words").to_string();
            Err(Violation { invariant: Invariant::NoPanic, message })
        }
    }
}

/// The figures of a world that has been lived.
pub fn tale(world: &World) -> Tale {
    let mut tale = Tale {
        seed: world.seed(),
        hash: world.trace().hash(),
        steps: world.steps(),
        age: world.age(),
        records: world.ledger().records().len() as u64,
        mixes: world.ledger().company().mixes(),
        network: world.network().tally(),
        visited: world.visited(),
        ..Tale::default()
    };
    for attempt in world.people().iter().flat_map(|person| &person.attempts) {
        tale.calls += 1;
        *tale.quirks.entry(attempt.plan.quirk.name()).or_default() += 1;
        if let Some(outcome) = attempt.outcome {
            *tale.outcomes.entry(outcome).or_default() += 1;
        }
    }
    for received in world.people().iter().flat_map(|person| &person.received) {
        *tale.manners.entry(received.manner.name()).or_default() += 1;
        tale.picked_up += u64::from(received.picked_up.is_some());
    }
    for record in world.ledger().records().values() {
        *tale.recorded.entry(record.outcome.clone()).or_default() += 1;
    }
    tale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_broken_and_how_to_see_it_again() {
        let violation = Violation { invariant: Invariant::NothingRemains, message: "1 legs remain at the end".into() };
        let transcript = vec!["    1.000000  caller 0 Dial(0)".into()];
        let text = Failure { seed: 123, age: Duration::from_secs(300), violation, transcript }.to_string();
        for part in ["seed 123, after 300.", "caller 0 Dial(0)", "BROKEN: when all have hung up", "1 legs remain at the end"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.ends_with("CENTRALA_SEED=123 cargo test --test sim replay -- --nocapture"), "{text}");
    }

    #[test]
    fn words_do_not_change_a_world() {
        let mut silent = world(3, Variant::Plain, None);
        let mut spoken = world(3, Variant::Plain, Some(10));
        assert_eq!((live(&mut silent), live(&mut spoken)), (Ok(()), Ok(())));
        assert_eq!(tale(&silent).hash, tale(&spoken).hash);
        assert_eq!((silent.trace().lines().len(), spoken.trace().lines().len()), (0, 10));
    }
}
