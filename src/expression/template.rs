//! Texts with expressions in them: `"https://crm.internal/balance/{{ customer.id }}"`.
//!
//! Invariant: what was rendered is at most [`MAX_TEXT`] bytes long, and an absent value fails it: a hole in an address or in a
//! sentence is never what was meant (`default(x, "")` says that it is).

use super::{Expression, Failure, MAX_SOURCE, MAX_TEXT, Mistake, Names, Scope, Type, Value};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Text(String),
    Expression(Expression),
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

impl Template {
    /// Columns of mistakes count through the whole text.
    pub fn compile(text: &str, names: &dyn Names) -> Result<Template, Vec<Mistake>> {
        let mistake = |column, text: String| Mistake { column, text, suggestion: None };
        if text.chars().count() > MAX_SOURCE {
            return Err(vec![mistake(1, format!("longer than {MAX_SOURCE} characters"))]);
        }
        let (mut parts, mut mistakes) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let column = columns(text, after);
            push_text(&mut parts, before);
            let Some(length) = end_of(after) else {
                mistakes.push(mistake(column - 2, format!("`{OPEN}` has no `{CLOSE}`")));
                return Err(mistakes);
            };
            match Expression::compile(&after[..length], names) {
                Ok(expression) => parts.push(Part::Expression(expression)),
                Err(list) => {
                    let moved = |mistake: Mistake| Mistake { column: mistake.column + column - 1, ..mistake };
                    mistakes.extend(list.into_iter().map(moved));
                }
            }
            rest = &after[length + CLOSE.len()..];
        }
        push_text(&mut parts, rest);
        if mistakes.is_empty() { Ok(Template { parts }) } else { Err(mistakes) }
    }

    /// A text without expressions.
    pub fn literal(text: &str) -> Template {
        let mut parts = Vec::new();
        push_text(&mut parts, text);
        Template { parts }
    }

    pub fn render(&self, scope: &dyn Scope) -> Result<String, Failure> {
        self.render_with(scope, &|text| text.to_string())
    }

    /// As `render`, with each expression's text passed through `escape`, so that a value cannot pose as part of an address or of
    /// a document.
    pub fn render_with(&self, scope: &dyn Scope, escape: &dyn Fn(&str) -> String) -> Result<String, Failure> {
        let mut whole = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Expression(expression) => whole.push_str(&escape(&spoken(expression, scope)?)),
            }
            if whole.len() > MAX_TEXT {
                return Err(Failure(format!("a text longer than {MAX_TEXT} bytes")));
            }
        }
        Ok(whole)
    }

    /// The value itself where the template is one expression and nothing else; otherwise what it renders.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, Failure> {
        match self.parts.as_slice() {
            [Part::Expression(expression)] => expression.evaluate(scope),
            _ => self.render(scope).map(Value::Text),
        }
    }

    /// What `value` makes, as far as that is known beforehand.
    pub fn kind(&self) -> Type {
        match self.parts.as_slice() {
            [Part::Expression(expression)] => expression.kind(),
            _ => Type::Text,
        }
    }

    /// The whole text when there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What it begins with, up to the first expression: the host of an address, which must not come from a caller.
    pub fn beginning(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Text(_) => None,
        })
    }
}

fn spoken(expression: &Expression, scope: &dyn Scope) -> Result<String, Failure> {
    let value = expression.evaluate(scope)?;
    value.text().ok_or_else(|| Failure(format!("`{expression}` is {}, not a text", value.kind())))
}

/// Where the expression that begins here ends; `}}` inside its quotes does not end it.
fn end_of(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match quote {
            None if text[at..].starts_with(CLOSE) => return Some(at),
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// The column, from 1, at which `rest`, an end of `text`, begins.
fn columns(text: &str, rest: &str) -> u32 {
    let before = &text[..text.len() - rest.len()];
    u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX)
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_string()));
    }
}
