//! What others are told of calls while they happen: the outbox of the webhooks.
//!
//! ```text
//!   pbx --Notice--> [ outbox, a row for each webhook ] --read, completed, signed--> the receiver
//!                         ^                                                          |
//!                         +------- Told{Delivered | Failed | GivenUp} <--------------+
//! ```
//!
//! Invariant: no telephone number stands in a row: who called is read from the call as it is told.

use super::PathStep;
use crate::id::Name;
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};

/// Notices that wait for one webhook at most; one more is given up, and counted.
pub const MAX_WAITING: u64 = 10_000;
/// How often one is tried, and how long it waits at most, before it is given up.
pub const MAX_ATTEMPTS: u32 = 20;
pub const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 3600);

/// When somebody is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// An agent's phone begins to ring.
    Offer,
    /// The agent has the caller.
    Answer,
    /// The call is over, whoever it was with.
    End,
}

impl Occasion {
    /// As it is configured and told.
    pub fn word(self) -> &'static str {
        match self {
            Occasion::Offer => "offer",
            Occasion::Answer => "answer",
            Occasion::End => "end",
        }
    }
}

/// Something to be told to each of these webhooks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub hooks: Vec<Name>,
    pub occasion: Occasion,
    /// The call's.
    pub reference: String,
    pub story: Story,
}

/// What only the exchange knows at that moment; the rest is read when it is told.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Story {
    pub queue: Option<Name>,
    pub agent: Option<Name>,
    /// How long they had waited when they were answered.
    pub waited_ms: Option<u64>,
    /// The id of the customer whom the flow found.
    pub customer: Option<String>,
    /// The way through the menus so far; empty at the end, when the record has it.
    pub path: Vec<PathStep>,
}

/// What became of an attempt to tell a row of the outbox.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Told {
    pub row: i64,
    pub hook: Name,
    pub outcome: Telling,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Telling {
    Delivered,
    /// Tried again when it is due.
    Failed {
        why: String,
        due: Wall,
    },
    GivenUp {
        why: String,
    },
}
