//! The administrator's files, at the start and at a reload: configuration, flows, sounds, secrets.
//!
//! Invariant: either everything is as it should be, or the whole list of what is not is returned and nothing has changed.

use super::Options;
use crate::audio::Library;
use crate::config::{self, Config, Overrides, SecretRef, Sources};
use crate::fault::{Fault, Place};
use crate::id::Rng;
use crate::shell::{files, secrets};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// What an exchange runs on.
pub struct Loaded {
    pub config: Config,
    pub library: Arc<Library>,
    /// Users whose secret lies in a file of the data folder, and the file's name.
    pub secret_files: Vec<String>,
}

/// Why there is nothing to run on.
pub enum Unloadable {
    /// One sentence.
    Sentence(String),
    /// One sentence; it may be otherwise at the next try.
    Passing(String),
    /// Each with its place; warnings among them.
    Faults(Vec<Fault>),
}

/// Reads and checks everything. `sip` goes before what the options say: at a reload it is the address that is bound.
pub fn load(options: &Options, sip: Option<SocketAddr>) -> Result<Loaded, Unloadable> {
    let sources = files::gather(&options.config).map_err(Unloadable::Sentence)?;
    let secret_files = missing_secrets(&sources, &options.data).map_err(Unloadable::Passing)?;
    let overrides = Overrides { sip, trunk_uas: options.trunk_uas };
    let config = config::load(&sources, &overrides, &files::Outside { data: &options.data });
    let (library, unreadable) = library(&sources);
    match (config, &unreadable[..]) {
        (Ok(config), []) => Ok(Loaded { config, library: Arc::new(library), secret_files }),
        (Ok(_), [one]) => Err(Unloadable::Sentence(one.to_string())),
        (Ok(config), _) => Err(Unloadable::Faults(config.warnings.into_iter().chain(unreadable).collect())),
        (Err(faults), _) => Err(Unloadable::Faults(faults.into_iter().chain(unreadable).collect())),
    }
}

/// Makes the secrets that the files refer to and nobody has written, and names all that lie in the data folder.
fn missing_secrets(sources: &Sources, data: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rng = None;
    for reference in config::secret_references(sources) {
        // An absolute path is somebody else's to fill.
        let SecretRef::File(name) = reference else { continue };
        if name.starts_with('/') {
            continue;
        }
        let path = files::secret_path(data, &name);
        if !path.exists() {
            let rng = match &mut rng {
                Some(rng) => rng,
                None => rng.insert(chance()?),
            };
            secrets::generate(&path, rng).map_err(|fault| format!("could not write the secret {}: {fault}", path.display()))?;
        }
        names.push(name);
    }
    Ok(names)
}

/// Fresh chance from the operating system.
pub fn chance() -> Result<Rng, String> {
    let bits = crate::shell::sys::clock::entropy();
    bits.map(Rng::from_entropy).map_err(|fault| format!("the operating system has no randomness: {fault}"))
}

/// Every sound, encoded; and those that cannot be.
fn library(sources: &Sources) -> (Library, Vec<Fault>) {
    let mut library = Library::new();
    let mut unreadable = Vec::new();
    for (language, name, path) in files::sound_files(sources) {
        let read = files::read_sound(&path);
        if let Err(why) = read.and_then(|bytes| library.insert(language.clone(), name.clone(), &bytes)) {
            unreadable.push(Fault {
                place: Place { file: path.display().to_string(), ..Place::default() },
                message: format!("could not read the sound: {why}"),
                suggestion: None,
                warning: false,
            });
        }
    }
    (library, unreadable)
}
