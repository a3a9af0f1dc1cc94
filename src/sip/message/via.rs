//! Via: the way that a request took, and its response takes back (RFC 3261 section 20.42, RFC 3581).
//!
//! Invariant: `host` is a name or an address without brackets, and is never empty in a Via that was parsed.

use super::params::Params;
use super::scan::{self, Cursor};
use super::uri;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What every branch of a client of RFC 3261 begins with; one without it is not unique (section 8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Via {
    /// As it is written: `UDP`, `TCP`, `TLS`, `WS`, `WSS` or anything else.
    pub transport: String,
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
}

impl Via {
    pub fn new(transport: &str, sent_by: SocketAddr, branch: &str) -> Via {
        let mut params = Params::new();
        params.set("rport", "");
        params.set("branch", branch);
        Via { transport: transport.to_string(), host: sent_by.ip().to_string(), port: Some(sent_by.port()), params }
    }

    pub(super) const fn none() -> Via {
        Via { transport: String::new(), host: String::new(), port: None, params: Params::new() }
    }

    /// Empty when there is none (RFC 2543).
    pub fn branch(&self) -> &str {
        self.params.get("branch").unwrap_or_default()
    }

    /// True when the branch identifies the transaction on its own (RFC 3261 section 17.2.3): the cookie with something after it.
    pub fn is_3261(&self) -> bool {
        self.branch().strip_prefix(MAGIC_COOKIE).is_some_and(|rest| !rest.is_empty())
    }

    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.get("received")?;
        uri::ip(value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).unwrap_or(value))
    }

    /// `None` without the parameter, `Some(None)` when it asks and is not filled in, `Some(Some(port))` in a response.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| uri::port(value.as_bytes()))
    }

    /// The port of `sent-by`; 5061 for TLS and 5060 otherwise when it is not given.
    pub fn port_or_default(&self) -> u16 {
        let secure = self.transport.eq_ignore_ascii_case("TLS") || self.transport.eq_ignore_ascii_case("WSS");
        self.port.unwrap_or(if secure { 5061 } else { 5060 })
    }

    /// What the receiver of a request adds (RFC 3261 section 18.2.1, RFC 3581 section 4): `received` when the source is not
    /// what `sent-by` says or `rport` was asked for, and the source port in `rport`. A `received` of the peer's own making does
    /// not survive. True when something changed.
    pub fn received_from(&mut self, source: SocketAddr) -> bool {
        let asked = self.params.has("rport");
        let same = uri::ip(&self.host).is_some_and(|host| host.to_canonical() == source.ip().to_canonical());
        let forged = self.params.has("received");
        if !asked && same && !forged {
            return false;
        }
        self.params.remove("received");
        if asked {
            self.params.remove("rport");
            self.params.push("rport", source.port());
        }
        if asked || !same {
            self.params.push("received", source.ip().to_canonical());
        }
        true
    }

    pub fn parse(value: impl AsRef<[u8]>) -> Result<Via, &'static str> {
        let mut cursor = Cursor::new(value.as_ref());
        let via = Via::read(&mut cursor)?;
        cursor.skip_space();
        if cursor.is_done() { Ok(via) } else { Err("something after the Via") }
    }

    pub(super) fn read(cursor: &mut Cursor) -> Result<Via, &'static str> {
        let mut via = Via::read_sent_by(cursor)?;
        via.params.read_into(cursor)?;
        Ok(via)
    }

    /// As much of the topmost value as can be read: enough to send a refusal back.
    pub(super) fn salvage(value: &[u8]) -> Option<Via> {
        let mut cursor = Cursor::new(value);
        let mut via = Via::read_sent_by(&mut cursor).ok()?;
        // What comes after the first malformed parameter is not worth returning.
        let _ = via.params.read_into(&mut cursor);
        Some(via)
    }

    /// `SIP/2.0/UDP host:port`, with blanks around every separator.
    fn read_sent_by(cursor: &mut Cursor) -> Result<Via, &'static str> {
        cursor.skip_space();
        let protocol = cursor.token();
        let slash = cursor.separator(b'/');
        let version = cursor.token();
        if !protocol.eq_ignore_ascii_case(b"SIP") || !slash || version.is_empty() || !cursor.separator(b'/') {
            return Err("a Via that does not begin with SIP/2.0/");
        }
        let transport = cursor.token();
        let gap = cursor.position();
        cursor.skip_space();
        if transport.is_empty() || cursor.position() == gap {
            return Err("a Via without a transport");
        }
        let host = if cursor.eat(b'[') {
            cursor.until(b']').filter(|host| std::str::from_utf8(host).ok().and_then(uri::ip).is_some_and(|ip| ip.is_ipv6()))
        } else {
            Some(cursor.host_name()).filter(|host| uri::is_host(host))
        };
        let host = host.ok_or("a Via with a malformed host")?;
        let port = match cursor.separator(b':') {
            true => Some(uri::port(cursor.until_any(|byte| !byte.is_ascii_digit())).ok_or("a Via with a malformed port")?),
            false => None,
        };
        Ok(Via {
            transport: scan::text(transport).into_owned(),
            host: scan::text(host).into_owned(),
            port,
            params: Params::new(),
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} ", self.transport)?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
