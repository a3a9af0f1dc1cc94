//! `queues:`, `queue_families:` and `agents:` -> what the queue engine is to know, and where agents are rung.
//!
//! ```yaml
//! queues:
//!   support: {ring: 20s, wrap_up: 10s, back_off: {no_answer: 5s}}
//! agents:
//!   1001: {queues: [support]}
//!   night: {address: "sip:night@192.0.2.7:5060", queues: {support: {delay: 1m}}}
//! ```
//!
//! Invariant: every queue that an agent serves is there, an agent has one phone, and a phone one agent.

use super::families::{Family, MAX_FAMILIES, MAX_FAMILY_DIGITS};
use super::routing::{self, Known};
use super::sections::{Section, Sections, entry_name, limited};
use super::staffing::{self, Judged};
use super::{Agent, HOLD_MUSIC, Number, Overrides, Phone, Queue};
use crate::acd::{
    self, BackOff, Login, MAX_AGENT_WEIGHT, MAX_LEVEL, MAX_RING, MAX_WRAP_UP, MIN_BACK_OFF, MIN_RING, Membership, Skills,
};
use crate::expression::{Declared, Type};
use crate::fault::Faults;
use crate::fault::fields::{Fields, Reader, is_name, shorten};
use crate::fault::tree::{Node, Source, Spot, Value};
use crate::id::Name;
use crate::ivr::World;
use crate::sip::message::Uri;
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

const MAX_QUEUES: usize = 1000;
const MAX_AGENTS: usize = 10_000;
const MAX_QUEUES_OF_AGENT: usize = 100;
const MAX_WAITING: usize = 100_000;
const MAX_WEIGHT: u16 = 1000;
const MAX_NO_ANSWER: u32 = 1000;
const MAX_TIER: u16 = 1000;
const MAX_PAUSES: usize = 100;
const MAX_SKILLS: usize = 500;
const MAX_DISPOSITIONS: usize = 100;
const MAX_POSITION: u32 = 1_000_000;
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What stands in an address for what `--trunk-uas` says.
const TRUNK_UAS: &str = "${trunk_uas}";
/// What stands in a family for the place of an agent.
const PLACE: &str = "{n}";

const LOGINS: &[(&str, Login)] =
    &[("by_registration", Login::ByRegistration), ("always", Login::Always), ("manual", Login::Manual)];

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
}

pub(super) fn read(sections: &Sections<'_>, context: &Context<'_>, faults: &mut Faults) -> Queues {
    let mut read = Queues::default();
    let mut staff = Staff::default();
    let agents = limited(sections, "agents", MAX_AGENTS, faults);
    for (place, section) in agents.iter().enumerate() {
        let position = u32::try_from(place).unwrap_or(MAX_POSITION);
        read.agent(*section, position, context, &mut staff, faults);
    }
    let known = Known {
        world: context.world,
        skills: skills(sections, &staff, faults),
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
    staffing::judge(&judged, &agents, &read.settings, faults);
    read
}

/// The skills that may be asked for: those of the section `skills`, or, without it, those that some agent has.
fn skills(sections: &Sections<'_>, staff: &Staff, faults: &mut Faults) -> Declared {
    let number = |names: Vec<Name>| {
        let mut declared = Declared::default();
        names.iter().for_each(|name| declared.add(name, Type::Number));
        declared
    };
    let Some(section) = sections.once("skills") else { return number(staff.skills.keys().cloned().collect()) };
    let mut reader = section.reader(faults);
    let nodes = reader.items(section.value()).iter().take(MAX_SKILLS);
    let named: Vec<Name> = nodes.filter_map(|node| reader.name("a skill", node)).collect();
    for (skill, (source, spot)) in &staff.skills {
        if !named.contains(skill) {
            let known = named.iter().map(|name| &**name);
            source.complain_unknown(reader.faults, *spot, format!("no skill `{skill}`"), skill, known);
        }
    }
    number(named)
}

/// Who is an agent, whether their phones can be reached now or not.
#[derive(Default)]
struct Staff<'d> {
    /// Name -> where they are rung, as written, and how they log in.
    agents: BTreeMap<Name, (String, Login)>,
    /// Extension -> its agent.
    extensions: BTreeMap<Name, Name>,
    /// The queues that somebody serves, or was meant to.
    served: BTreeSet<Name>,
    groups: BTreeSet<Name>,
    /// Each with one place where an agent has it.
    skills: BTreeMap<Name, (Source<'d>, Spot)>,
}

impl Staff<'_> {
    fn serve(&self, queue: &str) -> bool {
        self.served.contains(queue)
    }
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

    fn agent<'d>(
        &mut self,
        section: Section<'d>,
        position: u32,
        context: &Context<'_>,
        staff: &mut Staff<'d>,
        faults: &mut Faults,
    ) {
        let mut reader = section.reader(faults);
        let spot = section.entry.spot;
        let Some(name) = entry_name("agent", section, &mut reader) else { return };
        let Some(mut fields) = reader.fields(format!("agent `{name}`"), spot, section.value()) else { return };
        let queues = memberships("queues", &mut fields, position, Some(context.world), &mut reader);
        let groups = memberships("groups", &mut fields, position, None, &mut reader);
        for group in groups.keys().filter(|group| context.world.queues.contains(*group)) {
            reader.fault(spot, format!("`{group}` is a queue: a group has another name"));
        }
        staff.served.extend(queues.keys().cloned());
        staff.groups.extend(groups.keys().cloned());
        let skills = levels(&mut fields, section.source, staff, &mut reader);
        let login = fields.value("login").map(|node| (node.spot, reader.word("`login`", node, LOGINS)));
        let contact = contact(&name, spot, &mut fields, context, staff, &mut reader);
        fields.finish(&mut reader);
        let Some(contact) = contact else { return };
        let usual = if matches!(contact, Contact::Extension(_)) { Login::ByRegistration } else { Login::Always };
        let (login_spot, login) = login.unwrap_or((spot, Some(usual)));
        let login = login.unwrap_or(usual);
        if usual == Login::Always && login != Login::Always {
            reader.fault(login_spot, "nobody watches the phone at an `address`, so its agent's `login` is `always`");
        }
        staff.agents.insert(name.clone(), (String::new(), login));
        let phone = match contact {
            Contact::Extension(extension) => Phone::Extension(extension),
            Contact::Address(Some(address)) => Phone::Address(address),
            Contact::Telephone(number) => Phone::Telephone(number),
            Contact::Address(None) => return,
        };
        self.settings.agents.insert(name.clone(), acd::Agent { login, queues, groups, skills });
        self.agents.insert(name, Agent { phone });
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
        let Service { service, .. } = service(&mut fields, known, &mut reader);
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

impl Staff<'_> {
    /// The agents of a family, who must not be others already.
    fn hire(&mut self, family: &Family, address: &str, spot: Spot, reader: &mut Reader<'_>) {
        for place in 1..=family.largest() {
            let place = place.to_string();
            let name = Name::from(family.agent.replace(PLACE, &place));
            let hired = (address.replace(PLACE, &place), family.login);
            if self.agents.get(&name).is_some_and(|known| *known != hired) {
                return reader.fault(spot, format!("agent `{name}` is somebody else already"));
            }
            self.agents.insert(name, hired);
        }
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
    routed(service, fields, known, reader)
}

/// What decides about who is asked and what becomes of callers.
fn routed(mut service: acd::Queue, fields: &mut Fields<'_>, known: &Known<'_>, reader: &mut Reader<'_>) -> Service {
    if let Some(rules) =
        fields.value("head_start").and_then(|node| routing::head_starts(node, &mut service.max_head_start, reader))
    {
        service.head_starts = rules;
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

/// What the callers of a queue are given while they wait.
fn queue(fields: &mut Fields<'_>, world: &World, reader: &mut Reader<'_>) -> Queue {
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
        return Queue::default();
    };
    let Some(music) = reader.name("`music`", node) else { return Queue::default() };
    let silent = missing(&music);
    if !silent.is_empty() {
        let known = world.sounds.values().flatten().map(|name| &**name);
        reader.unknown(node.spot, format!("no sound `{music}` in {silent}"), &music, known);
    }
    Queue { music }
}

/// `[support, sales]`, or `{support: {tier: 1, delay: 30s}}`. Queues must be known to `world`; groups come to be by being named.
fn memberships(
    what: &'static str,
    fields: &mut Fields<'_>,
    position: u32,
    world: Option<&World>,
    reader: &mut Reader<'_>,
) -> BTreeMap<Name, Membership> {
    let mut memberships = BTreeMap::new();
    let Some(node) = fields.value(what) else { return memberships };
    let usual = Membership { position, ..Membership::default() };
    let mut known = |name: &str, spot, reader: &mut Reader<'_>, membership| {
        let place = match world {
            Some(world) => world.queues.get(name).cloned(),
            None => is_name(name).then(|| Name::from(name)),
        };
        let Some(place) = place else {
            let queues = world.into_iter().flat_map(|world| world.queues.iter().map(|name| &**name));
            let kind = if world.is_some() { "no queue" } else { "no name for a group:" };
            reader.unknown(spot, format!("{kind} `{}`", shorten(name)), name, queues);
            return;
        };
        if memberships.insert(place.clone(), membership).is_some() {
            reader.fault(spot, format!("`{place}` stands here twice"));
        }
    };
    let count = match &node.value {
        Value::Map(entries) => {
            for entry in entries.iter().take(MAX_QUEUES_OF_AGENT) {
                let Some(membership) = membership(&entry.value, usual.clone(), reader) else { continue };
                known(&entry.key, entry.spot, reader, membership);
            }
            entries.len()
        }
        _ => {
            let items = reader.items(node);
            for item in items.iter().take(MAX_QUEUES_OF_AGENT) {
                let Some(name) = reader.text("an entry", item) else { continue };
                known(name, item.spot, reader, usual.clone());
            }
            items.len()
        }
    };
    if count > MAX_QUEUES_OF_AGENT {
        reader.fault(node.spot, format!("an agent has at most {MAX_QUEUES_OF_AGENT} {what}, not {count}"));
    }
    memberships
}

/// `{english: 5, mac: 2}`.
fn levels<'d>(fields: &mut Fields<'d>, source: Source<'d>, staff: &mut Staff<'d>, reader: &mut Reader<'_>) -> Skills {
    let mut skills = Skills::new();
    let Some(node) = fields.value("skills") else { return skills };
    let Some(mut fields) = reader.fields("`skills`", node.spot, node) else { return skills };
    for entry in fields.rest().into_iter().take(MAX_SKILLS) {
        if !is_name(&entry.key) {
            reader.fault(entry.spot, format!("`{}` is no name for a skill", shorten(&entry.key)));
            continue;
        }
        let skill = Name::from(&*entry.key);
        staff.skills.entry(skill.clone()).or_insert((source, entry.spot));
        if let Some(level) = reader.number(&format!("`{skill}`"), &entry.value, 1..=MAX_LEVEL) {
            skills.insert(skill, level);
        }
    }
    skills
}

pub(super) fn membership(node: &Node, usual: Membership, reader: &mut Reader<'_>) -> Option<Membership> {
    let mut membership = usual;
    let mut fields = reader.fields("a membership", node.spot, node)?;
    if let Some(node) = fields.value("tier") {
        membership.tier = reader.number("`tier`", node, 0..=MAX_TIER).unwrap_or(membership.tier);
    }
    if let Some(node) = fields.value("position") {
        membership.position = reader.number("`position`", node, 0..=MAX_POSITION).unwrap_or(membership.position);
    }
    if let Some(node) = fields.value("delay") {
        membership.delay = reader.duration("`delay`", node, Duration::ZERO..=DAY).unwrap_or(membership.delay);
    }
    if let Some(node) = fields.value("weight") {
        membership.weight = reader.number("`weight`", node, 1..=MAX_AGENT_WEIGHT).unwrap_or(membership.weight);
    }
    fields.finish(reader);
    Some(membership)
}

/// An agent's phone.
enum Contact {
    Extension(Name),
    /// `None`: it is good, but only `--trunk-uas` says where it is, and it was not said.
    Address(Option<Uri>),
    Telephone(Number),
}

/// Their `extension`, `address` or `telephone`; without any, the extension of their name.
fn contact(
    agent: &Name,
    spot: Spot,
    fields: &mut Fields<'_>,
    context: &Context<'_>,
    staff: &mut Staff<'_>,
    reader: &mut Reader<'_>,
) -> Option<Contact> {
    let extensions = &context.world.extensions;
    if let Some(node) = fields.value("telephone") {
        return telephone(node, reader);
    }
    let (extension, spot) = match (fields.value("extension"), fields.value("address")) {
        (None, Some(node)) => {
            let text = reader.text("`address`", node)?;
            return address(text, node.spot, context, reader).map(Contact::Address);
        }
        (Some(_), Some(node)) => {
            reader.fault(node.spot, "an agent has an `extension` or an `address`, not both");
            return None;
        }
        (Some(node), None) => (reader.name("`extension`", node)?, node.spot),
        (None, None) if extensions.contains(agent) => (agent.clone(), spot),
        (None, None) => {
            fields.lacks("extension", format!("agent `{agent}` has neither `extension` nor `address`, and is no extension"));
            return None;
        }
    };
    if !extensions.contains(&extension) {
        let known = extensions.iter().map(|name| &**name);
        reader.unknown(spot, format!("no extension `{extension}`"), &extension, known);
        return None;
    }
    if let Some(other) = staff.extensions.insert(extension.clone(), agent.clone()) {
        reader.fault(spot, format!("extension `{extension}` is agent `{other}`'s already"));
    }
    Some(Contact::Extension(extension))
}

/// `+48601234567`: outside, through a trunk.
fn telephone(node: &Node, reader: &mut Reader<'_>) -> Option<Contact> {
    let text = reader.text("`telephone`", node)?;
    let number = Number::parse(text);
    if number.is_none() {
        let message =
            format!("`telephone` is a number with its plus and country, as \"+48601234567\", not `{}`", shorten(text));
        reader.fault(node.spot, message);
    }
    number.map(Contact::Telephone)
}

/// `sip:USER@ADDRESS:PORT`. `Some(None)`: good, but it is not known where.
fn address(written: &str, spot: Spot, context: &Context<'_>, reader: &mut Reader<'_>) -> Option<Option<Uri>> {
    let uri = Uri::parse(substitute(written, context)).ok();
    let uri = uri.filter(|uri| uri.is_sip() && uri.ip().is_some() && uri.raw_user().is_some_and(|user| !user.is_empty()));
    let Some((uri, ip)) = uri.and_then(|uri| uri.ip().map(|ip| (uri, ip))) else {
        reader.fault(spot, format!("`address` is sip:USER@ADDRESS:PORT with an IP address, not `{}`", shorten(written)));
        return None;
    };
    if context.lab && !ip.to_canonical().is_loopback() {
        reader.fault(spot, format!("{ip} is not on loopback (127.0.0.0/8, ::1), which `lab: true` requires"));
    }
    let known = context.overrides.trunk_uas.is_some() || !written.contains(TRUNK_UAS);
    Some(known.then_some(uri))
}

/// With a place for `${trunk_uas}` where it was not said, so that the rest can be judged.
fn substitute(written: &str, context: &Context<'_>) -> String {
    let at = context.overrides.trunk_uas.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    written.replace(TRUNK_UAS, &at.to_string())
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
