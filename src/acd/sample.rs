//! Large states to measure on: a house full of agents and callers, built through the front door.
//!
//! Invariant: the same numbers build the same state.

use super::{Acd, Agent, Event, ItemId, Join, Login, Membership, Queue, Settings};
use crate::id::Name;
use crate::time::{Duration, Moment, Now};
use std::sync::Arc;

/// `queues` queues (`q0`, ...), `agents` agents (`a0`, ...) always logged in, each of whom serves two of them. With more
/// `waiting` than agents every agent is being rung and the rest wait; with none everybody is free. Items are numbered from 0.
pub fn house(queues: u32, agents: u32, waiting: u64) -> Acd {
    let queue = Queue { ring: Duration::from_secs(600), max_waiting: usize::MAX, ..Queue::default() };
    let agent = |number: u32| Agent {
        login: Login::Always,
        queues: [number, number + 1]
            .map(|one| (queue_name(one % queues.max(1)), Membership { position: number, ..Membership::default() }))
            .into(),
        ..Agent::default()
    };
    let settings = Settings {
        queues: (0..queues.max(1)).map(|number| (queue_name(number), queue.clone())).collect(),
        agents: (0..agents).map(|number| (agent_name(number), agent(number))).collect(),
        ..Settings::default()
    };
    let mut acd = Acd::new(Arc::new(settings));
    let mut out = Vec::new();
    for number in 0..waiting {
        join(&mut acd, number, queues, at(number), &mut out);
        out.clear();
    }
    acd
}

/// One more caller, for the queue whose turn it is.
pub fn join(acd: &mut Acd, number: u64, queues: u32, now: Now, out: &mut Vec<super::Action>) {
    let queue = queue_name(u32::try_from(number % u64::from(queues.max(1))).unwrap_or(0));
    acd.handle(Event::Join(Join::new(ItemId(number), queue, now.mono)), now, out);
}

/// Callers come a millisecond apart.
pub fn at(number: u64) -> Now {
    Now { mono: Moment::ZERO + Duration::from_millis(number), ..Now::default() }
}

fn queue_name(number: u32) -> Name {
    format!("q{number}").into()
}

fn agent_name(number: u32) -> Name {
    format!("a{number}").into()
}
