//! Calls and accounts as they are told to the exchange and by it: who, where to, with what.
//!
//! Invariant: text that came from a peer is kept as it came, and is trusted by nobody; secrets are never printed.

use super::message::Uri;
use super::{DialogId, Path};
use crate::id::Name;
use crate::sdp::Description;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

#[derive(Clone, PartialEq, Debug)]
pub struct IncomingCall {
    pub source: Source,
    /// As the From header has it; for a [`Source::Extension`] the user is the one that was proved.
    pub from: Party,
    /// The user part of the request URI, unescaped: what was dialled.
    pub dialled: String,
    /// The user part of To: whom the caller meant, where the request URI names but the account that we registered.
    pub to: String,
    pub sip_call_id: String,
    pub path: Path,
    /// `None`: a delayed offer, we make it in the 200.
    pub offer: Option<Description>,
    pub user_agent: String,
    pub carried: Carried,
    /// It wants to take the place of this session of ours, which lives (RFC 3891): a pickup, or the end of a transfer.
    pub replaces: Option<DialogId>,
}

/// What a call brings with it besides its parties: the same words for calls that come and calls that we make.
///
/// Of a call that comes it is what was written, by anybody; only the exchange knows whom it believes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Carried {
    /// P-Asserted-Identity (RFC 3325): who it really is.
    pub asserted: Option<Party>,
    /// Privacy (RFC 3323): the caller's number is not to be shown. Of a call that we make: From says "anonymous".
    pub withheld: bool,
    /// Whom the call was meant for before, the last first (Diversion, RFC 5806; History-Info, RFC 7044).
    pub diversions: Vec<Diversion>,
    /// Referred-By (RFC 3892): who transferred it.
    pub referred_by: Option<Uri>,
    /// Max-Forwards: exchanges and proxies that it may still pass. A call that is passed on has one less; with none left it is
    /// refused (483).
    pub hops: u8,
}

impl Default for Carried {
    fn default() -> Carried {
        Carried { asserted: None, withheld: false, diversions: Vec::new(), referred_by: None, hops: MAX_HOPS }
    }
}

/// Where a new call begins to count (RFC 3261 section 8.1.1.6).
pub const MAX_HOPS: u8 = 70;
/// Diversions of one call that are read, and that are written.
pub const MAX_DIVERSIONS: usize = 5;

/// One forwarding on the way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Diversion {
    /// Who forwarded.
    pub party: Party,
    pub why: Diverted,
}

/// Why a call was forwarded (RFC 5806 section 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Diverted {
    Always,
    Busy,
    NoAnswer,
    Unavailable,
    /// A transfer, or another reason.
    Otherwise,
}

/// In which header a provider wants to read of diversions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiversionHeader {
    #[default]
    Diversion,
    HistoryInfo,
}

/// What a REFER asks for (RFC 3515), read and checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Referral {
    /// Whom to call, without the headers that were hidden in it.
    pub target: Uri,
    /// The user part of `target`, unescaped: what would be dialled.
    pub dialled: String,
    /// An attended transfer: bring the peer of this session of ours together with the peer of that one. It lives.
    pub replaces: Option<DialogId>,
    /// As the peer calls itself.
    pub referred_by: Option<Uri>,
    /// False when the peer does not want to be told of the progress (RFC 4488); reports are then not sent.
    pub wants_progress: bool,
}

/// What a SUBSCRIBE asks for (RFC 6665).
#[derive(Clone, PartialEq, Debug)]
pub struct Subscribing {
    pub source: Source,
    pub package: Package,
    /// The user part of the request URI, unescaped: of whom it wants to know.
    pub target: String,
    /// The request URI's host and port: what the subscriber calls the exchange.
    pub exchange: Uri,
    /// How long it is granted; zero to be told once.
    pub expires: Duration,
    pub user_agent: String,
}

/// What can be subscribed to; the body of its NOTIFY is made by the exchange.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Package {
    /// Voice mail waiting (RFC 3842): application/simple-message-summary.
    MessageSummary,
    /// Who is on the telephone, the busy lamp (RFC 4235): application/dialog-info+xml.
    Dialog,
    /// Whether an agent can be reached (RFC 3856): application/pidf+xml.
    Presence,
}

/// How a peer is asked whether it is there.
#[derive(Clone, PartialEq, Debug)]
pub struct Probing {
    /// The request URI.
    pub target: Uri,
    pub path: Path,
    /// From one probe to the next, while all is well.
    pub interval: Duration,
    /// A probe without an answer after this long is missed, and the next is made at once.
    pub patience: Duration,
}

/// How a watched peer stands. Two misses in a row make it `Down`, two answers in a row `Up` again; the first answer of all makes
/// it `Up`. Any answer counts but 408, 503 and 504.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Bearing {
    Up {
        round_trip: Duration,
    },
    /// 408 when it is silent, 503 when it cannot be reached, or what it says.
    Down {
        status: super::Status,
    },
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
    /// Where `from` is at home: the host of From and of the other identities. `None`: our own address.
    pub domain: Option<String>,
    pub to: Party,
    pub sdp: Option<Description>,
    pub credentials: Option<Credentials>,
    /// Give up (CANCEL) when there is no final answer after this long.
    pub ring: Duration,
    pub carried: Carried,
    pub diversion_header: DiversionHeader,
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
    /// Only a challenge for this realm is answered; `None`: for any, of the peer that was asked.
    pub realm: Option<String>,
}

impl Credentials {
    /// For whatever realm the peer asks for.
    pub fn new(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_string(), password: password.to_string(), realm: None }
    }

    /// True when they may be shown to whoever asks in the name of this realm.
    pub(super) fn are_for(&self, realm: Option<&str>) -> bool {
        self.realm.as_deref().is_none_or(|ours| realm == Some(ours))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"..").finish()
    }
}
