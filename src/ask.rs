//! Questions to the world, and their answers.
//!
//! What the core cannot know it asks: an [`Ask`] goes out, an [`Answer`] with the same id comes back, at most once. The core
//! keeps the deadline, so an answer that never comes is an answer too. Invariant: an answer to a question that is no longer
//! open is ignored.

use crate::id::AskId;
use crate::time::Moment;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// At most this many questions are open at once; one more is answered "refused" on the spot.
pub const MAX_OPEN: usize = 4096;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ask {
    pub id: AskId,
    pub question: Question,
    /// After this the core goes on without an answer; whoever works on the question may stop.
    pub deadline: Moment,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Question {
    /// The addresses of a host name (A and AAAA records).
    Resolve { host: String },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    pub id: AskId,
    pub reply: Reply,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    Addresses(Vec<IpAddr>),
    /// Could not be answered; the text finishes the sentence "because ...".
    Failed(String),
}
