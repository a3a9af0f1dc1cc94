//! Parking: a caller is left at a slot, and fetched by whoever dials it.
//!
//! Invariant: a slot holds one caller, and a parked caller one slot.

use super::call::With;
use super::parties::How;
use super::policy::Wanted;
use super::{Action, Outcome, Pbx, Phase, Timer};
use crate::id::{CallId, LegId};
use crate::sip::Source;
use crate::time::Now;

impl Pbx {
    pub(super) fn free_slot(&self) -> Option<u32> {
        let parking = self.config.services.parking.as_ref()?;
        (parking.first..=parking.last).find(|slot| !self.parked.contains_key(slot))
    }

    /// The caller waits at the slot, with music, until somebody comes or it has lasted too long.
    pub(super) fn park(&mut self, id: CallId, slot: u32, by: LegId, now: Now, out: &mut Vec<Action>) {
        let parker = self.legs.get(&by).map(|leg| leg.peer.clone());
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Parked { slot };
        call.parked_by = match parker {
            Some(Source::Extension(extension)) => Some(extension),
            _ => None,
        };
        let caller = call.caller;
        self.leave_flow(id, now);
        self.parked.insert(slot, id);
        self.watchers.touch(&slot.to_string());
        self.music(id, caller, out);
        if let Some(parking) = &self.config.services.parking {
            self.timers.set(Timer::Parked(id), now.mono + parking.timeout);
        }
    }

    /// Whoever dialled a slot gets the caller who waits there.
    pub(super) fn fetch(&mut self, id: CallId, slot: u32, now: Now, out: &mut Vec<Action>) {
        let Some(parked) = self.parked.get(&slot).copied() else { return self.nobody(id, now, out) };
        let Some(leg) = self.calls.get(&id).map(|call| call.caller) else { return };
        self.unpark(parked);
        self.answer(id, now, out);
        self.join(leg, parked, How::Peer(With::Party), now, out);
    }

    /// Nobody came: whoever parked the caller is called.
    pub(super) fn parked_too_long(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(by) =
            self.calls.get(&id).filter(|call| matches!(call.phase, Phase::Parked { .. })).map(|it| it.parked_by.clone())
        else {
            return;
        };
        self.unpark(id);
        match by {
            Some(extension) => self.ring(id, &Wanted::Extension(extension), now, out),
            None => self.hang_up(id, Outcome::Completed, now, out),
        }
    }

    /// The slot is free.
    pub(super) fn unpark(&mut self, id: CallId) {
        if let Some(slot) = self.parked.iter().find(|(_, call)| **call == id).map(|(slot, _)| *slot) {
            self.parked.remove(&slot);
            self.watchers.touch(&slot.to_string());
        }
        self.timers.cancel(&Timer::Parked(id));
        if let Some(call) = self.calls.get_mut(&id)
            && matches!(call.phase, Phase::Parked { .. })
        {
            call.phase = Phase::Joining;
        }
    }
}
