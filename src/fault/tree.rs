//! A YAML document as a tree in which every key and value knows its place.
//!
//! serde stops at the first mistake of a document; a tree lets each part be judged on its own, so one mistake never hides
//! another. It is built from the parser's events without recursion. Aliases are expanded and counted; tags and merge keys are
//! refused. Invariant: whatever the bytes are, reading takes time and memory in proportion to [`MAX_BYTES`] and [`MAX_WEIGHT`].

use super::fields::shorten;
use super::{Faults, Place};
use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

/// The longest file, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Values in one file, expanded aliases included; a long text weighs one more for every 32 bytes.
pub const MAX_WEIGHT: usize = 100_000;
/// Lists and mappings inside one another.
pub const MAX_DEPTH: usize = 24;
/// The longest excerpt, in characters.
const MAX_EXCERPT: usize = 160;

/// A line and a column, counted from 1. `line` 0 stands for the file as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Spot {
    pub line: u32,
    pub column: u32,
}

/// One value and where it begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub spot: Spot,
    pub value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Empty,
    /// `plain` texts stand without quotes: only they can be numbers or `true` and `false`.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub key: String,
    /// Where the key stands.
    pub spot: Spot,
    pub value: Node,
}

impl Node {
    /// What it is, for a person.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Empty => "nothing",
            Value::Text { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Every text in it, keys excluded, in order.
    pub fn texts(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            match &node.value {
                Value::Empty => {}
                Value::Text { text, .. } => found.push(text.as_str()),
                Value::List(items) => open.extend(items.iter().rev()),
                Value::Map(entries) => open.extend(entries.iter().rev().map(|entry| &entry.value)),
            }
        }
        found
    }

    fn weight(&self) -> usize {
        match &self.value {
            Value::Empty => 1,
            Value::Text { text, .. } => weight_of(text),
            Value::List(items) => items.iter().fold(1, |sum, item| sum + item.weight()),
            Value::Map(entries) => entries.iter().fold(1, |sum, entry| sum + weight_of(&entry.key) + entry.value.weight()),
        }
    }
}

fn weight_of(text: &str) -> usize {
    1 + text.len() / 32
}

/// A file's name and text: makes places of spots.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub file: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    /// The bytes as text, or a fault: too long, not UTF-8.
    pub fn new(file: &'a str, bytes: &'a [u8], faults: &mut Faults) -> Option<Source<'a>> {
        if bytes.len() > MAX_BYTES {
            faults.add(Place::whole(file), format!("the file is longer than {MAX_BYTES} bytes"));
            return None;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(Source { file, text: text.strip_prefix('\u{feff}').unwrap_or(text) }),
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
                let bad = bytes[error.valid_up_to()];
                let last = good.rsplit('\n').next().unwrap_or_default();
                let spot = Spot { line: count(good.matches('\n').count() + 1), column: count(last.chars().count() + 1) };
                let place = Source { file, text: &good }.place(spot);
                faults.add(place, format!("byte 0x{bad:02x} is not UTF-8; save the file as UTF-8"));
                None
            }
        }
    }

    /// Notes a fault. The place is not even looked up when no more faults are kept.
    pub fn complain(&self, faults: &mut Faults, spot: Spot, message: impl Into<String>) {
        let place = if faults.is_full() { Place::default() } else { self.place(spot) };
        faults.add(place, message);
    }

    /// As `complain`, of a name that is unknown.
    pub fn complain_unknown<'k>(
        &self,
        faults: &mut Faults,
        spot: Spot,
        message: impl Into<String>,
        wrong: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        let place = if faults.is_full() { Place::default() } else { self.place(spot) };
        faults.add_unknown(place, message, wrong, known)
    }

    fn line(&self, spot: Spot) -> Option<&'a str> {
        usize::try_from(spot.line).unwrap_or(0).checked_sub(1).and_then(|index| self.text.lines().nth(index))
    }

    /// The excerpt never shows a password.
    pub fn place(&self, spot: Spot) -> Place {
        let line = self.line(spot);
        // A tab or a control character would move the caret or the terminal.
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let excerpt = line.unwrap_or_default().trim_end().chars().take(MAX_EXCERPT).map(clean).collect::<String>();
        let excerpt = mask(excerpt);
        Place { file: self.file.to_string(), line: spot.line, column: spot.column, excerpt }
    }
}

/// Stars in place of what follows `password:` on the same line, as many, so that the caret stays where it was.
fn mask(excerpt: String) -> String {
    let mut masked = String::with_capacity(excerpt.len());
    let mut rest = excerpt.as_str();
    while let Some(end) = rest.find(SECRET_KEY).map(|at| at + SECRET_KEY.len()) {
        let (before, after) = rest.split_at(end);
        masked.push_str(before);
        let until = after.find([',', '}']).unwrap_or(after.len());
        let hide = |c: char| if c.is_whitespace() || matches!(c, '"' | '\'' | ':') { c } else { '*' };
        masked.extend(after[..until].chars().map(hide));
        rest = &after[until..];
    }
    masked + rest
}

/// The one field of the administrator's files whose value is a secret.
const SECRET_KEY: &str = "password";

/// Looks like a blank, or like nothing, and is no blank to YAML: web pages and word processors have them.
fn is_false_blank(c: char) -> bool {
    !matches!(c, ' ' | '\t' | '\r' | '\n') && c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// One where YAML wants a real one: before or behind a word, or behind a colon or a hyphen. Inside a text they are the writer's.
fn strange_blank(text: &str) -> Option<char> {
    let ends = [text.chars().next(), text.chars().next_back()].into_iter().flatten().find(|c| is_false_blank(*c));
    let after = |sign: char| text.split(sign).skip(1).filter_map(|rest| rest.chars().next()).find(|c| is_false_blank(*c));
    ends.or_else(|| after(':')).or_else(|| after('-').filter(|_| text.starts_with('-')))
}

fn false_blank(blank: char) -> String {
    let name = if blank == '\u{a0}' { ", a no-break space" } else { "" };
    format!(
        "what looks like a blank here is U+{:04X}{name}, as in texts pasted from web pages: type an ordinary blank",
        u32::from(blank)
    )
}

/// The parser counts columns from 0.
fn spot_of(marker: &Marker) -> Spot {
    Spot { line: count(marker.line().max(1)), column: count(marker.col() + 1) }
}

fn too_deep() -> String {
    format!("lists and mappings nested deeper than {MAX_DEPTH}")
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The file's one document, or `None` and a fault. An empty file is [`Value::Empty`].
pub fn read(source: &Source<'_>, faults: &mut Faults) -> Option<Node> {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder =
        Builder { source, faults, open: Vec::new(), anchors: BTreeMap::new(), weight: 0, documents: 0, root: None };
    for event in Parser::new_from_str_with_options(source.text, options) {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let spot = spot_of(error.marker());
                let message = match error.kind() {
                    ErrorKind::RecursionLimitExceeded => too_deep(),
                    _ => match source.line(spot).and_then(|line| line.chars().find(|c| is_false_blank(*c))) {
                        Some(blank) => format!("not YAML: {}; {}", error.info(), false_blank(blank)),
                        None => format!("not YAML: {}", error.info()),
                    },
                };
                source.complain(builder.faults, spot, message);
                return None;
            }
        }
    }
    Some(builder.root.unwrap_or(Node { spot: Spot { line: 1, column: 1 }, value: Value::Empty }))
}

/// A list or mapping whose end has not come yet.
struct Open {
    spot: Spot,
    anchor: usize,
    what: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    /// `lines` says where each key stood first.
    Map {
        entries: Vec<Entry>,
        lines: BTreeMap<String, u32>,
        key: Option<(String, Spot)>,
    },
}

struct Builder<'s, 'f> {
    source: &'s Source<'s>,
    faults: &'f mut Faults,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    weight: usize,
    documents: usize,
    root: Option<Node>,
}

impl Builder<'_, '_> {
    /// `None` when it makes no sense to read on.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let spot = spot_of(&span.start);
        if let Some(tag) = span.tag_start {
            self.source.complain(self.faults, spot_of(&tag), "tags (`!...`) are not used here");
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return self.stop(spot, "a second document begins here; a file holds one".to_string());
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                self.weigh(weight_of(&text), spot)?;
                let plain = matches!(style, ScalarStyle::Plain);
                if let Some(blank) = strange_blank(&text).filter(|_| plain) {
                    return self.stop(spot, false_blank(blank));
                }
                let empty = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if empty { Value::Empty } else { Value::Text { text: text.into_owned(), plain } };
                self.put(Node { spot, value }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(Open { spot, anchor, what: OpenKind::List(Vec::new()) })?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.begin(Open {
                    spot,
                    anchor,
                    what: OpenKind::Map { entries: Vec::new(), lines: BTreeMap::new(), key: None },
                })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { spot, anchor, what } = self.open.pop()?;
                let value = match what {
                    OpenKind::List(items) => Value::List(items),
                    OpenKind::Map { entries, .. } => Value::Map(entries),
                };
                self.put(Node { spot, value }, anchor)?;
            }
            Event::Alias(anchor) => {
                let Some(mut node) = self.anchors.get(&anchor).cloned() else {
                    return self.stop(spot, "an alias inside its own anchor".to_string());
                };
                self.weigh(node.weight(), spot)?;
                node.spot = spot;
                self.put(node, 0)?;
            }
            _ => {}
        }
        Some(())
    }

    fn begin(&mut self, open: Open) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            return self.stop(open.spot, too_deep());
        }
        self.weigh(1, open.spot)?;
        self.open.push(open);
        Some(())
    }

    /// A complete value goes into what is open: as an item, as a key, or as the value of the key before it.
    fn put(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor > 0 {
            self.weigh(node.weight(), node.spot)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut open.what {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, lines, key } => match key.take() {
                Some((key, spot)) => match lines.entry(key) {
                    Slot::Occupied(first) => {
                        let message = format!("`{}` stands here twice; first on line {}", shorten(first.key()), first.get());
                        self.source.complain(self.faults, spot, message);
                    }
                    Slot::Vacant(free) => {
                        entries.push(Entry { key: free.key().clone(), spot, value: node });
                        free.insert(spot.line);
                    }
                },
                None => match node.value {
                    Value::Text { text, .. } if text == "<<" => {
                        return self.stop(node.spot, "merge keys (`<<`) are not used here".to_string());
                    }
                    Value::Text { text, .. } => *key = Some((text, node.spot)),
                    Value::Empty => *key = Some(("null".to_string(), node.spot)),
                    Value::List(_) | Value::Map(_) => {
                        return self.stop(node.spot, "a key is one word, not a list or a mapping".to_string());
                    }
                },
            },
        }
        Some(())
    }

    fn weigh(&mut self, weight: usize, spot: Spot) -> Option<()> {
        self.weight += weight;
        if self.weight > MAX_WEIGHT {
            return self
                .stop(spot, format!("more than {MAX_WEIGHT} values in one file (aliases counted as what they stand for)"));
        }
        Some(())
    }

    fn stop(&mut self, spot: Spot, message: String) -> Option<()> {
        self.source.complain(self.faults, spot, message);
        None
    }
}
