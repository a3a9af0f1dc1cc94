//! The life of a session: what the rows of its table do, its clocks, and its end.
//!
//! Invariant: only `advance` changes a session's phase, and only `end` removes one.

use super::endpoint::{Endpoint, explain, introduce};
use super::message::{Body, Headers, Method, Name as Header, Request, Response};
use super::refresh;
use super::session::{Act, Clock, Event as Happens, Exchange, Next, Phase, Unacknowledged, step};
use super::transaction::{GIVE_UP, Owner, T1, T2, TxId};
use super::uas::REMIND;
use super::{DialogId, Ending, Event, Output, QueryId, Status};
use crate::sdp::{self, Description};
use crate::time::Now;
use std::net::IpAddr;

impl Endpoint {
    /// One row of the session's table.
    pub(super) fn advance(&mut self, id: DialogId, event: Happens, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (next, acts) = step(session.phase, event);
        if let Next::Go(phase) = next {
            session.phase = phase;
            self.transactions.visited.session(phase);
        }
        for act in acts {
            match act {
                Act::Invite => self.send_invite(id, now, out),
                Act::Ack => self.send_ack(id, out),
                Act::Cancel => self.send_cancel(id, now, out),
                Act::Bye if next == Next::End => self.send_bye(id, Owner::Nobody, now, out),
                Act::Bye => self.send_bye(id, Owner::Bye(id), now, out),
                Act::Refuse => self.refuse_invite(id, None, now, out),
                Act::Terminate => self.refuse_invite(id, Some(Status(487)), now, out),
            }
        }
        if next == Next::End {
            self.end(id, now, out);
        }
    }

    /// Forgets the session and says so.
    fn end(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.by_tag.remove(session.dialog.local.tag().unwrap_or_default());
        self.unsent.remove(&id);
        if let Some(query) = self.asking.remove(&id) {
            self.queries.remove(&query);
        }
        for clock in Clock::ALL {
            self.clocks.cancel(&(id, clock));
        }
        match session.exchange {
            // What is pending is answered (RFC 3261 section 15.1.2).
            Exchange::Theirs { tx, response, .. } => self.refuse_prepared(tx, *response, Status(487), now, out),
            Exchange::Ours { tx, .. } => self.transactions.lose_patience(tx, now.mono),
            Exchange::Settled | Exchange::Glare { .. } => {}
        }
        self.referrals_of_ended(id, &session.dialog, now, out);
        out.push(Output::Event(Event::Ended { dialog: id, ending: session.ending }));
    }

    pub(super) fn clock(&mut self, id: DialogId, clock: Clock, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match clock {
            Clock::Repeat => {
                let Some(waiting) = &mut session.unacknowledged else { return };
                waiting.pause = (waiting.pause * 2).min(T2);
                let (tx, bytes, pause) = (waiting.tx, waiting.bytes.clone(), waiting.pause);
                self.clocks.set((id, Clock::Repeat), now.mono + pause);
                self.transactions.say(tx, Status(200), bytes, now.mono, out);
            }
            Clock::NoAck => {
                session.unacknowledged = None;
                if session.phase != Phase::Parting {
                    session.ending = Ending::NoAck;
                }
                self.clocks.cancel(&(id, Clock::Repeat));
                self.advance(id, Happens::NoAck, now, out);
            }
            Clock::Ring if session.is_ours => {
                session.ending = Ending::Timeout;
                self.advance(id, Happens::Hangup, now, out);
            }
            // The caller would have waited so long and no longer (RFC 3261 section 13.3.1).
            Clock::Ring if session.phase == Phase::Ringing => {
                session.ending = Ending::Cancelled;
                self.advance(id, Happens::Cancel, now, out);
            }
            Clock::Ring => {}
            Clock::Remind => {
                if let (Phase::Ringing, Some(tx)) = (session.phase, session.invite) {
                    self.transactions.again(tx, now.mono, out);
                    self.clocks.set((id, Clock::Remind), now.mono + REMIND);
                }
            }
            Clock::Glare => self.offer_after_glare(id, now, out),
            Clock::Promise => self.promise_due(id, now, out),
            Clock::Refresh => self.refresh(id, now, out),
            Clock::Expire => self.expired(id, now, out),
            Clock::Trying => {
                if let Exchange::Theirs { tx, response, .. } = &session.exchange {
                    let (tx, mut trying) = (*tx, (**response).clone());
                    trying.status = Status(100);
                    trying.reason = trying.status.reason_phrase().to_string();
                    self.transactions.say(tx, Status(100), trying.to_bytes(), now.mono, out);
                }
            }
            Clock::Reoffer => {
                session.ending = Ending::Timeout;
                self.advance(id, Happens::Silent, now, out);
            }
        }
    }

    // ---- Callee.

    /// A response to the INVITE that still rings.
    pub(super) fn response_to_invite(&self, id: DialogId, status: Status) -> Option<Response> {
        let session = self.sessions.get(&id)?;
        let mut response = session.response.as_deref()?.clone();
        response.status = status;
        response.reason = status.reason_phrase().to_string();
        if status.0 < 300 {
            response.set_contact(&super::message::NameAddr::new(session.dialog.contact()));
        } else {
            response.headers.remove(Header::RecordRoute);
        }
        Some(response)
    }

    pub(super) fn accept(&mut self, id: DialogId, sdp: &Description, now: Now, out: &mut Vec<Output>) {
        if self.accept_later(id, sdp) {
            return;
        }
        let Some(session) = self.sessions.get(&id).filter(|session| session.phase == Phase::Ringing) else { return };
        let (cseq, offered) = (session.invite_cseq, !session.offered);
        let (Some(tx), Some(mut response)) = (session.invite, self.response_to_invite(id, Status(200))) else { return };
        introduce(&mut response);
        response.set_body("application/sdp", sdp.to_bytes());
        let mut refreshing = None;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.invite = None;
            session.response = None;
            session.local = Some(Box::new(sdp.clone()));
            refreshing = session.refreshing;
        }
        refresh::confirm(&mut response, refreshing);
        self.keep_alive(id, refreshing, now);
        self.clocks.cancel(&(id, Clock::Remind));
        self.say_until_acknowledged(id, tx, cseq, offered, response.to_bytes(), now, out);
        self.advance(id, Happens::Accept, now, out);
    }

    /// A 2xx to an INVITE of theirs, the first or a later one.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn say_until_acknowledged(
        &mut self,
        id: DialogId,
        tx: TxId,
        cseq: u32,
        offered: bool,
        bytes: Vec<u8>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        self.transactions.say(tx, Status(200), bytes.clone(), now.mono, out);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.unacknowledged = Some(Unacknowledged { tx, cseq, bytes, pause: T1, offered });
            self.clocks.set((id, Clock::Repeat), now.mono + T1);
            self.clocks.set((id, Clock::NoAck), now.mono + GIVE_UP);
        }
    }

    fn refuse_invite(&mut self, id: DialogId, status: Option<Status>, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let status = status.unwrap_or(session.refusal);
        if let (Some(tx), Some(mut response)) = (session.invite, self.response_to_invite(id, status)) {
            explain(&mut response);
            self.transactions.say(tx, status, response.to_bytes(), now.mono, out);
        }
    }

    pub(super) fn refuse_prepared(
        &mut self,
        tx: TxId,
        mut response: Response,
        status: Status,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        response.status = status;
        response.reason = status.reason_phrase().to_string();
        for of_success in [Header::RecordRoute, Header::SessionExpires, Header::Require] {
            response.headers.remove(of_success);
        }
        explain(&mut response);
        self.transactions.say(tx, status, response.to_bytes(), now.mono, out);
    }

    // ---- Either side.

    fn send_bye(&mut self, id: DialogId, owner: Owner, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut bye = session.dialog.request(Method::Bye);
        if let Some(reason) = &session.reason {
            bye.headers.push(Header::Reason, reason);
        }
        self.send_inside(id, bye, owner, now, out);
    }

    /// A request inside the session.
    pub(super) fn send_inside(
        &mut self,
        id: DialogId,
        request: Request,
        owner: Owner,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Option<TxId> {
        let way = self.living_way(&self.sessions.get(&id)?.dialog);
        Some(self.transactions.send(request, way, owner, &mut self.rng, now.mono, out))
    }

    /// Asks for the address of the peer's host name, if that is what its Contact has. Until it is known, and when it cannot
    /// be found, requests go the way the dialog last used.
    pub(super) fn look_up(&mut self, id: DialogId, out: &mut Vec<Output>) {
        let Some(host) = self.sessions.get(&id).and_then(|session| session.dialog.host_to_resolve()) else { return };
        if self.asking.contains(&id) {
            return;
        }
        self.next_query += 1;
        let query = QueryId(self.next_query);
        out.push(Output::Resolve { query, host: host.to_string() });
        self.queries.insert(query, id);
        self.asking.insert(id, query);
    }

    pub(super) fn resolved(&mut self, query: QueryId, addresses: &[IpAddr], now: Now, out: &mut Vec<Output>) {
        let Some(id) = self.queries.remove(&query) else { return };
        self.asking.remove(&id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // An address of the family that our listener has; and never our own host, unless that is where we listen: who owns
        // the name of a peer does not lead us to what is behind our walls.
        let local = session.dialog.path.local.ip();
        let is_usable = |address: &&IpAddr| {
            let is_inward = address.to_canonical().is_loopback() && !local.to_canonical().is_loopback();
            address.is_ipv4() == local.is_ipv4() && !is_inward
        };
        let usable = addresses.iter().find(is_usable);
        if let Some(address) = usable {
            session.dialog.set_resolved(*address);
        }
        if session.phase == Phase::Resolving {
            match session.dialog.resolved {
                Some(remote) => {
                    session.dialog.path.remote = remote;
                    self.advance(id, Happens::Found, now, out);
                }
                None => {
                    session.ending = Ending::Unreachable;
                    self.advance(id, Happens::Failure, now, out);
                }
            }
        }
    }
}

/// The session description that a message carries, if it has one that can be read.
pub(super) fn description(headers: &Headers, body: &[u8]) -> Option<Description> {
    match Body::of(headers, body) {
        Body::Sdp(written) => sdp::parse(written).ok(),
        Body::Nothing | Body::Foreign => None,
    }
}
