//! What the SIP parser and printer cost, beside `rsip`, which reads and prints the same bytes in the same run.
//!
//! Both are asked for what a user agent needs of a message: topmost Via, From, To, CSeq, Call-ID and Contacts, typed. Ours checks
//! them as it parses; of `rsip` they are asked afterwards, one by one. Then the 49 messages of RFC 4475 (`tests/data/rfc4475.csv`), a row
//! each. `cargo bench --bench sip`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::sip::message::{Message, parse};
use criterion::{Criterion, Throughput};
use rsip::SipMessage;
use rsip::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A trunk's INVITE with what they carry in practice.
const INVITE: &str = "INVITE sip:48221234567@pbx.example.com SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3a9f2c71d0;rport\r
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK77b1e0;received=198.51.100.7\r
Max-Forwards: 69\r
Record-Route: <sip:192.0.2.10;lr>\r
From: \"Anna Nowak\" <sip:+48601234567@carrier.example.net>;tag=9fe4c0b1\r
To: <sip:48221234567@pbx.example.com>\r
Call-ID: 7c1e9f0a-4d2b-4a51-9a7e-5b1d0c8e2f33@198.51.100.7\r
CSeq: 102 INVITE\r
Contact: <sip:+48601234567@198.51.100.7:5060;transport=udp>\r
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, UPDATE, PRACK\r
Supported: timer, 100rel, replaces\r
Session-Expires: 1800;refresher=uac\r
P-Asserted-Identity: \"Anna Nowak\" <sip:+48601234567@carrier.example.net>\r
User-Agent: Carrier SBC 9.2\r
Content-Type: application/sdp\r
Content-Length: 214\r
\r
v=0\r
o=- 1795292100 1 IN IP4 198.51.100.7\r
s=-\r
c=IN IP4 198.51.100.7\r
t=0 0\r
m=audio 21436 RTP/AVP 8 0 101\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=ptime:20\r
";

/// A desk phone that proves itself.
const REGISTER: &str = "REGISTER sip:pbx.example.com SIP/2.0\r
Via: SIP/2.0/UDP 203.0.113.21:5062;branch=z9hG4bK-524287-1---8c;rport\r
Max-Forwards: 70\r
From: <sip:1001@pbx.example.com>;tag=5d1c\r
To: <sip:1001@pbx.example.com>\r
Call-ID: 81234-desk@203.0.113.21\r
CSeq: 7 REGISTER\r
Contact: <sip:1001@203.0.113.21:5062;transport=udp>;expires=600\r
Authorization: Digest username=\"1001\", realm=\"centrala\", nonce=\"6a1f0c44e2\", uri=\"sip:pbx.example.com\", \
response=\"8ac1ee4f0d1c8f7a0b1f0e55c2a0d3b9\", algorithm=MD5, cnonce=\"c0ffee\", nc=00000001, qop=auth\r
User-Agent: Desk 3.1\r
Content-Length: 0\r
\r
";

/// The answer to the INVITE.
const OK: &str = "SIP/2.0 200 OK\r
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3a9f2c71d0;rport=5060;received=192.0.2.10\r
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK77b1e0;received=198.51.100.7\r
Record-Route: <sip:192.0.2.10;lr>\r
From: \"Anna Nowak\" <sip:+48601234567@carrier.example.net>;tag=9fe4c0b1\r
To: <sip:48221234567@pbx.example.com>;tag=b7a0c9d2\r
Call-ID: 7c1e9f0a-4d2b-4a51-9a7e-5b1d0c8e2f33@198.51.100.7\r
CSeq: 102 INVITE\r
Contact: <sip:203.0.113.5:5060>\r
Content-Length: 0\r
\r
";

/// The catalogue's own: what the parser may take, what it must refuse, and what is for others to judge.
const CLASSES: [&str; 5] = ["valid", "invalid", "application", "transaction", "compat"];

/// Times that each of the 49 is read: enough to tell microseconds.
const ROUNDS: u32 = 2_000;

/// What a user agent needs of it, typed; `None` when it cannot be had.
fn ours(bytes: &[u8]) -> Option<Message> {
    let message = parse(bytes).ok()?;
    match &message {
        Message::Request(it) => drop(black_box((it.via(), it.from_(), it.to_(), it.cseq(), it.call_id(), it.contacts()))),
        Message::Response(it) => drop(black_box((it.via(), it.from_(), it.to_(), it.cseq(), it.call_id(), it.contacts()))),
        Message::KeepAlive => return None,
    }
    Some(message)
}

fn rsips(bytes: &[u8]) -> Option<SipMessage> {
    let message = SipMessage::try_from(bytes).ok()?;
    black_box(message.via_header().ok()?.typed().ok()?);
    black_box(message.from_header().ok()?.typed().ok()?);
    black_box(message.to_header().ok()?.typed().ok()?);
    black_box(message.cseq_header().ok()?.typed().ok()?);
    black_box(message.call_id_header().ok()?);
    if let Ok(contact) = message.contact_header() {
        black_box(contact.typed().ok()?);
    }
    Some(message)
}

fn to_bytes(message: &Message) -> Vec<u8> {
    match message {
        Message::Request(request) => request.to_bytes(),
        Message::Response(response) => response.to_bytes(),
        Message::KeepAlive => Vec::new(),
    }
}

fn usual(criterion: &mut Criterion) {
    for (title, text) in [("INVITE", INVITE), ("REGISTER", REGISTER), ("200", OK)] {
        let bytes = text.as_bytes();
        let (read, theirs) = (ours(bytes).expect("a good message"), rsips(bytes).expect("rsip reads it"));
        let mut group = criterion.benchmark_group(title);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("parse, centrala", |bencher| bencher.iter(|| ours(black_box(bytes))));
        group.bench_function("parse, rsip", |bencher| bencher.iter(|| rsips(black_box(bytes))));
        group.bench_function("print, centrala", |bencher| bencher.iter(|| to_bytes(black_box(&read))));
        group.bench_function("print, rsip", |bencher| bencher.iter(|| black_box(&theirs).to_string()));
        group.finish();
    }
}

/// Nanoseconds for one, and whether it is read at all.
fn timed<T>(read: impl Fn() -> Option<T>) -> (f64, &'static str) {
    let verdict = if read().is_some() { "reads" } else { "refuses" };
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        drop(black_box(read()));
    }
    (begun.elapsed().as_nanos() as f64 / f64::from(ROUNDS), verdict)
}

fn torture() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/");
    let table = std::fs::read_to_string(format!("{folder}rfc4475.csv")).expect("the catalogue");
    println!("\nRFC 4475      bytes  class         centrala ns             rsip ns");
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for row in table.lines().skip(1) {
        let name = row.split(',').next().unwrap_or_default();
        // A title may hold a comma, in quotes; the class is the first of its words behind it.
        let class = CLASSES.into_iter().find(|class| row.contains(&format!(",{class},"))).unwrap_or_default();
        let bytes = std::fs::read(format!("{folder}rfc4475/{name}.dat")).expect("the message");
        let (mine, mine_says) = timed(|| ours(black_box(&bytes)));
        let (theirs, they_say) = timed(|| rsips(black_box(&bytes)));
        println!("{name:<12} {:>6}  {class:<11} {mine:>8.0} {mine_says:<8} {theirs:>9.0} {they_say}", bytes.len());
        sums = [sums[0] + mine, sums[1] + theirs];
        count += 1.0;
    }
    println!("mean of {count}{:>32.0}{:>19.0}", sums[0] / count, sums[1] / count);
}

fn main() {
    torture();
    let mut criterion = Criterion::default().configure_from_args();
    criterion = criterion.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    usual(&mut criterion);
    criterion.final_summary();
}
