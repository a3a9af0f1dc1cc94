//! The four tables as one machine.
//!
//! Invariant: a machine stays of the kind that it began as.

use super::{Act, Timer, client, invite_client, invite_server, server};
use crate::sip::visited::Visited;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Machine {
    InviteClient(invite_client::State),
    Client(client::State),
    InviteServer(invite_server::State),
    Server(server::State),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Happening {
    InviteClient(invite_client::Event),
    Client(client::Event),
    InviteServer(invite_server::Event),
    Server(server::Event),
}

impl Machine {
    /// What comes next, and what is to be done; `None`: that does not happen to a machine of this kind.
    pub fn step(self, happening: Happening, reliable: bool) -> Option<(Machine, &'static [Act])> {
        Some(match (self, happening) {
            (Machine::InviteClient(state), Happening::InviteClient(event)) => {
                let (state, acts) = invite_client::step(state, event, reliable);
                (Machine::InviteClient(state), acts)
            }
            (Machine::Client(state), Happening::Client(event)) => {
                let (state, acts) = client::step(state, event, reliable);
                (Machine::Client(state), acts)
            }
            (Machine::InviteServer(state), Happening::InviteServer(event)) => {
                let (state, acts) = invite_server::step(state, event, reliable);
                (Machine::InviteServer(state), acts)
            }
            (Machine::Server(state), Happening::Server(event)) => {
                let (state, acts) = server::step(state, event, reliable);
                (Machine::Server(state), acts)
            }
            _ => return None,
        })
    }

    pub fn is_finished(self) -> bool {
        match self {
            Machine::InviteClient(state) => !matches!(state, invite_client::State::Calling | invite_client::State::Proceeding),
            Machine::Client(state) => !matches!(state, client::State::Trying | client::State::Proceeding),
            Machine::InviteServer(state) => state != invite_server::State::Proceeding,
            Machine::Server(state) => !matches!(state, server::State::Trying | server::State::Proceeding),
        }
    }

    pub fn is_terminated(self) -> bool {
        matches!(
            self,
            Machine::InviteClient(invite_client::State::Terminated)
                | Machine::Client(client::State::Terminated)
                | Machine::InviteServer(invite_server::State::Terminated)
                | Machine::Server(server::State::Terminated)
        )
    }

    pub fn timers(self) -> &'static [Timer] {
        match self {
            Machine::InviteClient(_) => &[Timer::A, Timer::B, Timer::D, Timer::M, Timer::Patience],
            Machine::Client(_) => &[Timer::E, Timer::F, Timer::K],
            Machine::InviteServer(_) => &[Timer::G, Timer::H, Timer::I, Timer::L],
            Machine::Server(_) => &[Timer::J],
        }
    }

    pub fn mark(self, visited: &mut Visited) {
        match self {
            Machine::InviteClient(state) => visited.invite_client(state),
            Machine::Client(state) => visited.client(state),
            Machine::InviteServer(state) => visited.invite_server(state),
            Machine::Server(state) => visited.server(state),
        }
    }
}
