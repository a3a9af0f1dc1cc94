//! What waiting callers are told, and when: the place, the expected wait, a comforting word.
//!
//! The first after `first`, the next `every` so long; the comfort messages go round. An announcement never delays an agent: it is
//! the exchange that plays it, and an answer ends it. Invariant: only an item that waits is told anything.

use super::words::{Action, Announcement, ItemId};
use super::{Acd, Announce, Deadline};
use crate::time::{Duration, Moment};

/// Announcements are at least so far apart.
pub const MIN_EVERY: Duration = Duration::from_secs(5);

impl Announce {
    fn says_anything(&self) -> bool {
        !self.first.is_zero() && (self.position || self.expected_wait || !self.comfort.is_empty())
    }
}

impl Acd {
    pub(super) fn begin_announcing(&mut self, id: ItemId, now: Moment) {
        let Some(item) = self.items.get(&id).filter(|item| item.waits()) else { return };
        let announce = &self.lines.at(item.line).settings.announce;
        if announce.says_anything() {
            self.timers.set(Deadline::Announce(id), now + announce.first);
        }
    }

    /// After a change of the configuration.
    pub(super) fn begin_announcing_if_not(&mut self, id: ItemId, now: Moment) {
        if self.timers.deadline(&Deadline::Announce(id)).is_none()
            && self.items.get(&id).is_some_and(|item| item.told.times == 0)
        {
            self.begin_announcing(id, now);
        }
    }

    pub(super) fn announce_to(&mut self, id: ItemId, now: Moment, out: &mut Vec<Action>) {
        let Some(item) = self.items.get(&id).filter(|item| item.waits()) else { return };
        let announce = self.lines.at(item.line).settings.announce.clone();
        if !announce.says_anything() {
            return;
        }
        let position = announce.position.then(|| self.ahead(id, item) + 1);
        let times = item.told.times as usize;
        let comfort = announce.comfort.get(times % announce.comfort.len().max(1)).cloned();
        let expected_wait = if announce.expected_wait { self.announced_wait(id, now) } else { None };
        if let Some(item) = self.items.get_mut(&id) {
            item.told.times = item.told.times.wrapping_add(1);
        }
        if !announce.every.is_zero() {
            self.timers.set(Deadline::Announce(id), now + announce.every.max(MIN_EVERY));
        }
        let comfort_first = announce.comfort_first;
        if position.is_some() || expected_wait.is_some() || comfort.is_some() {
            out.push(Action::Announce(Announcement { item: id, position, expected_wait, comfort, comfort_first }));
        }
    }
}
