//! The media plane.

mod words;
pub use crate::audio::Library;
pub use words::*;
