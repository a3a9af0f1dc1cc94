//! What a simulated day costs: eight hours, fifty agents, 4,800 calls, through the queue engine.
//!
//! `cargo bench --bench simulate -- [days]`. Invariant: every day is another one, by its seed.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::acd;
use centrala::config::{Day, Shift, Traffic};
use centrala::sim::day::run;
use centrala::time::Duration;
use std::time::Instant;

fn main() {
    let days = std::env::args().filter_map(|argument| argument.parse::<u64>().ok()).next().unwrap_or(50).max(1);
    let day = eight_hours();
    run(&day, 0);
    let before = Instant::now();
    let answered: u64 = (1..=days).map(|seed| run(&day, seed).total.counts.answered).sum();
    let spent = before.elapsed().as_secs_f64() * 1000.0 / days as f64;
    println!("{spent:.1} ms for a day of 50 agents and 4,800 calls ({} answered on average)", answered / days);
}

/// Three hundred calls each half hour, four minutes and ten seconds of wrap-up each.
fn eight_hours() -> Day {
    let traffic = Traffic {
        arrivals: vec![300; 16],
        drawn: false,
        handling: Duration::from_secs(240),
        patience: Some(Duration::from_secs(300)),
    };
    let queue = acd::Queue { wrap_up: Duration::from_secs(10), ..acd::Queue::default() };
    let queues = [("line".into(), acd::Membership::default())].into();
    Day {
        interval: Duration::from_secs(1800),
        pickup: Duration::from_secs(3),
        calls: [("line".into(), traffic)].into(),
        shifts: vec![Shift { agents: 50, queues, ..Shift::default() }],
        queues: [("line".into(), queue)].into(),
        ..Day::default()
    }
}
