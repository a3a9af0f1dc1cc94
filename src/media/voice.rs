//! Our side of an RTP stream: one SSRC, numbers that go on whoever speaks -- a prompt, music, a key, or another leg.
//!
//! What we say ourselves is numbered by time: frame n of a leg is due at n times 20 ms plus its phase, and two frames n and m
//! carry timestamps 160 x (n - m) apart. What is relayed keeps the steps of the stream it came from: what was lost there is
//! missing here, and what came late goes late, so that the jitter buffer behind us can judge; but what we leave out of it ourselves
//! has no number here, for it was not lost. Between the two the clock decides.
//!
//! | before | now | sequence | timestamp | marker |
//! |---|---|---|---|---|
//! | nothing | anything | as agreed | as agreed | yes |
//! | own frame n | own frame m | next | 160 x (m - n) further | after a pause |
//! | own | relayed | next | by the time that passed, past what was sent | yes |
//! | relayed | relayed, same run | as far as theirs, less what was left out | as far as theirs | theirs |
//! | relayed | relayed, new run | next | by the time that passed | yes |
//! | relayed | own | next | by the time that passed | yes |
//!
//! Invariant: no number is given to two packets, but for a duplicate that came as one.

use super::Stream;
use crate::audio::FRAME;
use crate::rtp::{CLOCK_RATE, Header};
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};

/// A relayed packet further ahead than this began a new run of numbers; nearer, it shows a loss: five seconds.
pub const MAX_DROPOUT: u16 = 250;
/// A relayed packet late by at most so many is reordered (RFC 3550 A.1).
pub const MAX_MISORDER: u16 = 100;
/// A step of the incoming timestamp that is larger than this, in ticks, is a clock that was set anew: ten seconds.
pub const MAX_STEP: u32 = 10 * CLOCK_RATE;
/// After so long without a packet, our clock says how much time passed: some senders' clocks stand still on hold.
pub const LONG_GAP: Duration = Duration::from_secs(5);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Voice {
    ssrc: u32,
    /// Of the next packet.
    sequence: u16,
    first_timestamp: u32,
    /// The packet with the newest timestamp.
    last: Option<Last>,
    /// How what comes in is numbered, while it is what we sent last.
    run: Option<Run>,
    key: Option<RelayedKey>,
    last_sent: Option<Moment>,
    sent: u64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Last {
    timestamp: u32,
    /// Ticks.
    length: u32,
    at: Moment,
    /// If it was ours.
    frame: Option<i64>,
}

/// Packets relayed one after the other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Run {
    ssrc: u32,
    /// Incoming numbers: the first of this run and the highest, sent or left out.
    first: u16,
    highest: u16,
    /// The highest that went out.
    relayed: u16,
    timestamp: u32,
    at: Moment,
    /// What is added to theirs to make ours; of the sequence, to the highest number and those that follow.
    sequence_offset: u16,
    timestamp_offset: u32,
    /// Bit n: the packet n before the highest was left out, so that what is older has a number that much higher.
    left_out: LeftOut,
}

/// A bit for each of the last 128 packets; kept as bytes, because a leg is to be small and a u128 stands on multiples of 16.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct LeftOut([u8; 16]);

/// All packets of a press carry one timestamp, here too, even if what is sent between them begins a new run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct RelayedKey {
    ssrc: u32,
    timestamp: u32,
    ours: u32,
}

/// What is relayed: audio, by its length in ticks, or a pressed key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relayed {
    Audio(u32),
    Key,
}

/// Where a packet belongs in a run.
enum Step {
    Next,
    Late,
    BeforeTheRun,
    Another,
}

impl Voice {
    pub fn new(stream: &Stream) -> Voice {
        Voice {
            ssrc: stream.ssrc,
            sequence: stream.first_sequence,
            first_timestamp: stream.first_timestamp,
            last: None,
            run: None,
            key: None,
            last_sent: None,
            sent: 0,
        }
    }

    /// What was agreed anew. The same SSRC goes on where it was; another one begins.
    pub fn renew(&mut self, stream: &Stream) {
        if stream.ssrc != self.ssrc {
            *self = Voice { sent: self.sent, ..Voice::new(stream) };
        }
    }

    /// The header of our own packet for `frame`. The marker stands at the beginning of a talk spurt (RFC 3551 section 4.1).
    pub fn own(&mut self, frame: i64, payload_type: u8, now: Moment) -> Header {
        let (timestamp, marker) = match &self.last {
            Some(Last { frame: Some(last), timestamp, .. }) => {
                let samples = (frame - last).wrapping_mul(FRAME as i64);
                // Truncated on purpose: timestamps wrap.
                (timestamp.wrapping_add(samples as u32), frame != last + 1)
            }
            _ => (self.by_the_clock(now), true),
        };
        self.run = None;
        self.last = Some(Last { timestamp, length: FRAME as u32, at: now, frame: Some(frame) });
        self.next(timestamp, marker, payload_type, now)
    }

    /// A further packet of the key that began with the last [`Voice::own`]: the same timestamp (RFC 4733 section 2.5.1.2).
    pub fn same_key(&mut self, payload_type: u8, now: Moment) -> Header {
        let timestamp = self.last.as_ref().map_or(self.first_timestamp, |last| last.timestamp);
        self.next(timestamp, false, payload_type, now)
    }

    /// The header under which a packet of another leg's peer goes out. None when its place is before the run that is being sent.
    pub fn relay(&mut self, theirs: &Header, what: Relayed, payload_type: u8, now: Moment) -> Option<Header> {
        let step = self.run.as_ref().map_or(Step::Another, |run| run.step(theirs, now));
        let known = self.key.as_ref().filter(|key| what == Relayed::Key && key.is_of(theirs)).map(|key| key.ours);
        let (sequence, timestamp, marker) = match (step, &mut self.run) {
            (Step::BeforeTheRun, _) => return None,
            (Step::Next | Step::Late, Some(run)) => {
                if matches!(run.step(theirs, now), Step::Next) {
                    run.advance(theirs.sequence, now);
                    (run.relayed, run.timestamp) = (theirs.sequence, theirs.timestamp);
                    self.sequence = run.next();
                }
                let timestamp = theirs.timestamp.wrapping_add(run.timestamp_offset);
                (run.number(theirs.sequence)?, known.unwrap_or(timestamp), theirs.marker)
            }
            _ => {
                let (sequence, timestamp) = (self.sequence, known.unwrap_or_else(|| self.by_the_clock(now)));
                self.run = Some(Run::beginning(theirs, sequence, timestamp, now));
                self.sequence = sequence.wrapping_add(1);
                (sequence, timestamp, true)
            }
        };
        let length = match what {
            Relayed::Audio(length) => length,
            Relayed::Key => {
                self.key = Some(RelayedKey { ssrc: theirs.ssrc, timestamp: theirs.timestamp, ours: timestamp });
                FRAME as u32
            }
        };
        if self.last.as_ref().is_none_or(|last| is_after(timestamp, last.timestamp)) {
            self.last = Some(Last { timestamp, length, at: now, frame: None });
        }
        self.last_sent = Some(now);
        self.sent += 1;
        Some(Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc })
    }

    /// A packet of another leg's peer does not go out, and was not lost: of what is being relayed, the following one has its number.
    pub fn leave_out(&mut self, theirs: &Header, now: Moment) {
        // After a long gap the next one begins a new run anyway.
        if let Some(run) = self.run.as_mut().filter(|run| run.ssrc == theirs.ssrc && now.since(run.at) < LONG_GAP) {
            run.leave_out(theirs.sequence, now);
            self.sequence = run.next();
        }
    }

    /// What was sent last was somebody else's.
    pub fn is_relaying(&self) -> bool {
        self.run.is_some()
    }

    /// When the last packet was sent, whosever it was.
    pub fn last_sent(&self) -> Option<Moment> {
        self.last_sent
    }

    pub fn sent(&self) -> u64 {
        self.sent
    }

    fn next(&mut self, timestamp: u32, marker: bool, payload_type: u8, now: Moment) -> Header {
        let header = Header { marker, payload_type, sequence: self.sequence, timestamp, ssrc: self.ssrc };
        self.sequence = self.sequence.wrapping_add(1);
        self.last_sent = Some(now);
        self.sent += 1;
        header
    }

    /// The timestamp of something new: as far from the last packet as time has passed, and not before that one ends.
    fn by_the_clock(&self, now: Moment) -> u32 {
        let Some(last) = &self.last else { return self.first_timestamp };
        let ticks = now.since(last.at).as_nanos() * u128::from(CLOCK_RATE) / 1_000_000_000;
        // Truncated on purpose: timestamps wrap.
        last.timestamp.wrapping_add(last.length.max(ticks as u32))
    }
}

impl Run {
    fn beginning(theirs: &Header, sequence: u16, timestamp: u32, now: Moment) -> Run {
        Run {
            ssrc: theirs.ssrc,
            first: theirs.sequence,
            highest: theirs.sequence,
            relayed: theirs.sequence,
            timestamp: theirs.timestamp,
            at: now,
            sequence_offset: sequence.wrapping_sub(theirs.sequence),
            timestamp_offset: timestamp.wrapping_sub(theirs.timestamp),
            left_out: LeftOut::default(),
        }
    }

    /// A packet is the newest.
    fn advance(&mut self, sequence: u16, now: Moment) {
        let ahead = sequence.wrapping_sub(self.highest);
        self.left_out.set(self.left_out.bits().checked_shl(ahead.into()).unwrap_or(0));
        (self.highest, self.at) = (sequence, now);
    }

    /// Our number of the packet that will follow the highest.
    fn next(&self) -> u16 {
        self.highest.wrapping_add(self.sequence_offset).wrapping_add(1)
    }

    /// Our number of a packet at most [`MAX_MISORDER`] older than the highest. None when it was left out, or what claims to be it.
    fn number(&self, sequence: u16) -> Option<u16> {
        let back = u32::from(self.highest.wrapping_sub(sequence));
        let left_out = self.left_out.bits();
        let (younger, older) = (left_out & !(u128::MAX.checked_shl(back)?), left_out.checked_shr(back)?);
        // At most 127 bits.
        let shift = younger.count_ones() as u16;
        (older & 1 == 0).then(|| sequence.wrapping_add(self.sequence_offset).wrapping_add(shift))
    }

    /// The packet has no number of ours, if nothing behind it has gone out. (Otherwise the place that was kept for it stays empty.)
    fn leave_out(&mut self, sequence: u16, now: Moment) {
        let ahead = sequence.wrapping_sub(self.highest);
        if (1..=MAX_DROPOUT).contains(&ahead) {
            self.advance(sequence, now);
        }
        let since_relayed = |number: u16| number.wrapping_sub(self.relayed);
        let is_unsent = sequence != self.relayed && since_relayed(sequence) <= since_relayed(self.highest);
        let is_last = self.number(sequence).is_some_and(|number| number.wrapping_add(1) == self.next());
        if is_unsent && is_last {
            self.left_out.set(self.left_out.bits() | 1 << self.highest.wrapping_sub(sequence));
            self.sequence_offset = self.sequence_offset.wrapping_sub(1);
        }
    }

    fn step(&self, theirs: &Header, now: Moment) -> Step {
        let ahead = theirs.sequence.wrapping_sub(self.highest);
        if self.ssrc != theirs.ssrc {
            Step::Another
        } else if ahead.wrapping_neg() <= MAX_MISORDER {
            // In this run, or overtaken by its beginning, whose number was our own last one.
            let since_first = theirs.sequence.wrapping_sub(self.first);
            if since_first <= self.highest.wrapping_sub(self.first) { Step::Late } else { Step::BeforeTheRun }
        } else if ahead > MAX_DROPOUT || is_far(theirs.timestamp, self.timestamp) || now.since(self.at) >= LONG_GAP {
            Step::Another
        } else {
            Step::Next
        }
    }
}

impl LeftOut {
    fn bits(&self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    fn set(&mut self, bits: u128) {
        self.0 = bits.to_le_bytes();
    }
}

impl RelayedKey {
    fn is_of(&self, theirs: &Header) -> bool {
        (self.ssrc, self.timestamp) == (theirs.ssrc, theirs.timestamp)
    }
}

/// Less than half the circle of timestamps ahead.
fn is_after(timestamp: u32, other: u32) -> bool {
    timestamp.wrapping_sub(other) as i32 > 0
}

fn is_far(timestamp: u32, other: u32) -> bool {
    (timestamp.wrapping_sub(other) as i32).unsigned_abs() > MAX_STEP
}
