//! What the user agent is told of the configuration.
//!
//! Invariant: nothing here changes while it is used; a new configuration is a new value.

use super::{Network, Path, Transport};
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// What the user agent needs to know of the configuration.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    pub realm: String,
    pub listeners: Vec<Listener>,
    /// Secrets by user; looked at only through digest.
    pub users: std::collections::BTreeMap<Name, UserSecret>,
    pub trunks: Vec<TrunkSource>,
    pub registrar: RegistrarSettings,
    pub session: SessionTimers,
    pub told: Told,
}

/// What peers are told of where we are: in Via, Contact, From and SDP.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Behind address translation: our address as peers outside see it.
    pub external: Option<IpAddr>,
    /// Where our own address is the right one.
    pub inside: Vec<Network>,
}

impl Told {
    /// Our address for a peer that is there, who is reached from `local`.
    pub fn ip(&self, local: IpAddr, peer: IpAddr) -> IpAddr {
        let local = local.to_canonical();
        match self.external {
            Some(external) if external.is_ipv4() == local.is_ipv4() && !self.is_inside(peer) => external,
            _ => local,
        }
    }

    /// The same with the port of the listener.
    pub fn address(&self, path: &Path) -> SocketAddr {
        SocketAddr::new(self.ip(path.local.ip(), path.remote.ip()), path.local.port())
    }

    fn is_inside(&self, peer: IpAddr) -> bool {
        self.inside.iter().any(|network| network.contains(peer))
    }
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

impl UserSecret {
    /// Whether both may be of one password.
    pub fn agrees_with(&self, other: &UserSecret) -> bool {
        let agree = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
        agree(&self.ha1_md5, &other.ha1_md5) && agree(&self.ha1_sha256, &other.ha1_sha256)
    }
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
    /// Disjoint with one another and with those of other trunks.
    pub addresses: Vec<Network>,
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

/// Session timers (RFC 4028): a call whose peer has vanished without a word ends by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionTimers {
    /// What we ask for; zero switches our side off, and a peer's wish is still respected.
    pub interval: Duration,
    /// The least that we accept; less is answered 422. Never under 90 s (RFC 4028 section 4).
    pub min: Duration,
}

impl Default for SessionTimers {
    fn default() -> Self {
        SessionTimers { interval: Duration::from_secs(1800), min: Duration::from_secs(90) }
    }
}
