//! The header fields that every message has, read once and kept beside their bytes.
//!
//! Invariant: what cannot be read is an error that says what is wrong, and never half a value.

use super::address::{Contact, NameAddr};
use super::method::Method;
use super::name::Name;
use super::scan::{self, Cursor};
use super::via::Via;
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::sync::Arc;

/// A request's place in the order of its dialog (RFC 3261 section 20.16).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CSeq {
    /// Below 2^31.
    pub number: u32,
    pub method: Method,
}

/// What is read once, because everybody asks for it. An empty cell has not been read yet; `None` in it says that there is nothing
/// that could be.
#[derive(Clone, Default)]
pub(super) struct Typed {
    /// Shared with the responses that copy them.
    pub via: OnceCell<Option<Arc<Via>>>,
    pub from: OnceCell<Option<Arc<NameAddr>>>,
    pub to: OnceCell<Option<Arc<NameAddr>>>,
    pub cseq: OnceCell<Option<CSeq>>,
    pub contacts: OnceCell<Contacts>,
}

#[derive(Clone, Default)]
pub(super) struct Contacts {
    pub list: Vec<Contact>,
    pub star: bool,
}

impl Typed {
    /// Reads one field; answers how many values it held, where somebody counts them.
    pub fn read(&mut self, name: &Name, value: &[u8]) -> Result<usize, &'static str> {
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

    pub fn forget(&mut self, name: &Name) {
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
    pub fn read(&mut self, value: &[u8]) -> Result<usize, &'static str> {
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

pub(super) fn read_vias(value: &[u8], mut each: impl FnMut(Via)) -> Result<usize, &'static str> {
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
pub(super) fn read_cseq(value: &[u8]) -> Result<CSeq, &'static str> {
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
pub(super) fn first_value_end(value: &[u8]) -> usize {
    if memchr::memchr(b',', value).is_none() {
        return value.len();
    }
    let mut cursor = Cursor::new(value);
    match Via::read(&mut cursor) {
        Ok(_) => cursor.position(),
        Err(_) => value.len(),
    }
}
