//! What SIP must know: listeners, registrar, and with `trunks` the extensions -> [`sip::Settings`].
//!
//! Invariant: in a lab every listener is on loopback.

use super::secrets::Secrets;
use super::sections::{Sections, limited};
use super::{Extension, Overrides, Trunk};
use crate::fault::fields::{Reader, print_duration};
use crate::fault::tree::Node;
use crate::fault::{Faults, Place};
use crate::id::Name;
use crate::sip::{self, Algorithm, Credentials, Listener, RegistrarSettings, SessionTimers, Transport};
use crate::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const MAX_LISTENERS: usize = 32;
const MAX_EXTENSIONS: usize = 100_000;
const MAX_TRUNKS: usize = 1000;
const DEFAULT_REALM: &str = "centrala";
const DEFAULT_PORT: u16 = 5060;

const TRANSPORTS: &[(&str, Transport)] = &[("udp", Transport::Udp), ("tcp", Transport::Tcp)];
const ALGORITHMS: &[(&str, Algorithm)] = &[("md5", Algorithm::Md5), ("sha-256", Algorithm::Sha256)];

/// What the whole section is read with.
pub(super) struct Context<'a> {
    pub lab: bool,
    pub languages: &'a [Name],
    pub overrides: &'a Overrides,
    pub secrets: Secrets<'a>,
}

#[derive(Default)]
pub(super) struct Signalling {
    pub settings: sip::Settings,
    pub extensions: BTreeMap<Name, Extension>,
    pub trunks: BTreeMap<Name, Trunk>,
    /// Who we are to each provider that wants to know.
    pub accounts: BTreeMap<Name, Credentials>,
}

pub(super) fn read(sections: &Sections<'_>, context: &Context<'_>, faults: &mut Faults) -> Signalling {
    let mut signalling = Signalling::default();
    signalling.settings.realm = realm(sections, faults);
    signalling.settings.listeners = listeners(sections, context, faults);
    signalling.settings.registrar = registrar(sections, faults);
    signalling.settings.session = session_timers(sections, faults);
    for section in limited(sections, "trunks", MAX_TRUNKS, faults) {
        signalling.trunk(section, context, faults);
    }
    for section in limited(sections, "extensions", MAX_EXTENSIONS, faults) {
        signalling.extension(section, context, faults);
    }
    signalling
}

fn realm(sections: &Sections<'_>, faults: &mut Faults) -> String {
    let Some(section) = sections.once("realm") else { return DEFAULT_REALM.into() };
    let mut reader = section.reader(faults);
    match reader.text("`realm`", section.value()) {
        // It stands in quotes in every challenge.
        Some(realm)
            if realm.is_empty() || realm.len() > 128 || realm.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) =>
        {
            reader.fault(section.value().spot, "`realm` is 1 to 128 characters without quotes and backslashes");
            DEFAULT_REALM.into()
        }
        Some(realm) => realm.to_string(),
        None => DEFAULT_REALM.into(),
    }
}

fn listeners(sections: &Sections<'_>, context: &Context<'_>, faults: &mut Faults) -> Vec<Listener> {
    let section = sections.once("listeners");
    let mut listeners: Vec<Listener> = Vec::new();
    if let Some(section) = section {
        let mut reader = section.reader(faults);
        let items = reader.items(section.value());
        if items.is_empty() || items.len() > MAX_LISTENERS {
            reader.fault(section.entry.spot, format!("1 to {MAX_LISTENERS} listeners, not {}", items.len()));
        }
        for item in items.iter().take(MAX_LISTENERS) {
            let Some(listener) = listener(item, context, &mut reader) else { continue };
            if listeners.iter().any(|had| (had.address, had.transport) == (listener.address, listener.transport)) {
                reader.fault(item.spot, "the same address and transport as a listener before");
            }
            listeners.push(listener);
        }
    }
    let usual = |address| {
        [Transport::Udp, Transport::Tcp].map(|transport| Listener { address, transport, algorithms: vec![Algorithm::Md5] })
    };
    match context.overrides.sip {
        Some(address) => {
            if context.lab && !is_loopback(address.ip()) {
                faults.add(Place::whole("--sip"), format!("{address} is not on loopback, and the configuration is a lab"));
            }
            usual(address).to_vec()
        }
        None if section.is_none() => {
            let host = if context.lab { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
            usual(SocketAddr::from((host, DEFAULT_PORT))).to_vec()
        }
        None => listeners,
    }
}

fn listener(node: &Node, context: &Context<'_>, reader: &mut Reader<'_>) -> Option<Listener> {
    let mut fields = reader.fields("a listener", node.spot, node)?;
    let transport = fields.required("transport").and_then(|node| reader.word("`transport`", node, TRANSPORTS));
    let address = fields.required("address").and_then(|node| {
        let address = reader.parsed::<SocketAddr>("`address`", "an address and a port, as 0.0.0.0:5060", node)?;
        // With --sip they are not used, so their place in the world does not matter.
        if context.lab && context.overrides.sip.is_none() && !is_loopback(address.ip()) {
            reader.fault(node.spot, format!("{address} is not on loopback (127.0.0.0/8, ::1), which `lab: true` requires"));
        }
        Some(address)
    });
    let mut algorithms = Vec::new();
    if let Some(node) = fields.value("algorithms") {
        for item in reader.items(node) {
            algorithms
                .extend(reader.word("an algorithm", item, ALGORITHMS).filter(|algorithm| !algorithms.contains(algorithm)));
        }
        if algorithms.is_empty() {
            reader.fault(node.spot, "`algorithms` names at least one: md5, sha-256");
        }
    } else {
        // Many phones fail when SHA-256 is offered over plain transports.
        algorithms.push(Algorithm::Md5);
    }
    fields.finish(reader);
    Some(Listener { address: address?, transport: transport?, algorithms })
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn registrar(sections: &Sections<'_>, faults: &mut Faults) -> RegistrarSettings {
    let mut registrar = RegistrarSettings::default();
    let Some(section) = sections.once("registrar") else { return registrar };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`registrar`", section.entry.spot, section.value()) else { return registrar };
    let day = Duration::from_secs(24 * 3600);
    for (name, value, least) in [
        ("min_expires", &mut registrar.min_expires, 1),
        ("default_expires", &mut registrar.default_expires, 1),
        ("max_expires", &mut registrar.max_expires, 1),
        ("nonce_life", &mut registrar.nonce_life, 5),
    ] {
        if let Some(node) = fields.value(name) {
            let range = Duration::from_secs(least)..=day;
            *value = reader.duration(&format!("`{name}`"), node, range).unwrap_or(*value);
        }
    }
    if let Some(node) = fields.value("max_contacts") {
        registrar.max_contacts = reader.number("`max_contacts`", node, 1..=20).unwrap_or(registrar.max_contacts);
    }
    let RegistrarSettings { min_expires, default_expires, max_expires, .. } = registrar;
    if !(min_expires <= default_expires && default_expires <= max_expires) {
        let [min, default, max] = [min_expires, default_expires, max_expires].map(print_duration);
        let message =
            format!("`min_expires`, `default_expires` and `max_expires` do not ascend: they are {min}, {default} and {max}");
        reader.fault(section.entry.spot, message);
    }
    fields.finish(&mut reader);
    registrar
}

fn session_timers(sections: &Sections<'_>, faults: &mut Faults) -> SessionTimers {
    let mut timers = SessionTimers::default();
    let Some(section) = sections.once("session_timers") else { return timers };
    let mut reader = section.reader(faults);
    let Some(mut fields) = reader.fields("`session_timers`", section.entry.spot, section.value()) else { return timers };
    let (least, day) = (Duration::from_secs(90), Duration::from_secs(24 * 3600));
    if let Some(node) = fields.value("min") {
        timers.min = reader.duration("`min`", node, least..=day).unwrap_or(timers.min);
    }
    if let Some(node) = fields.value("interval") {
        timers.interval = reader.duration("`interval`", node, Duration::ZERO..=day).unwrap_or(timers.interval);
        if !timers.interval.is_zero() && timers.interval < timers.min {
            let [interval, min] = [timers.interval, timers.min].map(print_duration);
            reader.fault(node.spot, format!("`interval` is 0s (none of ours) or at least `min`, {min}, not {interval}"));
        }
    }
    fields.finish(&mut reader);
    timers
}
