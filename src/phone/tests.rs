//! Two phones on one wire without loss, in virtual time: each is the other's exchange.

use super::*;
use crate::sip::{Ending, Input, Path, Transport};
use crate::time::Wall;
use std::collections::VecDeque;
use std::net::SocketAddr;

const ALICE: usize = 0;
const BOB: usize = 1;
/// A datagram takes this long.
const TRAVEL: Duration = Duration::from_millis(10);
const MAX_STEPS: usize = 10_000;

struct Pair {
    phones: [Phone; 2],
    now: Moment,
    wire: VecDeque<(Moment, usize, Path, Vec<u8>)>,
    reports: [Vec<Report>; 2],
}

fn address(who: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 10 + who as u8], 5060))
}

fn audio(who: usize) -> AudioOffer {
    AudioOffer { local: SocketAddr::from(([127, 0, 0, 10 + who as u8], 4000)), codecs: vec!["PCMU".into(), "PCMA".into()] }
}

fn phone(who: usize) -> Phone {
    let exchange = Path { transport: Transport::Udp, local: address(who), remote: address(1 - who), connection: None };
    let settings = Settings {
        exchange,
        user: ["alice", "bob"][who].into(),
        display: String::new(),
        domain: address(1 - who).ip().to_string(),
        follows_domain: false,
        credentials: None,
        expires: Duration::from_secs(60),
        ring: Duration::from_secs(30),
        considers: Duration::ZERO,
    };
    Phone::new(settings, Rng::from_seed(who as u64))
}

impl Pair {
    fn new() -> Pair {
        Pair { phones: [phone(ALICE), phone(BOB)], now: Moment::ZERO, wire: VecDeque::new(), reports: Default::default() }
    }

    fn now(&self) -> Now {
        Now { mono: self.now, wall: Wall::from_unix_nanos(self.now.as_nanos()) }
    }

    fn command(&mut self, who: usize, command: Command) {
        self.tell(who, Event::Command(command));
    }

    fn tell(&mut self, who: usize, event: Event) {
        let (now, mut out) = (self.now(), Vec::new());
        self.phones[who].handle(event, now, &mut out);
        self.carry(who, out);
    }

    fn carry(&mut self, who: usize, out: Vec<Action>) {
        for action in out {
            match action {
                Action::Transmit { path, bytes } => {
                    let back = Path { local: path.remote, remote: path.local, ..path };
                    self.wire.push_back((self.now + TRAVEL, 1 - who, back, bytes));
                }
                Action::Report(report) => self.reports[who].push(report),
                Action::CloseConnection { .. } | Action::Resolve { .. } => {}
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..MAX_STEPS {
            let wakes = [ALICE, BOB].map(|who| self.phones[who].poll_timeout());
            let arrival = self.wire.front().map(|(at, ..)| *at);
            let Some(next) = wakes.into_iter().chain([arrival]).flatten().min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                if let Some((_, who, path, bytes)) = self.wire.pop_front() {
                    self.tell(who, Event::Sip(Input::Received { path, bytes }));
                }
                continue;
            }
            for who in [ALICE, BOB] {
                if wakes[who].is_some_and(|at| at <= self.now) {
                    let (now, mut out) = (self.now(), Vec::new());
                    self.phones[who].handle_timeout(now, &mut out);
                    self.carry(who, out);
                }
            }
        }
        panic!("two phones talk for ever");
    }

    fn dial(&mut self, delayed: bool) -> DialogId {
        let line = self.phones[ALICE].reserve();
        self.command(ALICE, Command::Dial { line, number: "bob".into(), audio: audio(ALICE), delayed });
        self.run_for(Duration::from_secs(1));
        line
    }

    fn incoming(&self) -> DialogId {
        let mut lines = self.reports[BOB].iter().rev().filter_map(|report| match report {
            Report::Incoming { line, .. } => Some(*line),
            _ => None,
        });
        lines.next().expect("Bob's phone rings")
    }

    fn endings(&self) -> [Vec<Ending>; 2] {
        [ALICE, BOB].map(|who| {
            let endings = self.reports[who].iter().filter_map(|report| match report {
                Report::Ended { ending, .. } => Some(ending.clone()),
                _ => None,
            });
            endings.collect()
        })
    }

    /// What each side last agreed: where to send, in which codec, which way.
    fn agreed(&self) -> [Option<(SocketAddr, String, Direction)>; 2] {
        [ALICE, BOB].map(|who| {
            let mut agreed = self.reports[who].iter().rev().filter_map(|report| match report {
                Report::Audio { agreed, .. } => Some((agreed.remote, agreed.codec.clone(), agreed.direction)),
                _ => None,
            });
            agreed.next()
        })
    }

    fn leave_nothing(&mut self) {
        self.run_for(Duration::from_secs(100));
        for phone in &self.phones {
            let census = phone.endpoint().census();
            assert_eq!((phone.lines(), census.unfinished, census.finished, census.dialogs), (0, 0, 0, 0));
        }
    }
}

fn talk(delayed: bool) -> (Pair, DialogId, DialogId) {
    let mut pair = Pair::new();
    let line = pair.dial(delayed);
    let other = pair.incoming();
    pair.command(BOB, Command::Answer { line: other, audio: audio(BOB) });
    pair.run_for(Duration::from_secs(1));
    (pair, line, other)
}

#[test]
fn a_call_is_answered_and_both_know_where_the_audio_goes() {
    for delayed in [false, true] {
        let (mut pair, line, _) = talk(delayed);
        let both = Direction::SendRecv;
        let expected = [(audio(BOB).local, "PCMU".into(), both), (audio(ALICE).local, "PCMU".into(), both)];
        assert_eq!(pair.agreed(), expected.map(Some), "delayed offer: {delayed}");
        pair.command(ALICE, Command::Hangup { line });
        pair.leave_nothing();
        assert_eq!(pair.endings(), [vec![Ending::Ours], vec![Ending::Bye { reason: None }]]);
    }
}

#[test]
fn a_held_call_is_silent_one_way_and_comes_back() {
    let (mut pair, line, other) = talk(false);
    pair.command(ALICE, Command::Hold { line, on: true });
    pair.run_for(Duration::from_secs(1));
    let ways = |pair: &Pair| pair.agreed().map(|agreed| agreed.map(|(_, _, direction)| direction));
    assert_eq!(ways(&pair), [Some(Direction::SendOnly), Some(Direction::RecvOnly)]);
    pair.command(ALICE, Command::Hold { line, on: false });
    pair.run_for(Duration::from_secs(1));
    assert_eq!(ways(&pair), [Some(Direction::SendRecv); 2]);
    pair.command(BOB, Command::Hangup { line: other });
    pair.leave_nothing();
}

#[test]
fn keys_by_info_and_probes_reach_the_other_side() {
    let (mut pair, line, other) = talk(false);
    pair.command(ALICE, Command::Digit { line, digit: '5' });
    pair.command(BOB, Command::Probe { line: other });
    pair.run_for(Duration::from_secs(1));
    assert!(pair.reports[BOB].contains(&Report::Digit { line: other, digit: '5' }));
    assert!(pair.reports[BOB].contains(&Report::Alive { line: other }));
    pair.command(BOB, Command::Hangup { line: other });
    pair.leave_nothing();
}

/// A phone takes nobody's place; the call goes on.
#[test]
fn a_transfer_that_is_refused_changes_nothing() {
    let (mut pair, line, other) = talk(false);
    pair.command(ALICE, Command::Transfer { line, number: "carol".into(), with: None });
    pair.run_for(Duration::from_secs(1));
    assert!(pair.reports[ALICE].contains(&Report::Transfer { line, status: Status(603) }));
    pair.command(BOB, Command::Hangup { line: other });
    pair.leave_nothing();
}

#[test]
fn a_call_can_be_given_up_and_refused() {
    let mut pair = Pair::new();
    let line = pair.dial(false);
    pair.command(ALICE, Command::Hangup { line });
    pair.leave_nothing();
    let [alice, bob] = pair.endings();
    assert_eq!((alice.len(), bob), (1, vec![Ending::Cancelled]));
    pair.dial(false);
    let other = pair.incoming();
    pair.command(BOB, Command::Refuse { line: other, status: Status(486) });
    pair.leave_nothing();
    let [alice, _] = pair.endings();
    assert!(matches!(alice[1], Ending::Refused { status: Status(486), .. }), "{alice:?}");
}
