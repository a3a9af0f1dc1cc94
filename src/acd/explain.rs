//! Why this place, why this agent and not that one, and what would change it: read off the same definitions that decide.
//!
//! It looks at everybody one by one, as the dispatcher never does: that is what makes it worth comparing with. Invariant: looking
//! changes nothing, and whoever is named first here is whom the dispatcher would choose.

use super::desk::Desk;
use super::dispatch::Obstacle;
use super::line::{Item, Stage};
use super::roster::{DeskId, Slot};
use super::steps::Terms;
use super::strategy::{Beginnings, FreeAgents, Merit};
use super::words::{ItemId, Join, Kind, Merits, OfferId, State};
use super::{Acd, Order, sets};
use crate::id::{Name, Rng};
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Items before one that are named.
const NAMED_BEFORE: usize = 10;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ItemExplanation {
    pub item: ItemId,
    pub kind: Kind,
    pub queue: Name,
    /// From 1; `None` once it talks.
    pub position: Option<usize>,
    pub waited: Duration,
    /// With the queue's weight.
    pub class: u32,
    /// Since it came to us; longer than `waited` for one who kept a place.
    pub here_for: Duration,
    /// Why it is treated as if it had waited longer, and by how much in all once the queue's cap is applied.
    pub merits: Vec<(Merits, Duration)>,
    pub head_start: Duration,
    /// The last of those before it, at most ten.
    pub before: Vec<ItemId>,
    pub expected_wait: Option<Duration>,
    /// What an agent must know now; empty for nothing.
    pub need: Name,
    /// Whose agents may take it.
    pub sources: Vec<Name>,
    pub kept_for: Option<(Name, Duration)>,
    pub steps: Vec<StepExplanation>,
    /// The next change by time alone comes in so long.
    pub next_change: Option<Duration>,
    /// Who has it from elsewhere, and the agents of its sources in the order in which they would be asked if nothing stood between.
    pub agents: Vec<Candidacy>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StepExplanation {
    /// From 1.
    pub number: usize,
    /// Begun so long ago.
    pub begun: Option<Duration>,
    /// Not before so long, by its `after`.
    pub due_in: Option<Duration>,
    pub when: Option<String>,
    pub only_if: Option<String>,
    /// `only_if` holds, or there is none.
    pub open: bool,
}

/// An agent and an item.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Candidacy {
    pub agent: Name,
    pub state: State,
    /// What was ordered to come after the present call.
    pub then: Option<State>,
    /// Rings for this item, or talks to it.
    pub has_it: bool,
    pub obstacle: Option<Obstacle>,
    /// What the strategies compare.
    pub tier: u16,
    pub skill: u16,
    pub idle: Duration,
    pub calls: u32,
    pub talked: Duration,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentExplanation {
    pub agent: Name,
    pub state: State,
    /// What was ordered to come after the present call.
    pub then: Option<State>,
    /// Why nothing is offered to them whatever waits.
    pub obstacle: Option<Obstacle>,
    /// What they would be offered if that were not.
    pub would_get: Option<ItemId>,
    /// The first of those who wait, in their order, and why they are not for this agent; at most ten.
    pub waiting: Vec<(ItemId, Option<Obstacle>)>,
    pub offer: Option<OfferId>,
}

impl Acd {
    pub fn explain_item(&self, id: ItemId, now: Now) -> Option<ItemExplanation> {
        let item = self.items.get(&id)?;
        let (line, at) = (self.lines.at(item.line), now.mono);
        let terms = self.terms(item, at);
        let before = line.waiting.range(..(item.key, id)).rev().take(NAMED_BEFORE).map(|(_, item)| *item);
        let kept_for = terms.kept_for.map(|(desk, until)| (self.desks.at(desk).name.clone(), until.since(at)));
        let expected_wait = self.expected_wait_now(item.line, self.ahead(id, item), at);
        Some(ItemExplanation {
            item: id,
            kind: item.kind,
            queue: line.name.clone(),
            position: item.waits().then(|| self.ahead(id, item) + 1),
            waited: item.waited(at),
            class: u32::from(item.class) + u32::from(line.settings.weight),
            here_for: at.since(item.arrival),
            merits: item.merits.clone(),
            head_start: item.head_start.min(line.settings.max_head_start),
            before: before.collect(),
            expected_wait: expected_wait.filter(|_| item.waits()),
            need: sets::together(&terms.need, &item.need),
            sources: terms.sources.iter().map(|pool| self.pools[pool.index()].name.clone()).collect(),
            kept_for,
            steps: self.explain_steps(item, at),
            next_change: self.timers.deadline(&super::Deadline::Step(id)).map(|next| next.since(at)),
            agents: self.candidates(id, item, &terms, at),
        })
    }

    fn explain_steps(&self, item: &Item, now: Moment) -> Vec<StepExplanation> {
        let line = self.lines.at(item.line);
        let begun =
            |index: usize| item.begun.iter().find(|(step, _)| usize::from(*step) == index).map(|(_, since)| now.since(*since));
        let steps = line.settings.steps.iter().enumerate().map(|(index, step)| StepExplanation {
            number: index + 1,
            begun: begun(index),
            due_in: (item.joined + step.after > now).then(|| (item.joined + step.after).since(now)),
            when: step.when.as_ref().map(ToString::to_string),
            only_if: step.only_if.as_ref().map(ToString::to_string),
            open: line.gates & (1 << index) != 0,
        });
        steps.collect()
    }

    /// The agents of its sources in the order in which they would be asked, after those who have it from elsewhere.
    fn candidates(&self, id: ItemId, item: &Item, terms: &Terms, now: Moment) -> Vec<Candidacy> {
        let order = self.asking_order(item, terms, self.desks.iter().map(|(desk, _)| desk), now);
        let ringing = item.offers().iter().filter_map(|offer| self.offers.get(offer)).map(|lease| lease.desk);
        let talking = if let Stage::Connected { desk, .. } = item.stage { Some(desk) } else { None };
        let mut agents: Vec<DeskId> = ringing.chain(talking).filter(|desk| !order.contains(desk)).collect();
        agents.extend(order);
        let candidacy = |desk: DeskId| {
            let agent: &Desk = self.desks.at(desk);
            let merit = self.merit_for(item, terms, desk, now).unwrap_or_default();
            let rings = item.offers().iter().any(|offer| self.offers.get(offer).is_some_and(|lease| lease.desk == desk));
            let talks = matches!(item.stage, Stage::Connected { desk: with, .. } if with == desk);
            Candidacy {
                agent: agent.name.clone(),
                state: agent.state(),
                then: agent.then(),
                has_it: rings || talks,
                obstacle: self.obstacle_between(desk, id, now),
                tier: merit.tier,
                skill: merit.skill,
                idle: now.since(agent.idle_since),
                calls: agent.calls,
                talked: agent.talked,
            }
        };
        agents.into_iter().map(candidacy).collect()
    }

    /// What an agent brings to an item: from the first of its sources that they serve by now, or will.
    fn merit_for(&self, item: &Item, terms: &Terms, desk: DeskId, now: Moment) -> Option<Merit> {
        let agent = self.desks.at(desk);
        let seats = || (0..).zip(&terms.sources).filter_map(|(source, pool)| Some((source, agent.seat(*pool)?)));
        let (source, seat) = seats().find(|(_, seat)| item.joined + seat.delay <= now).or_else(|| seats().next())?;
        let mut skills: Vec<Name> = terms.need.skills().iter().chain(item.need.skills()).cloned().collect();
        skills.sort_unstable();
        skills.dedup();
        Some(Merit {
            source,
            tier: seat.tier,
            skill: agent.levels(skills.into_iter()),
            position: seat.position,
            weight: seat.weight,
        })
    }

    /// These agents as the queue would ask them for this item. (Where chance decides, by chance of its own.)
    fn asking_order(&self, item: &Item, terms: &Terms, desks: impl Iterator<Item = DeskId>, now: Moment) -> Vec<DeskId> {
        let line = self.lines.at(item.line);
        let order: &Order = &line.settings.order;
        let mut free = FreeAgents::new(order.clone());
        let mut known = BTreeMap::new();
        for desk in desks {
            if let Some(merit) = self.merit_for(item, terms, desk, now) {
                free.insert(&merit, &self.desks.at(desk).candidate(), desk);
                known.insert(desk, merit);
            }
        }
        let mut rng = Rng::from_seed(0);
        let mut asked = Vec::new();
        let begin = Beginnings { by_queue: line.asked_last, for_item: item.asked_last, by_chance: order.then.draw(&mut rng) };
        while let Some((_, _, _, desk)) = free.choose(begin, now) {
            asked.push(desk);
            if let Some(merit) = known.get(&desk) {
                free.remove(merit, &self.desks.at(desk).candidate(), desk);
            }
        }
        asked
    }

    /// Who would be asked for somebody who came now, if the queue had nobody waiting; `None` when nobody could.
    pub fn would_ask(&self, join: &Join, now: Now) -> Option<Name> {
        let line = self.lines.find(&join.queue)?;
        let mut item = Item::new(join, Vec::new(), line, &self.lines.at(line).settings, self.joins + 1, now.mono);
        item.last_agent = self.history.last_agent(join.contact.as_ref());
        let it = self.lines.at(line);
        let steps = it.settings.steps.iter().enumerate();
        let begins = steps.filter(|(index, step)| step.after.is_zero() && (step.when.is_none() || it.held & (1 << index) != 0));
        item.begun = begins.filter_map(|(index, _)| Some((u8::try_from(index).ok()?, now.mono))).collect();
        let terms = self.terms(&item, now.mono);
        let at = now.mono;
        let free = self.desks.iter().filter(|(desk, _)| self.obstacle_to(*desk, &item, &terms, at).is_none());
        let order = self.asking_order(&item, &terms, free.map(|(desk, _)| desk), at);
        order.first().map(|desk| self.desks.at(*desk).name.clone())
    }

    pub fn explain_agent(&self, agent: &str, now: Now) -> Option<AgentExplanation> {
        let id = self.desks.find(agent)?;
        let (desk, at) = (self.desks.at(id), now.mono);
        let mut waiting: Vec<_> =
            self.items.iter().filter(|(_, item)| item.waits()).map(|(id, item)| (item.key, *id)).collect();
        waiting.sort_unstable();
        // What stands between them but for the agent's own state.
        let between = |item: ItemId| match self.obstacle_between(id, item, at) {
            Some(Obstacle::AgentIs(_) | Obstacle::AgentRests { .. }) => None,
            obstacle => obstacle,
        };
        let would_get = waiting.iter().map(|(_, item)| *item).find(|item| between(*item).is_none());
        Some(AgentExplanation {
            agent: desk.name.clone(),
            state: desk.state(),
            then: desk.then(),
            obstacle: desk.obstacle(at),
            would_get,
            waiting: waiting.iter().take(NAMED_BEFORE).map(|(_, item)| (*item, between(*item))).collect(),
            offer: match desk.duty {
                super::desk::Duty::Offered(offer) => Some(offer),
                _ => None,
            },
        })
    }
}
