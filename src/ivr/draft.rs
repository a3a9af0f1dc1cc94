//! YAML -> a flow as it was written, mistakes included, each at its place.
//!
//! Invariant: each node is judged on its own; a mistake in one hides none in another, and makes none appear elsewhere.

use super::flow::{self, Flow, Node, RETURN, World};
use super::nodes::{VERBS, Verb};
use super::reading::{NodeFields, Seen};
use crate::expression::Declared;
use crate::fault::fields::{Fields, NAME_RULE, Reader, is_name, shorten};
use crate::fault::tree::{self, Entry, Source, Spot, Value};
use crate::fault::{Faults, Place};
use crate::id::Name;
use std::collections::BTreeMap;

/// Nodes in one flow.
pub const MAX_NODES: usize = 2000;
/// What stands in a node beside its verb.
const ON_HANGUP: &str = "on_hangup";

pub(super) struct Draft<'a> {
    pub source: Source<'a>,
    pub name: Name,
    description: String,
    pub language: Option<Name>,
    pub start: Option<(Name, Spot)>,
    /// As far as their verbs could be read.
    nodes: BTreeMap<Name, Option<Verb>>,
    pub seen: BTreeMap<Name, Seen>,
    /// Nothing was found to be wrong so far.
    pub is_good: bool,
}

/// What every node of one file is read with.
struct Desk<'d, 'a> {
    reader: Reader<'a>,
    world: &'d World,
    names: &'d Declared,
}

impl<'a> Draft<'a> {
    pub fn read(source: Source<'a>, world: &World, names: &Declared, faults: &mut Faults) -> Option<Draft<'a>> {
        let name = name_of(source.file, faults);
        let root = tree::read(&source, faults)?;
        let mut desk = Desk { reader: Reader { source, faults }, world, names };
        let reader = &mut desk.reader;
        if root.value == Value::Empty {
            reader.fault(root.spot, "the flow is empty: it needs `start` and `nodes`");
            return None;
        }
        let mut fields = reader.fields("a flow", root.spot, &root)?;
        read_name(&mut fields, &name, reader);
        let description = fields.value("description").and_then(|node| reader.text("`description`", node)).unwrap_or_default();
        let language = read_language(&mut fields, world, reader);
        let start = fields.required("start").and_then(|node| Some((reader.name("`start`", node)?, node.spot)));
        let mut draft = Draft {
            source,
            name: name.unwrap_or_else(|| "".into()),
            description: description.to_string(),
            language,
            start,
            nodes: BTreeMap::new(),
            seen: BTreeMap::new(),
            is_good: true,
        };
        if let Some(nodes) = fields.required("nodes") {
            draft.read_nodes(nodes, &mut desk);
        }
        fields.finish(&mut desk.reader);
        Some(draft)
    }

    fn read_nodes(&mut self, nodes: &tree::Node, desk: &mut Desk<'_, '_>) {
        let Some(mut nodes) = desk.reader.fields("`nodes`", nodes.spot, nodes) else { return };
        let entries = nodes.rest();
        if entries.len() > MAX_NODES {
            desk.reader.fault(nodes.spot, format!("{} nodes, and a flow has at most {MAX_NODES}", entries.len()));
        }
        for entry in entries.into_iter().take(MAX_NODES) {
            if !is_name(&entry.key) {
                desk.reader.fault(entry.spot, format!("node `{}` is not a name: {NAME_RULE}", shorten(&entry.key)));
                continue;
            }
            if entry.key == RETURN {
                let message =
                    format!("a node is not named `{RETURN}`: a link to it leads back to the flow that called this one");
                desk.reader.fault(entry.spot, message);
            }
            let mut seen = Seen { spot: entry.spot, ..Seen::default() };
            let verb = desk.read_node(entry, &mut seen);
            match &verb {
                Some(verb) => seen.speaks = verb.speaks(),
                None => {
                    // Whatever names a node in it may be a link: its mistake shall not make other nodes unreachable.
                    seen.guessed.extend(entry.value.texts().into_iter().map(Name::from));
                    seen.waits = true;
                }
            }
            self.nodes.insert(Name::from(&*entry.key), verb);
            self.seen.insert(Name::from(&*entry.key), seen);
        }
    }

    /// True when a node's verb could not be read.
    pub fn has_gaps(&self) -> bool {
        self.nodes.values().any(Option::is_none)
    }

    /// The flow, of a draft without mistakes.
    pub fn finish(mut self) -> Option<Flow> {
        let mut nodes = BTreeMap::new();
        for (name, verb) in self.nodes {
            let seen = self.seen.remove(&name)?;
            let node = Node {
                verb: verb?,
                on_hangup: seen.on_hangup.map(|(to, _)| to),
                links: seen.links.into_iter().map(|link| (link.outcome, link.to)).collect(),
                calls: seen.calls.map(|(flow, _)| flow),
                queues: seen.queues.into_iter().collect(),
            };
            nodes.insert(name, node);
        }
        let (start, _) = self.start?;
        Some(Flow { name: self.name, description: self.description, language: self.language, start, nodes })
    }
}

/// The flow's name: that of its file.
fn name_of(file: &str, faults: &mut Faults) -> Option<Name> {
    if !file.ends_with(".yaml") {
        faults.add(Place::whole(file), "a flow's file ends in `.yaml`");
        return None;
    }
    let stem = flow::stem(file);
    if !is_name(&stem) {
        let message = format!("a flow is named after its file, and `{}` is not a name: {NAME_RULE}", shorten(&stem));
        faults.add(Place::whole(file), message);
        return None;
    }
    Some(stem)
}

fn read_name(fields: &mut Fields<'_>, name: &Option<Name>, reader: &mut Reader<'_>) {
    let Some(node) = fields.value("name") else { return };
    let named = reader.name("`name`", node);
    if let (Some(named), Some(name)) = (named, name)
        && named != *name
    {
        reader.fault(node.spot, format!("the flow is named after its file, `{name}`, not `{named}`"));
    }
}

fn read_language(fields: &mut Fields<'_>, world: &World, reader: &mut Reader<'_>) -> Option<Name> {
    let node = fields.value("language")?;
    let language = reader.name("`language`", node)?;
    if !world.knows(&language) {
        let known = world.languages.iter().map(|known| &**known);
        reader.unknown(node.spot, format!("no language `{language}`"), &language, known);
    }
    Some(language)
}

impl Desk<'_, '_> {
    /// A node's one verb, or `None` and faults.
    fn read_node(&mut self, entry: &Entry, seen: &mut Seen) -> Option<Verb> {
        let name = &entry.key;
        let reader = &mut self.reader;
        let mut fields = reader.fields(format!("node `{name}`"), entry.spot, &entry.value)?;
        if let Some(node) = fields.value(ON_HANGUP) {
            seen.on_hangup = reader.name("`on_hangup`", node).map(|to| (to, node.spot));
        }
        let mut verbs = fields.rest().into_iter();
        let Some(first) = verbs.next() else {
            reader.fault(entry.spot, format!("node `{name}` has no verb: one of {}", VERBS.join(", ")));
            return None;
        };
        for further in verbs {
            let message = format!("node `{name}` has a verb already, `{}`; a node has exactly one", shorten(&first.key));
            reader.fault(further.spot, message);
            seen.guessed.extend(further.value.texts().into_iter().map(Name::from));
        }
        if !VERBS.contains(&&*first.key) {
            reader.unknown(first.spot, format!("no verb `{}`", shorten(&first.key)), &first.key, VERBS.iter().copied());
            return None;
        }
        self.read_verb(first, seen)
    }

    fn read_verb(&mut self, entry: &Entry, seen: &mut Seen) -> Option<Verb> {
        let Desk { reader, world, names } = self;
        let fields = reader.fields(format!("`{}`", entry.key), entry.spot, &entry.value)?;
        let mut fields = NodeFields { fields, reader, world, names, seen, shape: None };
        let verb = Verb::read(&entry.key, &mut fields);
        let NodeFields { fields, reader, seen, .. } = fields;
        // A misspelt `next` shall not make what it leads to unreachable.
        seen.guessed.extend(fields.unasked().flat_map(|entry| entry.value.texts()).map(Name::from));
        fields.finish(reader);
        verb
    }
}
