//! What the queue engine says, and what it means for the others; and what it is told of the agents' phones.

use super::call::{Kept, Purpose, With};
use super::dial::{RING, Summons, Taken};
use super::leg::Farewell;
use super::policy::{Errand, Payer, Wanted, Way};
use super::queueing::contact;
use super::{Action, Outcome, Pbx, Phase, Said};
use crate::acd::{self, Destination, ItemId, ItemOutcome, OfferId};
use crate::config::{MOST_MINUTES, MOST_POSITION, POSITION_PROMPT, Phone, WAIT_PROMPT};
use crate::id::{CallId, LegId, Name};
use crate::ivr::{self, QueueEnd};
use crate::media::Sound;
use crate::sip::{Ending, Source};
use crate::store::queueing::TalkEnd;
use crate::time::{Duration, Now};
use std::sync::Arc;

/// Items that have ended and whose calls are still known, for what agents note of them.
const RECENT_ITEMS: usize = 1000;

impl Pbx {
    pub(super) fn tell_acd(&mut self, event: acd::Event, now: Now) {
        self.tell_acd_of_end(event, None, now);
    }

    /// The same of what ends a talk, and how it ended, where that is known: the engine does not ask, its records do.
    fn tell_acd_of_end(&mut self, event: acd::Event, how: Option<TalkEnd>, now: Now) {
        let mut said = Vec::new();
        self.acd.handle(event, now, &mut said);
        self.said.extend(said.into_iter().map(|action| {
            let ended =
                how.filter(|_| matches!(action, acd::Action::ItemOutcome { outcome: ItemOutcome::Answered { .. }, .. }));
            Said::Acd(action, ended)
        }));
    }

    /// A talk is over: an agent's, of which the engine is told, or one of which it does not know.
    pub(super) fn item_over(&mut self, with: With, how: Option<TalkEnd>, now: Now) {
        if let With::Agent { item } = with {
            self.tell_acd_of_end(acd::Event::CallEnded { item }, how, now);
        }
    }

    pub(super) fn on_acd(&mut self, action: acd::Action, ended: Option<TalkEnd>, now: Now, out: &mut Vec<Action>) {
        self.keep_acd(&action, ended, now, out);
        match action {
            acd::Action::Offer { offer, item, agent, ring, .. } => self.offer(offer, item, &agent, ring, now, out),
            acd::Action::Withdraw { offer, outcome } => self.withdraw(offer, outcome, now, out),
            acd::Action::Connect { offer, item, agent, waited, predicted, .. } => {
                if let Some(predicted) = predicted {
                    let (predicted_ms, actual_ms) = (predicted.as_millis(), waited.as_millis());
                    tracing::debug!(predicted_ms, actual_ms, "an expected wait is over");
                }
                self.connect(offer, item, &agent, waited, now, out);
            }
            acd::Action::OfferEnded { offer, agent, outcome, rang, .. } => {
                self.offers.remove(&offer);
                self.winners.remove(&offer);
                tracing::debug!(%agent, %outcome, rang_ms = rang.as_millis(), "an offer ended");
            }
            acd::Action::AgentState { agent, state } => {
                if self.returning.is_none() {
                    tracing::info!(%agent, %state, "agent");
                }
                self.watchers.touch(&agent);
            }
            acd::Action::AgentNoted { .. } => {}
            acd::Action::PauseAsked { agent, reason } => tracing::info!(%agent, %reason, "an agent asks for a pause"),
            acd::Action::PauseRefused { agent, reason, why } => tracing::info!(%agent, %reason, %why, "an agent may not pause"),
            acd::Action::Disposed { agent, code, .. } => tracing::info!(%agent, %code, "an agent noted what a call was about"),
            acd::Action::Announce(told) => self.announce(&told, out),
            acd::Action::Play { item, prompt } => self.play_waiting(item, vec![prompt], out),
            acd::Action::Moved { item, to, .. } => self.moved(item, to, out),
            acd::Action::Joined { .. } | acd::Action::Returned { .. } => {}
            acd::Action::ItemOutcome { item, outcome, .. } => self.item_ended(item, &outcome, now, out),
        }
    }

    /// The caller enters a queue.
    pub(super) fn enqueue(&mut self, id: CallId, queue: Name, now: Now, out: &mut Vec<Action>) {
        self.enqueue_after(id, queue, None, now, out);
    }

    /// The same from the talk with an agent, who has sent them there: the engine is told of both at once, so that whoever comes back
    /// stands in the line before their agent is free.
    pub(super) fn enqueue_after(&mut self, id: CallId, queue: Name, after: Option<ItemId>, now: Now, out: &mut Vec<Action>) {
        self.next.item += 1;
        let item = ItemId(self.next.item);
        self.make_queue(&queue, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Waiting { item };
        call.queue = Some(queue.clone());
        let caller = call.caller;
        let wish = &mut call.wish;
        let arrival = match wish.place.take() {
            Some(Kept { queue: Some(kept), arrival }) if kept == queue => arrival,
            Some(Kept { queue: None, arrival }) => arrival,
            _ => now.mono,
        };
        call.queued_since.get_or_insert(arrival);
        // In thousandths, and never worth less than nothing.
        let value = (wish.value.unwrap_or_default().max(0.0) * 1000.0) as u64;
        let need = wish.need.clone().map(acd::Need::from).unwrap_or_default();
        let contact = contact(&call.from, &self.config.outbound.plan);
        // Taken back unless the stay ends so that the place is to be kept.
        call.wish.entered = arrival;
        self.items.insert(item, id);
        self.begin_keeping_hours(now);
        self.music(id, caller, out);
        let join = acd::Join { value, need, contact, arrival, after, ..acd::Join::new(item, queue, now.mono) };
        self.tell_acd_of_end(acd::Event::Join(join), after.map(|_| TalkEnd::BlindTransfer), now);
    }

    /// The same music or another; the caller hears nothing else of it.
    fn moved(&mut self, item: ItemId, to: Name, out: &mut Vec<Action>) {
        let Some(call) = self.caller_of(item).and_then(|id| self.calls.get_mut(&id)) else { return };
        call.queue = Some(to);
        let (id, caller) = (call.id, call.caller);
        self.music(id, caller, out);
    }

    /// Something is said to a caller who waits; music goes on afterwards. An agent's answer ends it at once.
    fn play_waiting(&mut self, item: ItemId, prompts: Vec<Name>, out: &mut Vec<Action>) {
        let Some(call) = self.caller_of(item).and_then(|id| self.calls.get(&id)) else { return };
        if prompts.is_empty() || !matches!(call.phase, Phase::Waiting { item: waiting } if waiting == item) {
            return;
        }
        let language = call.session.as_ref().map_or(&call.language, |session| session.language()).clone();
        let sounds = prompts.into_iter().map(|name| Sound { language: language.clone(), name }).collect();
        let (leg, shard) = (call.caller, call.shard);
        let play = self.own_play();
        out.push(Action::Media { shard, command: crate::media::Command::Play { leg, play, sounds, repeat: false } });
    }

    fn announce(&mut self, told: &acd::Announcement, out: &mut Vec<Action>) {
        let mut prompts: Vec<Name> = Vec::new();
        prompts.extend(told.position.map(position_prompt));
        prompts.extend(told.expected_wait.map(wait_prompt));
        let at = if told.comfort_first { 0 } else { prompts.len() };
        prompts.splice(at..at, told.comfort.clone());
        self.play_waiting(told.item, prompts, out);
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
        let summons = Summons { wanted: Wanted::Agent(agent.clone()), errand, ring };
        match self.attempt(call, Purpose::Offer { offer, item }, &summons, now, out) {
            Ok(attempt) => {
                self.offers.insert(offer, attempt);
                self.tell_of_offer(call, &agent, now, out);
            }
            Err(_) => self.tell_acd(acd::Event::Refused { offer, why: acd::Refusal::Unreachable }, now),
        }
    }

    fn withdraw(&mut self, offer: OfferId, outcome: acd::OfferOutcome, now: Now, out: &mut Vec<Action>) {
        if let Some(attempt) = self.offers.remove(&offer) {
            let lost = outcome == acd::OfferOutcome::LostRace;
            self.end_attempt(attempt, if lost { Taken::Elsewhere } else { Taken::ByNobody }, now, out);
        }
        // Somebody had picked up, and was a moment too late.
        if let Some(leg) = self.winners.remove(&offer) {
            self.drop_leg(leg, Farewell::HangUp, now, out);
        }
    }

    fn connect(&mut self, offer: OfferId, item: ItemId, agent: &Name, waited: Duration, now: Now, out: &mut Vec<Action>) {
        self.offers.remove(&offer);
        let Some(leg) = self.winners.remove(&offer) else { return };
        match self.items.get(&item).copied() {
            Some(call) => {
                tracing::info!(%agent, waited_ms = waited.as_millis(), "an agent took a call");
                self.bridge(call, leg, With::Agent { item }, now, out);
                self.tell_of_answer(call, agent, waited, now, out);
            }
            None => self.drop_leg(leg, Farewell::HangUp, now, out),
        }
    }

    /// The stay in the queue is over: back to the flow, if the caller is still here.
    fn item_ended(&mut self, item: ItemId, outcome: &ItemOutcome, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.items.remove(&item) else { return };
        self.remember_item(item, id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (queue, arrival) = (call.queue.clone(), call.wish.entered);
        if matches!(outcome, ItemOutcome::NoSuchQueue | ItemOutcome::TooManyNeeds) {
            let queue = queue.as_deref().unwrap_or_default();
            tracing::warn!(call = %call.reference, queue, %outcome, "a caller was not let in: the flow goes on with `failed`");
        }
        let end = match outcome {
            ItemOutcome::Answered { .. } | ItemOutcome::AnsweredElsewhere => QueueEnd::Answered,
            ItemOutcome::Full | ItemOutcome::NoSuchQueue | ItemOutcome::TooManyNeeds => QueueEnd::Failed,
            ItemOutcome::FlowedOut(_) | ItemOutcome::EndedByUs => {
                // Wherever the flow lets them wait next, they have waited this long already.
                call.wish.place = Some(Kept { queue: None, arrival });
                QueueEnd::Overflow
            }
            ItemOutcome::LeftByKey(_) => {
                call.wish.place = call.wish.keep_place.then_some(Kept { queue, arrival });
                return;
            }
            // By their own will: the flow knows, or the caller is gone.
            ItemOutcome::Abandoned | ItemOutcome::CallbackTaken => return,
        };
        let here = match call.phase {
            Phase::Waiting { item: waiting } => waiting == item,
            Phase::Bridged { with: With::Agent { item: talking }, .. } => talking == item,
            _ => false,
        };
        if !here {
            return;
        }
        out.push(Action::Media { shard: call.shard, command: crate::media::Command::Stop { leg: call.caller } });
        match outcome {
            ItemOutcome::FlowedOut(Destination::HangUp(_)) => self.hang_up(id, Outcome::Completed, now, out),
            ItemOutcome::FlowedOut(Destination::Extension(extension)) => self.send_to_extension(id, extension, now, out),
            _ => self.back_to_flow(id, ivr::Event::Queue(end), now, out),
        }
    }

    /// Given to somebody who is no agent; back to the flow when they do not take it.
    fn send_to_extension(&mut self, id: CallId, extension: &str, now: Now, out: &mut Vec<Action>) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.phase = Phase::InFlow;
        }
        // The queue that lets its callers go there pays, as flows do.
        let queue = self.calls.get(&id).and_then(|call| call.queue.clone());
        let payer = Payer::Flow(queue.unwrap_or_default());
        let wanted = Wanted::Extension(extension.into());
        let summons = Summons { wanted, errand: Errand::new(payer, Way::Transfer), ring: RING };
        self.dial(id, Purpose::Overflow, &summons, now, out);
    }

    /// For what an agent notes of a call after it.
    fn remember_item(&mut self, item: ItemId, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        self.recent_items.push_back((item, call.reference.clone()));
        if self.recent_items.len() > RECENT_ITEMS {
            self.recent_items.pop_front();
        }
    }

    /// The call is over, or goes elsewhere: the queue forgets it.
    pub(super) fn leave_queue(&mut self, id: CallId, why: acd::Leaving, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let end = Some(if why == acd::Leaving::HungUp { TalkEnd::Caller } else { TalkEnd::Exchange });
        let (phase, third) = (call.phase.clone(), call.third.take());
        if let Some(third) = third {
            self.item_over(third.with, end, now);
        }
        match phase {
            Phase::Waiting { item } => self.tell_acd(acd::Event::Leave { item, why }, now),
            // Whose line broke finds their place when they call again, as one does who was still waiting.
            Phase::Bridged { with: With::Agent { item }, .. } if why == acd::Leaving::CutOff => {
                self.tell_acd_of_end(acd::Event::Leave { item, why }, end, now);
            }
            Phase::Bridged { with, .. } => self.item_over(with, end, now),
            Phase::Joining => {
                if let Some(item) = self.takes_along(id) {
                    self.item_over(With::Agent { item }, None, now);
                }
            }
            _ => {}
        }
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

/// `queue-position-3`; beyond ten only that it is more.
fn position_prompt(position: usize) -> Name {
    let place = if position <= MOST_POSITION { position.to_string() } else { "more".to_string() };
    format!("{POSITION_PROMPT}{place}").into()
}

/// `queue-wait-5`: as many minutes, as the engine rounds them; beyond an hour only that it is more.
fn wait_prompt(wait: Duration) -> Name {
    let minutes = wait.as_secs() / 60;
    let minutes = if minutes <= MOST_MINUTES { minutes.to_string() } else { "more".to_string() };
    format!("{WAIT_PROMPT}{minutes}").into()
}
