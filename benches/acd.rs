//! What a decision of the queue engine costs, and what a waiting caller weighs.
//!
//! A decision is an agent's call ending and the next caller being offered to them, while so many others wait and all other agents
//! are busy; or a caller coming while agents are free. Budgets: 1 us with 1,000 waiting and 1,000 agents, 3 us with 100,000 and 10,000,
//! 1 KB for each waiting item. `cargo bench --bench acd`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::acd::{Acd, Action, Event, ItemId, OfferId, sample};
use centrala::time::{Moment, Now};
use criterion::Criterion;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Counted;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system allocator's; only a number is kept beside it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// A house in which every agent talks and the rest wait; one call ends, and the next is offered and answered.
struct Busy {
    acd: Acd,
    queues: u32,
    joined: u64,
    talking: VecDeque<ItemId>,
    out: Vec<Action>,
}

impl Busy {
    fn new(house: sample::House, agents: u64, waiting: u64) -> Busy {
        let queues = house.queues;
        let joined = agents + waiting;
        let acd = sample::built(house, joined);
        let mut busy = Busy { acd, queues, joined, talking: VecDeque::new(), out: Vec::new() };
        for offer in 1..=agents {
            busy.answer(OfferId(offer));
        }
        busy
    }

    fn now(&self) -> Now {
        sample::at(self.joined)
    }

    fn answer(&mut self, offer: OfferId) {
        let now = self.now();
        self.acd.handle(Event::Answered { offer }, now, &mut self.out);
        for action in self.out.drain(..) {
            if let Action::Connect { item, .. } = action {
                self.talking.push_back(item);
            }
        }
    }

    /// The decision alone is timed; the caller's place is filled again.
    fn decide(&mut self) -> Duration {
        let item = self.talking.pop_front().expect("somebody talks");
        let now = self.now();
        let begun = Instant::now();
        call_ends(&mut self.acd, item, now, black_box(&mut self.out));
        let took = begun.elapsed();
        let offered =
            self.out.drain(..).find_map(|action| if let Action::Offer { offer, .. } = action { Some(offer) } else { None });
        if let Some(offer) = offered {
            self.answer(offer);
        }
        self.joined += 1;
        let now = self.now();
        sample::join(&mut self.acd, self.joined, self.queues, now, &mut self.out);
        // Where nobody had waited for this agent, the one who comes next may be theirs.
        let offered =
            self.out.drain(..).find_map(|action| if let Action::Offer { offer, .. } = action { Some(offer) } else { None });
        if let Some(offer) = offered {
            self.answer(offer);
        }
        took
    }
}

/// What is timed, by a name that a profiler can be told.
#[inline(never)]
fn call_ends(acd: &mut Acd, item: ItemId, now: Now, out: &mut Vec<Action>) {
    acd.handle(Event::CallEnded { item }, now, out);
}

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a call ends, the next is offered");
    for (waiting, agents) in [(1_000, 1_000), (100_000, 10_000)] {
        for (title, house) in
            [("one need", sample::House::plain(100, agents)), ("skills and steps", sample::House::skilled(100, agents))]
        {
            let mut busy = Busy::new(house, agents.into(), waiting);
            group.bench_function(format!("{waiting} waiting, {agents} agents, {title}"), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| busy.decide()).sum());
            });
        }
    }
    group.finish();
}

fn weight() {
    let empty = HELD.load(Ordering::Relaxed);
    let acd = sample::built(sample::House::plain(100, 10), 10);
    let before = HELD.load(Ordering::Relaxed);
    drop(acd);
    let begun = HELD.load(Ordering::Relaxed);
    let acd = sample::built(sample::House::plain(100, 10), 100_010);
    let after = HELD.load(Ordering::Relaxed);
    println!("a waiting item weighs {} bytes", ((after - begun) - (before - empty)) / 100_000);
    assert!(acd.poll_timeout().is_some_and(|at| at > Moment::ZERO));
}

fn main() {
    weight();
    let mut criterion = Criterion::default().configure_from_args().measurement_time(Duration::from_secs(3));
    decisions(&mut criterion);
    criterion.final_summary();
}
