//! The parser's rules, each as a row of a table.

mod addresses;
mod bodies;
mod refusals;
mod wire;

use super::*;

/// An INVITE as a common phone sends it.
const INVITE: &str = "INVITE sip:100@192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776asdhds;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Anna Kowalska\" <sip:1001@192.0.2.1>;tag=1928301774\r\n\
    To: <sip:100@192.0.2.1>\r\n\
    Call-ID: a84b4c76e66710@192.0.2.7\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:1001@192.0.2.7:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n\
    Supported: replaces, timer\r\n\
    User-Agent: Phone/1.0\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\
    \r\n\
    v=0\n";

const RINGING: &str = "SIP/2.0 180 Ringing\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776asdhds;received=192.0.2.7;rport=5060\r\n\
    From: <sip:1001@192.0.2.1>;tag=1928301774\r\n\
    To: <sip:100@192.0.2.1>;tag=a6c85cf\r\n\
    Call-ID: a84b4c76e66710@192.0.2.7\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:100@192.0.2.1>\r\n\
    Content-Length: 0\r\n\
    \r\n";

/// The sample with one thing changed in it.
fn changed(from: &str, to: &str) -> String {
    assert!(INVITE.contains(from), "{from:?} is not in the sample");
    INVITE.replacen(from, to, 1)
}

#[track_caller]
fn request(bytes: impl AsRef<[u8]>) -> Request {
    match parse(bytes.as_ref()) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

#[track_caller]
fn response(bytes: impl AsRef<[u8]>) -> Response {
    match parse(bytes.as_ref()) {
        Ok(Message::Response(response)) => response,
        other => panic!("no response: {other:?}"),
    }
}
