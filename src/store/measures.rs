//! What reports say, computed from stays with the formulas of [`crate::measure`].
//!
//! A stay belongs to the period and to the interval in which it began, wherever it ended. Since all is computed from facts, a
//! threshold that was changed re-counts the past. Invariant: the numbers of a row add up to `offered`.

use super::reports::rfc3339;
use super::stays::{Stay, Stays};
use crate::id::Name;
use crate::measure::contacts::chains;
use crate::measure::{Counts, Formula, Resolution, Threshold, Work};
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// At most so many intervals in a report: a year of half hours.
pub const MAX_INTERVALS: u64 = 20_000;

/// What is reported of.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Period {
    /// Inclusive.
    pub from: Wall,
    /// Exclusive, and never later than now.
    pub to: Wall,
    pub now: Wall,
    /// The length of an interval, counted from `from`; `None` for the whole.
    pub every: Option<Duration>,
    /// Of each queue; the usual ones where it is not said.
    pub thresholds: BTreeMap<Name, Threshold>,
}

/// One queue in one interval. Durations in seconds, shares from 0 to 1, `null` where there is nothing to divide by.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct QueueMeasures {
    pub queue: String,
    /// RFC 3339.
    pub from: String,
    #[serde(flatten)]
    pub counts: Counts,
    /// Not let in (full, unknown); not among the offered.
    pub refused: u64,
    pub within_s: f64,
    pub short_s: f64,
    /// By each formula.
    pub service_level: BTreeMap<String, Option<f64>>,
    pub asa_s: Option<f64>,
    pub longest_wait_s: f64,
    pub time_to_abandon_s: Option<f64>,
    pub aht_s: Option<f64>,
    /// Without the time on hold.
    pub talk_s: f64,
    #[serde(default)]
    pub hold_s: f64,
    pub wrap_up_s: f64,
    pub abandon_rate_all: Option<f64>,
    pub abandon_rate_no_short: Option<f64>,
    pub abandon_rate_answerable: Option<f64>,
}

/// One agent in the period.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct AgentMeasures {
    pub agent: String,
    /// Calls of queues that they took, of those that came in the period.
    pub handled: u64,
    pub aht_s: Option<f64>,
    /// For how long their callers were on hold.
    #[serde(default)]
    pub hold_s: f64,
    /// handling / (handling + available).
    pub occupancy: Option<f64>,
    /// handling / logged in.
    pub utilisation: Option<f64>,
    pub logged_in_s: f64,
    /// State -> seconds, pauses by their reason.
    pub states_s: BTreeMap<String, f64>,
    /// Outcome -> how often their phone rang so.
    pub offers: BTreeMap<String, u64>,
}

/// Did it take one contact? Of chains that began in the period and are closed.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ContactMeasures {
    pub chains: u64,
    pub contacts: u64,
    pub fcr: Option<f64>,
    pub cr2: Option<f64>,
    pub cr3: Option<f64>,
    pub repeated: Option<f64>,
}

impl Period {
    fn holds(&self, at: Wall) -> bool {
        self.from <= at && at < self.to
    }

    /// The beginning of the interval in which that is.
    fn interval(&self, at: Wall) -> Wall {
        let Some(every) = self.every.filter(|every| !every.is_zero()) else { return self.from };
        let number = at.since(self.from).as_nanos() / every.as_nanos();
        self.from + every * u32::try_from(number).unwrap_or(u32::MAX)
    }

    pub fn intervals(&self) -> u64 {
        let length = self.to.since(self.from).as_nanos();
        let every = self.every.map_or(length, |every| every.as_nanos()).max(1);
        u64::try_from(length.div_ceil(every)).unwrap_or(u64::MAX)
    }
}

#[derive(Default)]
struct Sum {
    counts: Counts,
    work: Work,
    refused: u64,
}

impl Stays {
    /// By queue, then by interval; queues and intervals without callers are left out.
    pub fn queues(&self, period: &Period) -> Vec<QueueMeasures> {
        let mut sums: BTreeMap<(Name, Wall), Sum> = BTreeMap::new();
        for stay in self.stays.iter().filter(|stay| period.holds(stay.entered)) {
            let sum = sums.entry((stay.queue.clone(), period.interval(stay.entered))).or_default();
            sum.add(stay, period.threshold(&stay.queue), period.now);
        }
        for (at, queue) in self.refused.iter().filter(|(at, _)| period.holds(*at)) {
            sums.entry((queue.clone(), period.interval(*at))).or_default().refused += 1;
        }
        sums.into_iter().map(|((queue, from), sum)| sum.row(&queue, from, period.threshold(&queue))).collect()
    }

    pub fn agents(&self, period: &Period) -> Vec<AgentMeasures> {
        let mut rows: BTreeMap<Name, (AgentMeasures, Work)> = BTreeMap::new();
        for (agent, duties) in &self.duties {
            let ends = duties.iter().skip(1).map(|duty| duty.since).chain([period.to]);
            for (duty, end) in duties.iter().zip(ends) {
                let time = end.min(period.to).since(duty.since.max(period.from));
                if !time.is_zero() {
                    let (row, work) = rows.entry(agent.clone()).or_default();
                    spend(row, work, &duty.state, time);
                }
            }
        }
        let mut handled: BTreeMap<&Name, Work> = BTreeMap::new();
        for stay in self.stays.iter().filter(|stay| period.holds(stay.entered)) {
            let last = stay.agent.as_ref().filter(|_| stay.answered.is_some()).map(|agent| (agent, stay.work_of_last()));
            let before =
                stay.broken_off.iter().map(|(agent, talk)| (agent, Work { handled: 1, talk: *talk, ..Work::default() }));
            for (agent, work) in before.chain(last) {
                *handled.entry(agent).or_default() += work;
                rows.entry(agent.clone()).or_default();
            }
        }
        for offer in self.offers.iter().filter(|offer| period.holds(offer.at)) {
            let (row, _) = rows.entry(offer.agent.clone()).or_default();
            *row.offers.entry(offer.outcome.clone()).or_default() += 1;
        }
        let finish = |(agent, (row, work)): (Name, (AgentMeasures, Work))| {
            let calls = handled.get(&agent).copied().unwrap_or_default();
            AgentMeasures {
                agent: agent.to_string(),
                handled: calls.handled,
                aht_s: rounded(calls.average_handling()),
                hold_s: calls.hold.as_secs_f64(),
                occupancy: work.occupancy(),
                utilisation: work.utilisation(),
                logged_in_s: work.logged_in.as_secs_f64(),
                ..row
            }
        };
        rows.into_iter().map(finish).collect()
    }

    pub fn contacts(&self, period: &Period) -> ContactMeasures {
        // A call that was in several queues is one contact.
        let mut calls: BTreeMap<&str, (&String, Wall)> = BTreeMap::new();
        for stay in &self.stays {
            if let Some(customer) = &stay.customer {
                calls.entry(&stay.call).or_insert((customer, stay.entered));
            }
        }
        let mut contacts: Vec<(&String, Wall)> = calls.into_values().collect();
        contacts.sort_by_key(|(_, at)| *at);
        let judged = chains(contacts).into_iter().filter(|chain| period.holds(chain.first) && chain.is_closed(period.now));
        let sum = Resolution::of(judged.map(|chain| chain.length));
        ContactMeasures {
            chains: sum.chains,
            contacts: sum.contacts,
            fcr: sum.first_contact(),
            cr2: sum.within_two(),
            cr3: sum.within_three(),
            repeated: sum.repeated(),
        }
    }
}

impl Stay {
    /// What it cost its agents; nothing when it had none.
    fn work(&self) -> Work {
        let handled = u64::from(self.answered.is_some());
        let talk = self.talked.saturating_sub(self.held);
        Work { handled, talk, hold: self.held, wrap_up: self.wrapped_up, ..Work::default() }
    }

    /// The same of the last one alone: the talks that broke off were others'.
    fn work_of_last(&self) -> Work {
        let broken_off: Duration = self.broken_off.iter().map(|(_, talk)| *talk).sum();
        let work = self.work();
        Work { talk: work.talk.saturating_sub(broken_off), ..work }
    }
}

impl Period {
    fn threshold(&self, queue: &str) -> Threshold {
        self.thresholds.get(queue).copied().unwrap_or_default()
    }
}

impl Sum {
    fn add(&mut self, stay: &Stay, threshold: Threshold, now: Wall) {
        let ended = stay.ending();
        let waited = if ended.is_none() { stay.waited_until(now) } else { stay.waited };
        self.counts.add(ended, waited, threshold);
        self.work += stay.work();
    }

    fn row(&self, queue: &str, from: Wall, threshold: Threshold) -> QueueMeasures {
        let Sum { counts, work, refused } = self;
        let levels = Formula::ALL.map(|formula| (formula.word().to_string(), counts.service_level(formula)));
        QueueMeasures {
            queue: queue.into(),
            from: rfc3339(from),
            counts: *counts,
            refused: *refused,
            within_s: threshold.within.as_secs_f64(),
            short_s: threshold.short.as_secs_f64(),
            service_level: levels.into(),
            asa_s: rounded(counts.average_answer()),
            longest_wait_s: counts.longest_wait.as_secs_f64(),
            time_to_abandon_s: rounded(counts.time_to_abandon()),
            aht_s: rounded(work.average_handling()),
            talk_s: work.talk.as_secs_f64(),
            hold_s: work.hold.as_secs_f64(),
            wrap_up_s: work.wrap_up.as_secs_f64(),
            abandon_rate_all: counts.abandon_rate_all(),
            abandon_rate_no_short: counts.abandon_rate(),
            abandon_rate_answerable: counts.abandon_rate_answerable(),
        }
    }
}

/// Counts a while in one state.
fn spend(row: &mut AgentMeasures, work: &mut Work, state: &str, time: Duration) {
    *row.states_s.entry(state.to_string()).or_default() += time.as_secs_f64();
    if state != "offline" {
        work.logged_in += time;
    }
    match state {
        "available" | "offered" => work.available += time,
        "on_call" => work.talk += time,
        "wrap_up" => work.wrap_up += time,
        "offline" => {}
        _ => work.away += time,
    }
}

/// To milliseconds.
fn rounded(seconds: Option<f64>) -> Option<f64> {
    seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::super::stays::Fact;
    use super::*;
    use serde_json::json;

    fn at(seconds: i64) -> Wall {
        Wall::from_unix_nanos(seconds * 1_000_000_000)
    }

    /// `second kind call number {body}`.
    fn day(facts: &[(i64, &str, &str, &str, serde_json::Value)]) -> Stays {
        let mut stays = Stays::default();
        for (second, kind, call, number, body) in facts {
            let number = (!number.is_empty()).then(|| number.to_string());
            stays.read(Fact {
                at: at(*second),
                kind: kind.to_string(),
                call: call.to_string(),
                number,
                body: body.to_string(),
            });
        }
        stays
    }

    fn morning() -> Stays {
        let joined = || json!({ "queue": "support" });
        let left = |outcome: &str, waited: u64, talked: u64| json!({ "queue": "support", "outcome": outcome, "waited_ms": waited * 1000, "talked_ms": talked * 1000 });
        let answered = |waited: u64| json!({ "queue": "support", "agent": "anna", "waited_ms": waited * 1000 });
        let state = |state: &str| json!({ "agent": "anna", "state": state });
        day(&[
            (0, "agent state", "", "", state("available")),
            (10, "queue joined", "a", "+1", joined()),
            (14, "offer ended", "a", "", json!({ "queue": "support", "agent": "anna", "outcome": "answered" })),
            (14, "queue answered", "a", "", answered(4)),
            (14, "agent state", "", "", state("on_call")),
            (
                114,
                "queue left",
                "a",
                "",
                json!({ "queue": "support", "outcome": "answered", "waited_ms": 4000, "talked_ms": 100_000, "held_ms": 30_000 }),
            ),
            (114, "agent state", "", "", state("wrap_up")),
            (120, "queue joined", "b", "+2", joined()),
            (123, "queue left", "b", "", left("abandoned", 3, 0)),
            (134, "agent state", "", "", state("paused (lunch)")),
            (150, "queue joined", "c", "+2", joined()),
            (180, "queue left", "c", "", left("abandoned", 30, 0)),
            (190, "queue left", "d", "", left("full", 0, 0)),
            (200, "queue joined", "e", "anonymous", joined()),
            (210, "queue moved", "e", "", json!({ "queue": "sales", "from": "support" })),
            (220, "call lost", "e", "", json!({ "ended": at(215).unix_nanos() })),
            (230, "queue joined", "f", "+3", joined()),
            (231, "nonsense", "f", "", json!([])),
        ])
    }

    fn period(every: Option<Duration>) -> Period {
        Period { from: at(0), to: at(300), now: at(300), every, ..Period::default() }
    }

    #[test]
    fn a_morning_is_counted() {
        let rows = morning().queues(&period(None));
        let [sales, support] = &rows[..] else { panic!("two queues, not {rows:?}") };
        assert_eq!((sales.counts.offered, sales.counts.ended_by_us, sales.longest_wait_s), (1, 1, 5.0));
        let of = support.counts;
        let endings = [of.answered, of.abandoned, of.short_abandoned, of.flowed_out, of.waiting];
        assert_eq!((of.offered, endings, support.refused), (5, [1, 2, 1, 1, 1], 1));
        assert_eq!((support.asa_s, support.aht_s, support.longest_wait_s), (Some(4.0), Some(120.0), 70.0));
        assert_eq!(
            (support.talk_s, support.hold_s, support.wrap_up_s),
            (70.0, 30.0, 20.0),
            "hold is no talk, and handling all the same"
        );
        assert_eq!(support.service_level["short_excluded"], Some(0.5));
        assert_eq!(support.service_level["negative"], Some(1.0 / 3.0));
        assert_eq!(support.abandon_rate_no_short, Some(0.25));
    }

    /// Anna's phone is lost after twenty seconds, and bob answers five seconds later.
    #[test]
    fn a_talk_that_broke_off_is_talk_and_no_waiting() {
        let joined = (10, "queue joined", "a", "+1", json!({ "queue": "support" }));
        let answered = |at: i64, agent: &str, waited: u64| {
            (at, "queue answered", "a", "", json!({ "queue": "support", "agent": agent, "waited_ms": waited * 1000 }))
        };
        let returned = (40, "queue returned", "a", "", json!({ "queue": "support", "agent": "anna", "talked_ms": 20_000 }));
        let begun = || vec![joined.clone(), answered(20, "anna", 10), returned.clone()];
        let left = |outcome: &str, waited: u64, talked: u64| {
            let body =
                json!({ "queue": "support", "outcome": outcome, "waited_ms": waited * 1000, "talked_ms": talked * 1000 });
            (75, "queue left", "a", "", body)
        };
        let lost = (75, "call lost", "a", "", json!({ "ended": at(75).unix_nanos() }));
        let moved = (75, "queue moved", "a", "", json!({ "queue": "sales", "from": "support" }));
        let answered_by_bob = answered(45, "bob", 15);
        // What follows; answered, the longest wait and the talk of `support` at second 80.
        for (what, facts, expected) in [
            ("waits still", vec![], (0, 50.0, 20.0)),
            ("talks with bob", vec![answered_by_bob.clone()], (1, 10.0, 20.0)),
            ("talked with bob", vec![answered_by_bob, left("answered", 10, 50)], (1, 10.0, 50.0)),
            ("gave up", vec![left("abandoned", 45, 0)], (0, 45.0, 20.0)),
            ("the exchange died", vec![lost], (0, 45.0, 20.0)),
            ("was moved", vec![moved], (0, 45.0, 20.0)),
        ] {
            let facts: Vec<_> = begun().into_iter().chain(facts).collect();
            let rows = day(&facts).queues(&Period { now: at(80), to: at(80), ..period(None) });
            let support = rows.iter().find(|row| row.queue == "support").expect("a row");
            let told = (support.counts.answered, support.longest_wait_s, support.talk_s);
            assert_eq!((support.counts.offered, told), (1, expected), "{what}");
        }
        // Of the fifty seconds twenty were anna's.
        let facts: Vec<_> = begun().into_iter().chain([answered(45, "bob", 15), left("answered", 10, 50)]).collect();
        let rows = day(&facts).agents(&period(None));
        let told: Vec<_> = rows.iter().map(|row| (row.agent.as_str(), row.handled, row.aht_s)).collect();
        assert_eq!(told, [("anna", 1, Some(20.0)), ("bob", 1, Some(30.0))]);
    }

    #[test]
    fn another_threshold_counts_the_same_past_anew() {
        let strict = Threshold { within: Duration::from_secs(3), short: Duration::from_secs(1) };
        let period = Period { thresholds: [("support".into(), strict)].into(), ..period(None) };
        let rows = morning().queues(&period);
        assert_eq!((rows[1].counts.answered_in_time, rows[1].counts.short_abandoned), (0, 0));
    }

    #[test]
    fn a_call_belongs_to_the_interval_in_which_it_came() {
        let rows = morning().queues(&period(Some(Duration::from_secs(100))));
        let told: Vec<_> = rows.iter().map(|row| (row.queue.as_str(), &row.from[14..19], row.counts.offered)).collect();
        let expected = [("sales", "03:20", 1), ("support", "00:00", 1), ("support", "01:40", 2), ("support", "03:20", 2)];
        assert_eq!(told, expected);
        assert_eq!(period(Some(Duration::from_secs(100))).intervals(), 3);
    }

    #[test]
    fn an_agents_time_is_told_by_state() {
        let rows = morning().agents(&period(None));
        let [anna] = &rows[..] else { panic!("one agent, not {rows:?}") };
        let states: Vec<_> = anna.states_s.iter().map(|(state, time)| (state.as_str(), *time)).collect();
        assert_eq!(states, [("available", 14.0), ("on_call", 100.0), ("paused (lunch)", 166.0), ("wrap_up", 20.0)]);
        assert_eq!((anna.handled, anna.aht_s, anna.logged_in_s), (1, Some(120.0), 300.0));
        assert_eq!((anna.occupancy, anna.utilisation), (Some(120.0 / 134.0), Some(0.4)));
        assert_eq!(anna.offers, [("answered".to_string(), 1)].into());
        // Only the pause is in the second half.
        let late = Period { from: at(150), ..period(None) };
        assert_eq!(morning().agents(&late)[0].logged_in_s, 150.0);
    }

    #[test]
    fn who_called_twice_within_a_week_was_not_helped_at_once_and_nobody_is_not_counted() {
        let week = 8 * 24 * 3600;
        let later = Period { now: at(week), ..period(None) };
        let found = morning().contacts(&later);
        assert_eq!((found.chains, found.contacts, found.fcr, found.cr2), (3, 4, Some(2.0 / 3.0), Some(1.0)));
        assert_eq!(morning().contacts(&period(None)).chains, 0, "no chain is closed yet");
    }
}
