//! `centrala report`: what happened, from the stored records.
//!
//! Invariant: reports read; the daemon answers them over a connection that cannot write.

use super::report_flow::FlowReport;
use clap::{Args, Subcommand};

/// Report on what happened, from the stored records
#[derive(Args, Debug)]
pub struct Report {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Flow(FlowReport),
}

pub fn run(arguments: &Report) -> Result<(), String> {
    match &arguments.what {
        What::Flow(arguments) => super::report_flow::run(arguments),
    }
}
