//! The control thread: it waits in one place, reads the clock once per turn, lets the exchange decide, and carries out what it
//! decided, in order.
//!
//! Invariant: an action is carried out before the next event is handled, and everything that was decided has left before the
//! thread waits again.

use super::Options;
use super::guard::{Guard, Verdict};
use super::pace::Pace;
use super::reload::Reload;
use crate::audio::Library;
use crate::config::Config;
use crate::control::{Request, Response, Status};
use crate::media::Report;
use crate::pbx::{Action, Event, Pbx};
use crate::shell::log::Log;
use crate::shell::media::Media;
use crate::shell::notify::Notify;
use crate::shell::reactor::{News, Reactor};
use crate::shell::store::{Diary, Restored};
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::shell::sys::routes;
use crate::shell::sys::signals::{Signal, Signals};
use crate::shell::udp::Doors;
use crate::sip::Input;
use crate::store::Committed;
use crate::time::{Duration, Moment, Now};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use tracing::{error, info, warn};

/// Events taken in one turn; what is left is told again by the next wait.
const MAX_EVENTS: usize = 256;

/// How long calls that are hung up may take to say goodbye, and the disk to take their records.
const STOP_TIME: Duration = Duration::from_secs(4);

/// Rounds of timeouts and consequences in one turn; more is a loop of ours, and goes on in the next turn.
const MAX_ROUNDS: usize = 64;

const SIGNALS: u64 = 0;
const REACTOR: u64 = 1;
const MEDIA: u64 = 2;
const DIARY: u64 = 3;
const RELOAD: u64 = 4;
/// The first UDP door; the others follow.
const DOORS: u64 = 16;

/// What an exchange is put together from.
pub struct Parts {
    pub pbx: Pbx,
    pub config: Arc<Config>,
    pub doors: Doors,
    pub reactor: Reactor,
    pub media: Media,
    /// What the media threads play.
    pub library: Arc<Library>,
    pub diary: Diary,
    pub signals: Signals,
    pub options: Options,
    /// Held for as long as we run.
    pub lock: File,
    /// Kept to the end: what was said is written before we go.
    pub log: Log,
}

/// Whether we go on.
enum Course {
    Running,
    /// Calls are being hung up; at this moment we go whatever is left.
    Stopping {
        until: Moment,
    },
    /// A second signal: at once.
    Gone,
}

pub struct Exchange {
    pub(super) parts: Parts,
    epoll: Epoll,
    guard: Guard,
    course: Course,
    pub(super) reload: Reload,
    pub(super) events: VecDeque<Event>,
    actions: Vec<Action>,
    inputs: Vec<Input>,
    news: Vec<News>,
    reports: Vec<Report>,
    committed: Vec<Committed>,
    notify: Notify,
    pace: Pace,
    /// How often systemd wants to hear from us, and when next.
    watchdog: Option<(Duration, Moment)>,
}

impl Exchange {
    pub fn new(parts: Parts) -> io::Result<Exchange> {
        let epoll = Epoll::new()?;
        let reload = Reload::new(Arc::clone(&parts.library))?;
        epoll.add(parts.signals.fd(), SIGNALS)?;
        epoll.add(parts.reactor.fd(), REACTOR)?;
        epoll.add(parts.media.reports_fd(), MEDIA)?;
        epoll.add(parts.diary.fd(), DIARY)?;
        epoll.add(reload.fd(), RELOAD)?;
        for (fd, token) in parts.doors.fds().zip(DOORS..) {
            epoll.add(fd, token)?;
        }
        let notify = Notify::from_environment();
        let watchdog = notify.watchdog().map(|time| (time / 2, clock::now().mono));
        Ok(Exchange {
            parts,
            epoll,
            guard: Guard::default(),
            course: Course::Running,
            reload,
            events: VecDeque::new(),
            actions: Vec::new(),
            inputs: Vec::new(),
            news: Vec::new(),
            reports: Vec::new(),
            committed: Vec::new(),
            notify,
            pace: Pace::default(),
            watchdog,
        })
    }

    /// What the store kept over the restart.
    pub fn restore(&mut self, restored: Restored, now: Now) {
        let Restored { bindings, overrides, tallies, queueing, crash_lost, .. } = restored;
        self.guarded(now, |pbx, out| pbx.handle(Event::Routes(routes::read()), now, out));
        self.guarded(now, |pbx, out| pbx.restore(bindings, now, out));
        self.parts.pbx.restore_overrides(overrides, now);
        self.parts.pbx.restore_attempts(tallies);
        self.carry_out(now);
        self.settle(now);
        self.guarded(now, |pbx, out| pbx.tell_of_lost(crash_lost, now, out));
        self.carry_out(now);
        // Agents and places, after the phones are back.
        self.guarded(now, |pbx, out| pbx.restore_queues(&queueing.agents, queueing.places.clone(), now, out));
        self.carry_out(now);
        self.settle(now);
    }

    /// Calls can come.
    pub fn ready(&self) {
        self.notify.ready();
    }

    /// Until it is told to stop.
    pub fn run(mut self) -> ExitCode {
        let mut told = Vec::new();
        while !self.is_over() {
            told.clear();
            let mut before = clock::now().mono;
            if let Some(gathering) = self.pace.turn(before) {
                clock::pause(gathering);
                before = before + gathering;
            }
            let timeout = self.timeout(before);
            match self.epoll.wait(timeout) {
                Ok(tokens) => told.extend(tokens),
                Err(fault) => {
                    error!(%fault, "waiting failed");
                    break;
                }
            }
            let now = clock::now();
            for token in &told {
                self.take(*token, now);
            }
            self.settle(now);
            self.reassure(now.mono);
        }
        self.end()
    }

    fn is_over(&self) -> bool {
        match self.course {
            Course::Running => false,
            Course::Stopping { until } => self.parts.pbx.is_quiet() || clock::now().mono >= until,
            Course::Gone => true,
        }
    }

    /// How long the thread may wait.
    fn timeout(&self, now: Moment) -> Option<Duration> {
        let stop = match self.course {
            Course::Stopping { until } => Some(until),
            _ => None,
        };
        let watchdog = self.watchdog.map(|(_, next)| next);
        let next = [self.parts.pbx.poll_timeout(), stop, watchdog].into_iter().flatten().min();
        next.map(|next| next.since(now))
    }

    /// Takes what waits behind one descriptor.
    fn take(&mut self, token: u64, now: Now) {
        match token {
            SIGNALS => {
                while let Some(signal) = self.parts.signals.next() {
                    self.signal(signal, now);
                }
            }
            REACTOR => {
                let room = MAX_EVENTS.saturating_sub(self.events.len()).max(1);
                let mut news = std::mem::take(&mut self.news);
                self.parts.reactor.drain(room, &mut news);
                for news in news.drain(..) {
                    self.news(news, now);
                }
                self.news = news;
            }
            MEDIA => {
                self.parts.media.drain(&mut self.reports);
                self.events.extend(self.reports.drain(..).map(Event::Media));
            }
            DIARY => {
                self.parts.diary.drain(&mut self.committed);
                self.events.extend(self.committed.drain(..).map(Event::Committed));
            }
            RELOAD => self.reloaded(),
            door => {
                let door = usize::try_from(door.saturating_sub(DOORS)).unwrap_or(usize::MAX);
                while self.events.len() < MAX_EVENTS {
                    let more = self.parts.doors.receive(door, &mut self.inputs);
                    self.events.extend(self.inputs.drain(..).map(Event::Sip));
                    if !more {
                        break;
                    }
                }
            }
        }
    }

    fn news(&mut self, news: News, now: Now) {
        match news {
            News::Sip(input) => self.events.push_back(Event::Sip(input)),
            News::Answer(answer) => self.events.push_back(Event::Answer(answer)),
            News::Routes(routes) => {
                info!("the machine's addresses or routes have changed");
                self.events.push_back(Event::Routes(routes));
            }
            News::Request { reply, request: Request::Reload } => self.start_reload(Some(reply)),
            News::Request { reply, request: Request::Rollback } => self.roll_back(reply),
            News::Request { reply, request } => {
                if request == Request::Stop {
                    self.stop(now);
                }
                self.events.push_back(Event::Control { reply, request });
            }
        }
    }

    fn signal(&mut self, signal: Signal, now: Now) {
        match (signal, &self.course) {
            (Signal::Reload, Course::Running) => self.start_reload(None),
            (Signal::Reload, _) => {}
            (Signal::Stop, Course::Running) => {
                info!("stopping: every call is hung up; a second signal stops at once");
                self.stop(now);
            }
            (Signal::Stop, _) => self.course = Course::Gone,
        }
    }

    fn stop(&mut self, now: Now) {
        if !matches!(self.course, Course::Running) {
            return;
        }
        self.notify.stopping();
        self.course = Course::Stopping { until: now.mono + STOP_TIME };
        self.guarded(now, |pbx, out| pbx.stop(now, out));
        self.carry_out(now);
    }

    /// Handles what was taken and what follows from it, and sends everything that was decided.
    fn settle(&mut self, now: Now) {
        for _ in 0..MAX_ROUNDS {
            while let Some(event) = self.events.pop_front() {
                self.guarded(now, |pbx, out| pbx.handle(event, now, out));
                self.carry_out(now);
            }
            let due = self.parts.pbx.poll_timeout().is_some_and(|next| next <= now.mono);
            if due {
                self.guarded(now, |pbx, out| pbx.handle_timeout(now, out));
                self.carry_out(now);
            }
            self.parts.doors.flush(&mut self.inputs);
            self.events.extend(self.inputs.drain(..).map(Event::Sip));
            if !due && self.events.is_empty() {
                return;
            }
        }
        warn!("one turn had no end; it goes on in the next");
    }

    /// Lets the exchange decide. A panic costs the call that it was about, a second one the process.
    fn guarded(&mut self, now: Now, decide: impl FnOnce(&mut Pbx, &mut Vec<Action>)) {
        let (pbx, actions) = (&mut self.parts.pbx, &mut self.actions);
        let mut verdict = self.guard.watch(now.mono, || decide(pbx, actions));
        if verdict == Err(Verdict::Condemn) {
            verdict = self.guard.watch(now.mono, || pbx.condemn(now, actions));
        }
        if verdict.is_err() {
            error!("a second fault of ours within a minute: the exchange ends itself to be started anew");
            self.parts.log.flush();
            std::process::abort();
        }
    }

    /// Carries out what was decided, in order. What comes back at once is handled in the same turn.
    fn carry_out(&mut self, now: Now) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            if let Some(event) = self.act(action, now) {
                self.events.push_back(event);
            }
        }
        self.actions = actions;
    }

    fn act(&mut self, action: Action, now: Now) -> Option<Event> {
        match action {
            Action::Transmit { path, bytes } => {
                let sent = if path.transport.is_reliable() {
                    self.parts.reactor.send(path, bytes)
                } else {
                    self.parts.doors.send(path, bytes)
                };
                sent.err().map(|path| Event::Sip(Input::Unreachable { path }))
            }
            Action::CloseConnection { connection } => {
                self.parts.reactor.close(connection);
                None
            }
            Action::Media { shard, command } => self.parts.media.command(shard, command).map(Event::Media),
            Action::Ask(ask) => {
                let patience = ask.deadline.since(now.mono);
                self.parts.reactor.ask(ask, patience).map(Event::Answer)
            }
            Action::Write(write) => {
                self.parts.diary.write(write);
                None
            }
            Action::Reply { reply, mut response } => {
                if let Response::Status(status) = &mut response {
                    self.count(status);
                }
                self.parts.reactor.reply(reply, response);
                None
            }
        }
    }

    /// What only the shell knows.
    fn count(&self, status: &mut Status) {
        let (lost, media) = (self.parts.doors.lost(), self.parts.media.counters());
        status.datagrams_dropped = lost.dropped;
        status.datagrams_fenced = lost.fenced;
        status.media_late_ticks = media.late_ticks;
        status.media_dropped = media.dropped;
        status.panics_contained += media.panics;
    }

    /// Tells systemd that we are alive: said from here, so that it is true.
    fn reassure(&mut self, now: Moment) {
        if let Some((every, next)) = &mut self.watchdog
            && now >= *next
        {
            *next = now + *every;
            self.notify.alive();
        }
    }

    /// Lets the last words leave and the last records reach the disk.
    fn end(self) -> ExitCode {
        let Parts { reactor, media, diary, doors, lock, log: _log, .. } = self.parts;
        drop(doors);
        reactor.stop();
        media.stop();
        let lost = diary.stop().iter().filter(|committed| committed.outcome.is_err()).count();
        drop(lock);
        if lost > 0 {
            error!(lost, "stopped; not everything was kept");
            return ExitCode::FAILURE;
        }
        info!("stopped");
        ExitCode::SUCCESS
    }
}
