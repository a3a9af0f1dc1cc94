//! Where a node leads: every link is remembered with its outcome and its place.

use super::{KEYS, Kind, Link, NodeFields, quoted};
use crate::fault::fields::shorten;
use crate::fault::tree::{Node, Spot, Value};
use crate::id::Name;
use std::collections::BTreeMap;

impl<'n> NodeFields<'_, 'n, '_> {
    /// The node that a required field names.
    pub fn link(&mut self, name: &'static str) -> Option<Name> {
        let node = self.ask(name, Kind::Link, true)?;
        self.follow(name, name, node)
    }

    pub fn optional_link(&mut self, name: &'static str) -> Option<Name> {
        let node = self.ask(name, Kind::Link, false)?;
        self.follow(name, name, node)
    }

    /// As `optional_link`; where it is not given, `usual` is taken, which is another link of the node.
    pub fn link_or(&mut self, name: &'static str, usual: &Option<Name>) -> Option<Name> {
        let Some(node) = self.ask(name, Kind::Link, false) else {
            if let Some(to) = usual {
                self.remember(name, to, self.fields.spot);
            }
            return usual.clone();
        };
        self.follow(name, name, node)
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

    /// `link_or` of a node that waits.
    pub fn link_at_once_or(&mut self, name: &'static str, usual: &Option<Name>) -> Option<Name> {
        let target = self.link_or(name, usual)?;
        self.seen.at_once.push(target.clone());
        Some(target)
    }

    /// `next`, which is required unless `alternative` makes the node the last one; then it must not be there.
    pub fn next_unless(&mut self, alternative: &'static str, last: bool) -> Option<Name> {
        match (last, self.ask("next", Kind::Link, false)) {
            (false, None) => {
                self.fields.lacks("next", format!("a dead end: it has neither `next` nor `{alternative}: true`"));
                None
            }
            (false, Some(node)) => self.follow("next", "next", node),
            (true, Some(node)) => {
                self.reader.fault(node.spot, format!("`next` is never reached with `{alternative}: true`"));
                None
            }
            (true, None) => None,
        }
    }

    /// A required mapping from single keys to nodes.
    pub fn keys(&mut self, name: &'static str) -> Option<BTreeMap<char, Name>> {
        let node = self.ask(name, Kind::Keys, true)?;
        self.keys_of(name, node)
    }

    /// The same; empty where it is not given.
    pub fn optional_keys(&mut self, name: &'static str) -> Option<BTreeMap<char, Name>> {
        match self.ask(name, Kind::Keys, false) {
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
            let next = self.follow("a key's node", &format!("key {}", shorten(&entry.key)), &entry.value);
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

    /// The node that a value names; `what` says what the value is.
    pub fn follow(&mut self, what: &str, outcome: &str, node: &Node) -> Option<Name> {
        let target = self.reader.name(&quoted(what), node)?;
        self.remember(outcome, &target, node.spot);
        Some(target)
    }

    fn remember(&mut self, outcome: &str, to: &Name, spot: Spot) {
        self.seen.links.push(Link { outcome: outcome.into(), to: to.clone(), spot });
    }
}
