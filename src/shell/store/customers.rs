//! Who customers are, and what is counted against those who try to pass for them.
//!
//! Their numbers and names stand in `parties`, as everybody's do. Invariant: a customer is replaced whole, with all their numbers.

use super::book::{fact, find_party};
use crate::ask;
use crate::config::Plan;
use crate::control::Customer;
use crate::store::schema::{
    CUSTOMER_BY_ID, CUSTOMER_BY_NUMBER, CUSTOMERS_AFTER, FORGIVE_SPELLINGS, LAST_CHOICE, NUMBERS_OF_CUSTOMER, RECENT_CALLS,
};
use crate::store::{AttemptNote, Counted, Tally, TallyRow};
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, params};
use serde_json::json;
use std::collections::BTreeSet;
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
        if caller.is_some() {
            // Written down before numbers were counted in one form.
            let others = serde_json::to_string(&note.spellings).unwrap_or_default();
            transaction.prepare_cached(FORGIVE_SPELLINGS)?.execute([others])?;
        }
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

/// The customer who has this number, in whatever form it is kept and written, with what they did lately.
pub fn by_number(path: &Path, number: &str, plan: &Plan, now: Wall) -> rusqlite::Result<Option<ask::Customer>> {
    let connection = open(path)?;
    let found = connection.prepare(CUSTOMER_BY_NUMBER)?.query_row([listed(plan.spellings(number))], customer).optional()?;
    found.map(|found| known(&connection, found, plan, now)).transpose()
}

/// The customer of this id and the verifier of their PIN.
pub fn by_id(path: &Path, id: &str, plan: &Plan, now: Wall) -> rusqlite::Result<Option<(ask::Customer, String)>> {
    let connection = open(path)?;
    let found = connection.prepare(CUSTOMER_BY_ID)?.query_row([id], customer).optional()?;
    let Some(found) = found else { return Ok(None) };
    let pin = found.pin.clone();
    Ok(Some((known(&connection, found, plan, now)?, pin)))
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

/// Numbers as the statements take them.
pub(super) fn listed(numbers: impl IntoIterator<Item = String>) -> String {
    json!(numbers.into_iter().collect::<BTreeSet<_>>()).to_string()
}

fn known(connection: &Connection, found: Customer, plan: &Plan, now: Wall) -> rusqlite::Result<ask::Customer> {
    let since = now.unix_nanos().saturating_sub(i64::try_from(RECENT.as_nanos()).unwrap_or(i64::MAX));
    let theirs = listed(numbers(connection, &found.id)?.iter().flat_map(|number| plan.spellings(number)));
    let recent_calls = connection.prepare_cached(RECENT_CALLS)?.query_row(params![theirs, since], |row| row.get(0))?;
    let read = |row: &Row<'_>| row.get::<_, String>(1);
    let last_choice = connection.prepare_cached(LAST_CHOICE)?.query_row([theirs], read).optional()?;
    let last_choice = last_choice.map(|outcome| outcome.trim_start_matches("key ").to_string()).unwrap_or_default();
    let Customer { id, name, value, language, preferred_agent, fields, .. } = found;
    Ok(ask::Customer { id, name, value, language, preferred_agent, recent_calls, last_choice, fields })
}

#[cfg(test)]
mod tests {
    use super::super::{Book, outbox};
    use super::*;
    use crate::id::WriteId;
    use crate::store::notices::{Notice, Occasion, Story};
    use crate::store::{CallRecord, PartyNumber, PathStep, What, Write};
    use std::path::PathBuf;

    fn at(second: i64) -> Wall {
        Wall::from_unix_nanos(second * 1_000_000_000)
    }

    /// A call that is over, with a key chosen in a menu.
    fn call(number: &str, second: i64, key: &str) -> What {
        let step = PathStep {
            flow: "main".into(),
            node: "menu".into(),
            verb: "menu".into(),
            entered: at(second),
            left: at(second),
            outcome: format!("key {key}"),
        };
        What::CallEnded(CallRecord {
            reference: format!("call-{second}"),
            started: at(second),
            answered: Some(at(second)),
            ended: at(second + 1),
            from: PartyNumber { number: number.into(), name: String::new() },
            dialled: "100".into(),
            source: "trunk provider".into(),
            outcome: "completed".into(),
            ended_by: "caller".into(),
            legs: Vec::new(),
            path: vec![step],
        })
    }

    struct Desk {
        book: Book,
        folder: PathBuf,
        writes: u64,
    }

    impl Desk {
        fn new(name: &str) -> Desk {
            let folder = std::env::temp_dir().join(format!("centrala-customers-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).expect("a folder");
            Desk { book: Book::open(&folder.join("a.db"), 1).expect("a new book"), folder, writes: 0 }
        }

        fn write(&mut self, whats: Vec<What>) {
            let mut write = |what| {
                self.writes += 1;
                Write { id: WriteId(self.writes), at: at(1000), what }
            };
            let group: Vec<Write> = whats.into_iter().map(&mut write).collect();
            self.book.commit(&group).expect("committed");
        }
    }

    impl Drop for Desk {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn a_customer_and_their_calls_are_found_in_every_spelling_also_in_rows_of_earlier_days() {
        let mut desk = Desk::new("spellings");
        let one = |id: &str, number: &str| Customer { id: id.into(), numbers: vec![number.into()], ..Customer::default() };
        // Kept by earlier versions as the file had them.
        desk.write(vec![What::Customers(vec![one("1", "+48221234567"), one("2", "221234568"), one("3", "48221234569")])]);
        let forms = |rest: &str| ["+48", "0048", "48", ""].map(|prefix| format!("{prefix}{rest}"));
        let calls = forms("221234567").into_iter().chain(["221234568".to_string()]).zip(10..);
        desk.write(calls.map(|(number, second)| call(&number, second, &second.to_string())).collect());
        let (path, plan) = (desk.folder.join("a.db"), Plan::default());
        let who = |number: &str| by_number(&path, number, &plan, at(20)).expect("readable").map(|found| found.id);
        for (id, rest) in [("1", "221234567"), ("2", "221234568"), ("3", "221234569")] {
            for number in forms(rest) {
                assert_eq!(who(&number).as_deref(), Some(id), "{number}");
            }
        }
        assert_eq!((who("221234560"), who("1001"), who("anonymous")), (None, None, None));
        let (ala, _) = by_id(&path, "1", &plan, at(20)).expect("readable").expect("there");
        assert_eq!((ala.recent_calls, ala.last_choice.as_str()), (4, "13"));

        let notice =
            Notice { hooks: vec!["crm".into()], occasion: Occasion::End, reference: "call-13".into(), story: Story::default() };
        desk.write(vec![What::Notice(notice)]);
        let (due, _) = outbox::due(&path, "crm", &plan, at(1000)).expect("readable");
        let body = &due[0].body;
        assert_eq!((&body["customer"]["id"], &body["history"]["calls_30_days"]), (&json!("1"), &json!(3)), "{body:#}");
        assert_eq!(body["history"]["last"].as_array().map(Vec::len), Some(3), "{body:#}");
    }

    #[test]
    fn what_was_counted_against_another_spelling_goes_with_the_count() {
        let mut desk = Desk::new("tallies");
        let plan = Plan::default();
        let locked = Tally { wrong: 3, forget: at(5000), locked_until: Some(at(5000)) };
        let note = |caller: &str, spellings: Vec<String>, tally| {
            let caller = Some(caller.to_string());
            let (call, verdict, counts) = (String::new(), "refused".to_string(), vec![(Counted::Caller, tally)]);
            What::Attempt(AttemptNote { call, customer: None, caller, spellings, verdict, counts })
        };
        desk.write(vec![note("48221234567", Vec::new(), locked), note("48221234568", Vec::new(), locked)]);
        desk.write(vec![note("+48221234567", plan.spellings("+48221234567"), Tally::default())]);
        let left: Vec<_> = desk.book.restore(at(2000)).expect("restored").tallies.into_iter().map(|row| row.caller).collect();
        assert_eq!(left, [Some("48221234568".to_string())]);
    }
}
