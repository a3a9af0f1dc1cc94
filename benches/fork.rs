//! What a call to an extension with five phones costs the core: all ring, one answers, four are cancelled, both hang up.
//!
//! `cargo bench --bench fork -- [calls]`; goal: 500 us of CPU for all of it. Of the rounds the quickest counts: the others say how
//! much the machine was disturbed.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod shared;

use centrala::sip::message::{Message, NameAddr, Request, Response, Uri, parse};
use centrala::sip::{Binding, Status};
use centrala::store::BindingRow;
use centrala::time::Duration;
use shared::{CALLER, Exchange, OFFER, Sent, path, request, tag_of};
use std::net::SocketAddr;

/// The daemon's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PHONES: u16 = 5;
const EXTENSION: &str = "1001";
/// Between calls, in virtual time.
const PAUSE: Duration = Duration::from_secs(1);
const ROUNDS: usize = 10;

fn main() {
    let calls = std::env::args().find_map(|argument| argument.parse::<usize>().ok()).unwrap_or(2_000);
    let mut exchange = Exchange::lab();
    register(&mut exchange);
    let mut round = |number: usize| {
        exchange.spent = Duration::ZERO;
        (0..calls / ROUNDS).for_each(|call| ring(&mut exchange, number * calls + call));
        exchange.spent.as_secs_f64() * 1e6 / (calls / ROUNDS) as f64
    };
    round(0);
    let mut rounds: Vec<f64> = (1..=ROUNDS).map(round).collect();
    rounds.sort_by(f64::total_cmp);
    println!(
        "{:.0} us for a call that rings at {PHONES} phones, is answered at one and hung up; {:.0} in the middle of {ROUNDS} rounds",
        rounds[0],
        rounds[ROUNDS / 2]
    );
}

fn phone(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 4], 6000 + number))
}

/// Five phones for the extension.
fn register(exchange: &mut Exchange) {
    let now = exchange.now;
    let expires = now.wall + Duration::from_secs(1_000_000);
    let row = |number: u16| {
        let contact = Uri::parse(format!("sip:{EXTENSION}@{}", phone(number))).expect("a URI");
        let binding = Binding {
            user: EXTENSION.into(),
            contact: contact.clone(),
            path: path(phone(number)),
            expires,
            user_agent: String::new(),
            sip_call_id: number.to_string(),
            cseq: 1,
        };
        let body = serde_json::to_string(&binding).expect("plain data");
        BindingRow { user: EXTENSION.into(), contact: contact.to_string(), expires, body }
    };
    exchange.pbx.restore((0..PHONES).map(row).collect(), now, &mut Vec::new());
}

fn ring(exchange: &mut Exchange, number: usize) {
    let sent = exchange.received(CALLER, request("INVITE", EXTENSION, number, None, OFFER));
    let invites = requests(&sent, "INVITE");
    assert_eq!(invites.len(), usize::from(PHONES), "all ring");
    for (remote, invite) in &invites {
        exchange.received(*remote, answer(invite, 180, "").to_bytes());
    }
    let (winner, invite) = &invites[0];
    let sent = exchange.received(*winner, answer(invite, 200, OFFER).to_bytes());
    let tag = tag_of(&sent);
    for (remote, cancel) in requests(&sent, "CANCEL") {
        exchange.received(remote, answer(&cancel, 200, "").to_bytes());
        let (_, invite) = invites.iter().find(|(other, _)| *other == remote).expect("it rang there");
        exchange.received(remote, answer(invite, 487, "").to_bytes());
    }
    exchange.received(CALLER, request("ACK", EXTENSION, number, Some(&tag), ""));
    let sent = exchange.received(CALLER, request("BYE", EXTENSION, number, Some(&tag), ""));
    let byes = requests(&sent, "BYE");
    assert_eq!(byes.len(), 1, "who answered is told");
    for (remote, bye) in &byes {
        exchange.received(*remote, answer(bye, 200, "").to_bytes());
    }
    exchange.passes(PAUSE);
}

/// Of what was sent the requests of this method, and where they went.
fn requests(sent: &Sent, method: &str) -> Vec<(SocketAddr, Request)> {
    let read = |bytes: &[u8]| match parse(bytes) {
        Ok(Message::Request(request)) if request.method.as_str() == method => Some(request),
        _ => None,
    };
    sent.iter().filter_map(|(remote, bytes)| Some((*remote, read(bytes)?))).collect()
}

/// A phone's answer.
fn answer(request: &Request, status: u16, body: &str) -> Response {
    let mut response = Response::to(request, Status(status));
    response.set_to_tag("phone");
    response.set_contact(&NameAddr::new(Uri::sip(EXTENSION, "127.0.0.4", None)));
    if !body.is_empty() {
        response.set_body("application/sdp", body.as_bytes().to_vec());
    }
    response
}
