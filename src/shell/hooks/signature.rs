//! How a receiver tells what we say from what others say: three headers, as the Standard Webhooks specification has them.
//!
//! | header | is |
//! |---|---|
//! | `webhook-id` | the notice's, the same at each attempt |
//! | `webhook-timestamp` | of this attempt, in seconds since 1970: what is old was recorded and is played back |
//! | `webhook-signature` | `v1,` and HMAC-SHA256 (RFC 2104) of `ID.TIMESTAMP.BODY` with the secret's bytes, in base64 |
//!
//! Invariant: what is signed is what is sent, byte for byte.

use crate::time::Wall;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub fn headers(id: &str, at: Wall, body: &str, secret: &str) -> Vec<(String, String)> {
    let timestamp = (at.unix_nanos() / 1_000_000_000).to_string();
    let signature = signature(id, &timestamp, body, secret);
    let header = |name: &str, value: String| (name.to_string(), value);
    vec![
        header("webhook-id", id.to_string()),
        header("webhook-timestamp", timestamp),
        header("webhook-signature", format!("v1,{signature}")),
    ]
}

fn signature(id: &str, timestamp: &str, body: &str, secret: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
            base64(&mac.finalize().into_bytes())
        }
        // Cannot be: HMAC takes keys of any length.
        Err(_) => String::new(),
    }
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648 section 10.
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn the_signature_is_what_others_compute() {
        // printf 'abc.7.1795292100.{"event":"end"}' | openssl dgst -sha256 -hmac correct-horse-battery -binary | base64
        let at = Wall::from_unix_nanos(1_795_292_100_250_000_000);
        let headers = headers("abc.7", at, r#"{"event":"end"}"#, "correct-horse-battery");
        let values: Vec<&str> = headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["abc.7", "1795292100", "v1,2XVSoOiXyCEKQKiqkfwlR4JgJi73G1PNClQHvchACFE="]);
    }
}
