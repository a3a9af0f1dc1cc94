//! A mistake with its place: file, line, column, the text that stands there, and the nearest right name.
//!
//! Everything an administrator writes is judged into one list of these, never into the first of them only.
//! Invariant: lines and columns count from 1, as editors do.

pub mod fields;
pub mod tree;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tree::Spot;

/// At most this many faults are reported of one load; the rest are counted.
pub const MAX_FAULTS: usize = 200;

/// Letters compared, over a whole load, to find nearest names; afterwards none are offered. A few hundred mistakes of the usual
/// size need less.
const MAX_EFFORT: usize = 5_000_000;

/// Where in which file. `line` 0 stands for the file as a whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Place {
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// The text of that line, as the administrator wrote it.
    pub excerpt: String,
}

impl Place {
    /// The file as a whole: it is missing, unreadable, misnamed.
    pub fn whole(file: &str) -> Place {
        Place { file: file.to_string(), ..Place::default() }
    }
}

/// One mistake, or one doubtful thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    pub place: Place,
    /// Finishes the sentence "this is wrong: ...".
    pub message: String,
    /// The nearest right name, when one is near enough.
    pub suggestion: Option<String>,
    /// True for what is doubtful but does not stop the start.
    pub warning: bool,
}

/// Written as compilers write: `file:line:column: message`, the line below it, a caret under the column.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column, excerpt } = &self.place;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        let kind = if self.warning { "warning: " } else { "" };
        write!(f, ": {kind}{}", self.message)?;
        if let Some(name) = &self.suggestion {
            write!(f, "; did you mean `{name}`?")?;
        }
        if *line > 0 && !excerpt.is_empty() {
            let indent = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            write!(f, "\n{line:>6} | {excerpt}")?;
            // The excerpt of a very long line is cut; there is nothing to point at then.
            if indent <= excerpt.chars().count() {
                write!(f, "\n       | {:indent$}^", "")?;
            }
        }
        Ok(())
    }
}

/// Mistakes as they are found, at most [`MAX_FAULTS`] kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    /// Found but not kept.
    more: usize,
    warnings: Vec<Fault>,
    /// Why whole files could not be read: told first, as others follow from it.
    unreadable: Vec<Fault>,
    /// The words in what could not be read: of a name among them nobody says that it is unknown.
    unread: BTreeSet<String>,
    /// Letters compared so far.
    effort: usize,
    /// What was asked for, when somebody wants to know.
    asked: Option<Box<Asked>>,
}

/// What reading asks of a document: the schema for editors is made of it, so that it cannot disagree with the reading.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// The fields of each mapping, by the place where it begins.
    pub fields: BTreeMap<Spot, BTreeSet<&'static str>>,
    /// Mappings that had a field too many, and said so.
    pub closed: BTreeSet<Spot>,
    /// What each plain value was to be.
    pub kinds: BTreeMap<Spot, Kind>,
}

/// What a plain value is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Boolean,
    /// One of these.
    Words(Vec<String>),
    /// In words: "a whole number from 1 to 10".
    Described(String),
}

impl Faults {
    pub fn new() -> Faults {
        Faults::default()
    }

    /// Faults that also remember what was asked for.
    pub fn listening() -> Faults {
        Faults { asked: Some(Box::default()), ..Faults::default() }
    }

    /// What was asked for, of [`Faults::listening`].
    pub fn asked(self) -> Asked {
        self.asked.map(|asked| *asked).unwrap_or_default()
    }

    /// Whoever reads says what they expect; the first word counts.
    fn expects(&mut self, spot: Spot, kind: impl FnOnce() -> Kind) {
        if let Some(asked) = &mut self.asked {
            asked.kinds.entry(spot).or_insert_with(kind);
        }
    }

    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        self.push(Fault { place, message: message.into(), suggestion: None, warning: false });
    }

    /// A name that is unknown. Gives the nearest known one, which is in the fault too.
    pub fn add_unknown<'a>(
        &mut self,
        place: Place,
        message: impl Into<String>,
        wrong: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        if self.is_unread(wrong) {
            return None;
        }
        let suggestion = if self.is_full() { None } else { self.nearest(wrong, known) };
        self.push(Fault { place, message: message.into(), suggestion: suggestion.clone(), warning: false });
        suggestion
    }

    /// As [`nearest`], as long as there is effort left.
    fn nearest<'a>(&mut self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let effort = &mut self.effort;
        nearest(
            wrong,
            known.into_iter().take_while(|candidate| {
                *effort += candidate.len() * wrong.len();
                *effort < MAX_EFFORT
            }),
        )
    }

    pub fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.push(Fault { place, message: message.into(), suggestion: None, warning: true });
    }

    pub fn push(&mut self, fault: Fault) {
        let is_full = if fault.warning { self.warnings.len() >= MAX_FAULTS } else { self.is_full() };
        if !is_full {
            if fault.warning { &mut self.warnings } else { &mut self.list }.push(fault);
        } else if !fault.warning {
            self.more += 1;
        }
    }

    /// Reads a whole file. When nothing comes of it, the faults found meanwhile go before all others, and what only the file could
    /// have said is not guessed.
    pub fn reading<T>(&mut self, bytes: &[u8], read: impl FnOnce(&mut Faults) -> Option<T>) -> Option<T> {
        let before = self.list.len();
        let what = read(self);
        if what.is_none() {
            self.unreadable.extend(self.list.drain(before..));
            self.leave_unread(&String::from_utf8_lossy(bytes));
        }
        what
    }

    /// These words stand where they could not be read.
    pub fn leave_unread(&mut self, text: &str) {
        let inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
        self.unread.extend(text.split(|c| !inner(c)).filter(|word| !word.is_empty()).map(str::to_string));
    }

    /// The name may stand in what could not be read.
    pub fn is_unread(&self, name: &str) -> bool {
        self.unread.contains(name)
    }

    /// Such names, all of them.
    pub fn unread(&self) -> &BTreeSet<String> {
        &self.unread
    }

    /// True when further faults are only counted.
    pub fn is_full(&self) -> bool {
        self.unreadable.len() + self.list.len() >= MAX_FAULTS
    }

    /// True when nothing but warnings was found.
    pub fn is_empty(&self) -> bool {
        self.unreadable.is_empty() && self.list.is_empty()
    }

    /// How many faults were found so far, warnings excluded.
    pub fn len(&self) -> usize {
        self.unreadable.len() + self.list.len() + self.more
    }

    /// The warnings when there is no fault; otherwise all faults and warnings. Both in the order of their places, but for files that
    /// could not be read at all: they go first, and nothing is doubtful that they might explain.
    pub fn judge(mut self) -> Result<Vec<Fault>, Vec<Fault>> {
        self.warnings.sort_by(|a, b| a.place.cmp(&b.place));
        if self.is_empty() {
            return Ok(self.warnings);
        }
        if self.unread.is_empty() {
            self.list.extend(self.warnings);
        }
        self.list.sort_by(|a, b| a.place.cmp(&b.place));
        self.unreadable.sort_by(|a, b| a.place.cmp(&b.place));
        self.list.splice(..0, self.unreadable);
        if self.more > 0 {
            let message = format!("and {} more", self.more);
            self.list.push(Fault { place: Place::whole("..."), message, suggestion: None, warning: false });
        }
        Err(self.list)
    }
}

/// The candidate nearest to `wrong`, if it is near enough to be what was meant: at most a third of the letters differ.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = wrong.chars().count();
    let allowed = |candidate: &str| candidate.chars().count().max(length).div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed(candidate))
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(steps, candidate)| *steps <= allowed(candidate))
        .min()
        .map(|(_, candidate)| candidate.to_string())
}

/// Letters inserted, removed, changed or swapped with their neighbour (optimal string alignment), ignoring case.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let letters = |text: &str| -> Vec<char> { text.chars().take(LONGEST).flat_map(char::to_lowercase).collect() };
    let (a, b) = (letters(a), letters(b));
    // The two rows above, and the one being filled.
    let (mut before, mut last, mut row) = (vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]);
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_right_name_is_offered_and_a_stranger_is_not() {
        let verbs = ["answer", "play", "menu", "language", "hangup"];
        assert_eq!(nearest("paly", verbs).as_deref(), Some("play"));
        assert_eq!(nearest("Hang-up", verbs).as_deref(), Some("hangup"));
        assert_eq!(nearest("voicemail", verbs), None);
    }

    #[test]
    fn a_fault_shows_the_line_with_a_caret_under_the_column() {
        let fault = Fault {
            place: Place {
                file: "ivr-flows/main.yaml".into(),
                line: 7,
                column: 5,
                excerpt: "    paly: {prompts: [welcome]}".into(),
            },
            message: "unknown verb `paly`".into(),
            suggestion: Some("play".into()),
            warning: false,
        };
        assert_eq!(
            fault.to_string(),
            "ivr-flows/main.yaml:7:5: unknown verb `paly`; did you mean `play`?\n     \
             7 |     paly: {prompts: [welcome]}\n       |     ^"
        );
    }
}
