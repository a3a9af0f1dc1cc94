//! `centrala calls`: who is on the line now.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json, time};
use crate::control::{LiveCall, Request, Response};
use crate::shell::sys::clock;
use crate::time::Wall;
use clap::Args;

/// List the calls going on
#[derive(Args, Debug)]
pub struct Calls {
    #[command(flatten)]
    place: Where,
    /// Where each caller is in their flow, and for how long
    #[arg(long)]
    ivr: bool,
}

pub fn run(arguments: &Calls) -> Result<(), String> {
    let calls = match ask(&arguments.place, &Request::Calls)? {
        Response::Calls(calls) => calls,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&calls);
    }
    let table = if arguments.ivr { in_flows(calls, clock::now().wall) } else { table(calls) };
    table.print("no calls");
    Ok(())
}

/// Those who are in a flow: where, and for how long.
fn in_flows(calls: Vec<LiveCall>, now: Wall) -> Table {
    let mut table = Table::new(&["REFERENCE", "FROM", "FLOW", "NODE", "THERE FOR", "LANGUAGE", "PHASE", "HOLDER"]);
    for call in calls {
        let (Some(flow), Some(node)) = (call.flow, call.node) else { continue };
        let there = call.node_since.map_or(0.0, |since| now.since(since).as_secs_f64());
        table.row([call.reference, call.from, flow, node, format!("{there:.1} s"), call.language, call.phase, call.holder]);
    }
    table
}

pub fn table(calls: Vec<LiveCall>) -> Table {
    let mut table = Table::new(&[
        "REFERENCE",
        "STARTED",
        "FROM",
        "NAME",
        "DIALLED",
        "SOURCE",
        "PHASE",
        "HOLDER",
        "FLOW",
        "NODE",
        "LANGUAGE",
    ]);
    for call in calls {
        let (flow, node) = (call.flow.unwrap_or_default(), call.node.unwrap_or_default());
        let started = time(call.started);
        table.row([
            call.reference,
            started,
            call.from,
            call.name,
            call.dialled,
            call.source,
            call.phase,
            call.holder,
            flow,
            node,
            call.language,
        ]);
    }
    table
}
