//! A day to be simulated: who calls when, how long they talk and wait, who works when.
//!
//! ```yaml
//! day:
//!   begins: "08:00"
//!   interval: 30m
//!   calls:
//!     support: {arrivals: [40, 80, 120, 80], handling: 3m, patience: 5m}
//!   shifts:
//!     - {agents: 12, queues: [support], skills: {english: 5}, pauses: [{at: "09:00", for: 15m}]}
//! queues:
//!   support: {wrap_up: 15s}
//! ```
//!
//! Queues are written as in `queues.yaml`, in the same file or in another. Invariant: every queue that is named exists.

use super::agents::membership;
use super::queues::Queues;
use super::routing::Known;
use super::sections::{Sections, limited};
use crate::acd::{self, MAX_LEVEL, Membership, Skills};
use crate::expression::{Declared, Type};
use crate::fault::fields::{Fields, Reader, is_name, shorten};
use crate::fault::tree::{Entry, Node, Spot, Value};
use crate::fault::{Fault, Faults, Place};
use crate::id::Name;
use crate::ivr::World;
use crate::time::Duration;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Calls of one queue in one interval.
const MAX_ARRIVALS: u32 = 100_000;
/// Intervals of a day: as many as there are minutes.
const MAX_INTERVALS: usize = 24 * 60;
const MAX_SHIFTS: usize = 1000;
const MAX_QUEUES: usize = 1000;
const MAX_SKILLS: usize = 100;
/// Of one shift.
const MAX_PAUSES: usize = 32;
/// Of all shifts together.
const MAX_AGENTS: u32 = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is simulated. Times of day count from `begins`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Day {
    /// Since midnight.
    pub begins: Duration,
    pub interval: Duration,
    /// How long a phone rings before its agent takes the call.
    pub pickup: Duration,
    pub calls: BTreeMap<Name, Traffic>,
    pub shifts: Vec<Shift>,
    pub queues: BTreeMap<Name, acd::Queue>,
}

/// Who calls one queue.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// So many in each interval, at random moments of it.
    pub arrivals: Vec<u32>,
    /// `arrivals` are averages, and chance draws how many come (a Poisson stream); otherwise exactly so many come.
    pub drawn: bool,
    /// The average of talking, exponentially distributed; wrap-up is the queue's and comes on top.
    pub handling: Duration,
    /// How long they wait on average before they hang up, exponentially distributed; `None`: for ever.
    pub patience: Option<Duration>,
}

/// Agents who work at the same time and know the same.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Shift {
    pub agents: u32,
    pub from: Duration,
    /// The end of the day when it is not said.
    pub to: Option<Duration>,
    pub queues: BTreeMap<Name, Membership>,
    pub skills: Skills,
    /// When, and how long.
    pub pauses: Vec<(Duration, Duration)>,
}

impl Day {
    /// When the last callers come.
    pub fn length(&self) -> Duration {
        let intervals = self.calls.values().map(|traffic| traffic.arrivals.len()).max().unwrap_or(0);
        self.interval * u32::try_from(intervals).unwrap_or(u32::MAX)
    }

    /// The day of a file, with the queues of another if one is given: (path, bytes) each. Or everything that is wrong.
    pub fn read(file: (&str, &[u8]), queues: Option<(&str, &[u8])>) -> Result<Day, Vec<Fault>> {
        let mut faults = Faults::new();
        let files = [(file.0.to_string(), file.1.to_vec())].into();
        let documents = Sections::parse(&files, &mut faults);
        let sections = Sections::gather(&documents, &mut faults);
        let others = queues.map(|(path, bytes)| [(path.to_string(), bytes.to_vec())].into());
        let others = others.as_ref().map(|others| Sections::parse(others, &mut faults));
        let elsewhere = others.as_ref().map(|others| Sections::gather(others, &mut faults));
        let day = read(&sections, elsewhere.as_ref().unwrap_or(&sections), file.0, &mut faults);
        faults.judge()?;
        Ok(day)
    }
}

fn read<'d>(sections: &Sections<'d>, with_queues: &Sections<'d>, file: &str, faults: &mut Faults) -> Day {
    let Some(section) = sections.once("day") else {
        faults.add(Place::whole(file), "there is no section `day`");
        return Day::default();
    };
    let known = with_queues.names("queues");
    let mut reader = section.reader(faults);
    let mut day = Day { interval: MINUTE * 30, pickup: SECOND * 3, ..Day::default() };
    let Some(mut fields) = reader.fields("`day`", section.entry.spot, section.value()) else { return day };
    if let Some(node) = fields.value("begins") {
        day.begins = time_of_day("`begins`", node, &mut reader).unwrap_or_default();
    }
    for (name, value, range) in
        [("interval", &mut day.interval, MINUTE..=DAY), ("pickup", &mut day.pickup, Duration::ZERO..=MINUTE * 10)]
    {
        if let Some(node) = fields.value(name) {
            *value = reader.duration(&format!("`{name}`"), node, range).unwrap_or(*value);
        }
    }
    if let Some(node) = fields.required("calls") {
        for entry in entries("`calls`", node, &mut reader).iter().take(MAX_QUEUES) {
            let Some(queue) = queue(&known, &entry.key, entry.spot, &mut reader) else { continue };
            day.calls.extend(traffic(entry, day.interval, &mut reader).map(|traffic| (queue, traffic)));
        }
    }
    if let Some(node) = fields.required("shifts") {
        let items = reader.items(node);
        day.shifts = items.iter().take(MAX_SHIFTS).filter_map(|node| shift(node, day.begins, &known, &mut reader)).collect();
        let agents = day.shifts.iter().fold(0u32, |sum, shift| sum.saturating_add(shift.agents));
        if agents > MAX_AGENTS {
            reader.fault(node.spot, format!("more than {MAX_AGENTS} agents"));
        }
    }
    fields.finish(&mut reader);
    day.queues = settings(with_queues, &day, faults);
    day
}

/// The queues as the exchange would read them; what they are to say and play is not looked for.
fn settings(sections: &Sections<'_>, day: &Day, faults: &mut Faults) -> BTreeMap<Name, acd::Queue> {
    let mut skills = Declared::default();
    day.shifts.iter().flat_map(|shift| shift.skills.keys()).for_each(|skill| skills.add(skill, Type::Number));
    let world = World { queues: sections.names("queues"), ..World::default() };
    let known = Known { world: &world, skills, groups: BTreeSet::new(), agents: BTreeSet::new() };
    let mut read = Queues::default();
    for section in limited(sections, "queues", MAX_QUEUES, faults) {
        read.queue(section, &known, faults);
    }
    read.settings.queues
}

fn traffic(entry: &Entry, interval: Duration, reader: &mut Reader<'_>) -> Option<Traffic> {
    let mut fields = reader.fields(format!("`{}`", shorten(&entry.key)), entry.spot, &entry.value)?;
    let arrivals = fields.required("arrivals").map(|node| arrivals(node, interval, reader)).unwrap_or_default();
    let handling = fields.required("handling").and_then(|node| reader.duration("`handling`", node, SECOND..=DAY));
    let patience = fields.value("patience").and_then(|node| reader.duration("`patience`", node, SECOND..=DAY));
    fields.finish(reader);
    Some(Traffic { arrivals, drawn: true, handling: handling?, patience })
}

fn arrivals(node: &Node, interval: Duration, reader: &mut Reader<'_>) -> Vec<u32> {
    let items = reader.items(node);
    let most = usize::try_from(DAY.as_nanos() / interval.as_nanos().max(1)).unwrap_or(MAX_INTERVALS).min(MAX_INTERVALS);
    if items.len() > most {
        reader.fault(node.spot, format!("a day has {most} intervals of that length, not {}", items.len()));
    }
    items.iter().take(most).filter_map(|node| reader.number("calls", node, 0..=MAX_ARRIVALS)).collect()
}

fn shift(node: &Node, begins: Duration, known: &BTreeSet<Name>, reader: &mut Reader<'_>) -> Option<Shift> {
    let mut fields = reader.fields("a shift", node.spot, node)?;
    let agents = fields.required("agents").and_then(|node| reader.number("`agents`", node, 0..=MAX_AGENTS));
    let moment = |name: &'static str, fields: &mut Fields<'_>, reader: &mut Reader<'_>| {
        let node = fields.value(name)?;
        Some(later(time_of_day(&format!("`{name}`"), node, reader)?, begins))
    };
    let from = moment("from", &mut fields, reader).unwrap_or_default();
    let to = moment("to", &mut fields, reader).map(|to| if to <= from { to + DAY } else { to });
    let queues = fields.required("queues").map(|node| memberships(node, known, reader)).unwrap_or_default();
    let skills = fields.value("skills").map(|node| skills(node, reader)).unwrap_or_default();
    let pauses = fields.value("pauses").map(|node| reader.items(node)).unwrap_or_default();
    let pauses = pauses.iter().take(MAX_PAUSES).filter_map(|node| pause(node, begins, reader)).collect();
    fields.finish(reader);
    Some(Shift { agents: agents?, from, to, queues, skills, pauses })
}

fn pause(node: &Node, begins: Duration, reader: &mut Reader<'_>) -> Option<(Duration, Duration)> {
    let mut fields = reader.fields("a pause", node.spot, node)?;
    let at = fields.required("at").and_then(|node| time_of_day("`at`", node, reader));
    let length = fields.required("for").and_then(|node| reader.duration("`for`", node, MINUTE..=DAY));
    fields.finish(reader);
    Some((later(at?, begins), length?))
}

/// `[support, sales]`, or `{support: {tier: 1}}`.
fn memberships(node: &Node, known: &BTreeSet<Name>, reader: &mut Reader<'_>) -> BTreeMap<Name, Membership> {
    let mut found = BTreeMap::new();
    if let Value::Map(entries) = &node.value {
        for entry in entries {
            let Some(name) = queue(known, &entry.key, entry.spot, reader) else { continue };
            let membership = membership(&entry.value, Membership::default(), reader);
            found.extend(membership.map(|membership| (name, membership)));
        }
        return found;
    }
    for node in reader.items(node) {
        let Some(text) = reader.text("an entry", node) else { continue };
        found.extend(queue(known, text, node.spot, reader).map(|name| (name, Membership::default())));
    }
    found
}

fn skills(node: &Node, reader: &mut Reader<'_>) -> Skills {
    let mut skills = Skills::new();
    for entry in entries("`skills`", node, reader).iter().take(MAX_SKILLS) {
        if !is_name(&entry.key) {
            reader.fault(entry.spot, format!("`{}` is no name for a skill", shorten(&entry.key)));
            continue;
        }
        let level = reader.number(&format!("`{}`", entry.key), &entry.value, 1..=MAX_LEVEL);
        skills.extend(level.map(|level| (Name::from(&*entry.key), level)));
    }
    skills
}

fn entries<'n>(what: &str, node: &'n Node, reader: &mut Reader<'_>) -> &'n [Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Empty => &[],
        _ => {
            reader.fault(node.spot, format!("{what} is a mapping (`name: ...`), not {}", node.kind()));
            &[]
        }
    }
}

fn queue(known: &BTreeSet<Name>, name: &str, spot: Spot, reader: &mut Reader<'_>) -> Option<Name> {
    if let Some(name) = known.get(name) {
        return Some(name.clone());
    }
    reader.unknown(spot, format!("no queue `{}` in `queues`", shorten(name)), name, known.iter().map(|name| &**name));
    None
}

/// `08:00`, since midnight.
fn time_of_day(what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Duration> {
    let time: Time = reader.parsed(what, "a time of day (\"08:00\")", node)?;
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// How long after the beginning of the day that is; a time before it is of the next morning.
fn later(time: Duration, begins: Duration) -> Duration {
    time.checked_sub(begins).unwrap_or_else(|| time + DAY - begins)
}
