//! What may be named in an expression, and what stands behind a name when it is evaluated.
//!
//! Invariant: a name that is not declared is a mistake before the first call, never a surprise during one.

use super::{Type, Value};
use crate::fault::nearest;
use std::collections::BTreeMap;

/// Letters compared at most to find the nearest name of one mistake.
const MAX_EFFORT: usize = 100_000;

/// What may be named.
pub trait Names {
    /// What stands behind this dotted path; `None` when there is no such name.
    fn kind(&self, path: &str) -> Option<Type>;

    /// The right name nearest to a wrong one.
    fn nearest(&self, wrong: &str) -> Option<String>;
}

/// What stands behind names during a call.
pub trait Scope {
    /// Nothing when it is absent now, or not known at all.
    fn value(&self, path: &str) -> Value;
}

impl<F: Fn(&str) -> Value> Scope for F {
    fn value(&self, path: &str) -> Value {
        self(path)
    }
}

/// A list of names with their types, and prefixes below which every name is right.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Declared {
    names: BTreeMap<String, Type>,
    open: BTreeMap<String, Type>,
}

impl Declared {
    /// `("caller.number", Type::Text)`; a path that ends in `.*` opens everything below it, `*` alone opens all.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, Type)>) -> Declared {
        let mut declared = Declared::default();
        for (path, kind) in names {
            declared.add(path, kind);
        }
        declared
    }

    pub fn add(&mut self, path: &str, kind: Type) {
        match path.strip_suffix('*') {
            Some(prefix) => self.open.insert(prefix.to_string(), kind),
            None => self.names.insert(path.to_string(), kind),
        };
    }
}

impl Names for Declared {
    fn kind(&self, path: &str) -> Option<Type> {
        let below = |prefix: &str| path.len() > prefix.len() && path.starts_with(prefix);
        let open = || self.open.iter().filter(|(prefix, _)| below(prefix)).max_by_key(|(prefix, _)| prefix.len());
        self.names.get(path).or_else(|| open().map(|(_, kind)| kind)).copied()
    }

    fn nearest(&self, wrong: &str) -> Option<String> {
        let mut effort = 0;
        let candidates = self.names.keys().map(String::as_str).take_while(|candidate| {
            effort += candidate.len() * wrong.len();
            effort < MAX_EFFORT
        });
        nearest(wrong, candidates)
    }
}
