//! Free agents in their order: a list as long as they are few, a tree when they are many.
//!
//! In a house with work to do an agent is free for the moment that it takes to offer them the next call, mostly as the only one
//! of a set: a list keeps its room over that, where a tree would be built and taken down each time. Invariant: ascending.

use super::{DeskId, Rank};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

pub(super) type Ranked = (Rank, DeskId);

/// More than so many stand in a tree; no more than so few go back to a list.
const MANY: usize = 64;
const FEW: usize = 16;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Ranking {
    Few(Vec<Ranked>),
    Many(BTreeSet<Ranked>),
}

impl Default for Ranking {
    fn default() -> Ranking {
        Ranking::Few(Vec::new())
    }
}

impl Ranking {
    pub fn insert(&mut self, one: Ranked) {
        match self {
            Ranking::Few(list) => {
                if let Err(place) = list.binary_search(&one) {
                    list.insert(place, one);
                }
                if list.len() > MANY {
                    *self = Ranking::Many(list.iter().copied().collect());
                }
            }
            Ranking::Many(tree) => drop(tree.insert(one)),
        }
    }

    pub fn remove(&mut self, one: &Ranked) {
        match self {
            Ranking::Few(list) => {
                if let Ok(place) = list.binary_search(one) {
                    list.remove(place);
                }
            }
            Ranking::Many(tree) => {
                tree.remove(one);
                if tree.len() <= FEW {
                    *self = Ranking::Few(tree.iter().copied().collect());
                }
            }
        }
    }

    pub fn contains(&self, one: &Ranked) -> bool {
        match self {
            Ranking::Few(list) => list.binary_search(one).is_ok(),
            Ranking::Many(tree) => tree.contains(one),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Ranking::Few(list) => list.len(),
            Ranking::Many(tree) => tree.len(),
        }
    }

    pub fn first(&self) -> Option<&Ranked> {
        match self {
            Ranking::Few(list) => list.first(),
            Ranking::Many(tree) => tree.first(),
        }
    }

    /// The next after this one, whether it is here or not.
    pub fn after(&self, one: Ranked) -> Option<&Ranked> {
        match self {
            Ranking::Few(list) => list.get(list.partition_point(|other| *other <= one)),
            Ranking::Many(tree) => tree.range((Excluded(one), Unbounded)).next(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Ranked> {
        let (list, tree) = match self {
            Ranking::Few(list) => (Some(list), None),
            Ranking::Many(tree) => (None, Some(tree)),
        };
        list.into_iter().flatten().chain(tree.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Merit, Order};
    use super::*;
    use crate::acd::Strategy;
    use crate::acd::strategy::Candidate;
    use crate::time::{Duration, Moment};

    fn at(position: u32) -> Ranked {
        let candidate = Candidate {
            idle_since: Moment::ZERO,
            calls: 0,
            talked: Duration::ZERO,
            logged_in_since: Moment::ZERO,
            draw: 0,
            drawn_from: 0,
        };
        let merit = Merit { position, ..Merit::default() };
        (Order::from(Strategy::Linear).rank(&merit, &candidate), DeskId(position))
    }

    #[test]
    fn few_and_many_are_ordered_alike() {
        let (mut ranking, mut tree) = (Ranking::default(), BTreeSet::new());
        // Up over the one bound and down under the other, twice; 7 and 200 have no common divisor, so each comes once a round.
        for step in 0..800_u32 {
            let one = at(step * 7 % 200);
            if step / 200 % 2 == 0 {
                ranking.insert(one);
                tree.insert(one);
            } else {
                ranking.remove(&one);
                tree.remove(&one);
            }
            let probe = at(step % 200);
            assert_eq!(ranking.iter().collect::<Vec<_>>(), tree.iter().collect::<Vec<_>>(), "step {step}");
            assert_eq!((ranking.first(), ranking.len()), (tree.first(), tree.len()));
            assert_eq!(ranking.after(probe), tree.range((Excluded(probe), Unbounded)).next());
            assert_eq!(ranking.contains(&probe), tree.contains(&probe));
        }
        assert_eq!(ranking, Ranking::Few(Vec::new()));
    }
}
