//! A checked flow: plain data, every reference resolved; and what flows are checked against.
//!
//! ```yaml
//! description: Main number
//! language: pl
//! start: greet
//! nodes:
//!   greet:
//!     play: {prompts: [welcome], next: bye}
//!   bye:
//!     hangup: {}
//! ```
//!
//! Invariant: of a [`Flow`] that was read from YAML every link leads to a node of it, or back to the flow that called it.

use super::draft::Draft;
use super::nodes::Verb;
use super::{check, knowledge};
use crate::expression::{Declared, Type};
use crate::fault::tree::Source;
use crate::fault::{Fault, Faults};
use crate::id::Name;
use crate::speech::Language;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The folder of sounds that are the same in every language: music, tones.
pub const ANY_LANGUAGE: &str = "any";
/// What a link says that leads back to the flow that called this one.
pub const RETURN: &str = "return";

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    pub name: Name,
    pub description: String,
    /// The language it begins in, whoever calls. `None`: the caller's.
    pub language: Option<Name>,
    pub start: Name,
    pub nodes: BTreeMap<Name, Node>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Node {
    pub verb: Verb,
    /// Where it goes on when the caller hangs up in it.
    pub on_hangup: Option<Name>,
    /// Every way out, in the order of the file: the outcome and the node.
    pub links: Vec<(Name, Name)>,
    /// The flow that it calls.
    pub calls: Option<Name>,
    /// The queues that its expressions look at.
    pub queues: Vec<Name>,
}

/// What a flow is checked against: what there is to play and to speak, and whom it may lead a caller to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct World {
    /// The languages of the exchange: a flow without one may begin in any of them.
    pub languages: Vec<Name>,
    /// The recorded prompts of each language, and of [`ANY_LANGUAGE`].
    pub sounds: BTreeMap<Name, BTreeSet<Name>>,
    /// How each language says numbers, dates and money.
    pub speech: BTreeMap<Name, Arc<Language>>,
    pub queues: BTreeSet<Name>,
    pub extensions: BTreeSet<Name>,
    pub calendars: BTreeSet<Name>,
    pub mailboxes: BTreeSet<Name>,
    /// The flows that may be called, good or bad.
    pub flows: BTreeSet<Name>,
    /// The skills that may be asked for. Where there are none, none is checked.
    pub skills: BTreeSet<Name>,
    /// The hosts that may be asked over HTTP; `None`: any.
    pub hosts: Option<BTreeSet<Name>>,
}

impl World {
    /// True when callers of this language hear this sound.
    pub fn has(&self, language: &str, sound: &str) -> bool {
        [language, ANY_LANGUAGE].iter().any(|folder| self.sounds.get(*folder).is_some_and(|sounds| sounds.contains(sound)))
    }

    pub(super) fn knows(&self, language: &str) -> bool {
        self.languages.iter().any(|known| &**known == language)
    }

    pub(super) fn skill_names(&self) -> Declared {
        if self.skills.is_empty() {
            return Declared::new([("*", Type::Number)]);
        }
        Declared::new(self.skills.iter().map(|skill| (&**skill, Type::Number)))
    }
}

impl Flow {
    /// One flow on its own, with all faults: what tests and tools need. `file` is named as its faults shall say it; the flow's
    /// name is the last part of it without `.yaml`.
    pub fn parse(file: &str, bytes: &[u8], world: &World) -> Result<Flow, Vec<Fault>> {
        let mut faults = Faults::new();
        let files = BTreeMap::from([(file.to_string(), bytes.to_vec())]);
        let flow = Flow::read_all(&files, world, &mut faults).into_values().next();
        faults.judge()?;
        flow.map(Arc::unwrap_or_clone).ok_or_else(Vec::new)
    }

    /// All flows by their names, but for those that have faults; which are added to `faults`.
    pub fn read_all(files: &BTreeMap<String, Vec<u8>>, world: &World, faults: &mut Faults) -> BTreeMap<Name, Arc<Flow>> {
        let names = knowledge::names(world);
        let mut drafts = Vec::new();
        for (file, bytes) in files {
            let before = faults.len();
            let Some(source) = Source::new(file, bytes, faults) else { continue };
            let Some(mut draft) = Draft::read(source, world, &names, faults) else { continue };
            draft.is_good = faults.len() == before;
            drafts.push(draft);
        }
        check::check(&mut drafts, world, faults);
        let good = drafts.into_iter().filter(|draft| draft.is_good).filter_map(Draft::finish);
        good.map(|flow| (flow.name.clone(), Arc::new(flow))).collect()
    }

    /// The flows that it calls, as often as it does.
    pub fn calls(&self) -> impl Iterator<Item = &Name> {
        self.nodes.values().filter_map(|node| node.calls.as_ref())
    }
}

/// The name that a flow has by its file: the last part of it without `.yaml`.
pub fn stem(file: &str) -> Name {
    let last = file.rsplit('/').next().unwrap_or(file);
    Name::from(last.strip_suffix(".yaml").unwrap_or(last))
}
