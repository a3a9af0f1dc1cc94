//! Sound as numbers.

mod library;
pub use library::{Clip, Library};
