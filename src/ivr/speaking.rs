//! What `say` says: prompts, and values as recorded fragments in the caller's language.
//!
//! A value is one of the kinds that [`crate::speech`] knows, with the gender and the case that it takes in its sentence where the
//! language has them: `{money: "{{ http.body.balance }} PLN"}`, `{number: "{{ vars.count }}", gender: feminine, case: genitive}`.
//!
//! Invariant: a value that cannot be said makes nothing of the whole be said: half a sentence is worse than none.

use super::knowledge::Known;
use super::reading::{NodeFields, Said};
use crate::expression::Template;
use crate::fault::fields::{Fields, shorten};
use crate::fault::tree::{self, Spot};
use crate::id::Name;
use crate::speech::{KINDS, Language, Part, Slot};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Speakable {
    Prompt(Name),
    Value { kind: Name, template: Template, slot: Slot },
}

impl Speakable {
    /// A prompt's name, or one kind of value with its template.
    pub fn read(node: &tree::Node, fields: &mut NodeFields<'_, '_, '_>) -> Option<Speakable> {
        if !matches!(node.value, tree::Value::Map(_)) {
            return fields.prompt(node).map(Speakable::Prompt);
        }
        let mut part = fields.reader.fields("a part", node.spot, node)?;
        let [gender, case] = ["gender", "case"].map(|name| word(name, &mut part, fields));
        let entries = part.rest();
        let [entry] = entries.as_slice() else {
            fields.reader.fault(node.spot, format!("a part says one thing: {}", KINDS.join(", ")));
            return None;
        };
        if !KINDS.contains(&&*entry.key) {
            let message = format!("a part cannot say `{}`", shorten(&entry.key));
            fields.reader.unknown(entry.spot, message, &entry.key, KINDS.iter().copied());
            return None;
        }
        let template = fields.template_of(&entry.key, &entry.value)?;
        let literal = template.as_literal().map(|text| Part::read(&entry.key, text).ok_or(text));
        if let Some(Err(text)) = literal {
            fields.reader.fault(entry.value.spot, format!("`{}` is no {}", shorten(text), entry.key));
            return None;
        }
        let spots = [&gender, &case].map(|word| word.as_ref().map_or(entry.value.spot, |(_, spot)| *spot));
        let slot = Slot { gender: gender.map(|(word, _)| word), case: case.map(|(word, _)| word) };
        let said = Said { part: literal.and_then(Result::ok), slot: slot.clone(), spot: entry.value.spot, spots };
        fields.seen.said.push(said);
        Some(Speakable::Value { kind: Name::from(&*entry.key), template, slot })
    }

    pub fn may_fail(&self) -> bool {
        !matches!(self, Speakable::Prompt(_))
    }
}

fn word(name: &'static str, part: &mut Fields<'_>, fields: &mut NodeFields<'_, '_, '_>) -> Option<(Name, Spot)> {
    let node = part.value(name)?;
    Some((fields.reader.name(name, node)?, node.spot))
}

/// `None` when a value is absent, is not of its kind, or the language has no words for it.
pub(super) fn spell_out(parts: &[Speakable], language: Option<&Language>, known: &Known<'_>) -> Option<Vec<Name>> {
    let mut prompts = Vec::new();
    for part in parts {
        match part {
            Speakable::Prompt(name) => prompts.push(name.clone()),
            Speakable::Value { kind, template, slot } => {
                let part = Part::read(kind, &template.render(known).ok()?)?;
                prompts.extend(language?.say(&part, slot)?);
            }
        }
    }
    Some(prompts)
}
