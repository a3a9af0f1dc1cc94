//! Asking a caller for digits: a prompt, keys one after the other, a key that ends them, silence, further tries.
//!
//! | state | a digit | the end key | the prompt ends | time is up |
//! |---|---|---|---|---|
//! | asking (prompt plays) | entering; the prompt stops | wrong | waiting for `wait` | -- |
//! | entering | entered, once there are `most`; else waiting for `between` | entered, if there are `least`; else wrong | -- | entered, if there are `least`; wrong, if there are some; else silence |
//!
//! Wrong entries and silence ask again, `tries` times in all, counted together. Keys typed ahead are taken before the prompt is
//! played. Invariant: what was typed is in [`Digits`] from the first key on, and nowhere else.

use super::nodes::Heard;
use super::reading::NodeFields;
use super::turn::Turn;
use crate::ask::Digits;
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(5);
pub(super) const DEFAULT_TRIES: u32 = 3;
pub(super) const MAX_TRIES: u32 = 100;
const DEFAULT_BETWEEN: Duration = Duration::from_secs(3);

/// How digits are asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Asking {
    pub least: usize,
    pub most: usize,
    /// The key that says that all is typed.
    end: Option<char>,
    wait: Duration,
    between: Duration,
    tries: u32,
    barge_in: bool,
}

const ENDS: &[(&str, Option<char>)] = &[("#", Some('#')), ("*", Some('*')), ("none", None)];

impl Asking {
    /// From the fields `end`, `wait`, `between`, `tries` and `barge_in`.
    pub fn read(fields: &mut NodeFields<'_, '_, '_>, tries: u32) -> Asking {
        let end = fields.word("end", ENDS).unwrap_or(Some('#'));
        let wait = fields.patience("wait", DEFAULT_WAIT);
        let between = fields.patience("between", DEFAULT_BETWEEN);
        let tries = fields.number("tries", tries, 1..=MAX_TRIES);
        let barge_in = fields.boolean("barge_in", true);
        Asking { least: 1, most: 1, end, wait, between, tries, barge_in }
    }

    /// One key of those that the verb takes, and nothing to end it.
    pub fn one_key(fields: &mut NodeFields<'_, '_, '_>) -> Asking {
        let wait = fields.patience("wait", DEFAULT_WAIT);
        let tries = fields.number("tries", DEFAULT_TRIES, 1..=MAX_TRIES);
        let barge_in = fields.boolean("barge_in", true);
        Asking { least: 1, most: 1, end: None, wait, between: DEFAULT_BETWEEN, tries, barge_in }
    }

    pub fn of_length(&self, (least, most): (u32, u32)) -> Asking {
        Asking { least: least as usize, most: most as usize, ..self.clone() }
    }

    /// How often it asks.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    pub fn once(&self) -> Asking {
        Asking { tries: 1, ..self.clone() }
    }

    /// Begins; what was typed ahead may be all that is needed.
    pub fn begin(&self, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        let mut entry = Entry { number: 1, asking: false, digits: Digits::default() };
        while let Some(key) = turn.typed() {
            match self.press(entry, key, prompts, turn) {
                Entered::More(more) if !more.asking => entry = more,
                other => return other,
            }
        }
        if entry.digits.reveal().is_empty() {
            return self.ask(1, prompts, turn);
        }
        turn.wait(self.between);
        Entered::More(entry)
    }

    pub fn hear(&self, entry: Entry, heard: &Heard, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        match heard {
            Heard::Key(_) if entry.asking && !self.barge_in => Entered::More(entry),
            Heard::Key(key) => {
                turn.stop_playing();
                self.press(Entry { asking: false, ..entry }, *key, prompts, turn)
            }
            Heard::Played => {
                turn.wait(self.wait);
                Entered::More(Entry { asking: false, ..entry })
            }
            Heard::TimeUp if entry.digits.reveal().is_empty() => self.again(entry.number, Entered::Silent, prompts, turn),
            Heard::TimeUp => self.complete(entry, prompts, turn),
            _ => Entered::More(entry),
        }
    }

    fn press(&self, entry: Entry, key: char, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        turn.stop_waiting();
        if Some(key) == self.end {
            return self.complete(entry, prompts, turn);
        }
        if !key.is_ascii_digit() {
            return self.wrong(entry.number, prompts, turn);
        }
        let entry = Entry { digits: Digits::new(format!("{}{key}", entry.digits.reveal())), ..entry };
        if entry.digits.reveal().len() >= self.most {
            return Entered::Done(entry.digits);
        }
        turn.wait(self.between);
        Entered::More(entry)
    }

    /// The caller has said that this is all, or says nothing more.
    fn complete(&self, entry: Entry, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        if entry.digits.reveal().len() >= self.least {
            return Entered::Done(entry.digits);
        }
        self.wrong(entry.number, prompts, turn)
    }

    fn wrong(&self, number: u32, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        turn.forget_typed();
        self.again(number, Entered::Wrong, prompts, turn)
    }

    fn again(&self, number: u32, otherwise: Entered, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        if number < self.tries { self.ask(number + 1, prompts, turn) } else { otherwise }
    }

    fn ask(&self, number: u32, prompts: &[Name], turn: &mut Turn<'_>) -> Entered {
        turn.stop_waiting();
        turn.play(prompts, false);
        Entered::More(Entry { number, asking: true, digits: Digits::default() })
    }
}

/// Digits on their way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Of the try, from 1.
    number: u32,
    asking: bool,
    digits: Digits,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Entered {
    More(Entry),
    Done(Digits),
    /// After the last try.
    Silent,
    Wrong,
}
