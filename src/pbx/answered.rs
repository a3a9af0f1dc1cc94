//! A phone is picked up: who has won the call, and who must first say that a person is there.
//!
//! Invariant: of all the phones of an attempt one wins, once; an answer that comes too late is hung up on.

use super::call::Purpose;
use super::dial::Taken;
use super::leg::Farewell;
use super::policy::Permit;
use super::{Action, Pbx, Timer};
use crate::acd;
use crate::id::LegId;
use crate::ivr::DialEnd;
use crate::media::{Command as Media, Sound};
use crate::sdp::Description;
use crate::time::{Duration, Now};

/// What somebody hears who is called at a telephone outside, and must say that they are there; and the key that says so.
const PRESS_ONE: &str = "press-one";
const CONFIRMED: char = '1';
/// How long they have for it.
const CONFIRM: Duration = Duration::from_secs(15);

impl Pbx {
    /// A phone was picked up.
    pub(super) fn phone_answered(&mut self, id: LegId, answer: Option<&Description>, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.legs.get(&id).map(|leg| leg.call) else { return };
        let clock = self.clock_of(call, now);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.answered = Some(clock.wall);
        let (attempt, confirm) = (leg.attempt, leg.permit.as_deref().is_some_and(Permit::confirm));
        let longest = leg.permit.as_deref().and_then(Permit::longest);
        if !attempt.is_some_and(|attempt| self.attempts.contains_key(&attempt)) {
            // Withdrawn while the answer was on its way.
            return self.drop_leg(id, Farewell::HangUp, now, out);
        }
        if answer.is_none_or(|answer| self.accept_answer(id, answer).is_err()) {
            return self.give_up(id, DialEnd::Failed, now, out);
        }
        if let Some(longest) = longest {
            self.timers.set(Timer::Allowance(id), now.mono + longest);
        }
        self.connect_audio(id, out);
        self.touch(id);
        if confirm { self.ask_for_key(id, now, out) } else { self.won(id, now, out) }
    }

    /// The leg that answered, or was to ring, is of no use: the others go on.
    fn give_up(&mut self, id: LegId, why: DialEnd, now: Now, out: &mut Vec<Action>) {
        if let Some(attempt) = self.legs.get_mut(&id).and_then(|leg| leg.attempt.take()) {
            self.phone_failed(attempt, id, why.into(), now, out);
        }
        self.drop_leg(id, Farewell::HangUp, now, out);
    }

    /// Somebody answered a telephone outside: a person presses 1, a voice mailbox does not.
    fn ask_for_key(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let play = self.own_play();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.confirming = true;
        let language = self.config.language.clone();
        let sounds = vec![Sound { language, name: PRESS_ONE.into() }];
        out.push(Action::Media { shard: leg.shard, command: Media::Play { leg: id, play, sounds, repeat: true } });
        self.timers.set(Timer::Confirm(id), now.mono + CONFIRM);
    }

    /// A key pressed at a phone that has to say that somebody is there.
    pub(super) fn confirm_pressed(&mut self, id: LegId, digit: char, now: Now, out: &mut Vec<Action>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.confirming && digit == CONFIRMED) else { return };
        leg.confirming = false;
        out.push(Action::Media { shard: leg.shard, command: Media::Stop { leg: id } });
        self.timers.cancel(&Timer::Confirm(id));
        self.won(id, now, out);
    }

    /// Nobody pressed it.
    pub(super) fn not_confirmed(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        self.give_up(id, DialEnd::Rejected, now, out);
    }

    /// The first of those that ring: it has the call.
    fn won(&mut self, id: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(attempt) = self.legs.get_mut(&id).and_then(|leg| leg.attempt.take()) else { return };
        let Some(won) = self.attempts.get(&attempt).cloned() else { return };
        if let Some(call) = self.calls.get_mut(&won.call) {
            call.early = None;
        }
        self.end_attempt(won.id, Taken::By(id), now, out);
        match won.purpose {
            Purpose::Offer { offer, .. } => {
                self.winners.insert(offer, id);
                self.tell_acd(acd::Event::Answered { offer }, now);
            }
            Purpose::Dial => self.bridge_dialled(won.call, id, now, out),
            Purpose::Transfer | Purpose::Overflow => {
                self.bridge_dialled(won.call, id, now, out);
                self.given_away(won.call, won.purpose, now);
            }
            Purpose::Referred => self.referred(won.call, id, now, out),
        }
    }
}
