//! Session timers: a call whose peer has vanished without a word ends by itself (RFC 4028).
//!
//! One side refreshes the session at half of its interval, by UPDATE or, for a peer that knows none, by a re-INVITE with the
//! description that stands. The other side says BYE shortly before the interval has passed without. Invariant: a session that
//! has an interval has a clock for its end, and one for the next refresh exactly when the refreshing is ours.

use super::endpoint::Endpoint;
use super::message::{Headers, Method, Name as Header, Request, Response};
use super::session::{Clock, Event as Happens, Phase, Session};
use super::transaction::{Answer, Owner, TxId};
use super::{DialogId, Ending, Output, SessionTimers, Status};
use crate::time::{Duration, Now};
use serde::{Deserialize, Serialize};

/// Nobody may ask for less (RFC 4028 section 4).
const LEAST: Duration = Duration::from_secs(90);
/// A longer interval guards nothing.
const MOST: Duration = Duration::from_secs(24 * 3600);
/// BYE is said so long before the end, or a third of the interval, whichever is less (RFC 4028 section 10).
const MARGIN: Duration = Duration::from_secs(32);

/// How one session is kept alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refreshing {
    pub interval: Duration,
    pub is_ours: bool,
}

/// What a message says of the session's interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Wish {
    interval: Duration,
    refresher: Option<Refresher>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refresher {
    Uac,
    Uas,
}

impl SessionTimers {
    fn least(&self) -> Duration {
        self.min.max(LEAST)
    }

    /// What we ask for, if we do.
    fn wish(&self) -> Option<Duration> {
        (!self.interval.is_zero()).then(|| self.interval.clamp(self.least(), MOST.max(self.least())))
    }
}

/// What our INVITE, or a refresh of ours, says.
pub(super) fn ask(request: &mut Request, timers: &SessionTimers, standing: Option<Refreshing>) {
    let interval = standing.map(|standing| standing.interval).or(timers.wish());
    if let Some(interval) = interval {
        let refresher = if standing.is_some() { ";refresher=uac" } else { "" };
        request.headers.set(Header::SessionExpires, format!("{}{refresher}", interval.as_secs()));
        request.headers.set(Header::MinSe, timers.least().as_secs().to_string());
    }
}

/// 422: the same request with the interval that the peer wants, if it is more than we have asked for.
pub(super) fn ask_longer(request: &mut Request, response: &Response) -> bool {
    let asked = wish(&request.headers).map_or(Duration::ZERO, |wish| wish.interval);
    let Some(least) = seconds(&response.headers, Header::MinSe).filter(|least| *least > asked && *least <= MOST) else {
        return false;
    };
    request.headers.remove(Header::Via);
    request.headers.set(Header::SessionExpires, least.as_secs().to_string());
    request.headers.set(Header::MinSe, least.as_secs().to_string());
    true
}

/// What we agree to when they ask (RFC 4028 section 9): who refreshes and how often. `Err`: the least that we take.
pub(super) fn agree(request: &Request, timers: &SessionTimers) -> Result<Option<Refreshing>, Duration> {
    let knows_timers = request.supported().iter().any(|option| option.eq_ignore_ascii_case("timer"));
    let least = timers.least().max(seconds(&request.headers, Header::MinSe).unwrap_or_default());
    match wish(&request.headers) {
        Some(wish) if wish.interval < timers.least() && knows_timers => Err(timers.least()),
        Some(wish) => {
            let interval = timers.wish().map_or(wish.interval, |ours| ours.min(wish.interval)).max(least).min(MOST.max(least));
            let is_ours = !knows_timers || wish.refresher == Some(Refresher::Uas);
            Ok(Some(Refreshing { interval, is_ours }))
        }
        // Who did not ask for it is not trusted to do it.
        None => Ok(timers.wish().map(|ours| Refreshing { interval: ours.max(least), is_ours: true })),
    }
}

/// Writes into a 2xx of ours what was agreed to.
pub(super) fn confirm(response: &mut Response, agreed: Option<Refreshing>) {
    let Some(Refreshing { interval, is_ours }) = agreed else { return };
    let refresher = if is_ours { "uas" } else { "uac" };
    response.headers.set(Header::SessionExpires, format!("{};refresher={refresher}", interval.as_secs()));
    if !is_ours {
        response.headers.set(Header::Require, "timer");
    }
}

/// What the peer's 2xx to our request says. Without a word of it there is no interval (RFC 4028 section 7.2).
fn agreed(headers: &Headers) -> Option<Refreshing> {
    let wish = wish(headers)?;
    let interval = wish.interval.clamp(LEAST, MOST);
    Some(Refreshing { interval, is_ours: wish.refresher != Some(Refresher::Uas) })
}

fn wish(headers: &Headers) -> Option<Wish> {
    let interval = seconds(headers, Header::SessionExpires)?;
    let value = headers.text(Header::SessionExpires)?.to_ascii_lowercase();
    let mut params = value.split(';').skip(1).filter_map(|param| param.split_once('='));
    let refresher = params.find(|(name, _)| name.trim() == "refresher").and_then(|(_, who)| match who.trim() {
        "uac" => Some(Refresher::Uac),
        "uas" => Some(Refresher::Uas),
        _ => None,
    });
    Some(Wish { interval, refresher })
}

/// The number that a header begins with.
fn seconds(headers: &Headers, name: Header) -> Option<Duration> {
    let value = headers.text(name)?;
    let digits = value.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some(Duration::from_secs(u64::from(digits.parse::<u32>().ok()?)))
}

impl Endpoint {
    /// The interval of a session begins, or begins anew.
    pub(super) fn keep_alive(&mut self, id: DialogId, agreed: Option<Refreshing>, now: Now) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.refreshing = agreed;
        self.clocks.cancel(&(id, Clock::Refresh));
        self.clocks.cancel(&(id, Clock::Expire));
        let Some(Refreshing { interval, is_ours }) = agreed else { return };
        self.clocks.set((id, Clock::Expire), now.mono + (interval - MARGIN.min(interval / 3)));
        if is_ours {
            self.clocks.set((id, Clock::Refresh), now.mono + interval / 2);
        }
    }

    /// A 2xx to a request of ours that may carry the interval.
    pub(super) fn refreshed_by(&mut self, id: DialogId, response: &Response, now: Now) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.note_abilities(&response.headers);
            self.keep_alive(id, agreed(&response.headers), now);
        }
    }

    /// Their request would refresh the session: what we agree to. `None`: it has been refused (422).
    pub(super) fn agree_interval(
        &mut self,
        request: &Request,
        tx: TxId,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Option<Option<Refreshing>> {
        match agree(request, &self.settings.session) {
            Ok(agreed) => Some(agreed),
            Err(least) => {
                let least = least.as_secs().to_string();
                self.refuse_with(request, tx, Status(422), &[(Header::MinSe, &least)], now, out);
                None
            }
        }
    }

    /// Half of the interval has passed, and the refreshing is ours.
    pub(super) fn refresh(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Confirmed) else { return };
        if !session.takes_updates {
            let local = session.local.clone();
            return match local.filter(|_| self.is_free(id)) {
                Some(local) => self.reoffer(id, *local, now, out),
                None => self.refresh_soon(id, now),
            };
        }
        let mut update = session.dialog.request(Method::Update);
        update.headers.set(Header::Supported, super::endpoint::SUPPORTED);
        ask(&mut update, &self.settings.session, session.refreshing);
        self.send_inside(id, update, Owner::Refresh(id), now, out);
    }

    pub(super) fn refresh_answered(&mut self, id: DialogId, answer: Answer<'_>, now: Now, out: &mut Vec<Output>) {
        let response = answer.response;
        match response.status.0 {
            ..=199 => {}
            200..=299 => {
                let standing = self.sessions.get_mut(&id).and_then(|session| {
                    session.challenges = 0;
                    session.dialog.refresh(&response.headers);
                    session.refreshing
                });
                self.keep_alive(id, agreed(&response.headers).or(standing), now);
            }
            401 | 407 if self.challenged(id, answer, now, out) => {}
            405 | 420 | 501 => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.takes_updates = false;
                }
                self.refresh(id, now, out);
            }
            408 | 481 => self.in_dialog_answered(id, answer, now, out),
            422 => self.refresh_longer(id, response, now, out),
            // Something is under way that refreshes as well, or the peer is out of sorts: the end comes in its time.
            _ => self.refresh_soon(id, now),
        }
    }

    fn refresh_longer(&mut self, id: DialogId, response: &Response, now: Now, out: &mut Vec<Output>) {
        let least = seconds(&response.headers, Header::MinSe);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let longer = session.refreshing.zip(least).filter(|(standing, least)| *least > standing.interval && *least <= MOST);
        if let Some((standing, interval)) = longer {
            session.refreshing = Some(Refreshing { interval, ..standing });
            self.refresh(id, now, out);
        }
    }

    fn refresh_soon(&mut self, id: DialogId, now: Now) {
        if let Some(standing) = self.sessions.get(&id).and_then(|session| session.refreshing) {
            self.clocks.set((id, Clock::Refresh), now.mono + standing.interval / 8);
        }
    }

    /// Nobody has refreshed it.
    pub(super) fn expired(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Confirmed) {
            session.ending = Ending::Expired;
            self.advance(id, Happens::Silent, now, out);
        }
    }
}

impl Session {
    /// What the peer says of itself in an INVITE, an UPDATE or a 2xx.
    pub(super) fn note_abilities(&mut self, headers: &Headers) {
        if headers.has(Header::Allow) {
            self.takes_updates = headers.allow().contains(&Method::Update);
        }
    }
}
