//! `centrala queues`: who waits where.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json, seconds};
use crate::control::{QueueRow, Request, Response};
use clap::Args;

/// List the queues: who waits, who could answer, what became of the callers
#[derive(Args, Debug)]
pub struct Queues {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Queues) -> Result<(), String> {
    let queues = match ask(&arguments.place, &Request::Queues)? {
        Response::Queues(queues) => queues,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&queues);
    }
    table(queues).print("no queues");
    Ok(())
}

pub fn table(queues: Vec<QueueRow>) -> Table {
    let mut table = Table::new(&[
        "QUEUE",
        "WAITING",
        "LONGEST",
        "RINGING",
        "TALKING",
        "FREE",
        "LOGGED IN",
        "AGENTS",
        "OFFERED",
        "ANSWERED",
        "ABANDONED",
    ]);
    for queue in queues {
        let numbers = [queue.ringing, queue.talking, queue.free, queue.logged_in, queue.agents];
        let totals = [queue.offered, queue.answered, queue.abandoned];
        let name = if queue.closed { format!("{} (closed)", queue.name) } else { queue.name };
        let first = [name, queue.waiting.to_string(), seconds(queue.longest_wait_ms)];
        table.row(first.into_iter().chain(numbers.into_iter().chain(totals).map(|number| number.to_string())));
    }
    table
}
