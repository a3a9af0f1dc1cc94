//! Whom a wish means: the sets of phones that are tried for it, one after the other.
//!
//! Invariant: whoever has sent the call on already is not called again, and no telephone outside is called that its payer may not call.

use super::judge;
use super::{Errand, Goal, MAX_HOPS, MAX_STAGES, Payer, Place, Policy, Refusal, Stage, Wanted, Way};
use crate::config::{Class, Config, Destination, Phone};
use crate::id::{Name, Rng};
use crate::sip::Diverted;
use crate::time::Now;
use std::collections::VecDeque;

impl Policy {
    /// The phones to try for what is wanted, set after set, or why not.
    pub fn plan(
        &self,
        config: &Config,
        wanted: &Wanted,
        errand: &Errand,
        now: Now,
        rng: &mut Rng,
    ) -> Result<VecDeque<Stage>, Refusal> {
        let mut stages = self.stages(config, wanted, errand, now, rng)?;
        // Emergency calls are refused by no trunk; but one that is known to be dead is tried when no other is left.
        let is_last_resort = |goal: &Goal| {
            let view = goal.trunk().map(|trunk| self.ledger.view(trunk, now)).unwrap_or_default();
            goal.class == Class::Emergency && (view.down || view.resting)
        };
        stages.sort_by_key(|stage| stage.goals.iter().any(is_last_resort));
        Ok(stages.into_iter().take(MAX_STAGES).collect())
    }

    /// At most `MAX_HOPS` deep: every forward is one more hop.
    fn stages(
        &self,
        config: &Config,
        wanted: &Wanted,
        errand: &Errand,
        now: Now,
        rng: &mut Rng,
    ) -> Result<Vec<Stage>, Refusal> {
        if errand.trail.len() > MAX_HOPS {
            return Err(Refusal::TooManyHops);
        }
        match wanted {
            Wanted::Extension(extension) => self.extension(config, extension, errand, now, rng),
            Wanted::Group(group) => group_stages(config, group, errand, now, rng),
            Wanted::Agent(agent) => agent_stages(config, agent, errand, now, rng),
            Wanted::Line { trunk, user, open } => line(config, trunk, user, *open, errand),
            Wanted::Number(dialled) => match judge::internal(config, dialled) {
                Some(Destination::Extension(extension)) => self.extension(config, &extension, errand, now, rng),
                Some(Destination::Group(group)) => group_stages(config, &group, errand, now, rng),
                Some(Destination::Trunk { trunk, user, open }) => line(config, &trunk, &user, open, errand),
                Some(Destination::Flow(_) | Destination::Queue(_)) => Err(Refusal::NotAPhone),
                None => outside(config, dialled, errand, now, rng),
            },
        }
    }

    /// The phones of an extension, or where it has sent its calls.
    fn extension(
        &self,
        config: &Config,
        extension: &Name,
        errand: &Errand,
        now: Now,
        rng: &mut Rng,
    ) -> Result<Vec<Stage>, Refusal> {
        if !config.extensions.contains_key(extension) {
            return Err(Refusal::NobodyThere);
        }
        if errand.has_been_at(extension) {
            return Err(Refusal::Loop);
        }
        if let Some(to) = self.forward_of(config, extension).and_then(|forward| forward.always.clone()) {
            let onward = errand.onward(Payer::Extension(extension.clone()), Way::Forward, extension, Diverted::Always);
            return self.stages(config, &Wanted::Number(to), &onward, now, rng);
        }
        Ok(vec![Stage { forward: Some(extension.clone()), ..Stage::of(inside(extension, errand)) }])
    }
}

impl Stage {
    pub fn taken_by(taker: Destination) -> Stage {
        Stage { taker: Some(taker), ..Stage::default() }
    }

    fn of(goal: Goal) -> Stage {
        Stage { goals: vec![goal], ..Stage::default() }
    }
}

fn inside(extension: &Name, errand: &Errand) -> Goal {
    Goal { place: Place::Extension(extension.clone()), class: Class::Internal, confirm: false, errand: errand.clone() }
}

/// Members of the house as they are, those outside at the group's cost. A member's own forwards do not apply: the group goes on.
fn group_stages(config: &Config, name: &Name, errand: &Errand, now: Now, rng: &mut Rng) -> Result<Vec<Stage>, Refusal> {
    let group = config.services.groups.get(name).ok_or(Refusal::NobodyThere)?;
    let own = Errand { payer: Payer::Group(name.clone()), ..errand.clone() };
    let (mut stages, mut why) = (Vec::new(), Refusal::NobodyThere);
    for member in &group.members {
        let found = match config.extensions.get_key_value(member.as_str()) {
            Some((extension, _)) if errand.has_been_at(extension) => Err(Refusal::Loop),
            Some((extension, _)) => Ok(vec![Stage::of(inside(extension, &own))]),
            None => outside(config, member, &own, now, rng),
        };
        match found {
            Ok(found) => stages.push(found),
            Err(refusal) => why = refusal,
        }
    }
    if stages.is_empty() {
        return Err(why);
    }
    if !group.in_turn.0 {
        // Together: of a member's several trunks the best one.
        let best = |member: Vec<Stage>| member.into_iter().next().and_then(|stage| stage.goals.into_iter().next());
        let goals = stages.into_iter().filter_map(best).collect();
        return Ok(vec![Stage { goals, ring: Some(group.ring), ..Stage::default() }]);
    }
    let in_turn = stages.into_iter().flatten();
    Ok(in_turn.map(|stage| Stage { ring: Some(group.ring), ..stage }).collect())
}

/// An agent's phone rings as the administrator wrote it; no forward applies to an offer.
fn agent_stages(config: &Config, agent: &Name, errand: &Errand, now: Now, rng: &mut Rng) -> Result<Vec<Stage>, Refusal> {
    match config.agents.get(agent).map(|agent| &agent.phone) {
        Some(Phone::Extension(extension)) => Ok(vec![Stage::of(inside(extension, errand))]),
        Some(Phone::Address(uri)) => {
            let place = Place::Address { agent: agent.clone(), uri: uri.clone() };
            Ok(vec![Stage::of(Goal { place, class: Class::Internal, confirm: false, errand: errand.clone() })])
        }
        Some(Phone::Telephone(number)) => {
            let mut stages = outside(config, number.as_str(), errand, now, rng)?;
            stages.iter_mut().flat_map(|stage| &mut stage.goals).for_each(|goal| goal.confirm = true);
            Ok(stages)
        }
        None => Err(Refusal::NobodyThere),
    }
}

/// A line from the list of numbers. What is a telephone is one by this way too.
fn line(config: &Config, trunk: &Name, user: &str, open: bool, errand: &Errand) -> Result<Vec<Stage>, Refusal> {
    if matches!(errand.payer, Payer::Trunk(_)) && !open {
        return Err(Refusal::CallersFromOutside);
    }
    let number = config.outbound.plan.number(user);
    let place = Place::Trunk { trunk: trunk.clone(), user: user.to_string(), number };
    // The administrator wrote it down and answers for it: nobody's minutes are counted.
    Ok(vec![Stage::of(Goal { place, class: Class::Internal, confirm: false, errand: errand.clone() })])
}

/// One stage for each trunk that can carry it, best first.
fn outside(config: &Config, dialled: &str, errand: &Errand, now: Now, rng: &mut Rng) -> Result<Vec<Stage>, Refusal> {
    let verdict = judge::judge(config, dialled, errand, Some(now.wall))?;
    let trunks = judge::in_order(&config.outbound.via, rng);
    let goal = |trunk: &Name| {
        let place = Place::Trunk {
            trunk: trunk.clone(),
            user: judge::written(config, trunk, dialled, verdict.number.as_ref()),
            number: verdict.number.clone(),
        };
        let ring = config.trunks.get(trunk).and_then(|trunk| trunk.ring);
        Stage { ring, ..Stage::of(Goal { place, class: verdict.class, confirm: false, errand: errand.clone() }) }
    };
    Ok(trunks.iter().map(goal).collect())
}
