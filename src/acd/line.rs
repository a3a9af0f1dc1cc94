//! A queue at work, what waits in it, and the sets in which waiting items meet free agents.
//!
//! Invariant: the order of waiting items never changes with time, only an item's own key may: one ageing rate for everybody
//! makes an ordered map enough.

use super::estimate::Estimate;
use super::roster::{DemandId, DeskId, LineId, PoolId, SetId};
use super::settings::Queue;
use super::skill::Need;
use super::strategy::{FreeAgents, Rank, Strategy};
use super::words::{ItemId, ItemOutcome, Join, Kind, Merits, OfferId};
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
    pub kind: Kind,
    pub key: Key,
    pub class: u16,
    pub arrival: Moment,
    /// Bumps included; the queue's cap is not.
    pub head_start: Duration,
    pub merits: Vec<(Merits, Duration)>,
    pub sequence: u64,
    /// When it entered this queue: waits, steps and delays count from here.
    pub joined: Moment,
    /// When an agent first answered it.
    pub answered: Option<Moment>,
    /// In talks that broke off.
    pub talked: Duration,
    /// What the caller needs, beside what the queue needs.
    pub need: Need,
    pub contact: Option<Name>,
    /// Who had talked with them last when they began to wait here; later talks of the same contact change nothing for this one.
    pub last_agent: Option<Name>,
    /// Steps that have begun, by their place in the queue's list, and when.
    pub begun: Vec<(u8, Moment)>,
    /// Overflow rules that have acted on it in this queue, by their place, as bits.
    pub overflowed: u16,
    /// From queue to queue, so that no circle of overflows turns for ever.
    pub moves: u8,
    /// The one it waits for, and until when at most.
    pub waits_for: Option<(DeskId, Moment)>,
    /// The requirement sets that are open for it.
    pub sets: Vec<SetId>,
    /// Stands in those sets: it waits, and another agent may ring for it.
    pub listed: bool,
    /// Whom the queue asked last for it: the memory of `ring_in_turn`.
    pub asked_last: Option<(Rank, DeskId)>,
    pub told: Told,
    pub stage: Stage,
}

/// What a waiting caller has been told.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Told {
    pub times: u32,
    /// The wait expected as it came.
    pub predicted: Option<Duration>,
    /// The last expected wait that was said, and how many agents had left the queue's agents until then.
    pub expected: Option<(Duration, u64)>,
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
    /// Its own agents.
    pub pool: PoolId,
    /// What the steps and overflows add or put in their place, by their place in the settings' lists.
    pub plans: Vec<Plan>,
    pub overflow_adds: Vec<Vec<PoolId>>,
    /// Queues in whose conditions this one occurs.
    pub watchers: Vec<LineId>,
    /// Conditions that held when they were looked at last, as bits: `when` of steps, `only_if` of steps.
    pub held: u32,
    pub gates: u32,
    /// Something in its conditions changes by the passing of time alone.
    pub timed: bool,
    pub closed: bool,
    /// Who was offered a call last: the memory of `round_robin`.
    pub asked_last: Option<(Rank, DeskId)>,
    /// Removed from the configuration; leaves for good when its last talk is over.
    pub retired: bool,
    /// Those who wait, in their order, and by when they came.
    pub waiting: BTreeSet<(Key, ItemId)>,
    pub by_entry: BTreeSet<(Moment, ItemId)>,
    /// Waiting and talking.
    pub live: usize,
    pub tally: Tally,
    pub estimate: Estimate,
}

/// A step, with pools for names.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Plan {
    pub add: Vec<PoolId>,
    pub replace: Vec<PoolId>,
}

/// A requirement set: whoever is free in it may take whatever waits in it.
///
/// Invariant between events: it has no free agent or no waiting item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Set {
    pub key: SetKey,
    /// Items for whom it is open, listed or not.
    pub items: usize,
    pub waiting: BTreeSet<(Key, ItemId)>,
    pub free: FreeAgents,
}

/// What makes a requirement set: whose order, which agents, after which delay, with which skills.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct SetKey {
    pub line: LineId,
    pub who: Who,
    /// Own agents are 0, those who were added come after them in their order.
    pub source: u8,
    /// Only agents of the pool with exactly this delay.
    pub delay: Duration,
    pub demand: DemandId,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Who {
    Pool(PoolId),
    /// One agent for whom an item waits.
    One(DeskId),
}

/// The agents of a queue or a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pool {
    pub name: Name,
    pub members: Vec<DeskId>,
    /// The delays that its members have, shortest first.
    pub delays: Vec<Duration>,
    /// The queue whose own agents they are.
    pub line: Option<LineId>,
    /// Members who are not offline, and those who could be offered a call now.
    pub logged_in: usize,
    pub available: usize,
    /// How often one of them was there no longer.
    pub departures: u64,
}

/// How many entered a queue and what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Who was let in.
    pub offered: u64,
    pub answered: u64,
    pub abandoned: u64,
    pub left_by_key: u64,
    /// Moved to another queue included.
    pub flowed_out: u64,
    pub callback_taken: u64,
    pub answered_elsewhere: u64,
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
    pub fn new(join: &Join, merits: Vec<(Merits, Duration)>, line: LineId, queue: &Queue, sequence: u64, now: Moment) -> Item {
        let arrival = join.arrival.min(now);
        let head_start = merits.iter().map(|(_, by)| *by).sum();
        Item {
            line,
            kind: join.kind,
            key: Key::new(join.class, arrival, head_start, sequence, queue),
            class: join.class,
            arrival,
            head_start,
            merits,
            sequence,
            joined: now,
            answered: None,
            talked: Duration::ZERO,
            need: join.need.clone(),
            contact: join.contact.clone(),
            last_agent: None,
            begun: Vec::new(),
            overflowed: 0,
            moves: 0,
            waits_for: None,
            sets: Vec::new(),
            listed: false,
            asked_last: None,
            told: Told::default(),
            stage: Stage::Waiting { offers: Vec::new() },
        }
    }

    /// The key that belongs to what is known of the item, in a queue of this weight and cap.
    pub fn key_in(&self, queue: &Queue) -> Key {
        Key::new(self.class, self.arrival, self.head_start, self.sequence, queue)
    }

    pub fn has_merit(&self, merit: Merits) -> bool {
        self.merits.iter().any(|(own, _)| *own == merit)
    }

    pub fn has_begun(&self, step: usize) -> bool {
        self.begun.iter().any(|(begun, _)| usize::from(*begun) == step)
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

    /// Who talks, or has talked: until the first answer. Who waits: all the time until now but for talks that broke off.
    pub fn waited(&self, now: Moment) -> Duration {
        match (&self.stage, self.answered) {
            (Stage::Connected { .. }, Some(answered)) => answered.since(self.joined),
            _ => now.since(self.joined).saturating_sub(self.talked),
        }
    }
}

impl Line {
    pub fn new(name: Name, settings: Queue) -> Line {
        Line {
            name,
            settings,
            pool: PoolId(0),
            plans: Vec::new(),
            overflow_adds: Vec::new(),
            watchers: Vec::new(),
            held: 0,
            gates: u32::MAX,
            timed: false,
            closed: false,
            asked_last: None,
            retired: false,
            waiting: BTreeSet::new(),
            by_entry: BTreeSet::new(),
            live: 0,
            tally: Tally::default(),
            estimate: Estimate::default(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.settings.max_waiting.max(1)
    }
}

impl Pool {
    pub fn new(name: Name, line: Option<LineId>) -> Pool {
        Pool { name, members: Vec::new(), delays: Vec::new(), line, logged_in: 0, available: 0, departures: 0 }
    }
}

impl Tally {
    pub fn count(&mut self, outcome: &ItemOutcome) {
        *match outcome {
            ItemOutcome::Answered { .. } => &mut self.answered,
            ItemOutcome::Abandoned => &mut self.abandoned,
            ItemOutcome::LeftByKey(_) => &mut self.left_by_key,
            ItemOutcome::FlowedOut(_) => &mut self.flowed_out,
            ItemOutcome::CallbackTaken => &mut self.callback_taken,
            ItemOutcome::AnsweredElsewhere => &mut self.answered_elsewhere,
            ItemOutcome::EndedByUs | ItemOutcome::Full | ItemOutcome::NoSuchQueue | ItemOutcome::TooManyNeeds => {
                &mut self.ended_by_us
            }
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
