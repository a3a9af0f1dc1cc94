//! The media threads, as the control thread sees them.
//!
//! ```text
//!   control thread                                   media thread (one per shard, pinned, real-time where permitted)
//!     command --> Lane ==(2,048)==========> orders ---> Shard --> sockets, one per leg
//!     drain  <==(4,096)======================== Lane <-----+        ^ epoll, tick of 5 ms, of 2.5 bridging
//!        ^                                                 |
//!        +------ eventfd, rung at most once a tick --------+
//! ```
//!
//! | queue | when it is full |
//! |---|---|
//! | commands | no new leg is opened; the others wait in order in an overflow of 65,536, beyond which they are dropped and counted |
//! | reports | wait in order in an overflow of 65,536, beyond which they are dropped and counted |
//!
//! A media thread with a leg ticks; one without sleeps until it is sent a command, and that is the only time that sending one
//! costs a system call. Invariant: nothing here blocks the control thread, except `start` and `stop`.

mod driver;
mod lane;
mod moving;
mod rhythm;
mod sockets;
mod sys;
#[cfg(test)]
mod tests;

use crate::id::LegId;
use crate::media::{Command, LegState, Library, Report, Shard, ShardId};
use crate::shell::fence::Fence;
use crate::shell::sys::wake::Wake;
use crate::time::Duration;
use driver::{Driver, Order};
use lane::{End, Lane, Receiver, queue};
use moving::Moving;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread::JoinHandle;

/// Commands on their way to one shard: more than a second's worth at 400 calls a second.
const COMMANDS: usize = 2048;
/// Reports on their way to the control thread.
const REPORTS: usize = 4096;
/// What a media thread needs of stack, several times over.
const STACK: usize = 512 * 1024;

#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// Media threads; `None` stands for the cores that the process may use less one, and at least one.
    pub shards: Option<u16>,
    /// A connected leg from which nothing is accepted for so long is reported `Silent`; zero for never.
    pub silent_after: Duration,
    /// The lab sends nothing outside this machine.
    pub fence: Fence,
}

/// What the media threads did, counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Ticks that began more than 5 ms too late.
    pub late_ticks: u64,
    /// Commands and reports dropped because a queue and its overflow were full.
    pub dropped: u64,
    /// Panics caught; each closed the leg that was at work.
    pub panics: u64,
    /// Packets that the kernel or the lab's fence refused to send.
    pub unsent: u64,
}

/// What both sides of a shard's queues see.
#[derive(Debug)]
struct Shared {
    /// The media thread sleeps, or is about to, until `wake` is rung.
    parked: AtomicBool,
    wake: Wake,
    /// Commands wait in the overflow: `drain` should be called when there is room again.
    overflowing: AtomicBool,
    stopping: AtomicBool,
    late_ticks: AtomicU64,
    dropped: AtomicU64,
    panics: AtomicU64,
    unsent: AtomicU64,
}

/// What a media thread tells the control thread.
enum Told {
    Report(Report),
    /// A leg was exported, and this is its socket.
    Left {
        state: Box<LegState>,
        socket: UdpSocket,
    },
    /// A leg that should be exported is not there.
    Absent(LegId),
}

/// One media thread.
struct Thread {
    commands: Lane<Order>,
    shared: Arc<Shared>,
    join: Option<JoinHandle<()>>,
}

/// The media threads. Owned by the control thread.
pub struct Media {
    threads: Vec<Thread>,
    reports: Receiver<Told>,
    moving: Moving,
    bell: Arc<Wake>,
}

impl Media {
    /// Starts one thread per shard. Fails when a thread or a descriptor cannot be had.
    pub fn start(settings: MediaSettings, library: Arc<Library>) -> io::Result<Media> {
        let cores = sys::cores()?;
        let spare = u16::try_from(cores.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let shards = settings.shards.unwrap_or(spare).max(1);
        let bell = Arc::new(Wake::new()?);
        let (sender, reports) = queue(REPORTS, End::Media, End::Control);
        let mut media = Media { threads: Vec::new(), reports, moving: Moving::default(), bell };
        for id in 0..shards {
            let (commands, orders) = queue(COMMANDS, End::Control, End::Media);
            let shared = Arc::new(Shared::new()?);
            let mut shard = Shard::new(ShardId(id), settings.silent_after);
            shard.set_library(library.clone());
            let reports = Lane::new(sender.clone());
            let driver = Driver::new(shard, settings.fence, orders, reports, media.bell.clone(), shared.clone())?;
            // From the last core down: the first one is where the rest of the machine is busiest.
            let core = cores[cores.len() - 1 - usize::from(id) % cores.len()];
            let core = (cores.len() > 1).then_some(core);
            let thread = std::thread::Builder::new().name(format!("media-{id}")).stack_size(STACK);
            let join = Some(thread.spawn(move || driver.run(core))?);
            media.threads.push(Thread { commands: Lane::new(commands), shared, join });
        }
        Ok(media)
    }

    pub fn shards(&self) -> u16 {
        u16::try_from(self.threads.len()).unwrap_or(u16::MAX)
    }

    /// Gives a command to a shard. `Open` binds the socket here and now and answers `Opened` or `OpenFailed` at once, and so does an
    /// `Import` whose socket is gone; every other command is queued in order and answers `None`. Commands for a leg that has been
    /// asked off its shard by `Export` wait until it is imported, and follow it.
    pub fn command(&mut self, shard: ShardId, command: Command) -> Option<Report> {
        let command = self.moving.hold(command)?;
        let index = usize::from(shard.0) % self.threads.len();
        let thread = &mut self.threads[index];
        match command {
            Command::Open { leg, local } => Some(match thread.open(leg, local) {
                Ok(()) => Report::Opened { leg },
                Err(error) => Report::OpenFailed { leg, why: error.to_string() },
            }),
            Command::Import { state } => {
                let leg = state.leg();
                let Some((socket, waiting)) = self.moving.arrive(leg) else {
                    return Some(Report::OpenFailed { leg, why: "its socket is gone".into() });
                };
                thread.send(Order::Import { state, socket });
                waiting.into_iter().for_each(|command| thread.send(Order::Command(command)));
                None
            }
            command => {
                if let Command::Export { leg } = command {
                    self.moving.begin(leg);
                }
                thread.send(Order::Command(command));
                None
            }
        }
    }

    /// Readable when reports wait, or when `drain` has something else to do. For epoll (level-triggered) on the control thread.
    pub fn reports_fd(&self) -> RawFd {
        self.bell.fd()
    }

    /// Appends the waiting reports and makes `reports_fd` unreadable; also passes on commands that found a queue full.
    pub fn drain(&mut self, out: &mut Vec<Report>) {
        self.bell.clear();
        for count in 1..=REPORTS {
            let Some(told) = self.reports.next() else { break };
            match told {
                Told::Report(report) => out.push(report),
                Told::Left { state, socket } => {
                    let leg = state.leg();
                    self.moving.keep(leg, socket);
                    out.push(Report::Exported { leg, state });
                }
                Told::Absent(leg) => self.moving.forget(leg),
            }
            if count == REPORTS {
                // There may be more: come back.
                self.bell.ring();
            }
        }
        for thread in &mut self.threads {
            thread.catch_up();
        }
    }

    /// Legs opened from now on play from this library.
    pub fn set_library(&mut self, library: Arc<Library>) {
        for thread in &mut self.threads {
            thread.send(Order::Library(library.clone()));
        }
    }

    pub fn counters(&self) -> Counters {
        self.threads.iter().fold(Counters::default(), |sum, Thread { shared, .. }| Counters {
            late_ticks: sum.late_ticks + shared.late_ticks.load(Ordering::Relaxed),
            dropped: sum.dropped + shared.dropped.load(Ordering::Relaxed),
            panics: sum.panics + shared.panics.load(Ordering::Relaxed),
            unsent: sum.unsent + shared.unsent.load(Ordering::Relaxed),
        })
    }

    /// Closes every socket and joins the threads; reports that were not drained are lost.
    pub fn stop(self) {}
}

impl Drop for Media {
    fn drop(&mut self) {
        for thread in &self.threads {
            thread.shared.stopping.store(true, Ordering::SeqCst);
            thread.shared.wake.ring();
        }
        for thread in &mut self.threads {
            if let Some(join) = thread.join.take() {
                // A thread that panicked has said so already.
                let _ = join.join();
            }
        }
    }
}

impl Thread {
    fn open(&mut self, leg: LegId, local: SocketAddr) -> io::Result<()> {
        if self.commands.is_behind() {
            return Err(io::Error::other("the media thread is not keeping up"));
        }
        let socket = bind(local)?;
        self.send(Order::Open { leg, socket });
        Ok(())
    }

    fn send(&mut self, order: Order) {
        if !self.commands.push(order) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.overflowing.store(self.commands.is_behind(), Ordering::Relaxed);
        self.wake_if_parked();
    }

    /// Passes on what waits in the overflow.
    fn catch_up(&mut self) {
        if self.commands.is_behind() {
            self.commands.flush();
            self.shared.overflowing.store(self.commands.is_behind(), Ordering::Relaxed);
            self.wake_if_parked();
        }
    }

    /// The other half of this handshake is `Driver::park`: either the thread sees the order, or we see that it is parked.
    fn wake_if_parked(&self) {
        fence(Ordering::SeqCst);
        if self.shared.parked.load(Ordering::Relaxed) {
            self.shared.wake.ring();
        }
    }
}

impl Shared {
    fn new() -> io::Result<Shared> {
        Ok(Shared {
            parked: AtomicBool::new(false),
            wake: Wake::new()?,
            overflowing: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            late_ticks: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
        })
    }
}

/// A socket for one leg: two system calls.
fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.bind(&SockAddr::from(local))?;
    Ok(socket.into())
}
