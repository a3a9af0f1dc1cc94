//! Always from the top of the list: the second is asked only while the first is not free.
//!
//! Invariant: the measure is the place in the list.

use super::Candidate;

pub(super) fn measure(candidate: &Candidate) -> u64 {
    u64::from(candidate.position)
}
