//! Phrases with slots; each slot names how its number is said: its kind, its gender, its case.
//!
//! | written | is |
//! |---|---|
//! | `roku` | a word |
//! | `{day ordinal m genitive}` | the number of that name, said in that gender and case |
//! | `{hours count godzina $}` | the number and the noun, agreeing; `$` is the case that was asked for |
//! | `{month of months genitive}` | a word of a list |
//! | `[{minutes ...} ...]` | only when every number inside is there and not zero |
//!
//! Invariant: a phrase holds no other phrase, so that saying it ends.

use super::Fragment;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Piece {
    Word(Fragment),
    Slot(Filled),
    Optional(Vec<Piece>),
}

/// How a slot is filled with the number `name`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Filled {
    pub(super) name: String,
    pub(super) how: How,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    /// A kind of number ("cardinal", "ordinal", "year") in a gender and a case.
    Number {
        kind: String,
        gender: Option<String>,
        case: Option<Case>,
    },
    Count {
        noun: String,
        case: Option<Case>,
    },
    Listed {
        list: String,
        case: Option<Case>,
    },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Case {
    /// The one that was asked for.
    Asked,
    Named(String),
}

impl Case {
    pub(super) fn resolve<'a>(case: Option<&'a Case>, asked: Option<&'a str>) -> Option<&'a str> {
        match case {
            None => None,
            Some(Case::Asked) => asked,
            Some(Case::Named(name)) => Some(name),
        }
    }
}

/// A noun in one case.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Noun {
    pub(super) noun: String,
    pub(super) case: Option<String>,
}
