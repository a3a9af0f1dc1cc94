//! Our calls: the INVITE that we send and everything that may come back (RFC 3261 section 13.2).
//!
//! Invariant: every 2xx to an INVITE of ours is acknowledged, also one that nobody waits for any more; and what it opened
//! besides the one session is closed by BYE.

use super::carried;
use super::dialog::{Dialog, port_of};
use super::digest;
use super::endpoint::{ALLOW, Endpoint, SUPPORTED};
use super::life::description;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use super::paths;
use super::refresh;
use super::registrar::without_headers;
use super::reliable::{Heed, OPTION};
use super::session::{Clock, Event as Happens, Exchange, Phase, Session, UNAVAILABLE};
use super::transaction::{Answer, Heard, Notice, Owner, TxId};
use super::{DialogId, Ending, Event, OutgoingCall, Output, Path, Status, Transport};
use crate::time::{Duration, Now};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// How often one request is sent again with credentials: once for each algorithm that may be asked.
pub(super) const MAX_CHALLENGES: u8 = 2;
/// Contacts of a redirection that are passed on.
const MAX_REDIRECTS: usize = 5;

impl Endpoint {
    pub(super) fn call(&mut self, id: DialogId, call: OutgoingCall, now: Now, out: &mut Vec<Output>) {
        if self.sessions.contains_key(&id) {
            return;
        }
        if call.carried.hops == 0 {
            let ending = Ending::Refused { status: Status(483), contacts: Vec::new(), retry_after: None };
            return out.push(Output::Event(Event::Ended { dialog: id, ending }));
        }
        let target = without_headers(&call.target);
        let Some((path, is_known)) = first_way(&call, &target) else {
            // An address that no INVITE can be sent to.
            out.push(Output::Event(Event::Ended { dialog: id, ending: Ending::Unreachable }));
            return;
        };
        let tag = self.rng.hex(16);
        let ours = self.settings.told.address(&path);
        let host = call.domain.clone().unwrap_or_else(|| ours.ip().to_string());
        let local = carried::from_address(&call.from, &host, call.carried.withheld).with_tag(&tag);
        let remote = NameAddr::new(called(&call, &target)).with_display(&call.to.display);
        let mut dialog = Dialog {
            call_id: self.rng.hex(32),
            local,
            remote,
            local_cseq: self.rng.below(1 << 16),
            remote_cseq: None,
            target,
            routes: Vec::new(),
            path,
            ours,
            follows_contact: call.path.is_none(),
            resolved: None,
            // The Contact of a caller who is not to be known says nothing either.
            user: if call.carried.withheld { String::new() } else { call.from.user },
        };
        let mut invite = dialog.request(Method::Invite);
        invite.headers.set(Header::Allow, ALLOW);
        // A reliable answer to a call without an offer would have to make it, and be answered in its PRACK.
        let supported = if call.sdp.is_some() { format!("{SUPPORTED}, {OPTION}") } else { SUPPORTED.to_string() };
        invite.headers.set(Header::Supported, supported);
        carried::write(&call.carried, call.diversion_header, &host, &mut invite);
        refresh::ask(&mut invite, &self.settings.session, None);
        if let Some(sdp) = &call.sdp {
            invite.set_body("application/sdp", sdp.to_bytes());
        }
        let session = Session {
            phase: Phase::Resolving,
            is_ours: true,
            source: None,
            invite: None,
            response: None,
            invite_cseq: dialog.local_cseq,
            offered: call.sdp.is_some(),
            unacknowledged: None,
            exchange: Exchange::Settled,
            next_offer: None,
            ending: Ending::Ours,
            reason: None,
            refusal: UNAVAILABLE,
            owed: None,
            challenges: 0,
            early_tag: None,
            promised: None,
            heeded: None,
            refreshing: None,
            takes_updates: false,
            is_lengthened: false,
            local: call.sdp.map(Box::new),
            is_referring: false,
            credentials: call.credentials.map(Box::new),
            proof: None,
            dialog,
        };
        self.transactions.visited.session(Phase::Resolving);
        self.sessions.insert(id, Box::new(session));
        self.by_tag.insert(tag, id);
        self.unsent.insert(id, invite);
        self.clocks.set((id, Clock::Ring), now.mono + call.ring);
        if is_known { self.advance(id, Happens::Found, now, out) } else { self.look_up(id, out) }
    }

    pub(super) fn send_invite(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let (Some(invite), Some(session)) = (self.unsent.remove(&id), self.sessions.get_mut(&id)) else { return };
        let path = session.dialog.path;
        let tx = self.transactions.send(invite, path, Owner::Invite(id), &mut self.rng, now.mono, out);
        session.invite = Some(tx);
    }

    /// The ACK of the 2xx that began the session; with our answer, when the 2xx made the offer.
    pub(super) fn send_ack(&mut self, id: DialogId, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (Some(tx), cseq) = (session.invite.take(), session.invite_cseq) else { return };
        let mut ack = session.dialog.request_numbered(Method::Ack, cseq);
        if let Some((name, value)) = session.proof.take() {
            ack.headers.set(name, value);
        }
        if let Some(sdp) = session.owed.take() {
            ack.set_body("application/sdp", sdp.to_bytes());
        }
        self.clocks.cancel(&(id, Clock::Ring));
        self.acknowledge(id, tx, ack, out);
    }

    /// Sends the ACK of a 2xx, now and whenever the 2xx comes again.
    pub(super) fn acknowledge(&mut self, id: DialogId, tx: TxId, ack: Request, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let tag = session.dialog.remote.tag().unwrap_or_default().to_string();
        let way = self.living_way(&session.dialog);
        self.acknowledge_by(tx, &tag, way, ack, out);
    }

    fn acknowledge_by(&mut self, tx: TxId, tag: &str, way: Path, mut ack: Request, out: &mut Vec<Output>) {
        let branch = format!("z9hG4bK{}", self.rng.hex(20));
        ack.push_via(&super::message::Via::new(way.transport.token(), self.settings.told.address(&way), &branch));
        self.transactions.acknowledge(tx, tag, way, ack.to_bytes(), out);
    }

    pub(super) fn send_cancel(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        self.clocks.cancel(&(id, Clock::Ring));
        let Some(session) = self.sessions.get(&id) else { return };
        if let Some(tx) = session.invite {
            self.transactions.cancel(tx, session.reason.as_deref(), now.mono, out);
        }
    }

    /// A response to the INVITE that began a session of ours.
    pub(super) fn invite_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        let Answer { notice, response } = answer;
        let sdp = description(&response.headers, &response.body);
        let is_current = self.sessions.get(&id).is_some_and(|session| session.invite == Some(notice.tx));
        match response.status.0 {
            ..=199 if is_current => {
                if let (Some(session), Some(tag)) = (self.sessions.get_mut(&id), response.to_().tag()) {
                    session.early_tag = Some(tag.to_string());
                }
                self.advance(id, Happens::Provisional, now, out);
                if self.heed(id, response, now, out) == Heed::Drop {
                    return;
                }
                let is_wanted = self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Proceeding);
                if is_wanted && response.status.0 > 100 {
                    out.push(Output::Event(Event::Progress { dialog: id, status: response.status, sdp }));
                }
            }
            ..=199 => {}
            200..=299 => self.invite_accepted(id, notice.tx, is_current, response, sdp, now, out),
            _ if !is_current => {}
            401 | 407 if self.challenged(id, answer, now, out) => {}
            422 if self.lengthened(id, answer, now, out) => {}
            _ => {
                if let Some(session) = self.sessions.get_mut(&id)
                    && matches!(session.phase, Phase::Calling | Phase::Proceeding)
                {
                    session.ending = match response.status {
                        Status(408) => Ending::Timeout,
                        status => Ending::Refused {
                            status,
                            contacts: redirects(response),
                            retry_after: response.retry_after().map(|seconds| Duration::from_secs(u64::from(seconds))),
                        },
                    };
                }
                self.advance(id, Happens::Failure, now, out);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn invite_accepted(
        &mut self,
        id: DialogId,
        tx: TxId,
        is_current: bool,
        response: &Response,
        sdp: Option<crate::sdp::Description>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get_mut(&id).filter(|_| is_current) else {
            // Another branch of a forked call answered too, or the session is over.
            return self.turn_away(tx, response, true, now, out);
        };
        if session.phase == Phase::Owing {
            if session.dialog.remote.tag() != response.to_().tag() {
                self.turn_away(tx, response, true, now, out);
            }
            return;
        }
        let tag = response.to_().tag();
        if !session.settled_early(tag) {
            // Their requests so far, if there were any, came from another who rang.
            session.dialog.remote_cseq = None;
        }
        session.dialog.answered(&response.headers);
        session.challenges = 0;
        let sdp = match &session.heeded {
            Some(heeded) => heeded.standing(tag, sdp),
            None => sdp,
        };
        let event = match (session.offered, &sdp) {
            (true, Some(_)) => Happens::Success,
            (false, Some(_)) => Happens::SuccessWithOffer,
            (_, None) => Happens::SuccessWithoutAnswer,
        };
        if event == Happens::SuccessWithoutAnswer && matches!(session.phase, Phase::Calling | Phase::Proceeding) {
            session.ending = Ending::Refused { status: Status(488), contacts: Vec::new(), retry_after: None };
        }
        self.refreshed_by(id, response, now);
        self.look_up(id, out);
        self.advance(id, event, now, out);
        match self.sessions.get(&id).map(|session| session.phase) {
            Some(Phase::Confirmed) => {
                out.push(Output::Event(Event::Accepted { dialog: id, sdp }));
                self.offer_next(id, now, out);
            }
            Some(Phase::Owing) => {
                self.clocks.cancel(&(id, Clock::Ring));
                out.push(Output::Event(Event::Offer { dialog: id, offer: sdp }));
            }
            _ => {}
        }
    }

    /// A 2xx that no session takes is acknowledged; what an INVITE of a new session opened is closed at once.
    pub(super) fn turn_away(&mut self, tx: TxId, response: &Response, is_new: bool, now: Now, out: &mut Vec<Output>) {
        let Some(path) = self.transactions.path(tx) else { return };
        let mut dialog = Dialog {
            call_id: response.call_id().to_string(),
            local: response.from_().clone(),
            remote: response.to_().clone(),
            local_cseq: response.cseq().number,
            remote_cseq: None,
            target: response.to_().uri.clone(),
            routes: Vec::new(),
            path,
            ours: self.settings.told.address(&path),
            follows_contact: true,
            resolved: None,
            user: response.from_().uri.user().into_owned(),
        };
        dialog.answered(&response.headers);
        let way = dialog.way();
        let ack = dialog.request_numbered(Method::Ack, response.cseq().number);
        self.acknowledge_by(tx, response.to_().tag().unwrap_or_default(), way, ack, out);
        if is_new {
            let bye = dialog.request(Method::Bye);
            self.transactions.send(bye, way, Owner::Nobody, &mut self.rng, now.mono, out);
        }
    }

    /// Our INVITE got no answer, or could not be sent.
    pub(super) fn invite_failed(&mut self, id: DialogId, heard: Heard, now: Now, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&id)
            && matches!(session.phase, Phase::Calling | Phase::Proceeding)
        {
            session.ending = if heard == Heard::Unreachable { Ending::Unreachable } else { Ending::Timeout };
        }
        self.advance(id, Happens::Failure, now, out);
    }

    /// Sends a request of the session again with credentials. False when there are none, or they were not good enough.
    pub(super) fn challenged(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) -> bool {
        let Answer { notice, response } = answer;
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let (Some(credentials), Some(sent)) = (&session.credentials, &notice.request) else { return false };
        let is_unwanted = session.invite == Some(notice.tx) && !matches!(session.phase, Phase::Calling | Phase::Proceeding);
        if session.challenges >= MAX_CHALLENGES || is_unwanted {
            return false;
        }
        let (mut request, path) = (**sent).clone();
        if !answer_challenge(&mut request, response, credentials, &mut self.rng) {
            return false;
        }
        session.challenges += 1;
        self.send_again(id, notice, request, path, now, out);
        true
    }

    /// 422: our INVITE once more, with the interval that the peer wants (RFC 4028 section 7.4).
    fn lengthened(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) -> bool {
        let Answer { notice, response } = answer;
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let is_wanted = matches!(session.phase, Phase::Calling | Phase::Proceeding) && !session.is_lengthened;
        let Some((request, path)) = notice.request.as_deref().filter(|_| is_wanted) else { return false };
        let mut request = request.clone();
        if !refresh::ask_longer(&mut request, response) {
            return false;
        }
        session.is_lengthened = true;
        self.send_again(id, notice, request, *path, now, out);
        true
    }

    /// A request of the session as a new transaction with the next number, in the place of the refused one.
    fn send_again(&mut self, id: DialogId, notice: &Notice, mut request: Request, path: Path, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.dialog.local_cseq += 1;
        let cseq = session.dialog.local_cseq;
        request.set_cseq(cseq);
        if session.invite == Some(notice.tx) {
            let proof = |name: Header| request.headers.get(name.clone()).map(|value| (name, value.to_vec()));
            session.proof = proof(Header::Authorization).or_else(|| proof(Header::ProxyAuthorization));
        }
        let tx = self.transactions.send(request, path, notice.owner, &mut self.rng, now.mono, out);
        if session.invite == Some(notice.tx) {
            session.invite = Some(tx);
            session.invite_cseq = cseq;
            self.advance(id, Happens::Challenged, now, out);
        } else if let Exchange::Ours { tx: of_offer, cseq: number, .. } = &mut session.exchange
            && *of_offer == notice.tx
        {
            *of_offer = tx;
            *number = cseq;
        }
    }

    pub(super) fn bye_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        match answer.response.status.0 {
            ..=199 => {}
            401 | 407 if self.challenged(id, answer, now, out) => {}
            _ => self.advance(id, Happens::Left, now, out),
        }
    }

    /// The answer to a probe or a digit.
    pub(super) fn in_dialog_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        let Answer { notice, response } = answer;
        match response.status.0 {
            ..=199 => {}
            401 | 407 if self.challenged(id, answer, now, out) => {}
            408 => self.in_dialog_failed(id, Heard::Timeout, now, out),
            481 => self.gone(id, Ending::Gone, now, out),
            _ => {
                let Some(session) = self.sessions.get_mut(&id) else { return };
                session.challenges = 0;
                if matches!(notice.owner, Owner::Probe(_)) && session.phase == Phase::Confirmed {
                    out.push(Output::Event(Event::Alive { dialog: id }));
                }
            }
        }
    }

    /// A request inside the session was not answered in time, or could not be sent (RFC 3261 section 12.2.1.2).
    pub(super) fn in_dialog_failed(&mut self, id: DialogId, heard: Heard, now: Now, out: &mut Vec<Output>) {
        if heard == Heard::Unreachable {
            return self.gone(id, Ending::Unreachable, now, out);
        }
        if let Some(session) = self.sessions.get_mut(&id)
            && session.phase == Phase::Confirmed
        {
            session.ending = Ending::Timeout;
            self.advance(id, Happens::Silent, now, out);
        }
    }

    pub(super) fn gone(&mut self, id: DialogId, ending: Ending, now: Now, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&id)
            && matches!(session.phase, Phase::Answered | Phase::Confirmed)
        {
            session.ending = ending;
            self.advance(id, Happens::Gone, now, out);
        }
    }
}

/// Puts our answer to a challenge into a request that is to be sent anew. False when it asks for what we do not speak.
pub(super) fn answer_challenge(
    request: &mut Request,
    response: &Response,
    credentials: &super::Credentials,
    rng: &mut crate::id::Rng,
) -> bool {
    let is_proxy = response.status == Status(407);
    let challenges = if is_proxy { response.proxy_authenticate() } else { response.www_authenticate() };
    let (method, uri) = (request.method.as_str(), request.uri.as_str());
    let challenges: Vec<_> = challenges.into_iter().filter(|challenge| credentials.are_for(challenge.get("realm"))).collect();
    let Some(answer) = digest::respond(&challenges, credentials, method, uri, rng) else { return false };
    request.headers.remove(Header::Via);
    if is_proxy {
        request.set_proxy_authorization(&answer)
    } else {
        request.set_authorization(&answer)
    }
    true
}

/// Where the INVITE goes first, and whether that is known already. `None`: nowhere.
fn first_way(call: &OutgoingCall, target: &Uri) -> Option<(Path, bool)> {
    if let Some(path) = call.path {
        return Some((path, true));
    }
    if !target.is_sip() {
        return None;
    }
    let transport = match target.transport().as_deref() {
        Some("tcp") => Transport::Tcp,
        Some("tls") => Transport::Tls,
        Some("ws") => Transport::Ws,
        Some("wss") => Transport::Wss,
        _ if target.scheme() == super::message::Scheme::Sips => Transport::Tls,
        _ => Transport::Udp,
    };
    let port = port_of(target, transport);
    let path = |address| Path { transport, local: call.local, remote: SocketAddr::new(address, port), connection: None };
    match target.ip() {
        Some(address) if !paths::is_somebody(address) => None,
        Some(address) => Some((path(address), true)),
        None => Some((path(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), false)),
    }
}

/// Whom the To header names: the number at the target's host.
fn called(call: &OutgoingCall, target: &Uri) -> Uri {
    match target.is_sip() && !call.to.user.is_empty() {
        true => Uri::sip(&call.to.user, target.host(), None),
        false => target.bare(),
    }
}

fn redirects(response: &Response) -> Vec<Uri> {
    if !response.status.is_redirect() {
        return Vec::new();
    }
    let mut contacts: Vec<_> = response.contacts().iter().take(MAX_REDIRECTS).collect();
    contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q()));
    contacts.into_iter().map(|contact| without_headers(&contact.uri)).collect()
}
