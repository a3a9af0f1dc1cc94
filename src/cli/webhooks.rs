//! `centrala webhooks`: who is told of calls, and whether they listen.

use super::client::{Where, ask, strange};
use super::table::{Table, people_time, print_json};
use crate::control::{Request, Response};
use clap::Args;

/// List the webhooks: what waits to be told, what was, what went wrong last
#[derive(Args, Debug)]
pub struct Webhooks {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Webhooks) -> Result<(), String> {
    let rows = match ask(&arguments.place, &Request::Webhooks)? {
        Response::Webhooks(rows) => rows,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&rows);
    }
    let mut table = Table::new(&["WEBHOOK", "URL", "EVENTS", "WAITING", "OLDEST", "DELIVERED", "GIVEN UP", "LAST ERROR", "AT"]);
    for row in rows {
        let time = |at: Option<String>| at.map_or_else(|| "-".into(), |at| people_time(&at));
        let counts = [row.waiting, row.delivered, row.given_up].map(|count| count.to_string());
        let [waiting, delivered, given_up] = counts;
        let error = row.last_error.unwrap_or_else(|| "-".into());
        let (oldest, at) = (time(row.oldest), time(row.last_error_at));
        table.row([row.name, row.url, row.events.join(" "), waiting, oldest, delivered, given_up, error, at]);
    }
    table.print("no webhooks");
    Ok(())
}
