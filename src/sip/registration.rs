//! Our own registrations at somebody else's registrar (RFC 3261 section 10.2): a phone's, or a trunk's.
//!
//! | Event | Then |
//! |---|---|
//! | 2xx | told; renewed after four fifths of what is granted |
//! | 401, 407 | once more with credentials, at most twice in a request |
//! | 423 | once more with what the registrar wants, once in a request |
//! | refused, silent, unreachable | told; tried again after a pause that doubles (RFC 5626 section 4.5), or as Retry-After says |
//! | the registrar is known to be there again | tried again at once, but not before its Retry-After |
//! | the stream has closed, or does not answer a ping | tried again, after the first such pause |
//! | taken back | REGISTER with Expires 0; told when it is answered |
//!
//! Invariant: while an account is kept, either a REGISTER is under way or a deadline says when the next one is.

use super::dialog::our_contact;
use super::endpoint::Endpoint;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use super::transaction::{Heard, Notice, Owner, TxId};
use super::uac::{MAX_CHALLENGES, answer_challenge};
use super::{Account, ConnectionId, Event, Output, Path, RegistrationId, Status};
use crate::id::Rng;
use crate::time::{Duration, Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The pause after the first failure (RFC 5626 section 4.5), doubled by each that follows.
const RETRY: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_RETRY: Duration = Duration::from_secs(1800);
/// Renewed at this part of its life.
const RENEW_PER_CENT: u32 = 80;
const SHORTEST: Duration = Duration::from_secs(1);
/// More than a year is asked for by nobody.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// A stream is kept open by a ping after eight to ten tenths of this (RFC 5626 section 4.4.1).
const PING: Duration = Duration::from_secs(120);
/// A ping is answered within this time, or the stream is dead.
const PONG: Duration = Duration::from_secs(10);

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Registrations {
    /// Secrets are not written down, so a restored endpoint is told its accounts again.
    #[serde(skip)]
    all: BTreeMap<RegistrationId, Kept>,
    #[serde(skip)]
    timers: Timers<(RegistrationId, Due)>,
}

/// What it is time for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    Register,
    Ping,
    Pong,
}

#[derive(Clone, Debug)]
struct Kept {
    account: Account,
    /// Where we are, as the registrar is told.
    ours: SocketAddr,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The REGISTER under way.
    tx: Option<TxId>,
    /// Challenges that it has answered.
    challenges: u8,
    /// What the registrar thought too short has been corrected.
    is_lengthened: bool,
    /// Failures in a row.
    failures: u32,
    /// The registrar does not want to be asked before (Retry-After).
    not_before: Option<Moment>,
    /// The registrar came back while a REGISTER was under way, which may have been lost before that.
    is_back: bool,
    /// What is asked for; a registrar may ask for more.
    expires: Duration,
    /// It is being taken back.
    is_leaving: bool,
    /// The way that the last answer came.
    flow: Option<Path>,
}

impl Registrations {
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn due(&mut self, now: Moment) -> Option<(RegistrationId, Due)> {
        self.timers.pop(now)
    }

    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    fn cancel(&mut self, id: RegistrationId) {
        for due in [Due::Register, Due::Ping, Due::Pong] {
            self.timers.cancel(&(id, due));
        }
    }
}

impl Endpoint {
    pub(super) fn keep_registered(&mut self, id: RegistrationId, account: Account, now: Now, out: &mut Vec<Output>) {
        let (call_id, tag) = (self.rng.hex(32), self.rng.hex(16));
        let (expires, ours) = (account.expires, self.settings.told.address(&account.registrar));
        // The same registration again with other words goes on where it was (RFC 3261 section 10.2: one Call-ID, rising CSeq).
        let kept = match self.registrations.all.remove(&id) {
            Some(old) => Kept { account, ours, expires, is_leaving: false, failures: 0, not_before: None, ..old },
            None => Kept::new(account, ours, call_id, tag),
        };
        self.registrations.all.insert(id, kept);
        self.register(id, now, out);
    }

    pub(super) fn unregister(&mut self, id: RegistrationId, now: Now, out: &mut Vec<Output>) {
        if let Some(kept) = self.registrations.all.get_mut(&id) {
            kept.is_leaving = true;
            kept.expires = Duration::ZERO;
            self.register(id, now, out);
        }
    }

    /// What failed does not wait for the end of its pause. What is kept, or under way, is left alone.
    pub(super) fn register_again(&mut self, id: RegistrationId, now: Now, out: &mut Vec<Output>) {
        let Some(kept) = self.registrations.all.get_mut(&id) else { return };
        if kept.is_leaving {
            return;
        }
        if kept.tx.is_some() {
            (kept.is_back, kept.failures) = (true, 0);
            return;
        }
        if std::mem::take(&mut kept.failures) == 0 {
            return;
        }
        match kept.not_before.filter(|at| *at > now.mono) {
            Some(at) => self.registrations.timers.set((id, Due::Register), at),
            None => self.register(id, now, out),
        }
    }

    pub(super) fn registration_due(&mut self, id: RegistrationId, due: Due, now: Now, out: &mut Vec<Output>) {
        match due {
            Due::Register => self.register(id, now, out),
            Due::Ping => self.ping(id, now, out),
            Due::Pong => self.flow_failed(id, now),
        }
    }

    /// Sends a REGISTER.
    fn register(&mut self, id: RegistrationId, now: Now, out: &mut Vec<Output>) {
        self.registrations.cancel(id);
        let Some(kept) = self.registrations.all.get_mut(&id) else { return };
        (kept.challenges, kept.is_lengthened, kept.is_back) = (0, false, false);
        kept.cseq += 1;
        let path = kept.account.registrar;
        let request = request(kept);
        kept.tx = Some(self.transactions.send(request, path, Owner::Register(id), &mut self.rng, now.mono, out));
    }

    pub(super) fn register_answered(
        &mut self,
        id: RegistrationId,
        notice: &Notice,
        response: Option<&Response>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(kept) = self.registrations.all.get_mut(&id).filter(|kept| kept.tx == Some(notice.tx)) else { return };
        let outcome = match (notice.heard, response) {
            (Heard::Response, Some(response)) if response.status.is_provisional() => return,
            (Heard::Response, Some(response)) if response.status.is_success() => match granted(kept, response) {
                // It says yes, and keeps us for no time at all.
                Duration::ZERO if !kept.is_leaving => Err(Status(480)),
                life => Ok(life),
            },
            (Heard::Response, Some(response)) => {
                if let Some(request) = again(kept, notice, response, &mut self.rng) {
                    let path = kept.account.registrar;
                    kept.tx = Some(self.transactions.send(request, path, notice.owner, &mut self.rng, now.mono, out));
                    return;
                }
                Err(response.status)
            }
            (Heard::Unreachable, _) => Err(Status(503)),
            _ => Err(Status(408)),
        };
        kept.tx = None;
        if kept.is_leaving {
            self.registrations.all.remove(&id);
        } else {
            let pause = kept.pause(outcome, response.and_then(Response::retry_after), now.mono, &mut self.rng);
            let pause = if kept.is_back && response.is_none() { SHORTEST } else { pause };
            self.registrations.timers.set((id, Due::Register), now.mono + pause);
            self.ping_later(id, outcome.is_ok(), now);
        }
        out.push(Output::Event(Event::Registration { registration: id, outcome }));
    }

    /// A stream over which we are registered is kept open.
    fn ping_later(&mut self, id: RegistrationId, is_registered: bool, now: Now) {
        let is_stream = self.registrations.all.get(&id).is_some_and(|kept| kept.account.registrar.transport.is_reliable());
        if is_stream && is_registered {
            let tenths = 80 + self.rng.below(21);
            self.registrations.timers.set((id, Due::Ping), now.mono + PING * tenths / 100);
        }
    }

    fn ping(&mut self, id: RegistrationId, now: Now, out: &mut Vec<Output>) {
        let Some(kept) = self.registrations.all.get(&id) else { return };
        let path = kept.flow.unwrap_or(kept.account.registrar);
        self.transactions.streams.transmit(path, None, b"\r\n\r\n".to_vec(), out);
        self.registrations.timers.set((id, Due::Pong), now.mono + PONG);
    }

    /// Something came over this way: what is registered over it lives.
    pub(super) fn flow_lives(&mut self, path: Path, now: Now) {
        if !path.transport.is_reliable() || self.registrations.all.is_empty() {
            return;
        }
        let ours =
            |kept: &Kept| kept.account.registrar.remote == path.remote && kept.account.registrar.transport == path.transport;
        let over_it: Vec<RegistrationId> =
            self.registrations.all.iter().filter(|(_, kept)| ours(kept)).map(|(id, _)| *id).collect();
        for id in over_it {
            if let Some(kept) = self.registrations.all.get_mut(&id) {
                kept.flow = Some(path);
            }
            if self.registrations.timers.cancel(&(id, Due::Pong)) {
                self.ping_later(id, true, now);
            }
        }
    }

    /// What was registered over a stream that has closed is registered anew.
    pub(super) fn flow_closed(&mut self, connection: ConnectionId, now: Now) {
        let over_it = |kept: &Kept| kept.flow.is_some_and(|flow| flow.connection == Some(connection));
        let lost: Vec<RegistrationId> =
            self.registrations.all.iter().filter(|(_, kept)| over_it(kept)).map(|(id, _)| *id).collect();
        lost.into_iter().for_each(|id| self.flow_failed(id, now));
    }

    fn flow_failed(&mut self, id: RegistrationId, now: Now) {
        let Some(kept) = self.registrations.all.get_mut(&id) else { return };
        kept.flow = None;
        if kept.tx.is_some() {
            return;
        }
        let pause = kept.pause(Err(Status(503)), None, now.mono, &mut self.rng);
        self.registrations.cancel(id);
        self.registrations.timers.set((id, Due::Register), now.mono + pause);
    }
}

impl Kept {
    fn contact(&self) -> Uri {
        our_contact(&self.account.user, self.account.registrar.transport, self.ours)
    }

    fn new(account: Account, ours: SocketAddr, call_id: String, tag: String) -> Kept {
        Kept {
            expires: account.expires,
            account,
            ours,
            call_id,
            tag,
            cseq: 0,
            tx: None,
            challenges: 0,
            is_lengthened: false,
            failures: 0,
            not_before: None,
            is_back: false,
            is_leaving: false,
            flow: None,
        }
    }

    /// How long to wait before the next REGISTER. After failures: half to all of a bound that doubles, so that those who lost
    /// their registrar together do not come back together; never before the registrar wants to be asked.
    fn pause(&mut self, outcome: Result<Duration, Status>, retry_after: Option<u32>, now: Moment, rng: &mut Rng) -> Duration {
        self.not_before = None;
        if let Ok(life) = outcome {
            self.failures = 0;
            return (life * RENEW_PER_CENT / 100).max(SHORTEST);
        }
        let doublings = self.failures.min(10);
        self.failures = self.failures.saturating_add(1);
        let bound = RETRY.saturating_mul(1 << doublings).min(LONGEST_RETRY);
        let pause = bound * (500 + rng.below(501)) / 1000;
        let Some(seconds) = retry_after else { return pause };
        let wanted = Duration::from_secs(u64::from(seconds)).min(LONGEST);
        self.not_before = Some(now + wanted);
        pause.max(wanted)
    }
}

fn request(kept: &Kept) -> Request {
    let account = &kept.account;
    let aor = Uri::sip(&account.user, &account.domain, None);
    let mut request = Request::new(Method::Register, Uri::sip("", &account.domain, None));
    request.set_max_forwards(70);
    request.set_from(&NameAddr::new(aor.clone()).with_tag(&kept.tag));
    request.set_to(&NameAddr::new(aor));
    request.set_call_id(&kept.call_id);
    request.set_cseq(kept.cseq);
    request.set_contact(&NameAddr::new(kept.contact()));
    request.headers.set(Header::Expires, kept.expires.as_secs().to_string());
    request
}

/// The same REGISTER with credentials, or with the time that the registrar wants. `None` when that makes no sense (any more).
fn again(kept: &mut Kept, notice: &Notice, response: &Response, rng: &mut Rng) -> Option<Request> {
    let mut request = match response.status {
        Status(401 | 407) if kept.challenges < MAX_CHALLENGES => {
            kept.challenges += 1;
            let mut request = notice.request.as_ref()?.0.clone();
            answer_challenge(&mut request, response, &kept.account.credentials, rng).then_some(request)?
        }
        Status(423) if !kept.is_leaving && !kept.is_lengthened => {
            kept.is_lengthened = true;
            // The new request is asked for its credentials anew.
            kept.challenges = 0;
            kept.expires = Duration::from_secs(u64::from(response.min_expires()?)).max(kept.expires).min(LONGEST);
            request(kept)
        }
        _ => return None,
    };
    kept.cseq += 1;
    request.set_cseq(kept.cseq);
    Some(request)
}

/// How long the registrar keeps us: what it says of our Contact, else of all, else what we asked for.
fn granted(kept: &Kept, response: &Response) -> Duration {
    let contact = kept.contact();
    let ours = response.contacts().iter().find(|other| other.uri.same_as(&contact)).and_then(NameAddr::expires);
    match ours.or(response.expires()) {
        Some(seconds) => Duration::from_secs(u64::from(seconds)).min(LONGEST),
        None => kept.expires,
    }
}
