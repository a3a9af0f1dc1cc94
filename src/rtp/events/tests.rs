use super::*;
use proptest::prelude::*;

/// One packet of a script: milliseconds, timestamp, event, end, duration in ticks.
type Step = (u64, u32, u8, bool, u16);

const SSRC: u32 = 7;

fn at(ms: u64) -> Moment {
    Moment::ZERO + Duration::from_millis(ms)
}

fn packet(timestamp: u32, payload: &[u8]) -> Event<'_> {
    Event { ssrc: SSRC, timestamp, payload, passed_on: false }
}

/// The digits, and the milliseconds that each was held, of a script followed by two seconds of quiet.
fn heard(steps: &[Step]) -> Vec<(char, u128)> {
    let mut receiver = Receiver::default();
    let mut presses = Vec::new();
    let mut clock = 0;
    for &(ms, timestamp, event, end, duration) in steps {
        while clock <= ms {
            receiver.tick(at(clock), |press| presses.push(press));
            clock += 20;
        }
        let payload = Payload { event, end, volume: 10, duration }.to_bytes();
        receiver.receive(packet(timestamp, &payload), at(ms), |press| presses.push(press));
    }
    receiver.tick(at(clock + 2000), |press| presses.push(press));
    presses.iter().map(|press| (press.digit, press.duration.as_millis())).collect()
}

#[test]
fn one_press_is_one_digit_however_its_packets_fare() {
    let check = |what: &str, steps: &[Step], expected: &[(char, u128)]| assert_eq!(heard(steps), expected, "{what}");
    let whole = [
        (0, 1000, 5, false, 160),
        (20, 1000, 5, false, 320),
        (40, 1000, 5, true, 480),
        (60, 1000, 5, true, 480),
        (80, 1000, 5, true, 480),
    ];
    check("whole", &whole, &[('5', 60)]);
    check("40 ms long", &[(0, 9, 1, false, 160), (20, 9, 1, true, 320), (20, 9, 1, true, 320)], &[('1', 40)]);
    check("the first packet lost", &whole[1..], &[('5', 60)]);
    check("only one end arrives", &whole[4..], &[('5', 60)]);
    check("every end lost", &whole[..2], &[('5', 40)]);
    check("only the first arrives", &whole[..1], &[('5', 20)]);
    check("ends before updates", &[whole[2], whole[1], whole[3], whole[0], whole[4]], &[('5', 60)]);
    check("everything doubled", &[whole.as_slice(), &whole].concat(), &[('5', 60)]);
    check(
        "a late update after the lost end was given up",
        &[whole[0], (400, 1000, 5, false, 320), (420, 1000, 5, true, 480)],
        &[('5', 20)],
    );
    check(
        "the same key twice",
        &[whole[0], whole[2], (200, 2600, 5, true, 400), (200, 2600, 5, true, 400)],
        &[('5', 60), ('5', 50)],
    );
    check("the same key twice, no end of the first", &[whole[0], (100, 1800, 5, true, 400)], &[('5', 20), ('5', 50)]);
    check(
        "two keys, no end of the first",
        &[whole[0], (60, 1480, 6, false, 160), (80, 1480, 6, true, 320)],
        &[('5', 20), ('6', 40)],
    );
    check(
        "an end of the first after the second began",
        &[whole[0], (60, 1480, 6, false, 160), whole[4], (80, 1480, 6, true, 320)],
        &[('5', 20), ('6', 40)],
    );
    check(
        "all of the first after the second began",
        &[(60, 1480, 6, false, 160), whole[4], (100, 1480, 6, true, 320)],
        &[('5', 60), ('6', 40)],
    );
    check(
        "over the wrap of timestamps",
        &[(0, u32::MAX - 80, 2, true, 400), (100, 700, 2, true, 400)],
        &[('2', 50), ('2', 50)],
    );
    let held = |from: u16, to: u16, timestamp: u32, start: u64| -> Vec<Step> {
        (from..=to).step_by(800).map(|ticks| (start + u64::from(ticks) / 8, timestamp, 3, false, ticks)).collect()
    };
    let first = held(800, 64_800, 1000, 0);
    let second = held(160, 13_760, 66_535, 8192);
    let end = [(9999, 66_535, 3, true, 14_465)];
    check("a key held for ten seconds, in segments", &[&first[..], &second, &end].concat(), &[('3', 10_000)]);
    check("ten seconds with a hole at the seam", &[&first[..78], &second[3..], &end].concat(), &[('3', 7800)]);
    check(
        "stars, hashes and letters",
        &[(0, 1, 10, true, 400), (99, 900, 11, true, 400), (199, 1800, 15, true, 400)],
        &[('*', 50), ('#', 50), ('D', 50)],
    );
    check("a flash is no digit", &[(0, 1, 16, true, 400)], &[]);
    check("a press within the first tick of the clock", &[(0, 1, 4, false, 0)], &[('4', 0)]);
    let replay: Vec<Step> = whole.iter().map(|step| (step.0 + 3000, step.1, step.2, step.3, step.4)).collect();
    check("a recording replayed with its old timestamps", &[whole.as_slice(), &replay].concat(), &[('5', 60), ('5', 60)]);
}

#[test]
fn a_press_was_passed_on_when_one_of_its_packets_was() {
    let mut receiver = Receiver::default();
    let mut presses = Vec::new();
    let payloads = [(160, false), (320, false), (320, true), (320, true)];
    for (timestamp, passed) in [(0, [false; 4]), (1000, [true, false, false, false]), (2000, [false, false, true, true])] {
        for ((duration, end), passed_on) in payloads.into_iter().zip(passed) {
            let payload = Payload { event: 1, end, volume: 10, duration }.to_bytes();
            receiver.receive(Event { passed_on, ..packet(timestamp, &payload) }, at(0), |press| presses.push(press.passed_on));
        }
    }
    assert_eq!(presses, [false, true, true]);
}

#[test]
fn payloads_that_are_no_events_are_ignored() {
    let mut receiver = Receiver::default();
    for payload in [&[][..], &[1, 2, 3], &[200, 0x80, 1, 1]] {
        receiver.receive(packet(1, payload), at(0), |press| panic!("{press:?} from {payload:?}"));
    }
    receiver.tick(at(1000), |press| panic!("{press:?}"));
}

#[test]
fn a_press_to_send_grows_by_frames_and_ends_three_times() {
    let durations = |ms| -> Vec<(u16, bool)> {
        Sender::new('#', Duration::from_millis(ms)).expect("a key").map(|payload| (payload.duration, payload.end)).collect()
    };
    assert_eq!(durations(50), [(160, false), (320, false), (400, true), (400, true), (400, true)]);
    assert_eq!(durations(1), [(160, false), (320, true), (320, true), (320, true)]);
    assert_eq!(durations(60_000).last(), Some(&(65_375, true)));
    assert_eq!(Sender::new('x', Duration::from_millis(50)), None);
}

proptest! {
    #[test]
    fn any_packets_are_taken_without_panic_and_no_press_is_counted_more_often_than_its_packets(
        packets in proptest::collection::vec((0u64..50, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..6)), 0..60),
    ) {
        let mut receiver = Receiver::default();
        let mut presses = 0;
        let mut clock = 0;
        for (wait, timestamp, payload) in &packets {
            clock += wait;
            receiver.tick(at(clock), |_| presses += 1);
            receiver.receive(packet(*timestamp, payload), at(clock), |_| presses += 1);
        }
        receiver.tick(at(clock + 10_000), |_| presses += 1);
        prop_assert!(presses <= packets.len());
    }

    /// Ten presses of 40 to 200 ms, 60 ms apart, through a network that loses, doubles and swaps packets, but never all of one.
    #[test]
    fn a_bad_network_neither_adds_nor_loses_a_digit(
        keys in proptest::collection::vec((0u8..16, 40u64..200), 1..10),
        fates in proptest::collection::vec(0u8..100, 200),
        first_timestamp: u32,
    ) {
        let mut sent = Vec::new();
        let mut start = 0u64;
        for (key, held) in &keys {
            let timestamp = first_timestamp.wrapping_add(u32::try_from(start * 8).unwrap());
            let press = Sender::new(KEYS[usize::from(*key)], Duration::from_millis(*held)).unwrap();
            let payloads: Vec<_> = press.collect();
            for (n, payload) in payloads.iter().enumerate() {
                let fate = fates[(sent.len() * 7 + n) % fates.len()];
                let ms = start + 20 * n as u64;
                let sure = n == 1;
                let copies = if fate < 20 && !sure { 0 } else if fate > 90 { 2 } else { 1 };
                // Reordered by up to 60 ms: the first packets of the next press may come before the last ones of this.
                let delay = if fate % 10 == 3 { 60 } else { 0 };
                for copy in 0..copies {
                    sent.push((ms + delay + copy * 30, timestamp, payload.event, payload.end, payload.duration));
                }
            }
            start += held + 60 + 60;
        }
        sent.sort_by_key(|step| step.0);
        let digits: String = heard(&sent).iter().map(|(digit, _)| *digit).collect();
        let expected: String = keys.iter().map(|(key, _)| KEYS[usize::from(*key)]).collect();
        prop_assert_eq!(digits, expected);
    }
}
