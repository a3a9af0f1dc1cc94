//! Routing as the peers document it, written in our YAML: the same callers, the same agents, the times and choices that their own
//! documents give. Where we differ on purpose the test says so. And what `check` says of rules that cannot work.

use centrala::acd::{Acd, Action, Event, ItemId, Join, Need, OfferId};
use centrala::config::{Overrides, SecretRef, Sources, load};
use centrala::expression::{Declared, Type};
use centrala::fault::Fault;
use centrala::id::Name;
use centrala::time::{Duration, Moment, Now, Wall};
use std::sync::Arc;

const HEAD: &str = "lab: true\nlanguages: [en]\nlisteners: [{transport: udp, address: '127.0.0.1:5060'}]\n";

fn configured(yaml: &str) -> Result<centrala::config::Config, Vec<Fault>> {
    let sounds = [(Name::from("en"), ["hold-music", "sorry", "queue-position-1", "queue-wait-1"].map(Name::from).into())];
    let files = [("house.yaml".to_string(), format!("{HEAD}{yaml}").into_bytes())];
    let sources = Sources { files: files.into(), sounds: sounds.into(), ..Sources::default() };
    load(&sources, &Overrides::default(), &|_: &SecretRef| Ok("a secret that was made".into()))
}

/// Agents at fixed addresses, always logged in: `anna: {queues: ...}` becomes one of them.
fn house(yaml: &str) -> House {
    let yaml = yaml.replace("AT", "address: 'sip:x@127.0.0.1:7000'");
    let config = configured(&yaml)
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(|fault| format!("{fault}\n")).collect::<String>()));
    House { acd: Acd::new(config.acd.clone()), now: 0, next: 0, told: Vec::new() }
}

struct House {
    acd: Acd,
    now: u64,
    next: u64,
    told: Vec<Action>,
}

impl House {
    fn now(&self) -> Now {
        let nanos = i64::try_from(self.now * 1_000_000_000).expect("a short test");
        Now { mono: Moment::from_nanos(nanos), wall: Wall::from_unix_nanos(nanos) }
    }

    /// At this second, with every deadline before it at its own moment.
    fn at(&mut self, second: u64) -> &mut House {
        let end = Moment::from_nanos(i64::try_from(second * 1_000_000_000).expect("a short test"));
        while let Some(at) = self.acd.poll_timeout().filter(|at| *at <= end) {
            let now = Now { mono: at, wall: Wall::from_unix_nanos(at.as_nanos()) };
            self.acd.handle_timeout(now, &mut self.told);
        }
        self.now = second;
        self.acd.check_invariants(self.now()).expect("the invariants hold");
        self
    }

    fn tell(&mut self, event: Event) -> &mut House {
        self.acd.handle(event, self.now(), &mut self.told);
        self
    }

    /// Somebody comes; their number, from 1.
    fn join(&mut self, queue: &str) -> u64 {
        self.join_as(queue, |_| {})
    }

    fn join_as(&mut self, queue: &str, what: impl FnOnce(&mut Join)) -> u64 {
        self.next += 1;
        let mut join = Join::new(ItemId(self.next), queue.into(), self.now().mono);
        what(&mut join);
        self.tell(Event::Join(join));
        self.next
    }

    /// Busy with something of their own.
    fn busy(&mut self, agent: &str) -> &mut House {
        self.tell(Event::AgentBusyElsewhere { agent: agent.into() })
    }

    fn free(&mut self, agent: &str) -> &mut House {
        self.tell(Event::AgentFreeElsewhere { agent: agent.into() })
    }

    /// What was offered since the last question: "1 to anna, 2 to bob".
    fn offered(&mut self) -> String {
        let offers = self.told.drain(..).filter_map(|action| match action {
            Action::Offer { item, agent, .. } => Some(format!("{} to {agent}", item.0)),
            _ => None,
        });
        offers.collect::<Vec<_>>().join(", ")
    }

    fn answer(&mut self, offer: u64) -> &mut House {
        self.tell(Event::Answered { offer: OfferId(offer) })
    }

    fn end(&mut self, item: u64) -> &mut House {
        self.tell(Event::CallEnded { item: ItemId(item) })
    }
}

fn need(text: &str) -> Need {
    Need::compile(text, &Declared::new([("*", Type::Number)])).expect("a need")
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

/// Asterisk, queuerules.conf.sample: `penaltychange => 30,+3` opens the call to penalties up to 3 after 30 s; `60,10,5` to those from 5
/// to 10 only, after 60 s. We name the groups instead of numbering them; the caller keeps the place, as there.
#[test]
fn app_queue_rules_are_steps_that_add_and_replace() {
    let yaml = "
queues:
  support:
    steps:
      - {after: 30s, add: [penalty-1-to-3]}
      - {after: 60s, replace: [penalty-5-to-10]}
agents:
  none: {AT, queues: [support]}
  three: {AT, groups: [penalty-1-to-3]}
  seven: {AT, groups: [penalty-5-to-10]}
";
    let mut it = house(yaml);
    it.busy("none").join("support");
    it.at(29);
    assert_eq!(it.offered(), "");
    it.at(30);
    assert_eq!(it.offered(), "1 to three");
    let mut it = house(yaml);
    it.busy("none").busy("three").busy("seven").join("support");
    it.at(60).free("three").free("none");
    assert_eq!(it.offered(), "", "the minimum is 5 now");
    it.free("seven");
    assert_eq!(it.offered(), "1 to seven");
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
    for (later, first) in [(29, 2), (31, 1)] {
        let mut it = house("queues: {support: {head_start: {value: 1s, cap: 1h}}}\nagents: {anna: {AT, queues: [support]}}");
        it.busy("anna").join("support");
        it.at(later).join_as("support", |join| join.value = 30_000);
        it.free("anna");
        assert_eq!(it.offered(), format!("{first} to anna"), "{later} s later");
    }
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

/// Wazo (XiVO), skills-based routing: `rule => WT < 60, technic & ($os > 29 & $lang > 39 | $os > 39 & $lang > 19)`, then with less of
/// both until 3600 s, then `technic` alone. Levels there go to 100, here to 10.
#[test]
fn wazo_skill_rules_are_needs_that_relax() {
    let yaml = "
queues:
  tech:
    need: \"technic and ((os > 2 and lang > 3) or (os > 3 and lang > 1))\"
    steps:
      - {after: 60s, need: \"technic and ((os > 1 and lang > 3) or (os > 2 and lang > 1))\"}
      - {after: 3600s, need: technic}
agents:
  expert: {AT, queues: [tech], skills: {technic: 10, os: 3, lang: 4}}
  other: {AT, queues: [tech], skills: {technic: 10, os: 3, lang: 2}}
  new: {AT, queues: [tech], skills: {technic: 1}}
  clerk: {AT, queues: [tech], skills: {os: 10, lang: 10}}
";
    let mut it = house(yaml);
    it.join("tech");
    it.join("tech");
    assert_eq!(it.offered(), "1 to expert");
    it.at(59);
    it.told.clear();
    it.busy("expert").at(60);
    assert!(it.offered().ends_with("to other"));
    let mut it = house(yaml);
    it.busy("expert").busy("other").join("tech");
    it.at(3599);
    assert_eq!(it.offered(), "");
    it.at(3600);
    assert_eq!(it.offered(), "1 to new", "and never to the clerk, who has no technic");
}

/// Genesys, bullseye: Sales alone for the first 30 s, then Customer Service as well, after a minute Finance too.
#[test]
fn genesys_bullseye_rings_are_steps() {
    let yaml = "
queues: {sales: {steps: [{after: 30s, add: [customer-service]}, {after: 1m, add: [finance]}]}}
agents:
  seller: {AT, queues: [sales]}
  server: {AT, groups: [customer-service]}
  accountant: {AT, groups: [finance]}
";
    for (busy, offered) in [
        (vec!["seller"], vec![(29, ""), (30, "1 to server")]),
        (vec!["seller", "server"], vec![(59, ""), (60, "1 to accountant")]),
    ] {
        let mut it = house(yaml);
        for agent in &busy {
            it.busy(agent);
        }
        it.join("sales");
        for (second, expected) in offered {
            assert_eq!(it.at(second).offered(), expected, "{busy:?} at {second}");
        }
    }
}

/// Genesys, preferred agents: the account manager alone for 30 s, the deputy for the next 30, then anybody. Ours does not wait for one
/// who is not at work.
#[test]
fn genesys_preferred_agents_are_kept_for_so_long() {
    let yaml = "
queues: {sales: {steps: [{prefer: manager for 30s}, {after: 30s, prefer: deputy for 30s}]}}
agents:
  manager: {AT, queues: [sales]}
  deputy: {AT, queues: [sales]}
  other: {AT, queues: [sales]}
";
    let mut it = house(yaml);
    it.busy("manager").join("sales");
    assert_eq!(it.at(29).offered(), "");
    assert_eq!(it.at(30).offered(), "1 to deputy");
    let mut it = house(yaml);
    it.busy("manager").busy("deputy").join("sales");
    assert_eq!(it.at(59).offered(), "");
    assert_eq!(it.at(60).offered(), "1 to other");
    let mut it = house(yaml);
    it.tell(Event::AgentLogout { agent: "manager".into() }).join("sales");
    assert_eq!(it.offered().split(' ').next(), Some("1"), "nobody waits for one who has gone home");
}

/// Amazon Connect, routing by proficiency: French >= 4 and DynamoDB >= 5 for 30 s, then French >= 3 for the next 30, then less of both.
#[test]
fn connect_routing_criteria_are_steps() {
    let yaml = "
queues:
  general:
    need: \"french >= 4 and dynamodb >= 5\"
    steps:
      - {after: 30s, need: \"french >= 3 and dynamodb >= 5\"}
      - {after: 60s, need: \"french >= 3 and dynamodb >= 4\"}
agents:
  both: {AT, queues: [general], skills: {french: 4, dynamodb: 5}}
  agent1: {AT, queues: [general], skills: {french: 3, dynamodb: 5}}
  agent2: {AT, queues: [general], skills: {french: 3, dynamodb: 4}}
";
    for (busy, second, agent) in [(vec![], 0, "both"), (vec!["both"], 30, "agent1"), (vec!["both", "agent1"], 60, "agent2")] {
        let mut it = house(yaml);
        for agent in &busy {
            it.busy(agent);
        }
        it.join("general");
        if second > 0 {
            assert_eq!(it.at(second - 1).offered(), "");
        }
        assert_eq!(it.at(second).offered(), format!("1 to {agent}"));
    }
}

/// Amazon Connect, routing profiles: an agent takes from a queue with a delay only what has waited that long there.
#[test]
fn connect_delays_are_delays() {
    let mut it = house(
        "
queues: {flights: {}, hotels: {}}
agents: {anna: {AT, queues: {flights: {}, hotels: {delay: 20s}}}}
",
    );
    it.join("hotels");
    it.at(19);
    it.join("flights");
    assert_eq!(it.offered(), "2 to anna");
    it.answer(1).at(30).end(2);
    assert_eq!(it.offered(), "1 to anna");
}

/// Twilio TaskRouter: a target with a timeout, then the next; `skip_if: workers.available == 0` goes on at once when nobody is there.
#[test]
fn taskrouter_targets_are_steps_and_skip_if_is_a_condition() {
    let yaml = "
queues:
  english: {steps: [{after: 20s, add: [supervisors]}, {when: none_available, add: [bilingual]}]}
agents:
  worker: {AT, queues: [english]}
  both: {AT, groups: [bilingual]}
  boss: {AT, groups: [supervisors]}
";
    let mut it = house(yaml);
    it.busy("worker").join("english");
    assert_eq!(it.offered(), "1 to both", "skipped");
    let mut it = house(yaml);
    it.busy("worker").busy("both").join("english");
    assert_eq!(it.at(19).offered(), "");
    assert_eq!(it.at(20).offered(), "1 to boss", "timed out");
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

/// The example of the definition itself: A t=0 hs 0; B t=60 hs 0; C t=100 hs 180; D t=130 hs 60 -> C(-80) A(0) B(60) D(70).
#[test]
fn a_head_start_is_time_waited() {
    let mut it = house("queues: {support: {}}\nagents: {anna: {AT, queues: [support]}}");
    it.busy("anna");
    for (second, head_start) in [(0, 0), (60, 0), (100, 180), (130, 60)] {
        it.at(second).join_as("support", |join| join.head_start = Duration::from_secs(head_start));
    }
    let order: Vec<_> = it.acd.items("support").iter().map(|view| ["A", "B", "C", "D"][view.item.0 as usize - 1]).collect();
    assert_eq!(order, ["C", "A", "B", "D"]);
}

/// Expected wait = AHT x max(0, ahead + 1 - free) / sum of shares: 90 s until it is known, an agent of two queues counts half.
#[test]
fn the_expected_wait_is_as_defined() {
    let yaml = "
queues: {support: {}, sales: {}}
agents: {anna: {AT, queues: [support]}, bob: {AT, queues: [support, sales]}}
";
    let mut it = house(yaml);
    it.busy("anna").busy("bob");
    for _ in 0..3 {
        it.join("support");
    }
    let wait = |it: &House, item| {
        it.acd.explain_item(ItemId(item), it.now()).expect("it waits").expected_wait.map(|wait| wait.as_secs())
    };
    // 90 s x 3 / 1.5, and so on.
    assert_eq!([1, 2, 3].map(|item| wait(&it, item)), [Some(60), Some(120), Some(180)]);
    it.tell(Event::AgentPause { agent: "bob".into(), reason: "lunch".into() }).at(2);
    assert_eq!([1, 2].map(|item| wait(&it, item)), [Some(90), Some(180)]);
}

#[test]
fn a_call_s_own_need_is_asked_beside_the_queue_s() {
    let mut it = house(
        "
queues: {support: {need: \"english >= 2\"}}
agents:
  anna: {AT, queues: [support], skills: {english: 5}}
  bob: {AT, queues: [support], skills: {english: 2, mac: 3}}
",
    );
    it.join_as("support", |join| join.need = need("mac >= 3"));
    assert_eq!(it.offered(), "1 to bob");
}

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
