//! Strangers who send RTP to every media port while people talk: nobody hears them, and nothing is sent to them.

use crate::exchange::{Exchange, Folder};
use crate::lab::copied;
use crate::telephone::{Packet, SILENCE, Telephone, rtp, unbroken};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// A range of our own: the phones of other tests have theirs elsewhere.
const PORTS: std::ops::Range<u16> = 28_000..28_400;
/// As real ones send: fifty packets a second to each port, half of them keys.
const ROUND: Duration = Duration::from_millis(20);
const ROUNDS: u16 = 200;
const INJECTED: u8 = 0x2a;
/// With the two who talk, fifty calls are up.
const CALLERS: u8 = 49;

/// MED-04.
#[test]
fn strangers_at_every_media_port_are_not_heard_and_hear_nothing() {
    let folder = Folder::new("rtp-safety-lab");
    let lab = copied(&folder);
    let mut main = OpenOptions::new().append(true).open(lab.config.join("centrala.yaml")).expect("our copy");
    writeln!(main, "media: {{shards: 3, ports: {}-{}}}", PORTS.start, PORTS.end - 1).expect("our copy");
    let mut exchange = Exchange::with("rtp-safety", &lab.config);

    // Three media threads. Two who talk, and callers in a menu and with a prompt that goes round.
    let (mut anna, mut bartek) =
        (Telephone::registered(&exchange, "1001"), Telephone::new(&exchange, "127.0.0.1", "1002", "1001"));
    bartek.dial(Some("pw1002"));
    let from_anna = anna.answered();
    let from_bartek = bartek.connected();
    let mut talks = vec![(anna.speaks(0x11, from_anna), from_anna), (bartek.speaks(0x22, from_bartek), from_bartek)];
    let mut callers: Vec<Telephone> = (0..CALLERS)
        .map(|number| Telephone::new(&exchange, "127.0.0.2", "48221230000", if number % 2 == 0 { "100" } else { "201" }))
        .collect();
    for (caller, byte) in callers.iter_mut().zip(0x33..) {
        caller.dial(None);
        let to = caller.connected();
        assert!(PORTS.contains(&to.port()), "{to}");
        talks.push((caller.speaks(byte, to), to));
    }

    // From another host, from the host of the two extensions, and from that of the trunk.
    let strangers = ["127.0.0.66", "127.0.0.1", "127.0.0.2"].map(|host| UdpSocket::bind((host, 0)).expect("a loopback port"));
    thread::scope(|scope| strangers.iter().for_each(|stranger| drop(scope.spawn(|| spray(stranger, exchange.sip)))));

    let heard: Vec<(Vec<Packet>, SocketAddr)> = talks.into_iter().map(|(talk, at)| (talk.ends(), at)).collect();
    strangers.iter().for_each(heard_nothing);
    for (packets, at) in &heard {
        unbroken(packets, *at);
        assert!(!packets.iter().any(|packet| packet.says(INJECTED)), "injected: {at}");
    }
    for ((packets, _), other) in heard[..2].iter().zip([0x22, 0x11]) {
        let own = packets.iter().filter(|packet| packet.says(other)).count();
        assert!(own > usize::from(ROUNDS) / 2, "they went on talking: {own}");
        assert!(packets.iter().all(|packet| packet.says(other) || packet.says(SILENCE)), "and heard nobody else");
    }
    bartek.hangs_up();
    callers.iter_mut().for_each(Telephone::hangs_up);
    for record in exchange.records(1 + usize::from(CALLERS)) {
        let path = record.to_string();
        assert!(!path.contains("announcement") && !path.contains("english"), "a stranger's key was pressed: {record:#}");
        assert_eq!(record["outcome"], "completed", "{record:#}");
    }
    assert!(exchange.stop(), "{}", exchange.log());
}

/// Speech and keys to every port, one stream per port as far as it can tell.
fn spray(stranger: &UdpSocket, exchange: SocketAddr) {
    let (audio, key) = ([INJECTED; 160], [1, 0x8a, 0x03, 0x20]);
    let begun = Instant::now();
    for round in 0..ROUNDS {
        let packet = if round % 2 == 0 { rtp(8, round, 0xbad, &audio) } else { rtp(101, round, 0xbad, &key) };
        for port in PORTS {
            // A full buffer of the loopback is as good as a lost packet.
            drop(stranger.send_to(&packet, (exchange.ip(), port)));
        }
        // The pace of the traffic: a stream that nobody would take for a flood. Nothing is waited for here.
        thread::sleep((ROUND * u32::from(round)).saturating_sub(begun.elapsed()));
    }
}

fn heard_nothing(stranger: &UdpSocket) {
    stranger.set_nonblocking(true).expect("our socket");
    let mut buffer = [0; 2048];
    let came = stranger.recv_from(&mut buffer);
    assert!(matches!(&came, Err(error) if error.kind() == ErrorKind::WouldBlock), "a stranger was sent something: {came:?}");
}
