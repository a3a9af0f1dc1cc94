//! `--from` and `--to`: a stretch of time as people say it, in the exchange's zone.
//!
//! | written | means |
//! |---|---|
//! | `2026-11-23` | the beginning of that day; after `--to` its end |
//! | `2026-11-23 14:00`, `2026-11-23T14:00` | that minute |
//! | `14:00` | today at that time |
//! | `2026-11-23T14:00:00Z` | that moment |
//! | nothing | since midnight, until now |
//!
//! Invariant: `from` is before `to`.

use super::client::{Where, ask, strange};
use crate::control::{ReportSettings, Request, Response};
use crate::shell::sys::clock;
use crate::time::Wall;
use clap::Args;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

#[derive(Args, Debug)]
pub struct Span {
    /// From when: a date, a time of today, both, or RFC 3339; today's midnight without it
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when; a date means its end; now without it
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

impl Span {
    /// From, to and now.
    pub fn resolve(&self, zone: &str) -> Result<(Wall, Wall, Wall), String> {
        self.resolve_at(zone, clock::now().wall)
    }

    fn resolve_at(&self, zone: &str, now: Wall) -> Result<(Wall, Wall, Wall), String> {
        let tz = TimeZone::get(zone).map_err(|fault| format!("no time zone `{zone}`: {fault}"))?;
        let stamp = Timestamp::from_nanosecond(i128::from(now.unix_nanos())).map_err(|fault| fault.to_string())?;
        let today = stamp.to_zoned(tz.clone()).date();
        let place = Calendar { tz, today };
        let from = match &self.from {
            Some(text) => place.moment(text, false)?,
            None => place.wall(today.at(0, 0, 0, 0))?,
        };
        let to = self.to.as_ref().map_or(Ok(now), |text| place.moment(text, true))?;
        if from >= to {
            return Err("the time is empty: `--from` is not before `--to`".into());
        }
        Ok((from, to, now))
    }
}

struct Calendar {
    tz: TimeZone,
    today: Date,
}

impl Calendar {
    fn moment(&self, text: &str, end: bool) -> Result<Wall, String> {
        if let Ok(stamp) = text.parse::<Timestamp>() {
            return wall(stamp);
        }
        if text.len() == 10
            && let Ok(date) = text.parse::<Date>()
        {
            let date = if end { date.checked_add(1.day()).map_err(|fault| fault.to_string())? } else { date };
            return self.wall(date.at(0, 0, 0, 0));
        }
        if let Ok(time) = text.parse::<Time>() {
            return self.wall(self.today.to_datetime(time));
        }
        match text.replacen(' ', "T", 1).parse::<DateTime>() {
            Ok(moment) => self.wall(moment),
            Err(_) => Err(format!("`{text}` is no time: a date (2026-11-23), a time of today (14:00), both, or RFC 3339")),
        }
    }

    fn wall(&self, moment: DateTime) -> Result<Wall, String> {
        let zoned = moment.to_zoned(self.tz.clone()).map_err(|fault| fault.to_string())?;
        wall(zoned.timestamp())
    }
}

fn wall(stamp: Timestamp) -> Result<Wall, String> {
    i64::try_from(stamp.as_nanosecond()).map(Wall::from_unix_nanos).map_err(|_| "that time is too far away".into())
}

/// What the daemon's configuration says about reports.
pub fn settings(place: &Where) -> Result<ReportSettings, String> {
    match ask(place, &Request::ReportSettings)? {
        Response::ReportSettings(settings) => Ok(settings),
        other => Err(strange(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_exchanges_zone() {
        let now = wall("2026-11-23T13:30:00Z".parse().expect("a time")).expect("near");
        let check = |from: Option<&str>, to: Option<&str>, expected: Result<(&str, &str), &str>| {
            let span = Span { from: from.map(str::to_string), to: to.map(str::to_string) };
            let found = span.resolve_at("Europe/Warsaw", now);
            let moment = |text: &str| wall(text.parse().expect("a time")).expect("near");
            match expected {
                Ok((from, to)) => assert_eq!(found, Ok((moment(from), moment(to), now)), "{span:?}"),
                Err(part) => assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{span:?}: {found:?}"),
            }
        };
        check(None, None, Ok(("2026-11-22T23:00:00Z", "2026-11-23T13:30:00Z")));
        check(Some("2026-11-20"), Some("2026-11-20"), Ok(("2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z")));
        check(Some("08:00"), Some("2026-11-23 12:15"), Ok(("2026-11-23T07:00:00Z", "2026-11-23T11:15:00Z")));
        check(Some("2026-11-23T08:00:00Z"), None, Ok(("2026-11-23T08:00:00Z", "2026-11-23T13:30:00Z")));
        check(Some("tomorrow"), None, Err("is no time"));
        check(Some("2026-11-24"), None, Err("empty"));
    }
}
