//! A phone does not answer: it refuses, sends its caller elsewhere, rings out; and what is tried after it.
//!
//! ```text
//! refused (302: the place it names) --> one fewer --> of the last one: the next stage, else the callee's forward, else failed
//! rang out ------------------------------------------^
//! ```
//!
//! Invariant: of several reasons the one is told that says most about the person.

use super::call::{Attempt, AttemptId, Call, Purpose};
use super::dial::Taken;
use super::policy::{self, Errand, Payer, Permit, Refusal, Stage, Wanted, Way};
use super::{Action, Pbx, Timer};
use crate::acd;
use crate::config::{Config, Destination};
use crate::id::{CallId, LegId};
use crate::ivr::DialEnd;
use crate::sip::message::Uri;
use crate::sip::{Diverted, Ending, Source, Status};
use crate::time::{Duration, Now};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest that a trunk's Retry-After is believed.
const MAX_REST: Duration = Duration::from_secs(300);

/// Why nobody answered: as a flow is told, and as a caller who has none is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unanswered {
    pub why: DialEnd,
    pub status: Status,
}

impl From<DialEnd> for Unanswered {
    fn from(why: DialEnd) -> Unanswered {
        let status = match why {
            DialEnd::Busy => 486,
            DialEnd::Rejected => 603,
            DialEnd::NoAnswer | DialEnd::Unavailable | DialEnd::Answered => 480,
            DialEnd::Failed => 502,
        };
        Unanswered { why, status: Status(status) }
    }
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Unanswered {
        Unanswered { why: refusal.dial_end(), status: refusal.status() }
    }
}

impl From<&Ending> for Unanswered {
    fn from(ending: &Ending) -> Unanswered {
        match ending {
            // A number that is wrong is told as it was: the caller can mend it.
            Ending::Refused { status, .. } if is_of_the_number(*status) => {
                Unanswered { why: DialEnd::Unavailable, status: *status }
            }
            _ => dial_end(ending).into(),
        }
    }
}

/// There is no such number, not any more, or not all of it (RFC 3261 sections 21.4.5, 21.4.9, 21.4.22, 21.6.3).
fn is_of_the_number(status: Status) -> bool {
    matches!(status, Status(404 | 410 | 484 | 604))
}

impl Pbx {
    /// A phone that rang for an attempt refused: it may know of a better place.
    pub(super) fn phone_refused(&mut self, attempt: AttemptId, leg: LegId, ending: &Ending, now: Now, out: &mut Vec<Action>) {
        if let Ending::Refused { status: Status(300..=399), contacts, .. } = ending {
            self.redirected(attempt, leg, contacts, now);
        }
        if let Ending::Refused { status: Status(503), retry_after: Some(pause), .. } = ending
            && *pause > Duration::ZERO
            && let Some(trunk) = self.legs.get(&leg).and_then(|leg| leg.permit.as_deref()).and_then(Permit::trunk).cloned()
        {
            let pause = (*pause).min(MAX_REST);
            tracing::warn!(%trunk, seconds = pause.as_secs(), "the trunk wants no calls for a while");
            self.policy.trunk_rests(&trunk, pause, now);
        }
        self.try_next_place(attempt, leg, ending, now);
        if matches!(ending, Ending::Refused { status: Status(486 | 600..=699), .. }) {
            self.nobody_else_asks(attempt, leg);
        }
        self.phone_failed(attempt, leg, ending.into(), now, out);
    }

    /// A provider's server that is dead, or of no use, is passed over for its next one (RFC 3263 section 4.3), each once in a call.
    fn try_next_place(&mut self, attempt: AttemptId, leg: LegId, ending: &Ending, now: Now) {
        let dead = matches!(ending, Ending::Unreachable | Ending::Timeout)
            || matches!(ending, Ending::Refused { status: Status(503), retry_after: None | Some(Duration::ZERO), .. });
        let Some(it) = self.legs.get(&leg).filter(|_| dead) else { return };
        let Some(trunk) = it.permit.as_deref().and_then(Permit::trunk).cloned() else { return };
        let places = self.pass_over(&trunk, it.peer_host, now);
        let is_usable = !self.policy.trunk_view(&trunk, now).down;
        let Some(it) = self.attempts.get_mut(&attempt).filter(|it| is_usable && it.stage.goals.len() == 1) else { return };
        if usize::from(it.stage.passed_over) + 1 < places {
            let stage = Stage { passed_over: it.stage.passed_over + 1, ..it.stage.clone() };
            it.then.push_front(stage);
        }
    }

    /// Whoever was called is busy, or declines: another provider would only ring them again (RFC 3261 section 21.6).
    fn nobody_else_asks(&mut self, attempt: AttemptId, leg: LegId) {
        let Some(permit) = self.legs.get(&leg).and_then(|leg| leg.permit.as_deref()) else { return };
        let Some(number) = permit.place().telephone() else { return };
        let asks = |stage: &Stage| !stage.goals.is_empty() && stage.goals.iter().all(|goal| goal.telephone() == Some(number));
        if let Some(it) = self.attempts.get_mut(&attempt) {
            while it.then.front().is_some_and(asks) {
                it.then.pop_front();
            }
        }
    }

    /// A phone sends its caller elsewhere (302): at its extension's cost, by what would be dialled there. Its host is not asked.
    fn redirected(&mut self, attempt: AttemptId, leg: LegId, contacts: &[Uri], now: Now) {
        let Some(it) = self.legs.get(&leg) else { return };
        let (Source::Extension(extension), Some(permit)) = (&it.peer, &it.permit) else { return };
        let payer = Payer::Extension(extension.clone());
        let errand = permit.errand().onward(payer, Way::Redirect, extension, Diverted::Otherwise);
        // An offer is the agent's, not their phone's, to send on.
        let Some(it) = self.attempts.get_mut(&attempt).filter(|it| !matches!(it.purpose, Purpose::Offer { .. })) else {
            return;
        };
        let mut numbers: Vec<String> = contacts.iter().map(Uri::subscriber).collect();
        // What takes callers itself is the last to be tried: nobody else is asked after it.
        let takers = numbers.iter().enumerate();
        let taker = takers.filter_map(|(at, number)| Some((at, takes_callers(&self.config, number)?))).next();
        if let Some((at, taker)) = taker {
            numbers.truncate(at);
            if has_no_flow(&self.calls, it) {
                it.then.push_back(Stage::taken_by(taker));
            }
        }
        // Each before those that were to be tried anyway, so the last one first.
        for number in numbers.into_iter().rev() {
            self.send_on(attempt, &Wanted::Number(number), errand.clone(), now);
        }
    }

    /// The attempt goes on elsewhere, before what it would have tried next.
    fn send_on(&mut self, attempt: AttemptId, wanted: &Wanted, errand: Errand, now: Now) -> bool {
        let planned = self.policy.plan(&self.config, wanted, &errand, now, &mut self.rng);
        let Some(it) = self.attempts.get_mut(&attempt) else { return false };
        let call = it.call;
        match planned {
            Ok(stages) => {
                stages.into_iter().rev().for_each(|stage| it.then.push_front(stage));
                // Phones that send their callers on to others, which send them on again: the last ones wait in vain.
                it.then.truncate(policy::MAX_STAGES);
                true
            }
            Err(refusal) => {
                self.refused(call, wanted.words(), &errand, refusal);
                false
            }
        }
    }

    /// A phone that rang for an attempt will not answer any more.
    pub(super) fn phone_failed(&mut self, attempt: AttemptId, leg: LegId, why: Unanswered, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.get_mut(&attempt) else { return };
        let call = it.call;
        it.legs.remove(&leg);
        it.refusal = Some(it.refusal.map_or(why, |before| better(before, why)));
        let others = !it.legs.is_empty();
        self.end_early(call, leg, out);
        if !others {
            self.stage_failed(attempt, now, out);
        }
    }

    /// Nobody picked up in time.
    pub(super) fn rang_out(&mut self, attempt: AttemptId, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.attempts.get_mut(&attempt) else { return };
        let why = DialEnd::NoAnswer.into();
        it.refusal = Some(it.refusal.map_or(why, |before| better(before, why)));
        let legs = std::mem::take(&mut it.legs);
        self.stop_ringing(legs, Taken::ByNobody, now, out);
        self.stage_failed(attempt, now, out);
    }

    /// None of these phones will answer: those that come after them, those that the callee has named instead, or the end.
    fn stage_failed(&mut self, attempt: AttemptId, now: Now, out: &mut Vec<Action>) {
        self.timers.cancel(&Timer::Ring(attempt));
        let Err(failure) = self.go_on(attempt, now, out) else { return };
        let Some(it) = self.attempts.remove(&attempt) else { return };
        if let Some(taker) = failure.instead {
            return self.lead(it.call, taker, now, out);
        }
        let unanswered = it.refusal.unwrap_or(failure.why);
        match it.purpose {
            Purpose::Offer { offer, .. } => self.tell_acd(acd::Event::Refused { offer, why: refusal(unanswered.why) }, now),
            Purpose::Dial | Purpose::Transfer | Purpose::Overflow => self.dial_ended(it.call, it.purpose, unanswered, now, out),
            Purpose::Referred => self.transfer_failed(it.call, unanswered.status, now, out),
        }
    }

    /// Where all calls of an extension go, when that is a flow or a queue.
    pub(super) fn always_inside(&self, extension: &str) -> Option<Destination> {
        takes_callers(&self.config, self.policy.forward_of(&self.config, extension)?.always.as_ref()?)
    }

    fn forward_for(&self, extension: &str, refusal: DialEnd) -> Option<(String, Diverted)> {
        let forward = self.policy.forward_of(&self.config, extension)?;
        let (to, why) = match refusal {
            DialEnd::Busy | DialEnd::Rejected => (&forward.busy, Diverted::Busy),
            DialEnd::NoAnswer => (&forward.no_answer, Diverted::NoAnswer),
            _ => (&forward.no_answer, Diverted::Unavailable),
        };
        to.clone().map(|to| (to, why))
    }

    /// Where the calls of an extension go when it is busy, or nobody answers.
    pub(super) fn forward_on(&mut self, attempt: AttemptId, now: Now) -> bool {
        let Some(it) = self.attempts.get(&attempt).filter(|it| !matches!(it.purpose, Purpose::Offer { .. })) else {
            return false;
        };
        let (Some(extension), Some(goal)) = (it.stage.forward.clone(), it.stage.goals.first()) else { return false };
        let refusal = reason(it);
        let Some((to, why)) = self.forward_for(&extension, refusal) else { return false };
        if let Some(taker) = takes_callers(&self.config, &to) {
            let Some(it) = self.attempts.get_mut(&attempt).filter(|it| has_no_flow(&self.calls, it)) else { return false };
            it.then.push_front(Stage::taken_by(taker));
            return true;
        }
        let errand = goal.errand().onward(Payer::Extension(extension.clone()), Way::Forward, &extension, why);
        self.send_on(attempt, &Wanted::Number(to), errand, now)
    }
}

/// The flow or the queue that this number leads to.
fn takes_callers(config: &Config, to: &str) -> Option<Destination> {
    policy::internal(config, to).filter(|to| matches!(to, Destination::Flow(_) | Destination::Queue(_)))
}

/// Only a caller who has no flow to go back to is taken by another one, or by a queue.
fn has_no_flow(calls: &BTreeMap<CallId, Box<Call>>, attempt: &Attempt) -> bool {
    attempt.purpose == Purpose::Dial && calls.get(&attempt.call).is_some_and(|call| call.session.is_none())
}

/// Why the attempt has failed so far.
fn reason(attempt: &Attempt) -> DialEnd {
    attempt.refusal.map_or(DialEnd::Unavailable, |it| it.why)
}

/// How a phone's refusal is told to the flow.
fn dial_end(ending: &Ending) -> DialEnd {
    match ending {
        Ending::Refused { status: Status(486 | 600), .. } => DialEnd::Busy,
        Ending::Refused { status: Status(603 | 607 | 608), .. } => DialEnd::Rejected,
        Ending::Refused { status: Status(480 | 408 | 487), .. } | Ending::Timeout | Ending::Expired => DialEnd::NoAnswer,
        // Whoever sends their callers on, and nowhere that can be reached, is away.
        Ending::Refused { status: Status(300..=399 | 502..=504), .. } => DialEnd::Unavailable,
        Ending::Unreachable | Ending::Gone => DialEnd::Unavailable,
        Ending::Refused { .. } | Ending::Bye { .. } | Ending::Cancelled | Ending::NoAck | Ending::Ours => DialEnd::Failed,
    }
}

/// Of two phones' reasons the one that says more about the person: busy before rejected before no answer, then that the number is
/// wrong, before the rest.
fn better(a: Unanswered, b: Unanswered) -> Unanswered {
    let rank = |it: Unanswered| match it.why {
        DialEnd::Answered => 0,
        DialEnd::Busy => 1,
        DialEnd::Rejected => 2,
        DialEnd::NoAnswer => 3,
        DialEnd::Unavailable if is_of_the_number(it.status) => 4,
        DialEnd::Failed => 5,
        DialEnd::Unavailable => 6,
    };
    if rank(b) < rank(a) { b } else { a }
}

fn refusal(why: DialEnd) -> acd::Refusal {
    match why {
        DialEnd::Busy => acd::Refusal::Busy,
        DialEnd::Rejected | DialEnd::NoAnswer => acd::Refusal::Rejected,
        DialEnd::Unavailable | DialEnd::Failed | DialEnd::Answered => acd::Refusal::Unreachable,
    }
}
