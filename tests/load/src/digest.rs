//! Digest with MD5 (RFC 7616), written out here so that the tool depends on nothing.

/// The value of an Authorization header for this challenge.
pub fn answer(challenge: &str, user: &str, password: &str, method: &str, uri: &str) -> String {
    let part = |name: &str| {
        let parts = challenge.trim_start_matches("Digest").split(',').map(str::trim);
        let found = parts.filter_map(|part| part.split_once('=')).find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    let (realm, nonce, opaque) = (part("realm"), part("nonce"), part("opaque"));
    let secret = md5(&format!("{user}:{realm}:{password}"));
    let request = md5(&format!("{method}:{uri}"));
    let (response, extra) = if part("qop").is_empty() {
        (md5(&format!("{secret}:{nonce}:{request}")), "")
    } else {
        (md5(&format!("{secret}:{nonce}:00000001:abcdef01:auth:{request}")), ", qop=auth, nc=00000001, cnonce=\"abcdef01\"")
    };
    let opaque = if opaque.is_empty() { String::new() } else { format!(", opaque=\"{opaque}\"") };
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm=MD5{extra}{opaque}"
    )
}

/// RFC 1321 section 3.4: the rotations of each round.
const ROTATE: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

fn md5(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0x80);
    while bytes.len() % 64 != 56 {
        bytes.push(0);
    }
    bytes.extend_from_slice(&(text.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in bytes.chunks_exact(64) {
        let words: Vec<u32> =
            block.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mix, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            // The table of section 3.4 is floor(2^32 * |sin(step + 1)|).
            let constant = ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let turned =
                a.wrapping_add(mix).wrapping_add(constant).wrapping_add(words[word]).rotate_left(ROTATE[step / 16][step % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (whole, part) in state.iter_mut().zip([a, b, c, d]) {
            *whole = whole.wrapping_add(part);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_1321_come_out() {
        assert_eq!(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a"
        );
    }
}
