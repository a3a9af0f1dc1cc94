//! When two addresses mean the same (RFC 3261 section 19.1.4, RFC 3966 section 4).
//!
//! Invariant: the relation is symmetric. It is not transitive, because parameters that only one side has do not count: compare
//! with what was asked, never along a chain.

use super::uri::{Scheme, Uri, escape, ip};

impl Uri {
    /// True when both mean the same address (RFC 3261 section 19.1.4, RFC 3966 section 4): escapes of ordinary characters, the
    /// case of hosts and parameters, and the order of parameters do not count; a missing port is not 5060.
    pub fn same_as(&self, other: &Uri) -> bool {
        if self == other {
            return true;
        }
        match (self.scheme(), other.scheme()) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => {
                same_escaped(self.raw_user(), other.raw_user())
                    && same_escaped(self.password(), other.password())
                    && same_host(self.host(), other.host())
                    && self.port() == other.port()
                    && self.agrees_with(other)
                    && other.agrees_with(self)
                    && self.same_headers(other)
            }
            (Scheme::Tel, Scheme::Tel) => {
                let digits = |uri: &Uri| -> String {
                    let visual = ['-', '.', '(', ')'];
                    uri.user()
                        .chars()
                        .filter(|letter| !visual.contains(letter))
                        .map(|letter| letter.to_ascii_lowercase())
                        .collect()
                };
                let has = |uri: &Uri, (name, value): (&str, &str)| {
                    uri.param(name).is_some_and(|other| other.eq_ignore_ascii_case(value))
                };
                digits(self) == digits(other)
                    && self.params().all(|param| has(other, param))
                    && other.params().all(|param| has(self, param))
            }
            _ => false,
        }
    }

    /// A parameter that only one side has does not count, unless it changes where or how a request goes.
    fn agrees_with(&self, other: &Uri) -> bool {
        self.params().all(|(name, value)| match other.param(name) {
            Some(theirs) => same_text(value, theirs),
            None => !["user", "ttl", "method", "maddr", "transport"].iter().any(|telling| name.eq_ignore_ascii_case(telling)),
        })
    }

    fn same_headers(&self, other: &Uri) -> bool {
        let normal = |uri: &Uri| -> Vec<String> {
            let mut headers: Vec<String> = uri.headers().unwrap_or_default().split('&').map(normal).collect();
            headers.sort_unstable();
            headers
        };
        normal(self) == normal(other)
    }
}

/// The same characters, escaped or not. What is reserved means something else when it is escaped (RFC 3261 section 19.1.4).
fn same_escaped(one: Option<&str>, other: Option<&str>) -> bool {
    one == other || matches!((one, other), (Some(one), Some(other)) if normal(one) == normal(other))
}

fn same_text(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || normal(one).eq_ignore_ascii_case(&normal(other))
}

fn same_host(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || matches!((ip(one), ip(other)), (Some(one), Some(other)) if one == other)
}

/// Escapes of unreserved characters undone, all others in upper case.
fn normal(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let mut length = letter.len_utf8();
        match escape(rest.as_bytes()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) => {
                plain.push(char::from(byte));
                length = 3;
            }
            Some(byte) => {
                plain.push_str(&format!("%{byte:02X}"));
                length = 3;
            }
            None => plain.push(letter),
        }
        rest = &rest[length..];
    }
    plain
}
