//! The loop of one media thread: orders, datagrams, the shard's tick, packets, reports, sleep.
//!
//! It decides nothing about audio. The socket layout, one per leg, is known to this file only (and to whoever binds them), so
//! that a pool of shared ports can take its place. Invariant: every loop within a tick has a limit; a panic in the shard costs
//! the leg that was at work, nothing else.

use super::lane::{Lane, Receiver};
use super::{COMMANDS, Shared, sys};
use crate::id::{LegId, Table};
use crate::media::{Command, Library, Outgoing, Report, Shard};
use crate::shell::fence::Fence;
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::shell::sys::wake::Wake;
use crate::time::{Duration, Moment};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Between two looks at the sockets. A bridge will want 1 ms.
const TICK: Duration = Duration::from_millis(5);
/// Sockets told of at once, and how often in a tick that is asked: together more than a core can serve.
const READY: usize = 512;
const ROUNDS: usize = 16;
/// Nothing that we agree to is larger; what is gets cut, and then refused.
const DATAGRAM: usize = 2048;
/// What epoll tells of the wake eventfd. Sockets are told by their descriptor.
const WAKE: u64 = u64::MAX;

pub enum Order {
    Open {
        leg: LegId,
        socket: UdpSocket,
    },
    Command(Command),
    Library(Arc<Library>),
    /// Panics as if the shard had, while this leg was at work.
    #[cfg(test)]
    Panic(LegId),
}

pub struct Driver {
    shard: Shard,
    fence: Fence,
    orders: Receiver<Order>,
    reports: Lane<Report>,
    bell: Arc<Wake>,
    shared: Arc<Shared>,
    epoll: Epoll,
    sockets: Sockets,
    /// When the current tick was due.
    due: Moment,
    // Kept for their room.
    datagram: Box<[u8]>,
    ready: Vec<u64>,
    outgoing: Vec<Outgoing>,
    heard: Vec<Report>,
}

/// The legs' sockets, by descriptor (for what comes) and by leg (for what goes).
#[derive(Default)]
struct Sockets {
    by_descriptor: Vec<Option<(LegId, UdpSocket)>>,
    by_leg: Table<LegId, usize>,
}

impl Driver {
    pub fn new(
        shard: Shard,
        fence: Fence,
        orders: Receiver<Order>,
        reports: Lane<Report>,
        bell: Arc<Wake>,
        shared: Arc<Shared>,
    ) -> io::Result<Driver> {
        let epoll = Epoll::with_room(READY)?;
        epoll.add(shared.wake.fd(), WAKE)?;
        Ok(Driver {
            shard,
            fence,
            orders,
            reports,
            bell,
            shared,
            epoll,
            sockets: Sockets::default(),
            due: Moment::ZERO,
            datagram: vec![0; DATAGRAM].into(),
            ready: Vec::with_capacity(READY),
            outgoing: Vec::new(),
            heard: Vec::new(),
        })
    }

    pub fn run(mut self, core: Option<usize>) {
        let pinned = core.filter(|core| sys::pin(*core));
        let priority = sys::prioritise();
        tracing::info!(shard = self.shard.id().0, core = pinned, priority, "media thread started");
        self.due = clock::now().mono;
        while !self.shared.stopping.load(Ordering::SeqCst) {
            let now = clock::now().mono;
            self.take_orders(now);
            if self.shard.legs() == 0 && self.heard.is_empty() && !self.reports.is_behind() {
                self.park();
                continue;
            }
            self.receive(now);
            self.contained(|driver| driver.shard.tick(now, &mut driver.outgoing, &mut driver.heard));
            self.send();
            self.report();
            self.sleep(now);
        }
    }

    fn take_orders(&mut self, now: Moment) {
        for _ in 0..COMMANDS {
            let Some(order) = self.orders.next() else { break };
            self.contained(|driver| driver.execute(order, now));
        }
        if self.shared.overflowing.load(Ordering::Relaxed) {
            // There is room again: ask the control thread to pass on what waits.
            self.bell.ring();
        }
    }

    fn execute(&mut self, order: Order, now: Moment) {
        match order {
            Order::Open { leg, socket } => self.open(leg, socket, now),
            Order::Command(Command::Close { leg }) => {
                self.sockets.remove(leg);
                self.shard.command(Command::Close { leg }, now, &mut self.heard);
            }
            Order::Command(command) => self.shard.command(command, now, &mut self.heard),
            Order::Library(library) => self.shard.set_library(library),
            #[cfg(test)]
            Order::Panic(leg) => self.shard.panic_at(leg),
        }
    }

    fn open(&mut self, leg: LegId, socket: UdpSocket, now: Moment) {
        let local = socket.local_addr();
        match (local, self.epoll.add(socket.as_raw_fd(), descriptor(&socket) as u64)) {
            (Ok(local), Ok(())) => {
                self.sockets.insert(leg, socket);
                self.shard.command(Command::Open { leg, local }, now, &mut self.heard);
            }
            (Err(error), _) | (_, Err(error)) => {
                // The control thread has said `Opened` already, so this leg ends here.
                tracing::error!(?leg, %error, "could not watch a media socket");
                self.heard.push(Report::Closed { leg, statistics: Default::default() });
            }
        }
    }

    /// One datagram from every socket that has some, so that nobody's flood delays the others: 200 a second for each leg, four
    /// times what one sends.
    fn receive(&mut self, now: Moment) {
        for _ in 0..ROUNDS {
            self.ready.clear();
            match self.epoll.wait(Some(Duration::ZERO)) {
                Ok(tokens) => self.ready.extend(tokens),
                Err(error) => tracing::error!(%error, "could not ask for media sockets with something to read"),
            }
            let ready = std::mem::take(&mut self.ready);
            self.contained(|driver| ready.iter().for_each(|token| driver.receive_one(*token, now)));
            self.ready = ready;
            if self.ready.len() < READY {
                return;
            }
        }
    }

    fn receive_one(&mut self, token: u64, now: Moment) {
        if token == WAKE {
            self.shared.wake.clear();
            return;
        }
        let Some((leg, socket)) = self.sockets.at(token) else { return };
        // An error is an empty socket: the datagram's checksum was wrong, or a peer's port is closed.
        if let Ok((length, from)) = socket.recv_from(&mut self.datagram[..]) {
            self.shard.receive(leg, from, &self.datagram[..length], now, &mut self.heard);
        }
    }

    fn send(&mut self) {
        let mut unsent = 0;
        for packet in self.outgoing.drain(..) {
            let sent = self.fence.lets_through(packet.to.ip())
                && self.sockets.of(packet.leg).is_some_and(|socket| socket.send_to(packet.bytes(), packet.to).is_ok());
            unsent += u64::from(!sent);
        }
        if unsent > 0 {
            add(&self.shared.unsent, unsent);
        }
    }

    fn report(&mut self) {
        if self.heard.is_empty() && !self.reports.is_behind() {
            return;
        }
        self.reports.flush();
        for report in self.heard.drain(..) {
            if !self.reports.push(report) {
                add(&self.shared.dropped, 1);
            }
        }
        self.bell.ring();
    }

    /// Until the next tick, on a grid that does not drift.
    fn sleep(&mut self, began: Moment) {
        if began.since(self.due) > TICK {
            add(&self.shared.late_ticks, 1);
        }
        self.due = self.due + TICK;
        let now = clock::now().mono;
        if self.due <= now {
            let missed = now.since(self.due).as_nanos() / TICK.as_nanos() + 1;
            self.due = self.due + TICK * u32::try_from(missed).unwrap_or(u32::MAX);
        }
        sys::sleep_until(self.due);
    }

    /// Sleeps until an order comes. The other half of this handshake is `Thread::wake_if_parked`.
    fn park(&mut self) {
        self.shared.parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // What was sent before the flag could be seen.
        let now = clock::now().mono;
        self.take_orders(now);
        let idle = self.shard.legs() == 0 && self.heard.is_empty() && !self.shared.stopping.load(Ordering::SeqCst);
        if idle && !self.orders.is_surely_empty() {
            // The control thread is sending one: it is let run.
            sys::sleep_until(now + TICK);
        } else if idle && let Err(error) = self.epoll.wait(None).map(Iterator::count) {
            tracing::error!(%error, "could not wait for media commands");
            sys::sleep_until(now + TICK);
        }
        self.shared.parked.store(false, Ordering::Relaxed);
        self.shared.wake.clear();
        self.due = clock::now().mono;
    }

    /// Works on the shard; a panic closes the leg that was at work, and the thread goes on.
    fn contained(&mut self, work: impl FnOnce(&mut Driver)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_ok() {
            return;
        }
        add(&self.shared.panics, 1);
        let leg = self.shard.condemn(&mut self.heard);
        if let Some(leg) = leg {
            self.sockets.remove(leg);
        }
        tracing::error!(shard = self.shard.id().0, ?leg, "a media leg failed and was closed");
    }
}

impl Sockets {
    fn insert(&mut self, leg: LegId, socket: UdpSocket) {
        self.remove(leg);
        let index = descriptor(&socket);
        if self.by_descriptor.len() <= index {
            self.by_descriptor.resize_with(index + 1, || None);
        }
        self.by_descriptor[index] = Some((leg, socket));
        self.by_leg.insert(leg, index);
    }

    /// Closes the socket, and with it epoll's interest.
    fn remove(&mut self, leg: LegId) {
        if let Some(index) = self.by_leg.remove(&leg) {
            self.by_descriptor[index] = None;
        }
    }

    fn at(&self, token: u64) -> Option<(LegId, &UdpSocket)> {
        let (leg, socket) = self.by_descriptor.get(usize::try_from(token).ok()?)?.as_ref()?;
        Some((*leg, socket))
    }

    fn of(&self, leg: LegId) -> Option<&UdpSocket> {
        let index = *self.by_leg.get(&leg)?;
        self.by_descriptor.get(index)?.as_ref().map(|(_, socket)| socket)
    }
}

/// A descriptor is a small number, never negative.
fn descriptor(socket: &UdpSocket) -> usize {
    usize::try_from(socket.as_raw_fd()).unwrap_or(usize::MAX)
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
