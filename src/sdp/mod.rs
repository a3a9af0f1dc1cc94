//! SDP: parse, print, negotiate (RFC 8866, RFC 3264).
//!
//! ```text
//!   a peer's offer --parse--> Description --answer(Capabilities)--> our Description + Agreed
//!   Capabilities --offer--> our Description ... the peer's answer --parse--> Description --accept(offer)--> Agreed
//! ```
//!
//! | file | what |
//! |---|---|
//! | `description` | a session description and its text |
//! | `negotiate` | offer, answer, accept: one audio stream, every other line refused |
//! | `codec` | payload types and the encodings that they stand for |
//!
//! Invariant: an [`Agreed`] always has somewhere to send to and a codec that both sides named; what is sent may be received too.

mod codec;
mod description;
mod negotiate;
#[cfg(test)]
mod tests;

pub use description::{Address, Attribute, Description, MAX_DESCRIPTION, MAX_MEDIA, Media, Origin, Unreadable, parse};
pub use negotiate::{Refusal, accept, answer, offer, reoffer, suspend};

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What one leg of ours can do: our address and port, and the codecs in the order we prefer them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Capabilities {
    pub local: SocketAddr,
    /// Encoding names: "PCMA", "PCMU". telephone-event is always offered and accepted besides.
    pub codecs: Vec<String>,
    pub direction: Direction,
    /// Session id and version of the `o=` line; the version rises by one with each description that differs.
    pub session_id: u64,
    pub version: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn new(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same stream as the other side sees it.
    pub fn mirrored(self) -> Direction {
        Direction::new(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Direction) -> Direction {
        Direction::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name (RFC 8866 section 6.7).
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn parse(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| direction.as_str().eq_ignore_ascii_case(name))
    }
}

/// A codec, and the payload type that stands for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Format {
    /// Upper case.
    pub codec: String,
    pub payload_type: u8,
}

/// What offer and answer settled for the one audio stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreed {
    /// Where the peer wants its audio. Port 0 never comes here; 0.0.0.0 (old hold) gives `direction` without sending.
    pub remote: SocketAddr,
    /// What we send: "PCMA" or "PCMU", upper case. Of the codecs that both sides named it is the answer's first.
    pub codec: String,
    /// The payload type to send it with: the peer's number.
    pub send_payload_type: u8,
    /// What the peer may send: every codec that both sides named, under our numbers (RFC 3264 sections 5.1 and 6.1), the one that we
    /// send first. It may go from one to another with any packet.
    pub receive: Vec<Format>,
    /// telephone-event (RFC 4733): to send with, and to expect.
    pub send_event_type: Option<u8>,
    pub receive_event_type: Option<u8>,
    /// As we see it: `RecvOnly` means the peer only sends (we do not).
    pub direction: Direction,
    /// Packet time that the peer wants, in milliseconds.
    pub ptime_ms: u16,
}
