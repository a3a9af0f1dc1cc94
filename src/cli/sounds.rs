//! `centrala sounds build | list | check`: prompts spoken by a text-to-speech engine from the texts beside them.
//!
//! ```text
//!   sounds/pl/prompts.yaml --prompts--> texts --engine (espeak-ng)--> shape --> sounds/pl/welcome.wav
//!                                         |                                          |
//!                                         +---- sounds/pl/prompts.lock: sums of both -+
//! ```
//!
//! Hold music stands in `sounds/any`, the folder of sounds without words; it is made by arithmetic when it is missing.
//!
//! The lock tells a prompt that was spoken here from one that somebody recorded. Invariant: a recording is never overwritten.

mod engine;
mod lock;
mod prompts;

use crate::audio;
use crate::cli::table::{print_json, say};
use crate::config;
use crate::fault::Faults;
use crate::shell::files;
use crate::speech::{self, Language, Part, Slot};
use crate::time::Duration;
use clap::{Args, Subcommand};
use lock::{Lock, State};
use prompts::{Prompt, Prompts};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The sounds that are made by arithmetic.
const MADE: [(&str, Arithmetic); 3] = [(config::HOLD_MUSIC, audio::hold_music), ("ringback", ringback), ("done", done)];
/// Samples at 8 kHz, full scale at -1 and 1.
type Arithmetic = fn() -> Vec<f32>;

/// Speak, list and check prompts
#[derive(Args, Debug)]
pub struct Sounds {
    #[command(subcommand)]
    verb: Verb,
    /// The folder of sounds: one folder for each language
    #[arg(long, value_name = "DIR", default_value = "sounds", global = true)]
    sounds: PathBuf,
    /// Only these languages
    #[arg(long, value_name = "LANGUAGE", global = true)]
    language: Vec<String>,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Speak each prompt of prompts.yaml that is missing or whose text has changed
    Build {
        /// The engine; {voice}, {speed}, {text} and {file} (the WAV to write) are filled in, no shell is used
        #[arg(long, default_value = engine::ESPEAK)]
        command: String,
        /// Speak also those that have not changed; recordings stay
        #[arg(long)]
        all: bool,
    },
    /// Print every prompt with its length, state and text
    List {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Print in words how a value is said: `centrala sounds say money "120.10 PLN" --case genitive`
    Say {
        /// number, ordinal, position, date, time, duration, money or digits
        kind: String,
        /// The value, as a flow writes it
        value: String,
        /// The grammatical case that it stands in
        #[arg(long)]
        case: Option<String>,
        /// The gender of what is counted
        #[arg(long)]
        gender: Option<String>,
    },
    /// Exit 2 when a prompt has no sound, a sound was spoken from another text, or a WAV cannot be read
    Check {
        /// Print JSON, for programs: {"ok": bool, "faults": [{"sound": ..., "why": ...}]}
        #[arg(long)]
        json: bool,
    },
}

/// 0: done; 1: something could not be spoken; 2: prompts.yaml is wrong, or `check` found something.
pub fn run(arguments: &Sounds) -> ExitCode {
    match work(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(sentence) => {
            eprintln!("centrala: {sentence}");
            ExitCode::from(2)
        }
    }
}

fn work(arguments: &Sounds) -> Result<u8, String> {
    let mut worst = 0;
    if matches!(arguments.verb, Verb::Build { .. }) && arguments.language.is_empty() {
        make_sounds(&arguments.sounds)?;
    }
    let mut wrong: Vec<Wrong> = Vec::new();
    if matches!(arguments.verb, Verb::Check { .. }) && arguments.language.is_empty() {
        wrong.extend(wordless(&arguments.sounds));
        worst = if wrong.is_empty() { 0 } else { 2 };
    }
    if matches!(arguments.verb, Verb::Check { json: false }) {
        wrong.drain(..).for_each(|wrong| wrong.tell());
    }
    let mut listed = Vec::new();
    for language in languages(arguments)? {
        let folder = Folder::read(&arguments.sounds, &language)?;
        let code = match &arguments.verb {
            Verb::Build { command, all } => folder.build(command, *all)?,
            Verb::List { json: true } => {
                listed.extend(folder.rows());
                0
            }
            Verb::List { json: false } => folder.list(),
            Verb::Say { kind, value, case, gender } => {
                let slot = Slot { case: case.as_deref().map(Into::into), gender: gender.as_deref().map(Into::into) };
                say(&arguments.sounds.join(&language), &language, kind, value, &slot)?
            }
            Verb::Check { json } => {
                let found = folder.wrong();
                let code = if found.is_empty() { 0 } else { 2 };
                match json {
                    true => wrong.extend(found),
                    false if found.is_empty() => say!("{}: {} prompts, ok", language, folder.prompts.by_name.len()),
                    false => found.iter().for_each(Wrong::tell),
                }
                code
            }
        };
        worst = worst.max(code);
    }
    if matches!(arguments.verb, Verb::List { json: true }) {
        print_json(&listed)?;
    }
    if matches!(arguments.verb, Verb::Check { json: true }) {
        let faults: Vec<_> =
            wrong.iter().map(|Wrong { sound, why }| serde_json::json!({ "sound": sound, "why": why })).collect();
        print_json(&serde_json::json!({ "ok": faults.is_empty(), "faults": faults }))?;
    }
    Ok(worst)
}

/// A sound that `check` finds fault with.
struct Wrong {
    sound: String,
    /// Follows the sound's name.
    why: String,
}

impl Wrong {
    fn tell(&self) {
        say!("{} {}", self.sound, self.why);
    }
}

/// Of the sounds without words, those that cannot be read.
fn wordless(sounds: &Path) -> impl Iterator<Item = Wrong> {
    let wrong = unreadable(&sounds.join(audio::ANY_LANGUAGE)).into_iter();
    wrong.map(|(name, why)| Wrong { sound: format!("{}/{name}", audio::ANY_LANGUAGE), why: format!("cannot be read: {why}") })
}

/// The sounds of a folder that nobody would hear, and why.
fn unreadable(folder: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "wav"));
    let wrong = files.filter_map(|file| {
        let why = files::read_sound(&file).and_then(|bytes| audio::wav::read(&bytes)).err()?;
        Some((file.file_stem()?.to_string_lossy().into_owned(), why))
    });
    wrong.collect()
}

/// What is the same in every language and made by arithmetic, unless it is there: what an administrator put there stays.
fn make_sounds(sounds: &Path) -> Result<(), String> {
    let folder = sounds.join(audio::ANY_LANGUAGE);
    for (name, sound) in MADE {
        let file = folder.join(format!("{name}.wav"));
        if file.exists() {
            continue;
        }
        let samples: Vec<i16> = sound().iter().map(|sample| (sample * 32767.0).round() as i16).collect();
        fs::create_dir_all(&folder).map_err(|error| format!("could not make the folder `{}`: {error}", folder.display()))?;
        files::replace(&file, &audio::wav::write(audio::RATE, &samples)?)?;
        say!("{}/{name}", audio::ANY_LANGUAGE);
    }
    Ok(())
}

/// What a caller hears while somebody's phone rings: 425 Hz, a second of it in five (ITU-T E.180, as in Poland).
fn ringback() -> Vec<f32> {
    let mut samples = audio::tone(425.0, 0.2, Duration::from_secs(1));
    samples.resize(5 * audio::RATE as usize, 0.0);
    samples
}

/// Two short notes that rise: what was dialled is done.
fn done() -> Vec<f32> {
    let note = |hertz| audio::tone(hertz, 0.3, Duration::from_millis(160));
    note(660.0).into_iter().chain(note(880.0)).collect()
}

/// The languages that have texts.
fn languages(arguments: &Sounds) -> Result<Vec<String>, String> {
    let shown = arguments.sounds.display();
    let entries = fs::read_dir(&arguments.sounds).map_err(|error| format!("could not read the folder `{shown}`: {error}"))?;
    let mut found: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join(prompts::FILE).exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    if let Some(unknown) = arguments.language.iter().find(|wanted| !found.contains(wanted)) {
        return Err(format!("there is no `{shown}/{unknown}/{}`", prompts::FILE));
    }
    if found.is_empty() {
        return Err(format!("no language in `{shown}` has a {}", prompts::FILE));
    }
    found.retain(|language| arguments.language.is_empty() || arguments.language.contains(language));
    Ok(found)
}

/// What each prompt of a language says, by its name.
pub fn texts(sounds: &Path, language: &str) -> Result<BTreeMap<String, String>, String> {
    let folder = Folder::read(sounds, language)?;
    Ok(folder.prompts.by_name.iter().map(|(name, prompt)| (name.to_string(), prompt.text.clone())).collect())
}

/// Prints the words; 2 when there are none for it.
fn say(folder: &Path, language: &str, kind: &str, value: &str, slot: &Slot) -> Result<u8, String> {
    let Some(grammar) = grammar(folder, language)? else { return Ok(0) };
    if !speech::KINDS.contains(&kind) {
        return Err(format!("`{kind}` is none of {}", speech::KINDS.join(", ")));
    }
    for (what, given, known) in [("case", &slot.case, grammar.cases()), ("gender", &slot.gender, grammar.genders())] {
        // A language without any passes over it: several may be asked at once.
        if let Some(given) = given.as_deref().filter(|given| !known.is_empty() && !known.iter().any(|known| known == given)) {
            return Err(format!("{language} has no {what} `{given}`, but {}", known.join(", ")));
        }
    }
    match Part::read(kind, value).and_then(|part| grammar.write(&part, slot)) {
        Some(words) => say!("{language}: {words}"),
        None => {
            say!("{language}: `{value}` is no {kind}, or there are no words for it");
            return Ok(2);
        }
    }
    Ok(0)
}

/// How the language says numbers and dates; its words are prompts as well. `None` when it does not say.
fn grammar(folder: &Path, language: &str) -> Result<Option<Language>, String> {
    let file = folder.join(speech::FILE);
    if !file.exists() {
        return Ok(None);
    }
    let shown = file.display().to_string();
    let bytes = files::read_sound(&file).map_err(|why| format!("could not read {shown}: {why}"))?;
    let mut faults = Faults::new();
    let grammar = Language::read(language, &shown, &bytes, &mut faults);
    faults.judge().map(|_| grammar).map_err(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// One language: its texts, and what was spoken of them.
struct Folder {
    language: String,
    path: PathBuf,
    prompts: Prompts,
    lock: Lock,
}

impl Folder {
    fn read(sounds: &Path, language: &str) -> Result<Folder, String> {
        let path = sounds.join(language);
        let file = path.join(prompts::FILE);
        let shown = file.display().to_string();
        let bytes = files::read_sound(&file).map_err(|why| format!("could not read {shown}: {why}"))?;
        let mut faults = Faults::new();
        let prompts = Prompts::read(&shown, &bytes, language, &mut faults);
        if let Err(list) = faults.judge() {
            let lines: Vec<_> = list.iter().map(ToString::to_string).collect();
            return Err(lines.join("\n"));
        }
        let mut prompts = prompts.ok_or_else(|| format!("{shown} has no prompts"))?;
        if let Some(grammar) = grammar(&path, language)? {
            prompts.add_words(grammar.fragments().iter().map(|(name, word)| (&**name, word.as_str())));
        }
        let lock = Lock::read(&path)?;
        Ok(Folder { language: language.to_string(), path, prompts, lock })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.wav"))
    }

    fn state(&self, name: &str, prompt: &Prompt) -> State {
        let sound = files::read_sound(&self.file(name)).ok();
        self.lock.state(name, &self.prompts.sum(prompt), sound.as_deref())
    }

    fn build(mut self, command: &str, all: bool) -> Result<u8, String> {
        let (mut spoken, mut failed) = (0, 0);
        let prompts: BTreeMap<_, _> = self.prompts.by_name.clone();
        for (name, prompt) in &prompts {
            let due = match self.state(name, prompt) {
                State::Missing | State::Changed => true,
                State::Good => all,
                State::Recorded => false,
            };
            if !due {
                continue;
            }
            match engine::speak(command, &self.prompts, prompt, &self.path) {
                Ok(wav) => {
                    files::replace(&self.file(name), &wav)?;
                    self.lock.note(name, &self.prompts.sum(prompt), &wav);
                    spoken += 1;
                    say!("{}/{name}", self.language);
                }
                Err(why) => {
                    eprintln!("centrala: could not speak {}/{name}: {why}", self.language);
                    failed += 1;
                }
            }
        }
        self.lock.forget_all_but(|name| prompts.contains_key(name));
        self.lock.write(&self.path)?;
        say!("{}: {spoken} spoken, {} prompts", self.language, prompts.len());
        Ok(u8::from(failed > 0))
    }

    fn length(&self, name: &str) -> Option<Duration> {
        files::read_sound(&self.file(name)).ok().and_then(|bytes| engine::length(&bytes))
    }

    fn rows(&self) -> impl Iterator<Item = serde_json::Value> {
        self.prompts.by_name.iter().map(|(name, prompt)| {
            serde_json::json!({
                "language": self.language,
                "name": name.to_string(),
                "length_s": self.length(name).map(|length| length.as_secs_f64()),
                "state": self.state(name, prompt).to_string(),
                "text": prompt.text,
            })
        })
    }

    fn list(&self) -> u8 {
        for (name, prompt) in &self.prompts.by_name {
            let length = self.length(name).map_or("-".to_string(), |length| format!("{:.1} s", length.as_secs_f64()));
            say!("{}/{name:<20} {length:>7}  {:<8}  {}", self.language, self.state(name, prompt), prompt.text);
        }
        0
    }

    fn wrong(&self) -> Vec<Wrong> {
        let sound = |name: &str| format!("{}/{name}", self.language);
        let unreadable = unreadable(&self.path).into_iter();
        let mut wrong: Vec<Wrong> =
            unreadable.map(|(name, why)| Wrong { sound: sound(&name), why: format!("cannot be read: {why}") }).collect();
        for (name, prompt) in &self.prompts.by_name {
            let why = match self.state(name, prompt) {
                State::Missing => "has no sound",
                State::Changed => "was spoken from another text",
                State::Good | State::Recorded => continue,
            };
            wrong.push(Wrong { sound: sound(name), why: format!("{why}; `centrala sounds build` speaks it") });
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(folder: &Path, verb: Verb) -> Sounds {
        Sounds { verb, sounds: folder.to_path_buf(), language: Vec::new() }
    }

    #[test]
    fn a_sound_that_cannot_be_read_is_found_wherever_it_stands() {
        let folder = std::env::temp_dir().join(format!("centrala-sounds-{}", std::process::id()));
        let wav = audio::wav::write(audio::RATE, &[0; 800]).expect("a sound");
        fs::create_dir_all(folder.join("pl")).expect("a folder");
        fs::create_dir_all(folder.join(audio::ANY_LANGUAGE)).expect("a folder");
        fs::write(folder.join("pl").join(prompts::FILE), "voice: pl\nspeed: 150\nprompts:\n  welcome: Dzień dobry\n")
            .expect("a file");
        fs::write(folder.join("pl/welcome.wav"), &wav).expect("a file");
        let check = || work(&arguments(&folder, Verb::Check { json: false }));
        assert_eq!(check(), Ok(0));
        for broken in ["pl/welcome.wav", "pl/other.wav", "any/hold-music.wav"] {
            fs::write(folder.join(broken), "RIFF of nothing").expect("a file");
            assert_eq!(check(), Ok(2), "{broken}");
            let folder_of = Folder::read(&folder, "pl").expect("a language").wrong();
            let told: Vec<String> = folder_of.into_iter().chain(wordless(&folder)).map(|wrong| wrong.sound).collect();
            assert_eq!(told.first().map(|sound| format!("{sound}.wav")), Some(broken.to_string()));
            assert_eq!(work(&arguments(&folder, Verb::Check { json: true })), Ok(2), "{broken}");
            fs::write(folder.join(broken), &wav).expect("a file");
        }
        let rows: Vec<_> = Folder::read(&folder, "pl").expect("a language").rows().collect();
        assert_eq!((rows[0]["name"].as_str(), rows[0]["length_s"].as_f64()), (Some("welcome"), Some(0.1)), "{rows:?}");
        fs::remove_dir_all(&folder).expect("it was there");
    }
}
