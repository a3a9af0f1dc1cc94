//! Large states to measure on: a house full of agents and callers, built through the front door.
//!
//! Invariant: the same numbers build the same state.

use super::{Acd, Agent, Event, ItemId, Join, Login, Membership, Need, Queue, Settings, Step};
use crate::expression::{Operator, Requirement, Skill};
use crate::id::Name;
use crate::time::{Duration, Moment, Now};
use std::sync::Arc;

/// What a sample is made of.
#[derive(Clone, Copy, Debug)]
pub struct House {
    pub queues: u32,
    pub agents: u32,
    /// Every agent has three of ten skills, every queue needs one of them, and relaxes it and bumps after a while.
    pub skilled: bool,
}

impl House {
    pub fn plain(queues: u32, agents: u32) -> House {
        House { queues, agents, skilled: false }
    }

    pub fn skilled(queues: u32, agents: u32) -> House {
        House { queues, agents, skilled: true }
    }
}

/// `queues` queues (`q0`, ...), `agents` agents (`a0`, ...) always logged in, each of whom serves two of them. With more
/// `waiting` than agents every agent is being rung and the rest wait; with none everybody is free. Items are numbered from 0.
pub fn house(queues: u32, agents: u32, waiting: u64) -> Acd {
    built(House::plain(queues, agents), waiting)
}

pub fn built(house: House, waiting: u64) -> Acd {
    let queues = house.queues.max(1);
    let settings = Settings {
        queues: (0..queues).map(|number| (queue_name(number), queue(house, number))).collect(),
        agents: (0..house.agents).map(|number| (agent_name(number), agent(house, number))).collect(),
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

fn queue(house: House, number: u32) -> Queue {
    let plain = Queue { ring: Duration::from_secs(600), max_waiting: usize::MAX, ..Queue::default() };
    if !house.skilled {
        return plain;
    }
    let name = Name::from(format!("s{}", number % 10));
    let skill = |level| Requirement::Skill(Skill { name: name.clone(), comparison: Operator::AtLeast, level });
    let relaxed = Step { after: Duration::from_secs(3600), need: Some(Need::from(skill(1))), ..Step::default() };
    let bump = Step { after: Duration::from_secs(7200), bump: Duration::from_secs(60), ..Step::default() };
    Queue { need: Need::from(skill(3)), steps: vec![relaxed, bump], ..plain }
}

fn agent(house: House, number: u32) -> Agent {
    let membership = Membership { position: number, ..Membership::default() };
    let queues = [number, number + 1].map(|one| one % house.queues.max(1));
    // The skills that their queues need, and another.
    let skills = queues.into_iter().chain([number + 5]).map(|one| (Name::from(format!("s{}", one % 10)), 5));
    Agent {
        login: Login::Always,
        queues: queues.map(|one| (queue_name(one), membership.clone())).into(),
        skills: skills.collect(),
        ..Agent::default()
    }
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
