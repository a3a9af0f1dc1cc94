//! Who hears whom, as the exchange has told the media plane: pairs, and mixes of three.
//!
//! Invariant: whom a leg hears, hears it; nobody hears nobody.

use super::promises::{Invariant, Verdict, judge};
use crate::id::LegId;
use crate::media::MAX_PARTIES;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Company {
    /// Those whom each leg hears.
    heard: BTreeMap<LegId, BTreeSet<LegId>>,
    mixes: u64,
}

impl Company {
    /// How often three were brought together.
    pub fn mixes(&self) -> u64 {
        self.mixes
    }

    /// Two who heard nobody hear each other.
    pub fn bridge(&mut self, a: LegId, b: LegId) -> Verdict {
        for (leg, other) in [(a, b), (b, a)] {
            let before = self.heard.insert(leg, [other].into());
            judge(Invariant::OneBridgePerLeg, before.is_none(), || format!("{leg:?} goes from {before:?} to {other:?}"))?;
        }
        Ok(())
    }

    /// Three hear each other. Whoever of them talks already comes with all whom they talk with.
    pub fn mix(&mut self, legs: &[LegId]) -> Verdict {
        let members: BTreeSet<LegId> = legs.iter().copied().collect();
        let some = members.len() == legs.len() && (3..=MAX_PARTIES).contains(&legs.len());
        judge(Invariant::OneMixPerLeg, some, || format!("{legs:?} are mixed"))?;
        for leg in legs {
            let before = self.heard.get(leg);
            let stays = before.is_none_or(|before| before.is_subset(&members));
            judge(Invariant::OneMixPerLeg, stays, || format!("{leg:?} leaves {before:?} for {legs:?}"))?;
        }
        for leg in legs {
            let others = members.iter().copied().filter(|other| other != leg).collect();
            self.heard.insert(*leg, others);
        }
        self.mixes += 1;
        Ok(())
    }

    /// The others go on without it, if they are two at least.
    pub fn part(&mut self, leg: LegId) {
        for other in self.heard.remove(&leg).unwrap_or_default() {
            if let Some(others) = self.heard.get_mut(&other) {
                others.remove(&leg);
                if others.is_empty() {
                    self.heard.remove(&other);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(verdict: Verdict) -> Option<Invariant> {
        verdict.err().map(|violation| violation.invariant)
    }

    #[test]
    fn a_leg_is_in_one_company_and_nobody_in_a_mix_alone() {
        let legs = |ids: &[u64]| -> Vec<LegId> { ids.iter().copied().map(LegId).collect() };
        let mut company = Company::default();
        assert_eq!(company.bridge(LegId(1), LegId(2)), Ok(()));
        assert_eq!(company.mix(&legs(&[1, 2, 3])), Ok(()), "a pair becomes three");
        for (bad, why) in [(&[1][..], "alone"), (&[1, 2], "a pair"), (&[1, 1, 2], "twice"), (&[3, 4, 5], "without its others")]
        {
            assert_eq!(broken(company.clone().mix(&legs(bad))), Some(Invariant::OneMixPerLeg), "{why}");
        }
        assert_eq!(broken(company.clone().bridge(LegId(3), LegId(4))), Some(Invariant::OneBridgePerLeg));
        company.part(LegId(1));
        assert_eq!(broken(company.clone().bridge(LegId(2), LegId(4))), Some(Invariant::OneBridgePerLeg), "two go on");
        company.part(LegId(2));
        assert_eq!(company.bridge(LegId(3), LegId(4)), Ok(()), "the last one is free");
        assert_eq!(company.mixes(), 1);
    }
}
