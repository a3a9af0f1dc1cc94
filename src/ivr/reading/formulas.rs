//! Expressions and templates in the fields of a verb, and the variables they set and read.
//!
//! Invariant: the variables and queues that a compiled expression names are remembered with the node.

use super::{Kind, NodeFields, quoted};
use crate::expression::{Expression, Mistake, Requirement, Template, Type};
use crate::fault::fields::{MAX_NAME, shorten};
use crate::fault::tree::{Entry, Node, Spot, Value};
use crate::id::Name;
use crate::ivr::knowledge::{queue_of, variable_of};

/// Entries of one mapping or list inside a verb.
const MAX_ENTRIES: usize = 100;

impl<'n> NodeFields<'_, 'n, '_> {
    /// What a required field's expression makes.
    pub fn expression(&mut self, name: &'static str, wanted: Type) -> Option<Expression> {
        let node = self.ask(name, Kind::Expression, true)?;
        self.expression_of(name, wanted, node)
    }

    /// The same; `usual` where it is not given.
    pub fn expression_or(&mut self, name: &'static str, wanted: Type, usual: &str) -> Option<Expression> {
        match self.ask(name, Kind::Expression, false) {
            Some(node) => self.expression_of(name, wanted, node),
            None => Expression::compile_as(usual, self.names, wanted).ok(),
        }
    }

    pub fn expression_of(&mut self, what: &str, wanted: Type, node: &Node) -> Option<Expression> {
        let text = self.reader.text(&quoted(what), node)?;
        let compiled = Expression::compile_as(text, self.names, wanted);
        let expression = self.unless_mistaken(compiled, node)?;
        self.remember_names(&expression, node.spot);
        Some(expression)
    }

    /// A text with `{{ expressions }}` in it, or nothing at all; the outer `None` stands for a mistake.
    pub fn optional_template(&mut self, name: &'static str) -> Option<Option<Template>> {
        match self.ask(name, Kind::Template, false) {
            Some(node) => self.template_of(name, node).map(Some),
            None => Some(None),
        }
    }

    /// A number, or a template that may make one: what is neither can be seen here.
    pub fn optional_number(&mut self, name: &'static str) -> Option<Option<Template>> {
        let Some(node) = self.ask(name, Kind::Template, false) else { return Some(None) };
        let template = self.template_of(name, node)?;
        let never = match template.as_literal() {
            Some(text) => !text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            None => !matches!(template.kind(), Type::Number | Type::Text | Type::Any),
        };
        if never {
            let message = format!("{} is a number, or an expression that makes one (`{{{{ customer.value }}}}`)", quoted(name));
            self.reader.fault(node.spot, message);
            return None;
        }
        Some(Some(template))
    }

    pub fn template_of(&mut self, what: &str, node: &Node) -> Option<Template> {
        let text = self.reader.text(&quoted(what), node)?;
        let compiled = Template::compile(text, self.names);
        let template = self.unless_mistaken(compiled, node)?;
        template.expressions().for_each(|expression| self.remember_names(expression, node.spot));
        Some(template)
    }

    /// Which skills, as `english >= 4 and mac >= 2`; the outer `None` stands for a mistake.
    pub fn requirement(&mut self, name: &'static str) -> Option<Option<Requirement>> {
        let Some(node) = self.ask(name, Kind::Expression, false) else { return Some(None) };
        let text = self.reader.text(&quoted(name), node)?;
        let compiled = Requirement::compile(text, &self.world.skill_names());
        self.unless_mistaken(compiled, node).map(Some)
    }

    /// A variable that the node sets.
    pub fn variable(&mut self, name: &'static str) -> Option<Name> {
        let node = self.ask(name, Kind::NewName, true)?;
        let variable = self.reader.name(&quoted(name), node)?;
        self.sets(&variable, node.spot)
    }

    /// A mapping of variables that the node sets, in order.
    pub fn variables(&mut self, name: &'static str) -> Option<Vec<(Name, &'n Node)>> {
        let node = self.ask(name, Kind::Values, true)?;
        let entries = self.entries_of(name, node)?;
        let mut variables = Vec::new();
        for entry in entries {
            let variable = self.sets(&Name::from(&*entry.key), entry.spot);
            variables.extend(variable.map(|name| (name, &entry.value)));
        }
        (variables.len() == entries.len()).then_some(variables)
    }

    /// An optional mapping of names to templates.
    pub fn templates(&mut self, name: &'static str) -> Option<Vec<(Name, &'n Node)>> {
        let Some(node) = self.ask(name, Kind::Values, false) else { return Some(Vec::new()) };
        let entries = self.entries_of(name, node)?;
        Some(entries.iter().map(|entry| (Name::from(&*entry.key), &entry.value)).collect())
    }

    /// The entries of a mapping, at least one.
    fn entries_of(&mut self, name: &str, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) if (1..=MAX_ENTRIES).contains(&entries.len()) => Some(entries),
            Value::Map(entries) => {
                let message = format!("{} holds 1 to {MAX_ENTRIES} entries, not {}", quoted(name), entries.len());
                self.reader.fault(node.spot, message);
                None
            }
            _ => {
                self.reader.fault(node.spot, format!("{} is a mapping (`name: value`), not {}", quoted(name), node.kind()));
                None
            }
        }
    }

    /// The items of a list, at most [`MAX_ENTRIES`].
    pub fn list(&mut self, name: &'static str, kind: Kind, required: bool) -> &'n [Node] {
        let Some(node) = self.ask(name, kind, required) else { return &[] };
        let items = self.reader.items(node);
        if items.is_empty() || items.len() > MAX_ENTRIES {
            self.reader.fault(node.spot, format!("{} holds 1 to {MAX_ENTRIES} entries, not {}", quoted(name), items.len()));
            return &[];
        }
        items
    }

    /// The language that a required field names, or a template that makes one: then any may follow.
    pub fn language(&mut self, name: &'static str) -> Option<Template> {
        let node = self.ask(name, Kind::Named("language"), true)?;
        let text = self.reader.text(&quoted(name), node)?;
        if text.contains("{{") {
            self.seen.languages = self.world.languages.clone();
            return self.template_of(name, node);
        }
        let language = self.reader.name("a language", node)?;
        if !self.world.knows(&language) {
            let known = self.world.languages.iter().map(|known| &**known);
            self.reader.unknown(node.spot, format!("no language `{language}`"), &language, known);
            return None;
        }
        self.seen.languages = vec![language];
        Some(Template::literal(text))
    }

    fn sets(&mut self, variable: &Name, spot: Spot) -> Option<Name> {
        // A dot would be read as a part of it in an expression.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if variable.len() > MAX_NAME || !variable.chars().all(plain) || !variable.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            let message =
                format!("`{}` is not a variable's name: letters, digits, `_` and `-`, a letter first", shorten(variable));
            self.reader.fault(spot, message);
            return None;
        }
        self.seen.sets.push(variable.clone());
        Some(variable.clone())
    }

    fn remember_names(&mut self, expression: &Expression, spot: Spot) {
        for path in expression.tree().names() {
            self.seen.queues.extend(queue_of(path).map(Name::from));
            self.seen.reads.extend(variable_of(path).map(|name| (Name::from(name), spot)));
        }
    }

    fn unless_mistaken<T>(&mut self, compiled: Result<T, Vec<Mistake>>, node: &Node) -> Option<T> {
        match compiled {
            Ok(value) => Some(value),
            Err(mistakes) => {
                for mistake in mistakes {
                    self.mistake(mistake, node);
                }
                None
            }
        }
    }

    /// At its place inside the text, as far as the text stands on one line as it was written.
    fn mistake(&mut self, mistake: Mistake, node: &Node) {
        let quote = u32::from(matches!(node.value, Value::Text { plain: false, .. }));
        let spot = Spot { column: node.spot.column + quote + mistake.column - 1, ..node.spot };
        let fault = crate::fault::Fault {
            place: self.reader.place(spot),
            message: mistake.text,
            suggestion: mistake.suggestion,
            warning: false,
        };
        self.reader.faults.push(fault);
    }
}

/// A value inside an address: whatever is not a letter, a digit or one of `-._~` by its bytes (RFC 3986 section 2.1).
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
