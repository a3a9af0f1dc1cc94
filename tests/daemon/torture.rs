//! The 49 messages of RFC 4475, each byte for byte, sent to the real daemon from the trunk's address, over UDP and over TCP.
//!
//! What is expected stands in `tests/data/rfc4475.csv`: `lab_expected`, and what a hardened exchange may say instead. Over TCP a
//! message is also judged as a part of a stream: one whose length is missing or doubtful takes the stream with it.

use crate::exchange::{Exchange, house, until};
use crate::line::{Line, Message};
use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// How long an answer may take, and how long silence is listened to.
const ANSWER: Duration = Duration::from_secs(3);
const SILENCE: Duration = Duration::from_millis(300);
/// A message that never becomes whole is given up by then (security: a header timer; never beyond 64*T1).
const GIVEN_UP: Duration = Duration::from_secs(33);

struct Case {
    name: String,
    title: String,
    /// Alternatives: "400", "2xx", "none".
    expected: Vec<String>,
    bytes: Vec<u8>,
}

impl Case {
    fn allows(&self, got: &str) -> bool {
        self.expected.iter().any(|pattern| pattern == got || (pattern.ends_with("xx") && pattern[..1] == got[..1]))
    }

    fn has_length(&self) -> bool {
        let head =
            self.bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(&self.bytes[..], |end| &self.bytes[..end]);
        let head = String::from_utf8_lossy(head).to_lowercase();
        head.lines().any(|line| line.split_once(':').is_some_and(|(name, _)| matches!(name.trim(), "content-length" | "l")))
    }

    /// What makes two requests one transaction (RFC 3261 section 17.2.3). The vectors reuse their branches, so two that share this
    /// must not meet the same exchange within 64*T1: the second would be taken for a repetition of the first.
    fn transaction(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let via = text.lines().find(|line| line.to_lowercase().starts_with("via")).unwrap_or_default();
        format!("{} {}", via.trim(), text.split(' ').next().unwrap_or_default())
    }

    fn is_response(&self) -> bool {
        self.bytes.starts_with(b"SIP/")
    }

    /// Where an answer goes that is not asked to go back whence the request came (RFC 3261 section 18.2.2): the port of the top Via.
    fn port(&self) -> u16 {
        let text = String::from_utf8_lossy(&self.bytes);
        let via = text.lines().find(|line| line.to_lowercase().starts_with("via")).unwrap_or_default();
        let sent_by = via.split(';').next().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        let default = if via.contains("/TLS ") { 5061 } else { 5060 };
        sent_by.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(default)
    }
}

/// One row of the printed table.
struct Verdict {
    case: String,
    title: String,
    expected: String,
    got: String,
    ok: bool,
}

#[test]
fn the_rfc_4475_table_over_udp() {
    let mut exchanges: Vec<(Exchange, BTreeSet<String>)> = Vec::new();
    let mut verdicts = Vec::new();
    for case in cases() {
        let fresh = exchanges.iter().position(|(_, met)| !met.contains(&case.transaction())).unwrap_or_else(|| {
            exchanges.push((Exchange::lab(&format!("torture-udp-{}", exchanges.len())), BTreeSet::new()));
            exchanges.len() - 1
        });
        let (exchange, met) = &mut exchanges[fresh];
        met.insert(case.transaction());
        verdicts.push(verdict(&case, case.expected.join("|"), over_udp(exchange, &case)));
    }
    let exchanges: Vec<&Exchange> = exchanges.iter().map(|(exchange, _)| exchange).collect();
    judge("UDP", &verdicts, &exchanges);
}

#[test]
fn the_rfc_4475_table_over_tcp() {
    let exchange = Exchange::lab("torture-tcp");
    let verdicts: Vec<Verdict> = cases()
        .iter()
        .map(|case| match case.name.as_str() {
            // The length is more than there is: the stream waits for the rest, is given up, and closed.
            "clerr" => {
                let (got, closed) = over_tcp(&exchange, case, GIVEN_UP);
                let ok = closed && matches!(got.as_str(), "none" | "400" | "408");
                Verdict { ok, ..verdict(case, "none|400|408, closed".into(), Ok(shown(&got, closed))) }
            }
            // What has no length, or a senseless one, ends the stream.
            name if !case.has_length() || matches!(name, "ncl" | "mcl01") => {
                let (got, closed) = over_tcp(&exchange, case, ANSWER);
                let expected = if case.is_response() { "none" } else { "400" };
                Verdict {
                    ok: closed && got == expected,
                    ..verdict(case, format!("{expected}, closed"), Ok(shown(&got, closed)))
                }
            }
            _ => verdict(case, case.expected.join("|"), Ok(over_tcp(&exchange, case, ANSWER).0)),
        })
        .collect();
    judge("TCP", &verdicts, &[&exchange]);
}

fn verdict(case: &Case, expected: String, got: Result<String, String>) -> Verdict {
    let (got, ok) = match got {
        Ok(got) => (got.clone(), case.allows(&got)),
        Err(why) => (why, false),
    };
    Verdict { case: case.name.clone(), title: case.title.clone(), expected, got, ok }
}

fn shown(got: &str, closed: bool) -> String {
    format!("{got}{}", if closed { ", closed" } else { ", left open" })
}

fn judge(transport: &str, verdicts: &[Verdict], exchanges: &[&Exchange]) {
    println!("RFC 4475 over {transport}");
    println!("{:<11} {:<52} {:<48} {:<18} verdict", "message", "title", "expected", "got");
    for row in verdicts {
        println!(
            "{:<11} {:<52} {:<48} {:<18} {}",
            row.case,
            row.title,
            row.expected,
            row.got,
            if row.ok { "ok" } else { "WRONG" }
        );
    }
    let wrong: Vec<&str> = verdicts.iter().filter(|row| !row.ok).map(|row| row.case.as_str()).collect();
    println!("{} of {} as expected", verdicts.len() - wrong.len(), verdicts.len());
    assert_eq!(verdicts.len(), 49);
    assert!(wrong.is_empty(), "over {transport} not as expected: {wrong:?}");
    for exchange in exchanges {
        let status = exchange.status();
        assert_eq!((&status["panics_contained"], &status["calls"]), (&0.into(), &0.into()), "{}", exchange.log());
        // Nothing was bound by a REGISTER that carried no password, in particular not by those that only look like one.
        assert!(exchange.registrations().is_empty(), "{:#?}", exchange.registrations());
    }
}

/// What came back: "none", or the status. Several different answers, or one to something else, is a fault.
fn over_udp(exchange: &Exchange, case: &Case) -> Result<String, String> {
    let port = case.port();
    let socket = until(Duration::from_secs(20), || UdpSocket::bind(("127.0.0.2", port)).ok()).unwrap_or_else(|| {
        panic!("port {port} of 127.0.0.2 is taken: answers to these messages go there (is another exchange running?)")
    });
    let mut line = Line::Udp { socket, peer: exchange.sip };
    line.send(&case.bytes);
    let answers = answers(&mut line, case, ANSWER);
    let finals: Vec<u16> = answers.iter().map(Message::status).filter(|status| *status >= 200).collect();
    if finals.iter().any(|status| *status != finals[0]) {
        return Err(format!("{finals:?}"));
    }
    Ok(answers.last().map_or("none".into(), |answer| answer.status().to_string()))
}

/// The same over a stream of its own, and whether the exchange closed it.
fn over_tcp(exchange: &Exchange, case: &Case, limit: Duration) -> (String, bool) {
    let mut line = Line::tcp("127.0.0.2", exchange.sip);
    line.send(&case.bytes);
    let first = answers(&mut line, case, limit).into_iter().rfind(|answer| answer.status() >= 100);
    let got = first.map_or("none".into(), |answer| answer.status().to_string());
    // Only a stream that is expected to close is waited for.
    let patience = if limit > ANSWER || !case.has_length() || matches!(case.name.as_str(), "ncl" | "mcl01") {
        limit
    } else {
        Duration::ZERO
    };
    let closed = line.closes(patience);
    (got, closed)
}

/// Everything that comes for this message until it is answered, and a moment of listening beyond.
fn answers(line: &mut Line, case: &Case, limit: Duration) -> Vec<Message> {
    let silent = case.expected == ["none"];
    let sent = Message::read(&case.bytes);
    let mut end = Instant::now() + if silent { SILENCE } else { limit };
    let mut seen = Vec::new();
    while let Some(message) = line.receive(end) {
        // A late retransmission of the answer to an earlier message is not ours to judge; nor is the second request of `dblreq` over TCP.
        let differs =
            |ours: Option<&str>, theirs: Option<&str>| matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs);
        let other = differs(sent.header("Call-ID"), message.header("Call-ID")) || differs(number(&sent), number(&message));
        if !other {
            if message.status() >= 200 {
                end = end.min(Instant::now() + SILENCE / 3);
            }
            seen.push(message);
        }
    }
    seen
}

/// The number in CSeq, without the zeros before it.
fn number(message: &Message) -> Option<&str> {
    message.header("CSeq").and_then(|cseq| cseq.split_whitespace().next()).map(|number| number.trim_start_matches('0'))
}

fn cases() -> Vec<Case> {
    let folder = house().join("tests/data");
    let table = fs::read_to_string(folder.join("rfc4475.csv")).expect("tests/data/rfc4475.csv");
    let mut rows = table.lines().map(fields);
    let header = rows.next().expect("a header");
    let column = |name: &str| header.iter().position(|known| known == name).unwrap_or_else(|| panic!("the column {name}"));
    let (name, title, lab, hardened) = (column("name"), column("title"), column("lab_expected"), column("hardened_extra"));
    rows.map(|row| {
        let bytes = fs::read(folder.join("rfc4475").join(format!("{}.dat", row[name])))
            .unwrap_or_else(|error| panic!("{}: {error}", row[name]));
        let mut expected: Vec<String> =
            [&row[lab], &row[hardened]].iter().flat_map(|cell| cell.split('|')).map(str::to_owned).collect();
        expected.retain(|pattern| !pattern.is_empty());
        let mut seen = BTreeSet::new();
        expected.retain(|pattern| seen.insert(pattern.clone()));
        Case { name: row[name].clone(), title: row[title].clone(), expected, bytes }
    })
    .collect()
}

/// One line of CSV: commas, and quotes around what contains them.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().expect("peeked")),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}
