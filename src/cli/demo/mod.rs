//! `centrala demo`: one call from dialling to its record, told as it unfolds. The exchange is the real one; the customer and the
//! agent are softphones, and what they are said to hear is known from the very frames that reached them.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the story: who does what when, and how it is told |
//! | `house.rs`, `house.yaml`, `flow.yaml` | the exchange of the demonstration |
//! | `*.wav` | what the two people say |
//!
//! Invariant: it fails unless each heard all that the other said.

mod house;

use super::client::Client;
use super::softphone::{Account, Happening, Softphone, wait};
use super::table::{clean, print};
use super::{cdr, phone, sounds};
use crate::audio::{Clip, RATE, wav};
use crate::control::{Request, Response};
use crate::id::Name;
use crate::phone::{Hearing, Memory, Report, Sensation};
use crate::shell::files;
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::sip::{DialogId, Status};
use crate::store::reports::CallReport;
use crate::time::{Duration, Moment};
use clap::Args;
use house::House;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NUMBER: &str = "+48221234567";
const CUSTOMER: &str = "+48600100200";
/// The whole call takes half a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// The record is written when the call is over, in its own time.
const RECORD: Duration = Duration::from_secs(5);
const MUSIC: &str = "hold-music";

/// What the two people say: a name, the words, the sound.
const SPEECH: [(&str, &str, &[u8]); 3] = [
    ("anna-greets", "Good morning, this is Anna. How can I help you?", include_bytes!("anna-greets.wav")),
    ("caller-asks", "Hello Anna. Is this a real call, or a demonstration?", include_bytes!("caller-asks.wav")),
    ("anna-ends", "A demonstration, and now I hang up. Goodbye.", include_bytes!("anna-ends.wav")),
];
/// Without these, it was not the call that is promised.
const CALLER_MUST_HEAR: [&str; 5] = ["welcome", "main-menu", MUSIC, "anna-greets", "anna-ends"];
const AGENT_MUST_HEAR: [&str; 1] = ["caller-asks"];

/// Watch one call through the exchange, without any phone: who hears what, and when
#[derive(Args, Debug)]
pub struct Demo {
    /// The folder of sounds: the English ones are used
    #[arg(long, value_name = "DIR", default_value = "sounds")]
    sounds: PathBuf,
    /// Where to leave what each of the two heard
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Caller,
    Agent,
}

/// What somebody does when their time has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cue {
    Dial,
    Press,
    Answer,
    Say(Who, usize),
    HangUp,
}

pub fn run(arguments: &Demo) -> Result<(), String> {
    let out = &arguments.out;
    std::fs::create_dir_all(out).map_err(|fault| format!("could not make {}: {fault}", out.display()))?;
    let house = House::open(&arguments.sounds)?;
    let mut words = sounds::texts(&arguments.sounds, "en").unwrap_or_default();
    let mut memory = Memory::default();
    for (name, file) in house.sounds()? {
        memory.learn(Name::from(&*name), &*phone::read_voice(&file)?);
    }
    let mut speech = Vec::new();
    for (name, text, bytes) in SPEECH {
        let clip = phone::voice(bytes)?;
        memory.learn(name.into(), &clip);
        words.insert(name.into(), text.into());
        speech.push(clip);
    }
    let mut epoll = Epoll::new().map_err(|fault| format!("could not wait for anything: {fault}"))?;
    let memory = Arc::new(memory);
    let caller = open(CUSTOMER, None, "127.0.0.2:0", &house, &memory, &epoll)?;
    let agent = open("1001", Some("anna"), "127.0.0.1:0", &house, &memory, &epoll)?;
    print(&format!(
        "The exchange runs at {}. Two softphones: a customer ({CUSTOMER}, from outside, over the trunk `city`)\n\
         and Anna (extension 1001, an agent of the queue `support`). No sound card is needed.\n\n",
        house.address
    ));
    let mut story = Story {
        caller,
        agent,
        speech,
        words,
        began: clock::now().mono,
        cues: Vec::new(),
        caller_line: None,
        agent_line: None,
        heard: BTreeSet::new(),
        over: Vec::new(),
    };
    story.agent.register(true);
    story.run(&mut epoll)?;
    let mut left = Vec::new();
    for (who, tape) in &story.over {
        let file = out.join(if *who == Who::Caller { "caller-heard.wav" } else { "agent-heard.wav" });
        files::replace(&file, &wav::write(RATE, tape)?)?;
        left.push(format!("  {} ({:.1} s)\n", file.display(), tape.len() as f64 / f64::from(RATE)));
    }
    print(&format!("\nThe record of the call (`centrala cdr` prints it):\n\n{}", record(&house.data(), &mut epoll)?));
    print(&format!("\nWhat each of them heard:\n{}", left.concat()));
    story.judge()
}

fn open(
    user: &str,
    password: Option<&str>,
    local: &str,
    house: &House,
    memory: &Arc<Memory>,
    epoll: &Epoll,
) -> Result<Softphone, String> {
    let account = Account {
        server: house.address,
        user: user.into(),
        display: String::new(),
        password: password.map(String::from),
        domain: None,
        local: local.parse().ok(),
        expires: Duration::from_secs(300),
    };
    Softphone::open(account, memory.clone(), epoll)
}

struct Story {
    caller: Softphone,
    agent: Softphone,
    speech: Vec<Arc<Clip>>,
    /// What is said in each sound.
    words: BTreeMap<String, String>,
    began: Moment,
    cues: Vec<(Moment, Cue)>,
    caller_line: Option<DialogId>,
    agent_line: Option<DialogId>,
    /// Sounds by who heard them: true for the caller.
    heard: BTreeSet<(bool, Name)>,
    over: Vec<(Who, Vec<i16>)>,
}

impl Story {
    fn run(&mut self, epoll: &mut Epoll) -> Result<(), String> {
        let end = self.began + PATIENCE;
        while self.over.len() < 2 {
            let now = clock::now();
            if now.mono >= end {
                return Err("the call did not come to its end: this exchange has a fault".into());
            }
            let (mut caller, mut agent) = (Vec::new(), Vec::new());
            self.caller.turn(now, &mut caller);
            self.agent.turn(now, &mut agent);
            for happening in caller {
                self.caller_notices(happening, now.mono)?;
            }
            for happening in agent {
                self.agent_notices(happening, now.mono)?;
            }
            while let Some(due) = self.cues.iter().position(|(at, _)| *at <= now.mono) {
                let (_, cue) = self.cues.remove(due);
                self.act(cue, epoll)?;
            }
            let next = self.cues.iter().map(|(at, _)| *at).chain([end]).min();
            wait(epoll, &[&self.caller, &self.agent], next)?;
        }
        Ok(())
    }

    fn caller_notices(&mut self, happening: Happening, now: Moment) -> Result<(), String> {
        match happening {
            Happening::Report(Report::Answered { .. }) => self.tell("exchange", "answers"),
            Happening::Sensed(Sensation::Hears(hearing)) => {
                self.hears(Who::Caller, &hearing);
                if hearing == Hearing::Sound("main-menu".into()) {
                    self.cue(now, 3000, Cue::Press);
                }
            }
            Happening::Sensed(Sensation::Said) => self.cue(now, 500, Cue::Say(Who::Agent, 2)),
            Happening::Over { ending, tape, .. } => {
                self.tell("caller", &format!("the call is over: {}", phone::ended(&ending)));
                self.over.push((Who::Caller, tape));
                if self.agent_line.is_none() {
                    return Err("the call was over before an agent was called: this exchange has a fault".into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn agent_notices(&mut self, happening: Happening, now: Moment) -> Result<(), String> {
        match happening {
            Happening::Report(Report::Registered(_)) if self.caller_line.is_none() => {
                self.tell("Anna", "registers her phone, which logs her in to the queue `support`");
                self.cue(now, 500, Cue::Dial);
            }
            Happening::Report(Report::RegistrationRefused(Status(status))) => {
                return Err(format!("Anna's phone was not registered: {status}"));
            }
            Happening::Report(Report::Incoming { line, from }) => {
                self.tell("Anna", &format!("her phone rings: {}", from.user));
                self.agent_line = Some(line);
                self.cue(now, 4000, Cue::Answer);
            }
            Happening::Sensed(Sensation::Hears(hearing)) => self.hears(Who::Agent, &hearing),
            Happening::Sensed(Sensation::Said) if self.heard.contains(&(false, "caller-asks".into())) => {
                self.cue(now, 500, Cue::HangUp);
            }
            Happening::Sensed(Sensation::Said) => self.cue(now, 500, Cue::Say(Who::Caller, 1)),
            Happening::Over { ending, tape, .. } => {
                self.tell("Anna", &format!("her call is over: {}", phone::ended(&ending)));
                self.over.push((Who::Agent, tape));
            }
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self, cue: Cue, epoll: &Epoll) -> Result<(), String> {
        match cue {
            Cue::Dial => {
                self.tell("caller", &format!("dials {NUMBER}"));
                self.caller_line = Some(self.caller.dial(NUMBER, epoll)?);
            }
            Cue::Press => {
                self.tell("caller", "presses 2");
                self.caller_line.inspect(|line| self.caller.press(*line, '2'));
            }
            Cue::Answer => {
                self.tell("Anna", "answers");
                let Some(line) = self.agent_line else { return Ok(()) };
                self.agent.answer(line, epoll)?;
                self.cue(clock::now().mono, 500, Cue::Say(Who::Agent, 0));
            }
            Cue::Say(who, what) => {
                let (phone, line) = match who {
                    Who::Caller => (&mut self.caller, self.caller_line),
                    Who::Agent => (&mut self.agent, self.agent_line),
                };
                if let (Some(line), Some(clip)) = (line, self.speech.get(what)) {
                    phone.play(line, clip.clone());
                }
            }
            Cue::HangUp => {
                self.tell("Anna", "hangs up");
                self.agent_line.inspect(|line| self.agent.hang_up(*line));
            }
        }
        Ok(())
    }

    fn cue(&mut self, now: Moment, millis: u64, cue: Cue) {
        self.cues.push((now + Duration::from_millis(millis), cue));
    }

    fn hears(&mut self, who: Who, hearing: &Hearing) {
        let is_caller = who == Who::Caller;
        let sentence = match hearing {
            // The one who does not speak.
            Hearing::Silence => return,
            Hearing::Else => "hears something unknown".to_string(),
            // Music goes round and round; that is told once.
            Hearing::Sound(name) if !self.heard.insert((is_caller, name.clone())) && &**name == MUSIC => return,
            Hearing::Sound(name) if &**name == MUSIC => "hears hold music".to_string(),
            Hearing::Sound(name) => {
                let said = self.words.get(&**name).map_or(&**name, |words| words.as_str());
                let speaker = match &**name {
                    "caller-asks" => "the caller",
                    "anna-greets" | "anna-ends" => "Anna",
                    _ => "the exchange",
                };
                format!("hears {speaker}: \"{said}\"")
            }
        };
        self.tell(if is_caller { "caller" } else { "Anna" }, &sentence);
    }

    fn tell(&self, who: &str, sentence: &str) {
        let time = clock::now().mono.since(self.began).as_secs_f64();
        print(&format!("{time:5.1}  {who:<9} {}\n", clean(sentence)));
    }

    fn judge(&self) -> Result<(), String> {
        let caller = CALLER_MUST_HEAR.map(|name| (true, name)).into_iter();
        let agent = AGENT_MUST_HEAR.map(|name| (false, name)).into_iter();
        let missing: Vec<&str> = caller
            .chain(agent)
            .filter(|(is_caller, name)| !self.heard.contains(&(*is_caller, Name::from(*name))))
            .map(|(_, name)| name)
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("this was never heard: {}", missing.join(", "))) }
    }
}

/// The record of the only call, once it is kept.
fn record(data: &Path, epoll: &mut Epoll) -> Result<String, String> {
    let end = clock::now().mono + RECORD;
    loop {
        let calls = match Client::connect(data)?.ask(&Request::Cdr { limit: 1, reference: None })? {
            Response::Cdr(calls) => calls,
            other => return Err(super::client::strange(&other)),
        };
        if let Some(call) = calls.into_iter().next() {
            let call: CallReport =
                serde_json::from_value(call).map_err(|fault| format!("could not read the record: {fault}"))?;
            return Ok(cdr::whole(&call));
        }
        if clock::now().mono >= end {
            return Err("the exchange kept no record of the call".into());
        }
        wait(epoll, &[], Some(clock::now().mono + Duration::from_millis(100)))?;
    }
}
