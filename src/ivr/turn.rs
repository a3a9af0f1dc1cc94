//! What a verb may do in its turn: the caller's line, what is known, and the commands to the exchange.
//!
//! Invariant: nothing here decides where a caller goes; and what was begun in one node and is not over is forgotten with it.

use super::knowledge::{Knowledge, Known};
use super::speaking::Speakable;
use super::{Command, Keep};
use crate::ask::{Customer, Digits, HttpReply, Question};
use crate::expression::{Requirement, Value};
use crate::id::{Name, PlayId};
use crate::speech::Language;
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// Keys kept for the next menu; further ones are lost.
pub const MAX_TYPED_AHEAD: usize = 32;

/// What the caller's line is doing: the part of the session that verbs work with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub language: Name,
    pub answered: bool,
    /// The caller has hung up, and an `on_hangup` is walked.
    pub gone: bool,
    pub typed: Typed,
    pub playing: Option<PlayId>,
    last_play: u64,
    pub deadline: Option<Moment>,
    /// The question that the node waits for.
    pub asked: Option<u64>,
    last_ask: u64,
}

/// Keys on their way to the next menu. They may be somebody's PIN: never printed.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Typed(VecDeque<char>);

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Line {
    pub fn new(language: Name) -> Line {
        Line {
            language,
            answered: false,
            gone: false,
            typed: Typed::default(),
            playing: None,
            last_play: 0,
            deadline: None,
            asked: None,
            last_ask: 0,
        }
    }

    pub fn keep(&mut self, key: char) {
        if self.typed.0.len() < MAX_TYPED_AHEAD {
            self.typed.0.push_back(key);
        }
    }

    /// The caller leaves a node: what it waited for is not waited for any more.
    pub fn forget_waiting(&mut self) {
        self.deadline = None;
        self.asked = None;
    }

    pub fn fall_silent(&mut self) {
        self.forget_waiting();
        self.playing = None;
        self.typed.0.clear();
    }
}

pub(super) struct Turn<'a> {
    pub line: &'a mut Line,
    pub knowledge: &'a mut Knowledge,
    pub speech: &'a BTreeMap<Name, Arc<Language>>,
    pub now: Now,
    pub out: &'a mut Vec<Command>,
}

impl Turn<'_> {
    /// Plays in the caller's language; replaces what plays.
    pub fn play(&mut self, prompts: &[Name], repeat: bool) {
        self.line.last_play += 1;
        let play = PlayId(self.line.last_play);
        self.line.playing = Some(play);
        self.out.push(Command::Play { play, language: self.line.language.clone(), prompts: prompts.to_vec(), repeat });
    }

    /// The recorded prompts that say it in the caller's language; `None` when it cannot be said.
    pub fn spell_out(&self, parts: &[Speakable]) -> Option<Vec<Name>> {
        let language = self.speech.get(&self.line.language).map(|language| &**language);
        super::speaking::spell_out(parts, language, &self.known())
    }

    pub fn stop_playing(&mut self) {
        if self.line.playing.take().is_some() {
            self.out.push(Command::StopPlaying);
        }
    }

    /// Asks for [`super::nodes::Heard::TimeUp`]; replaces the deadline set before. Leaving the node forgets it.
    pub fn wait(&mut self, duration: Duration) {
        self.line.deadline = Some(self.now.mono + duration);
    }

    pub fn stop_waiting(&mut self) {
        self.line.deadline = None;
    }

    /// The oldest key that was typed ahead.
    pub fn typed(&mut self) -> Option<char> {
        self.line.typed.0.pop_front()
    }

    pub fn is_typed_ahead(&self) -> bool {
        !self.line.typed.0.is_empty()
    }

    /// Keeps a key for a menu to come.
    pub fn keep(&mut self, key: char) {
        self.line.keep(key);
    }

    pub fn forget_typed(&mut self) {
        self.line.typed.0.clear();
    }

    pub fn speak(&mut self, language: Name) {
        self.line.language = language;
    }

    /// What expressions are evaluated in.
    pub fn known(&self) -> Known<'_> {
        Known { knowledge: self.knowledge, language: &self.line.language, now: self.now }
    }

    pub fn set(&mut self, variable: &Name, value: Value) {
        self.knowledge.set(variable, value);
    }

    pub fn hide(&mut self, variable: &Name, digits: Digits) {
        self.knowledge.hide(variable, digits);
    }

    pub fn identify(&mut self, customer: Option<Customer>) {
        self.knowledge.customer = customer;
    }

    /// The id of the customer who was found to be calling.
    pub fn customer(&self) -> Option<Digits> {
        self.knowledge.customer.as_ref().map(|customer| Digits::new(customer.id.clone()))
    }

    /// Empty when it is withheld.
    pub fn calling_number(&self) -> String {
        self.knowledge.caller.number.clone()
    }

    pub fn heard_from_web(&mut self, reply: HttpReply) {
        self.knowledge.http = Some(reply);
    }

    /// [`super::nodes::Heard::Reply`] says the answer.
    pub fn ask(&mut self, question: Question, patience: Duration) {
        self.line.last_ask += 1;
        self.line.asked = Some(self.line.last_ask);
        self.out.push(Command::Ask { ask: self.line.last_ask, question, patience });
    }

    /// [`super::nodes::Heard::Hours`] says the answer.
    pub fn look_up_hours(&mut self, calendar: &Name) {
        self.out.push(Command::LookUpHours { calendar: calendar.clone() });
    }

    /// [`super::nodes::Heard::Queue`] says how it ended.
    pub fn enqueue(&mut self, queue: &Name, need: Option<Requirement>, value: Option<f64>) {
        self.out.push(Command::Enqueue { queue: queue.clone(), need, value });
    }

    pub fn leave_queue(&mut self, key: char, keep_place: bool) {
        self.out.push(Command::LeaveQueue { key, keep_place });
    }

    /// [`super::nodes::Heard::Dial`] says how it ended.
    pub fn dial(&mut self, to: &Name, ring: Duration) {
        self.out.push(Command::Dial { to: to.clone(), ring });
    }

    /// [`super::nodes::Heard::Transfer`] says how it ended.
    pub fn transfer(&mut self, to: &Name, ring: Duration) {
        self.out.push(Command::Transfer { to: to.clone(), ring });
    }

    /// [`super::nodes::Heard::Kept`] says how it ended.
    pub fn keep_for_later(&mut self, what: Keep) {
        self.out.push(Command::Keep(what));
    }

    pub fn stop_keeping(&mut self) {
        self.out.push(Command::StopKeeping);
    }
}
