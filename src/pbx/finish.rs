//! How a call ends, however it ends: its flow is told, its legs are dropped, its record is written, it is forgotten.
//!
//! ```text
//! refuse / hang_up / session_ended -> finish -> drop_leg for each ... the last leg retired -> record -> forgotten
//!                                          \-> the flow's `on_hangup`, if it has one ... over /
//! ```
//!
//! Invariant: `finish` acts once; a second reason to end changes nothing.

use super::call::AttemptId;
use super::dial::Taken;
use super::leg::Farewell;
use super::{Action, EndedBy, Outcome, Pbx, Phase, Timer, cdr};
use crate::acd::Leaving;
use crate::id::{CallId, LegId, Name};
use crate::sip::Status;
use crate::time::{Duration, Now};
use crate::{ivr, store};

/// How long the flow of a caller who has hung up may go on.
const AFTERMATH: Duration = Duration::from_secs(10);

impl Pbx {
    /// Refuses a call that was not answered.
    pub(super) fn refuse(&mut self, id: CallId, status: Status, now: Now, out: &mut Vec<Action>) {
        let outcome = if (500..600).contains(&status.0) { Outcome::Failed } else { Outcome::Refused };
        self.finish(id, outcome, EndedBy::Exchange, Farewell::Refuse(status), now, out);
    }

    /// Ends a call in whatever state it is; by whoever hung up in this very moment, otherwise by us.
    pub(super) fn hang_up(&mut self, id: CallId, outcome: Outcome, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        let outcome = if outcome == Outcome::Completed && call.answered.is_none() { Outcome::Refused } else { outcome };
        let by = call.parted.filter(|(at, _)| *at == now.mono).map_or(EndedBy::Exchange, |(_, by)| by);
        self.finish(id, outcome, by, Farewell::HangUp, now, out);
    }

    /// The call is over: its flow is told, its path is kept, its legs are dropped.
    pub(super) fn finish(
        &mut self,
        id: CallId,
        outcome: Outcome,
        by: EndedBy,
        farewell: Farewell,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        if self.calls.get(&id).is_none_or(|call| matches!(call.phase, Phase::Ended { .. })) {
            return;
        }
        self.tell_session(id, ivr::Event::HungUp, now);
        self.abandon_transfer(id, now);
        self.unpark(id);
        let why = match by {
            EndedBy::Exchange | EndedBy::Callee => Leaving::EndedByUs,
            EndedBy::Caller => Leaving::HungUp,
            // Whose line broke may come back to their place.
            EndedBy::Network => Leaving::CutOff,
        };
        self.leave_queue(id, why, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Ended { outcome, by, at: call.clock(now).wall };
        tracing::info!(call = %call.reference, outcome = outcome.word(), by = by.word(), "call ended");
        let caller = call.caller;
        // It may have gone over into another call.
        let call_has_it = call.legs.contains(&caller);
        let others: Vec<LegId> = call.legs.iter().copied().filter(|leg| *leg != caller).collect();
        self.timers.cancel(&Timer::CallLimit(id));
        self.timers.cancel(&Timer::Lasting(id));
        if self.stopping {
            // Nobody will be here to hear what the flow still asks.
            self.tell_session(id, ivr::Event::HungUp, now);
        }
        self.end_flow(id, now, out);
        if self.calls.get(&id).is_some_and(|call| call.session.is_some()) {
            self.timers.set(Timer::Aftermath(id), now.mono + AFTERMATH);
        }
        let ringing: Vec<AttemptId> = self.attempts.values().filter(|it| it.call == id).map(|it| it.id).collect();
        for attempt in ringing {
            self.end_attempt(attempt, Taken::ByNobody, now, out);
        }
        if call_has_it {
            self.drop_leg(caller, farewell, now, out);
        }
        for leg in others {
            self.drop_leg(leg, Farewell::HangUp, now, out);
        }
        self.record_when_over(id, now, out);
    }

    /// The flow of a call that is over has nothing left to do: its path is kept.
    pub(super) fn end_flow(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (Phase::Ended { .. }, Some(session)) = (&call.phase, &call.session) else { return };
        if session.is_over() {
            call.language = session.language().clone();
            call.known_as = session.customer().map(Name::from);
            call.path.extend_from_slice(session.visits());
            call.session = None;
            self.timers.cancel(&Timer::Session(id));
            self.timers.cancel(&Timer::Aftermath(id));
            self.record_when_over(id, now, out);
        }
    }

    /// What a flow does after its caller has hung up has its time.
    pub(super) fn aftermath_over(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        self.tell_session(id, ivr::Event::HungUp, now);
        self.end_flow(id, now, out);
    }

    /// Writes the record of a call that is over and has no leg left, and forgets it.
    pub(super) fn record_when_over(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let over = self
            .calls
            .get(&id)
            .is_some_and(|call| matches!(call.phase, Phase::Ended { .. }) && call.legs.is_empty() && call.session.is_none());
        if !over {
            return;
        }
        self.tell_of_end(id, now, out);
        if let Some(call) = self.calls.remove(&id) {
            self.write(store::What::CallEnded(cdr::record(*call, now)), now, out);
        }
    }
}
