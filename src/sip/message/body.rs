//! Bodies: the session description, whether it comes alone or as one part of several (RFC 5621; RFC 2046 section 5.1).
//!
//! Providers that speak ISUP behind SIP, and phones that say where they are, send it beside something else. A body that is neither
//! is no obstacle when its sender can do without it (`handling=optional`, RFC 3261 section 20.11). Invariant: at most `MAX_PARTS`
//! parts are looked at, each byte once.

use super::scan::{self, Cursor};
use super::{Headers, Name, Params};

/// At most so many parts of one body are looked at; more are as if they were not there.
const MAX_PARTS: usize = 16;

/// What a body is to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'m> {
    /// There is none, or none that must be understood.
    Nothing,
    /// A session description, not read yet.
    Sdp(&'m [u8]),
    /// Its sender needs us to understand it, and we do not.
    Foreign,
}

impl<'m> Body<'m> {
    pub fn of(headers: &Headers, body: &'m [u8]) -> Body<'m> {
        if body.is_empty() {
            return Body::Nothing;
        }
        let encoded = headers.get(Name::ContentEncoding).is_some_and(|it| !scan::trim(it).eq_ignore_ascii_case(b"identity"));
        let (kind, params) = media(headers.get(Name::ContentType).unwrap_or_default());
        let whole = Part { kind: kind.clone(), optional: is_optional(headers.get(Name::ContentDisposition)), bytes: body };
        match params.get("boundary") {
            _ if encoded => whole.unless_optional(),
            Some(boundary) if kind.starts_with("multipart/") => of_parts(parts(body, boundary)),
            _ => whole.meaning(),
        }
    }
}

/// The first description; else whatever must be understood.
fn of_parts<'m>(parts: impl Iterator<Item = Part<'m>>) -> Body<'m> {
    let mut all = Body::Nothing;
    for part in parts.take(MAX_PARTS) {
        match part.meaning() {
            Body::Sdp(sdp) => return Body::Sdp(sdp),
            Body::Foreign => all = Body::Foreign,
            Body::Nothing => {}
        }
    }
    all
}

struct Part<'m> {
    /// `type/subtype`, in lower case.
    kind: String,
    optional: bool,
    bytes: &'m [u8],
}

impl<'m> Part<'m> {
    fn meaning(&self) -> Body<'m> {
        if self.kind == "application/sdp" { Body::Sdp(self.bytes) } else { self.unless_optional() }
    }

    fn unless_optional(&self) -> Body<'m> {
        if self.optional { Body::Nothing } else { Body::Foreign }
    }
}

fn media(value: &[u8]) -> (String, Params) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let kind = scan::text(scan::trim(&value[..end])).to_ascii_lowercase();
    (kind, Params::read(&mut Cursor::new(&value[end..])).unwrap_or_default())
}

fn is_optional(disposition: Option<&[u8]>) -> bool {
    disposition.is_some_and(|value| media(value).1.get("handling").is_some_and(|how| how.eq_ignore_ascii_case("optional")))
}

/// What stands between the boundaries; nothing after the last of them, nor before the first.
fn parts<'m>(body: &'m [u8], boundary: &str) -> impl Iterator<Item = Part<'m>> {
    let delimiter = format!("--{boundary}");
    let mut rest = after_delimiter(body, &delimiter).map(|(_, rest)| rest);
    std::iter::from_fn(move || {
        let (bytes, next) = after_delimiter(rest?, &delimiter)?;
        rest = Some(next);
        Some(part(bytes))
    })
}

/// What stands before the next delimiter that begins a line, and what follows the delimiter's own line.
fn after_delimiter<'m>(bytes: &'m [u8], delimiter: &str) -> Option<(&'m [u8], &'m [u8])> {
    let at = memchr::memmem::find_iter(bytes, delimiter.as_bytes()).find(|at| *at == 0 || bytes[at - 1] == b'\n')?;
    let before = &bytes[..at];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    let rest = &bytes[at + delimiter.len()..];
    let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    // The closing delimiter bears two more dashes: there is nothing behind it.
    Some((before, if rest.starts_with(b"--") { &[] } else { &rest[line..] }))
}

/// The part's own header fields, up to an empty line, and its content.
fn part(bytes: &[u8]) -> Part<'_> {
    // RFC 2046 section 5.1: without a field it is plain text.
    let mut part = Part { kind: "text/plain".into(), optional: false, bytes: &[] };
    let mut rest = bytes;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if line.is_empty() {
            part.bytes = rest;
            break;
        }
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (scan::trim(&line[..colon]), &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"content-type") {
            part.kind = media(value).0;
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            part.optional = is_optional(Some(value));
        }
    }
    part
}
