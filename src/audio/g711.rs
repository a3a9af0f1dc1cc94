//! A-law and mu-law (ITU-T G.711), as the reference algorithms of ITU-T G.191 compute them on 16-bit samples.
//!
//! Both are logarithmic: a sign, three bits of segment, four bits of step within it. Invariant: encoding what was decoded gives
//! the same byte back (mu-law's two zeroes apart).

/// The byte of silence: the smallest positive step in A-law, positive zero in mu-law.
pub const ALAW_SILENCE: u8 = 0xd5;
pub const ULAW_SILENCE: u8 = 0xff;

/// A-law inverts the even bits on the line (G.711 table 1a, note 2).
const ALAW_TOGGLE: u8 = 0x55;
/// Mu-law adds this before taking the logarithm, in units of the 14-bit sample.
const ULAW_BIAS: u16 = 33;
const ULAW_LARGEST: u16 = 0x1fff;

static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = decode_alaw(byte as u8);
        byte += 1;
    }
    table
};
static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = decode_ulaw(byte as u8);
        byte += 1;
    }
    table
};

/// What a byte of one law is in the other: the nearest step, through the sample that it stands for.
pub static ALAW_TO_ULAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = linear_to_ulaw(decode_alaw(byte as u8));
        byte += 1;
    }
    table
};
pub static ULAW_TO_ALAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = linear_to_alaw(decode_ulaw(byte as u8));
        byte += 1;
    }
    table
};

/// A-law sees the upper 12 bits of a sample, mu-law the upper 14: a byte for each.
static TO_ALAW: [u8; 1 << 12] = {
    let mut table = [0; 1 << 12];
    let mut step = 0;
    while step < table.len() {
        table[step] = linear_to_alaw(((step as u16) << 4) as i16);
        step += 1;
    }
    table
};
static TO_ULAW: [u8; 1 << 14] = {
    let mut table = [0; 1 << 14];
    let mut step = 0;
    while step < table.len() {
        table[step] = linear_to_ulaw(((step as u16) << 2) as i16);
        step += 1;
    }
    table
};

/// As [`linear_to_alaw`], by a table: for what is mixed, 50 times a second and party, and for all prompts at the start.
pub fn quick_alaw(sample: i16) -> u8 {
    TO_ALAW[usize::from(sample as u16 >> 4)]
}

/// As [`linear_to_ulaw`], by a table.
pub fn quick_ulaw(sample: i16) -> u8 {
    TO_ULAW[usize::from(sample as u16 >> 2)]
}

pub fn alaw_to_linear(byte: u8) -> i16 {
    ALAW[usize::from(byte)]
}

pub fn ulaw_to_linear(byte: u8) -> i16 {
    ULAW[usize::from(byte)]
}

pub const fn linear_to_alaw(sample: i16) -> u8 {
    let (sign, magnitude) = split(sample);
    // The 12 bits of magnitude that A-law sees: segment 0 and 1 are linear, each further one is twice as coarse.
    let steps = magnitude >> 4;
    let segment = 12u32.saturating_sub(steps.leading_zeros());
    let step = if segment == 0 { steps } else { (steps >> (segment - 1)) & 0x0f };
    let code = (segment << 4) as u8 | step as u8;
    (code | sign) ^ ALAW_TOGGLE
}

pub const fn linear_to_ulaw(sample: i16) -> u8 {
    let (sign, magnitude) = split(sample);
    let biased = (magnitude >> 2) + ULAW_BIAS;
    let biased = if biased > ULAW_LARGEST { ULAW_LARGEST } else { biased };
    let segment = 10 - biased.leading_zeros();
    let step = (biased >> (segment + 1)) & 0x0f;
    !((segment << 4) as u8 | step as u8 | (sign ^ 0x80))
}

/// The sign bit (set for positive, as A-law has it) and the magnitude. Negative samples are complemented, so that the scale is
/// symmetrical around -1/2 (G.191).
const fn split(sample: i16) -> (u8, u16) {
    if sample < 0 { (0x00, !sample as u16) } else { (0x80, sample as u16) }
}

const fn decode_alaw(byte: u8) -> i16 {
    let code = byte ^ ALAW_TOGGLE;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0f) as i16);
    // The middle of the step.
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn decode_ulaw(byte: u8) -> i16 {
    let code = !byte;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0f) as i16);
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The continuous curve of G.711 (A = 87.6, mu = 255), from which the codecs' straight segments never stray far.
    fn on_the_curve(sample: i16, compress: impl Fn(f64) -> f64) -> f64 {
        let x = f64::from(sample) / 32768.0;
        x.signum() * compress(x.abs()) * 128.0
    }

    #[test]
    fn the_tables_say_what_the_algorithms_say() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!((quick_alaw(sample), quick_ulaw(sample)), (linear_to_alaw(sample), linear_to_ulaw(sample)), "{sample}");
        }
    }

    #[test]
    fn every_byte_comes_back_from_its_sample() {
        for byte in 0..=255u8 {
            assert_eq!(linear_to_alaw(alaw_to_linear(byte)), byte, "A-law {byte:#04x}");
            let ulaw = linear_to_ulaw(ulaw_to_linear(byte));
            assert!(ulaw == byte || (byte == 0x7f && ulaw == 0xff), "mu-law {byte:#04x} came back as {ulaw:#04x}");
        }
    }

    /// Each byte stands for the middle of its cell, so half a cell is the most that a sample may move.
    #[test]
    fn every_sample_goes_to_the_step_whose_cell_it_lies_in() {
        // Beyond this, mu-law overloads.
        const ULAW_LARGEST_SAMPLE: i32 = 32_635;
        for sample in i16::MIN..=i16::MAX {
            let wide = i32::from(sample);
            let alaw = linear_to_alaw(sample);
            let segment = u32::from((alaw ^ ALAW_TOGGLE) >> 4 & 7).max(1);
            let off = (i32::from(alaw_to_linear(alaw)) - wide).abs();
            assert!(off <= 8 << (segment - 1), "A-law {sample}: off by {off} in segment {segment}");
            let ulaw = linear_to_ulaw(sample);
            let segment = u32::from(!ulaw >> 4 & 7);
            let off = (i32::from(ulaw_to_linear(ulaw)) - wide).abs();
            // The two bits below mu-law's 14 are cut off first, which moves a sample by three at most.
            let overload = (wide.abs() - ULAW_LARGEST_SAMPLE).max(0);
            assert!(off <= (4 << segment) + 3 + overload, "mu-law {sample}: off by {off} in segment {segment}");
        }
    }

    #[test]
    fn the_steps_follow_the_curves_of_the_recommendation() {
        let a = |x: f64| {
            let scale = 1.0 + 87.6f64.ln();
            if x < 1.0 / 87.6 { 87.6 * x / scale } else { (1.0 + (87.6 * x).ln()) / scale }
        };
        let mu = |x: f64| (1.0 + 255.0 * x).ln() / 256f64.ln();
        for sample in (i16::MIN + 1..=i16::MAX).step_by(7) {
            let sign = |byte: u8| if byte & 0x80 != 0 { 1.0 } else { -1.0 };
            let alaw = linear_to_alaw(sample);
            let position = sign(alaw) * f64::from((alaw ^ ALAW_TOGGLE) & 0x7f);
            assert!((position - on_the_curve(sample, a)).abs() < 2.5, "A-law {sample}: {position}");
            let ulaw = linear_to_ulaw(sample);
            let position = sign(ulaw) * f64::from(!ulaw & 0x7f);
            assert!((position - on_the_curve(sample, mu)).abs() < 2.5, "mu-law {sample}: {position}");
        }
    }

    #[test]
    fn from_one_law_to_the_other_a_sample_moves_by_the_coarser_step_at_most() {
        for byte in 0..=255u8 {
            let sample = alaw_to_linear(byte);
            let there = ALAW_TO_ULAW[usize::from(byte)];
            assert_eq!(there, linear_to_ulaw(sample));
            let off = (i32::from(ulaw_to_linear(there)) - i32::from(sample)).abs();
            assert!(off <= i32::from(sample.unsigned_abs()) / 32 + 8, "A-law {byte:#04x}: off by {off}");
            let sample = ulaw_to_linear(byte);
            let there = ULAW_TO_ALAW[usize::from(byte)];
            let off = (i32::from(alaw_to_linear(there)) - i32::from(sample)).abs();
            assert!(off <= i32::from(sample.unsigned_abs()) / 32 + 16, "mu-law {byte:#04x}: off by {off}");
        }
        // A-law knows no zero: its silence is the step beside it.
        assert_eq!((ALAW_TO_ULAW[usize::from(ALAW_SILENCE)], ULAW_TO_ALAW[usize::from(ULAW_SILENCE)]), (0xfe, ALAW_SILENCE));
    }

    #[test]
    fn known_bytes_of_the_recommendation() {
        // G.711 tables 5 and 6: the digital milliwatt, 1 kHz at 0 dBm0.
        let alaw = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4].map(alaw_to_linear);
        let ulaw = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e].map(ulaw_to_linear);
        for samples in [alaw, ulaw] {
            let [low, high, ..] = samples;
            assert_eq!(samples, [low, high, high, low, -low, -high, -high, -low]);
            assert!(low < 0 && (f64::from(high) / f64::from(low) - 2.414).abs() < 0.1, "a sine at 22.5 degrees: {samples:?}");
        }
        assert_eq!((linear_to_alaw(0), linear_to_ulaw(0)), (ALAW_SILENCE, ULAW_SILENCE));
        assert_eq!((linear_to_alaw(i16::MAX), linear_to_ulaw(i16::MAX)), (0xaa, 0x80));
        assert_eq!((linear_to_alaw(i16::MIN), linear_to_ulaw(i16::MIN)), (0x2a, 0x00));
    }
}
