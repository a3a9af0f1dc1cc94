//! `mailboxes:` where callers leave messages, as `support: {name: Support}`.
//!
//! Invariant: a mailbox that a flow names stands here.

use super::Mailbox;
use super::sections::{Sections, entry_name, limited};
use crate::fault::Faults;
use crate::id::Name;
use std::collections::BTreeMap;

const MAX_MAILBOXES: usize = 10_000;

pub(super) fn read(sections: &Sections<'_>, faults: &mut Faults) -> BTreeMap<Name, Mailbox> {
    let mut mailboxes = BTreeMap::new();
    for section in limited(sections, "mailboxes", MAX_MAILBOXES, faults) {
        let mut reader = section.reader(faults);
        let Some(name) = entry_name("mailbox", section, &mut reader) else { continue };
        let what = format!("mailbox `{name}`");
        let Some(mut fields) = reader.fields(what, section.entry.spot, section.value()) else { continue };
        let whose = fields.value("name").and_then(|node| reader.text("`name`", node)).unwrap_or_default();
        fields.finish(&mut reader);
        mailboxes.insert(name, Mailbox { name: whose.to_string() });
    }
    mailboxes
}
