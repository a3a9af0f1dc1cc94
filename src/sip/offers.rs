//! Offers inside a session: ours by re-INVITE or UPDATE, our answers to theirs (RFC 3261 section 14, RFC 3264). Before a call is
//! answered only they make them, by UPDATE or in a PRACK, once a reliable answer has settled the first (RFC 3262, 3311).
//!
//! Invariant: one offer is under way at a time; an offer of ours that cannot be made yet waits, and a later one replaces it.

use super::endpoint::{ALLOW, Endpoint, SUPPORTED, introduce};
use super::life::description;
use super::message::{Method, Name as Header, NameAddr};
use super::refresh;
use super::session::{Clock, Event as Happens, Exchange, Phase};
use super::transaction::{Answer, GIVE_UP, Owner};
use super::{DialogId, Ending, Event, Output, Status};
use crate::sdp::Description;
use crate::time::{Duration, Now};

/// Attempts of one offer against a peer that offers at the same time.
const MAX_TRIES: u8 = 5;
/// A re-INVITE that rings at the other side is given this long in all.
const REOFFER: Duration = GIVE_UP.saturating_mul(2);

impl Endpoint {
    pub(super) fn reoffer(&mut self, id: DialogId, sdp: Description, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.phase != Phase::Leaving {
            session.next_offer = Some(Box::new(sdp));
            self.offer_next(id, now, out);
        }
    }

    /// Makes the offer that waits, if one does and nothing is under way.
    pub(super) fn offer_next(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        if !self.is_free(id) {
            return;
        }
        if let Some(sdp) = self.sessions.get_mut(&id).and_then(|session| session.next_offer.take()) {
            self.offer(id, Method::Invite, *sdp, 0, now, out);
        }
    }

    /// An offer by UPDATE; by re-INVITE, and later, when another is under way.
    pub(super) fn update_offer(&mut self, id: DialogId, sdp: Description, now: Now, out: &mut Vec<Output>) {
        if self.is_free(id) { self.offer(id, Method::Update, sdp, 0, now, out) } else { self.reoffer(id, sdp, now, out) }
    }

    /// True when no offer is under way in an established session.
    pub(super) fn is_free(&self, id: DialogId) -> bool {
        self.sessions.get(&id).is_some_and(|session| {
            session.phase == Phase::Confirmed
                && matches!(session.exchange, Exchange::Settled)
                && session.unacknowledged.is_none()
        })
    }

    fn offer(&mut self, id: DialogId, method: Method, sdp: Description, tries: u8, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let is_invite = method == Method::Invite;
        let mut request = session.dialog.request(method);
        let cseq = session.dialog.local_cseq;
        request.headers.set(Header::Allow, ALLOW);
        request.headers.set(Header::Supported, SUPPORTED);
        refresh::ask(&mut request, &self.settings.session, session.refreshing);
        request.set_body("application/sdp", sdp.to_bytes());
        let Some(tx) = self.send_inside(id, request, Owner::Offer(id), now, out) else { return };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.exchange = Exchange::Ours { tx, cseq, is_invite, sdp: Box::new(sdp), tries };
            self.clocks.set((id, Clock::Reoffer), now.mono + REOFFER);
        }
    }

    pub(super) fn reoffer_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        let Answer { notice, response } = answer;
        let is_awaited = |exchange: &Exchange| matches!(exchange, Exchange::Ours { tx, .. } if *tx == notice.tx);
        if !self.sessions.get(&id).is_some_and(|session| is_awaited(&session.exchange)) {
            if response.status.is_success() && response.cseq().method == Method::Invite {
                self.turn_away(notice.tx, response, false, now, out);
            }
            return;
        }
        match response.status.0 {
            ..=199 => return,
            401 | 407 if self.challenged(id, answer, now, out) => return,
            408 => return self.in_dialog_failed(id, super::transaction::Heard::Timeout, now, out),
            481 => return self.gone(id, Ending::Gone, now, out),
            _ => {}
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Exchange::Ours { tx, cseq, is_invite, sdp, tries } = std::mem::take(&mut session.exchange) else { return };
        self.clocks.cancel(&(id, Clock::Reoffer));
        let outcome = match response.status {
            Status(200..=299) => {
                session.challenges = 0;
                session.dialog.refresh(&response.headers);
                session.local = Some(sdp);
                if is_invite {
                    let ack = session.dialog.request_numbered(Method::Ack, cseq);
                    self.acknowledge(id, tx, ack, out);
                }
                self.refreshed_by(id, response, now);
                self.look_up(id, out);
                description(&response.headers, &response.body).ok_or(Status(488))
            }
            Status(491) if session.phase == Phase::Confirmed && tries + 1 < MAX_TRIES => {
                session.exchange = Exchange::Glare { sdp, tries: tries + 1 };
                // The caller waits longer, so that they do not meet again (RFC 3261 section 14.1).
                let centis = if session.is_ours { 210 + self.rng.below(191) } else { self.rng.below(201) };
                self.clocks.set((id, Clock::Glare), now.mono + Duration::from_millis(u64::from(centis) * 10));
                return;
            }
            status => Err(status),
        };
        if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Confirmed) {
            out.push(Output::Event(Event::Renegotiated { dialog: id, outcome }));
            self.offer_next(id, now, out);
        }
    }

    pub(super) fn offer_after_glare(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match std::mem::take(&mut session.exchange) {
            Exchange::Glare { sdp, tries } if session.phase == Phase::Confirmed => {
                // What the exchange wants meanwhile is what is offered.
                let sdp = session.next_offer.take().unwrap_or(sdp);
                self.offer(id, Method::Invite, *sdp, tries, now, out);
            }
            Exchange::Glare { .. } => {}
            other => session.exchange = other,
        }
    }

    /// The exchange answers an offer of theirs.
    pub(super) fn reply(&mut self, id: DialogId, answer: Result<Description, Status>, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.phase == Phase::Owing {
            return self.reply_in_ack(id, answer, now, out);
        }
        let contact = NameAddr::new(session.dialog.contact());
        self.clocks.cancel(&(id, Clock::Trying));
        match std::mem::take(&mut session.exchange) {
            Exchange::Theirs { tx, mut response, cseq, is_invite, offered, refreshing } => match answer {
                Ok(sdp) => {
                    session.local = Some(Box::new(sdp.clone()));
                    if let Some(heeded) = &mut session.heeded {
                        heeded.renew();
                    }
                    if session.phase == Phase::Confirmed {
                        self.keep_alive(id, refreshing, now);
                    }
                    response.set_contact(&contact);
                    introduce(&mut response);
                    response.set_body("application/sdp", sdp.to_bytes());
                    if is_invite {
                        self.say_until_acknowledged(id, tx, cseq, !offered, response.to_bytes(), now, out);
                    } else {
                        self.transactions.say(tx, Status(200), response.to_bytes(), now.mono, out);
                    }
                }
                Err(status) => self.refuse_prepared(tx, *response, status, now, out),
            },
            other => session.exchange = other,
        }
        self.offer_next(id, now, out);
    }

    /// The offer came in the 2xx of our call, so the answer goes into its ACK.
    fn reply_in_ack(&mut self, id: DialogId, answer: Result<Description, Status>, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match answer {
            Ok(sdp) => {
                session.local = Some(Box::new(sdp.clone()));
                session.owed = Some(Box::new(sdp));
                self.advance(id, Happens::Answer, now, out);
                out.push(Output::Event(Event::Accepted { dialog: id, sdp: None }));
                self.offer_next(id, now, out);
            }
            Err(_) => self.advance(id, Happens::Hangup, now, out),
        }
    }
}
