//! One caller's walk through a flow, and through those that it calls.
//!
//! The session knows where the caller is and what the line is doing; what a node does is its verb's business
//! ([`super::nodes`]). Invariant: between two events from outside at most [`MAX_STEPS`] nodes are entered.

use super::flow::{Node, RETURN};
use super::knowledge::Knowledge;
use super::nodes::{Heard, State, Step};
use super::turn::{Line, Turn};
use super::{Caller, Cause, Command, Event, Flow, Visit};
use crate::id::Name;
use crate::speech::Language;
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Nodes entered without a key from the caller and without a wait of at least [`SHORTEST_WAIT`]; then the call is ended.
pub const MAX_STEPS: u32 = 1000;
/// A shorter stay is no wait: one packet of audio.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// Visits kept of one call; beyond it the oldest of the middle are dropped, so beginning and end stay known.
pub const MAX_VISITS: usize = 1000;
/// Flows called from one another; then the call is ended as one that goes round.
pub const MAX_CALLED: usize = 16;

/// One caller's walk through a flow.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Session {
    flow: Arc<Flow>,
    /// The flows that may be called, as they were when the call began.
    others: BTreeMap<Name, Arc<Flow>>,
    /// Where the caller goes back to, the last one first.
    stack: Vec<Calling>,
    line: Line,
    knowledge: Knowledge,
    /// How values are said, in each language.
    speech: BTreeMap<Name, Arc<Language>>,
    visits: Vec<Visit>,
    dropped: u64,
    node: Name,
    since: Moment,
    steps: u32,
    walk: Walk,
}

/// A flow that has called another one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Calling {
    flow: Arc<Flow>,
    node: Name,
    state: State,
}

/// Where the session stands with the node it is in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Walk {
    /// `Begin` has not come yet.
    Before,
    /// The node speaks, so the call must be answered first; `Answered` has not come yet.
    Answering,
    /// The node wants to know how busy queues are; `Queues` has not come yet.
    Looking,
    Inside(State),
    Over,
}

impl Session {
    /// `language` is the caller's, used where the flow does not say. A flow that calls others needs [`Session::begin`].
    pub fn new(flow: Arc<Flow>, language: Name) -> Session {
        Session::begin(flow, &BTreeMap::new(), &BTreeMap::new(), Caller { language, ..Caller::default() })
    }

    /// Of the flows that there are the session keeps what it may come to; and how languages say numbers, as they do now.
    pub fn begin(
        flow: Arc<Flow>,
        flows: &BTreeMap<Name, Arc<Flow>>,
        speech: &BTreeMap<Name, Arc<Language>>,
        caller: Caller,
    ) -> Session {
        let line = Line::new(flow.language.clone().unwrap_or_else(|| caller.language.clone()));
        Session {
            node: flow.start.clone(),
            others: reachable(&flow, flows),
            flow,
            stack: Vec::new(),
            line,
            knowledge: Knowledge { caller, ..Knowledge::default() },
            speech: speech.clone(),
            visits: Vec::new(),
            dropped: 0,
            since: Moment::ZERO,
            steps: 0,
            walk: Walk::Before,
        }
    }

    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Command>) {
        match (&self.walk, event) {
            (Walk::Over, _) => {}
            (_, Event::HungUp) => self.hung_up(now, out),
            (Walk::Before, Event::Begin) => {
                let start = self.flow.start.clone();
                self.go(Step::Leave { outcome: String::new(), to: Some(start) }, now, out);
            }
            (_, Event::Begin) => {}
            (_, Event::Answered) => {
                self.line.answered = true;
                if matches!(self.walk, Walk::Answering) {
                    self.look_or_enter(now, out);
                }
            }
            (Walk::Looking, Event::Queues(queues)) => {
                self.knowledge.queues = queues;
                let step = self.enter(now, out);
                self.go(step, now, out);
            }
            (_, Event::Queues(_)) => {}
            (Walk::Inside(_), Event::Digit(key)) => {
                self.steps = 0;
                self.tell(Heard::Key(key), now, out);
            }
            (_, Event::Digit(key)) => self.line.keep(key),
            (_, Event::Queue(end)) => self.tell(Heard::Queue(end), now, out),
            (_, Event::Dial(end)) => self.tell(Heard::Dial(end), now, out),
            (_, Event::Transfer(end)) => self.tell(Heard::Transfer(end), now, out),
            (_, Event::Kept(end)) => self.tell(Heard::Kept(end), now, out),
            (_, Event::Hours(hours)) => self.tell(Heard::Hours(hours), now, out),
            (_, Event::Reply { ask, reply }) => {
                // The answer to a question of a node that the caller has left means nothing.
                if self.line.asked == Some(ask) {
                    self.line.asked = None;
                    self.tell(Heard::Reply(reply), now, out);
                }
            }
            (_, Event::Played { play }) => {
                // The end of something that was replaced in the meantime means nothing.
                if self.line.playing == Some(play) {
                    self.line.playing = None;
                    self.tell(Heard::Played, now, out);
                }
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.line.deadline
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Command>) {
        if self.line.deadline.is_some_and(|deadline| deadline <= now.mono) {
            self.line.deadline = None;
            self.tell(Heard::TimeUp, now, out);
        }
    }

    /// Where the caller has been, oldest first; the last one is where they are.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// How many visits were dropped from the middle of [`Session::visits`].
    pub fn visits_dropped(&self) -> u64 {
        self.dropped
    }

    /// The id of the customer who was found to be calling.
    pub fn customer(&self) -> Option<&str> {
        self.knowledge.customer.as_ref().map(|customer| customer.id.as_str())
    }

    /// The language the caller hears now.
    pub fn language(&self) -> &Name {
        &self.line.language
    }

    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// The node the caller is in, or was in when the walk ended.
    pub fn node(&self) -> &Name {
        &self.node
    }

    pub fn is_over(&self) -> bool {
        matches!(self.walk, Walk::Over)
    }

    /// What an expression makes of what the flow knows now: for tests of flows, and for people who look on.
    pub fn evaluate(&mut self, expression: &crate::expression::Expression, now: Now) -> crate::expression::Value {
        let mut unheard = Vec::new();
        expression.evaluate(&self.turn(now, &mut unheard).known()).unwrap_or_default()
    }

    fn turn<'a>(&'a mut self, now: Now, out: &'a mut Vec<Command>) -> Turn<'a> {
        Turn { line: &mut self.line, knowledge: &mut self.knowledge, speech: &self.speech, now, out }
    }

    /// The caller is gone: on where the node they were in, or one that called its flow, says so.
    fn hung_up(&mut self, now: Now, out: &mut Vec<Command>) {
        let next = if self.line.gone || matches!(self.walk, Walk::Before) { None } else { self.on_hangup() };
        self.leave("hung-up", now);
        self.line.fall_silent();
        self.line.gone = true;
        match next {
            Some(next) => self.go(Step::Leave { outcome: String::new(), to: Some(next) }, now, out),
            None => self.finish(),
        }
    }

    /// Unwinds to the flow that it stands in.
    fn on_hangup(&mut self) -> Option<Name> {
        loop {
            if let Some(next) = self.here().and_then(|node| node.on_hangup.clone()) {
                return Some(next);
            }
            let Calling { flow, node, .. } = self.stack.pop()?;
            (self.flow, self.node) = (flow, node);
        }
    }

    fn here(&self) -> Option<&Node> {
        self.flow.nodes.get(&self.node)
    }

    /// Something happened inside a node.
    fn tell(&mut self, heard: Heard, now: Now, out: &mut Vec<Command>) {
        if now.mono.since(self.since) >= SHORTEST_WAIT {
            self.steps = 0;
        }
        let Walk::Inside(state) = self.walk.clone() else { return };
        let step = self.hear(state, heard, now, out);
        self.go(step, now, out);
    }

    fn hear(&mut self, state: State, heard: Heard, now: Now, out: &mut Vec<Command>) -> Step<State> {
        let flow = self.flow.clone();
        match flow.nodes.get(&self.node) {
            Some(node) => node.verb.hear(state, heard, &mut self.turn(now, out)),
            None => Step::Hangup(Cause::Unavailable),
        }
    }

    fn enter(&mut self, now: Now, out: &mut Vec<Command>) -> Step<State> {
        let flow = self.flow.clone();
        match flow.nodes.get(&self.node) {
            Some(node) => node.verb.enter(&mut self.turn(now, out)),
            None => Step::Hangup(Cause::Unavailable),
        }
    }

    /// Follows the steps from node to node until one of them waits for the world.
    fn go(&mut self, mut step: Step<State>, now: Now, out: &mut Vec<Command>) {
        loop {
            step = match step {
                Step::Stay(state) => {
                    self.walk = Walk::Inside(state);
                    return;
                }
                Step::Leave { outcome, to } => {
                    self.leave(&outcome, now);
                    self.turn(now, out).stop_playing();
                    match to {
                        Some(to) if &*to == RETURN => match self.return_to_caller(now, out) {
                            Some(step) => step,
                            None => return self.hang_up(Cause::Normal, out),
                        },
                        Some(to) => match self.arrive(to, now, out) {
                            Some(step) => step,
                            None => return,
                        },
                        None => return self.hang_up(Cause::Normal, out),
                    }
                }
                Step::Call { flow, state } => match self.call(&flow, state, now, out) {
                    Some(step) => step,
                    None => return,
                },
                Step::GiveAway { outcome } => {
                    self.leave(&outcome, now);
                    return self.finish();
                }
                Step::Hangup(cause) => {
                    self.leave("hangup", now);
                    return self.hang_up(cause, out);
                }
            };
        }
    }

    /// Enters a node, or waits for what must come first; then `None`, as when the walk is over.
    fn arrive(&mut self, to: Name, now: Now, out: &mut Vec<Command>) -> Option<Step<State>> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.hang_up(Cause::Loop, out);
            return None;
        }
        let Some(node) = self.flow.nodes.get(&to) else {
            // A checked flow has no such link; one that was not checked ends here rather than hang.
            self.hang_up(Cause::Unavailable, out);
            return None;
        };
        let (verb, speaks) = (Name::from(node.verb.name()), node.verb.speaks());
        if speaks && self.line.gone {
            self.finish();
            return None;
        }
        self.node = to;
        self.note_arrival(verb, now);
        if speaks && !self.line.answered {
            out.push(Command::Answer);
            self.walk = Walk::Answering;
            return None;
        }
        self.look(out).then(|| self.enter(now, out))
    }

    fn look_or_enter(&mut self, now: Now, out: &mut Vec<Command>) {
        if self.look(out) {
            let step = self.enter(now, out);
            self.go(step, now, out);
        }
    }

    /// False when the node must first be told how busy some queues are.
    fn look(&mut self, out: &mut Vec<Command>) -> bool {
        let queues = self.here().map(|node| node.queues.clone()).unwrap_or_default();
        if queues.is_empty() {
            return true;
        }
        out.push(Command::LookAtQueues { queues });
        self.walk = Walk::Looking;
        false
    }

    /// Into another flow, to come back.
    fn call(&mut self, name: &str, state: State, now: Now, out: &mut Vec<Command>) -> Option<Step<State>> {
        self.leave("called", now);
        let Some(flow) = self.others.get(name).cloned() else {
            self.hang_up(Cause::Unavailable, out);
            return None;
        };
        if self.stack.len() >= MAX_CALLED {
            self.hang_up(Cause::Loop, out);
            return None;
        }
        let start = flow.start.clone();
        let calling = std::mem::replace(&mut self.flow, flow);
        self.stack.push(Calling { flow: calling, node: self.node.clone(), state });
        self.arrive(start, now, out)
    }

    /// Back into the flow that called this one; `None` when nobody has.
    fn return_to_caller(&mut self, now: Now, out: &mut Vec<Command>) -> Option<Step<State>> {
        let Calling { flow, node, state } = self.stack.pop()?;
        (self.flow, self.node) = (flow, node);
        Some(self.hear(state, Heard::Returned, now, out))
    }

    fn note_arrival(&mut self, verb: Name, now: Now) {
        if self.visits.len() >= MAX_VISITS {
            self.visits.remove(MAX_VISITS / 2);
            self.dropped += 1;
        }
        self.since = now.mono;
        self.visits.push(Visit {
            flow: self.flow.name.clone(),
            node: self.node.clone(),
            verb,
            entered: now.wall,
            left: None,
            outcome: String::new(),
        });
    }

    fn leave(&mut self, outcome: &str, now: Now) {
        self.line.forget_waiting();
        if let Some(visit) = self.visits.last_mut().filter(|visit| visit.left.is_none()) {
            visit.left = Some(now.wall);
            visit.outcome = outcome.to_string();
        }
    }

    fn hang_up(&mut self, cause: Cause, out: &mut Vec<Command>) {
        if !self.line.gone {
            out.push(Command::Hangup { cause });
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.walk = Walk::Over;
        self.line.fall_silent();
    }
}

/// The flows that a caller may come to from this one.
fn reachable(flow: &Flow, flows: &BTreeMap<Name, Arc<Flow>>) -> BTreeMap<Name, Arc<Flow>> {
    let mut found = BTreeMap::new();
    let mut open: Vec<Name> = flow.calls().cloned().collect();
    while let Some(name) = open.pop() {
        if let Some(called) = flows.get(&name)
            && !found.contains_key(&name)
        {
            open.extend(called.calls().cloned());
            found.insert(name, called.clone());
        }
    }
    found
}
