//! The non-INVITE server transaction: RFC 3261 section 17.2.2.
//!
//! | State | Event | Next | Does |
//! |---|---|---|---|
//! | Trying | the request again | Trying | nothing: there is nothing to say yet |
//! | Trying, Proceeding | we say 1xx | Proceeding | send it |
//! | Trying, Proceeding | we say 200-699 | Completed, Terminated if reliable | send it, start J |
//! | Proceeding, Completed | the request again | the same | send the last response again |
//! | Completed | timer J | Terminated | nothing |
//! | any | transport error | the same | nothing |
//! | any | anything else | the same | nothing |
//!
//! Invariant: a request is answered once; its repetitions get the same bytes.

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
    /// The request came again.
    Request,
    SayProvisional,
    /// 200 to 699.
    SayFinal,
    TransportError,
    Timer(Timer),
}

pub fn step(state: State, event: Event, reliable: bool) -> (State, &'static [Act]) {
    use Act::{Send, Start};
    use Event::{Request, SayFinal, SayProvisional};
    use State::{Completed, Proceeding, Terminated, Trying};
    match (state, event) {
        (Trying | Proceeding, SayProvisional) => (Proceeding, &[Send]),
        (Trying | Proceeding, SayFinal) if reliable => (Terminated, &[Send]),
        (Trying | Proceeding, SayFinal) => (Completed, &[Send, Start(Timer::J)]),
        (Proceeding | Completed, Request) => (state, &[Send]),
        (Completed, Event::Timer(Timer::J)) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}
