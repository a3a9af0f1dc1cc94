//! Three legs that hear each other.

use super::bridges::Speaker;
use super::*;

const A: LegId = LEG;
const B: LegId = LegId(2);
const C: LegId = LegId(3);
const ALL: [LegId; 3] = [A, B, C];
const ADDRESSES: [&str; 3] = [PEER, "192.0.2.20:4000", "192.0.2.30:4000"];
/// Three voices that are told apart in every sum.
const VOICES: [u8; 3] = [0xd0, 0xf0, 0xa0];

fn to(place: usize) -> Stream {
    Stream {
        remote: address(ADDRESSES[place]),
        ssrc: 100 + place as u32,
        first_sequence: 40,
        first_timestamp: 1000,
        ..stream()
    }
}

fn speakers() -> [Speaker; 3] {
    [0, 1, 2].map(|place| Speaker::new(ALL[place], ADDRESSES[place]))
}

/// Three legs, connected, after their opening frames.
fn three() -> Studio {
    let mut studio = Studio::new();
    for (place, leg) in ALL.into_iter().enumerate() {
        studio.open(leg);
        studio.command(Command::Connect { leg, stream: to(place) });
    }
    studio.pass(ms(200));
    studio.sent.clear();
    studio
}

fn mixed() -> Studio {
    let mut studio = three();
    studio.command(mix(&ALL));
    studio
}

fn mix(legs: &[LegId]) -> Command {
    Command::Mix { legs: legs.to_vec() }
}

/// Those who are named speak, each with its voice.
fn speak(studio: &mut Studio, speakers: &mut [Speaker; 3], who: &[LegId], frames: usize) {
    for _ in 0..frames {
        for (place, speaker) in speakers.iter_mut().enumerate().filter(|(place, _)| who.contains(&ALL[*place])) {
            speaker.say(studio, VOICES[place]);
        }
        studio.pass(ms(20));
    }
}

/// The byte that says what these say together.
fn together(who: &[LegId]) -> u8 {
    let said = |leg: &LegId| i32::from(g711::alaw_to_linear(VOICES[leg.0 as usize - 1]));
    g711::linear_to_alaw(who.iter().map(said).sum::<i32>() as i16)
}

/// What came to a leg in the last frames: one byte each, which fills its frame.
fn last_heard(studio: &mut Studio, leg: LegId, frames: usize) -> Vec<u8> {
    assert!(studio.sent_to(leg).iter().all(|sent| sent.payload.len() == FRAME));
    let heard = studio.heard_at(leg);
    heard[heard.len().saturating_sub(frames)..].to_vec()
}

#[test]
fn everybody_hears_exactly_the_other_two() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    speak(&mut studio, &mut speakers, &ALL, 50);
    for (leg, others) in [(A, [B, C]), (B, [A, C]), (C, [A, B])] {
        // But for the one in which it began, if its own time had come before.
        assert!((49..=50).contains(&studio.sent_to(leg).len()), "{leg:?} is sent every frame");
        assert_eq!(last_heard(&mut studio, leg, 40), [together(&others); 40], "{leg:?}");
    }
    assert_eq!(studio.reports, []);
}

#[test]
fn who_speaks_mu_law_hears_and_is_heard_as_well() {
    let mut studio = three();
    let mu = Stream { codec: Codec::Pcmu, send_payload_type: 0, receive: PayloadTypes::only(Codec::Pcmu, 0), ..to(2) };
    studio.command(Command::Connect { leg: C, stream: mu });
    studio.command(mix(&ALL));
    let mut speakers = speakers();
    speakers[2].header.payload_type = 0;
    let said = |leg: LegId| match leg {
        C => i32::from(g711::ulaw_to_linear(VOICES[2])),
        leg => i32::from(g711::alaw_to_linear(VOICES[leg.0 as usize - 1])),
    };
    speak(&mut studio, &mut speakers, &ALL, 20);
    let sum = |a, b| (said(a) + said(b)) as i16;
    assert_eq!(last_heard(&mut studio, A, 10), [g711::linear_to_alaw(sum(B, C)); 10]);
    assert_eq!(last_heard(&mut studio, C, 10), [g711::linear_to_ulaw(sum(A, B)); 10]);
}

#[test]
fn who_changes_law_in_the_middle_is_heard_on() {
    let mut studio = three();
    studio.command(Command::Connect { leg: C, stream: Stream { receive: both_laws(), ..to(2) } });
    studio.command(mix(&ALL));
    let mut speakers = speakers();
    let (alaw, ulaw) = (VOICES[2], g711::ALAW_TO_ULAW[usize::from(VOICES[2])]);
    speak(&mut studio, &mut speakers, &ALL, 10);
    studio.sent.clear();
    for (payload_type, byte) in [(0, ulaw), (8, alaw), (0, ulaw), (0, ulaw)] {
        speakers[2].header.payload_type = payload_type;
        for _ in 0..10 {
            speakers[2].say(&mut studio, byte);
            speak(&mut studio, &mut speakers, &[A, B], 1);
        }
    }
    let heard = last_heard(&mut studio, A, 40);
    let near = |byte: &u8| {
        let (heard, meant) = (g711::alaw_to_linear(*byte), g711::alaw_to_linear(together(&[B, C])));
        (i32::from(heard) - i32::from(meant)).abs() <= i32::from(meant.unsigned_abs()) / 16 + 16
    };
    assert!(heard.len() == 40 && heard.iter().all(near), "{heard:x?}");
    assert_eq!(studio.reports, []);
}

#[test]
fn a_stream_does_not_break_when_two_become_three_and_two_again() {
    let (mut studio, mut speakers) = (three(), speakers());
    studio.command(Command::Bridge { a: A, b: B });
    speak(&mut studio, &mut speakers, &[A, B], 10);
    studio.command(mix(&ALL));
    speak(&mut studio, &mut speakers, &ALL, 10);
    studio.command(Command::Unbridge { leg: C });
    speak(&mut studio, &mut speakers, &[A, B], 10);
    for pair in studio.sent_to(A).windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence + 1);
        let ticks = pair[1].header.timestamp - pair[0].header.timestamp;
        let clock = pair[1].at.since(pair[0].at).as_millis() as u32 * 8;
        assert!(ticks >= 160 && ticks <= clock.max(160) + 160, "{ticks} ticks in {clock}");
        assert!(clock <= 2 * 160, "at most a frame is missing: {clock}");
        assert_eq!(pair[1].header.ssrc, 100);
    }
    let heard = studio.heard_at(A);
    let of = |byte| heard.iter().filter(|heard| **heard == byte).count();
    assert!(of(VOICES[1]) >= 19 && of(together(&[B, C])) >= 8, "{heard:x?}");
    assert_eq!(last_heard(&mut studio, B, 10), [VOICES[0]; 10], "bridged again, byte for byte");
    assert_eq!((studio.shard.bridges(), studio.shard.legs()), (1, 3));
}

#[test]
fn whoever_leaves_and_however_the_other_two_go_on() {
    let leaves: [fn(LegId) -> Command; 3] =
        [|leg| Command::Close { leg }, |leg| Command::Export { leg }, |leg| Command::Unbridge { leg }];
    for leave in leaves {
        for leaver in ALL {
            let (mut studio, mut speakers) = (mixed(), speakers());
            speak(&mut studio, &mut speakers, &ALL, 5);
            studio.command(leave(leaver));
            let stay: Vec<LegId> = ALL.into_iter().filter(|leg| *leg != leaver).collect();
            studio.sent.clear();
            speak(&mut studio, &mut speakers, &stay, 5);
            for (one, other) in [(stay[0], stay[1]), (stay[1], stay[0])] {
                assert_eq!(studio.heard_at(one), [VOICES[other.0 as usize - 1]; 5]);
            }
            assert_eq!((studio.sent.len(), studio.shard.bridges()), (0, 1), "{leaver:?} hears nobody");
            // The last one is alone, and in nothing.
            studio.command(leave(stay[0]));
            speak(&mut studio, &mut speakers, &stay[1..], 3);
            assert_eq!((studio.sent.len(), studio.shard.bridges()), (0, 0));
        }
    }
}

#[test]
fn a_leg_that_comes_from_another_shard_is_mixed_in_and_its_stream_goes_on() {
    let (mut studio, mut speakers) = (three(), speakers());
    studio.command(Command::Music { leg: C, sound: sound("long") });
    studio.pass(ms(100));
    studio.command(Command::Export { leg: C });
    let state = studio.reports.iter().find_map(|report| match report {
        Report::Exported { state, .. } => Some(state.clone()),
        _ => None,
    });
    studio.command(Command::Import { state: state.expect("it was exported") });
    studio.command(mix(&ALL));
    speak(&mut studio, &mut speakers, &ALL, 10);
    for pair in studio.sent_to(C).windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence + 1);
    }
    assert_eq!(last_heard(&mut studio, C, 5), [together(&[A, B]); 5], "and no music");
}

#[test]
fn a_key_is_reported_and_nobody_hears_it() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    speak(&mut studio, &mut speakers, &ALL, 5);
    studio.sent.clear();
    speakers[0].press(&mut studio, '3');
    studio.pass(ms(200));
    assert_eq!(studio.relayed(), [('3', false)]);
    assert!(studio.sent.iter().all(|sent| sent.header.payload_type == 8));
}

#[test]
fn a_key_that_we_press_and_a_prompt_are_for_one_party_alone() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    speak(&mut studio, &mut speakers, &ALL, 5);
    studio.sent.clear();
    studio.command(Command::Play { leg: B, play: PlayId(9), sounds: vec![sound("short")], repeat: false });
    studio.command(Command::SendDigit { leg: C, digit: '5', duration: ms(100) });
    speak(&mut studio, &mut speakers, &ALL, 20);
    let heard = studio.heard_at(B);
    assert_eq!(heard.iter().filter(|byte| **byte != together(&[A, C])).count(), 1, "{heard:x?}");
    assert!(heard.contains(&encoded(&["short"])[0]));
    let keys = studio.sent_to(C).iter().filter(|sent| sent.header.payload_type == 101).count();
    assert!(keys > 4, "{keys}");
    assert_eq!(studio.heard_at(A), [together(&[B, C]); 20]);
    assert_eq!(studio.reports, [Report::Played { leg: B, play: PlayId(9) }]);
}

/// A phone that holds may send music of its own.
#[test]
fn who_has_put_us_on_hold_is_not_heard_and_the_others_go_on() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    speak(&mut studio, &mut speakers, &ALL, 5);
    studio.command(Command::Connect { leg: A, stream: Stream { sending: false, ..to(0) } });
    speak(&mut studio, &mut speakers, &ALL, 3);
    studio.sent.clear();
    speak(&mut studio, &mut speakers, &ALL, 5);
    assert_eq!(studio.heard_at(B), [VOICES[2]; 5]);
    assert_eq!(studio.heard_at(C), [VOICES[1]; 5]);
    assert_eq!(studio.sent, [], "and it is sent nothing");
    studio.command(Command::Connect { leg: A, stream: to(0) });
    speak(&mut studio, &mut speakers, &ALL, 5);
    assert_eq!(last_heard(&mut studio, B, 3), [together(&[A, C]); 3]);
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    speak(&mut studio, &mut speakers, &[A], 10);
    assert_eq!(last_heard(&mut studio, B, 8), [VOICES[0]; 8]);
    assert_eq!(last_heard(&mut studio, A, 8), [g711::ALAW_SILENCE; 8], "silence is sent, so that no NAT forgets");
    speak(&mut studio, &mut speakers, &[], 10);
    assert_eq!(last_heard(&mut studio, B, 5), [g711::ALAW_SILENCE; 5]);
}

#[test]
fn what_cannot_be_mixed_changes_nothing() {
    let (mut studio, mut speakers) = (three(), speakers());
    studio.command(Command::Bridge { a: A, b: B });
    for legs in [&[A, B, LegId(4)][..], &[A, B, B], &[A], &[], &[A, B, C, LegId(4)]] {
        studio.command(mix(legs));
        speak(&mut studio, &mut speakers, &[A], 2);
        assert_eq!(studio.heard_at(B), [VOICES[0]; 2], "{legs:?}");
    }
    studio.command(mix(&[A, C]));
    speak(&mut studio, &mut speakers, &[A], 2);
    assert_eq!((studio.heard_at(B), studio.heard_at(C)), (vec![], vec![VOICES[0]; 2]), "two are a bridge");
}

#[test]
fn a_fault_of_one_party_leaves_the_other_two_together() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    let fault = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| studio.shard.panic_at(B)));
    assert!(fault.is_err());
    assert_eq!(studio.shard.condemn(&mut studio.reports), Some(B));
    studio.sent.clear();
    speak(&mut studio, &mut speakers, &[A, C], 5);
    assert_eq!((studio.heard_at(A), studio.heard_at(C)), (vec![VOICES[2]; 5], vec![VOICES[0]; 5]));
}

/// What a bad network does to one party: lost, overtaken, late and in bursts.
#[test]
fn a_bad_network_of_one_party_is_the_others_silence_and_nothing_worse() {
    let (mut studio, mut speakers) = (mixed(), speakers());
    let mut rng = crate::id::Rng::from_seed(4);
    for _ in 0..2000 {
        speakers[1].say(&mut studio, VOICES[1]);
        for _ in 0..rng.below(3) {
            speakers[0].say_at(&mut studio, i16::try_from(rng.below(7)).expect("small") - 3);
        }
        studio.pass(ms(20));
    }
    assert_eq!(studio.sent_to(C).len(), 2000);
    let heard = studio.heard_at(A);
    assert_eq!(heard[5..], vec![VOICES[1]; 1995][..], "she hears well");
    assert!(studio.reports.iter().all(|report| matches!(report, Report::Silent { leg: C, .. })), "{:?}", studio.reports);
}

proptest! {
    /// Whatever is told, every leg is in one bridge or one mix at most, and whoever hears is heard.
    #[test]
    fn nobody_is_in_two_conferences_nor_in_one_alone(orders in prop::collection::vec((0u8..6, 1u64..7, 1u64..7, 1u64..7), 0..60)) {
        let mut studio = Studio::new();
        for leg in (1..7).map(LegId) {
            studio.open(leg);
        }
        for (order, a, b, c) in orders {
            let (a, b, c) = (LegId(a), LegId(b), LegId(c));
            studio.command(match order {
                0 => Command::Bridge { a, b },
                1 | 2 => Command::Mix { legs: vec![a, b, c] },
                3 => Command::Unbridge { leg: a },
                4 => Command::Close { leg: a },
                _ => Command::Open { leg: a, local: address("192.0.2.1:16384") },
            });
            studio.shard.check();
        }
    }
}
