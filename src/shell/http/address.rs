//! An address in its parts.
//!
//! Invariant: nothing in it can end a line of the request, and its host holds no user, no space and no path.

use std::str::FromStr;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 8192;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub secure: bool,
    /// In small letters, an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// With the query, beginning with `/`.
    pub path: String,
    /// As it stands in the address: for the `Host` header.
    pub authority: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(url: &str) -> Result<Address, String> {
        let wrong = |why: &str| format!("not an address that can be asked: {why}");
        if url.len() > MAX_ADDRESS || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("too long, or with characters that must be percent-encoded"));
        }
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong("it begins with neither https:// nor http://")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = if path.starts_with('/') { path.to_string() } else { format!("/{path}") };
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(|| wrong("a bracket has no end"))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().map_err(|_| wrong("its port is not a number"))?,
            None => return Err(wrong("its host cannot be read")),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong("its host cannot be read"));
        }
        let (host, authority) = (host.to_ascii_lowercase(), authority.to_string());
        Ok(Address { secure, host, port, path, authority })
    }
}
