//! A bounded queue between the control thread and a media thread, with a bounded overflow on the sender's side.
//!
//! The media thread runs in real time: what it waits for must not be in the hands of an ordinary thread that it keeps from
//! running. The queues of the standard library spin while the other side is in the middle of a send; preempted there by the media
//! thread, on its core, the control thread stood still until the kernel took the core from us both, for a second. So the media
//! thread only tries: when the control thread holds the queue, it comes again with its next tick. The control thread may wait,
//! because nobody preempts the media thread in its few instructions. Invariants: what is sent arrives in order, or is refused;
//! the media thread never waits for a queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// At most so many wait while the queue is full.
pub const OVERFLOW: usize = 65_536;

/// Whose end of a queue it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The control thread's: waits for the other side to let go of the queue.
    Control,
    /// The media thread's: never waits.
    Media,
}

/// A queue for `room` items with an end for each side. There may be several senders.
pub fn queue<T>(room: usize, sender: End, receiver: End) -> (Sender<T>, Receiver<T>) {
    let items = Arc::new(Mutex::new(VecDeque::new()));
    (Sender { items: items.clone(), room, end: sender }, Receiver { items, taken: VecDeque::new(), end: receiver })
}

pub struct Sender<T> {
    items: Arc<Mutex<VecDeque<T>>>,
    room: usize,
    end: End,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { items: self.items.clone(), ..*self }
    }
}

impl<T> Sender<T> {
    /// The item comes back when the queue is full, or not to be had now.
    fn try_send(&self, item: T) -> Result<(), T> {
        match lock(&self.items, self.end) {
            Some(mut items) if items.len() < self.room => {
                items.push_back(item);
                Ok(())
            }
            _ => Err(item),
        }
    }
}

pub struct Receiver<T> {
    items: Arc<Mutex<VecDeque<T>>>,
    /// Taken from the queue all at once, and not handed out yet.
    taken: VecDeque<T>,
    end: End,
}

impl<T> Receiver<T> {
    /// The next item, if there is one and the queue is to be had now.
    pub fn next(&mut self) -> Option<T> {
        if self.taken.is_empty()
            && let Some(mut items) = lock(&self.items, self.end)
        {
            std::mem::swap(&mut *items, &mut self.taken);
        }
        self.taken.pop_front()
    }

    /// False also when that cannot be seen now.
    pub fn is_surely_empty(&self) -> bool {
        self.taken.is_empty() && lock(&self.items, self.end).is_some_and(|items| items.is_empty())
    }
}

fn lock<T>(items: &Mutex<VecDeque<T>>, end: End) -> Option<MutexGuard<'_, VecDeque<T>>> {
    match end {
        End::Control => Some(items.lock().unwrap_or_else(PoisonError::into_inner)),
        End::Media => match items.try_lock() {
            Ok(items) => Some(items),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        },
    }
}

pub struct Lane<T> {
    queue: Sender<T>,
    waiting: VecDeque<T>,
}

impl<T> Lane<T> {
    pub fn new(queue: Sender<T>) -> Lane<T> {
        Lane { queue, waiting: VecDeque::new() }
    }

    /// False when it had to be dropped: the queue and the overflow are full.
    pub fn push(&mut self, item: T) -> bool {
        self.flush();
        if self.is_behind() {
            return self.keep(item);
        }
        match self.queue.try_send(item) {
            Ok(()) => true,
            Err(item) => self.keep(item),
        }
    }

    /// Passes on what waits, as far as there is room.
    pub fn flush(&mut self) {
        while let Some(item) = self.waiting.pop_front() {
            if let Err(item) = self.queue.try_send(item) {
                self.waiting.push_front(item);
                return;
            }
        }
    }

    /// Something waits because the queue was full, or not to be had.
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

    fn all(receiver: &mut Receiver<usize>) -> Vec<usize> {
        std::iter::from_fn(|| receiver.next()).collect()
    }

    #[test]
    fn nothing_is_overtaken_or_lost_while_the_queue_is_full() {
        let (sender, mut receiver) = queue(2, End::Control, End::Media);
        let mut lane = Lane::new(sender);
        assert!((0..5).all(|n| lane.push(n)));
        assert!(lane.is_behind());
        let mut received = all(&mut receiver);
        assert_eq!(received, [0, 1]);
        assert!(lane.push(5));
        received.extend(all(&mut receiver));
        lane.flush();
        received.extend(all(&mut receiver));
        assert!(!lane.is_behind() && receiver.is_surely_empty());
        assert_eq!(received, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_full_overflow_refuses() {
        let (sender, _receiver) = queue(1, End::Control, End::Media);
        let mut lane = Lane::new(sender);
        let taken = (0..OVERFLOW + 10).filter(|n| lane.push(*n)).count();
        assert_eq!(taken, OVERFLOW + 1);
    }

    #[test]
    fn the_media_thread_does_not_wait_for_a_queue_that_the_control_thread_holds() {
        let (orders, mut at_media) = queue(8, End::Control, End::Media);
        let (reports, mut at_control) = queue(8, End::Media, End::Control);
        let (mut orders, mut reports) = (Lane::new(orders), Lane::new(reports));
        assert!(orders.push(1));
        // As if the control thread had been preempted in the middle of a send, and of a look.
        let (held, held_too) = (at_media.items.clone(), at_control.items.clone());
        let (held, held_too) = (held.lock().expect("free"), held_too.lock().expect("free"));
        assert_eq!(at_media.next(), None);
        assert!(!at_media.is_surely_empty());
        assert!(reports.push(2) && reports.is_behind());
        drop((held, held_too));
        reports.flush();
        assert_eq!((at_media.next(), at_control.next()), (Some(1), Some(2)));
        assert!(at_media.is_surely_empty());
    }
}
