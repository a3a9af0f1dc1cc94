//! The sound card, for `centrala phone --soundcard`: with the feature `soundcard` (cpal); without it, one sentence.
//!
//! ```text
//!   microphone --callback--> Down (to 8 kHz) --> Ring --said--> phone::Talk --> RTP
//!   speaker   <--callback--  Up (from 8 kHz) <-- Ring <--hears-- phone::Talk <-- RTP
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `ring` | samples between the card's clock and the phone's: bounded both ways |
//! | `rate` | the card's rate and 8 kHz |
//! | `card` | the devices and their callbacks (with the feature) |
//! | `absent` | the same words without the feature |
//!
//! Invariant: neither clock waits for the other: what is too much is dropped, what is missing is silence.

#[cfg(not(feature = "soundcard"))]
mod absent;
#[cfg(feature = "soundcard")]
mod card;
#[cfg_attr(not(feature = "soundcard"), cfg(test))]
mod rate;
#[cfg_attr(not(feature = "soundcard"), cfg(test))]
mod ring;

#[cfg(not(feature = "soundcard"))]
pub use absent::Card;
#[cfg(feature = "soundcard")]
pub use card::Card;
