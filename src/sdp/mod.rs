//! SDP: parse, print, negotiate (RFC 8866, RFC 3264).

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// A session description.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Description {
    pub origin_id: u64,
    pub origin_version: u64,
    /// The address of `o=` and of the session-level `c=`.
    pub address: IpAddr,
}

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

/// What offer and answer settled for the one audio stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreed {
    /// Where the peer wants its audio. Port 0 never comes here; 0.0.0.0 (old hold) gives `direction` without sending.
    pub remote: SocketAddr,
    /// "PCMA" or "PCMU", upper case.
    pub codec: String,
    /// The payload type to send with (the peer's number) and the one to expect (ours; the same for static types).
    pub send_payload_type: u8,
    pub receive_payload_type: u8,
    /// telephone-event (RFC 4733): to send with, and to expect.
    pub send_event_type: Option<u8>,
    pub receive_event_type: Option<u8>,
    /// As we see it: `RecvOnly` means the peer only sends (we do not).
    pub direction: Direction,
    /// Packet time that the peer wants, in milliseconds.
    pub ptime_ms: u16,
}
