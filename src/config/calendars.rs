//! `calendars:` -> when the company is open.
//!
//! ```yaml
//! calendars:
//!   office:
//!     zone: Europe/Warsaw
//!     hours: {mon-fri: 08:00-16:00, sat: [09:00-12:00, 13:00-15:00]}
//!     holidays: [poland]
//!     days:
//!       - {on: 12-31, name: New Year's Eve, hours: 08:00-12:00}
//!       - {on: first monday of june, name: Company day, from: 2026}
//!     dates:
//!       2026-05-02: closed
//!       2026-12-27..2026-12-31: {holiday: Stocktaking}
//!     files: [moves.ics]
//! ```
//!
//! Invariant: no two spans of a week overlap, every zone is in the database, and every date exists.

use super::Sources;
use super::sections::{Section, Sections, entry_name, limited};
use crate::calendar::{Calendar, Date, Event, Exception, Feast, PACKS, Span, Weekday, Years, Zone, overlap, pack, read_ical};
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::tree::{Entry, Node, Spot, Value};
use crate::fault::{Faults, Place};
use crate::id::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_CALENDARS: usize = 200;
/// Feasts of one calendar, packs included.
const MAX_FEASTS: usize = 200;
/// Dates of one calendar, each day of a range counted.
const MAX_DATES: usize = 2000;
const MAX_SPANS: usize = 8;
const MAX_FILES: usize = 20;
const MAX_TITLE: usize = 100;
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

pub(super) fn read(sections: &Sections<'_>, sources: &Sources, faults: &mut Faults) -> BTreeMap<Name, Arc<Calendar>> {
    let mut calendars = BTreeMap::new();
    for section in limited(sections, "calendars", MAX_CALENDARS, faults) {
        if let Some((name, calendar)) = calendar(section, sources, faults) {
            calendars.insert(name, Arc::new(calendar));
        }
    }
    calendars
}

fn calendar(section: Section<'_>, sources: &Sources, faults: &mut Faults) -> Option<(Name, Calendar)> {
    let mut reader = section.reader(faults);
    let name = entry_name("calendar", section, &mut reader)?;
    let mut fields = reader.fields(format!("calendar `{name}`"), section.entry.spot, section.value())?;
    let zone = fields.required("zone").and_then(|node| zone(node, &mut reader));
    let mut calendar = Calendar::new(zone.unwrap_or_else(Zone::utc));
    if let Some(node) = fields.required("hours") {
        calendar.week = week(node, &mut reader).unwrap_or_default();
    }
    if let Some(node) = fields.value("dates") {
        calendar.dates = dates(node, &mut reader);
    }
    // One's own days go before those of the packs: a holiday may be given hours.
    if let Some(node) = fields.value("days") {
        calendar.feasts.extend(reader.items(node).iter().filter_map(|item| feast(item, &mut reader)));
    }
    if let Some(node) = fields.value("holidays") {
        calendar.feasts.extend(packs(node, &mut reader));
    }
    if calendar.feasts.len() > MAX_FEASTS {
        reader.fault(fields.spot, format!("more than {MAX_FEASTS} recurring days"));
    }
    if let Some(node) = fields.value("files") {
        calendar.events = files(node, sources, &calendar.zone, &mut reader);
    }
    fields.finish(&mut reader);
    warn_if_never_open(&name, &calendar, section, faults);
    Some((name, calendar))
}

fn zone(node: &Node, reader: &mut Reader<'_>) -> Option<Zone> {
    let text = reader.text("`zone`", node)?;
    let zone = text.parse().ok();
    if zone.is_none() {
        let names: Vec<String> = Zone::names().collect();
        let message = format!("there is no time zone `{}`", shorten(text));
        reader.unknown(node.spot, message, text, names.iter().map(String::as_str));
    }
    zone
}

fn warn_if_never_open(name: &Name, calendar: &Calendar, section: Section<'_>, faults: &mut Faults) {
    let never = calendar.week.iter().all(Vec::is_empty)
        && calendar.feasts.iter().all(|feast| feast.hours.is_empty())
        && calendar.dates.values().all(|exception| exception.hours.is_empty());
    if never && faults.is_empty() {
        faults.warn(section.source.place(section.entry.spot), format!("calendar `{name}` is never open"));
    }
}

/// `mon-fri: 08:00-16:00`; a day that is not named is closed.
fn week(node: &Node, reader: &mut Reader<'_>) -> Option<[Vec<Span>; 7]> {
    let Value::Map(entries) = &node.value else {
        reader.fault(node.spot, format!("`hours` is a mapping (`mon-fri: 08:00-16:00`), not {}", node.kind()));
        return None;
    };
    let mut week: [Vec<Span>; 7] = Default::default();
    let mut said: [Option<u32>; 7] = [None; 7];
    for entry in entries {
        let spans = spans(&entry.value, reader);
        for day in days(entry, reader) {
            if let Some(line) = said[day.index()] {
                reader.fault(entry.spot, format!("{} stands here twice; first on line {line}", day.word()));
                continue;
            }
            said[day.index()] = Some(entry.spot.line);
            week[day.index()].clone_from(&spans);
        }
    }
    if let Some((day, one, other)) = overlap(&week) {
        reader.fault(node.spot, format!("the hours of {} overlap: {one} and {other}", day.word()));
    }
    Some(week)
}

/// `mon`, `mon-fri`, `sat, sun`, `daily`.
fn days(entry: &Entry, reader: &mut Reader<'_>) -> Vec<Weekday> {
    let mut list = Vec::new();
    if entry.key == "daily" {
        return Weekday::ALL.to_vec();
    }
    for part in entry.key.split(',').map(str::trim) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (Ok(from), Ok(to)) = (from.trim().parse::<Weekday>(), to.trim().parse::<Weekday>()) else {
            let message = format!("`{}` is no day of the week: mon, mon-fri, `sat, sun` or daily", shorten(part));
            reader.unknown(entry.spot, message, part, Weekday::ALL.map(Weekday::word));
            continue;
        };
        // `sat-mon` goes round the end of the week.
        let count = (to.index() + 7 - from.index()) % 7 + 1;
        list.extend((0..count).map(|step| Weekday::ALL[(from.index() + step) % 7]));
    }
    list
}

/// One span or a list of them; `closed` is none.
fn spans(node: &Node, reader: &mut Reader<'_>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for item in reader.items(node) {
        let Some(text) = reader.text("a span of hours", item) else { continue };
        if text == "closed" {
            continue;
        }
        match text.parse::<Span>() {
            Err(wrong) => reader.fault(item.spot, wrong),
            Ok(span) => match spans.iter().find(|other| span.from() < other.to() && other.from() < span.to()) {
                Some(other) => reader.fault(item.spot, format!("{span} overlaps {other}")),
                None => spans.push(span),
            },
        }
    }
    if spans.len() > MAX_SPANS {
        reader.fault(node.spot, format!("more than {MAX_SPANS} spans in one day"));
    }
    spans.sort_unstable();
    spans
}

fn packs(node: &Node, reader: &mut Reader<'_>) -> Vec<Feast> {
    let mut feasts = Vec::new();
    for item in reader.items(node) {
        let Some(text) = reader.text("a pack of holidays", item) else { continue };
        match pack(text) {
            Some(pack) => feasts.extend(pack),
            None => {
                let message = format!("there is no pack of holidays `{}`; there are {}", shorten(text), PACKS.join(", "));
                reader.unknown(item.spot, message, text, PACKS.iter().copied());
            }
        }
    }
    feasts
}

fn feast(node: &Node, reader: &mut Reader<'_>) -> Option<Feast> {
    let mut fields = reader.fields("a day", node.spot, node)?;
    let day = fields.required("on").and_then(|node| {
        let text = reader.text("`on`", node)?;
        text.parse().map_err(|wrong: String| reader.fault(node.spot, wrong)).ok()
    });
    let name = title(&mut fields, "name", reader);
    let mut year = |name: &'static str, fields: &mut Fields<'_>| {
        let node = fields.value(name)?;
        reader.number(&format!("`{name}`"), node, YEARS)
    };
    let years = Years { from: year("from", &mut fields), until: year("until", &mut fields) };
    if let (Some(from), Some(until)) = (years.from, years.until)
        && from > until
    {
        reader.fault(fields.spot, format!("this day ends in {until}, before it begins in {from}"));
    }
    let hours = fields.value("hours").map(|node| spans(node, reader)).unwrap_or_default();
    fields.finish(reader);
    Some(Feast { name: name?, day: day?, years, only: None, hours })
}

/// A name for people: any text on one line.
fn title(fields: &mut Fields<'_>, name: &'static str, reader: &mut Reader<'_>) -> Option<String> {
    let node = fields.required(name)?;
    title_of(name, node, reader)
}

fn title_of(name: &str, node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text(&format!("`{name}`"), node)?;
    if text.is_empty() || text.chars().count() > MAX_TITLE || text.chars().any(char::is_control) {
        reader.fault(node.spot, format!("`{name}` is a line of 1 to {MAX_TITLE} characters"));
        return None;
    }
    Some(text.to_string())
}

fn dates(node: &Node, reader: &mut Reader<'_>) -> BTreeMap<Date, Exception> {
    let mut dates = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        reader.fault(node.spot, format!("`dates` is a mapping (`2026-12-24: closed`), not {}", node.kind()));
        return dates;
    };
    for entry in entries {
        let exception = exception(entry, reader);
        let Some((from, to)) = range(&entry.key, entry.spot, reader) else { continue };
        let mut date = from;
        while date <= to && dates.len() <= MAX_DATES {
            if dates.insert(date, exception.clone()).is_some() {
                reader.fault(entry.spot, format!("{date} stands here twice"));
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
    }
    if dates.len() > MAX_DATES {
        reader.fault(node.spot, format!("more than {MAX_DATES} dates"));
    }
    dates
}

/// `2026-12-24`, or `2026-12-24..2026-12-31` with both ends.
fn range(text: &str, spot: Spot, reader: &mut Reader<'_>) -> Option<(Date, Date)> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let mut date = |text: &str| {
        let date = text.trim().parse::<Date>().ok().filter(|date| YEARS.contains(&date.year()));
        if date.is_none() {
            reader.fault(spot, format!("`{}` is no date, written as 2026-12-24", shorten(text)));
        }
        date
    };
    let (from, to) = (date(from)?, date(to)?);
    if from > to {
        reader.fault(spot, format!("{from} is after {to}"));
        return None;
    }
    Some((from, to))
}

/// `closed`, one or more spans, or `{hours: ..., holiday: ...}`.
fn exception(entry: &Entry, reader: &mut Reader<'_>) -> Exception {
    if !matches!(entry.value.value, Value::Map(_)) {
        return Exception { hours: spans(&entry.value, reader), holiday: None };
    }
    let Some(mut fields) = reader.fields("a date", entry.spot, &entry.value) else { return Exception::default() };
    let hours = fields.value("hours").map(|node| spans(node, reader)).unwrap_or_default();
    let holiday = fields.value("holiday").and_then(|node| title_of("holiday", node, reader));
    fields.finish(reader);
    Exception { hours, holiday }
}

/// The events of iCalendar files in the configuration's folder.
fn files(node: &Node, sources: &Sources, zone: &Zone, reader: &mut Reader<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let items = reader.items(node);
    if items.len() > MAX_FILES {
        reader.fault(node.spot, format!("more than {MAX_FILES} files"));
    }
    for item in items.iter().take(MAX_FILES) {
        let Some(file) = reader.text("a file", item) else { continue };
        let Some(bytes) = sources.icals.get(file) else {
            let message = format!("there is no `{}` (a name that ends in `.ics`) in the configuration's folder", shorten(file));
            reader.unknown(item.spot, message, file, sources.icals.keys().map(String::as_str));
            continue;
        };
        match read_ical(&String::from_utf8_lossy(bytes), zone) {
            Ok(list) => events.extend(list),
            Err(list) => {
                for (line, message) in list {
                    let place = Place { line, column: 1, ..Place::whole(file) };
                    reader.faults.add(place, message);
                }
            }
        }
    }
    events
}
