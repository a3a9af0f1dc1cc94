//! What must hold after every step, judged from outside: the ledger sees everything that the exchange is told and everything
//! that it wants done, and nothing of what it keeps inside.
//!
//! Invariant: the ledger only watches; a world with it and one without it go the same way.

use super::company::Company;
use super::promises::{Invariant, Verdict, judge};
use crate::control::Status;
use crate::id::{AskId, LegId, PlayId, WriteId};
use crate::media::{Command, Report};
use crate::pbx::{Action, Event};
use crate::store::queueing::QueueFact;
use crate::store::{CallRecord, LegRecord, OUTCOMES, What};
use crate::time::{Moment, Wall};
use crate::{ask, store};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// More writes than this on their way to the store at once, in a world of some twenty callers, is a leak.
const MAX_WRITES_OPEN: usize = 2_000;
/// UDP cannot carry more.
const MAX_DATAGRAM: usize = 65_507;

/// The books on everything that was opened, begun, asked and written.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    legs: BTreeMap<LegId, LegEntry>,
    ports: BTreeMap<SocketAddr, LegId>,
    plays: BTreeSet<(LegId, PlayId)>,
    company: Company,
    queueing: Vec<(Wall, QueueFact)>,
    calls: BTreeMap<String, CallEntry>,
    records: BTreeMap<String, CallRecord>,
    writes: BTreeMap<WriteId, Written>,
    questions: BTreeSet<AskId>,
    questions_seen: BTreeSet<AskId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LegEntry {
    Opening(SocketAddr),
    Open(SocketAddr),
    /// Told to close; its port is taken until it says so.
    Closing(SocketAddr),
    /// The last port asked for could not be had.
    Failed,
    Closed,
}

#[derive(Clone, Debug, Default)]
struct CallEntry {
    started: bool,
    /// The disk refused the start: it may be written once more.
    start_refused: bool,
    ended: bool,
    /// The same for its record.
    end_refused: bool,
}

/// What an unanswered write was about, so that one that fails may be tried again.
#[derive(Clone, Debug)]
enum Written {
    Started(String),
    Ended(String),
    Other,
}

impl Ledger {
    /// Finished calls by their reference.
    pub fn records(&self) -> &BTreeMap<String, CallRecord> {
        &self.records
    }

    /// What was kept of the queues, and when, in order.
    pub fn queueing(&self) -> &[(Wall, QueueFact)] {
        &self.queueing
    }

    pub fn company(&self) -> &Company {
        &self.company
    }

    pub fn open_legs(&self) -> usize {
        self.legs.values().filter(|leg| matches!(leg, LegEntry::Open(_))).count()
    }

    /// Looks at what the exchange is about to be told.
    pub fn event(&mut self, event: &Event) -> Verdict {
        match event {
            Event::Media(Report::Opened { leg }) => {
                match self.legs.get(leg).copied() {
                    Some(LegEntry::Opening(local)) => drop(self.legs.insert(*leg, LegEntry::Open(local))),
                    // Told to close again within the same batch: a phone that shall not ring after all.
                    Some(LegEntry::Closing(_)) => {}
                    _ => return judge(Invariant::LegOpenedOnce, false, || format!("{leg:?} was not being opened")),
                }
                Ok(())
            }
            Event::Media(Report::OpenFailed { leg, .. }) => {
                if let Some(LegEntry::Opening(local) | LegEntry::Closing(local)) = self.legs.insert(*leg, LegEntry::Failed) {
                    self.ports.remove(&local);
                }
                Ok(())
            }
            Event::Media(Report::Closed { leg, .. }) => {
                if let Some(LegEntry::Closing(local)) = self.legs.insert(*leg, LegEntry::Closed) {
                    self.ports.remove(&local);
                }
                Ok(())
            }
            Event::Committed(store::Committed { id, outcome }) => self.committed(*id, outcome.is_ok()),
            Event::Answer(ask::Answer { id, .. }) => {
                self.questions.remove(id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Looks at what the exchange wants done.
    pub fn action(&mut self, action: &Action, now: Moment) -> Verdict {
        match action {
            Action::Transmit { path, bytes } => judge(
                Invariant::DatagramsFit,
                !bytes.is_empty() && bytes.len() <= MAX_DATAGRAM && path.remote.port() != 0,
                || format!("{} bytes to {}", bytes.len(), path.remote),
            ),
            Action::Media { command, .. } => self.media(command),
            Action::Ask(ask) => {
                judge(Invariant::QuestionsAreBounded, self.questions_seen.insert(ask.id), || {
                    format!("{:?} was asked before", ask.id)
                })?;
                judge(Invariant::QuestionsAreBounded, ask.deadline > now, || {
                    format!("{:?} is asked after its deadline", ask.id)
                })?;
                self.questions.insert(ask.id);
                let open = self.questions.len();
                judge(Invariant::QuestionsAreBounded, open <= ask::MAX_OPEN, || format!("{open} questions are open"))
            }
            Action::Write(write) => self.write(write),
            Action::CloseConnection { .. } | Action::Reply { .. } => Ok(()),
        }
    }

    /// Questions whose deadline has passed are no longer owed an answer.
    pub fn forget_question(&mut self, id: AskId) {
        self.questions.remove(&id);
    }

    fn media(&mut self, command: &Command) -> Verdict {
        if let Command::Unbridge { leg } | Command::Export { leg } | Command::Close { leg } = command {
            self.company.part(*leg);
        }
        let unknown = |leg: &LegId| format!("{leg:?} is not open: {command:?}");
        match command {
            Command::Open { leg, local } => {
                let fresh = matches!(self.legs.get(leg), None | Some(LegEntry::Failed));
                judge(Invariant::LegOpenedOnce, fresh, || format!("{leg:?} is opened again at {local}"))?;
                judge(Invariant::PortsAreUnique, local.port() % 2 == 0, || format!("{local} is not an even port"))?;
                if let Some(other) = self.ports.insert(*local, *leg) {
                    return judge(Invariant::PortsAreUnique, false, || format!("{leg:?} is given {local}, where {other:?} is"));
                }
                self.legs.insert(*leg, LegEntry::Opening(*local));
                Ok(())
            }
            Command::Close { leg } => match self.legs.get(leg).copied() {
                Some(LegEntry::Open(local) | LegEntry::Opening(local)) => {
                    self.legs.insert(*leg, LegEntry::Closing(local));
                    Ok(())
                }
                // The driver may not have said yet that the port was refused: harmless.
                Some(LegEntry::Failed) => Ok(()),
                Some(LegEntry::Closing(_) | LegEntry::Closed) => {
                    judge(Invariant::LegClosedOnce, false, || format!("{leg:?} is closed again"))
                }
                None => judge(Invariant::NoActionForAnUnknownLeg, false, || unknown(leg)),
            },
            Command::Play { leg, play, .. } => {
                judge(Invariant::NoActionForAnUnknownLeg, self.is_open(leg), || unknown(leg))?;
                judge(Invariant::PlaysAreDistinct, self.plays.insert((*leg, *play)), || format!("{play:?} twice on {leg:?}"))
            }
            Command::Bridge { a, b } => {
                for leg in [a, b] {
                    judge(Invariant::NoActionForAnUnknownLeg, self.is_open(leg), || unknown(leg))?;
                }
                self.company.bridge(*a, *b)
            }
            Command::Mix { legs } => {
                for leg in legs {
                    judge(Invariant::NoActionForAnUnknownLeg, self.is_open(leg), || unknown(leg))?;
                }
                self.company.mix(legs)
            }
            Command::Import { state } => {
                let leg = state.leg();
                // It may have been told to close on its way: it is taken in, to be closed.
                let here = self.is_open(&leg) || matches!(self.legs.get(&leg), Some(LegEntry::Closing(_) | LegEntry::Closed));
                judge(Invariant::NoActionForAnUnknownLeg, here, || unknown(&leg))
            }
            Command::Connect { leg, .. }
            | Command::Stop { leg }
            | Command::Music { leg, .. }
            | Command::Unbridge { leg }
            | Command::SendDigit { leg, .. }
            | Command::Export { leg } => judge(Invariant::NoActionForAnUnknownLeg, self.is_open(leg), || unknown(leg)),
        }
    }

    fn is_open(&self, leg: &LegId) -> bool {
        matches!(self.legs.get(leg), Some(LegEntry::Open(_) | LegEntry::Opening(_)))
    }

    fn write(&mut self, write: &store::Write) -> Verdict {
        let written = match &write.what {
            What::CallStarted(start) => {
                let call = self.calls.entry(start.reference.clone()).or_default();
                let fresh = !call.started || std::mem::take(&mut call.start_refused);
                judge(Invariant::OneRecordPerCall, fresh, || format!("{} starts again", start.reference))?;
                call.started = true;
                Written::Started(start.reference.clone())
            }
            What::CallEnded(record) => {
                let call = self.calls.entry(record.reference.clone()).or_default();
                // What was refused before anybody took the call has a record only.
                let known = call.started || record.answered.is_none();
                judge(Invariant::OneRecordPerCall, known, || format!("{} ends and never started", record.reference))?;
                let fresh = !call.ended || std::mem::take(&mut call.end_refused);
                judge(Invariant::OneRecordPerCall, fresh, || format!("{} ends again", record.reference))?;
                call.ended = true;
                sane(record)?;
                self.one_call_per_invite(record)?;
                self.records.insert(record.reference.clone(), record.clone());
                Written::Ended(record.reference.clone())
            }
            What::Queue(fact) => {
                self.queueing.push((write.at, fact.clone()));
                Written::Other
            }
            _ => Written::Other,
        };
        let before = self.writes.insert(write.id, written);
        judge(Invariant::WritesAreBounded, before.is_none(), || format!("{:?} is on its way already", write.id))?;
        let open = self.writes.len();
        judge(Invariant::WritesAreBounded, open <= MAX_WRITES_OPEN, || format!("{open} writes are open"))
    }

    fn committed(&mut self, id: WriteId, kept: bool) -> Verdict {
        let Some(written) = self.writes.remove(&id) else {
            return judge(Invariant::WritesAreBounded, false, || format!("{id:?} is answered twice"));
        };
        // What the disk refused may be written once more.
        match (kept, written) {
            (false, Written::Started(reference)) => self.calls.entry(reference).or_default().start_refused = true,
            (false, Written::Ended(reference)) => self.calls.entry(reference).or_default().end_refused = true,
            _ => {}
        }
        Ok(())
    }

    /// A leg that went over into another call ("joined") has a part in each of the two records.
    fn one_call_per_invite(&self, record: &CallRecord) -> Verdict {
        let whole = |leg: &&LegRecord| !leg.sip_call_id.is_empty() && leg.ending != "joined";
        let same = |other: &&CallRecord| {
            other.reference != record.reference
                && other
                    .legs
                    .iter()
                    .filter(whole)
                    .any(|leg| record.legs.iter().filter(whole).any(|ours| ours.sip_call_id == leg.sip_call_id))
        };
        match self.records.values().find(same) {
            None => Ok(()),
            Some(other) => judge(Invariant::OneCallPerInvite, false, || {
                format!("{} and {} are of one SIP call", other.reference, record.reference)
            }),
        }
    }

    /// The exchange's own count against the books, between two batches.
    pub fn agrees(&self, status: &Status) -> Verdict {
        let check = |what: &str, said: u64, counted: usize| {
            judge(Invariant::CountsAgree, said == counted as u64, || format!("{what}: it says {said}, there are {counted}"))
        };
        let live = self.calls.values().filter(|call| call.started && !call.ended).count();
        let started = self.calls.len();
        check("ports used", status.ports_used, self.ports.len())?;
        // The exchange may forget a question at its deadline a moment before the books do.
        let asked = self.questions.len();
        judge(Invariant::CountsAgree, status.questions_open <= asked as u64, || {
            format!("it has {} questions open, {asked} are", status.questions_open)
        })?;
        check("writes open", status.writes_open, self.writes.len())?;
        judge(Invariant::CountsAgree, status.calls as usize >= live && status.calls_total as usize >= started, || {
            format!("{} calls of {}, but {live} of {started} are live", status.calls, status.calls_total)
        })
    }

    /// When everything is over: nothing is open on either side's books.
    pub fn closed(&self, status: &Status) -> Verdict {
        let remains = |what: &str, count: u64| {
            judge(Invariant::NothingRemains, count == 0, || format!("{count} {what} remain at the end"))
        };
        for (leg, entry) in &self.legs {
            let done = matches!(entry, LegEntry::Closed | LegEntry::Failed);
            judge(Invariant::LegClosedOnce, done, || format!("{leg:?} is never closed ({entry:?})"))?;
        }
        for (reference, call) in &self.calls {
            judge(Invariant::OneRecordPerCall, call.ended || !call.started, || format!("{reference} has no record"))?;
        }
        remains("writes", self.writes.len() as u64)?;
        remains("calls", status.calls)?;
        remains("legs", status.legs)?;
        remains("ports", status.ports_used)?;
        remains("unfinished transactions", status.transactions)?;
        remains("finished transactions", status.transactions_finished)?;
        remains("dialogs", status.dialogs)?;
        remains("questions", status.questions_open)
    }
}

fn sane(record: &CallRecord) -> Verdict {
    let judge = |holds: bool, what: &str| judge(Invariant::RecordsAreSane, holds, || format!("{what}: {record:?}"));
    judge(record.reference.len() == 16, "the reference has 16 digits")?;
    judge(OUTCOMES.contains(&record.outcome.as_str()), "the outcome is a known word")?;
    judge(record.outcome != "internal error", "no call ends by our own mistake")?;
    judge(["caller", "callee", "exchange", "network"].contains(&record.ended_by.as_str()), "it was ended by somebody known")?;
    judge(record.started <= record.ended, "it ends after it starts")?;
    judge(record.answered.is_none_or(|at| record.started <= at && at <= record.ended), "it is answered while it lasts")?;
    judge(record.outcome != "completed" || record.answered.is_some(), "what is completed was answered")?;
    judge(!record.legs.is_empty(), "it has a leg")?;
    for leg in &record.legs {
        judge(leg.started <= leg.ended, "a leg ends after it starts")?;
        // A phone that was never called, for want of a port, has no SIP call.
        let named = !leg.sip_call_id.is_empty() || (leg.role != "caller" && leg.answered.is_none());
        judge(!leg.ending.is_empty() && named, "a leg says how it ended and whose it was")?;
    }
    for steps in record.path.windows(2) {
        judge(steps[0].entered <= steps[1].entered, "the path is in order")?;
    }
    judge(record.path.iter().all(|step| step.entered <= step.left), "a node is left after it is entered")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ShardId;

    enum Step {
        Wants(Box<Action>),
        IsTold(Box<Event>),
    }

    fn media(command: Command) -> Step {
        Step::Wants(Box::new(Action::Media { shard: ShardId(0), command }))
    }

    fn open(leg: u64, port: u16) -> Step {
        media(Command::Open { leg: LegId(leg), local: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    fn opened(leg: u64) -> Step {
        Step::IsTold(Box::new(Event::Media(Report::Opened { leg: LegId(leg) })))
    }

    fn close(leg: u64) -> Step {
        media(Command::Close { leg: LegId(leg) })
    }

    /// A transcript of the exchange's behaviour, and which promise it breaks.
    fn check(name: &str, steps: Vec<Step>, breaks: Option<Invariant>) {
        let mut ledger = Ledger::default();
        let verdict = steps.iter().try_for_each(|step| match step {
            Step::Wants(action) => ledger.action(action, Moment::ZERO),
            Step::IsTold(event) => ledger.event(event),
        });
        assert_eq!(verdict.err().map(|violation| violation.invariant), breaks, "{name}");
    }

    #[test]
    fn the_ledger_sees_what_is_done_to_legs() {
        let play = |leg| media(Command::Play { leg: LegId(leg), play: PlayId(1), sounds: Vec::new(), repeat: false });
        let closed = || Step::IsTold(Box::new(Event::Media(Report::Closed { leg: LegId(1), statistics: Default::default() })));
        let in_order = vec![open(1, 16384), opened(1), play(1), close(1), closed(), open(2, 16384)];
        check("in order", in_order, None);
        let too_soon = vec![open(1, 16384), close(1), open(2, 16384)];
        check("a port that is not closed yet", too_soon, Some(Invariant::PortsAreUnique));
        check("closed twice", vec![open(1, 16384), close(1), close(1)], Some(Invariant::LegClosedOnce));
        check("play after close", vec![open(1, 16384), close(1), play(1)], Some(Invariant::NoActionForAnUnknownLeg));
        check("one port twice", vec![open(1, 16384), open(2, 16384)], Some(Invariant::PortsAreUnique));
        check("an odd port", vec![open(1, 16385)], Some(Invariant::PortsAreUnique));
        let failed = Step::IsTold(Box::new(Event::Media(Report::OpenFailed { leg: LegId(1), why: String::new() })));
        check("another port after a failure", vec![open(1, 16384), failed, open(1, 16386)], None);
        check("one play twice", vec![open(1, 16384), play(1), play(1)], Some(Invariant::PlaysAreDistinct));
    }

    #[test]
    fn the_ledger_sees_records_that_are_missing_or_come_twice() {
        let start = |id| {
            let start = store::CallStarted {
                reference: "0123456789abcdef".into(),
                started: Default::default(),
                from: Default::default(),
                dialled: "100".into(),
                source: "trunk provider".into(),
            };
            Action::Write(store::Write { id: WriteId(id), at: Default::default(), what: What::CallStarted(start) })
        };
        check(
            "started twice",
            [start(1), start(2)].map(|write| Step::Wants(Box::new(write))).into(),
            Some(Invariant::OneRecordPerCall),
        );
        let mut ledger = Ledger::default();
        ledger.action(&start(1), Moment::ZERO).expect("a first start");
        ledger.event(&Event::Committed(store::Committed { id: WriteId(1), outcome: Ok(()) })).expect("its commit");
        let broken = ledger.closed(&Status::default()).expect_err("no record came");
        assert_eq!(broken.invariant, Invariant::OneRecordPerCall);
    }
}
