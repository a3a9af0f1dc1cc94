//! Cutting a stream into messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1).
//!
//! Pure: bytes in, frames out; the socket and its deadlines are the shell's. Invariant: at most [`MAX_WAITING`] bytes wait here,
//! and every byte is looked at once, however small the pieces in which a peer sends.

use super::Status;
use super::message::{MAX_MESSAGE, content_length};

/// Bytes that may be pushed before they are taken out by [`Framer::next`].
pub const MAX_WAITING: usize = 16 * MAX_MESSAGE;

/// What the stream held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// Exactly one message, for [`super::message::parse`].
    Message(Vec<u8>),
    /// A double line break between messages: the shell answers with a single one.
    KeepAlive,
    /// Nobody can say where the next message begins: answer with `status` what `bytes` allow ([`super::message::refusal`]),
    /// and close. Nothing follows.
    Broken { bytes: Vec<u8>, status: Status },
}

/// The bytes of one connection that are not a whole message yet.
#[derive(Default, Debug)]
pub struct Framer {
    waiting: Vec<u8>,
    /// Before this place everything has been taken out.
    start: usize,
    /// Up to this place there is no end of a header section.
    searched: usize,
    /// Where the message that has begun ends, once its header section is there.
    end: Option<usize>,
    /// More was pushed than may wait.
    overrun: bool,
    broken: bool,
}

const LINE_BREAK: &[u8] = b"\r\n";
const EMPTY_LINE: &[u8] = b"\r\n\r\n";

impl Framer {
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes what was read from the connection. Call [`Framer::next`] until it says `None` before the next push.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.waiting.drain(..self.start);
        self.searched = self.searched.saturating_sub(self.start);
        self.end = self.end.map(|end| end.saturating_sub(self.start));
        self.start = 0;
        let room = MAX_WAITING - self.waiting.len().min(MAX_WAITING);
        self.overrun |= bytes.len() > room;
        self.waiting.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// True while a message has begun and not ended: the shell's deadline for it runs.
    pub fn is_partial(&self) -> bool {
        !self.broken && self.waiting[self.start..].iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// True when nothing waits but a single line break: the answer to a ping of ours, for the user agent. (Or the first half of
    /// a ping of theirs, and then it is told of a sign of life once more than needed.)
    pub fn is_pong(&self) -> bool {
        !self.broken && &self.waiting[self.start..] == LINE_BREAK
    }

    /// The deadline has passed: what there is, if a message has begun. Nothing follows.
    pub fn give_up(&mut self) -> Option<Frame> {
        self.is_partial().then(|| self.break_off(400))
    }

    /// The next frame, if a whole one is there.
    #[allow(clippy::should_implement_trait)] // Not an iterator: more may come after `None`.
    pub fn next(&mut self) -> Option<Frame> {
        if self.broken {
            return None;
        }
        if self.end.is_none() && self.skip_line_breaks() {
            return Some(Frame::KeepAlive);
        }
        match self.find_end() {
            Err(status) => Some(self.break_off(status)),
            Ok(Some(end)) => {
                let message = self.waiting[self.start..end].to_vec();
                self.advance(end);
                Some(Frame::Message(message))
            }
            Ok(None) if self.overrun => Some(self.break_off(513)),
            Ok(None) => None,
        }
    }

    /// Steps over line breaks between messages; true for a double one, a ping. A single one is an answer to ours.
    fn skip_line_breaks(&mut self) -> bool {
        loop {
            let rest = &self.waiting[self.start..];
            if rest.starts_with(EMPTY_LINE) {
                self.advance(self.start + EMPTY_LINE.len());
                return true;
            }
            if !matches!(rest.first(), Some(b'\r' | b'\n')) || EMPTY_LINE.starts_with(rest) {
                return false;
            }
            let step = if rest.starts_with(LINE_BREAK) { LINE_BREAK.len() } else { 1 };
            self.advance(self.start + step);
        }
    }

    /// Where the message at `start` ends, if all of it is there.
    fn find_end(&mut self) -> Result<Option<usize>, u16> {
        let end = match self.end {
            Some(end) => end,
            None => {
                // The end may lie across two pushes.
                let from = self.searched.saturating_sub(EMPTY_LINE.len() - 1).max(self.start);
                let Some(length) = memchr::memmem::find(&self.waiting[from..], EMPTY_LINE) else {
                    self.searched = self.waiting.len();
                    return if self.waiting.len() - self.start > MAX_MESSAGE { Err(513) } else { Ok(None) };
                };
                let body = from + length + EMPTY_LINE.len();
                let length = content_length(&self.waiting[self.start..body]).map_err(|_| 400u16)?;
                let end = body.checked_add(length).filter(|end| end - self.start <= MAX_MESSAGE).ok_or(513u16)?;
                *self.end.insert(end)
            }
        };
        Ok((end <= self.waiting.len()).then_some(end))
    }

    fn advance(&mut self, to: usize) {
        self.start = to;
        self.searched = to;
        self.end = None;
    }

    fn break_off(&mut self, status: u16) -> Frame {
        self.broken = true;
        let mut bytes = std::mem::take(&mut self.waiting).split_off(self.start);
        bytes.truncate(MAX_MESSAGE);
        self.start = 0;
        Frame::Broken { bytes, status: Status(status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nl: 4\r\n\r\nbody";

    fn frames(stream: &[u8], piece: usize) -> Vec<Frame> {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for bytes in stream.chunks(piece) {
            framer.push(bytes);
            while let Some(frame) = framer.next() {
                frames.push(frame);
            }
        }
        frames
    }

    fn check(what: &str, stream: &[u8], expected: &[Frame]) {
        for piece in [1, 2, 3, 7, 64, usize::MAX] {
            assert_eq!(frames(stream, piece), expected, "{what}, in pieces of {piece}");
        }
    }

    fn message() -> Frame {
        Frame::Message(REGISTER.as_bytes().to_vec())
    }

    #[test]
    fn messages_are_cut_where_their_content_length_says_however_they_arrive() {
        check("one", REGISTER.as_bytes(), &[message()]);
        check("two", [REGISTER, REGISTER].concat().as_bytes(), &[message(), message()]);
        check(
            "a ping between",
            [REGISTER, "\r\n\r\n", REGISTER].concat().as_bytes(),
            &[message(), Frame::KeepAlive, message()],
        );
        check("a pong between", [REGISTER, "\r\n", REGISTER].concat().as_bytes(), &[message(), message()]);
        check("two pings", b"\r\n\r\n\r\n\r\n", &[Frame::KeepAlive, Frame::KeepAlive]);
        check("half a message", &REGISTER.as_bytes()[..REGISTER.len() - 1], &[]);
        let folded = REGISTER.replace("l: 4", "Content-Length :\r\n 4\r\nL: 0004");
        check("folded and repeated", folded.as_bytes(), &[Frame::Message(folded.clone().into_bytes())]);
    }

    #[test]
    fn a_stream_without_a_believable_content_length_is_broken_off() {
        for (what, line) in [
            ("missing", "x: 4"),
            ("negative", "l: -1"),
            ("conflicting", "l: 4\r\nContent-Length: 5"),
            ("empty", "l:"),
            ("two in one", "l: 4, 4"),
            ("overlarge number", "l: 99999999999999999999999999"),
        ] {
            let mut framer = Framer::new();
            framer.push(REGISTER.replace("l: 4", line).as_bytes());
            framer.push(REGISTER.as_bytes());
            let Some(Frame::Broken { status: Status(400), bytes }) = framer.next() else { panic!("{what}") };
            assert!(bytes.starts_with(b"REGISTER"), "{what}");
            framer.push(REGISTER.as_bytes());
            assert_eq!(framer.next(), None, "{what}: nothing follows");
            assert!(!framer.is_partial());
        }
    }

    #[test]
    fn what_is_too_large_is_broken_off_before_it_is_kept() {
        let mut framer = Framer::new();
        framer.push(REGISTER.replace("l: 4", "l: 16384").as_bytes());
        assert!(matches!(framer.next(), Some(Frame::Broken { status: Status(513), .. })));

        let endless = vec![b'x'; 100];
        let mut framer = Framer::new();
        let mut pushed = 0;
        let broken = loop {
            framer.push(&endless);
            pushed += endless.len();
            if let Some(frame) = framer.next() {
                break frame;
            }
            assert!(pushed <= 2 * MAX_MESSAGE);
        };
        assert!(matches!(broken, Frame::Broken { status: Status(513), ref bytes } if bytes.len() == MAX_MESSAGE));
    }

    #[test]
    fn whoever_never_takes_frames_out_cannot_make_the_buffer_grow() {
        let mut framer = Framer::new();
        for _ in 0..10_000 {
            framer.push(REGISTER.as_bytes());
        }
        assert_eq!(framer.waiting.len(), MAX_WAITING);
        let mut last = None;
        while let Some(frame) = framer.next() {
            last = Some(frame);
        }
        assert!(matches!(last, Some(Frame::Broken { status: Status(513), .. })));
    }

    #[test]
    fn a_message_that_has_begun_can_be_given_up_and_line_breaks_are_no_message() {
        let mut framer = Framer::new();
        framer.push(b"\r\n");
        assert!(!framer.is_partial() && framer.is_pong());
        assert_eq!(framer.give_up(), None);
        framer.push(b"REGISTER");
        assert_eq!(framer.next(), None);
        assert!(framer.is_partial());
        assert!(matches!(framer.give_up(), Some(Frame::Broken { status: Status(400), .. })));
        assert_eq!(framer.next(), None);
    }
}
