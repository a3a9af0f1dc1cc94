//! Requests that come from outside, up to the point where a session takes them (RFC 3261 section 8.2).
//!
//! ```text
//!   request -> again? -> ACK? -> too many? -> CANCEL? -> in a dialog? -> method -> scheme -> merged -> who -> extensions -> body
//! ```
//!
//! Invariant: a call reaches the exchange only when its caller is proved, by digest or by the address of a trunk.

use super::auth::{Claim, Verdict};
use super::carried;
use super::dialog::Dialog;
use super::endpoint::{ALLOW, Endpoint, SUPPORTED, introduce};
use super::message::{Body, Method, Name as Header, NameAddr, Request, Response, Scheme};
use super::refresh::Refreshing;
use super::registrar::Registration;
use super::reliable::OPTION;
use super::session::{Clock, Event as Happens, Exchange, Phase, Session, UNAVAILABLE};
use super::transaction::{Owner, TxId, request_key};
use super::{DialogId, Ending, Event, IncomingCall, Output, Party, Path, Rejection, Source, Status, Transport};
use crate::id::Name;
use crate::sdp::{self, Description};
use crate::time::{Duration, Now};

/// Sessions at once; one call more is refused. The exchange has its own, lower limit.
pub const MAX_SESSIONS: usize = 20_000;
/// Bytes of a User-Agent that are kept.
pub(super) const MAX_AGENT: usize = 128;
/// When to come again after a refusal for lack of room.
pub(super) const RETRY_AFTER: &str = "5";
/// A proxy waits three minutes for a sign of life; it is given one each minute (RFC 3261 section 13.3.1.1).
pub(super) const REMIND: Duration = Duration::from_secs(60);

impl Endpoint {
    pub(super) fn request(&mut self, request: Request, path: Path, now: Now, out: &mut Vec<Output>) {
        if request.method == Method::Ack {
            return self.ack(&request, path, now, out);
        }
        let key = request_key(&request, &request.method);
        if let Some(tx) = self.transactions.find(&key) {
            return self.transactions.again(tx, now.mono, out);
        }
        // What belongs to a call, or ends one, is never turned away.
        let is_new = request.to_().tag().is_none() && request.method != Method::Cancel;
        if is_new && self.transactions.is_full() {
            return self.overloaded(&request, path, out);
        }
        let tx = self.transactions.open(key, &request, path);
        if request.method == Method::Cancel {
            self.cancel(&request, path, tx, now, out);
        } else if request.to_().tag().is_some() {
            self.in_dialog(request, path, tx, now, out);
        } else {
            self.out_of_dialog(request, path, tx, now, out);
        }
    }

    /// Refused without a transaction, before anything is remembered of it.
    fn overloaded(&mut self, request: &Request, path: Path, out: &mut Vec<Output>) {
        let mut response = Response::to(request, Status(503));
        response.set_to_tag(&self.rng.hex(10));
        response.headers.set(Header::RetryAfter, RETRY_AFTER);
        let fallback = super::paths::response_fallback(request, path);
        let way = super::paths::response_path(request, path);
        self.transactions.streams.transmit(way, fallback, response.to_bytes(), out);
        self.rejected(path, Status(503), Rejection::Limit("unfinished transactions".to_string()), out);
    }

    fn out_of_dialog(&mut self, request: Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        match request.method {
            Method::Invite | Method::Register | Method::Options | Method::Subscribe => {}
            Method::Bye | Method::Prack | Method::Info | Method::Update | Method::Notify => {
                return self.refuse(&request, tx, Status(481), now, out);
            }
            // Only who is in a call with us may ask for another one.
            Method::Refer => return self.refuse(&request, tx, Status(403), now, out),
            Method::Other(ref method) => {
                let why = Rejection::Unsupported(format!("the method {method}"));
                self.rejected(path, Status(501), why, out);
                return self.refuse_with(&request, tx, Status(501), &[(Header::Allow, ALLOW)], now, out);
            }
            _ => return self.refuse_with(&request, tx, Status(405), &[(Header::Allow, ALLOW)], now, out),
        }
        if !takes(request.uri.scheme(), path.transport) {
            return self.refuse(&request, tx, Status(416), now, out);
        }
        match request.method {
            Method::Invite => self.invite(request, path, tx, now, out),
            Method::Register => self.register_request(&request, path, tx, now, out),
            Method::Subscribe => self.subscribe_came(request, path, tx, now, out),
            _ => self.options(&request, tx, now, out),
        }
    }

    /// True when the request needs nothing that we do not have; otherwise it is refused (RFC 3261 section 8.2.2.3).
    pub(super) fn has_extensions(&mut self, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) -> bool {
        let ours: Vec<&str> = SUPPORTED.split(", ").collect();
        let mut foreign = request.require();
        let is_ours = |option: &str| ours.iter().chain([&OPTION]).any(|known| known.eq_ignore_ascii_case(option));
        foreign.retain(|option| !is_ours(option));
        if !foreign.is_empty() {
            self.refuse_with(request, tx, Status(420), &[(Header::Unsupported, &foreign.join(", "))], now, out);
        }
        foreign.is_empty()
    }

    /// Are you there, and what can you do? Answered to anybody: trunks ask before they know us.
    pub(super) fn options(&mut self, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        if self.has_extensions(request, tx, now, out) {
            let mut response = Response::to(request, Status(200));
            introduce(&mut response);
            self.say(tx, response, now, out);
        }
    }

    fn invite(&mut self, request: Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        // Before the credentials are looked at: the second copy carries the same nonce count, and is no replay.
        let merge_key = merge_key(&request);
        if self.transactions.merged(&merge_key).is_some() {
            return self.refuse(&request, tx, Status(482), now, out);
        }
        if self.is_our_own(&request) {
            return self.refuse(&request, tx, Status(482), now, out);
        }
        let Some(source) = self.who(&request, path, tx, now, out) else { return };
        if request.contacts().is_empty() && request.via().is_3261() {
            // RFC 3261 section 8.1.1.8; who speaks RFC 2543 need not give one.
            self.rejected(path, Status(400), Rejection::Malformed("an INVITE without Contact".to_string()), out);
            return self.refuse(&request, tx, Status(400), now, out);
        }
        if !self.has_extensions(&request, tx, now, out) {
            return;
        }
        let Some(offer) = self.offer_of(&request, path, tx, now, out) else { return };
        let replaces = match self.replaced_by(&request) {
            Ok(replaces) => replaces,
            Err(status) => return self.refuse(&request, tx, status, now, out),
        };
        if self.sessions.len() >= MAX_SESSIONS {
            self.rejected(path, Status(503), Rejection::Limit("dialogs".to_string()), out);
            return self.refuse_with(&request, tx, Status(503), &[(Header::RetryAfter, RETRY_AFTER)], now, out);
        }
        let Some(refreshing) = self.agree_interval(&request, tx, now, out) else { return };
        self.transactions.set_merge_key(tx, merge_key);
        self.ring(&request, path, tx, source, offer, replaces, refreshing, now, out);
    }

    /// An INVITE that we have sent ourselves, and that came back to us: a loop (RFC 3261 section 16.3, item 4).
    fn is_our_own(&self, request: &Request) -> bool {
        let sender = request.from_().tag().and_then(|tag| self.by_tag.get(tag));
        sender.and_then(|id| self.sessions.get(id)).is_some_and(|session| session.dialog.call_id == request.call_id())
    }

    /// A new session, and the exchange is told.
    #[allow(clippy::too_many_arguments)]
    fn ring(
        &mut self,
        request: &Request,
        path: Path,
        tx: TxId,
        source: Source,
        offer: Option<Description>,
        replaces: Option<DialogId>,
        refreshing: Option<Refreshing>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let dialog = self.reserve();
        let tag = self.rng.hex(16);
        let offered = offer.is_some();
        self.transactions.set_owner(tx, Owner::Invite(dialog));
        let trying = Response::to(request, Status(100));
        self.transactions.say(tx, Status(100), trying.to_bytes(), now.mono, out);
        let mut response = Response::to(request, Status(200));
        response.set_to_tag(&tag);
        response.headers.copy(&request.headers, Header::RecordRoute);
        let mut carried = carried::read(&request.headers);
        let mut from = Party { display: request.from_().display.clone(), user: request.from_().uri.subscriber() };
        if let Source::Extension(user) = &source
            && is_anonymous(request.from_())
        {
            // Who it is we know by the credentials, and tell nobody.
            from = Party { display: String::new(), user: user.to_string() };
            carried.withheld = true;
        }
        let call = IncomingCall {
            source: source.clone(),
            from,
            dialled: request.uri.subscriber(),
            to: request.to_().uri.subscriber(),
            sip_call_id: request.call_id().to_string(),
            path,
            offer,
            user_agent: request.user_agent().unwrap_or_default().chars().take(MAX_AGENT).collect(),
            carried,
            replaces,
        };
        let follows_contact = matches!(source, Source::Trunk(_));
        let session = Session {
            phase: Phase::Ringing,
            dialog: Dialog::of_invite(request, &tag, path, self.settings.told.address(&path), follows_contact),
            is_ours: false,
            source: Some(source),
            invite: Some(tx),
            response: Some(Box::new(response)),
            invite_cseq: request.cseq().number,
            offered,
            unacknowledged: None,
            exchange: Exchange::Settled,
            next_offer: None,
            ending: Ending::Ours,
            reason: None,
            refusal: UNAVAILABLE,
            owed: None,
            challenges: 0,
            early_tag: None,
            promised: self.promise(request),
            heeded: None,
            refreshing,
            takes_updates: request.allow().contains(&Method::Update),
            is_lengthened: false,
            local: None,
            is_referring: false,
            credentials: None,
            proof: None,
        };
        self.transactions.visited.session(Phase::Ringing);
        self.sessions.insert(dialog, Box::new(session));
        self.by_tag.insert(tag, dialog);
        self.clocks.set((dialog, Clock::Remind), now.mono + REMIND);
        if let Some(seconds) = request.expires() {
            self.clocks.set((dialog, Clock::Ring), now.mono + Duration::from_secs(seconds.max(1).into()));
        }
        out.push(Output::Event(Event::Invite { dialog, call: Box::new(call) }));
        self.look_up(dialog, out);
    }

    /// Who calls. `None` when that is not proved: then the request has been answered.
    pub(super) fn who(&mut self, request: &Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) -> Option<Source> {
        let from = request.from_().uri.subscriber();
        let is_local = self.settings.users.contains_key(&*from);
        if let Some(trunk) = self.trunk_at(path.remote.ip())
            && !is_local
        {
            return Some(Source::Trunk(trunk.clone()));
        }
        let user = self.prove(request, path, tx, now, out)?;
        if *user != *from.as_str() && !is_anonymous(request.from_()) {
            self.forbid(request, path, tx, &user, now, out);
            return None;
        }
        Some(Source::Extension(user))
    }

    /// The user whose digest the request bears. `None`: it has been challenged.
    fn prove(&mut self, request: &Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) -> Option<Name> {
        let algorithms = self.algorithms(path).to_vec();
        let source = path.remote.ip();
        let claim = Claim {
            method: request.method.as_str(),
            uri: &request.uri,
            credentials: &request.authorization(),
            algorithms: &algorithms,
            source,
        };
        let (stale, why) = match self.guard.verify(claim, &self.settings, now.mono) {
            Verdict::Proved(user) => return Some(user),
            Verdict::Ask { stale, why } => (stale, why),
        };
        if let Some(why) = why {
            self.rejected(path, Status(401), why, out);
        }
        let mut response = Response::to(request, Status(401));
        let realm = &self.settings.realm;
        for challenge in self.guard.challenges(realm, &algorithms, source, stale, &mut self.rng, now.mono) {
            response.headers.push(Header::WwwAuthenticate, challenge.to_string());
        }
        self.say(tx, response, now, out);
        None
    }

    /// The secret is right, but somebody else's name was written.
    fn forbid(&mut self, request: &Request, path: Path, tx: TxId, user: &Name, now: Now, out: &mut Vec<Output>) {
        self.rejected(path, Status(403), Rejection::BadCredentials { user: user.to_string() }, out);
        self.refuse(request, tx, Status(403), now, out);
    }

    /// The offer in a request's body: `Some(None)` when it has no body. `None`: it has been refused.
    pub(super) fn offer_of(
        &mut self,
        request: &Request,
        path: Path,
        tx: TxId,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Option<Option<Description>> {
        if !request.headers.accepts("application/sdp") {
            self.refuse(request, tx, Status(406), now, out);
            return None;
        }
        let written = match Body::of(&request.headers, &request.body) {
            Body::Nothing => return Some(None),
            Body::Sdp(written) => written,
            Body::Foreign => {
                let understood = [(Header::Accept, "application/sdp"), (Header::AcceptEncoding, "identity")];
                self.refuse_with(request, tx, Status(415), &understood, now, out);
                return None;
            }
        };
        match sdp::parse(written) {
            Ok(offer) => Some(Some(offer)),
            Err(fault) => {
                self.rejected(path, Status(400), Rejection::Malformed(fault.to_string()), out);
                self.refuse(request, tx, Status(400), now, out);
                None
            }
        }
    }

    fn register_request(&mut self, request: &Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        if !request.to_().uri.is_sip() {
            return self.refuse(request, tx, Status(400), now, out);
        }
        let Some(user) = self.prove(request, path, tx, now, out) else { return };
        if *user != *request.to_().uri.user() {
            return self.forbid(request, path, tx, &user, now, out);
        }
        if !self.has_extensions(request, tx, now, out) {
            return;
        }
        let agent: String = request.user_agent().unwrap_or_default().chars().take(MAX_AGENT).collect();
        let asked = Registration {
            user: &user,
            contacts: request.contacts(),
            star: request.is_star(),
            expires: request.expires(),
            sip_call_id: request.call_id(),
            cseq: request.cseq().number,
            path,
            is_translated: request.via().rport().is_some() && request.via().port_or_default() != path.remote.port(),
            user_agent: &agent,
        };
        match self.registrar.register(asked, &self.settings.registrar, now, out) {
            Ok(()) => {
                let mut response = Response::to(request, Status(200));
                for contact in self.registrar.contacts(&user, now.mono) {
                    response.headers.push(Header::Contact, contact.to_string());
                }
                self.say(tx, response, now, out);
            }
            Err(Status(423)) => {
                let least = self.settings.registrar.min_expires.as_secs().to_string();
                self.refuse_with(request, tx, Status(423), &[(Header::MinExpires, &least)], now, out);
            }
            Err(status) => self.refuse(request, tx, status, now, out),
        }
    }

    /// CANCEL takes back an INVITE that has not been answered (RFC 3261 section 9.2).
    fn cancel(&mut self, request: &Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let invite = self.transactions.find(&request_key(request, &Method::Invite));
        let is_from_there = |tx: &TxId| self.transactions.path(*tx).is_some_and(|its| its.remote.ip() == path.remote.ip());
        let Some(invite) = invite.filter(is_from_there) else {
            return self.refuse(request, tx, Status(481), now, out);
        };
        let mut response = Response::to(request, Status(200));
        match self.transactions.owner(invite) {
            Some(Owner::Invite(dialog)) if self.transactions.is_unanswered(invite) => {
                // The 200 has the tag that the 487 will have.
                if let Some(session) = self.sessions.get_mut(&dialog) {
                    response.set_to_tag(session.dialog.local.tag().unwrap_or_default());
                    session.ending = Ending::Cancelled;
                }
                self.say(tx, response, now, out);
                self.advance(dialog, Happens::Cancel, now, out);
            }
            Some(Owner::Offer(dialog)) if self.transactions.is_unanswered(invite) => {
                self.say(tx, response, now, out);
                self.offer_cancelled(dialog, invite, now, out);
            }
            // Answered already: the CANCEL came too late and changes nothing.
            _ => self.say(tx, response, now, out),
        }
    }

    // ---- Saying.

    pub(super) fn refuse(&mut self, request: &Request, tx: TxId, status: Status, now: Now, out: &mut Vec<Output>) {
        self.refuse_with(request, tx, status, &[], now, out);
    }

    pub(super) fn refuse_with(
        &mut self,
        request: &Request,
        tx: TxId,
        status: Status,
        headers: &[(Header, &str)],
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let mut response = Response::to(request, status);
        for (name, value) in headers {
            response.headers.set(name.clone(), value);
        }
        self.say(tx, response, now, out);
    }

    /// Every answer but 100 has a tag of ours in To (RFC 3261 section 8.2.6.2).
    pub(super) fn say(&mut self, tx: TxId, mut response: Response, now: Now, out: &mut Vec<Output>) {
        response.set_to_tag(&self.rng.hex(10));
        if response.cseq().method == Method::Invite && !response.status.is_success() {
            self.transactions.set_merge_key(tx, refused_key(response.from_(), response.call_id(), response.cseq().number));
        }
        self.transactions.say(tx, response.status, response.to_bytes(), now.mono, out);
    }
}

/// `sips:` promises TLS on each hop (RFC 3261 section 26.2.2, RFC 5630): over anything else we do not know that scheme.
fn takes(scheme: Scheme, transport: Transport) -> bool {
    match scheme {
        Scheme::Sip | Scheme::Tel => true,
        Scheme::Sips => matches!(transport, Transport::Tls | Transport::Wss),
        Scheme::Other => false,
    }
}

/// What two copies of one request share that came by different ways (RFC 3261 section 8.2.2.2).
fn merge_key(request: &Request) -> String {
    merged_key(request.from_(), request.call_id(), request.cseq().number, &request.method)
}

/// The INVITE that an ACK refuses to name by its branch: SIPp and some gateways write one of their own into the ACK of a refusal,
/// against RFC 3261 section 17.1.1.3, and would be sent their refusal again and again.
pub(super) fn invites_of(ack: &Request) -> [String; 2] {
    let (from, call_id, number) = (ack.from_(), ack.call_id(), ack.cseq().number);
    [refused_key(from, call_id, number), merged_key(from, call_id, number, &Method::Invite)]
}

/// Not the key of a merged copy: who is challenged may come again with the same CSeq.
fn refused_key(from: &NameAddr, call_id: &str, number: u32) -> String {
    format!("{}|{call_id}|{number}|refused", from.tag().unwrap_or_default())
}

fn merged_key(from: &NameAddr, call_id: &str, number: u32, method: &Method) -> String {
    format!("{}|{call_id}|{number}|{method}", from.tag().unwrap_or_default())
}

/// What a phone writes that hides who calls (RFC 3323 section 4.1.1.3); some write it before their own host.
fn is_anonymous(from: &NameAddr) -> bool {
    from.uri.user().eq_ignore_ascii_case("anonymous")
}
