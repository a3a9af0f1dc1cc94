//! One INVITE session: the phases of its life, and what it remembers (RFC 3261 sections 13 to 15).
//!
//! | Phase | Event | Next | Does |
//! |---|---|---|---|
//! | Resolving | the host is found | Calling | INVITE |
//! | Resolving | hang-up, not found | ended | nothing |
//! | Calling, Proceeding | challenged | Calling | INVITE with credentials |
//! | Calling, Proceeding | 1xx | Proceeding | nothing |
//! | Calling, Proceeding | 2xx | Confirmed | ACK |
//! | Calling, Proceeding | 2xx with an offer | Owing | nothing: our answer goes into the ACK |
//! | Calling, Proceeding | 2xx without the answer it owes | Leaving | ACK, BYE |
//! | Calling, Proceeding, Unwanted, Cancelling | refusal, no answer in time, unreachable | ended | nothing |
//! | Calling | hang-up | Unwanted | nothing: CANCEL needs a 1xx first (section 9.1) |
//! | Unwanted | 1xx | Cancelling | CANCEL |
//! | Proceeding | hang-up | Cancelling | CANCEL |
//! | Unwanted, Cancelling | 2xx of any kind | Leaving | ACK, BYE: they crossed |
//! | Owing | we answer | Confirmed | ACK |
//! | Owing | hang-up | Leaving | ACK, BYE |
//! | Owing | BYE | ended | nothing |
//! | Ringing | we accept | Answered | 200, repeated until the ACK |
//! | Ringing | we refuse, hang-up | ended | the refusal |
//! | Ringing | CANCEL, BYE | ended | 487 |
//! | Answered | ACK | Confirmed | nothing |
//! | Answered | ACK without the answer it owes | Leaving | BYE |
//! | Answered | hang-up | Parting | nothing: BYE only after the ACK (section 15) |
//! | Parting | ACK of any kind, no ACK in time | Leaving | BYE |
//! | Answered, Confirmed | no ACK in time | ended | BYE |
//! | Answered, Parting, Confirmed | BYE | ended | nothing |
//! | Confirmed | hang-up, the ACK of a re-INVITE lacks its answer | Leaving | BYE |
//! | Confirmed | a request of ours is not answered in time | ended | BYE |
//! | Answered, Confirmed | 481 or unreachable | ended | nothing |
//! | Leaving | BYE answered or given up | ended | nothing |
//! | any | anything else | the same | nothing |
//!
//! Invariant: a session that was announced ends exactly once, and after its end nothing of it remains but transactions.

use super::dialog::Dialog;
use super::message::{Name, Response};
use super::refresh::Refreshing;
use super::reliable::{Heeded, Promised};
use super::transaction::TxId;
use super::{Credentials, Ending, Source, Status};
use crate::sdp::Description;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Phase {
    Resolving,
    Calling,
    /// We hung up, and nothing has come back that could be cancelled.
    Unwanted,
    Proceeding,
    Cancelling,
    /// Their 2xx made the offer; we owe the answer.
    Owing,
    Ringing,
    /// We said 200 and wait for the ACK.
    Answered,
    /// The same, and then say BYE.
    Parting,
    Confirmed,
    Leaving,
}

impl Phase {
    /// In the order of the variants.
    pub const NAMES: &[&str] = &[
        "Resolving",
        "Calling",
        "Unwanted",
        "Proceeding",
        "Cancelling",
        "Owing",
        "Ringing",
        "Answered",
        "Parting",
        "Confirmed",
        "Leaving",
    ];
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Found,
    Challenged,
    Provisional,
    Success,
    SuccessWithOffer,
    SuccessWithoutAnswer,
    /// A refusal of our INVITE, or no answer to it, or no way to send it.
    Failure,
    Accept,
    Refuse,
    Hangup,
    Cancel,
    Ack,
    AckWithoutAnswer,
    /// 64*T1 without the ACK of our 2xx.
    NoAck,
    /// We answer an offer that came in a 2xx.
    Answer,
    Bye,
    /// 481, or nothing can be sent there.
    Gone,
    /// A request of ours inside the dialog was not answered in time.
    Silent,
    /// Our BYE was answered, or given up.
    Left,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Go(Phase),
    End,
}

/// What a row does; the acts are done in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Invite,
    Ack,
    Cancel,
    Bye,
    /// The refusal that the command gave, or 480.
    Refuse,
    /// 487 to the INVITE.
    Terminate,
}

pub fn step(phase: Phase, event: Event) -> (Next, &'static [Act]) {
    use Act::{Ack, Bye, Cancel, Invite, Refuse, Terminate};
    use Next::{End, Go};
    use Phase::{Answered, Calling, Cancelling, Confirmed, Leaving, Owing, Parting, Proceeding, Resolving, Ringing, Unwanted};
    match (phase, event) {
        (Resolving, Event::Found) => (Go(Calling), &[Invite]),
        (Resolving, Event::Hangup | Event::Failure) => (End, &[]),

        (Calling | Proceeding, Event::Challenged) => (Go(Calling), &[]),
        (Calling | Proceeding, Event::Provisional) => (Go(Proceeding), &[]),
        (Calling | Proceeding, Event::Success) => (Go(Confirmed), &[Ack]),
        (Calling | Proceeding, Event::SuccessWithOffer) => (Go(Owing), &[]),
        (Calling | Proceeding, Event::SuccessWithoutAnswer) => (Go(Leaving), &[Ack, Bye]),
        (Calling | Proceeding | Unwanted | Cancelling, Event::Failure) => (End, &[]),
        (Calling, Event::Hangup) => (Go(Unwanted), &[]),
        (Unwanted, Event::Provisional) => (Go(Cancelling), &[Cancel]),
        (Proceeding, Event::Hangup) => (Go(Cancelling), &[Cancel]),
        (Unwanted | Cancelling, Event::Success | Event::SuccessWithOffer | Event::SuccessWithoutAnswer) => {
            (Go(Leaving), &[Ack, Bye])
        }

        (Owing, Event::Answer) => (Go(Confirmed), &[Ack]),
        (Owing, Event::Hangup) => (Go(Leaving), &[Ack, Bye]),
        (Owing, Event::Bye) => (End, &[]),

        (Ringing, Event::Accept) => (Go(Answered), &[]),
        (Ringing, Event::Refuse | Event::Hangup) => (End, &[Refuse]),
        (Ringing, Event::Cancel | Event::Bye) => (End, &[Terminate]),

        (Answered, Event::Ack) => (Go(Confirmed), &[]),
        (Answered, Event::AckWithoutAnswer) => (Go(Leaving), &[Bye]),
        (Answered, Event::Hangup) => (Go(Parting), &[]),
        (Parting, Event::Ack | Event::AckWithoutAnswer | Event::NoAck) => (Go(Leaving), &[Bye]),
        (Answered | Confirmed, Event::NoAck) => (End, &[Bye]),
        (Answered | Parting | Confirmed, Event::Bye) => (End, &[]),

        (Confirmed, Event::Hangup | Event::AckWithoutAnswer) => (Go(Leaving), &[Bye]),
        (Confirmed, Event::Silent) => (End, &[Bye]),
        (Answered | Confirmed, Event::Gone) => (End, &[]),

        (Leaving, Event::Left) => (End, &[]),

        (phase, _) => (Go(phase), &[]),
    }
}

/// Everything that is remembered of one session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    pub phase: Phase,
    pub dialog: Dialog,
    /// We called: the caller waits longer after a 491 (RFC 3261 section 14.1).
    pub is_ours: bool,
    /// Who called, when they did.
    pub source: Option<Source>,
    /// The INVITE that began it, until it is answered; on our side until the ACK is sent.
    pub invite: Option<TxId>,
    /// Callee: what every response to that INVITE begins with.
    pub response: Option<Box<Response>>,
    /// Caller: the INVITE's number, which its ACK repeats, and whether it made an offer.
    pub invite_cseq: u32,
    pub offered: bool,
    /// Our 2xx that waits for its ACK.
    pub unacknowledged: Option<Unacknowledged>,
    pub exchange: Exchange,
    /// An offer of ours that waits until the one under way is settled.
    pub next_offer: Option<Box<Description>>,
    /// What will be told when it ends.
    pub ending: Ending,
    /// Goes into our BYE or CANCEL.
    pub reason: Option<String>,
    /// What an INVITE that still rings is refused with.
    pub refusal: Status,
    /// Our answer to an offer that came in a 2xx: goes into the ACK.
    pub owed: Option<Box<Description>>,
    /// Challenges answered since the last success.
    pub challenges: u8,
    /// The tag of the last provisional answer to our call: by it a call that still rings is named.
    pub early_tag: Option<String>,
    /// Callee: what was promised of our provisional answers. Caller: what was heard of theirs (RFC 3262).
    pub promised: Option<Box<Promised>>,
    pub heeded: Option<Box<Heeded>>,
    /// How the session is kept alive, if it is (RFC 4028).
    pub refreshing: Option<Refreshing>,
    /// The peer understands UPDATE.
    pub takes_updates: bool,
    /// Our INVITE was sent again with a longer interval.
    pub is_lengthened: bool,
    /// Our description as it stands: what a re-INVITE that only refreshes repeats.
    pub local: Option<Box<Description>>,
    /// We have asked the peer to call somebody, and hear how that goes.
    pub is_referring: bool,
    #[serde(skip)]
    pub credentials: Option<Box<Credentials>>,
    /// What proved our INVITE; its ACK repeats it (RFC 3261 section 22.1).
    #[serde(skip)]
    pub proof: Option<(Name, Vec<u8>)>,
}

/// A 2xx to an INVITE, repeated until the ACK comes, over reliable transports too (RFC 3261 section 13.3.1.4).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unacknowledged {
    pub tx: TxId,
    pub cseq: u32,
    pub bytes: Vec<u8>,
    pub pause: Duration,
    /// It made an offer, so the ACK must answer.
    pub offered: bool,
}

/// The offer under way inside an established session (RFC 3264, RFC 3311, RFC 6141).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Exchange {
    #[default]
    Settled,
    /// Theirs, by re-INVITE or UPDATE; it waits for `Command::Reply`. `offered`: they made an offer.
    Theirs { tx: TxId, response: Box<Response>, cseq: u32, is_invite: bool, offered: bool, refreshing: Option<Refreshing> },
    /// Ours, by re-INVITE or UPDATE.
    Ours { tx: TxId, cseq: u32, is_invite: bool, sdp: Box<Description>, tries: u8 },
    /// Both offered at once (491): ours is made again after a pause.
    Glare { sdp: Box<Description>, tries: u8 },
}

/// The timers of a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Clock {
    /// Our 2xx is sent again.
    Repeat,
    /// No ACK has come.
    NoAck,
    /// The callee has rung long enough, by our patience or by the caller's.
    Ring,
    /// A proxy on the way would give up if nothing were said for three minutes (RFC 3261 section 13.3.1.1).
    Remind,
    /// Our offer is made again after a 491.
    Glare,
    /// Our re-INVITE has got no final answer.
    Reoffer,
    /// A provisional answer of ours waits for its PRACK.
    Promise,
    /// The session is to be refreshed by us.
    Refresh,
    /// Nobody has refreshed it.
    Expire,
    /// An UPDATE waits so long that its sender is told to be patient (RFC 4320 section 4.1).
    Trying,
}

impl Clock {
    pub const ALL: [Clock; 10] = [
        Clock::Repeat,
        Clock::NoAck,
        Clock::Ring,
        Clock::Remind,
        Clock::Glare,
        Clock::Reoffer,
        Clock::Promise,
        Clock::Refresh,
        Clock::Expire,
        Clock::Trying,
    ];
}

/// The refusal of an incoming call when the command named none.
pub const UNAVAILABLE: Status = Status(480);
