//! Rules of queues that are no mistake and do not do what they look like: each is warned of at its line.
//!
//! Invariant: nothing here keeps an exchange from starting.

use super::staffing::{Judged, names_added};
use crate::acd::{self, OverflowAct, Step, Trigger, Whom};
use crate::fault::Faults;
use crate::fault::fields::print_duration;
use crate::fault::tree::Spot;
use crate::id::Name;
use crate::time::Duration;

pub(super) fn doubt(judged: &Judged<'_>, queue: &acd::Queue, settings: &acd::Settings, faults: &mut Faults) {
    let doubted = Doubted { name: &judged.name, queue, settings };
    let steps = queue.steps.iter().zip(&judged.steps).flat_map(|(step, spot)| doubted.step(step).map(|why| (*spot, why)));
    let overflow = queue.overflow.iter().enumerate().zip(&judged.overflow);
    let overflow = overflow.filter_map(|((place, _), spot)| Some((*spot, doubted.overflow(place)?)));
    let found: Vec<(Spot, String)> = steps.chain(overflow).collect();
    for (spot, why) in found {
        faults.warn(judged.section.source.place(spot), why);
    }
}

struct Doubted<'a> {
    name: &'a Name,
    queue: &'a acd::Queue,
    settings: &'a acd::Settings,
}

impl Doubted<'_> {
    fn step(&self, step: &Step) -> impl Iterator<Item = String> {
        let cap = self.queue.max_head_start;
        let bump = (step.bump > cap).then(|| {
            let (bump, cap) = (print_duration(step.bump), print_duration(cap));
            format!("`bump: {bump}` is more than all head starts give together here ({cap})")
        });
        let preferred = step.prefer.as_ref().and_then(|prefer| match &prefer.whom {
            Whom::Agent(agent) if !self.may_ask(agent) => {
                Some(format!("`prefer`: agent `{agent}` does not serve queue `{}`: no caller waits for them", self.name))
            }
            _ => None,
        });
        let own = (step.add.contains(self.name) && !self.is_ever_replaced()).then(|| self.adds_its_own());
        let late = self.never_asked(step.add.iter().chain(&step.replace));
        bump.into_iter().chain(preferred).chain(own).chain(late)
    }

    fn overflow(&self, place: usize) -> Option<String> {
        let rule = &self.queue.overflow[place];
        match (&rule.on, &rule.act) {
            (Trigger::After(after), _) if self.left_after().is_some_and(|left| left < *after) => {
                let left = print_duration(self.left_after().unwrap_or_default());
                Some(format!("this overflow never acts: callers leave the queue after {left}"))
            }
            (Trigger::After(after), OverflowAct::Leave(_) | OverflowAct::Move(_)) => {
                let first = self.first_asked().filter(|first| first >= after)?;
                let (after, first) = (print_duration(*after), print_duration(first));
                Some(format!("callers leave after {after}, before any agent takes them: the shortest `delay` is {first}"))
            }
            (_, OverflowAct::Add(names)) if names.contains(self.name) && !self.is_ever_replaced() => Some(self.adds_its_own()),
            (_, OverflowAct::Add(names)) => self.never_asked(names.iter()),
            _ => None,
        }
    }

    fn adds_its_own(&self) -> String {
        format!("`add: {}` adds nobody: agents of the queue itself are asked anyway", self.name)
    }

    fn is_ever_replaced(&self) -> bool {
        self.queue.steps.iter().any(|step| !step.replace.is_empty())
    }

    /// After how long no caller is left. A move is not certain: the other queue may be full.
    fn left_after(&self) -> Option<Duration> {
        let leaves = self.queue.overflow.iter().filter_map(|rule| match (&rule.on, &rule.act) {
            (Trigger::After(after), OverflowAct::Leave(_)) => Some(*after),
            _ => None,
        });
        leaves.min()
    }

    /// How long the agents of a queue or a group let its callers wait before they take them.
    fn delays(&self, source: &Name) -> impl Iterator<Item = Duration> {
        let seats = self.settings.agents.values().flat_map(|agent| [agent.queues.get(source), agent.groups.get(source)]);
        seats.flatten().map(|seat| seat.delay)
    }

    /// Agents who are added, and take nobody before all callers have left.
    fn never_asked<'n>(&self, names: impl Iterator<Item = &'n Name>) -> Option<String> {
        let left = self.left_after()?;
        let shortest = names.flat_map(|name| self.delays(name)).min().filter(|delay| *delay >= left)?;
        let (left, shortest) = (print_duration(left), print_duration(shortest));
        Some(format!("callers leave the queue after {left}, before these agents take any: the shortest `delay` is {shortest}"))
    }

    /// After how long the first agent is asked who may be: `None` where there is none at all.
    fn first_asked(&self) -> Option<Duration> {
        let own = self.delays(self.name);
        let steps = self.queue.steps.iter().flat_map(|step| {
            let names = step.add.iter().chain(&step.replace);
            names.flat_map(|name| self.delays(name)).map(|delay| delay.max(step.after))
        });
        let added = self.queue.overflow.iter().filter_map(|rule| match (&rule.on, &rule.act) {
            (Trigger::After(after), OverflowAct::Add(names)) => Some((*after, names)),
            (_, OverflowAct::Add(names)) => Some((Duration::ZERO, names)),
            _ => None,
        });
        let added =
            added.flat_map(|(after, names)| names.iter().flat_map(|name| self.delays(name)).map(move |delay| delay.max(after)));
        own.chain(steps).chain(added).min()
    }

    fn may_ask(&self, agent: &Name) -> bool {
        let serves = |agent: &acd::Agent| {
            let serves = |name: &Name| agent.queues.contains_key(name) || agent.groups.contains_key(name);
            serves(self.name) || names_added(self.queue).any(serves)
        };
        self.settings.agents.get(agent).is_some_and(serves)
    }
}
