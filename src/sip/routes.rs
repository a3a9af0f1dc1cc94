//! Which of this machine's addresses others are reached from.
//!
//! Invariant: the longest prefix counts, as in the kernel.

use super::Network;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The machine's routes, as far as they matter.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Routes(pub Vec<Route>);

/// What is sent to this network leaves from this address of ours.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Route {
    pub to: Network,
    pub from: IpAddr,
}

impl Routes {
    /// The longest prefix counts.
    pub fn source(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        let fitting = self.0.iter().filter(|route| route.to.contains(peer) && route.from.is_ipv4() == peer.is_ipv4());
        fitting.max_by_key(|route| route.to.bits).map(|route| route.from)
    }

    /// For whoever is not known yet: the way into the world.
    pub fn usual(&self, ipv4: bool) -> Option<IpAddr> {
        let ours = || self.0.iter().filter(|route| route.from.is_ipv4() == ipv4);
        let abroad = ours().filter(|route| !route.from.is_loopback()).min_by_key(|route| route.to.bits);
        abroad.or_else(|| ours().next()).map(|route| route.from)
    }
}
