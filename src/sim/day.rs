//! A contact centre's day in virtual time: callers who come, wait, talk or hang up, agents who work in shifts, and the queue
//! engine itself between them.
//!
//! ```text
//!   Day --draws (one seed)--> agenda: arrivals, shifts --> Acd <--> pick-ups, talks, patience --> Outlook by interval
//! ```
//!
//! How many come in an interval is drawn as well, as Erlang's formulas assume it (Poisson), unless so many came indeed. Every
//! call's talk and patience are drawn with its arrival, from a source of chance of its own: with other agents or other queue
//! rules the same callers come. Invariant: the same day and seed give the same outlook, to the last bit.

use crate::acd::{self, Acd, Action, Agent, Event, ItemId, ItemOutcome, Join, Leaving, Login, OfferId, Settings, State};
use crate::config::{Day, Shift, Traffic};
use crate::id::{Name, Rng};
use crate::measure::{Counts, Ended, Threshold, Work};
use crate::time::{Duration, Moment, Now, Wall};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// So long after the last arrival the day is over, whoever still waits.
const AFTERWARDS: Duration = Duration::from_secs(4 * 3600);
/// Nobody talks or waits longer.
const LONGEST: f64 = 24.0 * 3600.0;

/// What the day was like.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outlook {
    /// Each begins so long after the day began; calls belong to the one in which they came, work to the one in which it was done.
    pub intervals: Vec<Tally>,
    pub queues: BTreeMap<Name, Tally>,
    pub total: Tally,
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tally {
    pub counts: Counts,
    pub work: Work,
    /// Not let in; not among the offered.
    pub refused: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    LogIn(usize),
    LogOut(usize),
    Pause(usize),
    Resume(usize),
    Arrive(usize),
    GiveUp(usize),
    PickUp(OfferId),
    HangUp(ItemId),
}

/// One who calls: drawn before the day begins. Its place is the number of its item.
#[derive(Clone, Debug)]
struct Caller {
    queue: Name,
    arrival: Moment,
    talk: Duration,
    patience: Option<Duration>,
    /// When the stay in the present queue began.
    entered: Moment,
    talking: bool,
}

/// An agent's state and since when, with the call they wrap up.
#[derive(Clone, Debug)]
struct Post {
    name: Name,
    state: State,
    since: Moment,
    last: Option<Name>,
}

/// Runs the day to its end.
pub fn run(day: &Day, seed: u64) -> Outlook {
    Running::new(day, seed).run()
}

struct Running<'d> {
    day: &'d Day,
    acd: Acd,
    agenda: BinaryHeap<Reverse<(Moment, u64, Due)>>,
    sequence: u64,
    callers: Vec<Caller>,
    posts: Vec<Post>,
    places: BTreeMap<Name, usize>,
    outlook: Outlook,
    said: Vec<Action>,
}

impl<'d> Running<'d> {
    fn new(day: &'d Day, seed: u64) -> Running<'d> {
        let intervals = day.length().as_nanos().div_ceil(day.interval.as_nanos().max(1));
        let mut running = Running {
            day,
            acd: Acd::new(Arc::default()),
            agenda: BinaryHeap::new(),
            sequence: 0,
            callers: Vec::new(),
            posts: Vec::new(),
            places: BTreeMap::new(),
            outlook: Outlook {
                intervals: vec![Tally::default(); usize::try_from(intervals).unwrap_or(0)],
                ..Outlook::default()
            },
            said: Vec::new(),
        };
        running.acd.reseed(Rng::from_seed(seed ^ 0x5eed_a9e7));
        let mut agents = BTreeMap::new();
        for shift in &day.shifts {
            running.hire(shift, &mut agents);
        }
        let settings = Settings { queues: day.queues.clone(), agents, ..Settings::default() };
        running.tell(Event::Configure(Arc::new(settings)), Moment::ZERO);
        running.draw(seed);
        running
    }

    /// The agents of a shift, and when they come, pause and go.
    fn hire(&mut self, shift: &Shift, agents: &mut BTreeMap<Name, Agent>) {
        let end = shift.to.unwrap_or(self.day.length());
        for _ in 0..shift.agents {
            let place = self.posts.len();
            let name = Name::from(format!("agent{:05}", place + 1));
            let position = u32::try_from(place).unwrap_or(u32::MAX);
            let queues = shift
                .queues
                .iter()
                .map(|(queue, membership)| (queue.clone(), acd::Membership { position, ..membership.clone() }));
            let agent =
                Agent { login: Login::Manual, queues: queues.collect(), skills: shift.skills.clone(), ..Agent::default() };
            agents.insert(name.clone(), agent);
            self.places.insert(name.clone(), place);
            self.posts.push(Post { name, state: State::Offline, since: Moment::ZERO, last: None });
            self.plan(Moment::ZERO + shift.from, Due::LogIn(place));
            self.plan(Moment::ZERO + end, Due::LogOut(place));
            for (at, length) in &shift.pauses {
                self.plan(Moment::ZERO + *at, Due::Pause(place));
                self.plan(Moment::ZERO + *at + *length, Due::Resume(place));
            }
        }
    }

    fn draw(&mut self, seed: u64) {
        let mut callers = Vec::new();
        for (number, (queue, traffic)) in (0u64..).zip(&self.day.calls) {
            // Each queue has its own chance: another queue's traffic changes nothing for its callers.
            let mut rng = Rng::from_seed(seed.wrapping_mul(1_000_003).wrapping_add(number));
            for (interval, calls) in (0u32..).zip(&traffic.arrivals) {
                let mut arrivals = Arrivals::new(traffic, *calls, self.day.interval);
                while let Some(into) = arrivals.next(&mut rng) {
                    let arrival = Moment::ZERO + self.day.interval * interval + into;
                    let talk = exponential(&mut rng, traffic.handling);
                    let waits = exponential(&mut rng, traffic.patience.unwrap_or_default());
                    let patience = traffic.patience.map(|_| waits);
                    let queue = queue.clone();
                    callers.push(Caller { queue, arrival, talk, patience, entered: arrival, talking: false });
                }
            }
        }
        callers.sort_by_key(|caller| caller.arrival);
        self.callers = callers;
        for place in 0..self.callers.len() {
            self.plan(self.callers[place].arrival, Due::Arrive(place));
        }
    }

    fn plan(&mut self, at: Moment, due: Due) {
        self.sequence += 1;
        self.agenda.push(Reverse((at, self.sequence, due)));
    }

    fn run(mut self) -> Outlook {
        let end = Moment::ZERO + self.day.length() + AFTERWARDS;
        loop {
            let next = self.agenda.peek().map(|Reverse((at, _, _))| *at);
            // The engine's own deadlines go first: a phone that stops ringing in this moment is not picked up any more.
            let woken = self.acd.poll_timeout().filter(|at| next.is_none_or(|next| *at <= next));
            match (woken, next) {
                (Some(at), _) if at <= end => {
                    let mut said = std::mem::take(&mut self.said);
                    self.acd.handle_timeout(clocks(at), &mut said);
                    self.hear(said, at);
                }
                (None, Some(at)) if at <= end => {
                    if let Some(Reverse((at, _, due))) = self.agenda.pop() {
                        self.happen(due, at);
                    }
                }
                _ => break,
            }
        }
        self.close(end)
    }

    fn happen(&mut self, due: Due, at: Moment) {
        let agent = |place: usize, posts: &[Post]| posts[place].name.clone();
        match due {
            Due::LogIn(place) => {
                self.tell(Event::AgentReachable { agent: agent(place, &self.posts) }, at);
                self.tell(Event::AgentLogin { agent: agent(place, &self.posts) }, at);
            }
            Due::LogOut(place) => self.tell(Event::AgentLogout { agent: agent(place, &self.posts) }, at),
            Due::Pause(place) => {
                let reason = "break".into();
                self.tell(Event::AgentPause { agent: agent(place, &self.posts), reason }, at);
            }
            Due::Resume(place) => self.tell(Event::AgentResume { agent: agent(place, &self.posts) }, at),
            Due::Arrive(place) => self.arrive(place, at),
            Due::GiveUp(place) if !self.callers[place].talking => {
                self.tell(Event::Leave { item: item(place), why: Leaving::HungUp }, at);
            }
            Due::GiveUp(_) => {}
            Due::PickUp(offer) => self.tell(Event::Answered { offer }, at),
            Due::HangUp(item) => self.tell(Event::CallEnded { item }, at),
        }
    }

    fn arrive(&mut self, place: usize, at: Moment) {
        let caller = &self.callers[place];
        let (queue, patience) = (caller.queue.clone(), caller.patience);
        if let Some(patience) = patience {
            self.plan(at + patience, Due::GiveUp(place));
        }
        self.tell(Event::Join(Join::new(item(place), queue, at)), at);
    }

    fn tell(&mut self, event: Event, at: Moment) {
        let mut said = std::mem::take(&mut self.said);
        self.acd.handle(event, clocks(at), &mut said);
        self.hear(said, at);
    }

    fn hear(&mut self, mut said: Vec<Action>, at: Moment) {
        for action in said.drain(..) {
            match action {
                Action::Offer { offer, .. } => self.plan(at + self.day.pickup, Due::PickUp(offer)),
                Action::Connect { item, queue, agent, .. } => self.connect(item, queue, &agent, at),
                Action::AgentState { agent, state } => self.turn(&agent, state, at),
                Action::Moved { item, from, to } => self.moved(item, &from, to, at),
                Action::ItemOutcome { item, queue, outcome, waited } => self.over(item, &queue, &outcome, waited),
                _ => {}
            }
        }
        self.said = said;
    }

    fn connect(&mut self, item: ItemId, queue: Name, agent: &Name, at: Moment) {
        let Some(caller) = caller(&mut self.callers, item) else { return };
        caller.talking = true;
        let until = at + caller.talk;
        if let Some(place) = self.places.get(agent) {
            self.posts[*place].last = Some(queue);
        }
        self.plan(until, Due::HangUp(item));
    }

    fn moved(&mut self, item: ItemId, from: &Name, to: Name, at: Moment) {
        let Some(caller) = caller(&mut self.callers, item) else { return };
        let (entered, waited) = (caller.entered, at.since(caller.entered));
        caller.entered = at;
        caller.queue = to;
        self.count(from, entered, Some(Ended::FlowedOut), waited);
    }

    fn over(&mut self, item: ItemId, queue: &Name, outcome: &ItemOutcome, waited: Duration) {
        let Some(caller) = caller(&mut self.callers, item) else { return };
        let (entered, talked) = (caller.entered, caller.talk);
        caller.talking = false;
        let ended = match outcome {
            ItemOutcome::Answered { .. } => Ended::Answered,
            ItemOutcome::Abandoned => Ended::Abandoned,
            ItemOutcome::LeftByKey(_) => Ended::LeftByKey,
            ItemOutcome::FlowedOut(_) => Ended::FlowedOut,
            ItemOutcome::CallbackTaken => Ended::CallbackTaken,
            ItemOutcome::AnsweredElsewhere => Ended::AnsweredElsewhere,
            ItemOutcome::EndedByUs => Ended::EndedByUs,
            ItemOutcome::Full | ItemOutcome::NoSuchQueue | ItemOutcome::TooManyNeeds => {
                return self.each(queue, entered, |tally| tally.refused += 1);
            }
        };
        self.count(queue, entered, Some(ended), waited);
        if ended == Ended::Answered {
            self.each(queue, entered, |tally| {
                tally.work.handled += 1;
                tally.work.talk += talked;
            });
        }
    }

    fn count(&mut self, queue: &Name, entered: Moment, ended: Option<Ended>, waited: Duration) {
        let level = self.day.queues.get(queue).map(|queue| queue.service_level).unwrap_or_default();
        let threshold = Threshold { within: level.within, short: level.short };
        self.each(queue, entered, |tally| tally.counts.add(ended, waited, threshold));
    }

    /// The queue's tally, the interval's and the whole day's. Talk and handled calls of intervals are counted by agents' time.
    fn each(&mut self, queue: &Name, entered: Moment, change: impl Fn(&mut Tally)) {
        let number = self.interval(entered);
        if !self.outlook.queues.contains_key(queue) {
            self.outlook.queues.insert(queue.clone(), Tally::default());
        }
        self.outlook.queues.get_mut(queue).into_iter().for_each(&change);
        if let Some(tally) = self.outlook.intervals.get_mut(number) {
            let work = tally.work;
            change(tally);
            tally.work = Work { handled: tally.work.handled, ..work };
        }
        let work = self.outlook.total.work;
        change(&mut self.outlook.total);
        self.outlook.total.work = Work { handled: self.outlook.total.work.handled, ..work };
    }

    fn interval(&self, at: Moment) -> usize {
        let number = at.since(Moment::ZERO).as_nanos() / self.day.interval.as_nanos().max(1);
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    fn turn(&mut self, agent: &Name, state: State, at: Moment) {
        let Some(place) = self.places.get(agent).copied() else { return };
        let before = std::mem::replace(&mut self.posts[place].state, state);
        let since = std::mem::replace(&mut self.posts[place].since, at);
        self.spend(&before, since, at);
        if before == State::WrapUp
            && let Some(tally) = self.posts[place].last.as_ref().and_then(|queue| self.outlook.queues.get_mut(queue))
        {
            tally.work.wrap_up += at.since(since);
        }
    }

    /// Time of an agent, cut at the borders of intervals.
    fn spend(&mut self, state: &State, since: Moment, until: Moment) {
        if *state == State::Offline {
            return;
        }
        add(&mut self.outlook.total.work, state, until.since(since));
        let mut at = since;
        while at < until {
            let number = self.interval(at);
            let border = Moment::ZERO + self.day.interval * u32::try_from(number + 1).unwrap_or(u32::MAX);
            let end = border.min(until).max(at + Duration::from_nanos(1));
            let Some(tally) = self.outlook.intervals.get_mut(number) else { return };
            add(&mut tally.work, state, end.since(at));
            at = end;
        }
    }

    /// Whoever still waits has no ending; whoever still works has worked until now.
    fn close(mut self, end: Moment) -> Outlook {
        let open: Vec<(Name, Moment)> = (0..self.callers.len())
            .filter(|place| self.acd.is_waiting(item(*place)))
            .map(|place| (self.callers[place].queue.clone(), self.callers[place].entered))
            .collect();
        for (queue, entered) in open {
            self.count(&queue, entered, None, end.since(entered));
        }
        for place in 0..self.posts.len() {
            let (state, since) = (self.posts[place].state.clone(), self.posts[place].since);
            self.spend(&state, since, end);
        }
        self.outlook
    }
}

fn add(work: &mut Work, state: &State, time: Duration) {
    work.logged_in += time;
    match state {
        State::Available | State::Offered => work.available += time,
        State::OnCall => work.talk += time,
        State::WrapUp => work.wrap_up += time,
        State::Paused(_) | State::Busy | State::Offline => work.away += time,
    }
}

/// When the callers of one interval come, counted from its beginning.
enum Arrivals {
    /// So many, at any moment of it.
    Exactly { left: u32, interval: Duration },
    /// One after the other at exponentially distributed gaps: a Poisson number of them.
    Stream { gap: Duration, last: Duration, interval: Duration },
}

impl Arrivals {
    fn new(traffic: &Traffic, calls: u32, interval: Duration) -> Arrivals {
        match traffic.drawn && calls > 0 {
            true => Arrivals::Stream { gap: interval / calls, last: Duration::ZERO, interval },
            false => Arrivals::Exactly { left: calls, interval },
        }
    }

    fn next(&mut self, rng: &mut Rng) -> Option<Duration> {
        match self {
            Arrivals::Exactly { left, interval } => {
                *left = left.checked_sub(1)?;
                Some(interval.mul_f64(fraction(rng)))
            }
            Arrivals::Stream { gap, last, interval } => {
                *last += exponential(rng, *gap);
                (*last < *interval).then_some(*last)
            }
        }
    }
}

fn item(place: usize) -> ItemId {
    ItemId(u64::try_from(place).unwrap_or(u64::MAX))
}

fn caller(callers: &mut [Caller], item: ItemId) -> Option<&mut Caller> {
    callers.get_mut(usize::try_from(item.0).ok()?)
}

fn clocks(at: Moment) -> Now {
    Now { mono: at, wall: Wall::from_unix_nanos(at.as_nanos()) }
}

/// From 0 to just below 1.
fn fraction(rng: &mut Rng) -> f64 {
    f64::from(rng.u32()) / 4_294_967_296.0
}

fn exponential(rng: &mut Rng, mean: Duration) -> Duration {
    let drawn = -(1.0 - fraction(rng)).ln() * mean.as_secs_f64();
    Duration::from_secs_f64(drawn.min(LONGEST))
}
