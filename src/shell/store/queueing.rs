//! Facts of queues and agents, and their rows.
//!
//! Invariant: a row of `waiting` is there exactly while its caller waits, or until [`FORGOTTEN`] after they were cut off.

use super::book::{fact, party};
use crate::store::queueing::{AgentFact, PlaceRow, QueueEvent, QueueFact};
use crate::time::{Duration, Wall};
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

/// So long a place that was lost is remembered at the most, over further restarts too.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What a restart finds of queues.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Queueing {
    /// Bodies of [`AgentFact`].
    pub agents: Vec<String>,
    pub places: Vec<PlaceRow>,
}

pub(super) fn happened(transaction: &Transaction<'_>, at: Wall, it: &QueueFact) -> rusqlite::Result<()> {
    let queue = &*it.queue;
    let mut caller = None;
    match &it.event {
        QueueEvent::Joined { contact, arrival, .. } | QueueEvent::Returned { contact, arrival, .. } => {
            let id = party(transaction, contact)?;
            caller = Some(id);
            transaction.prepare_cached("DELETE FROM waiting WHERE party = ?1 AND lost IS NOT NULL")?.execute([id])?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO waiting (reference, queue, party, arrival) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![it.reference, queue, id, arrival.unix_nanos()])?;
        }
        QueueEvent::Moved { .. } => {
            transaction
                .prepare_cached("UPDATE waiting SET queue = ?2 WHERE reference = ?1")?
                .execute(params![it.reference, queue])?;
        }
        QueueEvent::Left { keeps_place: true, .. } => {
            transaction
                .prepare_cached("UPDATE waiting SET lost = ?2 WHERE reference = ?1")?
                .execute(params![it.reference, at.unix_nanos()])?;
        }
        QueueEvent::Answered { .. } | QueueEvent::Left { .. } => {
            transaction.prepare_cached("DELETE FROM waiting WHERE reference = ?1")?.execute([&it.reference])?;
        }
        QueueEvent::OfferEnded { .. } | QueueEvent::Disposed { .. } => {}
    }
    fact(transaction, at, it.event.kind(), Some(&it.reference), caller, &body(it))
}

/// Parties stand in the fact by their id; in its body there is nothing of them.
fn body(it: &QueueFact) -> Value {
    let queue = &*it.queue;
    match &it.event {
        QueueEvent::Joined { kind, class, head_start_ms, arrival, .. } => json!({
            "queue": queue, "kind": kind, "class": class, "head_start_ms": head_start_ms, "arrival": arrival.unix_nanos(),
        }),
        QueueEvent::Moved { from } => json!({ "queue": queue, "from": &**from }),
        QueueEvent::OfferEnded { agent, outcome, rang_ms } => {
            json!({ "queue": queue, "agent": &**agent, "outcome": outcome, "rang_ms": rang_ms })
        }
        QueueEvent::Answered { agent, waited_ms, rang_ms, predicted_ms } => json!({
            "queue": queue, "agent": &**agent, "waited_ms": waited_ms, "rang_ms": rang_ms, "predicted_ms": predicted_ms,
        }),
        QueueEvent::Returned { agent, talked_ms, .. } => json!({ "queue": queue, "agent": &**agent, "talked_ms": talked_ms }),
        QueueEvent::Left { outcome, waited_ms, agent, talked_ms, held_ms, by, keeps_place: _ } => json!({
            "queue": queue, "outcome": outcome, "waited_ms": waited_ms, "agent": agent.as_deref(), "talked_ms": talked_ms,
            "held_ms": held_ms, "by": by,
        }),
        QueueEvent::Disposed { agent, code } => json!({ "queue": queue, "agent": &**agent, "code": &**code }),
    }
}

pub(super) fn agent(transaction: &Transaction<'_>, at: Wall, it: &AgentFact) -> rusqlite::Result<()> {
    let name = &*it.agent;
    match &it.body {
        Some(body) => transaction
            .prepare_cached("INSERT OR REPLACE INTO agents (agent, body) VALUES (?1, ?2)")?
            .execute(params![name, body])?,
        None => transaction.prepare_cached("DELETE FROM agents WHERE agent = ?1")?.execute([name])?,
    };
    fact(transaction, at, "agent state", None, None, &json!({ "agent": name, "state": it.state }))
}

/// Places that were lost before then are forgotten.
fn forgotten(now: Wall) -> i64 {
    now.unix_nanos().saturating_sub(i64::try_from(FORGOTTEN.as_nanos()).unwrap_or(i64::MAX))
}

/// Who still waited when the last run ended has lost their place.
pub(super) fn close(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM waiting WHERE lost < ?1", [forgotten(now)])?;
    transaction.execute("UPDATE waiting SET lost = ?1 WHERE lost IS NULL", [now.unix_nanos()])?;
    Ok(())
}

/// Agents as they were, and the places of those who waited when the last run ended.
pub(super) fn restore(transaction: &Transaction<'_>, now: Wall) -> rusqlite::Result<Queueing> {
    let mut select = transaction.prepare("SELECT body FROM agents ORDER BY agent")?;
    let agents = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut select = transaction.prepare(
        "SELECT p.number, w.queue, w.arrival FROM waiting w JOIN parties p ON p.id = w.party
         WHERE p.number IS NOT NULL AND (w.lost IS NULL OR w.lost >= ?1) ORDER BY w.arrival",
    )?;
    let place = |row: &rusqlite::Row<'_>| {
        Ok(PlaceRow { contact: row.get(0)?, queue: row.get(1)?, arrival: Wall::from_unix_nanos(row.get(2)?) })
    };
    let places = select.query_map([forgotten(now)], place)?.collect::<rusqlite::Result<_>>()?;
    Ok(Queueing { agents, places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::store::Book;
    use crate::store::{PartyNumber, What, Write};

    fn write(number: u64, what: What) -> Write {
        Write { id: crate::id::WriteId(number), at: Wall::from_unix_nanos(1), what }
    }

    fn stay(reference: &str, event: QueueEvent) -> What {
        What::Queue(QueueFact { reference: reference.into(), queue: "support".into(), event })
    }

    fn joined(number: &str, arrival: i64) -> QueueEvent {
        let contact = PartyNumber { number: number.into(), name: String::new() };
        QueueEvent::Joined { contact, kind: "call".into(), class: 0, head_start_ms: 0, arrival: Wall::from_unix_nanos(arrival) }
    }

    #[test]
    fn who_waited_when_the_exchange_died_has_a_place_and_who_was_answered_has_none() {
        let folder = std::env::temp_dir().join(format!("centrala-queueing-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("queueing.db");
        let _ = std::fs::remove_file(&path);
        let mut book = Book::open(&path, 1).expect("a new book");
        let answered = QueueEvent::Answered { agent: "anna".into(), waited_ms: 5, rang_ms: 3, predicted_ms: None };
        let agent = AgentFact { agent: "anna".into(), state: "paused (lunch)".into(), body: Some("{}".into()) };
        let gone = AgentFact { agent: "bob".into(), state: "offline".into(), body: None };
        let moved = QueueEvent::Moved { from: "sales".into() };
        let group = [
            write(1, stay("a", joined("1", 10))),
            write(2, stay("b", joined("2", 20))),
            write(3, stay("b", moved)),
            write(4, stay("a", answered.clone())),
            write(5, What::Agent(agent)),
            write(6, What::Agent(gone)),
        ];
        book.commit(&group).expect("committed");
        let now = Wall::from_unix_nanos(100);
        let restored = book.restore(now).expect("restored").queueing;
        let place = PlaceRow { contact: "2".into(), queue: "support".into(), arrival: Wall::from_unix_nanos(20) };
        assert_eq!((restored.agents, restored.places), (vec!["{}".to_string()], vec![place]));
        // Whom the exchange cut off when it stopped has theirs too.
        let cut_off = QueueEvent::Left {
            outcome: "ended by us".into(),
            waited_ms: 1,
            agent: None,
            talked_ms: 0,
            held_ms: 0,
            by: None,
            keeps_place: true,
        };
        book.commit(&[write(8, stay("d", joined("4", 40))), write(9, stay("d", cut_off))]).expect("committed");
        let places = book.restore(now).expect("restored").queueing.places;
        assert_eq!(places.iter().map(|place| &*place.contact).collect::<Vec<_>>(), ["2", "4"]);
        book.commit(&[write(10, stay("e", joined("4", 40))), write(11, stay("e", answered))]).expect("committed");
        // Who comes back has the place of the new call, and no other.
        book.commit(&[write(7, stay("c", joined("2", 20)))]).expect("committed");
        assert_eq!(book.restore(now).expect("restored").queueing.places.len(), 1);
        let late = now + FORGOTTEN + Duration::from_secs(1);
        book.restore(late).expect("restored");
        assert_eq!(book.restore(late + FORGOTTEN + FORGOTTEN).expect("restored").queueing.places, []);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
