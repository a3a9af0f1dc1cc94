use super::*;
use crate::config::{Allowance, Extension, InTurn, Night, Outbound, Phone, RingGroup, Trunk, TrunkLimits, Via};
use crate::id::Rng;
use crate::time::{Moment, Wall};
use std::collections::{BTreeSet, VecDeque};

/// 2026-11-23, a Monday, noon in Warsaw.
const NOON: i64 = 1_795_431_600 * 1_000_000_000;

fn now() -> Now {
    Now { mono: Moment::from_nanos(0), wall: Wall::from_unix_nanos(NOON) }
}

fn later(seconds: u64) -> Now {
    let time = Duration::from_secs(seconds);
    Now { mono: now().mono + time, wall: now().wall + time }
}

/// Two providers; 1001 may call home and Germany, 1002 home, 1003 is an agent, 1004 may nothing.
fn config() -> Config {
    let trunk = || Trunk { limits: TrunkLimits { calls: 3, calls_per_second: 2 }, ..Trunk::default() };
    let national = Allowance { classes: BTreeSet::from([Class::National]), ..Allowance::default() };
    let german = Allowance {
        classes: BTreeSet::from([Class::National, Class::International]),
        international: vec!["+49".into()],
        caller: Number::parse("+48221234501"),
        ..Allowance::default()
    };
    let via = |trunk: &str, order| Via { trunk: trunk.into(), order, weight: 1 };
    Config {
        extensions: ["1001", "1002", "1003", "1004"].map(|name| (name.into(), Extension::default())).into(),
        trunks: [("first".into(), trunk()), ("second".into(), trunk())].into(),
        agents: [("1003".into(), crate::config::Agent { phone: Phone::Extension("1003".into()) })].into(),
        numbers: [("+48221234500".to_string(), Destination::Flow("main".into()))].into(),
        outbound: Outbound {
            via: vec![via("first", 0), via("second", 1)],
            usual: national.clone(),
            accounts: [("1001".into(), german), ("1004".into(), Allowance::default())].into(),
            flows: Allowance { minutes_per_day: None, ..national },
            numbers: ["+48221234500", "+48221234501"].iter().filter_map(|number| Number::parse(number)).collect(),
            ..Outbound::default()
        },
        ..Config::default()
    }
}

fn by(extension: &str) -> Errand {
    Errand::new(Payer::Extension(extension.into()), Way::Dialled)
}

fn plan(config: &Config, errand: &Errand, dialled: &str) -> Result<VecDeque<Stage>, Refusal> {
    Policy::default().plan(config, &Wanted::Number(dialled.into()), errand, now(), &mut Rng::from_seed(1))
}

fn class(config: &Config, errand: &Errand, dialled: &str) -> Result<Class, Refusal> {
    plan(config, errand, dialled).map(|stages| stages[0].goals[0].class)
}

#[test]
fn every_account_reaches_what_it_may_and_nothing_else() {
    let config = config();
    for (account, dialled, expected) in [
        ("1002", "221234567", Ok(Class::National)),
        ("1002", "+48601234567", Ok(Class::National)),
        ("1002", "0048601234567", Ok(Class::National)),
        ("1002", "1001", Ok(Class::Internal)),
        ("1002", "+4930123456", Err(Refusal::NotPermitted(Class::International))),
        ("1001", "+4930123456", Ok(Class::International)),
        ("1001", "004930123456", Ok(Class::International)),
        ("1001", "+4420123456", Err(Refusal::NotPermitted(Class::International))),
        ("1001", "701234567", Err(Refusal::NotPermitted(Class::Premium))),
        ("1004", "221234567", Err(Refusal::NotPermitted(Class::National))),
        ("1004", "112", Ok(Class::Emergency)),
        ("1002", "12345", Err(Refusal::NoSuchNumber)),
        ("1002", "22;1234567", Err(Refusal::NotANumber)),
        ("1002", "221234500", Err(Refusal::NotAPhone)),
    ] {
        assert_eq!(class(&config, &by(account), dialled), expected, "{account} dials {dialled}");
    }
}

#[test]
fn a_caller_from_a_provider_pays_for_nothing_outside() {
    let mut config = config();
    config.numbers.insert("401".into(), Destination::Trunk { trunk: "first".into(), user: "desk".into(), open: false });
    config.numbers.insert("402".into(), Destination::Trunk { trunk: "first".into(), user: "desk".into(), open: true });
    let outside = Errand::new(Payer::Trunk("first".into()), Way::Dialled);
    for (dialled, expected) in [
        ("221234567", Err(Refusal::CallersFromOutside)),
        ("112", Err(Refusal::CallersFromOutside)),
        ("401", Err(Refusal::CallersFromOutside)),
        ("402", Ok(Class::Internal)),
        ("1001", Ok(Class::Internal)),
    ] {
        assert_eq!(class(&config, &outside, dialled), expected, "{dialled}");
    }
    let flow = Errand::new(Payer::Flow("main".into()), Way::Flow);
    assert_eq!(class(&config, &flow, "221234567"), Ok(Class::National));
    assert_eq!(class(&config, &flow, "112"), Err(Refusal::CallersFromOutside));
    for way in Way::ALL {
        let sent_on = Errand::new(Payer::Extension("1001".into()), way);
        let expected = match way {
            Way::Dialled | Way::Refer | Way::Api => Ok(Class::Emergency),
            _ => Err(Refusal::NotPermitted(Class::Emergency)),
        };
        assert_eq!(class(&config, &sent_on, "112"), expected, "{way:?}");
    }
}

#[test]
fn at_night_only_the_night_s_classes_go_out() {
    let mut config = config();
    let classes = BTreeSet::from([Class::International]);
    config.outbound.night = Some(Night { from: 12 * 60, to: 13 * 60, zone: "Europe/Warsaw".into(), classes });
    assert_eq!(class(&config, &by("1002"), "221234567"), Err(Refusal::Night(Class::National)));
    assert_eq!(class(&config, &by("1001"), "+4930123456"), Ok(Class::International));
    assert_eq!(class(&config, &by("1004"), "999"), Ok(Class::Emergency));
    assert_eq!(class(&config, &by("1002"), "1001"), Ok(Class::Internal));
}

#[test]
fn trunks_are_tried_in_order_and_by_weight_within_one() {
    let places = |stages: VecDeque<Stage>| -> Vec<String> {
        let trunk = |stage: &Stage| match &stage.goals[0].place {
            Place::Trunk { trunk, .. } => trunk.to_string(),
            other => panic!("{other:?}"),
        };
        stages.iter().map(trunk).collect()
    };
    assert_eq!(plan(&config(), &by("1002"), "221234567").map(places), Ok(vec!["first".to_string(), "second".to_string()]));
    let via = [("a", 2, 1), ("b", 1, 3), ("c", 1, 1)];
    let via = via.map(|(trunk, order, weight)| Via { trunk: trunk.into(), order, weight });
    let mut rng = Rng::from_seed(7);
    let orders: Vec<Vec<Name>> = (0..1000).map(|_| judge::in_order(&via, &mut rng)).collect();
    let b_first = orders.iter().filter(|order| &*order[0] == "b").count();
    assert!(orders.iter().all(|order| order.len() == 3 && &*order[2] == "a"));
    assert!((700..800).contains(&b_first), "three of four begin with b: {b_first}");
}

/// Lets calls begin and end, and keeps their permits.
struct Desk {
    config: Config,
    policy: Policy,
}

impl Desk {
    fn new() -> Desk {
        Desk { config: config(), policy: Policy::default() }
    }

    fn call(&mut self, account: &str, dialled: &str, now: Now) -> Result<Permit, Refusal> {
        let wanted = Wanted::Number(dialled.into());
        let stages = self.policy.plan(&self.config, &wanted, &by(account), now, &mut Rng::from_seed(1))?;
        self.policy.permit(&self.config, &stages[0].goals[0], now)
    }
}

#[test]
fn an_account_has_two_calls_at_once_and_an_hour_a_day() {
    let mut desk = Desk::new();
    let first = desk.call("1002", "221234567", later(0)).expect("permitted");
    let second = desk.call("1002", "601234567", later(1)).expect("permitted");
    assert_eq!(desk.call("1002", "601234567", later(2)), Err(Refusal::TooManyCalls));
    assert_eq!(first.longest(), Some(Duration::from_secs(3600)));
    desk.policy.release(&first, Duration::from_secs(3000), later(3000));
    let third = desk.call("1002", "221234567", later(3001)).expect("ten minutes are left");
    assert_eq!(third.longest(), Some(Duration::from_secs(600)));
    desk.policy.release(&second, Duration::from_secs(700), later(3002));
    assert_eq!(desk.call("1002", "221234567", later(3003)), Err(Refusal::MinutesUsedUp));
    assert!(desk.call("1001", "221234567", later(3003)).is_ok(), "another's hour is another's");
    assert!(desk.call("1002", "221234567", later(24 * 3600)).is_ok(), "tomorrow is another day");
}

#[test]
fn an_agent_talks_as_long_as_the_day_lasts_and_an_emergency_waits_for_no_limit() {
    let mut desk = Desk::new();
    for round in 0..3 {
        let permit = desk.call("1003", "221234567", later(round * 4000)).expect("agents have no daily limit");
        assert_eq!(permit.longest(), Some(Duration::from_secs(4 * 3600)));
        desk.policy.release(&permit, Duration::from_secs(3900), later(round * 4000 + 3900));
    }
    let (first, second) = (Name::from("first"), Name::from("second"));
    for _ in 0..10 {
        let permit = desk.call("1004", "112", later(0)).expect("whatever is counted");
        assert_eq!((permit.class(), permit.longest(), permit.trunk()), (Class::Emergency, None, Some(&first)));
    }
    // One that is known to be dead comes last; when all are, each is tried all the same.
    let rescue = |desk: &mut Desk| desk.call("1004", "112", later(0)).expect("a way out").trunk().cloned();
    desk.policy.trunk_is(&first, false);
    assert_eq!(rescue(&mut desk), Some(second.clone()));
    desk.policy.trunk_rests(&second, Duration::from_secs(60), later(0));
    assert_eq!(rescue(&mut desk), Some(first.clone()));
    desk.policy.trunk_is(&first, true);
    assert_eq!(rescue(&mut desk), Some(first));
}

#[test]
fn a_trunk_has_its_limits_and_everything_returns_to_nothing() {
    let mut desk = Desk::new();
    let mut permits = Vec::new();
    for account in ["1001", "1002"] {
        permits.push(desk.call(account, "221234567", later(0)).expect("permitted"));
    }
    assert_eq!(desk.call("1003", "221234567", later(0)), Err(Refusal::TrunkTooFast));
    permits.push(desk.call("1003", "221234567", later(1)).expect("a second later"));
    assert_eq!(desk.call("1003", "221234567", later(5)), Err(Refusal::TrunkFull));
    let trunk = Name::from("first");
    for permit in &permits {
        desk.policy.release(permit, Duration::ZERO, later(10));
    }
    assert_eq!(desk.policy.trunk_view("first", later(10)).calls, 0);
    desk.policy.trunk_rests(&trunk, Duration::from_secs(30), later(10));
    assert_eq!(desk.call("1002", "221234567", later(39)), Err(Refusal::TrunkDown));
    assert!(desk.call("1002", "221234567", later(40)).is_ok());
}

#[test]
fn the_called_see_a_number_of_ours() {
    let mut desk = Desk::new();
    for (account, shown) in [("1001", "+48221234501"), ("1002", "+48221234500")] {
        let permit = desk.call(account, "601234567", later(0)).expect("permitted");
        assert_eq!(permit.caller().map(Number::as_str), Some(shown), "{account}");
    }
}

#[test]
fn a_forward_is_paid_by_who_forwards_and_never_goes_in_a_circle() {
    let mut config = config();
    let mut policy = Policy::default();
    let plan = |policy: &Policy, errand: &Errand, to: &str| {
        policy.plan(&config, &Wanted::Number(to.into()), errand, now(), &mut Rng::from_seed(1))
    };
    let forward = |to: &str| Forward { always: Some(to.into()), ..Forward::default() };
    policy.set_forward(&"1002".into(), forward("601234567"));
    let outside = Errand::new(Payer::Trunk("first".into()), Way::Dialled);
    let stages = plan(&policy, &outside, "1002").expect("1002 pays");
    let errand = stages[0].goals[0].errand();
    assert_eq!((&errand.payer, errand.way), (&Payer::Extension("1002".into()), Way::Forward));
    assert_eq!(errand.trail.iter().map(|step| (&*step.party.user, step.why)).collect::<Vec<_>>(), [("1002", Diverted::Always)]);
    policy.set_forward(&"1002".into(), forward("1001"));
    policy.set_forward(&"1001".into(), forward("1002"));
    assert_eq!(plan(&policy, &outside, "1002"), Err(Refusal::Loop));
    policy.set_forward(&"1004".into(), forward("221234567"));
    assert_eq!(
        plan(&policy, &by("1001"), "1004"),
        Err(Refusal::NotPermitted(Class::National)),
        "1004 may not, whoever calls it"
    );
    config.services.groups.insert(
        "sales".into(),
        RingGroup { members: vec!["1003".into(), "+48601234567".into()], in_turn: InTurn(true), ring: Duration::from_secs(9) },
    );
    config.numbers.insert("800".into(), Destination::Group("sales".into()));
    let stages = Policy::default().plan(&config, &Wanted::Number("800".into()), &outside, now(), &mut Rng::from_seed(1));
    let stages = stages.expect("the group pays");
    assert_eq!(stages.len(), 3, "the desk, and the mobile by two trunks");
    assert!(stages.iter().all(|stage| stage.ring == Some(Duration::from_secs(9))));
}

#[test]
fn too_many_hops_are_a_loop_that_nobody_has_seen() {
    let mut errand = by("1001");
    for hop in 0..=MAX_HOPS {
        errand = errand.onward(Payer::Extension("1001".into()), Way::Redirect, &format!("hop {hop}"), Diverted::Otherwise);
    }
    assert_eq!(plan(&config(), &errand, "1002"), Err(Refusal::TooManyHops));
}

/// What people have dialled at exchanges to make them call at somebody else's cost.
fn attacks() -> Vec<String> {
    let tails = [
        "",
        "#",
        "*",
        ";ext=1",
        ";phone-context=+44",
        "@evil.example",
        "&PJSIP/00441234567890@trunk",
        "%40evil",
        "\r\nX: y",
        " ",
        "\u{0}",
        "?Replaces=x",
        ",,,1",
        "/n",
        "$(id)",
        "'--",
    ];
    let heads = [
        "00", "+", "000", "0011", "011", "9", "90", "900", "0", "*72", "*21*", "**21*", "#31#", "00 ", "+ ", "00-", "tel:",
        "sip:",
    ];
    let numbers = ["441234567890", "8821612345678", "37091234567", "2525551234", "19005551234", "48701234567", "4870123456"];
    let mut all = Vec::new();
    for head in heads {
        for number in numbers {
            for tail in tails {
                all.push(format!("{head}{number}{tail}"));
            }
        }
    }
    all
}

#[test]
fn no_attack_string_leads_to_a_telephone_that_may_not_be_called() {
    let (config, attacks) = (config(), attacks());
    assert!(attacks.len() >= 1000, "{}", attacks.len());
    let payers = [
        Payer::Extension("1002".into()),
        Payer::Extension("1004".into()),
        Payer::Trunk("first".into()),
        Payer::Flow("main".into()),
        Payer::Group("sales".into()),
        Payer::Agent("1003".into()),
    ];
    let mut led = BTreeSet::new();
    for (attack, way) in attacks.iter().flat_map(|attack| Way::ALL.map(|way| (attack, way))) {
        for payer in &payers {
            let errand = Errand::new(payer.clone(), way);
            let Ok(stages) = plan(&config, &errand, attack) else { continue };
            for goal in stages.iter().flat_map(|stage| &stage.goals) {
                led.insert((attack.clone(), format!("{:?}", goal.place)));
            }
        }
    }
    assert_eq!(led, BTreeSet::new());
}
