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
//! | `fewest_calls` | calls per hour logged in | 1 |
//! | `least_talk` | talk per hour logged in | 1 |
//! | `random` | chance | 1 |
//!
//! Invariant: a [`Rank`] depends only on what stands still while the agent is free, so an ordered set stays ordered.

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
    /// Time logged in, counted to the moment at which the agent became free: it stands still from then on.
    pub logged_in: Duration,
    pub position: u32,
    /// Drawn anew each time the agent becomes free.
    pub draw: u64,
}

/// A free agent's place in the order of one queue: the smallest is asked first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Rank {
    tier: u16,
    measure: u64,
    idle_since: Moment,
    position: u32,
}

/// Free agents in the order in which one queue would ask them.
pub(super) type FreeAgents = BTreeSet<(Rank, DeskId)>;

/// An agent and how early they come: the smallest is asked.
pub(super) type Choice = (u16, bool, Rank, DeskId);

impl Strategy {
    pub(super) fn rank(self, tier: u16, candidate: &Candidate) -> Rank {
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
        Rank { tier, measure, idle_since, position: candidate.position }
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

/// The agent to ask among `free`: the first of the lowest tier, counted round from `start` when there is one.
pub(super) fn choose(free: &FreeAgents, start: Option<(Rank, DeskId)>) -> Option<Choice> {
    let &(first, desk) = free.first()?;
    let round = |&(rank, desk): &(Rank, DeskId), wrapped| (rank.tier, wrapped, rank, desk);
    let Some((rank, last)) = start else {
        return Some(round(&(first, desk), false));
    };
    let from = (Rank { tier: first.tier, ..rank }, last);
    match free.range((Excluded(from), Unbounded)).next() {
        Some(next) if next.0.tier == first.tier => Some(round(next, false)),
        _ => Some(round(&(first, desk), true)),
    }
}

/// `amount` per hour of `logged_in`, in thousandths; at least a minute counts, so that the first call of a shift is no flood.
fn per_hour(amount: u128, logged_in: Duration) -> u64 {
    const HOUR: u128 = 3_600_000_000_000;
    const MINUTE: u128 = HOUR / 60;
    u64::try_from(amount * HOUR * 1000 / logged_in.as_nanos().max(MINUTE)).unwrap_or(u64::MAX)
}

/// A moment as a number in the same order.
fn ordered(moment: Moment) -> u64 {
    moment.as_nanos().cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(idle: i64, calls: u32, talked: u64, logged_in: u64, position: u32) -> Candidate {
        Candidate {
            idle_since: Moment::from_nanos(idle),
            calls,
            talked: Duration::from_secs(talked),
            logged_in: Duration::from_secs(logged_in),
            position,
            draw: 0,
        }
    }

    /// Which of the candidates (by index, in this tier) the strategy asks first.
    fn check(strategy: Strategy, candidates: &[(u16, Candidate)], expected: u32) {
        let free: FreeAgents =
            candidates.iter().zip(0..).map(|((tier, one), at)| (strategy.rank(*tier, one), DeskId(at))).collect();
        let (_, _, _, desk) = choose(&free, None).expect("somebody is free");
        assert_eq!(desk, DeskId(expected), "{strategy:?} {candidates:?}");
    }

    #[test]
    fn each_strategy_asks_the_one_it_is_named_after() {
        let early = candidate(-5, 9, 900, 3600, 2);
        let late = candidate(7, 3, 1000, 3600, 1);
        check(Strategy::LongestIdle, &[(0, late), (0, early)], 1);
        check(Strategy::RingAll, &[(0, late), (0, early)], 1);
        check(Strategy::Linear, &[(0, early), (0, late)], 1);
        check(Strategy::FewestCalls, &[(0, early), (0, late)], 1);
        check(Strategy::LeastTalk, &[(0, late), (0, early)], 1);
    }

    #[test]
    fn a_lower_tier_is_asked_first_whatever_the_strategy() {
        for strategy in [
            Strategy::LongestIdle,
            Strategy::RingAll,
            Strategy::Linear,
            Strategy::RoundRobin,
            Strategy::FewestCalls,
            Strategy::LeastTalk,
            Strategy::Random,
        ] {
            check(strategy, &[(1, candidate(0, 0, 0, 0, 0)), (0, candidate(9, 9, 9, 9, 9))], 1);
        }
    }

    #[test]
    fn one_who_came_late_to_work_is_not_flooded() {
        // 12 calls in six hours are 2 an hour; 3 calls in one hour are 3.
        check(Strategy::FewestCalls, &[(0, candidate(0, 3, 0, 3600, 0)), (0, candidate(9, 12, 0, 6 * 3600, 1))], 1);
    }

    #[test]
    fn equals_are_asked_by_idle_time_and_then_by_their_place() {
        check(Strategy::FewestCalls, &[(0, candidate(9, 0, 0, 0, 0)), (0, candidate(8, 0, 0, 0, 1))], 1);
        check(Strategy::LongestIdle, &[(0, candidate(9, 0, 0, 0, 5)), (0, candidate(9, 0, 0, 0, 4))], 1);
    }

    #[test]
    fn counting_goes_round_from_the_one_asked_last_within_the_lowest_tier() {
        let rank = |tier, position| Strategy::RoundRobin.rank(tier, &candidate(0, 0, 0, 0, position));
        let free: FreeAgents = [(0, 1), (0, 3), (0, 5), (1, 6)].map(|(tier, at)| (rank(tier, at), DeskId(at))).into();
        for (last, expected) in [(0, 1), (1, 3), (2, 3), (3, 5), (5, 1), (6, 1)] {
            let (_, _, _, desk) = choose(&free, Some((rank(0, last), DeskId(last)))).expect("somebody is free");
            assert_eq!(desk, DeskId(expected), "after {last}");
        }
    }
}
