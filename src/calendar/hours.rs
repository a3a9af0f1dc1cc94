//! Days of the week and spans of a day.
//!
//! Invariant: a [`Span`] begins within its day, ends after it begins, and lasts 24 hours at most.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Minutes in a day.
pub(super) const DAY: u16 = 24 * 60;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    pub const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    pub fn of(date: Date) -> Weekday {
        let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        Weekday::ALL[index % 7]
    }

    /// Monday is 0.
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn word(self) -> &'static str {
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"][self.index()]
    }
}

/// `monday` or `mon`.
impl FromStr for Weekday {
    type Err = ();

    fn from_str(text: &str) -> Result<Weekday, ()> {
        let text = text.to_ascii_lowercase();
        Weekday::ALL.into_iter().find(|day| day.word() == text || day.word()[..3] == text).ok_or(())
    }
}

/// From the first minute up to, not including, the last; minutes count from the beginning of the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Span {
    from: u16,
    to: u16,
}

impl Span {
    pub fn from(&self) -> u16 {
        self.from
    }

    /// Beyond 1440 when it ends on the next day.
    pub fn to(&self) -> u16 {
        self.to
    }

    pub fn contains(&self, minute: u16) -> bool {
        (self.from..self.to).contains(&minute)
    }
}

/// `08:00-16:00`; `22:00-06:00` ends on the next day; `00:00-24:00` is the whole day.
impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("`{text}` is not a span of time, written as 08:00-16:00");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let from = parse_minute(from.trim()).ok_or_else(wrong)?;
        let to = parse_minute(to.trim()).ok_or_else(wrong)?;
        match (from, to) {
            (DAY, _) => Err(wrong()),
            (from, to) if from == to => Err(format!("`{text}` ends when it begins; a whole day is 00:00-24:00")),
            (from, to) if to < from => Ok(Span { from, to: to + DAY }),
            (from, to) => Ok(Span { from, to }),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.to > DAY { self.to - DAY } else { self.to };
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, end / 60, end % 60)
    }
}

/// `08:00`, up to `24:00`.
pub(super) fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str, length: std::ops::RangeInclusive<usize>| {
        let good = length.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if good { part.parse::<u16>().ok() } else { None }
    };
    let (hour, minute) = (digits(hour, 1..=2)?, digits(minute, 2..=2)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}

/// Two spans of one week that are open at the same time, if there are any; Sunday's night reaches into Monday.
pub fn overlap(week: &[Vec<Span>; 7]) -> Option<(Weekday, Span, Span)> {
    for day in Weekday::ALL {
        let today = &week[day.index()];
        for (index, span) in today.iter().enumerate() {
            if let Some(other) = today[index + 1..].iter().find(|other| span.from < other.to && other.from < span.to) {
                return Some((day, *span, *other));
            }
            let tomorrow = &week[(day.index() + 1) % 7];
            if let Some(other) = tomorrow.iter().find(|other| other.from + DAY < span.to) {
                return Some((day, *span, *other));
            }
        }
    }
    None
}
