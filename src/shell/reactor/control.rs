//! The control socket: a Unix socket in the data folder, one JSON request per line, one JSON response per line.
//!
//! A client's next request is read when its last answer has left, so a client that does not read holds one answer at most, and
//! not for long. Invariant: every request is answered once, in order, or its connection is closed.

use super::super::store::{Settled, customers, facts, outbox, reading};
use super::super::sys::clock;
use super::conductor::UnixListenerBound;
use super::{Herald, News, ReactorSettings};
use crate::config::{Webhook, Webhooks};
use crate::control::{MAX_CDR, MAX_CUSTOMERS, MAX_REQUEST, Request, Response, WebhookRow};
use crate::id::{Name, ReplyId};
use crate::time::{Duration, Wall};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tracing::{debug, warn};

/// Clients at once; one more is told so and closed.
pub const MAX_CLIENTS: usize = 64;

/// An answer longer than this is not sent: a list can be asked for in parts.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A client that has not taken this much of its answer within [`PATIENCE`] is dropped.
const BACKLOG: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// Reports at once.
const REPORTS: usize = 4;

/// How long a report waits for what is still on its way to the disk.
const SETTLE: Duration = Duration::from_secs(2);
const BEHIND: &str = "the newest records are not on the disk yet: it is slow, or another program holds the database; try again";

/// How long the last answers may take to leave.
const FAREWELL: Duration = Duration::from_millis(50);

/// Makes the socket, for us and our group. A leftover of a run that died is replaced; a living daemon is not.
pub fn bind(path: &Path) -> io::Result<UnixListenerBound> {
    if StdUnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another centrala uses this data folder"));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdUnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(UnixListenerBound(listener))
}

/// What every client's task shares.
#[derive(Clone)]
pub struct Desk {
    herald: Herald,
    database: PathBuf,
    settled: Settled,
    waiting: Arc<Mutex<Waiting>>,
    clients: Arc<Semaphore>,
    reports: Arc<Semaphore>,
    webhooks: watch::Receiver<Arc<Webhooks>>,
}

/// Who waits for an answer of the exchange: at most one per client.
#[derive(Default)]
struct Waiting {
    next: u64,
    replies: BTreeMap<ReplyId, oneshot::Sender<Response>>,
}

impl Desk {
    pub fn new(settings: &ReactorSettings, herald: Herald, webhooks: watch::Receiver<Arc<Webhooks>>) -> Desk {
        Desk {
            herald,
            database: settings.database.clone(),
            settled: settings.settled.clone(),
            waiting: Arc::default(),
            clients: Arc::new(Semaphore::new(MAX_CLIENTS)),
            reports: Arc::new(Semaphore::new(REPORTS)),
            webhooks,
        }
    }

    /// The exchange has answered.
    pub fn reply(&self, reply: ReplyId, response: Response) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).replies.remove(&reply);
        // A client that went away meanwhile needs no answer.
        if let Some(client) = waiting {
            let _ = client.send(response);
        }
    }

    /// Gives the last answers a moment to leave.
    pub async fn farewell(&self) {
        let all = u32::try_from(MAX_CLIENTS).unwrap_or(u32::MAX);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).replies.clear();
        let _ = tokio::time::timeout(FAREWELL, self.clients.acquire_many(all)).await;
    }

    async fn answer(&self, line: &[u8]) -> Response {
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(fault) => return Response::Failed(format!("not a request: {fault}")),
        };
        match request {
            Request::Cdr { limit, reference } => {
                self.read(move |path| calls(path, limit.min(MAX_CDR), reference.as_deref())).await
            }
            Request::Customers { after, limit } => self.read(move |path| customers_after(path, &after, limit)).await,
            Request::FlowReport { flow, days } => self.read(move |path| flow_facts(path, &flow, days)).await,
            Request::Report(request) => self.read(move |path| facts::report(path, &request).map(Response::Report)).await,
            Request::QueueLog { from, to } => {
                self.read(move |path| facts::queue_log(path, from, to).map(Response::QueueLog)).await
            }
            Request::Webhooks => {
                let configured = Arc::clone(&self.webhooks.borrow());
                self.read(move |path| webhooks(path, &configured)).await
            }
            request => self.ask(request).await,
        }
    }

    async fn ask(&self, request: Request) -> Response {
        let (client, answer) = oneshot::channel();
        let reply = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.next += 1;
            let reply = ReplyId(waiting.next);
            waiting.replies.insert(reply, client);
            reply
        };
        self.herald.tell(News::Request { reply, request }).await;
        let answered = tokio::time::timeout(PATIENCE, answer).await;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).replies.remove(&reply);
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Response::Failed("the daemon is stopping".into()),
            Err(_) => Response::Failed("the daemon did not answer in time".into()),
        }
    }

    /// Reads the records on a thread of its own, a few at a time, once what is on its way is written.
    async fn read(&self, work: impl FnOnce(&Path) -> Result<Response, String> + Send + 'static) -> Response {
        let Ok(_turn) = self.reports.acquire().await else {
            return Response::Failed("the daemon is stopping".into());
        };
        let (database, settled) = (self.database.clone(), self.settled.clone());
        let reading = tokio::task::spawn_blocking(move || {
            if !settled.wait(SETTLE) {
                return Err(BEHIND.into());
            }
            work(&database)
        });
        match reading.await {
            Ok(Ok(response)) => response,
            Ok(Err(sentence)) => Response::Failed(sentence),
            Err(_) => Response::Failed("the records could not be read".into()),
        }
    }
}

fn calls(database: &Path, limit: u32, reference: Option<&str>) -> Result<Response, String> {
    let calls = reading::calls(database, limit, reference);
    let calls = calls.map_err(|fault| format!("the records could not be read: {fault}"))?;
    let calls: Result<_, _> = calls.iter().map(serde_json::to_value).collect();
    calls.map(Response::Cdr).map_err(|fault| fault.to_string())
}

fn customers_after(database: &Path, after: &str, limit: u32) -> Result<Response, String> {
    let most = u32::try_from(MAX_CUSTOMERS).unwrap_or(u32::MAX);
    let list = customers::after(database, after, limit.min(most));
    list.map(Response::Customers).map_err(|fault| format!("the customers could not be read: {fault}"))
}

fn flow_facts(database: &Path, flow: &str, days: u32) -> Result<Response, String> {
    let span = i64::from(days) * 24 * 3600 * 1_000_000_000;
    let since = Wall::from_unix_nanos(clock::now().wall.unix_nanos().saturating_sub(span));
    let facts = reading::flow(database, flow, since);
    facts.map(Response::Flow).map_err(|fault| format!("the records could not be read: {fault}"))
}

fn webhooks(database: &Path, configured: &Webhooks) -> Result<Response, String> {
    let row = |(name, hook): (&Name, &Webhook)| {
        let url = hook.url.split(['?', '#']).next().unwrap_or_default().to_string();
        let events = hook.events.iter().map(|event| event.word().to_string()).collect();
        Ok(WebhookRow { url, events, ..outbox::standing(database, name)? })
    };
    let rows: rusqlite::Result<_> = configured.iter().map(row).collect();
    rows.map(Response::Webhooks).map_err(|fault| format!("the outbox could not be read: {fault}"))
}

pub async fn serve(listener: UnixListener, desk: Desk) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(client(stream, desk.clone()))),
            Err(error) => {
                debug!(%error, "accepting at the control socket");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn client(stream: UnixStream, desk: Desk) {
    if let Ok(peer) = stream.peer_cred() {
        debug!(uid = peer.uid(), gid = peer.gid(), pid = peer.pid(), "at the control socket");
    }
    let (reading, mut writing) = stream.into_split();
    let Ok(_place) = desk.clients.try_acquire() else {
        let _ = write(&mut writing, &Response::Failed("too many clients".into())).await;
        return;
    };
    let mut reading = BufReader::new(reading);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX);
        match (&mut reading).take(most).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') {
            let _ = write(&mut writing, &Response::Failed(format!("a request has at most {MAX_REQUEST} bytes"))).await;
            return;
        }
        let response = desk.answer(&line).await;
        if write(&mut writing, &response).await.is_err() {
            return;
        }
    }
}

async fn write(stream: &mut (impl AsyncWriteExt + Unpin), response: &Response) -> io::Result<()> {
    let mut text = serde_json::to_vec(response).map_err(io::Error::other)?;
    if text.len() > MAX_ANSWER {
        text = serde_json::to_vec(&Response::Failed("the answer is too long".into())).map_err(io::Error::other)?;
    }
    text.push(b'\n');
    for piece in text.chunks(BACKLOG) {
        match tokio::time::timeout(PATIENCE, stream.write_all(piece)).await {
            Ok(written) => written?,
            Err(_) => {
                warn!("a client at the control socket does not read: dropped");
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
    Ok(())
}
