//! Placeholder.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod check;
pub mod sounds;
