//! Who is where: a slot for each name, so that a decision compares small numbers and not names.
//!
//! Names are looked up once, as a word comes in. Invariant: a slot keeps its name until it is vacated; only then may another
//! name have it.

use crate::id::{Name, Table};
use serde::{Deserialize, Serialize};

macro_rules! slot_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub(super) struct $name(pub(super) u32);

        impl Slot for $name {
            fn new(index: usize) -> Self {
                $name(u32::try_from(index).expect("there are fewer than 2^32 slots"))
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

pub(super) trait Slot: Copy {
    fn new(index: usize) -> Self;
    fn index(self) -> usize;
}

slot_id! {
    /// An agent at work.
    DeskId
    /// A queue.
    LineId
    /// A requirement set.
    SetId
    /// The agents of a queue or a group.
    PoolId
    /// What is needed of an agent.
    DemandId
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Roster<I, T> {
    slots: Vec<Option<T>>,
    by_name: Table<Name, I>,
    vacant: Vec<I>,
}

impl<I, T> Default for Roster<I, T> {
    fn default() -> Self {
        Roster { slots: Vec::new(), by_name: Table::default(), vacant: Vec::new() }
    }
}

impl<I: Slot, T> Roster<I, T> {
    pub fn find(&self, name: &str) -> Option<I> {
        self.by_name.get(name).copied()
    }

    pub fn enter(&mut self, name: Name, one: T) -> I {
        let id = self.vacant.pop().unwrap_or_else(|| I::new(self.slots.len()));
        if id.index() == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[id.index()] = Some(one);
        self.by_name.insert(name, id);
        id
    }

    pub fn vacate(&mut self, id: I, name: &str) -> Option<T> {
        self.by_name.remove(name);
        self.vacant.push(id);
        self.slots[id.index()].take()
    }

    /// Of an id that was handed out and not vacated.
    pub fn at(&self, id: I) -> &T {
        self.slots[id.index()].as_ref().expect("the slot is taken")
    }

    pub fn at_mut(&mut self, id: I) -> &mut T {
        self.slots[id.index()].as_mut().expect("the slot is taken")
    }

    /// Of an id that may have been vacated since.
    pub fn get(&self, id: I) -> Option<&T> {
        self.slots.get(id.index())?.as_ref()
    }

    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((I::new(index), slot.as_ref()?)))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| Some((I::new(index), slot.as_mut()?)))
    }

    pub fn ids(&self) -> Vec<I> {
        self.iter().map(|(id, _)| id).collect()
    }
}
