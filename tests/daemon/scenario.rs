//! SIPp as anybody: a scenario of its own, written by the test, at an address of its own.
//!
//! Invariant: a SIPp that a test has started is gone when the test is.

use crate::exchange::{Exchange, Folder, free_port, media_port, until};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Enough for a call without sound.
const BODY: &str = "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8 101\n\
    a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n";

const VIA: &str = "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n";
const FROM: &str = "From: <sip:[service]@[remote_ip]:[remote_port]>;tag=[pid]t[call_number]\n";

pub struct Sipp {
    child: Child,
    pub port: u16,
    folder: std::path::PathBuf,
    name: String,
}

impl Sipp {
    /// Starts SIPp at `address` with these steps, for one call or as many as are `wanted`.
    pub fn start(folder: &Folder, name: &str, address: &str, steps: &str, wanted: u32) -> Sipp {
        Sipp::run(folder, name, address, steps, &["-m", &wanted.to_string()])
    }

    /// SIPp as the phone of this extension, in a call that it makes itself (see [`dials`]). What it logs is in `NAME.log`.
    pub fn calls(folder: &Folder, name: &str, address: &str, steps: &str, user: &str, exchange: &Exchange) -> Sipp {
        let (server, password) = (exchange.sip.to_string(), format!("pw{user}"));
        let log = folder.join(&format!("{name}.log")).display().to_string();
        let more = [&*server, "-m", "1", "-s", user, "-au", user, "-ap", &password, "-trace_logs", "-log_file", &log];
        Sipp::run(folder, name, address, steps, &more)
    }

    /// SIPp at `address` that takes as many calls as come, until the test ends. What it logs is in `NAME.log`, and every message with
    /// its time in `NAME.messages`.
    pub fn serves(folder: &Folder, name: &str, address: &str, steps: &str) -> Sipp {
        let file = |what: &str| folder.join(&format!("{name}.{what}")).display().to_string();
        let (log, messages) = (file("log"), file("messages"));
        let traces = ["-trace_logs", "-log_file", &log, "-trace_shortmsg", "-shortmessage_file", &messages];
        // A call that is over is forgotten at once: who asks again under its name begins anew.
        let more = ["-timeout", "100", "-deadcall_wait", "0"];
        Sipp::run(folder, name, address, steps, &[&traces[..], &more].concat())
    }

    /// SIPp in a network namespace, at an address that only that one has.
    pub fn within(namespace: &str, folder: &Folder, name: &str, address: &str, steps: &str, more: &[&str]) -> Sipp {
        let port = free_port("127.0.0.1");
        Sipp::by(&["ip", "netns", "exec", namespace, "sipp"], port, media_port("127.0.0.1"), folder, name, address, steps, more)
    }

    fn run(folder: &Folder, name: &str, address: &str, steps: &str, more: &[&str]) -> Sipp {
        Sipp::by(&["sipp"], free_port(address), media_port(address), folder, name, address, steps, more)
    }

    #[allow(clippy::too_many_arguments)]
    fn by(
        program: &[&str],
        port: u16,
        media: u16,
        folder: &Folder,
        name: &str,
        address: &str,
        steps: &str,
        more: &[&str],
    ) -> Sipp {
        let file = folder.join(&format!("{name}.xml"));
        // SIPp takes a variable that is kept and never used for a mistake.
        let kept = if steps.contains("assign_to=\"1\"") { "<Reference variables=\"1,2,3\"/>\n" } else { "" };
        let xml = format!("<?xml version=\"1.0\"?>\n<scenario name=\"{name}\">\n{steps}\n{kept}</scenario>\n");
        fs::write(&file, xml).expect("our own folder");
        let child = Command::new(program[0])
            .args(&program[1..])
            .arg("-sf")
            .arg(&file)
            .args(["-i", address, "-p", &port.to_string(), "-mi", address, "-mp", &media.to_string()])
            .args(if more.contains(&"-timeout") { &[][..] } else { &["-timeout", "30"] })
            .args(more)
            .args(["-timeout_error", "-nostdin", "-trace_err", "-error_file"])
            .arg(folder.join(&format!("{name}.errors")))
            .current_dir(folder.join(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sipp: run `make setup`");
        Sipp { child, port, folder: folder.join(""), name: name.to_owned() }
    }

    /// Whether every call went as the steps say, once SIPp has gone by itself.
    pub fn is_content(&mut self, limit: Duration) -> Result<(), String> {
        let ended = until(limit, || self.child.try_wait().expect("it is our child"));
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{status}: {}", self.errors())),
            None => Err(format!("still running: {}", self.errors())),
        }
    }

    /// Of one that serves: when requests of this method came, in seconds by the clock, each transaction once.
    pub fn received(&self, method: &str) -> Vec<f64> {
        let messages = fs::read_to_string(self.folder.join(format!("{}.messages", self.name))).unwrap_or_default();
        let (mut seen, mut times) = (BTreeSet::new(), Vec::new());
        for line in messages.lines() {
            // Day, time, seconds since 1970, R for received, Call-ID, CSeq (two words), first line.
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, _, at, "R", id, rest @ ..] = &words[..] else { continue };
            let [cseq, _, first, ..] = rest else { continue };
            if *first == method && seen.insert(format!("{id} {cseq}")) {
                times.extend(at.parse::<f64>());
            }
        }
        times
    }

    /// It dies in the middle of whatever it does.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    fn errors(&self) -> String {
        let files = fs::read_dir(&self.folder).expect("our own folder").flatten();
        let errors = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "errors"));
        errors.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn receive(what: &str) -> String {
    format!("<recv {what}/>\n")
}

/// A request that is waited for, and answered with 200.
pub fn accept(method: &str) -> String {
    format!("{}{}", receive(&format!("request=\"{method}\"")), answer("200 OK", "", ""))
}

/// What is written into SIPp's log as this request comes: the beginning of it that is like the expression.
pub fn logged(expression: &str) -> String {
    let look = format!("<ereg regexp=\"^{expression}\" search_in=\"msg\" assign_to=\"20\"/>");
    format!("<action>{look}<log message=\"[$20]\"/></action>")
}

/// A request of another kind than what is waited for next, which goes on there when it comes.
pub fn or_else(method: &str, next: &str) -> String {
    format!("<recv request=\"{method}\" optional=\"true\" next=\"{next}\">{}</recv>\n", logged(&format!("{method} [^ ]*")))
}

pub fn label(name: &str) -> String {
    format!("<label id=\"{name}\"/>\n")
}

/// The end of a branch of the steps.
pub fn goes_on(next: &str) -> String {
    format!("<nop next=\"{next}\"/>\n")
}

/// A response to what was received last.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    send(&format!(
        "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]t[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n\
         Contact: <sip:[local_ip]:[local_port]>\n{headers}Content-Length: [len]\n\n{body}"
    ))
}

/// Looks at a message: it has to be like each of these expressions.
fn looks(expressions: &[&str]) -> (String, String) {
    let (mut looks, mut variables) = (String::new(), Vec::new());
    for (expression, variable) in expressions.iter().zip(30..) {
        let expression = expression.replace('<', "&lt;").replace('>', "&gt;");
        looks += &format!("<ereg regexp=\"{expression}\" search_in=\"msg\" check_it=\"true\" assign_to=\"{variable}\"/>");
        variables.push(variable.to_string());
    }
    (looks, format!("<Reference variables=\"{}\"/>\n", variables.join(",")))
}

/// A message that is waited for, and like each of these expressions.
pub fn checked(what: &str, expressions: &[&str]) -> String {
    let (looks, used) = looks(expressions);
    format!("<recv {what}><action>{looks}</action></recv>\n{used}")
}

/// As [`picks_up`], of an INVITE that is like each of these expressions.
pub fn rings_and_picks_up(expressions: &[&str]) -> String {
    let (looks, used) = looks(expressions);
    picks_up().replacen("<action>", &format!("<action>{looks}"), 1) + &used
}

/// A call to `extension` by somebody who is not asked for a password; the 200 is like each of these expressions.
pub fn invites(extension: &str, expressions: &[&str]) -> String {
    let uri = format!("sip:{extension}@[remote_ip]:[remote_port]");
    let invite = send(&format!(
        "INVITE {uri} SIP/2.0\n{VIA}{FROM}To: <{uri}>\nCall-ID: [call_id]\nCSeq: 1 INVITE\n\
         Contact: <sip:[service]@[local_ip]:[local_port]>\nMax-Forwards: 70\n\
         Content-Type: application/sdp\nContent-Length: [len]\n\n{BODY}"
    ));
    let ack =
        send(&format!("ACK [next_url] SIP/2.0\n{VIA}{FROM}[last_To:]\nCall-ID: [call_id]\nCSeq: 1 ACK\nContent-Length: 0\n"));
    let early = "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\" optional=\"true\"/>\n";
    format!("{invite}{early}{}{ack}", checked("response=\"200\" rrs=\"true\"", expressions))
}

/// 180, 200 and the ACK of a call that comes; who calls whom, and where from, is kept for `asks`.
pub fn picks_up() -> String {
    let keep = |number: u8, header: &str, what: &str| {
        format!("<ereg regexp=\"{what}\" search_in=\"hdr\" header=\"{header}:\" assign_to=\"{number}\"/>")
    };
    let kept = format!("{}{}{}", keep(1, "From", ".*"), keep(2, "To", ".*"), keep(3, "Contact", "sip:[^&gt;]*"));
    let invite = format!("<recv request=\"INVITE\"><action>{kept}</action></recv>\n");
    let ok = answer("200 OK", "Content-Type: application/sdp\n", BODY);
    format!("{invite}{}{ok}{}", answer("180 Ringing", "", ""), receive("request=\"ACK\""))
}

/// A call to `extension` by the user of the scenario, who is asked for a password. Once it is answered its Call-ID, the exchange's
/// tag and ours are logged, with spaces between them: what `Replaces` wants to know.
pub fn dials(extension: &str) -> String {
    let invite = |cseq: u8, proof: &str| {
        let uri = format!("sip:{extension}@[remote_ip]:[remote_port]");
        let contact = "Contact: <sip:[service]@[local_ip]:[local_port]>\nMax-Forwards: 70\n";
        send(&format!(
            "INVITE {uri} SIP/2.0\n{VIA}{FROM}To: <{uri}>\nCall-ID: [call_id]\nCSeq: {cseq} INVITE\n{contact}{proof}\
             Content-Type: application/sdp\nContent-Length: [len]\n\n{BODY}"
        ))
    };
    let ack = |uri: &str, cseq: u8| {
        send(&format!("ACK {uri} SIP/2.0\n{VIA}{FROM}[last_To:]\nCall-ID: [call_id]\nCSeq: {cseq} ACK\nContent-Length: 0\n"))
    };
    let tag = "<ereg regexp=\"tag=([^;]*)\" search_in=\"hdr\" header=\"To:\" assign_to=\"4,5\"/>";
    let log = "<log message=\"[call_id] [$5] [pid]t[call_number]\"/>";
    format!(
        "{}{}{}{}{}<recv response=\"200\" rrs=\"true\"><action>{tag}{log}</action></recv>\n{}<Reference variables=\"4\"/>\n",
        invite(1, ""),
        "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"401\" auth=\"true\"/>\n",
        ack(&format!("sip:{extension}@[remote_ip]:[remote_port]"), 1),
        invite(2, "[authentication]\n"),
        "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\" optional=\"true\"/>\n",
        ack("[next_url]", 2)
    )
}

/// A request inside the call that we made.
pub fn asks_callee(method: &str, cseq: u8, headers: &str) -> String {
    send(&format!(
        "{method} [next_url] SIP/2.0\n{VIA}Max-Forwards: 70\n{FROM}To: <sip:callee@[remote_ip]>[peer_tag_param]\nCall-ID: [call_id]\n\
         CSeq: {cseq} {method}\nContact: <sip:[service]@[local_ip]:[local_port]>\n{headers}Content-Length: 0\n"
    ))
}

/// The user of the scenario, who is asked for a password, subscribes to what is said of this extension (`dialog`, RFC 4235).
pub fn subscribes(whose: &str) -> String {
    let uri = format!("sip:{whose}@[remote_ip]:[remote_port]");
    let subscribe = |cseq: u8, proof: &str| {
        send(&format!(
            "SUBSCRIBE {uri} SIP/2.0\n{VIA}{FROM}To: <{uri}>\nCall-ID: [call_id]\nCSeq: {cseq} SUBSCRIBE\n\
             Contact: <sip:[service]@[local_ip]:[local_port]>\nMax-Forwards: 70\n{proof}\
             Event: dialog\nAccept: application/dialog-info+xml\nExpires: 300\nContent-Length: 0\n"
        ))
    };
    let challenge = "<recv response=\"401\" auth=\"true\"/>\n";
    format!("{}{challenge}{}<recv response=\"200\" rrs=\"true\"/>\n", subscribe(1, ""), subscribe(2, "[authentication]\n"))
}

/// The same subscription again, for so many seconds.
pub fn subscribes_again(cseq: u8, expires: u32) -> String {
    let wants = format!("[authentication]\nEvent: dialog\nExpires: {expires}\n");
    format!("{}{}", asks_callee("SUBSCRIBE", cseq, &wants), receive("response=\"200\""))
}

/// A NOTIFY of that subscription, which lives, whose body is such (a regular expression); what of the body it was goes to the log.
pub fn is_told(body: &str) -> String {
    told(&[
        ("active;expires=[0-9]+", "hdr\" header=\"Subscription-State:"),
        ("application/dialog-info.xml", "hdr\" header=\"Content-Type:"),
        (body, "body"),
    ])
}

/// The last NOTIFY of that subscription.
pub fn is_told_no_more() -> String {
    told(&[("terminated", "hdr\" header=\"Subscription-State:")])
}

/// SIPp itself looks at these places of a NOTIFY, answers it, and logs what it found at the last one.
fn told(looks: &[(&str, &str)]) -> String {
    let (mut seen, mut variables) = (String::new(), Vec::new());
    for ((expression, place), variable) in [("dialog", "hdr\" header=\"Event:")].iter().chain(looks).zip(6..) {
        let expression = expression.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        seen += &format!("<ereg regexp=\"{expression}\" search_in=\"{place}\" check_it=\"true\" assign_to=\"{variable}\"/>");
        variables.push(variable.to_string());
    }
    let last = variables.last().cloned().unwrap_or_default();
    format!(
        "<recv request=\"NOTIFY\"><action>{seen}<log message=\"[${last}]\"/></action></recv>\n<Reference variables=\"{}\"/>\n{}",
        variables.join(","),
        send("SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n")
    )
}

/// NOTIFYs, as many as come, until the other side hangs up.
pub fn told_until_let_go() -> String {
    let ok = answer("200 OK", "", "");
    // No step but one that receives may stand where a message can come.
    let again = ok.replace("<send>", "<send next=\"1\">");
    format!(
        "<label id=\"1\"/>\n<recv request=\"NOTIFY\" optional=\"true\" next=\"2\"/>\n<recv request=\"BYE\" next=\"3\"/>\n\
         <label id=\"2\"/>\n{again}<label id=\"3\"/>\n{ok}"
    )
}

/// A request inside the call that came.
pub fn asks(method: &str, headers: &str) -> String {
    asks_with(method, headers, "")
}

pub fn asks_with(method: &str, headers: &str, body: &str) -> String {
    send(&format!(
        "{method} [$3] SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n\
         From: [$2];tag=[pid]t[call_number]\nTo: [$1]\n[last_Call-ID:]\nCSeq: 7 {method}\n\
         Contact: <sip:[local_ip]:[local_port]>\n{headers}Content-Length: [len]\n\n{body}"
    ))
}

pub fn pause(milliseconds: u32) -> String {
    format!("<pause milliseconds=\"{milliseconds}\"/>\n")
}

/// These words; what SIPp fills in stands in square brackets.
pub fn send(text: &str) -> String {
    format!("<send><![CDATA[\n{text}\n]]></send>\n")
}
