//! One caller's walk through a flow.
//!
//! The session knows where the caller is and what the line is doing; what a node does is its verb's business
//! ([`super::nodes`]). Invariant: between two events from outside at most [`MAX_STEPS`] nodes are entered.

use super::nodes::{Heard, State, Step};
use super::{Cause, Command, Event, Flow, Visit};
use crate::id::{Name, PlayId};
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Nodes entered without a key from the caller and without a wait of at least [`SHORTEST_WAIT`]; then the call is ended.
pub const MAX_STEPS: u32 = 1000;
/// A shorter stay is no wait: one packet of audio.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// Visits kept of one call; beyond it the oldest of the middle are dropped, so beginning and end stay known.
pub const MAX_VISITS: usize = 1000;
/// Keys kept for the next menu; further ones are lost.
pub const MAX_TYPED_AHEAD: usize = 32;

/// One caller's walk through a flow.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Session {
    flow: Arc<Flow>,
    line: Line,
    visits: Vec<Visit>,
    dropped: u64,
    node: Name,
    since: Moment,
    steps: u32,
    walk: Walk,
}

/// Where the session stands with the node it is in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Walk {
    /// `Begin` has not come yet.
    Before,
    /// The node speaks, so the call must be answered first; `Answered` has not come yet.
    Answering,
    Inside(State),
    Over,
}

/// What the caller's line is doing: the part of the session that verbs work with, through a [`Turn`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Line {
    language: Name,
    answered: bool,
    typed: VecDeque<char>,
    playing: Option<PlayId>,
    last_play: u64,
    deadline: Option<Moment>,
}

/// What a verb may do in its turn.
pub(super) struct Turn<'a> {
    line: &'a mut Line,
    now: Now,
    out: &'a mut Vec<Command>,
}

impl Turn<'_> {
    /// Plays in the caller's language; replaces what plays.
    pub fn play(&mut self, prompts: &[Name], repeat: bool) {
        self.line.last_play += 1;
        let play = PlayId(self.line.last_play);
        self.line.playing = Some(play);
        self.out.push(Command::Play { play, language: self.line.language.clone(), prompts: prompts.to_vec(), repeat });
    }

    pub fn stop_playing(&mut self) {
        if self.line.playing.take().is_some() {
            self.out.push(Command::StopPlaying);
        }
    }

    /// Asks for [`Heard::TimeUp`]; replaces the deadline set before. Leaving the node forgets it.
    pub fn wait(&mut self, duration: Duration) {
        self.line.deadline = Some(self.now.mono + duration);
    }

    pub fn stop_waiting(&mut self) {
        self.line.deadline = None;
    }

    /// The oldest key that was typed ahead.
    pub fn typed(&mut self) -> Option<char> {
        self.line.typed.pop_front()
    }

    pub fn is_typed_ahead(&self) -> bool {
        !self.line.typed.is_empty()
    }

    /// Keeps a key for a menu to come.
    pub fn keep(&mut self, key: char) {
        if self.line.typed.len() < MAX_TYPED_AHEAD {
            self.line.typed.push_back(key);
        }
    }

    pub fn forget_typed(&mut self) {
        self.line.typed.clear();
    }

    pub fn speak(&mut self, language: Name) {
        self.line.language = language;
    }

    /// [`Heard::Queue`] says how it ended.
    pub fn enqueue(&mut self, queue: &Name) {
        self.out.push(Command::Enqueue { queue: queue.clone() });
    }

    pub fn leave_queue(&mut self, key: char) {
        self.out.push(Command::LeaveQueue { key });
    }

    /// [`Heard::Dial`] says how it ended.
    pub fn dial(&mut self, to: &Name, ring: Duration) {
        self.out.push(Command::Dial { to: to.clone(), ring });
    }

    /// [`Heard::Transfer`] says how it ended.
    pub fn transfer(&mut self, to: &Name, ring: Duration) {
        self.out.push(Command::Transfer { to: to.clone(), ring });
    }
}

impl Session {
    /// `language` is the caller's, used where the flow does not say.
    pub fn new(flow: Arc<Flow>, language: Name) -> Session {
        let line = Line {
            language: flow.language.clone().unwrap_or(language),
            answered: false,
            typed: VecDeque::new(),
            playing: None,
            last_play: 0,
            deadline: None,
        };
        Session {
            node: flow.start.clone(),
            flow,
            line,
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
            (_, Event::HungUp) => {
                self.leave("hung-up", now);
                self.finish();
            }
            (Walk::Before, Event::Begin) => {
                let start = self.flow.start.clone();
                self.go(Step::Leave { outcome: String::new(), to: Some(start) }, now, out);
            }
            (_, Event::Begin) => {}
            (_, Event::Answered) => {
                self.line.answered = true;
                if matches!(self.walk, Walk::Answering) {
                    let step = self.enter(now, out);
                    self.go(step, now, out);
                }
            }
            (Walk::Before | Walk::Answering, Event::Digit(key)) => {
                Turn { line: &mut self.line, now, out }.keep(key);
            }
            (Walk::Inside(_), Event::Digit(key)) => {
                self.steps = 0;
                self.tell(Heard::Key(key), now, out);
            }
            (_, Event::Queue(end)) => self.tell(Heard::Queue(end), now, out),
            (_, Event::Dial(end)) => self.tell(Heard::Dial(end), now, out),
            (_, Event::Transfer(end)) => self.tell(Heard::Transfer(end), now, out),
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

    /// Something happened inside a node.
    fn tell(&mut self, heard: Heard, now: Now, out: &mut Vec<Command>) {
        if now.mono.since(self.since) >= SHORTEST_WAIT {
            self.steps = 0;
        }
        let Walk::Inside(state) = self.walk.clone() else { return };
        let flow = self.flow.clone();
        let Some(node) = flow.nodes.get(&self.node) else { return };
        let step = node.verb.hear(state, heard, &mut Turn { line: &mut self.line, now, out });
        self.go(step, now, out);
    }

    /// Follows the steps from node to node until one of them waits for the world.
    fn go(&mut self, mut step: Step<State>, now: Now, out: &mut Vec<Command>) {
        loop {
            match step {
                Step::Stay(state) => {
                    self.walk = Walk::Inside(state);
                    return;
                }
                Step::Leave { outcome, to: Some(to) } => {
                    self.leave(&outcome, now);
                    Turn { line: &mut self.line, now, out }.stop_playing();
                    self.steps += 1;
                    if self.steps > MAX_STEPS {
                        return self.hang_up(Cause::Loop, out);
                    }
                    let Some(node) = self.flow.nodes.get(&to) else {
                        // A checked flow has no such link; one that was not checked ends here rather than hang.
                        return self.hang_up(Cause::Unavailable, out);
                    };
                    let (verb, speaks) = (Name::from(node.verb.name()), node.verb.speaks());
                    self.node = to;
                    self.arrive(verb, now);
                    if speaks && !self.line.answered {
                        out.push(Command::Answer);
                        self.walk = Walk::Answering;
                        return;
                    }
                    step = self.enter(now, out);
                }
                Step::Leave { outcome, to: None } => {
                    self.leave(&outcome, now);
                    return self.hang_up(Cause::Normal, out);
                }
                Step::GiveAway { outcome } => {
                    self.leave(&outcome, now);
                    return self.finish();
                }
                Step::Hangup(cause) => {
                    self.leave("hangup", now);
                    return self.hang_up(cause, out);
                }
            }
        }
    }

    fn enter(&mut self, now: Now, out: &mut Vec<Command>) -> Step<State> {
        let flow = self.flow.clone();
        match flow.nodes.get(&self.node) {
            Some(node) => node.verb.enter(&mut Turn { line: &mut self.line, now, out }),
            None => Step::Hangup(Cause::Unavailable),
        }
    }

    fn arrive(&mut self, verb: Name, now: Now) {
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
        self.line.deadline = None;
        if let Some(visit) = self.visits.last_mut().filter(|visit| visit.left.is_none()) {
            visit.left = Some(now.wall);
            visit.outcome = outcome.to_string();
        }
    }

    fn hang_up(&mut self, cause: Cause, out: &mut Vec<Command>) {
        out.push(Command::Hangup { cause });
        self.finish();
    }

    fn finish(&mut self) {
        self.walk = Walk::Over;
        self.line.deadline = None;
        self.line.playing = None;
        self.line.typed.clear();
    }
}
