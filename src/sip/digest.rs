//! The arithmetic of digest authentication (RFC 7616, RFC 8760), the same for who asks and who answers.
//!
//! Invariant: only qop=auth is spoken; what binds the answer to the request is its method, URI and nonce count.

use super::Algorithm;
use super::message;
use crate::id::Rng;
use md5::Md5;
use sha2::{Digest, Sha256};

/// What an answer is made over, besides the secret.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub nonce: &'a str,
    /// Eight hexadecimal digits, as they were sent.
    pub nc: &'a str,
    pub cnonce: &'a str,
}

impl Algorithm {
    /// Its name on the wire.
    pub fn token(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// The algorithm of a challenge or an answer; MD5 when none is named (RFC 7616 section 3.3).
    pub(super) fn of(token: Option<&str>) -> Option<Algorithm> {
        match token {
            None => Some(Algorithm::Md5),
            Some(token) if token.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(token) if token.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

/// HA1: what stands for the password (RFC 7616 section 3.4.2), as lower-case hexadecimal.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
    algorithm.hash(&format!("{user}:{realm}:{password}"))
}

/// The answer with qop=auth (RFC 7616 section 3.4.1).
pub fn answer(algorithm: Algorithm, ha1: &str, question: Question<'_>) -> String {
    let Question { method, uri, nonce, nc, cnonce } = question;
    let ha2 = algorithm.hash(&format!("{method}:{uri}"));
    algorithm.hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"))
}

/// The answer of a peer that knows no qop (RFC 2069), which we give only when the challenge offers none.
fn answer_without_qop(algorithm: Algorithm, ha1: &str, question: Question<'_>) -> String {
    let ha2 = algorithm.hash(&format!("{}:{}", question.method, question.uri));
    algorithm.hash(&format!("{ha1}:{}:{ha2}", question.nonce))
}

/// Our answer to the first challenge that we can answer: whoever asks has put what it prefers first (RFC 8760 section 2.4).
pub fn respond(
    challenges: &[message::Challenge],
    credentials: &super::Credentials,
    method: &str,
    uri: &str,
    rng: &mut Rng,
) -> Option<message::Credentials> {
    let (challenge, algorithm) = challenges
        .iter()
        .filter(|challenge| challenge.is_digest())
        .find_map(|challenge| Some((challenge, Algorithm::of(challenge.get("algorithm"))?)))?;
    let (realm, nonce) = (challenge.get("realm")?, challenge.get("nonce")?);
    let cnonce = rng.hex(16);
    let question = Question { method, uri, nonce, nc: "00000001", cnonce: &cnonce };
    let ha1 = ha1(algorithm, &credentials.user, realm, &credentials.password);
    let mut answered = message::Credentials::new("Digest")
        .with("username", &credentials.user)
        .with("realm", realm)
        .with("nonce", nonce)
        .with("uri", uri);
    answered = match challenge.get("qop") {
        Some(qop) if qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) => answered
            .with("response", &answer(algorithm, &ha1, question))
            .with("qop", "auth")
            .with("nc", question.nc)
            .with("cnonce", question.cnonce),
        Some(_) => return None,
        None => answered.with("response", &answer_without_qop(algorithm, &ha1, question)),
    };
    if challenge.get("algorithm").is_some() {
        answered = answered.with("algorithm", algorithm.token());
    }
    if let Some(opaque) = challenge.get("opaque") {
        answered = answered.with("opaque", opaque);
    }
    Some(answered)
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1, both algorithms.
    #[test]
    fn the_worked_example_of_the_rfc_comes_out() {
        let question = Question {
            method: "GET",
            uri: "/dir/index.html",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            nc: "00000001",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let ha1 = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
            assert_eq!(answer(algorithm, &ha1, question), expected, "{algorithm:?}");
        }
    }
}
