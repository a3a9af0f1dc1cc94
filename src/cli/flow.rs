//! `centrala flow`: flows tested, tried and drawn without a telephone.
//!
//! | file | what |
//! |---|---|
//! | here | the subcommands, and what all of them read |
//! | `test.rs` | the scripts beside the flows |
//! | `attempt.rs` | a flow as a telephone in the terminal |
//! | `graph.rs` | a flow as Mermaid |
//! | `svg.rs` | a flow as a drawing |
//!
//! Invariant: nothing outside is asked, and nothing is written.

mod attempt;
mod graph;
mod svg;
mod test;

use super::check;
use crate::config::{Config, Sources};
use crate::fault::{Fault, Faults};
use crate::id::Name;
use crate::ivr::rehearsal::{self, Case, Props};
use crate::ivr::{Caller, Flow, World, stem};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Test, try and draw flows without a telephone
#[derive(Args, Debug)]
pub struct FlowCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Test(test::Test),
    Try(attempt::Try),
    Graph(graph::Graph),
}

/// Where the administrator's files are.
#[derive(Args, Debug)]
pub struct Files {
    /// The configuration folder
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// The data folder: where `${file:NAME}` secrets are
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

/// 0: all is well; 1: a test failed; 2: the files have faults, or the command line does not fit them.
pub fn run(arguments: &FlowCommand) -> ExitCode {
    let done = match &arguments.what {
        What::Test(arguments) => test::run(arguments),
        What::Try(arguments) => attempt::run(arguments),
        What::Graph(arguments) => graph::run(arguments),
    };
    match done {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("centrala: {sentence}");
            ExitCode::from(2)
        }
    }
}

/// The checked configuration, and what it was read from.
struct Repertoire {
    config: Config,
    sources: Sources,
}

impl Repertoire {
    /// Faults are printed as `check` prints them.
    fn read(files: &Files) -> Result<Repertoire, String> {
        let (sources, config) = check::load(&files.config, &files.data)?;
        match config {
            Ok(config) => Ok(Repertoire { config, sources }),
            Err(faults) => {
                print_faults(&faults);
                Err("the configuration and its flows have faults; `centrala check` lists them".into())
            }
        }
    }

    fn flow(&self, name: &str) -> Result<&Arc<Flow>, String> {
        self.config.flows.get(name).ok_or_else(|| {
            let known = crate::fault::nearest(name, self.config.flows.keys().map(|name| &**name));
            let hint = known.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
            format!("there is no flow `{name}`{hint}")
        })
    }

    fn props(&self) -> Props {
        Props { calendars: self.config.calendars.clone(), speech: self.config.speech.clone(), ..Props::default() }
    }
}

/// What is wrong with the tests beside the flows.
pub fn faults_of_tests(config: &Config, sources: &Sources) -> Vec<Fault> {
    let mut faults = Faults::new();
    read_tests(config, sources, &mut faults);
    faults.judge().err().unwrap_or_default()
}

/// Every test; those that have faults are left out.
fn read_tests(config: &Config, sources: &Sources, faults: &mut Faults) -> Vec<Case> {
    let (world, caller) = (world_of(config, sources), anybody(config));
    let mut cases = Vec::new();
    for (file, bytes) in &sources.flow_tests {
        let flow = stem(file);
        let flow: Name = flow.strip_suffix(".test").unwrap_or(&flow).into();
        cases.extend(rehearsal::read(file, bytes, &flow, &world, &caller, faults));
    }
    cases
}

/// What tests are checked against.
fn world_of(config: &Config, sources: &Sources) -> World {
    World {
        languages: config.languages.clone(),
        sounds: sources.sounds.clone(),
        queues: names(config.queues.keys()),
        extensions: names(config.extensions.keys()),
        flows: names(config.flows.keys()),
        calendars: names(config.calendars.keys()),
        ..World::default()
    }
}

/// A caller of whom nothing is known.
fn anybody(config: &Config) -> Caller {
    Caller { language: config.language.clone(), zone: config.zone.clone(), source: "trunk test".into(), ..Caller::default() }
}

fn names<'n>(names: impl Iterator<Item = &'n Name>) -> BTreeSet<Name> {
    names.cloned().collect()
}

fn print_faults(faults: &[Fault]) {
    for fault in faults {
        eprintln!("{fault}");
    }
}
