//! What `check` says of rules that cannot work, with the line; and every rule that can be written down.

use super::{HEAD, configured};
use std::sync::Arc;

/// What `check` says, at which line (of the part after the head), and whether it is a fault or a warning.
fn check(title: &str, yaml: &str, expected: &[(u32, &str)]) {
    let yaml = yaml.replace("AT", "address: 'sip:x@127.0.0.1:7000'");
    let faults = match configured(&yaml) {
        Ok(config) => config.warnings,
        Err(faults) => faults,
    };
    let lines = u32::try_from(HEAD.lines().count()).expect("a short head");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for (line, part) in expected {
        let here = told.iter().any(|fault| fault.contains(part) && fault.contains(&format!(":{}:", line + lines)));
        assert!(here, "{title}: nothing says `{part}` of line {line}:\n{}", told.join("\n"));
    }
    assert!(expected.is_empty() == told.is_empty(), "{title}: {told:?}");
}

#[test]
fn rules_that_cannot_work_are_told_with_their_line() {
    let agents = "agents: {anna: {AT, queues: [support], skills: {english: 5}}}\n";
    let support = |rules: &str| format!("{agents}queues:\n  support:\n    {rules}\n");
    check("all is well", &support("need: english"), &[]);
    check("an unknown skill", &support("need: \"inglish >= 4\""), &[(4, "did you mean `english`?")]);
    check("nobody meets it", &support("need: \"english >= 6\""), &[(4, "served by nobody")]);
    check(
        "a step asks too much",
        &support("steps:\n      - {after: 5s, need: \"english > 5\"}"),
        &[(5, "no agent who may be asked")],
    );
    check(
        "a step that asks for what is asked for already",
        &support("need: english >= 2\n    steps:\n      - {after: 5s, need: \"english >= 2\"}"),
        &[(6, "changes nothing: `english >= 2` is needed already")],
    );
    check(
        "and one that asks again after another",
        &support("need: english >= 2\n    steps: [{after: 5s, need: english}, {after: 9s, need: \"english >= 2\"}]"),
        &[],
    );
    check("no such mailbox", &support("overflow: [{after: 3s, voicemail: suport}]"), &[(4, "no mailbox `suport`")]);
    check("two caps", &support("max_head_start: 5m\n    head_start: {cap: 3m}"), &[(5, "one of them is written")]);
    check("an empty step", &support("steps:\n      - {after: 5s}"), &[(5, "changes nothing")]);
    check(
        "after everybody has left",
        &support("overflow: [{after: 1m, continue: true}]\n    steps:\n      - {after: 60s, bump: 5s}"),
        &[(6, "never fires: callers leave the queue after 1m")],
    );
    check(
        "what cannot be",
        &support("max_waiting: 10\n    steps:\n      - {when: waiting > 10, bump: 5s}"),
        &[(6, "never fires: `waiting > 10` cannot be")],
    );
    check(
        "closed, and never so",
        &support("overflow:\n      - {when: closed, hang_up: normal}\n    steps: [{when: support.closed, bump: 1s}]"),
        &[(5, "queue `support` is never closed without `hours: CALENDAR`"), (6, "never holds")],
    );
    let office = "calendars: {office: {zone: Europe/Warsaw, hours: {mon-fri: 08:00-16:00}}}\n";
    check(
        "closed, by hours",
        &format!("{}{office}", support("overflow: [{when: closed, hang_up: normal}]\n    hours: office")),
        &[],
    );
    check("hours of no calendar", &format!("{}{office}", support("hours: ofice")), &[(4, "did you mean `office`?")]);
    check("an unknown measure", &support("steps: [{when: wating > 3, bump: 1s}]"), &[(4, "did you mean `waiting`?")]);
    check("an unknown group", &support("steps: [{after: 3s, add: [bakcup]}]"), &[(4, "no queue and no group `bakcup`")]);
    check("an unknown agent", &support("steps: [{prefer: ana for 20s}]"), &[(4, "did you mean `anna`?")]);
    check("two things at once", &support("overflow: [{after: 3s, continue: true, hang_up: busy}]"), &[(4, "does one thing")]);
    check("no trigger", &support("overflow: [{continue: true}]"), &[(4, "either `after`")]);
    check("no such sound", &support("announce: {comfort: [sory]}"), &[(4, "did you mean `sorry`?")]);
    check("an unknown queue", &support("overflow: [{after: 3s, move: suport}]"), &[(4, "did you mean `support`?")]);
    check(
        "a circle",
        "queues:\n  a:\n    overflow:\n      - {after: 5s, move: b}\n  b:\n    overflow:\n      - {when: no_agent, move: a}\nagents: {x: {AT, queues: [a, b]}}\n",
        &[(4, "in a circle")],
    );
    check(
        "a circle of one",
        "queues:\n  a:\n    overflow: [{after: 5s, move: a}]\nagents: {x: {AT, queues: [a]}}\n",
        &[(3, "in a circle")],
    );
    check("an agent in no queue", "queues: {a: {}}\nagents:\n  x: {AT, queues: [a]}\n  y: {AT}\n", &[(4, "is in no queue")]);
    check(
        "a pause of no queue",
        &format!("{agents}queues: {{support: {{}}}}\npauses:\n  lunch: {{only_if: waiting < 3}}\n"),
        &[(4, "say of which")],
    );
    check(
        "a skill that is not declared",
        "skills: [english]\nqueues: {a: {}}\nagents:\n  x: {AT, queues: [a], skills: {inglish: 3}}\n",
        &[(4, "did you mean `english`?")],
    );
    check(
        "a group named as a queue",
        "queues: {a: {}}\nagents:\n  x: {AT, queues: [a], groups: [a]}\n",
        &[(3, "a group has another name")],
    );
}

#[test]
fn rules_that_do_not_do_what_they_look_like_are_warned_of_with_their_line() {
    // anna serves `support` after a minute, bob its group `backup` after two.
    let agents =
        "agents:\n  anna: {AT, queues: {support: {delay: 1m}}}\n  bob: {AT, queues: [sales], groups: {backup: {delay: 2m}}}\n";
    let support = |rules: &str| format!("{agents}queues:\n  sales: {{}}\n  support:\n    {rules}\n");
    let leaves = |after: &str, rest: &str| support(&format!("overflow:\n      - {{after: {after}, continue: true}}\n{rest}"));
    let left = "callers leave after 1m, before any agent takes them: the shortest `delay` is 1m";
    check("nobody is ever asked", &leaves("60s", ""), &[(8, left)]);
    check("somebody is, for a second", &leaves("61s", ""), &[]);
    let adds = "    steps: [{after: 30s, add: [sales]}]";
    check("somebody else is", &leaves("60s", adds), &[]);
    let moves = "overflow: [{after: 30s, move: sales}]";
    check("moved too early", &support(moves), &[(7, "callers leave after 30s, before any agent takes them")]);
    let late = "before these agents take any: the shortest `delay` is 2m";
    check("a step that adds them in vain", &leaves("90s", "    steps: [{add: [backup]}]"), &[(9, late)]);
    check("an overflow that does", &leaves("90s", "      - {after: 10s, add: [backup]}"), &[(9, late)]);
    check("in time", &leaves("121s", "      - {after: 10s, add: [backup]}"), &[]);
    let never = "this overflow never acts: callers leave the queue after 90s";
    check("after all have left", &leaves("90s", "      - {after: 2m, hang_up: busy}"), &[(9, never)]);
    let own = "`add: support` adds nobody";
    check("a step that adds its own queue", &support("steps: [{after: 5s, add: [support]}]"), &[(7, own)]);
    check("an overflow that does", &support("overflow: [{when: waiting > 5, add: [support]}]"), &[(7, own)]);
    let again = "steps: [{after: 5s, replace: [sales]}, {after: 90s, add: [support]}]";
    check("once others have replaced it", &support(again), &[]);
    let cap = "`bump: 6m` is more than all head starts give together here (5m)";
    check("a bump over the cap", &support("max_head_start: 5m\n    steps: [{after: 5s, bump: 6m}]"), &[(8, cap)]);
    check("a bump as high as the cap", &support("max_head_start: 6m\n    steps: [{after: 5s, bump: 6m}]"), &[]);
    let stranger = "agent `bob` does not serve queue `support`";
    check("somebody else's agent", &support("steps: [{prefer: bob for 20s}]"), &[(7, stranger)]);
    check("one who may be added", &support("steps: [{prefer: bob for 20s}, {after: 1s, add: [backup]}]"), &[]);
    check("one of the queue's own", &support("steps: [{prefer: anna for 20s}]"), &[]);
}

#[test]
fn every_rule_of_a_queue_can_be_written_down() {
    let config = configured(
        "
queues:
  support:
    strategy: [best_skill, tier, longest_idle]
    need: english
    service_level: {within: 15s, short_abandon: 3s}
    dispositions: [sale, none]
    redial: 5m
    head_start:
      value: 2s
      repeat_call: {within: 24h, add: 2m}
      abandoned_today: 1m
      cap: 10m
    announce: {first: 20s, every: 40s, say: [position, expected_wait], comfort: [sorry], comfort_first: true}
    steps:
      - {prefer: last_agent for 20s}
      - {after: 30s, when: ewt > 2m, add: [backup], only_if: support.service_level > 80%}
      - {after: 60s, need: \"\", bump: 1m}
    overflow:
      - {when: no_agent, voicemail: support}
      - {when: waiting > 50, hang_up: busy}
      - {when: longest_wait > 10m, for: newcomers, callback: true}
      - {after: 15m, play: sorry}
agents:
  anna: {address: 'sip:x@127.0.0.1:7000', queues: {support: {weight: 3}}, groups: [backup], skills: {english: 9}}
mailboxes: {support: {name: Support}}
pauses:
  lunch: {paid: false, quota: 30m}
  training: {paid: true, approval: true, only_if: support.service_level > 80%}
",
    )
    .unwrap_or_else(|faults| panic!("{faults:#?}"));
    let support = &config.acd.queues["support"];
    assert_eq!(support.order.to_string(), "best_skill, tier, longest_idle");
    assert_eq!((support.steps.len(), support.overflow.len(), support.max_head_start.as_secs()), (3, 4, 600));
    assert_eq!((config.acd.pauses.len(), config.acd.agents["anna"].skills["english"]), (2, 9));
    let written = serde_json::to_string(&config.acd).expect("plain data");
    assert_eq!(serde_json::from_str::<Arc<centrala::acd::Settings>>(&written).expect("the same data"), config.acd);
}
