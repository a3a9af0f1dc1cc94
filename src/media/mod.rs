//! The media plane: a shard owns the legs of its calls; packets and ticks in, packets and reports out. Pure: the driver in the
//! shell owns the sockets and the clock.
//!
//! ```text
//!            Command                         Report
//!               |                               ^
//!               v                               |
//!   +-- Shard ------------------------------------------------+
//!   |   Leg                                                   |
//!   |    receive: Source (may it speak?) --> rtp::Reception   |
//!   |               |                    --> rtp::events      |
//!   |               +--> the other leg's Voice --> Outbox     |
//!   |               +--> Playout, in a mix                    |
//!   |    tick:    Keys, Player, Music, Mix --> Voice --> Outbox
//!   +---------------------------------------------------------+
//!       ^ datagrams, ticks                 | Outbox
//!       |                                  v
//!        a thread with a socket per leg (shell::media)
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `words` | commands and reports |
//! | `shard` | which leg is due when: every leg has one millisecond of the 20 ms frame; who hears whom |
//! | `leg` | one party's audio: what was agreed, what is played, what is heard, when it is silent |
//! | `source` | from where RTP is accepted, and where to it is sent |
//! | `mix`, `playout` | three who talk: each hears the sum of the others; what waits to be heard |
//! | `player` | sounds end to end, and hold music on a clock common to all, frame by frame |
//! | `keys` | keys that we press towards the peer |
//! | `voice` | one unbroken RTP stream out, whoever speaks: sequence, timestamp, marker |
//! | `outbox` | packets on their way out |
//!
//! Invariant: what a shard does depends only on what it was given, in order; no allocation per packet.

mod keys;
mod leg;
mod mix;
mod outbox;
mod player;
mod playout;
mod shard;
mod source;
#[cfg(test)]
mod tests;
mod voice;
mod words;

pub use crate::audio::{ANY_LANGUAGE, Clip, Library};
pub use outbox::{Outbox, Outgoing};
pub use shard::Shard;
pub use words::*;

/// The audio in a packet, on every leg: 20 ms.
pub const FRAME_MS: i64 = 20;
/// Who can talk with each other in one mix.
pub const MAX_PARTIES: usize = 3;
