//! What a world is like, beside its seed and its cast: the weather, and how often things fail.
//!
//! Invariant: circumstances are given before the world begins and never change in it.

use super::network::{Cut, Weather};
use crate::config::Config;
use crate::pbx::Pbx;
use crate::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Writes the exchange down as plain data and reads it back, or says what cannot be. Which form it is written in is the test's.
pub type Copyist = fn(&Pbx) -> Result<Pbx, String>;

#[derive(Clone, Debug)]
pub struct Circumstances {
    pub config: Arc<Config>,
    /// How long each sound is, by language and name.
    pub sounds: BTreeMap<(String, String), Duration>,
    pub inbound: Weather,
    pub outbound: Weather,
    pub cuts: Vec<Cut>,
    /// When the operator stops the exchange: every call ends and none is taken any more.
    pub stops: Option<Duration>,
    /// When the civil clock is set, and by how many seconds.
    pub clock_set: Option<(Duration, i64)>,
    /// Per thousand: ports that cannot be bound, writes that the disk refuses, questions that fail, questions never answered.
    pub open_failures: u32,
    pub disk_failures: u32,
    pub answers_failed: u32,
    pub answers_never: u32,
    /// Since the beginning: what is written after the first is not kept before the second.
    pub disk_stalls: Option<(Duration, Duration)>,
    /// Writes the whole exchange down and reads it back every so many steps.
    pub rewrite_every: Option<(u64, Copyist)>,
    /// Gives the exchange fresh chance every so many steps, rewritten or not (chance is never written down).
    pub reseed_every: Option<u64>,
    /// Keep the words of what happens, this many lines.
    pub transcript: Option<usize>,
}

impl Circumstances {
    /// Fair weather, and a world in which all works.
    pub fn calm(config: Arc<Config>, sounds: BTreeMap<(String, String), Duration>) -> Circumstances {
        Circumstances {
            config,
            sounds,
            inbound: Weather::CALM,
            outbound: Weather::CALM,
            cuts: Vec::new(),
            stops: None,
            clock_set: None,
            open_failures: 0,
            disk_failures: 0,
            answers_failed: 0,
            answers_never: 0,
            disk_stalls: None,
            rewrite_every: None,
            reseed_every: None,
            transcript: None,
        }
    }

    /// Five datagrams in a hundred are lost each way, and what can fail does now and then.
    pub fn rough(config: Arc<Config>, sounds: BTreeMap<(String, String), Duration>) -> Circumstances {
        Circumstances {
            inbound: Weather::ROUGH,
            outbound: Weather::ROUGH,
            open_failures: 30,
            disk_failures: 10,
            answers_failed: 250,
            answers_never: 150,
            ..Circumstances::calm(config, sounds)
        }
    }
}
