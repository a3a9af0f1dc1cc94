//! The header fields of a message: their values as bytes, in their order, and the ones every message has, typed.
//!
//! All values lie one after another in one buffer. Values are bytes because a peer's Latin-1, and the NUL that a quoted string
//! may hold, must go back as they came. Of a message that came everything typed is read at once, so that what is malformed is
//! refused; of one that we write only what somebody asks for. Invariant: no value holds a line break, and the typed headers always
//! say what the bytes beside them say.

use super::name::Name;
use super::params::Params;
use super::scan;
use super::typed::{Typed, first_value_end};
use super::via::Via;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
    #[serde(skip)]
    pub(super) typed: Typed,
}

#[derive(Clone, Serialize, Deserialize)]
struct Field {
    name: Name,
    start: u32,
    end: u32,
}

/// Bytes of the fields that a response usually adds to those of its request.
const ROOM_FOR_OURS: usize = 256;
/// Bytes of the fields of a request that we write.
const ROOM_FOR_REQUEST: usize = 768;

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
}

/// A place in the text; messages are far shorter than this holds.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
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
