//! What the queue engine does, kept: facts for the store, and what a restart gives back.
//!
//! Invariant: nobody is given the place of a number that was withheld.

use super::{Action, EndedBy, Pbx, Phase, Unkept};
use crate::acd::{self, ItemId, ItemOutcome, Memory, Merits, PlaceMemory};
use crate::config::Plan;
use crate::id::{CallId, Name};
use crate::store::queueing::{AgentFact, PlaceRow, QueueEvent, QueueFact, TalkEnd};
use crate::store::{PartyNumber, What};
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};

/// Who somebody is to the queues, unless the number is withheld: one and the same however their provider writes the number.
pub fn contact(from: &PartyNumber, plan: &Plan) -> Option<Name> {
    let number = from.number.trim();
    let as_is = || number.into();
    (!from.is_withheld()).then(|| plan.received(number).map_or_else(as_is, |number| number.as_str().into()))
}

/// How long an agent had their caller on hold.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Hold {
    /// On hold since then.
    since: Option<Moment>,
    total: Duration,
}

impl Pbx {
    /// Writes down what concerns a queue or an agent; the rest is nobody's business later.
    /// `ended`: how a talk did that is over with this.
    pub(super) fn keep_acd(&mut self, action: &acd::Action, ended: Option<TalkEnd>, now: Now, out: &mut Vec<Action>) {
        match action {
            acd::Action::Joined { item, queue, kind, class, head_start, arrival } => {
                let Some(contact) = self.caller_of(*item).and_then(|call| Some(self.calls.get(&call)?.from.clone())) else {
                    return;
                };
                let event = QueueEvent::Joined {
                    contact,
                    kind: kind_word(*kind).into(),
                    class: *class,
                    head_start_ms: millis(total(head_start)),
                    arrival: now.wall_of(*arrival),
                };
                self.keep_stay(*item, queue, event, now, out);
            }
            acd::Action::Moved { item, from, to } => {
                self.keep_stay(*item, to, QueueEvent::Moved { from: from.clone() }, now, out);
            }
            acd::Action::OfferEnded { item, queue, agent, outcome, rang, .. } => {
                let (agent, outcome) = (agent.clone(), outcome.to_string());
                self.keep_stay(*item, queue, QueueEvent::OfferEnded { agent, outcome, rang_ms: millis(*rang) }, now, out);
            }
            acd::Action::Connect { item, queue, agent, waited, rang, predicted, .. } => {
                let (agent, predicted_ms) = (agent.clone(), predicted.map(millis));
                let event = QueueEvent::Answered { agent, waited_ms: millis(*waited), rang_ms: millis(*rang), predicted_ms };
                self.keep_stay(*item, queue, event, now, out);
            }
            acd::Action::Returned { item, queue, agent, talked, arrival } => {
                let Some(call) = self.caller_of(*item).and_then(|call| self.calls.get(&call)) else { return };
                let (contact, arrival) = (call.from.clone(), now.wall_of(*arrival));
                let event = QueueEvent::Returned { contact, arrival, agent: agent.clone(), talked_ms: millis(*talked) };
                self.keep_stay(*item, queue, event, now, out);
            }
            acd::Action::ItemOutcome { item, queue, outcome, waited } => {
                let held = self.end_hold(*item, now);
                let event = left(outcome, *waited, held, ended, self.is_cut_off(*item));
                self.keep_stay(*item, queue, event, now, out);
            }
            acd::Action::Disposed { item, queue, agent, code } => {
                let event = QueueEvent::Disposed { agent: agent.clone(), code: code.clone() };
                self.keep_stay(*item, queue, event, now, out);
            }
            // Ringing is told by the offers.
            acd::Action::AgentState { state: acd::State::Offered, .. } => {}
            acd::Action::AgentState { agent, state } => self.keep_agent(agent, state.to_string(), now, out),
            acd::Action::AgentNoted { agent } => {
                let state = match self.acd.agent_state(agent) {
                    // As for those who were available before: the time in which it rings is told by the offers.
                    Some(acd::State::Offered) => acd::State::Available.to_string(),
                    Some(state) => state.to_string(),
                    None => acd::State::Offline.to_string(),
                };
                self.keep_agent(agent, state, now, out);
            }
            acd::Action::PauseAsked { .. } | acd::Action::PauseRefused { .. } => {}
            acd::Action::Offer { .. } | acd::Action::Withdraw { .. } | acd::Action::Announce(_) | acd::Action::Play { .. } => {}
        }
    }

    /// An agent puts their caller on hold, or comes back: for the records.
    pub(super) fn note_hold(&mut self, item: ItemId, held: bool, now: Now) {
        if held {
            self.holds.entry(item).or_default().since.get_or_insert(now.mono);
        } else if let Some(hold) = self.holds.get_mut(&item) {
            hold.total += hold.since.take().map_or(Duration::ZERO, |since| now.mono.since(since));
        }
    }

    /// How long the caller was on hold, all in all.
    fn end_hold(&mut self, item: ItemId, now: Now) -> Duration {
        self.note_hold(item, false, now);
        self.holds.remove(&item).map_or(Duration::ZERO, |hold| hold.total)
    }

    /// Not by the caller's will, nor by ours: their line broke, or the exchange stops.
    fn is_cut_off(&self, item: ItemId) -> bool {
        let phase = self.caller_of(item).and_then(|call| self.calls.get(&call)).map(|call| &call.phase);
        self.stopping || matches!(phase, Some(Phase::Ended { by: EndedBy::Network, .. }))
    }

    fn keep_stay(&mut self, item: ItemId, queue: &Name, event: QueueEvent, now: Now, out: &mut Vec<Action>) {
        let reference = match self.caller_of(item).and_then(|call| self.calls.get(&call)) {
            Some(call) => call.reference.clone(),
            // A disposition may come after the call.
            None => match self.recent_items.iter().find(|(one, _)| *one == item) {
                Some((_, reference)) => reference.clone(),
                None => return,
            },
        };
        self.write(What::Queue(QueueFact { reference, queue: queue.clone(), event }), now, out);
    }

    fn keep_agent(&mut self, agent: &Name, state: String, now: Now, out: &mut Vec<Action>) {
        if let Some(returning) = &mut self.returning {
            returning.insert(agent.clone());
            return;
        }
        let memory = self.acd.memory_of(agent, now);
        let body = memory.and_then(|memory| serde_json::to_string(&memory).ok());
        let what = What::Agent(AgentFact { agent: agent.clone(), state, body });
        match &mut self.ordered {
            Some((ordered, reply, is_kept_first)) if ordered == agent && !*is_kept_first => {
                *is_kept_first = true;
                let reply = *reply;
                self.write_then_reply(what, reply, Unkept::HoldsNow, now, out);
            }
            _ => self.write(what, now, out),
        }
    }

    pub(super) fn caller_of(&self, item: ItemId) -> Option<CallId> {
        self.items.get(&item).copied()
    }

    /// Brings back what the store kept of agents and places. What cannot be read is left out. What agents seemed to be meanwhile, with
    /// their phones there and their pauses not yet, is no fact: that is what they are in the end.
    pub fn restore_queues(&mut self, agents: &[String], places: Vec<PlaceRow>, now: Now, out: &mut Vec<Action>) {
        let readable = agents.iter().filter_map(|body| match serde_json::from_str::<acd::AgentMemory>(body) {
            Ok(agent) => Some(agent),
            Err(error) => {
                tracing::warn!(%error, "a stored agent could not be read and is left out");
                None
            }
        });
        let known = |row: PlaceRow| {
            let from = PartyNumber { number: row.contact, name: String::new() };
            let contact = contact(&from, &self.config.outbound.plan)?;
            Some(PlaceMemory { contact, queue: row.queue.into(), arrival: row.arrival })
        };
        let memory = Memory { agents: readable.collect(), places: places.into_iter().filter_map(known).collect() };
        tracing::info!(agents = memory.agents.len(), places = memory.places.len(), "agents and places are back");
        let at_work: Vec<Name> =
            memory.agents.iter().filter(|kept| kept.logged_in.is_some()).map(|kept| kept.agent.clone()).collect();
        self.tell_acd(acd::Event::Restore(memory), now);
        self.settle(now, out);
        // Who was at work and is not there any more is one more change.
        let mut returning = self.returning.take().unwrap_or_default();
        returning.extend(at_work);
        for agent in &returning {
            let state = self.acd.agent_state(agent).cloned().unwrap_or_default();
            self.keep_agent(agent, state.to_string(), now, out);
        }
    }
}

fn left(outcome: &ItemOutcome, waited: Duration, held: Duration, ended: Option<TalkEnd>, keeps_place: bool) -> QueueEvent {
    let (agent, talked_ms) = match outcome {
        ItemOutcome::Answered { agent, talked } => (Some(agent.clone()), millis(*talked)),
        _ => (None, 0),
    };
    let by = match outcome {
        ItemOutcome::LeftByKey(key) => Some(key.to_string()),
        ItemOutcome::FlowedOut(to) => Some(to.to_string()),
        ItemOutcome::Answered { .. } => ended.map(|end| end.word().to_string()),
        _ => None,
    };
    QueueEvent::Left {
        outcome: outcome.to_string(),
        waited_ms: millis(waited),
        agent,
        talked_ms,
        held_ms: millis(held),
        by,
        keeps_place,
    }
}

pub(super) fn kind_word(kind: acd::Kind) -> &'static str {
    match kind {
        acd::Kind::Call => "call",
        acd::Kind::Callback => "callback",
    }
}

fn total(merits: &[(Merits, Duration)]) -> Duration {
    merits.iter().map(|(_, by)| *by).sum()
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_restart_each_agent_is_told_of_once_as_they_are() {
        let (now, earlier) = (Now::default(), Some(crate::time::Wall::from_unix_nanos(-1_000_000_000)));
        let agent = |login| acd::Agent { login, ..acd::Agent::default() };
        let always = ["away", "free", "new", "off"].map(|name| (Name::from(name), agent(acd::Login::Always)));
        let gone = (Name::from("gone"), agent(acd::Login::ByRegistration));
        let agents = always.into_iter().chain([gone]).collect();
        let acd = std::sync::Arc::new(acd::Settings { agents, ..acd::Settings::default() });
        let config = crate::config::Config { acd, ..crate::config::Config::default() };
        let mut pbx = Pbx::new(std::sync::Arc::new(config), 1, crate::id::Rng::from_seed(1), now);
        let kept = |agent: &str, logged_in, reason: Option<&str>| {
            let pause = reason.map(|reason| acd::PauseMemory { reason: reason.into(), forced: true, since: now.wall });
            let memory = acd::AgentMemory {
                agent: agent.into(),
                logged_in,
                pause,
                wish: None,
                wraps_up: None,
                paused_for: std::collections::BTreeMap::new(),
                calls: 0,
                talked: Duration::ZERO,
            };
            serde_json::to_string(&memory).expect("plain data")
        };
        let bodies = [
            kept("away", earlier, Some("audit")),
            kept("free", earlier, None),
            kept("gone", earlier, None),
            kept("off", None, None),
        ];
        let mut out = Vec::new();
        pbx.restore(Vec::new(), now, &mut out);
        pbx.restore_queues(&bodies, Vec::new(), now, &mut out);
        let told = |out: &[Action]| -> Vec<String> {
            let facts = out.iter().filter_map(|action| match action {
                Action::Write(write) => Some(&write.what),
                _ => None,
            });
            let agents = facts.filter_map(|what| if let What::Agent(fact) = what { Some(fact) } else { None });
            agents.map(|fact| format!("{} {}", fact.agent, fact.state)).collect()
        };
        assert_eq!(told(&out), ["away paused (audit)", "free available", "gone offline", "new available", "off offline"]);
        // From then on every change is told as it comes.
        out.clear();
        pbx.tell_acd(acd::Event::AgentLogin { agent: "off".into() }, now);
        pbx.settle(now, &mut out);
        assert_eq!(told(&out), ["off available"]);
    }

    #[test]
    fn an_order_to_an_agent_is_answered_when_it_is_kept_and_says_when_it_could_not_be() {
        use crate::control::{AgentOrder, Request, Response};
        use crate::id::ReplyId;
        use crate::pbx::Event;
        use crate::store::Committed;
        let now = Now::default();
        let agents = [(Name::from("anna"), acd::Agent { login: acd::Login::Always, ..acd::Agent::default() })].into();
        let acd = std::sync::Arc::new(acd::Settings { agents, ..acd::Settings::default() });
        let config = crate::config::Config { acd, ..crate::config::Config::default() };
        let mut pbx = Pbx::new(std::sync::Arc::new(config), 1, crate::id::Rng::from_seed(1), now);
        pbx.restore_queues(&[], Vec::new(), now, &mut Vec::new());
        let mut tell = |event: Event| {
            let mut out = Vec::new();
            pbx.handle(event, now, &mut out);
            let write = out.iter().find_map(|action| if let Action::Write(write) = action { Some(write.id) } else { None });
            let said = out.into_iter().find_map(|action| match action {
                Action::Reply { response, .. } => Some(response),
                _ => None,
            });
            (write, said)
        };
        let order = |order| Event::Control { reply: ReplyId(1), request: Request::Agent { agent: "anna".into(), order } };
        for (orders, outcome, expected) in [
            (AgentOrder::Pause { reason: "lunch".into() }, Ok(()), Response::Done),
            (
                AgentOrder::Resume,
                Err("the disk is full".to_string()),
                Response::Failed("it holds now, but could not be kept for after a restart: the disk is full".into()),
            ),
        ] {
            let (write, said) = tell(order(orders));
            assert_eq!(said, None, "not before it is kept");
            let id = write.expect("what the agent is now");
            assert_eq!(tell(Event::Committed(Committed { id, outcome })).1, Some(expected));
        }
        // What changes nothing waits for nothing.
        assert!(matches!(tell(order(AgentOrder::Resume)), (None, Some(Response::Failed(_)))));
        let gone = Event::Control { reply: ReplyId(2), request: Request::RemoveCustomers(vec!["88".into()]) };
        let id = tell(gone).0.expect("a write");
        let said = tell(Event::Committed(Committed { id, outcome: Err("the disk is full".into()) })).1;
        assert_eq!(said, Some(Response::Failed("it could not be written, and nothing was changed: the disk is full".into())));
    }

    #[test]
    fn a_number_is_one_person_in_whatever_form_it_comes_and_a_withheld_one_nobody() {
        let plan = Plan::default();
        for (number, known) in [
            ("+48221234567", Some("+48221234567")),
            ("48221234567", Some("+48221234567")),
            ("0048221234567", Some("+48221234567")),
            (" 221234567 ", Some("+48221234567")),
            ("1001", Some("1001")),
            ("anonymous", None),
            ("Anonymous", None),
            (" ", None),
        ] {
            let from = PartyNumber { number: number.into(), name: "x".into() };
            assert_eq!(contact(&from, &plan).as_deref(), known, "{number:?}");
        }
    }
}
