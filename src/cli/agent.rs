//! `centrala agent login|logout|pause|resume|... AGENT`: orders to one agent, by themself or a supervisor.

use super::client::{Where, ask, strange};
use super::table::{print, print_json};
use crate::control::{AgentOrder, Request, Response};
use crate::fault::fields::parse_duration;
use crate::time::Duration;
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
    /// As a supervisor: agree to the pause that the agent asks for
    Approve(Whom),
    /// As a supervisor: do not agree to it
    Deny(Whom),
    /// As a supervisor: send the agent away, whatever the rules say
    Force {
        #[command(flatten)]
        whom: Whom,
        /// Why: "training"
        #[arg(long, default_value = "break")]
        reason: String,
    },
    /// As a supervisor: call the agent back, from a forced pause too
    Release(Whom),
    /// End the wrap-up now
    Ready(Whom),
    /// Wrap up for longer
    Extend {
        #[command(flatten)]
        whom: Whom,
        /// By so long: 30s, 2m
        #[arg(long, value_parser = duration, default_value = "30s")]
        by: Duration,
    },
    /// Note what the present or last call was about
    Dispose {
        #[command(flatten)]
        whom: Whom,
        /// One of the queue's codes
        #[arg(long)]
        code: String,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time with its unit, as 30s or 2m".into())
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
        Order::Approve(whom) => (whom, AgentOrder::Approve),
        Order::Deny(whom) => (whom, AgentOrder::Deny),
        Order::Force { whom, reason } => (whom, AgentOrder::Force { reason: reason.clone() }),
        Order::Release(whom) => (whom, AgentOrder::Release),
        Order::Ready(whom) => (whom, AgentOrder::Ready),
        Order::Extend { whom, by } => (whom, AgentOrder::Extend { by_ms: u64::try_from(by.as_millis()).unwrap_or(u64::MAX) }),
        Order::Dispose { whom, code } => (whom, AgentOrder::Dispose { code: code.clone() }),
    };
    match ask(&whom.place, &Request::Agent { agent: whom.agent.clone(), order })? {
        Response::Done if whom.place.json => print_json(&serde_json::json!({ "agent": whom.agent, "done": true })),
        Response::Done => Ok(()),
        Response::Told(told) if whom.place.json => {
            print_json(&serde_json::json!({ "agent": whom.agent, "done": false, "told": told }))
        }
        Response::Told(told) => {
            print(&format!("{told}\n"));
            Ok(())
        }
        other => Err(strange(&other)),
    }
}
