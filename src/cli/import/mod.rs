//! `centrala import asterisk DIR`: another exchange's queues and agents as ours.
//!
//! | file | subject |
//! |---|---|
//! | here | files in, files and a report out |
//! | `conf` | Asterisk's configuration language |
//! | `asterisk` | what each option becomes |
//!
//! Invariant: nothing that exists is overwritten.

mod asterisk;
mod conf;

use super::table::{clean, print, print_json};
use asterisk::{Converted, Files, convert};
use clap::{Args, Subcommand};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Take over queues and agents of another exchange
#[derive(Args, Debug)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Subcommand, Debug)]
enum From {
    /// queues.conf, queuerules.conf and agents.conf -> queues.yaml, agents.yaml, and a report of what differs
    Asterisk {
        /// The folder with Asterisk's files: /etc/asterisk
        folder: PathBuf,
        /// Where queues.yaml and agents.yaml are written; without it they are printed
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Print JSON: {"queues": text, "agents": text, "report": [...], "extensions": [...]}
        #[arg(long)]
        json: bool,
    },
}

/// The longest file, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

pub fn run(arguments: &Import) -> Result<(), String> {
    let From::Asterisk { folder, out, json } = &arguments.from;
    let files = Files {
        queues: read(folder, "queues.conf")?.ok_or_else(|| format!("there is no queues.conf in `{}`", folder.display()))?,
        rules: read(folder, "queuerules.conf")?.unwrap_or_default(),
        agents: read(folder, "agents.conf")?.unwrap_or_default(),
    };
    let converted = convert(&files);
    if let Some(out) = out {
        write(out, "queues.yaml", &converted.queues)?;
        write(out, "agents.yaml", &converted.agents)?;
    }
    if *json {
        let Converted { queues, agents, report, extensions } = &converted;
        return print_json(&serde_json::json!({
            "queues": queues, "agents": agents, "report": report, "extensions": extensions,
        }));
    }
    print(&text(&converted, out.as_deref()));
    Ok(())
}

fn text(converted: &Converted, out: Option<&Path>) -> String {
    let mut text = match out {
        Some(out) => format!("written: {0}/queues.yaml, {0}/agents.yaml\n\n", out.display()),
        None => format!("# queues.yaml\n{}\n# agents.yaml\n{}\n", lines(&converted.queues), lines(&converted.agents)),
    };
    let mark = if out.is_some() { "" } else { "# " };
    text.push_str(&format!("{mark}{} differ or are not converted:\n", converted.report.len()));
    for line in &converted.report {
        text.push_str(&format!("{mark}{}\n", clean(line)));
    }
    if !converted.extensions.is_empty() {
        let extensions: Vec<&str> = converted.extensions.iter().map(String::as_str).collect();
        text.push_str(&format!("{mark}extensions.yaml must have: {}\n", extensions.join(", ")));
    }
    text
}

/// What came from outside, harmless for a terminal, line by line.
fn lines(text: &str) -> String {
    text.lines().map(|line| clean(line) + "\n").collect()
}

/// `None` when there is no such file.
fn read(folder: &Path, name: &str) -> Result<Option<conf::Conf>, String> {
    let path = folder.join(name);
    let unreadable = |why: String| format!("could not read {}: {why}", path.display());
    let length = match std::fs::metadata(&path) {
        Ok(about) => about.len(),
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(unreadable(fault.to_string())),
    };
    if length > MAX_BYTES {
        return Err(unreadable(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let bytes = std::fs::read(&path).map_err(|fault| unreadable(fault.to_string()))?;
    Ok(Some(conf::read(&String::from_utf8_lossy(&bytes))))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = folder.join(name);
    let failed = |fault: std::io::Error| match fault.kind() {
        ErrorKind::AlreadyExists => format!("{} is there already: move it away, or name another folder", path.display()),
        _ => format!("could not write {}: {fault}", path.display()),
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests;
