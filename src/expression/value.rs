//! What expressions are about: nothing, booleans, numbers, texts and lists of them.
//!
//! Invariant: no text is longer than [`MAX_TEXT`] and no list than [`MAX_LIST`]: what comes from outside is cut by
//! [`Value::of_json`] and refused by `evaluate`.

use super::Number;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;

/// The longest text, in bytes.
pub const MAX_TEXT: usize = 4096;
/// The longest list.
pub const MAX_LIST: usize = 256;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// What is absent or unknown.
    #[default]
    Nothing,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Value>),
}

/// What kind of value something makes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Known only when it is evaluated: it came from outside, or from a variable.
    Any,
    Nothing,
    Bool,
    Number,
    Text,
    List,
}

impl Type {
    /// False when it is certain that a value of this type is not one of `wanted`.
    pub fn may_be(self, wanted: Type) -> bool {
        self == wanted || self == Type::Any || wanted == Type::Any
    }
}

/// As a noun with its article.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Any => "any value",
            Type::Nothing => "nothing",
            Type::Bool => "true or false",
            Type::Number => "a number",
            Type::Text => "a text",
            Type::List => "a list",
        })
    }
}

impl Value {
    pub fn kind(&self) -> Type {
        match self {
            Value::Nothing => Type::Nothing,
            Value::Bool(_) => Type::Bool,
            Value::Number(_) => Type::Number,
            Value::Text(_) => Type::Text,
            Value::List(_) => Type::List,
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Value::Nothing
    }

    /// As a person would write it; `None` for nothing and for lists, which have no one spelling.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Nothing | Value::List(_) => None,
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
        }
    }

    /// What stands at a dotted path (`items.0.price`; the empty path is the whole) of what a server answered; nothing when there
    /// is no such thing, when it is an object, or when it is too large to be a value.
    pub fn of_json(json: &Json, path: &str) -> Value {
        let mut found = json;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let next = match found {
                Json::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                other => other.get(step),
            };
            let Some(next) = next else { return Value::Nothing };
            found = next;
        }
        match found {
            Json::Array(items) => Value::List(items.iter().take(MAX_LIST).map(scalar).collect()),
            other => scalar(other),
        }
    }
}

fn scalar(json: &Json) -> Value {
    match json {
        Json::Bool(value) => Value::Bool(*value),
        // As it is printed first, so that what has six places at most stays exact.
        Json::Number(number) => {
            let exact = number.to_string().parse().ok();
            exact.or_else(|| Number::from_f64(number.as_f64()?)).map_or(Value::Nothing, Value::Number)
        }
        Json::String(text) if text.len() <= MAX_TEXT => Value::Text(text.clone()),
        _ => Value::Nothing,
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_string())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Value {
        Value::Number(whole.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nothing, Into::into)
    }
}
