//! `centrala watch`: queues, agents and calls, drawn anew every second until interrupted.

use super::client::{Client, Where, strange};
use super::table::print;
use super::{agents, calls, queues};
use crate::control::{Request, Response};
use crate::time::Duration;
use clap::Args;

/// Show queues, agents and calls, live
#[derive(Args, Debug)]
pub struct Watch {
    #[command(flatten)]
    place: Where,
    /// Seconds between two pictures
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// End after so many pictures
    #[arg(long)]
    times: Option<u64>,
}

pub fn run(arguments: &Watch) -> Result<(), String> {
    let mut client = Client::connect(&arguments.place.data)?;
    let mut shown = 0;
    loop {
        let picture = if arguments.place.json { line(&mut client)? } else { screen(&mut client)? };
        print(&picture);
        shown += 1;
        if arguments.times.is_some_and(|times| shown >= times) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(arguments.every));
    }
}

/// One JSON object a line, for programs.
fn line(client: &mut Client) -> Result<String, String> {
    let mut picture = serde_json::Map::new();
    for (name, request) in [("queues", Request::Queues), ("agents", Request::Agents), ("calls", Request::Calls)] {
        let rows = match client.ask(&request)? {
            Response::Queues(rows) => serde_json::to_value(rows),
            Response::Agents(rows) => serde_json::to_value(rows),
            Response::Calls(rows) => serde_json::to_value(rows),
            other => return Err(strange(&other)),
        };
        picture.insert(name.into(), rows.map_err(|fault| format!("could not write JSON: {fault}"))?);
    }
    Ok(format!("{}\n", serde_json::Value::Object(picture)))
}

/// Home, clear, and the three tables.
fn screen(client: &mut Client) -> Result<String, String> {
    let queues = match client.ask(&Request::Queues)? {
        Response::Queues(rows) => queues::table(rows),
        other => return Err(strange(&other)),
    };
    let agents = match client.ask(&Request::Agents)? {
        Response::Agents(rows) => agents::table(rows),
        other => return Err(strange(&other)),
    };
    let calls = match client.ask(&Request::Calls)? {
        Response::Calls(rows) => calls::table(rows),
        other => return Err(strange(&other)),
    };
    Ok(format!("\u{1b}[H\u{1b}[2J{}\n{}\n{}", queues.text(), agents.text(), calls.text()))
}
