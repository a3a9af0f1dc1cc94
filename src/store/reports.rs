//! What is read back of a finished call, as programs get it (`centrala cdr --json`).
//!
//! Times are RFC 3339 in UTC with milliseconds, durations are seconds. Invariant: a number or name is `null` exactly when the
//! person was erased; an unknown one is the empty text.

use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// One finished call.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CallReport {
    pub reference: String,
    pub started: String,
    pub answered: Option<String>,
    pub ended: String,
    /// From the first INVITE to the end.
    pub duration_s: f64,
    /// From our answer to the end; 0 when there was none.
    pub talk_s: f64,
    /// The caller's number.
    pub from: Option<String>,
    /// The caller's name: the extension's, else as the caller gave it: untrusted.
    pub name: Option<String>,
    pub dialled: Option<String>,
    pub source: String,
    /// One of [`super::OUTCOMES`].
    pub outcome: String,
    pub ended_by: String,
    pub legs: Vec<LegReport>,
    pub path: Vec<StepReport>,
}

/// One party's part in it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct LegReport {
    pub role: String,
    pub number: Option<String>,
    pub name: Option<String>,
    /// The provider that brought it or carried it; empty: none.
    #[serde(default)]
    pub trunk: String,
    pub sip_call_id: String,
    pub started: String,
    pub answered: Option<String>,
    pub ended: String,
    pub duration_s: f64,
    pub ending: String,
    pub codec: String,
    pub packets_sent: u64,
    pub packets_received: u64,
    pub packets_lost: u64,
    pub jitter_ms: f64,
}

/// One node of a flow that the call came through.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StepReport {
    pub flow: String,
    pub node: String,
    pub verb: String,
    pub entered: String,
    pub left: String,
    pub duration_s: f64,
    pub outcome: String,
}

/// RFC 3339, UTC, milliseconds: `2026-11-21T20:15:00.250Z`.
pub fn rfc3339(wall: Wall) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(wall.unix_nanos())) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        // Cannot be: an i64 of nanoseconds spans the years 1677 to 2262, and jiff knows ten thousand.
        Err(_) => String::new(),
    }
}

/// Whole milliseconds between two civil times, as seconds.
pub fn seconds(from: Wall, to: Wall) -> f64 {
    (to.since(from).as_micros() as f64 / 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(Wall::from_unix_nanos(1_795_292_100_250_999_999)), "2026-11-21T20:15:00.250Z");
        assert_eq!(rfc3339(Wall::from_unix_nanos(0)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn durations_are_rounded_to_milliseconds_and_never_negative() {
        let at = Wall::from_unix_nanos;
        assert_eq!(seconds(at(0), at(1_500_400_000)), 1.5);
        assert_eq!(seconds(at(0), at(1_500_600_000)), 1.501);
        assert_eq!(seconds(at(5), at(0)), 0.0);
    }
}
