//! `centrala report flow NAME`: each node of a flow: how often it was entered, how it was left, for how long callers stayed.
//!
//! Containment is the share of the flow's calls that reached nobody: no agent, no extension. Invariant: only calls that are over count.

use super::client::{Where, ask, strange};
use super::period::settings;
use super::report::known_name;
use super::table::{Table, print_json};
use crate::cli::table::say;
use crate::control::{FlowFacts, Request, Response};
use clap::Args;

/// Report a flow's nodes: entered, left, hung up, time; and its containment
#[derive(Args, Debug)]
pub struct FlowReport {
    #[command(flatten)]
    place: Where,
    /// The flow
    name: String,
    /// Only calls of the last so many days
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u32,
}

pub fn run(arguments: &FlowReport) -> Result<(), String> {
    let request = Request::FlowReport { flow: arguments.name.clone(), days: arguments.days };
    let facts = match ask(&arguments.place, &request)? {
        Response::Flow(facts) => facts,
        other => return Err(strange(&other)),
    };
    if facts.calls == 0 {
        let configured = settings(&arguments.place)?.flows;
        let known: Vec<&str> = configured.iter().chain(&facts.flows).map(String::as_str).collect();
        known_name("flow", &arguments.name, &known)?;
    }
    if arguments.place.json {
        return print_json(&facts);
    }
    table(&facts).print(&nobody(arguments, &facts.flows));
    if facts.calls > 0 {
        say!(
            "{} calls, {} of them reached nobody: containment {:.1} %",
            facts.calls,
            facts.contained,
            facts.containment() * 100.0
        );
    }
    Ok(())
}

fn nobody(arguments: &FlowReport, flows: &[String]) -> String {
    let FlowReport { name, days, .. } = arguments;
    let others = if flows.is_empty() { String::new() } else { format!("; calls came to {}", flows.join(", ")) };
    format!("no call came to flow `{name}` in the last {days} days{others}")
}

fn table(facts: &FlowFacts) -> Table {
    let mut table = Table::new(&["NODE", "VERB", "ENTERED", "LEFT", "HUNG UP", "MEAN TIME", "LONGEST", "OUTCOMES"]);
    for node in &facts.nodes {
        let outcomes =
            node.outcomes.iter().map(|(outcome, count)| format!("{outcome}: {count}")).collect::<Vec<_>>().join(", ");
        table.row([
            node.node.clone(),
            node.verb.clone(),
            node.entered.to_string(),
            (node.entered - node.hung_up).to_string(),
            node.hung_up.to_string(),
            format!("{:.1} s", node.mean_s),
            format!("{:.1} s", node.longest_s),
            outcomes,
        ]);
    }
    table
}
