//! The simulated world: one exchange, its callers, a bad network, a disk, and a clock that jumps from one event to the next.
//!
//! ```text
//!   seed --> cast --> +---------------------------- World -----------------------------+
//!                     | Agenda   what is due, in order        Clock   moves when it is  |
//!                     |                                                                 |
//!                     |  Person --Phone--\   wire    /                                  |
//!                     |  Person --Phone-- > Network < --> Pbx --> Shards (coarse media) |
//!                     |  Person --Phone--/           \          --> the disk, the names |
//!                     |                                                                 |
//!                     | Ledger   sees all that goes in and out    Trace   a hash of it  |
//!                     +---------------------------------------------> Tale, or Failure -+
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `clock`, `agenda` | virtual time, and what is due in it |
//! | `network`, `wire` | loss, doubling, delay, cuts; messages on their way, and what bad phones do to them |
//! | `caller`, `acts` | a person, their plans, what becomes of each call; what they do |
//! | `callee` | those whose phones ring, and what they do with each call |
//! | `cast` | who takes part: drawn from the seed, every misbehaviour with its weight |
//! | `shards` | the media plane without packets |
//! | `lab` | the exchange that is simulated |
//! | `circumstances`, `entrance` | what a world is like; how people come into it |
//! | `world`, `ending` | the loop, and the exchange's side of it; the end, and what is judged there |
//! | `promises` | what must hold |
//! | `ledger`, `company` | it is judged from outside, after every step; who hears whom |
//! | `day` | a contact centre's day: the queue engine alone, in virtual time |
//! | `trace`, `run` | the hash and the transcript; one seed from its cast to its verdict |
//!
//! Invariant: a seed and a variant decide everything, to the last bit of the trace's hash.

mod acts;
mod agenda;
mod callee;
mod caller;
mod cast;
mod circumstances;
mod clock;
mod company;
pub mod day;
mod ending;
mod entrance;
pub mod lab;
mod ledger;
mod network;
mod promises;
mod run;
mod shards;
mod trace;
mod wire;
mod world;

pub use callee::{Manner, Received};
pub use caller::{Attempt, Identity, Keys, Leaves, Life, Outcome, Person, Plan, Quirk, spoken};
pub use cast::{MIN_CALLS, cast};
pub use circumstances::{Circumstances, Copyist};
pub use clock::{BEGINNING, Clock};
pub use company::Company;
pub use entrance::{EXCHANGE, EXCHANGE_V6};
pub use ledger::Ledger;
pub use network::{Cut, Network, Tally, Weather};
pub use promises::{Invariant, Verdict, Violation};
pub use run::{Failure, Tale, Variant, live, run, tale, world};
pub use trace::Trace;
pub use world::World;
