//! Two user agents do at random what user agents may do, over a network that loses, doubles and reorders.
//!
//! Invariant: whatever happens, each call that was announced or begun ends exactly once, nothing is said of it afterwards, and
//! when the last timer has run nothing is left.

use super::pair::{EXCHANGE, PASSWORD, PHONE, Pair, REALM, at, description, settings};
use crate::id::Rng;
use crate::sip::message::Uri;
use crate::sip::*;
use crate::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A run: how bad the network is, and how many things are done.
struct Weather {
    loss: u32,
    duplication: u32,
    jitter: u32,
    steps: u32,
}

/// Runs one seed and checks the invariant; what was visited.
fn run(seed: u64, transport: Transport, weather: &Weather) -> Visited {
    let mut pair = Pair::trunk(seed, transport);
    (pair.loss, pair.duplication, pair.jitter) = (weather.loss, weather.duplication, weather.jitter);
    pair.ring = Duration::from_secs(20);
    with_short_sessions(&mut pair);
    let mut chance = Rng::from_seed(seed ^ 0x5EED);
    let mut begun: [BTreeSet<DialogId>; 2] = Default::default();
    for _ in 0..weather.steps {
        act(&mut pair, &mut chance, &mut begun);
        let pause = match chance.below(4) {
            0 => 0,
            1 => chance.below(40),
            2 => chance.below(1000),
            _ => chance.below(8000),
        };
        pair.run(Duration::from_millis(u64::from(pause)));
    }
    pair.is_cut = chance.chance(100);
    for (side, begun) in begun.iter().enumerate() {
        let announced: Vec<_> = dialogs(&pair, side, begun).into_iter().collect();
        for dialog in announced {
            pair.command(side, Command::Hangup { dialog, reason: None });
        }
        pair.command(side, Command::Unregister { registration: RegistrationId(1) });
        pair.command(side, Command::Unwatch { peer: "other".into() });
    }
    pair.settle();
    // Calls that were still on their way when everybody hung up.
    for side in [EXCHANGE, PHONE] {
        for dialog in dialogs(&pair, side, &begun[side]) {
            pair.command(side, Command::Hangup { dialog, reason: None });
        }
    }
    pair.settle();
    for (side, begun) in begun.iter().enumerate() {
        check_endings(&pair, side, begun, seed);
    }
    pair.check_that_nothing_is_left();
    let mut visited = pair.sides[EXCHANGE].endpoint.visited();
    visited.merge(pair.sides[PHONE].endpoint.visited());
    visited
}

/// Every call that a side has begun or been told of.
fn dialogs(pair: &Pair, side: usize, begun: &BTreeSet<DialogId>) -> BTreeSet<DialogId> {
    let announced = pair.sides[side].events.iter().filter_map(|event| match event {
        Event::Invite { dialog, .. } => Some(*dialog),
        _ => None,
    });
    announced.chain(begun.iter().copied()).collect()
}

fn check_endings(pair: &Pair, side: usize, begun: &BTreeSet<DialogId>, seed: u64) {
    let mut ended = BTreeSet::new();
    for event in &pair.sides[side].events {
        match event {
            Event::Ended { dialog, .. } => assert!(ended.insert(*dialog), "seed {seed}: {dialog:?} ended twice"),
            Event::Invite { dialog, .. }
            | Event::Confirmed { dialog, .. }
            | Event::Progress { dialog, .. }
            | Event::Accepted { dialog, .. }
            | Event::Offer { dialog, .. }
            | Event::Renegotiated { dialog, .. }
            | Event::Digit { dialog, .. }
            | Event::Refer { dialog, .. }
            | Event::Referred { dialog, .. }
            | Event::ReferralProgress { dialog, .. }
            | Event::Alive { dialog } => assert!(!ended.contains(dialog), "seed {seed}: {event:?} after its end"),
            _ => {}
        }
    }
    assert_eq!(ended, dialogs(pair, side, begun), "seed {seed}: calls that never ended");
}

fn act(pair: &mut Pair, chance: &mut Rng, begun: &mut [BTreeSet<DialogId>; 2]) {
    let side = usize::from(chance.chance(500));
    let known: Vec<_> = dialogs(pair, side, &begun[side]).into_iter().collect();
    let recent = known.len().saturating_sub(3);
    let dialog = match known.len() {
        0 => DialogId(99_999),
        _ => known[recent + chance.below(u32::try_from(known.len() - recent).unwrap_or(1)) as usize],
    };
    let sdp = description(4000 + chance.below(100) as u16, u64::from(chance.below(9)));
    let command = match chance.below(100) {
        0..=14 => return begin(pair, chance, side, &mut begun[side]),
        15..=24 => Command::Progress { dialog, status: Status(180 + chance.below(4) as u16), sdp: Some(sdp) },
        25..=44 => Command::Accept { dialog, sdp },
        45..=47 => Command::Refuse { dialog, status: Status(486) },
        48..=57 => Command::Hangup { dialog, reason: None },
        58..=65 => Command::Reoffer { dialog, sdp },
        66..=68 => Command::Update { dialog, sdp },
        69..=83 => Command::Reply { dialog, answer: if chance.chance(800) { Ok(sdp) } else { Err(Status(488)) } },
        84..=86 => Command::Probe { dialog },
        87 => Command::Digit { dialog, digit: '5', duration: Duration::from_millis(100) },
        88 => Command::Refer { dialog, target: Uri::sip("700", "10.0.0.1", None), replaces: known.first().copied() },
        89 => return answer_referral(pair, chance, side),
        90 => return watch(pair, chance, side),
        91 => Command::Unregister { registration: RegistrationId(1) },
        92..=93 => return register(pair),
        94 => return pair.is_cut = !pair.is_cut,
        95 => {
            let path = pair.path(side);
            return pair.input(side, Input::Unreachable { path });
        }
        _ => return pair.is_cut = false,
    };
    pair.command(side, command);
}

/// Sessions are refreshed, and run out, within a run.
fn with_short_sessions(pair: &mut Pair) {
    for side in [EXCHANGE, PHONE] {
        let other = pair.sides[1 - side].address;
        let session = SessionTimers { interval: Duration::from_secs(90), min: Duration::from_secs(90) };
        let ours = Settings { session, ..settings(&[Algorithm::Md5], Some(other)) };
        pair.command(side, Command::Configure(Arc::new(ours)));
    }
}

/// The last REFER that this side was sent is accepted, refused, or told of.
fn answer_referral(pair: &mut Pair, chance: &mut Rng, side: usize) {
    let asked = |event: &Event| if let Event::Refer { referral, .. } = event { Some(*referral) } else { None };
    let Some(referral) = pair.sides[side].events.iter().rev().find_map(asked) else { return };
    let status = Status([100, 180, 200, 486][chance.below(4) as usize]);
    pair.command(
        side,
        match chance.below(4) {
            0 => Command::RefuseReferral { referral, status: Status(603) },
            1 | 2 => Command::AcceptReferral { referral },
            _ => Command::ReportReferral { referral, status },
        },
    );
}

fn watch(pair: &mut Pair, chance: &mut Rng, side: usize) {
    let probing = Probing {
        target: Uri::sip("", "10.0.0.1", None),
        path: pair.path(side),
        interval: Duration::from_secs(10),
        patience: Duration::from_millis(u64::from(500 + chance.below(3_000))),
    };
    pair.command(side, Command::Watch { peer: "other".into(), probing: Box::new(probing) });
}

fn begin(pair: &mut Pair, chance: &mut Rng, side: usize, begun: &mut BTreeSet<DialogId>) {
    let dialog = pair.sides[side].endpoint.reserve();
    let remote = pair.sides[1 - side].address;
    let target =
        if chance.chance(20) { Uri::sip("100", "nowhere.test", None) } else { Uri::sip("100", &remote.ip().to_string(), None) };
    let call = OutgoingCall {
        target,
        path: chance.chance(500).then(|| pair.path(side)).filter(|_| pair.transport.is_reliable() || chance.chance(500)),
        local: pair.sides[side].address,
        from: Party { display: String::new(), user: "600".to_string() },
        domain: None,
        to: Party { display: String::new(), user: "100".to_string() },
        sdp: chance.chance(700).then(|| description(4000, 1)),
        credentials: None,
        ring: pair.ring,
        carried: Carried::default(),
        diversion_header: DiversionHeader::default(),
    };
    begun.insert(dialog);
    pair.command(side, Command::Invite { dialog, call: Box::new(call) });
}

fn register(pair: &mut Pair) {
    let account = Account {
        registrar: pair.path(PHONE),
        user: "1001".to_string(),
        domain: REALM.to_string(),
        credentials: Credentials::new("1001", PASSWORD),
        expires: Duration::from_secs(40),
    };
    pair.command(PHONE, Command::Register { registration: RegistrationId(1), account: Box::new(account) });
}

#[test]
fn every_state_of_every_machine_is_reached() {
    let mut visited = Visited::default();
    for seed in 0..150 {
        let transport = if seed % 5 == 0 { Transport::Tcp } else { Transport::Udp };
        let weather = Weather { loss: 50, duplication: 30, jitter: 30, steps: 60 };
        visited.merge(run(seed, transport, &weather));
    }
    for (machine, state, reached) in visited.states() {
        println!("{machine:14} {state:12} {}", if reached { "reached" } else { "NOT REACHED" });
    }
    assert!(visited.all(), "{:?}", visited.missing());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_once_and_nothing_is_left(
        seed in any::<u32>(),
        reliable in prop::bool::weighted(0.2),
        loss in 0u32..400,
        duplication in 0u32..200,
        jitter in 0u32..800,
    ) {
        let transport = if reliable { Transport::Tcp } else { Transport::Udp };
        run(u64::from(seed), transport, &Weather { loss, duplication, jitter, steps: 40 });
    }
}

/// The seed says everything.
#[test]
fn a_seed_replays() {
    let trace = |seed| {
        let mut pair = Pair::trunk(seed, Transport::Udp);
        pair.loss = 100;
        let (mut chance, mut begun) = (Rng::from_seed(seed), Default::default());
        for _ in 0..50 {
            act(&mut pair, &mut chance, &mut begun);
            pair.run(Duration::from_millis(100));
        }
        (pair.sides[0].sent.clone(), pair.sides[1].sent.clone())
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5).0, trace(6).0);
    assert_eq!(at("10.0.0.1:5060"), Pair::trunk(1, Transport::Udp).sides[EXCHANGE].address);
}
