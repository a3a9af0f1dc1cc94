//! Down the list and round again, remembering across calls who was asked last.
//!
//! Invariant: the measure is the place in the list; the queue keeps the memory and [`super::FreeAgents::choose`] counts from it.

use super::Merit;

pub(super) fn measure(merit: &Merit) -> u64 {
    u64::from(merit.position)
}
