//! A tree and a scope -> a value, or why there is none.
//!
//! Invariant: at most [`MAX_STEPS`] steps, where looking at a node, at an item of a list and at 64 bytes of text is a step each.

use super::value::{MAX_LIST, MAX_TEXT};
use super::{Operator, Scope, Tree, Value};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// A tree has at most 256 nodes; the rest is for lists and texts that came from outside.
pub const MAX_STEPS: usize = 4096;
/// Bytes of text looked at in one step.
const STEP: usize = 64;

/// Why an expression has no value; finishes the sentence "could not be evaluated: ...". Holds names and types, never values.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn evaluate(tree: &Tree, scope: &dyn Scope) -> Result<Value, Failure> {
    Run { scope, steps: 0 }.value(tree)
}

/// Nothing counts as false.
pub(super) fn truth(value: &Value) -> Result<bool, Failure> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::Nothing => Ok(false),
        other => failure(format!("a condition is true or false, not {}", other.kind())),
    }
}

struct Run<'s> {
    scope: &'s dyn Scope,
    steps: usize,
}

impl Run<'_> {
    fn value(&mut self, tree: &Tree) -> Result<Value, Failure> {
        self.step(1)?;
        match tree {
            Tree::Value(value) => self.weighed(value.clone()),
            Tree::Name(path) => self.weighed(self.scope.value(path)),
            Tree::List(items) => Ok(Value::List(self.values(items)?)),
            Tree::Not(inner) => Ok(Value::Bool(!truth(&self.value(inner)?)?)),
            Tree::Minus(inner) => match self.value(inner)? {
                Value::Number(number) => Ok(Value::Number(number.negate())),
                other => failure(format!("`-` wants a number, not {}", other.kind())),
            },
            Tree::Call(function, arguments) => {
                let arguments = self.values(arguments)?;
                self.weighed(function.apply(&arguments)?)
            }
            Tree::Pair(operator, left, right) => self.pair(*operator, left, right),
        }
    }

    fn values(&mut self, trees: &[Tree]) -> Result<Vec<Value>, Failure> {
        trees.iter().map(|tree| self.value(tree)).collect()
    }

    fn pair(&mut self, operator: Operator, left: &Tree, right: &Tree) -> Result<Value, Failure> {
        let left = self.value(left)?;
        match operator {
            // The right side is not looked at when the left one decides.
            Operator::And => return Ok(Value::Bool(truth(&left)? && truth(&self.value(right)?)?)),
            Operator::Or => return Ok(Value::Bool(truth(&left)? || truth(&self.value(right)?)?)),
            _ => {}
        }
        let right = self.value(right)?;
        match operator {
            Operator::Equal => Ok(Value::Bool(left == right)),
            Operator::Unequal => Ok(Value::Bool(left != right)),
            Operator::Less => ordered(operator, &left, &right, Ordering::is_lt),
            Operator::AtMost => ordered(operator, &left, &right, Ordering::is_le),
            Operator::Greater => ordered(operator, &left, &right, Ordering::is_gt),
            Operator::AtLeast => ordered(operator, &left, &right, Ordering::is_ge),
            Operator::In => self.within(&left, &right).map(Value::Bool),
            Operator::NotIn => self.within(&left, &right).map(|within| Value::Bool(!within)),
            _ => self.weighed(calculated(operator, &left, &right)?),
        }
    }

    fn within(&mut self, wanted: &Value, whole: &Value) -> Result<bool, Failure> {
        match (wanted, whole) {
            (_, Value::List(items)) => {
                self.step(items.len())?;
                Ok(items.contains(wanted))
            }
            (Value::Text(part), Value::Text(text)) => Ok(text.contains(part.as_str())),
            (_, Value::Nothing) | (Value::Nothing, _) => Ok(false),
            _ => failure(format!("`in` looks for a value in a list or a text, not for {} in {}", wanted.kind(), whole.kind())),
        }
    }

    /// Passes a value on when it is not too large, and counts what it took.
    fn weighed(&mut self, value: Value) -> Result<Value, Failure> {
        match &value {
            Value::Text(text) if text.len() > MAX_TEXT => failure(format!("a text longer than {MAX_TEXT} bytes")),
            Value::List(items) if items.len() > MAX_LIST => failure(format!("a list longer than {MAX_LIST}")),
            Value::Text(text) => self.step(text.len() / STEP).map(|()| value),
            Value::List(items) => self.step(items.len()).map(|()| value),
            _ => Ok(value),
        }
    }

    fn step(&mut self, steps: usize) -> Result<(), Failure> {
        self.steps += steps;
        if self.steps > MAX_STEPS { failure(format!("it takes more than {MAX_STEPS} steps")) } else { Ok(()) }
    }
}

/// False when either is nothing: who has no such thing has neither more nor less of it.
fn ordered(operator: Operator, left: &Value, right: &Value, wanted: fn(Ordering) -> bool) -> Result<Value, Failure> {
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Nothing, _) | (_, Value::Nothing) => return Ok(Value::Bool(false)),
        _ => return Err(misfit(operator, left, right)),
    };
    Ok(Value::Bool(wanted(order)))
}

fn calculated(operator: Operator, left: &Value, right: &Value) -> Result<Value, Failure> {
    let (left, right) = match (left, right) {
        (Value::Number(left), Value::Number(right)) => (*left, *right),
        (Value::Text(left), Value::Text(right)) if operator == Operator::Add => {
            return Ok(Value::Text([left.as_str(), right].concat()));
        }
        _ => return Err(misfit(operator, left, right)),
    };
    let number = match operator {
        Operator::Add => left.plus(right),
        Operator::Subtract => left.minus(right),
        Operator::Multiply => left.times(right),
        Operator::Divide if right.millionths() == 0 => return failure("a division by zero"),
        Operator::Divide => left.over(right),
        _ => None,
    };
    number.map_or_else(|| failure("a number beyond 10^18"), |number| Ok(Value::Number(number)))
}

fn misfit(operator: Operator, left: &Value, right: &Value) -> Failure {
    Failure(format!("`{}` does not fit between {} and {}", operator.word(), left.kind(), right.kind()))
}

fn failure<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(text.into()))
}
