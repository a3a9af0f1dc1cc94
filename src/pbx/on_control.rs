//! What the operator asks, and the answer.

use super::call::{Leg, Phase};
use super::{Action, Call, Pbx, on_sip};
use crate::acd;
use crate::control::{
    AgentOrder, AgentRow, LiveCall, MAX_REASON, QueueRow, QueueThreshold, Registration, ReportSettings, Request, Response,
    Status,
};
use crate::fault::nearest;
use crate::id::{Name, ReplyId};
use crate::sip::{Listener, Transport};
use crate::time::{Duration, Now};

impl Pbx {
    pub(super) fn on_control(&mut self, reply: ReplyId, request: Request, now: Now, out: &mut Vec<Action>) {
        let response = match request {
            Request::Calendars => Response::Calendars(self.calendar_rows(now)),
            Request::Calendar { calendar, order } => return self.order_calendar(reply, calendar.into(), order, now, out),
            Request::Status => Response::Status(self.status()),
            Request::Calls => Response::Calls(self.calls.values().map(|call| self.live_call(call)).collect()),
            Request::Registrations => Response::Registrations(self.registrations()),
            Request::Trunks => Response::Trunks(self.trunk_rows(now)),
            Request::Queues => Response::Queues(self.queue_rows(now)),
            Request::Agents => Response::Agents(self.agent_rows(now)),
            Request::Agent { agent, order } => self.order_agent(agent.into(), order, now),
            Request::ReportSettings => Response::ReportSettings(self.report_settings()),
            Request::Cdr { .. } | Request::Report(_) | Request::QueueLog { .. } => {
                Response::Failed("records are read from the store, not asked of the exchange".into())
            }
            Request::Stop => {
                self.stop(now, out);
                Response::Done
            }
        };
        out.push(Action::Reply { reply, response });
    }

    fn status(&self) -> Status {
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
            calls_total: self.totals.calls,
            answered_total: self.totals.answered,
            rejected_total: self.totals.rejected,
            panics_contained: self.totals.panics,
            not_permitted: self.totals.not_permitted,
            listeners: self.config.sip.listeners.iter().map(listener_words).collect(),
            // The shell adds what it counts itself.
            ..Status::default()
        }
    }

    fn order_agent(&mut self, agent: Name, order: AgentOrder, now: Now) -> Response {
        if !self.acd.has_agent(&agent) {
            let known = nearest(&agent, self.config.agents.keys().map(AsRef::as_ref));
            let hint = known.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            return Response::Failed(format!("there is no agent `{agent}`{hint}"));
        }
        let event = match order {
            AgentOrder::Login => acd::Event::AgentLogin { agent },
            AgentOrder::Logout => acd::Event::AgentLogout { agent },
            AgentOrder::Pause { reason } => {
                if reason.is_empty() || reason.chars().count() > MAX_REASON {
                    return Response::Failed(format!("a pause has a reason, of at most {MAX_REASON} letters"));
                }
                acd::Event::AgentPause { agent, reason: reason.into() }
            }
            AgentOrder::Resume => acd::Event::AgentResume { agent },
        };
        self.tell_acd(event, now);
        Response::Done
    }

    fn report_settings(&self) -> ReportSettings {
        let threshold = |(name, queue): (&Name, &acd::Queue)| QueueThreshold {
            queue: name.to_string(),
            within_ms: millis(queue.service_level.within),
            short_ms: millis(queue.service_level.short),
        };
        ReportSettings { zone: self.config.zone.to_string(), queues: self.config.acd.queues.iter().map(threshold).collect() }
    }

    fn queue_rows(&self, now: Now) -> Vec<QueueRow> {
        let row = |queue: acd::QueueView| QueueRow {
            name: queue.name.to_string(),
            strategy: format!("{:?}", queue.order.then),
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
            for_ms: millis(now.mono.since(agent.since)),
            queues: agent.queues.iter().map(ToString::to_string).collect(),
            reachable: agent.reachable,
            calls: u64::from(agent.calls),
            talked_ms: millis(agent.talked),
            no_answers: u64::from(agent.no_answers),
        };
        self.acd.agents().into_iter().map(row).collect()
    }

    /// Who has the call: the leg it talks with, the queue it waits in, or the flow it walks.
    fn holder(&self, call: &Call) -> String {
        let party = |leg| self.legs.get(leg).map(|leg: &Leg| format!("{} {}", leg.role.word(), leg.party.number));
        match &call.phase {
            Phase::Bridged { peer, .. } => party(peer).unwrap_or_default(),
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
            phase: call.phase.name().into(),
            from: call.from.number.clone(),
            name: call.from.name.clone(),
            dialled: call.dialled.clone(),
            source: on_sip::source_words(&call.source),
            started: call.started,
            answered: call.answered,
            flow: here.map(|visit| visit.flow.to_string()),
            node: here.map(|visit| visit.node.to_string()),
            language: language.to_string(),
            holder: self.holder(call),
        }
    }
}

pub(super) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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
