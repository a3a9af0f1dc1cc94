//! Keys that we press towards the peer (RFC 4733), one after the other.
//!
//! Invariant: between the last packet of one key and the first of the next there are at least [`PAUSE`] frames.

use crate::rtp::events::{Payload, Sender};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Keys waiting to be sent; the rest is not pressed. The longest number that anybody dials through has fewer.
pub const MAX_WAITING: usize = 64;
/// Frames between keys, so that slow receivers tell them apart: with the repeated ends, 100 ms.
pub const PAUSE: u8 = 3;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Keys {
    pressed: Option<Sender>,
    waiting: VecDeque<Sender>,
    pause: u8,
}

/// One packet to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Press {
    pub payload: Payload,
    pub first: bool,
}

impl Keys {
    /// What is no key is not pressed.
    pub fn press(&mut self, digit: char, duration: Duration) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.extend(Sender::new(digit, duration));
        }
    }

    /// What the coming frame brings of a key.
    pub fn next(&mut self) -> Option<Press> {
        if let Some(pressed) = &mut self.pressed {
            if let Some(payload) = pressed.next() {
                return Some(Press { payload, first: false });
            }
            self.pressed = None;
            self.pause = PAUSE;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let mut key = self.waiting.pop_front()?;
        let payload = key.next()?;
        self.pressed = Some(key);
        Some(Press { payload, first: true })
    }

    /// Nothing else is sent meanwhile.
    pub fn is_pressing(&self) -> bool {
        self.pressed.is_some()
    }
}
