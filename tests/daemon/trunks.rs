//! Providers: one that wants a password, one that is out of order, one that is silent, one that dies in the middle of a call.

use crate::exchange::{Exchange, Folder, free_port, until};
use crate::lab::copied;
use crate::line::{Call, Line};
use crate::phones::{Capture, From, baresip, hears, seconds, sound};
use crate::scenario::{Sipp, accept, answer, asks_with, goes_on, label, or_else, pause, picks_up, receive, send};
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const S: fn(u64) -> Duration = Duration::from_secs;
const PROVIDER: &str = "127.0.0.5";

/// The lab with these providers, and calls out by them.
pub fn lab_with(folder: &Folder, trunks: &str, outbound: &str) -> PathBuf {
    let lab = copied(folder);
    let text = fs::read_to_string(lab.config.join("trunks.yaml")).expect("the lab's trunks");
    fs::write(lab.config.join("trunks.yaml"), format!("{text}{trunks}")).expect("our copy");
    fs::write(lab.config.join("outbound.yaml"), outbound).expect("our copy");
    lab.config
}

/// An INVITE of extension 1001, with its password; the answer that ends it, or `None` while it rings on.
pub fn dials(exchange: &Exchange, number: &str, limit: Duration) -> (Line, Call, Option<u16>) {
    let mut line = Line::udp("127.0.0.1", exchange.sip);
    let mut call = Call::new(&line, "1001", number, exchange.sip);
    line.send(call.invite(None));
    let challenge = line.expect(S(5), |message| message.answers("INVITE")).expect("a challenge");
    line.send(call.ack(&challenge));
    let credentials = call.credentials("INVITE", &challenge, "pw1001");
    line.send(call.invite(Some(&credentials)));
    let answer = line.expect(limit, |message| message.answers("INVITE"));
    if let Some(answer) = &answer {
        line.send(call.ack(answer));
    }
    let status = answer.map(|answer| answer.status());
    (line, call, status)
}

#[test]
fn a_provider_that_wants_a_password_registers_us_and_takes_our_calls() {
    let folder = Folder::new("digest");
    // Either a REGISTER or an INVITE begins each of the two calls that SIPp sees: our registration, and the call.
    let challenge = "WWW-Authenticate: Digest realm=\"acme\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\n";
    let verify = "<action><verifyauth assign_to=\"ok\" username=\"acct\" password=\"provider-secret\"/></action>";
    let register = format!(
        "{}{}<recv request=\"REGISTER\">{verify}</recv>\n<nop next=\"8\" test=\"ok\"/>\n{}<nop next=\"9\"/>\n<label id=\"8\"/>\n{}<nop next=\"9\"/>\n",
        "",
        answer("401 Unauthorized", challenge, ""),
        answer("403 Forbidden", "", ""),
        answer("200 OK", "Expires: 300\n", ""),
    );
    let steps = format!(
        "<recv request=\"INVITE\" optional=\"true\" next=\"5\"/>\n<recv request=\"REGISTER\"/>\n{register}\
         <label id=\"5\"/>\n{}{}<recv request=\"INVITE\">{verify}</recv>\n<nop next=\"6\" test=\"ok\"/>\n{}<recv request=\"ACK\" next=\"9\"/>\n\
         <label id=\"6\"/>\n{}{}{}<label id=\"9\"/>\n<nop/>\n",
        answer("401 Unauthorized", challenge, ""),
        receive("request=\"ACK\""),
        answer("403 Forbidden", "", ""),
        answer("200 OK", "Content-Type: application/sdp\n", SDP),
        receive("request=\"ACK\""),
        accept("BYE"),
    );
    let mut provider = Sipp::start(&folder, "provider", PROVIDER, &steps, 2);
    let trunk = format!(
        "  acme:\n    send_to: \"{PROVIDER}:{}\"\n    account: {{user: acct, password: provider-secret, register: 5m}}\n",
        provider.port
    );
    let exchange = Exchange::with("digest-daemon", &lab_with(&folder, &trunk, "outbound: {via: acme, classes: [national]}\n"));
    let registered = until(S(5), || {
        let rows = exchange.ask(&["trunks"]);
        rows.as_array()?.iter().any(|row| row["name"] == "acme" && row["registered"] == "registered").then_some(())
    });
    assert!(registered.is_some(), "{}\n{}", exchange.ask(&["trunks"]), exchange.log());
    let (mut line, mut call, status) = dials(&exchange, "221234567", S(5));
    assert_eq!(status, Some(200), "{}", exchange.log());
    line.send(call.bye());
    provider.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
}

/// The account is our number.
#[test]
fn a_provider_where_we_have_registered_calls_in_and_walks_the_menu() {
    calls_in("calls-in", "48221234500");
}

/// The account is a name, and the number of ours that was dialled stands in To alone.
#[test]
fn a_provider_that_calls_the_account_says_in_to_whom_it_means() {
    calls_in("calls-account", "acct");
}

/// A provider that wants a password, and after our registration calls us: where our Contact says, from its own address, and with our
/// number in a form of its own.
fn calls_in(test: &str, account: &str) {
    let folder = Folder::new(test);
    let challenge = "WWW-Authenticate: Digest realm=\"acme\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\n";
    let verify = format!("<verifyauth assign_to=\"ok\" username=\"{account}\" password=\"provider-secret\"/>");
    let contact =
        "<ereg regexp=\"sip:[^&gt;]*\" search_in=\"hdr\" header=\"Contact:\" check_it=\"true\" assign_to=\"contact\"/>";
    let request = |method: &str, uri: &str, to: &str, cseq: u8, headers: &str, body: &str| {
        let caller = "From: \"Jan Kowalski\" <sip:+48601234567@acme.example;user=phone>;tag=[pid]in[call_number]";
        send(&format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport\nMax-Forwards: 68\n{caller}\nTo: {to}\n\
             Call-ID: in///[call_id]\nCSeq: {cseq} {method}\nContact: <sip:[local_ip]:[local_port];transport=udp>\n{headers}\
             Content-Length: [len]\n\n{body}"
        ))
    };
    let ours = "<sip:0048221234500@acme.example;user=phone>";
    let allow = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE\nSupported: 100rel, timer\nSession-Expires: 1800\nUser-Agent: acme SBC\n";
    let listens = (1000.0 * seconds(&[sound("pl", "welcome")])) as u32 + 1500;
    let steps = [
        receive("request=\"REGISTER\""),
        answer("401 Unauthorized", challenge, ""),
        format!("<recv request=\"REGISTER\"><action>{verify}{contact}</action></recv>\n<nop next=\"known\" test=\"ok\"/>\n"),
        answer("403 Forbidden", "", ""),
        goes_on("end"),
        label("known"),
        answer("200 OK", "Expires: 300\n", ""),
        request("INVITE", "[$contact]", ours, 101, &format!("{allow}Content-Type: application/sdp\n"), SDP),
        "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\" optional=\"true\"/>\n".into(),
        "<recv response=\"200\" rrs=\"true\"><action><ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"to\"/></action></recv>\n".into(),
        request("ACK", "[next_url]", "[$to]", 101, "", ""),
        pause(listens),
        request("INFO", "[next_url]", "[$to]", 102, "Content-Type: application/dtmf-relay\n", "Signal=0\nDuration=160\n"),
        receive("response=\"200\""),
        accept("BYE"),
        label("end"),
        "<nop/>\n<Reference variables=\"contact,to\"/>\n".into(),
    ];
    let mut provider = Sipp::start(&folder, "provider", PROVIDER, &steps.concat(), 1);
    let trunk = format!(
        "  acme:\n    send_to: \"{PROVIDER}:{}\"\n    accept_from: [{PROVIDER}]\n    account: {{user: \"{account}\", password: provider-secret, register: 5m}}\n",
        provider.port
    );
    let lab = lab_with(&folder, &trunk, "outbound: {via: acme, classes: [national], numbers: [\"+48221234500\"]}\n");
    let numbers = fs::read_to_string(lab.join("numbers.yaml")).expect("our copy");
    fs::write(lab.join("numbers.yaml"), format!("{numbers}  \"+48221234500\": {{flow: main}}\n")).expect("our copy");
    // The provider calls as soon as we are registered: what it hears is captured from before.
    let at = format!("127.0.0.1:{}", free_port("127.0.0.1"));
    let capture =
        Capture::begun(folder.join("capture.pcap"), at.rsplit(':').next().unwrap_or_default().to_owned(), &[PROVIDER]);
    let exchange = Exchange::at(&format!("{test}-daemon"), &lab, &at);
    provider.is_content(S(15)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    let record = &exchange.records(1)[0];
    let streams = capture.streams();
    let heard = crate::agents::wav(crate::agents::stream(&streams, "exchange", PROVIDER));
    hears(&heard, &[sound("pl", "welcome"), sound("pl", "goodbye")]).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    let told = ["source", "from", "dialled", "outcome", "ended_by"].map(|name| record[name].as_str().unwrap_or_default());
    assert_eq!(told, ["trunk acme", "+48601234567", "0048221234500", "completed", "exchange"], "{record:#}");
    let nodes: Vec<_> = record["path"].as_array().into_iter().flatten().filter_map(|step| step["node"].as_str()).collect();
    assert_eq!(nodes, ["welcome", "menu", "goodbye", "end"], "{record:#}");
}

const SDP: &str =
    "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000\n";

#[test]
fn a_provider_that_is_out_of_order_is_passed_over_and_left_in_peace() {
    let folder = Folder::new("order");
    let refuses = format!(
        "{}{}{}",
        receive("request=\"INVITE\""),
        answer("503 Service Unavailable", "Retry-After: 60\n", ""),
        receive("request=\"ACK\"")
    );
    let mut first = Sipp::start(&folder, "first", PROVIDER, &refuses, 1);
    let mut second = Sipp::start(&folder, "second", "127.0.0.6", &format!("{}{}", picks_up(), accept("BYE")), 2);
    let trunks = format!(
        "  first: {{send_to: \"{PROVIDER}:{}\"}}\n  second: {{send_to: \"127.0.0.6:{}\"}}\ntrunk_groups: {{both: [first, second]}}\n",
        first.port, second.port
    );
    let exchange = Exchange::with("order-daemon", &lab_with(&folder, &trunks, "outbound: {via: both, classes: [national]}\n"));
    // The second call does not even ask the first provider: SIPp there has had its one call, and is gone.
    for number in ["221234567", "601234567"] {
        let (mut line, mut call, status) = dials(&exchange, number, S(5));
        assert_eq!(status, Some(200), "{}", exchange.log());
        line.send(call.bye());
        line.expect(S(5), |message| message.answers("BYE")).expect("a 200");
    }
    first.is_content(S(5)).unwrap_or_else(|why| panic!("{why}"));
    second.is_content(S(5)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    let rows = exchange.ask(&["trunks"]);
    let state =
        |name: &str| rows.as_array().expect("rows").iter().find(|row| row["name"] == name).map(|row| row["state"].clone());
    assert_eq!(state("first"), Some("resting".into()), "{rows}");
    let record = exchange.records(2).remove(0);
    let legs = record["legs"].as_array().expect("legs").iter();
    let carried: Vec<_> = legs.filter(|leg| leg["role"] == "trunk").map(|leg| (&leg["number"], &leg["trunk"])).collect();
    let number = serde_json::Value::from("+48221234567");
    assert_eq!(carried, [(&number, &"first".into()), (&number, &"second".into())], "{record:#}");
}

#[test]
fn who_is_busy_or_declines_is_not_rung_again_by_the_next_provider() {
    let folder = Folder::new("declines");
    let refuses =
        |status: &str| format!("{}{}{}", receive("request=\"INVITE\""), answer(status, "", ""), receive("request=\"ACK\""));
    let mut first = Sipp::start(&folder, "first", PROVIDER, &refuses("486 Busy Here"), 1);
    let mut declining = Sipp::start(&folder, "declining", "127.0.0.7", &refuses("603 Decline"), 1);
    // Nobody serves there: a call to it would be seen, and be unreachable.
    let spare = UdpSocket::bind(("127.0.0.6", 0)).expect("a loopback port");
    let trunks = format!(
        "  first: {{send_to: \"{PROVIDER}:{}\"}}\n  declining: {{send_to: \"127.0.0.7:{}\"}}\n  spare: {{send_to: \"{}\"}}\n",
        first.port,
        declining.port,
        spare.local_addr().expect("bound")
    );
    spare.set_nonblocking(true).expect("a flag");
    for (group, status) in [("first", 486), ("declining", 603)] {
        let groups = format!("trunk_groups: {{both: [{group}, spare]}}\n");
        let outbound = format!("{groups}outbound: {{via: both, classes: [national]}}\n");
        let exchange = Exchange::with("declines-daemon", &lab_with(&folder, &trunks, &outbound));
        let (_line, _call, told) = dials(&exchange, "221234567", S(5));
        assert_eq!(told, Some(status), "{}", exchange.log());
        exchange.becomes_quiet(S(5), false);
    }
    first.is_content(S(5)).unwrap_or_else(|why| panic!("{why}"));
    declining.is_content(S(5)).unwrap_or_else(|why| panic!("{why}"));
    let mut buffer = [0; 4096];
    while let Ok(length) = spare.recv(&mut buffer) {
        let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(!asked.starts_with("INVITE"), "{asked}");
    }
}

#[test]
fn that_a_number_is_wrong_is_told_whatever_else_the_providers_say() {
    let folder = Folder::new("unknown");
    let refuses =
        |status: &str| format!("{}{}{}", receive("request=\"INVITE\""), answer(status, "", ""), receive("request=\"ACK\""));
    let mut broken = Sipp::start(&folder, "broken", PROVIDER, &refuses("500 Server Internal Error"), 2);
    let mut knows = Sipp::start(&folder, "knows", "127.0.0.7", &refuses("404 Not Found"), 2);
    let trunks =
        format!("  broken: {{send_to: \"{PROVIDER}:{}\"}}\n  knows: {{send_to: \"127.0.0.7:{}\"}}\n", broken.port, knows.port);
    for group in ["broken, knows", "knows, broken"] {
        let outbound = format!("trunk_groups: {{both: [{group}]}}\noutbound: {{via: both, classes: [national]}}\n");
        let exchange = Exchange::with("unknown-daemon", &lab_with(&folder, &trunks, &outbound));
        let (_line, _call, told) = dials(&exchange, "221234567", S(5));
        assert_eq!(told, Some(404), "{group}: {}", exchange.log());
        exchange.becomes_quiet(S(5), false);
    }
    broken.is_content(S(5)).unwrap_or_else(|why| panic!("{why}"));
    knows.is_content(S(5)).unwrap_or_else(|why| panic!("{why}"));
}

/// SIG-17. The first provider is a SIPp that answers its probes until a call comes, and says no word more. The moments are those at
/// which SIPp itself, here and at the second provider, says that it received a message.
#[test]
fn a_call_to_a_silent_provider_goes_to_the_next_half_a_second_after_the_second_missed_probe() {
    let folder = Folder::new("silent");
    let steps = [
        "<Global variables=\"silent\"/>\n".into(),
        or_else("OPTIONS", "asked"),
        "<recv request=\"INVITE\"><action><assign assign_to=\"silent\" value=\"1\"/></action></recv>\n<nop next=\"says-nothing\"/>\n".into(),
        label("asked"),
        "<nop next=\"says-nothing\" test=\"silent\"/>\n".into(),
        answer("200 OK", "", ""),
        goes_on("end"),
        label("says-nothing"),
        pause(60_000),
        label("end"),
        "<nop/>\n<Reference variables=\"silent\"/>\n".into(),
    ];
    let first = Sipp::serves(&folder, "first", PROVIDER, &steps.concat());
    let second = Sipp::serves(&folder, "second", "127.0.0.6", &format!("{}{}", picks_up(), accept("BYE")));
    let trunks = format!(
        "  first: {{send_to: \"{PROVIDER}:{}\", probe: 1s}}\n  second: {{send_to: \"127.0.0.6:{}\"}}\ntrunk_groups: {{both: [first, second]}}\n",
        first.port, second.port
    );
    let lab = lab_with(&folder, &trunks, "outbound: {via: both, classes: [national]}\n");
    let exchange = Exchange::with("silent-daemon", &lab);
    let said = baresip(&exchange, From::Extension("1001"), "221234567", "wait=1", &["--ring", "12"]);
    assert_eq!((&said["answered"], &said["ended_by"]), (&true.into(), &"caller".into()), "{said}\n{}", exchange.log());
    let fell_silent = first.received("INVITE").first().copied().unwrap_or_else(|| panic!("no call came\n{}", exchange.log()));
    // Each probe is missed a second after it was sent, and the next one is sent at once.
    let unanswered: Vec<f64> = first.received("OPTIONS").into_iter().filter(|at| *at > fell_silent).collect();
    let [_, again, ..] = unanswered[..] else { panic!("{unanswered:?}\n{}", exchange.log()) };
    let came = second.received("INVITE").first().copied().unwrap_or_else(|| panic!("no INVITE came\n{}", exchange.log()));
    println!("silent at {fell_silent}, asked at {unanswered:?}, the next provider is called at {came}");
    let late = came - (again + 1.0);
    assert!((-0.05..0.5).contains(&late), "{late} s after the second missed probe");
    let rows = exchange.ask(&["trunks"]);
    assert!(rows.as_array().expect("rows").iter().any(|row| row["name"] == "first" && row["state"] == "down"), "{rows}");
}

/// SIG-19.
#[test]
fn a_provider_that_rings_without_end_is_given_up_for_the_next_one() {
    let folder = Folder::new("rings");
    let steps = format!(
        "{}{}{}{}{}{}",
        "<recv request=\"INVITE\"><action><ereg regexp=\".*\" search_in=\"hdr\" header=\"CSeq:\" assign_to=\"6\"/></action></recv>\n",
        answer("180 Ringing", "", ""),
        receive("request=\"CANCEL\""),
        answer("200 OK", "", ""),
        answer("487 Request Terminated", "", "").replace("[last_CSeq:]", "CSeq:[$6]"),
        receive("request=\"ACK\"")
    );
    let mut first = Sipp::start(&folder, "first", PROVIDER, &steps, 1);
    let mut second = Sipp::start(&folder, "second", "127.0.0.6", &format!("{}{}", picks_up(), accept("BYE")), 1);
    let trunks = format!(
        "  first: {{send_to: \"{PROVIDER}:{}\", ring: 2s}}\n  second: {{send_to: \"127.0.0.6:{}\"}}\ntrunk_groups: {{both: [{{trunk: first, order: 1}}, {{trunk: second, order: 2}}]}}\n",
        first.port, second.port
    );
    let exchange = Exchange::with("rings-daemon", &lab_with(&folder, &trunks, "outbound: {via: both, classes: [national]}\n"));
    let dialled = Instant::now();
    let (mut line, mut call, status) = dials(&exchange, "221234567", S(6));
    let took = dialled.elapsed();
    assert_eq!(status, Some(200), "{}", exchange.log());
    assert!(S(2) <= took && took < S(3), "{took:?}");
    line.send(call.bye());
    first.is_content(S(5)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    second.is_content(S(5)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
}

#[test]
fn whom_a_trusted_provider_asserts_is_the_caller_and_nobody_else_is_believed() {
    let folder = Folder::new("asserts");
    let trunks = "  believed: {accept_from: [127.0.0.16/30], identity: {trusted: true}}\n  other: {accept_from: [127.0.0.5]}\n";
    let exchange = Exchange::with("asserts-daemon", &lab_with(&folder, trunks, ""));
    let check = |from: &str, headers: &str, trunk: &str, expected: &str| {
        let mut line = Line::udp(from, exchange.sip);
        let mut call = Call::new(&line, "48221234567", "101", exchange.sip);
        line.send(call.invite(Some(headers)));
        let answer = line.expect(S(5), |message| message.answers("INVITE")).expect("an answer");
        assert_eq!(answer.status(), 200, "{from}: {answer:?}");
        line.send(call.ack(&answer));
        let calls = exchange.calls();
        let found = calls.iter().map(|call| (call["from"].as_str(), call["source"].as_str())).collect::<Vec<_>>();
        assert_eq!(found, [(Some(expected), Some(&*format!("trunk {trunk}")))], "{headers}: {calls:#?}");
        line.send(call.bye());
        line.expect(S(5), |message| message.answers("BYE")).expect("a 200");
        until(S(5), || exchange.calls().is_empty().then_some(())).expect("it is over");
    };
    let asserted = "P-Asserted-Identity: \"Jan\" <sip:+48601234567@provider.example>\r\n";
    check("127.0.0.18", asserted, "believed", "+48601234567");
    check("127.0.0.19", "", "believed", "+48221234567");
    check("127.0.0.18", &format!("{asserted}Privacy: id\r\n"), "believed", "+48221234567");
    check("127.0.0.5", asserted, "other", "+48221234567");
}

/// SIG-20.
#[test]
fn a_provider_that_dies_in_the_middle_of_a_call_ends_it_with_its_cause() {
    let folder = Folder::new("dies");
    let mut provider = Sipp::start(&folder, "dies", PROVIDER, &format!("{}{}", picks_up(), pause(60_000)), 1);
    let trunks = format!("  acme: {{send_to: \"{PROVIDER}:{}\"}}\n", provider.port);
    let lab = lab_with(&folder, &trunks, "outbound: {via: acme, classes: [national]}\n");
    let exchange = Exchange::with("dies-daemon", &lab);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| baresip(&exchange, From::Extension("1001"), "221234567", "expect_bye=25", &[]));
        let talking = until(S(8), || exchange.calls().iter().any(|call| call["phase"] == "bridged").then_some(()));
        assert!(talking.is_some(), "{}", exchange.log());
        provider.kill();
        let said = caller.join().expect("baresip");
        assert_eq!(said["ended_by"], "exchange", "{said}\n{}", exchange.log());
    });
    let record = &exchange.records(1)[0];
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"failed".into(), &"network".into()), "{record}");
}

#[test]
fn the_sound_before_an_answer_is_let_through_and_told_of_once() {
    let folder = Folder::new("early");
    let progress = || answer("183 Session Progress", "Content-Type: application/sdp\n", SDP);
    let steps = format!(
        "{}{}{}{}{}{}{}{}{}",
        receive("request=\"INVITE\""),
        progress(),
        pause(200),
        progress(),
        pause(200),
        answer("180 Ringing", "", ""),
        answer("200 OK", "Content-Type: application/sdp\n", SDP),
        receive("request=\"ACK\""),
        accept("BYE")
    );
    let mut provider = Sipp::start(&folder, "early", PROVIDER, &steps, 1);
    let trunks = format!("  acme: {{send_to: \"{PROVIDER}:{}\"}}\n", provider.port);
    let lab = lab_with(&folder, &trunks, "outbound: {via: acme, classes: [national]}\n");
    let exchange = Exchange::with("early-daemon", &lab);
    let mut line = Line::udp("127.0.0.1", exchange.sip);
    let mut call = Call::new(&line, "1001", "221234567", exchange.sip);
    line.send(call.invite(None));
    let challenge = line.expect(S(5), |message| message.answers("INVITE")).expect("a challenge");
    line.send(call.ack(&challenge));
    let credentials = call.credentials("INVITE", &challenge, "pw1001");
    line.send(call.invite(Some(&credentials)));
    let mut told = Vec::new();
    let answer = line.expect(S(5), |message| {
        if (101..200).contains(&message.status()) {
            told.push((message.status(), message.body.contains("m=audio")));
        }
        message.answers("INVITE")
    });
    let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", exchange.log()));
    assert_eq!((told, answer.status()), (vec![(183, true)], 200), "{}", exchange.log());
    line.send(call.ack(&answer));
    line.send(call.bye());
    provider.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
}

#[test]
fn an_agent_at_a_telephone_outside_presses_1_and_has_the_call() {
    let folder = Folder::new("mobile");
    let key = asks_with("INFO", "Content-Type: application/dtmf-relay\n", "Signal=1\nDuration=160\n");
    let person = format!("{}{}{key}{}{}", picks_up(), pause(500), receive("response=\"200\""), accept("BYE"));
    let mut provider = Sipp::start(&folder, "person", PROVIDER, &person, 1);
    let trunks = format!("  acme: {{send_to: \"{PROVIDER}:{}\"}}\n", provider.port);
    let lab = lab_with(&folder, &trunks, "outbound: {via: acme, classes: [national]}\n");
    let agents = "agents:\n  mobile: {telephone: \"+48601234567\", queues: [support]}\n";
    fs::write(lab.join("agents.yaml"), agents).expect("our copy");
    let exchange = Exchange::with("mobile-daemon", &lab);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| baresip(&exchange, From::Extension("1001"), "100", "wait=1,dtmf=2,wait=4", &[]));
        let talking = until(S(10), || exchange.calls().iter().any(|call| call["holder"] == "agent mobile").then_some(()));
        assert!(talking.is_some(), "{}", exchange.log());
        caller.join().expect("baresip");
    });
    provider.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    let record = &exchange.records(1)[0];
    let legs = record["legs"].as_array().expect("legs");
    assert!(
        legs.iter().any(|leg| leg["role"] == "agent" && leg["number"] == "mobile" && leg["answered"].is_string()),
        "{record}"
    );
}
