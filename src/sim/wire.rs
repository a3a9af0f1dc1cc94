//! Messages on their way between the phones and the exchange, and what some phones do to them.
//!
//! Misbehaviour is done here, to bytes, so that the phones themselves stay honest clients. Invariant: what is not tampered with
//! arrives as it was sent, or not at all.

use super::callee::Manner;
use super::caller::Quirk;
use super::entrance::{EXCHANGE, EXCHANGE_NAME, EXCHANGE_V6, host_of};
use super::trace::headline;
use super::world::{Happening, Who, World};
use crate::sip::message::{Message, Method, Name, Request, Response, Uri, Via, parse};
use crate::sip::{ConnectionId, Path, Status};
use crate::time::{Duration, Moment};
use memchr::memmem;
use std::net::{IpAddr, SocketAddr};

impl World {
    /// From a phone to the exchange.
    pub(super) fn deliver_inbound(&mut self, who: usize, path: Path, bytes: Vec<u8>) {
        if self.people[who].vanished {
            return;
        }
        let bytes = self.tampered_answer(who, bytes);
        let Some(call) = self.call_of(who, &bytes) else {
            self.send(who, path, bytes, Duration::ZERO);
            return;
        };
        let attempt = &mut self.people[who].attempts[call];
        let opening = bytes.starts_with(b"INVITE ") && attempt.answered.is_none();
        match attempt.plan.quirk {
            Quirk::NeverAcknowledges if bytes.starts_with(b"ACK ") => {
                self.trace.say(self.clock.mono(), || format!("caller {who} keeps to itself: {}", headline(&bytes)));
            }
            Quirk::Repeats(after) if opening && !std::mem::replace(&mut attempt.tampered, true) => {
                self.send(who, path, bytes.clone(), Duration::ZERO);
                self.send(who, path, bytes.clone(), after / 2);
                self.send(who, path, bytes, after);
            }
            // Over a stream a refused INVITE is forgotten with its ACK, and its copy is another call then.
            Quirk::Forks if opening && !path.transport.is_reliable() => {
                let copy = with_another_branch(&bytes);
                // The copy never overtakes: its answers go to a proxy that forwards the better one.
                if let Some(at) = self.send(who, path, bytes, Duration::ZERO) {
                    let path = Path { local: path.remote, remote: path.local, connection: self.people[who].connection, ..path };
                    self.agenda.enter(at + FORK_LAG, Happening::Arrives { at: Who::Exchange, path, bytes: copy });
                }
            }
            Quirk::Mangles if opening => {
                let cut = usize::try_from(self.rng.below(bytes.len() as u32)).unwrap_or(0);
                let mut damaged = bytes.clone();
                damaged[cut] ^= 1 << self.rng.below(8);
                damaged.truncate(cut + usize::try_from(self.rng.below(400)).unwrap_or(0) + 1);
                // A stream that carries garbage is closed; a damaged datagram is only that.
                if !path.transport.is_reliable() {
                    self.send(who, path, damaged, Duration::ZERO);
                }
                self.send(who, path, bytes, Duration::ZERO);
            }
            Quirk::NamedContact => {
                let named = with_named_contact(&bytes, path.local, who);
                self.send(who, path, named, Duration::ZERO);
            }
            Quirk::Proxied => {
                if let Some(trying) = trying(&bytes) {
                    let back = Path { local: path.remote, remote: path.local, ..path };
                    self.deliver_outbound(back, trying);
                }
                self.send(who, path, bytes, Duration::ZERO);
            }
            Quirk::Echoes => {
                self.send(who, path, bytes.clone(), Duration::ZERO);
                self.send(who, path, bytes, ECHO_LAG);
            }
            _ => {
                self.send(who, path, bytes, Duration::ZERO);
            }
        }
    }

    /// What a bad phone does to its answers to calls that come.
    fn tampered_answer(&self, who: usize, bytes: Vec<u8>) -> Vec<u8> {
        let received = call_id(&bytes).and_then(|id| self.people[who].received.iter().find(|it| it.sip_call_id == id));
        let manner = received.map(|received| received.manner);
        match manner {
            Some(Manner::AnswersWithoutAudio { .. }) if bytes.starts_with(b"SIP/2.0 200") => without_body(bytes),
            _ => bytes,
        }
    }

    /// Says when it arrives, if it does.
    fn send(&mut self, who: usize, path: Path, bytes: Vec<u8>, lag: Duration) -> Option<Moment> {
        let now = self.clock.mono() + lag;
        let (from, to) = (path.local, path.remote);
        if ![EXCHANGE, EXCHANGE_V6].contains(&to) {
            return None;
        }
        if path.transport.is_reliable() {
            let connection = match self.people[who].connection {
                Some(connection) => connection,
                None => {
                    let fresh = self.new_connection();
                    *self.people[who].connection.insert(fresh)
                }
            };
            let at = self.network.stream(true, from, to, now, &mut self.rng);
            let path = Path { local: to, remote: from, connection: Some(connection), ..path };
            self.agenda.enter(at, Happening::Arrives { at: Who::Exchange, path, bytes });
            return Some(at);
        }
        let arrivals = self.network.datagram(true, from, to, now, &mut self.rng);
        let path = Path { local: to, remote: from, connection: None, ..path };
        self.arrive(Who::Exchange, path, bytes, [arrivals.first, arrivals.second]);
        arrivals.first
    }

    /// From the exchange to whoever is at that address.
    pub(super) fn deliver_outbound(&mut self, path: Path, bytes: Vec<u8>) {
        let now = self.clock.mono();
        self.trace.bytes(&bytes);
        let Some(who) = self.by_address.get(&path.remote).copied().filter(|who| !self.people[*who].vanished) else {
            return self.trace.say(now, || format!("exchange -> {} (nobody)   {}", path.remote, headline(&bytes)));
        };
        let (from, to) = (path.local, path.remote);
        self.steer(who, path, &bytes);
        if path.transport.is_reliable() {
            let connection = match self.people[who].connection {
                Some(connection) if path.connection.is_none_or(|wanted| wanted == connection) => connection,
                // The stream that it was meant for is gone; a phone does not listen for new ones.
                _ => return self.trace.say(now, || format!("exchange -> {to} (no stream)   {}", headline(&bytes))),
            };
            let at = self.network.stream(false, from, to, now, &mut self.rng);
            let path = Path { local: to, remote: from, connection: Some(connection), ..path };
            return self.agenda.enter(at, Happening::Arrives { at: Who::Person(who), path, bytes });
        }
        let arrivals = self.network.datagram(false, from, to, now, &mut self.rng);
        let path = Path { local: to, remote: from, connection: None, ..path };
        self.arrive(Who::Person(who), path, bytes, [arrivals.first, arrivals.second]);
    }

    /// A border element on the way of this call sends an UPDATE of its own, once.
    fn steer(&mut self, who: usize, path: Path, bytes: &[u8]) {
        let Some(call) = call_id(bytes).and_then(|id| self.attempt_of(who, id)) else { return };
        let attempt = &mut self.people[who].attempts[call];
        if attempt.plan.quirk != Quirk::Steered || attempt.tampered {
            return;
        }
        if let Some(update) = steering(bytes, path.local, path.remote) {
            attempt.tampered = true;
            let path = Path { local: path.remote, remote: path.local, connection: self.people[who].connection, ..path };
            let at = self.clock.mono() + STEER_LAG;
            self.agenda.enter(at, Happening::Arrives { at: Who::Person(who), path, bytes: update });
        }
    }

    fn attempt_of(&self, who: usize, id: &str) -> Option<usize> {
        self.people[who].attempts.iter().position(|attempt| attempt.sip_call_id == id)
    }

    fn arrive(&mut self, at: Who, path: Path, bytes: Vec<u8>, moments: [Option<Moment>; 2]) {
        let [first, second] = moments;
        if let Some(moment) = second {
            self.agenda.enter(moment, Happening::Arrives { at, path, bytes: bytes.clone() });
        }
        match first {
            Some(moment) => self.agenda.enter(moment, Happening::Arrives { at, path, bytes }),
            None => {
                self.trace.say(self.clock.mono(), || format!("lost: {} to {}   {}", path.remote, path.local, headline(&bytes)))
            }
        }
    }

    /// Either side closes a stream: both learn of it.
    pub(super) fn close_stream(&mut self, connection: ConnectionId) {
        let now = self.clock.mono();
        let Some(who) = self.people.iter().position(|person| person.connection == Some(connection)) else { return };
        self.people[who].connection = None;
        self.agenda.enter(now, Happening::Breaks { at: Who::Exchange, connection });
        self.agenda.enter(now, Happening::Breaks { at: Who::Person(who), connection });
    }

    /// Which of a person's calls a message belongs to; the first INVITE of a call tells its Call-ID.
    fn call_of(&mut self, who: usize, bytes: &[u8]) -> Option<usize> {
        let id = call_id(bytes)?;
        let person = &mut self.people[who];
        if let Some(call) = person.dialling.filter(|call| person.attempts[*call].sip_call_id.is_empty()) {
            person.attempts[call].sip_call_id = id.to_string();
        }
        self.attempt_of(who, id)
    }

    /// The addresses of a host name, as this world knows them.
    pub(super) fn resolve(&self, host: &str) -> Vec<IpAddr> {
        if host == EXCHANGE_NAME {
            return vec![EXCHANGE_V6.ip(), EXCHANGE.ip()];
        }
        let who = host.strip_prefix("phone").and_then(|rest| rest.strip_suffix(".example")).and_then(|n| n.parse().ok());
        who.and_then(|who: usize| self.people.get(who)).map(|person| person.address.ip()).into_iter().collect()
    }
}

/// How long after the answer a border element steers.
const STEER_LAG: Duration = Duration::from_secs(2);
const FORK_LAG: Duration = Duration::from_millis(20);
const ECHO_LAG: Duration = Duration::from_millis(10);

/// 100 to a request that expects an answer; a proxy's, so it may come for any method.
fn trying(bytes: &[u8]) -> Option<Vec<u8>> {
    match parse(bytes) {
        Ok(Message::Request(request)) if request.method != Method::Ack => Some(Response::to(&request, Status(100)).to_bytes()),
        _ => None,
    }
}

/// An UPDATE to the phone whose INVITE `accepted` answers, as if the exchange had sent it: the same description again.
fn steering(accepted: &[u8], from: SocketAddr, phone: SocketAddr) -> Option<Vec<u8>> {
    let Ok(Message::Response(accepted)) = parse(accepted) else { return None };
    if accepted.status != Status(200) || accepted.cseq().method != Method::Invite || accepted.body.is_empty() {
        return None;
    }
    let mut update = Request::new(Method::Update, Uri::sip("", &phone.ip().to_string(), Some(phone.port())));
    update.push_via(&Via::new("UDP", from, "z9hG4bKsteered"));
    update.set_max_forwards(70);
    update.set_from(accepted.to_());
    update.set_to(accepted.from_());
    update.set_call_id(accepted.call_id());
    update.set_cseq(1);
    update.headers.copy(&accepted.headers, Name::Contact);
    update.set_body("application/sdp", accepted.body.clone());
    Some(update.to_bytes())
}

pub(super) fn call_id(bytes: &[u8]) -> Option<&str> {
    let start = memmem::find(bytes, b"\r\nCall-ID:")? + b"\r\nCall-ID:".len();
    let length = memmem::find(&bytes[start..], b"\r\n")?;
    std::str::from_utf8(&bytes[start..start + length]).ok().map(str::trim)
}

/// The Reason of a request (RFC 3326), empty when it has none.
pub(super) fn reason(bytes: &[u8]) -> String {
    match parse(bytes) {
        Ok(Message::Request(request)) => request.reason_header().unwrap_or_default().into_owned(),
        _ => String::new(),
    }
}

/// The message without what it describes.
fn without_body(bytes: Vec<u8>) -> Vec<u8> {
    match parse(&bytes) {
        Ok(Message::Response(mut response)) => {
            response.body.clear();
            response.to_bytes()
        }
        _ => bytes,
    }
}

/// The same request, come by another way (RFC 3261 section 8.2.2.2).
fn with_another_branch(bytes: &[u8]) -> Vec<u8> {
    const COOKIE: &[u8] = b"branch=z9hG4bK";
    let Some(at) = memmem::find(bytes, COOKIE).map(|at| at + COOKIE.len()) else { return bytes.to_vec() };
    [&bytes[..at], b"fork", &bytes[at..]].concat()
}

/// The Contact with a host name in place of the address.
fn with_named_contact(bytes: &[u8], address: SocketAddr, who: usize) -> Vec<u8> {
    let Some(start) = memmem::find(bytes, b"\r\nContact:").map(|at| at + 2) else { return bytes.to_vec() };
    let end = memmem::find(&bytes[start..], b"\r\n").map_or(bytes.len(), |length| start + length);
    let line = String::from_utf8_lossy(&bytes[start..end]);
    let named = line.replace(&host_of(address), &format!("phone{who}.example"));
    [&bytes[..start], named.as_bytes(), &bytes[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:20000;branch=z9hG4bKabc\r\n\
        Call-ID: xyz@here\r\nContact: <sip:u@127.0.0.2:20000>\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn a_message_is_tampered_with_in_one_place_only() {
        assert_eq!(call_id(INVITE), Some("xyz@here"));
        let forked = String::from_utf8(with_another_branch(INVITE)).expect("text");
        assert!(forked.contains("branch=z9hG4bKforkabc\r\n"));
        let named = with_named_contact(INVITE, "127.0.0.2:20000".parse().expect("an address"), 3);
        let named = String::from_utf8(named).expect("text");
        assert!(named.contains("<sip:u@phone3.example:20000>") && named.contains("UDP 127.0.0.2:20000"));
    }
}
