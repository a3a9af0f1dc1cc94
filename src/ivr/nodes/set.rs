//! `set: {vars: {tries: "{{ default(vars.tries, 0) + 1 }}", from: website}, next: NODE, failed: NODE}` sets variables, one after the
//! other, so that a later one sees those before it.
//!
//! A value is a text; one that is an expression and nothing else keeps its type, and so does a plain number, `true` or `false`. Where
//! one has no value the variable becomes nothing, and the outcome is `failed`: on at `failed`, else at `next`.

use super::{Heard, Node, Step};
use crate::expression::{Number, Template, Value};
use crate::fault::tree;
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Set {
    vars: Vec<(Name, Given)>,
    next: Name,
    failed: Name,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Given {
    Fixed(Value),
    Template(Template),
}

impl Node for Set {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Set> {
        let written = fields.variables("vars");
        let vars = written.and_then(|list| {
            let given: Vec<_> = list.into_iter().map(|(name, node)| Some((name, given(node, fields)?))).collect();
            given.into_iter().collect::<Option<Vec<_>>>()
        });
        let next = fields.link("next");
        let failed = fields.link_or("failed", &next);
        Some(Set { vars: vars?, next: next?, failed: failed? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        let mut outcome = ("next", &self.next);
        for (name, given) in &self.vars {
            let value = match given {
                Given::Fixed(value) => Ok(value.clone()),
                Given::Template(template) => template.value(&turn.known()),
            };
            if value.as_ref().map_or(true, Value::is_nothing) {
                outcome = ("failed", &self.failed);
            }
            turn.set(name, value.unwrap_or_default());
        }
        Step::leave(outcome.0, Some(outcome.1.clone()))
    }

    fn hear(&self, state: (), _heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Stay(state)
    }
}

fn given(node: &tree::Node, fields: &mut NodeFields<'_, '_, '_>) -> Option<Given> {
    let tree::Value::Text { text, plain } = &node.value else {
        return fields.template_of("a value", node).map(Given::Template);
    };
    let fixed = match text.as_str() {
        _ if !plain => None,
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        // What begins with a zero or a plus is somebody's number, not an amount.
        text if text.starts_with('+') || (text.starts_with('0') && text.len() > 1 && !text.starts_with("0.")) => None,
        text => text.parse::<Number>().ok().map(Value::Number),
    };
    match fixed {
        Some(value) => Some(Given::Fixed(value)),
        None => fields.template_of("a value", node).map(Given::Template),
    }
}
