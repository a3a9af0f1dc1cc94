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

use crate::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The name of the database in the data folder.
pub const DATABASE: &str = "centrala.db";

/// Under systemd, a start that failed for what may pass is not tried again before so long.
const REST: Duration = Duration::from_secs(1);

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

/// Runs until it is told to stop. 0: it was; 1: it could not start, which may pass; 2: it could not start, and trying again does not
/// help. It has said why.
pub fn run(options: Options) -> ExitCode {
    match start::start(options) {
        Ok(exchange) => exchange.run(),
        Err(start::Refused { sentence, passes }) => {
            eprintln!("centrala: {sentence}");
            if passes && std::env::var_os("NOTIFY_SOCKET").is_some() {
                // Whoever started us does so again at once, and as often as it takes.
                std::thread::sleep(REST);
            }
            ExitCode::from(if passes { 1 } else { 2 })
        }
    }
}
