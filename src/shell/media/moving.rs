//! Legs between two shards: their sockets, and the commands that wait for them to arrive.
//!
//! Invariant: a socket that nobody asks for again is closed when [`MAX_KEPT`] others have come after it.

use crate::id::LegId;
use crate::media::{Command, ShardId};
use std::collections::{BTreeMap, VecDeque};
use std::net::UdpSocket;

/// Sockets of legs that were exported and not yet imported.
const MAX_KEPT: usize = 256;
/// Commands that wait for one leg; further ones are lost, and said to be in the log.
const MAX_WAITING: usize = 64;

#[derive(Default)]
pub struct Moving {
    sockets: VecDeque<(LegId, UdpSocket)>,
    moves: BTreeMap<LegId, Move>,
}

struct Move {
    to: ShardId,
    waiting: Vec<Command>,
}

impl Moving {
    /// False when the leg is on its way already.
    pub fn begin(&mut self, leg: LegId, to: ShardId) -> bool {
        let new = !self.moves.contains_key(&leg);
        self.moves.entry(leg).or_insert(Move { to, waiting: Vec::new() });
        new
    }

    /// Gives a command back, unless it must wait for a leg that is on its way.
    pub fn hold(&mut self, command: Command) -> Option<Command> {
        if self.moves.is_empty() {
            return Some(command);
        }
        let (leg, other) = legs_of(&command);
        let on_its_way = if self.moves.contains_key(&leg) { Some(leg) } else { other };
        let Some(found) = on_its_way.and_then(|leg| self.moves.get_mut(&leg)) else { return Some(command) };
        if found.waiting.len() < MAX_WAITING {
            found.waiting.push(command);
        } else {
            tracing::error!(?leg, ?command, "too many commands for a leg on its way to another shard");
        }
        None
    }

    /// The shard that a leg is to arrive at, and what it is told there.
    pub fn arrive(&mut self, leg: LegId) -> Option<(ShardId, Vec<Command>)> {
        self.moves.remove(&leg).map(|found| (found.to, found.waiting))
    }

    /// The leg is not there to be moved: what waits for it is in vain.
    pub fn forget(&mut self, leg: LegId) {
        self.moves.remove(&leg);
    }

    pub fn keep(&mut self, leg: LegId, socket: UdpSocket) {
        if self.sockets.len() == MAX_KEPT
            && let Some((forgotten, _)) = self.sockets.pop_front()
        {
            tracing::error!(leg = ?forgotten, "an exported leg was never imported; its socket is closed");
        }
        self.sockets.push_back((leg, socket));
    }

    pub fn socket(&mut self, leg: LegId) -> Option<UdpSocket> {
        let index = self.sockets.iter().position(|(kept, _)| *kept == leg)?;
        self.sockets.remove(index).map(|(_, socket)| socket)
    }
}

/// Whom a command is for.
fn legs_of(command: &Command) -> (LegId, Option<LegId>) {
    match command {
        Command::Bridge { a, b } => (*a, Some(*b)),
        Command::Import { state } => (state.leg(), None),
        Command::Open { leg, .. }
        | Command::Connect { leg, .. }
        | Command::Play { leg, .. }
        | Command::Stop { leg }
        | Command::Music { leg, .. }
        | Command::Unbridge { leg }
        | Command::SendDigit { leg, .. }
        | Command::Export { leg }
        | Command::Close { leg } => (*leg, None),
    }
}
