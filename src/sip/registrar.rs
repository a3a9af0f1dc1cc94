//! The registrar: where each extension's phones are (RFC 3261 section 10.3).
//!
//! A binding keeps the way to its phone: behind a NAT, or over a stream, the one that its REGISTER came. Phones register
//! again and again to say nothing new: that is told only when less than half of the time is left that was told last, so a phone
//! that comes twice in its time is never forgotten over a restart, and most of its coming costs no write. Invariant: a user has at
//! most `max_contacts` bindings, no two for the same URI, and every binding has a timer.

use super::message::{Contact, NameAddr, Params, Uri};
use super::paths::default_port;
use super::{Binding, ConnectionId, Event, Output, Path, RegistrarSettings, Status};
use crate::id::Name;
use crate::time::{Duration, Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Registrar {
    users: BTreeMap<Name, Vec<Kept>>,
    /// Which users have bindings over which stream.
    by_connection: BTreeSet<(ConnectionId, Name)>,
    /// By the binding's number first, which is quicker to compare than a name.
    timers: Timers<(u64, Name)>,
    next: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    id: u64,
    binding: Binding,
    /// The Contact's own parameters, which are given back as they came.
    params: Params,
    /// Until when the binding lasts as it was told last: what is known of it after a restart.
    told: Moment,
}

/// What one REGISTER asks for, read from its headers.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    pub user: &'a Name,
    pub contacts: &'a [Contact],
    pub star: bool,
    /// Seconds of the Expires header.
    pub expires: Option<u32>,
    pub sip_call_id: &'a str,
    pub cseq: u32,
    pub path: Path,
    /// Somebody on the way has changed the port that the request came from.
    pub is_translated: bool,
    pub user_agent: &'a str,
}

impl Registration<'_> {
    /// How the phone is called: where its Contact says (RFC 3261 section 16.6). One behind a NAT does not know where it is, and a
    /// stream is there already: those are called the way that the request came.
    fn way_to(&self, contact: &Uri) -> Path {
        let here = contact.ip().is_some_and(|host| host.to_canonical() == self.path.remote.ip().to_canonical());
        if self.path.transport.is_reliable() || self.is_translated || !here {
            return self.path;
        }
        let port = contact.port().unwrap_or_else(|| default_port(self.path.transport));
        Path { remote: SocketAddr::new(self.path.remote.ip(), port), ..self.path }
    }
}

impl Registrar {
    pub fn bindings(&self, user: &str) -> impl Iterator<Item = &Binding> {
        self.users.get(user).into_iter().flatten().map(|kept| &kept.binding)
    }

    /// How the phone with this Contact is reached now.
    pub fn way_to(&self, user: &str, contact: &Uri) -> Option<Path> {
        self.bindings(user).find(|binding| binding.contact.same_as(contact)).map(|binding| binding.path)
    }

    pub fn all(&self) -> impl Iterator<Item = &Binding> {
        self.users.values().flatten().map(|kept| &kept.binding)
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Does all that the request asks for or, when it cannot, nothing.
    pub fn register(
        &mut self,
        asked: Registration<'_>,
        settings: &RegistrarSettings,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), Status> {
        if asked.star {
            if asked.expires != Some(0) || !asked.contacts.is_empty() {
                return Err(Status(400));
            }
            let old: Vec<u64> = self.kept(asked.user).map(|kept| kept.id).collect();
            if self.kept(asked.user).any(|kept| is_late(kept, asked)) {
                return Err(Status(500));
            }
            for id in old {
                self.unbind(asked.user, id, out);
            }
            return Ok(());
        }
        let mut lives = Vec::with_capacity(asked.contacts.len());
        for contact in asked.contacts {
            if !contact.uri.is_sip() {
                return Err(Status(400));
            }
            if self.kept(asked.user).any(|kept| kept.binding.contact.same_as(&contact.uri) && is_late(kept, asked)) {
                return Err(Status(500));
            }
            lives.push(life(contact.expires().or(asked.expires), settings)?);
        }
        for (contact, life) in asked.contacts.iter().zip(lives) {
            let old = self.kept(asked.user).find(|kept| kept.binding.contact.same_as(&contact.uri)).map(|kept| kept.id);
            match (life, old) {
                (None, Some(id)) => self.unbind(asked.user, id, out),
                (None, None) => {}
                (Some(life), old) => self.bind(asked, contact, life, old, settings.max_contacts, now, out),
            }
        }
        Ok(())
    }

    /// All bindings of a user as Contacts, each with the seconds that remain (RFC 3261 section 10.3, step 8).
    pub fn contacts(&self, user: &Name, now: Moment) -> Vec<NameAddr> {
        let contact = |kept: &Kept| {
            let deadline = self.timers.deadline(&(kept.id, user.clone())).unwrap_or(now);
            let seconds = deadline.since(now).as_millis().div_ceil(1000);
            let mut contact = NameAddr::new(kept.binding.contact.clone());
            contact.params = kept.params.clone();
            contact.with_param("expires", &seconds.to_string())
        };
        self.kept(user).map(contact).collect()
    }

    /// Bindings that the store kept over a restart. Those that have expired meanwhile are left out; nothing is announced.
    pub fn restore(&mut self, bindings: Vec<Binding>, max_contacts: usize, now: Now) {
        for mut binding in bindings {
            // The stream, if there was one, did not survive.
            binding.path.connection = None;
            let left = binding.expires.since(now.wall);
            let there = self.bindings(&binding.user).count();
            if left > Duration::ZERO && there < max_contacts {
                self.keep(binding, Params::new(), now.mono + left);
            }
        }
    }

    /// Whoever is no user any more has no phones here.
    pub fn forget_strangers(&mut self, is_known: impl Fn(&Name) -> bool, out: &mut Vec<Output>) {
        let strangers = self.users.iter().filter(|(user, _)| !is_known(user));
        let theirs: Vec<(Name, u64)> =
            strangers.flat_map(|(user, list)| list.iter().map(|kept| (user.clone(), kept.id))).collect();
        for (user, id) in theirs {
            self.unbind(&user, id, out);
        }
    }

    /// A stream has closed: the bindings stay, only their way is no longer that stream.
    pub fn disconnected(&mut self, connection: ConnectionId) {
        let from = (connection, Name::from(""));
        let users: Vec<Name> = self
            .by_connection
            .range(from..)
            .take_while(|(other, _)| *other == connection)
            .map(|(_, user)| user.clone())
            .collect();
        for user in users {
            for kept in self.users.get_mut(&user).into_iter().flatten() {
                if kept.binding.path.connection == Some(connection) {
                    kept.binding.path.connection = None;
                }
            }
            self.by_connection.remove(&(connection, user));
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Removes one binding that has expired; false when none has.
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Output>) -> bool {
        let Some((id, user)) = self.timers.pop(now) else { return false };
        self.unbind(&user, id, out);
        true
    }

    fn kept(&self, user: &Name) -> impl Iterator<Item = &Kept> {
        self.users.get(user).into_iter().flatten()
    }

    #[allow(clippy::too_many_arguments)]
    fn bind(
        &mut self,
        asked: Registration<'_>,
        contact: &Contact,
        life: Duration,
        old: Option<u64>,
        max_contacts: usize,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let binding = Binding {
            user: asked.user.clone(),
            contact: contact.uri.clone(),
            path: asked.way_to(&contact.uri),
            expires: now.wall + life,
            user_agent: asked.user_agent.to_string(),
            sip_call_id: asked.sip_call_id.to_string(),
            cseq: asked.cseq,
        };
        let mut params = contact.params.clone();
        params.remove("expires");
        let deadline = now.mono + life;
        let Some(kept) = old.and_then(|id| self.last(asked.user, id)) else {
            let oldest = self.kept(asked.user).next().map(|kept| kept.id);
            let is_full = self.kept(asked.user).count() >= max_contacts.max(1);
            if let Some(oldest) = oldest.filter(|_| is_full) {
                self.unbind(asked.user, oldest, out);
            }
            out.push(Output::Event(Event::Bound { binding: binding.clone() }));
            return self.keep(binding, params, deadline);
        };
        let is_same = is_same_phone(&kept.binding, &binding);
        if !is_same || kept.told > deadline || kept.told.since(now.mono) * 2 < life {
            kept.told = deadline;
            let binding = binding.clone();
            out.push(Output::Event(if is_same { Event::Renewed { binding } } else { Event::Bound { binding } }));
        }
        let (id, before, connection) = (kept.id, kept.binding.path.connection, binding.path.connection);
        (kept.binding, kept.params) = (binding, params);
        self.timers.set((id, asked.user.clone()), deadline);
        if before != connection {
            self.streams_of(asked.user, before, connection);
        }
    }

    /// A binding of the user, put behind the others: the first is always the one that has not been heard of for longest.
    fn last(&mut self, user: &Name, id: u64) -> Option<&mut Kept> {
        let list = self.users.get_mut(user)?;
        let place = list.iter().position(|kept| kept.id == id)?;
        list[place..].rotate_left(1);
        list.last_mut()
    }

    fn keep(&mut self, binding: Binding, params: Params, deadline: Moment) {
        self.next += 1;
        let id = self.next;
        let (user, connection) = (binding.user.clone(), binding.path.connection);
        self.timers.set((id, user.clone()), deadline);
        // Nearly everybody has one phone, and room for four would cost more than all the rest of it.
        let list = self.users.entry(user.clone()).or_default();
        list.reserve_exact(1);
        list.push(Kept { id, binding, params, told: deadline });
        self.streams_of(&user, None, connection);
    }

    /// A binding of the user has come from one stream to another.
    fn streams_of(&mut self, user: &Name, before: Option<ConnectionId>, now: Option<ConnectionId>) {
        if let Some(before) = before
            && !self.kept(user).any(|kept| kept.binding.path.connection == Some(before))
        {
            self.by_connection.remove(&(before, user.clone()));
        }
        if let Some(now) = now {
            self.by_connection.insert((now, user.clone()));
        }
    }

    fn unbind(&mut self, user: &Name, id: u64, out: &mut Vec<Output>) {
        if let Some(kept) = self.remove(user, id) {
            out.push(Output::Event(Event::Unbound { user: user.clone(), contact: kept.binding.contact }));
        }
    }

    fn remove(&mut self, user: &Name, id: u64) -> Option<Kept> {
        self.timers.cancel(&(id, user.clone()));
        let list = self.users.get_mut(user)?;
        let kept = list.remove(list.iter().position(|kept| kept.id == id)?);
        if list.is_empty() {
            self.users.remove(user);
        }
        self.streams_of(user, kept.binding.path.connection, None);
        Some(kept)
    }
}

/// True when only the time has changed, and the number of the request.
fn is_same_phone(one: &Binding, other: &Binding) -> bool {
    one.contact == other.contact
        && one.path == other.path
        && one.sip_call_id == other.sip_call_id
        && one.user_agent == other.user_agent
}

/// An older request of the same registration that was overtaken (RFC 3261 section 10.3, step 7).
fn is_late(kept: &Kept, asked: Registration<'_>) -> bool {
    kept.binding.sip_call_id == asked.sip_call_id && asked.cseq <= kept.binding.cseq
}

/// How long a binding is kept; `None` removes it.
fn life(asked: Option<u32>, settings: &RegistrarSettings) -> Result<Option<Duration>, Status> {
    match asked.map(|seconds| Duration::from_secs(u64::from(seconds))) {
        Some(Duration::ZERO) => Ok(None),
        Some(life) if life < settings.min_expires => Err(Status(423)),
        life => Ok(Some(life.unwrap_or(settings.default_expires).min(settings.max_expires))),
    }
}

/// The URI of a binding as a request URI: the headers that a phone may have hidden in it are never acted upon
/// (RFC 4475 section 3.3.14).
pub fn without_headers(uri: &Uri) -> Uri {
    match uri.as_str().split_once('?') {
        Some((before, _)) if uri.headers().is_some() => Uri::parse(before).unwrap_or_else(|_| uri.clone()),
        _ => uri.clone(),
    }
}
