//! What `say` says: prompts, and values as recorded fragments in the caller's language.
//!
//! Invariant: a value that cannot be said makes nothing of the whole be said: half a sentence is worse than none.

use super::knowledge::Known;
use super::reading::NodeFields;
use crate::expression::Template;
use crate::fault::tree;
use crate::id::Name;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Speakable {
    Prompt(Name),
    /// Digit by digit, each a prompt named `0` to `9`.
    Digits(Template),
}

impl Speakable {
    /// A prompt's name, or one kind of value with its template: `{digits: "{{ caller.number }}"}`.
    pub fn read(node: &tree::Node, fields: &mut NodeFields<'_, '_, '_>) -> Option<Speakable> {
        if !matches!(node.value, tree::Value::Map(_)) {
            return fields.prompt(node).map(Speakable::Prompt);
        }
        let mut part = fields.reader.fields("a part", node.spot, node)?;
        let template = part.required("digits").and_then(|node| fields.template_of("digits", node));
        part.finish(fields.reader);
        template.map(Speakable::Digits)
    }

    pub fn may_fail(&self) -> bool {
        !matches!(self, Speakable::Prompt(_))
    }
}

pub(super) fn spell_out(parts: &[Speakable], _language: &str, known: &Known<'_>) -> Option<Vec<Name>> {
    let mut prompts = Vec::new();
    for part in parts {
        match part {
            Speakable::Prompt(name) => prompts.push(name.clone()),
            Speakable::Digits(template) => {
                let text = template.render(known).ok()?;
                prompts.extend(text.chars().filter(char::is_ascii_digit).map(|digit| Name::from(digit.to_string())));
            }
        }
    }
    Some(prompts)
}
