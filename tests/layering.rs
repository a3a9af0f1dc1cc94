//! Who may use whom, as data, and the walls that keep it so.
//!
//! The table below *is* the diagram of the architecture. Every file under `src/` is read as tokens, so that a path such as
//! `crate::pbx::Pbx` is seen wherever it stands: in a `use`, in a signature, in a macro, behind `super::super::`.
//! Invariant: a room that is not in the table, or a path that the table does not allow, fails this test.

// The wall is for the core; a test reads files and runs programs.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rooms on one line never use one another; each may use what its line names, and itself.
const TABLE: &[(&[&str], &[&str])] = &[
    (&["time", "id"], &[]),
    (&["fault", "ask", "measure", "control"], &["time", "id"]),
    (&["expression", "calendar", "speech"], &["time", "id", FOUR]),
    (&["sdp", "rtp", "audio"], &["time", FOUR]),
    (&["sip"], &["time", "id", "sdp", FOUR]),
    (&["ivr", "acd", "voicemail"], &["time", "id", "expression", "calendar", "speech", FOUR]),
    (&["media"], &["time", "id", "rtp", "audio", FOUR]),
    (&["store"], &["time", "id", FOUR]),
    (&["config"], &[ABOVE]),
    (&["pbx"], &[ABOVE]),
    (&["phone"], &["sip", "sdp", "media", "rtp", "audio", "time", "id", FOUR]),
    (&["sim"], &[ABOVE]),
    (&["shell"], &["sip", "media", "audio", "store", "config", "time", "id", FOUR]),
    (
        &["daemon"],
        &[
            "shell",
            "pbx",
            "config",
            "store",
            "media",
            "ivr",
            "acd",
            "voicemail",
            "sip",
            "sdp",
            "rtp",
            "audio",
            "expression",
            "calendar",
            "speech",
            "time",
            "id",
            FOUR,
        ],
    ),
    (&["cli"], &[ABOVE, "!daemon"]),
    (&["main"], &["cli", "daemon"]),
];

/// The four small rooms that every room below them may use.
const FOUR: &str = "fault ask measure control";
/// Every room of the lines before this one.
const ABOVE: &str = "(every room above)";

/// What a room may not name although it may use the room that owns it: of media and store the exchange knows only the words.
const NOT_EVEN: &[(&str, &[&str])] = &[("pbx", &["media", "Shard"]), ("sim", &["media", "Shard"])];

/// Where the clippy wall may be lifted: the rooms that look at the world, and `id`, whose `Table` is a HashMap that cannot be walked.
const OUTSIDE: &[&str] = &["shell", "daemon", "cli", "main", "id"];

#[test]
fn every_room_uses_only_what_the_table_allows() {
    let faults = judge(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    assert!(faults.is_empty(), "{} broken:\n{}", count(faults.len(), "rule"), list(&faults));
}

#[test]
fn a_planted_violation_is_caught() {
    let check = |what: &str, files: &[(&str, &str)], expected: &[&str]| {
        let tree = Tree::planted(files);
        let found: Vec<String> = judge(&tree.0).iter().map(Fault::to_string).collect();
        assert_eq!(found, expected, "{what}");
    };
    check("a quiet tree", &[("sip/mod.rs", "use crate::{sdp, time::Moment};"), ("sdp.rs", "use crate::time::Wall;")], &[]);
    check("a use", &[("sip/mod.rs", "use crate::pbx::Pbx;")], &["sip/mod.rs:1: sip may not use pbx"]);
    check(
        "a path in an expression",
        &[("ivr/node.rs", "\nfn f() { crate::acd::offer(); }")],
        &["ivr/node.rs:2: ivr may not use acd"],
    );
    check(
        "a group",
        &[("media/mod.rs", "use crate::{time, rtp::{Packet}, sip::{self, Uri}};")],
        &["media/mod.rs:1: media may not use sip"],
    );
    check(
        "super past the root",
        &[("sip/message/uri.rs", "use super::super::super::pbx::Pbx;")],
        &["sip/message/uri.rs:1: sip may not use pbx"],
    );
    check("super within the room", &[("sip/message/uri.rs", "use super::super::pbx::Pbx;")], &[]);
    check(
        "super from an inner module",
        &[("store/mod.rs", "mod tests { use super::super::sip::Uri; }")],
        &["store/mod.rs:1: store may not use sip"],
    );
    check(
        "a macro's own crate",
        &[("audio.rs", "macro_rules! m { () => { $crate::media::Leg } }")],
        &["audio.rs:1: audio may not use media"],
    );
    check("spaces and comments between", &[("rtp.rs", "use crate :: /* why */ audio;")], &["rtp.rs:1: rtp may not use audio"]);
    check(
        "words in comments and strings",
        &[("rtp.rs", "//! Unlike [`crate::pbx`].\nconst S: &str = \"crate::pbx\"; const R: &str = r#\"crate::pbx\"#;")],
        &[],
    );
    check("everything at once", &[("rtp.rs", "use crate::*;")], &["rtp.rs:1: rtp takes the whole crate"]);
    check("the crate by another name", &[("rtp.rs", "use crate as house;")], &["rtp.rs:1: rtp takes the whole crate"]);
    check(
        "the crate by another name, in a group",
        &[("rtp.rs", "use crate::{self as house};")],
        &["rtp.rs:1: rtp takes the whole crate"],
    );
    check(
        "the crate by its outer name",
        &[("rtp.rs", "extern crate self as house;")],
        &["rtp.rs:1: rtp takes the whole crate"],
    );
    check(
        "an argument",
        &[("rtp.rs", "fn f() { g(crate::sip::Uri) } pub(crate) fn h() {}")],
        &["rtp.rs:1: rtp may not use sip"],
    );
    check("a room nobody listed", &[("helpers.rs", "")], &["helpers.rs:1: the room helpers is not in the table"]);
    check(
        "more than words",
        &[("pbx/mod.rs", "use crate::media; fn f(s: media::Shard, i: media::ShardId) {}")],
        &["pbx/mod.rs:1: pbx may not name media::Shard"],
    );
    check(
        "the command line and the daemon",
        &[("cli/run.rs", "use crate::daemon;")],
        &["cli/run.rs:1: cli may not use daemon"],
    );
    check("main", &[("main.rs", "fn main() { centrala::pbx::go() }")], &["main.rs:1: main may not use pbx"]);
    check(
        "code from elsewhere",
        &[("rtp.rs", "#[path = \"../x.rs\"] mod x; include!(\"y.rs\");")],
        &["rtp.rs:1: rtp takes in a file by its path"],
    );
    check(
        "the wall lifted inside the core",
        &[("rtp.rs", "#![allow(clippy::disallowed_methods)]")],
        &["rtp.rs:1: rtp lifts the wall (disallowed_methods)"],
    );
    check("the wall lifted outside it", &[("shell/mod.rs", "#![allow(clippy::disallowed_methods)]")], &[]);
}

/// The repository's own `.clippy.toml`, put over a crate that looks at the world in every way that the core may not.
#[test]
fn the_clippy_wall_catches_a_planted_violation() {
    let tree = Tree::planted(&[
        ("Cargo.toml", "[package]\nname = \"planted\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n"),
        (".clippy.toml", include_str!("../.clippy.toml")),
        (
            "src/lib.rs",
            "pub fn a() -> usize { std::collections::HashMap::<u8, u8>::new().len() }\n\
             pub fn b() -> bool { std::time::SystemTime::now().elapsed().is_ok() }\n\
             pub fn c() { std::thread::sleep(std::time::Duration::ZERO) }\n\
             pub fn d() { drop(std::thread::spawn(|| ())) }\n\
             pub fn e() -> bool { std::fs::read(\"x\").is_ok() }\n\
             pub fn f() -> bool { std::net::UdpSocket::bind(\"127.0.0.1:0\").is_ok() }\n\
             pub fn g() -> std::sync::Mutex<u8> { std::sync::Mutex::new(0) }\n\
             pub fn h() -> bool { std::env::var(\"X\").is_ok() }\n\
             pub fn quiet() -> std::collections::BTreeMap<u8, u8> { std::collections::BTreeMap::new() }\n",
        ),
    ]);
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--offline", "--quiet", "--message-format", "short", "--", "-D", "warnings"])
        .current_dir(&tree.0)
        .env("CARGO_TARGET_DIR", tree.0.join("target"))
        // What the outer cargo set for this test is not for the inner one.
        .env_remove("RUSTFLAGS")
        .env_remove("CLIPPY_CONF_DIR")
        .output()
        .expect("cargo clippy is part of the toolchain (rustup component add clippy)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the wall let everything through:\n{said}");
    for line in 1..=8 {
        assert!(said.contains(&format!("src/lib.rs:{line}:")), "line {line} passed the wall:\n{said}");
    }
    assert!(!said.contains("src/lib.rs:9:"), "an ordered map was refused:\n{said}");
}

/// One broken rule and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Everything that is wrong with the tree under `src`.
fn judge(src: &Path) -> Vec<Fault> {
    let allowed = allowed();
    let mut faults = Vec::new();
    for file in rust_files(src) {
        let shown = file.strip_prefix(src).expect("listed below it").to_string_lossy().into_owned();
        let module = module_of(&shown);
        let room = match module.first() {
            Some(room) => room.clone(),
            // lib.rs is the map: it lists every room and uses none.
            None => continue,
        };
        let tokens = tokens(&fs::read_to_string(&file).expect("a source file is text"));
        let mut say = |line, what| faults.push(Fault { file: shown.clone(), line, what });
        let Some(may) = allowed.get(room.as_str()) else {
            say(1, format!("the room {room} is not in the table"));
            continue;
        };
        for path in paths(&tokens, &module) {
            match path.segments.first().map(String::as_str) {
                None | Some("*") => say(path.line, format!("{room} takes the whole crate")),
                Some(used) if used == room || may.contains(used) => {}
                // Only what is a room can be judged; a macro or a type of lib.rs is nobody's.
                Some(used) if allowed.contains_key(used) => say(path.line, format!("{room} may not use {used}")),
                Some(_) => {}
            }
        }
        for (line, what) in oddities(&tokens, &room) {
            say(line, what);
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// The table with its shorthands written out.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut table = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (rooms, uses) in TABLE {
        let above: Vec<&str> = table.keys().copied().collect();
        let mut may = BTreeSet::new();
        for used in *uses {
            match *used {
                ABOVE => may.extend(above.iter().copied()),
                FOUR => may.extend(FOUR.split(' ')),
                _ => match used.strip_prefix('!') {
                    Some(never) => drop(may.remove(never)),
                    None => drop(may.insert(*used)),
                },
            }
        }
        for room in *rooms {
            assert!(table.insert(room, may.clone()).is_none(), "{room} stands twice in the table");
        }
    }
    table
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            found.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

/// `sip/message/uri.rs` is the module sip::message::uri; `lib.rs` is the root, `main.rs` counts as a room.
fn module_of(file: &str) -> Vec<String> {
    let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || (module.len() == 1 && last == "lib")) {
        module.pop();
    }
    module
}

/// An identifier or one character of punctuation, with its line.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    line: usize,
}

/// The code without comments, strings and characters. Lifetimes come out as an apostrophe and a word, which hurts nobody.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let (mut at, mut line) = (0, 1);
    let mut found = Vec::new();
    let newlines = |from: usize, to: usize| chars[from..to.min(chars.len())].iter().filter(|c| **c == '\n').count();
    while at < chars.len() {
        let rest = &chars[at..];
        let skipped = if rest.starts_with(&['/', '/']) {
            rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
        } else if rest.starts_with(&['/', '*']) {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if rest[0] == '"' {
            quoted(rest, '"')
        } else if rest[0] == '\'' && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'')) {
            quoted(rest, '\'')
        } else if rest[0].is_whitespace() {
            1
        } else {
            let word = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count().max(1);
            found.push(Token { text: rest[..word].iter().collect(), line });
            word
        };
        line += newlines(at, at + skipped);
        at += skipped;
    }
    found
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of `r"..."`, `br#"..."#` and their like, when one begins here.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'c')).count().min(1);
    if rest.get(prefix) != Some(&'r') {
        return None;
    }
    let hashes = rest[prefix + 1..].iter().take_while(|c| **c == '#').count();
    let open = prefix + 1 + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    let body = rest[open + 1..].windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + body + close.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A path seen from the crate's root; no segments means the crate itself.
struct Seen {
    segments: Vec<String>,
    line: usize,
}

/// Every path that begins at the crate's root, or climbs there, in a file that is the module `module`.
fn paths(tokens: &[Token], module: &[String]) -> Vec<Seen> {
    let mut found = Vec::new();
    // Braces that opened an inner module, so that `super` inside it is counted right.
    let (mut braces, mut inner) = (0usize, Vec::<usize>::new());
    let mut at = 0;
    while at < tokens.len() {
        let text = tokens[at].text.as_str();
        match text {
            "{" => {
                braces += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    inner.push(braces);
                }
            }
            "}" => {
                if inner.last() == Some(&braces) {
                    inner.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "crate" if is_double_colon(tokens, at + 1) || matches!(word(tokens, at + 1), Some("as" | "self")) => {
                expand(tokens, at + 1, Vec::new(), tokens[at].line, &mut found);
            }
            "centrala" if is_double_colon(tokens, at + 1) && module == ["main"] => {
                expand(tokens, at + 1, Vec::new(), tokens[at].line, &mut found);
            }
            "super" if is_double_colon(tokens, at + 1) => {
                let (mut climbed, mut next) = (1, at + 1);
                while is_double_colon(tokens, next) && word(tokens, next + 2) == Some("super") {
                    climbed += 1;
                    next += 3;
                }
                if climbed >= module.len() + inner.len() {
                    expand(tokens, next, Vec::new(), tokens[at].line, &mut found);
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_double_colon(tokens: &[Token], at: usize) -> bool {
    word(tokens, at) == Some(":") && word(tokens, at + 1) == Some(":")
}

fn word(tokens: &[Token], at: usize) -> Option<&str> {
    tokens.get(at).map(|token| token.text.as_str())
}

/// Follows `::a::b` and `::{a, b::{c}}` from `at`; returns where it ends.
fn expand(tokens: &[Token], mut at: usize, mut segments: Vec<String>, line: usize, found: &mut Vec<Seen>) -> usize {
    while is_double_colon(tokens, at) {
        at += 2;
        match word(tokens, at) {
            Some("{") => {
                at += 1;
                while let Some(text) = word(tokens, at) {
                    match text {
                        "}" => return at + 1,
                        "," => at += 1,
                        "self" => {
                            found.push(Seen { segments: segments.clone(), line: tokens[at].line });
                            at += if word(tokens, at + 1) == Some("as") { 3 } else { 1 };
                        }
                        first => {
                            let (mut branch, line) = (segments.clone(), tokens[at].line);
                            branch.push(first.to_owned());
                            at = expand(tokens, at + 1, branch, line, found);
                            if word(tokens, at) == Some("as") {
                                at += 2;
                            }
                        }
                    }
                }
                return at;
            }
            Some(text) => {
                segments.push(text.to_owned());
                at += 1;
            }
            None => break,
        }
    }
    found.push(Seen { segments, line });
    at
}

/// What no path shows: code taken in by a file's name, the wall lifted, more than words named.
fn oddities(tokens: &[Token], room: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let text = token.text.as_str();
        let attribute = text == "path" && word(tokens, at + 1) == Some("=") && at > 0 && tokens[at - 1].text == "[";
        if attribute || (text == "include" && word(tokens, at + 1) == Some("!")) {
            found.push((token.line, format!("{room} takes in a file by its path")));
        }
        if text.starts_with("disallowed_") && !OUTSIDE.contains(&room) {
            found.push((token.line, format!("{room} lifts the wall ({text})")));
        }
        for (who, path) in NOT_EVEN.iter().filter(|(who, _)| *who == room) {
            let spelled = path.iter().enumerate().all(|(n, segment)| {
                word(tokens, at + 3 * n) == Some(segment) && (n == 0 || is_double_colon(tokens, at + 3 * n - 2))
            });
            if spelled {
                found.push((token.line, format!("{who} may not name {}", path.join("::"))));
            }
        }
    }
    found
}

/// A folder of planted files, gone at the end.
struct Tree(PathBuf);

impl Tree {
    fn planted(files: &[(&str, &str)]) -> Tree {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("layering-{}-{number}", std::process::id()));
        for (name, text) in files {
            let file = root.join(name);
            fs::create_dir_all(file.parent().expect("inside the tree")).expect("a temporary folder");
            fs::write(file, text).expect("a temporary file");
        }
        Tree(root)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("  {fault}\n")).collect()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
