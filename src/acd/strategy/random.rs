//! Anybody. Each agent draws a place on a circle when they become free, each call a point from which to count.
//!
//! Nobody is counted and nobody is scanned: the agent after the point is found in the ordered set.
//! Invariant: all chance comes from the engine's one source, so a seed replays it.

use super::{Candidate, DeskId, Rank};
use crate::id::Rng;
use crate::time::Moment;

pub(super) fn measure(candidate: &Candidate) -> u64 {
    candidate.draw
}

/// A point on the circle; [`super::choose`] puts it into the tier that is asked.
pub(super) fn start(rng: &mut Rng) -> (Rank, DeskId) {
    (Rank { tier: 0, measure: rng.u64(), idle_since: Moment::ZERO, position: 0 }, DeskId(0))
}
