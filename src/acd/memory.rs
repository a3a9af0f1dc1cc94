//! What the engine knows that must outlive the process: agents' states, and the places of those who waited.
//!
//! Times are civil here: another process has another monotonic clock. Invariant: what is restored is what was told of, and a place
//! is given back only to the number that had it.

use super::desk::{Duty, Pause};
use super::history::Place;
use super::roster::DeskId;
use super::settings::MAX_WRAP_UP;
use super::words::Action;
use super::{Acd, Deadline, Login};
use crate::id::Name;
use crate::time::{Duration, Now, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    pub agents: Vec<AgentMemory>,
    pub places: Vec<PlaceMemory>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentMemory {
    pub agent: Name,
    pub logged_in: Option<Wall>,
    pub pause: Option<PauseMemory>,
    pub wish: Option<Name>,
    /// The wrap-up that is running.
    #[serde(default)]
    pub wraps_up: Option<WrapUpMemory>,
    pub paused_for: BTreeMap<Name, Duration>,
    pub calls: u32,
    pub talked: Duration,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PauseMemory {
    pub reason: Name,
    pub forced: bool,
    pub since: Wall,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WrapUpMemory {
    pub since: Wall,
    pub until: Wall,
}

/// A place in a queue, by the caller's number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlaceMemory {
    pub contact: Name,
    pub queue: Name,
    pub arrival: Wall,
}

impl Acd {
    /// What is to be kept of an agent, as they are now.
    pub fn memory_of(&self, agent: &str, now: Now) -> Option<AgentMemory> {
        let desk = self.desks.at(self.desks.find(agent)?);
        let pause = desk.pause.as_ref().map(|pause| PauseMemory {
            reason: pause.reason.clone(),
            forced: pause.forced,
            since: now.wall_of(pause.since),
        });
        let wraps_up = match desk.duty {
            Duty::WrapUp { since, until } => Some(WrapUpMemory { since: now.wall_of(since), until: now.wall_of(until) }),
            Duty::Idle | Duty::Offered(_) | Duty::OnCall(_) => None,
        };
        Some(AgentMemory {
            agent: desk.name.clone(),
            logged_in: desk.login.map(|since| now.wall_of(since)),
            pause,
            wish: desk.wish.clone(),
            wraps_up,
            paused_for: desk.paused_for.clone(),
            calls: desk.calls,
            talked: desk.talked,
        })
    }

    /// Whose phones are there has been said before; what people decided goes beyond that.
    pub(super) fn restore(&mut self, memory: Memory, now: Now, out: &mut Vec<Action>) {
        for kept in memory.agents {
            self.restore_agent(kept, now, out);
        }
        for place in memory.places {
            let Some(line) = self.lines.find(&place.queue) else { continue };
            let redial = self.lines.at(line).settings.redial;
            let place_again =
                Place { queue: place.queue, arrival: now.moment_of(place.arrival).min(now.mono), until: now.mono + redial };
            if !redial.is_zero() {
                self.history.note(&place.contact, now.mono, |contact| contact.place = Some(place_again));
            }
        }
    }

    fn restore_agent(&mut self, kept: AgentMemory, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.desks.find(&kept.agent) else { return };
        let policy = self.desks.at(id).policy;
        if kept.logged_in.is_none() && policy != Login::ByRegistration
            || kept.logged_in.is_none() && self.desks.at(id).reachable
        {
            self.agent_logout(&kept.agent, now.mono, out);
        }
        self.change(id, now.mono, |desk| {
            if let Some(since) = kept.logged_in {
                let since = now.moment_of(since).min(now.mono);
                // A phone that is not there logs in by registering; the others were at work.
                if policy != Login::ByRegistration || desk.reachable {
                    desk.login = Some(since);
                }
            }
            desk.pause = kept.pause.map(|pause| Pause {
                reason: pause.reason,
                forced: pause.forced,
                since: now.moment_of(pause.since).min(now.mono),
            });
            desk.wish = kept.wish;
            desk.paused_for = kept.paused_for;
            desk.logged_out = desk.login.is_none().then_some(now.mono);
            desk.calls = kept.calls;
            desk.talked = kept.talked;
        });
        if let Some(kept) = kept.wraps_up {
            self.restore_wrap_up(id, &kept, now);
        }
    }

    /// Until its old end, for who is at work.
    fn restore_wrap_up(&mut self, id: DeskId, kept: &WrapUpMemory, now: Now) {
        let since = now.moment_of(kept.since).min(now.mono);
        let until = now.moment_of(kept.until).min(now.mono + MAX_WRAP_UP);
        let desk = self.desks.at(id);
        if desk.login.is_none() || desk.duty != Duty::Idle || until <= now.mono {
            return;
        }
        self.timers.set(Deadline::WrapUp(id), until);
        self.change(id, now.mono, |desk| desk.duty = Duty::WrapUp { since, until });
    }
}
