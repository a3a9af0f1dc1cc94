//! A phone behind address translation: it registers, calls and is called, and both sides hear each other.
//!
//! ```text
//!   here 10.77.N.1  <--veth-->  router 10.77.N.2 | 192.168.77.1  <--veth-->  phone 192.168.77.2
//!                               nft: masquerade
//! ```
//!
//! The test makes the two network namespaces itself, and takes them away; without the right to do so it says so and fails.

use crate::exchange::{Exchange, Folder, centrala, house, lab, said, until};
use crate::lab::copied;
use crate::phones::{driver, hears, seconds, sound};
use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const PHONE: &str = "192.168.77.2";
const PASSWORD: &str = "a-long-enough-secret";

struct Nat {
    number: u32,
}

impl Nat {
    fn new() -> Nat {
        let nat = Nat { number: std::process::id() % 250 };
        nat.clear();
        let Nat { number } = nat;
        let [router, phone] = nat.names();
        for command in [
            format!("ip netns add {router}"),
            format!("ip netns add {phone}"),
            format!("ip link add ch{number} type veth peer name cr{number} netns {router}"),
            format!("ip -n {router} link add ci{number} type veth peer name cp{number} netns {phone}"),
            format!("ip addr add {}/24 dev ch{number}", nat.here()),
            format!("ip link set ch{number} up"),
            format!("ip -n {router} addr add 10.77.{number}.2/24 dev cr{number}"),
            format!("ip -n {router} addr add 192.168.77.1/24 dev ci{number}"),
            format!("ip -n {router} link set cr{number} up"),
            format!("ip -n {router} link set ci{number} up"),
            format!("ip -n {phone} addr add {PHONE}/24 dev cp{number}"),
            format!("ip -n {phone} link set cp{number} up"),
            format!("ip -n {phone} link set lo up"),
            format!("ip -n {phone} route add default via 192.168.77.1"),
            format!("ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1"),
            format!("ip netns exec {router} nft add table ip nat"),
            format!("ip netns exec {router} nft add chain ip nat out {{ type nat hook postrouting priority 100 ; }}"),
            format!("ip netns exec {router} nft add rule ip nat out oifname cr{number} masquerade random"),
        ] {
            run(&command).unwrap_or_else(|why| panic!("{command}: {why} (this test makes network namespaces)"));
        }
        nat
    }

    fn names(&self) -> [String; 2] {
        [format!("centrala-r{}", self.number), format!("centrala-p{}", self.number)]
    }

    /// Where the exchange is.
    fn here(&self) -> String {
        format!("10.77.{}.1", self.number)
    }

    /// This command, run behind the router.
    fn behind(&self, command: &Command) -> Command {
        let [_, phone] = self.names();
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &phone]).arg(command.get_program()).args(command.get_args());
        inside.current_dir(house()).stdin(Stdio::null());
        inside
    }

    fn clear(&self) {
        for name in self.names() {
            drop(run(&format!("ip netns del {name}")));
        }
    }
}

/// With the namespaces their ends of the wires go too, and ours with them.
impl Drop for Nat {
    fn drop(&mut self) {
        self.clear();
    }
}

fn run(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap_or_default()).args(words).output().map_err(|why| why.to_string())?;
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

/// The lab, but for the fence that keeps it on loopback.
fn open_lab(folder: &Folder) -> std::path::PathBuf {
    let config = copied(folder).config;
    let main = config.join("centrala.yaml");
    let text = fs::read_to_string(&main).expect("our copy").replace("lab: true", "");
    fs::write(&main, text).expect("our copy");
    let phones = ["1001", "1002", "1003", "1004", "1005"];
    let extensions: String = phones.map(|user| format!("  {user}: {{password: {PASSWORD}}}\n")).concat();
    fs::write(config.join("extensions.yaml"), format!("extensions:\n{extensions}")).expect("our copy");
    let numbers = fs::read_to_string(config.join("numbers.yaml")).expect("our copy").replace(", open: true", "");
    fs::write(config.join("numbers.yaml"), numbers).expect("our copy");
    config
}

struct Answering(Child);

impl Drop for Answering {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn phones_behind_a_router_register_call_are_called_and_both_hear_each_other() {
    assert!(lab().exists());
    let (nat, folder) = (Nat::new(), Folder::new("nat"));
    let exchange = Exchange::at("nat-daemon", &open_lab(&folder), &format!("{}:0", nat.here()));

    std::thread::scope(|scope| {
        scope.spawn(|| calls_from_there(&nat, &folder, &exchange));
        is_called_there(&nat, &folder, &exchange);
    });
}

/// baresip there registers, walks the menu, and presses a key that arrives: the exchange says goodbye and hangs up.
fn calls_from_there(nat: &Nat, folder: &Folder, exchange: &Exchange) {
    let [welcome, goodbye] = [sound("pl", "welcome"), sound("pl", "goodbye")];
    let steps = format!("wait={:.1},dtmf=0,expect_bye=8", seconds(std::slice::from_ref(&welcome)) + 1.2);
    let mut call = driver("call.py");
    call.args([&*nat.here(), &exchange.port(), "1001", PASSWORD, "100", "--local", PHONE, "--steps", &steps, "--out"]);
    call.arg(folder.join("baresip"));
    let output = nat.behind(&call).output().expect("ip netns exec");
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}\n{}", said(&output), exchange.log()));
    assert!(told["answered"] == true && told["registered"] == true, "{told}\n{}", exchange.log());
    assert_eq!(told["ended_by"], "exchange", "the key arrived: {told}\n{}", exchange.log());
    let heard = told["recordings"][0].as_str().unwrap_or_else(|| panic!("one recording: {told}"));
    hears(heard.as_ref(), &[welcome, goodbye]).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
}

/// And another is called there: each plays something else, and hears the other.
fn is_called_there(nat: &Nat, folder: &Folder, exchange: &Exchange) {
    let server = exchange.sip.to_string();
    let (ours, theirs) = (sound("pl", "goodbye"), sound("en", "goodbye"));
    let (at_home, outside) = (folder.join("at-home.wav"), folder.join("outside.wav"));
    let mut answer = Command::new(env!("CARGO_BIN_EXE_centrala"));
    answer.args(["phone", "--server", &server, "--user", "1002", "--password", PASSWORD, "--local", &format!("{PHONE}:0")]);
    answer.args(["answer", "--play"]).arg(&theirs).arg("--record").arg(&at_home);
    let _phone = Answering(nat.behind(&answer).stdout(Stdio::null()).spawn().expect("ip netns exec"));
    let there = until(S(8), || exchange.registrations().iter().any(|phone| phone["user"] == "1002").then_some(()));
    assert!(there.is_some(), "{}", exchange.log());
    let local = format!("{}:0", nat.here());
    let (played, recorded) = (ours.display().to_string(), outside.display().to_string());
    let caller = ["--server", &server, "--user", "1003", "--password", PASSWORD, "--local", &local];
    let call = ["call", "1002", "--play", &played, "--record", &recorded, "--for", "4s"];
    let output = centrala(&[&["phone"], &caller[..], &call[..]].concat());
    assert!(output.status.success(), "{}\n{}", said(&output), exchange.log());
    hears(&outside, &[theirs]).unwrap_or_else(|why| panic!("outside: {why}\n{}", exchange.log()));
    let done = until(S(5), || (!exchange.calls().iter().any(|call| call["dialled"] == "1002")).then_some(()));
    assert!(done.is_some(), "{}", exchange.log());
    hears(&at_home, &[ours]).unwrap_or_else(|why| panic!("at home: {why}\n{}", exchange.log()));
}
