//! Time as the core knows it: handed in, never read.
//!
//! A [`Moment`] is monotonic and decides deadlines; a [`Wall`] is the civil clock and is what gets stored. The shell reads
//! both once per batch into a [`Now`]. Invariant: nothing in this file, or above it in the core, can ask what time it is.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Add, Sub};
pub use std::time::Duration;

/// A point on the monotonic clock, in nanoseconds since an origin that only this process knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Moment(i64);

impl Moment {
    pub const ZERO: Moment = Moment(0);

    pub const fn from_nanos(nanos: i64) -> Moment {
        Moment(nanos)
    }

    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, by: Duration) -> Moment {
        Moment(self.0.saturating_add(nanos(by)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, by: Duration) -> Moment {
        Moment(self.0.saturating_sub(nanos(by)))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.0 as f64 / 1e9)
    }
}

/// A point on the civil clock: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Wall(i64);

impl Wall {
    pub const fn from_unix_nanos(nanos: i64) -> Wall {
        Wall(nanos)
    }

    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// How long after `earlier` this is; zero when it is not after it (the civil clock may step back).
    pub fn since(self, earlier: Wall) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;

    fn add(self, by: Duration) -> Wall {
        Wall(self.0.saturating_add(nanos(by)))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{:.3}", self.0 as f64 / 1e9)
    }
}

/// Both clocks, read together once per batch of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Now {
    pub mono: Moment,
    pub wall: Wall,
}

impl Now {
    /// The wall time of a monotonic deadline, so that what is stored survives a restart.
    pub fn wall_of(&self, moment: Moment) -> Wall {
        Wall(self.wall.0.saturating_add(moment.0.saturating_sub(self.mono.0)))
    }

    /// A stored wall time as a deadline on this process's clock.
    pub fn moment_of(&self, wall: Wall) -> Moment {
        Moment(self.mono.0.saturating_add(wall.0.saturating_sub(self.wall.0)))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Deadlines by key, at most one per key; those of the same moment fire in the order in which they were set.
///
/// `set`, `cancel` and `pop` are O(log n). Keys are ordered so that state prints and replays identically.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Ord + Serialize", deserialize = "K: Ord + Clone + Deserialize<'de>"))]
pub struct Timers<K> {
    queue: BTreeSet<(Moment, u64, K)>,
    /// A list on the wire: keys need not be strings.
    #[serde(with = "pairs")]
    by_key: BTreeMap<K, (Moment, u64)>,
    sequence: u64,
}

impl<K: Ord + Clone> Default for Timers<K> {
    fn default() -> Self {
        Timers { queue: BTreeSet::new(), by_key: BTreeMap::new(), sequence: 0 }
    }
}

impl<K: Ord + Clone> Timers<K> {
    pub fn new() -> Self {
        Timers::default()
    }

    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: K, at: Moment) {
        self.sequence += 1;
        if let Some((before, sequence)) = self.by_key.insert(key.clone(), (at, self.sequence)) {
            self.queue.remove(&(before, sequence, key.clone()));
        }
        self.queue.insert((at, self.sequence, key));
    }

    /// Forgets the deadline of `key`; true when there was one.
    pub fn cancel(&mut self, key: &K) -> bool {
        match self.by_key.remove(key) {
            Some((at, sequence)) => self.queue.remove(&(at, sequence, key.clone())),
            None => false,
        }
    }

    pub fn deadline(&self, key: &K) -> Option<Moment> {
        self.by_key.get(key).map(|(at, _)| *at)
    }

    /// The earliest deadline: what `poll_timeout` answers.
    pub fn next(&self) -> Option<Moment> {
        self.queue.first().map(|(at, _, _)| *at)
    }

    /// Takes one key whose deadline is not after `now`, earliest first.
    pub fn pop(&mut self, now: Moment) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, _, key) = self.queue.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

/// Ordered maps whose keys are not strings, written as lists of pairs so that any format can carry them.
///
/// Use as `#[serde(with = "crate::time::pairs")]`.
pub mod pairs {
    use serde::de::Deserializer;
    use serde::ser::Serializer;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    pub fn serialize<K, V, S>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Ord + Deserialize<'de>,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_of_one_moment_fire_in_the_order_they_were_set() {
        let mut timers = Timers::new();
        let at = Moment::ZERO + Duration::from_secs(1);
        for key in ["c", "a", "b"] {
            timers.set(key, at);
        }
        timers.set("c", at);
        assert_eq!(timers.next(), Some(at));
        assert_eq!(timers.pop(Moment::ZERO), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop(at)).collect();
        assert_eq!(fired, ["a", "b", "c"]);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_stored_deadline_is_found_again_on_another_clock() {
        let now = Now { mono: Moment::from_nanos(5_000), wall: Wall::from_unix_nanos(1_000_000) };
        let deadline = now.mono + Duration::from_secs(3);
        let stored = now.wall_of(deadline);
        let later = Now { mono: Moment::from_nanos(77), wall: Wall::from_unix_nanos(2_001_000_000) };
        assert_eq!(later.moment_of(stored), Moment::from_nanos(1_000_000_077));
    }

    #[test]
    fn timers_survive_being_written_down() {
        let mut timers = Timers::new();
        timers.set((1u64, "x".to_string()), Moment::from_nanos(9));
        let text = serde_json::to_string(&timers).expect("plain data");
        let mut back: Timers<(u64, String)> = serde_json::from_str(&text).expect("the same data");
        assert_eq!(back.pop(Moment::from_nanos(9)), Some((1, "x".to_string())));
    }
}
