//! The IVR: what a caller hears and what their keys do, as the administrator wrote it.
//!
//! ```text
//!   main.yaml --flow::read--> Flow (plain data, checked)
//!                               |
//!   Event  --> Session::handle  |  one visit after the other     --> Command
//!   (Begin, Answered, Played,   v                                    (Answer, Play, Enqueue, Dial,
//!    Digit, Queue, Dial,      nodes/<verb>.rs                         Transfer, Keep, Ask, LookUpHours,
//!    Kept, Hours, Reply, HungUp)                                      LookAtQueues, Hangup)
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `flow` | a checked [`Flow`], and what flows are checked against |
//! | `draft` | YAML -> a flow as it was written, every mistake placed |
//! | `reading/` | what a verb may ask of its YAML: links, prompts, expressions; remembered for the checks |
//! | `check/` | what only whole flows can tell: unknown nodes, missing sounds, unreachable nodes, loops |
//! | `session` | one caller's walk: the three verbs `handle`, `poll_timeout`, `handle_timeout` |
//! | `turn` | what a verb may do in its turn |
//! | `knowledge` | what a flow knows of the caller: the names of its expressions |
//! | `entry`, `recording`, `speaking` | what several verbs do: ask for digits, record, say values |
//! | `nodes/` | one verb per file: its fields, its steps, its outcomes |
//! | `rehearsal/` | flows without a telephone: scripts played in virtual time |
//! | `words` | events and commands |
//!
//! Invariant: a session that was told `HungUp`, or has said `Hangup` or given the call away, says nothing more to the caller.

mod check;
mod draft;
mod entry;
mod flow;
mod knowledge;
mod nodes;
mod reading;
mod recording;
pub mod rehearsal;
mod session;
mod speaking;
mod turn;
mod words;

pub use draft::MAX_NODES;
pub use flow::{ANY_LANGUAGE, Flow, Node, RETURN, World, stem};
pub use nodes::{VERBS, Verb, host_of, port_is_good};
pub use reading::{FieldShape, Kind, shapes};
pub use session::{MAX_CALLED, MAX_STEPS, MAX_VISITS, Session};
pub use turn::MAX_TYPED_AHEAD;
pub use words::*;
