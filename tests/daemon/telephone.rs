//! A telephone of our own: a line with a socket for sound. It says one byte over and over, in PCMA, and keeps all that it is sent.
//!
//! Invariant: what it heard is judged after it has stopped, never while others wait for it.

use crate::exchange::{Exchange, until};
use crate::line::{Call, Line, Message};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(5);
const FRAME: Duration = Duration::from_millis(20);
const HEADER: usize = 12;
/// Our tag in calls that come.
pub const CALLED: &str = "callee";
/// The stream in which keys are pressed, and how they are marked.
const KEYS: u32 = 0x4b45_5953;
const EVENTS: u8 = 101;
/// Silence, in PCMA.
pub const SILENCE: u8 = 0xd5;

/// How a description asks for what it asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// `sendonly`, `inactive` ...; `sendrecv` is not said.
    pub direction: Option<&'static str>,
    /// In the place of our own address: `IP4 0.0.0.0`.
    pub address: Option<&'static str>,
    /// In the place of our own port.
    pub port: Option<u16>,
    /// In the place of `8 101`: other payload types that need no explanation.
    pub formats: Option<&'static str>,
}

pub struct Telephone {
    pub line: Line,
    pub call: Call,
    media: UdpSocket,
    versions: u32,
    exchange: SocketAddr,
    /// Where our sound goes, since a call was answered.
    pub sound: Option<SocketAddr>,
}

impl Telephone {
    /// Idle. `user` dials `extension`, when asked to.
    pub fn new(exchange: &Exchange, local: &str, user: &str, extension: &str) -> Telephone {
        let line = Line::udp(local, exchange.sip);
        let call = Call::new(&line, user, extension, exchange.sip);
        Telephone {
            line,
            call,
            media: UdpSocket::bind((local, 0)).expect("a loopback port"),
            versions: 0,
            exchange: exchange.sip,
            sound: None,
        }
    }

    /// Logged in with the password `pw` and its name.
    pub fn registered(exchange: &Exchange, user: &str) -> Telephone {
        let mut phone = Telephone::new(exchange, "127.0.0.1", user, user);
        assert_eq!(phone.call.registers(&mut phone.line, &format!("pw{user}")), 200, "{user}");
        phone
    }

    /// Dials; with a password, when one will be asked for.
    pub fn dial(&mut self, password: Option<&str>) {
        self.dial_with(password, "");
    }

    /// The same, with headers such as `Replaces`.
    pub fn dial_with(&mut self, password: Option<&str>, headers: &str) {
        let offer = self.description(Wish::default());
        self.line.send(self.call.offering(&offer, Some(headers)));
        let Some(password) = password else { return };
        let challenge = self.line.expect(SOON, |message| message.answers("INVITE")).expect("a challenge");
        assert_eq!(challenge.status(), 401, "{challenge:?}");
        self.line.send(self.call.ack(&challenge));
        let credentials = self.call.credentials("INVITE", &challenge, password);
        self.line.send(self.call.offering(&offer, Some(&format!("{headers}{credentials}"))));
    }

    /// Waits until the call that it dialled is answered; where our sound goes.
    pub fn connected(&mut self) -> SocketAddr {
        let answer = self.line.expect(SOON, |message| message.answers("INVITE")).expect("an answer to the INVITE");
        self.line.send(self.call.ack(&answer));
        assert_eq!(answer.status(), 200, "{answer:?}");
        let there = sound_at(&answer);
        self.sound = Some(there);
        there
    }

    /// Waits to be called, and answers; where our sound goes.
    pub fn answered(&mut self) -> SocketAddr {
        let invite = self.called();
        self.answers(&invite)
    }

    /// Waits to be called.
    pub fn called(&mut self) -> Message {
        self.line.expect(SOON, |message| message.is_request("INVITE")).expect("a call")
    }

    /// Rings.
    pub fn rings(&mut self, invite: &Message) {
        let contact = format!("Contact: <sip:us@{}>\r\n", self.line.local());
        self.line.send(invite.answered_by("180 Ringing", CALLED, &contact, ""));
    }

    /// Picks up; where our sound goes.
    pub fn answers(&mut self, invite: &Message) -> SocketAddr {
        self.answers_as(invite, Wish::default())
    }

    /// The same, with this wish.
    pub fn answers_as(&mut self, invite: &Message, wish: Wish) -> SocketAddr {
        let body = self.description(wish);
        let headers = format!("Contact: <sip:us@{}>\r\nContent-Type: application/sdp\r\n", self.line.local());
        self.line.send(invite.answered_by("200 OK", CALLED, &headers, &body));
        self.line.expect(SOON, |message| message.is_request("ACK")).expect("the ACK");
        self.call = Call::taken(&self.line, invite, CALLED, self.exchange);
        let there = sound_at(invite);
        self.sound = Some(there);
        there
    }

    /// The exchange hangs up on us.
    pub fn let_go(&mut self) {
        let bye = self.line.expect(SOON, |message| message.is_request("BYE")).expect("a BYE");
        self.line.send(bye.ok());
    }

    /// Asks for something else in the middle of the call; the answer.
    pub fn asks(&mut self, wish: Wish) -> Message {
        let offer = self.description(wish);
        self.line.send(self.call.offering(&offer, None));
        let answer = self.line.expect(SOON, |message| message.answers("INVITE")).expect("an answer to the re-INVITE");
        self.line.send(self.call.ack(&answer));
        answer
    }

    fn description(&mut self, wish: Wish) -> String {
        self.versions += 1;
        let ours = self.media.local_addr().expect("bound");
        let address = wish.address.map_or_else(|| format!("IP4 {}", ours.ip()), str::to_owned);
        let direction = wish.direction.map(|direction| format!("a={direction}\r\n")).unwrap_or_default();
        format!(
            "v=0\r\no=- 1 {} IN IP4 {}\r\ns=-\r\nc=IN {address}\r\nt=0 0\r\nm=audio {} RTP/AVP {}\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n{direction}",
            self.versions,
            ours.ip(),
            wish.port.unwrap_or(ours.port()),
            wish.formats.unwrap_or("8 101")
        )
    }

    /// From now on it says `byte` to `to`, and listens.
    pub fn speaks(&self, byte: u8, to: SocketAddr) -> Talk {
        let media = self.media.try_clone().expect("our socket");
        let ear = Arc::new(Ear::default());
        let told = ear.clone();
        Talk { ear, thread: thread::spawn(move || talk(&media, byte, to, &told)) }
    }

    /// Says `byte` in so many packets of this payload type, at once.
    pub fn says(&self, payload_type: u8, byte: u8, packets: u16) {
        let to = self.sound.expect("a call that was answered");
        for sequence in 0..packets {
            let packet = rtp(payload_type, sequence, u32::from_be_bytes(*b"says"), &[byte; 160]);
            self.media.send_to(&packet, to).expect("loopback takes it");
        }
    }

    /// Presses these keys one after the other (RFC 4733), in a stream of their own beside our voice.
    pub fn presses(&self, keys: &str) {
        let to = self.sound.expect("a call that was answered");
        let mut sequence = 0;
        for (press, key) in (1..).zip(keys.chars()) {
            let event = "0123456789*#".find(key).expect("a key") as u8;
            for (duration, end) in [(160u16, 0), (320, 0), (480, 0), (640, 0x80), (640, 0x80), (640, 0x80)] {
                sequence += 1;
                let mut packet = rtp(EVENTS, sequence, KEYS, &[event, end | 10]);
                // All packets of a press carry the time at which it began.
                packet[4..8].copy_from_slice(&(press * 8000u32).to_be_bytes());
                packet.extend(duration.to_be_bytes());
                self.media.send_to(&packet, to).expect("loopback takes it");
            }
        }
    }

    pub fn hangs_up(&mut self) {
        self.line.send(self.call.bye());
        let answer = self.line.expect(SOON, |message| message.answers("BYE")).expect("an answer to BYE");
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
}

/// The address of the sound in a description.
fn sound_at(message: &Message) -> SocketAddr {
    let line = |start: &str| {
        let found = message.body.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no {start} in {message:?}")).split(' ').next().unwrap_or_default().to_owned()
    };
    format!("{}:{}", line("c=IN IP4 "), line("m=audio ")).parse().expect("an address")
}

/// Somebody who talks on a thread of his own.
pub struct Talk {
    ear: Arc<Ear>,
    thread: JoinHandle<Vec<Packet>>,
}

/// What both threads know of it.
#[derive(Default)]
struct Ear {
    over: AtomicBool,
    heard: AtomicUsize,
    keys: AtomicUsize,
    /// Packets of each voice: those that say one byte only.
    voices: Mutex<BTreeMap<u8, usize>>,
}

impl Ear {
    fn takes(&self, packet: &Packet) {
        self.heard.fetch_add(1, Ordering::SeqCst);
        if packet.payload_type() == EVENTS {
            self.keys.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if let Some(voice) = packet.sound().first().filter(|voice| packet.says(**voice)) {
            *self.voices.lock().expect("no panic").entry(*voice).or_default() += 1;
        }
    }
}

impl Talk {
    /// Waits until so many packets came.
    pub fn hears(&self, packets: usize) {
        let heard = || self.ear.heard.load(Ordering::SeqCst);
        let enough = until(SOON, || (heard() >= packets).then_some(()));
        assert!(enough.is_some(), "only {} of {packets} packets came", heard());
    }

    /// Packets of keys that came.
    pub fn keys(&self) -> usize {
        self.ear.keys.load(Ordering::SeqCst)
    }

    /// Waits until so many packets of this voice came.
    pub fn hears_voice(&self, voice: u8, packets: usize) {
        self.hears_or(voice, packets, &String::new);
    }

    /// Packets of this voice that came.
    pub fn heard(&self, voice: u8) -> usize {
        self.ear.voices.lock().expect("no panic").get(&voice).copied().unwrap_or(0)
    }

    /// The same; otherwise says why.
    pub fn hears_or(&self, voice: u8, packets: usize, why: &dyn Fn() -> String) {
        let enough = until(SOON, || (self.heard(voice) >= packets).then_some(()));
        let all = || self.ear.voices.lock().expect("no panic").clone();
        assert!(enough.is_some(), "of the voice {voice:#x} not {packets} packets came: {:x?}\n{}", all(), why());
    }

    /// Falls silent; what came.
    pub fn ends(self) -> Vec<Packet> {
        self.ear.over.store(true, Ordering::SeqCst);
        self.thread.join().expect("no panic")
    }
}

/// A datagram that came to a telephone.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: SocketAddr,
    pub at: Instant,
    bytes: Vec<u8>,
}

impl Packet {
    pub fn payload_type(&self) -> u8 {
        self.bytes[1] & 0x7f
    }

    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    /// In samples.
    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes([self.bytes[4], self.bytes[5], self.bytes[6], self.bytes[7]])
    }

    pub fn ssrc(&self) -> &[u8] {
        &self.bytes[8..HEADER]
    }

    pub fn sound(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// Nothing but this byte.
    pub fn says(&self, byte: u8) -> bool {
        self.sound().iter().all(|heard| *heard == byte)
    }
}

/// A packet of RTP as a telephone sends it.
pub fn rtp(payload_type: u8, sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// One stream of the exchange's own, from where it said, in order.
pub fn unbroken(packets: &[Packet], at: SocketAddr) {
    assert!(packets.len() > 20, "{} packets", packets.len());
    for pair in packets.windows(2) {
        assert_eq!(pair[1].from, at);
        assert_eq!(pair[1].ssrc(), pair[0].ssrc());
        assert_eq!(pair[1].sequence(), pair[0].sequence().wrapping_add(1), "{at}");
    }
}

fn talk(media: &UdpSocket, byte: u8, to: SocketAddr, ear: &Ear) -> Vec<Packet> {
    let (mut heard, mut due) = (Vec::new(), Instant::now());
    let mut buffer = [0; 2048];
    // What came while it did not listen is not heard.
    media.set_nonblocking(true).expect("our socket");
    while media.recv_from(&mut buffer).is_ok() {}
    media.set_nonblocking(false).expect("our socket");
    for sequence in (0..=u16::MAX).cycle() {
        if ear.over.load(Ordering::SeqCst) {
            break;
        }
        media.send_to(&rtp(8, sequence, u32::from(byte), &[byte; 160]), to).expect("loopback takes it");
        due += FRAME;
        // Listening until the next frame is the waiting.
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            media.set_read_timeout(Some(left)).expect("our socket");
            if let Ok((length, from)) = media.recv_from(&mut buffer) {
                let packet = Packet { from, at: Instant::now(), bytes: buffer[..length].to_vec() };
                ear.takes(&packet);
                heard.push(packet);
            }
        }
    }
    heard
}
