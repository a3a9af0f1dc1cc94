//! The sections that say one thing: lab, languages, folders, media, storage, logging, limits.
//!
//! Invariant: what is not written has its default; what is written wrong is a fault and has its default too, so reading goes on.

use super::sections::Sections;
use super::{Folders, Limits, Logging, Media, Sources, Storage};
use crate::calendar::Zone;
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::{Faults, Place};
use crate::id::Name;
use crate::ivr::ANY_LANGUAGE;
use crate::sip::{Network, Told};
use crate::time::Duration;
use std::net::{IpAddr, Ipv4Addr};

const LEVELS: &[(&str, &str)] =
    &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
/// As SDP names them (RFC 3551).
const CODECS: &[(&str, &str)] = &[("PCMA", "PCMA"), ("PCMU", "PCMU")];
const MAX_LANGUAGES: usize = 50;
const MAX_CALLS: usize = 100_000;

pub(super) fn lab(sections: &Sections<'_>, faults: &mut Faults) -> bool {
    // A laboratory whose file cannot be read is still one: its passwords and addresses are none of its faults.
    let Some(section) = sections.once("lab") else { return faults.is_unread("lab") && faults.is_unread("true") };
    section.reader(faults).boolean("`lab`", section.value()).unwrap_or(false)
}

/// The zone in which flows tell the time; UTC where none is written.
pub(super) fn zone(sections: &Sections<'_>, faults: &mut Faults) -> Name {
    let utc = || Name::from("UTC");
    let Some(section) = sections.once("zone") else { return utc() };
    let mut reader = section.reader(faults);
    let Some(zone) = reader.text("`zone`", section.value()) else { return utc() };
    if Zone::try_from(zone.to_string()).is_err() {
        let names: Vec<String> = Zone::names().collect();
        let message = format!("there is no time zone `{}`: a name as Europe/Warsaw is wanted", shorten(zone));
        reader.unknown(section.value().spot, message, zone, names.iter().map(String::as_str));
        return utc();
    }
    Name::from(zone)
}

pub(super) fn folders(sections: &Sections<'_>, faults: &mut Faults) -> Folders {
    let mut folders = Folders::default();
    for (name, folder) in [("flows", &mut folders.flows), ("sounds", &mut folders.sounds)] {
        let Some(section) = sections.once(name) else { continue };
        if let Some(path) = section.reader(faults).text(&format!("`{name}`"), section.value()) {
            *folder = path.to_string();
        }
    }
    folders
}

/// The languages of the exchange, and the one of callers of whom nothing else is known. Without `languages`, those that have sounds;
/// without `language`, the first of them.
pub(super) fn languages(sections: &Sections<'_>, sources: &Sources, faults: &mut Faults) -> (Name, Vec<Name>) {
    let own = sections.once("language").and_then(|section| {
        let name = section.reader(faults).name("`language`", section.value())?;
        Some((name, section))
    });
    let spoken = || sources.sounds.keys().filter(|language| &***language != ANY_LANGUAGE);
    let mut languages: Vec<Name> = spoken().cloned().collect();
    if let Some(section) = sections.once("languages") {
        let mut reader = section.reader(faults);
        let items = reader.items(section.value());
        languages.clear();
        for item in items {
            let Some(language) = reader.name("a language", item) else { continue };
            if languages.contains(&language) {
                reader.fault(item.spot, format!("`{language}` stands here twice"));
            } else if &*language == ANY_LANGUAGE {
                reader.fault(item.spot, format!("`{language}` is the folder of sounds without a language"));
            } else if !sources.sounds.contains_key(&language) {
                let message = format!("no sounds for `{language}`: there is no folder `{}/{language}`", sources.folders.sounds);
                reader.unknown(item.spot, message, &language, sources.sounds.keys().map(|name| &**name));
            }
            languages.push(language);
        }
        if items.is_empty() || items.len() > MAX_LANGUAGES {
            reader.fault(section.entry.spot, format!("`languages` names 1 to {MAX_LANGUAGES} languages, not {}", items.len()));
        }
    } else if languages.is_empty() && own.is_none() {
        let place = Place::whole(&sources.folders.sounds);
        faults.add(place, "no language: the folder of sounds holds one folder for each, and `languages` is not written");
    }
    match own {
        Some((language, section)) => {
            if languages.is_empty() {
                languages.push(language.clone());
            }
            if !languages.contains(&language) {
                let mut reader = section.reader(faults);
                let known = languages.iter().map(|name| &**name);
                reader.unknown(section.value().spot, format!("`{language}` is not one of the languages"), &language, known);
            }
            (language, languages)
        }
        None => (languages.first().cloned().unwrap_or_else(|| "en".into()), languages),
    }
}

/// A name of a language that the exchange speaks.
pub(super) fn known_language(fields: &mut Fields<'_>, languages: &[Name], reader: &mut Reader<'_>) -> Option<Name> {
    let node = fields.value("language")?;
    let language = reader.name("`language`", node)?;
    if !languages.contains(&language) {
        let known = languages.iter().map(|name| &**name);
        reader.unknown(node.spot, format!("`{language}` is not one of the languages"), &language, known);
        return None;
    }
    Some(language)
}

/// The media section; what peers are told of where we are goes to `told`, as SIP has to say it too.
pub(super) fn media(sections: &Sections<'_>, told: &mut Told, faults: &mut Faults) -> Media {
    let mut media = Media::default();
    told.inside = Network::private();
    let Some(section) = sections.once("media") else { return media };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`media`", section.entry.spot, section.value()) else { return media };
    if let Some(node) = fields.value("ports")
        && let Some(text) = reader.text("`ports`", node)
    {
        match port_range(text) {
            Some((first, last)) => (media.first_port, media.last_port) = (first, last),
            None => reader.fault(node.spot, "`ports` is a range of at least two ports from 1024 on, as 16384-32767"),
        }
    }
    if let Some(node) = fields.value("external_address") {
        let address = reader.parsed::<IpAddr>("`external_address`", "an IP address", node);
        let is_anywhere = |ip: &IpAddr| {
            let ip = ip.to_canonical();
            ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
        };
        match address.filter(is_anywhere) {
            Some(ip) => reader.fault(node.spot, format!("`external_address` is where peers reach us: {ip} is no place")),
            None => told.external = address,
        }
    }
    if let Some(node) = fields.value("local_networks") {
        let networks = reader.items(node).iter().map(|item| reader.parsed("a network", "written as 192.0.2.0/24", item));
        told.inside = networks.flatten().collect();
    }
    if let Some(node) = fields.value("shards") {
        media.shards = reader.number("`shards`", node, 0..=64).unwrap_or(media.shards);
    }
    if let Some(node) = fields.value("silent_after") {
        let range = Duration::from_secs(1)..=Duration::from_secs(3600);
        media.silent_after = reader.duration("`silent_after`", node, range).unwrap_or(media.silent_after);
    }
    if let Some(node) = fields.value("codecs") {
        let mut codecs: Vec<String> = Vec::new();
        for item in reader.items(node) {
            if let Some(codec) = reader.word("a codec", item, CODECS).filter(|codec| !codecs.iter().any(|had| had == codec)) {
                codecs.push(codec.to_string());
            }
        }
        if codecs.is_empty() {
            reader.fault(node.spot, "`codecs` names at least one codec: PCMA, PCMU");
        } else {
            media.codecs = codecs;
        }
    }
    fields.finish(&mut reader);
    media
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    // RTP takes an even port, RTCP the odd one above it.
    (first >= 1024 && first.checked_next_multiple_of(2)? < last).then_some((first, last))
}

pub(super) fn storage(sections: &Sections<'_>, faults: &mut Faults) -> Storage {
    let mut storage = Storage::default();
    let Some(section) = sections.once("storage") else { return storage };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`storage`", section.entry.spot, section.value()) else { return storage };
    if let Some(node) = fields.value("commit_window") {
        let range = Duration::ZERO..=Duration::from_secs(1);
        storage.commit_window = reader.duration("`commit_window`", node, range).unwrap_or(storage.commit_window);
    }
    fields.finish(&mut reader);
    storage
}

pub(super) fn logging(sections: &Sections<'_>, faults: &mut Faults) -> Logging {
    let mut logging = Logging::default();
    let Some(section) = sections.once("logging") else { return logging };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`logging`", section.entry.spot, section.value()) else { return logging };
    if let Some(level) = fields.value("level").and_then(|node| reader.word("`level`", node, LEVELS)) {
        logging.level = level.to_string();
    }
    fields.finish(&mut reader);
    logging
}

pub(super) fn limits(sections: &Sections<'_>, faults: &mut Faults) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = sections.once("limits") else { return limits };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`limits`", section.entry.spot, section.value()) else { return limits };
    if let Some(node) = fields.value("calls") {
        limits.calls = reader.number("`calls`", node, 1..=MAX_CALLS).unwrap_or(limits.calls);
    }
    if let Some(node) = fields.value("call_duration") {
        let range = Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 3600);
        limits.call_duration = reader.duration("`call_duration`", node, range).unwrap_or(limits.call_duration);
    }
    fields.finish(&mut reader);
    limits
}
