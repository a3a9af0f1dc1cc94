//! Addresses: SIP, SIPS and tel URIs; others are kept as they came (RFC 3261 section 19.1, RFC 3966).
//!
//! A URI is its text, with the places of its parts beside it. Invariant: what is printed is byte for byte what was parsed.

use super::scan;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

/// The longest URI that is read.
pub const MAX_URI: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// Anything else: only carried, never followed.
    Other,
}

/// A URI. Ordered and compared by its text; [`Uri::same_as`] compares by meaning.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uri {
    text: Box<str>,
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    /// With its brackets. For a tel URI the number, for others everything after the colon.
    host: Span,
    port: Option<u16>,
    /// Without the first semicolon.
    params: Span,
    headers: Span,
}

/// A part of the text. Sixteen bits suffice for [`MAX_URI`].
#[derive(Clone, Copy, Default)]
struct Span(u16, u16);

impl Span {
    fn of(range: Range<usize>) -> Span {
        let bound = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
        Span(bound(range.start), bound(range.end))
    }
}

impl Uri {
    /// The error says what is wrong with it.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Uri, &'static str> {
        let bytes = text.as_ref();
        if bytes.len() > MAX_URI {
            return Err("the URI is too long");
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Err("the URI is not text") };
        if !bytes.iter().all(|byte| scan::is_uri_byte(*byte)) {
            return Err("a character that no URI may hold");
        }
        let Some(colon) = memchr::memchr(b':', bytes) else { return Err("a URI without a scheme") };
        let scheme = &bytes[..colon];
        let well_formed = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !well_formed {
            return Err("a malformed URI scheme");
        }
        let rest = colon + 1..bytes.len();
        if rest.is_empty() {
            return Err("a URI with nothing after its scheme");
        }
        let empty = Span::of(bytes.len()..bytes.len());
        let mut uri = Uri {
            text: text.into(),
            scheme: Scheme::Other,
            user: None,
            password: None,
            host: Span::of(rest.clone()),
            port: None,
            params: empty,
            headers: empty,
        };
        if scheme.eq_ignore_ascii_case(b"sip") {
            uri.scheme = Scheme::Sip;
            uri.read_sip(rest.start)?;
        } else if scheme.eq_ignore_ascii_case(b"sips") {
            uri.scheme = Scheme::Sips;
            uri.read_sip(rest.start)?;
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            uri.scheme = Scheme::Tel;
            uri.read_tel(rest.start)?;
        }
        Ok(uri)
    }

    /// `sip:user@host:port`; `user` is escaped as needed, an IPv6 `host` is given its brackets. The host is ours or was parsed
    /// before: what no URI may hold is left out of it.
    pub fn sip(user: &str, host: &str, port: Option<u16>) -> Uri {
        let mut text = String::with_capacity(user.len() + host.len() + 16);
        text.push_str("sip:");
        if !user.is_empty() {
            escape_user(user, &mut text);
            text.push('@');
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if bare.contains(':') && bare.parse::<Ipv6Addr>().is_ok() {
            text.extend(["[", bare, "]"]);
        } else {
            text.extend(host.bytes().filter(|byte| scan::is_host_byte(*byte)).map(char::from));
        }
        if let Some(port) = port {
            // Writing into memory does not fail.
            let _ = write!(text, ":{port}");
        }
        Uri::parse(text).unwrap_or_else(|_| Uri::invalid())
    }

    /// An address that leads nowhere (RFC 2606), for what must name somebody and cannot: anonymous callers, unreadable addresses.
    pub fn invalid() -> Uri {
        let text = "sip:anonymous.invalid";
        let end = Span::of(text.len()..text.len());
        Uri {
            text: text.into(),
            scheme: Scheme::Sip,
            user: None,
            password: None,
            host: Span::of(4..text.len()),
            port: None,
            params: end,
            headers: end,
        }
    }

    /// The same with one more parameter; an empty value stands for a flag. Nothing changes for schemes other than SIP and SIPS,
    /// nor when the parameter cannot be written.
    pub fn with_param(&self, name: &str, value: &str) -> Uri {
        let (head, headers) = self.text.split_at(usize::from(self.params.1));
        let equals = if value.is_empty() { "" } else { "=" };
        match Uri::parse(format!("{head};{name}{equals}{value}{headers}")) {
            Ok(uri) if matches!(self.scheme, Scheme::Sip | Scheme::Sips) => uri,
            _ => self.clone(),
        }
    }

    /// Scheme, user, host and port only: what identifies an account (RFC 3261 section 10.3, step 5).
    pub fn bare(&self) -> Uri {
        let end = usize::from(self.params.0);
        let text = &self.text[..end];
        Uri::parse(text.strip_suffix(';').or_else(|| text.strip_suffix('?')).unwrap_or(text)).unwrap_or_else(|_| self.clone())
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as it is written.
    pub fn scheme_name(&self) -> &str {
        self.text.split(':').next().unwrap_or_default()
    }

    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user, unescaped; of a tel URI the number. Empty when there is none. Escapes that are not UTF-8 are read as Latin-1.
    pub fn user(&self) -> Cow<'_, str> {
        match (self.scheme, self.user) {
            (Scheme::Tel, _) => Cow::Borrowed(self.part(self.host)),
            (_, Some(user)) => unescape(self.part(user)),
            _ => Cow::Borrowed(""),
        }
    }

    /// The user without the parameters that gateways write behind a number, `101;phone-context=x` (RFC 3261 section 19.1.6).
    pub fn subscriber(&self) -> String {
        self.user().split(';').next().unwrap_or_default().to_string()
    }

    /// The user as it is written, with its escapes.
    pub fn raw_user(&self) -> Option<&str> {
        self.user.map(|user| self.part(user))
    }

    pub fn password(&self) -> Option<&str> {
        self.password.map(|password| self.part(password))
    }

    /// A name or an address without brackets; empty for schemes other than SIP and SIPS.
    pub fn host(&self) -> &str {
        if !self.is_sip() {
            return "";
        }
        let host = self.part(self.host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub fn port(&self) -> Option<u16> {
        self.port
    }

    pub fn host_port(&self) -> (&str, Option<u16>) {
        (self.host(), self.port)
    }

    /// The host, when it is an address and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        ip(self.host())
    }

    /// The `transport` parameter, in lower case.
    pub fn transport(&self) -> Option<String> {
        self.param("transport").map(str::to_ascii_lowercase)
    }

    /// A parameter's value, as it is written; empty for a flag.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values as they are written.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.part(self.params)
            .split(';')
            .filter(|param| !param.is_empty())
            .map(|param| param.split_once('=').unwrap_or((param, "")))
    }

    /// The headers that a URI may carry (`?Route=...`), as they are written. Never acted upon.
    pub fn headers(&self) -> Option<&str> {
        Some(self.part(self.headers)).filter(|headers| !headers.is_empty())
    }

    /// One of those headers, unescaped; the name in any case.
    pub fn header(&self, name: &str) -> Option<String> {
        let pairs = self.headers()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut named = pairs.filter(|(other, _)| unescape(other).eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| unescape(value).into_owned())
    }

    fn part(&self, span: Span) -> &str {
        self.text.get(usize::from(span.0)..usize::from(span.1)).unwrap_or_default()
    }

    fn read_sip(&mut self, start: usize) -> Result<(), &'static str> {
        let text: &[u8] = self.text.as_bytes();
        let mut at = start;
        if let Some(length) = memchr::memchr(b'@', &text[start..]) {
            let end = start + length;
            let colon = memchr::memchr(b':', &text[start..end]).map_or(end, |colon| start + colon);
            if colon == start {
                return Err("an empty user in the URI");
            }
            if !well_escaped(&text[start..end]) {
                return Err("a malformed escape in the URI");
            }
            self.user = Some(Span::of(start..colon));
            self.password = (colon < end).then(|| Span::of(colon + 1..end));
            at = end + 1;
        }
        let rest = &text[at..];
        let host = if rest.first() == Some(&b'[') {
            memchr::memchr(b']', rest).map(|end| end + 1).ok_or("an IPv6 address without its end")?
        } else {
            rest.iter().position(|byte| matches!(byte, b':' | b';' | b'?')).unwrap_or(rest.len())
        };
        if !is_host(&rest[..host]) {
            return Err("a malformed host in the URI");
        }
        self.host = Span::of(at..at + host);
        at += host;
        if text.get(at) == Some(&b':') {
            let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            self.port = Some(port(&text[at + 1..at + 1 + digits]).ok_or("a malformed port in the URI")?);
            at += 1 + digits;
        }
        let question = memchr::memchr(b'?', &text[at..]).map_or(text.len(), |length| at + length);
        self.params = Span::of(at..question);
        match text.get(at) {
            None | Some(b'?') => {}
            Some(b';') => {
                let params = &text[at + 1..question];
                let bad = params.split(|byte| *byte == b';').any(|param| matches!(param.first(), None | Some(b'=')));
                if bad || !well_escaped(params) || memchr::memchr2(b',', b'@', params).is_some() {
                    return Err("a malformed parameter in the URI");
                }
                self.params = Span::of(at + 1..question);
            }
            Some(_) => return Err("something after the host of the URI"),
        }
        if question < text.len() {
            if question + 1 == text.len() {
                return Err("a URI that ends in a question mark");
            }
            self.headers = Span::of(question + 1..text.len());
        }
        Ok(())
    }

    /// RFC 3966 section 3: a global number with `+`, or a local one; visual separators are left in place.
    fn read_tel(&mut self, start: usize) -> Result<(), &'static str> {
        let text = self.text.as_bytes();
        let semicolon = memchr::memchr(b';', &text[start..]).map_or(text.len(), |length| start + length);
        let number = &text[start..semicolon];
        let digits = number.strip_prefix(b"+").unwrap_or(number);
        let visual = |byte: &u8| matches!(byte, b'-' | b'.' | b'(' | b')');
        let phone = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#');
        if !digits.iter().all(|byte| visual(byte) || phone(byte)) || !digits.iter().any(phone) {
            return Err("a tel URI without a number");
        }
        self.host = Span::of(start..semicolon);
        self.params = Span::of((semicolon + 1).min(text.len())..text.len());
        Ok(())
    }
}

/// An IPv4 or IPv6 address without brackets. `:::` is read as `::`, which the grammar of RFC 3261 lets people write
/// (RFC 5118 section 4.10).
pub(super) fn ip(host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    host.contains(":::").then(|| host.replacen(":::", "::", 1).parse::<Ipv6Addr>().ok().map(IpAddr::V6)).flatten()
}

/// A host name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(host: &[u8]) -> bool {
    if let Some(inner) = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")) {
        return std::str::from_utf8(inner).ok().and_then(ip).is_some_and(|address| address.is_ipv6());
    }
    let mut numeric = true;
    for byte in host {
        numeric &= byte.is_ascii_digit() || *byte == b'.';
        if !scan::is_host_byte(*byte) {
            return false;
        }
    }
    // A name of digits and dots alone is an address or nothing (RFC 3261: a top label begins with a letter).
    !host.is_empty() && (!numeric || is_ipv4(host))
}

/// Four numbers up to 255, without leading zeros.
fn is_ipv4(host: &[u8]) -> bool {
    let number = |part: &[u8]| match part {
        [_] => true,
        [b'0', ..] | [] => false,
        [_, _] | [b'1', _, _] | [b'2', b'0'..=b'4', _] | [b'2', b'5', b'0'..=b'5'] => true,
        _ => false,
    };
    let mut parts = 0;
    host.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        number(part)
    }) && parts == 4
}

/// 1 to 65535.
pub(super) fn port(digits: &[u8]) -> Option<u16> {
    scan::number(digits).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

fn well_escaped(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text)
        .all(|at| matches!(text.get(at + 1..at + 3), Some([high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
}

fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        match escape(rest) {
            Some(decoded) => {
                plain.push(decoded);
                rest = &rest[3..];
            }
            None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    Cow::Owned(scan::text(&plain).into_owned())
}

/// The byte that `%HH` at the beginning of `text` stands for.
pub(super) fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// `user = 1*(unreserved / escaped / user-unreserved)`, RFC 3261 section 25.1.
fn escape_user(user: &str, out: &mut String) {
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into memory does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({})", self.text)
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Uri) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl PartialOrd for Uri {
    fn partial_cmp(&self, other: &Uri) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Uri {
    fn cmp(&self, other: &Uri) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for Uri {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl TryFrom<String> for Uri {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Uri, &'static str> {
        Uri::parse(text)
    }
}

impl From<Uri> for String {
    fn from(uri: Uri) -> String {
        uri.text.into()
    }
}

impl std::str::FromStr for Uri {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Uri, &'static str> {
        Uri::parse(text)
    }
}
