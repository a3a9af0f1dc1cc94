//! What the exchange says to a shard and what a shard reports: plain data, carried over bounded queues.

use crate::id::{LegId, Name, PlayId};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Binds `local` for a new leg. The leg keeps, to its end, the sound library that is current now. Reported by
    /// `Opened` or `OpenFailed`; nothing is sent or accepted before `Connect`.
    Open {
        leg: LegId,
        local: SocketAddr,
    },
    /// What offer and answer settled, at first and after each renegotiation (which opens probation anew).
    Connect {
        leg: LegId,
        stream: Stream,
    },
    /// Plays the sounds one after the other; replaces what was playing. `Played` is reported at the end of the last one, never for
    /// a play that was replaced or stopped. With `repeat` it begins again for ever.
    Play {
        leg: LegId,
        play: PlayId,
        sounds: Vec<Sound>,
        repeat: bool,
    },
    Stop {
        leg: LegId,
    },
    /// Closes the socket and reports `Closed` with what passed.
    Close {
        leg: LegId,
    },
}

/// A recorded prompt by language and name. One that the library lacks is played as a short tone and reported `SoundMissing`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Sound {
    pub language: Name,
    pub name: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Codec {
    Pcma,
    Pcmu,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stream {
    pub remote: SocketAddr,
    pub source: SourceRule,
    pub codec: Codec,
    pub send_payload_type: u8,
    pub receive_payload_type: u8,
    pub send_event_type: Option<u8>,
    pub receive_event_type: Option<u8>,
    /// May we send? May the peer?
    pub sending: bool,
    pub receiving: bool,
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
}

/// Where RTP is accepted from (media.md of the design: nobody else hears or speaks).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SourceRule {
    /// Only from the signalled address and port.
    Signalled,
    /// From the signalled address and port, or latched during probation to the first source from this host (where signalling came
    /// from) that sends four packets in sequence.
    Latch { host: IpAddr },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Report {
    Opened {
        leg: LegId,
    },
    /// The port could not be bound; the core grants another.
    OpenFailed {
        leg: LegId,
        why: String,
    },
    /// A key was pressed (RFC 4733), once per press.
    Digit {
        leg: LegId,
        digit: char,
        duration: Duration,
    },
    Played {
        leg: LegId,
        play: PlayId,
    },
    SoundMissing {
        leg: LegId,
        sound: Sound,
    },
    /// No packet was accepted for the time that the shard was configured with (once per silence).
    Silent {
        leg: LegId,
    },
    /// Packets came again after `Silent`.
    Heard {
        leg: LegId,
    },
    Closed {
        leg: LegId,
        statistics: Statistics,
    },
}

/// What passed on one leg. Counts are packets; jitter is RFC 3550 section 6.4.1, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Statistics {
    pub sent: u64,
    pub received: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// From a source that is not the peer's, of a payload type that was not agreed, or not RTP at all.
    pub refused: u64,
    pub jitter_ms: f32,
}

/// The shard that owns a call's legs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ShardId(pub u16);
