//! What agents know, and what callers need: `english >= 4 and (mac >= 2 or linux >= 2)`.
//!
//! Levels go from 1 to [`super::MAX_LEVEL`]; who lacks a skill fails every comparison with it. Invariant: two needs that say the
//! same in the same words are one, so that their items wait in one requirement set.

use crate::expression::{Mistake, Names, Requirement};
use crate::id::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Skill -> level.
pub type Skills = BTreeMap<Name, u8>;

/// What is demanded of an agent; by default nothing. Cheap to copy.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Need {
    // By name, so that "nothing is needed" and "nothing is said of it" are written down differently.
    demanded: Option<Arc<Demanded>>,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Demanded {
    /// As it would be written, the same for every way to write it.
    text: Name,
    rule: Requirement,
    skills: Vec<Name>,
}

impl Need {
    /// `names` knows the skills that there are.
    pub fn compile(text: &str, names: &dyn Names) -> Result<Need, Vec<Mistake>> {
        Requirement::compile(text, names).map(Need::from)
    }

    pub fn is_met_by(&self, skills: &Skills) -> bool {
        self.demanded.as_ref().is_none_or(|need| need.rule.met_by(&|skill| skills.get(skill).copied()))
    }

    pub fn is_nothing(&self) -> bool {
        self.demanded.is_none()
    }

    /// The empty text when nothing is needed.
    pub fn text(&self) -> Name {
        self.demanded.as_ref().map_or_else(|| Name::from(""), |need| need.text.clone())
    }

    /// The skills it names, each once.
    pub fn skills(&self) -> &[Name] {
        self.demanded.as_ref().map_or(&[], |need| &need.skills)
    }
}

impl From<Requirement> for Need {
    fn from(rule: Requirement) -> Need {
        let mut skills: Vec<Name> = rule.skills().into_iter().map(|skill| skill.name.clone()).collect();
        skills.sort_unstable();
        skills.dedup();
        Need { demanded: Some(Arc::new(Demanded { text: rule.to_string().into(), rule, skills })) }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
