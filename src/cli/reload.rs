//! `centrala reload` and `centrala rollback`: a new configuration for the running daemon, and back.
//!
//! Invariant: when this fails, the daemon runs on as it did.

use super::client::{Where, ask, strange};
use super::table::{clean, print_json};
use crate::control::{Reloaded, Request, Response};
use clap::Args;

/// Read configuration, flows and sounds again; what has a fault changes nothing
#[derive(Args, Debug)]
pub struct Reload {
    #[command(flatten)]
    place: Where,
}

/// Go back to the configuration before the last reload; the files stay as they are
#[derive(Args, Debug)]
pub struct Rollback {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Reload) -> Result<(), String> {
    tell(&arguments.place, &Request::Reload)
}

pub fn back(arguments: &Rollback) -> Result<(), String> {
    tell(&arguments.place, &Request::Rollback)
}

fn tell(place: &Where, request: &Request) -> Result<(), String> {
    let reloaded = match ask(place, request)? {
        Response::Reloaded(reloaded) => reloaded,
        Response::Faulty(faults) => {
            faults.iter().for_each(|fault| eprintln!("{}", fault.lines().map(clean).collect::<Vec<_>>().join("\n")));
            return Err("not reloaded: the daemon runs on as it did".into());
        }
        other => return Err(strange(&other)),
    };
    if place.json {
        return print_json(&reloaded);
    }
    super::table::print(&text(&reloaded));
    Ok(())
}

fn text(reloaded: &Reloaded) -> String {
    let Reloaded { changes, restart, warnings } = reloaded;
    let mut lines = changes.clone();
    if changes.is_empty() && restart.is_empty() {
        lines.push("nothing has changed".into());
    }
    lines.extend(restart.iter().map(|what| format!("{what}: needs restart, the old setting stays")));
    lines.extend(warnings.iter().cloned());
    lines.join("\n") + "\n"
}
