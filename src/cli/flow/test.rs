//! `centrala flow test`: plays the scripts beside the flows and prints what differed and where.
//!
//! Invariant: the exit code is 0 only when every script was played and nothing differed.

use super::{Files, Repertoire, print_faults, read_tests};
use crate::fault::Faults;
use crate::id::Name;
use crate::ivr::rehearsal::{Case, Verdict, play};
use clap::Args;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

/// Play the tests beside the flows (*.test.yaml) in virtual time
#[derive(Args, Debug)]
pub struct Test {
    #[command(flatten)]
    files: Files,
    /// Only the tests of these flows
    flows: Vec<String>,
    /// Print every test, not only those that failed
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Test) -> Result<ExitCode, String> {
    let repertoire = Repertoire::read(&arguments.files)?;
    for flow in &arguments.flows {
        repertoire.flow(flow)?;
    }
    let cases = cases(&repertoire, &arguments.flows)?;
    if cases.is_empty() {
        return Err(format!("there are no tests: no file in {} ends in `.test.yaml`", repertoire.sources.folders.flows));
    }
    let props = repertoire.props();
    let verdicts: Vec<Verdict> = cases.iter().map(|case| play(case, &repertoire.config.flows, &props)).collect();
    let mut out = io::stdout().lock();
    let printed = if arguments.json {
        print_json(&mut out, &cases, &verdicts)
    } else {
        print(&mut out, &cases, &verdicts, arguments.verbose)
            .and_then(|()| print_unvisited(&mut out, &repertoire, &cases, &verdicts))
    };
    // Who does not want to read it may close it.
    let _ = printed;
    let good = verdicts.iter().all(|verdict| verdict.difference.is_none());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cases(repertoire: &Repertoire, wanted: &[String]) -> Result<Vec<Case>, String> {
    let mut faults = Faults::new();
    let mut cases = read_tests(&repertoire.config, &repertoire.sources, &mut faults);
    cases.retain(|case| wanted.is_empty() || wanted.iter().any(|name| **name == *case.flow));
    match faults.judge() {
        Ok(_) => Ok(cases),
        Err(faults) => {
            print_faults(&faults);
            Err("the tests have faults".into())
        }
    }
}

fn print(out: &mut impl Write, cases: &[Case], verdicts: &[Verdict], verbose: bool) -> io::Result<()> {
    for (case, verdict) in cases.iter().zip(verdicts) {
        match &verdict.difference {
            None if verbose => writeln!(out, "ok      {}: {} ({:.1} s)", case.flow, case.name, verdict.lasted.as_secs_f64())?,
            None => {}
            Some(_) => print_failure(out, case, verdict)?,
        }
    }
    let failed = verdicts.iter().filter(|verdict| verdict.difference.is_some()).count();
    match failed {
        0 => writeln!(out, "{} passed", count(cases.len())),
        _ => writeln!(out, "{}, {failed} failed", count(cases.len())),
    }
}

fn count(tests: usize) -> String {
    if tests == 1 { "1 test".into() } else { format!("{tests} tests") }
}

fn print_failure(out: &mut impl Write, case: &Case, verdict: &Verdict) -> io::Result<()> {
    let Some(difference) = &verdict.difference else { return Ok(()) };
    writeln!(out, "FAILED  {}: {}", case.flow, case.name)?;
    let place = case.steps.get(difference.step).map_or(&case.place, |step| &step.place);
    writeln!(out, "  {}:{}: expected that {}", place.file, place.line, difference.expected)?;
    writeln!(out, "  {:>6} | {}", place.line, place.excerpt)?;
    writeln!(out, "  but {}; what happened:", difference.why)?;
    if difference.instead.is_empty() {
        writeln!(out, "    nothing")?;
    }
    difference.instead.iter().try_for_each(|line| writeln!(out, "    {line}"))
}

/// Nodes of the tested flows to which no test has led a caller.
fn print_unvisited(out: &mut impl Write, repertoire: &Repertoire, cases: &[Case], verdicts: &[Verdict]) -> io::Result<()> {
    let visited: BTreeSet<&(Name, Name)> = verdicts.iter().flat_map(|verdict| &verdict.visited).collect();
    let tested: BTreeSet<&Name> = cases.iter().map(|case| &case.flow).collect();
    for name in tested {
        let Some(flow) = repertoire.config.flows.get(name) else { continue };
        let unvisited = flow.nodes.keys().filter(|node| !visited.contains(&(name.clone(), (*node).clone())));
        let unvisited: Vec<&str> = unvisited.map(|node| &**node).collect();
        if !unvisited.is_empty() {
            writeln!(out, "no test visits, in {name}: {}", unvisited.join(", "))?;
        }
    }
    Ok(())
}

fn print_json(out: &mut impl Write, cases: &[Case], verdicts: &[Verdict]) -> io::Result<()> {
    let rows = cases.iter().zip(verdicts).map(|(case, verdict)| {
        let difference = verdict.difference.as_ref().map(|difference| {
            let line = case.steps.get(difference.step).map_or(case.place.line, |step| step.place.line);
            serde_json::json!({
                "file": case.place.file, "line": line, "expected": difference.expected,
                "because": difference.why, "instead": difference.instead,
            })
        });
        serde_json::json!({ "flow": case.flow, "name": case.name, "ok": difference.is_none(), "difference": difference })
    });
    serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
    writeln!(out)
}
