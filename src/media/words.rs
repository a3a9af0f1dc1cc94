//! What the exchange says to a shard and what a shard reports: plain data, carried over bounded queues.

use super::leg::Leg;
use crate::id::{LegId, Name, PlayId};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Binds `local` for a new leg. The leg keeps, to its end, the sound library that is current now. Reported by
    /// `Opened` or `OpenFailed`; nothing is sent or accepted before `Connect`.
    Open { leg: LegId, local: SocketAddr },
    /// What offer and answer settled, at first and after each renegotiation (which opens probation anew).
    Connect { leg: LegId, stream: Stream },
    /// Plays the sounds one after the other; replaces what was playing. `Played` is reported at the end of the last one, never for
    /// a play that was replaced or stopped. With `repeat` it begins again for ever.
    Play { leg: LegId, play: PlayId, sounds: Vec<Sound>, repeat: bool },
    /// Ends what is played, and hold music; a bridge goes on.
    Stop { leg: LegId },
    /// Hold music instead of what is played, until Stop, Play or Bridge: the sound goes round for ever, at the place where a clock
    /// common to all listeners has it. One that the library lacks is a short tone now and then, and reported `SoundMissing`.
    Music { leg: LegId, sound: Sound },
    /// The two legs hear each other until either is unbridged, bridged anew, exported or closed. Ends hold music on both at once;
    /// a Play on either goes on, and while a leg is played something (or given Music later) the other is not heard there.
    /// Ignored unless both legs are open on this shard.
    Bridge { a: LegId, b: LegId },
    /// The legs, two to [`MAX_PARTIES`], hear each other, each the sum of the others, as `Bridge` does for two; whatever bridge or mix
    /// one of them was in, they leave it first. Who may not be sent anything (has put us on hold) is not heard either. Ignored unless
    /// all are open on this shard.
    Mix { legs: Vec<LegId> },
    /// Takes `leg` out of the bridge or the mix that it is in; all legs stay open. Two who are left of a mix are bridged. So it is when
    /// a leg is closed or exported.
    Unbridge { leg: LegId },
    /// Presses a key towards the peer (RFC 4733), after those still being sent; kept between 40 ms and 8 s. Ignored when events to
    /// this peer were not agreed, or nothing is sent to it. Reported nothing.
    SendDigit { leg: LegId, digit: char, duration: Duration },
    /// Takes the leg off this shard, out of any bridge, to import it on another: `Exported`. In between it belongs to no shard; what
    /// it is told meanwhile the driver keeps for it until it is imported, and what the peer sends waits in its socket. A leg that is
    /// exported must be imported, be it to be closed. Unknown legs are ignored.
    Export { leg: LegId },
    /// The leg goes on here, its stream unbroken but for one frame at most: `Imported`, or `OpenFailed` when its socket is gone.
    Import { state: Box<LegState> },
    /// Closes the socket and reports `Closed` with what passed.
    Close { leg: LegId },
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

/// The payload types that stand for codecs; a codec without one is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PayloadTypes {
    pcma: Option<u8>,
    pcmu: Option<u8>,
}

impl PayloadTypes {
    pub fn only(codec: Codec, payload_type: u8) -> PayloadTypes {
        let mut types = PayloadTypes::default();
        types.set(codec, payload_type);
        types
    }

    pub fn set(&mut self, codec: Codec, payload_type: u8) {
        match codec {
            Codec::Pcma => self.pcma = Some(payload_type),
            Codec::Pcmu => self.pcmu = Some(payload_type),
        }
    }

    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        match Some(payload_type) {
            pcma if pcma == self.pcma => Some(Codec::Pcma),
            pcmu if pcmu == self.pcmu => Some(Codec::Pcmu),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stream {
    pub remote: SocketAddr,
    pub source: SourceRule,
    /// What is sent, and its payload type.
    pub codec: Codec,
    pub send_payload_type: u8,
    /// What the peer may send. It may change with any packet.
    pub receive: PayloadTypes,
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
        /// The leg is in a bridge and the other side got the key as RFC 4733 too. If false, tell it otherwise (INFO). In a mix nobody
        /// gets it.
        relayed: bool,
    },
    Played {
        leg: LegId,
        play: PlayId,
    },
    SoundMissing {
        leg: LegId,
        sound: Sound,
    },
    /// No packet was accepted, although the peer may send, for the time that the shard was configured with: once per silence, and
    /// once more after each Connect.
    Silent {
        leg: LegId,
        /// It has been heard before.
        before: bool,
    },
    /// Packets came again after `Silent`.
    Heard {
        leg: LegId,
    },
    Exported {
        leg: LegId,
        state: Box<LegState>,
    },
    Imported {
        leg: LegId,
    },
    Closed {
        leg: LegId,
        statistics: Statistics,
    },
}

/// All that a shard knows of a leg, on its way to another: plain data. (Within the process what is being played comes along; saved
/// and restored, the leg is silent.)
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct LegState(pub(super) Leg);

impl LegState {
    /// A leg as it is when it has just been opened.
    pub fn fresh(leg: LegId) -> LegState {
        LegState(Leg::new(leg, Arc::default()))
    }

    pub fn leg(&self) -> LegId {
        self.0.id()
    }
}

/// Nobody reads the rest in a log.
impl fmt::Debug for LegState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LegState({:?})", self.leg())
    }
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ShardId(pub u16);
