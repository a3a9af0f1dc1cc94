//! Which types fit together, before anything is evaluated.
//!
//! Invariant: a complaint is certain: what could still be right when it is evaluated passes.

use super::{Operator, Type};

/// What the operator makes of these two; `Err` finishes the sentence "this is wrong: ...".
pub(super) fn pair(operator: Operator, left: Type, right: Type) -> Result<Type, String> {
    let word = operator.word();
    let wants = |kind: Type| {
        for side in [left, right] {
            if !side.may_be(kind) {
                return Err(format!("`{word}` stands between {}, and this is {side}", plural(kind)));
            }
        }
        Ok(kind)
    };
    match operator {
        Operator::Or | Operator::And => wants(Type::Bool),
        Operator::Subtract | Operator::Multiply | Operator::Divide => wants(Type::Number),
        Operator::Equal | Operator::Unequal => {
            let fit = left.may_be(right) || left == Type::Nothing || right == Type::Nothing;
            if fit { Ok(Type::Bool) } else { Err(format!("`{word}` compares {left} with {right}: they are never equal")) }
        }
        Operator::In | Operator::NotIn if right.may_be(Type::List) => Ok(Type::Bool),
        Operator::In | Operator::NotIn if right == Type::Text && left.may_be(Type::Text) => Ok(Type::Bool),
        Operator::In | Operator::NotIn => {
            Err(format!("`{word}` looks for a value in a list or for a text in a text, not for {left} in {right}"))
        }
        Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {
            alike(word, left, right).map(|_| Type::Bool)
        }
        Operator::Add => alike(word, left, right).map_err(|wrong| wrong + "; `text(...)` makes a text of a number"),
    }
}

/// Two numbers or two texts.
fn alike(word: &str, left: Type, right: Type) -> Result<Type, String> {
    match (left, right) {
        (Type::Any, Type::Any) => Ok(Type::Any),
        (one @ (Type::Number | Type::Text), other) | (other, one @ (Type::Number | Type::Text)) if other.may_be(one) => Ok(one),
        _ => Err(format!("`{word}` stands between two numbers or two texts, not between {left} and {right}")),
    }
}

fn plural(kind: Type) -> &'static str {
    match kind {
        Type::Bool => "conditions",
        _ => "numbers",
    }
}

/// An operand of its own: `not x`, `-x`, an argument.
pub(super) fn one(what: &str, wanted: Type, found: Type) -> Result<(), String> {
    if found.may_be(wanted) { Ok(()) } else { Err(format!("{what} wants {wanted}, not {found}")) }
}
