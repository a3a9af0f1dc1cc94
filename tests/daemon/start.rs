//! What stops a start: one clear sentence, or every fault of the configuration with its place; and exit code 1 for what may pass, so that
//! it is tried again, 2 for what does not.

use crate::exchange::{Folder, centrala, house, lab, on_a_full_disk, run, said};
use crate::lab::copied;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A start that must fail: its output, once it has ended by itself.
fn refused(config: &Path, sip: &str, data: &Path) -> Output {
    ends(run(config, sip, data))
}

fn ends(mut command: Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our own binary");
    let pid = child.id().cast_signed();
    // A daemon that starts after all would never end: give it a limit.
    let (ended, wait) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if wait.recv_timeout(Duration::from_secs(20)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: our own child, which is waited for only below, after this limit or its own end.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    });
    let output = child.wait_with_output().expect("our child");
    drop(ended);
    guard.join().expect("no panic");
    output
}

fn check(what: &str, output: &Output, code: i32, names: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(code), "{what}: {text}");
    for name in names {
        assert!(text.contains(name), "{what} does not name {name}: {text}");
    }
    assert!(!text.contains("panicked"), "{what}: {text}");
}

/// One sentence: one line that is not empty.
fn check_sentence(what: &str, output: &Output, code: i32, names: &[&str]) {
    check(what, output, code, names);
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "{what} is not one sentence: {text}");
    println!("{what}: {}", lines[0]);
}

#[test]
fn what_may_pass_is_one_sentence_and_exit_code_1() {
    let folder = Folder::new("port");
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = datagrams.local_addr().expect("bound").to_string();
    check_sentence("a taken UDP port", &refused(&lab(), &taken, &folder.join("a")), 1, &[&taken]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("bound").to_string();
    check_sentence("a taken TCP port", &refused(&lab(), &taken, &folder.join("b")), 1, &[&taken]);
    // Of a network that comes up later, as far as we know.
    let nowhere = "192.0.2.1:5060";
    check_sentence("no such address", &refused(&house().join("config"), nowhere, &folder.join("c")), 1, &[nowhere]);
    let database = folder.join("d/centrala.db");
    fs::create_dir_all(&database).expect("a folder in its place");
    check_sentence("no database", &refused(&lab(), "127.0.0.1:0", &folder.join("d")), 1, &["centrala.db"]);
    let full = on_a_full_disk(&run(&lab(), "127.0.0.1:0", &folder.join("e")), 0);
    check_sentence("a new database on a full disk", &ends(full), 1, &["centrala.db"]);
}

#[test]
fn a_secret_that_finds_no_room_is_not_left_behind_empty() {
    let folder = Folder::new("secret");
    let config = house().join("config");
    let full = on_a_full_disk(&run(&config, "127.0.0.1:0", &folder.join("data")), 0);
    check_sentence("a secret on a full disk", &ends(full), 1, &["could not write the secret"]);
    assert_eq!(fs::read_dir(folder.join("data/secrets")).expect("made").count(), 0);
}

#[test]
fn a_missing_directory_is_one_sentence_and_exit_code_2() {
    let folder = Folder::new("missing");
    let nowhere = folder.join("nowhere");
    check_sentence("no configuration", &refused(&nowhere, "127.0.0.1:0", &folder.join("data")), 2, &["nowhere"]);
    // A data folder that cannot be made, because a file stands where it would go.
    fs::write(folder.join("file"), "").expect("a file");
    check_sentence("no data folder", &refused(&lab(), "127.0.0.1:0", &folder.join("file/data")), 2, &["file"]);
    // What no other try would mend either.
    fs::create_dir_all(folder.join("damaged")).expect("a folder");
    fs::write(folder.join("damaged/centrala.db"), vec![b'x'; 8192]).expect("a file");
    check_sentence("garbage", &refused(&lab(), "127.0.0.1:0", &folder.join("damaged")), 2, &["it is damaged"]);
}

#[test]
fn an_unreadable_sound_is_one_sentence_and_exit_code_2() {
    let folder = Folder::new("sound");
    let changed = copied(&folder);
    let sound = changed.sounds.join("pl/welcome.wav");
    let whole = fs::read(&sound).expect("a sound");
    fs::write(&sound, &whole[..30]).expect("a truncated sound");
    check_sentence("a truncated sound", &refused(&changed.config, "127.0.0.1:0", &folder.join("data")), 2, &["welcome"]);
}

#[test]
fn broken_yaml_is_told_whole_with_every_place() {
    let folder = Folder::new("yaml");
    let changed = copied(&folder);
    let flow = changed.flow("main");
    let text = fs::read_to_string(&flow).expect("a flow");
    // Two faults in one flow, and one in a file of their own; each must be told, with file, line and column.
    let broken = text.replacen("  menu:", "  meenu:", 1).replacen("play:", "plaay:", 1);
    assert_ne!(broken, text);
    fs::write(&flow, broken).expect("a flow");
    fs::write(changed.config.join("zz-broken.yaml"), "numbers:\n  \"555\": {flow: nobody}\n").expect("a file");
    for (what, output) in [
        ("run", refused(&changed.config, "127.0.0.1:0", &folder.join("data"))),
        ("check", centrala(&["check", "--config", &changed.config.to_string_lossy()])),
    ] {
        check(what, &output, 2, &["main.yaml:", "plaay", "play", "zz-broken.yaml:2:"]);
        println!("{}", said(&output));
    }
    let fine = centrala(&["check", "--config", &lab().to_string_lossy()]);
    assert_eq!(fine.status.code(), Some(0), "{}", said(&fine));
    let shipped = centrala(&["check", "--config", &house().join("config").to_string_lossy()]);
    assert_eq!(shipped.status.code(), Some(0), "{}", said(&shipped));
}
