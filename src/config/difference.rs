//! What a new configuration changes, for the operator who reloads it.
//!
//! Invariant: two configurations that differ have at least one line, and two that do not have none.

use super::Config;
use crate::id::Name;
use std::collections::BTreeMap;
use std::fmt::Display;

/// Names listed of one kind; the rest is counted.
const MOST: usize = 20;

/// One line for each kind of thing that changed: `flows: +night ~reception -old`.
pub fn difference(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let mut named = |what: &str, line: Option<String>| lines.extend(line.map(|line| format!("{what}: {line}")));
    named("flows", of_maps(&old.flows, &new.flows));
    named("numbers", of_maps(&old.numbers, &new.numbers));
    named("extensions", of_maps(&old.extensions, &new.extensions));
    named("passwords", of_maps(&old.sip.users, &new.sip.users));
    named("trunks", of_maps(&old.trunks, &new.trunks));
    named("queues", of_maps(&queues(old), &queues(new)));
    named("agents", of_maps(&agents(old), &agents(new)));
    named("calendars", of_maps(&old.calendars, &new.calendars));
    named("mailboxes", of_maps(&old.mailboxes, &new.mailboxes));
    named("ring_groups", of_maps(&old.services.groups, &new.services.groups));
    named("feature_codes", of_maps(&old.services.codes, &new.services.codes));
    named("pauses", of_maps(&old.acd.pauses, &new.acd.pauses));
    named("provider accounts", of_maps(&old.accounts, &new.accounts));
    named("speech", of_maps(&old.speech, &new.speech));
    named("webhooks", of_maps(&old.webhooks, &new.webhooks));
    let mut changed = |what: &str, differs: bool| {
        if differs {
            lines.push(format!("{what}: changed"));
        }
    };
    changed("hosts", old.hosts != new.hosts);
    changed("languages", (&old.language, &old.languages) != (&new.language, &new.languages));
    changed("zone", old.zone != new.zone);
    changed("queue_families", old.families != new.families);
    changed("folders", old.folders != new.folders);
    changed("logging", old.logging != new.logging);
    changed("limits", old.limits != new.limits);
    changed("media", old.media != new.media);
    changed("registrar", old.sip.registrar != new.sip.registrar || old.sip.realm != new.sip.realm);
    changed("trunk addresses", old.sip.trunks != new.sip.trunks);
    changed("outbound", old.outbound != new.outbound);
    changed("parking", old.services.parking != new.services.parking);
    // Whatever has no line of its own is a change all the same.
    let unnamed = lines.is_empty() && *old != Config { warnings: old.warnings.clone(), ..new.clone() };
    lines.extend(unnamed.then(|| "other settings: changed".into()));
    lines
}

/// Settings and what callers are given, together.
fn queues(config: &Config) -> BTreeMap<Name, impl PartialEq + '_> {
    config.queues.iter().map(|(name, queue)| (name.clone(), (queue, config.acd.queues.get(name)))).collect()
}

fn agents(config: &Config) -> BTreeMap<Name, impl PartialEq + '_> {
    config.agents.iter().map(|(name, agent)| (name.clone(), (agent, config.acd.agents.get(name)))).collect()
}

/// What was added, changed and taken away: `+night ~reception -old`; nothing when the two are the same.
pub fn of_maps<K: Ord + Display, V: PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Option<String> {
    let added = new.keys().filter(|key| !old.contains_key(key)).map(|key| format!("+{key}"));
    let changed =
        new.iter().filter(|(key, value)| old.get(key).is_some_and(|old| old != *value)).map(|(key, _)| format!("~{key}"));
    let gone = old.keys().filter(|key| !new.contains_key(key)).map(|key| format!("-{key}"));
    let mut all: Vec<String> = added.chain(changed).chain(gone).collect();
    if all.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    Some(all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Destination, Limits, Mailbox};

    #[test]
    fn what_is_new_other_and_gone_is_named() {
        let number = |flow: &str| Destination::Flow(flow.into());
        let old = Config {
            numbers: BTreeMap::from([("1".into(), number("a")), ("2".into(), number("a"))]),
            mailboxes: BTreeMap::from([("x".into(), Mailbox::default())]),
            ..Config::default()
        };
        let new = Config {
            numbers: BTreeMap::from([("2".into(), number("b")), ("3".into(), number("a"))]),
            mailboxes: old.mailboxes.clone(),
            limits: Limits { calls: 1, ..Limits::default() },
            ..Config::default()
        };
        let further = Config { lab: true, ..old.clone() };
        assert_eq!(difference(&old, &further), ["other settings: changed"]);
        assert_eq!(difference(&old, &new), ["numbers: +3 ~2 -1", "limits: changed"]);
        assert_eq!(difference(&old, &old), Vec::<String>::new());
    }
}
