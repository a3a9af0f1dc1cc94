//! What is known of a queue's recent past: service level, handling time, and the wait that follows for those who come.
//!
//! Expected wait = `AHT x max(0, ahead + 1 - free) / sum over agents of their share of this queue`. `ahead` are the items of the queue
//! with a smaller key, `free` its own agents who could be offered a call now; AHT is that of the last two hours, with ten samples of
//! 90 s before there are ten. An agent's share is the part of their handling time of the last two hours that they spent on
//! this queue, with [`SHARE_PRIOR`] spread evenly over their queues; only agents who are logged in and not paused count.
//!
//! Invariant: what is computed from all agents is computed at most once a second for each queue.

use super::Acd;
use super::line::{Item, Line};
use super::rolling::Rolling;
use super::roster::{DeskId, LineId, Slot};
use super::settings::ServiceLevel;
use super::words::ItemId;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::AddAssign;

/// Handling time before anything is known of a queue.
pub const AHT_PRIOR: Duration = Duration::from_secs(90);
/// With so many samples the prior is forgotten.
const AHT_SAMPLES: u32 = 10;
/// Handling time that counts as evenly spread over an agent's queues beside what they really did.
pub const SHARE_PRIOR: Duration = Duration::from_secs(90);
/// What is computed from all agents holds so long.
const FRESH: Duration = Duration::from_secs(1);
/// Actual against predicted waits that are kept, and how many there must be before they count.
const RATIOS: usize = 100;
const FEWEST_RATIOS: usize = 10;
/// Of these so many in a hundred were not longer than what is announced.
const PERCENTILE: usize = 80;
/// The worst that a prediction is corrected by, in thousandths.
const MOST_RATIO: u64 = 10_000;
/// Places counted exactly, from either end of the line.
const COUNTED: usize = 1000;
/// The same as an item comes, when it only serves the prediction.
const COUNTED_AT_ENTRY: usize = 50;

const SLOT: Duration = Duration::from_secs(600);
const SLOTS: i64 = 12;
const LEVEL_SLOT: Duration = Duration::from_secs(60);
const LEVEL_SLOTS: i64 = 30;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Estimate {
    handled: Rolling<Handled>,
    ends: Rolling<Ends>,
    ratios: VecDeque<u64>,
    /// How long the queue needs for one item, computed then; nothing when nobody serves it.
    pace: Option<(Moment, Option<Duration>)>,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Handled {
    calls: u32,
    time: Duration,
}

/// How items ended, for the service level.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Ends {
    answered: u64,
    in_time: u64,
    abandoned: u64,
    short: u64,
}

impl AddAssign for Handled {
    fn add_assign(&mut self, other: Handled) {
        self.calls += other.calls;
        self.time += other.time;
    }
}

impl AddAssign for Ends {
    fn add_assign(&mut self, other: Ends) {
        self.answered += other.answered;
        self.in_time += other.in_time;
        self.abandoned += other.abandoned;
        self.short += other.short;
    }
}

impl Default for Estimate {
    fn default() -> Estimate {
        Estimate {
            handled: Rolling::new(SLOT, SLOTS),
            ends: Rolling::new(LEVEL_SLOT, LEVEL_SLOTS),
            ratios: VecDeque::new(),
            pace: None,
        }
    }
}

/// Handling time of an agent, for each of their queues.
pub(super) fn recent() -> Rolling<Duration> {
    Rolling::new(SLOT, SLOTS)
}

impl Estimate {
    pub fn answered(&mut self, waited: Duration, rule: ServiceLevel, now: Moment) {
        self.ends.add(Ends { answered: 1, in_time: u64::from(waited <= rule.within), ..Ends::default() }, now);
    }

    pub fn abandoned(&mut self, waited: Duration, rule: ServiceLevel, now: Moment) {
        self.ends.add(Ends { abandoned: 1, short: u64::from(waited < rule.short), ..Ends::default() }, now);
    }

    /// Answered in time, of all but the short abandons, of the last 30 minutes, in thousandths; a whole while nothing has ended.
    pub fn service_level(&self, now: Moment) -> u64 {
        let ends = self.ends.sum(now);
        let all = ends.answered + ends.abandoned - ends.short;
        (ends.in_time * 1000).checked_div(all).unwrap_or(1000)
    }

    /// A talk of that length ended.
    pub fn talked(&mut self, time: Duration, now: Moment) {
        self.handled.add(Handled { calls: 1, time }, now);
    }

    /// And so did the wrap-up after it.
    pub fn wrapped_up(&mut self, time: Duration, now: Moment) {
        self.handled.add(Handled { calls: 0, time }, now);
    }

    /// Average handling time of the last two hours.
    pub fn handling_time(&self, now: Moment) -> Duration {
        let Handled { calls, time } = self.handled.sum(now);
        let prior = AHT_SAMPLES.saturating_sub(calls);
        (time + AHT_PRIOR * prior) / (calls + prior).max(1)
    }

    /// What a prediction was worth.
    pub fn judge(&mut self, predicted: Duration, actual: Duration) {
        if predicted < Duration::from_secs(1) {
            return;
        }
        let ratio = actual.as_millis() * 1000 / predicted.as_millis().max(1);
        self.ratios.push_back(u64::try_from(ratio).unwrap_or(MOST_RATIO).min(MOST_RATIO));
        if self.ratios.len() > RATIOS {
            self.ratios.pop_front();
        }
    }

    /// By how much predictions are corrected before they are announced, in thousandths.
    pub fn correction(&self) -> u64 {
        if self.ratios.len() < FEWEST_RATIOS {
            return 1000;
        }
        let mut ratios: Vec<u64> = self.ratios.iter().copied().collect();
        ratios.sort_unstable();
        ratios[(ratios.len() * PERCENTILE).div_ceil(100) - 1]
    }
}

impl Acd {
    /// How long one waits with so many before them; `None` when nobody is there to answer.
    pub(super) fn expected_wait(&mut self, line: LineId, ahead: usize, now: Moment) -> Option<Duration> {
        let pace = self.pace(line, now)?;
        Some(self.at_pace(pace, line, ahead))
    }

    /// The same computed anew, for those who only look.
    pub(super) fn expected_wait_now(&self, line: LineId, ahead: usize, now: Moment) -> Option<Duration> {
        Some(self.at_pace(self.pace_now(line, now)?, line, ahead))
    }

    fn at_pace(&self, pace: Duration, line: LineId, ahead: usize) -> Duration {
        let free = self.pools[self.lines.at(line).pool.index()].available;
        pace * u32::try_from((ahead + 1).saturating_sub(free)).unwrap_or(u32::MAX)
    }

    /// The time between two items of this queue that agents become free for.
    fn pace(&mut self, id: LineId, now: Moment) -> Option<Duration> {
        if let Some((at, pace)) = self.lines.at(id).estimate.pace
            && now.since(at) < FRESH
        {
            return pace;
        }
        let pace = self.pace_now(id, now);
        self.lines.at_mut(id).estimate.pace = Some((now, pace));
        pace
    }

    fn pace_now(&self, id: LineId, now: Moment) -> Option<Duration> {
        let line = self.lines.at(id);
        let members = self.pools[line.pool.index()].members.iter();
        let shares: f64 = members.map(|desk| self.share(*desk, id, now)).sum();
        (shares > 0.0).then(|| line.estimate.handling_time(now).div_f64(shares))
    }

    /// The part of this agent's time that the queue can count on.
    fn share(&self, desk: DeskId, line: LineId, now: Moment) -> f64 {
        let desk = self.desks.at(desk);
        if !desk.is_awaited() {
            return 0.0;
        }
        let queues = desk.seats.iter().filter(|seat| self.pools[seat.pool.index()].line.is_some()).count().max(1);
        let here = desk.handled.get(&line).map_or(Duration::ZERO, |handled| handled.sum(now));
        let all: Duration = desk.handled.values().map(|handled| handled.sum(now)).sum();
        (here + SHARE_PRIOR / u32::try_from(queues).unwrap_or(u32::MAX)).as_secs_f64() / (all + SHARE_PRIOR).as_secs_f64()
    }

    /// Items of its queue that wait with a smaller key.
    pub(super) fn ahead(&self, id: ItemId, item: &Item) -> usize {
        ahead(self.lines.at(item.line), id, item, COUNTED)
    }

    pub(super) fn predict(&mut self, id: ItemId, now: Moment) {
        let Some(item) = self.items.get(&id) else { return };
        let (line, ahead) = (item.line, ahead(self.lines.at(item.line), id, item, COUNTED_AT_ENTRY));
        let predicted = self.expected_wait(line, ahead, now);
        if let Some(item) = self.items.get_mut(&id) {
            item.told.predicted = predicted;
        }
    }

    /// What this caller may be told: corrected, rounded, and never more than before unless agents have left.
    pub(super) fn announced_wait(&mut self, id: ItemId, now: Moment) -> Option<Duration> {
        let item = self.items.get(&id)?;
        let (line, ahead) = (item.line, self.ahead(id, item));
        let expected = self.expected_wait(line, ahead, now)?;
        let line = self.lines.at(line);
        let corrected = expected.mul_f64(line.estimate.correction() as f64 / 1000.0);
        let departures = self.pools[line.pool.index()].departures;
        let item = self.items.get_mut(&id)?;
        let before = item.told.expected.filter(|(_, then)| *then == departures).map(|(told, _)| told);
        let told = rounded(corrected);
        let told = before.map_or(told, |before| told.min(before));
        item.told.expected = Some((told, departures));
        Some(told)
    }
}

/// Counted from the nearer end, and no further than `most`.
fn ahead(line: &Line, id: ItemId, item: &Item, most: usize) -> usize {
    let place = (item.key, id);
    let mut before = line.waiting.range(..place);
    let mut after = line.waiting.range(place..);
    for counted in 0..most {
        if before.next().is_none() {
            return counted;
        }
        if after.next().is_none() {
            return line.waiting.len() - counted;
        }
    }
    line.waiting.len() - most
}

/// Up to whole minutes, from ten on to five of them, from half an hour on to ten.
pub(super) fn rounded(wait: Duration) -> Duration {
    let minutes = wait.as_secs().div_ceil(60).max(1);
    let step = match minutes {
        0..=10 => 1,
        11..=30 => 5,
        _ => 10,
    };
    Duration::from_secs(minutes.div_ceil(step) * step * 60)
}
