//! Files that are meant to hurt: `centrala check` says clearly what is wrong with them, within a second and 64 MB.

use crate::exchange::{Folder, house};
use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

/// Processor time, not time on the wall: others work beside us.
const MAX_SECONDS: f64 = 1.0;
const MAX_KILOBYTES: i64 = 64 * 1024;

struct Judged {
    status: ExitStatus,
    said: String,
    seconds: f64,
    kilobytes: i64,
}

/// An exchange with one good flow and one sound; what is measured is the hostile file's.
const MAIN: &str = "lab: true\nlanguage: en\nlanguages: [en]\nflows: ./flows\nsounds: ./sounds\n\
                    listeners: [{transport: udp, address: '127.0.0.1:5060'}]\nnumbers: {100: {flow: good}}\n";
const GOOD: &str = "start: a\nnodes:\n  a: {play: {prompts: welcome, next: b}}\n  b: {hangup: {}}\n";

/// Checks that exchange with this file in it, as a child whose use of the machine is known at its end.
#[allow(clippy::zombie_processes, reason = "wait4 waits for it")]
fn check(file: &str, bytes: &[u8]) -> Judged {
    let folder = Folder::new("hostile");
    let config = folder.join("config");
    for inner in ["flows", "sounds/en"] {
        fs::create_dir_all(config.join(inner)).expect("a folder of ours");
    }
    fs::write(config.join("centrala.yaml"), MAIN).expect("a file of ours");
    fs::write(config.join("flows/good.yaml"), GOOD).expect("a file of ours");
    fs::copy(house().join("sounds/en/welcome.wav"), config.join("sounds/en/welcome.wav")).expect("a shipped sound");
    fs::write(config.join(file), bytes).expect("a file of ours");
    let said = folder.join("said");
    let out = File::create(&said).expect("a file of ours");
    let child = Command::new(env!("CARGO_BIN_EXE_centrala"))
        .args(["check", "--config"])
        .arg(&config)
        .arg("--data")
        .arg(folder.join("data"))
        .current_dir(house())
        .stdin(Stdio::null())
        .stderr(out.try_clone().expect("our file"))
        .stdout(out)
        .spawn()
        .expect("our own binary");
    let mut status = 0;
    // SAFETY: a plain C struct that wait4 fills in; all of its fields may be zero.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: our own child, which nobody else waits for; both pointers are to what lives until the call is over.
    let waited = unsafe { libc::wait4(child.id().cast_signed(), &raw mut status, 0, &raw mut used) };
    assert_eq!(waited, child.id().cast_signed());
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Judged {
        status: ExitStatus::from_raw(status),
        said: fs::read_to_string(said).expect("text"),
        seconds: seconds(used.ru_utime) + seconds(used.ru_stime),
        kilobytes: used.ru_maxrss,
    }
}

fn bomb() -> String {
    let mut text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_string();
    for (last, own) in ('a'..='i').zip('b'..='j') {
        let aliases = vec![format!("*{last}"); 10].join(",");
        writeln!(text, "{own}: &{own} [{aliases}]").expect("a string takes it");
    }
    text
}

/// As many mistakes as a file has room for.
fn mistakes() -> String {
    let mut text = "start: n0\nnodes:\n".to_string();
    for at in 0..9000 {
        writeln!(text, "  n{at}: {{paly: {{prompts: [welcom, godbye], nxt: n{}}}}}", at + 1).expect("a string takes it");
    }
    text
}

/// Every node leads to every other one, through menus without an end.
fn thicket() -> String {
    let mut text = "start: n0\nnodes:\n".to_string();
    for at in 0..1500 {
        let keys: Vec<String> = (0..10).map(|key| format!("{key}: n{}", (at * 7 + key * 131 + 1) % 1500)).collect();
        writeln!(text, "  n{at}: {{menu: {{prompt: welcome, keys: {{{}}}}}}}", keys.join(", ")).expect("a string takes it");
    }
    text
}

/// Expressions as long and as deep as there is room for.
fn formulas() -> String {
    let deep = "(".repeat(400_000);
    format!("start: a\nnodes:\n  a: {{branch: {{if: \"{deep}\", then: b, else: b}}}}\n  b: {{hangup: {{}}}}\n")
}

#[test]
fn hostile_files_are_refused_clearly_within_a_second_and_64_megabytes() {
    let deep = (0..1000).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n");
    let many = format!("a: [{}]", "b, ".repeat(300_000));
    let twice = format!("start: a\nnodes:\n{}", "  a: {hangup: {}}\n".repeat(40_000));
    let files: [(&str, Vec<u8>, &str); 11] = [
        ("an alias bomb", bomb().into_bytes(), "more than 100000 values in one file (aliases counted as what they stand for)"),
        ("ten megabytes", vec![b'a'; 10_000_000], "the file is longer than 1048576 bytes"),
        ("very many values", many.into_bytes(), "more than 100000 values in one file"),
        ("brackets without end", vec![b'['; 1_000_000], "lists and mappings nested deeper than 24"),
        ("deep nesting", deep.into_bytes(), "lists and mappings nested deeper than 24"),
        ("bad UTF-8", b"start: a\n# \xc5\x82\xff\nnodes: {a: {hangup: {}}}\n".to_vec(), "byte 0xff is not UTF-8"),
        ("a key forty thousand times", twice.into_bytes(), "`a` stands here twice; first on line 3"),
        ("thousands of mistakes", mistakes().into_bytes(), "no verb `paly`"),
        ("a thicket", thicket().into_bytes(), "no number leads to this flow"),
        ("an expression without end", formulas().into_bytes(), "a:"),
        ("noise", (0..=255).cycle().take(1_000_000).collect(), ""),
    ];
    let good = check("flows/good.yaml", GOOD.as_bytes());
    assert!(good.status.success(), "{}", good.said);
    for (what, bytes, expected) in files {
        for file in ["flows/hostile.yaml", "hostile.yaml"] {
            let Judged { status, said, seconds, kilobytes } = check(file, &bytes);
            println!("{what} as {file}: {seconds:.2} s, {} MB; {}", kilobytes / 1024, said.lines().next().unwrap_or_default());
            let is_flow = file.starts_with("flows/");
            assert!(status.code().is_some(), "{what} as {file}: {status:?}\n{said}");
            assert!(status.code() == Some(2) || (what == "a thicket" && is_flow), "{what} as {file}: {status:?}\n{said}");
            assert!(said.contains("hostile.yaml"), "{what} as {file}: the file is not named\n{said}");
            assert!(!is_flow || said.contains(expected), "{what} as {file}:\n{said}");
            assert!(said.len() < 200_000, "{what} as {file}: {} bytes are printed", said.len());
            assert!(seconds < MAX_SECONDS && kilobytes < MAX_KILOBYTES, "{what} as {file}: {seconds} s, {kilobytes} KB");
        }
    }
}
