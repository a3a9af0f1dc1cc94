//! `numbers:` what was dialled -> where it leads, as `"+48221234567": {flow: reception}`, or to an extension, a
//! group of them, a queue, a user of a trunk.
//!
//! Invariant: a number leads to one thing, and it exists.

use super::sections::{Section, Sections, limited};
use super::{Class, Destination, Outbound};
use crate::fault::Faults;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::{Node, Spot, Value};
use crate::id::Name;
use crate::ivr::World;
use std::collections::{BTreeMap, BTreeSet};

const MAX_NUMBERS: usize = 100_000;
/// Characters in a number.
const MAX_NUMBER: usize = 32;
/// What a number may lead to.
const DESTINATIONS: &[&str] = &["flow", "extension", "group", "queue", "trunk"];

/// What numbers are judged by.
pub(super) struct Context<'a> {
    pub lab: bool,
    /// Those that there are, good or bad: a flow's own mistakes are not the number's. So it is with all in `world`.
    pub flows: &'a BTreeSet<Name>,
    pub world: &'a World,
    pub plan: &'a Outbound,
}

pub(super) fn read(sections: &Sections<'_>, context: &Context<'_>, faults: &mut Faults) -> BTreeMap<String, Destination> {
    let goals = Goals { context, trunks: trunks(sections), groups: sections.names("ring_groups") };
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
    context: &'a Context<'a>,
    groups: BTreeSet<Name>,
    /// Trunk -> whether calls can be sent to it.
    trunks: BTreeMap<Name, bool>,
}

/// All trunks, with whether calls can be sent to them.
pub(super) fn trunks(sections: &Sections<'_>) -> BTreeMap<Name, bool> {
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
        let open = fields.value("open").map(|node| (reader.boolean("`open`", node) == Some(true), node.spot));
        if let Some((true, spot)) = open.filter(|_| !self.context.lab) {
            let message = "only in a lab is a trunk's line `open` to callers from outside; elsewhere a flow sends them there";
            reader.fault(spot, message);
        }
        let open = open.is_some_and(|(open, _)| open);
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
            "flow" => known(self.context.flows).map(Destination::Flow),
            "extension" => known(&self.context.world.extensions).map(Destination::Extension),
            "queue" => known(&self.context.world.queues).map(Destination::Queue),
            "group" => known(&self.groups).map(Destination::Group),
            "trunk" => {
                let trunk = known(&self.trunks.keys().cloned().collect())?;
                if self.trunks.get(&trunk) == Some(&false) {
                    reader.fault(only.value.spot, format!("trunk `{trunk}` has no `send_to`: it only brings calls"));
                }
                let user = match user {
                    Some(node) => reader.text("`user`", node).map(|text| (text, node.spot))?,
                    None => (number.as_str(), section.entry.spot),
                };
                self.judge_user(number, user, &mut reader);
                Some(Destination::Trunk { trunk, user: user.0.to_string(), open })
            }
            other => {
                let message = format!("a number cannot lead to `{}`", shorten(other));
                reader.unknown(only.spot, message, other, DESTINATIONS.iter().copied());
                None
            }
        }
    }
}

impl Goals<'_> {
    /// What stands for the called in the provider's URI. One that is a telephone abroad, or a premium one, needs the permission.
    fn judge_user(&self, number: &str, (user, spot): (&str, Spot), reader: &mut Reader<'_>) {
        if user != number && !is_number(user) {
            let message = format!("`user` is a number or a user's name, at most {MAX_NUMBER}, not `{}`", shorten(user));
            reader.fault(spot, message);
        }
        let Outbound { plan, usual, .. } = self.context.plan;
        let Some(telephone) = plan.number(user) else { return };
        let class = plan.class(&telephone);
        if class == Class::Premium || class == Class::International {
            let listed = usual.international.iter().any(|prefix| telephone.as_str().starts_with(prefix.as_str()));
            if !usual.classes.contains(&class) || (class == Class::International && !listed) {
                let message = format!("`{}` is {}, which `outbound` does not open", shorten(user), class.word());
                reader.fault(spot, message);
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
