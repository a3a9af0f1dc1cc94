//! What calendars say now, and what operators say instead.
//!
//! Invariant: an operator is told "done" when their word is on the disk, so that it holds over a restart.

use super::{Action, Pbx};
use crate::calendar::{Override, State, parse_until};
use crate::control::{CalendarOrder, CalendarRow, Response};
use crate::fault::nearest;
use crate::id::{Name, ReplyId};
use crate::store::{OverrideRow, What};
use crate::time::{Now, Wall};

/// The longest name of a holiday that an operator says, in characters.
const MAX_HOLIDAY: usize = 100;

impl Pbx {
    /// What the calendar of this name says now, overrides included; `None` when there is none of that name.
    pub(super) fn calendar_state(&self, name: &str, at: Wall) -> Option<State> {
        let calendar = self.config.calendars.get(name)?;
        Some(calendar.state_with(at, self.overrides.get(name)))
    }

    pub(super) fn calendar_rows(&self, now: Now) -> Vec<CalendarRow> {
        let row = |(name, calendar): (&Name, &std::sync::Arc<crate::calendar::Calendar>)| {
            let instead = self.overrides.get(name).filter(|instead| instead.holds(now.wall));
            let next = calendar.next_change(now.wall, instead);
            CalendarRow {
                name: name.to_string(),
                zone: calendar.zone.name().to_string(),
                state: self.calendar_state(name, now.wall).map(|state| state.to_string()).unwrap_or_default(),
                changes: next.as_ref().map(|(at, _)| *at),
                next: next.map(|(_, state)| state.to_string()),
                overridden: instead.map(|instead| instead.until),
            }
        };
        self.config.calendars.iter().map(row).collect()
    }

    /// Answers at once when the order makes no sense, otherwise when it is kept.
    pub(super) fn order_calendar(&mut self, reply: ReplyId, name: Name, order: CalendarOrder, now: Now, out: &mut Vec<Action>) {
        let what = match self.overridden(&name, order, now.wall) {
            Ok(Some(instead)) => {
                let body = serde_json::to_string(&instead.state).unwrap_or_default();
                let row = OverrideRow { calendar: name.clone(), until: instead.until, body };
                self.overrides.insert(name, instead);
                What::CalendarSaid(row)
            }
            Ok(None) => {
                self.overrides.remove(&name);
                What::CalendarCleared { calendar: name }
            }
            Err(why) => return out.push(Action::Reply { reply, response: Response::Failed(why) }),
        };
        self.write_then_reply(what, reply, now, out);
    }

    fn overridden(&self, name: &str, order: CalendarOrder, now: Wall) -> Result<Option<Override>, String> {
        let Some(calendar) = self.config.calendars.get(name) else {
            let known = nearest(name, self.config.calendars.keys().map(AsRef::as_ref));
            let hint = known.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            return Err(format!("there is no calendar `{name}`{hint}"));
        };
        let (state, until) = match order {
            CalendarOrder::Open { until } => (State::Open, until),
            CalendarOrder::Close { until } => (State::Closed, until),
            CalendarOrder::Holiday { name, .. } if name.is_empty() || name.chars().count() > MAX_HOLIDAY => {
                return Err(format!("a holiday has a name, of at most {MAX_HOLIDAY} letters"));
            }
            CalendarOrder::Holiday { name, until } => (State::Holiday(name), until),
            CalendarOrder::Clear => return Ok(None),
        };
        Ok(Some(Override { state, until: parse_until(&until, &calendar.zone, now)? }))
    }

    /// Brings back what operators said before a restart. What cannot be read is left out.
    pub fn restore_overrides(&mut self, rows: Vec<OverrideRow>) {
        for row in rows {
            match serde_json::from_str(&row.body) {
                Ok(state) => {
                    self.overrides.insert(row.calendar, Override { state, until: row.until });
                }
                Err(error) => {
                    tracing::warn!(calendar = %row.calendar, %error, "a stored override could not be read and is left out")
                }
            }
        }
    }
}
