//! A plain SIP line of our own: bytes out, messages in, over UDP or TCP. It knows no transactions, so that a test can do
//! what no phone would; it shares no code with the exchange.

use md5::{Digest, Md5};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(5);

pub enum Line {
    Udp { socket: UdpSocket, peer: SocketAddr },
    Tcp { stream: TcpStream, waiting: Vec<u8>, closed: bool },
}

impl Line {
    pub fn udp(local: &str, peer: SocketAddr) -> Line {
        let socket = UdpSocket::bind((local, 0)).expect("a loopback port");
        Line::Udp { socket, peer }
    }

    pub fn tcp(local: &str, peer: SocketAddr) -> Line {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let address: IpAddr = local.parse().expect("an address");
        socket.bind(&SocketAddr::from((address, 0)).into()).expect("a loopback port");
        socket.connect(&peer.into()).expect("the exchange listens on TCP");
        socket.set_tcp_nodelay(true).expect("our socket");
        Line::Tcp { stream: socket.into(), waiting: Vec::new(), closed: false }
    }

    pub fn local(&self) -> SocketAddr {
        match self {
            Line::Udp { socket, .. } => socket.local_addr(),
            Line::Tcp { stream, .. } => stream.local_addr(),
        }
        .expect("bound")
    }

    pub fn transport(&self) -> &'static str {
        if matches!(self, Line::Udp { .. }) { "UDP" } else { "TCP" }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match self {
            Line::Udp { socket, peer } => drop(socket.send_to(bytes.as_ref(), *peer).expect("loopback takes it")),
            // The exchange may have closed; then there is nobody to tell, and `receive` shows it.
            Line::Tcp { stream, .. } => drop(stream.write_all(bytes.as_ref())),
        }
    }

    /// The next message, when one comes before `until`.
    pub fn receive(&mut self, until: Instant) -> Option<Message> {
        loop {
            if let Line::Tcp { waiting, closed, .. } = self {
                if let Some(message) = cut(waiting) {
                    return Some(message);
                }
                if *closed {
                    return None;
                }
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let mut buffer = vec![0; 70_000];
            match self {
                Line::Udp { socket, .. } => {
                    socket.set_read_timeout(Some(left)).expect("our socket");
                    if let Ok(length) = socket.recv(&mut buffer) {
                        return Some(Message::read(&buffer[..length]));
                    }
                }
                Line::Tcp { stream, waiting, closed } => {
                    stream.set_read_timeout(Some(left)).expect("our socket");
                    match stream.read(&mut buffer) {
                        Ok(0) => *closed = true,
                        Ok(length) => waiting.extend_from_slice(&buffer[..length]),
                        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                        Err(_) => *closed = true,
                    }
                }
            }
        }
    }

    /// The next message for which `wanted` holds, within `limit`; others are passed over.
    pub fn expect(&mut self, limit: Duration, mut wanted: impl FnMut(&Message) -> bool) -> Option<Message> {
        let until = Instant::now() + limit;
        loop {
            let message = self.receive(until)?;
            if wanted(&message) {
                return Some(message);
            }
        }
    }

    /// Whether the other side closes the stream within `limit`.
    pub fn closes(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.receive(until).is_some() {}
        matches!(self, Line::Tcp { closed: true, .. })
    }
}

/// Cuts one whole message off the front of a stream.
fn cut(waiting: &mut Vec<u8>) -> Option<Message> {
    let head = waiting.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let length: usize =
        Message::read(&waiting[..head]).header("Content-Length").and_then(|value| value.parse().ok()).unwrap_or(0);
    if waiting.len() < head + length {
        return None;
    }
    Some(Message::read(&waiting.drain(..head + length).collect::<Vec<u8>>()))
}

/// A message that came, as text.
#[derive(Debug, Clone)]
pub struct Message {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Message {
    pub fn read(bytes: &[u8]) -> Message {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.as_str(), ""));
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        Message { start, headers: headers.collect(), body: body.to_owned() }
    }

    /// 0 for a request.
    pub fn status(&self) -> u16 {
        self.start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    }

    /// The first header of this name; Call-ID also in its compact form.
    pub fn header(&self, name: &str) -> Option<&str> {
        let compact = if name == "Call-ID" { "i" } else { name };
        let named = |known: &str| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(compact);
        self.headers.iter().find(|(known, _)| named(known)).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// A final response to a request of this method.
    pub fn answers(&self, method: &str) -> bool {
        self.status() >= 200 && self.header("CSeq").is_some_and(|cseq| cseq.ends_with(method))
    }

    pub fn is_request(&self, method: &str) -> bool {
        self.start.starts_with(&format!("{method} "))
    }

    /// The tag in this header.
    pub fn tag(&self, name: &str) -> &str {
        let tag = self.header(name).and_then(|value| value.split_once(";tag=")).map(|(_, tag)| tag);
        tag.unwrap_or_default().split(';').next().unwrap_or_default()
    }

    /// The 200 to a request that the exchange sent us.
    pub fn ok(&self) -> String {
        self.answered_by("200 OK", "", "", "")
    }

    /// An answer to a request that the exchange sent us, with this tag where it has none.
    pub fn answered_by(&self, status: &str, tag: &str, headers: &str, body: &str) -> String {
        let mut reply = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.all(name) {
                reply += &format!("{name}: {value}");
                if name == "To" && !tag.is_empty() && !value.contains(";tag=") {
                    reply += &format!(";tag={tag}");
                }
                reply += "\r\n";
            }
        }
        reply + &format!("{headers}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// The value of `Replaces`: a Call-ID, the exchange's tag and ours.
pub fn named(id: &str, theirs: &str, ours: &str) -> String {
    format!("{id};to-tag={theirs};from-tag={ours}")
}

/// What identifies one call (or one registration) on the wire, and writes its requests.
#[derive(Debug, Clone)]
pub struct Call {
    user: String,
    uri: String,
    to: String,
    local: SocketAddr,
    transport: &'static str,
    pub id: String,
    branch: u32,
    cseq: u32,
    tag: String,
    to_tag: String,
    target: Option<String>,
}

/// Enough for a call without sound: the port is ours and nobody listens.
fn offer(local: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n",
        ip = local.ip()
    )
}

impl Call {
    pub fn new(line: &Line, user: &str, extension: &str, exchange: SocketAddr) -> Call {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Call {
            user: user.to_owned(),
            uri: format!("sip:{extension}@{exchange}"),
            to: format!("<sip:{extension}@{exchange}>"),
            local: line.local(),
            transport: line.transport(),
            id: format!("{number}-{}-{}", std::process::id(), line.local()),
            branch: number << 8,
            cseq: 0,
            tag: format!("f{number:x}"),
            to_tag: String::new(),
            target: None,
        }
    }

    /// The call that came by this INVITE and was taken with this tag, as we see it.
    pub fn taken(line: &Line, invite: &Message, tag: &str, exchange: SocketAddr) -> Call {
        let party = |name: &str| invite.header(name).unwrap_or_default().split([';', '>']).next().unwrap_or_default();
        let user = party("To").split([':', '@']).nth(1).unwrap_or_default();
        Call {
            to: format!("{}>", party("From")),
            id: invite.header("Call-ID").unwrap_or_default().to_owned(),
            tag: tag.to_owned(),
            to_tag: format!(";tag={}", invite.tag("From")),
            target: Some(party("Contact").trim_start_matches('<').to_owned()),
            ..Call::new(line, user, "", exchange)
        }
    }

    pub fn invite(&mut self, credentials: Option<&str>) -> String {
        self.offering(&offer(self.local), credentials)
    }

    /// An INVITE with this description; within the dialog once there is one.
    pub fn offering(&mut self, description: &str, credentials: Option<&str>) -> String {
        self.cseq += 1;
        self.branch += 1;
        let contact = format!(
            "Contact: <sip:{}@{};transport={}>\r\nContent-Type: application/sdp\r\n",
            self.user,
            self.local,
            self.transport.to_lowercase()
        );
        let target = self.target.clone().unwrap_or_else(|| self.uri.clone());
        self.request("INVITE", &target, &format!("{contact}{}", credentials.unwrap_or_default()), description)
    }

    pub fn register(&mut self, credentials: Option<&str>, expires: u32) -> String {
        self.cseq += 1;
        self.branch += 1;
        let registrar = self.registrar();
        self.to = format!("<sip:{}@{}>", self.user, registrar.trim_start_matches("sip:"));
        let contact = format!("Contact: <sip:{}@{}>\r\nExpires: {expires}\r\n", self.user, self.local);
        self.request("REGISTER", &registrar, &format!("{contact}{}", credentials.unwrap_or_default()), "")
    }

    /// Registers for ten minutes with this password; the status of the last answer.
    pub fn registers(&mut self, line: &mut Line, password: &str) -> u16 {
        line.send(self.register(None, 600));
        let challenge = line.expect(SOON, |message| message.answers("REGISTER")).expect("a challenge");
        assert_eq!(challenge.status(), 401, "{challenge:?}");
        let credentials = self.credentials("REGISTER", &challenge, password);
        line.send(self.register(Some(&credentials), 600));
        line.expect(SOON, |message| message.answers("REGISTER")).expect("an answer").status()
    }

    /// The same branch and number as the INVITE, as RFC 3261 section 9.1 wants.
    pub fn cancel(&self) -> String {
        self.request("CANCEL", &self.uri, "", "")
    }

    /// Takes in what an answer says of the dialog, and acknowledges it.
    pub fn ack(&mut self, answer: &Message) -> String {
        self.to_tag =
            answer.header("To").and_then(|to| to.split_once(";tag=")).map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default();
        if answer.status() < 300 {
            self.branch += 1;
            self.target = answer.header("Contact").and_then(|contact| contact.split(['<', '>']).nth(1)).map(str::to_owned);
        }
        let target = self.target.clone().unwrap_or_else(|| self.uri.clone());
        let ack = self.request("ACK", &target, "", "");
        // Within a call, what was refused ends nothing.
        if answer.status() >= 300 && self.target.is_none() {
            self.to_tag.clear();
        }
        ack
    }

    pub fn bye(&mut self) -> String {
        self.inside("BYE", "", "")
    }

    /// Asks to be told what an event package (`dialog`, RFC 4235; `message-summary`, RFC 3842) says of whom this is addressed to.
    pub fn subscribe(&mut self, package: &str, credentials: Option<&str>) -> String {
        self.cseq += 1;
        self.branch += 1;
        let contact = format!("Contact: <sip:{}@{}>\r\n", self.user, self.local);
        let wants = format!("Event: {package}\r\nExpires: 300\r\n");
        self.request("SUBSCRIBE", &self.uri, &format!("{contact}{wants}{}", credentials.unwrap_or_default()), "")
    }

    /// One key, as phones without RFC 4733 send it.
    pub fn info(&mut self, key: char) -> String {
        let body = format!("Signal={key}\r\nDuration=100\r\n");
        self.inside("INFO", "Content-Type: application/dtmf-relay\r\n", &body)
    }

    /// A request within the call.
    pub fn inside(&mut self, method: &str, headers: &str, body: &str) -> String {
        self.cseq += 1;
        self.branch += 1;
        let target = self.target.clone().unwrap_or_else(|| self.uri.clone());
        self.request(method, &target, headers, body)
    }

    /// What names the call to whoever is to take our place in it (RFC 3891).
    pub fn name(&self) -> String {
        named(&self.id, self.to_tag.trim_start_matches(";tag="), &self.tag)
    }

    pub fn options(&mut self) -> String {
        self.cseq += 1;
        self.branch += 1;
        self.request("OPTIONS", &self.uri, "", "")
    }

    /// `Authorization: ...` for a challenge, as RFC 7616 computes it with MD5 and qop=auth.
    pub fn credentials(&self, method: &str, challenge: &Message, password: &str) -> String {
        let all = challenge.all("WWW-Authenticate");
        let challenge = all.iter().find(|challenge| !challenge.contains("SHA-256")).expect("a challenge for MD5");
        let part = |name: &str| {
            let at = challenge.find(&format!("{name}=")).unwrap_or_else(|| panic!("{name} in {challenge}")) + name.len() + 1;
            challenge[at..].split(',').next().unwrap_or_default().trim().trim_matches('"').to_owned()
        };
        let (realm, nonce) = (part("realm"), part("nonce"));
        let uri = if method == "REGISTER" { self.registrar() } else { self.uri.clone() };
        let secret = md5(&format!("{}:{realm}:{password}", self.user));
        let response = md5(&format!("{secret}:{nonce}:00000001:c0ffee:auth:{}", md5(&format!("{method}:{uri}"))));
        format!(
            "Authorization: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm=MD5, cnonce=\"c0ffee\", nc=00000001, qop=auth\r\n",
            self.user
        )
    }

    fn registrar(&self) -> String {
        format!("sip:{}", self.uri.rsplit('@').next().unwrap_or_default())
    }

    fn request(&self, method: &str, uri: &str, extra: &str, body: &str) -> String {
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bK{:x}-{};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{}@{}>;tag={}\r\nTo: {}{}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            self.transport,
            self.local,
            self.branch,
            std::process::id(),
            self.user,
            self.uri.rsplit('@').next().unwrap_or_default(),
            self.tag,
            self.to,
            self.to_tag,
            self.id,
            self.cseq,
            body.len()
        )
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
