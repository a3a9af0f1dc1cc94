//! The INVITE client transaction: RFC 3261 section 17.1.1 as amended by RFC 6026 section 7.2.
//!
//! | State | Event | Next | Does |
//! |---|---|---|---|
//! | Calling | timer A | Calling | send again, double A |
//! | Calling | timer B | Terminated | tell: timeout |
//! | Calling | transport error | Terminated | tell: unreachable |
//! | Calling | 1xx | Proceeding | tell, stop A and B |
//! | Calling | 2xx | Accepted | tell, stop A and B, start M |
//! | Calling | 300-699 | Completed, Terminated if reliable | ACK, tell, stop A and B, start D |
//! | Proceeding | 1xx | Proceeding | tell |
//! | Proceeding | 2xx | Accepted | tell, start M |
//! | Proceeding | 300-699 | Completed, Terminated if reliable | ACK, tell, start D |
//! | Completed | 300-699 | Completed | ACK |
//! | Completed | transport error | Terminated | nothing: the answer is already known |
//! | Completed | timer D | Terminated | nothing |
//! | Accepted | 2xx | Accepted | tell (the user agent acknowledges each, RFC 3261 section 13.2.2.4) |
//! | Accepted | timer M | Terminated | nothing |
//! | Calling, Proceeding | patience is over (after CANCEL, RFC 3261 section 9.1) | Terminated | tell: timeout |
//! | any | anything else | the same | nothing |
//!
//! Invariant: no state but Proceeding is without a timer, and Proceeding is watched by whoever called.

use super::{Act, Timer};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Provisional,
    Success,
    /// 300 to 699.
    Failure,
    TransportError,
    Timer(Timer),
}

/// What is done when the INVITE is given to the transaction, which begins in `Calling`.
pub fn begin(reliable: bool) -> &'static [Act] {
    if reliable { &[Act::Send, Act::Start(Timer::B)] } else { &[Act::Send, Act::Start(Timer::A), Act::Start(Timer::B)] }
}

pub fn step(state: State, event: Event, reliable: bool) -> (State, &'static [Act]) {
    use Act::{Ack, Again, Send, Start, Stop, Tell, TellTimeout, TellUnreachable};
    use Event::{Failure, Provisional, Success, TransportError};
    use State::{Accepted, Calling, Completed, Proceeding, Terminated};
    match (state, event) {
        (Calling, Event::Timer(Timer::A)) => (Calling, &[Send, Again(Timer::A)]),
        (Calling, Event::Timer(Timer::B)) => (Terminated, &[TellTimeout]),
        (Calling, TransportError) => (Terminated, &[TellUnreachable]),
        (Calling, Provisional) => (Proceeding, &[Tell, Stop(Timer::A), Stop(Timer::B)]),
        (Calling, Success) => (Accepted, &[Tell, Stop(Timer::A), Stop(Timer::B), Start(Timer::M)]),
        (Calling, Failure) if reliable => (Terminated, &[Ack, Tell]),
        (Calling, Failure) => (Completed, &[Ack, Tell, Stop(Timer::A), Stop(Timer::B), Start(Timer::D)]),

        (Proceeding, Provisional) => (Proceeding, &[Tell]),
        (Proceeding, Success) => (Accepted, &[Tell, Start(Timer::M)]),
        (Proceeding, Failure) if reliable => (Terminated, &[Ack, Tell]),
        (Proceeding, Failure) => (Completed, &[Ack, Tell, Start(Timer::D)]),

        (Completed, Failure) => (Completed, &[Ack]),
        (Completed, TransportError) => (Terminated, &[]),
        (Completed, Event::Timer(Timer::D)) => (Terminated, &[]),

        (Accepted, Success) => (Accepted, &[Tell]),
        (Accepted, Event::Timer(Timer::M)) => (Terminated, &[]),

        (Calling | Proceeding, Event::Timer(Timer::Patience)) => (Terminated, &[TellTimeout]),
        (state, _) => (state, &[]),
    }
}
