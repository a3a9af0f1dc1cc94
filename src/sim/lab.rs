//! The exchange that is simulated: its numbers, its users, its flows, and how long its sounds are.
//!
//! Small on purpose, and independent of what is shipped: a change of the shipped flows must not move a seed. Invariant: the
//! same configuration for every world.

use super::entrance::{EXCHANGE, EXCHANGE_V6};
use crate::acd;
use crate::config::{
    Agent, Allowance, Class, Code, Config, Destination, Extension, Family, Forward, InTurn, Limits, Media, Outbound, Parking,
    Phone, Plan, Queue, RingGroup, Services, Trunk, Via, When,
};
use crate::id::Name;
use crate::ivr::{self, Flow};
use crate::sip::{
    Algorithm, Listener, Network, RegistrarSettings, SessionTimers, Settings, Told, Transport, TrunkSource, UserSecret,
};
use crate::time::Duration;
use md5::{Digest, Md5};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The caller hears `welcome` and then the menu; 1 tells more, 2 leads into the queue, 9 changes the language, 0 ends the call.
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
      keys: {1: tell, 2: support, 9: english, 0: bye}
      no_input: bye
      invalid: bye
  tell:
    play: {prompts: [announcement], next: choose}
  support:
    queue: {name: support, failed: bye}
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

const SUPPORT: &str = "support";
const USERS: [&str; 5] = ["1001", "1002", "1003", "1004", "1005"];
/// Straight into the queue `support`, and out through the trunk.
pub const QUEUE: &str = "600";
pub const PROVIDER: &str = "401";
/// A telephone outside, reached by that trunk.
pub const TELEPHONE: &str = "601234567";
/// Extensions without a phone: all calls of the first go to 1003, those of the second, when nobody is there, to the queue.
const FORWARDED: [(&str, &str); 2] = [("1006", "1003"), ("1007", QUEUE)];
/// Ring groups: together, and one after the other.
const GROUPS: [(&str, &str, bool); 2] = [("310", "together", false), ("311", "in-turn", true)];
/// Codes: picks up what rings at the extension that follows, and leaves a caller at a free slot.
const PICKUP: &str = "*8";
const PARK: &str = "*5";
/// Brings a phone's two calls together.
pub const THREE_WAY: &str = "*3";
/// An agent's lunch, and its end; where one's calls go instead, and that they do not any more.
const PAUSE: &str = "*13";
const RESUME: &str = "*10";
const FORWARD: &str = "*21";
const FORWARD_OFF: &str = "#21";
/// Where callers are left, and for how long at most.
const SLOTS: (u32, u32) = (701, 703);
const PARKED: Duration = Duration::from_secs(15);
/// Agents of `support`, logged in by registering.
const AGENTS: [&str; 2] = ["1001", "1002"];
const DESK_PORT: u16 = 20_000;
/// How long an agent's phone rings.
pub const RING: Duration = Duration::from_secs(10);

const REALM: &str = "lab";

/// The longest a simulated call may last; shorter than a caller's patience, so that the limit is seen at work.
const CALL_LIMIT: Duration = Duration::from_secs(120);
/// Ports for thirty-six legs at once: enough for most worlds, and too few for some.
const PORTS: (u16, u16) = (16384, 16455);

/// Seconds of each sound, in each language.
const SOUNDS: [(&str, u64); 5] =
    [("welcome", 3), ("main-menu", 5), ("announcement", 4), ("ten-seconds", 10), ("connection-lost", 3)];
const LANGUAGES: [&str; 2] = ["pl", "en"];

pub fn password(user: &str) -> String {
    format!("pw{user}")
}

pub fn is_user(number: &str) -> bool {
    USERS.contains(&number)
}

/// Is there somebody at this number?
pub fn is_answered(number: &str) -> bool {
    let codes = [PICKUP, THREE_WAY, PAUSE, RESUME, FORWARD, FORWARD_OFF];
    let services = codes.iter().any(|code| number.starts_with(code))
        || number.parse().is_ok_and(|slot| (SLOTS.0..=SLOTS.1).contains(&slot));
    let groups = GROUPS.iter().any(|(dialled, _, _)| *dialled == number);
    let forwarded = FORWARDED.iter().any(|(dialled, _)| *dialled == number);
    let outside = number == TELEPHONE || Plan::default().is_emergency(number);
    if services || groups || forwarded || outside {
        return true;
    }
    let rings = number == QUEUE || number == PROVIDER || is_user(number) || (number.starts_with('3') && number.len() == 4);
    rings || FLOWS.iter().any(|(dialled, _, _)| *dialled == number)
}

/// The phones at fixed addresses: agents of the family from 1, the far end of the trunk at 0.
pub fn desk(place: u8) -> (String, SocketAddr) {
    let user = if place == 0 { "trunk".to_string() } else { format!("a{place}") };
    (user, SocketAddr::from(([127, 0, 1, place], DESK_PORT)))
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
        queues: names(&[SUPPORT]),
        sounds: LANGUAGES.iter().map(|language| (Name::from(*language), known.clone())).collect(),
        ..ivr::World::default()
    };
    let flow = |name: &str, yaml: &str| match Flow::parse(&format!("{name}.yaml"), yaml.as_bytes(), &world) {
        Ok(flow) => (Name::from(name), Arc::new(flow)),
        Err(faults) => panic!("the simulated exchange has a broken flow: {}", faults[0]),
    };
    let providers = [2, 3].map(|last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last)));
    let addresses = providers.into_iter().chain([Ipv6Addr::LOCALHOST.into()]).map(Network::from).collect();
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
            // Short, so that calls are refreshed within a world's time.
            session: SessionTimers { interval: Duration::from_secs(90), min: Duration::from_secs(90) },
            told: Told::default(),
        }),
        media: Media { first_port: PORTS.0, last_port: PORTS.1, ..Media::default() },
        limits: Limits { call_duration: CALL_LIMIT, ..Limits::default() },
        extensions: extensions(),
        outbound: outbound(),
        services: services(),
        trunks: BTreeMap::from([("provider".into(), Trunk { send_to: Some(desk(0).1.into()), ..Trunk::default() })]),
        acd: Arc::new(staff()),
        queues: BTreeMap::from([(SUPPORT.into(), Queue::default())]),
        agents: AGENTS.iter().map(|user| (Name::from(*user), Agent { phone: Phone::Extension((*user).into()) })).collect(),
        families: vec![family()],
        numbers: numbers(),
        flows: FLOWS.iter().map(|(_, name, yaml)| flow(name, yaml)).collect(),
        ..Config::default()
    })
}

fn extensions() -> BTreeMap<Name, Extension> {
    let [(always, there), (nobody, queue)] = FORWARDED;
    let forward = |forward| Extension { forward, ..Extension::default() };
    let forwarded = [
        (always, forward(Forward { always: Some(there.into()), ..Forward::default() })),
        (nobody, forward(Forward { no_answer: Some(queue.into()), ..Forward::default() })),
    ];
    let plain = USERS.iter().map(|user| (*user, Extension::default()));
    plain.chain(forwarded).map(|(name, extension)| (Name::from(name), extension)).collect()
}

/// National calls by the one trunk.
fn outbound() -> Outbound {
    let national = Allowance { classes: BTreeSet::from([Class::National]), ..Allowance::default() };
    Outbound {
        via: vec![Via { trunk: "provider".into(), order: 0, weight: 1 }],
        usual: national.clone(),
        flows: Allowance { calls: 30, minutes_per_day: None, ..national },
        ..Outbound::default()
    }
}

fn services() -> Services {
    let members = || USERS[..3].iter().map(ToString::to_string).collect();
    let group = |in_turn| RingGroup { members: members(), in_turn: InTurn(in_turn), ring: RING / 2 };
    Services {
        groups: GROUPS.iter().map(|(_, name, in_turn)| (Name::from(*name), group(*in_turn))).collect(),
        parking: Some(Parking { first: SLOTS.0, last: SLOTS.1, timeout: PARKED }),
        codes: [
            (PICKUP.to_string(), Code::Pickup),
            (PARK.to_string(), Code::Park),
            (THREE_WAY.to_string(), Code::ThreeWay),
            (PAUSE.to_string(), Code::Pause("lunch".into())),
            (RESUME.to_string(), Code::Resume),
            (FORWARD.to_string(), Code::Forward(When::Always)),
            (FORWARD_OFF.to_string(), Code::ForwardOff),
        ]
        .into(),
    }
}

fn numbers() -> BTreeMap<String, Destination> {
    let flows = FLOWS.iter().map(|(number, flow, _)| (number.to_string(), Destination::Flow(Name::from(*flow))));
    let trunk = Destination::Trunk { trunk: "provider".into(), user: "trunk".into(), open: true };
    let groups = GROUPS.iter().map(|(number, name, _)| (number.to_string(), Destination::Group(Name::from(*name))));
    let others = [(QUEUE.to_string(), Destination::Queue(SUPPORT.into())), (PROVIDER.to_string(), trunk)];
    flows.chain(groups).chain(others).collect()
}

/// The queue `support` and who serves it.
fn staff() -> acd::Settings {
    let service = acd::Queue { ring: RING, wrap_up: Duration::from_secs(2), max_no_answer: 0, ..acd::Queue::default() };
    let agent = |position: usize| {
        let membership = acd::Membership { position: u32::try_from(position).unwrap_or(0), ..acd::Membership::default() };
        acd::Agent { queues: BTreeMap::from([(SUPPORT.into(), membership)]), ..acd::Agent::default() }
    };
    acd::Settings {
        queues: BTreeMap::from([(SUPPORT.into(), service)]),
        agents: AGENTS.iter().enumerate().map(|(position, user)| (Name::from(*user), agent(position))).collect(),
        ..acd::Settings::default()
    }
}

/// 3001 to 3999: queues of agents at fixed addresses, always logged in.
fn family() -> Family {
    let service = acd::Queue { ring: RING, wrap_up: Duration::ZERO, max_no_answer: 0, ..acd::Queue::default() };
    Family {
        prefix: "3".into(),
        digits: 3,
        service,
        queue: Queue::default(),
        login: acd::Login::Always,
        agent: "a{n}".into(),
        address: Some(format!("sip:a{{n}}@127.0.1.{{n}}:{DESK_PORT}")),
    }
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
