//! Who talked the least per hour logged in.
//!
//! Invariant: the measure is the amount in milliseconds; [`super::FreeAgents`] divides it by the time.

use super::Candidate;

pub(super) fn measure(candidate: &Candidate) -> u64 {
    u64::try_from(candidate.talked.as_millis()).unwrap_or(u64::MAX)
}
