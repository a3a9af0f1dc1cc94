//! What operators say instead of calendars.
//!
//! Invariant: at most one word per calendar, and every word said or taken back is a fact.

use super::book::fact;
use crate::id::Name;
use crate::store::OverrideRow;
use crate::time::Wall;
use rusqlite::{Transaction, params};
use serde_json::json;

pub(super) fn said(transaction: &Transaction<'_>, at: Wall, row: &OverrideRow) -> rusqlite::Result<()> {
    let until = row.until.unix_nanos();
    transaction.prepare_cached("INSERT OR REPLACE INTO calendar_overrides VALUES (?1, ?2, ?3)")?.execute(params![
        &*row.calendar,
        until,
        row.body
    ])?;
    fact(
        transaction,
        at,
        "calendar overridden",
        None,
        None,
        &json!({ "calendar": row.calendar, "until": until, "state": row.body }),
    )
}

pub(super) fn cleared(transaction: &Transaction<'_>, at: Wall, calendar: &str) -> rusqlite::Result<()> {
    let gone = transaction.prepare_cached("DELETE FROM calendar_overrides WHERE calendar = ?1")?.execute([calendar])?;
    if gone == 0 {
        return Ok(());
    }
    fact(transaction, at, "calendar cleared", None, None, &json!({ "calendar": calendar }))
}

/// Those that have expired are forgotten.
pub(super) fn forget(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM calendar_overrides WHERE until <= ?1", [now.unix_nanos()])?;
    Ok(())
}

/// Those that have not expired.
pub(super) fn live(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<Vec<OverrideRow>> {
    let mut select =
        transaction.prepare("SELECT calendar, until, body FROM calendar_overrides WHERE until > ?1 ORDER BY calendar")?;
    let rows = select.query_map([now.unix_nanos()], |row| {
        let calendar: String = row.get(0)?;
        Ok(OverrideRow { calendar: Name::from(calendar), until: Wall::from_unix_nanos(row.get(1)?), body: row.get(2)? })
    })?;
    rows.collect()
}
