//! The outbox of the webhooks: notices as they are kept, completed when they are told, and struck out.
//!
//! Invariant: what is counted as waiting is what is in the outbox: both change in one transaction.

use super::book::fact;
use super::{customers, reading};
use crate::config::Plan;
use crate::control::WebhookRow;
use crate::id::Name;
use crate::store::notices::{MAX_WAITING, Notice, Occasion, Story, Telling, Told};
use crate::store::reports::{rfc3339, seconds};
use crate::store::schema::{CALLS_BEFORE, CONTACTS_BEFORE, NOTICES_DUE, STEPS_OF_CALL};
use crate::store::{PartyNumber, PathStep};
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};
use std::path::Path;

/// Notices read at once.
const BATCH: u32 = 64;
/// Earlier calls of the same number that are told, and for how long back they are counted.
const CONTACTS: u32 = 10;
const HISTORY: Duration = Duration::from_secs(30 * 24 * 3600);

const TOO_MANY: &str = "too many notices wait";
const TOO_OLD: &str = "nobody took it for days";

pub(super) fn noted(transaction: &Transaction<'_>, at: Wall, notice: &Notice) -> rusqlite::Result<()> {
    let Notice { hooks, occasion, reference, story } = notice;
    let story = serde_json::to_string(story).unwrap_or_default();
    for hook in hooks.iter().map(|hook| &**hook) {
        transaction.prepare_cached("INSERT OR IGNORE INTO webhooks (hook) VALUES (?1)")?.execute([hook])?;
        // What a restart finds of a lost call may have been on its way already.
        let known = "SELECT 1 FROM outbox WHERE hook = ?1 AND call_ref = ?2 AND occasion = 'end'";
        let ends = *occasion == Occasion::End;
        if ends && transaction.prepare_cached(known)?.exists(params![hook, reference])? {
            continue;
        }
        let waiting: u64 = transaction
            .prepare_cached("SELECT waiting FROM webhooks WHERE hook = ?1")?
            .query_row([hook], |row| reading::count(row, 0))?;
        if waiting >= MAX_WAITING {
            give_up(transaction, at, hook, reference, occasion.word(), TOO_MANY)?;
            continue;
        }
        let (at, word) = (at.unix_nanos(), occasion.word());
        transaction
            .prepare_cached("INSERT INTO outbox (hook, occasion, at, call_ref, story, due) VALUES (?1, ?2, ?3, ?4, ?5, ?3)")?
            .execute(params![hook, word, at, reference, story])?;
        count(transaction, hook, "waiting = waiting + 1")?;
    }
    Ok(())
}

pub(super) fn told(transaction: &Transaction<'_>, at: Wall, told: &Told) -> rusqlite::Result<()> {
    let Told { row, hook, outcome } = told;
    match outcome {
        Telling::Delivered => match struck_out(transaction, *row)? {
            Some(_) => count(transaction, hook, "waiting = waiting - 1, delivered = delivered + 1"),
            None => Ok(()),
        },
        Telling::Failed { why, due } => {
            transaction
                .prepare_cached("UPDATE outbox SET attempts = attempts + 1, due = ?2 WHERE id = ?1")?
                .execute(params![row, due.unix_nanos()])?;
            failed(transaction, at, hook, why)
        }
        Telling::GivenUp { why } => {
            let Some((reference, occasion)) = struck_out(transaction, *row)? else { return Ok(()) };
            count(transaction, hook, "waiting = waiting - 1")?;
            give_up(transaction, at, hook, &reference, &occasion, why)
        }
    }
}

/// What has waited since before then is given up: its receiver is gone, or no longer configured.
pub(super) fn expired(transaction: &Transaction<'_>, at: Wall, before: Wall) -> rusqlite::Result<()> {
    let old = transaction
        .prepare("SELECT id, hook FROM outbox WHERE at < ?1 ORDER BY id")?
        .query_map([before.unix_nanos()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    for (row, hook) in old {
        let outcome = Telling::GivenUp { why: TOO_OLD.into() };
        self::told(transaction, at, &Told { row, hook: Name::from(hook), outcome })?;
    }
    Ok(())
}

/// Removes a row; what it was of.
fn struck_out(transaction: &Transaction<'_>, row: i64) -> rusqlite::Result<Option<(String, String)>> {
    transaction
        .prepare_cached("DELETE FROM outbox WHERE id = ?1 RETURNING call_ref, occasion")?
        .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

fn give_up(tx: &Transaction<'_>, at: Wall, hook: &str, reference: &str, occasion: &str, why: &str) -> rusqlite::Result<()> {
    count(tx, hook, "given_up = given_up + 1")?;
    failed(tx, at, hook, why)?;
    fact(tx, at, "webhook given up", Some(reference), None, &json!({ "hook": hook, "event": occasion, "why": why }))
}

fn failed(transaction: &Transaction<'_>, at: Wall, hook: &str, why: &str) -> rusqlite::Result<()> {
    transaction.prepare_cached("UPDATE webhooks SET last_error = ?2, last_error_at = ?3 WHERE hook = ?1")?.execute(params![
        hook,
        why,
        at.unix_nanos()
    ])?;
    Ok(())
}

fn count(transaction: &Transaction<'_>, hook: &str, change: &'static str) -> rusqlite::Result<()> {
    transaction.prepare_cached(&format!("UPDATE webhooks SET {change} WHERE hook = ?1"))?.execute([hook])?;
    Ok(())
}

/// A notice that may be told now.
pub struct Due {
    pub row: i64,
    /// Made so far.
    pub attempts: u32,
    /// The same for each attempt, and for no other notice.
    pub id: String,
    pub body: Value,
}

/// What is due for a webhook, of each call only the first; and when the next one is.
pub fn due(path: &Path, hook: &str, plan: &Plan, now: Wall) -> rusqlite::Result<(Vec<Due>, Option<Wall>)> {
    let connection = reading::open(path)?;
    let connection = connection.unchecked_transaction()?;
    let rows = connection
        .prepare_cached(NOTICES_DUE)?
        .query_map(params![hook, now.unix_nanos(), BATCH], kept)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next: Option<i64> = connection
        .prepare_cached("SELECT min(due) FROM outbox WHERE hook = ?1 AND due > ?2")?
        .query_row(params![hook, now.unix_nanos()], |row| row.get(0))?;
    let due = rows.into_iter().map(|kept| completed(&connection, path, plan, kept)).collect::<Result<_, _>>()?;
    Ok((due, next.map(Wall::from_unix_nanos)))
}

/// A row of the outbox with its call.
struct Kept {
    row: i64,
    attempts: u32,
    occasion: String,
    at: Wall,
    reference: String,
    story: Story,
    call: Option<Call>,
}

struct Call {
    id: i64,
    started: Wall,
    answered: Option<Wall>,
    ended: Option<Wall>,
    /// `None` once erased.
    number: Option<String>,
    name: Option<String>,
    dialled: Option<String>,
    source: String,
    outcome: Option<String>,
    ended_by: Option<String>,
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let story: String = row.get(5)?;
    let wall = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(Wall::from_unix_nanos));
    let call = match row.get(6)? {
        None => None,
        Some(id) => Some(Call {
            id,
            started: wall(7)?.unwrap_or_default(),
            answered: wall(8)?,
            ended: wall(9)?,
            number: row.get(10)?,
            name: row.get(11)?,
            dialled: row.get(12)?,
            source: row.get(13)?,
            outcome: row.get(14)?,
            ended_by: row.get(15)?,
        }),
    };
    Ok(Kept {
        row: row.get(0)?,
        attempts: row.get(1)?,
        occasion: row.get(2)?,
        at: Wall::from_unix_nanos(row.get(3)?),
        reference: row.get(4)?,
        story: serde_json::from_str(&story).unwrap_or_default(),
        call,
    })
}

/// With what the store knows of the call and the caller now.
fn completed(connection: &Connection, path: &Path, plan: &Plan, kept: Kept) -> rusqlite::Result<Due> {
    let Kept { row, attempts, occasion, at, reference, story, call } = kept;
    // Inside the house, and of whom nobody knows who it is, there is no history.
    let caller = call.as_ref().filter(|call| call.source.starts_with("trunk ")).and_then(|call| {
        let number = call.number.clone()?;
        (!PartyNumber { number: number.clone(), name: String::new() }.is_withheld()).then_some(number)
    });
    let customer = match (&story.customer, &caller) {
        (Some(id), _) => customers::by_id(path, id, plan, at)?.map(|(customer, _)| customer),
        (None, Some(number)) => customers::by_number(path, number, plan, at)?,
        (None, None) => None,
    };
    let history = match (&caller, &call) {
        (Some(number), Some(call)) => history(connection, &customers::listed(plan.spellings(number)), call.started)?,
        _ => Value::Null,
    };
    let path = match &call {
        Some(call) if story.path.is_empty() => steps(connection, call.id)?,
        _ => story.path.iter().map(step).collect(),
    };
    let id = format!("{reference}.{row}");
    let body = json!({
        "id": id,
        "event": occasion,
        "at": rfc3339(at),
        "call": call_of(&reference, call.as_ref()),
        "queue": story.queue,
        "agent": story.agent,
        "waited_s": story.waited_ms.map(|ms| Duration::from_millis(ms).as_secs_f64()),
        "customer": customer,
        "history": history,
        "path": path,
    });
    Ok(Due { row, attempts, id, body })
}

fn call_of(reference: &str, call: Option<&Call>) -> Value {
    let Some(call) = call else { return json!({ "reference": reference }) };
    json!({
        "reference": reference,
        "started": rfc3339(call.started),
        "answered": call.answered.map(rfc3339),
        "ended": call.ended.map(rfc3339),
        "duration_s": call.ended.map(|ended| seconds(call.started, ended)),
        "from": call.number,
        "name": call.name,
        "dialled": call.dialled,
        "source": call.source,
        "outcome": call.outcome,
        "ended_by": call.ended_by,
    })
}

/// What this number wanted before.
fn history(connection: &Connection, spellings: &str, before: Wall) -> rusqlite::Result<Value> {
    let since = before.unix_nanos().saturating_sub(i64::try_from(HISTORY.as_nanos()).unwrap_or(i64::MAX));
    let before = before.unix_nanos();
    let calls: u64 = connection
        .prepare_cached(CONTACTS_BEFORE)?
        .query_row(params![spellings, since, before], |row| reading::count(row, 0))?;
    let last = connection
        .prepare_cached(CALLS_BEFORE)?
        .query_map(params![spellings, before, CONTACTS], |row| {
            let (started, ended) = (Wall::from_unix_nanos(row.get(1)?), Wall::from_unix_nanos(row.get(2)?));
            Ok(json!({
                "reference": row.get::<_, String>(0)?,
                "started": rfc3339(started),
                "duration_s": seconds(started, ended),
                "dialled": row.get::<_, Option<String>>(3)?,
                "outcome": row.get::<_, Option<String>>(4)?,
                "agent": row.get::<_, Option<String>>(5)?,
            }))
        })?
        .collect::<rusqlite::Result<Vec<Value>>>()?;
    Ok(json!({ "calls_30_days": calls, "last": last }))
}

fn steps(connection: &Connection, call: i64) -> rusqlite::Result<Vec<Value>> {
    let read = |row: &Row<'_>| {
        Ok(step(&PathStep {
            flow: row.get(0)?,
            node: row.get(1)?,
            verb: row.get(2)?,
            entered: Wall::from_unix_nanos(row.get(3)?),
            left: Wall::from_unix_nanos(row.get(4)?),
            outcome: row.get(5)?,
        }))
    };
    connection.prepare_cached(STEPS_OF_CALL)?.query_map([call], read)?.collect()
}

fn step(step: &PathStep) -> Value {
    let PathStep { flow, node, verb, entered, left, outcome } = step;
    json!({ "flow": flow, "node": node, "verb": verb, "entered": rfc3339(*entered), "left": rfc3339(*left), "outcome": outcome })
}

/// How a webhook fares, as the store knows it.
pub fn standing(path: &Path, hook: &str) -> rusqlite::Result<WebhookRow> {
    let connection = reading::open(path)?;
    let select = "SELECT waiting, delivered, given_up, last_error, last_error_at,
                         (SELECT min(at) FROM outbox o WHERE o.hook = w.hook) FROM webhooks w WHERE hook = ?1";
    let time = |at: Option<i64>| at.map(|at| rfc3339(Wall::from_unix_nanos(at)));
    let found = connection.prepare(select)?.query_row([hook], |row| {
        Ok(WebhookRow {
            waiting: reading::count(row, 0)?,
            delivered: reading::count(row, 1)?,
            given_up: reading::count(row, 2)?,
            last_error: row.get(3)?,
            last_error_at: time(row.get(4)?),
            oldest: time(row.get(5)?),
            ..WebhookRow::default()
        })
    });
    Ok(WebhookRow { name: hook.to_string(), ..found.optional()?.unwrap_or_default() })
}

#[cfg(test)]
mod tests;
