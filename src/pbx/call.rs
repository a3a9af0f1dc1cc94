//! One call and its legs.
//!
//! Who holds the call is its [`Phase`]. Legs come and go while the call lasts; each leaves its record with the call. Invariant: a leg
//! stands in the exchange as long as its port is granted, and a call until its last leg is gone and its record is written.

use super::OWN_PLAYS;
use super::policy::{Permit, Stage};
use super::route::Lead;
use super::three_way::{Third, Typed};
use super::transfers::Transfer;
use super::unanswered::Unanswered;
use crate::acd::{ItemId, OfferId};
use crate::expression::Requirement;
use crate::id::{CallId, LegId, Name, PlayId};
use crate::media::{self, ShardId};
use crate::sdp::{Agreed, Description};
use crate::sip::message::Uri;
use crate::sip::{Carried, DialogId, Path, Source};
use crate::store::{LegRecord, PartyNumber};
use crate::time::{Duration, Moment, Now, Wall};
use crate::{ivr, sip};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Call {
    pub id: CallId,
    /// What the store and people know it by: unique for ever.
    pub reference: String,
    pub phase: Phase,
    pub source: Source,
    pub from: PartyNumber,
    pub dialled: String,
    pub language: Name,
    /// The flow that the caller walks, also while they wait, ring or talk.
    pub session: Option<Box<ivr::Session>>,
    /// Which of all flows that have begun here it walks. Each counts its plays from one, and a leg that goes over to another call must
    /// not hear of two by one number.
    pub flow: u64,
    /// All legs of a call live on one shard.
    pub shard: ShardId,
    pub started: Wall,
    /// `started` on the clock that never jumps.
    pub began: Moment,
    pub answered: Option<Wall>,
    pub caller: LegId,
    /// Every leg that is not gone yet, the caller's included.
    pub legs: BTreeSet<LegId>,
    /// The house's phone calls for help: no limit of ours stands in its way.
    pub is_emergency: bool,
    /// The queue that the caller came through last.
    pub queue: Option<Name>,
    /// When, and why, the other party of the last talk went: what ends in the same moment was ended by them.
    pub parted: Option<(Moment, EndedBy)>,
    /// What the caller brought along, of which only a trusted trunk is believed.
    pub carried: Carried,
    /// The id of the customer whom the last flow that is over found them to be.
    pub known_as: Option<Name>,
    /// The leg that the caller hears before anybody has answered.
    pub early: Option<LegId>,
    /// The caller's phone was told of early sound: from then on ringing is for us to play.
    pub heard_early: bool,
    /// Somebody is sending the caller on.
    pub transfer: Option<Transfer>,
    pub parked_by: Option<Name>,
    /// Talks with the caller and their peer.
    pub third: Option<Third>,
    /// When the caller first entered a queue.
    pub queued_since: Option<Moment>,
    /// What the flow says of them to the queue that they enter.
    pub wish: Wish,
    /// What the legs that are gone have left.
    pub gone: Vec<LegRecord>,
    /// The stays of the sessions that are over; the running one's are in its phase.
    pub path: Vec<ivr::Visit>,
}

/// What a flow says of a caller to a queue.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Wish {
    pub need: Option<Requirement>,
    pub value: Option<f64>,
    /// Who has left by a key may come back to their place.
    pub keep_place: bool,
    /// Since when they wait in the queue that they are in, a place that they kept included.
    pub entered: Moment,
    /// The place that they have when they wait again.
    pub place: Option<Kept>,
}

/// A place in a queue; `None`: in whichever is next.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub queue: Option<Name>,
    pub arrival: Moment,
}

/// Where a flow's own count of its plays ends.
const PLAYS: u64 = 1 << 32;
/// So many flows have plays of their own number, before the numbers begin again.
pub const FLOWS: u64 = OWN_PLAYS / PLAYS - 1;

impl Call {
    /// The id of the customer whom a flow found them to be.
    pub fn customer(&self) -> Option<&str> {
        let session = self.session.as_ref().and_then(|session| session.customer());
        session.or(self.known_as.as_deref())
    }

    /// A flow's play, as no other flow of this call counts it.
    pub fn play_of(&self, play: PlayId) -> PlayId {
        PlayId(self.flow * PLAYS + play.0)
    }

    /// The flow's own count of a play, if it is the running flow's.
    pub fn own_play(&self, play: PlayId) -> Option<PlayId> {
        play.0.checked_sub(self.flow * PLAYS).filter(|own| *own < PLAYS).map(PlayId)
    }

    /// The civil time as this call counts it: from its start on, whatever the machine's clock is set to meanwhile, so that every
    /// duration in its record is right.
    pub fn clock(&self, now: Now) -> Now {
        Now { mono: now.mono, wall: self.started + now.mono.since(self.began) }
    }
}

/// Who holds the call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// The destination is known; the caller's audio port is being bound.
    Routing { to: Lead },
    /// A flow speaks with the caller.
    InFlow,
    /// A word or a tone of the exchange's own, and then the end.
    Told,
    /// Somebody is on their way to the caller, from another call.
    Joining,
    /// Left at this slot until somebody fetches them.
    Parked { slot: u32 },
    /// The caller waits in a queue, and hears music.
    Waiting { item: ItemId },
    /// Somebody's phones ring for this caller: `attempt` of the exchange's books.
    Ringing { attempt: AttemptId },
    /// The caller and `peer` talk.
    Bridged { peer: LegId, with: With },
    /// Over; the audio is being closed, and then the record is written.
    Ended { outcome: Outcome, by: EndedBy, at: Wall },
}

/// Whom a bridged caller talks with, and to whom they return afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum With {
    /// An agent, through a queue: the queue engine is told of the end.
    Agent { item: ItemId },
    /// Somebody who was dialled.
    Party,
}

impl Phase {
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Routing { .. } => "routing",
            Phase::InFlow => "in-flow",
            Phase::Told => "told",
            Phase::Joining => "joining",
            Phase::Parked { .. } => "parked",
            Phase::Waiting { .. } => "waiting",
            Phase::Ringing { .. } => "ringing",
            Phase::Bridged { .. } => "bridged",
            Phase::Ended { .. } => "ended",
        }
    }
}

/// Phones that ring together for one caller: the first to answer wins, and it is decided here, once.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub call: CallId,
    pub purpose: Purpose,
    /// Those that ring, or will as soon as their port is bound.
    pub legs: BTreeSet<LegId>,
    /// How long they ring, unless a stage says otherwise.
    pub ring: Duration,
    /// One of them rings, and the caller has been told.
    pub rings: bool,
    /// The best reason that one of them has given for not answering.
    pub refusal: Option<Unanswered>,
    /// What is tried next, when these have failed.
    pub then: VecDeque<Stage>,
    /// What is tried now.
    pub stage: Stage,
}

/// Why phones ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Purpose {
    /// The queue engine leases the caller to an agent.
    Offer { offer: OfferId, item: ItemId },
    /// Somebody was dialled; the caller comes back afterwards, if a flow waits for them.
    Dial,
    /// Somebody is given the call: when they take it the flow is over.
    Transfer,
    /// As `Transfer`, by the queue that the flow has the caller waiting in.
    Overflow,
    /// Somebody is sent the caller by one who talked with them.
    Referred,
}

/// One set of phones ringing together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AttemptId(pub u64);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// Answered, and ended by one of the two.
    Completed,
    /// The caller gave up before we answered.
    Cancelled,
    /// We would not take it: unknown number, no common codec, the flow said so.
    Refused,
    /// Something broke: no acknowledgement, no port, the peer vanished.
    Failed,
    /// A fault of ours, contained to this call.
    InternalError,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Cancelled => "cancelled",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::InternalError => "internal error",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EndedBy {
    Caller,
    /// Whom the caller talked with: an agent, an extension, somebody behind a trunk.
    Callee,
    Exchange,
    Network,
}

impl EndedBy {
    pub fn word(self) -> &'static str {
        match self {
            EndedBy::Caller => "caller",
            EndedBy::Callee => "callee",
            EndedBy::Exchange => "exchange",
            EndedBy::Network => "network",
        }
    }
}

/// One party's connection: a SIP session and an audio stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Leg {
    pub id: LegId,
    pub call: CallId,
    pub role: Role,
    /// Who is at the other end: decides what may be believed about where its audio comes from.
    pub peer: Source,
    pub shard: ShardId,
    pub dialog: DialogId,
    /// The session is still alive for the SIP room: it has not said `Ended`.
    pub session_open: bool,
    pub party: PartyNumber,
    /// The provider that brought it or carries it; `None`: a phone of the house, or an address.
    pub carrier: Option<Name>,
    pub sip_call_id: String,
    /// For a leg that we call: where to, until the INVITE leaves.
    pub target: Option<Box<Target>>,
    /// The attempt that it rings for.
    pub attempt: Option<AttemptId>,
    /// What allows it to be called, as long as it is counted.
    pub permit: Option<Box<Permit>>,
    /// It has answered, and has yet to press the key that says that somebody is there.
    pub confirming: bool,
    /// Where the peer's signalling comes from, as far as it is known.
    pub peer_host: IpAddr,
    pub audio: Audio,
    /// The address that our socket is bound to, and the one that the peer is told.
    pub bind: IpAddr,
    pub advertised: IpAddr,
    /// The peer's offer, or `None` when the offer is ours to make.
    pub offer: Option<Box<Description>>,
    /// The description that we sent last, and its version.
    pub local: Option<Description>,
    pub version: u64,
    pub agreed: Option<Agreed>,
    /// Nothing is heard from it, although it may speak.
    pub silent: bool,
    /// It was heard before it fell silent.
    pub spoke: bool,
    pub typed: Typed,
    /// Our stream's identity (RFC 3550): stays the same through every renegotiation.
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
    pub started: Wall,
    pub answered: Option<Wall>,
    pub ended: Option<(Wall, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Role {
    Caller,
    Agent,
    Extension,
    Trunk,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Role::Caller => "caller",
            Role::Agent => "agent",
            Role::Extension => "extension",
            Role::Trunk => "trunk",
        }
    }
}

/// Where a phone is called.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Target {
    pub uri: Uri,
    /// Known for a registered phone; `None` follows the URI.
    pub path: Option<Path>,
    /// Our listener that the call leaves from.
    pub local: SocketAddr,
    pub peer: Source,
    pub role: Role,
    pub party: PartyNumber,
    /// Without it nobody is called.
    pub permit: Permit,
}

/// Where a leg's socket is in its life.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Audio {
    /// Asked for; `tries` ports have been refused by the system before.
    Opening {
        port: u16,
        tries: u8,
    },
    Open {
        port: u16,
    },
    /// Asked to close: the statistics are awaited.
    Closing {
        port: u16,
    },
    Closed {
        statistics: media::Statistics,
    },
}

impl Audio {
    pub fn port(&self) -> Option<u16> {
        match *self {
            Audio::Opening { port, .. } | Audio::Open { port } | Audio::Closing { port } => Some(port),
            Audio::Closed { .. } => None,
        }
    }
}

impl Leg {
    /// What the peer is told of where we listen.
    pub fn advertise(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.advertised, port)
    }

    /// The peer has put us on hold: it does not want our audio.
    pub fn is_held(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| !agreed.direction.sends())
    }

    /// Notes how the session ended; the first word stays.
    pub fn end(&mut self, at: Wall, how: impl Into<String>) {
        if self.ended.is_none() {
            self.ended = Some((at, how.into()));
        }
    }

    /// Where RTP may come from: a provider sends from where it says; a phone may sit behind NAT, and is then believed only
    /// from the host that its signalling comes from.
    pub fn source_rule(&self) -> media::SourceRule {
        match self.peer {
            Source::Trunk(_) => media::SourceRule::Signalled,
            Source::Extension(_) => media::SourceRule::Latch { host: self.peer_host },
        }
    }
}

/// How an ending is written into the record.
pub fn ending_words(ending: &sip::Ending) -> String {
    match ending {
        sip::Ending::Bye { .. } => "bye".into(),
        sip::Ending::Cancelled => "cancel".into(),
        sip::Ending::Refused { status, .. } => format!("refused {}", status.0),
        sip::Ending::NoAck => "no ack".into(),
        sip::Ending::Timeout => "timeout".into(),
        sip::Ending::Gone => "gone".into(),
        sip::Ending::Unreachable => "unreachable".into(),
        sip::Ending::Expired => "session expired".into(),
        sip::Ending::Ours => "hung up".into(),
    }
}
