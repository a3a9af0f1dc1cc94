//! The exchange: owns every call; the only place where rooms meet.
//!
//! ```text
//!            Event                         Action
//!              |                              ^
//!   +----------v------------------------------|---------+
//!   | Pbx      handle -> settle until all are silent    |
//!   |                                                   |
//!   |  sip::Endpoint --on_sip--+                        |
//!   |  media reports -on_media-+--> Call, Leg, Ports    |
//!   |  ivr::Session  --on_ivr--+    Attempt             |
//!   |  acd::Acd      --on_acd--+                        |
//!   |  answers     -on_answer--+    cdr -> store::Write |
//!   |  operator   -on_control--+                        |
//!   +---------------------------------------------------+
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `words` | the contract with whatever drives the exchange |
//! | `call` | a call, its legs, who holds it |
//! | `ports` | media ports, granted and resting |
//! | `timers` | what the exchange wants waking for, and what it does then |
//! | `questions` | what it asks the world |
//! | `restart` | what is brought back, taken anew, ended |
//! | `queueing` | what the queue engine does, kept for the records and the next start |
//! | `route` | where a dialled number leads |
//! | `leg` | a leg's audio: port, offer, answer, renegotiation; the end of a leg |
//! | `policy` | who may call whom: without its permit no phone rings |
//! | `targets` | what a permit allows, as addresses |
//! | `trunks` | the providers as they stand: found, watched, registered at |
//! | `dial` | making phones ring: attempts and their stages |
//! | `ringing`, `answered`, `unanswered` | what a caller hears meanwhile; who has won; what comes after those who do not answer |
//! | `parties` | joining and parting: a leg goes over into another call, from shard to shard |
//! | `transfers`, `parking`, `services` | REFER; callers left at a slot; what a code does |
//! | `three_way` | three who talk, and what becomes of two when one leaves |
//! | `presence` | lamps, agents' states: who is told how somebody stands |
//! | `bridge` | two people talk: joining, hold, the silence of one who has vanished |
//! | `attempts`, `locks` | wrong PINs, and who is locked out; what an operator does about it |
//! | `calendars` | what calendars say, and operators instead |
//! | `explain` | why a caller waits and an agent sits, in sentences |
//! | `notices` | what webhooks are told of calls |
//! | `finish` | how a call ends, however it ends |
//! | `cdr` | a finished call as a record |
//! | `on_*` | translators: one total `match` each over what one room says |
//! | `customers` | customers on their way into the store |
//! | `checks` | the invariants, and the way out when one is broken |
//!
//! Invariants: rooms never call back: what one says is queued, and [`Pbx::settle`] passes it on until all are silent; every call
//! that began ends in exactly one record.

mod answered;
mod attempts;
mod bridge;
mod calendars;
mod call;
mod cdr;
mod checks;
mod customers;
mod dial;
mod explain;
mod finish;
mod identity;
mod leg;
mod locks;
mod notices;
mod on_acd;
mod on_answer;
mod on_control;
mod on_ivr;
mod on_media;
mod on_sip;
mod on_store;
mod parking;
mod parties;
pub mod policy;
mod ports;
mod presence;
mod questions;
mod queueing;
mod restart;
mod ringing;
mod route;
mod routes;
mod services;
mod targets;
mod three_way;
mod timers;
mod transfers;
mod trunks;
mod unanswered;
mod words;

pub use call::{Attempt, AttemptId, Call, EndedBy, Outcome, Phase};
pub use route::{Lead, route as lead_of};
pub use words::*;

use crate::acd::{self, Acd, ItemId, OfferId};
use crate::config::Config;
use crate::id::{AskId, CallId, LegId, Name, PlayId, ReplyId, Rng, WriteId};
use crate::sip::{self, DialogId};
use crate::store::{self, queueing::TalkEnd};
use crate::time::{Duration, Moment, Now, Timers, Wall};
use crate::{calendar, ivr, media};
use call::Leg;
use parties::Joining;
use policy::Policy;
use ports::Ports;
use presence::Watchers;
use questions::{PATIENCE, Purpose};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use timers::Timer;
use trunks::Trunks;

/// Words passed between rooms because of one event; more is a loop of ours.
const MAX_WORDS: usize = 100_000;
/// How long a leg that is over waits for its audio's statistics before it is retired without them.
const CLOSING: Duration = Duration::from_secs(5);
/// Numbers from here on are plays of the exchange itself; flows count from one.
const OWN_PLAYS: u64 = 1 << 63;
/// The whole exchange: plain data, deterministic, driven by `handle`, `poll_timeout` and `handle_timeout`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pbx {
    config: Arc<Config>,
    endpoint: sip::Endpoint,
    #[serde(with = "crate::time::pairs")]
    calls: BTreeMap<CallId, Box<Call>>,
    #[serde(with = "crate::time::pairs")]
    legs: BTreeMap<LegId, Box<Leg>>,
    /// Which leg a SIP session belongs to, until the SIP room has said the last word of it.
    #[serde(with = "crate::time::pairs")]
    dialogs: BTreeMap<DialogId, LegId>,
    /// Phones that ring.
    #[serde(with = "crate::time::pairs")]
    attempts: BTreeMap<AttemptId, Attempt>,
    acd: Acd,
    /// Which call an item of the queue engine is.
    #[serde(with = "crate::time::pairs")]
    items: BTreeMap<ItemId, CallId>,
    /// Which phones ring for an offer of the queue engine.
    #[serde(with = "crate::time::pairs")]
    offers: BTreeMap<OfferId, AttemptId>,
    /// Which leg picked an offer up, until the engine has said whether it was in time.
    #[serde(with = "crate::time::pairs")]
    winners: BTreeMap<OfferId, LegId>,
    /// Callers whom their agents put on hold, once at least.
    #[serde(with = "crate::time::pairs")]
    holds: BTreeMap<ItemId, queueing::Hold>,
    /// Items that have ended, with the references of their calls.
    recent_items: VecDeque<(ItemId, String)>,
    /// Agents of whom there is something to write once all of them are as they were before the restart.
    returning: Option<BTreeSet<Name>>,
    /// Calls that an extension is on without the queue engine's doing.
    own_calls: BTreeMap<Name, u32>,
    agents_by_extension: BTreeMap<Name, Vec<Name>>,
    policy: Policy,
    trunks: Trunks,
    watchers: Watchers,
    /// Legs on their way to another shard, and what becomes of them there.
    #[serde(with = "crate::time::pairs")]
    joining: BTreeMap<LegId, Joining>,
    /// Who waits at which slot.
    #[serde(with = "crate::time::pairs")]
    parked: BTreeMap<u32, CallId>,
    ports: Ports,
    #[serde(with = "crate::time::pairs")]
    asks: BTreeMap<AskId, Purpose>,
    /// Writes that the store has not answered yet.
    writes_open: u64,
    /// Operators who wait until what they ordered is kept.
    #[serde(with = "crate::time::pairs")]
    replies: BTreeMap<WriteId, (ReplyId, Unkept)>,
    /// An order to an agent, while it is carried out, and whether it is answered when it is kept.
    ordered: Option<(Name, ReplyId, bool)>,
    /// What operators say instead of calendars.
    overrides: calendar::Overrides,
    /// Wrong PINs.
    #[serde(skip)]
    pins: attempts::Attempts,
    timers: Timers<Timer>,
    next: Counters,
    totals: Totals,
    routes: sip::Routes,
    started: Wall,
    shards: u16,
    /// No new calls: the exchange is being stopped.
    stopping: bool,
    /// The call that the event in hand is about: what is condemned when handling it panics.
    subject: Option<CallId>,
    /// What rooms have said and nobody has heard yet; empty between events.
    #[serde(skip)]
    said: VecDeque<Said>,
    #[serde(skip)]
    rng: Rng,
}

/// One room's word on its way to the others.
#[derive(Clone, Debug)]
enum Said {
    Sip(sip::Output),
    Ivr(CallId, ivr::Command),
    /// With how a talk ended, where that is what was said.
    Acd(acd::Action, Option<TalkEnd>),
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Counters {
    call: u64,
    leg: u64,
    attempt: u64,
    item: u64,
    play: u64,
    flow: u64,
    ask: u64,
    write: u64,
    registration: u64,
}

/// Counted since the start.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Totals {
    calls: u64,
    answered: u64,
    rejected: u64,
    panics: u64,
    /// Calls that somebody tried and may not.
    not_permitted: u64,
    /// Writes that the store gave up, and when the log last said so.
    writes_lost: u64,
    lost_told: Option<Moment>,
    /// Calls and legs that found the exchange full, and when the log last said so.
    full: u64,
    full_told: Option<Moment>,
}

impl Pbx {
    /// An exchange without calls. `shards` is the number of media threads that the driver has, at least one.
    pub fn new(config: Arc<Config>, shards: u16, mut rng: Rng, now: Now) -> Pbx {
        let mut pbx = Pbx {
            endpoint: sip::Endpoint::new(config.sip.clone(), Rng::from_entropy(seed(&mut rng))),
            acd: Acd::new(Arc::default()),
            attempts: BTreeMap::new(),
            items: BTreeMap::new(),
            offers: BTreeMap::new(),
            winners: BTreeMap::new(),
            holds: BTreeMap::new(),
            recent_items: VecDeque::new(),
            returning: None,
            own_calls: BTreeMap::new(),
            agents_by_extension: BTreeMap::new(),
            policy: Policy::default(),
            trunks: Trunks::default(),
            watchers: Watchers::default(),
            joining: BTreeMap::new(),
            parked: BTreeMap::new(),
            ports: Ports::new(config.media.first_port, config.media.last_port, rng.u32()),
            config,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            asks: BTreeMap::new(),
            writes_open: 0,
            replies: BTreeMap::new(),
            ordered: None,
            overrides: calendar::Overrides::new(),
            pins: attempts::Attempts::default(),
            timers: Timers::new(),
            next: Counters::default(),
            totals: Totals::default(),
            routes: sip::Routes::default(),
            started: now.wall,
            shards: shards.max(1),
            stopping: false,
            subject: None,
            said: VecDeque::new(),
            rng,
        };
        pbx.acd.reseed(Rng::from_entropy(seed(&mut pbx.rng)));
        pbx.configure_queues(now);
        pbx.soon_begin_trunks(now);
        pbx
    }

    /// Gives fresh chance to an exchange that was read back from its written form.
    pub fn reseed(&mut self, mut rng: Rng) {
        self.endpoint.reseed(Rng::from_entropy(seed(&mut rng)));
        self.acd.reseed(Rng::from_entropy(seed(&mut rng)));
        self.rng = rng;
    }

    /// Something happened.
    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Action>) {
        self.subject = None;
        match event {
            Event::Sip(input) => self.tell_sip(input, now),
            Event::Media(report) => self.on_media(report, now, out),
            Event::Answer(answer) => self.on_answer(answer, now, out),
            Event::Committed(committed) => self.on_store(committed, now, out),
            Event::Control { reply, request } => self.on_control(reply, request, now, out),
            Event::Routes(routes) => self.rerouted(routes, now),
            Event::Reload(config) => self.reload(config, now),
        }
        self.settle(now, out);
    }

    /// When the exchange next wants waking.
    pub fn poll_timeout(&self) -> Option<Moment> {
        [self.timers.next(), self.endpoint.poll_timeout(), self.acd.poll_timeout()].into_iter().flatten().min()
    }

    /// Which states the SIP machines have been in: for the simulator's report.
    pub fn visited(&self) -> sip::Visited {
        self.endpoint.visited()
    }

    /// Passes words between the rooms until all are silent.
    fn settle(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut words = 0;
        loop {
            let Some(said) = self.said.pop_front() else {
                self.tell_watchers(now);
                if self.said.is_empty() {
                    return;
                }
                continue;
            };
            match said {
                Said::Sip(output) => self.on_sip(output, now, out),
                Said::Ivr(call, command) => {
                    self.on_ivr(call, command, now, out);
                    self.end_flow(call, now, out);
                }
                Said::Acd(action, ended) => self.on_acd(action, ended, now, out),
            }
            words += 1;
            assert!(words < MAX_WORDS, "two rooms talk to each other for ever");
        }
    }

    fn tell_sip(&mut self, input: sip::Input, now: Now) {
        let mut said = Vec::new();
        self.endpoint.handle(input, now, &mut said);
        self.said.extend(said.into_iter().map(Said::Sip));
    }

    fn command_sip(&mut self, command: sip::Command, now: Now) {
        self.tell_sip(sip::Input::Command(command), now);
    }

    /// Lets the flow that holds the call act, if one holds it.
    fn with_session(&mut self, call: CallId, act: impl FnOnce(&mut ivr::Session, &mut Vec<ivr::Command>)) {
        let Some(session) = self.calls.get_mut(&call).and_then(|call| call.session.as_mut()) else { return };
        let mut said = Vec::new();
        act(session, &mut said);
        match session.poll_timeout() {
            Some(at) => self.timers.set(Timer::Session(call), at),
            None => {
                self.timers.cancel(&Timer::Session(call));
            }
        }
        self.said.extend(said.into_iter().map(|command| Said::Ivr(call, command)));
    }

    fn tell_session(&mut self, call: CallId, event: ivr::Event, now: Now) {
        let now = self.clock_of(call, now);
        self.with_session(call, |session, out| session.handle(event, now, out));
    }

    /// The time as a call counts it ([`Call::clock`]).
    fn clock_of(&self, call: CallId, now: Now) -> Now {
        self.calls.get(&call).map_or(now, |call| call.clock(now))
    }

    fn command_media(&self, call: &Call, command: media::Command, out: &mut Vec<Action>) {
        out.push(Action::Media { shard: call.shard, command });
    }

    fn write(&mut self, what: store::What, now: Now, out: &mut Vec<Action>) {
        self.next.write += 1;
        self.writes_open += 1;
        out.push(Action::Write(store::Write { id: WriteId(self.next.write), at: now.wall, what }));
    }

    /// As `write`, and whoever ordered it hears when it is kept, or why it could not be.
    fn write_then_reply(&mut self, what: store::What, reply: ReplyId, unkept: Unkept, now: Now, out: &mut Vec<Action>) {
        self.write(what, now, out);
        self.replies.insert(WriteId(self.next.write), (reply, unkept));
    }

    /// A play of the exchange's own, which no flow has asked for.
    fn own_play(&mut self) -> PlayId {
        self.next.play += 1;
        PlayId(OWN_PLAYS + self.next.play)
    }
}

/// How things stand when what an operator ordered could not be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Unkept {
    /// In memory it is as ordered.
    HoldsNow,
    /// The store is the only place that has it.
    Unchanged,
}

/// Chance for one room, from the exchange's own.
fn seed(rng: &mut Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill(&mut seed);
    seed
}
