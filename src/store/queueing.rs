//! What happens in queues, as facts; and the rows that a restart needs: agents as they were, places of those who waited.
//!
//! | fact | when | row |
//! |---|---|---|
//! | `queue joined` | somebody was let in | `waiting` |
//! | `queue moved` | from queue to queue, the place kept | `waiting` |
//! | `offer ended` | a phone rang for them, and how that ended | |
//! | `queue answered` | an agent took the call | `waiting` goes |
//! | `queue returned` | the talk broke off, they wait again | `waiting` |
//! | `queue left` | the one outcome of each stay, those not let in included | `waiting` goes |
//! | `call disposed` | what the agent noted of it | |
//! | `agent state` | a change that somebody could see, ringing excepted | `agents` |
//!
//! Invariant: durations are in milliseconds; what was added to a body later is absent from older facts.

use super::PartyNumber;
use crate::id::Name;
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// A fact about one stay of one call in queues. `reference` is the call's.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueFact {
    pub reference: String,
    pub queue: Name,
    pub event: QueueEvent,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum QueueEvent {
    Joined {
        contact: PartyNumber,
        /// "call", "callback".
        kind: String,
        class: u16,
        head_start_ms: u64,
        arrival: Wall,
    },
    Moved {
        from: Name,
    },
    OfferEnded {
        agent: Name,
        /// One of the words of `acd::OfferOutcome`.
        outcome: String,
        rang_ms: u64,
    },
    Answered {
        agent: Name,
        waited_ms: u64,
        /// How long the phone rang that was picked up.
        rang_ms: u64,
        /// The wait that was expected as they came.
        predicted_ms: Option<u64>,
    },
    /// The talk broke off, and they wait again.
    Returned {
        contact: PartyNumber,
        arrival: Wall,
        agent: Name,
        talked_ms: u64,
    },
    Left {
        /// One of the words of `acd::ItemOutcome`.
        outcome: String,
        waited_ms: u64,
        /// Who talked with them last, and how long.
        agent: Option<Name>,
        talked_ms: u64,
        /// How much of that the agent had them on hold.
        held_ms: u64,
        /// The key, where they flowed to, or who or what ended the talk: a word of [`TalkEnd`].
        by: Option<String>,
    },
    Disposed {
        agent: Name,
        code: Name,
    },
}

/// How the talk of a caller from a queue with an agent ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TalkEnd {
    Caller,
    Agent,
    /// Neither of them: a limit, an operator, a broken line.
    Exchange,
    /// The agent has sent the caller on, without or with a talk before.
    BlindTransfer,
    AttendedTransfer,
}

impl TalkEnd {
    /// As it stands in the fact.
    pub fn word(self) -> &'static str {
        match self {
            TalkEnd::Caller => "caller",
            TalkEnd::Agent => "agent",
            TalkEnd::Exchange => "exchange",
            TalkEnd::BlindTransfer => "blind transfer",
            TalkEnd::AttendedTransfer => "attended transfer",
        }
    }
}

impl QueueEvent {
    /// The kind of the fact.
    pub fn kind(&self) -> &'static str {
        match self {
            QueueEvent::Joined { .. } => "queue joined",
            QueueEvent::Moved { .. } => "queue moved",
            QueueEvent::OfferEnded { .. } => "offer ended",
            QueueEvent::Answered { .. } => "queue answered",
            QueueEvent::Returned { .. } => "queue returned",
            QueueEvent::Left { .. } => "queue left",
            QueueEvent::Disposed { .. } => "call disposed",
        }
    }
}

/// An agent's state, and what is kept of them over a restart; `body` is JSON, opaque here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentFact {
    pub agent: Name,
    pub state: String,
    /// `None` when the agent is gone from the configuration.
    pub body: Option<String>,
}

/// Somebody who waited when the exchange died.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlaceRow {
    pub contact: String,
    pub queue: String,
    pub arrival: Wall,
}
