//! `centrala agents`: who is doing what.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json, seconds};
use crate::control::{AgentRow, Request, Response};
use clap::Args;

/// List the agents and what they are doing
#[derive(Args, Debug)]
pub struct Agents {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Agents) -> Result<(), String> {
    let agents = match ask(&arguments.place, &Request::Agents)? {
        Response::Agents(agents) => agents,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&agents);
    }
    table(agents).print("no agents");
    Ok(())
}

pub fn table(agents: Vec<AgentRow>) -> Table {
    let mut table = Table::new(&["AGENT", "STATE", "FOR", "CALLS", "TALKED", "QUEUES", "PHONE"]);
    for agent in agents {
        let phone = if agent.reachable { "there" } else { "not registered" };
        table.row([
            agent.name,
            [
                Some(agent.state),
                agent.then.map(|then| format!("then {then}")),
                agent.wish.map(|wish| format!("asks for {wish}")),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
            seconds(agent.for_ms),
            agent.calls.to_string(),
            seconds(agent.talked_ms),
            agent.queues.join(" "),
            phone.to_string(),
        ]);
    }
    table
}
