//! A provider that is found by SRV (RFC 2782, RFC 3263): a name server that the test runs, and SIPp at the two places it names.
//!
//! The daemon asks whom `/etc/resolv.conf` names, as everybody does: it runs in a mount namespace of its own in which another file lies
//! there, and the name server on port 53 of a loopback address of its own. Without the right to do so the test says so and fails.

use crate::exchange::{Exchange, Folder, until};
use crate::nat::open_lab;
use crate::phones::driver;
use crate::scenario::{Sipp, accept, answer, goes_on, label, or_else, picks_up, receive};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const FIRST: &str = "127.0.0.5";
const SECOND: &str = "127.0.0.6";

/// `tests/phones/names.py`, gone when the test is.
struct Names {
    child: Child,
    address: String,
    asked: PathBuf,
}

impl Names {
    fn serve(folder: &Folder, records: &[String]) -> Names {
        let id = std::process::id();
        // Nobody else's, also when the test runs twice at once.
        let address = format!("127.53.{}.{}", id / 250 % 250, id % 250 + 1);
        let (asked, errors) = (folder.join("asked"), folder.join("names.errors"));
        let written = |path: &PathBuf| fs::File::create(path).expect("our own folder");
        let mut names = driver("names.py");
        names.arg(format!("{address}:53")).args(records).stdout(written(&asked)).stderr(written(&errors));
        let mut child = names.spawn().expect("python");
        let ready = until(S(10), || {
            let has_ended = child.try_wait().expect("our child").is_some();
            assert!(!has_ended, "no name server at {address}:53: {}", fs::read_to_string(&errors).unwrap_or_default());
            BufReader::new(fs::File::open(&asked).ok()?).lines().next()?.ok()
        });
        assert!(ready.is_some(), "the name server is not ready");
        Names { child, address, asked }
    }

    /// A command for which this is the only name server.
    fn only_for(&self, folder: &Folder, command: &Command) -> Command {
        let (resolv, switch) = (folder.join("resolv.conf"), folder.join("nsswitch.conf"));
        fs::write(&resolv, format!("nameserver {}\noptions timeout:1 attempts:1\n", self.address)).expect("our own folder");
        fs::write(&switch, "hosts: files dns\n").expect("our own folder");
        let mounts = "mount --bind \"$1\" /etc/resolv.conf && mount --bind \"$2\" /etc/nsswitch.conf && shift 2 && exec \"$@\"";
        let mut inside = Command::new("unshare");
        inside.args(["--mount", "sh", "-c", mounts, "sh"]).arg(resolv).arg(switch).arg(command.get_program());
        inside.args(command.get_args());
        inside
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server of the provider: it takes our registration, answers our probes, and does this with a call.
fn server(folder: &Folder, name: &str, address: &str, with_a_call: &str) -> Sipp {
    let steps = [
        or_else("OPTIONS", "asked"),
        or_else("REGISTER", "asked"),
        with_a_call.to_owned(),
        goes_on("end"),
        label("asked"),
        answer("200 OK", "Expires: 300\n", ""),
        label("end"),
        "<nop/>\n".into(),
    ];
    Sipp::serves(folder, name, address, &steps.concat())
}

#[test]
fn a_provider_found_by_srv_that_is_out_of_order_is_called_probed_and_registered_at_its_next_server() {
    let folder = Folder::new("srv");
    let refuses =
        format!("{}{}{}", receive("request=\"INVITE\""), answer("503 Service Unavailable", "", ""), receive("request=\"ACK\""));
    let first = server(&folder, "first", FIRST, &refuses);
    let second = server(&folder, "second", SECOND, &format!("{}{}", picks_up(), accept("BYE")));
    // The better one is told of last.
    let names = Names::serve(
        &folder,
        &[
            format!("SRV _sip._udp.carrier.test 20 0 {} two.carrier.test", second.port),
            format!("SRV _sip._udp.carrier.test 10 0 {} one.carrier.test", first.port),
            format!("A one.carrier.test {FIRST}"),
            format!("A two.carrier.test {SECOND}"),
        ],
    );
    let config = open_lab(&folder);
    let trunks = fs::read_to_string(config.join("trunks.yaml")).expect("our copy");
    let carrier = "  carrier:\n    send_to: carrier.test\n    probe: 1s\n    account: {user: \"48221234500\", password: provider-secret, register: 5m}\n";
    fs::write(config.join("trunks.yaml"), format!("{trunks}{carrier}")).expect("our copy");
    fs::write(config.join("outbound.yaml"), "outbound: {via: carrier, classes: [national]}\n").expect("our copy");
    let exchange = Exchange::wrapped("srv-daemon", &config, "127.0.0.1:0", |command| names.only_for(&folder, command));
    let why = || format!("{}\n{}", exchange.ask(&["trunks"]), exchange.log());
    let row = |wanted: &[(&str, &str)]| {
        let rows = exchange.ask(&["trunks"]);
        let row = rows.as_array()?.iter().find(|row| row["name"] == "carrier")?.clone();
        wanted.iter().all(|(name, value)| row[*name] == **value).then_some(())
    };
    let stands = [("state", "up"), ("registered", "registered")];
    assert!(until(S(8), || row(&stands)).is_some(), "{}", why());
    let asked = fs::read_to_string(&names.asked).expect("what was asked");
    assert!(asked.contains("\"_sip._udp.carrier.test\", \"type\": 33, \"answers\": 2"), "{asked}");
    assert!(!first.received("REGISTER").is_empty() && !first.received("OPTIONS").is_empty(), "the better one first: {}", why());
    assert_eq!((second.received("REGISTER").len(), second.received("OPTIONS").len()), (0, 0), "{}", why());

    let mut call = driver("call.py");
    call.args(["127.0.0.1", &exchange.port(), "1001", crate::nat::PASSWORD, "221234567", "--steps", "wait=1", "--out"]);
    let output = call.arg(folder.join("baresip")).output().expect("python");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}\n{}", why()));
    assert_eq!((&told["answered"], &told["ended_by"]), (&true.into(), &"caller".into()), "{told}\n{}", why());
    let (refused, taken) = (first.received("INVITE"), second.received("INVITE"));
    assert_eq!((refused.len(), taken.len()), (1, 1), "{}", why());
    assert!(taken[0] >= refused[0], "{refused:?} {taken:?}");
    // From then on that one is asked and registered at, and the other one no more.
    let followed =
        until(S(8), || (!second.received("REGISTER").is_empty() && second.received("OPTIONS").len() >= 2).then_some(()));
    assert!(followed.is_some(), "probes and registration follow: {}", why());
    let since = second.received("OPTIONS").first().copied().unwrap_or_default();
    assert_eq!(first.received("OPTIONS").iter().filter(|at| **at > since).count(), 0, "{}", why());
    assert!(until(S(8), || row(&stands)).is_some(), "{}", why());
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
}
