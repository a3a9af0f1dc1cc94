//! The non-INVITE client transaction: RFC 3261 section 17.1.2.
//!
//! | State | Event | Next | Does |
//! |---|---|---|---|
//! | Trying | timer E | Trying | send again, double E up to T2 |
//! | Trying, Proceeding | timer F | Terminated | tell: timeout |
//! | Trying, Proceeding | transport error | Terminated | tell: unreachable |
//! | Trying, Proceeding | 1xx | Proceeding | tell |
//! | Trying, Proceeding | 200-699 | Completed, Terminated if reliable | tell, stop E and F, start K |
//! | Proceeding | timer E | Proceeding | send again, E after T2 |
//! | Completed | timer K | Terminated | nothing |
//! | any | anything else | the same | nothing |
//!
//! Invariant: every state but Terminated has a timer running that ends it.

use super::{Act, Timer};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Provisional,
    /// 200 to 699.
    Final,
    TransportError,
    Timer(Timer),
}

/// What is done when the request is given to the transaction, which begins in `Trying`.
pub fn begin(reliable: bool) -> &'static [Act] {
    if reliable { &[Act::Send, Act::Start(Timer::F)] } else { &[Act::Send, Act::Start(Timer::E), Act::Start(Timer::F)] }
}

pub fn step(state: State, event: Event, reliable: bool) -> (State, &'static [Act]) {
    use Act::{Again, Send, Slow, Start, Stop, Tell, TellTimeout, TellUnreachable};
    use Event::{Final, Provisional, TransportError};
    use State::{Completed, Proceeding, Terminated, Trying};
    match (state, event) {
        (Trying, Event::Timer(Timer::E)) => (Trying, &[Send, Again(Timer::E)]),
        (Proceeding, Event::Timer(Timer::E)) => (Proceeding, &[Send, Slow(Timer::E)]),
        (Trying | Proceeding, Event::Timer(Timer::F)) => (Terminated, &[TellTimeout]),
        (Trying | Proceeding, TransportError) => (Terminated, &[TellUnreachable]),
        (Trying | Proceeding, Provisional) => (Proceeding, &[Tell]),
        (Trying | Proceeding, Final) if reliable => (Terminated, &[Tell]),
        (Trying | Proceeding, Final) => (Completed, &[Tell, Stop(Timer::E), Stop(Timer::F), Start(Timer::K)]),
        (Completed, Event::Timer(Timer::K)) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}
