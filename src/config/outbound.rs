//! `outbound:` who may call whom at whose cost, and `trunk_groups:` by which providers.
//!
//! ```yaml
//! outbound:
//!   via: main                          # a trunk, or a group of them
//!   classes: [national]                # internal and emergency calls need no permission
//!   calls: 2                           # at once, for each account
//!   minutes_per_day: 60
//!   numbers: ["+48221234500"]          # the caller numbers that are ours
//!   accounts: {1001: {classes: [national, international], international: ["+49", "+420"], minutes_per_day: unlimited}}
//! ```
//!
//! Invariant: an account reaches abroad only where the countries stand beside the permission.

use super::Night;
use super::number::{Class, Number, Plan};
use super::sections::{Section, Sections, entry_name, limited};
use crate::fault::Faults;
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::tree::{Node, Value};
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const MAX_GROUPS: usize = 1000;
const MAX_MEMBERS: usize = 32;
const MAX_NUMBERS: usize = 100_000;
const MAX_COUNTRIES: usize = 300;
const MAX_ACCOUNTS: usize = 100_000;
const MAX_CALLS: u32 = 100_000;
const MAX_MINUTES: u32 = 24 * 60 * 1000;
const MAX_WEIGHT: u16 = 1000;
/// The longest that a call to a provider may be allowed to last.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const UNLIMITED: &str = "unlimited";

/// Those that need a permission.
const CLASSES: &[(&str, Class)] =
    &[("national", Class::National), ("premium", Class::Premium), ("international", Class::International)];

/// Who may call whom outside.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outbound {
    pub plan: Plan,
    /// The trunks that are tried, best first; empty: nobody calls out but by a number that leads to a trunk.
    pub via: Vec<Via>,
    /// What everybody may.
    pub usual: Allowance,
    pub accounts: BTreeMap<Name, Allowance>,
    /// What the flows may, each by itself: they call for customers and for callers from outside.
    pub flows: Allowance,
    /// The telephone numbers that are ours: nobody shows another.
    pub numbers: BTreeSet<Number>,
    pub night: Option<Night>,
}

/// One trunk of a group. Lower orders go first; within an order chance decides by weight (as RFC 2782 has it).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Via {
    pub trunk: Name,
    pub order: u16,
    pub weight: u16,
}

/// What one account may.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Allowance {
    pub classes: BTreeSet<Class>,
    /// Beginnings of numbers abroad, each with its plus.
    pub international: Vec<String>,
    /// Calls to providers at once.
    pub calls: u32,
    /// Minutes that may be talked in a day; `None`: as many as there are.
    pub minutes_per_day: Option<u32>,
    /// The longest that one call may last.
    pub longest: Duration,
    /// What the called see.
    pub caller: Option<Number>,
}

/// Nothing but emergency calls.
impl Default for Allowance {
    fn default() -> Allowance {
        Allowance {
            classes: BTreeSet::new(),
            international: Vec::new(),
            calls: 2,
            minutes_per_day: Some(60),
            longest: Duration::from_secs(4 * 3600),
            caller: None,
        }
    }
}

impl Outbound {
    /// What this extension may.
    pub fn allowance(&self, account: &str) -> &Allowance {
        self.accounts.get(account).unwrap_or(&self.usual)
    }
}

/// `trunks` are those that there are, with whether calls can be sent to them.
pub(super) fn read(
    sections: &Sections<'_>,
    trunks: &BTreeMap<Name, bool>,
    extensions: &BTreeSet<Name>,
    faults: &mut Faults,
) -> Outbound {
    let groups = groups(sections, trunks, faults);
    let Some(section) = sections.once("outbound") else { return Outbound::default() };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`outbound`", section.entry.spot, section.value()) else { return Outbound::default() };
    let mut outbound = Outbound { plan: plan(&mut fields, &mut reader), ..Outbound::default() };
    if let Some(node) = fields.required("via") {
        outbound.via = via(node, trunks, &groups, &mut reader);
    }
    if let Some(node) = fields.value("numbers") {
        for item in list(node, MAX_NUMBERS, "numbers", &mut reader) {
            outbound.numbers.extend(number("a number of ours", item, &outbound.plan, &mut reader));
        }
    }
    outbound.night = fields.value("night").and_then(|node| super::night::read(node, &mut reader));
    outbound.usual = allowance(&mut fields, Allowance::default(), &outbound, &mut reader);
    let house = Allowance { calls: 30, minutes_per_day: None, ..outbound.usual.clone() };
    outbound.flows = match fields.value("flows") {
        Some(node) => sub_allowance("`flows`", node, house, &outbound, &mut reader).unwrap_or_default(),
        None => house,
    };
    if let Some(node) = fields.value("accounts") {
        outbound.accounts = accounts(node, &outbound, extensions, &mut reader);
    }
    fields.finish(&mut reader);
    outbound
}

fn plan(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Plan {
    let mut plan = Plan::default();
    if let Some(node) = fields.value("country") {
        country(node, &mut plan, reader);
    }
    for (name, list_of) in [("premium", &mut plan.premium), ("emergency", &mut plan.emergency)] {
        let Some(node) = fields.value(name) else { continue };
        list_of.clear();
        for item in list(node, MAX_COUNTRIES, name, reader) {
            list_of.extend(digits(&format!("`{name}`"), item, 1..=9, reader));
        }
    }
    plan
}

/// `{code: 49, digits: [5, 11], prefix: 0}`.
fn country(node: &Node, plan: &mut Plan, reader: &mut Reader<'_>) {
    let Some(mut fields) = reader.fields("`country`", node.spot, node) else { return };
    if let Some(code) = fields.required("code").and_then(|node| digits("`code`", node, 1..=3, reader)) {
        // Another country's services cost what they cost there.
        if code != plan.country {
            plan.premium.clear();
        }
        plan.country = code;
    }
    if let Some(node) = fields.value("digits") {
        let bounds: Vec<_> =
            reader.items(node).iter().filter_map(|item| reader.number("`digits`", item, 4..=14usize)).collect();
        match bounds.as_slice() {
            [only] => (plan.shortest, plan.longest) = (*only, *only),
            [least, most] if least <= most => (plan.shortest, plan.longest) = (*least, *most),
            _ => reader.fault(node.spot, "`digits` is how many digits a national number has, or the least and the most"),
        }
    }
    if let Some(node) = fields.value("prefix") {
        plan.trunk_prefix = digits("`prefix`", node, 1..=2, reader).unwrap_or_default();
    }
    fields.finish(reader);
}

fn groups(sections: &Sections<'_>, trunks: &BTreeMap<Name, bool>, faults: &mut Faults) -> BTreeMap<Name, Vec<Via>> {
    let mut groups = BTreeMap::new();
    for section in limited(sections, "trunk_groups", MAX_GROUPS, faults) {
        let mut reader = section.reader(faults);
        let Some(name) = entry_name("trunk group", section, &mut reader) else { continue };
        if trunks.contains_key(&name) {
            reader.fault(section.entry.spot, format!("`{name}` is the name of a trunk already"));
        }
        groups.insert(name, members(section, trunks, &mut reader));
    }
    groups
}

fn members(section: Section<'_>, trunks: &BTreeMap<Name, bool>, reader: &mut Reader<'_>) -> Vec<Via> {
    let mut members: Vec<Via> = Vec::new();
    for (place, item) in list(section.value(), MAX_MEMBERS, "trunks of a group", reader).iter().enumerate() {
        let order = u16::try_from(place).unwrap_or(u16::MAX);
        let Some(member) = member(item, order, trunks, reader) else { continue };
        if members.iter().any(|had| had.trunk == member.trunk) {
            reader.fault(item.spot, format!("`{}` stands here twice", member.trunk));
        }
        members.push(member);
    }
    if members.is_empty() {
        reader.fault(section.entry.spot, format!("group `{}` names no trunk", shorten(&section.entry.key)));
    }
    members
}

/// `provider`, or `{trunk: provider, order: 1, weight: 10}`.
fn member(node: &Node, order: u16, trunks: &BTreeMap<Name, bool>, reader: &mut Reader<'_>) -> Option<Via> {
    let mut via = Via { trunk: "".into(), order, weight: 1 };
    if !matches!(node.value, Value::Map(_)) {
        via.trunk = known_trunk(node, trunks, reader)?;
        return Some(via);
    }
    let mut fields = reader.fields("a trunk of a group", node.spot, node)?;
    let trunk = fields.required("trunk").and_then(|node| known_trunk(node, trunks, reader));
    if let Some(node) = fields.value("order") {
        via.order = reader.number("`order`", node, 0..=u16::MAX).unwrap_or(order);
    }
    if let Some(node) = fields.value("weight") {
        via.weight = reader.number("`weight`", node, 1..=MAX_WEIGHT).unwrap_or(1);
    }
    fields.finish(reader);
    via.trunk = trunk?;
    Some(via)
}

fn known_trunk(node: &Node, trunks: &BTreeMap<Name, bool>, reader: &mut Reader<'_>) -> Option<Name> {
    let name = reader.name("a trunk", node)?;
    match trunks.get(&name) {
        Some(true) => return Some(name),
        Some(false) => reader.fault(node.spot, format!("trunk `{name}` has no `send_to`: it only brings calls")),
        None => {
            reader.unknown(node.spot, format!("no trunk `{name}`"), &name, trunks.keys().map(|name| &**name));
        }
    }
    None
}

fn via(node: &Node, trunks: &BTreeMap<Name, bool>, groups: &BTreeMap<Name, Vec<Via>>, reader: &mut Reader<'_>) -> Vec<Via> {
    let Some(name) = reader.name("`via`", node) else { return Vec::new() };
    if let Some(group) = groups.get(&name) {
        return group.clone();
    }
    if !trunks.contains_key(&name) {
        let known = trunks.keys().chain(groups.keys()).map(|name| &**name);
        reader.unknown(node.spot, format!("no trunk or group of trunks `{name}`"), &name, known);
        return Vec::new();
    }
    known_trunk(node, trunks, reader).map(|trunk| Via { trunk, order: 0, weight: 1 }).into_iter().collect()
}

fn accounts(
    node: &Node,
    outbound: &Outbound,
    extensions: &BTreeSet<Name>,
    reader: &mut Reader<'_>,
) -> BTreeMap<Name, Allowance> {
    let mut accounts = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        reader.fault(node.spot, format!("`accounts` is a mapping of extensions, not {}", node.kind()));
        return accounts;
    };
    for entry in entries.iter().take(MAX_ACCOUNTS) {
        let Some(name) = extensions.get(entry.key.as_str()) else {
            let known = extensions.iter().map(|name| &**name);
            reader.unknown(entry.spot, format!("no extension `{}`", shorten(&entry.key)), &entry.key, known);
            continue;
        };
        let what = format!("account `{name}`");
        if let Some(allowance) = sub_allowance(&what, &entry.value, outbound.usual.clone(), outbound, reader) {
            accounts.insert(name.clone(), allowance);
        }
    }
    accounts
}

fn sub_allowance(what: &str, node: &Node, usual: Allowance, outbound: &Outbound, reader: &mut Reader<'_>) -> Option<Allowance> {
    let mut fields = reader.fields(what, node.spot, node)?;
    let allowance = allowance(&mut fields, usual, outbound, reader);
    fields.finish(reader);
    Some(allowance)
}

/// The fields that everybody's and one account's permissions share; what is not written is `usual`.
fn allowance(fields: &mut Fields<'_>, usual: Allowance, outbound: &Outbound, reader: &mut Reader<'_>) -> Allowance {
    let mut allowance = usual;
    let classes = fields.value("classes");
    if let Some(node) = classes {
        let items = reader.items(node);
        allowance.classes = items.iter().filter_map(|item| reader.word("a class", item, CLASSES)).collect();
    }
    let countries = fields.value("international");
    if let Some(node) = countries {
        allowance.international.clear();
        for item in list(node, MAX_COUNTRIES, "countries", reader) {
            allowance.international.extend(country_code(item, reader));
        }
    }
    let abroad = allowance.classes.contains(&Class::International);
    match (abroad, allowance.international.is_empty(), classes.or(countries)) {
        (true, true, Some(node)) => reader.fault(
            node.spot,
            "the class `international` opens nothing by itself: name the countries, as `international: [\"+49\"]`",
        ),
        (false, false, Some(node)) => {
            reader.fault(node.spot, "countries are named, and the class `international` is not among the `classes`");
        }
        _ => {}
    }
    if let Some(node) = fields.value("calls") {
        allowance.calls = reader.number("`calls`", node, 0..=MAX_CALLS).unwrap_or(allowance.calls);
    }
    if let Some(node) = fields.value("minutes_per_day") {
        allowance.minutes_per_day = match &node.value {
            Value::Text { text, .. } if text == UNLIMITED => None,
            _ => reader.number("`minutes_per_day`", node, 0..=MAX_MINUTES).or(allowance.minutes_per_day),
        };
    }
    if let Some(node) = fields.value("longest") {
        let range = Duration::from_secs(1)..=LONGEST;
        allowance.longest = reader.duration("`longest`", node, range).unwrap_or(allowance.longest);
    }
    if let Some(node) = fields.value("caller") {
        allowance.caller = number("`caller`", node, &outbound.plan, reader);
        if let Some(caller) = allowance.caller.as_ref().filter(|caller| !outbound.numbers.contains(*caller)) {
            reader.fault(node.spot, format!("{caller} is not one of our `numbers`: to show another's number is forbidden"));
        }
    }
    allowance
}

/// `+49`: a plus and one to six digits.
fn country_code(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text("a country", node)?;
    let digits = text.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || digits.len() > 6 || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        reader.fault(node.spot, format!("a country is a plus and its code, as \"+49\", not `{}`", shorten(text)));
        return None;
    }
    Some(text.to_string())
}

/// A telephone number in any form that the numbering plan knows.
pub(super) fn number(what: &str, node: &Node, plan: &Plan, reader: &mut Reader<'_>) -> Option<Number> {
    let text = reader.text(what, node)?;
    let number = plan.number(text);
    if number.is_none() {
        reader.fault(node.spot, format!("{what} is a telephone number, as \"+48221234567\", not `{}`", shorten(text)));
    }
    number
}

fn digits(what: &str, node: &Node, length: std::ops::RangeInclusive<usize>, reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text(what, node)?;
    if !length.contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("{what} is {} to {} digits, not `{}`", length.start(), length.end(), shorten(text));
        reader.fault(node.spot, message);
        return None;
    }
    Some(text.to_string())
}

fn list<'n>(node: &'n Node, most: usize, what: &str, reader: &mut Reader<'_>) -> &'n [Node] {
    let items = reader.items(node);
    if items.len() > most {
        reader.fault(node.spot, format!("at most {most} {what}, not {}", items.len()));
    }
    items.get(..most).unwrap_or(items)
}
