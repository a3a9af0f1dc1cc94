//! Two user agents and the network between them, in virtual time: an office phone at 10.0.0.2 and the exchange at 10.0.0.1.
//!
//! Invariant: the same seed and the same script give the same bytes at the same moments.

use crate::id::{Name, Rng};
use crate::sdp::{self, Capabilities, Description, Direction};
use crate::sip::message::{Message, Request, Response, Uri, parse};
use crate::sip::*;
use crate::time::{Duration, Moment, Now, Wall};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Index of the exchange, which has users and trunks.
pub const EXCHANGE: usize = 0;
/// Index of the phone.
pub const PHONE: usize = 1;
pub const REALM: &str = "pbx.test";
pub const PASSWORD: &str = "correct horse battery";

pub struct Side {
    pub endpoint: Endpoint,
    pub address: SocketAddr,
    pub events: Vec<Event>,
    /// Everything it has sent.
    pub sent: Vec<(Moment, Path, Vec<u8>)>,
}

pub struct Pair {
    pub sides: Vec<Side>,
    pub now: Now,
    pub transport: Transport,
    wire: BTreeMap<(Moment, u64), (usize, Path, Vec<u8>)>,
    sequence: u64,
    rng: Rng,
    /// Per mille of what is sent over UDP.
    pub loss: u32,
    pub duplication: u32,
    /// The most by which a message is late, in milliseconds.
    pub jitter: u32,
    /// Nothing gets through at all.
    pub is_cut: bool,
    /// How long the phone's calls ring.
    pub ring: Duration,
}

pub fn settings(algorithms: &[Algorithm], trunk: Option<SocketAddr>) -> Settings {
    let secret = |user: &str| UserSecret {
        ha1_md5: digest::ha1(Algorithm::Md5, user, REALM, PASSWORD),
        ha1_sha256: digest::ha1(Algorithm::Sha256, user, REALM, PASSWORD),
    };
    let listener = |transport| Listener { address: at("10.0.0.1:5060"), transport, algorithms: algorithms.to_vec() };
    Settings {
        realm: REALM.to_string(),
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        users: ["1001", "1002"].into_iter().map(|user| (Name::from(user), secret(user))).collect(),
        trunks: trunk
            .map(|trunk| TrunkSource { name: "carrier".into(), addresses: vec![trunk.ip().into()] })
            .into_iter()
            .collect(),
        registrar: RegistrarSettings::default(),
        session: SessionTimers::default(),
        told: Told::default(),
    }
}

pub fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

pub fn description(port: u16, version: u64) -> Description {
    sdp::offer(&Capabilities {
        local: SocketAddr::new(at("10.0.0.2:1").ip(), port),
        codecs: vec!["PCMA".to_string()],
        direction: Direction::SendRecv,
        session_id: 7,
        version,
    })
}

/// A call of the exchange's, with an offer and nothing else to be said of it.
pub fn outgoing(target: Uri) -> OutgoingCall {
    OutgoingCall {
        target,
        path: None,
        local: at("10.0.0.1:5060"),
        from: Party::default(),
        domain: None,
        to: Party::default(),
        sdp: Some(description(1, 1)),
        credentials: None,
        ring: Duration::from_secs(60),
        carried: Carried::default(),
        diversion_header: DiversionHeader::default(),
    }
}

impl Pair {
    /// The phone's address is a trunk's, so its calls need no digest.
    pub fn trunk(seed: u64, transport: Transport) -> Pair {
        Pair::new(seed, transport, settings(&[Algorithm::Md5], Some(at("10.0.0.2:5060"))))
    }

    /// The phone is an extension and has to prove it.
    pub fn extension(seed: u64, transport: Transport, algorithms: &[Algorithm]) -> Pair {
        Pair::new(seed, transport, settings(algorithms, None))
    }

    fn new(seed: u64, transport: Transport, exchange: Settings) -> Pair {
        // What the phone takes calls from: the exchange's address is its trunk.
        let phone = Settings {
            realm: "phone".to_string(),
            trunks: vec![TrunkSource { name: "exchange".into(), addresses: vec![at("10.0.0.1:1").ip().into()] }],
            ..Settings::default()
        };
        let side = |settings, address, seed| Side {
            endpoint: Endpoint::new(Arc::new(settings), Rng::from_seed(seed)),
            address: at(address),
            events: Vec::new(),
            sent: Vec::new(),
        };
        Pair {
            sides: vec![side(exchange, "10.0.0.1:5060", seed * 3 + 1), side(phone, "10.0.0.2:5060", seed * 3 + 2)],
            now: Now { mono: Moment::from_nanos(1_000_000_000), wall: Wall::from_unix_nanos(1_800_000_000_000_000_000) },
            transport,
            wire: BTreeMap::new(),
            sequence: 0,
            rng: Rng::from_seed(seed * 3),
            loss: 0,
            duplication: 0,
            jitter: 0,
            is_cut: false,
            ring: Duration::from_secs(60),
        }
    }

    /// The way from one side to the other, as that side sees it.
    pub fn path(&self, from: usize) -> Path {
        let connection = self.transport.is_reliable().then_some(ConnectionId(1));
        Path { transport: self.transport, local: self.sides[from].address, remote: self.sides[1 - from].address, connection }
    }

    pub fn command(&mut self, side: usize, command: Command) {
        self.input(side, Input::Command(command));
    }

    pub fn input(&mut self, side: usize, input: Input) {
        let mut out = Vec::new();
        self.sides[side].endpoint.handle(input, self.now, &mut out);
        self.take(side, out);
    }

    /// Bytes that arrive at a side from where the other is, without the other having sent them.
    pub fn inject(&mut self, side: usize, bytes: &[u8]) {
        let path = self.path(side);
        self.input(side, Input::Received { path, bytes: bytes.to_vec() });
    }

    fn take(&mut self, side: usize, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Transmit { path, bytes } => self.transmit(side, path, bytes),
                Output::Event(event) => self.sides[side].events.push(event),
                Output::Resolve { query, .. } => self.input(side, Input::Resolved { query, addresses: Vec::new() }),
                Output::Close { .. } => {}
            }
        }
    }

    fn transmit(&mut self, side: usize, path: Path, bytes: Vec<u8>) {
        assert_eq!(path.remote.ip(), self.sides[1 - side].address.ip(), "sent to nobody we know");
        self.sides[side].sent.push((self.now.mono, path, bytes.clone()));
        let is_lossy = !path.transport.is_reliable();
        if self.is_cut || (is_lossy && self.rng.chance(self.loss)) {
            return;
        }
        let copies = 1 + u32::from(is_lossy && self.rng.chance(self.duplication));
        let arrives_by = self.path(1 - side);
        for _ in 0..copies {
            let late = if is_lossy { self.rng.below(self.jitter + 1) } else { 0 };
            self.sequence += 1;
            let moment = self.now.mono + Duration::from_millis(u64::from(10 + late));
            self.wire.insert((moment, self.sequence), (1 - side, arrives_by, bytes.clone()));
        }
    }

    /// Moves the clock to whatever comes next, unless that is after `until`.
    fn step(&mut self, until: Moment) -> bool {
        let timers = self.sides.iter().filter_map(|side| side.endpoint.poll_timeout());
        let arrival = self.wire.first_key_value().map(|((moment, _), _)| *moment);
        let Some(next) = timers.chain(arrival).min().filter(|next| *next <= until) else { return false };
        self.move_to(next);
        if arrival == Some(next)
            && let Some((_, (side, path, bytes))) = self.wire.pop_first()
        {
            self.input(side, Input::Received { path, bytes });
        }
        for side in 0..self.sides.len() {
            if self.sides[side].endpoint.poll_timeout().is_some_and(|deadline| deadline <= self.now.mono) {
                let mut out = Vec::new();
                self.sides[side].endpoint.handle_timeout(self.now, &mut out);
                self.take(side, out);
            }
        }
        true
    }

    fn move_to(&mut self, moment: Moment) {
        let elapsed = moment.since(self.now.mono);
        self.now = Now { mono: self.now.mono + elapsed, wall: self.now.wall + elapsed };
    }

    pub fn run(&mut self, duration: Duration) {
        let until = self.now.mono + duration;
        while self.step(until) {}
        self.move_to(until);
    }

    /// Until nothing is under way (a binding, which may last an hour, does not count): at most ten minutes.
    pub fn settle(&mut self) {
        let until = self.now.mono + Duration::from_secs(600);
        while !self.is_still() && self.step(until) {}
    }

    pub fn is_still(&self) -> bool {
        let busy = |census: Census| census.timers > census.bindings || census.dialogs > 0;
        self.wire.is_empty() && !self.sides.iter().any(|side| busy(side.endpoint.census()))
    }

    pub fn check_that_nothing_is_left(&self) {
        for side in &self.sides {
            let census = side.endpoint.census();
            assert_eq!(census, Census { bindings: census.bindings, timers: census.bindings, ..Census::default() });
        }
    }

    // ---- Scripts.

    /// The phone calls a number at the exchange; the dialog at its side.
    pub fn dial(&mut self, from: &str, number: &str, sdp: Option<Description>) -> DialogId {
        let dialog = self.sides[PHONE].endpoint.reserve();
        let call = OutgoingCall {
            path: Some(self.path(PHONE)),
            local: self.sides[PHONE].address,
            from: Party { display: "Ann".to_string(), user: from.to_string() },
            to: Party { display: String::new(), user: number.to_string() },
            sdp,
            credentials: Some(Credentials::new(from, PASSWORD)),
            ring: self.ring,
            ..outgoing(Uri::sip(number, "10.0.0.1", Some(5060)))
        };
        self.command(PHONE, Command::Invite { dialog, call: Box::new(call) });
        dialog
    }

    /// The phone calls and the exchange answers; the dialog at each side, the exchange's first.
    pub fn connect(&mut self) -> (DialogId, DialogId) {
        let ours = self.dial("600100200", "100", Some(description(4000, 1)));
        self.run(Duration::from_millis(50));
        let theirs = self.incoming(EXCHANGE);
        self.command(EXCHANGE, Command::Accept { dialog: theirs, sdp: description(5000, 1) });
        self.run(Duration::from_millis(50));
        assert!(matches!(self.last(EXCHANGE), Event::Confirmed { .. }), "{:?}", self.sides[EXCHANGE].events);
        assert!(matches!(self.last(PHONE), Event::Accepted { sdp: Some(_), .. }), "{:?}", self.sides[PHONE].events);
        (theirs, ours)
    }

    /// The dialog of the last call that came in.
    pub fn incoming(&self, side: usize) -> DialogId {
        let invite = |event: &Event| match event {
            Event::Invite { dialog, .. } => Some(*dialog),
            _ => None,
        };
        self.sides[side]
            .events
            .iter()
            .rev()
            .find_map(invite)
            .unwrap_or_else(|| panic!("no call: {:?}", self.sides[side].events))
    }

    pub fn last(&self, side: usize) -> &Event {
        self.sides[side].events.last().expect("an event")
    }

    pub fn endings(&self, side: usize) -> Vec<(DialogId, Ending)> {
        let ending = |event: &Event| match event {
            Event::Ended { dialog, ending } => Some((*dialog, ending.clone())),
            _ => None,
        };
        self.sides[side].events.iter().filter_map(ending).collect()
    }

    /// Start lines of what a side has sent, the method or the code alone.
    pub fn said(&self, side: usize) -> Vec<String> {
        let word = |bytes: &Vec<u8>| match read(bytes) {
            Message::Request(request) => request.method.to_string(),
            Message::Response(response) => response.status.to_string(),
            Message::KeepAlive => String::new(),
        };
        self.sides[side].sent.iter().map(|(_, _, bytes)| word(bytes)).collect()
    }

    /// The last response that a side has sent.
    pub fn response(&self, side: usize) -> Response {
        let response = |bytes: &Vec<u8>| match read(bytes) {
            Message::Response(response) => Some(response),
            _ => None,
        };
        self.sides[side].sent.iter().rev().find_map(|(_, _, bytes)| response(bytes)).expect("a response")
    }

    /// The last request of that method that a side has sent.
    pub fn request(&self, side: usize, method: &str) -> Request {
        let request = |bytes: &Vec<u8>| match read(bytes) {
            Message::Request(request) if request.method.as_str() == method => Some(request),
            _ => None,
        };
        self.sides[side].sent.iter().rev().find_map(|(_, _, bytes)| request(bytes)).expect("a request")
    }
}

pub fn read(bytes: &[u8]) -> Message {
    parse(bytes).expect("what we print can be read")
}
