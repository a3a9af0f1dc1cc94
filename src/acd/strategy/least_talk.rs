//! Who talked the least per hour logged in.
//!
//! Invariant: the share is the one at the moment of becoming free.

use super::{Candidate, per_hour};

pub(super) fn measure(candidate: &Candidate) -> u64 {
    per_hour(candidate.talked.as_millis(), candidate.logged_in)
}
