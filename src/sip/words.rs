//! What is said to the user agent and what it says: the room's whole interface.

use super::message::Uri;
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
    /// A call arrives, authenticated. It waits for Progress, Accept, Refuse or Hangup.
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
    /// A phone's binding came, was renewed, or changed address.
    Bound { binding: Binding },
    /// A phone's binding expired or was removed.
    Unbound { user: Name, contact: Uri },
    /// Our registration at somebody's registrar.
    Registration { registration: RegistrationId, outcome: Result<Duration, Status> },
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

#[derive(Clone, PartialEq, Debug)]
pub struct IncomingCall {
    pub source: Source,
    /// As the From header has it; for a [`Source::Extension`] the user is the one that was proved.
    pub from: Party,
    /// The user part of the request URI, unescaped: what was dialled.
    pub dialled: String,
    pub sip_call_id: String,
    pub path: Path,
    /// `None`: a delayed offer, we make it in the 200.
    pub offer: Option<Description>,
    pub user_agent: String,
}

/// Whom the call comes from, proved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Source {
    /// By digest.
    Extension(Name),
    /// By source address.
    Trunk(Name),
}

/// A name and a number, both as received: untrusted text, escaped by whoever prints it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Party {
    pub display: String,
    pub user: String,
}

#[derive(Clone, Debug)]
pub struct OutgoingCall {
    /// The request URI.
    pub target: Uri,
    /// Where to send it: known for a registered phone, `None` to follow the URI (addresses as they are, names by `Resolve`).
    pub path: Option<Path>,
    /// Our listener to send from when `path` is `None`.
    pub local: SocketAddr,
    pub from: Party,
    pub to: Party,
    pub sdp: Option<Description>,
    pub credentials: Option<Credentials>,
    /// Give up (CANCEL) when there is no final answer after this long.
    pub ring: Duration,
}

/// An account at somebody's registrar.
#[derive(Clone, Debug)]
pub struct Account {
    pub registrar: Path,
    pub user: String,
    pub domain: String,
    pub credentials: Credentials,
    pub expires: Duration,
}

/// Never printed: `Debug` redacts the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"..").finish()
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ending {
    /// The peer said BYE; with its Reason header, if any.
    Bye { reason: Option<String> },
    /// The caller gave up before an answer (CANCEL).
    Cancelled,
    /// Our call was refused; for a redirection with where to.
    Refused { status: Status, contacts: Vec<Uri> },
    /// Our 200 was never acknowledged; we have said BYE.
    NoAck,
    /// The peer did not answer something in time (timers B, F), or 408.
    Timeout,
    /// 481: the peer knows nothing of it.
    Gone,
    /// It could not be reached at all.
    Unreachable,
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

/// What the user agent needs to know of the configuration.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    pub realm: String,
    pub listeners: Vec<Listener>,
    /// Secrets by user; looked at only through digest.
    pub users: std::collections::BTreeMap<Name, UserSecret>,
    pub trunks: Vec<TrunkSource>,
    pub registrar: RegistrarSettings,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listener {
    pub address: SocketAddr,
    pub transport: Transport,
    /// In the order in which they are offered (RFC 8760).
    pub algorithms: Vec<Algorithm>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    Md5,
    #[serde(rename = "sha-256")]
    Sha256,
}

/// HA1 per algorithm (RFC 7616 section 3.4.2), as lower-case hexadecimal. Never printed.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UserSecret {
    pub ha1_md5: String,
    pub ha1_sha256: String,
}

impl std::fmt::Debug for UserSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserSecret(..)")
    }
}

/// A trunk that is known by where its packets come from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkSource {
    pub name: Name,
    pub addresses: Vec<IpAddr>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegistrarSettings {
    pub min_expires: Duration,
    pub max_expires: Duration,
    pub default_expires: Duration,
    pub max_contacts: usize,
    pub nonce_life: Duration,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        RegistrarSettings {
            min_expires: Duration::from_secs(30),
            max_expires: Duration::from_secs(3600),
            default_expires: Duration::from_secs(600),
            max_contacts: 5,
            nonce_life: Duration::from_secs(120),
        }
    }
}
