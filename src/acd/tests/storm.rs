//! Long days in which everybody misbehaves in every way at once, configurations change, and the engine is written down and read
//! again in the middle. At the end everybody goes home and nothing may remain.

use super::*;
use crate::id::Rng;

const QUEUES: u32 = 5;
const AGENTS: u32 = 30;
/// Events of a long day, and the most of a short one.
const STEPS: u32 = 2500;
const SHORT_STEPS: u32 = 600;
const LONG_DAYS: u64 = 8;

struct Storm {
    house: House,
    rng: Rng,
    seconds: u64,
    joined: u64,
    /// Offers and items that were told and have no outcome yet.
    offers: BTreeMap<OfferId, ItemId>,
    items: BTreeMap<ItemId, Option<OfferId>>,
    ended: BTreeMap<String, u64>,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut rng = Rng::from_seed(seed);
        let house = House::new(any_settings(&mut rng));
        Storm { house, rng, seconds: 0, joined: 0, offers: BTreeMap::new(), items: BTreeMap::new(), ended: BTreeMap::new() }
    }

    fn step(&mut self) {
        let what = self.rng.below(100);
        self.do_step(what);
    }

    fn step_but_for_configurations(&mut self) {
        let what = self.rng.below(100);
        self.do_step(if what == 88 { 99 } else { what });
    }

    fn do_step(&mut self, what: u32) {
        let (queue, agent) = (queue_name(self.rng.below(QUEUES + 1)), agent_name(self.rng.below(AGENTS + 1)));
        let item = self.any_item();
        let offer = self.any_offer();
        let event = match what {
            0..24 => return self.join(queue),
            24..44 => Event::Answered { offer },
            44..50 => {
                let refusals = [Refusal::Busy, Refusal::Rejected, Refusal::Unreachable, Refusal::LostRace, Refusal::Cancelled];
                Event::Refused { offer, why: refusals[self.rng.below(5) as usize] }
            }
            50..62 => Event::CallEnded { item },
            62..68 => {
                let ways = [Leaving::HungUp, Leaving::Key('1'), Leaving::FlowedOut, Leaving::CallbackTaken, Leaving::EndedByUs];
                Event::Leave { item, why: ways[self.rng.below(5) as usize] }
            }
            68..70 => Event::Requeue { item, why: Lost::ConnectionLost },
            70..72 => Event::Move { item, queue },
            72..74 => Event::AgentLogin { agent },
            74 => Event::AgentLogout { agent },
            75 => Event::AgentPause { agent, reason: name("lunch") },
            76..79 => Event::AgentResume { agent },
            79 => Event::AgentReady { agent },
            80 => Event::ExtendWrapUp { agent, by: secs(self.rng.below(20).into()) },
            81..84 => Event::AgentReachable { agent },
            84 => Event::AgentUnreachable { agent },
            85 => Event::AgentBusyElsewhere { agent },
            86..88 => Event::AgentFreeElsewhere { agent },
            88 if self.rng.chance(200) => Event::Configure(Arc::new(any_settings(&mut self.rng))),
            90 => Event::Assign { item, agent },
            91 if self.rng.chance(500) => Event::ForcePause { agent, reason: name("audit") },
            91 => Event::JudgePause { agent, approved: self.rng.chance(500) },
            92 => Event::ReleaseAgent { agent },
            93 => Event::Dispose { agent, code: name("sale") },
            94 => Event::Open { queue, open: self.rng.chance(700) },
            95 => Event::Leave { item, why: Leaving::CutOff },
            89 if self.rng.chance(100) => return self.write_down(),
            _ => {
                self.seconds += u64::from(self.rng.below(12));
                let told = self.house.go_to(self.seconds);
                return self.hear(&told);
            }
        };
        // A talk that is lost waits again, and may be offered in the same breath.
        if let (Event::Requeue { .. }, Some(talks)) = (&event, self.items.get_mut(&item)) {
            *talks = None;
        }
        let told = self.house.tell(event);
        self.hear(&told);
    }

    fn join(&mut self, queue: Name) {
        self.joined += 1;
        let (item, now) = (ItemId(self.joined), self.house.now.mono);
        let (class, head_start) = (u16::from(self.rng.chance(100)), secs(self.rng.below(60).into()));
        let arrival = now - secs(self.rng.below(30).into());
        self.items.insert(item, None);
        let need = if self.rng.chance(300) { any_need(&mut self.rng) } else { Need::default() };
        let contact = self.rng.chance(500).then(|| name(&format!("+48{}", self.rng.below(40))));
        let value = u64::from(self.rng.below(20)) * 1000;
        let join = Join { class, head_start, arrival, need, contact, value, ..Join::new(item, queue, now) };
        let told = self.house.tell(Event::Join(join));
        self.hear(&told);
    }

    /// Somebody who is here, or was, or never will be.
    fn any_item(&mut self) -> ItemId {
        let nth = self.rng.below(self.items.len() as u32) as usize;
        match self.items.keys().nth(nth) {
            Some(item) if !self.rng.chance(50) => *item,
            _ => ItemId(self.rng.below(self.joined as u32 + 2).into()),
        }
    }

    fn any_offer(&mut self) -> OfferId {
        let nth = self.rng.below(self.offers.len() as u32) as usize;
        match self.offers.keys().nth(nth) {
            Some(offer) if !self.rng.chance(100) => *offer,
            _ => OfferId(self.rng.below(500).into()),
        }
    }

    fn write_down(&mut self) {
        let text = serde_json::to_string(&self.house.acd).expect("plain data");
        self.house.acd = serde_json::from_str(&text).expect("the same data");
        self.house.check();
    }

    /// Exactly one outcome for every offer and every item, and never one for a stranger.
    fn hear(&mut self, told: &[Action]) {
        for action in told {
            match action {
                Action::Offer { offer, item, .. } => {
                    assert_eq!(self.items.get(item), Some(&None), "{item:?} is offered while it talks, or after its end");
                    assert_eq!(self.offers.insert(*offer, *item), None);
                }
                Action::Withdraw { offer, .. } => assert!(self.offers.contains_key(offer), "{offer:?} is over"),
                Action::Connect { offer, item, .. } => {
                    assert_eq!(self.offers.get(offer), Some(item));
                    assert_eq!(self.items.insert(*item, Some(*offer)), Some(None), "{item:?} is connected twice");
                }
                Action::OfferEnded { offer, item, outcome, .. } => {
                    assert_eq!(self.offers.remove(offer), Some(*item), "{offer:?} ends twice");
                    *self.ended.entry(outcome.to_string()).or_default() += 1;
                }
                Action::ItemOutcome { item, outcome, .. } => {
                    let talked = self.items.remove(item).unwrap_or_else(|| panic!("{item:?} ends twice"));
                    let answered = matches!(outcome, ItemOutcome::Answered { .. });
                    assert!(
                        answered == talked.is_some() || matches!(outcome, ItemOutcome::FlowedOut(_)),
                        "{item:?} {outcome:?} {talked:?}"
                    );
                    *self.ended.entry(outcome.to_string()).or_default() += 1;
                }
                Action::AgentState { agent, .. } => {
                    let acd = &self.house.acd;
                    assert!(acd.has_agent(agent) || matches!(action, Action::AgentState { state: State::Offline, .. }));
                }
                Action::Joined { .. } | Action::Announce(_) | Action::Play { .. } => {}
                Action::AgentNoted { .. } => {}
                Action::PauseAsked { .. } | Action::PauseRefused { .. } | Action::Disposed { .. } => {}
                Action::Moved { item, .. } | Action::Returned { item, .. } => assert!(self.items.contains_key(item)),
            }
        }
    }

    fn everybody_goes_home(&mut self) {
        let items: Vec<_> = self.items.keys().copied().collect();
        for item in items {
            let told = self.house.tell(Event::Leave { item, why: Leaving::HungUp });
            self.hear(&told);
        }
        self.seconds += 10_000;
        let told = self.house.go_to(self.seconds);
        self.hear(&told);
        assert!(self.items.is_empty() && self.offers.is_empty(), "{:?} {:?}", self.items, self.offers);
        assert_eq!(self.house.acd.poll_timeout(), None, "a deadline remains");
        assert!(self.house.acd.queues().iter().all(|queue| queue.waiting + queue.talking == 0));
        let stuck = |view: &AgentView| matches!(view.state, State::Offered | State::OnCall | State::WrapUp);
        assert_eq!(self.house.acd.agents().iter().filter(|view| stuck(view)).count(), 0, "agents_stuck");
    }
}

fn queue_name(number: u32) -> Name {
    format!("q{number}").into()
}

fn agent_name(number: u32) -> Name {
    format!("a{number}").into()
}

const SKILLS: [&str; 3] = ["english", "mac", "linux"];

fn any_need(rng: &mut Rng) -> Need {
    let skill = |rng: &mut Rng| format!("{}>={}", SKILLS[rng.below(3) as usize], 1 + rng.below(6));
    let one = skill(rng);
    need(&if rng.chance(300) { format!("{one}|{}", skill(rng)) } else { one })
}

fn any_condition(rng: &mut Rng) -> Condition {
    let all = [
        "waiting > 2",
        "no_agent",
        "none_available",
        "ewt > 1m",
        "ratio > 1",
        "longest_wait > 9s",
        "closed",
        "q1.service_level < 50%",
    ];
    Condition::parse(all[rng.below(8) as usize]).expect("a condition")
}

fn any_step(rng: &mut Rng) -> Step {
    let source = |rng: &mut Rng| if rng.chance(400) { name("backup") } else { queue_name(rng.below(QUEUES)) };
    let agent = |rng: &mut Rng| Whom::Agent(agent_name(rng.below(AGENTS)));
    let whom = if rng.chance(500) { Whom::LastAgent } else { agent(rng) };
    Step {
        after: secs(rng.below(30).into()),
        when: rng.chance(400).then(|| any_condition(rng)),
        only_if: rng.chance(200).then(|| any_condition(rng)),
        need: rng.chance(300).then(|| any_need(rng)),
        prefer: rng.chance(300).then(|| Prefer { whom, hold: secs(rng.below(30).into()) }),
        add: if rng.chance(400) { vec![source(rng)] } else { Vec::new() },
        replace: if rng.chance(100) { vec![source(rng)] } else { Vec::new() },
        bump: if rng.chance(300) { secs(rng.below(40).into()) } else { Duration::ZERO },
    }
}

fn any_overflow(rng: &mut Rng) -> Overflow {
    let on = match rng.below(3) {
        0 => Trigger::After(secs(20 + u64::from(rng.below(60)))),
        1 => Trigger::Newcomers(any_condition(rng)),
        _ => Trigger::Everybody(any_condition(rng)),
    };
    let act = match rng.below(5) {
        0 => OverflowAct::Leave(Destination::Flow),
        1 => OverflowAct::Play(name("sorry")),
        2 => OverflowAct::Add(vec![name("backup")]),
        _ => OverflowAct::Move(queue_name(rng.below(QUEUES))),
    };
    Overflow { on, act }
}

/// Most of the queues and agents, in any shape.
fn any_settings(rng: &mut Rng) -> Settings {
    let strategies = [
        Strategy::LongestIdle,
        Strategy::RingAll,
        Strategy::RingInTurn,
        Strategy::Linear,
        Strategy::RoundRobin,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::BestSkill,
        Strategy::Random,
        Strategy::WeightedRandom,
    ];
    let mut all = Settings::default();
    for number in 0..QUEUES {
        let queue = Queue {
            order: strategies[rng.below(10) as usize].into(),
            ring: secs(rng.below(30).into()),
            wrap_up: secs(rng.below(15).into()),
            back_off: BackOff {
                no_answer: secs(rng.below(9).into()),
                lost_race: secs(rng.below(2).into()),
                ..BackOff::default()
            },
            max_no_answer: rng.below(4),
            weight: u16::from(rng.chance(200)),
            max_waiting: if rng.chance(300) { 4 } else { 2000 },
            max_head_start: secs(30),
            need: if rng.chance(100) { any_need(rng) } else { Need::default() },
            steps: (0..rng.below(4)).map(|_| any_step(rng)).collect(),
            overflow: (0..rng.below(3)).map(|_| any_overflow(rng)).collect(),
            announce: Announce { first: secs(rng.below(9).into()), every: secs(7), position: true, ..Announce::default() },
            head_starts: HeadStarts { value: 500, repeat_call: Some((secs(600), secs(9))), abandoned_today: secs(7) },
            ..Queue::default()
        };
        if rng.chance(850) {
            all.queues.insert(queue_name(number), queue);
        }
    }
    for number in 0..AGENTS {
        let mut queues = BTreeMap::new();
        for _ in 0..rng.below(4) {
            let delay = if rng.chance(200) { secs(rng.below(20).into()) } else { Duration::ZERO };
            let tier = u16::from(rng.chance(300));
            queues.insert(queue_name(rng.below(QUEUES)), Membership { tier, position: rng.below(AGENTS), delay, weight: 1 });
        }
        let groups = if rng.chance(300) { [(name("backup"), Membership::default())].into() } else { BTreeMap::new() };
        let skills = SKILLS.iter().filter(|_| rng.chance(600)).map(|skill| (name(skill), 1)).collect::<Skills>();
        let skills = skills.into_keys().map(|skill| (skill, 1 + rng.below(9) as u8)).collect();
        let login = [Login::Always, Login::Always, Login::ByRegistration, Login::Manual][rng.below(4) as usize];
        if rng.chance(850) {
            all.agents.insert(agent_name(number), Agent { login, queues, groups, skills });
        }
    }
    all
}

/// As many as this variable of the environment asks for, else as usual.
fn asked_for(variable: &str, usual: u64) -> u64 {
    let text = std::env::var_os(variable).map(|text| text.to_string_lossy().into_owned());
    text.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a whole number")))
}

/// Nothing but time and people decides: no conditions, whose values an event itself may change, and no chance.
fn without_conditions(mut settings: Settings) -> Settings {
    for queue in settings.queues.values_mut() {
        queue.overflow.retain(|rule| matches!(rule.on, Trigger::After(_)));
        for step in &mut queue.steps {
            (step.when, step.only_if) = (None, None);
        }
        if matches!(queue.order.then, Strategy::Random | Strategy::WeightedRandom) {
            queue.order = Strategy::LongestIdle.into();
        }
    }
    settings
}

/// `CENTRALA_STATES=100000 cargo test --release --lib storm` compares more.
#[test]
fn an_explanation_names_whom_the_dispatcher_chooses() {
    let states = asked_for("CENTRALA_STATES", 3000);
    let (mut seed, mut compared, mut asked, mut got) = (1000, 0, 0, 0);
    while compared < states {
        seed += 1;
        let mut storm = Storm::new(seed);
        let settings = without_conditions(any_settings(&mut storm.rng));
        let told = storm.house.tell(Event::Configure(Arc::new(settings)));
        storm.hear(&told);
        for _ in 0..400 {
            storm.step_but_for_configurations();
            compared += 1;
            let house = &storm.house;
            let mut copy = House { acd: house.acd.clone(), now: house.now, kept: house.kept.clone(), with_facts: false };
            if storm.rng.chance(500) {
                let (item, queue) = (ItemId(1_000_000 + compared), queue_name(storm.rng.below(QUEUES)));
                let need = if storm.rng.chance(400) { any_need(&mut storm.rng) } else { Need::default() };
                let join = Join { need, ..Join::new(item, queue, copy.now.mono) };
                let expected = copy.acd.would_ask(&join, copy.now);
                let told = copy.tell(Event::Join(join));
                let offered = told.iter().find_map(|action| match action {
                    Action::Offer { item: of, agent, .. } if *of == item => Some(agent.clone()),
                    _ => None,
                });
                let turned_away = told.iter().any(|action| matches!(action, Action::ItemOutcome { .. }));
                assert!(turned_away || offered == expected, "seed {seed}: {expected:?} and not {offered:?}");
                asked += u64::from(offered.is_some());
            } else {
                let agent = agent_name(storm.rng.below(AGENTS));
                let Some(explained) = copy.acd.explain_agent(&agent, copy.now) else { continue };
                let free = |acd: &Acd| {
                    acd.agents()
                        .iter()
                        .any(|view| view.name == agent && view.state == State::Available && view.rests_until.is_none())
                };
                let mut told = Vec::new();
                for event in [
                    Event::AgentReady { agent: agent.clone() },
                    Event::AgentFreeElsewhere { agent: agent.clone() },
                    Event::ReleaseAgent { agent: agent.clone() },
                ] {
                    told.extend(copy.tell(event));
                }
                let offered = told.iter().find_map(|action| match action {
                    Action::Offer { item, agent: whom, .. } if *whom == agent => Some(*item),
                    _ => None,
                });
                if offered.is_some() || free(&copy.acd) {
                    assert_eq!(offered, explained.would_get, "seed {seed}: {agent}");
                    got += u64::from(offered.is_some());
                }
            }
        }
    }
    println!("{compared} states: {asked} callers and {got} agents were offered what was expected");
    assert!(asked > states / 20 && got > states / 200, "{asked} {got} of {states}: too quiet");
}

/// `CENTRALA_DAYS=100000 cargo test --release --lib storm -- --nocapture` lives more of them, in some minutes: after the first few most
/// are short, as it is their number that counts.
#[test]
fn nothing_is_stuck_or_lost_on_days_when_everybody_misbehaves() {
    let mut ended: BTreeMap<String, u64> = BTreeMap::new();
    let mut steps = 0;
    let days = asked_for("CENTRALA_DAYS", LONG_DAYS);
    for seed in 0..days {
        let mut storm = Storm::new(seed);
        let long = seed < LONG_DAYS || seed % 50 == 0;
        for _ in 0..if long { STEPS } else { storm.rng.below(SHORT_STEPS) } {
            storm.step();
            steps += 1;
        }
        storm.everybody_goes_home();
        for (outcome, times) in storm.ended {
            *ended.entry(outcome).or_default() += times;
        }
    }
    println!("{days} days, {steps} events: {ended:?}");
    let every = [
        "answered",
        "no_answer",
        "busy",
        "rejected",
        "unreachable",
        "caller_gone",
        "lost_race",
        "cancelled",
        "abandoned",
        "left_by_key",
        "flowed_out",
        "callback_taken",
        "ended_by_us",
        "full",
        "no_such_queue",
    ];
    for outcome in every {
        assert!(ended.get(outcome).is_some_and(|times| *times > 10), "{outcome} was hardly tried: {ended:?}");
    }
}

#[test]
fn a_day_is_replayed_by_its_seed() {
    let run = || {
        let mut storm = Storm::new(77);
        let mut trace = String::new();
        for _ in 0..500 {
            storm.step();
            trace.push_str(&format!("{:?}{:?}", storm.offers, storm.items));
        }
        trace
    };
    assert_eq!(run(), run());
}
