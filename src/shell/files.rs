//! The administrator's folders, read into [`Sources`]: configuration, flows, the names of sounds, secrets.
//!
//! Invariant: nothing is read beyond its named limit, and only regular files are opened (a pipe would wait for ever).

use crate::config::{self, Elsewhere, Folders, MAX_FILES, MAX_ICAL, SecretRef, Sources};
use crate::fault::fields::{NAME_RULE, is_name};
use crate::fault::tree::MAX_BYTES;
use crate::fault::{Fault, Place};
use crate::id::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest sound, in bytes: an hour at 8 kHz.
pub const MAX_SOUND: u64 = 64 * 1024 * 1024;
/// The longest secret, in bytes.
const MAX_SECRET: u64 = 4096;
/// Sounds in one language.
const MAX_SOUNDS: usize = 20_000;

/// Everything that the administrator wrote. Only a configuration folder that cannot be read at all is an error, one sentence; what
/// else is unreadable is among the faults that [`config::load`] reports.
pub fn gather(config: &Path) -> Result<Sources, String> {
    let mut sources = Sources::default();
    let shown = config.display().to_string();
    let entries =
        list(config).map_err(|error| format!("could not read the configuration folder `{shown}`: {}", reason(&error)))?;
    sources.icals = read_icals(&entries, &shown, &mut sources.unreadable);
    let below: Vec<_> = entries.iter().filter(|(_, path)| path.is_dir()).cloned().collect();
    sources.files = read_yaml(entries, &shown, &mut sources.unreadable);
    if sources.files.is_empty() && sources.unreadable.iter().all(|fault| fault.warning) {
        return Err(format!("there is no configuration in `{shown}`: no file ends in `.yaml`"));
    }
    sources.folders = config::folders(&sources.files).resolve(&shown);
    let folders = sources.folders.clone();
    passed_over(below, &shown, &folders, &mut sources.unreadable);
    let mut flows = named(&mut sources, "flows", &folders.flows);
    let tests = flows.extract_if(.., |(name, _)| name.ends_with(".test.yaml")).collect();
    sources.flows = read_yaml(flows, &folders.flows, &mut sources.unreadable);
    sources.flow_tests = read_yaml(tests, &folders.flows, &mut sources.unreadable);
    let languages = named(&mut sources, "sounds", &folders.sounds);
    sources.speech = read_speech(&languages, &folders.sounds, &mut sources.unreadable);
    sources.sounds = list_sounds(languages, &folders.sounds, &mut sources.unreadable);
    Ok(sources)
}

/// What is in a folder that the configuration names. That it cannot be read is said where it is named, if it is.
fn named(sources: &mut Sources, name: &'static str, folder: &str) -> Vec<(String, PathBuf)> {
    list(Path::new(folder)).unwrap_or_else(|error| {
        let why = reason(&error);
        sources.unreadable.push(match config::folder_place(&sources.files, name) {
            Some(place) => Fault { place, ..fault(folder, format!("could not read the {name} in `{folder}`: {why}")) },
            None => fault(folder, format!("could not read the {name}: {why}")),
        });
        Vec::new()
    })
}

/// What lies outside the configuration's files: secrets, in the data folder and elsewhere, and certificates.
pub struct Outside<'a> {
    pub data: &'a Path,
}

impl Elsewhere for Outside<'_> {
    fn secret(&self, reference: &SecretRef) -> Result<String, String> {
        secret(self.data, reference)
    }

    fn authorities(&self, path: &str) -> Result<(), String> {
        read_at_most(Path::new(path), 1).map(drop).map_err(|error| reason(&error))
    }
}

/// Every sound's language, name and file.
pub fn sound_files(sources: &Sources) -> impl Iterator<Item = (&Name, &Name, PathBuf)> {
    let names = sources.sounds.iter().flat_map(|(language, names)| names.iter().map(move |name| (language, name)));
    names.map(|(language, name)| (language, name, sound_file(&sources.folders, language, name)))
}

pub fn sound_file(folders: &Folders, language: &str, name: &str) -> PathBuf {
    Path::new(&folders.sounds).join(language).join(format!("{name}.wav"))
}

/// The bytes of a sound, or why not.
pub fn read_sound(path: &Path) -> Result<Vec<u8>, String> {
    read(path, MAX_SOUND).map_err(|error| reason(&error))
}

/// Writes a file whole or not at all: beside it first, then renamed. The error is a sentence.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| format!("could not write {}: {}", path.display(), reason(&error)))
}

/// Where a secret that is kept in a file is.
pub fn secret_path(data: &Path, file: &str) -> PathBuf {
    // An absolute `file` stands for itself: `join` replaces all before it.
    data.join("secrets").join(file)
}

/// A secret that is kept elsewhere, without the line end after it; the error finishes "could not read it: ...".
pub fn secret(data: &Path, reference: &SecretRef) -> Result<String, String> {
    let secret = match reference {
        SecretRef::File(file) => {
            let path = secret_path(data, file);
            let bytes = read(&path, MAX_SECRET).map_err(|error| format!("{}: {}", path.display(), reason(&error)))?;
            String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?
        }
        SecretRef::Env(name) => std::env::var(name).map_err(|_| format!("the environment has no {name} (in UTF-8)"))?,
    };
    let secret = secret.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err("it is empty".into()) } else { Ok(secret.to_string()) }
}

/// Names and paths of what is in a folder, in order, hidden files left out.
fn list(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with('.') {
            entries.push((name, path));
        }
    }
    entries.sort();
    Ok(entries)
}

/// The `*.yaml` of a folder by the paths that faults will show.
fn read_yaml(entries: Vec<(String, PathBuf)>, folder: &str, unreadable: &mut Vec<Fault>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (name, path) in entries {
        let shown = format!("{}/{name}", folder.trim_end_matches('/'));
        let small = name.to_ascii_lowercase();
        if small.ends_with(".yml") || (small.ends_with(".yaml") && !name.ends_with(".yaml")) {
            unreadable.push(fault(&shown, "the file is not read: its name must end in `.yaml`".into()));
        }
        if !name.ends_with(".yaml") {
            continue;
        }
        if files.len() == MAX_FILES {
            unreadable.push(fault(folder, format!("more than {MAX_FILES} files; `{name}` and those after it are not read")));
            break;
        }
        // One byte more than is allowed, so that `Source::new` sees that it is too long and says so.
        match read_at_most(&path, MAX_BYTES as u64 + 1) {
            Ok(bytes) => {
                files.insert(shown, bytes);
            }
            Err(error) => unreadable.push(fault(&shown, format!("could not read the file: {}", reason(&error)))),
        }
    }
    files
}

/// Folders among the files whose own files somebody may take for read; flows and sounds may stand there.
fn passed_over(below: Vec<(String, PathBuf)>, shown: &str, folders: &Folders, unreadable: &mut Vec<Fault>) {
    let known = [&folders.flows, &folders.sounds].map(|folder| fs::canonicalize(folder).ok());
    for (name, path) in below {
        if known.contains(&fs::canonicalize(&path).ok()) {
            continue;
        }
        let Ok(inside) = list(&path) else { continue };
        if let Some((file, _)) = inside.iter().find(|(file, _)| file.to_ascii_lowercase().ends_with(".yaml")) {
            let message = format!("the folder is not read: `{file}` must stand beside the other files");
            let place = format!("{}/{name}", shown.trim_end_matches('/'));
            unreadable.push(Fault { warning: true, ..fault(&place, message) });
        }
    }
}

/// The `speech.yaml` of each language that has one.
fn read_speech(entries: &[(String, PathBuf)], folder: &str, unreadable: &mut Vec<Fault>) -> BTreeMap<Name, (String, Vec<u8>)> {
    let mut files = BTreeMap::new();
    for (language, path) in entries.iter().filter(|(name, path)| is_name(name) && path.join(config::SPEECH_FILE).is_file()) {
        let shown = format!("{}/{language}/{}", folder.trim_end_matches('/'), config::SPEECH_FILE);
        match read(&path.join(config::SPEECH_FILE), MAX_BYTES as u64) {
            Ok(bytes) => {
                files.insert(Name::from(language.as_str()), (shown, bytes));
            }
            Err(error) => unreadable.push(fault(&shown, format!("could not read the file: {}", reason(&error)))),
        }
    }
    files
}

/// The `*.ics` of a folder by their names.
fn read_icals(entries: &[(String, PathBuf)], folder: &str, unreadable: &mut Vec<Fault>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (name, path) in entries.iter().filter(|(name, _)| name.ends_with(".ics")).take(MAX_FILES) {
        match read(path, MAX_ICAL as u64) {
            Ok(bytes) => {
                files.insert(name.clone(), bytes);
            }
            Err(error) => {
                unreadable.push(fault(&format!("{folder}/{name}"), format!("could not read the file: {}", reason(&error))))
            }
        }
    }
    files
}

fn list_sounds(entries: Vec<(String, PathBuf)>, folder: &str, unreadable: &mut Vec<Fault>) -> BTreeMap<Name, BTreeSet<Name>> {
    let mut sounds = BTreeMap::new();
    for (language, path) in entries.into_iter().filter(|(_, path)| path.is_dir()) {
        let shown = format!("{}/{language}", folder.trim_end_matches('/'));
        if !is_name(&language) {
            unreadable.push(fault(&shown, format!("a folder of sounds is named after its language: {NAME_RULE}")));
            continue;
        }
        let entries = match list(&path) {
            Ok(entries) => entries,
            Err(error) => {
                unreadable.push(fault(&shown, format!("could not read the sounds: {}", reason(&error))));
                continue;
            }
        };
        let mut names = BTreeSet::new();
        for (file, _) in entries {
            let Some(name) = file.strip_suffix(".wav") else { continue };
            if !is_name(name) {
                unreadable.push(fault(&format!("{shown}/{file}"), format!("a sound's name has {NAME_RULE}")));
            } else if names.len() == MAX_SOUNDS {
                unreadable.push(fault(&shown, format!("more than {MAX_SOUNDS} sounds")));
                break;
            } else {
                names.insert(Name::from(name));
            }
        }
        sounds.insert(Name::from(language), names);
    }
    sounds
}

/// The whole file, which is an error when it is longer.
fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let bytes = read_at_most(path, limit + 1)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {limit} bytes")));
    }
    Ok(bytes)
}

fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An error as a person says it, without the number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::NotADirectory => "it is not a folder".into(),
        _ => error.to_string(),
    }
}

fn fault(file: &str, message: String) -> Fault {
    Fault { place: Place::whole(file), message, suggestion: None, warning: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_file_of_ours_and_is_not_read_is_named() {
        let folder = std::env::temp_dir().join(format!("centrala-files-{}", std::process::id()));
        for below in ["extra", "ivr-flows", "notes"] {
            fs::create_dir_all(folder.join(below)).expect("a temporary folder");
        }
        let flows = folder.join("ivr-flows").display().to_string();
        fs::write(folder.join("a.yaml"), format!("flows: {flows}\n")).expect("our folder");
        for file in ["phones.YAML", "b.yml", "extra/queues.yaml", "ivr-flows/main.yaml", "notes/read.me"] {
            fs::write(folder.join(file), "").expect("our folder");
        }
        let sources = gather(&folder).expect("a configuration");
        let mut named: Vec<_> = sources.unreadable.iter().map(|fault| (fault.place.file.clone(), fault.warning)).collect();
        named.retain(|(file, _)| file.starts_with(&folder.display().to_string()));
        named.sort();
        let expected = [("b.yml", false), ("extra", true), ("phones.YAML", false)];
        assert_eq!(named, expected.map(|(name, warning)| (folder.join(name).display().to_string(), warning)));
        fs::remove_dir_all(&folder).expect("ours");
    }
}
