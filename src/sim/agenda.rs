//! What will happen, in order: of two things due at one moment, the one that was entered first.

use crate::time::Moment;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub struct Agenda<T> {
    entries: BTreeMap<(Moment, u64), T>,
    sequence: u64,
}

/// More than this is a world that feeds itself: a mistake of the simulator, not of the exchange.
pub const MAX_ENTRIES: usize = 100_000;

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda { entries: BTreeMap::new(), sequence: 0 }
    }
}

impl<T> Agenda<T> {
    pub fn enter(&mut self, at: Moment, what: T) {
        assert!(self.entries.len() < MAX_ENTRIES, "the agenda holds {MAX_ENTRIES} entries: the world feeds itself");
        self.sequence += 1;
        self.entries.insert((at, self.sequence), what);
    }

    pub fn next(&self) -> Option<Moment> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first entry, whenever it is due.
    pub fn take(&mut self) -> Option<(Moment, T)> {
        self.entries.pop_first().map(|((at, _), what)| (at, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_due_together_happen_in_the_order_they_were_entered() {
        let mut agenda = Agenda::default();
        let (soon, later) = (Moment::from_nanos(1), Moment::from_nanos(2));
        for (at, what) in [(later, "c"), (soon, "a"), (soon, "b"), (later, "d")] {
            agenda.enter(at, what);
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.take().map(|(_, what)| what)).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
