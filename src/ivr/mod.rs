//! The IVR.

mod words;
pub use words::*;

use crate::id::Name;
use crate::time::{Moment, Now};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A checked flow: plain data, every reference resolved.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    pub name: Name,
}

/// One caller's walk through a flow.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Session {
    flow: Arc<Flow>,
    language: Name,
    visits: Vec<Visit>,
}

impl Session {
    /// `language` is the caller's, used where the flow does not say.
    pub fn new(flow: Arc<Flow>, language: Name) -> Session {
        Session { flow, language, visits: Vec::new() }
    }

    pub fn handle(&mut self, _event: Event, _now: Now, _out: &mut Vec<Command>) {}

    pub fn poll_timeout(&self) -> Option<Moment> {
        None
    }

    pub fn handle_timeout(&mut self, _now: Now, _out: &mut Vec<Command>) {}

    /// Where the caller has been, oldest first; the last one is where they are.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    pub fn language(&self) -> &Name {
        &self.language
    }
}
