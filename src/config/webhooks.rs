//! `webhooks:` -> who is told of calls while they happen.
//!
//! ```yaml
//! webhooks:
//!   crm: {url: "https://crm.example.com/calls", events: [offer, answer, end], secret: "${file:crm-webhook}", timeout: 5s}
//! ```
//!
//! Invariant: what is told leaves this machine only over TLS, only to a host of `hosts`, and signed; the secret is not printed.

use super::secrets::{self, Secrets};
use super::sections::{Section, Sections, entry_name, limited};
use crate::fault::Faults;
use crate::fault::fields::{Reader, shorten};
use crate::fault::tree::Node;
use crate::id::Name;
use crate::ivr::{host_of, port_is_good};
use crate::store::notices::Occasion;
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Each has a task of its own, and tells the same to somebody else.
const MAX_WEBHOOKS: usize = 20;
const MAX_URL: usize = 2048;
const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

const OCCASIONS: &[(&str, Occasion)] = &[("offer", Occasion::Offer), ("answer", Occasion::Answer), ("end", Occasion::End)];

pub type Webhooks = BTreeMap<Name, Webhook>;

/// Somebody who is told of calls.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    pub events: BTreeSet<Occasion>,
    /// What the receiver knows as well, to tell us from others.
    pub secret: String,
    /// For one attempt.
    pub timeout: Duration,
}

/// Without the secret, and without the address: a token may be part of it.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({:?})", self.events)
    }
}

pub(super) fn read(sections: &Sections<'_>, lab: bool, secrets: Secrets<'_>, faults: &mut Faults) -> Arc<Webhooks> {
    let hosts = sections.names("hosts");
    let mut webhooks = Webhooks::new();
    for section in limited(sections, "webhooks", MAX_WEBHOOKS, faults) {
        let mut reader = section.reader(faults);
        let Some(name) = entry_name("the webhook", section, &mut reader) else { continue };
        if let Some(webhook) = webhook(&name, section, &hosts, lab, secrets, &mut reader) {
            webhooks.insert(name, webhook);
        }
    }
    Arc::new(webhooks)
}

fn webhook(
    name: &str,
    section: Section<'_>,
    hosts: &BTreeSet<Name>,
    lab: bool,
    secrets: Secrets<'_>,
    reader: &mut Reader<'_>,
) -> Option<Webhook> {
    let mut fields = reader.fields(format!("webhook `{name}`"), section.entry.spot, section.value())?;
    let url = fields.required("url").and_then(|node| url(node, hosts, reader));
    let secret = fields.required("secret").and_then(|node| secrets::shared(node, lab, secrets, reader));
    let events = match fields.value("events") {
        Some(node) => events(node, reader),
        None => OCCASIONS.iter().map(|(_, occasion)| *occasion).collect(),
    };
    let timeout = match fields.value("timeout") {
        Some(node) => reader.duration("`timeout`", node, TIMEOUTS),
        None => Some(TIMEOUT),
    };
    fields.finish(reader);
    Some(Webhook { url: url?, events, secret: secret?, timeout: timeout? })
}

fn events(node: &Node, reader: &mut Reader<'_>) -> BTreeSet<Occasion> {
    let items = reader.items(node);
    if items.is_empty() {
        reader.fault(node.spot, "`events` names at least one of offer, answer, end");
    }
    items.iter().filter_map(|item| reader.word("an event", item, OCCASIONS)).collect()
}

fn url(node: &Node, hosts: &BTreeSet<Name>, reader: &mut Reader<'_>) -> Option<String> {
    let url = reader.text("`url`", node)?;
    let graphic = url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic());
    // An address without a path has one all the same.
    let beginning = format!("{}/", url.split(['?', '#']).next().unwrap_or_default());
    let host = host_of(&beginning);
    let (Some(host), true) = (host, graphic) else {
        let message = format!("`{}` is no address: https://HOST/PATH, in ASCII, without a user", shorten(url));
        reader.fault(node.spot, message);
        return None;
    };
    if !port_is_good(&beginning) {
        reader.fault(node.spot, "a port is a number from 1 to 65535");
        return None;
    }
    let host = host.to_ascii_lowercase();
    if !url.starts_with("https://") && !is_here(&host) {
        reader.fault(node.spot, "what is told of callers goes over https; plain http only to this machine (127.0.0.1)");
        return None;
    }
    if !hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) {
        let message = format!("the host {host} is not in `hosts`: nobody is told anything there");
        reader.unknown(node.spot, message, &host, hosts.iter().map(|known| &**known));
        return None;
    }
    Some(url.to_string())
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
