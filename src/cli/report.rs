//! `centrala report queue|agent|interval|flow`: what became of callers, and what agents did, computed from the facts.
//!
//! Invariant: what is printed is what the daemon computed; only the service level's formula is chosen here.

use super::client::{Where, ask, strange};
use super::period::{Span, settings};
use super::table::{Table, print, print_json, seconds};
use crate::control::{QueueThreshold, ReportKind, ReportRequest, ReportSettings, Request, Response};
use crate::fault::fields::parse_duration;
use crate::fault::nearest;
use crate::measure::Formula;
use crate::store::measures::{AgentMeasures, ContactMeasures, QueueMeasures};
use crate::time::Duration;
use clap::{Args, Subcommand};
use serde_json::Value;

/// Reports of queues, agents and intervals of the day
#[derive(Args, Debug)]
pub struct Report {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Each queue: service level, waits, who gave up, handling times
    Queue(Callers),
    Flow(super::report_flow::FlowReport),
    /// Each agent: calls, handling time, occupancy, states
    Agent(Common),
    /// Each queue in each interval
    Interval {
        /// The length of an interval
        #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time)]
        every: Duration,
        #[command(flatten)]
        callers: Callers,
    },
}

#[derive(Args, Debug)]
struct Common {
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    place: Where,
}

#[derive(Args, Debug)]
struct Callers {
    /// Only this queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// How the service level counts those who gave up: handled_only, ignore, negative, positive, short_excluded
    #[arg(long, value_name = "WORD", default_value = "short_excluded", value_parser = formula)]
    formula: Formula,
    /// What is answered in time, instead of what the queues say
    #[arg(long, value_name = "TIME", value_parser = time)]
    within: Option<Duration>,
    /// Who gives up sooner did not count as given up, instead of what the queues say
    #[arg(long, value_name = "TIME", value_parser = time)]
    short: Option<Duration>,
    #[command(flatten)]
    common: Common,
}

pub fn run(arguments: &Report) -> Result<(), String> {
    match &arguments.what {
        What::Queue(callers) => of_queues(callers, ReportKind::Queue, Duration::ZERO),
        What::Interval { every, callers } => of_queues(callers, ReportKind::Interval, *every),
        What::Agent(common) => of_agents(common),
        What::Flow(flow) => super::report_flow::run(flow),
    }
}

fn of_queues(callers: &Callers, what: ReportKind, every: Duration) -> Result<(), String> {
    let settings = settings(&callers.common.place)?;
    let thresholds = settings.queues.iter().map(|queue| thresholds(queue, callers)).collect();
    let request = request(&callers.common, &settings, what, every, thresholds)?;
    let mut report = fetch(&callers.common.place, request)?;
    let mut rows: Vec<QueueMeasures> = read(&mut report, "rows")?;
    if let Some(queue) = &callers.queue {
        // One that is configured no more may be on record.
        let known = settings.queues.iter().map(|it| it.queue.as_str()).chain(rows.iter().map(|row| row.queue.as_str()));
        known_name("queue", queue, &known.collect::<Vec<_>>())?;
        rows.retain(|row| *queue == row.queue);
    }
    if callers.common.place.json {
        report["rows"] = serde_json::to_value(rows).map_err(|fault| fault.to_string())?;
        return print_json(&report);
    }
    let contacts: ContactMeasures = read(&mut report, "contacts")?;
    queue_table(&rows, callers.formula, what == ReportKind::Interval).print("no callers in that time");
    if contacts.chains > 0 {
        print(&format!(
            "\nof {} matters: done with one contact {}, with at most two {}, three {}\n",
            contacts.chains,
            share(contacts.fcr),
            share(contacts.cr2),
            share(contacts.cr3)
        ));
    }
    Ok(())
}

fn of_agents(common: &Common) -> Result<(), String> {
    let settings = settings(&common.place)?;
    let request = request(common, &settings, ReportKind::Agent, Duration::ZERO, Vec::new())?;
    let mut report = fetch(&common.place, request)?;
    if common.place.json {
        return print_json(&report);
    }
    agent_table(&read::<Vec<AgentMeasures>>(&mut report, "rows")?).print("no agents were there in that time");
    Ok(())
}

/// What a queue calls in time, unless the command line says otherwise.
fn thresholds(queue: &QueueThreshold, callers: &Callers) -> QueueThreshold {
    let millis = |time: Option<Duration>, usual| time.map_or(usual, |time| u64::try_from(time.as_millis()).unwrap_or(usual));
    QueueThreshold {
        queue: queue.queue.clone(),
        within_ms: millis(callers.within, queue.within_ms),
        short_ms: millis(callers.short, queue.short_ms),
    }
}

fn request(
    common: &Common,
    settings: &ReportSettings,
    what: ReportKind,
    every: Duration,
    thresholds: Vec<QueueThreshold>,
) -> Result<ReportRequest, String> {
    let (from, to, now) = common.span.resolve(&settings.zone)?;
    let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
    Ok(ReportRequest { what, from, to, now, every_ms, thresholds })
}

fn fetch(place: &Where, request: ReportRequest) -> Result<Value, String> {
    match ask(place, &Request::Report(request))? {
        Response::Report(report) => Ok(report),
        other => Err(strange(&other)),
    }
}

fn read<T: serde::de::DeserializeOwned>(report: &mut Value, part: &str) -> Result<T, String> {
    let part = report.get(part).cloned().unwrap_or_default();
    serde_json::from_value(part).map_err(|fault| format!("the daemon reports in another version: {fault}"))
}

fn queue_table(rows: &[QueueMeasures], formula: Formula, intervals: bool) -> Table {
    let mut header = vec!["QUEUE"];
    header.extend(intervals.then_some("FROM"));
    header.extend([
        "OFFERED",
        "ANSWERED",
        "IN TIME",
        "SERVICE LEVEL",
        "ASA",
        "LONGEST",
        "ABANDONED",
        "SHORT",
        "RATE",
        "OUT",
        "AHT",
        "HOLD",
    ]);
    let mut table = Table::new(&header);
    for row in rows {
        let of = &row.counts;
        let out = of.flowed_out + of.left_by_key + of.callback_taken + of.answered_elsewhere + of.ended_by_us;
        let level = row.service_level.get(formula.word()).copied().flatten();
        let first = [row.queue.clone()].into_iter().chain(intervals.then(|| super::table::people_time(&row.from)));
        table.row(first.chain([
            of.offered.to_string(),
            of.answered.to_string(),
            of.answered_in_time.to_string(),
            share(level),
            length(row.asa_s),
            length(Some(row.longest_wait_s)),
            of.abandoned.to_string(),
            of.short_abandoned.to_string(),
            share(row.abandon_rate_no_short),
            out.to_string(),
            length(row.aht_s),
            length((row.counts.answered > 0).then(|| row.hold_s / row.counts.answered as f64)),
        ]));
    }
    table
}

fn agent_table(rows: &[AgentMeasures]) -> Table {
    let header = [
        "AGENT",
        "CALLS",
        "AHT",
        "OCCUPANCY",
        "UTILISATION",
        "LOGGED IN",
        "TALK",
        "HOLD",
        "WRAP-UP",
        "FREE",
        "AWAY",
        "NO ANSWER",
    ];
    let mut table = Table::new(&header);
    for row in rows {
        let state = |name: &str| row.states_s.get(name).copied().unwrap_or_default();
        let known = state("on_call") + state("wrap_up") + state("available");
        let talk = (state("on_call") - row.hold_s).max(0.0);
        let times = [talk, row.hold_s, state("wrap_up"), state("available"), (row.logged_in_s - known).max(0.0)];
        let first = [
            row.agent.clone(),
            row.handled.to_string(),
            length(row.aht_s),
            share(row.occupancy),
            share(row.utilisation),
            length(Some(row.logged_in_s)),
        ];
        let missed = row.offers.get("no_answer").copied().unwrap_or_default().to_string();
        table.row(first.into_iter().chain(times.map(|time| length(Some(time)))).chain([missed]));
    }
    table
}

fn share(part: Option<f64>) -> String {
    part.map_or("-".into(), |part| format!("{:.1} %", part * 100.0))
}

fn length(time: Option<f64>) -> String {
    time.map_or("-".into(), |time| seconds((time * 1000.0) as u64))
}

/// The error names the nearest of those that are known.
pub fn known_name(what: &str, name: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&name) {
        return Ok(());
    }
    let hint = nearest(name, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    Err(format!("there is no {what} `{name}`{}", hint.unwrap_or_default()))
}

pub fn formula(text: &str) -> Result<Formula, String> {
    let known = || Formula::ALL.map(Formula::word);
    let found = Formula::ALL.into_iter().find(|formula| formula.word() == text);
    found.ok_or_else(|| format!("one of {}", known().join(", ")))
}

fn time(text: &str) -> Result<Duration, String> {
    let good = |time: &Duration| !time.is_zero() && *time <= Duration::from_secs(24 * 3600);
    parse_duration(text).filter(good).ok_or_else(|| "a time with its unit (20s, 30m, 1h), a day at most".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Counts;

    #[test]
    fn a_name_that_nobody_knows_is_told_with_the_nearest() {
        assert_eq!(known_name("queue", "sales", &["support", "sales"]), Ok(()));
        let told = known_name("queue", "suport", &["support", "sales"]);
        assert_eq!(told, Err("there is no queue `suport`; did you mean `support`?".into()));
        assert_eq!(known_name("flow", "x", &[]), Err("there is no flow `x`".into()));
    }

    #[test]
    fn the_formula_that_was_asked_for_is_shown() {
        let levels = [("negative".to_string(), Some(0.25)), ("short_excluded".to_string(), Some(0.5))];
        let row = QueueMeasures {
            queue: "support".into(),
            from: "2026-11-23T08:30:00.000Z".into(),
            counts: Counts { offered: 4, ..Counts::default() },
            service_level: levels.into(),
            ..QueueMeasures::default()
        };
        let line = |formula, intervals| {
            let text = queue_table(std::slice::from_ref(&row), formula, intervals).text();
            text.lines().nth(1).map(str::to_string).expect("a row")
        };
        assert!(line(Formula::Negative, false).contains("25.0 %"));
        assert!(line(Formula::ShortExcluded, true).contains("2026-11-23 08:30:00Z  4"));
        assert!(!line(Formula::Positive, false).contains('5'), "of that formula there is nothing");
        assert_eq!(formula("ignore"), Ok(Formula::Ignore));
        assert!(formula("best").is_err());
    }
}
