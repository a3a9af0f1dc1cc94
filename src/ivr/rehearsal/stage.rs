//! One caller's call in virtual time: a clock, a line, and what happens, in order.
//!
//! The call is answered as soon as the flow wants; every sound takes [`SOUND`]; the world answers after [`REPLY`]. Invariant: each
//! [`Stage::advance`] takes the call to its next event, so a rehearsal ends when nothing is to come.

use super::props::Props;
use crate::id::{Name, PlayId};
use crate::ivr::{Caller, Cause, Command, DialEnd, Event, Flow, Keep, KeepEnd, QueueEnd, Session};
use crate::time::{Duration, Moment, Now, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// How long a sound is.
pub const SOUND: Duration = Duration::from_secs(2);
/// How long the world takes to answer.
const REPLY: Duration = Duration::from_millis(100);
/// How long somebody speaks who leaves a message.
const SPEECH: Duration = Duration::from_secs(5);

/// What a caller, or somebody who looks on, notices.
#[derive(Clone, PartialEq, Debug)]
pub enum Happening {
    Hears {
        language: Name,
        sound: Name,
    },
    Joins {
        queue: Name,
        need: Option<String>,
        value: Option<f64>,
    },
    LeavesQueue {
        key: char,
    },
    Dials {
        to: Name,
    },
    Transfers {
        to: Name,
    },
    /// `body` is there for a POST.
    Asks {
        url: String,
        body: Option<serde_json::Value>,
    },
    Leaves(Keep),
    Ends(Ending),
}

/// How the call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The flow hung up.
    Hangup(Cause),
    /// The caller is somebody else's.
    Transferred,
    /// The caller hung up.
    HungUp,
}

impl Ending {
    pub const WORDS: &'static [(&'static str, Ending)] = &[
        ("hangup", Ending::Hangup(Cause::Normal)),
        ("busy", Ending::Hangup(Cause::Busy)),
        ("rejected", Ending::Hangup(Cause::Rejected)),
        ("unavailable", Ending::Hangup(Cause::Unavailable)),
        ("loop", Ending::Hangup(Cause::Loop)),
        ("transferred", Ending::Transferred),
        ("hung_up", Ending::HungUp),
    ];

    pub fn word(self) -> &'static str {
        Ending::WORDS.iter().find(|(_, ending)| *ending == self).map_or("", |(word, _)| word)
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Hears { language, sound } => write!(f, "hears {sound} ({language})"),
            Happening::Joins { queue, need, value } => {
                write!(f, "joins queue {queue}")?;
                need.as_ref().map_or(Ok(()), |need| write!(f, ", needs {need}"))?;
                value.map_or(Ok(()), |value| write!(f, ", worth {value}"))
            }
            Happening::LeavesQueue { key } => write!(f, "leaves the queue by {key}"),
            Happening::Dials { to } => write!(f, "is put through to {to}"),
            Happening::Transfers { to } => write!(f, "is given to {to}"),
            Happening::Asks { url, body: None } => write!(f, "GET {url}"),
            Happening::Asks { url, body: Some(body) } => write!(f, "POST {url} {body}"),
            Happening::Leaves(Keep::Message { mailbox, .. }) => write!(f, "leaves a message for {mailbox}"),
            Happening::Leaves(Keep::Recording { name, .. }) => write!(f, "leaves a recording {name}"),
            Happening::Leaves(Keep::Callback { queue, number }) => write!(f, "wants to be called back by {queue} at {number}"),
            Happening::Leaves(Keep::Survey { name, answers }) => {
                write!(f, "answers survey {name} with {}", answers.iter().collect::<String>())
            }
            Happening::Ends(ending) => write!(f, "the call ends: {}", ending.word()),
        }
    }
}

/// What somebody must do before the call goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    Queue,
    Dial,
    Transfer,
}

impl Held {
    /// What has happened when it begins.
    pub fn is_begun_by(self, happening: &Happening) -> bool {
        match self {
            Held::Queue => matches!(happening, Happening::Joins { .. }),
            Held::Dial => matches!(happening, Happening::Dials { .. }),
            Held::Transfer => matches!(happening, Happening::Transfers { .. }),
        }
    }
}

struct Playing {
    play: PlayId,
    language: Name,
    left: VecDeque<Name>,
    /// When the sound that is heard ends; never for music that goes round.
    ends: Option<Moment>,
}

pub struct Stage {
    session: Session,
    props: Props,
    began: Wall,
    now: Moment,
    playing: Option<Playing>,
    held: Option<Held>,
    /// What was begun to be kept.
    keeping: bool,
    due: Vec<(Moment, Event)>,
    /// What happened, when, and in which node.
    pub log: Vec<(Duration, Name, Happening)>,
    over: bool,
}

impl Stage {
    pub fn new(flow: Arc<Flow>, flows: &BTreeMap<Name, Arc<Flow>>, caller: Caller, props: Props, began: Wall) -> Stage {
        let mut stage = Stage {
            session: Session::begin(flow, flows, &props.speech, caller),
            props,
            began,
            now: Moment::ZERO,
            playing: None,
            held: None,
            keeping: false,
            due: Vec::new(),
            log: Vec::new(),
            over: false,
        };
        stage.tell(Event::Begin);
        stage
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    pub fn now(&self) -> Now {
        let passed = self.now.since(Moment::ZERO);
        Now { mono: self.now, wall: self.began + passed }
    }

    pub fn passed(&self) -> Duration {
        self.now.since(Moment::ZERO)
    }

    /// The caller is gone, or somebody else's, and the flow has nothing left to do.
    pub fn is_over(&self) -> bool {
        self.over && self.session.is_over()
    }

    pub fn held(&self) -> Option<Held> {
        self.held
    }

    /// When the sound that is heard now ends.
    pub fn sound_ends(&self) -> Option<Moment> {
        self.playing.as_ref().and_then(|playing| playing.ends)
    }

    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// When something happens by itself.
    pub fn next(&self) -> Option<Moment> {
        let due = self.due.iter().map(|(at, _)| *at).min();
        [due, self.sound_ends(), self.session.poll_timeout()].into_iter().flatten().min()
    }

    /// To the next thing that happens by itself; false when nothing does.
    pub fn advance(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.now = self.now.max(next);
        if let Some(at) = (0..self.due.len()).filter(|at| self.due[*at].0 <= next).min_by_key(|at| self.due[*at].0) {
            let (_, event) = self.due.remove(at);
            self.tell(event);
        } else if self.sound_ends().is_some_and(|ends| ends <= next) {
            self.next_sound();
        } else {
            let mut out = Vec::new();
            self.session.handle_timeout(self.now(), &mut out);
            self.obey(out);
        }
        true
    }

    /// Lets time pass, with all that happens in it.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.next().is_some_and(|next| next <= until) && self.advance() {}
        self.now = until;
    }

    pub fn press(&mut self, key: char) {
        self.tell(Event::Digit(key));
    }

    pub fn hang_up(&mut self) {
        if !self.over {
            self.end(Ending::HungUp);
            self.tell(Event::HungUp);
        }
    }

    /// The queue lets go of the caller; false when they are in none.
    pub fn queue_ends(&mut self, end: QueueEnd) -> bool {
        let held = self.held == Some(Held::Queue);
        if held {
            self.held = None;
            self.tell(Event::Queue(end));
        }
        held
    }

    /// The extension that was rung does this; false when none was.
    pub fn dial_ends(&mut self, end: DialEnd) -> bool {
        let event = match self.held {
            Some(Held::Dial) => Event::Dial(end),
            Some(Held::Transfer) => Event::Transfer(end),
            Some(Held::Queue) | None => return false,
        };
        self.held = None;
        self.tell(event);
        if self.session.is_over() && !self.over {
            self.end(Ending::Transferred);
        }
        true
    }

    fn tell(&mut self, event: Event) {
        let mut out = Vec::new();
        self.session.handle(event, self.now(), &mut out);
        self.obey(out);
    }

    fn next_sound(&mut self) {
        let Some(playing) = &mut self.playing else { return };
        match playing.left.pop_front() {
            Some(sound) => {
                playing.ends = Some(self.now + SOUND);
                let language = playing.language.clone();
                self.note(Happening::Hears { language, sound });
            }
            None => {
                let play = playing.play;
                self.playing = None;
                self.tell(Event::Played { play });
            }
        }
    }

    fn note(&mut self, happening: Happening) {
        self.log.push((self.passed(), self.session.node().clone(), happening));
    }

    fn end(&mut self, ending: Ending) {
        self.over = true;
        self.playing = None;
        self.held = None;
        self.note(Happening::Ends(ending));
    }

    fn obey(&mut self, commands: Vec<Command>) {
        for command in commands {
            self.obey_one(command);
        }
    }

    fn obey_one(&mut self, command: Command) {
        match command {
            Command::Answer => self.tell(Event::Answered),
            Command::Play { play, language, prompts, repeat } => self.start(play, language, prompts, repeat),
            Command::StopPlaying => self.playing = None,
            Command::Enqueue { queue, need, value } => {
                self.hold(Held::Queue);
                self.note(Happening::Joins { queue, need: need.map(|need| need.to_string()), value });
            }
            Command::LeaveQueue { key, .. } => {
                self.held = None;
                self.note(Happening::LeavesQueue { key });
            }
            Command::Dial { to, .. } => {
                self.hold(Held::Dial);
                self.note(Happening::Dials { to });
            }
            Command::Transfer { to, .. } => {
                self.hold(Held::Transfer);
                self.note(Happening::Transfers { to });
            }
            Command::Keep(what) => self.keep(what),
            Command::StopKeeping => {
                if std::mem::take(&mut self.keeping) {
                    self.due.retain(|(_, event)| !matches!(event, Event::Kept(_)));
                    self.due.push((self.now, Event::Kept(self.props.keeps.unwrap_or(KeepEnd::Kept))));
                }
            }
            Command::LookUpHours { calendar } => {
                let hours = self.props.hours(&calendar, self.now().wall);
                self.tell(Event::Hours(hours));
            }
            Command::LookAtQueues { queues } => {
                let queues = self.props.glance(&queues);
                self.tell(Event::Queues(queues));
            }
            Command::Ask { ask, question, .. } => {
                if let crate::ask::Question::Http(request) = &question {
                    self.note(Happening::Asks { url: request.url.clone(), body: request.body.clone() });
                }
                let reply = self.props.answer(&question);
                self.due.push((self.now + REPLY, Event::Reply { ask, reply }));
            }
            Command::Hangup { cause } => self.end(Ending::Hangup(cause)),
        }
    }

    fn hold(&mut self, held: Held) {
        self.playing = None;
        self.held = Some(held);
    }

    fn start(&mut self, play: PlayId, language: Name, prompts: Vec<Name>, repeat: bool) {
        self.playing = Some(Playing { play, language, left: prompts.into(), ends: None });
        self.next_sound();
        if let Some(playing) = self.playing.as_mut().filter(|_| repeat) {
            playing.ends = None;
        }
    }

    fn keep(&mut self, what: Keep) {
        let after = match &what {
            Keep::Message { silence, longest, .. } | Keep::Recording { silence, longest, .. } => {
                (SPEECH + *silence).min(*longest)
            }
            Keep::Callback { .. } | Keep::Survey { .. } => REPLY,
        };
        self.keeping = true;
        self.note(Happening::Leaves(what));
        self.due.push((self.now + after, Event::Kept(self.props.keeps.unwrap_or(KeepEnd::Kept))));
    }
}
