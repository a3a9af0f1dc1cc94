//! The exchange in the shell: what `centrala run` is.
//!
//! ```text
//!   start: files --> Config, Library --> lock, database, listeners, threads --> Pbx --> "ready"
//!
//!   +-- the control thread: one turn ------------------------------------------------------------------+
//!   | wait (epoll) -> clock, once -> up to 256 events -> Pbx::handle -> actions -> timeouts -> flush    |
//!   |    ^  datagrams, news (TCP, names, operators), media reports, commits, signals, a reload     |    |
//!   +----+-----------------------------------------------------------------------------------------+---+
//! ```
//!
//! | file | what |
//! |---|---|
//! | here | `run`: the beginning, the end, the exit code |
//! | `start.rs` | everything from the command line to the first turn, in order |
//! | `load.rs` | the administrator's files, at the start and at a reload |
//! | `reload.rs` | a new configuration for a running exchange, and back |
//! | `turn.rs` | the control thread |
//! | `guard.rs` | panics contained |
//! | `announce.rs` | what is printed: what to dial and from where |
//!
//! Invariant: one thread owns the exchange, and it waits in one place.

// The daemon is made of clocks, threads and files: the core's wall ends here.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod announce;
mod guard;
mod load;
mod pace;
mod reload;
mod start;
mod turn;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The name of the database in the data folder.
pub const DATABASE: &str = "centrala.db";

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    pub config: PathBuf,
    pub data: PathBuf,
    /// Replaces all listeners by UDP and TCP on this address; port 0 takes any free one.
    pub sip: Option<SocketAddr>,
    /// What `${trunk_uas}` stands for in the configuration.
    pub trunk_uas: Option<SocketAddr>,
}

/// Runs until it is told to stop. 0: it was; 2: it could not start, and has said why.
pub fn run(options: Options) -> ExitCode {
    match start::start(options) {
        Ok(exchange) => exchange.run(),
        Err(start::Refused(sentence)) => {
            eprintln!("centrala: {sentence}");
            ExitCode::from(2)
        }
    }
}
