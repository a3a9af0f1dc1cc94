//! Our own registrations at somebody else's registrar (RFC 3261 section 10.2): a phone's, or a trunk's.
//!
//! Invariant: while an account is kept, either a REGISTER is under way or a deadline says when the next one is.

use super::dialog::our_contact;
use super::endpoint::Endpoint;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use super::transaction::{Heard, Notice, Owner, TxId};
use super::uac::answer_challenge;
use super::{Account, Event, Output, RegistrationId, Status};
use crate::time::{Duration, Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often one REGISTER is sent again: for two challenges, and one time that was too short.
const MAX_ANSWERS: u8 = 3;
/// The pause after a failure, to which as much again is added by chance, so that phones do not come back all at once.
const RETRY: Duration = Duration::from_secs(30);
/// Renewed at this part of its life.
const RENEW_PER_CENT: u32 = 80;
const SHORTEST: Duration = Duration::from_secs(1);

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Registrations {
    /// Secrets are not written down, so a restored endpoint is told its accounts again.
    #[serde(skip)]
    all: BTreeMap<RegistrationId, Kept>,
    #[serde(skip)]
    timers: Timers<RegistrationId>,
}

#[derive(Clone, Debug)]
struct Kept {
    account: Account,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The REGISTER under way.
    tx: Option<TxId>,
    /// Times it was sent again.
    answers: u8,
    /// What is asked for; a registrar may ask for more.
    expires: Duration,
    /// It is being taken back.
    is_leaving: bool,
}

impl Registrations {
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn due(&mut self, now: Moment) -> Option<RegistrationId> {
        self.timers.pop(now)
    }

    pub fn timers(&self) -> usize {
        self.timers.len()
    }
}

impl Endpoint {
    pub(super) fn keep_registered(&mut self, id: RegistrationId, account: Account, now: Now, out: &mut Vec<Output>) {
        let (call_id, tag) = (self.rng.hex(32), self.rng.hex(16));
        let expires = account.expires;
        // The same registration again with other words goes on where it was (RFC 3261 section 10.2: one Call-ID, rising CSeq).
        let kept = match self.registrations.all.remove(&id) {
            Some(old) => Kept { account, expires, is_leaving: false, ..old },
            None => Kept { account, call_id, tag, cseq: 0, tx: None, answers: 0, expires, is_leaving: false },
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

    /// Sends a REGISTER.
    pub(super) fn register(&mut self, id: RegistrationId, now: Now, out: &mut Vec<Output>) {
        self.registrations.timers.cancel(&id);
        let Some(kept) = self.registrations.all.get_mut(&id) else { return };
        kept.answers = 0;
        kept.cseq += 1;
        let path = kept.account.registrar;
        let request = request(kept);
        kept.tx = Some(self.transactions.send(request, path, Owner::Register(id), &mut self.rng, now.mono, out));
    }

    pub(super) fn register_answered(
        &mut self,
        id: RegistrationId,
        notice: Notice,
        response: Option<&Response>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(kept) = self.registrations.all.get_mut(&id).filter(|kept| kept.tx == Some(notice.tx)) else { return };
        let outcome = match (notice.heard, response) {
            (Heard::Response, Some(response)) if response.status.is_provisional() => return,
            (Heard::Response, Some(response)) if response.status.is_success() => Ok(granted(kept, response)),
            (Heard::Response, Some(response)) => {
                if let Some(request) = again(kept, &notice, response, &mut self.rng) {
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
            let pause = match (outcome, response.and_then(Response::retry_after)) {
                (Ok(life), _) => (life * RENEW_PER_CENT / 100).max(SHORTEST),
                (Err(_), Some(seconds)) => Duration::from_secs(u64::from(seconds)).max(RETRY),
                (Err(_), None) => RETRY + Duration::from_millis(u64::from(self.rng.below(30_000))),
            };
            self.registrations.timers.set(id, now.mono + pause);
        }
        out.push(Output::Event(Event::Registration { registration: id, outcome }));
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
    request.set_contact(&NameAddr::new(our_contact(&account.user, account.registrar)));
    request.headers.set(Header::Expires, kept.expires.as_secs().to_string());
    request
}

/// The same REGISTER with credentials, or with the time that the registrar wants.
fn again(kept: &mut Kept, notice: &Notice, response: &Response, rng: &mut crate::id::Rng) -> Option<Request> {
    if kept.answers >= MAX_ANSWERS {
        return None;
    }
    kept.answers += 1;
    let mut request = match response.status {
        Status(401 | 407) => {
            let mut request = notice.request.as_ref()?.0.clone();
            answer_challenge(&mut request, response, &kept.account.credentials, rng).then_some(request)?
        }
        Status(423) if !kept.is_leaving => {
            kept.expires = Duration::from_secs(u64::from(response.min_expires()?));
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
    let contact = our_contact(&kept.account.user, kept.account.registrar);
    let ours = response.contacts().iter().find(|other| other.uri.same_as(&contact)).and_then(NameAddr::expires);
    match ours.or(response.expires()) {
        Some(seconds) => Duration::from_secs(u64::from(seconds)),
        None => kept.expires,
    }
}
