//! The loop of one media thread: orders, datagrams, the shard's tick, packets, reports, sleep.
//!
//! It decides nothing about audio. Invariant: every loop within a tick has a limit; a panic in the shard costs
//! the leg that was at work, nothing else.

use super::lane::{Lane, Receiver};
use super::rhythm::{Audience, Rest, Rhythm, TICK};
use super::sockets::{DRAIN, Inlet, Sockets};
use super::{COMMANDS, Shared, Told, sys};
use crate::id::LegId;
use crate::media::{Command, LegState, Library, Outbox, Report, Shard};
use crate::shell::fence::Fence;
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::shell::sys::wake::Wake;
use crate::time::{Duration, Moment};
use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Sockets told of at once, and how often in a tick that is asked: together more than a core can serve.
const READY: usize = 512;
const ROUNDS: usize = 16;
/// Datagrams that are read in a tick from sockets that had more than a few, so that a peer is heard in the middle of a flood at its
/// port. The rest waits, and what the kernel has no room for is lost.
const FLOOD: usize = 1024;
/// A tick later than this is heard, and told.
const HELD_UP: Duration = Duration::from_millis(50);
/// What epoll tells of the wake eventfd. Sockets are told by their descriptor.
const WAKE: u64 = u64::MAX;

pub enum Order {
    Open {
        leg: LegId,
        socket: UdpSocket,
    },
    Command(Command),
    /// A leg of another shard goes on here.
    Import {
        state: Box<LegState>,
        socket: UdpSocket,
    },
    Library(Arc<Library>),
    /// Panics as if the shard had, while this leg was at work.
    #[cfg(test)]
    Panic(LegId),
}

pub struct Driver {
    shard: Shard,
    fence: Fence,
    orders: Receiver<Order>,
    reports: Lane<Told>,
    bell: Arc<Wake>,
    shared: Arc<Shared>,
    epoll: Epoll,
    sockets: Sockets,
    rhythm: Rhythm,
    /// Sockets that have something to read, or had when they were last asked.
    ready: Vec<u64>,
    // Kept for their room.
    inlet: Inlet,
    outbox: Outbox,
    heard: Vec<Report>,
}

impl Driver {
    pub fn new(
        shard: Shard,
        fence: Fence,
        orders: Receiver<Order>,
        reports: Lane<Told>,
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
            rhythm: Rhythm::begin(Moment::ZERO),
            ready: Vec::with_capacity(2 * READY),
            inlet: Inlet::default(),
            outbox: Outbox::default(),
            heard: Vec::new(),
        })
    }

    pub fn run(mut self, core: Option<usize>) {
        let pinned = core.filter(|core| sys::pin(*core));
        let priority = sys::prioritise();
        tracing::info!(shard = self.shard.id().0, core = pinned, priority, "media thread started");
        self.rhythm = Rhythm::begin(clock::now().mono);
        while !self.shared.stopping.load(Ordering::SeqCst) {
            let now = clock::now().mono;
            self.take_orders(now);
            if self.shard.legs() == 0 && self.heard.is_empty() && !self.reports.is_behind() {
                self.park();
                continue;
            }
            self.keep_time(now);
            self.tick(now);
            self.receive(now);
            self.send();
            self.report();
            self.sleep();
        }
    }

    fn keep_time(&self, now: Moment) {
        let late = self.rhythm.lateness(now);
        if late > TICK {
            add(&self.shared.late_ticks, 1);
        }
        if late > HELD_UP {
            tracing::warn!(
                shard = self.shard.id().0,
                late_ms = late.as_nanos() / 1_000_000,
                "media thread was held up: callers heard a pause"
            );
        }
    }

    /// What is due leaves before anything is read: how much there is to read does not delay it.
    fn tick(&mut self, now: Moment) {
        let beat = Rhythm::beat(self.audience(), now);
        self.contained(|driver| driver.shard.tick(beat, &mut driver.outbox, &mut driver.heard));
        self.send();
    }

    fn audience(&self) -> Audience {
        Audience { legs: self.shard.legs(), bridges: self.shard.bridges() }
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
            Order::Command(Command::Export { leg }) => self.export(leg, now),
            Order::Import { state, socket } => self.import(state, socket, now),
            Order::Command(command) => self.shard.command(command, now, &mut self.heard),
            Order::Library(library) => self.shard.set_library(library),
            #[cfg(test)]
            Order::Panic(leg) => self.shard.panic_at(leg),
        }
    }

    fn open(&mut self, leg: LegId, socket: UdpSocket, now: Moment) {
        let watched = socket.local_addr().and_then(|local| self.sockets.insert(leg, socket, &self.epoll).map(|()| local));
        match watched {
            Ok(local) => self.shard.command(Command::Open { leg, local }, now, &mut self.heard),
            Err(error) => {
                // The control thread has said `Opened` already, so this leg ends here.
                tracing::error!(?leg, %error, "could not watch a media socket");
                self.heard.push(Report::Closed { leg, statistics: Default::default() });
            }
        }
    }

    /// Gives a leg and its socket to the control thread, after everything that was reported of it.
    fn export(&mut self, leg: LegId, now: Moment) {
        let reported = self.heard.len();
        self.shard.command(Command::Export { leg }, now, &mut self.heard);
        let exported = if self.heard.len() > reported { self.heard.pop() } else { None };
        let told = match (exported, self.sockets.take(leg, &self.epoll)) {
            (Some(Report::Exported { state, .. }), Some(socket)) => Told::Left { state, socket },
            _ => Told::Absent(leg),
        };
        self.report();
        self.tell(told);
        self.bell.ring();
    }

    fn import(&mut self, state: Box<LegState>, socket: UdpSocket, now: Moment) {
        let leg = state.leg();
        let watched = self.sockets.insert(leg, socket, &self.epoll);
        self.shard.command(Command::Import { state }, now, &mut self.heard);
        if let Err(error) = watched {
            tracing::error!(?leg, %error, "could not watch a media socket");
            self.shard.command(Command::Close { leg }, now, &mut self.heard);
        }
    }

    /// A few datagrams from every socket that has some, so that nobody's flood delays the others; and again from those with more.
    fn receive(&mut self, now: Moment) {
        let mut flood = FLOOD;
        for _ in 0..ROUNDS {
            let told = self.listen(Some(Duration::ZERO));
            let mut ready = std::mem::take(&mut self.ready);
            flood = flood.saturating_sub(ready.len().saturating_sub(told) * DRAIN);
            // After a panic the rest is asked in the next tick.
            self.contained(|driver| ready.retain(|token| driver.receive_one(*token, now)));
            self.ready = ready;
            if told < READY && (self.ready.is_empty() || flood == 0) {
                return;
            }
        }
    }

    /// Adds the sockets in which something new has come to those that have more to read, each once; says how many were told.
    fn listen(&mut self, timeout: Option<Duration>) -> usize {
        let had = self.ready.len();
        match self.epoll.wait(timeout) {
            Ok(tokens) => self.ready.extend(tokens),
            Err(error) => {
                tracing::error!(%error, "could not wait for media packets");
                sys::sleep_until(clock::now().mono + timeout.unwrap_or(TICK));
            }
        }
        let told = self.ready.len() - had;
        if had > 0 {
            self.ready.sort_unstable();
            self.ready.dedup();
        }
        told
    }

    /// Whether there is more.
    fn receive_one(&mut self, token: u64, now: Moment) -> bool {
        if token == WAKE {
            self.shared.wake.clear();
            return false;
        }
        let Some((leg, socket)) = self.sockets.at(token) else { return false };
        let Driver { inlet, shard, outbox, heard, .. } = self;
        inlet.receive(socket, |from, bytes| shard.receive(leg, from, bytes, now, outbox, heard))
    }

    fn send(&mut self) {
        let mut unsent = 0;
        for packet in self.outbox.packets() {
            let sent = self.fence.lets_through(packet.to.ip())
                && self.sockets.of(packet.leg).is_some_and(|socket| socket.send_to(packet.bytes, packet.to).is_ok());
            unsent += u64::from(!sent);
        }
        self.outbox.clear();
        if unsent > 0 {
            add(&self.shared.unsent, unsent);
        }
    }

    fn report(&mut self) {
        if self.heard.is_empty() && !self.reports.is_behind() {
            return;
        }
        self.reports.flush();
        let mut heard = std::mem::take(&mut self.heard);
        heard.drain(..).for_each(|report| self.tell(Told::Report(report)));
        self.heard = heard;
        self.bell.ring();
    }

    fn tell(&mut self, told: Told) {
        if !self.reports.push(told) {
            add(&self.shared.dropped, 1);
        }
    }

    fn sleep(&mut self) {
        let (audience, unread) = (self.audience(), !self.ready.is_empty());
        let now = clock::now().mono;
        match self.rhythm.rest(audience, unread, now) {
            Rest::Until(until) => sys::sleep_until(until),
            Rest::Listening(until) => {
                self.listen(Some(until.since(now)));
            }
        }
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
        } else if idle {
            self.listen(None);
        }
        self.shared.parked.store(false, Ordering::Relaxed);
        self.shared.wake.clear();
        self.rhythm = Rhythm::begin(clock::now().mono);
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

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
