//! The memory of a run: a hash that depends on everything that happened and its order, and, only when somebody will read it,
//! the last lines of what happened in words.
//!
//! A run keeps no words: when it fails it is run again from its seed with a transcript. Invariant: whether words are kept never
//! changes the hash.

use crate::time::Moment;
use std::collections::VecDeque;

/// So many lines are kept of a run that failed.
pub const TRANSCRIPT_LINES: usize = 120;
/// Letters of a line; the rest is left out.
const LINE: usize = 180;

#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    lines: Option<VecDeque<String>>,
    limit: usize,
}

impl Trace {
    /// Only the hash.
    pub fn silent() -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines: None, limit: 0 }
    }

    /// The hash, and the last `limit` lines.
    pub fn spoken(limit: usize) -> Trace {
        Trace { lines: Some(VecDeque::new()), limit, ..Trace::silent() }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().flatten().cloned().collect()
    }

    /// Notes one number: FNV-1a over words, with a turn so that high bits reach low ones.
    pub fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.mix(u64::from(*byte));
        }
    }

    /// Adds a line; `words` is asked only when lines are kept.
    pub fn say(&mut self, at: Moment, words: impl FnOnce() -> String) {
        let Some(lines) = &mut self.lines else { return };
        if lines.len() == self.limit {
            lines.pop_front();
        }
        let words: String = words().chars().take(LINE).collect();
        lines.push_back(format!("{:>12.6}  {words}", at.as_nanos() as f64 / 1e9));
    }
}

/// A SIP message in one line: its first line, its CSeq, and the size of its body.
pub fn headline(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let field = |name: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(field, _)| field.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_string())
    };
    let mut line: String = first.chars().take(80).collect();
    if let Some(cseq) = field("CSeq") {
        line += &format!("  [{cseq}]");
    }
    if let Some(call) = field("Call-ID") {
        line += &format!("  call {}", call.chars().take(8).collect::<String>());
    }
    if !body.is_empty() {
        line += &format!("  +{} B", body.len());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_events_is_in_the_hash_and_the_words_are_not() {
        let hash = |mut trace: Trace, words: [&[u8]; 2]| {
            for bytes in words {
                trace.bytes(bytes);
                trace.say(Moment::ZERO, || "said".into());
            }
            trace.hash()
        };
        assert_eq!(hash(Trace::silent(), [b"INVITE", b"ACK"]), hash(Trace::spoken(1), [b"INVITE", b"ACK"]));
        assert_ne!(hash(Trace::silent(), [b"INVITE", b"ACK"]), hash(Trace::silent(), [b"ACK", b"INVITE"]));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut trace = Trace::spoken(2);
        for line in ["a", "b", "c"] {
            trace.say(Moment::ZERO, || line.into());
        }
        assert_eq!(trace.lines().len(), 2);
        assert!(trace.lines()[1].ends_with('c'));
    }

    #[test]
    fn a_message_is_told_in_one_line() {
        let bytes = b"BYE sip:a@b SIP/2.0\r\nCall-ID: 0123456789\r\nCSeq: 2 BYE\r\n\r\n";
        assert_eq!(headline(bytes), "BYE sip:a@b SIP/2.0  [2 BYE]  call 01234567");
    }
}
