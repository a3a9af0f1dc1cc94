//! Phones that live beside a test: baresip does as it is told, SIPp as its list of steps says. Killed, they leave as suddenly
//! as a phone whose cable is cut.

use crate::endings::hang_up;
use crate::exchange::{Exchange, Folder, free_port, house, media_port, until};
use crate::line::{Call, Line};
use crate::phones::{From, driver, sound};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Where the phones of extensions stand, so that a capture tells them from everything else on the loopback.
pub const DESK: &str = "127.0.0.4";
/// Where callers from the trunk stand.
pub const TRUNK: &str = "127.0.0.2";
/// For what a phone does at once on an idle machine; others may have the processor.
pub const SOON: Duration = Duration::from_secs(15);

pub struct Phone {
    child: Child,
    who: String,
    folder: PathBuf,
    told: Receiver<Value>,
    /// What was told and nobody has asked for yet.
    kept: RefCell<Vec<Value>>,
}

impl Phone {
    /// A baresip that says `phrase` over and over in its calls; ready, and registered if it is an extension's.
    pub fn baresip(exchange: &Exchange, from: From, phrase: &Path, options: &[&str]) -> Phone {
        let local = if matches!(from, From::Trunk) { TRUNK } else { DESK };
        Phone::baresip_at(exchange, local, from, phrase, options)
    }

    /// The same at an address of its own.
    pub fn baresip_at(exchange: &Exchange, local: &str, from: From, phrase: &Path, options: &[&str]) -> Phone {
        let mut command = driver("live.py");
        command.args(["127.0.0.1", &exchange.port(), from.user(), &from.password(), "--local", local, "--play"]);
        command.arg(phrase).args(options);
        if matches!(from, From::Trunk) {
            command.arg("--no-register");
        }
        let phone = Phone::start(exchange, from.user(), command);
        let ready = phone.expect("READY");
        assert!(matches!(from, From::Trunk) || ready["registered"] == true, "{}: {ready}\n{}", phone.who, exchange.log());
        phone
    }

    /// A SIPp on the desk of an extension: registered, and waiting for one call.
    pub fn sipp(exchange: &Exchange, user: &'static str, options: &[&str]) -> Phone {
        Phone::sipp_at(exchange, DESK, user, options)
    }

    /// The same at an address of its own.
    pub fn sipp_at(exchange: &Exchange, local: &str, user: &'static str, options: &[&str]) -> Phone {
        let phone = Phone::start(exchange, user, by_sipp(exchange, "agent", local, user, options));
        let ready = phone.next(SOON, |event| event["ready"] == true);
        assert!(ready.is_some_and(|ready| ready["registered"] == true), "{}\n{}", phone.who, exchange.log());
        phone
    }

    /// A SIPp of an extension that calls: what it does then its steps say.
    pub fn sipp_calls(exchange: &Exchange, local: &str, user: &'static str, number: &str, options: &[&str]) -> Phone {
        Phone::start(exchange, user, by_sipp(exchange, "call", local, user, &[&[number], options].concat()))
    }

    pub fn start(exchange: &Exchange, user: &str, mut command: Command) -> Phone {
        let folder = exchange.folder.join(&format!("phone-{user}-{}", free_port("127.0.0.1")));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let errors = File::create(folder.join("errors.txt")).expect("a file of ours");
        command.arg("--out").arg(&folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("python");
        let printed = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, told) = mpsc::channel();
        thread::spawn(move || {
            for event in printed.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
                // The test may have ended before its phone.
                drop(sender.send(event));
            }
        });
        Phone { child, who: format!("the phone of {user} ({})", folder.display()), folder, told, kept: RefCell::default() }
    }

    /// Tells baresip what to do: `dial 100`, `accept`, `press 2`, `hold`, `resume`, `hangup`.
    pub fn say(&mut self, words: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(format!("{words}\n").as_bytes()).unwrap_or_else(|error| panic!("{} is gone: {error}", self.who));
    }

    /// The next event of this kind, which must come.
    pub fn expect(&self, kind: &str) -> Value {
        self.event(kind, SOON).unwrap_or_else(|| panic!("no {kind} from {}; it told {:#?}", self.who, self.kept.borrow()))
    }

    /// The next event of this kind, if it comes before `limit` has passed.
    pub fn event(&self, kind: &str, limit: Duration) -> Option<Value> {
        self.next(limit, |event| event["type"] == kind)
    }

    /// Lets time pass in which nothing of this kind may happen.
    pub fn stays(&self, without: &str, seconds: u64) {
        let broken = self.event(without, Duration::from_secs(seconds));
        assert!(broken.is_none(), "{}: {broken:?}", self.who);
    }

    /// How often this has happened and nobody asked for it.
    pub fn count(&self, kind: &str) -> usize {
        self.kept.borrow_mut().extend(self.told.try_iter());
        self.kept.borrow().iter().filter(|event| event["type"] == kind).count()
    }

    /// Of baresip: what it heard in its last call.
    pub fn recording(&self) -> PathBuf {
        let files = std::fs::read_dir(self.folder.join("rec")).expect("the folder of its recordings");
        let heard = files.flatten().map(|file| file.path()).filter(|file| file.to_string_lossy().ends_with("-dec.wav"));
        let begun = |file: &PathBuf| file.metadata().and_then(|file| file.created()).ok();
        heard.max_by_key(begun).unwrap_or_else(|| panic!("{} recorded nothing", self.who))
    }

    /// Of baresip: what it has said of itself.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Of SIPp: what it says when its one call is over, which must have gone as written.
    pub fn finished(self) -> Value {
        let end = self.next(SOON, |event| !event["status"].is_null());
        let end = end.unwrap_or_else(|| panic!("{} does not end", self.who));
        assert_eq!(end["status"], 0, "{}: {end:#}", self.who);
        end
    }

    fn next(&self, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let end = Instant::now() + limit;
        let mut kept = self.kept.borrow_mut();
        loop {
            if let Some(place) = kept.iter().position(&wanted) {
                return Some(kept.remove(place));
            }
            match self.told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) => kept.push(event),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("{} died; it had told {kept:#?}", self.who),
            }
        }
    }
}

impl Drop for Phone {
    /// SIGKILL: no BYE, and its registration stands.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn by_sipp(exchange: &Exchange, mode: &str, local: &str, user: &'static str, more: &[&str]) -> Command {
    let (port, media) = (free_port(local), media_port(local));
    let mut command = driver("sipp.py");
    command.args([mode, "127.0.0.1", &exchange.port(), user, &From::Extension(user).password()]).args(more);
    command.args(["--local", local, "--local-port", &port.to_string(), "--media-port", &media.to_string()]);
    command
}

/// What is said on both sides: two phrases that no flow of the lab says to a Polish caller, without the silence before the first word.
pub struct Phrases {
    pub caller: PathBuf,
    pub agent: PathBuf,
    pub other: PathBuf,
    _folder: Folder,
}

impl Phrases {
    pub fn new() -> Phrases {
        let folder = Folder::new("phrases");
        let phrase = |name: &str| {
            let path = folder.join(&format!("{name}.wav"));
            trim(&sound("en", name), &path);
            path
        };
        Phrases { caller: phrase("goodbye"), agent: phrase("invalid-key"), other: phrase("no-input"), _folder: folder }
    }
}

fn trim(from: &Path, to: &Path) {
    const QUIET: i16 = 500;
    let mut reader = hound::WavReader::open(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    let spec = reader.spec();
    let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("16-bit samples")).collect();
    let mut writer = hound::WavWriter::create(to, spec).expect("a file of ours");
    for sample in samples.iter().skip_while(|sample| sample.unsigned_abs() < QUIET.unsigned_abs()) {
        writer.write_sample(*sample).expect("a file of ours");
    }
    writer.finalize().expect("a file of ours");
}

pub fn music() -> PathBuf {
    house().join("sounds/any/hold-music.wav")
}

/// A caller from the trunk on the way into the queue `support`: dials 100 and presses 2 through the welcome.
pub fn calls_support(caller: &mut Phone) {
    caller.say("dial 100");
    caller.expect("CALL_ESTABLISHED");
    caller.say("press 2");
}

/// What `agents` says of one of them.
pub fn agent(exchange: &Exchange, name: &str) -> Value {
    let agents = exchange.ask(&["agents"]);
    let found = agents.as_array().into_iter().flatten().find(|agent| agent["name"] == name);
    found.unwrap_or_else(|| panic!("no agent {name}: {agents:#}")).clone()
}

/// Waits until the agent is in this state.
pub fn becomes(exchange: &Exchange, name: &str, state: &str) -> Value {
    let mut seen = Value::Null;
    let found = until(SOON, || {
        seen = agent(exchange, name);
        (seen["state"] == state).then(|| seen.clone())
    });
    found.unwrap_or_else(|| panic!("agent {name} is not {state}: {seen:#}\n{}", exchange.log()))
}

/// Somebody from the other address of the trunk who dialled the queue itself, and waits without a sound.
pub struct Waiting {
    line: Line,
    call: Call,
}

impl Waiting {
    pub fn joins(exchange: &Exchange, number: &str) -> Waiting {
        let mut line = Line::udp("127.0.0.3", exchange.sip);
        let mut call = Call::new(&line, number, "200", exchange.sip);
        line.send(call.invite(None));
        let answer = line.expect(SOON, |message| message.answers("INVITE"));
        let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", exchange.log()));
        line.send(call.ack(&answer));
        assert_eq!(answer.status(), 200, "{answer:?}");
        Waiting { line, call }
    }

    pub fn leaves(mut self) {
        hang_up(&mut self.line, &mut self.call);
    }
}
