//! What a caller hears before anybody answers: the phone's own ringing, a provider's early sound, or a ringing of ours.
//!
//! Invariant: of all that ring for a caller one is heard, and the early sound of a leg that is over never goes on.

use super::{Action, Pbx, Phase};
use crate::id::{CallId, LegId};
use crate::media::{ANY_LANGUAGE, Command as Media, Sound};
use crate::sdp::Description;
use crate::sip::{Command, Status};
use crate::time::Now;

/// What a caller whom we have answered hears while somebody's phone rings.
const RINGBACK: &str = "ringback";

impl Pbx {
    /// A phone rings or says something before it answers.
    pub(super) fn phone_rings(&mut self, id: LegId, early: Option<&Description>, now: Now, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, alone) = (leg.call, leg.attempt.and_then(|it| self.attempts.get(&it)).is_some_and(|it| it.legs.len() == 1));
        self.touch_caller(call);
        self.touch(id);
        self.transfer_rings(call, now);
        let Some(phase) = self.calls.get(&call).map(|call| &call.phase) else { return };
        // Who waits in a queue hears the queue's music while agents' phones ring.
        if !matches!(phase, Phase::Ringing { .. }) {
            return;
        }
        match early {
            Some(sdp) if alone && self.accept_answer(id, sdp).is_ok() => self.hear_early(call, id, now, out),
            // Several phones ring, and each may say so several times: the caller hears one ringing, from its beginning.
            _ if self.rings_first(id) => self.ringback(call, now, out),
            _ => {}
        }
    }

    /// True for the first of an attempt's phones that rings.
    fn rings_first(&mut self, leg: LegId) -> bool {
        let attempt = self.legs.get(&leg).and_then(|leg| leg.attempt);
        let attempt = attempt.and_then(|attempt| self.attempts.get_mut(&attempt));
        attempt.is_some_and(|attempt| !std::mem::replace(&mut attempt.rings, true))
    }

    /// The provider lets its own ringing, or its announcement, be heard: the caller is let listen, once.
    fn hear_early(&mut self, id: CallId, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.early == Some(leg) {
            return;
        }
        let (caller, shard, answered, heard) = (call.caller, call.shard, call.answered.is_some(), call.heard_early);
        let Some(description) = self.legs.get(&caller).filter(|caller| caller.agreed.is_some()).and_then(|it| it.local.clone())
        else {
            return self.ringback(id, now, out);
        };
        if let Some(call) = self.calls.get_mut(&id) {
            (call.early, call.heard_early) = (Some(leg), true);
        }
        self.connect_audio(leg, out);
        if !answered && !heard {
            self.connect_audio(caller, out);
            let dialog = self.legs.get(&caller).map(|leg| leg.dialog);
            if let Some(dialog) = dialog {
                self.command_sip(Command::Progress { dialog, status: Status(183), sdp: Some(description) }, now);
            }
        }
        out.push(Action::Media { shard, command: Media::Stop { leg: caller } });
        out.push(Action::Media { shard, command: Media::Bridge { a: caller, b: leg } });
    }

    /// The caller is told that it rings: by the phone's own tone, or by ours once the phone listens to us.
    pub(super) fn ringback(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let play = self.own_play();
        let Some(call) = self.calls.get(&id) else { return };
        if call.early.is_some() {
            return;
        }
        if call.answered.is_some() || call.heard_early {
            // From its beginning: on the clock of hold music a caller might meet four seconds of silence first.
            let sounds = vec![Sound { language: ANY_LANGUAGE.into(), name: RINGBACK.into() }];
            let command = Media::Play { leg: call.caller, play, sounds, repeat: true };
            out.push(Action::Media { shard: call.shard, command });
        } else if let Some(dialog) = self.legs.get(&call.caller).map(|leg| leg.dialog) {
            self.command_sip(Command::Progress { dialog, status: Status(180), sdp: None }, now);
        }
    }

    /// What was heard before an answer is heard no more.
    pub(super) fn end_early(&mut self, id: CallId, leg: LegId, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.early == Some(leg)) else { return };
        call.early = None;
        out.push(Action::Media { shard: call.shard, command: Media::Unbridge { leg: call.caller } });
    }
}
