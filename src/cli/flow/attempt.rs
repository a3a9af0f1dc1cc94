//! `centrala flow try NAME`: a flow as a telephone in the terminal. Lines in, what the caller hears out; time passes only as it is told.
//!
//! Invariant: what is typed is the caller's; what is printed has happened.

use super::{Files, Repertoire, anybody};
use crate::cli::table::say;
use crate::ivr::rehearsal::{Stage, moment_of};
use crate::ivr::{DialEnd, QueueEnd};
use crate::shell::sys::clock;
use crate::time::{Duration, Wall};
use clap::Args;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

/// Walk through a flow in the terminal, as a caller does on the phone
#[derive(Args, Debug)]
pub struct Try {
    #[command(flatten)]
    files: Files,
    /// The flow
    name: String,
    /// The calling number
    #[arg(long, default_value = "+48221234567")]
    from: String,
    /// When the call takes place, as "2026-12-24T15:00 Europe/Warsaw"; now by default
    #[arg(long)]
    at: Option<String>,
    /// The caller's language
    #[arg(long)]
    language: Option<String>,
}

const HELP: &str = "\
  1, 23#        press these keys
  (empty line)  let time pass until something happens
  +30s          let so much time pass
  a, o, f       the queue or extension: answered, overflow (or no answer), failed
  h             hang up
  q             quit";

pub fn run(arguments: &Try) -> Result<ExitCode, String> {
    let repertoire = Repertoire::read(&arguments.files)?;
    let flow = repertoire.flow(&arguments.name)?.clone();
    let at: Wall = match &arguments.at {
        Some(text) => moment_of(text)?,
        None => clock::now().wall,
    };
    let mut caller = anybody(&repertoire.config);
    caller.number.clone_from(&arguments.from);
    if let Some(language) = &arguments.language {
        let known = &repertoire.config.languages;
        if !known.iter().any(|known| **known == **language) {
            return Err(format!("no language `{language}` here, but {}", known.join(", ")));
        }
        caller.language = language.as_str().into();
    }
    let stage = Stage::new(flow, &repertoire.config.flows, caller, repertoire.props(), at);
    say!("{HELP}");
    // A terminal that has gone ends the call; that is no fault.
    let _ = Phone { stage, told: 0 }.talk(&mut io::stdin().lock(), &mut io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}

struct Phone {
    stage: Stage,
    /// How much of what happened is printed.
    told: usize,
}

impl Phone {
    fn talk(&mut self, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
        self.tell(out)?;
        let mut line = String::new();
        while !self.stage.is_over() {
            write!(out, "> ")?;
            out.flush()?;
            line.clear();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim() {
                "q" => return Ok(()),
                word => {
                    if let Err(why) = self.obey(word) {
                        writeln!(out, "{why}")?;
                    }
                }
            }
            self.tell(out)?;
        }
        Ok(())
    }

    fn obey(&mut self, word: &str) -> Result<(), String> {
        match word {
            "" => self.pass(),
            "h" => {
                self.stage.hang_up();
                Ok(())
            }
            "a" | "o" | "f" => self.release(word),
            keys if keys.chars().all(|key| "0123456789*#".contains(key)) => {
                for key in keys.chars() {
                    self.stage.press(key);
                    self.stage.wait(Duration::from_millis(100));
                }
                Ok(())
            }
            word => {
                let time =
                    word.strip_prefix('+').and_then(|rest| rest.strip_suffix('s')).and_then(|rest| rest.parse::<u32>().ok());
                let time = time.filter(|seconds| *seconds <= 86_400).ok_or_else(|| HELP.to_string())?;
                self.stage.wait(Duration::from_secs(time.into()));
                Ok(())
            }
        }
    }

    /// Until something is heard, or nothing more can happen.
    fn pass(&mut self) -> Result<(), String> {
        while self.stage.log.len() == self.told {
            if !self.stage.advance() {
                return Err(match self.stage.held() {
                    Some(_) => "the caller is with somebody else: a, o or f says how that ends".into(),
                    None => "nothing happens by itself any more".into(),
                });
            }
        }
        Ok(())
    }

    fn release(&mut self, word: &str) -> Result<(), String> {
        let (queue, dial) = match word {
            "a" => (QueueEnd::Answered, DialEnd::Answered),
            "o" => (QueueEnd::Overflow, DialEnd::NoAnswer),
            _ => (QueueEnd::Failed, DialEnd::Failed),
        };
        if self.stage.queue_ends(queue) || self.stage.dial_ends(dial) {
            Ok(())
        } else {
            Err("the caller is with nobody".into())
        }
    }

    fn tell(&mut self, out: &mut impl Write) -> io::Result<()> {
        for (when, node, happening) in self.stage.log.iter().skip(self.told) {
            writeln!(out, "{:>7.1} s  {node}: {happening}", when.as_secs_f64())?;
        }
        self.told = self.stage.log.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Name;
    use crate::ivr::rehearsal::Props;
    use crate::ivr::{Caller, Flow, World};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    #[test]
    fn lines_are_a_caller_s_keys_and_what_happens_is_printed() {
        let sounds = BTreeSet::from(["menu".into()]);
        let world = World {
            languages: vec!["en".into()],
            sounds: BTreeMap::from([(Name::from("en"), sounds)]),
            queues: BTreeSet::from(["support".into()]),
            ..World::default()
        };
        let yaml = "start: m\nnodes:\n  m: {menu: {prompt: menu, keys: {1: q, 2: e}}}\n  q: {queue: {name: support, failed: e}}\n  e: {hangup: {}}";
        let flow = Flow::parse("f.yaml", yaml.as_bytes(), &world).expect("a good flow");
        let caller = Caller { language: "en".into(), ..Caller::default() };
        let stage = Stage::new(Arc::new(flow), &BTreeMap::new(), caller, Props::default(), Wall::from_unix_nanos(0));
        let mut out = Vec::new();
        Phone { stage, told: 0 }.talk(&mut "7\n1\n\na\n".as_bytes(), &mut out).expect("no terminal to lose");
        let printed = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = printed.lines().map(|line| line.trim_start_matches("> ").trim_start()).collect();
        assert_eq!(
            lines,
            [
                "0.0 s  m: hears menu (en)",
                "0.0 s  m: hears menu (en)",
                "0.1 s  q: joins queue support",
                "the caller is with somebody else: a, o or f says how that ends",
                "0.2 s  q: the call ends: hangup"
            ]
        );
    }
}
