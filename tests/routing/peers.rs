//! Routing as the peers document it, written in our YAML: the same callers, the same agents, the times and choices that their own
//! documents give. Where we differ on purpose the test says so.
//!
//! | peer | document |
//! |---|---|
//! | Asterisk | `configs/samples/queues.conf.sample`, `queuerules.conf.sample` of github.com/asterisk/asterisk |
//! | FreeSWITCH | developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_callcenter_1049389 |
//! | Wazo | wazo-platform.org/uc-doc/contact_center/skillbasedrouting |
//! | Genesys | community.genesys.com/discussion/bullseye-routing-question; help.mypurecloud.com/articles/specify-routing-settings |
//! | Amazon Connect | docs.aws.amazon.com/connect/latest/adminguide: set-routing-criteria, concepts-routing-profiles-priority; APIReference/API_UpdateContactRoutingData |
//! | TaskRouter | www.twilio.com/docs/taskrouter: lifecycle-task-workflows-and-assignment, worker-presence |

use super::{House, house};
use centrala::acd::{Event, ItemId};
use centrala::time::Duration;

/// Somebody waits while all of these are busy; what is offered at each second.
fn check(yaml: &str, queue: &str, busy: &[&str], expected: &[(u64, &str)]) {
    let mut it = house(yaml);
    for agent in busy {
        it.busy(agent);
    }
    it.join(queue);
    for (second, offered) in expected {
        assert_eq!(it.at(*second).offered(), *offered, "{busy:?} are busy, second {second}");
    }
}

/// Two callers of a queue with one agent, the second so much later and treated as if so much longer here: who is first.
fn first_of_two(later: u64, ahead: Duration) -> String {
    let mut it: House = house("queues: {support: {max_head_start: 1h}}\nagents: {anna: {AT, queues: [support]}}");
    it.busy("anna").join("support");
    it.at(later).join_as("support", |join| join.head_start = ahead);
    it.free("anna").offered()
}

/// Asterisk, queues.conf.sample: "members with a higher penalty are considered last"; a lower penalty that is free is asked first,
/// whatever the strategy.
#[test]
fn app_queue_penalties_are_tiers() {
    let mut it = house(
        "
queues: {support: {strategy: rrmemory}}
agents:
  p0: {AT, queues: {support: {tier: 0}}}
  p1: {AT, queues: {support: {tier: 1}}}
  p2: {AT, queues: {support: {tier: 2}}}
",
    );
    for _ in 0..3 {
        it.join("support");
    }
    assert_eq!(it.offered(), "1 to p0, 2 to p1, 3 to p2");
    it.answer(1).answer(2).answer(3).end(2).end(1);
    it.join("support");
    assert_eq!(it.offered(), "4 to p0", "the lowest penalty that is free");
}

/// Asterisk, queuerules.conf.sample, `myrule`: `penaltychange => 30,+3` opens the call to penalties up to 3 after 30 s; `60,10,5` to those
/// from 5 to 10 only, after 60 s; `75,,7` to those from 7 on, after 75 s. We name the groups instead of numbering them; the caller keeps
/// the place, as there.
#[test]
fn app_queue_rules_are_steps_that_add_and_replace() {
    let yaml = "
queues:
  support:
    steps:
      - {after: 30s, add: [penalty-1-to-3]}
      - {after: 60s, replace: [penalty-5-to-10]}
      - {after: 75s, replace: [penalty-7-to-10]}
agents:
  none: {AT, queues: [support]}
  three: {AT, groups: [penalty-1-to-3]}
  five: {AT, groups: [penalty-5-to-10]}
  seven: {AT, groups: [penalty-7-to-10]}
";
    check(yaml, "support", &["none"], &[(29, ""), (30, "1 to three")]);
    check(yaml, "support", &["none", "three"], &[(59, ""), (60, "1 to five")]);
    check(yaml, "support", &["none", "three", "five"], &[(74, ""), (75, "1 to seven")]);
    let mut it = house(yaml);
    it.busy("none").busy("three").busy("five").busy("seven").join("support");
    it.at(60).free("three").free("none");
    assert_eq!(it.offered(), "", "the minimum is 5 now");
    it.at(75).free("five");
    assert_eq!(it.offered(), "", "and now it is 7");
    it.free("seven");
    assert_eq!(it.offered(), "1 to seven");
}

/// Asterisk, queuerules.conf.sample, QUEUE_RAISE_PENALTY: with `penaltychange => 30,,,2` agent 1 (penalty 1) goes before agent 2 (penalty
/// 2) until the 30th second; after it both are treated equally.
#[test]
fn app_queue_raise_penalty_is_a_group_of_equals() {
    for (delay, second, agent) in [("29s", 29, "agent1"), ("1h", 30, "agent2")] {
        // Both may take the call from the same moment on; agent 2 was idle for longer.
        let mut it = house(&format!(
            "
queues: {{support: {{steps: [{{after: 30s, replace: [equals]}}]}}}}
agents:
  agent1: {{AT, queues: {{support: {{tier: 1, delay: {delay}}}}}, groups: {{equals: {{tier: 2}}}}}}
  agent2: {{AT, queues: {{support: {{tier: 2, delay: {delay}}}}}, groups: {{equals: {{tier: 2}}}}}}
"
        ));
        let before = it.join("support");
        it.tell(Event::Assign { item: ItemId(before), agent: "agent1".into() }).answer(1).at(1).end(before);
        it.told.clear();
        it.join("support");
        assert_eq!(it.at(1 + second).offered(), format!("2 to {agent}"));
    }
}

/// Asterisk, queues.conf.sample: a queue with more `weight` has its callers delivered first where members are shared.
#[test]
fn app_queue_weight_is_a_class() {
    let mut it = house(
        "
queues: {support: {}, sales: {weight: 1}}
agents: {anna: {AT, queues: [support, sales]}}
",
    );
    it.busy("anna").join("support");
    it.at(100).join("sales");
    it.free("anna");
    assert_eq!(it.offered(), "2 to anna");
}

/// FreeSWITCH, mod_callcenter: "a caller's score increases by 1 for every second he waits. You can add a base score". With 30 more,
/// who comes 29 s later is first, and who comes 31 s later is not.
#[test]
fn mod_callcenter_base_scores_are_head_starts() {
    let ahead = Duration::from_secs(30);
    assert_eq!([29, 31].map(|later| first_of_two(later, ahead)), ["2 to anna", "1 to anna"]);
}

/// FreeSWITCH, mod_callcenter with `tier-rules-apply=true, tier-rule-wait-second=300`: the second tier takes a caller who has waited
/// 300 s. Here each agent's wait is written out instead of multiplied; `tier-rule-no-agent-no-wait` is a step.
#[test]
fn mod_callcenter_tiers_wait() {
    let yaml = "
queues:
  support: {strategy: longest-idle-agent, steps: [{when: no_agent, add: [second-tier]}]}
agents:
  first: {AT, queues: {support: {tier: 1}}}
  second: {AT, queues: {support: {tier: 2, delay: 300s}}, groups: [second-tier]}
";
    let mut it = house(yaml);
    it.busy("first").join("support");
    it.at(299);
    assert_eq!(it.offered(), "");
    it.at(300);
    assert_eq!(it.offered(), "1 to second");
    let mut it = house(yaml);
    it.busy("first").busy("second").join("support");
    it.tell(Event::AgentLogout { agent: "first".into() }).free("second");
    assert_eq!(it.offered(), "", "one of the queue is there: it waits");
    it.tell(Event::AgentLogout { agent: "second".into() });
    it.tell(Event::AgentLogin { agent: "second".into() });
    // There the level's wait applies again once somebody is back; here a step that has begun stays.
    assert_eq!(it.offered(), "1 to second");
}

/// Wazo, the rules `[tech]`: `WT < 60, technic & ($os > 29 & $lang > 39 | $os > 39 & $lang > 19)`; `WT < 120, technic & ($os > 19 & $lang > 39 |
/// $os > 29 & $lang > 19)`; `WT < 3600, technic & $os > 10 & $lang > 19`; `technic`. Weights there go to 100, here levels to 10.
#[test]
fn wazo_skill_rules_are_needs_that_relax() {
    let yaml = "
queues:
  tech:
    need: \"technic and ((os > 2 and lang > 3) or (os > 3 and lang > 1))\"
    steps:
      - {after: 60s, need: \"technic and ((os > 1 and lang > 3) or (os > 2 and lang > 1))\"}
      - {after: 120s, need: \"technic and os > 1 and lang > 1\"}
      - {after: 3600s, need: technic}
agents:
  expert: {AT, queues: [tech], skills: {technic: 10, os: 3, lang: 4}}
  other: {AT, queues: [tech], skills: {technic: 10, os: 3, lang: 2}}
  fair: {AT, queues: [tech], skills: {technic: 10, os: 2, lang: 2}}
  new: {AT, queues: [tech], skills: {technic: 1}}
  clerk: {AT, queues: [tech], skills: {os: 10, lang: 10}}
";
    check(yaml, "tech", &[], &[(0, "1 to expert")]);
    check(yaml, "tech", &["expert"], &[(59, ""), (60, "1 to other")]);
    check(yaml, "tech", &["expert", "other"], &[(119, ""), (120, "1 to fair")]);
    // And never to the clerk, who has no `technic`.
    check(yaml, "tech", &["expert", "other", "fair"], &[(3599, ""), (3600, "1 to new")]);
}

/// Wazo, the rules `[client-standard]`: `technic = 0 & (sympathy > 20 | linux > 10 & windows > 10)`. There a skill that one lacks is 0;
/// here one who lacks it fails every comparison, so it is asked for by `not`.
#[test]
fn wazo_skills_that_one_lacks_are_asked_for_by_not() {
    let queues = "queues: {clients: {need: \"not technic and (sympathy > 2 or (linux > 1 and windows > 1))\"}}\n";
    for (skills, expected) in [
        ("{sympathy: 3}", "1 to one"),
        ("{sympathy: 2}", ""),
        ("{linux: 2, windows: 2}", "1 to one"),
        ("{linux: 2, windows: 1}", ""),
        ("{sympathy: 9, technic: 1}", ""),
    ] {
        // The two who are busy have each skill between them, so that the need is understood and can be met.
        let all = format!(
            "{queues}agents:\n  away: {{AT, queues: [clients], skills: {{sympathy: 9, linux: 9, windows: 9}}}}\n  other: {{AT, queues: [clients], skills: {{technic: 9}}}}\n  one: {{AT, queues: [clients], skills: {skills}}}\n"
        );
        check(&all, "clients", &["away", "other"], &[(0, expected)]);
    }
}

/// Wazo, the rules `[client-request]`: `EWT < 120, technic = 0 & (sympathy > 60)`; `technic = 0`. While the wait that is expected is short,
/// the caller waits for somebody friendly. Ours is the wait of the whole queue, there of those who meet the rule.
#[test]
fn wazo_expected_wait_is_a_condition_of_a_step() {
    let yaml = "
queues: {clients: {need: \"not technic and sympathy > 6\", steps: [{when: ewt >= 2m, need: \"not technic\"}]}}
agents:
  friendly: {AT, queues: [clients], skills: {sympathy: 7}}
  sober: {AT, queues: [clients], skills: {sympathy: 5}}
  technician: {AT, queues: [clients], skills: {technic: 9, sympathy: 9}}
";
    let mut it = house(yaml);
    it.busy("friendly").busy("technician").join("clients");
    assert_eq!(it.offered(), "", "90 s for each, and two agents: it is soon the caller's turn");
    for _ in 0..5 {
        it.join("clients");
    }
    assert_eq!(it.at(2).offered(), "1 to sober", "now it would take too long");
}

/// Genesys, bullseye (case 2 of the thread): Sales alone for the first 30 s, then Customer Service as well, after a minute Finance too.
#[test]
fn genesys_bullseye_rings_are_steps() {
    let yaml = "
queues: {sales: {steps: [{after: 30s, add: [customer-service]}, {after: 1m, add: [finance]}]}}
agents:
  seller: {AT, queues: [sales]}
  server: {AT, groups: [customer-service]}
  accountant: {AT, groups: [finance]}
";
    check(yaml, "sales", &[], &[(0, "1 to seller")]);
    check(yaml, "sales", &["seller"], &[(29, ""), (30, "1 to server")]);
    check(yaml, "sales", &["seller", "server"], &[(59, ""), (60, "1 to accountant")]);
}

/// Genesys, bullseye with skills to remove on ring exit: the ring is left after 90 s, and a skill is asked for no more.
#[test]
fn genesys_skills_are_removed_as_a_ring_is_left() {
    let yaml = "
queues: {sales: {need: \"spanish and product\", steps: [{after: 90s, need: spanish}]}}
agents:
  expert: {AT, queues: [sales], skills: {spanish: 5, product: 5}}
  speaker: {AT, queues: [sales], skills: {spanish: 1}}
";
    check(yaml, "sales", &["expert"], &[(89, ""), (90, "1 to speaker")]);
}

/// Genesys, preferred agents (case 1 of the thread): a score above 90 for 30 s, above 70 for 30 s, above 50 for 30 s, then anybody. Each
/// ring holds those of the ones before it.
#[test]
fn genesys_scores_of_preferred_agents_are_groups() {
    let yaml = "
queues:
  sales:
    steps:
      - {replace: [manager]}
      - {after: 30s, add: [secondary]}
      - {after: 60s, add: [team]}
      - {after: 90s, add: [sales]}
agents:
  manager: {AT, queues: [sales], groups: [manager]}
  secondary: {AT, queues: [sales], groups: [secondary]}
  member: {AT, queues: [sales], groups: [team]}
  other: {AT, queues: [sales]}
";
    check(yaml, "sales", &[], &[(0, "1 to manager")]);
    check(yaml, "sales", &["manager"], &[(29, ""), (30, "1 to secondary")]);
    check(yaml, "sales", &["manager", "secondary"], &[(59, ""), (60, "1 to member")]);
    check(yaml, "sales", &["manager", "secondary", "member"], &[(89, ""), (90, "1 to other")]);
    let mut it = house(yaml);
    it.busy("manager").busy("secondary").join("sales");
    it.at(45).free("manager");
    assert_eq!(it.offered(), "1 to manager", "who was asked first may still have it");
}

/// Genesys, the conversation score: minutes of waiting and the priority together, so that five minutes with a priority of 10 are 15.
#[test]
fn genesys_priority_is_minutes_of_head_start() {
    let ahead = Duration::from_secs(600);
    assert_eq!([599, 601].map(|later| first_of_two(later, ahead)), ["2 to anna", "1 to anna"]);
}

/// The same by `prefer`, which keeps the caller for one alone: the manager for 30 s, the deputy for the next 30, then anybody. Ours does
/// not wait for one who is not at work.
#[test]
fn preferred_agents_are_kept_for_so_long_and_only_while_they_are_there() {
    let yaml = "
queues: {sales: {steps: [{prefer: manager for 30s}, {after: 30s, prefer: deputy for 30s}]}}
agents:
  manager: {AT, queues: [sales]}
  deputy: {AT, queues: [sales]}
  other: {AT, queues: [sales]}
";
    check(yaml, "sales", &["manager"], &[(29, ""), (30, "1 to deputy")]);
    check(yaml, "sales", &["manager", "deputy"], &[(59, ""), (60, "1 to other")]);
    let mut it = house(yaml);
    it.tell(Event::AgentLogout { agent: "manager".into() }).join("sales");
    assert_eq!(it.offered().split(' ').next(), Some("1"), "nobody waits for one who has gone home");
}

/// Amazon Connect, routing criteria: each step holds until it expires, then the next (`Language:English >= 4 AND Technology:AWS Kinesis >= 2`,
/// here for 30 s, then less of both for the next 30); "when all steps are exhausted, the contact will be offered to any agent in the queue".
#[test]
fn connect_routing_criteria_are_steps() {
    let yaml = "
queues:
  general:
    need: \"english >= 4 and kinesis >= 2\"
    steps:
      - {after: 30s, need: \"english >= 3 and kinesis >= 1\"}
      - {after: 60s, need: \"\"}
agents:
  both: {AT, queues: [general], skills: {english: 4, kinesis: 2}}
  less: {AT, queues: [general], skills: {english: 3, kinesis: 1}}
  any: {AT, queues: [general]}
";
    check(yaml, "general", &[], &[(0, "1 to both")]);
    check(yaml, "general", &["both"], &[(29, ""), (30, "1 to less")]);
    check(yaml, "general", &["both", "less"], &[(59, ""), (60, "1 to any")]);
}

/// Amazon Connect, queue priority and delay, example 1: Sales has priority 1 and Support 2, both without a delay. Support is presented
/// when there is nobody in Sales.
#[test]
fn connect_priorities_are_weights() {
    let mut it = house("queues: {sales: {weight: 1}, support: {}}\nagents: {anna: {AT, queues: [sales, support]}}");
    it.busy("anna").join("support");
    it.at(500).join("sales");
    assert_eq!(it.free("anna").offered(), "2 to anna");
    assert_eq!(it.answer(1).end(2).offered(), "1 to anna");
}

/// Amazon Connect, queue priority and delay, example 2: both have priority 1, Support a delay of 30 s. Contacts of Sales go first; one of
/// Support that has aged past 30 s counts as one of Sales.
#[test]
fn connect_delays_are_delays() {
    let yaml = "queues: {sales: {}, support: {}}\nagents: {anna: {AT, queues: {sales: {}, support: {delay: 30s}}}}";
    check(yaml, "support", &[], &[(29, ""), (30, "1 to anna")]);
    let mut it = house(yaml);
    it.join("support");
    it.at(29).join("sales");
    assert_eq!(it.offered(), "2 to anna");
    let mut it = house(yaml);
    it.busy("anna").join("support");
    it.at(10).join("sales");
    assert_eq!(it.at(30).free("anna").offered(), "1 to anna", "past its delay the older one goes first");
}

/// Amazon Connect, UpdateContactRoutingData: QueueTimeAdjustmentSeconds makes a contact look older in the order, and changes nothing of the
/// wait that is reported.
#[test]
fn connect_routing_age_is_a_head_start() {
    let ahead = Duration::from_secs(90);
    assert_eq!([89, 91].map(|later| first_of_two(later, ahead)), ["2 to anna", "1 to anna"]);
    let mut it = house("queues: {support: {}}\nagents: {anna: {AT, queues: [support]}}");
    it.busy("anna").join_as("support", |join| join.head_start = ahead);
    it.at(5);
    let explained = it.acd.explain_item(ItemId(1), it.now()).expect("it waits");
    assert_eq!((explained.waited.as_secs(), explained.head_start), (5, ahead));
}

/// TaskRouter, the workflow of "Lifecycle of a Task": for 15 s only `worker.id IN task.preferred_agents`, for another 15 s anybody of
/// Support, and then the default, Everyone.
#[test]
fn taskrouter_targets_are_steps() {
    let yaml = "
queues: {support: {steps: [{replace: [preferred]}, {after: 15s, add: [support]}, {after: 30s, add: [everyone]}]}}
agents:
  preferred: {AT, queues: [support], groups: [preferred]}
  worker: {AT, queues: [support]}
  somebody: {AT, groups: [everyone]}
";
    check(yaml, "support", &[], &[(0, "1 to preferred")]);
    check(yaml, "support", &["preferred"], &[(14, ""), (15, "1 to worker")]);
    check(yaml, "support", &["preferred", "worker"], &[(29, ""), (30, "1 to somebody")]);
}

/// TaskRouter, "Skipping based on Worker availability": `skip_if: workers.available == 0` goes on at once when nobody is there; a step that
/// was skipped to stays, as there.
#[test]
fn taskrouter_skip_if_is_a_condition() {
    let yaml = "
queues: {english: {steps: [{after: 20s, add: [supervisors]}, {when: none_available, add: [bilingual]}]}}
agents:
  worker: {AT, queues: [english]}
  both: {AT, groups: [bilingual]}
  boss: {AT, groups: [supervisors]}
";
    check(yaml, "english", &[], &[(0, "1 to worker")]);
    check(yaml, "english", &["worker"], &[(0, "1 to both")]);
    check(yaml, "english", &["worker", "both"], &[(19, ""), (20, "1 to boss")]);
}

/// TaskRouter's `order_by`, Connect's and Genesys's best available skill: who is best at what is needed.
#[test]
fn the_most_skilled_go_first_where_that_is_asked() {
    let mut it = house(
        "
queues: {support: {strategy: best_skill, need: mac}}
agents:
  good: {AT, queues: [support], skills: {mac: 5}}
  best: {AT, queues: [support], skills: {mac: 9}}
  fair: {AT, queues: [support], skills: {mac: 2}}
",
    );
    for _ in 0..3 {
        it.join("support");
    }
    assert_eq!(it.offered(), "1 to best, 2 to good, 3 to fair");
}
