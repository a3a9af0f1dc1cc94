//! All sections, flows and sounds together.
//!
//! Invariant: `Ok` means that there is no fault at all, in any file.

use super::queues::{self, Queues};
use super::secrets::Secrets;
use super::sections::Sections;
use super::signalling::{self, Context, Signalling};
use super::{
    Config, Destination, Elsewhere, Overrides, SecretRef, Sources, calendars, dialling, general, hosts, mailboxes, numbers,
    outbound, services, webhooks,
};
use crate::fault::{Asked, Fault, Faults, Place};
use crate::id::Name;
use crate::ivr::{Flow, stem};
use crate::speech::Language;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The whole configuration, or every fault in it (with the warnings between them).
pub fn load(sources: &Sources, overrides: &Overrides, elsewhere: &dyn Elsewhere) -> Result<Config, Vec<Fault>> {
    let mut faults = Faults::new();
    for fault in &sources.unreadable {
        faults.push(fault.clone());
    }
    let documents = Sections::parse(&sources.files, &mut faults);
    let sections = Sections::gather(&documents, &mut faults);
    let config = assemble(sources, &sections, overrides, elsewhere, &mut faults);
    Ok(Config { warnings: faults.judge()?, ..config })
}

/// What reading these files asks for, whatever it thinks of the answers.
pub(super) fn asked(sources: &Sources) -> Asked {
    let mut faults = Faults::listening();
    let documents = Sections::parse(&sources.files, &mut faults);
    let sections = Sections::gather(&documents, &mut faults);
    assemble(sources, &sections, &Overrides::default(), &|_: &SecretRef| Ok(String::new()), &mut faults);
    faults.asked()
}

fn assemble(
    sources: &Sources,
    sections: &Sections<'_>,
    overrides: &Overrides,
    secrets: Secrets<'_>,
    faults: &mut Faults,
) -> Config {
    let lab = general::lab(sections, faults);
    general::folders(sections, faults);
    let (language, languages) = general::languages(sections, sources, faults);
    let context = Context { lab, languages: &languages, overrides, secrets };
    let Signalling { mut settings, extensions, trunks, accounts } = signalling::read(sections, &context, faults);
    let media = general::media(sections, &mut settings.told, faults);
    let mut world = sources.world(&languages, sections);
    world.speech = speech(sources, faults);
    let context = queues::Context { lab, overrides, world: &world };
    let Queues { settings: mut acd, queues, agents, families, skills } = queues::read(sections, &context, faults);
    let zone = general::zone(sections, faults);
    acd.zone = zone.parse().ok();
    world.skills = skills;
    let flows = Flow::read_all(&sources.flows, &world, faults);
    let sends = numbers::trunks(sections);
    let outbound = outbound::read(sections, &sends, &world.extensions, faults);
    let services = services::read(sections, &world.extensions, &world.flows, faults);
    let context = numbers::Context { lab, flows: &world.flows, world: &world, plan: &outbound };
    let numbers = numbers::read(sections, &context, faults);
    warn_of_unused(&flows, &numbers, sources, faults);
    let config = Config {
        lab,
        language,
        sip: Arc::new(settings),
        acd: Arc::new(acd),
        queues,
        agents,
        families,
        hosts: hosts::read(sections, secrets, faults),
        webhooks: webhooks::read(sections, lab, secrets, faults),
        speech: world.speech,
        calendars: calendars::read(sections, sources, faults),
        media,
        storage: general::storage(sections, faults),
        logging: general::logging(sections, faults),
        limits: general::limits(sections, faults),
        folders: sources.folders.clone(),
        extensions,
        trunks,
        accounts: Arc::new(accounts),
        outbound,
        services,
        numbers,
        flows,
        languages,
        zone,
        mailboxes: mailboxes::read(sections, faults),
        warnings: Vec::new(),
    };
    // What is judged together is judged once all of it could be read.
    if faults.unread().is_empty() {
        dialling::judge(sections, &config, faults);
    }
    config
}

/// The grammars without faults.
fn speech(sources: &Sources, faults: &mut Faults) -> BTreeMap<Name, Arc<Language>> {
    let read = |(name, (file, bytes)): (&Name, &(String, Vec<u8>))| {
        Some((name.clone(), Arc::new(Language::read(name, file, bytes, faults)?)))
    };
    sources.speech.iter().filter_map(read).collect()
}

fn warn_of_unused(
    flows: &BTreeMap<Name, Arc<Flow>>,
    numbers: &BTreeMap<String, Destination>,
    sources: &Sources,
    faults: &mut Faults,
) {
    // Where numbers are wrong, what they lead to is not known.
    if !faults.is_empty() {
        return;
    }
    let used: BTreeSet<_> = numbers
        .values()
        .filter_map(|destination| match destination {
            Destination::Flow(flow) => Some(flow),
            _ => None,
        })
        .chain(flows.values().flat_map(|flow| flow.calls()))
        .collect();
    for file in sources.flows.keys().filter(|file| flows.contains_key(&stem(file)) && !used.contains(&stem(file))) {
        faults.warn(Place::whole(file), "no number leads to this flow, and no flow calls it");
    }
}
