//! Telephones that stand in the configuration and are never called: whoever would pay for it may not, at whatever hour.
//!
//! | written | who pays |
//! |---|---|
//! | an extension's `forward` | the extension |
//! | a member of a ring group | the group |
//! | an agent's `telephone` | the agent |
//!
//! Invariant: nothing is judged here that the exchange would not judge in the same words.

use crate::config::{Config, Phone, Sources};
use crate::fault::tree::{self, Node, Source, Spot, Value};
use crate::fault::{Fault, Faults, MAX_FAULTS, Place};
use crate::pbx::policy::{self, Payer, Refusal, Way};

pub fn warnings(config: &Config, sources: &Sources) -> Vec<Fault> {
    let found: Vec<Unpaid> = forwards(config).chain(members(config)).chain(telephones(config)).take(MAX_FAULTS).collect();
    if found.is_empty() {
        return Vec::new();
    }
    // What is wrong with the files was told when the configuration was read.
    let mut told = Faults::new();
    let files: Vec<(Source<'_>, Node)> = sources
        .files
        .iter()
        .filter_map(|(file, bytes)| {
            let source = Source::new(file, bytes, &mut told)?;
            let root = tree::read(&source, &mut told)?;
            Some((source, root))
        })
        .collect();
    let mut warnings: Vec<Fault> = found.iter().map(|unpaid| unpaid.warning(&files)).collect();
    warnings.sort_by(|one, other| (&one.place.file, one.place.line).cmp(&(&other.place.file, other.place.line)));
    warnings
}

/// Section, entry and fields that lead to the number, the number, and why it is never called.
struct Unpaid {
    path: Vec<String>,
    number: String,
    why: Refusal,
}

fn forwards(config: &Config) -> impl Iterator<Item = Unpaid> {
    config.extensions.iter().flat_map(|(extension, it)| {
        let ways = [("always", &it.forward.always), ("busy", &it.forward.busy), ("no_answer", &it.forward.no_answer)];
        ways.into_iter().filter_map(|(when, to)| {
            let to = to.as_ref().filter(|to| policy::internal(config, to).is_none())?;
            let why = policy::never(config, Payer::Extension(extension.clone()), Way::Forward, to)?;
            let path = ["extensions", extension, "forward", when].map(String::from).to_vec();
            Some(Unpaid { path, number: to.clone(), why })
        })
    })
}

fn members(config: &Config) -> impl Iterator<Item = Unpaid> {
    config.services.groups.iter().flat_map(|(name, group)| {
        let outside = group.members.iter().filter(|member| !config.extensions.contains_key(member.as_str()));
        outside.filter_map(|member| {
            let why = policy::never(config, Payer::Group(name.clone()), Way::Dialled, member)?;
            let path = ["ring_groups", name, "members"].map(String::from).to_vec();
            Some(Unpaid { path, number: member.clone(), why })
        })
    })
}

fn telephones(config: &Config) -> impl Iterator<Item = Unpaid> {
    config.agents.iter().filter_map(|(name, agent)| {
        let Phone::Telephone(number) = &agent.phone else { return None };
        let why = policy::never(config, Payer::Agent(name.clone()), Way::Offer, number.as_str())?;
        let path = ["agents", name, "telephone"].map(String::from).to_vec();
        Some(Unpaid { path, number: number.to_string(), why })
    })
}

impl Unpaid {
    fn warning(&self, files: &[(Source<'_>, Node)]) -> Fault {
        let place = files.iter().find_map(|(source, root)| Some(source.place(self.spot(root)?)));
        let message = format!("`{}` is never called: {}", self.number, self.why);
        Fault { place: place.unwrap_or_else(|| Place::whole("config")), message, suggestion: None, warning: true }
    }

    /// Of the number itself, in the list that it may stand in.
    fn spot(&self, root: &Node) -> Option<Spot> {
        let node = self.path.iter().try_fold(root, |node, name| match &node.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == *name).map(|entry| &entry.value),
            _ => None,
        })?;
        let is_it = |item: &&Node| matches!(&item.value, Value::Text { text, .. } if *text == self.number);
        match &node.value {
            Value::List(items) => items.iter().find(is_it).map(|item| item.spot),
            _ => Some(node.spot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Overrides, SecretRef};

    #[track_caller]
    fn check(outbound: &str, expected: &[&str]) {
        let house = "\
lab: true
extensions:
  1001: {password: pw, forward: {always: 112, busy: 1002, no_answer: \"+442012345678\"}}
  1002: {password: pw, forward: {no_answer: 221234567}}
ring_groups:
  sales: {members: [1001, \"+48701234567\", \"+48601234567\"], strategy: all}
numbers:
  300: {group: sales}
queues: {support: {}}
agents:
  mob: {telephone: \"+48602222222\", queues: [support]}
trunks:
  acme: {send_to: 127.0.0.5}
";
        let text = format!("{house}{outbound}");
        let files = [("house.yaml".into(), text.into_bytes())].into();
        let sources = Sources { files, sounds: [("en".into(), ["hold-music".into()].into())].into(), ..Sources::default() };
        let config = config::load(&sources, &Overrides::default(), &|_: &SecretRef| Ok(String::new()))
            .unwrap_or_else(|faults| panic!("{faults:#?}"));
        let told = |it: &Fault| format!("{}:{}: {}", it.place.line, it.place.column, it.message);
        assert_eq!(warnings(&config, &sources).iter().map(told).collect::<Vec<_>>(), expected, "{outbound}");
    }

    #[test]
    fn a_telephone_that_its_payer_may_never_call_is_warned_of_at_its_place() {
        let emergency = "3:42: `112` is never called: emergency calls are not permitted to this account";
        let abroad = "3:70: `+442012345678` is never called: international calls are not permitted to this account";
        let premium = "6:27: `+48701234567` is never called: premium calls are not permitted to this account";
        check("outbound: {via: acme, classes: [national]}\n", &[emergency, abroad, premium]);
        // At night it is refused, by day it is not.
        let night = "outbound: {via: acme, classes: [national, premium], night: {from: \"22:00\", to: \"06:00\", zone: UTC, classes: []}}\n";
        check(night, &[emergency, abroad]);
        let nobody = "is never called: national calls are not permitted to this account";
        check(
            "",
            &[
                emergency,
                abroad,
                &format!("4:45: `221234567` {nobody}"),
                premium,
                &format!("6:43: `+48601234567` {nobody}"),
                &format!("11:20: `+48602222222` {nobody}"),
            ],
        );
    }
}
