//! `extensions:` the phones of the house, and where their calls go when nobody is there to take them.
//!
//! ```yaml
//! extensions:
//!   1001: {name: Reception, password: "${file:1001}", forward: {busy: 1002, no_answer: "+48601234567", after: 15s}}
//! ```
//!
//! Invariant: a forward leads to something that can be dialled; whether it may is decided when it is.

use super::general::known_language;
use super::number::{MAX_DIALLED, is_dialable};
use super::secrets::{password, user_secret};
use super::sections::{Section, entry_name};
use super::signalling::{Context, Signalling};
use crate::fault::Faults;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::Node;
use crate::id::Name;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Extension {
    /// The person or the place: what others are shown of a caller from here. Empty: what the phone says of itself.
    pub name: String,
    pub language: Option<Name>,
    pub forward: Forward,
}

/// Where an extension's calls go instead; each is what one would dial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forward {
    /// Without ringing at all.
    pub always: Option<String>,
    /// When it is busy or declines.
    pub busy: Option<String>,
    /// When nobody answers within `after`, or no phone is there.
    pub no_answer: Option<String>,
    pub after: Duration,
}

impl Default for Forward {
    fn default() -> Forward {
        Forward { always: None, busy: None, no_answer: None, after: Duration::from_secs(20) }
    }
}

impl Signalling {
    pub(super) fn extension(&mut self, section: Section<'_>, context: &Context<'_>, faults: &mut Faults) {
        let mut reader = section.reader(faults);
        let Some(user) = entry_name("extension", section, &mut reader) else { return };
        let Some(mut fields) = reader.fields(format!("extension `{user}`"), section.entry.spot, section.value()) else {
            return;
        };
        let name = fields.value("name").and_then(|node| reader.text("`name`", node)).unwrap_or_default().to_string();
        let password = fields.required("password").and_then(|node| password(node, context.lab, context.secrets, &mut reader));
        let language = known_language(&mut fields, context.languages, &mut reader);
        let forward = fields.value("forward").map(|node| forward(node, &user, &mut reader)).unwrap_or_default();
        fields.finish(&mut reader);
        if let Some(password) = password {
            self.settings.users.insert(user.clone(), user_secret(&user, &self.settings.realm, &password));
        }
        self.extensions.insert(user, Extension { name, language, forward });
    }
}

fn forward(node: &Node, own: &str, reader: &mut Reader<'_>) -> Forward {
    let mut forward = Forward::default();
    let Some(mut fields) = reader.fields("`forward`", node.spot, node) else { return forward };
    let Forward { always, busy, no_answer, after } = &mut forward;
    for (name, value) in [("always", always), ("busy", busy), ("no_answer", no_answer)] {
        let Some(node) = fields.value(name) else { continue };
        let Some(text) = reader.text(&format!("`{name}`"), node) else { continue };
        if text == own {
            reader.fault(node.spot, format!("`{own}` cannot be forwarded to itself"));
        } else if !is_dialable(text) {
            let message =
                format!("`{name}` is what one would dial, at most {MAX_DIALLED} of 0-9, `*`, `#`, not `{}`", shorten(text));
            reader.fault(node.spot, message);
        } else {
            *value = Some(text.to_string());
        }
    }
    if let Some(node) = fields.value("after") {
        let range = Duration::from_secs(1)..=Duration::from_secs(300);
        *after = reader.duration("`after`", node, range).unwrap_or(*after);
    }
    fields.finish(reader);
    forward
}
