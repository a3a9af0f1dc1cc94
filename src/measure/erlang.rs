//! Lines of callers before a number of agents, exactly: calls come at random (Poisson), are handled in exponentially
//! distributed times, and those who wait are patient for ever (Erlang C, M/M/N) or for an exponentially distributed time
//! (Erlang A, M/M/N+M, Palm).
//!
//! Both are birth-death processes: with a = the load in erlangs and p(n) the probability of n callers present,
//! p(n+1) = p(n) * a / (n+1) below N, and above it the rate of leaving is N/aht + k/patience with k waiting. Sums are taken in
//! units of p(N), where Erlang B gives everything below. Invariant: no probability is outside 0..1.

/// What comes: calls in a period, and how long each is handled.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load {
    /// Calls a second.
    pub rate: f64,
    /// Average handling time, in seconds.
    pub aht: f64,
}

impl Load {
    /// In erlangs: agents busy on average if all are served.
    pub fn erlangs(&self) -> f64 {
        self.rate * self.aht
    }
}

/// How callers wait when nobody hangs up (Erlang C).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Patient {
    /// The probability of waiting at all.
    pub waits: f64,
    pub occupancy: f64,
    /// Average wait of all callers, in seconds (ASA); endless when there are too few agents.
    pub average_wait: f64,
    /// And of those who wait.
    pub average_wait_of_waiting: f64,
    /// How many wait, on average.
    pub queue: f64,
    load: Load,
    agents: u32,
}

impl Patient {
    /// The line of `agents` under this load.
    pub fn new(load: Load, agents: u32) -> Patient {
        let (erlangs, n) = (load.erlangs(), f64::from(agents));
        if erlangs >= n {
            let endless = f64::INFINITY;
            return Patient {
                waits: 1.0,
                occupancy: 1.0,
                average_wait: endless,
                average_wait_of_waiting: endless,
                queue: endless,
                load,
                agents,
            };
        }
        let waits = n / (n + (n - erlangs) * (inverse_blocking(erlangs, agents) - 1.0));
        let average_wait_of_waiting = load.aht / (n - erlangs);
        Patient {
            waits,
            occupancy: erlangs / n,
            average_wait: waits * average_wait_of_waiting,
            average_wait_of_waiting,
            queue: waits * erlangs / (n - erlangs),
            load,
            agents,
        }
    }

    /// The share of callers who are answered within so many seconds.
    pub fn service_level(&self, within: f64) -> f64 {
        if self.average_wait.is_infinite() {
            return 0.0;
        }
        let spare = f64::from(self.agents) - self.load.erlangs();
        1.0 - self.waits * (-spare * within / self.load.aht).exp()
    }
}

/// How callers wait who hang up after a while (Erlang A).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Line {
    pub waits: f64,
    pub occupancy: f64,
    /// The share of all callers who give up.
    pub abandons: f64,
    /// Average wait of all callers, those who give up included, in seconds.
    pub average_wait: f64,
    pub queue: f64,
    /// The share of all callers who are answered in time.
    pub service_level: f64,
}

/// States with somebody waiting that are looked at: beyond the load that callers can be lost of, there are no more.
const MAX_STATES: u32 = 50_000_000;
/// Sums are scaled down when they grow beyond this.
const LARGE: f64 = 1e200;
/// What adds less than this part of a sum adds nothing.
const NOTHING: f64 = 1e-18;

impl Line {
    /// The line of `agents` under this load, of callers who are `patience` seconds patient on average, answered in time `within`
    /// so many seconds.
    pub fn new(load: Load, agents: u32, patience: f64, within: f64) -> Line {
        let n = f64::from(agents);
        let (service, leaving) = (n / load.aht, 1.0 / patience);
        // All in units of p(N): below N, the states in which somebody waits, how many those are, and who of them is answered in time.
        let mut below = inverse_blocking(load.erlangs(), agents) - 1.0;
        let (mut above, mut queue, mut in_time) = (0.0, 0.0, 0.0);
        let mut race = Race::new(service * patience, within / patience);
        let (mut state, mut waiting) = (1.0, 0u32);
        loop {
            above += state;
            queue += state * f64::from(waiting);
            in_time += state * race.answered_in_time();
            let step = load.rate / (service + f64::from(waiting + 1) * leaving);
            state *= step;
            waiting += 1;
            race.one_more_ahead();
            if (step < 1.0 && state * f64::from(waiting) < NOTHING * (below + above)) || waiting >= MAX_STATES {
                break;
            }
            if above > LARGE {
                for sum in [&mut below, &mut above, &mut queue, &mut in_time, &mut state] {
                    *sum /= LARGE;
                }
            }
        }
        let all = below + above;
        if all.is_infinite() {
            return Line::idle();
        }
        let queue = queue / all;
        let abandons = leaving * queue / load.rate;
        Line {
            waits: above / all,
            occupancy: if agents == 0 { 0.0 } else { load.erlangs() * (1.0 - abandons) / n },
            abandons,
            average_wait: queue / load.rate,
            queue,
            service_level: (below + in_time) / all,
        }
    }

    /// So many agents that nobody ever waits, as far as numbers tell.
    fn idle() -> Line {
        Line { waits: 0.0, occupancy: 0.0, abandons: 0.0, average_wait: 0.0, queue: 0.0, service_level: 1.0 }
    }
}

/// One who comes when all agents talk and k wait: is it their turn before their patience ends, and in time?
///
/// The ones ahead go at the rates r, r+1, ... r+k in units of the patience, so that the turn comes after a time whose density is
/// known in closed form; with the own patience that makes r / (r+k+1) * I(1 - e^-T; k+1, r+1), where I is the regularised
/// incomplete beta function. It is stepped up in k by its recurrence.
struct Race {
    r: f64,
    x: f64,
    ahead: f64,
    beta: f64,
    term: f64,
}

impl Race {
    /// `within` in units of the patience.
    fn new(r: f64, within: f64) -> Race {
        let b = r + 1.0;
        let late = (-within * b).exp();
        let x = -(-within).exp_m1();
        Race { r, x, ahead: 0.0, beta: -(-within * b).exp_m1(), term: x * late * b }
    }

    fn answered_in_time(&self) -> f64 {
        self.r / (self.r + self.ahead + 1.0) * self.beta
    }

    fn one_more_ahead(&mut self) {
        self.beta = (self.beta - self.term).max(0.0);
        let a = self.ahead + 1.0;
        self.term *= self.x * (a + self.r + 1.0) / (a + 1.0);
        self.ahead = a;
    }
}

/// 1 / B(N, a), B being Erlang's blocking probability: 1/B(n) = 1 + n/a * 1/B(n-1).
fn inverse_blocking(erlangs: f64, agents: u32) -> f64 {
    (1..=agents).fold(1.0, |inverse, n| 1.0 + f64::from(n) / erlangs * inverse)
}
