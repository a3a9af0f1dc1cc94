//! The exchange that is simulated: its numbers, its users, its flows, and how long its sounds are.
//!
//! Small on purpose, and independent of what is shipped: a change of the shipped flows must not move a seed. Invariant: the
//! same configuration for every world.

use super::entrance::{EXCHANGE, EXCHANGE_V6};
use crate::config::{Config, Destination, Extension, Limits, Media, Trunk};
use crate::id::Name;
use crate::ivr::{self, Flow};
use crate::sip::{Algorithm, Listener, RegistrarSettings, Settings, Transport, TrunkSource, UserSecret};
use crate::time::Duration;
use md5::{Digest, Md5};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The caller hears `welcome` and then the menu; 1 tells more, 9 changes the language, 0 ends the call.
const MAIN: &str = "
description: the walk
start: greet
nodes:
  greet:
    play: {prompts: [welcome], next: choose}
  choose:
    menu:
      prompt: main-menu
      wait: 3s
      tries: 3
      keys: {1: tell, 9: english, 0: bye}
      no_input: bye
      invalid: bye
  tell:
    play: {prompts: [announcement], next: choose}
  english:
    language: {to: en, next: greet}
  bye:
    hangup: {cause: normal}
";

const STAYS: &str = "
start: pick-up
nodes:
  pick-up:
    answer: {stay: true}
";

const LOOPS: &str = "
start: round
nodes:
  round:
    play: {prompts: [ten-seconds], repeat: true}
";

/// Answers, waits for keys that nobody expects, and ends.
const IDLES: &str = "
start: pick-up
nodes:
  pick-up:
    answer: {next: wait}
  wait:
    menu: {prompt: ten-seconds, wait: 10s, tries: 2, keys: {5: bye}}
  bye:
    hangup: {cause: busy}
";

/// Answers only to hang up: the BYE waits for the ACK.
const ENDS: &str = "
start: pick-up
nodes:
  pick-up:
    answer: {next: bye}
  bye:
    hangup: {cause: normal}
";

const FLOWS: [(&str, &str, &str); 5] =
    [("301", "ends", ENDS), ("100", "main", MAIN), ("101", "stays", STAYS), ("201", "loops", LOOPS), ("501", "idles", IDLES)];

const USERS: [&str; 5] = ["1001", "1002", "1003", "1004", "1005"];
const REALM: &str = "lab";

/// The longest a simulated call may last; shorter than a caller's patience, so that the limit is seen at work.
const CALL_LIMIT: Duration = Duration::from_secs(120);
/// Ports for twenty calls at once: enough for most worlds, and too few for some.
const PORTS: (u16, u16) = (16384, 16423);

/// Seconds of each sound, in each language.
const SOUNDS: [(&str, u64); 4] = [("welcome", 3), ("main-menu", 5), ("announcement", 4), ("ten-seconds", 10)];
const LANGUAGES: [&str; 2] = ["pl", "en"];

pub fn password(user: &str) -> String {
    format!("pw{user}")
}

pub fn is_user(number: &str) -> bool {
    USERS.contains(&number)
}

/// Is there somebody at this number?
pub fn is_answered(number: &str) -> bool {
    FLOWS.iter().any(|(dialled, _, _)| *dialled == number)
}

/// How long each sound is, by language and name.
pub fn sounds() -> BTreeMap<(String, String), Duration> {
    let sounds = LANGUAGES.iter().flat_map(|language| SOUNDS.iter().map(move |(name, seconds)| (language, name, seconds)));
    sounds.map(|(language, name, seconds)| ((language.to_string(), name.to_string()), Duration::from_secs(*seconds))).collect()
}

pub fn config() -> Arc<Config> {
    let names = |names: &[&str]| -> BTreeSet<Name> { names.iter().map(|name| Name::from(*name)).collect() };
    let known = names(&SOUNDS.map(|(name, _)| name));
    let world = ivr::World {
        languages: LANGUAGES.map(Name::from).to_vec(),
        sounds: LANGUAGES.iter().map(|language| (Name::from(*language), known.clone())).collect(),
    };
    let flow = |name: &str, yaml: &str| match Flow::parse(&format!("{name}.yaml"), yaml.as_bytes(), &world) {
        Ok(flow) => (Name::from(name), Arc::new(flow)),
        Err(faults) => panic!("the simulated exchange has a broken flow: {}", faults[0]),
    };
    let providers = [2, 3].map(|last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last)));
    let addresses = providers.into_iter().chain([Ipv6Addr::LOCALHOST.into()]).collect();
    Arc::new(Config {
        lab: true,
        language: "pl".into(),
        languages: LANGUAGES.map(Name::from).to_vec(),
        sip: Arc::new(Settings {
            realm: REALM.into(),
            listeners: [EXCHANGE, EXCHANGE_V6].into_iter().flat_map(listeners).collect(),
            users: USERS.iter().map(|user| (Name::from(*user), secret(user))).collect(),
            trunks: vec![TrunkSource { name: "provider".into(), addresses }],
            registrar: RegistrarSettings::default(),
        }),
        media: Media { first_port: PORTS.0, last_port: PORTS.1, ..Media::default() },
        limits: Limits { call_duration: CALL_LIMIT, ..Limits::default() },
        extensions: USERS.iter().map(|user| (Name::from(*user), Extension::default())).collect(),
        trunks: BTreeMap::from([(Name::from("provider"), Trunk::default())]),
        numbers: FLOWS.iter().map(|(number, flow, _)| (number.to_string(), Destination::Flow(Name::from(*flow)))).collect(),
        flows: FLOWS.iter().map(|(_, name, yaml)| flow(name, yaml)).collect(),
        ..Config::default()
    })
}

fn listeners(address: SocketAddr) -> [Listener; 2] {
    [Transport::Udp, Transport::Tcp].map(|transport| Listener { address, transport, algorithms: vec![Algorithm::Md5] })
}

/// HA1 = MD5(user:realm:password) (RFC 7616 section 3.4.2).
fn secret(user: &str) -> UserSecret {
    let digest = Md5::digest(format!("{user}:{REALM}:{}", password(user)));
    let ha1_md5 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    UserSecret { ha1_md5, ..UserSecret::default() }
}
