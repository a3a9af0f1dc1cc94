//! Who is told how somebody stands: busy lamps, agents' states, mail waiting.
//!
//! | package | of whom | body |
//! |---|---|---|
//! | dialog (RFC 4235) | an extension, a parking slot | the calls that its phones are in |
//! | presence (RFC 3856) | an agent | open when a call could be offered now, and the state in a word |
//! | message-summary (RFC 3842) | the mailbox of the subscriber's own extension | that none waits: nothing takes messages yet |
//!
//! Only phones of the house are told. Invariant: a lamp is told when what it shows has changed, and not otherwise.

use super::call::Leg;
use super::{Pbx, Phase};
use crate::acd;
use crate::id::{CallId, LegId, Name};
use crate::sip::{Command, Package, Source, Status, Subscribing, SubscriptionId};
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Subscriptions at once.
const MAX_WATCHERS: usize = 20_000;
/// Calls of one extension that a lamp is told of.
const MAX_SHOWN: usize = 10;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Watchers {
    #[serde(with = "crate::time::pairs")]
    all: BTreeMap<SubscriptionId, Watcher>,
    of: BTreeMap<Name, BTreeSet<SubscriptionId>>,
    /// About whom something may have changed since the last word.
    touched: BTreeSet<Name>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Watcher {
    package: Package,
    target: Name,
    /// Counts the bodies, from nothing on (RFC 4235 section 4.1).
    version: u32,
    /// What was told last, but for the version.
    told: String,
}

impl Watchers {
    fn add(&mut self, subscription: SubscriptionId, watcher: Watcher) {
        self.of.entry(watcher.target.clone()).or_default().insert(subscription);
        self.all.insert(subscription, watcher);
    }

    fn remove(&mut self, subscription: SubscriptionId) {
        let Some(watcher) = self.all.remove(&subscription) else { return };
        if let Some(others) = self.of.get_mut(&watcher.target) {
            others.remove(&subscription);
            if others.is_empty() {
                self.of.remove(&watcher.target);
            }
        }
    }

    /// Something happened to somebody: worth a thought when they are watched.
    pub fn touch(&mut self, who: &str) {
        if let Some((who, _)) = self.of.get_key_value(who) {
            self.touched.insert(who.clone());
        }
    }
}

impl Pbx {
    pub(super) fn subscribe(&mut self, subscription: SubscriptionId, asked: &Subscribing, now: Now) {
        match self.watcher(asked) {
            Ok(mut watcher) => {
                watcher.told = self.standing_of(&watcher);
                let body = body(&watcher, &watcher.told);
                self.watchers.add(subscription, watcher);
                self.command_sip(Command::AcceptSubscription { subscription, body }, now);
            }
            Err(status) => self.command_sip(Command::RefuseSubscription { subscription, status }, now),
        }
    }

    fn watcher(&self, asked: &Subscribing) -> Result<Watcher, Status> {
        let Source::Extension(own) = &asked.source else { return Err(Status(403)) };
        if self.watchers.all.len() >= MAX_WATCHERS {
            return Err(Status(503));
        }
        let target = Name::from(asked.target.as_str());
        let slot = || self.config.services.parking.as_ref().is_some_and(|parking| parking.slot(&target).is_some());
        let known = match asked.package {
            Package::Dialog => self.config.extensions.contains_key(&target) || slot(),
            Package::Presence => self.config.agents.contains_key(&target),
            // Nobody asks after another's mail.
            Package::MessageSummary if target != *own => return Err(Status(403)),
            // A phone without a mailbox is not told that its mailbox is empty.
            Package::MessageSummary => self.config.mailboxes.contains_key(&target),
        };
        if !known {
            return Err(Status(404));
        }
        Ok(Watcher { package: asked.package, target, version: 0, told: String::new() })
    }

    /// The subscriber wants to be told again how things stand.
    pub(super) fn resubscribed(&mut self, subscription: SubscriptionId, now: Now) {
        self.tell_watcher(subscription, true, now);
    }

    pub(super) fn unsubscribed(&mut self, subscription: SubscriptionId) {
        self.watchers.remove(subscription);
    }

    /// A leg came, rang, was answered or ended.
    pub(super) fn touch(&mut self, leg: LegId) {
        let extension = match self.legs.get(&leg).map(|leg| &leg.peer) {
            Some(Source::Extension(extension)) => extension.clone(),
            _ => return,
        };
        self.watchers.touch(&extension);
    }

    pub(super) fn touch_caller(&mut self, call: CallId) {
        if let Some(caller) = self.calls.get(&call).map(|call| call.caller) {
            self.touch(caller);
        }
    }

    /// Tells every lamp whose meaning has changed.
    pub(super) fn tell_watchers(&mut self, now: Now) {
        while let Some(who) = self.watchers.touched.pop_first() {
            let watching: Vec<SubscriptionId> = self.watchers.of.get(&who).into_iter().flatten().copied().collect();
            for subscription in watching {
                self.tell_watcher(subscription, false, now);
            }
        }
    }

    fn tell_watcher(&mut self, subscription: SubscriptionId, anyway: bool, now: Now) {
        let Some(standing) = self.watchers.all.get(&subscription).map(|watcher| self.standing_of(watcher)) else { return };
        let Some(watcher) = self.watchers.all.get_mut(&subscription) else { return };
        if watcher.told == standing && !anyway {
            return;
        }
        watcher.version = watcher.version.wrapping_add(1);
        let body = body(watcher, &standing);
        watcher.told = standing;
        self.command_sip(Command::Notify { subscription, body }, now);
    }

    fn standing_of(&self, watcher: &Watcher) -> String {
        match watcher.package {
            Package::Dialog => self.dialogs_of(&watcher.target),
            Package::Presence => self.agent_standing(&watcher.target),
            // No verb leaves a message yet (`voicemail` and `record` end as failed), so this is so of every mailbox.
            Package::MessageSummary => "Messages-Waiting: no\r\n".into(),
        }
    }

    fn dialogs_of(&self, who: &str) -> String {
        if let Some(slot) = self.config.services.parking.as_ref().and_then(|parking| parking.slot(who)) {
            let state = if self.parked.contains_key(&slot) { "confirmed" } else { "terminated" };
            return format!("<dialog id=\"slot\"><state>{state}</state></dialog>\n");
        }
        let theirs = |leg: &Leg| leg.session_open && matches!(&leg.peer, Source::Extension(own) if &**own == who);
        let shown: String =
            self.legs.values().filter(|leg| theirs(leg)).take(MAX_SHOWN).map(|leg| self.dialog_of(leg)).collect();
        if shown.is_empty() {
            // Some phones put a lamp out only when they are told of a call that is over.
            return "<dialog id=\"none\"><state>terminated</state></dialog>\n".into();
        }
        shown
    }

    fn dialog_of(&self, leg: &Leg) -> String {
        let call = self.calls.get(&leg.call);
        let calls = call.is_some_and(|call| call.caller == leg.id);
        let state = match (leg.answered.is_some(), calls) {
            (true, _) => "confirmed",
            (false, true) if call.is_some_and(|call| matches!(call.phase, Phase::Routing { .. })) => "trying",
            (false, _) => "early",
        };
        let direction = if calls { "initiator" } else { "recipient" };
        let other = call.map(|call| if calls { call.dialled.clone() } else { call.from.number.clone() }).unwrap_or_default();
        let (id, other) = (leg.id.0, escaped(&other));
        format!(
            "<dialog id=\"{id}\" direction=\"{direction}\"><state>{state}</state>\
             <remote><identity>sip:{other}</identity></remote></dialog>\n"
        )
    }

    fn agent_standing(&self, agent: &str) -> String {
        let state = self.acd.agents().into_iter().find(|view| &*view.name == agent).map(|view| view.state);
        let open = if state == Some(acd::State::Available) { "open" } else { "closed" };
        let word = escaped(&state.map(|state| state.to_string()).unwrap_or_default());
        format!("<tuple id=\"agent\"><status><basic>{open}</basic></status><note>{word}</note></tuple>\n")
    }
}

fn body(watcher: &Watcher, standing: &str) -> String {
    let (version, target) = (watcher.version, escaped(&watcher.target));
    let mut body = String::new();
    let written = match watcher.package {
        Package::Dialog => write!(
            body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{version}\" state=\"full\" entity=\"sip:{target}\">\n{standing}</dialog-info>\n"
        ),
        Package::Presence => write!(
            body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             entity=\"sip:{target}\">\n{standing}</presence>\n"
        ),
        Package::MessageSummary => write!(body, "{standing}Message-Account: sip:{target}\r\n"),
    };
    // Writing to memory cannot fail.
    debug_assert!(written.is_ok());
    body
}

/// What a stranger has sent, inside XML.
fn escaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => clean.push_str("&amp;"),
            '<' => clean.push_str("&lt;"),
            '>' => clean.push_str("&gt;"),
            '"' => clean.push_str("&quot;"),
            c if c.is_control() => clean.push('?'),
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_s_name_is_no_xml() {
        assert_eq!(escaped("<a b=\"c\">&\u{7}"), "&lt;a b=&quot;c&quot;&gt;&amp;?");
    }

    #[test]
    fn a_body_says_of_whom_it_is_and_which_it_is() {
        let watcher = Watcher { package: Package::Dialog, target: "1001".into(), version: 7, told: String::new() };
        let text = body(&watcher, "<dialog/>");
        assert!(text.contains("version=\"7\" state=\"full\" entity=\"sip:1001\"") && text.contains("<dialog/>"), "{text}");
    }
}
