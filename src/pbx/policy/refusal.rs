//! Why a phone may not ring, in words for the caller, the log and the administrator.

use crate::config::Class;
use crate::ivr::DialEnd;
use crate::sip::Status;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Refusal {
    NotANumber,
    NoSuchNumber,
    /// It leads to a flow or a queue, where a phone was wanted.
    NotAPhone,
    NobodyThere,
    CallersFromOutside,
    NotPermitted(Class),
    Night(Class),
    NoWayOut,
    /// The account has as many calls out as it may.
    TooManyCalls,
    MinutesUsedUp,
    TrunkDown,
    TrunkFull,
    TrunkTooFast,
    TooManyHops,
    Loop,
}

impl Refusal {
    /// What the caller's phone is told.
    pub fn status(self) -> Status {
        Status(match self {
            Refusal::NotANumber | Refusal::NoSuchNumber | Refusal::CallersFromOutside => 404,
            Refusal::NotAPhone | Refusal::NobodyThere => 480,
            Refusal::NotPermitted(_) | Refusal::Night(_) | Refusal::TooManyCalls | Refusal::MinutesUsedUp => 403,
            Refusal::NoWayOut | Refusal::TrunkDown | Refusal::TrunkFull | Refusal::TrunkTooFast => 503,
            Refusal::TooManyHops => 483,
            Refusal::Loop => 482,
        })
    }

    /// What a flow is told.
    pub fn dial_end(self) -> DialEnd {
        match self {
            Refusal::NobodyThere | Refusal::TrunkDown => DialEnd::Unavailable,
            _ => DialEnd::Failed,
        }
    }

    /// Another trunk may do what this one could not.
    pub fn is_the_trunk_s(self) -> bool {
        matches!(self, Refusal::TrunkDown | Refusal::TrunkFull | Refusal::TrunkTooFast)
    }

    /// Somebody tried what they may not, or more than they may: worth waking somebody for when it goes on.
    pub fn is_alarming(self) -> bool {
        matches!(
            self,
            Refusal::NotPermitted(_)
                | Refusal::Night(_)
                | Refusal::TooManyCalls
                | Refusal::MinutesUsedUp
                | Refusal::TooManyHops
                | Refusal::Loop
        )
    }
}

/// Finishes the sentence "not called: ...".
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotANumber => "it is not a number",
            Refusal::NoSuchNumber => "it is no number of the house, and no telephone of the numbering plan",
            Refusal::NotAPhone => "it leads to a flow or a queue, not to a phone",
            Refusal::NobodyThere => "no phone is there",
            Refusal::CallersFromOutside => "callers from outside are not connected outside again",
            Refusal::NotPermitted(class) => return write!(f, "{} calls are not permitted to this account", class.word()),
            Refusal::Night(class) => return write!(f, "{} calls are not permitted at night", class.word()),
            Refusal::NoWayOut => "no trunk is named for calls out (`outbound: {via: ...}`)",
            Refusal::TooManyCalls => "the account has as many calls out as it may",
            Refusal::MinutesUsedUp => "the account's minutes of the day are used up",
            Refusal::TrunkDown => "the trunk does not answer",
            Refusal::TrunkFull => "the trunk has as many calls as it may",
            Refusal::TrunkTooFast => "the trunk has had as many calls this second as it may",
            Refusal::TooManyHops => "the call was forwarded too often",
            Refusal::Loop => "the call was forwarded in a circle",
        })
    }
}
