//! Sound as numbers: the telephone's codecs, WAV files, resampling, tones, and the library of prompts. Pure.
//!
//! ```text
//!   WAV bytes --> wav::read --> resample --> g711 --> Clip --> Library --(Arc)--> every leg
//!                  f32 mono      8 kHz       A-law and mu-law, whole frames
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `g711` | A-law and mu-law, ITU-T G.711 |
//! | `wav` | WAV files in and out |
//! | `resample` | any rate to 8 kHz |
//! | `tone` | call-progress and fallback tones |
//! | `music` | the hold music that is shipped |
//! | `library` | sounds by language and name, encoded once |
//!
//! Invariant: a sound is decoded and encoded when it is loaded; playing copies bytes.

pub mod g711;
mod library;
mod music;
mod resample;
mod tone;
pub mod wav;

pub use library::{ANY_LANGUAGE, Clip, Library};
pub use music::hold_music;
pub use resample::resample;
pub use tone::tone;

/// Samples in a second, everywhere on a telephone line.
pub const RATE: u32 = 8000;
/// Samples, and G.711 bytes, in a packet of 20 ms.
pub const FRAME: usize = 160;
