//! The world around one exchange: it takes the next thing that is due, lets it happen, carries what follows, and holds the books.
//!
//! Invariant: everything that happens comes from the agenda or from a machine's own deadline, in one order that the seed decides.

use super::agenda::Agenda;
use super::caller::{Life, Person};
use super::circumstances::{Circumstances, Copyist};
use super::clock::Clock;
use super::ledger::Ledger;
use super::network::{Network, draw};
use super::promises::{Invariant, Verdict, Violation, judge};
use super::shards::{Cue, Shards, Upshot, told};
use super::trace::{Trace, headline};
use crate::ask::{Answer, Ask, Customer, PinVerdict, Question, Reply};
use crate::control;
use crate::id::{AskId, ReplyId, Rng};
use crate::media;
use crate::pbx::{Action, Event, Pbx};
use crate::phone;
use crate::sip::{self, Path};
use crate::store::{Committed, Write};
use crate::time::{Duration, Moment, Timers};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Media shards of a simulated exchange.
pub const SHARDS: u16 = 3;
/// A world that takes more steps than this feeds itself.
const MAX_STEPS: u64 = 400_000;
/// The exchange is asked for its counts once in so many steps.
const STATUS_EVERY: u64 = 64;
/// The store commits within this time.
const COMMIT: Duration = Duration::from_millis(120);
/// A question is answered within this time, if at all.
pub(super) const REPLY: Duration = Duration::from_millis(900);

/// Who has a clock of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Who {
    Exchange,
    Person(usize),
}

#[derive(Clone, Debug)]
pub enum Happening {
    /// A message reaches somebody.
    Arrives {
        at: Who,
        path: Path,
        bytes: Vec<u8>,
    },
    /// A stream ends for somebody.
    Breaks {
        at: Who,
        connection: sip::ConnectionId,
    },
    /// A person does something.
    Act {
        who: usize,
        act: super::acts::Act,
    },
    Media(Cue),
    /// A telephone-event reaches one of our audio ports.
    Key {
        from: SocketAddr,
        to: SocketAddr,
        digit: char,
    },
    /// Nothing has come from this audio address for long, or something comes again.
    Silence {
        from: SocketAddr,
        silent: bool,
    },
    Answer(Answer),
    /// A phone learns the addresses of a name, or that there are none; `call` waits for that.
    Resolved {
        who: usize,
        call: Option<usize>,
        query: sip::QueryId,
        addresses: Vec<IpAddr>,
    },
    /// The operator stops the exchange.
    Stop,
    /// Somebody sets the civil clock.
    ClockSet {
        seconds: i64,
    },
    /// It is too late to answer a question.
    Overdue(AskId),
    Committed(Committed),
}

pub struct World {
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) agenda: Agenda<Happening>,
    pub(super) wakes: Timers<Who>,
    pub(super) network: Network,
    pub(super) rng: Rng,
    pub(super) trace: Trace,
    pub(super) ledger: Ledger,
    pub(super) shards: Shards,
    pub(super) pbx: Pbx,
    pub(super) people: Vec<Person>,
    pub(super) by_address: BTreeMap<SocketAddr, usize>,
    pub(super) circumstances: Circumstances,
    inbox: VecDeque<Event>,
    /// The exchange's last reply at the control socket.
    reply: Option<control::Response>,
    replies: u64,
    steps: u64,
    connections: u64,
}

impl World {
    pub fn new(seed: u64, lives: Vec<Life>, circumstances: Circumstances) -> World {
        let clock = Clock::default();
        let trace = circumstances.transcript.map_or_else(Trace::silent, Trace::spoken);
        let mut network = Network::new(circumstances.inbound, circumstances.outbound);
        circumstances.cuts.iter().for_each(|cut| network.cut(*cut));
        let mut world = World {
            seed,
            network,
            rng: Rng::from_seed(seed),
            pbx: Pbx::new(circumstances.config.clone(), SHARDS, chance_of_the_exchange(seed, 0), clock.now()),
            shards: Shards::new(circumstances.sounds.clone(), circumstances.open_failures),
            clock,
            trace,
            circumstances,
            agenda: Agenda::default(),
            wakes: Timers::new(),
            ledger: Ledger::default(),
            people: Vec::new(),
            by_address: BTreeMap::new(),
            inbox: VecDeque::new(),
            reply: None,
            replies: 0,
            steps: 0,
            connections: 0,
        };
        lives.into_iter().for_each(|life| world.admit(life));
        world.foresee_silences();
        world.foresee_disturbances();
        world.rouse(Who::Exchange);
        world
    }

    /// Goes on until so much time has passed.
    pub fn run_for(&mut self, time: Duration) -> Verdict {
        let until = self.clock.mono() + time;
        while self.next().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.clock.advance(until);
        Ok(())
    }

    /// The next thing happens; false when nothing ever will.
    pub fn step(&mut self) -> Result<bool, Violation> {
        let Some(at) = self.next() else { return Ok(false) };
        self.clock.advance(at);
        self.trace.mix(at.as_nanos().unsigned_abs());
        self.steps += 1;
        let (steps, circumstances) = (self.steps, &self.circumstances);
        judge(Invariant::ThingsComeToAnEnd, steps < MAX_STEPS, || format!("{steps} steps, and no end"))?;
        let due = |every: Option<u64>| every.is_some_and(|every| steps.is_multiple_of(every));
        let rewrite = circumstances.rewrite_every.filter(|(every, _)| due(Some(*every)));
        let reseed = due(circumstances.reseed_every);
        if let Some((_, by)) = rewrite {
            self.rewrite(by)?;
        }
        if reseed {
            // Neither chance nor secrets are written down with the state: both are given anew.
            self.pbx.reseed(chance_of_the_exchange(self.seed, steps));
            self.tell(Event::Reload(self.circumstances.config.clone()))?;
        }
        if self.agenda.next() == Some(at) {
            if let Some((_, happening)) = self.agenda.take() {
                self.happen(happening)?;
            }
        } else if let Some(who) = self.wakes.pop(at) {
            self.wake(who)?;
        }
        let check = self.pbx.check(self.clock.now());
        judge(Invariant::BooksAgree, check.is_ok(), || check.err().unwrap_or_default())?;
        if steps.is_multiple_of(STATUS_EVERY) {
            let status = self.ask_status()?;
            self.ledger.agrees(&status)?;
        }
        Ok(true)
    }

    pub fn people(&self) -> &[Person] {
        &self.people
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    pub fn age(&self) -> Duration {
        self.clock.age()
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Which states the exchange's user agent and the phones' have been in.
    pub fn visited(&self) -> sip::Visited {
        let mut visited = self.pbx.visited();
        self.people.iter().for_each(|person| visited.merge(person.phone.endpoint().visited()));
        visited
    }

    pub(super) fn next(&self) -> Option<Moment> {
        [self.agenda.next(), self.wakes.next()].into_iter().flatten().min()
    }

    fn happen(&mut self, happening: Happening) -> Verdict {
        let now = self.clock.mono();
        let mut upshots = Vec::new();
        match happening {
            Happening::Arrives { at: Who::Exchange, path, bytes } => {
                self.trace.bytes(&bytes);
                self.trace.say(now, || format!("{} -> exchange   {}", path.remote, headline(&bytes)));
                self.tell(Event::Sip(sip::Input::Received { path, bytes }))?;
            }
            Happening::Arrives { at: Who::Person(who), path, bytes } => {
                self.trace.bytes(&bytes);
                self.trace.say(now, || format!("exchange -> {}   {}", path.local, headline(&bytes)));
                if self.reaches(who, &bytes)? {
                    self.tell_phone(who, phone::Event::Sip(sip::Input::Received { path, bytes }))?;
                }
            }
            Happening::Breaks { at: Who::Exchange, connection } => {
                self.tell(Event::Sip(sip::Input::Disconnected { connection }))?;
            }
            Happening::Breaks { at: Who::Person(who), connection } => {
                self.tell_phone(who, phone::Event::Sip(sip::Input::Disconnected { connection }))?;
            }
            Happening::Act { who, act } => self.act(who, act)?,
            Happening::Media(Cue::Report(report)) => {
                self.trace.say(now, || format!("media {report:?}"));
                self.tell(Event::Media(report))?;
            }
            Happening::Media(Cue::Sound { leg, play, index }) => {
                self.shards.sound(leg, play, index, now, &mut self.rng, &mut upshots);
            }
            Happening::Key { from, to, digit } => {
                self.shards.press(from, to, digit, now, &mut self.rng, &mut upshots);
            }
            Happening::Silence { from, silent } => {
                for leg in self.shards.heard_from(from) {
                    self.shards.silence(leg, silent, now, &mut self.rng, &mut upshots);
                }
            }
            Happening::Answer(answer) => self.tell(Event::Answer(answer))?,
            Happening::Resolved { who, call, query, addresses } => {
                self.people[who].dialling = call;
                self.tell_phone(who, phone::Event::Sip(sip::Input::Resolved { query, addresses }))?;
                self.people[who].dialling = None;
            }
            Happening::Stop => {
                self.trace.say(now, || "the exchange is stopped".into());
                self.replies += 1;
                self.tell(Event::Control { reply: ReplyId(self.replies), request: control::Request::Stop })?;
            }
            Happening::ClockSet { seconds } => {
                self.trace.say(now, || format!("the civil clock is set by {seconds} s"));
                self.clock.set_back_or_forward(seconds);
            }
            Happening::Overdue(question) => self.ledger.forget_question(question),
            Happening::Committed(committed) => self.tell(Event::Committed(committed))?,
        }
        self.follow(upshots);
        Ok(())
    }

    fn wake(&mut self, who: Who) -> Verdict {
        match who {
            Who::Person(who) => self.wake_phone(who),
            Who::Exchange => {
                let mut actions = Vec::new();
                self.pbx.handle_timeout(self.clock.now(), &mut actions);
                self.carry_out(actions)?;
                self.settle()
            }
        }
    }

    /// Tells the exchange one thing, and whatever is to be told in the same batch.
    pub(super) fn tell(&mut self, event: Event) -> Verdict {
        self.inbox.push_back(event);
        self.settle()
    }

    fn settle(&mut self) -> Verdict {
        while let Some(event) = self.inbox.pop_front() {
            self.ledger.event(&event)?;
            let mut actions = Vec::new();
            self.pbx.handle(event, self.clock.now(), &mut actions);
            self.carry_out(actions)?;
        }
        self.rouse(Who::Exchange);
        Ok(())
    }

    fn carry_out(&mut self, actions: Vec<Action>) -> Verdict {
        for action in actions {
            self.ledger.action(&action, self.clock.mono())?;
            match action {
                Action::Transmit { path, bytes } => self.deliver_outbound(path, bytes),
                Action::CloseConnection { connection } => self.close_stream(connection),
                Action::Media { shard, command } => {
                    self.trace.mix(shard.0.into());
                    self.trace.bytes(format!("{command:?}").as_bytes());
                    self.trace.say(self.clock.mono(), || told(&command));
                    if let media::Command::Connect { stream, .. } = &command {
                        self.foresee_silence(stream.remote);
                    }
                    let mut upshots = Vec::new();
                    self.shards.command(shard, command, self.clock.mono(), &mut self.rng, &mut upshots);
                    self.follow(upshots);
                }
                Action::Ask(ask) => self.reply_to(ask),
                Action::Write(write) => self.commit(write),
                Action::Reply { response, .. } => self.reply = Some(response),
            }
        }
        Ok(())
    }

    fn follow(&mut self, upshots: Vec<Upshot>) {
        for upshot in upshots {
            match upshot {
                Upshot::Report(report) => self.inbox.push_back(Event::Media(report)),
                Upshot::Later(at, cue) => self.agenda.enter(at, Happening::Media(cue)),
                Upshot::Hears { at, sound } => self.hears(at, sound),
            }
        }
    }

    fn commit(&mut self, Write { id, what, .. }: Write) {
        self.trace.bytes(format!("{id:?} {what:?}").as_bytes());
        self.trace.say(self.clock.mono(), || format!("write {what:?}"));
        let outcome = if self.rng.chance(self.circumstances.disk_failures) { Err("the disk is full".into()) } else { Ok(()) };
        let now = self.clock.mono();
        let stalled = self.circumstances.disk_stalls.filter(|(from, _)| now.since(Moment::ZERO) >= *from);
        let at = now + draw(COMMIT, &mut self.rng);
        let at = stalled.map_or(at, |(_, until)| at.max(Moment::ZERO + until));
        self.agenda.enter(at, Happening::Committed(Committed { id, outcome }));
    }

    fn reply_to(&mut self, Ask { id, question, deadline }: Ask) {
        self.trace.mix(id.0);
        self.trace.say(self.clock.mono(), || format!("asks {question:?}"));
        // Names and PINs are all that this world knows; whatever else is asked has no answer.
        let known = match &question {
            Question::Resolve { host } => Some(self.resolve(host)).filter(|found| !found.is_empty()).map(Reply::Addresses),
            Question::Servers { host } => Some(self.resolve(host)).filter(|found| !found.is_empty()).map(servers),
            // Everybody is a customer, and their number is their PIN.
            Question::VerifyPin(check) if check.pin == check.customer => {
                Some(Reply::Pin(PinVerdict::Accepted(Customer::default())))
            }
            Question::VerifyPin(_) => Some(Reply::Pin(PinVerdict::Refused)),
            _ => None,
        };
        let never = self.rng.chance(self.circumstances.answers_never);
        let known = known.filter(|_| !self.rng.chance(self.circumstances.answers_failed));
        let at = self.clock.mono() + draw(REPLY, &mut self.rng);
        self.agenda.enter(deadline + Duration::from_nanos(1), Happening::Overdue(id));
        if never || at >= deadline {
            return;
        }
        let reply = known.unwrap_or_else(|| Reply::Failed("nobody knows it".into()));
        self.agenda.enter(at, Happening::Answer(Answer { id, reply }));
    }

    /// Asks the exchange for its own counts.
    pub fn ask_status(&mut self) -> Result<control::Status, Violation> {
        match self.ask(control::Request::Status)? {
            Some(control::Response::Status(status)) => Ok(status),
            _ => judge(Invariant::CountsAgree, false, || "the exchange does not say how it is".into())
                .map(|()| Default::default()),
        }
    }

    /// What an operator asks of the exchange, and its reply; `None` when it answers only later.
    pub fn ask(&mut self, request: control::Request) -> Result<Option<control::Response>, Violation> {
        self.replies += 1;
        self.reply = None;
        self.tell(Event::Control { reply: ReplyId(self.replies), request })?;
        Ok(self.reply.take())
    }

    /// The state is plain data: written down, read back, it is the same exchange.
    fn rewrite(&mut self, by: Copyist) -> Verdict {
        match by(&self.pbx) {
            Ok(pbx) => self.pbx = pbx,
            Err(why) => return judge(Invariant::PlainData, false, || why),
        }
        self.rouse(Who::Exchange);
        Ok(())
    }

    pub(super) fn rouse(&mut self, who: Who) {
        let deadline = match who {
            Who::Exchange => self.pbx.poll_timeout(),
            Who::Person(who) => self.people[who].phone.poll_timeout().filter(|_| !self.people[who].vanished),
        };
        match deadline {
            Some(at) if self.wakes.deadline(&who) == Some(at) => {}
            Some(at) => self.wakes.set(who, at),
            None => drop(self.wakes.cancel(&who)),
        }
    }

    pub(super) fn new_connection(&mut self) -> sip::ConnectionId {
        self.connections += 1;
        sip::ConnectionId(self.connections)
    }
}

/// The exchange's own chance: another than the world's, and a fresh one at each reseeding.
fn chance_of_the_exchange(seed: u64, step: u64) -> Rng {
    Rng::from_seed(seed.rotate_left(17) ^ 0x0ffe_e000_0000_0001 ^ step.wrapping_mul(0x2545_f491_4f6c_dd1d))
}

/// Each address as a server of its own, none before another.
fn servers(addresses: Vec<IpAddr>) -> Reply {
    let server = |address| crate::ask::Server { priority: 0, weight: 0, address: SocketAddr::new(address, 5060) };
    Reply::Servers(addresses.into_iter().map(server).collect())
}
