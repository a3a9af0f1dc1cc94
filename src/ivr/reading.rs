//! What a verb may ask of its YAML. Beside giving the value, it remembers every link, prompt and language with its place: what
//! only the whole flow can judge is judged afterwards ([`super::check`]).
//!
//! Invariant: a verb has no way to a link, prompt or language but through here, so none escapes the checks.

use super::World;
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::tree::{Node, Spot, Value};
use crate::id::Name;
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Prompts in one list.
const MAX_PROMPTS: usize = 100;
/// The keys of a telephone that a node may use.
pub(super) const KEYS: &str = "0123456789*#";
/// How long an extension rings unless the flow says otherwise, and the longest that it may say.
const RING: Duration = Duration::from_secs(20);
const LONGEST_RING: Duration = Duration::from_secs(600);

/// What is known of one node beside its compiled verb.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Where the node's name stands.
    pub spot: Spot,
    /// Where it leads, and where that is written.
    pub links: Vec<(Name, Spot)>,
    /// Where it may lead, for all that a mistake in it lets us know.
    pub guessed: Vec<Name>,
    pub prompts: Vec<(Name, Spot)>,
    /// The language from here on.
    pub language: Option<Name>,
    /// It takes the caller's input, or time; so a way round through it is no loop ...
    pub waits: bool,
    /// ... but for ways out of it that may be gone at once.
    pub at_once: Vec<Name>,
}

/// The fields of one node's verb.
pub(super) struct NodeFields<'f, 'n, 'r> {
    pub fields: Fields<'n>,
    pub reader: &'f mut Reader<'r>,
    pub world: &'f World,
    pub seen: &'f mut Seen,
}

impl NodeFields<'_, '_, '_> {
    pub fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        let node = self.fields.value(name);
        node.and_then(|node| self.reader.boolean(&quoted(name), node)).unwrap_or(default)
    }

    pub fn number(&mut self, name: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let node = self.fields.value(name);
        node.and_then(|node| self.reader.number(&quoted(name), node, range)).unwrap_or(default)
    }

    pub fn duration(&mut self, name: &'static str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let node = self.fields.value(name);
        node.and_then(|node| self.reader.duration(&quoted(name), node, range)).unwrap_or(default)
    }

    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let node = self.fields.value(name)?;
        self.reader.word(&quoted(name), node, words)
    }

    /// The node takes the caller's input, or time.
    pub fn waits(&mut self) {
        self.seen.waits = true;
    }

    /// The node that a required field names.
    pub fn link(&mut self, name: &'static str) -> Option<Name> {
        let node = self.fields.required(name)?;
        self.follow(name, node)
    }

    pub fn optional_link(&mut self, name: &'static str) -> Option<Name> {
        let node = self.fields.value(name)?;
        self.follow(name, node)
    }

    /// As `link`, of a node that waits: but when this way is taken, it may be at once.
    pub fn link_at_once(&mut self, name: &'static str) -> Option<Name> {
        let target = self.link(name)?;
        self.seen.at_once.push(target.clone());
        Some(target)
    }

    pub fn optional_link_at_once(&mut self, name: &'static str) -> Option<Name> {
        let target = self.optional_link(name)?;
        self.seen.at_once.push(target.clone());
        Some(target)
    }

    /// `next`, which is required unless `alternative` makes the node the last one; then it must not be there.
    pub fn next_unless(&mut self, alternative: &'static str, last: bool) -> Option<Name> {
        match (last, self.fields.value("next")) {
            (false, None) => {
                self.fields.lacks("next", format!("a dead end: it has neither `next` nor `{alternative}: true`"));
                None
            }
            (false, Some(node)) => self.follow("next", node),
            (true, Some(node)) => {
                self.reader.fault(node.spot, format!("`next` is never reached with `{alternative}: true`"));
                None
            }
            (true, None) => None,
        }
    }

    /// One prompt or a list of them; never empty.
    pub fn prompts(&mut self, name: &'static str) -> Option<Vec<Name>> {
        let node = self.fields.required(name)?;
        let mut names = Vec::new();
        for item in self.reader.items(node) {
            let prompt = self.reader.name("a prompt", item)?;
            self.seen.prompts.push((prompt.clone(), item.spot));
            names.push(prompt);
        }
        if names.is_empty() || names.len() > MAX_PROMPTS {
            self.reader.fault(node.spot, format!("{} names 1 to {MAX_PROMPTS} prompts, not {}", quoted(name), names.len()));
            return None;
        }
        Some(names)
    }

    /// The language that a required field names.
    pub fn language(&mut self, name: &'static str) -> Option<Name> {
        let node = self.fields.required(name)?;
        let language = self.reader.name("a language", node)?;
        if !self.world.knows(&language) {
            let known = self.world.languages.iter().map(|known| &**known);
            self.reader.unknown(node.spot, format!("no language `{language}`"), &language, known);
            return None;
        }
        self.seen.language = Some(language.clone());
        Some(language)
    }

    /// The queue that a required field names.
    pub fn queue(&mut self, name: &'static str) -> Option<Name> {
        let node = self.fields.required(name)?;
        let queue = self.reader.name("a queue", node)?;
        self.known("queue", queue, node.spot, &self.world.queues)
    }

    /// The extension that a required field names.
    pub fn extension(&mut self, name: &'static str) -> Option<Name> {
        let node = self.fields.required(name)?;
        let extension = self.reader.name("an extension", node)?;
        self.known("extension", extension, node.spot, &self.world.extensions)
    }

    fn known(&mut self, what: &str, name: Name, spot: Spot, known: &BTreeSet<Name>) -> Option<Name> {
        if known.contains(&name) {
            return Some(name);
        }
        self.reader.unknown(spot, format!("no {what} `{name}`"), &name, known.iter().map(|known| &**known));
        None
    }

    /// How long an extension rings.
    pub fn ring(&mut self, name: &'static str) -> Duration {
        self.duration(name, RING, Duration::from_secs(1)..=LONGEST_RING)
    }

    /// A required mapping from single keys to nodes.
    pub fn keys(&mut self, name: &'static str) -> Option<BTreeMap<char, Name>> {
        let node = self.fields.required(name)?;
        self.keys_of(name, node)
    }

    /// The same; empty where it is not given.
    pub fn optional_keys(&mut self, name: &'static str) -> Option<BTreeMap<char, Name>> {
        match self.fields.value(name) {
            Some(node) => self.keys_of(name, node),
            None => Some(BTreeMap::new()),
        }
    }

    fn keys_of(&mut self, name: &'static str, node: &Node) -> Option<BTreeMap<char, Name>> {
        let Value::Map(entries) = &node.value else {
            self.reader.fault(node.spot, format!("{} is a mapping (`1: node`), not {}", quoted(name), node.kind()));
            return None;
        };
        if entries.is_empty() {
            self.reader.fault(node.spot, format!("{} names no key", quoted(name)));
        }
        let mut keys = BTreeMap::new();
        for entry in entries {
            let next = self.follow("a key's node", &entry.value);
            let mut letters = entry.key.chars();
            match (letters.next().filter(|key| KEYS.contains(*key)), letters.next(), next) {
                (Some(key), None, Some(next)) => {
                    keys.insert(key, next);
                }
                (Some(_), None, None) => {}
                _ => {
                    let message = format!("`{}` is not a key: one of {KEYS} (`*` and `#` in quotes)", shorten(&entry.key));
                    self.reader.fault(entry.spot, message);
                }
            }
        }
        Some(keys)
    }

    fn follow(&mut self, what: &str, node: &Node) -> Option<Name> {
        let target = self.reader.name(&quoted(what), node)?;
        self.seen.links.push((target.clone(), node.spot));
        Some(target)
    }
}

fn quoted(name: &str) -> String {
    if name.contains(' ') { name.to_string() } else { format!("`{name}`") }
}
