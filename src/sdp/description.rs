//! A session description and its text (RFC 8866).
//!
//! Kept: who made it, where media goes, the media lines with all their attributes, in order. Left out: times, bandwidths,
//! people, keys. Invariant: no part holds a line break, so what is printed reads back as the same description.

use super::Direction;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

/// Bytes of a description.
pub const MAX_DESCRIPTION: usize = 8 * 1024;
/// Media lines of a description.
pub const MAX_MEDIA: usize = 8;

/// Room for what phones and we usually say.
const USUAL_LENGTH: usize = 512;

/// A session description.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Description {
    pub origin: Origin,
    /// `s=`.
    pub name: String,
    /// `c=` for the media lines that have none of their own.
    pub connection: Option<Address>,
    /// Those before the first media line, as they came.
    pub attributes: Vec<Attribute>,
    pub media: Vec<Media>,
}

/// `o=`: which description of which session this is. The same id with the same version is the same description.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    pub user: String,
    /// Digits, by the rule; of any length.
    pub id: String,
    pub version: String,
    pub address: Address,
}

/// `IN IP4 192.0.2.1`; the rule allows names, too.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Address {
    Ip(IpAddr),
    /// `ipv6` is what the line said of it.
    Name {
        name: String,
        ipv6: bool,
    },
}

/// `a=name` or `a=name:value`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attribute {
    pub name: Cow<'static, str>,
    pub value: Option<String>,
}

/// A media line and what follows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Media {
    /// `audio`, `video`, `image`, ...
    pub kind: Cow<'static, str>,
    /// 0: refused, or no longer wanted.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, ...
    pub protocol: Cow<'static, str>,
    /// Payload types, for RTP.
    pub formats: Vec<String>,
    pub connection: Option<Address>,
    pub attributes: Vec<Attribute>,
}

/// Bytes that are no session description.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("could not read the session description: {why}")]
pub struct Unreadable {
    pub why: &'static str,
}

impl From<&'static str> for Unreadable {
    fn from(why: &'static str) -> Unreadable {
        Unreadable { why }
    }
}

/// Reads a description. Lines may end in LF alone (RFC 8866 section 5), `s=` and `t=` may be missing, unknown lines are skipped.
pub fn parse(bytes: &[u8]) -> Result<Description, Unreadable> {
    if bytes.len() > MAX_DESCRIPTION {
        return Err("more than 8 KB".into());
    }
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if lines.next() != Some(b"v=0") {
        return Err("it does not begin with v=0".into());
    }
    let mut origin = None;
    let mut name = None;
    let mut connection = None;
    let mut attributes = Vec::new();
    let mut media: Vec<Media> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let [kind, b'=', value @ ..] = line else { return Err("a line without its letter and =".into()) };
        if value.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err("a control character in a line".into());
        }
        let value = &*text(value);
        match (kind, media.last_mut()) {
            (b'o', None) => once(&mut origin, parse_origin(value)?, "two o= lines")?,
            (b's', None) => once(&mut name, value.to_string(), "two s= lines")?,
            (b'c', None) => once(&mut connection, parse_connection(value)?, "two c= lines")?,
            // Further ones list the layers of a multicast; the first is where media goes.
            (b'c', Some(line)) => drop(line.connection.get_or_insert(parse_connection(value)?)),
            (b'a', None) => attributes.push(parse_attribute(value)?),
            (b'a', Some(line)) => line.attributes.push(parse_attribute(value)?),
            (b'm', _) => media.push(parse_media(value)?),
            _ => {}
        }
    }
    if media.len() > MAX_MEDIA {
        return Err("more than 8 media lines".into());
    }
    let origin = origin.ok_or("no o= line")?;
    Ok(Description { origin, name: name.unwrap_or_else(|| "-".to_string()), connection, attributes, media })
}

impl Description {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(USUAL_LENGTH);
        // Writing to a string cannot fail.
        let _ = write!(text, "{self}");
        text.into_bytes()
    }

    /// Where this media line's packets go.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Address> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of a media line, as its sender sees it.
    pub fn direction_of(&self, media: &Media) -> Direction {
        direction(&media.attributes).or_else(|| direction(&self.attributes)).unwrap_or_default()
    }

    /// The address of the first audio line that is in use: a leg's family follows its peer's.
    pub fn audio_address(&self) -> Option<IpAddr> {
        self.media.iter().filter(|media| media.is_audio() && media.port != 0).find_map(|media| {
            match self.connection_of(media) {
                Some(Address::Ip(address)) => Some(*address),
                _ => None,
            }
        })
    }
}

impl Media {
    pub fn is_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio")
    }

    /// The values of all attributes of that name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.attributes.iter().filter(move |attribute| attribute.name.eq_ignore_ascii_case(name));
        named.filter_map(|attribute| attribute.value.as_deref())
    }
}

impl Attribute {
    pub fn flag(name: &'static str) -> Attribute {
        Attribute { name: name.into(), value: None }
    }

    pub fn new(name: &'static str, value: impl Into<String>) -> Attribute {
        Attribute { name: name.into(), value: Some(value.into()) }
    }
}

/// The last one counts, should there be two.
fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().rev().find_map(|attribute| Direction::parse(&attribute.name))
}

/// `o=<user> <id> <version> IN IP4 <address>`.
fn parse_origin(value: &str) -> Result<Origin, &'static str> {
    let mut words = value.split_ascii_whitespace();
    match (words.next(), words.next(), words.next(), words.next(), words.next(), words.next(), words.next()) {
        (Some(user), Some(id), Some(version), Some(net), Some(family), Some(address), None) => Ok(Origin {
            user: user.to_string(),
            id: id.to_string(),
            version: version.to_string(),
            address: parse_address(net, family, address).ok_or("a malformed address in o=")?,
        }),
        _ => Err("a malformed o= line"),
    }
}

/// `c=IN IP4 192.0.2.1`, for multicast with `/ttl/count` behind it.
fn parse_connection(value: &str) -> Result<Address, &'static str> {
    let mut words = value.split_ascii_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(net), Some(family), Some(address), None) => {
            parse_address(net, family, address.split('/').next().unwrap_or_default()).ok_or("a malformed address in c=")
        }
        _ => Err("a malformed c= line"),
    }
}

fn parse_address(net: &str, family: &str, address: &str) -> Option<Address> {
    let ipv6 = match family {
        _ if !net.eq_ignore_ascii_case("IN") => return None,
        _ if family.eq_ignore_ascii_case("IP4") => false,
        _ if family.eq_ignore_ascii_case("IP6") => true,
        _ => return None,
    };
    match address.parse::<IpAddr>() {
        Ok(ip) => (ip.is_ipv6() == ipv6).then_some(Address::Ip(ip)),
        Err(_) => {
            let named =
                !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            named.then(|| Address::Name { name: address.to_string(), ipv6 })
        }
    }
}

/// The words that every description is made of: shared, for descriptions are copied with each offer and answer.
const WORDS: [&str; 15] = [
    "rtpmap", "fmtp", "ptime", "sendrecv", "maxptime", "sendonly", "recvonly", "inactive", "rtcp", "rtcp-mux", "ssrc", "audio",
    "video", "RTP/AVP", "RTP/SAVP",
];

fn word(text: &str) -> Cow<'static, str> {
    match WORDS.iter().find(|word| **word == text) {
        Some(word) => Cow::Borrowed(word),
        None => Cow::Owned(text.to_string()),
    }
}

fn parse_attribute(value: &str) -> Result<Attribute, &'static str> {
    let (name, value) = match value.split_once(':') {
        Some((name, value)) => (name, Some(value.trim().to_string())),
        None => (value, None),
    };
    let name = name.trim();
    if name.is_empty() { Err("an attribute without a name") } else { Ok(Attribute { name: word(name), value }) }
}

/// `m=<kind> <port>[/<count>] <protocol> <format> ...`.
fn parse_media(value: &str) -> Result<Media, &'static str> {
    let mut words = value.split_ascii_whitespace();
    let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return Err("a malformed m= line");
    };
    let port = port.split('/').next().unwrap_or_default();
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let formats: Vec<String> = words.map(str::to_string).collect();
    if formats.is_empty() {
        return Err("an m= line without formats");
    }
    Ok(Media {
        kind: word(kind),
        port: port.parse().ok().filter(|_| digits).ok_or("a malformed port in m=")?,
        protocol: word(protocol),
        formats,
        connection: None,
        attributes: Vec::new(),
    })
}

fn once<T>(place: &mut Option<T>, value: T, why: &'static str) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(why),
    }
}

/// UTF-8 where it is, else Latin-1.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { user, id, version, address } = &self.origin;
        write!(f, "v=0\r\no={user} {id} {version} {address}\r\ns={}\r\n", self.name)?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        f.write_str("t=0 0\r\n")?;
        self.attributes.iter().try_for_each(|attribute| write!(f, "{attribute}"))?;
        self.media.iter().try_for_each(|media| write!(f, "{media}"))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {} {}\r\n", self.kind, self.port, self.protocol, self.formats.join(" "))?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        self.attributes.iter().try_for_each(|attribute| write!(f, "{attribute}"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(IpAddr::V4(address)) => write!(f, "IN IP4 {address}"),
            Address::Ip(IpAddr::V6(address)) => write!(f, "IN IP6 {address}"),
            Address::Name { name, ipv6 } => write!(f, "IN {} {name}", if *ipv6 { "IP6" } else { "IP4" }),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "a={}:{value}\r\n", self.name),
            None => write!(f, "a={}\r\n", self.name),
        }
    }
}
