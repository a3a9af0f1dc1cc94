//! Which of the free agents: one strategy per file, each a measure in which the smallest goes first.
//!
//! ```text
//!   free agents of a set, ordered      (band, measure, idle since, position)
//!                                        |      |
//!                                        |      one file per strategy
//!                                        source, then the comparators that go first: tier, best_skill
//! ```
//!
//! | strategy | the smallest | rings at once |
//! |---|---|---|
//! | `longest_idle` | the moment of the last offer or call | 1 |
//! | `ring_all` | the same, for the order of ringing | [`RING_ALL_AT_ONCE`] |
//! | `linear` | place in the list | 1 |
//! | `ring_in_turn` | place in the list, counted from the one this call asked last | 1 |
//! | `round_robin` | place in the list, counted from the one asked last | 1 |
//! | `fewest_calls` | calls per hour logged in, now | 1 |
//! | `least_talk` | talk per hour logged in, now | 1 |
//! | `best_skill` | the moment of the last offer or call, among those best at the needed skills | 1 |
//! | `random` | chance | 1 |
//! | `weighted_random` | chance, in proportion to the agents' weights | 1 |
//!
//! Invariant: a [`Rank`] depends only on what stands still while the agent is free, so an ordered set stays ordered. What does
//! not stand still, a rate, is computed as it is asked for.

mod fewest_calls;
mod least_talk;
mod linear;
mod longest_idle;
mod random;
mod ranked;
mod round_robin;

use super::roster::DeskId;
use crate::id::Rng;
use crate::time::{Duration, Moment};
use ranked::Ranking;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `ring_all` rings at most this many agents for one call.
pub const RING_ALL_AT_ONCE: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    #[default]
    LongestIdle,
    RingAll,
    RingInTurn,
    Linear,
    RoundRobin,
    FewestCalls,
    LeastTalk,
    BestSkill,
    Random,
    WeightedRandom,
}

/// What may go before a strategy's own measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparator {
    /// Lower tiers first (a penalty elsewhere).
    Tier,
    /// Higher levels in the needed skills, added up, first.
    BestSkill,
}

/// At most so many go before.
pub const MAX_COMPARATORS: usize = 2;

/// The whole order in which a queue asks free agents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// At most [`MAX_COMPARATORS`], the first decides.
    pub first: Vec<Comparator>,
    pub then: Strategy,
}

impl Default for Order {
    fn default() -> Order {
        Order::from(Strategy::default())
    }
}

impl fmt::Display for Order {
    /// As it is written: `longest_idle`, or `tier, best_skill, longest_idle`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self != Order::from(self.then) {
            for comparator in &self.first {
                f.write_str(match comparator {
                    Comparator::Tier => "tier, ",
                    Comparator::BestSkill => "best_skill, ",
                })?;
            }
        }
        f.write_str(match self.then {
            Strategy::LongestIdle => "longest_idle",
            Strategy::RingAll => "ring_all",
            Strategy::RingInTurn => "ring_in_turn",
            Strategy::Linear => "linear",
            Strategy::RoundRobin => "round_robin",
            Strategy::FewestCalls => "fewest_calls",
            Strategy::LeastTalk => "least_talk",
            Strategy::BestSkill => "best_skill",
            Strategy::Random => "random",
            Strategy::WeightedRandom => "weighted_random",
        })
    }
}

impl From<Strategy> for Order {
    /// As people mean it who say nothing else: tiers before all, and for `best_skill` the levels after them.
    fn from(then: Strategy) -> Order {
        let first = match then {
            Strategy::BestSkill => vec![Comparator::Tier, Comparator::BestSkill],
            _ => vec![Comparator::Tier],
        };
        Order { first, then }
    }
}

/// What a strategy may know of an agent who is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The end of the last offer or call; the login when there was none.
    pub idle_since: Moment,
    pub calls: u32,
    pub talked: Duration,
    /// The moment since which they would be logged in, had they never logged out between.
    pub logged_in_since: Moment,
    /// Drawn anew each time the agent becomes free, and how far the draws of `weighted_random` had gone then.
    pub draw: u64,
    pub drawn_from: u64,
}

/// What does not depend on the agent's day but on why they stand in a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Merit {
    /// Own agents are 0, those of groups and queues that were added 1, 2, ...
    pub source: u8,
    pub tier: u16,
    /// Levels in the needed skills, added up.
    pub skill: u16,
    pub position: u32,
    /// Chance of being asked, against the others'.
    pub weight: u16,
}

/// A free agent's place in the order of one queue: the smallest is asked first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Rank {
    /// Whoever is in a lower band is asked first, whatever the strategy.
    band: u64,
    /// For a rate: the amount.
    measure: u64,
    /// For a rate: what the amount is divided by begins here.
    logged_in_since: Moment,
    idle_since: Moment,
    position: u32,
}

/// The free agents of one requirement set, in the order in which it would ask them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct FreeAgents {
    order: Order,
    ranked: Ranking,
    /// Nobody who ever stood here is logged in since before that.
    earliest: Moment,
}

/// The greatest weight that an agent can have in a queue.
pub const MAX_AGENT_WEIGHT: u16 = 100;

/// An agent and how early they come: the smallest is asked.
pub(super) type Choice = (u64, bool, Rank, DeskId);

impl Order {
    fn rank(&self, merit: &Merit, candidate: &Candidate) -> Rank {
        let measure = match self.then {
            Strategy::LongestIdle | Strategy::RingAll | Strategy::BestSkill => longest_idle::measure(candidate),
            Strategy::Linear | Strategy::RingInTurn => linear::measure(merit),
            Strategy::RoundRobin => round_robin::measure(merit),
            Strategy::FewestCalls => fewest_calls::measure(candidate),
            Strategy::LeastTalk => least_talk::measure(candidate),
            Strategy::Random => random::measure(candidate),
            Strategy::WeightedRandom => random::weighted(merit, candidate),
        };
        // In a list the place decides alone, so that the one asked last is found again wherever their idle time has gone.
        let idle_since = if self.then.is_listed() { Moment::ZERO } else { candidate.idle_since };
        let logged_in_since = if self.then.is_rate() { candidate.logged_in_since } else { Moment::ZERO };
        Rank { band: self.band(merit), measure, logged_in_since, idle_since, position: merit.position }
    }

    /// Source, then the comparators: 16 bits each.
    fn band(&self, merit: &Merit) -> u64 {
        let value = |comparator: &Comparator| match comparator {
            Comparator::Tier => merit.tier,
            Comparator::BestSkill => u16::MAX - merit.skill,
        };
        let mut values = self.first.iter().map(value).chain(std::iter::repeat(0));
        (0..MAX_COMPARATORS).fold(u64::from(merit.source), |band, _| (band << 16) | u64::from(values.next().unwrap_or(0)))
    }
}

impl Strategy {
    fn is_rate(self) -> bool {
        matches!(self, Strategy::FewestCalls | Strategy::LeastTalk)
    }

    fn is_listed(self) -> bool {
        matches!(self, Strategy::Linear | Strategy::RoundRobin | Strategy::RingInTurn)
    }

    /// How many agents ring for one call at the same time.
    pub(super) fn at_once(self) -> usize {
        if self == Strategy::RingAll { RING_ALL_AT_ONCE } else { 1 }
    }
}

/// Where strategies that do not begin with the first begin: whom the queue asked last, whom it asked last for this call, and
/// chance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beginnings {
    pub by_queue: Option<(Rank, DeskId)>,
    pub for_item: Option<(Rank, DeskId)>,
    pub by_chance: Option<(Rank, DeskId)>,
}

impl Rank {
    /// How far the draws of `weighted_random` have gone with this one.
    pub(super) fn drawn(&self) -> u64 {
        self.measure
    }
}

impl Strategy {
    pub(super) fn draw(self, rng: &mut Rng) -> Option<(Rank, DeskId)> {
        (self == Strategy::Random).then(|| random::start(rng))
    }
}

impl FreeAgents {
    pub fn new(order: Order) -> FreeAgents {
        FreeAgents { order, ranked: Ranking::default(), earliest: Moment::from_nanos(i64::MAX) }
    }

    pub fn insert(&mut self, merit: &Merit, candidate: &Candidate, desk: DeskId) {
        self.earliest = self.earliest.min(candidate.logged_in_since);
        self.ranked.insert((self.order.rank(merit, candidate), desk));
    }

    pub fn remove(&mut self, merit: &Merit, candidate: &Candidate, desk: DeskId) {
        self.ranked.remove(&(self.order.rank(merit, candidate), desk));
    }

    pub fn contains(&self, merit: &Merit, candidate: &Candidate, desk: DeskId) -> bool {
        self.ranked.contains(&(self.order.rank(merit, candidate), desk))
    }

    pub fn len(&self) -> usize {
        self.ranked.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ranked.len() == 0
    }

    /// The agent to ask: the first of the lowest band, counted round from where the strategy begins.
    pub fn choose(&self, asked: Beginnings, now: Moment) -> Option<Choice> {
        let &(first, desk) = self.ranked.first()?;
        match self.order.then {
            Strategy::FewestCalls | Strategy::LeastTalk => self.lowest_rate(first.band, now),
            Strategy::RoundRobin => self.round_from(first.band, asked.by_queue),
            Strategy::RingInTurn => self.round_from(first.band, asked.for_item),
            Strategy::Random => self.round_from(first.band, asked.by_chance),
            Strategy::LongestIdle | Strategy::RingAll | Strategy::Linear | Strategy::BestSkill | Strategy::WeightedRandom => {
                Some((first.band, false, first, desk))
            }
        }
    }

    /// The first after `start` within the band, else the first of the band.
    fn round_from(&self, band: u64, start: Option<(Rank, DeskId)>) -> Option<Choice> {
        let &(first, desk) = self.ranked.first()?;
        let Some((rank, last)) = start else { return Some((band, false, first, desk)) };
        let from = (Rank { band, ..rank }, last);
        match self.ranked.after(from) {
            Some(&(next, desk)) if next.band == band => Some((band, false, next, desk)),
            _ => Some((band, true, first, desk)),
        }
    }

    /// Rates of free agents overtake one another as time passes, so they are computed now. The set is ordered by the amount,
    /// and nobody was here longer than `earliest`: once an amount is too much even for that, so are all that follow. Where most
    /// began together, that is after a few.
    fn lowest_rate(&self, band: u64, now: Moment) -> Option<Choice> {
        let mut best: Option<Choice> = None;
        for (rank, desk) in self.ranked.iter().take_while(|(rank, _)| rank.band == band) {
            let at_least = per_hour(rank.measure, now.since(self.earliest));
            if best.is_some_and(|(_, _, best, _)| best.measure < at_least) {
                break;
            }
            let measure = per_hour(rank.measure, now.since(rank.logged_in_since));
            let choice = (band, false, Rank { measure, logged_in_since: Moment::ZERO, ..*rank }, *desk);
            best = Some(best.map_or(choice, |best| best.min(choice)));
        }
        best
    }
}

/// `amount` per hour of `logged_in`, in millionths; at least a minute counts, so that the first call of a shift is no flood.
pub(super) fn per_hour(amount: u64, logged_in: Duration) -> u64 {
    const HOUR: u128 = 3_600_000_000_000;
    const MINUTE: u128 = HOUR / 60;
    u64::try_from(u128::from(amount) * HOUR * 1_000_000 / logged_in.as_nanos().max(MINUTE)).unwrap_or(u64::MAX)
}

/// A moment as a number in the same order.
fn ordered(moment: Moment) -> u64 {
    moment.as_nanos().cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Strategy; 10] = [
        Strategy::LongestIdle,
        Strategy::RingAll,
        Strategy::RingInTurn,
        Strategy::Linear,
        Strategy::RoundRobin,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::BestSkill,
        Strategy::Random,
        Strategy::WeightedRandom,
    ];

    fn at(seconds: i64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    type One = (Merit, Candidate);

    /// One who is idle since, had calls and talk, works since (all in seconds), and stands at that place of the list.
    fn candidate(idle: i64, calls: u32, talked: u64, login: i64, position: u32) -> One {
        let talked = Duration::from_secs(talked);
        let candidate = Candidate { idle_since: at(idle), calls, talked, logged_in_since: at(login), draw: 0, drawn_from: 0 };
        (Merit { position, weight: 1, ..Merit::default() }, candidate)
    }

    fn choose(order: Order, candidates: &[One]) -> DeskId {
        let mut free = FreeAgents::new(order);
        for ((merit, one), id) in candidates.iter().zip(0..) {
            free.insert(merit, one, DeskId(id));
        }
        let (_, _, _, desk) = free.choose(Beginnings::default(), at(6 * 3600)).expect("somebody is free");
        desk
    }

    /// Which of the candidates (by index, in this tier) the strategy asks first after six hours.
    fn check(strategy: Strategy, candidates: &[(u16, One)], expected: u32) {
        let tiered: Vec<One> = candidates.iter().map(|(tier, (merit, one))| (Merit { tier: *tier, ..*merit }, *one)).collect();
        assert_eq!(choose(strategy.into(), &tiered), DeskId(expected), "{strategy:?} {candidates:?}");
    }

    #[test]
    fn each_strategy_asks_the_one_it_is_named_after() {
        let early = candidate(-5, 9, 900, 0, 2);
        let late = candidate(7, 3, 1000, 0, 1);
        check(Strategy::LongestIdle, &[(0, late), (0, early)], 1);
        check(Strategy::RingAll, &[(0, late), (0, early)], 1);
        check(Strategy::Linear, &[(0, early), (0, late)], 1);
        check(Strategy::FewestCalls, &[(0, early), (0, late)], 1);
        check(Strategy::LeastTalk, &[(0, late), (0, early)], 1);
    }

    #[test]
    fn a_lower_tier_is_asked_first_whatever_the_strategy() {
        for strategy in ALL {
            check(strategy, &[(1, candidate(0, 0, 0, 0, 0)), (0, candidate(9, 9, 9, 9, 9))], 1);
        }
    }

    #[test]
    fn one_who_came_late_to_work_is_not_flooded() {
        // 12 calls in six hours are 2 an hour; 3 calls in one hour are 3.
        let late = 5 * 3600;
        check(Strategy::FewestCalls, &[(0, candidate(0, 3, 0, late, 0)), (0, candidate(9, 12, 0, 0, 1))], 1);
        check(Strategy::FewestCalls, &[(0, candidate(0, 1, 0, late, 0)), (0, candidate(9, 12, 0, 0, 1))], 0);
        check(Strategy::LeastTalk, &[(0, candidate(0, 0, 300, late, 0)), (0, candidate(9, 0, 1200, 0, 1))], 1);
        check(Strategy::FewestCalls, &[(0, candidate(0, 0, 0, late, 0)), (0, candidate(9, 0, 0, 0, 1))], 0);
    }

    #[test]
    fn equals_are_asked_by_idle_time_and_then_by_their_place() {
        check(Strategy::FewestCalls, &[(0, candidate(9, 1, 0, 0, 0)), (0, candidate(8, 1, 0, 0, 1))], 1);
        check(Strategy::LongestIdle, &[(0, candidate(9, 0, 0, 0, 5)), (0, candidate(9, 0, 0, 0, 4))], 1);
    }

    #[test]
    fn what_goes_first_decides_before_the_strategy() {
        let one = |tier, skill, idle| (Merit { tier, skill, weight: 1, ..Merit::default() }, candidate(idle, 0, 0, 0, 0).1);
        let candidates = [one(1, 9, 50), one(1, 3, 10), one(0, 1, 90)];
        let check = |first: &[Comparator], expected| {
            let order = Order { first: first.to_vec(), then: Strategy::LongestIdle };
            assert_eq!(choose(order, &candidates), DeskId(expected), "{first:?}");
        };
        check(&[], 1);
        check(&[Comparator::Tier], 2);
        check(&[Comparator::BestSkill], 0);
        check(&[Comparator::BestSkill, Comparator::Tier], 0);
        check(&[Comparator::Tier, Comparator::BestSkill], 2);
    }

    #[test]
    fn own_agents_are_asked_before_those_who_were_added() {
        for strategy in ALL {
            let (merit, one) = candidate(0, 0, 0, 0, 0);
            let added = (Merit { source: 1, ..merit }, one);
            let own = (Merit { tier: 7, ..merit }, candidate(99, 9, 9, 9, 9).1);
            assert_eq!(choose(strategy.into(), &[added, own]), DeskId(1), "{strategy:?}");
        }
    }

    #[test]
    fn counting_goes_round_from_the_one_asked_last_within_the_lowest_tier() {
        let one = |tier, place| (Merit { tier, ..candidate(0, 0, 0, 0, place).0 }, candidate(0, 0, 0, 0, place).1);
        for strategy in [Strategy::RoundRobin, Strategy::RingInTurn] {
            let order = Order::from(strategy);
            let mut free = FreeAgents::new(order.clone());
            for (tier, place) in [(0, 1), (0, 3), (0, 5), (1, 6)] {
                let (merit, candidate) = one(tier, place);
                free.insert(&merit, &candidate, DeskId(place));
            }
            for (last, expected) in [(0, 1), (1, 3), (2, 3), (3, 5), (5, 1), (6, 1)] {
                let (merit, candidate) = one(0, last);
                let last_asked = Some((order.rank(&merit, &candidate), DeskId(last)));
                let asked = match strategy {
                    Strategy::RoundRobin => Beginnings { by_queue: last_asked, ..Beginnings::default() },
                    _ => Beginnings { for_item: last_asked, ..Beginnings::default() },
                };
                let (_, _, _, desk) = free.choose(asked, at(0)).expect("somebody is free");
                assert_eq!(desk, DeskId(expected), "{strategy:?} after {last}");
            }
        }
    }

    #[test]
    fn chance_follows_the_weights() {
        let mut rng = Rng::from_seed(5);
        let mut times = [0_u32; 2];
        for _ in 0..4000 {
            let mut free = FreeAgents::new(Strategy::WeightedRandom.into());
            for (desk, weight) in [(0, 10), (1, 30)] {
                let (merit, candidate) = candidate(0, 0, 0, 0, 0);
                let candidate = Candidate { draw: rng.u64(), ..candidate };
                free.insert(&Merit { weight, ..merit }, &candidate, DeskId(desk));
            }
            let (_, _, _, desk) = free.choose(Beginnings::default(), at(0)).expect("somebody is free");
            times[desk.0 as usize] += 1;
        }
        assert!((900..1100).contains(&times[0]), "{times:?}");
    }
}
