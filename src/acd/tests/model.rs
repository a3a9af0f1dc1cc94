//! A second engine, written as one would write it without thinking of speed: it scans everybody for every decision. It walks
//! beside the real one and must say the same.

use super::*;
use crate::acd::lease::EndedBy;
use proptest::prelude::{Just, ProptestConfig, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

/// The engine by scanning. Its configuration never changes.
struct Naive {
    settings: Settings,
    now: Moment,
    agents: BTreeMap<Name, Person>,
    callers: BTreeMap<u64, Caller>,
    rings: BTreeMap<u64, Ring>,
    /// By queue: place in the list and name of whoever was asked last.
    asked_last: BTreeMap<Name, (u32, Name)>,
    made: u64,
    joins: u64,
    told: Vec<String>,
}

struct Person {
    login: Option<Moment>,
    logged_in: Duration,
    reachable: bool,
    pause: Option<Name>,
    own_call: bool,
    rest_until: Option<Moment>,
    wrap_up_until: Option<Moment>,
    idle_since: Moment,
    calls: u64,
    talked: Duration,
    silent: u32,
    shown: String,
}

struct Caller {
    queue: Name,
    class: u32,
    arrival: Moment,
    head_start: Duration,
    sequence: u64,
    joined: Moment,
    talks: Option<(Name, Moment)>,
}

struct Ring {
    item: u64,
    queue: Name,
    agent: Name,
    deadline: Moment,
}

impl Naive {
    fn new(settings: Settings) -> Naive {
        let person = |agent: &Agent| {
            let always = agent.login == Login::Always;
            Person {
                login: always.then_some(Moment::ZERO),
                logged_in: Duration::ZERO,
                reachable: always,
                pause: None,
                own_call: false,
                rest_until: None,
                wrap_up_until: None,
                idle_since: Moment::ZERO,
                calls: 0,
                talked: Duration::ZERO,
                silent: 0,
                shown: if always { "available" } else { "offline" }.into(),
            }
        };
        let agents = settings.agents.iter().map(|(name, agent)| (name.clone(), person(agent))).collect();
        Naive {
            settings,
            now: Moment::ZERO,
            agents,
            callers: BTreeMap::new(),
            rings: BTreeMap::new(),
            asked_last: BTreeMap::new(),
            made: 0,
            joins: 0,
            told: Vec::new(),
        }
    }

    fn rings_at(&self, agent: &str) -> Option<u64> {
        self.rings.iter().find(|(_, ring)| &*ring.agent == agent).map(|(id, _)| *id)
    }

    fn talks(&self, agent: &str) -> bool {
        self.callers.values().any(|caller| matches!(&caller.talks, Some((name, _)) if &**name == agent))
    }

    fn is_free(&self, agent: &str) -> bool {
        let person = &self.agents[agent];
        let over = |until: Option<Moment>| until.is_none_or(|until| until <= self.now);
        let here = person.login.is_some() && person.reachable && person.pause.is_none() && !person.own_call;
        here && over(person.rest_until) && over(person.wrap_up_until) && self.rings_at(agent).is_none() && !self.talks(agent)
    }

    fn may_take(&self, agent: &str, item: u64) -> bool {
        let caller = &self.callers[&item];
        let most = if self.settings.queues[&caller.queue].order.then == Strategy::RingAll { RING_ALL_AT_ONCE } else { 1 };
        let rings = self.rings.values().filter(|ring| ring.item == item).count();
        let post = self.settings.agents[agent].queues.get(&caller.queue);
        let serves = post.is_some_and(|post| caller.joined + post.delay <= self.now);
        caller.talks.is_none() && rings < most && serves && self.is_free(agent)
    }

    fn key(&self, item: u64) -> impl Ord + use<> {
        let caller = &self.callers[&item];
        let queue = &self.settings.queues[&caller.queue];
        let head_start = caller.head_start.min(queue.max_head_start);
        (std::cmp::Reverse(caller.class + u32::from(queue.weight)), caller.arrival - head_start, caller.sequence)
    }

    /// Smaller is asked first.
    fn order(&self, agent: &Name, queue: &Name) -> impl Ord + use<> {
        let (person, post) = (&self.agents[agent], &self.settings.agents[agent].queues[queue]);
        let rate = |amount: u128| {
            let logged_in = person.logged_in + self.now.since(person.login.expect("logged in"));
            amount * 3_600_000_000_000 * 1_000_000 / logged_in.as_nanos().max(60_000_000_000)
        };
        let idle = person.idle_since.as_nanos();
        let (wrapped, measure, idle) = match self.settings.queues[queue].order.then {
            Strategy::LongestIdle | Strategy::RingAll => (false, 0, idle),
            Strategy::Linear => (false, u128::from(post.position), 0),
            Strategy::RoundRobin => {
                let wrapped = self.asked_last.get(queue).is_some_and(|last| (post.position, agent.clone()) <= *last);
                (wrapped, u128::from(post.position), 0)
            }
            Strategy::FewestCalls => (false, rate(u128::from(person.calls)), idle),
            Strategy::LeastTalk => (false, rate(person.talked.as_millis()), idle),
            other => unreachable!("{other:?} is not modelled"),
        };
        (post.tier, wrapped, measure, idle, post.position, agent.clone())
    }

    /// The first caller whom anybody may take, the best of those; again until there is none.
    fn settle(&mut self) {
        loop {
            let mut waiting: Vec<u64> = self.callers.keys().copied().collect();
            waiting.sort_by_key(|item| self.key(*item));
            let who = |item: &u64| {
                let queue = &self.callers[item].queue;
                let takers = self.agents.keys().filter(|agent| self.may_take(agent, *item));
                takers.min_by_key(|agent| self.order(agent, queue)).cloned()
            };
            let Some((item, agent)) = waiting.iter().find_map(|item| Some((*item, who(item)?))) else { break };
            self.made += 1;
            let queue = self.callers[&item].queue.clone();
            self.asked_last.insert(queue.clone(), (self.settings.agents[&agent].queues[&queue].position, agent.clone()));
            self.told.push(format!("offer {} of {item} to {agent}", self.made));
            let deadline = self.now + self.settings.queues[&queue].ring;
            self.rings.insert(self.made, Ring { item, queue, agent, deadline });
        }
        let states: Vec<_> = self.agents.keys().map(|agent| (agent.clone(), self.state(agent))).collect();
        for (agent, state) in states {
            let person = self.agents.get_mut(&agent).expect("known");
            if person.shown != state {
                self.told.push(format!("{agent} {state}"));
                person.shown = state;
            }
        }
    }

    fn state(&self, agent: &str) -> String {
        let person = &self.agents[agent];
        if self.talks(agent) {
            "on_call".into()
        } else if self.rings_at(agent).is_some() {
            "offered".into()
        } else if person.login.is_none() || !person.reachable {
            "offline".into()
        } else if person.wrap_up_until.is_some_and(|until| until > self.now) {
            "wrap_up".into()
        } else if let Some(reason) = &person.pause {
            format!("paused ({reason})")
        } else if person.own_call {
            "busy".into()
        } else {
            "available".into()
        }
    }

    fn end_ring(&mut self, id: u64, outcome: OfferOutcome, by: EndedBy) {
        let Some(ring) = self.rings.remove(&id) else { return };
        if by != EndedBy::Phone {
            self.told.push(format!("withdraw {id} {outcome}"));
        }
        self.told.push(format!("{id} was {outcome}"));
        let queue = &self.settings.queues[&ring.queue];
        let rest = match by {
            EndedBy::Phone | EndedBy::Deadline => queue.back_off.after(outcome).max(MIN_BACK_OFF),
            EndedBy::Engine => queue.back_off.after(outcome),
            EndedBy::AgentState => Duration::ZERO,
        };
        let person = self.agents.get_mut(&ring.agent).expect("known");
        person.idle_since = self.now;
        person.rest_until = Some(self.now + rest);
        if outcome == OfferOutcome::NoAnswer {
            person.silent += 1;
            if queue.max_no_answer > 0 && person.silent >= queue.max_no_answer && person.pause.is_none() {
                person.pause = Some(NO_ANSWER_PAUSE.into());
            }
        }
    }

    fn end_rings_of(&mut self, item: u64, outcome: OfferOutcome) {
        let rings: Vec<u64> = self.rings.iter().filter(|(_, ring)| ring.item == item).map(|(id, _)| *id).collect();
        rings.into_iter().for_each(|id| self.end_ring(id, outcome, EndedBy::Engine));
    }

    fn end_ring_at(&mut self, agent: &str, outcome: OfferOutcome) {
        if let Some(id) = self.rings_at(agent) {
            self.end_ring(id, outcome, EndedBy::AgentState);
        }
    }

    /// True when the caller talked.
    fn end_talk(&mut self, item: u64, lost: bool) -> bool {
        let Some(caller) = self.callers.get_mut(&item) else { return false };
        let Some((agent, since)) = caller.talks.take() else { return false };
        let queue = &self.settings.queues[&caller.queue];
        let person = self.agents.get_mut(&agent).expect("known");
        person.calls += 1;
        person.talked += self.now.since(since);
        person.idle_since = self.now;
        if lost {
            let talked = self.now.since(since).as_secs();
            self.told.push(format!("{item} returned {} from {agent} after {talked}", caller.queue));
            person.rest_until = Some(self.now + queue.back_off.unreachable.max(MIN_BACK_OFF));
        } else if person.login.is_some() {
            person.wrap_up_until = Some(self.now + queue.wrap_up);
        }
        true
    }

    fn log_out(&mut self, agent: &str) {
        let now = self.now;
        let person = self.agents.get_mut(agent).expect("known");
        person.wrap_up_until = None;
        if let Some(since) = person.login.take() {
            person.logged_in += now.since(since);
        }
    }

    fn log_in(&mut self, agent: &str) {
        let now = self.now;
        let person = self.agents.get_mut(agent).expect("known");
        if person.login.is_none() {
            person.login = Some(now);
            person.idle_since = now;
        }
    }

    fn waiting_in(&self, queue: &str) -> usize {
        self.callers.values().filter(|caller| &*caller.queue == queue && caller.talks.is_none()).count()
    }

    fn hear(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::Join(join) if self.callers.contains_key(&join.item.0) => {}
            Event::Join(join) if self.waiting_in(&join.queue) >= self.settings.queues[&join.queue].max_waiting => {
                self.told.push(format!("{} full", join.item.0));
            }
            Event::Join(join) => {
                self.joins += 1;
                let caller = Caller {
                    queue: join.queue.clone(),
                    class: join.class.into(),
                    arrival: join.arrival,
                    head_start: join.head_start,
                    sequence: self.joins,
                    joined: now,
                    talks: None,
                };
                self.callers.insert(join.item.0, caller);
            }
            Event::Leave { item, why } => match self.callers.get(&item.0).map(|caller| caller.talks.is_some()) {
                Some(true) => self.hear(&Event::CallEnded { item: *item }),
                Some(false) => {
                    self.end_rings_of(item.0, OfferOutcome::CallerGone);
                    self.callers.remove(&item.0);
                    self.told.push(format!("{} {}", item.0, ItemOutcome::from(*why)));
                }
                None => {}
            },
            Event::Move { item, queue } => {
                let full = self.waiting_in(queue) >= self.settings.queues[queue].max_waiting;
                let Some(caller) = self.callers.get_mut(&item.0) else { return };
                if !full && caller.talks.is_none() && caller.queue != *queue {
                    let from = std::mem::replace(&mut caller.queue, queue.clone());
                    caller.joined = now;
                    self.end_rings_of(item.0, OfferOutcome::Cancelled);
                    self.told.push(format!("{} moved {from} {queue}", item.0));
                }
            }
            Event::CallEnded { item } => {
                if self.end_talk(item.0, false) {
                    self.callers.remove(&item.0);
                    self.told.push(format!("{} answered", item.0));
                }
            }
            Event::Requeue { item, .. } => drop(self.end_talk(item.0, true)),
            Event::Answered { offer } => {
                let Some(ring) = self.rings.remove(&offer.0) else { return };
                self.agents.get_mut(&ring.agent).expect("known").silent = 0;
                self.told.push(format!("connect {} {}", ring.item, ring.agent));
                self.told.push(format!("{} was answered", offer.0));
                self.callers.get_mut(&ring.item).expect("waits").talks = Some((ring.agent, now));
                self.end_rings_of(ring.item, OfferOutcome::LostRace);
            }
            Event::Refused { offer, why } => self.end_ring(offer.0, (*why).into(), EndedBy::Phone),
            Event::AgentLogin { agent } => {
                self.log_in(agent);
                let person = self.agents.get_mut(agent).expect("known");
                person.silent = 0;
                person.pause = person.pause.take().filter(|reason| &**reason != NO_ANSWER_PAUSE);
            }
            Event::AgentLogout { agent } => {
                self.log_out(agent);
                self.end_ring_at(agent, OfferOutcome::Cancelled);
            }
            Event::AgentPause { agent, reason } => {
                self.agents.get_mut(agent).expect("known").pause = Some(reason.clone());
                self.end_ring_at(agent, OfferOutcome::Cancelled);
            }
            Event::AgentResume { agent } => {
                let person = self.agents.get_mut(agent).expect("known");
                if person.pause.take().is_some() {
                    person.silent = 0;
                    person.rest_until = None;
                }
            }
            Event::AgentReady { agent } => self.agents.get_mut(agent).expect("known").wrap_up_until = None,
            Event::ExtendWrapUp { agent, by } => {
                let person = self.agents.get_mut(agent).expect("known");
                person.wrap_up_until = person.wrap_up_until.filter(|until| *until > now).map(|until| until + *by);
            }
            Event::AgentReachable { agent } => {
                let policy = self.settings.agents[agent].login;
                let person = self.agents.get_mut(agent).expect("known");
                if !std::mem::replace(&mut person.reachable, true) {
                    person.rest_until = None;
                    if policy == Login::ByRegistration {
                        self.log_in(agent);
                    }
                }
            }
            Event::AgentUnreachable { agent } => {
                let policy = self.settings.agents[agent].login;
                if policy == Login::Always {
                    return;
                }
                if policy == Login::ByRegistration {
                    self.log_out(agent);
                }
                self.agents.get_mut(agent).expect("known").reachable = false;
                self.end_ring_at(agent, OfferOutcome::Unreachable);
            }
            Event::AgentBusyElsewhere { agent } => {
                self.agents.get_mut(agent).expect("known").own_call = true;
                self.end_ring_at(agent, OfferOutcome::Busy);
            }
            Event::AgentFreeElsewhere { agent } => self.agents.get_mut(agent).expect("known").own_call = false,
            other => unreachable!("{other:?} is not modelled"),
        }
    }

    /// The next moment at which anything may change by itself.
    fn next(&self) -> Option<Moment> {
        let people = self.agents.values().flat_map(|person| [person.rest_until, person.wrap_up_until]).flatten();
        let delays = self.settings.agents.values().flat_map(|agent| agent.queues.values().map(|post| post.delay));
        let opens = self.callers.values().flat_map(|caller| delays.clone().map(|delay| caller.joined + delay));
        let deadlines = self.rings.values().map(|ring| ring.deadline);
        people.chain(opens).chain(deadlines).filter(|at| *at > self.now).min()
    }

    fn go_to(&mut self, end: Moment) {
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = at;
            let over: Vec<u64> = self.rings.iter().filter(|(_, ring)| ring.deadline <= at).map(|(id, _)| *id).collect();
            over.into_iter().for_each(|id| self.end_ring(id, OfferOutcome::NoAnswer, EndedBy::Deadline));
            self.settle();
        }
        self.now = end;
    }
}

const QUEUES: [&str; 3] = ["north", "south", "west"];
const AGENTS: [&str; 5] = ["anna", "bob", "cyd", "dan", "eve"];
const STRATEGIES: [Strategy; 6] = [
    Strategy::LongestIdle,
    Strategy::RingAll,
    Strategy::Linear,
    Strategy::RoundRobin,
    Strategy::FewestCalls,
    Strategy::LeastTalk,
];

fn any_queue() -> impl Generator<Value = Queue> {
    let back_off = (0..8u64, 0..8u64, 0..3u64).prop_map(|(silence, refusal, engine)| BackOff {
        no_answer: secs(silence),
        busy: secs(refusal),
        rejected: secs(refusal / 2),
        unreachable: secs(refusal + 1),
        caller_gone: secs(engine),
        lost_race: secs(engine / 2),
        cancelled: secs(engine),
    });
    let limits = (0..3u32, prop_oneof![Just(3usize), Just(2000)]);
    (prop::sample::select(&STRATEGIES[..]), 1..30u64, 0..9u64, back_off, limits, 0..2u16).prop_map(
        |(strategy, ring, wrap_up, back_off, (max_no_answer, max_waiting), weight)| Queue {
            order: strategy.into(),
            ring: secs(ring),
            wrap_up: secs(wrap_up),
            back_off,
            max_no_answer,
            weight,
            max_waiting,
            max_head_start: secs(60),
            ..Queue::default()
        },
    )
}

fn any_agent() -> impl Generator<Value = Agent> {
    let post = (0..2u16, 0..4u32, prop_oneof![3 => Just(0u64), 1 => Just(7), 1 => Just(12)])
        .prop_map(|(tier, position, delay)| Membership { tier, position, delay: secs(delay), weight: 1 });
    let posts = prop::collection::btree_map(prop::sample::select(&QUEUES[..]).prop_map(name), post, 0..4);
    let login = prop_oneof![3 => Just(Login::Always), 1 => Just(Login::ByRegistration), 1 => Just(Login::Manual)];
    (login, posts).prop_map(|(login, queues)| Agent { login, queues, ..Agent::default() })
}

fn any_settings() -> impl Generator<Value = Settings> {
    let queues = prop::collection::vec(any_queue(), 3);
    let agents = prop::collection::vec(any_agent(), 5);
    (queues, agents).prop_map(|(queues, agents)| Settings {
        queues: QUEUES.map(name).into_iter().zip(queues).collect(),
        agents: AGENTS.map(name).into_iter().zip(agents).collect(),
        ..Settings::default()
    })
}

/// Three numbers become a sentence: what, of whom, how.
fn sentence(what: u8, who: u64, how: u64, seconds: u64, joined: u64, naive: &Naive) -> String {
    let pick = |list: &[&str], number: u64| list[number as usize % list.len()].to_string();
    let (agent, queue) = (pick(&AGENTS, who), pick(&QUEUES, how));
    // Mostly somebody who is there, sometimes a stranger.
    let among = |ids: Vec<u64>| if ids.is_empty() || how % 16 == 15 { who } else { ids[who as usize % ids.len()] };
    let caller = among(naive.callers.keys().copied().collect());
    let offer = among(naive.rings.keys().copied().collect());
    match what {
        0..12 => {
            let id = if how % 16 == 15 { caller } else { joined };
            let (class, ahead, waited) = (how / 3 % 4 / 3, who % 3 * 45, who % 5 / 4 * 20);
            format!("join {id} {queue} class {class} ahead {ahead} waited {waited}")
        }
        12..24 => format!("answers {offer}"),
        24..28 => format!("{} {offer}", pick(&["busy", "rejects", "unreachable", "loses", "cancelled"], how)),
        28..36 => format!("ends {caller}"),
        36..40 => format!("hangs-up {caller}"),
        40 => format!("presses {caller} 1"),
        41..43 => format!("{} {caller}", pick(&["lost", "ghost"], how)),
        43 => format!("move {caller} {queue}"),
        44..46 => format!("{agent} logs-in"),
        46 => format!("{agent} logs-out"),
        47 => format!("{agent} pauses lunch"),
        48..50 => format!("{agent} resumes"),
        50 => format!("{agent} ready"),
        51 => format!("{agent} extends {}", how % 9),
        52..54 => format!("{agent} registers"),
        54 => format!("{agent} vanishes"),
        55 => format!("{agent} dials"),
        56..58 => format!("{agent} hangs-up-own"),
        _ => format!("at {}", seconds + [0, 1, 2, 5, 11, 30][how as usize % 6]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_chooses_as_one_who_looks_at_everybody(
        settings in any_settings(),
        steps in prop::collection::vec((0..72u8, 0..64u64, 0..64u64), 1..150),
    ) {
        let mut house = House::new(settings.clone());
        house.with_facts = true;
        let mut naive = Naive::new(settings);
        let (mut seconds, mut joined) = (0, 0);
        for (step, (what, who, how)) in steps.into_iter().enumerate() {
            joined += 1;
            let sentence = sentence(what, who, how, seconds, joined, &naive);
            let said = house.say(&sentence);
            match sentence.strip_prefix("at ") {
                Some(at) => {
                    seconds = number(at);
                    naive.go_to(now_at(seconds).mono);
                }
                None => {
                    let event = event(&sentence, house.now);
                    naive.hear(&event);
                    naive.settle();
                }
            }
            let mut real: Vec<_> = said.split(", ").filter(|one| !one.is_empty()).map(str::to_string).collect();
            let mut expected = std::mem::take(&mut naive.told);
            real.sort();
            expected.sort();
            prop_assert_eq!(real, expected, "step {}, \"{}\" at {}", step, sentence, seconds);
            for agent in AGENTS {
                for item in naive.callers.keys() {
                    let real = house.acd.may_take(agent, ItemId(*item), house.now);
                    prop_assert_eq!(real, naive.may_take(agent, *item), "{} and {} after step {}", agent, item, step);
                }
            }
        }
    }
}
