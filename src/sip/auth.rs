//! Who is it: digest challenges and the proof that answers them (RFC 7616, RFC 8760, RFC 3261 section 22).
//!
//! A nonce is a token that only we can make: its time and a salt, and a MAC over them and the asker's address, so nothing is
//! remembered until somebody has proved something with it; then its counts are. Invariant: one nonce count is accepted once,
//! and an unknown user costs and looks exactly like a wrong password.

use super::digest::{self, Question, hex};
use super::message::{Challenge, Credentials, Uri};
use super::{Algorithm, Rejection, Settings};
use crate::id::{Name, Rng};
use crate::time::{Duration, Moment};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// Nonces whose counts are remembered; beyond it the oldest can no longer be used.
pub const MAX_NONCES: usize = 65_536;
/// How far a nonce count may lag behind the highest seen.
const WINDOW: u32 = 128;
/// Of the hexadecimal MAC: 128 bits.
const MAC_DIGITS: usize = 32;
/// Stands in for the secret of a user who does not exist.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Clone, Debug)]
pub enum Verdict {
    Proved(Name),
    /// Ask (again). `stale`: the secret was right, only the nonce has aged, so the phone need not ask its user.
    Ask {
        stale: bool,
        why: Option<Rejection>,
    },
}

/// What a digest has to fit: the request and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub method: &'a str,
    pub uri: &'a Uri,
    pub credentials: &'a [Credentials],
    pub algorithms: &'a [Algorithm],
    pub source: IpAddr,
}

/// The order of time, so that the oldest is first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
struct Nonce {
    /// Seconds on the monotonic clock. The key does not outlive the process, so neither need the time; and a civil clock that
    /// is set back would make every new nonce look forgotten.
    issued: u64,
    salt: u64,
}

/// Which of the last [`WINDOW`] counts have been used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Counts {
    highest: u32,
    /// Bit n: the count `highest - n`.
    used: u128,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Guard {
    /// Never saved: nonces given before a restart are stale after it.
    #[serde(skip)]
    key: [u8; 32],
    #[serde(with = "crate::time::pairs")]
    counts: BTreeMap<Nonce, Counts>,
    /// Nonces up to this one have been forgotten, and are stale whatever their age.
    forgotten: Nonce,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("key", &"..").field("nonces", &self.counts.len()).finish()
    }
}

impl Guard {
    pub fn new(rng: &mut Rng) -> Guard {
        let mut guard = Guard::default();
        guard.reseed(rng);
        guard
    }

    /// A new key: every nonce given before is worthless.
    pub fn reseed(&mut self, rng: &mut Rng) {
        rng.fill(&mut self.key);
        self.counts.clear();
        self.forgotten = Nonce::default();
    }

    /// One challenge per algorithm, in the listener's order (RFC 8760 section 2.4).
    pub fn challenges(
        &self,
        realm: &str,
        algorithms: &[Algorithm],
        source: IpAddr,
        stale: bool,
        rng: &mut Rng,
        now: Moment,
    ) -> Vec<Challenge> {
        let nonce = self.token(Nonce { issued: seconds(now), salt: rng.u64() }, source);
        let one = |algorithm: &Algorithm| {
            let challenge = Challenge::new("Digest")
                .with("realm", realm)
                .with("nonce", &nonce)
                .with("qop", "auth")
                .with("algorithm", algorithm.token());
            if stale { challenge.with("stale", "true") } else { challenge }
        };
        algorithms.iter().map(one).collect()
    }

    pub fn verify(&mut self, claim: Claim<'_>, settings: &Settings, now: Moment) -> Verdict {
        let ours = claim
            .credentials
            .iter()
            .filter(|credentials| credentials.is_digest() && credentials.get("realm") == Some(settings.realm.as_str()))
            .find_map(|credentials| {
                let algorithm = Algorithm::of(credentials.get("algorithm"))?;
                claim.algorithms.contains(&algorithm).then_some((credentials, algorithm))
            });
        // Another scheme, realm or algorithm is no failed attempt: it is told what we speak.
        let Some((credentials, algorithm)) = ours else { return Verdict::Ask { stale: false, why: None } };
        let user = credentials.get("username").unwrap_or_default();
        let bad = || Verdict::Ask { stale: false, why: Some(Rejection::BadCredentials { user: user.to_string() }) };

        let Some(nonce) = credentials.get("nonce").and_then(|token| self.ours(token, claim.source)) else {
            // Before a restart, or from another address: the phone was right when it got it.
            return Verdict::Ask { stale: true, why: None };
        };
        let (Some("auth"), Some(nc), Some(cnonce), Some(written)) =
            (credentials.get("qop"), credentials.get("nc"), credentials.get("cnonce"), credentials.get("uri"))
        else {
            return bad();
        };
        let Some(count) = nonce_count(nc) else { return bad() };
        let known = settings.users.get_key_value(user);
        let secret = known.map_or(NOBODY, |(_, secret)| match algorithm {
            Algorithm::Md5 => secret.ha1_md5.as_str(),
            Algorithm::Sha256 => secret.ha1_sha256.as_str(),
        });
        let question =
            Question { method: claim.method, uri: written, nonce: credentials.get("nonce").unwrap_or_default(), nc, cnonce };
        let expected = digest::answer(algorithm, secret, question);
        let given = credentials.get("response").unwrap_or_default().to_ascii_lowercase();
        let right: bool = expected.as_bytes().ct_eq(given.as_bytes()).into();
        let proved = known.filter(|(_, secret)| match algorithm {
            Algorithm::Md5 => !secret.ha1_md5.is_empty(),
            Algorithm::Sha256 => !secret.ha1_sha256.is_empty(),
        });
        let (true, Some((name, _)), true) = (right, proved, is_same_place(written, claim.uri)) else { return bad() };

        if self.is_expired(nonce, settings.registrar.nonce_life, now) {
            return Verdict::Ask { stale: true, why: None };
        }
        if !self.count(nonce, count) {
            return Verdict::Ask { stale: true, why: Some(Rejection::Replayed { user: user.to_string() }) };
        }
        self.forget(settings.registrar.nonce_life, now);
        Verdict::Proved(name.clone())
    }

    /// The text of a nonce.
    fn token(&self, nonce: Nonce, source: IpAddr) -> String {
        let mut token = format!("{:010x}{:016x}", nonce.issued, nonce.salt);
        // A key of any length serves HMAC, so this never fails; without a MAC the token would match nothing.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) {
            mac.update(token.as_bytes());
            mac.update(source.to_canonical().to_string().as_bytes());
            token.push_str(hex(&mac.finalize().into_bytes()).get(..MAC_DIGITS).unwrap_or_default());
        }
        token
    }

    /// The nonce that this token stands for, if we made it for this address.
    fn ours(&self, token: &str, source: IpAddr) -> Option<Nonce> {
        let issued = u64::from_str_radix(token.get(..10)?, 16).ok()?;
        let salt = u64::from_str_radix(token.get(10..26)?, 16).ok()?;
        let nonce = Nonce { issued, salt };
        let expected = self.token(nonce, source);
        bool::from(expected.as_bytes().ct_eq(token.as_bytes())).then_some(nonce)
    }

    fn is_expired(&self, nonce: Nonce, life: Duration, now: Moment) -> bool {
        nonce <= self.forgotten || nonce.issued.saturating_add(life.as_secs()) < seconds(now)
    }

    /// Notes the use of this count; false when it was used before, or lags too far behind to know.
    fn count(&mut self, nonce: Nonce, count: u32) -> bool {
        let counts = self.counts.entry(nonce).or_insert(Counts { highest: 0, used: 1 });
        if count > counts.highest {
            let ahead = count - counts.highest;
            counts.used = if ahead >= WINDOW { 1 } else { (counts.used << ahead) | 1 };
            counts.highest = count;
            return true;
        }
        let behind = counts.highest - count;
        if behind >= WINDOW || counts.used & (1 << behind) != 0 {
            return false;
        }
        counts.used |= 1 << behind;
        true
    }

    fn forget(&mut self, life: Duration, now: Moment) {
        let oldest = seconds(now).saturating_sub(life.as_secs() + 1);
        while let Some((&nonce, _)) = self.counts.first_key_value()
            && (nonce.issued < oldest || self.counts.len() > MAX_NONCES)
        {
            self.counts.pop_first();
            self.forgotten = self.forgotten.max(nonce);
        }
    }
}

fn seconds(moment: Moment) -> u64 {
    moment.since(Moment::ZERO).as_secs()
}

/// Eight hexadecimal digits that are not zero.
fn nonce_count(nc: &str) -> Option<u32> {
    let count = u32::from_str_radix(nc, 16).ok()?;
    (nc.len() == 8 && count > 0).then_some(count)
}

/// Phones write the URI of the digest as they wrote the request's, or without its port, parameters or user (SIPp).
fn is_same_place(written: &str, uri: &Uri) -> bool {
    if written == uri.as_str() {
        return true;
    }
    let Ok(written) = Uri::parse(written) else { return false };
    let same_user = written.user().is_empty() || written.user() == uri.user();
    written.same_as(uri) || (same_user && written.host().eq_ignore_ascii_case(uri.host()))
}
