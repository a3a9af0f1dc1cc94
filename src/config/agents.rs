//! `agents:` -> whom the queue engine may ask, what they know, and where they are rung.
//!
//! Invariant: an agent has one phone, and a phone one agent.

use super::queues::{Context, Queues};
use super::sections::{Section, entry_name};
use super::{Agent, Family, Number, Phone};
use crate::acd::{self, Login, MAX_AGENT_WEIGHT, MAX_LEVEL, Membership, Skills};
use crate::fault::Faults;
use crate::fault::fields::{Fields, Reader, is_name, shorten};
use crate::fault::tree::{Node, Source, Spot, Value};
use crate::id::Name;
use crate::ivr::World;
use crate::sip::message::Uri;
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

const MAX_QUEUES_OF_AGENT: usize = 100;
pub(super) const MAX_SKILLS: usize = 500;
const MAX_TIER: u16 = 1000;
pub(super) const MAX_POSITION: u32 = 1_000_000;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What stands in an address for what `--trunk-uas` says.
const TRUNK_UAS: &str = "${trunk_uas}";
/// What stands in a family for the place of an agent.
pub(super) const PLACE: &str = "{n}";

const LOGINS: &[(&str, Login)] =
    &[("by_registration", Login::ByRegistration), ("always", Login::Always), ("manual", Login::Manual)];

/// Who is an agent, whether their phones can be reached now or not.
#[derive(Default)]
pub(super) struct Staff<'d> {
    /// Name -> where they are rung, as written, and how they log in.
    pub agents: BTreeMap<Name, (String, Login)>,
    /// Extension -> its agent.
    extensions: BTreeMap<Name, Name>,
    /// The queues that somebody serves, or was meant to.
    served: BTreeSet<Name>,
    pub groups: BTreeSet<Name>,
    /// Each with one place where an agent has it.
    pub skills: BTreeMap<Name, (Source<'d>, Spot)>,
}

impl Staff<'_> {
    pub fn serve(&self, queue: &str) -> bool {
        self.served.contains(queue)
    }
}

impl Queues {
    pub(super) fn agent<'d>(
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
            let at = if matches!(contact, Contact::Telephone(_)) { "of a `telephone`" } else { "at an `address`" };
            reader.fault(login_spot, format!("nobody watches the phone {at}, so its agent's `login` is `always`"));
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
}

impl Staff<'_> {
    /// The agents of a family, who must not be others already.
    pub fn hire(&mut self, family: &Family, address: &str, spot: Spot, reader: &mut Reader<'_>) {
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
        // It may be one that could not be read.
        (None, None) if reader.faults.is_unread(agent) => return None,
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
pub(super) fn address(written: &str, spot: Spot, context: &Context<'_>, reader: &mut Reader<'_>) -> Option<Option<Uri>> {
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
pub(super) fn substitute(written: &str, context: &Context<'_>) -> String {
    let at = context.overrides.trunk_uas.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    written.replace(TRUNK_UAS, &at.to_string())
}
