//! Cutting a stream into messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1).

use super::Status;
use super::message::MAX_MESSAGE;

/// What the stream held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// Exactly one message, for [`super::message::parse`].
    Message(Vec<u8>),
    /// A double line break between messages: answered with a single one.
    KeepAlive,
    /// Nobody can say where the next message begins: answer with `status` where `bytes` allow it, and close. Nothing follows.
    Broken { bytes: Vec<u8>, status: Status },
}

/// The bytes of one connection that are not a whole message yet.
#[derive(Default, Debug)]
pub struct Framer {
    waiting: Vec<u8>,
    broken: bool,
}

impl Framer {
    pub fn new() -> Framer {
        Framer::default()
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken && self.waiting.len() < 2 * MAX_MESSAGE {
            self.waiting.extend_from_slice(bytes);
        }
    }

    /// True while a message has begun and not ended: the shell's deadline for it runs.
    pub fn is_partial(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next frame, if a whole one is there.
    #[allow(clippy::should_implement_trait)] // Not an iterator: more may come after `None`.
    pub fn next(&mut self) -> Option<Frame> {
        None
    }
}
