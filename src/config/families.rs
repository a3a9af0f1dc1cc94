//! Families: queues of one kind that differ in how many agents they have, made as they are dialled.
//!
//! `3NNN` stands for 3001 to 3999; 3050 is a queue with the agents 1 to 50. All of them at once would be half a million
//! memberships, and an agent in many queues costs the queue engine in each decision; so a queue of a family exists from the
//! first call to it ([`Config::instantiate`]) until the configuration is replaced, and over that if it is asked for
//! ([`Config::inherit`]).
//!
//! Invariant: of two families an agent of the same name is the same agent.

use super::{Agent, Config, Phone, Queue};
use crate::acd::{self, Login, Membership};
use crate::id::Name;
use crate::sip::message::Uri;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub const MAX_FAMILIES: usize = 10;
/// Digits that say how many agents there are: at most 999.
pub const MAX_FAMILY_DIGITS: usize = 3;

/// Queues that are alike, by a pattern of their numbers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Family {
    /// The digits before the number of agents.
    pub prefix: String,
    /// How many digits the number of agents has.
    pub digits: usize,
    /// How callers are served, and what they are given while they wait.
    pub service: acd::Queue,
    pub queue: Queue,
    pub login: Login,
    /// The agents' names, `{n}` standing for 1, 2, 3 ...
    pub agent: String,
    /// Their addresses in the same way; `None` when it is not known where they are, and then there are none.
    pub address: Option<String>,
}

impl Family {
    /// How many agents the queue of this number has, if it is one of this family.
    pub fn size(&self, number: &str) -> Option<u32> {
        let digits = number.strip_prefix(&*self.prefix)?;
        if digits.len() != self.digits || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().filter(|size| *size > 0)
    }

    /// How many agents the largest queue has.
    pub fn largest(&self) -> u32 {
        (0..self.digits).fold(1, |power: u32, _| power.saturating_mul(10)) - 1
    }

    /// The agent of this place, from 1.
    fn agent(&self, place: u32) -> Option<(Name, Agent)> {
        let fill = |pattern: &str| pattern.replace("{n}", &place.to_string());
        let address = Uri::parse(fill(self.address.as_deref()?)).ok()?;
        Some((fill(&self.agent).into(), Agent { phone: Phone::Address(address) }))
    }
}

impl Config {
    /// The family that this number is of, and how many agents its queue has.
    pub fn family(&self, number: &str) -> Option<(&Family, u32)> {
        self.families.iter().find_map(|family| Some((family, family.size(number)?)))
    }

    /// Makes the queue of this number with its agents, when a family says so and there is none yet; true when it did, and then the
    /// queue engine is to be told ([`acd::Event::Configure`]).
    pub fn instantiate(&mut self, number: &str) -> bool {
        if self.acd.queues.contains_key(number) {
            return false;
        }
        let Some((family, size)) = self.family(number) else { return false };
        let (family, name) = (family.clone(), Name::from(number));
        let settings = Arc::make_mut(&mut self.acd);
        settings.queues.insert(name.clone(), family.service.clone());
        for place in 1..=size {
            let Some((agent, phone)) = family.agent(place) else { break };
            let duties = settings
                .agents
                .entry(agent.clone())
                .or_insert_with(|| acd::Agent { login: family.login, ..Default::default() });
            duties.queues.insert(name.clone(), Membership { position: place, ..Membership::default() });
            self.agents.entry(agent).or_insert(phone);
        }
        self.queues.insert(name, family.queue);
        true
    }

    /// Makes those queues of families again that the configuration before this one had made: callers may wait in them.
    pub fn inherit(&mut self, before: &Config) {
        for number in before.acd.queues.keys().filter(|number| before.family(number).is_some()) {
            self.instantiate(number);
        }
    }
}
