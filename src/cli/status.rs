//! `centrala status`: how the exchange is.

use super::client::{Where, ask, strange};
use super::table::{clean, print, print_json, time};
use crate::control::{Request, Response};
use clap::Args;

/// Show how the exchange is
#[derive(Args, Debug)]
pub struct Status {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Status) -> Result<(), String> {
    let status = match ask(&arguments.place, &Request::Status)? {
        Response::Status(status) => status,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&status);
    }
    let lines = [
        ("version", status.version.clone()),
        ("running since", time(status.started)),
        ("listening on", status.listeners.join(", ")),
        ("calls", format!("{} now, {} since the start", status.calls, status.calls_total)),
        (
            "",
            format!(
                "{} answered, {} rejected, {} found the exchange full",
                status.answered_total, status.rejected_total, status.refused_full
            ),
        ),
        ("legs", status.legs.to_string()),
        ("media ports", format!("{} used, {} resting", status.ports_used, status.ports_resting)),
        ("SIP", format!("{} dialogs, {} transactions unfinished", status.dialogs, status.transactions)),
        ("", format!("{} finished transactions kept for retransmissions", status.transactions_finished)),
        ("registrations", status.registrations.to_string()),
        ("open", format!("{} questions, {} writes", status.questions_open, status.writes_open)),
        (
            "lost",
            format!(
                "{} datagrams, {} media commands or reports, {} writes",
                status.datagrams_dropped, status.media_dropped, status.writes_lost
            ),
        ),
        ("media ticks late", status.media_late_ticks.to_string()),
        ("queues", format!("{} agents stuck, decisions at most {} ms late", status.agents_stuck, status.dispatch_lag_ms)),
        ("faults contained", status.panics_contained.to_string()),
    ];
    for (name, value) in lines {
        print(&format!("{name:<17} {}\n", clean(&value)));
    }
    Ok(())
}
