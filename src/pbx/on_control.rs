//! What the operator asks, and the answer.

use super::{Action, Call, Pbx, on_sip};
use crate::control::{LiveCall, Registration, Request, Response, Status};
use crate::id::ReplyId;
use crate::sip::{Listener, Transport};
use crate::time::Now;

impl Pbx {
    pub(super) fn on_control(&mut self, reply: ReplyId, request: Request, now: Now, out: &mut Vec<Action>) {
        let response = match request {
            Request::Status => Response::Status(self.status()),
            Request::Calls => Response::Calls(self.calls.values().map(live_call).collect()),
            Request::Registrations => Response::Registrations(self.registrations()),
            Request::Cdr { .. } => Response::Failed("records are read from the store, not asked of the exchange".into()),
            Request::Stop => {
                self.stop(now, out);
                Response::Done
            }
        };
        out.push(Action::Reply { reply, response });
    }

    fn status(&self) -> Status {
        let census = self.endpoint.census();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
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
            listeners: self.config.sip.listeners.iter().map(listener_words).collect(),
            // The shell adds what it counts itself.
            ..Status::default()
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
}

fn live_call(call: &Call) -> LiveCall {
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
    }
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
