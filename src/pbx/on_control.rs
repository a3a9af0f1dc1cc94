//! What the operator asks, and the answer.

use super::call::Phase;
use super::queueing::{kind_word, millis};
use super::{Action, Call, Pbx, Said, on_sip};
use crate::acd;
use crate::control::{
    AgentOrder, AgentRow, Explain, LiveCall, MAX_REASON, QueueOrder, QueueRow, QueueThreshold, Registration, ReportSettings,
    Request, Response, Status, WaitingRow,
};
use crate::fault::fields::print_duration;
use crate::fault::nearest;
use crate::id::{Name, ReplyId};
use crate::sip::{Listener, Transport};
use crate::time::{Duration, Now};

impl Pbx {
    pub(super) fn on_control(&mut self, reply: ReplyId, request: Request, now: Now, out: &mut Vec<Action>) {
        let response = match request {
            Request::SaveCustomers(list) => return self.save_customers(reply, list, now, out),
            Request::RemoveCustomers(ids) => return self.remove_customers(reply, ids, now, out),
            Request::Unlock { customer, numbers } => return self.unlock(reply, customer, &numbers, now, out),
            Request::Locks => self.locks(now),
            Request::NumberingPlan => self.numbering_plan(),
            Request::Customers { .. } => {
                Response::Failed("customers are read from the store, not asked of the exchange".into())
            }
            Request::Calendars => Response::Calendars(self.calendar_rows(now)),
            Request::Calendar { calendar, order } => return self.order_calendar(reply, calendar.into(), order, now, out),
            Request::Status => Response::Status(self.status(now)),
            Request::Calls => Response::Calls(self.calls.values().map(|call| self.live_call(call)).collect()),
            Request::Registrations => Response::Registrations(self.registrations()),
            Request::Trunks => Response::Trunks(self.trunk_rows(now)),
            Request::Queues => Response::Queues(self.queue_rows(now)),
            Request::Agents => Response::Agents(self.agent_rows(now)),
            Request::Explain(Explain::Call(call)) => self.explain_call(&call, now),
            Request::Explain(Explain::Agent(agent)) => self.explain_agent(&agent, now),
            Request::Queue { queue, order } => self.order_queue(&queue, order, now),
            Request::Callbacks => Response::Waiting(self.waiting_rows(None, Some(acd::Kind::Callback), now)),
            Request::Agent { agent, order } => return self.order_agent_then_reply(reply, agent.into(), order, now, out),
            Request::ReportSettings => Response::ReportSettings(self.report_settings()),
            Request::Cdr { .. } | Request::Report(_) | Request::QueueLog { .. } | Request::Webhooks => {
                Response::Failed("records are read from the store, not asked of the exchange".into())
            }
            Request::FlowReport { .. } | Request::Reload | Request::Rollback => {
                Response::Failed("this is the daemon's to answer, not the exchange's".into())
            }
            Request::Stop => {
                self.stop(now, out);
                Response::Done
            }
        };
        out.push(Action::Reply { reply, response });
    }

    fn status(&self, now: Now) -> Status {
        let census = self.endpoint.census();
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            started: self.started,
            calls: count(self.calls.len()),
            legs: count(self.legs.len()),
            ports_used: count(self.ports.granted().len()),
            ports_resting: count(self.ports.resting()),
            transactions: count(census.unfinished),
            transactions_finished: count(census.finished),
            dialogs: count(census.dialogs),
            registrations: count(census.bindings),
            questions_open: count(self.asks.len()),
            writes_open: self.writes_open,
            writes_lost: self.totals.writes_lost,
            calls_total: self.totals.calls,
            answered_total: self.totals.answered,
            rejected_total: self.totals.rejected,
            panics_contained: self.totals.panics,
            refused_full: self.totals.full,
            not_permitted: self.totals.not_permitted,
            agents_stuck: count(self.acd.agents_stuck(now, |item| self.items.contains_key(&item))),
            dispatch_lag_ms: millis(self.acd.dispatch_lag(now)),
            listeners: self.config.sip.listeners.iter().map(listener_words).collect(),
            // The shell adds what it counts itself.
            ..Status::default()
        }
    }

    pub(super) fn no_agent(&self, agent: &str) -> Response {
        Response::Failed(self.unknown_agent(agent))
    }

    fn unknown_agent(&self, agent: &str) -> String {
        let known = nearest(agent, self.config.agents.keys().map(AsRef::as_ref));
        let hint = known.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        format!("there is no agent `{agent}`{hint}")
    }

    /// Answered when what has changed of the agent is kept, or could not be.
    fn order_agent_then_reply(&mut self, reply: ReplyId, agent: Name, order: AgentOrder, now: Now, out: &mut Vec<Action>) {
        self.ordered = Some((agent.clone(), reply, false));
        let response = self.order_agent(agent, order, now);
        if matches!(response, Response::Done) {
            self.settle(now, out);
        }
        if !self.ordered.take().is_some_and(|(.., is_kept_first)| is_kept_first) {
            out.push(Action::Reply { reply, response });
        }
    }

    fn order_agent(&mut self, agent: Name, order: AgentOrder, now: Now) -> Response {
        if !self.acd.has_agent(&agent) {
            return self.no_agent(&agent);
        }
        let reason = |reason: String| match reason.is_empty() || reason.chars().count() > MAX_REASON {
            true => Err(format!("a pause has a reason, of at most {MAX_REASON} letters")),
            false => Ok(Name::from(reason)),
        };
        let (name, was) = (agent.clone(), self.acd.agent(&agent));
        // What became of a call is noted at the call, not at the agent.
        let is_disposal = matches!(order, AgentOrder::Dispose { .. });
        let event = match order {
            AgentOrder::Login => acd::Event::AgentLogin { agent },
            AgentOrder::Logout => acd::Event::AgentLogout { agent },
            AgentOrder::Pause { reason: why } => match reason(why) {
                Ok(reason) => acd::Event::AgentPause { agent, reason },
                Err(why) => return Response::Failed(why),
            },
            AgentOrder::Force { reason: why } => match reason(why) {
                Ok(reason) => acd::Event::ForcePause { agent, reason },
                Err(why) => return Response::Failed(why),
            },
            AgentOrder::Resume => acd::Event::AgentResume { agent },
            AgentOrder::Approve => acd::Event::JudgePause { agent, approved: true },
            AgentOrder::Deny => acd::Event::JudgePause { agent, approved: false },
            AgentOrder::Release => acd::Event::ReleaseAgent { agent },
            AgentOrder::Ready => acd::Event::AgentReady { agent },
            AgentOrder::Extend { by_ms } => acd::Event::ExtendWrapUp { agent, by: Duration::from_millis(by_ms) },
            AgentOrder::Dispose { code } => acd::Event::Dispose { agent, code: code.into() },
        };
        let response = self.tell_agent(event, now);
        let is = self.acd.agent(&name);
        match (response, is) {
            (Response::Done, Some(is)) if !is_disposal && was.as_ref() == Some(&is) => Response::Failed(nothing_done(&is)),
            (response, _) => response,
        }
    }

    /// An order with the engine's answer to it.
    fn tell_agent(&mut self, event: acd::Event, now: Now) -> Response {
        let before = self.said.len();
        let (is_disposal, is_verdict) =
            (matches!(event, acd::Event::Dispose { .. }), matches!(event, acd::Event::JudgePause { approved: false, .. }));
        let is_end = matches!(event, acd::Event::AgentResume { .. });
        self.tell_acd(event, now);
        let mut told =
            self.said.iter().skip(before).filter_map(|said| if let Said::Acd(action, _) = said { Some(action) } else { None });
        let refused = told.clone().find_map(|action| match action {
            acd::Action::PauseRefused { reason, why, .. } if is_end => {
                Some(format!("the pause `{reason}` does not end: {why}"))
            }
            acd::Action::PauseRefused { reason, why, .. } => Some(format!("no pause `{reason}`: {why}")),
            _ => None,
        });
        let asked = told.clone().any(|action| matches!(action, acd::Action::PauseAsked { .. }));
        match refused {
            Some(why) if !is_verdict => Response::Failed(why),
            _ if asked => Response::Told("a supervisor is asked to agree".into()),
            _ if is_disposal && !told.any(|action| matches!(action, acd::Action::Disposed { .. })) => {
                Response::Failed("the agent is on no call and wraps none up, or the queue knows no such code".into())
            }
            _ => Response::Done,
        }
    }

    fn no_queue(&self, queue: &str) -> String {
        let known = nearest(queue, self.config.acd.queues.keys().map(AsRef::as_ref));
        let hint = known.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        format!("there is no queue `{queue}`{hint}")
    }

    fn order_queue(&mut self, queue: &str, order: QueueOrder, now: Now) -> Response {
        if !self.acd.has_queue(queue) {
            return Response::Failed(self.no_queue(queue));
        }
        let event = match order {
            QueueOrder::Show => return Response::Waiting(self.waiting_rows(Some(queue), None, now)),
            QueueOrder::Move { call, to } => {
                let item = self.waiting_in(queue, &call).and_then(|item| self.may_move(&item, &to).map(|()| item.item));
                item.map(|item| acd::Event::Move { item, queue: to.into() })
            }
            QueueOrder::Pick { call, agent } => {
                let item = self.waiting_in(queue, &call).and_then(|item| self.may_ring(&item, &agent, now).map(|()| item.item));
                item.map(|item| acd::Event::Assign { item, agent: agent.into() })
            }
        };
        let before = self.said.len();
        match event {
            Ok(event) => self.tell_acd(event, now),
            Err(why) => return Response::Failed(why),
        }
        let done = |said: &Said| matches!(said, Said::Acd(acd::Action::Moved { .. } | acd::Action::Offer { .. }, _));
        match self.said.iter().skip(before).any(done) {
            true => Response::Done,
            false => Response::Failed("not done: `centrala explain call` says how it stands".into()),
        }
    }

    /// The item of a call that waits in this queue and in no other: who orders looked at a list that may be true no longer.
    fn waiting_in(&self, queue: &str, call: &str) -> Result<acd::ItemView, String> {
        let item = self.find_call(call).and_then(|call| self.item_of(call))?;
        let views = self.acd.queues().into_iter().flat_map(|queue| self.acd.items(&queue.name));
        let view = views.into_iter().find(|view| view.item == item).ok_or("the call waits no longer")?;
        match view.agents.first() {
            Some(agent) if view.talking_since.is_some() => Err(format!("the call waits no longer: it talks with {agent}")),
            _ if *view.queue != *queue => Err(format!("the call waits in `{}`, not in `{queue}`", view.queue)),
            _ => Ok(view),
        }
    }

    fn may_move(&self, item: &acd::ItemView, to: &str) -> Result<(), String> {
        if !self.acd.has_queue(to) {
            return Err(self.no_queue(to));
        }
        if *item.queue == *to {
            return Err(format!("the call waits in `{to}` already"));
        }
        let most = self.config.acd.queues.get(to).map_or(usize::MAX, |queue| queue.max_waiting.max(1));
        let waiting = self.acd.queues().iter().find(|queue| *queue.name == *to).map_or(0, |queue| queue.waiting);
        if waiting >= most { Err(format!("`{to}` is full: {waiting} wait there, and no more than {most} may")) } else { Ok(()) }
    }

    /// Whether an agent can be rung for what waits, whatever they serve and know.
    fn may_ring(&self, item: &acd::ItemView, agent: &str, now: Now) -> Result<(), String> {
        let Some(view) = self.acd.agent(agent) else { return Err(self.unknown_agent(agent)) };
        let why = match &view.state {
            acd::State::Offered if view.item == Some(item.item) => "is being rung for this call already".to_string(),
            acd::State::Offered => "is being rung for another call".into(),
            acd::State::OnCall => "is on a call".into(),
            acd::State::Busy => "is on a call of their own".into(),
            acd::State::WrapUp => "wraps up a call".into(),
            acd::State::Paused(reason) => format!("is paused ({reason})"),
            acd::State::Offline if view.logged_in_since.is_none() => "is offline: not logged in".into(),
            acd::State::Offline => "is offline: no phone of theirs is registered".into(),
            acd::State::Available => match view.rests_until.filter(|until| *until > now.mono) {
                Some(until) => {
                    let rest = print_duration(Duration::from_secs(until.since(now.mono).as_secs().max(1)));
                    format!("rests for {rest} after an offer that came to nothing")
                }
                None => return self.rings_enough(item),
            },
        };
        Err(format!("`{agent}` {why}"))
    }

    /// Only where several are rung at once is one more rung for a call that rings.
    fn rings_enough(&self, item: &acd::ItemView) -> Result<(), String> {
        let strategy = self.config.acd.queues.get(&item.queue).map(|queue| queue.order.then);
        let most = if strategy == Some(acd::Strategy::RingAll) { acd::RING_ALL_AT_ONCE } else { 1 };
        if item.agents.len() < most {
            return Ok(());
        }
        let agents: Vec<String> = item.agents.iter().map(|agent| format!("`{agent}`")).collect();
        Err(format!("the call rings at {} just now", agents.join(", ")))
    }

    /// Who is in a queue, or in all; only of one kind if that is asked.
    fn waiting_rows(&self, queue: Option<&str>, kind: Option<acd::Kind>, now: Now) -> Vec<WaitingRow> {
        let queues = self.acd.queues().into_iter().filter(|view| queue.is_none_or(|queue| *view.name == *queue));
        let views = queues.flat_map(|view| self.acd.items(&view.name)).filter(|view| kind.is_none_or(|kind| view.kind == kind));
        let row = |view: acd::ItemView| {
            let call = self.caller_of(view.item).and_then(|call| self.calls.get(&call));
            WaitingRow {
                queue: view.queue.to_string(),
                position: view.position.map(count),
                call: call.map(|call| call.reference.clone()).unwrap_or_default(),
                from: call.map(|call| call.from.number.clone()).unwrap_or_default(),
                kind: kind_word(view.kind).into(),
                waited_ms: millis(view.talking_since.unwrap_or(now.mono).since(view.joined)),
                class: view.class,
                head_start_ms: millis(view.head_start),
                agents: view.agents.iter().map(ToString::to_string).collect(),
            }
        };
        views.map(row).collect()
    }

    fn report_settings(&self) -> ReportSettings {
        let threshold = |(name, queue): (&Name, &acd::Queue)| QueueThreshold {
            queue: name.to_string(),
            within_ms: millis(queue.service_level.within),
            short_ms: millis(queue.service_level.short),
        };
        ReportSettings {
            zone: self.config.zone.to_string(),
            queues: self.config.acd.queues.iter().map(threshold).collect(),
            flows: self.config.flows.keys().map(ToString::to_string).collect(),
        }
    }

    fn queue_rows(&self, now: Now) -> Vec<QueueRow> {
        let row = |queue: acd::QueueView| QueueRow {
            name: queue.name.to_string(),
            strategy: queue.order.to_string(),
            closed: !self.is_open(&queue.name, now),
            waiting: count(queue.waiting),
            ringing: count(queue.ringing),
            talking: count(queue.talking),
            longest_wait_ms: queue.waiting_since.map_or(0, |since| millis(now.mono.since(since))),
            agents: count(queue.agents),
            logged_in: count(queue.logged_in),
            free: count(queue.free),
            offered: queue.tally.offered,
            answered: queue.tally.answered,
            abandoned: queue.tally.abandoned,
        };
        self.acd.queues().into_iter().map(row).collect()
    }

    fn agent_rows(&self, now: Now) -> Vec<AgentRow> {
        let row = |agent: acd::AgentView| AgentRow {
            name: agent.name.to_string(),
            state: agent.state.to_string(),
            then: agent.then.map(|then| then.to_string()),
            for_ms: millis(now.mono.since(agent.since)),
            queues: agent.queues.iter().map(ToString::to_string).collect(),
            reachable: agent.reachable,
            calls: u64::from(agent.calls),
            talked_ms: millis(agent.talked),
            no_answers: u64::from(agent.no_answers),
            wish: agent.wish.map(|wish| wish.to_string()),
            skills: agent.skills.iter().map(|(skill, level)| (skill.to_string(), *level)).collect(),
        };
        self.acd.agents().into_iter().map(row).collect()
    }

    /// Who has the call: the leg it talks with, the queue it waits in, or the flow it walks.
    fn holder(&self, call: &Call) -> String {
        let party = |leg| self.legs.get(leg).map(|leg| format!("{} {}", leg.role.word(), leg.party.number));
        match &call.phase {
            Phase::Bridged { peer, .. } => {
                let third = call.third.map(|third| third.leg);
                let parties: Vec<String> = [Some(*peer), third].iter().flatten().filter_map(party).collect();
                parties.join(" + ")
            }
            Phase::Waiting { .. } => format!("queue {}", call.queue.as_deref().unwrap_or_default()),
            Phase::Ringing { attempt } => {
                self.attempts.get(attempt).and_then(|it| it.legs.first()).and_then(party).unwrap_or_default()
            }
            Phase::InFlow => call.session.as_ref().map(|session| format!("flow {}", session.flow().name)).unwrap_or_default(),
            Phase::Parked { slot } => format!("slot {slot}"),
            Phase::Routing { .. } | Phase::Told | Phase::Joining | Phase::Ended { .. } => "exchange".into(),
        }
    }

    fn registrations(&self) -> Vec<Registration> {
        self.endpoint
            .all_bindings()
            .map(|binding| Registration {
                user: binding.user.to_string(),
                contact: binding.contact.to_string(),
                address: binding.path.remote.to_string(),
                transport: transport_word(binding.path.transport).into(),
                expires: binding.expires,
                user_agent: binding.user_agent.clone(),
            })
            .collect()
    }

    fn live_call(&self, call: &Call) -> LiveCall {
        let here = call.session.as_ref().and_then(|session| session.visits().last());
        let language = call.session.as_ref().map_or(&call.language, |session| session.language());
        LiveCall {
            reference: call.reference.clone(),
            phase: if call.third.is_some() { "three-way" } else { call.phase.name() }.into(),
            from: call.from.number.clone(),
            name: call.from.name.clone(),
            dialled: call.dialled.clone(),
            source: on_sip::source_words(&call.source),
            started: call.started,
            answered: call.answered,
            flow: here.map(|visit| visit.flow.to_string()),
            node: here.map(|visit| visit.node.to_string()),
            node_since: here.map(|visit| visit.entered),
            language: language.to_string(),
            holder: self.holder(call),
        }
    }
}

pub(super) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// An order that changed nothing is told, with how things stand.
fn nothing_done(agent: &acd::AgentView) -> String {
    let phone = if agent.reachable { "" } else { ", and no phone of theirs is registered" };
    let then = agent.then.as_ref().map(|then| format!(", then {then}")).unwrap_or_default();
    format!("nothing to do: `{}` is {}{then}{phone}", agent.name, agent.state)
}

fn listener_words(listener: &Listener) -> String {
    format!("{} {}", transport_word(listener.transport), listener.address)
}

fn transport_word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    }
}
