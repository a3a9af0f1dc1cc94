//! Attended transfers and calls that take the place of another: what `Replaces` does, at the real daemon.
//!
//! Invariant: whoever stays hears whom they were brought together with, and the two records name each other.

use crate::exchange::{Exchange, Folder, until};
use crate::line::Message;
use crate::scenario::{Sipp, accept, asks_callee, dials, receive, told_until_let_go};
use crate::telephone::{Packet, Telephone};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
/// Packets of a voice that are talk enough: more than half a second of it.
const ENOUGH: usize = 30;
const ANNA: u8 = 0x11;
const BARTEK: u8 = 0x22;
const CELINA: u8 = 0x33;

/// Both talk until each has heard the other.
fn talk((anna, to_anna): (&Telephone, SocketAddr), (bartek, to_bartek): (&Telephone, SocketAddr), why: &dyn Fn() -> String) {
    let talks = (anna.speaks(ANNA, to_anna), bartek.speaks(BARTEK, to_bartek));
    talks.0.hears_voice(BARTEK, ENOUGH);
    talks.1.hears_voice(ANNA, ENOUGH);
    let heard = (voice(&talks.0.ends(), BARTEK), voice(&talks.1.ends(), ANNA));
    assert!(heard.0 > 20 && heard.1 > 20, "they hear {heard:?} packets of each other\n{}", why());
}

/// Packets of somebody's voice.
fn voice(packets: &[Packet], byte: u8) -> usize {
    packets.iter().filter(|packet| packet.says(byte)).count()
}

/// The records of the two calls of an attended transfer name each other.
pub fn linked(exchange: &Exchange) {
    let records = exchange.records(2);
    for (record, other) in [(&records[0], &records[1]), (&records[1], &records[0])] {
        let steps = record["path"].as_array().cloned().unwrap_or_default();
        let joined = steps.iter().find(|step| step["verb"] == "joined").unwrap_or_else(|| panic!("{records:#?}"));
        assert!(text(&joined["outcome"]).ends_with(text(&other["reference"])), "{records:#?}");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// What SIPp has logged of its call: Call-ID, the exchange's tag, its own.
fn identity(folder: &Folder, name: &str) -> Option<[String; 3]> {
    let log = std::fs::read_to_string(folder.join(&format!("{name}.log"))).ok()?;
    let mut words = log.split_whitespace().map(str::to_owned);
    Some([words.next()?, words.next()?, words.next()?])
}

#[test]
fn sipp_brings_the_two_whom_it_has_called_together() {
    let (folder, exchange) = (Folder::new("attended"), Exchange::lab("attended-daemon"));
    let (mut anna, mut bartek) = (Telephone::registered(&exchange, "1001"), Telephone::registered(&exchange, "1002"));
    let why = || exchange.log();
    let mut consults =
        Sipp::calls(&folder, "consults", "127.0.0.7", &format!("{}{}", dials("1001"), accept("BYE")), "1003", &exchange);
    let to_anna = anna.answered();
    let [id, theirs, ours] = until(S(5), || identity(&folder, "consults")).unwrap_or_else(|| panic!("no call\n{}", why()));
    let named = format!("{id};to-tag={theirs};from-tag={ours}").replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
    let target = format!("Refer-To: <sip:1001@{}?Replaces={named}>\n", exchange.sip);
    let refers =
        format!("{}{}{}{}", dials("1002"), asks_callee("REFER", 3, &target), receive("response=\"202\""), told_until_let_go());
    let mut refers = Sipp::calls(&folder, "refers", "127.0.0.7", &refers, "1003", &exchange);
    let to_bartek = bartek.answered();
    refers.is_content(S(10)).unwrap_or_else(|problem| panic!("{problem}\n{}", why()));
    consults.is_content(S(10)).unwrap_or_else(|problem| panic!("{problem}\n{}", why()));
    talk((&anna, to_anna), (&bartek, to_bartek), &why);
    assert_eq!(exchange.calls().len(), 1, "the two calls are one");
    anna.hangs_up();
    bartek.let_go();
    linked(&exchange);
}

/// What a phone of Celina's sees of her two calls at once: she has a line for each.
fn celina(exchange: &Exchange, number: &str) -> Telephone {
    let mut line = Telephone::new(exchange, "127.0.0.1", "1003", number);
    line.dial(Some("pw1003"));
    line
}

fn refers(phone: &mut Telephone, named: &str, exchange: &Exchange) -> Message {
    let escaped = named.replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
    let contact = format!("Contact: <sip:1003@{}>\r\n", phone.line.local());
    let target = format!("Refer-To: <sip:1001@{}?Replaces={escaped}>\r\n{contact}", exchange.sip);
    phone.line.send(phone.call.inside("REFER", &target, ""));
    phone.line.expect(S(5), |message| message.answers("REFER")).unwrap_or_else(|| panic!("no answer\n{}", exchange.log()))
}

/// The longest time between the arrivals of two packets, and the most media time between them, in samples.
fn longest_gap(packets: &[Packet]) -> (Duration, u32) {
    let gaps = packets.windows(2).map(|pair| (pair[1].at - pair[0].at, pair[1].timestamp().wrapping_sub(pair[0].timestamp())));
    gaps.fold((Duration::ZERO, 0), |most, gap| (most.0.max(gap.0), most.1.max(gap.1)))
}

/// Celina talks with both in turn, and brings them together while everybody talks: nobody misses more than a frame.
#[test]
fn who_is_transferred_misses_at_most_one_frame() {
    let exchange = Exchange::lab("gap");
    let (mut anna, mut bartek) = (Telephone::registered(&exchange, "1001"), Telephone::registered(&exchange, "1002"));
    let mut first = celina(&exchange, "1001");
    let to_anna = anna.answered();
    let of_first = first.connected();
    let mut second = celina(&exchange, "1002");
    let to_bartek = bartek.answered();
    let of_second = second.connected();
    let hers = (first.speaks(CELINA, of_first), second.speaks(CELINA, of_second));
    let talks = (anna.speaks(ANNA, to_anna), bartek.speaks(BARTEK, to_bartek));
    talks.0.hears_voice(CELINA, ENOUGH);
    talks.1.hears_voice(CELINA, ENOUGH);
    let named = second.call.name();
    assert_eq!(refers(&mut first, &named, &exchange).status(), 202, "{}", exchange.log());
    talks.0.hears_voice(BARTEK, ENOUGH);
    talks.1.hears_voice(ANNA, ENOUGH);
    let at_celina = (hers.0.ends(), hers.1.ends());
    for (who, heard, other) in [("Anna", talks.0.ends(), BARTEK), ("Bartek", talks.1.ends(), ANNA)] {
        let turn = heard.iter().position(|packet| packet.says(other)).unwrap_or_else(|| panic!("{who} hears nobody"));
        let last = heard[..turn].iter().rposition(|packet| packet.says(CELINA)).expect("she was heard before");
        assert!(heard[turn..].iter().filter(|packet| packet.says(other)).count() > 20, "{who}");
        // What this machine does to any two packets, it does to these.
        let usual = longest_gap(&heard[..=last]).0.max(longest_gap(&heard[turn..]).0);
        let (gap, samples) = longest_gap(&heard[last..=turn]);
        println!(
            "{who}: {gap:?} and {samples} samples between the last of one voice and the first of the next (usual: {usual:?})"
        );
        assert!(heard[turn].at - heard[last].at <= usual + Duration::from_millis(20), "{who}: {gap:?}, usual {usual:?}");
        assert!(heard[turn].timestamp().wrapping_sub(heard[last].timestamp()) <= 2 * 160, "{who}: {samples} samples");
    }
    assert!(voice(&at_celina.0, ANNA) > 20 && voice(&at_celina.1, BARTEK) > 20, "she heard both before");
    anna.hangs_up();
    bartek.let_go();
    linked(&exchange);
}

/// The second call still rings: whom it was made for hears the ringing, and then whoever answers.
#[test]
fn a_call_that_still_rings_is_given_to_whom_it_is_meant_for() {
    let exchange = Exchange::lab("semi-attended");
    let (mut anna, mut bartek) = (Telephone::registered(&exchange, "1001"), Telephone::registered(&exchange, "1002"));
    let mut first = celina(&exchange, "1001");
    let to_anna = anna.answered();
    first.connected();
    let mut second = celina(&exchange, "1002");
    let invite = bartek.called();
    bartek.rings(&invite);
    let ringing = second.line.expect(S(5), |message| message.status() == 180).expect("it rings");
    let named = crate::line::named(&second.call.id, ringing.tag("To"), ringing.tag("From"));
    assert_eq!(refers(&mut first, &named, &exchange).status(), 202, "{}", exchange.log());
    let to_bartek = bartek.answers(&invite);
    talk((&anna, to_anna), (&bartek, to_bartek), &|| exchange.log());
    bartek.hangs_up();
    anna.let_go();
    linked(&exchange);
}

/// `1001` rings for Bartek, and Celina sends an INVITE that names that call, or something like it.
fn takes(test: &str, is_answered: bool, user: &str, change: &dyn Fn(String) -> String, expected: u16) {
    let exchange = Exchange::lab(test);
    let (mut anna, mut bartek) =
        (Telephone::registered(&exchange, "1001"), Telephone::new(&exchange, "127.0.0.1", "1002", "1001"));
    bartek.dial(Some("pw1002"));
    let invite = anna.called();
    anna.rings(&invite);
    if is_answered {
        anna.answers(&invite);
        bartek.connected();
    } else {
        bartek.line.expect(S(5), |message| message.status() == 180).expect("it rings");
    }
    let named = crate::line::named(invite.header("Call-ID").expect("a Call-ID"), invite.tag("From"), crate::telephone::CALLED);
    let mut taker = Telephone::new(&exchange, "127.0.0.1", user, "1001");
    taker.dial_with(Some(&format!("pw{user}")), &format!("Replaces: {}\r\nRequire: replaces\r\n", change(named)));
    if expected != 200 {
        let answer = taker.line.expect(S(5), |message| message.answers("INVITE")).expect("an answer");
        assert_eq!(answer.status(), expected, "{test}: {answer:?}\n{}", exchange.log());
        return;
    }
    let to_taker = taker.connected();
    let to_bartek = if is_answered {
        anna.let_go();
        None
    } else {
        anna.line.expect(S(5), |message| message.is_request("CANCEL")).expect("Anna's phone stops ringing");
        Some(bartek.connected())
    };
    // Where Bartek's sound goes has not changed since he was answered.
    let to_bartek = to_bartek.or(bartek.sound).expect("he was answered");
    talk((&taker, to_taker), (&bartek, to_bartek), &|| exchange.log());
    bartek.hangs_up();
    taker.let_go();
}

#[test]
fn a_call_that_rings_is_picked_up_by_another_phone_that_names_it() {
    takes("take-ringing", false, "1003", &|named| named, 200);
}

#[test]
fn a_call_that_rings_is_picked_up_while_it_rings_and_no_later() {
    takes("take-early", false, "1003", &|named| named + ";early-only", 200);
    takes("take-late", true, "1001", &|named| named + ";early-only", 486);
}

#[test]
fn a_talk_is_taken_over_by_another_phone_of_the_same_extension_alone() {
    takes("take-over", true, "1001", &|named| named, 200);
    takes("take-anothers", true, "1003", &|named| named, 403);
}

#[test]
fn a_name_that_no_call_has_takes_nothing() {
    takes("take-nothing", true, "1001", &|named| named.replace("from-tag=", "from-tag=x"), 481);
    takes("take-nonsense", true, "1001", &|_| "nonsense".into(), 400);
}
