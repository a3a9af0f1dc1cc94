//! When a company is open: weekly hours in a time zone, feasts, dated exceptions, and what an operator says instead.
//!
//! ```text
//!   an override that has not expired                        strongest
//!   a dated exception      2026-05-02: closed
//!   an event of an iCalendar file
//!   a feast                easter + 1, monday on or after 08-15, packs of countries
//!   the weekly hours       mon-fri: 08:00-16:00             weakest
//!        |
//!        v
//!   Calendar::state(at) -> Open | Closed | Holiday(name)
//!   Calendar::next_change(at) -> when that changes
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `zone` | a time zone, known by its name; the clock on the wall there |
//! | `hours` | days of the week, spans of a day |
//! | `feast` | days that come again every year |
//! | `easter` | Easter, Western and Orthodox |
//! | `packs` | the public holidays of countries |
//! | `ical` | dates of an iCalendar file |
//! | `until` | how an operator says when an override ends |
//! | `change` | when the state changes next |
//!
//! A day has one plan: the first of the four that knows the day. A span that ends after midnight belongs to the day on which it
//! begins. Hours are those of the clock on the wall: when it is put forward over an opening time, opening is the moment it was
//! put forward; when it is put back over a closing time, that hour is closed, open and closed again.
//!
//! Invariant: a span is open from its first minute up to, not including, its last: `[open, close)`.

mod change;
mod easter;
mod feast;
mod hours;
mod ical;
mod packs;
#[cfg(test)]
mod tests;
mod until;
mod zone;

pub use change::MAX_DAYS_AHEAD;
pub use feast::{Feast, FeastDay, Years};
pub use hours::{Span, Weekday, overlap};
pub use ical::{Event, MAX_EVENTS, MAX_ICAL, read as read_ical};
pub use jiff::civil::Date;
pub use packs::{PACKS, pack};
pub use until::parse_until;
pub use zone::{Civil, Zone};

use crate::id::Name;
use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Calendar {
    pub zone: Zone,
    /// Monday first.
    pub week: [Vec<Span>; 7],
    pub feasts: Vec<Feast>,
    pub dates: BTreeMap<Date, Exception>,
    pub events: Vec<Event>,
}

/// What is otherwise on one date.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Exception {
    pub hours: Vec<Span>,
    /// With a name, the rest of the day is a holiday; without, it is closed.
    pub holiday: Option<String>,
}

/// What a calendar says of one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Open,
    Closed,
    /// Closed because of this holiday.
    Holiday(String),
}

impl State {
    /// The outcome's word, without the holiday's name.
    pub fn word(&self) -> &'static str {
        match self {
            State::Open => "open",
            State::Closed => "closed",
            State::Holiday(_) => "holiday",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Holiday(name) => write!(f, "holiday ({name})"),
            other => f.write_str(other.word()),
        }
    }
}

/// What an operator says instead of the calendar, for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Override {
    pub state: State,
    pub until: Wall,
}

impl Override {
    pub fn holds(&self, at: Wall) -> bool {
        at < self.until
    }
}

/// Operators' overrides by calendar.
pub type Overrides = BTreeMap<Name, Override>;

/// How a day goes: when it is open, and what it is called otherwise.
struct Plan<'c> {
    spans: &'c [Span],
    holiday: Option<&'c str>,
}

impl Calendar {
    /// A calendar that is never open.
    pub fn new(zone: Zone) -> Calendar {
        Calendar { zone, week: Default::default(), feasts: Vec::new(), dates: BTreeMap::new(), events: Vec::new() }
    }

    /// Without overrides.
    pub fn state(&self, at: Wall) -> State {
        let Civil { date, minute, .. } = self.zone.civil(at);
        let plan = self.plan(date);
        if !self.dates.contains_key(&date)
            && let Some(event) = self.events.iter().find(|event| event.covers_moment(at))
        {
            return State::Holiday(event.name.clone());
        }
        let yesterday = date.yesterday().ok().map(|date| self.plan(date));
        let open = |spans: &[Span], minute| spans.iter().any(|span| span.contains(minute));
        if open(plan.spans, minute) || yesterday.is_some_and(|plan| open(plan.spans, minute + hours::DAY)) {
            return State::Open;
        }
        plan.holiday.map_or(State::Closed, |name| State::Holiday(name.to_string()))
    }

    pub fn state_with(&self, at: Wall, instead: Option<&Override>) -> State {
        match instead {
            Some(instead) if instead.holds(at) => instead.state.clone(),
            _ => self.state(at),
        }
    }

    fn plan(&self, date: Date) -> Plan<'_> {
        if let Some(exception) = self.dates.get(&date) {
            return Plan { spans: &exception.hours, holiday: exception.holiday.as_deref() };
        }
        if let Some(event) = self.events.iter().find(|event| event.covers_date(date)) {
            return Plan { spans: &[], holiday: Some(&event.name) };
        }
        if let Some(feast) = self.feasts.iter().find(|feast| feast.falls_on(date)) {
            return Plan { spans: &feast.hours, holiday: Some(&feast.name) };
        }
        Plan { spans: &self.week[Weekday::of(date).index()], holiday: None }
    }
}
