//! A mapping read field by field: each is asked for once by its name and type, what was never asked for is unknown.
//!
//! A missing or wrong field is a fault at its place and a `None`; reading goes on. Invariant: after [`Fields::finish`] every
//! key of the mapping has been used or complained about.

use super::tree::{Entry, Node, Source, Spot, Value};
use super::{Faults, Kind, Place};
use crate::id::Name;
use crate::time::Duration;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The longest configured name, in characters.
pub const MAX_NAME: usize = 64;

/// The file being judged and the faults found so far.
pub struct Reader<'a> {
    pub source: Source<'a>,
    pub faults: &'a mut Faults,
}

impl Reader<'_> {
    pub fn place(&self, spot: Spot) -> Place {
        self.source.place(spot)
    }

    pub fn fault(&mut self, spot: Spot, message: impl Into<String>) {
        self.source.complain(self.faults, spot, message);
    }

    /// What is no mistake, and does not do what it looks like.
    pub fn warn(&mut self, spot: Spot, message: impl Into<String>) {
        let place = self.place(spot);
        self.faults.warn(place, message);
    }

    /// Gives the nearest known name.
    pub fn unknown<'a>(
        &mut self,
        spot: Spot,
        message: impl Into<String>,
        wrong: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        self.source.complain_unknown(self.faults, spot, message, wrong, known)
    }

    /// The fields of a mapping; nothing at all counts as a mapping without fields. `what` names it in complaints.
    pub fn fields<'n>(&mut self, what: impl Into<String>, spot: Spot, node: &'n Node) -> Option<Fields<'n>> {
        let what = what.into();
        match &node.value {
            Value::Map(entries) => {
                let entries = entries.iter().map(Some).collect();
                Some(Fields { what, spot, at: node.spot, entries, asked: Vec::new(), missing: Vec::new() })
            }
            Value::Empty => {
                Some(Fields { what, spot, at: node.spot, entries: Vec::new(), asked: Vec::new(), missing: Vec::new() })
            }
            _ => {
                self.fault(node.spot, format!("{what} is a mapping (`name: value`), not {}", node.kind()));
                None
            }
        }
    }

    /// The items of a list; a single value counts as a list of one, nothing as an empty one.
    pub fn items<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.value {
            Value::Empty => &[],
            Value::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    pub fn text<'n>(&mut self, what: &str, node: &'n Node) -> Option<&'n str> {
        self.expects(node, || "a text".into());
        match &node.value {
            Value::Text { text, .. } => Some(text),
            _ => self.wrong(what, "a text", node),
        }
    }

    /// A name as [`is_name`] has it.
    pub fn name(&mut self, what: &str, node: &Node) -> Option<Name> {
        let text = self.text(what, node)?;
        if !is_name(text) {
            self.fault(node.spot, format!("{what} `{}` is not a name: {NAME_RULE}", shorten(text)));
            return None;
        }
        Some(Name::from(text))
    }

    pub fn boolean(&mut self, what: &str, node: &Node) -> Option<bool> {
        self.faults.expects(node.spot, || Kind::Boolean);
        match plain(node) {
            Some("true" | "True" | "TRUE") => Some(true),
            Some("false" | "False" | "FALSE") => Some(false),
            _ => self.not_plain(what, "`true` or `false`", node),
        }
    }

    pub fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        what: &str,
        node: &Node,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        self.expects(node, wanted);
        let Some(number) = plain(node).and_then(|text| text.parse::<T>().ok()) else {
            return self.not_plain(what, &wanted(), node);
        };
        if !range.contains(&number) {
            self.fault(node.spot, format!("{what} is from {} to {}, not {number}", range.start(), range.end()));
            return None;
        }
        Some(number)
    }

    /// A time with its unit: `500ms`, `5s`, `2m`, `1h`, `7d`.
    pub fn duration(&mut self, what: &str, node: &Node, range: RangeInclusive<Duration>) -> Option<Duration> {
        let wanted = "a time with its unit (500ms, 5s, 2m, 1h, 7d)";
        self.expects(node, || wanted.into());
        let Some(duration) = plain(node).and_then(parse_duration) else {
            return self.not_plain(what, wanted, node);
        };
        if !range.contains(&duration) {
            let (least, most) = (print_duration(*range.start()), print_duration(*range.end()));
            self.fault(node.spot, format!("{what} is from {least} to {most}, not {}", print_duration(duration)));
            return None;
        }
        Some(duration)
    }

    /// Anything that its type can read from a text: an address, a network.
    pub fn parsed<T: FromStr>(&mut self, what: &str, kind: &str, node: &Node) -> Option<T> {
        self.expects(node, || kind.to_string());
        match self.text(what, node)?.parse() {
            Ok(value) => Some(value),
            Err(_) => self.wrong(what, kind, node),
        }
    }

    /// One of a closed list of words.
    pub fn word<T: Copy>(&mut self, what: &str, node: &Node, words: &[(&str, T)]) -> Option<T> {
        self.faults.expects(node.spot, || Kind::Words(words.iter().map(|(word, _)| word.to_string()).collect()));
        let text = self.text(what, node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let list: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("{what} is one of {}, not `{}`", list.join(", "), shorten(text));
        self.unknown(node.spot, message, text, list);
        None
    }

    fn expects(&mut self, node: &Node, wanted: impl FnOnce() -> String) {
        self.faults.expects(node.spot, || Kind::Described(wanted()));
    }

    /// As `wrong`, of what stands without quotes: in quotes the right word is a text.
    fn not_plain<T>(&mut self, what: &str, wanted: &str, node: &Node) -> Option<T> {
        let Value::Text { text, plain: false } = &node.value else { return self.wrong(what, wanted, node) };
        self.fault(node.spot, format!("{what} is {wanted}, not the text \"{}\": leave the quotes out", shorten(text)));
        None
    }

    fn wrong<T>(&mut self, what: &str, wanted: &str, node: &Node) -> Option<T> {
        let found = match &node.value {
            Value::Text { text, .. } => format!("`{}`", shorten(text)),
            _ => node.kind().to_string(),
        };
        self.fault(node.spot, format!("{what} is {wanted}, not {found}"));
        None
    }
}

/// The fields of one mapping that are not used yet.
pub struct Fields<'n> {
    /// What the mapping is, as complaints call it: "`play`", "the file".
    what: String,
    /// Where a missing field is complained about.
    pub spot: Spot,
    /// Where it begins.
    at: Spot,
    entries: Vec<Option<&'n Entry>>,
    asked: Vec<&'static str>,
    missing: Vec<(&'static str, String)>,
}

impl<'n> Fields<'n> {
    /// Takes the field out; `None` when it is not there.
    pub fn entry(&mut self, name: &'static str) -> Option<&'n Entry> {
        self.asked.push(name);
        self.entries.iter_mut().find(|entry| entry.is_some_and(|entry| entry.key == name))?.take()
    }

    pub fn value(&mut self, name: &'static str) -> Option<&'n Node> {
        Some(&self.entry(name)?.value)
    }

    /// As `value`, but [`Fields::finish`] complains about its absence.
    pub fn required(&mut self, name: &'static str) -> Option<&'n Node> {
        let value = self.value(name);
        if value.is_none() {
            self.lacks(name, format!("{} lacks `{name}`", self.what));
        }
        value
    }

    /// A field that was asked for is not there: `message` says so, unless a misspelt field is found that was meant.
    pub fn lacks(&mut self, name: &'static str, message: String) {
        self.missing.push((name, message));
    }

    /// What nobody has asked for so far.
    pub fn unasked(&self) -> impl Iterator<Item = &'n Entry> {
        self.entries.iter().copied().flatten()
    }

    /// Takes all that is left, in order: for mappings whose keys are the administrator's own names.
    pub fn rest(&mut self) -> Vec<&'n Entry> {
        self.entries.iter_mut().filter_map(Option::take).collect()
    }

    /// Complains about every field that nobody asked for and every required one that is not there. A misspelt required field is
    /// one mistake, not two.
    pub fn finish(mut self, reader: &mut Reader<'_>) {
        let left = self.rest();
        if let Some(asked) = &mut reader.faults.asked {
            asked.fields.entry(self.at).or_default().extend(&self.asked);
            asked.closed.extend(left.first().map(|_| self.at));
        }
        for entry in left {
            let message = format!("{} has no field `{}`", self.what, shorten(&entry.key));
            reader.unknown(entry.spot, message, &entry.key, self.asked.iter().copied());
            let meant = super::nearest(&entry.key, self.asked.iter().copied());
            self.missing.retain(|(name, _)| Some(*name) != meant.as_deref());
        }
        for (_, message) in self.missing {
            reader.fault(self.spot, message);
        }
    }
}

fn plain(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text { text, plain: true } => Some(text),
        _ => None,
    }
}

pub const NAME_RULE: &str = "letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64";

/// What may be the name of a flow, node, sound, language, trunk, extension.
pub fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().next().is_some_and(char::is_alphanumeric) && text.chars().all(inner) && text.chars().count() <= MAX_NAME
}

/// A text from a file inside a one-line message.
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut short: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push_str("...");
    }
    short
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// `5s`, `2m`: a whole number and its unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(*millis)?))
}

/// In the largest unit that leaves nothing over.
pub fn print_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = |(_, unit): &&(&str, u64)| millis >= *unit && millis % unit == 0;
    match UNITS.iter().rev().find(whole) {
        _ if millis == 0 => "0s".into(),
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}
