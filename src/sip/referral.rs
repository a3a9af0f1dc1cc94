//! Referrals: a peer asks us to bring it together with somebody else (REFER, RFC 3515), and wants to be told how that goes.
//!
//! | State | Event | Next | Does |
//! |---|---|---|---|
//! | Asked | accepted | Told | 202, NOTIFY 100 |
//! | Asked | refused; no decision in time; the session ends | gone | the refusal; 500; 487 |
//! | Told | progress | Told | NOTIFY, or it waits for the one under way |
//! | Told | a final status; the peer wants no more | gone | the last NOTIFY |
//! | Told | a NOTIFY is refused or unanswered; too long | gone | nothing; the last NOTIFY |
//!
//! The subscription that a REFER makes lives in the session's dialog and may outlive the session (RFC 5057): then it takes the
//! dialog over. Invariant: one referral at a time in a session, and every one has a deadline.

use super::dialog::Dialog;
use super::endpoint::Endpoint;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Scheme};
use super::registrar::without_headers;
use super::replaces::Replaces;
use super::session::Phase;
use super::transaction::{Heard, Owner, TxId};
use super::uas::RETRY_AFTER;
use super::{DialogId, Event, Output, Referral, ReferralId, Status};
use crate::time::{Duration, Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long the exchange may think about a REFER.
const DECISION: Duration = Duration::from_secs(20);
/// How long the peer is told of what it asked for: longer than anything rings.
const LONGEST: Duration = Duration::from_secs(300);

/// Referrals at once, over all sessions.
const MAX_REFERRALS: usize = 5_000;

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Referrals {
    #[serde(with = "crate::time::pairs")]
    all: BTreeMap<ReferralId, Kept>,
    timers: Timers<ReferralId>,
    next: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    session: DialogId,
    /// The CSeq of the REFER: what tells its NOTIFYs from those of another (RFC 3515 section 2.4.6).
    number: u32,
    state: State,
    wants_progress: bool,
    /// The session has ended; requests go on in its dialog.
    dialog: Option<Box<Dialog>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    Asked { tx: TxId, response: Box<Response> },
    Told { under_way: Option<TxId>, waiting: Option<Status> },
}

impl Referrals {
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn due(&mut self, now: Moment) -> Option<ReferralId> {
        self.timers.pop(now)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    fn of(&self, session: DialogId) -> Option<ReferralId> {
        self.all.iter().find(|(_, kept)| kept.session == session).map(|(id, _)| *id)
    }
}

impl Endpoint {
    /// A REFER inside a session.
    pub(super) fn refer_came(&mut self, session: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let is_talking = self.sessions.get(&session).is_some_and(|it| it.phase == Phase::Confirmed);
        if !is_talking || self.referrals.of(session).is_some() {
            return self.refuse(request, tx, Status(491), now, out);
        }
        if self.referrals.len() >= MAX_REFERRALS {
            return self.refuse_with(request, tx, Status(503), &[(Header::RetryAfter, RETRY_AFTER)], now, out);
        }
        let referral = match self.read_referral(session, request) {
            Ok(referral) => referral,
            Err(status) => return self.refuse(request, tx, status, now, out),
        };
        self.referrals.next += 1;
        let id = ReferralId(self.referrals.next);
        let state = State::Asked { tx, response: Box::new(Response::to(request, Status(202))) };
        let wants_progress = referral.wants_progress;
        let kept = Kept { session, number: request.cseq().number, state, wants_progress, dialog: None };
        self.referrals.all.insert(id, kept);
        self.referrals.timers.set(id, now.mono + DECISION);
        out.push(Output::Event(Event::Refer { dialog: session, referral: id, request: Box::new(referral) }));
    }

    fn read_referral(&self, session: DialogId, request: &Request) -> Result<Referral, Status> {
        let [to] = &request.headers.addresses(Header::ReferTo)[..] else { return Err(Status(400)) };
        if !to.uri.is_sip() && to.uri.scheme() != Scheme::Tel {
            return Err(Status(416));
        }
        if to.uri.param("method").is_some_and(|method| method != "INVITE") {
            return Err(Status(501));
        }
        let replaces = match to.uri.header("Replaces") {
            None => None,
            // 481 would end the session in which it is asked (RFC 5057 section 5.1).
            Some(value) => {
                let named = Replaces::parse(&value).and_then(|named| self.session_named(&named));
                Some(named.filter(|other| *other != session).ok_or(Status(603))?)
            }
        };
        let says_no = |value: std::borrow::Cow<'_, str>| value.trim().to_ascii_lowercase().starts_with("false");
        Ok(Referral {
            target: without_headers(&to.uri),
            dialled: to.uri.user().into_owned(),
            replaces,
            referred_by: request.headers.addresses(Header::ReferredBy).into_iter().next().map(|it| it.uri),
            wants_progress: !request.headers.text(Header::ReferSub).is_some_and(says_no),
        })
    }

    pub(super) fn accept_referral(&mut self, id: ReferralId, now: Now, out: &mut Vec<Output>) {
        let Some(kept) = self.referrals.all.get_mut(&id) else { return };
        if !matches!(kept.state, State::Asked { .. }) {
            return;
        }
        let told = State::Told { under_way: None, waiting: None };
        let State::Asked { tx, mut response } = std::mem::replace(&mut kept.state, told) else { return };
        let (session, wants_progress) = (kept.session, kept.wants_progress);
        if let Some(session) = self.sessions.get(&session) {
            response.set_contact(&NameAddr::new(session.dialog.contact()));
        }
        if !wants_progress {
            response.headers.set(Header::ReferSub, "false");
        }
        self.say(tx, *response, now, out);
        if wants_progress {
            self.referrals.timers.set(id, now.mono + LONGEST);
            self.report_referral(id, Status(100), now, out);
        } else {
            self.forget_referral(id);
        }
    }

    pub(super) fn refuse_referral(&mut self, id: ReferralId, status: Status, now: Now, out: &mut Vec<Output>) {
        let Some(Kept { state: State::Asked { tx, response }, .. }) = self.referrals.all.get(&id) else { return };
        let (tx, mut response) = (*tx, (**response).clone());
        response.status = if status.0 >= 300 { status } else { Status(603) };
        response.reason = response.status.reason_phrase().to_string();
        self.say(tx, response, now, out);
        self.forget_referral(id);
    }

    /// Tells the peer how far it has got; what comes while a NOTIFY is under way waits, and only the last of it is told.
    pub(super) fn report_referral(&mut self, id: ReferralId, status: Status, now: Now, out: &mut Vec<Output>) {
        let Some(kept) = self.referrals.all.get_mut(&id) else { return };
        let State::Told { under_way, waiting } = &mut kept.state else { return };
        if under_way.is_some() {
            if !waiting.is_some_and(Status::is_final) {
                *waiting = Some(status);
            }
            return;
        }
        let (session, number) = (kept.session, kept.number);
        let dialog = match &mut kept.dialog {
            Some(dialog) => dialog,
            None => match self.sessions.get_mut(&session) {
                Some(session) => &mut session.dialog,
                None => return self.forget_referral(id),
            },
        };
        let notify = progress(dialog, number, status);
        let dialog = dialog.clone();
        let way = self.living_way(&dialog);
        let tx = self.transactions.send(notify, way, Owner::Referral(id), &mut self.rng, now.mono, out);
        if status.is_final() {
            return self.forget_referral(id);
        }
        if let Some(Kept { state: State::Told { under_way, .. }, .. }) = self.referrals.all.get_mut(&id) {
            *under_way = Some(tx);
        }
    }

    /// A NOTIFY was answered, or not.
    pub(super) fn referral_notified(
        &mut self,
        id: ReferralId,
        tx: TxId,
        heard: Heard,
        response: Option<&Response>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(kept) = self.referrals.all.get_mut(&id) else { return };
        let State::Told { under_way, waiting } = &mut kept.state else { return };
        if *under_way != Some(tx) {
            return;
        }
        match response.map(|response| response.status) {
            Some(status) if status.is_provisional() => {}
            Some(status) if heard == Heard::Response && status.is_success() => {
                *under_way = None;
                if let Some(status) = waiting.take() {
                    self.report_referral(id, status, now, out);
                }
            }
            _ => self.forget_referral(id),
        }
    }

    /// The peer subscribes to the progress once more, or wants to hear no more of it.
    pub(super) fn referral_subscribed(
        &mut self,
        session: DialogId,
        request: &Request,
        tx: TxId,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let told = |id: &ReferralId| matches!(self.referrals.all.get(id), Some(Kept { state: State::Told { .. }, .. }));
        let Some(id) = self.referrals.of(session).filter(told) else {
            return self.refuse(request, tx, Status(481), now, out);
        };
        let seconds = request.expires().unwrap_or(u32::MAX).min(u32::try_from(LONGEST.as_secs()).unwrap_or(u32::MAX));
        let mut response = Response::to(request, Status(200));
        response.headers.set(Header::Expires, seconds.to_string());
        self.say(tx, response, now, out);
        if seconds == 0 {
            self.forget_referral(id);
        }
    }

    /// The exchange has not decided, or has let the peer wait for too long.
    pub(super) fn referral_due(&mut self, id: ReferralId, now: Now, out: &mut Vec<Output>) {
        match self.referrals.all.get_mut(&id).map(|kept| &mut kept.state) {
            Some(State::Asked { .. }) => self.refuse_referral(id, Status(500), now, out),
            Some(State::Told { under_way, .. }) => {
                *under_way = None;
                self.report_referral(id, Status(408), now, out);
            }
            None => {}
        }
    }

    /// The session of a referral ends; the telling goes on without it.
    pub(super) fn referrals_of_ended(&mut self, session: DialogId, dialog: &Dialog, now: Now, out: &mut Vec<Output>) {
        let Some(id) = self.referrals.of(session) else { return };
        match self.referrals.all.get_mut(&id) {
            Some(Kept { state: State::Asked { .. }, .. }) => self.refuse_referral(id, Status(487), now, out),
            Some(kept) => kept.dialog = Some(Box::new(dialog.clone())),
            None => {}
        }
    }

    fn forget_referral(&mut self, id: ReferralId) {
        self.referrals.all.remove(&id);
        self.referrals.timers.cancel(&id);
    }
}

/// The NOTIFY that says how far it has got, as a piece of a SIP message (RFC 3420).
fn progress(dialog: &mut Dialog, number: u32, status: Status) -> Request {
    let mut notify = dialog.request(Method::Notify);
    notify.headers.set(Header::Event, format!("refer;id={number}"));
    let state = match status.is_final() {
        true => "terminated;reason=noresource".to_string(),
        false => format!("active;expires={}", LONGEST.as_secs()),
    };
    notify.headers.set(Header::SubscriptionState, state);
    let fragment = format!("SIP/2.0 {status} {}\r\n", status.reason_phrase());
    notify.set_body("message/sipfrag;version=2.0", fragment.into_bytes());
    notify
}
