//! Provisional answers that do not get lost (100rel, RFC 3262): ours when the caller requires it, theirs when they like.
//!
//! Ours are sent one after another, each repeated until its PRACK comes; the 200 waits for the last of them. A caller who made no
//! offer is told nothing before the 200, because the first such answer would have to make it. Invariant: one answer of ours waits
//! for its PRACK at a time, and one of theirs is told and acknowledged once, in its order.

use super::dialog::Dialog;
use super::endpoint::{Endpoint, explain};
use super::life::description;
use super::message::{Method, Name as Header, Request, Response};
use super::session::{Clock, Event as Happens, Exchange, Phase, Session};
use super::transaction::{Answer, GIVE_UP, Owner, T1, TxId};
use super::{DialogId, Ending, Output, Status};
use crate::sdp::Description;
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};

pub(super) const OPTION: &str = "100rel";
/// Answers that wait for their turn; beyond it the oldest is not sent.
const MAX_QUEUED: usize = 4;
/// The first number of a call's answers is below it, so that they never wrap (RFC 3262 section 3).
const FIRST_BELOW: u32 = 1 << 30;

/// Our provisional answers to a caller who requires that they arrive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Promised {
    /// The number of the last one sent.
    number: u32,
    under_way: Option<UnderWay>,
    queued: Vec<(Status, Option<Description>)>,
    /// The call is answered with this once nothing is under way.
    accept: Option<Description>,
    /// One that had the answer to their offer has arrived: from now on they may offer anew (RFC 3262 section 5, RFC 3311 section 5.1).
    is_settled: bool,
}

impl Promised {
    /// They may make another offer before the call is answered.
    pub(super) fn takes_offers(&self) -> bool {
        self.is_settled && self.accept.is_none()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct UnderWay {
    status: Status,
    /// It has the answer to their offer.
    answers: bool,
    bytes: Vec<u8>,
    pause: Duration,
    until: Moment,
}

/// What has come of their provisional answers to our call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Heeded {
    /// The tag and the number of the last one that was acknowledged.
    last: Option<(String, u32)>,
    /// The answer to our offer, if one of them had it: the 2xx need not have it again.
    answer: Option<(String, Description)>,
    /// What they have offered since by UPDATE, and wait for our answer to.
    pub(super) offered: Option<Description>,
    /// Such an offer has taken the place of the answer: whatever the 2xx repeats is older.
    is_renewed: bool,
}

impl Heeded {
    /// The description that stands between us and the peer with this tag; `repeated` is the one in its 2xx.
    pub(super) fn standing(&self, tag: Option<&str>, repeated: Option<Description>) -> Option<Description> {
        let answer = self.answer.as_ref().filter(|(whose, _)| Some(whose.as_str()) == tag).map(|(_, answer)| answer);
        match repeated {
            Some(repeated) if answer.is_none() || !self.is_renewed => Some(repeated),
            _ => answer.cloned(),
        }
    }

    /// Our answer to their offer: what they have offered stands.
    pub(super) fn renew(&mut self) {
        if let (Some((_, answer)), Some(offer)) = (&mut self.answer, self.offered.take()) {
            (*answer, self.is_renewed) = (offer, true);
        }
    }
}

impl Session {
    /// The peer with this tag has not answered our call yet, but one of its reliable answers has settled our offer.
    pub(super) fn settled_early(&self, tag: Option<&str>) -> bool {
        let answer = self.heeded.as_ref().and_then(|heeded| heeded.answer.as_ref());
        self.phase == Phase::Proceeding && answer.is_some_and(|(whose, _)| Some(whose.as_str()) == tag)
    }
}

/// What is to be done with a provisional answer of theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heed {
    /// It is told to the exchange.
    Tell,
    /// It came before, or before its turn.
    Drop,
}

impl Endpoint {
    /// What the caller requires of our provisional answers.
    pub(super) fn promise(&mut self, invite: &Request) -> Option<Box<Promised>> {
        let is_required = invite.require().iter().any(|option| option.eq_ignore_ascii_case(OPTION));
        let number = self.rng.below(FIRST_BELOW);
        is_required.then(|| Box::new(Promised { number, under_way: None, queued: Vec::new(), accept: None, is_settled: false }))
    }

    /// A provisional answer of ours. False when it need not be reliable.
    pub(super) fn progress_reliably(
        &mut self,
        id: DialogId,
        status: Status,
        sdp: Option<&Description>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let Some(promised) = &mut session.promised else { return false };
        if !session.offered {
            return true;
        }
        if promised.queued.len() >= MAX_QUEUED {
            promised.queued.remove(0);
        }
        promised.queued.push((status, sdp.cloned()));
        self.send_promised(id, now, out);
        true
    }

    /// An answer of ours to the call. True when it has to wait for a PRACK.
    pub(super) fn accept_later(&mut self, id: DialogId, sdp: &Description) -> bool {
        let Some(promised) = self.sessions.get_mut(&id).and_then(|session| session.promised.as_mut()) else { return false };
        if promised.under_way.is_some() {
            promised.accept = Some(sdp.clone());
            promised.queued.clear();
        }
        promised.under_way.is_some()
    }

    /// The next of our answers, if nothing is under way.
    fn send_promised(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Ringing) else { return };
        let Some(promised) = session.promised.as_mut().filter(|promised| promised.under_way.is_none()) else { return };
        if let Some(sdp) = promised.accept.take() {
            return self.accept(id, &sdp, now, out);
        }
        if promised.queued.is_empty() {
            return;
        }
        let (status, sdp) = promised.queued.remove(0);
        promised.number += 1;
        let (number, tx) = (promised.number, session.invite);
        let (Some(tx), Some(mut response)) = (tx, self.response_to_invite(id, status)) else { return };
        response.headers.set(Header::Require, OPTION);
        response.headers.set(Header::RSeq, number.to_string());
        if let Some(sdp) = &sdp {
            response.set_body("application/sdp", sdp.to_bytes());
        }
        let (bytes, answers) = (response.to_bytes(), sdp.is_some());
        self.transactions.say(tx, status, bytes.clone(), now.mono, out);
        if let Some(promised) = self.sessions.get_mut(&id).and_then(|session| session.promised.as_mut()) {
            promised.under_way = Some(UnderWay { status, answers, bytes, pause: T1, until: now.mono + GIVE_UP });
            self.clocks.set((id, Clock::Promise), now.mono + T1);
        }
    }

    /// No PRACK yet: once more, or it is given up (RFC 3262 section 3).
    pub(super) fn promise_due(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Ringing) else { return };
        let Some(under_way) = session.promised.as_mut().and_then(|promised| promised.under_way.as_mut()) else { return };
        if now.mono >= under_way.until {
            (session.refusal, session.ending) = (Status(504), Ending::Timeout);
            return self.advance(id, Happens::Refuse, now, out);
        }
        under_way.pause *= 2;
        let next = (now.mono + under_way.pause).min(under_way.until);
        let (status, bytes) = (under_way.status, under_way.bytes.clone());
        self.clocks.set((id, Clock::Promise), next);
        if let Some(tx) = session.invite {
            self.transactions.say(tx, status, bytes, now.mono, out);
        }
    }

    /// Their PRACK.
    pub(super) fn prack_came(&mut self, id: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let rack = request.headers.text(Header::RAck).unwrap_or_default().into_owned();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let invite_cseq = session.invite_cseq;
        let is_awaited = session.promised.as_ref().is_some_and(|promised| {
            let named: Vec<&str> = rack.split_whitespace().collect();
            let (number, cseq) = (promised.number.to_string(), invite_cseq.to_string());
            promised.under_way.is_some() && named == [number.as_str(), cseq.as_str(), "INVITE"]
        });
        if !is_awaited {
            return self.refuse(request, tx, Status(481), now, out);
        }
        if let Some(promised) = &mut session.promised {
            let arrived = promised.under_way.take();
            promised.is_settled |= arrived.is_some_and(|arrived| arrived.answers);
        }
        self.clocks.cancel(&(id, Clock::Promise));
        if request.body.is_empty() {
            self.say(tx, Response::to(request, Status(200)), now, out);
        } else {
            self.offer_in_prack(id, request, tx, now, out);
        }
        self.send_promised(id, now, out);
    }

    /// An offer in their PRACK, once theirs in the INVITE has been answered; before that it is one too many. The acknowledgement
    /// counts all the same.
    fn offer_in_prack(&mut self, id: DialogId, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let session = self.sessions.get(&id).filter(|session| matches!(session.exchange, Exchange::Settled));
        let may = session.and_then(|session| session.promised.as_ref()).is_some_and(|promised| promised.takes_offers());
        match description(&request.headers, &request.body).filter(|_| may) {
            Some(offer) => {
                self.transactions.set_owner(tx, Owner::Offer(id));
                self.take_offer(id, request, tx, false, Some(offer), None, out);
            }
            None => {
                let mut refusal = Response::to(request, Status(488));
                explain(&mut refusal);
                self.say(tx, refusal, now, out);
            }
        }
    }

    /// A provisional answer of theirs: what requires it is acknowledged.
    pub(super) fn heed(&mut self, id: DialogId, response: &Response, now: Now, out: &mut Vec<Output>) -> Heed {
        let is_reliable = response.require().iter().any(|option| option.eq_ignore_ascii_case(OPTION));
        let number = response.headers.text(Header::RSeq).and_then(|number| number.trim().parse::<u32>().ok());
        let (Some(number), Some(tag), true) = (number, response.to_().tag(), is_reliable) else { return Heed::Tell };
        let Some(session) = self.sessions.get_mut(&id) else { return Heed::Drop };
        let last = session
            .heeded
            .as_ref()
            .and_then(|heeded| heeded.last.as_ref())
            .filter(|(whose, _)| whose == tag)
            .map(|(_, number)| *number);
        if last.is_some_and(|last| number != last.wrapping_add(1)) {
            return Heed::Drop;
        }
        session.heeded.get_or_insert_default().last = Some((tag.to_string(), number));
        if session.offered
            && let Some(answer) = description(&response.headers, &response.body)
        {
            session.heeded.get_or_insert_default().answer = Some((tag.to_string(), answer));
        }
        let (prack, early) = prack(&mut session.dialog, session.invite_cseq, number, response);
        let way = self.living_way(&early);
        self.transactions.send(prack, way, Owner::Prack(id), &mut self.rng, now.mono, out);
        Heed::Tell
    }

    /// What comes of it is no news; only a challenge is answered.
    pub(super) fn prack_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        let response = answer.response;
        if matches!(response.status, Status(401 | 407)) {
            self.challenged(id, answer, now, out);
        }
    }
}

/// The PRACK of a provisional answer, in the early dialog that it opened.
fn prack(dialog: &mut Dialog, invite_cseq: u32, number: u32, response: &Response) -> (Request, Dialog) {
    let mut early = dialog.clone();
    early.answered(&response.headers);
    let mut prack = early.request(Method::Prack);
    dialog.local_cseq = early.local_cseq;
    prack.headers.set(Header::RAck, format!("{number} {invite_cseq} INVITE"));
    (prack, early)
}
