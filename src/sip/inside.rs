//! Requests of the peer inside a dialog (RFC 3261 section 12.2.2): ACK, BYE, re-INVITE, UPDATE, INFO, OPTIONS.
//!
//! They need no digest: who knows both tags and writes from the dialog's host is the peer. Invariant: a request that does not
//! belong to the dialog changes nothing in it.

use super::dialog::Order;
use super::endpoint::{ALLOW, Endpoint};
use super::life::description;
use super::message::{Method, Name as Header, Request, Response};
use super::refresh::{self, Refreshing};
use super::session::{Clock, Event as Happens, Exchange, Phase, Session};
use super::transaction::{Owner, TxId, request_key};
use super::uas::invites_of;
use super::{DialogId, Ending, Event, Output, Path, Source, Status};
use crate::time::{Duration, Now};
use std::net::IpAddr;

/// The pauses of timer E up to T2: before that the client repeats itself fast enough to cover a loss, and a 100 would only
/// slow it down (RFC 4320 section 4.1).
const PATIENCE: Duration = Duration::from_millis(3500);
/// A key pressed for longer is not believed.
const LONGEST_DIGIT: Duration = Duration::from_secs(10);
/// For INFO bodies that do not say how long.
const USUAL_DIGIT: Duration = Duration::from_millis(100);

impl Endpoint {
    pub(super) fn ack(&mut self, request: &Request, path: Path, now: Now, out: &mut Vec<Output>) {
        let refused = || match self.awaits_ack(request, path) {
            true => None,
            false => invites_of(request).iter().find_map(|key| self.transactions.merged(key)),
        };
        if let Some(tx) = self.transactions.find(&request_key(request, &Method::Invite)).or_else(refused)
            && !self.transactions.ack(tx, now.mono, out)
        {
            return;
        }
        let Some(id) = self.dialog_of(request, path) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(waiting) = session.unacknowledged.take_if(|waiting| waiting.cseq == request.cseq().number) else { return };
        session.dialog.path = path;
        let answer = description(&request.headers, &request.body).filter(|_| waiting.offered);
        let is_first = session.phase != Phase::Confirmed;
        self.clocks.cancel(&(id, Clock::Repeat));
        self.clocks.cancel(&(id, Clock::NoAck));
        if waiting.offered && answer.is_none() {
            if session.phase == Phase::Answered {
                // Nobody can have heard anything: as good as no ACK at all.
                session.ending = Ending::NoAck;
            }
            return self.advance(id, Happens::AckWithoutAnswer, now, out);
        }
        if is_first {
            self.advance(id, Happens::Ack, now, out);
        }
        if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Confirmed) {
            match (is_first, answer) {
                (true, answer) => out.push(Output::Event(Event::Confirmed { dialog: id, answer })),
                (false, Some(answer)) => {
                    out.push(Output::Event(Event::Renegotiated { dialog: id, outcome: Ok(answer) }));
                }
                (false, None) => {}
            }
            self.offer_next(id, now, out);
        }
    }

    /// True when it is a 200 of ours that the ACK is about.
    fn awaits_ack(&self, request: &Request, path: Path) -> bool {
        let session = self.dialog_of(request, path).and_then(|id| self.sessions.get(&id));
        let waiting = session.and_then(|session| session.unacknowledged.as_ref());
        waiting.is_some_and(|waiting| waiting.cseq == request.cseq().number)
    }

    pub(super) fn in_dialog(&mut self, request: Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let Some(id) = self.dialog_of(&request, path) else {
            if !self.resubscribe_came(&request, path, tx, now, out) {
                self.refuse(&request, tx, Status(481), now, out);
            }
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.dialog.check_order(request.cseq().number) == Order::Late {
            return self.refuse(&request, tx, Status(500), now, out);
        }
        session.dialog.path = path;
        if !self.has_extensions(&request, tx, now, out) {
            return;
        }
        match request.method {
            Method::Bye => self.bye(id, &request, tx, now, out),
            Method::Invite => self.reinvite(id, &request, path, tx, now, out),
            Method::Update => self.update(id, &request, path, tx, now, out),
            Method::Info => self.info(id, &request, tx, now, out),
            Method::Options => self.options(&request, tx, now, out),
            Method::Prack => self.prack_came(id, &request, tx, now, out),
            Method::Refer => self.refer_came(id, &request, tx, now, out),
            Method::Notify => self.notify_came(id, &request, tx, now, out),
            Method::Subscribe => self.referral_subscribed(id, &request, tx, now, out),
            Method::Other(_) => self.refuse_with(&request, tx, Status(501), &[(Header::Allow, ALLOW)], now, out),
            _ => self.refuse_with(&request, tx, Status(405), &[(Header::Allow, ALLOW)], now, out),
        }
    }

    /// The session that a request belongs to: both tags, the Call-ID and the host must be its own.
    fn dialog_of(&self, request: &Request, path: Path) -> Option<DialogId> {
        let id = *self.by_tag.get(request.to_().tag()?)?;
        let session = self.sessions.get(&id)?;
        let dialog = &session.dialog;
        let from = request.from_().tag();
        // Who has not answered our call yet, but has settled our offer, may make one (RFC 3311 section 5.1).
        let is_early = || request.method == Method::Update && session.is_ours && session.settled_early(from);
        let is_its_own = dialog.call_id == request.call_id() && (dialog.remote.tag() == from || is_early());
        (is_its_own && self.is_peer(session, path.remote.ip())).then_some(id)
    }

    fn is_peer(&self, session: &Session, address: IpAddr) -> bool {
        let trunk = self.trunk_at(address);
        session.dialog.is_from(address)
            || matches!((&session.source, trunk), (Some(Source::Trunk(name)), Some(trunk)) if name == trunk)
    }

    fn bye(&mut self, id: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        self.say(tx, Response::to(request, Status(200)), now, out);
        if let Some(session) = self.sessions.get_mut(&id)
            && session.phase != Phase::Leaving
        {
            // A caller may also take leave of a call that only rings (RFC 3261 section 15): that is no other than to cancel it.
            session.ending = match session.phase {
                Phase::Ringing => Ending::Cancelled,
                _ => Ending::Bye { reason: request.reason_header().map(|reason| reason.into_owned()) },
            };
            self.advance(id, Happens::Bye, now, out);
        }
    }

    fn reinvite(&mut self, id: DialogId, request: &Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        if !self.may_offer(id, request, tx, now, out) {
            return;
        }
        let Some(offer) = self.offer_of(request, path, tx, now, out) else { return };
        let Some(refreshing) = self.agree_interval(request, tx, now, out) else { return };
        self.transactions.set_owner(tx, Owner::Offer(id));
        let trying = Response::to(request, Status(100));
        self.transactions.say(tx, Status(100), trying.to_bytes(), now.mono, out);
        self.take_offer(id, request, tx, true, offer, refreshing, out);
    }

    fn update(&mut self, id: DialogId, request: &Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let Some(refreshing) = self.agree_interval(request, tx, now, out) else { return };
        if request.body.is_empty() {
            let mut response = Response::to(request, Status(200));
            refresh::confirm(&mut response, refreshing);
            if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Confirmed) {
                self.keep_alive(id, refreshing, now);
            }
            if let Some(session) = self.sessions.get_mut(&id) {
                session.dialog.refresh(&request.headers);
                response.set_contact(&super::message::NameAddr::new(session.dialog.contact()));
            }
            self.say(tx, response, now, out);
            return self.look_up(id, out);
        }
        if !self.may_offer(id, request, tx, now, out) {
            return;
        }
        let Some(offer) = self.offer_of(request, path, tx, now, out) else { return };
        self.transactions.set_owner(tx, Owner::Offer(id));
        self.clocks.set((id, Clock::Trying), now.mono + PATIENCE);
        self.take_offer(id, request, tx, false, offer, refreshing, out);
    }

    /// True when no other offer is under way; otherwise the request is refused (RFC 3261 section 14.2, RFC 3311 section 5.2).
    fn may_offer(&mut self, id: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        match (session.phase, &session.exchange) {
            (Phase::Leaving | Phase::Parting, _) => self.refuse(request, tx, Status(481), now, out),
            (Phase::Ringing, Exchange::Settled)
                if session.promised.as_ref().is_some_and(|promised| promised.takes_offers()) =>
            {
                return true;
            }
            (Phase::Ringing, _) | (_, Exchange::Theirs { .. }) => {
                let seconds = self.rng.below(11).to_string();
                self.refuse_with(request, tx, Status(500), &[(Header::RetryAfter, &seconds)], now, out);
            }
            (Phase::Proceeding, Exchange::Settled) if session.settled_early(request.from_().tag()) => return true,
            (Phase::Confirmed, Exchange::Settled | Exchange::Glare { .. }) if session.unacknowledged.is_none() => return true,
            _ => self.refuse(request, tx, Status(491), now, out),
        }
        false
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn take_offer(
        &mut self,
        id: DialogId,
        request: &Request,
        tx: TxId,
        is_invite: bool,
        offer: Option<crate::sdp::Description>,
        refreshing: Option<Refreshing>,
        out: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.dialog.refresh(&request.headers);
        session.note_abilities(&request.headers);
        if let (Phase::Proceeding, Some(heeded)) = (session.phase, &mut session.heeded) {
            heeded.offered = offer.clone();
        }
        let mut response = Response::to(request, Status(200));
        response.headers.copy(&request.headers, Header::RecordRoute);
        refresh::confirm(&mut response, refreshing);
        let theirs = Exchange::Theirs {
            tx,
            response: Box::new(response),
            cseq: request.cseq().number,
            is_invite,
            offered: offer.is_some(),
            refreshing,
        };
        if let Exchange::Glare { sdp, .. } = std::mem::replace(&mut session.exchange, theirs) {
            // Theirs came first; ours is made when it is settled.
            session.next_offer.get_or_insert(sdp);
            self.clocks.cancel(&(id, Clock::Glare));
        }
        out.push(Output::Event(Event::Offer { dialog: id, offer }));
        self.look_up(id, out);
    }

    /// They took their re-INVITE back; the session goes on as it was.
    pub(super) fn offer_cancelled(&mut self, id: DialogId, invite: TxId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match std::mem::take(&mut session.exchange) {
            Exchange::Theirs { tx, response, .. } if tx == invite => {
                self.refuse_prepared(tx, *response, Status(487), now, out);
                self.offer_next(id, now, out);
            }
            other => session.exchange = other,
        }
    }

    /// Digits by INFO, in the two forms that phones use; nothing else is understood.
    fn info(&mut self, id: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        if request.body.is_empty() {
            return self.say(tx, Response::to(request, Status(200)), now, out);
        }
        let body = String::from_utf8_lossy(&request.body);
        let pressed = match request.content_type().as_deref() {
            Some("application/dtmf-relay") => relay(&body),
            Some("application/dtmf") => signal(&body).map(|digit| (digit, USUAL_DIGIT)),
            _ => {
                let understood = [(Header::Accept, "application/dtmf-relay, application/dtmf")];
                return self.refuse_with(request, tx, Status(415), &understood, now, out);
            }
        };
        let Some((digit, duration)) = pressed else { return self.refuse(request, tx, Status(400), now, out) };
        self.say(tx, Response::to(request, Status(200)), now, out);
        out.push(Output::Event(Event::Digit { dialog: id, digit, duration }));
    }
}

/// `Signal=5` and `Duration=160` (milliseconds), a line each.
fn relay(body: &str) -> Option<(char, Duration)> {
    let value = |wanted: &str| {
        let mut pairs = body.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let millis = value("Duration").and_then(|millis| millis.parse().ok());
    let duration = millis.map_or(USUAL_DIGIT, Duration::from_millis).min(LONGEST_DIGIT);
    Some((signal(value("Signal")?)?, duration))
}

/// A key by its face, or by its event number (RFC 4733 section 3.2).
fn signal(text: &str) -> Option<char> {
    match text.trim() {
        "10" => Some('*'),
        "11" => Some('#'),
        "12" => Some('A'),
        "13" => Some('B'),
        "14" => Some('C'),
        "15" => Some('D'),
        text => {
            let mut letters = text.chars();
            let letter = letters.next()?.to_ascii_uppercase();
            let is_key = matches!(letter, '0'..='9' | '*' | '#' | 'A'..='D');
            (is_key && letters.next().is_none()).then_some(letter)
        }
    }
}
