//! Transactions: one request and its responses, made reliable (RFC 3261 section 17, RFC 6026).
//!
//! ```text
//!   user agent core        (session, registrar, registration)
//!        |  send / say            ^  Notice: response, timeout, unreachable
//!        v                        |
//!   Transactions   layer.rs: who is who (17.1.3, 17.2.3), timers, limits
//!        |  state, event -> state, acts
//!        v
//!   invite_client   client   invite_server   server      four pure tables
//! ```
//!
//! | file | table of |
//! |---|---|
//! | [`invite_client`] | the INVITE that we send |
//! | [`client`] | any other request that we send |
//! | [`invite_server`] | the INVITE that we receive |
//! | [`server`] | any other request that we receive |
//!
//! `machine` is any of the four, `layer` runs them, `matching` says which message belongs to which, `words` are what the core hears.
//!
//! Invariant: a table decides, the layer does; nothing else changes a transaction's state.

pub mod client;
pub mod invite_client;
pub mod invite_server;
mod layer;
mod machine;
mod matching;
pub mod server;
mod words;

pub(super) use layer::Transactions;
pub(super) use matching::request_key;
pub(super) use words::{Answer, Heard, Notice, Owner, TxId};

use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// An estimate of the round-trip time (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// The longest pause between two sendings of a request or response (RFC 3261 section 17.1.2.2).
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network (RFC 3261 section 17.1.2.2).
pub const T4: Duration = Duration::from_secs(5);
/// How long anything is tried at all: 64*T1.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// The timers of RFC 3261 table 4 and RFC 6026, and one of our own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// INVITE sent again: T1, doubling.
    A,
    /// INVITE given up: 64*T1.
    B,
    /// A final response to our INVITE may come again: 32 s over UDP.
    D,
    /// Request sent again: T1, doubling up to T2.
    E,
    /// Request given up: 64*T1.
    F,
    /// Our refusal sent again: T1, doubling up to T2.
    G,
    /// No ACK came: 64*T1.
    H,
    /// ACKs may come again: T4.
    I,
    /// The request may come again: 64*T1.
    J,
    /// The response may come again: T4.
    K,
    /// The INVITE that we accepted may come again: 64*T1.
    L,
    /// Other 2xx may come: 64*T1.
    M,
    /// An INVITE that nobody wants any more (cancelled, or its session has ended) is given this long for its final answer.
    Patience,
}

impl Timer {
    /// How long it runs when it is started.
    pub fn first(self) -> Duration {
        match self {
            Timer::A | Timer::E | Timer::G => T1,
            Timer::I | Timer::K => T4,
            Timer::B | Timer::D | Timer::F | Timer::H | Timer::J | Timer::L | Timer::M | Timer::Patience => GIVE_UP,
        }
    }

    /// How long it runs after it ran `last`: timer A doubles without limit, E and G up to T2.
    pub fn next(self, last: Duration) -> Duration {
        match self {
            Timer::A => last * 2,
            _ => (last * 2).min(T2),
        }
    }
}

/// What a table wants done; the acts of one row are done in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A client sends its request, a server its last response.
    Send,
    /// Acknowledge the refusal of our INVITE (RFC 3261 section 17.1.1.3).
    Ack,
    /// Pass what came up to the core.
    Tell,
    TellTimeout,
    TellUnreachable,
    Start(Timer),
    /// Start it anew with the pause that follows the last one ([`Timer::next`]).
    Again(Timer),
    /// Start it anew with T2.
    Slow(Timer),
    Stop(Timer),
}
