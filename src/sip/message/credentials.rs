//! Challenges and what answers them: `Digest realm="...", nonce="..."` (RFC 3261 section 20.7, RFC 7616, RFC 8760).
//!
//! Invariant: a parameter stands once; a header that repeats one is not read at all, so nobody can choose which is believed.

use super::scan::{self, Cursor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// More than any scheme has.
const MAX_PARAMS: usize = 32;

macro_rules! authentication {
    ($(#[$doc:meta])* $name:ident, written plain: $($plain:literal)*) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub struct $name {
            pub scheme: String,
            /// Names in lower case and values without quotes, in their order.
            pub params: Vec<(String, String)>,
        }

        impl $name {
            pub fn new(scheme: &str) -> $name {
                $name { scheme: scheme.to_string(), params: Vec::new() }
            }

            pub fn with(mut self, name: &str, value: &str) -> $name {
                self.params.push((name.to_string(), value.to_string()));
                self
            }

            pub fn is_digest(&self) -> bool {
                self.scheme.eq_ignore_ascii_case("Digest")
            }

            /// `name` in lower case.
            pub fn get(&self, name: &str) -> Option<&str> {
                self.params.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
            }

            /// `None` when it cannot be read.
            pub fn parse(value: impl AsRef<[u8]>) -> Option<$name> {
                let (scheme, params) = read(value.as_ref())?;
                Some($name { scheme, params })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(&self.scheme, &self.params, &[$($plain),*], f)
            }
        }
    };
}

authentication! {
    /// Of Authorization and Proxy-Authorization.
    Credentials, written plain: "algorithm" "qop" "nc"
}

authentication! {
    /// Of WWW-Authenticate and Proxy-Authenticate.
    Challenge, written plain: "algorithm" "stale"
}

fn read(value: &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let mut cursor = Cursor::new(value);
    cursor.skip_space();
    let scheme = cursor.token();
    if scheme.is_empty() {
        return None;
    }
    let mut params: Vec<(String, String)> = Vec::new();
    cursor.skip_space();
    while !cursor.is_done() {
        let name = scan::text(cursor.token()).to_ascii_lowercase();
        if name.is_empty() || !cursor.separator(b'=') || params.len() == MAX_PARAMS {
            return None;
        }
        let value = match cursor.peek() {
            Some(b'"') => scan::unescape(cursor.quoted()?).into_owned(),
            _ => Some(scan::text(cursor.value()).into_owned()).filter(|value| !value.is_empty())?,
        };
        if params.iter().any(|(other, _)| *other == name) {
            return None;
        }
        params.push((name, value));
        if !cursor.separator(b',') {
            cursor.skip_space();
            if !cursor.is_done() {
                return None;
            }
        }
    }
    Some((scan::text(scheme).into_owned(), params))
}

fn write(scheme: &str, params: &[(String, String)], plain: &[&str], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(scheme)?;
    for (index, (name, value)) in params.iter().enumerate() {
        f.write_str(if index == 0 { " " } else { ", " })?;
        if plain.contains(&name.as_str()) && scan::is_token(value.as_bytes()) {
            write!(f, "{name}={value}")?;
        } else {
            let mut quoted = String::with_capacity(value.len() + 2);
            scan::quote(value, &mut quoted);
            write!(f, "{name}={quoted}")?;
        }
    }
    Ok(())
}
