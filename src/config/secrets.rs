//! Passwords: where they stand, how weak they may be, and what is kept of them.
//!
//! `${file:NAME}` is read from the data folder's `secrets/NAME` (made at the first start), `${file:/PATH}` from anywhere,
//! `${env:NAME}` from the environment; anything else is the password itself. Invariant: no fault shows one, and only HA1 leaves
//! this file (RFC 7616 section 3.4.2).

use super::Sources;
use super::sections::Sections;
use crate::fault::Faults;
use crate::fault::fields::Reader;
use crate::fault::tree::{Node, Spot, Value};
use crate::sip::UserSecret;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt::Write;

/// The shortest password in characters, outside a lab.
pub const MIN_SECRET: usize = 14;

/// A secret that is kept elsewhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SecretRef {
    /// A path; one that is not absolute is a name in the data folder's `secrets/`.
    File(String),
    Env(String),
}

/// As it is written in the files.
impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretRef::File(path) => write!(f, "${{file:{path}}}"),
            SecretRef::Env(name) => write!(f, "${{env:{name}}}"),
        }
    }
}

/// What the configuration names and does not hold, as the shell finds it. Where nothing but secrets matters, a closure that reads
/// them will do.
pub trait Elsewhere {
    /// A secret; the error finishes the sentence "could not read it: ...".
    fn secret(&self, reference: &SecretRef) -> Result<String, String>;

    /// Whether this file of authorities can be read, and if not, why: the error finishes the same sentence.
    fn authorities(&self, _path: &str) -> Result<(), String> {
        Ok(())
    }
}

impl<F: Fn(&SecretRef) -> Result<String, String>> Elsewhere for F {
    fn secret(&self, reference: &SecretRef) -> Result<String, String> {
        self(reference)
    }
}

pub(super) type Secrets<'a> = &'a dyn Elsewhere;

/// Every secret that the files refer to, in order, once: so that missing ones can be made at the first start.
pub fn secret_references(sources: &Sources) -> Vec<SecretRef> {
    // What is wrong is said by `load`.
    let mut unheard = Faults::new();
    let documents = Sections::parse(&sources.files, &mut unheard);
    let sections = Sections::gather(&documents, &mut unheard);
    let mut found = Vec::new();
    let ours = [("extensions", "password"), ("webhooks", "secret")];
    let ours = ours.iter().flat_map(|(name, key)| sections.entries(name).map(move |section| (section, *key)));
    for (section, key) in ours {
        let Value::Map(fields) = &section.value().value else { continue };
        for field in fields.iter().filter(|field| field.key == key) {
            if let Value::Text { text, .. } = &field.value.value
                && let Some(Ok(reference)) = parse(text)
                && !found.contains(&reference)
            {
                found.push(reference);
            }
        }
    }
    found
}

/// `None`: the text is the secret itself. An error names what is wrong with the reference.
fn parse(text: &str) -> Option<Result<SecretRef, &'static str>> {
    let inner = text.strip_prefix("${")?;
    let Some((kind, name)) = inner.strip_suffix('}').and_then(|inner| inner.split_once(':')) else {
        return Some(Err("written as ${file:NAME} or ${env:NAME}"));
    };
    let name = name.trim();
    Some(match kind {
        "file" if name.starts_with('/') => Ok(SecretRef::File(name.into())),
        "file" if !crate::fault::fields::is_name(name) => {
            Err("the name of a file in the data folder's `secrets/`, without `/`, or an absolute path")
        }
        "file" => Ok(SecretRef::File(name.into())),
        "env" if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Ok(SecretRef::Env(name.into()))
        }
        "env" => Err("the name of a variable of the environment"),
        _ => Err("written as ${file:NAME} or ${env:NAME}"),
    })
}

/// The password that a field names.
pub(super) fn password(node: &Node, lab: bool, secrets: Secrets<'_>, reader: &mut Reader<'_>) -> Option<String> {
    strong("password", node, lab, secrets, reader)
}

fn strong(what: &str, node: &Node, lab: bool, secrets: Secrets<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let password = revealed(what, node, secrets, reader)?;
    if !lab && password.chars().count() < MIN_SECRET {
        let message = format!("the {what} is shorter than {MIN_SECRET} characters; `${{file:NAME}}` has one made for you");
        fault(node.spot, message, reader);
        return None;
    }
    Some(password)
}

/// One that somebody else has chosen for us: as weak as it is.
pub(super) fn provider_password(node: &Node, secrets: Secrets<'_>, reader: &mut Reader<'_>) -> Option<String> {
    revealed("password", node, secrets, reader)
}

/// What we and somebody else sign with.
pub(super) fn shared(node: &Node, lab: bool, secrets: Secrets<'_>, reader: &mut Reader<'_>) -> Option<String> {
    strong("secret", node, lab, secrets, reader)
}

fn revealed(what: &str, node: &Node, secrets: Secrets<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let text = match &node.value {
        Value::Text { text, .. } => text,
        _ => {
            fault(node.spot, format!("`{what}` is a text or a reference to one"), reader);
            return None;
        }
    };
    match parse(text) {
        None => Some(text.clone()),
        Some(Err(why)) => {
            fault(node.spot, format!("a reference to a secret is {why}"), reader);
            None
        }
        Some(Ok(reference)) => match secrets.secret(&reference) {
            Ok(password) => Some(password),
            Err(why) => {
                fault(node.spot, format!("could not read {reference}: {why}"), reader);
                None
            }
        },
    }
}

/// A text with the secrets that it refers to in their places; the error is a whole sentence, without them.
pub(super) fn filled_in(text: &str, secrets: Secrets<'_>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let (inner, after) =
            after.split_once('}').ok_or("a reference to a secret is written as ${file:NAME} or ${env:NAME}")?;
        let reference = match parse(&format!("${{{inner}}}")) {
            Some(Ok(reference)) => reference,
            Some(Err(why)) => return Err(format!("a reference to a secret is {why}")),
            None => return Err("a reference to a secret is written as ${file:NAME} or ${env:NAME}".to_string()),
        };
        filled.push_str(&secrets.secret(&reference).map_err(|why| format!("could not read {reference}: {why}"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Without the excerpt: the secret stands there.
pub(super) fn fault(spot: Spot, message: String, reader: &mut Reader<'_>) {
    let mut place = reader.place(spot);
    place.excerpt = String::new();
    reader.faults.add(place, message);
}

/// What proves the password without being it: HA1 for each algorithm.
pub(super) fn user_secret(user: &str, realm: &str, password: &str) -> UserSecret {
    let a1 = format!("{user}:{realm}:{password}");
    UserSecret { ha1_md5: hex(&Md5::digest(&a1)), ha1_sha256: hex(&Sha256::digest(&a1)) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ha1_is_that_of_the_rfc() {
        // RFC 7616 section 3.9.1: Mufasa, "Circle of Life"; the sums were made with md5sum and sha256sum.
        let secret = user_secret("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(secret.ha1_md5, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(secret.ha1_sha256, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
    }

    #[test]
    fn references_are_told_from_secrets() {
        assert_eq!(parse("pw1001"), None);
        assert_eq!(parse("${file:1001}"), Some(Ok(SecretRef::File("1001".into()))));
        assert_eq!(parse("${file:/run/secrets/a}"), Some(Ok(SecretRef::File("/run/secrets/a".into()))));
        assert_eq!(parse("${env:PASSWORD_1}"), Some(Ok(SecretRef::Env("PASSWORD_1".into()))));
        for wrong in ["${file:../../etc/passwd}", "${file:}", "${env:}", "${env:a b}", "${vault:x}", "${x}", "${file:x"] {
            assert!(matches!(parse(wrong), Some(Err(_))), "{wrong}");
        }
    }
}
