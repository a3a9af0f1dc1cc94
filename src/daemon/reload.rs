//! A new configuration under way: a thread reads, checks and compares it, the control thread only swaps.
//!
//! ```text
//!   SIGHUP, `centrala reload` --start--> thread: load::load, prepare --wake--> swap: one event, and the one before is kept
//!   `centrala rollback` -------start--> thread: prepare --------------wake--> swap back
//!                                                                              the one before that --> a thread that drops it
//! ```
//!
//! A thousand flows are a tenth of a second of comparing and of freeing: calls shall not wait for that. Invariant: what has a fault
//! changes nothing; and whoever asked is answered once.

use super::load::{self, Loaded, Unloadable};
use super::start;
use super::turn::Exchange;
use crate::audio::Library;
use crate::config::{Config, difference, of_maps};
use crate::control::{Reloaded, Response};
use crate::id::ReplyId;
use crate::pbx::Event;
use crate::shell::sys::wake::Wake;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, mpsc};
use tracing::{error, info, warn};

pub struct Reload {
    wake: Arc<Wake>,
    sender: mpsc::Sender<Result<Prepared, Unloadable>>,
    receiver: mpsc::Receiver<Result<Prepared, Unloadable>>,
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

/// A configuration that is ready to be taken.
struct Prepared {
    config: Arc<Config>,
    library: Arc<Library>,
    /// What it was compared with, and what it changes.
    old: Arc<Config>,
    changes: Vec<String>,
    /// What only a restart can change.
    restart: Vec<String>,
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

    /// A thread that makes something ready to be taken.
    fn start(&mut self, work: impl FnOnce() -> Result<Prepared, Unloadable> + Send + 'static) -> Result<(), io::Error> {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let thread = std::thread::Builder::new().name("reload".into()).spawn(move || {
            let _ = sender.send(work());
            wake.ring();
        });
        self.busy = thread.is_ok();
        thread.map(drop)
    }
}

impl Exchange {
    /// `reply` hears what became of it.
    pub(super) fn start_reload(&mut self, reply: Option<ReplyId>) {
        if self.reload.busy {
            self.reload.again = true;
            self.reload.waiting_next.extend(reply);
            return;
        }
        let (options, old) = (self.parts.options.clone(), self.in_force());
        // `--sip ...:0` was given a port: it stays ours.
        let sip = options.sip.and_then(|_| self.parts.config.sip.listeners.first().map(|listener| listener.address));
        let load = move || {
            let Loaded { config, library, .. } = load::load(&options, sip)?;
            Ok(prepare(old, config, library))
        };
        self.reload.waiting.extend(reply);
        if let Err(fault) = self.reload.start(load) {
            error!(%fault, "could not reload; the old configuration stays");
            let waiting = std::mem::take(&mut self.reload.waiting);
            self.tell_all(waiting, &Response::Failed(format!("could not reload: {fault}")));
        }
    }

    /// The thread has something for us.
    pub(super) fn reloaded(&mut self) {
        self.reload.wake.clear();
        while let Ok(loaded) = self.reload.receiver.try_recv() {
            self.reload.busy = false;
            let response = match loaded {
                Ok(prepared) => Response::Reloaded(self.swap(prepared)),
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
        let refused = if self.reload.busy {
            "a reload is under way"
        } else if let Some((config, library)) = self.reload.before.clone() {
            let old = self.in_force();
            self.reload.waiting.push(reply);
            match self.reload.start(move || Ok(prepare(old, Arc::unwrap_or_clone(config), library))) {
                Ok(()) => return,
                Err(_) => "there is no thread for it",
            }
        } else {
            "there is nothing to go back to: nothing was reloaded since the start"
        };
        self.reload.waiting.retain(|waiting| *waiting != reply);
        self.tell_all(vec![reply], &Response::Failed(refused.into()));
    }

    fn tell_all(&mut self, waiting: Vec<ReplyId>, response: &Response) {
        for reply in waiting {
            self.parts.reactor.reply(reply, response.clone());
        }
    }

    fn in_force(&self) -> (Arc<Config>, Arc<Library>) {
        (Arc::clone(&self.parts.config), Arc::clone(&self.reload.library))
    }

    fn swap(&mut self, prepared: Prepared) -> Reloaded {
        let Prepared { config, library, old, changes, restart } = prepared;
        restart.iter().for_each(|what| warn!("{what}: needs restart, the old setting stays"));
        config.warnings.iter().for_each(|warning| warn!("{warning}"));
        changes.iter().for_each(|line| info!("reloaded: {line}"));
        info!(changes = changes.len(), "reloaded");
        let before = std::mem::replace(&mut self.reload.library, Arc::clone(&library));
        // What changed nothing is nothing to go back from.
        let gone = if changes.is_empty() { Some((old, before)) } else { self.reload.before.replace((old, before)) };
        // Where there is no thread for it, it is dropped here.
        let _ = std::thread::Builder::new().name("retire".into()).spawn(move || drop(gone));
        self.parts.media.set_library(library);
        self.parts.reactor.configure(&config);
        self.parts.config = Arc::clone(&config);
        let warnings = config.warnings.iter().map(ToString::to_string).collect();
        self.events.push_back(Event::Reload(config));
        Reloaded { changes, restart, warnings }
    }
}

/// The new configuration, but for what only a restart can change; and how it differs from the one in force.
fn prepare((old, played): (Arc<Config>, Arc<Library>), mut config: Config, library: Arc<Library>) -> Prepared {
    let fixed = [
        ("listeners", config.sip.listeners != old.sip.listeners),
        ("lab", config.lab != old.lab),
        ("media.shards", config.media.shards != old.media.shards),
        ("media ports", (config.media.first_port, config.media.last_port) != (old.media.first_port, old.media.last_port)),
        ("storage", config.storage != old.storage),
    ];
    let restart: Vec<String> = fixed.iter().filter(|(_, changed)| *changed).map(|(what, _)| what.to_string()).collect();
    config.lab = old.lab;
    config.media.shards = old.media.shards;
    (config.media.first_port, config.media.last_port) = (old.media.first_port, old.media.last_port);
    config.storage = old.storage.clone();
    let config = Arc::new(start::with_listeners(config, old.sip.listeners.clone()));
    let mut changes = difference(&old, &config);
    changes.extend(of_maps(&played.by_path(), &library.by_path()).map(|names| format!("sounds: {names}")));
    Prepared { config, library, old, changes, restart }
}

fn refusal(unloadable: Unloadable) -> Response {
    match unloadable {
        Unloadable::Sentence(why) | Unloadable::Passing(why) => {
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
