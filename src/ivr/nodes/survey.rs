//! `survey: {name: satisfaction, ask: [rate-agent, rate-company], keys: 1-5, wait: 5s, tries: 2, next: NODE, failed: NODE}` asks one
//! question after the other, each answered by one key, and keeps the answers.
//!
//! A question that is not answered ends the survey; what was answered is kept. A key outside `keys` is asked again. The outcome is
//! `next`, `empty` when nothing was answered, `failed` when it could not be kept (on at `failed`, else at `next`).

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::entry::{Asking, Entered, Entry};
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::ivr::{Keep, KeepEnd};
use serde::{Deserialize, Serialize};

/// Wrong keys for one question before it counts as not answered.
const MAX_WRONG: u32 = 3;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Survey {
    name: Name,
    /// One prompt for each question.
    ask: Vec<Name>,
    keys: String,
    asking: Asking,
    next: Name,
    failed: Name,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Asked {
    /// The answers so far, and the wrong keys to the question that is being asked.
    Question {
        answers: Vec<char>,
        wrong: u32,
        entry: Entry,
    },
    Keeping,
}

impl Node for Survey {
    type State = Asked;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Survey> {
        fields.waits();
        let name = fields.new_name("name");
        let ask = fields.prompts("ask");
        let keys = fields.key_range("keys", "1-5");
        let asking = Asking::one_key(fields);
        let next = fields.link("next");
        let failed = fields.link_or("failed", &next);
        Some(Survey { name: name?, ask: ask?, keys: keys?, asking, next: next?, failed: failed? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Asked> {
        turn.forget_typed();
        self.ask(Vec::new(), 0, turn)
    }

    fn hear(&self, state: Asked, heard: Heard, turn: &mut Turn<'_>) -> Step<Asked> {
        match (state, heard) {
            (Asked::Question { answers, wrong, entry }, heard) => {
                let prompts = self.question(&answers);
                let entered = self.asking.hear(entry, &heard, prompts, turn);
                self.go_on(answers, wrong, entered, turn)
            }
            (Asked::Keeping, Heard::Kept(KeepEnd::Failed)) => Step::leave("failed", Some(self.failed.clone())),
            (Asked::Keeping, Heard::Kept(_)) => Step::leave("next", Some(self.next.clone())),
            (Asked::Keeping, _) => Step::Stay(Asked::Keeping),
        }
    }
}

impl Survey {
    /// The prompt of the question after so many answers.
    fn question(&self, answers: &[char]) -> &[Name] {
        self.ask.get(answers.len()..=answers.len()).unwrap_or_default()
    }

    fn ask(&self, answers: Vec<char>, wrong: u32, turn: &mut Turn<'_>) -> Step<Asked> {
        if answers.len() >= self.ask.len() {
            return self.complete(answers, turn);
        }
        let entered = self.asking.begin(self.question(&answers), turn);
        self.go_on(answers, wrong, entered, turn)
    }

    fn go_on(&self, mut answers: Vec<char>, wrong: u32, entered: Entered, turn: &mut Turn<'_>) -> Step<Asked> {
        match entered {
            Entered::More(entry) => Step::Stay(Asked::Question { answers, wrong, entry }),
            Entered::Done(key) => match key.reveal().chars().next().filter(|key| self.keys.contains(*key)) {
                Some(key) => {
                    answers.push(key);
                    self.ask(answers, 0, turn)
                }
                None if wrong + 1 < MAX_WRONG => self.ask(answers, wrong + 1, turn),
                None => self.complete(answers, turn),
            },
            Entered::Silent | Entered::Wrong => self.complete(answers, turn),
        }
    }

    fn complete(&self, answers: Vec<char>, turn: &mut Turn<'_>) -> Step<Asked> {
        turn.stop_playing();
        if answers.is_empty() {
            return Step::leave("empty", Some(self.next.clone()));
        }
        turn.keep_for_later(Keep::Survey { name: self.name.clone(), answers });
        Step::Stay(Asked::Keeping)
    }
}
