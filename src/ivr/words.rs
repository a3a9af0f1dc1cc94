//! What a session is told and what it wants done.

use crate::id::{Name, PlayId};
use crate::time::Wall;
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
    /// End the call. Nothing follows.
    Hangup {
        cause: Cause,
    },
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
