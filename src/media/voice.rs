//! Our side of an RTP stream: one SSRC, numbers that go on whoever speaks -- a prompt, music, a key, or another leg.
//!
//! What we say ourselves is numbered by time: frame n of a leg is due at n times 20 ms plus its phase, and two frames n and m
//! carry timestamps 160 x (n - m) apart. What is relayed keeps the steps of the stream it came from: what was lost there is
//! missing here, and what came late goes late, so that the jitter buffer behind us can judge. Between the two the clock decides.
//!
//! | before | now | sequence | timestamp | marker |
//! |---|---|---|---|---|
//! | nothing | anything | as agreed | as agreed | yes |
//! | own frame n | own frame m | next | 160 x (m - n) further | after a pause |
//! | own | relayed | next | by the time that passed, past what was sent | yes |
//! | relayed | relayed, same run | as far as theirs | as far as theirs | theirs |
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
    /// Incoming numbers: the first of this run and the highest.
    first: u16,
    highest: u16,
    timestamp: u32,
    at: Moment,
    /// What is added to theirs to make ours.
    sequence_offset: u16,
    timestamp_offset: u32,
}

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
                    (run.highest, run.timestamp, run.at) = (theirs.sequence, theirs.timestamp, now);
                    self.sequence = theirs.sequence.wrapping_add(run.sequence_offset).wrapping_add(1);
                }
                let timestamp = theirs.timestamp.wrapping_add(run.timestamp_offset);
                (theirs.sequence.wrapping_add(run.sequence_offset), known.unwrap_or(timestamp), theirs.marker)
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
            timestamp: theirs.timestamp,
            at: now,
            sequence_offset: sequence.wrapping_sub(theirs.sequence),
            timestamp_offset: timestamp.wrapping_sub(theirs.timestamp),
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
