//! What phones ask for in their descriptions. Every way to ask for hold: the other hears music, and both hear each other again when
//! it comes back. Both laws at once: each is heard.

use crate::exchange::Exchange;
use crate::telephone::{Packet, SILENCE, Telephone, Wish, unbroken};
use centrala::audio::g711::ULAW_TO_ALAW;

/// Packets: enough to tell music from silence, in less time than what is taken for a dead phone.
const A_WHILE: usize = 30;
const ANNA: u8 = 0x11;
const BARTEK: u8 = 0x22;

/// MED-11.
#[test]
fn however_hold_is_asked_for_the_other_has_music_and_both_hear_each_other_after_it() {
    let exchange = Exchange::lab("hold");
    let (mut anna, mut bartek) =
        (Telephone::registered(&exchange, "1001"), Telephone::new(&exchange, "127.0.0.1", "1002", "1001"));
    bartek.dial(Some("pw1002"));
    let from_anna = anna.answered();
    let from_bartek = bartek.connected();
    let listen = |bartek: &Telephone, held: bool, what: &str| {
        let talks = (anna.speaks(ANNA, from_anna), bartek.speaks(BARTEK, from_bartek));
        talks.0.hears(A_WHILE);
        if !held {
            talks.1.hears(A_WHILE);
        }
        let (at_anna, at_bartek) = (talks.0.ends(), talks.1.ends());
        println!("{what}: {} packets at Anna's, {} at Bartek's", at_anna.len(), at_bartek.len());
        (at_anna, at_bartek)
    };
    let ways = [
        ("sendonly", Wish { direction: Some("sendonly"), ..Wish::default() }),
        ("inactive", Wish { direction: Some("inactive"), ..Wish::default() }),
        ("0.0.0.0", Wish { address: Some("IP4 0.0.0.0"), ..Wish::default() }),
        ("0.0.0.0, inactive", Wish { address: Some("IP4 0.0.0.0"), direction: Some("inactive"), ..Wish::default() }),
        ("port 0", Wish { port: Some(0), ..Wish::default() }),
    ];
    talking(&listen(&bartek, false, "before"), "before");
    for (what, wish) in ways {
        let answer = bartek.asks(wish);
        assert_eq!(answer.status(), 200, "{what}: {answer:?}");
        let (at_anna, at_bartek) = listen(&bartek, true, what);
        assert!(music(&at_anna) > 20 && voice(&at_anna, BARTEK) == 0, "{what}: Anna hears {} of music", music(&at_anna));
        assert_eq!(voice(&at_bartek, ANNA), 0, "{what}: who holds is sent nothing");
        let answer = bartek.asks(Wish::default());
        assert_eq!(answer.status(), 200, "{what}: {answer:?}");
        talking(&listen(&bartek, false, what), what);
    }
    // A leg keeps its family; what cannot be is refused, and the talk goes on.
    let answer = bartek.asks(Wish { address: Some("IP6 ::1"), ..Wish::default() });
    assert_eq!(answer.status(), 488, "{answer:?}");
    talking(&listen(&bartek, false, "IPv6"), "after IPv6");
    bartek.hangs_up();
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
}

/// Anna answers with both laws, and sends the first, then the second: Bartek takes one only.
#[test]
fn who_answers_with_both_laws_is_heard_in_either() {
    const PACKETS: u16 = 40;
    const OTHER: u8 = 0x3b;
    let exchange = Exchange::lab("both-laws");
    let (mut anna, mut bartek) =
        (Telephone::registered(&exchange, "1001"), Telephone::new(&exchange, "127.0.0.1", "1002", "1001"));
    bartek.dial(Some("pw1002"));
    let invite = anna.called();
    let from_anna = anna.answers_as(&invite, Wish { formats: Some("8 0 101"), ..Wish::default() });
    let from_bartek = bartek.connected();
    let (speaks, listens) = (anna.speaks(ANNA, from_anna), bartek.speaks(BARTEK, from_bartek));
    listens.hears_voice(ANNA, 10);
    speaks.ends();
    anna.says(0, OTHER, PACKETS);
    listens.hears_voice(ULAW_TO_ALAW[usize::from(OTHER)], PACKETS.into());
    unbroken(&listens.ends(), from_bartek);
    bartek.hangs_up();
    assert_eq!(exchange.records(1)[0]["outcome"], "completed");
}

fn talking((at_anna, at_bartek): &(Vec<Packet>, Vec<Packet>), what: &str) {
    let (anna, bartek) = (voice(at_anna, BARTEK), voice(at_bartek, ANNA));
    assert!(anna > 20 && bartek > 20, "{what}: they hear {anna} and {bartek} packets of each other");
}

/// Packets of somebody's voice.
fn voice(packets: &[Packet], byte: u8) -> usize {
    packets.iter().filter(|packet| packet.says(byte)).count()
}

/// Packets of what is neither a voice nor silence.
fn music(packets: &[Packet]) -> usize {
    packets.iter().filter(|packet| ![ANNA, BARTEK, SILENCE].iter().any(|byte| packet.says(*byte))).count()
}
