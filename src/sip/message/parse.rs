//! Reading one whole message, and what can still be said to the sender of one that cannot be read.
//!
//! One pass over the bytes finds the lines; every limit is checked before anything is kept. Invariant: the work is linear in
//! the length of the datagram, and nothing larger than [`MAX_MESSAGE`] is looked into.

use super::headers::Headers;
use super::method::Method;
use super::name::Name;
use super::scan;
use super::uri::Uri;
use super::via::Via;
use super::{Message, Request, Response};
use crate::sip::Status;

/// Bytes of a message, body included. More is refused with 513.
pub const MAX_MESSAGE: usize = 16 * 1024;
/// Header fields of a message.
pub const MAX_FIELDS: usize = 128;
/// Bytes of one header field's value, or of the start line.
pub const MAX_FIELD: usize = 4096;
/// Values of all Via fields together.
pub const MAX_VIAS: usize = 70;
/// Values of all Contact fields of a request. A registrar's answer lists what bindings there are, and may have more.
pub const MAX_CONTACTS: usize = 5;

/// A message that cannot be read.
#[derive(Clone, PartialEq, Debug)]
pub struct Malformed {
    /// What the sender is told, if it can be told anything.
    pub status: Status,
    /// Finishes the sentence "could not read the message: ...".
    pub why: String,
    reply: Option<Box<Response>>,
}

impl Malformed {
    /// The refusal, when this was a request other than ACK with a Via to send it back by. For everything else the answer is
    /// silence (RFC 3261 sections 8.1.3, 17.2.1).
    pub fn response(&self) -> Option<Response> {
        self.reply.as_deref().cloned()
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "could not read the message: {} ({})", self.why, self.status)
    }
}

/// What is wrong, before it is known whether anybody can be told.
struct Fault {
    status: u16,
    why: &'static str,
}

impl From<&'static str> for Fault {
    fn from(why: &'static str) -> Fault {
        Fault { status: 400, why }
    }
}

const TOO_LARGE: u16 = 513;

/// Reads one message: a datagram, or what [`crate::sip::stream::Framer`] cut out. Line breaks before it are skipped; what stands
/// behind the body that Content-Length gives is dropped; without a Content-Length the body ends where the bytes end
/// (RFC 3261 section 18.3).
pub fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    if bytes.is_empty() {
        return Ok(Message::KeepAlive);
    }
    let outcome = if bytes.len() > MAX_MESSAGE {
        Err(Fault { status: TOO_LARGE, why: "more than 16 KB" })
    } else if is_response(bytes) {
        read_response(bytes).map(Message::Response)
    } else {
        read_request(bytes).map(Message::Request)
    };
    outcome.map_err(|Fault { status, why }| {
        let status = Status(status);
        Malformed { status, why: why.to_string(), reply: refusal(bytes, status).map(Box::new) }
    })
}

/// Of a request that we have sent ourselves only these fields, which are not looked into, and no body.
pub(in crate::sip) fn excerpt(bytes: &[u8], wanted: &[Name]) -> Option<Request> {
    let mut lines = Lines { bytes, at: 0 };
    let mut words = lines.line().ok()?.split(|byte| *byte == b' ');
    let (method, uri) = (Method::parse(words.next()?)?, Uri::parse(words.next()?).ok()?);
    let mut request = Request::new(method, uri);
    while let Some(Line { bytes: line, folded }) = lines.field().ok()? {
        let (name, value) = split_field(line).ok()?;
        if wanted.contains(&name) {
            request.headers.append(name, value, folded);
        }
    }
    Some(request)
}

fn is_response(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

/// `METHOD SP Request-URI SP SIP/2.0`, one blank each (RFC 3261 section 7.1).
fn read_request(bytes: &[u8]) -> Result<Request, Fault> {
    let mut lines = Lines { bytes, at: 0 };
    let line = lines.start_line()?;
    let first = memchr::memchr(b' ', line).ok_or("a request line without blanks")?;
    let last = memchr::memrchr(b' ', line).unwrap_or(first);
    check_version(&line[last + 1..])?;
    let method = Method::parse(&line[..first]).ok_or("a malformed method")?;
    let uri = line.get(first + 1..last).ok_or("a request line without an address")?;
    let uri = Uri::parse(uri)?;
    if uri.headers().is_some() {
        return Err("headers in the request URI".into());
    }
    let (headers, length) = read_fields(&mut lines, bytes.len(), Kind::Request)?;
    let cseq = headers.cseq();
    if cseq.method != method {
        // RFC 4475 section 3.1.2.18: of a method nobody knows, 501 says more than 400.
        let status = if matches!(method, Method::Other(_)) { 501 } else { 400 };
        return Err(Fault { status, why: "the CSeq names another method" });
    }
    Ok(Request { method, uri, headers, body: body(&bytes[lines.at..], length)? })
}

/// `SIP/2.0 SP 3DIGIT SP reason`; the reason may be empty, and the blank before it missing then.
fn read_response(bytes: &[u8]) -> Result<Response, Fault> {
    let mut lines = Lines { bytes, at: 0 };
    let line = lines.start_line()?;
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    check_version(parts.next().unwrap_or_default())?;
    let code = parts.next().filter(|code| code.len() == 3).and_then(scan::number);
    let code = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (100..700).contains(code));
    let status = Status(code.ok_or("a malformed status code")?);
    let reason = scan::text(parts.next().unwrap_or_default()).into_owned();
    let (headers, length) = read_fields(&mut lines, bytes.len(), Kind::Response)?;
    Ok(Response { status, reason, headers, body: body(&bytes[lines.at..], length)? })
}

fn check_version(version: &[u8]) -> Result<(), Fault> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let other = version.get(..4).filter(|name| name.eq_ignore_ascii_case(b"SIP/")).is_some_and(|_| {
        let number = &version[4..];
        memchr::memchr(b'.', number).is_some_and(|dot| digits(&number[..dot]) && digits(&number[dot + 1..]))
    });
    Err(if other { Fault { status: 505, why: "another version of SIP" } } else { "a start line that is not SIP's".into() })
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Request,
    Response,
}

/// The header fields up to the empty line, and the Content-Length.
fn read_fields(lines: &mut Lines, size: usize, kind: Kind) -> Result<(Headers, Option<usize>), Fault> {
    let mut headers = Headers::with_capacity(size - lines.at);
    let (mut count, mut vias, mut call_ids, mut hops) = (0, 0, 0, 0);
    let mut length = None;
    while let Some(Line { bytes: line, folded }) = lines.field()? {
        count += 1;
        if count > MAX_FIELDS {
            return Err(Fault { status: TOO_LARGE, why: "more than 128 header fields" });
        }
        let (name, value) = split_field(line)?;
        if value.len() > MAX_FIELD {
            return Err(Fault { status: TOO_LARGE, why: "a header field of more than 4 KB" });
        }
        if name == Name::ContentLength {
            read_content_length(value, &mut length)?;
            continue;
        }
        headers.append(name.clone(), value, folded);
        let read = headers.read_last();
        match name {
            Name::Via => vias += read?,
            // A response is not worth losing for these: what the caller needs to know is the status.
            Name::Contact if kind == Kind::Response => {}
            _ => {
                read?;
            }
        }
        call_ids += usize::from(name == Name::CallId);
        hops += usize::from(name == Name::MaxForwards);
        if vias > MAX_VIAS {
            return Err(Fault { status: TOO_LARGE, why: "more than 70 Vias" });
        }
    }
    if vias == 0 {
        return Err("no Via".into());
    }
    headers.check_mandatory()?;
    match call_ids {
        0 => return Err("no Call-ID".into()),
        1 if !is_call_id(headers.call_id()) => return Err("a malformed Call-ID".into()),
        1 => {}
        _ => return Err("more than one Call-ID".into()),
    }
    if kind == Kind::Request {
        check_request_fields(&headers, hops)?;
    }
    Ok((headers, length))
}

fn check_request_fields(headers: &Headers, max_forwards: usize) -> Result<(), Fault> {
    if max_forwards > 1 {
        return Err("more than one Max-Forwards".into());
    }
    if max_forwards == 1 && headers.max_forwards().is_none() {
        return Err("a malformed Max-Forwards".into());
    }
    if headers.contacts().len() > MAX_CONTACTS {
        return Err("more than 5 Contacts".into());
    }
    if headers.is_star() && !headers.contacts().is_empty() {
        return Err("a Contact of * with others".into());
    }
    Ok(())
}

/// Anything printable: `word [ "@" word ]` and what others make of it.
fn is_call_id(call_id: &str) -> bool {
    !call_id.is_empty() && call_id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A name, blanks, a colon, and the value with its folds.
fn split_field(line: &[u8]) -> Result<(Name, &[u8]), &'static str> {
    let colon = memchr::memchr(b':', line).ok_or("a header field without a colon")?;
    let name = Name::parse(scan::trim(&line[..colon])).filter(|_| !scan::is_space(line[0]));
    Ok((name.ok_or("a malformed header name")?, &line[colon + 1..]))
}

fn body(rest: &[u8], length: Option<usize>) -> Result<Vec<u8>, Fault> {
    match length {
        None => Ok(rest.to_vec()),
        Some(length) => Ok(rest.get(..length).ok_or("a Content-Length larger than the message")?.to_vec()),
    }
}

/// The header section, line by line. Every line ends in CRLF; a lone CR or LF is refused, because two readers could disagree
/// about where the line ends.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A header field, with the line breaks of its folds.
struct Line<'a> {
    bytes: &'a [u8],
    folded: bool,
}

impl<'a> Lines<'a> {
    fn start_line(&mut self) -> Result<&'a [u8], Fault> {
        let line = self.line()?;
        if line.len() > MAX_FIELD {
            return Err(Fault { status: TOO_LARGE, why: "a start line of more than 4 KB" });
        }
        Ok(line)
    }

    /// The next field with its continuation lines, or `None` after the empty line that ends the header section.
    fn field(&mut self) -> Result<Option<Line<'a>>, &'static str> {
        let start = self.at;
        let bytes = self.line()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut line = Line { bytes, folded: false };
        while self.bytes.get(self.at).is_some_and(|byte| scan::is_space(*byte)) {
            self.line()?;
            line = Line { bytes: &self.bytes[start..self.at - 2], folded: true };
        }
        Ok(Some(line))
    }

    fn line(&mut self) -> Result<&'a [u8], &'static str> {
        let rest = &self.bytes[self.at..];
        let end = memchr::memchr2(b'\r', b'\n', rest).ok_or("a header section without its end")?;
        if rest.get(end..end + 2) != Some(b"\r\n") {
            return Err("a line that does not end in CRLF");
        }
        self.at += end + 2;
        Ok(&rest[..end])
    }
}

/// Repeating it is allowed, changing one's mind is not: that is how one message is smuggled in another's body.
fn read_content_length(value: &[u8], length: &mut Option<usize>) -> Result<(), &'static str> {
    let this = scan::number(value.trim_ascii()).and_then(|length| usize::try_from(length).ok());
    let this = this.ok_or("a malformed Content-Length")?;
    match length.replace(this) {
        Some(earlier) if earlier != this => Err("two Content-Lengths that differ"),
        _ => Ok(()),
    }
}

/// The Content-Length of a message on a stream, from its start line to the end of its header section: without one nobody knows
/// where it ends (RFC 3261 section 18.3).
pub(in crate::sip) fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    let mut lines = Lines { bytes: head, at: 0 };
    lines.line()?;
    let mut length = None;
    while let Some(Line { bytes: line, .. }) = lines.field()? {
        // The others are read with the message.
        if matches!(line[0], b'C' | b'c' | b'L' | b'l')
            && let Ok((Name::ContentLength, value)) = split_field(line)
        {
            read_content_length(value, &mut length)?;
        }
    }
    length.ok_or("no Content-Length")
}

/// The refusal of a request that cannot be read, made of what can be read of it: its topmost Via at least. `None` for ACK and for
/// responses, which nobody answers.
pub fn refusal(bytes: &[u8], status: Status) -> Option<Response> {
    let bytes = &bytes[..bytes.len().min(MAX_MESSAGE)];
    if is_response(bytes) || bytes.starts_with(b"ACK ") {
        return None;
    }
    let mut headers = Headers::default();
    let mut fields = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).skip(1).peekable();
    let mut count = 0;
    let mut top = None;
    while let Some(line) = fields.next().filter(|line| !line.is_empty()) {
        let mut field = line.to_vec();
        while let Some(more) = fields.next_if(|line| line.first().is_some_and(|byte| scan::is_space(*byte))) {
            field.extend_from_slice(more);
        }
        count += 1;
        let Ok((name, value)) = split_field(&field) else { continue };
        if count > MAX_FIELDS || value.len() > MAX_FIELD {
            continue;
        }
        match name {
            Name::Via if top.is_none() => {
                let via = Via::salvage(value)?;
                // A list that reads as it should goes back as it came.
                if headers.keeps(&Name::Via, value) {
                    headers.push(name, value)
                } else {
                    headers.push(name, via.to_string())
                }
                top = Some(via);
            }
            Name::Via => headers.push(name, value),
            Name::From | Name::To | Name::CallId | Name::CSeq if !headers.has(name.clone()) => headers.push(name, value),
            _ => {}
        }
    }
    top?;
    Some(Response { status, reason: status.reason_phrase().to_string(), headers, body: Vec::new() })
}
