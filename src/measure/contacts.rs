//! Did it take one contact? Contacts of one customer that follow each other within [`WITHIN`] are one chain.
//!
//! | word | formula |
//! |---|---|
//! | first contact resolution (FCR) | closed chains of one contact / closed chains |
//! | 2CR, 3CR | closed chains of at most two, three contacts / closed chains |
//! | repeated | contacts that were not the first of their chain / contacts |
//!
//! Invariant: a chain is judged only once it is closed: so long after its last contact that the next would begin another.

use super::{ratio, real};
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who comes again within a week comes about the same.
pub const WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chain {
    pub first: Wall,
    pub last: Wall,
    /// Contacts, at least 1.
    pub length: u64,
}

impl Chain {
    pub fn is_closed(&self, now: Wall) -> bool {
        now.since(self.last) > WITHIN
    }
}

/// The chains of contacts given in the order of time, by whom they were.
pub fn chains<Customer: Ord>(contacts: impl IntoIterator<Item = (Customer, Wall)>) -> Vec<Chain> {
    let mut open: BTreeMap<Customer, Chain> = BTreeMap::new();
    let mut closed = Vec::new();
    for (customer, at) in contacts {
        let fresh = Chain { first: at, last: at, length: 1 };
        match open.get_mut(&customer) {
            None => drop(open.insert(customer, fresh)),
            Some(chain) if chain.is_closed(at) => closed.push(std::mem::replace(chain, fresh)),
            Some(chain) => {
                chain.last = chain.last.max(at);
                chain.length += 1;
            }
        }
    }
    closed.extend(open.into_values());
    closed
}

/// Of closed chains.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Resolution {
    pub chains: u64,
    pub contacts: u64,
    pub of_one: u64,
    pub of_two: u64,
    pub of_three: u64,
}

impl Resolution {
    /// Of the lengths of closed chains.
    pub fn of(lengths: impl IntoIterator<Item = u64>) -> Resolution {
        let mut sum = Resolution::default();
        for length in lengths {
            sum.chains += 1;
            sum.contacts += length;
            match length {
                1 => sum.of_one += 1,
                2 => sum.of_two += 1,
                3 => sum.of_three += 1,
                _ => {}
            }
        }
        sum
    }

    fn of_chains(&self, part: u64) -> Option<f64> {
        ratio(real(part), real(self.chains))
    }

    pub fn first_contact(&self) -> Option<f64> {
        self.of_chains(self.of_one)
    }

    pub fn within_two(&self) -> Option<f64> {
        self.of_chains(self.of_one + self.of_two)
    }

    pub fn within_three(&self) -> Option<f64> {
        self.of_chains(self.of_one + self.of_two + self.of_three)
    }

    pub fn repeated(&self) -> Option<f64> {
        ratio(real(self.contacts - self.chains), real(self.contacts))
    }

    /// Chains of one contact, of all contacts.
    pub fn first_contact_per_call(&self) -> Option<f64> {
        ratio(real(self.of_one), real(self.contacts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_and_a_day_later_it_is_another_matter() {
        let day = |day: i64| Wall::from_unix_nanos(day * 24 * 3600 * 1_000_000_000);
        let contacts = [("tom", day(0)), ("betty", day(1)), ("tom", day(7)), ("tom", day(14)), ("tom", day(22))];
        let mut found: Vec<_> = chains(contacts).into_iter().map(|chain| (chain.first, chain.length)).collect();
        found.sort_unstable();
        assert_eq!(found, [(day(0), 3), (day(1), 1), (day(22), 1)]);
        let last = Chain { first: day(22), last: day(22), length: 1 };
        assert_eq!([day(22), day(29), day(30)].map(|now| last.is_closed(now)), [false, false, true]);
    }
}
