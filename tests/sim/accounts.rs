//! Providers with an account: where it is at home, and when it is registered again.

use super::servers::Exchange;
use centrala::config::{Identity, Trunk, TrunkAccount};
use centrala::pbx::{Action, Event};
use centrala::sim;
use centrala::sip::message::{Message, Name as Header, Request, Response, parse};
use centrala::sip::{Input, Path, Status};
use centrala::time::{Duration, Moment, Now};
use std::collections::BTreeSet;

const S: fn(u64) -> Duration = Duration::from_secs;

fn trunk(domain: Option<&str>) -> Trunk {
    let account = TrunkAccount { user: "acct".into(), domain: domain.map(String::from), register: Some(S(600)) };
    let send_to = Some("127.0.0.5:5080".parse().expect("an address"));
    Trunk { send_to, account: Some(account), probe: Some(S(1)), ..Trunk::default() }
}

fn read(bytes: &[u8]) -> Option<Request> {
    match parse(bytes) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

/// Until then; the moments at which a REGISTER leaves that did not before. A provider that is there answers.
fn lives(exchange: &mut Exchange, until: Moment, there: bool, seen: &mut BTreeSet<String>) -> Vec<Moment> {
    let mut registers = Vec::new();
    while let Some(at) = exchange.pbx.poll_timeout().map(|at| at.max(exchange.now.mono)).filter(|at| *at <= until) {
        exchange.now = Now { mono: at, wall: exchange.now.wall + at.since(exchange.now.mono) };
        let mut out = Vec::new();
        exchange.pbx.handle_timeout(exchange.now, &mut out);
        while let Some(action) = out.pop() {
            let Action::Transmit { path, bytes } = action else { continue };
            let Some(request) = read(&bytes) else { continue };
            let branch = request.headers.text(Header::Via).unwrap_or_default().to_string();
            if seen.insert(branch) && bytes.starts_with(b"REGISTER ") {
                registers.push(exchange.now.mono);
            }
            if there {
                let mut answer = Response::to(&request, Status(200));
                answer.set_to_tag("carrier");
                answer.headers.push(Header::Expires, "300");
                exchange.pbx.handle(received(path, answer.to_bytes()), exchange.now, &mut out);
            }
        }
    }
    registers
}

fn received(path: Path, bytes: Vec<u8>) -> Event {
    Event::Sip(Input::Received { path, bytes })
}

#[test]
fn a_provider_that_comes_back_has_us_registered_as_soon_as_its_probes_are_answered() {
    let mut exchange = Exchange::with(sim::EXCHANGE, &[], trunk(None));
    let (begun, mut seen) = (exchange.now.mono, BTreeSet::new());
    let tried = lives(&mut exchange, begun + S(3600), false, &mut seen);
    let pause = tried.windows(2).map(|two| two[1].since(two[0])).max().expect("several tries");
    assert!(pause > S(600), "the pauses grow: {pause:?}");
    // Right after a try that fails: the next one would be minutes away.
    let last = *tried.last().expect("several tries");
    let back = exchange.now.mono.max(last + S(40));
    lives(&mut exchange, back, false, &mut seen);
    let again = lives(&mut exchange, back + S(60), true, &mut seen);
    let late = again.first().expect("it is registered at").since(back);
    assert!(late < S(6), "two answered probes later, not {late:?}");
    assert_eq!(again.len(), 1, "and then it is left alone");
}

#[test]
fn the_account_s_domain_is_the_host_of_whoever_calls_and_of_whom_is_called() {
    let check = |domain: Option<&str>, asserted: bool, expected: [&str; 3]| {
        let identity = Identity { asserted, ..Identity::default() };
        let mut exchange = Exchange::with(sim::EXCHANGE, &[], Trunk { identity, ..trunk(domain) });
        let mut out = Vec::new();
        exchange.pbx.handle_timeout(exchange.now, &mut out);
        let (place, invite) = exchange.called().expect("the call goes out");
        assert_eq!(place.to_string(), "127.0.0.5:5080", "whatever the domain is");
        let invite = read(&invite).expect("a request");
        let told = [invite.from_().uri.as_str(), invite.to_().uri.as_str(), invite.uri.as_str()];
        assert_eq!(told, expected, "{domain:?}");
        let asserted_as = asserted.then(|| format!("<{}>", told[0]));
        assert_eq!(invite.headers.text(Header::PAssertedIdentity).as_deref(), asserted_as.as_deref(), "{domain:?}");
    };
    for asserted in [false, true] {
        let named = ["sip:acct@voip.example", "sip:600@voip.example", "sip:600@voip.example"];
        check(Some("voip.example"), asserted, named);
        check(None, asserted, ["sip:acct@127.0.0.5", "sip:600@127.0.0.5", "sip:600@127.0.0.5:5080"]);
    }
}
