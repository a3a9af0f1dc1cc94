//! What is remembered of callers between their calls: who talked with them, when they gave up, the place that they lost.
//!
//! Invariant: at most [`MAX_CONTACTS`] are remembered; the one heard of longest ago is forgotten first.

use crate::id::Name;
use crate::time::{Duration, Moment, Now, Wall, pairs};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Callers remembered at once.
pub const MAX_CONTACTS: usize = 100_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    #[serde(with = "pairs")]
    contacts: BTreeMap<Name, Contact>,
    /// By the moment at which they were last heard of.
    order: BTreeSet<(Moment, Name)>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Contact {
    heard: Moment,
    /// Talked with an agent until then, in that queue.
    pub talked: BTreeMap<Name, Moment>,
    pub last_agent: Option<Name>,
    /// Gave up last then.
    pub gave_up: Option<Wall>,
    pub place: Option<Place>,
}

/// A place in a queue that was lost through no fault of the caller.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Place {
    pub queue: Name,
    pub arrival: Moment,
    /// It is given back to who calls again before that.
    pub until: Moment,
}

impl History {
    pub fn of(&self, contact: Option<&Name>) -> Option<&Contact> {
        self.contacts.get(contact?)
    }

    /// Who talked with them last, of our agents.
    pub fn last_agent(&self, contact: Option<&Name>) -> Option<Name> {
        self.of(contact)?.last_agent.clone()
    }

    /// Notes something about somebody.
    pub fn note(&mut self, contact: &Name, now: Moment, what: impl FnOnce(&mut Contact)) {
        let entry = self.contacts.entry(contact.clone()).or_default();
        self.order.remove(&(entry.heard, contact.clone()));
        entry.heard = now;
        what(entry);
        self.order.insert((now, contact.clone()));
        if self.contacts.len() > MAX_CONTACTS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.contacts.remove(&oldest);
        }
    }

    /// The place that this caller left in this queue, if it is still theirs; it is given once.
    pub fn take_place(&mut self, contact: Option<&Name>, queue: &str, now: Moment) -> Option<Place> {
        let contact = self.contacts.get_mut(contact?)?;
        let place = contact.place.take_if(|place| *place.queue == *queue || place.until < now)?;
        (place.until >= now).then_some(place)
    }
}

impl Contact {
    pub fn talked_within(&self, queue: &str, within: Duration, now: Moment) -> bool {
        self.talked.get(queue).is_some_and(|at| now.since(*at) <= within)
    }

    pub fn gave_up_today(&self, day_begins: Wall, now: Now) -> bool {
        self.gave_up.is_some_and(|at| at >= day_begins && at <= now.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_heard_of_longest_ago_is_forgotten_first() {
        let at = |second: u64| Moment::ZERO + Duration::from_secs(second);
        let name = |number: u64| Name::from(format!("{number}"));
        let mut history = History::default();
        for number in 0..=MAX_CONTACTS as u64 {
            history.note(&name(number % MAX_CONTACTS as u64), at(number), |_| {});
        }
        history.note(&"new".into(), at(999_999), |contact| contact.last_agent = Some("anna".into()));
        assert!(history.of(Some(&name(0))).is_some(), "heard of twice");
        assert!(history.of(Some(&name(1))).is_none());
        assert_eq!((history.contacts.len(), history.order.len()), (MAX_CONTACTS, MAX_CONTACTS));
    }

    #[test]
    fn a_place_is_given_back_once_and_in_time() {
        let at = |second: u64| Moment::ZERO + Duration::from_secs(second);
        let mut history = History::default();
        let place = Place { queue: "support".into(), arrival: at(1), until: at(60) };
        let caller = Name::from("+48221234567");
        let left = |history: &mut History| history.note(&caller, at(5), |contact| contact.place = Some(place.clone()));
        left(&mut history);
        assert_eq!(history.take_place(Some(&caller), "sales", at(10)), None);
        assert_eq!(history.take_place(None, "support", at(10)), None);
        assert_eq!(history.take_place(Some(&caller), "support", at(60)), Some(place.clone()));
        assert_eq!(history.take_place(Some(&caller), "support", at(10)), None);
        left(&mut history);
        assert_eq!(history.take_place(Some(&caller), "support", at(61)), None);
    }
}
