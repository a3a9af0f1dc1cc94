//! `centrala registrations`: which phones are there.

use super::client::{Where, ask, strange};
use super::table::{Table, print_json, time};
use crate::control::{Request, Response};
use clap::Args;

/// List the phones that are registered
#[derive(Args, Debug)]
pub struct Registrations {
    #[command(flatten)]
    place: Where,
}

pub fn run(arguments: &Registrations) -> Result<(), String> {
    let registrations = match ask(&arguments.place, &Request::Registrations)? {
        Response::Registrations(registrations) => registrations,
        other => return Err(strange(&other)),
    };
    if arguments.place.json {
        return print_json(&registrations);
    }
    let mut table = Table::new(&["USER", "CONTACT", "ADDRESS", "TRANSPORT", "EXPIRES", "PHONE"]);
    for phone in registrations {
        let expires = time(phone.expires);
        table.row([phone.user, phone.contact, phone.address, phone.transport, expires, phone.user_agent]);
    }
    table.print("no phone is registered");
    Ok(())
}
