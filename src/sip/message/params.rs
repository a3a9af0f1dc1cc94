//! Parameters after a header value: `;name=value;flag`.
//!
//! Kept as one text without the blanks that a peer may put around `;` and `=`. Invariant: the text is empty or a list of
//! `;name` and `;name=value`, where a value is a run without blanks or a whole quoted string.

use super::scan::{self, Cursor};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};
use std::ops::Range;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Params(String);

impl Params {
    pub const fn new() -> Params {
        Params(String::new())
    }

    /// The value of a parameter; empty for a flag, without its quotes (but still escaped) for a quoted string.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| bare(value))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Names and values as they are written, quotes included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            let text = rest.strip_prefix(';')?;
            let end = end_of_param(text.as_bytes());
            let (param, after) = text.split_at(end);
            rest = after;
            Some(param.split_once('=').unwrap_or((param, "")))
        })
    }

    /// Adds or replaces a parameter; an empty value makes a flag. A value that is not a token is quoted.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push(';');
        self.0.push_str(name);
        if !value.is_empty() {
            self.0.push('=');
            let mut cursor = Cursor::new(value.as_bytes());
            let plain = !cursor.value().is_empty() && cursor.is_done();
            if plain {
                self.0.push_str(value);
            } else {
                scan::quote(value, &mut self.0);
            }
        }
    }

    /// Adds a parameter that is not there yet, with a value that is written as a token or an address.
    pub(super) fn push(&mut self, name: &str, value: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, ";{name}={value}");
    }

    pub fn remove(&mut self, name: &str) {
        while let Some(place) = self.place(name) {
            self.0.drain(place);
        }
    }

    /// Where the parameter stands, its `;` included.
    fn place(&self, name: &str) -> Option<Range<usize>> {
        let mut start = 0;
        while let Some(text) = self.0.get(start..).and_then(|rest| rest.strip_prefix(';')) {
            let end = end_of_param(text.as_bytes());
            let param = &text[..end];
            let next = start + 1 + end;
            if param.split_once('=').map_or(param, |(name, _)| name).eq_ignore_ascii_case(name) {
                return Some(start..next);
            }
            start = next;
        }
        None
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `*( SEMI name [ EQUAL value ] )` and stops before anything else.
    pub(super) fn read(cursor: &mut Cursor) -> Result<Params, &'static str> {
        let mut params = Params::new();
        match params.read_into(cursor) {
            Ok(()) => Ok(params),
            Err(why) => Err(why),
        }
    }

    /// The same; on an error what was read before it stays.
    pub(super) fn read_into(&mut self, cursor: &mut Cursor) -> Result<(), &'static str> {
        while cursor.separator(b';') {
            let name = cursor.token();
            if name.is_empty() {
                return Err("an empty parameter");
            }
            let start = self.0.len();
            if start == 0 {
                self.0.reserve(name.len() + cursor.rest() + 1);
            }
            self.0.push(';');
            self.0.push_str(&scan::text(name));
            if !cursor.separator(b'=') {
                continue;
            }
            self.0.push('=');
            if cursor.peek() == Some(b'"') {
                let Some(value) = cursor.quoted() else {
                    self.0.truncate(start);
                    return Err("a quoted string without its end");
                };
                self.0.push('"');
                self.0.push_str(&scan::text(value));
                self.0.push('"');
            } else {
                let value = cursor.value();
                if value.is_empty() {
                    self.0.truncate(start);
                    return Err("a parameter without its value");
                }
                self.0.push_str(&scan::text(value));
            }
        }
        Ok(())
    }
}

/// Where the parameter at the beginning of `text` ends: the next semicolon outside quotes, or the end.
fn end_of_param(text: &[u8]) -> usize {
    match memchr::memchr2(b';', b'"', text) {
        Some(at) if text[at] == b'"' => {
            let mut cursor = Cursor::new(&text[at..]);
            match cursor.quoted() {
                Some(_) => at + cursor.position(),
                None => text.len(),
            }
        }
        Some(at) => at,
        None => text.len(),
    }
}

fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
