//! Which of this machine's addresses a peer is reached from: what we tell it of ourselves has to be that one.
//!
//! Invariant: of a wildcard listener nobody is told; the peer hears of an address that its packets can come to.

use super::Pbx;
use crate::sip::{Routes, Transport};
use crate::time::Now;
use std::net::{IpAddr, SocketAddr};

impl Pbx {
    /// The machine has other addresses, or other ways, than before.
    pub(super) fn rerouted(&mut self, routes: Routes, now: Now) {
        if self.routes != routes {
            self.routes = routes;
            self.unsettle_trunks();
            self.soon_begin_trunks(now);
        }
    }

    /// Where what we send to a peer by UDP leaves: the listener at the address that its route begins at, else a wildcard one, else
    /// any of its family. `None` for `peer`: its name is yet to be resolved.
    pub(super) fn listener_towards(&self, peer: Option<IpAddr>) -> Option<SocketAddr> {
        let udp = || self.config.sip.listeners.iter().filter(|it| it.transport == Transport::Udp).map(|it| it.address);
        let of_family = |ipv4: bool| udp().filter(move |local| local.is_ipv4() == ipv4);
        let ipv4 = peer.map_or_else(|| of_family(true).next().is_some(), |peer| peer.to_canonical().is_ipv4());
        let source = peer.map_or_else(|| self.routes.usual(ipv4), |peer| self.routes.source(peer));
        let exactly = of_family(ipv4).find(|local| Some(local.ip()) == source);
        let wildcard = || of_family(ipv4).find(|local| local.ip().is_unspecified());
        let by_wildcard = || Some(SocketAddr::new(source?, wildcard()?.port()));
        exactly.or_else(by_wildcard).or_else(|| of_family(ipv4).find(|local| !local.ip().is_unspecified()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Rng;
    use crate::sip::{Listener, Route};
    use crate::time::{Moment, Wall};
    use std::sync::Arc;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn routes() -> Routes {
        let route = |(to, from): (&str, &str)| Route { to: to.parse().expect("a network"), from: address(from) };
        let table = [
            ("0.0.0.0/0", "10.9.1.2"),
            ("10.9.1.0/24", "10.9.1.2"),
            ("172.30.0.0/16", "172.30.1.2"),
            ("172.30.7.0/24", "10.9.1.2"),
            ("127.0.0.0/8", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8::2"),
        ];
        Routes(table.map(route).to_vec())
    }

    #[test]
    fn a_peer_is_reached_from_the_address_that_its_route_begins_at() {
        let check = |listeners: &[&str], peer: Option<&str>, expected: Option<&str>| {
            let listener = |text: &&str| Listener {
                address: text.parse().expect("an address"),
                transport: Transport::Udp,
                algorithms: Vec::new(),
            };
            let settings = crate::sip::Settings { listeners: listeners.iter().map(listener).collect(), ..Default::default() };
            let config = crate::config::Config { sip: Arc::new(settings), ..Default::default() };
            let now = Now { mono: Moment::ZERO, wall: Wall::from_unix_nanos(0) };
            let mut pbx = Pbx::new(Arc::new(config), 1, Rng::from_seed(1), now);
            pbx.rerouted(routes(), now);
            let found = pbx.listener_towards(peer.map(address)).map(|local| local.to_string());
            assert_eq!(found.as_deref(), expected, "{peer:?} by {listeners:?}");
        };
        let wildcard = ["0.0.0.0:5060"];
        check(&wildcard, Some("198.51.100.7"), Some("10.9.1.2:5060"));
        check(&wildcard, Some("172.30.1.9"), Some("172.30.1.2:5060"));
        check(&wildcard, Some("172.30.7.9"), Some("10.9.1.2:5060"));
        check(&wildcard, Some("127.0.0.5"), Some("127.0.0.1:5060"));
        check(&wildcard, Some("::ffff:172.30.1.9"), Some("172.30.1.2:5060"));
        check(&wildcard, None, Some("10.9.1.2:5060"));
        check(&wildcard, Some("2001:db8::9"), None);
        let two = ["10.9.1.2:5060", "172.30.1.2:5070", "[::]:5060"];
        check(&two, Some("172.30.1.9"), Some("172.30.1.2:5070"));
        check(&two, Some("198.51.100.7"), Some("10.9.1.2:5060"));
        check(&two, Some("2001:db8::9"), Some("[2001:db8::2]:5060"));
        // No way there: it may come to be.
        check(&["[::]:5060"], Some("2001:dead::9"), None);
        check(&["192.0.2.1:5060"], Some("172.30.1.9"), Some("192.0.2.1:5060"));
    }
}
