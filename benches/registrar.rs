//! What the registrar costs: the memory of many bindings, and the CPU time of a phone that registers again, with digest, from
//! its bytes to ours.
//!
//! `cargo bench --bench registrar -- [phones] [registrations]`; goals: 200,000 bindings under 300 MB, and 5,000 phones a second
//! on half a core, which leaves 100 us for each.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::id::{Name, Rng};
use centrala::sip::message::{Message, Response, parse};
use centrala::sip::{
    Algorithm, Endpoint, Input, Listener, Output, Path, RegistrarSettings, Settings, Transport, UserSecret, digest,
};
use centrala::time::{Duration, Moment, Now, Wall};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The daemon's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REALM: &str = "pbx.test";
const EXCHANGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5060);
/// Messages are written in batches, so that writing them is not measured.
const BATCH: u32 = 1_000;
/// Messages come at this pace, in virtual time: 200,000 phones that register each eight minutes.
const USUAL: Duration = Duration::from_micros(1_200);
/// 5,000 phones a second.
const RUSH: Duration = Duration::from_micros(100);

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u32>().ok());
    let (phones, again) = (numbers.next().unwrap_or(200_000), numbers.next().unwrap_or(50_000));
    let mut office = Office::new(phones);
    let empty = resident();
    office.register(0..phones, USUAL);
    let busy = resident();
    assert_eq!(office.endpoint.census().bindings, phones as usize, "every phone is bound");
    // Until the last response need not be kept for a repetition.
    office.pass(Duration::from_secs(60));
    println!("{phones} bindings: {:.0} MB; {:.0} MB while they registered", mb(resident(), empty), mb(busy, empty));
    println!("census {:?}", office.endpoint.census());
    let spent = office.register(0..again.min(phones), RUSH);
    let each = spent.as_secs_f64() * 1e6 / f64::from(again.min(phones));
    println!("a phone registers again (401 and 200): {each:.1} us; {:.0} a second on half a core", 500_000.0 / each);
    let spent = office.register_at_once(0..again.min(phones));
    let each = spent.as_secs_f64() * 1e6 / f64::from(again.min(phones));
    println!("with the nonce that it has (200): {each:.1} us; {:.0} a second on half a core", 500_000.0 / each);
}

struct Office {
    endpoint: Endpoint,
    now: Now,
    secrets: Vec<String>,
    /// The last nonce of each phone, and the CSeq of its last request.
    nonces: Vec<String>,
    cseq: u32,
    pace: Duration,
    out: Vec<Output>,
}

impl Office {
    fn new(phones: u32) -> Office {
        let secrets: Vec<String> =
            (0..phones).map(|phone| digest::ha1(Algorithm::Md5, &user(phone), REALM, "secret")).collect();
        let secret = |ha1: &String| UserSecret { ha1_md5: ha1.clone(), ha1_sha256: String::new() };
        let settings = Settings {
            realm: REALM.to_string(),
            listeners: vec![Listener { address: EXCHANGE, transport: Transport::Udp, algorithms: vec![Algorithm::Md5] }],
            users: secrets.iter().zip(0..).map(|(ha1, phone)| (Name::from(user(phone)), secret(ha1))).collect(),
            registrar: RegistrarSettings { nonce_life: Duration::from_secs(300), ..RegistrarSettings::default() },
            ..Settings::default()
        };
        Office {
            endpoint: Endpoint::new(Arc::new(settings), Rng::from_seed(1)),
            now: Now { mono: Moment::from_nanos(1), wall: Wall::from_unix_nanos(1_800_000_000_000_000_000) },
            nonces: vec![String::new(); secrets.len()],
            secrets,
            cseq: 0,
            pace: USUAL,
            out: Vec::new(),
        }
    }

    /// Each of these phones asks, is challenged, and proves itself. The CPU time of the exchange.
    fn register(&mut self, phones: std::ops::Range<u32>, pace: Duration) -> Duration {
        self.pace = pace;
        self.in_batches(phones, |office, batch| {
            let asking: Vec<_> = batch.clone().map(|phone| office.message(phone, None)).collect();
            let spent = office.hand_over(asking);
            let answers: Vec<Output> = office.out.drain(..).collect();
            for (phone, answer) in batch.clone().zip(responses(&answers)) {
                office.nonces[phone as usize] =
                    answer.www_authenticate()[0].get("nonce").expect("a challenge has a nonce").to_string();
            }
            spent + office.prove(batch, 1)
        })
    }

    /// Each of these phones uses the nonce that it has, once more.
    fn register_at_once(&mut self, phones: std::ops::Range<u32>) -> Duration {
        self.in_batches(phones, |office, batch| office.prove(batch, 2))
    }

    fn in_batches(
        &mut self,
        phones: std::ops::Range<u32>,
        mut act: impl FnMut(&mut Office, std::ops::Range<u32>) -> Duration,
    ) -> Duration {
        let mut spent = Duration::ZERO;
        let mut first = phones.start;
        while first < phones.end {
            let last = (first + BATCH).min(phones.end);
            spent += act(self, first..last);
            first = last;
        }
        spent
    }

    fn prove(&mut self, phones: std::ops::Range<u32>, count: u32) -> Duration {
        let proofs: Vec<_> = phones.map(|phone| self.message(phone, Some(count))).collect();
        let spent = self.hand_over(proofs);
        let answers: Vec<Output> = self.out.drain(..).collect();
        let refused = responses(&answers).find(|response| response.status.0 != 200);
        assert!(refused.is_none(), "{refused:?}");
        spent
    }

    /// CPU time of the endpoint alone.
    fn hand_over(&mut self, messages: Vec<(Path, Vec<u8>)>) -> Duration {
        let before = cpu();
        for (path, bytes) in messages {
            self.now = Now { mono: self.now.mono + self.pace, wall: self.now.wall + self.pace };
            self.endpoint.handle(Input::Received { path, bytes }, self.now, &mut self.out);
            if self.endpoint.poll_timeout().is_some_and(|deadline| deadline <= self.now.mono) {
                self.endpoint.handle_timeout(self.now, &mut self.out);
            }
        }
        cpu() - before
    }

    fn pass(&mut self, time: Duration) {
        self.now = Now { mono: self.now.mono + time, wall: self.now.wall + time };
        self.endpoint.handle_timeout(self.now, &mut self.out);
        self.out.clear();
        self.out.shrink_to_fit();
    }

    /// A REGISTER of this phone; with a proof when it has a nonce, which it uses for the `count`th time.
    fn message(&mut self, phone: u32, count: Option<u32>) -> (Path, Vec<u8>) {
        self.cseq += 1;
        let (user, cseq) = (user(phone), self.cseq);
        let [_, b, c, d] = (phone + 2).to_be_bytes();
        let address = SocketAddr::from((Ipv4Addr::new(10, b, c, d), 5060));
        let uri = format!("sip:{REALM}");
        let proof = count.map(|count| {
            let nonce = &self.nonces[phone as usize];
            let nc = format!("{count:08x}");
            let question = digest::Question { method: "REGISTER", uri: &uri, nonce, nc: &nc, cnonce: "0a4f113b" };
            let answer = digest::answer(Algorithm::Md5, &self.secrets[phone as usize], question);
            format!(
                "Authorization: Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", \
                 response=\"{answer}\", algorithm=MD5, cnonce=\"0a4f113b\", qop=auth, nc={nc}\r\n"
            )
        });
        let bytes = format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{cseq:016x};rport\r\nMax-Forwards: 70\r\n\
             From: \"Desk {phone}\" <sip:{user}@{REALM}>;tag=as{phone:08x}\r\nTo: \"Desk {phone}\" <sip:{user}@{REALM}>\r\n\
             Call-ID: 313330303030323032343935313833-{phone:08x}\r\nCSeq: {cseq} REGISTER\r\nUser-Agent: DeskPhone T46U/108.86\r\n\
             Contact: <sip:{user}@{address};line=6faa1>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-{phone:012x}>\"\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, REFER, NOTIFY, OPTIONS, INFO, UPDATE\r\n{}Expires: 600\r\nContent-Length: 0\r\n\r\n",
            proof.unwrap_or_default()
        );
        (Path { transport: Transport::Udp, local: EXCHANGE, remote: address, connection: None }, bytes.into_bytes())
    }
}

fn user(phone: u32) -> String {
    format!("{phone:06}")
}

fn responses(outputs: &[Output]) -> impl Iterator<Item = Response> {
    outputs.iter().filter_map(|output| match output {
        Output::Transmit { bytes, .. } => match parse(bytes) {
            Ok(Message::Response(response)) => Some(response),
            _ => None,
        },
        _ => None,
    })
}

/// CPU time of this thread: the first number of its schedstat, in nanoseconds.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("a number"))
}

/// Resident memory in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * 4096
}

fn mb(after: u64, before: u64) -> f64 {
    after.saturating_sub(before) as f64 / 1e6
}
