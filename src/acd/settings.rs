//! Queues and agents as the administrator describes them: plain data, filled from `queues.yaml` and `agents.yaml`.
//!
//! Invariant: nothing here changes while the exchange runs; [`super::Event::Configure`] replaces the whole.

use super::strategy::Strategy;
use super::words::OfferOutcome;
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A phone rings at least this long, whatever is configured: an offer that expires as it is made would spin.
pub const MIN_RING: Duration = Duration::from_secs(1);
/// And at most this long.
pub const MAX_RING: Duration = Duration::from_secs(600);
/// After a phone refused or let it ring, its agent rests at least this long: a phone that refuses at once, alone in its
/// queue, would be offered the same call for ever within one moment.
pub const MIN_BACK_OFF: Duration = Duration::from_millis(100);
/// So many wait in a queue at once, unless it says otherwise.
pub const DEFAULT_MAX_WAITING: usize = 2000;
/// The longest wrap-up, extensions included.
pub const MAX_WRAP_UP: Duration = Duration::from_secs(4 * 3600);

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    pub queues: BTreeMap<Name, Queue>,
    pub agents: BTreeMap<Name, Agent>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queue {
    pub strategy: Strategy,
    /// How long one agent's phone rings before the next is tried ([`MIN_RING`] to [`MAX_RING`]).
    pub ring: Duration,
    /// After each call; zero for none.
    pub wrap_up: Duration,
    pub back_off: BackOff,
    /// After so many offers in a row without an answer the agent is paused "no answer"; 0 means never.
    pub max_no_answer: u32,
    /// Added to the class of every call of this queue: its order against the other queues of an agent.
    pub weight: u16,
    /// At most so many wait at once, those whose agent's phone rings included; at least 1.
    pub max_waiting: usize,
    /// No call is treated as if it had waited longer than by this much more.
    pub max_head_start: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            strategy: Strategy::LongestIdle,
            ring: Duration::from_secs(20),
            wrap_up: Duration::ZERO,
            back_off: BackOff::default(),
            max_no_answer: 3,
            weight: 0,
            max_waiting: DEFAULT_MAX_WAITING,
            max_head_start: Duration::from_secs(30 * 60),
        }
    }
}

/// How long an agent is left alone after an offer ended so.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BackOff {
    pub no_answer: Duration,
    pub busy: Duration,
    pub rejected: Duration,
    pub unreachable: Duration,
    pub caller_gone: Duration,
    pub lost_race: Duration,
    pub cancelled: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        BackOff {
            no_answer: Duration::from_secs(5),
            busy: Duration::from_secs(10),
            rejected: Duration::from_secs(5),
            unreachable: Duration::from_secs(30),
            caller_gone: Duration::ZERO,
            lost_race: Duration::ZERO,
            cancelled: Duration::ZERO,
        }
    }
}

impl BackOff {
    pub fn after(&self, outcome: OfferOutcome) -> Duration {
        match outcome {
            OfferOutcome::Answered => Duration::ZERO,
            OfferOutcome::NoAnswer => self.no_answer,
            OfferOutcome::Busy => self.busy,
            OfferOutcome::Rejected => self.rejected,
            OfferOutcome::Unreachable => self.unreachable,
            OfferOutcome::CallerGone => self.caller_gone,
            OfferOutcome::LostRace => self.lost_race,
            OfferOutcome::Cancelled => self.cancelled,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Agent {
    pub login: Login,
    /// The queues this agent serves. A queue that does not exist is passed over here; `check` complains of it.
    pub queues: BTreeMap<Name, Membership>,
}

/// How an agent comes to be logged in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// A phone that registers logs its agent in, one that vanishes logs them out.
    #[default]
    ByRegistration,
    /// From the start, at a contact that is not watched; only an operator logs them out.
    Always,
    /// By feature code, command line or API; the phone must be registered as well.
    Manual,
}

/// How an agent serves one queue.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Membership {
    /// Agents of a lower tier are asked first (a penalty elsewhere).
    pub tier: u16,
    /// The agent's place in the queue's list, for `linear` and `round_robin`, and the last word on every tie.
    pub position: u32,
    /// Only calls that have waited this long in this queue.
    pub delay: Duration,
}
