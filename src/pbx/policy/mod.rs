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

pub use judge::{Verdict, internal, write};
pub use refusal::Refusal;

use crate::config::{Class, Config, Destination, Forward, Number, Phone};
use crate::id::{Name, Rng};
use crate::sip::message::Uri;
use crate::sip::{Diversion, Diverted, Party};
use crate::time::{Duration, Now};
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Forwards, redirections and transfers that one call may go through.
pub const MAX_HOPS: usize = 5;
/// Sets of phones that are tried one after the other for one call.
pub const MAX_STAGES: usize = 20;

/// On whose behalf, and by which way, somebody is called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Errand {
    pub payer: Payer,
    pub way: Way,
    /// Who has sent the call on so far, the first first: nothing is gone to twice, and not for ever.
    pub trail: Vec<Diversion>,
}

impl Errand {
    pub fn new(payer: Payer, way: Way) -> Errand {
        Errand { payer, way, trail: Vec::new() }
    }

    /// The same call, sent on by `from` at the cost of `payer`.
    pub fn onward(&self, payer: Payer, way: Way, from: &str, why: Diverted) -> Errand {
        let party = Party { display: String::new(), user: from.to_string() };
        let trail = self.trail.iter().cloned().chain([Diversion { party, why }]).collect();
        Errand { payer, way, trail }
    }

    fn has_been_at(&self, place: &str) -> bool {
        self.trail.iter().any(|step| step.party.user == place)
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
    pub const ALL: [Way; 9] =
        [Way::Dialled, Way::Flow, Way::Transfer, Way::Refer, Way::Redirect, Way::Forward, Way::Offer, Way::Callback, Way::Api];
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
    Line {
        trunk: Name,
        user: String,
        open: bool,
    },
}

impl Wanted {
    /// In a word or two, for the log.
    pub fn words(&self) -> &str {
        match self {
            Wanted::Number(number) => number,
            Wanted::Extension(name) | Wanted::Group(name) | Wanted::Agent(name) => name,
            Wanted::Line { user, .. } => user,
        }
    }
}

/// Where one phone is. Opaque: only `permit` makes something of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Goal {
    place: Place,
    class: Class,
    confirm: bool,
    errand: Errand,
}

impl Goal {
    /// On whose behalf it is called.
    pub fn errand(&self) -> &Errand {
        &self.errand
    }

    /// The telephone outside that is called, whatever provider carries it.
    pub fn telephone(&self) -> Option<&Number> {
        self.place.telephone()
    }

    fn trunk(&self) -> Option<&Name> {
        match &self.place {
            Place::Trunk { trunk, .. } => Some(trunk),
            Place::Extension(_) | Place::Address { .. } => None,
        }
    }

    /// In a word or two, for the log.
    pub fn words(&self) -> &str {
        match &self.place {
            Place::Extension(extension) => extension,
            Place::Address { agent, .. } => agent,
            Place::Trunk { user, .. } => user,
        }
    }
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

impl Place {
    pub fn telephone(&self) -> Option<&Number> {
        match self {
            Place::Trunk { number, .. } => number.as_ref(),
            Place::Extension(_) | Place::Address { .. } => None,
        }
    }
}

/// Phones that ring together, before the next ones do; or the end of all ringing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stage {
    pub goals: Vec<Goal>,
    /// How long, where the plan says so.
    pub ring: Option<Duration>,
    /// Places of its provider that were found dead in this call.
    pub passed_over: u8,
    /// The extension whose forwards apply when none of these answers.
    pub forward: Option<Name>,
    /// Nothing rings: a flow or a queue takes the caller, and what comes after is not tried.
    pub taker: Option<Destination>,
}

/// That a phone may ring: without it no INVITE can be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Permit {
    goal: Goal,
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
        &self.goal.errand.payer
    }

    /// On whose behalf it is called, and who has sent the call on.
    pub fn errand(&self) -> &Errand {
        &self.goal.errand
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
        self.goal.trunk()
    }
}

/// The rules, with what they have to remember.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    ledger: Ledger,
    /// What users have dialled of their own forwards.
    forwards: BTreeMap<Name, Forward>,
}

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

    /// Where the calls of an extension go instead: as its user has dialled, else as the administrator wrote.
    pub fn forward_of<'a>(&'a self, config: &'a Config, extension: &str) -> Option<&'a Forward> {
        self.forwards.get(extension).or_else(|| config.extensions.get(extension).map(|it| &it.forward))
    }

    /// Changes where the calls of an extension go.
    pub fn set_forward(&mut self, extension: &Name, forward: Forward) {
        self.forwards.insert(extension.clone(), forward);
    }

    /// Lets one phone ring, and counts it. [`Policy::release`] gives back what is counted.
    pub fn permit(&mut self, config: &Config, goal: &Goal, now: Now) -> Result<Permit, Refusal> {
        let mut permit = Permit { goal: goal.clone(), caller: None, longest: None };
        if let Some(trunk) = permit.trunk().cloned() {
            permit.longest = self.ledger.charge(config, permit.payer(), &trunk, goal.class, now)?;
            permit.caller = judge::caller(config, permit.payer());
        }
        Ok(permit)
    }

    /// The phone rings and talks no longer; it talked for so long.
    pub fn release(&mut self, permit: &Permit, talked: Duration, now: Now) {
        if let Some(trunk) = permit.trunk() {
            self.ledger.release(permit.payer(), trunk, permit.goal.class, talked, now);
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
    pub fn taken_by(taker: Destination) -> Stage {
        Stage { taker: Some(taker), ..Stage::default() }
    }

    fn of(goal: Goal) -> Stage {
        Stage { goals: vec![goal], ..Stage::default() }
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
    let verdict = judge::judge(config, dialled, errand, now.wall)?;
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

/// What the configuration alone says of a number: for the administrator. What is counted is left out.
pub fn explain(config: &Config, extension: &Name, way: Way, dialled: &str, now: Now) -> Result<Verdict, Refusal> {
    if !crate::config::is_dialable(dialled) {
        return Err(Refusal::NotANumber);
    }
    if let Some(destination) = judge::internal(config, dialled) {
        return Ok(Verdict { class: Class::Internal, number: None, leads: Some(destination) });
    }
    judge::judge(config, dialled, &Errand::new(Payer::Extension(extension.clone()), way), now.wall)
}

/// The number that this extension's calls outside show: for the administrator.
pub fn caller(config: &Config, extension: &str) -> Option<Number> {
    judge::caller(config, &Payer::Extension(extension.into()))
}

#[cfg(test)]
mod tests;
