//! Three who talk: a phone brings its two calls together, and whoever leaves leaves the other two.
//!
//! ```text
//!  call 1:  A1 === B   (on hold)        A2 --+-- C          B's leg goes over into call 2 as its third; A1 is hung up.
//!  call 2:  A2 === C             -->         +-- B          Where A is the agent of call 1, that call goes on instead:
//!                                       (call 1: ended)     A2 takes A1's place in it, and C is its third.
//! ```
//!
//! | who leaves | what becomes of the other two |
//! |---|---|
//! | anybody, and a phone of the house is among the others | they talk on, as two |
//! | the last phone of the house | the third is hung up; the rest is as at the end of any call |
//!
//! The queue's item is over when its agent leaves, whoever else talks on. Invariant: a call has a third only while its caller and their
//! peer talk, and one of the three is a phone of the house.

use super::call::{Role, With};
use super::leg::Farewell;
use super::parties::How;
use super::{Action, Outcome, Pbx, Phase};
use crate::acd;
use crate::config::Code;
use crate::id::{CallId, LegId};
use crate::media::Command as Media;
use crate::sip::{Source, Status};
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};

/// Keys of a code that are further apart than this are no code.
const KEYS_APART: Duration = Duration::from_secs(3);

/// Who talks with a caller and their peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Third {
    pub leg: LegId,
    /// On whose behalf: an agent may be the third.
    pub with: With,
}

/// How much of the code somebody has typed. What else they type is not kept: it may be a PIN.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Typed {
    keys: usize,
    last: Option<Moment>,
}

/// One of a phone's two calls: its own leg, and whom it talks with there.
#[derive(Clone, Copy)]
struct Side {
    call: CallId,
    own: LegId,
    other: LegId,
    with: With,
}

impl Typed {
    /// One more key; true when it completes the code.
    fn key(&mut self, key: char, code: &str, now: Moment) -> bool {
        if self.last.replace(now).is_some_and(|last| now.since(last) > KEYS_APART) {
            self.keys = 0;
        }
        let typed: String = code.chars().take(self.keys).chain([key]).collect();
        // As much of the code as what was typed ends in.
        self.keys =
            (1..=typed.len()).rev().find(|keys| code.get(..*keys).is_some_and(|begun| typed.ends_with(begun))).unwrap_or(0);
        let complete = self.keys == code.len();
        if complete {
            self.keys = 0;
        }
        complete
    }
}

impl Pbx {
    /// A key of somebody who talks: true when with it they have brought their two calls together.
    pub(super) fn types(&mut self, leg: LegId, key: char, now: Now, out: &mut Vec<Action>) -> bool {
        let Some(code) = self.config.services.of(&Code::ThreeWay) else { return false };
        let Some(it) = self.legs.get_mut(&leg).filter(|it| matches!(it.peer, Source::Extension(_))) else { return false };
        if !it.typed.key(key, code, now.mono) {
            return false;
        }
        let held: Vec<Side> = self.calls_at(leg).into_iter().filter(|side| self.is_held(side.own)).collect();
        // Several are on hold: it is not clear which is meant.
        let (Some(here), &[held]) = (self.side(leg), &held[..]) else { return false };
        self.bring_together(leg, here, held, now, out);
        true
    }

    /// The code was dialled: on a third line, while the phone has two calls.
    pub(super) fn three_way_dialled(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(own) = self.calls.get(&id).map(|call| call.caller) else { return };
        match self.calls_at(own)[..] {
            [one, other] if one.call != other.call && (self.is_held(one.own) || self.is_held(other.own)) => {
                self.answer(id, now, out);
                self.bring_together(own, one, other, now, out);
            }
            // Nobody to bring together; or it is not clear whom.
            _ => self.refuse(id, Status(480), now, out),
        }
    }

    pub(super) fn is_held(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.is_held())
    }

    /// The calls of the phone that `own` is a leg of, but for that leg's own: of its extension, and at its host, for an extension may
    /// have phones on several desks.
    fn calls_at(&self, own: LegId) -> Vec<Side> {
        let Some(it) = self.legs.get(&own) else { return Vec::new() };
        let same = self.legs.values().filter(|leg| leg.peer == it.peer && leg.peer_host == it.peer_host);
        same.filter(|leg| leg.call != it.call).filter_map(|leg| self.side(leg.id)).collect()
    }

    /// A leg that talks with one other, and will not soon talk with more.
    fn side(&self, own: LegId) -> Option<Side> {
        let call = self.legs.get(&own).filter(|leg| leg.session_open)?.call;
        let (other, with) = self.other_of(call, own)?;
        let alone = self.joining.values().all(|joining| joining.into != call);
        alone.then_some(Side { call, own, other, with })
    }

    /// The two calls become one of three. `keeps` is the leg by which the phone goes on: one of its two, or a third.
    fn bring_together(&mut self, keeps: LegId, here: Side, held: Side, now: Now, out: &mut Vec<Action>) {
        // A queue's call stays the one that its caller came with.
        let (into, from) = if self.serves(held) { (held, here) } else { (here, held) };
        self.note(into.call, "three-way", "", now);
        self.leave_flow(from.call, now);
        self.let_alone(from.call, from.other, now, out);
        self.meanwhile(from.call);
        if from.own != keeps {
            self.drop_leg(from.own, Farewell::HangUp, now, out);
        }
        let mut legs = Vec::new();
        if into.own != keeps {
            self.stands_for(keeps, into.own, now);
            if let With::Agent { item } = into.with {
                self.note_hold(item, false, now);
            }
            let is_caller = self.calls.get(&into.call).is_some_and(|call| call.caller == into.own);
            legs.push((keeps, if is_caller { How::Caller } else { How::Peer(into.with) }));
        }
        legs.push((from.other, How::Third(from.with)));
        self.join_all(&legs, into.call, now, out);
    }

    /// The phone's own leg is the one that serves a queue's caller there.
    fn serves(&self, side: Side) -> bool {
        matches!(side.with, With::Agent { .. }) && self.calls.get(&side.call).is_some_and(|call| call.caller != side.own)
    }

    /// A leg is an agent's in the place of another one of the same phone.
    fn stands_for(&mut self, leg: LegId, before: LegId, now: Now) {
        let Some(party) = self.legs.get(&before).filter(|it| it.role == Role::Agent).map(|it| it.party.clone()) else { return };
        // From now on it is no call of the extension's own.
        self.party_gone(leg, now);
        if let Some(it) = self.legs.get_mut(&leg) {
            (it.role, it.party) = (Role::Agent, party);
        }
    }

    /// The third is there, on the shard of the two.
    pub(super) fn joined_as_third(&mut self, leg: LegId, into: CallId, with: With, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&into) else { return };
        if !matches!(call.phase, Phase::Bridged { .. }) || call.third.is_some() {
            // The two have parted meanwhile.
            self.drop_leg(leg, Farewell::HangUp, now, out);
            return self.item_over(with, None, now);
        }
        call.third = Some(Third { leg, with });
        tracing::info!(call = %call.reference, "three people talk");
        self.hand_over(with, into);
        self.let_hear(into, now, out);
    }

    /// The item that somebody in flight between two calls takes along.
    pub(super) fn takes_along(&self, from: CallId) -> Option<acd::ItemId> {
        let leaves = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.call == from);
        self.joining.iter().filter(|(leg, _)| leaves(leg)).find_map(|(_, joining)| match joining.how {
            How::Third(With::Agent { item }) => Some(item),
            _ => None,
        })
    }

    /// One of three is gone: true when the other two go on, and nothing more is to be done for them.
    pub(super) fn two_go_on(&mut self, id: CallId, leaver: LegId, now: Now, out: &mut Vec<Action>) -> bool {
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let (Phase::Bridged { peer, with }, caller) = (call.phase.clone(), call.caller) else { return false };
        let Some(third) = call.third.filter(|third| [caller, peer, third.leg].contains(&leaver)) else { return false };
        call.third = None;
        let stay = [caller, peer, third.leg].into_iter().filter(|leg| *leg != leaver);
        if !stay.clone().any(|leg| self.is_of_the_house(leg)) {
            return self.nobody_of_the_house(id, leaver, third, now, out);
        }
        if self.legs.get(&leaver).is_some_and(|leg| matches!(leg.audio, super::call::Audio::Open { .. })) {
            self.tell_media(id, Media::Unbridge { leg: leaver }, out);
        }
        tracing::info!(call = id.0, "one of three has left");
        if leaver == third.leg {
            self.item_over(third.with, None, now);
        } else if leaver == peer {
            self.peer_leaves_two(id, with, third, now);
        } else {
            self.caller_leaves_two(id, peer, with, third, now);
        }
        self.music_for_held(id, out);
        true
    }

    /// Who called is gone: the third, or the other one, stands in the caller's place.
    fn caller_leaves_two(&mut self, id: CallId, peer: LegId, with: With, third: Third, now: Now) {
        self.leave_flow(id, now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        // Whoever that is has not come through the queue.
        (call.queue, call.queued_since) = (None, None);
        match (with, third.with) {
            (With::Party, With::Agent { .. }) => {
                call.caller = peer;
                call.phase = Phase::Bridged { peer: third.leg, with: third.with };
            }
            (_, With::Party) => call.caller = third.leg,
            // Two agents who talk with each other: the one who came last does so on their own account.
            (With::Agent { .. }, With::Agent { .. }) => {
                call.caller = third.leg;
                self.item_over(third.with, None, now);
                if let Some(it) = self.legs.get_mut(&third.leg) {
                    it.role = Role::Extension;
                    self.party_came(third.leg, now);
                }
            }
        }
    }

    /// Whom the caller talked with is gone: the third talks with them.
    fn peer_leaves_two(&mut self, id: CallId, with: With, third: Third, now: Now) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.phase = Phase::Bridged { peer: third.leg, with: third.with };
        }
        // A flow that has dialled somebody waits for the end of the talk; one that has sent the caller to a queue, for its agent's.
        if (with, third.with) != (With::Party, With::Party) {
            self.leave_flow(id, now);
        }
        self.item_over(with, None, now);
    }

    /// Two who are no phones of ours are not left together: nobody here would ever end it, and somebody would pay.
    fn nobody_of_the_house(&mut self, id: CallId, leaver: LegId, third: Third, now: Now, out: &mut Vec<Action>) -> bool {
        tracing::info!(call = id.0, "the last phone of the house has left three");
        self.item_over(third.with, None, now);
        if leaver == third.leg {
            self.hang_up(id, Outcome::Completed, now, out);
            return true;
        }
        self.drop_leg(third.leg, Farewell::HangUp, now, out);
        false
    }

    fn is_of_the_house(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| matches!(leg.peer, Source::Extension(_)))
    }

    /// The caller is gone: true when the two others of three go on without them.
    pub(super) fn caller_left_two(&mut self, id: CallId, leg: LegId, now: Now, out: &mut Vec<Action>) -> bool {
        let is_caller = self.calls.get(&id).is_some_and(|call| call.caller == leg);
        let go_on = is_caller && self.two_go_on(id, leg, now, out);
        if go_on {
            self.drop_leg(leg, Farewell::HangUp, now, out);
        }
        go_on
    }

    fn tell_media(&self, id: CallId, command: Media, out: &mut Vec<Action>) {
        if let Some(call) = self.calls.get(&id) {
            self.command_media(call, command, out);
        }
    }

    /// For the invariants: what is wrong with a call's third.
    pub(super) fn check_third(&self, call: &super::Call) -> Result<(), String> {
        let Some(third) = call.third else { return Ok(()) };
        let Phase::Bridged { peer, .. } = call.phase else {
            return Err(format!("{:?} has a third and nobody talks: {:?}", call.id, call.phase));
        };
        let members = [call.caller, peer, third.leg];
        let here =
            |leg: &LegId| self.legs.get(leg).filter(|leg| leg.call == call.id && leg.shard == call.shard && leg.session_open);
        if let Some(gone) = members.iter().find(|leg| here(leg).is_none()) {
            return Err(format!("{gone:?} is one of three in {:?} and is not there", call.id));
        }
        let distinct = members[0] != members[1] && members[1] != members[2] && members[0] != members[2];
        match distinct && members.iter().any(|leg| self.is_of_the_house(*leg)) {
            true => Ok(()),
            false => Err(format!("{:?} is no call of three: {members:?}", call.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_without_a_pause_and_whatever_was_typed_before() {
        // A space is a second.
        for (code, typed, times) in [
            ("*3", "*3", 1),
            ("*3", "* 3", 1),
            ("*3", "3*", 0),
            ("*3", "*    3", 0),
            ("*3", "12*33", 1),
            ("*3", "**3*3", 2),
            ("**3", "***3", 1),
            ("*1*2", "*1*1*2", 1),
            ("*3", "\u{e9}*3", 1),
        ] {
            let (mut keys, mut seconds, mut complete) = (Typed::default(), 0, 0);
            for key in typed.chars() {
                match key {
                    ' ' => seconds += 1,
                    key => {
                        let now = Moment::ZERO + Duration::from_secs(seconds);
                        complete += usize::from(keys.key(key, code, now));
                    }
                }
            }
            assert_eq!(complete, times, "{code} in {typed}");
        }
    }
}
