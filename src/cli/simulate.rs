//! `centrala simulate`: a contact centre's day through the queue engine itself, in virtual time.
//!
//! Invariant: the same file, seed and options print the same, to the last character.

use super::client::Where;
use super::history;
use super::period::Span;
use super::table::{Table, clean, print, print_json, seconds};
use crate::config::Day;
use crate::fault::Fault;
use crate::measure::{Counts, Formula, Work};
use crate::sim::day::{Outlook, Tally, run as run_day};
use crate::time::Duration;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Simulate a contact centre's day: service level, waits, who gives up, occupancy
#[derive(Args, Debug)]
pub struct Simulate {
    /// The day: calls by interval, handling times, patience, shifts; and its queues, unless --queues names them
    #[arg(required_unless_present = "from_history")]
    file: Option<PathBuf>,
    /// Take calls, times and agents from the records of a running daemon instead (of --from to --to)
    #[arg(long, conflicts_with = "file")]
    from_history: bool,
    /// What is drawn by chance is drawn anew by another number
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What if every shift had so many more agents (+3), fewer (-2), or so many (12)?
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = change)]
    agents: Option<Change>,
    /// What if the queues were those of this file?
    #[arg(long, value_name = "FILE")]
    queues: Option<PathBuf>,
    /// How the service level counts those who gave up
    #[arg(long, value_name = "WORD", default_value = "short_excluded", value_parser = super::report::formula)]
    formula: Formula,
    /// The configuration folder, for --from-history
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    place: Where,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    By(i64),
    To(u32),
}

/// The longest file.
const MAX_BYTES: u64 = 1024 * 1024;
/// How wide the chart's bars are.
const BAR: usize = 30;

pub fn run(arguments: &Simulate) -> Result<(), String> {
    let mut day = match &arguments.file {
        Some(file) => read(file, arguments.queues.as_deref())?,
        None => history::day(&arguments.place, &arguments.span, &arguments.config)?,
    };
    if let Some(change) = arguments.agents {
        change_agents(&mut day, change);
    }
    let outlook = run_day(&day, arguments.seed);
    if arguments.place.json {
        return print_json(&object(&day, &outlook));
    }
    print(&text(&day, &outlook, arguments.formula));
    Ok(())
}

fn read(file: &Path, queues: Option<&Path>) -> Result<Day, String> {
    let day = bytes(file)?;
    let queues = queues.map(|path| Ok::<_, String>((path.display().to_string(), bytes(path)?))).transpose()?;
    let queues = queues.as_ref().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    Day::read((&file.display().to_string(), &day), queues).map_err(|faults| {
        let faults: Vec<String> = faults.iter().filter(|fault| !fault.warning).map(Fault::to_string).collect();
        faults.join("\n")
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |why: String| format!("could not read {}: {why}", path.display());
    let length = std::fs::metadata(path).map_err(|fault| unreadable(fault.to_string()))?.len();
    if length > MAX_BYTES {
        return Err(unreadable(format!("it is longer than {MAX_BYTES} bytes")));
    }
    std::fs::read(path).map_err(|fault| unreadable(fault.to_string()))
}

fn change_agents(day: &mut Day, change: Change) {
    for shift in &mut day.shifts {
        shift.agents = match change {
            Change::To(agents) => agents,
            Change::By(by) => u32::try_from((i64::from(shift.agents) + by).max(0)).unwrap_or(u32::MAX),
        };
    }
}

fn text(day: &Day, outlook: &Outlook, formula: Formula) -> String {
    let mut chart =
        Table::new(&["FROM", "SERVICE LEVEL", "", "OFFERED", "ANSWERED", "ABANDONED", "ASA", "LONGEST", "OCCUPANCY"]);
    for (number, tally) in (0u32..).zip(&outlook.intervals) {
        let counts = &tally.counts;
        let level = counts.service_level(formula);
        chart.row([
            clock(day.begins + day.interval * number),
            bar(level),
            share(level),
            counts.offered.to_string(),
            counts.answered.to_string(),
            counts.abandoned.to_string(),
            length(counts.average_answer()),
            length(Some(counts.longest_wait.as_secs_f64())),
            share(tally.work.occupancy()),
        ]);
    }
    let mut queues = Table::new(&[
        "QUEUE",
        "SERVICE LEVEL",
        "OFFERED",
        "ANSWERED",
        "ABANDONED",
        "RATE",
        "OUT",
        "WAITING",
        "REFUSED",
        "ASA",
        "LONGEST",
        "AHT",
    ]);
    let all = ("all".into(), outlook.total);
    for (name, tally) in outlook.queues.iter().map(|(name, tally)| (name.to_string(), *tally)).chain([all]) {
        queues.row(queue_row(name, &tally, formula));
    }
    let work = &outlook.total.work;
    let agents = format!(
        "agents: occupancy {}, utilisation {}, {} logged in\n",
        share(work.occupancy()),
        share(work.utilisation()),
        length(Some(work.logged_in.as_secs_f64()))
    );
    format!("{}\n{}\n{agents}", chart.text(), queues.text())
}

fn queue_row(name: String, tally: &Tally, formula: Formula) -> [String; 12] {
    let counts = &tally.counts;
    [
        clean(&name),
        share(counts.service_level(formula)),
        counts.offered.to_string(),
        counts.answered.to_string(),
        counts.abandoned.to_string(),
        share(counts.abandon_rate()),
        (counts.flowed_out + counts.left_by_key + counts.ended_by_us).to_string(),
        counts.waiting.to_string(),
        tally.refused.to_string(),
        length(counts.average_answer()),
        length(Some(counts.longest_wait.as_secs_f64())),
        length(tally.work.average_handling()),
    ]
}

fn object(day: &Day, outlook: &Outlook) -> Value {
    let intervals = (0u32..).zip(&outlook.intervals).map(|(number, tally)| {
        let mut row = row(tally);
        row["from"] = clock(day.begins + day.interval * number).into();
        row
    });
    let queues = outlook.queues.iter().map(|(name, tally)| (name.to_string(), row(tally)));
    json!({
        "intervals": intervals.collect::<Vec<_>>(),
        "queues": queues.collect::<serde_json::Map<_, _>>(),
        "total": row(&outlook.total),
    })
}

fn row(tally: &Tally) -> Value {
    let Tally { counts, work, refused } = tally;
    let mut row = counted(counts);
    row["refused"] = (*refused).into();
    row["aht_s"] = json!(work.average_handling());
    row["occupancy"] = json!(work.occupancy());
    row["utilisation"] = json!(work.utilisation());
    row["work_s"] = worked(work);
    row
}

fn counted(counts: &Counts) -> Value {
    let levels = Formula::ALL.map(|formula| (formula.word().to_string(), json!(counts.service_level(formula))));
    json!({
        "offered": counts.offered,
        "answered": counts.answered,
        "answered_in_time": counts.answered_in_time,
        "abandoned": counts.abandoned,
        "short_abandoned": counts.short_abandoned,
        "flowed_out": counts.flowed_out,
        "ended_by_us": counts.ended_by_us,
        "waiting": counts.waiting,
        "service_level": serde_json::Map::from_iter(levels),
        "asa_s": counts.average_answer(),
        "longest_wait_s": counts.longest_wait.as_secs_f64(),
        "abandon_rate_no_short": counts.abandon_rate(),
    })
}

fn worked(work: &Work) -> Value {
    json!({
        "talk": work.talk.as_secs_f64(),
        "wrap_up": work.wrap_up.as_secs_f64(),
        "available": work.available.as_secs_f64(),
        "away": work.away.as_secs_f64(),
        "logged_in": work.logged_in.as_secs_f64(),
    })
}

/// `08:30`.
fn clock(since_midnight: Duration) -> String {
    let minutes = since_midnight.as_secs() / 60;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

fn bar(level: Option<f64>) -> String {
    let full = level.map_or(0, |level| (level * BAR as f64).round() as usize).min(BAR);
    format!("{}{}", "#".repeat(full), ".".repeat(BAR - full))
}

fn share(part: Option<f64>) -> String {
    part.map_or("-".into(), |part| format!("{:.1} %", part * 100.0))
}

fn length(time: Option<f64>) -> String {
    time.map_or("-".into(), |time| seconds((time * 1000.0) as u64))
}

fn change(text: &str) -> Result<Change, String> {
    const MOST: u32 = 10_000;
    let wrong = || format!("+3, -2 or 12, up to {MOST}");
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number <= MOST).ok_or_else(wrong);
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(more), _) => number(more).map(|more| Change::By(i64::from(more))),
        (_, Some(fewer)) => number(fewer).map(|fewer| Change::By(-i64::from(fewer))),
        _ => number(text).map(Change::To),
    }
}
