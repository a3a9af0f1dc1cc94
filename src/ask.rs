//! Questions to the world, and their answers.
//!
//! What the core cannot know it asks: an [`Ask`] goes out, an [`Answer`] with the same id comes back, at most once. The core
//! keeps the deadline, so an answer that never comes is an answer too. Invariant: an answer to a question that is no longer
//! open is ignored.

use crate::id::{AskId, Name};
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use zeroize::Zeroize;

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
    /// Where a domain's SIP is served (RFC 3263 section 4.2): by its SRV records, else at the host's own addresses;
    /// [`Reply::Servers`].
    Servers { host: String },
    /// One exchange with a web service, retries included; [`Reply::Http`].
    Http(HttpRequest),
    /// Who has this telephone number, written as the numbering plan writes it; [`Reply::Customer`].
    LookupCustomer { number: String },
    /// Is this the customer's PIN; [`Reply::Pin`]. Attempts are counted by whoever answers, per customer and per calling number.
    VerifyPin(PinCheck),
}

/// JSON over HTTP: what is asked is a GET, or a POST with a JSON body; what comes back is read as JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HttpRequest {
    pub url: String,
    /// `None`: GET; `Some`: POST this as JSON.
    pub body: Option<serde_json::Value>,
    /// The configured service whose headers (secrets among them) are added; `None` when the host's own are meant.
    pub service: Option<Name>,
    /// For one attempt.
    pub timeout: Duration,
    /// Further attempts when there was no answer, or a 5xx one.
    pub retries: u32,
}

/// The digits of a customer who says who they are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PinCheck {
    /// The customer's id as they typed it, or as it is known already.
    pub customer: Digits,
    pub pin: Digits,
    /// The calling number; empty when it is withheld: then only the call itself is counted.
    pub caller: String,
    /// After so many wrong ones in a row ...
    pub tries: u32,
    /// ... the customer and the calling number are locked for so long.
    pub lock: Duration,
}

/// Digits that a caller typed and nobody may read: they are printed as stars, and are not written down with the rest of the state.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Digits(#[serde(skip)] String);

impl Digits {
    pub fn new(digits: String) -> Digits {
        Digits(digits)
    }

    /// Only for whoever compares them.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    pub id: AskId,
    pub reply: Reply,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    Addresses(Vec<IpAddr>),
    Servers(Vec<Server>),
    /// Any answer of the service, whatever its status; no answer at all is `Failed`.
    Http(HttpReply),
    /// The customer, or nobody.
    Customer(Option<Customer>),
    Pin(PinVerdict),
    /// Could not be answered; the text finishes the sentence "because ...".
    Failed(String),
}

/// One place where a domain is served: lower priorities are tried first, higher weights oftener (RFC 2782).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Server {
    pub priority: u16,
    pub weight: u16,
    pub address: SocketAddr,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HttpReply {
    pub status: u16,
    /// `null` when there was none, or it was not JSON.
    pub body: serde_json::Value,
}

/// What is known of a customer. Every text may be empty.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Customer {
    /// The number that they type to say who they are.
    pub id: String,
    pub name: String,
    /// What they are worth, in whatever unit the administrator counts.
    pub value: f64,
    pub language: String,
    pub preferred_agent: String,
    /// Calls in the last 24 hours, and the last key chosen in a menu.
    pub recent_calls: u32,
    pub last_choice: String,
    /// Whatever else the record holds.
    pub fields: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum PinVerdict {
    Accepted(Customer),
    /// No such customer, or not their PIN: nobody is told which.
    Refused,
    /// No such customer. Whoever counts attempts knows; flows are told `Refused`.
    Nobody,
    /// Too many wrong ones; the right one would be refused too.
    Locked,
}
