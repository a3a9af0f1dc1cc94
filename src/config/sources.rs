//! What the shell has read for us, where it is to read it, and what the command line overrides.
//!
//! Invariant: nothing here touches a file; paths are texts, as the administrator will see them.

use super::sections::Sections;
use crate::fault::{Fault, Faults, Place};
use crate::id::Name;
use crate::ivr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Files in one folder.
pub const MAX_FILES: usize = 1000;

/// The administrator's files.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sources {
    /// `config/*.yaml` by their paths.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The flows' `*.yaml`, without the tests beside them (`*.test.yaml`).
    pub flows: BTreeMap<String, Vec<u8>>,
    /// Those tests.
    pub flow_tests: BTreeMap<String, Vec<u8>>,
    /// `config/*.ics` by their names: dates for calendars.
    pub icals: BTreeMap<String, Vec<u8>>,
    /// Language -> the names of its `*.wav`.
    pub sounds: BTreeMap<Name, BTreeSet<Name>>,
    /// Language -> the path and the bytes of its `speech.yaml`.
    pub speech: BTreeMap<Name, (String, Vec<u8>)>,
    /// Where flows and sounds were looked for.
    pub folders: Folders,
    /// What could not be read at all.
    pub unreadable: Vec<Fault>,
}

impl Sources {
    /// What flows are checked against.
    pub(super) fn world(&self, languages: &[Name], sections: &Sections<'_>) -> ivr::World {
        ivr::World {
            languages: languages.to_vec(),
            sounds: self.sounds.clone(),
            queues: sections.names("queues"),
            extensions: sections.names("extensions"),
            calendars: sections.names("calendars"),
            mailboxes: sections.names("mailboxes"),
            flows: self.flows.keys().map(|file| ivr::stem(file)).collect(),
            hosts: Some(sections.names("hosts")),
            ..ivr::World::default()
        }
    }
}

/// Folders of flows and sounds. A path that begins with `./` or `../` is relative to the configuration's folder; any other relative one
/// to the working folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Folders {
    pub flows: String,
    pub sounds: String,
}

impl Default for Folders {
    fn default() -> Self {
        Folders { flows: "ivr-flows".into(), sounds: "sounds".into() }
    }
}

impl Folders {
    /// As paths from the working folder, or absolute.
    pub fn resolve(&self, config: &str) -> Folders {
        let resolve = |path: &str| match path.strip_prefix("./") {
            Some(rest) => format!("{}/{rest}", config.trim_end_matches('/')),
            None if path.starts_with("../") => format!("{}/{path}", config.trim_end_matches('/')),
            None => path.to_string(),
        };
        Folders { flows: resolve(&self.flows), sounds: resolve(&self.sounds) }
    }
}

/// The folders that these files of `config/` name, the usual ones where they name none or cannot be read.
pub fn folders(files: &BTreeMap<String, Vec<u8>>) -> Folders {
    // What is wrong is said by `load`; here it is only looked over.
    let mut unheard = Faults::new();
    let documents = Sections::parse(files, &mut unheard);
    let sections = Sections::gather(&documents, &mut unheard);
    super::general::folders(&sections, &mut unheard)
}

/// Where these files name a folder, `flows` or `sounds`; nothing where it is the usual one.
pub fn folder_place(files: &BTreeMap<String, Vec<u8>>, name: &'static str) -> Option<Place> {
    let mut unheard = Faults::new();
    let documents = Sections::parse(files, &mut unheard);
    let sections = Sections::gather(&documents, &mut unheard);
    let section = sections.once(name)?;
    Some(section.reader(&mut unheard).place(section.value().spot))
}

/// What the command line says instead of the files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    /// Replaces all listeners by UDP and TCP on this address.
    pub sip: Option<SocketAddr>,
    /// What `${trunk_uas}` stands for in a trunk's `send_to`.
    pub trunk_uas: Option<SocketAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_path_is_relative_to_the_configuration_and_a_plain_one_to_the_working_folder() {
        for (written, resolved) in [
            ("ivr-flows", "ivr-flows"),
            ("./flows", "tests/lab/flows"),
            ("../flows", "tests/lab/../flows"),
            ("/srv/flows", "/srv/flows"),
        ] {
            let folders = Folders { flows: written.into(), ..Folders::default() };
            assert_eq!(folders.resolve("tests/lab/").flows, resolved);
        }
    }
}
