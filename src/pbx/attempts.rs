//! Wrong PINs, counted per customer and per calling number, over however many calls.
//!
//! | an attempt | is counted |
//! |---|---|
//! | wrong | against the customer (if there is one of that number) and the calling number (unless it is withheld) |
//! | right | for the customer: their wrong ones are forgotten, and as many of the calling number's |
//! | an operator's `customers unlock` | their wrong ones are forgotten, and the lock with them |
//! | as many wrong ones as the flow allows | both are locked for as long as the flow says; the right PIN is refused too |
//!
//! A wrong one is forgotten when the time of a lock has passed without another. Attempts that are being verified count as wrong
//! until they turn out right, so that many calls at once gain nothing. Who was wrong hears it when it is on the disk;
//! where the disk takes longer than the question may, that nobody could tell.
//! Invariant: what was typed is not kept: a customer's number stays here only while it counts, and is never printed.

use super::{Action, Pbx, Purpose};
use crate::ask::{Answer, PinCheck, PinVerdict, Reply};
use crate::control::LockRow;
use crate::id::{AskId, WriteId};
use crate::store::{AttemptNote, Counted, Tally, TallyRow, What};
use crate::time::{Duration, Now, Wall};
use std::collections::BTreeMap;
use std::fmt;

/// Customers and calling numbers counted at once; beyond, those that matter least are forgotten.
const MAX_COUNTED: usize = 50_000;
/// Locks told to an operator.
const MAX_LISTED: usize = 10_000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Customer(String),
    Caller(String),
}

/// Not written down with the rest of the state: the store keeps what must outlive the process.
#[derive(Clone, Default)]
pub(super) struct Attempts {
    tallies: BTreeMap<Subject, Tally>,
    /// Being verified.
    open: BTreeMap<AskId, Trying>,
    /// Answers that wait until they are kept.
    held: BTreeMap<WriteId, Answer>,
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempts({} counted, {} open)", self.tallies.len(), self.open.len())
    }
}

#[derive(Clone)]
struct Trying {
    subjects: Vec<Subject>,
    tries: u32,
    lock: Duration,
}

impl Attempts {
    /// True when it may be verified now.
    fn begin(&mut self, id: AskId, check: &PinCheck, now: Wall) -> bool {
        let trying = Trying { subjects: subjects(check), tries: check.tries.max(1), lock: check.lock };
        let open = |subject: &Subject| self.open.values().filter(|other| other.subjects.contains(subject)).count();
        let may = trying.subjects.iter().all(|subject| {
            let tally = self.tally(subject, now);
            let open = u32::try_from(open(subject)).unwrap_or(u32::MAX);
            tally.locked_until.is_none() && tally.wrong.saturating_add(open) < trying.tries
        });
        if may {
            self.open.insert(id, trying);
        }
        may
    }

    /// What counts at this moment.
    fn tally(&self, subject: &Subject, now: Wall) -> Tally {
        let tally = self.tallies.get(subject).copied().unwrap_or_default();
        match tally.locked_until {
            Some(until) if until > now => tally,
            // A lock that is over leaves nothing behind.
            Some(_) => Tally::default(),
            None if tally.forget <= now => Tally::default(),
            None => tally,
        }
    }

    /// The attempt is over; what has changed.
    fn end(&mut self, id: AskId, verdict: Option<&PinVerdict>, now: Wall) -> Vec<(Counted, Tally)> {
        let (Some(trying), Some(verdict)) = (self.open.remove(&id), verdict) else { return Vec::new() };
        let changed = match verdict {
            PinVerdict::Accepted(_) => self.right(&trying, now),
            PinVerdict::Refused | PinVerdict::Nobody => self.wrong(&trying, now),
            PinVerdict::Locked => Vec::new(),
        };
        self.keep_small(now);
        changed
    }

    fn wrong(&mut self, trying: &Trying, now: Wall) -> Vec<(Counted, Tally)> {
        let mut changed = Vec::new();
        for subject in &trying.subjects {
            let mut tally = self.tally(subject, now);
            tally.wrong += 1;
            tally.forget = now + trying.lock;
            if tally.wrong >= trying.tries {
                tally.locked_until = Some(now + trying.lock);
            }
            self.tallies.insert(subject.clone(), tally);
            changed.push((subject.counted(), tally));
        }
        changed
    }

    fn right(&mut self, trying: &Trying, now: Wall) -> Vec<(Counted, Tally)> {
        // The customer comes first.
        let forgiven = trying.subjects.first().map_or(0, |customer| self.tally(customer, now).wrong);
        if forgiven == 0 {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for subject in &trying.subjects {
            let before = self.tally(subject, now);
            let wrong = before.wrong.saturating_sub(forgiven);
            let tally = if wrong == 0 { Tally::default() } else { Tally { wrong, ..before } };
            if wrong == 0 {
                self.tallies.remove(subject);
            } else {
                self.tallies.insert(subject.clone(), tally);
            }
            changed.push((subject.counted(), tally));
        }
        changed
    }

    /// What is known of one who may stand there already, under the same number: what weighs more holds.
    fn count(&mut self, subject: Subject, tally: Tally) {
        let before = self.tallies.entry(subject).or_default();
        before.wrong = before.wrong.max(tally.wrong);
        before.forget = before.forget.max(tally.forget);
        before.locked_until = before.locked_until.max(tally.locked_until);
    }

    /// What counted against them counts no longer; false when nothing did.
    pub(super) fn forget(&mut self, subject: &Subject, now: Wall) -> bool {
        let counted = self.tally(subject, now) != Tally::default();
        self.tallies.remove(subject);
        counted
    }

    /// Who is locked out now.
    pub(super) fn locks(&self, now: Wall) -> Vec<LockRow> {
        let locked = self.tallies.iter().filter_map(|(subject, tally)| {
            let until = tally.locked_until.filter(|until| *until > now)?;
            let (customer, number) = subject.names();
            Some(LockRow { customer, number, wrong: tally.wrong, until })
        });
        locked.take(MAX_LISTED).collect()
    }

    /// First those that count no longer go, then those that count least: the locked ones last.
    fn keep_small(&mut self, now: Wall) {
        if self.tallies.len() <= MAX_COUNTED {
            return;
        }
        let idle: Vec<Subject> =
            self.tallies.keys().filter(|subject| self.tally(subject, now) == Tally::default()).cloned().collect();
        for subject in &idle {
            self.tallies.remove(subject);
        }
        while self.tallies.len() > MAX_COUNTED {
            let least = self.tallies.iter().min_by_key(|(_, tally)| (tally.locked_until, tally.wrong, tally.forget));
            let Some(subject) = least.map(|(subject, _)| subject.clone()) else { return };
            self.tallies.remove(&subject);
        }
    }
}

impl Subject {
    /// The customer, or the calling number.
    pub(super) fn names(&self) -> (Option<String>, Option<String>) {
        match self {
            Subject::Customer(id) => (Some(id.clone()), None),
            Subject::Caller(number) => (None, Some(number.clone())),
        }
    }

    pub(super) fn counted(&self) -> Counted {
        match self {
            Subject::Customer(_) => Counted::Customer,
            Subject::Caller(_) => Counted::Caller,
        }
    }
}

fn subjects(check: &PinCheck) -> Vec<Subject> {
    let mut subjects = vec![Subject::Customer(check.customer.reveal().to_string())];
    if !check.caller.is_empty() {
        subjects.push(Subject::Caller(check.caller.clone()));
    }
    subjects
}

impl Pbx {
    /// Whether a PIN may be verified now. Where it may not the attempt is noted, and the caller hears that they are locked out.
    pub(super) fn admit(&mut self, id: AskId, check: &PinCheck, now: Now, out: &mut Vec<Action>) -> bool {
        let may = self.pins.begin(id, check, now.wall);
        if !may {
            let note = AttemptNote { customer: None, ..self.audit(id, check.caller.clone(), "locked") };
            self.write(What::Attempt(note), now, out);
        }
        may
    }

    /// Counts what came of an attempt. The answer comes back when it may be told now; otherwise it is told when it is kept.
    pub(super) fn count_attempt(&mut self, answer: Answer, now: Now, out: &mut Vec<Action>) -> Option<Answer> {
        let Some(trying) = self.pins.open.get(&answer.id).cloned() else { return Some(answer) };
        let verdict = match &answer.reply {
            Reply::Pin(verdict) => Some(verdict.clone()),
            _ => None,
        };
        let mut counts = self.pins.end(answer.id, verdict.as_ref(), now.wall);
        // Nobody could tell: nothing is counted.
        let Some(verdict) = verdict else { return Some(answer) };
        let word = if matches!(verdict, PinVerdict::Accepted(_)) { "accepted" } else { "refused" };
        let caller = trying.subjects.iter().find_map(|subject| match subject {
            Subject::Caller(number) => Some(number.clone()),
            Subject::Customer(_) => None,
        });
        let mut note = self.audit(answer.id, caller.unwrap_or_default(), word);
        match (&verdict, trying.subjects.first()) {
            // Nobody has that number: it may be a PIN typed too early, and is not written down.
            (PinVerdict::Nobody, _) | (_, None | Some(Subject::Caller(_))) => {
                counts.retain(|(counted, _)| *counted == Counted::Caller);
            }
            (_, Some(Subject::Customer(id))) => note.customer = Some(id.clone()),
        }
        note.counts = counts;
        self.write(What::Attempt(note), now, out);
        // Nobody is told whether the customer or the PIN was wrong.
        let told = if verdict == PinVerdict::Nobody { PinVerdict::Refused } else { verdict };
        let answer = Answer { id: answer.id, reply: Reply::Pin(told) };
        if word == "accepted" {
            return Some(answer);
        }
        self.pins.held.insert(WriteId(self.next.write), answer);
        None
    }

    /// An answer that waited for this write.
    pub(super) fn release_attempt(&mut self, write: WriteId) -> Option<Answer> {
        self.pins.held.remove(&write)
    }

    /// The asker has been told something else: the disk took too long.
    pub(super) fn forget_held(&mut self, id: AskId) {
        self.pins.held.retain(|_, held| held.id != id);
    }

    fn audit(&self, id: AskId, caller: String, verdict: &str) -> AttemptNote {
        let call = match self.asks.get(&id) {
            Some(Purpose::Flow(call, _)) => self.calls.get(call).map(|call| call.reference.clone()),
            _ => None,
        };
        AttemptNote {
            call: call.unwrap_or_default(),
            customer: None,
            spellings: self.config.outbound.plan.spellings(&caller),
            caller: Some(caller).filter(|caller| !caller.is_empty()),
            verdict: verdict.to_string(),
            counts: Vec::new(),
        }
    }

    /// Brings back what counted before a restart.
    pub fn restore_attempts(&mut self, rows: Vec<TallyRow>) {
        for row in rows.into_iter().take(MAX_COUNTED) {
            let caller = row.caller.map(|number| self.caller_by(&number));
            if let Some(subject) = row.customer.map(Subject::Customer).or(caller) {
                self.pins.count(subject, row.tally);
            }
        }
    }

    /// Who calls from this number, however it is written.
    pub(super) fn caller_by(&self, number: &str) -> Subject {
        Subject::Caller(self.config.outbound.plan.telephone(number))
    }

    /// The numbering plan has changed: what was another number may be the same now.
    pub(super) fn recount_attempts(&mut self) {
        for (subject, tally) in std::mem::take(&mut self.pins.tallies) {
            let subject = match &subject {
                Subject::Caller(number) => self.caller_by(number),
                Subject::Customer(_) => subject,
            };
            self.pins.count(subject, tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{Customer, Digits};

    const LOCK: Duration = Duration::from_secs(900);

    struct Bench {
        attempts: Attempts,
        now: Wall,
        next: u64,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { attempts: Attempts::default(), now: Wall::from_unix_nanos(1_000_000_000_000), next: 0 }
        }

        fn begin(&mut self, customer: &str, caller: &str) -> Option<AskId> {
            self.next += 1;
            let id = AskId(self.next);
            let (customer, pin) = (Digits::new(customer.into()), Digits::new("0000".into()));
            let check = PinCheck { customer, pin, caller: caller.into(), tries: 3, lock: LOCK };
            self.attempts.begin(id, &check, self.now).then_some(id)
        }

        /// "wrong", "right" or "locked".
        fn attempt(&mut self, customer: &str, caller: &str, right: bool) -> &'static str {
            let Some(id) = self.begin(customer, caller) else { return "locked" };
            let verdict = if right { PinVerdict::Accepted(Customer::default()) } else { PinVerdict::Refused };
            self.attempts.end(id, Some(&verdict), self.now);
            if right { "right" } else { "wrong" }
        }

        #[track_caller]
        fn check(&mut self, steps: &[(&str, &str, bool, &str)]) {
            for (customer, caller, right, expected) in steps {
                assert_eq!(self.attempt(customer, caller, *right), *expected, "{customer} from {caller}");
            }
        }
    }

    #[test]
    fn three_wrong_ones_lock_the_customer_and_the_calling_number() {
        let mut bench = Bench::new();
        bench.check(&[("77", "+481", false, "wrong"), ("77", "+481", false, "wrong"), ("77", "+481", false, "wrong")]);
        bench.check(&[("77", "+481", true, "locked"), ("77", "+482", true, "locked"), ("88", "+481", true, "locked")]);
        bench.check(&[("88", "+482", true, "right")]);
        bench.now = bench.now + LOCK;
        bench.check(&[("77", "+481", true, "right")]);
    }

    #[test]
    fn an_operator_lifts_a_lock() {
        let mut bench = Bench::new();
        bench.check(&[("77", "+481", false, "wrong"), ("77", "+481", false, "wrong"), ("77", "+481", false, "wrong")]);
        assert!(bench.attempts.forget(&Subject::Customer("77".into()), bench.now));
        bench.check(&[("77", "+481", true, "locked"), ("77", "+482", true, "right")]);
        assert!(bench.attempts.forget(&Subject::Caller("+481".into()), bench.now));
        bench.check(&[("77", "+481", true, "right")]);
        assert!(!bench.attempts.forget(&Subject::Caller("+481".into()), bench.now));
    }

    #[test]
    fn a_right_one_forgives_what_that_customer_typed_wrong_and_nothing_else() {
        let mut bench = Bench::new();
        bench.check(&[("77", "+481", false, "wrong"), ("77", "+481", false, "wrong"), ("77", "+481", true, "right")]);
        bench.check(&[("77", "+481", false, "wrong"), ("77", "+481", false, "wrong"), ("77", "+481", true, "right")]);
        // Whoever has an account of their own does not win tries against others by it.
        bench.check(&[("1", "+481", false, "wrong"), ("2", "+481", false, "wrong"), ("77", "+481", true, "right")]);
        bench.check(&[("3", "+481", false, "wrong"), ("77", "+481", true, "locked")]);
    }

    #[test]
    fn a_withheld_number_is_not_counted_as_one_caller() {
        let mut bench = Bench::new();
        bench.check(&[
            ("1", "", false, "wrong"),
            ("2", "", false, "wrong"),
            ("3", "", false, "wrong"),
            ("4", "", true, "right"),
        ]);
    }

    #[test]
    fn wrong_ones_are_forgotten_after_a_while() {
        let mut bench = Bench::new();
        bench.check(&[("77", "+481", false, "wrong"), ("77", "+481", false, "wrong")]);
        bench.now = bench.now + LOCK;
        bench.check(&[("77", "+481", false, "wrong"), ("77", "+481", false, "wrong"), ("77", "+481", true, "right")]);
    }

    #[test]
    fn many_calls_at_once_gain_no_tries() {
        let mut bench = Bench::new();
        let begun: Vec<_> = (0..10).map(|n| bench.begin("77", &format!("+48{n}"))).collect();
        assert_eq!(begun.iter().flatten().count(), 3);
        // Nobody could tell: it does not count.
        begun.into_iter().flatten().for_each(|id| drop(bench.attempts.end(id, None, bench.now)));
        bench.check(&[("77", "+481", true, "right")]);
    }

    #[test]
    fn what_is_counted_is_bounded_and_the_locked_go_last() {
        let mut bench = Bench::new();
        bench.check(&[("77", "", false, "wrong"), ("77", "", false, "wrong"), ("77", "", false, "wrong")]);
        for n in 0..MAX_COUNTED + 10 {
            bench.attempt(&format!("c{n}"), "", false);
        }
        assert_eq!(bench.attempts.tallies.len(), MAX_COUNTED);
        bench.check(&[("77", "", true, "locked")]);
    }

    #[test]
    fn nothing_typed_is_printed() {
        let mut bench = Bench::new();
        bench.attempt("471147", "+48221234567", false);
        assert_eq!(format!("{:?}", bench.attempts), "Attempts(2 counted, 0 open)");
    }
}
