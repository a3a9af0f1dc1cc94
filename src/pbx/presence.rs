//! Who is told how somebody stands: busy lamps, agents' states, mail waiting.
//!
//! | package | of whom | body |
//! |---|---|---|
//! | dialog (RFC 4235) | an extension, a parking slot | the calls that its phones are in |
//! | presence (RFC 3856) | an agent | open when a call could be offered now, and the state in a word |
//! | message-summary (RFC 3842) | the mailbox of the subscriber's own extension | that none waits: nothing takes messages yet |
//!
//! Only phones of the house are told. Invariant: a lamp is told when what it shows has changed, and not otherwise.

use super::call::{Call, Leg, Role};
use super::{Pbx, Phase};
use crate::acd;
use crate::id::{CallId, LegId, Name};
use crate::sip::message::Uri;
use crate::sip::{Command, Dismissal, Package, Source, Status, Subscribing, SubscriptionId};
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
    by: Name,
    package: Package,
    target: Name,
    /// What the subscriber calls the exchange: the host of whoever is named in a body.
    exchange: Uri,
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
        let (by, target) = (own.clone(), Name::from(asked.target.as_str()));
        let (package, exchange) = (asked.package, asked.exchange.clone());
        let watcher = Watcher { by, package, target, exchange, version: 0, told: String::new() };
        self.may_watch(&watcher)?;
        Ok(watcher)
    }

    fn may_watch(&self, Watcher { by, package, target, .. }: &Watcher) -> Result<(), Status> {
        let slot = || self.config.services.parking.as_ref().is_some_and(|parking| parking.slot(target).is_some());
        let known = match package {
            _ if !self.config.extensions.contains_key(by) => return Err(Status(403)),
            Package::Dialog => self.config.extensions.contains_key(target) || slot(),
            Package::Presence => self.config.agents.contains_key(target),
            // Nobody asks after another's mail.
            Package::MessageSummary if target != by => return Err(Status(403)),
            // A phone without a mailbox is not told that its mailbox is empty.
            Package::MessageSummary => self.config.mailboxes.contains_key(target),
        };
        if known { Ok(()) } else { Err(Status(404)) }
    }

    /// After a reload: whoever watches somebody who is there no more, or is no phone of the house any more, is told so.
    pub(super) fn dismiss_watchers(&mut self, now: Now) {
        let dismissed = self.watchers.all.iter().filter_map(|(subscription, watcher)| match self.may_watch(watcher) {
            Ok(()) => None,
            Err(Status(404)) => Some((*subscription, Dismissal::Gone)),
            Err(_) => Some((*subscription, Dismissal::Rejected)),
        });
        for (subscription, why) in dismissed.collect::<Vec<_>>() {
            self.watchers.remove(subscription);
            self.command_sip(Command::EndSubscription { subscription, why }, now);
        }
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
            Package::Dialog => self.dialogs_of(&watcher.target, &watcher.exchange),
            Package::Presence => self.agent_standing(&watcher.target),
            // No verb leaves a message yet (`voicemail` and `record` end as failed), so this is so of every mailbox.
            Package::MessageSummary => "Messages-Waiting: no\r\n".into(),
        }
    }

    fn dialogs_of(&self, who: &str, exchange: &Uri) -> String {
        if let Some(slot) = self.config.services.parking.as_ref().and_then(|parking| parking.slot(who)) {
            let state = if self.parked.contains_key(&slot) { "confirmed" } else { "terminated" };
            return format!("<dialog id=\"slot\"><state>{state}</state></dialog>\n");
        }
        let theirs = |leg: &Leg| leg.session_open && matches!(&leg.peer, Source::Extension(own) if &**own == who);
        let shown: String =
            self.legs.values().filter(|leg| theirs(leg)).take(MAX_SHOWN).map(|leg| self.dialog_of(leg, exchange)).collect();
        if shown.is_empty() {
            // Some phones put a lamp out only when they are told of a call that is over.
            return "<dialog id=\"none\"><state>terminated</state></dialog>\n".into();
        }
        shown
    }

    fn dialog_of(&self, leg: &Leg, exchange: &Uri) -> String {
        let call = self.calls.get(&leg.call);
        let calls = call.is_some_and(|call| call.caller == leg.id);
        let state = match (leg.answered.is_some(), calls) {
            (true, _) => "confirmed",
            (false, true) if call.is_some_and(|call| matches!(call.phase, Phase::Routing { .. })) => "trying",
            (false, _) => "early",
        };
        let ids = if state == "early" && !calls { self.ids_of(leg) } else { String::new() };
        // A phone that has not said yet that it rings (RFC 4235 section 3.7.1).
        let state = if state == "early" && !calls && ids.is_empty() { "trying" } else { state };
        let direction = if leg.role == Role::Caller { "initiator" } else { "recipient" };
        let id = leg.id.0;
        let (own, other) = (self.number_of(leg), call.map(|call| self.other_number(call, leg)).unwrap_or_default());
        let [own, other] = [own, other].map(|number| address(&number, exchange));
        format!(
            "<dialog id=\"{id}\"{ids} direction=\"{direction}\"><state>{state}</state>\
             <local><identity>{own}</identity></local>\
             <remote><identity>{other}</identity></remote></dialog>\n"
        )
    }

    /// What names a ringing phone's dialog, as the phone knows it, so that another may take the call (Replaces, RFC 3891).
    fn ids_of(&self, leg: &Leg) -> String {
        let Some((ours, theirs)) = self.endpoint.tags(leg.dialog) else { return String::new() };
        let [call_id, local, remote] = [&*leg.sip_call_id, theirs, ours].map(escaped);
        format!(" call-id=\"{call_id}\" local-tag=\"{local}\" remote-tag=\"{remote}\"")
    }

    /// Whom a leg talks with now; before that, whom it calls or is called by.
    fn other_number(&self, call: &Call, leg: &Leg) -> String {
        let other = match call.phase {
            Phase::Bridged { peer, .. } if leg.id == call.caller => Some(peer),
            _ if leg.id == call.caller => None,
            _ => Some(call.caller),
        };
        let other = other.and_then(|other| self.legs.get(&other));
        other.map_or_else(|| call.dialled.clone(), |other| self.number_of(other))
    }

    /// What would be dialled to reach it.
    fn number_of(&self, leg: &Leg) -> String {
        match &leg.peer {
            Source::Extension(extension) => extension.to_string(),
            Source::Trunk(_) => leg.party.number.clone(),
        }
    }

    fn agent_standing(&self, agent: &str) -> String {
        let state = self.acd.agents().into_iter().find(|view| &*view.name == agent).map(|view| view.state);
        let open = if state == Some(acd::State::Available) { "open" } else { "closed" };
        let word = escaped(&state.map(|state| state.to_string()).unwrap_or_default());
        format!("<tuple id=\"agent\"><status><basic>{open}</basic></status><note>{word}</note></tuple>\n")
    }
}

fn body(watcher: &Watcher, standing: &str) -> String {
    let (version, entity) = (watcher.version, address(&watcher.target, &watcher.exchange));
    let mut body = String::new();
    let written = match watcher.package {
        Package::Dialog => write!(
            body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{version}\" state=\"full\" entity=\"{entity}\">\n{standing}</dialog-info>\n"
        ),
        Package::Presence => write!(
            body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             entity=\"{entity}\">\n{standing}</presence>\n"
        ),
        Package::MessageSummary => write!(body, "{standing}Message-Account: {entity}\r\n"),
    };
    // Writing to memory cannot fail.
    debug_assert!(written.is_ok());
    body
}

/// A number as an address at the exchange, inside XML.
fn address(number: &str, exchange: &Uri) -> String {
    escaped(Uri::sip(number, exchange.host(), exchange.port()).as_str())
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
        let watcher = Watcher {
            by: "1002".into(),
            package: Package::Dialog,
            target: "1001".into(),
            exchange: Uri::sip("", "pbx.test", Some(5070)),
            version: 7,
            told: String::new(),
        };
        let text = body(&watcher, "<dialog/>");
        assert!(
            text.contains("version=\"7\" state=\"full\" entity=\"sip:1001@pbx.test:5070\"") && text.contains("<dialog/>"),
            "{text}"
        );
    }
}
