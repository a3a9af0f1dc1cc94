//! What the queue engine says, and what it means for the others; and what it is told of the agents' phones.

use super::call::{Purpose, With};
use super::leg::Farewell;
use super::policy::{Errand, Payer, Wanted, Way};
use super::{Action, Pbx, Phase, Said};
use crate::acd::{self, ItemId, ItemOutcome, OfferId};
use crate::config::Phone;
use crate::id::{CallId, LegId, Name};
use crate::ivr::{self, QueueEnd};
use crate::sip::{Ending, Source};
use crate::time::{Duration, Now};
use std::sync::Arc;

impl Pbx {
    pub(super) fn tell_acd(&mut self, event: acd::Event, now: Now) {
        let mut said = Vec::new();
        self.acd.handle(event, now, &mut said);
        self.said.extend(said.into_iter().map(Said::Acd));
    }

    pub(super) fn on_acd(&mut self, action: acd::Action, now: Now, out: &mut Vec<Action>) {
        match action {
            acd::Action::Offer { offer, item, agent, ring, .. } => self.offer(offer, item, &agent, ring, now, out),
            acd::Action::Withdraw { offer, .. } => self.withdraw(offer, now, out),
            acd::Action::Connect { offer, item, agent, waited, .. } => self.connect(offer, item, &agent, waited, now, out),
            acd::Action::OfferEnded { offer, agent, outcome, rang, .. } => {
                self.offers.remove(&offer);
                self.winners.remove(&offer);
                tracing::debug!(%agent, %outcome, rang_ms = rang.as_millis(), "an offer ended");
            }
            acd::Action::AgentState { agent, state } => {
                tracing::info!(%agent, %state, "agent");
                self.watchers.touch(&agent);
            }
            acd::Action::Moved { .. } | acd::Action::Joined { .. } => {}
            acd::Action::PauseAsked { .. } | acd::Action::PauseRefused { .. } | acd::Action::Disposed { .. } => {}
            acd::Action::Announce(_) | acd::Action::Play { .. } => {}
            acd::Action::ItemOutcome { item, outcome, .. } => self.item_ended(item, &outcome, now, out),
        }
    }

    /// The caller enters a queue.
    pub(super) fn enqueue(&mut self, id: CallId, queue: Name, now: Now, out: &mut Vec<Action>) {
        self.next.item += 1;
        let item = ItemId(self.next.item);
        self.make_queue(&queue, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Waiting { item };
        call.queue = Some(queue.clone());
        let arrival = call.kept_arrival.take().unwrap_or(now.mono);
        call.queued_since.get_or_insert(arrival);
        let caller = call.caller;
        self.items.insert(item, id);
        self.music(id, caller, out);
        let join = acd::Join::new(item, queue, arrival);
        self.tell_acd(acd::Event::Join(join), now);
    }

    /// A queue of a family is made when the first caller wants it.
    fn make_queue(&mut self, queue: &str, now: Now) {
        if !self.config.acd.queues.contains_key(queue) && Arc::make_mut(&mut self.config).instantiate(queue) {
            self.configure_queues(now);
        }
    }

    fn offer(&mut self, offer: OfferId, item: ItemId, agent: &str, ring: Duration, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.items.get(&item).copied() else { return };
        let agent = Name::from(agent);
        let errand = Errand::new(Payer::Agent(agent.clone()), Way::Offer);
        match self.attempt(call, Purpose::Offer { offer, item }, &Wanted::Agent(agent), errand, ring, now, out) {
            Ok(attempt) => {
                self.offers.insert(offer, attempt);
            }
            Err(_) => self.tell_acd(acd::Event::Refused { offer, why: acd::Refusal::Unreachable }, now),
        }
    }

    fn withdraw(&mut self, offer: OfferId, now: Now, out: &mut Vec<Action>) {
        if let Some(attempt) = self.offers.remove(&offer) {
            self.end_attempt(attempt, None, now, out);
        }
        // Somebody had picked up, and was a moment too late.
        if let Some(leg) = self.winners.remove(&offer) {
            self.drop_leg(leg, Farewell::HangUp, now, out);
        }
    }

    fn connect(&mut self, offer: OfferId, item: ItemId, agent: &str, waited: Duration, now: Now, out: &mut Vec<Action>) {
        self.offers.remove(&offer);
        let Some(leg) = self.winners.remove(&offer) else { return };
        match self.items.get(&item).copied() {
            Some(call) => {
                tracing::info!(%agent, waited_ms = waited.as_millis(), "an agent took a call");
                self.bridge(call, leg, With::Agent { item }, now, out);
            }
            None => self.drop_leg(leg, Farewell::HangUp, now, out),
        }
    }

    /// The stay in the queue is over: back to the flow, if the caller is still here.
    fn item_ended(&mut self, item: ItemId, outcome: &ItemOutcome, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.items.remove(&item) else { return };
        let end = match outcome {
            ItemOutcome::Answered { .. } | ItemOutcome::AnsweredElsewhere => QueueEnd::Answered,
            ItemOutcome::Full | ItemOutcome::NoSuchQueue | ItemOutcome::TooManyNeeds => QueueEnd::Failed,
            ItemOutcome::FlowedOut(_) | ItemOutcome::EndedByUs => QueueEnd::Overflow,
            // By their own will: the flow knows, or the caller is gone.
            ItemOutcome::Abandoned | ItemOutcome::LeftByKey(_) | ItemOutcome::CallbackTaken => return,
        };
        let Some(call) = self.calls.get(&id) else { return };
        let here = match call.phase {
            Phase::Waiting { item: waiting } => waiting == item,
            Phase::Bridged { with: With::Agent { item: talking }, .. } => talking == item,
            _ => false,
        };
        if here {
            out.push(Action::Media { shard: call.shard, command: crate::media::Command::Stop { leg: call.caller } });
            self.back_to_flow(id, ivr::Event::Queue(end), now, out);
        }
    }

    /// The call is over, or goes elsewhere: the queue forgets it.
    pub(super) fn leave_queue(&mut self, id: CallId, why: acd::Leaving, now: Now) {
        let Some(call) = self.calls.get(&id) else { return };
        let event = match call.phase {
            Phase::Waiting { item } => acd::Event::Leave { item, why },
            Phase::Bridged { with: With::Agent { item }, .. } => acd::Event::CallEnded { item },
            _ => return,
        };
        self.tell_acd(event, now);
    }

    /// An agent's leg ended before or after it was answered.
    pub(super) fn phone_ended(&mut self, id: LegId, ending: &Ending, now: Now, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let call = leg.call;
        match leg.attempt.take() {
            Some(attempt) => self.phone_refused(attempt, id, ending, now, out),
            None => self.party_left(call, id, ending, now, out),
        }
        // One that had answered, and was not bridged yet, leaves its offer unanswered.
        let offer = self.winners.iter().find(|(_, winner)| **winner == id).map(|(offer, _)| *offer);
        if let Some(offer) = offer {
            self.winners.remove(&offer);
            self.tell_acd(acd::Event::Refused { offer, why: acd::Refusal::Unreachable }, now);
        }
        self.drop_leg(id, Farewell::HangUp, now, out);
    }

    /// Tells the engine which agents' phones can ring: after a start, and after a reload.
    pub(super) fn announce_agents(&mut self, now: Now) {
        let reachable: Vec<Name> = self
            .config
            .agents
            .iter()
            .filter(|(_, agent)| match &agent.phone {
                Phone::Extension(extension) => self.endpoint.bindings(extension).next().is_some(),
                Phone::Address(_) | Phone::Telephone(_) => true,
            })
            .map(|(name, _)| name.clone())
            .collect();
        for agent in reachable {
            self.tell_acd(acd::Event::AgentReachable { agent }, now);
        }
    }

    /// A phone of an extension came or went.
    pub(super) fn phones_changed(&mut self, extension: &str, now: Now) {
        let reachable = self.endpoint.bindings(extension).next().is_some();
        for agent in self.agents_at(extension) {
            let event = if reachable { acd::Event::AgentReachable { agent } } else { acd::Event::AgentUnreachable { agent } };
            self.tell_acd(event, now);
        }
    }

    fn agents_at(&self, extension: &str) -> Vec<Name> {
        self.agents_by_extension.get(extension).cloned().unwrap_or_default()
    }

    /// A leg of this extension exists now: on a call of their own, unless the engine itself rings it.
    pub(super) fn party_came(&mut self, id: LegId, now: Now) {
        let Some(extension) = self.own_call(id) else { return };
        let calls = self.own_calls.entry(extension.clone()).or_insert(0);
        *calls += 1;
        if *calls == 1 {
            for agent in self.agents_at(&extension) {
                self.tell_acd(acd::Event::AgentBusyElsewhere { agent }, now);
            }
        }
    }

    pub(super) fn party_gone(&mut self, id: LegId, now: Now) {
        let Some(extension) = self.own_call(id) else { return };
        let Some(calls) = self.own_calls.get_mut(&extension) else { return };
        *calls -= 1;
        if *calls == 0 {
            self.own_calls.remove(&extension);
            for agent in self.agents_at(&extension) {
                self.tell_acd(acd::Event::AgentFreeElsewhere { agent }, now);
            }
        }
    }

    fn own_call(&self, id: LegId) -> Option<Name> {
        let leg = self.legs.get(&id)?;
        match (&leg.peer, leg.role) {
            (_, super::call::Role::Agent) | (Source::Trunk(_), _) => None,
            (Source::Extension(extension), _) => Some(extension.clone()),
        }
    }
}
