//! How queues decide, on real phones: skills and steps, silence, pauses that a supervisor grants, queues that share an agent,
//! overflow, a key to leave, and what callers hear meanwhile.

use crate::agents::{stream, wav};
use crate::agents_lost::is_rung_by;
use crate::endings::hang_up;
use crate::exchange::{Exchange, Folder, until};
use crate::lab::copied;
use crate::line::{Call, Line};
use crate::live::{DESK, Phone, Phrases, SOON, TRUNK, becomes, music};
use crate::phones::{Capture, From, hears_a_part, sound};
use std::time::Instant;

const ONE: &str = "+48221110001";
const TWO: &str = "+48221110002";
const THREE: &str = "+48221110003";

/// From the answer to the agent's words at the caller, on a machine that others use as well: an announcement of two sentences is longer.
const LATE_S: f64 = 1.5;

/// The lab with these queues and agents; each queue is also dialled as the number beside it.
fn house(test: &str, queues: &str, agents: &str, numbers: &str) -> (Folder, Exchange) {
    let folder = Folder::new(&format!("{test}-config"));
    let copy = copied(&folder);
    copy.write("agents.yaml", agents);
    copy.write("desk.yaml", &format!("{queues}numbers:\n{numbers}"));
    if numbers.contains("key") {
        copy.write("flows/key.yaml", WITH_A_KEY);
    }
    let exchange = Exchange::with(test, &copy.config);
    (folder, exchange)
}

/// By a key out of the queue into a menu, and back.
const WITH_A_KEY: &str = "
description: x
start: wait
nodes:
  wait: {queue: {name: desk, keys: {1: choose}, failed: end}}
  choose: {menu: {prompt: main-menu, wait: 20s, tries: 1, keys: {1: wait}, no_input: end, invalid: end}}
  end: {hangup: {}}
";

/// Somebody from the trunk who waits without a sound.
struct Waits {
    line: Line,
    call: Call,
}

impl Waits {
    fn at(exchange: &Exchange, from: &str, number: &str) -> Waits {
        let mut line = Line::udp("127.0.0.3", exchange.sip);
        let mut call = Call::new(&line, from, number, exchange.sip);
        line.send(call.invite(None));
        let answer = line.expect(SOON, |message| message.answers("INVITE"));
        let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", exchange.log()));
        line.send(call.ack(&answer));
        assert_eq!(answer.status(), 200, "{answer:?}");
        Waits { line, call }
    }

    fn presses(&mut self, key: char) {
        let info = self.call.info(key);
        self.line.send(info);
        self.line.expect(SOON, |message| message.answers("INFO")).expect("an answer to INFO");
    }

    fn leaves(mut self) {
        hang_up(&mut self.line, &mut self.call);
    }
}

/// Who waits in a queue, in their order.
fn order(exchange: &Exchange, queue: &str) -> Vec<String> {
    let rows = exchange.ask(&["queue", "show", queue]);
    rows.as_array().into_iter().flatten().map(|row| row["from"].as_str().expect("a number").to_owned()).collect()
}

fn becomes_order(exchange: &Exchange, queue: &str, expected: &[&str]) {
    let found = until(SOON, || (order(exchange, queue) == expected).then_some(()));
    assert!(found.is_some(), "{:?} wait in {queue}, not {expected:?}\n{}", order(exchange, queue), exchange.log());
}

/// Anna, who knows what is needed, is rung alone; she lets it ring and is paused for it; the step opens the call to Bartek.
#[test]
fn skills_and_steps_choose_the_phone_and_who_lets_it_ring_is_paused() {
    let queue = "queues:\n  desk: {need: english, ring: 3s, max_no_answer: 1, steps: [{after: 2s, need: \"\"}]}\n";
    let agents = "agents:\n  1001: {queues: [desk], skills: {english: 5}}\n  1002: {queues: [desk]}\n";
    let (_folder, exchange) = house("skills", queue, agents, "  600: {queue: desk}\n");
    let phrases = Phrases::new();
    let anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    let mut bartek = Phone::baresip(&exchange, From::Extension("1002"), &phrases.other, &[]);
    let first = Waits::at(&exchange, ONE, "600");
    is_rung_by(&anna, ONE);
    assert_eq!(bartek.count("CALL_INCOMING"), 0, "he knows no English, and it is too soon");
    anna.expect("CALL_CLOSED");
    becomes(&exchange, "1001", "paused (no answer)");
    is_rung_by(&bartek, ONE);
    bartek.say("accept");
    bartek.expect("CALL_ESTABLISHED");
    becomes(&exchange, "1002", "on_call");
    first.leaves();
    bartek.expect("CALL_CLOSED");
    assert_eq!(anna.count("CALL_INCOMING"), 0, "she is paused");
}

/// One agent of two queues: the heavier one first; who overflowed keeps the place; wrap-up keeps calls away; a pause that must be
/// granted is granted after the call.
#[test]
fn two_queues_share_an_agent_and_who_overflows_keeps_the_place() {
    let queues =
        "queues:\n  early: {overflow: [{after: 2s, move: desk}]}\n  desk: {wrap_up: 2s}\n  gold: {weight: 1, wrap_up: 2s}\n";
    let agents = "agents:\n  1001: {queues: [desk, gold]}\n  1002: {queues: [early]}\npauses:\n  training: {approval: true}\n";
    let numbers = "  600: {queue: desk}\n  601: {queue: early}\n  602: {queue: gold}\n";
    let (_folder, exchange) = house("shared", queues, agents, numbers);
    let phrases = Phrases::new();
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    exchange.ask(&["agent", "logout", "1001"]);
    let overflows = Waits::at(&exchange, ONE, "601");
    let direct = Waits::at(&exchange, TWO, "600");
    becomes_order(&exchange, "desk", &[ONE, TWO]);
    let gold = Waits::at(&exchange, THREE, "602");
    exchange.ask(&["agent", "login", "1001"]);
    for (number, caller) in [(THREE, gold), (ONE, overflows)] {
        is_rung_by(&anna, number);
        anna.say("accept");
        anna.expect("CALL_ESTABLISHED");
        if number == ONE {
            exchange.ask(&["agent", "pause", "1001", "--reason", "training"]);
            exchange.ask(&["agent", "approve", "1001"]);
        }
        caller.leaves();
        anna.expect("CALL_CLOSED");
        becomes(&exchange, "1001", "wrap_up");
        assert_eq!(anna.count("CALL_INCOMING"), 0, "she wraps up");
    }
    becomes(&exchange, "1001", "paused (training)");
    assert_eq!(anna.count("CALL_INCOMING"), 0, "granted during the call, and in force after it");
    exchange.ask(&["agent", "resume", "1001"]);
    is_rung_by(&anna, TWO);
    direct.leaves();
    anna.expect("CALL_CLOSED");
}

/// By a key one leaves for a menu, and comes back before who came meanwhile: Anna is rung for that one.
#[test]
fn who_leaves_by_a_key_and_comes_back_is_rung_for_first() {
    let agents = "agents:\n  1001: {queues: [desk]}\n";
    let numbers = "  600: {flow: key}\n  601: {queue: desk}\n";
    let (_folder, exchange) = house("key", "queues:\n  desk: {}\n", agents, numbers);
    let phrases = Phrases::new();
    let anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    exchange.ask(&["agent", "logout", "1001"]);
    let mut first = Waits::at(&exchange, ONE, "600");
    becomes_order(&exchange, "desk", &[ONE]);
    first.presses('1');
    becomes_order(&exchange, "desk", &[]);
    let second = Waits::at(&exchange, TWO, "601");
    becomes_order(&exchange, "desk", &[TWO]);
    first.presses('1');
    becomes_order(&exchange, "desk", &[ONE, TWO]);
    exchange.ask(&["agent", "login", "1001"]);
    is_rung_by(&anna, ONE);
    first.leaves();
    is_rung_by(&anna, TWO);
    second.leaves();
}

/// The first caller talks; the second hears their place and the wait, and is in the midst of it as the agent takes their call.
#[test]
fn the_place_and_the_wait_are_spoken_and_never_delay_the_agent() {
    let queues = "queues:\n  desk: {ring: 20s, announce: {first: 1s, every: 5s, say: [position, expected_wait]}}\n";
    let (_folder, exchange) = house("spoken", queues, "agents:\n  1001: {queues: [desk]}\n", "  600: {queue: desk}\n");
    let phrases = Phrases::new();
    let capture = Capture::at(&exchange, &[TRUNK, DESK]);
    let mut anna = Phone::baresip(&exchange, From::Extension("1001"), &phrases.agent, &[]);
    let first = Waits::at(&exchange, ONE, "600");
    is_rung_by(&anna, ONE);
    anna.say("accept");
    anna.expect("CALL_ESTABLISHED");
    let mut caller = Phone::baresip(&exchange, From::Trunk, &phrases.caller, &[]);
    caller.say("dial 600");
    caller.expect("CALL_ESTABLISHED");
    let began = Instant::now();
    // The second time it is said begins six seconds after they came.
    caller.stays("CALL_CLOSED", 6);
    first.leaves();
    anna.expect("CALL_CLOSED");
    is_rung_by(&anna, "48221234567");
    anna.say("accept");
    anna.expect("CALL_ESTABLISHED");
    let answered = began.elapsed().as_secs_f64();
    caller.stays("CALL_CLOSED", 3);
    caller.say("hangup");
    anna.expect("CALL_CLOSED");
    let streams = capture.streams();
    let heard = stream(&streams, "exchange", TRUNK);
    let at =
        |prompt: &str| hears_a_part(&wav(heard), 1.0, &sound("pl", prompt)).unwrap_or_else(|why| panic!("{prompt}: {why}"));
    let (place, wait) = (at("queue-position-1"), at("queue-wait-2"));
    println!("the place after {place:.1} s, the wait after {wait:.1} s");
    assert!(place < wait, "{place} {wait}");
    hears_a_part(&wav(heard), 0.5, &music()).unwrap_or_else(|why| panic!("no music: {why}"));
    let spoken = hears_a_part(&wav(heard), 2.0, &phrases.agent).unwrap_or_else(|why| panic!("no agent: {why}"));
    println!("answered after {answered:.1} s, heard after {spoken:.1} s");
    assert!(spoken < answered + LATE_S, "the announcement went on: {spoken} {answered}");
}
