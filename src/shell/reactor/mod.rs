//! The tokio thread: everything that is not a datagram of the signalling.
//!
//! ```text
//!   control thread                        tokio thread
//!   send close ask reply --- orders ---> conductor (who is connected, by number and by address)
//!          (8,192; full: told at once)     |-- connection tasks, two per stream --- TCP peers
//!                                          |-- control: one task per client ------- centrala calls, ...
//!   drain <--- news (4,096; full: the      |-- resolve: at most 16 at once -------- DNS
//!              peers wait) + eventfd ------+-- reports: at most 4 at once --------- SQLite, read-only
//! ```
//!
//! | file | what |
//! |---|---|
//! | here | the thread and its two queues |
//! | `conductor.rs` | who is connected, who may be, connecting out |
//! | `connection.rs` | one stream: framing in, a bounded backlog out |
//! | `control.rs` | the control socket |
//! | `resolve.rs`, `servers.rs` | names to addresses; domains to their SIP servers |
//!
//! Invariant: the control thread never waits for this one.

mod conductor;
mod connection;
mod control;
mod questions;
mod resolve;
mod servers;

pub use resolve::addresses;

use super::fence::Fence;
use super::http::Web;
use super::store::{Outbox, Settled};
use super::sys::wake::Wake;
use crate::ask::{Answer, Ask, Reply};
use crate::config::{Config, Plan, Webhooks};
use crate::control::{Request, Response};
use crate::id::ReplyId;
use crate::sip::{ConnectionId, Input, Path, Routes};
use crate::time::Duration;
use std::io;
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

/// Orders on their way to the tokio thread; one more is refused: "unreachable", or "too busy".
const MAX_ORDERS: usize = 8192;

/// News on its way to the control thread; when it is full the peers' bytes stay in their sockets.
const MAX_NEWS: usize = 4096;

/// Threads for what blocks: names and reports.
const BLOCKING_THREADS: usize = 20;

/// What the outside says.
#[derive(Debug)]
pub enum News {
    Sip(Input),
    Answer(Answer),
    /// The machine's addresses or routes have changed.
    Routes(Routes),
    /// Somebody at the control socket asks what only the exchange can answer.
    Request {
        reply: ReplyId,
        request: Request,
    },
}

/// What the control thread wants done.
#[derive(Debug)]
enum Order {
    Send { path: Path, bytes: Vec<u8> },
    Close(ConnectionId),
    Ask { ask: Ask, patience: Duration },
    Reply { reply: ReplyId, response: Response },
}

/// What the tokio thread is started with.
pub struct ReactorSettings {
    /// Bound already, non-blocking.
    pub listeners: Vec<TcpListener>,
    /// Where the control socket is made.
    pub control_socket: PathBuf,
    /// For reports.
    pub database: PathBuf,
    pub settled: Settled,
    pub fence: Fence,
    /// Answers for web services.
    pub web: Arc<Web>,
    /// Who is told of calls, and what they are yet to be told.
    pub webhooks: Arc<Webhooks>,
    pub outbox: Outbox,
    /// In which ways one telephone number is written.
    pub plan: Arc<Plan>,
    /// Streams at once, in and out.
    pub max_connections: usize,
}

/// Streams at once when nothing else is configured.
pub const MAX_CONNECTIONS: usize = 4096;

/// The tokio thread, as the control thread sees it.
pub struct Reactor {
    orders: mpsc::Sender<Order>,
    news: mpsc::Receiver<News>,
    wake: Arc<Wake>,
    web: Arc<Web>,
    webhooks: watch::Sender<Arc<Webhooks>>,
    plan: watch::Sender<Arc<Plan>>,
    thread: JoinHandle<()>,
}

/// The way back to the control thread, for every task.
#[derive(Clone)]
struct Herald {
    news: mpsc::Sender<News>,
    wake: Arc<Wake>,
}

impl Herald {
    /// Waits while the control thread is behind. False when it has gone.
    async fn tell(&self, news: News) -> bool {
        let told = self.news.send(news).await.is_ok();
        self.wake.ring();
        told
    }
}

impl Reactor {
    pub fn start(settings: ReactorSettings) -> io::Result<Reactor> {
        let wake = Arc::new(Wake::new()?);
        let (orders, orders_in) = mpsc::channel(MAX_ORDERS);
        let (news, news_in) = mpsc::channel(MAX_NEWS);
        let herald = Herald { news, wake: Arc::clone(&wake) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()?;
        let web = Arc::clone(&settings.web);
        let (webhooks, webhooks_in) = watch::channel(Arc::clone(&settings.webhooks));
        let (plan, plan_in) = watch::channel(Arc::clone(&settings.plan));
        let control = control::bind(&settings.control_socket)?;
        let thread = std::thread::Builder::new().name("reactor".into()).spawn(move || {
            let socket = settings.control_socket.clone();
            runtime.block_on(conductor::run(settings, control, orders_in, herald, webhooks_in, plan_in));
            // A name server that does not answer must not hold up the end.
            runtime.shutdown_background();
            let _ = std::fs::remove_file(socket);
        })?;
        Ok(Reactor { orders, news: news_in, wake, web, webhooks, plan, thread })
    }

    /// Readable when news waits.
    pub fn fd(&self) -> RawFd {
        self.wake.fd()
    }

    /// At most `room` news. True when there may be more.
    pub fn drain(&mut self, room: usize, into: &mut Vec<News>) -> bool {
        self.wake.clear();
        for _ in 0..room {
            match self.news.try_recv() {
                Ok(news) => into.push(news),
                Err(_) => return false,
            }
        }
        self.wake.ring();
        true
    }

    /// One message over a stream. The path comes back when there is no room for it.
    pub fn send(&self, path: Path, bytes: Vec<u8>) -> Result<(), Path> {
        self.orders.try_send(Order::Send { path, bytes }).map_err(|_| path)
    }

    /// Closes a stream after what was sent before has left.
    pub fn close(&self, connection: ConnectionId) {
        if self.orders.try_send(Order::Close(connection)).is_err() {
            warn!("too many orders wait: a connection stays open until its peer closes it");
        }
    }

    /// Works on a question for at most `patience`. Answered by news; at once where there is no room for it.
    pub fn ask(&self, ask: Ask, patience: Duration) -> Option<Answer> {
        let id = ask.id;
        let refused = self.orders.try_send(Order::Ask { ask, patience }).is_err();
        refused.then(|| Answer { id, reply: Reply::Failed("the exchange is too busy to ask".into()) })
    }

    /// A new configuration.
    pub fn configure(&self, config: &Config) {
        self.web.configure(Arc::clone(&config.hosts));
        self.plan.send_replace(Arc::new(config.outbound.plan.clone()));
        self.webhooks.send_replace(Arc::clone(&config.webhooks));
    }

    /// Answers somebody at the control socket.
    pub fn reply(&self, reply: ReplyId, response: Response) {
        if self.orders.try_send(Order::Reply { reply, response }).is_err() {
            warn!("too many orders wait: an operator goes without an answer");
        }
    }

    /// Sends what was ordered, closes everything, ends the thread.
    pub fn stop(self) {
        let Reactor { orders, mut news, thread, webhooks: _, .. } = self;
        drop(orders);
        news.close();
        if thread.join().is_err() {
            error!("the tokio thread had died");
        }
    }
}

#[cfg(test)]
mod tests;
