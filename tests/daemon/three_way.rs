//! Three telephones at the real daemon: the code that brings them together, what each of them hears, and who goes on when one leaves.
//!
//! Each says one byte of PCMA over and over, so that every sum of two is a byte of its own. Invariant: what a sum should be is
//! computed here, from the standard, not asked of the exchange.

use crate::attended::linked;
use crate::exchange::{Exchange, Folder, until};
use crate::lab::copied;
use crate::telephone::{Packet, Talk, Telephone, Wish};
use serde_json::Value;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
/// Packets of a voice that are talk enough: more than half a second of it.
const ENOUGH: usize = 30;
const ANNA: u8 = 0x91;
const BARTEK: u8 = 0x86;
const CELINA: u8 = 0x9d;
const HOLD: Wish = Wish { direction: Some("sendonly"), address: None, port: None, formats: None };
const ON: Wish = Wish { direction: None, address: None, port: None, formats: None };

/// What a byte of A-law stands for, on 16 bits (ITU-T G.711, table 1a; G.191).
fn linear(byte: u8) -> i32 {
    let code = byte ^ 0x55;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15) << 4);
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// The byte that is nearest to what these say together.
fn together(voices: &[u8]) -> u8 {
    let sum: i32 = voices.iter().map(|voice| linear(*voice)).sum();
    (0..=u8::MAX).min_by_key(|byte| (linear(*byte) - sum).abs()).expect("256 of them")
}

fn voice(packets: &[Packet], byte: u8) -> usize {
    packets.iter().filter(|packet| packet.says(byte)).count()
}

/// Anna and Bartek, and Celina, who has called Anna and put her on hold, and talks with Bartek.
struct Three {
    exchange: Exchange,
    anna: Telephone,
    bartek: Telephone,
    /// Celina's lines.
    held: Telephone,
    active: Telephone,
    /// Of Anna, Bartek and Celina.
    talks: [Talk; 3],
    _folder: Folder,
}

impl Three {
    fn met(test: &str) -> Three {
        let folder = Folder::new(test);
        let copy = copied(&folder);
        copy.write("codes.yaml", "feature_codes: {three_way: \"*3\"}\n");
        let exchange = Exchange::with(&format!("{test}-daemon"), &copy.config);
        let (mut anna, mut bartek) = (Telephone::registered(&exchange, "1001"), Telephone::registered(&exchange, "1002"));
        let line = |number| {
            let mut line = Telephone::new(&exchange, "127.0.0.1", "1003", number);
            line.dial(Some("pw1003"));
            line
        };
        let mut held = line("1001");
        let to_anna = anna.answered();
        held.connected();
        let talk = anna.speaks(ANNA, to_anna);
        assert_eq!(held.asks(HOLD).status(), 200);
        let mut active = line("1002");
        let to_bartek = bartek.answered();
        let to_celina = active.connected();
        let talks = [talk, bartek.speaks(BARTEK, to_bartek), active.speaks(CELINA, to_celina)];
        talks[1].hears_voice(CELINA, ENOUGH);
        talks[2].hears_voice(BARTEK, ENOUGH);
        Three { exchange, anna, bartek, held, active, talks, _folder: folder }
    }

    /// Celina presses the code, and everybody hears the other two.
    fn gathered(test: &str) -> Three {
        let mut three = Three::met(test);
        three.active.presses("*3");
        three.held.let_go();
        three.hear_each_other();
        three
    }

    /// From now on, each the other two.
    fn hear_each_other(&self) {
        self.hear(&[(0, &[BARTEK, CELINA]), (1, &[ANNA, CELINA]), (2, &[ANNA, BARTEK])]);
    }

    /// From now on, each of these those.
    fn hear(&self, whom: &[(usize, &[u8])]) {
        let wanted: Vec<_> = whom.iter().map(|(at, voices)| (&self.talks[*at], together(voices))).collect();
        let so_far: Vec<usize> = wanted.iter().map(|(talk, sum)| talk.heard(*sum)).collect();
        for ((talk, sum), had) in wanted.into_iter().zip(so_far) {
            talk.hears_or(sum, had + ENOUGH, &|| self.exchange.log());
        }
    }

    /// What Anna, Bartek and Celina have heard, once they have fallen silent.
    fn end(self) -> (Exchange, [Vec<Packet>; 3]) {
        (self.exchange, self.talks.map(Talk::ends))
    }

    fn calls(&self) -> Vec<Value> {
        self.exchange.calls()
    }
}

#[test]
fn the_voices_are_told_apart_in_every_sum() {
    let bytes = [
        vec![ANNA],
        vec![BARTEK],
        vec![CELINA],
        vec![ANNA, BARTEK],
        vec![ANNA, CELINA],
        vec![BARTEK, CELINA],
        vec![ANNA, BARTEK, CELINA],
    ];
    let mut sums: Vec<u8> = bytes.iter().map(|voices| together(voices)).collect();
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), bytes.len(), "{sums:x?}");
    assert_eq!([together(&[ANNA]), together(&[BARTEK]), together(&[CELINA])], [ANNA, BARTEK, CELINA]);
}

#[test]
fn three_hear_each_other_one_holds_and_comes_back_and_when_she_leaves_two_go_on() {
    let mut three = Three::gathered("three-way");
    let calls = three.calls();
    let [call] = &calls[..] else { panic!("one call: {calls:#?}") };
    assert_eq!(call["phase"], "three-way");
    let holder = call["holder"].as_str().unwrap_or_default();
    assert!(call["from"] == "1003" && holder.contains("1001") && holder.contains("1002"), "{call:#}");
    // Anna holds: the other two hear each other, and no music.
    assert_eq!(three.anna.asks(HOLD).status(), 200);
    three.hear(&[(1, &[CELINA]), (2, &[BARTEK])]);
    assert_eq!(three.anna.asks(ON).status(), 200);
    three.hear_each_other();
    // A transfer would leave it open who is meant.
    let contact = format!("Contact: <sip:1002@{}>\r\n", three.bartek.line.local());
    let target = format!("Refer-To: <sip:1004@{}>\r\n{contact}", three.exchange.sip);
    let refer = three.bartek.call.inside("REFER", &target, "");
    three.bartek.line.send(refer);
    let answer = three.bartek.line.expect(S(5), |message| message.answers("REFER")).expect("an answer to REFER");
    assert_eq!(answer.status(), 603, "{answer:?}");
    // A key is nobody's.
    three.active.presses("7");
    three.anna.hangs_up();
    three.hear(&[(1, &[CELINA]), (2, &[BARTEK])]);
    three.active.hangs_up();
    three.bartek.let_go();
    let (exchange, [at_anna, at_bartek, at_celina]) = three.end();
    for (who, heard, own) in [("Anna", &at_anna, ANNA), ("Bartek", &at_bartek, BARTEK), ("Celina", &at_celina, CELINA)] {
        let others = [ANNA, BARTEK, CELINA].into_iter().filter(|other| *other != own);
        let echoes = others.map(|other| together(&[own, other])).chain([own, together(&[ANNA, BARTEK, CELINA])]);
        let echo: usize = echoes.map(|echo| voice(heard, echo)).sum();
        assert_eq!(echo, 0, "{who} hears herself, or himself");
        let keys = heard.iter().filter(|packet| packet.payload_type() == 101).count();
        // Bartek is told the code, in the call in which it was pressed.
        assert!(who == "Bartek" || keys == 0, "{who} hears a key");
    }
    linked(&exchange);
}

#[test]
fn when_who_brought_them_together_leaves_the_other_two_miss_nothing() {
    let mut three = Three::gathered("three-leaves");
    three.active.hangs_up();
    three.hear(&[(0, &[BARTEK]), (1, &[ANNA])]);
    three.anna.hangs_up();
    three.bartek.let_go();
    let (exchange, [at_anna, at_bartek, _]) = three.end();
    for (who, heard, before, after) in
        [("Anna", at_anna, [BARTEK, CELINA], BARTEK), ("Bartek", at_bartek, [ANNA, CELINA], ANNA)]
    {
        let last = heard.iter().rposition(|packet| packet.says(together(&before))).expect("the two");
        let next = heard[last..].iter().position(|packet| packet.says(after)).expect("the other one") + last;
        // What this machine does to any two packets, it does to these.
        let gaps = |packets: &[Packet]| packets.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or_default();
        let usual = gaps(&heard[..=last]).max(gaps(&heard[next..]));
        let gap = gaps(&heard[last..=next]);
        println!("{who}: {gap:?} without sound (usual: {usual:?})");
        assert!(gap <= usual + Duration::from_millis(20), "{who}: {gap:?}, usual {usual:?}");
        let samples = heard[last..=next].windows(2).map(|pair| pair[1].timestamp().wrapping_sub(pair[0].timestamp())).max();
        assert!(samples <= Some(2 * 160), "{who}: {samples:?} samples");
    }
    linked(&exchange);
}

#[test]
fn a_code_dialled_on_a_third_line_does_the_same() {
    let mut three = Three::met("three-lines");
    assert_eq!(three.active.asks(HOLD).status(), 200);
    let mut third = Telephone::new(&three.exchange, "127.0.0.1", "1003", "*3");
    third.dial(Some("pw1003"));
    let there = third.connected();
    three.held.let_go();
    three.active.let_go();
    let talk = third.speaks(CELINA, there);
    std::mem::replace(&mut three.talks[2], talk).ends();
    three.hear_each_other();
    // Celina goes on at another phone of hers, which takes the place of that line.
    let mut desk = Telephone::new(&three.exchange, "127.0.0.1", "1003", "1001");
    desk.dial_with(Some("pw1003"), &format!("Replaces: {}\r\nRequire: replaces\r\n", third.call.name()));
    let there = desk.connected();
    third.let_go();
    let talk = desk.speaks(CELINA, there);
    std::mem::replace(&mut three.talks[2], talk).ends();
    three.hear_each_other();
    desk.hangs_up();
    three.hear(&[(0, &[BARTEK]), (1, &[ANNA])]);
    three.bartek.hangs_up();
    three.anna.let_go();
    let (exchange, _) = three.end();
    let records = exchange.records(4);
    assert!(records.iter().all(|record| record["outcome"] == "completed"), "{records:#?}");
    exchange.becomes_quiet(S(10), false);
}

#[test]
fn whose_calls_they_are_not_the_code_is_only_keys() {
    let three = Three::met("three-strangers");
    // Bartek has no other call: Anna, whom Celina has on hold, is not brought to him.
    three.bartek.presses("*3");
    let relayed = until(S(5), || (three.talks[2].keys() > 0).then_some(()));
    assert!(relayed.is_some(), "the keys reach Celina\n{}", three.exchange.log());
    assert_eq!(three.calls().len(), 2);
    let mut alone = Telephone::new(&three.exchange, "127.0.0.1", "1005", "*3");
    alone.dial(Some("pw1005"));
    let answer = alone.line.expect(S(5), |message| message.answers("INVITE")).expect("an answer");
    assert_eq!(answer.status(), 480, "{answer:?}");
    alone.line.send(alone.call.ack(&answer));
}
