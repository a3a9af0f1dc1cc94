//! `centrala trunks`: how the providers stand.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json};
use crate::control::{Request, Response};
use clap::Args;

/// List the trunks: whether they answer, whether we are registered there, how many calls they carry
#[derive(Args, Debug)]
pub struct Trunks {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Trunks) -> Result<(), String> {
    let trunks = match ask(&arguments.place, &Request::Trunks)? {
        Response::Trunks(trunks) => trunks,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&trunks);
    }
    let mut table = Table::new(&["TRUNK", "SEND TO", "ADDRESS", "STATE", "ROUND TRIP", "REGISTERED", "CALLS", "BEGUN"]);
    for trunk in trunks {
        let round_trip = trunk.round_trip_ms.map(|ms| format!("{ms} ms")).unwrap_or_else(|| "-".into());
        let calls = format!("{} of {}", trunk.calls, trunk.max_calls);
        let begun = trunk.begun.to_string();
        table.row([trunk.name, trunk.send_to, trunk.address, trunk.state, round_trip, trunk.registered, calls, begun]);
    }
    table.print("no trunks");
    Ok(())
}
