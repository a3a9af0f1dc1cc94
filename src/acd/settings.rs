//! Queues and agents as the administrator describes them: plain data, filled from `queues.yaml` and `agents.yaml`.
//!
//! Invariant: nothing here changes while the exchange runs; [`super::Event::Configure`] replaces the whole.

use super::condition::Condition;
use super::skill::{Need, Skills};
use super::strategy::Order;
use super::words::OfferOutcome;
use crate::calendar::Zone;
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A phone rings at least this long, whatever is configured: an offer that expires as it is made would spin.
pub const MIN_RING: Duration = Duration::from_secs(1);
/// And at most this long.
pub const MAX_RING: Duration = Duration::from_secs(600);
/// After a phone refused or let it ring, its agent rests at least this long: a phone that refuses at once, alone in its
/// queue, would be offered the same call for ever within one moment.
pub const MIN_BACK_OFF: Duration = Duration::from_millis(100);
/// So many wait in a queue at once, unless it says otherwise.
pub const DEFAULT_MAX_WAITING: usize = 2000;
/// The longest wrap-up, extensions included.
pub const MAX_WRAP_UP: Duration = Duration::from_secs(4 * 3600);

/// The greatest level of a skill; the smallest is 1, and who has none does not have it.
pub const MAX_LEVEL: u8 = 10;
/// Steps of one queue: as many as bits of an item's memory of them.
pub const MAX_STEPS: usize = 32;
/// Overflow rules of one queue.
pub const MAX_OVERFLOWS: usize = 16;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    pub queues: BTreeMap<Name, Queue>,
    pub agents: BTreeMap<Name, Agent>,
    /// The reasons for which agents may pause; when there are none, any reason is good.
    pub pauses: BTreeMap<Name, PauseRule>,
    /// Where a day begins and ends, for `abandoned_today`; UTC when it is not said.
    pub zone: Option<Zone>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queue {
    /// Which of the free agents is asked.
    pub order: Order,
    /// How long one agent's phone rings before the next is tried ([`MIN_RING`] to [`MAX_RING`]).
    pub ring: Duration,
    /// After each call; zero for none.
    pub wrap_up: Duration,
    /// The codes with which agents may say what a call was about; when there are none, any.
    pub dispositions: BTreeSet<Name>,
    pub back_off: BackOff,
    /// After so many offers in a row without an answer the agent is paused "no answer"; 0 means never.
    pub max_no_answer: u32,
    /// Added to the class of every call of this queue: its order against the other queues of an agent.
    pub weight: u16,
    /// At most so many wait at once, those whose agent's phone rings included; at least 1.
    pub max_waiting: usize,
    /// No call is treated as if it had waited longer than by this much more, bumps included.
    pub max_head_start: Duration,
    pub head_starts: HeadStarts,
    /// What an agent must know who takes its calls, until a step says something else.
    pub need: Need,
    pub steps: Vec<Step>,
    pub overflow: Vec<Overflow>,
    pub announce: Announce,
    pub service_level: ServiceLevel,
    /// Who was cut off and calls again within this gets the old place; zero for nobody.
    pub redial: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            order: Order::default(),
            ring: Duration::from_secs(20),
            wrap_up: Duration::ZERO,
            dispositions: BTreeSet::new(),
            back_off: BackOff::default(),
            max_no_answer: 3,
            weight: 0,
            max_waiting: DEFAULT_MAX_WAITING,
            max_head_start: Duration::from_secs(30 * 60),
            head_starts: HeadStarts::default(),
            need: Need::default(),
            steps: Vec::new(),
            overflow: Vec::new(),
            announce: Announce::default(),
            service_level: ServiceLevel::default(),
            redial: Duration::from_secs(120),
        }
    }
}

/// What is answered in time, and what does not count as given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// Inclusive.
    pub within: Duration,
    /// Who gives up sooner than that is a short abandon.
    pub short: Duration,
}

impl Default for ServiceLevel {
    fn default() -> Self {
        ServiceLevel { within: Duration::from_secs(20), short: Duration::from_secs(5) }
    }
}

/// Profit-based routing: for what a caller is treated as if they had waited longer. The value that the flow gives comes to it; the
/// sum is capped by [`Queue::max_head_start`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct HeadStarts {
    /// Seconds for each unit of the customer's value, in thousandths.
    pub value: u32,
    /// Who talked to an agent here within the first gets the second.
    pub repeat_call: Option<(Duration, Duration)>,
    /// For one who gave up today, in any queue.
    pub abandoned_today: Duration,
}

/// One step of a queue: what changes for an item once it has waited long enough, or once something holds.
///
/// Needs and preferences replace those of the steps before it, added groups and bumps add up, `replace` starts anew.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// Not before the item has waited this long in this queue.
    pub after: Duration,
    /// And not before this has held once while it waited.
    pub when: Option<Condition>,
    /// It counts only as long as this holds: what a donor demands.
    pub only_if: Option<Condition>,
    /// What an agent must know from now on.
    pub need: Option<Need>,
    pub prefer: Option<Prefer>,
    /// Groups or queues whose agents may take the item as well; asked after the queue's own.
    pub add: Vec<Name>,
    /// Only the agents of these may take it from now on, and of those added by later steps.
    pub replace: Vec<Name>,
    /// More head start, once.
    pub bump: Duration,
}

/// The item waits for one agent as long as that one is there (logged in and not paused) and may take it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Prefer {
    pub whom: Whom,
    /// From the moment the step begins.
    pub hold: Duration,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// Who talked with this customer last.
    LastAgent,
    Agent(Name),
}

/// What becomes of callers when a queue has too much to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Overflow {
    pub on: Trigger,
    pub act: OverflowAct,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// For each item, once it has waited so long in this queue.
    After(Duration),
    /// For whoever comes while it holds.
    Newcomers(Condition),
    /// For everybody who waits, once it holds.
    Everybody(Condition),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverflowAct {
    /// To another queue, arrival and head start kept. Not done while that one is full.
    Move(Name),
    /// The agents of these groups or queues may take the item as well.
    Add(Vec<Name>),
    /// Something is said; the item waits on.
    Play(Name),
    /// The rest leave the queue, flowed out: [`super::Destination`].
    Leave(Destination),
}

/// Where an item goes that flows out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// On in the flow.
    Flow,
    /// They are asked whether they want to be called back.
    Callback,
    Voicemail(Name),
    Extension(Name),
    /// The call is ended, as if busy or as if nobody were there.
    HangUp(HangUp),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangUp {
    Normal,
    Busy,
    Unavailable,
}

impl std::fmt::Display for Destination {
    /// The word of the records: `flow`, `voicemail support`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Destination::Flow => f.write_str("flow"),
            Destination::Callback => f.write_str("callback"),
            Destination::Voicemail(mailbox) => write!(f, "voicemail {mailbox}"),
            Destination::Extension(extension) => write!(f, "extension {extension}"),
            Destination::HangUp(_) => f.write_str("hang_up"),
        }
    }
}

/// What waiting callers are told, and when.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Announce {
    /// The first after so long; zero for nothing at all.
    pub first: Duration,
    /// Again after so long each; zero for only once.
    pub every: Duration,
    pub position: bool,
    pub expected_wait: bool,
    /// Said one after the other, round and round, one with each announcement.
    pub comfort: Vec<Name>,
    /// The first comfort message before the position, not after it.
    pub comfort_first: bool,
}

/// A reason for which an agent may pause.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PauseRule {
    pub paid: bool,
    /// So long for each shift, all pauses for this reason together.
    pub quota: Option<Duration>,
    /// A supervisor must agree.
    pub approval: bool,
    /// Not begun unless this holds; every word of it names its queue.
    pub only_if: Option<Condition>,
}

/// How long an agent is left alone after an offer ended so.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BackOff {
    pub no_answer: Duration,
    pub busy: Duration,
    pub rejected: Duration,
    pub unreachable: Duration,
    pub caller_gone: Duration,
    pub lost_race: Duration,
    pub cancelled: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        BackOff {
            no_answer: Duration::from_secs(5),
            busy: Duration::from_secs(10),
            rejected: Duration::from_secs(5),
            unreachable: Duration::from_secs(30),
            caller_gone: Duration::ZERO,
            lost_race: Duration::ZERO,
            cancelled: Duration::ZERO,
        }
    }
}

impl BackOff {
    pub fn after(&self, outcome: OfferOutcome) -> Duration {
        match outcome {
            OfferOutcome::Answered => Duration::ZERO,
            OfferOutcome::NoAnswer => self.no_answer,
            OfferOutcome::Busy => self.busy,
            OfferOutcome::Rejected => self.rejected,
            OfferOutcome::Unreachable => self.unreachable,
            OfferOutcome::CallerGone => self.caller_gone,
            OfferOutcome::LostRace => self.lost_race,
            OfferOutcome::Cancelled => self.cancelled,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Agent {
    pub login: Login,
    /// The queues this agent serves. A queue that does not exist is passed over here; `check` complains of it.
    pub queues: BTreeMap<Name, Membership>,
    /// Groups that steps and overflows may add.
    pub groups: BTreeMap<Name, Membership>,
    /// From 1 to [`MAX_LEVEL`].
    pub skills: Skills,
}

/// How an agent comes to be logged in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// A phone that registers logs its agent in, one that vanishes logs them out.
    #[default]
    ByRegistration,
    /// From the start, at a contact that is not watched; only an operator logs them out.
    Always,
    /// By feature code, command line or API; the phone must be registered as well.
    Manual,
}

/// How an agent serves one queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// Agents of a lower tier are asked first (a penalty elsewhere).
    pub tier: u16,
    /// The agent's place in the queue's list, for `linear` and `round_robin`, and the last word on every tie.
    pub position: u32,
    /// Only calls that have waited this long in this queue.
    pub delay: Duration,
    /// The chance of being asked by `weighted_random`, against the others'; 1 to [`super::MAX_AGENT_WEIGHT`].
    pub weight: u16,
}

impl Default for Membership {
    fn default() -> Self {
        Membership { tier: 0, position: 0, delay: Duration::ZERO, weight: 1 }
    }
}
