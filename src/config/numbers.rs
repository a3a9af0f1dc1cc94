//! `numbers:` what was dialled -> where it leads, as `"+48221234567": {flow: reception}`, or to an extension, a
//! queue, a user of a trunk.
//!
//! Invariant: a number leads to one thing, and it exists.

use super::Destination;
use super::sections::{Section, Sections, limited};
use crate::fault::Faults;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::{Node, Value};
use crate::id::Name;
use crate::ivr::World;
use std::collections::{BTreeMap, BTreeSet};

const MAX_NUMBERS: usize = 100_000;
/// Characters in a number.
const MAX_NUMBER: usize = 32;
/// What a number may lead to.
const DESTINATIONS: &[&str] = &["flow", "extension", "queue", "trunk"];

/// `flows` are those that there are, good or bad: a flow's own mistakes are not the number's. So it is with all in `world`.
pub(super) fn read(
    sections: &Sections<'_>,
    flows: &BTreeSet<Name>,
    world: &World,
    faults: &mut Faults,
) -> BTreeMap<String, Destination> {
    let goals = Goals { flows, extensions: &world.extensions, queues: &world.queues, trunks: trunks(sections) };
    let mut numbers = BTreeMap::new();
    for section in limited(sections, "numbers", MAX_NUMBERS, faults) {
        if let Some(destination) = goals.destination(section, faults) {
            numbers.insert(section.entry.key.clone(), destination);
        }
    }
    numbers
}

/// Everything that a number can lead to.
struct Goals<'a> {
    flows: &'a BTreeSet<Name>,
    extensions: &'a BTreeSet<Name>,
    queues: &'a BTreeSet<Name>,
    /// Trunk -> whether calls can be sent to it.
    trunks: BTreeMap<Name, bool>,
}

fn trunks(sections: &Sections<'_>) -> BTreeMap<Name, bool> {
    let sends = |section: &Section<'_>| match &section.value().value {
        Value::Map(entries) => entries.iter().any(|entry| entry.key == "send_to"),
        _ => false,
    };
    sections.entries("trunks").map(|section| (Name::from(&*section.entry.key), sends(&section))).collect()
}

impl Goals<'_> {
    fn destination(&self, section: Section<'_>, faults: &mut Faults) -> Option<Destination> {
        let number = &section.entry.key;
        let mut reader = section.reader(faults);
        if !is_number(number) {
            let message = format!(
                "`{}` cannot be dialled: digits, `*`, `#` and a leading `+`, or a user's name; at most {MAX_NUMBER}",
                shorten(number)
            );
            reader.fault(section.entry.spot, message);
        }
        let mut fields = reader.fields(format!("number `{}`", shorten(number)), section.entry.spot, section.value())?;
        let user = fields.value("user");
        let entries = fields.rest();
        let [only] = entries.as_slice() else {
            let message = format!("number `{}` leads to exactly one thing: {}", shorten(number), DESTINATIONS.join(", "));
            reader.fault(section.entry.spot, message);
            return None;
        };
        if let Some(node) = user.filter(|_| only.key != "trunk") {
            reader.fault(node.spot, "only a number that leads to a `trunk` has a `user` there");
        }
        let mut known = |names: &BTreeSet<Name>| known(&only.key, &only.value, names, &mut reader);
        match &*only.key {
            "flow" => known(self.flows).map(Destination::Flow),
            "extension" => known(self.extensions).map(Destination::Extension),
            "queue" => known(self.queues).map(Destination::Queue),
            "trunk" => {
                let trunk = known(&self.trunks.keys().cloned().collect())?;
                if self.trunks.get(&trunk) == Some(&false) {
                    reader.fault(only.value.spot, format!("trunk `{trunk}` has no `send_to`: it only brings calls"));
                }
                let user = match user {
                    Some(node) => reader.text("`user`", node).map(|text| (text, node.spot))?,
                    None => (number.as_str(), section.entry.spot),
                };
                if user.0 != number && !is_number(user.0) {
                    let message =
                        format!("`user` is a number or a user's name, at most {MAX_NUMBER}, not `{}`", shorten(user.0));
                    reader.fault(user.1, message);
                }
                Some(Destination::Trunk { trunk, user: user.0.to_string() })
            }
            other => {
                let message = format!("a number cannot lead to `{}`", shorten(other));
                reader.unknown(only.spot, message, other, DESTINATIONS.iter().copied());
                None
            }
        }
    }
}

fn known(what: &str, node: &Node, names: &BTreeSet<Name>, reader: &mut Reader<'_>) -> Option<Name> {
    let name = reader.name(&format!("`{what}`"), node)?;
    if !names.contains(&name) {
        reader.unknown(node.spot, format!("no {what} `{name}`"), &name, names.iter().map(|name| &**name));
        return None;
    }
    Some(name)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let dialled = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#'));
    let named = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) && !text.is_empty();
    text.len() <= MAX_NUMBER && (dialled || named)
}
