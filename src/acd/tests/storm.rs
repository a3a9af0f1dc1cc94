//! Long days in which everybody misbehaves in every way at once, configurations change, and the engine is written down and read
//! again in the middle. At the end everybody goes home and nothing may remain.

use super::*;
use crate::id::Rng;

const QUEUES: u32 = 5;
const AGENTS: u32 = 30;
const STEPS: u32 = 2500;

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
        let told = self.house.tell(Event::Join(Join { class, head_start, arrival, ..Join::new(item, queue, now) }));
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
                Action::PauseAsked { .. } | Action::PauseRefused { .. } | Action::Disposed { .. } => {}
                Action::Moved { item, .. } => assert!(self.items.contains_key(item)),
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

/// Most of the queues and agents, in any shape.
fn any_settings(rng: &mut Rng) -> Settings {
    let strategies = [
        Strategy::LongestIdle,
        Strategy::RingAll,
        Strategy::Linear,
        Strategy::RoundRobin,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Random,
    ];
    let mut all = Settings::default();
    for number in 0..QUEUES {
        let queue = Queue {
            order: strategies[rng.below(7) as usize].into(),
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
        let login = [Login::Always, Login::Always, Login::ByRegistration, Login::Manual][rng.below(4) as usize];
        if rng.chance(850) {
            all.agents.insert(agent_name(number), Agent { login, queues, ..Agent::default() });
        }
    }
    all
}

#[test]
fn nothing_is_stuck_or_lost_on_days_when_everybody_misbehaves() {
    let mut ended: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..8 {
        let mut storm = Storm::new(seed);
        for _ in 0..STEPS {
            storm.step();
        }
        storm.everybody_goes_home();
        for (outcome, times) in storm.ended {
            *ended.entry(outcome).or_default() += times;
        }
    }
    println!("{ended:?}");
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
