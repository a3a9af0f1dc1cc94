//! What is printed at the start: what to dial and from where.
//!
//! Invariant: no secret is printed, only where it lies.

use crate::config::{Config, Destination};
use crate::shell::files;
use crate::shell::listeners::name;
use crate::sip::Listener;
use std::fmt::Write;
use std::path::Path;

/// Lists longer than this are cut: the configuration has them all.
const MOST: usize = 20;

/// Several lines for people, before the line that says `ready`.
pub fn announcement(config: &Config, secret_files: &[String], data: &Path) -> String {
    let mut text = String::new();
    let listeners: Vec<String> = config.sip.listeners.iter().map(listener).collect();
    let _ = writeln!(text, "Listening on {}{}", listeners.join(", "), if config.lab { " (a lab)" } else { "" });
    if !config.extensions.is_empty() {
        let _ = writeln!(text, "Phones log in as:");
    }
    for (user, extension) in config.extensions.iter().take(MOST) {
        let secret = if secret_files.iter().any(|file| **file == **user) {
            format!("password in {}", files::secret_path(data, user).display())
        } else {
            "password in the configuration".to_string()
        };
        let _ = writeln!(text, "  {user:<12} {:<20} {secret}", extension.name);
    }
    more(&mut text, config.extensions.len());
    for trunk in config.sip.trunks.iter().take(MOST) {
        let addresses: Vec<String> = trunk.addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "Calls come from trunk `{}` at {}", trunk.name, addresses.join(", "));
    }
    if !config.numbers.is_empty() {
        let _ = writeln!(text, "Dial:");
    }
    for (number, destination) in config.numbers.iter().take(MOST) {
        let _ = writeln!(text, "  {number:<12} {}", leads_to(config, destination));
    }
    more(&mut text, config.numbers.len());
    text
}

fn leads_to(config: &Config, destination: &Destination) -> String {
    match destination {
        Destination::Flow(flow) => {
            let description = config.flows.get(flow).map_or("", |flow| flow.description.as_str());
            let dash = if description.is_empty() { "" } else { " - " };
            format!("flow {flow}{dash}{description}")
        }
        Destination::Extension(extension) => format!("extension {extension}"),
        Destination::Queue(queue) => format!("queue {queue}"),
        Destination::Group(group) => format!("group {group}"),
        Destination::Trunk { trunk, user, .. } => format!("trunk {trunk}, {user}"),
    }
}

/// The line that programs wait for.
pub fn ready(listeners: &[Listener]) -> String {
    match listeners.first() {
        Some(first) => format!("ready {}", first.address),
        None => "ready".to_string(),
    }
}

fn listener(listener: &Listener) -> String {
    format!("{} {}", name(listener.transport), listener.address)
}

fn more(text: &mut String, count: usize) {
    if count > MOST {
        let _ = writeln!(text, "  ... and {} more", count - MOST);
    }
}
