//! Anybody. Each agent draws a place on a circle when they become free, each call a point from which to count.
//!
//! Nobody is counted and nobody is scanned: the agent after the point is found in the ordered set.
//! Invariant: all chance comes from the engine's one source, so a seed replays it.

use super::{Candidate, DeskId, Merit, Rank};
use crate::id::Rng;
use crate::time::Moment;

pub(super) fn measure(candidate: &Candidate) -> u64 {
    candidate.draw
}

/// A waiting time drawn for each free agent, shorter with more weight; the shortest goes first, and the clock goes on from there, so
/// that who becomes free later competes with what is left of the others' times. With exponential times that is a choice in
/// proportion to the weights. In millionths.
pub(super) fn weighted(merit: &Merit, candidate: &Candidate) -> u64 {
    // In (0, 1]: the top 53 bits, and one more than none.
    let uniform = ((candidate.draw >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    candidate.drawn_from.saturating_add((-uniform.ln() * 1e6 / f64::from(merit.weight.max(1))) as u64)
}

/// A point on the circle; [`super::FreeAgents::choose`] puts it into the band that is asked.
pub(super) fn start(rng: &mut Rng) -> (Rank, DeskId) {
    let nobody = Moment::ZERO;
    let point = Rank { band: 0, measure: rng.u64(), logged_in_since: nobody, idle_since: nobody, position: 0 };
    (point, DeskId(0))
}
