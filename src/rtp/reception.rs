//! What came from one source, and what did not: RFC 3550 appendices A.1 (sequence numbers) and A.8 (jitter).
//!
//! Invariant: the counts survive a change of source; nothing is counted lost twice.

use super::{CLOCK_RATE, Header};
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};

/// A jump forward of fewer packets than this is loss; a larger one is a sender that began again (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;
/// A packet late by at most so many is reordered, not a new beginning (RFC 3550 A.1).
const MAX_MISORDER: u16 = 100;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Reception {
    source: Option<Source>,
    received: u64,
    /// Lost of sources (and runs of sequence numbers) that are over.
    lost_before: u64,
    /// Jitter in ticks of the RTP clock, scaled by 16 as in A.8.
    jitter: u32,
}

/// One run of sequence numbers of one SSRC.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Source {
    ssrc: u32,
    /// The first and the highest sequence number, extended by the times it wrapped.
    base: u64,
    highest: u64,
    received: u64,
    /// After a large jump: the number that, if it comes next, proves that the sender began again.
    restart: Option<u16>,
    /// Arrival minus timestamp of the last packet of audio.
    transit: Option<u32>,
}

impl Reception {
    /// Counts a packet. `timed` is false for what carries no time of its own: telephone events repeat their timestamp.
    pub fn note(&mut self, header: &Header, timed: bool, arrived: Moment) {
        self.received += 1;
        self.count(header.ssrc, header.sequence);
        if timed {
            self.time(header.timestamp, arrived);
        }
    }

    /// Packets, duplicates included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Sequence numbers that never came.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, Source::lost)
    }

    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub fn jitter(&self) -> Duration {
        Duration::from_nanos(u64::from(self.jitter >> 4) * 1_000_000_000 / u64::from(CLOCK_RATE))
    }

    /// The highest sequence number of the last source heard, and its SSRC: what continuity is judged by.
    pub fn last(&self) -> Option<(u32, u16)> {
        self.source.as_ref().map(|source| (source.ssrc, source.highest as u16))
    }

    fn count(&mut self, ssrc: u32, sequence: u16) {
        let begun = match &mut self.source {
            Some(source) if source.ssrc == ssrc => source.advance(sequence),
            _ => Some(Source::beginning(ssrc, sequence)),
        };
        if let Some(source) = begun {
            self.lost_before = self.lost();
            self.source = Some(source);
        }
    }

    fn time(&mut self, timestamp: u32, arrived: Moment) {
        let Some(source) = &mut self.source else { return };
        let arrival = (i128::from(arrived.as_nanos()) * i128::from(CLOCK_RATE) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = source.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A pause or a jump of the sender's clock is not jitter.
            if difference < CLOCK_RATE {
                self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
            }
        }
    }
}

impl Source {
    fn beginning(ssrc: u32, sequence: u16) -> Source {
        // One turn ahead, so that packets older than the first have somewhere to be.
        let base = 0x1_0000 + u64::from(sequence);
        Source { ssrc, base, highest: base, received: 1, restart: None, transit: None }
    }

    /// Counts one more packet. A new run of numbers, when this one shows that the sender has begun one.
    fn advance(&mut self, sequence: u16) -> Option<Source> {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest += u64::from(ahead);
            self.restart = None;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            // One such packet may be a stray; a second in sequence makes a new run of both.
            if self.restart.replace(sequence.wrapping_add(1)) == Some(sequence) {
                let run = Source::beginning(self.ssrc, sequence.wrapping_sub(1));
                return Some(Source { highest: run.base + 1, received: 2, ..run });
            }
            return None;
        } else {
            // Late: it may even be older than the first one that came.
            self.base = self.base.min(self.highest - u64::from(ahead.wrapping_neg()));
        }
        self.received += 1;
        None
    }

    fn lost(&self) -> u64 {
        (self.highest - self.base + 1).saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp, ssrc }
    }

    fn heard(packets: &[(u32, u16)]) -> Reception {
        let mut reception = Reception::default();
        for (ssrc, sequence) in packets {
            reception.note(&header(*ssrc, *sequence, 0), false, Moment::ZERO);
        }
        reception
    }

    #[test]
    fn what_never_came_is_counted_once() {
        let check = |what: &str, packets: &[(u32, u16)], received: u64, lost: u64| {
            let reception = heard(packets);
            assert_eq!((reception.received(), reception.lost()), (received, lost), "{what}");
        };
        check("nothing", &[], 0, 0);
        check("in order", &[(1, 10), (1, 11), (1, 12)], 3, 0);
        check("two missing", &[(1, 10), (1, 13)], 2, 2);
        check("over the wrap", &[(1, 65534), (1, 65535), (1, 1)], 3, 1);
        check("late, not lost", &[(1, 10), (1, 12), (1, 11)], 3, 0);
        check("the first is late", &[(1, 11), (1, 10), (1, 12)], 3, 0);
        check("late over the wrap", &[(1, 65535), (1, 1), (1, 0)], 3, 0);
        check("a duplicate hides no more than one loss", &[(1, 10), (1, 10), (1, 13)], 3, 1);
        check("another source", &[(1, 10), (1, 12), (2, 500), (2, 502)], 4, 2);
        check("one stray", &[(1, 10), (1, 30_000), (1, 12)], 3, 1);
        check("begins again", &[(1, 10), (1, 12), (1, 30_000), (1, 30_001), (1, 30_003)], 5, 2);
    }

    #[test]
    fn jitter_is_none_in_step_and_follows_the_formula_out_of_step() {
        let mut reception = Reception::default();
        let mut at = Moment::ZERO;
        for n in 0..50u16 {
            reception.note(&header(1, n, u32::from(n) * 160), true, at);
            at = at + Duration::from_millis(20);
        }
        assert_eq!(reception.jitter(), Duration::ZERO);
        // One packet 16 ms (128 ticks) late: J = 128 / 16 = 8 ticks = 1 ms.
        reception.note(&header(1, 50, 50 * 160), true, at + Duration::from_millis(16));
        assert_eq!(reception.jitter(), Duration::from_millis(1));
    }
}
