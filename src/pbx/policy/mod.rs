//! The one way out: whoever wants a phone to ring, for whatever reason, asks here, and nothing rings without a [`Permit`].
//!
//! ```text
//!  dialled, flow, group, forward, 302,      +--------+            +--------+          +------+
//!  transfer, REFER, offer, callback  ------>| plan   |--stages--->| permit |--Permit->| dial |--> INVITE
//!                              Wanted       | (judge)|   Goals    |(ledger)|          +------+
//!                                           +---+----+            +---+----+
//!                                               +------ Refusal ------+--> the caller, the log, `centrala outbound try`
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `judge` | may this account call that number? a pure question about the configuration |
//! | `ledger` | calls at once, calls a second, minutes a day, trunks that are down: what changes while we run |
//! | `refusal` | why not, in words for the caller, the log and the administrator |
//!
//! | who pays | classes | calls at once, minutes a day |
//! |---|---|---|
//! | an extension | `outbound.accounts`, else `outbound` | the same; agents have no daily limit |
//! | a flow, a ring group, the queues' own calls | `outbound.flows` | the same |
//! | a caller from a provider | none: never to another provider, unless a flow, a group or a forward pays | |
//!
//! Invariants: a [`Permit`] is made here and nowhere else, after its number was judged; what a permit was counted for is released
//! once.

mod judge;
mod ledger;
mod refusal;

pub use judge::Verdict;
pub use refusal::Refusal;

use crate::config::{Class, Config, Destination, Number, Phone};
use crate::id::{Name, Rng};
use crate::sip::message::Uri;
use crate::time::{Duration, Now};
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Forwards, redirections and transfers that one call may go through.
pub const MAX_HOPS: u8 = 5;
/// Sets of phones that are tried one after the other for one call.
const MAX_STAGES: usize = 20;

/// On whose behalf, and by which way, somebody is called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Errand {
    pub payer: Payer,
    pub way: Way,
    /// Forwards, redirections and transfers so far.
    pub hops: u8,
    /// What they led to: nothing is gone to twice.
    pub seen: BTreeSet<String>,
}

impl Errand {
    pub fn new(payer: Payer, way: Way) -> Errand {
        Errand { payer, way, hops: 0, seen: BTreeSet::new() }
    }

    /// The same call, sent on by somebody at their cost.
    pub fn onward(&self, payer: Payer, way: Way) -> Errand {
        Errand { payer, way, hops: self.hops.saturating_add(1), seen: self.seen.clone() }
    }
}

/// Whose permission is asked, and whose minutes are counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Payer {
    Extension(Name),
    /// A caller from a provider: pays for nothing.
    Trunk(Name),
    Flow(Name),
    Group(Name),
    /// The queue engine's offer to this agent.
    Agent(Name),
}

/// What makes a phone ring.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Way {
    Dialled,
    Flow,
    Transfer,
    Refer,
    Redirect,
    Forward,
    Offer,
    Callback,
    Api,
}

impl Way {
    pub const ALL: [Way; 9] = [
        Way::Dialled,
        Way::Flow,
        Way::Transfer,
        Way::Refer,
        Way::Redirect,
        Way::Forward,
        Way::Offer,
        Way::Callback,
        Way::Api,
    ];
}

/// Whom somebody wants to reach.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wanted {
    /// What somebody dialled, or was told to dial.
    Number(String),
    Extension(Name),
    Group(Name),
    Agent(Name),
    /// A line that the administrator wrote down.
    Line { trunk: Name, user: String, open: bool },
}

/// Where one phone is. Opaque: only `permit` makes something of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Goal {
    place: Place,
    class: Class,
    confirm: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Place {
    /// At the phones registered for this extension.
    Extension(Name),
    /// At an agent's address, as the administrator wrote it.
    Address { agent: Name, uri: Uri },
    /// At a provider, as this user there: a telephone where `number` says so.
    Trunk { trunk: Name, user: String, number: Option<Number> },
}

/// Phones that ring together, before the next ones do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stage {
    pub goals: Vec<Goal>,
    /// How long, where the plan says so.
    pub ring: Option<Duration>,
    /// The extension whose forwards apply when none of these answers.
    pub forward: Option<Name>,
}

/// That a phone may ring: without it no INVITE can be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Permit {
    goal: Goal,
    payer: Payer,
    way: Way,
    caller: Option<Number>,
    longest: Option<Duration>,
}

impl Permit {
    pub fn place(&self) -> &Place {
        &self.goal.place
    }

    pub fn class(&self) -> Class {
        self.goal.class
    }

    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    pub fn way(&self) -> Way {
        self.way
    }

    /// Who answers must press a key before they are given the call.
    pub fn confirm(&self) -> bool {
        self.goal.confirm
    }

    /// The number of ours that the called are shown; `None`: no telephone is called, or we have none.
    pub fn caller(&self) -> Option<&Number> {
        self.caller.as_ref()
    }

    /// How long the call may last, where somebody's minutes are counted.
    pub fn longest(&self) -> Option<Duration> {
        self.longest
    }

    pub fn trunk(&self) -> Option<&Name> {
        match &self.goal.place {
            Place::Trunk { trunk, .. } => Some(trunk),
            Place::Extension(_) | Place::Address { .. } => None,
        }
    }
}

/// The rules, with what they have to remember.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    ledger: Ledger,
}

impl Policy {
    /// The phones to try for what is wanted, set after set, or why not.
    pub fn plan(&self, config: &Config, wanted: &Wanted, errand: &Errand, now: Now, rng: &mut Rng) -> Result<VecDeque<Stage>, Refusal> {
        if errand.hops > MAX_HOPS {
            return Err(Refusal::TooManyHops);
        }
        let stages = match wanted {
            Wanted::Extension(extension) => self.extension(config, extension, errand)?,
            Wanted::Group(group) => self.group(config, group, errand, now, rng)?,
            Wanted::Agent(agent) => agent_stages(config, agent, errand, now, rng)?,
            Wanted::Line { trunk, user, open } => line(config, trunk, user, *open, errand)?,
            Wanted::Number(dialled) => match judge::internal(config, dialled) {
                Some(Destination::Extension(extension)) => self.extension(config, &extension, errand)?,
                Some(Destination::Group(group)) => self.group(config, &group, errand, now, rng)?,
                Some(Destination::Trunk { trunk, user, open }) => line(config, &trunk, &user, open, errand)?,
                Some(Destination::Flow(_) | Destination::Queue(_)) => return Err(Refusal::NotAPhone),
                None => outside(config, dialled, errand, now, rng)?,
            },
        };
        Ok(stages.into_iter().take(MAX_STAGES).collect())
    }

    fn extension(&self, config: &Config, extension: &Name, errand: &Errand) -> Result<Vec<Stage>, Refusal> {
        if !config.extensions.contains_key(extension) {
            return Err(Refusal::NobodyThere);
        }
        if errand.seen.contains(&**extension) {
            return Err(Refusal::Loop);
        }
        Ok(vec![Stage { goals: vec![inside(extension)], ring: None, forward: Some(extension.clone()) }])
    }

    /// Members of the house as they are, those outside at the group's cost.
    fn group(&self, config: &Config, name: &Name, errand: &Errand, now: Now, rng: &mut Rng) -> Result<Vec<Stage>, Refusal> {
        let group = config.services.groups.get(name).ok_or(Refusal::NobodyThere)?;
        let own = errand.onward(Payer::Group(name.clone()), errand.way);
        let (mut stages, mut why) = (Vec::new(), Refusal::NobodyThere);
        for member in &group.members {
            let found = match config.extensions.get_key_value(member.as_str()) {
                Some((extension, _)) if !errand.seen.contains(&**extension) => Ok(vec![Stage::of(inside(extension))]),
                Some(_) => Err(Refusal::Loop),
                None => outside(config, member, &own, now, rng),
            };
            match found {
                Ok(found) => stages.extend(found),
                Err(refusal) => why = refusal,
            }
        }
        if stages.is_empty() {
            return Err(why);
        }
        if !group.in_turn.0 {
            // Together: of a member's several trunks the best one.
            let goals = stages.into_iter().filter_map(|stage| stage.goals.into_iter().next()).collect();
            return Ok(vec![Stage { goals, ring: Some(group.ring), forward: None }]);
        }
        stages.iter_mut().for_each(|stage| stage.ring = Some(group.ring));
        Ok(stages)
    }

    /// Lets one phone ring, and counts it. [`Policy::release`] gives back what is counted.
    pub fn permit(&mut self, config: &Config, goal: &Goal, errand: &Errand, now: Now) -> Result<Permit, Refusal> {
        let mut permit =
            Permit { goal: goal.clone(), payer: errand.payer.clone(), way: errand.way, caller: None, longest: None };
        if let Some(trunk) = permit.trunk().cloned() {
            permit.longest = self.ledger.charge(config, &errand.payer, &trunk, goal.class, now)?;
            permit.caller = judge::caller(config, &errand.payer);
        }
        Ok(permit)
    }

    /// The phone rings and talks no longer; it talked for so long.
    pub fn release(&mut self, permit: &Permit, talked: Duration, now: Now) {
        if let Some(trunk) = permit.trunk() {
            self.ledger.release(&permit.payer, trunk, permit.goal.class, talked, now);
        }
    }

    /// A trunk came up or went down.
    pub fn trunk_is(&mut self, trunk: &Name, up: bool) {
        self.ledger.trunk_is(trunk, up);
    }

    /// The provider wants no calls for so long.
    pub fn trunk_rests(&mut self, trunk: &Name, pause: Duration, now: Now) {
        self.ledger.trunk_rests(trunk, now.mono + pause);
    }

    pub fn trunk_view(&self, trunk: &str, now: Now) -> TrunkView {
        self.ledger.view(trunk, now)
    }
}

impl Stage {
    fn of(goal: Goal) -> Stage {
        Stage { goals: vec![goal], ring: None, forward: None }
    }
}

/// What the ledger knows of a trunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TrunkView {
    pub down: bool,
    pub resting: bool,
    pub calls: u32,
    pub begun: u64,
}

fn inside(extension: &Name) -> Goal {
    Goal { place: Place::Extension(extension.clone()), class: Class::Internal, confirm: false }
}

/// An agent's phone rings as the administrator wrote it; no forward applies to an offer.
fn agent_stages(config: &Config, agent: &Name, errand: &Errand, now: Now, rng: &mut Rng) -> Result<Vec<Stage>, Refusal> {
    match config.agents.get(agent).map(|agent| &agent.phone) {
        Some(Phone::Extension(extension)) => Ok(vec![Stage::of(inside(extension))]),
        Some(Phone::Address(uri)) => {
            let place = Place::Address { agent: agent.clone(), uri: uri.clone() };
            Ok(vec![Stage::of(Goal { place, class: Class::Internal, confirm: false })])
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
    let class = number.as_ref().map_or(Class::Internal, |number| config.outbound.plan.class(number));
    let place = Place::Trunk { trunk: trunk.clone(), user: user.to_string(), number };
    Ok(vec![Stage::of(Goal { place, class, confirm: false })])
}

/// One stage for each trunk that can carry it, best first.
fn outside(config: &Config, dialled: &str, errand: &Errand, now: Now, rng: &mut Rng) -> Result<Vec<Stage>, Refusal> {
    let verdict = judge::judge(config, dialled, errand, now.wall)?;
    let trunks = judge::in_order(&config.outbound.via, rng);
    let goal = |trunk: &Name| {
        let place = Place::Trunk {
            trunk: trunk.clone(),
            user: judge::written(config, trunk, dialled, verdict.number.as_ref()),
            number: verdict.number.clone(),
        };
        Stage::of(Goal { place, class: verdict.class, confirm: false })
    };
    Ok(trunks.iter().map(goal).collect())
}

/// What the configuration alone says of a number: for the administrator. What is counted is left out.
pub fn explain(config: &Config, extension: &Name, dialled: &str, now: Now) -> Result<Verdict, Refusal> {
    if !crate::config::is_dialable(dialled) {
        return Err(Refusal::NotANumber);
    }
    if let Some(destination) = judge::internal(config, dialled) {
        return Ok(Verdict { class: Class::Internal, number: None, leads: Some(destination) });
    }
    judge::judge(config, dialled, &Errand::new(Payer::Extension(extension.clone()), Way::Dialled), now.wall)
}

#[cfg(test)]
mod tests;
