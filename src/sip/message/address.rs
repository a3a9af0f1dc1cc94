//! Names with addresses: From, To, Contact, Route (RFC 3261 section 20.10).
//!
//! Invariant: what is printed always has the address in angle brackets, so that a parameter is never taken for the URI's.

use super::params::Params;
use super::scan::{self, Cursor};
use super::uri::Uri;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `"Display" <uri>;params`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NameAddr {
    /// Unescaped; UTF-8, else read as Latin-1. Empty when there is none. Untrusted text.
    pub display: String,
    pub uri: Uri,
    /// The header's own, outside the brackets.
    pub params: Params,
}

/// A value of a Contact header: a name and address with `expires` and `q`.
pub type Contact = NameAddr;

impl NameAddr {
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: String::new(), uri, params: Params::new() }
    }

    pub fn with_display(mut self, display: &str) -> NameAddr {
        self.display = display.to_string();
        self
    }

    pub fn with_param(mut self, name: &str, value: &str) -> NameAddr {
        self.params.set(name, value);
        self
    }

    pub fn with_tag(self, tag: &str) -> NameAddr {
        self.with_param("tag", tag)
    }

    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// Seconds, of a Contact. What is not a number is `None`, what is too large `u32::MAX`.
    pub fn expires(&self) -> Option<u32> {
        scan::seconds(self.params.get("expires")?.as_bytes())
    }

    /// Preference in thousandths, of a Contact; 1000 when it is not given (RFC 3261 section 20.10).
    pub fn q(&self) -> u16 {
        self.params.get("q").and_then(thousandths).unwrap_or(1000)
    }

    /// One value, with nothing after it. The error says what is wrong.
    pub fn parse(value: impl AsRef<[u8]>) -> Result<NameAddr, &'static str> {
        let mut cursor = Cursor::new(value.as_ref());
        let address = NameAddr::read(&mut cursor, Single)?;
        cursor.skip_space();
        if cursor.is_done() { Ok(address) } else { Err("something after the address") }
    }

    /// A comma separated list.
    pub(super) fn read_list(value: &[u8], out: &mut Vec<NameAddr>) -> Result<(), &'static str> {
        let mut cursor = Cursor::new(value);
        loop {
            out.push(NameAddr::read(&mut cursor, Listed)?);
            if !cursor.separator(b',') {
                break;
            }
        }
        cursor.skip_space();
        if cursor.is_done() { Ok(()) } else { Err("something after the address") }
    }

    fn read(cursor: &mut Cursor, place: Place) -> Result<NameAddr, &'static str> {
        cursor.skip_space();
        let (display, uri) = if cursor.peek() == Some(b'"') {
            let display = scan::unescape(cursor.quoted().ok_or("a quoted string without its end")?).into_owned();
            cursor.skip_space();
            if !cursor.eat(b'<') {
                return Err("a display name without an address in angle brackets");
            }
            (display, bracketed(cursor)?)
        } else {
            match unquoted_display(cursor, place) {
                Some(display) => (display, bracketed(cursor)?),
                None => (String::new(), bare(cursor)?),
            }
        };
        Ok(NameAddr { display, uri, params: Params::read(cursor)? })
    }
}

#[derive(Clone, Copy)]
enum Place {
    Single,
    Listed,
}
use Place::{Listed, Single};

/// What stands before `<`, and steps over the `<`. `None`, and no move, when this is a URI without brackets.
fn unquoted_display(cursor: &mut Cursor, place: Place) -> Option<String> {
    let mut ahead = cursor.clone();
    let mut display = ahead.display();
    if !ahead.eat(b'<') {
        // Phones send `Bell, Alexander <sip:...>` (RFC 4475 section 3.1.2.15). Where a comma cannot begin another value,
        // everything before the bracket is the name.
        if matches!(place, Listed) {
            return None;
        }
        ahead = cursor.clone();
        display = ahead.until(b'<')?;
        if display.iter().any(|byte| matches!(byte, b'"' | b'>' | b':' | b';' | 0..=8 | 10..=31)) {
            return None;
        }
    }
    *cursor = ahead;
    Some(scan::text(scan::trim(display)).into_owned())
}

fn bracketed(cursor: &mut Cursor) -> Result<Uri, &'static str> {
    Uri::parse(cursor.until(b'>').ok_or("an address without its closing bracket")?)
}

/// Without brackets a semicolon, comma or question mark ends the URI; a question mark would make it ambiguous and is refused
/// (RFC 3261 section 20.10, RFC 4475 section 3.1.2.13).
fn bare(cursor: &mut Cursor) -> Result<Uri, &'static str> {
    let uri = Uri::parse(cursor.until_any(|byte| scan::is_space(byte) || matches!(byte, b';' | b',' | b'?')))?;
    if cursor.peek() == Some(b'?') { Err("a URI with headers must stand in angle brackets") } else { Ok(uri) }
}

fn thousandths(q: &str) -> Option<u16> {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    if fraction.len() > 3 {
        return None;
    }
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole * 1000 + fraction).min(1000))
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            let mut quoted = String::with_capacity(self.display.len() + 3);
            scan::quote(&self.display, &mut quoted);
            write!(f, "{quoted} ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}
