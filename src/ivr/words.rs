//! What a session is told and what it wants done.

use crate::ask;
use crate::calendar::State;
use crate::expression::Requirement;
use crate::id::{Name, PlayId};
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// What was begun by [`Command::Keep`] is over.
    Kept(KeepEnd),
    /// The answer to [`Command::LookUpHours`].
    Hours(Hours),
    /// The answer to [`Command::LookAtQueues`]; a queue that is not there has none.
    Queues(BTreeMap<Name, QueueGlance>),
    /// The answer to [`Command::Ask`].
    Reply {
        ask: u64,
        reply: ask::Reply,
    },
    /// The caller is gone. The session goes on only where an `on_hangup` leads, and says nothing to the caller any more; told again,
    /// it ends.
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
        /// The skills that whoever takes them must have, beside what the queue itself asks for.
        need: Option<Requirement>,
        /// What the caller is worth, for queues that order by it.
        value: Option<f64>,
    },
    /// The caller leaves the queue by this key. No [`Event::Queue`] follows; what follows from the flow comes with this command.
    LeaveQueue {
        key: char,
        /// They may come back: entering the same queue again gives them their old place, as a confirmed callback does.
        keep_place: bool,
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
    /// Keep something of the caller's; then [`Event::Kept`].
    Keep(Keep),
    /// The recording that [`Command::Keep`] began is complete: [`Event::Kept`] follows.
    StopKeeping,
    /// What does this calendar say of this moment; [`Event::Hours`] follows at once.
    LookUpHours {
        calendar: Name,
    },
    /// How busy are these queues; [`Event::Queues`] follows at once.
    LookAtQueues {
        queues: Vec<Name>,
    },
    /// Ask the world; [`Event::Reply`] follows within `patience`.
    Ask {
        ask: u64,
        question: ask::Question,
        patience: Duration,
    },
    /// End the call. Nothing follows.
    Hangup {
        cause: Cause,
    },
}

/// What a caller leaves behind.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Keep {
    /// A message for a mailbox, recorded from now until the caller hangs up, is silent for `silence`, or `longest` is over.
    Message { mailbox: Name, longest: Duration, silence: Duration },
    /// The same, as a recording of that name that belongs to the call.
    Recording { name: Name, longest: Duration, silence: Duration },
    /// A wish to be called back out of this queue, at the place that the caller has or had in it.
    Callback { queue: Name, number: String },
    /// What the caller thinks: one key for each question.
    Survey { name: Name, answers: Vec<char> },
}

/// What became of a [`Keep`]; `Kept` only when it will outlive a crash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepEnd {
    Kept,
    /// Nothing was said.
    Empty,
    Failed,
}

/// What a calendar says of a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    Open,
    Closed,
    Holiday,
}

impl From<&State> for Hours {
    fn from(state: &State) -> Hours {
        match state {
            State::Open => Hours::Open,
            State::Closed => Hours::Closed,
            State::Holiday(_) => Hours::Holiday,
        }
    }
}

/// A queue as it is at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct QueueGlance {
    pub waiting: u64,
    /// Agents who are logged in, and those of them who could take a call now.
    pub agents: u64,
    pub free: u64,
    /// How long whoever waits longest has waited, in seconds.
    pub longest_wait: u64,
}

/// How a stay in a queue ended, with the caller still here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueEnd {
    /// They talked to an agent, who hung up.
    Answered,
    /// The queue sent them on: closed, too long, nobody there.
    Overflow,
    /// The queue sent them to somebody who is no agent, and who took them for good.
    GivenAway,
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

/// Who calls whom: what a flow knows from the first moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Caller {
    /// Empty when it is withheld.
    pub number: String,
    pub name: String,
    pub dialled: String,
    /// "trunk NAME" or "extension NAME".
    pub source: String,
    /// What the record of the call is known by.
    pub reference: String,
    pub language: Name,
    /// The time zone of `time.*` (IANA); UTC where it is not known.
    pub zone: Name,
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
