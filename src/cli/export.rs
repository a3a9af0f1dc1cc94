//! `centrala export queue-log`: the facts of queues as Asterisk's `queue_log`, for the tools that read it.
//!
//! Invariant: a line is printed as the daemon made it, with what a terminal would obey taken out.

use super::client::{Where, ask, strange};
use super::period::{Span, settings};
use super::table::{clean, print, print_json};
use crate::control::{Request, Response};
use clap::{Args, Subcommand};

/// Write records in another exchange's format
#[derive(Args, Debug)]
pub struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Asterisk's queue_log: ENTERQUEUE, CONNECT, COMPLETECALLER, ABANDON ...
    QueueLog {
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        place: Where,
    },
}

pub fn run(arguments: &Export) -> Result<(), String> {
    let What::QueueLog { span, place } = &arguments.what;
    let (from, to, _) = span.resolve(&settings(place)?.zone)?;
    let lines = match ask(place, &Request::QueueLog { from, to })? {
        Response::QueueLog(lines) => lines,
        other => return Err(strange(&other)),
    };
    if place.json {
        return print_json(&lines);
    }
    print(&lines.iter().map(|line| clean(line) + "\n").collect::<String>());
    Ok(())
}
