//! The dates of an iCalendar file (RFC 5545): each event is a holiday, named after its summary.
//!
//! Read are `DTSTART`, `DTEND`, `SUMMARY`, `STATUS:CANCELLED` and `RRULE:FREQ=YEARLY` (with `UNTIL` or `COUNT`) of whole days.
//! Every other rule of repetition is refused rather than misread. Invariant: at most [`MAX_ICAL`] bytes are looked at and
//! [`MAX_EVENTS`] events kept.

use super::{Date, Zone};
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// The longest file, in bytes.
pub const MAX_ICAL: usize = 1024 * 1024;
pub const MAX_EVENTS: usize = 2000;
/// Mistakes of one file that are told.
const MAX_MISTAKES: usize = 20;
/// The longest name of an event, in characters.
const MAX_NAME: usize = 100;
/// The longest event, in days.
const MAX_DAYS: i32 = 400;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    pub name: String,
    when: When,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    /// `until` is not included.
    Days {
        from: Date,
        until: Date,
    },
    /// The same days of every year, the last beginning on `last`.
    EveryYear {
        from: Date,
        days: i32,
        last: Option<Date>,
    },
    Moments {
        from: Wall,
        until: Wall,
    },
}

impl Event {
    pub(super) fn covers_date(&self, date: Date) -> bool {
        match &self.when {
            When::Days { from, until } => (*from..*until).contains(&date),
            When::EveryYear { from, days, last } => {
                // It may have begun in the year before.
                [date.year(), date.year() - 1].into_iter().any(|year| {
                    let Ok(start) = Date::new(year, from.month(), from.day()) else { return false };
                    let within = start >= *from && last.is_none_or(|last| start <= last);
                    within && start <= date && days_between(start, date) < *days
                })
            }
            When::Moments { .. } => false,
        }
    }

    pub(super) fn covers_moment(&self, at: Wall) -> bool {
        matches!(&self.when, When::Moments { from, until } if (*from..*until).contains(&at))
    }

    /// Moments, other than midnights, at which it begins or ends.
    pub(super) fn edges(&self) -> Vec<Wall> {
        match self.when {
            When::Moments { from, until } => vec![from, until],
            _ => Vec::new(),
        }
    }
}

fn days_between(from: Date, to: Date) -> i32 {
    to.duration_since(from).as_hours().div_euclid(24).try_into().unwrap_or(i32::MAX)
}

/// The events, or what is wrong with lines of the file (from 1). Times without a zone are those of `zone`.
pub fn read(text: &str, zone: &Zone) -> Result<Vec<Event>, Vec<(u32, String)>> {
    if text.len() > MAX_ICAL {
        return Err(vec![(0, format!("longer than {MAX_ICAL} bytes"))]);
    }
    let mut reader = Reader { zone, events: Vec::new(), mistakes: Vec::new(), open: None };
    for (line, content) in unfolded(text) {
        reader.take(line, &content);
    }
    if reader.events.is_empty() && reader.mistakes.is_empty() {
        reader.mistakes.push((0, "no event in it (`BEGIN:VEVENT`)".to_string()));
    }
    if reader.mistakes.is_empty() { Ok(reader.events) } else { Err(reader.mistakes) }
}

/// Lines that begin with a space go on with the line before (section 3.1).
fn unfolded(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((u32::try_from(index + 1).unwrap_or(u32::MAX), line.to_string())),
        }
    }
    lines
}

/// A date, or a moment.
#[derive(Clone, Copy)]
enum Point {
    Day(Date),
    Moment(Wall),
}

/// The event being read.
#[derive(Default)]
struct Draft {
    line: u32,
    name: String,
    start: Option<Point>,
    end: Option<Point>,
    rule: Option<String>,
    cancelled: bool,
}

struct Reader<'z> {
    zone: &'z Zone,
    events: Vec<Event>,
    mistakes: Vec<(u32, String)>,
    open: Option<Draft>,
}

impl Reader<'_> {
    fn take(&mut self, line: u32, content: &str) {
        let Some((property, value)) = content.split_once(':') else { return };
        let mut parameters = property.split(';');
        let name = parameters.next().unwrap_or_default().to_ascii_uppercase();
        let parameters: Vec<&str> = parameters.collect();
        match (name.as_str(), value.trim()) {
            ("BEGIN", "VEVENT") => self.open = Some(Draft { line, ..Draft::default() }),
            ("END", "VEVENT") => self.close(),
            _ => {
                let Some(mut draft) = self.open.take() else { return };
                if let Err(wrong) = self.fill(&mut draft, &name, &parameters, value) {
                    self.mistake(line, wrong);
                }
                self.open = Some(draft);
            }
        }
    }

    fn fill(&self, draft: &mut Draft, name: &str, parameters: &[&str], value: &str) -> Result<(), String> {
        match name {
            "SUMMARY" => draft.name = readable(value),
            "STATUS" => draft.cancelled = value.trim().eq_ignore_ascii_case("cancelled"),
            "DTSTART" => draft.start = Some(self.point(parameters, value)?),
            "DTEND" => draft.end = Some(self.point(parameters, value)?),
            "RRULE" => draft.rule = Some(value.trim().to_ascii_uppercase()),
            "RDATE" | "EXDATE" | "DURATION" | "RECURRENCE-ID" => return Err(format!("`{name}` is not understood here")),
            _ => {}
        }
        Ok(())
    }

    fn point(&self, parameters: &[&str], value: &str) -> Result<Point, String> {
        let wrong = || format!("`{}` is not a date (20261224) or a time (20261224T120000Z)", readable(value));
        let value = value.trim();
        if value.len() > 16 || !value.is_ascii() {
            return Err(wrong());
        }
        let Some((day, time)) = value.split_once('T') else { return date(value).map(Point::Day).ok_or_else(wrong) };
        let digits = time.trim_end_matches('Z');
        let minute = parse_digits(digits, 0, 2).zip(parse_digits(digits, 2, 2)).map(|(hour, minute)| hour * 60 + minute);
        let named = parameters.iter().find_map(|parameter| parameter.strip_prefix("TZID=")).map(|name| name.trim_matches('"'));
        let zone = match named {
            _ if time.ends_with('Z') => Zone::utc(),
            Some(name) => name.parse()?,
            None => self.zone.clone(),
        };
        let moment = date(day).zip(minute).and_then(|(date, minute)| zone.first_moment(date, minute));
        moment.map(Point::Moment).ok_or_else(wrong)
    }

    fn close(&mut self) {
        let Some(draft) = self.open.take() else { return };
        if draft.cancelled {
            return;
        }
        let line = draft.line;
        match event(draft) {
            Ok(_) if self.events.len() >= MAX_EVENTS => self.mistake(line, format!("more than {MAX_EVENTS} events")),
            Ok(event) => self.events.extend(event),
            Err(wrong) => self.mistake(line, wrong),
        }
    }

    fn mistake(&mut self, line: u32, text: String) {
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push((line, text));
        }
    }
}

/// `None` for an event that takes no time.
fn event(draft: Draft) -> Result<Option<Event>, String> {
    let when = match (draft.start, draft.end) {
        (None, _) => return Err("this event has no `DTSTART`".to_string()),
        (Some(Point::Day(from)), None) => When::Days { from, until: from.tomorrow().map_err(|_| "too late a date")? },
        (Some(Point::Day(from)), Some(Point::Day(until))) => When::Days { from, until },
        (Some(Point::Moment(_)), None) => return Ok(None),
        (Some(Point::Moment(from)), Some(Point::Moment(until))) => When::Moments { from, until },
        _ => return Err("this event begins with a date and ends with a time, or the other way round".to_string()),
    };
    let long = match &when {
        When::Days { from, until } => (1..=MAX_DAYS).contains(&days_between(*from, *until)),
        When::Moments { from, until } => {
            from < until && until.since(*from).as_secs() <= MAX_DAYS.unsigned_abs() as u64 * 86_400
        }
        When::EveryYear { .. } => true,
    };
    if !long {
        return Err(format!("this event ends before it begins, or lasts longer than {MAX_DAYS} days"));
    }
    let when = match draft.rule {
        Some(rule) => repeated(&rule, when)?,
        None => when,
    };
    let name = if draft.name.is_empty() { "holiday".to_string() } else { draft.name };
    Ok(Some(Event { name, when }))
}

fn repeated(rule: &str, when: When) -> Result<When, String> {
    let When::Days { from, until } = when else { return Err("only whole days can come again (`RRULE`)".to_string()) };
    let (mut yearly, mut last) = (false, None);
    for part in rule.split(';') {
        match part.split_once('=') {
            Some(("FREQ", "YEARLY")) => yearly = true,
            Some(("INTERVAL", "1")) => {}
            Some(("BYMONTH", month)) if month.parse() == Ok(from.month()) => {}
            Some(("BYMONTHDAY", day)) if day.parse() == Ok(from.day()) => {}
            Some(("UNTIL", text)) => last = Some(date(text.get(..8).unwrap_or_default()).ok_or("`UNTIL` is not a date")?),
            Some(("COUNT", count)) => {
                let years = count.parse::<i16>().ok().filter(|count| *count > 0).ok_or("`COUNT` is not a number")?;
                let year = from.year().checked_add(years - 1).ok_or("`COUNT` is too large")?;
                last = Some(Date::new(year, 12, 31).map_err(|_| "`COUNT` is too large")?);
            }
            _ => return Err(format!("`{part}` of `RRULE` is not understood here: only FREQ=YEARLY with UNTIL or COUNT")),
        }
    }
    if !yearly {
        return Err("`RRULE` is not understood here: only FREQ=YEARLY".to_string());
    }
    Ok(When::EveryYear { from, days: days_between(from, until), last })
}

fn date(text: &str) -> Option<Date> {
    if text.len() != 8 {
        return None;
    }
    let year = i16::try_from(parse_digits(text, 0, 4)?).ok()?;
    let (month, day) = (parse_digits(text, 4, 2)?, parse_digits(text, 6, 2)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn parse_digits(text: &str, from: usize, length: usize) -> Option<u16> {
    let part = text.get(from..from + length)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

/// A text as it was meant (section 3.3.11), on one line, without control characters, cut.
fn readable(text: &str) -> String {
    let mut readable = String::new();
    let mut rest = text.trim().chars();
    while let Some(c) = rest.next() {
        let c = match c {
            '\\' => match rest.next() {
                Some('n' | 'N') | None => ' ',
                Some(escaped) => escaped,
            },
            c => c,
        };
        readable.push(if c.is_control() { ' ' } else { c });
    }
    readable.chars().take(MAX_NAME).collect()
}
