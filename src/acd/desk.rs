//! An agent at work: what is known of them, and the one state that follows from it.
//!
//! Login, phone, pause and own call are facts that change independently of each other; what the engine gave the agent to do is
//! one [`Duty`]. Invariant: [`Desk::state`] is the only way from these to what a supervisor sees, [`Desk::obstacle`] the only
//! way to whether they may be offered a call.

use super::dispatch::Obstacle;
use super::rolling::Rolling;
use super::roster::{LineId, PoolId, SetId};
use super::settings::{Agent, Login};
use super::skill::Skills;
use super::strategy::{Candidate, Merit};
use super::words::{ItemId, OfferId, State};
use crate::id::Name;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whoever is away for less goes on with the same shift: a phone that loses its registration grants nobody another lunch.
const BETWEEN_SHIFTS: Duration = Duration::from_secs(4 * 3600);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Desk {
    pub name: Name,
    pub policy: Login,
    pub skills: Skills,
    /// The queues and groups this agent serves.
    pub seats: Vec<Seat>,
    /// The requirement sets that this agent satisfies, of those that there are.
    pub posts: Vec<Post>,
    /// Items that wait for this agent alone, or would if they were there.
    pub wanted_by: BTreeSet<ItemId>,
    /// Removed from the configuration; leaves for good when the call is over.
    pub retired: bool,

    /// Logged in since then.
    pub login: Option<Moment>,
    /// The phone is there. Always true at a contact that is not watched.
    pub reachable: bool,
    pub pause: Option<Pause>,
    /// The reason of a pause that a supervisor is to agree to.
    pub wish: Option<Name>,
    /// How long they paused for each reason since the login, the present pause not counted.
    pub paused_for: BTreeMap<Name, Duration>,
    /// On a call that is not ours.
    pub own_call: bool,
    pub duty: Duty,
    /// Left alone until then, after an offer that came to nothing.
    pub rest_until: Option<Moment>,
    /// Offers in a row without an answer (RONA).
    pub no_answers: u32,

    pub idle_since: Moment,
    /// Chance drawn when they became free.
    pub draw: u64,
    pub drawn_from: u64,
    pub calls: u32,
    pub talked: Duration,
    /// Of finished logins.
    pub logged_in: Duration,
    pub logged_out: Option<Moment>,
    /// What they are on or wrap up, for its disposition.
    pub last_item: Option<(ItemId, LineId)>,
    /// Recent handling time, for each queue.
    pub handled: BTreeMap<LineId, Rolling<Duration>>,

    /// Stands in the sets of `posts`.
    pub listed: bool,
    /// The state that was told last, and since when.
    pub shown: State,
    pub since: Moment,
    /// What was told last of what goes beyond the state.
    pub told: Standing,
}

/// What people decided of an agent, which must outlive the process from then on, not only once it shows in the state.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    logged_in: bool,
    pause: Option<Pause>,
    wish: Option<Name>,
    wraps_up_until: Option<Moment>,
}

/// What the engine gave an agent to do: one thing at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Duty {
    Idle,
    Offered(OfferId),
    OnCall(ItemId),
    WrapUp { since: Moment, until: Moment },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Pause {
    pub reason: Name,
    /// By a supervisor, who alone may end it.
    pub forced: bool,
    pub since: Moment,
}

/// A place among the agents of a queue or a group.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Seat {
    pub pool: PoolId,
    pub delay: Duration,
    pub tier: u16,
    pub position: u32,
    pub weight: u16,
}

/// A place in one requirement set.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Post {
    pub set: SetId,
    pub merit: Merit,
}

impl Desk {
    pub fn new(name: Name, settings: &Agent, now: Moment) -> Desk {
        let always = settings.login == Login::Always;
        Desk {
            name,
            policy: settings.login,
            skills: settings.skills.clone(),
            seats: Vec::new(),
            posts: Vec::new(),
            wanted_by: BTreeSet::new(),
            retired: false,
            login: always.then_some(now),
            reachable: always,
            pause: None,
            wish: None,
            paused_for: BTreeMap::new(),
            own_call: false,
            duty: Duty::Idle,
            rest_until: None,
            no_answers: 0,
            idle_since: now,
            draw: 0,
            drawn_from: 0,
            calls: 0,
            talked: Duration::ZERO,
            logged_in: Duration::ZERO,
            logged_out: None,
            last_item: None,
            handled: BTreeMap::new(),
            listed: false,
            shown: State::Offline,
            since: now,
            told: Standing::default(),
        }
    }

    /// ```text
    /// the first that holds:     is
    /// talks to one of ours      on_call
    /// an offer rings            offered
    /// removed, logged out,
    ///   phone not there         offline
    /// wraps up                  wrap_up
    /// paused                    paused(reason)
    /// on a call of their own    busy
    /// nothing of these          available     (perhaps resting after an offer that came to nothing)
    /// ```
    pub fn state(&self) -> State {
        match (self.duty, &self.pause) {
            (Duty::OnCall(_), _) => State::OnCall,
            (Duty::Offered(_), _) => State::Offered,
            _ if !self.present() => State::Offline,
            (Duty::WrapUp { .. }, _) => State::WrapUp,
            (Duty::Idle, Some(pause)) => State::Paused(pause.reason.clone()),
            (Duty::Idle, None) if self.own_call => State::Busy,
            (Duty::Idle, None) => State::Available,
        }
    }

    /// What comes after the present call and its wrap-up, when it was ordered already: a pause, or to be offline.
    pub fn then(&self) -> Option<State> {
        let after = match (self.duty, &self.pause) {
            (Duty::Idle, _) => None,
            _ if !self.present() => Some(State::Offline),
            (_, pause) => pause.as_ref().map(|pause| State::Paused(pause.reason.clone())),
        };
        after.filter(|after| *after != self.state())
    }

    pub fn standing(&self) -> Standing {
        let wraps_up_until = if let Duty::WrapUp { until, .. } = self.duty { Some(until) } else { None };
        Standing { logged_in: self.login.is_some(), pause: self.pause.clone(), wish: self.wish.clone(), wraps_up_until }
    }

    /// Why this agent may be offered nothing now; the half of `may_take` that does not depend on the item.
    pub fn obstacle(&self, now: Moment) -> Option<Obstacle> {
        if matches!(self.duty, Duty::WrapUp { until, .. } if until > now)
            || matches!(self.duty, Duty::Offered(_) | Duty::OnCall(_))
        {
            return Some(Obstacle::AgentIs(self.state()));
        }
        if !self.present() || self.pause.is_some() || self.own_call {
            return Some(Obstacle::AgentIs(self.state()));
        }
        self.rest_until.filter(|until| *until > now).map(|until| Obstacle::AgentRests { until })
    }

    /// Logged in, with a phone that can ring, and still one of ours.
    pub fn present(&self) -> bool {
        self.login.is_some() && self.reachable && !self.retired
    }

    /// Worth waiting for: there, and not paused, whatever they do just now.
    pub fn is_awaited(&self) -> bool {
        self.present() && self.pause.is_none()
    }

    pub fn seat(&self, pool: PoolId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.pool == pool)
    }

    /// Levels in these skills, added up.
    pub fn levels(&self, skills: impl Iterator<Item = Name>) -> u16 {
        skills.map(|skill| u16::from(self.skills.get(&skill).copied().unwrap_or(0))).sum()
    }

    /// How long they have paused for this reason in this shift.
    pub fn paused_for(&self, reason: &str, now: Moment) -> Duration {
        let present = self.pause.as_ref().filter(|pause| *pause.reason == *reason && self.duty == Duty::Idle);
        let present = present.map(|pause| now.since(pause.since));
        self.paused_for.get(reason).copied().unwrap_or_default() + present.unwrap_or_default()
    }

    /// One that still waits for the end of a call has taken no time.
    pub fn end_pause(&mut self, now: Moment) {
        if let Some(pause) = self.pause.take().filter(|_| self.duty == Duty::Idle) {
            *self.paused_for.entry(pause.reason).or_default() += now.since(pause.since);
        }
    }

    /// The call and its wrap-up are over, and with it begins the pause that was ordered meanwhile.
    pub fn begin_ordered_pause(&mut self, now: Moment) {
        if let (State::OnCall | State::WrapUp, Some(pause)) = (&self.shown, &mut self.pause) {
            pause.since = now;
        }
    }

    pub fn log_in(&mut self, now: Moment) {
        if self.login.is_none() {
            self.login = Some(now);
            if self.logged_out.is_none_or(|since| now.since(since) >= BETWEEN_SHIFTS) {
                self.paused_for.clear();
            }
            self.idle_since = now;
        }
    }

    pub fn log_out(&mut self, now: Moment) {
        if let Some(since) = self.login.take() {
            self.logged_in += now.since(since);
            self.logged_out = Some(now);
        }
        if matches!(self.duty, Duty::WrapUp { .. }) {
            self.duty = Duty::Idle;
        }
    }

    /// Nothing of this changes while the agent is free.
    pub fn candidate(&self) -> Candidate {
        Candidate {
            idle_since: self.idle_since,
            calls: self.calls,
            talked: self.talked,
            logged_in_since: self.login.unwrap_or_default() - self.logged_in,
            draw: self.draw,
            drawn_from: self.drawn_from,
        }
    }
}
