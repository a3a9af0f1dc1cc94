//! `centrala queue show|move|pick`: who waits in a queue, and what a supervisor does about it; `centrala callback list`.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json, seconds};
use crate::control::{QueueOrder, Request, Response, WaitingRow};
use clap::{Args, Subcommand};

/// Show one queue, move a caller to another, give a caller to an agent
#[derive(Args, Debug)]
pub struct Queue {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand, Debug)]
enum Order {
    /// Who waits, in their order, and who talks
    Show {
        queue: String,
        #[command(flatten)]
        place: Where,
    },
    /// Move a waiting call to another queue; it keeps its place
    Move {
        queue: String,
        /// The call's reference, or the beginning of it
        call: String,
        /// The queue it goes to
        to: String,
        #[command(flatten)]
        place: Where,
    },
    /// Ring this agent for this call now, past order and skills
    Pick {
        queue: String,
        /// The call's reference, or the beginning of it
        call: String,
        agent: String,
        #[command(flatten)]
        place: Where,
    },
}

/// List those who wait to be called back
#[derive(Args, Debug)]
pub struct Callback {
    #[command(subcommand)]
    order: CallbackOrder,
}

#[derive(Subcommand, Debug)]
enum CallbackOrder {
    /// Those who wait to be called back, in the order of each queue
    List(Where),
}

pub fn run(arguments: &Queue) -> Result<(), String> {
    let (queue, place, order) = match &arguments.order {
        Order::Show { queue, place } => (queue, place, QueueOrder::Show),
        Order::Move { queue, call, to, place } => (queue, place, QueueOrder::Move { call: call.clone(), to: to.clone() }),
        Order::Pick { queue, call, agent, place } => {
            (queue, place, QueueOrder::Pick { call: call.clone(), agent: agent.clone() })
        }
    };
    answer(place, &Request::Queue { queue: queue.clone(), order }, "nobody is in this queue")
}

pub fn callbacks(arguments: &Callback) -> Result<(), String> {
    let CallbackOrder::List(place) = &arguments.order;
    answer(place, &Request::Callbacks, "nobody waits to be called back")
}

fn answer(place: &Where, request: &Request, none: &str) -> Result<(), String> {
    match ask(place, request)? {
        Response::Waiting(rows) if place.json => print_json(&rows),
        Response::Waiting(rows) => {
            table(rows).print(none);
            Ok(())
        }
        Response::Done if place.json => print_json(&serde_json::json!({ "done": true })),
        Response::Done => Ok(()),
        other => Err(strange(&other)),
    }
}

fn table(rows: Vec<WaitingRow>) -> Table {
    let mut table = Table::new(&["PLACE", "QUEUE", "CALL", "FROM", "KIND", "WAITED", "CLASS", "HEAD START", "AGENTS"]);
    for row in rows {
        table.row([
            row.position.map_or("talks".into(), |place| place.to_string()),
            row.queue,
            row.call,
            row.from,
            row.kind,
            seconds(row.waited_ms),
            row.class.to_string(),
            seconds(row.head_start_ms),
            row.agents.join(" "),
        ]);
    }
    table
}
