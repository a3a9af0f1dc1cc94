//! `centrala schema flow|config`: JSON Schemas for editors.
//!
//! The schema of a flow is made from what each verb's reading asks for, so it cannot disagree with `check`. Invariant: what `check` passes,
//! the schema passes; `check` knows more.

use crate::config::SECTIONS;
use crate::fault::fields::NAME_RULE;
use crate::ivr::{FieldShape, Kind, shapes};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// Print a JSON Schema for editors: of flows, or of the configuration
#[derive(Args, Debug)]
pub struct Schema {
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Flow,
    Config,
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const NAME: &str = "^[\\p{L}\\p{N}][\\p{L}\\p{N}_.-]{0,63}$";

pub fn run(arguments: &Schema) -> Result<(), String> {
    let schema = match arguments.what {
        What::Flow => flow(),
        What::Config => config(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|fault| format!("could not print the schema: {fault}"))?;
    println!("{text}");
    Ok(())
}

fn flow() -> Value {
    let verbs = shapes();
    let verb_names: Vec<&str> = verbs.iter().map(|(verb, _)| *verb).collect();
    let mut properties: Map<String, Value> =
        verbs.iter().map(|(verb, fields)| (verb.to_string(), verb_schema(fields))).collect();
    properties.insert("on_hangup".into(), link());
    let one_verb: Vec<Value> = verb_names.iter().map(|verb| json!({ "required": [verb] })).collect();
    json!({
        "$schema": DIALECT,
        "title": "A flow of Centrala",
        "type": "object",
        "required": ["start", "nodes"],
        "additionalProperties": false,
        "properties": {
            "name": name(),
            "description": { "type": "string" },
            "language": name(),
            "start": link(),
            "nodes": {
                "type": "object",
                "propertyNames": { "pattern": NAME, "not": { "const": "return" } },
                "additionalProperties": {
                    "type": "object",
                    "properties": properties,
                    "additionalProperties": false,
                    "oneOf": one_verb,
                },
            },
        },
    })
}

fn verb_schema(fields: &[FieldShape]) -> Value {
    // With several cases the fields of the only one do not stand there.
    let has_cases = fields.iter().any(|field| field.kind == Kind::Cases);
    let alternative = |field: &FieldShape| has_cases && matches!(field.name, "if" | "then");
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required && !alternative(field)).map(|field| field.name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_string(), kind_schema(&field.kind))).collect();
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({ "type": kind, "properties": properties, "required": required, "additionalProperties": false })
}

fn kind_schema(kind: &Kind) -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    match kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" }),
        Kind::Digits => json!({ "type": ["string", "integer"], "pattern": "^[0-9]+( *- *[0-9]+)?$" }),
        Kind::KeyRange => json!({ "type": "string", "pattern": "^[0-9] *- *[0-9]$" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Link => link(),
        Kind::Keys => json!({
            "type": "object", "propertyNames": { "pattern": "^[0-9*#]$" }, "additionalProperties": link(), "minProperties": 1,
        }),
        Kind::Prompts => json!({ "oneOf": [name(), { "type": "array", "items": name(), "minItems": 1 }] }),
        Kind::Named(what) => json!({ "type": ["string", "integer"], "description": format!("the name of a {what}") }),
        Kind::NewName => name(),
        Kind::Expression => json!({ "type": ["string", "number", "boolean"], "description": "an expression" }),
        Kind::Template => json!({ "type": ["string", "number", "boolean"], "description": "a text with {{ expressions }}" }),
        Kind::Values => json!({ "type": "object", "additionalProperties": scalar, "minProperties": 1 }),
        Kind::Parts => json!({ "type": ["array", "string", "object"], "items": { "type": ["string", "object", "integer"] } }),
        Kind::Cases => json!({
            "type": ["array", "object"],
            "items": {
                "type": "object", "required": ["if", "then"], "additionalProperties": false,
                "properties": { "if": scalar, "then": link() },
            },
        }),
    }
}

fn name() -> Value {
    json!({ "type": ["string", "integer"], "pattern": NAME, "description": NAME_RULE })
}

fn link() -> Value {
    json!({ "type": ["string", "integer"], "pattern": NAME, "description": "the name of a node" })
}

/// The sections; what stands in each is described in docs/configuration.md and known by `check`.
fn config() -> Value {
    let section = |mapping: &bool| if *mapping { json!({ "type": ["object", "null"] }) } else { json!({}) };
    let properties: Map<String, Value> = SECTIONS.iter().map(|(name, mapping)| (name.to_string(), section(mapping))).collect();
    json!({
        "$schema": DIALECT,
        "title": "The configuration of Centrala",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_a_verb_is_what_its_reading_asks_for() {
        let schema = flow();
        let verbs = &schema["properties"]["nodes"]["additionalProperties"]["properties"];
        assert_eq!(verbs["menu"]["required"], json!(["prompt", "keys"]));
        assert_eq!(verbs["menu"]["properties"]["tries"], json!({ "type": "integer", "minimum": 1, "maximum": 100 }));
        assert_eq!(verbs["branch"]["required"], json!(["else"]));
        assert_eq!(verbs["hangup"]["type"], json!(["object", "null"]));
        assert_eq!(verbs["queue"]["required"], json!(["name", "failed"]));
        let asked = verbs["authorize"]["properties"].as_object().map(Map::len);
        assert_eq!(asked, Some(14), "{}", verbs["authorize"]);
    }

    /// Who asks for a field a second time is told that it is not there.
    #[test]
    fn no_verb_asks_for_a_field_twice() {
        for (verb, fields) in shapes() {
            let names: std::collections::BTreeSet<_> = fields.iter().map(|field| field.name).collect();
            assert_eq!(names.len(), fields.len(), "{verb}: {fields:?}");
        }
    }

    #[test]
    fn the_schema_of_the_configuration_has_its_sections_and_no_others() {
        let schema = config();
        assert!(schema["properties"]["numbers"].is_object() && schema["properties"]["listeners"].is_object());
        assert_eq!(schema["additionalProperties"], json!(false));
    }
}
