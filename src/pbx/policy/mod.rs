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
//! | `plan` | whom a wish means: sets of phones, one after the other |
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
mod plan;
mod refusal;

pub use judge::{Verdict, internal, write};
pub use refusal::Refusal;

use crate::config::{Class, Config, Destination, Forward, Number};
use crate::id::Name;
use crate::sip::message::Uri;
use crate::sip::{Diversion, Diverted, Party};
use crate::time::{Duration, Now};
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// What the ledger knows of a trunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TrunkView {
    pub down: bool,
    pub resting: bool,
    pub calls: u32,
    pub begun: u64,
}

/// What the configuration alone says of a number: for the administrator. What is counted is left out.
pub fn explain(config: &Config, extension: &Name, way: Way, dialled: &str, now: Now) -> Result<Verdict, Refusal> {
    if !crate::config::is_dialable(dialled) {
        return Err(Refusal::NotANumber);
    }
    if let Some(destination) = judge::internal(config, dialled) {
        return Ok(Verdict { class: Class::Internal, number: None, leads: Some(destination) });
    }
    judge::judge(config, dialled, &Errand::new(Payer::Extension(extension.clone()), way), Some(now.wall))
}

/// Why no telephone outside is called by this number at whatever hour, by this way at this payer's cost; `None`: at some hour one is.
pub fn never(config: &Config, payer: Payer, way: Way, dialled: &str) -> Option<Refusal> {
    judge::judge(config, dialled, &Errand::new(payer, way), None).err()
}

/// The number that this extension's calls outside show: for the administrator.
pub fn caller(config: &Config, extension: &str) -> Option<Number> {
    judge::caller(config, &Payer::Extension(extension.into()))
}

#[cfg(test)]
mod tests;
