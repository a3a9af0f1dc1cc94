//! From where a leg accepts RTP: nobody but the peer is heard, and nobody else hears.

use super::super::source::{LATCH_PACKETS, PROBATION};
use super::*;

const HOST: &str = "198.51.100.7";
pub const BEHIND_NAT: &str = "198.51.100.7:30000";
const NEIGHBOUR: &str = "198.51.100.7:30666";

/// A phone that signals a private address, from a public one.
pub fn behind_nat() -> Stream {
    Stream {
        remote: address("10.0.0.5:4000"),
        source: SourceRule::Latch { host: HOST.parse().expect("an address") },
        ..stream()
    }
}

impl Studio {
    pub fn destination(&mut self) -> SocketAddr {
        self.play(99, &["short"], false);
        self.pass(ms(60));
        self.sent.last().expect("a frame").to
    }
}

#[test]
fn a_phone_behind_nat_is_latched_after_four_packets_in_sequence() {
    let mut studio = Studio::settled(behind_nat());
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
    studio.hear_audio(BEHIND_NAT, 9, 500, u16::from(LATCH_PACKETS) - 1);
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
    studio.hear_audio(BEHIND_NAT, 9, 503, 1);
    assert_eq!(studio.destination(), address(BEHIND_NAT));
    studio.hear_digit(BEHIND_NAT, 1234, 1, 1, '1');
    assert_eq!(studio.digits(), "1", "from the latched place every SSRC is accepted");
    let statistics = studio.close();
    assert_eq!((statistics.received, statistics.refused, statistics.lost), (6, 0, 0));
}

#[test]
fn a_first_digit_of_forty_milliseconds_is_heard_while_it_latches() {
    let mut studio = Studio::settled(behind_nat());
    studio.hear_digit(BEHIND_NAT, 9, 1, 1, '7');
    assert_eq!(studio.digits(), "7");
}

#[test]
fn the_first_source_wins_and_its_neighbours_are_refused() {
    let mut studio = Studio::settled(behind_nat());
    for n in 0..4 {
        studio.hear_audio(BEHIND_NAT, 9, 500 + n, 1);
        studio.hear_audio(NEIGHBOUR, 13, 900 + n, 1);
    }
    assert_eq!(studio.destination(), address(BEHIND_NAT));
    studio.hear_digit(NEIGHBOUR, 13, 904, 1, '9');
    assert_eq!(studio.digits(), "");
    assert!(studio.close().refused >= 5);
}

#[test]
fn a_stranger_from_another_host_is_never_latched() {
    let mut studio = Studio::settled(behind_nat());
    studio.hear_audio("203.0.113.5:30000", 9, 1, 50);
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
}

#[test]
fn packets_with_changing_ssrc_or_standing_sequence_latch_nothing() {
    let mut studio = Studio::settled(behind_nat());
    for n in 0..20 {
        studio.hear_audio(BEHIND_NAT, u32::from(n), 500 + n, 1);
    }
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
    let mut studio = Studio::settled(behind_nat());
    for _ in 0..20 {
        studio.hear_audio(BEHIND_NAT, 9, 500, 1);
    }
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
}

#[test]
fn probation_opens_with_the_first_packet_and_ends_after_five_seconds() {
    let mut studio = Studio::settled(behind_nat());
    // However late the first packet is.
    studio.pass(ms(30_000));
    studio.hear_audio(BEHIND_NAT, 9, 500, 2);
    studio.pass(PROBATION);
    studio.hear_audio(BEHIND_NAT, 9, 502, 10);
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
    studio.command(Command::Connect { leg: LEG, stream: behind_nat() });
    studio.hear_audio(BEHIND_NAT, 9, 600, 4);
    assert_eq!(studio.destination(), address(BEHIND_NAT), "a renegotiation opens it anew");
}

#[test]
fn a_peer_that_speaks_from_where_it_signalled_ends_probation() {
    let mut studio = Studio::settled(behind_nat());
    studio.hear_audio(NEIGHBOUR, 13, 1, 3);
    studio.hear_audio("10.0.0.5:4000", 9, 1, 1);
    studio.hear_audio(NEIGHBOUR, 13, 4, 20);
    assert_eq!(studio.destination(), address("10.0.0.5:4000"));
    // After a renegotiation without change, so does one from where it was latched before.
    let mut studio = Studio::settled(behind_nat());
    studio.hear_audio(BEHIND_NAT, 9, 500, 10);
    studio.command(Command::Connect { leg: LEG, stream: behind_nat() });
    studio.hear_audio(BEHIND_NAT, 9, 510, 1);
    studio.hear_audio(NEIGHBOUR, 13, 1, 20);
    assert_eq!(studio.destination(), address(BEHIND_NAT));
}

#[test]
fn a_neighbour_who_spoke_first_is_put_out_by_the_first_packet_from_where_the_peer_said() {
    let mut studio = Studio::settled(behind_nat());
    studio.hear_audio(NEIGHBOUR, 13, 1, 10);
    assert_eq!(studio.destination(), address(NEIGHBOUR));
    studio.hear_audio("10.0.0.5:4000", 9, 1, 1);
    studio.hear_audio(NEIGHBOUR, 13, 11, 20);
    studio.hear_digit(NEIGHBOUR, 13, 31, 1, '9');
    assert_eq!((studio.destination(), studio.digits()), (address("10.0.0.5:4000"), String::new()));
}

#[test]
fn after_a_nat_rebind_the_same_stream_is_found_again_within_a_second() {
    let mut studio = Studio::settled(behind_nat());
    studio.hear_audio(BEHIND_NAT, 9, 500, 100);
    studio.pass(PROBATION);
    let moved = "198.51.100.7:31111";
    studio.hear_audio(moved, 9, 603, 4);
    assert_eq!(studio.destination(), address(moved));
    studio.hear_digit(moved, 9, 607, 1, '2');
    studio.hear_digit(BEHIND_NAT, 10, 612, 9999, '3');
    assert_eq!(studio.digits(), "2", "and the old place is no longer the peer's");
}

#[test]
fn another_ssrc_or_a_broken_sequence_does_not_move_a_latched_leg() {
    let check = |what: &str, ssrc: u32, sequence: u16| {
        let mut studio = Studio::settled(behind_nat());
        studio.hear_audio(BEHIND_NAT, 9, 500, 100);
        studio.hear_audio(NEIGHBOUR, ssrc, sequence, 10);
        assert_eq!(studio.destination(), address(BEHIND_NAT), "{what}");
    };
    check("another SSRC", 10, 600);
    check("a sequence far ahead", 9, 5000);
    check("a sequence from the past", 9, 400);
}

#[test]
fn a_renegotiation_without_change_keeps_the_latched_place() {
    let mut studio = Studio::settled(behind_nat());
    studio.hear_audio(BEHIND_NAT, 9, 500, 4);
    studio.command(Command::Connect { leg: LEG, stream: behind_nat() });
    assert_eq!(studio.destination(), address(BEHIND_NAT));
    studio.command(Command::Connect { leg: LEG, stream: Stream { remote: address("10.0.0.5:4002"), ..behind_nat() } });
    assert_eq!(studio.destination(), address("10.0.0.5:4002"));
}

const BOB: LegId = LegId(2);
const AT_BOB: &str = "192.0.2.20:4000";

/// Who is behind NAT, and Bob, who hear each other; the former has been latched.
fn bridged_behind_nat() -> Studio {
    let mut studio = Studio::settled(behind_nat());
    studio.open(BOB);
    studio.command(Command::Connect { leg: BOB, stream: Stream { remote: address(AT_BOB), ..stream() } });
    studio.command(Command::Bridge { a: LEG, b: BOB });
    studio.hear_audio(BEHIND_NAT, 9, 500, 100);
    studio.sent.clear();
    studio
}

/// MED-05.
#[test]
fn after_a_nat_rebind_both_sides_hear_again_within_a_second() {
    let mut studio = bridged_behind_nat();
    studio.pass(PROBATION);
    let (moved, rebound) = ("198.51.100.7:31111", studio.now);
    for n in 0..50 {
        studio.hear_audio(moved, 9, 600 + n, 1);
        let header = Header { marker: false, payload_type: 8, sequence: n, timestamp: u32::from(n) * 160, ssrc: 4 };
        studio.hear_at(BOB, AT_BOB, &[&header.to_bytes()[..], &[0x2a; FRAME]].concat());
    }
    let first = |is_it: fn(&&Sent) -> bool| studio.sent.iter().find(is_it).map(|sent| sent.at.since(rebound));
    let to_bob = first(|sent| sent.leg == BOB).expect("Bob hears");
    let to_moved = first(|sent| sent.leg == LEG && sent.to == address("198.51.100.7:31111")).expect("who moved hears");
    assert!(to_bob <= ms(100) && to_moved <= ms(100), "{to_bob:?} {to_moved:?}");
    assert!(studio.sent.iter().rev().take(20).all(|sent| sent.leg == BOB || sent.to == address(moved)));
}

/// MED-10.
#[test]
fn a_codec_that_was_not_agreed_is_no_noise_for_the_other_and_the_call_goes_on() {
    let mut studio = bridged_behind_nat();
    let mut sequence = 600;
    for payload_type in [0, 3, 9, 13, 18, 97, 111, 127] {
        for n in 0..50u8 {
            let header = Header { marker: n == 0, payload_type, sequence, timestamp: 1, ssrc: 9 };
            studio.hear(BEHIND_NAT, header, &[n; FRAME]);
            sequence += 1;
            studio.pass(ms(20));
        }
        let noise = studio.sent.iter().filter(|sent| sent.payload.iter().any(|byte| *byte != g711::ALAW_SILENCE)).count();
        assert_eq!(noise, 0, "payload type {payload_type}");
    }
    studio.sent.clear();
    studio.hear_audio(BEHIND_NAT, 9, sequence, 10);
    assert_eq!(studio.sent.iter().filter(|sent| sent.leg == BOB).count(), 10);
    // Bob says nothing at all here, and that alone is reported: who sends something strange is still there.
    assert!(studio.reports.iter().all(|report| *report == Report::Silent { leg: BOB, before: false }), "{:?}", studio.reports);
    assert_eq!(studio.close().refused, 400);
}
