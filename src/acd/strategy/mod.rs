//! Which of the free agents: one strategy per file, each a measure in which the smallest goes first.
//!
//! ```text
//!   free agents of a queue, ordered      (tier, measure, idle since, position)
//!                                          |      |
//!                                          |      one file per strategy
//!                                          lower tiers first, whatever the strategy
//! ```
//!
//! | strategy | the smallest | rings at once |
//! |---|---|---|
//! | `longest_idle` | the moment of the last offer or call | 1 |
//! | `ring_all` | the same, for the order of ringing | [`RING_ALL_AT_ONCE`] |
//! | `linear` | place in the list | 1 |
//! | `round_robin` | place in the list, counted from the one asked last | 1 |
//! | `fewest_calls` | calls per hour logged in, now | 1 |
//! | `least_talk` | talk per hour logged in, now | 1 |
//! | `random` | chance | 1 |
//!
//! Invariant: a [`Rank`] depends only on what stands still while the agent is free, so an ordered set stays ordered. What does
//! not stand still, a rate, is computed as it is asked for.

mod fewest_calls;
mod least_talk;
mod linear;
mod longest_idle;
mod random;
mod round_robin;

use super::roster::DeskId;
use crate::id::Rng;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

/// `ring_all` rings at most this many agents for one call.
pub const RING_ALL_AT_ONCE: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    #[default]
    LongestIdle,
    RingAll,
    Linear,
    RoundRobin,
    FewestCalls,
    LeastTalk,
    Random,
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
    pub position: u32,
    /// Drawn anew each time the agent becomes free.
    pub draw: u64,
}

/// A free agent's place in the order of one queue: the smallest is asked first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Rank {
    tier: u16,
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
    strategy: Strategy,
    ranked: BTreeSet<(Rank, DeskId)>,
    /// Nobody who ever stood here is logged in since before that.
    earliest: Moment,
}

/// An agent and how early they come: the smallest is asked.
pub(super) type Choice = (u16, bool, Rank, DeskId);

impl Strategy {
    fn rank(self, tier: u16, candidate: &Candidate) -> Rank {
        let measure = match self {
            Strategy::LongestIdle | Strategy::RingAll => longest_idle::measure(candidate),
            Strategy::Linear => linear::measure(candidate),
            Strategy::RoundRobin => round_robin::measure(candidate),
            Strategy::FewestCalls => fewest_calls::measure(candidate),
            Strategy::LeastTalk => least_talk::measure(candidate),
            Strategy::Random => random::measure(candidate),
        };
        // In a list the place decides alone, so that the one asked last is found again wherever their idle time has gone.
        let listed = matches!(self, Strategy::Linear | Strategy::RoundRobin);
        let idle_since = if listed { Moment::ZERO } else { candidate.idle_since };
        let logged_in_since = if self.is_rate() { candidate.logged_in_since } else { Moment::ZERO };
        Rank { tier, measure, logged_in_since, idle_since, position: candidate.position }
    }

    fn is_rate(self) -> bool {
        matches!(self, Strategy::FewestCalls | Strategy::LeastTalk)
    }

    /// How many agents ring for one call at the same time.
    pub(super) fn at_once(self) -> usize {
        if self == Strategy::RingAll { RING_ALL_AT_ONCE } else { 1 }
    }

    /// The point of the circle from which agents are counted, for strategies that do not begin with the first.
    /// `asked_last` is the queue's memory of its last offer.
    pub(super) fn start(self, asked_last: Option<(Rank, DeskId)>, rng: &mut Rng) -> Option<(Rank, DeskId)> {
        match self {
            Strategy::RoundRobin => asked_last,
            Strategy::Random => Some(random::start(rng)),
            _ => None,
        }
    }
}

impl FreeAgents {
    pub fn new(strategy: Strategy) -> FreeAgents {
        FreeAgents { strategy, ranked: BTreeSet::new(), earliest: Moment::from_nanos(i64::MAX) }
    }

    pub fn insert(&mut self, tier: u16, candidate: &Candidate, desk: DeskId) {
        self.earliest = self.earliest.min(candidate.logged_in_since);
        self.ranked.insert((self.strategy.rank(tier, candidate), desk));
    }

    pub fn remove(&mut self, tier: u16, candidate: &Candidate, desk: DeskId) {
        self.ranked.remove(&(self.strategy.rank(tier, candidate), desk));
    }

    pub fn contains(&self, tier: u16, candidate: &Candidate, desk: DeskId) -> bool {
        self.ranked.contains(&(self.strategy.rank(tier, candidate), desk))
    }

    pub fn len(&self) -> usize {
        self.ranked.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ranked.is_empty()
    }

    /// The agent to ask: the first of the lowest tier, counted round from `start` when there is one.
    pub fn choose(&self, start: Option<(Rank, DeskId)>, now: Moment) -> Option<Choice> {
        let &(first, desk) = self.ranked.first()?;
        if self.strategy.is_rate() {
            return self.lowest_rate(first.tier, now);
        }
        let round = |&(rank, desk): &(Rank, DeskId), wrapped| (rank.tier, wrapped, rank, desk);
        let Some((rank, last)) = start else {
            return Some(round(&(first, desk), false));
        };
        let from = (Rank { tier: first.tier, ..rank }, last);
        match self.ranked.range((Excluded(from), Unbounded)).next() {
            Some(next) if next.0.tier == first.tier => Some(round(next, false)),
            _ => Some(round(&(first, desk), true)),
        }
    }

    /// Rates of free agents overtake one another as time passes, so they are computed now. The set is ordered by the amount,
    /// and nobody was here longer than `earliest`: once an amount is too much even for that, so are all that follow. Where most
    /// began together, that is after a few.
    fn lowest_rate(&self, tier: u16, now: Moment) -> Option<Choice> {
        let mut best: Option<Choice> = None;
        for (rank, desk) in self.ranked.iter().take_while(|(rank, _)| rank.tier == tier) {
            let at_least = per_hour(rank.measure, now.since(self.earliest));
            if best.is_some_and(|(_, _, best, _)| best.measure < at_least) {
                break;
            }
            let measure = per_hour(rank.measure, now.since(rank.logged_in_since));
            let choice = (tier, false, Rank { measure, logged_in_since: Moment::ZERO, ..*rank }, *desk);
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

    const ALL: [Strategy; 7] = [
        Strategy::LongestIdle,
        Strategy::RingAll,
        Strategy::Linear,
        Strategy::RoundRobin,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Random,
    ];

    fn at(seconds: i64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    /// One who is idle since, had calls and talk, works since (all in seconds), and stands at that place of the list.
    fn candidate(idle: i64, calls: u32, talked: u64, login: i64, position: u32) -> Candidate {
        let talked = Duration::from_secs(talked);
        Candidate { idle_since: at(idle), calls, talked, logged_in_since: at(login), position, draw: 0 }
    }

    /// Which of the candidates (by index, in this tier) the strategy asks first after six hours.
    fn check(strategy: Strategy, candidates: &[(u16, Candidate)], expected: u32) {
        let mut free = FreeAgents::new(strategy);
        for ((tier, one), id) in candidates.iter().zip(0..) {
            free.insert(*tier, one, DeskId(id));
        }
        let (_, _, _, desk) = free.choose(None, at(6 * 3600)).expect("somebody is free");
        assert_eq!(desk, DeskId(expected), "{strategy:?} {candidates:?}");
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
    fn counting_goes_round_from_the_one_asked_last_within_the_lowest_tier() {
        let one = |place| candidate(0, 0, 0, 0, place);
        let mut free = FreeAgents::new(Strategy::RoundRobin);
        for (tier, place) in [(0, 1), (0, 3), (0, 5), (1, 6)] {
            free.insert(tier, &one(place), DeskId(place));
        }
        for (last, expected) in [(0, 1), (1, 3), (2, 3), (3, 5), (5, 1), (6, 1)] {
            let last_asked = (Strategy::RoundRobin.rank(0, &one(last)), DeskId(last));
            let (_, _, _, desk) = free.choose(Some(last_asked), at(0)).expect("somebody is free");
            assert_eq!(desk, DeskId(expected), "after {last}");
        }
    }
}
