//! What a new configuration changes, for the operator who reloads it.
//!
//! Invariant: two configurations that differ have at least one line, and two that do not have none.

use super::Config;
use crate::acd;
use crate::id::Name;
use std::collections::{BTreeMap, BTreeSet};
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
    named("agents", of_maps(&agents(old, new), &agents(new, old)));
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

/// Positions as the order in which those agents stand who are in both: whoever comes or goes moves the others' numbers, and
/// changes nothing about them.
fn agents<'c>(config: &'c Config, other: &Config) -> BTreeMap<Name, impl PartialEq + use<'c>> {
    let mut orders: BTreeMap<(bool, &Name), BTreeSet<u32>> = BTreeMap::new();
    let places = |agent: &'c acd::Agent| {
        let groups = agent.groups.iter().map(|(group, post)| ((true, group), post.position));
        agent.queues.iter().map(|(queue, post)| ((false, queue), post.position)).chain(groups)
    };
    for (_, agent) in config.acd.agents.iter().filter(|(name, _)| other.acd.agents.contains_key(*name)) {
        for (place, position) in places(agent) {
            orders.entry(place).or_default().insert(position);
        }
    }
    let in_order = |agent: &acd::Agent| {
        let mut agent = agent.clone();
        let place = |is_group: bool, name: &Name, position: u32| {
            let order = orders.get(&(is_group, name)).map_or(0, |order| order.range(..position).count());
            u32::try_from(order).unwrap_or(u32::MAX)
        };
        agent.queues.iter_mut().for_each(|(queue, post)| post.position = place(false, queue, post.position));
        agent.groups.iter_mut().for_each(|(group, post)| post.position = place(true, group, post.position));
        agent
    };
    config.agents.iter().map(|(name, agent)| (name.clone(), (agent, config.acd.agents.get(name).map(in_order)))).collect()
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
    fn agents_who_come_and_go_do_not_change_the_others_but_another_order_does() {
        let config = |agents: &[(&str, u32)]| {
            let post = |position| acd::Membership { position, ..acd::Membership::default() };
            let agent =
                |position| acd::Agent { queues: BTreeMap::from([("q".into(), post(position))]), ..acd::Agent::default() };
            let phone = |name: &str| crate::config::Agent { phone: crate::config::Phone::Extension(name.into()) };
            let settings = acd::Settings {
                agents: agents.iter().map(|(name, position)| ((*name).into(), agent(*position))).collect(),
                ..acd::Settings::default()
            };
            Config {
                acd: std::sync::Arc::new(settings),
                agents: agents.iter().map(|(name, _)| ((*name).into(), phone(name))).collect(),
                ..Config::default()
            }
        };
        let (all, few) = (config(&[("1001", 0), ("1002", 1), ("anna", 2), ("bob", 3)]), config(&[("anna", 0), ("bob", 1)]));
        assert_eq!(difference(&all, &few), ["agents: -1001 -1002"]);
        assert_eq!(difference(&few, &all), ["agents: +1001 +1002"]);
        assert_eq!(difference(&few, &config(&[("anna", 1), ("bob", 0)])), ["agents: ~anna ~bob"]);
    }

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
