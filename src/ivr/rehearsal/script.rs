//! YAML -> cases: who calls when, what the world answers, and what shall happen.
//!
//! ```yaml
//! - name: a caller on Christmas Eve hears the holiday message
//!   at: 2026-12-24T15:00 Europe/Warsaw
//!   from: "+48221234567"
//!   steps:
//!     - hears: [welcome, holiday]
//!     - ends: hangup
//! ```
//!
//! Invariant: a case that was read names a flow, has a step, and every step says one thing.

use super::props::{Client, Props, WebAnswer};
use super::stage::Ending;
use crate::ask::{Customer, HttpReply};
use crate::calendar::Zone;
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::tree::{self, Entry, Node, Source, Value};
use crate::fault::{Faults, Place};
use crate::id::Name;
use crate::ivr::reading::KEYS;
use crate::ivr::{ANY_LANGUAGE, Caller, DialEnd, Hours, KeepEnd, QueueEnd, QueueGlance, World};
use crate::time::{Duration, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Cases in one file, and steps in one case.
pub const MAX_CASES: usize = 20_000;
pub const MAX_STEPS_OF_CASE: usize = 1000;
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 3600);
/// When a case takes place that does not say: a Wednesday at noon, UTC.
const USUAL_TIME: i64 = 1_767_787_200;
const NANOS: i64 = 1_000_000_000;

#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub place: Place,
    pub flow: Name,
    pub at: Wall,
    pub caller: Caller,
    pub props: Props,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub place: Place,
    pub kind: StepKind,
}

#[derive(Clone, PartialEq, Debug)]
pub enum StepKind {
    Hears(Vec<Name>),
    /// After the sound that is heard has come to its end.
    Presses(String),
    /// While it is heard.
    Interrupts(String),
    SaysNothing(Duration),
    HangsUp,
    Joins {
        queue: Name,
        need: Option<String>,
        value: Option<f64>,
    },
    QueueEnds(QueueEnd),
    Dials(Name),
    Transfers(Name),
    DialEnds(DialEnd),
    Asks {
        url: String,
        posts: bool,
        body: Option<serde_json::Value>,
    },
    Leaves(Left),
    Language(Name),
    Node(Name),
    /// A name of an expression, and its value as a text.
    Knows(String, String),
    Ends(Ending),
}

/// What a caller leaves behind.
#[derive(Clone, PartialEq, Debug)]
pub enum Left {
    Message(Name),
    Recording(Name),
    Callback { queue: Name, number: Option<String> },
    Survey { name: Name, answers: Option<String> },
}

const QUEUE_ENDS: &[(&str, QueueEnd)] =
    &[("answered", QueueEnd::Answered), ("overflow", QueueEnd::Overflow), ("failed", QueueEnd::Failed)];
const DIAL_ENDS: &[(&str, DialEnd)] = &[
    ("answered", DialEnd::Answered),
    ("busy", DialEnd::Busy),
    ("no_answer", DialEnd::NoAnswer),
    ("rejected", DialEnd::Rejected),
    ("unavailable", DialEnd::Unavailable),
    ("failed", DialEnd::Failed),
];
const KEEP_ENDS: &[(&str, KeepEnd)] = &[("kept", KeepEnd::Kept), ("empty", KeepEnd::Empty), ("failed", KeepEnd::Failed)];
const HOURS: &[(&str, Hours)] = &[("open", Hours::Open), ("closed", Hours::Closed), ("holiday", Hours::Holiday)];
/// What a step may say.
const STEPS: &[&str] = &[
    "hears",
    "presses",
    "interrupts",
    "says_nothing",
    "hangs_up",
    "joins",
    "queue",
    "dials",
    "transfers",
    "dial",
    "asks",
    "leaves",
    "language",
    "node",
    "knows",
    "ends",
];

/// The cases of one file, in order; `usual` is the flow that they are about unless they say otherwise.
pub fn read(file: &str, bytes: &[u8], usual: &Name, world: &World, defaults: &Caller, faults: &mut Faults) -> Vec<Case> {
    let Some(source) = Source::new(file, bytes, faults) else { return Vec::new() };
    let Some(root) = tree::read(&source, faults) else { return Vec::new() };
    let mut desk = Desk { reader: Reader { source, faults }, world, usual, defaults };
    let items = match &root.value {
        Value::List(items) => items.as_slice(),
        Value::Empty => &[],
        _ => {
            desk.reader.fault(root.spot, format!("a list of tests (`- name: ...`), not {}", root.kind()));
            &[]
        }
    };
    if items.len() > MAX_CASES {
        desk.reader.fault(root.spot, format!("more than {MAX_CASES} tests in one file"));
    }
    if items.is_empty() && matches!(root.value, Value::List(_) | Value::Empty) {
        desk.reader.fault(root.spot, "there is no test in this file: `- name: ...`");
    }
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let mut cases = Vec::new();
    for item in items.iter().take(MAX_CASES) {
        let Some(case) = desk.case(item) else { continue };
        let line = case.place.line;
        match names.get(&case.name) {
            Some(first) => {
                let message = format!("there is a test `{}` already, in line {first}", shorten(&case.name));
                desk.reader.fault(item.spot, message);
            }
            None if case.name.is_empty() => {}
            None => drop(names.insert(case.name.clone(), line)),
        }
        cases.push(case);
    }
    cases
}

/// A moment as it is written: `2026-12-24T15:00 Europe/Warsaw`. The error says how it should be.
pub fn moment_of(text: &str) -> Result<Wall, String> {
    let wanted = || format!("`{}` is not a moment: `2026-12-24T15:00 Europe/Warsaw`", shorten(text));
    let (date, zone) = text.trim().split_once(' ').unwrap_or((text.trim(), "UTC"));
    let zone: Zone = zone.trim().parse()?;
    let time: jiff::civil::DateTime = date.parse().map_err(|_| wanted())?;
    let minute = u16::try_from(time.hour()).unwrap_or(0) * 60 + u16::try_from(time.minute()).unwrap_or(0);
    let moment = zone.first_moment(time.date(), minute).ok_or_else(wanted)?;
    Ok(moment + Duration::from_secs(u64::try_from(time.second()).unwrap_or(0)))
}

struct Desk<'d, 'a> {
    reader: Reader<'a>,
    world: &'d World,
    usual: &'d Name,
    defaults: &'d Caller,
}

impl Desk<'_, '_> {
    fn case(&mut self, node: &Node) -> Option<Case> {
        let mut fields = self.reader.fields("a test", node.spot, node)?;
        let name = fields.required("name").and_then(|node| self.reader.text("`name`", node)).unwrap_or_default().to_string();
        let flow = match fields.value("flow") {
            Some(node) => self.known("flow", node, &self.world.flows)?,
            None => self.usual.clone(),
        };
        let at = fields.value("at").and_then(|node| {
            let text = self.reader.text("`at`", node)?;
            moment_of(text).map_err(|message| self.reader.fault(node.spot, message)).ok()
        });
        let caller = self.caller(&mut fields);
        let props = self.props(&mut fields);
        let steps = self.steps(&mut fields);
        fields.finish(&mut self.reader);
        let place = self.reader.place(node.spot);
        let at = at.unwrap_or_else(|| Wall::from_unix_nanos(USUAL_TIME * NANOS));
        Some(Case { name, place, flow, at, caller, props, steps })
    }

    fn caller(&mut self, fields: &mut Fields<'_>) -> Caller {
        let text = |reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &'static str, usual: &str| {
            let given = fields.value(name).and_then(|node| reader.text(name, node));
            given.unwrap_or(usual).to_string()
        };
        let language = fields.value("language").and_then(|node| self.language(node));
        let reader = &mut self.reader;
        Caller {
            number: text(reader, fields, "from", &self.defaults.number),
            name: text(reader, fields, "caller_name", &self.defaults.name),
            dialled: text(reader, fields, "to", &self.defaults.dialled),
            source: text(reader, fields, "source", &self.defaults.source),
            reference: "0000000000000000".into(),
            language: language.unwrap_or_else(|| self.defaults.language.clone()),
            zone: self.defaults.zone.clone(),
        }
    }

    fn language(&mut self, node: &Node) -> Option<Name> {
        let known = self.world.languages.iter().cloned().collect();
        self.known("language", node, &known)
    }

    fn props(&mut self, fields: &mut Fields<'_>) -> Props {
        let mut props = Props::default();
        if let Some(node) = fields.value("customers") {
            props.customers = self.reader.items(node).iter().filter_map(|item| self.client(item)).collect();
        }
        if let Some(node) = fields.value("http") {
            props.web = self.reader.items(node).iter().filter_map(|item| self.web(item)).collect();
        }
        if let Some(node) = fields.value("queues") {
            for entry in self.entries("`queues`", node) {
                self.is_known("queue", entry, &self.world.queues);
                props.queues.extend(self.glance(entry));
            }
        }
        if let Some(node) = fields.value("calendars") {
            for entry in self.entries("`calendars`", node) {
                self.is_known("calendar", entry, &self.world.calendars);
                let hours = self.reader.word(&entry.key, &entry.value, HOURS);
                props.hours.extend(hours.map(|hours| (Name::from(&*entry.key), hours)));
            }
        }
        props.keeps = fields.value("keeping").and_then(|node| self.reader.word("`keeping`", node, KEEP_ENDS));
        props
    }

    fn client(&mut self, node: &Node) -> Option<Client> {
        let mut fields = self.reader.fields("a customer", node.spot, node)?;
        let reader = &mut self.reader;
        let mut text =
            |name: &'static str| fields.value(name).and_then(|node| reader.text(name, node)).unwrap_or_default().to_string();
        let (id, name, language) = (text("id"), text("name"), text("language"));
        let (preferred_agent, pin, value) = (text("preferred_agent"), text("pin"), text("value"));
        let (recent_calls, last_choice) = (text("recent_calls"), text("last_choice"));
        let numbers = fields.value("numbers").map(|node| self.texts(node)).unwrap_or_default();
        let own = fields.value("fields").map(|node| self.entries("`fields`", node)).unwrap_or_default();
        let own =
            own.iter().filter_map(|entry| Some((entry.key.clone(), self.reader.text(&entry.key, &entry.value)?.to_string())));
        let customer = Customer {
            id,
            name,
            value: value.parse().unwrap_or(0.0),
            language,
            preferred_agent,
            recent_calls: recent_calls.parse().unwrap_or(0),
            last_choice,
            fields: own.collect(),
        };
        fields.finish(&mut self.reader);
        Some(Client { customer, numbers, pin })
    }

    fn web(&mut self, node: &Node) -> Option<WebAnswer> {
        let mut fields = self.reader.fields("an answer", node.spot, node)?;
        let (posts, url) = self.address(&mut fields)?;
        let status = fields.value("status").and_then(|node| self.reader.number("`status`", node, 100..=599)).unwrap_or(200);
        let body = fields.value("body").map_or(serde_json::Value::Null, json);
        let silent = fields.value("silent").and_then(|node| self.reader.boolean("`silent`", node)).unwrap_or(false);
        fields.finish(&mut self.reader);
        Some(WebAnswer { posts, url, reply: (!silent).then_some(HttpReply { status, body }) })
    }

    /// `get: URL` or `post: URL`.
    fn address(&mut self, fields: &mut Fields<'_>) -> Option<(bool, String)> {
        let get = fields.value("get").and_then(|node| self.reader.text("`get`", node)).map(|url| (false, url.to_string()));
        let post = fields.value("post").and_then(|node| self.reader.text("`post`", node)).map(|url| (true, url.to_string()));
        if get.is_none() && post.is_none() {
            fields.lacks("get", "it lacks `get` or `post`".into());
        }
        get.or(post)
    }

    fn glance(&mut self, entry: &Entry) -> Option<(Name, QueueGlance)> {
        let mut fields = self.reader.fields(format!("queue `{}`", shorten(&entry.key)), entry.spot, &entry.value)?;
        let reader = &mut self.reader;
        let mut number =
            |name: &'static str| fields.value(name).and_then(|node| reader.number(name, node, 0..=1_000_000_u64)).unwrap_or(0);
        let glance = QueueGlance {
            waiting: number("waiting"),
            agents: number("agents"),
            free: number("free"),
            longest_wait: number("longest_wait"),
        };
        fields.finish(&mut self.reader);
        Some((Name::from(&*entry.key), glance))
    }

    fn steps(&mut self, fields: &mut Fields<'_>) -> Vec<Step> {
        let Some(node) = fields.required("steps") else { return Vec::new() };
        let items = self.reader.items(node);
        if items.is_empty() || items.len() > MAX_STEPS_OF_CASE {
            self.reader.fault(node.spot, format!("a test has 1 to {MAX_STEPS_OF_CASE} steps, not {}", items.len()));
        }
        let mut steps = Vec::new();
        for item in items.iter().take(MAX_STEPS_OF_CASE) {
            let kind = self.step(item);
            steps.extend(kind.map(|kind| Step { place: self.reader.place(item.spot), kind }));
        }
        steps
    }

    fn step(&mut self, node: &Node) -> Option<StepKind> {
        let mut fields = self.reader.fields("a step", node.spot, node)?;
        let entries = fields.rest();
        let [entry] = entries.as_slice() else {
            self.reader.fault(node.spot, format!("a step says one thing: {}", STEPS.join(", ")));
            return None;
        };
        self.step_of(entry)
    }

    fn step_of(&mut self, entry: &Entry) -> Option<StepKind> {
        let node = &entry.value;
        Some(match &*entry.key {
            "hears" => StepKind::Hears(self.sounds(node)?),
            "presses" => StepKind::Presses(self.keys(node)?),
            "interrupts" => StepKind::Interrupts(self.keys(node)?),
            "says_nothing" => StepKind::SaysNothing(self.reader.duration(
                "`says_nothing`",
                node,
                Duration::from_millis(1)..=LONGEST_SILENCE,
            )?),
            "hangs_up" => {
                self.reader.boolean("`hangs_up`", node)?;
                StepKind::HangsUp
            }
            "joins" => self.joins(node)?,
            "queue" => StepKind::QueueEnds(self.reader.word("`queue`", node, QUEUE_ENDS)?),
            "dials" => StepKind::Dials(self.known("extension", node, &self.world.extensions)?),
            "transfers" => StepKind::Transfers(self.known("extension", node, &self.world.extensions)?),
            "dial" => StepKind::DialEnds(self.reader.word("`dial`", node, DIAL_ENDS)?),
            "asks" => self.asks(node)?,
            "leaves" => StepKind::Leaves(self.leaves(node)?),
            "language" => StepKind::Language(self.language(node)?),
            "node" => StepKind::Node(self.reader.name("`node`", node)?),
            "knows" => self.knows(node)?,
            "ends" => StepKind::Ends(self.reader.word("`ends`", node, Ending::WORDS)?),
            other => {
                let message = format!("a step cannot say `{}`", shorten(other));
                self.reader.unknown(entry.spot, message, other, STEPS.iter().copied());
                return None;
            }
        })
    }

    /// Names of sounds that there are in some language.
    fn sounds(&mut self, node: &Node) -> Option<Vec<Name>> {
        let items = self.reader.items(node);
        let mut names = Vec::new();
        for item in items {
            let name = self.reader.name("a sound", item)?;
            let folders = self.world.languages.iter().map(|language| &**language).chain([ANY_LANGUAGE]);
            if !folders.into_iter().any(|language| self.world.has(language, &name)) {
                let known: BTreeSet<&Name> = self.world.sounds.values().flatten().collect();
                self.reader.unknown(item.spot, format!("no sound `{name}`"), &name, known.iter().map(|name| &***name));
                return None;
            }
            names.push(name);
        }
        if names.is_empty() {
            self.reader.fault(node.spot, "`hears` names a sound, or several");
            return None;
        }
        Some(names)
    }

    fn keys(&mut self, node: &Node) -> Option<String> {
        let keys = self.reader.text("keys", node)?;
        if keys.is_empty() || !keys.chars().all(|key| KEYS.contains(key)) {
            self.reader.fault(node.spot, format!("`{}` are not keys: some of {KEYS}, in quotes", shorten(keys)));
            return None;
        }
        Some(keys.to_string())
    }

    fn joins(&mut self, node: &Node) -> Option<StepKind> {
        if !matches!(node.value, Value::Map(_)) {
            let queue = self.known("queue", node, &self.world.queues)?;
            return Some(StepKind::Joins { queue, need: None, value: None });
        }
        let mut fields = self.reader.fields("`joins`", node.spot, node)?;
        let queue = fields.required("queue").and_then(|node| self.known("queue", node, &self.world.queues));
        let need = fields.value("need").and_then(|node| self.reader.text("`need`", node)).map(str::to_string);
        let value = fields.value("value").and_then(|node| self.reader.parsed("`value`", "a number", node));
        fields.finish(&mut self.reader);
        Some(StepKind::Joins { queue: queue?, need, value })
    }

    fn asks(&mut self, node: &Node) -> Option<StepKind> {
        let mut fields = self.reader.fields("`asks`", node.spot, node)?;
        let address = self.address(&mut fields);
        let body = fields.value("body").map(json);
        fields.finish(&mut self.reader);
        let (posts, url) = address?;
        Some(StepKind::Asks { url, posts, body })
    }

    fn leaves(&mut self, node: &Node) -> Option<Left> {
        let mut fields = self.reader.fields("`leaves`", node.spot, node)?;
        let mut name = |field: &'static str| fields.value(field).and_then(|node| self.reader.name(field, node));
        let (message, recording, queue, survey) = (name("message"), name("recording"), name("callback"), name("survey"));
        let mut text =
            |field: &'static str| fields.value(field).and_then(|node| self.reader.text(field, node)).map(str::to_string);
        let (number, answers) = (text("number"), text("answers"));
        fields.finish(&mut self.reader);
        let left = message.map(Left::Message).or(recording.map(Left::Recording));
        let left =
            left.or(queue.map(|queue| Left::Callback { queue, number })).or(survey.map(|name| Left::Survey { name, answers }));
        if left.is_none() {
            self.reader.fault(node.spot, "`leaves` names a `message`, a `recording`, a `callback` or a `survey`");
        }
        left
    }

    /// One name and its value.
    fn knows(&mut self, node: &Node) -> Option<StepKind> {
        let entries = self.entries("`knows`", node);
        let [entry] = entries else {
            self.reader.fault(node.spot, "`knows` says one name and its value: `customer.name: Anna`");
            return None;
        };
        let value = self.reader.text("a value", &entry.value)?;
        Some(StepKind::Knows(entry.key.clone(), value.to_string()))
    }

    fn known(&mut self, what: &str, node: &Node, known: &BTreeSet<Name>) -> Option<Name> {
        let name = self.reader.name(&format!("`{what}`"), node)?;
        if !known.contains(&name) {
            self.reader.unknown(node.spot, format!("no {what} `{name}`"), &name, known.iter().map(|name| &**name));
            return None;
        }
        Some(name)
    }

    /// A mapping by names that there are.
    fn is_known(&mut self, what: &str, entry: &Entry, known: &BTreeSet<Name>) {
        if !known.contains(entry.key.as_str()) {
            let message = format!("no {what} `{}`", shorten(&entry.key));
            self.reader.unknown(entry.spot, message, &entry.key, known.iter().map(|name| &**name));
        }
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        let items = self.reader.items(node).iter();
        items.filter_map(|item| self.reader.text("a number", item).map(str::to_string)).collect()
    }

    fn entries<'n>(&mut self, what: &str, node: &'n Node) -> &'n [Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            Value::Empty => &[],
            _ => {
                self.reader.fault(node.spot, format!("{what} is a mapping (`name: value`), not {}", node.kind()));
                &[]
            }
        }
    }
}

/// A value as JSON: plain numbers, `true` and `false` are what they look like, everything in quotes is a text.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Empty => serde_json::Value::Null,
        Value::Text { text, plain: true } => match (text.as_str(), text.parse::<serde_json::Number>()) {
            ("true", _) => true.into(),
            ("false", _) => false.into(),
            (_, Ok(number)) => number.into(),
            (text, Err(_)) => text.into(),
        },
        Value::Text { text, .. } => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let fields: BTreeMap<String, serde_json::Value> =
                entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect();
            serde_json::Value::Object(fields.into_iter().collect())
        }
    }
}

/// Finishes the sentence "expected that ...".
impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepKind::Hears(sounds) => write!(f, "the caller hears {}", sounds.join(", ")),
            StepKind::Presses(keys) => write!(f, "the caller presses {keys}"),
            StepKind::Interrupts(keys) => write!(f, "the caller interrupts with {keys}"),
            StepKind::SaysNothing(time) => write!(f, "the caller says nothing for {} s", time.as_secs_f64()),
            StepKind::HangsUp => f.write_str("the caller hangs up"),
            StepKind::Joins { queue, need, value } => {
                write!(f, "the caller joins queue {queue}")?;
                need.as_ref().map_or(Ok(()), |need| write!(f, ", needs {need}"))?;
                value.map_or(Ok(()), |value| write!(f, ", worth {value}"))
            }
            StepKind::QueueEnds(end) => {
                let word = QUEUE_ENDS.iter().find(|(_, known)| known == end).map_or("over", |(word, _)| word);
                write!(f, "the wait in the queue ends: {word}")
            }
            StepKind::Dials(to) => write!(f, "the caller is put through to {to}"),
            StepKind::Transfers(to) => write!(f, "the caller is given to {to}"),
            StepKind::DialEnds(end) => write!(f, "the ringing ends: {}", end.word()),
            StepKind::Asks { url, posts, body } => {
                write!(f, "the flow asks by {} {url}", if *posts { "POST" } else { "GET" })?;
                body.as_ref().map_or(Ok(()), |body| write!(f, " {body}"))
            }
            StepKind::Leaves(Left::Message(mailbox)) => write!(f, "the caller leaves a message for {mailbox}"),
            StepKind::Leaves(Left::Recording(name)) => write!(f, "the caller leaves a recording {name}"),
            StepKind::Leaves(Left::Callback { queue, number }) => {
                write!(f, "the caller wants to be called back by {queue}")?;
                number.as_ref().map_or(Ok(()), |number| write!(f, " at {number}"))
            }
            StepKind::Leaves(Left::Survey { name, answers }) => {
                write!(f, "the caller answers survey {name}")?;
                answers.as_ref().map_or(Ok(()), |answers| write!(f, " with {answers}"))
            }
            StepKind::Language(language) => write!(f, "the caller hears the language {language}"),
            StepKind::Node(node) => write!(f, "the caller is in node {node}"),
            StepKind::Knows(name, value) => write!(f, "{name} is {value}"),
            StepKind::Ends(ending) => write!(f, "the call ends: {}", ending.word()),
        }
    }
}
