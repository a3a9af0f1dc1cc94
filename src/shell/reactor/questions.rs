//! Questions to the world, each by whoever can answer it.
//!
//! | question | answered by |
//! |---|---|
//! | addresses of a host | the system's resolver, on the blocking pool |
//! | a domain's SIP servers | the system's name servers, for SRV records; the targets as above |
//! | a web service | [`Web`] |
//! | a customer by their number | the database, read-only, on the blocking pool |
//! | a PIN | argon2id, on the blocking pool, few at once: each takes 19 MiB |
//!
//! Invariant: a question is answered within its patience or not at all; the core keeps the deadline as well.

use super::super::fence::Fence;
use super::super::http::Web;
use super::super::store::{Settled, customers};
use super::super::{pins, sys::clock};
use super::{Herald, News, ReactorSettings, resolve, servers};
use crate::ask::{Answer, Ask, PinCheck, PinVerdict, Question, Reply};
use crate::config::Plan;
use crate::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// PINs verified at once, and customers looked up at once; others wait their turn.
const PINS_AT_ONCE: usize = 2;
const LOOKUPS_AT_ONCE: usize = 4;
/// How long a look-up waits for customers that are still on their way to the disk.
const SETTLE: Duration = Duration::from_millis(200);

/// What the answering takes.
#[derive(Clone)]
pub struct Oracle(Arc<Inner>);

struct Inner {
    fence: Fence,
    database: PathBuf,
    settled: Settled,
    web: Arc<Web>,
    plan: watch::Receiver<Arc<Plan>>,
    names: Semaphore,
    lookups: Semaphore,
    pins: Semaphore,
}

impl Oracle {
    pub fn new(settings: &ReactorSettings, plan: watch::Receiver<Arc<Plan>>) -> Oracle {
        let (fence, database) = (settings.fence, settings.database.clone());
        let (settled, web) = (settings.settled.clone(), Arc::clone(&settings.web));
        let (names, lookups, pins) =
            (Semaphore::new(resolve::AT_ONCE), Semaphore::new(LOOKUPS_AT_ONCE), Semaphore::new(PINS_AT_ONCE));
        Oracle(Arc::new(Inner { fence, database, settled, web, plan, names, lookups, pins }))
    }

    pub async fn answer(self, ask: Ask, patience: Duration, herald: Herald) {
        let work = async {
            match ask.question {
                Question::Resolve { host } => resolve::addresses(&host, self.0.fence, &self.0.names).await,
                Question::Servers { host } => servers::servers(&host, self.0.fence, &self.0.names).await,
                Question::LookupCustomer { number } => self.look_up(number).await,
                Question::VerifyPin(check) => self.verify(check).await,
                Question::Http(request) => self.0.web.ask(&request).await,
            }
        };
        if let Ok(reply) = tokio::time::timeout(patience, work).await {
            herald.tell(News::Answer(Answer { id: ask.id, reply })).await;
        }
    }

    /// As it is now.
    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.0.plan.borrow())
    }

    async fn look_up(&self, number: String) -> Reply {
        let Ok(_turn) = self.0.lookups.acquire().await else { return stopping() };
        let (database, settled) = (self.0.database.clone(), self.0.settled.clone());
        let plan = self.plan();
        let work = tokio::task::spawn_blocking(move || {
            settled.wait(SETTLE);
            customers::by_number(&database, &number, &plan, clock::now().wall)
        });
        match work.await {
            Ok(Ok(found)) => Reply::Customer(found),
            Ok(Err(fault)) => Reply::Failed(format!("the customers could not be read: {fault}")),
            Err(_) => Reply::Failed("the customers could not be read".into()),
        }
    }

    async fn verify(&self, check: PinCheck) -> Reply {
        let Ok(_turn) = self.0.pins.acquire().await else { return stopping() };
        let (database, settled) = (self.0.database.clone(), self.0.settled.clone());
        let plan = self.plan();
        let work = tokio::task::spawn_blocking(move || {
            settled.wait(SETTLE);
            let found = customers::by_id(&database, check.customer.reveal(), &plan, clock::now().wall)?;
            let verifier = found.as_ref().map(|(_, pin)| pin.as_str()).filter(|pin| !pin.is_empty());
            // Nobody's PIN takes as long to verify.
            let right = pins::verify(check.pin.reveal(), verifier);
            Ok::<_, rusqlite::Error>(match found {
                Some((customer, _)) if right => PinVerdict::Accepted(customer),
                Some(_) => PinVerdict::Refused,
                None => PinVerdict::Nobody,
            })
        });
        match work.await {
            Ok(Ok(verdict)) => Reply::Pin(verdict),
            Ok(Err(fault)) => Reply::Failed(format!("the customers could not be read: {fault}")),
            Err(_) => Reply::Failed("the PIN could not be verified".into()),
        }
    }
}

fn stopping() -> Reply {
    Reply::Failed("the exchange is stopping".into())
}
