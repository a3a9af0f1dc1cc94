//! What the sections of the administrator's files ask for, as data: the JSON Schema for editors is made of it.
//!
//! Found by asking: a file that holds nothing but one field is read as any other, and the reading remembers what it wanted there
//! ([`crate::fault::Asked`]). So a new field needs no line here, and the schema cannot disagree with `check`.
//!
//! Invariant: a mapping is closed only where reading complained about a field that nobody knows.

use super::Sources;
use super::load::asked;
use super::sections::SECTIONS;
use crate::fault::Kind;
use crate::fault::tree::Spot;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Mappings inside one another that are looked into.
const MAX_DEPTH: usize = 5;
/// A field that no mapping has.
const NOBODY: &str = "no-such-field";

/// A value of the administrator's files.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Shape {
    /// Its fields, when it is a mapping with fields of ours; a list may hold such mappings too.
    pub fields: BTreeMap<&'static str, Shape>,
    /// There are no other fields.
    pub closed: bool,
    pub kind: Option<Kind>,
}

/// Every section, and whether it is a mapping of names; then the shape is that of one entry.
pub fn shapes() -> Vec<(&'static str, bool, Shape)> {
    SECTIONS.iter().map(|(name, spread)| (*name, *spread, section(name, *spread))).collect()
}

fn section(name: &'static str, spread: bool) -> Shape {
    let mut path = vec![name];
    if spread {
        path.push(match name {
            "numbers" => "100",
            "queue_families" => "3NNN",
            "hosts" => "127.0.0.1",
            _ => "x1",
        });
    }
    explore(&mut path)
}

fn explore(path: &mut Vec<&'static str>) -> Shape {
    let bare = probe(path, &[]);
    let (mut names, mut closed) = (bare.names.clone(), bare.closed);
    // Some fields are asked for only where another one stands.
    for name in &bare.names {
        let more = probe(path, &[name]);
        names.extend(more.names);
        closed |= more.closed;
    }
    let mut fields = BTreeMap::new();
    for name in names {
        let shape = if path.len() < MAX_DEPTH {
            path.push(name);
            let shape = explore(path);
            path.pop();
            shape
        } else {
            Shape::default()
        };
        fields.insert(name, shape);
    }
    Shape { fields, closed, kind: bare.kind }
}

/// What was asked of one value.
struct Probe {
    names: BTreeSet<&'static str>,
    closed: bool,
    kind: Option<Kind>,
}

/// Reads a file that holds, at the end of this path, a mapping with these fields and one that nobody knows.
fn probe(path: &[&str], fields: &[&str]) -> Probe {
    let mut text = String::new();
    for (depth, key) in path.iter().enumerate() {
        let _ = writeln!(text, "{}{key}:", " ".repeat(depth));
    }
    let fields: String = fields.iter().map(|field| format!("{field}: x, ")).collect();
    let indent = path.len();
    let _ = writeln!(text, "{}{{{fields}{NOBODY}: x}}", " ".repeat(indent));
    let spot =
        Spot { line: u32::try_from(indent + 1).unwrap_or(u32::MAX), column: u32::try_from(indent + 1).unwrap_or(u32::MAX) };
    let sources = Sources { files: BTreeMap::from([("probe.yaml".to_string(), text.into_bytes())]), ..Sources::default() };
    let mut asked = asked(&sources);
    Probe {
        names: asked.fields.remove(&spot).unwrap_or_default(),
        closed: asked.closed.contains(&spot),
        kind: asked.kinds.remove(&spot),
    }
}
