//! Facts read back as what they were about: stays of callers in queues, offers, and what agents did when.
//!
//! | fact | what it does here |
//! |---|---|
//! | `queue joined`, `queue moved` | a stay begins; with the second another ends, flowed out |
//! | `queue answered` | its agent and its wait are known |
//! | `queue returned` | the talk broke off: it waits again |
//! | `queue left` | it ends, or it never was one: not let in |
//! | `call lost` | it ended when the exchange died |
//! | `offer ended` | an offer |
//! | `agent state` | the agent's timeline; wrap-up belongs to the call before it |
//!
//! Invariant: every stay that ended has one ending, and a fact that cannot be read changes nothing.

use crate::id::Name;
use crate::measure::Ended;
use crate::time::{Duration, Wall};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The kinds of facts that are read here.
pub const KINDS: &[&str] = &[
    "queue joined",
    "queue moved",
    "queue answered",
    "queue returned",
    "queue left",
    "call lost",
    "offer ended",
    "agent state",
];

/// A fact as it is stored. `number` is the caller's, where it is known and not erased.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fact {
    pub at: Wall,
    pub kind: String,
    pub call: String,
    pub number: Option<String>,
    /// JSON.
    pub body: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Stay {
    pub queue: Name,
    /// The reference of the call.
    pub call: String,
    pub customer: Option<String>,
    pub entered: Wall,
    pub ended: Option<Ended>,
    /// Until they were first answered, or until they left.
    pub waited: Duration,
    pub answered: Option<Wall>,
    pub agent: Option<Name>,
    /// Holding included, with all their agents.
    pub talked: Duration,
    /// The talks of it that broke off, whose they were, and how long.
    pub broken_off: Vec<(Name, Duration)>,
    pub held: Duration,
    pub wrapped_up: Duration,
}

impl Stay {
    /// How it ended; a talk that still goes on is an answered call.
    pub fn ending(&self) -> Option<Ended> {
        self.ended.or(self.answered.map(|_| Ended::Answered))
    }

    /// A talk that broke off was no waiting.
    pub fn waited_until(&self, at: Wall) -> Duration {
        at.since(self.entered).saturating_sub(self.talked)
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Offer {
    pub at: Wall,
    pub agent: Name,
    /// `answered`, `no_answer`, ...
    pub outcome: String,
}

/// From `since` until the next one of the same agent.
#[derive(Clone, PartialEq, Debug)]
pub struct Duty {
    pub since: Wall,
    /// `available`, `paused (lunch)`, ...
    pub state: String,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stays {
    pub stays: Vec<Stay>,
    /// Who was not let in: when, and to which queue.
    pub refused: Vec<(Wall, Name)>,
    pub offers: Vec<Offer>,
    pub duties: BTreeMap<Name, Vec<Duty>>,
    /// Call -> its stay that has no end yet.
    open: BTreeMap<String, usize>,
    /// Agent -> the stay that they talked to last.
    last: BTreeMap<Name, usize>,
}

/// Every field that a body of these kinds may have.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    queue: Option<Name>,
    agent: Option<Name>,
    outcome: Option<String>,
    state: Option<String>,
    waited_ms: u64,
    talked_ms: u64,
    held_ms: u64,
    ended: Option<Wall>,
}

/// Words for nobody (RFC 3323 section 4.1.1.3 and what providers send).
const NOBODY: [&str; 5] = ["", "anonymous", "unknown", "restricted", "unavailable"];

impl Stays {
    /// Facts come in the order in which they were written.
    pub fn read(&mut self, fact: Fact) {
        let Ok(body) = serde_json::from_str::<Body>(&fact.body) else { return };
        match fact.kind.as_str() {
            "queue joined" => self.joined(fact, body),
            "queue moved" => self.moved(fact, body),
            "queue answered" => self.answered(&fact, body),
            "queue returned" => self.returned(&fact, &body),
            "queue left" => self.left(&fact, body),
            "call lost" => self.lost(&fact, body),
            "offer ended" => {
                if let (Some(agent), Some(outcome)) = (body.agent, body.outcome) {
                    self.offers.push(Offer { at: fact.at, agent, outcome });
                }
            }
            "agent state" => {
                if let (Some(agent), Some(state)) = (body.agent, body.state) {
                    self.turned(agent, state, fact.at);
                }
            }
            _ => {}
        }
    }

    fn joined(&mut self, fact: Fact, body: Body) {
        let Some(queue) = body.queue else { return };
        let somebody = |number: &String| !NOBODY.iter().any(|word| number.trim().eq_ignore_ascii_case(word));
        let customer = fact.number.filter(somebody);
        self.enter(queue, fact.call, customer, fact.at);
    }

    fn enter(&mut self, queue: Name, call: String, customer: Option<String>, at: Wall) {
        self.open.insert(call.clone(), self.stays.len());
        self.stays.push(Stay {
            queue,
            call,
            customer,
            entered: at,
            ended: None,
            waited: Duration::ZERO,
            answered: None,
            agent: None,
            talked: Duration::ZERO,
            broken_off: Vec::new(),
            held: Duration::ZERO,
            wrapped_up: Duration::ZERO,
        });
    }

    fn moved(&mut self, fact: Fact, body: Body) {
        let Some(queue) = body.queue else { return };
        let Some(place) = self.open.remove(&fact.call) else { return };
        let stay = &mut self.stays[place];
        stay.waited = stay.waited_until(fact.at);
        stay.ended = Some(Ended::FlowedOut);
        let customer = stay.customer.clone();
        self.enter(queue, fact.call, customer, fact.at);
    }

    fn answered(&mut self, fact: &Fact, body: Body) {
        let Some(place) = self.open.get(&fact.call).copied() else { return };
        let stay = &mut self.stays[place];
        stay.answered = Some(fact.at);
        // Whoever answers after a talk that broke off was waited for, but not first.
        if stay.agent.is_none() {
            stay.waited = Duration::from_millis(body.waited_ms);
        }
        stay.agent = body.agent.clone();
        self.last.extend(body.agent.map(|agent| (agent, place)));
    }

    fn returned(&mut self, fact: &Fact, body: &Body) {
        let Some(place) = self.open.get(&fact.call).copied() else { return };
        let stay = &mut self.stays[place];
        stay.answered = None;
        let talked = Duration::from_millis(body.talked_ms);
        stay.talked += talked;
        stay.broken_off.extend(body.agent.clone().map(|agent| (agent, talked)));
    }

    fn left(&mut self, fact: &Fact, body: Body) {
        let Some(ended) = body.outcome.as_deref().and_then(ending) else {
            self.refused.extend(body.queue.map(|queue| (fact.at, queue)));
            return;
        };
        let Some(place) = self.open.remove(&fact.call) else { return };
        let stay = &mut self.stays[place];
        stay.ended = Some(ended);
        stay.waited = Duration::from_millis(body.waited_ms);
        if ended == Ended::Answered {
            stay.talked = Duration::from_millis(body.talked_ms);
        }
        stay.held = Duration::from_millis(body.held_ms).min(stay.talked);
        stay.agent = body.agent.or_else(|| stay.agent.take());
    }

    fn lost(&mut self, fact: &Fact, body: Body) {
        let Some(place) = self.open.remove(&fact.call) else { return };
        let end = body.ended.unwrap_or(fact.at);
        let stay = &mut self.stays[place];
        match stay.answered {
            Some(since) => {
                stay.talked += end.since(since);
                stay.ended = Some(Ended::Answered);
            }
            None => {
                stay.waited = stay.waited_until(end);
                stay.ended = Some(Ended::EndedByUs);
            }
        }
    }

    fn turned(&mut self, agent: Name, state: String, at: Wall) {
        let timeline = self.duties.entry(agent.clone()).or_default();
        if let Some(before) = timeline.last()
            && before.state == "wrap_up"
            && let Some(place) = self.last.get(&agent)
        {
            self.stays[*place].wrapped_up += at.since(before.since);
        }
        timeline.push(Duty { since: at, state });
    }
}

/// The word of a fact; nothing for those who were not let in.
fn ending(word: &str) -> Option<Ended> {
    Some(match word {
        "answered" => Ended::Answered,
        "abandoned" => Ended::Abandoned,
        "flowed_out" => Ended::FlowedOut,
        "left_by_key" => Ended::LeftByKey,
        "callback_taken" => Ended::CallbackTaken,
        "answered_elsewhere" => Ended::AnsweredElsewhere,
        "ended_by_us" => Ended::EndedByUs,
        _ => return None,
    })
}
