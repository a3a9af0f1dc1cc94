//! The INVITE server transaction: RFC 3261 section 17.2.1 as amended by RFC 6026 section 7.1.
//!
//! | State | Event | Next | Does |
//! |---|---|---|---|
//! | Proceeding | INVITE again | Proceeding | send the last response again |
//! | Proceeding | we say 1xx | Proceeding | send it |
//! | Proceeding | we say 2xx | Accepted | send it, start L |
//! | Proceeding | we say 300-699 | Completed | send it, start H, and G unless reliable |
//! | Completed | INVITE again | Completed | send the response again |
//! | Completed | timer G | Completed | send the response again, double G up to T2 |
//! | Completed | timer H | Terminated | nothing: whoever called has gone |
//! | Completed | ACK | Confirmed, Terminated if reliable | stop G and H, start I |
//! | Confirmed | timer I | Terminated | nothing |
//! | Accepted | we say 2xx again | Accepted | send it |
//! | Accepted | ACK | Accepted | tell (it acknowledges a 2xx with the branch of the INVITE) |
//! | Accepted | timer L | Terminated | nothing |
//! | any | transport error | the same | nothing: the response may get through next time (RFC 6026 section 7.1) |
//! | any | anything else | the same | nothing |
//!
//! Invariant: what is repeated is the last response, byte for byte.

use super::{Act, Timer};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The INVITE came again.
    Invite,
    Ack,
    SayProvisional,
    SaySuccess,
    /// 300 to 699.
    SayFailure,
    TransportError,
    Timer(Timer),
}

pub fn step(state: State, event: Event, reliable: bool) -> (State, &'static [Act]) {
    use Act::{Again, Send, Start, Stop, Tell};
    use Event::{Ack, Invite, SayFailure, SayProvisional, SaySuccess};
    use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    match (state, event) {
        (Proceeding, Invite | SayProvisional) => (Proceeding, &[Send]),
        (Proceeding, SaySuccess) => (Accepted, &[Send, Start(Timer::L)]),
        (Proceeding, SayFailure) if reliable => (Completed, &[Send, Start(Timer::H)]),
        (Proceeding, SayFailure) => (Completed, &[Send, Start(Timer::H), Start(Timer::G)]),

        (Completed, Invite) => (Completed, &[Send]),
        (Completed, Event::Timer(Timer::G)) => (Completed, &[Send, Again(Timer::G)]),
        (Completed, Event::Timer(Timer::H)) => (Terminated, &[]),
        (Completed, Ack) if reliable => (Terminated, &[]),
        (Completed, Ack) => (Confirmed, &[Stop(Timer::G), Stop(Timer::H), Start(Timer::I)]),

        (Confirmed, Event::Timer(Timer::I)) => (Terminated, &[]),

        (Accepted, SaySuccess) => (Accepted, &[Send]),
        (Accepted, Ack) => (Accepted, &[Tell]),
        (Accepted, Event::Timer(Timer::L)) => (Terminated, &[]),

        (state, _) => (state, &[]),
    }
}
