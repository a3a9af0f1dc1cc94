//! A world lived to its end, and what is judged there.
//!
//! Invariant: nothing is judged before the longest timer that could still fire has passed.

use super::caller::{Person, Quirk};
use super::lab;
use super::promises::{Invariant, Verdict, judge};
use super::world::{Who, World};
use crate::time::Duration;

/// After the last caller the phones live on for this long, so that what they still say is said (64*T1, and a margin).
const FAREWELL: Duration = Duration::from_secs(45);
/// When the phones have gone and no call may last any longer, the exchange may still say BYE (64*T1) and remember a finished
/// transaction (64*T1), once more for a call that ends in between. Then nothing may be left.
const COOL_DOWN: Duration = Duration::from_secs(3 * 32 + 20);
/// Bindings last at most this long; then the exchange has no reason to wake.
const HORIZON: Duration = Duration::from_secs(3 * 3600);

impl World {
    /// Lives the world to its end; an error is a broken promise.
    pub fn run(&mut self) -> Verdict {
        while !self.people.iter().all(Person::is_done) {
            let went_on = self.step()?;
            judge(Invariant::OneOutcomePerCaller, went_on, || "somebody still waits, and nothing will ever happen".into())?;
        }
        // Who waits with a dead phone is offered to agents for as long as a call may last.
        self.run_for(self.circumstances.config.limits.call_duration + FAREWELL)?;
        self.everybody_leaves();
        self.run_for(self.circumstances.config.limits.call_duration + COOL_DOWN)?;
        self.judge_the_end()?;
        let horizon = self.clock.mono() + HORIZON;
        while self.next().is_some_and(|at| at < horizon) {
            self.step()?;
        }
        let status = self.ask_status()?;
        let asleep = self.pbx.poll_timeout().is_none();
        judge(Invariant::ThingsComeToAnEnd, asleep, || "with nobody there the exchange still wants waking".into())?;
        judge(Invariant::NothingRemains, status.registrations == 0, || format!("{} bindings remain", status.registrations))
    }

    /// A phone that registers would do so for ever; the others stay, to see that nothing remains in them either.
    fn everybody_leaves(&mut self) {
        let registers = |who: &usize| self.people[*who].life.registers.is_some();
        let leaving: Vec<usize> = (0..self.people.len()).filter(registers).collect();
        for who in leaving {
            self.people[who].vanished = true;
            self.rouse(Who::Person(who));
        }
    }

    fn judge_the_end(&mut self) -> Verdict {
        let status = self.ask_status()?;
        self.ledger.agrees(&status)?;
        self.ledger.closed(&status)?;
        judge(Invariant::LegClosedOnce, self.shards.open_legs() == 0, || format!("{} legs are open", self.shards.open_legs()))?;
        judge(Invariant::NoPanic, status.panics_contained == 0, || format!("{} panics", status.panics_contained))?;
        self.people.iter().enumerate().try_for_each(|(who, person)| self.judge_person(who, person))
    }

    fn judge_person(&self, who: usize, person: &Person) -> Verdict {
        for attempt in &person.attempts {
            let told = |what: &str| format!("caller {who} who dialled {} ({:?}): {what}", attempt.plan.dials, attempt.outcome);
            judge(Invariant::OneOutcomePerCaller, attempt.outcome.is_some(), || told("nothing became of them"))?;
            let answered = attempt.answered.is_some();
            let is_theirs = |leg: &crate::store::LegRecord| leg.sip_call_id == attempt.sip_call_id;
            let record = self.ledger.records().values().find(|record| record.legs.iter().any(is_theirs));
            let may_be_answered = person.life.may_call() && lab::is_answered(&attempt.plan.dials);
            judge(Invariant::TruthfulOutcome, may_be_answered || !answered, || told("this could not have been answered"))?;
            // A damaged copy may be answered in place of the INVITE, and its record bears a damaged name.
            let recorded = record.map_or(attempt.plan.quirk == Quirk::Mangles, |record| record.answered.is_some());
            judge(Invariant::TruthfulOutcome, !answered || recorded, || told("answered, and there is no record of it"))?;
        }
        if person.died {
            return Ok(());
        }
        let (lines, census) = (person.phone.lines(), person.phone.endpoint().census());
        let left = if person.vanished { lines } else { lines + census.unfinished + census.finished + census.dialogs };
        judge(Invariant::NothingRemains, left == 0, || format!("caller {who}'s phone still has {lines} calls, {census:?}"))
    }
}
