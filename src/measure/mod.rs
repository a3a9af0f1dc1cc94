//! What a contact centre measures, as formulas: named, exact, and the same for reports, simulation and staffing.
//!
//! ```text
//!   what became of callers --> Counts  --> service level, abandon rates, average waits
//!   what agents did        --> Work    --> handling time, occupancy, utilisation
//!   who came back          --> chains  --> first, second, third contact resolution
//!   load and patience      --> erlang  --> waits of a line with so many agents; agents for a service level
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `counts` | callers: answered, given up, in time or not |
//! | `work` | agents: handling, available, logged in |
//! | `contacts` | chains of contacts of one customer |
//! | `erlang` | Erlang B, C and A |
//! | `staffing` | the fewest agents that will do |
//!
//! Invariant: a ratio of nothing is `None`, never 0 and never 100 %.

pub mod contacts;
pub mod counts;
pub mod erlang;
pub mod staffing;
pub mod work;

pub use contacts::{Chain, Resolution};
pub use counts::{Counts, Ended, Formula, Threshold};
pub use erlang::{Line, Load, Patient};
pub use work::Work;

use crate::time::Duration;

/// `part / whole`; nothing of nothing.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Counts become ratios far below the 2^53 up to which every whole number is exact.
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// The mean of so many durations, in seconds.
pub fn mean(sum: Duration, count: u64) -> Option<f64> {
    ratio(sum.as_secs_f64(), real(count))
}
