//! What skills somebody must have: `english >= 4 and (mac >= 2 or linux >= 2)`.
//!
//! The part of the language that the queue engine reads: skills, whole levels, `and`, `or`, `not`. A bare `mac` asks for the
//! skill at any level. Invariant: who lacks a skill fails every comparison with it, whichever way it points.

use super::{Expression, Mistake, Names, Operator, Tree, Type, Value};
use crate::id::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    All(Vec<Requirement>),
    Any(Vec<Requirement>),
    Not(Box<Requirement>),
    Skill(Skill),
}

/// One comparison of a skill's level.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Skill {
    pub name: Name,
    /// One of the six comparisons.
    pub comparison: Operator,
    pub level: u8,
}

impl Requirement {
    /// `names` knows each skill, as a number.
    pub fn compile(text: &str, names: &dyn Names) -> Result<Requirement, Vec<Mistake>> {
        let expression = Expression::compile(text, &Levels(names))?;
        let mistake = |text| vec![Mistake { column: 1, text, suggestion: None }];
        Requirement::of(expression.tree()).map_err(mistake)
    }

    /// `Err` finishes the sentence "this is wrong: ...".
    pub fn of(tree: &Tree) -> Result<Requirement, String> {
        match tree {
            Tree::Name(name) => Ok(Requirement::Skill(Skill { name: name.clone(), comparison: Operator::AtLeast, level: 1 })),
            Tree::Not(inner) => Ok(Requirement::Not(Box::new(Requirement::of(inner)?))),
            Tree::Pair(Operator::And, left, right) => {
                Ok(Requirement::All(flat(left, right, |r| if let Requirement::All(list) = r { Ok(list) } else { Err(r) })?))
            }
            Tree::Pair(Operator::Or, left, right) => {
                Ok(Requirement::Any(flat(left, right, |r| if let Requirement::Any(list) = r { Ok(list) } else { Err(r) })?))
            }
            Tree::Pair(operator, left, right) => compared(*operator, left, right).map(Requirement::Skill),
            _ => Err(WANTED.to_string()),
        }
    }

    /// `level` answers for the skills that somebody has, and `None` for the others.
    pub fn met_by(&self, level: &impl Fn(&str) -> Option<u8>) -> bool {
        match self {
            Requirement::All(list) => list.iter().all(|one| one.met_by(level)),
            Requirement::Any(list) => list.iter().any(|one| one.met_by(level)),
            Requirement::Not(inner) => !inner.met_by(level),
            Requirement::Skill(skill) => level(&skill.name).is_some_and(|level| skill.holds(level)),
        }
    }

    /// Every skill in it, from left to right, as often as it occurs.
    pub fn skills(&self) -> Vec<&Skill> {
        match self {
            Requirement::All(list) | Requirement::Any(list) => list.iter().flat_map(Requirement::skills).collect(),
            Requirement::Not(inner) => inner.skills(),
            Requirement::Skill(skill) => vec![skill],
        }
    }
}

impl Skill {
    /// For somebody who has the skill at this level.
    pub fn holds(&self, level: u8) -> bool {
        match self.comparison {
            Operator::Equal => level == self.level,
            Operator::Unequal => level != self.level,
            Operator::Less => level < self.level,
            Operator::AtMost => level <= self.level,
            Operator::Greater => level > self.level,
            Operator::AtLeast => level >= self.level,
            _ => false,
        }
    }
}

const WANTED: &str = "skills are asked for by comparing them with a level (`english >= 4`), joined by `and`, `or` and `not`";

fn compared(operator: Operator, left: &Tree, right: &Tree) -> Result<Skill, String> {
    let (name, level, comparison) = match (left, right) {
        (Tree::Name(name), Tree::Value(Value::Number(level))) => (name, level, operator),
        (Tree::Value(Value::Number(level)), Tree::Name(name)) => (name, level, turned(operator)),
        _ => return Err(WANTED.to_string()),
    };
    match comparison {
        Operator::Equal | Operator::Unequal | Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {}
        _ => return Err(WANTED.to_string()),
    }
    let whole = level.whole().and_then(|level| u8::try_from(level).ok());
    let level = whole.ok_or_else(|| format!("a level is a whole number from 0 to 255, not {level}"))?;
    Ok(Skill { name: name.clone(), comparison, level })
}

/// `4 <= english` says what `english >= 4` says.
fn turned(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::AtMost => Operator::AtLeast,
        Operator::Greater => Operator::Less,
        Operator::AtLeast => Operator::AtMost,
        same => same,
    }
}

/// Both sides as one list: `a and b and c` is a list of three.
fn flat(
    left: &Tree,
    right: &Tree,
    same: fn(Requirement) -> Result<Vec<Requirement>, Requirement>,
) -> Result<Vec<Requirement>, String> {
    let mut list = Vec::new();
    for side in [left, right] {
        match same(Requirement::of(side)?) {
            Ok(inner) => list.extend(inner),
            Err(one) => list.push(one),
        }
    }
    Ok(list)
}

/// A skill stands where a number or a condition is wanted, so its type is open.
struct Levels<'n>(&'n dyn Names);

impl Names for Levels<'_> {
    fn kind(&self, path: &str) -> Option<Type> {
        self.0.kind(path).map(|_| Type::Any)
    }

    fn nearest(&self, wrong: &str) -> Option<String> {
        self.0.nearest(wrong)
    }
}

/// As it would be written.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, list: &[Requirement], word: &str| {
            for (index, one) in list.iter().enumerate() {
                let between = if index == 0 { "" } else { word };
                match one {
                    Requirement::Skill(_) | Requirement::Not(_) => write!(f, "{between}{one}")?,
                    _ => write!(f, "{between}({one})")?,
                }
            }
            Ok(())
        };
        match self {
            Requirement::All(list) => joined(f, list, " and "),
            Requirement::Any(list) => joined(f, list, " or "),
            Requirement::Not(inner) => match **inner {
                Requirement::Skill(_) => write!(f, "not {inner}"),
                _ => write!(f, "not ({inner})"),
            },
            Requirement::Skill(Skill { name, comparison, level }) => write!(f, "{name} {} {level}", comparison.word()),
        }
    }
}
