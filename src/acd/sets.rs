//! Requirement sets: found, made when they are first wanted, and forgotten when a new need takes the place of one that nobody has.
//!
//! Making a set looks at the agents of its pool once; after that it is kept. Invariant: at most [`MAX_DEMANDS`] different needs
//! are kept apart, and an agent has a post in every set that they satisfy.

use super::Acd;
use super::desk::{Desk, Post};
use super::line::{Set, SetKey, Who};
use super::roster::{DemandId, DeskId, SetId, Slot};
use super::skill::Need;
use super::strategy::{FreeAgents, Merit};
use crate::id::Name;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Different needs at once, all queues and calls together.
pub const MAX_DEMANDS: usize = 1000;

/// The needs that are kept apart. A demand is what the queue needs and what the call needs, together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Demands {
    slots: Vec<Demand>,
    by_text: BTreeMap<Name, DemandId>,
}

/// Nothing is needed: always the first.
pub(super) const NOTHING: DemandId = DemandId(0);

impl Default for Demands {
    fn default() -> Demands {
        let nothing = Demand { text: "".into(), needs: Default::default(), sets: BTreeSet::new() };
        Demands { slots: vec![nothing], by_text: BTreeMap::from([("".into(), NOTHING)]) }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Demand {
    text: Name,
    needs: [Need; 2],
    sets: BTreeSet<SetId>,
}

impl Demands {
    fn needs(&self, id: DemandId) -> &[Need] {
        self.slots[id.index()].needs.as_slice()
    }
}

/// Both needs in one text.
pub(super) fn together(queue: &Need, call: &Need) -> Name {
    match (queue.is_nothing(), call.is_nothing()) {
        (_, true) => queue.text(),
        (true, _) => call.text(),
        (false, false) => format!("({queue}) and ({call})").into(),
    }
}

impl Desk {
    fn meets(&self, needs: &[Need]) -> bool {
        needs.iter().all(|need| need.is_met_by(&self.skills))
    }

    /// Levels in the skills that are needed, each counted once.
    fn merit_of(&self, needs: &[Need]) -> u16 {
        let skills: BTreeSet<Name> = needs.iter().flat_map(Need::skills).cloned().collect();
        self.levels(skills.into_iter())
    }
}

impl Acd {
    /// The set of this key, made if there is none.
    pub(super) fn set_of(&mut self, key: SetKey) -> SetId {
        if let Some(set) = self.sets_by_key.get(&key) {
            return *set;
        }
        let order = self.lines.at(key.line).settings.order.clone();
        let set = Set { key, items: 0, waiting: BTreeSet::new(), free: FreeAgents::new(order) };
        let id = match self.vacant_sets.pop() {
            Some(id) => {
                self.sets[id.index()] = set;
                id
            }
            None => {
                self.sets.push(set);
                SetId::new(self.sets.len() - 1)
            }
        };
        self.sets_by_key.insert(key, id);
        self.demands.slots[key.demand.index()].sets.insert(id);
        let members = match key.who {
            Who::One(desk) => vec![desk],
            Who::Pool(pool) => self.pools[pool.index()].members.clone(),
        };
        for desk in members {
            if let Some(merit) = self.merit_in(desk, &key) {
                self.post(desk, Post { set: id, merit });
            }
        }
        id
    }

    /// Whether and how this agent belongs into a set.
    fn merit_in(&self, id: DeskId, key: &SetKey) -> Option<Merit> {
        let (desk, needs) = (self.desks.at(id), self.demands.needs(key.demand));
        let skill = || if key.demand == NOTHING { 0 } else { desk.merit_of(needs) };
        match key.who {
            // Who is waited for by name has been judged already.
            Who::One(one) => (one == id).then(Merit::default),
            Who::Pool(pool) => {
                let seat = desk.seat(pool).filter(|seat| seat.delay == key.delay)?;
                let merit = || Merit {
                    source: key.source,
                    tier: seat.tier,
                    skill: skill(),
                    position: seat.position,
                    weight: seat.weight,
                };
                desk.meets(needs).then(merit)
            }
        }
    }

    fn post(&mut self, id: DeskId, post: Post) {
        let desk = self.desks.at_mut(id);
        desk.posts.push(post);
        if desk.listed {
            self.sets[post.set.index()].free.insert(&post.merit, &desk.candidate(), id);
        }
    }

    /// The demand of a queue's need and a call's; nothing when it would be one too many.
    pub(super) fn demand_of(&mut self, queue: &Need, call: &Need) -> Option<DemandId> {
        if queue.is_nothing() && call.is_nothing() {
            return Some(NOTHING);
        }
        let text = together(queue, call);
        if let Some(demand) = self.demands.by_text.get(&text) {
            return Some(*demand);
        }
        let demand = Demand { text: text.clone(), needs: [queue.clone(), call.clone()], sets: BTreeSet::new() };
        let id = if self.demands.slots.len() < MAX_DEMANDS {
            self.demands.slots.push(demand);
            DemandId::new(self.demands.slots.len() - 1)
        } else {
            let unused =
                |demand: &Demand| !demand.text.is_empty() && demand.sets.iter().all(|set| self.sets[set.index()].items == 0);
            let id = DemandId::new(self.demands.slots.iter().position(unused)?);
            self.forget_demand(id);
            self.demands.slots[id.index()] = demand;
            id
        };
        self.demands.by_text.insert(text, id);
        Some(id)
    }

    /// With its sets, in which nothing waits.
    fn forget_demand(&mut self, id: DemandId) {
        let demand = &mut self.demands.slots[id.index()];
        let (sets, text) = (std::mem::take(&mut demand.sets), demand.text.clone());
        self.demands.by_text.remove(&text);
        for (_, desk) in self.desks.iter_mut() {
            desk.posts.retain(|post| !sets.contains(&post.set));
        }
        for set in sets {
            self.sets_by_key.remove(&self.sets[set.index()].key);
            self.sets[set.index()].free = FreeAgents::new(Default::default());
            self.vacant_sets.push(set);
        }
    }

    /// Everything is forgotten: the agents have changed.
    pub(super) fn forget_sets(&mut self) {
        self.sets.clear();
        self.sets_by_key.clear();
        self.vacant_sets.clear();
        self.demands = Demands::default();
        self.touched.clear();
        self.desks.iter_mut().for_each(|(_, desk)| desk.posts.clear());
    }

    /// The agent may take what is needed.
    pub(super) fn is_able(&self, desk: DeskId, queue: &Need, call: &Need) -> bool {
        let skills = &self.desks.at(desk).skills;
        queue.is_met_by(skills) && call.is_met_by(skills)
    }
}
