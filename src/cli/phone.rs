//! `centrala phone`: a telephone for the terminal. It registers, calls or answers, presses keys, plays a WAV file and records
//! what it hears, and says what happens and when, one line each.
//!
//! Invariant: it ends with its call: the exit code is 0 when the call was answered.

use super::acts::{Act, Acts, acts, time};
use super::softphone::{Account, Happening, Softphone, wait};
use super::table::{clean, print};
use crate::audio::{Clip, RATE, resample, wav};
use crate::phone::{Hearing, Report, Sensation};
use crate::sdp::Direction;
use crate::shell::files;
use crate::shell::soundcard::Card;
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::shell::sys::signals::Signals;
use crate::sip::{DialogId, Ending, Status};
use crate::time::{Duration, Moment};
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A call that is being ended, and a registration that is being taken back, are waited for so long.
const FAREWELL: Duration = Duration::from_secs(3);
/// A registration that was not answered by then is not going to be (RFC 3261 timer F).
const REGISTRATION: Duration = Duration::from_secs(32);

/// Make or take one call, without a telephone: keys, a WAV file for a voice, a WAV file of what was heard
#[derive(Args, Debug)]
pub struct Phone {
    /// The exchange, over UDP
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5060")]
    server: SocketAddr,
    /// The extension, and the name of its account
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Its password (which other users of this machine can see in the list of processes)
    #[arg(long, value_name = "PASSWORD", conflicts_with = "password_file")]
    password: Option<String>,
    /// A file with its password, such as DATA/secrets/1001
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Listen here; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT")]
    local: Option<SocketAddr>,
    /// Call without registering first; without a password that is so anyway
    #[arg(long)]
    no_register: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Call a number
    Call {
        number: String,
        #[command(flatten)]
        conduct: Conduct,
    },
    /// Wait for a call and answer it
    Answer {
        /// Let it ring for so long
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
        after: Duration,
        #[command(flatten)]
        conduct: Conduct,
    },
}

/// How the call is conducted once it is answered.
#[derive(Args, Debug)]
struct Conduct {
    /// Say this, once (WAV, any rate)
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// Talk and listen by the system's microphone and speaker (in a build with the feature `soundcard`)
    #[arg(long)]
    soundcard: bool,
    /// Keep what was heard (WAV, 8 kHz)
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Keys to press, each so long after the one before: "2s:1,500ms:#"; `hold`, `resume` and `hangup` are keys too
    #[arg(long, value_name = "TIME:KEY,...", default_value = "", value_parser = acts)]
    keys: Acts,
    /// Hang up after so long
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    limit: Option<Duration>,
}

pub fn run(arguments: &Phone) -> Result<(), String> {
    let (conduct, answers_after) = match &arguments.what {
        What::Call { conduct, .. } => (conduct, None),
        What::Answer { conduct, after } => (conduct, Some(*after)),
    };
    let voice = conduct.play.as_deref().map(read_voice).transpose()?;
    let card = conduct.soundcard.then(Card::open).transpose()?;
    let password = match &arguments.password_file {
        Some(file) => Some(read_password(file)?),
        None => arguments.password.clone(),
    };
    if answers_after.is_some() && (password.is_none() || arguments.no_register) && arguments.local.is_none() {
        return Err("a phone that does not register is called where it listens: say where by --local".into());
    }
    let registers = password.is_some() && !arguments.no_register;
    let signals = Signals::take().map_err(|fault| format!("could not listen for signals: {fault}"))?;
    let mut epoll = Epoll::new().map_err(|fault| format!("could not wait for anything: {fault}"))?;
    epoll.add(signals.fd(), 0).map_err(|fault| format!("could not wait for signals: {fault}"))?;
    let account = Account {
        server: arguments.server,
        user: arguments.user.clone(),
        display: String::new(),
        password,
        domain: None,
        local: arguments.local,
        expires: Duration::from_secs(600),
    };
    let phone = Softphone::open(account, Arc::default(), &epoll)?;
    let began = clock::now().mono;
    let mut talk = Conversation {
        phone,
        began,
        voice,
        card,
        answers_after,
        acts: conduct.keys.clone(),
        limit: conduct.limit,
        line: None,
        due: None,
        answer_at: None,
        hangup_at: None,
        registered: None,
        answered: false,
        over: None,
    };
    talk.say(&format!("{} at {}, the exchange at {}", arguments.user, talk.phone.address(), arguments.server));
    if registers {
        talk.phone.register(true);
        talk.run_until(&mut epoll, &signals, Some(began + REGISTRATION), |talk| talk.registered.is_some())?;
        match talk.registered {
            Some(Ok(_)) => {}
            Some(Err(status)) => return Err(format!("the exchange does not register {}: {}", arguments.user, meaning(status))),
            None => return Err(format!("nobody answers at {}", arguments.server)),
        }
    }
    if let What::Call { number, .. } = &arguments.what {
        talk.say(&format!("calls {number}"));
        talk.line = Some(talk.phone.dial(number, &epoll)?);
    }
    talk.run_until(&mut epoll, &signals, None, |talk| talk.over.is_some())?;
    if registers {
        talk.registered = None;
        talk.phone.register(false);
        let until = clock::now().mono + FAREWELL;
        talk.run_until(&mut epoll, &signals, Some(until), |talk| talk.registered.is_some())?;
    }
    let (ending, tape) = talk.over.take().ok_or("it was stopped before there was a call")?;
    if let Some(file) = &conduct.record {
        files::replace(file, &wav::write(RATE, &tape)?)?;
        talk.say(&format!("heard {:.1} s, kept in {}", tape.len() as f64 / f64::from(RATE), file.display()));
    }
    if talk.answered { Ok(()) } else { Err(format!("there was no conversation: {}", ended(&ending))) }
}

/// One phone, one call, and what remains to be done in it.
struct Conversation {
    phone: Softphone,
    began: Moment,
    voice: Option<Arc<Clip>>,
    card: Option<Card>,
    answers_after: Option<Duration>,
    acts: Acts,
    limit: Option<Duration>,
    line: Option<DialogId>,
    /// When the first of the acts is due.
    due: Option<Moment>,
    answer_at: Option<Moment>,
    hangup_at: Option<Moment>,
    registered: Option<Result<Duration, Status>>,
    answered: bool,
    over: Option<(Ending, Vec<i16>)>,
}

impl Conversation {
    /// Goes on until something is so, or `until`, or a signal has ended what there was.
    fn run_until(
        &mut self,
        epoll: &mut Epoll,
        signals: &Signals,
        until: Option<Moment>,
        so: impl Fn(&Conversation) -> bool,
    ) -> Result<(), String> {
        let mut until = until;
        while !so(self) {
            let now = clock::now();
            if until.is_some_and(|until| until <= now.mono) {
                return Ok(());
            }
            if signals.next().is_some() {
                self.say("stops");
                self.line.inspect(|line| self.phone.hang_up(*line));
                until = Some(if self.line.is_some() { now.mono + FAREWELL } else { now.mono });
            }
            let mut happened = Vec::new();
            self.phone.turn(now, &mut happened);
            for happening in happened {
                self.notice(happening, now.mono);
            }
            self.sound(now.mono);
            self.act(now.mono, epoll)?;
            if so(self) {
                break;
            }
            let due = [self.due, self.answer_at, self.hangup_at, until].into_iter().flatten().min();
            wait(epoll, &[&self.phone], due)?;
        }
        Ok(())
    }

    /// Carries sound between the card and the call; what is said before the answer is said to nobody.
    fn sound(&mut self, now: Moment) {
        let Some(card) = &self.card else { return };
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        card.said(&mut said);
        if let Some(line) = self.line.filter(|_| self.answered) {
            self.phone.live(line, &said, now, &mut heard);
            card.hears(&heard);
        }
        if let Some(why) = card.fault() {
            self.say(&why);
        }
    }

    fn notice(&mut self, happening: Happening, now: Moment) {
        match happening {
            Happening::Report(report) => self.hear(report, now),
            Happening::Sensed(Sensation::Digit(digit)) => self.say(&format!("was sent the key {digit}")),
            Happening::Sensed(Sensation::Said) => self.say("has said all"),
            Happening::Sensed(Sensation::Hears(hearing)) => self.say(match hearing {
                Hearing::Sound(_) | Hearing::Else => "hears something",
                Hearing::Silence => "hears silence",
            }),
            Happening::Over { line, ending, tape } if self.line == Some(line) => {
                self.say(&format!("over: {}", ended(&ending)));
                (self.due, self.answer_at, self.hangup_at) = (None, None, None);
                self.over = Some((ending, tape));
            }
            Happening::Over { .. } => {}
        }
    }

    fn hear(&mut self, report: Report, now: Moment) {
        match report {
            Report::Registered(time) => {
                if self.registered.is_none() {
                    let sentence = match time.as_secs() {
                        0 => "registered no more".to_string(),
                        seconds => format!("registered for {seconds} s"),
                    };
                    self.say(&sentence);
                }
                self.registered = Some(Ok(time));
            }
            Report::RegistrationRefused(status) => {
                self.say(&format!("not registered: {}", meaning(status)));
                self.registered = Some(Err(status));
            }
            Report::Incoming { line, from } => {
                if self.line.is_some() || self.answers_after.is_none() {
                    return self.phone.refuse(line, Status(486));
                }
                self.say(&format!("rings: {} {}", from.user, from.display));
                self.line = Some(line);
                self.answer_at = self.answers_after.map(|after| now + after);
            }
            Report::Ringing { status, .. } => self.say(&format!("it makes progress: {}", meaning(status))),
            Report::Answered { line } => {
                self.say("answered");
                self.answered = true;
                self.hangup_at = self.limit.map(|limit| now + limit);
                self.due = self.acts.0.front().map(|(after, _)| now + *after);
                if let Some(voice) = self.voice.take() {
                    self.phone.play(line, voice);
                }
            }
            Report::Audio { agreed, .. } => {
                let way = match agreed.direction {
                    Direction::SendRecv => "both ways",
                    Direction::SendOnly => "held by us",
                    Direction::RecvOnly => "held by them",
                    Direction::Inactive => "held by both",
                };
                self.say(&format!("audio with {} in {}, {way}", agreed.remote, agreed.codec));
            }
            Report::Unchanged { status, .. } => self.say(&format!("the change was refused: {}", meaning(status))),
            Report::Digit { digit, .. } => self.say(&format!("was sent the key {digit}")),
            // Its driver never probes, and hears of an end by `Over`.
            Report::Transfer { status, .. } => self.say(&format!("the transfer: {}", meaning(status))),
            Report::Alive { .. } | Report::Ended { .. } => {}
        }
    }

    /// Does what is due.
    fn act(&mut self, now: Moment, epoll: &Epoll) -> Result<(), String> {
        let Some(line) = self.line else { return Ok(()) };
        let is_due = |time: Option<Moment>| time.is_some_and(|time| time <= now);
        if is_due(self.answer_at) {
            self.answer_at = None;
            self.phone.answer(line, epoll)?;
        }
        if is_due(self.hangup_at) {
            self.hangup_at = None;
            self.say("hangs up");
            self.phone.hang_up(line);
        }
        while is_due(self.due) {
            let Some((_, act)) = self.acts.0.pop_front() else { break };
            self.due = self.acts.0.front().map(|(after, _)| now + *after);
            match act {
                Act::Press(digit) => {
                    self.say(&format!("presses {digit}"));
                    self.phone.press(line, digit);
                }
                Act::Hold | Act::Resume => {
                    self.say(if act == Act::Hold { "holds" } else { "comes back" });
                    self.phone.hold(line, act == Act::Hold);
                }
                Act::Hangup => {
                    self.say("hangs up");
                    self.phone.hang_up(line);
                }
            }
        }
        Ok(())
    }

    fn say(&self, sentence: &str) {
        let time = clock::now().mono.since(self.began);
        print(&format!("{:6.2}  {}\n", time.as_secs_f64(), clean(sentence)));
    }
}

/// A WAV file as it is said.
pub fn read_voice(file: &Path) -> Result<Arc<Clip>, String> {
    let bytes = files::read_sound(file).map_err(|why| format!("could not read {}: {why}", file.display()))?;
    voice(&bytes).map_err(|why| format!("could not play {} because {why}", file.display()))
}

pub fn voice(bytes: &[u8]) -> Result<Arc<Clip>, String> {
    let wave = wav::read(bytes)?;
    Ok(Arc::new(Clip::encode(&resample(wave.samples, wave.rate, RATE)?)))
}

fn read_password(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|fault| format!("could not read {}: {fault}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_string())
}

/// How a call ended, for a person.
pub fn ended(ending: &Ending) -> String {
    match ending {
        Ending::Bye { reason: None } => "the other side hung up".into(),
        Ending::Bye { reason: Some(reason) } => format!("the other side hung up ({reason})"),
        Ending::Cancelled => "the caller gave up".into(),
        Ending::Refused { status, .. } => meaning(*status),
        Ending::NoAck => "the caller did not confirm our answer".into(),
        Ending::Timeout => "nobody answered in time".into(),
        Ending::Gone => "the other side knows nothing of it".into(),
        Ending::Unreachable => "it could not be reached".into(),
        Ending::Expired => "the session was not refreshed".into(),
        Ending::Ours => "we hung up".into(),
    }
}

/// A status as it is understood by who calls (RFC 3261 section 21).
fn meaning(status: Status) -> String {
    let words = match status.0 {
        180 => "it rings",
        182 => "it waits in a queue",
        183 => "something is heard before the answer",
        401 | 403 | 407 => "not allowed (is the password right?)",
        404 | 604 => "there is no such number",
        408 => "nobody answered in time",
        480 => "nobody is there",
        486 | 600 => "busy",
        487 => "given up",
        488 | 606 => "no audio in common",
        503 => "the exchange is overloaded or stops",
        603 => "refused",
        _ => "",
    };
    format!("{} {words}", status.0).trim_end().to_string()
}
