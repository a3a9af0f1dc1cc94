//! Who has been without an offer or a call for the longest time.
//!
//! An offer that nobody picked up counts as well: a phone on an empty desk does not stay first for ever.
//! Invariant: the measure is the order of moments.

use super::{Candidate, ordered};

pub(super) fn measure(candidate: &Candidate) -> u64 {
    ordered(candidate.idle_since)
}
