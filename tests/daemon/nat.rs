//! Phones behind address translation: they register, call and are called, and both sides hear each other.
//!
//! ```text
//!   here 10.77.N.1  <--veth-->  router 10.77.N.2 | 192.168.77.1  <--veth-->  phones 192.168.77.2 and .3
//!                               nft: masquerade
//! ```
//!
//! The test makes the two network namespaces itself, and takes them away; without the right to do so it says so and fails.

use crate::exchange::{Exchange, Folder, house, said};
use crate::lab::copied;
use crate::live::{Phone, Phrases};
use crate::phones::{driver, hears, hears_a_part, seconds, sound};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const PHONE: &str = "192.168.77.2";
const NEXT_TO_IT: &str = "192.168.77.3";
/// Routers on this machine at once.
const MOST: u32 = 250;
pub const PASSWORD: &str = "a-long-enough-secret";

struct Nat {
    number: u32,
}

impl Nat {
    fn new() -> Nat {
        // Whose router it is, is decided by who makes it first: another test may run beside us.
        let first = std::process::id() % MOST;
        let free = (first..MOST).chain(0..first).map(|number| Nat { number });
        let nat = free.into_iter().find(|nat| run(&format!("ip netns add {}", nat.names()[0])).is_ok());
        let nat = nat.expect("a network namespace (this test makes two, and may `ip netns add` nothing)");
        let number = nat.number;
        let [router, phone] = nat.names();
        for command in [
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
            format!("ip -n {phone} addr add {NEXT_TO_IT}/24 dev cp{number}"),
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

    /// How the router is seen from here.
    fn router(&self) -> String {
        format!("10.77.{}.2", self.number)
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

pub fn run(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap_or_default()).args(words).output().map_err(|why| why.to_string())?;
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

/// The lab, but for the fence that keeps it on loopback.
pub fn open_lab(folder: &Folder) -> std::path::PathBuf {
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

/// A command that is run here.
fn the_same(command: &Command) -> Command {
    let mut same = Command::new(command.get_program());
    same.args(command.get_args()).current_dir(house());
    same
}

/// A baresip that says this phrase over and over, registered as this extension.
fn registered(
    exchange: &Exchange,
    server: &str,
    user: &str,
    local: &str,
    phrase: &Path,
    place: &dyn Fn(&Command) -> Command,
) -> Phone {
    let mut live = driver("live.py");
    live.args([server, &exchange.port(), user, PASSWORD, "--local", local, "--accept-after", "0.3", "--play"]).arg(phrase);
    let phone = Phone::start(exchange, user, place(&live));
    let ready = phone.expect("READY");
    assert_eq!(ready["registered"], true, "{user}: {ready}\n{}", exchange.log());
    phone
}

/// Both talk, and each hears the other; the caller hangs up.
fn talk(caller: &mut Phone, called: &Phone, number: &str, phrases: [&Path; 2], exchange: &Exchange) {
    caller.say(&format!("dial {number}"));
    for phone in [&*caller, called] {
        assert!(phone.event("CALL_ESTABLISHED", S(10)).is_some(), "no call to {number}\n{}", exchange.log());
    }
    caller.stays("CALL_CLOSED", 3);
    caller.say("hangup");
    caller.expect("CALL_CLOSED");
    called.expect("CALL_CLOSED");
    for (who, phone, phrase) in [("the caller", &*caller, phrases[1]), ("the called", called, phrases[0])] {
        hears_a_part(&phone.recording(), 1.5, phrase)
            .unwrap_or_else(|why| panic!("{who} at {number}: {why}\n{}", exchange.log()));
    }
}

/// 1002 and 1003 are at home, behind the router; 1004 is outside.
#[test]
fn baresip_behind_a_router_calls_and_is_called_from_outside_and_from_next_to_it_and_all_hear_each_other() {
    let (nat, folder) = (Nat::new(), Folder::new("nat-phones"));
    let exchange = Exchange::at("nat-phones-daemon", &open_lab(&folder), &format!("{}:0", nat.here()));
    let (phrases, here) = (Phrases::new(), nat.here());
    let at_home = |command: &Command| nat.behind(command);
    let mut bartek = registered(&exchange, &here, "1002", PHONE, &phrases.agent, &at_home);
    let celina = registered(&exchange, &here, "1003", NEXT_TO_IT, &phrases.other, &at_home);
    let mut darek = registered(&exchange, &here, "1004", &here, &phrases.caller, &the_same);
    // The router gives both its own address, and calls go there.
    let registrations = exchange.registrations();
    let seen = registrations.iter().filter(|phone| phone.to_string().contains(&nat.router())).count();
    assert_eq!(seen, 2, "{registrations:#?}");
    talk(&mut darek, &bartek, "1002", [&phrases.caller, &phrases.agent], &exchange);
    talk(&mut bartek, &darek, "1004", [&phrases.agent, &phrases.caller], &exchange);
    talk(&mut bartek, &celina, "1003", [&phrases.agent, &phrases.other], &exchange);
    let records = exchange.records(3);
    assert!(records.iter().all(|record| record["outcome"] == "completed"), "{records:#?}");
}

/// baresip there registers, walks the menu, and presses a key that arrives: the exchange says goodbye and hangs up.
#[test]
fn baresip_behind_a_router_walks_the_menu() {
    let (nat, folder) = (Nat::new(), Folder::new("nat"));
    let exchange = Exchange::at("nat-daemon", &open_lab(&folder), &format!("{}:0", nat.here()));
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
