//! The providers as they stand: where they are, whether they answer, whether we are registered there.
//!
//! ```text
//! start, reload -> the host's servers (SRV, else addresses; asked again every five minutes) -> OPTIONS probes; REGISTER
//!                        Down -> its next server is asked; no new calls until it answers, and those that ring there go elsewhere
//!                        Up again -> a registration that failed is tried at once
//! ```
//!
//! Invariant: a trunk is watched and registered at where its host is now, or where it was when last heard of.

use super::policy::Permit;
use super::{Action, Pbx, Purpose, Timer};
use crate::ask;
use crate::config::{Trunk, TrunkAccount, TrunkHost};
use crate::control::TrunkRow;
use crate::id::{LegId, Name};
use crate::sip::message::Uri;
use crate::sip::{Account, Bearing, Command, Ending, Network, Path, Probing, RegistrationId, Status, Transport};
use crate::time::{Duration, Moment, Now, Wall};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

const DEFAULT_PORT: u16 = 5060;
/// A host's addresses are asked for again after this; sooner when there were none.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
const LOOK_SOON: Duration = Duration::from_secs(30);
/// A server that was of no use is left in peace for so long.
const RECOVERY: Duration = Duration::from_secs(300);
/// Probes and the registration move to another server no oftener than this: under load several may say by turns that they have too much.
const FOLLOWED: Duration = Duration::from_secs(5);
/// Servers of one provider that are kept, and of an answer that are put in order.
const MAX_ADDRESSES: usize = 8;
const MAX_ANSWERS: usize = 64;
/// The longest that a probe waits for its answer.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a stop waits for registrars to let us go.
const PARTING: Duration = Duration::from_secs(2);

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Trunks {
    standing: BTreeMap<Name, Standing>,
    #[serde(with = "crate::time::pairs")]
    registrations: BTreeMap<RegistrationId, Name>,
    /// Being taken back.
    leaving: BTreeSet<RegistrationId>,
}

/// One server of a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    pub address: SocketAddr,
    /// Of its SRV record; lower is better (RFC 2782).
    pub priority: u16,
}

/// What is known of one trunk.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Standing {
    /// The first is the one that is called; soon also the one that is asked and registered at.
    places: Vec<Place>,
    /// The one that is asked and registered at, and since when.
    settled: Option<(SocketAddr, Moment)>,
    /// As whom, and where, we register: with other words it is another registration.
    registers_as: Option<[String; 3]>,
    /// When one of them was passed over last.
    passed_over: Option<Moment>,
    bearing: Option<Bearing>,
    /// Until when we are registered, or why not.
    registered: Option<Result<Wall, Status>>,
}

impl Standing {
    /// Whether another server is asked and registered at than the one that is called.
    fn is_unsettled(&self) -> bool {
        self.settled.map(|(address, _)| address) != self.places.first().map(|place| place.address)
    }

    fn turn_to_the_next(&mut self, now: Now) {
        if self.places.len() > 1 {
            self.places.rotate_left(1);
            self.passed_over = Some(now.mono);
        }
    }
}

impl Trunks {
    pub fn has_left(&self) -> bool {
        self.leaving.is_empty()
    }

    pub fn forget_leaving(&mut self) {
        self.leaving.clear();
    }

    fn registration_of(&self, trunk: &str) -> Option<RegistrationId> {
        self.registrations.iter().find(|(_, name)| &***name == trunk).map(|(id, _)| *id)
    }
}

impl Pbx {
    /// After a start and a reload: every trunk as the configuration has it now, and none that it has no more.
    pub(super) fn begin_trunks(&mut self, now: Now, out: &mut Vec<Action>) {
        let gone: Vec<Name> =
            self.trunks.standing.keys().filter(|name| !self.config.trunks.contains_key(*name)).cloned().collect();
        for name in gone {
            self.trunks.standing.remove(&name);
            self.leave_registrar(&name, now);
            self.command_sip(Command::Unwatch { peer: name }, now);
        }
        let names: Vec<Name> = self.config.trunks.keys().cloned().collect();
        for name in names {
            self.look_up(&name, now, out);
        }
    }

    /// Whether any trunk has to be found, watched or registered at: most exchanges of the simulator have none.
    pub(super) fn has_trunks_to_begin(&self) -> bool {
        let busy = |trunk: &Trunk| {
            let registers = trunk.account.as_ref().is_some_and(|account| account.register.is_some());
            let named = trunk.send_to.as_ref().is_some_and(|it| matches!(it.host, TrunkHost::Name(_)));
            trunk.probe.is_some() || registers || named
        };
        self.config.trunks.values().any(busy) || !self.trunks.standing.is_empty()
    }

    /// Where is it?
    pub(super) fn look_up(&mut self, name: &Name, now: Now, out: &mut Vec<Action>) {
        let Some(address) = self.config.trunks.get(name).and_then(|trunk| trunk.send_to.clone()) else { return };
        match address.host {
            TrunkHost::Address(host) => {
                let place = Place { address: SocketAddr::new(host, address.port.unwrap_or(DEFAULT_PORT)), priority: 0 };
                self.found(name, vec![place], now);
            }
            TrunkHost::Name(host) => {
                // With a port the host is meant itself (RFC 3263 section 4.2).
                let question = match address.port {
                    Some(_) => ask::Question::Resolve { host },
                    None => ask::Question::Servers { host },
                };
                self.ask(question, Purpose::Trunk(name.clone()), super::PATIENCE, now, out);
            }
        }
    }

    /// The answer to that, in the order in which they are to be tried.
    pub(super) fn servers_of(&mut self, name: &str, reply: ask::Reply) -> Vec<Place> {
        let address = self.config.trunks.get(name).and_then(|trunk| trunk.send_to.as_ref());
        let port = address.and_then(|address| address.port).unwrap_or(DEFAULT_PORT);
        let servers: Vec<Place> = match reply {
            ask::Reply::Addresses(hosts) => {
                hosts.into_iter().map(|host| Place { address: SocketAddr::new(host, port), priority: 0 }).collect()
            }
            ask::Reply::Servers(servers) => {
                let place = |it: &ask::Server| Place { address: it.address, priority: it.priority };
                let servers = servers.iter().take(MAX_ANSWERS).map(|it| (it.priority, it.weight, place(it)));
                self.rng.in_order(servers.collect())
            }
            _ => Vec::new(),
        };
        servers.into_iter().filter(|place| self.leads_outside(name, place.address.ip())).collect()
    }

    /// Who owns the name of a provider does not lead us to what is behind our walls: to our own host only where we listen there, to
    /// a private network only where the trunk's calls come from it.
    fn leads_outside(&self, trunk: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut listeners = self.config.sip.listeners.iter().map(|listener| listener.address.ip().to_canonical());
        let reached = |own: IpAddr| own.is_ipv4() == address.is_ipv4() && (own.is_loopback() || !address.is_loopback());
        let is_private = !address.is_loopback() && Network::private().iter().any(|network| network.contains(address));
        let is_named = || {
            let sources = self.config.sip.trunks.iter().filter(|source| &*source.name == trunk);
            sources.flat_map(|source| &source.addresses).any(|network| network.contains(address))
        };
        let leads =
            !address.is_unspecified() && !address.is_multicast() && listeners.any(reached) && (!is_private || is_named());
        if !leads {
            tracing::warn!(trunk, %address, "the trunk's name leads where no call may go");
        }
        leads
    }

    /// Where it is: empty when nobody knows, and then what was known holds.
    pub(super) fn found(&mut self, name: &Name, mut places: Vec<Place>, now: Now) {
        let Some(trunk) = self.config.trunks.get(name).cloned() else { return };
        let Some(address) = &trunk.send_to else { return };
        if matches!(address.host, TrunkHost::Name(_)) {
            let pause = if places.is_empty() { LOOK_SOON } else { LOOK_AGAIN };
            self.timers.set(Timer::Trunk(name.clone()), now.mono + pause);
        }
        if places.is_empty() {
            tracing::warn!(trunk = %name, host = %address, "the trunk's host could not be found");
            return;
        }
        places.truncate(MAX_ADDRESSES);
        let standing = self.trunks.standing.entry(name.clone()).or_default();
        let same = places.len() == standing.places.len() && places.iter().all(|place| standing.places.contains(place));
        // The same servers in another order: where we are is as good as any of its priority, and as those that were of no use until
        // they had time to recover.
        let best = places.iter().map(|place| place.priority).min();
        let is_spare = standing.places.first().map(|place| place.priority) > best;
        let moved = !same || is_spare && standing.passed_over.is_none_or(|at| now.mono.since(at) >= RECOVERY);
        if moved {
            standing.places = places;
        }
        if moved || standing.settled.is_none() || matches!(address.host, TrunkHost::Address(_)) {
            self.follow(name, &trunk, now);
        }
    }

    /// Wherever trunks are, they may be reached from another address of ours now.
    pub(super) fn unsettle_trunks(&mut self) {
        self.trunks.standing.values_mut().for_each(|standing| standing.settled = None);
    }

    /// The server that is called is asked and registered at.
    fn follow(&mut self, name: &Name, trunk: &Trunk, now: Now) {
        let standing = self.trunks.standing.entry(name.clone()).or_default();
        standing.settled = standing.places.first().map(|place| (place.address, now.mono));
        self.watch(name, trunk, now);
        self.register_at(name, trunk, now);
    }

    /// Another server may be called than the one that is asked and registered at: they become one, at once or when the last move
    /// has lasted long enough.
    pub(super) fn follow_soon(&mut self, name: &Name, now: Now) {
        let (Some(standing), Some(trunk)) = (self.trunks.standing.get(name), self.config.trunks.get(name).cloned()) else {
            return;
        };
        if !standing.is_unsettled() {
            return;
        }
        match standing.settled.map(|(_, since)| since + FOLLOWED).filter(|due| *due > now.mono) {
            Some(due) => self.timers.set(Timer::Follow(name.clone()), due),
            None => {
                // Watched anew: it is asked at once, and one answer will do.
                self.command_sip(Command::Unwatch { peer: name.clone() }, now);
                self.follow(name, &trunk, now);
            }
        }
    }

    /// A server of this trunk is of no use: from now on the next one is called, and soon asked and registered at. How many there are.
    pub(super) fn pass_over(&mut self, name: &Name, dead: IpAddr, now: Now) -> usize {
        let Some(standing) = self.trunks.standing.get_mut(name) else { return 0 };
        let places = standing.places.len();
        if standing.places.first().is_some_and(|place| place.address.ip() == dead) {
            standing.turn_to_the_next(now);
            self.follow_soon(name, now);
        }
        places
    }

    /// The way to a trunk, where it has been found.
    pub(super) fn path_to(&self, name: &str) -> Option<Path> {
        let remote = self.trunks.standing.get(name)?.places.first()?.address;
        let local = self.listener_towards(Some(remote.ip()))?;
        Some(Path { transport: Transport::Udp, local, remote, connection: None })
    }

    fn watch(&mut self, name: &Name, trunk: &Trunk, now: Now) {
        let (Some(interval), Some(address)) = (trunk.probe, &trunk.send_to) else {
            return self.command_sip(Command::Unwatch { peer: name.clone() }, now);
        };
        let Some(path) = self.path_to(name) else {
            tracing::warn!(trunk = %name, "no listener of ours reaches the trunk: none of its family, or no route");
            return;
        };
        let Ok(target) = Uri::parse(format!("sip:{address}")) else { return };
        let probing = Probing { target, path, interval, patience: PROBE_PATIENCE.min(interval) };
        self.command_sip(Command::Watch { peer: name.clone(), probing: Box::new(probing) }, now);
    }

    fn register_at(&mut self, name: &Name, trunk: &Trunk, now: Now) {
        let (Some(TrunkAccount { user, register: Some(expires), .. }), Some(credentials)) =
            (&trunk.account, self.config.accounts.get(name).cloned())
        else {
            return self.leave_registrar(name, now);
        };
        let Some(path) = self.path_to(name) else { return };
        let place = trunk.send_to.as_ref().map(ToString::to_string).unwrap_or_default();
        let account = Account {
            registrar: path,
            user: user.clone(),
            domain: trunk.domain().unwrap_or_default(),
            credentials,
            expires: *expires,
        };
        let registers_as = Some([account.user.clone(), account.domain.clone(), place]);
        let standing = self.trunks.standing.entry(name.clone()).or_default();
        if std::mem::replace(&mut standing.registers_as, registers_as.clone()) != registers_as {
            self.leave_registrar(name, now);
        }
        let registration = self.trunks.registration_of(name).unwrap_or_else(|| {
            self.next.registration += 1;
            RegistrationId(self.next.registration)
        });
        self.trunks.registrations.insert(registration, name.clone());
        self.command_sip(Command::Register { registration, account: Box::new(account) }, now);
    }

    fn leave_registrar(&mut self, name: &str, now: Now) {
        let Some(registration) = self.trunks.registration_of(name) else { return };
        self.trunks.registrations.remove(&registration);
        self.trunks.leaving.insert(registration);
        self.timers.set(Timer::Parting, now.mono + PARTING);
        self.command_sip(Command::Unregister { registration }, now);
    }

    /// The exchange is being stopped: no calls are to be sent here any more.
    pub(super) fn leave_registrars(&mut self, now: Now) {
        let names: Vec<Name> = self.trunks.registrations.values().cloned().collect();
        for name in names {
            self.leave_registrar(&name, now);
        }
    }

    /// What a registrar says.
    pub(super) fn registration(&mut self, id: RegistrationId, outcome: Result<Duration, Status>, now: Now) {
        self.trunks.leaving.remove(&id);
        let Some(name) = self.trunks.registrations.get(&id).cloned() else { return };
        let standing = self.trunks.standing.entry(name.clone()).or_default();
        let was_good = matches!(standing.registered, Some(Ok(_)));
        match outcome {
            Ok(time) => {
                standing.registered = Some(Ok(now.wall + time));
                if !was_good {
                    tracing::info!(trunk = %name, seconds = time.as_secs(), "registered at the trunk");
                }
            }
            Err(status) => {
                standing.registered = Some(Err(status));
                tracing::warn!(trunk = %name, status = status.0, "the trunk does not register us");
            }
        }
    }

    /// A trunk that is watched answers, or does so no longer.
    pub(super) fn bearing(&mut self, name: &Name, bearing: Bearing, now: Now, out: &mut Vec<Action>) {
        if !self.config.trunks.contains_key(name) {
            return;
        }
        if self.trunks.standing.get(name).is_some_and(Standing::is_unsettled) {
            // What became of a server that is called no more.
            return;
        }
        let before = self.trunks.standing.entry(name.clone()).or_default().bearing.replace(bearing);
        match bearing {
            Bearing::Up { .. } if matches!(before, Some(Bearing::Up { .. })) => {}
            Bearing::Up { round_trip } => {
                tracing::info!(trunk = %name, ms = round_trip.as_millis(), "the trunk answers");
                self.policy.trunk_is(name, true);
                if let Some(registration) = self.trunks.registration_of(name) {
                    self.command_sip(Command::Reregister { registration }, now);
                }
            }
            Bearing::Down { status } => {
                tracing::warn!(trunk = %name, status = status.0, "the trunk does not answer");
                self.policy.trunk_is(name, false);
                self.watch_next_place(name, now);
                self.go_elsewhere(name, now, out);
            }
        }
    }

    /// A provider whose server is silent is asked at its next one, and registered there, at once: probes are no storm.
    fn watch_next_place(&mut self, name: &Name, now: Now) {
        let Some(standing) = self.trunks.standing.get_mut(name).filter(|standing| standing.places.len() > 1) else { return };
        standing.turn_to_the_next(now);
        standing.settled = None;
        self.follow_soon(name, now);
    }

    /// Calls that ring at a trunk that is down ring at the next one.
    fn go_elsewhere(&mut self, name: &Name, now: Now, out: &mut Vec<Action>) {
        let there = |permit: &Permit| permit.trunk() == Some(name);
        let rings = |leg: &super::call::Leg| leg.attempt.is_some() && leg.permit.as_deref().is_some_and(there);
        let ringing: Vec<LegId> = self.legs.values().filter(|leg| rings(leg)).map(|leg| leg.id).collect();
        for leg in ringing {
            self.phone_ended(leg, &Ending::Timeout, now, out);
        }
    }

    pub(super) fn trunk_rows(&self, now: Now) -> Vec<TrunkRow> {
        self.config.trunks.iter().map(|(name, trunk)| self.trunk_row(name, trunk, now)).collect()
    }

    fn trunk_row(&self, name: &Name, trunk: &Trunk, now: Now) -> TrunkRow {
        let standing = self.trunks.standing.get(name).cloned().unwrap_or_default();
        let view = self.policy.trunk_view(name, now);
        let state = match standing.bearing {
            _ if trunk.send_to.is_none() => "inbound",
            _ if view.down => "down",
            _ if view.resting => "resting",
            Some(Bearing::Up { .. }) => "up",
            _ => "not watched",
        };
        let registered = match (&trunk.account, standing.registered) {
            (Some(TrunkAccount { register: Some(_), .. }), Some(Ok(until))) if until > now.wall => "registered".into(),
            (Some(TrunkAccount { register: Some(_), .. }), Some(Err(status))) => format!("refused {}", status.0),
            (Some(TrunkAccount { register: Some(_), .. }), _) => "not yet".into(),
            _ => "-".into(),
        };
        TrunkRow {
            name: name.to_string(),
            send_to: trunk.send_to.as_ref().map(ToString::to_string).unwrap_or_default(),
            address: standing.places.first().map(|place| place.address.to_string()).unwrap_or_default(),
            state: state.into(),
            round_trip_ms: match standing.bearing {
                Some(Bearing::Up { round_trip }) => u64::try_from(round_trip.as_millis()).ok(),
                _ => None,
            },
            registered,
            calls: view.calls,
            max_calls: trunk.limits.calls,
            begun: view.begun,
        }
    }
}
