//! PINs: kept as argon2id verifiers, compared in constant time, slow on purpose.
//!
//! Invariant: verifying takes as long for a customer whom nobody knows as for one with the wrong PIN.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Memory of one verification in KiB, passes over it, lanes: 19 MiB, 2, 1 (OWASP's second choice; 25 ms on a server).
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a verifier begins with.
pub const MARK: &str = "$argon2id$";

/// Of a PIN that nobody has: what is verified for customers whom nobody knows.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbA$3nFkWi5XWUmvBfHI/ZB/eQSgQZDtDsEv9gC5PEX0Jgg";

fn argon2() -> Result<Argon2<'static>, String> {
    let params =
        Params::new(MEMORY, PASSES, LANES, None).map_err(|fault| format!("argon2 has refused its parameters: {fault}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A verifier of this PIN. `salt` is fresh chance.
pub fn verifier(pin: &str, salt: &[u8; 16]) -> Result<String, String> {
    let salt = SaltString::encode_b64(salt).map_err(|fault| format!("argon2 has refused the salt: {fault}"))?;
    let hash = argon2()?.hash_password(pin.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|fault| format!("argon2 has failed: {fault}"))
}

/// True when the text is a verifier as [`verifier`] makes them, and no weaker one.
pub fn is_verifier(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    hash.algorithm.as_str() == "argon2id"
        && hash.hash.is_some()
        && params.m_cost() == MEMORY
        && params.t_cost() == PASSES
        && params.p_cost() == LANES
}

/// Whether this is the PIN. `None` stands for a customer who is not there or has no PIN: it takes as long, and is never right.
pub fn verify(pin: &str, verifier: Option<&str>) -> bool {
    let known = verifier.filter(|verifier| is_verifier(verifier));
    let Ok(hash) = PasswordHash::new(known.unwrap_or(NOBODYS)) else { return false };
    let right = argon2().is_ok_and(|argon2| argon2.verify_password(pin.as_bytes(), &hash).is_ok());
    right && known.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_pin_is_right_and_nothing_else() {
        let kept = verifier("481516", &[7; 16]).expect("a verifier");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_verifier(&kept));
        assert!(verify("481516", Some(&kept)));
        assert!(!verify("481517", Some(&kept)));
        assert!(!verify("", Some(&kept)));
        assert!(!verify("481516", None));
        assert!(!verify("481516", Some("481516")));
        assert!(!is_verifier(&kept.replace("m=19456", "m=8")));
    }

    #[test]
    fn what_is_verified_for_nobody_is_a_verifier_like_any_other() {
        assert!(is_verifier(NOBODYS));
    }
}
