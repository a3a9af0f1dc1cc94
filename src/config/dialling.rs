//! What can be dialled, judged over all sections: forwards that lead nowhere, numbers that hide one another.
//!
//! A phone of the house reaches the first of these that a number is: a service's code, a parking slot, a number of the list, an
//! extension, a queue of a family, a telephone outside. Invariant: a forward leads to one of them, no slot hides another, and
//! nothing hides an emergency number.

use super::Config;
use super::sections::{Section, Sections};
use crate::fault::Faults;
use crate::fault::fields::shorten;
use crate::fault::tree::{Entry, Value};

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
    }
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

fn field<'d>(node: &'d crate::fault::tree::Node, name: &str) -> Option<&'d Entry> {
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
        let Some(section) = named("numbers").or_else(|| named("extensions")).or_else(covering) else { continue };
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
