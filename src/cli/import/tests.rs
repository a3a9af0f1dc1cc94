//! Whole files, as they are found in the field, and what they become: read back by the exchange's own reader.

use super::asterisk::{Converted, Files, convert};
use super::conf;
use crate::config::{self, Config, Overrides, Sources};
use crate::time::Duration;

fn converted(queues: &str, rules: &str, agents: &str) -> Converted {
    convert(&Files { queues: conf::read(queues), rules: conf::read(rules), agents: conf::read(agents) })
}

/// As the daemon would read it, with the extensions that are needed.
fn loaded(converted: &Converted) -> Config {
    let extensions: String =
        converted.extensions.iter().map(|name| format!("  \"{name}\": {{password: lab-{name}}}\n")).collect();
    let rest = format!(
        "lab: true\nlanguage: en\nlisteners:\n  - {{transport: udp, address: \"127.0.0.1:5060\"}}\nextensions:\n{extensions}"
    );
    let files = [("centrala.yaml", rest), ("queues.yaml", converted.queues.clone()), ("agents.yaml", converted.agents.clone())];
    let files = files.into_iter().map(|(name, text)| (name.to_string(), text.into_bytes())).collect();
    let spoken = ["queue-position-1", "queue-position-more", "queue-wait-1", "queue-wait-more"].map(Into::into);
    let sources = Sources { files, sounds: [("en".into(), spoken.into())].into(), ..Sources::default() };
    config::load(&sources, &Overrides::default(), &|_: &config::SecretRef| Ok("secret".into())).unwrap_or_else(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}\n{}\n{}", told.join("\n"), converted.queues, converted.agents)
    })
}

const QUEUES: &str = "
[general]
persistentmembers = yes
autofill = no
monitor-type = MixMonitor

[usual](!)
strategy = rrmemory
timeout = 15
retry = 5

[support](usual)
musicclass = default
wrapuptime = 10
servicelevel = 30
weight = 2
autopause = yes
maxlen = 25
joinempty = no
leavewhenempty = yes
announce-frequency = 60
announce-position = yes
announce-holdtime = once
defaultrule = patience
ringinuse = no
member => PJSIP/1001,0,Anna
member => SIP/1002,5,Bob,hint:1002@phones
member => Agent/1003,20
member => DAHDI/g1/48221234567

[sales](usual)
strategy = ringall
member = Local/1001@from-queue/n,1
";

#[test]
fn queues_members_and_rules_become_queues_and_agents_that_the_exchange_reads() {
    let rules = "[patience]\npenaltychange => 30,5\npenaltychange => 90,+10,2\n";
    let agents = "[agents]\nackcall = no\nagent => 1003,4321,Carol Smith\n";
    let converted = converted(QUEUES, rules, agents);
    let config = loaded(&converted);
    let support = &config.acd.queues["support"];
    assert_eq!((support.ring, support.wrap_up, support.weight), (Duration::from_secs(15), Duration::from_secs(10), 2));
    assert_eq!((support.max_no_answer, support.max_waiting), (1, 25));
    assert_eq!((support.service_level.within, support.back_off.no_answer), (Duration::from_secs(30), Duration::from_secs(5)));
    assert!(support.announce.position && !support.announce.expected_wait);
    assert_eq!(support.overflow.len(), 2);
    assert_eq!(config.acd.queues["sales"].order.then, crate::acd::Strategy::RingAll);
    let seat = |agent: &str, queue: &str| {
        let membership = &config.acd.agents[agent].queues[queue];
        (membership.tier, membership.delay.as_secs())
    };
    let seats = [seat("1001", "support"), seat("1001", "sales"), seat("1002", "support")];
    assert_eq!(seats, [(0, 0), (1, 0), (5, 30)]);
    assert_eq!(config.acd.agents["1003"].login, crate::acd::Login::Manual);
    assert!(!config.acd.agents["1003"].queues.contains_key("support"), "penalty 20 is never allowed: 5 and 10 make 15");
}

#[test]
fn a_penalty_is_a_chance_where_one_is_drawn() {
    let drawn = "[sales]\nstrategy = wrandom\nmember => PJSIP/1001,0\nmember => PJSIP/1002,4\n";
    let converted = converted(drawn, "", "");
    assert!(converted.agents.contains("{\"sales\": {weight: 100}}"), "{}", converted.agents);
    assert!(converted.agents.contains("{\"sales\": {weight: 20}}"), "{}", converted.agents);
    assert!(converted.report.iter().any(|line| line.contains("wrandom")), "{:?}", converted.report);
}

#[test]
fn what_is_not_converted_is_named_with_its_line() {
    let agents = "[agents]\nackcall = no\nagent => 1003,4321,Carol Smith\n";
    let report = converted(QUEUES, "[patience]\npenaltychange => 90,+10,2\n", agents).report;
    for (place, part) in [
        ("queues.conf:4:", "autofill"),
        ("queues.conf:5:", "monitor-type"),
        ("queues.conf:10:", "retry"),
        ("queues.conf:13:", "musicclass"),
        ("queues.conf:17:", "autopause"),
        ("queues.conf:23:", "announce-holdtime"),
        ("queues.conf:24:", "dialplan"),
        ("queues.conf:27:", "state interface"),
        ("queues.conf:29:", "DAHDI"),
        ("queues.conf:33:", "Local/1001"),
        ("queuerules.conf:2:", "raise"),
        ("agents.conf:2:", "ackcall"),
        ("agents.conf:3:", "password"),
    ] {
        let named = report.iter().any(|line| line.starts_with(place) && line.contains(part));
        assert!(named, "{place} {part}: not in\n{}", report.join("\n"));
    }
    assert!(
        !report.iter().any(|line| line.contains("persistentmembers") || line.contains("ringinuse =")),
        "as it is here anyway"
    );
    assert!(!report.iter().any(|line| line.contains("4321")), "no password is printed");
}

#[test]
fn nothing_becomes_nothing() {
    let converted = converted("", "", "");
    assert_eq!((converted.queues.as_str(), converted.agents.as_str()), ("queues: {}\n", "agents: {}\n"));
    assert!(converted.report.is_empty());
}
