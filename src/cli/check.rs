//! `centrala check`: everything that is wrong with the configuration, flows and sounds, all at once.
//!
//! Invariant: what `check` passes, `run` starts with (but for what only running can tell: a port in use, a secret taken away).

mod unpaid;

use super::flow;
use crate::audio::wav;
use crate::config::{self, Config, Elsewhere, Overrides, SecretRef, Sources};
use crate::fault::{Fault, MAX_FAULTS, Place};
use crate::shell::files::{self, Outside};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check configuration, flows and sounds; print every fault with its place
#[derive(Args, Debug)]
pub struct Check {
    /// The configuration folder
    #[arg(long, value_name = "DIR", default_value = "config")]
    pub config: PathBuf,
    /// The data folder: where `${file:NAME}` secrets are
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Print a JSON object: {"ok": bool, "faults": [...], "warnings": [...]}
    #[arg(long)]
    pub json: bool,
}

/// 0: no faults; 2: faults.
pub fn run(arguments: &Check) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let printed = match judge(arguments) {
        Err(sentence) if arguments.json => {
            let fault = Fault { place: Place::default(), message: sentence, suggestion: None, warning: false };
            print_json(&mut out, &[fault])
        }
        Err(sentence) => {
            eprintln!("centrala: {sentence}");
            return ExitCode::from(2);
        }
        Ok(Verdict { faults, .. }) if arguments.json => print_json(&mut out, &faults),
        Ok(Verdict { faults, summary }) => print(&mut out, &faults, &summary),
    };
    // A reader that has gone (`check | head`) is no fault of the configuration.
    let good = printed.unwrap_or(true);
    if good { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// Everything that is wrong, and what there is.
struct Verdict {
    faults: Vec<Fault>,
    summary: String,
}

fn judge(arguments: &Check) -> Result<Verdict, String> {
    let (sources, config) = load(&arguments.config, &arguments.data)?;
    let (mut faults, summary) = match config {
        Ok(config) => {
            let scripts = flow::faults_of_tests(&config, &sources);
            let unpaid = unpaid::warnings(&config, &sources);
            (config.warnings.iter().cloned().chain(unpaid).chain(scripts).collect(), summarise(&config, &sources))
        }
        Err(faults) => (faults, String::new()),
    };
    faults.extend(unreadable_sounds(&sources));
    Ok(Verdict { faults, summary })
}

/// The configuration, or everything that is wrong with it; and what it was read from. The error is a folder that cannot be read.
pub fn load(folder: &Path, data: &Path) -> Result<(Sources, Result<Config, Vec<Fault>>), String> {
    let sources = files::gather(folder)?;
    let config = config::load(&sources, &Overrides::default(), &BeforeTheStart(Outside { data }));
    Ok((sources, config))
}

/// The configuration, for commands that need no daemon; the error is the first fault as `check` prints it.
pub fn configuration(folder: &Path) -> Result<Config, String> {
    let sources = files::gather(folder)?;
    // Secrets decide nothing here.
    let secrets = |_: &SecretRef| Ok("-".repeat(config::MIN_SECRET));
    config::load(&sources, &Overrides::default(), &secrets).map_err(|faults| {
        let first = faults.iter().find(|fault| !fault.warning).map(ToString::to_string).unwrap_or_default();
        format!("the configuration is wrong (`centrala check` tells everything): {first}")
    })
}

/// A secret that the first start will make is as good as there.
struct BeforeTheStart<'a>(Outside<'a>);

impl Elsewhere for BeforeTheStart<'_> {
    fn secret(&self, reference: &SecretRef) -> Result<String, String> {
        match reference {
            SecretRef::File(file) if !file.starts_with('/') && !files::secret_path(self.0.data, file).exists() => {
                Ok("-".repeat(config::MIN_SECRET))
            }
            _ => self.0.secret(reference),
        }
    }

    fn authorities(&self, path: &str) -> Result<(), String> {
        self.0.authorities(path)
    }
}

fn summarise(config: &Config, sources: &Sources) -> String {
    let sounds: usize = sources.sounds.values().map(std::collections::BTreeSet::len).sum();
    let counts = [
        (config.flows.len(), "flow"),
        (config.numbers.len(), "number"),
        (config.extensions.len(), "extension"),
        (config.trunks.len(), "trunk"),
        (config.queues.len(), "queue"),
        (config.agents.len(), "agent"),
        (sounds, "sound"),
    ];
    counts.map(|(count, what)| count_of(count, what)).join(", ")
}

fn unreadable_sounds(sources: &Sources) -> Vec<Fault> {
    let faults = files::sound_files(sources).filter_map(|(_, _, path)| {
        let why = files::read_sound(&path).and_then(|bytes| wav::read(&bytes)).err()?;
        let place = Place::whole(&path.display().to_string());
        Some(Fault { place, message: format!("could not read the sound: {why}"), suggestion: None, warning: false })
    });
    faults.take(MAX_FAULTS).collect()
}

/// True when there is no fault among them.
fn print(out: &mut impl Write, faults: &[Fault], summary: &str) -> std::io::Result<bool> {
    for fault in faults {
        writeln!(out, "{fault}")?;
    }
    let warnings = faults.iter().filter(|fault| fault.warning).count();
    let wrong = faults.len() - warnings;
    if !faults.is_empty() {
        writeln!(out, "{}, {}", count_of(wrong, "fault"), count_of(warnings, "warning"))?;
    }
    if wrong == 0 {
        writeln!(out, "ok: {summary}")?;
    }
    Ok(wrong == 0)
}

fn print_json(out: &mut impl Write, faults: &[Fault]) -> std::io::Result<bool> {
    let (warnings, wrong): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| fault.warning);
    let good = wrong.is_empty();
    let object = serde_json::json!({ "ok": good, "faults": wrong, "warnings": warnings });
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)?;
    Ok(good)
}

fn count_of(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
