//! `centrala stop`: ends the daemon as SIGTERM would, and waits until it has gone.

use super::client::{Client, strange};
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
    match client.ask(&Request::Stop)? {
        Response::Done => {}
        other => return Err(strange(&other)),
    }
    if client.wait_for_end() { Ok(()) } else { Err("the daemon is stopping, but has not gone yet".into()) }
}
