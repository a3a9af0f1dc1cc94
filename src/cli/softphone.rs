//! The doors of a softphone: a socket for SIP, one for each call's audio, and the clock; `phone` decides what goes through them.
//!
//! ```text
//!   SIP socket  <-->  phone::Phone  <-->  whoever drives it: dial, answer, play, press, hold
//!   RTP sockets <-->  phone::Talk    -->  Happening: rings, hears "welcome", said, over
//! ```
//!
//! Several phones may wait on one [`Epoll`]. Invariant: nothing here waits, so each is asked for its [`Softphone::turn`] when the
//! epoll tells something, or when its time has come.

use crate::audio::Clip;
use crate::id::Rng;
use crate::phone::{Action, AudioOffer, Command, Event, Memory, Phone, Report, Sensation, Settings, Talk};
use crate::shell::sys::clock;
use crate::shell::sys::epoll::Epoll;
use crate::sip::{self, Credentials, DialogId, Ending, Input, Status, Transport};
use crate::time::{Duration, Moment, Now};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// A datagram longer than this is cut, and then no SIP message any more.
const LONGEST_DATAGRAM: usize = 65_535;
/// Datagrams taken from one socket in one turn: the others wait for the next.
const AT_ONCE: usize = 64;
/// The codecs that it speaks, the one of Europe first.
const CODECS: [&str; 2] = ["PCMA", "PCMU"];

/// Whose phone it is, and of which exchange.
pub struct Account {
    pub server: SocketAddr,
    pub user: String,
    pub display: String,
    /// A trunk's side has none.
    pub password: Option<String>,
    /// The host part of addresses; the server's address when there is none.
    pub domain: Option<String>,
    /// Where the phone listens; an address of this machine from which the server can be reached when there is none.
    pub local: Option<SocketAddr>,
    pub expires: Duration,
}

/// What happened at a phone.
pub enum Happening {
    Report(Report),
    /// On the audio of a call.
    Sensed(Sensation),
    /// The call is over, and this is all that was heard in it, at 8 kHz.
    Over {
        line: DialogId,
        ending: Ending,
        tape: Vec<i16>,
    },
}

pub struct Softphone {
    phone: Phone,
    socket: UdpSocket,
    path: sip::Path,
    calls: BTreeMap<DialogId, Call>,
    memory: Arc<Memory>,
    rng: Rng,
    /// What the phone wants of the world, in order.
    actions: Vec<Action>,
}

struct Call {
    socket: UdpSocket,
    talk: Talk,
}

impl Softphone {
    /// Binds the SIP socket. The error is a sentence.
    pub fn open(account: Account, memory: Arc<Memory>, epoll: &Epoll) -> Result<Softphone, String> {
        let local = match account.local {
            Some(local) => local,
            None => way_to(account.server)
                .map_err(|fault| format!("could not find a way to {}: {}", account.server, plain(&fault)))?,
        };
        let socket = bind(local, epoll).map_err(|fault| format!("could not listen on {local}: {}", plain(&fault)))?;
        let local = socket.local_addr().map_err(|fault| format!("could not listen on {local}: {}", plain(&fault)))?;
        let path = sip::Path { transport: Transport::Udp, local, remote: account.server, connection: None };
        let bits = clock::entropy().map_err(|fault| format!("the system gives no random numbers: {fault}"))?;
        let mut rng = Rng::from_entropy(bits);
        let settings = Settings {
            exchange: path,
            domain: account.domain.unwrap_or_else(|| host(account.server.ip())),
            credentials: account.password.map(|password| Credentials::new(&account.user, &password)),
            user: account.user,
            display: account.display,
            follows_domain: false,
            expires: account.expires,
            ring: Duration::from_secs(180),
            considers: Duration::ZERO,
        };
        let mut seed = [0; 32];
        rng.fill(&mut seed);
        let phone = Phone::new(settings, Rng::from_entropy(seed));
        Ok(Softphone { phone, socket, path, calls: BTreeMap::new(), memory, rng, actions: Vec::new() })
    }

    /// Where it listens for SIP.
    pub fn address(&self) -> SocketAddr {
        self.path.local
    }

    pub fn register(&mut self, on: bool) {
        self.command(if on { Command::Register } else { Command::Unregister });
    }

    pub fn dial(&mut self, number: &str, epoll: &Epoll) -> Result<DialogId, String> {
        let line = self.phone.reserve();
        let audio = self.open_audio(line, epoll)?;
        self.command(Command::Dial { line, number: number.into(), audio, delayed: false });
        Ok(line)
    }

    pub fn answer(&mut self, line: DialogId, epoll: &Epoll) -> Result<(), String> {
        let audio = self.open_audio(line, epoll)?;
        self.command(Command::Answer { line, audio });
        Ok(())
    }

    pub fn refuse(&mut self, line: DialogId, status: Status) {
        self.command(Command::Refuse { line, status });
    }

    pub fn hang_up(&mut self, line: DialogId) {
        self.command(Command::Hangup { line });
    }

    pub fn hold(&mut self, line: DialogId, on: bool) {
        self.command(Command::Hold { line, on });
    }

    /// In the audio where the other side takes it, otherwise by INFO.
    pub fn press(&mut self, line: DialogId, digit: char) {
        if !self.calls.get_mut(&line).is_some_and(|call| call.talk.press(digit)) {
            self.command(Command::Digit { line, digit });
        }
    }

    pub fn play(&mut self, line: DialogId, clip: Arc<Clip>) {
        if let Some(call) = self.calls.get_mut(&line) {
            call.talk.play(clip);
        }
    }

    /// A person at the telephone says this and hears that, at 8 kHz.
    pub fn live(&mut self, line: DialogId, said: &[i16], now: Moment, heard: &mut Vec<i16>) {
        if let Some(call) = self.calls.get_mut(&line) {
            call.talk.live(said, now, heard);
        }
    }

    /// When it next wants a turn: at once when it was told to do something.
    pub fn wakes(&self) -> Option<Moment> {
        if !self.actions.is_empty() {
            return Some(Moment::ZERO);
        }
        let audio = self.calls.values().filter_map(|call| call.talk.poll_timeout());
        audio.chain(self.phone.poll_timeout()).min()
    }

    /// Takes what has come, does what is due, sends what there is to send.
    pub fn turn(&mut self, now: Now, out: &mut Vec<Happening>) {
        let mut buffer = vec![0; LONGEST_DATAGRAM];
        for _ in 0..AT_ONCE {
            let Some((length, from)) = take(&self.socket, &mut buffer) else { break };
            let path = sip::Path { remote: from, ..self.path };
            let input = Input::Received { path, bytes: buffer[..length].to_vec() };
            self.phone.handle(Event::Sip(input), now, &mut self.actions);
        }
        if self.phone.poll_timeout().is_some_and(|due| due <= now.mono) {
            self.phone.handle_timeout(now, &mut self.actions);
        }
        self.carry_out(now, out);
        for call in self.calls.values_mut() {
            let mut sensed = Vec::new();
            for _ in 0..AT_ONCE {
                let Some((length, _)) = take(&call.socket, &mut buffer) else { break };
                call.talk.receive(&buffer[..length], now.mono, &mut sensed);
            }
            if let Some((to, packet)) = call.talk.handle_timeout(now.mono, &mut sensed) {
                // As on any network, a packet that could not be sent is a packet that is lost.
                let _ = call.socket.send_to(&packet, to);
            }
            out.extend(sensed.into_iter().map(Happening::Sensed));
        }
    }

    fn command(&mut self, command: Command) {
        self.phone.handle(Event::Command(command), clock::now(), &mut self.actions);
    }

    fn carry_out(&mut self, now: Now, out: &mut Vec<Happening>) {
        // What is answered at once may lead to more; a name that leads nowhere ends its call, so this ends too.
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                match action {
                    Action::Transmit { path, bytes } => {
                        if path.transport != Transport::Udp || self.socket.send_to(&bytes, path.remote).is_err_and(is_final) {
                            self.phone.handle(Event::Sip(Input::Unreachable { path }), now, &mut self.actions);
                        }
                    }
                    // It speaks UDP to one exchange, and looks no names up.
                    Action::CloseConnection { .. } => {}
                    Action::Resolve { query, .. } => {
                        let input = Input::Resolved { query, addresses: Vec::new() };
                        self.phone.handle(Event::Sip(input), now, &mut self.actions);
                    }
                    Action::Report(report) => self.report(report, now, out),
                }
            }
        }
    }

    fn report(&mut self, report: Report, now: Now, out: &mut Vec<Happening>) {
        match report {
            Report::Audio { line, ref agreed, .. } => {
                if let Some(call) = self.calls.get_mut(&line) {
                    call.talk.agree(agreed.clone(), now.mono);
                }
                out.push(Happening::Report(report));
            }
            Report::Ended { line, ending } => {
                let tape = self.calls.remove(&line).map(|call| call.talk.tape().to_vec()).unwrap_or_default();
                out.push(Happening::Over { line, ending, tape });
            }
            report => out.push(Happening::Report(report)),
        }
    }

    /// A socket for the audio of one call, beside the one for SIP.
    fn open_audio(&mut self, line: DialogId, epoll: &Epoll) -> Result<AudioOffer, String> {
        let bound = bind(SocketAddr::new(self.path.local.ip(), 0), epoll).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|fault| format!("could not get a port for the audio: {}", plain(&fault)))?;
        self.calls.insert(line, Call { socket, talk: Talk::new(self.memory.clone(), &mut self.rng) });
        Ok(AudioOffer { local, codecs: CODECS.map(String::from).to_vec() })
    }
}

/// Waits until something comes for one of the phones, or one of them is due, or `until`.
pub fn wait(epoll: &mut Epoll, phones: &[&Softphone], until: Option<Moment>) -> Result<(), String> {
    let next = phones.iter().filter_map(|phone| phone.wakes()).chain(until).min();
    let timeout = next.map(|next| next.since(clock::now().mono));
    epoll.wait(timeout).map(|_| ()).map_err(|fault| format!("could not wait: {fault}"))
}

fn bind(local: SocketAddr, epoll: &Epoll) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    epoll.add(socket.as_raw_fd(), 0)?;
    Ok(socket)
}

/// The address of ours from which the server is reached.
fn way_to(server: SocketAddr) -> io::Result<SocketAddr> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    // Sends nothing: it only asks the system which way it would go.
    socket.connect(server)?;
    Ok(SocketAddr::new(socket.local_addr()?.ip(), 0))
}

fn take(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    // Errors of a UDP socket are about packets sent before, and go away by being read.
    socket.recv_from(buffer).ok()
}

/// Not "try again": it cannot be sent there.
fn is_final(fault: io::Error) -> bool {
    !matches!(fault.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused)
}

/// As it stands in an address: IPv6 in brackets.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn plain(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::AddrInUse => "something else listens there already".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => fault.to_string(),
    }
}
