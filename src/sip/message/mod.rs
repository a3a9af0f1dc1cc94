//! The wire format of SIP (RFC 3261 section 7): bytes in, typed messages out, and back.
//!
//! ```text
//!   datagram, or one message cut out of a stream
//!        |
//!      parse -----> Request | Response | KeepAlive      (Malformed: with the refusal that can still be sent)
//!                      |
//!                   headers: values as bytes, in order; Via, From, To, CSeq, Contact typed
//!        |
//!   to_bytes
//! ```
//!
//! | file | what |
//! |---|---|
//! | `parse` | one whole message: start line, fields, body; every limit |
//! | `headers` | the fields and what is asked of them |
//! | `uri` `same` `address` `via` `params` `credentials` `method` `name` `status` | the parts |
//! | `body` | the session description, alone or among other parts |
//! | `scan` | characters, blanks, quoted strings |
//!
//! Invariant: hostile bytes stop here. Whatever comes out has one Via, From, To, Call-ID and CSeq that can be relied upon.

mod address;
mod asked;
mod body;
mod credentials;
mod headers;
mod method;
mod name;
mod params;
mod parse;
mod same;
mod scan;
mod status;
#[cfg(test)]
mod tests;
mod typed;
mod uri;
mod via;

pub use address::{Contact, NameAddr};
pub use body::Body;
pub use credentials::{Challenge, Credentials};
pub use headers::Headers;
pub use method::Method;
pub use name::Name;
pub use params::Params;
pub use parse::{MAX_CONTACTS, MAX_FIELD, MAX_FIELDS, MAX_MESSAGE, MAX_VIAS, Malformed, parse, refusal};
pub(in crate::sip) use parse::{content_length, excerpt};
pub use typed::CSeq;
pub use uri::{MAX_URI, Scheme, Uri};
pub use via::{MAGIC_COOKIE, Via};

use super::Status;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;

/// What a datagram or a cut of a stream turned out to be.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    Request(Request),
    Response(Response),
    /// Nothing but line breaks: somebody keeps the way open (RFC 5626 section 3.5.1). Over UDP it is not answered.
    KeepAlive,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Response {
    pub status: Status,
    pub reason: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Request {
    /// A request of ours: its Via, From, To, Call-ID and CSeq are still to be set.
    pub fn new(method: Method, uri: Uri) -> Request {
        Request { method, uri, headers: Headers::of_request(), body: Vec::new() }
    }

    /// The next request's CSeq: its own method with this number.
    pub fn set_cseq(&mut self, number: u32) {
        self.headers.write_field(Name::CSeq, format_args!("{number} {}", self.method));
    }

    pub fn set_max_forwards(&mut self, hops: u8) {
        self.headers.write_field(Name::MaxForwards, hops);
    }

    pub fn set_authorization(&mut self, credentials: &Credentials) {
        self.headers.write_field(Name::Authorization, credentials);
    }

    pub fn set_proxy_authorization(&mut self, credentials: &Credentials) {
        self.headers.write_field(Name::ProxyAuthorization, credentials);
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.uri.as_str().len() + self.headers.size() + self.body.len() + 32);
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.uri.as_str().as_bytes());
        out.extend_from_slice(b" SIP/2.0\r\n");
        self.headers.write(&self.body, &mut out);
        out
    }
}

impl Response {
    /// A response with the request's Via (all, in order), From, To, Call-ID and CSeq, byte for byte (RFC 3261 section 8.2.6.2).
    pub fn to(request: &Request, status: Status) -> Response {
        let headers = Headers::of_response_to(&request.headers);
        Response { status, reason: status.reason_phrase().to_string(), headers, body: Vec::new() }
    }

    /// Adds our tag to the To header, if it has none yet.
    pub fn set_to_tag(&mut self, tag: &str) {
        self.headers.set_to_tag(tag);
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.reason.len() + self.headers.size() + self.body.len() + 32);
        // Writing into memory does not fail.
        let _ = write!(out, "SIP/2.0 {} ", self.status.0);
        out.extend(self.reason.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
        self.headers.write(&self.body, &mut out);
        out
    }
}

/// What requests and responses are asked alike; see [`Headers`] for what each answers.
macro_rules! asks_its_headers {
    ($kind:ident: $($question:ident -> $answer:ty,)*) => {
        impl $kind {
            $(pub fn $question(&self) -> $answer {
                self.headers.$question()
            })*

            /// Marks the topmost Via with where the message came from ([`Via::received_from`]).
            pub fn received_from(&mut self, source: SocketAddr) {
                self.headers.received_from(source);
            }

            /// Puts a Via above the others.
            pub fn push_via(&mut self, via: &Via) {
                self.headers.push_via(via);
            }

            pub fn set_from(&mut self, from: &NameAddr) {
                self.headers.write_field(Name::From, from);
            }

            pub fn set_to(&mut self, to: &NameAddr) {
                self.headers.write_field(Name::To, to);
            }

            pub fn set_call_id(&mut self, call_id: &str) {
                self.headers.set(Name::CallId, call_id);
            }

            pub fn set_contact(&mut self, contact: &Contact) {
                self.headers.write_field(Name::Contact, contact);
            }

            /// Replaces the body; an empty one has no type.
            pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
                if body.is_empty() {
                    self.headers.remove(Name::ContentType);
                } else {
                    self.headers.set(Name::ContentType, content_type);
                }
                self.body = body;
            }
        }
    };
    ($($kind:ident)*) => {$(
        asks_its_headers! {
            $kind:
            via -> &Via,
            vias -> Vec<Via>,
            from_ -> &NameAddr,
            to_ -> &NameAddr,
            call_id -> &str,
            cseq -> CSeq,
            max_forwards -> Option<u8>,
            contacts -> &[Contact],
            is_star -> bool,
            expires -> Option<u32>,
            min_expires -> Option<u32>,
            retry_after -> Option<u32>,
            route -> Vec<NameAddr>,
            record_route -> Vec<NameAddr>,
            require -> Vec<String>,
            proxy_require -> Vec<String>,
            supported -> Vec<String>,
            allow -> Vec<Method>,
            accept -> Vec<String>,
            content_type -> Option<String>,
            user_agent -> Option<Cow<'_, str>>,
            reason_header -> Option<Cow<'_, str>>,
            authorization -> Vec<Credentials>,
            proxy_authorization -> Vec<Credentials>,
            www_authenticate -> Vec<Challenge>,
            proxy_authenticate -> Vec<Challenge>,
        }
    )*};
}

asks_its_headers! { Request Response }
