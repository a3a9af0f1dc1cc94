//! The user agent: one value that owns every transaction, dialog, binding and registration.
//!
//! What comes in is sorted here and done in the files beside it. Invariant: `handle` never fails and never waits; whatever is
//! begun either has a timer or waits for a command that the exchange has been told to give.

use super::auth::Guard;
use super::dialog::Dialog;
use super::message::{Message, Name as Header, Request, Response, parse};
use super::referral::Referrals;
use super::registrar::Registrar;
use super::registration::Registrations;
use super::session::{Clock, Event as Happens, Session};
use super::subscription::Subscriptions;
use super::transaction::{Answer, Heard, Notice, Owner, Transactions};
use super::uas::RETRY_AFTER;
use super::visited::Visited;
use super::watch::Watches;
use super::{
    Algorithm, Binding, Command, ConnectionId, DialogId, Event, Input, Network, Output, Package, Path, QueryId, Rejection,
    Settings, Status,
};
use crate::id::{Name, Rng, Table};
use crate::time::{Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What an endpoint holds, to be watched and tested for leaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Census {
    /// Transactions without a final response.
    pub unfinished: usize,
    /// Transactions kept for repetitions.
    pub finished: usize,
    pub dialogs: usize,
    /// Who is told how something stands.
    pub subscriptions: usize,
    pub bindings: usize,
    /// Deadlines; each binding has one.
    pub timers: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Secrets are never written down with the state.
    #[serde(skip)]
    pub(super) settings: Arc<Settings>,
    /// Of the settings, by address.
    #[serde(skip)]
    /// Where trunks' calls come from, by the first address of each network.
    trunks: BTreeMap<IpAddr, (Network, Name)>,
    #[serde(skip)]
    pub(super) rng: Rng,
    pub(super) transactions: Transactions,
    pub(super) guard: Guard,
    pub(super) registrar: Registrar,
    pub(super) registrations: Registrations,
    pub(super) referrals: Referrals,
    pub(super) subscriptions: Subscriptions,
    pub(super) watches: Watches,
    #[serde(with = "crate::time::pairs")]
    pub(super) sessions: BTreeMap<DialogId, Box<Session>>,
    /// By our own tag, which is ours alone.
    pub(super) by_tag: Table<String, DialogId>,
    pub(super) clocks: Timers<(DialogId, Clock)>,
    /// Calls whose next hop's name is being looked up, both ways.
    #[serde(with = "crate::time::pairs")]
    pub(super) queries: BTreeMap<QueryId, DialogId>,
    pub(super) asking: Table<DialogId, QueryId>,
    /// Calls that wait for an address before their INVITE can go.
    #[serde(with = "crate::time::pairs")]
    pub(super) unsent: BTreeMap<DialogId, Request>,
    next_dialog: u64,
    pub(super) next_query: u64,
}

impl Endpoint {
    pub fn new(settings: Arc<Settings>, mut rng: Rng) -> Endpoint {
        let guard = Guard::new(&mut rng);
        let mut endpoint = Endpoint {
            settings: Arc::default(),
            trunks: BTreeMap::new(),
            rng,
            transactions: Transactions::default(),
            guard,
            registrar: Registrar::default(),
            registrations: Registrations::default(),
            referrals: Referrals::default(),
            subscriptions: Subscriptions::default(),
            watches: Watches::default(),
            sessions: BTreeMap::new(),
            by_tag: Table::new(),
            clocks: Timers::new(),
            queries: BTreeMap::new(),
            asking: Table::new(),
            unsent: BTreeMap::new(),
            next_dialog: 0,
            next_query: 0,
        };
        endpoint.configure(settings);
        endpoint
    }

    /// Fresh chance for an endpoint that was read back, before it hears anything: neither its key for nonces nor its source of
    /// tags and branches was written down. Its settings and accounts have to be given to it again too.
    pub fn reseed(&mut self, rng: Rng) {
        self.rng = rng;
        self.guard.reseed(&mut self.rng);
    }

    /// A name for a call that is about to be made by [`Command::Invite`].
    pub fn reserve(&mut self) -> DialogId {
        self.next_dialog += 1;
        DialogId(self.next_dialog)
    }

    /// The Call-ID of a session that lives: what its record and the other side know it by.
    pub fn call_id(&self, dialog: DialogId) -> Option<&str> {
        self.sessions.get(&dialog).map(|session| session.dialog.call_id.as_str())
    }

    /// Where a user's phones are, the longest unheard of first.
    pub fn bindings(&self, user: &str) -> impl Iterator<Item = &Binding> {
        self.registrar.bindings(user)
    }

    pub fn all_bindings(&self) -> impl Iterator<Item = &Binding> {
        self.registrar.all()
    }

    pub fn census(&self) -> Census {
        Census {
            unfinished: self.transactions.unfinished(),
            finished: self.transactions.finished(),
            dialogs: self.sessions.len(),
            subscriptions: self.subscriptions.len(),
            bindings: self.registrar.len(),
            timers: self.transactions.timers()
                + self.clocks.len()
                + self.registrar.len()
                + self.registrations.timers()
                + self.referrals.len()
                + self.subscriptions.len()
                + self.watches.len(),
        }
    }

    /// The states that the machines have been in.
    pub fn visited(&self) -> Visited {
        self.transactions.visited
    }

    pub fn handle(&mut self, input: Input, now: Now, out: &mut Vec<Output>) {
        match input {
            Input::Received { path, bytes } => self.received(path, &bytes, now, out),
            Input::BadFrame { path, bytes, status } => self.bad_frame(path, &bytes, status, now, out),
            Input::Disconnected { connection } => self.disconnected(connection, now),
            Input::Unreachable { path } => {
                for notice in self.transactions.unreachable(path, now.mono, out) {
                    self.notice(notice, None, now, out);
                }
            }
            Input::Resolved { query, addresses } => self.resolved(query, &addresses, now, out),
            Input::Command(Command::Configure(settings)) => {
                let before = Arc::clone(&self.settings);
                self.configure(settings);
                // In another realm every secret is another, of the same passwords.
                let is_same_realm = before.realm == self.settings.realm;
                let is_known = |user: &Name| match (before.users.get(user), self.settings.users.get(user)) {
                    (Some(before), Some(now)) => !is_same_realm || before.agrees_with(now),
                    (_, now) => now.is_some(),
                };
                self.registrar.forget_strangers(is_known, out);
            }
            Input::Command(Command::Restore(bindings)) => {
                self.registrar.restore(bindings, self.settings.registrar.max_contacts, now);
                self.registrar.forget_strangers(|user| self.settings.users.contains_key(user), out);
            }
            Input::Command(command) => self.command(command, now, out),
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let deadlines = [
            self.transactions.poll_timeout(),
            self.clocks.next(),
            self.registrar.poll_timeout(),
            self.registrations.poll_timeout(),
            self.referrals.poll_timeout(),
            self.subscriptions.poll_timeout(),
            self.watches.poll_timeout(),
        ];
        deadlines.into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        // Whatever fires sets its successor in the future, so this ends.
        while let Some(notice) = self.transactions.handle_timeout(now.mono, out) {
            if let Some(notice) = notice {
                self.notice(notice, None, now, out);
            }
        }
        while let Some((dialog, clock)) = self.clocks.pop(now.mono) {
            self.clock(dialog, clock, now, out);
        }
        while self.registrar.handle_timeout(now.mono, out) {}
        while let Some((registration, due)) = self.registrations.due(now.mono) {
            self.registration_due(registration, due, now, out);
        }
        while let Some(watch) = self.watches.due(now.mono) {
            self.watch_due(watch, now, out);
        }
        while let Some(subscription) = self.subscriptions.due(now.mono) {
            self.subscription_due(subscription, now, out);
        }
        while let Some(referral) = self.referrals.due(now.mono) {
            self.referral_due(referral, now, out);
        }
    }

    fn configure(&mut self, settings: Arc<Settings>) {
        self.trunks.clear();
        for trunk in &settings.trunks {
            for address in &trunk.addresses {
                self.trunks.insert(address.first(), (*address, trunk.name.clone()));
            }
        }
        self.transactions.told = settings.told.clone();
        self.settings = settings;
    }

    /// The trunk whose calls come from this address.
    pub(super) fn trunk_at(&self, address: IpAddr) -> Option<&Name> {
        let address = address.to_canonical();
        let (_, (network, name)) = self.trunks.range(..=address).next_back()?;
        network.contains(address).then_some(name)
    }

    fn received(&mut self, path: Path, bytes: &[u8], now: Now, out: &mut Vec<Output>) {
        self.transactions.streams.heard(path);
        self.flow_lives(path, now);
        match parse(bytes) {
            Ok(Message::Request(mut request)) => {
                request.received_from(path.remote);
                self.request(request, path, now, out);
            }
            Ok(Message::Response(response)) => {
                if let Some(notice) = self.transactions.receive(&response, now.mono, out) {
                    self.notice(notice, Some(&response), now, out);
                }
            }
            Ok(Message::KeepAlive) => {}
            Err(malformed) => {
                if let Some(response) = malformed.response() {
                    self.refuse_unread(response, path, out);
                }
                self.rejected(path, malformed.status, Rejection::Malformed(malformed.why), out);
            }
        }
    }

    /// What cannot be read gets no transaction: its repetition is refused anew.
    fn refuse_unread(&mut self, mut response: Response, path: Path, out: &mut Vec<Output>) {
        response.received_from(path.remote);
        response.set_to_tag(&self.rng.hex(10));
        if response.status == Status(501) {
            response.headers.set(Header::Allow, ALLOW);
        }
        let mut way = path;
        if !path.transport.is_reliable() && response.via().rport().is_none() {
            way.remote.set_port(response.via().port_or_default());
        }
        self.transactions.streams.transmit(way, None, response.to_bytes(), out);
    }

    fn bad_frame(&mut self, path: Path, bytes: &[u8], status: Status, now: Now, out: &mut Vec<Output>) {
        self.transactions.streams.heard(path);
        let response = match parse(bytes) {
            Ok(Message::Request(request)) => Some(Response::to(&request, status)),
            Ok(_) => None,
            Err(malformed) => malformed.response().map(|mut response| {
                response.status = status;
                response.reason = status.reason_phrase().to_string();
                response
            }),
        };
        if let Some(response) = response {
            self.refuse_unread(response, path, out);
        }
        self.rejected(path, status, Rejection::Malformed("the framing of the stream is lost".to_string()), out);
        if let Some(connection) = path.connection {
            self.disconnected(connection, now);
            out.push(Output::Close { connection });
        }
    }

    fn disconnected(&mut self, connection: ConnectionId, now: Now) {
        self.transactions.streams.closed(connection);
        self.registrar.disconnected(connection);
        self.flow_closed(connection, now);
    }

    /// A client transaction has something to tell its owner.
    fn notice(&mut self, notice: Notice, response: Option<&Response>, now: Now, out: &mut Vec<Output>) {
        let answer = response.map(|response| Answer { notice: &notice, response });
        match (notice.owner, notice.heard, answer) {
            (Owner::Register(registration), ..) => self.register_answered(registration, &notice, response, now, out),
            (Owner::Invite(dialog), Heard::Response, Some(answer)) => self.invite_answered(dialog, answer, now, out),
            (Owner::Invite(dialog), heard, _) => self.invite_failed(dialog, heard, now, out),
            (Owner::Offer(dialog), Heard::Response, Some(answer)) => self.reoffer_answered(dialog, answer, now, out),
            (Owner::Bye(dialog), Heard::Response, Some(answer)) => self.bye_answered(dialog, answer, now, out),
            (Owner::Bye(dialog), ..) => self.advance(dialog, Happens::Left, now, out),
            (Owner::Probe(dialog) | Owner::Digit(dialog), Heard::Response, Some(answer)) => {
                self.in_dialog_answered(dialog, answer, now, out);
            }
            (Owner::Prack(dialog), Heard::Response, Some(answer)) => self.prack_answered(dialog, answer, now, out),
            (Owner::Nobody | Owner::Prack(_), ..) => {}
            (Owner::Refresh(dialog), Heard::Response, Some(answer)) => self.refresh_answered(dialog, answer, now, out),
            (Owner::Refer(dialog), Heard::Response, Some(answer)) => self.refer_answered(dialog, answer, now, out),
            (Owner::Referral(referral), heard, _) => self.referral_notified(referral, notice.tx, heard, response, now, out),
            (Owner::Watch(watch), heard, _) => self.watch_answered(watch, notice.tx, heard, response, now, out),
            (Owner::Notify(subscription), heard, _) => self.notified(subscription, notice.tx, heard, response, now, out),
            (
                Owner::Offer(dialog)
                | Owner::Probe(dialog)
                | Owner::Digit(dialog)
                | Owner::Refer(dialog)
                | Owner::Refresh(dialog),
                heard,
                _,
            ) => {
                self.in_dialog_failed(dialog, heard, now, out);
            }
        }
    }

    /// The way of our next request in a dialog. When its stream has gone it is the one over which the same phone has registered
    /// since (RFC 5626 section 5.3).
    pub(super) fn living_way(&self, dialog: &Dialog) -> Path {
        let way = dialog.way();
        if self.transactions.streams.living(way) == way {
            return way;
        }
        self.registrar.way_to(&dialog.remote.uri.user(), &dialog.target).unwrap_or(way)
    }

    /// The digest algorithms of the listener that `path` belongs to.
    pub(super) fn algorithms(&self, path: Path) -> &[Algorithm] {
        let of_transport = || self.settings.listeners.iter().filter(|listener| listener.transport == path.transport);
        let exactly = of_transport().find(|listener| listener.address == path.local);
        let by_port = || of_transport().find(|listener| listener.address.port() == path.local.port());
        match exactly.or_else(by_port).or_else(|| of_transport().next()) {
            Some(listener) if !listener.algorithms.is_empty() => &listener.algorithms,
            _ => &[Algorithm::Md5],
        }
    }

    pub(super) fn rejected(&self, path: Path, status: Status, why: Rejection, out: &mut Vec<Output>) {
        out.push(Output::Event(Event::Rejected { path, status, why }));
    }
}

/// What we understand, in every answer that should say so (RFC 3261 section 20.5).
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER, REFER, NOTIFY, SUBSCRIBE, PRACK";
/// The extensions that we speak and may be required to (RFC 3261 section 20.37); 100rel besides, for calls.
pub(super) const SUPPORTED: &str = "replaces, norefersub, timer";

/// What we call ourselves in a Warning.
const PSEUDONYM: &str = "centrala";

/// What a refusal says besides its status: when to come again (RFC 3261 section 21.5.4), what is wrong with an offer (21.4.26).
pub(super) fn explain(refusal: &mut Response) {
    match refusal.status {
        Status(503) => refusal.headers.set(Header::RetryAfter, RETRY_AFTER),
        Status(488) => refusal.headers.set(Header::Warning, format!("305 {PSEUDONYM} \"Incompatible media format\"")),
        _ => {}
    }
}

/// Says what we allow and support: in 200 to OPTIONS and INVITE.
pub(super) fn introduce(response: &mut Response) {
    response.headers.set(Header::Allow, ALLOW);
    response.headers.set(Header::Accept, "application/sdp");
    response.headers.set(Header::Supported, SUPPORTED);
    response.headers.set(Header::AllowEvents, Package::ALL);
}
