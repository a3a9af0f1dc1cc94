//! The open database: how it is made, grown, written to and found again.
//!
//! A start reads what outlived the last run, and then closes what that one left open. While nothing can be written, this is owed, and is
//! done with the first group that can be. Invariant: a group of writes is on the disk whole or not at all, and never twice: `progress` is
//! part of each transaction.

use super::queueing::{self, Queueing};
use super::{calendars, customers, outbox};
use crate::id::Name;
use crate::store::schema::{ERASE_PARTY, FACT_VERSION, MIGRATIONS, WRITER_PRAGMAS};
use crate::store::{
    BindingRow, CRASH_LOST, CallRecord, CallStarted, OverrideRow, PartyNumber, PathStep, TallyRow, What, Write,
};
use crate::time::{Duration, Wall};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How long SQLite waits for a lock that somebody else holds, each time that it is asked.
const BUSY: Duration = Duration::from_secs(2);

/// A start waits so long for whoever holds the database, and looks anew so often: SQLite itself does not wait for every lock.
const BUSY_AT_START: Duration = Duration::from_secs(5);
const LOOK_ANEW: Duration = Duration::from_millis(50);

/// The statements of a group are prepared once and kept.
const STATEMENTS: usize = 32;

/// Pages of the write-ahead log before it is folded into the database, 4 KB each.
const CHECKPOINT_PAGES: u32 = 4000;

/// Why the store cannot be used at all: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct Unusable {
    pub(super) sentence: String,
    /// It may be another at the next try: a lock, a full disk, a folder that is not there yet.
    pub passes: bool,
}

/// What a restart finds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Restored {
    /// Those that have not expired.
    pub bindings: Vec<BindingRow>,
    /// Operators' words about calendars that still hold.
    pub overrides: Vec<OverrideRow>,
    /// Wrong attempts that still count.
    pub tallies: Vec<TallyRow>,
    /// The references of calls that were going on when the last run died; they are closed, with a fact each.
    pub crash_lost: Vec<String>,
    pub queueing: Queueing,
    /// Why nothing can be written now: what the last run left open is closed later.
    pub unwritten: Option<String>,
}

pub struct Book {
    /// `None` while it could not be reopened.
    connection: Option<Connection>,
    path: PathBuf,
    boot: i64,
    /// How many groups were begun, given up ones among them.
    groups: i64,
    /// What runs before this moment left open is to be closed.
    owed: Option<Wall>,
}

impl Book {
    /// Opens or makes the database at `path` and brings it to the newest schema.
    pub fn open(path: &Path, boot: i64) -> Result<Book, Unusable> {
        let unusable = |fault: rusqlite::Error| {
            let hint = match fault.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    ": it is damaged; move it away or restore a backup"
                }
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                    ": the folder must exist and be ours to write"
                }
                _ => "",
            };
            let sentence = format!("could not open the database {}: {fault}{hint}", path.display());
            Unusable { sentence, passes: may_pass(&fault) }
        };
        let opened = || {
            let connection = connect(path)?;
            let seen = version(&connection)?;
            Ok((connection, seen))
        };
        let (mut connection, seen) = patiently(opened).map_err(unusable)?;
        if seen > MIGRATIONS.len() {
            let known = MIGRATIONS.len();
            let newer = format!("it was written by a newer centrala (schema {seen}, this one knows {known})");
            let sentence = format!("could not open the database {}: {newer}", path.display());
            return Err(Unusable { sentence, passes: false });
        }
        patiently(|| {
            let seen = version(&connection)?;
            migrate(&mut connection, seen)
        })
        .map_err(unusable)?;
        Ok(Book { connection: Some(connection), path: path.to_owned(), boot, groups: 0, owed: None })
    }

    /// What outlived the last run. What it left open is closed: calls as lost, places in queues; now, or as soon as that can be written.
    pub fn restore(&mut self, now: Wall) -> Result<Restored, Unusable> {
        let path = self.path.display().to_string();
        let unusable = |fault: rusqlite::Error| {
            let sentence = format!("could not read the database {path}: {fault}");
            Unusable { sentence, passes: may_pass(&fault) }
        };
        let closed = || Unusable { sentence: format!("the database {path} is closed"), passes: true };
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        let mut restored = patiently(|| read(&connection.transaction()?, now)).map_err(unusable)?;
        self.owed = Some(now);
        match self.settle() {
            Ok(()) => {}
            Err(fault) if may_pass(&fault) => restored.unwritten = Some(fault.to_string()),
            Err(fault) => return Err(unusable(fault)),
        }
        Ok(restored)
    }

    /// Closes what earlier runs left open, if that is still to be done.
    fn settle(&mut self) -> rusqlite::Result<()> {
        if let (Some(since), Some(connection)) = (self.owed, self.connection.as_mut()) {
            let transaction = writing(connection)?;
            close_what_was_left(&transaction, since)?;
            transaction.commit()?;
            self.owed = None;
        }
        Ok(())
    }

    /// One transaction for the whole group.
    pub fn commit(&mut self, group: &[Write]) -> rusqlite::Result<()> {
        self.groups += 1;
        self.attempt(group)
    }

    /// The same group once more, after a failure: opens the database anew, and commits unless it turns out that the group is on
    /// the disk already.
    pub fn again(&mut self, group: &[Write]) -> rusqlite::Result<()> {
        self.connection = None;
        self.attempt(group)
    }

    /// The same group once more, after somebody else held the database.
    pub fn after_lock(&mut self, group: &[Write]) -> rusqlite::Result<()> {
        self.attempt(group)
    }

    fn attempt(&mut self, group: &[Write]) -> rusqlite::Result<()> {
        let (boot, number) = (self.boot, self.groups);
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => {
                let connection = connect(&self.path)?;
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let reached: (i64, i64) = connection.query_row("SELECT boot, groups FROM progress", [], read)?;
                let connection = self.connection.insert(connection);
                if reached == (boot, number) {
                    self.owed = None;
                    return Ok(());
                }
                connection
            }
        };
        let transaction = writing(connection)?;
        // Before the first record of this run, or its own calls would be among those that are closed.
        if let Some(since) = self.owed {
            close_what_was_left(&transaction, since)?;
        }
        for write in group {
            record(&transaction, write)?;
        }
        transaction.prepare_cached("UPDATE progress SET boot = ?1, groups = ?2")?.execute(params![boot, number])?;
        transaction.commit()?;
        self.owed = None;
        Ok(())
    }

    /// Forgets whoever has this number. Records and facts stay, without a name. How many rows that was.
    pub fn erase(&mut self, number: &str) -> rusqlite::Result<usize> {
        match &self.connection {
            Some(connection) => connection.execute(ERASE_PARTY, [number]),
            None => Ok(0),
        }
    }

    /// Folds the write-ahead log into the database.
    pub fn close(mut self) -> rusqlite::Result<()> {
        match self.connection.take() {
            Some(connection) => connection.close().map_err(|(_, fault)| fault),
            None => Ok(()),
        }
    }
}

/// A transaction that has the lock from its beginning on: one that reads first and then wants to write is not let wait for it.
fn writing(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Somebody else holds the database: a backup, a report by another program.
pub fn is_locked(fault: &rusqlite::Error) -> bool {
    matches!(fault.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// A fault of the machine, which may pass; not one of what was to be written.
pub fn is_of_the_disk(fault: &rusqlite::Error) -> bool {
    matches!(
        fault.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::OperationAborted
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
        )
    )
}

/// Whether another try, later, may find it otherwise: a damaged database stays one.
fn may_pass(fault: &rusqlite::Error) -> bool {
    let damaged = matches!(fault.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    is_of_the_disk(fault) && !damaged
}

/// Tries until nobody else holds the database, as long as a start may wait for that.
fn patiently<T>(mut act: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let begun = Instant::now();
    loop {
        match act() {
            Err(fault) if is_locked(&fault) && begun.elapsed() < BUSY_AT_START => std::thread::sleep(LOOK_ANEW),
            done => return done,
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(WRITER_PRAGMAS)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let seen: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(usize::try_from(seen).unwrap_or(usize::MAX))
}

fn migrate(connection: &mut Connection, seen: usize) -> rusqlite::Result<()> {
    for (index, step) in MIGRATIONS.iter().enumerate().skip(seen) {
        let transaction = writing(connection)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

/// What outlived the last run; nothing is written.
fn read(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<Restored> {
    let mut open = transaction.prepare("SELECT reference FROM calls WHERE ended IS NULL ORDER BY id")?;
    Ok(Restored {
        bindings: live_bindings(transaction, now)?,
        overrides: calendars::live(transaction, now)?,
        tallies: customers::live_tallies(transaction, now)?,
        crash_lost: open.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?,
        queueing: queueing::restore(transaction, now)?,
        unwritten: None,
    })
}

/// Closes what runs before then left open, and forgets what held no longer.
fn close_what_was_left(transaction: &Transaction<'_>, since: Wall) -> rusqlite::Result<()> {
    close_lost_calls(transaction, since)?;
    transaction.execute("DELETE FROM bindings WHERE expires <= ?1", [since.unix_nanos()])?;
    calendars::forget(transaction, since)?;
    customers::forget_tallies(transaction, since)?;
    queueing::close(transaction, since)
}

fn live_bindings(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<Vec<BindingRow>> {
    let mut select =
        transaction.prepare("SELECT user, contact, expires, body FROM bindings WHERE expires > ?1 ORDER BY user, contact")?;
    let rows = select.query_map([now.unix_nanos()], |row| {
        let user: String = row.get(0)?;
        let expires = Wall::from_unix_nanos(row.get(2)?);
        Ok(BindingRow { user: Name::from(user), contact: row.get(1)?, expires, body: row.get(3)? })
    })?;
    rows.collect()
}

/// A call without an end was going on when the last run died. It lasted at least until the last thing that is known, and not
/// into the future should the civil clock have been set back.
fn close_lost_calls(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<()> {
    let last: Option<i64> =
        transaction.query_row("SELECT at FROM facts ORDER BY id DESC LIMIT 1", [], |row| row.get(0)).optional()?;
    let last = last.unwrap_or(now.unix_nanos());
    let mut select = transaction.prepare("SELECT id, reference, started, caller FROM calls WHERE ended IS NULL ORDER BY id")?;
    let lost = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, i64, i64)>>>()?;
    for (id, reference, started, caller) in &lost {
        let ended = last.min(now.unix_nanos()).max(*started);
        transaction.execute(
            "UPDATE calls SET ended = ?2, outcome = ?3, ended_by = 'exchange' WHERE id = ?1",
            params![id, ended, CRASH_LOST],
        )?;
        let body = serde_json::json!({ "ended": ended, "outcome": CRASH_LOST });
        fact(transaction, now, "call lost", Some(reference), Some(*caller), &body)?;
    }
    Ok(())
}

/// One write: its fact and its rows.
fn record(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    match &write.what {
        What::CallStarted(call) => call_started(transaction, write.at, call),
        What::CallAnswered { reference, answered } => call_answered(transaction, write.at, reference, *answered),
        What::CallEnded(call) => call_ended(transaction, write.at, call),
        What::Bound(binding) => bound(transaction, write.at, binding),
        What::Unbound { user, contact } => unbound(transaction, write.at, user, contact),
        What::CalendarSaid(row) => calendars::said(transaction, write.at, row),
        What::CalendarCleared { calendar } => calendars::cleared(transaction, write.at, calendar),
        What::Queue(it) => queueing::happened(transaction, write.at, it),
        What::Agent(it) => queueing::agent(transaction, write.at, it),
        What::Customers(list) => customers::saved(transaction, write.at, list),
        What::CustomersGone(ids) => customers::gone(transaction, write.at, ids),
        What::Attempt(note) => customers::attempted(transaction, write.at, note),
        What::Notice(notice) => outbox::noted(transaction, write.at, notice),
        What::Told(told) => outbox::told(transaction, write.at, told),
        What::NoticesExpire { before } => outbox::expired(transaction, write.at, *before),
    }
}

#[derive(Serialize)]
struct StartedFact<'a> {
    started: Wall,
    caller: i64,
    dialled: i64,
    source: &'a str,
}

fn call_started(transaction: &Transaction<'_>, at: Wall, call: &CallStarted) -> rusqlite::Result<()> {
    let caller = party(transaction, &call.from)?;
    let dialled = number(transaction, &call.dialled)?;
    let CallStarted { reference, started, source, .. } = call;
    transaction
        .prepare_cached(
            "INSERT INTO calls (reference, started, caller, dialled, source) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (reference) DO NOTHING",
        )?
        .execute(params![reference, started.unix_nanos(), caller, dialled, source])?;
    let body = StartedFact { started: *started, caller, dialled, source };
    fact(transaction, at, "call started", Some(reference), Some(caller), &body)
}

fn call_answered(transaction: &Transaction<'_>, at: Wall, reference: &str, answered: Wall) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE calls SET answered = ?2 WHERE reference = ?1 AND ended IS NULL")?
        .execute(params![reference, answered.unix_nanos()])?;
    fact(transaction, at, "call answered", Some(reference), None, &serde_json::json!({ "answered": answered }))
}

#[derive(Serialize)]
struct EndedFact<'a> {
    started: Wall,
    answered: Option<Wall>,
    ended: Wall,
    caller: i64,
    dialled: i64,
    source: &'a str,
    outcome: &'a str,
    ended_by: &'a str,
    legs: Vec<LegFact<'a>>,
    path: &'a [PathStep],
}

/// [`crate::store::LegRecord`] with its party by id.
#[derive(Serialize)]
struct LegFact<'a> {
    role: &'a str,
    party: i64,
    sip_call_id: &'a str,
    started: Wall,
    answered: Option<Wall>,
    ended: Wall,
    ending: &'a str,
    codec: &'a str,
    packets_sent: u64,
    packets_received: u64,
    packets_lost: u64,
    jitter_ms: f32,
}

fn call_ended(transaction: &Transaction<'_>, at: Wall, call: &CallRecord) -> rusqlite::Result<()> {
    let caller = party(transaction, &call.from)?;
    let dialled = number(transaction, &call.dialled)?;
    let id: i64 = transaction
        .prepare_cached(
            "INSERT INTO calls (reference, started, answered, ended, caller, dialled, source, outcome, ended_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (reference) DO UPDATE SET answered = excluded.answered, ended = excluded.ended,
                 caller = excluded.caller, dialled = excluded.dialled, source = excluded.source,
                 outcome = excluded.outcome, ended_by = excluded.ended_by
             RETURNING id",
        )?
        .query_row(
            params![
                call.reference,
                call.started.unix_nanos(),
                call.answered.map(Wall::unix_nanos),
                call.ended.unix_nanos(),
                caller,
                dialled,
                call.source,
                call.outcome,
                call.ended_by
            ],
            |row| row.get(0),
        )?;
    let legs = legs(transaction, id, call)?;
    steps(transaction, id, &call.path)?;
    let body = EndedFact {
        started: call.started,
        answered: call.answered,
        ended: call.ended,
        caller,
        dialled,
        source: &call.source,
        outcome: &call.outcome,
        ended_by: &call.ended_by,
        legs,
        path: &call.path,
    };
    fact(transaction, at, "call ended", Some(&call.reference), Some(caller), &body)
}

fn legs<'a>(transaction: &Transaction<'_>, call: i64, record: &'a CallRecord) -> rusqlite::Result<Vec<LegFact<'a>>> {
    let mut insert = transaction
        .prepare_cached("INSERT OR REPLACE INTO legs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")?;
    let mut facts = Vec::with_capacity(record.legs.len());
    for (ordinal, leg) in (0i64..).zip(&record.legs) {
        let party = party(transaction, &leg.party)?;
        insert.execute(params![
            call,
            ordinal,
            leg.role,
            party,
            leg.sip_call_id,
            leg.started.unix_nanos(),
            leg.answered.map(Wall::unix_nanos),
            leg.ended.unix_nanos(),
            leg.ending,
            leg.codec,
            whole(leg.packets_sent),
            whole(leg.packets_received),
            whole(leg.packets_lost),
            leg.jitter_ms
        ])?;
        facts.push(LegFact {
            role: &leg.role,
            party,
            sip_call_id: &leg.sip_call_id,
            started: leg.started,
            answered: leg.answered,
            ended: leg.ended,
            ending: &leg.ending,
            codec: &leg.codec,
            packets_sent: leg.packets_sent,
            packets_received: leg.packets_received,
            packets_lost: leg.packets_lost,
            jitter_ms: leg.jitter_ms,
        });
    }
    Ok(facts)
}

/// SQLite's whole numbers have a sign.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn steps(transaction: &Transaction<'_>, call: i64, path: &[PathStep]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for (ordinal, step) in (0i64..).zip(path) {
        let (entered, left) = (step.entered.unix_nanos(), step.left.unix_nanos());
        insert.execute(params![call, ordinal, step.flow, step.node, step.verb, entered, left, step.outcome])?;
    }
    Ok(())
}

#[derive(Serialize)]
struct BindingFact<'a> {
    user: &'a str,
    contact: &'a str,
}

/// A phone that comes is a fact; that it is still there, every few minutes, only renews its row.
fn bound(transaction: &Transaction<'_>, at: Wall, binding: &BindingRow) -> rusqlite::Result<()> {
    let BindingRow { user, contact, expires, body } = binding;
    let renewed = transaction
        .prepare_cached("UPDATE bindings SET expires = ?3, body = ?4 WHERE user = ?1 AND contact = ?2")?
        .execute(params![&**user, contact, expires.unix_nanos(), body])?;
    if renewed > 0 {
        return Ok(());
    }
    transaction.prepare_cached("INSERT INTO bindings VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        &**user,
        contact,
        expires.unix_nanos(),
        body
    ])?;
    fact(transaction, at, "bound", None, None, &BindingFact { user, contact })
}

fn unbound(transaction: &Transaction<'_>, at: Wall, user: &str, contact: &str) -> rusqlite::Result<()> {
    let gone =
        transaction.prepare_cached("DELETE FROM bindings WHERE user = ?1 AND contact = ?2")?.execute(params![user, contact])?;
    if gone == 0 {
        return Ok(());
    }
    fact(transaction, at, "unbound", None, None, &BindingFact { user, contact })
}

pub(super) fn fact(
    transaction: &Transaction<'_>,
    at: Wall,
    kind: &str,
    call: Option<&str>,
    party: Option<i64>,
    body: &impl Serialize,
) -> rusqlite::Result<()> {
    let body = serde_json::to_string(body).map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
    transaction
        .prepare_cached("INSERT INTO facts (at, kind, version, call_ref, party_id, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![at.unix_nanos(), kind, FACT_VERSION, call, party, body])?;
    Ok(())
}

/// What was dialled is a party as well: on the way out it is a customer's number.
fn number(transaction: &Transaction<'_>, number: &str) -> rusqlite::Result<i64> {
    find_party(transaction, number, "")
}

pub(super) fn party(transaction: &Transaction<'_>, party: &PartyNumber) -> rusqlite::Result<i64> {
    find_party(transaction, &party.number, &party.name)
}

pub(super) fn find_party(transaction: &Transaction<'_>, number: &str, name: &str) -> rusqlite::Result<i64> {
    let mut select = transaction.prepare_cached("SELECT id FROM parties WHERE number = ?1 AND name = ?2")?;
    if let Some(id) = select.query_row(params![number, name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    transaction.prepare_cached("INSERT INTO parties (number, name) VALUES (?1, ?2)")?.execute(params![number, name])?;
    Ok(transaction.last_insert_rowid())
}
