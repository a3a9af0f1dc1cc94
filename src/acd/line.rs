//! A queue at work, what waits in it, and the sets in which waiting items meet free agents.
//!
//! Invariant: the order of waiting items never changes with time, only an item's own key may: one ageing rate for everybody
//! makes an ordered map enough.

use super::roster::{DeskId, LineId, SetId};
use super::settings::Queue;
use super::strategy::{FreeAgents, Rank, Strategy};
use super::words::{ItemId, ItemOutcome, Join, OfferId};
use crate::id::Name;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Place in the order of all waiting items of all queues: the smallest goes first.
///
/// `(class descending, arrival - head_start, sequence)`: gold customers are treated as if they had already waited longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    class: Reverse<u32>,
    since: Moment,
    sequence: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Item {
    pub line: LineId,
    pub key: Key,
    pub class: u16,
    pub arrival: Moment,
    pub head_start: Duration,
    pub sequence: u64,
    /// When it entered this queue: waits and delays count from here.
    pub joined: Moment,
    /// When an agent first answered it.
    pub answered: Option<Moment>,
    /// It has entered so many of the queue's sets: each opens after a longer wait.
    pub level: usize,
    /// Stands in those sets: it waits, and another agent may ring for it.
    pub listed: bool,
    pub stage: Stage,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Stage {
    /// One offer at most, or many with `ring_all`.
    Waiting {
        offers: Vec<OfferId>,
    },
    Connected {
        desk: DeskId,
        since: Moment,
    },
}

/// A lease: one item to one agent, until a deadline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Lease {
    pub item: ItemId,
    /// The queue on whose terms it was made.
    pub line: LineId,
    pub desk: DeskId,
    pub made: Moment,
    pub deadline: Moment,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub name: Name,
    pub settings: Queue,
    /// Its requirement sets, the one that opens first at the front.
    pub sets: Vec<SetId>,
    /// Who was offered a call last: the memory of `round_robin`.
    pub asked_last: Option<(Rank, DeskId)>,
    /// Removed from the configuration; leaves for good when its last talk is over.
    pub retired: bool,
    pub waiting: usize,
    /// Waiting and talking.
    pub live: usize,
    pub tally: Tally,
}

/// A requirement set: whoever is free in it may take whatever waits in it. Today a set is a queue after a delay; needed skills
/// make more of them.
///
/// Invariant between events: it has no free agent or no waiting item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Set {
    /// Items enter once they have waited this long in the queue.
    pub after: Duration,
    pub waiting: BTreeSet<(Key, ItemId)>,
    pub free: FreeAgents,
}

/// How many entered a queue and what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Every entry, also those that were not let in.
    pub offered: u64,
    pub answered: u64,
    pub abandoned: u64,
    pub left_by_key: u64,
    /// Moved to another queue included.
    pub flowed_out: u64,
    pub callback_taken: u64,
    pub answered_elsewhere: u64,
    /// `full` included.
    pub ended_by_us: u64,
}

impl Key {
    fn new(class: u16, arrival: Moment, head_start: Duration, sequence: u64, queue: &Queue) -> Key {
        let class = Reverse(u32::from(class) + u32::from(queue.weight));
        Key { class, since: arrival - head_start.min(queue.max_head_start), sequence }
    }
}

impl Item {
    /// Waiting, and in no set yet.
    pub fn new(join: &Join, line: LineId, queue: &Queue, sequence: u64, now: Moment) -> Item {
        let arrival = join.arrival.min(now);
        Item {
            line,
            key: Key::new(join.class, arrival, join.head_start, sequence, queue),
            class: join.class,
            arrival,
            head_start: join.head_start,
            sequence,
            joined: now,
            answered: None,
            level: 0,
            listed: false,
            stage: Stage::Waiting { offers: Vec::new() },
        }
    }

    /// The key that belongs to what is known of the item, in a queue of this weight and cap.
    pub fn key_in(&self, queue: &Queue) -> Key {
        Key::new(self.class, self.arrival, self.head_start, self.sequence, queue)
    }

    pub fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. })
    }

    pub fn offers(&self) -> &[OfferId] {
        match &self.stage {
            Stage::Waiting { offers } => offers,
            Stage::Connected { .. } => &[],
        }
    }

    /// Waits, and one more agent may ring for it.
    pub fn open(&self, strategy: Strategy) -> bool {
        self.waits() && self.offers().len() < strategy.at_once()
    }

    /// Until it was first answered, or until now.
    pub fn waited(&self, now: Moment) -> Duration {
        self.answered.unwrap_or(now).since(self.joined)
    }
}

impl Tally {
    pub fn count(&mut self, outcome: &ItemOutcome) {
        *match outcome {
            ItemOutcome::Answered { .. } => &mut self.answered,
            ItemOutcome::Abandoned => &mut self.abandoned,
            ItemOutcome::LeftByKey(_) => &mut self.left_by_key,
            ItemOutcome::FlowedOut => &mut self.flowed_out,
            ItemOutcome::CallbackTaken => &mut self.callback_taken,
            ItemOutcome::AnsweredElsewhere => &mut self.answered_elsewhere,
            ItemOutcome::EndedByUs | ItemOutcome::Full | ItemOutcome::NoSuchQueue => &mut self.ended_by_us,
        } += 1;
    }

    /// Those who have an outcome.
    pub fn ended(&self) -> u64 {
        self.answered
            + self.abandoned
            + self.left_by_key
            + self.flowed_out
            + self.callback_taken
            + self.answered_elsewhere
            + self.ended_by_us
    }
}
