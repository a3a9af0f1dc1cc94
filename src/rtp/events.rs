//! Pressed keys as telephone-event payloads (RFC 4733): received, however battered on the way, and sent.
//!
//! ```text
//!   byte 0    byte 1        bytes 2, 3
//!   event     E R volume    duration so far, in ticks of the RTP clock
//! ```
//!
//! All packets of one press carry the timestamp of its beginning; the last one is sent three times with the E bit. Any of them
//! may be lost, late or doubled. Invariant: a press of which one packet arrives is reported exactly once.

use super::CLOCK_RATE;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};

/// The sixteen keys in the order of their event codes (RFC 4733 section 3.2, table 3).
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// Without an end, a press is over when nothing more of it was heard for so long: senders repeat every 20 to 50 ms
/// (section 2.5.1.2), and two in a row may be lost.
pub const LOST_END: Duration = Duration::from_millis(150);

/// Presses remembered to know their late and doubled packets.
const REMEMBERED: usize = 4;

/// A sender that replays a recording gives a second press the timestamp of the first. It is told from a late packet by the quiet
/// before it, and by a duration that begins anew.
const REPLAY_QUIET: Duration = Duration::from_millis(1000);

/// The longest duration that a payload can hold; a longer press goes on in a new segment (section 2.5.1.3).
const SEGMENT: u16 = u16::MAX;

/// Bytes of one event.
pub const PAYLOAD_LENGTH: usize = 4;

/// The event in one payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload {
    pub event: u8,
    pub end: bool,
    /// Attenuation in dB below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// Ticks of the RTP clock since the timestamp.
    pub duration: u16,
}

impl Payload {
    /// None when it is shorter than four bytes; anything after them is ignored.
    pub fn parse(payload: &[u8]) -> Option<Payload> {
        let &[event, flags, d0, d1] = payload.first_chunk()?;
        Some(Payload { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration: u16::from_be_bytes([d0, d1]) })
    }

    pub fn to_bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | (self.volume & 0x3f), d0, d1]
    }
}

/// A key, and how long it was held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Press {
    pub digit: char,
    pub duration: Duration,
    /// At least one of its packets was passed on to somebody else, who knows of it too.
    pub passed_on: bool,
}

/// Turns the packets of one leg into presses, in the order in which they began.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Receiver {
    /// Newest last.
    heard: Vec<Heard>,
}

/// One press of which something was heard.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Heard {
    event: u8,
    ssrc: u32,
    /// Of its newest segment.
    timestamp: u32,
    /// Ticks in the segments before, and in this one.
    before: u32,
    duration: u16,
    last_packet: Moment,
    passed_on: bool,
    reported: bool,
}

/// One packet of telephone events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    pub ssrc: u32,
    pub timestamp: u32,
    pub payload: &'a [u8],
    /// It was passed on to somebody else.
    pub passed_on: bool,
}

impl Receiver {
    /// Takes one packet; reports every press that this shows to be over.
    pub fn receive(&mut self, event: Event<'_>, now: Moment, mut report: impl FnMut(Press)) {
        let Event { ssrc, timestamp, payload, passed_on } = event;
        let Some(packet) = Payload::parse(payload) else { return };
        if usize::from(packet.event) >= KEYS.len() {
            return;
        }
        let index = match self.position(ssrc, timestamp, packet, now) {
            Some(index) => index,
            None => self.begin(event, packet, now, &mut report),
        };
        let heard = &mut self.heard[index];
        heard.last_packet = now;
        heard.passed_on |= passed_on;
        // Of the segments, only the newest grows; a late packet of an older one says nothing new.
        if heard.timestamp == timestamp {
            heard.duration = heard.duration.max(packet.duration);
        }
        if packet.end {
            heard.report(&mut report);
        }
    }

    /// Reports a press whose end was lost, when nothing more of it has come for [`LOST_END`].
    pub fn tick(&mut self, now: Moment, mut report: impl FnMut(Press)) {
        // Only the newest can be open: beginning a press ends the one before.
        if let Some(newest) = self.heard.last_mut()
            && !newest.reported
            && now.since(newest.last_packet) >= LOST_END
        {
            newest.report(&mut report);
        }
    }

    /// The press that a packet belongs to, if something of it was heard already.
    fn position(&mut self, ssrc: u32, timestamp: u32, packet: Payload, now: Moment) -> Option<usize> {
        let index = self.heard.iter().rposition(|heard| heard.includes(ssrc, timestamp, packet.event))?;
        let heard = &mut self.heard[index];
        let replayed = heard.reported && packet.duration < heard.duration && now.since(heard.last_packet) >= REPLAY_QUIET;
        if replayed {
            self.heard.remove(index);
            return None;
        }
        if timestamp == heard.timestamp.wrapping_add(u32::from(SEGMENT)) {
            heard.before = heard.before.saturating_add(u32::from(SEGMENT));
            heard.timestamp = timestamp;
            heard.duration = 0;
        }
        Some(index)
    }

    /// Makes room for a press never heard of before. Its place is by timestamp, because its packets may have been overtaken by
    /// those of the next one.
    fn begin(&mut self, event: Event<'_>, packet: Payload, now: Moment, report: &mut impl FnMut(Press)) -> usize {
        let Event { ssrc, timestamp, passed_on, .. } = event;
        if self.heard.capacity() == 0 {
            self.heard.reserve_exact(REMEMBERED);
        }
        if self.heard.len() == REMEMBERED {
            self.heard.remove(0).report(report);
        }
        let mut new = Heard {
            event: packet.event,
            ssrc,
            timestamp,
            before: 0,
            duration: packet.duration,
            last_packet: now,
            passed_on,
            reported: false,
        };
        let overtaken = self.heard.last().is_some_and(|newest| newest.ssrc == ssrc && newest.is_after(timestamp));
        if overtaken {
            // The next press has begun, so this one is over. It goes before the newest.
            let index = self.heard.len() - 1;
            new.report(report);
            self.heard.insert(index, new);
            return index;
        }
        if let Some(newest) = self.heard.last_mut() {
            newest.report(report);
        }
        self.heard.push(new);
        self.heard.len() - 1
    }
}

impl Heard {
    fn includes(&self, ssrc: u32, timestamp: u32, event: u8) -> bool {
        let since_first = timestamp.wrapping_sub(self.timestamp.wrapping_sub(self.before));
        let of_a_segment = since_first <= self.before && since_first.is_multiple_of(u32::from(SEGMENT));
        let next_segment = timestamp == self.timestamp.wrapping_add(u32::from(SEGMENT));
        self.ssrc == ssrc && self.event == event && (of_a_segment || next_segment)
    }

    fn is_after(&self, timestamp: u32) -> bool {
        // Less than half the circle of timestamps back (about three days) counts as before; a recording that is replayed with
        // older timestamps is not "overtaken", so only a few seconds do.
        let behind = self.timestamp.wrapping_sub(timestamp);
        behind > 0 && behind < 2 * CLOCK_RATE
    }

    fn report(&mut self, report: &mut impl FnMut(Press)) {
        if !self.reported {
            self.reported = true;
            report(Press {
                digit: KEYS[usize::from(self.event)],
                duration: of_ticks(self.before.saturating_add(u32::from(self.duration))),
                passed_on: self.passed_on,
            });
        }
    }
}

fn of_ticks(ticks: u32) -> Duration {
    Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(CLOCK_RATE))
}

/// The payloads of one press to send, one for each 20 ms frame, all under the timestamp of its beginning; the first one goes
/// with the marker bit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sender {
    event: u8,
    /// Ticks: so far, and in all.
    elapsed: u16,
    total: u16,
    ends_left: u8,
}

impl Sender {
    /// Ticks in a frame.
    const FRAME: u16 = 160;
    /// The end is sent so many times (RFC 4733 section 2.5.1.4).
    const ENDS: u8 = 3;
    /// Below 0 dBm0, in dB: what telephones send.
    const VOLUME: u8 = 10;
    /// Shorter presses are not heard by every receiver (section 2.5.2.3 speaks of 40 ms).
    const SHORTEST: u16 = 320;

    /// None when the character is not one of the sixteen keys. The duration is kept between 40 ms and 8 s.
    pub fn new(digit: char, duration: Duration) -> Option<Sender> {
        let event = KEYS.iter().position(|key| *key == digit.to_ascii_uppercase())?;
        let ticks = duration.as_micros() * u128::from(CLOCK_RATE) / 1_000_000;
        let total = u16::try_from(ticks).unwrap_or(SEGMENT).clamp(Self::SHORTEST, SEGMENT - Self::FRAME);
        Some(Sender { event: u8::try_from(event).ok()?, elapsed: 0, total, ends_left: Self::ENDS })
    }
}

impl Iterator for Sender {
    type Item = Payload;

    fn next(&mut self) -> Option<Payload> {
        self.elapsed = self.total.min(self.elapsed + Self::FRAME);
        let end = self.elapsed == self.total;
        if end {
            self.ends_left = self.ends_left.checked_sub(1)?;
        }
        Some(Payload { event: self.event, end, volume: Self::VOLUME, duration: self.elapsed })
    }
}

#[cfg(test)]
mod tests;
