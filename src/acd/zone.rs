//! Where a day begins: the zone of the house.
//!
//! Invariant: the zone's rules are those that were built in, never the machine's.

use crate::id::Name;
use crate::time::Wall;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// An IANA zone by name; one that is not known counts as UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Zone(Name);

impl Default for Zone {
    fn default() -> Zone {
        Zone("UTC".into())
    }
}

impl Zone {
    pub fn named(name: &str) -> Option<Zone> {
        TimeZone::get(name).ok().map(|_| Zone(name.into()))
    }

    /// When the civil day of `wall` began here.
    pub fn day_begins(&self, wall: Wall) -> Wall {
        let zone = TimeZone::get(&self.0).unwrap_or(TimeZone::UTC);
        let begins = Timestamp::from_nanosecond(i128::from(wall.unix_nanos()))
            .and_then(|now| now.to_zoned(zone).start_of_day())
            .map(|day| day.timestamp().as_nanosecond());
        begins.ok().and_then(|nanos| i64::try_from(nanos).ok()).map_or(wall, Wall::from_unix_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_local_midnight_also_when_clocks_change() {
        let wall = |text: &str| {
            let at: Timestamp = text.parse().expect("a timestamp");
            Wall::from_unix_nanos(i64::try_from(at.as_nanosecond()).expect("in range"))
        };
        let warsaw = Zone::named("Europe/Warsaw").expect("a zone");
        for (now, begins) in [
            ("2026-11-21T23:30:00Z", "2026-11-21T23:00:00Z"),
            ("2026-11-21T22:59:59Z", "2026-11-20T23:00:00Z"),
            ("2027-03-28T10:00:00Z", "2027-03-27T23:00:00Z"),
            ("2027-10-31T22:59:00Z", "2027-10-30T22:00:00Z"),
        ] {
            assert_eq!(warsaw.day_begins(wall(now)), wall(begins), "{now}");
        }
        assert_eq!(Zone::named("Europe/Nowhere"), None);
    }
}
