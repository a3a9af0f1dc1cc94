//! One end of a bounded queue between two threads, with a bounded overflow on the sender's side.
//!
//! Invariant: what is sent arrives in order, or is refused; nothing is overtaken.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, TrySendError};

/// At most so many wait while the queue is full.
pub const OVERFLOW: usize = 65_536;

pub struct Lane<T> {
    queue: SyncSender<T>,
    waiting: VecDeque<T>,
}

impl<T> Lane<T> {
    pub fn new(queue: SyncSender<T>) -> Lane<T> {
        Lane { queue, waiting: VecDeque::new() }
    }

    /// False when it had to be dropped: the queue and the overflow are full, or nobody receives any more.
    pub fn push(&mut self, item: T) -> bool {
        self.flush();
        if self.is_behind() {
            return self.keep(item);
        }
        match self.queue.try_send(item) {
            Ok(()) => true,
            Err(TrySendError::Full(item)) => self.keep(item),
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Passes on what waits, as far as there is room.
    pub fn flush(&mut self) {
        while let Some(item) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(item)) = self.queue.try_send(item) {
                self.waiting.push_front(item);
                return;
            }
        }
    }

    /// Something waits because the queue was full.
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn keep(&mut self, item: T) -> bool {
        let room = self.waiting.len() < OVERFLOW;
        if room {
            self.waiting.push_back(item);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn nothing_is_overtaken_or_lost_while_the_queue_is_full() {
        let (sender, receiver) = sync_channel(2);
        let mut lane = Lane::new(sender);
        assert!((0..5).all(|n| lane.push(n)));
        assert!(lane.is_behind());
        let mut received: Vec<_> = receiver.try_iter().collect();
        assert_eq!(received, [0, 1]);
        assert!(lane.push(5));
        received.extend(receiver.try_iter());
        lane.flush();
        received.extend(receiver.try_iter());
        assert!(!lane.is_behind());
        assert_eq!(received, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_full_overflow_refuses() {
        let (sender, _receiver) = sync_channel(1);
        let mut lane = Lane::new(sender);
        let taken = (0..OVERFLOW + 10).filter(|n| lane.push(*n)).count();
        assert_eq!(taken, OVERFLOW + 1);
    }

    #[test]
    fn without_a_receiver_nothing_is_kept() {
        let (sender, receiver) = sync_channel(1);
        let mut lane = Lane::new(sender);
        drop(receiver);
        assert!(!lane.push(1) && !lane.is_behind());
    }
}
