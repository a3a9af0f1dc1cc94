//! YAML -> [`Flow`], with every mistake at its place.
//!
//! ```yaml
//! description: Main number
//! language: pl
//! start: greet
//! nodes:
//!   greet:
//!     play: {prompts: [welcome], next: bye}
//!   bye:
//!     hangup: {}
//! ```
//!
//! Each node is judged on its own, then the flow as a whole. Invariant: of a [`Flow`] that came from here every link leads to a
//! node of it.

use super::check;
use super::nodes::{VERBS, Verb};
use super::reading::{NodeFields, Seen};
use crate::fault::fields::{NAME_RULE, Reader, is_name, shorten};
use crate::fault::tree::{self, Source, Spot, Value};
use crate::fault::{Fault, Faults, Place};
use crate::id::Name;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes in one flow.
pub const MAX_NODES: usize = 2000;

/// The folder of sounds that are the same in every language: music, tones.
pub const ANY_LANGUAGE: &str = "any";

/// A checked flow: plain data, every reference resolved.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    pub name: Name,
    pub description: String,
    /// The language it begins in, whoever calls. `None`: the caller's.
    pub language: Option<Name>,
    pub start: Name,
    pub nodes: BTreeMap<Name, Node>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Node {
    pub verb: Verb,
}

/// What a flow is checked against: what there is to play and to speak, and whom it may lead a caller to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct World {
    /// The languages of the exchange: a flow without one may begin in any of them.
    pub languages: Vec<Name>,
    /// The recorded prompts of each language, and of [`ANY_LANGUAGE`].
    pub sounds: BTreeMap<Name, BTreeSet<Name>>,
    pub queues: BTreeSet<Name>,
    pub extensions: BTreeSet<Name>,
}

impl World {
    /// True when callers of this language hear this sound.
    pub fn has(&self, language: &str, sound: &str) -> bool {
        [language, ANY_LANGUAGE].iter().any(|folder| self.sounds.get(*folder).is_some_and(|sounds| sounds.contains(sound)))
    }

    pub(super) fn knows(&self, language: &str) -> bool {
        self.languages.iter().any(|known| &**known == language)
    }
}

impl Flow {
    /// One flow on its own, with all faults: what tests and tools need. `file` is named as its faults shall say it; the flow's
    /// name is the last part of it without `.yaml`.
    pub fn parse(file: &str, bytes: &[u8], world: &World) -> Result<Flow, Vec<Fault>> {
        let mut faults = Faults::new();
        let flow = Flow::read(file, bytes, world, &mut faults);
        faults.judge()?;
        flow.ok_or_else(Vec::new)
    }

    /// Adds what is wrong to `faults`; `None` when anything is.
    pub fn read(file: &str, bytes: &[u8], world: &World, faults: &mut Faults) -> Option<Flow> {
        let before = faults.len();
        let name = name_of(file, faults);
        let source = Source::new(file, bytes, faults)?;
        let root = tree::read(&source, faults)?;
        let mut reader = Reader { source, faults };
        let draft = Draft::read(&root, world, &mut reader)?;
        draft.check_name(name.as_deref(), &mut reader);
        check::check(&draft, world, &mut reader);
        if faults.len() > before {
            return None;
        }
        let nodes = draft.nodes.into_iter().map(|(name, verb)| Some((name, Node { verb: verb? }))).collect::<Option<_>>()?;
        Some(Flow { name: name?, description: draft.description, language: draft.language, start: draft.start?.0, nodes })
    }
}

/// The flow's name: that of its file.
fn name_of(file: &str, faults: &mut Faults) -> Option<Name> {
    let last = file.rsplit('/').next().unwrap_or(file);
    let stem = last.strip_suffix(".yaml");
    if stem.is_none() {
        faults.add(Place::whole(file), "a flow's file ends in `.yaml`");
    }
    let stem = stem?;
    if !is_name(stem) {
        faults.add(
            Place::whole(file),
            format!("a flow is named after its file, and `{}` is not a name: {NAME_RULE}", shorten(stem)),
        );
        return None;
    }
    Some(Name::from(stem))
}

/// A flow as it was written, mistakes included.
pub(super) struct Draft {
    named: Option<(Name, Spot)>,
    description: String,
    pub language: Option<Name>,
    pub start: Option<(Name, Spot)>,
    /// In the order of the file, as far as their verbs could be read.
    pub nodes: BTreeMap<Name, Option<Verb>>,
    pub seen: BTreeMap<Name, Seen>,
}

impl Draft {
    fn read(root: &tree::Node, world: &World, reader: &mut Reader<'_>) -> Option<Draft> {
        if root.value == Value::Empty {
            reader.fault(root.spot, "the flow is empty: it needs `start` and `nodes`");
            return None;
        }
        let mut fields = reader.fields("a flow", root.spot, root)?;
        let named = fields.value("name").and_then(|node| Some((reader.name("`name`", node)?, node.spot)));
        let description = fields.value("description").and_then(|node| reader.text("`description`", node)).unwrap_or_default();
        let language = fields.value("language").and_then(|node| {
            let language = reader.name("`language`", node)?;
            if !world.knows(&language) {
                let known = world.languages.iter().map(|known| &**known);
                reader.unknown(node.spot, format!("no language `{language}`"), &language, known);
            }
            Some(language)
        });
        let start = fields.required("start").and_then(|node| Some((reader.name("`start`", node)?, node.spot)));
        let mut draft = Draft {
            named,
            description: description.to_string(),
            language,
            start,
            nodes: BTreeMap::new(),
            seen: BTreeMap::new(),
        };
        if let Some(nodes) = fields.required("nodes") {
            draft.read_nodes(nodes, world, reader);
        }
        fields.finish(reader);
        Some(draft)
    }

    fn read_nodes(&mut self, nodes: &tree::Node, world: &World, reader: &mut Reader<'_>) {
        let Some(mut nodes) = reader.fields("`nodes`", nodes.spot, nodes) else { return };
        let entries = nodes.rest();
        if entries.len() > MAX_NODES {
            reader.fault(nodes.spot, format!("{} nodes, and a flow has at most {MAX_NODES}", entries.len()));
        }
        for entry in entries.into_iter().take(MAX_NODES) {
            if !is_name(&entry.key) {
                reader.fault(entry.spot, format!("node `{}` is not a name: {NAME_RULE}", shorten(&entry.key)));
                continue;
            }
            let mut seen = Seen { spot: entry.spot, ..Seen::default() };
            let verb = read_verb(entry, world, &mut seen, reader);
            if verb.is_none() {
                // Whatever names a node in it may be a link: its mistake shall not make other nodes unreachable.
                seen.guessed.extend(entry.value.texts().into_iter().map(Name::from));
                seen.waits = true;
            }
            self.nodes.insert(Name::from(&*entry.key), verb);
            self.seen.insert(Name::from(&*entry.key), seen);
        }
    }

    fn check_name(&self, name: Option<&str>, reader: &mut Reader<'_>) {
        if let (Some((named, spot)), Some(name)) = (&self.named, name)
            && **named != *name
        {
            reader.fault(*spot, format!("the flow is named after its file, `{name}`, not `{named}`"));
        }
    }
}

/// A node's one verb, or `None` and faults.
fn read_verb(entry: &tree::Entry, world: &World, seen: &mut Seen, reader: &mut Reader<'_>) -> Option<Verb> {
    let name = &entry.key;
    let mut verbs = reader.fields(format!("node `{name}`"), entry.spot, &entry.value)?.rest().into_iter();
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
    let fields = reader.fields(format!("`{}`", first.key), first.spot, &first.value)?;
    let mut fields = NodeFields { fields, reader, world, seen };
    let verb = Verb::read(&first.key, &mut fields);
    let NodeFields { fields, reader, seen, .. } = fields;
    // A misspelt `next` shall not make what it leads to unreachable.
    seen.guessed.extend(fields.unasked().flat_map(|entry| entry.value.texts()).map(Name::from));
    fields.finish(reader);
    verb
}
