//! The hours in which calls out are limited, by the clock of a zone: a stolen password is used at night.
//!
//! Invariant: the zone is known; it comes from the program's own tables, never the machine's.

use super::number::Class;
use crate::calendar::Zone;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::Node;
use crate::time::Wall;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const MINUTES_OF_DAY: u16 = 24 * 60;
const DEFAULT_ZONE: &str = "Europe/Warsaw";

/// From one time of the day to another, past midnight when the second is the earlier, only these classes go out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Night {
    /// Minutes after midnight.
    pub from: u16,
    pub to: u16,
    pub zone: String,
    pub classes: BTreeSet<Class>,
}

impl Night {
    pub fn is_now(&self, now: Wall) -> bool {
        let Some(zone) = zone(&self.zone) else { return false };
        let Some(minute) = minute(now, zone) else { return false };
        if self.from <= self.to { (self.from..self.to).contains(&minute) } else { minute >= self.from || minute < self.to }
    }
}

fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

fn minute(now: Wall, zone: TimeZone) -> Option<u16> {
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(now.unix_nanos())).ok()?;
    let time = stamp.to_zoned(zone).time();
    u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).ok()
}

/// `{from: "22:00", to: "06:00", zone: Europe/Warsaw, classes: []}`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Night> {
    let mut fields = reader.fields("`night`", node.spot, node)?;
    let from = fields.required("from").and_then(|node| time_of_day("`from`", node, reader));
    let to = fields.required("to").and_then(|node| time_of_day("`to`", node, reader));
    let mut name = DEFAULT_ZONE.to_string();
    if let Some(node) = fields.value("zone")
        && let Some(text) = reader.text("`zone`", node)
    {
        name = text.to_string();
        if zone(&name).is_none() {
            let names: Vec<String> = Zone::names().collect();
            let message = format!("there is no time zone `{}`", shorten(&name));
            reader.unknown(node.spot, message, &name, names.iter().map(String::as_str));
        }
    }
    let mut classes = BTreeSet::new();
    if let Some(node) = fields.value("classes") {
        let words = [("national", Class::National), ("premium", Class::Premium), ("international", Class::International)];
        classes.extend(reader.items(node).iter().filter_map(|item| reader.word("a class", item, &words)));
    }
    fields.finish(reader);
    if from.is_some() && from == to {
        reader.fault(node.spot, "a night that ends when it begins is none: leave `night` out");
    }
    Some(Night { from: from?, to: to?, zone: name, classes })
}

fn time_of_day(what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<u16> {
    let text = reader.text(what, node)?;
    let minutes = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (minutes < 60).then_some(hours * 60 + minutes)
    });
    let minutes = minutes.filter(|minutes| *minutes <= MINUTES_OF_DAY);
    if minutes.is_none() {
        reader.fault(node.spot, format!("{what} is a time of the day in quotes, as \"22:00\", not `{}`", shorten(text)));
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_is_by_the_clock_of_its_zone_and_goes_past_midnight() {
        let night =
            |from: u16, to: u16| Night { from: from * 60, to: to * 60, zone: "Europe/Warsaw".into(), classes: BTreeSet::new() };
        // 2026-07-01 is summer (UTC+2), 2026-12-01 winter (UTC+1).
        for (stamp, past_midnight, in_the_morning) in [
            ("2026-07-01T19:59:00Z", false, false),
            ("2026-07-01T20:00:00Z", true, false),
            ("2026-07-02T00:30:00Z", true, true),
            ("2026-07-02T04:00:00Z", false, false),
            ("2026-12-01T20:30:00Z", false, false),
            ("2026-12-01T21:00:00Z", true, false),
        ] {
            let nanos = stamp.parse::<jiff::Timestamp>().expect("a time").as_nanosecond();
            let now = Wall::from_unix_nanos(i64::try_from(nanos).expect("this century"));
            assert_eq!(night(22, 6).is_now(now), past_midnight, "{stamp}");
            assert_eq!(night(2, 5).is_now(now), in_the_morning, "{stamp}");
        }
    }
}
