//! The transaction layer: finds the transaction of a message, runs its table, does what the table says.
//!
//! A server transaction that has given its final answer, and a client transaction that has received one, is *finished*: it
//! only absorbs or repeats, is kept as key and last bytes, and is counted apart. Invariant: what is open has a timer, an
//! owner who ends it, or both; when its table says Terminated nothing of it remains.

use super::machine::{Happening, Machine};
use super::matching::{ack_of_refusal, client_key, in_the_name_of, own_request};
use super::words::{Heard, Notice, Owner, TxId};
use super::{Act, Timer, client, invite_client, invite_server, server};
use crate::id::{Rng, Table};
use crate::sip::message::{Method, Name, Request, Response, Via};
use crate::sip::paths::{Streams, response_fallback, response_path};
use crate::sip::visited::Visited;
use crate::sip::{Output, Path, Status, Told};
use crate::time::{Duration, Moment, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// Transactions without a final response, at once; one request more is answered 503.
pub const MAX_UNFINISHED: usize = 20_000;
/// Transactions kept only to absorb or answer repetitions; beyond it the oldest is forgotten.
pub const MAX_FINISHED: usize = 400_000;
/// Answers to one forked INVITE whose ACK is kept for repetition.
const MAX_ACKS: usize = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transaction {
    machine: Machine,
    key: Arc<str>,
    owner: Owner,
    path: Path,
    /// Servers on streams: where the response goes when the connection has gone (RFC 3261 section 18.2.2).
    fallback: Option<SocketAddr>,
    /// A client's request (its ACK, once refused), a server's last response.
    bytes: Vec<u8>,
    /// The last pause of the repeating timer.
    pause: Duration,
    /// The ACKs that the core sent for the 2xx responses, by the tag they answered.
    acks: Vec<(String, Path, Vec<u8>)>,
    /// What finds a merged copy of this request (RFC 3261 section 8.2.2.2).
    merge_key: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Transactions {
    all: Table<TxId, Transaction>,
    by_key: Table<Arc<str>, TxId>,
    by_merge_key: Table<Arc<str>, TxId>,
    /// Unfinished client transactions by where they were sent.
    by_remote: BTreeSet<(SocketAddr, TxId)>,
    finished: BTreeSet<TxId>,
    timers: Timers<(TxId, Timer)>,
    next_id: u64,
    pub streams: Streams,
    pub visited: Visited,
    /// Written into Via.
    pub told: Told,
}

impl Transactions {
    // ---- Servers.

    pub fn find(&self, key: &str) -> Option<TxId> {
        self.by_key.get(key).copied()
    }

    pub fn is_full(&self) -> bool {
        self.unfinished() >= MAX_UNFINISHED
    }

    /// A new server transaction for `request`, which came over `path`.
    pub fn open(&mut self, key: String, request: &Request, path: Path) -> TxId {
        let machine = match request.method {
            Method::Invite => Machine::InviteServer(invite_server::State::Proceeding),
            _ => Machine::Server(server::State::Trying),
        };
        let fallback = response_fallback(request, path);
        self.add(machine, key.into(), Owner::Nobody, response_path(request, path), fallback, Vec::new())
    }

    /// A request of this transaction came again.
    pub fn again(&mut self, tx: TxId, now: Moment, out: &mut Vec<Output>) {
        let happening = match self.all.get(&tx).map(|it| it.machine) {
            Some(Machine::InviteServer(_)) => Happening::InviteServer(invite_server::Event::Invite),
            Some(Machine::Server(_)) => Happening::Server(server::Event::Request),
            _ => return,
        };
        self.step(tx, happening, None, now, out);
    }

    /// An ACK with this transaction's key: true when it is the core's, because it acknowledges a 2xx.
    pub fn ack(&mut self, tx: TxId, now: Moment, out: &mut Vec<Output>) -> bool {
        self.step(tx, Happening::InviteServer(invite_server::Event::Ack), None, now, out).is_some()
    }

    /// We answer.
    pub fn say(&mut self, tx: TxId, status: Status, bytes: Vec<u8>, now: Moment, out: &mut Vec<Output>) {
        let Some(transaction) = self.all.get_mut(&tx) else { return };
        let happening = match (transaction.machine, status.0) {
            (Machine::InviteServer(_), ..=199) => Happening::InviteServer(invite_server::Event::SayProvisional),
            (Machine::InviteServer(_), 200..=299) => Happening::InviteServer(invite_server::Event::SaySuccess),
            (Machine::InviteServer(_), _) => Happening::InviteServer(invite_server::Event::SayFailure),
            (Machine::Server(_), ..=199) => Happening::Server(server::Event::SayProvisional),
            (Machine::Server(_), _) => Happening::Server(server::Event::SayFinal),
            _ => return,
        };
        transaction.bytes = bytes;
        self.step(tx, happening, None, now, out);
    }

    pub fn set_owner(&mut self, tx: TxId, owner: Owner) {
        if let Some(transaction) = self.all.get_mut(&tx) {
            transaction.owner = owner;
        }
    }

    pub fn owner(&self, tx: TxId) -> Option<Owner> {
        self.all.get(&tx).map(|it| it.owner)
    }

    /// The way that it goes.
    pub fn path(&self, tx: TxId) -> Option<Path> {
        self.all.get(&tx).map(|it| it.path)
    }

    /// True while no final response has been given.
    pub fn is_unanswered(&self, tx: TxId) -> bool {
        self.all.get(&tx).is_some_and(|it| !it.machine.is_finished())
    }

    /// The transaction that a copy of the same request, come by another way, belongs to.
    pub fn merged(&self, merge_key: &str) -> Option<TxId> {
        self.by_merge_key.get(merge_key).copied()
    }

    /// The first key stays.
    pub fn set_merge_key(&mut self, tx: TxId, merge_key: String) {
        if let Some(transaction) = self.all.get_mut(&tx).filter(|it| it.merge_key.is_none()) {
            let merge_key: Arc<str> = merge_key.into();
            transaction.merge_key = Some(merge_key.clone());
            self.by_merge_key.insert(merge_key, tx);
        }
    }

    // ---- Clients.

    /// Sends `request` as a new transaction, putting our Via on top.
    pub fn send(
        &mut self,
        mut request: Request,
        path: Path,
        owner: Owner,
        rng: &mut Rng,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> TxId {
        let branch = format!("z9hG4bK{}", rng.hex(20));
        request.push_via(&Via::new(path.transport.token(), self.told.address(&path), &branch));
        self.launch(request, &branch, path, owner, now, out)
    }

    /// Cancels our INVITE: a transaction of its own with the INVITE's branch (RFC 3261 section 9.1). The INVITE is given
    /// some time to be answered 487, then it is forgotten.
    pub fn cancel(&mut self, tx: TxId, reason: Option<&str>, now: Moment, out: &mut Vec<Output>) {
        let Some(transaction) = self.all.get(&tx) else { return };
        if !matches!(transaction.machine, Machine::InviteClient(invite_client::State::Proceeding)) {
            return;
        }
        let path = transaction.path;
        let Some(mut cancel) = in_the_name_of(&transaction.bytes, Method::Cancel) else { return };
        if let Some(reason) = reason {
            cancel.headers.push(Name::Reason, reason);
        }
        let branch = cancel.via().branch().to_string();
        self.launch(cancel, &branch, path, Owner::Nobody, now, out);
        self.lose_patience(tx, now);
    }

    /// Nobody waits for this INVITE any longer than it takes to be polite.
    pub fn lose_patience(&mut self, tx: TxId, now: Moment) {
        if let Some(Machine::InviteClient(invite_client::State::Calling | invite_client::State::Proceeding)) =
            self.all.get(&tx).map(|it| it.machine)
        {
            self.timers.set((tx, Timer::Patience), now + Timer::Patience.first());
        }
    }

    /// Sends the core's ACK for the 2xx with this To tag, now and whenever that 2xx comes again.
    pub fn acknowledge(&mut self, tx: TxId, tag: &str, path: Path, bytes: Vec<u8>, out: &mut Vec<Output>) {
        self.streams.transmit(path, None, bytes.clone(), out);
        if let Some(transaction) = self.all.get_mut(&tx)
            && transaction.acks.len() < MAX_ACKS
        {
            transaction.acks.push((tag.to_string(), path, bytes));
        }
    }

    /// A response came. What the core should hear of it, if anything.
    pub fn receive(&mut self, response: &Response, now: Moment, out: &mut Vec<Output>) -> Option<Notice> {
        let method = &response.cseq().method;
        let tx = self.find(&client_key(response.via().branch(), method))?;
        let transaction = self.all.get(&tx)?;
        let happening = match (transaction.machine, response.status.0) {
            (Machine::InviteClient(_), ..=199) => Happening::InviteClient(invite_client::Event::Provisional),
            (Machine::InviteClient(_), 200..=299) => {
                let tag = response.to_().tag().unwrap_or_default();
                if let Some((_, path, ack)) = transaction.acks.iter().find(|(acked, ..)| acked == tag) {
                    self.streams.transmit(*path, None, ack.clone(), out);
                    return None;
                }
                Happening::InviteClient(invite_client::Event::Success)
            }
            (Machine::InviteClient(_), _) => Happening::InviteClient(invite_client::Event::Failure),
            (Machine::Client(_), ..=199) => Happening::Client(client::Event::Provisional),
            (Machine::Client(_), _) => Happening::Client(client::Event::Final),
            _ => return None,
        };
        // Read back before the table lets go of it.
        let request = match response.status.0 {
            401 | 407 | 422 | 423 => own_request(&transaction.bytes).map(|request| Box::new((request, transaction.path))),
            _ => None,
        };
        let notice = self.step(tx, happening, Some(response), now, out)?;
        Some(Notice { request, ..notice })
    }

    /// Nothing can be sent to `path.remote`: the client transactions that wait for it fail.
    pub fn unreachable(&mut self, path: Path, now: Moment, out: &mut Vec<Output>) -> Vec<Notice> {
        let from = (path.remote, TxId(0));
        let to = (path.remote, TxId(u64::MAX));
        let waiting: Vec<TxId> = self.by_remote.range(from..=to).map(|(_, tx)| *tx).collect();
        let mut notices = Vec::new();
        for tx in waiting {
            let happening = match self.all.get(&tx) {
                Some(it) if it.path.transport != path.transport => continue,
                Some(Transaction { machine: Machine::InviteClient(_), .. }) => {
                    Happening::InviteClient(invite_client::Event::TransportError)
                }
                Some(_) => Happening::Client(client::Event::TransportError),
                None => continue,
            };
            notices.extend(self.step(tx, happening, None, now, out));
        }
        notices
    }

    // ---- Time.

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Runs one timer that is due. `None` when none is; otherwise what the core should hear of it.
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Output>) -> Option<Option<Notice>> {
        let (tx, timer) = self.timers.pop(now)?;
        let Some(transaction) = self.all.get(&tx) else { return Some(None) };
        let happening = match transaction.machine {
            Machine::InviteClient(_) => Happening::InviteClient(invite_client::Event::Timer(timer)),
            Machine::Client(_) => Happening::Client(client::Event::Timer(timer)),
            Machine::InviteServer(_) => Happening::InviteServer(invite_server::Event::Timer(timer)),
            Machine::Server(_) => Happening::Server(server::Event::Timer(timer)),
        };
        Some(self.step(tx, happening, None, now, out))
    }

    // ---- Numbers.

    pub fn unfinished(&self) -> usize {
        self.all.len() - self.finished.len()
    }

    pub fn finished(&self) -> usize {
        self.finished.len()
    }

    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    // ---- Inside.

    fn add(
        &mut self,
        machine: Machine,
        key: Arc<str>,
        owner: Owner,
        path: Path,
        fallback: Option<SocketAddr>,
        bytes: Vec<u8>,
    ) -> TxId {
        self.next_id += 1;
        let tx = TxId(self.next_id);
        machine.mark(&mut self.visited);
        self.by_key.insert(key.clone(), tx);
        let transaction = Transaction {
            machine,
            key,
            owner,
            path,
            fallback,
            bytes,
            pause: Duration::ZERO,
            acks: Vec::new(),
            merge_key: None,
        };
        self.all.insert(tx, transaction);
        tx
    }

    fn launch(&mut self, request: Request, branch: &str, path: Path, owner: Owner, now: Moment, out: &mut Vec<Output>) -> TxId {
        let reliable = path.transport.is_reliable();
        let (machine, acts) = match request.method {
            Method::Invite => (Machine::InviteClient(invite_client::State::Calling), invite_client::begin(reliable)),
            _ => (Machine::Client(client::State::Trying), client::begin(reliable)),
        };
        let key = client_key(branch, &request.method);
        let tx = self.add(machine, key.into(), owner, path, None, request.to_bytes());
        self.by_remote.insert((path.remote, tx));
        for act in acts {
            self.act(tx, *act, None, now, out);
        }
        tx
    }

    fn step(
        &mut self,
        tx: TxId,
        happening: Happening,
        response: Option<&Response>,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Option<Notice> {
        let transaction = self.all.get_mut(&tx)?;
        let owner = transaction.owner;
        let before = transaction.machine;
        let reliable = transaction.path.transport.is_reliable();
        let (machine, acts) = before.step(happening, reliable)?;
        transaction.machine = machine;
        machine.mark(&mut self.visited);
        let mut notice = None;
        for act in acts {
            if let Some(heard) = self.act(tx, *act, response, now, out) {
                notice = Some(Notice { tx, owner, heard, request: None });
            }
        }
        if machine.is_terminated() {
            self.remove(tx);
        } else if machine.is_finished() && !before.is_finished() {
            self.finish(tx);
        }
        notice
    }

    fn act(&mut self, tx: TxId, act: Act, response: Option<&Response>, now: Moment, out: &mut Vec<Output>) -> Option<Heard> {
        let transaction = self.all.get_mut(&tx)?;
        match act {
            Act::Send => {
                if !transaction.bytes.is_empty() {
                    self.streams.transmit(transaction.path, transaction.fallback, transaction.bytes.clone(), out);
                }
            }
            Act::Ack => {
                if transaction.acks.is_empty() {
                    let ack = response.and_then(|response| ack_of_refusal(&transaction.bytes, response));
                    transaction.acks.extend(ack.map(|bytes| (String::new(), transaction.path, bytes)));
                }
                if let Some((_, path, ack)) = transaction.acks.first() {
                    self.streams.transmit(*path, None, ack.clone(), out);
                }
            }
            Act::Tell => return Some(Heard::Response),
            Act::TellTimeout => return Some(Heard::Timeout),
            Act::TellUnreachable => return Some(Heard::Unreachable),
            Act::Start(timer) => self.pause(tx, timer, timer.first(), now),
            Act::Again(timer) => {
                let pause = timer.next(transaction.pause);
                self.pause(tx, timer, pause, now);
            }
            Act::Slow(timer) => self.pause(tx, timer, super::T2, now),
            Act::Stop(timer) => {
                self.timers.cancel(&(tx, timer));
            }
        }
        None
    }

    fn pause(&mut self, tx: TxId, timer: Timer, pause: Duration, now: Moment) {
        if let (Timer::A | Timer::E | Timer::G, Some(transaction)) = (timer, self.all.get_mut(&tx)) {
            transaction.pause = pause;
        }
        self.timers.set((tx, timer), now + pause);
    }

    fn finish(&mut self, tx: TxId) {
        if let Some(transaction) = self.all.get_mut(&tx) {
            self.by_remote.remove(&(transaction.path.remote, tx));
            if matches!(transaction.machine, Machine::InviteClient(_) | Machine::Client(_)) {
                transaction.bytes = Vec::new();
            }
            transaction.bytes.shrink_to_fit();
        }
        self.timers.cancel(&(tx, Timer::Patience));
        self.finished.insert(tx);
        while self.finished.len() > MAX_FINISHED {
            let Some(oldest) = self.finished.first().copied() else { break };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, tx: TxId) {
        self.finished.remove(&tx);
        let Some(transaction) = self.all.remove(&tx) else { return };
        // Another transaction may have taken the key since: two requests without a proper branch can look alike.
        if self.by_key.get(&*transaction.key) == Some(&tx) {
            self.by_key.remove(&*transaction.key);
        }
        if let Some(merge_key) = transaction.merge_key
            && self.by_merge_key.get(&*merge_key) == Some(&tx)
        {
            self.by_merge_key.remove(&*merge_key);
        }
        self.by_remote.remove(&(transaction.path.remote, tx));
        for timer in transaction.machine.timers() {
            self.timers.cancel(&(tx, *timer));
        }
    }
}
