//! Webhooks: others are told of calls, from the durable outbox, until they have taken it.
//!
//! ```text
//!   the store's outbox --due--> Postman (a task for each webhook) --signed, over `http`--> the receiver
//!        ^                          |
//!        +---- Told (one writer) ---+   no answer: rests 1 s, 2 s, 4 s ... 10 min, and tries again
//! ```
//!
//! | file | subject |
//! |---|---|
//! | here | the tasks, their pace |
//! | `signature` | how a receiver tells us from others |
//!
//! Of one call, what happened first is told first. Invariant: a notice is struck out after its receiver has taken it, never before: it
//! comes at least once, always with the same id, whatever ends us in between.

mod signature;

use super::http::Web;
use super::store::Outbox;
use super::store::outbox::{self, Due};
use super::sys::clock;
use crate::ask::HttpRequest;
use crate::config::{Plan, Webhook, Webhooks};
use crate::id::Name;
use crate::store::What;
use crate::store::notices::{MAX_AGE, MAX_ATTEMPTS, Telling, Told};
use crate::time::{Duration, Moment, Wall};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tracing::{info, warn};

/// Notices told to one webhook at the same time, each of another call.
const AT_ONCE: usize = 16;
/// Between two attempts: the first time, and at most; twice as long each time.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How often what is too old is looked for, and the outbox without being told of it.
const SWEEP: Duration = Duration::from_secs(3600);
const LOOK: Duration = Duration::from_secs(60);
/// How long the store may take to note what was told, before it is told again.
const NOTED: Duration = Duration::from_secs(10);

/// Keeps a task for each webhook that is configured, for ever.
pub async fn serve(
    web: Arc<Web>,
    outbox: Outbox,
    mut settings: watch::Receiver<Arc<Webhooks>>,
    plan: watch::Receiver<Arc<Plan>>,
) {
    let mut tasks: BTreeMap<Name, (Webhook, AbortHandle)> = BTreeMap::new();
    loop {
        let wanted = Arc::clone(&settings.borrow_and_update());
        tasks.retain(|name, (hook, task)| {
            let stays = wanted.get(name) == Some(hook);
            if !stays {
                task.abort();
            }
            stays
        });
        for (name, hook) in &*wanted {
            tasks.entry(name.clone()).or_insert_with(|| {
                let postman = Postman::new(name.clone(), hook.clone(), Arc::clone(&web), outbox.clone(), plan.clone());
                (hook.clone(), tokio::spawn(postman.run()).abort_handle())
            });
        }
        let now = clock::now().wall;
        let before = now.unix_nanos().saturating_sub(i64::try_from(MAX_AGE.as_nanos()).unwrap_or(i64::MAX));
        outbox.write(What::NoticesExpire { before: Wall::from_unix_nanos(before) }, now);
        if let Ok(Err(_)) = tokio::time::timeout(SWEEP, settings.changed()).await {
            return;
        }
    }
}

/// Who tells one webhook.
struct Postman {
    name: Name,
    hook: Webhook,
    web: Arc<Web>,
    outbox: Outbox,
    plan: watch::Receiver<Arc<Plan>>,
    /// What the store is still to note: how many attempts it will have then, and since when.
    noting: BTreeMap<i64, (u32, Moment)>,
    /// Rounds in a row in which it did not listen.
    failures: u32,
}

impl Postman {
    fn new(name: Name, hook: Webhook, web: Arc<Web>, outbox: Outbox, plan: watch::Receiver<Arc<Plan>>) -> Postman {
        Postman { name, hook, web, outbox, plan, noting: BTreeMap::new(), failures: 0 }
    }

    async fn run(mut self) {
        loop {
            self.outbox.look();
            let (due, next) = self.due().await;
            // Who does not listen is asked again with one.
            let most = if self.failures == 0 { AT_ONCE } else { 1 };
            let fresh: Vec<Due> = due.into_iter().filter(|notice| !self.is_noting(notice)).take(most).collect();
            if fresh.is_empty() {
                drop(tokio::time::timeout(next, self.outbox.changed()).await);
            } else if let Some(rest) = self.tell(fresh).await {
                tokio::time::sleep(rest).await;
            }
        }
    }

    /// It was told, and the store has yet to note what became of it.
    fn is_noting(&self, notice: &Due) -> bool {
        self.noting.get(&notice.row).is_some_and(|(attempts, _)| notice.attempts < *attempts)
    }

    /// What is due, and how long to wait when that is nothing.
    async fn due(&mut self) -> (Vec<Due>, Duration) {
        let now = clock::now();
        self.noting.retain(|_, (_, since)| now.mono.since(*since) < NOTED);
        let (path, name) = (self.outbox.database().to_owned(), self.name.clone());
        let plan = Arc::clone(&self.plan.borrow());
        match spawn_blocking(move || outbox::due(&path, &name, &plan, now.wall)).await {
            Ok(Ok((due, next))) => {
                let next = next.map_or(LOOK, |next| next.since(now.wall));
                let next = if self.noting.is_empty() { next } else { next.min(NOTED) };
                (due, next.min(LOOK))
            }
            Ok(Err(fault)) => {
                warn!(webhook = %self.name, %fault, "the outbox could not be read");
                (Vec::new(), LOOK)
            }
            Err(_) => (Vec::new(), LOOK),
        }
    }

    /// One attempt each, at the same time: they are of different calls. How long to rest, when the receiver as a whole is at fault.
    async fn tell(&mut self, notices: Vec<Due>) -> Option<Duration> {
        let mut posts = JoinSet::new();
        for notice in notices {
            let (web, hook) = (Arc::clone(&self.web), self.hook.clone());
            posts.spawn(async move { (notice.row, notice.attempts + 1, post(&web, hook, notice).await) });
        }
        let mut is_down = false;
        while let Some(posted) = posts.join_next().await {
            // One that has broken off has told nothing: it is told again.
            let Ok((row, attempts, outcome)) = posted else { continue };
            match outcome {
                Ok(()) => self.delivered(row),
                Err(Refusal { why, of_all }) => {
                    is_down |= of_all;
                    self.failed(row, attempts, why);
                }
            }
        }
        is_down.then(|| {
            self.failures = self.failures.saturating_add(1);
            back_off(self.failures)
        })
    }

    fn delivered(&mut self, row: i64) {
        if self.failures > 0 {
            info!(webhook = %self.name, "a webhook takes what it is told again");
        }
        self.failures = 0;
        self.note(row, u32::MAX, Telling::Delivered);
    }

    fn failed(&mut self, row: i64, attempts: u32, why: String) {
        if attempts >= MAX_ATTEMPTS {
            warn!(webhook = %self.name, why, "a notice is given up");
            return self.note(row, u32::MAX, Telling::GivenUp { why });
        }
        if self.failures == 0 {
            warn!(webhook = %self.name, why, "a webhook does not take what it is told; it waits");
        }
        let due = clock::now().wall + back_off(attempts);
        self.note(row, attempts, Telling::Failed { why, due });
    }

    fn note(&mut self, row: i64, attempts: u32, outcome: Telling) {
        let now = clock::now();
        let told = Told { row, hook: self.name.clone(), outcome };
        if self.outbox.write(What::Told(told), now.wall) {
            self.noting.insert(row, (attempts, now.mono));
        }
    }
}

/// Why a notice was not taken, and whether others would be.
struct Refusal {
    why: String,
    of_all: bool,
}

async fn post(web: &Web, hook: Webhook, notice: Due) -> Result<(), Refusal> {
    let Webhook { url, secret, timeout, .. } = hook;
    let headers = signature::headers(&notice.id, clock::now().wall, &notice.body.to_string(), &secret);
    let request = HttpRequest { url, body: Some(notice.body), service: None, timeout, retries: 0 };
    match web.post(&request, &headers).await {
        Ok(200..=299) => Ok(()),
        Ok(status) => {
            let of_all = status >= 500 || matches!(status, 408 | 429);
            Err(Refusal { why: format!("it answered {status}"), of_all })
        }
        Err(why) => Err(Refusal { why, of_all: true }),
    }
}

/// After so many failures.
fn back_off(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_REST.saturating_mul(doubled).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_ten_minutes() {
        let rests: Vec<u64> = [1, 2, 3, 9, 10, 11, 20, u32::MAX].map(|failures| back_off(failures).as_secs()).into();
        assert_eq!(rests, [1, 2, 4, 256, 512, 600, 600, 600]);
    }
}
