//! An agent at work: what is known of them, and the one state that follows from it.
//!
//! Login, phone, pause and own call are facts that change independently of each other; what the engine gave the agent to do is
//! one [`Duty`]. Invariant: [`Desk::state`] is the only way from these to what a supervisor sees, [`Desk::obstacle`] the only
//! way to whether they may be offered a call.

use super::dispatch::Obstacle;
use super::roster::{LineId, SetId};
use super::settings::{Agent, Login};
use super::strategy::Candidate;
use super::words::{ItemId, OfferId, State};
use crate::id::Name;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Desk {
    pub name: Name,
    pub policy: Login,
    /// The requirement sets that this agent satisfies.
    pub posts: Vec<Post>,
    /// Removed from the configuration; leaves for good when the call is over.
    pub retired: bool,

    /// Logged in since then.
    pub login: Option<Moment>,
    /// The phone is there. Always true at a contact that is not watched.
    pub reachable: bool,
    pub pause: Option<Name>,
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
    pub calls: u32,
    pub talked: Duration,
    /// Of finished logins.
    pub logged_in: Duration,

    /// Stands in the sets of `posts`.
    pub listed: bool,
    /// The state that was told last, and since when.
    pub shown: State,
    pub since: Moment,
}

/// What the engine gave an agent to do: one thing at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Duty {
    Idle,
    Offered(OfferId),
    OnCall(ItemId),
    WrapUp { until: Moment },
}

/// A place in one requirement set.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Post {
    pub line: LineId,
    pub set: SetId,
    pub tier: u16,
    pub position: u32,
}

impl Desk {
    pub fn new(name: Name, settings: &Agent, now: Moment) -> Desk {
        let always = settings.login == Login::Always;
        Desk {
            name,
            policy: settings.login,
            posts: Vec::new(),
            retired: false,
            login: always.then_some(now),
            reachable: always,
            pause: None,
            own_call: false,
            duty: Duty::Idle,
            rest_until: None,
            no_answers: 0,
            idle_since: now,
            draw: 0,
            calls: 0,
            talked: Duration::ZERO,
            logged_in: Duration::ZERO,
            listed: false,
            shown: State::Offline,
            since: now,
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
            (Duty::Idle, Some(reason)) => State::Paused(reason.clone()),
            (Duty::Idle, None) if self.own_call => State::Busy,
            (Duty::Idle, None) => State::Available,
        }
    }

    /// Why this agent may be offered nothing now; the half of `may_take` that does not depend on the item.
    pub fn obstacle(&self, now: Moment) -> Option<Obstacle> {
        if matches!(self.duty, Duty::WrapUp { until } if until > now) || matches!(self.duty, Duty::Offered(_) | Duty::OnCall(_))
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

    pub fn log_in(&mut self, now: Moment) {
        if self.login.is_none() {
            self.login = Some(now);
            self.idle_since = now;
        }
    }

    pub fn log_out(&mut self, now: Moment) {
        if let Some(since) = self.login.take() {
            self.logged_in += now.since(since);
        }
        if matches!(self.duty, Duty::WrapUp { .. }) {
            self.duty = Duty::Idle;
        }
    }

    /// Nothing of this changes while the agent is free.
    pub fn candidate(&self, position: u32) -> Candidate {
        Candidate {
            idle_since: self.idle_since,
            calls: self.calls,
            talked: self.talked,
            logged_in_since: self.login.unwrap_or_default() - self.logged_in,
            position,
            draw: self.draw,
        }
    }
}
