//! The header fields of a message: their values as bytes, in their order, and the ones every message has, typed.
//!
//! All values lie one after another in one buffer. Values are bytes because a peer's Latin-1, and the NUL that a quoted string
//! may hold, must go back as they came. Of a message that came everything typed is read at once, so that what is malformed is
//! refused; of one that we write only what somebody asks for. Invariant: no value holds a line break, and the typed headers always
//! say what the bytes beside them say.

use super::address::{Contact, NameAddr};
use super::method::Method;
use super::name::Name;
use super::params::Params;
use super::scan::{self, Cursor};
use super::uri::Uri;
use super::via::Via;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

/// A request's place in the order of its dialog (RFC 3261 section 20.16).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CSeq {
    /// Below 2^31.
    pub number: u32,
    pub method: Method,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
    #[serde(skip)]
    typed: Typed,
}

#[derive(Clone, Serialize, Deserialize)]
struct Field {
    name: Name,
    start: u32,
    end: u32,
}

/// What is read once, because everybody asks for it. An empty cell has not been read yet; `None` in it says that there is nothing
/// that could be.
#[derive(Clone, Default)]
struct Typed {
    /// Shared with the responses that copy them.
    via: OnceCell<Option<Arc<Via>>>,
    from: OnceCell<Option<Arc<NameAddr>>>,
    to: OnceCell<Option<Arc<NameAddr>>>,
    cseq: OnceCell<Option<CSeq>>,
    contacts: OnceCell<Contacts>,
}

#[derive(Clone, Default)]
struct Contacts {
    list: Vec<Contact>,
    star: bool,
}

/// Bytes of the fields that a response usually adds to those of its request.
const ROOM_FOR_OURS: usize = 256;
/// Bytes of the fields of a request that we write.
const ROOM_FOR_REQUEST: usize = 768;

/// What a message that is still being written has for a Via, From, To.
static NO_VIA: Via = Via::none();
static NOBODY: LazyLock<NameAddr> = LazyLock::new(|| NameAddr::new(Uri::invalid()));

impl Headers {
    pub(super) fn with_capacity(text: usize) -> Headers {
        Headers { text: Vec::with_capacity(text), fields: Vec::with_capacity(20), typed: Typed::default() }
    }

    /// Of a request that is to be written.
    pub(super) fn of_request() -> Headers {
        Headers::with_capacity(ROOM_FOR_REQUEST)
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The same as text: UTF-8, else Latin-1.
    pub fn text(&self, name: Name) -> Option<Cow<'_, str>> {
        self.get(name).map(scan::text)
    }

    /// The values of every field of that name, in order. A value may itself be a list.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| self.value(field))
    }

    pub fn has(&self, name: Name) -> bool {
        self.get(name).is_some()
    }

    /// Every field in order. Content-Length is not among them: it is what the body says.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &[u8])> {
        self.fields.iter().map(|field| (&field.name, self.value(field)))
    }

    /// Adds a field at the end. Line breaks become blanks. Content-Length is written by itself and is not taken.
    pub fn push(&mut self, name: Name, value: impl AsRef<[u8]>) {
        if name != Name::ContentLength {
            let field = self.keep(name, value.as_ref());
            self.add(field);
        }
    }

    /// Replaces every field of that name by this one, where the first of them stood.
    pub fn set(&mut self, name: Name, value: impl AsRef<[u8]>) {
        if name != Name::ContentLength {
            let field = self.keep(name, value.as_ref());
            self.place(field);
        }
    }

    /// The same with what one of our own types writes, which has no line breaks.
    pub(in crate::sip) fn write_field(&mut self, name: Name, value: impl fmt::Display) {
        let field = self.print(name, value);
        self.place(field);
    }

    /// As `push`, with what one of our own types writes.
    pub(in crate::sip) fn push_written(&mut self, name: Name, value: impl fmt::Display) {
        let field = self.print(name, value);
        self.add(field);
    }

    fn add(&mut self, field: Field) {
        self.typed.forget(&field.name);
        self.fields.push(field);
    }

    fn place(&mut self, field: Field) {
        self.typed.forget(&field.name);
        let Some(place) = self.fields.iter().position(|other| other.name == field.name) else { return self.fields.push(field) };
        let name = field.name.clone();
        self.fields[place] = field;
        let mut index = 0;
        self.fields.retain(|field| {
            let kept = field.name != name || index == place;
            index += 1;
            kept
        });
    }

    pub fn remove(&mut self, name: Name) {
        self.typed.forget(&name);
        self.fields.retain(|field| field.name != name);
    }

    /// Adds all fields of that name that `other` has, byte for byte.
    pub fn copy(&mut self, other: &Headers, name: Name) {
        for value in other.all(name.clone()) {
            self.push(name.clone(), value);
        }
    }

    /// The topmost Via; an empty one in a message that is still being written.
    pub fn via(&self) -> &Via {
        let read = || Via::read(&mut Cursor::new(self.get(Name::Via)?)).ok().map(Arc::new);
        self.typed.via.get_or_init(read).as_deref().unwrap_or(&NO_VIA)
    }

    /// All values of all Via fields, topmost first.
    pub fn vias(&self) -> Vec<Via> {
        let mut vias = Vec::new();
        for value in self.all(Name::Via) {
            // Checked when the message was read.
            let _ = read_vias(value, |via| vias.push(via));
        }
        vias
    }

    pub fn from_(&self) -> &NameAddr {
        self.typed.from.get_or_init(|| self.address(Name::From)).as_deref().unwrap_or(&NOBODY)
    }

    pub fn to_(&self) -> &NameAddr {
        self.typed.to.get_or_init(|| self.address(Name::To)).as_deref().unwrap_or(&NOBODY)
    }

    /// Empty in a message that is still being written.
    pub fn call_id(&self) -> &str {
        self.get(Name::CallId).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Zero and an empty method in a message that is still being written.
    pub fn cseq(&self) -> CSeq {
        let read = || read_cseq(self.only(Name::CSeq)?).ok();
        self.typed.cseq.get_or_init(read).clone().unwrap_or(CSeq { number: 0, method: Method::Other(String::new()) })
    }

    pub fn max_forwards(&self) -> Option<u8> {
        scan::number(self.get(Name::MaxForwards)?).and_then(|hops| u8::try_from(hops).ok())
    }

    pub fn contacts(&self) -> &[Contact] {
        &self.read_contacts().list
    }

    /// `Contact: *`: all bindings of the user are meant (RFC 3261 section 10.2.2).
    pub fn is_star(&self) -> bool {
        self.read_contacts().star
    }

    /// Seconds; `u32::MAX` for more than that, `None` when it is missing or no number.
    pub fn expires(&self) -> Option<u32> {
        scan::seconds(self.get(Name::Expires)?)
    }

    /// Seconds.
    pub fn min_expires(&self) -> Option<u32> {
        scan::seconds(self.get(Name::MinExpires)?)
    }

    /// Seconds; the comment and parameters after them are left out.
    pub fn retry_after(&self) -> Option<u32> {
        scan::seconds(Cursor::new(self.get(Name::RetryAfter)?).until_any(|byte| !byte.is_ascii_digit()))
    }

    /// Topmost first.
    pub fn route(&self) -> Vec<NameAddr> {
        self.addresses(Name::Route)
    }

    /// In the order of the header fields: for a callee this is the route set, for a caller its reverse.
    pub fn record_route(&self) -> Vec<NameAddr> {
        self.addresses(Name::RecordRoute)
    }

    pub fn require(&self) -> Vec<String> {
        self.list(Name::Require)
    }

    pub fn proxy_require(&self) -> Vec<String> {
        self.list(Name::ProxyRequire)
    }

    pub fn supported(&self) -> Vec<String> {
        self.list(Name::Supported)
    }

    pub fn allow(&self) -> Vec<Method> {
        self.list(Name::Allow).iter().filter_map(|method| Method::parse(method.as_bytes())).collect()
    }

    /// Media ranges, as `type/subtype` in lower case, without what is refused by `q=0`. See [`Headers::accepts`].
    pub fn accept(&self) -> Vec<String> {
        self.list(Name::Accept).iter().filter_map(|range| media_range(range)).collect()
    }

    /// True when the sender takes bodies of this type (lower case): no Accept means application/sdp alone, an empty one nothing
    /// (RFC 3261 section 20.1).
    pub fn accepts(&self, media: &str) -> bool {
        if !self.has(Name::Accept) {
            return media == "application/sdp";
        }
        let kind = media.split('/').next().unwrap_or_default();
        self.accept().iter().any(|range| range == "*/*" || range == media || range.strip_suffix("/*") == Some(kind))
    }

    /// `type/subtype` in lower case, without parameters.
    pub fn content_type(&self) -> Option<String> {
        self.text(Name::ContentType).and_then(|value| media_range(&value))
    }

    pub fn user_agent(&self) -> Option<Cow<'_, str>> {
        self.text(Name::UserAgent)
    }

    /// The text of the Reason header (RFC 3326).
    pub fn reason_header(&self) -> Option<Cow<'_, str>> {
        self.text(Name::Reason)
    }

    pub fn authorization(&self) -> Vec<super::Credentials> {
        self.all(Name::Authorization).filter_map(super::Credentials::parse).collect()
    }

    pub fn proxy_authorization(&self) -> Vec<super::Credentials> {
        self.all(Name::ProxyAuthorization).filter_map(super::Credentials::parse).collect()
    }

    pub fn www_authenticate(&self) -> Vec<super::Challenge> {
        self.all(Name::WwwAuthenticate).filter_map(super::Challenge::parse).collect()
    }

    pub fn proxy_authenticate(&self) -> Vec<super::Challenge> {
        self.all(Name::ProxyAuthenticate).filter_map(super::Challenge::parse).collect()
    }

    /// Puts a Via above the others.
    pub fn push_via(&mut self, via: &Via) {
        let field = self.print(Name::Via, via);
        let place = self.fields.iter().position(|field| field.name == Name::Via).unwrap_or(0);
        self.typed.forget(&Name::Via);
        self.fields.insert(place, field);
    }

    /// Marks the topmost Via with where the message came from ([`Via::received_from`]); the others keep their bytes.
    pub fn received_from(&mut self, source: SocketAddr) {
        if self.via().host.is_empty() {
            return;
        }
        let Some(Some(via)) = self.typed.via.get_mut() else { return };
        // A message that has just been read shares its Via with nobody: nothing is copied here.
        let via = Arc::make_mut(via);
        if !via.received_from(source) {
            return;
        }
        let Some(field) = self.fields.iter_mut().find(|field| field.name == Name::Via) else { return };
        let (begun, end) = (field.start as usize, field.end as usize);
        let others = begun + first_value_end(&self.text[begun..end]);
        field.start = offset(self.text.len());
        // Writing into memory does not fail.
        let _ = write!(self.text, "{via}");
        self.text.extend_from_within(others..end);
        field.end = offset(self.text.len());
    }

    /// Adds a tag to the To header if it has none; the bytes before it stay.
    pub fn set_to_tag(&mut self, tag: &str) {
        let Some(place) = self.fields.iter().position(|field| field.name == Name::To) else { return };
        if self.to_().tag().is_some() || self.typed.to.get().is_none_or(Option::is_none) {
            return;
        }
        self.typed.forget(&Name::To);
        let Field { start, end, .. } = self.fields[place];
        let mut params = Params::new();
        params.set("tag", tag);
        let begun = self.text.len();
        self.text.extend_from_within(start as usize..end as usize);
        // Writing into memory does not fail.
        let _ = write!(self.text, "{params}");
        self.fields[place] = Field { name: Name::To, start: offset(begun), end: offset(self.text.len()) };
    }

    /// What a response takes over from its request (RFC 3261 section 8.2.6.2).
    pub(super) fn of_response_to(request: &Headers) -> Headers {
        const COPIED: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];
        let fields = || request.iter().filter(|(name, _)| COPIED.contains(name));
        let mut headers = Headers {
            text: Vec::with_capacity(fields().map(|(_, value)| value.len()).sum::<usize>() + ROOM_FOR_OURS),
            fields: Vec::with_capacity(fields().count() + 8),
            typed: Typed {
                via: request.typed.via.clone(),
                from: request.typed.from.clone(),
                to: request.typed.to.clone(),
                cseq: request.typed.cseq.clone(),
                contacts: OnceCell::new(),
            },
        };
        for (name, value) in fields() {
            headers.append(name.clone(), value, false);
        }
        headers
    }

    /// Writes the fields, the Content-Length of `body`, the empty line and the body.
    pub(super) fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        // Writing into memory does not fail.
        let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
        out.extend_from_slice(body);
    }

    /// How many bytes [`Headers::write`] writes, about.
    pub(super) fn size(&self) -> usize {
        self.text.len() + 24 * self.fields.len() + 32
    }

    /// Adds a field without reading it. `folded` says whether its value holds line breaks.
    pub(super) fn append(&mut self, name: Name, value: &[u8], folded: bool) {
        let field = if folded { self.keep(name, value) } else { self.keep_line(name, scan::trim(value)) };
        self.fields.push(field);
    }

    /// Reads the field that was appended last, as every message must have it readable. The error says what is wrong.
    pub(super) fn read_last(&mut self) -> Result<usize, &'static str> {
        let Some(field) = self.fields.last() else { return Ok(0) };
        let value = &self.text[field.start as usize..field.end as usize];
        self.typed.read(&field.name, value)
    }

    /// From, To and CSeq, which every message has.
    pub(super) fn check_mandatory(&self) -> Result<(), &'static str> {
        let Typed { from, to, cseq, .. } = &self.typed;
        match (from.get(), to.get(), cseq.get()) {
            (None | Some(None), ..) => Err("no From"),
            (_, None | Some(None), _) => Err("no To"),
            (_, _, None | Some(None)) => Err("no CSeq"),
            _ => Ok(()),
        }
    }

    /// True when a field of that name and value could be read.
    pub(super) fn keeps(&self, name: &Name, value: &[u8]) -> bool {
        Typed::default().read(name, value.trim_ascii()).is_ok()
    }

    /// The value of that name, when there is one and no second.
    fn only(&self, name: Name) -> Option<&[u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    fn address(&self, name: Name) -> Option<Arc<NameAddr>> {
        NameAddr::parse(self.only(name)?).ok().map(Arc::new)
    }

    fn read_contacts(&self) -> &Contacts {
        self.typed.contacts.get_or_init(|| {
            let mut contacts = Contacts::default();
            let all = self.all(Name::Contact).try_for_each(|value| contacts.read(value).map(|_| ()));
            if all.is_ok() { contacts } else { Contacts::default() }
        })
    }

    fn keep(&mut self, name: Name, value: &[u8]) -> Field {
        let value = value.trim_ascii();
        let field = self.keep_line(name, value);
        // A fold is as good as a blank, and a line break of our own making would begin another header.
        for at in memchr::memchr2_iter(b'\r', b'\n', value) {
            self.text[field.start as usize + at] = b' ';
        }
        field
    }

    /// The same for a value without line breaks.
    fn keep_line(&mut self, name: Name, value: &[u8]) -> Field {
        let start = offset(self.text.len());
        self.text.extend_from_slice(value);
        Field { name, start, end: offset(self.text.len()) }
    }

    /// The same for what one of our own types writes.
    fn print(&mut self, name: Name, value: impl fmt::Display) -> Field {
        let start = offset(self.text.len());
        // Writing into memory does not fail.
        let _ = write!(self.text, "{value}");
        Field { name, start, end: offset(self.text.len()) }
    }

    fn value(&self, field: &Field) -> &[u8] {
        self.text.get(field.start as usize..field.end as usize).unwrap_or_default()
    }

    /// The names and addresses of every field of that name, as far as they can be read.
    pub(in crate::sip) fn addresses(&self, name: Name) -> Vec<NameAddr> {
        let mut list = Vec::new();
        for value in self.all(name) {
            // What cannot be read ends its field; those that everybody relies upon were checked when the message was read.
            let _ = NameAddr::read_list(value, &mut list);
        }
        list
    }

    fn list(&self, name: Name) -> Vec<String> {
        let values = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        values.map(scan::trim).filter(|item| !item.is_empty()).map(|item| scan::text(item).into_owned()).collect()
    }
}

impl Typed {
    /// Reads one field; answers how many values it held, where somebody counts them.
    fn read(&mut self, name: &Name, value: &[u8]) -> Result<usize, &'static str> {
        match name {
            Name::Via => {
                let mut top = self.via.take().flatten();
                let count = read_vias(value, |via| {
                    top.get_or_insert_with(|| Arc::new(via));
                });
                self.via = OnceCell::from(top);
                return count;
            }
            Name::From => once(&mut self.from, Arc::new(NameAddr::parse(value)?), "more than one From")?,
            Name::To => once(&mut self.to, Arc::new(NameAddr::parse(value)?), "more than one To")?,
            Name::CSeq => once(&mut self.cseq, read_cseq(value)?, "more than one CSeq")?,
            Name::Contact => {
                let mut contacts = self.contacts.take().unwrap_or_default();
                let count = contacts.read(value);
                self.contacts = OnceCell::from(contacts);
                return count;
            }
            Name::Route | Name::RecordRoute => NameAddr::read_list(value, &mut Vec::new())?,
            _ => {}
        }
        Ok(1)
    }

    fn forget(&mut self, name: &Name) {
        match name {
            Name::Via => self.via = OnceCell::new(),
            Name::From => self.from = OnceCell::new(),
            Name::To => self.to = OnceCell::new(),
            Name::CSeq => self.cseq = OnceCell::new(),
            Name::Contact => self.contacts = OnceCell::new(),
            _ => {}
        }
    }
}

impl Contacts {
    /// How many values the field held.
    fn read(&mut self, value: &[u8]) -> Result<usize, &'static str> {
        if value == b"*" {
            self.star = true;
            return Ok(1);
        }
        let before = self.list.len();
        NameAddr::read_list(value, &mut self.list)?;
        Ok(self.list.len() - before)
    }
}

fn once<T>(place: &mut OnceCell<Option<T>>, value: T, why: &'static str) -> Result<(), &'static str> {
    let before = place.take().flatten();
    *place = OnceCell::from(Some(value));
    if before.is_none() { Ok(()) } else { Err(why) }
}

/// A place in the text; messages are far shorter than this holds.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn read_vias(value: &[u8], mut each: impl FnMut(Via)) -> Result<usize, &'static str> {
    let mut cursor = Cursor::new(value);
    let mut count = 0;
    loop {
        each(Via::read(&mut cursor)?);
        count += 1;
        if !cursor.separator(b',') {
            break;
        }
    }
    cursor.skip_space();
    if cursor.is_done() { Ok(count) } else { Err("something after the Via") }
}

/// `CSeq: 42 INVITE`; the number is below 2^31 (RFC 3261 section 8.1.1.5).
fn read_cseq(value: &[u8]) -> Result<CSeq, &'static str> {
    let mut cursor = Cursor::new(value);
    let digits = cursor.until_any(|byte| !byte.is_ascii_digit());
    cursor.skip_space();
    let method = Method::parse(cursor.token());
    let number = scan::number(digits).and_then(|number| u32::try_from(number).ok()).filter(|number| *number < 1 << 31);
    match (number, method) {
        (Some(number), Some(method)) if cursor.is_done() => Ok(CSeq { number, method }),
        _ => Err("a malformed CSeq"),
    }
}

/// Where the first value of a list of Vias ends.
fn first_value_end(value: &[u8]) -> usize {
    if memchr::memchr(b',', value).is_none() {
        return value.len();
    }
    let mut cursor = Cursor::new(value);
    match Via::read(&mut cursor) {
        Ok(_) => cursor.position(),
        Err(_) => value.len(),
    }
}

fn media_range(text: &str) -> Option<String> {
    let mut parts = text.split(';');
    let range: String = parts.next()?.chars().filter(|letter| !letter.is_whitespace()).collect();
    let refused = parts.any(|param| {
        let param = param.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        param.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("q") && value.starts_with('0') && value.bytes().all(|byte| matches!(byte, b'0' | b'.'))
        })
    });
    (range.contains('/') && !refused).then(|| range.to_ascii_lowercase())
}

impl PartialEq for Headers {
    fn eq(&self, other: &Headers) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, value)| format!("{name}: {}", scan::text(value)))).finish()
    }
}
