//! What can be dialled, judged over all sections: forwards that lead nowhere, numbers that hide one another.
//!
//! A phone of the house reaches the first of these that a number is: a service's code, a parking slot, a number of the list, an
//! extension, a queue of a family, a telephone outside. Invariant: a forward leads to one of them, no slot hides another, and
//! nothing hides an emergency number.

use super::Config;
use super::sections::{Section, Sections};
use crate::fault::Faults;
use crate::fault::fields::shorten;
use crate::fault::tree::{Entry, Node, Value};
use std::collections::BTreeMap;

pub(super) fn judge(sections: &Sections<'_>, config: &Config, faults: &mut Faults) {
    // Where something is wrong, what can be dialled is not known.
    if !faults.is_empty() {
        return;
    }
    for section in sections.entries("extensions") {
        forwards(section, config, faults);
    }
    slots(sections, config, faults);
    emergencies(sections, config, faults);
    for section in sections.entries("numbers") {
        let number = &*section.entry.key;
        if config.extensions.contains_key(number) && !leads_to(config, number) {
            let message = format!("`{number}` leads here, and no longer to the extension of that name");
            faults.warn(section.source.place(section.entry.spot), message);
        }
        if config.services.code(number).is_some() {
            let message = format!("`{number}` is a feature code too, which phones of the house get instead");
            faults.warn(section.source.place(section.entry.spot), message);
        }
    }
    spellings(sections, config, faults);
    families(sections, config, faults);
    trunks(sections, faults);
    outside(sections, faults);
}

/// A provider's call finds a telephone in whatever form either of them is written, and what stands there word for word before.
fn spellings(sections: &Sections<'_>, config: &Config, faults: &mut Faults) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for section in sections.entries("numbers") {
        let number = section.entry.key.as_str();
        let Some(telephone) = config.outbound.plan.received(number) else { continue };
        let other = *first.entry(telephone.as_str().to_string()).or_insert(number);
        if config.numbers.get(number) != config.numbers.get(other) {
            let message = format!("`{number}` is the telephone `{other}` in another form, and leads elsewhere");
            faults.warn(section.source.place(section.entry.spot), message);
        }
    }
}

fn families(sections: &Sections<'_>, config: &Config, faults: &mut Faults) {
    for section in sections.entries("queue_families") {
        let of_it =
            |name: &&crate::id::Name| config.family(name).is_some_and(|(family, _)| family.pattern() == section.entry.key);
        if let Some(hidden) = config.extensions.keys().find(of_it) {
            let message = format!("`{hidden}` is an extension, and does not lead to the queue of that number");
            faults.warn(section.source.place(section.entry.spot), message);
        }
    }
}

/// A list of nothing is nothing.
fn says(section: Section<'_>, name: &str) -> bool {
    field(section.value(), name).is_some_and(|entry| match &entry.value.value {
        Value::Empty => false,
        Value::List(items) => !items.is_empty(),
        Value::Text { .. } | Value::Map(_) => true,
    })
}

fn trunks(sections: &Sections<'_>, faults: &mut Faults) {
    for section in sections.entries("trunks").filter(|section| !says(*section, "send_to")) {
        if let Some(account) = field(section.value(), "account") {
            let message = "this account registers nowhere: the trunk has no `send_to`";
            faults.warn(section.source.place(account.spot), message);
        } else if !says(section, "accept_from") {
            let message = "this trunk brings no calls (`accept_from`) and takes none (`send_to`)";
            faults.warn(section.source.place(section.entry.spot), message);
        }
    }
}

/// Telephones outside are called through the trunks of `outbound`.
fn outside(sections: &Sections<'_>, faults: &mut Faults) {
    if let Some(outbound) = sections.once("outbound") {
        if let Some(emergency) = field(outbound.value(), "emergency").filter(|_| !says(outbound, "emergency")) {
            faults.warn(outbound.source.place(emergency.spot), "no number is an emergency number: nobody can call for help");
        }
        return;
    }
    let mut warn = |section: Section<'_>, spot| {
        faults.warn(
            section.source.place(spot),
            "a telephone outside, and no `outbound` that says how to call one: it cannot ring",
        );
    };
    for section in sections.entries("agents") {
        if let Some(entry) = field(section.value(), "telephone") {
            warn(section, entry.spot);
        }
    }
    for section in sections.entries("extensions") {
        let forwards = field(section.value(), "forward").into_iter().flat_map(|entry| match &entry.value.value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        });
        for entry in forwards.filter(|entry| is_telephone(&entry.value)) {
            warn(section, entry.value.spot);
        }
    }
    for section in sections.entries("ring_groups") {
        if let Some(Value::List(members)) = field(section.value(), "members").map(|entry| &entry.value.value) {
            for member in members.iter().filter(|member| is_telephone(member)) {
                warn(section, member.spot);
            }
        }
    }
}

fn is_telephone(node: &Node) -> bool {
    matches!(&node.value, Value::Text { text, .. } if text.starts_with('+'))
}

/// An extension's own number may be written down as well.
fn leads_to(config: &Config, extension: &str) -> bool {
    matches!(config.destination(extension), Some(super::Destination::Extension(to)) if &*to == extension)
}

fn forwards(section: Section<'_>, config: &Config, faults: &mut Faults) {
    let Some(forward) = field(section.value(), "forward") else { return };
    for name in ["always", "busy", "no_answer"] {
        let Some(Value::Text { text, .. }) = field(&forward.value, name).map(|entry| &entry.value.value) else { continue };
        let spot = field(&forward.value, name).map_or(forward.spot, |entry| entry.value.spot);
        if !is_somewhere(config, text) {
            let known = config.extensions.keys().map(|name| &**name).chain(config.numbers.keys().map(String::as_str));
            let message = format!("`{name}`: `{}` is no extension, no number of the house and no telephone", shorten(text));
            section.source.complain_unknown(faults, spot, message, text, known);
        }
    }
}

fn field<'d>(node: &'d Node, name: &str) -> Option<&'d Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == name),
        _ => None,
    }
}

fn is_somewhere(config: &Config, dialled: &str) -> bool {
    let plan = &config.outbound.plan;
    let slot = config.services.parking.as_ref().and_then(|parking| parking.slot(dialled));
    config.destination(dialled).is_some()
        || config.services.code(dialled).is_some()
        || slot.is_some()
        || plan.is_emergency(dialled)
        || plan.number(dialled).is_some()
}

/// Whatever of the house has an emergency number would take the calls for help.
fn emergencies(sections: &Sections<'_>, config: &Config, faults: &mut Faults) {
    for number in &config.outbound.plan.emergency {
        let slot = config.services.parking.as_ref().and_then(|parking| parking.slot(number));
        if config.destination(number).is_none() && config.services.code(number).is_none() && slot.is_none() {
            continue;
        }
        let named = |name| sections.entries(name).find(|section| section.entry.key == *number);
        let covering = || ["feature_codes", "parking", "queue_families"].iter().find_map(|name| section(sections, name));
        let family = config.family(number).map(|(family, _)| family.pattern());
        let of_family = || sections.entries("queue_families").find(|section| Some(&section.entry.key) == family.as_ref());
        let named = named("numbers").or_else(|| named("extensions")).or_else(of_family);
        let Some(section) = named.or_else(covering) else { continue };
        let message = format!("`{number}` is an emergency number, and would not lead outside any more");
        section.source.complain(faults, section.entry.spot, message);
    }
}

fn section<'d>(sections: &Sections<'d>, name: &'static str) -> Option<Section<'d>> {
    sections.once(name).or_else(|| sections.entries(name).next())
}

/// A slot is looked for before numbers and extensions, so one of the same name could never be dialled.
fn slots(sections: &Sections<'_>, config: &Config, faults: &mut Faults) {
    let (Some(section), Some(parking)) = (sections.once("parking"), &config.services.parking) else { return };
    let slots = parking.first..=parking.last;
    let hidden = slots.map(|slot| slot.to_string()).find(|slot| config.destination(slot).is_some());
    if let Some(hidden) = hidden {
        let spot = field(section.value(), "slots").map_or(section.entry.spot, |entry| entry.value.spot);
        section.source.complain(faults, spot, format!("`{hidden}` is a slot, and leads elsewhere too: nobody could dial that"));
    }
}
