//! A day to be simulated, from the records of a running daemon: what happened, to be asked "what if".
//!
//! | of the day | from |
//! |---|---|
//! | calls of an interval | stays that began in it, exactly so many |
//! | handling | the average talk of the queue |
//! | patience | all waiting of the queue / who gave up: the estimate for an exponential patience of which most is not seen to its end |
//! | agents of an interval | everybody who was logged in and not away for at least half of it |
//! | memberships, skills, queues | the configuration |
//!
//! Invariant: whoever has no calls of record gives an empty day and a sentence.

use super::check;
use super::client::{Where, ask, strange};
use super::period::{Span, settings};
use crate::calendar::Zone;
use crate::config::{Config, Day, Shift, Traffic};
use crate::control::{ReportKind, ReportRequest, Request, Response};
use crate::id::Name;
use crate::store::measures::{AgentMeasures, QueueMeasures};
use crate::store::reports::rfc3339;
use crate::time::{Duration, Wall};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const INTERVAL: Duration = Duration::from_secs(1800);
/// The longest time that is one day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const PICKUP: Duration = Duration::from_secs(3);

pub fn day(place: &Where, span: &Span, config: &Path) -> Result<Day, String> {
    let config = check::configuration(config)?;
    let zone = settings(place)?.zone;
    let (from, to, now) = span.resolve(&zone)?;
    let to = to.min(now);
    if to.since(from) > LONGEST {
        return Err("a day has 24 hours: name a shorter time by --from and --to".into());
    }
    let ask = |what, from, to| ReportRequest { what, from, to, now, every_ms: 1_800_000, thresholds: Vec::new() };
    let callers: Vec<QueueMeasures> = rows(place, ask(ReportKind::Interval, from, to))?;
    let mut starts = Vec::new();
    let mut at = from;
    while at < to {
        starts.push(at);
        at = at + INTERVAL;
    }
    let mut there = Vec::new();
    for at in &starts {
        let agents: Vec<AgentMeasures> = rows(place, ask(ReportKind::Agent, *at, (*at + INTERVAL).min(to)))?;
        there.push(at_work(&agents));
    }
    let calls = calls(&callers, &starts, &config);
    if calls.is_empty() {
        return Err("no calls of these queues are on record in that time".into());
    }
    let begins = Duration::from_secs(60 * u64::from(zone.parse::<Zone>()?.civil(from).minute));
    let queues = config.acd.queues.clone();
    Ok(Day { begins, interval: INTERVAL, pickup: PICKUP, calls, shifts: shifts(&there, &config), queues })
}

fn rows<T: DeserializeOwned>(place: &Where, request: ReportRequest) -> Result<Vec<T>, String> {
    let report = match ask(place, &Request::Report(request))? {
        Response::Report(report) => report,
        other => return Err(strange(&other)),
    };
    let rows = report.get("rows").cloned().unwrap_or_default();
    serde_json::from_value(rows).map_err(|fault| format!("the daemon reports in another version: {fault}"))
}

fn calls(rows: &[QueueMeasures], starts: &[Wall], config: &Config) -> BTreeMap<Name, Traffic> {
    let places: BTreeMap<String, usize> = starts.iter().enumerate().map(|(place, at)| (rfc3339(*at), place)).collect();
    let mut sums: BTreeMap<&str, (Vec<u32>, f64, u64, f64, u64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| config.acd.queues.contains_key(row.queue.as_str())) {
        let sum = sums.entry(&row.queue).or_insert_with(|| (vec![0; starts.len()], 0.0, 0, 0.0, 0));
        if let Some(place) = places.get(&row.from) {
            sum.0[*place] += u32::try_from(row.counts.offered).unwrap_or(u32::MAX);
        }
        sum.1 += row.talk_s;
        sum.2 += row.counts.answered;
        let waits = |average: Option<f64>, count: u64| average.unwrap_or_default() * count as f64;
        sum.3 += waits(row.asa_s, row.counts.answered) + waits(row.time_to_abandon_s, row.counts.abandoned);
        sum.4 += row.counts.abandoned;
    }
    let traffic = |(queue, (arrivals, talk, answered, waited, abandoned)): (&str, (Vec<u32>, f64, u64, f64, u64))| {
        let mean = |sum: f64, count: u64| Duration::from_secs_f64((sum / count.max(1) as f64).max(1.0));
        let patience = (abandoned > 0).then(|| mean(waited, abandoned));
        (Name::from(queue), Traffic { arrivals, drawn: false, handling: mean(talk, answered), patience })
    };
    sums.into_iter().map(traffic).collect()
}

/// Who was there and at work, or ready to, for at least half of an interval.
fn at_work(agents: &[AgentMeasures]) -> BTreeSet<Name> {
    let half = INTERVAL.as_secs_f64() / 2.0;
    let works = |agent: &&AgentMeasures| {
        let state = |name: &str| agent.states_s.get(name).copied().unwrap_or_default();
        state("available") + state("on_call") + state("wrap_up") >= half
    };
    agents.iter().filter(works).map(|agent| Name::from(agent.agent.as_str())).collect()
}

/// A shift of one for every stretch of an agent's intervals.
fn shifts(there: &[BTreeSet<Name>], config: &Config) -> Vec<Shift> {
    let at = |place: usize| INTERVAL * u32::try_from(place).unwrap_or(u32::MAX);
    let mut shifts = Vec::new();
    for (name, agent) in &config.acd.agents {
        let mut since = None;
        for place in 0..=there.len() {
            let works = there.get(place).is_some_and(|agents| agents.contains(name));
            match (since, works) {
                (None, true) => since = Some(place),
                (Some(first), false) => {
                    let (queues, skills) = (agent.queues.clone(), agent.skills.clone());
                    shifts.push(Shift { agents: 1, from: at(first), to: Some(at(place)), queues, skills, pauses: Vec::new() });
                    since = None;
                }
                _ => {}
            }
        }
    }
    shifts
}
