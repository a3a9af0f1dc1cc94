//! Who had the fewest calls per hour logged in: one who starts late is not flooded until they have caught up.
//!
//! Invariant: the measure is the amount; [`super::FreeAgents`] divides it by the time.

use super::Candidate;

pub(super) fn measure(candidate: &Candidate) -> u64 {
    u64::from(candidate.calls)
}
