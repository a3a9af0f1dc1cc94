//! What the queue engine is told and what it wants done, in the words of a contact centre: no word of SIP here.
//!
//! Invariant: every [`OfferId`] gets exactly one [`Action::OfferEnded`], every item that joined exactly one
//! [`Action::ItemOutcome`].

use super::settings::{Destination, Settings};
use super::skill::Need;
use crate::id::{Name, numeric_id};
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

numeric_id! {
    /// One thing that waits in a queue: today a caller, later also a callback. Given by whoever lets it join; never used twice.
    ItemId
    /// One lease of one item to one agent. Given by the engine.
    OfferId
}

/// The pause reason of an agent whose phone rang `max_no_answer` times in a row without an answer.
pub const NO_ANSWER_PAUSE: &str = "no answer";

/// Events about an agent, a queue, an item or an offer that the engine does not know (any more) are ignored: words cross on
/// the way, and the one who was late must not disturb the others.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// Somebody enters a queue. An item that is here already is not let in twice.
    Join(Join),
    /// The item leaves: the caller hung up, pressed a key, was sent elsewhere. Right in every state of the item.
    Leave {
        item: ItemId,
        why: Leaving,
    },
    /// To another queue, with the arrival and the head start kept. Not done when that queue is unknown or full, or the item
    /// talks to an agent; [`Action::Moved`] says that it was.
    Move {
        item: ItemId,
        queue: Name,
    },
    /// A supervisor gives the item to an agent, past order, steps and skills. Not done unless it waits and the agent is free;
    /// [`Action::Offer`] says that it was.
    Assign {
        item: ItemId,
        agent: Name,
    },
    /// The talk is over, whoever hung up: the item has its outcome and the agent wraps up.
    CallEnded {
        item: ItemId,
    },
    /// The agent's side of the talk was lost; the caller is still here and returns to the queue at the old key.
    Requeue {
        item: ItemId,
        why: Lost,
    },
    /// The agent took the offered call.
    Answered {
        offer: OfferId,
    },
    /// The offer ended at the agent's phone without an answer. (Silence is not reported: its deadline is the engine's.)
    Refused {
        offer: OfferId,
        why: Refusal,
    },
    /// By feature code, command line or API. Ends a pause for no answer, no other pause.
    AgentLogin {
        agent: Name,
    },
    /// Takes effect after the present call; an offer is withdrawn at once, a wrap-up ended.
    AgentLogout {
        agent: Name,
    },
    /// The agent wants to pause. Takes effect after the present call and its wrap-up; an offer is withdrawn at once. Refused, or
    /// kept until a supervisor agrees, as the reason's rule says.
    AgentPause {
        agent: Name,
        reason: Name,
    },
    /// The agent is back. A forced pause is not theirs to end. A wish to pause is taken back.
    AgentResume {
        agent: Name,
    },
    /// A supervisor answers an agent's wish to pause.
    JudgePause {
        agent: Name,
        approved: bool,
    },
    /// A supervisor sends an agent away, whatever the rules of the reason.
    ForcePause {
        agent: Name,
        reason: Name,
    },
    /// A supervisor ends a pause, a forced one as well.
    ReleaseAgent {
        agent: Name,
    },
    /// Ends the wrap-up early.
    AgentReady {
        agent: Name,
    },
    /// Moves the end of the wrap-up that is running by this much.
    ExtendWrapUp {
        agent: Name,
        by: Duration,
    },
    /// What the call was about that the agent is on or wraps up; [`Action::Disposed`] says that it was noted.
    Dispose {
        agent: Name,
        code: Name,
    },
    /// The agent has a phone that can ring (registered). Say it of every such agent again after [`Event::Configure`]:
    /// repeating it changes nothing.
    AgentReachable {
        agent: Name,
    },
    AgentUnreachable {
        agent: Name,
    },
    /// The agent is on a call that this engine did not give them (own, direct, consultation). An offer's ringing is not one.
    AgentBusyElsewhere {
        agent: Name,
    },
    AgentFreeElsewhere {
        agent: Name,
    },
    /// The queue's hours began or ended; queues are open until it is said that they are not.
    Open {
        queue: Name,
        open: bool,
    },
    /// As it was before the exchange died: said once, after [`Event::Configure`].
    Restore(super::Memory),
    /// The queues and agents as they are from now on.
    Configure(Arc<Settings>),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Join {
    pub item: ItemId,
    pub queue: Name,
    pub kind: Kind,
    /// Strict priority: every call of a higher class goes before every call of a lower one. The queue's weight is added.
    pub class: u16,
    /// The call is treated as if it had already waited this much longer; the queue's `max_head_start` caps the sum.
    pub head_start: Duration,
    /// The customer's value, in thousandths: the queue says how much head start it is worth.
    pub value: u64,
    /// When the caller came to us: earlier than the join for one who keeps a place from before. Later than now is taken as now.
    pub arrival: Moment,
    /// What the agent must know, beside what the queue needs.
    pub need: Need,
    /// Who it is, as far as that is known (a number, a customer): never of a withheld number.
    pub contact: Option<Name>,
    /// The talk that they come from, sent back by its agent: it ends in the same step, so that the agent is offered nobody who stands
    /// behind them. It is no earlier call either.
    pub after: Option<ItemId>,
}

impl Join {
    /// Somebody who comes now, of whom nothing is known.
    pub fn new(item: ItemId, queue: Name, now: Moment) -> Join {
        Join {
            item,
            queue,
            kind: Kind::Call,
            class: 0,
            head_start: Duration::ZERO,
            value: 0,
            arrival: now,
            need: Need::default(),
            contact: None,
            after: None,
        }
    }
}

/// What waits. Kinds stand in one line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody on the line.
    #[default]
    Call,
    /// Somebody to be called back.
    Callback,
}

/// Why an item has the head start that it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merits {
    /// The flow gave it.
    Given,
    /// The customer's value.
    Value,
    RepeatCall,
    AbandonedToday,
    /// This step of the queue, from 1.
    Step(u8),
}

/// Why an item leaves before an agent took it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Leaving {
    HungUp,
    /// The caller's line was cut off: they have `redial` to come back to their place.
    CutOff,
    /// By a key that the queue offers.
    Key(char),
    /// The flow goes on elsewhere (closed, too long, nobody there).
    FlowedOut,
    CallbackTaken,
    /// Picked up by somebody to whom it was not offered.
    AnsweredElsewhere,
    /// The exchange ends the call: stopping, an operator's order, a fault of ours.
    EndedByUs,
}

/// How an agent's side of a talk was lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Lost {
    /// The agent's phone or network vanished.
    ConnectionLost,
    /// The phone answered, and nobody was there.
    Ghost,
}

/// How an offer ended at the agent's phone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Refusal {
    Busy,
    Rejected,
    Unreachable,
    /// Somebody or something else was a moment earlier.
    LostRace,
    /// We could not or would not go on ringing.
    Cancelled,
}

/// How a lease ended. Each has its own back-off ([`super::BackOff`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    Answered,
    NoAnswer,
    Busy,
    Rejected,
    Unreachable,
    CallerGone,
    LostRace,
    Cancelled,
}

/// How a stay in a queue ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemOutcome {
    /// Said when the talk is over. `agent` is who talked last.
    Answered {
        agent: Name,
        talked: Duration,
    },
    Abandoned,
    LeftByKey(char),
    /// And whereto.
    FlowedOut(Destination),
    CallbackTaken,
    AnsweredElsewhere,
    EndedByUs,
    /// Never let in: the queue holds as many as it may.
    Full,
    /// Never let in: there is no queue of that name (any more).
    NoSuchQueue,
    /// Never let in: its need would be one more than the engine keeps apart ([`super::MAX_DEMANDS`]).
    TooManyNeeds,
}

/// What an agent is doing, as a supervisor says it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Offline,
    Available,
    Offered,
    OnCall,
    WrapUp,
    Paused(Name),
    /// On a call of their own.
    Busy,
}

/// Why an agent may not pause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseRefusal {
    /// Reasons are declared, and this is none of them.
    NoSuchReason,
    /// As long as the quota in this shift.
    QuotaUsed(Duration),
    /// The condition does not hold now.
    Unless(String),
    /// A supervisor said no.
    Denied,
    /// A supervisor sent them away, and only a supervisor calls them back.
    Forced,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// A fact for the records: the item was let in. `head_start` says why it has which head start.
    Joined {
        item: ItemId,
        queue: Name,
        kind: Kind,
        class: u16,
        head_start: Vec<(Merits, Duration)>,
        arrival: Moment,
    },
    /// Ring the agent's phones, at most this long; the engine keeps the deadline and withdraws.
    Offer {
        offer: OfferId,
        item: ItemId,
        kind: Kind,
        queue: Name,
        agent: Name,
        ring: Duration,
    },
    /// Stop ringing. Whatever the phone still says of this offer is ignored here; `outcome` says why it is withdrawn.
    Withdraw {
        offer: OfferId,
        outcome: OfferOutcome,
    },
    /// Bridge the two. Exactly one offer of an item is ever connected at a time. `predicted` is the wait that was expected as the
    /// item came.
    Connect {
        offer: OfferId,
        item: ItemId,
        queue: Name,
        agent: Name,
        waited: Duration,
        /// How long this agent's phone rang.
        rang: Duration,
        predicted: Option<Duration>,
    },
    /// A fact for the records: the lease is over, once for every offer, after its `Connect` or `Withdraw`.
    OfferEnded {
        offer: OfferId,
        item: ItemId,
        queue: Name,
        agent: Name,
        outcome: OfferOutcome,
        rang: Duration,
    },
    /// A fact for the records: once for every change that somebody could see. States that lasted no time are left out.
    AgentState {
        agent: Name,
        state: State,
    },
    /// A fact for the records: what must be kept of the agent ([`super::Acd::memory_of`]) is another than the records know. A pause
    /// or a logout was ordered that waits for the present call, a wish was said or answered, a wrap-up extended, the phone rings
    /// of one who was not available before, or somebody who was offline is removed.
    AgentNoted {
        agent: Name,
    },
    /// A supervisor is to say whether this agent may pause.
    PauseAsked {
        agent: Name,
        reason: Name,
    },
    PauseRefused {
        agent: Name,
        reason: Name,
        why: PauseRefusal,
    },
    /// A fact for the records: what a call was about.
    Disposed {
        agent: Name,
        item: ItemId,
        queue: Name,
        code: Name,
    },
    /// Tell the waiting caller, if no phone answers first.
    Announce(Announcement),
    /// Say this to the waiting caller, once.
    Play {
        item: ItemId,
        prompt: Name,
    },
    /// The item is in another queue now.
    Moved {
        item: ItemId,
        from: Name,
        to: Name,
    },
    /// The talk broke off: the item waits again, at the place of `arrival`.
    Returned {
        item: ItemId,
        queue: Name,
        agent: Name,
        talked: Duration,
        arrival: Moment,
    },
    /// The item has left; nothing follows about it. `waited` counts until it was first answered, for who leaves unanswered all the
    /// time that it waited; `talked` is with all its agents.
    ItemOutcome {
        item: ItemId,
        queue: Name,
        outcome: ItemOutcome,
        waited: Duration,
    },
}

/// What a waiting caller is told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Announcement {
    pub item: ItemId,
    /// From 1.
    pub position: Option<usize>,
    /// Rounded, and never more than this caller was told before unless agents have left.
    pub expected_wait: Option<Duration>,
    pub comfort: Option<Name>,
    /// The comfort message is said before the rest.
    pub comfort_first: bool,
}

impl From<Refusal> for OfferOutcome {
    fn from(why: Refusal) -> OfferOutcome {
        match why {
            Refusal::Busy => OfferOutcome::Busy,
            Refusal::Rejected => OfferOutcome::Rejected,
            Refusal::Unreachable => OfferOutcome::Unreachable,
            Refusal::LostRace => OfferOutcome::LostRace,
            Refusal::Cancelled => OfferOutcome::Cancelled,
        }
    }
}

impl From<Leaving> for ItemOutcome {
    fn from(why: Leaving) -> ItemOutcome {
        match why {
            Leaving::HungUp | Leaving::CutOff => ItemOutcome::Abandoned,
            Leaving::Key(key) => ItemOutcome::LeftByKey(key),
            Leaving::FlowedOut => ItemOutcome::FlowedOut(Destination::Flow),
            Leaving::CallbackTaken => ItemOutcome::CallbackTaken,
            Leaving::AnsweredElsewhere => ItemOutcome::AnsweredElsewhere,
            Leaving::EndedByUs => ItemOutcome::EndedByUs,
        }
    }
}

impl fmt::Display for OfferOutcome {
    /// The word of the records: `no_answer`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OfferOutcome::Answered => "answered",
            OfferOutcome::NoAnswer => "no_answer",
            OfferOutcome::Busy => "busy",
            OfferOutcome::Rejected => "rejected",
            OfferOutcome::Unreachable => "unreachable",
            OfferOutcome::CallerGone => "caller_gone",
            OfferOutcome::LostRace => "lost_race",
            OfferOutcome::Cancelled => "cancelled",
        })
    }
}

impl fmt::Display for ItemOutcome {
    /// The word of the records, without its particulars: `left_by_key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ItemOutcome::Answered { .. } => "answered",
            ItemOutcome::Abandoned => "abandoned",
            ItemOutcome::LeftByKey(_) => "left_by_key",
            ItemOutcome::FlowedOut(_) => "flowed_out",
            ItemOutcome::CallbackTaken => "callback_taken",
            ItemOutcome::AnsweredElsewhere => "answered_elsewhere",
            ItemOutcome::EndedByUs => "ended_by_us",
            ItemOutcome::Full => "full",
            ItemOutcome::NoSuchQueue => "no_such_queue",
            ItemOutcome::TooManyNeeds => "too_many_needs",
        })
    }
}

impl fmt::Display for State {
    /// As the command line shows it: `paused (lunch)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Offline => f.write_str("offline"),
            State::Available => f.write_str("available"),
            State::Offered => f.write_str("offered"),
            State::OnCall => f.write_str("on_call"),
            State::WrapUp => f.write_str("wrap_up"),
            State::Paused(reason) => write!(f, "paused ({reason})"),
            State::Busy => f.write_str("busy"),
        }
    }
}

impl fmt::Display for PauseRefusal {
    /// Finishes the sentence "may not pause: ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PauseRefusal::NoSuchReason => f.write_str("there is no such reason"),
            PauseRefusal::QuotaUsed(quota) => write!(f, "the {} s of this shift are used up", quota.as_secs()),
            PauseRefusal::Unless(condition) => write!(f, "only while {condition}"),
            PauseRefusal::Denied => f.write_str("a supervisor said no"),
            PauseRefusal::Forced => f.write_str("a supervisor ordered the present pause, and ends it"),
        }
    }
}
