//! What calendars say now, and what operators say instead; and which queues are closed because of it.
//!
//! Invariant: an operator is told "done" when their word is on the disk, so that it holds over a restart; a queue is open or
//! closed as its calendar is for everybody who is in it, at most a minute late when the civil clock was put forward or back.

use super::{Action, Pbx, Timer, Unkept};
use crate::acd;
use crate::calendar::{Override, State, parse_until};
use crate::control::{CalendarOrder, CalendarRow, Response};
use crate::fault::nearest;
use crate::id::{Name, ReplyId};
use crate::store::{OverrideRow, What};
use crate::time::{Duration, Now, Wall};

/// The longest name of a holiday that an operator says, in characters.
const MAX_HOLIDAY: usize = 100;

/// Hours begin and end with a minute, so they are looked at with each.
const MINUTE: i64 = 60_000_000_000;
/// A timer may fire a little before the civil clock is there.
const AT_LEAST: Duration = Duration::from_millis(1);

impl Pbx {
    /// Somebody comes to a queue: from now on hours count, until nobody is in any.
    pub(super) fn begin_keeping_hours(&mut self, now: Now) {
        if self.timers.deadline(&Timer::Hours).is_none() {
            self.open_and_close_queues(now);
        }
    }

    /// Tells the queue engine whose hours began or ended, and looks again with the next minute as long as somebody is there.
    pub(super) fn open_and_close_queues(&mut self, now: Now) {
        if self.config.queues.values().all(|queue| queue.hours.is_none()) && !self.acd.any_closed() {
            self.timers.cancel(&Timer::Hours);
            return;
        }
        let states = self.config.queues.keys().map(|name| (name, self.is_open(name, now)));
        let turned = states.filter(|(name, open)| *open == self.acd.is_closed(name));
        let turned: Vec<(Name, bool)> = turned.map(|(name, open)| (name.clone(), open)).collect();
        for (queue, open) in turned {
            tracing::info!(%queue, "the queue {}", if open { "opens" } else { "closes" });
            self.tell_acd(acd::Event::Open { queue, open }, now);
        }
        if self.items.is_empty() {
            self.timers.cancel(&Timer::Hours);
            return;
        }
        let minute = MINUTE - now.wall.unix_nanos().rem_euclid(MINUTE);
        let expires = self.overrides.values().filter(|instead| instead.holds(now.wall));
        let expires = expires.map(|instead| instead.until.since(now.wall));
        let next = expires.fold(Duration::from_nanos(minute.unsigned_abs()), Duration::min);
        self.timers.set(Timer::Hours, now.mono + next.max(AT_LEAST));
    }

    /// A queue without hours is; and a calendar that is there no more closes nothing.
    pub(super) fn is_open(&self, queue: &str, now: Now) -> bool {
        let hours = self.config.queues.get(queue).and_then(|queue| queue.hours.as_ref());
        let state = hours.and_then(|hours| self.calendar_state(hours, now.wall));
        state.is_none_or(|state| state == State::Open)
    }

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
        self.open_and_close_queues(now);
        self.write_then_reply(what, reply, Unkept::HoldsNow, now, out);
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
    pub fn restore_overrides(&mut self, rows: Vec<OverrideRow>, now: Now) {
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
        self.open_and_close_queues(now);
    }
}
