//! Who takes part in a world: drawn from its seed before it begins.
//!
//! Every way to go wrong has a weight here. Invariant: the cast depends on the seed and on nothing else.

use super::callee::Manner;
use super::caller::{Identity, Keys, Leaves, Life, Plan, Quirk};
use super::lab;
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
    (9, Quirk::Joins(Duration::ZERO)),
    (14, Quirk::Gathers(Duration::ZERO)),
    (5, Quirk::Echoes),
    (3, Quirk::Proxied),
    (3, Quirk::Steered),
]);

/// Numbers of the worlds with queues.
const QUEUE_NUMBERS: Weighted<&str> = Weighted(&[
    (30, "100"),
    (20, "600"),
    (16, "3005"),
    (6, "3002"),
    (6, "1001"),
    (6, "1002"),
    (5, "1003"),
    (3, "1005"),
    (8, "401"),
    (4, lab::TELEPHONE),
    (1, "701234567"),
    (4, "1006"),
    (4, "1007"),
    (4, "310"),
    (4, "311"),
    (4, "702"),
    (4, "*81001"),
    (4, lab::THREE_WAY),
]);
/// How an agent is reached.
const QUEUE_OR_AGENT: Weighted<&str> = Weighted(&[(60, lab::QUEUE), (40, "1001")]);
/// Where people send those whom they talk with: phones, a group, a queue, a flow, slots, outside, nobody.
const SENT: Weighted<&str> = Weighted(&[
    (20, "1003"),
    (10, "1001"),
    (8, "600"),
    (8, "100"),
    (8, "702"),
    (6, "*5"),
    (6, "401"),
    (6, lab::TELEPHONE),
    (6, "310"),
    (4, "1006"),
    (4, "999"),
]);
/// Agents at fixed addresses.
const DESKS: u8 = 5;

/// What becomes of a call at a phone; durations are drawn afterwards. `LATE` and zero mark kinds of answers.
const MANNERS: Weighted<Manner> = Weighted(&[
    (26, Manner::Answers { after: Duration::ZERO, talks: Some(TALKS) }),
    (8, Manner::Answers { after: Duration::ZERO, talks: None }),
    (7, Manner::Answers { after: Duration::ZERO, talks: Some(LATE) }),
    (7, Manner::Answers { after: Duration::ZERO, talks: Some(Duration::ZERO) }),
    (9, Manner::Transfers { after: Duration::ZERO, talks: Duration::ZERO, to: "" }),
    (7, Manner::Holds { after: Duration::ZERO, talks: Duration::ZERO }),
    (5, Manner::Refuses { after: Duration::ZERO, status: 486 }),
    (4, Manner::Refuses { after: Duration::ZERO, status: 603 }),
    (3, Manner::Refuses { after: Duration::ZERO, status: 302 }),
    (3, Manner::Refuses { after: Duration::ZERO, status: 500 }),
    (4, Manner::SpeaksUnknownCodec { after: Duration::ZERO }),
    (4, Manner::AnswersWithoutAudio { after: Duration::ZERO }),
    (4, Manner::AnswersMute { after: Duration::ZERO, talks: Duration::ZERO }),
    (6, Manner::LetsRing),
    (4, Manner::KeepsSilent),
    (4, Manner::AnswersAtCancel),
    (2, Manner::DiesRinging { after: Duration::ZERO }),
    (2, Manner::DiesTalking { after: Duration::ZERO, talks: Duration::ZERO }),
]);
const TALKS: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(2);

/// Worlds with queues, per thousand, and of these the ones in which somebody means to bring three together.
const WITH_QUEUES: u32 = 600;
const WITH_TRIOS: u32 = 400;

const KEYS: &[u8] = b"111999123#*0";

/// The cast of one world: three to five phones of ours, and callers through the trunk, at least [`MIN_CALLS`] calls together.
pub fn cast(rng: &mut Rng) -> Vec<Life> {
    let extensions = 3 + rng.below(3);
    let queues = rng.chance(WITH_QUEUES);
    let mut lives: Vec<Life> = (1..=extensions).map(|index| extension(index, queues, rng)).collect();
    if queues {
        // Some have two phones, which ring together.
        let second =
            |life: &Life| Life { calls: Vec::new(), manners: Vec::new(), unregisters: None, dies: None, ..life.clone() };
        let doubles: Vec<Life> = lives.iter().filter(|_| rng.chance(300)).map(second).collect();
        lives.extend(doubles.into_iter().map(|life| Life { manners: manners(rng), ..life }));
        lives.extend(desks(rng));
        if rng.chance(WITH_TRIOS) {
            trio(&mut lives, rng);
        }
    }
    while lives.iter().map(|life| life.calls.len()).sum::<usize>() < MIN_CALLS {
        lives.push(stranger(lives.len(), queues, rng));
    }
    lives
}

/// One who is called, by a stranger or through the queue, calls somebody else, and brings all three together; what the three do then,
/// and what the others do meanwhile, is as in any other world.
fn trio(lives: &mut Vec<Life>, rng: &mut Rng) {
    // An agent, or no agent.
    let (middle, other) = if rng.chance(500) { (0, 2) } else { (2, 1) };
    for place in [middle, other] {
        let life = &mut lives[place];
        (life.registers, life.unregisters) = (Some(draw(MS(500), rng)), None);
        life.manners[0] = Manner::Answers { after: draw(MS(2_000), rng), talks: rng.chance(300).then(|| draw(RUSH, rng)) };
    }
    let begins = MS(1_000) + draw(MS(10_000), rng);
    let (called, third) = if middle == 0 { (QUEUE_OR_AGENT.draw(rng), "1003") } else { ("1003", "1002") };
    let third = if rng.chance(300) { lab::TELEPHONE } else { third };
    let second = begins + MS(6_000) + draw(MS(3_000), rng);
    let (quirk, dials_code) = match rng.chance(700) {
        true => (Quirk::Gathers(draw(MS(4_000), rng)), None),
        false => (Quirk::None, Some(second + MS(8_000))),
    };
    let mine = &mut lives[middle].calls;
    mine.push(Plan { at: second, leaves: leaves_after_talk(rng), quirk, ..Plan::to(third) });
    mine.extend(dials_code.map(|at| Plan { at, leaves: leaves_after_talk(rng), ..Plan::to(lab::THREE_WAY) }));
    let caller = Plan { at: begins, leaves: leaves_after_talk(rng), ..Plan::to(called) };
    lives.push(Life { calls: vec![caller], ..stranger(lives.len(), true, rng) });
}

fn leaves_after_talk(rng: &mut Rng) -> Leaves {
    if rng.chance(300) { Leaves::Never } else { Leaves::AfterAnswer(MS(6_000) + draw(RUSH, rng)) }
}

fn extension(index: u32, queues: bool, rng: &mut Rng) -> Life {
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
        // A binding of a phone that is gone stays until it runs out.
        dies: rng.chance(60).then(|| MS(5_000) + draw(RUSH, rng)),
        calls: calls(1 + rng.below(2), queues, rng),
        manners: manners(rng),
    }
}

fn stranger(index: usize, queues: bool, rng: &mut Rng) -> Life {
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
        dies: None,
        calls: calls(1 + rng.below(3), queues, rng),
        manners: Vec::new(),
    }
}

fn transport(rng: &mut Rng) -> Transport {
    if rng.chance(200) { Transport::Tcp } else { Transport::Udp }
}

/// So many calls that come are met each in its own manner, and then it begins again.
const MANNERS_EACH: usize = 6;

fn manners(rng: &mut Rng) -> Vec<Manner> {
    (0..MANNERS_EACH).map(|_| manner(rng)).collect()
}

fn manner(rng: &mut Rng) -> Manner {
    let (after, talks) = (draw(MS(6_000), rng), draw(MS(20_000), rng));
    match MANNERS.draw(rng) {
        Manner::Answers { talks: None, .. } => Manner::Answers { after, talks: None },
        // Around the moment in which the exchange gives up.
        Manner::Answers { talks: Some(LATE), .. } => {
            Manner::Answers { after: lab::RING - MS(100) + draw(MS(200), rng), talks: Some(talks) }
        }
        // Together with others who do the same, and gone again at once.
        Manner::Answers { talks: Some(Duration::ZERO), .. } => {
            Manner::Answers { after: MS(1_500), talks: Some(draw(MS(40), rng)) }
        }
        Manner::Answers { .. } => Manner::Answers { after, talks: Some(talks) },
        Manner::Holds { .. } => Manner::Holds { after, talks },
        Manner::Transfers { .. } => Manner::Transfers { after, talks: talks / 2, to: SENT.draw(rng) },
        Manner::Refuses { status, .. } => {
            Manner::Refuses { after: if rng.chance(500) { Duration::ZERO } else { after }, status }
        }
        Manner::SpeaksUnknownCodec { .. } => Manner::SpeaksUnknownCodec { after },
        Manner::AnswersWithoutAudio { .. } => Manner::AnswersWithoutAudio { after },
        Manner::AnswersMute { .. } => Manner::AnswersMute { after, talks },
        Manner::DiesRinging { .. } => Manner::DiesRinging { after },
        Manner::DiesTalking { .. } => Manner::DiesTalking { after, talks },
        other => other,
    }
}

/// The agents of the largest family queue that is dialled, and the far end of the trunk.
fn desks(rng: &mut Rng) -> Vec<Life> {
    let here: Vec<u8> = (0..=DESKS).filter(|_| rng.chance(850)).collect();
    here.into_iter().map(|place| Life::desk(place, manners(rng))).collect()
}

fn calls(count: u32, queues: bool, rng: &mut Rng) -> Vec<Plan> {
    (0..count).map(|_| if queues { queue_plan(rng) } else { plan(rng) }).collect()
}

/// Into a queue, by the flow or straight, or to somebody's phone; whatever else the caller does is as in any other world.
fn queue_plan(rng: &mut Rng) -> Plan {
    let mut plan = plan(rng);
    plan.dials = QUEUE_NUMBERS.draw(rng).to_string();
    if plan.dials == "100" {
        plan.presses.insert(0, (draw(MS(6_000), rng), '2'));
    }
    plan.leaves = match plan.leaves {
        Leaves::AfterDialling(after) => Leaves::AfterDialling(after * (1 + rng.below(12))),
        Leaves::Never if rng.chance(500) => Leaves::AfterAnswer(draw(MS(60_000), rng)),
        other => other,
    };
    plan
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
        Quirk::Joins(_) => Quirk::Joins(draw(MS(4_000), rng)),
        Quirk::Gathers(_) => Quirk::Gathers(draw(MS(4_000), rng)),
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
        let mut manners = BTreeSet::new();
        for seed in 0..100 {
            let lives = cast(&mut Rng::from_seed(seed));
            let plans: Vec<_> = lives.iter().flat_map(|life| &life.calls).collect();
            assert!(plans.len() >= MIN_CALLS);
            manners.extend(lives.iter().flat_map(|life| &life.manners).map(|manner| manner.name()));
            quirks.extend(plans.iter().map(|plan| plan.quirk.name()));
        }
        assert_eq!(quirks.len(), QUIRKS.0.len());
        assert_eq!(manners.len(), 15, "{manners:?}");
    }
}
