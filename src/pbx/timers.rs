//! What the exchange wants waking for, and what it does then.
//!
//! Invariant: whatever a timer is about may be gone when it rings; then it means nothing.

use super::call::AttemptId;
use super::leg::Farewell;
use super::{Action, Outcome, Pbx, Said};
use crate::ask;
use crate::id::{AskId, CallId, LegId, Name};
use crate::time::Now;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Timer {
    /// The flow that holds the call wants waking.
    Session(CallId),
    /// The longest a call may last.
    CallLimit(CallId),
    /// A call was answered so long ago that this is worth keeping before its end.
    Lasting(CallId),
    /// The longest a flow may go on after its caller has hung up.
    Aftermath(CallId),
    /// The statistics of a leg that is over have not come.
    Closing(LegId),
    /// Nobody picked up.
    Ring(AttemptId),
    /// A silent phone has not said that it is still there.
    Probe(LegId),
    /// A phone that is there and silent is asked again.
    AskAgain(LegId),
    /// A question has not been answered.
    Ask(AskId),
    /// Somebody who answered outside has not pressed the key.
    Confirm(LegId),
    /// The longest that a call on somebody's account may last.
    Allowance(LegId),
    /// Nobody has fetched a parked caller.
    Parked(CallId),
    /// Whoever sent somebody on has had time to hang up.
    LetGo(LegId),
    /// The trunks are to be found, watched, registered at.
    Trunks,
    /// A trunk's host is looked for again.
    Trunk(Name),
    /// A trunk's probes and registration go where it is called.
    Follow(Name),
    /// The hours of a queue may have begun or ended.
    Hours,
    /// Registrars have had long enough to let us go.
    Parting,
}

impl Pbx {
    /// It is that time.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Action>) {
        self.subject = None;
        while let Some(timer) = self.timers.pop(now.mono) {
            match timer {
                Timer::Session(call) => {
                    self.subject = Some(call);
                    let now = self.clock_of(call, now);
                    self.with_session(call, |session, out| session.handle_timeout(now, out));
                    self.end_flow(call, now, out);
                }
                Timer::Aftermath(call) => self.aftermath_over(call, now, out),
                Timer::Lasting(call) => self.keep_answer(call, now, out),
                Timer::CallLimit(call) => self.hang_up(call, Outcome::Completed, now, out),
                Timer::Closing(leg) => self.retire_leg(leg, now, out),
                Timer::Ring(attempt) => self.rang_out(attempt, now, out),
                Timer::Probe(leg) => self.probe_failed(leg, now, out),
                Timer::AskAgain(leg) => self.ask_again(leg, now),
                Timer::Confirm(leg) => self.not_confirmed(leg, now, out),
                Timer::Allowance(leg) => self.allowance_over(leg, now, out),
                Timer::Trunks => self.begin_trunks(now, out),
                Timer::Trunk(trunk) => self.look_up(&trunk, now, out),
                Timer::Follow(trunk) => self.follow_soon(&trunk, now),
                Timer::Hours => self.open_and_close_queues(now),
                Timer::Parting => self.trunks.forget_leaving(),
                Timer::LetGo(leg) => self.drop_leg(leg, Farewell::HangUp, now, out),
                Timer::Parked(call) => self.parked_too_long(call, now, out),
                Timer::Ask(ask) => {
                    let reply = ask::Reply::Failed("nobody answered in time".into());
                    self.on_answer(ask::Answer { id: ask, reply }, now, out);
                }
            }
            self.settle(now, out);
        }
        let mut said = Vec::new();
        self.endpoint.handle_timeout(now, &mut said);
        self.said.extend(said.into_iter().map(Said::Sip));
        self.settle(now, out);
        let mut said = Vec::new();
        self.acd.handle_timeout(now, &mut said);
        self.said.extend(said.into_iter().map(|action| Said::Acd(action, None)));
        self.settle(now, out);
    }
}
