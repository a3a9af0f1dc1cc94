//! Placeholder.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod files;
pub mod media;
