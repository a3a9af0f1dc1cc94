//! When the state of a calendar changes next.
//!
//! The state can change only where a span begins or ends, at midnight, where an event begins or ends, where an override expires,
//! and where the clock is put forward or back: these moments are tried, in order. Invariant: at most [`MAX_DAYS_AHEAD`] days are
//! looked through.

use super::{Calendar, Date, Override, Plan, State, hours};
use crate::time::Wall;

/// A calendar that says the same for so long is taken to say it for ever.
pub const MAX_DAYS_AHEAD: u32 = 800;

impl Calendar {
    /// The first moment after `at` at which the state is another, and that state; `None` when there is none within
    /// [`MAX_DAYS_AHEAD`] days.
    pub fn next_change(&self, at: Wall, instead: Option<&Override>) -> Option<(Wall, State)> {
        let instead = instead.filter(|instead| instead.holds(at));
        let now = self.state_with(at, instead);
        let mut date = self.zone.civil(at).date;
        for _ in 0..MAX_DAYS_AHEAD {
            let mut moments = self.moments_of(date);
            moments.extend(instead.map(|instead| instead.until));
            // What lies beyond this day is tried with its own day, so that nothing before it is missed.
            let last = self.zone.first_moment(date.tomorrow().ok()?, 0);
            moments.retain(|moment| *moment > at && last.is_none_or(|last| *moment <= last));
            moments.sort_unstable();
            for moment in moments {
                let state = self.state_with(moment, instead);
                if state != now {
                    return Some((moment, state));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Every change after `from` and before `until`, and what it changes to. With `None` the bound on days ahead ends it.
    pub fn changes(&self, from: Wall, until: Wall) -> impl Iterator<Item = (Wall, State)> {
        let mut at = from;
        std::iter::from_fn(move || {
            let (moment, state) = self.next_change(at, None)?;
            at = moment;
            (moment < until).then_some((moment, state))
        })
    }

    /// Where the state may change on this day, and at the end of it.
    fn moments_of(&self, date: Date) -> Vec<Wall> {
        let mut minutes = vec![0, hours::DAY];
        let edges = |plan: Plan<'_>| plan.spans.iter().flat_map(|span| [span.from(), span.to()]).collect::<Vec<_>>();
        minutes.extend(edges(self.plan(date)));
        if let Ok(yesterday) = date.yesterday() {
            let late = edges(self.plan(yesterday)).into_iter().filter(|minute| *minute >= hours::DAY);
            minutes.extend(late.map(|minute| minute - hours::DAY));
        }
        let mut moments: Vec<Wall> = minutes.into_iter().flat_map(|minute| self.zone.moments(date, minute)).collect();
        moments.extend(self.zone.first_moment(date, 0));
        moments.extend(moments.iter().min().and_then(|first| self.zone.shift_after(*first)));
        moments.extend(self.events.iter().flat_map(|event| event.edges()));
        moments
    }
}
