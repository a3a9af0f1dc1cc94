//! An exchange with real addresses, as it is shipped: it listens everywhere, and its provider is told where; behind address
//! translation, where it is seen from outside.
//!
//! ```text
//!   exchange 10.78.N.1 (and 203.0.113.10)  <--veth-->  provider 10.78.N.2
//! ```
//!
//! The test makes the two network namespaces itself, and takes them away; without the right to do so it says so and fails.

use crate::exchange::{Exchange, Folder, house};
use crate::nat::{PASSWORD, open_lab, run};
use crate::scenario::{Sipp, accept, answer, asks, checked, invites, pause, receive, rings_and_picks_up};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const EXTERNAL: &str = "203.0.113.10";
/// Wires on this machine at once.
const MOST: u32 = 250;

struct Wire {
    number: u32,
}

impl Wire {
    fn new() -> Wire {
        let first = std::process::id() % MOST;
        let free = (first..MOST).chain(0..first).map(|number| Wire { number });
        let wire = free.into_iter().find(|wire| run(&format!("ip netns add {}", wire.names()[0])).is_ok());
        let wire = wire.expect("a network namespace (this test makes two, and may `ip netns add` nothing)");
        let ([exchange, provider], number) = (wire.names(), wire.number);
        for command in [
            format!("ip netns add {provider}"),
            format!("ip -n {exchange} link add we{number} type veth peer name wp{number} netns {provider}"),
            format!("ip -n {exchange} addr add {}/24 dev we{number}", wire.exchange()),
            format!("ip -n {exchange} addr add {EXTERNAL}/32 dev we{number}"),
            format!("ip -n {provider} addr add {}/24 dev wp{number}", wire.provider()),
            format!("ip -n {exchange} link set lo up"),
            format!("ip -n {exchange} link set we{number} up"),
            format!("ip -n {provider} link set lo up"),
            format!("ip -n {provider} link set wp{number} up"),
            format!("ip -n {provider} route add {EXTERNAL}/32 via {}", wire.exchange()),
        ] {
            run(&command).unwrap_or_else(|why| panic!("{command}: {why} (this test makes network namespaces)"));
        }
        wire
    }

    fn names(&self) -> [String; 2] {
        [format!("centrala-e{}", self.number), format!("centrala-w{}", self.number)]
    }

    fn exchange(&self) -> String {
        format!("10.78.{}.1", self.number)
    }

    fn provider(&self) -> String {
        format!("10.78.{}.2", self.number)
    }

    /// The daemon, in its namespace, listening on every address.
    fn daemon(&self, test: &str, config: &Path) -> Exchange {
        let [namespace, _] = self.names();
        Exchange::wrapped(test, config, "0.0.0.0:0", |command| {
            let mut inside = Command::new("ip");
            inside.args(["netns", "exec", &namespace]).arg(command.get_program()).args(command.get_args());
            inside.current_dir(house()).stdin(Stdio::null());
            inside
        })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for name in self.names() {
            drop(run(&format!("ip netns del {name}")));
        }
    }
}

/// SIPp as a provider that registers us, calls, and is called: what each of its peers says of itself has to be `told`. Whoever
/// follows a Contact comes back.
fn a_provider_finds_us(test: &str, media: &str, told: fn(&Wire) -> String) {
    let (wire, folder) = (Wire::new(), Folder::new(test));
    let (told, provider) = (told(&wire), wire.provider());
    let [_, there] = wire.names();
    let here = told.replace('.', "[.]");
    let [contact, via] = [format!("Contact: <sip:([^@>]*@)?{here}:"), format!("Via: SIP/2.0/UDP {here}:")];
    let [from, sound] = [format!("From: [^@]*@{here}"), format!("c=IN IP4 {here}")];
    let (registers, calls) = ([&*contact, &*via], [&*contact, &*via, &*from, &*sound]);
    let registered = format!("{}{}", checked("request=\"REGISTER\"", &registers), answer("200 OK", "Expires: 300\n", ""));
    let mut registrar = Sipp::within(&there, &folder, "registrar", &provider, &registered, &["-m", "1"]);
    let bye = format!("{}{}{}{}", rings_and_picks_up(&calls), pause(300), asks("BYE", ""), receive("response=\"200\""));
    let mut line = Sipp::within(&there, &folder, "line", &provider, &bye, &["-m", "1"]);
    let config = open_lab(&folder);
    let trunks = format!(
        "  acme: {{send_to: \"{provider}:{}\", accept_from: [{provider}], account: {{user: acct, password: a-long-enough-secret, register: 5m}}}}\n  \
         line: {{send_to: \"{provider}:{}\"}}\n",
        registrar.port, line.port
    );
    let text = fs::read_to_string(config.join("trunks.yaml")).expect("our copy");
    fs::write(config.join("trunks.yaml"), text + &trunks).expect("our copy");
    // Whoever calls 1005 is sent on, out by the line.
    fs::write(config.join("outbound.yaml"), "outbound: {via: line, classes: [national]}\n").expect("our copy");
    let extensions = fs::read_to_string(config.join("extensions.yaml")).expect("our copy");
    let sent_on = format!("1005: {{password: {PASSWORD}, forward: {{always: 221234567}}}}");
    let extensions = extensions.replace(&format!("1005: {{password: {PASSWORD}}}"), &sent_on);
    fs::write(config.join("extensions.yaml"), extensions).expect("our copy");
    let main = config.join("centrala.yaml");
    let text = fs::read_to_string(&main).expect("our copy");
    fs::write(&main, format!("{text}{media}")).expect("our copy");
    let exchange = wire.daemon(&format!("{test}-daemon"), &config);
    registrar.is_content(S(8)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    // Who calls in is answered with a Contact that leads to us too: its ACK goes there.
    let steps = format!("{}{}", invites("1005", &[&contact, &sound]), accept("BYE"));
    let server = format!("{}:{}", wire.exchange(), exchange.port());
    let mut caller = Sipp::within(&there, &folder, "caller", &provider, &steps, &[&server, "-m", "1", "-s", "48221234567"]);
    caller.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    line.is_content(S(5)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    let record = &exchange.records(1)[0];
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"completed".into(), &"callee".into()), "{record}");
}

#[test]
fn an_exchange_that_listens_everywhere_says_where_it_is() {
    a_provider_finds_us("everywhere", "", Wire::exchange);
}

#[test]
fn an_exchange_behind_address_translation_says_where_it_is_seen() {
    let media = format!("media: {{external_address: {EXTERNAL}, local_networks: [127.0.0.0/8]}}\n");
    a_provider_finds_us("external", &media, |_| EXTERNAL.into());
}
