//! What a desk phone dials for a service of the house: `ring_groups:`, `parking:`, `feature_codes:`.
//!
//! ```yaml
//! ring_groups:
//!   sales: {members: [1001, 1002, "+48601234567"], strategy: in_turn, ring: 15s}
//! parking: {slots: 701-710, timeout: 2m}
//! feature_codes:
//!   login: "*11"
//!   pause: {"*13": break, "*14": lunch}
//!   forward: "*21"                        # *21221234567; what takes it back: forward_off
//!   pickup: "*8"                          # *81002 takes the call that rings at 1002
//!   three_way: "*3"                       # pressed in one call while another is on hold: all three talk
//! ```
//!
//! Invariant: no code is another's beginning, so that what is dialled means one thing.

use super::number::is_dialable;
use super::sections::{Section, Sections, entry_name, limited};
use crate::fault::Faults;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::{Node, Spot, Value};
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const MAX_GROUPS: usize = 1000;
/// As many as can ring together.
const MAX_MEMBERS: usize = 20;
const MAX_SLOTS: u32 = 1000;
const MAX_CODES: usize = 100;
/// The longest code; the number that follows it has room within what can be dialled.
const MAX_CODE: usize = 6;

const STRATEGIES: &[(&str, InTurn)] = &[("all", InTurn(false)), ("in_turn", InTurn(true))];

/// Several who are called by one number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RingGroup {
    /// Extensions, or what one would dial outside.
    pub members: Vec<String>,
    pub in_turn: InTurn,
    /// How long each is rung, or all are.
    pub ring: Duration,
}

/// One after the other, rather than all at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InTurn(pub bool);

/// Numbers where a call can be left and fetched from another phone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Parking {
    pub first: u32,
    pub last: u32,
    /// Who parked it is rung after this.
    pub timeout: Duration,
}

impl Parking {
    /// The slot that is dialled.
    pub fn slot(&self, dialled: &str) -> Option<u32> {
        let slot = dialled.parse().ok()?;
        let plain = !dialled.starts_with(['+', '0']);
        (plain && (self.first..=self.last).contains(&slot)).then_some(slot)
    }
}

/// What a code does for the phone that dials it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Code {
    Login,
    Logout,
    Pause(Name),
    Resume,
    /// Followed by the number.
    Forward(When),
    ForwardOff,
    /// Followed by the extension.
    Pickup,
    /// Parks at the first free slot whoever is transferred there.
    Park,
    /// Brings the phone's two calls together.
    ThreeWay,
    /// Leads to this flow.
    Voicemail(Name),
}

impl Code {
    fn takes_number(&self) -> bool {
        matches!(self, Code::Forward(_) | Code::Pickup)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum When {
    Always,
    Busy,
    NoAnswer,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Services {
    pub groups: BTreeMap<Name, RingGroup>,
    pub parking: Option<Parking>,
    pub codes: BTreeMap<String, Code>,
}

impl Services {
    /// What is dialled for this.
    pub fn of(&self, what: &Code) -> Option<&str> {
        self.codes.iter().find(|(_, it)| *it == what).map(|(code, _)| code.as_str())
    }

    /// What a dialled code asks for, and the number that follows it.
    pub fn code<'d>(&self, dialled: &'d str) -> Option<(&Code, &'d str)> {
        self.codes.iter().find_map(|(code, what)| {
            let rest = dialled.strip_prefix(code.as_str())?;
            (rest.is_empty() != what.takes_number()).then_some((what, rest))
        })
    }
}

/// `extensions` are those that there are, good or bad; `flows` likewise.
pub(super) fn read(
    sections: &Sections<'_>,
    extensions: &BTreeSet<Name>,
    flows: &BTreeSet<Name>,
    faults: &mut Faults,
) -> Services {
    let known = Known { flows, pauses: sections.names("pauses") };
    let mut services = Services::default();
    for section in limited(sections, "ring_groups", MAX_GROUPS, faults) {
        let mut reader = section.reader(faults);
        let Some(name) = entry_name("ring group", section, &mut reader) else { continue };
        if let Some(group) = group(section, extensions, &mut reader) {
            services.groups.insert(name, group);
        }
    }
    if let Some(section) = sections.once("parking") {
        services.parking = parking(section, &mut section.reader(faults));
    }
    if let Some(section) = sections.once("feature_codes") {
        codes(section, &known, &mut services.codes, &mut section.reader(faults));
    }
    services
}

fn group(section: Section<'_>, extensions: &BTreeSet<Name>, reader: &mut Reader<'_>) -> Option<RingGroup> {
    let what = format!("ring group `{}`", shorten(&section.entry.key));
    let mut fields = reader.fields(&what, section.entry.spot, section.value())?;
    let mut members = Vec::new();
    if let Some(node) = fields.required("members") {
        let items = reader.items(node);
        if items.is_empty() || items.len() > MAX_MEMBERS {
            reader.fault(node.spot, format!("1 to {MAX_MEMBERS} members, not {}", items.len()));
        }
        for item in items.iter().take(MAX_MEMBERS) {
            members.extend(member(item, extensions, &members, reader));
        }
    }
    let mut group = RingGroup { members, in_turn: InTurn(false), ring: Duration::from_secs(20) };
    if let Some(node) = fields.value("strategy") {
        group.in_turn = reader.word("`strategy`", node, STRATEGIES).unwrap_or(group.in_turn);
    }
    if let Some(node) = fields.value("ring") {
        let range = Duration::from_secs(1)..=Duration::from_secs(300);
        group.ring = reader.duration("`ring`", node, range).unwrap_or(group.ring);
    }
    fields.finish(reader);
    Some(group)
}

fn member(node: &Node, extensions: &BTreeSet<Name>, had: &[String], reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text("a member", node)?;
    let outside = text.starts_with('+') && is_dialable(text);
    if !outside && !extensions.contains(text) {
        let known = extensions.iter().map(|name| &**name);
        let message = format!("no extension `{}`; a telephone outside begins with its plus", shorten(text));
        reader.unknown(node.spot, message, text, known);
        return None;
    }
    if had.iter().any(|had| had == text) {
        reader.fault(node.spot, format!("`{text}` stands here twice"));
    }
    Some(text.to_string())
}

/// `{slots: 701-710, timeout: 2m}`.
fn parking(section: Section<'_>, reader: &mut Reader<'_>) -> Option<Parking> {
    let mut fields = reader.fields("`parking`", section.entry.spot, section.value())?;
    let slots = fields.required("slots").and_then(|node| slots(node, reader));
    let mut timeout = Duration::from_secs(120);
    if let Some(node) = fields.value("timeout") {
        let range = Duration::from_secs(5)..=Duration::from_secs(3600);
        timeout = reader.duration("`timeout`", node, range).unwrap_or(timeout);
    }
    fields.finish(reader);
    let (first, last) = slots?;
    Some(Parking { first, last, timeout })
}

fn slots(node: &Node, reader: &mut Reader<'_>) -> Option<(u32, u32)> {
    let text = reader.text("`slots`", node)?;
    let ends = text.split_once('-').and_then(|(first, last)| Some((first.parse::<u32>().ok()?, last.parse::<u32>().ok()?)));
    let ends = ends.filter(|(first, last)| *first > 0 && first <= last && last - first < MAX_SLOTS);
    if ends.is_none() {
        let message = format!("`slots` is the first and the last, as 701-710, at most {MAX_SLOTS}, not `{}`", shorten(text));
        reader.fault(node.spot, message);
    }
    ends
}

/// What codes may name.
struct Known<'a> {
    flows: &'a BTreeSet<Name>,
    /// Where none is written, a pause may have any reason.
    pauses: BTreeSet<Name>,
}

fn codes(section: Section<'_>, known: &Known<'_>, codes: &mut BTreeMap<String, Code>, reader: &mut Reader<'_>) {
    let Some(mut fields) = reader.fields("`feature_codes`", section.entry.spot, section.value()) else { return };
    for (name, code) in [
        ("login", Code::Login),
        ("logout", Code::Logout),
        ("resume", Code::Resume),
        ("forward", Code::Forward(When::Always)),
        ("forward_busy", Code::Forward(When::Busy)),
        ("forward_no_answer", Code::Forward(When::NoAnswer)),
        ("forward_off", Code::ForwardOff),
        ("pickup", Code::Pickup),
        ("park", Code::Park),
        ("three_way", Code::ThreeWay),
    ] {
        if let Some(node) = fields.value(name)
            && let Some(text) = reader.text(&format!("`{name}`"), node)
        {
            add(codes, text, node.spot, code, reader);
        }
    }
    for (name, make) in [("pause", Code::Pause as fn(Name) -> Code), ("voicemail", Code::Voicemail)] {
        let Some(node) = fields.value(name) else { continue };
        let Value::Map(entries) = &node.value else {
            let message = format!("`{name}` is a mapping of codes, as {{\"*13\": lunch}}, not {}", node.kind());
            reader.fault(node.spot, message);
            continue;
        };
        for entry in entries.iter().take(MAX_CODES) {
            let Some(what) = reader.name(&format!("a {name}"), &entry.value) else { continue };
            let (kind, names) = if name == "pause" { ("pause", &known.pauses) } else { ("flow", known.flows) };
            let any = name == "pause" && names.is_empty();
            if !any && !names.contains(&what) {
                let known = names.iter().map(|name| &**name);
                reader.unknown(entry.value.spot, format!("no {kind} `{what}`"), &what, known);
            }
            add(codes, &entry.key, entry.spot, make(what), reader);
        }
    }
    fields.finish(reader);
}

fn add(codes: &mut BTreeMap<String, Code>, text: &str, spot: Spot, code: Code, reader: &mut Reader<'_>) {
    let marked = text.starts_with(['*', '#']) && text.len() > 1 && text.len() <= MAX_CODE && is_dialable(text);
    if !marked {
        let message = format!("a code begins with `*` or `#`, at most {MAX_CODE} in all, as \"*21\", not `{}`", shorten(text));
        return reader.fault(spot, message);
    }
    if let Some((other, _)) = codes.iter().find(|(other, _)| text.starts_with(other.as_str()) || other.starts_with(text)) {
        return reader.fault(spot, format!("`{text}` cannot be told from `{other}`"));
    }
    codes.insert(text.to_string(), code);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_from_the_number_that_follows_it() {
        let codes = [
            ("*11", Code::Login),
            ("*13", Code::Pause("lunch".into())),
            ("*21", Code::Forward(When::Always)),
            ("*8", Code::Pickup),
        ];
        let services = Services { codes: codes.map(|(code, what)| (code.to_string(), what)).into(), ..Services::default() };
        for (dialled, expected) in [
            ("*11", Some((Code::Login, ""))),
            ("*111", None),
            ("*13", Some((Code::Pause("lunch".into()), ""))),
            ("*21221234567", Some((Code::Forward(When::Always), "221234567"))),
            ("*21", None),
            ("*81002", Some((Code::Pickup, "1002"))),
            ("11", None),
        ] {
            assert_eq!(services.code(dialled), expected.as_ref().map(|(code, rest)| (code, *rest)), "{dialled}");
        }
    }

    #[test]
    fn a_slot_is_dialled_as_it_stands() {
        let parking = Parking { first: 701, last: 710, timeout: Duration::from_secs(60) };
        for (dialled, slot) in
            [("701", Some(701)), ("710", Some(710)), ("711", None), ("0701", None), ("+701", None), ("", None)]
        {
            assert_eq!(parking.slot(dialled), slot, "{dialled}");
        }
    }
}
