//! Phones that nobody here wrote, driven by the Python beside us (`tests/phones`), and the ears that judge them.

use crate::exchange::{Exchange, free_port, house, media_port, said, until};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

/// Where a phone calls from, and as whom.
#[derive(Clone, Copy)]
pub enum From {
    /// The lab's IP-authenticated trunk.
    Trunk,
    /// A registered extension with its right password.
    Extension(&'static str),
}

impl From {
    pub fn address(self) -> &'static str {
        match self {
            From::Trunk => "127.0.0.2",
            From::Extension(_) => "127.0.0.1",
        }
    }

    pub fn user(self) -> &'static str {
        match self {
            From::Trunk => "48221234567",
            From::Extension(user) => user,
        }
    }

    pub fn password(self) -> String {
        format!("pw{}", self.user())
    }
}

/// A whole call by baresip; the JSON that the driver printed.
pub fn baresip(exchange: &Exchange, from: From, extension: &str, steps: &str, options: &[&str]) -> Value {
    let mut command = driver("call.py");
    command.args([
        "127.0.0.1",
        &exchange.port(),
        from.user(),
        &from.password(),
        extension,
        "--steps",
        steps,
        "--local",
        from.address(),
    ]);
    command.arg("--out").arg(exchange.folder.join(&format!("baresip-{}-{}", from.user(), free_port("127.0.0.1"))));
    if matches!(from, From::Trunk) {
        command.arg("--no-register");
    }
    finished(command.args(options))
}

/// A whole call (or a registration) by SIPp; the JSON that the driver printed.
pub fn sipp(exchange: &Exchange, mode: &str, from: From, password: &str, extension: &str, options: &[&str]) -> Value {
    let (port, media) = (free_port(from.address()), media_port(from.address()));
    let mut command = driver("sipp.py");
    command.args([mode, "127.0.0.1", &exchange.port(), from.user(), password, extension, "--local", from.address()]);
    command.args(["--local-port", &port.to_string(), "--media-port", &media.to_string()]);
    command.arg("--out").arg(exchange.folder.join(&format!("sipp-{port}")));
    if matches!(from, From::Trunk) {
        command.arg("--no-auth");
    }
    finished(command.args(options))
}

/// Whether `heard` holds each of `prompts`, whole and in this order.
pub fn hears(heard: &Path, prompts: &[PathBuf]) -> Result<(), String> {
    ears("find", heard, prompts)
}

/// Whether `heard` holds none of `prompts`, not even in part.
pub fn hears_not(heard: &Path, prompts: &[PathBuf]) -> Result<(), String> {
    ears("absent", heard, prompts)
}

/// Whether a stretch of `heard` that lasts `seconds` is a part of a sound that repeats, such as hold music; and where it begins,
/// in seconds. Unlike [`hears`] it forgives what a machine that stands still for a moment does to a prompt.
pub fn hears_a_part(heard: &Path, seconds: f64, sound: &Path) -> Result<f64, String> {
    let output = driver("ears.py").args(["part", &seconds.to_string()]).arg(heard).arg(sound).output().expect("python");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match seen["at"].as_f64().filter(|_| output.status.success()) {
        Some(at) => Ok(at),
        None => Err(format!("ears part: {}", said(&output))),
    }
}

fn ears(verb: &str, heard: &Path, prompts: &[PathBuf]) -> Result<(), String> {
    let output = driver("ears.py").arg(verb).arg(heard).args(prompts).output().expect("python");
    if output.status.success() { Ok(()) } else { Err(format!("ears {verb}: {}", said(&output))) }
}

/// A shipped prompt.
pub fn sound(language: &str, name: &str) -> PathBuf {
    house().join("sounds").join(language).join(format!("{name}.wav"))
}

/// How long prompts take one after the other.
pub fn seconds(prompts: &[PathBuf]) -> f64 {
    prompts
        .iter()
        .map(|path| {
            let wav = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            f64::from(wav.duration()) / f64::from(wav.spec().sample_rate)
        })
        .sum()
}

/// Everything that passes between the exchange and phones at one address, from now until it is judged.
pub struct Capture {
    dumpcap: Child,
    file: PathBuf,
    port: String,
    said: ChildStderr,
    /// At one of the phones' addresses: what it sends, the capture lets through.
    marker: UdpSocket,
}

/// How long the kernel and the capture may take for a block.
const WRITTEN: Duration = Duration::from_secs(10);

/// What ends a capture: no SIP, and of no call.
const MARK: &[u8] = b"everything before this is in the file";

impl Capture {
    pub fn of(exchange: &Exchange, phones: From) -> Capture {
        Capture::at(exchange, &[phones.address()])
    }

    /// The same for phones at several addresses.
    pub fn at(exchange: &Exchange, phones: &[&str]) -> Capture {
        Capture::begun(exchange.folder.join("capture.pcap"), exchange.port(), phones)
    }

    /// The same before the exchange has begun, which will listen at this port.
    pub fn begun(file: PathBuf, port: String, phones: &[&str]) -> Capture {
        let pairs = phones.iter().map(|phones| format!("(src 127.0.0.1 and dst {phones}) or (src {phones} and dst 127.0.0.1)"));
        let filter = format!("udp and ({})", pairs.collect::<Vec<_>>().join(" or "));
        let mut dumpcap = Command::new("dumpcap")
            // 64 MB for the kernel to hold back while others have the processor.
            .args(["-q", "-i", "lo", "-P", "-B", "64", "-a", "duration:120", "-f", &filter, "-w"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("dumpcap: run `make setup`");
        // It says `File: ...` once the capture runs.
        let mut stderr = dumpcap.stderr.take().expect("piped");
        let mut seen = String::new();
        while !seen.contains("File:") {
            let mut byte = [0];
            match stderr.read(&mut byte) {
                Ok(1) => seen.push(char::from(byte[0])),
                _ => panic!("dumpcap does not capture on lo: {seen}"),
            }
        }
        let marker = UdpSocket::bind((phones[0], 0)).expect("a loopback port");
        Capture { dumpcap, file, port, said: stderr, marker }
    }

    /// The streams of the calls in it, one JSON object each (see `tests/phones/rtp.py`). What the capture itself dropped counts
    /// in none of them as lost.
    pub fn streams(mut self) -> Vec<Value> {
        self.is_written();
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(self.dumpcap.id().cast_signed(), libc::SIGINT) };
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("text");
        drop(self.dumpcap.wait());
        let dropped = dropped(&said).unwrap_or_else(|| panic!("dumpcap does not say what it dropped: {said}"));
        let output = driver("rtp.py")
            .arg(&self.file)
            .arg(&self.port)
            .arg("--wav")
            .arg(self.file.with_extension(""))
            .output()
            .expect("python");
        let Ok(Value::Array(mut streams)) = serde_json::from_slice(&output.stdout) else {
            panic!("rtp.py: {}", crate::exchange::said(&output));
        };
        for stream in &mut streams {
            stream["lost"] = stream["lost"].as_u64().unwrap_or_default().saturating_sub(dropped).into();
        }
        if dropped > 0 {
            println!("the capture dropped {dropped} packets");
        }
        streams
    }
}

impl Capture {
    /// The kernel hands packets over in blocks and in order: once a mark is in the file, so is everything that was sent before it.
    fn is_written(&self) {
        let listener = UdpSocket::bind(("127.0.0.1", 0)).expect("a loopback port");
        let to = listener.local_addr().expect("bound");
        let marked = until(WRITTEN, || {
            // Again and again: one may be among what the capture drops.
            self.marker.send_to(MARK, to).expect("loopback takes it");
            let end = tail(&self.file);
            end.windows(MARK.len()).any(|bytes| bytes == MARK).then_some(())
        });
        assert!(marked.is_some(), "what was captured does not reach {}", self.file.display());
    }
}

/// The last of a file that is being written.
fn tail(path: &Path) -> Vec<u8> {
    const MOST: u64 = 64 * 1024;
    let mut end = Vec::new();
    let mut file = File::open(path).expect("the capture");
    let length = file.metadata().expect("the capture").len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST))).expect("the capture");
    file.read_to_end(&mut end).expect("the capture");
    end
}

/// The second number of `Packets received/dropped on interface 'Loopback: lo': 1234/0 (...)`.
fn dropped(said: &str) -> Option<u64> {
    let counts = said.lines().find(|line| line.starts_with("Packets received/dropped"))?.rsplit("': ").next()?;
    counts.split_once('/')?.1.split(' ').next()?.parse().ok()
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.dumpcap.kill());
        drop(self.dumpcap.wait());
    }
}

/// The streams that the exchange sent.
pub fn sent(streams: &[Value]) -> Vec<&Value> {
    streams.iter().filter(|stream| stream["by"] == "exchange").collect()
}

fn finished(command: &mut Command) -> Value {
    let output: Output = command.output().expect("python");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command:?} ({error}): {}", said(&output)))
}

/// One of the Python programs beside us, not yet started.
pub fn driver(name: &str) -> Command {
    let mut command = python();
    command.arg("-B").arg(house().join("tests/phones").join(name)).stdin(Stdio::null());
    command
}

/// Python itself.
pub fn python() -> Command {
    Command::new(&*PYTHON)
}

/// The Python that has numpy, found by the same script that installs it; the phones are asked for at the same time.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    for program in ["baresip", "sipp", "dumpcap"] {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()));
        assert!(found, "{program} is not installed: run `make setup`");
    }
    let output = Command::new(house().join("scripts/setup")).arg("python").output().expect("our own script");
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
});
