//! Reading header values: character classes of RFC 3261 section 25.1 and a cursor that steps over them.
//!
//! Values come here unfolded: the line breaks of folded headers are spaces already. Invariant: a cursor only moves forward,
//! so every reading is linear in the length of the value.

use std::borrow::Cow;

/// `token`: alphanumeric and `-.!%*_+`'~`.
const TOKEN: u8 = 1;
/// What an unquoted parameter value may hold: tokens, hosts, and what phones put there besides (`=`, `@`, `/`, `:`, brackets).
const VALUE: u8 = 2;
/// What may stand in a URI at all: anything printable but space, quotes and angle brackets; UTF-8 is tolerated.
const URI: u8 = 4;
/// Host names: letters, digits, `-`, `.`, and the `_` that some networks use.
const HOST: u8 = 8;
/// An unquoted display name: tokens and UTF-8 or Latin-1 letters.
const DISPLAY: u8 = 16;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        let mut class = 0;
        let token = matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        if byte.is_ascii_alphanumeric() || token {
            class |= TOKEN | DISPLAY;
        }
        if byte > b' ' && byte != 0x7F && !matches!(byte, b'"' | b'<' | b'>') {
            class |= URI;
            if !matches!(byte, b';' | b',' | b'?') {
                class |= VALUE;
            }
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        if byte >= 0x80 {
            class |= DISPLAY;
        }
        table[index] = class;
        index += 1;
    }
    table
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is(*byte, TOKEN))
}

pub(super) fn is_host_byte(byte: u8) -> bool {
    is(byte, HOST)
}

pub(super) fn is_uri_byte(byte: u8) -> bool {
    is(byte, URI)
}

pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Without the blanks around it.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

/// UTF-8 where it is; otherwise every byte is the Latin-1 letter that old phones mean by it.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// A whole number. What does not fit is `None`, and so is anything with another character in it.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Seconds as headers give them: a number too large to hold means "very long" (RFC 4475 section 3.1.2.4).
pub(super) fn seconds(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(number(bytes).and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(u32::MAX))
}

/// A place in a header value.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it stands here.
    pub fn eat(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    /// Steps over `byte` with blanks around it, as separators may have (RFC 3261 section 25.1: SLASH, EQUAL, SEMI, ...).
    pub fn separator(&mut self, byte: u8) -> bool {
        let start = self.at;
        self.skip_space();
        if self.eat(byte) {
            self.skip_space();
            return true;
        }
        self.at = start;
        false
    }

    fn run(&mut self, class: u8) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| !is(*byte, class)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    pub fn token(&mut self) -> &'a [u8] {
        self.run(TOKEN)
    }

    pub fn value(&mut self) -> &'a [u8] {
        self.run(VALUE)
    }

    pub fn host_name(&mut self) -> &'a [u8] {
        self.run(HOST)
    }

    /// Words of an unquoted display name.
    pub fn display(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| !is(*byte, DISPLAY) && !is_space(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Everything up to `byte`, which is stepped over and not returned.
    pub fn until(&mut self, byte: u8) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let length = memchr::memchr(byte, rest)?;
        self.at += length + 1;
        Some(&rest[..length])
    }

    /// Everything up to the first byte that `stop` knows, or the end.
    pub fn until_any(&mut self, stop: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| stop(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// A quoted string, without its quotes and still escaped. `None` (and no move) when there is none or it does not end.
    pub fn quoted(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?.strip_prefix(b"\"")?;
        let mut at = 0;
        loop {
            at += memchr::memchr2(b'"', b'\\', &rest[at..])?;
            if rest[at] == b'"' {
                self.at += at + 2;
                return Some(&rest[..at]);
            }
            at += 2;
            if at > rest.len() {
                return None;
            }
        }
    }
}

/// A quoted string's content without its escapes.
pub(super) fn unescape(quoted: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', quoted).is_none() {
        return text(quoted);
    }
    let mut plain = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        plain.push(if *byte == b'\\' { *bytes.next().unwrap_or(&b'\\') } else { *byte });
    }
    Cow::Owned(text(&plain).into_owned())
}

/// As a quoted string: quotes and backslashes escaped, line breaks gone.
pub(super) fn quote(plain: &str, out: &mut String) {
    out.push('"');
    for letter in plain.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\r' | '\n' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out.push('"');
}
