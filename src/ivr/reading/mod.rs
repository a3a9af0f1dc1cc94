//! What a verb may ask of its YAML. Beside giving the value, it remembers every link, prompt and language with its place: what
//! only the whole flow can judge is judged afterwards ([`super::check`]).
//!
//! | file | subject |
//! |---|---|
//! | here | plain values; names of what the exchange has |
//! | `links` | where a node leads |
//! | `formulas` | expressions, templates, variables |
//! | `shape` | what was asked for, as data: the schema of a verb is what its reading asks |
//!
//! Invariant: a verb has no way to a link, prompt or language but through here, so none escapes the checks.

mod formulas;
mod links;
mod shape;

pub(super) use formulas::percent_encoded;
pub use shape::{FieldShape, Kind, shapes};

use super::World;
use crate::expression::Declared;
use crate::fault::fields::{Fields, Reader};
use crate::fault::tree::{Node, Spot};
use crate::id::Name;
use crate::speech::{Part, Slot};
use crate::time::Duration;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Prompts in one list.
const MAX_PROMPTS: usize = 100;
/// The keys of a telephone that a node may use.
pub(super) const KEYS: &str = "0123456789*#";
/// How long an extension rings unless the flow says otherwise, and the longest that it may say.
const RING: Duration = Duration::from_secs(20);
const LONGEST_RING: Duration = Duration::from_secs(600);
/// The longest that a caller's keys may be waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Digits that a caller may be asked for.
const MAX_DIGITS: u32 = 32;

/// What is known of one node beside its compiled verb.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Where the node's name stands.
    pub spot: Spot,
    /// Where it leads, and where that is written.
    pub links: Vec<Link>,
    /// Where it may lead, for all that a mistake in it lets us know.
    pub guessed: Vec<Name>,
    pub prompts: Vec<(Name, Spot)>,
    pub said: Vec<Said>,
    /// The languages that a caller may hear from here on; empty: as before.
    pub languages: Vec<Name>,
    /// It takes the caller's input, or time; so a way round through it is no loop ...
    pub waits: bool,
    /// ... but for ways out of it that may be gone at once.
    pub at_once: Vec<Name>,
    /// The caller must hear us in it.
    pub speaks: bool,
    /// The flow that it calls.
    pub calls: Option<(Name, Spot)>,
    /// The queues that its expressions look at.
    pub queues: BTreeSet<Name>,
    /// The variables that it sets, and those that it reads.
    pub sets: Vec<Name>,
    pub reads: Vec<(Name, Spot)>,
    pub on_hangup: Option<(Name, Spot)>,
}

/// A value that is said by a language's grammar.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Where it is written out.
    pub part: Option<Part>,
    pub slot: Slot,
    pub spot: Spot,
    /// Where its gender and its case stand.
    pub spots: [Spot; 2],
}

/// One way out of a node.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// As the visit says it: `next`, `key 1`.
    pub outcome: Name,
    pub to: Name,
    pub spot: Spot,
}

/// The fields of one node's verb.
pub(super) struct NodeFields<'f, 'n, 'r> {
    pub fields: Fields<'n>,
    pub reader: &'f mut Reader<'r>,
    pub world: &'f World,
    /// What expressions may name.
    pub names: &'f Declared,
    pub seen: &'f mut Seen,
    /// What was asked for so far, when somebody wants to know.
    pub shape: Option<&'f mut Vec<FieldShape>>,
}

impl<'n> NodeFields<'_, 'n, '_> {
    /// Every field of a verb is asked for here.
    fn ask(&mut self, name: &'static str, kind: Kind, required: bool) -> Option<&'n Node> {
        if let Some(shape) = &mut self.shape {
            shape.push(FieldShape { name, kind, required });
        }
        if required { self.fields.required(name) } else { self.fields.value(name) }
    }

    pub fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        let node = self.ask(name, Kind::Boolean, false);
        node.and_then(|node| self.reader.boolean(&quoted(name), node)).unwrap_or(default)
    }

    pub fn number(&mut self, name: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let node = self.ask(name, Kind::Number(*range.start(), *range.end()), false);
        node.and_then(|node| self.reader.number(&quoted(name), node, range)).unwrap_or(default)
    }

    pub fn duration(&mut self, name: &'static str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let node = self.ask(name, Kind::Duration, false);
        node.and_then(|node| self.reader.duration(&quoted(name), node, range)).unwrap_or(default)
    }

    pub fn word<T: Copy>(&mut self, name: &'static str, words: &'static [(&'static str, T)]) -> Option<T> {
        let node = self.ask(name, Kind::Word(words.iter().map(|(word, _)| *word).collect()), false)?;
        self.reader.word(&quoted(name), node, words)
    }

    /// The node takes the caller's input, or time.
    pub fn waits(&mut self) {
        self.seen.waits = true;
    }

    /// How long a caller's key is waited for.
    pub fn patience(&mut self, name: &'static str, default: Duration) -> Duration {
        self.duration(name, default, Duration::from_millis(1)..=LONGEST_WAIT)
    }

    /// How many digits: `4`, or `1-10`.
    pub fn digits(&mut self, name: &'static str, default: (u32, u32)) -> (u32, u32) {
        let Some(node) = self.ask(name, Kind::Digits, false) else { return default };
        let Some(text) = self.reader.text(&quoted(name), node) else { return default };
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        match (least.trim().parse::<u32>(), most.trim().parse::<u32>()) {
            (Ok(least), Ok(most)) if (1..=MAX_DIGITS).contains(&most) && (1..=most).contains(&least) => (least, most),
            _ => {
                let message = format!("{} is a number of digits from 1 to {MAX_DIGITS}, as `4` or `1-10`", quoted(name));
                self.reader.fault(node.spot, message);
                default
            }
        }
    }

    /// Digits that count as answers: `1-5`.
    pub fn key_range(&mut self, name: &'static str, usual: &'static str) -> Option<String> {
        let node = self.ask(name, Kind::KeyRange, false);
        let text = node.map_or(Some(usual), |node| self.reader.text(&quoted(name), node))?;
        let mut ends = text.split('-').map(|end| end.trim().parse::<char>().ok().filter(char::is_ascii_digit));
        match (ends.next().flatten(), ends.next(), ends.next()) {
            (Some(first), Some(Some(last)), None) if first < last => Some((first..=last).collect()),
            _ => {
                let spot = node.map_or(self.fields.spot, |node| node.spot);
                self.reader.fault(spot, format!("{} is a range of digits, as `1-5`", quoted(name)));
                None
            }
        }
    }

    /// A name that is given here for the first time: of a recording, a survey.
    pub fn new_name(&mut self, name: &'static str) -> Option<Name> {
        let node = self.ask(name, Kind::NewName, true)?;
        self.reader.name(&quoted(name), node)
    }

    /// One prompt or a list of them; never empty.
    pub fn prompts(&mut self, name: &'static str) -> Option<Vec<Name>> {
        let node = self.ask(name, Kind::Prompts, true)?;
        self.prompts_of(name, node)
    }

    /// The same, or nothing at all.
    pub fn optional_prompts(&mut self, name: &'static str) -> Option<Vec<Name>> {
        match self.ask(name, Kind::Prompts, false) {
            Some(node) => self.prompts_of(name, node),
            None => Some(Vec::new()),
        }
    }

    /// Prompts that have a usual name.
    pub fn prompts_or(&mut self, name: &'static str, usual: &str) -> Option<Vec<Name>> {
        let Some(node) = self.ask(name, Kind::Prompts, false) else {
            let spot = self.fields.spot;
            self.seen.prompts.push((usual.into(), spot));
            return Some(vec![usual.into()]);
        };
        self.prompts_of(name, node)
    }

    fn prompts_of(&mut self, name: &'static str, node: &Node) -> Option<Vec<Name>> {
        let mut names = Vec::new();
        for item in self.reader.items(node) {
            names.push(self.prompt(item)?);
        }
        if names.is_empty() || names.len() > MAX_PROMPTS {
            self.reader.fault(node.spot, format!("{} names 1 to {MAX_PROMPTS} prompts, not {}", quoted(name), names.len()));
            return None;
        }
        Some(names)
    }

    pub fn prompt(&mut self, node: &Node) -> Option<Name> {
        let prompt = self.reader.name("a prompt", node)?;
        self.seen.prompts.push((prompt.clone(), node.spot));
        Some(prompt)
    }

    /// The queue that a required field names.
    pub fn queue(&mut self, name: &'static str) -> Option<Name> {
        self.named(name, "queue", |world| &world.queues)
    }

    /// The extension that a required field names.
    pub fn extension(&mut self, name: &'static str) -> Option<Name> {
        self.named(name, "extension", |world| &world.extensions)
    }

    pub fn calendar(&mut self, name: &'static str) -> Option<Name> {
        self.named(name, "calendar", |world| &world.calendars)
    }

    pub fn mailbox(&mut self, name: &'static str) -> Option<Name> {
        self.named(name, "mailbox", |world| &world.mailboxes)
    }

    /// The flow that the node calls.
    pub fn called_flow(&mut self, name: &'static str) -> Option<Name> {
        let spot = self.fields.spot;
        let flow = self.named(name, "flow", |world| &world.flows)?;
        self.seen.calls = Some((flow.clone(), spot));
        Some(flow)
    }

    fn named(&mut self, field: &'static str, what: &'static str, known: fn(&World) -> &BTreeSet<Name>) -> Option<Name> {
        let node = self.ask(field, Kind::Named(what), true)?;
        let article = if what.starts_with(['a', 'e', 'o']) { "an" } else { "a" };
        let name = self.reader.name(&format!("{article} {what}"), node)?;
        let known = known(self.world);
        if known.contains(&name) {
            return Some(name);
        }
        self.reader.unknown(node.spot, format!("no {what} `{name}`"), &name, known.iter().map(|name| &**name));
        None
    }

    /// How long an extension rings.
    pub fn ring(&mut self, name: &'static str) -> Duration {
        self.duration(name, RING, Duration::from_secs(1)..=LONGEST_RING)
    }
}

fn quoted(name: &str) -> String {
    if name.contains(' ') { name.to_string() } else { format!("`{name}`") }
}
