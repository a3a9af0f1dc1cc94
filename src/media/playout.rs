//! What one party of a mix has said and the others have not heard yet: samples in the order in which their packets came.
//!
//! | what comes | what becomes of it |
//! |---|---|
//! | the next packet, or one after a loss | behind what waits; what was lost is left out |
//! | a packet that another has overtaken, or a copy | dropped: its moment has passed |
//! | nothing, when a frame is due | the last sample fades into silence, and what comes then is heard one frame later: it waited so long |
//! | more than is due, for long: the sender's clock is fast, or a burst | the oldest is dropped |
//!
//! So what waits grows to what the sender's jitter asks for, and no further. Invariant: never more waits than one packet and
//! [`SLACK`], and once it has grown to that, putting and taking allocate nothing.

use super::Codec;
use super::voice::MAX_MISORDER;
use crate::audio::{FRAME, g711};
use crate::rtp::Header;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Samples that may wait beside the packet that came last: 60 ms.
pub const SLACK: usize = 3 * FRAME;
/// Samples in which a voice that breaks off fades, so that it does not click: 5 ms.
const FADE: usize = 40;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Playout {
    waiting: VecDeque<i16>,
    /// SSRC and sequence number of the packet that came last.
    newest: Option<(u32, u16)>,
    /// The last sample that was heard.
    end: i16,
}

impl Playout {
    /// A packet of G.711.
    pub fn put(&mut self, header: &Header, payload: &[u8], codec: Codec) {
        if self.newest.is_some_and(|newest| is_late(header, newest)) {
            return;
        }
        self.newest = Some((header.ssrc, header.sequence));
        match codec {
            Codec::Pcma => self.waiting.extend(payload.iter().map(|byte| g711::alaw_to_linear(*byte))),
            Codec::Pcmu => self.waiting.extend(payload.iter().map(|byte| g711::ulaw_to_linear(*byte))),
        }
        if self.waiting.len() > payload.len() + SLACK {
            let surplus = self.waiting.len() - payload.len() - FRAME;
            self.waiting.drain(..surplus);
        }
    }

    /// The samples of the frame that is due.
    pub fn take(&mut self, frame: &mut [i16; FRAME]) {
        let ready = self.waiting.len().min(FRAME);
        for (sample, waiting) in frame.iter_mut().zip(self.waiting.drain(..ready)) {
            *sample = waiting;
        }
        let last = ready.checked_sub(1).map_or(self.end, |at| frame[at]);
        for (away, sample) in frame[ready..].iter_mut().enumerate() {
            *sample = faded(last, away + 1);
        }
        self.end = frame[FRAME - 1];
    }

    /// Nothing that was said is heard any more.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
}

fn is_late(header: &Header, (ssrc, newest): (u32, u16)) -> bool {
    ssrc == header.ssrc && newest.wrapping_sub(header.sequence) <= MAX_MISORDER
}

/// A sample so many places after the last one that came.
fn faded(last: i16, away: usize) -> i16 {
    let left = FADE.saturating_sub(away) as i32;
    // Nearer to nothing than a sample is, so it is one.
    (i32::from(last) * left / FADE as i32) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: u8 = 0x2a;

    fn header(sequence: u16) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc: 7 }
    }

    fn put(playout: &mut Playout, sequence: u16, byte: u8, samples: usize) {
        playout.put(&header(sequence), &vec![byte; samples], Codec::Pcma);
    }

    fn take(playout: &mut Playout) -> [i16; FRAME] {
        let mut frame = [1; FRAME];
        playout.take(&mut frame);
        frame
    }

    fn all(byte: u8) -> [i16; FRAME] {
        [g711::alaw_to_linear(byte); FRAME]
    }

    #[test]
    fn what_was_overtaken_or_came_twice_is_dropped_and_a_loss_is_left_out() {
        let mut playout = Playout::default();
        // By sequence number: the second is overtaken by the third, the third comes twice, the fourth is lost.
        for (sequence, byte) in [(65_535, 1), (1, 3), (0, 2), (1, 3), (3, 5)] {
            put(&mut playout, sequence, byte, FRAME);
        }
        for byte in [1, 3, 5] {
            assert_eq!(take(&mut playout), all(byte), "{byte}");
        }
        assert!(playout.waiting.is_empty());
    }

    #[test]
    fn a_sender_that_numbers_anew_is_heard_at_once() {
        let mut playout = Playout::default();
        put(&mut playout, 1000, 1, FRAME);
        put(&mut playout, 800, 2, FRAME);
        playout.put(&Header { ssrc: 8, ..header(799) }, &[3; FRAME], Codec::Pcma);
        for byte in [1, 2, 3] {
            assert_eq!(take(&mut playout), all(byte));
        }
    }

    #[test]
    fn a_voice_that_breaks_off_fades_into_silence_and_does_not_click() {
        let mut playout = Playout::default();
        put(&mut playout, 0, LOUD, FRAME / 2);
        let loud = all(LOUD)[0];
        let frame = take(&mut playout);
        assert_eq!(frame[..FRAME / 2], all(LOUD)[..FRAME / 2]);
        let fading = &frame[FRAME / 2 - 1..FRAME / 2 + FADE];
        let step = i32::from(loud).abs() / FADE as i32 + 1;
        assert!(fading.windows(2).all(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() <= step), "{fading:?}");
        assert_eq!(frame[FRAME / 2 + FADE..], [0; FRAME / 2 - FADE]);
        assert_eq!(take(&mut playout), [0; FRAME]);
    }

    #[test]
    fn a_burst_and_a_fast_clock_are_bounded_and_the_longest_packet_has_room() {
        let mut playout = Playout::default();
        for sequence in 0..1000 {
            put(&mut playout, sequence, 1, FRAME);
            assert!(playout.waiting.len() <= FRAME + SLACK);
        }
        playout.forget();
        put(&mut playout, 1000, 1, 1600);
        assert_eq!(playout.waiting.len(), 1600);
        put(&mut playout, 1001, 1, 1600);
        assert_eq!(playout.waiting.len(), 1600 + FRAME, "the older one has had its time");
    }

    #[test]
    fn packets_of_any_length_are_heard_without_a_gap_once_they_flow() {
        for milliseconds in [10, 20, 30, 40, 60] {
            let mut playout = Playout::default();
            let mut sequence = 0;
            let mut gaps = 0;
            for now in (0..6000).step_by(10) {
                if now % milliseconds == 0 {
                    put(&mut playout, sequence, LOUD, milliseconds * 8);
                    sequence += 1;
                }
                if now % 20 == 10 {
                    gaps += usize::from(take(&mut playout) != all(LOUD) && now > 200);
                }
            }
            assert_eq!(gaps, 0, "packets of {milliseconds} ms");
        }
    }
}
