//! The media plane.

mod words;
pub use words::*;
