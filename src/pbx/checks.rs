//! The exchange's own invariants, and the way out when one is broken.

use super::call::{Audio, Purpose, Role};
use super::{Action, Outcome, Pbx, Phase, Timer};
use crate::time::Now;
use std::collections::BTreeSet;

impl Pbx {
    /// Whether the exchange's books agree with each other. The simulator asks after every step, the daemon after a contained panic.
    pub fn check(&self, now: Now) -> Result<(), String> {
        // What is due at this very moment has yet to be handled.
        if self.acd.poll_timeout().is_none_or(|at| at > now.mono) {
            self.acd.check_invariants(now)?;
        }
        self.check_phones()?;
        let mut ports = BTreeSet::new();
        for leg in self.legs.values() {
            let Some(call) = self.calls.get(&leg.call) else {
                return Err(format!("{:?} belongs to no call", leg.id));
            };
            if !call.legs.contains(&leg.id) {
                return Err(format!("{:?} does not know its {:?}", call.id, leg.id));
            }
            if leg.session_open && self.dialogs.get(&leg.dialog) != Some(&leg.id) {
                return Err(format!("{:?} has a session that nobody knows", leg.id));
            }
            if let Some(port) = leg.audio.port()
                && !ports.insert(port)
            {
                return Err(format!("port {port} is held by two legs"));
            }
            match (&call.phase, leg.audio) {
                (Phase::Ended { .. }, Audio::Open { .. } | Audio::Opening { .. }) => {
                    return Err(format!("{:?} is over and its audio is open", call.id));
                }
                (Phase::InFlow | Phase::Waiting { .. }, Audio::Opening { .. } | Audio::Closing { .. })
                    if call.caller == leg.id =>
                {
                    return Err(format!("{:?} is spoken to without audio", call.id));
                }
                _ => {}
            }
        }
        for call in self.calls.values() {
            self.check_third(call)?;
            // After the caller has hung up its flow may have something left to do.
            if call.legs.is_empty() && call.session.is_none() {
                return Err(format!("{:?} has no leg and stands in the books", call.id));
            }
            if let Some(leg) = call.legs.iter().find(|leg| !self.legs.contains_key(leg)) {
                return Err(format!("{:?} has {leg:?}, which is gone", call.id));
            }
        }
        for attempt in self.attempts.values() {
            if !self.calls.contains_key(&attempt.call) {
                return Err(format!("{:?} rings for a call that is gone", attempt.id));
            }
            if let Some(leg) = attempt.legs.iter().find(|leg| !self.legs.contains_key(leg)) {
                return Err(format!("{:?} rings {leg:?}, which is gone", attempt.id));
            }
        }
        for (item, call) in &self.items {
            if self.calls.get(call).is_none_or(|call| matches!(call.phase, Phase::Ended { .. })) {
                return Err(format!("{item:?} waits for a call that is over"));
            }
        }
        if ports != *self.ports.granted() {
            return Err(format!("ports granted {:?} are not the ports held {ports:?}", self.ports.granted()));
        }
        if !self.said.is_empty() {
            return Err("a word was left unsaid".into());
        }
        Ok(())
    }

    /// No phone rings without a caller who waits for it, and no agent is on two calls.
    fn check_phones(&self) -> Result<(), String> {
        for attempt in self.attempts.values() {
            let phase = self.calls.get(&attempt.call).map(|call| &call.phase);
            let wanted = match (attempt.purpose, phase) {
                (Purpose::Offer { offer, item }, Some(Phase::Waiting { item: waiting })) => {
                    item == *waiting && self.offers.get(&offer) == Some(&attempt.id)
                }
                (
                    Purpose::Dial | Purpose::Transfer | Purpose::Overflow | Purpose::Referred,
                    Some(Phase::Ringing { attempt: ringing }),
                ) => attempt.id == *ringing,
                _ => false,
            };
            if !wanted || attempt.legs.is_empty() {
                return Err(format!("{:?} rings for nobody: {phase:?}", attempt.id));
            }
        }
        for (slot, call) in &self.parked {
            if self.calls.get(call).is_none_or(|call| call.phase != Phase::Parked { slot: *slot }) {
                return Err(format!("slot {slot} holds {call:?}, which is not there"));
            }
        }
        if let Some((offer, attempt)) = self.offers.iter().find(|(_, attempt)| !self.attempts.contains_key(attempt)) {
            return Err(format!("{offer:?} rings by {attempt:?}, which is over"));
        }
        if let Some(offer) = self.winners.keys().next() {
            return Err(format!("{offer:?} was picked up, and the engine has not said what becomes of it"));
        }
        let mut busy = BTreeSet::new();
        for leg in self.legs.values().filter(|leg| leg.session_open) {
            let Some(call) = self.calls.get(&leg.call).filter(|call| call.caller != leg.id) else { continue };
            let talks = matches!(call.phase, Phase::Bridged { peer, .. } if peer == leg.id)
                || call.third.is_some_and(|third| third.leg == leg.id);
            let rings = leg.attempt.and_then(|attempt| self.attempts.get(&attempt)).is_some_and(|it| it.legs.contains(&leg.id));
            let refers = call.transfer.as_ref().is_some_and(|transfer| transfer.by == leg.id);
            let parts = self.joining.contains_key(&leg.id) || self.timers.deadline(&Timer::LetGo(leg.id)).is_some();
            if talks == rings && (talks || !(refers || parts)) {
                return Err(format!("{:?} of {:?} neither rings nor talks", leg.id, call.id));
            }
            if talks && leg.role == Role::Agent && !busy.insert(&leg.party.number) {
                return Err(format!("agent {} is on two calls", leg.party.number));
            }
        }
        Ok(())
    }

    /// After a panic: the call that the event was about is ended in every room; the others go on.
    pub fn condemn(&mut self, now: Now, out: &mut Vec<Action>) {
        self.totals.panics += 1;
        self.said.clear();
        let Some(id) = self.subject.take() else { return };
        if let Some(call) = self.calls.get(&id) {
            tracing::error!(call = %call.reference, "a fault of ours ended this call");
        }
        self.hang_up(id, Outcome::InternalError, now, out);
        self.settle(now, out);
    }
}
