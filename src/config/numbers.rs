//! `numbers:` what was dialled -> where it leads, as `"+48221234567": {flow: reception}`.
//!
//! Invariant: a number leads to one thing, and it exists.

use super::Destination;
use super::sections::{Section, Sections};
use crate::fault::Faults;
use crate::fault::fields::shorten;
use crate::id::Name;
use std::collections::{BTreeMap, BTreeSet};

const MAX_NUMBERS: usize = 100_000;
/// Characters in a number.
const MAX_NUMBER: usize = 32;
/// What a number may lead to.
const DESTINATIONS: &[&str] = &["flow"];

/// `flows` are those that there are, good or bad: a flow's own mistakes are not the number's.
pub(super) fn read(sections: &Sections<'_>, flows: &BTreeSet<Name>, faults: &mut Faults) -> BTreeMap<String, Destination> {
    let mut numbers = BTreeMap::new();
    for section in sections.entries("numbers").take(MAX_NUMBERS + 1) {
        if numbers.len() == MAX_NUMBERS {
            section.source.complain(faults, section.entry.spot, format!("more than {MAX_NUMBERS} numbers"));
            break;
        }
        if let Some(destination) = destination(section, flows, faults) {
            numbers.insert(section.entry.key.clone(), destination);
        }
    }
    numbers
}

fn destination(section: Section<'_>, flows: &BTreeSet<Name>, faults: &mut Faults) -> Option<Destination> {
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
    let entries = fields.rest();
    let [only] = entries.as_slice() else {
        let message = format!("number `{}` leads to exactly one thing: {}", shorten(number), DESTINATIONS.join(", "));
        reader.fault(section.entry.spot, message);
        return None;
    };
    if only.key != "flow" {
        let message = format!("a number cannot lead to `{}`", shorten(&only.key));
        reader.unknown(only.spot, message, &only.key, DESTINATIONS.iter().copied());
        return None;
    }
    let flow = reader.name("`flow`", &only.value)?;
    if !flows.contains(&flow) {
        reader.unknown(only.value.spot, format!("no flow `{flow}`"), &flow, flows.iter().map(|name| &**name));
        return None;
    }
    Some(Destination::Flow(flow))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let dialled = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#'));
    let named = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) && !text.is_empty();
    text.len() <= MAX_NUMBER && (dialled || named)
}
