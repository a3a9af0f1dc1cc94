//! `queues:`, `queue_families:` and `pauses:` -> what the queue engine is to know; `agents:` stands beside it.
//!
//! ```yaml
//! queues:
//!   support: {ring: 20s, wrap_up: 10s, back_off: {no_answer: 5s}}
//! agents:
//!   1001: {queues: [support]}
//!   night: {address: "sip:night@192.0.2.7:5060", queues: {support: {delay: 1m}}}
//! ```
//!
//! Invariant: every queue that an agent serves is there.

use super::agents::{MAX_POSITION, MAX_SKILLS, PLACE, Staff, address, substitute};
use super::families::{Family, MAX_FAMILIES, MAX_FAMILY_DIGITS};
use super::routing::{self, Known, is_askable};
use super::sections::{Section, Sections, entry_name, limited};
use super::staffing::{self, Judged};
use super::{Agent, HOLD_MUSIC, Overrides, Queue};
use crate::acd::{self, BackOff, HeadStarts, Login, MAX_RING, MAX_WRAP_UP, MIN_BACK_OFF, MIN_RING};
use crate::expression::{Declared, Type};
use crate::fault::Faults;
use crate::fault::fields::{Fields, Reader, is_name, shorten};
use crate::fault::tree::{Node, Spot};
use crate::id::Name;
use crate::ivr::World;
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

const MAX_QUEUES: usize = 1000;
const MAX_AGENTS: usize = 10_000;
const MAX_WAITING: usize = 100_000;
const MAX_WEIGHT: u16 = 1000;
const MAX_NO_ANSWER: u32 = 1000;
const MAX_PAUSES: usize = 100;
const MAX_DISPOSITIONS: usize = 100;
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What queues and agents are judged by.
pub(super) struct Context<'a> {
    pub lab: bool,
    pub overrides: &'a Overrides,
    /// The queues, extensions and sounds that there are, good or bad.
    pub world: &'a World,
}

#[derive(Default)]
pub(super) struct Queues {
    pub settings: acd::Settings,
    pub queues: BTreeMap<Name, Queue>,
    pub agents: BTreeMap<Name, Agent>,
    pub families: Vec<Family>,
    /// That may be asked for.
    pub skills: BTreeSet<Name>,
}

pub(super) fn read(sections: &Sections<'_>, context: &Context<'_>, faults: &mut Faults) -> Queues {
    let mut read = Queues::default();
    let mut staff = Staff::default();
    let agents = limited(sections, "agents", MAX_AGENTS, faults);
    for (place, section) in agents.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(MAX_POSITION);
        read.agent(*section, position, context, &mut staff, faults);
    }
    read.skills = skills(sections, &staff, faults);
    let known = Known {
        world: context.world,
        skills: Declared::new(read.skills.iter().map(|skill| (&**skill, Type::Number))),
        groups: std::mem::take(&mut staff.groups),
        agents: sections.names("agents"),
    };
    let queues = limited(sections, "queues", MAX_QUEUES, faults);
    let mut judged = Vec::new();
    for section in &queues {
        judged.extend(read.queue(*section, &known, faults));
    }
    for section in limited(sections, "queue_families", MAX_FAMILIES, faults) {
        read.family(section, context, &known, &mut staff, faults);
    }
    for section in limited(sections, "pauses", MAX_PAUSES, faults) {
        read.pause(section, &known, faults);
    }
    for section in queues {
        let name = &*section.entry.key;
        if read.settings.queues.contains_key(name) && !staff.serve(name) {
            faults.warn(
                section.source.place(section.entry.spot),
                format!("queue `{name}` has no agents: its callers wait in vain"),
            );
        }
    }
    let agents = agents.into_iter().map(|section| (Name::from(&*section.entry.key), section)).collect();
    let hours = read.queues.iter().filter(|(_, queue)| queue.hours.is_some()).map(|(name, _)| name.clone()).collect();
    // What only together is right or wrong is judged once all of it could be read.
    if faults.unread().is_empty() {
        staffing::judge(&judged, &agents, &read.settings, &hours, faults);
    }
    read
}

/// The skills that may be asked for: those of the section `skills`, or, without it, those that some agent has.
fn skills(sections: &Sections<'_>, staff: &Staff, faults: &mut Faults) -> BTreeSet<Name> {
    for (skill, (source, spot)) in staff.skills.iter().filter(|(skill, _)| !is_askable(skill)) {
        source.complain(
            faults,
            *spot,
            format!("a skill named `{skill}` can never be asked for: it means something else in a `need`"),
        );
    }
    // Skills of agents who could not be read are there all the same.
    let unread: Vec<Name> = faults.unread().iter().filter(|word| is_name(word)).map(|word| Name::from(&**word)).collect();
    let Some(section) = sections.once("skills") else { return staff.skills.keys().cloned().chain(unread).collect() };
    let mut reader = section.reader(faults);
    let nodes = reader.items(section.value()).iter().take(MAX_SKILLS);
    let named: BTreeSet<Name> = nodes.filter_map(|node| reader.name("a skill", node)).collect();
    for (skill, (source, spot)) in &staff.skills {
        if !named.contains(skill) {
            let known = named.iter().map(|name| &**name);
            source.complain_unknown(reader.faults, *spot, format!("no skill `{skill}`"), skill, known);
        }
    }
    named.into_iter().chain(unread).collect()
}

impl Queues {
    pub(super) fn queue<'d>(&mut self, section: Section<'d>, known: &Known<'_>, faults: &mut Faults) -> Option<Judged<'d>> {
        let mut reader = section.reader(faults);
        let name = entry_name("queue", section, &mut reader)?;
        let mut fields = reader.fields(format!("queue `{name}`"), section.entry.spot, section.value())?;
        let Service { service, need, steps, overflow } = service(&mut fields, known, &mut reader);
        let queue = queue(&mut fields, known.world, &mut reader);
        fields.finish(&mut reader);
        self.settings.queues.insert(name.clone(), service);
        self.queues.insert(name.clone(), queue);
        Some(Judged { name, section, need, steps, overflow })
    }

    fn pause(&mut self, section: Section<'_>, known: &Known<'_>, faults: &mut Faults) {
        let mut reader = section.reader(faults);
        let Some(name) = entry_name("pause", section, &mut reader) else { return };
        if let Some(rule) = routing::pause(&name, section.value(), section.entry.spot, known, &mut reader) {
            self.settings.pauses.insert(name, rule);
        }
    }

    fn family(
        &mut self,
        section: Section<'_>,
        context: &Context<'_>,
        known: &Known<'_>,
        staff: &mut Staff<'_>,
        faults: &mut Faults,
    ) {
        let mut reader = section.reader(faults);
        let (pattern, spot) = (&*section.entry.key, section.entry.spot);
        let parts = split_pattern(pattern);
        if parts.is_none() {
            let message = format!(
                "`{}` is no pattern of numbers: digits, then one to {MAX_FAMILY_DIGITS} `N` for the number of agents, as 3NNN",
                shorten(pattern)
            );
            reader.fault(spot, message);
        }
        let what = format!("family `{}`", shorten(pattern));
        let Some(mut fields) = reader.fields(what, spot, section.value()) else { return };
        let Service { service, need, steps, .. } = service(&mut fields, known, &mut reader);
        let asks = service.steps.iter().zip(&steps).filter_map(|(step, spot)| Some((step.need.as_ref()?, *spot)));
        for (need, spot) in asks.chain([(&service.need, need)]).filter(|(need, _)| !need.is_nothing()) {
            reader.fault(spot, format!("agents of a family have no skills: nobody meets `{need}`"));
        }
        let queue = queue(&mut fields, context.world, &mut reader);
        let agent = fields.required("agents").and_then(|node| agent_pattern(node, &mut reader));
        let written = fields.required("address").and_then(|node| Some((reader.text("`address`", node)?, node.spot)));
        let address =
            written.and_then(|(text, spot)| Some((text, address(&text.replace(PLACE, "1"), spot, context, &mut reader)?)));
        fields.finish(&mut reader);
        let (Some((prefix, digits)), Some((agent, agent_spot)), Some((written, address))) = (parts, agent, address) else {
            return;
        };
        if let Some(other) = self.families.iter().find(|other| overlap(other, prefix, digits)) {
            reader.fault(spot, format!("`{pattern}` and `{}` have numbers in common", other.pattern()));
        }
        let family = Family {
            prefix: prefix.into(),
            digits,
            service,
            queue,
            login: Login::Always,
            agent: agent.into(),
            address: address.is_some().then(|| substitute(written, context)),
        };
        staff.hire(&family, written, agent_spot, &mut reader);
        self.families.push(family);
    }
}

/// How callers are served, with the places of what is judged together with the agents.
struct Service {
    service: acd::Queue,
    need: Spot,
    steps: Vec<Spot>,
    overflow: Vec<Spot>,
}

/// The fields that queues and families share.
fn service(fields: &mut Fields<'_>, known: &Known<'_>, reader: &mut Reader<'_>) -> Service {
    let mut service = acd::Queue::default();
    let mut capped = false;
    if let Some(order) = fields.value("strategy").and_then(|node| routing::order(node, reader)) {
        service.order = order;
    }
    for (name, value, range) in [
        ("ring", &mut service.ring, MIN_RING..=MAX_RING),
        ("wrap_up", &mut service.wrap_up, Duration::ZERO..=MAX_WRAP_UP),
        ("max_head_start", &mut service.max_head_start, Duration::ZERO..=DAY),
        ("redial", &mut service.redial, Duration::ZERO..=DAY),
    ] {
        if let Some(node) = fields.value(name) {
            *value = reader.duration(&format!("`{name}`"), node, range).unwrap_or(*value);
            capped |= name == "max_head_start";
        }
    }
    if let Some(node) = fields.value("back_off") {
        back_off(node, &mut service.back_off, reader);
    }
    if let Some(node) = fields.value("max_no_answer") {
        service.max_no_answer = reader.number("`max_no_answer`", node, 0..=MAX_NO_ANSWER).unwrap_or(service.max_no_answer);
    }
    if let Some(node) = fields.value("weight") {
        service.weight = reader.number("`weight`", node, 0..=MAX_WEIGHT).unwrap_or(service.weight);
    }
    if let Some(node) = fields.value("max_waiting") {
        service.max_waiting = reader.number("`max_waiting`", node, 1..=MAX_WAITING).unwrap_or(service.max_waiting);
    }
    for node in fields.value("dispositions").map(|node| reader.items(node)).unwrap_or_default().iter().take(MAX_DISPOSITIONS) {
        service.dispositions.extend(reader.name("a disposition", node));
    }
    routed(service, capped, fields, known, reader)
}

/// What decides about who is asked and what becomes of callers. `capped`: it is said how much head starts give together.
fn routed(
    mut service: acd::Queue,
    capped: bool,
    fields: &mut Fields<'_>,
    known: &Known<'_>,
    reader: &mut Reader<'_>,
) -> Service {
    if let Some((spot, (rules, cap))) =
        fields.value("head_start").and_then(|node| Some((node.spot, routing::head_starts(node, capped, reader)?)))
    {
        service.head_starts = rules;
        service.max_head_start = cap.unwrap_or(service.max_head_start);
        if service.max_head_start.is_zero() && service.head_starts != HeadStarts::default() {
            let place = reader.place(spot);
            reader.faults.warn(place, "these head starts give nothing: all of them together are capped at 0s");
        }
    }
    if let Some(level) = fields.value("service_level").and_then(|node| routing::service_level(node, reader)) {
        service.service_level = level;
    }
    if let Some(announce) = fields.value("announce").and_then(|node| routing::announce(node, known, reader)) {
        service.announce = announce;
    }
    let mut need = fields.spot;
    if let Some(node) = fields.value("need") {
        need = node.spot;
        service.need = known.need("`need`", node, reader).unwrap_or_default();
    }
    let steps = fields.value("steps").map(|node| known.steps(node, reader)).unwrap_or_default();
    let overflow = fields.value("overflow").map(|node| known.overflow(node, reader)).unwrap_or_default();
    let (list, steps) = steps.into_iter().unzip();
    service.steps = list;
    let (list, overflow) = overflow.into_iter().unzip();
    service.overflow = list;
    Service { service, need, steps, overflow }
}

fn back_off(node: &Node, back_off: &mut BackOff, reader: &mut Reader<'_>) {
    let Some(mut fields) = reader.fields("`back_off`", node.spot, node) else { return };
    let BackOff { no_answer, busy, rejected, unreachable, caller_gone, lost_race, cancelled } = back_off;
    for (name, value, least) in [
        ("no_answer", no_answer, MIN_BACK_OFF),
        ("busy", busy, MIN_BACK_OFF),
        ("rejected", rejected, MIN_BACK_OFF),
        ("unreachable", unreachable, MIN_BACK_OFF),
        ("caller_gone", caller_gone, Duration::ZERO),
        ("lost_race", lost_race, Duration::ZERO),
        ("cancelled", cancelled, Duration::ZERO),
    ] {
        if let Some(node) = fields.value(name) {
            *value = reader.duration(&format!("`{name}`"), node, least..=LONGEST_BACK_OFF).unwrap_or(*value);
        }
    }
    fields.finish(reader);
}

/// What the callers of a queue are given while they wait, and when it is open.
fn queue(fields: &mut Fields<'_>, world: &World, reader: &mut Reader<'_>) -> Queue {
    let hours = fields.value("hours").and_then(|node| calendar(node, world, reader));
    Queue { music: music(fields, world, reader), hours }
}

fn calendar(node: &Node, world: &World, reader: &mut Reader<'_>) -> Option<Name> {
    let text = reader.text("`hours`", node)?;
    let calendar = world.calendars.get(text).cloned();
    if calendar.is_none() {
        let known = world.calendars.iter().map(|name| &**name);
        reader.unknown(node.spot, format!("no calendar `{}`", shorten(text)), text, known);
    }
    calendar
}

fn music(fields: &mut Fields<'_>, world: &World, reader: &mut Reader<'_>) -> Name {
    let missing = |music: &str| {
        let without = world.languages.iter().filter(|language| !world.has(language, music)).map(|name| &**name);
        without.collect::<Vec<_>>().join(", ")
    };
    let Some(node) = fields.value("music") else {
        let silent = missing(HOLD_MUSIC);
        if !silent.is_empty() {
            let message =
                format!("no sound `{HOLD_MUSIC}` in {silent}: callers wait in silence; `centrala sounds build` makes it");
            reader.faults.warn(reader.source.place(fields.spot), message);
        }
        return HOLD_MUSIC.into();
    };
    let Some(music) = reader.name("`music`", node) else { return HOLD_MUSIC.into() };
    let silent = missing(&music);
    if !silent.is_empty() {
        let known = world.sounds.values().flatten().map(|name| &**name);
        reader.unknown(node.spot, format!("no sound `{music}` in {silent}"), &music, known);
    }
    music
}

/// `a{n}`: a name once `{n}` is a number.
fn agent_pattern<'n>(node: &'n Node, reader: &mut Reader<'_>) -> Option<(&'n str, Spot)> {
    let pattern = reader.text("`agents`", node)?;
    if pattern.matches(PLACE).count() != 1 || !is_name(&pattern.replace(PLACE, "999")) {
        reader.fault(
            node.spot,
            format!("`agents` is a name with one `{PLACE}` for the agent's number, as a{PLACE}, not `{}`", shorten(pattern)),
        );
        return None;
    }
    Some((pattern, node.spot))
}

/// `3NNN` is the prefix 3 and three digits.
fn split_pattern(pattern: &str) -> Option<(&str, usize)> {
    let prefix = pattern.trim_end_matches('N');
    let digits = pattern.len() - prefix.len();
    let good = !prefix.is_empty() && prefix.len() <= 20 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    (good && (1..=MAX_FAMILY_DIGITS).contains(&digits)).then_some((prefix, digits))
}

/// Is there a number of both?
fn overlap(family: &Family, prefix: &str, digits: usize) -> bool {
    let same_length = family.prefix.len() + family.digits == prefix.len() + digits;
    same_length && (family.prefix.starts_with(prefix) || prefix.starts_with(&family.prefix))
}
