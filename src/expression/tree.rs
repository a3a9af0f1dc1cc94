//! An expression as a tree, for whoever evaluates or reads it.
//!
//! Invariant: at most [`MAX_NODES`] nodes and [`MAX_DEPTH`] parentheses deep, so that no walk through it is long.

use super::{Function, Value};
use crate::id::Name;
use serde::{Deserialize, Serialize};

pub(super) const MAX_NODES: usize = 256;
pub(super) const MAX_DEPTH: usize = 32;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tree {
    Value(Value),
    /// A dotted path.
    Name(Name),
    List(Vec<Tree>),
    Not(Box<Tree>),
    Minus(Box<Tree>),
    Pair(Operator, Box<Tree>, Box<Tree>),
    Call(Function, Vec<Tree>),
}

/// What stands between two values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    NotIn,
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Operator::Or => "or",
            Operator::And => "and",
            Operator::Equal => "==",
            Operator::Unequal => "!=",
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::AtLeast => ">=",
            Operator::In => "in",
            Operator::NotIn => "not in",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
        }
    }
}

impl Tree {
    /// Every name in it, from left to right, as often as it occurs.
    pub fn names(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        self.gather(&mut names);
        names
    }

    fn gather<'t>(&'t self, names: &mut Vec<&'t Name>) {
        match self {
            Tree::Value(_) => {}
            Tree::Name(name) => names.push(name),
            Tree::Not(inner) | Tree::Minus(inner) => inner.gather(names),
            Tree::Pair(_, left, right) => {
                left.gather(names);
                right.gather(names);
            }
            Tree::List(items) | Tree::Call(_, items) => items.iter().for_each(|item| item.gather(names)),
        }
    }
}
