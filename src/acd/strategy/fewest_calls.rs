//! Who had the fewest calls per hour logged in: one who starts late is not flooded until they have caught up.
//!
//! Invariant: the rate is the one at the moment of becoming free.

use super::{Candidate, per_hour};

pub(super) fn measure(candidate: &Candidate) -> u64 {
    per_hour(u128::from(candidate.calls), candidate.logged_in)
}
