//! Conditions of steps and overflows: `ewt > 2m`, `no_agent`, `sales.service_level > 80% and waiting < 3`.
//!
//! | word | what it is | compared with |
//! |---|---|---|
//! | `waiting` | items that wait in the queue | a number |
//! | `longest_wait` | how long the one waits who came first of those who wait | a time |
//! | `expected_wait`, `ewt` | how long one who comes now will wait ([`super::estimate`]); nothing is true of one that is not known | a time |
//! | `logged_in`, `available` | the queue's own agents who are not offline; those who could be offered a call now | a number |
//! | `waiting_per_agent`, `ratio` | waiting items for each agent logged in; without agents it is above every limit | a number |
//! | `service_level` | of the last 30 minutes, 100 % while nothing has ended | a percentage |
//! | `no_agent`, `none_available`, `closed` | `logged_in == 0`, `available == 0`, the queue is closed | |
//!
//! A word alone is of the queue itself, `sales.waiting` of another. Invariant: a condition has at most [`MAX_CLAUSES`] clauses,
//! joined by `and`, and all of them must hold.

use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Clauses of one condition.
pub const MAX_CLAUSES: usize = 8;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Condition {
    /// As it was written.
    text: String,
    clauses: Vec<Clause>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Clause {
    /// Another queue than the one whose condition it is.
    pub queue: Option<Name>,
    pub measure: Measure,
    pub comparison: Comparison,
    /// In thousandths: of an item or agent, a second, a whole.
    pub limit: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Waiting,
    LongestWait,
    ExpectedWait,
    LoggedIn,
    Available,
    WaitingPerAgent,
    ServiceLevel,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    Greater,
}

/// What a measure is counted in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Number,
    Time,
    Percent,
    Nothing,
}

const WORDS: &[(&str, Measure, Unit)] = &[
    ("waiting", Measure::Waiting, Unit::Number),
    ("longest_wait", Measure::LongestWait, Unit::Time),
    ("expected_wait", Measure::ExpectedWait, Unit::Time),
    ("ewt", Measure::ExpectedWait, Unit::Time),
    ("logged_in", Measure::LoggedIn, Unit::Number),
    ("available", Measure::Available, Unit::Number),
    ("waiting_per_agent", Measure::WaitingPerAgent, Unit::Number),
    ("ratio", Measure::WaitingPerAgent, Unit::Number),
    ("service_level", Measure::ServiceLevel, Unit::Percent),
    ("closed", Measure::Closed, Unit::Nothing),
    ("no_agent", Measure::LoggedIn, Unit::Nothing),
    ("none_available", Measure::Available, Unit::Nothing),
];

const SIGNS: &[(&str, Comparison)] = &[
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// What is wrong with a condition, and the words one of which was perhaps meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrongCondition {
    pub why: String,
    pub wrong: String,
}

impl Condition {
    pub fn parse(text: &str) -> Result<Condition, WrongCondition> {
        let clauses: Vec<&str> = text.split(" and ").map(str::trim).collect();
        if clauses.len() > MAX_CLAUSES {
            return Err(wrong(format!("a condition has at most {MAX_CLAUSES} parts joined by `and`"), ""));
        }
        let clauses = clauses.into_iter().map(Clause::parse).collect::<Result<_, _>>()?;
        Ok(Condition { text: text.to_string(), clauses })
    }

    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The words there are.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _, _)| *word)
    }

    /// Made of words that stand alone: there is nobody, it is closed.
    pub fn is_state(&self) -> bool {
        self.clauses
            .iter()
            .all(|clause| clause.measure == Measure::Closed || clause.comparison == Comparison::Equal && clause.limit == 0)
    }

    /// What can never hold: no queue is ever so, or two clauses exclude each other.
    pub fn is_impossible(&self, max_waiting: usize) -> bool {
        let most = |measure| match measure {
            Measure::ServiceLevel | Measure::Closed => 1000,
            Measure::Waiting => u64::try_from(max_waiting).unwrap_or(u64::MAX / 1000).saturating_mul(1000),
            _ => u64::MAX,
        };
        self.clauses.iter().any(|clause| {
            let mut same = self.clauses.iter().filter(|other| (&other.queue, other.measure) == (&clause.queue, clause.measure));
            same.try_fold((0, most(clause.measure)), |(least, most), one| one.narrowed(least, most)).is_none()
        })
    }

    /// Something in it changes by the passing of time alone.
    pub fn is_timed(&self) -> bool {
        let timed = [Measure::LongestWait, Measure::ExpectedWait, Measure::ServiceLevel];
        self.clauses.iter().any(|clause| timed.contains(&clause.measure))
    }

    /// `value` gives a measure in thousandths of a queue (`None`: the one whose condition it is); where it gives nothing, nothing is
    /// true of it.
    pub fn holds(&self, mut value: impl FnMut(Option<&Name>, Measure) -> Option<u64>) -> bool {
        self.clauses.iter().all(|clause| {
            value(clause.queue.as_ref(), clause.measure).is_some_and(|value| clause.comparison.holds(value, clause.limit))
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Clause {
    /// What is left of a range of values; nothing when none is.
    fn narrowed(&self, least: u64, most: u64) -> Option<(u64, u64)> {
        let (least, most) = match self.comparison {
            Comparison::Less => (least, most.min(self.limit.checked_sub(1)?)),
            Comparison::AtMost => (least, most.min(self.limit)),
            Comparison::Equal => (least.max(self.limit), most.min(self.limit)),
            Comparison::Unequal => (least, most),
            Comparison::AtLeast => (least.max(self.limit), most),
            Comparison::Greater => (least.max(self.limit.checked_add(1)?), most),
        };
        (least <= most).then_some((least, most))
    }

    fn parse(text: &str) -> Result<Clause, WrongCondition> {
        let sign = SIGNS.iter().find_map(|(sign, comparison)| Some((text.split_once(sign)?, *comparison)));
        let (left, right) =
            sign.map_or((text, None), |((left, right), comparison)| (left.trim(), Some((comparison, right.trim()))));
        let (queue, word) = left.rsplit_once('.').map_or((None, left), |(queue, word)| (Some(Name::from(queue)), word));
        let Some((_, measure, unit)) = WORDS.iter().find(|(known, _, _)| *known == word) else {
            return Err(wrong(format!("no measure `{word}`"), word));
        };
        let (comparison, limit) = match (unit, right) {
            (Unit::Nothing, None) if *measure == Measure::Closed => (Comparison::Equal, 1000),
            (Unit::Nothing, None) => (Comparison::Equal, 0),
            (Unit::Nothing, Some(_)) => return Err(wrong(format!("`{word}` stands alone"), "")),
            (_, None) => return Err(wrong(format!("`{word}` is compared with nothing: `{word} > ...`"), "")),
            (unit, Some((comparison, right))) => (comparison, unit.read(word, right)?),
        };
        Ok(Clause { queue, measure: *measure, comparison, limit })
    }
}

impl Unit {
    fn read(self, word: &str, text: &str) -> Result<u64, WrongCondition> {
        let (value, what) = match self {
            Unit::Number => (thousandths(text), "a number"),
            Unit::Time => (crate::fault::fields::parse_duration(text).and_then(millis), "a time with its unit (30s, 2m)"),
            Unit::Percent => {
                (text.strip_suffix('%').and_then(|text| Some(thousandths(text.trim())? / 100)), "a percentage (80%)")
            }
            Unit::Nothing => (None, "nothing"),
        };
        value.ok_or_else(|| wrong(format!("`{word}` is compared with {what}, not `{text}`"), ""))
    }
}

impl Comparison {
    fn holds(self, value: u64, limit: u64) -> bool {
        match self {
            Comparison::Less => value < limit,
            Comparison::AtMost => value <= limit,
            Comparison::Equal => value == limit,
            Comparison::Unequal => value != limit,
            Comparison::AtLeast => value >= limit,
            Comparison::Greater => value > limit,
        }
    }
}

fn wrong(why: String, wrong: &str) -> WrongCondition {
    WrongCondition { why, wrong: wrong.to_string() }
}

/// `12`, `1.5`: at most three places after the point, at most a million before it.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole, 7) || !digits(part, 3) {
        return None;
    }
    Some(whole.parse::<u64>().ok()? * 1000 + format!("{part:0<3}").parse::<u64>().ok()?)
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_when_all_its_clauses_do() {
        let values = |queue: Option<&Name>, measure| match (queue.map(|name| &**name), measure) {
            (None, Measure::Waiting) => Some(5_000),
            (None, Measure::ExpectedWait) => Some(120_001),
            (None, Measure::LoggedIn) => Some(0),
            (Some("sales"), Measure::ServiceLevel) => Some(805),
            _ => None,
        };
        for (text, expected) in [
            ("waiting > 4", true),
            ("waiting > 5", false),
            ("waiting >= 5", true),
            ("waiting==5", true),
            ("waiting != 5", false),
            ("ewt > 2m", true),
            ("expected_wait <= 2m", false),
            ("no_agent", true),
            ("sales.service_level > 80%", true),
            ("sales.service_level >= 80.5%", true),
            ("sales.service_level > 80.5%", false),
            ("no_agent and waiting > 9", false),
            ("available < 1", false),
            ("available >= 0", false),
        ] {
            assert_eq!(Condition::parse(text).expect(text).holds(values), expected, "{text}");
        }
    }

    #[test]
    fn what_can_never_hold_is_known() {
        for (text, impossible) in [
            ("waiting > 10", true),
            ("waiting > 9", false),
            ("service_level > 100%", true),
            ("available < 0", true),
            ("no_agent and available > 0", false),
            ("no_agent and logged_in >= 1", true),
            ("ewt > 2m and ewt < 1m", true),
            ("sales.waiting > 5 and waiting < 3", false),
        ] {
            assert_eq!(Condition::parse(text).expect(text).is_impossible(10), impossible, "{text}");
        }
    }

    #[test]
    fn a_wrong_condition_says_what_is_wrong() {
        for (text, part) in [
            ("wating > 4", "no measure `wating`"),
            ("waiting", "is compared with nothing"),
            ("waiting > 2m", "a number, not `2m`"),
            ("ewt > 2", "a time with its unit"),
            ("sales.service_level > 80", "a percentage"),
            ("no_agent > 2", "stands alone"),
            ("", "no measure ``"),
            ("waiting > 99999999999", "a number"),
            ("waiting > 1.2345", "a number"),
        ] {
            let why = Condition::parse(text).expect_err(text).why;
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
