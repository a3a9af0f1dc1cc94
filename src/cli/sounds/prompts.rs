//! `sounds/<language>/prompts.yaml`: what each prompt says.
//!
//! ```yaml
//! voice: pl
//! speed: 160
//! prompts:
//!   welcome: Dzień dobry.
//!   ten-seconds: {text: Raz. Dwa., length: 10s}
//! ```

use crate::fault::Faults;
use crate::fault::fields::{NAME_RULE, Reader, is_name, shorten};
use crate::fault::tree::{self, Entry, Source, Value};
use crate::time::Duration;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub const FILE: &str = "prompts.yaml";

/// The longest text of one prompt, in characters.
const MAX_TEXT: usize = 2000;
const DEFAULT_SPEED: u32 = 160;
/// Part of each sum: a change in how prompts are shaped makes all of them due.
const SHAPE: &str = "shape 1";
const TIGHT_SHAPE: &str = "tight 2";

#[derive(Clone, Debug)]
pub struct Prompts {
    pub voice: String,
    /// Words in a minute.
    pub speed: u32,
    pub by_name: BTreeMap<String, Prompt>,
}

#[derive(Clone, Debug)]
pub struct Prompt {
    pub text: String,
    /// Filled up with silence to exactly this.
    pub length: Option<Duration>,
    /// A word that others stand beside: with hardly any silence around it.
    pub tight: bool,
}

impl Prompts {
    pub fn read(file: &str, bytes: &[u8], language: &str, faults: &mut Faults) -> Option<Prompts> {
        let source = Source::new(file, bytes, faults)?;
        let root = tree::read(&source, faults)?;
        let mut reader = Reader { source, faults };
        let mut fields = reader.fields("a file of prompts", root.spot, &root)?;
        let voice = fields.value("voice").and_then(|node| reader.text("`voice`", node)).unwrap_or(language).to_string();
        let speed = fields.value("speed").and_then(|node| reader.number("`speed`", node, 80..=450)).unwrap_or(DEFAULT_SPEED);
        let mut by_name = BTreeMap::new();
        if let Some(node) = fields.required("prompts")
            && let Some(mut entries) = reader.fields("`prompts`", node.spot, node)
        {
            for entry in entries.rest() {
                if let Some(prompt) = prompt(entry, &mut reader) {
                    by_name.insert(entry.key.clone(), prompt);
                }
            }
        }
        fields.finish(&mut reader);
        Some(Prompts { voice, speed, by_name })
    }

    /// Adds the words that a language's grammar is made of. A prompt of the same name goes before a word.
    pub fn add_words<'a>(&mut self, words: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, word) in words {
            let prompt = Prompt { text: word.to_string(), length: None, tight: true };
            self.by_name.entry(name.to_string()).or_insert(prompt);
        }
    }

    /// Changes with everything that changes the sound.
    pub fn sum(&self, prompt: &Prompt) -> String {
        let Prompt { text, length, tight } = prompt;
        let shape = if *tight { TIGHT_SHAPE } else { SHAPE };
        sum(format!("{shape}\n{}\n{}\n{length:?}\n{text}", self.voice, self.speed).as_bytes())
    }
}

/// The first 16 hexadecimal digits of SHA-256: enough to tell texts and sounds apart.
pub fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A text alone, or a text with a length.
fn prompt(entry: &Entry, reader: &mut Reader<'_>) -> Option<Prompt> {
    if !is_name(&entry.key) {
        reader.fault(entry.spot, format!("prompt `{}` is not a name: {NAME_RULE}", shorten(&entry.key)));
    }
    let (text, length) = match &entry.value.value {
        Value::Map(_) => {
            let mut fields = reader.fields(format!("prompt `{}`", entry.key), entry.spot, &entry.value)?;
            let text = fields.required("text").and_then(|node| reader.text("`text`", node));
            let range = Duration::from_millis(100)..=Duration::from_secs(600);
            let length = fields.value("length").and_then(|node| reader.duration("`length`", node, range));
            fields.finish(reader);
            (text?, length)
        }
        _ => (reader.text(&format!("prompt `{}`", entry.key), &entry.value)?, None),
    };
    // One line, whatever the YAML looked like: the engine's pauses come from punctuation.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        reader.fault(entry.value.spot, format!("a prompt's text has 1 to {MAX_TEXT} characters"));
        return None;
    }
    Some(Prompt { text, length, tight: false })
}
