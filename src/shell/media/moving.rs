//! Legs between two shards: their sockets, and the commands that wait for them to arrive.
//!
//! ```text
//!   Export --> order --> the old shard --> Left, with the socket --> Exported, to the core
//!      |                                        |                        |
//!      |   commands for it wait from here ...   v                        v
//!      +------------------------------------> kept socket --> Import, with it --> order --> the new shard
//!                                                             ... and follow it there, in order
//! ```
//!
//! Invariant: a socket that nobody asks for again is closed when [`MAX_KEPT`] others have come after it, and what waits is dropped.

use crate::id::LegId;
use crate::media::Command;
use std::collections::{BTreeMap, VecDeque};
use std::net::UdpSocket;

/// Sockets of legs that were exported and not yet imported.
const MAX_KEPT: usize = 256;
/// Commands that wait for one leg; further ones are lost, and said to be in the log.
const MAX_WAITING: usize = 64;

#[derive(Default)]
pub struct Moving {
    sockets: VecDeque<(LegId, UdpSocket)>,
    waiting: BTreeMap<LegId, Vec<Command>>,
}

impl Moving {
    /// The leg is asked off its shard: commands for it wait.
    pub fn begin(&mut self, leg: LegId) {
        self.waiting.entry(leg).or_default();
    }

    /// Gives a command back, unless it must wait for a leg that is on its way.
    pub fn hold(&mut self, command: Command) -> Option<Command> {
        if matches!(command, Command::Import { .. }) {
            return Some(command);
        }
        // Few are on their way at once.
        let mut waiting = self.waiting.iter_mut();
        let Some((leg, waiting)) = waiting.find(|(leg, _)| is_for(&command, **leg)) else { return Some(command) };
        if waiting.len() < MAX_WAITING {
            waiting.push(command);
        } else {
            tracing::error!(?leg, ?command, "too many commands for a leg on its way to another shard");
        }
        None
    }

    /// The leg has left its shard.
    pub fn keep(&mut self, leg: LegId, socket: UdpSocket) {
        if self.sockets.len() == MAX_KEPT
            && let Some((forgotten, _)) = self.sockets.pop_front()
        {
            tracing::error!(leg = ?forgotten, "an exported leg was never imported; its socket is closed");
            self.waiting.remove(&forgotten);
        }
        self.sockets.push_back((leg, socket));
    }

    /// The leg is to go on: its socket, and what it is told then. None when the socket is gone.
    pub fn arrive(&mut self, leg: LegId) -> Option<(UdpSocket, Vec<Command>)> {
        let index = self.sockets.iter().position(|(kept, _)| *kept == leg)?;
        let (_, socket) = self.sockets.remove(index)?;
        Some((socket, self.waiting.remove(&leg).unwrap_or_default()))
    }

    /// The leg is not there to be moved: what waits for it is in vain.
    pub fn forget(&mut self, leg: LegId) {
        self.waiting.remove(&leg);
    }
}

fn is_for(command: &Command, whom: LegId) -> bool {
    match command {
        Command::Bridge { a, b } => *a == whom || *b == whom,
        Command::Mix { legs } => legs.contains(&whom),
        Command::Import { state } => state.leg() == whom,
        Command::Open { leg, .. }
        | Command::Connect { leg, .. }
        | Command::Play { leg, .. }
        | Command::Stop { leg }
        | Command::Music { leg, .. }
        | Command::Unbridge { leg }
        | Command::SendDigit { leg, .. }
        | Command::Export { leg }
        | Command::Close { leg } => *leg == whom,
    }
}
