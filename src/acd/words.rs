//! What the queue engine is told and what it wants done, in the words of a contact centre: no word of SIP here.
//!
//! Invariant: every [`OfferId`] gets exactly one [`Action::OfferEnded`], every item that joined exactly one
//! [`Action::ItemOutcome`].

use super::settings::Settings;
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
    /// A caller enters a queue. An item that is here already is not let in twice.
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
    /// Takes effect after the present call and its wrap-up; an offer is withdrawn at once.
    AgentPause {
        agent: Name,
        reason: Name,
    },
    AgentResume {
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
    /// The queues and agents as they are from now on.
    Configure(Arc<Settings>),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Join {
    pub item: ItemId,
    pub queue: Name,
    /// Strict priority: every call of a higher class goes before every call of a lower one. The queue's weight is added.
    pub class: u16,
    /// The call is treated as if it had already waited this much longer; the queue's `max_head_start` caps it.
    pub head_start: Duration,
    /// When the caller came to us: earlier than the join for one who keeps a place from before. Later than now is taken as now.
    pub arrival: Moment,
}

/// Why an item leaves before an agent took it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Leaving {
    HungUp,
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
    FlowedOut,
    CallbackTaken,
    AnsweredElsewhere,
    EndedByUs,
    /// Never let in: the queue holds as many as it may.
    Full,
    /// Never let in: there is no queue of that name (any more).
    NoSuchQueue,
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

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// Ring the agent's phones, at most this long; the engine keeps the deadline and withdraws.
    Offer { offer: OfferId, item: ItemId, queue: Name, agent: Name, ring: Duration },
    /// Stop ringing. Whatever the phone still says of this offer is ignored here; `outcome` says why it is withdrawn.
    Withdraw { offer: OfferId, outcome: OfferOutcome },
    /// Bridge the two. Exactly one offer of an item is ever connected at a time.
    Connect { offer: OfferId, item: ItemId, queue: Name, agent: Name, waited: Duration },
    /// A fact for the records: the lease is over, once for every offer, after its `Connect` or `Withdraw`.
    OfferEnded { offer: OfferId, item: ItemId, agent: Name, outcome: OfferOutcome, rang: Duration },
    /// A fact for the records: once for every change that somebody could see. States that lasted no time are left out.
    AgentState { agent: Name, state: State },
    /// The item is in another queue now.
    Moved { item: ItemId, from: Name, to: Name },
    /// The item has left; nothing follows about it. `waited` counts until it was first answered, or until now.
    ItemOutcome { item: ItemId, queue: Name, outcome: ItemOutcome, waited: Duration },
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
            Leaving::HungUp => ItemOutcome::Abandoned,
            Leaving::Key(key) => ItemOutcome::LeftByKey(key),
            Leaving::FlowedOut => ItemOutcome::FlowedOut,
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
            ItemOutcome::FlowedOut => "flowed_out",
            ItemOutcome::CallbackTaken => "callback_taken",
            ItemOutcome::AnsweredElsewhere => "answered_elsewhere",
            ItemOutcome::EndedByUs => "ended_by_us",
            ItemOutcome::Full => "full",
            ItemOutcome::NoSuchQueue => "no_such_queue",
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
