//! `centrala stop`: ends the daemon as SIGTERM would, and waits until its process has gone.
//!
//! Invariant: when it has said nothing, nobody writes into the data folder any more: it may be copied.

use super::client::{Client, PATIENCE, strange};
use crate::control::{Request, Response};
use clap::Args;
use std::path::PathBuf;

/// Hang up every call and end the daemon
#[derive(Args, Debug)]
pub struct Stop {
    /// The data folder of the daemon
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

pub fn run(arguments: &Stop) -> Result<(), String> {
    let mut client = Client::connect(&arguments.data)?;
    let daemon = client.daemon();
    match client.ask(&Request::Stop)? {
        Response::Done => {}
        other => return Err(strange(&other)),
    }
    // Its records reach the disk after it has closed its connections. Out of another container that much is seen and no more.
    let gone = match daemon {
        Ok(daemon) => daemon.ends_within(PATIENCE).map_err(|fault| format!("could not wait for the daemon: {fault}"))?,
        Err(_) => client.wait_for_end(),
    };
    if gone { Ok(()) } else { Err("the daemon is stopping, but has not gone yet".into()) }
}
