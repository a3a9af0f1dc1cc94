//! What belongs to which transaction: the keys, and the requests that share the identity of an INVITE (its CANCEL and ACK).
//!
//! Invariant: a CANCEL or the ACK of a refusal has the key of its INVITE, when asked for with the method INVITE.

use crate::sip::message::{Message, Method, Name, Request, Response, excerpt, parse};
use std::fmt::Write;

/// What makes two requests the same transaction (RFC 3261 section 17.2.3): branch, sent-by and method; for senders that do
/// not give a unique branch (RFC 2543, or the bare cookie) everything that RFC 2543 compares.
pub fn request_key(request: &Request, method: &Method) -> String {
    let via = request.via();
    let (port, method) = (via.port_or_default(), method.as_str());
    if via.is_3261() {
        let branch = via.branch();
        let mut key = String::with_capacity(branch.len() + via.host.len() + method.len() + 10);
        key.push_str("s|");
        key.push_str(branch);
        key.push('|');
        key.extend(via.host.chars().map(|letter| letter.to_ascii_lowercase()));
        // Writing into memory does not fail.
        let _ = write!(key, "|{port}|{method}");
        return key;
    }
    let (uri, tag, cseq) = (request.uri.as_str(), request.from_().tag().unwrap_or_default(), request.cseq().number);
    format!("o|{uri}|{tag}|{}|{cseq}|{via}|{method}", request.call_id())
}

pub fn client_key(branch: &str, method: &Method) -> String {
    format!("c|{branch}|{}", method.as_str())
}

/// Our own request, read back from the bytes that were sent.
pub fn own_request(bytes: &[u8]) -> Option<Request> {
    match parse(bytes) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

/// What a CANCEL or ACK has of its INVITE.
const SHARED: [Name; 7] = [Name::Via, Name::MaxForwards, Name::Route, Name::From, Name::To, Name::CallId, Name::CSeq];

/// The CANCEL or ACK that belongs to our INVITE, from the bytes of the INVITE: same Request-URI, top Via, Route, From, To, Call-ID
/// and CSeq number (RFC 3261 sections 9.1 and 17.1.1.3).
pub fn in_the_name_of(invite: &[u8], method: Method) -> Option<Request> {
    let mut request = excerpt(invite, &SHARED)?;
    let number = request.cseq().number;
    request.method = method;
    request.set_cseq(number);
    Some(request)
}

/// The ACK of a refusal of our INVITE, from the bytes of the INVITE.
pub fn ack_of_refusal(invite: &[u8], response: &Response) -> Option<Vec<u8>> {
    let mut ack = in_the_name_of(invite, Method::Ack)?;
    if let Some(to) = response.headers.get(Name::To) {
        ack.headers.set(Name::To, to);
    }
    Some(ack.to_bytes())
}
