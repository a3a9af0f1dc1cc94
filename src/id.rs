//! Identity and chance.
//!
//! Numeric ids live in memory only; what is stored or configured is known by its name. Invariant: one [`Rng`] is the only
//! source of chance in the core, so a seed replays everything.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

/// A configured name: of a flow, queue, agent, trunk, mailbox, language, sound. Cheap to copy about.
pub type Name = std::sync::Arc<str>;

/// Numbers that cannot be taken for one another. Where it is used `Serialize`, `Deserialize` and `fmt` must be in scope.
macro_rules! numeric_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

pub(crate) use numeric_id;

numeric_id! {
    /// One call: everything that happens to one caller from the first INVITE to the record.
    CallId
    /// One party's connection to the exchange: one SIP session and one audio stream.
    LegId
    /// One thing being played to one leg, so that a late "finished" is not mistaken for another's.
    PlayId
    /// A question to the world ([`crate::ask`]).
    AskId
    /// A write on its way to the store.
    WriteId
    /// Somebody who waits at the control socket for an answer.
    ReplyId
}

/// The core's only source of chance. A test gives a seed and replays everything; production gives 256 bits from the
/// operating system. Never printed, and never saved: a restored exchange is given fresh chance.
#[derive(Clone)]
pub struct Rng(ChaCha20Rng);

impl Rng {
    /// Reproducible: tests and the simulator.
    pub fn from_seed(seed: u64) -> Rng {
        Rng(ChaCha20Rng::seed_from_u64(seed))
    }

    /// Unpredictable: 256 bits that the shell took from the operating system.
    pub fn from_entropy(bits: [u8; 32]) -> Rng {
        Rng(ChaCha20Rng::from_seed(bits))
    }

    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A whole number below `bound`, every one equally likely to within 2^-32; zero when `bound` is zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((u64::from(self.u32()) * u64::from(bound)) >> 32).unwrap_or(0)
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// As they are to be tried: lower orders first, within an order by chance and weight (RFC 2782). The three are the order, the
    /// weight and what has them; without weights they stay as they came.
    pub fn in_order<T>(&mut self, mut left: Vec<(u16, u16, T)>) -> Vec<T> {
        left.sort_by_key(|(order, ..)| *order);
        let mut tried = Vec::new();
        while let Some(order) = left.first().map(|(order, ..)| *order) {
            let peers = left.iter().take_while(|it| it.0 == order);
            let mut point = self.below(peers.map(|(_, weight, _)| u32::from(*weight)).sum());
            let chosen = left.iter().position(|(_, weight, _)| {
                let weight = u32::from(*weight);
                let here = point < weight;
                point = point.saturating_sub(weight);
                here
            });
            // When all weigh nothing, the first; never one of a later order.
            let chosen = chosen.filter(|at| left[*at].0 == order).unwrap_or(0);
            tried.push(left.remove(chosen).2);
        }
        tried
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// `digits` lower-case hexadecimal digits: tags, branches, nonces, call references.
    pub fn hex(&mut self, digits: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(digits);
        let mut bits = 0;
        for index in 0..digits {
            if index % 16 == 0 {
                bits = self.u64();
            }
            text.push(char::from(DIGITS[(bits & 15) as usize]));
            bits >>= 4;
        }
        text
    }
}

impl Default for Rng {
    /// What a deserialised exchange holds until it is given fresh chance.
    fn default() -> Rng {
        Rng::from_seed(0)
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

/// A map for look-ups only: no iteration, so no order can leak into what the exchange decides.
#[derive(Clone)]
#[allow(clippy::disallowed_types)] // The one place: without iteration its order cannot be seen.
pub struct Table<K, V>(std::collections::HashMap<K, V>);

impl<K, V> Default for Table<K, V> {
    #[allow(clippy::disallowed_types)]
    fn default() -> Self {
        Table(std::collections::HashMap::new())
    }
}

impl<K: Eq + Hash, V> Table<K, V> {
    pub fn new() -> Self {
        Table::default()
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    pub fn contains<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: fmt::Debug + Ord + Hash, V: fmt::Debug> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}

impl<K: Ord + Hash, V> Table<K, V> {
    /// Entries in key order: for printing, comparing and saving, where the cost does not matter.
    fn sorted(&self) -> Vec<(&K, &V)> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        entries
    }
}

impl<K: Serialize + Ord + Hash, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sorted())
    }
}

impl<'de, K: Deserialize<'de> + Eq + Hash, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Table(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_another_seed_differs() {
        let draw = |seed| {
            let mut rng = Rng::from_seed(seed);
            (rng.u64(), rng.hex(20), rng.below(1000))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn lower_orders_come_first_and_within_one_the_heavier_oftener() {
        let mut rng = Rng::from_seed(3);
        let mut first = [0; 4];
        for _ in 0..1000 {
            let tried = rng.in_order(vec![(2, 9, 3), (1, 3, 0), (1, 1, 1), (1, 0, 2)]);
            assert_eq!((tried.len(), tried[2], tried[3]), (4, 2, 3));
            first[tried[0]] += 1;
        }
        assert!((700..800).contains(&first[0]) && first[0] + first[1] == 1000, "{first:?}");
        assert_eq!(rng.in_order(vec![(1, 0, 'a'), (1, 0, 'b'), (0, 0, 'c'), (7, 5, 'd')]), ['c', 'a', 'b', 'd']);
    }

    #[test]
    fn chance_is_never_printed() {
        assert_eq!(format!("{:?}", Rng::from_seed(42)), "Rng(..)");
    }

    #[test]
    fn a_table_is_written_in_key_order_whatever_the_order_of_insertion() {
        let written = |keys: [u32; 3]| {
            let mut table = Table::new();
            for key in keys {
                table.insert(key, "v");
            }
            serde_json::to_string(&table).expect("plain data")
        };
        assert_eq!(written([3, 1, 2]), written([2, 3, 1]));
    }
}
