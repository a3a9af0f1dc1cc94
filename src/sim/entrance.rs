//! How people come into a world: where they are, what their phone knows, what they mean to do.
//!
//! Invariant: nobody enters once the world has begun.

use super::caller::{Attempt, Identity, Life, Person, Quirk};
use super::world::{Happening, World};
use crate::id::Rng;
use crate::phone::{self, Phone};
use crate::sip::{Credentials, Path};
use crate::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the exchange is, for those who speak IPv4.
pub const EXCHANGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060);
/// And for those who speak IPv6.
pub const EXCHANGE_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 5060);
/// What its name is, to those who ask.
pub const EXCHANGE_NAME: &str = "exchange.example";
/// Nobody waits longer than this for anything after dialling; longer than the exchange lets a call last.
pub const PATIENCE: Duration = Duration::from_secs(200);
/// Who is asked before a call is changed thinks for so long: past the moment at which the other side is told to be patient.
const CONSIDERS: Duration = Duration::from_secs(5);

impl World {
    pub(super) fn admit(&mut self, life: Life) {
        let who = self.people.len();
        let index = u8::try_from(who).unwrap_or(u8::MAX);
        let (host, user, credentials) = match &life.identity {
            Identity::Extension { user, password } => {
                let credentials = Credentials::new(user, password);
                (IpAddr::from(Ipv4Addr::LOCALHOST), user.clone(), Some(credentials))
            }
            Identity::Trunk { number } if life.speaks_ipv6 => (Ipv6Addr::LOCALHOST.into(), number.clone(), None),
            Identity::Desk { user, address } => (address.ip(), user.clone(), None),
            Identity::Trunk { number } => (Ipv4Addr::new(127, 0, 0, 2 + index % 2).into(), number.clone(), None),
        };
        let exchange = if host.is_ipv6() { EXCHANGE_V6 } else { EXCHANGE };
        let address = match life.identity {
            Identity::Desk { address, .. } => address,
            _ => SocketAddr::from((host, 20_000 + 100 * u16::from(index))),
        };
        let settings = phone::Settings {
            exchange: Path { transport: life.transport, local: address, remote: exchange, connection: None },
            user,
            display: format!("Caller {who}"),
            domain: if life.follows_domain { EXCHANGE_NAME.into() } else { host_of(exchange) },
            follows_domain: life.follows_domain,
            credentials,
            expires: life.expires,
            ring: PATIENCE,
            considers: if life.calls.iter().any(|plan| plan.quirk == Quirk::Steered) { CONSIDERS } else { Duration::ZERO },
        };
        self.by_address.insert(address, who);
        self.people.push(Person {
            phone: Phone::new(settings, Rng::from_seed(self.seed ^ (0xca11 + who as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            address,
            connection: None,
            attempts: life.calls.iter().cloned().map(Attempt::new).collect(),
            received: Vec::new(),
            dialling: None,
            vanished: false,
            died: false,
            registered: false,
            life,
        });
        self.plan_acts(who);
    }

    /// What happens to the exchange itself.
    pub(super) fn foresee_disturbances(&mut self) {
        let start = self.clock.mono();
        if let Some(at) = self.circumstances.stops {
            self.agenda.enter(start + at, Happening::Stop);
        }
        if let Some((at, seconds)) = self.circumstances.clock_set {
            self.agenda.enter(start + at, Happening::ClockSet { seconds });
        }
    }

    /// A cut that lasts longer than the exchange waits for audio silences every leg that passes through it.
    pub(super) fn foresee_silences(&mut self) {
        let patience = self.circumstances.config.media.silent_after;
        for cut in self.network.cuts().to_vec() {
            let noticed = cut.from + patience;
            if noticed >= cut.until {
                continue;
            }
            for person in &self.people {
                if cut.whom.is_some_and(|whom| whom != person.address) {
                    continue;
                }
                for from in person.audio_ports() {
                    self.agenda.enter(noticed, Happening::Silence { from, silent: true });
                    self.agenda.enter(cut.until, Happening::Silence { from, silent: false });
                }
            }
        }
    }
}

/// An address as the host part of a URI: IPv6 stands in brackets (RFC 3261 section 19.1.1).
pub(super) fn host_of(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
