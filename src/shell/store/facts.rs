//! Facts of queues and agents, read for reports and for Asterisk's `queue_log`.
//!
//! Invariant: facts are handed on one by one, in the order in which they were written; never more than [`MAX_FACTS`].

use super::reading;
use crate::control::{ReportKind, ReportRequest};
use crate::id::Name;
use crate::measure::Threshold;
use crate::measure::contacts::WITHIN;
use crate::store::measures::{MAX_INTERVALS, Period};
use crate::store::queue_log::QueueLog;
use crate::store::schema::{ENDED_BY, FACTS_OF_QUEUES};
use crate::store::stays::{Fact, KINDS, Stays};
use crate::time::{Duration, Wall};
use rusqlite::{Connection, Row};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Facts of one report.
const MAX_FACTS: usize = 5_000_000;
/// So long before the period agents' states and customers' earlier contacts are looked for, and so long after it endings and later
/// contacts: as long as a chain stays open.
const AROUND: Duration = WITHIN;

/// The rows of a report, as JSON; the error is a sentence.
pub fn report(path: &Path, request: &ReportRequest) -> Result<Value, String> {
    let period = period(request);
    if request.what == ReportKind::Interval && period.intervals() > MAX_INTERVALS {
        return Err(format!("that would be more than {MAX_INTERVALS} intervals: take longer ones, or a shorter time"));
    }
    let mut stays = Stays::default();
    each_fact(path, before(period.from), period.to + AROUND, |fact| stays.read(fact))?;
    let rows = match request.what {
        ReportKind::Queue | ReportKind::Interval => json!({
            "rows": stays.queues(&period),
            "contacts": stays.contacts(&period),
        }),
        ReportKind::Agent => json!({ "rows": stays.agents(&period) }),
    };
    Ok(rows)
}

/// The lines of Asterisk's `queue_log` of that time.
pub fn queue_log(path: &Path, from: Wall, to: Wall) -> Result<Vec<String>, String> {
    let ended_by = reading::open(path).and_then(|connection| ended_by(&connection, from, to)).map_err(unreadable)?;
    let mut log = QueueLog::new(from, to, ended_by);
    each_fact(path, before(from), to, |fact| log.read(fact))?;
    log.lines()
}

fn period(request: &ReportRequest) -> Period {
    let thresholds = request.thresholds.iter().map(|it| {
        let (within, short) = (Duration::from_millis(it.within_ms), Duration::from_millis(it.short_ms));
        (Name::from(it.queue.as_str()), Threshold { within, short })
    });
    Period {
        from: request.from,
        to: request.to.min(request.now),
        now: request.now,
        every: (request.what == ReportKind::Interval).then(|| Duration::from_millis(request.every_ms)),
        thresholds: thresholds.collect(),
    }
}

fn before(from: Wall) -> Wall {
    Wall::from_unix_nanos(from.unix_nanos().saturating_sub(i64::try_from(AROUND.as_nanos()).unwrap_or(i64::MAX)))
}

fn each_fact(path: &Path, from: Wall, to: Wall, mut read: impl FnMut(Fact)) -> Result<(), String> {
    let mut walk = || -> rusqlite::Result<bool> {
        let connection = reading::open(path)?;
        let mut statement = connection.prepare(FACTS_OF_QUEUES)?;
        let mut rows = statement.query([from.unix_nanos(), to.unix_nanos()])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            if count > MAX_FACTS {
                return Ok(false);
            }
            let fact = fact(row)?;
            if KINDS.contains(&fact.kind.as_str()) {
                read(fact);
            }
        }
        Ok(true)
    };
    match walk() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("more than {MAX_FACTS} things happened in that time: take a shorter one")),
        Err(fault) => Err(unreadable(fault)),
    }
}

fn fact(row: &Row<'_>) -> rusqlite::Result<Fact> {
    let call: Option<String> = row.get(2)?;
    Ok(Fact {
        at: Wall::from_unix_nanos(row.get(0)?),
        kind: row.get(1)?,
        call: call.unwrap_or_default(),
        number: row.get(3)?,
        body: row.get(4)?,
    })
}

/// Who hung up, of the calls of that time.
fn ended_by(connection: &Connection, from: Wall, to: Wall) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare(ENDED_BY)?;
    let rows = statement.query_map([before(from).unix_nanos(), to.unix_nanos()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn unreadable(fault: rusqlite::Error) -> String {
    format!("the records could not be read: {fault}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::QueueThreshold;
    use crate::shell::store::Book;

    #[test]
    fn facts_on_the_disk_become_a_report_and_a_queue_log() {
        let folder = std::env::temp_dir().join(format!("centrala-facts-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("facts.db");
        let _ = std::fs::remove_file(&path);
        Book::open(&path, 1).expect("a new book").close().expect("closed");
        let connection = Connection::open(&path).expect("the book");
        connection.execute("INSERT INTO parties (id, number, name) VALUES (7, '+48221234567', '')", []).expect("a party");
        for (second, kind, call, party, body) in [
            (10, "queue joined", Some("a"), Some(7), r#"{"queue":"support"}"#),
            (30, "queue answered", Some("a"), None, r#"{"queue":"support","agent":"anna","waited_ms":20000}"#),
            (
                50,
                "queue left",
                Some("a"),
                None,
                r#"{"queue":"support","outcome":"answered","waited_ms":20000,"talked_ms":20000}"#,
            ),
            (60, "bound", None, None, r#"{"user":"1001"}"#),
        ] {
            let row = rusqlite::params![second * 1_000_000_000_i64, kind, call, party, body];
            let sql = "INSERT INTO facts (at, kind, version, call_ref, party_id, body) VALUES (?1, ?2, 1, ?3, ?4, ?5)";
            connection.execute(sql, row).expect("a fact");
        }
        let at = |second: i64| Wall::from_unix_nanos(second * 1_000_000_000);
        let asked = |what, within_ms, every_ms| {
            let thresholds = vec![QueueThreshold { queue: "support".into(), within_ms, short_ms: 5000 }];
            ReportRequest { what, from: at(0), to: at(100), now: at(100), every_ms, thresholds }
        };
        let level = |within_ms| {
            let report = report(&path, &asked(ReportKind::Queue, within_ms, 0)).expect("a report");
            report["rows"][0]["service_level"]["short_excluded"].as_f64()
        };
        assert_eq!((level(20_000), level(19_999)), (Some(1.0), Some(0.0)), "the threshold is inclusive");
        let agents = report(&path, &asked(ReportKind::Agent, 20_000, 0)).expect("a report");
        assert_eq!(agents["rows"][0]["handled"], 1);
        let fine = report(&path, &asked(ReportKind::Interval, 20_000, 1));
        assert!(fine.is_err_and(|why| why.contains("intervals")), "not a row for every millisecond");
        let log = queue_log(&path, at(0), at(100)).expect("lines");
        assert_eq!(
            log,
            [
                "10|a|support|NONE|ENTERQUEUE||+48221234567|1",
                "30|a|support|anna|CONNECT|20|a|0",
                "50|a|support|anna|COMPLETEAGENT|20|20|1"
            ]
        );
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
