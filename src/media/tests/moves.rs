//! Hold music, keys that we press, silence between renegotiations, and legs that go to another shard.

use super::*;

const OTHER: LegId = LegId(2);

fn music(leg: LegId, name: &str) -> Command {
    Command::Music { leg, sound: sound(name) }
}

#[test]
fn all_who_listen_to_music_are_at_the_same_place_whenever_they_came() {
    let mut studio = Studio::settled(stream());
    studio.open(OTHER);
    studio.command(Command::Connect { leg: OTHER, stream: stream() });
    studio.command(music(LEG, "long"));
    studio.pass(ms(70));
    studio.command(music(OTHER, "long"));
    studio.sent.clear();
    studio.pass(ms(600));
    let heard = |leg: LegId| -> Vec<u8> {
        studio.sent.iter().filter(|sent| sent.leg == leg).flat_map(|sent| sent.payload.clone()).collect()
    };
    let (one, other) = (heard(LEG), heard(OTHER));
    assert_eq!(one, other);
    let round = encoded(&["long"]);
    let twice = [&round[..], &round].concat();
    assert!((0..3).any(|frame| one.starts_with(&twice[frame * FRAME..][..round.len()])), "it goes round without a gap");
    assert_eq!((one.len(), studio.reports.len()), (30 * FRAME, 0));
    // It goes on in the place where it would be.
    let last = one[one.len() - FRAME..].to_vec();
    let index = round.chunks(FRAME).position(|frame| frame == last).expect("a frame of it");
    studio.command(Command::Stop { leg: LEG });
    studio.pass(ms(100));
    studio.command(music(LEG, "long"));
    studio.sent.clear();
    studio.pass(ms(20));
    let next = studio.sent.iter().find(|sent| sent.leg == LEG).expect("music");
    assert_eq!(next.payload, round[(index + 6) % 3 * FRAME..][..FRAME]);
}

#[test]
fn a_prompt_replaces_music_and_music_a_prompt() {
    let mut studio = Studio::settled(stream());
    studio.command(music(LEG, "long"));
    studio.play(1, &["short"], false);
    studio.pass(ms(100));
    assert_eq!(studio.payloads(), encoded(&["short"]));
    studio.play(2, &["short"], true);
    studio.command(music(LEG, "long"));
    studio.pass(ms(1000));
    studio.command(Command::Stop { leg: LEG });
    studio.sent.clear();
    studio.pass(ms(1000));
    assert_eq!(studio.sent, []);
    assert_eq!(studio.reports, [Report::Played { leg: LEG, play: PlayId(1) }]);
}

#[test]
fn in_place_of_missing_music_a_tone_sounds_now_and_then() {
    let mut studio = Studio::settled(stream());
    studio.command(music(LEG, "lost"));
    assert_eq!(studio.reports, [Report::SoundMissing { leg: LEG, sound: sound("lost") }]);
    studio.pass(ms(10_000));
    let library = library();
    let silent = studio.sent.iter().filter(|sent| sent.payload == [g711::ALAW_SILENCE; FRAME]).count();
    assert_eq!((studio.sent.len(), studio.sent.len() - silent), (500, 2 * library.fallback().frames()));
}

/// Packets of keys: sequence from the first, timestamp from the first, marker, end, duration.
fn keys(studio: &Studio) -> Vec<(u16, u32, bool, bool, u16)> {
    let first = studio.sent[0].header;
    let keys = studio.sent.iter().filter(|sent| sent.header.payload_type == 101);
    keys.map(|sent| {
        let payload = events::Payload::parse(&sent.payload).expect("an event");
        let header = sent.header;
        let (sequence, timestamp) =
            (header.sequence.wrapping_sub(first.sequence), header.timestamp.wrapping_sub(first.timestamp));
        (sequence, timestamp, header.marker, payload.end, payload.duration)
    })
    .collect()
}

#[test]
fn a_key_that_we_press_stands_in_our_stream_and_ends_three_times() {
    let mut studio = Studio::settled(stream());
    studio.play(1, &["long", "long", "long", "long", "long", "long"], false);
    studio.pass(ms(40));
    for digit in ['x', '5', '6'] {
        studio.command(Command::SendDigit { leg: LEG, digit, duration: ms(60) });
    }
    studio.pass(ms(500));
    let key = |sequence: u16, timestamp: u32| {
        [(true, false, 160), (false, false, 320), (false, true, 480), (false, true, 480), (false, true, 480)]
            .into_iter()
            .zip(sequence..)
            .map(move |((marker, end, duration), sequence)| (sequence, timestamp, marker, end, duration))
    };
    // Two frames of the prompt, the key, three frames, the next key.
    let expected: Vec<_> = key(2, 320).chain(key(10, 10 * 160)).collect();
    assert_eq!(keys(&studio), expected);
    let audio: Vec<u8> =
        studio.sent.iter().filter(|sent| sent.header.payload_type == 8).flat_map(|sent| sent.payload.clone()).collect();
    assert_eq!(
        audio,
        encoded(&["long", "long", "long", "long", "long", "long"])[..audio.len()],
        "the prompt waits for the key"
    );
    for pair in studio.sent.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
    }
    assert_eq!(studio.digits(), "", "what we press we do not hear");
}

#[test]
fn no_key_is_pressed_where_none_was_agreed_or_nobody_hears() {
    for other in [Stream { send_event_type: None, ..stream() }, Stream { sending: false, ..stream() }] {
        let mut studio = Studio::settled(other);
        studio.command(Command::SendDigit { leg: LEG, digit: '5', duration: ms(60) });
        studio.command(Command::Connect { leg: LEG, stream: stream() });
        studio.pass(ms(500));
        assert!(studio.sent.iter().all(|sent| sent.header.payload_type == 8));
        // Put on hold in the middle of a key, it is not taken up later.
        studio.command(Command::SendDigit { leg: LEG, digit: '5', duration: ms(600) });
        studio.pass(ms(100));
        studio.command(Command::Connect { leg: LEG, stream: Stream { sending: false, ..stream() } });
        studio.pass(ms(1000));
        studio.sent.clear();
        studio.command(Command::Connect { leg: LEG, stream: stream() });
        studio.pass(ms(500));
        assert!(studio.sent.iter().all(|sent| sent.header.payload_type == 8));
    }
}

#[test]
fn more_keys_than_anybody_dials_are_not_kept() {
    let mut studio = Studio::settled(stream());
    for _ in 0..1000 {
        studio.command(Command::SendDigit { leg: LEG, digit: '5', duration: ms(40) });
    }
    studio.pass(ms(30_000));
    let ends = keys(&studio).iter().filter(|(_, _, marker, _, _)| *marker).count();
    assert_eq!(ends, crate::media::keys::MAX_WAITING);
}

#[test]
fn silence_is_reported_again_after_a_renegotiation_and_its_end_too() {
    let mut studio = Studio::connected(stream());
    studio.pass(ms(6000));
    assert_eq!(studio.reports, [Report::Silent { leg: LEG, before: false }]);
    studio.command(Command::Connect { leg: LEG, stream: Stream { receiving: false, ..stream() } });
    studio.pass(ms(20_000));
    assert_eq!(studio.reports.len(), 1, "on hold nothing is missed");
    studio.command(Command::Connect { leg: LEG, stream: stream() });
    studio.pass(ms(6000));
    studio.hear_audio(PEER, 9, 1, 1);
    assert_eq!(
        studio.reports,
        [Report::Silent { leg: LEG, before: false }, Report::Silent { leg: LEG, before: false }, Report::Heard { leg: LEG }]
    );
}

/// Takes the leg off the studio's shard and puts it on a new one, after a time, in the form in which it would be saved if asked.
fn moved(studio: &mut Studio, after: Duration, saved: bool) {
    studio.command(Command::Export { leg: LEG });
    let Some(Report::Exported { leg: LEG, mut state }) = studio.reports.pop() else { panic!("{:?}", studio.reports) };
    assert_eq!((studio.shard.legs(), state.leg()), (0, LEG));
    if saved {
        let text = serde_json::to_string(&state).expect("plain data");
        state = serde_json::from_str(&text).expect("the same data");
    }
    // For nobody.
    studio.command(Command::Play { leg: LEG, play: PlayId(99), sounds: vec![sound("short")], repeat: false });
    let mut shard = Shard::new(ShardId(1), SILENT_AFTER);
    shard.set_library(Arc::new(library()));
    studio.shard = shard;
    // Another leg, so that the shard is at work already.
    studio.open(OTHER);
    studio.pass(after);
    studio.command(Command::Import { state: state.clone() });
    studio.command(Command::Import { state });
    assert_eq!((studio.reports.pop(), studio.shard.legs()), (Some(Report::Imported { leg: LEG }), 2));
    assert_eq!(studio.reports, []);
}

#[test]
fn a_leg_goes_on_on_another_shard_as_if_nothing_had_been() {
    for after in [0, 5, 15] {
        let mut studio = Studio::settled(stream());
        studio.play(1, &["long", "long", "long"], false);
        studio.pass(ms(40));
        moved(&mut studio, ms(after), false);
        studio.pass(ms(200));
        assert_eq!(studio.payloads(), encoded(&["long", "long", "long"]), "after {after} ms");
        for pair in studio.sent.windows(2) {
            let (before, next) = (pair[0].header, pair[1].header);
            let frames = next.timestamp.wrapping_sub(before.timestamp) / 160;
            assert_eq!(next.sequence, before.sequence.wrapping_add(1));
            assert!((1..=2).contains(&frames), "a gap of one frame at most: {frames} after {after} ms");
            assert!(pair[1].at.since(pair[0].at) <= ms(45));
        }
        assert_eq!(studio.reports, [Report::Played { leg: LEG, play: PlayId(1) }]);
    }
}

/// Two shards that tick on the same grid, every 5 ms; a leg plays a prompt on the first, and at some moment it is exported before a
/// tick and imported so many ticks later. The longest time between two of its packets, and between their timestamps.
fn longest_gap(leg: LegId, moment: u64, later: u64) -> (Duration, Duration) {
    let mut shards = [ShardId(0), ShardId(1)].map(|id| Shard::new(id, SILENT_AFTER));
    shards.iter_mut().for_each(|shard| shard.set_library(Arc::new(library())));
    let (mut out, mut reports, mut sent) = (Outbox::default(), Vec::new(), Vec::new());
    let begun = Moment::ZERO + ms(1_234_560);
    let mut state = None;
    let sounds = vec![sound("long"); 20];
    for command in [
        Command::Open { leg, local: address("192.0.2.1:16384") },
        Command::Connect { leg, stream: stream() },
        Command::Play { leg, play: PlayId(1), sounds, repeat: false },
    ] {
        shards[0].command(command, begun, &mut reports);
    }
    for tick in 0..60 {
        let now = begun + ms(5) * tick;
        if u64::from(tick) == 20 + moment {
            shards[0].command(Command::Export { leg }, now, &mut reports);
            state = reports.pop().and_then(|report| match report {
                Report::Exported { state, .. } => Some(state),
                _ => None,
            });
        }
        if u64::from(tick) == 20 + moment + later {
            let state = state.take().expect("exported");
            shards[1].command(Command::Import { state }, now, &mut reports);
        }
        for shard in &mut shards {
            shard.tick(now, &mut out, &mut reports);
        }
        let header = |packet: Outgoing<'_>| Packet::parse(packet.bytes).expect("we print RTP").header;
        sent.extend(out.packets().map(|packet| (now, header(packet).timestamp)));
        out.clear();
    }
    let gap = sent.windows(2).map(|pair| pair[1].0.since(pair[0].0)).max().expect("packets");
    let step = sent.windows(2).map(|pair| pair[1].1.wrapping_sub(pair[0].1)).max().expect("packets");
    (gap, ms(u64::from(step / 8)))
}

#[test]
fn a_move_costs_one_frame_at_most_whenever_it_happens() {
    let mut missed = 0;
    for leg in 1..=40 {
        for moment in 0..4 {
            // At once, as within a tick; at the next tick, as it is between two threads; and at the one after.
            for later in 0..=2 {
                let (gap, step) = longest_gap(LegId(leg), moment, later);
                assert!(gap <= ms(40) && step <= ms(40), "leg {leg}, moment {moment}, {later} later: {gap:?} {step:?}");
                missed += usize::from(gap > ms(20));
            }
        }
    }
    // Most moves cost nothing at all.
    assert!((1..240).contains(&missed), "{missed} of 480");
}

#[test]
fn what_was_heard_before_a_move_is_known_after_it() {
    use sources::{BEHIND_NAT, behind_nat};
    for saved in [false, true] {
        let mut studio = Studio::connected(behind_nat());
        studio.hear_audio(BEHIND_NAT, 9, 1, 10);
        moved(&mut studio, ms(5), saved);
        studio.sent.clear();
        studio.hear_audio(BEHIND_NAT, 9, 11, 10);
        studio.hear_digit(BEHIND_NAT, 9, 21, 4000, '8');
        assert_eq!(studio.digits(), "8");
        studio.play(1, &["short"], false);
        studio.pass(ms(100));
        assert_eq!((studio.payloads(), studio.sent[0].to), (encoded(&["short"]), address(BEHIND_NAT)), "saved: {saved}");
        assert_eq!(studio.close().lost, 0);
    }
}

#[test]
fn a_leg_leaves_its_bridge_when_it_leaves_its_shard() {
    let mut studio = Studio::settled(stream());
    studio.open(OTHER);
    studio.command(Command::Connect { leg: OTHER, stream: Stream { remote: address("192.0.2.9:4000"), ..stream() } });
    studio.command(Command::Bridge { a: LEG, b: OTHER });
    studio.command(Command::Export { leg: LEG });
    let Some(Report::Exported { state, .. }) = studio.reports.pop() else { panic!("not exported") };
    assert_eq!((studio.shard.bridges(), studio.shard.legs()), (0, 1));
    studio.command(Command::Export { leg: LEG });
    assert_eq!(studio.reports, [], "nobody of that name any more");
    studio.command(Command::Import { state });
    studio.sent.clear();
    studio.hear_audio(PEER, 1, 1, 5);
    assert!(!studio.sent.iter().any(|sent| sent.leg == OTHER && sent.payload[0] != g711::ALAW_SILENCE));
    studio.command(Command::Bridge { a: LEG, b: OTHER });
    assert_eq!(studio.shard.bridges(), 1);
}
