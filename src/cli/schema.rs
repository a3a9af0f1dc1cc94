//! `centrala schema flow|config`: JSON Schemas for editors.
//!
//! The schema of a flow is made from what each verb's reading asks for, so it cannot disagree with `check`. Invariant: what `check` passes,
//! the schema passes; `check` knows more.

use crate::cli::table::say;
use crate::config::{Shape, shapes as shapes_of_sections};
use crate::fault::Kind as Wanted;
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
    say!("{text}");
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

/// The sections, as `check` reads them.
fn config() -> Value {
    let section = |(name, spread, shape): (&'static str, bool, Shape)| {
        let schema = shape_schema(&shape);
        let schema = if spread { json!({ "type": ["object", "null"], "additionalProperties": schema }) } else { schema };
        (name.to_string(), schema)
    };
    let properties: Map<String, Value> = shapes_of_sections().into_iter().map(section).collect();
    json!({
        "$schema": DIALECT,
        "title": "The configuration of Centrala",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    })
}

/// What stands in a list may stand alone, so that neither is refused.
fn shape_schema(shape: &Shape) -> Value {
    let mut schema = match &shape.kind {
        // A mapping may stand in place of a plain value, as `{all: 20}` for `20`.
        Some(Wanted::Boolean) if shape.fields.is_empty() => return json!({ "type": "boolean" }),
        Some(Wanted::Words(words)) => json!({ "examples": words, "description": format!("one of {}", words.join(", ")) }),
        Some(Wanted::Described(what)) => json!({ "description": what }),
        _ => json!({}),
    };
    if !shape.fields.is_empty() {
        let fields: Map<String, Value> =
            shape.fields.iter().map(|(name, shape)| (name.to_string(), shape_schema(shape))).collect();
        let mut mapping = json!({ "properties": fields });
        if shape.closed {
            mapping["additionalProperties"] = json!(false);
        }
        schema["items"] = mapping.clone();
        for (key, value) in mapping.as_object().into_iter().flatten() {
            schema[key] = value.clone();
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SECTIONS;
    use crate::fault::Faults;
    use crate::fault::tree::{self, Node, Source};

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

    /// Every field of a file that the schema does not know, as a path.
    fn unknown(node: &Node, schema: &Value, path: &str, found: &mut Vec<String>) {
        match &node.value {
            tree::Value::List(items) => items.iter().for_each(|item| unknown(item, &schema["items"], path, found)),
            tree::Value::Map(entries) => {
                for entry in entries {
                    let path = format!("{path}/{}", entry.key);
                    match (&schema["properties"][&entry.key], &schema["additionalProperties"]) {
                        (Value::Null, Value::Bool(false)) => found.push(path),
                        (Value::Null, Value::Null) => {}
                        (Value::Null, others) => unknown(&entry.value, others, &path, found),
                        (known, _) => unknown(&entry.value, known, &path, found),
                    }
                }
            }
            _ => {}
        }
    }

    fn check(file: &str, text: &str, schema: &Value) -> Vec<String> {
        let mut faults = Faults::new();
        let source = Source::new(file, text.as_bytes(), &mut faults).expect("UTF-8");
        let mut found = Vec::new();
        unknown(&tree::read(&source, &mut faults).expect("YAML"), schema, "", &mut found);
        found
    }

    #[test]
    fn the_schema_of_the_configuration_knows_what_is_shipped_and_documented() {
        let schema = config();
        let mut files = 0;
        for folder in ["config", "tests/lab"] {
            for entry in std::fs::read_dir(folder).expect("a shipped folder").flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "yaml") {
                    let text = std::fs::read_to_string(&path).expect("text");
                    assert_eq!(check("file", &text, &schema), Vec::<String>::new(), "{}", path.display());
                    files += 1;
                }
            }
        }
        // The examples of docs/flows.md are nodes.
        let documents = std::fs::read_dir("docs").expect("the documentation").flatten();
        for entry in documents.filter(|entry| entry.file_name() != "flows.md") {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("yaml\n"));
            let starts = |block: &&str| SECTIONS.iter().any(|(name, _)| block.starts_with(&format!("{name}:")));
            for block in blocks.filter(starts).filter(|block| !block.starts_with("day:")) {
                assert_eq!(check("block", block, &schema), Vec::<String>::new(), "{}:\n{block}", entry.path().display());
                files += 1;
            }
        }
        assert!(files > 20, "{files} files and examples");
    }

    #[test]
    fn the_schema_of_the_configuration_knows_what_is_wrong() {
        let schema = config();
        for (text, expected) in [
            ("queus: {}", &["/queus"][..]),
            ("queues: {support: {rign: 20s, ring: 20s}}", &["/queues/support/rign"]),
            ("queues: {support: {back_off: {no_anser: 5s}}}", &["/queues/support/back_off/no_anser"]),
            ("extensions: {1001: {pasword: x, password: y}}", &["/extensions/1001/pasword"]),
            ("trunks: {a: {limits: {cals: 1}}}", &["/trunks/a/limits/cals"]),
            ("listeners: [{transprot: udp}]", &["/listeners/transprot"]),
            ("agents: {1001: {queues: {support: {delay: 1m}}}}", &[]),
        ] {
            assert_eq!(check("file", text, &schema), expected, "{text}");
        }
        let ring = &schema["properties"]["queues"]["additionalProperties"]["properties"]["ring"];
        assert_eq!(ring["description"], "a time with its unit (500ms, 5s, 2m, 1h, 7d)");
    }
}
