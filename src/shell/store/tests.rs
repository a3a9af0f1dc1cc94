//! The store with a real file: written, closed, opened again, read back, hurt.

use super::*;
use crate::id::{Name, WriteId};
use crate::store::reports::CallReport;
use crate::store::{BindingRow, CRASH_LOST, CallRecord, CallStarted, LegRecord, PartyNumber, PathStep, What};
use std::path::PathBuf;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("centrala-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("centrala.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const WINDOW: Duration = Duration::from_millis(100);

fn at(seconds: i64) -> Wall {
    Wall::from_unix_nanos((1_795_292_100 + seconds) * 1_000_000_000)
}

fn anna() -> PartyNumber {
    PartyNumber { number: "+48221234567".into(), name: "Anna".into() }
}

fn started(reference: &str) -> What {
    What::CallStarted(CallStarted {
        reference: reference.into(),
        started: at(0),
        from: anna(),
        dialled: "100".into(),
        source: "trunk provider".into(),
    })
}

fn ended(reference: &str) -> What {
    let leg = LegRecord {
        role: "caller".into(),
        party: anna(),
        trunk: "provider".into(),
        sip_call_id: "abc@192.0.2.7".into(),
        started: at(0),
        answered: Some(at(1)),
        ended: at(9),
        ending: "bye".into(),
        codec: "PCMA".into(),
        packets_sent: 400,
        packets_received: 399,
        packets_lost: 1,
        jitter_ms: 0.25,
    };
    let step = PathStep {
        flow: "main".into(),
        node: "menu".into(),
        verb: "menu".into(),
        entered: at(1),
        left: at(9),
        outcome: "hang-up".into(),
    };
    What::CallEnded(CallRecord {
        reference: reference.into(),
        started: at(0),
        answered: Some(at(1)),
        ended: at(9),
        from: anna(),
        dialled: "100".into(),
        source: "trunk provider".into(),
        outcome: "completed".into(),
        ended_by: "caller".into(),
        legs: vec![leg],
        path: vec![step],
    })
}

fn binding(user: &str, expires: i64) -> BindingRow {
    BindingRow { user: Name::from(user), contact: format!("sip:{user}@192.0.2.7"), expires: at(expires), body: "{}".into() }
}

fn writes(what: impl IntoIterator<Item = What>) -> Vec<Write> {
    what.into_iter().zip(1..).map(|(what, id)| Write { id: WriteId(id), at: at(9), what }).collect()
}

fn open(folder: &Folder, boot: i64) -> (Diary, Restored) {
    Diary::open(&folder.database(), WINDOW, boot, at(10)).expect("a database of ours")
}

fn calls(folder: &Folder) -> Vec<CallReport> {
    reading::calls(&folder.database(), 100, None).expect("a database of ours")
}

fn count(folder: &Folder, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.database()).expect("a database of ours");
    connection.query_row(sql, [], |row| row.get(0)).expect("a number")
}

#[test]
fn a_call_is_read_back_after_a_restart_with_all_its_parts() {
    let folder = Folder::new("restart");
    let (diary, restored) = open(&folder, 1);
    assert_eq!(restored, Restored::default());
    for write in writes([started("0123456789abcdef"), ended("0123456789abcdef")]) {
        diary.write(write);
    }
    let answers = diary.stop();
    assert_eq!(
        answers.iter().map(|answer| (answer.id, answer.outcome.is_ok())).collect::<Vec<_>>(),
        [(WriteId(1), true), (WriteId(2), true)]
    );

    let (diary, restored) = open(&folder, 2);
    assert_eq!(restored.crash_lost.len(), 0);
    let found = calls(&folder);
    assert_eq!(found.len(), 1);
    let call = &found[0];
    assert_eq!(call.started, "2026-11-21T20:15:00.000Z");
    assert_eq!(call.answered.as_deref(), Some("2026-11-21T20:15:01.000Z"));
    assert_eq!((call.duration_s, call.talk_s), (9.0, 8.0));
    assert_eq!((call.from.as_deref(), call.name.as_deref()), (Some("+48221234567"), Some("Anna")));
    assert_eq!((call.dialled.as_deref(), call.outcome.as_str()), (Some("100"), "completed"));
    assert_eq!((call.legs.len(), call.legs[0].packets_lost, call.legs[0].jitter_ms), (1, 1, 0.25));
    assert_eq!(call.legs[0].trunk, "provider");
    assert_eq!((call.path.len(), call.path[0].node.as_str(), call.path[0].duration_s), (1, "menu", 8.0));
    let one = reading::calls(&folder.database(), 1, Some("0123456789abcdef")).expect("a database of ours");
    assert_eq!(one, found);
    assert!(reading::calls(&folder.database(), 1, Some("' OR 1=1 --")).expect("a database of ours").is_empty());
    diary.stop();
}

/// Whoever hung up on an agent has reached one all the same.
#[test]
fn a_flow_is_reported_node_by_node_and_by_whom_it_let_through() {
    let folder = Folder::new("flow");
    let (diary, _) = open(&folder, 1);
    let step = |node: &str, verb: &str, outcome: &str| PathStep {
        flow: "main".into(),
        node: node.into(),
        verb: verb.into(),
        entered: at(1),
        left: at(3),
        outcome: outcome.into(),
    };
    let call = |reference: &str, path: Vec<PathStep>, agent: Option<Wall>| {
        let What::CallEnded(mut record) = ended(reference) else { unreachable!("it is one") };
        let leg = LegRecord { role: "agent".into(), answered: agent, ..record.legs[0].clone() };
        record.legs.push(leg);
        What::CallEnded(CallRecord { path, ..record })
    };
    let menu = |outcome: &str| step("menu", "menu", outcome);
    let calls = [
        call("a", vec![menu("hung-up")], None),
        call("b", vec![menu("key 2"), step("line", "queue", "hung-up")], None),
        call("c", vec![menu("key 2"), step("line", "queue", "hung-up")], Some(at(2))),
        call("d", vec![menu("key 2"), step("line", "queue", "answered")], Some(at(2))),
    ];
    for write in writes(calls) {
        diary.write(write);
    }
    diary.stop();
    let facts = reading::flow(&folder.database(), "main", at(-100)).expect("a database of ours");
    assert_eq!((facts.calls, facts.contained, facts.flows.len()), (4, 2, 0));
    let rows: Vec<_> = facts.nodes.iter().map(|node| (node.node.as_str(), node.entered, node.hung_up, node.mean_s)).collect();
    assert_eq!(rows, [("menu", 4, 1, 2.0), ("line", 3, 2, 2.0)]);
    assert_eq!(facts.nodes[0].outcomes, [("hung-up".to_string(), 1), ("key 2".to_string(), 3)]);
    let nobody = reading::flow(&folder.database(), "mian", at(-100)).expect("a database of ours");
    assert_eq!((nobody.calls, nobody.flows), (0, vec!["main".to_string()]));
}

#[test]
fn calls_going_on_at_a_crash_are_closed_as_lost() {
    let folder = Folder::new("crash");
    let (diary, _) = open(&folder, 1);
    let answered = |reference: &str| What::CallAnswered { reference: reference.into(), answered: at(2) };
    let late = answered("bbbbbbbbbbbbbbbb");
    for write in writes([
        started("aaaaaaaaaaaaaaaa"),
        answered("aaaaaaaaaaaaaaaa"),
        started("bbbbbbbbbbbbbbbb"),
        ended("bbbbbbbbbbbbbbbb"),
        late,
    ]) {
        diary.write(write);
    }
    diary.stop();
    let (diary, restored) = open(&folder, 2);
    assert_eq!(restored.crash_lost.len(), 1);
    let answered = calls(&folder).iter().filter(|call| call.answered.is_some()).count();
    assert_eq!(answered, 2, "what is lost was answered all the same");
    diary.stop();
    let outcomes: Vec<_> = calls(&folder).into_iter().map(|call| (call.reference, call.outcome, call.duration_s)).collect();
    assert_eq!(
        outcomes,
        [
            ("bbbbbbbbbbbbbbbb".to_string(), "completed".to_string(), 9.0),
            ("aaaaaaaaaaaaaaaa".to_string(), CRASH_LOST.to_string(), 9.0)
        ]
    );
    assert_eq!(count(&folder, "SELECT count(*) FROM facts WHERE kind = 'call lost'"), 1);
    let (diary, restored) = open(&folder, 3);
    assert_eq!(restored.crash_lost.len(), 0, "closed once");
    diary.stop();
}

#[test]
fn bindings_come_back_unless_expired_and_a_refresh_is_no_new_fact() {
    let folder = Folder::new("bindings");
    let (diary, _) = open(&folder, 1);
    let what = [
        What::Bound(binding("1001", 600)),
        What::Bound(binding("1001", 1200)),
        What::Bound(binding("1002", 5)),
        What::Bound(binding("1003", 600)),
        What::Unbound { user: Name::from("1003"), contact: "sip:1003@192.0.2.7".into() },
    ];
    for write in writes(what) {
        diary.write(write);
    }
    assert!(diary.settled().wait(Duration::from_secs(10)), "committed");
    diary.stop();
    let (diary, restored) = open(&folder, 2);
    assert_eq!(restored.bindings, [binding("1001", 1200)]);
    diary.stop();
    assert_eq!(count(&folder, "SELECT count(*) FROM facts WHERE kind = 'bound'"), 3);
    assert_eq!(count(&folder, "SELECT count(*) FROM facts WHERE kind = 'unbound'"), 1);
}

#[test]
fn an_erased_caller_is_nowhere_in_the_file_and_the_record_stays() {
    let folder = Folder::new("erase");
    let (diary, _) = open(&folder, 1);
    for write in writes([started("cccccccccccccccc"), ended("cccccccccccccccc")]) {
        diary.write(write);
    }
    diary.stop();
    let facts = count(&folder, "SELECT count(*) FROM facts");
    let mut book = Book::open(&folder.database(), 2).expect("a database of ours");
    assert_eq!(book.erase("+48221234567").expect("an update"), 1);
    book.close().expect("folded");
    let call = &calls(&folder)[0];
    assert_eq!((&call.from, &call.name, call.dialled.as_deref()), (&None, &None, Some("100")));
    assert_eq!(call.legs[0].number, None);
    assert_eq!(count(&folder, "SELECT count(*) FROM facts"), facts);
    for entry in std::fs::read_dir(&folder.0).expect("our folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(9).any(|window| window == b"221234567"), "the number is still on the disk");
    }
}

#[test]
fn facts_cannot_be_changed_or_removed() {
    let folder = Folder::new("facts");
    let (diary, _) = open(&folder, 1);
    diary.write(writes([started("dddddddddddddddd")]).remove(0));
    diary.stop();
    let connection = rusqlite::Connection::open(folder.database()).expect("a database of ours");
    for sql in ["UPDATE facts SET kind = 'x'", "DELETE FROM facts"] {
        let fault = connection.execute(sql, []).expect_err("append-only");
        assert!(fault.to_string().contains("facts are only added"), "{fault}");
    }
}

#[test]
fn a_group_is_one_transaction_and_is_not_repeated_when_it_reached_the_disk() {
    let folder = Folder::new("group");
    let mut book = Book::open(&folder.database(), 1).expect("a new database");
    let group = writes((0..500).map(|call| ended(&format!("{call:016x}"))));
    book.commit(&group).expect("room");
    assert_eq!(count(&folder, "SELECT groups FROM progress"), 1);
    assert_eq!(count(&folder, "SELECT count(*) FROM facts"), 500);
    // As if the thread had been told that the commit failed.
    book.again(&group).expect("it is there");
    assert_eq!(count(&folder, "SELECT count(*) FROM facts"), 500);
    book.commit(&writes([started("eeeeeeeeeeeeeeee")])).expect("a new one");
    assert_eq!(count(&folder, "SELECT count(*) FROM facts"), 501);
}

#[test]
fn a_disk_that_fails_is_an_answer_and_a_disk_that_recovers_is_used_again() {
    let folder = Folder::new("disk");
    let (diary, _) = open(&folder, 1);
    // A table that is gone stands for a write that the database refuses whatever one does.
    let connection = rusqlite::Connection::open(folder.database()).expect("a database of ours");
    connection.execute_batch("ALTER TABLE steps RENAME TO steps_away").expect("ours");
    for write in writes([started("1111111111111111"), ended("1111111111111111"), What::Bound(binding("1001", 600))]) {
        diary.write(write);
    }
    assert!(diary.settled().wait(Duration::from_secs(20)), "answered");
    let mut answers = Vec::new();
    diary.drain(&mut answers);
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, false, true], "only the one at fault suffers: {answers:?}");
    connection.execute_batch("ALTER TABLE steps_away RENAME TO steps").expect("ours");
    drop(connection);
    diary.write(writes([ended("1111111111111111")]).remove(0));
    assert!(diary.settled().wait(Duration::from_secs(20)), "answered");
    diary.drain(&mut answers);
    assert_eq!(answers.last().map(|answer| answer.outcome.is_ok()), Some(true));
    diary.stop();
    assert_eq!(calls(&folder).len(), 1);
}

#[test]
fn records_wait_for_another_program_that_holds_the_database_and_none_is_lost() {
    let folder = Folder::new("held");
    let (diary, _) = open(&folder, 1);
    let other = rusqlite::Connection::open(folder.database()).expect("a database of ours");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody holds it");
    for write in writes([started("2222222222222222"), ended("2222222222222222")]) {
        diary.write(write);
    }
    // Longer than SQLite itself waits.
    assert!(!diary.settled().wait(Duration::from_millis(2300)), "not while it is held");
    other.execute_batch("ROLLBACK").expect("ours");
    assert!(diary.settled().wait(Duration::from_secs(20)), "answered");
    let mut answers = Vec::new();
    diary.drain(&mut answers);
    assert_eq!(answers.iter().map(|answer| answer.outcome.is_ok()).collect::<Vec<_>>(), [true, true]);
    diary.stop();
    assert_eq!(calls(&folder).len(), 1);
}

#[test]
fn a_start_while_nothing_can_be_written_finds_everything_and_closes_what_was_left_with_its_first_record() {
    let folder = Folder::new("owed");
    let (diary, _) = open(&folder, 1);
    for write in writes([started("3333333333333333"), What::Bound(binding("1001", 600)), What::Bound(binding("1002", 5))]) {
        diary.write(write);
    }
    diary.stop();
    let other = rusqlite::Connection::open(folder.database()).expect("a database of ours");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody holds it");
    let (diary, restored) = open(&folder, 2);
    assert!(restored.unwritten.is_some());
    assert_eq!((restored.crash_lost, restored.bindings), (vec!["3333333333333333".into()], vec![binding("1001", 600)]));
    other.execute_batch("ROLLBACK").expect("ours");
    assert_eq!(count(&folder, "SELECT count(*) FROM calls WHERE ended IS NULL"), 1, "not yet");
    diary.write(writes([started("4444444444444444")]).remove(0));
    assert!(diary.settled().wait(Duration::from_secs(20)), "answered");
    // The one that goes on is not among those that are closed.
    assert_eq!(count(&folder, "SELECT count(*) FROM calls WHERE ended IS NULL AND reference LIKE '4%'"), 1);
    assert_eq!(count(&folder, "SELECT count(*) FROM calls WHERE outcome = 'crash lost' AND reference LIKE '3%'"), 1);
    assert_eq!(count(&folder, "SELECT count(*) FROM bindings"), 1);
    diary.write(writes([ended("4444444444444444")]).remove(0));
    diary.stop();
    assert_eq!(count(&folder, "SELECT count(*) FROM facts WHERE kind = 'call lost'"), 1, "closed once");
}

#[test]
fn a_lock_that_is_held_for_a_moment_is_waited_for_at_the_start() {
    let folder = Folder::new("moment");
    open(&folder, 1).0.stop();
    let other = rusqlite::Connection::open(folder.database()).expect("a database of ours");
    // Nobody may even read beside this one.
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE progress SET groups = groups").expect("ours");
    let held = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(other);
    });
    let (diary, restored) = open(&folder, 2);
    assert_eq!(restored, Restored::default());
    held.join().expect("no panic");
    diary.stop();
}

#[test]
fn what_cannot_be_opened_is_one_clear_sentence() {
    let check = |name: &str, prepare: &dyn Fn(&Folder) -> PathBuf, sentence: &str| {
        let folder = Folder::new(name);
        let path = prepare(&folder);
        let Err(fault) = Diary::open(&path, WINDOW, 1, at(0)) else { panic!("{name}: opened") };
        let said = fault.to_string().replace(&path.display().to_string(), "PATH");
        assert!(said.contains(sentence), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    check("missing", &|folder| folder.0.join("nowhere").join("centrala.db"), "the folder must exist");
    let garbage = |folder: &Folder| {
        std::fs::write(folder.database(), vec![b'x'; 8192]).expect("our folder");
        folder.database()
    };
    check("garbage", &garbage, "it is damaged");
    let newer = |folder: &Folder| {
        let connection = rusqlite::Connection::open(folder.database()).expect("our folder");
        connection.pragma_update(None, "user_version", 99).expect("a number");
        folder.database()
    };
    check("newer", &newer, "newer centrala (schema 99");
}
