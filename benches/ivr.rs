//! What flows cost: a step from node to node, checking a thousand flows of a hundred nodes, and ten thousand flow tests.
//!
//! Budgets: 5 us a step, 1 s for the check, 5 s for the tests. `cargo bench --bench ivr`: the processor time of one
//! thread, with the exchange's own allocator.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::fault::Faults;
use centrala::id::Name;
use centrala::ivr::rehearsal::{self, Props};
use centrala::ivr::{Caller, Command, Event, Flow, Session, World};
use centrala::time::{Moment, Now, Wall};
use criterion::Criterion;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FLOWS: usize = 1000;
const NODES: usize = 100;
const CASES: usize = 10_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10).measurement_time(Duration::from_secs(5));
    let world = world();
    let flows = read(&BTreeMap::from([("f0.yaml".to_string(), flow().into_bytes())]), &world);
    stepping(&mut criterion, &flows["f0"]);
    checking(&mut criterion, &world);
    rehearsing(&mut criterion, &flows, &world);
    criterion.final_summary();
}

/// What this does of the processor's time, whatever others do beside us.
fn spent(times: u64, mut work: impl FnMut()) -> Duration {
    let began = cpu();
    (0..times).for_each(|_| work());
    cpu().saturating_sub(began)
}

fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(told, 0, "Linux has this clock");
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

fn world() -> World {
    let names = |list: &[&str]| -> BTreeSet<Name> { list.iter().map(|name| Name::from(*name)).collect() };
    let sounds = names(&["welcome", "menu"]);
    World {
        languages: vec!["en".into(), "pl".into()],
        sounds: BTreeMap::from([("en".into(), sounds.clone()), ("pl".into(), sounds)]),
        flows: names(&["f0"]),
        ..World::default()
    }
}

/// A ring of menus, sets, branches and plays.
fn flow() -> String {
    let mut yaml = "start: n0\nnodes:\n".to_string();
    for at in 0..NODES {
        let next = (at + 1) % NODES;
        let node = match at % 4 {
            0 => format!("menu: {{prompt: menu, keys: {{1: n{next}, 2: n{next}}}, no_input: n{next}}}"),
            1 => format!("set: {{vars: {{x: \"{{{{ default(vars.x, 0) + 1 }}}}\"}}, next: n{next}}}"),
            2 => format!("branch: {{if: vars.x > 3 and caller.number != '', then: n{next}, else: n{next}}}"),
            _ => format!("play: {{prompts: [welcome], next: n{next}}}"),
        };
        writeln!(yaml, "  n{at}: {{{node}}}").expect("a string takes it");
    }
    yaml
}

fn read(files: &BTreeMap<String, Vec<u8>>, world: &World) -> BTreeMap<Name, Arc<Flow>> {
    let mut faults = Faults::new();
    let flows = Flow::read_all(files, world, &mut faults);
    assert!(faults.is_empty(), "{:?}", faults.judge());
    flows
}

fn stepping(criterion: &mut Criterion, flow: &Arc<Flow>) {
    let now = |event: u64| Now {
        mono: Moment::from_nanos(i64::try_from(event).expect("few") * 1_000_000_000),
        wall: Wall::from_unix_nanos(0),
    };
    criterion.bench_function("a node step", |bench| {
        bench.iter_custom(|steps| {
            let mut session = Session::new(flow.clone(), "en".into());
            let mut out = Vec::new();
            session.handle(Event::Begin, now(0), &mut out);
            session.handle(Event::Answered, now(0), &mut out);
            let mut events = 0;
            spent(1, || {
                while session.visits().len() as u64 + session.visits_dropped() < steps {
                    events += 1;
                    session.handle(next(events, &mut out), now(events), &mut out);
                }
            })
        });
    });
}

/// A prompt ends, or a key is pressed, by turns.
fn next(events: u64, out: &mut Vec<Command>) -> Event {
    let played = out.drain(..).rev().find_map(|command| match command {
        Command::Play { play, .. } => Some(play),
        _ => None,
    });
    match played {
        Some(play) if events.is_multiple_of(2) => Event::Played { play },
        _ => Event::Digit('1'),
    }
}

fn checking(criterion: &mut Criterion, world: &World) {
    let yaml = flow().into_bytes();
    let files: BTreeMap<String, Vec<u8>> = (0..FLOWS).map(|at| (format!("f{at}.yaml"), yaml.clone())).collect();
    criterion.bench_function(&format!("check of {FLOWS} flows of {NODES} nodes"), |bench| {
        bench.iter_custom(|times| spent(times, || assert_eq!(read(&files, world).len(), FLOWS)));
    });
}

const CASE: &str = "- name: a caller goes round
  steps:
    - hears: menu
    - presses: \"1\"
    - hears: [welcome, menu]
    - presses: \"2\"
    - hangs_up: true
    - ends: hung_up
";

fn rehearsing(criterion: &mut Criterion, flows: &BTreeMap<Name, Arc<Flow>>, world: &World) {
    let caller = Caller { language: "en".into(), ..Caller::default() };
    // A file of tests is as long as a file may be.
    let file = CASE.repeat(1000);
    criterion.bench_function(&format!("{CASES} flow tests, read and played"), |bench| {
        bench.iter_custom(|times| spent(times, || all_cases(file.as_bytes(), flows, world, &caller)));
    });
}

fn all_cases(file: &[u8], flows: &BTreeMap<Name, Arc<Flow>>, world: &World, caller: &Caller) {
    for _ in 0..CASES / 1000 {
        let mut faults = Faults::new();
        let cases = rehearsal::read("f0.test.yaml", file, &"f0".into(), world, caller, &mut faults);
        assert!(faults.is_empty(), "{:?}", faults.judge());
        for case in &cases {
            assert_eq!(black_box(rehearsal::play(case, flows, &Props::default())).difference, None);
        }
    }
}
