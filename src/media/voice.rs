//! Our side of an RTP stream: one SSRC, a sequence without holes, a timestamp that follows the clock.
//!
//! Frames are numbered by time: frame n of a leg is due at n times 20 ms plus its phase. Invariant: two frames n and m carry
//! timestamps 160 x (n - m) apart, whatever was or was not sent between them.

use super::Stream;
use crate::audio::FRAME;
use crate::rtp::Header;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Voice {
    ssrc: u32,
    sequence: u16,
    first_timestamp: u32,
    /// The first frame that was sent, which carried `first_timestamp`, and the last one.
    first: Option<i64>,
    last: Option<i64>,
    sent: u64,
}

impl Voice {
    pub fn new(stream: &Stream) -> Voice {
        Voice {
            ssrc: stream.ssrc,
            sequence: stream.first_sequence,
            first_timestamp: stream.first_timestamp,
            first: None,
            last: None,
            sent: 0,
        }
    }

    /// What was agreed anew. The same SSRC goes on where it was; another one begins.
    pub fn renew(&mut self, stream: &Stream) {
        if stream.ssrc != self.ssrc {
            *self = Voice { sent: self.sent, ..Voice::new(stream) };
        }
    }

    /// The header of the packet for `frame`. The marker stands at the beginning of a talk spurt (RFC 3551 section 4.1).
    pub fn header(&mut self, frame: i64, payload_type: u8) -> Header {
        let first = *self.first.get_or_insert(frame);
        let samples = (frame - first).wrapping_mul(FRAME as i64);
        let header = Header {
            marker: self.last.is_none_or(|last| frame != last + 1),
            payload_type,
            sequence: self.sequence,
            // Truncated on purpose: timestamps wrap.
            timestamp: self.first_timestamp.wrapping_add(samples as u32),
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.last = Some(frame);
        self.sent += 1;
        header
    }

    /// The last frame for which a packet was sent.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    pub fn sent(&self) -> u64 {
        self.sent
    }
}
