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
/// Agents in queues that were made, all queues counted: one family of three digits whole.
pub const MAX_MADE: usize = 500_000;

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

    /// As it was written: `3NNN`.
    pub fn pattern(&self) -> String {
        format!("{}{}", self.prefix, "N".repeat(self.digits))
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

    /// Makes the queue of this number with its agents, when a family says so and there is none yet (and not too many were made:
    /// [`MAX_MADE`]); true when it did, and then the queue engine is to be told ([`acd::Event::Configure`]).
    pub fn instantiate(&mut self, number: &str) -> bool {
        if self.acd.queues.contains_key(number) {
            return false;
        }
        let Some((family, size)) = self.family(number) else { return false };
        let made = self.acd.queues.keys().filter_map(|made| self.family(made)).map(|(_, size)| size as usize);
        if made.sum::<usize>() + size as usize > MAX_MADE {
            return false;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Destination;

    fn lab() -> Config {
        let family = Family {
            prefix: "3".into(),
            digits: 3,
            service: acd::Queue::default(),
            queue: Queue::default(),
            login: Login::Always,
            agent: "a{n}".into(),
            address: Some("sip:a{n}@127.0.0.1:7000".into()),
        };
        Config { families: vec![family], ..Config::default() }
    }

    #[test]
    fn a_number_of_a_family_says_how_many_agents_its_queue_has() {
        let config = lab();
        for (number, size) in [
            ("3001", Some(1)),
            ("3050", Some(50)),
            ("3999", Some(999)),
            ("3000", None),
            ("350", None),
            ("30500", None),
            ("4050", None),
            ("3+50", None),
            ("3\u{661}50", None),
        ] {
            assert_eq!(config.family(number).map(|(_, size)| size), size, "{number}");
            let leads = size.map(|_| Destination::Queue(number.into()));
            assert_eq!(config.destination(number), leads, "{number}");
        }
    }

    #[test]
    fn every_size_is_made_once_with_its_agents_at_their_addresses() {
        let mut config = lab();
        assert!(config.acd.queues.is_empty() && config.agents.is_empty());
        for size in [1, 5, 20, 50, 200, 999] {
            let number = format!("3{size:03}");
            assert!(config.instantiate(&number));
            assert!(!config.instantiate(&number), "{number} was made twice");
            let serving = config.acd.agents.values().filter(|agent| agent.queues.contains_key(&*number)).count();
            assert_eq!(serving, size);
        }
        assert!(!config.instantiate("100"));
        assert_eq!((config.acd.queues.len(), config.agents.len()), (6, 999));
        assert_eq!((config.acd.agents["a1"].queues.len(), config.acd.agents["a999"].queues.len()), (6, 1));
        assert_eq!(config.agents["a7"].phone, Phone::Address(Uri::parse("sip:a7@127.0.0.1:7000").expect("a URI")));
        assert_eq!(config.acd.agents["a7"].login, Login::Always);
    }

    #[test]
    fn one_whole_family_can_be_made_and_no_more() {
        let mut config = lab();
        for size in 1..=999 {
            Arc::make_mut(&mut config.acd).queues.insert(format!("3{size:03}").into(), acd::Queue::default());
        }
        let other = Family { prefix: "4".into(), agent: "b{n}".into(), ..config.families[0].clone() };
        config.families.push(other);
        assert!(config.instantiate("4500") && !config.instantiate("4001"));
    }

    #[test]
    fn what_was_made_is_made_again_after_a_reload() {
        let mut before = lab();
        before.instantiate("3005");
        let mut after = lab();
        after.inherit(&before);
        assert_eq!(after, before);
        let mut without = Config::default();
        without.inherit(&before);
        assert_eq!(without, Config::default());
    }

    #[test]
    fn a_family_whose_place_is_not_known_has_no_agents() {
        let mut config = lab();
        config.families[0].address = None;
        assert!(config.instantiate("3005"));
        assert!(config.agents.is_empty() && config.queues.contains_key("3005"));
    }

    #[test]
    fn what_is_written_goes_before_extensions_and_they_before_families() {
        let mut config = lab();
        config.extensions.insert("3001".into(), crate::config::Extension::default());
        config.extensions.insert("3002".into(), crate::config::Extension::default());
        config.numbers.insert("3002".into(), Destination::Flow("main".into()));
        for (number, destination) in [
            ("3001", Destination::Extension("3001".into())),
            ("3002", Destination::Flow("main".into())),
            ("3003", Destination::Queue("3003".into())),
        ] {
            assert_eq!(config.destination(number), Some(destination));
        }
    }
}
