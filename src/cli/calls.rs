//! `centrala calls`: who is on the line now.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json, time};
use crate::control::{LiveCall, Request, Response};
use clap::Args;

/// List the calls going on
#[derive(Args, Debug)]
pub struct Calls {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Calls) -> Result<(), String> {
    let calls = match ask(&arguments.place, &Request::Calls)? {
        Response::Calls(calls) => calls,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&calls);
    }
    table(calls).print("no calls");
    Ok(())
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
