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
    #[arg(long, value_name = "TIME", value_parser = Said::read)]
    from: Option<Said>,
    /// Until when; a date means its end; now without it
    #[arg(long, value_name = "TIME", value_parser = Said::read)]
    to: Option<Said>,
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
            Some(said) => place.moment(*said, false)?,
            None => place.wall(today.at(0, 0, 0, 0))?,
        };
        let to = self.to.as_ref().map_or(Ok(now), |said| place.moment(*said, true))?;
        if from >= to {
            return Err("the time is empty: `--from` is not before `--to`".into());
        }
        Ok((from, to, now))
    }
}

/// A time as somebody wrote it; in which zone that is the daemon says.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Said {
    Moment(Timestamp),
    Day(Date),
    Today(Time),
    Minute(DateTime),
}

impl Said {
    fn read(text: &str) -> Result<Said, String> {
        let day = || text.parse().ok().filter(|_| text.len() == 10).map(Said::Day);
        let minute = || text.replacen(' ', "T", 1).parse().ok().map(Said::Minute);
        let moment = text.parse().ok().map(Said::Moment);
        let said = moment.or_else(day).or_else(|| text.parse().ok().map(Said::Today)).or_else(minute);
        said.ok_or_else(|| "it is no time: a date (2026-11-23), a time of today (14:00), both, or RFC 3339".into())
    }
}

struct Calendar {
    tz: TimeZone,
    today: Date,
}

impl Calendar {
    fn moment(&self, said: Said, end: bool) -> Result<Wall, String> {
        match said {
            Said::Moment(stamp) => wall(stamp),
            Said::Day(date) => {
                let date = if end { date.checked_add(1.day()).map_err(|fault| fault.to_string())? } else { date };
                self.wall(date.at(0, 0, 0, 0))
            }
            Said::Today(time) => self.wall(self.today.to_datetime(time)),
            Said::Minute(moment) => self.wall(moment),
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
            let said = |text: &str| Said::read(text).expect("a time");
            let span = Span { from: from.map(said), to: to.map(said) };
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
        check(Some("2026-11-24"), None, Err("empty"));
    }

    #[test]
    fn what_is_no_time_is_a_mistake_of_the_command_line() {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            _span: Span,
        }
        for wrong in ["tomorrow", "", "2026-11-31", "25:00", "2026-11-23T14:00:00X"] {
            let fault = Line::try_parse_from(["report", "--from", wrong]).map(drop).expect_err(wrong);
            assert_eq!(fault.exit_code(), 2, "{wrong}");
        }
    }
}
