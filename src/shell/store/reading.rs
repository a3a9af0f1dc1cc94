//! Reports, read over connections of their own that cannot write.
//!
//! Invariant: a report never holds up the writer: in WAL mode readers see the last commit and take no lock against it.

use crate::control::{FlowFacts, MAX_CDR, NodeFacts};
use crate::store::reports::{CallReport, LegReport, StepReport, rfc3339, seconds};
use crate::store::schema::{FLOW_CALLS, FLOW_NODES, FLOWS_SEEN, HUNG_UP, LEGS_OF_CALL, NEWEST_CALLS, ONE_CALL, STEPS_OF_CALL};
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OpenFlags, Row};
use std::path::Path;

const BUSY: Duration = Duration::from_secs(2);

/// The finished calls, newest first, at most `limit`; or the one with that reference.
pub fn calls(path: &Path, limit: u32, reference: Option<&str>) -> rusqlite::Result<Vec<CallReport>> {
    let connection = open(path)?;
    // One transaction: the legs belong to the calls that were read with them.
    let connection = connection.unchecked_transaction()?;
    let mut calls = match reference {
        Some(reference) => select(&connection, ONE_CALL, reference)?,
        None => select(&connection, NEWEST_CALLS, limit.min(MAX_CDR))?,
    };
    for (id, call) in &mut calls {
        call.legs = connection.prepare_cached(LEGS_OF_CALL)?.query_map([*id], leg)?.collect::<Result<_, _>>()?;
        call.path = connection.prepare_cached(STEPS_OF_CALL)?.query_map([*id], step)?.collect::<Result<_, _>>()?;
    }
    Ok(calls.into_iter().map(|(_, call)| call).collect())
}

/// A connection that cannot write.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// What callers did in a flow, in the calls that ended since then.
pub fn flow(path: &Path, name: &str, since: Wall) -> rusqlite::Result<FlowFacts> {
    let connection = open(path)?;
    let connection = connection.unchecked_transaction()?;
    let since = since.unix_nanos();
    let (calls, contained) = connection.query_row(FLOW_CALLS, (name, since), |row| Ok((count(row, 0)?, count(row, 1)?)))?;
    let mut statement = connection.prepare(FLOW_NODES)?;
    let rows = statement.query_map((name, since), |row| {
        let facts = NodeFacts {
            node: row.get(0)?,
            verb: row.get(1)?,
            entered: count(row, 3)?,
            mean_s: row.get::<_, f64>(4)? / 1e9,
            longest_s: row.get::<_, f64>(5)? / 1e9,
            ..NodeFacts::default()
        };
        Ok((facts, row.get::<_, String>(2)?))
    })?;
    let mut nodes: Vec<NodeFacts> = Vec::new();
    for row in rows {
        let (facts, outcome) = row?;
        gather(&mut nodes, facts, outcome);
    }
    nodes.sort_by(|a, b| b.entered.cmp(&a.entered).then_with(|| a.node.cmp(&b.node)));
    let flows = if calls > 0 { Vec::new() } else { flows_seen(&connection, since)? };
    Ok(FlowFacts { calls, contained, nodes, flows })
}

fn flows_seen(connection: &Connection, since: i64) -> rusqlite::Result<Vec<String>> {
    connection.prepare(FLOWS_SEEN)?.query_map([since], |row| row.get(0))?.collect()
}

/// Adds what is known of one outcome of a node to what is known of the node; rows come node by node.
fn gather(nodes: &mut Vec<NodeFacts>, facts: NodeFacts, outcome: String) {
    let hung_up = if outcome == HUNG_UP { facts.entered } else { 0 };
    let outcomes = vec![(outcome, facts.entered)];
    match nodes.last_mut().filter(|last| last.node == facts.node && last.verb == facts.verb) {
        Some(node) => {
            let entered = node.entered + facts.entered;
            node.mean_s = (node.mean_s * node.entered as f64 + facts.mean_s * facts.entered as f64) / entered as f64;
            node.longest_s = node.longest_s.max(facts.longest_s);
            node.entered = entered;
            node.hung_up += hung_up;
            node.outcomes.extend(outcomes);
        }
        None => nodes.push(NodeFacts { hung_up, outcomes, ..facts }),
    }
}

fn select(connection: &Connection, sql: &str, parameter: impl rusqlite::ToSql) -> rusqlite::Result<Vec<(i64, CallReport)>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([parameter], |row| Ok((row.get(0)?, call(row)?)))?;
    rows.collect()
}

fn call(row: &Row<'_>) -> rusqlite::Result<CallReport> {
    let (started, answered, ended) = (wall(row, 2)?, maybe_wall(row, 3)?, wall(row, 4)?);
    Ok(CallReport {
        reference: row.get(1)?,
        started: rfc3339(started),
        answered: answered.map(rfc3339),
        ended: rfc3339(ended),
        duration_s: seconds(started, ended),
        talk_s: answered.map_or(0.0, |answered| seconds(answered, ended)),
        from: row.get(5)?,
        name: row.get(6)?,
        dialled: row.get(7)?,
        source: row.get(8)?,
        outcome: row.get(9)?,
        ended_by: row.get(10)?,
        legs: Vec::new(),
        path: Vec::new(),
    })
}

fn leg(row: &Row<'_>) -> rusqlite::Result<LegReport> {
    let (started, ended) = (wall(row, 4)?, wall(row, 6)?);
    let jitter_ms: f64 = row.get(12)?;
    Ok(LegReport {
        role: row.get(0)?,
        number: row.get(1)?,
        name: row.get(2)?,
        sip_call_id: row.get(3)?,
        started: rfc3339(started),
        answered: maybe_wall(row, 5)?.map(rfc3339),
        ended: rfc3339(ended),
        duration_s: seconds(started, ended),
        ending: row.get(7)?,
        codec: row.get(8)?,
        packets_sent: count(row, 9)?,
        packets_received: count(row, 10)?,
        packets_lost: count(row, 11)?,
        jitter_ms: (jitter_ms * 1000.0).round() / 1000.0,
        trunk: row.get(13)?,
    })
}

fn step(row: &Row<'_>) -> rusqlite::Result<StepReport> {
    let (entered, left) = (wall(row, 3)?, wall(row, 4)?);
    Ok(StepReport {
        flow: row.get(0)?,
        node: row.get(1)?,
        verb: row.get(2)?,
        entered: rfc3339(entered),
        left: rfc3339(left),
        duration_s: seconds(entered, left),
        outcome: row.get(5)?,
    })
}

fn wall(row: &Row<'_>, index: usize) -> rusqlite::Result<Wall> {
    Ok(Wall::from_unix_nanos(row.get(index)?))
}

fn maybe_wall(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Wall>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Wall::from_unix_nanos))
}

pub(super) fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}
