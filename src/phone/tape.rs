//! What a phone heard, as a recording in real time: loss and pauses are silence of their length.
//!
//! Invariant: a frame lies where its timestamp puts it, and a stream that begins anew lies where the clock puts it.

use crate::audio::{RATE, g711};
use crate::rtp::Header;
use crate::time::{Duration, Moment};

/// An hour; what comes after it is not kept.
pub const LONGEST: usize = RATE as usize * 3600;

/// When the stream's clock and ours differ by more than this, in samples, the stream has begun anew: 200 ms.
const ASTRAY: i64 = 1600;

#[derive(Clone, Default)]
pub struct Tape {
    samples: Vec<i16>,
    /// Samples that were given away, before the ones above.
    gone: usize,
    began: Option<Moment>,
    run: Option<Run>,
}

/// A stream whose timestamps are understood.
#[derive(Clone, Copy)]
struct Run {
    ssrc: u32,
    timestamp: u32,
    /// Where in the samples that timestamp is.
    place: i64,
}

impl Tape {
    /// The tape runs from here on.
    pub fn start(&mut self, now: Moment) {
        self.began.get_or_insert(now);
    }

    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Gives away, in order and once, all that lies longer ago than `behind`; what has not come by then is silence.
    pub fn hear(&mut self, behind: Duration, now: Moment, out: &mut Vec<i16>) {
        let Some(began) = self.began else { return };
        let until = usize::try_from(self.clock(began, now) - samples_of(behind)).unwrap_or(0);
        let due = until.saturating_sub(self.gone).min(LONGEST);
        let there = due.min(self.samples.len());
        out.extend(self.samples.drain(..there));
        out.resize(out.len() + due - there, 0);
        self.gone += due;
    }

    fn clock(&self, began: Moment, now: Moment) -> i64 {
        samples_of(now.since(began))
    }

    pub fn record(&mut self, header: &Header, payload: &[u8], is_alaw: bool, now: Moment) {
        let began = *self.began.get_or_insert(now);
        let by_clock = self.clock(began, now);
        let by_stream = self.run.filter(|run| run.ssrc == header.ssrc).map(|run| {
            // Signed on purpose: a packet may be late.
            run.place + i64::from(header.timestamp.wrapping_sub(run.timestamp).cast_signed())
        });
        let place = by_stream.filter(|place| (place - by_clock).abs() <= ASTRAY).unwrap_or(by_clock);
        self.run = Some(Run { ssrc: header.ssrc, timestamp: header.timestamp, place });
        // What comes after its time was given away is too late.
        let Some(place) = usize::try_from(place).ok().and_then(|place| place.checked_sub(self.gone)) else { return };
        let end = (place + payload.len()).min(LONGEST);
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        let decode = if is_alaw { g711::alaw_to_linear } else { g711::ulaw_to_linear };
        for (sample, byte) in self.samples.iter_mut().skip(place).zip(payload) {
            *sample = decode(*byte);
        }
    }
}

fn samples_of(time: Duration) -> i64 {
    i64::try_from(time.as_micros() * u128::from(RATE) / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::FRAME;

    fn packet(ssrc: u32, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence: 0, timestamp, ssrc }
    }

    fn at(millis: u64) -> Moment {
        Moment::ZERO + Duration::from_millis(millis)
    }

    /// Where sound is, in frames.
    fn loud(tape: &Tape) -> Vec<usize> {
        let frames = tape.samples().chunks(FRAME).enumerate();
        frames.filter(|(_, frame)| frame.iter().any(|sample| sample.unsigned_abs() > 100)).map(|(at, _)| at).collect()
    }

    #[test]
    fn jitter_is_smoothed_and_loss_is_silence() {
        let mut tape = Tape::default();
        tape.start(at(0));
        for (arrived, frame) in [(0, 0), (35, 1), (41, 2), (80, 4), (82, 3), (120, 6)] {
            tape.record(&packet(1, 900 + frame * 160), &[0x2a; FRAME], true, at(arrived));
        }
        assert_eq!(loud(&tape), [0, 1, 2, 3, 4, 6]);
    }

    #[test]
    fn what_is_heard_live_is_in_order_and_silence_where_nothing_came() {
        let mut tape = Tape::default();
        tape.start(at(0));
        let (mut heard, behind) = (Vec::new(), Duration::from_millis(60));
        // Frame 1 is lost, frame 3 comes after its time.
        for (arrived, frame) in [(0, 0), (40, 2), (80, 4), (100, 5), (130, 6), (165, 3)] {
            tape.record(&packet(1, frame * 160), &[0x2a; FRAME], true, at(arrived));
            tape.hear(behind, at(arrived), &mut heard);
        }
        tape.hear(behind, at(200), &mut heard);
        assert_eq!(heard.len(), FRAME * 7, "as long as it took, less what is behind");
        let loud: Vec<bool> = heard.chunks(FRAME).map(|frame| frame.iter().any(|sample| *sample != 0)).collect();
        assert_eq!(loud, [true, false, true, false, true, true, true]);
        // An hour of silence later it goes on, and nothing was kept.
        tape.hear(behind, at(3_600_200), &mut heard);
        heard.clear();
        tape.record(&packet(1, 180_010 * 160), &[0x2a; FRAME], true, at(3_600_200));
        tape.hear(behind, at(3_600_300), &mut heard);
        assert!(heard.iter().any(|sample| *sample != 0) && tape.samples().is_empty(), "{}", heard.len());
    }

    #[test]
    fn a_new_stream_lies_where_the_clock_says() {
        let mut tape = Tape::default();
        tape.start(at(0));
        tape.record(&packet(1, 0), &[0x2a; FRAME], true, at(0));
        tape.record(&packet(2, 77_777), &[0x80; FRAME], false, at(100));
        tape.record(&packet(2, 4_000_000), &[0x80; FRAME], false, at(200));
        assert_eq!(loud(&tape), [0, 5, 10]);
    }
}
