//! All sections of all files: one file with all of them is as good as many.
//!
//! Invariant: of each section that stands once there is at most one; the further ones were complained about.

use crate::fault::Faults;
use crate::fault::fields::{NAME_RULE, Reader, is_name, shorten};
use crate::fault::tree::{self, Entry, Node, Source, Value};
use crate::id::Name;
use std::collections::{BTreeMap, BTreeSet};

/// Sections that say one thing and stand once.
const ONCE: &[&str] = &[
    "lab",
    "language",
    "languages",
    "zone",
    "realm",
    "flows",
    "sounds",
    "listeners",
    "registrar",
    "session_timers",
    "media",
    "storage",
    "logging",
    "limits",
    "outbound",
    "parking",
    "feature_codes",
    "skills",
    "day",
];
/// Sections that are lists of names and may be spread over files.
const SPREAD: &[&str] = &[
    "trunks",
    "trunk_groups",
    "extensions",
    "ring_groups",
    "numbers",
    "queues",
    "queue_families",
    "agents",
    "pauses",
    "mailboxes",
    "calendars",
    "hosts",
    "webhooks",
];

/// Every section's name, and whether it is a mapping of names.
pub const SECTIONS: &[(&str, bool)] = &sections();

const fn sections() -> [(&'static str, bool); ONCE.len() + SPREAD.len()] {
    let mut all = [("", false); ONCE.len() + SPREAD.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < ONCE.len() { (ONCE[at], false) } else { (SPREAD[at - ONCE.len()], true) };
        at += 1;
    }
    all
}

/// One file, read.
pub(super) struct Document<'a> {
    source: Source<'a>,
    root: Node,
}

/// One section, or one entry of a spread section, with the file it is in.
#[derive(Clone, Copy)]
pub(super) struct Section<'d> {
    pub source: Source<'d>,
    pub entry: &'d Entry,
}

impl<'d> Section<'d> {
    pub fn reader<'f>(&self, faults: &'f mut Faults) -> Reader<'f>
    where
        'd: 'f,
    {
        Reader { source: self.source, faults }
    }

    pub fn value(&self) -> &'d Node {
        &self.entry.value
    }
}

#[derive(Default)]
pub(super) struct Sections<'d> {
    once: BTreeMap<&'static str, Section<'d>>,
    /// Section -> its entries by name.
    spread: BTreeMap<&'static str, BTreeMap<&'d str, Section<'d>>>,
}

impl<'d> Sections<'d> {
    /// Those files that are YAML at all.
    pub fn parse<'a>(files: &'a BTreeMap<String, Vec<u8>>, faults: &mut Faults) -> Vec<Document<'a>> {
        let mut documents = Vec::new();
        for (file, bytes) in files {
            let read = |faults: &mut Faults| {
                let source = Source::new(file, bytes, faults)?;
                Some(Document { source, root: tree::read(&source, faults)? })
            };
            documents.extend(faults.reading(bytes, read));
        }
        documents
    }

    pub fn gather(documents: &'d [Document<'_>], faults: &mut Faults) -> Sections<'d> {
        let mut sections = Sections::default();
        for Document { source, root } in documents {
            match &root.value {
                Value::Empty => {}
                Value::Map(entries) => {
                    for entry in entries {
                        sections.add(Section { source: *source, entry }, faults);
                    }
                }
                _ => {
                    source.complain(faults, root.spot, format!("a file of sections (`name: ...`), not {}", root.kind()));
                    leave_unread(root, faults);
                }
            }
        }
        sections
    }

    fn add(&mut self, section: Section<'d>, faults: &mut Faults) {
        let key = section.entry.key.as_str();
        if let Some(name) = ONCE.iter().find(|name| **name == key) {
            match self.once.get(name) {
                Some(first) => {
                    let message = format!("`{name}` stands in {} line {} already", first.source.file, first.entry.spot.line);
                    section.source.complain(faults, section.entry.spot, message);
                }
                None => {
                    self.once.insert(name, section);
                }
            }
        } else if let Some(name) = SPREAD.iter().find(|name| **name == key) {
            self.add_entries(name, section, faults);
        } else {
            let message = format!("no section `{}`", shorten(key));
            let known = ONCE.iter().chain(SPREAD).copied();
            let meant = section.source.complain_unknown(faults, section.entry.spot, message, key, known);
            if meant.is_some() {
                leave_unread(section.value(), faults);
            }
        }
    }

    fn add_entries(&mut self, name: &'static str, section: Section<'d>, faults: &mut Faults) {
        let entries = match &section.value().value {
            Value::Empty => return,
            Value::Map(entries) => entries,
            _ => {
                let message = format!("`{name}` is a mapping (`name: ...`), not {}", section.value().kind());
                section.source.complain(faults, section.value().spot, message);
                return leave_unread(section.value(), faults);
            }
        };
        let all = self.spread.entry(name).or_default();
        for entry in entries {
            let key = entry.key.as_str();
            if let Some(first) = all.get(key) {
                let message =
                    format!("`{}` stands in {} line {} already", shorten(key), first.source.file, first.entry.spot.line);
                section.source.complain(faults, entry.spot, message);
                continue;
            }
            all.insert(key, Section { source: section.source, entry });
        }
    }

    pub fn once(&self, name: &'static str) -> Option<Section<'d>> {
        self.once.get(name).copied()
    }

    /// The names of a spread section's entries, good or bad: what is wrong with an entry is not the fault of who names it.
    pub fn names(&self, name: &'static str) -> BTreeSet<Name> {
        self.entries(name).map(|section| Name::from(&*section.entry.key)).collect()
    }

    /// The entries of a spread section, in the order of their names.
    pub fn entries(&self, name: &'static str) -> impl Iterator<Item = Section<'d>> + '_ {
        self.spread.get(name).into_iter().flat_map(|entries| entries.values().copied())
    }
}

/// What stands here was meant to be read, and is nowhere.
fn leave_unread(node: &Node, faults: &mut Faults) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match &node.value {
            Value::Empty => {}
            Value::Text { text, .. } => faults.leave_unread(text),
            Value::List(items) => open.extend(items),
            Value::Map(entries) => {
                for entry in entries {
                    faults.leave_unread(&entry.key);
                    open.push(&entry.value);
                }
            }
        }
    }
}

/// The entries of a spread section, not more than `most`; one more is complained about.
pub(super) fn limited<'d>(sections: &Sections<'d>, name: &'static str, most: usize, faults: &mut Faults) -> Vec<Section<'d>> {
    let mut entries: Vec<_> = sections.entries(name).take(most + 1).collect();
    if let Some(one_more) = entries.get(most) {
        one_more.source.complain(faults, one_more.entry.spot, format!("more than {most} {name}"));
        entries.truncate(most);
    }
    entries
}

/// The key of an entry as a name; many become the user part of URIs.
pub(super) fn entry_name(what: &str, section: Section<'_>, reader: &mut Reader<'_>) -> Option<Name> {
    let key = &section.entry.key;
    if !is_name(key) || !key.is_ascii() {
        reader.fault(section.entry.spot, format!("{what} `{}` is not a name: ASCII {NAME_RULE}", shorten(key)));
        return None;
    }
    Some(Name::from(&**key))
}
