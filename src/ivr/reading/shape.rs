//! What a verb's reading asks for, as data: the schema for editors is made from it, so the two cannot disagree.

use super::{NodeFields, Seen};
use crate::expression::Declared;
use crate::fault::Faults;
use crate::fault::fields::Reader;
use crate::fault::tree::{Node, Source, Spot, Value};
use crate::ivr::World;
use crate::ivr::nodes::{VERBS, Verb};

/// One field of a verb.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldShape {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// What may stand in a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Boolean,
    /// A whole number in this range.
    Number(u32, u32),
    /// `500ms`, `5s`, `2m`.
    Duration,
    /// A number of digits: `4`, or `1-10`.
    Digits,
    /// One of these words.
    Word(Vec<&'static str>),
    /// The name of a node.
    Link,
    /// Keys of the telephone, each with its node.
    Keys,
    /// Some keys of the telephone: `1-5`.
    KeyRange,
    /// One prompt, or a list of them.
    Prompts,
    /// The name of something that the configuration has: a queue, an extension.
    Named(&'static str),
    /// A name that is given here.
    NewName,
    Expression,
    /// A text with `{{ expressions }}`.
    Template,
    /// Names with templates.
    Values,
    /// What `say` says, part by part.
    Parts,
    /// What `branch` decides by.
    Cases,
}

/// Every verb and its fields, in the order in which it asks for them.
pub fn shapes() -> Vec<(&'static str, Vec<FieldShape>)> {
    VERBS.iter().map(|verb| (*verb, shape_of(verb))).collect()
}

/// A verb is let read a node in which nothing stands; what it asks for is its shape.
fn shape_of(verb: &str) -> Vec<FieldShape> {
    let (mut faults, mut shape) = (Faults::new(), Vec::new());
    let Some(source) = Source::new("shape.yaml", b"", &mut faults) else { return shape };
    let mut reader = Reader { source, faults: &mut faults };
    let nothing = Node { spot: Spot::default(), value: Value::Empty };
    let Some(fields) = reader.fields(verb, Spot::default(), &nothing) else { return shape };
    let (world, names, mut seen) = (World::default(), Declared::default(), Seen::default());
    let mut fields =
        NodeFields { fields, reader: &mut reader, world: &world, names: &names, seen: &mut seen, shape: Some(&mut shape) };
    let _ = Verb::read(verb, &mut fields);
    shape
}
