//! Scenarios with a name, of an exchange that has no room for more calls.

use super::scenarios::{S, calm, lived};
use centrala::config::{Config, Limits};
use centrala::sim::{Circumstances, Leaves, Life, Manner, Outcome, Plan, World};
use std::sync::Arc;

/// Two calls are all that it takes.
fn full_with_two() -> Circumstances {
    let calm = calm();
    let config = Config { limits: Limits { calls: 2, ..calm.config.limits.clone() }, ..Config::clone(&calm.config) };
    Circumstances { config: Arc::new(config), ..calm }
}

fn stays(number: &str, at: u64) -> Life {
    Life::stranger(number, vec![Plan { at: S(at), leaves: Leaves::AfterAnswer(S(20)), ..Plan::to("100") }])
}

fn outcome(world: &World, who: usize) -> Option<Outcome> {
    world.people()[who].attempts[0].outcome
}

#[test]
fn a_phone_of_the_house_calls_for_help_also_when_the_exchange_is_full() {
    let rescue = Life::desk(0, vec![Manner::Answers { after: S(1), talks: Some(S(3)) }]);
    let help = |number: &str| Life::extension("1004", vec![Plan { at: S(5), ..Plan::to(number) }]);
    for (number, expected, rung) in [("112", Outcome::Released, 1), ("601234567", Outcome::Refused(503), 0)] {
        let lives =
            vec![stays("+48221111111", 1), stays("+48222222222", 2), stays("+48223333333", 3), help(number), rescue.clone()];
        let world = lived(number, lives, full_with_two());
        assert_eq!(outcome(&world, 2), Some(Outcome::Refused(503)), "the third caller from outside");
        assert_eq!(outcome(&world, 3), Some(expected), "{number}");
        assert_eq!(world.people()[4].received.len(), rung, "{number}");
    }
}
