//! The functions there are: pure, each in time proportional to its arguments.
//!
//! Invariant: a function that is given nothing says nothing, but for those whose business it is (`default`, `empty`).

use super::evaluate::Failure;
use super::{Number, Type, Value};
use serde::{Deserialize, Serialize};

/// Every function: its word, what it takes, what it makes, for people to read.
pub const FUNCTIONS: &[(&str, Function, &[Type], Type, &str)] = &[
    ("default", Function::Default, &[Type::Any, Type::Any], Type::Any, "the first, or the second when the first is nothing"),
    ("empty", Function::Empty, &[Type::Any], Type::Bool, "true for nothing, an empty text and an empty list"),
    ("length", Function::Length, &[Type::Any], Type::Number, "characters of a text, items of a list"),
    ("lower", Function::Lower, &[Type::Text], Type::Text, "in small letters"),
    ("upper", Function::Upper, &[Type::Text], Type::Text, "in capital letters"),
    ("trim", Function::Trim, &[Type::Text], Type::Text, "without spaces at its ends"),
    ("starts_with", Function::StartsWith, &[Type::Text, Type::Text], Type::Bool, "true when the first begins with the second"),
    ("ends_with", Function::EndsWith, &[Type::Text, Type::Text], Type::Bool, "true when the first ends with the second"),
    ("first", Function::First, &[Type::Text, Type::Number], Type::Text, "so many characters from its beginning"),
    ("last", Function::Last, &[Type::Text, Type::Number], Type::Text, "so many characters from its end"),
    ("digits", Function::Digits, &[Type::Text], Type::Text, "only the digits of a text"),
    ("number", Function::Number, &[Type::Any], Type::Number, "the number that a text says; nothing when it says none"),
    ("text", Function::Text, &[Type::Any], Type::Text, "a number, or true or false, as a text"),
    ("round", Function::Round, &[Type::Number, Type::Number], Type::Number, "to so many places, half away from zero"),
    ("min", Function::Min, &[Type::Number, Type::Number], Type::Number, "the lesser"),
    ("max", Function::Max, &[Type::Number, Type::Number], Type::Number, "the greater"),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    Default,
    Empty,
    Length,
    Lower,
    Upper,
    Trim,
    StartsWith,
    EndsWith,
    First,
    Last,
    Digits,
    Number,
    Text,
    Round,
    Min,
    Max,
}

impl Function {
    /// As it is written.
    pub fn word(self) -> &'static str {
        FUNCTIONS.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }

    /// Anything of a type that it does not take is a failure.
    pub(super) fn apply(self, arguments: &[Value]) -> Result<Value, Failure> {
        use Value::{Bool, List, Nothing, Text};
        let given = (arguments.first().unwrap_or(&Nothing), arguments.get(1).unwrap_or(&Nothing));
        Ok(match (self, given.0, given.1) {
            (Function::Default, Nothing, second) => second.clone(),
            (Function::Default, first, _) => first.clone(),
            (Function::Empty, Nothing, _) => Bool(true),
            (Function::Empty, Text(text), _) => Bool(text.is_empty()),
            (Function::Empty, List(items), _) => Bool(items.is_empty()),
            (Function::Empty, _, _) => Bool(false),
            (_, Nothing, _) => Nothing,
            (Function::Length, Text(text), _) => count(text.chars().count()),
            (Function::Length, List(items), _) => count(items.len()),
            (Function::Lower, Text(text), _) => Text(text.to_lowercase()),
            (Function::Upper, Text(text), _) => Text(text.to_uppercase()),
            (Function::Trim, Text(text), _) => text.trim().into(),
            (Function::Digits, Text(text), _) => Text(text.chars().filter(char::is_ascii_digit).collect()),
            (Function::Number, Text(text), _) => text.trim().parse().map_or(Nothing, Value::Number),
            (Function::Number, Value::Number(number), _) => Value::Number(*number),
            (Function::Text, value, _) if value.text().is_some() => value.text().map_or(Nothing, Text),
            (Function::StartsWith, Text(text), Text(part)) => Bool(text.starts_with(part.as_str())),
            (Function::EndsWith, Text(text), Text(part)) => Bool(text.ends_with(part.as_str())),
            (Function::First, Text(text), Value::Number(most)) => Text(text.chars().take(size(*most)).collect()),
            (Function::Last, Text(text), Value::Number(most)) => {
                Text(text.chars().skip(text.chars().count().saturating_sub(size(*most))).collect())
            }
            (Function::Round, Value::Number(number), Value::Number(places)) => {
                Value::Number(number.round(u32::try_from(size(*places)).unwrap_or(6)))
            }
            (Function::Min, Value::Number(one), Value::Number(other)) => Value::Number(*one.min(other)),
            (Function::Max, Value::Number(one), Value::Number(other)) => Value::Number(*one.max(other)),
            (_, first, second) => {
                let (word, first, second) = (self.word(), first.kind(), second.kind());
                let second = if arguments.len() > 1 { format!(" and {second}") } else { String::new() };
                return Err(Failure(format!("`{word}` cannot be made of {first}{second}")));
            }
        })
    }
}

fn count(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// A number as a size: below zero is none.
fn size(number: Number) -> usize {
    usize::try_from(number.millionths().max(0) / 1_000_000).unwrap_or(usize::MAX)
}
