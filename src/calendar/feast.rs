//! Days that come again every year.
//!
//! | written | is |
//! |---|---|
//! | `12-25` | the same day of every year |
//! | `first monday of may`, `last monday of october` | the nth such day of a month |
//! | `monday on or after 08-15`, `friday on or before 05-03` | the nearest such day |
//! | `easter`, `easter + 1`, `easter - 2`, `orthodox easter + 49` | so many days from Easter |
//!
//! Invariant: a rule names at most one day of a year.

use super::{Span, Weekday, easter};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Feast {
    pub name: String,
    pub day: FeastDay,
    pub years: Years,
    /// Only in years in which this day of the year is (true) or is not (false) that weekday.
    pub only: Option<(MonthDay, Weekday, bool)>,
    /// When it is open all the same.
    pub hours: Vec<Span>,
}

/// The first and the last year of a feast, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Years {
    pub from: Option<i16>,
    pub until: Option<i16>,
}

impl Years {
    pub fn contain(&self, year: i16) -> bool {
        self.from.is_none_or(|from| year >= from) && self.until.is_none_or(|until| year <= until)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct MonthDay {
    pub month: i8,
    pub day: i8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeastDay {
    Fixed(MonthDay),
    /// `nth` 1 to 5, or -1 for the last.
    Nth {
        nth: i8,
        weekday: Weekday,
        month: i8,
    },
    OnOrAfter(Weekday, MonthDay),
    OnOrBefore(Weekday, MonthDay),
    /// Days from Easter.
    Easter {
        orthodox: bool,
        days: i16,
    },
}

/// Days from Easter at most, either way.
const MAX_FROM_EASTER: i16 = 200;

impl Feast {
    pub fn falls_on(&self, date: Date) -> bool {
        self.years.contain(date.year()) && self.day.in_year(date.year()) == Some(date) && self.is_kept_in(date.year())
    }

    fn is_kept_in(&self, year: i16) -> bool {
        self.only
            .is_none_or(|(day, weekday, wanted)| day.in_year(year).is_some_and(|date| (Weekday::of(date) == weekday) == wanted))
    }
}

impl MonthDay {
    /// 29 February is only in leap years.
    pub fn in_year(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).ok()
    }
}

impl FeastDay {
    pub fn in_year(self, year: i16) -> Option<Date> {
        match self {
            FeastDay::Fixed(day) => day.in_year(year),
            FeastDay::Nth { nth, weekday, month } => {
                let index = i8::try_from(weekday.index()).ok()?;
                let weekday = jiff::civil::Weekday::from_monday_zero_offset(index).ok()?;
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, weekday).ok()
            }
            FeastDay::OnOrAfter(weekday, day) => shifted(day.in_year(year)?, weekday, 1),
            FeastDay::OnOrBefore(weekday, day) => shifted(day.in_year(year)?, weekday, -1),
            FeastDay::Easter { orthodox, days } => {
                let easter = if orthodox { easter::orthodox(year) } else { easter::western(year) };
                easter?.checked_add(jiff::Span::new().days(days)).ok()
            }
        }
    }
}

/// The nearest such weekday, that day included, one way.
fn shifted(date: Date, weekday: Weekday, way: i32) -> Option<Date> {
    let apart = i32::try_from(weekday.index()).ok()? - i32::try_from(Weekday::of(date).index()).ok()?;
    date.checked_add(jiff::Span::new().days((apart * way).rem_euclid(7) * way)).ok()
}

const NTH: &[(&str, i8)] = &[("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("fifth", 5), ("last", -1)];
const MONTHS: &[&str] =
    &["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// `12-25`, with any day that some year has.
impl FromStr for MonthDay {
    type Err = String;

    fn from_str(text: &str) -> Result<MonthDay, String> {
        let wrong = || format!("`{text}` is not a day of the year, written as 12-25 (month, day)");
        let (month, day) = text.split_once('-').ok_or_else(wrong)?;
        let read = |part: &str| if part.len() == 2 { part.parse::<i8>().map_err(|_| wrong()) } else { Err(wrong()) };
        let day = MonthDay { month: read(month)?, day: read(day)? };
        // 2024 has every day that there is.
        day.in_year(2024).map(|_| day).ok_or_else(wrong)
    }
}

impl FromStr for FeastDay {
    type Err = String;

    fn from_str(text: &str) -> Result<FeastDay, String> {
        let lower = text.to_ascii_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let weekday = |word: &str| word.parse::<Weekday>().map_err(|()| format!("`{word}` is not a day of the week"));
        match words.as_slice() {
            [nth, day, "of", month] => {
                let nth = NTH.iter().find(|(word, _)| word == nth).map(|(_, nth)| *nth);
                let nth = nth.ok_or_else(|| format!("`{}` is none of first, second, third, fourth, fifth, last", words[0]))?;
                let month = MONTHS.iter().position(|name| name == month).and_then(|index| i8::try_from(index + 1).ok());
                let month = month.ok_or_else(|| format!("`{}` is not a month", words[3]))?;
                Ok(FeastDay::Nth { nth, weekday: weekday(day)?, month })
            }
            [day, "on", "or", "after", date] => Ok(FeastDay::OnOrAfter(weekday(day)?, date.parse()?)),
            [day, "on", "or", "before", date] => Ok(FeastDay::OnOrBefore(weekday(day)?, date.parse()?)),
            ["orthodox", "easter", rest @ ..] => from_easter(rest).map(|days| FeastDay::Easter { orthodox: true, days }),
            ["easter", rest @ ..] => from_easter(rest).map(|days| FeastDay::Easter { orthodox: false, days }),
            [day] if day.contains('-') => Ok(FeastDay::Fixed(day.parse()?)),
            _ => Err(format!(
                "`{text}` is no day of the year: 12-25, first monday of may, monday on or after 08-15, easter + 1, orthodox easter"
            )),
        }
    }
}

/// `+ 1`, `- 2`, or nothing.
fn from_easter(words: &[&str]) -> Result<i16, String> {
    let (sign, days) = match words {
        [] => return Ok(0),
        ["+", days] => (1, *days),
        ["-", days] => (-1, *days),
        _ => return Err("after `easter` comes nothing, or + or - and a number of days".to_string()),
    };
    let days: i16 = days.parse().map_err(|_| format!("`{days}` is not a number of days"))?;
    if !(0..=MAX_FROM_EASTER).contains(&days) {
        return Err(format!("at most {MAX_FROM_EASTER} days from Easter, not {days}"));
    }
    Ok(sign * days)
}
