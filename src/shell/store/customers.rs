//! Who customers are, and what is counted against those who try to pass for them.
//!
//! Their numbers and names stand in `parties`, as everybody's do. Invariant: a customer is replaced whole, with all their numbers.

use super::book::{fact, find_party};
use crate::ask;
use crate::control::Customer;
use crate::store::schema::{
    CUSTOMER_BY_ID, CUSTOMER_BY_NUMBER, CUSTOMERS_AFTER, LAST_CHOICE, NUMBERS_OF_CUSTOMER, RECENT_CALLS,
};
use crate::store::{AttemptNote, Counted, Tally, TallyRow};
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, params};
use serde_json::json;
use std::path::Path;

const BUSY: Duration = Duration::from_secs(2);
/// Calls of the last day are counted for a flow.
const RECENT: Duration = Duration::from_secs(24 * 3600);

pub(super) fn saved(transaction: &Transaction<'_>, at: Wall, customers: &[Customer]) -> rusqlite::Result<()> {
    for customer in customers {
        remove(transaction, &customer.id)?;
        let first = customer.numbers.first().map_or("", String::as_str);
        let party = find_party(transaction, first, &customer.name)?;
        let fields = serde_json::to_string(&customer.fields).unwrap_or_default();
        let Customer { id, value, language, preferred_agent, pin, .. } = customer;
        transaction.prepare_cached("INSERT INTO customers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
            id,
            party,
            value,
            language,
            preferred_agent,
            pin,
            fields
        ])?;
        for number in &customer.numbers {
            let party = find_party(transaction, number, &customer.name)?;
            transaction
                .prepare_cached("INSERT OR IGNORE INTO customer_numbers VALUES (?1, ?2)")?
                .execute(params![party, id])?;
        }
        fact(transaction, at, "customer saved", None, Some(party), &json!({ "customer": id }))?;
    }
    Ok(())
}

pub(super) fn gone(transaction: &Transaction<'_>, at: Wall, ids: &[String]) -> rusqlite::Result<()> {
    for id in ids {
        if remove(transaction, id)? {
            fact(transaction, at, "customer removed", None, None, &json!({ "customer": id }))?;
        }
    }
    Ok(())
}

/// True when there was one.
fn remove(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    transaction.prepare_cached("DELETE FROM customer_numbers WHERE customer = ?1")?.execute([id])?;
    Ok(transaction.prepare_cached("DELETE FROM customers WHERE id = ?1")?.execute([id])? > 0)
}

/// The fact of an attempt, and the counts after it.
pub(super) fn attempted(transaction: &Transaction<'_>, at: Wall, note: &AttemptNote) -> rusqlite::Result<()> {
    let party = note.caller.as_ref().map(|number| find_party(transaction, number, "")).transpose()?;
    for (counted, tally) in &note.counts {
        let (customer, caller) = match counted {
            Counted::Customer => (note.customer.as_deref(), None),
            Counted::Caller => (None, party),
        };
        transaction
            .prepare_cached("DELETE FROM attempts WHERE customer IS ?1 AND party IS ?2")?
            .execute(params![customer, caller])?;
        if *tally != Tally::default() {
            let locked = tally.locked_until.map(Wall::unix_nanos);
            transaction.prepare_cached("INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
                customer,
                caller,
                tally.wrong,
                tally.forget.unix_nanos(),
                locked
            ])?;
        }
    }
    let body = json!({ "customer": note.customer, "verdict": note.verdict });
    let call = Some(note.call.as_str()).filter(|call| !call.is_empty());
    fact(transaction, at, "authorization", call, party, &body)
}

/// The counts that no longer matter are forgotten.
pub(super) fn forget_tallies(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM attempts WHERE forget <= ?1 AND ifnull(locked_until, 0) <= ?1", [now.unix_nanos()])?;
    Ok(())
}

/// The counts that still matter; those of erased numbers do not.
pub(super) fn live_tallies(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<Vec<TallyRow>> {
    let mut select = transaction.prepare(
        "SELECT a.customer, p.number, a.wrong, a.forget, a.locked_until FROM attempts a LEFT JOIN parties p ON p.id = a.party
         WHERE (a.customer IS NOT NULL OR p.number IS NOT NULL) AND (a.forget > ?1 OR ifnull(a.locked_until, 0) > ?1)",
    )?;
    let rows = select.query_map([now.unix_nanos()], |row| {
        let locked: Option<i64> = row.get(4)?;
        let forget = Wall::from_unix_nanos(row.get(3)?);
        let tally = Tally { wrong: row.get(2)?, forget, locked_until: locked.map(Wall::from_unix_nanos) };
        Ok(TallyRow { customer: row.get(0)?, caller: row.get(1)?, tally })
    })?;
    rows.collect()
}

/// Read-only, for the answers to questions.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// The customer who has this number, with what they did lately.
pub fn by_number(path: &Path, number: &str, now: Wall) -> rusqlite::Result<Option<ask::Customer>> {
    let connection = open(path)?;
    let found = connection.prepare(CUSTOMER_BY_NUMBER)?.query_row([number], customer).optional()?;
    found.map(|found| known(&connection, found, now)).transpose()
}

/// The customer of this id and the verifier of their PIN.
pub fn by_id(path: &Path, id: &str, now: Wall) -> rusqlite::Result<Option<(ask::Customer, String)>> {
    let connection = open(path)?;
    let found = connection.prepare(CUSTOMER_BY_ID)?.query_row([id], customer).optional()?;
    let Some(found) = found else { return Ok(None) };
    let pin = found.pin.clone();
    Ok(Some((known(&connection, found, now)?, pin)))
}

/// At most `limit` customers after this id, in the order of their ids.
pub fn after(path: &Path, id: &str, limit: u32) -> rusqlite::Result<Vec<Customer>> {
    let connection = open(path)?;
    let connection = connection.unchecked_transaction()?;
    let mut select = connection.prepare(CUSTOMERS_AFTER)?;
    let mut list: Vec<Customer> = select.query_map(params![id, limit], customer)?.collect::<Result<_, _>>()?;
    for customer in &mut list {
        customer.numbers = numbers(&connection, &customer.id)?;
    }
    Ok(list)
}

fn customer(row: &Row<'_>) -> rusqlite::Result<Customer> {
    let fields: String = row.get(6)?;
    Ok(Customer {
        id: row.get(0)?,
        // Erased people have none.
        name: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        numbers: Vec::new(),
        value: row.get(2)?,
        language: row.get(3)?,
        preferred_agent: row.get(4)?,
        pin: row.get(5)?,
        fields: serde_json::from_str(&fields).unwrap_or_default(),
    })
}

fn numbers(connection: &Connection, id: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached(NUMBERS_OF_CUSTOMER)?.query_map([id], |row| row.get(0))?.collect()
}

fn known(connection: &Connection, found: Customer, now: Wall) -> rusqlite::Result<ask::Customer> {
    let since = now.unix_nanos().saturating_sub(i64::try_from(RECENT.as_nanos()).unwrap_or(i64::MAX));
    let mut recent_calls = 0;
    let mut last_choice: Option<(i64, String)> = None;
    for number in numbers(connection, &found.id)? {
        recent_calls +=
            connection.prepare_cached(RECENT_CALLS)?.query_row(params![number, since], |row| row.get::<_, u32>(0))?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
        let choice = connection.prepare_cached(LAST_CHOICE)?.query_row([number], read).optional()?;
        last_choice = last_choice.max(choice);
    }
    let last_choice = last_choice.map(|(_, outcome)| outcome.trim_start_matches("key ").to_string()).unwrap_or_default();
    let Customer { id, name, value, language, preferred_agent, fields, .. } = found;
    Ok(ask::Customer { id, name, value, language, preferred_agent, recent_calls, last_choice, fields })
}
