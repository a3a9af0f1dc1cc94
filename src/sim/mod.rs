//! The simulated world.

mod agenda;
mod clock;
mod network;
mod trace;
pub use clock::Clock;
pub use network::{Cut, Network, Weather};
pub use trace::Trace;
