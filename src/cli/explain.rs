//! `centrala explain call|agent`: why this place, why this agent and not that one, what would change it.

use super::client::{Where, ask, strange};
use super::table::{clean, print, print_json};
use crate::control::{Explain as What, Request, Response};
use clap::{Args, Subcommand};

/// Say why a caller waits where they wait, or what an agent is offered and why not
#[derive(Args, Debug)]
pub struct Explain {
    #[command(subcommand)]
    what: Subject,
}

#[derive(Subcommand, Debug)]
enum Subject {
    /// Why this call has its place, who may take it, who not, what would change it
    Call {
        /// The call's reference, or the beginning of it (`centrala calls`)
        reference: String,
        #[command(flatten)]
        place: Where,
    },
    /// What an agent would be offered, and why not now
    Agent {
        agent: String,
        #[command(flatten)]
        place: Where,
    },
}

pub fn run(arguments: &Explain) -> Result<(), String> {
    let (place, what) = match &arguments.what {
        Subject::Call { reference, place } => (place, What::Call(reference.clone())),
        Subject::Agent { agent, place } => (place, What::Agent(agent.clone())),
    };
    match ask(place, &Request::Explain(what))? {
        Response::Explanation(explanation) if place.json => print_json(&explanation.data),
        Response::Explanation(explanation) => {
            explanation.lines.iter().for_each(|line| print(&format!("{}\n", clean(line))));
            Ok(())
        }
        other => Err(strange(&other)),
    }
}
