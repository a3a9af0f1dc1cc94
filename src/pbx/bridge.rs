//! Two people talk: joining their legs, hold, the silence that may mean that one has vanished, and parting.
//!
//! Invariant: a bridged call has exactly two legs in the media plane's bridge, the caller's and `peer`'s.

use super::call::With;
use super::leg::Farewell;
use super::{Action, EndedBy, Outcome, Pbx, Phase, Timer};
use crate::acd;
use crate::config::HOLD_MUSIC;
use crate::id::{CallId, LegId};
use crate::ivr::{self, DialEnd};
use crate::media::{ANY_LANGUAGE, Command as Media, Sound};
use crate::sip::{Command, Ending};
use crate::store::queueing::TalkEnd;
use crate::time::{Duration, Now};

/// How long a silent phone has to answer whether it is still there.
const ANSWER_PROBE: Duration = Duration::from_secs(4);
/// A phone that answers and stays silent is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// A caller who waits, or walks a flow, has nothing to say: silence is no cause to ask until it has lasted so much longer.
const LISTENS: Duration = Duration::from_secs(25);
/// What a caller hears whose agent vanished.
const CONNECTION_LOST: &str = "connection-lost";

impl Pbx {
    /// Joins the caller and the leg that answered.
    pub(super) fn bridge(&mut self, id: CallId, peer: LegId, with: With, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Bridged { peer, with };
        tracing::info!(call = %call.reference, "two people talk");
        // Whatever was being said to the caller: the agent's first word comes before it.
        out.push(Action::Media { shard: call.shard, command: Media::Stop { leg: call.caller } });
        if let With::Agent { item } = with {
            self.note_hold(item, self.is_held(peer), now);
        }
        self.let_hear(id, now, out);
    }

    /// Those who talk hear each other: two, or three.
    pub(super) fn let_hear(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        let Phase::Bridged { peer, .. } = call.phase else { return };
        let (caller, third) = (call.caller, call.third.map(|third| third.leg));
        let command = match third {
            None => Media::Bridge { a: caller, b: peer },
            Some(third) => Media::Mix { legs: vec![caller, peer, third] },
        };
        self.command_media(call, command, out);
        self.music_for_held(id, out);
        // Who fell silent while waiting is not reported again: nobody is left talking to a dead phone.
        for leg in [Some(caller), Some(peer), third].into_iter().flatten() {
            self.touch(leg);
            if self.legs.get(&leg).is_some_and(|leg| leg.silent) {
                self.probe_silent(leg, now);
            }
        }
    }

    /// Nobody hears that leg of the call any more.
    pub(super) fn unbridge(&self, id: CallId, leg: LegId, out: &mut Vec<Action>) {
        if let Some(call) = self.calls.get(&id) {
            self.command_media(call, Media::Unbridge { leg }, out);
        }
    }

    /// Somebody who was dialled picked up: a caller whom nobody answered yet is answered now.
    pub(super) fn bridge_dialled(&mut self, id: CallId, peer: LegId, now: Now, out: &mut Vec<Action>) {
        self.answer(id, now, out);
        self.bridge(id, peer, With::Party, now, out);
    }

    /// One leg of a pair ended: what that means for the other.
    pub(super) fn party_left(&mut self, id: CallId, leg: LegId, ending: &Ending, now: Now, out: &mut Vec<Action>) {
        self.referrer_left(id, leg, now);
        if self.two_go_on(id, leg, now, out) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Phase::Bridged { peer, with } = call.phase else { return };
        if peer != leg {
            return;
        }
        call.parted = Some((now.mono, parted_by(ending)));
        let lost = !matches!(ending, Ending::Bye { .. } | Ending::Ours);
        let (shard, caller) = (call.shard, call.caller);
        out.push(Action::Media { shard, command: Media::Unbridge { leg: caller } });
        match with {
            // Whoever stands in the place of a caller who has left does not wait in the caller's.
            With::Agent { item } if lost && call.queue.is_some() => {
                tracing::warn!(call = %call.reference, "the agent's phone was lost; the caller returns to the queue");
                self.wait_again(id, item, now, out);
            }
            // The engine answers with the item's outcome, and that leads back to the flow.
            With::Agent { .. } => {
                let how = if matches!(ending, Ending::Bye { .. }) { TalkEnd::Agent } else { TalkEnd::Exchange };
                self.item_over(with, Some(how), now);
            }
            With::Party if lost && call.session.is_none() => {
                tracing::warn!(call = %call.reference, "the other side was lost");
                self.finish(id, Outcome::Failed, EndedBy::Network, Farewell::HangUp, now, out);
            }
            With::Party => self.back_to_flow(id, ivr::Event::Dial(DialEnd::Answered), now, out),
        }
    }

    /// The caller is told that the line was lost, and waits at the old place.
    fn wait_again(&mut self, id: CallId, item: acd::ItemId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Waiting { item };
        self.note_hold(item, false, now);
        let Some(call) = self.calls.get(&id) else { return };
        let language = call.session.as_ref().map_or(&call.language, |session| session.language()).clone();
        let sound = Sound { language, name: CONNECTION_LOST.into() };
        let play = self.own_play();
        if let Some(call) = self.calls.get(&id) {
            let command = Media::Play { leg: call.caller, play, sounds: vec![sound], repeat: false };
            out.push(Action::Media { shard: call.shard, command });
        }
        self.tell_acd(acd::Event::Requeue { item, why: acd::Lost::ConnectionLost }, now);
    }

    /// Hold music for who waits.
    pub(super) fn music(&self, id: CallId, leg: LegId, out: &mut Vec<Action>) {
        if let Some(call) = self.calls.get(&id) {
            let queue = call.queue.as_ref().and_then(|queue| self.config.queues.get(queue));
            let name = queue.map_or_else(|| HOLD_MUSIC.into(), |queue| queue.music.clone());
            let sound = Sound { language: ANY_LANGUAGE.into(), name };
            out.push(Action::Media { shard: call.shard, command: Media::Music { leg, sound } });
        }
    }

    /// One of two who talk put the other on hold, or came back: music, or no more music, for the other.
    pub(super) fn hold_changed(&mut self, leg: LegId, was_held: bool, now: Now, out: &mut Vec<Action>) {
        let Some(it) = self.legs.get(&leg) else { return };
        let (id, held) = (it.call, it.is_held());
        let Some(call) = self.calls.get(&id) else { return };
        let Phase::Bridged { peer, with } = call.phase else { return };
        let (shard, other, mixed) = (call.shard, if leg == peer { call.caller } else { peer }, call.third.is_some());
        if let With::Agent { item } = with
            && leg == peer
        {
            self.note_hold(item, held, now);
        }
        match (was_held, held) {
            // The other two talk on.
            _ if mixed => {}
            (false, true) => self.music(id, other, out),
            (true, false) => out.push(Action::Media { shard, command: Media::Stop { leg: other } }),
            _ => {}
        }
    }

    /// Of two who talk, one may have put the other on hold before they did: while waiting, or while there was a third.
    pub(super) fn music_for_held(&self, id: CallId, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id).filter(|call| call.third.is_none()) else { return };
        let Phase::Bridged { peer, .. } = call.phase else { return };
        for (holds, other) in [(call.caller, peer), (peer, call.caller)] {
            if self.is_held(holds) {
                self.music(id, other, out);
            }
        }
    }

    /// Nothing is heard from a leg that may speak.
    pub(super) fn silent(&mut self, leg: LegId, before: bool, now: Now) {
        let Some(it) = self.legs.get_mut(&leg) else { return };
        it.silent = true;
        it.spoke |= before;
        if self.talks(leg) {
            self.probe_silent(leg, now);
        } else if self.listens(leg) {
            self.timers.set(Timer::AskAgain(leg), now.mono + LISTENS);
        }
    }

    pub(super) fn ask_again(&mut self, leg: LegId, now: Now) {
        if self.talks(leg) || self.listens(leg) {
            self.probe_silent(leg, now);
        }
    }

    /// A silent leg: is its phone still there? One that is on hold has a right to be silent.
    fn probe_silent(&mut self, leg: LegId, now: Now) {
        let Some(it) = self.legs.get(&leg).filter(|it| !it.is_held()) else { return };
        let dialog = it.dialog;
        self.timers.set(Timer::Probe(leg), now.mono + ANSWER_PROBE);
        self.command_sip(Command::Probe { dialog }, now);
    }

    /// One of two or three who talk.
    fn talks(&self, leg: LegId) -> bool {
        let call = self.legs.get(&leg).and_then(|it| self.calls.get(&it.call));
        call.is_some_and(|call| match call.phase {
            Phase::Bridged { peer, .. } => {
                leg == peer || leg == call.caller || call.third.is_some_and(|third| third.leg == leg)
            }
            _ => false,
        })
    }

    /// A caller who has been let in and was heard once. Who has never sent a packet may have no microphone.
    fn listens(&self, leg: LegId) -> bool {
        let Some(it) = self.legs.get(&leg).filter(|it| it.spoke) else { return false };
        let call = self.calls.get(&it.call).filter(|call| call.caller == leg && call.answered.is_some());
        call.is_some_and(|call| !matches!(call.phase, Phase::Ended { .. } | Phase::Joining))
    }

    /// It is: asked again later, unless it is heard in the meantime.
    pub(super) fn alive(&mut self, leg: LegId, now: Now) {
        if self.timers.cancel(&Timer::Probe(leg)) {
            self.timers.set(Timer::AskAgain(leg), now.mono + ASK_AGAIN);
        }
    }

    pub(super) fn heard(&mut self, leg: LegId) {
        self.legs.entry(leg).and_modify(|leg| leg.silent = false);
        self.timers.cancel(&Timer::Probe(leg));
        self.timers.cancel(&Timer::AskAgain(leg));
    }

    /// It is not: the leg is given up.
    pub(super) fn probe_failed(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return };
        let clock = self.clock_of(call, now);
        if let Some(it) = self.legs.get_mut(&leg) {
            it.end(clock.wall, "lost");
        }
        if self.caller_left_two(call, leg, now, out) {
            return;
        }
        if self.calls.get(&call).is_some_and(|call| call.caller == leg) {
            self.finish(call, Outcome::Failed, EndedBy::Network, Farewell::HangUp, now, out);
        } else {
            self.drop_leg(leg, Farewell::HangUp, now, out);
            self.party_left(call, leg, &Ending::Timeout, now, out);
        }
    }

    /// The call has lasted as long as its account may pay for.
    pub(super) fn allowance_over(&mut self, leg: LegId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return };
        tracing::info!(leg = leg.0, "a call has lasted as long as it may");
        if self.caller_left_two(call, leg, now, out) {
            return;
        }
        self.drop_leg(leg, Farewell::HangUp, now, out);
        self.party_left(call, leg, &Ending::Ours, now, out);
    }

    /// A key pressed by one of two who talk: the other gets it in the form that was negotiated. Of three, nobody does.
    pub(super) fn relay_digit(
        &mut self,
        leg: LegId,
        digit: char,
        duration: Duration,
        relayed: bool,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(call) = self.legs.get(&leg).and_then(|leg| self.calls.get(&leg.call)) else { return };
        let Phase::Bridged { peer, .. } = call.phase else { return };
        let other = if leg == peer { call.caller } else { peer };
        let Some(it) = self.legs.get(&other) else { return };
        if relayed || call.third.is_some() {
            return;
        }
        if it.agreed.as_ref().is_some_and(|agreed| agreed.send_event_type.is_some()) {
            out.push(Action::Media { shard: it.shard, command: Media::SendDigit { leg: other, digit, duration } });
        } else {
            let dialog = it.dialog;
            self.command_sip(Command::Digit { dialog, digit, duration }, now);
        }
    }
}

fn parted_by(ending: &Ending) -> EndedBy {
    match ending {
        Ending::Bye { .. } => EndedBy::Callee,
        Ending::Ours => EndedBy::Exchange,
        _ => EndedBy::Network,
    }
}
