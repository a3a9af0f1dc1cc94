//! The administrator's files -> [`Config`], or the whole list of what is wrong with them.
//!
//! ```text
//!   config/*.yaml --sections--> each section's own reader --+
//!   ivr-flows/*.yaml --ivr::Flow::read----------------------+--> Config, or every Fault with its place
//!   sounds/<language>/*.wav (names) ------------------------+
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `sources` | what the shell has read, where it is to read it, and what the command line overrides |
//! | `sections` | all sections of all files, told apart |
//! | `general` | lab, languages, media, storage, logging, limits |
//! | `signalling` | listeners and registrar: what SIP must know |
//! | `trunks`, `extensions` | the providers; the phones of the house |
//! | `number` | what may be dialled, E.164, classes of numbers |
//! | `written` | numbers as people and providers write them |
//! | `outbound`, `night` | who may call whom outside, by which trunks, when |
//! | `services` | ring groups, parking, feature codes |
//! | `secrets` | `${file:...}` and `${env:...}`; HA1 |
//! | `numbers` | what was dialled -> where it leads |
//! | `queues`, `agents` | queues and families of them; agents |
//! | `routing`, `staffing`, `doubts` | how a queue decides; queues and agents judged together; what is no mistake and looks like one |
//! | `families` | queues that are made as they are dialled |
//! | `hosts` | the web services that flows may ask |
//! | `webhooks` | who is told of calls while they happen |
//! | `calendars` | when the company is open |
//! | `mailboxes` | where messages are left |
//! | `day` | a day to be simulated; the exchange itself passes over it |
//! | `dialling` | forwards that lead nowhere, numbers that hide one another |
//! | `difference` | what a new configuration changes |
//! | `load` | all of it together |
//!
//! Invariant: every name in a [`Config`] refers to something that exists, and no password is in it.

mod agents;
mod calendars;
mod day;
mod dialling;
mod difference;
mod doubts;
mod extensions;
mod families;
mod general;
mod hosts;
mod load;
mod mailboxes;
mod night;
mod number;
mod numbers;
mod outbound;
mod queues;
mod routing;
mod secrets;
mod sections;
mod services;
mod shape;
mod signalling;
mod sources;
mod staffing;
mod trunks;
mod webhooks;
mod written;

pub use crate::sip::Network;
pub use day::{Day, Shift, Traffic};
pub use difference::{difference, of_maps};
pub use extensions::{Extension, Forward};
pub use families::{Family, MAX_FAMILIES, MAX_FAMILY_DIGITS, MAX_MADE};
pub use hosts::{WebHost, WebHosts};
pub use load::load;
pub use night::Night;
pub use number::{Class, MAX_DIALLED, Number, Plan, is_dialable};
pub use outbound::{Allowance, Outbound, Via};
pub use secrets::{Elsewhere, MIN_SECRET, SecretRef, secret_references};
pub use sections::SECTIONS;
pub use services::{Code, InTurn, Parking, RingGroup, Services, When};
pub use shape::{Shape, shapes};
pub use sources::{Folders, MAX_FILES, Overrides, Sources, folder_place, folders};
pub use trunks::{Form, Identity, Trunk, TrunkAccount, TrunkAddress, TrunkHost, TrunkLimits};
pub use webhooks::{Webhook, Webhooks};

pub use crate::calendar::MAX_ICAL;
use crate::fault::Fault;
use crate::id::Name;
use crate::sip::message::Uri;
pub use crate::speech::FILE as SPEECH_FILE;
use crate::time::Duration;
use crate::{acd, calendar, ivr, sip, speech};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything the exchange was told, checked: every name in it refers to something that exists.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// Weak secrets are permitted, on loopback listeners only; nothing is sent outside 127.0.0.0/8 and ::1.
    pub lab: bool,
    /// The language of callers of whom nothing else is known.
    pub language: Name,
    pub languages: Vec<Name>,
    /// The time zone in which flows tell the time (IANA).
    pub zone: Name,
    pub folders: Folders,
    /// Never written down with the rest: it holds secrets. Whoever reads the exchange back gives it its configuration again.
    #[serde(skip)]
    pub sip: Arc<sip::Settings>,
    pub media: Media,
    pub storage: Storage,
    pub logging: Logging,
    pub limits: Limits,
    pub extensions: BTreeMap<Name, Extension>,
    pub trunks: BTreeMap<Name, Trunk>,
    /// Who we are to each provider that wants to know. Never written down with the rest, as `sip`.
    #[serde(skip)]
    pub accounts: Arc<BTreeMap<Name, sip::Credentials>>,
    pub outbound: Outbound,
    pub services: Services,
    /// Queues and their agents as the queue engine is to know them; those of families once they were dialled.
    pub acd: Arc<acd::Settings>,
    /// What the callers of each queue of `acd` are given while they wait.
    pub queues: BTreeMap<Name, Queue>,
    /// Where each agent of `acd` is rung.
    pub agents: BTreeMap<Name, Agent>,
    pub families: Vec<Family>,
    /// The web services that flows may ask. Never written down with the rest: secrets are among it.
    #[serde(skip)]
    pub hosts: Arc<WebHosts>,
    /// Who is told of calls. Never written down with the rest, as `hosts`.
    #[serde(skip)]
    pub webhooks: Arc<Webhooks>,
    pub calendars: BTreeMap<Name, Arc<calendar::Calendar>>,
    /// How each language says numbers, dates and money; those that have a `speech.yaml`.
    pub speech: BTreeMap<Name, Arc<speech::Language>>,
    /// Where callers leave messages.
    pub mailboxes: BTreeMap<Name, Mailbox>,
    /// What was dialled -> where it leads, as written; [`Config::destination`] knows the rest.
    pub numbers: BTreeMap<String, Destination>,
    pub flows: BTreeMap<Name, Arc<ivr::Flow>>,
    /// What is doubtful, but no reason not to start.
    pub warnings: Vec<Fault>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Media {
    /// The granted range; the even ports of it are used for RTP.
    pub first_port: u16,
    pub last_port: u16,
    /// Media threads; 0 means one per core but one.
    pub shards: u16,
    /// A leg that receives nothing for this long is reported silent.
    pub silent_after: Duration,
    /// Codecs in the order we prefer them: "PCMA", "PCMU".
    pub codecs: Vec<String>,
}

impl Default for Media {
    fn default() -> Self {
        Media {
            first_port: 16384,
            last_port: 32767,
            shards: 0,
            silent_after: Duration::from_secs(5),
            codecs: vec!["PCMA".into(), "PCMU".into()],
        }
    }
}

/// How the store keeps what happens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Storage {
    /// Writes are gathered for at most this long before they are committed together.
    pub commit_window: Duration,
}

impl Default for Storage {
    fn default() -> Self {
        Storage { commit_window: Duration::from_millis(100) }
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Logging {
    /// "error", "warn", "info", "debug" or "trace"; the environment's `RUST_LOG` goes before it.
    pub level: String,
}

impl Default for Logging {
    fn default() -> Self {
        Logging { level: "info".into() }
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Calls at once; one more is refused with 503 and Retry-After.
    pub calls: usize,
    /// The longest a call may last.
    pub call_duration: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { calls: 4000, call_duration: Duration::from_secs(4 * 3600) }
    }
}

/// What the callers of a queue are given while they wait; how they are served is in `acd`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Queue {
    /// The sound that goes round while they wait.
    pub music: Name,
    /// The calendar that says when the queue is open; always, without one.
    pub hours: Option<Name>,
}

/// The sounds with which a waiting caller is told their place (`queue-position-1` to `queue-position-10`, `queue-position-more`) and the
/// expected wait in minutes (`queue-wait-1` ... `queue-wait-60`, `queue-wait-more`): whole sentences, so that each language says
/// them in its own grammar.
pub const POSITION_PROMPT: &str = "queue-position-";
pub const WAIT_PROMPT: &str = "queue-wait-";
pub const MOST_POSITION: usize = 10;
pub const MOST_MINUTES: u64 = 60;

/// The music of whoever is on hold, and of queues that name no other.
pub const HOLD_MUSIC: &str = "hold-music";

impl Default for Queue {
    fn default() -> Self {
        Queue { music: HOLD_MUSIC.into(), hours: None }
    }
}

/// Where messages are left.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Mailbox {
    /// Whose it is, for people to read.
    pub name: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agent {
    pub phone: Phone,
}

/// Where somebody is rung.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Phone {
    /// At the phones registered for this extension.
    Extension(Name),
    /// At this URI, whose host is an address; nobody watches whether it is there.
    Address(Uri),
    /// At this telephone, through a trunk; who answers presses 1, lest a voice mailbox takes the caller.
    Telephone(Number),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Destination {
    Flow(Name),
    /// Rings the phones of this extension.
    Extension(Name),
    /// Straight into this queue. It may be one of a family that is yet to be made ([`Config::instantiate`]).
    Queue(Name),
    /// Rings the members of this group.
    Group(Name),
    /// To this user at the trunk's `send_to`; for callers from outside only where it is `open` to them.
    Trunk {
        trunk: Name,
        user: String,
        open: bool,
    },
}

impl Config {
    /// Where a dialled number leads: as the administrator wrote it, else to the extension of that name, else to the queue of a
    /// family.
    pub fn destination(&self, dialled: &str) -> Option<Destination> {
        if let Some(destination) = self.numbers.get(dialled) {
            return Some(destination.clone());
        }
        if let Some((extension, _)) = self.extensions.get_key_value(dialled) {
            return Some(Destination::Extension(extension.clone()));
        }
        self.family(dialled).map(|_| Destination::Queue(dialled.into()))
    }
}
