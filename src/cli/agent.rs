//! `centrala agent login|logout|pause|resume AGENT`: orders to one agent.

use super::client::{Where, ask, strange};
use super::table::print_json;
use crate::control::{AgentOrder, Request, Response};
use clap::{Args, Subcommand};

/// Log an agent in or out, pause or resume them
#[derive(Args, Debug)]
pub struct Agent {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand, Debug)]
enum Order {
    /// Take calls from now on
    Login(Whom),
    /// Take no more calls; a present one is finished first
    Logout(Whom),
    /// Take no calls for a while; a present one is finished first
    Pause {
        #[command(flatten)]
        whom: Whom,
        /// Why: "lunch", "training"
        #[arg(long, default_value = "break")]
        reason: String,
    },
    /// Take calls again
    Resume(Whom),
}

#[derive(Args, Debug)]
struct Whom {
    /// The agent's name
    agent: String,
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Agent) -> Result<(), String> {
    let (whom, order) = match &arguments.order {
        Order::Login(whom) => (whom, AgentOrder::Login),
        Order::Logout(whom) => (whom, AgentOrder::Logout),
        Order::Pause { whom, reason } => (whom, AgentOrder::Pause { reason: reason.clone() }),
        Order::Resume(whom) => (whom, AgentOrder::Resume),
    };
    match ask(&whom.place, &Request::Agent { agent: whom.agent.clone(), order })? {
        Response::Done if whom.place.json => print_json(&serde_json::json!({ "agent": whom.agent, "done": true })),
        Response::Done => Ok(()),
        other => Err(strange(&other)),
    }
}
