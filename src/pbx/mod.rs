//! The exchange: owns every call; the only place rooms meet.

mod words;

pub use words::*;
