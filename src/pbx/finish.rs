//! How a call ends, however it ends: the session is closed, the audio is closed, the record is written, the call is forgotten.
//!
//! ```text
//! refuse / hang_up / session_ended -> finish -> media Close ... Closed (or the timer) -> record -> forgotten
//! ```
//!
//! Invariant: `finish` acts once; a second reason to end changes nothing.

use super::call::Audio;
use super::{Action, CLOSING, EndedBy, Outcome, Pbx, Phase, Timer};
use crate::id::CallId;
use crate::media;
use crate::sip::{Command, Status};
use crate::time::Now;
use crate::{ivr, store};

impl Pbx {
    /// Refuses a call that was not answered.
    pub(super) fn refuse(&mut self, id: CallId, status: Status, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let dialog = call.caller.dialog;
        call.caller.end(now.wall, format!("refused {}", status.0));
        if std::mem::take(&mut call.caller.session_open) {
            self.command_sip(Command::Refuse { dialog, status }, now);
        }
        let outcome = if status.0 >= 500 && status.0 < 600 { Outcome::Failed } else { Outcome::Refused };
        self.finish(id, outcome, EndedBy::Exchange, now, out);
    }

    /// Ends a call in whatever state it is.
    pub(super) fn hang_up(&mut self, id: CallId, outcome: Outcome, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let dialog = call.caller.dialog;
        let outcome = if outcome == Outcome::Completed && call.answered.is_none() { Outcome::Refused } else { outcome };
        call.caller.end(now.wall, "hung up");
        if std::mem::take(&mut call.caller.session_open) {
            self.command_sip(Command::Hangup { dialog, reason: None }, now);
        }
        self.finish(id, outcome, EndedBy::Exchange, now, out);
    }

    /// The call is over: its flow is told, its path is kept, its audio is closed.
    pub(super) fn finish(&mut self, id: CallId, outcome: Outcome, by: EndedBy, now: Now, out: &mut Vec<Action>) {
        self.tell_session(id, ivr::Event::HungUp, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        if matches!(call.phase, Phase::Ended { .. }) {
            return;
        }
        let ended = Phase::Ended { outcome, by, at: now.wall };
        if let Phase::InFlow { session } = std::mem::replace(&mut call.phase, ended) {
            call.language = session.language().clone();
            call.path.extend_from_slice(session.visits());
        }
        tracing::info!(call = %call.reference, outcome = outcome.word(), by = by.word(), "call ended");
        self.timers.cancel(&Timer::CallLimit(id));
        self.timers.cancel(&Timer::Session(id));
        match call.caller.audio {
            Audio::Open { port } | Audio::Opening { port, .. } => {
                call.caller.audio = Audio::Closing { port };
                let command = media::Command::Close { leg: call.caller.id };
                out.push(Action::Media { shard: call.shard, command });
                self.timers.set(Timer::Closing(id), now.mono + CLOSING);
            }
            Audio::Closing { .. } => {}
            Audio::Closed { .. } => self.record(id, now, out),
        }
    }

    /// Writes the record of a call that is over, and forgets it.
    pub(super) fn record(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        self.free_audio_if_silent(id, now);
        let Some(call) = self.calls.remove(&id) else { return };
        self.timers.cancel(&Timer::Closing(id));
        self.timers.cancel(&Timer::CallLimit(id));
        self.legs.remove(&call.caller.id);
        self.dialogs.remove(&call.caller.dialog);
        self.write(store::What::CallEnded(super::cdr::record(&call, now)), now, out);
    }

    /// The media plane has not said `Closed` in time: the port rests all the same.
    fn free_audio_if_silent(&mut self, id: CallId, now: Now) {
        let open = self.calls.get(&id).is_some_and(|call| call.caller.audio.port().is_some());
        if open {
            tracing::error!(call = id.0, "the media plane did not close a leg in time");
            self.free_audio(id, media::Statistics::default(), now);
        }
    }
}
