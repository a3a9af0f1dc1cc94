//! Anybody. Each agent draws a place on a circle when they become free, each call a point from which to count.
//!
//! Nobody is counted and nobody is scanned: the agent after the point is found in the ordered set.
//! Invariant: all chance comes from the engine's one source, so a seed replays it.

use super::{Candidate, DeskId, Rank, Strategy};
use crate::id::Rng;
use crate::time::{Duration, Moment};

pub(super) fn measure(candidate: &Candidate) -> u64 {
    candidate.draw
}

/// A point on the circle; [`super::FreeAgents::choose`] puts it into the tier that is asked.
pub(super) fn start(rng: &mut Rng) -> (Rank, DeskId) {
    let point = Candidate {
        idle_since: Moment::ZERO,
        calls: 0,
        talked: Duration::ZERO,
        logged_in_since: Moment::ZERO,
        position: 0,
        draw: rng.u64(),
    };
    (Strategy::Random.rank(0, &point), DeskId(0))
}
