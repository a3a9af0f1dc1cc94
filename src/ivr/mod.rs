//! The IVR: what a caller hears and what their keys do, as the administrator wrote it.
//!
//! ```text
//!   main.yaml --flow::read--> Flow (plain data, checked)
//!                               |
//!   Event  --> Session::handle  |  one visit after the other     --> Command
//!   (Begin, Answered, Played,   v                                    (Answer, Play, StopPlaying,
//!    Digit, Queue, Dial,      nodes/<verb>.rs                         Enqueue, LeaveQueue, Dial,
//!    Transfer, HungUp)                                                Transfer, Hangup)
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `flow` | YAML -> [`Flow`], every mistake placed |
//! | `reading` | what a verb may ask of its YAML: links, prompts, languages; remembered for the checks |
//! | `check` | what only the whole flow can tell: unknown nodes, missing sounds, unreachable nodes, loops |
//! | `session` | one caller's walk: the three verbs `handle`, `poll_timeout`, `handle_timeout` |
//! | `nodes/` | one verb per file: its fields, its steps, its outcomes |
//! | `words` | events and commands |
//!
//! Invariant: a session that was told `HungUp`, or has said `Hangup` or given the call away, says nothing more.

mod check;
mod flow;
mod nodes;
mod reading;
mod session;
mod words;

pub use flow::{ANY_LANGUAGE, Flow, Node, World};
pub use nodes::{VERBS, Verb};
pub use session::{MAX_STEPS, MAX_TYPED_AHEAD, MAX_VISITS, Session};
pub use words::*;
