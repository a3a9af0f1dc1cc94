//! The small language of conditions, values and templates: in flows, in the skills that a caller needs, in routing.
//!
//! ```text
//!   "customer.value >= 100 and caller.number in vars.friends"
//!        | tokens: words and signs, each with its column
//!        | parse + Names: a Tree whose names exist and whose types fit, or every Mistake
//!        v
//!   Expression --evaluate(Scope)--> Value, or a Failure
//!   Template  "Hello {{ customer.name }}"  --render(Scope)--> text
//!   Requirement  "english >= 4 and (mac >= 2 or linux >= 2)"  --met_by(levels)--> true or false
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `value` | nothing, booleans, numbers, texts, lists; their types; JSON as values |
//! | `number` | exact decimal numbers |
//! | `names` | what may be named, and what stands behind a name |
//! | `tokens` | text -> words and signs |
//! | `parse` | words and signs -> a [`Tree`] |
//! | `kinds` | which types fit together |
//! | `tree` | the tree, open to readers |
//! | `functions` | the functions there are |
//! | `evaluate` | a tree and a scope -> a value |
//! | `template` | texts with `{{ expressions }}` |
//! | `requirement` | the part of the language that asks for skills |
//!
//! The words: `and or not == != < <= > >= in "not in" + - * /`, parentheses, `[lists]`, `"texts"` or `'texts'`, `true`, `false`,
//! `nothing`. A name is a dotted path; a hyphen with no space on either side belongs to the name, so a subtraction is written
//! `a - b`. What is absent is `nothing`: it counts as false, it equals only itself, it is neither less nor greater than anything,
//! and calculating with it is a failure.
//!
//! Invariant: evaluating ends within [`MAX_STEPS`] steps and makes no text longer than [`MAX_TEXT`], whatever the scope says.

mod evaluate;
mod functions;
mod kinds;
mod names;
mod number;
mod parse;
mod requirement;
mod template;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;
mod value;

pub use evaluate::{Failure, MAX_STEPS};
pub use functions::{FUNCTIONS, Function};
pub use names::{Declared, Names, Scope};
pub use number::Number;
pub use requirement::{Requirement, Skill};
pub use template::Template;
pub use tree::{Operator, Tree};
pub use value::{MAX_LIST, MAX_TEXT, Type, Value};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest expression, and the longest template, in characters.
pub const MAX_SOURCE: usize = 1000;

/// One thing that is wrong with an expression.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mistake {
    /// Where in the text, in characters, from 1.
    pub column: u32,
    /// Finishes the sentence "this is wrong: ...".
    pub text: String,
    /// The nearest right name, when one is near enough.
    pub suggestion: Option<String>,
}

/// As a sentence, the nearest name at its end.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.suggestion.as_ref().map_or(Ok(()), |name| write!(f, "; did you mean `{name}`?"))
    }
}

/// A checked expression: its names exist and its types fit, as far as they are known before it is evaluated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Expression {
    text: String,
    tree: Tree,
    kind: Type,
}

impl Expression {
    /// The expression, or everything that is wrong with it (after a mistake of grammar nothing further is looked for).
    pub fn compile(text: &str, names: &dyn Names) -> Result<Expression, Vec<Mistake>> {
        let (tree, kind) = parse::parse(text, names)?;
        Ok(Expression { text: text.trim().to_string(), tree, kind })
    }

    /// As `compile`, for a place where only `wanted` makes sense; [`Type::Any`] passes everywhere.
    pub fn compile_as(text: &str, names: &dyn Names, wanted: Type) -> Result<Expression, Vec<Mistake>> {
        let expression = Expression::compile(text, names)?;
        if expression.kind.may_be(wanted) {
            return Ok(expression);
        }
        let text = format!("this is {}, where {} is wanted", expression.kind, wanted);
        Err(vec![Mistake { column: 1, text, suggestion: None }])
    }

    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Failure> {
        evaluate::evaluate(&self.tree, scope)
    }

    /// As a condition: nothing counts as false, and anything but a boolean is a failure.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, Failure> {
        evaluate::truth(&self.evaluate(scope)?)
    }

    /// What it makes, as far as that is known beforehand.
    pub fn kind(&self) -> Type {
        self.kind
    }

    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// As it was written, without spaces around it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
