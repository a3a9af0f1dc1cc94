//! Who takes part in a world: drawn from its seed before it begins.
//!
//! Every way to go wrong has a weight here. Invariant: the cast depends on the seed and on nothing else.

use super::caller::{Identity, Keys, Leaves, Life, Plan, Quirk};
use super::network::draw;
use crate::id::Rng;
use crate::sip::Transport;
use crate::time::Duration;

/// Every cast makes at least this many calls.
pub const MIN_CALLS: usize = 10;
/// Calls begin within this time; a world is mostly waiting for timers after it.
const RUSH: Duration = Duration::from_secs(40);
/// Nobody's phone survives longer than this after dialling, if it is to die.
const LIFE_OF_THE_DOOMED: Duration = Duration::from_secs(25);

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Something to choose, as often as its weight says.
struct Weighted<T: 'static>(&'static [(u32, T)]);

impl<T: Copy> Weighted<T> {
    fn draw(&self, rng: &mut Rng) -> T {
        let total = self.0.iter().map(|(weight, _)| weight).sum();
        let mut left = rng.below(total);
        for (weight, what) in self.0 {
            match left.checked_sub(*weight) {
                None => return *what,
                Some(rest) => left = rest,
            }
        }
        self.0[0].1
    }
}

/// The numbers of the simulated exchange: the walk through the flow, a line that stays, a loop, one that idles, one
/// that answers only to hang up, and nobody's.
const NUMBERS: Weighted<&str> = Weighted(&[(60, "100"), (12, "101"), (8, "201"), (8, "501"), (4, "301"), (12, "999")]);

/// Misbehaviours; durations are drawn afterwards.
const QUIRKS: Weighted<Quirk> = Weighted(&[
    (40, Quirk::None),
    (8, Quirk::Vanishes(Duration::ZERO)),
    (6, Quirk::NeverAcknowledges),
    (8, Quirk::Repeats(Duration::ZERO)),
    (5, Quirk::Forks),
    (4, Quirk::Mangles),
    (6, Quirk::NamedContact),
    (9, Quirk::Holds(Duration::ZERO)),
    (7, Quirk::Probes(Duration::ZERO)),
    (5, Quirk::Echoes),
    (3, Quirk::Proxied),
]);

const KEYS: &[u8] = b"111999123#*0";

/// The cast of one world: three to five phones of ours, and callers through the trunk, at least [`MIN_CALLS`] calls together.
pub fn cast(rng: &mut Rng) -> Vec<Life> {
    let extensions = 3 + rng.below(3);
    let mut lives: Vec<Life> = (1..=extensions).map(|index| extension(index, rng)).collect();
    while lives.iter().map(|life| life.calls.len()).sum::<usize>() < MIN_CALLS {
        lives.push(stranger(lives.len(), rng));
    }
    lives
}

fn extension(index: u32, rng: &mut Rng) -> Life {
    let user = format!("100{index}");
    let forgetful = rng.chance(120);
    let password = if forgetful { "guess".to_string() } else { format!("pw{user}") };
    let registers = rng.chance(700).then(|| draw(MS(3_000), rng));
    let unregisters = registers.filter(|_| rng.chance(400)).map(|at| at + MS(1_000) + draw(RUSH, rng));
    Life {
        identity: Identity::Extension { user, password },
        transport: transport(rng),
        follows_domain: false,
        speaks_ipv6: false,
        registers,
        unregisters,
        expires: Duration::from_secs(if rng.chance(300) { 40 } else { 600 }),
        calls: calls(1 + rng.below(2), rng),
    }
}

fn stranger(index: usize, rng: &mut Rng) -> Life {
    let transport = transport(rng);
    let number = if rng.chance(50) { "1001".to_string() } else { format!("+4822123{index:04}") };
    Life {
        identity: Identity::Trunk { number },
        transport,
        // The name says nothing of a port or a transport: it leads to UDP (RFC 3263 section 4.1).
        follows_domain: transport == Transport::Udp && rng.chance(200),
        speaks_ipv6: rng.chance(150),
        registers: None,
        unregisters: None,
        expires: Duration::ZERO,
        calls: calls(1 + rng.below(3), rng),
    }
}

fn transport(rng: &mut Rng) -> Transport {
    if rng.chance(200) { Transport::Tcp } else { Transport::Udp }
}

fn calls(count: u32, rng: &mut Rng) -> Vec<Plan> {
    (0..count).map(|_| plan(rng)).collect()
}

fn plan(rng: &mut Rng) -> Plan {
    let at = draw(RUSH, rng);
    let dials = NUMBERS.draw(rng).to_string();
    let delayed = rng.chance(150);
    let keys = if rng.chance(250) { Keys::Info } else { Keys::TelephoneEvent };
    let count = rng.below(6);
    let mut since = Duration::ZERO;
    let presses = (0..count).map(|_| press(&mut since, rng)).collect();
    let leaves = leaves(rng);
    let quirk = match QUIRKS.draw(rng) {
        Quirk::Vanishes(_) => Quirk::Vanishes(draw(LIFE_OF_THE_DOOMED, rng)),
        Quirk::Repeats(_) => Quirk::Repeats(draw(MS(4_000), rng)),
        Quirk::Holds(_) => Quirk::Holds(draw(MS(6_000), rng)),
        Quirk::Probes(_) => Quirk::Probes(draw(MS(6_000), rng)),
        other => other,
    };
    Plan { at, dials, delayed, keys, presses, leaves, quirk }
}

fn press(since: &mut Duration, rng: &mut Rng) -> (Duration, char) {
    *since += MS(150) + draw(MS(9_000), rng);
    let key = KEYS[usize::try_from(rng.below(KEYS.len() as u32)).unwrap_or(0)];
    (*since, char::from(key))
}

/// A third leave at any moment at all, most of them while the call is being set up; a third after some talk; a third stay.
fn leaves(rng: &mut Rng) -> Leaves {
    match rng.below(6) {
        0 => Leaves::AfterDialling(draw(MS(150), rng)),
        1 => Leaves::AfterDialling(draw(MS(3_000), rng)),
        2 | 3 => Leaves::AfterAnswer(draw(MS(30_000), rng)),
        _ => Leaves::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_has_its_cast_and_every_misbehaviour_is_in_some_cast() {
        assert_eq!(cast(&mut Rng::from_seed(5)), cast(&mut Rng::from_seed(5)));
        let mut quirks = BTreeSet::new();
        for seed in 0..100 {
            let lives = cast(&mut Rng::from_seed(seed));
            let plans: Vec<_> = lives.iter().flat_map(|life| &life.calls).collect();
            assert!(plans.len() >= MIN_CALLS);
            quirks.extend(plans.iter().map(|plan| plan.quirk.name()));
        }
        assert_eq!(quirks.len(), QUIRKS.0.len());
    }
}
