//! Numbers in words: each set of rules says how the numbers of a range are made.
//!
//! | written | is |
//! |---|---|
//! | `100: sto [>]` | from 100 up to the next rule: the word, then the remainder by 100 in the same set, unless it is nothing |
//! | `2000: <cardinal @tysiąc [>]` | the quotient by 1000 in the set `cardinal`, the noun in the form that it wants, the remainder |
//! | `1100/100: <cardinal [>late\|hundred]` | divided by 100, not by 1000; `hundred` when there is no remainder |
//! | `10: =cardinal` | as the set `cardinal` says the same number |
//!
//! The divisor is the largest power of ten that is not above the rule's number, unless it is written. Invariant: every step
//! makes the number smaller or is one of at most [`MAX_STEPS`], so that saying a number ends.

use super::Fragment;
use super::language::Language;
use super::phrase::Noun;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules used to say one number.
pub(super) const MAX_STEPS: usize = 60;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct RuleSet {
    /// By their numbers.
    pub(super) rules: BTreeMap<u64, Rule>,
    /// The set that says what remains, when it is another than this one.
    pub(super) rest: Option<String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) divisor: u64,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Word(Fragment),
    /// The quotient, in this set or the same one.
    Quotient(Option<String>),
    Remainder(Option<String>),
    Same(String),
    /// In the form that the quotient wants.
    Noun(Noun),
    /// The first when something remains, otherwise the second.
    IfRest(Vec<Step>, Vec<Step>),
}

/// Says numbers into a list of fragments.
pub(super) struct Spelling<'l> {
    pub(super) language: &'l Language,
    pub(super) said: Vec<Fragment>,
    pub(super) steps: usize,
}

impl Spelling<'_> {
    /// `None` when the set has no rule for it.
    pub(super) fn number(&mut self, set: &str, number: u64) -> Option<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return None;
        }
        let language = self.language;
        let rules = language.sets.get(set)?;
        let (_, rule) = rules.rules.range(..=number).next_back()?;
        let divided = Divided { set, rest: rules.rest.as_deref().unwrap_or(set), number, divisor: rule.divisor };
        self.follow(&rule.steps, &divided)
    }

    fn follow(&mut self, steps: &[Step], divided: &Divided<'_>) -> Option<()> {
        for step in steps {
            match step {
                Step::Word(word) => self.said.push(word.clone()),
                Step::Quotient(set) => self.number(set.as_deref().unwrap_or(divided.set), divided.quotient())?,
                Step::Remainder(set) => self.number(set.as_deref().unwrap_or(divided.rest), divided.remainder())?,
                Step::Same(set) => self.number(set, divided.number)?,
                Step::Noun(noun) => self.said.extend(self.language.noun(noun, divided.quotient())?.iter().cloned()),
                Step::IfRest(some, none) => self.follow(if divided.remainder() > 0 { some } else { none }, divided)?,
            }
        }
        Some(())
    }
}

struct Divided<'a> {
    set: &'a str,
    rest: &'a str,
    number: u64,
    divisor: u64,
}

impl Divided<'_> {
    fn quotient(&self) -> u64 {
        self.number / self.divisor
    }

    fn remainder(&self) -> u64 {
        self.number % self.divisor
    }
}
