//! Always from the top of the list: the second is asked only while the first is not free.
//!
//! Invariant: the measure is the place in the list.

use super::Merit;

pub(super) fn measure(merit: &Merit) -> u64 {
    u64::from(merit.position)
}
