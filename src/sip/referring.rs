//! Our own REFER: we ask the peer to call somebody else, and hear how that goes (RFC 3515).
//!
//! Invariant: progress is believed only in a session in which we have asked.

use super::endpoint::Endpoint;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use super::session::Phase;
use super::transaction::{Answer, Owner, TxId};
use super::{DialogId, Event, Output, Status};
use crate::time::Now;

impl Endpoint {
    pub(super) fn refer(&mut self, id: DialogId, target: &Uri, replaces: Option<DialogId>, now: Now, out: &mut Vec<Output>) {
        if self.sessions.get(&id).is_none_or(|session| session.phase != Phase::Confirmed) {
            return;
        }
        let name = match replaces.map(|other| self.name_of(other)) {
            // The other session has ended meanwhile.
            Some(None) => return out.push(Output::Event(Event::Referred { dialog: id, outcome: Err(Status(481)) })),
            Some(Some(name)) => Some(name),
            None => None,
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.is_referring = true;
        let to = match name {
            Some(name) => Uri::parse(format!("{}?{}", target.bare(), name.as_uri_header())).unwrap_or_else(|_| target.clone()),
            None => target.clone(),
        };
        let mut refer = session.dialog.request(Method::Refer);
        refer.headers.set(Header::ReferTo, NameAddr::new(to).to_string());
        refer.headers.set(Header::ReferredBy, NameAddr::new(session.dialog.local.uri.clone()).to_string());
        self.send_inside(id, refer, Owner::Refer(id), now, out);
    }

    pub(super) fn refer_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        let response = answer.response;
        let outcome = match response.status.0 {
            ..=199 => return,
            401 | 407 if self.challenged(id, answer, now, out) => return,
            200..=299 => Ok(()),
            _ => Err(response.status),
        };
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Confirmed) else { return };
        session.challenges = 0;
        session.is_referring = outcome.is_ok();
        out.push(Output::Event(Event::Referred { dialog: id, outcome }));
        if response.status == Status(481) {
            self.gone(id, super::Ending::Gone, now, out);
        }
    }

    /// A NOTIFY inside a session: only the progress of our own REFER is expected there.
    pub(super) fn notify_came(&mut self, id: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let package = request.headers.text(Header::Event).unwrap_or_default();
        let is_refer = package.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("refer"));
        let is_expected = is_refer && self.sessions.get(&id).is_some_and(|session| session.is_referring);
        if !is_expected {
            return self.refuse(request, tx, Status(481), now, out);
        }
        self.say(tx, Response::to(request, Status(200)), now, out);
        let ends = request.headers.text(Header::SubscriptionState).is_some_and(|state| state.trim().starts_with("terminated"));
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| ends) {
            session.is_referring = false;
        }
        if let Some(status) = status_of(&request.body) {
            out.push(Output::Event(Event::ReferralProgress { dialog: id, status }));
        }
    }
}

/// The status in the first line of a piece of a message (RFC 3420).
fn status_of(fragment: &[u8]) -> Option<Status> {
    let line = fragment.split(|byte| *byte == b'\r' || *byte == b'\n').next()?;
    let code = std::str::from_utf8(line).ok()?.strip_prefix("SIP/2.0 ")?.get(..3)?;
    code.parse().ok().filter(|code| (100..700).contains(code)).map(Status)
}
