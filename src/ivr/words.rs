//! What a session is told and what it wants done.

use crate::id::{Name, PlayId};
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The call is here and belongs to the flow now.
    Begin,
    /// What was asked to be answered is answered: the caller hears us from now on.
    Answered,
    Played {
        play: PlayId,
    },
    Digit(char),
    /// What was begun by [`Command::Enqueue`] is over, and the caller is the flow's again.
    Queue(QueueEnd),
    /// What was begun by [`Command::Dial`] is over, and the caller is the flow's again.
    Dial(DialEnd),
    /// What was begun by [`Command::Transfer`]: `Answered` when the other side has taken the call, and the flow is over; anything
    /// else when it did not, and the caller is the flow's again.
    Transfer(DialEnd),
    /// The caller is gone. The session says nothing more.
    HungUp,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Answer the call (once; the session waits for `Answered` before it plays).
    Answer,
    /// Play these names of this language, one after the other; replaces what plays.
    Play {
        play: PlayId,
        language: Name,
        prompts: Vec<Name>,
        repeat: bool,
    },
    StopPlaying,
    /// The caller waits in this queue: what they hear, and who talks to them, is the exchange's until [`Event::Queue`]. Their keys
    /// still come here, but for those that they press while they talk to an agent.
    Enqueue {
        queue: Name,
    },
    /// The caller leaves the queue by this key. No [`Event::Queue`] follows; what follows from the flow comes with this command.
    LeaveQueue {
        key: char,
    },
    /// Ring this extension for at most so long while the caller hears ringing, and let the two talk; then [`Event::Dial`].
    Dial {
        to: Name,
        ring: Duration,
    },
    /// Ring this extension as `Dial` does, and give it the call: when it answers the flow is over ([`Event::Transfer`]).
    Transfer {
        to: Name,
        ring: Duration,
    },
    /// End the call. Nothing follows.
    Hangup {
        cause: Cause,
    },
}

/// How a stay in a queue ended, with the caller still here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueEnd {
    /// They talked to an agent, who hung up.
    Answered,
    /// The queue sent them on: closed, too long, nobody there.
    Overflow,
    /// They were never let in: the queue is full, or there is none of that name.
    Failed,
}

/// How the call to an extension ended, with the caller still here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialEnd {
    /// They talked, and the other side hung up.
    Answered,
    Busy,
    /// It rang, and nobody took it.
    NoAnswer,
    /// Declined, do-not-disturb included.
    Rejected,
    /// No phone of it is registered, or none was reached.
    Unavailable,
    /// Anything else: no codec in common, no such extension, a fault of ours.
    Failed,
}

impl DialEnd {
    /// The visit's outcome.
    pub fn word(self) -> &'static str {
        match self {
            DialEnd::Answered => "answered",
            DialEnd::Busy => "busy",
            DialEnd::NoAnswer => "no_answer",
            DialEnd::Rejected => "rejected",
            DialEnd::Unavailable => "unavailable",
            DialEnd::Failed => "failed",
        }
    }
}

/// Why a flow ended the call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// As the administrator wrote it.
    Normal,
    Busy,
    Rejected,
    Unavailable,
    /// The flow went round without the caller's input more often than the budget allows.
    Loop,
}

/// One stay in one node: the visit record. The path of a call is a list of these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Visit {
    pub flow: Name,
    pub node: Name,
    pub verb: Name,
    pub entered: Wall,
    pub left: Option<Wall>,
    /// How it was left: the outcome's word ("next", "key 1", "no_input", "hung-up"). Never the digits of a secret.
    pub outcome: String,
}
