//! `sounds/<language>/speech.yaml` -> [`Language`], or every mistake with its place.
//!
//! ```yaml
//! cases: [nominative, genitive]             # the first is the usual one
//! genders: [m, f, n]
//! plurals: {one: {is: 1, noun: singular}, few: {ends: 2-4, but: 12-14}, many: {}}
//! government: {many: {nominative: genitive}}
//! nouns: {grosz: {gender: m, singular: {nominative: grosz}, plural: {nominative: grosze, genitive: groszy}}}
//! numbers:
//!   cardinal: {0+1: [zero, jeden, dwa], 20+10: ["dwadzieścia [>]", "trzydzieści [>]"], 100: "sto [>]"}
//!   cardinal-f: {like: cardinal, rest: rest-f, 1: jedna, 2: dwie}
//! lists: {months: {genitive: [stycznia, lutego]}}
//! phrases: {date: {genitive: "{day ordinal m genitive} {month of months genitive}[ {year ordinal m genitive} roku]"}}
//! currencies: {PLN: [złoty, grosz]}
//! ```
//!
//! Invariant: every set, noun and list that something refers to is there.

use super::language::{Declension, Language, Plural};
use super::phrase::{Case, Filled, How, Noun, Piece};
use super::rules::{Rule, RuleSet, Step};
use super::{Fragment, fragment_name};
use crate::fault::Faults;
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::tree::{self, Entry, Node, Source, Spot, Value};
use std::collections::BTreeMap;

/// Rules of one language at most, inherited ones counted.
const MAX_RULES: usize = 20_000;
/// Brackets inside one another.
const MAX_DEPTH: usize = 4;
/// Every phrase that a language has.
const PHRASES: &[&str] = &["minus", "point", "position", "date", "time", "duration", "no-time", "money", "small-change"];
/// Every set of numbers that it has at least.
const NUMBERS: &[&str] = &["cardinal", "ordinal", "digit"];

impl Language {
    /// From a file's bytes; `None` with faults noted.
    pub fn read(name: &str, file: &str, bytes: &[u8], faults: &mut Faults) -> Option<Language> {
        let before = faults.len();
        let source = Source::new(file, bytes, faults)?;
        let root = tree::read(&source, faults)?;
        let mut reading = Reading {
            reader: Reader { source, faults },
            language: Language { name: name.to_string(), ..Language::default() },
            references: Vec::new(),
        };
        reading.whole(&root)?;
        reading.check_references();
        let language = reading.language;
        (faults.len() == before).then_some(language)
    }
}

/// What a rule or a phrase names, and where.
struct Reference {
    what: What,
    name: String,
    spot: Spot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Set,
    Noun,
    List,
}

struct Reading<'a> {
    reader: Reader<'a>,
    language: Language,
    references: Vec<Reference>,
}

impl Reading<'_> {
    fn whole(&mut self, root: &Node) -> Option<()> {
        let mut fields = self.reader.fields("a language", root.spot, root)?;
        self.language.cases = self.names("cases", &mut fields);
        self.language.genders = self.names("genders", &mut fields);
        self.language.usual_case = self.language.cases.first().cloned();
        self.language.usual_gender = self.language.genders.first().cloned();
        for entry in self.entries("plurals", &mut fields) {
            self.plural(entry);
        }
        for entry in self.entries("government", &mut fields) {
            self.government(entry);
        }
        for entry in self.entries("nouns", &mut fields) {
            self.noun(entry);
        }
        for entry in self.entries("numbers", &mut fields) {
            self.set(entry);
        }
        for entry in self.entries("lists", &mut fields) {
            self.list(entry);
        }
        for entry in self.entries("phrases", &mut fields) {
            self.phrase(entry);
        }
        for entry in self.entries("currencies", &mut fields) {
            self.currency(entry);
        }
        self.require(root.spot);
        fields.finish(&mut self.reader);
        Some(())
    }

    fn require(&mut self, spot: Spot) {
        for name in PHRASES.iter().filter(|name| !self.language.phrases.contains_key(**name)) {
            self.reader.fault(spot, format!("the language has no phrase `{name}`"));
        }
        for name in NUMBERS.iter().filter(|name| !self.language.sets.contains_key(**name)) {
            self.reader.fault(spot, format!("the language has no numbers `{name}`"));
        }
        if self.language.plurals.is_empty() {
            self.reader.fault(spot, "the language has no `plurals`: one for all is `{any: {}}`");
        }
    }

    fn check_references(&mut self) {
        for Reference { what, name, spot } in std::mem::take(&mut self.references) {
            let known: Vec<&str> = match what {
                What::Set => self.language.sets.keys().map(String::as_str).collect(),
                What::Noun => self.language.nouns.keys().map(String::as_str).collect(),
                What::List => self.language.lists.keys().map(String::as_str).collect(),
            };
            let word = match what {
                What::Set => "numbers",
                What::Noun => "noun",
                What::List => "list",
            };
            let found = known.contains(&name.as_str())
                || (what == What::Set && known.iter().any(|set| set.starts_with(&format!("{name}-"))));
            if !found {
                let message = format!("no {word} `{}`", shorten(&name));
                self.reader.unknown(spot, message, &name, known);
            }
        }
    }

    fn names(&mut self, name: &'static str, fields: &mut Fields<'_>) -> Vec<String> {
        let Some(node) = fields.value(name) else { return Vec::new() };
        let items = self.reader.items(node);
        items.iter().filter_map(|item| Some(self.reader.name(name, item)?.to_string())).collect()
    }

    fn entries<'n>(&mut self, name: &'static str, fields: &mut Fields<'n>) -> Vec<&'n Entry> {
        let Some(node) = fields.value(name) else { return Vec::new() };
        let inner = self.reader.fields(format!("`{name}`"), node.spot, node);
        inner.map(|mut inner| inner.rest()).unwrap_or_default()
    }

    fn plural(&mut self, entry: &Entry) {
        let Some(mut fields) = self.reader.fields("a plural", entry.spot, &entry.value) else { return };
        let is = fields.value("is").and_then(|node| self.reader.number("`is`", node, 0..=1_000_000));
        let ends = fields.value("ends").and_then(|node| self.range(node));
        let but = fields.value("but").and_then(|node| self.range(node));
        let words = [("singular", true), ("plural", false)];
        let singular = fields.value("noun").and_then(|node| self.reader.word("`noun`", node, &words)).unwrap_or(false);
        fields.finish(&mut self.reader);
        self.language.plurals.push(Plural { name: entry.key.clone(), is, ends, but, singular });
    }

    /// `2-4`, or `1`.
    fn range(&mut self, node: &Node) -> Option<(u64, u64)> {
        let text = self.reader.text("a range", node)?;
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) => Some((least, most)),
            _ => {
                self.reader.fault(node.spot, format!("`{}` is no range of numbers, written as 2-4", shorten(text)));
                None
            }
        }
    }

    fn government(&mut self, entry: &Entry) {
        let Some(mut fields) = self.reader.fields("`government`", entry.spot, &entry.value) else { return };
        let mut cases = BTreeMap::new();
        for case in fields.rest() {
            if let Some(wanted) = self.reader.text("a case", &case.value) {
                cases.insert(case.key.clone(), wanted.to_string());
            }
        }
        self.language.government.insert(entry.key.clone(), cases);
    }

    fn noun(&mut self, entry: &Entry) {
        let Some(mut fields) = self.reader.fields(format!("noun `{}`", entry.key), entry.spot, &entry.value) else { return };
        let gender = fields.value("gender").and_then(|node| Some(self.reader.name("`gender`", node)?.to_string()));
        let singular = fields.required("singular").map(|node| self.forms(node)).unwrap_or_default();
        let plural = fields.required("plural").map(|node| self.forms(node)).unwrap_or_default();
        fields.finish(&mut self.reader);
        self.language.nouns.insert(entry.key.clone(), Declension { gender, singular, plural });
    }

    /// One form for all cases, or one for each.
    fn forms(&mut self, node: &Node) -> BTreeMap<String, Vec<Fragment>> {
        let mut forms = BTreeMap::new();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    self.case_is_known(&entry.key, entry.spot);
                    let words = self.words(&entry.value);
                    forms.insert(entry.key.clone(), words);
                }
            }
            _ => {
                let words = self.words(node);
                forms.insert(String::new(), words);
            }
        }
        forms
    }

    fn case_is_known(&mut self, case: &str, spot: Spot) {
        if !self.language.cases.iter().any(|known| known == case) {
            let cases = self.language.cases.clone();
            self.reader.unknown(spot, format!("no case `{}`", shorten(case)), case, cases.iter().map(String::as_str));
        }
    }

    fn words(&mut self, node: &Node) -> Vec<Fragment> {
        let text = self.reader.text("a form", node).unwrap_or_default().to_string();
        text.split_whitespace().map(|word| self.word(word)).collect()
    }

    /// Words joined by `_` are one recording.
    fn word(&mut self, word: &str) -> Fragment {
        let word = word.replace('_', " ");
        let fragment = Fragment::from(fragment_name(&word));
        self.language.words.insert(fragment.clone(), word);
        fragment
    }

    fn list(&mut self, entry: &Entry) {
        let mut forms = BTreeMap::new();
        match &entry.value.value {
            Value::Map(entries) => {
                for form in entries {
                    self.case_is_known(&form.key, form.spot);
                    forms.insert(form.key.clone(), self.list_words(&form.value));
                }
            }
            _ => {
                forms.insert(String::new(), self.list_words(&entry.value));
            }
        }
        self.language.lists.insert(entry.key.clone(), forms);
    }

    fn list_words(&mut self, node: &Node) -> Vec<Vec<Fragment>> {
        let items = self.reader.items(node);
        items.iter().map(|item| self.words(item)).collect()
    }

    fn currency(&mut self, entry: &Entry) {
        let items = self.reader.items(&entry.value);
        let nouns: Vec<String> = items.iter().filter_map(|item| Some(self.reader.text("a noun", item)?.to_string())).collect();
        let [major, minor] = nouns.as_slice() else {
            return self.reader.fault(entry.spot, "a currency has two nouns: its own, and its hundredth's");
        };
        for name in [major, minor] {
            self.refer(What::Noun, name, entry.spot);
        }
        self.language.currencies.insert(entry.key.clone(), (major.clone(), minor.clone()));
    }

    fn refer(&mut self, what: What, name: &str, spot: Spot) {
        self.references.push(Reference { what, name: name.to_string(), spot });
    }

    fn set(&mut self, entry: &Entry) {
        let Some(mut fields) = self.reader.fields(format!("numbers `{}`", entry.key), entry.spot, &entry.value) else { return };
        let mut set = RuleSet::default();
        if let Some(node) = fields.value("like")
            && let Some(name) = self.reader.text("`like`", node)
        {
            match self.language.sets.get(name) {
                Some(other) => set = other.clone(),
                None => {
                    let known: Vec<String> = self.language.sets.keys().cloned().collect();
                    let message = format!("no numbers `{}` stand above", shorten(name));
                    self.reader.unknown(node.spot, message, name, known.iter().map(String::as_str));
                }
            }
        }
        if let Some(node) = fields.value("rest")
            && let Some(name) = self.reader.text("`rest`", node)
        {
            self.refer(What::Set, name, node.spot);
            set.rest = Some(name.to_string());
        }
        for rule in fields.rest() {
            self.rules(rule, &mut set);
        }
        let total: usize = self.language.sets.values().map(|set| set.rules.len()).sum();
        if total + set.rules.len() > MAX_RULES {
            return self.reader.fault(entry.spot, format!("more than {MAX_RULES} rules in one language"));
        }
        self.language.sets.insert(entry.key.clone(), set);
    }

    /// `100: sto [>]`, `1100/100: ...`, `20+10: [..., ...]`.
    fn rules(&mut self, entry: &Entry, set: &mut RuleSet) {
        let (number, by) = entry.key.split_once(['+', '/']).map_or((entry.key.as_str(), None), |(n, by)| (n, Some(by)));
        let by = by.map(str::parse::<u64>);
        let (Ok(number), None | Some(Ok(1..))) = (number.parse::<u64>(), &by) else {
            let message = format!("`{}` is no number of a rule: 100, 1100/100, 20+10", shorten(&entry.key));
            return self.reader.fault(entry.spot, message);
        };
        let by = by.and_then(Result::ok);
        if entry.key.contains('+') {
            let step = by.unwrap_or(1);
            let items = self.reader.items(&entry.value);
            for (item, number) in items.iter().zip((0..).map(|index: u64| number.saturating_add(index.saturating_mul(step)))) {
                self.rule(item, number, None, set);
            }
        } else {
            self.rule(&entry.value, number, by, set);
        }
    }

    fn rule(&mut self, node: &Node, number: u64, divisor: Option<u64>, set: &mut RuleSet) {
        // Nothing at all is a rule too: a full hour has no minutes to say.
        let text = if node.value == Value::Empty { "" } else { self.reader.text("a rule", node).unwrap_or_default() };
        let divisor = divisor.unwrap_or_else(|| 10_u64.pow(number.checked_ilog10().unwrap_or(0)));
        let mut rest = text;
        let steps = self.steps(&mut rest, 0, node.spot);
        if !rest.is_empty() {
            self.reader.fault(node.spot, format!("a bracket too many in `{}`", shorten(text)));
        }
        set.rules.insert(number, Rule { divisor, steps });
    }

    /// Up to the end, `|` or `]`, which stays.
    fn steps(&mut self, rest: &mut &str, depth: usize, spot: Spot) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            *rest = rest.trim_start();
            match rest.chars().next() {
                None | Some(']' | '|') => return steps,
                Some('[') => {
                    *rest = &rest[1..];
                    if depth >= MAX_DEPTH {
                        self.reader.fault(spot, format!("brackets deeper than {MAX_DEPTH}"));
                        return steps;
                    }
                    let some = self.steps(rest, depth + 1, spot);
                    let none = match rest.strip_prefix('|') {
                        Some(after) => {
                            *rest = after;
                            self.steps(rest, depth + 1, spot)
                        }
                        None => Vec::new(),
                    };
                    match rest.strip_prefix(']') {
                        Some(after) => *rest = after,
                        None => {
                            self.reader.fault(spot, "`[` has no `]`");
                            return steps;
                        }
                    }
                    steps.push(Step::IfRest(some, none));
                }
                Some(_) => {
                    let word = take_word(rest);
                    steps.push(self.step(word, spot));
                }
            }
        }
    }

    fn step(&mut self, word: &str, spot: Spot) -> Step {
        let named = |name: &str| if name.is_empty() { None } else { Some(name.to_string()) };
        if let Some(name) = word.strip_prefix('@') {
            let (noun, case) = name.split_once('.').map_or((name, None), |(noun, case)| (noun, Some(case.to_string())));
            self.refer(What::Noun, noun, spot);
            return Step::Noun(Noun { noun: noun.to_string(), case });
        }
        if let Some(name) = word.strip_prefix('=') {
            self.refer(What::Set, name, spot);
            return Step::Same(name.to_string());
        }
        let divided =
            word.strip_prefix('<').map(|name| (name, true)).or_else(|| word.strip_prefix('>').map(|name| (name, false)));
        match divided {
            Some((name, quotient)) => {
                if !name.is_empty() {
                    self.refer(What::Set, name, spot);
                }
                if quotient { Step::Quotient(named(name)) } else { Step::Remainder(named(name)) }
            }
            None => Step::Word(self.word(word)),
        }
    }

    fn phrase(&mut self, entry: &Entry) {
        let mut variants = BTreeMap::new();
        match &entry.value.value {
            Value::Map(entries) => {
                for variant in entries {
                    self.case_is_known(&variant.key, variant.spot);
                    variants.insert(variant.key.clone(), self.phrase_text(&variant.value));
                }
            }
            _ => {
                variants.insert(String::new(), self.phrase_text(&entry.value));
            }
        }
        if !PHRASES.contains(&entry.key.as_str()) {
            let message = format!("there is no phrase `{}`", shorten(&entry.key));
            self.reader.unknown(entry.spot, message, &entry.key, PHRASES.iter().copied());
        }
        self.language.phrases.insert(entry.key.clone(), variants);
    }

    fn phrase_text(&mut self, node: &Node) -> Vec<Piece> {
        let text = self.reader.text("a phrase", node).unwrap_or_default();
        let mut rest = text;
        let pieces = self.pieces(&mut rest, 0, node.spot);
        if !rest.is_empty() {
            self.reader.fault(node.spot, format!("a bracket too many in `{}`", shorten(text)));
        }
        pieces
    }

    fn pieces(&mut self, rest: &mut &str, depth: usize, spot: Spot) -> Vec<Piece> {
        let mut pieces = Vec::new();
        loop {
            *rest = rest.trim_start();
            match rest.chars().next() {
                None | Some(']') => return pieces,
                Some('[') if depth < MAX_DEPTH => {
                    *rest = &rest[1..];
                    let inner = self.pieces(rest, depth + 1, spot);
                    let Some(after) = rest.strip_prefix(']') else {
                        self.reader.fault(spot, "`[` has no `]`");
                        return pieces;
                    };
                    *rest = after;
                    pieces.push(Piece::Optional(inner));
                }
                Some('{') => {
                    let Some((slot, after)) = rest[1..].split_once('}') else {
                        self.reader.fault(spot, "`{` has no `}`");
                        return pieces;
                    };
                    *rest = after;
                    pieces.extend(self.slot(slot, spot));
                }
                Some('|' | '[') => return pieces,
                Some(_) => {
                    let word = take_word(rest);
                    pieces.push(Piece::Word(self.word(word)));
                }
            }
        }
    }

    /// `day ordinal m genitive`, `hours count godzina $`, `month of months genitive`.
    fn slot(&mut self, slot: &str, spot: Spot) -> Option<Piece> {
        let words: Vec<&str> = slot.split_whitespace().collect();
        let case =
            |word: Option<&&str>| word.map(|word| if *word == "$" { Case::Asked } else { Case::Named(word.to_string()) });
        let (name, how) = match words.as_slice() {
            [name, "count", noun, case_word @ ..] if case_word.len() <= 1 => {
                if !matches!(*noun, "major" | "minor") {
                    self.refer(What::Noun, noun, spot);
                }
                (name, How::Count { noun: noun.to_string(), case: case(case_word.first()) })
            }
            [name, "of", list, case_word @ ..] if case_word.len() <= 1 => {
                self.refer(What::List, list, spot);
                (name, How::Listed { list: list.to_string(), case: case(case_word.first()) })
            }
            [name, kind] => {
                self.refer(What::Set, kind, spot);
                (name, How::Number { kind: kind.to_string(), gender: None, case: None })
            }
            [name, kind, gender, case_word @ ..] if case_word.len() <= 1 => {
                self.refer(What::Set, kind, spot);
                (name, How::Number { kind: kind.to_string(), gender: Some(gender.to_string()), case: case(case_word.first()) })
            }
            _ => {
                let message = format!("`{{{}}}` is no slot: {{day ordinal m genitive}}, {{hours count NOUN $}}", shorten(slot));
                self.reader.fault(spot, message);
                return None;
            }
        };
        Some(Piece::Slot(Filled { name: name.to_string(), how }))
    }
}

/// Up to a space or a bracket; never empty, or a stray sign would be read for ever.
fn take_word<'t>(rest: &mut &'t str) -> &'t str {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end = rest[first..].find(|c: char| c.is_whitespace() || "[]{}|".contains(c)).map_or(rest.len(), |at| at + first);
    let (word, after) = rest.split_at(end);
    *rest = after;
    word
}
