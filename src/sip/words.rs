//! What is said to the user agent and what it says: the room's whole interface.
//!
//! Invariant: whatever was announced with an id (a dialog, a referral, a subscription) ends once, and a command that names
//! one that has ended does nothing.

use super::message::Uri;
use super::{Account, Bearing, IncomingCall, OutgoingCall, Probing, Referral, Settings, Subscribing};
use crate::id::Name;
use crate::sdp::Description;
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    /// Reliable transports need no retransmission and carry a stream (RFC 3261 section 17).
    pub fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }
}

/// One open stream between the exchange and a peer; the shell numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

/// One way that bytes travel: from this listener of ours to that address of theirs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Path {
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// For streams. `None` on the way out: use the open connection to `remote`, or open one.
    pub connection: Option<ConnectionId>,
}

/// One INVITE session with one peer: its early and confirmed dialogs together, from the first INVITE to the last answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DialogId(pub u64);

/// One registration that we keep at somebody else's registrar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RegistrationId(pub u64);

/// One REFER of a peer: it asks us to bring it together with somebody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ReferralId(pub u64);

/// One subscription of a peer: it wants to be told how something stands (RFC 6665).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SubscriptionId(pub u64);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct QueryId(pub u64);

/// A response code, 100 to 699.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Status(pub u16);

/// What the world and the exchange tell the user agent.
#[derive(Clone, Debug)]
pub enum Input {
    /// One datagram, or exactly one message that the stream framing cut out.
    Received {
        path: Path,
        bytes: Vec<u8>,
    },
    /// The stream's framing is lost (bad or missing Content-Length, too large, too slow): `bytes` is what there was.
    /// Answered with `status` where it can be, and the connection is closed.
    BadFrame {
        path: Path,
        bytes: Vec<u8>,
        status: Status,
    },
    Disconnected {
        connection: ConnectionId,
    },
    /// The shell could not send there (connection refused, no route).
    Unreachable {
        path: Path,
    },
    /// The answer to [`Output::Resolve`]; empty when there is none.
    Resolved {
        query: QueryId,
        addresses: Vec<IpAddr>,
    },
    Command(Command),
}

/// What the exchange wants done.
#[derive(Clone, Debug)]
pub enum Command {
    /// Takes effect for what comes after it.
    Configure(Arc<Settings>),
    /// Bindings that the store kept over a restart.
    Restore(Vec<Binding>),
    /// 180 without, 183 with a description, to an incoming call.
    Progress {
        dialog: DialogId,
        status: Status,
        sdp: Option<Description>,
    },
    /// 200 to an incoming call. `sdp` answers its offer, or is our offer when it came without one.
    Accept {
        dialog: DialogId,
        sdp: Description,
    },
    /// A final refusal of an incoming call.
    Refuse {
        dialog: DialogId,
        status: Status,
    },
    /// The answer to [`Event::Offer`]: `Ok(description)` is a 200 with it, `Err(status)` a refusal that leaves the session as it was.
    Reply {
        dialog: DialogId,
        answer: Result<Description, Status>,
    },
    /// Ends the session in whatever state it is: refuses (480), cancels (once a 1xx has come), or says BYE (once the ACK has come).
    Hangup {
        dialog: DialogId,
        reason: Option<String>,
    },
    /// Calls somebody. `dialog` comes from [`super::Endpoint::reserve`].
    Invite {
        dialog: DialogId,
        call: Box<OutgoingCall>,
    },
    /// A new offer inside an established session (hold, resume, another codec).
    Reoffer {
        dialog: DialogId,
        sdp: Description,
    },
    /// The same by UPDATE (RFC 3311), for a peer that answers at once. When another offer is under way it becomes a `Reoffer`.
    Update {
        dialog: DialogId,
        sdp: Description,
    },
    /// An OPTIONS inside the session: is the peer still there? Answered by `Event::Alive` or `Event::Ended`.
    Probe {
        dialog: DialogId,
    },
    /// A digit by INFO, for peers that did not negotiate telephone-event.
    Digit {
        dialog: DialogId,
        digit: char,
        duration: Duration,
    },
    /// Keeps us registered (a phone at its exchange, the exchange at its provider) until `Unregister`.
    Register {
        registration: RegistrationId,
        account: Box<Account>,
    },
    Unregister {
        registration: RegistrationId,
    },
    /// The registrar is there again: a registration that failed is tried at once, or as soon as the registrar wants to be asked.
    Reregister {
        registration: RegistrationId,
    },
    /// Asks the peer of an established session to call `target` (RFC 3515); with `replaces`, to take the place of that other
    /// session of ours (RFC 3891). Answered by [`Event::Referred`] and [`Event::ReferralProgress`].
    Refer {
        dialog: DialogId,
        target: Uri,
        replaces: Option<DialogId>,
    },
    /// 202 to a REFER: it will be tried.
    AcceptReferral {
        referral: ReferralId,
    },
    /// A refusal of a REFER; the session goes on as it was.
    RefuseReferral {
        referral: ReferralId,
        status: Status,
    },
    /// How far an accepted REFER has got, told to the peer by NOTIFY; a final status is the last word.
    ReportReferral {
        referral: ReferralId,
        status: Status,
    },
    /// Grants a subscription; `body` is how things stand, in the format of its package.
    AcceptSubscription {
        subscription: SubscriptionId,
        body: String,
    },
    RefuseSubscription {
        subscription: SubscriptionId,
        status: Status,
    },
    /// How things stand now, to a subscriber. What comes while a NOTIFY is under way replaces what waits.
    Notify {
        subscription: SubscriptionId,
        body: String,
    },
    /// Ends a subscription from our side; the subscriber is told why, and may ask again or not.
    EndSubscription {
        subscription: SubscriptionId,
        why: Dismissal,
    },
    /// Asks a peer by OPTIONS whether it is there, again and again, until `Unwatch`; the same name again asks otherwise.
    Watch {
        peer: Name,
        probing: Box<Probing>,
    },
    Unwatch {
        peer: Name,
    },
}

/// Why a subscription is ended by us (RFC 6665 section 4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Dismissal {
    /// What it is about is there no longer; it makes no sense to ask again.
    Gone,
    /// Not allowed any longer.
    Rejected,
    /// We are about to stop: ask again at once, of whoever is there then.
    Deactivated,
}

/// What the user agent wants of the world, and what it tells the exchange, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    Transmit { path: Path, bytes: Vec<u8> },
    Close { connection: ConnectionId },
    Resolve { query: QueryId, host: String },
    Event(Event),
}

/// Every dialog that was announced by `Invite`, or begun by `Command::Invite`, ends with exactly one `Ended`.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A call arrives, authenticated. When it `replaces` another session, that one is hung up by the exchange, once this is
    /// accepted. It waits for Progress, Accept, Refuse or Hangup.
    Invite { dialog: DialogId, call: Box<IncomingCall> },
    /// The ACK of our 200 came; `answer` when the offer was ours.
    Confirmed { dialog: DialogId, answer: Option<Description> },
    /// Our call makes progress (18x).
    Progress { dialog: DialogId, status: Status, sdp: Option<Description> },
    /// Our call was answered (and acknowledged). The answer to our offer.
    Accepted { dialog: DialogId, sdp: Option<Description> },
    /// A new offer in an established session; `None` asks us to make the offer. It waits for `Command::Reply`.
    Offer { dialog: DialogId, offer: Option<Description> },
    /// The answer to our `Reoffer`, or to the offer that a `Reply` to an offerless re-INVITE made.
    Renegotiated { dialog: DialogId, outcome: Result<Description, Status> },
    /// A key pressed, by INFO.
    Digit { dialog: DialogId, digit: char, duration: Duration },
    /// The peer answered a probe.
    Alive { dialog: DialogId },
    /// Nothing more will be said of this dialog.
    Ended { dialog: DialogId, ending: Ending },
    /// A phone's binding came, or changed: its address, its way, its software.
    Bound { binding: Binding },
    /// A phone is where it was, for longer. Told only when what was told before would run out too soon: it is to be kept, and is no
    /// news.
    Renewed { binding: Binding },
    /// A phone's binding expired or was removed.
    Unbound { user: Name, contact: Uri },
    /// Our registration at somebody's registrar: granted for so long (zero: taken back), or refused. Tried again by itself.
    Registration { registration: RegistrationId, outcome: Result<Duration, Status> },
    /// The peer asks us to bring it together with somebody else. It waits for `AcceptReferral` or `RefuseReferral`.
    Refer { dialog: DialogId, referral: ReferralId, request: Box<Referral> },
    /// The answer to our `Refer`: it is tried, or refused.
    Referred { dialog: DialogId, outcome: Result<(), Status> },
    /// What the peer says of the call that we asked it to make.
    ReferralProgress { dialog: DialogId, status: Status },
    /// Somebody, proved, wants to be told how something stands. It waits for `AcceptSubscription` or `RefuseSubscription`.
    Subscribe { subscription: SubscriptionId, request: Box<Subscribing> },
    /// The subscriber renews, and wants the whole state again: it waits for `Notify`.
    Resubscribed { subscription: SubscriptionId },
    /// Nothing more will be said of this subscription.
    Unsubscribed { subscription: SubscriptionId },
    /// A peer that is watched is there, or is no longer; told when it changes.
    Bearing { peer: Name, bearing: Bearing },
    /// Somebody was refused before any call existed, or sent what cannot be read: for the log and counters.
    Rejected { path: Path, status: Status, why: Rejection },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    Malformed(String),
    /// A digest that does not prove what it claims. `user` is what was claimed.
    BadCredentials {
        user: String,
    },
    /// A nonce count seen before.
    Replayed {
        user: String,
    },
    /// Too many of something at once; the text names the limit.
    Limit(String),
    Unsupported(String),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ending {
    /// The peer said BYE; with its Reason header, if any.
    Bye { reason: Option<String> },
    /// The caller gave up before an answer (CANCEL).
    Cancelled,
    /// Our call was refused; for a redirection with where to; with how long not to come again, if the peer said (Retry-After).
    Refused { status: Status, contacts: Vec<Uri>, retry_after: Option<Duration> },
    /// Our 200 was never acknowledged; we have said BYE.
    NoAck,
    /// The peer did not answer something in time (timers B, F), or 408.
    Timeout,
    /// 481: the peer knows nothing of it.
    Gone,
    /// It could not be reached at all.
    Unreachable,
    /// Nobody refreshed the session before its timer ran out (RFC 4028 section 10); we have said BYE.
    Expired,
    /// We refused it, cancelled it, or said BYE, and that is done.
    Ours,
}

/// Where a registered phone is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Binding {
    /// The extension.
    pub user: Name,
    /// As the phone gave it: becomes the request URI.
    pub contact: Uri,
    /// Where it was received from: requests go there (RFC 3581, RFC 5626).
    pub path: Path,
    pub expires: Wall,
    pub user_agent: String,
    /// Call-ID and CSeq of the registration, for their ordering (RFC 3261 section 10.3).
    pub sip_call_id: String,
    pub cseq: u32,
}
