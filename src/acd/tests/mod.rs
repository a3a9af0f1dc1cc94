//! The engine seen from outside, in virtual time: the invariants are checked after every step of every test.

mod misbehaviour;
mod model;
mod order;
mod pauses;
mod states;
mod steps;
mod storm;

use super::*;
use crate::id::Name;
use crate::time::{Duration, Moment, Now, Wall};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A house that is told things in short sentences and answers in short sentences.
struct House {
    acd: Acd,
    now: Now,
    /// Facts for the records are answered as well, not only what somebody has to do.
    with_facts: bool,
    /// Agents as whoever writes down what is told of them has them.
    kept: BTreeMap<Name, AgentMemory>,
}

fn name(text: &str) -> Name {
    text.into()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn now_at(seconds: u64) -> Now {
    let nanos = i64::try_from(seconds).expect("a short test") * 1_000_000_000;
    Now { mono: Moment::from_nanos(nanos), wall: Wall::from_unix_nanos(nanos) }
}

/// 20 s of ringing, 5 s of back-off for every refusal, no wrap-up, never paused for silence.
fn queue(strategy: Strategy) -> Queue {
    let back_off = BackOff { no_answer: secs(5), busy: secs(5), rejected: secs(5), unreachable: secs(5), ..BackOff::default() };
    Queue { order: strategy.into(), ring: secs(20), back_off, max_no_answer: 0, ..Queue::default() }
}

/// Always logged in, serving these queues, in the place of the list that the number says.
fn agent(place: u32, queues: &[&str]) -> Agent {
    let post = Membership { position: place, ..Membership::default() };
    let queues = queues.iter().map(|queue| (name(queue), post.clone())).collect();
    Agent { login: Login::Always, queues, ..Agent::default() }
}

fn settings(queues: &[(&str, Queue)], agents: &[(&str, Agent)]) -> Settings {
    Settings {
        queues: queues.iter().map(|(one, queue)| (name(one), queue.clone())).collect(),
        agents: agents.iter().map(|(one, agent)| (name(one), agent.clone())).collect(),
        ..Settings::default()
    }
}

/// One queue `support`, with `anna` and `bob` always there.
fn two_agents(queue: Queue) -> Settings {
    settings(&[("support", queue)], &[("anna", agent(1, &["support"])), ("bob", agent(2, &["support"]))])
}

/// Walks a house through a table of sentences and what follows from each; `title` is printed when it differs.
fn check(title: &str, settings: Settings, steps: &[(&str, &str)]) {
    walk(title, House::new(settings), steps);
}

/// The same with the facts.
fn check_facts(title: &str, settings: Settings, steps: &[(&str, &str)]) {
    walk(title, House { with_facts: true, ..House::new(settings) }, steps);
}

fn walk(title: &str, mut house: House, steps: &[(&str, &str)]) {
    for (step, (sentence, expected)) in steps.iter().enumerate() {
        assert_eq!(house.say(sentence), *expected, "{title}: step {step}, \"{sentence}\" at {:?}", house.now.mono);
    }
}

impl House {
    fn new(settings: Settings) -> House {
        let (acd, now) = (Acd::new(Arc::new(settings)), now_at(0));
        let kept = acd.agents().into_iter().filter_map(|agent| Some((agent.name.clone(), acd.memory_of(&agent.name, now)?)));
        House { kept: kept.collect(), acd, now, with_facts: false }
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        self.acd.handle(event, self.now, &mut out);
        self.keep(&out);
        self.check();
        out
    }

    /// Writes down agents of whom something is told. Ringing is told by the offers.
    fn keep(&mut self, told: &[Action]) {
        for action in told {
            let (Action::AgentState { agent, .. } | Action::AgentNoted { agent }) = action else { continue };
            if matches!(action, Action::AgentState { state: State::Offered, .. }) {
                continue;
            }
            match self.acd.memory_of(agent, self.now) {
                Some(memory) => self.kept.insert(agent.clone(), memory),
                None => self.kept.remove(agent),
            };
        }
    }

    /// Another process after a crash, whose clock has another origin, and which has only what was written down.
    fn crash(&self, settings: Settings, seconds: u64) -> House {
        let memory = Memory { agents: self.kept.values().cloned().collect(), places: Vec::new() };
        let written = serde_json::to_string(&memory).expect("plain data");
        let mut after = House::new(settings);
        after.now = Now { mono: now_at(5000).mono, wall: self.now.wall + secs(seconds) };
        after.tell(Event::Restore(serde_json::from_str(&written).expect("the same data")));
        after
    }

    /// To that time, with every deadline on the way at its own moment.
    fn go_to(&mut self, seconds: u64) -> Vec<Action> {
        let end = now_at(seconds);
        let mut out = Vec::new();
        while let Some(at) = self.acd.poll_timeout().filter(|at| *at <= end.mono) {
            self.now.wall = self.now.wall_of(at);
            self.now.mono = at;
            let before = out.len();
            self.acd.handle_timeout(self.now, &mut out);
            self.keep(&out[before..]);
            self.check();
        }
        self.now = end;
        out
    }

    fn check(&self) {
        if let Err(broken) = self.acd.check_invariants(self.now) {
            panic!("at {:?}: {broken}", self.now.mono);
        }
        assert_eq!(self.acd.agents_stuck(self.now, |_| true), 0, "at {:?}", self.now.mono);
        for agent in self.acd.agents() {
            let decided = |it: AgentMemory| (it.logged_in.is_some(), it.pause, it.wish, it.wraps_up.map(|it| it.until));
            let (is, kept) = (self.acd.memory_of(&agent.name, self.now), self.kept.get(&agent.name).cloned());
            let (kept, is) = (kept.map(decided).unwrap_or_default(), is.map(decided).unwrap_or_default());
            assert_eq!(kept, is, "{} would be lost by a crash, at {:?}", agent.name, self.now.mono);
        }
    }

    fn state(&self, agent: &str) -> String {
        self.acd.agent_state(agent).map_or("unknown".into(), State::to_string)
    }

    /// `at 20` is a time in seconds; `join 1 support class 2 ahead 60` a caller; the rest is in [`event`].
    fn say(&mut self, sentence: &str) -> String {
        let actions = match sentence.split_whitespace().collect::<Vec<_>>()[..] {
            ["at", seconds] => self.go_to(number(seconds)),
            _ => {
                let event = event(sentence, self.now);
                self.tell(event)
            }
        };
        let told = actions.iter().filter(|action| !matches!(action, Action::Joined { .. } | Action::AgentNoted { .. }));
        let told = told.filter(|action| self.with_facts || !is_fact(action)).map(said);
        told.collect::<Vec<_>>().join(", ")
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn item(text: &str) -> ItemId {
    ItemId(number(text))
}

fn event(sentence: &str, now: Now) -> Event {
    let words: Vec<_> = sentence.split_whitespace().collect();
    let offer = |text| OfferId(number(text));
    match words[..] {
        ["join", id, queue, ref rest @ ..] => {
            let extra = |word| rest.iter().position(|one| *one == word).map_or(0, |at| number(rest[at + 1]));
            let class = u16::try_from(extra("class")).expect("a class");
            let (head_start, arrival) = (secs(extra("ahead")), now.mono - secs(extra("waited")));
            let value = extra("value") * 1000;
            let text = |word| rest.iter().position(|one| *one == word).map(|at| rest[at + 1]);
            let need = text("needs").map_or_else(Need::default, need);
            let contact = text("from").map(name);
            let join = Join::new(item(id), name(queue), now.mono);
            Event::Join(Join { class, head_start, arrival, value, need, contact, ..join })
        }
        ["cut-off", id] => Event::Leave { item: item(id), why: Leaving::CutOff },
        ["assign", id, agent] => Event::Assign { item: item(id), agent: name(agent) },
        ["closes", queue] => Event::Open { queue: name(queue), open: false },
        ["opens", queue] => Event::Open { queue: name(queue), open: true },
        ["hangs-up", id] => Event::Leave { item: item(id), why: Leaving::HungUp },
        ["presses", id, key] => Event::Leave { item: item(id), why: Leaving::Key(key.chars().next().expect("a key")) },
        ["flows-out", id] => Event::Leave { item: item(id), why: Leaving::FlowedOut },
        ["callback", id] => Event::Leave { item: item(id), why: Leaving::CallbackTaken },
        ["picked-up", id] => Event::Leave { item: item(id), why: Leaving::AnsweredElsewhere },
        ["we-end", id] => Event::Leave { item: item(id), why: Leaving::EndedByUs },
        ["move", id, queue] => Event::Move { item: item(id), queue: name(queue) },
        ["ends", id] => Event::CallEnded { item: item(id) },
        ["lost", id] => Event::Requeue { item: item(id), why: Lost::ConnectionLost },
        ["ghost", id] => Event::Requeue { item: item(id), why: Lost::Ghost },
        ["answers", id] => Event::Answered { offer: offer(id) },
        ["busy", id] => Event::Refused { offer: offer(id), why: Refusal::Busy },
        ["rejects", id] => Event::Refused { offer: offer(id), why: Refusal::Rejected },
        ["unreachable", id] => Event::Refused { offer: offer(id), why: Refusal::Unreachable },
        ["cancelled", id] => Event::Refused { offer: offer(id), why: Refusal::Cancelled },
        ["loses", id] => Event::Refused { offer: offer(id), why: Refusal::LostRace },
        [agent, "logs-in"] => Event::AgentLogin { agent: name(agent) },
        [agent, "logs-out"] => Event::AgentLogout { agent: name(agent) },
        [agent, "pauses", reason] => Event::AgentPause { agent: name(agent), reason: name(reason) },
        [agent, "resumes"] => Event::AgentResume { agent: name(agent) },
        [agent, "may-pause"] => Event::JudgePause { agent: name(agent), approved: true },
        [agent, "may-not-pause"] => Event::JudgePause { agent: name(agent), approved: false },
        [agent, "sent-away", reason] => Event::ForcePause { agent: name(agent), reason: name(reason) },
        [agent, "called-back"] => Event::ReleaseAgent { agent: name(agent) },
        [agent, "notes", code] => Event::Dispose { agent: name(agent), code: name(code) },
        [agent, "ready"] => Event::AgentReady { agent: name(agent) },
        [agent, "extends", by] => Event::ExtendWrapUp { agent: name(agent), by: secs(number(by)) },
        [agent, "registers"] => Event::AgentReachable { agent: name(agent) },
        [agent, "vanishes"] => Event::AgentUnreachable { agent: name(agent) },
        [agent, "dials"] => Event::AgentBusyElsewhere { agent: name(agent) },
        [agent, "hangs-up-own"] => Event::AgentFreeElsewhere { agent: name(agent) },
        _ => panic!("what does \"{sentence}\" mean?"),
    }
}

/// `english>=4`, with `&` and `|` for the words.
fn need(text: &str) -> Need {
    let all = crate::expression::Declared::new([("*", crate::expression::Type::Number)]);
    let text = text.replace('&', " and ").replace('|', " or ");
    Need::compile(&text, &all).unwrap_or_else(|mistakes| panic!("{text}: {}", mistakes[0]))
}

fn is_fact(action: &Action) -> bool {
    matches!(action, Action::OfferEnded { .. } | Action::AgentState { .. } | Action::AgentNoted { .. } | Action::Joined { .. })
}

fn said(action: &Action) -> String {
    match action {
        Action::Joined { item, .. } => format!("{} joined", item.0),
        Action::Offer { offer, item, agent, .. } => format!("offer {} of {} to {agent}", offer.0, item.0),
        Action::Withdraw { offer, outcome } => format!("withdraw {} {outcome}", offer.0),
        Action::Connect { item, agent, .. } => format!("connect {} {agent}", item.0),
        Action::OfferEnded { offer, outcome, .. } => format!("{} was {outcome}", offer.0),
        Action::AgentState { agent, state } => format!("{agent} {state}"),
        Action::AgentNoted { agent } => format!("{agent} noted"),
        Action::PauseAsked { agent, reason } => format!("{agent} asks for {reason}"),
        Action::PauseRefused { agent, reason, why } => format!("{agent} may not {reason}: {why}"),
        Action::Disposed { agent, item, code, .. } => format!("{agent} notes {code} of {}", item.0),
        Action::Announce(told) => announced(told),
        Action::Play { item, prompt } => format!("{} hears {prompt}", item.0),
        Action::Moved { item, from, to } => format!("{} moved {from} {to}", item.0),
        Action::Returned { item, queue, agent, talked, .. } => {
            format!("{} returned {queue} from {agent} after {}", item.0, talked.as_secs())
        }
        Action::ItemOutcome { item, outcome, .. } => format!("{} {outcome}", item.0),
    }
}

fn announced(told: &Announcement) -> String {
    let position = told.position.map(|position| format!(" position {position}"));
    let wait = told.expected_wait.map(|wait| format!(" wait {}", wait.as_secs()));
    let comfort = told.comfort.as_ref().map(|prompt| format!(" {prompt}"));
    format!("{} hears{}{}{}", told.item.0, position.unwrap_or_default(), wait.unwrap_or_default(), comfort.unwrap_or_default())
}
