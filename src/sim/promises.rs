//! What the exchange promises, and how a broken promise is told.
//!
//! Invariant: each promise is one line that a person can judge.

use std::fmt;

/// One promise of the exchange; its text says what was promised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    OneOutcomePerCaller,
    TruthfulOutcome,
    LegOpenedOnce,
    LegClosedOnce,
    NoActionForAnUnknownLeg,
    PlaysAreDistinct,
    PortsAreUnique,
    OneRecordPerCall,
    RecordsAreSane,
    OneCallPerInvite,
    WritesAreBounded,
    QuestionsAreBounded,
    DatagramsFit,
    CountsAgree,
    BooksAgree,
    OneBridgePerLeg,
    OneMixPerLeg,
    NothingRemains,
    NoPanic,
    PlainData,
    ThingsComeToAnEnd,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::OneOutcomePerCaller => "every caller ends in exactly one outcome",
            Invariant::TruthfulOutcome => "what became of a caller fits what they did, and the record tells it",
            Invariant::LegOpenedOnce => "a leg is opened once",
            Invariant::LegClosedOnce => "each leg that was opened is closed exactly once",
            Invariant::NoActionForAnUnknownLeg => "nothing is done to a leg that is not open",
            Invariant::PlaysAreDistinct => "each play has an id of its own",
            Invariant::PortsAreUnique => "no two open legs have one port",
            Invariant::OneRecordPerCall => "each call has one start and one record",
            Invariant::RecordsAreSane => "a record's times are in order and its words are known",
            Invariant::OneCallPerInvite => "one INVITE makes one call, however often it arrives",
            Invariant::WritesAreBounded => "writes are distinct, bounded and answered once",
            Invariant::QuestionsAreBounded => "questions are distinct, bounded and answered once",
            Invariant::DatagramsFit => "what is sent fits into a datagram and goes somewhere",
            Invariant::CountsAgree => "the status counts what there is",
            Invariant::BooksAgree => "the exchange's own books, the queue engine's included, agree with each other",
            Invariant::OneBridgePerLeg => "each leg is in at most one bridge",
            Invariant::OneMixPerLeg => "each leg that is mixed is in exactly one mix, of three at least",
            Invariant::NothingRemains => "when all have hung up and the timers have passed, nothing remains",
            Invariant::NoPanic => "the exchange never panics",
            Invariant::PlainData => "the exchange's state is plain data: written down and read back it goes on the same way",
            Invariant::ThingsComeToAnEnd => "a world without callers falls silent",
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    pub invariant: Invariant,
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.message)
    }
}

pub type Verdict = Result<(), Violation>;

/// `Ok` when `holds`; the message is made only otherwise.
pub fn judge(invariant: Invariant, holds: bool, message: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Violation { invariant, message: message() }) }
}
