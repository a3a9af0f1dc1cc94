//! How an operator says when an override ends: `14:00`, `2026-12-24 14:00`, `2026-12-25`, `2h`.
//!
//! Invariant: the moment lies after now, and at most [`MAX_AHEAD`] ahead.

use super::hours::parse_minute;
use super::{Civil, Date, Zone};
use crate::time::{Duration, Wall};

/// An override is for a while; what is for longer belongs into the calendar.
const MAX_AHEAD: Duration = Duration::from_secs(400 * 86_400);

/// A time of day is its next occurrence in `zone`, a date is its beginning; a duration counts from now.
pub fn parse_until(text: &str, zone: &Zone, now: Wall) -> Result<Wall, String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == 'T').filter(|word| !word.is_empty()).collect();
    let until = match words.as_slice() {
        [time] if time.contains(':') => next_time(parse_time(time)?, zone, now),
        [date] if date.contains('-') => zone.first_moment(parse_date(date)?, 0),
        [date, time] => zone.first_moment(parse_date(date)?, parse_time(time)?),
        [duration] => Some(now + parse_duration(duration)?),
        _ => return Err(format!("`{text}` is no time: 14:00, 2026-12-24, 2026-12-24 14:00 or 2h")),
    };
    let until = until.ok_or_else(|| format!("`{text}` is no time that comes"))?;
    if until <= now {
        return Err(format!("`{text}` is over"));
    }
    if until.since(now) > MAX_AHEAD {
        return Err(format!("`{text}` is more than {} days ahead", MAX_AHEAD.as_secs() / 86_400));
    }
    Ok(until)
}

fn next_time(minute: u16, zone: &Zone, now: Wall) -> Option<Wall> {
    let Civil { date, .. } = zone.civil(now);
    let today = zone.first_moment(date, minute).filter(|moment| *moment > now);
    today.or_else(|| zone.first_moment(date.tomorrow().ok()?, minute))
}

fn parse_time(text: &str) -> Result<u16, String> {
    parse_minute(text).ok_or_else(|| format!("`{text}` is no time of day, written as 14:00"))
}

fn parse_date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{text}` is no date, written as 2026-12-24"))
}

/// `30m`, `2h`, `3d`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration, written as 30m, 2h or 3d");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}
