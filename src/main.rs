//! Arguments -> a subcommand. `run` is the daemon; everything else is the command line.

use centrala::cli::{Cli, Command, ask};
use centrala::daemon::{self, Options};
use clap::Parser;
use std::process::ExitCode;

/// A call makes and drops some hundreds of small things on three threads; the C library's allocator was a fifth of its cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(run) => {
            daemon::run(Options { config: run.config, data: run.data, sip: run.sip, trunk_uas: run.trunk_uas })
        }
        command => ask(&command),
    }
}
