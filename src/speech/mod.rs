//! Numbers, dates, times, durations, money, digits and positions as lists of recorded fragments.
//!
//! ```text
//!   sounds/pl/speech.yaml --Language::read--> Language: rules, phrases, nouns (plain data, checked)
//!                                                |
//!   Part::read("money", "120.10 PLN") --------> say(part, slot) --> say.sto say.dwadziescia say.zl_otych say.i ...
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `part` | what there is to say, read from texts |
//! | `language` | a language's grammar as data, and how it says a part |
//! | `rules` | numbers in words: rules for ranges of numbers |
//! | `phrase` | phrases with slots, each slot with its gender and case |
//! | `read` | the data file of a language, every mistake placed |
//! | `fragment` | the name of a word's recording |
//!
//! A language is its data file and nothing else: a new one needs no line here. Invariant: what is said is made of fragments that
//! [`Language::fragments`] lists, so that missing recordings are found before the first call.

mod fragment;
mod language;
mod part;
mod phrase;
mod read;
mod rules;

pub use fragment::{PREFIX, fragment_name};
pub use language::{Language, Slot};
pub use part::{KINDS, Part};

use crate::id::Name;

/// The name of a recorded word among a language's sounds.
pub type Fragment = Name;

/// The name of a language's data file in its folder of sounds.
pub const FILE: &str = "speech.yaml";

/// Fragments of one part at most.
pub const MAX_FRAGMENTS: usize = 100;
