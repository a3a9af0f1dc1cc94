//! What one call costs the core: INVITE, 200, ACK, BYE through the whole exchange, in process, without sockets or threads.
//!
//! `cargo bench --bench calls -- [calls] [kilobytes]`. With `kilobytes` so much memory is touched between two messages, as other programs do
//! to a machine's caches while the exchange waits: the first figure is what the decisions cost, the second what a quiet line costs.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod shared;

use centrala::time::Duration;
use mimalloc::MiMalloc;
use shared::{CALLER, Exchange, OFFER, Sent, request, tag_of};
use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::sync::atomic::{AtomicIsize, Ordering};

/// What is dialled: a flow that answers at once.
const DIALLED: &str = "101";
/// Calls a second of the line that is imitated: the rate of the load tool's first workload.
const RATE: u64 = 400;
/// Calls that are held at once to weigh one.
const HELD: usize = 2_000;
/// After this long no transaction of an answered call is left (RFC 3261 timers H, I and J: 32 s), in seconds.
const SETTLED: u64 = 40;
const ROUNDS: usize = 10;

/// The daemon's allocator, counting what is in use.
struct Scales;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static SCALES: Scales = Scales;

// SAFETY: everything is the allocator's; only sums are kept.
unsafe impl GlobalAlloc for Scales {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

fn main() {
    weigh();

    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (calls, trash) = (numbers.next().unwrap_or(40_000), numbers.next().unwrap_or(0) * 1024);
    let mut line = Line::new(trash);
    let mut round = |number: usize| {
        line.exchange.spent = Duration::ZERO;
        (0..calls / ROUNDS).for_each(|call| line.call(number * calls + call));
        line.exchange.spent.as_secs_f64() * 1e6 / (calls / ROUNDS) as f64
    };
    round(0);
    let mut rounds: Vec<f64> = (1..=ROUNDS).map(round).collect();
    rounds.sort_by(f64::total_cmp);
    println!(
        "{:.1} us per answered and released call, {:.1} in the middle of {ROUNDS} rounds; {} KiB touched before each message",
        rounds[0],
        rounds[ROUNDS / 2],
        trash / 1024
    );
}

/// What a call that is up and says nothing holds of the core's heap: tables that grew for it included, the allocator's own loss not.
fn weigh() {
    let mut line = Line::new(0);
    let empty = IN_USE.load(Ordering::Relaxed);
    for number in 0..HELD {
        line.answered(number);
        line.exchange.passes(Duration::from_nanos(1_000_000_000 / RATE));
    }
    for _ in 0..SETTLED {
        line.exchange.passes(Duration::from_secs(1));
    }
    let held = IN_USE.load(Ordering::Relaxed) - empty;
    println!("{:.1} KiB of heap per idle call", held as f64 / 1024.0 / HELD as f64);
}

/// The lab's exchange, and what else runs on its machine.
struct Line {
    exchange: Exchange,
    trash: Vec<u8>,
}

impl Line {
    fn new(trash: usize) -> Line {
        Line { exchange: Exchange::lab(), trash: vec![0; trash] }
    }

    /// Everything that the exchange does about one call, and what falls due meanwhile.
    fn call(&mut self, number: usize) {
        let tag = self.answered(number);
        let sent = self.send(request("BYE", DIALLED, number, Some(&tag), ""));
        assert!(sent.iter().any(|(_, bytes)| bytes.starts_with(b"SIP/2.0 200")), "released");
        self.exchange.passes(Duration::from_nanos(1_000_000_000 / RATE));
    }

    /// The exchange's tag.
    fn answered(&mut self, number: usize) -> String {
        let tag = tag_of(&self.send(request("INVITE", DIALLED, number, None, OFFER)));
        self.send(request("ACK", DIALLED, number, Some(&tag), ""));
        tag
    }

    fn send(&mut self, bytes: Vec<u8>) -> Sent {
        self.trash.iter_mut().step_by(64).for_each(|byte| *byte = black_box(byte.wrapping_add(1)));
        self.exchange.received(CALLER, bytes)
    }
}
