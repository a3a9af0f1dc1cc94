//! From the command line to the first turn, in an order in which nothing has to be undone: first what only reads, then what
//! only this run may have, last what others see.
//!
//! What stops it either may pass (a port in use, a disk that is full), and then whoever started us may try again, or is wrong until
//! somebody mends it: the command line, the configuration, a damaged database.
//!
//! Invariant: whatever is wrong is said before a phone could reach us.

use super::load::{self, Loaded, Unloadable};
use super::turn::{Exchange, Parts};
use super::{DATABASE, Options, announce, guard};
use crate::config::Config;
use crate::pbx::Pbx;
use crate::shell::fence::Fence;
use crate::shell::http::Web;
use crate::shell::listeners::{self, Bound};
use crate::shell::log::Log;
use crate::shell::media::{Media, MediaSettings};
use crate::shell::reactor::{MAX_CONNECTIONS, Reactor, ReactorSettings};
use crate::shell::secrets;
use crate::shell::store::Diary;
use crate::shell::sys::clock;
use crate::shell::sys::signals::Signals;
use crate::shell::udp::Doors;
use crate::sip;
use crate::time::Now;
use std::fs::{File, TryLockError};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use tracing::{info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// One sentence, or several lines that end in one.
pub struct Refused {
    pub sentence: String,
    /// Another try, later, may succeed.
    pub passes: bool,
}

/// What the machine refuses, it may grant later.
impl From<String> for Refused {
    fn from(sentence: String) -> Refused {
        Refused { sentence, passes: true }
    }
}

pub fn start(options: Options) -> Result<Exchange, Refused> {
    let begun = clock::now();
    clock::keep_files_private();
    let signals = Signals::take().map_err(|fault| format!("could not listen for signals: {fault}"))?;
    secrets::private_folder(&options.data).map_err(|fault| {
        let passes = !matches!(fault.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists);
        Refused { sentence: format!("could not make the data folder {}: {fault}", options.data.display()), passes }
    })?;
    let Loaded { config, library, secret_files } = load::load(&options, options.sip).map_err(refusal)?;
    let log = log(&config).map_err(|fault| format!("could not start the log: {fault}"))?;
    let lock = lock(&options.data)?;
    let Bound { udp, tcp, listeners } = listeners::bind(&config.sip.listeners)
        .map_err(|fault| Refused { sentence: fault.to_string(), passes: fault.passes() })?;
    let config = Arc::new(with_listeners(config, listeners));
    config.warnings.iter().for_each(|warning| warn!("{warning}"));

    let now = clock::now();
    let mut rng = load::chance()?;
    let boot = i64::from_ne_bytes(rng.u64().to_ne_bytes());
    let database = options.data.join(DATABASE);
    let window = config.storage.commit_window;
    let (diary, restored) = Diary::open(&database, window, boot, now.wall)
        .map_err(|fault| Refused { sentence: fault.to_string(), passes: fault.passes })?;
    if let Some(fault) = &restored.unwritten {
        warn!(%fault, "the database can be read and not written; what the last run left open is closed as soon as that changes");
    }
    if !restored.crash_lost.is_empty() {
        warn!(calls = restored.crash_lost.len(), "the last run died during calls; they are lost");
    }
    let fence = Fence { lab: config.lab };
    let outbox = diary.outbox(&database);
    let settings = MediaSettings {
        shards: (config.media.shards > 0).then_some(config.media.shards),
        silent_after: config.media.silent_after,
        fence,
    };
    let media =
        Media::start(settings, Arc::clone(&library)).map_err(|fault| format!("could not start the media threads: {fault}"))?;
    let control_socket = options.data.join(crate::control::SOCKET);
    let reactor = Reactor::start(ReactorSettings {
        listeners: tcp,
        control_socket: control_socket.clone(),
        database,
        settled: diary.settled(),
        fence,
        web: Arc::new(Web::new(Arc::clone(&config.hosts), fence)),
        webhooks: Arc::clone(&config.webhooks),
        outbox,
        plan: Arc::new(config.outbound.plan.clone()),
        max_connections: MAX_CONNECTIONS,
    })
    .map_err(|fault| format!("could not open the control socket {}: {fault}", control_socket.display()))?;

    let pbx = Pbx::new(Arc::clone(&config), media.shards(), rng, now);
    let announcement = announce::announcement(&config, &secret_files, &options.data);
    let doors = Doors::new(udp, fence);
    let parts = Parts { pbx, config: Arc::clone(&config), doors, reactor, media, library, diary, signals, options, lock, log };
    let mut exchange = Exchange::new(parts).map_err(|fault| format!("could not start: {fault}"))?;
    exchange.restore(restored, now);
    tell(&announcement, &config.sip.listeners, begun);
    exchange.ready();
    Ok(exchange)
}

/// The administrator's mistakes as they are printed, and one sentence.
fn refusal(unloadable: Unloadable) -> Refused {
    match unloadable {
        Unloadable::Sentence(sentence) => Refused { sentence, passes: false },
        Unloadable::Passing(sentence) => Refused { sentence, passes: true },
        Unloadable::Faults(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            let count = faults.iter().filter(|fault| !fault.warning).count();
            let what = if count == 1 { "1 fault".to_string() } else { format!("{count} faults") };
            Refused { sentence: format!("not started: {what} in the configuration"), passes: false }
        }
    }
}

/// The log goes to stderr: to the journal under systemd, which adds the time itself.
fn log(config: &Config) -> io::Result<Log> {
    let lines = Log::to_stderr()?;
    let layer = fmt::layer().with_writer(lines.lines()).with_target(false).with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(levels(&config.logging.level));
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    // A second start within one process (a test) keeps the first one's log.
    let _ = if under_systemd { registry.with(layer.without_time()).try_init() } else { registry.with(layer).try_init() };
    guard::log_panics();
    Ok(lines)
}

/// `RUST_LOG` (`debug`, `centrala::sip=trace,warn`), where it can be read; otherwise the configured level.
fn levels(configured: &str) -> Targets {
    let asked = std::env::var("RUST_LOG").ok().filter(|asked| !asked.trim().is_empty());
    let asked = asked.and_then(|asked| asked.parse().ok());
    asked.or_else(|| configured.parse().ok()).unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO))
}

/// One daemon per data folder. The lock goes with the process, however it ends.
fn lock(data: &Path) -> Result<File, String> {
    let path = data.join("centrala.lock");
    let file =
        File::create(&path).map_err(|fault| format!("could not write into the data folder {}: {fault}", data.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("another centrala is running on the data folder {}", data.display())),
        Err(TryLockError::Error(fault)) => Err(format!("could not lock {}: {fault}", path.display())),
    }
}

/// The configuration as it really listens: with the ports that were chosen.
pub fn with_listeners(config: Config, listeners: Vec<sip::Listener>) -> Config {
    let settings = sip::Settings { listeners, ..(*config.sip).clone() };
    Config { sip: Arc::new(settings), ..config }
}

fn tell(announcement: &str, listeners: &[sip::Listener], begun: Now) {
    let mut out = io::stdout().lock();
    // Who does not want to read it may close it.
    let _ = writeln!(out, "{announcement}{}", announce::ready(listeners));
    let _ = out.flush();
    info!("ready after {} ms", clock::now().mono.since(begun.mono).as_millis());
}
