//! One running daemon with a data folder of its own, on a port that nobody else has.
//!
//! Invariant: whatever a test does, its daemon is gone when the test is, and what it wrote is kept only if the test failed.

use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_centrala");
/// Cold start to `ready`, with a machine that compiles beside us; the bench measures the real figure.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often a state that has no event is asked for.
const POLL: Duration = Duration::from_millis(50);

/// The repository: the folder in which `sounds/` and `ivr-flows/` lie.
pub fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn lab() -> PathBuf {
    house().join("tests/lab")
}

/// A folder for one test, removed at its end unless the test failed. Short, for the control socket's path must fit 107 bytes.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(what: &str) -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("centrala-{}-{number}-{what}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("kept for a look: {}", self.0.display());
        } else {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}

pub struct Exchange {
    child: Child,
    config: PathBuf,
    /// Where it listens for SIP, over UDP and TCP.
    pub sip: SocketAddr,
    pub folder: Folder,
}

impl Exchange {
    /// The lab, started and ready.
    pub fn lab(test: &str) -> Exchange {
        Exchange::with(test, &lab())
    }

    /// The exchange with the configuration in `config`, started and ready.
    pub fn with(test: &str, config: &Path) -> Exchange {
        Exchange::at(test, config, "127.0.0.1:0")
    }

    /// The same, listening there.
    pub fn at(test: &str, config: &Path, sip: &str) -> Exchange {
        let folder = Folder::new(test);
        let (child, sip) = start(config, sip, &folder);
        Exchange { child, config: config.to_owned(), sip, folder }
    }

    /// The same, started by a command that is made of the daemon's own and becomes the daemon.
    pub fn wrapped(test: &str, config: &Path, sip: &str, wrap: impl Fn(&Command) -> Command) -> Exchange {
        let folder = Folder::new(test);
        let mut command = wrap(&run(config, sip, &folder.join("data")));
        command.current_dir(house()).stdin(Stdio::null());
        let (child, sip) = started(command, &folder);
        Exchange { child, config: config.to_owned(), sip, folder }
    }

    /// kill -9, and the same data folder started anew (on another port).
    pub fn crash_and_restart(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it was our child");
        (self.child, self.sip) = start(&self.config, "127.0.0.1:0", &self.folder);
    }

    /// The same, where no file may grow beyond what is left on a disk that is all but full.
    pub fn crash_and_restart_on_a_full_disk(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it was our child");
        let command = run(&self.config, "127.0.0.1:0", &self.folder.join("data"));
        (self.child, self.sip) = started(on_a_full_disk(&command, 64), &self.folder);
    }

    /// Asks the daemon to stop as systemd would, and waits; true when it went with exit code 0.
    pub fn stop(&mut self) -> bool {
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGTERM) };
        until(Duration::from_secs(15), || self.child.try_wait().expect("it is our child"))
            .unwrap_or_else(|| panic!("still running 15 s after SIGTERM\n{}", self.log()))
            .success()
    }

    /// Whether its process has ended, at this moment.
    pub fn is_gone(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Asks the daemon to read its files anew.
    pub fn reload(&self) {
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGHUP) };
    }

    pub fn port(&self) -> String {
        self.sip.port().to_string()
    }

    /// One subcommand over the control socket, as a program would ask it.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(BINARY)
            .args(arguments)
            .arg("--json")
            .arg("--data")
            .arg(self.folder.join("data"))
            .current_dir(house())
            .output()
            .expect("our own binary");
        assert!(output.status.success(), "centrala {arguments:?}: {}\n{}", said(&output), self.log());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("centrala {arguments:?} printed no JSON ({error}): {}", said(&output)))
    }

    pub fn status(&self) -> Value {
        self.ask(&["status"])
    }

    pub fn calls(&self) -> Vec<Value> {
        list(self.ask(&["calls"]))
    }

    pub fn registrations(&self) -> Vec<Value> {
        list(self.ask(&["registrations"]))
    }

    /// The finished calls, oldest first, once there are `expected` of them and everything is on the disk.
    pub fn records(&self, expected: usize) -> Vec<Value> {
        let mut records = Vec::new();
        let found = until(Duration::from_secs(10), || {
            records = list(self.ask(&["cdr"]));
            (records.len() >= expected && self.status()["writes_open"] == 0).then_some(())
        });
        assert!(
            found.is_some() && records.len() == expected,
            "{} records, expected {expected}: {records:#?}\n{}",
            records.len(),
            self.log()
        );
        records.reverse();
        records
    }

    /// Waits until nothing is left of any call: no call, leg, port, dialog or unfinished transaction, and after their timers
    /// (64*T1, twice over when an ACK never comes) no finished transaction either.
    pub fn becomes_quiet(&self, limit: Duration, with_finished: bool) {
        let mut names = vec!["calls", "legs", "ports_used", "transactions", "dialogs", "questions_open", "writes_open"];
        if with_finished {
            names.push("transactions_finished");
        }
        let mut left = Vec::new();
        let quiet = until(limit, || {
            let status = self.status();
            left = names.iter().filter(|name| status[**name] != 0).map(|name| format!("{name}: {}", status[*name])).collect();
            left.is_empty().then_some(())
        });
        assert!(quiet.is_some(), "left after {limit:?}: {left:?}\n{}", self.log());
        assert_eq!(self.status()["panics_contained"], 0, "{}", self.log());
    }

    /// What the daemon wrote to its log, the end of it.
    pub fn log(&self) -> String {
        tail(&self.folder.join("log"))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start(config: &Path, sip: &str, folder: &Folder) -> (Child, SocketAddr) {
    started(run(config, sip, &folder.join("data")), folder)
}

fn started(mut command: Command, folder: &Folder) -> (Child, SocketAddr) {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a file of ours");
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("our own binary");
    let printed = lines(child.stdout.take().expect("piped"));
    let mut said = String::new();
    let until = Instant::now() + START_LIMIT;
    while let Ok(line) = printed.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if let Some(address) = ready(&line) {
            return (child, address);
        }
        said += &line;
        said.push('\n');
    }
    drop(child.kill());
    drop(child.wait());
    panic!("the exchange was not ready within {START_LIMIT:?}; it printed:\n{said}{}", tail(&folder.join("log")));
}

/// The same command where no file may be longer than so many blocks of 512 bytes: writes beyond fail, as on a full disk.
pub fn on_a_full_disk(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    limited.arg(command.get_program()).args(command.get_args());
    limited.current_dir(house()).stdin(Stdio::null());
    limited
}

/// `centrala run`, not yet started.
pub fn run(config: &Path, sip: &str, data: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("run").arg("--config").arg(config).args(["--sip", sip]).arg("--data").arg(data);
    command.args(["--trunk-uas", &format!("127.0.0.3:{}", free_port("127.0.0.3"))]);
    command.current_dir(house()).stdin(Stdio::null());
    command
}

/// Any other subcommand, run to its end.
pub fn centrala(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).current_dir(house()).stdin(Stdio::null()).output().expect("our own binary")
}

/// The address in `ready ... 127.0.0.1:40123`.
fn ready(line: &str) -> Option<SocketAddr> {
    let rest = line.trim().strip_prefix("ready")?;
    rest.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).find_map(|word| word.parse().ok())
}

/// The lines that a process prints, as they come.
fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Nobody listens any more once it is ready; the pipe is drained all the same.
            drop(sender.send(line));
        }
    });
    receiver
}

/// Asks again and again for what announces itself by no event, until it is there or `limit` has passed.
pub fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(POLL);
    }
}

pub fn free_port(address: &str) -> u16 {
    UdpSocket::bind((address, 0)).and_then(|socket| socket.local_addr()).expect("a loopback port").port()
}

/// The first of four ports for SIPp, which opens the next ones too, for RTCP and for a picture. Above the system's own choices
/// (ip_local_port_range), so that nobody else is given one of them in the meantime.
pub fn media_port(address: &str) -> u16 {
    const FIRST: u16 = 61_000;
    const BLOCKS: u16 = 560;
    /// Phones that start together would find the same block free: each of this test begins to look where no other does, and the test
    /// beside this one elsewhere.
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let nth = std::process::id().wrapping_mul(37).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % u32::from(BLOCKS);
    let begin = u16::try_from(nth).expect("fewer than the blocks");
    let blocks = (0..BLOCKS).map(|block| FIRST + (begin + block) % BLOCKS * 8);
    let is_free =
        |port: &u16| (*port..*port + 4).map(|port| UdpSocket::bind((address, port))).collect::<Result<Vec<_>, _>>().is_ok();
    blocks.into_iter().find(is_free).expect("four loopback ports in a row")
}

/// Both outputs of a finished process.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("not a list: {other}"),
    }
}

fn tail(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(60);
    format!("--- {}\n{}\n---", file.display(), lines[from..].join("\n"))
}
