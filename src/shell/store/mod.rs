//! The store thread: the diary that outlives the process.
//!
//! ```text
//!   write() --> queue (20,000) --gathers for a window or 1,000--> one transaction --> fsync --> Committed --> drain()
//!                                                  | locked by another program: waits with it, ten minutes
//!                                                  | fails
//!                                                  +--> reopen, retry thrice --> each on its own --> Committed(Err)
//! ```
//!
//! | file | what |
//! |---|---|
//! | here | the thread, its queue, the gathering |
//! | `book.rs` | the open database: migrations, one group at a time, what a restart finds |
//! | `calendars.rs` | what operators say instead of calendars |
//! | `queueing.rs` | facts of queues and agents |
//! | `outbox.rs` | what webhooks are to be told |
//! | `customers.rs` | who customers are, and attempts to pass for them |
//! | `reading.rs`, `facts.rs` | finished calls, and facts of queues and agents, read-only |
//!
//! Invariant: every write that was taken is answered exactly once, in order, after its transaction is on the disk or given up.

mod book;
mod calendars;
pub mod customers;
pub mod facts;
pub mod outbox;
mod queueing;
pub mod reading;

pub use book::{Book, Restored, Unusable};
pub use queueing::Queueing;

use super::sys::wake::Wake;
use crate::store::{Committed, UNASKED, What, Write};
use crate::time::{Duration, Wall};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::watch;
use tracing::{error, warn};

/// At most this many writes are open (queued, being committed, or not yet drained); one more is answered "failed" at once. At
/// 400 calls a second this is 25 s of a disk that does not answer.
pub const MAX_OPEN_WRITES: usize = 20_000;

/// Writes of one transaction at most.
const GROUP: usize = 1000;

/// Waits before a failed transaction is tried again; after the last it is given up.
const RETRIES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(700)];

/// A group is tried so often while somebody else holds the database; each time SQLite waits two seconds for it. What comes
/// meanwhile waits in the queue.
const TRIES_LOCKED: u32 = 300;

#[derive(Default)]
struct State {
    queue: VecDeque<Write>,
    /// Writes since the start: taken, and of those committed or given up.
    taken: u64,
    finished: u64,
    answers: Vec<Committed>,
    hurry: bool,
    stopping: bool,
}

struct Shared {
    state: Mutex<State>,
    /// For the store thread: the first write, a full group, hurry, stop.
    work: Condvar,
    /// For those who wait until all is written.
    idle: Condvar,
    wake: Wake,
    /// Changes when the outbox has.
    outbox: watch::Sender<()>,
}

impl State {
    /// Of the queue and of the group being committed.
    fn unfinished(&self) -> usize {
        usize::try_from(self.taken - self.finished).unwrap_or(usize::MAX)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a write, or says why not.
    fn take(&self, write: Write) -> Result<(), &'static str> {
        let mut state = self.lock();
        if state.stopping {
            return Err("the store has stopped");
        }
        if state.unfinished() + state.answers.len() >= MAX_OPEN_WRITES {
            return Err("the store is too far behind");
        }
        state.queue.push_back(write);
        state.taken += 1;
        // The thread sleeps through the window: it is woken for the first write and for a full group, not for each.
        if state.queue.len() == 1 || state.queue.len() == GROUP {
            self.work.notify_one();
        }
        Ok(())
    }
}

/// The store thread, as the control thread sees it.
pub struct Diary {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// For other threads that must read what was just written.
#[derive(Clone)]
pub struct Settled(Arc<Shared>);

/// For those who tell webhooks: what is in the outbox, and what became of it.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    database: Arc<PathBuf>,
}

impl Diary {
    /// Opens or makes the database and starts the thread. The first write of a group waits for others as long as `window`, unless
    /// somebody waits for it. `boot` is a number that no other run has.
    pub fn open(path: &Path, window: Duration, boot: i64, now: Wall) -> Result<(Diary, Restored), Unusable> {
        let mut book = Book::open(path, boot)?;
        let restored = book.restore(now)?;
        let wake = Wake::new().map_err(Unusable::system)?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            wake,
            outbox: watch::channel(()).0,
        });
        let thread = std::thread::Builder::new().name("store".into()).spawn({
            let shared = Arc::clone(&shared);
            move || run(&shared, book, window)
        });
        let thread = Some(thread.map_err(Unusable::system)?);
        Ok((Diary { shared, thread }, restored))
    }

    /// Takes a write; it is answered through [`Diary::drain`].
    pub fn write(&self, write: Write) {
        let id = write.id;
        if let Err(why) = self.shared.take(write) {
            self.shared.lock().answers.push(Committed { id, outcome: Err(why.into()) });
            self.shared.wake.ring();
        }
    }

    /// Readable when answers wait.
    pub fn fd(&self) -> RawFd {
        self.shared.wake.fd()
    }

    pub fn drain(&self, into: &mut Vec<Committed>) {
        self.shared.wake.clear();
        into.append(&mut self.shared.lock().answers);
    }

    pub fn settled(&self) -> Settled {
        Settled(Arc::clone(&self.shared))
    }

    pub fn outbox(&self, database: &Path) -> Outbox {
        let (shared, changed) = (Arc::clone(&self.shared), self.shared.outbox.subscribe());
        Outbox { shared, changed, database: Arc::new(database.to_owned()) }
    }

    /// Commits what waits, ends the thread, and gives the last answers.
    pub fn stop(mut self) -> Vec<Committed> {
        self.shared.lock().stopping = true;
        self.shared.work.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the store thread had died");
        }
        std::mem::take(&mut self.shared.lock().answers)
    }
}

impl Settled {
    /// Waits until everything taken so far is answered, at most `patience`. False when that was not enough.
    pub fn wait(&self, patience: Duration) -> bool {
        let mut state = self.0.lock();
        let taken = state.taken;
        if state.unfinished() > 0 {
            state.hurry = true;
            self.0.work.notify_one();
        }
        let waited = self.0.idle.wait_timeout_while(state, patience, |state| state.finished < taken);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.finished >= taken
    }
}

impl Outbox {
    /// False when there is no room: then what was told is told again.
    pub fn write(&self, what: What, at: Wall) -> bool {
        self.shared.take(Write { id: UNASKED, at, what }).is_ok()
    }

    /// What is read from now on is news to [`Outbox::changed`].
    pub fn look(&mut self) {
        self.changed.borrow_and_update();
    }

    /// Waits until the outbox is another than at the last look.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The store is gone, and soon we are.
            std::future::pending::<()>().await;
        }
    }

    pub fn database(&self) -> &Path {
        &self.database
    }
}

fn concerns_outbox(write: &Write) -> bool {
    matches!(write.what, What::Notice(_) | What::Told(_) | What::NoticesExpire { .. })
}

fn run(shared: &Shared, mut book: Book, window: Duration) {
    while let Some(group) = gather(shared, window) {
        let outcomes = commit(shared, &mut book, &group);
        let mut state = shared.lock();
        state.finished += group.len() as u64;
        let asked = group.iter().zip(outcomes).filter(|(write, _)| write.id != UNASKED);
        state.answers.extend(asked.map(|(write, outcome)| Committed { id: write.id, outcome }));
        state.hurry &= state.unfinished() > 0;
        shared.idle.notify_all();
        drop(state);
        shared.wake.ring();
        if group.iter().any(concerns_outbox) {
            shared.outbox.send_replace(());
        }
    }
    if let Err(fault) = book.close() {
        warn!(%fault, "closing the database");
    }
}

/// The next writes to commit together; `None` at the end.
fn gather(shared: &Shared, window: Duration) -> Option<Vec<Write>> {
    let state = shared.lock();
    let waited = shared.work.wait_while(state, |state| state.queue.is_empty() && !state.stopping);
    let state = waited.unwrap_or_else(PoisonError::into_inner);
    let patient = |state: &mut State| state.queue.len() < GROUP && !state.hurry && !state.stopping;
    let waited = shared.work.wait_timeout_while(state, window, patient);
    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    let count = state.queue.len().min(GROUP);
    let group: Vec<Write> = state.queue.drain(..count).collect();
    (!group.is_empty()).then_some(group)
}

/// One outcome for each write of the group.
fn commit(shared: &Shared, book: &mut Book, group: &[Write]) -> Vec<Result<(), String>> {
    let mut fault = match commit_when_free(shared, book, group) {
        Ok(()) => return vec![Ok(()); group.len()],
        Err(fault) => fault,
    };
    for pause in RETRIES {
        if !book::is_of_the_disk(&fault) {
            break;
        }
        warn!(%fault, "the database did not take {} writes; trying again", group.len());
        std::thread::sleep(pause);
        match book.again(group) {
            Ok(()) => return vec![Ok(()); group.len()],
            Err(next) => fault = next,
        }
    }
    error!(%fault, "the database refused a group of {} writes", group.len());
    if book::is_of_the_disk(&fault) || group.len() == 1 {
        return vec![Err(fault.to_string()); group.len()];
    }
    // One of them is at fault: the others must not suffer for it.
    group.iter().map(|write| book.commit(std::slice::from_ref(write)).map_err(|fault| fault.to_string())).collect()
}

/// Waits for whoever holds the database, as long as there is time to wait.
fn commit_when_free(shared: &Shared, book: &mut Book, group: &[Write]) -> rusqlite::Result<()> {
    let mut outcome = book.commit(group);
    for tried in 1..TRIES_LOCKED {
        match &outcome {
            Err(fault) if book::is_locked(fault) && !shared.lock().stopping => {
                if tried == 1 {
                    warn!("another program holds the database; records wait until it is done");
                }
                outcome = book.after_lock(group);
            }
            _ => break,
        }
    }
    outcome
}

impl Unusable {
    fn system(error: io::Error) -> Unusable {
        Unusable { sentence: format!("the store could not be started: {error}"), passes: true }
    }
}

#[cfg(test)]
mod tests;
