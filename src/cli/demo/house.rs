//! A whole exchange for the length of the demonstration: its own configuration, data and sounds in a folder of its own, on ports
//! of this machine that nobody else uses.
//!
//! Invariant: with the value go the process and the folder.

use crate::audio::{RATE, tone, wav};
use crate::shell::files;
use crate::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const CONFIG: &str = include_str!("house.yaml");
const FLOW: &str = include_str!("flow.yaml");
/// Lines that an exchange may print before it is ready.
const MAX_LINES: usize = 1000;

/// The notes of the hold music, in Hz: two chords, up and down.
const NOTES: [f32; 12] = [261.6, 329.6, 392.0, 523.3, 392.0, 329.6, 220.0, 261.6, 329.6, 440.0, 329.6, 261.6];
const NOTE: Duration = Duration::from_millis(320);

pub struct House {
    pub address: SocketAddr,
    folder: PathBuf,
    process: Child,
}

impl House {
    /// Starts the exchange, with the English sounds of `sounds`. The error is a sentence.
    pub fn open(sounds: &Path) -> Result<House, String> {
        let folder = std::env::temp_dir().join(format!("centrala-demo-{}", std::process::id()));
        let built = build(&folder, sounds).and_then(|()| start(&folder));
        built.inspect_err(|_| forget(&folder))
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Every sound that the exchange may play: name and file.
    pub fn sounds(&self) -> Result<Vec<(String, PathBuf)>, String> {
        let mut found = Vec::new();
        for language in ["en", "any"] {
            let folder = self.folder.join("sounds").join(language);
            let entries = fs::read_dir(&folder).map_err(|fault| sentence("read", &folder, &fault))?;
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                if let (Some(name), Some("wav")) = (path.file_stem(), path.extension().and_then(|end| end.to_str())) {
                    found.push((name.to_string_lossy().into_owned(), path));
                }
            }
        }
        Ok(found)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Nothing of it is wanted any more: what fails here is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        forget(&self.folder);
    }
}

fn build(folder: &Path, sounds: &Path) -> Result<(), String> {
    for part in ["config", "flows", "sounds/en", "sounds/any", "data"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).map_err(|fault| sentence("make", &part, &fault))?;
    }
    files::replace(&folder.join("config/centrala.yaml"), CONFIG.as_bytes())?;
    files::replace(&folder.join("flows/main.yaml"), FLOW.as_bytes())?;
    let english = sounds.join("en");
    let entries = fs::read_dir(&english).map_err(|fault| sentence("read", &english, &fault))?;
    for entry in entries.filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
        let copy = folder.join("sounds/en").join(entry.file_name());
        fs::copy(entry.path(), &copy).map_err(|fault| sentence("write", &copy, &fault))?;
    }
    let music: Vec<i16> = NOTES.iter().flat_map(|note| tone(*note, 0.2, NOTE)).map(|one| (one * 32767.0) as i16).collect();
    files::replace(&folder.join("sounds/any/hold-music.wav"), &wav::write(RATE, &music)?)
}

fn start(folder: &Path) -> Result<House, String> {
    let program = std::env::current_exe().map_err(|fault| format!("could not find the exchange's program: {fault}"))?;
    let log = folder.join("log");
    let log = fs::File::create(&log).map_err(|fault| sentence("write", &log, &fault))?;
    let mut command = Command::new(program);
    command.arg("run").arg("--config").arg(folder.join("config")).arg("--data").arg(folder.join("data"));
    command.args(["--sip", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut process = command.spawn().map_err(|fault| format!("could not start the exchange: {fault}"))?;
    let address = process.stdout.take().and_then(|out| {
        let lines = BufReader::new(out).lines().take(MAX_LINES).map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("ready ")?.trim().parse().ok()).next()
    });
    let Some(address) = address else {
        let _ = process.kill();
        let _ = process.wait();
        let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
        return Err(format!("the exchange did not start: {}", said.trim()));
    };
    Ok(House { address, folder: folder.to_path_buf(), process })
}

fn forget(folder: &Path) {
    // A folder in the way of the system's tidying is no reason to fail.
    let _ = fs::remove_dir_all(folder);
}

fn sentence(what: &str, path: &Path, fault: &std::io::Error) -> String {
    format!("could not {what} {}: {fault}", path.display())
}
