//! A new configuration under way: a thread reads and checks it, the control thread only swaps.
//!
//! ```text
//!   SIGHUP, `centrala reload` --start--> thread: load::load --wake--> finished --> swap: one event, and the one before is kept
//!   `centrala rollback` ------------------------------------------------------> swap back
//! ```
//!
//! Invariant: what has a fault changes nothing; and whoever asked is answered once.

use super::load::{self, Loaded, Unloadable};
use super::turn::Exchange;
use super::{Options, start};
use crate::audio::Library;
use crate::config::{Config, difference};
use crate::control::{Reloaded, Response};
use crate::id::ReplyId;
use crate::pbx::Event;
use crate::shell::sys::wake::Wake;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::{Arc, mpsc};
use tracing::{error, info, warn};

pub struct Reload {
    wake: Arc<Wake>,
    sender: mpsc::Sender<Result<Loaded, Unloadable>>,
    receiver: mpsc::Receiver<Result<Loaded, Unloadable>>,
    busy: bool,
    /// Asked for while one was under way.
    again: bool,
    /// Who waits for the one under way, and for the next.
    waiting: Vec<ReplyId>,
    waiting_next: Vec<ReplyId>,
    library: Arc<Library>,
    /// What was in force before the last swap.
    before: Option<(Arc<Config>, Arc<Library>)>,
}

impl Reload {
    pub fn new(library: Arc<Library>) -> io::Result<Reload> {
        let (sender, receiver) = mpsc::channel();
        Ok(Reload {
            wake: Arc::new(Wake::new()?),
            sender,
            receiver,
            busy: false,
            again: false,
            waiting: Vec::new(),
            waiting_next: Vec::new(),
            library,
            before: None,
        })
    }

    pub fn fd(&self) -> RawFd {
        self.wake.fd()
    }

    /// False when it is already under way; then another one follows it.
    fn start(&mut self, options: Options, sip: Option<SocketAddr>) -> Result<(), io::Error> {
        if self.busy {
            self.again = true;
            return Ok(());
        }
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let thread = std::thread::Builder::new().name("reload".into()).spawn(move || {
            let _ = sender.send(load::load(&options, sip));
            wake.ring();
        });
        self.busy = thread.is_ok();
        thread.map(drop)
    }
}

impl Exchange {
    /// `reply` hears what became of it.
    pub(super) fn start_reload(&mut self, reply: Option<ReplyId>) {
        let options = self.parts.options.clone();
        // `--sip ...:0` was given a port: it stays ours.
        let sip = options.sip.and_then(|_| self.parts.config.sip.listeners.first().map(|listener| listener.address));
        let busy = self.reload.busy;
        match self.reload.start(options, sip) {
            Ok(()) if busy => self.reload.waiting_next.extend(reply),
            Ok(()) => self.reload.waiting.extend(reply),
            Err(fault) => {
                error!(%fault, "could not reload; the old configuration stays");
                self.tell_all(reply.into_iter().collect(), &Response::Failed(format!("could not reload: {fault}")));
            }
        }
    }

    /// The thread has something for us.
    pub(super) fn reloaded(&mut self) {
        self.reload.wake.clear();
        while let Ok(loaded) = self.reload.receiver.try_recv() {
            self.reload.busy = false;
            let response = match loaded {
                Ok(Loaded { config, library, .. }) => Response::Reloaded(self.swap(config, library)),
                Err(unloadable) => refusal(unloadable),
            };
            let waiting = std::mem::take(&mut self.reload.waiting);
            self.tell_all(waiting, &response);
        }
        if std::mem::take(&mut self.reload.again) {
            self.reload.waiting = std::mem::take(&mut self.reload.waiting_next);
            self.start_reload(None);
        }
    }

    /// Back to what was in force before the last swap; the files stay as they are.
    pub(super) fn roll_back(&mut self, reply: ReplyId) {
        let response = match self.reload.before.take() {
            None => Response::Failed("there is nothing to go back to: nothing was reloaded since the start".into()),
            Some((config, library)) => Response::Reloaded(self.swap(Arc::unwrap_or_clone(config), library)),
        };
        self.tell_all(vec![reply], &response);
    }

    fn tell_all(&mut self, waiting: Vec<ReplyId>, response: &Response) {
        for reply in waiting {
            self.parts.reactor.reply(reply, response.clone());
        }
    }

    /// Takes the new configuration, but for what only a restart can change.
    fn swap(&mut self, mut config: Config, library: Arc<Library>) -> Reloaded {
        let old = Arc::clone(&self.parts.config);
        let fixed = [
            ("listeners", config.sip.listeners != old.sip.listeners),
            ("lab", config.lab != old.lab),
            ("media.shards", config.media.shards != old.media.shards),
            ("media ports", (config.media.first_port, config.media.last_port) != (old.media.first_port, old.media.last_port)),
            ("storage", config.storage != old.storage),
        ];
        let restart: Vec<String> = fixed.iter().filter(|(_, changed)| *changed).map(|(what, _)| what.to_string()).collect();
        restart.iter().for_each(|what| warn!("{what}: needs restart, the old setting stays"));
        config.lab = old.lab;
        config.media.shards = old.media.shards;
        (config.media.first_port, config.media.last_port) = (old.media.first_port, old.media.last_port);
        config.storage = old.storage.clone();
        let config = Arc::new(start::with_listeners(config, old.sip.listeners.clone()));
        config.warnings.iter().for_each(|warning| warn!("{warning}"));
        let changes = difference(&old, &config);
        changes.iter().for_each(|line| info!("reloaded: {line}"));
        info!(changes = changes.len(), "reloaded");
        let before = std::mem::replace(&mut self.reload.library, Arc::clone(&library));
        self.reload.before = Some((old, before));
        self.parts.media.set_library(library);
        self.parts.reactor.configure(&config);
        self.parts.config = Arc::clone(&config);
        let warnings = config.warnings.iter().map(ToString::to_string).collect();
        self.events.push_back(Event::Reload(config));
        Reloaded { changes, restart, warnings }
    }
}

fn refusal(unloadable: Unloadable) -> Response {
    match unloadable {
        Unloadable::Sentence(why) => {
            error!("not reloaded, the old configuration stays: {why}");
            Response::Failed(format!("not reloaded, the old configuration stays: {why}"))
        }
        Unloadable::Faults(faults) => {
            faults.iter().for_each(|fault| error!("{fault}"));
            error!(faults = faults.len(), "not reloaded, the old configuration stays");
            Response::Faulty(faults.iter().map(ToString::to_string).collect())
        }
    }
}
