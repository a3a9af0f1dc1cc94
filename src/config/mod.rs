//! The administrator's files -> [`Config`], or the whole list of what is wrong with them.

use crate::id::Name;
use crate::time::Duration;
use crate::{ivr, sip};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Everything the exchange was told, checked: every name in it refers to something that exists.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// Weak secrets are permitted, on loopback listeners only; nothing is sent outside 127.0.0.0/8 and ::1.
    pub lab: bool,
    /// The language of callers of whom nothing else is known.
    pub language: Name,
    pub languages: Vec<Name>,
    pub sip: Arc<sip::Settings>,
    pub media: Media,
    pub limits: Limits,
    pub extensions: BTreeMap<Name, Extension>,
    pub trunks: BTreeMap<Name, Trunk>,
    /// What was dialled -> where it leads.
    pub numbers: BTreeMap<String, Destination>,
    pub flows: BTreeMap<Name, Arc<ivr::Flow>>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Media {
    /// The granted range; the even ports of it are used for RTP.
    pub first_port: u16,
    pub last_port: u16,
    /// What is written into SDP instead of the local address, for peers outside `local_networks`.
    pub external_address: Option<IpAddr>,
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
            external_address: None,
            shards: 0,
            silent_after: Duration::from_secs(5),
            codecs: vec!["PCMA".into(), "PCMU".into()],
        }
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

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Extension {
    pub name: String,
    pub language: Option<Name>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Trunk {
    pub language: Option<Name>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Destination {
    Flow(Name),
}
