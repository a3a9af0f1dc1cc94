//! The legs of one media thread, when each of them is due, and which of them hear each other.
//!
//! Every leg has a phase, one of the twenty milliseconds of a frame, drawn from its id, so that the legs' packets are spread over
//! the frame. A tick serves the phases that have come since the last one. What is heard over a bridge does not wait for a tick; those
//! in a mix are served together, in the phase of one of them.
//! Invariant: a leg is served at most once for each of its frames, in order; after a long delay the oldest frames are passed over,
//! and the timestamps say so. Whoever talks with a leg is talked with by it. A leg is in one bridge or one mix at most, and nobody is
//! in a mix of fewer than three.

use super::leg::{Company, Due, Leg};
use super::mix::{Mix, Sum};
use super::outbox::Outbox;
use super::playout::Playout;
use super::{Command, FRAME_MS, LegState, Library, MAX_PARTIES, Report, ShardId};
use crate::id::LegId;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Frames that a leg sends at once after a delay; the rest of the delay is a gap in its timestamps.
pub const MAX_CATCH_UP: i64 = 3;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shard {
    id: ShardId,
    #[serde(skip)]
    library: Arc<Library>,
    /// Zero: silence is never reported.
    silent_after: Duration,
    /// By phase.
    phases: Vec<Phase>,
    /// The millisecond that the next tick begins with.
    next: i64,
    legs: usize,
    bridges: usize,
    /// The leg at work, so that a panic can be laid at its door.
    at_work: Option<LegId>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Phase {
    /// Boxed, because a tree keeps half of its places empty.
    #[serde(with = "crate::time::pairs")]
    legs: BTreeMap<LegId, Box<Leg>>,
    /// Those who are served in this phase, wherever their members' own phases are.
    mixes: Vec<Mix>,
}

impl Shard {
    /// `silent_after`: how long nothing is accepted from a leg before it is reported `Silent`; zero for never.
    pub fn new(id: ShardId, silent_after: Duration) -> Shard {
        Shard {
            id,
            library: Arc::default(),
            silent_after: if silent_after.is_zero() { Duration::MAX } else { silent_after },
            phases: (0..FRAME_MS).map(|_| Phase::default()).collect(),
            next: 0,
            legs: 0,
            bridges: 0,
            at_work: None,
        }
    }

    pub fn id(&self) -> ShardId {
        self.id
    }

    /// Legs opened from now on play from this library; the others keep the one that they have.
    pub fn set_library(&mut self, library: Arc<Library>) {
        self.library = library;
    }

    /// How many legs are open. With none, nothing is due until the next command.
    pub fn legs(&self) -> usize {
        self.legs
    }

    /// How many pairs of legs hear each other. With some, packets wait for nobody: look for them every millisecond.
    pub fn bridges(&self) -> usize {
        self.bridges
    }

    /// `Open` reports nothing: whoever binds the socket knows whether it could be bound. Commands for a leg that is not (or no
    /// longer) open are ignored.
    pub fn command(&mut self, command: Command, now: Moment, out: &mut Vec<Report>) {
        match command {
            Command::Open { leg, .. } => self.admit(Box::new(Leg::new(leg, self.library.clone())), now),
            Command::Connect { leg, stream } => self.with(leg, |leg| leg.connect(&stream, now)),
            Command::Play { leg, play, sounds, repeat } => self.with(leg, |leg| leg.play(play, sounds, repeat, out)),
            Command::Music { leg, sound } => self.with(leg, |leg| leg.music(sound, out)),
            Command::Stop { leg } => self.with(leg, Leg::stop),
            Command::Bridge { a, b } => self.bring_together(&[a, b]),
            Command::Mix { legs } => self.bring_together(&legs),
            Command::Unbridge { leg } => self.part(leg),
            Command::SendDigit { leg, digit, duration } => self.with(leg, |leg| leg.press(digit, duration)),
            Command::Export { leg } => self.export(leg, out),
            Command::Import { state } => self.import(*state, now, out),
            Command::Close { leg } => self.close(leg, out),
        }
    }

    /// A datagram came to the socket of `leg`. What its other leg is sent of it goes out now; what the others in its mix are, with
    /// their next frame.
    pub fn receive(
        &mut self,
        leg: LegId,
        from: SocketAddr,
        bytes: &[u8],
        now: Moment,
        out: &mut Outbox,
        reports: &mut Vec<Report>,
    ) {
        let received = self.with(leg, |leg| {
            let heard = leg.receive(from, bytes, now, reports)?;
            leg.say(&heard);
            Some((heard, leg.other()))
        });
        let Some((heard, other)) = received else { return };
        let passed_on = other.is_some_and(|other| self.with(other, |other| other.relay(&heard, now, out)));
        if heard.is_key() {
            self.with(leg, |leg| leg.note_key(&heard, passed_on, now, reports));
        }
    }

    /// Serves the legs whose frame has come. To be called every few milliseconds while there are legs.
    pub fn tick(&mut self, now: Moment, out: &mut Outbox, reports: &mut Vec<Report>) {
        let end = millisecond(now) + 1;
        self.next = self.next.max(end - MAX_CATCH_UP * FRAME_MS);
        while self.next < end {
            let (frame, phase) = (self.next.div_euclid(FRAME_MS), self.next.rem_euclid(FRAME_MS));
            // Before the legs are served: after a panic the tick goes on with the next phase.
            self.next += 1;
            let due = Due { frame, now, silent_after: self.silent_after };
            for (id, leg) in self.phases[phase as usize].legs.iter_mut().filter(|(_, leg)| !leg.is_mixed()) {
                self.at_work = Some(*id);
                leg.tick(due, None, out, reports);
            }
            self.serve_mixes(phase as usize, due, out, reports);
        }
        self.at_work = None;
    }

    /// Each party of the phase's mixes is sent what the others say.
    fn serve_mixes(&mut self, phase: usize, due: Due, out: &mut Outbox, reports: &mut Vec<Report>) {
        for index in 0..self.phases[phase].mixes.len() {
            let mix = self.phases[phase].mixes[index];
            let mut sum = Sum::new();
            for (place, leg) in mix.members() {
                sum.add(place, |frame| self.with(leg, |leg| leg.said(frame)));
            }
            for (place, leg) in mix.members() {
                let others = sum.heard_at(place);
                self.with(leg, |leg| leg.tick(due, Some(&others), out, reports));
            }
        }
    }

    /// After a panic was caught: closes the leg that was at work and reports it `Closed`.
    pub fn condemn(&mut self, out: &mut Vec<Report>) -> Option<LegId> {
        let leg = self.at_work.take()?;
        self.close(leg, out);
        Some(leg)
    }

    /// Panics as a fault of ours would, while `leg` is at work.
    #[cfg(test)]
    pub fn panic_at(&mut self, leg: LegId) {
        self.with(leg, |_| -> () { panic!("planted by a test") });
    }

    /// Whether the books agree with each other; panics otherwise.
    #[cfg(test)]
    pub fn check(&self) {
        let legs = || self.phases.iter().flat_map(|phase| phase.legs.values());
        let mixed = |leg: LegId| self.phases.iter().flat_map(|phase| &phase.mixes).filter(|mix| mix.has(leg)).count();
        for leg in legs() {
            assert_eq!(mixed(leg.id()), usize::from(leg.is_mixed()), "{leg:?}");
            let back = |other: LegId| legs().any(|it| it.id() == other && it.other() == Some(leg.id()));
            assert!(leg.other().is_none_or(back), "{leg:?}");
        }
        for mix in self.phases.iter().flat_map(|phase| &phase.mixes) {
            let members: Vec<_> = mix.members().collect();
            assert!(members.len() > 2 && members.iter().all(|(_, leg)| self.has(*leg)), "{mix:?}");
        }
        assert_eq!(legs().filter(|leg| leg.other().is_some()).count(), 2 * self.bridges);
        assert_eq!(legs().count(), self.legs);
    }

    fn admit(&mut self, leg: Box<Leg>, now: Moment) {
        if self.legs == 0 {
            // Nothing was due while there was nobody: no catching up.
            self.next = millisecond(now);
        }
        let id = leg.id();
        self.part(id);
        if self.phases[phase_of(id)].legs.insert(id, leg).is_none() {
            self.legs += 1;
        }
    }

    fn dismiss(&mut self, id: LegId) -> Option<Box<Leg>> {
        self.part(id);
        let leg = self.phases[phase_of(id)].legs.remove(&id)?;
        self.legs -= 1;
        Some(leg)
    }

    fn close(&mut self, id: LegId, out: &mut Vec<Report>) {
        if let Some(leg) = self.dismiss(id) {
            out.push(Report::Closed { leg: id, statistics: leg.statistics() });
        }
    }

    fn export(&mut self, id: LegId, out: &mut Vec<Report>) {
        if let Some(leg) = self.dismiss(id) {
            out.push(Report::Exported { leg: id, state: Box::new(LegState(*leg)) });
        }
    }

    fn import(&mut self, LegState(mut leg): LegState, now: Moment, out: &mut Vec<Report>) {
        let id = leg.id();
        if self.has(id) {
            return;
        }
        leg.arrive(&self.library);
        self.admit(Box::new(leg), now);
        out.push(Report::Imported { leg: id });
    }

    fn bring_together(&mut self, legs: &[LegId]) {
        let distinct = legs.iter().enumerate().all(|(at, leg)| !legs[..at].contains(leg));
        if !distinct || !(2..=MAX_PARTIES).contains(&legs.len()) || !legs.iter().all(|leg| self.has(*leg)) {
            return;
        }
        legs.iter().for_each(|leg| self.part(*leg));
        match legs {
            [a, b] => self.bridge(*a, *b),
            _ => self.mix(legs),
        }
    }

    fn bridge(&mut self, a: LegId, b: LegId) {
        self.with(a, |leg| leg.join(Company::One(b)));
        self.with(b, |leg| leg.join(Company::One(a)));
        self.bridges += 1;
    }

    fn mix(&mut self, legs: &[LegId]) {
        let Some(at) = legs.first().map(|leg| phase_of(*leg)) else { return };
        for leg in legs {
            self.with(*leg, |leg| leg.join(Company::Mix { at, said: Playout::default() }));
        }
        self.phases[at].mixes.push(Mix::of(legs));
    }

    /// Nobody hears the leg any more; two who are left of a mix are a bridge.
    fn part(&mut self, id: LegId) {
        match self.with(id, Leg::part) {
            Company::Nobody => {}
            Company::One(other) => {
                self.with(other, Leg::part);
                self.bridges -= 1;
            }
            Company::Mix { at, .. } => self.leave(id, at),
        }
    }

    fn leave(&mut self, id: LegId, at: usize) {
        let mixes = &mut self.phases[at].mixes;
        let Some(index) = mixes.iter().position(|mix| mix.has(id)) else { return };
        mixes[index].remove(id);
        if let Some((a, b)) = mixes[index].pair() {
            mixes.swap_remove(index);
            self.bridge(a, b);
        }
    }

    fn has(&self, id: LegId) -> bool {
        self.phases[phase_of(id)].legs.contains_key(&id)
    }

    /// Nothing, when there is no such leg.
    fn with<T: Default>(&mut self, id: LegId, work: impl FnOnce(&mut Leg) -> T) -> T {
        let Some(leg) = self.phases[phase_of(id)].legs.get_mut(&id) else { return T::default() };
        self.at_work = Some(id);
        let result = work(leg);
        self.at_work = None;
        result
    }
}

/// The millisecond of the frame in which a leg is served. Ids follow one another, so the golden ratio spreads them evenly.
fn phase_of(leg: LegId) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let spread = leg.0.wrapping_mul(GOLDEN) >> 32;
    ((spread * FRAME_MS as u64) >> 32) as usize
}

fn millisecond(moment: Moment) -> i64 {
    moment.as_nanos().div_euclid(1_000_000)
}
