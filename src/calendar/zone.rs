//! A time zone, known by its name in the IANA database that comes with the program, never the machine's.
//!
//! Invariant: a [`Zone`] exists in the database.

use super::Weekday;
use crate::time::Wall;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// What the clock and the calendar on the wall show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    pub date: Date,
    pub weekday: Weekday,
    /// Of the day, from 0 to 1439.
    pub minute: u16,
    pub second: u8,
}

impl Civil {
    pub fn hour(&self) -> u16 {
        self.minute / 60
    }
}

impl Zone {
    /// The names that the database knows.
    pub fn names() -> impl Iterator<Item = String> {
        jiff::tz::db().available().map(|name| name.to_string())
    }

    pub fn utc() -> Zone {
        Zone { name: "UTC".into(), rules: TimeZone::UTC }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn civil(&self, at: Wall) -> Civil {
        let shown = self.rules.to_datetime(timestamp(at));
        let minute = shown.hour().unsigned_abs() as u16 * 60 + shown.minute().unsigned_abs() as u16;
        Civil { date: shown.date(), weekday: Weekday::of(shown.date()), minute, second: shown.second().unsigned_abs() }
    }

    /// The moments at which the wall shows this minute of this day (which may lie beyond its end): usually one, two when the clock
    /// is put back over it, none when it is put forward over it.
    pub fn moments(&self, date: Date, minute: u16) -> Vec<Wall> {
        let Some(shown) = DateTime::from(date).checked_add(jiff::SignedDuration::from_mins(minute.into())).ok() else {
            return Vec::new();
        };
        let offsets = match self.rules.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Fold { before, after } => vec![before, after],
            AmbiguousOffset::Gap { .. } => vec![],
        };
        offsets.iter().filter_map(|offset| offset.to_timestamp(shown).ok()).filter_map(wall).collect()
    }

    /// The first moment of the wall at or after this minute of this day.
    pub fn first_moment(&self, date: Date, minute: u16) -> Option<Wall> {
        if let Some(moment) = self.moments(date, minute).first() {
            return Some(*moment);
        }
        // Put forward over it: the moment at which that was done.
        let before = self.moments(date.yesterday().ok()?, minute).first().copied()?;
        self.shift_after(before)
    }

    /// When the clock is put forward or back next.
    pub fn shift_after(&self, at: Wall) -> Option<Wall> {
        self.rules.following(timestamp(at)).next().and_then(|transition| wall(transition.timestamp()))
    }
}

/// Saturates far outside any calendar.
fn timestamp(at: Wall) -> Timestamp {
    Timestamp::from_nanosecond(at.unix_nanos().into()).unwrap_or_default()
}

fn wall(at: Timestamp) -> Option<Wall> {
    i64::try_from(at.as_nanosecond()).ok().map(Wall::from_unix_nanos)
}

impl std::str::FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Zone, String> {
        let rules = jiff::tz::db().get(name).map_err(|_| format!("there is no time zone `{name}`"))?;
        // As the database spells it.
        let name = rules.iana_name().unwrap_or(name).to_string();
        Ok(Zone { name, rules })
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Zone, String> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
